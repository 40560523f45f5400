// The account of what is prepared and committed.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connectors/file/commit_private.h"
#include "connectors/file/partition.h"
#include "core/base/hash.h"
#include "core/base/kill_point.h"
#include "core/base/planted.h"
#include "core/task/operator.h"

static void free_text(struct tm_mem *mem, char *text)
{
    if (text != NULL)
        tm_mem_free(mem, text, strlen(text) + 1);
}

void tm__prepared_free(struct tm_mem *mem, struct tm__prepared *p)
{
    if (p == NULL)
        return;
    free_text(mem, p->staged);
    free_text(mem, p->path);
    free_text(mem, p->kept);
    tm_mem_free(mem, p, sizeof *p);
}

static void free_list(struct tm_mem *mem, struct tm__prepared *list)
{
    while (list != NULL) {
        struct tm__prepared *next = list->next;
        tm__prepared_free(mem, list);
        list = next;
    }
}

int tm__commits_failed(const struct tm__commits *c, int rc, struct tm_error *err)
{
    if (rc < 0)
        tm_error_prefix(err, "the output %s", c->output);
    return rc;
}

// --- made and freed ------------------------------------------------------------------------------

// "out/a.jsonl" and "x": "out/.a.jsonl.OWNER.x"; a folder has ".OWNER.x" in it.
static char *beside(const struct tm__commits *c, const char *end)
{
    const char *slash = strrchr(c->path, '/'), *name = slash == NULL ? c->path : slash + 1;
    size_t size = strlen(c->path) + sizeof c->owner + strlen(end) + 8;
    char *text = tm_mem_alloc(c->args.mem, size), *copy;
    if (text == NULL)
        return NULL;
    if (c->args.one_file)
        snprintf(text, size, "%.*s.%s.%s.%s", (int)(name - c->path), c->path, name, c->owner, end);
    else
        snprintf(text, size, "%s/.%s.%s", c->path, c->owner, end);
    copy = tm_mem_strdup(c->args.mem, text);
    tm_mem_free(c->args.mem, text, size);
    return copy;
}

static uint64_t draw(const struct tm_fx *fx)
{
    uint64_t v = fx->random->next(fx->ctx);
    return v != 0 ? v : 1;
}

// Folders above the output may have been made for it. One that may not be looked at was there.
static void sync_above(const struct tm__commits *c)
{
    size_t size = strlen(c->path) + 1;
    char path[size];
    memcpy(path, c->path, size);
    while (tm__file_sync_folder(c->args.fx, path, NULL) == 0) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path)
            return;
        *slash = '\0';
    }
}

