// Lines of results: written, read, added up.
#include "tests/sim/results.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/coverage.h"

// Counters of an outcome that are kept, each a table by name.
struct table {
    const char *name;
    size_t offset; // in struct sim_outcome
    int count;
    const char *(*name_of)(int i);
};

static const char *fault_name(int i)
{
    return sim_fault_names[i];
}

static const char *kill_name(int i)
{
    return tm_kill_point_name((enum tm_kill_point)i);
}

static const char *saw_name(int i)
{
    return sim_sometimes_names[i];
}

static const struct table tables[] = {
    {"faults", offsetof(struct sim_outcome, faults), SIM_FAULT_COUNT, fault_name},
    {"passed", offsetof(struct sim_outcome, passes), TM_KILL_COUNT, kill_name},
    {"deaths", offsetof(struct sim_outcome, kills), TM_KILL_COUNT, kill_name},
    {"saw", offsetof(struct sim_outcome, saw), SIM_SOMETIMES_COUNT, saw_name},
};
enum { TABLES = sizeof tables / sizeof tables[0] };

static uint64_t *counters(struct sim_outcome *outcome, int table)
{
    return (uint64_t *)(void *)((char *)outcome + tables[table].offset);
}

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static void give_up(const char *path)
{
    perror(path);
    exit(2);
}

// --- keeping -------------------------------------------------------------------------------------

// A line of an earlier run may have been cut short.
static void end_last_line(const char *path, FILE *to)
{
    FILE *file = fopen(path, "r");
    if (file != NULL && fseek(file, -1, SEEK_END) == 0 && fgetc(file) != '\n')
        fputc('\n', to);
    if (file != NULL)
        fclose(file);
}

void sim_results_open(struct sim_results *results, const char *path, const char *commit,
                      double now_s)
{
    *results = (struct sim_results){.path = path, .commit = commit, .begun_s = now_s};
    results->file = fopen(path, "a");
    if (results->file == NULL)
        give_up(path);
    end_last_line(path, results->file);
}

// All of a line at once: others may add to the file.
static void put_line(struct sim_results *results, json_t *line)
{
    char *text = must(json_dumps(line, JSON_COMPACT));
    if (fprintf(results->file, "%s\n", text) < 0 || fflush(results->file) != 0)
        give_up(results->path);
    free(text);
    json_decref(line);
}

static void put_range(struct sim_results *results, double now_s)
{
    char hash[20];
    snprintf(hash, sizeof hash, "%016" PRIx64, results->hash);
    json_t *line =
        must(json_pack("{s:s,s:I,s:I,s:s,s:I,s:f}", "commit", results->commit, "from",
                       (json_int_t)results->from, "to", (json_int_t)results->to, "hash", hash,
                       "failed", (json_int_t)results->failed, "seconds", now_s - results->begun_s));
    for (int t = 0; t < TABLES; t++) {
        json_t *table = must(json_object());
        const uint64_t *counts = counters(&results->sum, t);
        for (int i = 0; i < tables[t].count; i++)
            if (counts[i] != 0)
                json_object_set_new(table, tables[t].name_of(i),
                                    json_integer((json_int_t)counts[i]));
        json_object_set_new(line, tables[t].name, table);
    }
    put_line(results, line);
    *results = (struct sim_results){
        .path = results->path, .commit = results->commit, .file = results->file, .begun_s = now_s};
}

void sim_results_add(struct sim_results *results, const struct sim_outcome *outcome, double now_s)
{
    if (results->file == NULL)
        return;
    if (results->from != 0 && outcome->seed != results->to + 1)
        put_range(results, now_s);
    if (results->from == 0)
        results->from = outcome->seed;
    results->to = outcome->seed;
    results->hash = (results->hash ^ outcome->trace) * 0x9e3779b97f4a7c15u;
    results->hash ^= results->hash >> 29;
    sim_coverage_add(&results->sum, outcome);
    if (outcome->failure[0] != '\0') {
        results->failed++;
        char trace[20];
        snprintf(trace, sizeof trace, "%016" PRIx64, outcome->trace);
        put_line(results, must(json_pack("{s:s,s:I,s:s,s:s}", "commit", results->commit, "seed",
                                         (json_int_t)outcome->seed, "why", outcome->failure,
                                         "trace", trace)));
    }
    if (outcome->seed % SIM_RESULTS_RANGE == 0)
        put_range(results, now_s);
}

void sim_results_close(struct sim_results *results, double now_s)
{
    if (results->file == NULL)
        return;
    if (results->from != 0)
        put_range(results, now_s);
    if (fclose(results->file) != 0)
        give_up(results->path);
    results->file = NULL;
}

// --- reading -------------------------------------------------------------------------------------

static struct sim_commit *commit_of(struct sim_history *history, const char *name)
{
    for (uint32_t i = 0; i < history->count; i++)
        if (strcmp(history->commits[i].name, name) == 0)
            return &history->commits[i];
    history->commits =
        must(realloc(history->commits, (history->count + 1) * sizeof *history->commits));
    struct sim_commit *commit = &history->commits[history->count++];
    *commit = (struct sim_commit){0};
    snprintf(commit->name, sizeof commit->name, "%s", name);
    return commit;
}

static void take_failed(struct sim_commit *commit, uint64_t seed, const char *why)
{
    uint32_t at = 0;
    while (at < commit->failed_count && commit->failed[at].seed < seed)
        at++;
    if (at < commit->failed_count && commit->failed[at].seed == seed)
        return;
    commit->failed =
        must(realloc(commit->failed, (commit->failed_count + 1) * sizeof *commit->failed));
    memmove(&commit->failed[at + 1], &commit->failed[at],
            (commit->failed_count++ - at) * sizeof *commit->failed);
    commit->failed[at] = (struct sim_failed){.seed = seed, .why = must(strdup(why))};
}

