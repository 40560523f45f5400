// An output that goes on from a checkpoint: what that has prepared is committed, again if need be;
// what came after it is removed; and where more than that has been committed the checkpoint is too
// old.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connectors/file/commit_private.h"
#include "core/base/kill_point.h"
#include "core/base/planted.h"
#include "core/base/text.h"

static int out_of_memory(const struct tm__commits *c, struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for the output %s", c->output);
}

// --- items ---------------------------------------------------------------------------------------

static int take_head(struct tm__commits_found *f, const uint64_t *numbers)
{
    struct tm__commits *c = f->c;
    if (numbers[1] != TM__COMMITS_FORMAT || (f->life != 0 && f->life != numbers[2]))
        return TM_E_CHECKPOINT;
    f->life = numbers[2];
    if (!TM_PLANTED(names_reused))
        c->next_run = numbers[3] > c->next_run ? (unsigned)numbers[3] : c->next_run;
    return 0;
}

static int take_old(struct tm__commits_found *f, const char *path)
{
    struct tm__commits *c = f->c;
    struct tm_mem *mem = c->args.mem;
    if (f->old_count == c->old_capacity) {
        uint32_t capacity = c->old_capacity == 0 ? 16 : c->old_capacity * 2;
        char **old = tm_mem_realloc(mem, c->old_restored, c->old_capacity * sizeof *old,
                                    capacity * sizeof *old);
        if (old == NULL)
            return TM_E_MEMORY;
        memset(old + c->old_capacity, 0, (capacity - c->old_capacity) * sizeof *old);
        c->old_restored = old;
        c->old_capacity = capacity;
    }
    if ((c->old_restored[f->old_count] = tm_mem_strdup(mem, path)) == NULL)
        return TM_E_MEMORY;
    f->old_count++;
    return 0;
}

static int take_prepared(struct tm__commits_found *f, const uint64_t *numbers, const char *paths)
{
    struct tm_mem *mem = f->c->args.mem;
    struct tm__prepared *p = tm_mem_zalloc(mem, sizeof *p);
    if (p == NULL)
        return TM_E_MEMORY;
    *p = (struct tm__prepared){.checkpoint = numbers[1],
                               .subtask = numbers[2],
                               .number = numbers[3],
                               .size_bytes = numbers[4],
                               .head_bytes = numbers[5],
                               .hash = numbers[7],
                               .staged = tm_mem_strdup(mem, paths),
                               .path = tm_mem_strdup(mem, paths + numbers[6])};
    if (p->staged == NULL || p->path == NULL) {
        tm__prepared_free(mem, p);
        return TM_E_MEMORY;
    }
    tm__commits_insert(f->c, p);
    return 0;
}

static int take(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                struct tm_error *err)
{
    struct tm__commits_found *f = arg;
    uint64_t numbers[8] = {0};
    const char *text = bytes;
    int rc = TM_E_CHECKPOINT;
    (void)old_subtask;
    memcpy(numbers, bytes, size < sizeof numbers ? size : sizeof numbers);
    if (size == 4 * sizeof *numbers && numbers[0] == 'h')
        rc = take_head(f, numbers);
    else if (size > sizeof *numbers && numbers[0] == 'o' && text[size - 1] == '\0')
        rc = take_old(f, text + sizeof *numbers);
    else if (size > sizeof numbers + 1 && numbers[0] == 'p' && text[size - 1] == '\0' &&
             numbers[6] > 0 && numbers[6] < size - sizeof numbers &&
             text[sizeof numbers + numbers[6] - 1] == '\0' && numbers[5] <= numbers[4])
        rc = take_prepared(f, numbers, text + sizeof numbers);
    else if (tm__commits_is_about(bytes, size))
        rc = 0; // who goes on with it knows
    if (rc == TM_E_MEMORY)
        return out_of_memory(f->c, err);
    return rc == 0
               ? 0
               : tm_error_set(err, rc,
                              "the checkpoint has a commit of the output %s that makes no sense",
                              f->c->output);
}

// --- what is left over ---------------------------------------------------------------------------

static int remove_one(void *arg, const char *path)
{
    struct tm__commits *c = arg;
    (void)c->args.fx->files->unlink(c->args.fx->ctx, path, NULL); // it only takes space
    TM_KILL_POINT(leftovers_removed);
    return 0;
}

