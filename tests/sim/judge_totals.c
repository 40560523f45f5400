// Judges of outputs that tell of groups and slots of time, and of rows that came too late for them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/judge.h"

struct seen {
    int64_t n, total;
    uint32_t times; // how often it is visible
};

int64_t sim_time_of(const char *line)
{
    static const char name[] = "\"window_start\":\"";
    const char *at = strstr(line, name);
    struct tm time = {0};
    if (at == NULL || sscanf(at + sizeof name - 1, "%d-%d-%dT%d:%d:%d", &time.tm_year, &time.tm_mon,
                             &time.tm_mday, &time.tm_hour, &time.tm_min, &time.tm_sec) != 6)
        return -1;
    time.tm_year -= 1900;
    time.tm_mon -= 1;
    return (int64_t)timegm(&time) * 1000;
}

int64_t sim_look_for_slot(struct sim_look *l, const char *line)
{
    const struct sim_job *job = l->oracle->job;
    int64_t group = sim_number_of(line, "\"group\":\"g"), time = sim_time_of(line);
    int64_t slot = time < job->first_slot_ms ? -1 : (time - job->first_slot_ms) / SIM_SLOT_MS;
    if (group >= 0 && group < job->group_count && slot >= 0 && slot < job->slot_count)
        return group * job->slot_count + slot;
    sim_violate(l->oracle, "O1: %s has a row that is of no input: %.120s", l->file, line);
    return -1;
}

// --- totals --------------------------------------------------------------------------------------

static size_t total_memory(const struct sim_job *job, const struct sim_output *output)
{
    (void)output;
    return sim_job_totals(job) * sizeof(struct seen);
}

static const struct sim_total *totals_of(const struct sim_job *job, uint32_t output)
{
    return job->stages[job->outputs[output].stage].totals;
}

// Of late rows n and total are those of the rows that came in time, see look_for_late.
static bool is_total(const struct sim_oracle *oracle, const struct sim_total *expected, int64_t n,
                     int64_t total)
{
    if (oracle->drained)
        return true;
    return oracle->job->has_late ? n > 0 && n <= expected->n
                                 : n == expected->n && total == expected->total;
}

static void look_at_total(struct sim_look *l, const char *line)
{
    struct sim_oracle *oracle = l->oracle;
    const struct sim_job *job = oracle->job;
    int64_t n = sim_number_of(line, "\"n\":"), total = sim_number_of(line, "\"total\":");
    int64_t given = sim_number_of(line, "\"given\":"), at = sim_look_for_slot(l, line);
    if (at < 0)
        return;
    uint32_t group = (uint32_t)(at / job->slot_count), slot = (uint32_t)(at % job->slot_count);
    const struct sim_total *expected = &totals_of(job, l->output)[at];
    struct seen *seen = (struct seen *)l->memory + at;
    if (seen->times++ != 0)
        sim_violate(oracle, "T4: group g%u fires twice for one time, again in %s: %.120s", group,
                    l->file, line);
    if (!is_total(oracle, expected, n, total))
        sim_violate(oracle, "S1: %s has %.120s, and n is %lld, total %lld", l->file, line,
                    (long long)expected->n, (long long)expected->total);
    if (!oracle->drained && given >= 0 && given != expected->nth)
        sim_violate(oracle, "T4: %s has %.120s, and it is timer %u of its group", l->file, line,
                    expected->nth);
    if (slot + 1 <= l->last[group])
        sim_violate(oracle, "T4: %s has %.120s behind a later one", l->file, line);
    l->last[group] = slot + 1;
    seen->n = n;
    seen->total = total;
}

static void look_for_totals(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_job *job = oracle->job;
    const struct sim_total *expected = totals_of(job, output);
    const struct seen *seen = oracle->memory[output];
    for (size_t at = 0; at < sim_job_totals(job) && !job->has_late; at++)
        if (expected[at].n != 0 && seen[at].times == 0)
            sim_violate(oracle,
                        "O1: the job has finished, and slot %zu of group g%zu is not in the output "
                        "%s",
                        at % job->slot_count, at / job->slot_count, job->outputs[output].name);
}

const struct sim_judge sim_judge_totals = {
    .memory = total_memory, .line = look_at_total, .finished = look_for_totals, .settled = true};

// --- parts of them -------------------------------------------------------------------------------

// What a slot has comes in parts, which together are all of it.
static void look_at_part(struct sim_look *l, const char *line)
{
    struct sim_oracle *oracle = l->oracle;
    int64_t at = sim_look_for_slot(l, line);
    if (at < 0)
        return;
    const struct sim_total *expected = &totals_of(oracle->job, l->output)[at];
    struct seen *seen = (struct seen *)l->memory + at;
    int64_t n = sim_number_of(line, "\"n\":");
    seen->n += n;
    seen->total += sim_number_of(line, "\"total\":");
    if (n < 1 || seen->n > expected->n || seen->total > expected->total)
        sim_violate(oracle,
                    "S1: %s has %.120s, with what came before n %lld, total %lld of %lld, %lld",
                    l->file, line, (long long)seen->n, (long long)seen->total,
                    (long long)expected->n, (long long)expected->total);
}

