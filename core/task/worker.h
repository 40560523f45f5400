// A worker: one thread, one Lua state, its tasks in a run queue. The same turns run in a thread of
// its own (tm_worker_run) or one by one under a seeded scheduler (tm_worker_start, tm_worker_turn).
#pragma once

#include "core/task/job.h"
#include "core/task/watch.h"

struct tm_worker {
    struct tm_job *job;
    uint32_t index;
    struct tm_mem mem;
    struct tm_vm *vm;
    struct tm_waker waker;
    struct tm_mailbox commands;
    struct tm_task **tasks;
    uint32_t task_count;
    uint32_t next;       // round robin
    uint32_t unfinished; // tasks
    uint32_t settled;    // how often its Lua state was told of types
    bool started;        // its tasks are open
    bool has_begun;      // and have their turns
    bool cancelled, exited;
    bool tends;                     // there has been a checkpoint: its tasks have to be tended
    struct tm_watch_slot *watch;    // what its thread does; never NULL once it has started
    struct tm_watch_slot unwatched; // of a job that nobody watches
    struct tm_executor *executor;   // writes what its tasks give to checkpoints; NULL: nothing yet
    struct tm_thread *thread;
    struct tm_culprit culprit; // of the failure that ends it
};

enum tm_turn {
    TM_TURN_PROGRESS, // something was done: call again
    TM_TURN_IDLE,     // nothing to do before a wake-up or the deadline
    TM_TURN_EXIT,     // over: the worker needs no more turns
};

// On the worker's own thread, first: makes the Lua state, evaluates the script, opens the tasks;
// posts READY or FAILED. Tasks have no turn before TM_COMMAND_BEGIN.
void tm_worker_start(struct tm_worker *worker);
// One turn: commands, then one task. `pick` chooses the task among those unfinished (modulo);
// UINT32_MAX: round robin.
enum tm_turn tm_worker_turn(struct tm_worker *worker, uint32_t pick);
// When an idle worker must be given a turn (mono ns), unless woken before.
int64_t tm_worker_deadline_ns(struct tm_worker *worker);
// Everything in a loop until EXIT: the body of the thread.
void tm_worker_run(void *worker);
// Frees tasks and the Lua state; on the worker's thread, before EXITED is posted.
void tm_worker_stop(struct tm_worker *worker);
