// Answers of a running job.
#include "core/cli/control.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/text.h"
#include "core/cli/asking.h"
#include "core/cli/places.h"
#include "core/cli/report.h"
#include "core/cli/telling.h"
#include "core/cluster/prometheus.h"

enum { WAITING_MAX = 8 }; // for the end of the job, at the same time

struct tm_control {
    struct tm_engine *engine;
    struct tm_server *server;   // NULL: it cannot be reached
    char entry[TM_PLACES_PATH]; // a link that is to go; "": none
    int64_t started_ms;
    struct tm_control_target target; // job NULL: none
    enum tm_wish wish;
    bool drains; // another attempt of the job is to be drained too
    struct tm_server_request *waiting[WAITING_MAX];
    uint32_t waiting_count;
    struct tm_asking asking;
    struct tm_telling telling;
    struct tm_server_request *savepoint; // waits for one; NULL: nobody does
};

// --- answers -------------------------------------------------------------------------------------

void tm_control_answer(struct tm_server_request *to, int status, json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
    static const char none[] = "{\"ok\":false}";
    const char *body = text == NULL ? none : text;
    tm_server_answer(to, text == NULL ? 500 : status, "application/json", body, strlen(body));
    free(text);
    json_decref(root);
}

void tm_control_refuse(struct tm_server_request *to, int status, const struct tm_error *err)
{
    json_t *root = json_object();
    json_object_set_new(root, "ok", json_false());
    json_object_set_new(root, "error", tm_report_error_json(err));
    tm_control_answer(to, status, root);
}

static const char *state_of(const struct tm_control *control)
{
    static const char *const names[] = {
        [TM_JOB_STARTING] = "starting", [TM_JOB_RUNNING] = "running",
        [TM_JOB_STOPPING] = "stopping", [TM_JOB_SAVING] = "finishing",
        [TM_JOB_CANCELLING] = "ending", [TM_JOB_EXITING] = "ending",
        [TM_JOB_DONE] = "ending"};
    if (control->target.job == NULL)
        return "restarting";
    const struct tm_coordinator *c = control->target.coordinator;
    return c->draining && c->state == TM_JOB_RUNNING ? "draining" : names[c->state];
}

static struct tm_report report_of(const struct tm_control *control,
                                  struct tm_keeper_figures *figures)
{
    const struct tm_control_target *target = &control->target;
    struct tm_report report = {
        .job = target->job,
        .wall_ns = tm_fx_mono_ns(&control->engine->fx) - target->begun_ns,
        .restarts = target->restarts,
        .supervised = control->engine->options->supervised,
    };
    static struct tm_told *const nothing[1];
    const struct tm_telling *telling = &control->telling;
    report.told = telling->told == NULL ? nothing : telling->told;
    report.told_count = telling->told == NULL ? 0 : target->job->worker_count;
    report.silent_workers = telling->missing;
    if (target->saving->keeper != NULL) {
        *figures = tm_keeper_figures(target->saving->keeper);
        report.checkpoints = figures;
    }
    return report;
}

static void put_rows(const struct tm_job *job, json_t *root)
{
    uint64_t in = 0, out = 0;
    for (uint32_t n = 0; n < job->graph->node_count; n++) {
        struct tm_operator_sums sums;
        const struct tm_node *node = &job->graph->nodes[n];
        if (!tm_job_sums((struct tm_job *)(uintptr_t)job, n, &sums))
            continue;
        in += node->kind == TM_NODE_SOURCE ? sums.rows_in : 0;
        out += node->kind == TM_NODE_SINK ? sums.used : 0;
    }
    json_object_set_new(root, "rows_in", json_integer((json_int_t)in));
    json_object_set_new(root, "rows_out", json_integer((json_int_t)out));
}

static json_t *describe(const struct tm_control *control)
{
    const struct tm_engine *engine = control->engine;
    const struct tm_control_target *target = &control->target;
    char whole[PATH_MAX];
    json_t *root = json_object();
    json_object_set_new(root, "ok", json_true());
    json_object_set_new(root, "job", tm_report_json_text(engine->graph->name));
    json_object_set_new(root, "pid", json_integer((json_int_t)getpid()));
    if (engine->options->supervised != NULL)
        json_object_set_new(root, "supervisor_pid", json_integer((json_int_t)getppid()));
    json_object_set_new(root, "version", json_string(TM_VERSION));
    json_object_set_new(root, "state", json_string(state_of(control)));
    const char *file = engine->options->file;
    json_object_set_new(root, "script",
                        tm_report_json_text(file == NULL                    ? "-e"
                                            : realpath(file, whole) != NULL ? whole
                                                                            : file));
    bool saves = target->job != NULL && target->saving->life.store != NULL;
    json_object_set_new(
        root, "folder",
        !saves ? json_null()
               : tm_report_json_text(realpath(target->saving->life.folder, whole) != NULL
                                         ? whole
                                         : target->saving->life.folder));
    json_object_set_new(root, "started_ms", json_integer(control->started_ms));
    if (target->job == NULL)
        return root;
    put_rows(target->job, root);
    struct tm_keeper_figures figures;
    const struct tm_report report = report_of(control, &figures);
    tm_report_put_checkpoints(&report, root);
    return root;
}

