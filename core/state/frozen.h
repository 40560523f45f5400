// A snapshot, from within: page tables that are held, and (not in one for images) blocks of tables.
#pragma once

#include "core/state/internal.h"

struct tm__frozen_namespace {
    int64_t id;
    uint64_t size;
    struct tm__state_block **blocks;
};

struct tm_snapshot {
    struct tm__state_shared *shared;
    const struct tm_state_store *store;
    uint32_t max_parallelism, first_key_group, group_count, block_count, value_bytes;
    bool pages_alone; // of tm_state_freeze_pages
    uint32_t namespace_count, namespace_capacity;
    struct tm__frozen_namespace *namespaces;
    bool leaving;                      // it is being freed, in steps
    struct tm_snapshot *next_leaving;  // of the same memory, begun later
    uint32_t freed_groups, freed_page; // how far freeing has come
    struct tm__state_pages *pages[];   // by key group, NULL: none
};
