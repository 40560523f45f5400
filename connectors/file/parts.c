// Part files by value and by size. A subtask has a part for each folder it has rows for: some bytes
// that are being filled, and a file in progress. Bytes go to the helper thread through a few works
// when a part has many, or when all parts together have too many and this one more than its share;
// when all works are under way, the subtask waits. Of the files at most TM_PARTS_OPEN are open: the
// one that was written longest ago is closed for another, and opened again when it has rows.
//
// A part that is large or old enough is closed and gets its name then, in one rename; the others
// when the job has finished. All state lives until then, as a task may end while its last works are
// under way.
#include "connectors/file/parts_private.h"

#include <stdio.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/limits.h"

int tm__parts_out_of_memory(const struct tm__parts_subtask *s, struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for the output %s", s->parts->output);
}

// --- parts ---------------------------------------------------------------------------------------

static void unlink_open(struct tm__parts_subtask *s, struct tm__part *part)
{
    if (!part->is_open)
        return;
    *(part->older != NULL ? &part->older->newer : &s->oldest) = part->newer;
    *(part->newer != NULL ? &part->newer->older : &s->newest) = part->older;
    part->older = part->newer = NULL;
    part->is_open = false;
    s->open_count--;
}

static void link_newest(struct tm__parts_subtask *s, struct tm__part *part)
{
    unlink_open(s, part);
    part->older = s->newest;
    *(s->newest != NULL ? &s->newest->newer : &s->oldest) = part;
    s->newest = part;
    part->is_open = true;
    s->open_count++;
}

void tm__parts_free_part(struct tm__parts_subtask *s, struct tm__part *part)
{
    const struct tm__parts_args *args = &s->parts->args;
    tm__part_file_free(args->fx, args->mem, part->file);
    tm_buf_fini(&part->bytes);
    tm_mem_free(args->mem, part->key, part->key_bytes);
    if (part->folder != NULL)
        tm_mem_free(args->mem, part->folder, strlen(part->folder) + 1);
    tm_mem_free(args->mem, part, sizeof *part);
}

static void forget_part(struct tm__parts_subtask *s, struct tm__part *part)
{
    struct tm__part **link = &s->buckets[part->hash % TM__PARTS_BUCKETS];
    while (*link != part)
        link = &(*link)->next;
    *link = part->next;
    unlink_open(s, part);
    s->buffered -= part->counted;
    s->current = s->current == part ? NULL : s->current;
    s->count--;
    tm__parts_free_part(s, part);
}

static int too_many(const struct tm__parts_subtask *s, struct tm_error *err)
{
    int rc = tm_error_set(err, TM_E_LIMIT,
                          "the output %s has more than %d folders in progress in one subtask",
                          s->parts->output, TM_PARTS_MAX);
    tm_error_hint(err, "partition_by takes columns of few values: a day, not a time; a country, "
                       "not a user. With roll = { every = \"10m\" } folders are done with sooner");
    return rc;
}

static struct tm__part *new_part(struct tm__parts_subtask *s, const struct tm_row *row,
                                 uint64_t hash, struct tm_error *err)
{
    const struct tm__parts_args *args = &s->parts->args;
    if (s->count == TM_PARTS_MAX) {
        too_many(s, err);
        return NULL;
    }
    struct tm__part *part = tm_mem_zalloc(args->mem, sizeof *part);
    struct tm_buf folder;
    tm_buf_init(&folder, args->mem);
    int rc = part == NULL ? TM_E_MEMORY : 0;
    if (rc == 0) {
        tm_buf_init(&part->bytes, args->mem);
        part->hash = hash;
        part->key_bytes = s->key.size_bytes;
        part->key = tm_mem_alloc(args->mem, part->key_bytes);
        rc = part->key == NULL ? TM_E_MEMORY
                               : tm_buf_append(&folder, s->parts->folder, strlen(s->parts->folder));
    }
    if (rc == 0) {
        memcpy(part->key, s->key.data, part->key_bytes);
        rc = tm__partition_folder(&s->partition, row, &folder);
    }
    if (rc == 0)
        rc = tm_buf_append(&folder, "", 1);
    if (rc == 0 && (part->folder = tm_mem_strdup(args->mem, (char *)folder.data)) == NULL)
        rc = TM_E_MEMORY;
    tm_buf_fini(&folder);
    if (rc == 0) {
        part->next = s->buckets[hash % TM__PARTS_BUCKETS];
        s->buckets[hash % TM__PARTS_BUCKETS] = part;
        s->count++;
        return part;
    }
    if (part != NULL)
        tm__parts_free_part(s, part);
    tm__parts_out_of_memory(s, err);
    return NULL;
}

