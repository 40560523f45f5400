// Jobs that run, as another process of the same user sees them: found, chosen by what a person
// calls them, asked.
#pragma once

#include <jansson.h>

#include "core/base/buf.h"
#include "core/cli/options.h"
#include "core/cli/places.h"

enum {
    TM_RUNNING_LOOK_MS = 1000, // a job that says nothing for so long does not answer
    TM_RUNNING_WAIT_MS = 7 * 24 * 3600 * 1000, // for the end of a job, or a savepoint
    TM_RUNNING_MAX = 4096,
};

struct tm_running_job {
    char socket[TM_PLACES_PATH];
    int64_t pid;
    char name[256]; // as far as is known: of one that does not answer, its folder's
    json_t *info;   // GET /v1/job; NULL: it does not answer
};

struct tm_running {
    struct tm_fx fx;
    struct tm_mem mem;
    struct tm_running_job *jobs; // by name, then process
    uint32_t count, capacity;
};

// All of them. Entries that nobody listens at any more are removed. On failure it must still be
// freed.
int tm_running_find(struct tm_running *running, struct tm_error *err) TM_WARN_UNUSED;
void tm_running_fini(struct tm_running *running);
// By name, by the number of its process, or by the folder of its checkpoints. TM_E_NO_JOB,
// TM_E_JOB_AMBIGUOUS, TM_E_JOB_SILENT; by its folder TM_E_PERMISSION: another user runs it.
int tm_running_choose(struct tm_running *running, const char *given, struct tm_running_job **job,
                      struct tm_error *err) TM_WARN_UNUSED;
// *answer: to be freed by the caller; `text`, where it is not NULL: the same as it came, with a NUL
// behind it. What the job refuses is its error.
int tm_running_ask(struct tm_running *running, const struct tm_running_job *job, const char *method,
                   const char *target, int64_t timeout_ms, json_t **answer, struct tm_buf *text,
                   struct tm_error *err) TM_WARN_UNUSED;
// Appends "name=value" to a target, encoded; the first with a question mark in front.
int tm_running_argument(struct tm_buf *target, const char *name, const char *value) TM_WARN_UNUSED;
// Until the process has gone, at most so long.
void tm_running_wait(int64_t pid, int64_t timeout_ms);

// How a command about running jobs fails, to people or with --json: its exit code. And an answer as
// a line of JSON.
int tm_running_fail(const struct tm_cli_options *options,
                    const struct tm_error *err) TM_WARN_UNUSED;
void tm_running_print(const struct tm_cli_options *options, const json_t *answer);

const char *tm_running_text(const json_t *object, const char *key); // "" where it is not there
int64_t tm_running_number(const json_t *object, const char *key);   // 0 likewise
