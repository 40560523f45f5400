// The job graph: operators as the script declared them, validated. Built once by the planning Lua
// state (lua/tidemill/plan.lua through the functions of graph.ffi.h), then shared by all threads.
// Only `schema` of a node whose types are settled by its first real row (ARCHITECTURE D2) changes
// later: NULL, then for ever the settled one.
#pragma once

#include "core/base/options.h"
#include "core/batch/key.h"
#include "core/graph/graph.ffi.h"
#include "core/graph/restart.h"

enum { TM_RANKING_MAX = 10000 }; // rows of a key; the places are one blob that is written anew

enum tm_on_error { TM_ON_ERROR_FAIL, TM_ON_ERROR_SKIP, TM_ON_ERROR_DEAD_LETTER };

struct tm_aggregate {
    uint8_t kind;        // enum tm_aggregate_kind
    int32_t input_field; // of the input schema; -1 for count and custom
    uint32_t output_field;
    uint32_t by_field; // min_by, max_by: of the input schema
    double q;          // quantile: 0 .. 1
    uint32_t limit;    // list: values that it keeps; 0: more than there is room for is an error
};

// A state of a process.
struct tm_state_field {
    const char *name;
    const char *renamed_from; // its name in older checkpoints; NULL: none
    uint8_t kind;             // enum tm_state_kind
    uint8_t scope;            // enum tm_state_scope
    struct tm_type type;
    struct tm_type key;     // of a map
    int32_t ahead;          // of a map: the field whose value is its key for each row; -1: none
    int64_t ttl_ms;         // 0: for ever
    uint8_t clock, refresh; // enum tm_ttl_clock, tm_ttl_refresh
    bool migrates;          // a function of the job makes it of a value of another type
};

struct tm_trigger {
    uint8_t kind;        // enum tm_trigger_kind, none that wraps
    bool purges;         // what it fires is purged
    bool timeout_purges; // so is what the timeout fires
    bool timeout_resets; // each row arms it anew
    bool timeout_keeps;  // the state of the trigger, when it fires
    int64_t value;       // rows or ms
    int64_t timeout_ms;  // 0: none
    double threshold;    // DELTA
    uint32_t functions;  // CUSTOM: which there are, bits: event_time, processing_time, element,
                         // merge, clear
};

struct tm_evictor {
    uint8_t kind; // enum tm_evictor_kind
    bool after;   // behind the function of the window, and not in front of it
    double value;
};

