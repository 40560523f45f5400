// Pre-aggregation: what it holds back and for how long; and that a window's results, accounts and
// failures are the same with it and without.
#include "core/operator/partial.h"
#include "core/operator/window.h"
#include "core/time/valve.h"
#include "support.h"

#include "core/base/limits.h"

enum { SENDERS = 4 };
static struct tm_operator *pre[SENDERS];

static void pre_open(uint32_t i)
{
    ck_assert_int_eq(tm_operator_preaggregate_new(&world.ctx, &world.node, &pre[i], &world.err), 0);
    pre[i]->metrics = &world.metrics;
    ck_assert_int_eq(pre[i]->ops->open(pre[i], world.input, &world.err), 0);
}

static void teardown(void)
{
    for (uint32_t i = 0; i < SENDERS; i++)
        if (pre[i] != NULL)
            pre[i]->ops->free(pre[i]);
    memset(pre, 0, sizeof pre);
    lines_clear();
    world_free();
}

static void window(int64_t size, int64_t slide, int64_t offset)
{
    world_new(TM_NODE_WINDOW, 128);
    world.graph.latency_ms = 5;
    world.node.size_ms = size;
    world.node.slide_ms = slide;
    world.node.offset_ms = offset;
}

// --- the operator alone --------------------------------------------------------------------------

static const struct tm_batch *last_batch;
static struct tm__operator_window *behind; // the window

// "user*rows", partial or not; control elements as elsewhere, a status as "S".
static void take(const struct tm_element *element)
{
    char text[256];
    if (element->kind == TM_ELEMENT_STATUS)
        lines_add("S");
    if (element->kind != TM_ELEMENT_BATCH) {
        lines_take(element);
        return;
    }
    last_batch = element->batch;
    TM_BATCH_EACH(element->batch, row)
    {
        uint32_t length;
        const char *user = tm_row_string(row, world.input->fields[USER].offset, &length);
        uint64_t rows = tm__operator_rows_of(&behind->partial, row);
        ck_assert_int_eq(row->kind, rows > 1 ? TM_ROW_PARTIAL : 0);
        snprintf(text, sizeof text, "%.*s*%llu", (int)length, user, (unsigned long long)rows);
        lines_add(text);
    }
}

// A step of the operator in front of the window, which is world.op.
static void pre_feed(struct tm_element in, void (*each)(const struct tm_element *))
{
    behind = (struct tm__operator_window *)world.op;
    world.op = pre[0];
    int rc = feed(in, each);
    world.op = &behind->base;
    ck_assert_int_eq(rc, 0);
}

static struct tm_batch *pre_rows(const struct row *rows, uint32_t count)
{
    struct tm_batch *batch = batch_of(rows, count);
    pre_feed((struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch}, take);
    return batch;
}

static void pre_watermark(int64_t watermark)
{
    pre_feed((struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = watermark}, take);
}

static void pre_rest(int (*rest)(struct tm_operator *, struct tm_element *, struct tm_error *))
{
    for (int rc = TM_STEP_MORE; rc == TM_STEP_MORE;) {
        struct tm_element out = {0};
        rc = rest(pre[0], &out, &world.err);
        ck_assert_int_ge(rc, 0);
        if (out.kind == TM_ELEMENT_BATCH) {
            take(&out);
            tm_batch_release(out.batch);
        }
    }
}

static void open_counts(int64_t size, int64_t slide)
{
    window(size, slide, 0);
    use_key(USER);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_SUM, CENTS);
    open_keyed(tm_operator_window_new);
    pre_open(0);
}

START_TEST(rows_are_held_until_a_watermark_ends_one_of_their_windows)
{
    open_counts(10, 10);
    const struct row rows[] = {{.user = "a", .ts = 1},
                               {.user = "b", .ts = 2},
                               {.user = "a", .ts = 9},
                               {.user = "a", .ts = 10}};
    pre_rows(rows, 4);
    pre_watermark(8);
    expect_line(0, "W 8");
    expect_lines(1);
    pre_watermark(9);
    expect_line(1, "a*2");
    expect_line(2, "b*1");
    expect_line(3, "a*1"); // of the next window: all go at once
    expect_line(4, "W 9");
    expect_lines(5);
    teardown();
}
END_TEST

