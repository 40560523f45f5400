// Messages between the coordinator and the workers of a job. Allocated from the job's shared
// account, freed by the receiver.
#pragma once

#include "core/base/culprit.h"
#include "core/base/mem.h"
#include "core/checkpoint/purpose.h"
#include "core/checkpoint/written.h"
#include "core/loop/mailbox.h"

enum tm_command_kind {
    TM_COMMAND_BEGIN,   // all tasks of the job are open, sinks have begun: tasks have their turns
    TM_COMMAND_SETTLED, // `text`: types to apply; tasks that waited for it go on
    TM_COMMAND_STOP,    // sources end without draining
    TM_COMMAND_DRAIN,   // sources end as at the end of their input
    TM_COMMAND_CANCEL,  // drop everything
    TM_COMMAND_EXIT,    // every task of the job is done
    // Take part in `checkpoint`, for `purpose`. `text`: the folder of its data files and, behind a
    // NUL, what the manifest calls it (struct tm_checkpoint_place); "" for TM_PURPOSE_CLOSE.
    TM_COMMAND_CHECKPOINT,
    TM_COMMAND_ABORT,    // `checkpoint` is given up
    TM_COMMAND_COMPLETE, // `checkpoint` is durable: later ones are written against it
    TM_COMMAND_ASK,      // `text`: struct tm_question
    TM_COMMAND_TELL,     // say what your tasks do; `checkpoint`: the number of the question
};

// Coordinator to worker.
struct tm_command {
    struct tm_message message; // first
    struct tm_mem *mem;
    enum tm_command_kind kind;
    uint64_t checkpoint;
    enum tm_checkpoint_purpose purpose;
    int64_t given_ns; // of CHECKPOINT (mono)
    size_t length;
    char text[];
};

enum tm_event_kind {
    TM_EVENT_READY,         // a worker evaluated the script, opened its tasks, restored them
    TM_EVENT_TASK_FINISHED, // a task passed on END and flushed
    TM_EVENT_FAILED,        // a worker or task failed: `error`
    TM_EVENT_PROPOSAL,      // a task wants types settled: `text`
    TM_EVENT_EXITED,        // a worker's thread is about to end
    TM_EVENT_WRITTEN,       // what `task` gives to `checkpoint` is durable: `part`, NULL: nothing
    TM_EVENT_DECLINED,      // `task` cannot take part in `checkpoint`: `error`
    TM_EVENT_ANSWER,        // to the question of the number `checkpoint`: `text`, or `error`
    TM_EVENT_TOLD,          // the same to TELL: `told`, or nothing
};

// What a task has written of a checkpoint, shared by the task, which writes the next one against
// it, and who publishes it.
struct tm_part {
    _Atomic uint32_t holders;
    struct tm_mem *mem;
    struct tm_written *written;
};
struct tm_part *tm_part_new(struct tm_mem *mem, struct tm_written *written) TM_WARN_UNUSED;
struct tm_part *tm_part_ref(struct tm_part *part);
void tm_part_unref(struct tm_part *part); // NULL is fine

// Worker to coordinator.
struct tm_told;
struct tm_graph;
struct tm_event {
    struct tm_message message; // first
    struct tm_mem *mem;
    enum tm_event_kind kind;
    uint32_t worker;
    struct tm_error error;        // of FAILED, DECLINED
    struct tm_culprit culprit;    // of FAILED, where user code failed on something
    uint64_t checkpoint;          // of WRITTEN, DECLINED
    uint32_t task;                // its number in the job
    struct tm_part *part;         // of WRITTEN: a reference; who takes it leaves NULL
    struct tm_told *told;         // of TOLD: who takes it leaves NULL
    const struct tm_graph *graph; // of TOLD, to free it
    size_t length;
    char text[];
};

// NULL: out of memory. `text` may be NULL when length is 0.
struct tm_command *tm_command_new(struct tm_mem *mem, enum tm_command_kind kind, const char *text,
                                  size_t length) TM_WARN_UNUSED;
struct tm_event *tm_event_new(struct tm_mem *mem, enum tm_event_kind kind, uint32_t worker,
                              const char *text, size_t length) TM_WARN_UNUSED;
void tm_command_free(struct tm_command *command);
void tm_event_free(struct tm_event *event);
