// Whether a job takes checkpoints, where, and which it begins with.
#include "core/cli/life.h"

#include <stdio.h>
#include <string.h>

#include "core/base/kill_point.h"
#include "core/base/text.h"
#include "core/checkpoint/restored.h"
#include "core/checkpoint/store.h"

enum {
    READS = 3,                     // of the newest checkpoint, while the disk fails
    CHECKPOINTS_BY_DEFAULT = true, // of jobs whose sources can all be read again
    // Smaller ones are read whole before the job begins from them. One that is larger and damaged
    // is found out before sinks commit what they owe (tm_job_args.unverified), or by the tasks.
    VERIFY_BYTES = 64 << 20,
};

static const struct tm_connector *connector_of(const struct tm_node *node)
{
    return tm_connector_find(tm_engine_connectors, node->connector);
}

// A pipe or a device behind a path gives its bytes once.
static bool is_stream(const struct tm_engine *engine, const struct tm_node *node)
{
    const char *path = tm_options_text(&node->options, "path");
    struct tm_file_info info;
    return path != NULL && engine->fx.files->stat(engine->fx.ctx, path, &info, NULL) == 0 &&
           !info.is_regular && !info.is_directory;
}

static const struct tm_node *source_read_once(const struct tm_engine *engine)
{
    for (uint32_t n = 0; n < engine->graph->node_count; n++) {
        const struct tm_node *node = &engine->graph->nodes[n];
        if (node->kind != TM_NODE_SOURCE)
            continue;
        const struct tm_connector *connector = connector_of(node);
        if (connector == NULL || !connector->replayable || is_stream(engine, node))
            return node;
    }
    return NULL;
}

static bool is_exact(const struct tm_engine *engine, const struct tm_node *node)
{
    const struct tm_connector *connector = connector_of(node);
    return connector != NULL && connector->sink_commit != NULL && !is_stream(engine, node);
}

// --- which, if any -------------------------------------------------------------------------------

static int pointless(const char *flag, const char *why, const char *hint, struct tm_error *err)
{
    tm_error_set(err, TM_E_USAGE, "%s: the job takes no checkpoints, %s", flag, why);
    tm_error_hint(err, "%s", hint);
    return TM_E_USAGE;
}

// *wanted; what was asked for and cannot be is an error.
static int decide(struct tm_life *life, bool *wanted, struct tm_error *err)
{
    const struct tm_cli_options *options = life->engine->options;
    const struct tm_graph_checkpoints *given = &life->engine->graph->checkpoints;
    const struct tm_node *once = source_read_once(life->engine);
    const char *flag = options->from != NULL ? "--from" : options->fresh ? "--fresh" : NULL;
    if (flag == NULL && options->drop_count != 0)
        flag = "--drop-state";
    life->asked = given->asked || options->dir != NULL || options->from != NULL;
    life->replayable = once == NULL;
    for (uint32_t n = 0; n < life->engine->graph->node_count; n++) {
        const struct tm_node *node = &life->engine->graph->nodes[n];
        if (node->kind != TM_NODE_SINK)
            continue;
        bool exact = is_exact(life->engine, node);
        life->exact = life->exact || exact;
        life->shows = life->shows || (!exact && strcmp(node->connector, "discard") != 0);
    }
    bool off = options->no_checkpoints || given->interval_ms == 0;
    *wanted =
        !off && (life->asked || (CHECKPOINTS_BY_DEFAULT && once == NULL && options->code == NULL));
    if (*wanted || flag == NULL || options->fresh)
        return 0;
    if (options->no_checkpoints)
        return pointless(flag, "as --no-checkpoints says", "leave one of them out", err);
    if (given->interval_ms == 0)
        return pointless(flag, "as its checkpoint = false says", "leave that out of tm.job", err);
    if (once != NULL) {
        char why[2 * TM_NAME_MAX];
        snprintf(why, sizeof why, "because the source '%.*s' cannot be read again", TM_NAME_MAX,
                 once->name);
        return pointless(flag, why, "say checkpoint = \"30s\" in tm.job to take some all the same",
                         err);
    }
    return pointless(flag, "because it stands after -e", "--dir DIR says where they are", err);
}

