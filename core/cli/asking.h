// Questions about the states of the running job: sent to the workers, their answers put together.
// On the coordinator's thread.
#pragma once

#include "core/cluster/request.h"
#include "core/loop/real_server.h"
#include "core/task/job.h"

enum { TM_ASKING_MAX = 8 }; // questions under way

struct tm_asked {
    uint64_t number; // 0: free
    struct tm_server_request *from;
    uint32_t waits; // for so many workers
    uint32_t limit, count;
    bool more;
    struct tm_buf entries; // JSON objects, commas between them
    struct tm_error error; // of a worker
};

struct tm_asking {
    struct tm_job *job; // NULL: none runs
    uint64_t numbers;
    struct tm_asked asked[TM_ASKING_MAX];
};

// The job has ended, or another attempt runs: who waits is refused.
void tm_asking_attach(struct tm_asking *asking, struct tm_job *job);
// Answers STATES; sends STATE_GET and STATE_SCAN to the workers.
void tm_asking_names(struct tm_asking *asking, struct tm_server_request *from);
void tm_asking_ask(struct tm_asking *asking, struct tm_server_request *from,
                   const struct tm_request *request);
// ANSWER is of it, others are nothing to it.
void tm_asking_event(struct tm_asking *asking, const struct tm_event *event);

// What control.c and this share: JSON and errors as answers. `root` is freed.
struct json_t;
void tm_control_answer(struct tm_server_request *to, int status, struct json_t *root);
void tm_control_refuse(struct tm_server_request *to, int status, const struct tm_error *err);