struct tm_node {
    uint32_t id;
    uint8_t kind;             // enum tm_node_kind
    const char *verb;         // what the user called: "map", "count", "from"
    const char *name;         // unique in the job, but for parts of a window, which have its name
    const char *renamed_from; // its name in older checkpoints; NULL: none
    const char *where;        // "job.lua:12"
    uint32_t parallelism;     // 0: the job's
    uint8_t on_error;         // enum tm_on_error
    int32_t dead_letter;      // node id of the sink, or -1
    uint32_t *inputs;         // node ids
    uint32_t input_count;
    _Atomic(struct tm_schema *) schema; // of the output; NULL: not settled yet, or a sink
    struct tm_key_spec key; // KEY_BY, ROLLING, REDUCE, WINDOW: columns of the input schema
    // PROCESS of two inputs: of the second's schema; no column: that one has no key.
    struct tm_key_spec second_key;
    bool second_timeless;  // PROCESS: its second input has no watermarks, and holds none back
    const char *connector; // SOURCE, SINK: "file"
    const char *format;    // "json"; "" = the connector has its own rows
    struct tm_options options;
    struct tm_options format_options; // as texts
    const uint8_t *head; // SOURCE: what was read of its input for a sample and comes first; a loan
    size_t head_bytes;
    bool inferred;       // SOURCE: its schema is; fields that it lacks are reported
    uint64_t used[16];   // SOURCE: columns that some operator reads (bitmap of TM_FIELDS_MAX)
    uint64_t unread[16]; // of the output: columns of a source that no operator reads, so that
                         // they hold nothing (bitmap)
    int32_t time_field;  // WATERMARK: column of the input schema
    int64_t disorder_ms, idle_ms; // WATERMARK; idle 0 = never
    int64_t interval_ms;          // WATERMARK: of the probe, 0: TM_WATERMARK_INTERVAL_MS
    uint32_t generator_bytes; // WATERMARK: functions of the job make it, and keep so much; 0: none
    bool generator_periodic;  // WATERMARK: one of them is asked behind each batch and in silence
    const char *align_group;  // WATERMARK: sources that wait for each other; NULL: none
    int64_t align_drift_ms;   // WATERMARK: so far ahead of the last of them
    int64_t size_ms, slide_ms, offset_ms; // WINDOW; tumbling: slide = size
    uint8_t window;                       // WINDOW: enum tm_window_kind
    bool processing;                      // WINDOW: by the clock
    bool late_side;                       // WINDOW: late rows go to a side output
    int64_t lateness_ms;                  // WINDOW
    bool tells_end; // WINDOW: gives a row whose column $gone is true when a window is gone for good
    uint32_t gap;   // WINDOW: 1 + the column with the gap of a session; 0: size_ms
    struct tm_trigger trigger;       // WINDOW
    struct tm_evictor evictor;       // WINDOW
    struct tm_aggregate *aggregates; // ROLLING, WINDOW
    uint32_t aggregate_count;
    bool emit_final;   // ROLLING, REDUCE, EXTREME, TOP: at the end of input; else every input row
    bool changelog;    // rows of the output have kinds (enum tm_row_kind)
    uint8_t chaining;  // enum tm_chaining
    uint8_t partition; // ROUTE: enum tm_partition_kind, HASH not among them
    // ROUTE by COLUMN: it, of the input schema. EXTREME, TOP: rows are ordered by it.
    int32_t field;
    uint32_t side;      // SIDE: which of its input's, from 0
    uint32_t *identity; // DISTINCT: columns that tell rows of a key apart; none: all visible ones
    uint32_t identity_count;
    int64_t ttl_ms;     // DISTINCT: an identity is forgotten after this; 0: never
    bool descending;    // EXTREME, TOP: the largest comes first
    uint32_t limit;     // TOP: so many rows of a key
    int32_t rank_field; // TOP: column of the output that tells the place, from 1; -1: none
    struct tm_state_field *states; // PROCESS; WINDOW: of a custom trigger
    uint32_t state_count;
    bool has_timer; // PROCESS: a function for timers
    bool of_window; // FUNCTION, PROCESS: a part of the window in front of it, in the same task
    uint32_t
        whole; // the operator that users know it as: the window that it is a part of, or itself
};

// A metric of user code: a figure of each operator that uses it.
struct tm_user_metric {
    uint8_t kind; // enum tm_metric_kind
    const char *name, *unit, *description;
};

// DISTINCT: the columns of its input that make up an identity, the key's first; into `fields`,
// which has room for all columns. How many.
uint32_t tm_node_identity(const struct tm_node *node, const struct tm_schema *input,
                          uint32_t *fields);