// A name may have any characters; a folder's has no slash and begins with no dot.
static int name_folder(struct tm_life *life, struct tm_error *err)
{
    const char *dir = life->engine->options->dir;
    size_t used = 0, size = sizeof life->folder;
    int n = snprintf(life->folder, size, "%s/", dir == NULL ? ".tidemill" : dir);
    used = n < 0 || (size_t)n >= size ? size : (size_t)n;
    size_t begin = used;
    bool is_meta = strcmp(life->engine->graph->name, "meta") == 0; // the editor's types are there
    for (const char *p = life->engine->graph->name; *p != '\0' && used + 4 < size; p++) {
        bool plain = *p != '/' && *p != '%' && (used != begin || (*p != '.' && !is_meta));
        used += (size_t)snprintf(life->folder + used, size - used, plain ? "%c" : "%%%02X",
                                 (unsigned char)*p);
    }
    return used + 64 < size ? 0
                            : tm_error_set(err, TM_E_LIMIT, "--dir: the path is too long: %s", dir);
}

static bool exists(const struct tm_life *life, const char *path)
{
    struct tm_file_info info;
    return life->engine->fx.files->stat(life->engine->fx.ctx, path, &info, NULL) == 0;
}

// Without a word about checkpoints from the user a job runs also where it may write nothing; not
// where it has some already.
static int open_store(struct tm_life *life, struct tm_error *err)
{
    struct tm_engine *engine = life->engine;
    const struct tm_store_args args = {.mem = &engine->mem,
                                       .fx = &engine->fx,
                                       .folder = life->folder,
                                       .job = engine->graph->name,
                                       .retain = engine->graph->checkpoints.retain};
    bool there = exists(life, life->folder);
    int rc = tm_store_open(&args, &life->store, err);
    if (rc == 0 || rc == TM_E_JOB_RUNNING || rc == TM_E_MEMORY)
        return rc;
    if (!life->asked && !there) {
        tm_log_write(&engine->log, TM_LOG_WARN,
                     "the job takes no checkpoints: %s; --dir DIR puts them elsewhere, "
                     "--no-checkpoints takes none",
                     err->message);
        tm_error_clear(err);
        return 0;
    }
    tm_error_prefix(err, "the folder of checkpoints %s", life->folder);
    if (err->hint[0] == '\0')
        tm_error_hint(err, "make it writable, or put checkpoints elsewhere: --dir DIR; "
                           "--no-checkpoints takes none");
    return rc;
}

// --- what it begins with -------------------------------------------------------------------------

static int open_checkpoint(struct tm_life *life, const char *path, uint64_t checkpoint,
                           struct tm_error *err)
{
    struct tm_engine *engine = life->engine;
    const struct tm_restored_args args = {.mem = &engine->mem,
                                          .fx = &engine->fx,
                                          .path = path,
                                          .checkpoint = checkpoint,
                                          .job = engine->graph->name};
    int rc = tm_restored_open(&args, &life->restored, err);
    uint64_t bytes = 0;
    if (rc != 0)
        return rc;
    const struct tm_manifest *manifest = tm_restored_manifest(life->restored);
    for (uint32_t i = 0; i < manifest->file_count; i++)
        bytes += manifest->files[i].length;
    life->unverified = bytes > VERIFY_BYTES;
    if (!life->unverified)
        rc = tm_restored_verify(life->restored, err);
    TM_KILL_POINT(checkpoint_opened);
    if (rc != 0) {
        tm_restored_free(life->restored);
        life->restored = NULL;
    }
    return rc;
}

// "chk-12" gives 12; 0: it is a path.
static uint64_t number_of(const char *text)
{
    unsigned long long number = 0;
    int used = 0;
    return sscanf(text, "chk-%20llu%n", &number, &used) == 1 && text[used] == '\0' ? number : 0;
}

// The number of a checkpoint of this job's own folder that a path means; 0: it is another's.
static uint64_t own_number(const struct tm_life *life, const char *path)
{
    char name[TM_LIFE_PATH], own[TM_LIFE_PATH + 64];
    struct tm_file_info a, b;
    const struct tm_fx *fx = &life->engine->fx;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    snprintf(name, sizeof name, "%.*s", (int)length, path);
    const char *slash = strrchr(name, '/');
    uint64_t number = number_of(slash == NULL ? name : slash + 1);
    snprintf(own, sizeof own, "%s/chk-%llu", life->folder, (unsigned long long)number);
    bool same = number != 0 && fx->files->stat(fx->ctx, name, &a, NULL) == 0 &&
                fx->files->stat(fx->ctx, own, &b, NULL) == 0 && a.device == b.device &&
                a.inode == b.inode;
    return same ? number : 0;
}

