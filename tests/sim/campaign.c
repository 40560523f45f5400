// simulate: many seeds, each a world with a job that must survive it (docs/internals/simulator.md).
// usage: simulate [--seeds N] [--from S] [--minutes M] [--twice] [--story] [--table] [--traces]
//        [--plant NAME|list] [--first] [--planted [NAME,NAME...]] [--series N] [--choose]
//        [--list FILE] [--break file|clock] [--shrink] [--without NAME,NAME...] [--rows N]
//
// Seeds are lived in child processes, a block of them in each: a crash of the engine is a failing
// seed as any other, and what dead processes of a world leave goes with the child. Prints a line
// per failing seed with the command that tells its story, and `N passed, N failed`. Exit code 1: a
// seed failed, or as many as COMPLETE have missed a fault, a kill point or something that must have
// been seen. With --planted instead a line for each mistake: how many seeds it took to find it, in
// each of some series; exit code 1: one was not found. With --choose few of the seeds that together
// have met all that the campaign has. With --list the seeds are those that lines of a
// file begin with, and together they must meet everything.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/coverage.h"
#include "tests/sim/heaps.h"
#include "tests/sim/life.h"
#include "tests/sim/planted.h"
#include "tests/sim/seal.h"
#include "tests/sim/shrink.h"

enum { COMPLETE = 10000 }; // so many seeds must meet everything
enum { BLOCK = 100, FAILURES_MAX = 20, KEPT_MAX = 1000000 };
enum { SERIES_APART = 1000000, SHARE = 40 }; // of the seeds of series; seeds for a mistake's share

struct options {
    uint64_t seeds, from;
    double minutes; // 0: as long as it takes
    bool twice;     // each seed, to see that it is the same run
    bool story, table, traces;
    bool first; // ends at the first seed that fails
    bool quiet; // nothing is said of seeds that fail
    bool chooses;
    bool shrinks;         // the first seed
    struct sim_less less; // what is left out of each
    const char *breaks;   // the seal: "file" or "clock"
    const char *list;     // file of seeds; NULL: they are counted on
    const char *planted;  // names of mistakes; NULL: it is an ordinary campaign; "": all of them
    uint32_t series;
};

struct totals {
    uint64_t passed, failed;
    struct sim_outcome sum;
    uint64_t count;
    uint32_t *rows, *checkpoints, *faults; // of each seed, for medians
    struct sim_coverage *coverage;         // of each seed, with --choose
    uint64_t first_failed;                 // the seed; 0: none
    char why[512];                         // it did
};

// --- a child -------------------------------------------------------------------------------------

// What a seed may not do: exits with SIGSYS or SIGSEGV.
static void break_seal(const char *what)
{
    struct timespec t;
    FILE *file = strcmp(what, "file") == 0 ? fopen("/dev/null", "r") : NULL;
    if (file != NULL || clock_gettime(CLOCK_MONOTONIC, &t) == 0)
        _exit(0);
}

static void live_block(const struct options *o, uint64_t from, uint64_t count, int fd)
{
    static char buffer[1 << 16]; // else the first line would ask what standard output is
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    if (sim_seal() != 0)
        _exit(4);
    if (o->breaks != NULL)
        break_seal(o->breaks);
    for (uint64_t seed = from; seed < from + count; seed++) {
        struct sim_outcome outcome, again;
        sim_live(seed, &o->less, o->story, &outcome);
        if (o->twice && outcome.failure[0] == '\0') {
            sim_heaps_turn(); // at other addresses, too
            sim_live(seed, &o->less, false, &again);
            if (again.trace != outcome.trace)
                snprintf(outcome.failure, sizeof outcome.failure,
                         "the same seed is not the same run: traces %016llx and %016llx",
                         (unsigned long long)outcome.trace, (unsigned long long)again.trace);
        }
        fflush(stdout);
        if (write(fd, &outcome, sizeof outcome) != (ssize_t)sizeof outcome)
            _exit(3);
    }
    _exit(0);
}

// --- all of them ---------------------------------------------------------------------------------

