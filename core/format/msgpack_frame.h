// Where a msgpack value ends, found as its bytes come: no value has to be in memory as a whole.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/limits.h"

enum tm__msgpack_status { TM__MSGPACK_MORE, TM__MSGPACK_WHOLE, TM__MSGPACK_BROKEN };

struct tm__msgpack_frame {
    uint64_t left[TM_ANY_DEPTH_MAX + 2]; // values to come, on each level
    uint64_t payload;                    // bytes of a string to come
    uint32_t depth;
};

void tm__msgpack_frame_init(struct tm__msgpack_frame *frame);
// Go on in [*p, end); *p is behind what was taken. BROKEN: no msgpack, or deeper than
// TM_ANY_DEPTH_MAX.
enum tm__msgpack_status tm__msgpack_frame_run(struct tm__msgpack_frame *frame, const uint8_t **p,
                                              const uint8_t *end);
