// What a cut consists of, for who writes it.
#pragma once

#include "core/checkpoint/cut.h"

enum tm__part_kind { TM__PART_STATE, TM__PART_TIMERS, TM__PART_ITEMS, TM__PART_KINDS };

struct tm__cut_part {
    char *operator_name, *part;
    enum tm__part_kind kind;
    struct tm_snapshot *snapshot;   // of STATE and TIMERS: owned
    const struct tm_layout *layout; // of STATE: the operator's
    enum tm_item_kind item_kind;    // of ITEMS
    struct tm_buf items;            // of ITEMS: each a varint of its length, and its bytes
    uint64_t item_count;
};

struct tm_cut {
    struct tm_mem *mem;
    uint64_t checkpoint;
    uint32_t chain, subtask;
    struct tm__cut_part *parts; // in the order in which they were given
    uint32_t part_count, part_capacity;
    bool leaving; // it is being freed in steps
};

// NULL: there is none of this name.
struct tm__cut_part *tm__cut_find(const struct tm_cut *cut, const char *operator_name,
                                  const char *part);
