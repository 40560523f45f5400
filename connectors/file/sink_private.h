// The sink side of tm.file, as its files see it: names and publishing (sink.c), checkpoints and
// circles (sink_checkpoints.c).
#pragma once

#include "connectors/file/commit.h"
#include "connectors/file/output.h"
#include "connectors/file/parts.h"

enum tm__if_exists { TM__FAIL_IF_EXISTS, TM__APPEND, TM__REPLACE };
enum { TM__CLAIMS_MAX = 2 };

// One output file.
struct tm__target {
    struct tm_file_writer writer;
    struct tm_file_head head;
    char *path;        // where it is published
    char *in_progress; // where it is written; NULL: at `path` (appending, or a stream)
    uint8_t *start;    // of a plain file that is appended to: its first bytes; or NULL
    size_t start_bytes;
};

struct tm__outputs {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    char *name; // the path as the user wrote it
    const struct tm_format *format;
    const struct tm_options *format_options; // the node's
    enum tm_file_packing packing;
    enum tm__if_exists if_exists;
    bool omit_nulls, timestamps_as_ms;
    bool is_folder;
    bool closed; // finished, well or not
    struct tm__target *targets;
    uint32_t count, allocated; // 1, or one a subtask
    struct tm__parts *parts;   // of a folder where a subtask writes many; then there are no targets
    const struct tm_sink_job *job; // while the outputs are opened; NULL: it takes no checkpoints
    struct tm__commits *commits;   // where there are checkpoints: all output goes through parts
    bool is_resumed;               // from a checkpoint
    bool looks;                    // it is to be seen whether it could begin, and nothing is done
    bool looks_again;              // what is there may be more by the beginning
    uint32_t parallelism;
    char *columns; // of partition_by, one a line, or NULL
    int64_t roll_bytes, roll_ms;
    int claims[TM__CLAIMS_MAX];
    uint32_t claim_count;
    char **old; // part files that a published folder replaces
    uint32_t old_count, old_capacity;
};

// As sink_prepare; `job` NULL: it takes no checkpoints. With `looks` nothing is made or claimed,
// and there is nothing to write with.
int tm__outputs_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                        uint32_t parallelism, const struct tm_sink_job *job, bool looks,
                        void **shared, struct tm_error *err) TM_WARN_UNUSED;
// Before it begins: what a checkpoint had for an output of another sink, or of one whose state is
// left out, may be there by now, and the sink begins behind it. TM_E_EXISTS.
int tm__outputs_look_again(struct tm__outputs *o, struct tm_error *err) TM_WARN_UNUSED;
// They roll, or are divided by columns.
bool tm__outputs_are_many(const struct tm__outputs *o);
// ".jsonl.gz": what part files end in.
void tm__outputs_suffix(const struct tm__outputs *o, char *suffix, size_t size);
