// What operators share in giving what they keep to a checkpoint and beginning with one: what values
// are made of, states, and the few numbers beside them.
//
// A checkpoint may have been written by another script at another parallelism, and may have been
// edited: its checksums are good then. So what comes back is looked at before it is used: keys can
// be read as their columns, and what a value refers to is as long as it says.
#pragma once

#include "core/checkpoint/restored.h"
#include "core/operator/aggregate.h"

// --- layouts -------------------------------------------------------------------------------------

// Made when it is first asked for, from fields that are added one by one. What fails is remembered
// and said by `end`.
struct tm__operator_layout {
    struct tm_layout layout;
    struct tm_mem *mem;
    struct tm_layout_field *fields;
    uint32_t capacity;
    int code;
};
static inline bool tm__operator_layout_is_made(const struct tm__operator_layout *layout)
{
    return layout->mem != NULL;
}
void tm__operator_layout_begin(struct tm__operator_layout *layout, struct tm_mem *mem,
                               uint32_t value_bytes);
void tm__operator_layout_fini(struct tm__operator_layout *layout); // also of one all zero
// A field as `field` says, but for its name and the text of its type: `what`, or "what(type)" with
// a type that is not NULL.
void tm__operator_layout_add(struct tm__operator_layout *layout,
                             const struct tm_layout_field *field, const char *name,
                             const char *what, const struct tm_type *type);
// A field of no bytes: what must be equal for values to mean the same.
void tm__operator_layout_say(struct tm__operator_layout *layout, const char *name,
                             const char *what);
// Of which types the columns of the operator's key are, as "$key": state of other keys is of no
// use. Nothing where it has none.
void tm__operator_layout_say_key(struct tm__operator_layout *layout, const struct tm_operator *op);
// The types alone, with a NUL behind them; "": it has none. TM_E_MEMORY.
int tm__operator_key_types(const struct tm_operator *op, struct tm_buf *text) TM_WARN_UNUSED;
int tm__operator_layout_end(struct tm__operator_layout *layout) TM_WARN_UNUSED; // 0; TM_E_MEMORY

// Fields of accumulators that begin at `at`, with names (`prefix` and their own) and presence of
// their own, so that some can be added and others removed. `place` says in which items, if any.
void tm__operator_aggregates_layout(const struct tm__operator_aggregates *aggregates,
                                    const struct tm_schema *input, const char *prefix,
                                    const struct tm_layout_field *place, uint32_t at,
                                    struct tm__operator_layout *layout);
// Of the value itself.
extern const struct tm_layout_field tm__operator_in_value;

// --- states --------------------------------------------------------------------------------------

int tm__operator_cut_state(const struct tm_operator *op, struct tm_cut *cut, const char *part,
                           struct tm_state *state, const struct tm__operator_layout *layout,
                           struct tm_error *err) TM_WARN_UNUSED;
// What came back of one key, looked at.
struct tm__operator_seen {
    struct tm__operator_home home;
    struct tm_state_claims *claims; // of the key group: which blobs are whose
    struct tm_error why;            // room for a text
};
// The bytes of a blob, which is nobody else's from now on; NULL: it is none.
const void *tm__operator_seen_blob(struct tm__operator_seen *seen, const struct tm_blob *blob);
// Looks at a value that came back: what is wrong with it; NULL: nothing.
typedef const char *tm__operator_look_at_value(void *arg, struct tm__operator_seen *seen,
                                               const void *value);
// Fills an empty state, and looks at all of it. `reader` NULL: any bytes may be a key. `look` NULL:
// any value is good.
int tm__operator_restore_state(const struct tm_operator *op, const struct tm_restored *restored,
                               const char *part, const struct tm__operator_layout *layout,
                               struct tm_state *state, const struct tm_key_reader *reader,
                               tm__operator_look_at_value *look, void *arg,
                               struct tm_error *err) TM_WARN_UNUSED;
// Looks at a state that is filled already.
int tm__operator_look_at_state(const struct tm_operator *op, const char *part,
                               struct tm_state *state, const struct tm_key_reader *reader,
                               tm__operator_look_at_value *look, void *arg,
                               struct tm_error *err) TM_WARN_UNUSED;
// The part is damaged: TM_E_CHECKPOINT.
int tm__operator_damaged(const struct tm_operator *op, const char *part, struct tm_error *err,
                         const char *fmt, ...) TM_PRINTF(4, 5);
// The namespace, made where it is not there. NULL: out of memory.
struct tm_namespace *tm__operator_namespace(struct tm_state *state, int64_t id) TM_WARN_UNUSED;

// What is wrong with accumulators that came back; NULL: nothing.
const char *tm__operator_aggregates_wrong(const struct tm__operator_aggregates *aggregates,
                                          const struct tm_schema *input,
                                          struct tm__operator_seen *seen, const void *value);
// Can any be? Else there is nothing to look at.
bool tm__operator_aggregates_can_be_wrong(const struct tm__operator_aggregates *aggregates);
// distinct.c, quantile.c, list.c, custom.c
const char *tm__operator_distinct_wrong(const struct tm__operator_aggregate *item,
                                        struct tm__operator_seen *seen, const void *acc);
