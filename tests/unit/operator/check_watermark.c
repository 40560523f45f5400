// The watermark and key_by operators, step by step, with a clock of our own.
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/checkpoint/cut.h"
#include "core/checkpoint/restored.h"
#include "core/loop/real.h"
#include "core/task/operator.h"
#include "core/vm/vm.h"

static struct tm_fx fx;
static struct tm_mem mem;
static struct tm_schema *input, *output;
static struct tm_batch_pool *pool;
static struct tm_task_context ctx;
static struct tm_node node;
static struct tm_node_metrics metrics;
static struct tm_operator *op;
static const struct tm_chain chain_of_one = {.parallelism = 1};
static uint32_t failures;
static int failure_code;
static uint32_t split_names[4] = {0, 1, 2, 3};

// Stands for core/task/failure.c: counts, and goes on.
static char warning[512];

void tm_task_warn_once(struct tm_task_context *context, const struct tm_node *from,
                       const char *message)
{
    (void)context, (void)from;
    snprintf(warning, sizeof warning, "%s", message);
}

// A generator's functions, for the chunks: event gives for a row what stands in its column v, and
// fails where that is FAILS; periodic gives `periodic_gives`.
enum { NOTHING = -1, FAILS = -2 };
struct tm_vm_chain {
    struct tm_chain_ctx ctx;
    struct tm_vm_chain_args args;
};
static int64_t periodic_gives;
static uint32_t v_offset, periodic_calls;
static bool remembers; // event only keeps that, for its split, and periodic gives it

int tm_vm_chain_new(struct tm_vm *unused, const struct tm_vm_chain_args *args,
                    struct tm_vm_chain **chain, struct tm_error *err)
{
    (void)unused, (void)err;
    *chain = tm_mem_zalloc(&mem, sizeof **chain);
    (*chain)->args = *args;
    return 0;
}

void tm_vm_chain_free(struct tm_vm_chain *chain)
{
    tm_mem_free(&mem, chain, sizeof *chain);
}

struct tm_chain_ctx *tm_vm_chain_ctx(struct tm_vm_chain *chain)
{
    return &chain->ctx;
}

int tm_vm_chain_run(struct tm_vm_chain *chain, struct tm_error *err)
{
    struct tm_chain_ctx *c = &chain->ctx;
    const struct tm_row *row = (const struct tm_row *)(const void *)c->in;
    bool periodic = strcmp(chain->args.role, "periodic") == 0;
    (void)err;
    int (*tell)(void *, uint32_t, const struct tm_row *, uint32_t, int, const char *, size_t) =
        chain->args.fail; // which check.h has a macro of
    periodic_calls += periodic;
    for (uint32_t i = 0; c->in_rows != 0; i++, c->in_rows--) {
        int64_t gives = periodic ? periodic_gives : tm_row_int(row, v_offset);
        if (remembers) {
            int64_t *kept = (int64_t *)(void *)c->slots[i];
            *kept = periodic ? *kept : gives;
            gives = periodic ? *kept : NOTHING;
        }
        if (gives == FAILS)
            ck_assert_int_eq(tell(chain->args.arg, 0, row, 0, TM_E_USER_CODE, "no", 2), 0);
        else if (gives != NOTHING) {
            c->marks[i] = (double)gives;
            c->mark_count++;
        }
        if (!periodic)
            row = tm_row_next(row);
    }
    return TM_VM_RUN_DONE;
}

// Where random numbers are: a chunk has drawn so many.
static int32_t drawn;

int tm_vm_chain_drawn(struct tm_vm_chain *chain, int32_t words[TM_VM_DRAW_WORDS],
                      struct tm_error *err)
{
    (void)chain, (void)err;
    memset(words, 0, TM_VM_DRAW_WORDS * sizeof *words);
    words[0] = drawn;
    return drawn != 0;
}

int tm_vm_chain_draw_on(struct tm_vm_chain *chain, const int32_t words[TM_VM_DRAW_WORDS],
                        struct tm_error *err)
{
    (void)chain, (void)err;
    drawn = words[0];
    return 0;
}

