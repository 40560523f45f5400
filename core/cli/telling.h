// Reports of the running job that somebody asks for: what its workers know alone is asked of them
// first. On the coordinator's thread.
#pragma once

#include "core/cluster/request.h"
#include "core/loop/real_server.h"
#include "core/task/told.h"

enum {
    TM_TELLING_MAX = 8,  // reports under way
    TM_TELLING_MS = 300, // a worker that is in a batch for longer is not waited for
};

struct tm_telling_wait {
    struct tm_server_request *from;
    enum tm_request_kind kind; // REPORT, METRICS
};

struct tm_telling {
    struct tm_job *job; // NULL: none runs
    uint64_t number;    // of the question under way, or the last one
    uint32_t missing;   // workers that have not answered it
    int64_t deadline_ns;
    struct tm_telling_wait waits[TM_TELLING_MAX];
    uint32_t count;
    struct tm_told **told; // by worker: the last that it has told, or NULL
};

// Another attempt of the job runs, or none: who waits is refused.
void tm_telling_attach(struct tm_telling *telling, struct tm_job *job);
// Keeps the request until tm_telling_is_ready; or refuses it.
void tm_telling_ask(struct tm_telling *telling, struct tm_server_request *from,
                    enum tm_request_kind kind);
// TOLD is of it, others are nothing to it. Takes what was told.
void tm_telling_event(struct tm_telling *telling, struct tm_event *event);
// All have answered, or the time is over.
bool tm_telling_is_ready(const struct tm_telling *telling, int64_t now_ns);
int64_t tm_telling_deadline_ns(const struct tm_telling *telling);
