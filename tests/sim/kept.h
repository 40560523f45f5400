// What stages keep, as a checkpoint has it: values of states as numbers. A kind that has a model of
// its state judges them (kinds.h).
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
// Adds to the cut what an operator keeps, if it is of a stage whose kind judges that.
int sim_kept_read(struct sim_cut *cut, const struct sim_job *job,
                  const struct tm_restored *restored, struct tm_mem *mem,
                  const struct tm_manifest_operator *op, struct tm_error *err);

// S1, S2: what the stages of a cut keep follows from what it has read.
void sim_kept_look(struct sim_oracle *oracle, const struct sim_cut *cut);

// A value of a key's state as a part of what the key keeps; that is the sum of them. `of`: its
// place in a list, the number of its key in a map, else 0.
uint64_t sim_keep(const char *state, int64_t of, int64_t value);
// A judge of states that belong to keys: each keeps what it has behind one of its rows
// (sim_stage.behind), behind the last one that the cut has where nothing is in flight.
void sim_kept_look_at_keys(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage);