START_TEST(of_windows_that_overlap_the_first_to_end_counts)
{
    open_counts(20, 10);
    const struct row rows[] = {{.user = "a", .ts = 1}, {.user = "a", .ts = 2}};
    pre_rows(rows, 2);
    pre_watermark(8);
    pre_watermark(9);
    expect_line(1, "a*2");
    expect_line(2, "W 9");
    pre_rows(rows, 2); // in time for one of their two windows only: as they are
    expect_line(3, "a*1");
    expect_line(4, "a*1");
    expect_lines(5);
    teardown();
}
END_TEST

START_TEST(rows_that_are_late_or_have_no_time_or_no_window_go_on_as_they_are)
{
    open_counts(5, 10);
    pre_watermark(20);
    const struct row rows[] = {
        {.user = "late", .ts = 3},        {.user = "none", .nulls = 1u << TS},
        {.user = "far", .ts = INT64_MAX}, {.user = "between", .ts = 27},
        {.user = "held", .ts = 31},       {.user = "held", .ts = 32}};
    pre_rows(rows, 6);
    expect_line(1, "late*1");
    expect_line(2, "none*1");
    expect_line(3, "far*1");
    expect_line(4, "between*1");
    expect_lines(5);
    pre_feed((struct tm_element){.kind = TM_ELEMENT_END, .status = TM_END_STOP}, take);
    expect_line(5, "held*2");
    expect_line(6, "END");
    teardown();
}
END_TEST

START_TEST(what_is_held_goes_before_idleness_and_not_later_than_latency_once_there_was_some)
{
    open_counts(1000, 1000);
    const struct row rows[] = {{.user = "a", .ts = 1}, {.user = "a", .ts = 2}};
    world.ctx.now_ns = 7;
    ck_assert_int_eq(pre[0]->ops->deadline_ns(pre[0]), INT64_MAX);
    pre_rows(rows, 2);
    ck_assert_int_gt(pre[0]->ops->deadline_ns(pre[0]), 7 + 5000000);
    pre_feed((struct tm_element){.kind = TM_ELEMENT_STATUS, .status = TM_CHANNEL_IDLE}, take);
    expect_line(0, "a*2");
    expect_line(1, "S");
    ck_assert_int_eq(pre[0]->ops->deadline_ns(pre[0]), INT64_MAX);
    pre_feed((struct tm_element){.kind = TM_ELEMENT_STATUS, .status = TM_CHANNEL_ACTIVE}, take);
    pre_rows(rows, 2);
    ck_assert_int_eq(pre[0]->ops->deadline_ns(pre[0]), 7 + 5000000);
    expect_lines(3);
    pre_rest(pre[0]->ops->tick);
    expect_line(3, "a*2");
    pre_rows(rows, 1);
    pre_rest(pre[0]->ops->rest);
    expect_line(4, "a*1");
    expect_lines(5);
    teardown();
}
END_TEST

// So it has nothing to give to a checkpoint.
START_TEST(what_is_held_goes_before_a_barrier)
{
    open_counts(1000, 1000);
    const struct row rows[] = {{.user = "a", .ts = 1}, {.user = "a", .ts = 2}};
    pre_rows(rows, 2);
    expect_lines(0);
    pre_feed((struct tm_element){.kind = TM_ELEMENT_BARRIER, .checkpoint = 1}, take);
    expect_line(0, "a*2");
    expect_lines(1);
    ck_assert(pre[0]->ops->snapshot == NULL);
    teardown();
}
END_TEST

