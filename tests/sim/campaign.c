// simulate: many seeds, each a world with a job that must survive it (docs/internals/simulator.md).
// usage: simulate [--seeds N] [--from S] [--minutes M] [--jobs N] [--twice] [--story] [--table]
//        [--traces] [--plant NAME|list] [--first] [--planted [NAME,NAME...]] [--series N]
//        [--choose] [--cover FILE] [--list FILE] [--break file|clock|thread|loop] [--shrink]
//        [--patience SECONDS]
//        [--without NAME,NAME...] [--rows N] [--results FILE] [--commit NAME] [--resume]
//        [--summary]
//
// Prints a line per failing seed with the command that tells its story, and `N passed, N failed`.
// Exit code 1: a seed failed, or as many as COMPLETE have missed a fault, a kill point or something
// that must have been seen. With --results what was lived is kept in a file, under the name of a
// commit, and it is all seeds of that commit that count for COMPLETE; --resume goes on behind them,
// --summary tells what the file has. With --planted instead a line for each mistake: how many seeds
// it took to find it, in each of some series; exit code 1: one was not found; with --table the
// lines are rows of the table in docs/internals/simulator.md. With --choose few of the seeds that
// together have met all that the campaign has; --cover writes them to a file, and lives on until
// there is nothing left to meet. With --list the seeds are those that lines of a file begin with,
// and together they must meet everything.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/blocks.h"
#include "tests/sim/coverage.h"
#include "tests/sim/planted.h"
#include "tests/sim/results.h"
#include "tests/sim/shrink.h"

enum { SEEDS = 1000, NUMBER_MAX = 1000000000 }; // unless told otherwise; at most
enum { COMPLETE = 10000 };                      // so many seeds must meet everything
enum {
    COVER = 4000,
    COVER_MOST = 30000
}; // seeds that a list is chosen from, unless told otherwise; at most
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
    const char *breaks;   // the seal: "file", "clock" or "thread"
    const char *list;     // file of seeds; NULL: they are counted on
    const char *planted;  // names of mistakes; NULL: it is an ordinary campaign; "": all of them
    const char *plant;    // the mistake that is planted; NULL: none
    const char *cover;    // file for seeds that together meet everything
    uint32_t series, jobs, patience_s;
    const char *results; // file; NULL: nothing is kept
    char commit[SIM_COMMIT];
    bool resumes, sums_up, has_from;
};

struct totals {
    uint64_t passed, failed;
    struct sim_outcome sum;
    uint64_t count;
    uint32_t *rows, *checkpoints, *faults; // of each seed, for medians
    struct sim_coverage *coverage;         // of each seed, with --choose and --cover
    uint64_t first_failed;                 // the seed; 0: none
    char why[512];                         // it did
};

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
    sim_coverage_add(sum, outcome);
}

static void fail(const struct options *o, struct totals *totals, const struct sim_outcome *outcome)
{
    if (totals->failed++ == 0) {
        totals->first_failed = outcome->seed;
        snprintf(totals->why, sizeof totals->why, "%s", outcome->failure);
    }
    if (!o->quiet && totals->failed <= FAILURES_MAX) {
        printf("seed %llu: %s\n  trace %016llx: ", (unsigned long long)outcome->seed,
               outcome->failure, (unsigned long long)outcome->trace);
        sim_less_command(outcome->seed, &o->less);
    }
    fflush(stdout);
}

// Seeds that are lived one after the other, and what is kept of them.
struct run {
    const struct options *o;
    struct totals *totals;
    struct sim_results *results;      // NULL: nothing is kept
    const struct sim_commit *history; // NULL: none of them was lived before
    uint64_t next, left, block;       // seeds
    FILE *list;                       // of them; NULL: they are counted on
    double until_s;                   // 0: as long as it takes
};

static volatile sig_atomic_t interrupted;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// The number that the next line with one begins with; 0: there is none.
static uint64_t next_of_list(FILE *file)
{
    char line[400], *end;
    while (fgets(line, sizeof line, file) != NULL) {
        uint64_t seed = strtoull(line, &end, 10);
        if (end != line)
            return seed;
    }
    return 0;
}

