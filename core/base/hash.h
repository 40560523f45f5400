// Hashes: XXH3 for keys and checksums. The 64-bit hash of a key is part of checkpoints and of the
// exchange, so it never changes.
#pragma once

#include <stdint.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t tm_hash_bytes(const void *p, size_t len)
{
    return XXH3_64bits(p, len);
}

// The same hash of bytes that come piece by piece.
struct tm_hash_pieces {
    XXH3_state_t state;
};
static inline void tm_hash_begin(struct tm_hash_pieces *pieces)
{
    (void)XXH3_64bits_reset(&pieces->state); // fails without a state alone, as the next one
}
static inline void tm_hash_add(struct tm_hash_pieces *pieces, const void *p, size_t len)
{
    (void)XXH3_64bits_update(&pieces->state, p, len);
}
static inline uint64_t tm_hash_end(const struct tm_hash_pieces *pieces)
{
    return XXH3_64bits_digest(&pieces->state);
}

// Key group of a key hash: hash mod max_parallelism, by the high half, so that table slots (low
// bits) stay independent of it.
static inline uint32_t tm_hash_key_group(uint64_t hash, uint32_t max_parallelism)
{
    return (uint32_t)(((hash >> 32) * max_parallelism) >> 32);
}
