// Who holds event time back. Each task writes down, at rest and now and then, which channel of its
// gate and which split of its source its watermark waits for; from there the question of any
// operator leads from task to task up to the source. Nothing of it is on the way of a row.
#pragma once

#include <stdatomic.h>

#include "core/graph/graph.h"
#include "core/time/status.h"

struct tm_job;
struct tm_task;

enum { TM_SPLIT_NAME_BYTES = 256 }; // with the NUL; of a longer one the end

// What holds the watermark of a part of a task. `from`: channel of the gate or split; -1: none.
struct tm_held {
    int32_t from;
    uint8_t status; // enum tm_channel_status: nobody holds what is idle or finished
    int64_t watermark;
    int64_t since_ms; // wall clock: it has not moved since
    char split[TM_SPLIT_NAME_BYTES];
};

// The same for other threads: words under a version, odd while they are written. One writer.
// Partners: tm__task_publish_held, tm_task_holder.
struct tm_held_cell {
    _Atomic uint32_t version;
    _Atomic uint64_t words[(sizeof(struct tm_held) + 7) / 8];
};
// Of a task: what its gate gives, and what the watermark operator of its chain makes.
struct tm_task_held {
    struct tm_held_cell gate, made;
};

struct tm_holder {
    int64_t watermark; // the operator's: the lowest of its subtasks'; TM_WATERMARK_MIN: none yet
    uint32_t subtask;  // whose it is
    uint8_t status;    // enum tm_channel_status; IDLE and FINISHED: nobody holds it
    int64_t held_at;   // the watermark of what holds it
    int64_t since_ms;  // wall clock: that has not moved since
    int32_t input;     // which input of the operator's task holds it, and
    uint32_t channel;  // which subtask of that; input -1: it is made in the task itself
    const struct tm_node *from;   // the operator that is that input, or NULL
    const struct tm_node *source; // NULL: an operator behind an exchange makes the watermark
    uint32_t source_subtask;
    const struct tm_node *maker;          // the operator :watermark; NULL: there is none
    int32_t split;                        // of the source; -1: it has none, or none of them holds
    char split_name[TM_SPLIT_NAME_BYTES]; // "" where splits have no names
};

// For any thread while the job is there. False: the plan has no such operator. What it says is of
// the last time that the tasks rested, or at most some 100 ms old; in a world of one thread, or
// after the end, it is exact.
bool tm_task_holder(struct tm_job *job, uint32_t node, struct tm_holder *holder);

// The task's own thread: writes down what holds its watermark now.
void tm__task_publish_held(struct tm_task *task);
