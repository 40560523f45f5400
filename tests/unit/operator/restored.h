// What the tests of checkpoints share: an operator that runs through, and the same one in several
// subtasks, which is cut at random places and restored by other numbers of them. Both get the same
// rows; what they give is compared key by key.
#pragma once

#include "core/checkpoint/restored.h"
#include "support.h"

enum { TASKS_MAX = 8, ROWS_AT_ONCE = 40 };

struct task {
    struct tm_task_context ctx;
    struct tm_plan plan;
    struct tm_chain chain;
    struct tm_operator *op;
};
static struct task tasks[TASKS_MAX];
static uint32_t task_count, task_max; // parallelism, max parallelism
static tm_operator_make *task_make;
static struct tm_key_reader task_reader;

// --- several of them -----------------------------------------------------------------------------

static inline void task_open(uint32_t subtask)
{
    struct task *task = &tasks[subtask];
    struct tm_error err = {0};
    task->ctx = world.ctx;
    task->plan = world.plan;
    task->chain = world.chain;
    task->plan.max_parallelism = task_max;
    task->chain.parallelism = task_count;
    task->ctx.plan = &task->plan;
    task->ctx.chain = &task->chain;
    task->ctx.subtask = subtask;
    ck_assert_int_eq(task_make(&task->ctx, &world.node, &task->op, &err), 0);
    task->op->ctx = &task->ctx;
    task->op->node = &world.node;
    task->op->metrics = &world.metrics;
    if (task->op->ops->open(task->op, world.input, &err) != 0)
        ck_abort_msg("open: %s", err.message);
}

static inline void tasks_open(uint32_t count, uint32_t max)
{
    task_count = count;
    task_max = max;
    for (uint32_t i = 0; i < count; i++)
        task_open(i);
}

static inline void tasks_free(void)
{
    for (uint32_t i = 0; i < task_count; i++)
        tasks[i].op->ops->free(tasks[i].op);
    task_count = 0;
}

// --- what came out -------------------------------------------------------------------------------

static char *others[200000]; // of the tasks; `lines` are those of who runs through
static uint32_t other_count;

static inline void take(bool other, const struct tm_element *element)
{
    uint32_t before = line_count;
    if (element->kind != TM_ELEMENT_BATCH || element->batch->row_count == 0)
        return;
    lines_take(element);
    if (!other)
        return;
    for (uint32_t i = before; i < line_count; i++) {
        ck_assert_uint_lt(other_count, sizeof others / sizeof others[0]);
        others[other_count++] = lines[i];
    }
    line_count = before;
}

static inline void step_all(struct tm_operator *op, struct tm_element in, bool other)
{
    for (;;) {
        struct tm_element out = {0};
        struct tm_error err = {0};
        int rc = op->ops->step(op, &in, &out, &err);
        if (rc < 0)
            ck_abort_msg("step: %s", err.message);
        take(other, &out);
        if (out.kind == TM_ELEMENT_BATCH)
            tm_batch_release(out.batch);
        if (rc == TM_STEP_DONE)
            return;
    }
}

static inline void tick_all(struct tm_operator *op, bool other)
{
    for (int rc = TM_STEP_MORE; rc == TM_STEP_MORE && op->ops->tick != NULL;) {
        struct tm_element out = {0};
        struct tm_error err = {0};
        rc = op->ops->tick(op, &out, &err);
        ck_assert_int_ge(rc, 0);
        take(other, &out);
        if (out.kind == TM_ELEMENT_BATCH)
            tm_batch_release(out.batch);
    }
}

// --- what goes in --------------------------------------------------------------------------------