static uint64_t faults_of(const struct sim_outcome *outcome)
{
    uint64_t faults = 0;
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        faults += outcome->faults[i];
    return faults;
}

static void add(struct totals *totals, const struct sim_outcome *outcome)
{
    struct sim_outcome *sum = &totals->sum;
    if (totals->rows != NULL && totals->count < KEPT_MAX) {
        totals->rows[totals->count] = (uint32_t)outcome->rows;
        totals->checkpoints[totals->count] = (uint32_t)outcome->checkpoints;
        totals->faults[totals->count] = (uint32_t)faults_of(outcome);
        if (totals->coverage != NULL)
            sim_coverage_of(&totals->coverage[totals->count], outcome);
        totals->count++;
    }
    sum->rows += outcome->rows;
    sum->checkpoints += outcome->checkpoints;
    sum->deaths += outcome->deaths;
    sum->processes += outcome->processes;
    sum->effects += outcome->effects;
    sum->turns += outcome->turns;
    sum->cuts += outcome->cuts;
    sum->virtual_ns += outcome->virtual_ns;
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        sum->faults[i] += outcome->faults[i];
    for (int i = 0; i < SIM_SOMETIMES_COUNT; i++)
        sum->saw[i] += outcome->saw[i];
    for (int i = 0; i < TM_KILL_COUNT; i++) {
        sum->passes[i] += outcome->passes[i];
        sum->kills[i] += outcome->kills[i];
    }
}

static void fail(const struct options *o, struct totals *totals, uint64_t seed, const char *why)
{
    if (totals->failed++ == 0) {
        totals->first_failed = seed;
        snprintf(totals->why, sizeof totals->why, "%s", why);
    }
    if (!o->quiet && totals->failed <= FAILURES_MAX)
        printf("seed %llu: %s\n  ./dev sim --seeds 1 --from %llu --story\n",
               (unsigned long long)seed, why, (unsigned long long)seed);
    fflush(stdout);
}

