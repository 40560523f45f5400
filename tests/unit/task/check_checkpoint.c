// Checkpoints of whole jobs whose workers and helpers are turned in an order drawn from a seed:
// what each operator had at the cut is what follows from exactly the rows that the sources had read
// by then, whatever was on its way; and a job that begins from it ends as if nothing had happened.
//
// Sources give numbers 0, 1, 2 ... each, operators add up what passes them, some rows become dead
// letters, rows go over hash edges and edges of dead letters. Where barriers overtake rows these
// are in the checkpoint: with them operators have what they would have without.
#include "tests/unit/task/checkpoint_world.h"

// --- the coordinator of the test -----------------------------------------------------------------

static uint64_t begun;      // number
static uint32_t written_by; // tasks, a bit each
static uint32_t taken;      // sources cut between two of their rows
static bool declined;
static uint32_t finished_tasks;

static void take_events(void)
{
    struct tm_event *event;
    while ((event = (struct tm_event *)tm_mailbox_take(&run.job->events)) != NULL) {
        ck_assert_msg(event->kind != TM_EVENT_FAILED, "%s", event->error.message);
        finished_tasks += event->kind == TM_EVENT_TASK_FINISHED;
        if (event->kind == TM_EVENT_WRITTEN && event->checkpoint == begun) {
            ck_assert_uint_eq(written_by >> event->task & 1, 0);
            written_by |= 1U << event->task;
        }
        if (event->kind == TM_EVENT_DECLINED && event->checkpoint == begun)
            declined = true;
        tm_event_free(event);
    }
}

// One turn of somebody.
static void step(void)
{
    uint64_t actor = draw(run.job->worker_count + 1);
    now_ns += (int64_t)draw(3) * 1000000;
    if (actor < run.job->worker_count)
        (void)tm_worker_turn(&run.job->workers[actor], (uint32_t)draw(1024));
    else
        help();
    take_events();
}

// The workers hear of it one after the other, so a barrier may come before the command.
static void command_by_chance(enum tm_command_kind kind, uint64_t checkpoint)
{
    for (uint32_t w = 0; w < run.job->worker_count; w++) {
        struct tm_command *one = tm_command_new(run.job->mem, kind, "folder\0name", 12);
        ck_assert_ptr_nonnull(one);
        one->checkpoint = checkpoint;
        one->given_ns = now_ns;
        tm_mailbox_post(&run.job->workers[w].commands, &one->message);
        for (uint64_t steps = draw(3) == 0 ? draw(100) : 0; steps > 0; steps--)
            step();
    }
}

static bool is_whole(void)
{
    return written_by == (1U << run.job->task_count) - 1;
}

static struct tm_restored *restored_now(uint64_t checkpoint)
{
    const struct tm_cut *cuts[TASKS_MAX];
    struct tm_restored *made;
    for (uint32_t t = 0; t < run.job->task_count; t++) {
        const struct tm_task_cut *cut = run.job->tasks[t].checkpoints.cuts;
        while (cut != NULL && cut->checkpoint != checkpoint)
            cut = cut->next;
        ck_assert_ptr_nonnull(cut);
        cuts[t] = cut->cut;
    }
    ck_assert_int_eq(tm_restored_from_cuts(&kept_mem, cuts, run.job->task_count, &made, NULL), 0);
    return made;
}

// What follows from the rows that the sources had read.
static struct sum fold(const uint64_t nexts[SOURCES_MAX], bool failed)
{
    struct sum sum = {0};
    for (int s = 0; s < SOURCES_MAX; s++)
        for (uint64_t n = 0; n < nexts[s]; n++)
            if ((n % FAIL_EVERY == 0) == failed) {
                sum.rows++;
                sum.numbers += n;
            }
    return sum;
}

// With what was on its way to it, or to what is in front of it in the same task, over one edge.
static void expect_sum(const struct tm_restored *made, const char *name, const char *from,
                       const char *to, uint64_t rows, uint64_t numbers)
{
    struct sum sum = {0};
    ck_assert_int_eq(read_sum(made, run_node(&run, name), NULL, &sum, NULL), 0);
    if (from != NULL)
        add_flights(made, from, to, &sum);
    ck_assert_msg(sum.rows == rows && sum.numbers == numbers,
                  "'%s' has %llu rows, %llu; the sources gave %llu, %llu", name,
                  (unsigned long long)sum.rows, (unsigned long long)sum.numbers,
                  (unsigned long long)rows, (unsigned long long)numbers);
}

// Of tasks, a bit each.
static uint64_t bit_of(const struct tm_chain *chain, uint32_t subtask)
{
    return 1ULL << (chain->id * SOURCES_MAX + subtask);
}

struct ends {
    const struct tm_chain *chain;
    uint64_t all;
};

static int take_end(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                    struct tm_error *err)
{
    struct ends *ends = arg;
    uint64_t words[2]; // how far time was, whether the input had ended
    (void)err;
    ck_assert_uint_eq(size, sizeof words);
    memcpy(words, bytes, size);
    ends->all |= words[1] != 0 ? bit_of(ends->chain, old_subtask) : 0;
    return 0;
}

