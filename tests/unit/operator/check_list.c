// Lists: order of arrival however they are merged, limits, and the list as a value of a row.
#include "accumulators.h"

#include "core/batch/nested.h"

enum { PARTS = 8, VALUES = 3000 };

static struct tm__operator_aggregate item(uint8_t action, uint32_t limit, bool cut)
{
    return (struct tm__operator_aggregate){
        .action = action, .ordered = true, .limit = limit, .cut = cut};
}
static struct tm__operator_aggregate merged_item;

// The value with that number: of every type it tells the number.
static void add(const struct tm__operator_aggregate *of, struct accumulator acc, uint64_t number)
{
    uint8_t slot[16] = {0};
    char text[64];
    int length =
        snprintf(text, sizeof text, "%0*llu", (int)(number % 40), (unsigned long long)number);
    __int128 decimal = number;
    memcpy(slot, &decimal, 16);
    ck_assert_int_eq(
        tm__operator_list_add(of, &acc.home, acc.value, slot, text, (uint32_t)length, number), 0);
}

static void merge(struct accumulator to, struct accumulator from)
{
    ck_assert_int_eq(
        tm__operator_list_merge(&merged_item, &to.home, to.value, &from.home, from.value), 0);
}

// The list as a row's value, read back: its numbers, or what putting it gives.
static uint64_t found[VALUES];
static int read_list(const struct tm__operator_aggregate *of, struct accumulator acc,
                     uint32_t *count)
{
    struct tm_error err;
    struct tm_type type;
    const char *text = of->action == TM__LIST_WORD      ? "list(int)"
                       : of->action == TM__LIST_DECIMAL ? "list(decimal(20,0))"
                                                        : "list(string)";
    ck_assert_int_eq(tm_type_parse(&accumulators_mem, text, &type, &err), 0);
    struct tm_field_def def = {"values", type, 0};
    struct tm_schema *schema;
    ck_assert_int_eq(tm_schema_new(&accumulators_mem, &def, 1, -1, &schema, &err), 0);
    tm_type_fini(&type);
    struct tm_batch_pool *pool = tm_batch_pool_new(&accumulators_mem);
    struct tm_batch *batch = tm_batch_acquire(pool, schema);
    struct tm_builder builder;
    struct tm_nest nest;
    tm_nest_init(&nest, &accumulators_mem);
    ck_assert_int_eq(tm_builder_begin(&builder, batch), 0);
    tm_nest_begin(&nest, &builder);
    int rc = tm__operator_list_put(of, &acc.home, acc.value, &nest);
    *count = 0;
    if (rc == 0) {
        ck_assert_int_eq(tm_builder_end(&builder), 0);
        const struct tm_row *row = tm_batch_first(batch);
        if (!tm_row_is_null(row, 0)) {
            struct tm_type of_items = schema->fields[0].type.of->fields[0].type;
            const struct tm_list *list =
                tm_slot_list(tm_slot_of_row(row, schema->fields[0].offset));
            *count = list->count;
            for (uint32_t i = 0; i < list->count && i < VALUES; i++) {
                struct tm_slot slot = tm_list_item(list, of_items, i);
                ck_assert(!tm_list_is_null(list, i));
                uint32_t length;
                if (of->action == TM__LIST_BYTES) {
                    char digits[64] = {0};
                    const uint8_t *bytes = tm_slot_bytes(slot, &length);
                    memcpy(digits, bytes, length < 63 ? length : 63);
                    found[i] = strtoull(digits, NULL, 10);
                } else {
                    found[i] = of->action == TM__LIST_WORD ? (uint64_t)tm_slot_int(slot)
                                                           : (uint64_t)tm_slot_decimal(slot);
                }
            }
        }
    }
    tm_nest_fini(&nest);
    tm_batch_release(batch);
    tm_batch_pool_free(pool);
    tm_schema_unref(schema);
    return rc;
}

START_TEST(merged_in_any_order_the_values_stand_as_they_came)
{
    uint8_t action = (uint8_t)(TM__LIST_WORD + _i % 3);
    seed_from("merged_in_any_order_the_values_stand_as_they_came");
    random_state += (uint64_t)_i * 7919;
    for (int round = 0; round < 20; round++) {
        accumulators_new(TM__LIST_VALUE_BYTES, 0);
        uint32_t values = (uint32_t)draw(round % 2 == 0 ? 20 : VALUES),
                 limit = (uint32_t)draw(2 * VALUES) + 1;
        uint32_t expected = values < limit ? values : limit;
        merged_item = item(action, limit, true);
        // Sometimes each part is one stretch of time, as slices mostly are.
        bool stretches = draw(2) == 0;
        for (uint32_t i = 0; i < values; i++)
            add(&merged_item, accumulator(stretches ? i * PARTS / values : draw(PARTS)), i);
        struct accumulator all = accumulator(merge_all(PARTS, merge));
        uint32_t count;
        ck_assert_int_eq(read_list(&merged_item, all, &count), 0);
        ck_assert_uint_eq(count, expected);
        for (uint32_t i = 0; i < count; i++)
            ck_assert_uint_eq(found[i], i);
        accumulators_free();
    }
}
END_TEST

