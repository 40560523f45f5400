// What a changed script makes of a checkpoint, before anybody asks for anything of it: operators
// and states that had other names when it was taken, and what is left out. And what became of each
// state when a job that was only opened has asked for it (a rehearsal): nothing is filled then.
#pragma once

#include "core/checkpoint/restored.h"

// `state` NULL: it is the operator that had another name.
struct tm_restored_name {
    const char *operator_name, *state; // now
    const char *was;
};
// All at once, so that two can change their names for each other's. A name that nobody had in the
// checkpoint, and one whose new name is there already, are passed over. TM_E_MEMORY.
int tm_restored_rename(struct tm_restored *restored, const struct tm_restored_name *names,
                       uint32_t count, struct tm_error *err) TM_WARN_UNUSED;
// What it has of this operator is left out from now on, as if it had never been. 1: it has
// something; 0: nothing; TM_E_MEMORY.
int tm_restored_drop(struct tm_restored *restored, const char *operator_name,
                     struct tm_error *err) TM_WARN_UNUSED;
// The same of one part of an operator, and of all its states of this name. 1: it was there; 0: not;
// TM_E_MEMORY.
int tm_restored_drop_state(struct tm_restored *restored, const char *operator_name,
                           const char *state, struct tm_error *err) TM_WARN_UNUSED;
// What an operator owes to others can be asked for all the same, under another name: that of a
// part that was left out. NULL: there is none.
const char *tm_restored_left_out(const struct tm_restored *restored, const char *operator_name,
                                 const char *part);

// The length of the name of the state in a layout's field: "count" of "count (last access)" and of
// "count.n".
size_t tm_restored_state_length(const char *field);

// --- a rehearsal ---------------------------------------------------------------------------------

// A part that was asked for, or a field of one.
struct tm_rehearsed {
    const char *operator_name, *part;
    const char *field;           // NULL: the part itself
    enum tm_field_change change; // of a field
    const char *text;            // of DIFFERENT: why; of others: the types
};

// From now on states and timers stay empty, and what is asked for is noted. One thread.
int tm_restored_rehearse(struct tm_restored *restored, struct tm_error *err) TM_WARN_UNUSED;
// What was noted, in the order of asking. It lives until the rehearsal ends.
const struct tm_rehearsed *tm_restored_rehearsed(const struct tm_restored *restored,
                                                 uint32_t *count);
// Back to giving. 0; TM_E_MEMORY: something could not be noted.
int tm_restored_end_rehearsal(struct tm_restored *restored, struct tm_error *err) TM_WARN_UNUSED;