static void look_for_parts(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_job *job = oracle->job;
    const struct sim_total *expected = totals_of(job, output);
    const struct seen *seen = oracle->memory[output];
    for (size_t at = 0; at < sim_job_totals(job); at++)
        if (seen[at].n != expected[at].n || seen[at].total != expected[at].total)
            sim_violate(oracle,
                        "O1: the job has finished, and %s has %lld rows, %lld of slot %zu of group "
                        "g%zu, which had %lld, %lld",
                        job->outputs[output].name, (long long)seen[at].n, (long long)seen[at].total,
                        at % job->slot_count, at / job->slot_count, (long long)expected[at].n,
                        (long long)expected[at].total);
}

const struct sim_judge sim_judge_parts = {
    .memory = total_memory, .line = look_at_part, .finished = look_for_parts};

// --- totals that grow ----------------------------------------------------------------------------

enum { GIVEN_WORDS = 8 }; // 512 bits, of the numbers of rows that a slot has been given with

// What was seen stands first, as that of totals does (look_for_late).
static size_t firing_memory(const struct sim_job *job, const struct sim_output *output)
{
    return total_memory(job, output) + sim_job_totals(job) * GIVEN_WORDS * sizeof(uint64_t);
}

// With each row that comes late, and not too late, a slot is given again, with more.
static void look_at_firing(struct sim_look *l, const char *line)
{
    struct sim_oracle *oracle = l->oracle;
    int64_t n = sim_number_of(line, "\"n\":"), total = sim_number_of(line, "\"total\":");
    int64_t at = sim_look_for_slot(l, line);
    if (at < 0 || oracle->drained)
        return;
    const struct sim_total *expected = &totals_of(oracle->job, l->output)[at];
    struct seen *seen = (struct seen *)l->memory + at;
    uint64_t *given =
        (uint64_t *)((struct seen *)l->memory + sim_job_totals(oracle->job)) + at * GIVEN_WORDS;
    if (n < 1 || n > expected->n || total > expected->total || n >= 64 * GIVEN_WORDS) {
        sim_violate(oracle, "S1: %s has %.120s, and n is %lld, total %lld", l->file, line,
                    (long long)expected->n, (long long)expected->total);
        return;
    }
    if ((given[n / 64] >> (n % 64) & 1) != 0)
        sim_violate(oracle, "T4: a window is given twice with as many rows, again in %s: %.120s",
                    l->file, line);
    given[n / 64] |= UINT64_C(1) << (n % 64);
    if (seen->times != 0 && (n > seen->n ? total < seen->total : total > seen->total))
        sim_violate(oracle, "S1: %s has %.120s, and with %lld rows the total is %lld", l->file,
                    line, (long long)seen->n, (long long)seen->total);
    oracle->universe->saw[SIM_SAW_fired_again] += seen->times != 0;
    seen->times++;
    seen->total = n > seen->n ? total : seen->total;
    seen->n = n > seen->n ? n : seen->n;
}

const struct sim_judge sim_judge_firings = {.memory = firing_memory, .line = look_at_firing};

// --- late rows -----------------------------------------------------------------------------------

static size_t late_memory(const struct sim_job *job, const struct sim_output *output)
{
    (void)output;
    return job->row_count;
}

static void look_at_late(struct sim_look *l, const char *line)
{
    const struct sim_row *row = sim_look_for_row(l, line, "\"id\":", l->memory, "late");
    l->oracle->universe->saw[SIM_SAW_was_late]++;
    if (row != NULL && !row->late && !l->oracle->drained)
        sim_violate(l->oracle, "T2: %s has a row that was not late: %.100s", l->file, line);
}

// Of a slot: what came too late for it is in the output for that.
static void look_for_late(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_job *job = oracle->job;
    const struct sim_total *all = totals_of(job, output);
    const struct seen *seen = oracle->memory[output - 1]; // of the windows
    const uint8_t *is_late = oracle->memory[output];
    struct sim_total *late = calloc(sim_job_totals(job), sizeof *late);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        struct sim_total *of = &late[row->group * job->slot_count +
                                     (size_t)((row->ts - job->first_slot_ms) / SIM_SLOT_MS)];
        of->n += is_late[id];
        of->total += is_late[id] * row->value;
    }
    for (size_t at = 0; at < sim_job_totals(job) && !oracle->drained; at++) {
        int64_t n = late[at].n + seen[at].n, total = late[at].total + seen[at].total;
        if (n != all[at].n || total != all[at].total)
            sim_violate(
                oracle, "T5: slot %zu of group g%zu had %lld rows, %lld came to its window or late",
                at % job->slot_count, at / job->slot_count, (long long)all[at].n, (long long)n);
    }
    free(late);
}

const struct sim_judge sim_judge_late = {
    .memory = late_memory, .line = look_at_late, .finished = look_for_late};
