// T5 in checkpoints: what operators have counted adds up, and is what the rows of the cut come to.
#include "tests/sim/accounts.h"

#include <string.h>

#include "tests/sim/judge.h"
#include "tests/sim/kept.h"
#include "tests/sim/kinds.h"

static const struct sim_op *op_of(const struct sim_cut *cut, const struct sim_stage *stage)
{
    for (uint32_t i = 0; i < cut->op_count; i++)
        if (sim_kept_is_of(stage, cut->ops[i].name))
            return &cut->ops[i];
    return NULL;
}

static bool has_output(const struct sim_job *job, uint32_t stage, const struct sim_judge *judge)
{
    for (uint32_t o = 1; o < job->output_count; o++)
        if (job->outputs[o].stage == stage && job->outputs[o].judge == judge)
            return true;
    return false;
}

// Each row that has come in has ended in one of these.
static void look_at_op(struct sim_oracle *oracle, const struct sim_cut *cut,
                       const struct sim_op *op)
{
    const uint64_t *c = op->counters;
    uint64_t ended =
        c[SIM_USED] + c[SIM_FILTERED] + c[SIM_LATE] + c[SIM_SKIPPED] + c[SIM_DEAD_LETTERED];
    if (c[SIM_ROWS_IN] != ended)
        sim_violate(oracle,
                    "T5: in checkpoint %llu '%s' has taken %llu rows: %llu used, %llu filtered, "
                    "%llu late, %llu skipped, %llu dead letters",
                    (unsigned long long)cut->checkpoint, op->name,
                    (unsigned long long)c[SIM_ROWS_IN], (unsigned long long)c[SIM_USED],
                    (unsigned long long)c[SIM_FILTERED], (unsigned long long)c[SIM_LATE],
                    (unsigned long long)c[SIM_SKIPPED], (unsigned long long)c[SIM_DEAD_LETTERED]);
}

// Stages take what was counted, but for what is in flight to them.
static void look_at_stage(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage,
                          uint64_t counted, uint64_t refused)
{
    const struct sim_job *job = oracle->job;
    const struct sim_op *op = op_of(cut, &job->stages[stage]);
    bool at_rest = cut->flight_bytes == 0;
    if (op == NULL || (job->stages[stage].kind->keeps & SIM_TAKES_OTHERS) != 0)
        return;
    const uint64_t *c = op->counters;
    uint64_t dead = has_output(job, stage, &sim_judge_dead) ? refused : 0;
    if (at_rest ? c[SIM_ROWS_IN] != counted : c[SIM_ROWS_IN] > counted)
        sim_violate(oracle, "T5: checkpoint %llu has %llu rows counted%s, and '%s' has taken %llu",
                    (unsigned long long)cut->checkpoint, (unsigned long long)counted,
                    at_rest ? "" : ", some in flight behind that", op->name,
                    (unsigned long long)c[SIM_ROWS_IN]);
    if (at_rest ? c[SIM_DEAD_LETTERED] != dead : c[SIM_DEAD_LETTERED] > dead)
        sim_violate(oracle,
                    "T5: checkpoint %llu has %llu rows that fail, and '%s' %llu dead "
                    "letters",
                    (unsigned long long)cut->checkpoint, (unsigned long long)dead, op->name,
                    (unsigned long long)c[SIM_DEAD_LETTERED]);
    if (c[SIM_LATE] != 0 && !has_output(job, stage, &sim_judge_late))
        sim_violate(oracle, "T5: in checkpoint %llu %llu rows were late for '%s', and none is",
                    (unsigned long long)cut->checkpoint, (unsigned long long)c[SIM_LATE], op->name);
}

void sim_accounts_look(struct sim_oracle *oracle, const struct sim_cut *cut)
{
    const struct sim_job *job = oracle->job;
    uint64_t counted = 0, refused = 0;
    for (uint32_t key = 0; key < job->key_count; key++)
        counted += (uint64_t)cut->kept[key].n;
    for (uint32_t id = 0; id < job->row_count; id++)
        refused += sim_row_is_refused(&job->rows[id]) && sim_cut_has(cut, job, id);
    for (uint32_t i = 0; i < cut->op_count; i++) {
        const struct sim_op *op = &cut->ops[i];
        look_at_op(oracle, cut, op);
        // What it says to have taken is what it has counted, whatever is in flight.
        if (strcmp(op->name, "count") == 0 && op->counters[SIM_ROWS_IN] != counted)
            sim_violate(oracle, "T5: checkpoint %llu has %llu rows counted, and %llu taken in",
                        (unsigned long long)cut->checkpoint, (unsigned long long)counted,
                        (unsigned long long)op->counters[SIM_ROWS_IN]);
    }
    for (uint32_t s = 0; s < job->stage_count; s++)
        look_at_stage(oracle, cut, s, counted, refused);
}
