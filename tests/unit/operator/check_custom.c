// Custom aggregates: which accumulators the chunks get for which rows, texts of accumulators,
// failures, merging. The chunks are doubles that keep the contract of chain.ffi.h: they count rows,
// add up cents and keep the latest note.
#include "support.h"

#include "core/operator/custom.h"

enum { N, SUM, LAST, COLUMNS }; // of the accumulator
static const struct tm_field_def accumulator_fields[COLUMNS] = {
    {"n", {TM_TYPE_INT, 0, 0, 0}, 0},
    {"sum", {TM_TYPE_INT, 0, 0, 0}, 0},
    {"last", {TM_TYPE_STRING, 0, 0, 0}, 0},
};
static struct tm_schema *accumulator_schema;
static uint32_t entries, longest;

static uint8_t *at(uint8_t *acc, uint32_t field)
{
    return acc + accumulator_schema->fields[field].offset;
}

static void add_to(uint8_t *acc, uint32_t field, int64_t x)
{
    int64_t value;
    memcpy(&value, at(acc, field), 8);
    value += x;
    memcpy(at(acc, field), &value, 8);
}

static bool is(const char *bytes, uint32_t length, const char *word)
{
    return length == strlen(word) && memcmp(bytes, word, length) == 0;
}

static int run_add(struct chain *chain, struct tm_error *err)
{
    struct tm_chain_ctx *ctx = &chain->ctx;
    for (; ctx->in_rows != 0; ctx->in_rows--, ctx->slot_index++) {
        const struct tm_row *row = (const struct tm_row *)(const void *)ctx->in;
        uint8_t **slot = &ctx->slots[ctx->slot_index], *acc = *slot;
        ctx->in += row->size_bytes;
        if (acc == NULL)
            continue;
        uint32_t length;
        const char *note = tm_row_string(row, world.input->fields[NOTE].offset, &length);
        if (is(note, length, "bad")) {
            int rc = (chain->args.fail)(chain->args.arg, 0, row, 0, TM_E_USER_CODE, "bad", 3);
            if (rc != 0)
                return tm_error_set(err, rc, "stopped");
            continue;
        }
        ((struct tm_row *)(void *)acc)->size_bytes = accumulator_schema->fixed_bytes;
        add_to(acc, N, 1);
        add_to(acc, SUM, tm_row_int(row, world.input->fields[CENTS].offset));
        int rc = (chain->args.keep)(chain->args.arg, slot + 1, at(acc, LAST), (const uint8_t *)note,
                                    length);
        if (rc != 0)
            return rc;
    }
    ck_assert_ptr_eq(ctx->in, ctx->in_end);
    return TM_VM_RUN_DONE;
}

static int run_merge(struct chain *chain, struct tm_error *err)
{
    struct tm_chain_ctx *ctx = &chain->ctx;
    for (; ctx->in_rows != 0; ctx->in_rows--, ctx->slot_index += 2) {
        uint8_t **slot = &ctx->slots[ctx->slot_index + 2], *to = slot[-2], *from = slot[-1];
        uint32_t length;
        memcpy(&length, at(from, LAST) + 4, 4);
        const uint8_t *text = (chain->args.blob)(chain->args.arg, slot, 1, at(from, LAST));
        if (is((const char *)text, length, "no merge")) {
            int rc = (chain->args.fail)(chain->args.arg, 0, (struct tm_row *)(void *)from, 0,
                                        TM_E_USER_CODE, "no merge", 8);
            if (rc != 0)
                return tm_error_set(err, rc, "stopped");
            continue;
        }
        int64_t n, sum;
        memcpy(&n, at(from, N), 8);
        memcpy(&sum, at(from, SUM), 8);
        add_to(to, N, n);
        add_to(to, SUM, sum);
        int rc = (chain->args.keep)(chain->args.arg, slot, at(to, LAST), text, length);
        if (rc != 0)
            return rc;
    }
    return TM_VM_RUN_DONE;
}

static int run(struct chain *chain, struct tm_error *err)
{
    entries++;
    longest = chain->ctx.in_rows > longest ? chain->ctx.in_rows : longest;
    ck_assert_uint_eq(chain->ctx.slot_index, 0);
    ck_assert_uint_le(chain->ctx.in_rows, TM__OPERATOR_BLOCK);
    return strcmp(chain->args.role, "merge") == 0 ? run_merge(chain, err) : run_add(chain, err);
}

