// The watermark valve: SEMANTICS 6. A channel is aligned while it is active and has caught up with
// what was already output; the output is the minimum over aligned channels. An idle channel holds
// nothing back; when it wakes it counts again only after it has caught up. Once no channel is
// active the best of the idle ones counts, and only when all have finished the output is MAX: a
// finished input never drives the watermark to the end while another is merely quiet.
#include "core/time/valve.h"

#include "core/base/check.h"
#include "core/time/heap.h"

struct valve_channel {
    int64_t watermark;
    enum tm_channel_status status;
};

struct tm_valve {
    struct tm_mem *mem;
    struct tm_heap aligned; // active channels at or above `current`, by watermark
    int64_t current;        // last output
    enum tm_channel_status status;
    uint32_t count, active_count, idle_count;
    struct valve_channel channels[];
};

static size_t valve_size(uint32_t channels)
{
    return sizeof(struct tm_valve) + (size_t)channels * sizeof(struct valve_channel);
}

struct tm_valve *tm_valve_new(struct tm_mem *mem, uint32_t channels)
{
    TM_CHECK(channels > 0);
    struct tm_valve *valve = tm_mem_zalloc(mem, valve_size(channels));

    if (valve == NULL)
        return NULL;
    valve->mem = mem;
    valve->count = valve->active_count = channels;
    valve->current = TM_WATERMARK_MIN;
    valve->status = TM_CHANNEL_ACTIVE;
    if (tm__time_heap_init(&valve->aligned, mem, channels) != 0) {
        tm_mem_free(mem, valve, valve_size(channels));
        return NULL;
    }
    for (uint32_t i = 0; i < channels; i++) {
        valve->channels[i].watermark = TM_WATERMARK_MIN;
        valve->channels[i].status = TM_CHANNEL_ACTIVE;
        tm__time_heap_put(&valve->aligned, i, TM_WATERMARK_MIN, 0);
    }
    return valve;
}

void tm_valve_free(struct tm_valve *valve)
{
    if (valve == NULL)
        return;
    tm__time_heap_fini(&valve->aligned);
    tm_mem_free(valve->mem, valve, valve_size(valve->count));
}

int64_t tm_valve_current(const struct tm_valve *valve)
{
    return valve->current;
}

enum tm_channel_status tm_valve_output_status(const struct tm_valve *valve)
{
    return valve->status;
}

int64_t tm_valve_watermark_of(const struct tm_valve *valve, uint32_t channel)
{
    TM_CHECK(channel < valve->count);
    return valve->channels[channel].watermark;
}

int32_t tm_valve_holder(const struct tm_valve *valve)
{
    int32_t holder = -1;

    if (valve->aligned.size > 0)
        return (int32_t)valve->aligned.entries[0].id;
    for (uint32_t i = 0; i < valve->count; i++)
        if (valve->channels[i].status == TM_CHANNEL_ACTIVE &&
            (holder < 0 || valve->channels[i].watermark > valve->channels[holder].watermark))
            holder = (int32_t)i;
    return holder;
}

void tm_valve_begin_at(struct tm_valve *valve, int64_t watermark)
{
    valve->current = watermark;
    for (uint32_t i = 0; i < valve->count; i++) {
        valve->channels[i].watermark = watermark;
        tm__time_heap_put(&valve->aligned, i, watermark, 0);
    }
}

void tm_valve_begin_behind(struct tm_valve *valve, uint32_t channel)
{
    TM_CHECK(channel < valve->count);
    valve->channels[channel].watermark = TM_WATERMARK_MIN;
    if (valve->current > TM_WATERMARK_MIN)
        tm__time_heap_remove(&valve->aligned, channel);
}

bool tm_valve_is_behind(const struct tm_valve *valve, uint32_t channel)
{
    TM_CHECK(channel < valve->count);
    const struct valve_channel *c = &valve->channels[channel];
    return c->status != TM_CHANNEL_FINISHED && c->watermark < valve->current;
}

static void move_to(struct tm_valve *valve, int64_t watermark, struct tm_valve_output *out)
{
    if (watermark > valve->current) {
        valve->current = watermark;
        out->watermark_moved = true;
        out->watermark = watermark;
    }
}

