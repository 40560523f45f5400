// See settle.h.
#include "core/task/settle.h"

#include <stdio.h>
#include <string.h>

#include "core/base/planted.h"
#include "core/checkpoint/changed.h"

// An output that nobody goes on with.
struct left {
    const struct tm_restored *restored;
    const struct tm_manifest_operator *op; // its sink
    const char *key;                       // under which the checkpoint has what it owes
    uint32_t next;
};

// Of the newest checkpoint, which is given up: does the job go on with the sink in another one?
static bool goes_on(const struct tm_job *job, const char *sink)
{
    return job->restored != NULL && tm_restored_has(job->restored, sink, "commits");
}

// The job goes on from a checkpoint, and some sinks are left out; or it gives up the newest one.
static bool next_left(const struct tm_job *job, struct left *left)
{
    left->restored = job->settles ? job->restored : job->given_up;
    if (left->restored == NULL || TM_PLANTED(left_out_not_settled))
        return false;
    const struct tm_manifest *manifest = tm_restored_manifest(left->restored);
    while (left->next < manifest->operator_count) {
        left->op = &manifest->operators[left->next++];
        if (strcmp(left->op->kind, "sink") != 0)
            continue;
        if (job->settles)
            left->key = tm_restored_left_out(left->restored, left->op->name, "commits");
        else if (tm_restored_has(left->restored, left->op->name, "commits"))
            left->key = goes_on(job, left->op->name) ? NULL : left->op->name;
        else
            left->key = NULL;
        if (left->key != NULL)
            return true;
    }
    return false;
}

bool tm__job_has_left(const struct tm_job *job)
{
    struct left left = {0};
    return next_left(job, &left);
}

static int settle_one(const struct tm_job *job, const struct left *left, struct tm_error *err)
{
    const struct tm_manifest_operator *op = left->op;
    const struct tm_connector *connector = tm_connector_find(job->connectors, op->connector);
    const struct tm_sink_left what = {.fx = job->fx,
                                      .mem = job->mem,
                                      .job = job->graph->name,
                                      .sink = op->name,
                                      .restored = left->restored,
                                      .key = left->key,
                                      .begun = !job->settles};
    if (connector != NULL && connector->sink_settle != NULL)
        return connector->sink_settle(&what, err);
    return what.begun ? 0
                      : tm_error_set(err, TM_E_OUTPUT_CHANGED,
                                     "tm.%s can do that only while the job has it", op->connector);
}

// Who begins anew may do so because a disk does not give what is there any more.
static bool may_be_later(const struct tm_job *job, int code)
{
    return code == TM_E_NO_SPACE || code == TM_E_MEMORY || (code == TM_E_IO && job->settles);
}

static const char *how(const struct tm_job *job)
{
    return job->restored != NULL ? "left out" : "begun anew";
}

static void say(const struct tm_job *job, const struct left *left, int rc,
                const struct tm_error *why)
{
    unsigned long long checkpoint = tm_restored_checkpoint(left->restored);
    const char *name = left->op->name;
    if (rc > 0)
        tm_log_write(job->log, TM_LOG_INFO,
                     "'%s' is %s: what checkpoint %llu has for it has been made visible", name,
                     how(job), checkpoint);
    if (rc < 0)
        tm_log_write(job->log, TM_LOG_WARN,
                     "'%s' is %s, and what checkpoint %llu has for it is lost where it is not "
                     "visible yet: %s",
                     name, how(job), checkpoint, why->message);
}

// Of a checkpoint that is not the job's own: the job that it is of may be running, so what it holds
// for an output stays where it is. Nobody loses it without a word.
static void say_held(const struct tm_job *job)
{
    const struct tm_manifest *manifest = tm_restored_manifest(job->restored);
    for (uint32_t i = 0; i < manifest->operator_count; i++) {
        const struct tm_manifest_operator *op = &manifest->operators[i];
        const struct tm_connector *connector = tm_connector_find(job->connectors, op->connector);
        const struct tm_sink_left left = {
            .fx = job->fx,
            .mem = job->mem,
            .job = job->graph->name,
            .sink = op->name,
            .restored = job->restored,
            .key = tm_restored_left_out(job->restored, op->name, "commits")};
        char held[TM_ERROR_TEXT_MAX / 2];
        struct tm_error why = {0};
        if (strcmp(op->kind, "sink") != 0 || left.key == NULL || connector == NULL ||
            connector->sink_held == NULL)
            continue;
        if (connector->sink_held(&left, held, sizeof held, &why) != 0)
            snprintf(held, sizeof held, "rows of which nothing can be said: %.300s", why.message);
        if (held[0] != '\0')
            tm_log_write(job->log, TM_LOG_WARN,
                         "'%s' is left out, and with it what checkpoint %llu has for it: %s",
                         op->name, (unsigned long long)manifest->checkpoint, held);
    }
}

int tm__job_settle(struct tm_job *job, struct tm_error *err)
{
    struct left left = {0};
    if (job->restored != NULL && !job->settles)
        say_held(job);
    while (next_left(job, &left)) {
        struct tm_error why = {0};
        int rc = settle_one(job, &left, &why);
        if (may_be_later(job, rc)) {
            *err = why;
            tm_error_prefix(err, "'%s' is %s, and checkpoint %llu has rows for it", left.op->name,
                            how(job), (unsigned long long)tm_restored_checkpoint(left.restored));
            return rc;
        }
        say(job, &left, rc, &why);
    }
    return 0;
}
