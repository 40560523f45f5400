// distinct and dedup: which rows go on, what is forgotten and when, and that forgetting frees
// memory.
#include "core/task/inspect.h"
#include "support.h"

static void distinct(int64_t ttl_ms)
{
    world_new(TM_NODE_DISTINCT, 128);
    use_key(USER);
    world.node.ttl_ms = ttl_ms;
    world.ctx.now_ms = 1767225600000;
}

static void open_distinct(void)
{
    open_with(tm_operator_distinct_new, make_schema(input_fields, FIELDS, TS));
}

static void by(const uint32_t *fields, uint32_t count)
{
    static uint32_t list[FIELDS];
    memcpy(list, fields, count * sizeof *fields);
    world.node.identity = list;
    world.node.identity_count = count;
}

static void teardown(void)
{
    lines_clear();
    check_account();
    world_free();
}

// Rows alone: control elements and batches that lost all rows are not counted.
static void take_rows(const struct tm_element *element)
{
    if (element->kind == TM_ELEMENT_BATCH && element->batch->row_count != 0)
        lines_take(element);
}

static void expect_filtered(uint32_t filtered, uint32_t used)
{
    ck_assert_uint_eq(world.metrics.filtered, filtered);
    ck_assert_uint_eq(world.metrics.used, used);
    ck_assert_uint_eq(world.metrics.rows_out, used);
}

START_TEST(rows_that_differ_in_any_column_are_different)
{
    distinct(0);
    open_distinct();
    struct row rows[] = {
        {.user = "a", .note = "x", .amount = 1},
        {.user = "a", .note = "x", .amount = 1},
        {.user = "a", .note = "x", .amount = 2},
        {.user = "a", .note = "", .amount = 1},
        {.user = "a", .note = "", .amount = 1, .nulls = 1u << NOTE},
        {.user = "b", .note = "x", .amount = 1},
        {.user = "a", .note = "", .amount = 1, .nulls = 1u << NOTE},
        {.user = "a", .note = "x", .amount = 2},
    };
    ck_assert_int_eq(feed_rows(rows, 8, take_rows), 0);
    expect_lines(5);
    expect_filtered(3, 5);
    teardown();
}
END_TEST

START_TEST(zeros_of_both_signs_are_equal_and_so_are_nans)
{
    distinct(0);
    by((uint32_t[]){AMOUNT}, 1);
    open_distinct();
    struct row rows[] = {
        {.user = "a", .amount = 0.0},
        {.user = "a", .amount = -0.0},
        {.user = "a", .amount = __builtin_nan("")},
        {.user = "a", .amount = -__builtin_nan("1")},
    };
    ck_assert_int_eq(feed_rows(rows, 4, take_rows), 0);
    expect_lines(2);
    teardown();
}
END_TEST

START_TEST(dedup_looks_at_its_fields_alone_and_gives_the_first_row)
{
    distinct(0);
    by((uint32_t[]){ITEM, NOTE}, 2);
    open_distinct();
    struct row rows[] = {
        {.user = "a", .item = 1, .note = "x", .cents = 1},
        {.user = "a", .item = 1, .note = "x", .cents = 2},
        {.user = "a", .item = 1, .note = "y", .cents = 3},
        {.user = "b", .item = 1, .note = "x", .cents = 4},
        {.user = "a", .item = 0, .note = "x", .cents = 5, .nulls = 1u << ITEM},
        {.user = "a", .item = 0, .note = "x", .cents = 6},
    };
    ck_assert_int_eq(feed_rows(rows, 6, take_rows), 0);
    expect_line(0, "a|1|0|0|1|0|0E-2|x|0");
    expect_line(1, "a|1|0|0|3|0|0E-2|y|0");
    expect_line(2, "b|1|0|0|4|0|0E-2|x|0");
    expect_lines(5);
    teardown();
}
END_TEST

// One row at a time of its own clock; true: it went on.
static bool goes_on(int64_t item, int64_t ms)
{
    uint32_t before = line_count;
    world.ctx.now_ms = ms;
    struct row row = {.user = "a", .item = item};
    ck_assert_int_eq(feed_rows(&row, 1, take_rows), 0);
    return line_count != before;
}

START_TEST(a_row_comes_again_when_its_time_to_live_is_over_to_the_millisecond)
{
    int64_t start = 1767225600000;
    distinct(1000);
    open_distinct();
    ck_assert(goes_on(1, start + 300));
    ck_assert(!goes_on(1, start + 301));
    ck_assert(goes_on(2, start + 900));
    ck_assert(!goes_on(1, start + 1299)); // in the next generation
    ck_assert(goes_on(1, start + 1300));
    ck_assert(!goes_on(2, start + 1899));
    ck_assert(!goes_on(1, start + 2299)); // it counts from when it went on again
    ck_assert(goes_on(2, start + 2299));
    ck_assert(goes_on(1, start + 9000));  // generations without a row
    ck_assert(!goes_on(1, start + 8000)); // a clock that goes back stands still here
    ck_assert(goes_on(1, start + 10000));
    teardown();
}
END_TEST

