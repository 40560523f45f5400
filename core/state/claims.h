// Whose a blob is, of a key group that came from outside: what values refer to lies where blobs
// lie, in their namespace, and is nobody else's and not free. For who looks at all values before
// they are used. Nothing may be changed in the state meanwhile.
#pragma once

#include "core/state/state.h"

struct tm_state_claims;

struct tm_state_claims *tm_state_claims_begin(struct tm_state *state,
                                              uint32_t key_group) TM_WARN_UNUSED; // NULL: no memory
void tm_state_claims_end(struct tm_state_claims *claims);                         // NULL is fine
// False: it is no blob of the namespace, or has been claimed.
bool tm_state_claim(struct tm_state_claims *claims, const struct tm_namespace *ns,
                    const struct tm_blob *blob) TM_WARN_UNUSED;
