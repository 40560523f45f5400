// Items of cuts, written and dealt out again to any number of subtasks.
#include "core/checkpoint/restored.h"
#include "tests/unit/state/support.h"

enum { OLD = 3, ITEMS = 4 };

// Three subtasks, each with four numbers: 10 * subtask + place.
static void make_cuts(enum tm_item_kind kind, struct tm_cut **cuts)
{
    for (uint32_t i = 0; i < OLD; i++) {
        ck_assert_int_eq(tm_cut_new(&mem, 7, 2, i, &cuts[i]), 0);
        for (uint32_t k = 0; k < ITEMS; k++) {
            uint32_t number = 10 * i + k;
            ck_assert_int_eq(tm_cut_item(cuts[i], "read", "splits", kind, &number, sizeof number),
                             0);
        }
    }
}

static struct tm_restored *restore(enum tm_item_kind kind)
{
    struct tm_cut *cuts[OLD];
    const struct tm_cut *order[OLD];
    struct tm_restored *restored;
    make_cuts(kind, cuts);
    for (uint32_t i = 0; i < OLD; i++)
        order[i] = cuts[OLD - 1 - i]; // their order does not matter
    ck_assert_int_eq(tm_restored_from_cuts(&mem, order, OLD, &restored, NULL), 0);
    for (uint32_t i = 0; i < OLD; i++)
        tm_cut_free(cuts[i]);
    return restored;
}

struct seen {
    uint32_t count, numbers[OLD * ITEMS];
};

static int see(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
               struct tm_error *err)
{
    struct seen *seen = arg;
    (void)err;
    ck_assert_uint_eq(size, sizeof *seen->numbers);
    memcpy(&seen->numbers[seen->count], bytes, size);
    ck_assert_uint_eq(seen->numbers[seen->count] / 10, old_subtask);
    seen->count++;
    return 0;
}

static struct seen items_of(const struct tm_restored *restored, uint32_t subtask,
                            uint32_t parallelism)
{
    struct seen seen = {0};
    struct tm_restored_for who = {"read", subtask, parallelism};
    ck_assert_int_eq(tm_restored_items(restored, &who, "splits", see, &seen, NULL), 0);
    return seen;
}

START_TEST(splits_stay_where_parallelism_is_unchanged)
{
    struct tm_restored *restored = restore(TM_ITEM_SPLIT);
    for (uint32_t i = 0; i < OLD; i++) {
        struct seen seen = items_of(restored, i, OLD);
        ck_assert_uint_eq(seen.count, ITEMS);
        for (uint32_t k = 0; k < ITEMS; k++)
            ck_assert_uint_eq(seen.numbers[k], 10 * i + k);
    }
    tm_restored_free(restored);
}
END_TEST

START_TEST(splits_go_round_robin_at_another_parallelism)
{
    struct tm_restored *restored = restore(TM_ITEM_SPLIT);
    for (uint32_t parallelism = 1; parallelism <= 16; parallelism++) {
        uint32_t all = 0;
        if (parallelism == OLD)
            continue;
        for (uint32_t i = 0; i < parallelism; i++) {
            struct seen seen = items_of(restored, i, parallelism);
            all += seen.count;
            for (uint32_t k = 0; k < seen.count; k++) {
                uint32_t number = seen.numbers[k];
                ck_assert_uint_eq((number / 10 * ITEMS + number % 10) % parallelism, i);
            }
        }
        ck_assert_uint_eq(all, OLD * ITEMS);
    }
    tm_restored_free(restored);
}
END_TEST

START_TEST(items_of_subtasks_go_to_all)
{
    struct tm_restored *restored = restore(TM_ITEM_SUBTASK);
    for (uint32_t parallelism = 1; parallelism <= 4; parallelism++)
        for (uint32_t i = 0; i < parallelism; i++)
            ck_assert_uint_eq(items_of(restored, i, parallelism).count, OLD * ITEMS);
    tm_restored_free(restored);
}
END_TEST

START_TEST(copies_are_the_first_subtask_s)
{
    struct tm_restored *restored = restore(TM_ITEM_COPY);
    for (uint32_t parallelism = 1; parallelism <= 4; parallelism++)
        for (uint32_t i = 0; i < parallelism; i++) {
            struct seen seen = items_of(restored, i, parallelism);
            ck_assert_uint_eq(seen.count, ITEMS);
            ck_assert_uint_eq(seen.numbers[0], 0);
        }
    tm_restored_free(restored);
}
END_TEST

START_TEST(what_nobody_gave_is_not_there)
{
    struct tm_restored *restored = restore(TM_ITEM_COPY);
    struct tm_restored_for other = {"write", 0, 1}, same = {"read", 0, 1};
    struct seen seen = {0};
    ck_assert(tm_restored_has(restored, "read", "splits"));
    ck_assert(!tm_restored_has(restored, "read", "watermark"));
    ck_assert(!tm_restored_has(restored, "write", "splits"));
    ck_assert_int_eq(tm_restored_items(restored, &other, "splits", see, &seen, NULL), 0);
    ck_assert_int_eq(tm_restored_items(restored, &same, "watermark", see, &seen, NULL), 0);
    ck_assert_uint_eq(seen.count, 0);
    ck_assert_uint_eq(tm_restored_checkpoint(restored), 7);
    tm_restored_free(restored);
}
END_TEST

static int stop_at_second(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                          struct tm_error *err)
{
    (void)old_subtask, (void)bytes, (void)size;
    return ++*(uint32_t *)arg == 2 ? tm_error_set(err, TM_E_LIMIT, "enough") : 0;
}

START_TEST(who_takes_items_can_end_it)
{
    struct tm_restored *restored = restore(TM_ITEM_SUBTASK);
    struct tm_restored_for who = {"read", 0, 1};
    struct tm_error err = {0};
    uint32_t count = 0;
    ck_assert_int_eq(tm_restored_items(restored, &who, "splits", stop_at_second, &count, &err),
                     TM_E_LIMIT);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(err.message, "enough");
    tm_restored_free(restored);
}
END_TEST

START_TEST(a_lack_of_memory_is_an_answer)
{
    for (int64_t left = 0;; left++) {
        struct tm_cut *cut = NULL;
        struct tm_restored *restored = NULL;
        char text[2000] = {0};
        allocations_left = left;
        int rc = tm_cut_new(&mem, 1, 0, 0, &cut);
        for (uint32_t i = 0; i < 3 && rc == 0; i++)
            rc = tm_cut_item(cut, "op", i == 2 ? "b" : "a", TM_ITEM_COPY, text, sizeof text);
        if (rc == 0)
            rc =
                tm_restored_from_cuts(&mem, (const struct tm_cut *const *)&cut, 1, &restored, NULL);
        allocations_left = INT64_MAX;
        tm_cut_free(cut);
        tm_restored_free(restored);
        ck_assert_int_eq(mem.used_bytes, 0);
        if (rc == 0)
            break;
        ck_assert_int_eq(rc, TM_E_MEMORY);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint_items");
    TCase *tests = tcase_create("items");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, splits_stay_where_parallelism_is_unchanged);
    tcase_add_test(tests, splits_go_round_robin_at_another_parallelism);
    tcase_add_test(tests, items_of_subtasks_go_to_all);
    tcase_add_test(tests, copies_are_the_first_subtask_s);
    tcase_add_test(tests, what_nobody_gave_is_not_there);
    tcase_add_test(tests, who_takes_items_can_end_it);
    tcase_add_test(tests, a_lack_of_memory_is_an_answer);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