static uint64_t next_block(void *arg, uint64_t *from)
{
    struct run *run = arg;
    uint64_t count = run->left < run->block ? run->left : run->block, gap = UINT64_MAX;
    bool over = (run->until_s != 0 && now() > run->until_s) ||
                (run->o->first && run->totals->failed != 0) || interrupted != 0;
    if (count == 0 || over)
        return 0;
    if (run->list != NULL)
        return (*from = next_of_list(run->list)) != 0;
    if (run->history != NULL)
        run->next = sim_commit_next(run->history, run->next, &gap);
    *from = run->next;
    count = count < gap ? count : gap;
    run->next += count;
    run->left -= count;
    return count;
}

static void hear(void *arg, const struct sim_outcome *outcome)
{
    struct run *run = arg;
    const struct options *o = run->o;
    unsigned long long seed = outcome->seed, trace = outcome->trace;
    add(run->totals, outcome);
    if (run->results != NULL)
        sim_results_add(run->results, outcome, now());
    if (outcome->failure[0] == '\0')
        run->totals->passed++;
    else
        fail(o, run->totals, outcome);
    if (o->traces)
        printf("%llu %016llx\n", seed, trace);
    else if (o->story || (o->seeds == 1 && !o->quiet && outcome->failure[0] == '\0'))
        printf("trace %016llx\n", trace);
}

static void live(struct run *run)
{
    const struct options *o = run->o;
    struct sim_blocks blocks = {.jobs = o->story ? 1 : o->jobs,
                                .less = &o->less,
                                .twice = o->twice,
                                .tells = o->story,
                                .breaks = o->breaks,
                                .patience_s = o->patience_s,
                                .next = next_block,
                                .each = hear,
                                .arg = run};
    sim_blocks_live(&blocks);
}

static void live_range(const struct options *o, uint64_t from, uint64_t count,
                       struct totals *totals)
{
    struct run run = {.o = o, .totals = totals, .next = from, .left = count, .block = BLOCK / 10};
    live(&run);
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

static void refuse(const char *what, const char *given)
{
    fflush(stdout); // what it may take stands in front
    fprintf(stderr, "simulate: %s, not '%s'\n", what, given);
    exit(2);
}

static void usage(void)
{
    fprintf(stderr,
            "usage: simulate [--seeds N] [--from S] [--minutes M] [--jobs N] [--twice] [--story] "
            "[--table] [--traces] [--plant NAME|list] [--first] [--planted [NAME,NAME...]] "
            "[--series N] [--choose] [--cover FILE] [--list FILE] [--shrink] "
            "[--without NAME,NAME...] [--rows N] [--results FILE] [--commit NAME] [--resume] "
            "[--summary] [--patience SECONDS]\n");
    exit(2);
}

static void plant(struct options *o, const char *name)
{
    o->plant = name;
    if (sim_plant(name))
        return;
    for (int i = 0; i < TM_PLANT_COUNT; i++)
        printf("%-24s %s\n", sim_plant_names[i], sim_plant_told[i]);
    if (strcmp(name, "list") != 0)
        refuse("--plant takes one of these mistakes", name);
    exit(0);
}

static uint64_t number(const char *text, const char *what)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || n == 0 || n > NUMBER_MAX)
        refuse(what, text);
    return n;
}

static double minutes(const char *text)
{
    char *end;
    double n = strtod(text, &end);
    if (*text < '0' || *text > '9' || *end != '\0' || n <= 0)
        refuse("--minutes takes a number above 0", text);
    return n;
}

// Options without a value. False: it is none.
static bool parse_flag(struct options *o, const char *option)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--twice", &o->twice},    {"--story", &o->story},    {"--table", &o->table},
        {"--traces", &o->traces},  {"--first", &o->first},    {"--shrink", &o->shrinks},
        {"--choose", &o->chooses}, {"--resume", &o->resumes}, {"--summary", &o->sums_up},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(option, flags[i].name) == 0)
            return *flags[i].flag = true;
    return false;
}