static void open_custom_of(int64_t size, int64_t slide, uint32_t key_groups)
{
    world_new(TM_NODE_WINDOW, key_groups);
    memset(&chains, 0, sizeof chains);
    chains.run = run;
    entries = longest = 0;
    world.node.size_ms = size;
    world.node.slide_ms = slide;
    use_key(USER);
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
    world.output = make_schema(defs, 7, 6);
    world.node.schema = world.output;
    ck_assert_int_eq(tm_operator_window_new(&world.ctx, &world.node, &world.op, &world.err), 0);
    world.op->metrics = &world.metrics;
    ck_assert_int_eq(world.op->ops->open(world.op, world.input, &world.err), 0);
    ck_assert_uint_eq(chains.count, size == slide ? 1 : 2);
}

static void open_custom(int64_t size, int64_t slide)
{
    open_custom_of(size, slide, 128);
}

static void teardown(void)
{
    lines_clear();
    check_account();
    tm_schema_unref(accumulator_schema);
    world_free();
    for (uint32_t i = 0; i < chains.count; i++)
        ck_assert(chains.made[i].freed);
}

START_TEST(rows_that_belong_nowhere_are_passed_over)
{
    open_custom(10, 10);
    feed_watermark(99, NULL);
    enum { ROWS = 1000 };
    struct row rows[ROWS];
    for (int i = 0; i < ROWS; i++) // two of three are late
        rows[i] =
            (struct row){.user = i % 2 ? "a" : "b", .ts = i % 3 ? 5 : 105, .cents = i, .note = "x"};
    ck_assert_int_eq(feed_rows(rows, ROWS, NULL), 0);
    feed_watermark(200, lines_take);
    int64_t n[2] = {0}, sum[2] = {0};
    for (int i = 0; i < ROWS; i += 3) {
        n[i % 2]++;
        sum[i % 2] += i;
    }
    char text[2][100];
    for (int k = 0; k < 2; k++)
        snprintf(text[k], sizeof text[k], "%s|100|110|%d|%d|x|109", k ? "a" : "b", (int)n[k],
                 (int)sum[k]);
    expect_lines(3);
    ck_assert(strcmp(lines[0], text[0]) == 0 || strcmp(lines[0], text[1]) == 0);
    ck_assert(strcmp(lines[1], text[0]) == 0 || strcmp(lines[1], text[1]) == 0);
    ck_assert_str_ne(lines[0], lines[1]);
    ck_assert_uint_eq(longest, TM__OPERATOR_BLOCK); // not an entry for every row
    teardown();
}
END_TEST

START_TEST(slices_are_merged_texts_too_and_stay_as_they_were)
{
    open_custom(10, 5);
    struct row rows[] = {
        {.user = "a", .ts = 1, .cents = 1, .note = "first"},
        {.user = "a", .ts = 6, .cents = 2, .note = "a note that is longer than the first one"},
        {.user = "a", .ts = 11, .cents = 4, .note = ""},
        {.user = "b", .ts = 2, .cents = 8, .note = "alone"},
    };
    ck_assert_int_eq(feed_rows(rows, 4, NULL), 0);
    feed_watermark(100, lines_take);
    expect_lines(7);
    uint32_t found = 0;
    static const char *const expected[] = {
        "a|-5|5|1|1|first|4",
        "b|-5|5|1|8|alone|4",
        "a|0|10|2|3|a note that is longer than the first one|9",
        "b|0|10|1|8|alone|9",
        "a|5|15|2|6||14",
        "a|10|20|1|4||19",
    };
    for (uint32_t i = 0; i < 6; i++)
        for (uint32_t k = 0; k < 6; k++)
            found += strcmp(lines[i], expected[k]) == 0;
    ck_assert_uint_eq(found, 6);
    teardown();
}
END_TEST

START_TEST(a_key_all_of_whose_rows_failed_has_no_row)
{
    open_custom(10, 5);
    struct row rows[] = {
        {.user = "a", .ts = 1, .cents = 1, .note = "bad"},
        {.user = "a", .ts = 6, .cents = 2, .note = "bad"},
        {.user = "b", .ts = 1, .cents = 4, .note = "bad"},
        {.user = "b", .ts = 6, .cents = 8, .note = "good"},
    };
    ck_assert_int_eq(feed_rows(rows, 4, NULL), 0);
    ck_assert_int_eq(world.failures, 3);
    ck_assert_uint_eq(world.metrics.used, 1);
    feed_watermark(100, lines_take);
    expect_line(0, "b|0|10|1|8|good|9");
    expect_line(1, "b|5|15|1|8|good|14");
    expect_lines(3);
    teardown();
}
END_TEST

