// The context through which C enters a generated chunk, once per batch (ARCHITECTURE D2). Shared
// with ffi.cdef (see core/batch/row.ffi.h for the rules of such files). The address is constant for
// the life of the chunk.
#pragma once
#include <stdint.h>

// Rows for one side output of the segment's last node, as `out` of the context.
struct tm_chain_side {
    uint8_t *out;
    uint64_t out_size;
    uint64_t out_capacity;
    uint32_t out_rows;
    uint32_t reserved;
};

// One metric of user code in one operator and subtask (lua/tidemill/metrics.lua). Written by the
// task's thread, read by others: `value` whole, `buckets` published with release once `is_set`.
struct tm_metric_slot {
    double value;      // counter: sum; gauge: as set last; histogram: the greatest
    uint64_t *buckets; // histogram: core/base/histogram.h; NULL before the first value
    uint32_t is_set;   // gauge: has been set; histogram: has buckets
    double sum;        // histogram: of its values
};

// What is known of one entry of a map of one row's key: the one that the row's call will ask for,
// as far as C can tell, or the one that it has asked for last. It holds as long as the map's
// structure is what it was (`as_of`). The chunk reads values there, and writes them where all are
// of 8 bytes.
union tm_chain_cell {
    int64_t i;
    double d;
};
struct tm_chain_known {
    double key;                 // as Lua has it; NaN: none, or one that Lua cannot compare
    union tm_chain_cell *value; // NULL: there is no such entry
    int32_t as_of;              // the map's `changes`
    int32_t length;             // of the value
    // The call that has written the value, and what it was before, unless it is `journaled`. Who
    // writes it first says so in the context's `written`.
    double call;
    union tm_chain_cell old;
    uint32_t key_length; // UINT32_MAX: none
    uint32_t journaled;  // the journal has what the value was before the call
    union {
        uint8_t text[16]; // the key's bytes, where they are so few
        const uint8_t *bytes;
    } of;
};

struct tm_chain_ctx {
    const uint8_t *in; // next input row; the chunk advances it
    // End of the input rows. Behind them, and behind out_capacity, there is the slack of a batch:
    // at least 16 bytes that may be read, and written.
    const uint8_t *in_end;
    uint8_t *out;          // output batch, start of data; changes when it grows
    uint64_t out_size;     // bytes written; a multiple of 8
    uint64_t out_capacity; // bytes available
    uint32_t out_rows;
    uint32_t out_full; // soft limit in rows: the chunk returns after the input row that reaches it
    uint64_t out_full_bytes; // soft limit in bytes
    int64_t now_ms;          // wall clock of this batch
    uint64_t
        *counts; // per function node of the segment, TM_CHAIN_COUNTS each: in, out, filtered, used
                 // (input rows that its function took without an error; a filter's passed rows)
    // reduce (core/operator/README.md, "Reduce"): slots[i] is the accumulated row of input row i's
    // key, in the node's output schema, read-only, or NULL: no row yet, then the input row is the
    // result. No key comes twice between `in` and `in_end`. The chunk appends exactly one row per
    // input row, in order, except for rows that it gave to tm_chain_fail.
    // add, merge of a custom aggregate (lua/codegen/accumulate.lua): accumulators, changed in
    // place. Nothing is appended.
    uint8_t **slots;
    uint32_t slot_index; // of the row at `in`: 0 when the chunk is entered, the chunk moves both on
    uint32_t in_rows;    // from `in` to `in_end`; the chunk counts them down
    struct tm_chain_side *sides; // by number of the side output; one that is full ends a run too
    // 1 + the node whose user function runs without a protected call in Lua (lua/codegen/README.md,
    // "Loops in user functions"), 0: none. An error that leaves the chunk is then that row's error.
    uint32_t under_way;
    struct tm_metric_slot **slots_of; // per function node of the segment, a slot for each metric of
                                      // the graph; NULL: the job has none
    void *owner;                      // the C side's struct tm_vm_chain
    // process (lua/codegen/process.lua): slots[i] is the record of input row i's key, in place. All
    // but the record's fixed part is written by tm_chain_keep and tm_chain_timer, which keep a
    // journal until the chunk calls tm_chain_settle.
    double watermark; // -inf: none yet; +inf: no more rows come
    double clock_ms;  // processing time, which never goes back
    uint32_t journal; // changes of the call under way that wait for tm_chain_settle
    // event, periodic of a watermark generator: marks[i] is what the function gave for slots[i];
    // written where it gave something.
    double *marks;
    uint32_t mark_count; // so many are written
    uint32_t interrupt;  // what the call did to timers ends the run behind it; of a rule: how many
                         // passes over all keys it wants
    uint32_t pass;       // of functions over all keys: which of these it is of
    double pass_time;    // event time of the row whose call wants them; NaN: it has none
    // Behind the slots of the broadcast record and the operator's; NULL: there is none.
    uint8_t **broadcast;
    uint8_t **operator_state;
    uint8_t **window_state; // of a function of windows: as slots, of the rows' windows
    // What tm_chain_map_find, tm_chain_list_find and tm_chain_walk_next have found: it holds until
    // the next call that takes this context.
    const uint8_t *found, *found_key;
    int32_t found_length, found_key_length;
    // Functions of a window's trigger, whose rows are an element, a time, or what another window
    // remembered; of its evictor (lua/codegen/pairs.lua).
    double window_start, window_end;
    uint32_t verdict; // of a trigger: enum tm__windows_verdict
    // Number of the call under way: the chunk counts them, and C begins a journal with each.
    double call;
    // [row of the block][collection of the key's record]: what is known of entries of maps.
    struct tm_chain_known *known;
    // One whose value the chunk has written and the journal does not have; of the call under way,
    // if its `call` says so.
    struct tm_chain_known *written;
    int32_t drawn[4]; // tm_chain_draw: what the call's random numbers follow from
    uint32_t emptied; // a call has taken a value of a record away, so that one may hold nothing
};

