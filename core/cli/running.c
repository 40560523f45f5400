// Running jobs, seen from outside.
#include "core/cli/running.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/cli/report.h"
#include "core/loop/real.h"
#include "core/loop/real_server.h"

const char *tm_running_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

int64_t tm_running_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_real(value) ? (int64_t)json_real_value(value) : json_integer_value(value);
}

// --- asking --------------------------------------------------------------------------------------

static int not_understood(const char *socket, struct tm_error *err)
{
    tm_error_set(err, TM_E_JOB_SILENT, "the answer of the job at %s is not understood", socket);
    tm_error_hint(err, "it may run with another version of tidemill: `tidemill list --json` says "
                       "which");
    return TM_E_JOB_SILENT;
}

static int does_not_answer(const struct tm_running_job *job, struct tm_error *err)
{
    char process[48] = "", end[48] = "";
    if (job->pid != 0) {
        snprintf(process, sizeof process, " (process %lld)", (long long)job->pid);
        snprintf(end, sizeof end, "; kill -9 %lld ends it", (long long)job->pid);
    }
    tm_error_set(err, TM_E_JOB_SILENT, "the job '%s'%s does not answer", job->name, process);
    tm_error_hint(err, "it may be stopped or out of memory%s; its checkpoints stay in any case",
                  end);
    return TM_E_JOB_SILENT;
}

// The error that the job has answered with.
static int refusal(const char *socket, const json_t *answer, struct tm_error *err)
{
    const json_t *error = json_object_get(answer, "error");
    const char *code = tm_running_text(error, "code");
    int number = strncmp(code, "TM", 2) == 0 ? -atoi(code + 2) : TM_E_JOB_REFUSES;
    if (tm_running_text(error, "message")[0] == '\0')
        return not_understood(socket, err);
    tm_error_set(err, number, "%s", tm_running_text(error, "message"));
    tm_error_hint(err, "%s", tm_running_text(error, "hint"));
    return number;
}

static int ask(struct tm_running *running, const char *socket, const char *method,
               const char *target, int64_t timeout_ms, json_t **answer, struct tm_buf *text,
               struct tm_reply *reply, struct tm_error *err)
{
    struct tm_buf body;
    *answer = NULL;
    tm_buf_init(&body, &running->mem);
    int rc = tm_real_ask(socket, method, target, timeout_ms, reply, &body, err);
    if (rc == 0) {
        *answer = json_loadb((const char *)body.data, body.size_bytes, 0, NULL);
        if (!json_is_object(*answer))
            rc = not_understood(socket, err);
        else if (!json_is_true(json_object_get(*answer, "ok")))
            rc = refusal(socket, *answer, err);
        else if (text != NULL && (tm_buf_append(text, body.data, body.size_bytes) != 0 ||
                                  tm_buf_append(text, "", 1) != 0))
            rc = tm_error_set(err, TM_E_MEMORY, "out of memory for an answer");
    }
    tm_buf_fini(&body);
    if (rc != 0) {
        json_decref(*answer);
        *answer = NULL;
    }
    return rc;
}

int tm_running_ask(struct tm_running *running, const struct tm_running_job *job, const char *method,
                   const char *target, int64_t timeout_ms, json_t **answer, struct tm_buf *text,
                   struct tm_error *err)
{
    struct tm_reply reply;
    int rc = ask(running, job->socket, method, target, timeout_ms, answer, text, &reply, err);
    if (rc == TM_E_STOPPED)
        return does_not_answer(job, err);
    if (rc != TM_E_NETWORK)
        return rc;
    tm_error_set(err, TM_E_JOB_SILENT, "the job '%s' (process %lld) ended without an answer",
                 job->name, (long long)job->pid);
    tm_error_hint(err, "its log says why it ended; `tidemill list` shows what runs");
    return TM_E_JOB_SILENT;
}

int tm_running_argument(struct tm_buf *target, const char *name, const char *value)
{
    bool first = memchr(target->data, '?', target->size_bytes) == NULL;
    int rc = tm_buf_printf(target, "%c%s=", first ? '?' : '&', name);
    for (; *value != '\0' && rc == 0; value++)
        rc = tm_buf_printf(target, "%%%02X", (unsigned char)*value);
    return rc;
}

void tm_running_wait(int64_t pid, int64_t timeout_ms)
{
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd >= 0) {
        struct pollfd ended = {.fd = fd, .events = POLLIN};
        (void)poll(&ended, 1, (int)timeout_ms);
        close(fd);
        return;
    }
    for (; errno != ESRCH && timeout_ms > 0 && kill((pid_t)pid, 0) == 0; timeout_ms -= 10)
        (void)poll(NULL, 0, 10); // an old kernel
}

