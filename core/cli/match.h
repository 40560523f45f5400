// What becomes of each state of a checkpoint in the job of a script, before anything runs: asked by
// `run`, which is refused where something would be lost, and told by `plan --against`.
//
// Names are matched by what the script says (renamed_from, --drop-state); types by opening the job
// and not running it, so by the code that restores it (rehearse.h).
#pragma once

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/cli/life.h"
#include "core/cli/rehearse.h"

enum tm_outcome {
    TM_OUTCOME_KEPT,
    TM_OUTCOME_MIGRATED,
    TM_OUTCOME_NEW,
    TM_OUTCOME_DROPPED,
    TM_OUTCOME_INCOMPATIBLE,
    TM_OUTCOMES
};
extern const char *const tm_outcomes[TM_OUTCOMES];

struct tm_match_entry {
    const char *operator_name;
    const char *kind;  // "process", "source"
    const char *state; // of a process its state, of others the part; "": the operator itself
    enum tm_outcome outcome;
    bool refused;           // a run would not begin
    int code;               // of a refused one: what the run's error would be
    const char *difference; // what is not as it was; "": nothing
    const char *held; // of a sink: what the checkpoint has for its output, which nobody would get;
                      // "": nothing
    const char *fix;  // of a refused one
    const char *drop; // of a refused one: what --drop-state would name
};

struct tm_match {
    struct tm_engine *engine;
    struct tm_restored *restored;
    const struct tm_manifest *manifest;
    bool is_own; // it is of the job's own folder, so that what it holds for outputs becomes visible
    struct tm_arena arena;
    struct tm_buf entries;     // struct tm_match_entry
    struct tm_buf settled;     // the types that rows had settled, with a NUL behind them
    struct tm_error in_flight; // rows on their way that do not fit the script; code 0: none
    bool no_memory;
};

// The checkpoint of `life` is changed as the script and --drop-state say, the graph has the types
// that rows had settled; `drops`: --drop-state counts. 0 also where states would be refused;
// TM_E_USAGE:
// --drop-state names what is not there; what makes the job impossible to open. It must be freed
// whatever is given back.
int tm_match_make(struct tm_match *match, const struct tm_life *life, bool drops,
                  struct tm_error *err) TM_WARN_UNUSED;
// Of `plan --against`: whether sources and sinks can begin, which a run sees when it does. What
// cannot is one more that is refused. TM_E_MEMORY.
int tm_match_connectors(struct tm_match *match, struct tm_error *err) TM_WARN_UNUSED;
void tm_match_free(struct tm_match *match);
const struct tm_match_entry *tm_match_entries(const struct tm_match *match, uint32_t *count);
// What a run would be refused with: TM_E_STATE_LEFT, TM_E_STATE_TYPE, TM_E_IN_FLIGHT; 0: it would
// begin.
int tm_match_refusal(const struct tm_match *match, struct tm_error *err) TM_WARN_UNUSED;
