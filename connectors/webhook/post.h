// One request: its rows, its attempts on a helper thread, and what came of it.
#pragma once

#include "connectors/webhook/options.h"
#include "core/base/buf.h"
#include "core/base/limits.h"

// A helper thread with connections of its own.
struct tm__webhook_lane {
    struct tm_executor *executor;
    struct tm_http_client *client;
    struct tm_parker *parker; // where it waits between attempts
    bool busy;                // the task's: a post is under way
};

struct tm__webhook_post {
    struct tm_work work; // first: the helper thread gets this
    const struct tm_fx *fx;
    const struct tm__webhook_options *options;
    struct tm_task_context *ctx; // to warn
    const struct tm_node *node;
    struct tm__webhook_lane *lane; // while it is under way
    const _Atomic int *cancel;
    // Filled by the task:
    struct tm_buf body;
    struct tm_buf rows; // copies of the rows in it: should they be refused, they are named
    struct tm_buf ends; // size_t for each row: where it ends in the body, with what divides rows
    uint32_t row_count;
    int64_t first_ns; // when the first was added
    int64_t read_ns;  // when the oldest was read; 0: not known
    bool submitted;
    uint64_t random; // of the jitter
    // Set by the helper thread before the work is done:
    int code; // 0: taken. TM_E_REJECTED: not the rows of `refused`. Others: the job cannot go on
    struct tm_error err;
    struct tm_buf refused; // struct tm__webhook_refusal, in the order of the rows
    size_t taken_bytes;
    uint32_t attempts; // of the part under way
    int status;        // of the last answer
    int64_t done_ns;
};

// Rows that the server did not take, and its answer.
struct tm__webhook_refusal {
    uint32_t begin, end; // numbers of rows, from 0
    char message[TM_WEBHOOK_ANSWER_BYTES];
};

// Ready for other rows.
void tm__webhook_post_empty(struct tm__webhook_post *post);
// Embed-time set-up; the buffers are freed by fini.
void tm__webhook_post_init(struct tm__webhook_post *post, const struct tm_fx *fx,
                           struct tm_mem *mem, const struct tm__webhook_options *options,
                           struct tm_task_context *ctx, const struct tm_node *node,
                           const _Atomic int *cancel);
void tm__webhook_post_fini(struct tm__webhook_post *post);
