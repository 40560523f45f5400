// Rows that keyed operators emit: the key's columns, a window's bounds, the aggregates, the time.
#pragma once

#include "core/operator/aggregate.h"

struct tm__operator_result {
    const struct tm_key_reader *reader; // the input's keys
    const struct tm__operator_aggregates *aggregates;
    struct tm_schema *schema; // a reference
    bool window;              // window_start and window_end follow the key
    bool time;                // a column of its own holds the row's event time
    // The common rows (a key of one string or word, no strings in the results) are a copy of a
    // blank one with the values written over it. NULL: others.
    struct tm_mem *mem;
    uint8_t *blank;
    size_t blank_bytes;
    uint32_t key_offset, start_offset, end_offset, time_offset;
};

// TM_E_SCHEMA when the output schema is not of this shape; TM_E_MEMORY.
int tm__operator_result_init(struct tm__operator_result *result, const struct tm_operator *op,
                             const struct tm_key_reader *reader,
                             const struct tm__operator_aggregates *aggregates,
                             struct tm_schema *schema, bool window,
                             struct tm_error *err) TM_WARN_UNUSED;
void tm__operator_result_fini(struct tm__operator_result *result); // also of one that is all zero

struct tm__operator_result_row {
    const struct tm_key *key;
    struct tm__operator_home home;
    const void *value;
    int64_t start, end; // of the window
    int64_t time;       // event time
    bool has_time;
};
// Append a row. TM_E_OVERFLOW (*culprit says which aggregate), TM_E_LIMIT (the row is too large),
// TM_E_MEMORY; then the batch is as before.
int tm__operator_result_append(const struct tm__operator_result *result, struct tm_batch *batch,
                               const struct tm__operator_result_row *row,
                               const struct tm__operator_aggregate **culprit) TM_WARN_UNUSED;

// A row of this key and window, all else null, in an empty batch of the schema; NULL: it cannot be.
const struct tm_row *tm__operator_result_show(const struct tm__operator_result *result,
                                              struct tm_batch *batch,
                                              const struct tm__operator_result_row *row);
// The row could not be made: a firing has failed, which is told with what shows it. 0 or negative.
int tm__operator_result_failed(const struct tm__operator_result *result,
                               const struct tm_operator *op,
                               const struct tm__operator_result_row *row, int code,
                               struct tm_error *err, const char *fmt, ...)
    TM_PRINTF(6, 7) TM_WARN_UNUSED;

// Rows that have in common all but key and value, until the batch is full; only where there is a
// blank row. *done: so many were taken, the last of them is the one that failed if any did.
int tm__operator_result_append_some(const struct tm__operator_result *result,
                                    struct tm_batch *batch,
                                    const struct tm__operator_result_row *row,
                                    const struct tm_key *keys, const void *const *values,
                                    uint32_t count, uint32_t *done,
                                    const struct tm__operator_aggregate **culprit) TM_WARN_UNUSED;

// An output batch under way: acquired when the first row comes, given to the task when full.
struct tm__operator_output {
    struct tm_batch *batch;
    int32_t split;
    int64_t read_ns;
};
// Makes sure of a batch. TM_E_MEMORY.
int tm__operator_output_open(struct tm__operator_output *output, struct tm_task_context *ctx,
                             struct tm_schema *schema) TM_WARN_UNUSED;
// Hand it over, if there is one with rows, and count them. True: *out has it.
bool tm__operator_output_take(struct tm__operator_output *output, const struct tm_operator *op,
                              struct tm_element *out);
void tm__operator_output_fini(struct tm__operator_output *output);
