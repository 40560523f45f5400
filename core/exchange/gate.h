// The input gate of a task: merges its channels (of one or several edges) into one sequence of
// elements. Watermarks and statuses go through the valve (core/time/valve.h); END appears once,
// after the last channel's, preceded by watermark MAX.
#pragma once

#include "core/exchange/channel.h"

struct tm_gate;

struct tm_gate *tm_gate_new(struct tm_mem *mem, struct tm_channel *const *channels,
                            uint32_t count) TM_WARN_UNUSED;
void tm_gate_free(struct tm_gate *gate); // not the channels
// The next element for the task, or false when nothing is there. Channels are taken in turn, so
// none starves.
bool tm_gate_poll(struct tm_gate *gate, int64_t now_ns, struct tm_element *element);