static int begin_given(struct tm_life *life, const char *from, struct tm_error *err)
{
    uint64_t number = number_of(from);
    if (number == 0 || exists(life, from))
        number = own_number(life, from);
    life->rewind = number;
    int rc = number != 0 ? open_checkpoint(life, life->folder, number, err)
                         : open_checkpoint(life, from, 0, err);
    if (rc == 0 && life->store != NULL)
        tm_store_count_from(life->store, tm_restored_checkpoint(life->restored));
    return rc;
}

bool tm_life_is_own(const struct tm_life *life)
{
    return life->restored != NULL && life->rewind != 0;
}

static bool is_committed(const struct tm_life *life, uint64_t checkpoint)
{
    char path[TM_LIFE_PATH + 64];
    snprintf(path, sizeof path, "%s/chk-%llu/COMMITTED", life->folder,
             (unsigned long long)checkpoint);
    return exists(life, path);
}

struct before {
    const struct tm_life *life;
    uint64_t below, found;
};

static int look_before(void *arg, const char *name)
{
    struct before *before = arg;
    uint64_t number = number_of(name);
    char path[TM_LIFE_PATH + 64];
    snprintf(path, sizeof path, "%s/chk-%llu/MANIFEST", before->life->folder,
             (unsigned long long)number);
    if (number < before->below && number > before->found && exists(before->life, path))
        before->found = number;
    return 0;
}

// What cannot be read for want of permission is not damaged, and nothing is given up for it.
static bool is_damage(int code)
{
    return code == TM_E_CHECKPOINT || code == TM_E_CHECKPOINT_MISSING || code == TM_E_IO;
}

// The newest cannot be used: the one before it can be where no sink has begun to commit what the
// newest has. The sinks are asked when they are there (tm_job_args.damaged).
static int begin_before(struct tm_life *life, uint64_t newest, struct tm_error *err)
{
    const struct tm_engine *engine = life->engine;
    struct before before = {.life = life, .below = newest};
    struct tm_error ignored = {0};
    int code = err->code;
    (void)engine->fx.files->list(engine->fx.ctx, life->folder, look_before, &before, &ignored);
    if (before.found == 0 || !is_damage(code)) {
        if (code == TM_E_PERMISSION)
            tm_error_hint(err, "%s",
                          "let the user who runs the job read and write it; to begin with another "
                          "one: --from, or anew: --fresh");
        else if (code == TM_E_CHECKPOINT || code == TM_E_CHECKPOINT_MISSING)
            tm_error_hint(err, "%s",
                          "it is the only checkpoint: bring it back from a backup, or "
                          "begin anew: --fresh");
        return code;
    }
    tm_log_write(&engine->log, TM_LOG_WARN,
                 "checkpoint %llu is damaged: %s; going back to checkpoint %llu",
                 (unsigned long long)newest, err->message, (unsigned long long)before.found);
    tm_error_clear(err);
    life->damaged = newest;
    life->rewind = before.found;
    int rc = open_checkpoint(life, life->folder, before.found, err);
    if (rc == TM_E_CHECKPOINT || rc == TM_E_CHECKPOINT_MISSING)
        tm_error_hint(err,
                      "checkpoint %llu is damaged too: name an older one with --from, or "
                      "begin anew: --fresh",
                      (unsigned long long)newest);
    return rc;
}

// A disk that fails once may give what it has when it is asked again: to go back is for good.
static int open_newest(struct tm_life *life, uint64_t newest, struct tm_error *err)
{
    int rc = TM_E_IO;
    for (int i = 0; rc == TM_E_IO && i < READS; i++) {
        tm_error_clear(err);
        rc = open_checkpoint(life, life->folder, newest, err);
    }
    return rc;
}

