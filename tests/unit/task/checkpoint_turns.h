// Whole jobs whose workers and helpers are turned in an order drawn from a seed, on top of
// checkpoint_world.h: the coordinator, and what a checkpoint must have, which is what follows from
// exactly the rows that the sources had read by then.
#pragma once

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
