// An output that its job has no more, or whose state is left out: what the checkpoint that the job
// begins with holds for it becomes visible all the same, as when its sink went on. A checkpoint
// says what its outputs are for that alone.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connectors/file/claim.h"
#include "connectors/file/commit_private.h"
#include "connectors/file/sink.h"
#include "core/base/text.h"
#include "core/checkpoint/changed.h"

// --- which it is ---------------------------------------------------------------------------------

struct finding {
    struct tm_mem *mem;
    struct tm__commit_about about;
    char *path, *suffix;
};

static int take(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                struct tm_error *err)
{
    struct finding *f = arg;
    (void)old_subtask;
    if (f->path != NULL || !tm__commits_is_about(bytes, size))
        return 0;
    memcpy(&f->about, bytes, sizeof f->about);
    const char *path = (const char *)bytes + sizeof f->about;
    f->path = tm_mem_strdup(f->mem, path);
    f->suffix = tm_mem_strdup(f->mem, path + f->about.path_bytes);
    return f->path == NULL || f->suffix == NULL
               ? tm_error_set(err, TM_E_MEMORY, "out of memory for the output %s", path)
               : 0;
}

static void free_text(struct tm_mem *mem, char *text)
{
    if (text != NULL)
        tm_mem_free(mem, text, strlen(text) + 1);
}

static int open_left(const struct tm_sink_left *left, const struct finding *f,
                     struct tm__commits **c, struct tm_error *err)
{
    const struct tm__commit_about *about = &f->about;
    const struct tm__commits_args args = {
        .fx = left->fx,
        .mem = left->mem,
        .output = f->path,
        .job = left->job,
        .path = f->path,
        .suffix = f->suffix,
        .depth = (uint32_t)about->depth,
        .one_file = about->one_file != 0,
        .lines = about->lines != 0,
        .append = about->append != 0,
        .replace = about->replace != 0,
        .packing = (enum tm_file_packing)about->packing,
    };
    int rc = tm__commits_new(&args, c, err);
    if (rc == 0 && about->line_end != 0)
        tm__commits_line_end(*c, about->line_end == 2 ? "\r\n" : "\n");
    return rc;
}

// --- what is owed --------------------------------------------------------------------------------

// Nobody else may write it meanwhile. A sink of this job may have it by now: it has not begun.
static int claim(struct tm__commits *c, struct tm_error *err)
{
    const struct tm_fx *fx = c->args.fx;
    struct tm_file_info info;
    int64_t holder = 0;
    if (fx->files->stat(fx->ctx, c->path, &info, NULL) != 0)
        return 0;
    int fd = fx->files->lock(fx->ctx, c->path, false, &holder, NULL);
    if (fd == TM_E_IN_USE && holder != TM_LOCK_OURS)
        fd = tm__file_claim(fx, c->path, false, c->output, err); // which says who
    if (fd >= 0)
        c->claim = fd;
    if (fd == TM_E_IN_USE && holder != TM_LOCK_OURS)
        return fd;
    return 0; // one that may not be opened is written to, or not, all the same
}

// The output is another run's now, which began anew there. What this one had made visible by then
// is known; the rest has gone with it.
static int look_behind(struct tm__commits *c, const struct tm__commits_found *f,
                       struct tm_error *err)
{
    if (tm__commit_record_rejoin(&c->record, f->life))
        tm__commits_drop_until(c, c->args.one_file ? c->record.done : c->record.begun);
    if (c->pending == NULL)
        return 0;
    return tm_error_set(err, TM_E_CHECKPOINT_OLD,
                        "the output %s has been written by another run since", c->output);
}

// Some of it is not visible under its name yet.
static bool is_owed(const struct tm__commits *c)
{
    struct tm_file_info info;
    const struct tm_fx *fx = c->args.fx;
    const struct tm__prepared *p = c->pending;
    while (p != NULL && fx->files->stat(fx->ctx, p->staged, &info, NULL) != 0)
        p = p->next;
    return p != NULL;
}

// Others can see a part of it, which is not going to be replaced.
static bool has_begun(const struct tm__commits *c, const struct tm__commits_found *f)
{
    if (c->record.life != f->life || c->args.replace)
        return false;
    if (c->args.one_file)
        return c->record.begun > c->record.done && c->record.is_new == 0;
    return c->pending != NULL && c->record.begun >= c->pending->checkpoint && is_owed(c);
}

// What the sink held while it ran, ".NAME.inprogress"; unless one of this job, or another, holds
// it.
static void remove_claim(const struct tm__commits *c)
{
    const struct tm_fx *fx = c->args.fx;
    const char *slash = strrchr(c->path, '/'), *name = slash == NULL ? c->path : slash + 1;
    char path[strlen(c->path) + sizeof "..inprogress"];
    int64_t holder = 0;
    snprintf(path, sizeof path, "%.*s.%s.inprogress", (int)(name - c->path), c->path, name);
    int fd = fx->files->lock(fx->ctx, path, false, &holder, NULL);
    if (fd < 0)
        return;
    (void)fx->files->unlink(fx->ctx, path, NULL);
    (void)fx->files->close(fx->ctx, fd, NULL);
}

