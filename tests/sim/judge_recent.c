// The judge of what is kept for a time: rows tell when they came, and what they saw of the one
// before.
#include <stdlib.h>

#include "tests/sim/judge.h"

struct seen {
    int64_t at, seen;
    bool there;
};

// What a key has, row by row as they are visible.
struct keeping {
    bool any, unknown; // a row in front of this one is not visible
    uint32_t last;
    int64_t since; // from when on its value is kept: the latest of those that set it
};

static size_t memory(const struct sim_job *job, const struct sim_output *output)
{
    (void)output;
    return job->row_count * sizeof(struct seen);
}

static void look_at_line(struct sim_look *l, const char *line)
{
    const struct sim_job *job = l->oracle->job;
    const struct sim_row *row = sim_look_for_row(l, line, "\"id\":", NULL, "");
    if (row == NULL)
        return;
    struct seen *seen = (struct seen *)l->memory + (row - job->rows);
    if (seen->there)
        sim_violate(l->oracle, "O1: the row of id %td is visible twice, again in %s",
                    row - job->rows, l->file);
    *seen = (struct seen){.there = true,
                          .at = sim_number_of(line, "\"at\":"),
                          .seen = sim_number_of(line, "\"seen\":")};
}

// What it kept is there as long as it is to be, and its time does not go back.
static void look_at_row(struct sim_oracle *oracle, uint32_t output, uint32_t id,
                        struct keeping *keeping)
{
    const struct sim_job *job = oracle->job;
    const struct sim_stage *stage = &job->stages[job->outputs[output].stage];
    const struct seen *all = oracle->memory[output], *now = &all[id];
    int64_t at = stage->by_event ? job->rows[id].ts : now->at;
    bool kept = keeping->any && keeping->since + stage->number > now->at;
    if (keeping->any)
        oracle->universe->saw[kept ? SIM_SAW_was_kept : SIM_SAW_was_over]++;
    if (keeping->any && now->at < all[keeping->last].at)
        sim_violate(oracle, "T2: time was %lld at id %u, and %lld at id %u behind it",
                    (long long)all[keeping->last].at, keeping->last, (long long)now->at, id);
    if (now->seen != (kept ? (int64_t)keeping->last : -1))
        sim_violate(oracle,
                    "T6: at %lld the row of id %u saw %lld; the one before it is %u, kept from "
                    "%lld for %lld ms",
                    (long long)now->at, id, (long long)now->seen, keeping->last,
                    (long long)keeping->since, (long long)stage->number);
    keeping->since = kept && keeping->since > at ? keeping->since : at;
    keeping->last = id;
    keeping->any = true;
}

static void look_at_times(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_job *job = oracle->job;
    const struct seen *all = oracle->memory[output];
    struct keeping *keys = calloc(job->key_count, sizeof *keys);
    for (uint32_t id = 0; id < job->row_count; id++) {
        struct keeping *keeping = &keys[job->rows[id].key];
        keeping->unknown = keeping->unknown || !all[id].there;
        if (!keeping->unknown)
            look_at_row(oracle, output, id, keeping);
    }
    free(keys);
}

static void look_for_rows(struct sim_oracle *oracle, uint32_t output)
{
    const struct seen *all = oracle->memory[output];
    for (uint32_t id = 0; id < oracle->job->row_count; id++)
        if (!all[id].there)
            sim_violate(oracle, "O1: the job has finished, and the row of id %u is not in %s", id,
                        oracle->job->outputs[output].name);
}

const struct sim_judge sim_judge_recent = {
    .memory = memory, .line = look_at_line, .looked = look_at_times, .finished = look_for_rows};
