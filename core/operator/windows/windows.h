// The general window operator's parts (README.md): whatever the one made of slices does not take.
//
// State: key -> record, which holds the key's windows in flight as cells of one size, ordered by
// (end, start): one in itself, more in a blob. A cell is its bounds, what its trigger remembers,
// and the accumulators; blobs of these lie in the same namespace and key group. Nothing in it is an
// address.
#pragma once

#include "core/base/limits.h"
#include "core/operator/custom.h"
#include "core/operator/cut.h"
#include "core/operator/keyed.h"
#include "core/operator/slots.h"
#include "core/state/agenda.h"

struct tm__windows_record {
    struct tm_blob cells; // of two and more; where cells are large, of one
    uint64_t total;       // of rows: COUNT windows
    uint64_t alone;       // 1: there is one cell, which lies here
    uint8_t cell[];
};
// A cell up to this lies in its key's record while it is the only one: no blob to find, to take and
// to give back.
enum { TM__CELL_ALONE_BYTES = 256 };

// What a cell remembers beside its bounds, each only where the operator needs it.
enum tm__windows_word {
    TM__WORD_WAKE,                                  // of TM_TIMER_EVENT: its next timer
    TM__WORD_WAKE_PROCESSING = TM_TIMER_PROCESSING, // of TM_TIMER_PROCESSING
    TM__WORD_NEXT,                                  // continuous triggers: the next firing
    TM__WORD_TIMEOUT,                               // when the timeout fires
    TM__WORD_COUNT,                                 // rows since the last firing
    TM__WORD_LAST, // DELTA: a tm_blob, the row that was last far enough from the one before
    TM__WORDS
};
enum { TM__NO_WORD = UINT32_MAX };

enum tm__windows_flag {
    TM__CELL_WAKES = 1, // << enum tm_timer_domain: there is a timer at that word
    TM__CELL_WAKES_PROCESSING = 2,
    TM__CELL_FILLED = 4,  // it has contents
    TM__CELL_TOLD = 8,    // that its result cannot be told has been said
    TM__CELL_AT_END = 16, // the trigger waits for event time to reach the window's last ms
    TM__CELL_AT_END_PROCESSING = 32, // the same by the clock
    TM__CELL_HAS_NEXT = 64,
    TM__CELL_HAS_TIMEOUT = 128, // the trigger remembers one
    TM__CELL_TIMEOUT_ARMED = 256,
    TM__CELL_NEXT_OVER = 512, // the next firing was the last ms, and has been; merging revives it
    TM__CELL_NO_LAST = 1024,  // what LAST holds is over
};

struct tm__windows_cell {
    int64_t start, end; // [start, end); a global window is [INT64_MIN, INT64_MAX)
    uint32_t flags;
    uint32_t spoilt; // merging overflowed aggregate spoilt - 1; UINT32_MAX: a function failed
    int64_t words[];
};

struct tm__windows {
    struct tm_operator base;
    struct tm_mem *mem;
    enum tm_window_kind kind;
    bool by_event;   // windows of event time
    bool bounded;    // windows have a begin and an end
    bool needs_time; // rows must have an event time
    int64_t size, slide, offset, lateness;
    struct tm_trigger trigger;   // never DEFAULT
    uint32_t word_at[TM__WORDS]; // index into words, or TM__NO_WORD
    uint32_t record_at;          // of the states of a custom trigger
    uint32_t contents_at, cell_bytes;
    bool keeps_alone; // one cell lies in the record

    // With an evictor the contents are the rows themselves, and what is computed of them is
    // computed anew by each firing, in `scratch`.
    struct tm_evictor evictor;
    struct tm__operator_aggregate buffered;
    struct tm_buf rows, keep; // of the firing under way: their addresses; flags
    void *scratch;
    size_t scratch_bytes;

