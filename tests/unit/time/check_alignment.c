// Alignment: how far members may be, who rests and is woken, idle members, the ends of time; and
// two threads that race through event time.
#include <pthread.h>

#include "core/time/alignment.h"
#include "support.h"

static struct tm_alignment *group;

static void setup(void)
{
    world_open();
    group = NULL;
}

static void teardown(void)
{
    tm_alignment_free(group);
    world_close();
}

static void open_group(uint32_t members)
{
    group = tm_alignment_new(&mem, members);
    ck_assert_ptr_nonnull(group);
}

START_TEST(the_lowest_member_and_the_drift_are_the_limit)
{
    open_group(3);
    tm_alignment_report(group, 0, 100);
    tm_alignment_report(group, 1, 50);
    tm_alignment_report(group, 2, 70);
    ck_assert_int_eq(tm_alignment_limit(group, 10), 60);
    tm_alignment_report(group, 1, 90);
    ck_assert_int_eq(tm_alignment_limit(group, 10), 80);
    ck_assert_int_eq(tm_alignment_limit(group, 25), 95);
}
END_TEST

START_TEST(a_member_that_has_not_begun_holds_the_others)
{
    open_group(2);
    tm_alignment_report(group, 0, 100);
    ck_assert_int_eq(tm_alignment_limit(group, 10), TM_WATERMARK_MIN + 10);
}
END_TEST

START_TEST(an_idle_member_holds_nobody_and_may_come_back)
{
    open_group(2);
    tm_alignment_report(group, 0, 100);
    tm_alignment_report(group, 1, TM_WATERMARK_MAX);
    ck_assert_int_eq(tm_alignment_limit(group, 10), 110);
    tm_alignment_report(group, 1, 20);
    ck_assert_int_eq(tm_alignment_limit(group, 10), 30);
}
END_TEST

START_TEST(the_limit_saturates_at_the_end_of_time)
{
    open_group(2);
    tm_alignment_report(group, 0, TM_WATERMARK_MAX - 5);
    tm_alignment_report(group, 1, TM_WATERMARK_MAX);
    ck_assert_int_eq(tm_alignment_limit(group, 5), TM_WATERMARK_MAX);
    ck_assert_int_eq(tm_alignment_limit(group, 6), TM_WATERMARK_MAX);
    tm_alignment_report(group, 0, TM_WATERMARK_MAX);
    ck_assert_int_eq(tm_alignment_limit(group, INT64_MAX), TM_WATERMARK_MAX);
}
END_TEST

// Two threads that may be 5 apart; each rests as a worker does.
enum { TO = 20000, DRIFT = 5 };
struct racer {
    uint32_t member;
    struct tm_waker waker;
    _Atomic int64_t at;
    struct racer *other;
    bool ran_away;
};

static bool may_go(struct racer *r)
{
    int64_t at = atomic_load(&r->at);
    if (at <= tm_alignment_limit(group, DRIFT)) {
        tm_alignment_rest(group, r->member, DRIFT, TM_WATERMARK_MAX);
        return true;
    }
    tm_alignment_rest(group, r->member, DRIFT, at);
    return false;
}

static void *race(void *arg)
{
    struct racer *r = arg;
    tm_alignment_report(group, r->member, 0);
    for (int64_t i = 1; i <= TO;) {
        if (!may_go(r)) {
            tm_waker_prepare(&r->waker);
            if (may_go(r))
                tm_waker_cancel(&r->waker);
            else
                tm_waker_wait(&r->waker, INT64_MAX);
            continue;
        }
        atomic_store(&r->at, i);
        // The other one was at least so far when this one was let go.
        if (i > 1 && i - 1 > atomic_load(&r->other->at) + DRIFT)
            r->ran_away = true;
        tm_alignment_report(group, r->member, i++);
    }
    tm_alignment_report(group, r->member, TM_WATERMARK_MAX);
    return NULL;
}

START_TEST(threads_stay_within_the_drift_and_none_is_forgotten)
{
    struct racer racers[2] = {{.member = 0}, {.member = 1}};
    pthread_t threads[2];
    open_group(2);
    for (int i = 0; i < 2; i++) {
        racers[i].other = &racers[1 - i];
        ck_assert_int_eq(tm_waker_init(&racers[i].waker, &fx, NULL), 0);
        tm_alignment_set_waker(group, (uint32_t)i, &racers[i].waker);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) {
        ck_assert(!racers[i].ran_away);
        ck_assert_int_eq(atomic_load(&racers[i].at), TO);
        tm_waker_fini(&racers[i].waker);
    }
}
END_TEST

START_TEST(running_out_of_memory_leaks_nothing)
{
    for (int64_t limit = 1; limit < 1000; limit += 40) {
        struct tm_mem small;
        tm_mem_init(&small, &fx, NULL, limit);
        tm_alignment_free(tm_alignment_new(&small, 4));
        ck_assert_int_eq(atomic_load(&small.used_bytes), 0);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("alignment");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_lowest_member_and_the_drift_are_the_limit);
    tcase_add_test(t, a_member_that_has_not_begun_holds_the_others);
    tcase_add_test(t, an_idle_member_holds_nobody_and_may_come_back);
    tcase_add_test(t, the_limit_saturates_at_the_end_of_time);
    tcase_add_test(t, threads_stay_within_the_drift_and_none_is_forgotten);
    tcase_add_test(t, running_out_of_memory_leaks_nothing);
    return run_case(t, "alignment");
}