static void parse_from(struct options *o, const char *value)
{
    o->from = number(value, "--from takes the number of a seed, from 1 on");
    o->has_from = true;
}

static void parse_break(struct options *o, const char *value)
{
    if (strcmp(value, "file") != 0 && strcmp(value, "clock") != 0 && strcmp(value, "thread") != 0 &&
        strcmp(value, "loop") != 0)
        refuse("--break takes file, clock, thread or loop", value);
    o->breaks = value;
}

// False: it is none, or its value is not right.
static bool parse_value(struct options *o, const char *option, const char *value)
{
    const struct {
        const char *name;
        const char **text;
        uint32_t *number;
        const char *what;
    } values[] = {
        {"--list", &o->list, NULL, NULL},
        {"--cover", &o->cover, NULL, NULL},
        {"--results", &o->results, NULL, NULL},
        {"--rows", NULL, &o->less.rows, "--rows takes a number, from 1 on"},
        {"--series", NULL, &o->series, "--series takes a number, from 1 on"},
        {"--jobs", NULL, &o->jobs, "--jobs takes a number, from 1 on"},
        {"--patience", NULL, &o->patience_s, "--patience takes a number of seconds"},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (strcmp(option, values[i].name) != 0)
            continue;
        if (values[i].text != NULL)
            *values[i].text = value;
        else
            *values[i].number = (uint32_t)number(value, values[i].what);
        return true;
    }
    if (strcmp(option, "--seeds") == 0)
        o->seeds = number(value, "--seeds takes a number, from 1 on");
    else if (strcmp(option, "--from") == 0)
        parse_from(o, value);
    else if (strcmp(option, "--minutes") == 0)
        o->minutes = minutes(value);
    else if (strcmp(option, "--break") == 0)
        parse_break(o, value);
    else if (strcmp(option, "--commit") == 0)
        return (size_t)snprintf(o->commit, sizeof o->commit, "%s", value) < sizeof o->commit / 2;
    else if (strcmp(option, "--plant") == 0)
        plant(o, value);
    else if (strcmp(option, "--break") == 0)
        parse_break(o, value);
    else if (strcmp(option, "--without") != 0)
        return false;
    else if (!sim_less_without(&o->less, value))
        refuse("--without takes names of faults and of kinds of stages, or 'more'", value);
    return true;
}

// All of them are mistakes.
static void check_plants(const char *names)
{
    char name[64];
    for (const char *at = names; *at != '\0'; at += *at == ',') {
        size_t length = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        if (!sim_plant(name))
            refuse("--planted takes names of --plant list, with commas between them", name);
        at += length;
    }
    (void)sim_plant("");
}

static void parse(struct options *o, int argc, char **argv)
{
    *o = (struct options){.from = 1, .jobs = 1, .patience_s = SIM_PATIENCE_S, .commit = "unknown"};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (parse_flag(o, argv[i]))
            continue;
        if (strcmp(argv[i], "--planted") == 0) {
            o->planted = value != NULL && value[0] != '-' ? value : "";
            i += o->planted == value;
            check_plants(o->planted);
        } else if (value == NULL || !parse_value(o, argv[i++], value)) {
            fprintf(stderr, "simulate: there is no option '%s', or it lacks its value\n",
                    argv[value == NULL ? i : i - 1]);
            usage();
        }
    }
    if (o->jobs == 0 || o->jobs > SIM_JOBS_MAX) {
        fprintf(stderr, "simulate: --jobs is 1 to %d\n", SIM_JOBS_MAX);
        exit(2);
    }
    if (o->seeds == 0)
        o->seeds = o->cover != NULL ? COVER : o->minutes != 0 ? NUMBER_MAX : SEEDS;
    size_t used = strlen(o->commit);
    if (o->plant != NULL) // what it finds is not the commit's
        snprintf(o->commit + used, sizeof o->commit - used, "+%s", o->plant);
}

// --- planted mistakes ----------------------------------------------------------------------------

