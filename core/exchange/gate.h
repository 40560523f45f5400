// The input gate of a task: merges its channels (of one or several edges) into one sequence of
// elements. Watermarks and statuses go through the valve (core/time/valve.h); END appears once,
// after the last channel's, preceded by watermark MAX. A barrier appears once, when all channels
// that have not ended, of all inputs, have given theirs (aligner.h).
//
// An operator whose inputs have schemas of their own has a gate of several inputs: each has a valve
// over its channels, and the watermark is the least of the inputs that are not idle. An input that
// is active again and behind holds the watermark until it has caught up (SEMANTICS 6).
#pragma once

#include "core/exchange/channel.h"

struct tm_gate;
enum { TM_GATE_INPUTS_MAX = 2 };

// The channels of input 0 first, counts[0] of them, then those of the next; at most
// TM_GATE_INPUTS_MAX inputs, none without a channel.
struct tm_gate *tm_gate_new(struct tm_mem *mem, struct tm_channel *const *channels,
                            const uint32_t *counts, uint32_t inputs) TM_WARN_UNUSED;
// The input has no time: it holds no watermark back, and the others alone say what is idle or over.
void tm_gate_ignore_time(struct tm_gate *gate, uint32_t input);
void tm_gate_free(struct tm_gate *gate); // not the channels
// The watermark that its channels have come to; TM_WATERMARK_MIN: none.
int64_t tm_gate_watermark(const struct tm_gate *gate);
// Of one input, and whether that has gone on without a channel (a number in tm_gate_new).
int64_t tm_gate_input_watermark(const struct tm_gate *gate, uint32_t input);
bool tm_gate_is_behind(const struct tm_gate *gate, uint32_t channel);
// It begins where an earlier gate had come to: watermarks that are not above it are not given. The
// caller tells those behind it of this one. Then, of each input and of channels that were behind,
// the same.
void tm_gate_begin_at(struct tm_gate *gate, int64_t watermark);
void tm_gate_begin_input_at(struct tm_gate *gate, uint32_t input, int64_t watermark);
void tm_gate_begin_behind(struct tm_gate *gate, uint32_t channel);
// The checkpoint is given up: no channel waits for its barrier.
void tm_gate_abort(struct tm_gate *gate, uint64_t checkpoint);
// The checkpoint whose barriers some channels wait for, and since when (mono ns); 0: none.
uint64_t tm_gate_aligning(const struct tm_gate *gate, int64_t *since_ns);
// Barriers may overtake what stands in this channel (a number in tm_gate_new); else they wait.
void tm_gate_let_overtake(struct tm_gate *gate, uint32_t channel);
// Is everything there for the checkpoint to overtake: of each channel its barrier has been taken,
// or shows in the channel where it may overtake, or the end does? Asked again and again while a
// checkpoint is due. Where all channels come to their end other subtasks may have passed that on
// already, and an end is in a checkpoint for all of them or for none.
enum tm_gate_can { TM_GATE_CANNOT, TM_GATE_CAN, TM_GATE_CAN_IF_NONE_ENDED };
enum tm_gate_can tm_gate_can_overtake(const struct tm_gate *gate, uint64_t checkpoint);
// Is there something that the channels have said and the task has not taken? It goes first.
bool tm_gate_has_said(const struct tm_gate *gate);
// The barrier is the task's now, and is not given by tm_gate_poll: after tm_gate_can_overtake said
// yes and tm_gate_has_said no. What it overtakes is shown, channel by channel, in order, and stays.
// As tm_channel_overtake; `visit` NULL: nobody wants to know.
typedef int tm_gate_visit(void *arg, uint32_t channel, const struct tm_element *element);
int tm_gate_overtake(struct tm_gate *gate, uint64_t checkpoint, tm_gate_visit *visit,
                     void *arg) TM_WARN_UNUSED;
// What stood in a channel when the checkpoint was taken that the job begins with: as if it came out
// of that channel now, where nothing has been said that waits. True: *element is for the task.
bool tm_gate_replay(struct tm_gate *gate, uint32_t channel, int64_t now_ns,
                    struct tm_element *element);
// The channel's input, and how many channels there are.
uint32_t tm_gate_input_of(const struct tm_gate *gate, uint32_t channel);

// Who holds back the watermark that the gate gives. Of a gate with a stopped input: who held it
// when that stopped.
struct tm_gate_holder {
    enum tm_channel_status status; // of the gate; ACTIVE: `channel` holds, else it is -1
    int32_t channel;               // number in tm_gate_new
    int64_t watermark;             // of that channel
    int64_t since_ns;              // it has not moved (mono)
};
struct tm_gate_holder tm_gate_held_by(const struct tm_gate *gate);
// The next element for the task, or false when nothing is there. Channels are taken in turn, so
// none starves.
bool tm_gate_poll(struct tm_gate *gate, int64_t now_ns, struct tm_element *element);
