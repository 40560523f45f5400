// Tails of partial rows that come from outside: those that a pre-aggregation makes pass, and one
// that no rows can have made is refused and named.
#include "core/operator/partial.h"
#include "core/operator/window.h"
#include "support.h"

#include "core/base/limits.h"

static struct tm__operator_aggregates aggregates;
static struct tm__operator_partial partial;
static struct tm_batch *batch; // of one partial row

enum { TAIL_MAX = 512, ROWS = 40 };
// The aggregates, and where their results begin in the tail, behind the number of rows.
enum {
    SUM_CENTS = 8,
    SUM_BIG = SUM_CENTS + 32,
    SUM_PRICE = SUM_BIG + 56,
    AVG_CENTS = SUM_PRICE + 32,
    AVG_BIG = AVG_CENTS + 16,
    MIN_PRICE = AVG_BIG + 24,
    MAX_AMOUNT = MIN_PRICE + 24,
    MAX_FLAG = MAX_AMOUNT + 16,
    MIN_ITEM = MAX_FLAG + 16,
    TAIL_END = MIN_ITEM + 16
};

static void open_aggregates(void)
{
    world_new(TM_NODE_WINDOW, 128);
    world.node.size_ms = world.node.slide_ms = 10;
    use_key(USER);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_SUM, CENTS);
    use_aggregate(TM_AGGREGATE_SUM, BIG);
    use_aggregate(TM_AGGREGATE_SUM, PRICE);
    use_aggregate(TM_AGGREGATE_AVG, CENTS);
    use_aggregate(TM_AGGREGATE_AVG, BIG);
    use_aggregate(TM_AGGREGATE_MIN, PRICE);
    use_aggregate(TM_AGGREGATE_MAX, AMOUNT);
    use_aggregate(TM_AGGREGATE_MAX, FLAG);
    use_aggregate(TM_AGGREGATE_MIN, ITEM);
    open_keyed(tm_operator_window_new);
    ck_assert_int_eq(tm__operator_aggregates_init(&aggregates, &world.mem, &world.node, world.input,
                                                  world.output, &world.err),
                     0);
    ck_assert_int_eq(tm__operator_partial_init(&partial, &aggregates, world.input), 0);
    ck_assert_uint_eq(partial.tail_bytes, TAIL_END);
}

static void teardown(void)
{
    tm_batch_release(batch);
    batch = NULL;
    tm__operator_partial_fini(&partial);
    tm__operator_aggregates_fini(&aggregates);
    world_free();
}

// What a pre-aggregation makes of these rows.
static void make(const struct row *rows, uint32_t count)
{
    uint8_t tail[TAIL_MAX] = {0}, *tails[ROWS];
    const struct tm_row *all[ROWS];
    uint32_t n = 0;
    struct tm_batch *plain = batch_of(rows, count);
    TM_BATCH_EACH(plain, row)
    {
        tails[n] = tail;
        all[n++] = row;
    }
    tm__operator_partial_add(&partial, tails, all, n);
    tm_batch_release(plain);
    tm_batch_release(batch);
    batch = batch_of(rows, 1);
    ck_assert_int_eq(tm_batch_reserve(batch, partial.tail_bytes), 0);
    memcpy(batch->data + batch->size_bytes, tail, partial.tail_bytes);
    batch->size_bytes += partial.tail_bytes;
    struct tm_row *row = (struct tm_row *)(void *)batch->data;
    row->size_bytes += partial.tail_bytes;
    row->kind = TM_ROW_PARTIAL;
}

static int check(struct tm_error *err)
{
    struct tm_wire_partial wire = tm__operator_partial_wire(&partial);
    return tm_wire_check_rows(world.input, &wire, batch->data, batch->size_bytes, 1, err);
}

static uint8_t *tail_at(uint32_t at)
{
    return batch->data + batch->size_bytes - partial.tail_bytes + at;
}

// The tail with a number changed, of `bytes`, is refused: the message has `word`. Then as it was.
static void refuses(uint32_t at, __int128 value, size_t bytes, const char *word)
{
    uint8_t before[16];
    struct tm_error err = {0};
    memcpy(before, tail_at(at), bytes);
    memcpy(tail_at(at), &value, bytes);
    int rc = check(&err);
    ck_assert_msg(rc == TM_E_CORRUPT, "a tail with another value at %u is taken", at);
    ck_assert_msg(strstr(err.message, word) != NULL, "\"%s\" lacks \"%s\"", err.message, word);
    memcpy(tail_at(at), before, bytes);
    ck_assert_int_eq(check(NULL), 0);
}

