// Counts of distinct values: exact sets and sketches, against naive sets; merging; errors; memory.
#include "accumulators.h"

#include <math.h>

#include "core/base/hash.h"
#include "core/base/limits.h"

enum { ACTIONS = TM__SKETCH_BYTES - TM__DISTINCT_WORD + 1, VALUES = 30000, WHOLE = 1000 };

static struct tm__operator_aggregate item;

static void add(struct accumulator acc, const void *slot, const char *bytes, uint32_t length)
{
    ck_assert_int_eq(tm__operator_distinct_add(&item, &acc.home, acc.value, slot, bytes, length),
                     0);
}

static void add_word(struct accumulator acc, uint64_t word)
{
    add(acc, (const uint8_t *)&word, NULL, 0);
}

static void merge(struct accumulator to, struct accumulator from)
{
    ck_assert_int_eq(tm__operator_distinct_merge(&item, &to.home, to.value, &from.home, from.value),
                     0);
}

static int64_t result(struct accumulator acc)
{
    int64_t count;
    if (item.action >= TM__SKETCH_WORD)
        return tm__operator_distinct_estimate(&acc.home, acc.value);
    ck_assert_int_eq(tm__operator_distinct_count(acc.value, &count), 0);
    return count;
}

static void use(int action)
{
    item = (struct tm__operator_aggregate){.action = (uint8_t)action};
    accumulators_new(TM__DISTINCT_VALUE_BYTES, 0);
}

// Value number `n` of one of `kinds` of each action, n distinct ones for n numbers.
static void add_value(struct accumulator acc, uint64_t n)
{
    char text[64];
    uint64_t wide[2] = {n, n * 0x9e3779b97f4a7c15u};
    double x = (double)n * 0.25 - 1000;
    switch (item.action) {
    case TM__DISTINCT_DOUBLE:
    case TM__SKETCH_DOUBLE:
        memcpy(&wide[0], &x, 8);
        add_word(acc, wide[0]);
        return;
    case TM__DISTINCT_DECIMAL:
    case TM__SKETCH_DECIMAL:
        add(acc, (const uint8_t *)wide, NULL, 0);
        return;
    case TM__DISTINCT_BYTES:
    case TM__SKETCH_BYTES: { // of all lengths, short ones too
        int length = n < 40 ? (int)n
                            : snprintf(text, sizeof text, "%.*s%llu", (int)(n % 20),
                                       "a long text of twenty", (unsigned long long)n);
        if (n < 40)
            memset(text, 0, sizeof text); // "", "\0", "\0\0", ...
        add(acc, NULL, text, (uint32_t)length);
        return;
    }
    default:
        add_word(acc, n);
    }
}

// --- exact ---------------------------------------------------------------------------------------

START_TEST(a_set_counts_as_a_naive_one_does_at_every_size)
{
    seed_from("sets");
    for (int action = TM__DISTINCT_WORD; action <= TM__DISTINCT_BYTES; action++) {
        static bool seen[VALUES];
        memset(seen, 0, sizeof seen);
        use(action);
        int64_t expected = 0;
        for (int step = 0; step < 3 * VALUES; step++) {
            uint64_t n = draw(1 + draw(VALUES));
            add_value(accumulator(0), n);
            expected += !seen[n];
            seen[n] = true;
            if (step < 100 || step % 997 == 0)
                ck_assert_int_eq(result(accumulator(0)), expected);
        }
        ck_assert_int_eq(result(accumulator(0)), expected);
        accumulators_free();
    }
}
END_TEST

START_TEST(texts_that_differ_in_length_or_one_byte_are_different)
{
    use(TM__DISTINCT_BYTES);
    char text[40] = {0};
    struct accumulator acc = accumulator(0);
    int64_t expected = 0;
    for (int twice = 0; twice < 2; twice++) {
        expected = 0;
        for (uint32_t length = 0; length < 20; length++) {
            add(acc, NULL, text, length);
            expected++;
            for (uint32_t at = 0; at < length; at++) {
                text[at] = (char)0xff;
                add(acc, NULL, text, length);
                text[at] = 0;
                expected++;
            }
        }
    }
    ck_assert_int_eq(result(acc), expected);
    accumulators_free();
}
END_TEST