START_TEST(a_key_has_as_many_partial_rows_as_its_rows_fill)
{
    open_counts(1000, 1000);
    struct row rows[1000];
    for (uint32_t i = 0; i < 1000; i++)
        rows[i] = (struct row){.user = "a", .ts = 1};
    pre_rows(rows, 1000);
    pre_rows(rows, 1000);
    pre_rows(rows, 100);
    pre_rest(pre[0]->ops->rest);
    expect_line(0, "a*1023");
    expect_line(1, "a*1023");
    expect_line(2, "a*54");
    expect_lines(3);
    teardown();
}
END_TEST

START_TEST(keys_of_any_length_are_found_again)
{
    open_counts(1000, 1000);
    char name[64] = "";
    for (uint32_t length = 0; length < 40; length++) {
        char other[64];
        snprintf(other, sizeof other, "%sx", name); // and not taken for one that begins like it
        const struct row rows[] = {{.user = name, .ts = 1},
                                   {.user = other, .ts = 1},
                                   {.user = name, .ts = 1},
                                   {.user = other, .ts = 1}};
        lines_clear();
        pre_rows(rows, 4);
        pre_rest(pre[0]->ops->rest);
        expect_lines(2);
        snprintf(other, sizeof other, "%s*2", name);
        expect_line(0, other);
        name[length] = (char)('a' + length % 26);
    }
    teardown();
}
END_TEST

// More keys than the table has room for, `times` rows of each; every row goes out once.
static void many_keys(uint32_t keys, uint32_t times)
{
    struct row rows[1000];
    char names[1000][8];
    uint64_t sum = 0;
    for (uint32_t at = 0; at < keys * times;) {
        uint32_t count = 0;
        for (; count < 1000 && at < keys * times; count++, at++) {
            snprintf(names[count], sizeof names[count], "%u", at / times);
            rows[count] = (struct row){.user = names[count], .ts = 1};
        }
        pre_rows(rows, count);
    }
    pre_rest(pre[0]->ops->rest);
    for (uint32_t i = 0; i < line_count; i++)
        sum += strtoull(strchr(lines[i], '*') + 1, NULL, 10);
    ck_assert_uint_eq(sum, keys * times);
}

START_TEST(a_full_table_goes_out_and_begins_anew)
{
    open_counts(1000, 1000);
    many_keys(3 * TM_PREAGGREGATE_ENTRIES, 5);
    ck_assert_uint_le(line_count, 3 * TM_PREAGGREGATE_ENTRIES + 3);
    teardown();
}
END_TEST

START_TEST(where_keys_seldom_come_twice_batches_pass_untouched_for_a_while)
{
    open_counts(1000, 1000);
    many_keys(2 * TM_PREAGGREGATE_ENTRIES, 1);
    lines_clear();
    const struct row rows[] = {{.user = "a", .ts = 1}, {.user = "a", .ts = 2}};
    const struct tm_batch *batch = pre_rows(rows, 2);
    ck_assert_ptr_eq(last_batch, batch);
    expect_lines(2);
    lines_clear();
    struct row same[1000];
    for (uint32_t i = 0; i < 1000; i++)
        same[i] = (struct row){.user = "a", .ts = 1};
    for (uint32_t i = 0; i < 66; i++)
        pre_rows(same, 1000);
    uint32_t passed = line_count;
    ck_assert_uint_lt(passed, 66000); // and then it is tried again
    pre_rows(same, 1000);
    ck_assert_uint_eq(line_count, passed);
    teardown();
}
END_TEST

START_TEST(rows_beyond_a_bound_go_alone_unless_their_key_is_there)
{
    open_counts(1000, 1000);
    char note[2000];
    memset(note, 'x', sizeof note);
    note[sizeof note - 1] = '\0';
    const struct row rows[] = {{.user = "a", .ts = 1, .note = note},
                               {.user = "a", .ts = 1},
                               {.user = "a", .ts = 1, .note = note}};
    pre_rows(rows, 3);
    expect_line(0, "a*1");
    expect_lines(1);
    pre_rest(pre[0]->ops->rest);
    expect_line(1, "a*2");
    teardown();
}
END_TEST

