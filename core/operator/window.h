// The window operator's parts: window.c takes rows in, window_fire.c lets results out,
// window_saved.c is about checkpoints, window_time.h is the arithmetic of all.
//
// Rows are added to slices: pieces of time that no window's bound cuts. A slice is a namespace of
// the state, its id the slice's start. Windows that do not overlap have one slice each, of their
// size. Slices of others are as long as the greatest common divisor of size and slide: they wait in
// the state until a window reaches them, and then enter what runs along (running.h).
#pragma once

#include "core/operator/partial.h"
#include "core/operator/running.h"

// Where rows of an interval of time go. `width` 0: nowhere yet.
struct tm__operator_pane {
    int64_t low;
    uint64_t width;
    enum { TM__PANE_SLICE, TM__PANE_LATE, TM__PANE_GAP, TM__PANE_NO_TIME } kind;
    struct tm_namespace *slice;
};

struct tm__operator_window {
    struct tm_operator base;
    struct tm_mem *mem;
    int64_t size, slide, offset;
    int64_t period;          // windows begin so far apart
    int64_t slice_ms;        // a slice is so long
    struct tm_schema *input; // of the rows; valid while a batch is under way
    uint32_t time_field, time_offset;
    struct tm__operator_keys keys;
    struct tm__operator_aggregates aggregates;
    struct tm__operator_custom *custom;  // NULL: built-in aggregates
    struct tm__operator_partial partial; // of rows that were added up before they came
    uint64_t partial_rows;               // in the block
    struct tm__operator_result result;
    struct tm_state *state;
    struct tm__operator_block *block;
    struct tm__operator_pane panes[2]; // the last used first

    int64_t watermark; // as far as it has been processed: windows that end by it have fired
    int64_t fired_end; // so have all windows that end here or before
    struct tm__operator_output output;

    // Firing, a window at a time, a key group at a time.
    bool firing;      // a watermark is being processed
    bool window_open; // the window that ends at `end` is being emitted
    int64_t start, end, next_start;
    uint32_t key_group; // under way
    bool group_open;    // `cursor` is in it
    struct tm_state_cursor cursor;
    struct tm_namespace *single; // the window's slice, where they do not overlap
    uint32_t entered; // key groups before it have entered, or do so now, from `key_group` on
    struct tm_namespace *entering;       // the next of their slices to enter
    struct tm__operator_running running; // where they overlap

    struct tm__operator_layout layout;   // of slices
    struct tm__operator_reached reached; // behind a checkpoint
    // How far the least of those key groups is that the last window passed over because they had
    // fired it before a checkpoint; INT64_MAX: it passed over none.
    int64_t ahead;
};

// Is there something of windows before that later ones need?
static inline bool tm__operator_window_lasts(const struct tm__operator_window *self)
{
    return self->running.lasts || self->ahead < 4 * TM_INT_MAX;
}

// Of windows that do not overlap, and of those that do (inspect_windows.c).
extern const struct tm_inspect tm__operator_slices_inspect, tm__operator_overlapping_inspect;

// Windows with rows that have not fired, at least: each once, whatever its keys.
uint64_t tm__operator_window_count(const struct tm__operator_window *self);
// Goes on with the firing of `watermark`: TM_STEP_MORE with *out full or empty (more to do), or
// TM_STEP_DONE (all is out).
int tm__operator_window_fire(struct tm__operator_window *self, int64_t watermark,
                             struct tm_element *out, struct tm_error *err) TM_WARN_UNUSED;

// A watermark is processed in one go as far as a checkpoint is concerned: its barrier comes behind
// it, when all windows that it closes have fired.
int tm__operator_window_snapshot(struct tm_operator *op, struct tm_cut *cut,
                                 struct tm_error *err) TM_WARN_UNUSED;
int tm__operator_window_restore(struct tm_operator *op, const struct tm_restored *restored,
                                struct tm_error *err) TM_WARN_UNUSED;
// Rows of the block that were late before the checkpoint leave it: the rest of the operator is
// behind their key groups.
void tm__operator_window_drop_late(struct tm__operator_window *self);
