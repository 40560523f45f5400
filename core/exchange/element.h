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
};

struct tm_element {
    uint8_t kind;           // enum tm_element_kind
    uint8_t status;         // of STATUS: enum tm_channel_status (ACTIVE, IDLE)
    struct tm_batch *batch; // of BATCH: owned by whoever holds the element
    int64_t watermark;      // of WATERMARK, ms
    int64_t read_ns; // of WATERMARK: when the batch that moved it was read (mono), 0 = unknown
};