// --- with and without ----------------------------------------------------------------------------

struct step {
    enum { ROWS, WATERMARK, IDLE, ACTIVE, REST } kind;
    uint32_t sender, first, count; // rows
    int64_t watermark;
};
enum { STEPS = 400, ROWS_MAX = 4000 };
static struct script {
    struct tm_node node;
    struct tm_aggregate aggregates[6];
    uint32_t aggregate_count, keys, key[2], senders;
    struct step steps[STEPS];
    uint32_t step_count;
    struct row rows[ROWS_MAX];
    uint32_t row_count;
    bool fails; // a row out of range ends it
} script;

static struct tm_valve *valve;

static int deliver(uint32_t sender, struct tm_element element)
{
    struct tm_valve_output out;
    if (element.kind == TM_ELEMENT_BATCH)
        return feed(element, lines_take);
    if (element.kind == TM_ELEMENT_WATERMARK)
        out = tm_valve_watermark(valve, sender, element.watermark);
    else
        out = tm_valve_status(valve, sender, (enum tm_channel_status)element.status);
    if (out.watermark_moved)
        return feed((struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = out.watermark},
                    lines_take);
    return 0;
}

static int send(uint32_t sender, struct tm_element in, bool with)
{
    int rc = TM_STEP_MORE, failed = 0;
    if (!with)
        return deliver(sender, in);
    while (rc == TM_STEP_MORE) {
        struct tm_element out = {0};
        rc = pre[sender]->ops->step(pre[sender], &in, &out, &world.err);
        ck_assert_int_ge(rc, 0);
        if (out.kind == TM_ELEMENT_NONE)
            continue;
        if (failed == 0)
            failed = deliver(sender, out);
        else if (out.kind == TM_ELEMENT_BATCH)
            tm_batch_release(out.batch);
    }
    return failed;
}

static int rest_of(uint32_t sender)
{
    int rc = TM_STEP_MORE;
    while (rc == TM_STEP_MORE) {
        struct tm_element out = {0};
        rc = pre[sender]->ops->rest(pre[sender], &out, &world.err);
        int failed = out.kind == TM_ELEMENT_NONE ? 0 : deliver(sender, out);
        if (failed != 0)
            return failed;
    }
    return 0;
}

static int play_step(const struct step *step, bool with)
{
    static const uint8_t statuses[] = {[IDLE] = TM_CHANNEL_IDLE, [ACTIVE] = TM_CHANNEL_ACTIVE};
    struct tm_element element = {.kind = TM_ELEMENT_STATUS};
    switch (step->kind) {
    case ROWS:
        element.kind = TM_ELEMENT_BATCH;
        element.batch = batch_of(&script.rows[step->first], step->count);
        break;
    case WATERMARK:
        element.kind = TM_ELEMENT_WATERMARK;
        element.watermark = step->watermark;
        break;
    case REST:
        return with ? rest_of(step->sender) : 0;
    default:
        element.status = statuses[step->kind];
    }
    return send(step->sender, element, with);
}

// What came out, in order; then the accounts.
static char **result;
static uint32_t result_count;

static int play(bool with)
{
    char text[200];
    window(script.node.size_ms, script.node.slide_ms, script.node.offset_ms);
    world.node.window = script.node.window;
    for (uint32_t i = 0; i < script.keys; i++)
        use_key(script.key[i]);
    for (uint32_t i = 0; i < script.aggregate_count; i++)
        use_aggregate(script.aggregates[i].kind, script.aggregates[i].input_field);
    world.fail_with = script.fails ? TM_E_OVERFLOW : 0;
    open_keyed(tm_operator_window_new);
    valve = tm_valve_new(&world.mem, script.senders);
    for (uint32_t i = 0; i < script.senders; i++)
        pre_open(i);
    int rc = 0;
    for (uint32_t i = 0; i < script.step_count && rc == 0; i++)
        rc = play_step(&script.steps[i], with);
    for (uint32_t i = 0; i < script.senders && rc == 0; i++)
        rc = send(i, (struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = INT64_MAX},
                  with);
    tm_valve_free(valve);
    if (rc == 0) {
        const struct tm_node_metrics *m = &world.metrics;
        check_account();
        snprintf(text, sizeof text, "in %llu used %llu late %llu filtered %llu failures %d",
                 (unsigned long long)m->rows_in, (unsigned long long)m->used,
                 (unsigned long long)m->late, (unsigned long long)m->filtered, world.failures);
        lines_add(text);
    }
    result = calloc(line_count + 1, sizeof *result);
    for (result_count = 0; result_count < line_count; result_count++)
        result[result_count] = strdup(lines[result_count]);
    teardown();
    return rc;
}