static uint64_t ended_in(const struct tm_restored *made, const struct tm_chain *chain)
{
    const struct tm_restored_for who = {.operator_name = run.graph->nodes[chain->nodes[0]].name,
                                        .parallelism = 1};
    struct ends ends = {.chain = chain};
    ck_assert_int_eq(tm_restored_items(made, &who, "watermark", take_end, &ends, NULL), 0);
    return ends.all;
}

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

static uint32_t apart; // cuts in which some subtasks of a source had ended and others not

// Those that are fed by all subtasks in front of them end in front of the same cut: what they give
// at the end is in a checkpoint for all keys, or for none, whoever has them after a restart.
static void check_ends(const struct tm_restored *made)
{
    for (uint32_t c = 0; c < run.plan->chain_count; c++) {
        const struct tm_chain *chain = &run.plan->chains[c];
        uint64_t every = 0, ended = ended_in(made, chain);
        for (uint32_t s = 0; s < chain->parallelism; s++)
            every |= bit_of(chain, s);
        if (chain->input_count == 0)
            apart += ended != 0 && ended != every;
        else if (run.plan->edges[chain->inputs[0]].partition != TM_PARTITION_FORWARD)
            ck_assert(ended == 0 || ended == every);
    }
}

// Of a job that goes on at another parallelism: sources that are none any more have read what they
// had then, those that are new read nothing.
static uint64_t nexts_then[SOURCES_MAX];
static bool rescaled;

static void check_cut(const struct tm_restored *made)
{
    check_ends(made);
    uint64_t nexts[SOURCES_MAX];
    read_nexts(made, nexts);
    for (uint32_t s = 0; rescaled && s < SOURCES_MAX; s++)
        if (s >= subtasks_before || s >= run.job->worker_count)
            nexts[s] = nexts_then[s];
    struct sum good = fold(nexts, false), bad = fold(nexts, true);
    expect_sum(made, "a", NULL, NULL, good.rows + bad.rows, good.numbers + bad.numbers);
    expect_sum(made, "b", "k", "b", good.rows, good.numbers);
    expect_sum(made, "out", "k", "b", good.rows, good.numbers);
    expect_sum(made, "dead", "a", "dead", bad.rows, 0);
    for (int i = 0; i < SOURCES_MAX; i++)
        taken += nexts[i] != 0 && nexts[i] != rows_each; // in the middle of something
}

// Steps until the checkpoint is decided: looked at, declined, or given up at a moment of chance.
// What has been taken of it goes to `keep`, where that is given.
static void take_one(struct tm_restored **keep)
{
    uint64_t patience = draw(6) == 0 ? draw(200) : UINT64_MAX;
    written_by = 0;
    declined = false;
    command_by_chance(TM_COMMAND_CHECKPOINT, ++begun);
    for (uint64_t i = 0; !is_whole() && !declined && i < patience; i++) {
        ck_assert_uint_lt(i, 2000000);
        step();
    }
    if (!is_whole()) {
        command_by_chance(TM_COMMAND_ABORT, begun);
        return;
    }
    struct tm_restored *made = restored_now(begun);
    if (!tells_time)
        check_cut(made);
    command_by_chance(TM_COMMAND_COMPLETE, begun);
    if (keep != NULL)
        *keep = made;
    else
        tm_restored_free(made);
}

static void run_for(uint64_t steps)
{
    for (; steps > 0; steps--)
        step();
}

static void start(uint32_t parallelism)
{
    begun = 0;
    finished_tasks = 0;
    rows_each = draw(3000);
    open_job(parallelism);
}

static bool is_finished(void)
{
    return finished_tasks == run.job->task_count;
}

static void setup(void)
{
    ck_assert_int_eq(tm_real_init(&kept_fx, NULL), 0);
    tm_mem_init(&kept_mem, &kept_fx, NULL, 0);
    works = NULL;
}

static void teardown(void)
{
    ck_assert_int_eq(kept_mem.used_bytes, 0);
    tm_real_fini(&kept_fx);
}

static int64_t draw_timeout(void)
{
    static const int64_t timeouts[] = {-1, 0, 0, 20, 200};
    return timeouts[draw(sizeof timeouts / sizeof timeouts[0])];
}

static uint64_t seed_of(const char *what)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    uint64_t seed = getenv("TM_SEED") != NULL ? strtoull(getenv("TM_SEED"), NULL, 10)
                                              : (uint64_t)now.tv_nsec % 1000000000 + 1;
    printf("%s: TM_SEED=%llu\n", what, (unsigned long long)seed);
    fflush(stdout);
    return seed;
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
    tcase_add_test(t, no_key_sees_time_go_back_at_any_parallelism);
    tcase_add_test(t, what_is_final_is_not_given_again_at_any_parallelism);
    tcase_add_test(t, sources_read_no_more_behind_the_last_barrier);
    suite_add_tcase(s, t);
    return run_suite(s);
}
