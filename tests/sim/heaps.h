// Heaps for the Lua states of simulated processes, and what some states came to (struct
// tm_fx_states): a state is opened by putting back the bytes of an earlier one.
#pragma once

#include "core/base/effects.h"

// Of the world whose context is a process (process.h).
extern const struct tm_fx_states sim_states;

// Opens some states, which keep what is the same for every job: children begin with that.
void sim_heaps_warm(void);
// A new seed: what was kept of other jobs is of no use. `compiles`: its states do. `shares`: a
// process has one for all its subtasks, unless they compile.
void sim_heaps_begin(bool compiles, bool shares);
bool sim_heaps_compile(void);
// A process is gone, and its heaps are free.
void sim_heaps_leave(const void *process);
// The first of them that nobody has goes to the end of the line, for tests: another one comes
// first, and with it other addresses.
void sim_heaps_turn(void);