static bool is_of(const struct tm__part *part, const struct tm_buf *key)
{
    return part->key_bytes == key->size_bytes && memcmp(part->key, key->data, key->size_bytes) == 0;
}

// The part of a row. NULL: an error.
static struct tm__part *part_of(struct tm__parts_subtask *s, const struct tm_row *row,
                                struct tm_error *err)
{
    if (tm__partition_key(&s->partition, row, &s->key) != 0 || tm_buf_reserve(&s->key, 1) != 0) {
        tm__parts_out_of_memory(s, err);
        return NULL;
    }
    if (s->current != NULL && is_of(s->current, &s->key))
        return s->current;
    uint64_t hash = tm_hash_bytes(s->key.data, s->key.size_bytes);
    struct tm__part *part = s->buckets[hash % TM__PARTS_BUCKETS];
    while (part != NULL && (part->hash != hash || !is_of(part, &s->key)))
        part = part->next;
    return part != NULL ? part : new_part(s, row, hash, err);
}

// --- works ---------------------------------------------------------------------------------------

// A file that is complete and not to be seen yet.
static int hold(struct tm__parts_subtask *s, struct tm__part_file *file)
{
    struct tm_mem *mem = s->parts->args.mem;
    if (s->held_count == s->held_capacity) {
        uint32_t capacity = s->held_capacity == 0 ? 16 : s->held_capacity * 2;
        struct tm__part_file **held =
            tm_mem_realloc(mem, s->held, s->held_capacity * sizeof *held, capacity * sizeof *held);
        if (held == NULL)
            return TM_E_MEMORY;
        s->held = held;
        s->held_capacity = capacity;
    }
    s->held[s->held_count++] = file;
    return 0;
}

// A work that is done: count it, or say why it failed.
static int collect(struct tm__parts_subtask *s, struct tm__part_work *work, struct tm_error *err)
{
    const struct tm__parts_args *args = &s->parts->args;
    work->under_way = false;
    if (work->code == TM_E_NO_SPACE && work->stalled)
        return 0;
    if (work->publish && work->code == 0)
        tm__part_file_free(args->fx, args->mem, work->file);
    else if (work->publish && hold(s, work->file) != 0)
        tm__part_file_free(args->fx, args->mem, work->file);
    work->publish = false;
    if (work->code != 0) {
        if (err != NULL)
            *err = s->writer.err;
        tm_error_where(err, "%s", s->base.node->where);
        return work->code;
    }
    tm_metric_add(&s->base.metrics->bytes_out, work->bytes.size_bytes);
    int64_t ns = work->done_ns - work->read_ns;
    if (s->base.latency != NULL && work->read_ns != 0 && work->rows != 0)
        tm_histogram_add(s->base.latency, ns > 0 ? (uint64_t)ns : 0, work->rows);
    work->bytes.size_bytes = 0;
    return 0;
}

// Collect what is done; *free: how many works can be given.
int tm__parts_collect(struct tm__parts_subtask *s, uint32_t *free_works, struct tm_error *err)
{
    *free_works = 0;
    for (int i = 0; i < TM__PARTS_WORKS; i++) {
        struct tm__part_work *work = &s->works[i];
        if (work->under_way && tm_work_is_done(&work->work)) {
            int rc = collect(s, work, err);
            if (rc != 0)
                return rc;
        }
        *free_works += !work->under_way;
    }
    if (s->parts->args.commits != NULL && tm__parts_retry(s))
        *free_works = 0;
    return 0;
}

static struct tm__part_work *free_work(struct tm__parts_subtask *s)
{
    struct tm__part_work *work = s->works;
    while (work->under_way)
        work++;
    work->writer = &s->writer;
    work->rows = 0;
    work->read_ns = 0;
    work->sync = work->is_head = work->written = work->stalled = false;
    work->number = s->sent++;
    return work;
}

static void close_oldest(struct tm__parts_subtask *s)
{
    struct tm__part *part = s->oldest;
    struct tm__part_work *work = free_work(s);
    work->file = part->file;
    work->close = true;
    work->publish = false;
    unlink_open(s, part);
    tm__part_submit(work, s->base.ctx->waker);
}