static int settle(struct tm__commits *c, const struct tm_sink_left *left, struct tm_error *err)
{
    struct tm__commits_found f;
    bool found;
    int rc = tm__commits_read(c, left->restored, left->key, &f, &found, err);
    if (rc != 0 || (left->begun && !has_begun(c, &f)))
        return rc;
    if (found && c->record.life != f.life)
        return look_behind(c, &f, err);
    rc = claim(c, err);
    // Of a later checkpoint, which is given up: the job goes back behind it.
    bool open = c->args.one_file && c->record.begun > c->record.done;
    if (rc == 0 && open && c->record.begun > tm_restored_checkpoint(left->restored))
        rc = tm__commits_cut_back(c, err);
    if (rc == 0)
        rc = tm__commits_go_on(c, &f, left->restored, err);
    bool owed = rc == 0 && is_owed(c);
    if (rc == 0)
        rc = tm__commits_open(c, err);
    else if (rc == TM_E_OUTPUT_CHANGED && open && c->record.begun > c->record.done &&
             tm__commits_cut_back(c, NULL) != 0) // no half row, if that can be helped
        tm_error_prefix(err, "%s may end in a part of them", c->output);
    if (rc == 0 && c->args.one_file)
        remove_claim(c);
    return rc == 0 ? owed : rc;
}

// --- the connector's functions -------------------------------------------------------------------

// `c` as the checkpoint says the output is.
static int find(const struct tm_sink_left *left, struct finding *f, struct tm__commits **c,
                struct tm_error *err)
{
    const struct tm_restored_for who = {.operator_name = left->key, .parallelism = 1};
    *f = (struct finding){.mem = left->mem};
    int rc = tm_restored_items(left->restored, &who, "commits", take, f, err);
    if (rc == 0 && f->path == NULL)
        rc =
            tm_error_set(err, TM_E_OUTPUT_CHANGED,
                         "checkpoint %" PRIu64 ", of an earlier tidemill, does not say where it is",
                         tm_restored_checkpoint(left->restored));
    return rc == 0 ? open_left(left, f, c, err) : rc;
}

static void end(const struct tm_sink_left *left, const struct finding *f, struct tm__commits *c)
{
    if (c != NULL)
        tm__commits_free(c);
    free_text(left->mem, f->path);
    free_text(left->mem, f->suffix);
}

int tm__file_sink_settle(const struct tm_sink_left *left, struct tm_error *err)
{
    struct finding f;
    struct tm__commits *c = NULL;
    int rc = find(left, &f, &c, err);
    if (rc == 0)
        rc = settle(c, left, err);
    end(left, &f, c);
    return rc;
}

// What the record says is in the output, and parts that have their names, are not held.
static void drop_visible(struct tm__commits *c, const struct tm__commits_found *f, bool found)
{
    struct tm_file_info info;
    const struct tm_fx *fx = c->args.fx;
    bool known =
        found && (c->record.life == f->life || tm__commit_record_rejoin(&c->record, f->life));
    if (known && c->args.one_file)
        tm__commits_drop_until(c, c->record.done);
    for (struct tm__prepared **link = &c->pending; *link != NULL;) {
        struct tm__prepared *p = *link;
        if (p->path[0] == '\0' || fx->files->stat(fx->ctx, p->staged, &info, NULL) == 0 ||
            fx->files->stat(fx->ctx, p->path, &info, NULL) != 0) {
            link = &p->next;
            continue;
        }
        *link = p->next;
        tm__prepared_free(c->args.mem, p);
    }
}

static void say_held(const struct tm__commits *c, bool told, char *held, size_t size)
{
    uint64_t bytes = 0, files = 0, copies = 0;
    char byte_count[32], file_count[32];
    for (const struct tm__prepared *p = c->pending; p != NULL; p = p->next) {
        bytes += p->size_bytes;
        files++;
        copies += p->kept != NULL;
    }
    if (files == 0)
        return;
    snprintf(held, size, "%s bytes of rows in %s file%s for %s%s%s",
             tm_text_count((int64_t)bytes, byte_count), tm_text_count((int64_t)files, file_count),
             files == 1 ? "" : "s", c->output,
             told ? "" : ", unless they are in it: its record is gone",
             copies == files ? "; copies stay with the savepoint" : "");
}

int tm__file_sink_held(const struct tm_sink_left *left, char *held, size_t size,
                       struct tm_error *err)
{
    struct finding f;
    struct tm__commits_found items;
    struct tm_file_info info;
    struct tm__commits *c = NULL;
    bool found = false;
    held[0] = '\0';
    int rc = find(left, &f, &c, err);
    if (rc == 0)
        rc = tm__commits_read(c, left->restored, left->key, &items, &found, err);
    if (rc == 0) {
        drop_visible(c, &items, found);
        rc = tm__commits_find_kept(c, left->restored, err);
    }
    if (rc == 0)
        say_held(c,
                 found || !c->args.one_file ||
                     left->fx->files->stat(left->fx->ctx, c->path, &info, NULL) != 0,
                 held, size);
    end(left, &f, c);
    return rc;
}

int tm__file_settles(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_sink_job *job,
                     const char *path, bool *settles, struct tm_error *err)
{
    const struct tm_manifest *manifest = tm_restored_manifest(job->restored);
    int rc = 0;
    *settles = false;
    for (uint32_t i = 0; i < manifest->operator_count && rc == 0; i++) {
        const char *sink = manifest->operators[i].name;
        const struct tm_sink_left left = {.fx = fx,
                                          .mem = mem,
                                          .job = job->name,
                                          .sink = sink,
                                          .restored = job->restored,
                                          .key =
                                              tm_restored_left_out(job->restored, sink, "commits")};
        struct finding f;
        struct tm__commits_found items;
        struct tm__commits *c = NULL;
        bool found = false;
        if (left.key == NULL)
            continue;
        rc = find(&left, &f, &c, err);
        if (rc == 0 && strcmp(f.path, path) == 0) {
            rc = tm__commits_read(c, left.restored, left.key, &items, &found, err);
            if (rc == 0)
                drop_visible(c, &items, found);
            *settles = *settles || c->pending != NULL;
        }
        end(&left, &f, c);
    }
    return rc;
}