static int begin_newest(struct tm_life *life, uint64_t newest, struct tm_error *err)
{
    life->rewind = newest;
    if (newest == life->unusable)
        *err = life->why;
    int rc = newest == life->unusable ? err->code : open_newest(life, newest, err);
    if (rc != 0)
        return begin_before(life, newest, err);
    life->is_newest = true;
    life->completes = tm_restored_manifest(life->restored)->finished;
    if (life->completes && is_committed(life, newest)) {
        tm_restored_free(life->restored);
        life->restored = NULL;
        life->completes = false;
        life->rewind = 0;
    }
    return 0;
}

// What outputs have begun to show of it they have to show to the end.
static void look_at_given_up(struct tm_life *life, uint64_t newest)
{
    const struct tm_engine *engine = life->engine;
    const struct tm_restored_args args = {.mem = &life->engine->mem,
                                          .fx = &engine->fx,
                                          .path = life->folder,
                                          .checkpoint = newest,
                                          .job = engine->graph->name};
    struct tm_error ignored = {0};
    if (tm_restored_open(&args, &life->given_up, &ignored) != 0)
        life->given_up = NULL;
}

static int choose(struct tm_life *life, struct tm_error *err)
{
    struct tm_engine *engine = life->engine;
    uint64_t newest = tm_store_latest(life->store);
    life->empty = newest == 0;
    if (engine->options->from != NULL) {
        int rc = begin_given(life, engine->options->from, err);
        if (rc == 0 && newest != 0 && !tm_life_is_own(life))
            look_at_given_up(life, newest);
        return rc;
    }
    if (newest != 0 && engine->options->fresh)
        look_at_given_up(life, newest);
    if (newest == 0 || engine->options->fresh)
        return 0;
    if (!life->replayable) {
        tm_log_write(&engine->log, TM_LOG_WARN,
                     "the job begins anew, because '%s' cannot be read again",
                     source_read_once(engine)->name);
        return 0;
    }
    return begin_newest(life, newest, err);
}

static uint32_t source_limit(void *arg, const struct tm_node *node)
{
    (void)arg;
    const struct tm_connector *connector = connector_of(node);
    return connector == NULL ? 0 : connector->source_limit;
}

// What is given counts, then what the checkpoint has.
static int plan_anew(struct tm_life *life, struct tm_error *err)
{
    struct tm_engine *engine = life->engine;
    uint32_t wanted = engine->options->max_parallelism;
    if (wanted == 0)
        wanted = engine->graph->max_parallelism;
    if (wanted == 0 && life->restored != NULL)
        wanted = tm_restored_manifest(life->restored)->max_parallelism;
    if (wanted == 0 || wanted == engine->plan->max_parallelism)
        return 0;
    engine->graph->max_parallelism = wanted;
    tm_plan_free(engine->plan);
    engine->plan = NULL;
    return tm_plan_new(&engine->mem, engine->graph, engine->parallelism, source_limit, NULL,
                       &engine->plan, err);
}

// Schemas that were inferred when the job began hold as long as it goes on.
static int take_schemas(struct tm_life *life, struct tm_error *err)
{
    struct tm_engine *engine = life->engine;
    if (life->restored == NULL)
        return 0;
    int others = tm_samples_bring_back(engine->samples, engine->graph,
                                       tm_restored_manifest(life->restored)->schemas);
    if (others < 0)
        return tm_error_set(err, others, "out of memory for schemas");
    return others == 0 ? 0 : tm_engine_plan_again(engine, err);
}

// A job that takes no checkpoints begins anew. Who has left them out may not know that there is one
// to go on from, and that outputs that are appended to get rows twice.
static void say_what_is_left(struct tm_life *life)
{
    struct tm_engine *engine = life->engine;
    const struct tm_restored_args args = {
        .mem = &engine->mem, .fx = &engine->fx, .path = life->folder, .job = engine->graph->name};
    struct tm_error ignored = {0};
    struct tm_restored *restored = NULL;
    if (name_folder(life, &ignored) == 0 && tm_restored_open(&args, &restored, &ignored) == 0 &&
        !tm_restored_manifest(restored)->finished)
        tm_log_write(&engine->log, TM_LOG_WARN,
                     "the job begins anew, because %s: checkpoint %llu in %s is left as it is",
                     life->replayable ? "its checkpoint = false says so"
                                      : "a source of it cannot be read again",
                     (unsigned long long)tm_restored_checkpoint(restored), life->folder);
    tm_restored_free(restored);
    life->folder[0] = '\0'; // it is not this job's
}