static bool read_outcome(int fd, struct sim_outcome *outcome)
{
    size_t have = 0;
    while (have < sizeof *outcome) {
        ssize_t got = read(fd, (char *)outcome + have, sizeof *outcome - have);
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

// How many seeds were lived, the last of which may have ended the child.
static uint64_t run_block(const struct options *o, uint64_t from, uint64_t count,
                          struct totals *totals)
{
    int ends[2], status = 0;
    uint64_t lived = 0;
    struct sim_outcome outcome;
    fflush(stdout);
    if (pipe(ends) != 0) {
        perror("simulate");
        exit(2);
    }
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        live_block(o, from, count, ends[1]);
    }
    close(ends[1]);
    while (lived < count && read_outcome(ends[0], &outcome)) {
        lived++;
        add(totals, &outcome);
        if (outcome.failure[0] == '\0')
            totals->passed++;
        else
            fail(o, totals, outcome.seed, outcome.failure);
        if (o->traces)
            printf("%llu %016llx\n", (unsigned long long)outcome.seed,
                   (unsigned long long)outcome.trace);
        else if (o->story || (o->seeds == 1 && !o->quiet && outcome.failure[0] == '\0'))
            printf("trace %016llx\n", (unsigned long long)outcome.trace);
    }
    close(ends[0]);
    waitpid(child, &status, 0);
    if (lived == count)
        return lived;
    char why[100];
    snprintf(why, sizeof why, "R2: the engine ended the process, by signal %d, code %d",
             WIFSIGNALED(status) ? WTERMSIG(status) : 0,
             WIFEXITED(status) ? WEXITSTATUS(status) : 0);
    fail(o, totals, from + lived, why);
    return lived + 1;
}

// --- what it came to -----------------------------------------------------------------------------

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t median(uint32_t *values, uint64_t count)
{
    qsort(values, count, sizeof *values, compare);
    return count == 0 ? 0 : values[count / 2];
}

static void print_totals(const struct options *o, struct totals *totals, double seconds)
{
    const struct sim_outcome *sum = &totals->sum;
    uint64_t lived = totals->passed + totals->failed;
    if (o->table)
        sim_coverage_print(sum);
    printf("%llu seeds in %.1f s, %.0f a minute; %.1f virtual hours, %llu effect calls\n",
           (unsigned long long)lived, seconds, (double)lived * 60 / (seconds > 0 ? seconds : 1),
           (double)sum->virtual_ns / 3.6e12, (unsigned long long)sum->effects);
    printf("medians of a seed: %u rows, %u checkpoints, %u faults\n",
           median(totals->rows, totals->count), median(totals->checkpoints, totals->count),
           median(totals->faults, totals->count));
    printf("%llu processes, %llu deaths, %llu checkpoints, %llu of them read by the oracle\n",
           (unsigned long long)sum->processes, (unsigned long long)sum->deaths,
           (unsigned long long)sum->checkpoints, (unsigned long long)sum->cuts);
    sim_coverage_summary(sum);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void usage(void)
{
    fprintf(stderr,
            "usage: simulate [--seeds N] [--from S] [--minutes M] [--twice] [--story] "
            "[--table] [--plant NAME|list] [--first] [--planted [NAME,NAME...]] [--series N] "
            "[--choose] [--list FILE] [--shrink] [--without NAME,NAME...] [--rows N]\n");
    exit(2);
}

static void plant(const char *name)
{
    if (sim_plant(name))
        return;
    for (int i = 0; i < TM_PLANT_COUNT; i++)
        printf("%-24s %s\n", sim_plant_names[i], sim_plant_told[i]);
    exit(strcmp(name, "list") == 0 ? 0 : 2);
}

static void parse(struct options *o, int argc, char **argv)
{
    *o = (struct options){.seeds = 1000, .from = 1};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--twice") == 0)
            o->twice = true;
        else if (strcmp(argv[i], "--story") == 0)
            o->story = true;
        else if (strcmp(argv[i], "--table") == 0)
            o->table = true;
        else if (strcmp(argv[i], "--traces") == 0)
            o->traces = true;
        else if (strcmp(argv[i], "--first") == 0)
            o->first = true;
        else if (strcmp(argv[i], "--shrink") == 0)
            o->shrinks = true;
        else if (strcmp(argv[i], "--choose") == 0)
            o->chooses = true;
        else if (strcmp(argv[i], "--planted") == 0) {
            o->planted = value != NULL && value[0] != '-' ? value : "";
            i += o->planted == value;
        } else if (value == NULL)
            usage();
        else if (strcmp(argv[i], "--seeds") == 0)
            o->seeds = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--from") == 0)
            o->from = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--minutes") == 0)
            o->minutes = strtod(argv[++i], NULL);
        else if (strcmp(argv[i], "--rows") == 0)
            o->less.rows = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--without") == 0 && sim_less_without(&o->less, value))
            i++;
        else if (strcmp(argv[i], "--list") == 0)
            o->list = argv[++i];
        else if (strcmp(argv[i], "--break") == 0)
            o->breaks = argv[++i];
        else if (strcmp(argv[i], "--series") == 0)
            o->series = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--plant") == 0)
            plant(argv[++i]);
        else
            usage();
    }
}

// --- planted mistakes ----------------------------------------------------------------------------

// Lives seeds of one series until one finds the mistake that is planted: how many that took; 0:
// none did. The first series is lived on to see how many seeds do.
static uint64_t look_for_plant(struct options *o, uint32_t series, struct totals *totals)
{
    uint64_t from = o->from + (uint64_t)series * SERIES_APART, found = 0;
    for (uint64_t done = 0; done < o->seeds && (found == 0 || (series == 0 && done < SHARE));) {
        done += run_block(o, from + done, found == 0 ? 10 : SHARE - done, totals);
        found = totals->first_failed == 0 ? 0 : totals->first_failed - from + 1;
    }
    return found;
}

static bool find_plant(struct options *o, int which)
{
    bool found = true;
    struct totals totals = {0};
    char why[sizeof totals.why] = "";
    uint64_t failed = 0, lived = 0;
    if (!sim_plant(sim_plant_names[which]))
        return false;
    printf("%-28s", sim_plant_names[which]);
    for (uint32_t s = 0; s < o->series; s++) {
        totals = (struct totals){0};
        uint64_t seeds = look_for_plant(o, s, &totals);
        found = found && seeds != 0;
        if (s == 0) {
            failed = totals.failed;
            lived = totals.passed + totals.failed;
            memcpy(why, totals.why, sizeof why);
        }
        printf(seeds == 0 ? "      -" : " %6llu", (unsigned long long)seeds);
        fflush(stdout);
    }
    bool counts = found && 2 * failed <= lived;
    printf("  %4llu of %-6llu %s%.60s\n", (unsigned long long)failed, (unsigned long long)lived,
           counts || !found ? "" : "TOO EASY: ", why);
    return counts;
}

static bool is_named(const char *names, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = names; (at = strstr(at, name)) != NULL; at += length)
        if ((at == names || at[-1] == ',') && (at[length] == '\0' || at[length] == ','))
            return true;
    return names[0] == '\0';
}