int tm__commits_new(const struct tm__commits_args *args, struct tm__commits **out,
                    struct tm_error *err)
{
    struct tm__commits *c = tm_mem_zalloc(args->mem, sizeof *c);
    if (c == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the output %s", args->output);
    c->args = *args;
    c->claim = -1;
    c->foreign = args->one_file && args->lines && args->packing == TM_FILE_PLAIN;
    snprintf(c->owner, sizeof c->owner, "%08x",
             (unsigned)tm_hash_bytes(args->job, strlen(args->job)));
    snprintf(c->token, sizeof c->token, "%s-%08x", c->owner, (unsigned)draw(args->fx));
    c->output = tm_mem_strdup(args->mem, args->output);
    c->path = tm_mem_strdup(args->mem, args->path);
    c->suffix = tm_mem_strdup(args->mem, args->suffix);
    c->record_path = c->path == NULL ? NULL : beside(c, "committed");
    c->new_path = c->path == NULL ? NULL : beside(c, "inprogress");
    if (c->output == NULL || c->path == NULL || c->suffix == NULL || c->record_path == NULL ||
        c->new_path == NULL) {
        tm__commits_free(c);
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the output %s", args->output);
    }
    sync_above(c);
    *out = c;
    return 0;
}

void tm__commits_free(struct tm__commits *c)
{
    struct tm_mem *mem = c->args.mem;
    free_list(mem, atomic_load_explicit(&c->given, memory_order_acquire));
    free_list(mem, c->pending);
    free_text(mem, c->output);
    free_text(mem, c->path);
    free_text(mem, c->suffix);
    free_text(mem, c->record_path);
    free_text(mem, c->new_path);
    for (uint32_t i = 0; i < c->old_capacity && c->old_restored[i] != NULL; i++)
        free_text(mem, c->old_restored[i]);
    tm_mem_free(mem, c->old_restored, c->old_capacity * sizeof *c->old_restored);
    if (c->claim >= 0)
        (void)c->args.fx->files->close(c->args.fx->ctx, c->claim, NULL);
    tm_mem_free(mem, c, sizeof *c);
}

void tm__commits_begin(struct tm__commits *c, char *const *old, uint32_t old_count)
{
    bool found;
    struct tm__commit_record record;
    struct tm_file_info info = {0};
    c->old = old;
    c->old_count = old_count;
    c->is_new =
        c->args.one_file &&
        (c->args.replace || c->args.fx->files->stat(c->args.fx->ctx, c->path, &info, NULL) != 0);
    if (tm__commit_record_read(c->args.fx, c->args.mem, c->record_path, &record, &found, NULL) != 0)
        found = true; // whatever it says, it is written anew
    c->is_torn = found && c->args.one_file && !c->args.replace && record.begun > record.done &&
                 record.is_new == 0 && !c->is_new && info.inode == record.inode;
    c->torn_from = record.from;
    if (c->is_torn) // and will not be
        record.begun = record.done;
    tm__commit_record_renew(&record, draw(c->args.fx));
    c->record = record;
    c->resumed = 0;
    c->renewed = found;
}

static int open_resumed(struct tm__commits *c, struct tm_error *err)
{
    int back = tm__commits_bring_back(c, err);
    if (back != 0)
        return tm__commits_failed(c, back, err);
    TM_KILL_POINT(sink_recommits);
    int rc = TM_PLANTED(sink_does_not_recommit) ? 0 : tm__commits_run(c, c->resumed, err);
    if (rc == TM_STEP_WAIT) // a beginning does not wait
        rc = TM_E_NO_SPACE;
    return rc == 0 ? tm__commits_clean(c, err) : rc;
}

int tm__commits_open(struct tm__commits *c, struct tm_error *err)
{
    if (c->resumed != 0)
        return open_resumed(c, err);
    int rc = tm__commits_clean(c, err);
    if (rc == 0 && c->is_torn) // what could be brought to its end has been
        rc = tm__commits_cut(c, c->torn_from, err);
    // Checkpoints of an earlier life are of no use for this output from here on.
    if (rc == 0 && c->renewed)
        rc = tm__commit_record_write(c->args.fx, c->args.mem, c->record_path, &c->record, err);
    return tm__commits_failed(c, rc, err);
}

void tm__commits_line_end(struct tm__commits *c, const char *line_end)
{
    atomic_store_explicit(&c->line_end, line_end[0] == '\r' ? 2 : 1, memory_order_relaxed);
}

void tm__commits_forget(struct tm__commits *c)
{
    // Of an output that is appended to whoever begins with a savepoint asks what is in it already.
    if (c->args.append && tm__commit_record_is_asked_for(&c->record))
        return;
    (void)c->args.fx->files->unlink(c->args.fx->ctx, c->record_path, NULL); // there may be none
}

const char *tm__commits_token(const struct tm__commits *c)
{
    return c->token;
}

const char *tm__commits_path(const struct tm__commits *c)
{
    return c->path;
}

unsigned tm__commits_next_run(const struct tm__commits *c)
{
    return c->next_run;
}

bool tm__commits_is_new(const struct tm__commits *c)
{
    return c->is_new;
}

bool tm__commits_has_duplicates(const struct tm__commits *c)
{
    return c->duplicates;
}

// --- prepared ------------------------------------------------------------------------------------

// Items: 'h', life, next run; 'd' and what the output is (struct tm__commit_about); 'o' and the
// path of a file that is replaced; 'p' and numbers, then the two paths of a file that is prepared.
struct tm__commit_head {
    uint64_t kind, format, life, next_run;
};

static int put_about(const struct tm__commits *c, struct tm_cut *cut, const char *node)
{
    const struct tm__commits_args *args = &c->args;
    uint64_t line_end = (uint64_t)atomic_load_explicit(&c->line_end, memory_order_relaxed);
    size_t path = strlen(c->path) + 1, suffix = strlen(c->suffix) + 1;
    const struct tm__commit_about about = {'d',          args->one_file, args->lines,
                                           args->append, args->replace,  args->packing,
                                           args->depth,  line_end,       path};
    uint8_t bytes[sizeof about + path + suffix];
    memcpy(bytes, &about, sizeof about);
    memcpy(bytes + sizeof about, c->path, path);
    memcpy(bytes + sizeof about + path, c->suffix, suffix);
    return tm_cut_item(cut, node, "commits", TM_ITEM_SUBTASK, bytes, sizeof bytes);
}

bool tm__commits_is_about(const void *bytes, size_t size)
{
    struct tm__commit_about about;
    if (size < sizeof about + 2)
        return false;
    const char *text = (const char *)bytes + sizeof about;
    memcpy(&about, bytes, sizeof about);
    size -= sizeof about;
    return about.kind == 'd' && about.one_file <= 1 && about.lines <= 1 && about.append <= 1 &&
           about.replace <= 1 && about.packing <= TM_FILE_ZSTD &&
           about.depth <= TM_PARTITION_COLUMNS_MAX && about.line_end <= 2 && about.path_bytes > 1 &&
           about.path_bytes < size && text[about.path_bytes - 1] == '\0' && text[size - 1] == '\0';
}

int tm__commits_put_head(struct tm__commits *c, struct tm_cut *cut, const char *node,
                         uint32_t subtask, unsigned next_run)
{
    struct tm__commit_head head = {'h', TM__COMMITS_FORMAT, c->record.life, next_run};
    int rc = tm_cut_item(cut, node, "commits", TM_ITEM_SUBTASK, &head, sizeof head);
    if (rc == 0 && subtask == 0)
        rc = put_about(c, cut, node);
    // What is replaced goes with the first commit: until then each checkpoint has it.
    bool first = subtask == 0 && tm__commits_done(c) == 0;
    for (uint32_t i = 0; rc == 0 && first && i < c->old_count; i++) {
        struct tm_buf item;
        uint64_t kind = 'o';
        tm_buf_init(&item, c->args.mem);
        rc = tm_buf_append(&item, &kind, sizeof kind);
        rc = rc != 0 ? rc : tm_buf_append(&item, c->old[i], strlen(c->old[i]) + 1);
        rc = rc != 0
                 ? rc
                 : tm_cut_item(cut, node, "commits", TM_ITEM_SUBTASK, item.data, item.size_bytes);
        tm_buf_fini(&item);
    }
    return rc;
}

int tm__commits_put(struct tm_cut *cut, const char *node, const struct tm__prepared *p)
{
    uint64_t numbers[] = {
        'p',           p->checkpoint,         p->subtask, p->number, p->size_bytes,
        p->head_bytes, strlen(p->staged) + 1, p->hash};
    size_t path = strlen(p->path) + 1, size = sizeof numbers + numbers[6] + path;
    uint8_t bytes[size];
    memcpy(bytes, numbers, sizeof numbers);
    memcpy(bytes + sizeof numbers, p->staged, numbers[6]);
    memcpy(bytes + sizeof numbers + numbers[6], p->path, path);
    return tm_cut_item(cut, node, "commits", TM_ITEM_SUBTASK, bytes, size);
}

static struct tm__prepared *copy_of(struct tm_mem *mem, const struct tm__prepared *p)
{
    struct tm__prepared *copy = tm_mem_zalloc(mem, sizeof *copy);
    if (copy == NULL)
        return NULL;
    *copy = *p;
    copy->next = NULL;
    copy->staged = tm_mem_strdup(mem, p->staged);
    copy->path = tm_mem_strdup(mem, p->path);
    if (copy->staged != NULL && copy->path != NULL)
        return copy;
    tm__prepared_free(mem, copy);
    return NULL;
}

int tm__commits_give(struct tm__commits *c, const struct tm__prepared *prepared)
{
    struct tm__prepared *p = copy_of(c->args.mem, prepared);
    if (p == NULL)
        return TM_E_MEMORY;
    p->next = atomic_load_explicit(&c->given, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&c->given, &p->next, p, memory_order_release,
                                                  memory_order_relaxed)) {
    }
    return 0;
}

