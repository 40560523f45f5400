// What run, check and plan share: the real world, the planned script, the task plan.
#pragma once

#include "core/base/helper.h"
#include "core/base/log.h"
#include "core/cli/options.h"
#include "core/graph/plan.h"
#include "core/task/job.h"
#include "core/task/sample.h"
#include "core/vm/vm.h"

struct tm_engine {
    struct tm_fx fx;
    bool is_real;      // fx is the machine, and goes with the engine
    struct tm_mem mem; // the shared account
    struct tm_helper helper;
    struct tm_log log;
    const struct tm_cli_options *options;
    struct tm_vm_args vm_args;
    struct tm_vm *vm; // the planning state
    struct tm_graph *graph;
    struct tm_plan *plan;
    struct tm_samples *samples; // of sources without a schema
    char *script;               // text of the job
    size_t script_length;
    uint32_t parallelism;
};

extern const struct tm_connector *const tm_engine_connectors[]; // NULL-terminated

// Reads and plans the job. On failure the engine must still be freed.
int tm_engine_open(struct tm_engine *engine, const struct tm_cli_options *options,
                   struct tm_error *err) TM_WARN_UNUSED;
// The same in a world that is given; it outlives the engine (tests/sim).
int tm_engine_open_in(struct tm_engine *engine, const struct tm_cli_options *options,
                      const struct tm_fx *fx, struct tm_error *err) TM_WARN_UNUSED;
// Plans the script again: with other schemas of sources (tm_samples_bring_back), or as another
// attempt of the job needs it, without what its rows settled. What was inferred from its inputs
// stays. Nothing that was made of the plan may be left. On failure there may be no plan, and it can
// be planned again.
int tm_engine_plan_again(struct tm_engine *engine, struct tm_error *err) TM_WARN_UNUSED;
// It could not, or what followed could not: says why, where the command's result goes when that is
// JSON. Returns the exit code.
int tm_engine_failed(const struct tm_cli_options *options, const struct tm_error *err, int rc);
void tm_engine_close(struct tm_engine *engine);
// What may not do what its author thinks: findings about the script, then about the plan.
// After the job could not be planned too: what was found before.
int tm_engine_findings(struct tm_engine *engine, tm_finding_each *each, void *arg,
                       struct tm_error *err) TM_WARN_UNUSED;
// The same to the log, advice too when `advice`; returns how many warnings.
int tm_engine_log_findings(struct tm_engine *engine, bool advice, struct tm_error *err);