bool tm_task_has_own_past(const struct tm_task_context *ctx, const struct tm_restored *restored,
                          uint32_t parallelism)
{
    (void)restored;
    return parallelism == ctx->chain->parallelism && ctx->splits == NULL;
}

void tm_task_split_name(struct tm_task *task, uint32_t split, char name[TM_SPLIT_NAME_MAX])
{
    (void)task;
    snprintf(name, TM_SPLIT_NAME_MAX, "split %u", split_names[split]);
}

struct tm_metric_slot *tm_task_slots(struct tm_task_context *context, uint32_t of)
{
    (void)context, (void)of;
    return NULL;
}

int tm_task_buckets(struct tm_task_context *context, struct tm_metric_slot *slot)
{
    (void)context, (void)slot;
    return 0;
}

int tm_task_row_failed(struct tm_task_context *context, const struct tm_row_failure *failure,
                       struct tm_error *err)
{
    (void)err;
    ck_assert_ptr_eq(context, &ctx);
    failure_code = failure->code;
    failures++;
    return 0;
}

static void setup(void)
{
    struct tm_error err = {0};
    static const struct tm_field_def fields[] = {
        {.name = "ts", .type = {.kind = TM_TYPE_TIMESTAMP}},
        {.name = "v", .type = {.kind = TM_TYPE_INT}},
    };
    ck_assert_int_eq(tm_real_init(&fx, &err), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
    ck_assert_int_eq(tm_schema_new(&mem, fields, 2, -1, &input, &err), 0);
    ck_assert_int_eq(tm_schema_new(&mem, fields, 2, 0, &output, &err), 0);
    pool = tm_batch_pool_new(&mem);
    ctx = (struct tm_task_context){
        .fx = &fx, .mem = &mem, .shared_mem = &mem, .pool = pool, .now_ns = 1};
    ctx.chain = &chain_of_one;
    v_offset = input->fields[1].offset;
    periodic_gives = NOTHING;
    periodic_calls = 0;
    remembers = false;
    node = (struct tm_node){
        .kind = TM_NODE_WATERMARK, .name = "w", .disorder_ms = 10, .idle_ms = 1000};
    atomic_init(&node.schema, output);
    metrics = (struct tm_node_metrics){0};
    failures = 0;
    op = NULL;
}

static void teardown(void)
{
    if (op != NULL)
        op->ops->free(op);
    if (ctx.splits != NULL)
        tm_splits_free(ctx.splits);
    tm_batch_pool_free(pool);
    tm_schema_unref(input);
    tm_schema_unref(output);
    ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
    tm_real_fini(&fx);
}

static void make_watermark(void)
{
    struct tm_error err = {0};
    ck_assert_int_eq(tm_operator_watermark_new(&ctx, &node, &op, &err), 0);
    op->metrics = &metrics;
    ck_assert_int_eq(op->ops->open(op, input, &err), 0);
}

// A batch of one row per time; INT64_MIN stands for null.
static struct tm_element batch_of(int32_t split, int count, const int64_t *times)
{
    struct tm_batch *batch = tm_batch_acquire(pool, input);
    struct tm_builder b;
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
        if (times[i] != INT64_MIN)
            tm_builder_put_int(&b, 0, times[i]);
        tm_builder_put_int(&b, 1, i);
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    batch->split = split;
    return (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch};
}

// Steps one element through and writes down what came out: "b2" a batch of two rows, "w99", "idle",
// "active", "end".
static const char *step(struct tm_element in)
{
    static char trace[256];
    size_t used = 0;
    int rc = TM_STEP_MORE;
    trace[0] = '\0';
    for (int i = 0; rc == TM_STEP_MORE; i++) {
        ck_assert_int_lt(i, 8);
        struct tm_element out = {0};
        struct tm_error err = {0};
        rc = op->ops->step(op, &in, &out, &err);
        ck_assert_int_ge(rc, 0);
        const char *gap = used == 0 ? "" : " ";
        if (out.kind == TM_ELEMENT_BATCH) {
            ck_assert_ptr_eq(out.batch->schema,
                             op->node->kind == TM_NODE_WATERMARK ? output : input);
            used += (size_t)sprintf(trace + used, "%sb%u", gap, out.batch->row_count);
            tm_batch_release(out.batch);
        } else if (out.kind == TM_ELEMENT_WATERMARK && out.watermark == TM_WATERMARK_MAX) {
            used += (size_t)sprintf(trace + used, "%smax", gap);
        } else if (out.kind == TM_ELEMENT_WATERMARK) {
            used += (size_t)sprintf(trace + used, "%sw%lld", gap, (long long)out.watermark);
        } else if (out.kind == TM_ELEMENT_STATUS) {
            used += (size_t)sprintf(trace + used, "%s%s", gap,
                                    out.status == TM_CHANNEL_IDLE ? "idle" : "active");
        } else if (out.kind == TM_ELEMENT_END) {
            used += (size_t)sprintf(trace + used, "%send", gap);
        }
    }
    return trace;
}

static const char *rows(int32_t split, int64_t time)
{
    return step(batch_of(split, 1, &time));
}

static const char *tick(int64_t now_ms)
{
    struct tm_element out = {0};
    struct tm_error err = {0};
    ctx.now_ns = now_ms * 1000000;
    if (op->ops->deadline_ns(op) > ctx.now_ns)
        return "not due";
    ck_assert_int_eq(op->ops->tick(op, &out, &err), TM_STEP_DONE);
    static char text[32];
    snprintf(text, sizeof text, "w%lld", (long long)out.watermark);
    if (out.kind == TM_ELEMENT_WATERMARK)
        return text;
    return out.kind == TM_ELEMENT_STATUS ? (out.status == TM_CHANNEL_IDLE ? "idle" : "active")
                                         : "nothing";
}

START_TEST(the_watermark_follows_its_rows_and_is_disorder_and_one_behind)
{
    make_watermark();
    ck_assert_str_eq(step(batch_of(TM_NO_SPLIT, 3, (int64_t[]){100, 120, 110})), "b3 w109");
    ck_assert_uint_eq(metrics.used, 3);
}
END_TEST

START_TEST(a_watermark_is_sent_only_when_it_increases)
{
    make_watermark();
    ck_assert_str_eq(rows(TM_NO_SPLIT, 100), "b1 w89");
    ck_assert_str_eq(rows(TM_NO_SPLIT, 50), "b1");
    ck_assert_str_eq(rows(TM_NO_SPLIT, 100), "b1");
    ck_assert_str_eq(rows(TM_NO_SPLIT, 101), "b1 w90");
}
END_TEST

START_TEST(an_unopened_split_holds_the_watermark_and_the_lowest_counts)
{
    ctx.splits = tm_splits_new(&mem, 2);
    make_watermark();
    tm_splits_set_status(ctx.splits, 0, TM_SPLIT_ACTIVE);
    ck_assert_str_eq(rows(0, 1000), "b1");
    tm_splits_set_status(ctx.splits, 1, TM_SPLIT_ACTIVE);
    ck_assert_str_eq(rows(1, 500), "b1 w489");
    tm_splits_set_status(ctx.splits, 1, TM_SPLIT_FINISHED);
    ck_assert_str_eq(rows(0, 1001), "b1 w990");
}
END_TEST

START_TEST(what_holds_the_watermark_is_a_split_and_how_far_it_is)
{
    struct tm_held held = {.from = -1};
    int64_t since_ns;
    ctx.splits = tm_splits_new(&mem, 2);
    make_watermark();
    tm_splits_set_status(ctx.splits, 0, TM_SPLIT_ACTIVE);
    tm_splits_set_status(ctx.splits, 1, TM_SPLIT_ACTIVE);
    ck_assert_str_eq(rows(0, 500), "b1");
    ck_assert_str_eq(rows(1, 1000), "b1 w489");
    tm_splits_raise(ctx.splits, 0, 600); // and nothing has been sent since
    op->ops->held(op, &held, &since_ns);
    ck_assert_int_eq(held.from, 0);
    ck_assert_int_eq(held.watermark, 600);
    tm_splits_raise(ctx.splits, 0, 2000);
    op->ops->held(op, &held, &since_ns);
    ck_assert_int_eq(held.from, 1);
    ck_assert_int_eq(held.watermark, 989);
}
END_TEST

// A name that is shorter or longer than another is not that one.
START_TEST(splits_go_on_by_their_names)
{
    static const uint32_t before[] = {7, 70}, after[][3] = {{70, 7, 700}, {700, 7, 70}};
    static const int64_t times[] = {1000, 500};
    static const int64_t expected[][3] = {{489, 989, TM_WATERMARK_MIN},
                                          {TM_WATERMARK_MIN, 989, 489}};
    ctx.splits = tm_splits_new(&mem, 2);
    memcpy(split_names, before, sizeof before);
    make_watermark();
    for (uint32_t i = 0; i < 2; i++) {
        tm_splits_set_status(ctx.splits, i, TM_SPLIT_ACTIVE);
        rows((int32_t)i, times[i]);
    }
    struct tm_error err = {0};
    struct tm_cut *cut;
    struct tm_restored *restored;
    ck_assert_int_eq(tm_cut_new(&mem, 1, 0, 0, &cut), 0);
    ck_assert_int_eq(op->ops->snapshot(op, cut, &err), 0);
    const struct tm_cut *cuts[] = {cut};
    ck_assert_int_eq(tm_restored_from_cuts(&mem, cuts, 1, &restored, &err), 0);
    tm_cut_free(cut);
    op->ops->free(op);
    tm_splits_free(ctx.splits);
    ctx.splits = tm_splits_new(&mem, 3);
    memcpy(split_names, after[_i], sizeof after[_i]);
    make_watermark();
    ck_assert_int_eq(op->ops->restore(op, restored, &err), 0);
    tm_restored_free(restored);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_int_eq(tm_splits_watermark(ctx.splits, i), expected[_i][i]);
}
END_TEST

START_TEST(a_null_timestamp_is_an_error_of_its_row_alone)
{
    make_watermark();
    ck_assert_str_eq(step(batch_of(TM_NO_SPLIT, 3, (int64_t[]){100, INT64_MIN, 90})), "b2 w89");
    ck_assert_uint_eq(failures, 1);
    ck_assert_int_eq(failure_code, TM_E_NULL_TIMESTAMP);
    ck_assert_uint_eq(metrics.rows_in, 3);
    ck_assert_uint_eq(metrics.used, 2);
}
END_TEST

START_TEST(watermarks_from_above_end_here_except_the_last)
{
    make_watermark();
    ck_assert_str_eq(step((struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = 7}), "");
    ck_assert_str_eq(
        step((struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = TM_WATERMARK_MAX}),
        "max");
    ck_assert_str_eq(step((struct tm_element){.kind = TM_ELEMENT_END}), "end");
}
END_TEST

START_TEST(a_drained_end_is_preceded_by_the_last_watermark_and_a_stop_is_not)
{
    make_watermark();
    ck_assert_str_eq(step((struct tm_element){.kind = TM_ELEMENT_END, .status = TM_END_STOP}),
                     "end");
    ck_assert_str_eq(step((struct tm_element){.kind = TM_ELEMENT_END, .status = TM_END_DRAIN}),
                     "max end");
}
END_TEST

START_TEST(silence_becomes_idle_and_the_next_row_active)
{
    make_watermark();
    rows(TM_NO_SPLIT, 100);
    ck_assert_str_eq(tick(100), "not due");
    ck_assert_str_eq(tick(300), "nothing");  // the first probe starts the idle clock
    ck_assert_str_eq(tick(1300), "not due"); // strictly more than idle_ms
    ck_assert_str_eq(tick(1301), "idle");
    ck_assert_int_eq(op->ops->deadline_ns(op), INT64_MAX);
    ck_assert_str_eq(rows(TM_NO_SPLIT, 200), "b1 active w189");
}
END_TEST

START_TEST(time_held_back_by_the_output_does_not_count_as_silence)
{
    make_watermark();
    rows(TM_NO_SPLIT, 100);
    // No tick while the task is blocked; afterwards the clock starts anew at the first probe.
    ck_assert_str_eq(tick(60000), "nothing");
    ck_assert_str_eq(tick(60900), "not due");
    ck_assert_str_eq(rows(TM_NO_SPLIT, 200), "b1 w189");
}
END_TEST

START_TEST(plain_files_and_idle_zero_are_never_idle)
{
    ctx.never_idle = true;
    make_watermark();
    ck_assert_int_eq(op->ops->deadline_ns(op), INT64_MAX);
    op->ops->free(op);
    ctx.never_idle = false;
    node.idle_ms = 0;
    make_watermark();
    ck_assert_int_eq(op->ops->deadline_ns(op), INT64_MAX);
}
END_TEST

START_TEST(a_source_that_has_no_input_is_idle_after_the_probe_whatever_idle_says)
{
    ctx.splits = tm_splits_new(&mem, 1);
    node.idle_ms = 0;
    make_watermark();
    tm_splits_set_status(ctx.splits, 0, TM_SPLIT_IDLE); // a place for a file, and none in it
    ck_assert_str_eq(tick(100), "not due");
    ck_assert_str_eq(tick(201), "idle");
    ck_assert_int_eq(op->ops->deadline_ns(op), INT64_MAX);
    tm_splits_set_status(ctx.splits, 0, TM_SPLIT_ACTIVE);
    ck_assert_str_eq(rows(0, 200), "b1 active w189");
    ck_assert_int_eq(op->ops->deadline_ns(op), INT64_MAX); // it may be silent as long as it likes
}
END_TEST

// --- generators of the job

// Rows of { time, what event gives }.
static struct tm_element pairs(int32_t split, int count, const int64_t (*rows)[2])
{
    struct tm_batch *batch = tm_batch_acquire(pool, input);
    struct tm_builder b;
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
        tm_builder_put_int(&b, 0, rows[i][0]);
        tm_builder_put_int(&b, 1, rows[i][1]);
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    batch->split = split;
    return (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch};
}
#define STEP(split, ...)                                                               \
    step(pairs(split, (int)(sizeof((int64_t[][2]){__VA_ARGS__}) / sizeof(int64_t[2])), \
               (int64_t[][2]){__VA_ARGS__}))

static void make_generator(bool periodic)
{
    node.generator_bytes = 8;
    node.generator_periodic = periodic;
    make_watermark();
}

START_TEST(what_event_gives_follows_its_batch_where_it_makes_no_row_late)
{
    make_generator(false);
    ck_assert_str_eq(STEP(TM_NO_SPLIT, {10, NOTHING}, {20, NOTHING}), "b2");
    ck_assert_str_eq(STEP(TM_NO_SPLIT, {30, 25}, {40, NOTHING}, {26, NOTHING}), "b3 w25");
    ck_assert_str_eq(STEP(TM_NO_SPLIT, {50, 20}, {50, 25}), "b2"); // back, and again
    ck_assert_str_eq(STEP(TM_NO_SPLIT, {50, 26}, {60, 40}, {70, 30}), "b3 w40");
}
END_TEST

START_TEST(a_row_that_what_event_gave_makes_late_is_behind_the_watermark)
{
    make_generator(false);
    ck_assert_str_eq(
        STEP(TM_NO_SPLIT, {10, NOTHING}, {20, 15}, {15, NOTHING}, {16, NOTHING}, {30, NOTHING}),
        "b2 w15 b3");
    ck_assert_str_eq(STEP(TM_NO_SPLIT, {40, 40}, {40, 50}, {50, 50}, {45, NOTHING}),
                     "b1 w40 b1 w50 b2");
    ck_assert_str_eq(STEP(TM_NO_SPLIT, {1, NOTHING}, {2, NOTHING}), "b2"); // late as it is
}
END_TEST

START_TEST(a_mark_that_another_split_holds_back_cuts_nothing)
{
    ctx.splits = tm_splits_new(&mem, 2);
    tm_splits_set_status(ctx.splits, 0, TM_SPLIT_ACTIVE);
    tm_splits_set_status(ctx.splits, 1, TM_SPLIT_ACTIVE);
    make_generator(false);
    ck_assert_str_eq(STEP(0, {20, 20}, {10, NOTHING}), "b2");
    ck_assert_str_eq(STEP(1, {12, 12}, {12, NOTHING}, {5, NOTHING}), "b1 w12 b2");
    ck_assert_int_eq(tm_splits_watermark(ctx.splits, 0), 20);
    tm_splits_set_status(ctx.splits, 0, TM_SPLIT_FINISHED); // its last batch is still to come
    tm_splits_set_status(ctx.splits, 1, TM_SPLIT_FINISHED);
    ck_assert_str_eq(STEP(0, {30, 30}, {30, NOTHING}, {40, NOTHING}), "b1 w30 b2");
}
END_TEST

START_TEST(periodic_is_asked_behind_each_batch_and_in_silence)
{
    make_generator(true);
    periodic_gives = 7;
    ck_assert_str_eq(STEP(TM_NO_SPLIT, {10, NOTHING}), "b1 w7");
    ck_assert_uint_eq(periodic_calls, 1);
    ck_assert_str_eq(tick(199), "not due");
    periodic_gives = 9;
    ck_assert_str_eq(tick(201), "w9");
    ck_assert_str_eq(tick(300), "not due");
    periodic_gives = 8; // back
    ck_assert_str_eq(tick(401), "nothing");
    periodic_gives = NOTHING;
    ck_assert_str_eq(tick(602), "nothing");
    ck_assert_uint_eq(periodic_calls, 4);
}
END_TEST

START_TEST(periodic_is_asked_with_what_its_split_keeps)
{
    ctx.splits = tm_splits_new(&mem, 2);
    tm_splits_set_status(ctx.splits, 0, TM_SPLIT_ACTIVE);
    tm_splits_set_status(ctx.splits, 1, TM_SPLIT_ACTIVE);
    make_generator(true);
    remembers = true;
    ck_assert_str_eq(STEP(0, {30, 20}), "b1");
    ck_assert_str_eq(STEP(1, {30, 12}), "b1 w12");
    ck_assert_int_eq(tm_splits_watermark(ctx.splits, 0), 20);
    ck_assert_int_eq(tm_splits_watermark(ctx.splits, 1), 12);
    ck_assert_str_eq(tick(201), "nothing"); // both are asked
    ck_assert_uint_eq(periodic_calls, 4);
    ck_assert_int_eq(tm_splits_watermark(ctx.splits, 1), 12);
}
END_TEST

START_TEST(what_is_idle_is_not_asked)
{
    make_generator(true);
    STEP(TM_NO_SPLIT, {10, NOTHING});
    for (int64_t now = 201; now < 1201; now += 200)
        ck_assert_str_eq(tick(now), "nothing");
    periodic_gives = 50;
    ck_assert_str_eq(tick(1210), "idle");
    ck_assert_uint_eq(periodic_calls, 6);
    ck_assert_int_eq(op->ops->deadline_ns(op), INT64_MAX);
    ck_assert_str_eq(STEP(TM_NO_SPLIT, {20, NOTHING}), "b1 active w50");
}
END_TEST

START_TEST(the_interval_of_the_probe_is_the_jobs)
{
    node.interval_ms = 1000;
    make_generator(true);
    STEP(TM_NO_SPLIT, {10, NOTHING});
    periodic_gives = 50;
    ck_assert_str_eq(tick(999), "not due");
    ck_assert_str_eq(tick(1001), "w50");
}
END_TEST

START_TEST(rows_whose_event_fails_leave_the_batch)
{
    make_generator(false);
    ck_assert_str_eq(STEP(TM_NO_SPLIT, {10, FAILS}, {20, 15}, {30, FAILS}, {14, NOTHING}),
                     "b1 w15 b1");
    ck_assert_uint_eq(failures, 2);
    ck_assert_uint_eq(atomic_load(&metrics.used), 2);
    ck_assert_str_eq(STEP(TM_NO_SPLIT, {10, FAILS}), "b0");
}
END_TEST

START_TEST(first_times_in_seconds_are_warned_of)
{
    static const int64_t fine[] = {0, 999999999, 2147483648, 1769940000000};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        warning[0] = '\0';
        make_watermark();
        rows(TM_NO_SPLIT, fine[i]);
        rows(TM_NO_SPLIT, 1769940000); // not the first
        ck_assert_str_eq(warning, "");
        op->ops->free(op);
    }
    make_watermark();
    rows(TM_NO_SPLIT, 1769940000);
    ck_assert_ptr_nonnull(strstr(warning, "times in ts are of January 1970: seconds, it seems"));
}
END_TEST

