// Windows whose aggregate or trigger is the job's own, through checkpoints. Chunks are doubles: an
// accumulator counts rows, adds up cents and keeps the latest note; a trigger counts rows of a
// window, remembers the latest note, fires at each third row and at a time of its own.
#include "restored.h"

#include "core/operator/windows/windows.h"

enum { N, SUM, LAST, COLUMNS };
static const struct tm_field_def accumulator_fields[COLUMNS] = {
    {"n", {TM_TYPE_INT, 0, 0, 0}, 0},
    {"sum", {TM_TYPE_INT, 0, 0, 0}, 0},
    {"last", {TM_TYPE_STRING, 0, 0, 0}, 0},
};
static struct tm_schema *accumulator_schema;

static uint8_t *at(uint8_t *acc, uint32_t field)
{
    return acc + accumulator_schema->fields[field].offset;
}

static void add_to(uint8_t *p, int64_t x)
{
    int64_t value;
    memcpy(&value, p, 8);
    value += x;
    memcpy(p, &value, 8);
}

static int run_add(struct chain *chain)
{
    struct tm_chain_ctx *ctx = &chain->ctx;
    for (; ctx->in_rows != 0; ctx->in_rows--, ctx->slot_index++) {
        const struct tm_row *row = (const struct tm_row *)(const void *)ctx->in;
        uint8_t **slot = &ctx->slots[ctx->slot_index], *acc = *slot;
        uint32_t length;
        ctx->in += row->size_bytes;
        if (acc == NULL)
            continue;
        const char *note = tm_row_string(row, world.input->fields[NOTE].offset, &length);
        ((struct tm_row *)(void *)acc)->size_bytes = accumulator_schema->fixed_bytes;
        add_to(at(acc, N), 1);
        add_to(at(acc, SUM), tm_row_int(row, world.input->fields[CENTS].offset));
        ck_assert_int_eq((chain->args.keep)(chain->args.arg, slot + 1, at(acc, LAST),
                                            (const uint8_t *)note, length),
                         0);
    }
    return TM_VM_RUN_DONE;
}

static int run_merge(struct chain *chain)
{
    struct tm_chain_ctx *ctx = &chain->ctx;
    for (; ctx->in_rows != 0; ctx->in_rows--, ctx->slot_index += 2) {
        uint8_t **slot = &ctx->slots[ctx->slot_index + 2], *to = slot[-2], *from = slot[-1];
        uint32_t length;
        int64_t n, sum;
        memcpy(&length, at(from, LAST) + 4, 4);
        const uint8_t *text = (chain->args.blob)(chain->args.arg, slot, 1, at(from, LAST));
        memcpy(&n, at(from, N), 8);
        memcpy(&sum, at(from, SUM), 8);
        add_to(at(to, N), n);
        add_to(at(to, SUM), sum);
        ck_assert_int_eq((chain->args.keep)(chain->args.arg, slot, at(to, LAST), text, length), 0);
    }
    return TM_VM_RUN_DONE;
}

static int run_element(struct chain *chain)
{
    struct tm_chain_ctx *ctx = &chain->ctx;
    const struct tm_row *row = (const struct tm_row *)(const void *)ctx->in;
    uint8_t **slot = ctx->slots, *record = *slot;
    uint64_t bits = 3;
    int64_t n;
    uint32_t length;
    const char *note = tm_row_string(row, world.input->fields[NOTE].offset, &length);
    ck_assert_int_eq(
        (chain->args.keep)(chain->args.arg, slot + 1, record + 16, (const uint8_t *)note, length),
        0);
    memcpy(record, &bits, 8);
    add_to(record + 8, 1);
    memcpy(&n, record + 8, 8);
    ck_assert_int_ge((chain->args.timer)(chain->args.arg, slot + 1, TM_TIMER_EVENT, false,
                                         (int64_t)ctx->window_end - 31, "", 0),
                     0);
    ctx->verdict = n % 3 == 0 ? TM__FIRE : TM__CONTINUE;
    return 0;
}

