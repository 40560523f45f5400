// What stages keep, as a checkpoint has it: values of states as numbers, and timers. A kind that
// has a model of its state judges them (kinds.h).
#pragma once

#include "core/checkpoint/restored.h"
#include "core/state/collection.h"
#include "tests/sim/oracle.h"

// A record of a state that a checkpoint has; `place` is where its collections lie.
typedef int sim_each_record(void *arg, const struct tm_layout *layout, const struct tm_place *place,
                            const struct tm_key *key, const uint8_t *record, struct tm_error *err);

// Reads a part that is a state, of all subtasks. Nothing is called where there is no such part, or
// none that says what it has.
int sim_kept_each(const struct tm_restored *restored, struct tm_mem *mem,
                  const struct tm_manifest_operator *op, const char *part, sim_each_record *each,
                  void *arg, struct tm_error *err);
// Is the operator the stage's, by one of the names that it has where the script is changed?
bool sim_kept_is_of(const struct sim_stage *stage, const char *operator_name);
// Adds to the cut what an operator keeps, if it is of a stage whose kind judges that.
int sim_kept_read(struct sim_cut *cut, const struct sim_job *job,
                  const struct tm_restored *restored, struct tm_mem *mem,
                  const struct tm_manifest_operator *op, struct tm_error *err);

// S1, S2: what the stages of a cut keep follows from what it has read.
void sim_kept_look(struct sim_oracle *oracle, const struct sim_cut *cut);

// A value of a key's state as a part of what the key keeps; that is the sum of them. `of`: its
// place in a list, the number of its key in a map, of its cell, else 0.
uint64_t sim_keep(const char *state, int64_t of, int64_t value);
// A judge of states that belong to keys: each keeps what it has behind one of its rows
// (sim_stage.behind), behind the last one that the cut has where nothing is in flight.
void sim_kept_look_at_keys(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage);

bool sim_kept_is_timer(const struct sim_value *value);

// What a key or group has in a stretch of time, which stands in the state from its first row on and
// goes when event time has come to its end, or some time behind that. Where nothing is in flight it
// is what the cut's rows come to; or nothing, if any checkpoint has ever been so far.
enum sim_span_holds {
    SIM_HOLDS_TOTALS,  // how many rows, and the sum of their values
    SIM_HOLDS_ROWS,    // how many
    SIM_HOLDS_SOME,    // of them, and of their values
    SIM_HOLDS_LARGEST, // the id of the one of the greatest value, and that
};
struct sim_spans {
    const char *first, *second; // the states; `second` may be NULL
    enum sim_span_holds holds;
    int64_t span_ms;   // how long one is
    int64_t stays_ms;  // behind its end
    bool without_dead; // rows that fail leave nothing
    bool timed;        // there is a timer for each that is there (T4)
};
struct sim_spans_found {
    int64_t whole;   // that rows of the cut are in, of a key or group
    int64_t present; // that are there
};
// `found`: by key or group, or NULL. False: it has not looked, as rows are in flight.
bool sim_kept_look_at_spans(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage,
                            const struct sim_spans *spans, struct sim_spans_found *found);
// A value of each key or group of the state; 0: there is none. To be freed.
int64_t *sim_kept_of_lanes(const struct sim_oracle *oracle, const struct sim_cut *cut,
                           uint32_t stage, const char *state);