int tm_life_open(struct tm_life *life, struct tm_engine *engine, struct tm_error *err)
{
    bool wanted;
    *life = (struct tm_life){.engine = engine};
    int rc = decide(life, &wanted, err);
    if (rc == 0 && !wanted && !engine->options->no_checkpoints && engine->options->code == NULL)
        say_what_is_left(life);
    if (rc == 0 && wanted)
        rc = name_folder(life, err);
    if (rc == 0 && wanted)
        rc = open_store(life, err);
    if (rc == 0 && life->store != NULL)
        rc = choose(life, err);
    if (rc == 0)
        rc = take_schemas(life, err);
    return rc == 0 ? plan_anew(life, err) : rc;
}

// What an attempt that began gave up it has given up, so the flags of the command line have had
// their say, unless nothing has been taken since.
static int choose_again(struct tm_life *life, struct tm_error *err)
{
    const char *from = life->engine->options->from;
    uint64_t newest = tm_store_latest(life->store);
    if (newest != 0)
        return begin_newest(life, newest, err);
    return from == NULL ? 0 : begin_given(life, from, err);
}

int tm_life_again(struct tm_life *life, struct tm_error *err)
{
    uint64_t newest = tm_store_latest(life->store);
    tm_restored_free(life->restored);
    tm_restored_free(life->given_up);
    life->restored = life->given_up = NULL;
    life->again = life->begun;
    life->completes = false;
    life->damaged = life->rewind = 0;
    life->is_newest = false;
    life->has_dropped = life->begun && newest != 0 && newest != life->first;
    int rc = life->begun ? choose_again(life, err) : choose(life, err);
    if (rc == 0)
        rc = take_schemas(life, err);
    return rc == 0 ? plan_anew(life, err) : rc;
}

bool tm_life_goes_back(struct tm_life *life, const struct tm_error *err)
{
    if (err->code != TM_E_CHECKPOINT || !life->is_newest ||
        tm_restored_checkpoint(life->restored) != tm_store_latest(life->store))
        return false;
    life->unusable = tm_store_latest(life->store);
    life->why = *err;
    return true;
}

int tm_life_look(struct tm_life *life, struct tm_engine *engine, const char *path,
                 struct tm_error *err)
{
    *life = (struct tm_life){.engine = engine};
    int rc = name_folder(life, err);
    if (rc == 0)
        rc = begin_given(life, path, err);
    return rc == 0 ? take_schemas(life, err) : rc;
}

// --- begin and end -------------------------------------------------------------------------------

// What each sink promises, and so what all of the job does.
static void say_promises(const struct tm_life *life)
{
    const struct tm_engine *engine = life->engine;
    char sinks[600] = "", every[32], worst[] = "exactly once";
    bool all = life->replayable;
    for (uint32_t n = 0; n < engine->graph->node_count; n++) {
        const struct tm_node *node = &engine->graph->nodes[n];
        size_t used = strlen(sinks);
        if (node->kind != TM_NODE_SINK)
            continue;
        bool exact = is_exact(engine, node);
        all = all && exact;
        snprintf(sinks + used, sizeof sinks - used, "%s'%.64s' %s", used == 0 ? "" : ", ",
                 node->name, exact ? worst : "at least once");
    }
    tm_log_write(&engine->log, TM_LOG_INFO, "checkpoints every %s in %s; %s%send to end %s",
                 tm_text_duration(engine->graph->checkpoints.interval_ms, every), life->folder,
                 sinks, sinks[0] == '\0' ? "" : "; ",
                 !life->replayable ? "at most once, because a source cannot be read again"
                 : all             ? worst
                                   : "at least once");
}