static void compare(uint32_t number)
{
    int rc = play(false);
    char **without = result;
    uint32_t count = result_count;
    int other = play(true);
    ck_assert_msg(rc == other, "case %u: %d without, %d with", number, rc, other);
    ck_assert_msg(rc != 0 || count == result_count, "case %u: %u lines without, %u with", number,
                  count, result_count);
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        ck_assert_msg(strcmp(without[i], result[i]) == 0, "case %u: %s without, %s with", number,
                      without[i], result[i]);
    for (uint32_t i = 0; i < count; i++)
        free(without[i]);
    for (uint32_t i = 0; i < result_count; i++)
        free(result[i]);
    free(without);
    free(result);
}

static void draw_window(void)
{
    static const int64_t sizes[] = {10, 20, 30, 60, 100};
    struct tm_node *node = &script.node;
    *node = (struct tm_node){.kind = TM_NODE_WINDOW};
    node->size_ms = sizes[draw(5)];
    node->slide_ms = draw(2) ? node->size_ms : sizes[draw(5)];
    if (draw(4) == 0) {
        node->window = TM_WINDOW_CUMULATE;
        node->slide_ms = sizes[draw(2)];
        node->size_ms = node->slide_ms * (int64_t)(1 + draw(4));
    }
    node->offset_ms = (int64_t)draw(19) - 9;
    node->offset_ms %= node->slide_ms;
}

static void draw_aggregates(void)
{
    static const struct tm_aggregate all[] = {
        {.kind = TM_AGGREGATE_COUNT, .input_field = -1},
        {.kind = TM_AGGREGATE_SUM, .input_field = CENTS},
        {.kind = TM_AGGREGATE_SUM, .input_field = BIG},
        {.kind = TM_AGGREGATE_SUM, .input_field = PRICE},
        {.kind = TM_AGGREGATE_AVG, .input_field = CENTS},
        {.kind = TM_AGGREGATE_AVG, .input_field = BIG},
        {.kind = TM_AGGREGATE_MIN, .input_field = PRICE},
        {.kind = TM_AGGREGATE_MAX, .input_field = PRICE},
        {.kind = TM_AGGREGATE_MIN, .input_field = CENTS},
        {.kind = TM_AGGREGATE_MAX, .input_field = BIG},
        {.kind = TM_AGGREGATE_MIN, .input_field = AMOUNT},
        {.kind = TM_AGGREGATE_MAX, .input_field = AMOUNT},
        {.kind = TM_AGGREGATE_MAX, .input_field = TS},
        {.kind = TM_AGGREGATE_MIN, .input_field = FLAG},
    };
    static const uint32_t keys[][2] = {{USER}, {ITEM}, {USER, ITEM}, {PRICE, FLAG}};
    uint32_t which = (uint32_t)draw(4);
    script.aggregate_count = 1 + (uint32_t)draw(6);
    for (uint32_t i = 0; i < script.aggregate_count; i++)
        script.aggregates[i] = all[draw(sizeof all / sizeof all[0])];
    script.keys = which < 2 ? 1 : 2;
    memcpy(script.key, keys[which], sizeof script.key);
}

