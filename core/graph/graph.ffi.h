// How lua/tidemill/plan.lua builds a graph: shared with ffi.cdef (see core/batch/row.ffi.h for the
// rules of such files). Functions return 0 or more on success; negative tm_code with the message in
// tm_graph_error_text otherwise. Strings are copied.
#pragma once
#include <stdint.h>

struct tm_graph;

enum tm_node_kind {
    TM_NODE_SOURCE,
    TM_NODE_SINK,
    TM_NODE_FUNCTION,
    TM_NODE_KEY_BY,
    TM_NODE_WATERMARK,
    TM_NODE_ROLLING,
    TM_NODE_REDUCE,
    TM_NODE_WINDOW,
    TM_NODE_UNION,
    TM_NODE_ROUTE,    // rebalance broadcast forward partition: how rows go on to what follows
    TM_NODE_PEEK,     // shows rows that pass
    TM_NODE_SIDE,     // the rows that its input gives to one of its side outputs
    TM_NODE_DISTINCT, // distinct dedup: the first row of each identity
    TM_NODE_EXTREME,  // min_by max_by: one row per key is kept
    TM_NODE_TOP,      // a ranking per key is kept
    TM_NODE_PROCESS,  // functions of the job over keyed state and timers
    TM_NODE_KINDS
};

// How rows of an edge are spread over the consumer's subtasks.
enum tm_partition_kind {
    TM_PARTITION_FORWARD,
    TM_PARTITION_HASH,
    TM_PARTITION_REBALANCE, // whole batches, in turn
    TM_PARTITION_BROADCAST, // every row to every subtask
    TM_PARTITION_COLUMN     // an int column modulo the number of subtasks
};

// May an operator run in the chain of its input? What is not said is decided by the plan.
enum tm_chaining { TM_CHAINING_FREE, TM_CHAINING_ALWAYS, TM_CHAINING_NEVER };

enum tm_aggregate_kind {
    TM_AGGREGATE_COUNT,
    TM_AGGREGATE_SUM,
    TM_AGGREGATE_MIN,
    TM_AGGREGATE_MAX,
    TM_AGGREGATE_AVG,
    TM_AGGREGATE_FIRST,
    TM_AGGREGATE_LAST,
    TM_AGGREGATE_COUNT_DISTINCT,
    TM_AGGREGATE_APPROXIMATE_DISTINCT,
    TM_AGGREGATE_QUANTILE,
    TM_AGGREGATE_VARIANCE,
    TM_AGGREGATE_VARIANCE_POPULATION,
    TM_AGGREGATE_STDDEV,
    TM_AGGREGATE_STDDEV_POPULATION,
    TM_AGGREGATE_MIN_BY,
    TM_AGGREGATE_MAX_BY,
    TM_AGGREGATE_LIST,
    TM_AGGREGATE_ROWS,  // of no column: the rows themselves as a list of structs
    TM_AGGREGATE_CUSTOM // alone: of no column, and output_field is the first of its accumulator's
};

enum tm_state_kind {
    TM_STATE_VALUE,
    TM_STATE_REDUCING,
    TM_STATE_AGGREGATING,
    TM_STATE_LIST, // the type is that of its values
    TM_STATE_MAP   // likewise; tm_graph_state_key says that of its keys
};

// What a state belongs to: a key; or a subtask, outside of keys. Of a broadcast state every subtask
// has a copy; those of the operator are divided among the subtasks of a restore, value by value, or
// given whole to each.
enum tm_state_scope {
    TM_SCOPE_KEY,
    TM_SCOPE_BROADCAST,
    TM_SCOPE_EVEN,
    TM_SCOPE_UNION,
    TM_SCOPE_WINDOW // of a key's window
};

// Which time a state's time to live is counted in, and what begins it anew.
enum tm_ttl_clock { TM_TTL_PROCESSING, TM_TTL_EVENT };
enum tm_ttl_refresh { TM_TTL_WRITE, TM_TTL_ACCESS };

// Which windows a row belongs to. Tumbling ones are sliding with slide = size.
enum tm_window_kind {
    TM_WINDOW_SLIDING,
    TM_WINDOW_SESSION,  // size: the gap
    TM_WINDOW_CUMULATE, // slide: the step
    TM_WINDOW_GLOBAL,
    TM_WINDOW_COUNT, // of size rows, every slide rows
    TM_WINDOW_KINDS
};