// The part's bytes go to the helper thread. Takes a work, or two when it is not the last one.
static void send(struct tm__parts_subtask *s, struct tm__part *part, bool close, bool publish,
                 bool sync)
{
    if (!close && !part->is_open && s->open_count == TM_PARTS_OPEN)
        close_oldest(s);
    struct tm__part_work *work = free_work(s);
    tm_buf_fini(&work->bytes); // a buffer is the part's that fills it: what parts hold is counted
    work->bytes = part->bytes;
    tm_buf_init(&part->bytes, s->parts->args.mem);
    s->buffered -= part->counted;
    part->counted = 0;
    work->file = part->file;
    work->close = close;
    work->publish = publish;
    work->sync = sync;
    work->rows = part->rows;
    work->read_ns = part->read_ns;
    part->sent_bytes += (int64_t)work->bytes.size_bytes;
    part->rows = 0;
    part->read_ns = 0;
    if (close)
        unlink_open(s, part);
    else
        link_newest(s, part);
    tm__part_submit(work, s->base.ctx->waker);
}

static void send_head(struct tm__parts_subtask *s, struct tm__part *part)
{
    struct tm__part_work *work = free_work(s);
    tm_buf_fini(&work->bytes);
    work->bytes = part->bytes;
    tm_buf_init(&part->bytes, s->parts->args.mem);
    work->file = part->file;
    work->close = work->publish = false;
    work->is_head = true;
    link_newest(s, part);
    tm__part_submit(work, s->base.ctx->waker);
}

// The part's file is complete. It is the work's from now on, or held.
int tm__parts_complete(struct tm__parts_subtask *s, struct tm__part *part, struct tm_error *err)
{
    bool held = s->parts->args.hold;
    if (held && hold(s, part->file) != 0)
        return tm__parts_out_of_memory(s, err);
    send(s, part, true, !held, s->parts->args.commits != NULL);
    part->file = NULL;
    forget_part(s, part);
    return 0;
}

// --- rows ----------------------------------------------------------------------------------------

static int bad_row(void *arg, const struct tm_row *row, int code, const char *message)
{
    struct tm__parts_subtask *s = arg;
    struct tm_row_failure failure = {.node = s->base.node,
                                     .code = code,
                                     .message = message,
                                     .message_length = strlen(message),
                                     .schema = s->schema,
                                     .row = row,
                                     .offset = -1,
                                     .line = -1};
    s->bad_rows++;
    int rc = tm_task_row_failed(s->base.ctx, &failure, s->err);
    s->row_failed = rc != 0;
    return rc;
}

// A file for the part's next rows, with what such files begin with.
static int begin_file(struct tm__parts_subtask *s, struct tm__part *part, struct tm_error *err)
{
    const struct tm__parts_args *args = &s->parts->args;
    char name[96];
    snprintf(name, sizeof name, "part-%u-%u%s", s->index, s->run++, s->parts->suffix);
    if (args->commits == NULL)
        part->file = tm__part_file_new(args->mem, part->folder, name);
    else if (s->parts->path != NULL)
        part->file = tm__part_file_new_piece(
            args->mem, s->parts->path, tm__commits_token(args->commits), s->index, s->run - 1);
    else
        part->file = tm__part_file_new_staged(args->mem, part->folder, name,
                                              tm__commits_token(args->commits));
    part->sent_bytes = 0;
    part->born_ns = tm_fx_mono_ns(args->fx);
    s->has_written = true;
    if (part->file == NULL ||
        (s->encoder->ops->begin != NULL && s->encoder->ops->begin(s->encoder, &part->bytes) != 0))
        return tm__parts_out_of_memory(s, err);
    // Of a piece of one file its head is apart: the file has one.
    if (s->parts->path != NULL && part->bytes.size_bytes != 0)
        send_head(s, part);
    if (args->roll_ms != 0 && part->born_ns + args->roll_ms * 1000000 < s->due_ns)
        s->due_ns = part->born_ns + args->roll_ms * 1000000;
    return 0;
}

// The one file's next piece, without a row.
static int begin_empty(struct tm__parts_subtask *s, struct tm_error *err)
{
    struct tm__part *part = part_of(s, NULL, err);
    return part == NULL ? err->code : part->file != NULL ? 0 : begin_file(s, part, err);
}

// Rows from *row on that are of this part, as one batch.
static struct tm_batch run_of(struct tm__parts_subtask *s, const struct tm_batch *batch,
                              const struct tm_row *row, const struct tm__part *part, int *rc)
{
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    struct tm_batch view = *batch;
    *rc = 0;
    if (s->partition.count == 0)
        return view;
    view.row_count = 0;
    while (row < end && *rc == 0) {
        *rc = tm__partition_key(&s->partition, row, &s->key);
        if (*rc != 0 || !is_of(part, &s->key))
            break;
        row = tm_row_next(row);
        view.row_count++;
    }
    view.size_bytes = (size_t)((const uint8_t *)row - batch->data);
    return view;
}

static size_t buffer_bytes(const struct tm__parts_subtask *s)
{
    return s->partition.count == 0 ? TM__PARTS_ONE_BYTES : TM__PARTS_EACH_BYTES;
}

