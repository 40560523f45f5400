// When checkpoints are taken and what becomes of them (SEMANTICS 11). Pure: no clock, thread or
// file; the caller gives the time, the environment carries out what is decided and comes back with
// what became of it.
//
// One is begun at an interval, on demand, before a stop and at the end of the input. It collects an
// acknowledgement of each task, is published, and then complete: tasks are told, sinks commit. It
// is given up when a task declines, when it takes too long, or when a newer one has all its
// acknowledgements.
// A failure is an alarm and nothing else. The one at the end of the input is tried again until it
// succeeds, because without it the last rows are never seen, or until the environment gives it up.
#pragma once

#include "core/base/error.h"
#include "core/base/mem.h"
#include "core/checkpoint/purpose.h"

enum { TM_CHECKPOINTS_AT_ONCE_MAX = 8 };

enum tm_checkpoint_end {
    TM_CHECKPOINT_COMPLETE,
    TM_CHECKPOINT_DECLINED, // a task could not take part, or it could not be begun
    TM_CHECKPOINT_EXPIRED,
    TM_CHECKPOINT_SUBSUMED,    // a newer one is whole, or the last one is being taken
    TM_CHECKPOINT_UNPUBLISHED, // its manifest could not be made durable
};

struct tm_checkpoints_env {
    void *arg;
    // Make a place for it and tell the tasks.
    void (*begin)(void *arg, uint64_t checkpoint, enum tm_checkpoint_purpose purpose);
    // All tasks have acknowledged: tm_checkpoints_published tells what became of it, in the order
    // of these calls.
    void (*publish)(void *arg, uint64_t checkpoint, enum tm_checkpoint_purpose purpose);
    // Over. COMPLETE: it is durable; tasks and sinks are to know. Else tasks are to forget it, and
    // its place goes; `why` says what happened, NULL where that is in `end`.
    void (*end)(void *arg, uint64_t checkpoint, enum tm_checkpoint_purpose purpose,
                enum tm_checkpoint_end end, const struct tm_error *why);
    // The one at the end of the input was not taken: ns until it is tried again; negative: it is
    // given up, and the job is to fail. NULL: a second.
    int64_t (*retry)(void *arg, const struct tm_error *why);
};

struct tm_checkpoints_args {
    int64_t interval_ns, timeout_ns; // interval 0: only on demand
    int64_t pause_ns;                // at least between the end of one and the begin of the next
    uint32_t at_once;                // at most so many under way, 1 to TM_CHECKPOINTS_AT_ONCE_MAX
    uint32_t tasks;
    uint32_t attempt; // acknowledgements of other attempts of the job count for nothing
    uint64_t next;    // number of the first one
    int64_t now_ns;
};

struct tm_checkpoint_under_way {
    uint64_t checkpoint; // 0: none
    enum tm_checkpoint_purpose purpose;
    bool publishing;
    int64_t begun_ns;
    uint32_t acknowledged;
    uint8_t *tasks; // by task: has acknowledged
};

struct tm_checkpoints {
    struct tm_checkpoints_env env;
    struct tm_checkpoints_args args;
    struct tm_mem *mem;
    uint64_t next, completed; // completed: the newest; 0: none yet
    int64_t last_begun_ns, last_ended_ns;
    struct tm_checkpoint_under_way under_way[TM_CHECKPOINTS_AT_ONCE_MAX]; // oldest first
    uint32_t count;
    uint32_t failures; // since the last that was completed
    bool savepoint;    // asked for and not begun
    bool last, over;   // the last is to be taken; has been
    bool stopped;      // nothing is begun any more
    bool draining;     // nothing but the last one is
    enum tm_checkpoint_purpose last_purpose;
    int64_t retry_ns; // the last one is not begun before
};

int tm_checkpoints_init(struct tm_checkpoints *checkpoints, const struct tm_checkpoints_env *env,
                        const struct tm_checkpoints_args *args, struct tm_mem *mem) TM_WARN_UNUSED;
void tm_checkpoints_fini(struct tm_checkpoints *checkpoints);

// Time has passed: begins what is due, gives up what takes too long.
void tm_checkpoints_tick(struct tm_checkpoints *checkpoints, int64_t now_ns);
// When that must be called; INT64_MAX: only after something else.
int64_t tm_checkpoints_deadline_ns(const struct tm_checkpoints *checkpoints);
// One now, apart from the interval: as soon as there is room.
void tm_checkpoints_savepoint(struct tm_checkpoints *checkpoints, int64_t now_ns);
bool tm_checkpoints_savepoint_is_under_way(const struct tm_checkpoints *checkpoints);
// The last one, for STOP or END; what is under way and not yet being published is given up.
// tm_checkpoints_is_over says when it is there, or (STOP) given up.
void tm_checkpoints_last(struct tm_checkpoints *checkpoints, enum tm_checkpoint_purpose purpose,
                         int64_t now_ns);
bool tm_checkpoints_is_over(const struct tm_checkpoints *checkpoints);
// Sources are told to end as if they had no more to read, and event time goes to its end. A
// checkpoint in between would have that time, and who went on from it the rest of the input behind
// it: none is begun before the last one, and what waits for tasks is given up.
void tm_checkpoints_drain(struct tm_checkpoints *checkpoints, int64_t now_ns);
// The job fails or is cancelled: nothing is begun any more, and what is under way is not published.
void tm_checkpoints_stop(struct tm_checkpoints *checkpoints);

// A task has written its part. True: it counts, and is wanted.
bool tm_checkpoints_acknowledge(struct tm_checkpoints *checkpoints, uint64_t checkpoint,
                                uint32_t task, uint32_t attempt, int64_t now_ns);
void tm_checkpoints_decline(struct tm_checkpoints *checkpoints, uint64_t checkpoint,
                            uint32_t attempt, const struct tm_error *why, int64_t now_ns);
// What publishing has come to: 0, or the code of `why`.
void tm_checkpoints_published(struct tm_checkpoints *checkpoints, uint64_t checkpoint, int code,
                              const struct tm_error *why, int64_t now_ns);
