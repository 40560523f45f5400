// An image that comes in pieces, each in memory of exactly its size, so that reading beyond is
// seen.
#pragma once

#include <stdlib.h>

#include "core/state/image.h"

struct pieces {
    struct tm_image_source source; // stands first
    const uint8_t *next;           // bytes that have not come yet
    uint8_t *held;
    size_t most; // bytes of a piece
    uint64_t count;
};

static inline int pieces_more(struct tm_image_source *source, struct tm_error *err)
{
    struct pieces *pieces = (struct pieces *)(void *)source;
    size_t here = (size_t)(source->end - source->at);
    size_t size = source->left < pieces->most ? (size_t)source->left : pieces->most;
    uint8_t *held = malloc(here + size);
    (void)err;
    if (here != 0)
        memcpy(held, source->at, here);
    memcpy(held + here, pieces->next, size);
    free(pieces->held);
    pieces->held = held;
    pieces->next += size;
    pieces->count++;
    source->at = held;
    source->end = held + here + size;
    source->left -= size;
    return 0;
}

// As tm_image_apply. *count: how many pieces came.
static inline int pieces_apply(struct tm_state *state, uint32_t key_group, const void *bytes,
                               size_t size, size_t most, uint64_t *count, struct tm_error *err)
{
    struct pieces pieces = {
        .source = {.left = size, .more = pieces_more}, .next = bytes, .most = most};
    int rc = tm_image_apply_from(state, key_group, &pieces.source, err);
    free(pieces.held);
    if (count != NULL)
        *count = pieces.count;
    return rc;
}