static bool is_large(const struct tm__parts_subtask *s, struct tm__part *part)
{
    const struct tm__parts_args *args = &s->parts->args;
    if (args->roll_bytes == 0)
        return false;
    if (args->packing == TM_FILE_PLAIN)
        return part->sent_bytes + (int64_t)part->bytes.size_bytes >= args->roll_bytes;
    return atomic_load_explicit(&part->file->size_bytes, memory_order_relaxed) >= args->roll_bytes;
}

// How far the part's bytes may be filled.
static size_t fill_limit(const struct tm__parts_subtask *s, const struct tm__part *part)
{
    const struct tm__parts_args *args = &s->parts->args;
    size_t limit = buffer_bytes(s);
    int64_t left = args->roll_bytes - part->sent_bytes;
    if (args->roll_bytes == 0 || args->packing != TM_FILE_PLAIN || left >= (int64_t)limit)
        return limit;
    return left > 0 ? (size_t)left : 1;
}

static int encode_run(struct tm__parts_subtask *s, struct tm__part *part,
                      const struct tm_batch *batch, const struct tm_row **row, struct tm_error *err)
{
    int rc;
    struct tm_batch view = run_of(s, batch, *row, part, &rc);
    if (rc != 0)
        return tm__parts_out_of_memory(s, err);
    const struct tm_row *first = *row;
    s->err = err;
    s->bad_rows = 0;
    s->row_failed = false;
    rc = s->encoder->ops->encode(s->encoder, &view, row, &part->bytes, fill_limit(s, part), bad_row,
                                 s);
    if (rc != 0)
        return s->row_failed
                   ? rc
                   : tm_error_set(err, rc, "sink '%s': rows cannot be encoded", s->base.node->name);
    uint64_t rows = 0;
    for (; first < *row; first = tm_row_next(first))
        rows++;
    rows -= s->bad_rows;
    tm_metric_add(&s->base.metrics->used, rows);
    part->rows += rows;
    if (part->read_ns == 0)
        part->read_ns = batch->read_ns;
    s->buffered += part->bytes.capacity_bytes - part->counted;
    part->counted = part->bytes.capacity_bytes;
    return 0;
}

// Parts that are old enough, as long as there are works for them. `all`: whatever their age, what
// is buffered goes out and files are closed. False: there are more.
static int sweep(struct tm__parts_subtask *s, bool all, bool *more, struct tm_error *err)
{
    int64_t now_ns = tm_fx_mono_ns(s->parts->args.fx), roll_ns = s->parts->args.roll_ms * 1000000;
    int64_t due_ns = INT64_MAX;
    *more = false;
    for (uint32_t b = 0; b < TM__PARTS_BUCKETS; b++) {
        for (struct tm__part *part = s->buckets[b], *next; part != NULL; part = next) {
            next = part->next;
            bool old =
                !all && roll_ns != 0 && part->file != NULL && now_ns - part->born_ns >= roll_ns;
            bool open = all && (part->bytes.size_bytes != 0 || part->is_open);
            if (!old && part->file != NULL && roll_ns != 0 && part->born_ns + roll_ns < due_ns)
                due_ns = part->born_ns + roll_ns;
            if (!old && !open)
                continue;
            uint32_t free_works;
            int rc = tm__parts_collect(s, &free_works, err);
            if (rc != 0)
                return rc;
            if (free_works == 0) {
                *more = true;
                return 0;
            }
            if (old && (rc = tm__parts_complete(s, part, err)) != 0)
                return rc;
            if (open)
                send(s, part, true, false, false);
        }
    }
    s->due_ns = due_ns;
    return 0;
}

// All parts together hold too many bytes, and this one its share or more.
static bool holds_too_much(const struct tm__parts_subtask *s, const struct tm__part *part)
{
    return s->buffered > TM_PARTS_BYTES && part->counted >= s->buffered / s->count;
}

static int parts_write(struct tm_sink *sink, const struct tm_batch *batch,
                       const struct tm_row **row, struct tm_error *err)
{
    struct tm__parts_subtask *s = (struct tm__parts_subtask *)sink;
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    int rc = 0;
    while (rc == 0 && *row < end) {
        uint32_t free_works;
        rc = tm__parts_collect(s, &free_works, err);
        if (rc != 0)
            return rc;
        if (free_works < TM__PARTS_WORKS_NEEDED + (s->parts->path != NULL) ||
            (s->parts->args.commits != NULL && tm__commits_is_waiting(s->parts->args.commits)))
            return TM_STEP_WAIT;
        struct tm__part *part = part_of(s, *row, err);
        if (part == NULL)
            return err->code;
        s->current = part;
        if (part->file == NULL && (rc = begin_file(s, part, err)) != 0)
            return rc;
        if ((rc = encode_run(s, part, batch, row, err)) != 0)
            return rc;
        if (is_large(s, part))
            rc = tm__parts_complete(s, part, err);
        else if (part->bytes.size_bytes >= buffer_bytes(s) || holds_too_much(s, part))
            send(s, part, false, false, false);
    }
    return rc;
}