// Does a seed that fails with the mistake pass without it?
static bool is_of_plant(struct options *o, int which, uint64_t seed)
{
    struct totals totals = {0};
    (void)sim_plant("");
    live_range(o, seed, 1, &totals);
    (void)sim_plant(sim_plant_names[which]);
    return totals.passed == 1;
}

// Lives seeds of one series until one finds the mistake that is planted: how many that took; 0:
// none did. The first series is lived on to see how many seeds do.
static uint64_t look_for_plant(struct options *o, int which, uint32_t series, struct totals *totals)
{
    uint64_t from = o->from + (uint64_t)series * SERIES_APART, found = 0;
    for (uint64_t done = 0; done < o->seeds && (found == 0 || (series == 0 && done < SHARE));) {
        bool looks = found == 0;
        uint64_t count = looks ? 10 * o->jobs : SHARE - done;
        live_range(o, from + done, count, totals);
        done += count;
        if (looks && totals->first_failed != 0 && is_of_plant(o, which, totals->first_failed))
            found = totals->first_failed - from + 1;
        else if (looks && totals->first_failed != 0)
            *totals = (struct totals){.passed = totals->passed + totals->failed};
    }
    return found;
}

static void print_series(const struct options *o, uint32_t series, uint64_t seeds)
{
    char number[24] = "-";
    if (seeds != 0)
        snprintf(number, sizeof number, "%llu", (unsigned long long)seeds);
    if (o->table)
        printf("%s %s", series == 0 ? "" : ",", number);
    else
        printf(" %6s", number);
    fflush(stdout);
}

static bool find_plant(struct options *o, int which)
{
    bool found = true;
    struct totals totals = {0};
    char why[sizeof totals.why] = "";
    uint64_t failed = 0, lived = 0;
    if (!sim_plant(sim_plant_names[which]))
        return false;
    printf(o->table ? "| %s |" : "%-28s", sim_plant_names[which]);
    for (uint32_t s = 0; s < o->series; s++) {
        totals = (struct totals){0};
        uint64_t seeds = look_for_plant(o, which, s, &totals);
        found = found && seeds != 0;
        if (s == 0) {
            failed = totals.failed;
            lived = totals.passed + totals.failed;
            memcpy(why, totals.why, sizeof why);
        }
        print_series(o, s, seeds);
    }
    bool counts = found && 2 * failed <= lived;
    const char *easy = counts || !found ? "" : "TOO EASY";
    if (o->table)
        printf(" | %llu of %llu%s%s |\n", (unsigned long long)failed, (unsigned long long)lived,
               *easy == '\0' ? "" : ", ", easy);
    else
        printf("  %4llu of %-6llu %s%s%.60s\n", (unsigned long long)failed,
               (unsigned long long)lived, easy, *easy == '\0' ? "" : ": ", why);
    fflush(stdout);
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
    if (o->table)
        printf("| mistake, in %s | seeds | share |\n| --- | --- | --- |\n", o->commit);
    else
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
    struct run run = {.o = o, .totals = totals, .left = 1, .block = 1, .list = fopen(o->list, "r")};
    if (run.list == NULL) {
        perror(o->list);
        exit(2);
    }
    live(&run);
    fclose(run.list);
}

// Only what a world is by its seed alone is kept.
static bool is_kept(const struct options *o)
{
    return o->results != NULL && o->list == NULL && o->breaks == NULL && !o->story &&
           sim_less_is_none(&o->less);
}

static bool has_met_all(const struct sim_outcome *sum)
{
    return sim_coverage_never(sum) == 0;
}

