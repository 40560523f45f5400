// Time zones for the files about times: offsets at a moment, and of what a clock on the wall shows.
#pragma once

#include "core/text/text_private.h"

enum { TM__ZONE_NAME_MAX = 16 };

struct tm__zone_type {
    int32_t offset; // seconds east of UTC
    char name[TM__ZONE_NAME_MAX];
};

// What holds at a moment, in seconds since 1970 UTC. zone NULL: UTC.
const struct tm__zone_type *tm__zone_at(struct tm_zone *zone, int64_t seconds);
// The offset of a local time. One that comes twice is the first, one that is skipped is counted on
// from before the clock went forward.
int32_t tm__zone_offset_of_local(struct tm_zone *zone, int64_t local_seconds);
