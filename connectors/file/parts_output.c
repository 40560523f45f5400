// The output of many parts as a whole: made, brought to its end, freed.
#include "connectors/file/parts_private.h"

#include <stdio.h>
#include <string.h>

// --- the output as a whole -----------------------------------------------------------------------

int tm__parts_new(const struct tm__parts_args *args, struct tm__parts **out, struct tm_error *err)
{
    struct tm__parts *parts = tm_mem_zalloc(args->mem, sizeof *parts);
    if (parts == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the output %s", args->output);
    parts->args = *args;
    parts->output = tm_mem_strdup(args->mem, args->output);
    parts->folder = tm_mem_strdup(args->mem, args->folder);
    parts->suffix = tm_mem_strdup(args->mem, args->suffix);
    parts->path = args->path == NULL ? NULL : tm_mem_strdup(args->mem, args->path);
    parts->columns = args->columns == NULL ? NULL : tm_mem_strdup(args->mem, args->columns);
    parts->subtasks = tm_mem_zalloc(args->mem, args->parallelism * sizeof *parts->subtasks);
    int rc = parts->output == NULL || parts->folder == NULL || parts->suffix == NULL ||
                     (args->columns != NULL && parts->columns == NULL) ||
                     (args->path != NULL && parts->path == NULL) || parts->subtasks == NULL
                 ? tm_error_set(err, TM_E_MEMORY, "out of memory for the output %s", args->output)
                 : 0;
    for (uint32_t i = 0; rc == 0 && i < args->parallelism; i++) {
        struct tm__parts_subtask *s = &parts->subtasks[i];
        s->parts = parts;
        s->index = i;
        s->run = args->run;
        s->due_ns = INT64_MAX;
        for (int w = 0; w < TM__PARTS_WORKS; w++)
            tm_buf_init(&s->works[w].bytes, args->mem);
        s->buckets = tm_mem_zalloc(args->mem, TM__PARTS_BUCKETS * sizeof(struct tm__part *));
        rc = s->buckets == NULL ? tm__parts_out_of_memory(s, err)
                                : tm__part_writer_init(&s->writer, args->fx, args->mem,
                                                       args->packing, parts->output, err);
        s->writer.waits = args->commits != NULL;
        s->writer.root = parts->folder;
    }
    if (rc != 0) {
        tm__parts_free(parts);
        return rc;
    }
    *out = parts;
    return 0;
}

void tm__parts_begin_at(struct tm__parts *parts, unsigned run)
{
    for (uint32_t i = 0; i < parts->args.parallelism; i++)
        if (parts->subtasks[i].run < run)
            parts->subtasks[i].run = run;
}

struct outcome {
    bool ok;
    struct tm_error *err;
    int code;
    uint32_t kept; // files that stay in progress
    const char *kept_path;
};

// A file at the end: its name, or its place in the message. An empty one goes.
static void settle_file(struct tm__parts *parts, struct tm__part_file *file,
                        struct outcome *outcome)
{
    const struct tm_fx *fx = parts->args.fx;
    if (file == NULL || !file->created)
        return;
    if (file->fd >= 0) {
        int fd = file->fd;
        file->fd = -1;
        int rc = fx->files->close(fx->ctx, fd, outcome->ok ? outcome->err : NULL);
        outcome->code = outcome->ok && outcome->code == 0 ? rc : outcome->code;
    }
    if (outcome->ok && outcome->code == 0) {
        outcome->code = fx->files->rename(fx->ctx, file->in_progress, file->path, outcome->err);
        if (outcome->code == 0)
            return;
    }
    if (file->size_bytes == 0) {
        (void)fx->files->unlink(fx->ctx, file->in_progress, NULL);
        return;
    }
    outcome->kept++;
    outcome->kept_path = file->in_progress;
}

static void say_where(const struct tm__parts *parts, const struct outcome *outcome)
{
    char text[1024];
    if (outcome->kept == 0 || outcome->err == NULL)
        return;
    snprintf(text, sizeof text, "the rows of %s that were written last were not published; %s %s",
             parts->output, outcome->kept == 1 ? "they are in" : "they are in files like",
             outcome->kept_path);
    if (outcome->err->code != 0)
        tm_error_hint(outcome->err, "%s", text);
    else
        snprintf(outcome->err->message, sizeof outcome->err->message, "%s", text);
}

// Of a job that did not finish, the rows before its end are written, too: people look at them.
static void write_rest(struct tm__parts_subtask *s)
{
    for (uint32_t b = 0; b < TM__PARTS_BUCKETS; b++) {
        for (struct tm__part *part = s->buckets[b]; part != NULL; part = part->next) {
            if (part->file == NULL || part->bytes.size_bytes == 0)
                continue;
            struct tm__part_work work = {
                .writer = &s->writer, .file = part->file, .bytes = part->bytes, .close = true};
            tm__part_run(&work);
            part->bytes.size_bytes = 0;
        }
    }
}

// With checkpoints all that counts is prepared: it is committed, or will be by those who go on from
// the checkpoint that has it. What came after it comes again.
static int finish_exact(struct tm__parts *parts, bool ok, struct tm_error *err)
{
    const struct tm_fx *fx = parts->args.fx;
    int code = 0;
    for (uint32_t i = 0; i < parts->args.parallelism; i++) {
        struct tm__parts_subtask *s = &parts->subtasks[i];
        tm__part_writer_stop(&s->writer);
        if (s->writer.code != 0 && ok && code == 0) {
            code = s->writer.code;
            if (err != NULL)
                *err = s->writer.err;
            tm_error_prefix(err, "the output %s", parts->output);
        }
        for (uint32_t h = 0; h < s->held_count; h++)
            if (s->held[h]->created)
                (void)fx->files->unlink(fx->ctx, s->held[h]->in_progress, NULL);
        for (uint32_t b = 0; s->buckets != NULL && b < TM__PARTS_BUCKETS; b++)
            for (struct tm__part *part = s->buckets[b]; part != NULL; part = part->next)
                if (part->file != NULL && part->file->created)
                    (void)fx->files->unlink(fx->ctx, part->file->in_progress, NULL);
    }
    return code;
}

int tm__parts_finish(struct tm__parts *parts, bool ok, struct tm_error *err)
{
    if (parts->args.commits != NULL)
        return finish_exact(parts, ok, err);
    struct outcome outcome = {.ok = ok, .err = err};
    for (uint32_t i = 0; i < parts->args.parallelism; i++) {
        struct tm__parts_subtask *s = &parts->subtasks[i];
        tm__part_writer_stop(&s->writer);
        if (s->writer.code != 0 && ok && outcome.code == 0) {
            outcome.code = s->writer.code;
            if (err != NULL)
                *err = s->writer.err;
        }
        if (!ok && s->buckets != NULL)
            write_rest(s);
    }
    for (uint32_t i = 0; i < parts->args.parallelism; i++) {
        struct tm__parts_subtask *s = &parts->subtasks[i];
        for (uint32_t w = 0; w < TM__PARTS_WORKS; w++) // completed, and not taken back by its task
            if (s->works[w].under_way && s->works[w].publish && s->works[w].code != 0)
                settle_file(parts, s->works[w].file, &outcome);
        for (uint32_t h = 0; h < s->held_count; h++)
            settle_file(parts, s->held[h], &outcome);
        for (uint32_t b = 0; s->buckets != NULL && b < TM__PARTS_BUCKETS; b++)
            for (struct tm__part *part = s->buckets[b]; part != NULL; part = part->next)
                settle_file(parts, part->file, &outcome);
    }
    if (outcome.code != 0)
        tm_error_prefix(err, "the output %s", parts->output);
    if (!ok || outcome.code != 0)
        say_where(parts, &outcome);
    return outcome.code;
}

static void free_text(struct tm_mem *mem, char *text)
{
    if (text != NULL)
        tm_mem_free(mem, text, strlen(text) + 1);
}

static void free_subtask(struct tm__parts *parts, struct tm__parts_subtask *s)
{
    const struct tm__parts_args *args = &parts->args;
    tm__part_writer_fini(&s->writer);
    for (int w = 0; w < TM__PARTS_WORKS && s->parts != NULL; w++) {
        if (s->works[w].under_way && s->works[w].publish)
            tm__part_file_free(args->fx, args->mem, s->works[w].file);
        tm_buf_fini(&s->works[w].bytes);
    }
    for (uint32_t h = 0; h < s->held_count; h++)
        tm__part_file_free(args->fx, args->mem, s->held[h]);
    tm_mem_free(args->mem, s->held, s->held_capacity * sizeof *s->held);
    while (s->prepared != NULL) {
        struct tm__prepared *next = s->prepared->next;
        tm__prepared_free(args->mem, s->prepared);
        s->prepared = next;
    }
    for (uint32_t b = 0; s->buckets != NULL && b < TM__PARTS_BUCKETS; b++) {
        for (struct tm__part *part = s->buckets[b], *next; part != NULL; part = next) {
            next = part->next;
            tm__parts_free_part(s, part);
        }
    }
    tm_mem_free(args->mem, s->buckets, TM__PARTS_BUCKETS * sizeof(struct tm__part *));
}

void tm__parts_free(struct tm__parts *parts)
{
    struct tm_mem *mem = parts->args.mem;
    for (uint32_t i = 0; parts->subtasks != NULL && i < parts->args.parallelism; i++)
        free_subtask(parts, &parts->subtasks[i]);
    tm_mem_free(mem, parts->subtasks, parts->args.parallelism * sizeof *parts->subtasks);
    free_text(mem, parts->output);
    free_text(mem, parts->folder);
    free_text(mem, parts->suffix);
    free_text(mem, parts->columns);
    free_text(mem, parts->path);
    tm_mem_free(mem, parts, sizeof *parts);
}
