// What a stage of a job can be. A kind is its script, its outputs with their judges, and how what
// must come out follows from the input: an entry in kinds_*.c, and a line in kinds.def. A new one
// is that, and a function that tells the expected lines (sim_expect, judge.h).
//
// In a script stand $NAME for the stage's name, $WAS for what says of a new name which the old one
// was,
// $<A$|B$> for A and, when the script has been changed, perhaps B, where state has other types,
// $1 to $3 for the sinks of its outputs, $A to $C for texts that it has drawn. It begins from the
// local "counted", whose columns are id, key, group, ts, value, n, sum.
#pragma once

#include "tests/sim/judge.h"

enum { SIM_KIND_OUTPUTS = 3 };

enum sim_needs {
    SIM_NEEDS_TIME = 1,   // rows that are not late
    SIM_NEEDS_EVEN = 2,   // times that are even
    SIM_NEEDS_FILES = 4,  // outputs that are files
    SIM_NEEDS_LATE = 8,   // rows some of which are late
    SIM_NEEDS_FLUSH = 16, // that the clock's windows fire at the end
    SIM_NEEDS_REST = 32,  // that nothing is in flight, for what it keeps to be known
};

// Of what a checkpoint has of it.
enum sim_keeps {
    SIM_KEEPS_GROUPS = 1, // it belongs to groups, not to keys
    SIM_KEEPS_ROWS = 2,   // blobs are rows of the columns id, key, value
    SIM_KEEPS_PAIRS = 4,  // keys are a key and a group, and there is nothing else
    SIM_KEEPS_ENDS = 8,   // where windows end is not where others of the key say
    SIM_TAKES_OTHERS = 16 // it takes not just each row once that was counted
};

enum { SIM_TIME_TEXT = 32 };

struct sim_drawing {
    struct sim_universe *universe;
    struct sim_job *job;
    struct sim_stage *stage;
    struct sim_random *random; // of what it draws
    struct sim_random *logs;   // of whether an output goes to the log
};

struct sim_kind {
    const char *name, *script;
    uint32_t needs, keeps; // bits: enum sim_needs, enum sim_keeps
    uint32_t weight;       // among those that a share of the seeds has; 0: it is not drawn
    struct {
        const char *name; // NULL: no more
        const struct sim_judge *judge;
    } outputs[SIM_KIND_OUTPUTS];
    // These may be NULL. Draws what there is of it beside its outputs.
    void (*draw)(struct sim_drawing *drawing);
    // What must come out of the input.
    void (*expect)(struct sim_job *job, struct sim_stage *stage);
    // What a cut has of its state (kept.h).
    void (*kept)(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage);
    const char *renames[2]; // a state's name when the script has been changed, and the one it had
};

#define SIM_KIND(name) extern const struct sim_kind sim_kind_##name;
#include "tests/sim/kinds.def"
#undef SIM_KIND

// Their numbers are bits of sim_less.stages. Any seed can have the first ones, a share of them the
// others.
enum { SIM_FIRST_KINDS = 4 };
// By the number of a bit; NULL: there are no more.
const struct sim_kind *sim_kind(uint32_t bit);

// Adds a stage to the job, and its outputs.
void sim_stage_add(struct sim_drawing *drawing, const struct sim_kind *kind);
// Adds an output.
void sim_output_add(struct sim_drawing *drawing, const char *name, const struct sim_judge *judge);
// Is it in the job's script, as that is at first or when it has been changed?
static inline bool sim_stage_is(const struct sim_stage *stage, bool changed)
{
    return stage->only != (changed ? SIM_AT_FIRST : SIM_WHEN_CHANGED);
}
// Writes a stage behind the job's script, as it is at first or when the script has been changed.
void sim_stage_write(struct sim_job *job, const struct sim_stage *stage, bool changed);

// As JSON has it.
const char *sim_time_text(int64_t ms, char text[SIM_TIME_TEXT]);
