// A state and timers restored at any parallelism, and at any max parallelism.
#include "tests/unit/checkpoint/subject.h"

enum { TIMERS = 300 };

static struct tm_error err;

static void setup(void)
{
    disk_init();
    subject_init(400, 9);
    tm_error_clear(&err);
}

static void teardown(void)
{
    subject_fini();
    disk_fini();
}

// The first key group of a subtask, of `all` of them.
static uint32_t first_of(uint32_t subtask, uint32_t parallelism, uint32_t all)
{
    return (subtask * all + parallelism - 1) / parallelism;
}

static struct tm_restored *freeze(struct tm_timers *timers)
{
    struct tm_restored *restored;
    struct tm_cut *cuts[TASKS];
    for (uint32_t i = 0; i < TASKS; i++)
        cuts[i] = subject_cut(1, i);
    ck_assert_int_eq(tm_cut_timers(cuts[0], "count", "timers", tm_timers_freeze_pages(timers)), 0);
    int rc = tm_restored_from_cuts(&subject.mem, (const struct tm_cut *const *)cuts, TASKS,
                                   &restored, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    for (uint32_t i = 0; i < TASKS; i++)
        tm_cut_free(cuts[i]);
    return restored;
}

static struct tm_timers *new_timers(uint32_t all, uint32_t first, uint32_t last)
{
    struct tm_timers_args args = {&subject.mem, all, first, last};
    struct tm_timers *timers;
    ck_assert_int_eq(tm_timers_new(&args, &timers, NULL), 0);
    return timers;
}

static uint64_t entries_of(struct tm_state *state)
{
    uint64_t count = 0;
    for (struct tm_namespace *ns = tm_state_namespace_first(state); ns != NULL;
         ns = tm_state_namespace_next(ns))
        count += tm_state_namespace_size(ns);
    return count;
}

// All subtasks together have all keys with their values.
static void ck_state(const struct tm_restored *restored, uint32_t all, uint32_t parallelism)
{
    uint64_t entries = 0, expected = 0;
    for (uint32_t subtask = 0; subtask < parallelism; subtask++) {
        struct tm_state_args args = {&subject.mem, all, first_of(subtask, parallelism, all),
                                     first_of(subtask + 1, parallelism, all) - 1, 16};
        struct tm_state *state;
        ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
        int rc = tm_restored_state(restored, "count", "totals", &subject_layout, state, &err);
        ck_assert_msg(rc == 0, "%s", err.message);
        struct tm_namespace *ns = tm_state_namespace_find(state, 0);
        for (uint64_t i = 0; i < subject.keys; i++) {
            struct tm_key key = subject_key(&i);
            uint32_t group = tm_hash_key_group(key.hash, all);
            if (group < args.first_key_group || group > args.last_key_group)
                continue;
            const uint64_t *value = ns == NULL ? NULL : tm_state_find(state, ns, &key);
            ck_assert_uint_eq(value == NULL ? 0 : value[0], subject.values[i]);
            expected += subject.values[i] != 0;
        }
        entries += entries_of(state);
        tm_state_free(state);
    }
    ck_assert_uint_eq(entries, expected);
}

static void ck_timers(const struct tm_restored *restored, uint32_t all, uint32_t parallelism,
                      uint64_t expected)
{
    uint64_t count = 0, sum = 0;
    for (uint32_t subtask = 0; subtask < parallelism; subtask++) {
        struct tm_timers *timers = new_timers(all, first_of(subtask, parallelism, all),
                                              first_of(subtask + 1, parallelism, all) - 1);
        struct tm_timer timer;
        int64_t before = INT64_MIN;
        int rc = tm_restored_timers(restored, "count", "timers", timers, &err);
        ck_assert_msg(rc == 0, "%s", err.message);
        while (tm_timers_first(timers, TM_TIMER_EVENT, &timer)) {
            ck_assert_int_le(before, timer.time);
            before = timer.time;
            sum += (uint64_t)timer.time;
            count++;
            ck_assert_int_eq(tm_timers_pop(timers, TM_TIMER_EVENT), 1);
        }
        tm_timers_free(timers);
    }
    ck_assert_uint_eq(count, TIMERS);
    ck_assert_uint_eq(sum, expected);
}

START_TEST(state_and_timers_come_back_at_any_scale)
{
    static const uint32_t all[] = {GROUPS, 1, 3, 64, 1024};
    struct tm_timers *timers = new_timers(GROUPS, 0, GROUPS - 1);
    uint64_t sum = 0;
    subject_change(1500);
    for (uint64_t i = 0; i < TIMERS; i++) {
        struct tm_timer timer = {.time = (int64_t)subject_draw(100000), .key = subject_key(&i)};
        ck_assert_int_eq(tm_timers_add(timers, TM_TIMER_EVENT, &timer), 1);
        sum += (uint64_t)timer.time;
    }
    struct tm_restored *restored = freeze(timers);
    for (uint32_t i = 0; i < sizeof all / sizeof *all; i++)
        for (uint32_t parallelism = 1; parallelism <= 5 && parallelism <= all[i]; parallelism++) {
            ck_state(restored, all[i], parallelism);
            ck_timers(restored, all[i], parallelism, sum);
        }
    tm_restored_free(restored);
    tm_timers_free(timers);
}
END_TEST

START_TEST(what_has_become_something_else_is_refused)
{
    struct tm_timers *timers = new_timers(GROUPS, 0, GROUPS - 1);
    struct tm_restored *restored = freeze(timers);
    struct tm_state *state = subject_state(0, GROUPS - 1);
    ck_assert_int_eq(tm_restored_state(restored, "count", "timers", NULL, state, &err),
                     TM_E_STATE_TYPE);
    ck_assert_int_eq(tm_restored_state(restored, "read", "position", NULL, state, &err),
                     TM_E_STATE_TYPE);
    ck_assert_int_eq(tm_restored_state(restored, "count", "nothing", NULL, state, &err), 0);
    ck_assert_uint_eq(entries_of(state), 0);
    tm_state_free(state);
    tm_restored_free(restored);
    tm_timers_free(timers);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint_scale");
    TCase *tests = tcase_create("scale");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, state_and_timers_come_back_at_any_scale);
    tcase_add_test(tests, what_has_become_something_else_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