// --- finding -------------------------------------------------------------------------------------

// Of a job that does not answer: the folder of checkpoints in which its socket lies.
static void guess_name(struct tm_running_job *job)
{
    char whole[PATH_MAX];
    char *slash = realpath(job->socket, whole) == NULL ? NULL : strrchr(whole, '/');
    snprintf(job->name, sizeof job->name, "?");
    if (slash == NULL || strcmp(slash, "/" TM_PLACES_SOCKET) != 0)
        return;
    *slash = '\0';
    slash = strrchr(whole, '/');
    snprintf(job->name, sizeof job->name, "%.255s", slash == NULL ? whole : slash + 1);
}

// Takes a job in. Nobody listens there: TM_E_NO_JOB; it is another user's: TM_E_PERMISSION. `pid`:
// as far as it is known without asking.
static int look_at(struct tm_running *running, const char *socket, int64_t pid,
                   struct tm_error *err)
{
    struct tm_reply reply;
    struct tm_error why = {0};
    if (running->count == TM_RUNNING_MAX)
        return tm_error_set(err, TM_E_LIMIT, "more than %d jobs are running", TM_RUNNING_MAX);
    if (running->count == running->capacity) {
        uint32_t more = running->capacity * 2 + 16;
        struct tm_running_job *jobs = tm_mem_realloc(
            &running->mem, running->jobs, running->capacity * sizeof *jobs, more * sizeof *jobs);
        if (jobs == NULL)
            return tm_error_set(err, TM_E_MEMORY, "out of memory for a list of jobs");
        running->jobs = jobs;
        running->capacity = more;
    }
    struct tm_running_job *job = &running->jobs[running->count];
    *job = (struct tm_running_job){.info = NULL};
    snprintf(job->socket, sizeof job->socket, "%s", socket);
    int rc =
        ask(running, socket, "GET", "/v1/job", TM_RUNNING_LOOK_MS, &job->info, NULL, &reply, &why);
    if (rc == TM_E_MEMORY || rc == TM_E_PERMISSION) {
        *err = why;
        return rc;
    }
    if (reply.refused)
        return TM_E_NO_JOB;
    running->count++;
    if (job->info == NULL) {
        job->pid = reply.pid != 0 ? reply.pid : pid;
        guess_name(job);
        return 0;
    }
    job->pid = tm_running_number(job->info, "pid");
    snprintf(job->name, sizeof job->name, "%s", tm_running_text(job->info, "job"));
    return 0;
}

struct finding {
    struct tm_running *running;
    const char *folder;
    struct tm_error *err;
};

static int find_one(void *arg, const char *name)
{
    struct finding *finding = arg;
    char entry[TM_PLACES_PATH], *end;
    long long pid = strtoll(name, &end, 10);
    if (*end != '\0' || pid <= 0 || finding->running->count == TM_RUNNING_MAX ||
        tm_places_name(finding->folder, pid, entry, finding->err) != 0)
        return 0;
    int rc = look_at(finding->running, entry, pid, finding->err);
    if (rc == TM_E_PERMISSION) { // a folder of checkpoints that is another user's now
        tm_error_clear(finding->err);
        return 0;
    }
    if (rc != TM_E_NO_JOB)
        return rc;
    (void)unlink(entry); // a process that was killed has left it
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct tm_running_job *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->pid > y->pid) - (x->pid < y->pid);
}

static int open_world(struct tm_running *running, struct tm_error *err)
{
    *running = (struct tm_running){.count = 0};
    int rc = tm_real_init(&running->fx, err);
    if (rc == 0)
        tm_mem_init(&running->mem, &running->fx, NULL, 0);
    return rc;
}

int tm_running_find(struct tm_running *running, struct tm_error *err)
{
    char folder[TM_PLACES_PATH];
    int rc = open_world(running, err);
    if (rc != 0)
        return rc;
    rc = tm_places_folder(false, folder, err);
    if (rc == TM_E_NOT_FOUND) { // no job has ever run
        tm_error_clear(err);
        return 0;
    }
    struct finding finding = {running, folder, err};
    if (rc == 0)
        rc = running->fx.files->list(running->fx.ctx, folder, find_one, &finding, err);
    if (rc == 0 && running->count > 1)
        qsort(running->jobs, running->count, sizeof *running->jobs, by_name);
    return rc;
}

void tm_running_fini(struct tm_running *running)
{
    for (uint32_t i = 0; i < running->count; i++)
        json_decref(running->jobs[i].info);
    if (running->jobs != NULL)
        tm_mem_free(&running->mem, running->jobs, running->capacity * sizeof *running->jobs);
    if (running->fx.files != NULL)
        tm_real_fini(&running->fx);
    *running = (struct tm_running){.count = 0};
}

