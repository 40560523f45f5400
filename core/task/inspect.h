// Looking at what an operator keeps of a key, and at its timers: for tests and tools, between
// turns, on the worker's thread. Nothing is changed by it.
#pragma once

#include "core/batch/nested.h"
#include "core/state/timers.h"
#include "core/task/operator.h"

// Windows that share what they hold have none that is a window's own: then a part of it is shown.
enum tm_inspected_part {
    TM_INSPECTED_WHOLE = 0,
    TM_INSPECTED_SLICE, // rows of a piece of time that no window has reached yet
    TM_INSPECTED_FIRED, // what the last window that fired held
};
struct tm_inspected_window {
    bool bounded; // has it a begin and an end?
    int64_t start, end;
    uint8_t part; // enum tm_inspected_part
};
#define TM_INSPECTED_UNSENT "unsent" // the state of rows in front of an exchange
#define TM_INSPECTED_ROWS "$rows"    // the column of a window's rows, whose state is "rows"

// Gets what there is, in the order of the states' declaration; any of it may be NULL: not wanted.
// Slots are valid during the call.
struct tm_inspector {
    void *arg;
    // A state with one value. One that is not there, or whose time to live is over, is not given.
    void (*value)(void *arg, const char *state, struct tm_type type, struct tm_slot slot);
    // The next item of a list; slot.at NULL: null.
    void (*item)(void *arg, const char *state, struct tm_type type, struct tm_slot slot);
    // An entry of a map, or a field of an accumulator; slot.at NULL: null.
    void (*entry)(void *arg, const char *state, struct tm_type key_type, struct tm_slot key,
                  struct tm_type type, struct tm_slot slot);
    // A timer, in the order (time, key bytes, name) of its key group and domain. False: enough.
    bool (*timer)(void *arg, enum tm_timer_domain domain, const struct tm_timer *timer);
    // A window of the key, in the order (end, start), and behind it what its trigger remembers.
    void (*window)(void *arg, const struct tm_inspected_window *window);
};

struct tm_inspect {
    // The states of a key whose group may be another subtask's. 0; TM_E_MEMORY.
    int (*states)(struct tm_operator *op, const struct tm_key *key,
                  const struct tm_inspector *inspector);
    // The key's windows that are open.
    int (*windows)(struct tm_operator *op, const struct tm_key *key,
                   const struct tm_inspector *inspector);
    // The same with what each of them holds: its columns, as values, or its rows, as the list
    // "rows".
    int (*contents)(struct tm_operator *op, const struct tm_key *key,
                    const struct tm_inspector *inspector);
    // Of a function of windows: the states of one of them.
    int (*window_states)(struct tm_operator *op, const struct tm_key *key,
                         const struct tm_inspected_window *window,
                         const struct tm_inspector *inspector);
    // All timers of this subtask.
    void (*timers)(struct tm_operator *op, const struct tm_inspector *inspector);
    // Of an aggregate: what its row of the key would be now, each column behind the key as a
    // value. Of others: what they keep of the key.
    int (*results)(struct tm_operator *op, const struct tm_key *key,
                   const struct tm_inspector *inspector);
    // The keys of this subtask that `states`, `results` or `contents` have something of, by key
    // groups. False from `each`: enough. 0; TM_E_MEMORY.
    int (*keys)(struct tm_operator *op, bool (*each)(void *arg, const struct tm_key *key),
                void *arg);
    // States outside of keys: broadcast state, of which every subtask has a copy, or the
    // subtask's own.
    int (*shared)(struct tm_operator *op, bool broadcast, const struct tm_inspector *inspector);
    // It holds rows back in front of the exchange to this operator; `keys` and `contents` are of
    // those. NULL: it is no such operator.
    const struct tm_node *(*unsent_for)(const struct tm_operator *op);
    bool names_timers; // names are texts that the job gave; else they are the operator's own
};
