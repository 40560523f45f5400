// The watermark valve: merges watermarks and statuses of the channels of a task (SEMANTICS 6, with
// the third status). Pure: no clock, no memory beyond what init took.
#pragma once

#include "core/base/mem.h"
#include "core/time/status.h"

struct tm_valve;

struct tm_valve_output {
    bool watermark_moved; // emit `watermark` first
    int64_t watermark;
    bool status_changed; // then `status`
    enum tm_channel_status status;
};

struct tm_valve *tm_valve_new(struct tm_mem *mem, uint32_t channels) TM_WARN_UNUSED;
void tm_valve_free(struct tm_valve *valve);
// Before anything else: it begins where an earlier valve had come to. Each channel holds it there
// until it has told a higher watermark, but for those that were behind: they hold nothing until
// they have caught up.
void tm_valve_begin_at(struct tm_valve *valve, int64_t watermark);
void tm_valve_begin_behind(struct tm_valve *valve, uint32_t channel);
// Has the output gone on without it?
bool tm_valve_is_behind(const struct tm_valve *valve, uint32_t channel);
struct tm_valve_output tm_valve_watermark(struct tm_valve *valve, uint32_t channel,
                                          int64_t watermark);
struct tm_valve_output tm_valve_status(struct tm_valve *valve, uint32_t channel,
                                       enum tm_channel_status status);
int64_t tm_valve_current(const struct tm_valve *valve);
enum tm_channel_status tm_valve_output_status(const struct tm_valve *valve);
// The channel that holds the output back: the lowest of those that count; where only channels that
// lag behind the output are active, the one that needs least to count again. -1: none is active.
int32_t tm_valve_holder(const struct tm_valve *valve);
int64_t tm_valve_watermark_of(const struct tm_valve *valve, uint32_t channel);