static void take_counters(struct sim_commit *commit, json_t *line)
{
    for (int t = 0; t < TABLES; t++) {
        json_t *table = json_object_get(line, tables[t].name);
        for (int i = 0; i < tables[t].count; i++)
            counters(&commit->sum, t)[i] +=
                (uint64_t)json_integer_value(json_object_get(table, tables[t].name_of(i)));
    }
}

// A range that is there already, or within others, adds nothing.
static void take_range(struct sim_commit *commit, const struct sim_range *range, double seconds,
                       json_t *line)
{
    uint64_t left;
    commit->last = range->to;
    for (uint32_t i = 0; i < commit->range_count; i++) {
        const struct sim_range *known = &commit->ranges[i];
        if (known->from == range->from && known->to == range->to)
            commit->differing += known->hash != range->hash;
    }
    if (sim_commit_next(commit, range->from, &left) > range->to)
        return;
    for (uint64_t seed = sim_commit_next(commit, range->from, &left); seed <= range->to;
         seed = sim_commit_next(commit, seed + left, &left)) {
        left = left < range->to - seed + 1 ? left : range->to - seed + 1;
        commit->lived += left;
    }
    commit->seconds += seconds;
    commit->ranges =
        must(realloc(commit->ranges, (commit->range_count + 1) * sizeof *commit->ranges));
    commit->ranges[commit->range_count++] = *range;
    take_counters(commit, line);
}

static bool take_line(struct sim_history *history, const char *text)
{
    json_t *line = json_loads(text, 0, NULL);
    const char *name = json_string_value(json_object_get(line, "commit"));
    const char *why = json_string_value(json_object_get(line, "why"));
    const char *hash = json_string_value(json_object_get(line, "hash"));
    struct sim_range range = {
        .from = (uint64_t)json_integer_value(json_object_get(line, "from")),
        .to = (uint64_t)json_integer_value(json_object_get(line, "to")),
        .hash = hash == NULL ? 0 : strtoull(hash, NULL, 16),
    };
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(line, "seed"));
    bool known = name != NULL && strlen(name) < SIM_COMMIT &&
                 (why != NULL || (hash != NULL && range.from != 0 && range.from <= range.to));
    if (known && why != NULL)
        take_failed(commit_of(history, name), seed, why);
    else if (known)
        take_range(commit_of(history, name), &range,
                   json_number_value(json_object_get(line, "seconds")), line);
    json_decref(line);
    return known;
}

void sim_history_read(struct sim_history *history, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    *history = (struct sim_history){0};
    FILE *file = fopen(path, "r");
    if (file == NULL && errno == ENOENT)
        return;
    if (file == NULL)
        give_up(path);
    while (getline(&text, &size, file) > 0)
        history->damaged += text[0] != '\n' && !take_line(history, text);
    free(text);
    fclose(file);
}

void sim_history_free(struct sim_history *history)
{
    for (uint32_t c = 0; c < history->count; c++) {
        struct sim_commit *commit = &history->commits[c];
        for (uint32_t i = 0; i < commit->failed_count; i++)
            free(commit->failed[i].why);
        free(commit->failed);
        free(commit->ranges);
    }
    free(history->commits);
    *history = (struct sim_history){0};
}

const struct sim_commit *sim_history_of(const struct sim_history *history, const char *commit)
{
    for (uint32_t i = 0; i < history->count; i++)
        if (strcmp(history->commits[i].name, commit) == 0)
            return &history->commits[i];
    return NULL;
}

uint64_t sim_commit_next(const struct sim_commit *commit, uint64_t seed, uint64_t *left)
{
    bool moved = true;
    *left = UINT64_MAX - seed;
    while (moved) {
        moved = false;
        for (uint32_t i = 0; i < commit->range_count; i++)
            if (commit->ranges[i].from <= seed && seed <= commit->ranges[i].to) {
                seed = commit->ranges[i].to + 1;
                moved = true;
            }
    }
    *left = UINT64_MAX - seed;
    for (uint32_t i = 0; i < commit->range_count; i++)
        if (commit->ranges[i].from > seed && commit->ranges[i].from - seed < *left)
            *left = commit->ranges[i].from - seed;
    return seed;
}

// --- telling -------------------------------------------------------------------------------------

static void print_commit(const struct sim_commit *commit)
{
    printf("%s: %" PRIu64 " seeds in %.0f s, %u failed\n", commit->name, commit->lived,
           commit->seconds, commit->failed_count);
    for (uint32_t i = 0; i < commit->failed_count; i++)
        printf("  seed %" PRIu64 ": %s\n", commit->failed[i].seed, commit->failed[i].why);
    if (commit->differing != 0)
        printf("  %u ranges came again with another hash: builds differ\n", commit->differing);
    printf("  ");
    sim_coverage_summary(&commit->sum);
}

void sim_history_print(const struct sim_history *history, const char *commit)
{
    uint64_t lived = 0, failed = 0;
    for (uint32_t c = 0; c < history->count; c++) {
        if (commit == NULL || strcmp(history->commits[c].name, commit) == 0)
            print_commit(&history->commits[c]);
        lived += history->commits[c].lived;
        failed += history->commits[c].failed_count;
    }
    if (history->damaged != 0)
        printf("%u lines of results cannot be read\n", history->damaged);
    printf("in all %" PRIu64 " seeds of %u commits, %" PRIu64 " failed\n", lived, history->count,
           failed);
}
