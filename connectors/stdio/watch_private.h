// What a watched table keeps: watch.c puts rows in, watch_draw.c makes lines of them.
#pragma once

#include <pthread.h>

#include "connectors/stdio/watch.h"
#include "core/base/buf.h"
#include "core/base/limits.h"

enum { TM__WATCH_SLOTS = 4 * TM_WATCH_ROWS }; // of the hash tables
_Static_assert((TM__WATCH_SLOTS & (TM__WATCH_SLOTS - 1)) == 0, "slots are found by a mask");

struct tm__watch_entry {
    char *text; // cells of all shown columns, each ends in NUL
    uint32_t size_bytes, allocated;
    uint64_t updated, born; // numbers that grow with every row
    uint64_t hash;          // of the identity's cells
    uint32_t group;         // number of the rows that it stands with
    uint32_t copies;        // equal rows that are there
};

struct tm__watch_group {
    uint64_t hash;
    uint32_t number; // from 1; 0: free
};

// How the rows of a group stand: by a column, else as they came.
struct tm__watch_order {
    bool is_given, descending;
    uint32_t column;
};

// An entry that may be drawn.
struct tm__watch_line {
    const struct tm__watch_entry *entry;
    const char *cell; // that the rows of a group are ordered by; NULL: none
    bool is_number, descending;
};

struct tm_watch {
    struct tm_mem *mem;
    pthread_mutex_t lock; // of all below: subtasks write, the terminal's owner reads
    struct tm_schema *schema;
    uint32_t shown[TM_FIELDS_MAX], shown_count; // columns
    struct tm__watch_order by;
    struct tm__watch_entry *entries; // TM_WATCH_ROWS; those behind `count` have memory alone
    uint32_t *slots;                 // index of an entry + 1; 0: free
    struct tm__watch_group *groups;
    struct tm__watch_line *lines; // scratch of drawing: one for each entry
    struct tm_buf cell;           // scratch of drawing
    uint32_t count, group_count;
    uint64_t updates;
    uint64_t rows_without_room; // of keys past the bound
};