    // Functions of the job, NULL where there are none; and about whom they are asked.
    struct tm__windows_pairs *trigger_delta, *evictor_delta;
    struct tm__windows_asked *asked;     // a custom trigger
    struct tm_metric_slot *user_metrics; // of the node, or NULL
    bool delta_fires;
    struct tm_buf entries, put_aside; // of the row under way (entry.c)
    const struct tm__windows_key *of_key;
    struct tm__windows_cell *of_cell;
    const struct tm_row *of_row; // that came; NULL: a firing, or a timer of the trigger's
    bool of_timer;
    enum tm_timer_domain of_domain;
    int64_t of_time;
    struct tm_schema *timer_schema; // of a dead letter's row; where there is a custom trigger
    struct tm_error failure;        // of a row, when it ends the job

    struct tm_schema *input; // of the rows under way
    uint32_t time_field, time_offset;
    uint32_t gap_offset; // of a session's gap in the row; 0: it is `size`
    struct tm__operator_keys keys;
    struct tm__operator_aggregates aggregates;
    struct tm__operator_custom *custom;
    struct tm__operator_block *alone; // of one row; where there is a custom aggregate
    struct tm__operator_result result;
    // A function of the job stands behind, and the job goes on where it fails: what it was called
    // for stays then. Windows that have fired and are to be purged wait for it (settle.c).
    uint32_t behind;                              // its node, where `waits_for_function`
    bool waits_for_function, numbering, numbered; // the row under way gets a number; has it
    int32_t firing_field; // of the result: the number of such a firing; -1: none
    int64_t firings;      // numbers given
    struct tm_buf fired;  // struct tm__windows_fired, of one key, whose bytes are in fired_key
    struct tm_buf fired_key, fired_keep; // rows that its evictors keep
    uint64_t fired_hash;
    int32_t gone_field; // of the result: true in rows that say that a window is gone; -1: none
    struct tm_state *state;
    struct tm_namespace *ns;
    struct tm_timers *timers;                    // of a custom trigger; else NULL
    struct tm_agenda *agendas[TM_TIMER_DOMAINS]; // of any other; NULL where nothing waits
    struct tm__operator_block *block;
    struct tm__operator_output output;

    int64_t watermark;
    int64_t key_watermark; // of the key that is worked on: behind a checkpoint it may be ahead
    struct tm__operator_reached reached;
    int64_t now_ms;          // never runs backwards
    int64_t last_processing; // the latest time that anything waited for by the clock

    bool begun; // a batch is under way: its next row
    const struct tm_row *row;

    bool late_side; // late rows go to side output late_number
    uint32_t late_number;
    struct tm_batch *late;

    bool firing; // an element is under way: its watermark, then what waits for the clock
    bool flushing;
    // Timers under way. Disturbed: one has been registered that may come before the last of them.
    struct tm_timer run[TM_TIMERS_AT_ONCE];
    enum tm_timer_domain run_domain;
    uint32_t run_count; // 0: none is under way
    bool disturbed;
    struct tm_buf run_bytes; // of one of a custom trigger

    struct tm__operator_layout layout; // of records
};

// The windows of one key, while it is worked on. Addresses hold until a window comes or goes.
struct tm__windows_key {
    const struct tm_key *key;
    uint32_t key_group;
    struct tm__windows_record *record;
    uint8_t *cells;
    uint32_t count;
};

static inline struct tm__windows_cell *tm__windows_at(const struct tm__windows *self,
                                                      const struct tm__windows_key *k, uint32_t i)
{
    return (struct tm__windows_cell *)(void *)(k->cells + (size_t)i * self->cell_bytes);
}
static inline void *tm__windows_contents(const struct tm__windows *self,
                                         struct tm__windows_cell *cell)
{
    return (uint8_t *)cell + self->contents_at;
}
static inline int64_t *tm__windows_word(const struct tm__windows *self,
                                        struct tm__windows_cell *cell, enum tm__windows_word word)
{
    return &cell->words[self->word_at[word]];
}
// Saturating: the bounds of a global window are the ends of time.
static inline int64_t tm__windows_last_ms(const struct tm__windows *self,
                                          const struct tm__windows_cell *cell)
{
    return self->bounded ? cell->end - 1 : INT64_MAX;
}
// When the window is thrown away. False: never.
static inline bool tm__windows_cleanup(const struct tm__windows *self, int64_t end, int64_t *at)
{
    *at = end - 1 + (self->by_event ? self->lateness : 0); // all within 2^55
    return self->bounded;
}
static inline bool tm__windows_is_late(const struct tm__windows *self, int64_t end)
{
    int64_t at;
    return self->by_event && tm__windows_cleanup(self, end, &at) && at <= self->key_watermark;
}