START_TEST(any_sequence_of_rows_and_times_gives_what_a_table_of_times_gives)
{
    enum { ITEMS = 40, STEPS = 4000 };
    seed_from("any_sequence_of_rows_and_times_gives_what_a_table_of_times_gives");
    for (int round = 0; round < 5; round++) {
        int64_t ttl = 1 + (int64_t)draw(3000), now = 1767225600000, since[ITEMS];
        distinct(ttl);
        by((uint32_t[]){ITEM}, 1);
        open_distinct();
        for (int i = 0; i < ITEMS; i++)
            since[i] = INT64_MIN / 2;
        for (int step = 0; step < STEPS; step++) {
            now += draw(20) == 0 ? (int64_t)draw((uint64_t)ttl * 3) : (int64_t)draw(30);
            uint64_t item = draw(ITEMS);
            bool fresh = now - since[item] >= ttl;
            if (fresh)
                since[item] = now;
            ck_assert_int_eq(goes_on((int64_t)item, now), fresh);
            lines_clear();
        }
        teardown();
    }
}
END_TEST

START_TEST(memory_stays_within_two_times_to_live)
{
    int64_t now = 1767225600000, highest = 0;
    distinct(1000);
    by((uint32_t[]){ITEM}, 1);
    open_distinct();
    for (int64_t i = 0; i < 60000; i++) { // ten identities a millisecond, none of them twice
        struct row row = {.user = "a", .item = i};
        world.ctx.now_ms = now + i / 10;
        ck_assert_int_eq(feed_rows(&row, 1, NULL), 0);
        if (i == 20500) // two times to live are full
            highest = atomic_load(&world.mem.used_bytes);
    }
    ck_assert_int_lt(atomic_load(&world.mem.used_bytes), highest * 3 / 2);
    teardown();
}
END_TEST

START_TEST(a_batch_keeps_the_order_of_its_rows_and_its_split)
{
    distinct(0);
    by((uint32_t[]){ITEM}, 1);
    open_distinct();
    struct row rows[1000];
    for (int i = 0; i < 1000; i++)
        rows[i] =
            (struct row){.user = i % 2 ? "longer than eight bytes" : "b", .item = i % 700 / 2};
    ck_assert_int_eq(feed_rows(rows, 1000, take_rows), 0);
    expect_lines(700);
    for (uint32_t i = 0; i < 700; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "%s|%u|0|0|0|0|0E-2||0",
                 i % 2 ? "longer than eight bytes" : "b", i / 2);
        expect_line(i, wanted);
    }
    teardown();
}
END_TEST

// What the operator keeps, as somebody who looks at it from outside is told.
static struct {
    uint32_t identities, values;
    int64_t seen_ms; // 0: each is told as true
} told;

static void tell_value(void *arg, const char *state, struct tm_type type, struct tm_slot slot)
{
    (void)arg;
    ck_assert_str_eq(state, "seen");
    told.values++;
    if (told.seen_ms == 0) {
        ck_assert_int_eq(type.kind, TM_TYPE_BOOL);
        ck_assert_int_eq(*slot.at, 1);
    } else {
        int64_t since;
        ck_assert_int_eq(type.kind, TM_TYPE_TIMESTAMP);
        memcpy(&since, slot.at, sizeof since);
        ck_assert_int_eq(since, told.seen_ms);
    }
}

static bool tell_identity(void *arg, const struct tm_key *key)
{
    (void)arg;
    told.identities++;
    const struct tm_inspector inspector = {.value = tell_value};
    ck_assert_int_eq(world.op->ops->inspect->results(world.op, key, &inspector), 0);
    return true;
}

static void expect_told(int64_t seen_ms, uint32_t identities, uint32_t values)
{
    memset(&told, 0, sizeof told);
    told.seen_ms = seen_ms;
    ck_assert_int_eq(world.op->ops->inspect->keys(world.op, tell_identity, NULL), 0);
    ck_assert_uint_eq(told.identities, identities);
    ck_assert_uint_eq(told.values, values);
}

START_TEST(who_looks_is_told_that_an_identity_was_seen_or_when)
{
    int64_t start = 1767225600000;
    for (int keeps = 0; keeps < 2; keeps++) { // without a time to live, and with one
        distinct(keeps == 0 ? 0 : 1000);
        by((uint32_t[]){ITEM}, 1);
        open_distinct();
        for (int64_t item = 0; item < 50; item++)
            ck_assert(goes_on(item, start + 100));
        struct row others[] = {
            {.user = "a", .nulls = 1u << ITEM},
            {.user = "a user whose name is so long that its entry has it somewhere else"},
        };
        ck_assert_int_eq(feed_rows(others, 2, take_rows), 0);
        expect_told(keeps == 0 ? 0 : start + 100, 52, 52);
        world.ctx.now_ms = start + 1099;
        expect_told(keeps == 0 ? 0 : start + 100, 52, 52);
        world.ctx.now_ms = start + 1100; // what is over may be there yet, and is told no more
        expect_told(0, 52, keeps == 0 ? 52 : 0);
        teardown();
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("dedup");
    tcase_add_test(tc, rows_that_differ_in_any_column_are_different);
    tcase_add_test(tc, zeros_of_both_signs_are_equal_and_so_are_nans);
    tcase_add_test(tc, dedup_looks_at_its_fields_alone_and_gives_the_first_row);
    tcase_add_test(tc, a_row_comes_again_when_its_time_to_live_is_over_to_the_millisecond);
    tcase_add_test(tc, any_sequence_of_rows_and_times_gives_what_a_table_of_times_gives);
    tcase_add_test(tc, memory_stays_within_two_times_to_live);
    tcase_add_test(tc, a_batch_keeps_the_order_of_its_rows_and_its_split);
    tcase_add_test(tc, who_looks_is_told_that_an_identity_was_seen_or_when);
    return run_operator_case(tc, "dedup");
}