static void answer_report(const struct tm_control *control, struct tm_server_request *to)
{
    struct tm_keeper_figures figures;
    const struct tm_report report = report_of(control, &figures);
    json_t *root = describe(control);
    json_object_set_new(root, "report", tm_report_json(&report, state_of(control)));
    tm_control_answer(to, 200, root);
}

static void answer_metrics(const struct tm_control *control, struct tm_server_request *to)
{
    struct tm_keeper_figures figures;
    struct tm_buf text;
    const struct tm_report report = report_of(control, &figures);
    tm_buf_init(&text, &control->engine->mem);
    int64_t used = atomic_load_explicit(&control->engine->mem.used_bytes, memory_order_relaxed);
    int rc = tm_report_put_prometheus(&report, state_of(control), used, &text);
    if (rc == 0)
        tm_server_answer(to, 200, TM_PROMETHEUS_TYPE, text.data, text.size_bytes);
    else
        tm_server_answer(to, 500, "text/plain", "out of memory\n", 14);
    tm_buf_fini(&text);
}

// The workers have told what they know, or do not for long.
static bool answer_told(struct tm_control *control)
{
    struct tm_telling *telling = &control->telling;
    if (!tm_telling_is_ready(telling, tm_fx_mono_ns(&control->engine->fx)))
        return false;
    for (uint32_t i = 0; i < telling->count; i++) {
        if (telling->waits[i].kind == TM_REQUEST_METRICS)
            answer_metrics(control, telling->waits[i].from);
        else
            answer_report(control, telling->waits[i].from);
    }
    telling->count = 0;
    return true;
}

// --- savepoints ----------------------------------------------------------------------------------

static void on_savepoint(void *arg, uint64_t checkpoint, const char *path,
                         const struct tm_error *err)
{
    struct tm_control *control = arg;
    struct tm_server_request *from = control->savepoint;
    char whole[PATH_MAX];
    control->savepoint = NULL;
    if (err != NULL) {
        tm_control_refuse(from, err->code == TM_E_EXISTS ? 409 : 500, err);
        return;
    }
    json_t *root = json_object();
    json_object_set_new(root, "ok", json_true());
    json_object_set_new(root, "job", tm_report_json_text(control->engine->graph->name));
    json_object_set_new(root, "checkpoint", json_integer((json_int_t)checkpoint));
    json_object_set_new(root, "path",
                        tm_report_json_text(realpath(path, whole) != NULL ? whole : path));
    tm_control_answer(from, 200, root);
}

static void take_savepoint(struct tm_control *control, struct tm_server_request *from,
                           const char *path)
{
    struct tm_keeper *keeper = control->target.saving->keeper;
    struct tm_error err = {0};
    if (keeper == NULL) {
        tm_error_set(&err, TM_E_JOB_REFUSES, "the job takes no checkpoints, so no savepoints");
        tm_error_hint(&err, "say checkpoint = \"30s\" in tm.job, or run it with --dir");
        tm_control_refuse(from, 409, &err);
    } else if (tm_keeper_savepoint(keeper, path, on_savepoint, control, &err) != 0) {
        tm_control_refuse(from, 409, &err);
    } else {
        control->savepoint = from;
    }
}

// --- wishes --------------------------------------------------------------------------------------

