// Children, and what they tell.
#include "tests/sim/blocks.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/heaps.h"
#include "tests/sim/seal.h"

// Blocks that are given out: those that are lived, and those that wait for one before them.
enum { OUT_MAX = 2 * SIM_JOBS_MAX, LOOK_MS = 500 };

struct block {
    uint64_t from, count, lived;
    struct sim_outcome *outcomes;
    size_t have; // bytes of them
    pid_t child;
    int fd;         // -1: all of it has been lived
    double heard_s; // what the child had worked when it told something last
    bool given_up;  // the child
};

struct living {
    const struct sim_blocks *blocks;
    struct block out[OUT_MAX]; // in the order in which they were given out
    uint32_t count, running;
};

// --- a child -------------------------------------------------------------------------------------

static void *do_nothing(void *arg)
{
    return arg;
}

// What a seed may not do: exits with SIGSYS or SIGSEGV.
static void break_seal(const char *what)
{
    struct timespec t;
    pthread_t thread;
    while (strcmp(what, "loop") == 0) {
    }
    bool done = strcmp(what, "file") == 0     ? fopen("/dev/null", "r") != NULL
                : strcmp(what, "thread") == 0 ? pthread_create(&thread, NULL, do_nothing, NULL) == 0
                                              : clock_gettime(CLOCK_MONOTONIC, &t) == 0;
    _exit(done ? 0 : 5);
}

static void live_seed(const struct sim_blocks *blocks, uint64_t seed, struct sim_outcome *outcome)
{
    struct sim_outcome again;
    sim_live(seed, blocks->less, blocks->tells, outcome);
    if (!blocks->twice || outcome->failure[0] != '\0')
        return;
    sim_heaps_turn(); // at other addresses, too
    sim_live(seed, blocks->less, false, &again);
    if (again.trace != outcome->trace)
        snprintf(outcome->failure, sizeof outcome->failure,
                 "the same seed is not the same run: traces %016llx and %016llx",
                 (unsigned long long)outcome->trace, (unsigned long long)again.trace);
}

static void live_block(const struct sim_blocks *blocks, uint64_t from, uint64_t count, int fd)
{
    static char buffer[1 << 16]; // else the first line would ask what standard output is
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    signal(SIGINT, SIG_IGN); // the campaign ends behind it
    if (sim_seal() != 0)
        _exit(4);
    if (blocks->breaks != NULL)
        break_seal(blocks->breaks);
    for (uint64_t seed = from; seed < from + count; seed++) {
        struct sim_outcome outcome;
        live_seed(blocks, seed, &outcome);
        fflush(stdout);
        if (write(fd, &outcome, sizeof outcome) != (ssize_t)sizeof outcome)
            _exit(3);
    }
    _exit(0);
}

// --- blocks --------------------------------------------------------------------------------------

static void begin_child(struct living *living, struct block *block)
{
    int ends[2];
    fflush(stdout);
    block->child = pipe(ends) != 0 ? -1 : fork();
    if (block->child < 0) {
        perror("simulate");
        exit(2);
    }
    if (block->child == 0) {
        close(ends[0]);
        live_block(living->blocks, block->from + block->lived, block->count - block->lived,
                   ends[1]);
    }
    close(ends[1]);
    block->fd = ends[0];
    block->heard_s = 0;
    block->given_up = false;
    living->running++;
}

static bool give_out(struct living *living)
{
    uint64_t from, count = living->blocks->next(living->blocks->arg, &from);
    if (count == 0)
        return false;
    struct block *block = &living->out[living->count++];
    *block = (struct block){
        .from = from, .count = count, .outcomes = calloc(count, sizeof *block->outcomes)};
    begin_child(living, block);
    return true;
}

// How long the child has worked, s.
static double work_of(const struct block *block)
{
    struct timespec t;
    clockid_t clock;
    if (clock_getcpuclockid(block->child, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0; // it has ended
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// An endless loop of the engine is a seed that fails, too.
static void look_at_work(const struct living *living, struct block *block)
{
    if (block->given_up || work_of(block) - block->heard_s < living->blocks->patience_s)
        return;
    block->given_up = true;
    kill(block->child, SIGKILL);
}

// A child has ended: all is lived, or a seed has ended it.
static void reap(struct living *living, struct block *block)
{
    int status = 0;
    close(block->fd);
    block->fd = -1;
    living->running--;
    while (waitpid(block->child, &status, 0) < 0 && errno == EINTR) {
    }
    if (block->lived == block->count)
        return;
    struct sim_outcome *last = &block->outcomes[block->lived];
    *last = (struct sim_outcome){.seed = block->from + block->lived};
    if (block->given_up)
        snprintf(last->failure, sizeof last->failure,
                 "C6: the seed has not come to an end within %u s of work",
                 living->blocks->patience_s);
    else
        snprintf(last->failure, sizeof last->failure,
                 "R2: the engine ended the process, by signal %d, code %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                 WIFEXITED(status) ? WEXITSTATUS(status) : 0);
    block->have = ++block->lived * sizeof *last;
    if (block->lived != block->count)
        begin_child(living, block);
}

static void hear(struct living *living, struct block *block)
{
    size_t all = block->count * sizeof *block->outcomes;
    ssize_t got = block->have == all
                      ? 0
                      : read(block->fd, (char *)block->outcomes + block->have, all - block->have);
    if (got < 0 && errno == EINTR)
        return;
    block->have += got > 0 ? (size_t)got : 0;
    block->heard_s = work_of(block);
    block->lived = block->have / sizeof *block->outcomes;
    if (got <= 0 || block->have == all)
        reap(living, block);
}

static void hear_some(struct living *living)
{
    struct pollfd fds[OUT_MAX];
    for (uint32_t i = 0; i < living->count; i++)
        fds[i] = (struct pollfd){.fd = living->out[i].fd, .events = POLLIN};
    if (poll(fds, living->count, LOOK_MS) < 0)
        return;
    for (uint32_t i = 0; i < living->count; i++)
        if (fds[i].fd >= 0 && fds[i].revents != 0)
            hear(living, &living->out[i]);
        else if (fds[i].fd >= 0)
            look_at_work(living, &living->out[i]);
}

// Those in front that are done.
static void tell(struct living *living)
{
    while (living->count != 0 && living->out[0].fd < 0) {
        struct block block = living->out[0];
        memmove(&living->out[0], &living->out[1], --living->count * sizeof block);
        for (uint64_t i = 0; i < block.count; i++)
            living->blocks->each(living->blocks->arg, &block.outcomes[i]);
        free(block.outcomes);
    }
}

void sim_blocks_live(const struct sim_blocks *blocks)
{
    struct living *living = calloc(1, sizeof *living);
    living->blocks = blocks;
    sim_heaps_warm();
    for (;;) {
        while (living->running < blocks->jobs && living->count < 2 * blocks->jobs &&
               give_out(living)) {
        }
        if (living->count == 0)
            break;
        if (living->running != 0)
            hear_some(living);
        tell(living);
    }
    free(living);
}