// The upsert has asked for the beginning and the end of an entry; the record's cell lies between.
enum { TM__WINDOWS_AHEAD = 8 };
static inline void tm__windows_ask_for(const struct tm__operator_block *block, uint32_t i)
{
    if (i >= block->count)
        return;
    __builtin_prefetch(block->values[i], 1, 2);
    __builtin_prefetch((const uint8_t *)block->values[i] + 64, 1, 2);
}

// --- cells.c ---------------------------------------------------------------------------------

// TM_E_MEMORY.
int tm__windows_open_key(const struct tm__windows *self, const struct tm_key *key,
                         struct tm__windows_record *record,
                         struct tm__windows_key *k) TM_WARN_UNUSED;
// Windows of all keys that hold rows.
uint64_t tm__windows_count(const struct tm__windows *self);
// The same from TM_KEPT_KEYS keys; *is_rough: there are more.
uint64_t tm__windows_estimate(const struct tm__windows *self, bool *is_rough);
// The first cell that is not before the window; it may be the window's.
uint32_t tm__windows_seek(const struct tm__windows *self, const struct tm__windows_key *k,
                          int64_t start, int64_t end);
// A new cell in front of cell i. TM_E_MEMORY, TM_E_LIMIT.
int tm__windows_insert(struct tm__windows *self, struct tm__windows_key *k, uint32_t i,
                       int64_t start, int64_t end) TM_WARN_UNUSED;
// Cells [i, i + n) go with what they hold. TM_E_MEMORY.
int tm__windows_remove(struct tm__windows *self, struct tm__windows_key *k, uint32_t i,
                       uint32_t n) TM_WARN_UNUSED;

// --- contents.c ------------------------------------------------------------------------------

// The row into the cell's accumulators. 1: it failed, which has been told; negative: the job fails.
int tm__windows_add(struct tm__windows *self, const struct tm__windows_key *k, uint32_t i,
                    const struct tm_row *row, struct tm_error *err) TM_WARN_UNUSED;
// The row fails, which is told, because of an aggregate. 1 or negative.
int tm__windows_refused(struct tm__windows *self, const struct tm_row *row,
                        const struct tm__operator_aggregate *culprit,
                        struct tm_error *err) TM_WARN_UNUSED;
// What cell `from` holds into cell `to`, whose rows came earlier. `row`: it brings them together;
// 1: a function of the job has refused that, which has been told, and the row is to be undone.
// NULL: a firing does; then `to` is spoilt.
int tm__windows_merge(struct tm__windows *self, const struct tm__windows_key *k, uint32_t to,
                      uint32_t from, const struct tm_row *row, struct tm_error *err) TM_WARN_UNUSED;
int tm__windows_purge(struct tm__windows *self, const struct tm__windows_key *k,
                      struct tm__windows_cell *cell) TM_WARN_UNUSED; // TM_E_MEMORY
// The cell's row to the output, if it has contents. 1: a function has failed, which has been told,
// and the window is to live on as it was.
int tm__windows_emit(struct tm__windows *self, const struct tm__windows_key *k,
                     struct tm__windows_cell *cell, struct tm_error *err) TM_WARN_UNUSED;

// --- settle.c --------------------------------------------------------------------------------

// The window has fired, and is to be purged or has lost rows to its evictor: that waits until the
// step's output is done with. The last row of the output is its row.
void tm__windows_find_function(struct tm__windows *self);
// Gives the row a number of such a firing.
void tm__windows_number(struct tm__windows *self, uint8_t *row);
int tm__windows_fired(struct tm__windows *self, const struct tm__windows_key *k,
                      const struct tm__windows_cell *cell,
                      bool purges) TM_WARN_UNUSED; // TM_E_MEMORY
// Windows of firings whose function has returned lose what they were to lose. TM_E_MEMORY.
int tm__windows_settle(struct tm__windows *self) TM_WARN_UNUSED;
static inline bool tm__windows_is_unsettled(const struct tm__windows *self)
{
    return self->fired.size_bytes != 0;
}

