// Carries out what the coordinator of checkpoints decides: places on disk, commands to workers,
// manifests, commits of sinks, and what is said about it. What waits for a disk is done by one
// helper thread, in order; everything else on the thread of the job's coordinator.
#pragma once

#include "core/checkpoint/coordinator.h"
#include "core/checkpoint/store.h"
#include "core/cluster/failover.h"
#include "core/task/job.h"

struct tm_keeper;

struct tm_keeper_args {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    const struct tm_log *log;
    struct tm_job *job;
    struct tm_store *store; // open; the keeper's until it is freed
    const char *script;     // text of the job, in each manifest
    const char *settled;    // types settled before the job began; "" where it began anew
    const char *schemas;    // inferred ones (core/task/sample.h); it outlives the keeper
    uint32_t attempt;       // of the job, from 0
    struct tm_waker *waker; // of the coordinator's thread
    int64_t interval_ms, timeout_ms;
    // How often a commit, and the checkpoint at the end of the input, is tried again.
    struct tm_restart_policy retry;
};

// What the last one came to, for people; savepoints do not count.
struct tm_keeper_figures {
    uint64_t checkpoint; // the newest that is complete; 0: none in this attempt
    int64_t completed_ms, duration_ms;
    uint64_t bytes; // that it has written
    uint64_t completed, failed;
    uint64_t overtaken;    // how many of them have rows in flight
    uint64_t flight_bytes; // of the newest
    uint64_t committed;    // the newest whose output is visible; 0: none in this attempt
};

// Nothing is begun before tm_keeper_start.
int tm_keeper_new(const struct tm_keeper_args *args, struct tm_keeper **keeper,
                  struct tm_error *err) TM_WARN_UNUSED;
// Waits for what the helper thread is doing. After the workers have ended.
void tm_keeper_free(struct tm_keeper *keeper);

void tm_keeper_start(struct tm_keeper *keeper); // all workers run
void tm_keeper_stop(struct tm_keeper *keeper);  // the job fails or is cancelled
// Types have been settled: they belong to every checkpoint from now on. TM_E_MEMORY.
int tm_keeper_settled(struct tm_keeper *keeper, const char *text, size_t length) TM_WARN_UNUSED;
// Sources are told to end as if they had no more to read: nothing is begun before the last one, and
// no savepoint is taken any more.
void tm_keeper_drain(struct tm_keeper *keeper);
// The last one: tm_keeper_is_saved says when it is over, with its commits.
void tm_keeper_save(struct tm_keeper *keeper, enum tm_checkpoint_purpose purpose);
bool tm_keeper_is_unused(const struct tm_keeper *keeper); // none has been begun
bool tm_keeper_is_saved(const struct tm_keeper *keeper);
// What must be saved cannot be, and is not tried again: the job fails by this; NULL: nothing such.
const struct tm_error *tm_keeper_failure(const struct tm_keeper *keeper);
// What a savepoint came to: it lies in `path`, durable and whole, or `err` says why not. Called
// once for each that was accepted, at the latest by tm_keeper_free.
typedef void tm_keeper_told(void *arg, uint64_t checkpoint, const char *path,
                            const struct tm_error *err);
// One at a time, as soon as there is room. At `path`, absolute, which must not be there; NULL: in
// savepoints/ of the job's folder. TM_E_SAVEPOINT: not now, or not any more.
int tm_keeper_savepoint(struct tm_keeper *keeper, const char *path, tm_keeper_told *told, void *arg,
                        struct tm_error *err) TM_WARN_UNUSED;
// WRITTEN and DECLINED are for the keeper, others are nothing to it.
void tm_keeper_event(struct tm_keeper *keeper, struct tm_event *event);
// What has become due or has been done by the helper. True: there was something.
bool tm_keeper_turn(struct tm_keeper *keeper);
int64_t tm_keeper_deadline_ns(const struct tm_keeper *keeper);
struct tm_keeper_figures tm_keeper_figures(const struct tm_keeper *keeper);
