// Entries of a state into a state of another max parallelism or another layout: one by one, field
// by field. Fields are matched by name (those of items inside the items of one name); those that
// are gone are dropped, new ones are zero, others must be of the same kind and type, or of one that
// holds all that the old one can ("int" becomes "int64" or "double", a decimal one of more digits
// and the same scale).
#pragma once

#include "core/checkpoint/layout.h"
#include "core/state/timers.h"

// What becomes of each field; good for any number of states. Both layouts outlive it. TM_E_MEMORY;
// TM_E_STATE_TYPE names both types; TM_E_CHECKPOINT: `from` is no layout.
struct tm_convert;
int tm_convert_new(struct tm_mem *mem, const struct tm_layout *from, const struct tm_layout *to,
                   struct tm_convert **convert, struct tm_error *err) TM_WARN_UNUSED;
// The same, told field by field and with all that cannot be: `from` NULL: it is new; `to` NULL: it
// is gone. `text`: the types, or why it cannot be.
enum { TM_CONVERT_TEXT = 1100 };
typedef void tm_convert_each(void *arg, const struct tm_layout_field *from,
                             const struct tm_layout_field *to, enum tm_field_change change,
                             const char *text);
int tm_convert_describe(struct tm_mem *mem, const struct tm_layout *from,
                        const struct tm_layout *to, tm_convert_each *each, void *arg,
                        struct tm_error *err) TM_WARN_UNUSED;
void tm_convert_free(struct tm_convert *convert); // NULL is fine

// All entries of `from` whose key group is one of those of `to`, where no such entries may be so
// far. Namespaces keep their ids. What entries of `from` refer to is looked at before it is used:
// TM_E_CHECKPOINT. TM_E_MEMORY. `migration`: of fields that migrate, where there are such.
int tm_convert_state(const struct tm_convert *convert, const struct tm_migration *migration,
                     struct tm_state *from, struct tm_state *to,
                     struct tm_error *err) TM_WARN_UNUSED;
// The same of timers. TM_E_MEMORY.
int tm_convert_timers(struct tm_timers *from, struct tm_timers *to,
                      struct tm_error *err) TM_WARN_UNUSED;