// --- telling -------------------------------------------------------------------------------------

int tm_running_fail(const struct tm_cli_options *options, const struct tm_error *err)
{
    int code = err->code == TM_E_USAGE ? TM_EXIT_USAGE : TM_EXIT_FAILED;
    if (!options->json)
        return tm_cli_fail(options, err, code);
    tm_report_print_error_json(options->out, err);
    return code;
}

void tm_running_print(const struct tm_cli_options *options, const json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT);
    fprintf(options->out, "%s\n", text == NULL ? "{}" : text);
    free(text);
}

// --- choosing ------------------------------------------------------------------------------------

static int no_job(const struct tm_running *running, const char *given, struct tm_error *err)
{
    const char *names[64] = {NULL};
    uint32_t count = 0;
    char list[400] = "";
    for (uint32_t i = 0; i < running->count && count < 64; i++) {
        size_t used = strlen(list);
        names[count++] = running->jobs[i].name;
        if (used + strlen(running->jobs[i].name) + 8 < sizeof list)
            snprintf(list + used, sizeof list - used, "%s%s", used == 0 ? "" : ", ",
                     running->jobs[i].name);
    }
    const char *nearest = tm_text_nearest(given, names, count);
    tm_error_set(err, TM_E_NO_JOB, "no job '%s' is running", given);
    if (nearest != NULL)
        tm_error_hint(err, "did you mean %s? running: %s", nearest, list);
    else if (count != 0)
        tm_error_hint(err, "running: %s", list);
    else
        tm_error_hint(err,
                      "no job of this user is running; the folder of a job's checkpoints finds "
                      "it too");
    return TM_E_NO_JOB;
}

static int ambiguous(const struct tm_running *running, const char *given, struct tm_error *err)
{
    char list[600] = "";
    for (uint32_t i = 0; i < running->count; i++) {
        const struct tm_running_job *job = &running->jobs[i];
        const char *folder = tm_running_text(job->info, "folder");
        size_t used = strlen(list);
        if (strcmp(job->name, given) == 0 && used + strlen(folder) + 40 < sizeof list)
            snprintf(list + used, sizeof list - used, "%s%lld%s%s%s", used == 0 ? "" : ", ",
                     (long long)job->pid, folder[0] == '\0' ? "" : " (", folder,
                     folder[0] == '\0' ? "" : ")");
    }
    tm_error_set(err, TM_E_JOB_AMBIGUOUS, "several jobs '%s' are running: %s", given, list);
    tm_error_hint(err, "name one by the number of its process or the folder of its checkpoints");
    return TM_E_JOB_AMBIGUOUS;
}

static int choose_folder(struct tm_running *running, const char *folder,
                         struct tm_running_job **job, struct tm_error *err)
{
    char socket[TM_PLACES_PATH];
    snprintf(socket, sizeof socket, "%.4000s/" TM_PLACES_SOCKET, folder);
    int rc = look_at(running, socket, 0, err);
    if (rc == TM_E_NO_JOB) {
        tm_error_set(err, TM_E_NO_JOB, "no job is running in the folder %s", folder);
        tm_error_hint(err, "`tidemill list --json` has the folders of those that run");
        return rc;
    }
    if (rc == TM_E_PERMISSION)
        tm_error_hint(err, "a job answers to the user that runs it");
    *job = rc == 0 ? &running->jobs[running->count - 1] : NULL;
    return rc;
}

int tm_running_choose(struct tm_running *running, const char *given, struct tm_running_job **job,
                      struct tm_error *err)
{
    uint32_t found = 0;
    char *end;
    long long pid = strtoll(given, &end, 10);
    *job = NULL;
    for (uint32_t i = 0; i < running->count; i++)
        if (strcmp(running->jobs[i].name, given) == 0) {
            *job = &running->jobs[i];
            found++;
        }
    for (uint32_t i = 0; i < running->count && found == 0; i++)
        if (*end == '\0' && pid > 0 &&
            (pid == running->jobs[i].pid ||
             pid == tm_running_number(running->jobs[i].info, "supervisor_pid")))
            *job = &running->jobs[i];
    if (found > 1)
        return ambiguous(running, given, err);
    if (*job == NULL && strchr(given, '/') != NULL) {
        int rc = choose_folder(running, given, job, err);
        if (rc != 0)
            return rc;
    }
    if (*job == NULL)
        return no_job(running, given, err);
    if ((*job)->info != NULL)
        return 0;
    return does_not_answer(*job, err);
}