// --- evict.c ---------------------------------------------------------------------------------

// Once the input's schema is known.
int tm__windows_buffer_open(struct tm__windows *self, const struct tm_schema *input,
                            struct tm_error *err) TM_WARN_UNUSED;
// The firing under way has failed (1), or its function may (self->numbered): all rows are there;
// else those have gone that self->keep does not keep.
int tm__windows_emit_buffered(struct tm__windows *self, const struct tm__windows_key *k,
                              struct tm__windows_cell *cell, struct tm_error *err) TM_WARN_UNUSED;
// Of the cell's `count` rows those stay that `keep` says. TM_E_MEMORY.
int tm__windows_keep_rows(struct tm__windows *self, const struct tm__windows_key *k,
                          struct tm__windows_cell *cell, const uint8_t *keep,
                          uint32_t count) TM_WARN_UNUSED;
// A row of the cell with what `value` holds; see tm__windows_emit.
int tm__windows_put(struct tm__windows *self, const struct tm__windows_key *k,
                    struct tm__windows_cell *cell, const void *value,
                    struct tm_error *err) TM_WARN_UNUSED;
// Says that the window is gone for good, to who wants to know. TM_E_MEMORY.
int tm__windows_tell_end(struct tm__windows *self, const struct tm__windows_key *k,
                         const struct tm__windows_cell *cell, struct tm_error *err) TM_WARN_UNUSED;
static inline bool tm__windows_buffers(const struct tm__windows *self)
{
    return self->evictor.kind != TM_EVICTOR_NONE;
}
static inline struct tm__operator_home tm__windows_home(const struct tm__windows *self,
                                                        const struct tm__windows_key *k)
{
    return (struct tm__operator_home){self->state, self->ns, k->key_group};
}

// --- pairs.c ---------------------------------------------------------------------------------

// How far two rows are apart, says a function of the job. `role`: of its chunk.
int tm__windows_pairs_new(struct tm__windows *self, const char *role,
                          struct tm__windows_pairs **pairs, struct tm_error *err) TM_WARN_UNUSED;
void tm__windows_pairs_free(struct tm__windows_pairs *pairs);                       // NULL is fine
struct tm_vm_chain *tm__windows_pairs_chunk(const struct tm__windows_pairs *pairs); // of NULL: NULL
// distances[i] between a[i] and b. 1: the function failed, which has been told; negative.
int tm__windows_pairs_ask(struct tm__windows_pairs *pairs, const struct tm_row *const *a,
                          uint32_t count, const struct tm_row *b, double *distances,
                          struct tm_error *err) TM_WARN_UNUSED;
// About whom functions are asked now.
static inline void tm__windows_about(struct tm__windows *self, const struct tm__windows_key *k,
                                     struct tm__windows_cell *cell, const struct tm_row *row)
{
    self->of_key = k;
    self->of_cell = cell;
    self->of_row = row;
    self->of_timer = false;
}
static inline void tm__windows_about_timer(struct tm__windows *self,
                                           const struct tm__windows_key *k,
                                           struct tm__windows_cell *cell,
                                           enum tm_timer_domain domain, int64_t time)
{
    tm__windows_about(self, k, cell, NULL);
    self->of_timer = true;
    self->of_domain = domain;
    self->of_time = time;
}

// --- failed.c --------------------------------------------------------------------------------

// A function has failed: of a row that came, of a firing, of a timer of the trigger's. 0 or
// negative, and why in *failure.
int tm__windows_tell(struct tm__windows *self, int code, const char *message, size_t length,
                     struct tm_error *failure);
// Columns of rows that show a timer.
int tm__windows_timer_schema(struct tm__windows *self, struct tm_error *err) TM_WARN_UNUSED;
// A result that cannot be told, which is.
int tm__windows_result_failed(struct tm__windows *self, const struct tm__windows_key *k,
                              const struct tm__windows_cell *cell, int code,
                              const struct tm__operator_aggregate *culprit,
                              struct tm_error *err) TM_WARN_UNUSED;

