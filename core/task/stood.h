// Where event time stood in the old subtasks of an operator when the checkpoint was taken that the
// job begins with. A barrier that overtakes leaves watermarks behind it as well as rows: one
// subtask may be far in front of another. Private to core/task; on the task's own thread.
//
// What was said of time was said to all subtasks, where rows are spread by key, by a column or in
// turn: what one has come to is on its way to the others, in front of the barrier, and so in front
// of all that comes behind the rows in flight. Not where each subtask is fed by one of its own:
// then the least of them is all that is known, and counts for all.
#pragma once

#include "core/base/error.h"
#include "core/time/status.h"

struct tm_node;
struct tm_task;

struct tm_task_stood {
    int64_t *at; // by old subtask
    uint32_t count, capacity;
    int64_t least, most; // TM_WATERMARK_MIN: nothing is known
};

// Of a node that was the first of its task; of others nothing is known. The caller frees it, in any
// case.
int tm__task_stood_read(struct tm_task *task, const struct tm_node *node,
                        struct tm_task_stood *stood, struct tm_error *err) TM_WARN_UNUSED;
void tm__task_stood_free(struct tm_task *task, struct tm_task_stood *stood);
static inline int64_t tm__task_stood_of(const struct tm_task_stood *stood, uint32_t old_subtask)
{
    return old_subtask < stood->count ? stood->at[old_subtask] : stood->least;
}

// Items of a task in a checkpoint (resume.c writes them).
// Of each node ("watermark"), which may stand in another chain at another parallelism; and of a
// task ("task"), under the name of its first node.
struct tm__task_record {
    int64_t watermark; // of the node, of the task's gate
    uint64_t ended;    // END had left its task; not in those of old
};
// Of an edge that leads to its gate ("inputs"): this, a byte for each channel, which says whether
// it is behind, and the name of the node that it comes from.
struct tm__task_edge_record {
    int64_t watermark; // of the edge's input
    uint64_t channels;
};