static void draw_row(struct row *row)
{
    *row = (struct row){.user = draw(2) ? "a" : "a user with a long name",
                        .item = (int64_t)draw(2001) - 1000,
                        .ts = (int64_t)draw(10),
                        .amount = (double)draw(100) - 50,
                        .cents = draw(3) ? (int64_t)draw(2000) - 1000 : TM_INT_MAX,
                        .big = draw(3) ? (int64_t)draw(2000) - 1000 : INT64_MIN,
                        .price = draw(3) ? (int64_t)draw(2000) - 1000 : 9999999999,
                        .flag = draw(2) != 0};
    static const uint32_t nullable[] = {ITEM, AMOUNT, CENTS, BIG, PRICE, FLAG};
    for (uint32_t i = 0; i < sizeof nullable / sizeof nullable[0]; i++)
        if (draw(3) == 0)
            row->nulls |= 1u << nullable[i];
}

START_TEST(what_a_preaggregation_makes_passes)
{
    open_aggregates();
    seed_from("partial rows");
    for (int i = 0; i < 3000; i++) {
        struct row rows[ROWS];
        uint32_t count = 2 + (uint32_t)draw(ROWS - 2);
        for (uint32_t k = 0; k < count; k++)
            draw_row(&rows[k]);
        make(rows, count);
        struct tm_error err = {0};
        int rc = check(&err);
        ck_assert_msg(rc == 0, "%s", err.message);
    }
    teardown();
}
END_TEST

static const struct row two[] = {
    {.user = "a", .cents = 5, .big = -7, .price = 100, .amount = 1.5, .item = 3},
    {.user = "a", .cents = -6, .big = 9, .price = 50, .amount = -1.5, .item = 2, .flag = true}};

START_TEST(a_tail_that_no_rows_can_have_made_is_refused_and_named)
{
    const __int128 one = 1;
    open_aggregates();
    make(two, 2);
    ck_assert_int_eq(check(NULL), 0);
    refuses(0, 0, 8, "too few or too many");
    refuses(0, 1, 8, "too few or too many");
    refuses(0, TM_PARTIAL_ROWS + 1, 8, "too few or too many");
    refuses(0, -1, 8, "too few or too many");
    static const uint32_t counted[] = {SUM_CENTS, SUM_BIG,    SUM_PRICE, AVG_CENTS, AVG_BIG,
                                       MIN_PRICE, MAX_AMOUNT, MAX_FLAG,  MIN_ITEM};
    for (uint32_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        refuses(counted[i], 3, 8, "count of values");
        refuses(counted[i], 0, 8, "count of values"); // the first row has one
        refuses(counted[i], -1, 8, "count of values");
    }
    refuses(SUM_CENTS + 8, 2 * TM_INT_MAX + 1, 8, "a sum");
    refuses(SUM_CENTS + 8, 6, 8, "between"); // the greatest is 5
    refuses(SUM_CENTS + 8, -2, 8, "between");
    refuses(SUM_CENTS + 16, 1, 8, "between");
    refuses(SUM_CENTS + 16, -2 * TM_INT_MAX - 1, 8, "between");
    refuses(SUM_CENTS + 24, -1, 8, "between");
    refuses(SUM_CENTS + 24, 2 * TM_INT_MAX + 1, 8, "between");
    refuses(SUM_BIG + 8, (one << 64) + 1, 16, "a sum");
    refuses(SUM_BIG + 24, one << 126, 16, "between");
    refuses(SUM_BIG + 24, -(one << 64) - 1, 16, "between");
    refuses(SUM_BIG + 40, (one << 64) + 1, 16, "between");
    refuses(SUM_PRICE + 8, 2 * (__int128)9999999999 + 1, 8, "a sum");
    refuses(AVG_CENTS + 8, -2 * TM_INT_MAX - 1, 8, "a sum");
    refuses(AVG_BIG + 8, -(one << 64) - 1, 16, "a sum");
    refuses(MIN_PRICE + 8, -10000000000, 16, "digits");
    refuses(MIN_PRICE + 8, 101, 16, "first row");
    refuses(MAX_AMOUNT + 8, 0, 8, "first row");
    refuses(MAX_FLAG + 8, 2, 8, "bool");
    refuses(MIN_ITEM + 8, -TM_INT_MAX - 1, 8, "2^53");
    refuses(MIN_ITEM + 8, 4, 8, "first row");
    teardown();
}
END_TEST