const char *tm__operator_quantile_wrong(struct tm__operator_seen *seen, const void *acc);
// `field`: of the input, of values; NULL: rows.
const char *tm__operator_list_wrong(const struct tm__operator_aggregate *item,
                                    const struct tm_field *field, struct tm__operator_seen *seen,
                                    const void *acc);
const char *tm__operator_custom_wrong(const struct tm__operator_custom *custom,
                                      struct tm__operator_seen *seen, const void *value);
// A row, or a value of a field, in a blob.
const char *tm__operator_row_wrong(struct tm__operator_seen *seen, const struct tm_schema *schema,
                                   const struct tm_blob *blob);
const char *tm__operator_bytes_wrong(struct tm__operator_seen *seen, const struct tm_field *field,
                                     const struct tm_blob *blob);

// --- numbers -------------------------------------------------------------------------------------

// What a subtask knows beside its state: a part of items, one of each subtask.
int tm__operator_cut_words(const struct tm_operator *op, struct tm_cut *cut, const char *part,
                           const int64_t *words, uint32_t count,
                           struct tm_error *err) TM_WARN_UNUSED;
struct tm__operator_old {
    uint32_t subtask, parallelism, max_parallelism; // of who wrote it
    const int64_t *words;
    uint32_t count;
};
typedef int tm__operator_take_words(void *arg, const struct tm__operator_old *old,
                                    struct tm_error *err);
// Each old subtask's, of `count` words.
int tm__operator_restore_words(const struct tm_operator *op, const struct tm_restored *restored,
                               const char *part, uint32_t count, tm__operator_take_words *take,
                               void *arg, struct tm_error *err) TM_WARN_UNUSED;
// The same of a part that may be an operator's of another kind, of `other` words.
int tm__operator_restore_words_of(const struct tm_operator *op, const struct tm_restored *restored,
                                  const char *part, uint32_t count, uint32_t other,
                                  tm__operator_take_words *take, void *arg,
                                  struct tm_error *err) TM_WARN_UNUSED;

// Windows of slices and all others keep different things, under parts of their own; but for the
// part "window time": the first word is the watermark, the last one the number of rows so far.
enum { TM__WINDOW_SLICES_WORDS = 3, TM__WINDOWS_WORDS = 4 };
// State of windows of the other kind cannot be taken: TM_E_STATE_TYPE with what they were, or that
// is noted (changed.h). 0 where the checkpoint has no such part.
int tm__operator_refuse_windows(const struct tm_operator *op, const struct tm_restored *restored,
                                const char *part, const struct tm__operator_layout *layout,
                                struct tm_state *state, struct tm_error *err) TM_WARN_UNUSED;

// How far event time had come for the keys of each key group, where old subtasks were not equally
// far: windows that had fired for some keys may not fire again, nor take rows that were late.
struct tm__operator_reached {
    struct tm_mem *mem;
    uint32_t first, count;
    int64_t *at;   // by key group; NULL: all as far as the operator
    int64_t least; // the operator's watermark
    int64_t most;
    uint64_t told[TM_PARALLELISM_MAX / 64]; // by bit: old subtasks of which items say it by group
};
int tm__operator_reached_begin(struct tm__operator_reached *reached, const struct tm_operator *op,
                               struct tm_error *err) TM_WARN_UNUSED;
void tm__operator_reached_note(struct tm__operator_reached *reached, const struct tm_operator *op,
                               const struct tm__operator_old *old, int64_t watermark);
void tm__operator_reached_end(struct tm__operator_reached *reached);
// Part "window groups": where key groups are apart yet, how far each is; it is read behind begin,
// before anything is noted. Nothing where they are not.
int tm__operator_reached_cut(const struct tm__operator_reached *reached,
                             const struct tm_operator *op, int64_t watermark, struct tm_cut *cut,
                             struct tm_error *err) TM_WARN_UNUSED;
int tm__operator_reached_restore(struct tm__operator_reached *reached, const struct tm_operator *op,
                                 const struct tm_restored *restored,
                                 struct tm_error *err) TM_WARN_UNUSED;
void tm__operator_reached_fini(struct tm__operator_reached *reached); // also of one all zero
// The operator has come so far: nothing is known apart any more when all have.
static inline void tm__operator_reached_pass(struct tm__operator_reached *reached,
                                             int64_t watermark)
{
    if (TM_UNLIKELY(reached->at != NULL) && watermark >= reached->most)
        tm__operator_reached_fini(reached);
}
// How far a key group is, where the operator is at `watermark`.
static inline int64_t tm__operator_reached_of(const struct tm__operator_reached *reached,
                                              uint32_t key_group, int64_t watermark)
{
    if (TM_LIKELY(reached->at == NULL))
        return watermark;
    int64_t at = reached->at[key_group - reached->first];
    return at > watermark ? at : watermark;
}