static inline void all_rows(const struct row *rows, uint32_t count)
{
    struct tm_batch *batch = batch_of(rows, count), *parts[TASKS_MAX] = {NULL};
    struct tm_buf scratch;
    tm_buf_init(&scratch, &world.mem);
    TM_BATCH_EACH(batch, row)
    {
        struct tm_key key;
        ck_assert_int_eq(tm_key_of_row(&task_reader, row, &scratch, &key), 0);
        uint32_t to =
            tm_key_group_owner(tm_hash_key_group(key.hash, task_max), task_count, task_max);
        if (parts[to] == NULL)
            parts[to] = batch_of(NULL, 0);
        ck_assert_int_eq(tm_batch_append_row(parts[to], row), 0);
    }
    tm_buf_fini(&scratch);
    step_all(world.op, (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch}, false);
    for (uint32_t i = 0; i < task_count; i++)
        if (parts[i] != NULL)
            step_all(tasks[i].op, (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = parts[i]},
                     true);
}

static int64_t told = TM_WATERMARK_MIN; // the highest watermark

static inline void all_get(struct tm_element in)
{
    if (in.kind == TM_ELEMENT_WATERMARK && in.watermark > told)
        told = in.watermark;
    step_all(world.op, in, false);
    for (uint32_t i = 0; i < task_count; i++)
        step_all(tasks[i].op, in, true);
}

static inline void all_watermark(int64_t watermark)
{
    all_get((struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = watermark});
}

static inline void all_clock(int64_t now_ms)
{
    world.ctx.now_ms = now_ms;
    tick_all(world.op, false);
    for (uint32_t i = 0; i < task_count; i++) {
        tasks[i].ctx.now_ms = now_ms;
        tick_all(tasks[i].op, true);
    }
}

// --- cutting and restoring -----------------------------------------------------------------------

static inline struct tm_cut *cut_of(struct tm_operator *op, uint32_t subtask)
{
    struct tm_error err = {0};
    struct tm_cut *cut;
    ck_assert_int_eq(tm_cut_new(&world.mem, 1, 0, subtask, &cut), 0);
    if (op->ops->snapshot(op, cut, &err) != 0)
        ck_abort_msg("snapshot: %s", err.message);
    return cut;
}

static inline struct tm_restored *checkpoint_of(struct tm_cut **cuts, uint32_t count)
{
    struct tm_restored *restored;
    struct tm_error err = {0};
    if (tm_restored_from_cuts(&world.mem, (const struct tm_cut *const *)cuts, count, &restored,
                              &err) != 0)
        ck_abort_msg("checkpoint: %s", err.message);
    return restored;
}

static inline void tasks_restore(const struct tm_restored *restored)
{
    for (uint32_t i = 0; i < task_count; i++) {
        struct tm_error err = {0};
        if (tasks[i].op->ops->restore(tasks[i].op, restored, &err) != 0)
            ck_abort_msg("restore: %s", err.message);
    }
}

// The tasks end, and others go on, told once more how far time is. Who runs through is cut too,
// which nobody may notice.
static inline void all_restart(uint32_t count, uint32_t max)
{
    struct tm_cut *cuts[TASKS_MAX], *own = cut_of(world.op, 0);
    for (uint32_t i = 0; i < task_count; i++)
        cuts[i] = cut_of(tasks[i].op, i);
    struct tm_restored *restored = checkpoint_of(cuts, task_count);
    for (uint32_t i = 0; i < task_count; i++)
        tm_cut_free(cuts[i]);
    tm_cut_free(own);
    tasks_free();
    tasks_open(count, max);
    tasks_restore(restored);
    tm_restored_free(restored);
    for (uint32_t i = 0; i < task_count && told != TM_WATERMARK_MIN; i++)
        step_all(tasks[i].op, (struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = told},
                 true);
}

// --- comparing -----------------------------------------------------------------------------------

// The key is the first columns, or column.
static inline size_t key_bytes(const char *line)
{
    size_t length = strcspn(line, "|");
    for (uint32_t i = 1; i < world.node.key.count; i++)
        length += 1 + strcspn(line + length + 1, "|");
    return length;
}
static inline int by_key(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    size_t m = key_bytes(x), n = key_bytes(y), common = m < n ? m : n;
    int order = memcmp(x, y, common);
    return order != 0 ? order : m < n ? -1 : m > n;
}

