// Judges of outputs that have rows of the input: those that are counted, and dead letters.
#include <stdlib.h>
#include <string.h>

#include "tests/sim/judge.h"

int64_t sim_number_of(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    return at == NULL ? -1 : strtoll(at + strlen(name), NULL, 10);
}

const struct sim_row *sim_look_for_row(struct sim_look *look, const char *line, const char *name,
                                       uint8_t *seen, const char *what)
{
    struct sim_oracle *oracle = look->oracle;
    int64_t id = sim_number_of(line, name);
    if (id < 0 || id >= oracle->job->row_count)
        sim_violate(oracle, "O1: %s has a row that no input has: %.100s", look->file, line);
    else if (seen != NULL && seen[id]++ != 0)
        sim_violate(oracle, "O1: the row of id %lld is %s twice, again in %s", (long long)id, what,
                    look->file);
    else
        return &oracle->job->rows[id];
    return NULL;
}

static size_t row_memory(const struct sim_job *job, const struct sim_output *output)
{
    (void)output;
    return job->row_count;
}

// --- what is counted -----------------------------------------------------------------------------

static void look_at_row(struct sim_look *l, const char *line)
{
    struct sim_oracle *oracle = l->oracle;
    const struct sim_row *row = sim_look_for_row(l, line, "\"id\":", l->memory, "visible");
    int64_t key = sim_number_of(line, "\"key\":\"k"), n = sim_number_of(line, "\"n\":");
    int64_t sum = sim_number_of(line, "\"sum\":");
    if (row == NULL)
        return;
    if (key != row->key || n != row->nth || sum != row->sum)
        sim_violate(oracle, "S1: %s has %.100s, and key k%u had n %u, sum %lld by then", l->file,
                    line, row->key, row->nth, (long long)row->sum);
    if (row->nth <= l->last[row->key])
        sim_violate(oracle, "T1: %s has row %u of key k%u behind its row %u", l->file, row->nth,
                    row->key, l->last[row->key]);
    l->last[row->key] = row->nth;
}

// Of a file: its rows are visible up to a place, and which.
static uint32_t visible_of(const struct sim_job *job, const uint8_t *seen, uint32_t file)
{
    uint32_t id = job->first_row[file];
    while (id < job->first_row[file + 1] && seen[id])
        id++;
    return id - job->first_row[file];
}

// Rows of a key are visible up to one of them, also where others that were overtaken are not.
static void look_at_gaps(struct sim_oracle *oracle, const uint8_t *seen)
{
    const struct sim_job *job = oracle->job;
    uint32_t *visible = calloc(job->key_count, sizeof *visible);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        if (!seen[id])
            continue;
        if (++visible[row->key] != row->nth)
            sim_violate(oracle, "S2: row %u of key k%u is visible, and one in front of it is not",
                        row->nth, row->key);
    }
    free(visible);
}

static void look_at_committed_rows(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_job *job = oracle->job;
    const struct sim_cut *cut = &oracle->cut;
    const uint8_t *seen = oracle->memory[output];
    look_at_gaps(oracle, seen);
    if (cut->checkpoint == 0)
        return;
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        bool covered = sim_cut_has(cut, job, id);
        if (covered == (seen[id] != 0))
            continue;
        sim_violate(oracle,
                    "O6: checkpoint %llu is committed, %s row %u of in/%u.jsonl, and it is %s",
                    (unsigned long long)cut->checkpoint, covered ? "covers" : "does not cover",
                    id - job->first_row[row->file], row->file, covered ? "not visible" : "visible");
        return;
    }
    for (uint32_t f = 0; f < job->file_count && cut->flight_bytes == 0; f++)
        if (visible_of(job, seen, f) != cut->read[f] && job->first_row[f] != job->first_row[f + 1])
            sim_violate(
                oracle, "S2: checkpoint %llu has read %u rows of in/%u.jsonl, %u are visible",
                (unsigned long long)cut->checkpoint, cut->read[f], f, visible_of(job, seen, f));
}

static void look_for_rows(struct sim_oracle *oracle, uint32_t output)
{
    const uint8_t *seen = oracle->memory[output];
    for (uint32_t id = 0; id < oracle->job->row_count; id++)
        if (!seen[id])
            sim_violate(oracle, "O1: the job has finished, and the row of id %u is not visible",
                        id);
}

const struct sim_judge sim_judge_rows = {.memory = row_memory,
                                         .line = look_at_row,
                                         .committed = look_at_committed_rows,
                                         .finished = look_for_rows,
                                         .settled = true};

// --- dead letters --------------------------------------------------------------------------------

static void look_at_dead(struct sim_look *l, const char *line)
{
    const struct sim_row *row =
        sim_look_for_row(l, line, "\\\"id\\\":", l->memory, "a dead letter");
    l->oracle->universe->saw[SIM_SAW_was_refused]++;
    if (row != NULL && !sim_row_is_refused(row))
        sim_violate(l->oracle, "O1: %s has a row that did not fail: %.200s", l->file, line);
}

static void look_for_dead(struct sim_oracle *oracle, uint32_t output)
{
    const uint8_t *dead = oracle->memory[output];
    for (uint32_t id = 0; id < oracle->job->row_count; id++)
        if (sim_row_is_refused(&oracle->job->rows[id]) && !dead[id])
            sim_violate(oracle, "O1: the job has finished, and the dead letter of id %u is missing",
                        id);
}

const struct sim_judge sim_judge_dead = {
    .memory = row_memory, .line = look_at_dead, .finished = look_for_dead};
