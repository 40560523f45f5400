// Asking the workers for a report.
#include "core/cli/telling.h"

#include "core/cli/asking.h"
#include "core/task/worker.h"

static void refuse_all(struct tm_telling *telling, const char *why)
{
    struct tm_error err = {0};
    tm_error_set(&err, TM_E_JOB_REFUSES, "%s", why);
    tm_error_hint(&err, "ask again in a moment");
    for (uint32_t i = 0; i < telling->count; i++)
        tm_control_refuse(telling->waits[i].from, 503, &err);
    telling->count = 0;
}

void tm_telling_attach(struct tm_telling *telling, struct tm_job *job)
{
    struct tm_job *old = telling->job;
    refuse_all(telling, "the job ended before it could answer");
    if (old != NULL && telling->told != NULL) {
        for (uint32_t w = 0; w < old->worker_count; w++)
            tm_told_free(telling->told[w], old->graph);
        tm_mem_free(old->mem, telling->told, old->worker_count * sizeof *telling->told);
    }
    telling->job = job;
    telling->told = NULL;
    telling->missing = 0;
}

// Without memory for it the report has what was told before, or nothing.
static void ask_workers(struct tm_telling *telling)
{
    struct tm_job *job = telling->job;
    if (telling->told == NULL)
        telling->told = tm_mem_zalloc(job->mem, job->worker_count * sizeof *telling->told);
    telling->number++;
    telling->missing = job->worker_count;
    telling->deadline_ns = tm_fx_mono_ns(job->fx) + (int64_t)TM_TELLING_MS * 1000000;
    if (telling->told == NULL || tm_job_command_checkpoint(job, TM_COMMAND_TELL, telling->number,
                                                           TM_PURPOSE_PERIODIC, NULL, 0) != 0)
        telling->missing = 0;
}

void tm_telling_ask(struct tm_telling *telling, struct tm_server_request *from,
                    enum tm_request_kind kind)
{
    struct tm_error err = {0};
    if (telling->count == TM_TELLING_MAX) {
        tm_error_set(&err, TM_E_JOB_REFUSES, "%d others wait for answers", TM_TELLING_MAX);
        tm_control_refuse(from, 503, &err);
        return;
    }
    telling->waits[telling->count++] = (struct tm_telling_wait){from, kind};
    if (telling->count == 1)
        ask_workers(telling);
}

// What comes too late is newer than what there is all the same.
void tm_telling_event(struct tm_telling *telling, struct tm_event *event)
{
    if (event->kind != TM_EVENT_TOLD || telling->job == NULL || telling->told == NULL)
        return;
    if (event->told != NULL) {
        tm_told_free(telling->told[event->worker], telling->job->graph);
        telling->told[event->worker] = event->told;
        event->told = NULL;
    }
    if (event->checkpoint == telling->number && telling->missing != 0)
        telling->missing--;
}

bool tm_telling_is_ready(const struct tm_telling *telling, int64_t now_ns)
{
    return telling->count != 0 && (telling->missing == 0 || now_ns >= telling->deadline_ns);
}

int64_t tm_telling_deadline_ns(const struct tm_telling *telling)
{
    return telling->count == 0 ? INT64_MAX : telling->deadline_ns;
}
