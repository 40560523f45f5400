// Messages between the coordinator and the workers of a job. Allocated from the job's shared
// account, freed by the receiver.
#pragma once

#include "core/base/mem.h"
#include "core/loop/mailbox.h"

enum tm_command_kind {
    TM_COMMAND_SETTLED, // `text`: types to apply; tasks that waited for it go on
    TM_COMMAND_STOP,    // sources end without draining
    TM_COMMAND_CANCEL,  // drop everything
    TM_COMMAND_EXIT,    // every task of the job is done
};

// Coordinator to worker.
struct tm_command {
    struct tm_message message; // first
    struct tm_mem *mem;
    enum tm_command_kind kind;
    size_t length;
    char text[];
};

enum tm_event_kind {
    TM_EVENT_READY,         // a worker evaluated the script and opened its tasks
    TM_EVENT_TASK_FINISHED, // a task passed on END and flushed
    TM_EVENT_FAILED,        // a worker or task failed: `error`
    TM_EVENT_PROPOSAL,      // a task wants types settled: `text`
    TM_EVENT_EXITED,        // a worker's thread is about to end
};

// Worker to coordinator.
struct tm_event {
    struct tm_message message; // first
    struct tm_mem *mem;
    enum tm_event_kind kind;
    uint32_t worker;
    struct tm_error error; // of FAILED
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