static inline void sort_by_key(char **all, uint32_t count)
{
    char **scratch = malloc((count + 1) * sizeof *scratch); // merge sort: equal ones stay in order
    for (uint32_t width = 1; width < count; width *= 2) {
        for (uint32_t low = 0; low < count; low += 2 * width) {
            uint32_t middle = low + width < count ? low + width : count;
            uint32_t high = low + 2 * width < count ? low + 2 * width : count;
            for (uint32_t i = low, k = middle, to = low; to < high; to++)
                scratch[to] = k == high || (i < middle && by_key(&all[i], &all[k]) <= 0) ? all[i++]
                                                                                         : all[k++];
        }
        memcpy(all, scratch, count * sizeof *all);
    }
    free(scratch);
}

// Key by key what came out is the same; all of it in the same order where nothing else had to be.
static inline void expect_same(bool in_order)
{
    if (!in_order) {
        sort_by_key(lines, line_count);
        sort_by_key(others, other_count);
    }
    for (uint32_t i = 0; i < line_count || i < other_count; i++) {
        const char *a = i < line_count ? lines[i] : "nothing";
        const char *b = i < other_count ? others[i] : "nothing";
        if (strcmp(a, b) != 0)
            ck_abort_msg("row %u of %u: %s\n  restored, of %u: %s", i, line_count, a, other_count,
                         b);
    }
}

static inline void restored_teardown(void)
{
    tasks_free();
    told = TM_WATERMARK_MIN;
    for (uint32_t i = 0; i < other_count; i++)
        free(others[i]);
    other_count = 0;
    lines_clear();
    world_free();
}

// --- a random run --------------------------------------------------------------------------------

static const char *const users[] = {"a", "bb",       "ccc", "a user with a longer name",
                                    "e", "f",        "gg",  "h",
                                    "i", "j",        "kk",  "l",
                                    "m", "n",        "o",   "p",
                                    "q", "rrrrrrrrr"};
static char notes[ROWS_AT_ONCE][40];

static inline struct row random_row(uint32_t i, int64_t around)
{
    uint32_t length = (uint32_t)draw(3) == 0 ? (uint32_t)draw(38) : (uint32_t)draw(4);
    for (uint32_t c = 0; c < length; c++)
        notes[i][c] = (char)('a' + draw(length > 8 ? 2 : 26));
    notes[i][length] = '\0';
    struct row row = {
        .user = users[draw(sizeof users / sizeof users[0])],
        .item = (int64_t)draw(12),
        .ts = around + (int64_t)draw(300) - 150,
        .amount = (double)draw(100000) / 7,
        .cents = (int64_t)draw(2000) - 1000,
        .big = (int64_t)draw(1u << 30),
        .price = (int64_t)draw(99999),
        .note = notes[i],
        .flag = draw(2) == 0,
    };
    if (draw(6) == 0)
        row.nulls = (uint32_t)draw(1u << FIELDS) & ~(1u << USER | 1u << TS | 1u << ITEM);
    return row;
}

// Rows, watermarks and the clock; restarts at random places between them.
static inline void run_random(tm_operator_make *make, const uint32_t (*to)[2], uint32_t restarts,
                              bool clock)
{
    enum { STEPS = 160 };
    uint32_t at[16], next = 0;
    int64_t time = 1000000, now_ms = world.ctx.now_ms;
    task_make = make;
    tm_key_reader_init(&task_reader, world.input, &world.node.key);
    tasks_open(to[0][0], to[0][1]);
    for (uint32_t i = 0; i < restarts; i++)
        at[i] = (i * STEPS + (uint32_t)draw(STEPS)) / restarts;
    for (uint32_t step = 0; step < STEPS; step++) {
        struct row rows[ROWS_AT_ONCE];
        uint32_t count = 1 + (uint32_t)draw(ROWS_AT_ONCE - 1);
        for (uint32_t i = 0; i < count; i++)
            rows[i] = random_row(i, time);
        all_rows(rows, count);
        time += (int64_t)draw(60);
        if (draw(3) == 0)
            all_watermark(time - (int64_t)draw(250));
        if (clock && draw(2) == 0)
            all_clock(now_ms += (int64_t)draw(40));
        for (; next < restarts && at[next] == step; next++)
            all_restart(to[next + 1][0], to[next + 1][1]);
    }
    all_watermark(TM_WATERMARK_MAX);
    all_get((struct tm_element){.kind = TM_ELEMENT_END, .status = TM_END_DRAIN});
}

