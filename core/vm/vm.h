// The LuaJIT host: a lua_State per thread, job and code version; evaluates the job script in a
// sandbox; runs generated chunks. One thread at a time. C enters Lua through these functions alone,
// always protected; an error becomes a tm_error with file:line in `where`.
#pragma once

#include "core/base/buf.h"
#include "core/batch/batch.h"
#include "core/graph/graph.h"
#include "core/vm/chain.ffi.h"

struct tm_vm;
struct tm_infer_column;
struct tm_vm_chain;

struct tm_vm_args {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    int64_t memory_limit_bytes; // of the Lua heap, at least TM_LUA_MEMORY_BYTES_MIN; 0: none. Past
                                // it the job's code fails with TM_E_USER_MEMORY
    uint64_t seed;              // of math.random and of string-order-independent iteration
    const char *script_path;    // "job.lua" as the user gave it
    const char *script_text;    // NULL: read script_path
    size_t script_length;
    bool one_liner; // `tm` is there already, and `return` may be left out
    bool program;   // the text is a job that a spec built (lua/tidemill/program.lua): trusted
    bool test;      // side outputs that the job does not read get sinks (lua/tidemill/kept.lua)
    const char *const *set_names, *const *set_values; // --set name=value
    uint32_t set_count;
    // The columns of the script's source number `index` that has no schema, from its first records
    // (core/task/sample.h). Any thread. NULL: sources must have one.
    int (*infer)(void *arg, uint32_t index, const struct tm_node *source,
                 const struct tm_infer_column **columns, uint32_t *count, struct tm_error *err);
    void *infer_arg;
    struct tm_vm *shared; // a state that has planned the job, which is had instead; NULL: none
};

int tm_vm_new(const struct tm_vm_args *args, struct tm_vm **vm,
              struct tm_error *err) TM_WARN_UNUSED;
void tm_vm_free(struct tm_vm *vm); // of one that is shared: one of those who have it
// What workers are to have: the state itself in a world where they share it (tm_fx_states), on the
// thread that it is on; else NULL, and each has its own.
struct tm_vm *tm_vm_shared(struct tm_vm *vm);

// Evaluate the script. With a graph: plan (build, check, fill it). Without: only gather functions,
// then compare with `fingerprint` (TM_E_GRAPH_DIFFERS).
int tm_vm_plan(struct tm_vm *vm, struct tm_graph *graph, struct tm_error *err) TM_WARN_UNUSED;
int tm_vm_evaluate(struct tm_vm *vm, uint64_t fingerprint, struct tm_error *err) TM_WARN_UNUSED;
// Warnings and advice gathered while planning (captured variables assigned, code that keeps a loop
// from compiling, ...); also after it failed.
int tm_vm_findings(struct tm_vm *vm, tm_finding_each *each, void *arg,
                   struct tm_error *err) TM_WARN_UNUSED;
// tm.arg declarations, for `run job.lua --help`: name, default, description.
int tm_vm_arguments(struct tm_vm *vm,
                    void (*each)(void *arg, const char *name, const char *fallback,
                                 const char *doc),
                    void *arg, struct tm_error *err) TM_WARN_UNUSED;

// Adds the column and the line to a place that C knows ("job.lua:12"), where the message says which
// name it is about. Best effort: `where` stays what it was when nothing is known.
void tm_vm_locate(struct tm_vm *vm, const char *message, char *where, size_t size);
// The schemas of the job's sources: "lua" for pasting, "json", or "luals" for editors. Nothing when
// no source has fields.
int tm_vm_schemas(struct tm_vm *vm, const char *form, struct tm_buf *out,
                  struct tm_error *err) TM_WARN_UNUSED;

// --- types settled by the first real row
// Apply a proposal (text made by a chunk; opaque) and derive what follows from it. The planning
// state has the graph and publishes the schemas there; *settled receives the text that every worker
// must apply with graph NULL. A proposal for nodes already settled changes nothing (the first
// wins). TM_VM_UNDECIDED: nothing can be said before other subtasks have proposed; whoever waits
// goes on waiting.
enum { TM_VM_UNDECIDED = 1 };
int tm_vm_settle(struct tm_vm *vm, struct tm_graph *graph, const char *proposal, size_t length,
                 struct tm_buf *settled, struct tm_error *err) TM_WARN_UNUSED;

// --- states of other types
// The function `migrate` of a state of a process, for one value: its bytes, those of a slot or of
// what a reference leads to, become those of the state's type in *made; *nothing: it gave nil. The
// errors of the function, and TM_E_TYPE: what it gave has not the state's type.
struct tm_vm_migration {
    uint32_t node;
    const char *state, *type; // its name; the old type
    const void *bytes;
    uint32_t length;
};
int tm_vm_migrate(struct tm_vm *vm, const struct tm_vm_migration *migration, struct tm_buf *made,
                  bool *nothing, struct tm_error *err) TM_WARN_UNUSED;

// --- chunks: a run of consecutive FUNCTION nodes (or one REDUCE, or the functions of a custom
// aggregate) inside a chain
enum tm_vm_run {
    TM_VM_RUN_DONE = 0,   // all input rows consumed
    TM_VM_RUN_FULL = 1,   // the output is full: take it and run again
    TM_VM_RUN_SETTLE = 2, // types must be settled: send tm_vm_chain_proposal to the coordinator,
                          // apply its answer, run again with the same ctx
    TM_VM_RUN_TELL = 3,   // tm_vm_chain_finish: as DONE, and the coordinator must get the proposal;
                          // no answer is waited for
};