// Of one key group, so that keys that have none stand between those that have one.
START_TEST(keys_without_a_row_cost_others_nothing)
{
    static const int64_t slides[] = {10, 5};
    enum { KEYS = 40, WINDOWS = 2 };
    for (uint32_t s = 0; s < 2; s++) {
        open_custom_of(10, slides[s], 1);
        char names[KEYS][8];
        struct row rows[KEYS];
        for (uint32_t i = 0; i < KEYS; i++) {
            snprintf(names[i], sizeof names[i], "%u", i);
            rows[i] = (struct row){
                .user = names[i], .ts = 6, .cents = 1, .note = i % 2 == 0 ? "bad" : "good"};
        }
        ck_assert_int_eq(feed_rows(rows, KEYS, NULL), 0);
        feed_watermark(100, lines_take);
        uint32_t expected = KEYS / 2 * (slides[s] == 5 ? WINDOWS : 1);
        expect_lines(expected + 1);
        teardown();
    }
}
END_TEST

START_TEST(a_merge_that_fails_costs_its_row_and_is_told_once)
{
    open_custom(15, 5);
    struct row rows[] = {
        {.user = "a", .ts = 1, .cents = 1, .note = "x"},
        {.user = "a", .ts = 6, .cents = 2, .note = "no merge"},
        {.user = "a", .ts = 11, .cents = 4, .note = "y"},
    };
    ck_assert_int_eq(feed_rows(rows, 3, NULL), 0);
    feed_watermark(100, lines_take);
    // -5 .. 10 and 0 .. 15 fail; 5 .. 20 begins with it: nothing is merged into the others.
    expect_line(0, "a|-10|5|1|1|x|4");
    expect_line(1, "a|5|20|2|6|y|19");
    expect_line(2, "a|10|25|1|4|y|24");
    expect_lines(4);
    ck_assert_int_eq(world.failures, 2);
    ck_assert_str_eq(world.failure_text, "no merge");
    teardown();
}
END_TEST

START_TEST(merges_that_fail_again_for_one_result_are_told_once)
{
    open_custom(30, 5);
    struct row rows[6];
    for (int i = 0; i < 6; i++)
        rows[i] = (struct row){
            .user = "a", .ts = 1 + 5 * i, .cents = 1, .note = i == 0 ? "x" : "no merge"};
    ck_assert_int_eq(feed_rows(rows, 6, NULL), 0);
    feed_watermark(29, lines_take);
    expect_line(0, "a|-25|5|1|1|x|4"); // the next five fail
    expect_lines(2);
    ck_assert_int_eq(world.failures, 5);
    feed_watermark(100, lines_take);
    ck_assert_int_eq(world.failures, 5 + 4);
    expect_line(2, "a|25|55|1|1|no merge|54"); // the last slice alone
    expect_lines(4);
    teardown();
}
END_TEST

START_TEST(a_failure_stops_the_job_where_it_should)
{
    open_custom(10, 10);
    world.fail_with = TM_E_USER_CODE;
    struct row row = {.user = "a", .ts = 1, .note = "bad"};
    ck_assert_int_eq(feed_rows(&row, 1, NULL), TM_E_USER_CODE);
    ck_assert_str_eq(world.err.message, "bad");
    world.metrics.skipped = 0;
    world.metrics.rows_in = 0;
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("custom");
    tcase_add_test(tc, rows_that_belong_nowhere_are_passed_over);
    tcase_add_test(tc, slices_are_merged_texts_too_and_stay_as_they_were);
    tcase_add_test(tc, a_key_all_of_whose_rows_failed_has_no_row);
    tcase_add_test(tc, keys_without_a_row_cost_others_nothing);
    tcase_add_test(tc, a_merge_that_fails_costs_its_row_and_is_told_once);
    tcase_add_test(tc, merges_that_fail_again_for_one_result_are_told_once);
    tcase_add_test(tc, a_failure_stops_the_job_where_it_should);
    return run_operator_case(tc, "operator/custom");
}
