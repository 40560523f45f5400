// What values refer to, when they came from an image that nobody vouches for: is it inside of its
// pages, and is it what it should be? Collections that are found good can be read and changed as
// any others. All pieces that are looked at through one of these take no more memory together than
// there is, so that no piece that is referred to again and again makes it endless.
#pragma once

#include "core/state/claims.h"
#include "core/state/collection.h"

struct tm_state_trust {
    struct tm_state *state;
    uint32_t key_group;
    uint64_t left_bytes;
    struct tm_state_claims *claims; // where each piece is to be nobody else's; NULL: it is copied
};
void tm_state_trust_begin(struct tm_state *state, uint32_t key_group, struct tm_state_trust *trust);
bool tm_state_trust_blob(struct tm_state_trust *trust, const struct tm_namespace *ns,
                         const struct tm_blob *blob) TM_WARN_UNUSED;
bool tm_state_trust_map(struct tm_state_trust *trust, const struct tm_namespace *ns,
                        const struct tm_state_map *map) TM_WARN_UNUSED;
bool tm_state_trust_list(struct tm_state_trust *trust, const struct tm_namespace *ns,
                         const struct tm_state_list *list) TM_WARN_UNUSED;
