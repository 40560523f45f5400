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

// Key group of a key hash: hash mod max_parallelism, by the high half, so that table slots (low
// bits) stay independent of it.
static inline uint32_t tm_hash_key_group(uint64_t hash, uint32_t max_parallelism)
{
    return (uint32_t)(((hash >> 32) * max_parallelism) >> 32);
}