static void say_beginning(const struct tm_life *life)
{
    const struct tm_engine *engine = life->engine;
    if (life->restored == NULL && !life->again && engine->options->drop_count != 0)
        tm_log_write(&engine->log, TM_LOG_WARN,
                     "--drop-state '%s' leaves out nothing: there is no checkpoint to go on from",
                     engine->options->drops[0]);
    char age[32];
    if (life->restored != NULL) {
        const struct tm_manifest *m = tm_restored_manifest(life->restored);
        int64_t age_ms = tm_fx_wall_ms(&engine->fx) - m->created_ms;
        const char *from = engine->options->from;
        tm_log_write(&engine->log, TM_LOG_INFO,
                     life->completes ? "all input had been read: making the output of checkpoint "
                                       "%llu visible, %s old%s%s"
                                     : "going on from checkpoint %llu, %s old%s%s",
                     (unsigned long long)m->checkpoint,
                     tm_text_duration(age_ms > 0 ? age_ms : 0, age), from == NULL ? "" : ", of ",
                     from == NULL ? "" : from);
    } else if (life->again) {
        tm_log_write(&engine->log, TM_LOG_INFO, "beginning anew: no checkpoint has been taken yet");
    } else if (!life->empty && engine->options->fresh) {
        tm_log_write(&engine->log, TM_LOG_INFO, "beginning anew: earlier checkpoints are given up");
    }
}

void tm_life_say(const struct tm_life *life)
{
    if (life->store == NULL)
        return;
    if (!life->again)
        say_promises(life);
    say_beginning(life);
}

int tm_life_begin(struct tm_life *life, struct tm_error *err)
{
    if (life->store == NULL)
        return 0;
    // A job that has nothing to give up writes nothing yet.
    bool nothing = life->empty && !life->again;
    bool goes_back = life->restored != NULL && tm_store_latest(life->store) > life->rewind;
    int rc = goes_back ? tm_store_keep_numbers(life->store, err) : 0;
    if (rc == 0 && !nothing)
        rc = tm_store_rewind(life->store, life->rewind, err);
    if (!life->again)
        life->first = life->rewind;
    life->begun = rc == 0;
    return rc;
}

uint64_t tm_life_resumable(const struct tm_life *life)
{
    return life->store == NULL || !life->replayable ? 0 : tm_store_latest(life->store);
}

// That it is not on disk after a loss of power costs the next run a look at outputs that are
// complete.
static void mark_committed(const struct tm_life *life, uint64_t checkpoint)
{
    const struct tm_fx *fx = &life->engine->fx;
    char path[TM_LIFE_PATH + 64];
    snprintf(path, sizeof path, "%s/chk-%llu/COMMITTED", life->folder,
             (unsigned long long)checkpoint);
    int fd = fx->files->open(fx->ctx, path, TM_FILE_CREATE, NULL);
    if (fd >= 0)
        (void)fx->files->close(fx->ctx, fd, NULL);
}

// Of a job that says nothing of checkpoints and has taken none before its end, nothing is left.
void tm_life_finish(struct tm_life *life, struct tm_job *job, uint64_t taken)
{
    struct tm_error ignored = {0};
    if (life->store == NULL)
        return;
    uint64_t newest = tm_store_latest(life->store);
    bool keeps = life->exact || life->asked;
    int rc = 0;
    bool short_one = life->empty && taken <= 1;
    if (newest != 0 && ((short_one && !life->asked) || !keeps))
        rc = tm_store_rewind(life->store, 0, &ignored);
    else if (newest != 0)
        mark_committed(life, newest);
    if (rc != 0)
        tm_log_write(&life->engine->log, TM_LOG_WARN, "checkpoints are left in %s: %s",
                     life->folder, ignored.message);
    else if (tm_store_latest(life->store) ==
             0) // first they go: a record outlives them, not they it
        tm_job_forget(job);
}

void tm_life_close(struct tm_life *life)
{
    const struct tm_engine *engine = life->engine;
    tm_restored_free(life->restored);
    tm_restored_free(life->given_up);
    if (life->store != NULL && tm_store_latest(life->store) == 0 && life->folder[0] != '\0') {
        char path[TM_LIFE_PATH + 64];
        const struct tm_fx *fx = &engine->fx;
        snprintf(path, sizeof path, "%s/LOCK", life->folder);
        if (tm_store_check(life->store, NULL) == 0)
            (void)fx->files->unlink(fx->ctx, path, NULL); // while it is held
        tm_store_close(life->store);
        (void)fx->files->remove_folder(fx->ctx, life->folder, NULL); // where nothing else is in it
        *strrchr(life->folder, '/') = '\0';
        if (engine->options->dir == NULL)
            (void)fx->files->remove_folder(fx->ctx, life->folder, NULL);
    } else {
        tm_store_close(life->store);
    }
    *life = (struct tm_life){.engine = engine == NULL ? NULL : life->engine};
}