uint64_t tm__commits_done(const struct tm__commits *c)
{
    return atomic_load_explicit(&c->done, memory_order_acquire);
}

bool tm__commits_is_waiting(const struct tm__commits *c)
{
    return atomic_load_explicit(&c->waiting, memory_order_relaxed) != 0;
}

// --- commits -------------------------------------------------------------------------------------

static bool comes_before(const struct tm__prepared *a, const struct tm__prepared *b)
{
    if (a->checkpoint != b->checkpoint)
        return a->checkpoint < b->checkpoint;
    return a->subtask != b->subtask ? a->subtask < b->subtask : a->number < b->number;
}

void tm__commits_insert(struct tm__commits *c, struct tm__prepared *p)
{
    struct tm__prepared **link = &c->pending;
    while (*link != NULL && comes_before(*link, p))
        link = &(*link)->next;
    p->next = *link;
    *link = p;
}

static struct tm__prepared *merge(struct tm__prepared *a, struct tm__prepared *b)
{
    struct tm__prepared *first = NULL, **link = &first;
    while (a != NULL && b != NULL) {
        struct tm__prepared **lower = comes_before(b, a) ? &b : &a;
        *link = *lower;
        link = &(*link)->next;
        *lower = *link;
    }
    *link = a != NULL ? a : b;
    return first;
}

