// Bounds of windows and slices (SEMANTICS 1). All arguments are within 2^53 either way, so that no
// sum of a few of them overflows.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// The largest point of the grid offset + k * step that is not after `time`.
static inline int64_t tm__operator_grid_floor(int64_t time, int64_t offset, int64_t step)
{
    int64_t rest = (time - offset) % step;
    return rest < 0 ? time - (rest + step) : time - rest;
}

static inline int64_t tm__operator_gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}
