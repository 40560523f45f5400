// A task's part in checkpoints: it puts or passes on barriers, collects what its operators have in
// a cut, has the cut written by a helper thread, and keeps the last completed one, against which
// the next is written. All of it on the task's own thread but the writing. Private to core/task.
#pragma once

#include "core/task/control.h"

struct tm_task;
struct tm_operator;
struct tm_element;
struct tm_node;

enum { TM_TASK_PART_MAX = 32 };

// What a task gives to one checkpoint: from the barrier until it is neither the last completed one
// nor written against any more.
struct tm_task_cut {
    struct tm_work work; // first
    struct tm_task *task;
    uint64_t checkpoint;
    enum tm_checkpoint_purpose purpose;
    struct tm_cut *cut;
    int64_t overtakes_ns; // from then on its barrier waits for nothing (mono); INT64_MAX: never
    bool whole;           // all of the task is in it
    bool writing;         // the helper thread has it
    bool told;            // the coordinator knows what became of it
    bool completed;       // the checkpoint is durable
    bool dropped;         // nobody needs it any more
    bool freeing;         // it is being freed, a step at a time
    char *place;          // folder, NUL, name, NUL; NULL: the command that says has not come yet
    size_t place_size;
    struct tm_task_cut *base; // completed: what it is written against; NULL: it is written whole
    uint32_t users;           // cuts that are written against this one
    struct tm_part *part;     // what was written; NULL: nothing yet
    int code;                 // of writing
    struct tm_error err;
    _Atomic int cancel; // partner: the writer's loads
    struct tm_task_cut *next;
};

// A checkpoint that the coordinator has asked for and whose barrier has not been seen.
struct tm_task_asked {
    uint64_t checkpoint;
    enum tm_checkpoint_purpose purpose;
    int64_t overtakes_ns; // as of the cut
    char *place;
    size_t place_size;
};

struct tm_task_checkpoints {
    struct tm_task_asked *asked; // in order; NULL: none has ever been
    uint32_t asked_count;
    uint64_t newest;                // begun here, or given up
    uint64_t told;                  // the newest that was asked for
    struct tm_task_cut *collecting; // its barrier is on its way through the operators
    struct tm_task_cut *cuts;       // all, also the one collected
    struct tm_task_cut *base;       // the last completed
    bool holds;                     // the last barrier of a job that stops is out: no more is read
    bool frees;                     // some are being freed
    bool declined;                  // of `collecting`: an operator could not take part
};

// Commands of the coordinator.
int tm__task_ask(struct tm_task *task, const struct tm_command *command,
                 struct tm_error *err) TM_WARN_UNUSED;
void tm__task_give_up(struct tm_task *task, uint64_t checkpoint);
void tm__task_complete(struct tm_task *task, uint64_t checkpoint);

// Is a checkpoint waiting for this source to put its barrier into the chain?
static inline bool tm__task_is_asked(const struct tm_task_checkpoints *checkpoints)
{
    return checkpoints->asked_count != 0;
}
// Is there one asked for, or on its way through the operators?
static inline bool tm__task_is_busy(const struct tm_task_checkpoints *checkpoints)
{
    return checkpoints->asked_count != 0 || checkpoints->collecting != NULL;
}
// Is there a barrier that waits no longer: on its way through the operators, or of the oldest one
// asked for, to be put by a source or to be had from the gate?
bool tm__task_may_overtake(struct tm_task *task);
// May the end of the gate's input be passed on? Not while another subtask gives to a checkpoint as
// one whose end is still to come, and this one has not given to it: then that goes first.
bool tm__task_may_end(struct tm_task *task);
// When there will be one (mono ns), if it is late; INT64_MAX: it is late already, or nothing waits.
int64_t tm__task_overtakes_ns(const struct tm_task *task);
// That barrier out of the gate, past what stands in its channels, which goes into the cut.
int tm__task_overtake(struct tm_task *task, struct tm_error *err) TM_WARN_UNUSED;
// The barrier of the oldest one asked for, into the first slot; with the source's positions.
int tm__task_put_barrier(struct tm_task *task, struct tm_error *err) TM_WARN_UNUSED;
// The gate has given this barrier.
int tm__task_begin_cut(struct tm_task *task, uint64_t checkpoint,
                       struct tm_error *err) TM_WARN_UNUSED;
// The barrier has left an operator (that was open or not), or has been swallowed by it.
int tm__task_cut_operator(struct tm_task *task, uint32_t index, bool passed,
                          struct tm_error *err) TM_WARN_UNUSED;
// The barrier has left the last stage.
int tm__task_end_cut(struct tm_task *task, struct tm_error *err) TM_WARN_UNUSED;
// What is being collected cannot be had: an event for the coordinator says why.
int tm__task_decline(struct tm_task *task, const struct tm_error *why) TM_WARN_UNUSED;

// Once a turn of the worker: what was written is told, what is not needed goes. 1: there was
// something to do.
int tm__task_tend(struct tm_task *task, struct tm_error *err) TM_WARN_UNUSED;
// Nothing is being written any more.
void tm__task_free_cuts(struct tm_task *task);

// core/task/cut_write.c.
struct tm_task_cut *tm__task_cut_new(struct tm_task *task, uint64_t checkpoint) TM_WARN_UNUSED;
int tm__task_write_cut(struct tm_task *task, struct tm_task_cut *cut,
                       struct tm_error *err) TM_WARN_UNUSED;
// What is dropped and not used is to be freed.
void tm__task_sweep_cuts(struct tm_task *task);
bool tm__task_free_some(struct tm_task *task);                  // true: there was something
int tm__task_tell_written(struct tm_task *task) TM_WARN_UNUSED; // 1: something was told

// The name of a part that each node has, in `text`: operators that are one to users, a window and
// the functions behind it, have one name (tm_node.whole), and each its own parts.
const char *tm__task_part(const struct tm_task *task, const struct tm_node *node, const char *part,
                          char text[TM_TASK_PART_MAX]);

// core/task/resume.c: what the task itself, whatever its operators are, has in a cut: counters,
// metrics of users, watermarks, whether its input has ended.
int tm__task_cut_self(struct tm_task *task, struct tm_cut *cut) TM_WARN_UNUSED;
// When operators and outputs are there: what the checkpoint says of the task and its operators.
int tm__task_resume(struct tm_task *task, struct tm_error *err) TM_WARN_UNUSED;
// Had the node's input ended in that? What it does at its end it has done then.
bool tm__task_node_had_ended(const struct tm_task *task, const struct tm_node *node);
// An operator that has been opened by its first row.
int tm__task_resume_operator(struct tm_task *task, uint32_t index,
                             struct tm_error *err) TM_WARN_UNUSED;