START_TEST(doubles_that_are_equal_are_one_value_and_all_nans_are_one)
{
    use(TM__DISTINCT_DOUBLE);
    const double values[] = {0.0, -0.0, 1.0, -1.0, INFINITY, -INFINITY};
    for (size_t i = 0; i < 6; i++)
        add(accumulator(0), (const uint8_t *)&values[i], NULL, 0);
    add_word(accumulator(0), 0x7ff8000000000000u);
    add_word(accumulator(0), 0xfff8000000000000u);
    add_word(accumulator(0), 0x7ff0000000000001u);
    ck_assert_int_eq(result(accumulator(0)), 6);
    accumulators_free();
}
END_TEST

START_TEST(a_set_that_is_full_says_so_and_so_does_what_it_is_merged_into)
{
    use(TM__DISTINCT_BYTES);
    struct accumulator acc = accumulator(0), other = accumulator(1);
    int64_t count;
    add(acc, NULL, "a text of some length", 21);
    // As if the arena were full: its last field but one says how far it is used.
    uint32_t used = TM_DISTINCT_BYTES_MAX - 10;
    memcpy((uint8_t *)acc.value + 24, &used, sizeof used);
    add(acc, NULL, "another text of some length", 27);
    ck_assert_int_eq(tm__operator_distinct_count(acc.value, &count), TM_E_OVERFLOW);
    ck_assert_int_eq(count, 1);
    add(other, NULL, "short", 5);
    merge(other, acc);
    ck_assert_int_eq(tm__operator_distinct_count(other.value, &count), TM_E_OVERFLOW);
    accumulators_free();
}
END_TEST

// --- merging -------------------------------------------------------------------------------------

START_TEST(parts_merged_in_any_order_and_shape_are_the_whole)
{
    seed_from("merging");
    for (int round = 0; round < 240; round++) {
        use(TM__DISTINCT_WORD + round % ACTIONS);
        uint32_t parts = 1 + (uint32_t)draw(12), count = (uint32_t)draw(1 + draw(4000));
        uint64_t range = 1 + draw(3000);
        for (uint32_t i = 0; i < count; i++) {
            uint64_t n = draw(range);
            add_value(accumulator(draw(parts)), n);
            add_value(accumulator(WHOLE), n);
        }
        for (uint32_t i = 0; i < parts; i++) // also those that are empty
            (void)accumulator(i);
        struct accumulator merged = accumulator(merge_all(parts, merge)),
                           whole = accumulator(WHOLE);
        ck_assert_int_eq(result(merged), result(whole));
        // And goes on like it.
        for (uint32_t i = 0; i < 100; i++) {
            uint64_t n = draw(2 * range);
            add_value(merged, n);
            add_value(whole, n);
        }
        ck_assert_int_eq(result(merged), result(whole));
        accumulators_free();
    }
}
END_TEST

START_TEST(merging_the_same_twice_changes_nothing)
{
    for (int action = TM__DISTINCT_WORD; action <= TM__SKETCH_BYTES; action++) {
        use(action);
        for (uint64_t n = 0; n < 2000; n++)
            add_value(accumulator(n % 2), n);
        merge(accumulator(0), accumulator(1));
        int64_t once = result(accumulator(0));
        merge(accumulator(0), accumulator(1));
        ck_assert_int_eq(result(accumulator(0)), once);
        accumulators_free();
    }
}
END_TEST

// --- sketches ------------------------------------------------------------------------------------

START_TEST(a_sketch_of_few_values_is_exact)
{
    for (int action = TM__SKETCH_WORD; action <= TM__SKETCH_BYTES; action++) {
        use(action);
        for (uint64_t n = 0; n < 768; n++) {
            add_value(accumulator(0), n);
            add_value(accumulator(0), n / 2);
            ck_assert_int_eq(result(accumulator(0)), (int64_t)n + 1);
        }
        accumulators_free();
    }
}
END_TEST