START_TEST(of_columns_without_values_nothing_is_taken)
{
    open_aggregates();
    struct row none[] = {two[0], two[1]};
    none[0].nulls = none[1].nulls = 1u << CENTS | 1u << ITEM;
    make(none, 2);
    refuses(SUM_CENTS + 8, 1, 8, "no values");
    refuses(SUM_CENTS + 24, 1, 8, "no values");
    refuses(MIN_ITEM + 8, 1, 8, "no values");
    refuses(SUM_CENTS, 2, 8, "count of values"); // the first row has none
    teardown();
}
END_TEST

START_TEST(a_row_is_partial_only_where_there_are_such_and_with_its_whole_tail)
{
    open_aggregates();
    make(two, 2);
    struct tm_error err = {0};
    ck_assert_int_eq(tm_wire_check_rows(world.input, NULL, batch->data, batch->size_bytes, 1, &err),
                     TM_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "where there are none"));
    struct tm_row *row = (struct tm_row *)(void *)batch->data;
    row->kind = TM_ROW_PARTIAL + 1;
    ck_assert_int_eq(check(&err), TM_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "unknown kind"));
    row->kind = TM_ROW_INSERT; // then the tail is of no column
    ck_assert_int_eq(check(&err), TM_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "no column refers to"));
    row->kind = TM_ROW_PARTIAL;
    row->size_bytes = world.input->fixed_bytes + partial.tail_bytes - 8;
    batch->size_bytes = row->size_bytes;
    ck_assert_int_eq(check(&err), TM_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "without its tail"));
    make(two, 2);
    tm_schema_set_changelog(world.input);
    ck_assert_int_eq(check(&err), TM_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "where there are none"));
    teardown();
}
END_TEST

START_TEST(a_reference_of_a_partial_row_does_not_lead_into_its_tail)
{
    open_aggregates();
    make(two, 2);
    struct tm_ref *name = (struct tm_ref *)(void *)(batch->data + world.input->fields[USER].offset);
    name->offset = (uint32_t)(batch->size_bytes - partial.tail_bytes);
    struct tm_error err = {0};
    ck_assert_int_eq(check(&err), TM_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.message, "outside its row"));
    teardown();
}
END_TEST

START_TEST(partial_rows_go_over_the_wire)
{
    open_aggregates();
    make(two, 2);
    struct tm_wire_partial way = tm__operator_partial_wire(&partial);
    struct tm_batch *back = NULL;
    struct tm_buf wire;
    size_t used;
    tm_buf_init(&wire, &world.mem);
    ck_assert_int_eq(tm_wire_put_batch(&wire, batch), 0);
    ck_assert_int_eq(tm_wire_get_batch(world.ctx.pool, world.input, NULL, wire.data,
                                       wire.size_bytes, &used, &back, NULL),
                     TM_E_CORRUPT);
    ck_assert_int_eq(tm_wire_get_batch(world.ctx.pool, world.input, &way, wire.data,
                                       wire.size_bytes, &used, &back, NULL),
                     0);
    ck_assert_uint_eq(tm__operator_rows_of(&partial, tm_batch_first(back)), 2);
    ck_assert_mem_eq(back->data, batch->data, batch->size_bytes);
    tm_batch_release(back);
    tm_buf_fini(&wire);
    teardown();
}
END_TEST

// --- decimals of all digits ----------------------------------------------------------------------