// A text as a pattern that matches nothing else.
static int add_literal(struct tm_buf *pattern, const char *text, size_t length)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < length; i++) {
        if (strchr("*?[]\\", text[i]) != NULL)
            rc = tm_buf_append(pattern, "\\", 1);
        rc = rc != 0 ? rc : tm_buf_append(pattern, text + i, 1);
    }
    return rc;
}

static int clean(struct tm__commits *c, uint32_t depth, struct tm_error *err)
{
    const char *slash = strrchr(c->path, '/'), *name = slash == NULL ? c->path : slash + 1;
    struct tm_buf pattern;
    tm_buf_init(&pattern, c->args.mem);
    int rc = c->args.one_file ? add_literal(&pattern, c->path, (size_t)(name - c->path))
                              : add_literal(&pattern, c->path, strlen(c->path));
    for (uint32_t i = 0; rc == 0 && i < depth; i++)
        rc = tm_buf_append(&pattern, "/*", 2);
    if (rc == 0)
        rc = c->args.one_file ? tm_buf_append(&pattern, ".", 1)
                              : tm_buf_append(&pattern, "/.part-*", 8);
    if (rc == 0 && c->args.one_file)
        rc = add_literal(&pattern, name, strlen(name));
    if (rc == 0)
        rc = tm_buf_printf(&pattern, ".%s-*.inprogress", c->owner);
    rc = rc != 0 ? rc : tm_buf_append(&pattern, "", 1);
    if (rc == 0)
        rc = c->args.fx->files->glob(c->args.fx->ctx, (char *)pattern.data, remove_one, c, err);
    else
        rc = out_of_memory(c, err);
    tm_buf_fini(&pattern);
    return rc;
}

int tm__commits_clean(struct tm__commits *c, struct tm_error *err)
{
    int rc = clean(c, 0, err);
    return rc == 0 && c->args.depth != 0 ? clean(c, c->args.depth, err) : rc;
}

// --- restoring -----------------------------------------------------------------------------------

static int too_old(const struct tm__commits *c, uint64_t checkpoint, bool other_life,
                   struct tm_error *err)
{
    if (other_life)
        tm_error_set(err, TM_E_CHECKPOINT_OLD,
                     "the output %s has been written by another run since checkpoint %" PRIu64
                     " was taken",
                     c->output, checkpoint);
    else
        tm_error_set(err, TM_E_CHECKPOINT_OLD,
                     "the output %s has rows of checkpoint %" PRIu64
                     ", and the job is to begin with checkpoint %" PRIu64,
                     c->output, c->record.begun, checkpoint);
    tm_error_hint(err, "begin with the newest checkpoint; or say if_exists = \"append\" (rows come "
                       "twice) or if_exists = \"replace\"; or begin anew: --fresh");
    return TM_E_CHECKPOINT_OLD;
}

// Rows that the checkpoint holds for the output may be in it, in part.
static int cannot_tell(const struct tm__commits *c, uint64_t checkpoint, struct tm_error *err)
{
    tm_error_set(err, TM_E_CHECKPOINT_OLD,
                 "checkpoint %" PRIu64 " holds rows for the output %s, which has been written by "
                 "another run since: whether they are in it cannot be told",
                 checkpoint, c->output);
    tm_error_hint(err,
                  "decide: --drop-state with the sink's name leaves them out (they are lost if "
                  "they are not there); if_exists = \"replace\" begins the output again behind "
                  "them; --fresh begins with all of the input");
    return TM_E_CHECKPOINT_OLD;
}

static void drop_pending(struct tm__commits *c)
{
    while (c->pending != NULL) {
        struct tm__prepared *p = c->pending;
        c->pending = p->next;
        tm__prepared_free(c->args.mem, p);
    }
}

// The output has more than the checkpoint, and that is wanted: it goes on as if it were another's.
static int begin_another_life(struct tm__commits *c, char *const *old, uint32_t old_count)
{
    c->duplicates = c->args.append;
    for (const struct tm__prepared *p = c->pending; p != NULL && c->args.replace; p = p->next) {
        c->passed_bytes += p->size_bytes;
        c->passed_files++;
    }
    drop_pending(c); // that is in it already, or is not to be
    tm__commits_begin(c, old, c->args.replace ? old_count : 0);
    return 0;
}

