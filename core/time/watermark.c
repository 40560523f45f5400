// Watermarks of a source's splits, their combination, and the start state of the watermark operator
// (SEMANTICS 5). Active splits sit in a heap by watermark, so that the one to read next and the
// combined watermark are both at its front.
#include "core/time/watermark.h"

#include "core/base/check.h"
#include "core/time/heap.h"

struct split {
    int64_t watermark;
    uint64_t turn; // when it was last served
    int64_t since_ns;
    enum tm_split_status status;
};

struct tm_splits {
    struct tm_mem *mem;
    struct tm_heap active;
    uint32_t count;
    uint32_t counts[TM_SPLIT_FINISHED + 1]; // splits by status
    uint64_t turns;                         // given so far
    int64_t now_ns, limit;
    struct split splits[];
};

static size_t splits_size(uint32_t count)
{
    return sizeof(struct tm_splits) + (size_t)count * sizeof(struct split);
}

struct tm_splits *tm_splits_new(struct tm_mem *mem, uint32_t count)
{
    struct tm_splits *splits = tm_mem_zalloc(mem, splits_size(count));

    if (splits == NULL)
        return NULL;
    splits->mem = mem;
    splits->count = count;
    splits->limit = TM_WATERMARK_MAX;
    if (tm__time_heap_init(&splits->active, mem, count) != 0) {
        tm_mem_free(mem, splits, splits_size(count));
        return NULL;
    }
    splits->counts[TM_SPLIT_UNOPENED] = count;
    for (uint32_t i = 0; i < count; i++)
        splits->splits[i].watermark = TM_WATERMARK_MIN;
    return splits;
}

void tm_splits_free(struct tm_splits *splits)
{
    if (splits == NULL)
        return;
    tm__time_heap_fini(&splits->active);
    tm_mem_free(splits->mem, splits, splits_size(splits->count));
}

uint32_t tm_splits_count(const struct tm_splits *splits)
{
    return splits->count;
}

void tm_splits_set_status(struct tm_splits *splits, uint32_t split, enum tm_split_status status)
{
    TM_CHECK(split < splits->count);
    struct split *s = &splits->splits[split];

    splits->counts[s->status]--;
    splits->counts[status]++;
    s->status = status;
    s->since_ns = splits->now_ns;
    if (status == TM_SPLIT_ACTIVE)
        tm__time_heap_put(&splits->active, split, s->watermark, s->turn);
    else
        tm__time_heap_remove(&splits->active, split);
}

enum tm_split_status tm_splits_status(const struct tm_splits *splits, uint32_t split)
{
    TM_CHECK(split < splits->count);
    return splits->splits[split].status;
}

void tm_splits_raise(struct tm_splits *splits, uint32_t split, int64_t watermark)
{
    TM_CHECK(split < splits->count);
    struct split *s = &splits->splits[split];

    if (watermark <= s->watermark)
        return;
    s->watermark = watermark;
    s->since_ns = splits->now_ns;
    if (s->status == TM_SPLIT_ACTIVE)
        tm__time_heap_put(&splits->active, split, watermark, s->turn);
}

void tm_splits_advance(struct tm_splits *splits, uint32_t split, int64_t max_time,
                       int64_t disorder_ms)
{
    tm_splits_raise(splits, split, tm_watermark_of(max_time, disorder_ms));
}

int64_t tm_splits_watermark(const struct tm_splits *splits, uint32_t split)
{
    TM_CHECK(split < splits->count);
    return splits->splits[split].watermark;
}

int64_t tm_splits_front(const struct tm_splits *splits)
{
    if (splits->active.size > 0)
        return splits->active.entries[0].key;
    return splits->counts[TM_SPLIT_UNOPENED] > 0 ? TM_WATERMARK_MIN : TM_WATERMARK_MAX;
}

void tm_splits_set_limit(struct tm_splits *splits, int64_t limit)
{
    splits->limit = limit;
}

int32_t tm_splits_lowest(struct tm_splits *splits, bool (*ready)(void *arg, uint32_t split),
                         void *arg)
{
    int64_t found = tm__time_heap_first(&splits->active, ready, arg);

    if (found < 0 || splits->splits[found].watermark > splits->limit)
        return -1;
    struct split *s = &splits->splits[found];
    s->turn = ++splits->turns;
    tm__time_heap_put(&splits->active, (uint32_t)found, s->watermark, s->turn);
    return (int32_t)found;
}

void tm_splits_tell_time(struct tm_splits *splits, int64_t now_ns)
{
    splits->now_ns = now_ns;
}

int32_t tm_splits_holder(const struct tm_splits *splits, int64_t *since_ns)
{
    int32_t holder = splits->active.size == 0 ? -1 : (int32_t)splits->active.entries[0].id;

    for (uint32_t i = 0; splits->counts[TM_SPLIT_UNOPENED] > 0 && i < splits->count; i++)
        if (splits->splits[i].status == TM_SPLIT_UNOPENED) {
            holder = (int32_t)i;
            break;
        }
    *since_ns = holder < 0 ? 0 : splits->splits[holder].since_ns;
    return holder;
}

static int64_t idle_max(const struct tm_splits *splits)
{
    int64_t max = TM_WATERMARK_MIN;

    for (uint32_t i = 0; i < splits->count; i++)
        if (splits->splits[i].status == TM_SPLIT_IDLE && splits->splits[i].watermark > max)
            max = splits->splits[i].watermark;
    return max;
}

int64_t tm_splits_combined(const struct tm_splits *splits, enum tm_channel_status *status)
{
    *status = TM_CHANNEL_ACTIVE;
    if (splits->counts[TM_SPLIT_UNOPENED] > 0)
        return TM_WATERMARK_MIN;
    if (splits->active.size > 0)
        return splits->active.entries[0].key;
    // No split at all is idle too: an empty share of the input holds nobody back and ends nothing.
    if (splits->counts[TM_SPLIT_IDLE] > 0 || splits->count == 0) {
        *status = TM_CHANNEL_IDLE;
        return idle_max(splits);
    }
    *status = TM_CHANNEL_FINISHED;
    return TM_WATERMARK_MAX;
}

int64_t tm_splits_combined_with(const struct tm_splits *splits, uint32_t split)
{
    TM_CHECK(split < splits->count);
    int64_t own = splits->splits[split].watermark;

    if (splits->counts[TM_SPLIT_UNOPENED] > 0)
        return TM_WATERMARK_MIN;
    if (splits->active.size > 0 && splits->active.entries[0].key < own)
        return splits->active.entries[0].key;
    return own;
}

void tm_watermark_init(struct tm_watermark_generator *g, int64_t disorder_ms, int64_t idle_ms,
                       int64_t now_ns)
{
    *g = (struct tm_watermark_generator){
        .disorder_ms = disorder_ms,
        .idle_ms = idle_ms,
        .max_time = TM_WATERMARK_MIN,
        .emitted = TM_WATERMARK_MIN,
        .last_row_ns = now_ns,
        .status = TM_CHANNEL_ACTIVE,
    };
}