// Maps and lists of a process (chain.ffi.h). `arg` is `collections_arg`.
struct tm_vm_collections {
    int (*map_find)(void *arg, uint8_t **slot, uint32_t n, const uint8_t *key, uint32_t key_length,
                    double at);
    int (*map_put)(void *arg, uint8_t **slot, uint32_t n, const uint8_t *key, uint32_t key_length,
                   const uint8_t *value, uint32_t length, double at);
    int (*map_remove)(void *arg, uint8_t **slot, uint32_t n, const uint8_t *key,
                      uint32_t key_length);
    int (*list_append)(void *arg, uint8_t **slot, uint32_t n, const uint8_t *value, uint32_t length,
                       double at);
    int (*list_find)(void *arg, uint8_t **slot, uint32_t n, double i, double at);
    int64_t (*size)(void *arg, uint8_t **slot, uint32_t n);
    int (*clear)(void *arg, uint8_t **slot, uint32_t n);
    double (*walk)(void *arg, uint8_t **slot, uint32_t n);
    int (*walk_next)(void *arg, double walk, double at);
};

struct tm_vm_chain_args {
    const uint32_t *nodes; // ids
    uint32_t node_count;
    uint32_t subtask, parallelism; // of the task
    bool reads_source;             // a source stands in front of it in the same chain
    // A row of a node's input failed: say what to do. `row` is in the schema of the input of the
    // segment's node `row_of` (0: a row of the batch given); it may be NULL. 0: go on without the
    // row; negative: stop the job with this code.
    int (*fail)(void *arg, uint32_t node_index, const struct tm_row *row, uint32_t row_of, int code,
                const char *message, size_t length);
    void *arg;
    // Slots of user metrics, per node; NULL: none. Kept: they outlive the chain.
    struct tm_metric_slot **slots_of;
    int (*buckets)(void *arg, struct tm_metric_slot *slot); // see tm_chain_buckets
    // Of a window with a custom aggregate: "add" or "merge", of a process: "each" or "timer", of a
    // watermark generator: "event" or "periodic", else NULL; and what its accumulators or records
    // refer to (chain.ffi.h).
    const char *role;
    const uint8_t *(*blob)(void *arg, uint8_t **slot, int side, const uint8_t *ref);
    int (*keep)(void *arg, uint8_t **slot, uint8_t *ref, const uint8_t *p, uint32_t length);
    // Of a process (chain.ffi.h).
    int (*timer)(void *arg, uint8_t **slot, int domain, bool remove, int64_t at, const char *name,
                 uint32_t length);
    int (*settle)(void *arg, bool keep);
    const struct tm_vm_collections *collections;
    void *collections_arg;
    // Of calls with keys: the hash of the key of `slot`, which is behind its own, and how many of
    // its calls have drawn random numbers before; this one does. 0 or TM_E_MEMORY.
    int (*draw)(void *arg, uint8_t **slot, uint64_t *key_hash, uint64_t *count);
    uint64_t draws_of; // a hash of the operator's name: what is drawn follows from it too
    // Output batches: make room for `more` bytes in the batch that ctx->out shows (may move it).
    int (*grow)(void *arg, struct tm_chain_ctx *ctx, uint64_t more);
    // The same for ctx->sides[side]. NULL: the last node has no side outputs that are read.
    int (*grow_side)(void *arg, struct tm_chain_ctx *ctx, uint32_t side, uint64_t more);
};

int tm_vm_chain_new(struct tm_vm *vm, const struct tm_vm_chain_args *args,
                    struct tm_vm_chain **chain, struct tm_error *err) TM_WARN_UNUSED;
void tm_vm_chain_free(struct tm_vm_chain *chain);
struct tm_chain_ctx *tm_vm_chain_ctx(struct tm_vm_chain *chain);
// Calls `open` of its nodes that have one, once for all chunks of a node and subtask; what runs or
// finishes first does so otherwise. 0; negative: the function failed.
int tm_vm_chain_open(struct tm_vm_chain *chain, struct tm_error *err) TM_WARN_UNUSED;
// Run over ctx->in .. in_end. enum tm_vm_run, or negative.
int tm_vm_chain_run(struct tm_vm_chain *chain, struct tm_error *err) TM_WARN_UNUSED;
// End of input while types are still unknown: settle what can be (all-null columns become string).
// As run.
int tm_vm_chain_finish(struct tm_vm_chain *chain, struct tm_error *err) TM_WARN_UNUSED;
// Where the random numbers of calls without a key are: 1: `words` say so; 0: nothing has been
// drawn; negative: of Lua. And to go on there.
enum { TM_VM_DRAW_WORDS = 4 };
int tm_vm_chain_drawn(struct tm_vm_chain *chain, int32_t words[TM_VM_DRAW_WORDS],
                      struct tm_error *err) TM_WARN_UNUSED;
int tm_vm_chain_draw_on(struct tm_vm_chain *chain, const int32_t words[TM_VM_DRAW_WORDS],
                        struct tm_error *err) TM_WARN_UNUSED;
const char *tm_vm_chain_proposal(struct tm_vm_chain *chain, size_t *length);
// The generated text of a segment, for `plan --source`.
int tm_vm_chain_source(struct tm_vm *vm, const uint32_t *nodes, uint32_t node_count,
                       struct tm_buf *out, struct tm_error *err) TM_WARN_UNUSED;
// Trace statistics of this state: traces compiled, aborts, loops that fell back to the interpreter
// (for tests and metrics).
struct tm_vm_traces {
    uint64_t started, compiled, aborted, blacklisted, flushed;
};
void tm_vm_traces(struct tm_vm *vm, struct tm_vm_traces *traces);
int64_t tm_vm_used_bytes(const struct tm_vm *vm);
