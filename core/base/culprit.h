// What user code failed on: the operator and the bytes of the row (of a timer: of its key, time and
// name) as a hash, to know it again after a restart. All zero: nothing that is known.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tm_culprit {
    uint64_t hash[2];
};

static inline bool tm_culprit_is_known(const struct tm_culprit *culprit)
{
    return (culprit->hash[0] | culprit->hash[1]) != 0;
}
