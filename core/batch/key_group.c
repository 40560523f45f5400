// Key groups: the unit in which keyed state moves between subtasks. Pure arithmetic; every formula
// is that of SEMANTICS 13 and its tests compare owner and range by brute force.
#include "core/batch/key_group.h"

#include "core/base/check.h"
#include "core/base/limits.h"

enum { KEY_GROUPS_MIN = 128 };

uint32_t tm_key_group_default_max(uint32_t parallelism)
{
    uint64_t wanted = (uint64_t)parallelism + parallelism / 2;
    uint64_t max = KEY_GROUPS_MIN;
    while (max < wanted && max < TM_MAX_PARALLELISM)
        max *= 2;
    return (uint32_t)max;
}

uint32_t tm_key_group_owner(uint32_t key_group, uint32_t parallelism, uint32_t max_parallelism)
{
    TM_ASSERT(key_group < max_parallelism && parallelism >= 1);
    return (uint32_t)((uint64_t)key_group * parallelism / max_parallelism);
}

void tm_key_group_range(uint32_t subtask, uint32_t parallelism, uint32_t max_parallelism,
                        uint32_t *first, uint32_t *last)
{
    TM_CHECK(subtask < parallelism && parallelism <= max_parallelism);
    uint64_t i = subtask, p = parallelism, max = max_parallelism;
    *first = (uint32_t)((i * max + p - 1) / p);
    *last = (uint32_t)(((i + 1) * max - 1) / p);
}