START_TEST(a_list_of_no_values_is_null)
{
    accumulators_new(TM__LIST_VALUE_BYTES, 0);
    merged_item = item(TM__LIST_WORD, 10, false);
    merge(accumulator(0), accumulator(1));
    uint32_t count;
    ck_assert_int_eq(read_list(&merged_item, accumulator(0), &count), 0);
    ck_assert_uint_eq(count, 0);
    accumulators_free();
}
END_TEST

// That must be whole: no limit was given.
START_TEST(a_list_that_got_too_long_is_an_error_and_stays_one)
{
    accumulators_new(TM__LIST_VALUE_BYTES, 0);
    merged_item = item(TM__LIST_BYTES, 10, false);
    uint32_t count;
    for (uint64_t i = 0; i < 10; i++)
        add(&merged_item, accumulator(0), i);
    ck_assert_int_eq(read_list(&merged_item, accumulator(0), &count), 0);
    ck_assert_uint_eq(count, 10);
    add(&merged_item, accumulator(0), 10);
    ck_assert_int_eq(read_list(&merged_item, accumulator(0), &count), TM_E_OVERFLOW);
    add(&merged_item, accumulator(0), 11);
    merge(accumulator(1), accumulator(0));
    ck_assert_int_eq(read_list(&merged_item, accumulator(1), &count), TM_E_OVERFLOW);
    // Two that fit, and together do not: one after the other, and one between the other.
    for (uint64_t i = 0; i < 12; i++)
        add(&merged_item, accumulator(2 + i / 6), i);
    merge(accumulator(2), accumulator(3));
    ck_assert_int_eq(read_list(&merged_item, accumulator(2), &count), TM_E_OVERFLOW);
    for (uint64_t i = 0; i < 12; i++)
        add(&merged_item, accumulator(4 + i % 2), i);
    merge(accumulator(4), accumulator(5));
    ck_assert_int_eq(read_list(&merged_item, accumulator(4), &count), TM_E_OVERFLOW);
    accumulators_free();
}
END_TEST

START_TEST(bytes_are_bounded_also_where_a_limit_cuts)
{
    accumulators_new(TM__LIST_VALUE_BYTES, 0);
    merged_item = item(TM__LIST_BYTES, 1000, true);
    static char text[TM_LIST_BYTES_MAX / 4];
    struct accumulator acc = accumulator(0);
    uint32_t count;
    for (uint64_t i = 0; i < 3; i++)
        ck_assert_int_eq(
            tm__operator_list_add(&merged_item, &acc.home, acc.value, NULL, text, sizeof text, i),
            0);
    ck_assert_int_eq(read_list(&merged_item, acc, &count), 0);
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(
        tm__operator_list_add(&merged_item, &acc.home, acc.value, NULL, text, sizeof text, 3), 0);
    ck_assert_int_eq(read_list(&merged_item, acc, &count), TM_E_OVERFLOW);
    accumulators_free();
}
END_TEST

START_TEST(without_memory_a_list_is_as_before)
{
    accumulators_new(TM__LIST_VALUE_BYTES, 0);
    merged_item = item(TM__LIST_WORD, VALUES, true);
    struct accumulator acc = accumulator(0);
    uint64_t i = 0;
    for (; i < 100; i++)
        add(&merged_item, acc, i);
    int64_t limit = accumulators_mem.limit_bytes;
    accumulators_mem.limit_bytes = accumulators_mem.used_bytes;
    int rc = 0;
    for (; rc == 0 && i < 1000000; i++) {
        merged_item.limit = UINT32_MAX - 1;
        rc = tm__operator_list_add(&merged_item, &acc.home, acc.value, (const uint8_t *)&i, NULL, 0,
                                   i);
    }
    accumulators_mem.limit_bytes = limit;
    ck_assert_int_eq(rc, TM_E_MEMORY);
    uint32_t count;
    ck_assert_int_eq(read_list(&merged_item, acc, &count), 0);
    ck_assert_uint_eq(count, i - 1);
    accumulators_free();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("list");
    tcase_add_loop_test(tc, merged_in_any_order_the_values_stand_as_they_came, 0, 3);
    tcase_add_test(tc, a_list_of_no_values_is_null);
    tcase_add_test(tc, a_list_that_got_too_long_is_an_error_and_stays_one);
    tcase_add_test(tc, bytes_are_bounded_also_where_a_limit_cuts);
    tcase_add_test(tc, without_memory_a_list_is_as_before);
    return run_operator_case(tc, "operator/list");
}
