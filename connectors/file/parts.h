// A folder of part files of which each subtask writes many: a folder for each value of some columns
// (`partition_by`), and a new file when one is large or old enough (`roll`).
#pragma once

#include "connectors/file/commit.h"
#include "connectors/file/packing.h"
#include "core/task/connector.h"

struct tm__parts;

struct tm__parts_args {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    const char *output; // what the user calls it
    const char *folder; // without a slash at its end
    const char *suffix; // of part files: ".jsonl.gz"
    enum tm_file_packing packing;
    unsigned run; // number of each subtask's first part
    uint32_t parallelism;
    const char *columns;         // of partition_by, one a line; or NULL
    int64_t roll_bytes;          // 0: no bound
    int64_t roll_ms;             // 0: no bound
    struct tm__commits *commits; // what is prepared goes to them; outlives the parts. NULL: the job
                                 // takes no checkpoints
    const char *path;            // then all is pieces of this one file; or NULL
    bool hold;                   // parts get their names when the job has finished, not before
};

// Texts are copied. Nothing is opened before the first row.
int tm__parts_new(const struct tm__parts_args *args, struct tm__parts **parts,
                  struct tm_error *err) TM_WARN_UNUSED;
// The number of each subtask's next part is at least `run`. Before there are sinks.
void tm__parts_begin_at(struct tm__parts *parts, unsigned run);
// Takes over the encoder.
int tm__parts_sink(struct tm__parts *parts, struct tm_task_context *ctx, const struct tm_node *node,
                   struct tm_schema *schema, struct tm_encoder *encoder, struct tm_sink **sink,
                   struct tm_error *err) TM_WARN_UNUSED;
// All subtasks are done. With `ok` all parts get their names; else those that have none stay in
// progress, and `err` says where (without an error its message alone, for the log).
int tm__parts_finish(struct tm__parts *parts, bool ok, struct tm_error *err) TM_WARN_UNUSED;
void tm__parts_free(struct tm__parts *parts);
