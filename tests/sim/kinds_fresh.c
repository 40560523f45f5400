// A stage that comes with a changed script: it has nothing of what was before, so of each key it
// gives rows from one on, whichever that is, numbered from 1.
#include <stdlib.h>

#include "tests/sim/kinds.h"

static size_t memory(const struct sim_job *job, const struct sim_output *output)
{
    (void)output;
    return job->row_count * sizeof(int64_t);
}

// Numbers by id, 0: not visible.
static void look_at_line(struct sim_look *l, const char *line)
{
    struct sim_oracle *oracle = l->oracle;
    const struct sim_row *row = sim_look_for_row(l, line, "\"id\":", NULL, "");
    if (row == NULL)
        return;
    int64_t *n = (int64_t *)l->memory + (row - oracle->job->rows);
    if (*n != 0)
        sim_violate(oracle, "O1: the row of id %td is visible twice, again in %s",
                    row - oracle->job->rows, l->file);
    if (row->nth <= l->last[row->key])
        sim_violate(oracle, "T1: %s has row %u of key k%u behind its row %u", l->file, row->nth,
                    row->key, l->last[row->key]);
    l->last[row->key] = row->nth;
    *n = sim_number_of(line, "\"n\":");
    if (*n < 1 || *n > row->nth)
        sim_violate(oracle, "S1: %s has %.100s, which is row %u of key k%u", l->file, line,
                    row->nth, row->key);
}

// The first row of a key that is visible is number 1, those behind it follow, up to one of them.
static void look_at_numbers(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_job *job = oracle->job;
    const int64_t *numbers = oracle->memory[output];
    int64_t *last = calloc(job->key_count, sizeof *last); // -1: one is not visible
    for (uint32_t id = 0; id < job->row_count; id++) {
        int64_t *of = &last[job->rows[id].key];
        if (numbers[id] != 0 && numbers[id] != *of + 1)
            sim_violate(oracle,
                        "S1: id %u is number %lld of key k%u in %s, and %lld came before it", id,
                        (long long)numbers[id], job->rows[id].key, job->outputs[output].name,
                        (long long)*of);
        if (numbers[id] != 0)
            *of = numbers[id];
        else if (*of != 0)
            *of = -1;
    }
    free(last);
}

static void look_at_committed(struct sim_oracle *oracle, uint32_t output)
{
    look_at_numbers(oracle, output);
}

// Of a key that has any, all the others up to the last one are there.
static void look_for_all(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_job *job = oracle->job;
    const int64_t *numbers = oracle->memory[output];
    bool *any = calloc(job->key_count, sizeof *any);
    look_at_numbers(oracle, output);
    for (uint32_t id = 0; id < job->row_count; id++) {
        bool *of = &any[job->rows[id].key];
        if (*of && numbers[id] == 0)
            sim_violate(oracle, "O1: the job has finished, and the row of id %u is not in %s", id,
                        job->outputs[output].name);
        *of = *of || numbers[id] != 0;
        if (numbers[id] != 0 && !oracle->changed)
            sim_violate(oracle, "O2: id %u is in %s, and the script has never had that", id,
                        job->outputs[output].name);
    }
    free(any);
}

static const struct sim_judge judge_fresh = {.memory = memory,
                                             .line = look_at_line,
                                             .committed = look_at_committed,
                                             .finished = look_for_all};

const struct sim_kind sim_kind_fresh = {
    .name = "fresh",
    .script = "counted:key_by(\"key\"):process(\"$NAME\", {\n"
              "  state = { n = tm.value(\"int64\", { default = 0 }) },\n"
              "  each = function(ctx, e)\n"
              "    ctx.state.n:set(ctx.state.n:get() + 1)\n"
              "    ctx:emit { id = e.id, n = ctx.state.n:get() }\n"
              "  end,\n"
              "}):returns { id = \"int64\", n = \"int64\" }:to($1)\n",
    .keeps = SIM_TAKES_OTHERS,
    .outputs = {{"fresh", &judge_fresh}},
};
