// `tidemill stop`, `cancel` and `savepoint`: what is asked of a running job, and its answer.
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/cli/options.h"
#include "core/cli/running.h"
#include "core/loop/real.h"

enum { GONE_MS = 10000 }; // a job that has told its end is gone soon

// Asks; *pid: whom.
static int ask(const struct tm_cli_options *options, const char *target, json_t **answer,
               int64_t *pid, struct tm_error *err)
{
    struct tm_running running;
    struct tm_running_job *job;
    *answer = NULL;
    int rc = tm_running_find(&running, err);
    if (rc == 0)
        rc = tm_running_choose(&running, options->file, &job, err);
    if (rc == 0) {
        *pid = job->pid;
        rc = tm_running_ask(&running, job, "POST", target, TM_RUNNING_WAIT_MS, answer, NULL, err);
    }
    tm_running_fini(&running);
    return rc;
}

// --- the end of a job ----------------------------------------------------------------------------

static void say_end(FILE *out, const json_t *answer)
{
    long long checkpoint = (long long)tm_running_number(answer, "checkpoint");
    const json_t *failure = json_object_get(answer, "failure");
    fprintf(out, "job '%s' %s", tm_running_text(answer, "job"), tm_running_text(answer, "state"));
    if (failure != NULL)
        fprintf(out, ": %s", tm_running_text(failure, "message"));
    if (checkpoint != 0)
        fprintf(out, "; `tidemill run` goes on from checkpoint %lld", checkpoint);
    fprintf(out, "\n");
}

static int end_job(const struct tm_cli_options *options, const char *target)
{
    struct tm_error err = {0};
    json_t *answer;
    int64_t pid;
    int rc = ask(options, target, &answer, &pid, &err);
    if (rc != 0)
        return tm_running_fail(options, &err);
    tm_running_wait(pid, GONE_MS); // then its folder is free
    if (options->json)
        tm_running_print(options, answer);
    else
        say_end(options->out, answer);
    bool good = strcmp(tm_running_text(answer, "state"), "failed") != 0;
    json_decref(answer);
    return good ? TM_EXIT_FINISHED : TM_EXIT_FAILED;
}

int tm_cli_stop(const struct tm_cli_options *options)
{
    return end_job(options, options->drain ? "/v1/stop?drain=true" : "/v1/stop");
}

int tm_cli_cancel(const struct tm_cli_options *options)
{
    return end_job(options, "/v1/cancel");
}

// --- savepoints ----------------------------------------------------------------------------------

// The job stands in another folder than the user.
static int put_path(struct tm_buf *target, const char *path, struct tm_error *err)
{
    char whole[2 * PATH_MAX], here[PATH_MAX];
    if (path[0] == '\0')
        return tm_error_set(err, TM_E_USAGE, "the folder of the savepoint is empty");
    if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
        return tm_error_set(err, TM_E_IO, "the working directory has gone");
    int n = snprintf(whole, sizeof whole, "%s%s%s", path[0] == '/' ? "" : here,
                     path[0] == '/' ? "" : "/", path);
    if (n < 0 || (size_t)n >= sizeof whole)
        return tm_error_set(err, TM_E_LIMIT, "the path of the savepoint is too long");
    int rc = tm_running_argument(target, "path", whole);
    return rc == 0 ? 0 : tm_error_set(err, rc, "out of memory");
}

int tm_cli_savepoint(const struct tm_cli_options *options)
{
    struct tm_error err = {0};
    struct tm_fx fx;
    struct tm_mem mem;
    struct tm_buf target;
    json_t *answer = NULL;
    int64_t pid;
    int rc = tm_real_init(&fx, &err);
    if (rc != 0)
        return tm_running_fail(options, &err);
    tm_mem_init(&mem, &fx, NULL, 0);
    tm_buf_init(&target, &mem);
    rc = tm_buf_append(&target, "/v1/savepoint", 13);
    if (rc == 0 && options->rest_count != 0)
        rc = put_path(&target, options->rest[0], &err);
    if (rc == 0)
        rc = tm_buf_append(&target, "", 1);
    if (rc == 0)
        rc = ask(options, (const char *)target.data, &answer, &pid, &err);
    if (rc == 0 && options->json)
        tm_running_print(options, answer);
    else if (rc == 0)
        fprintf(options->out, "savepoint %lld of the job '%s': %s\n",
                (long long)tm_running_number(answer, "checkpoint"), tm_running_text(answer, "job"),
                tm_running_text(answer, "path"));
    json_decref(answer);
    tm_buf_fini(&target);
    tm_real_fini(&fx);
    return rc == 0 ? TM_EXIT_FINISHED : tm_running_fail(options, &err);
}