// --- what is aggregated --------------------------------------------------------------------------

static inline void use_numbers(void)
{
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_SUM, AMOUNT);
    use_aggregate(TM_AGGREGATE_SUM, CENTS);
    use_aggregate(TM_AGGREGATE_SUM, BIG);
    use_aggregate(TM_AGGREGATE_SUM, PRICE);
    use_aggregate(TM_AGGREGATE_AVG, AMOUNT);
    use_aggregate(TM_AGGREGATE_AVG, CENTS);
    use_aggregate(TM_AGGREGATE_AVG, PRICE);
    use_aggregate(TM_AGGREGATE_STDDEV, AMOUNT);
    use_aggregate(TM_AGGREGATE_VARIANCE, CENTS);
    use_aggregate(TM_AGGREGATE_VARIANCE, PRICE);
}

static inline void use_values(void)
{
    use_aggregate(TM_AGGREGATE_MIN, AMOUNT);
    use_aggregate(TM_AGGREGATE_MAX, NOTE);
    use_aggregate(TM_AGGREGATE_MIN, NOTE);
    use_aggregate(TM_AGGREGATE_MAX, PRICE);
    use_aggregate(TM_AGGREGATE_MIN, FLAG);
    use_aggregate(TM_AGGREGATE_FIRST, NOTE);
    use_aggregate(TM_AGGREGATE_LAST, PRICE);
    use_aggregate(TM_AGGREGATE_LAST, NOTE);
    use_aggregate_by(TM_AGGREGATE_MIN_BY, NOTE, AMOUNT);
    use_aggregate_by(TM_AGGREGATE_MAX_BY, CENTS, NOTE);
}

static inline void use_sets(void)
{
    use_aggregate(TM_AGGREGATE_COUNT_DISTINCT, ITEM);
    use_aggregate(TM_AGGREGATE_COUNT_DISTINCT, AMOUNT);
    use_aggregate(TM_AGGREGATE_COUNT_DISTINCT, PRICE);
    use_aggregate(TM_AGGREGATE_COUNT_DISTINCT, NOTE);
    use_aggregate(TM_AGGREGATE_APPROXIMATE_DISTINCT, NOTE);
    use_aggregate(TM_AGGREGATE_APPROXIMATE_DISTINCT, BIG);
    use_quantile(AMOUNT, 0.5);
    use_quantile(AMOUNT, 0.9);
    use_quantile(PRICE, 0.25);
}

static inline void use_lists(void)
{
    use_list(CENTS, 0);
    use_list(NOTE, 5);
    use_list(PRICE, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
}

static void (*const uses[])(void) = {use_numbers, use_values, use_sets, use_lists};
enum { USES = sizeof uses / sizeof uses[0] };

// --- where to ------------------------------------------------------------------------------------

// Parallelism and max parallelism, at first and after each restart.
static const uint32_t same[][2] = {{1, 128}, {1, 128}, {1, 128}};
static const uint32_t other[][2] = {{1, 128}, {3, 128}, {2, 128}};
static const uint32_t converted[][2] = {{1, 128}, {3, 1024}, {2, 64}};
static const struct {
    const uint32_t (*to)[2];
    bool in_order;
} runs[] = {{same, true}, {other, false}, {converted, false}};
enum { RUNS = sizeof runs / sizeof runs[0] };
