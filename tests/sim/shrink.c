// Leaving out: faults one by one, then stages, then rows; again, until nothing can be left out.
#include "tests/sim/shrink.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/blocks.h"
#include "tests/sim/heaps.h"
#include "tests/sim/kinds.h"
#include "tests/sim/planted.h"
#include "tests/sim/seal.h"

enum { ROWS_MIN = 10, ROWS_UNKNOWN = 1000 };

// --- names ---------------------------------------------------------------------------------------

static bool leave_out(struct sim_less *less, const char *name, size_t length)
{
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        if (strlen(sim_fault_names[i]) == length && memcmp(sim_fault_names[i], name, length) == 0)
            return less->faults[i] = true;
    if (length == 4 && memcmp(name, "more", 4) == 0)
        return less->more = true;
    for (uint32_t i = 0; sim_kind(i) != NULL; i++)
        if (strlen(sim_kind(i)->name) == length && memcmp(sim_kind(i)->name, name, length) == 0) {
            less->stages |= 1u << i;
            return true;
        }
    return false;
}

bool sim_less_without(struct sim_less *less, const char *names)
{
    for (;;) {
        size_t length = strcspn(names, ",");
        if (!leave_out(less, names, length))
            return false;
        if (names[length] == '\0')
            return true;
        names += length + 1;
    }
}

bool sim_less_is_none(const struct sim_less *less)
{
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        if (less->faults[i])
            return false;
    return less->stages == 0 && less->rows == 0 && !less->more;
}

void sim_less_command(uint64_t seed, const struct sim_less *less)
{
    const char *before = " --without ";
    printf("./dev sim");
    if (sim_planted() != NULL)
        printf(" --plant %s", sim_planted());
    printf(" --seeds 1 --from %llu", (unsigned long long)seed);
    if (less->rows != 0)
        printf(" --rows %u", less->rows);
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        if (less->faults[i]) {
            printf("%s%s", before, sim_fault_names[i]);
            before = ",";
        }
    if (less->more) {
        printf("%smore", before);
        before = ",";
    }
    for (uint32_t i = 0; sim_kind(i) != NULL; i++)
        if ((less->stages >> i & 1) != 0) {
            printf("%s%s", before, sim_kind(i)->name);
            before = ",";
        }
    printf(" --story\n");
}

// --- living --------------------------------------------------------------------------------------

// What the engine has ended tells nothing of what it has met: all of it may be left out.
static void be_unknown(struct sim_outcome *outcome, const struct sim_less *less)
{
    snprintf(outcome->failure, sizeof outcome->failure, "R2: the engine ended the process");
    outcome->rows = less->rows != 0 ? less->rows : ROWS_UNKNOWN;
    outcome->stages = UINT32_MAX;
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        outcome->faults[i] = 1;
}

// In a child process, which the engine may end.
static void live(uint64_t seed, const struct sim_less *less, struct sim_outcome *outcome)
{
    int ends[2], status = 0;
    fflush(stdout);
    *outcome = (struct sim_outcome){0};
    if (pipe(ends) != 0)
        return;
    sim_heaps_warm();
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit patience = {SIM_PATIENCE_S, SIM_PATIENCE_S};
        struct sim_outcome lived;
        (void)setrlimit(RLIMIT_CPU, &patience);
        if (sim_seal() != 0)
            _exit(4);
        sim_live(seed, less, false, &lived);
        _exit(write(ends[1], &lived, sizeof lived) == (ssize_t)sizeof lived ? 0 : 3);
    }
    close(ends[1]);
    if (read(ends[0], outcome, sizeof *outcome) != (ssize_t)sizeof *outcome)
        be_unknown(outcome, less);
    close(ends[0]);
    waitpid(child, &status, 0);
}

// By the same rule, which stands in front of a colon.
static bool fails_as(const struct sim_outcome *first, const struct sim_outcome *now)
{
    size_t length = strcspn(first->failure, ":");
    return strncmp(first->failure, now->failure, length) == 0 && now->failure[length] == ':';
}

struct shrinking {
    uint64_t seed;
    struct sim_less less;
    struct sim_outcome first, last; // outcomes; the last that failed
};

static bool try(struct shrinking *s, const struct sim_less *less)
{
    struct sim_outcome outcome;
    live(s->seed, less, &outcome);
    if (!fails_as(&s->first, &outcome))
        return false;
    s->less = *less;
    s->last = outcome;
    return true;
}

static bool shrink_faults(struct shrinking *s)
{
    bool any = false;
    for (int i = 0; i < SIM_FAULT_COUNT; i++) {
        struct sim_less less = s->less;
        if (less.faults[i] || s->last.faults[i] == 0)
            continue;
        less.faults[i] = true;
        any = try(s, &less) || any;
    }
    return any;
}

static bool shrink_job(struct shrinking *s)
{
    bool any = false;
    for (uint32_t i = 0; sim_kind(i) != NULL; i++) {
        struct sim_less less = s->less;
        less.stages |= 1u << i;
        if (less.stages != s->less.stages && (s->last.stages >> i & 1) != 0)
            any = try(s, &less) || any;
    }
    for (uint64_t rows = s->last.rows * 3 / 4; rows >= ROWS_MIN; rows = s->last.rows * 3 / 4) {
        struct sim_less less = s->less;
        less.rows = (uint32_t)rows;
        if (!try(s, &less))
            break;
        any = true;
    }
    return any;
}

int sim_shrink(uint64_t seed, struct sim_less *less)
{
    struct shrinking s = {.seed = seed, .less = *less};
    live(seed, less, &s.first);
    s.last = s.first;
    if (s.first.failure[0] == '\0') {
        printf("seed %llu does not fail\n", (unsigned long long)seed);
        return 1;
    }
    printf("seed %llu, %llu rows: %s\n", (unsigned long long)seed, (unsigned long long)s.first.rows,
           s.first.failure);
    while (shrink_faults(&s) || shrink_job(&s)) {
    }
    printf("left, %llu rows: %s\n", (unsigned long long)s.last.rows, s.last.failure);
    sim_less_command(seed, &s.less);
    fflush(stdout);
    *less = s.less;
    return 0;
}