static int run(struct chain *chain, struct tm_error *err)
{
    (void)err;
    if (strcmp(chain->args.role, "add") == 0)
        return run_add(chain);
    if (strcmp(chain->args.role, "merge") == 0)
        return run_merge(chain);
    if (strcmp(chain->args.role, "on_element") == 0)
        (void)run_element(chain);
    else
        chain->ctx.verdict = TM__FIRE;
    chain->ctx.in = chain->ctx.in_end;
    chain->ctx.in_rows = 0;
    ck_assert_int_eq((chain->args.settle)(chain->args.arg, true), 0);
    chain->ctx.call++;
    return TM_VM_RUN_DONE;
}

static void begin(struct tm_node window)
{
    world_new(TM_NODE_WINDOW, 128);
    memset(&chains, 0, sizeof chains);
    chains.run = run;
    world.node.window = window.window;
    world.node.size_ms = window.size_ms;
    world.node.slide_ms = window.slide_ms;
    world.node.lateness_ms = window.lateness_ms;
    world.node.trigger = window.trigger;
    use_key(USER);
}

START_TEST(aggregates_of_the_job_go_on)
{
    static const struct tm_node windows[] = {
        {.size_ms = 100, .slide_ms = 100},
        {.size_ms = 300, .slide_ms = 60},
        {.size_ms = 100, .slide_ms = 100, .lateness_ms = 70},
        {.window = TM_WINDOW_SESSION, .size_ms = 12, .slide_ms = 12},
    };
    seed_from("aggregates_of_the_job_go_on");
    random_state += (uint64_t)_i * 7919;
    begin(windows[_i / RUNS]);
    struct tm_field_def defs[] = {input_fields[USER],
                                  {"window_start", {TM_TYPE_TIMESTAMP, 0, 0, 0}, 0},
                                  {"window_end", {TM_TYPE_TIMESTAMP, 0, 0, 0}, 0},
                                  accumulator_fields[N],
                                  accumulator_fields[SUM],
                                  accumulator_fields[LAST],
                                  {"$time", {TM_TYPE_TIMESTAMP, 0, 0, 0}, TM_FIELD_HIDDEN}};
    use_aggregate(TM_AGGREGATE_CUSTOM, -1);
    world.aggregates[0].output_field = 3;
    accumulator_schema = make_schema(accumulator_fields, COLUMNS, -1);
    open_with(tm_operator_window_new, make_schema(defs, 7, 6));
    run_random(tm_operator_window_new, runs[_i % RUNS].to, 2, false);
    ck_assert_uint_ne(line_count, 0);
    expect_same(runs[_i % RUNS].in_order);
    tm_schema_unref(accumulator_schema);
    restored_teardown();
}
END_TEST

START_TEST(triggers_of_the_job_go_on)
{
    static struct tm_state_field states[] = {
        {.name = "n", .type = {TM_TYPE_INT, 0, 0, 0}},
        {.name = "last", .type = {TM_TYPE_STRING, 0, 0, 0}},
    };
    enum { AT_EVENT = 0, ON_ELEMENT = 2 };
    seed_from("triggers_of_the_job_go_on");
    random_state += (uint64_t)_i * 7919;
    begin((struct tm_node){
        .size_ms = _i / RUNS == 0 ? 100 : 200,
        .slide_ms = 100,
        .trigger = {.kind = TM_TRIGGER_CUSTOM, .functions = 1u << AT_EVENT | 1u << ON_ELEMENT}});
    world.node.states = states;
    world.node.state_count = 2;
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_LAST, NOTE);
    open_keyed(tm_operator_window_new);
    run_random(tm_operator_window_new, runs[_i % RUNS].to, 2, false);
    ck_assert_uint_ne(line_count, 0);
    expect_same(runs[_i % RUNS].in_order);
    restored_teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("restored_functions");
    tcase_add_loop_test(tc, aggregates_of_the_job_go_on, 0, RUNS * 4);
    tcase_add_loop_test(tc, triggers_of_the_job_go_on, 0, RUNS * 2);
    return run_operator_case(tc, "restored_functions");
}
