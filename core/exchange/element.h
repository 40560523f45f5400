// What travels in a channel, in order: batches and the control elements between them.
#pragma once

#include "core/batch/batch.h"
#include "core/time/status.h"

enum tm_element_kind {
    TM_ELEMENT_NONE,
    TM_ELEMENT_BATCH,
    TM_ELEMENT_WATERMARK, // no more rows with time <= watermark
    TM_ELEMENT_STATUS,    // idle or active; finished is END
    TM_ELEMENT_END,       // end of input: nothing follows
    TM_ELEMENT_BARRIER,   // a checkpoint: what came before is in it, what follows is not
};

// How an input ended. DRAIN: the data is complete, so watermark MAX came before END and everything
// fires. STOP: the job was stopped; no watermark MAX, nothing fires (SEMANTICS 7). A gate ends with
// STOP if any of its channels did.
enum tm_end { TM_END_DRAIN = 0, TM_END_STOP = 1 };

struct tm_element {
    uint8_t kind;           // enum tm_element_kind
    uint8_t status;         // of STATUS: enum tm_channel_status (ACTIVE, IDLE); of END: enum tm_end
    uint8_t input;          // of BATCH out of a gate: which of its inputs, from 0
    struct tm_batch *batch; // of BATCH: owned by whoever holds the element
    int64_t watermark;      // of WATERMARK, ms
    uint64_t checkpoint;    // of BARRIER: its number, from 1
    int64_t read_ns; // of WATERMARK: when the batch that moved it was read (mono), 0 = unknown
};