static int find_plants(struct options *o)
{
    int looked = 0, found = 0;
    o->quiet = true;
    o->series = o->series == 0 ? 1 : o->series;
    printf("mistake: seeds to find it in each of %u series; of so many seeds; the first one\n",
           o->series);
    for (int i = 0; i < TM_PLANT_COUNT; i++)
        if (is_named(o->planted, sim_plant_names[i])) {
            looked++;
            found += find_plant(o, i);
        }
    printf("%d of %d mistakes are found\n", found, looked);
    return looked == 0 ? 2 : found != looked;
}

// --- the whole -----------------------------------------------------------------------------------

static void live_list(const struct options *o, struct totals *totals)
{
    char line[400];
    FILE *file = fopen(o->list, "r");
    if (file == NULL) {
        perror(o->list);
        exit(2);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end != line)
            run_block(o, seed, 1, totals);
    }
    fclose(file);
}

static void live_all(const struct options *o, struct totals *totals, double begin)
{
    for (uint64_t done = 0; done < o->seeds;) {
        uint64_t left = o->seeds - done, block = o->minutes != 0 || o->first ? 10 : BLOCK;
        if (o->minutes != 0 && now() - begin > o->minutes * 60)
            break;
        if (o->first && totals->failed != 0) {
            printf("found by one of %llu seeds\n", (unsigned long long)done);
            break;
        }
        done += run_block(o, o->from + done, left < block ? left : block, totals);
    }
}

int main(int argc, char **argv)
{
    struct options o;
    parse(&o, argc, argv);
    if (o.planted != NULL)
        return find_plants(&o);
    if (o.shrinks && sim_shrink(o.from, &o.less) != 0)
        return 0;
    if (o.shrinks) { // and its story
        o.story = true;
        o.seeds = 1;
    }
    struct totals totals = {.rows = calloc(KEPT_MAX, sizeof(uint32_t)),
                            .checkpoints = calloc(KEPT_MAX, sizeof(uint32_t)),
                            .faults = calloc(KEPT_MAX, sizeof(uint32_t)),
                            .coverage =
                                o.chooses ? calloc(KEPT_MAX, sizeof(struct sim_coverage)) : NULL};
    double begin = now();
    if (o.list != NULL)
        live_list(&o, &totals);
    else
        live_all(&o, &totals, begin);
    if (o.chooses)
        sim_coverage_choose(totals.coverage, totals.count);
    print_totals(&o, &totals, now() - begin);
    bool incomplete =
        (totals.passed >= COMPLETE || o.list != NULL) && sim_coverage_missed(&totals.sum) != 0;
    printf("%llu passed, %llu failed\n", (unsigned long long)totals.passed,
           (unsigned long long)totals.failed);
    free(totals.rows);
    free(totals.checkpoints);
    free(totals.faults);
    free(totals.coverage);
    return totals.failed != 0 || totals.passed == 0 || incomplete;
}
