// What the threads of a job tell about themselves to whoever watches them, another process as a
// rule: which operator each of them is in and since when. Two or three stores a step, nothing per
// row. Where a process has ended inside an operator again and again, the row that it is in is told
// too, and rows that are known to end it are told to the job (singles.c).
//
// Plain data without pointers, for memory that processes share; all of it zero at first.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "core/base/limits.h"

struct tm_graph;
struct tm_plan;

enum tm_watch_doing {
    TM_WATCH_STEPS,    // an operator, on a batch or on what comes between batches
    TM_WATCH_READS,    // a source; waits for disks, so it has no bound
    TM_WATCH_RESTORES, // an operator takes what a checkpoint has of it; as long as it needs
    TM_WATCH_MIGRATES, // one value of that is with a function of the script
};

enum { TM_WATCH_NAME = 96, TM_WATCH_WHERE = 160, TM_WATCH_CULPRITS = 64 };

// Of one worker thread, which writes it; others read. A cache line of its own.
struct tm_watch_slot {
    _Alignas(64) _Atomic int64_t since_ns; // mono, when the step began; 0: between two
    _Atomic uint64_t steps;                // begun so far
    _Atomic uint32_t node;                 // the operator's first
    _Atomic uint32_t doing;                // enum tm_watch_doing
    // The one row that the step is about: as in struct tm_watch_culprit. Length 0: none.
    _Atomic uint32_t row_length, row_is_timer;
    _Atomic uint64_t row_hash;
};

// What an operator is called, for messages of a process that has no graph.
struct tm_watch_node {
    char name[TM_WATCH_NAME], last_name[TM_WATCH_NAME]; // of the first and the last one of a run
    char verb[32], where[TM_WATCH_WHERE];
};

// A row that an operator did not come back from, known by its bytes.
struct tm_watch_culprit {
    uint32_t node;
    uint32_t is_timer; // of a process: its key, time and name are the row
    uint64_t hash;     // of its bytes
    uint32_t length;   // their number
    int32_t signal;    // that ended the process; 0: the step took longer than allowed
    int64_t timeout_ms;
};

struct tm_watch {
    // By the watcher, while there is no job; `one_by_one` also by the job, which ends it.
    _Atomic uint32_t one_by_one; // operators get batches of one row, and tell which
    uint32_t culprit_count;
    struct tm_watch_culprit culprits[TM_WATCH_CULPRITS];
    // By the job.
    _Atomic uint32_t worker_count;
    struct tm_watch_node nodes[TM_NODES_MAX];
    struct tm_watch_slot slots[TM_PARALLELISM_MAX];
};

// The names of a job's operators, and that so many threads will tell. Before they start.
void tm_watch_job(struct tm_watch *watch, const struct tm_graph *graph, uint32_t workers);
// Nodes that are one operator: its last is called so.
void tm_watch_run(struct tm_watch *watch, uint32_t first, const char *last_name);
// NULL: the row is not one of those.
const struct tm_watch_culprit *tm_watch_find(const struct tm_watch *watch, uint32_t node,
                                             const void *row, uint32_t length);
// Has the node any?
int tm_watch_suspects(const struct tm_watch *watch, uint32_t node);

// By the slot's thread.
static inline void tm_watch_begin(struct tm_watch_slot *slot, enum tm_watch_doing doing,
                                  uint32_t node, int64_t now_ns)
{
    atomic_store_explicit(&slot->node, node, memory_order_relaxed);
    atomic_store_explicit(&slot->doing, doing, memory_order_relaxed);
    atomic_store_explicit(&slot->steps,
                          atomic_load_explicit(&slot->steps, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    // Partner: the watcher's acquire, which then sees what was stored before.
    atomic_store_explicit(&slot->since_ns, now_ns, memory_order_release);
}
static inline void tm_watch_end(struct tm_watch_slot *slot)
{
    atomic_store_explicit(&slot->since_ns, 0, memory_order_relaxed);
}
