// Which channels of a gate wait for a barrier (SEMANTICS 11.3). Pure: no clock, no channel; the
// gate asks before it takes from a channel and tells what it took.
//
// The first barrier of a checkpoint blocks its channel until all open channels, of all inputs, have
// theirs; an end counts as every barrier. A barrier of an older checkpoint is ignored. One of a
// newer checkpoint gives up the older, whose blocked channels stay blocked for none: they are
// released.
//
// A checkpoint that must not wait any longer *overtakes*: its barriers are taken from wherever they
// stand in their channels, all at once, and what stood before them is the caller's to keep.
#pragma once

#include "core/base/mem.h"

struct tm_aligner {
    struct tm_mem *mem;
    uint32_t count, open; // channels; those that have not ended
    uint64_t checkpoint;  // being aligned, or the last one that was; 0: none yet
    uint64_t skipped;     // bit i: checkpoint + 1 + i was given up before it began here
    uint32_t arrived;     // its barriers; 0: none is being aligned
    int64_t since_ns;     // when the first of them came (the caller's clock)
    uint8_t *state;       // by channel: enum tm_aligner_channel
};

enum tm_aligner_channel { TM_ALIGNER_OPEN = 0, TM_ALIGNER_BLOCKED, TM_ALIGNER_ENDED };

enum tm_aligned {
    TM_ALIGN_NONE,     // nothing for the task
    TM_ALIGN_COMPLETE, // the barrier of aligner->checkpoint goes to the task now
};

int tm_aligner_init(struct tm_aligner *aligner, struct tm_mem *mem,
                    uint32_t channels) TM_WARN_UNUSED;
void tm_aligner_fini(struct tm_aligner *aligner);
// May the gate take from this channel? Not from one that waits, nor from one that has ended.
static inline bool tm_aligner_may_take(const struct tm_aligner *aligner, uint32_t channel)
{
    return aligner->state[channel] == TM_ALIGNER_OPEN;
}
enum tm_aligned tm_aligner_barrier(struct tm_aligner *aligner, uint32_t channel,
                                   uint64_t checkpoint, int64_t now_ns);
enum tm_aligned tm_aligner_end(struct tm_aligner *aligner, uint32_t channel);
// Can this checkpoint still be completed here, or has it been, or is it given up?
bool tm_aligner_is_open(const struct tm_aligner *aligner, uint64_t checkpoint);
// Is its barrier still to be taken from this channel? Not from one that has ended.
static inline bool tm_aligner_waits_for(const struct tm_aligner *aligner, uint32_t channel,
                                        uint64_t checkpoint)
{
    return aligner->state[channel] == TM_ALIGNER_OPEN ||
           (aligner->state[channel] == TM_ALIGNER_BLOCKED && aligner->checkpoint != checkpoint);
}
// All barriers of an open checkpoint have been taken, in whatever order: it is complete, what
// waited is released.
void tm_aligner_overtake(struct tm_aligner *aligner, uint64_t checkpoint);
// The checkpoint is given up: its channels are released. One that has not begun will be skipped.
// What is 64 older than one that is given up was decided long ago: it is given up too.
void tm_aligner_abort(struct tm_aligner *aligner, uint64_t checkpoint);