// --- time, and the end ---------------------------------------------------------------------------

static int64_t parts_deadline_ns(const struct tm_sink *sink)
{
    const struct tm__parts_subtask *s = (const struct tm__parts_subtask *)sink;
    bool is_free = false;
    for (int i = 0; i < TM__PARTS_WORKS; i++)
        is_free = is_free || !s->works[i].under_way || tm_work_is_done(&s->works[i].work);
    int64_t due_ns = is_free ? s->due_ns : INT64_MAX; // else the helper thread wakes the task
    return s->is_waiting && s->retry_ns < due_ns ? s->retry_ns : due_ns;
}

static int64_t parts_retry_ns(const struct tm_sink *sink)
{
    const struct tm__parts_subtask *s = (const struct tm__parts_subtask *)sink;
    return s->is_waiting ? s->retry_ns : INT64_MAX;
}

static int parts_flush(struct tm_sink *sink, bool end, struct tm_error *err)
{
    struct tm__parts_subtask *s = (struct tm__parts_subtask *)sink;
    bool more = false;
    uint32_t free_works;
    bool due = end || tm_fx_mono_ns(s->parts->args.fx) >= s->due_ns;
    int rc = due ? sweep(s, end, &more, err) : 0;
    if (rc == 0)
        rc = tm__parts_collect(s, &free_works, err);
    if (rc != 0)
        return rc;
    return end && (more || free_works != TM__PARTS_WORKS) ? TM_STEP_WAIT : TM_STEP_DONE;
}

// With checkpoints the end is nothing special: the last one has the last rows. But an output
// without rows is there, too, and has its header.
static int exact_flush(struct tm_sink *sink, bool end, struct tm_error *err)
{
    struct tm__parts_subtask *s = (struct tm__parts_subtask *)sink;
    bool more, is_empty = s->parts->path != NULL && s->index == 0 && !s->has_written &&
                          tm__commits_is_new(s->parts->args.commits);
    uint32_t free_works;
    int rc = 0;
    if (tm_fx_mono_ns(s->parts->args.fx) >= s->due_ns)
        rc = sweep(s, false, &more, err);
    if (rc == 0)
        rc = tm__parts_collect(s, &free_works, err);
    if (rc == 0 && end && is_empty)
        rc = free_works == 0 ? TM_STEP_WAIT : begin_empty(s, err);
    return rc;
}

// The task ends; parts and works stay with `parts`.
static void parts_free(struct tm_sink *sink)
{
    struct tm__parts_subtask *s = (struct tm__parts_subtask *)sink;
    s->encoder->ops->free(s->encoder);
    s->encoder = NULL;
    tm_buf_fini(&s->key);
    tm_schema_unref(s->schema);
    s->schema = NULL;
}

static const struct tm_sink_ops parts_ops = {.write = parts_write,
                                             .flush = parts_flush,
                                             .deadline_ns = parts_deadline_ns,
                                             .retry_ns = parts_retry_ns,
                                             .free = parts_free};
static const struct tm_sink_ops exact_ops = {.write = parts_write,
                                             .flush = exact_flush,
                                             .deadline_ns = parts_deadline_ns,
                                             .retry_ns = parts_retry_ns,
                                             .prepare = tm__parts_prepare,
                                             .free = parts_free};

int tm__parts_sink(struct tm__parts *parts, struct tm_task_context *ctx, const struct tm_node *node,
                   struct tm_schema *schema, struct tm_encoder *encoder, struct tm_sink **sink,
                   struct tm_error *err)
{
    struct tm__parts_subtask *s = &parts->subtasks[ctx->subtask];
    int rc = tm__partition_init(&s->partition, schema, parts->columns, node->name, err);
    if (rc != 0) {
        tm_error_where(err, "%s", node->where);
        encoder->ops->free(encoder);
        return rc;
    }
    s->base = (struct tm_sink){
        .ops = parts->args.commits != NULL ? &exact_ops : &parts_ops, .ctx = ctx, .node = node};
    s->schema = tm_schema_ref(schema);
    s->encoder = encoder;
    tm_buf_init(&s->key, ctx->mem);
    *sink = &s->base;
    return 0;
}