static void draw_row(struct row *row, int64_t watermark)
{
    static const char *const users[] = {"a", "b", "", "user-4711", "a user with a long name", "c"};
    static const double amounts[] = {0.0, -0.0, 1.5, -2.25, 1e300, 0.0 / 0.0};
    *row = (struct row){.user = users[draw(6)],
                        .item = (int64_t)draw(3),
                        .ts = watermark + (int64_t)draw(120) - 20,
                        .amount = amounts[draw(6)],
                        .cents = (int64_t)draw(2000) - 1000,
                        .big = (int64_t)(draw(2000) << 40) - ((int64_t)1000 << 40),
                        .price = (int64_t)draw(4) - 2,
                        .flag = draw(2) != 0};
    static const uint32_t nullable[] = {TS, AMOUNT, CENTS, BIG};
    for (uint32_t i = 0; i < 4; i++)
        if (draw(i == 0 ? 60 : 10) == 0)
            row->nulls |= 1u << nullable[i];
}

// `idle`: senders pause and come back; then each rests behind its rows, and others go on without.
static void draw_steps(bool idle)
{
    int64_t watermarks[SENDERS] = {0};
    bool is_idle[SENDERS] = {0};
    script.step_count = script.row_count = 0;
    while (script.step_count + 2 < STEPS && script.row_count + 40 < ROWS_MAX) {
        uint32_t s = (uint32_t)draw(script.senders), what = (uint32_t)draw(10);
        struct step *step = &script.steps[script.step_count++];
        *step = (struct step){.sender = s, .first = script.row_count};
        if (idle && (what == 0 || is_idle[s])) {
            is_idle[s] = !is_idle[s];
            step->kind = is_idle[s] ? IDLE : ACTIVE;
        } else if (what < 4) {
            step->kind = WATERMARK;
            step->watermark = watermarks[s] += (int64_t)draw(30);
        } else {
            step->kind = ROWS;
            step->count = 1 + (uint32_t)draw(40);
            for (uint32_t i = 0; i < step->count; i++)
                draw_row(&script.rows[script.row_count++], watermarks[s]);
            if (idle)
                script.steps[script.step_count++] = (struct step){.kind = REST, .sender = s};
        }
    }
}

static void compare_many(const char *test, bool idle)
{
    seed_from(test);
    for (uint32_t i = 0; i < 300; i++) {
        script.fails = false;
        script.senders = 1 + (uint32_t)draw(SENDERS);
        draw_window();
        draw_aggregates();
        draw_steps(idle);
        compare(i);
    }
}

START_TEST(results_and_accounts_are_the_same_with_and_without)
{
    compare_many("held", false);
}
END_TEST

START_TEST(so_they_are_where_senders_pause)
{
    compare_many("idle", true);
}
END_TEST

// Sums near the ends of their range: one row too many fails the job, in whatever partial row it is.
START_TEST(a_sum_goes_out_of_range_with_if_and_only_if_it_does_without)
{
    seed_from("ranges");
    uint32_t failed = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        static const uint32_t fields[] = {CENTS, BIG};
        uint32_t field = fields[draw(2)];
        int64_t unit = field == CENTS ? TM_INT_MAX / 2 : INT64_MAX / 2 + 1;
        script.fails = true;
        script.senders = 1;
        draw_window();
        script.aggregate_count = 1;
        script.aggregates[0] =
            (struct tm_aggregate){.kind = TM_AGGREGATE_SUM, .input_field = (int32_t)field};
        script.keys = 1;
        script.key[0] = FLAG;
        draw_steps(false);
        script.step_count = 2 + (uint32_t)draw(12);
        for (uint32_t r = 0; r < script.row_count; r++) {
            struct row *row = &script.rows[r];
            row->nulls = 0;
            row->cents = row->big = ((int64_t)draw(3) - 1) * unit + (int64_t)draw(3) - 1;
        }
        int rc = play(false);
        for (uint32_t k = 0; k < result_count; k++)
            free(result[k]);
        free(result);
        failed += rc != 0;
        compare(i);
    }
    ck_assert_uint_gt(failed, 200);
    ck_assert_uint_lt(failed, 1900);
}
END_TEST