// When a window fires (SEMANTICS 4). PURGING and PROCESSING_TIMEOUT wrap the one given before.
enum tm_trigger_kind {
    TM_TRIGGER_DEFAULT, // of the kind of window
    TM_TRIGGER_EVENT_TIME,
    TM_TRIGGER_PROCESSING_TIME,
    TM_TRIGGER_COUNT,                 // value: rows
    TM_TRIGGER_CONTINUOUS_EVENT_TIME, // value: ms
    TM_TRIGGER_CONTINUOUS_PROCESSING_TIME,
    TM_TRIGGER_NEVER,
    TM_TRIGGER_END_OF_STREAM,
    TM_TRIGGER_DELTA,  // the threshold is set apart; a function of the job says how far rows are
    TM_TRIGGER_CUSTOM, // functions of the job
    TM_TRIGGER_PURGING,
    TM_TRIGGER_PROCESSING_TIMEOUT, // value: ms; flags: enum tm_timeout_flag
    TM_TRIGGER_KINDS
};
// What is taken out of a window when it fires (SEMANTICS 4): value is rows, ms, or the threshold of
// a function of the job.
enum tm_evictor_kind {
    TM_EVICTOR_NONE,
    TM_EVICTOR_COUNT,
    TM_EVICTOR_TIME,
    TM_EVICTOR_DELTA,
    TM_EVICTOR_KINDS
};
enum tm_timeout_flag { TM_TIMEOUT_RESET = 1, TM_TIMEOUT_KEEP = 2 };

enum tm_metric_kind { TM_METRIC_COUNTER, TM_METRIC_GAUGE, TM_METRIC_HISTOGRAM };

int tm_graph_job(struct tm_graph *graph, const char *name, uint32_t parallelism,
                 uint32_t max_parallelism, int64_t latency_ms, int64_t lua_memory_bytes);
int tm_graph_add(struct tm_graph *graph, int kind, const char *verb, const char *name,
                 const char *where);
// The name that the operator had in older checkpoints.
int tm_graph_renamed_from(struct tm_graph *graph, uint32_t node, const char *name);
int tm_graph_input(struct tm_graph *graph, uint32_t node, uint32_t input);
int tm_graph_parallelism(struct tm_graph *graph, uint32_t node, uint32_t parallelism);
int tm_graph_on_error(struct tm_graph *graph, uint32_t node, int on_error, int dead_letter);
int tm_graph_schema_begin(struct tm_graph *graph, uint32_t node, uint32_t field_count,
                          int time_field);
int tm_graph_schema_field(struct tm_graph *graph, uint32_t node, const char *name, const char *type,
                          uint32_t flags);
int tm_graph_schema_end(struct tm_graph *graph, uint32_t node);
int tm_graph_key(struct tm_graph *graph, uint32_t node, uint32_t field);
// A column of the key of the second input, in its schema.
int tm_graph_second_key(struct tm_graph *graph, uint32_t node, uint32_t field);
int tm_graph_second_timeless(struct tm_graph *graph, uint32_t node);
int tm_graph_connector(struct tm_graph *graph, uint32_t node, const char *connector,
                       const char *format);
int tm_graph_option_string(struct tm_graph *graph, uint32_t node, const char *name,
                           const char *value);
int tm_graph_option_number(struct tm_graph *graph, uint32_t node, const char *name, double value);
int tm_graph_option_bool(struct tm_graph *graph, uint32_t node, const char *name, int value);
int tm_graph_format_option(struct tm_graph *graph, uint32_t node, const char *name,
                           const char *value);
int tm_graph_used(struct tm_graph *graph, uint32_t node, uint32_t field);
int tm_graph_inferred(struct tm_graph *graph, uint32_t node);
int tm_graph_unread(struct tm_graph *graph, uint32_t node, uint32_t field);
// The source waits for the others of its group as soon as it is drift_ms ahead of one.
int tm_graph_align(struct tm_graph *graph, uint32_t node, const char *group, int64_t drift_ms);
// Functions of the job make the watermark; they keep state_bytes of each split.
int tm_graph_generator(struct tm_graph *graph, uint32_t node, uint32_t state_bytes, int periodic);
// How often the watermark operator is asked while no rows come.
int tm_graph_interval(struct tm_graph *graph, uint32_t node, int64_t interval_ms);
int tm_graph_watermark(struct tm_graph *graph, uint32_t node, int time_field, int64_t disorder_ms,
                       int64_t idle_ms);
int tm_graph_window(struct tm_graph *graph, uint32_t node, int64_t size_ms, int64_t slide_ms,
                    int64_t offset_ms);
