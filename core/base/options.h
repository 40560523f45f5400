// Options of connectors and formats: a table describes them, a set of values is checked against it.
// The table is the single source of names, types, defaults and reference text.
#pragma once

#include "core/base/mem.h"

enum tm_option_type {
    TM_OPTION_STRING,
    TM_OPTION_BOOL,
    TM_OPTION_INT,
    TM_OPTION_DOUBLE,
    TM_OPTION_DURATION, // ms; text or number
    TM_OPTION_SIZE,     // bytes; text or number
};

struct tm_option_def {
    const char *name;
    enum tm_option_type type;
    bool required;
    const char *fallback; // default as text, NULL: none
    const char *doc;      // one line
    const char *choices;  // "a|b|c" for strings, else NULL
};

struct tm_option_value {
    const char *name;
    enum tm_option_type type; // STRING, BOOL, INT or DOUBLE as given; typed by tm_options_check
    const char *text;
    int64_t integer; // also bool, duration (ms), size (bytes)
    double number;
};

// Values by name; grows; owns its strings.
struct tm_options {
    struct tm_mem *mem;
    struct tm_option_value *values;
    uint32_t count, capacity;
};

void tm_options_init(struct tm_options *o, struct tm_mem *mem);
void tm_options_fini(struct tm_options *o);
int tm_options_set_string(struct tm_options *o, const char *name, const char *text);
int tm_options_set_int(struct tm_options *o, const char *name, int64_t value);
int tm_options_set_double(struct tm_options *o, const char *name, double value);
int tm_options_set_bool(struct tm_options *o, const char *name, bool value);
// Everything that `from` has, as it was given or typed.
int tm_options_copy(struct tm_options *to, const struct tm_options *from) TM_WARN_UNUSED;
// Check against `defs` (ends with a NULL name): unknown name (with the nearest), wrong type,
// missing; fills defaults. `what` names the owner in messages: "tm.file".
int tm_options_check(struct tm_options *o, const struct tm_option_def *defs, const char *what,
                     struct tm_error *err) TM_WARN_UNUSED;
// NULL when absent.
const struct tm_option_value *tm_options_get(const struct tm_options *o, const char *name);
const char *tm_options_text(const struct tm_options *o, const char *name);
int64_t tm_options_integer(const struct tm_options *o, const char *name, int64_t fallback);
double tm_options_number(const struct tm_options *o, const char *name, double fallback);
