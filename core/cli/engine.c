// Opening a job: effects, script, graph, plan.
#include "core/cli/engine.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "connectors/discard/discard.h"
#include "connectors/file/file.h"
#include "connectors/generator/generator.h"
#include "connectors/socket/socket.h"
#include "connectors/stdio/stdio.h"
#include "connectors/webhook/webhook.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/cli/supervisor.h"
#include "core/graph/plan.h"
#include "core/loop/real.h"

const struct tm_connector *const tm_engine_connectors[] = {
    &tm_connector_file,    &tm_connector_stdin,  &tm_connector_print,   &tm_connector_generator,
    &tm_connector_discard, &tm_connector_socket, &tm_connector_webhook, NULL,
};

enum { SCRIPT_BYTES_MAX = 16 * 1024 * 1024 };

struct names {
    const char *names[512];
    char texts[512][TM_NAME_MAX + 1];
    size_t count;
};

static int add_name(void *arg, const char *path)
{
    struct names *list = arg;
    if (list->count < sizeof list->names / sizeof list->names[0] && strlen(path) <= TM_NAME_MAX) {
        list->names[list->count] = list->texts[list->count];
        memcpy(list->texts[list->count++], path, strlen(path) + 1);
    }
    return 0;
}

// Name what is missing, and the job beside it that may have been meant.
static int no_such_script(struct tm_engine *engine, const char *path, struct tm_error *err)
{
    const struct tm_fx_files *files = engine->fx.files;
    const char *slash = strrchr(path, '/');
    char pattern[1024];
    snprintf(pattern, sizeof pattern, "%.*s*.lua", slash == NULL ? 0 : (int)(slash - path) + 1,
             path);
    struct names *jobs = tm_mem_zalloc(&engine->mem, sizeof *jobs);
    const char *nearest = NULL;
    if (jobs != NULL && files->glob(engine->fx.ctx, pattern, add_name, jobs, NULL) == 0)
        nearest = tm_text_nearest(path, jobs->names, jobs->count);
    int rc = tm_error_set(err, TM_E_NOT_FOUND, "there is no file %s", path);
    if (nearest != NULL)
        tm_error_hint(err, "did you mean %s?", nearest);
    else
        tm_error_hint(err, "a relative path is relative to the working directory");
    tm_mem_free(&engine->mem, jobs, sizeof *jobs);
    return rc;
}

// The text after -e.
static int take_code(struct tm_engine *engine, const char *code, struct tm_error *err)
{
    engine->script_length = strlen(code); // less than the system's bound of an argument
    if (engine->script_length > SCRIPT_BYTES_MAX)
        return tm_error_set(err, TM_E_USAGE, "the text after -e is too large for a job script");
    engine->script = tm_mem_alloc(&engine->mem, SCRIPT_BYTES_MAX);
    if (engine->script == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the script");
    memcpy(engine->script, code, engine->script_length);
    return 0;
}

// What the worker process before this one has read. Without memory for it the file is read.
static bool take_kept(struct tm_engine *engine)
{
    if (!tm_supervised_has_script(engine->options->supervised))
        return false;
    engine->script = tm_mem_alloc(&engine->mem, SCRIPT_BYTES_MAX);
    if (engine->script == NULL)
        return false;
    tm_supervised_script(engine->options->supervised, engine->script, &engine->script_length);
    return true;
}

static int read_script(struct tm_engine *engine, const char *path, struct tm_error *err)
{
    const struct tm_fx_files *files = engine->fx.files;
    struct tm_file_info info;
    if (take_kept(engine))
        return 0;
    int rc = files->stat(engine->fx.ctx, path, &info, err);
    if (rc == 0 && info.is_directory) {
        rc = tm_error_set(err, TM_E_USAGE, "%s is a folder, not a job", path);
        tm_error_hint(err, "a job is a Lua file: tidemill %s %s%sJOB.lua", engine->options->command,
                      path, path[strlen(path) - 1] == '/' ? "" : "/");
    }
    if (rc == 0 && info.size_bytes > SCRIPT_BYTES_MAX)
        rc = tm_error_set(err, TM_E_USAGE, "%s is too large for a job script", path);
    if (rc == TM_E_NOT_FOUND)
        return no_such_script(engine, path, err);
    if (rc != 0)
        return rc;
    int fd = files->open(engine->fx.ctx, path, TM_FILE_READ, err);
    if (fd < 0)
        return fd;
    engine->script = tm_mem_alloc(&engine->mem, SCRIPT_BYTES_MAX);
    int64_t got =
        engine->script == NULL ? tm_error_set(err, TM_E_MEMORY, "out of memory for the script") : 1;
    if (got > 0 && !info.is_regular) { // a pipe: whoever writes the script may be yet to come
        (void)files->wait_readable(engine->fx.ctx, fd, -1);
        if (engine->options->supervised != NULL)
            atomic_store(tm_supervised_touched(engine->options->supervised), 1);
    }
    while (got > 0 && engine->script_length < SCRIPT_BYTES_MAX) {
        got = files->read(engine->fx.ctx, fd, engine->script + engine->script_length,
                          SCRIPT_BYTES_MAX - engine->script_length, err);
        if (got > 0)
            engine->script_length += (size_t)got;
    }
    struct tm_error ignored = {0};
    (void)files->close(engine->fx.ctx, fd, &ignored);
    if (got >= 0)
        tm_supervised_keep_script(engine->options->supervised, engine->script,
                                  engine->script_length);
    return got < 0 ? (int)got : 0;
}

static uint32_t source_limit(void *arg, const struct tm_node *node)
{
    (void)arg;
    const struct tm_connector *connector = tm_connector_find(tm_engine_connectors, node->connector);
    return connector == NULL ? 0 : connector->source_limit;
}

static uint32_t cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > TM_PARALLELISM_MAX ? TM_PARALLELISM_MAX : (uint32_t)n;
}