enum {
    TM_CHAIN_IN = 0,
    TM_CHAIN_OUT = 1,
    TM_CHAIN_FILTERED = 2,
    TM_CHAIN_USED = 3,
    TM_CHAIN_COUNTS = 4
};

// The first value of a histogram: buckets of zeros. 0 or TM_E_MEMORY.
int tm_chain_buckets(struct tm_chain_ctx *ctx, struct tm_metric_slot *slot);
// What an accumulator's slot `ref` refers to: where its bytes are, and new bytes (0 or negative).
// `slot` is behind the accumulator's own in `slots`; side 1: of what is merged into it.
const uint8_t *tm_chain_blob(struct tm_chain_ctx *ctx, uint8_t **slot, int side,
                             const uint8_t *ref);
int tm_chain_keep(struct tm_chain_ctx *ctx, uint8_t **slot, uint8_t *ref, const uint8_t *p,
                  uint32_t length);
// Registers or, with `remove`, deletes a timer of the key of `slot`, which is behind its own.
// `domain`: enum tm_timer_domain. 0, TM_E_MEMORY or TM_E_LIMIT.
int tm_chain_timer(struct tm_chain_ctx *ctx, uint8_t **slot, int domain, int remove, double at,
                   const char *name, uint32_t length);
// The call has returned, where ctx->journal is not 0: what was changed stays; or it has failed:
// all is undone. 0 or TM_E_MEMORY.
int tm_chain_settle(struct tm_chain_ctx *ctx, int keep);
// Maps and lists of the key of `slot`, which is behind its own; `n` counts the operator's states of
// these kinds. Keys and values are bytes: of a fixed type its slot as in a row, else as they are.
// `at`: the time of the call, where the state has a time to live; entries that are over are not
// there. TM_E_MEMORY; TM_E_LIMIT: too long, too many entries, or too many changes in one call.
// 1: there (ctx->found); 0: not.
int tm_chain_map_find(struct tm_chain_ctx *ctx, uint8_t **slot, int n, const uint8_t *key,
                      uint32_t key_length, double at);
int tm_chain_map_put(struct tm_chain_ctx *ctx, uint8_t **slot, int n, const uint8_t *key,
                     uint32_t key_length, const uint8_t *value, uint32_t length, double at);
int tm_chain_map_remove(struct tm_chain_ctx *ctx, uint8_t **slot, int n, const uint8_t *key,
                        uint32_t key_length);
int tm_chain_list_append(struct tm_chain_ctx *ctx, uint8_t **slot, int n, const uint8_t *value,
                         uint32_t length, double at);
int tm_chain_list_find(struct tm_chain_ctx *ctx, uint8_t **slot, int n, double i, double at);
double tm_chain_size(struct tm_chain_ctx *ctx, uint8_t **slot, int n); // negative: a code
int tm_chain_clear(struct tm_chain_ctx *ctx, uint8_t **slot, int n);
// A walk over all entries, its number; its next entry: 1, 0: the end, or TM_E_NOT_FOUND: the walk
// is of another call, or too many were begun since.
double tm_chain_walk(struct tm_chain_ctx *ctx, uint8_t **slot, int n);
int tm_chain_walk_next(struct tm_chain_ctx *ctx, double walk, double at);
// The first random number of a call with a key: `slot` is behind its own. ctx->drawn follows from
// the job's seed, the operator, the key, and how many of its calls have drawn, of which this is
// one more. 0 or TM_E_MEMORY.
int tm_chain_draw(struct tm_chain_ctx *ctx, uint8_t **slot);
int tm_chain_grow(struct tm_chain_ctx *ctx, uint64_t more);
int tm_chain_grow_side(struct tm_chain_ctx *ctx, uint32_t side, uint64_t more);
// `row` is in the schema of the input of the segment's node `row_of`: 0, a row of this batch, or
// one that the chunk has made to show what the failing node got; NULL: none can be shown.
int tm_chain_fail(struct tm_chain_ctx *ctx, uint32_t node, const uint8_t *row, uint32_t row_of,
                  int code, const char *message, uint32_t length);