// --- decimals of all digits ----------------------------------------------------------------------

START_TEST(decimals_of_more_digits_than_a_partial_sum_takes_go_alone_and_in_order)
{
    window(10, 10, 0);
    struct tm_field_def wide[FIELDS];
    memcpy(wide, input_fields, sizeof wide);
    wide[PRICE].type.precision = 38;
    tm_schema_unref(world.input);
    world.input = make_schema(wide, FIELDS, TS);
    use_key(USER);
    use_aggregate(TM_AGGREGATE_SUM, PRICE);
    open_keyed(tm_operator_window_new);
    pre_open(0);
    struct row rows[6];
    for (uint32_t i = 0; i < 6; i++)
        rows[i] = (struct row){.user = "a", .ts = 1, .price = 3};
    struct tm_batch *batch = batch_of(rows, 6);
    __int128 large = (__int128)10000000000000000000u * 10000000000000000000u - 5;
    uint32_t i = 0;
    TM_BATCH_EACH(batch, row)
    if (++i == 3)
        memcpy((uint8_t *)row + world.input->fields[PRICE].offset, &large, sizeof large);
    pre_feed((struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch}, take);
    expect_line(0, "a*2");
    expect_line(1, "a*1");
    expect_lines(2);
    pre_rest(pre[0]->ops->rest);
    expect_line(2, "a*3");
    teardown();
}
END_TEST

START_TEST(aggregates_that_depend_on_order_pass_untouched)
{
    static const struct {
        int kind, field;
    } others[] = {{TM_AGGREGATE_SUM, AMOUNT}, {TM_AGGREGATE_FIRST, CENTS},
                  {TM_AGGREGATE_LAST, CENTS}, {TM_AGGREGATE_MIN, NOTE},
                  {TM_AGGREGATE_AVG, PRICE},  {TM_AGGREGATE_COUNT_DISTINCT, CENTS}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        window(10, 10, 0);
        use_key(USER);
        use_aggregate(TM_AGGREGATE_COUNT, -1);
        use_aggregate(others[i].kind, others[i].field);
        open_keyed(tm_operator_window_new);
        pre_open(0);
        const struct row rows[] = {{.user = "a", .ts = 1}, {.user = "a", .ts = 2}};
        const struct tm_batch *batch = pre_rows(rows, 2);
        ck_assert_ptr_eq(last_batch, batch);
        expect_lines(2);
        teardown();
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("preaggregate");
    tcase_add_test(tc, rows_are_held_until_a_watermark_ends_one_of_their_windows);
    tcase_add_test(tc, of_windows_that_overlap_the_first_to_end_counts);
    tcase_add_test(tc, rows_that_are_late_or_have_no_time_or_no_window_go_on_as_they_are);
    tcase_add_test(
        tc, what_is_held_goes_before_idleness_and_not_later_than_latency_once_there_was_some);
    tcase_add_test(tc, what_is_held_goes_before_a_barrier);
    tcase_add_test(tc, a_key_has_as_many_partial_rows_as_its_rows_fill);
    tcase_add_test(tc, keys_of_any_length_are_found_again);
    tcase_add_test(tc, a_full_table_goes_out_and_begins_anew);
    tcase_add_test(tc, where_keys_seldom_come_twice_batches_pass_untouched_for_a_while);
    tcase_add_test(tc, rows_beyond_a_bound_go_alone_unless_their_key_is_there);
    tcase_add_test(tc, results_and_accounts_are_the_same_with_and_without);
    tcase_add_test(tc, so_they_are_where_senders_pause);
    tcase_add_test(tc, a_sum_goes_out_of_range_with_if_and_only_if_it_does_without);
    tcase_add_test(tc, decimals_of_more_digits_than_a_partial_sum_takes_go_alone_and_in_order);
    tcase_add_test(tc, aggregates_that_depend_on_order_pass_untouched);
    return run_operator_case(tc, "preaggregate");
}
