// What operators share that let themselves be looked at (core/task/inspect.h).
#pragma once

#include "core/operator/keyed.h"
#include "core/operator/result.h"
#include "core/task/inspect.h"

// Is the key's group one of this state?
bool tm__operator_looks_at(const struct tm_state *state, const struct tm_key *key,
                           uint32_t *key_group);
// The keys of a namespace, by key groups; false from `each`: enough, which *enough says then. 0;
// TM_E_MEMORY.
int tm__operator_each_key(struct tm_state *state, struct tm_namespace *ns,
                          bool (*each)(void *arg, const struct tm_key *key), void *arg,
                          bool *enough);
// The states of a scope, whose values stand in the record. 0; TM_E_MEMORY.
int tm__operator_see_record(struct tm_operator *op, const struct tm__operator_keyed *keyed,
                            enum tm__operator_scope scope, uint32_t key_group,
                            const uint8_t *record, const struct tm_inspector *inspector);
// The columns of the row that would be made now, behind its key and its window, as values; the row
// is let go. What cannot be made now is not there. 0; TM_E_MEMORY.
int tm__operator_see_result(const struct tm__operator_result *result, const struct tm_operator *op,
                            const struct tm__operator_result_row *row,
                            const struct tm_inspector *inspector);
// A row that is kept whole, as a struct: a value, or the next item of a list.
void tm__operator_see_row(const struct tm_inspector *inspector, const char *state,
                          const struct tm_schema *schema, const struct tm_row *row, bool is_item);
void tm__operator_walk_timers(struct tm_timers *timers, const struct tm_inspector *inspector);
