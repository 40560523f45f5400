// Checkpoints of whole jobs whose workers and helpers are turned in an order drawn from a seed:
// what each operator had at the cut is what follows from exactly the rows that the sources had read
// by then, whatever was on its way; and a job that begins from it ends as if nothing had happened.
//
// Sources give numbers 0, 1, 2 ... each, operators add up what passes them, some rows become dead
// letters, rows go over hash edges and edges of dead letters. Where barriers overtake rows these
// are in the checkpoint: with them operators have what they would have without.
#include "tests/unit/task/checkpoint_turns.h"

// `wholly`: of chains in which all subtasks have. A restart deals splits anew, so of a source, and
// of what one subtask of it feeds, all must have ended for any to count as ended.
static uint64_t all_ended_in(const struct tm_restored *made, bool wholly)
{
    uint64_t all = 0;
    for (uint32_t c = 0; c < run.plan->chain_count; c++) {
        const struct tm_chain *chain = &run.plan->chains[c];
        uint64_t every = 0, ended = ended_in(made, chain);
        for (uint32_t s = 0; s < chain->parallelism; s++)
            every |= bit_of(chain, s);
        all |= wholly && ended != every ? 0 : ended;
    }
    return all;
}

static int64_t draw_timeout(void)
{
    static const int64_t timeouts[] = {-1, 0, 0, 20, 200};
    return timeouts[draw(sizeof timeouts / sizeof timeouts[0])];
}

// --- the tests -----------------------------------------------------------------------------------

START_TEST(what_operators_have_at_the_cut_follows_from_what_the_sources_had_read)
{
    uint64_t seed = seed_of("cuts");
    taken = apart = flights = 0;
    for (uint32_t round = 0; round < 150; round++) {
        state = seed + round * 7919;
        failing = draw(3) == 0 ? 40 : 0;
        aligned_ms = draw_timeout();
        start(1 + round % 4);
        while (!is_finished()) {
            run_for(draw(60));
            take_one(NULL);
        }
        failing = 0;
        take_one(NULL); // all have ended: at once
        close_job();
    }
    ck_assert_uint_gt(taken, 200);
    ck_assert_uint_gt(apart, 5);
    ck_assert_uint_gt(flights, 100);
}
END_TEST

START_TEST(a_job_that_begins_from_a_checkpoint_ends_as_one_that_was_not_disturbed)
{
    uint64_t seed = seed_of("restarts");
    uint32_t ended_twice = 0;
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t parallelism = 1 + round % 4;
        state = seed + round * 104729;
        failing = 0;
        aligned_ms = draw_timeout();
        start(parallelism);
        struct tm_restored *kept = NULL;
        run_for(draw(draw(3) == 0 ? 20000 : 300));
        while (kept == NULL)
            take_one(&kept);
        run_for(draw(100)); // work that is lost
        uint64_t rows = rows_each * parallelism;
        close_job();
        restored = kept;
        begun = finished_tasks = 0;
        open_job(parallelism);
        struct tm_restored *last = NULL;
        run_for(draw(30));
        take_one(&last);
        if (last != NULL) { // what had ended has
            ck_assert_uint_eq(all_ended_in(kept, true) & ~all_ended_in(last, false), 0);
            ended_twice += all_ended_in(kept, true) != 0;
            tm_restored_free(last);
            last = NULL;
        }
        while (!is_finished())
            step();
        take_one(&last);
        while (last == NULL)
            take_one(&last);
        ck_assert_uint_eq(run_accounts(&run, run_node(&run, "a")->id).in, rows);
        close_job();
        restored = NULL;
        tm_restored_free(last);
        tm_restored_free(kept);
    }
    ck_assert_uint_gt(ended_twice, 2);
}
END_TEST

START_TEST(rows_in_flight_go_on_at_any_parallelism)
{
    uint64_t seed = seed_of("rescaling");
    uint32_t flew = 0;
    for (uint32_t round = 0; round < 96; round++) {
        state = seed + round * 15485863;
        failing = 0;
        aligned_ms = 0;
        subtasks_before = 1 + round % 4;
        start(subtasks_before);
        rows_each += 2000;
        struct tm_restored *kept = NULL;
        while (kept == NULL) {
            run_for(draw(200));
            flights = 0;
            take_one(&kept);
        }
        flew += flights != 0;
        read_nexts(kept, nexts_then);
        close_job();
        restored = kept;
        rescaled = true;
        begun = finished_tasks = 0;
        open_job(1 + round / 4 % 4); // at 1 all is one task
        struct tm_restored *last = NULL;
        for (int i = 0; i < 3; i++) { // what is still in flight is in flight again
            run_for(draw(30));
            take_one(NULL);
        }
        while (!is_finished())
            step();
        while (last == NULL)
            take_one(&last);
        close_job();
        restored = NULL;
        rescaled = false;
        tm_restored_free(last);
        tm_restored_free(kept);
    }
    ck_assert_uint_gt(flew, 30);
    subtasks_before = SOURCES_MAX;
}
END_TEST

START_TEST(what_is_final_is_not_given_again_at_any_parallelism)
{
    for (uint32_t round = 0; round < 16; round++) {
        struct tm_restored *kept = NULL;
        subtasks_before = 1 + round % 4;
        state = 7 + round * 31;
        failing = drained = 0;
        start(subtasks_before);
        while (!is_finished())
            step();
        ck_assert_uint_eq(drained, subtasks_before);
        while (kept == NULL)
            take_one(&kept);
        close_job();
        restored = kept;
        finished_tasks = 0;
        open_job(1 + round / 4); // at 1 all is one task
        while (!is_finished())
            step();
        ck_assert_uint_eq(drained, subtasks_before);
        close_job();
        restored = NULL;
        tm_restored_free(kept);
    }
    subtasks_before = SOURCES_MAX;
}
END_TEST

START_TEST(sources_read_no_more_behind_the_last_barrier)
{
    state = 99;
    failing = 0;
    start(2);
    rows_each = 1000000;
    run_for(500);
    written_by = 0;
    begun = 1;
    ck_assert_int_eq(tm_job_command_checkpoint(run.job, TM_COMMAND_CHECKPOINT, 1, TM_PURPOSE_STOP,
                                               "folder\0name", 12),
                     0);
    while (!is_whole())
        step();
    uint64_t nexts[SOURCES_MAX];
    struct tm_restored *made = restored_now(1);
    check_cut(made);
    read_nexts(made, nexts);
    tm_restored_free(made);
    run_for(2000);
    struct accounts a = run_accounts(&run, run_node(&run, "a")->id);
    ck_assert_uint_eq(a.in, nexts[0] + nexts[1]);
    close_job();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("checkpoint");
    TCase *t = tcase_create("checkpoint");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_operators_have_at_the_cut_follows_from_what_the_sources_had_read);
    tcase_add_test(t, a_job_that_begins_from_a_checkpoint_ends_as_one_that_was_not_disturbed);
    tcase_add_test(t, rows_in_flight_go_on_at_any_parallelism);
    tcase_add_test(t, what_is_final_is_not_given_again_at_any_parallelism);
    tcase_add_test(t, sources_read_no_more_behind_the_last_barrier);
    suite_add_tcase(s, t);
    return run_suite(s);
}
