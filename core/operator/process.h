// The process operator's parts: process.c takes rows in and keeps what a call has done,
// process_timers.c lets timers fire, process_shared.c has the state outside of keys,
// process_windows.c that of windows, and process_passes.c goes over all keys for a rule.
#pragma once

#include "core/operator/draws.h"
#include "core/operator/keyed.h"
#include "core/operator/result.h"
#include "core/operator/side_rows.h"
#include "core/vm/vm.h"

struct tm__operator_process {
    struct tm_operator base;
    struct tm_mem *mem;
    struct tm_schema *input, *schema; // of the batch under way; of the output, a reference
    struct tm_metric_slot *user_metrics;
    struct tm_vm_chain *rows[2], *timer; // by input; NULL where there is no function for them
    struct tm__operator_keyed keyed;
    struct tm__operator_draws draws;
    struct tm__operator_keys second_keys; // of the second input's rows
    struct tm__operator_output output;
    struct tm__operator_sides sides;
    double calls;                // of user functions by the chunks, as in chain.ffi.h
    int64_t read_ns, taken_ns;   // taken: when rows of timers left last
    struct tm_error failure;     // of a row, when it ends the job
    bool opened, ended, ticking; // ticking: a pass over timers of the wall clock goes on
    bool untaken;                // the pass may have given rows that have not gone on
    // Up to where the watermark has gone on. Behind keyed.watermark: its timers fire. And: they do
    // because a checkpoint was taken between the two.
    int64_t forwarded;
    bool resumes;
    bool flushing;           // the input has ended: so do timers of the wall clock
    int64_t last_processing; // the latest timer of the wall clock; INT64_MIN: none
    int64_t flush_until;
    // Timers that have fired. The job stops: those that the pass under way had then are `fired` of
    // stop_at; what their calls register waits.
    uint64_t fired, stop_at;
    bool bounded; // stop_at is set

    // A batch is under way: of which input, its next row that is not in the block, and the block is
    // in the chunk.
    bool begun, entered;
    uint32_t from;
    const struct tm_row *row;

    // Timers that are due, out of the set and under way in the chunk, as rows of `timer_schema`.
    struct tm_schema *timer_schema, *pass_schema; // pass_schema: of keys alone
    struct tm_batch *due;
    uint32_t due_count, run_length; // of the run; how many the next one takes, 0: all it may
    enum tm_timer_domain domain;
    int64_t due_times[TM_TIMERS_AT_ONCE];
    uint32_t due_names[TM_TIMERS_AT_ONCE], due_name_lengths[TM_TIMERS_AT_ONCE];
    struct tm_buf due_bytes; // of keys and names

    // State outside of keys: a record of its own for each scope but the key's, under an empty key.
    struct tm__operator_keyed *shared[TM__SCOPES];
    uint8_t *no_slots[TM__OPERATOR_BLOCK]; // of rows without a key

    // Functions of windows that are told when one is gone (process_windows.c): columns of the rows;
    // of the block, how many rows it has and the keys of their windows.
    bool tells_end, has_bounds;
    // Firings that their windows number, as they are to be purged: which have been done; rows of
    // the block whose calls have failed.
    bool has_numbers;
    uint32_t firing_field, firing_offset;
    struct tm_buf firings; // int64_t, since tm__operator_process_forget_firings
    bool row_failed[TM__OPERATOR_BLOCK];
    uint32_t gone_field, start_offset, end_offset, window_rows;
    uint64_t window_hash; // of the empty key of windows of the whole stream
    struct tm_buf window_keys;

    // Passes over all keys that a rule's call wants: how many are left; the one under way began,
    // and goes on behind `pass_key` in `pass_group`.
    struct tm_vm_chain *pass;
    uint32_t pass_count, pass_group;
    bool pass_begun, pass_entered;
    uint64_t pass_hash;
    struct tm_buf pass_key;
};

extern const struct tm_inspect tm__operator_process_inspect; // inspect.c

// What the operator keeps, by state too (kept.c).
void tm__operator_process_kept(struct tm_operator *op, struct tm_kept *kept);

// Enters a chunk, on which the rows stand: enum tm_vm_run or negative.
int tm__operator_process_enter(struct tm__operator_process *self, struct tm_vm_chain *chain,
                               struct tm_error *err) TM_WARN_UNUSED;