static void wait_for_end(struct tm_control *control, struct tm_server_request *from,
                         enum tm_wish wish)
{
    struct tm_error err = {0};
    if (control->waiting_count == WAITING_MAX) {
        tm_error_set(&err, TM_E_LIMIT, "%d others wait for the end of the job", WAITING_MAX);
        tm_control_refuse(from, 503, &err);
        return;
    }
    const struct tm_coordinator *c = control->target.coordinator;
    bool stops = control->target.job != NULL && c->stop_asked;
    if (wish == TM_WISH_DRAIN && (stops || control->target.job == NULL)) {
        tm_error_set(&err, TM_E_JOB_REFUSES,
                     stops ? "the job stops already, and cannot be drained any more"
                           : "the job is about to begin again, and cannot be drained now");
        tm_error_hint(&err, stops ? "run it again, and drain it then" : "ask again in a moment");
        tm_control_refuse(from, 409, &err);
        return;
    }
    control->waiting[control->waiting_count++] = from;
    control->drains = control->drains || wish == TM_WISH_DRAIN;
    if (wish == TM_WISH_CANCEL || !stops) // a second wish to stop is no wish to cancel
        control->wish = wish > control->wish ? wish : control->wish;
}

static const char *argument_of(void *arg, const char *name)
{
    return tm_server_argument(arg, name);
}

// A page in a browser may ask a port of this machine under another name.
static bool names_this_machine(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; host != NULL && i < sizeof names / sizeof names[0]; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(host, names[i], length) == 0 && (host[length] == '\0' || host[length] == ':'))
            return true;
    }
    return false;
}

static bool is_allowed(struct tm_server_request *from, const struct tm_request *request)
{
    struct tm_error err = {0};
    if (tm_server_is_local(from))
        return true;
    bool foreign = !names_this_machine(tm_server_header(from, "Host"));
    if (request->kind == TM_REQUEST_METRICS && !foreign)
        return true;
    tm_error_set(&err, TM_E_PERMISSION,
                 foreign ? "this port answers to localhost and 127.0.0.1"
                         : "this port has /metrics; all else is asked through the job's socket");
    tm_control_refuse(from, 403, &err);
    return false;
}

static void carry_out(struct tm_control *control, struct tm_server_request *from,
                      const struct tm_request *request)
{
    struct tm_error err = {0};
    switch (request->kind) {
    case TM_REQUEST_JOB:
        tm_control_answer(from, 200, describe(control));
        return;
    case TM_REQUEST_STOP:
        wait_for_end(control, from, TM_WISH_STOP);
        return;
    case TM_REQUEST_DRAIN:
        wait_for_end(control, from, TM_WISH_DRAIN);
        return;
    case TM_REQUEST_CANCEL:
        wait_for_end(control, from, TM_WISH_CANCEL);
        return;
    default:
        break;
    }
    if (control->target.job == NULL) {
        tm_error_set(&err, TM_E_JOB_REFUSES, "the job is about to begin again");
        tm_error_hint(&err, "ask again in a moment");
        tm_control_refuse(from, 503, &err);
        return;
    }
    switch (request->kind) {
    case TM_REQUEST_REPORT:
    case TM_REQUEST_METRICS:
        tm_telling_ask(&control->telling, from, request->kind);
        return;
    case TM_REQUEST_SAVEPOINT:
        take_savepoint(control, from, request->path);
        return;
    case TM_REQUEST_STATES:
        tm_asking_names(&control->asking, from);
        return;
    default:
        tm_asking_ask(&control->asking, from, request);
    }
}

static void handle(void *arg, struct tm_server_request *from)
{
    struct tm_error err = {0};
    struct tm_request request;
    const struct tm_request_text text = {.method = tm_server_method(from),
                                         .path = tm_server_path(from),
                                         .argument = argument_of,
                                         .arg = from};
    int status = tm_request_parse(&text, &request, &err);
    if (status != 0)
        tm_control_refuse(from, status, &err);
    else if (is_allowed(from, &request))
        carry_out(arg, from, &request);
}

// --- being found ---------------------------------------------------------------------------------

// In the job's folder with a link to it, or beside the links.
static int listen_here(struct tm_control *control, const char *folder, struct tm_error *err)
{
    char places[TM_PLACES_PATH], entry[TM_PLACES_PATH], name[32];
    int found = tm_places_folder(true, places, err);
    if (folder != NULL && found == 0)
        tm_places_forget(places, folder);
    if (folder != NULL &&
        tm_server_listen_path(control->server, folder, TM_PLACES_SOCKET, err) == 0) {
        char socket[PATH_MAX];
        snprintf(socket, sizeof socket, "%.4000s/" TM_PLACES_SOCKET, folder);
        int rc = found != 0 ? found : tm_places_name(places, getpid(), entry, err);
        rc = rc == 0 ? tm_places_link(entry, socket, err) : rc;
        if (rc == 0)
            memcpy(control->entry, entry, sizeof entry);
        return rc;
    }
    if (found != 0)
        return found;
    snprintf(name, sizeof name, "%lld", (long long)getpid());
    return tm_server_listen_path(control->server, places, name, err);
}