// What the script itself raises has its column; what the graph's checks find gets it here.
static int located(struct tm_engine *engine, struct tm_error *err, int rc)
{
    if (strchr(err->where, '\n') == NULL)
        tm_vm_locate(engine->vm, err->message, err->where, sizeof err->where);
    return rc;
}

static int make_plan(struct tm_engine *engine, struct tm_error *err)
{
    int rc = tm_graph_new(&engine->mem, &engine->graph, err);
    if (rc == 0)
        rc = tm_vm_plan(engine->vm, engine->graph, err);
    if (rc == 0)
        rc = tm_graph_validate(engine->graph, err);
    if (rc != 0)
        return located(engine, err, rc);
    tm_samples_hand_over(engine->samples, engine->graph);
    engine->parallelism = engine->options->parallelism != 0 ? engine->options->parallelism
                          : engine->graph->parallelism != 0 ? engine->graph->parallelism
                                                            : cores();
    rc = tm_plan_new(&engine->mem, engine->graph, engine->parallelism, source_limit, NULL,
                     &engine->plan, err);
    return rc == 0 ? 0 : located(engine, err, rc);
}

static int infer(void *arg, uint32_t index, const struct tm_node *source,
                 const struct tm_infer_column **columns, uint32_t *count, struct tm_error *err)
{
    struct tm_engine *engine = arg;
    return tm_samples_columns(engine->samples, index, source, columns, count, err);
}