// Columns of timers: the key's, then time, name, domain, and the event time of rows that they emit.
// Of passes: the key's and that event time. `key` is of `input`, which may be either of the two.
int tm__operator_process_due_schemas(struct tm__operator_process *self,
                                     const struct tm_schema *input, const struct tm_key_spec *key,
                                     struct tm_error *err) TM_WARN_UNUSED;
// Their batch, empty; TM_E_MEMORY. And it as the rows of a chunk, whose records are the block's.
int tm__operator_process_due_begin(struct tm__operator_process *self,
                                   struct tm_schema *schema) TM_WARN_UNUSED;
void tm__operator_process_due_lend(struct tm__operator_process *self, struct tm_vm_chain *chain);
// A row of such columns: the key of number `i` in the block. `timer`: NULL for a pass; event_time:
// NULL, or that of the rows that the call emits.
struct tm__operator_due {
    int64_t time;
    const char *name, *domain;
    uint32_t name_length;
};
int tm__operator_process_due_row(struct tm__operator_process *self, uint32_t i,
                                 const struct tm__operator_due *timer,
                                 const int64_t *event_time) TM_WARN_UNUSED;
// One run of timers that are due: those up to `limit`. 1: there are more, or the run goes on; 0:
// none is left; negative.
int tm__operator_process_fire(struct tm__operator_process *self, enum tm_timer_domain domain,
                              int64_t limit, struct tm_error *err) TM_WARN_UNUSED;
// The call of a rule wants so many passes.
void tm__operator_process_want(struct tm__operator_process *self, uint32_t count);
// A slice of the pass under way. 1: functions ran; 0: the pass is over; negative.
int tm__operator_process_pass(struct tm__operator_process *self,
                              struct tm_error *err) TM_WARN_UNUSED;

int tm__operator_process_open_shared(struct tm__operator_process *self,
                                     struct tm_error *err) TM_WARN_UNUSED;
// The empty key of a record outside of keys, in the state's first key group.
struct tm_key tm__operator_process_own_key(const struct tm__operator_keyed *keyed);
void tm__operator_process_free_shared(struct tm__operator_process *self);
// The records, for a chunk that is entered; and when it has returned. TM_E_MEMORY.
int tm__operator_process_lend_shared(struct tm__operator_process *self,
                                     struct tm_chain_ctx *entry) TM_WARN_UNUSED;
int tm__operator_process_return_shared(struct tm__operator_process *self) TM_WARN_UNUSED;
// Of a function of windows: once the input's schema is known; the records of the windows of the
// block's rows, once those of their keys are found; and behind the block. TM_E_MEMORY.
void tm__operator_process_windows_open(struct tm__operator_process *self,
                                       const struct tm_schema *input);
void tm__operator_process_windows_failed(struct tm__operator_process *self,
                                         const struct tm_row *row);
// The record of a window's states, or NULL.
struct tm_inspected_window;
const uint8_t *tm__operator_process_windows_find(struct tm__operator_process *self,
                                                 const struct tm_key *key,
                                                 const struct tm_inspected_window *window);
// Has the firing's function returned? And: all that have are known to who asks.
bool tm__operator_process_has_fired(const struct tm_operator *op, int64_t firing);
void tm__operator_process_forget_firings(struct tm_operator *op);
int tm__operator_process_windows_enter(struct tm__operator_process *self) TM_WARN_UNUSED;
int tm__operator_process_windows_leave(struct tm__operator_process *self) TM_WARN_UNUSED;
// Whose record it is: the slot of a key's, or of one outside of keys.
struct tm__operator_keyed *tm__operator_process_of_slot(struct tm__operator_process *self,
                                                        uint8_t **slot);
// Maps and lists of all of them; of a struct tm__operator_process.
extern const struct tm_vm_collections tm__operator_process_collections;
bool tm__operator_process_shares(const struct tm_node *node); // has it state outside of keys?
// process_saved.c: what a checkpoint has of it.
int tm__operator_process_snapshot(struct tm_operator *op, struct tm_cut *cut,
                                  struct tm_error *err) TM_WARN_UNUSED;
int tm__operator_process_restore(struct tm_operator *op, const struct tm_restored *restored,
                                 struct tm_error *err) TM_WARN_UNUSED;
// A timer of a call: what it does to the run under way.
int tm__operator_process_on_timer(struct tm__operator_process *self, uint8_t **slot,
                                  enum tm_timer_domain domain, bool remove, int64_t at,
                                  const char *name, uint32_t length) TM_WARN_UNUSED;
