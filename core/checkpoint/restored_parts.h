// An opened checkpoint: the indexes of its data files, and reading what they name.
#pragma once

#include "core/checkpoint/index.h"
#include "core/checkpoint/reading.h"
#include "core/checkpoint/restored.h"

// One data file of the checkpoint: what one task wrote.
struct tm__data {
    struct tm__index index;
    const struct tm_layout **layouts; // by part of the index; NULL: it has none
    struct tm_buf bytes;              // in memory: all of the file
};

// A name that is another one now (changed.h); all of them are a list.
struct tm__renamed {
    struct tm__renamed *next;
    const char *operator_name, *state; // state NULL: the operator
    const char *was;
};
struct tm__rehearsal;

// Before the name of a state in a layout, or of an operator, for one that is left out: none has
// such a name.
#define TM__LEFT_OUT '\001'

struct tm_restored {
    struct tm_mem *mem;
    const struct tm_fx *fx;
    char *root; // what paths of files are relative to; NULL: in memory
    uint64_t checkpoint;
    struct tm_manifest manifest; // in memory: empty
    struct tm__renamed *renamed;
    struct tm__rehearsal *rehearsal; // NULL: there is none, it is for real
    struct tm__data *data;           // by chain and subtask
    uint32_t data_count, data_capacity;
};

// What is asked for is noted (rehearsal.c).
void tm__rehearse_part(const struct tm_restored *restored, const char *operator_name,
                       const char *part);
int tm__rehearse_state(const struct tm_restored *restored, const char *operator_name,
                       const char *part, const struct tm_layout *layout, uint32_t max_parallelism,
                       struct tm_error *err) TM_WARN_UNUSED;

// TM_E_CHECKPOINT_MISSING, with what is there, or beside it where nothing is.
int tm__checkpoint_missing(struct tm_mem *mem, const struct tm_fx *fx, const char *path,
                           struct tm_error *err) TM_WARN_UNUSED;

// By chain and subtask.
void tm__restored_sort(struct tm_restored *restored);

// What one call reads with: descriptors and a buffer. Not shared.
enum { TM__READING_OPEN = 32 };
struct tm__reading {
    const struct tm_restored *restored;
    struct tm_buf buf;
    struct {
        const char *path; // of an index; NULL: free
        int fd;
    } open[TM__READING_OPEN];
    uint32_t next; // to be closed for another
};
void tm__reading_init(struct tm__reading *reading, const struct tm_restored *restored);
void tm__reading_fini(struct tm__reading *reading);
// A segment into reading->buf, compared with its checksum. TM_E_CHECKPOINT names the file.
int tm__read_segment(struct tm__reading *reading, const struct tm__data *data,
                     const struct tm__link *link, struct tm_error *err) TM_WARN_UNUSED;

// How many subtasks the operator had; 0: there was none of this name.
uint32_t tm__restored_parallelism(const struct tm_restored *restored, const char *operator_name);
// The part in this data file, and its layout. NULL: it has none.
const struct tm__index_part *tm__data_find(const struct tm__data *data, const char *operator_name,
                                           const char *part, const struct tm_layout **layout);
// A key group of an empty state from its segments.
int tm__apply_group(struct tm__reading *reading, const struct tm__data *data,
                    const struct tm__chain *chain, struct tm_state *state, uint32_t group,
                    struct tm_error *err) TM_WARN_UNUSED;