// In the world that the engine has.
static int open_job(struct tm_engine *engine, const struct tm_cli_options *options,
                    struct tm_error *err)
{
    engine->options = options;
    tm_mem_init(&engine->mem, &engine->fx, NULL, 0);
    tm_helper_init(&engine->helper, &engine->fx);
    engine->mem.helper = &engine->helper;
    engine->log = (struct tm_log){
        .fx = &engine->fx,
        .level = options->quiet ? TM_LOG_WARN : TM_LOG_INFO,
        .json = options->log != NULL && strcmp(options->log, "json") == 0,
        .color = tm_fx_terminal(&engine->fx, 2).color,
    };
    // A job that cannot be read is wrong use, whatever the reason; a file that the job names is
    // not.
    int rc = options->code != NULL ? take_code(engine, options->code, err)
                                   : read_script(engine, options->file, err);
    if (rc != 0)
        return TM_E_USAGE;
    engine->vm_args = (struct tm_vm_args){
        .fx = &engine->fx,
        .mem = &engine->mem,
        .memory_limit_bytes = TM_LUA_MEMORY_BYTES, // the job's own is known once it is planned
        .seed = 1,
        .script_path = tm_cli_job_name(options),
        .one_liner = options->code != NULL,
        .script_text = engine->script,
        .script_length = engine->script_length,
        .set_names = options->set_names,
        .set_values = options->set_values,
        .set_count = options->set_count,
        .infer = infer,
        .infer_arg = engine,
    };
    engine->samples = tm_samples_new(
        &(struct tm_samples_args){.fx = &engine->fx,
                                  .mem = &engine->mem,
                                  .log = &engine->log,
                                  .connectors = tm_engine_connectors,
                                  .records = options->sample,
                                  .touched = tm_supervised_touched(options->supervised)});
    if (engine->samples == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory");
    rc = tm_vm_new(&engine->vm_args, &engine->vm, err);
    return rc != 0 ? rc : make_plan(engine, err);
}

int tm_engine_open(struct tm_engine *engine, const struct tm_cli_options *options,
                   struct tm_error *err)
{
    *engine = (struct tm_engine){.is_real = true};
    int rc = tm_real_init(&engine->fx, err);
    return rc != 0 ? rc : open_job(engine, options, err);
}

int tm_engine_open_in(struct tm_engine *engine, const struct tm_cli_options *options,
                      const struct tm_fx *fx, struct tm_error *err)
{
    *engine = (struct tm_engine){.fx = *fx};
    return open_job(engine, options, err);
}

// Prints that keep a table say so in their options (run.c).
static int keep_watching(const struct tm_graph *old, struct tm_graph *new, struct tm_error *err)
{
    for (uint32_t n = 0; n < old->node_count && n < new->node_count; n++)
        if (old->nodes[n].kind == TM_NODE_SINK && new->nodes[n].kind == TM_NODE_SINK &&
            tm_options_integer(&old->nodes[n].options, TM_PRINT_WATCH, 0) != 0 &&
            tm_options_set_bool(&new->nodes[n].options, TM_PRINT_WATCH, true) != 0)
            return tm_error_set(err, TM_E_MEMORY, "out of memory for options");
    return 0;
}

int tm_engine_plan_again(struct tm_engine *engine, struct tm_error *err)
{
    struct tm_graph *old = engine->graph;
    struct tm_vm *vm = engine->vm;
    if (engine->plan != NULL)
        tm_plan_free(engine->plan);
    engine->plan = NULL;
    engine->graph = NULL;
    engine->vm = NULL;
    int rc = tm_vm_new(&engine->vm_args, &engine->vm, err);
    if (rc == 0)
        rc = make_plan(engine, err);
    if (rc == 0 && old != NULL)
        rc = keep_watching(old, engine->graph, err);
    if (old != NULL)
        tm_graph_free(old);
    if (vm != NULL)
        tm_vm_free(vm);
    return rc;
}

void tm_engine_close(struct tm_engine *engine)
{
    if (engine->fx.memory == NULL)
        return;
    if (engine->plan != NULL)
        tm_plan_free(engine->plan);
    if (engine->vm != NULL)
        tm_vm_free(engine->vm);
    if (engine->graph != NULL)
        tm_graph_free(engine->graph);
    tm_samples_free(engine->samples);
    tm_mem_free(&engine->mem, engine->script, SCRIPT_BYTES_MAX);
    tm_helper_fini(&engine->helper);
    if (engine->is_real)
        tm_real_fini(&engine->fx);
}

static bool several_files(void *arg, const struct tm_node *source)
{
    (void)arg;
    const char *path = tm_options_text(&source->options, "path");
    return path != NULL && strpbrk(path, "*?[") != NULL;
}

struct locating {
    struct tm_vm *vm;
    tm_finding_each *each;
    void *arg;
};

static void each_located(void *arg, const struct tm_finding *finding)
{
    struct locating *l = arg;
    struct tm_finding own = *finding;
    char where[TM_ERROR_WHERE_MAX];
    snprintf(where, sizeof where, "%s", finding->where);
    tm_vm_locate(l->vm, finding->message, where, sizeof where);
    own.where = where;
    l->each(l->arg, &own);
}

int tm_engine_findings(struct tm_engine *engine, tm_finding_each *each, void *arg,
                       struct tm_error *err)
{
    struct locating locating = {.vm = engine->vm, .each = each, .arg = arg};
    int rc = engine->vm == NULL ? 0 : tm_vm_findings(engine->vm, each, arg, err);
    if (rc == 0 && engine->plan != NULL)
        tm_plan_find(&(struct tm_plan_findings){.plan = engine->plan,
                                                .several_files = several_files,
                                                .each = each_located,
                                                .arg = &locating});
    return rc;
}

struct findings {
    struct tm_engine *engine;
    bool advice;
    int warnings;
};

static void log_finding(void *arg, const struct tm_finding *finding)
{
    struct findings *findings = arg;
    bool warning = strcmp(finding->severity, "warning") == 0;
    findings->warnings += warning;
    if (!warning && !findings->advice)
        return;
    tm_log_write(&findings->engine->log, warning ? TM_LOG_WARN : TM_LOG_INFO, "%.*s: %s%s%s",
                 (int)strcspn(finding->where, "\n"), finding->where, finding->message,
                 finding->hint[0] == '\0' ? "" : "; ", finding->hint);
}

int tm_engine_log_findings(struct tm_engine *engine, bool advice, struct tm_error *err)
{
    struct findings findings = {.engine = engine, .advice = advice};
    int rc = tm_engine_findings(engine, log_finding, &findings, err);
    return rc != 0 ? rc : findings.warnings;
}