// The list in order: those of a subtask come the newest first, so turned round they are almost so.
static struct tm__prepared *sorted(struct tm__prepared *list)
{
    struct tm__prepared *levels[64] = {NULL}, *all = NULL;
    while (list != NULL) {
        struct tm__prepared *one = list;
        int level = 0;
        list = list->next;
        one->next = NULL;
        for (; levels[level] != NULL; level++) {
            one = merge(levels[level], one);
            levels[level] = NULL;
        }
        levels[level] = one;
    }
    for (int level = 0; level < 64; level++)
        all = merge(levels[level], all);
    return all;
}

static void forget(struct tm__commits *c, uint64_t checkpoint)
{
    while (c->pending != NULL && c->pending->checkpoint <= checkpoint) {
        struct tm__prepared *done = c->pending;
        c->pending = done->next;
        tm__prepared_free(c->args.mem, done);
    }
}

static int run_one(struct tm__commits *c, uint64_t checkpoint, struct tm_error *err)
{
    if (c->pending == NULL || c->pending->checkpoint > checkpoint)
        return 0;
    int rc = c->args.one_file ? tm__commits_append(c, checkpoint, err)
                              : tm__commits_rename(c, checkpoint, err);
    if (rc == 0)
        forget(c, checkpoint);
    return rc;
}

void tm__commits_take_given(struct tm__commits *c)
{
    // Partner: give.
    struct tm__prepared *given = atomic_exchange_explicit(&c->given, NULL, memory_order_acquire);
    c->pending = merge(c->pending, sorted(given));
}

int tm__commits_run(struct tm__commits *c, uint64_t checkpoint, struct tm_error *err)
{
    tm__commits_take_given(c);
    // One that was begun and not brought to its end comes first, by itself.
    bool open = c->args.one_file && c->record.begun > c->record.done;
    int rc = open && c->record.begun < checkpoint ? run_one(c, c->record.begun, err) : 0;
    rc = rc != 0 ? rc : run_one(c, checkpoint, err);
    atomic_store_explicit(&c->waiting, rc == TM_E_NO_SPACE, memory_order_relaxed);
    if (rc != 0) {
        tm__commits_failed(c, rc, err);
        return rc == TM_E_NO_SPACE ? TM_STEP_WAIT : rc;
    }
    if (checkpoint > c->done) // Partner: tm__commits_done
        atomic_store_explicit(&c->done, checkpoint, memory_order_release);
    return 0;
}

int tm__commits_run_once(struct tm__commits *c, uint64_t checkpoint, struct tm_error *err)
{
    c->unrecorded = true;
    return tm__commits_run(c, checkpoint, err);
}

int tm__commits_committed(struct tm__commits *c, uint64_t checkpoint, bool *committed,
                          struct tm_error *err)
{
    bool found;
    struct tm__commit_record record;
    int rc = tm__commit_record_read(c->args.fx, c->args.mem, c->record_path, &record, &found, err);
    *committed = rc == 0 && found && record.begun >= checkpoint;
    return tm__commits_failed(c, rc, err);
}