static void open_wide(void)
{
    world_new(TM_NODE_WINDOW, 128);
    struct tm_field_def wide[FIELDS];
    memcpy(wide, input_fields, sizeof wide);
    wide[PRICE].type.precision = 38;
    tm_schema_unref(world.input);
    world.input = make_schema(wide, FIELDS, TS);
    world.node.size_ms = world.node.slide_ms = 10;
    use_key(USER);
    use_aggregate(TM_AGGREGATE_SUM, PRICE);
    open_keyed(tm_operator_window_new);
    ck_assert_int_eq(tm__operator_aggregates_init(&aggregates, &world.mem, &world.node, world.input,
                                                  world.output, &world.err),
                     0);
    ck_assert_int_eq(tm__operator_partial_init(&partial, &aggregates, world.input), 0);
}

static __int128 power_of_ten(uint32_t digits)
{
    __int128 power = 1;
    for (uint32_t i = 0; i < digits; i++)
        power *= 10;
    return power;
}

// A row of the wide schema, alone in a batch; with a tail of itself and another.
static struct tm_row *wide_row(__int128 price)
{
    tm_batch_release(batch);
    batch = batch_of(&(const struct row){.user = "a", .ts = 1}, 1);
    ck_assert_int_eq(tm_batch_reserve(batch, partial.tail_bytes), 0);
    struct tm_row *row = (struct tm_row *)(void *)batch->data;
    memcpy((uint8_t *)row + world.input->fields[PRICE].offset, &price, sizeof price);
    return row;
}

START_TEST(decimals_from_35_digits_on_go_alone)
{
    const __int128 first = power_of_ten(35); // that does not fit
    open_wide();
    ck_assert(tm__operator_partial_fits(&partial, wide_row(first - 1)));
    ck_assert(tm__operator_partial_fits(&partial, wide_row(1 - first)));
    ck_assert(!tm__operator_partial_fits(&partial, wide_row(first)));
    ck_assert(!tm__operator_partial_fits(&partial, wide_row(-first)));
    teardown();
}
END_TEST

// Merges two rows of `price` into a sum.
static int merge_two(__int128 price, __int128 *sum)
{
    uint8_t tail[TAIL_MAX] = {0}, *tails[] = {tail, tail}, value[TAIL_MAX] = {0};
    uint8_t *acc = value + aggregates.items[0].offset;
    const struct tm__operator_aggregate *culprit;
    ck_assert_uint_le(aggregates.value_bytes, sizeof value);
    memcpy(acc, sum, sizeof *sum);
    struct tm_row *row = wide_row(price);
    const struct tm_row *rows[] = {row, row};
    tm__operator_partial_add(&partial, tails, rows, 2);
    memcpy((uint8_t *)row + row->size_bytes, tail, partial.tail_bytes);
    row->size_bytes += partial.tail_bytes;
    int rc = tm__operator_partial_merge(&partial, value, row, &culprit);
    memcpy(sum, acc, sizeof *sum);
    return rc;
}

START_TEST(a_sum_of_decimals_has_38_digits_at_most)
{
    const __int128 most = power_of_ten(38) - 1;
    open_wide();
    __int128 sum = most - 4;
    ck_assert_int_eq(merge_two(2, &sum), 0);
    ck_assert(sum == most);
    ck_assert_int_eq(merge_two(1, &sum), TM_E_OVERFLOW);
    ck_assert(sum == most); // as it was
    sum = most - 3;
    ck_assert_int_eq(merge_two(2, &sum), TM_E_OVERFLOW);
    sum = 4 - most;
    ck_assert_int_eq(merge_two(-2, &sum), 0);
    ck_assert(sum == -most);
    sum = 3 - most;
    ck_assert_int_eq(merge_two(-2, &sum), TM_E_OVERFLOW);
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("partial");
    tcase_add_test(tc, what_a_preaggregation_makes_passes);
    tcase_add_test(tc, a_tail_that_no_rows_can_have_made_is_refused_and_named);
    tcase_add_test(tc, of_columns_without_values_nothing_is_taken);
    tcase_add_test(tc, of_columns_without_values_nothing_is_taken);
    tcase_add_test(tc, a_row_is_partial_only_where_there_are_such_and_with_its_whole_tail);
    tcase_add_test(tc, a_reference_of_a_partial_row_does_not_lead_into_its_tail);
    tcase_add_test(tc, partial_rows_go_over_the_wire);
    tcase_add_test(tc, decimals_from_35_digits_on_go_alone);
    tcase_add_test(tc, a_sum_of_decimals_has_38_digits_at_most);
    return run_operator_case(tc, "partial");
}
