// Where a source of partitions stands, as it is in checkpoints.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/sim/feed.h"

struct sim_position {
    uint32_t partition, read; // rows
    int64_t watermark;
};

static inline bool sim_position_get(struct sim_position *position, const void *bytes, size_t size)
{
    if (size != sizeof *position)
        return false;
    memcpy(position, bytes, size);
    return position->partition < SIM_FEED_MAX;
}