bool tm__commits_has_passed(const struct tm__commits *c, char *text, size_t size)
{
    char bytes[32], files[32];
    if (c->passed_files != 0)
        snprintf(text, size,
                 "the output begins again, as if_exists = \"replace\" says: %s bytes of rows in %s "
                 "file%s that the checkpoint holds for it are left out",
                 tm_text_count((int64_t)c->passed_bytes, bytes),
                 tm_text_count((int64_t)c->passed_files, files), c->passed_files == 1 ? "" : "s");
    return c->passed_files != 0;
}

void tm__commits_drop_until(struct tm__commits *c, uint64_t checkpoint)
{
    while (c->pending != NULL && c->pending->checkpoint <= checkpoint) {
        struct tm__prepared *p = c->pending;
        c->pending = p->next;
        tm__prepared_free(c->args.mem, p);
    }
}

// What the record says is in the one file is not appended again.
static void drop_done(struct tm__commits *c)
{
    if (TM_PLANTED(appended_again))
        return;
    if (c->args.one_file)
        tm__commits_drop_until(c, c->record.done);
}

int tm__commits_go_on(struct tm__commits *c, const struct tm__commits_found *f,
                      const struct tm_restored *restored, struct tm_error *err)
{
    struct tm_file_info info;
    c->record.life = f->life;
    c->resumed = tm_restored_checkpoint(restored);
    c->old = c->old_restored;
    c->old_count = f->old_count;
    c->is_new =
        c->args.one_file && c->record.done == 0 &&
        (c->args.replace || c->args.fx->files->stat(c->args.fx->ctx, c->path, &info, NULL) != 0);
    drop_done(c);
    int rc = tm__commits_find_kept(c, restored, err);
    if (rc != 0)
        return rc;
    return tm__commits_failed(c, tm__commits_check(c, err), err);
}

// An output that is appended to has more than the checkpoint: what that holds for it and is not in
// it yet comes first, as a part of the life that the checkpoint is of. Which of it is there the
// record knows of each life: of one file what was done, of a folder what was begun, as its parts
// have names of their own.
static int append_again(struct tm__commits *c, const struct tm__commits_found *f,
                        const struct tm_restored *restored, char *const *old, uint32_t old_count,
                        struct tm_error *err)
{
    if (c->pending == NULL)
        return begin_another_life(c, old, old_count);
    if (c->record.life != f->life && !tm__commit_record_rejoin(&c->record, f->life))
        return cannot_tell(c, tm_restored_checkpoint(restored), err);
    tm__commits_drop_until(c, c->args.one_file ? c->record.done : c->record.begun);
    if (c->pending == NULL)
        return begin_another_life(c, old, old_count);
    if (c->pending->checkpoint <= c->record.begun) // an append that was cut short
        return cannot_tell(c, tm_restored_checkpoint(restored), err);
    c->duplicates = true;
    return tm__commits_go_on(c, f, restored, err);
}

int tm__commits_read(struct tm__commits *c, const struct tm_restored *restored, const char *node,
                     struct tm__commits_found *f, bool *found, struct tm_error *err)
{
    const struct tm_restored_for who = {.operator_name = node, .parallelism = 1};
    *f = (struct tm__commits_found){.c = c};
    int rc =
        tm__commit_record_read(c->args.fx, c->args.mem, c->record_path, &c->record, found, err);
    return rc != 0 ? tm__commits_failed(c, rc, err)
                   : tm_restored_items(restored, &who, "commits", take, f, err);
}

int tm__commits_restore(struct tm__commits *c, const struct tm_restored *restored, const char *node,
                        char *const *old, uint32_t old_count, struct tm_error *err)
{
    struct tm__commits_found f;
    uint64_t checkpoint = tm_restored_checkpoint(restored);
    bool found;
    int rc = tm__commits_read(c, restored, node, &f, &found, err);
    if (rc != 0)
        return rc;
    bool other_life = found && c->record.life != f.life;
    if (!other_life && c->record.begun <= checkpoint)
        return tm__commits_go_on(c, &f, restored, err);
    if (!c->args.append && !c->args.replace)
        return too_old(c, checkpoint, other_life, err);
    return c->args.append ? append_again(c, &f, restored, old, old_count, err)
                          : begin_another_life(c, old, old_count);
}