// Is it a window with an aggregate of the job's own (tm.aggregate)?
static inline bool tm_node_is_custom(const struct tm_node *node)
{
    return node->aggregate_count == 1 && node->aggregates[0].kind == TM_AGGREGATE_CUSTOM;
}
// Windows that are made of slices of event time, each fired once (core/operator/window.h); all
// others are core/operator/windows. Custom aggregates need no merge in cumulating windows, so those
// are not.
static inline bool tm_node_is_sliced(const struct tm_node *node)
{
    bool kind = node->window == TM_WINDOW_SLIDING ||
                (node->window == TM_WINDOW_CUMULATE && !tm_node_is_custom(node));
    return node->kind == TM_NODE_WINDOW && kind && !node->processing && !node->late_side &&
           !node->tells_end && node->lateness_ms == 0 && node->trigger.kind == TM_TRIGGER_DEFAULT &&
           node->trigger.timeout_ms == 0 && node->evictor.kind == TM_EVICTOR_NONE;
}
// Are accumulators merged into each other? Of slices where windows overlap.
static inline bool tm_node_merges(const struct tm_node *node)
{
    if (node->evictor.kind != TM_EVICTOR_NONE) // then rows are, and nothing is computed of them
        return false;
    return node->window == TM_WINDOW_SESSION ||
           (tm_node_is_sliced(node) && node->slide_ms < node->size_ms) ||
           (node->window == TM_WINDOW_COUNT && node->slide_ms != node->size_ms);
}
// Does it need to know how far event time is?
static inline bool tm_node_needs_watermark(const struct tm_node *node)
{
    bool windows_of_time = node->window <= TM_WINDOW_CUMULATE && !node->processing;
    return node->kind == TM_NODE_WINDOW &&
           (windows_of_time || node->trigger.kind == TM_TRIGGER_EVENT_TIME ||
            node->trigger.kind == TM_TRIGGER_CONTINUOUS_EVENT_TIME);
}

// Does it take inputs with schemas of their own, and know them apart?
static inline bool tm_node_has_two_inputs(const struct tm_node *node)
{
    return node->kind == TM_NODE_PROCESS && node->input_count == 2;
}
// Does it run functions of the job?
static inline bool tm_node_has_functions(const struct tm_node *node)
{
    return node->kind == TM_NODE_FUNCTION || node->kind == TM_NODE_REDUCE ||
           node->kind == TM_NODE_PROCESS || tm_node_is_custom(node) ||
           (node->kind == TM_NODE_WATERMARK && node->generator_bytes != 0) ||
           (node->kind == TM_NODE_WINDOW &&
            (node->trigger.kind >= TM_TRIGGER_DELTA || node->evictor.kind == TM_EVICTOR_DELTA));
}

// How a job takes checkpoints.
struct tm_graph_checkpoints {
    int64_t interval_ms; // 0: none, the job says
    int64_t timeout_ms;
    int64_t aligned_timeout_ms; // after it barriers overtake rows; -1: never
    uint32_t retain;            // how many are kept
    bool asked;                 // the job says so; else these are the defaults
};

struct tm_graph {
    struct tm_mem *mem;
    char *name;               // of the job
    uint32_t parallelism;     // job option; 0: cores
    uint32_t max_parallelism; // 0: from parallelism
    int64_t latency_ms;
    bool flush_processing; // at the end of input timers of processing time fire
    struct tm_graph_checkpoints checkpoints;
    int64_t batch_timeout_ms;         // an operator that is in one step for longer hangs; 0: never
    struct tm_restart_policy restart; // TM_RESTART_UNSAID: the job says nothing
    int64_t lua_memory_bytes;         // limit of each worker's Lua state; what runs has one
    struct tm_node *nodes;            // by id
    uint32_t node_count, node_capacity;
    struct tm_user_metric *metrics;
    uint32_t metric_count;
    uint64_t fingerprint; // of everything the script determines; workers compare
    // How often types have been settled. Partner: tm_vm_settle of the planning state adds, before
    // the workers are told; a worker that has been told less often must not take the rows yet.
    _Atomic uint32_t settled;
};

int tm_graph_new(struct tm_mem *mem, struct tm_graph **graph, struct tm_error *err) TM_WARN_UNUSED;
void tm_graph_free(struct tm_graph *graph);
// Whole-graph rules: at least one source and one sink, every stream ends in a sink (or the sink is
// implied), no cycle, unions of equal schemas, event-time windows below a watermark, unique names.
// TM_E_GRAPH & co, at the node's place.
int tm_graph_validate(const struct tm_graph *graph, struct tm_error *err) TM_WARN_UNUSED;
static inline struct tm_schema *tm_node_schema(const struct tm_node *node)
{
    return __atomic_load_n((struct tm_schema *const *)&node->schema, __ATOMIC_ACQUIRE);
}