static int listen_port(struct tm_control *control, struct tm_error *err)
{
    const struct tm_cli_options *options = control->engine->options;
    uint16_t port = (uint16_t)options->metrics_port;
    if (!options->metrics)
        return 0;
    if (tm_server_listen_port(control->server, &port, err) != 0) {
        char why[TM_ERROR_TEXT_MAX];
        memcpy(why, err->message, sizeof why);
        tm_error_set(err, TM_E_METRICS_PORT, "--metrics: %s", why);
        tm_error_hint(err, "another program may listen there: take another port, or 0 for one that "
                           "is free");
        return TM_E_METRICS_PORT;
    }
    tm_log_write(&control->engine->log, TM_LOG_INFO, "metrics: http://127.0.0.1:%u/metrics",
                 (unsigned)port);
    return 0;
}

int tm_control_open(struct tm_engine *engine, const char *folder, struct tm_waker *waker,
                    struct tm_control **result, struct tm_error *err)
{
    struct tm_control *control = tm_mem_zalloc(&engine->mem, sizeof *control);
    if (control == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the job's socket");
    control->engine = engine;
    control->started_ms = tm_fx_wall_ms(&engine->fx);
    const struct tm_server_args args = {.fx = &engine->fx,
                                        .mem = &engine->mem,
                                        .log = &engine->log,
                                        .parker = waker->parker,
                                        .handle = handle,
                                        .arg = control};
    int rc = tm_server_new(&args, &control->server, err);
    if (rc == 0)
        rc = listen_port(control, err);
    if (rc != 0) {
        tm_control_close(control, NULL);
        return rc;
    }
    if (listen_here(control, folder, err) != 0) {
        tm_log_write(&engine->log, TM_LOG_WARN, "`tidemill list` does not find this job: %s",
                     err->message);
        tm_error_clear(err);
    }
    *result = control;
    return 0;
}

void tm_control_attach(struct tm_control *control, const struct tm_control_target *target)
{
    static const struct tm_control_target none;
    control->target = target == NULL ? none : *target;
    tm_asking_attach(&control->asking, control->target.job);
    tm_telling_attach(&control->telling, control->target.job);
    if (control->drains && control->target.job != NULL && control->wish == TM_WISH_NONE)
        control->wish = TM_WISH_DRAIN;
}

void tm_control_event(struct tm_control *control, struct tm_event *event)
{
    tm_asking_event(&control->asking, event);
    tm_telling_event(&control->telling, event);
}

bool tm_control_turn(struct tm_control *control)
{
    bool any = answer_told(control);
    return tm_server_turn(control->server) || any;
}

int64_t tm_control_deadline_ns(const struct tm_control *control)
{
    int64_t told_ns = tm_telling_deadline_ns(&control->telling);
    int64_t server_ns = tm_server_deadline_ns(control->server);
    return told_ns < server_ns ? told_ns : server_ns;
}

enum tm_wish tm_control_wish(struct tm_control *control)
{
    enum tm_wish wish = control->wish;
    control->wish = TM_WISH_NONE;
    return wish;
}

static void tell_end(struct tm_control *control, const struct tm_control_end *end)
{
    for (uint32_t i = 0; i < control->waiting_count; i++) {
        json_t *root = json_object();
        json_object_set_new(root, "ok", json_true());
        json_object_set_new(root, "job", tm_report_json_text(control->engine->graph->name));
        json_object_set_new(root, "state", json_string(tm_report_outcome(end->outcome)));
        json_object_set_new(root, "exit_code", json_integer(end->exit_code));
        if (end->checkpoint != 0)
            json_object_set_new(root, "checkpoint", json_integer((json_int_t)end->checkpoint));
        if (end->error != NULL && end->error->code != 0)
            json_object_set_new(root, "failure", tm_report_error_json(end->error));
        tm_control_answer(control->waiting[i], 200, root);
    }
    control->waiting_count = 0;
}

void tm_control_close(struct tm_control *control, const struct tm_control_end *end)
{
    if (control == NULL)
        return;
    tm_asking_attach(&control->asking, NULL);
    tm_telling_attach(&control->telling, NULL);
    if (end != NULL)
        tell_end(control, end);
    if (control->entry[0] != '\0')
        (void)unlink(control->entry);
    tm_server_free(control->server);
    tm_mem_free(&control->engine->mem, control, sizeof *control);
}