// --- asked.c ---------------------------------------------------------------------------------

int tm__windows_asked_new(struct tm__windows *self, struct tm_error *err) TM_WARN_UNUSED;
int tm__windows_asked_open(struct tm__windows *self, struct tm_error *err) TM_WARN_UNUSED;
void tm__windows_asked_set_clock(struct tm__windows *self, int64_t now_ms); // not back
void tm__windows_asked_free(struct tm__windows_asked *asked);               // NULL is fine
// Its chunks, which may draw random numbers; NULL where there is none, or no such trigger.
enum { TM__ASKED_CHUNKS = 5 };
void tm__windows_asked_chunks(const struct tm__windows_asked *asked,
                              struct tm_vm_chain *chunks[TM__ASKED_CHUNKS]);
const struct tm__operator_keyed *tm__windows_asked_keyed(const struct tm__windows_asked *asked);
uint32_t tm__windows_asked_bytes(const struct tm__windows_asked *asked); // of its record
// What a row's calls do is kept or undone as a whole (../keyed.h): from here on, until asked_end.
void tm__windows_asked_begin(struct tm__windows *self, const struct tm__windows_key *k);
int tm__windows_asked_end(struct tm__windows *self, bool keeps) TM_WARN_UNUSED; // TM_E_MEMORY
// What a timer says. 1: the function failed, which has been told; negative.
int tm__windows_asked_timer(struct tm__windows *self, const struct tm__windows_key *k,
                            struct tm__windows_cell *cell, enum tm_timer_domain domain,
                            int64_t time, int *verdict, struct tm_error *err) TM_WARN_UNUSED;
// The window is gone: at its end, by the timer that asked_timer was called for, or because of a row
// (else NULL). 1: the function failed, which has been told; negative.
int tm__windows_asked_clear(struct tm__windows *self, const struct tm__windows_key *k,
                            struct tm__windows_cell *cell, const struct tm_row *row,
                            struct tm_error *err) TM_WARN_UNUSED;
// The last timer of a window goes. TM_E_MEMORY.
int tm__windows_asked_unschedule(struct tm__windows *self, const struct tm__windows_key *k,
                                 struct tm__windows_cell *cell) TM_WARN_UNUSED;
// What a cell remembers as a row for merging, behind those there are; then, in the cell that all
// become, each of them. 1: a function failed, which has been told.
int tm__windows_asked_remember(struct tm__windows *self, const struct tm__windows_key *k,
                               const struct tm__windows_cell *cell,
                               struct tm_error *err) TM_WARN_UNUSED;
int tm__windows_asked_merge(struct tm__windows *self, const struct tm__windows_key *k,
                            struct tm__windows_cell *cell, const struct tm_row *row,
                            struct tm_error *err) TM_WARN_UNUSED;
// Gives back what the trigger remembers of a cell. TM_E_MEMORY.
int tm__windows_forget(struct tm__windows *self, const struct tm__windows_key *k,
                       struct tm__windows_cell *cell) TM_WARN_UNUSED;

// --- entry.c ---------------------------------------------------------------------------------

// How a cell came to be one of a row's: it was there, was made for it, is what others are to become
// and stands behind all until then, is one of those.
enum tm__windows_made { TM__CELL_WAS, TM__CELL_MADE, TM__CELL_JOINED, TM__CELL_GOES };
struct tm__windows_entry {
    int64_t start, end;
    enum tm__windows_made made;
    int verdict; // of a custom trigger
    uint32_t flags;
    bool delta_fires, is_last, has_contents; // is_last: what a delta trigger remembers from now on
    size_t record, contents;                 // put aside
};
// A row goes into windows that functions of the job have a say in: begin; open for each cell; ask;
// add; then keep and act, or, when ask or add has said 1, undo: all is as it was before the row.
void tm__windows_entry_begin(struct tm__windows *self, const struct tm__windows_key *k);
int tm__windows_entry_open(struct tm__windows *self, const struct tm__windows_key *k, uint32_t i,
                           enum tm__windows_made made, struct tm_error *err) TM_WARN_UNUSED;