// What the window is beyond its sizes; 0, 0 unless it is called.
int tm_graph_window_kind(struct tm_graph *graph, uint32_t node, int kind, int processing);
int tm_graph_window_lateness(struct tm_graph *graph, uint32_t node, int64_t lateness_ms);
// A session's gap is in this column of the input; its size then says nothing.
int tm_graph_window_gap(struct tm_graph *graph, uint32_t node, uint32_t field);
int tm_graph_window_late_side(struct tm_graph *graph, uint32_t node);
// It tells when a window is gone for good: by a row whose column $gone is true.
int tm_graph_window_tells_end(struct tm_graph *graph, uint32_t node);
// The innermost trigger first, then what wraps it.
int tm_graph_window_trigger(struct tm_graph *graph, uint32_t node, int kind, int64_t value,
                            uint32_t flags);
// Which functions a custom trigger has: a bit each, see struct tm_trigger.
int tm_graph_window_functions(struct tm_graph *graph, uint32_t node, uint32_t functions);
int tm_graph_window_threshold(struct tm_graph *graph, uint32_t node, double threshold);
int tm_graph_window_evictor(struct tm_graph *graph, uint32_t node, int kind, double value,
                            int after);
int tm_graph_flush_processing(struct tm_graph *graph, int flush);
int tm_graph_batch_timeout(struct tm_graph *graph, int64_t timeout_ms);
// How the job takes checkpoints; without it, it takes none. `asked`: these are no defaults.
int tm_graph_checkpoints(struct tm_graph *graph, int64_t interval_ms, int64_t timeout_ms,
                         int64_t aligned_timeout_ms, uint32_t retain, int asked);
// What is done when the job fails (core/graph/restart.h): "exponential", "fixed", "rate" or "none",
// and what these need; the rest is 0.
int tm_graph_restart(struct tm_graph *graph, const char *strategy, uint32_t attempts,
                     uint32_t failures, int64_t delay_ms, int64_t interval_ms, int64_t max_ms,
                     int64_t reset_ms, double factor, double jitter);
int tm_graph_aggregate(struct tm_graph *graph, uint32_t node, int kind, int input_field,
                       uint32_t output_field);
// What the last aggregate of the node needs beside its field: min_by and max_by the field that is
// compared, a quantile its q, a list how many values it keeps (0: as many as there is room for).
int tm_graph_aggregate_by(struct tm_graph *graph, uint32_t node, uint32_t by_field);
int tm_graph_aggregate_q(struct tm_graph *graph, uint32_t node, double q);
int tm_graph_aggregate_limit(struct tm_graph *graph, uint32_t node, uint32_t limit);
int tm_graph_emit_final(struct tm_graph *graph, uint32_t node, int emit_final);
int tm_graph_changelog(struct tm_graph *graph, uint32_t node, int changelog);
int tm_graph_chaining(struct tm_graph *graph, uint32_t node, int chaining);
int tm_graph_route(struct tm_graph *graph, uint32_t node, int partition, int field);
int tm_graph_side(struct tm_graph *graph, uint32_t node, uint32_t side);
int tm_graph_identity(struct tm_graph *graph, uint32_t node, uint32_t field);
// A state of a process, in the order of the record (core/operator/keyed.h); `type` of an
// aggregating one is that of its accumulator, a struct. ttl_ms 0: for ever.
int tm_graph_state(struct tm_graph *graph, uint32_t node, const char *name, int kind,
                   const char *type, int64_t ttl_ms, int clock, int refresh);
// Where the state that was given last is kept; of the key unless it is called.
int tm_graph_state_scope(struct tm_graph *graph, uint32_t node, int scope);
// The name that the state that was given last had in older checkpoints; and that a function of the
// job makes it of a value of another type.
int tm_graph_state_renamed_from(struct tm_graph *graph, uint32_t node, const char *name);
int tm_graph_state_migrates(struct tm_graph *graph, uint32_t node);
// The type of the keys of the map that was given last: a scalar one.
int tm_graph_state_key(struct tm_graph *graph, uint32_t node, const char *type);
// The column of the input that is a key of that map for each row, as a rule: only for speed.
int tm_graph_state_ahead(struct tm_graph *graph, uint32_t node, uint32_t field);
// The node is a part of the window in front of it, runs in its task, whatever else is said, and has
// its name.
int tm_graph_of_window(struct tm_graph *graph, uint32_t node);
int tm_graph_has_timer(struct tm_graph *graph, uint32_t node, int has_timer);
int tm_graph_ttl(struct tm_graph *graph, uint32_t node, int64_t ttl_ms);
int tm_graph_ranking(struct tm_graph *graph, uint32_t node, uint32_t field, int descending,
                     uint32_t limit, int rank_field);
// A metric of user code, in the order of their numbers; "" for what was not given.
int tm_graph_metric(struct tm_graph *graph, int kind, const char *name, const char *unit,
                    const char *description);
int tm_graph_fingerprint(struct tm_graph *graph, uint64_t fingerprint);
const char *tm_graph_error_text(struct tm_graph *graph);
