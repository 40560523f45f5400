// One value of a state, as bytes, from the type that it had to the one that it has: by the rules of
// types. Wider numbers, structs with fields more or less or in another order, on all levels.
#pragma once

#include "core/base/buf.h"
#include "core/batch/type.h"

struct tm_value_change;

// How values of type `from` become such of type `to`, both as text. *change NULL: they are the same
// bytes. TM_E_STATE_TYPE: not at all, err says which part cannot; TM_E_MEMORY.
int tm_value_change_new(struct tm_mem *mem, const char *from, const char *to,
                        struct tm_value_change **change, struct tm_error *err) TM_WARN_UNUSED;
void tm_value_change_free(struct tm_value_change *change); // NULL is fine
// The bytes are those of a slot, or what a reference led to; they are not trusted. What is given
// lasts until the next call. TM_E_CHECKPOINT: they are no such value; TM_E_LIMIT, TM_E_MEMORY.
int tm_value_change_apply(struct tm_value_change *change, const void *bytes, uint32_t length,
                          const void **changed, uint32_t *changed_length,
                          struct tm_error *err) TM_WARN_UNUSED;