int tm__windows_entry_ask(struct tm__windows *self, const struct tm__windows_key *k,
                          const struct tm_row *row, struct tm_error *err) TM_WARN_UNUSED;
int tm__windows_entry_add(struct tm__windows *self, const struct tm__windows_key *k,
                          const struct tm_row *row, struct tm_error *err) TM_WARN_UNUSED;
int tm__windows_entry_undo(struct tm__windows *self, struct tm__windows_key *k,
                           struct tm_error *err) TM_WARN_UNUSED;
int tm__windows_entry_keep(struct tm__windows *self, struct tm_error *err) TM_WARN_UNUSED;
// The others are gone, and the cell that they have become stands in its place.
void tm__windows_entry_joined(struct tm__windows *self);
int tm__windows_entry_act(struct tm__windows *self, struct tm__windows_key *k,
                          const struct tm_row *row, int64_t time,
                          struct tm_error *err) TM_WARN_UNUSED;
// Do functions of the job have a say in what becomes of a row?
static inline bool tm__windows_is_asked(const struct tm__windows *self)
{
    return self->asked != NULL || self->trigger_delta != NULL ||
           (self->custom != NULL && !tm__windows_buffers(self));
}
// Functions of the trigger about a row, before it is added. 1: one failed.
int tm__windows_ask(struct tm__windows *self, const struct tm__windows_key *k,
                    struct tm__windows_cell *cell, const struct tm_row *row,
                    struct tm__windows_entry *entry, struct tm_error *err) TM_WARN_UNUSED;
// A delta trigger remembers the row. TM_E_MEMORY, TM_E_LIMIT.
int tm__windows_remember_last(struct tm__windows *self, const struct tm__windows_key *k,
                              struct tm__windows_cell *cell,
                              const struct tm_row *row) TM_WARN_UNUSED;

// --- trigger.c -------------------------------------------------------------------------------

enum tm__windows_verdict { TM__CONTINUE = 0, TM__FIRE = 1, TM__PURGE = 2 };

// The trigger that stands for the default.
struct tm_trigger tm__windows_trigger_of(const struct tm_node *node);
// Which words a cell needs.
bool tm__windows_needs(const struct tm__windows *self, enum tm__windows_word word);
int tm__windows_on_element(struct tm__windows *self, struct tm__windows_cell *cell, int64_t time);
// Is anything of the cell due at exactly this time? Then what it says.
bool tm__windows_on_timer(struct tm__windows *self, struct tm__windows_cell *cell,
                          enum tm_timer_domain domain, int64_t time, int *verdict);
// The cell, now [start, end), takes over what the trigger knows of `from`.
void tm__windows_merge_trigger(struct tm__windows *self, struct tm__windows_cell *cell,
                               struct tm__windows_cell *from);
// After such merges.
void tm__windows_merged(struct tm__windows *self, struct tm__windows_cell *cell);
// A window as bytes whose order is that of (start, end): the name of its timers.
void tm__windows_name(const struct tm__windows_cell *cell, uint64_t name[2]);
// A timer has been registered.
static inline void tm__windows_registered(struct tm__windows *self, enum tm_timer_domain domain,
                                          int64_t time)
{
    uint32_t count = self->run_count;
    if (domain == self->run_domain && count != 0 && time <= self->run[count - 1].time)
        self->disturbed = true;
}
// What the clock lets go at the end of input reaches as far as the cell waits for.
void tm__windows_note_last(struct tm__windows *self, const struct tm__windows_cell *cell);
// Sees to it that the cell wakes in time. TM_E_MEMORY, TM_E_LIMIT.
int tm__windows_schedule(struct tm__windows *self, const struct tm__windows_key *k,
                         struct tm__windows_cell *cell) TM_WARN_UNUSED;
// Acts on a verdict: emits, purges.
int tm__windows_act(struct tm__windows *self, const struct tm__windows_key *k,
                    struct tm__windows_cell *cell, int verdict,
                    struct tm_error *err) TM_WARN_UNUSED;

// --- wakes.c ---------------------------------------------------------------------------------

