// A folder of part files, as its files see it: rows into parts (parts.c), what is prepared for
// checkpoints (parts_prepare.c), and the output as a whole (parts_output.c).
#pragma once

#include <stdatomic.h>

#include "connectors/file/part_file.h"
#include "connectors/file/partition.h"
#include "connectors/file/parts.h"

enum {
    TM__PARTS_WORKS = 4,
    TM__PARTS_WORKS_NEEDED = 2, // that a row may take: its part is full, and another must be closed
    TM__PARTS_BUCKETS = 4096,
    TM__PARTS_ONE_BYTES = 768 * 1024,  // buffered, where there is one folder
    TM__PARTS_EACH_BYTES = 128 * 1024, // where there are many
};

struct tm__part {
    struct tm__part *next;          // in its bucket
    struct tm__part *older, *newer; // of those that are open
    uint64_t hash;
    uint8_t *key;
    size_t key_bytes;
    char *folder;
    struct tm__part_file *file; // NULL: a new one with the next row
    struct tm_buf bytes;
    size_t counted; // of them in the subtask's `buffered`
    bool is_open;
    uint64_t rows; // in `bytes`
    int64_t read_ns;
    int64_t born_ns;    // of the file
    int64_t sent_bytes; // to it
};

struct tm__parts_subtask {
    struct tm_sink base;
    struct tm__parts *parts;
    uint32_t index;
    unsigned run; // of its next file
    struct tm__part_writer writer;
    struct tm__part_work works[TM__PARTS_WORKS];
    struct tm__part **buckets;
    uint32_t count, open_count;
    size_t buffered;                  // bytes that parts hold
    struct tm__part *oldest, *newest; // of those that are open
    struct tm__part_file **held;      // complete, to be named at the end
    uint32_t held_count, held_capacity;
    int64_t due_ns; // when some part may be old enough
    // Where there are checkpoints:
    bool is_waiting;               // for space: works are stalled, or a commit is
    int64_t retry_ns;              // when works that are stalled are tried again
    uint64_t sent;                 // works so far
    uint64_t number;               // files so far
    bool has_written;              // a file was begun
    struct tm__prepared *prepared; // and not known to be committed; the oldest first
    // While its task runs:
    struct tm_schema *schema;
    struct tm_encoder *encoder;
    struct tm__partition partition;
    struct tm_buf key;
    struct tm__part *current; // of the last row
    uint64_t bad_rows;
    struct tm_error *err;
    bool row_failed;
};

struct tm__parts {
    struct tm__parts_args args;
    char *output, *folder, *suffix, *columns, *path;
    _Atomic int waiting; // subtasks that wait for space; relaxed: who comes first and last says it
    struct tm__parts_subtask *subtasks;
};

int tm__parts_out_of_memory(const struct tm__parts_subtask *s, struct tm_error *err);
// parts.c. Collects what is done; *free_works: how many works can be given.
int tm__parts_collect(struct tm__parts_subtask *s, uint32_t *free_works,
                      struct tm_error *err) TM_WARN_UNUSED;
// The part's file is complete. It is the work's from now on, or held.
int tm__parts_complete(struct tm__parts_subtask *s, struct tm__part *part,
                       struct tm_error *err) TM_WARN_UNUSED;
void tm__parts_free_part(struct tm__parts_subtask *s, struct tm__part *part);
// parts_prepare.c: works that found no space are tried again when it is time; true: there are some.
bool tm__parts_retry(struct tm__parts_subtask *s);
int tm__parts_prepare(struct tm_sink *sink, struct tm_cut *cut,
                      struct tm_error *err) TM_WARN_UNUSED;
