// What operators share that let themselves be looked at (core/task/inspect.h).
#pragma once

#include "core/state/state.h"

// Is the key's group one of this state?
bool tm__operator_looks_at(const struct tm_state *state, const struct tm_key *key,
                           uint32_t *key_group);
// The keys of a namespace, by key groups; false from `each`: enough. 0; TM_E_MEMORY.
int tm__operator_each_key(struct tm_state *state, struct tm_namespace *ns,
                          bool (*each)(void *arg, const struct tm_key *key), void *arg);
