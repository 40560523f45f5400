// What the tests of the general window operator share.
#pragma once

#include "core/operator/windows/windows.h"
#include "support.h"

static inline void teardown(void)
{
    lines_clear();
    check_account();
    world_free();
}

static inline struct tm__windows *windows_of(void)
{
    return (struct tm__windows *)world.op;
}

// All that waits is forgotten, and made anew from the windows of each key group.
static inline void forget_wakes(void)
{
    struct tm__windows *self = windows_of();
    uint32_t max, first, last;
    tm__windows_wakes_free(self);
    self->last_processing = INT64_MIN;
    ck_assert_int_eq(tm__windows_wakes_open(self, &world.err), 0);
    tm_state_key_groups(self->state, &max, &first, &last);
    uint32_t middle = first + (last - first) / 2;
    ck_assert_int_eq(tm__windows_wakes_enter(self, first, middle), 0);
    ck_assert_int_eq(tm__windows_wakes_enter(self, middle + 1, last), 0);
}

// The node's window; aggregates are to be used and the operator opened.
static inline void configure(struct tm_node window)
{
    world_new(TM_NODE_WINDOW, 128);
    struct tm_node *node = &world.node;
    node->window = window.window;
    node->size_ms = window.size_ms;
    node->slide_ms = window.slide_ms;
    node->offset_ms = window.offset_ms;
    node->lateness_ms = window.lateness_ms;
    node->processing = window.processing;
    node->late_side = window.late_side;
    node->trigger = window.trigger;
    use_key(USER);
}

// Counts rows in such windows.
static inline void open_counting(struct tm_node window)
{
    configure(window);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_keyed(tm_operator_window_new);
}
#define open_windows(...) open_counting((struct tm_node){__VA_ARGS__})
#define tumbling(size, ...) open_windows(.size_ms = size, .slide_ms = size, __VA_ARGS__)

// Rows of one user, which each pay 1.
static inline void rows_at(const char *user, const int64_t *times, uint32_t count)
{
    struct row rows[64];
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (struct row){.user = user, .ts = times[i], .amount = 1};
    ck_assert_int_eq(feed_rows(rows, count, lines_take), 0);
}
#define ROWS_AT(user, ...) \
    rows_at(user, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / 8)

// Counts the rows of sessions; a1 is what the first to arrive paid.
static inline void session(int64_t gap, struct tm_node node)
{
    node.window = TM_WINDOW_SESSION;
    node.size_ms = node.slide_ms = gap;
    configure(node);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_FIRST, CENTS);
    open_keyed(tm_operator_window_new);
}
static inline void paid(const char *user, int64_t ts, int64_t cents)
{
    struct row row = {.user = user, .ts = ts, .cents = cents};
    ck_assert_int_eq(feed_rows(&row, 1, lines_take), 0);
}

// The clock shows now_ms, and what is due is done.
static inline void tick(int64_t now_ms)
{
    world.ctx.now_ms = now_ms;
    for (int rc = TM_STEP_MORE; rc == TM_STEP_MORE;) {
        struct tm_element out = {0};
        rc = world.op->ops->tick(world.op, &out, &world.err);
        ck_assert_int_ge(rc, 0);
        lines_take(&out);
        if (out.kind == TM_ELEMENT_BATCH)
            tm_batch_release(out.batch);
    }
}

// How long the clock has to go until there is something to do; -1: for ever.
static inline int64_t deadline_in_ms(void)
{
    int64_t at = world.op->ops->deadline_ns(world.op);
    return at == INT64_MAX ? -1 : (at - world.ctx.now_ns) / 1000000;
}

// The bounds of tumbling windows, whichever operator they are of.
static inline void expect_bounds(int64_t lateness_ms)
{
    static const struct {
        int64_t size, offset, ts, start;
    } vectors[] = {
        {10, 0, -11, -20},
        {10, 0, -10, -10},
        {10, 0, -1, -10},
        {10, 0, 0, 0},
        {10, 0, 9, 0},
        {10, 0, 10, 10},
        {600000, -360000, 4000, -360000}, // -960000 modulo the size
        {86400000, -28800000, 0, -28800000},
        {10, 3, 2, -7},
        {10, 3, 3, 3},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char text[80];
        tumbling(vectors[i].size, .offset_ms = vectors[i].offset, .lateness_ms = lateness_ms);
        ROWS_AT("a", vectors[i].ts);
        feed_watermark(INT64_MAX, lines_take);
        long long end = (long long)(vectors[i].start + vectors[i].size);
        snprintf(text, sizeof text, "a|%lld|%lld|1|%lld", (long long)vectors[i].start, end,
                 end - 1);
        expect_line(0, text);
        teardown();
    }
}