START_TEST(the_error_of_a_sketch_is_what_its_registers_promise)
{
    enum { TRIALS = 100 };
    static const int64_t sizes[] = {769, 1000, 3000, 10000, 30000, 100000, 300000};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        use(TM__SKETCH_WORD);
        double squares = 0, sum = 0, worst = 0;
        for (uint64_t trial = 0; trial < TRIALS; trial++) {
            struct accumulator acc = accumulator(trial);
            for (int64_t n = 0; n < sizes[s]; n++)
                add_word(acc, trial << 32 | (uint64_t)n);
            double error = (double)(result(acc) - sizes[s]) / (double)sizes[s];
            squares += error * error;
            sum += error;
            worst = fabs(error) > worst ? fabs(error) : worst;
        }
        double rms = sqrt(squares / TRIALS), bias = sum / TRIALS;
        printf("sketch of %lld: rms error %.2f %%, bias %.2f %%, worst %.2f %%\n",
               (long long)sizes[s], rms * 100, bias * 100, worst * 100);
        ck_assert(rms < 0.0115 * 1.25);
        ck_assert(fabs(bias) < 0.0115 * 0.4); // four standard errors of a hundred trials
        ck_assert(worst < 0.0115 * 4.5);
        accumulators_free();
    }
}
END_TEST

START_TEST(a_sketch_does_not_grow_and_a_set_grows_with_its_values)
{
    static const struct {
        int action;
        int64_t least, most;
    } expected[] = {
        {TM__SKETCH_WORD, 0, 200000}, // with the tables that it outgrew
        {TM__DISTINCT_WORD, 100000 * 8, 100000 * 8 * 6},
    };
    for (size_t i = 0; i < 2; i++) {
        use(expected[i].action);
        int64_t before = accumulators_mem.used_bytes;
        for (uint64_t n = 0; n < 100000; n++)
            add_word(accumulator(0), n);
        int64_t grown = accumulators_mem.used_bytes - before;
        ck_assert_int_ge(grown, expected[i].least);
        ck_assert_int_le(grown, expected[i].most);
        accumulators_free();
    }
}
END_TEST

START_TEST(out_of_memory_is_reported_and_what_was_counted_stays)
{
    for (int action = TM__DISTINCT_WORD; action <= TM__SKETCH_BYTES; action++) {
        item = (struct tm__operator_aggregate){.action = (uint8_t)action};
        accumulators_new(TM__DISTINCT_VALUE_BYTES, 400 * 1024);
        struct accumulator acc = accumulator(0);
        int rc = 0;
        uint64_t key = 1, counted = 0;
        for (uint64_t n = 0; n < 5000000 && rc == 0; n++) {
            char text[32];
            uint64_t wide[2] = {n + 1, 0};
            if (n % 500 == 499) // sketches do not grow: many of them
                acc = accumulator(key++);
            int length = snprintf(text, sizeof text, "value number %llu", (unsigned long long)n);
            rc = tm__operator_distinct_add(&item, &acc.home, acc.value, (const uint8_t *)wide, text,
                                           (uint32_t)length);
            counted += rc == 0;
            if (key > 10 && accumulators_mem.used_bytes > 380 * 1024)
                break; // the next key might not fit
        }
        ck_assert(rc == 0 || rc == TM_E_MEMORY);
        uint64_t found = 0;
        for (uint64_t k = 1; k < key; k++)
            found += (uint64_t)result(accumulator(k));
        found += (uint64_t)result(accumulator(0));
        ck_assert_uint_eq(found, counted);
        accumulators_free();
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("distinct");
    tcase_add_test(tc, a_set_counts_as_a_naive_one_does_at_every_size);
    tcase_add_test(tc, texts_that_differ_in_length_or_one_byte_are_different);
    tcase_add_test(tc, doubles_that_are_equal_are_one_value_and_all_nans_are_one);
    tcase_add_test(tc, a_set_that_is_full_says_so_and_so_does_what_it_is_merged_into);
    tcase_add_test(tc, parts_merged_in_any_order_and_shape_are_the_whole);
    tcase_add_test(tc, merging_the_same_twice_changes_nothing);
    tcase_add_test(tc, a_sketch_of_few_values_is_exact);
    tcase_add_test(tc, the_error_of_a_sketch_is_what_its_registers_promise);
    tcase_add_test(tc, a_sketch_does_not_grow_and_a_set_grows_with_its_values);
    tcase_add_test(tc, out_of_memory_is_reported_and_what_was_counted_stays);
    return run_operator_case(tc, "distinct");
}
