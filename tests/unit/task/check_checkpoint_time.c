// Checkpoints of whole jobs, one generation killed after the other, at any parallelism: for no key
// does time go back.
#include "tests/unit/task/checkpoint_turns.h"

// An operator's subtasks stand at different times when a barrier overtakes watermarks. A generation
// is killed after the other, some before all has been given that was in flight at their beginning.
START_TEST(no_key_sees_time_go_back_at_any_parallelism)
{
    uint64_t seed = seed_of("time");
    uint32_t flew = 0;
    tells_time = true;
    failing = 0;
    aligned_ms = 0;
    for (uint32_t round = 0; round < 120; round++) {
        state = seed + round * 32452843;
        subtasks_before = SOURCES_MAX;
        start(1 + (uint32_t)draw(4));
        rows_each += 2000;
        for (int generation = 0; generation < 4; generation++) {
            struct tm_restored *kept = NULL;
            uint32_t was = run.job->worker_count;
            while (kept == NULL) {
                run_for(draw(generation == 0 ? 400 : 60));
                take_one(&kept);
            }
            flights = 0;
            struct sum flying = {0};
            add_flights(kept, "k", "b", &flying);
            flew += flights != 0;
            close_job();
            tm_restored_free(restored);
            restored = kept;
            subtasks_before = was;
            begun = finished_tasks = 0;
            open_job(1 + (uint32_t)draw(4)); // at 1 all is one task
        }
        while (!is_finished())
            step();
        close_job();
        tm_restored_free(restored);
        restored = NULL;
    }
    ck_assert_uint_gt(flew, 60);
    subtasks_before = SOURCES_MAX;
    tells_time = false;
}
END_TEST

int main(void)
{
    Suite *s = suite_create("checkpoint_time");
    TCase *t = tcase_create("checkpoint_time");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, no_key_sees_time_go_back_at_any_parallelism);
    suite_add_tcase(s, t);
    return run_suite(s);
}