static void move_to_aligned_min(struct tm_valve *valve, struct tm_valve_output *out)
{
    if (valve->aligned.size > 0)
        move_to(valve, valve->aligned.entries[0].key, out);
}

// Rare (the last active channel left), so it looks at every channel.
static void move_to_idle_max(struct tm_valve *valve, struct tm_valve_output *out)
{
    int64_t max = TM_WATERMARK_MIN;

    for (uint32_t i = 0; i < valve->count; i++)
        if (valve->channels[i].status == TM_CHANNEL_IDLE && valve->channels[i].watermark > max)
            max = valve->channels[i].watermark;
    move_to(valve, max, out);
}

static void set_status(struct tm_valve *valve, enum tm_channel_status status,
                       struct tm_valve_output *out)
{
    if (valve->status != status) {
        valve->status = status;
        out->status_changed = true;
    }
}

static struct tm_valve_output finish_output(const struct tm_valve *valve,
                                            struct tm_valve_output out)
{
    out.watermark = valve->current;
    out.status = valve->status;
    return out;
}

struct tm_valve_output tm_valve_watermark(struct tm_valve *valve, uint32_t channel,
                                          int64_t watermark)
{
    TM_CHECK(channel < valve->count);
    struct valve_channel *c = &valve->channels[channel];
    struct tm_valve_output out = {0};

    if (c->status == TM_CHANNEL_ACTIVE && watermark > c->watermark) {
        c->watermark = watermark;
        if (watermark >= valve->current)
            tm__time_heap_put(&valve->aligned, channel, watermark, 0);
        move_to_aligned_min(valve, &out);
    }
    return finish_output(valve, out);
}

static void to_active(struct tm_valve *valve, uint32_t channel, struct tm_valve_output *out)
{
    struct valve_channel *c = &valve->channels[channel];

    valve->idle_count--;
    valve->active_count++;
    if (c->watermark >= valve->current)
        tm__time_heap_put(&valve->aligned, channel, c->watermark, 0);
    move_to_aligned_min(valve, out); // the only one that has caught up may be ahead of the output
    set_status(valve, TM_CHANNEL_ACTIVE, out);
}

static void to_idle(struct tm_valve *valve, uint32_t channel, struct tm_valve_output *out)
{
    struct valve_channel *c = &valve->channels[channel];

    tm__time_heap_remove(&valve->aligned, channel);
    valve->active_count--;
    valve->idle_count++;
    if (valve->active_count > 0) {
        move_to_aligned_min(valve, out);
        return;
    }
    // A last active channel that lagged behind the output says nothing about the others.
    if (c->watermark == valve->current)
        move_to_idle_max(valve, out);
    set_status(valve, TM_CHANNEL_IDLE, out);
}

static void to_finished(struct tm_valve *valve, uint32_t channel, bool was_active,
                        struct tm_valve_output *out)
{
    tm__time_heap_remove(&valve->aligned, channel);
    if (was_active)
        valve->active_count--;
    else
        valve->idle_count--;
    if (valve->active_count > 0) {
        move_to_aligned_min(valve, out);
    } else if (valve->idle_count > 0) {
        if (was_active)
            move_to_idle_max(valve, out);
        set_status(valve, TM_CHANNEL_IDLE, out);
    } else {
        move_to(valve, TM_WATERMARK_MAX, out);
        set_status(valve, TM_CHANNEL_FINISHED, out);
    }
}

struct tm_valve_output tm_valve_status(struct tm_valve *valve, uint32_t channel,
                                       enum tm_channel_status status)
{
    TM_CHECK(channel < valve->count);
    struct valve_channel *c = &valve->channels[channel];
    enum tm_channel_status before = c->status;
    struct tm_valve_output out = {0};

    if (before != status && before != TM_CHANNEL_FINISHED) { // finished is for ever
        c->status = status;
        if (status == TM_CHANNEL_ACTIVE)
            to_active(valve, channel, &out);
        else if (status == TM_CHANNEL_IDLE)
            to_idle(valve, channel, &out);
        else
            to_finished(valve, channel, before == TM_CHANNEL_ACTIVE, &out);
    }
    return finish_output(valve, out);
}
