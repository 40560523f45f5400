// The judge of rows that tell of some rows of a key that follow each other: windows by the clock,
// and triggers of it, of which nobody knows where one begins. Together they have all rows of the
// key, each once and in their order.
#include <stdlib.h>

#include "tests/sim/judge.h"

// By id: it is in a run that is visible.
static size_t memory(const struct sim_job *job, const struct sim_output *output)
{
    (void)output;
    return job->row_count;
}

// A row that a run names as an end of it; NULL: there is none, which is said.
static const struct sim_row *end_of(struct sim_look *l, const char *line, const char *name,
                                    int64_t key)
{
    const struct sim_row *row = sim_look_for_row(l, line, name, NULL, "");
    if (row == NULL || row->key == key)
        return row;
    sim_violate(l->oracle, "S1: %s has %.160s, and that is a row of key k%u", l->file, line,
                row->key);
    return NULL;
}

static void look_at_run(struct sim_look *l, const char *line)
{
    struct sim_oracle *oracle = l->oracle;
    const struct sim_job *job = oracle->job;
    const struct sim_stage *stage = &job->stages[job->outputs[l->output].stage];
    int64_t key = sim_number_of(line, "\"key\":\"k"), n = sim_number_of(line, "\"n\":");
    const struct sim_row *first = end_of(l, line, "\"first\":", key);
    const struct sim_row *newest = end_of(l, line, "\"newest\":", key);
    uint8_t *seen = l->memory;
    if (first == NULL || newest == NULL)
        return;
    int64_t total = newest->sum - first->sum + first->value;
    if (newest->nth < first->nth || n != newest->nth - first->nth + 1 ||
        total != sim_number_of(line, "\"total\":") || (stage->number != 0 && n > stage->number)) {
        sim_violate(oracle, "S1: %s has %.160s, and these are rows %u to %u of the key, total %lld",
                    l->file, line, first->nth, newest->nth, (long long)total);
        return;
    }
    if (first->nth <= l->last[key])
        sim_violate(oracle, "T1: %s has %.160s behind row %u of the key", l->file, line,
                    l->last[key]);
    l->last[key] = newest->nth;
    for (const struct sim_row *row = first; row <= newest; row++)
        if (row->key == key && seen[row - job->rows]++ != 0)
            sim_violate(oracle, "O1: the row of id %td is in two windows, again in %s: %.160s",
                        row - job->rows, l->file, line);
}

// Of a key rows are visible up to one of them, and the checkpoint has these.
static void look_at_committed(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_job *job = oracle->job;
    const struct sim_cut *cut = &oracle->cut;
    const uint8_t *seen = oracle->memory[output];
    uint32_t *visible = calloc(job->key_count, sizeof *visible);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        if (!seen[id])
            continue;
        if (++visible[row->key] != row->nth)
            sim_violate(oracle, "S2: %s has row %u of key k%u, and not all in front of it",
                        job->outputs[output].name, row->nth, row->key);
        if (cut->checkpoint != 0 && !sim_cut_has(cut, job, id))
            sim_violate(oracle,
                        "O6: checkpoint %llu is committed, does not have id %u, and %s has it",
                        (unsigned long long)cut->checkpoint, id, job->outputs[output].name);
    }
    free(visible);
}

static void look_for_all(struct sim_oracle *oracle, uint32_t output)
{
    const uint8_t *seen = oracle->memory[output];
    for (uint32_t id = 0; id < oracle->job->row_count; id++)
        if (!seen[id])
            sim_violate(oracle, "O1: the job has finished, and the row of id %u is in no row of %s",
                        id, oracle->job->outputs[output].name);
}

const struct sim_judge sim_judge_runs = {.memory = memory,
                                         .line = look_at_run,
                                         .committed = look_at_committed,
                                         .finished = look_for_all};