START_TEST(key_by_passes_rows_and_reports_those_without_a_key)
{
    struct tm_error err = {0};
    node =
        (struct tm_node){.kind = TM_NODE_KEY_BY, .name = "k", .key = {.count = 1, .fields = {0}}};
    ck_assert_int_eq(tm_operator_key_by_new(&ctx, &node, &op, &err), 0);
    op->metrics = &metrics;
    ck_assert_int_eq(op->ops->open(op, input, &err), 0);
    ck_assert_str_eq(step(batch_of(TM_NO_SPLIT, 2, (int64_t[]){1, 2})), "b2");
    ck_assert_str_eq(step(batch_of(TM_NO_SPLIT, 4, (int64_t[]){INT64_MIN, 1, INT64_MIN, 2})), "b2");
    ck_assert_str_eq(step((struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = 5}), "w5");
    ck_assert_uint_eq(failures, 2);
    ck_assert_int_eq(failure_code, TM_E_NULL_KEY);
    ck_assert_uint_eq(metrics.rows_in, 6);
    ck_assert_uint_eq(metrics.used, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watermark");
    TCase *tc = tcase_create("steps");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_watermark_follows_its_rows_and_is_disorder_and_one_behind);
    tcase_add_test(tc, a_watermark_is_sent_only_when_it_increases);
    tcase_add_test(tc, an_unopened_split_holds_the_watermark_and_the_lowest_counts);
    tcase_add_test(tc, what_holds_the_watermark_is_a_split_and_how_far_it_is);
    tcase_add_loop_test(tc, splits_go_on_by_their_names, 0, 2);
    tcase_add_test(tc, a_null_timestamp_is_an_error_of_its_row_alone);
    tcase_add_test(tc, watermarks_from_above_end_here_except_the_last);
    tcase_add_test(tc, a_drained_end_is_preceded_by_the_last_watermark_and_a_stop_is_not);
    tcase_add_test(tc, silence_becomes_idle_and_the_next_row_active);
    tcase_add_test(tc, time_held_back_by_the_output_does_not_count_as_silence);
    tcase_add_test(tc, plain_files_and_idle_zero_are_never_idle);
    tcase_add_test(tc, a_source_that_has_no_input_is_idle_after_the_probe_whatever_idle_says);
    tcase_add_test(tc, what_event_gives_follows_its_batch_where_it_makes_no_row_late);
    tcase_add_test(tc, a_row_that_what_event_gave_makes_late_is_behind_the_watermark);
    tcase_add_test(tc, a_mark_that_another_split_holds_back_cuts_nothing);
    tcase_add_test(tc, periodic_is_asked_behind_each_batch_and_in_silence);
    tcase_add_test(tc, periodic_is_asked_with_what_its_split_keeps);
    tcase_add_test(tc, what_is_idle_is_not_asked);
    tcase_add_test(tc, the_interval_of_the_probe_is_the_jobs);
    tcase_add_test(tc, rows_whose_event_fails_leave_the_batch);
    tcase_add_test(tc, first_times_in_seconds_are_warned_of);
    tcase_add_test(tc, key_by_passes_rows_and_reports_those_without_a_key);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