static void live_all(struct options *o, struct totals *totals, const struct sim_history *history,
                     double begin)
{
    struct sim_results results;
    const struct sim_commit *commit = sim_history_of(history, o->commit);
    struct run run = {.o = o,
                      .totals = totals,
                      .left = o->seeds,
                      .block = o->minutes != 0 || o->first || o->jobs > 1 ? BLOCK / 4 : BLOCK,
                      .until_s = o->minutes == 0 ? 0 : begin + o->minutes * 60};
    if (o->resumes && commit != NULL) {
        run.history = commit;
        o->from = o->has_from ? o->from : commit->last + 1;
    }
    run.next = o->from;
    if (is_kept(o)) {
        sim_results_open(&results, o->results, o->commit, begin);
        run.results = &results;
    }
    live(&run);
    while (o->cover != NULL && !has_met_all(&totals->sum) && totals->count < COVER_MOST &&
           run.left == 0) {
        run.left = BLOCK;
        live(&run);
    }
    if (run.results != NULL)
        sim_results_close(&results, now());
    if (o->first && totals->failed != 0)
        printf("found by one of %llu seeds\n",
               (unsigned long long)(totals->passed + totals->failed));
}

static void write_cover(const struct options *o, const struct totals *totals)
{
    FILE *file = fopen(o->cover, "w");
    if (file != NULL)
        fputs("# Seeds that together meet every fault, a death at every kill point, and all that "
              "must "
              "have been seen, for ./dev sim --list: written by ./dev sim --cover.\n"
              "# A seed is a world only as long as nothing is drawn otherwise: then they are to be "
              "found anew.\n",
              file);
    if (file != NULL)
        sim_coverage_choose(totals->coverage, totals->count, file);
    if (file == NULL || fclose(file) != 0) {
        perror(o->cover);
        exit(2);
    }
}

// Seeds of this commit, of this run and of those before it, that failed or missed something.
static bool sum_up(const struct options *o)
{
    struct sim_history history;
    sim_history_read(&history, o->results);
    const struct sim_commit *commit = sim_history_of(&history, o->commit);
    bool well = true;
    sim_history_print(&history, o->sums_up ? NULL : o->commit);
    if (commit != NULL)
        well = well && commit->failed_count == 0 && commit->differing == 0 &&
               (commit->lived < COMPLETE || sim_coverage_missed(&commit->sum) == 0);
    sim_history_free(&history);
    return well;
}

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static int live_campaign(struct options *o)
{
    double begin = now();
    struct sim_history history = {0};
    struct totals totals = {.rows = calloc(KEPT_MAX, sizeof(uint32_t)),
                            .checkpoints = calloc(KEPT_MAX, sizeof(uint32_t)),
                            .faults = calloc(KEPT_MAX, sizeof(uint32_t)),
                            .coverage = o->chooses || o->cover != NULL
                                            ? calloc(KEPT_MAX, sizeof(struct sim_coverage))
                                            : NULL};
    if (o->results != NULL)
        sim_history_read(&history, o->results);
    if (o->list != NULL)
        live_list(o, &totals);
    else
        live_all(o, &totals, &history, begin);
    if (o->chooses)
        sim_coverage_choose(totals.coverage, totals.count, stdout);
    if (o->cover != NULL)
        write_cover(o, &totals);
    print_totals(o, &totals, now() - begin);
    bool complete =
        totals.passed + totals.failed >= COMPLETE || o->list != NULL || o->cover != NULL;
    bool incomplete = complete && sim_coverage_missed(&totals.sum) != 0;
    if (is_kept(o))
        incomplete = !sum_up(o) || incomplete;
    printf("%llu passed, %llu failed\n", (unsigned long long)totals.passed,
           (unsigned long long)totals.failed);
    sim_history_free(&history);
    free(totals.rows);
    free(totals.checkpoints);
    free(totals.faults);
    free(totals.coverage);
    return totals.failed != 0 || totals.passed == 0 || incomplete;
}

int main(int argc, char **argv)
{
    struct options o;
    struct sigaction once = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    parse(&o, argc, argv);
    sigaction(SIGINT, &once, NULL);
    if (o.sums_up)
        return o.results == NULL ? 2 : !sum_up(&o);
    if (o.planted != NULL)
        return find_plants(&o);
    if (o.shrinks && sim_shrink(o.from, &o.less) != 0)
        return 0;
    if (o.shrinks) { // and its story
        o.story = true;
        o.seeds = 1;
    }
    return live_campaign(&o);
}