int tm__windows_wakes_open(struct tm__windows *self, struct tm_error *err) TM_WARN_UNUSED;
void tm__windows_wakes_free(struct tm__windows *self);
// As tm_timers_next_time, tm_timers_count.
int64_t tm__windows_wakes_next(const struct tm__windows *self, enum tm_timer_domain domain);
uint64_t tm__windows_wakes_count(const struct tm__windows *self, enum tm_timer_domain domain);
int64_t tm__windows_wakes_bytes(const struct tm__windows *self);
// All cells of a key group's keys, until visit() does not return 0: what it returned.
int tm__windows_each_cell(const struct tm__windows *self, uint32_t key_group,
                          int (*visit)(void *arg, const struct tm_key *key,
                                       const struct tm__windows_cell *cell),
                          void *arg);
// False: nothing of the cell waits in this domain.
bool tm__windows_wake_of(const struct tm__windows *self, const struct tm__windows_cell *cell,
                         enum tm_timer_domain domain, int64_t *time);
// What the cells of these key groups wait for, inclusive, into the agendas, which have nothing of
// them: the state is one that was kept. Not of a custom trigger. TM_E_MEMORY.
int tm__windows_wakes_enter(struct tm__windows *self, uint32_t first, uint32_t last) TM_WARN_UNUSED;

// --- place.c, session.c, count.c ---------------------------------------------------------------

// What became of a row: how many of its windows took it, and whether it belongs to any.
enum tm__windows_fate { TM__ROW_USED, TM__ROW_LATE, TM__ROW_GAP, TM__ROW_FAILED };
// The row, of time `time`, into its windows; *fate.
int tm__windows_place(struct tm__windows *self, struct tm__windows_key *k, const struct tm_row *row,
                      int64_t time, enum tm__windows_fate *fate,
                      struct tm_error *err) TM_WARN_UNUSED;
// Adds the row to cell i, which no function of the job has a say in, and does what the trigger
// says; removes the cell when it is `created` for nothing. 1: the row failed.
int tm__windows_enter(struct tm__windows *self, struct tm__windows_key *k, uint32_t i, bool created,
                      const struct tm_row *row, int64_t time, struct tm_error *err) TM_WARN_UNUSED;
int tm__windows_place_session(struct tm__windows *self, struct tm__windows_key *k,
                              const struct tm_row *row, int64_t time, enum tm__windows_fate *fate,
                              struct tm_error *err) TM_WARN_UNUSED;
int tm__windows_place_count(struct tm__windows *self, struct tm__windows_key *k,
                            const struct tm_row *row, enum tm__windows_fate *fate,
                            struct tm_error *err) TM_WARN_UNUSED;

// --- rows.c, fire.c ----------------------------------------------------------------------------

// The batch, resumable: TM_STEP_MORE with *out full or a full side output.
int tm__windows_take(struct tm__windows *self, struct tm_element *in, struct tm_element *out,
                     struct tm_error *err) TM_WARN_UNUSED;
// Keys of the block that have no windows are forgotten; the block is done. TM_E_MEMORY.
int tm__windows_sweep(struct tm__windows *self, struct tm_error *err) TM_WARN_UNUSED;
// Timers of the domain up to and with `until`, resumable.
int tm__windows_fire(struct tm__windows *self, enum tm_timer_domain domain, int64_t until,
                     struct tm_element *out, struct tm_error *err) TM_WARN_UNUSED;

// --- saved.c, saved_look.c ---------------------------------------------------------------------

// See core/task/operator.h.
int tm__windows_snapshot(struct tm_operator *op, struct tm_cut *cut,
                         struct tm_error *err) TM_WARN_UNUSED;
int tm__windows_restore(struct tm_operator *op, const struct tm_restored *restored,
                        struct tm_error *err) TM_WARN_UNUSED;
// What is wrong with a record that came back; NULL: nothing.
const char *tm__windows_wrong(void *self, struct tm__operator_seen *seen, const void *record);

int tm__windows_new(struct tm_task_context *ctx, const struct tm_node *node,
                    struct tm_operator **op, struct tm_error *err) TM_WARN_UNUSED;
extern const struct tm_inspect tm__operator_windows_inspect; // ../inspect_windows.c
int tm__windows_no_memory(const struct tm__windows *self, int rc, struct tm_error *err);
