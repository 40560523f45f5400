// The test kit: a job as it runs in production (its plan, operators, generated code, partitioners
// and tasks) in one thread, with sources that the test feeds, sinks that keep what they get, and a
// clock that the test moves. After each push, watermark and move of the clock the job runs until
// nobody has anything left to do, so every row that comes out has a cause: their number.
#pragma once

#include "core/base/buf.h"
#include "core/kit/drive.h"
#include "core/kit/heaps.h"
#include "core/kit/watched.h"
#include "core/kit/world.h"

// A test under a seed: who of the job has a turn is drawn, its subtasks too where the test does not
// say how many. With `kills` the job dies at drawn turns and begins again from a checkpoint taken
// before, with what happened since happening once more; rows that were taken by then must come as
// they came (TM_E_TEST_REPLAY).
struct tm_kit_trial {
    uint64_t seed;
    bool kills;
    uint64_t tests, checkpoints, deaths, rescales; // counted over all of them
};

struct tm_kit_args {
    const struct tm_fx *real;                     // files and memory
    const struct tm_connector *const *connectors; // of production: replaced by name
    const char *path;                             // of the job, as messages name it
    const char *text;                             // NULL: read `path`
    size_t length;
    bool program; // the text is a job that a spec built
    const char *const *set_names, *const *set_values;
    uint32_t set_count;
    uint32_t parallelism;       // 0: 1, or what is drawn
    struct tm_kit_trial *trial; // NULL: none
    struct tm_heaps *heaps;     // of Lua states, shared by all tests of a thread; NULL: none
    struct tm_kit_watch *watch; // shared by them too; told what the job does. NULL: nobody asks
    uint64_t seed;
    int64_t now_ms;
    bool job_watermarks; // the job's own `watermark` makes them; else only the test does
    bool job_clock; // timers of the clock fire when their millisecond is over, as in production
};

// A row that reached a sink.
struct tm_kit_row {
    uint64_t cause;
    uint32_t node, subtask;
    uint8_t kind;             // enum tm_row_kind
    int64_t time;             // event time; INT64_MIN: none
    struct tm_schema *schema; // a reference
    uint8_t *bytes;
    uint32_t size_bytes;
    uint8_t *key; // canonical bytes of the key that it was made under, when its columns are there
    uint32_t key_bytes;
    uint64_t arrival;
    bool by_value; // it has a key that no column shows, and others of its cause may have others
};

struct tm_kit;

// Plans the job and starts it. The job's error, or TM_E_NOT_FOUND for the file.
int tm_kit_new(const struct tm_kit_args *args, struct tm_kit **kit,
               struct tm_error *err) TM_WARN_UNUSED;
void tm_kit_free(struct tm_kit *kit); // NULL is fine

const struct tm_graph *tm_kit_graph(const struct tm_kit *kit);
struct tm_job *tm_kit_job(const struct tm_kit *kit);
// A call begins in which `caller` waits (struct tm_kit_watch); tm_kit_watch_end ends it. One at a
// time. NULL: nobody watches.
struct tm_kit_watch *tm_kit_call_begin(const struct tm_kit *kit, void *caller);
// Room for whoever looks at it: the contents are the caller's.
enum tm_kit_buffer { TM_KIT_KEY, TM_KIT_TIMERS, TM_KIT_TIMER_BYTES, TM_KIT_BUFFERS };
struct tm_buf *tm_kit_buffer(struct tm_kit *kit, enum tm_kit_buffer which);
int64_t tm_kit_now_ms(const struct tm_kit *kit);
// The source or sink of a name, or -1.
int32_t tm_kit_find(const struct tm_kit *kit, uint8_t kind, const char *name);

// All of these run the job to rest. After a failure of the job they give it again.
//
// Records as JSON objects of the source's columns, one a line; they go as one batch into one
// subtask of the source.
int tm_kit_push(struct tm_kit *kit, uint32_t source, const char *json, size_t length,
                struct tm_error *err) TM_WARN_UNUSED;
// Event time of one source, or of all (source -1). TM_E_ARGUMENT: it would go back, or the source
// has none.
int tm_kit_watermark(struct tm_kit *kit, int32_t source, int64_t at,
                     struct tm_error *err) TM_WARN_UNUSED;
// Moves the clock; it stops at each time at which something is due.
int tm_kit_advance(struct tm_kit *kit, int64_t ms, struct tm_error *err) TM_WARN_UNUSED;
int tm_kit_idle(struct tm_kit *kit, uint32_t source, struct tm_error *err) TM_WARN_UNUSED;
// The end of the input of one source, or of all (source -1).
int tm_kit_finish(struct tm_kit *kit, int32_t source, struct tm_error *err) TM_WARN_UNUSED;

// A checkpoint is taken, and the job begins anew from it, as after a crash, with these subtasks and
// key groups (0: as many as there were). Nothing of it is left but what the checkpoint has; sources
// and sinks are the test's. TM_E_CHECKPOINT_DECLINED: it cannot be taken now, and the job has gone
// on. A job that has ended stays as it is.
int tm_kit_restore(struct tm_kit *kit, uint32_t parallelism, uint32_t max_parallelism,
                   struct tm_error *err) TM_WARN_UNUSED;

// What a trial did to the job, a line each; "" without one.
const char *tm_kit_story(const struct tm_kit *kit);

// How far event time is at an operator, in the subtask that lags most; TM_WATERMARK_MIN: not yet.
int64_t tm_kit_watermark_of(const struct tm_kit *kit, uint32_t node);

// Rows of a sink since the last call, in the order of (cause, time, key, arrival), or of their
// arrival. *rows is an array of *count, valid until the next call for the kit, which frees it.
int tm_kit_take(struct tm_kit *kit, uint32_t sink, bool by_arrival, const struct tm_kit_row **rows,
                uint32_t *count, struct tm_error *err) TM_WARN_UNUSED;
