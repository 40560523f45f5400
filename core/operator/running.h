// What the current window of a sliced operator holds, per key: so that a result need not be made
// from all slices. Slices enter it as windows reach them, and leave it again.
//
// A key's record has its result. Keys that are in several slices of the window have these as cells
// of a blob, which is looked at when one enters or leaves: two stacks (running.c). Where windows
// only grow until all begin anew (cumulate), there are no cells.
#pragma once

#include "core/operator/custom.h"
#include "core/operator/cut.h"

struct tm__operator_running {
    struct tm_operator *op;
    const struct tm__operator_aggregates *aggregates;
    struct tm__operator_custom *custom; // NULL: built-in aggregates
    struct tm_state *state;             // NULL: not in use
    struct tm_namespace *ns;
    bool grows;            // cumulate; not with custom aggregates
    bool simple;           // counts and sums of doubles alone
    bool owns_blobs;       // accumulators may refer to blobs
    bool keeps_all;        // lists: a result takes all cells, since it is as long as all of them
    uint32_t suffixes_max; // of a key
    uint32_t value_bytes, cell_bytes;

    // Of the key group that is walked: records, and those that the next window does not need.
    uint32_t seen, gone;
    bool lasts;                        // the next window needs some: set here, cleared by the owner
    struct tm__operator_layout layout; // of records
};

// Entries of a key group that are rows of the window.
struct tm__operator_running_rows {
    uint32_t count, taken; // rows, and the records they came from
    struct tm_key keys[TM_STATE_SOME];
    const void *values[TM_STATE_SOME];
    uint64_t spoilt[TM_STATE_SOME]; // not 0: as TM__CUSTOM_TOLD
    uint32_t record[TM_STATE_SOME]; // which of those taken
};

// TM_E_MEMORY, TM_E_ARGUMENT (the value is too large).
int tm__operator_running_open(struct tm__operator_running *running, struct tm_operator *op,
                              const struct tm__operator_aggregates *aggregates,
                              struct tm__operator_custom *custom, bool grows,
                              struct tm_error *err) TM_WARN_UNUSED;
void tm__operator_running_fini(struct tm__operator_running *running); // also of one all zero

// Some keys of a slice, with their accumulators `from` (in the key group of state `slices`), enter
// the window that begins at `start`. At most TM__RUNNING_LANES.
enum { TM__RUNNING_LANES = 64 };
int tm__operator_running_enter(struct tm__operator_running *running, struct tm_state *slices,
                               uint32_t key_group, int64_t slice, int64_t start,
                               const struct tm_key *keys, const void *const *from, uint32_t count,
                               struct tm_error *err) TM_WARN_UNUSED;

// The walk over a key group: `begin`, then `next` until it takes no records, `end`. Slices before
// `start` leave. `next_start`: where the window behind this one begins. Rows hold until the next
// call; those from `done` on come again by
// tm_state_give_back(cursor, rows.taken - rows.record[done]).
void tm__operator_running_begin(struct tm__operator_running *running, uint32_t key_group,
                                struct tm_state_cursor *cursor);
int tm__operator_running_next(struct tm__operator_running *running, struct tm_state_cursor *cursor,
                              int64_t start, int64_t next_start,
                              struct tm__operator_running_rows *rows,
                              struct tm_error *err) TM_WARN_UNUSED;
// Removes what the next window does not need, unless it is little.
int tm__operator_running_end(struct tm__operator_running *running, uint32_t key_group,
                             int64_t next_start, struct tm_error *err) TM_WARN_UNUSED;

// What runs along goes into a checkpoint and comes back. `windows`: which ones, as text, as it
// means nothing to others (TM_E_STATE_TYPE); `input` of the aggregates, `reader` of the keys; no
// slice that has entered begins behind the watermark.
int tm__operator_running_cut(struct tm__operator_running *running, const char *windows,
                             const struct tm_schema *input, struct tm_cut *cut,
                             struct tm_error *err) TM_WARN_UNUSED;
int tm__operator_running_restore(struct tm__operator_running *running, const char *windows,
                                 const struct tm_key_reader *reader, int64_t watermark,
                                 const struct tm_restored *restored,
                                 struct tm_error *err) TM_WARN_UNUSED;
