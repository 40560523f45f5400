// Pieces: what collections are made of, blobs of a state known by their reference alone. Their
// holder knows their size, and counts it.
#pragma once

#include "core/state/collection.h"
#include "core/state/internal.h"

// Of one call: where the pieces of a collection lie, and the count of what they take.
struct tm__pieces {
    struct tm_state *state;
    struct tm_namespace *ns;
    struct tm__state_group *group;
    uint32_t index; // of the group
    uint64_t *bytes;
};

static inline struct tm__state_group *tm__pieces_group(const struct tm_place *place)
{
    uint32_t index = place->key_group - place->state->first_key_group;
    TM_ASSERT(index < place->state->group_count);
    return &place->state->groups[index];
}

// For a change: pieces can be made and dropped from now on. False: out of memory.
static inline bool tm__pieces_begin(struct tm__pieces *pieces, const struct tm_place *place,
                                    uint64_t *bytes)
{
    *pieces = (struct tm__pieces){place->state, place->ns, tm__pieces_group(place),
                                  place->key_group - place->state->first_key_group, bytes};
    return tm__state_table_materialise(place->state, place->ns, pieces->index);
}

// What a piece of `length` bytes takes.
static inline uint32_t tm__piece_bytes(uint32_t length)
{
    return length > TM__SIZE_MAX ? (uint32_t)tm__state_padded(length)
                                 : tm__state_class_bytes(tm__state_class_of(length));
}

// For writing; pages that are a state's own already do not move when others become so. NULL: out
// of memory.
static inline void *tm__piece_own(const struct tm__pieces *pieces, uint32_t reference)
{
    return tm__state_own(pieces->state, pieces->group, reference);
}

// A new one of `size` bytes, which is of tm__piece_bytes; not zeroed. NULL: out of memory.
static inline void *tm__piece_make(const struct tm__pieces *pieces, uint32_t size,
                                   uint32_t *reference)
{
    void *made = tm__state_allocate(pieces->state, pieces->group,
                                    tm__state_table_of(pieces->ns, pieces->index), TM__PAGE_BLOBS,
                                    size, reference);
    if (TM_LIKELY(made != NULL))
        *pieces->bytes += size;
    return made;
}

static inline void tm__piece_drop(const struct tm__pieces *pieces, uint32_t reference,
                                  uint32_t size)
{
    tm__state_give_back(pieces->state, pieces->group, tm__state_table_of(pieces->ns, pieces->index),
                        TM__PAGE_BLOBS, reference, size);
    *pieces->bytes -= size;
}
