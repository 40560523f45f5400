// The subtask's side of an output: encodes rows into buffers and submits them. Two buffers: one is
// filled while the other is written; when both are under way the subtask waits, and so does all
// that feeds it.
#pragma once

#include "connectors/file/writer.h"
#include "core/task/connector.h"

enum { TM_FILE_OUTPUT_BUFFERS = 2 };

// Of one output, for all that write to it: has it got what its format begins with, as the header of
// CSV? What may not get one (it is appended to) begins as WRITTEN.
enum { TM_FILE_HEAD_MISSING, TM_FILE_HEAD_BEING_WRITTEN, TM_FILE_HEAD_WRITTEN };
struct tm_file_head {
    _Atomic int state;
    const char
        *line_end; // what is there does not end in one: it is missing, in front of a row. NULL
};

// A sink over a writer. Embed it as the sink.
struct tm_file_output {
    struct tm_sink base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm_encoder *encoder;
    struct tm_file_writer *writer;
    struct tm_file_head *head;
    struct tm_file_buffer *buffers[TM_FILE_OUTPUT_BUFFERS];
    struct tm_file_buffer *filling; // or NULL
    uint64_t bad_rows;              // of the rows being encoded
    struct tm_error *err;           // of the call under way
    bool row_failed;                // err is filled by a row's failure
};

// A sink that encodes with `encoder` (which it takes over) for `writer`; NULL: out of memory, the
// encoder is freed.
struct tm_sink *tm_file_output_new(struct tm_task_context *ctx, const struct tm_node *node,
                                   struct tm_schema *schema, struct tm_encoder *encoder,
                                   struct tm_file_writer *writer, struct tm_file_head *head,
                                   struct tm_error *err) TM_WARN_UNUSED;
