// Watermark generation for bounded disorder with idleness, per split, and the combination over a
// task's splits (SEMANTICS 5 with Departures: idle detection on, three statuses). Pure: the caller
// gives the clock.
#pragma once

#include <stdbool.h>

#include "core/base/mem.h"
#include "core/time/status.h"

enum tm_split_status { TM_SPLIT_UNOPENED, TM_SPLIT_ACTIVE, TM_SPLIT_IDLE, TM_SPLIT_FINISHED };

// The splits of one source subtask. The source sets statuses, the watermark operator of the same
// task adds times. An unopened split holds the watermark at MIN; a finished one never holds it.
struct tm_splits;

struct tm_splits *tm_splits_new(struct tm_mem *mem, uint32_t count) TM_WARN_UNUSED;
void tm_splits_free(struct tm_splits *splits);
uint32_t tm_splits_count(const struct tm_splits *splits);
void tm_splits_set_status(struct tm_splits *splits, uint32_t split, enum tm_split_status status);
enum tm_split_status tm_splits_status(const struct tm_splits *splits, uint32_t split);
// `max_time` is the largest event time of a batch of this split: its watermark becomes at least
// max_time - disorder_ms - 1.
void tm_splits_advance(struct tm_splits *splits, uint32_t split, int64_t max_time,
                       int64_t disorder_ms);
// The lowest of the splits that are read: TM_WATERMARK_MIN: none has begun; MAX: none is left, or
// all are idle.
int64_t tm_splits_front(const struct tm_splits *splits);
// tm_splits_lowest gives no split above it. At first TM_WATERMARK_MAX.
void tm_splits_set_limit(struct tm_splits *splits, int64_t limit);
// The split's watermark becomes at least `watermark`.
void tm_splits_raise(struct tm_splits *splits, uint32_t split, int64_t watermark);
int64_t tm_splits_watermark(const struct tm_splits *splits, uint32_t split);
// The active split with the lowest watermark among those `ready` says can be read (NULL: all), or
// -1. Ties: the one served longest ago. O(log n) or better.
int32_t tm_splits_lowest(struct tm_splits *splits, bool (*ready)(void *arg, uint32_t split),
                         void *arg);
// The same, where rows of `split` are still under way though it may have been read to its end.
int64_t tm_splits_combined_with(const struct tm_splits *splits, uint32_t split);
// The clock, for `since_ns` below: mono, from time to time.
void tm_splits_tell_time(struct tm_splits *splits, int64_t now_ns);
// The split that holds the combined watermark back: one that is unopened, else the lowest active
// one. -1: none. *since_ns: when its watermark or status has changed last.
int32_t tm_splits_holder(const struct tm_splits *splits, int64_t *since_ns);
// The combined watermark (min over active and unopened; all idle: max over idle; all finished: MAX)
// and status.
int64_t tm_splits_combined(const struct tm_splits *splits, enum tm_channel_status *status);

// The watermark operator's state for one task: emits only increases; idle after `idle_ms` without
// rows (0: never).
struct tm_watermark_generator {
    int64_t disorder_ms, idle_ms;
    int64_t max_time;    // of a stream without splits
    int64_t emitted;     // last watermark sent
    int64_t last_row_ns; // mono
    enum tm_channel_status status;
};
void tm_watermark_init(struct tm_watermark_generator *g, int64_t disorder_ms, int64_t idle_ms,
                       int64_t now_ns);

// The watermark of a stream whose largest event time so far is max_time: no row at or below it is
// expected any more. Saturates at TM_WATERMARK_MIN; disorder_ms >= 0.
static inline int64_t tm_watermark_of(int64_t max_time, int64_t disorder_ms)
{
    int64_t watermark;

    if (__builtin_sub_overflow(max_time, disorder_ms, &watermark) ||
        __builtin_sub_overflow(watermark, 1, &watermark))
        return TM_WATERMARK_MIN;
    return watermark;
}
