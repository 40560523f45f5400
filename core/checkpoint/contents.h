// What is in a checkpoint, counted: for people who look at it. Reads what it counts, a key group at
// a time.
#pragma once

#include "core/checkpoint/restored.h"

struct tm_contents {
    uint64_t entries; // keys, timers, items
    uint64_t bytes;   // of the segments that a restore reads
};
// Of a part, of all subtasks.
int tm_contents_count(const struct tm_restored *restored, const char *operator_name,
                      const char *part, struct tm_contents *contents,
                      struct tm_error *err) TM_WARN_UNUSED;

struct tm_contents_change {
    bool comparable; // a state in both, of one layout, max parallelism and cut into key groups
    uint64_t added, removed, changed, same; // entries
};
int tm_contents_compare(const struct tm_restored *before, const struct tm_restored *after,
                        const char *operator_name, const char *part,
                        struct tm_contents_change *change, struct tm_error *err) TM_WARN_UNUSED;
