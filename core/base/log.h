// The log: lines on standard error, text or JSON, with level, operator and subtask where they
// apply.
#pragma once

#include "core/base/effects.h"

enum tm_log_level { TM_LOG_ERROR, TM_LOG_WARN, TM_LOG_INFO, TM_LOG_DEBUG };

struct tm_log {
    const struct tm_fx *fx;
    enum tm_log_level level;
    bool json;
    bool color;
};

// One line, whole, by one write. Any thread.
void tm_log_write(const struct tm_log *log, enum tm_log_level level, const char *fmt, ...)
    TM_PRINTF(3, 4);
// An error with code, where and hint; multi-line for people, one object in JSON.
void tm_log_error(const struct tm_log *log, const struct tm_error *err);
