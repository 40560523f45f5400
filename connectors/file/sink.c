// Files as a sink: where output goes, under which name while it grows, and when it gets its own.
//
// Output appears under its own name only when the job has finished: until then it is
// ".NAME.inprogress" beside it, and one rename publishes it, so whoever sees NAME sees all of it. A
// job that fails or is stopped leaves the file in progress with the whole lines that it had
// written, and says where; the next run begins it anew. Appending is the exception: rows go to the
// end of the file that is there, in whole lines. A folder is appended to by new part files. What
// keeps nothing (a device, a named pipe) is written to as it is.
//
// A sink claims what it writes until it has published it: the file in progress, the file that it
// appends to or will replace, or the folder. What others did before the claim is looked at after
// it.
#include "connectors/file/sink.h"

#include <stdio.h>
#include <stdlib.h>

#include "connectors/file/claim.h"
#include "connectors/file/ending.h"
#include "connectors/file/file.h"
#include "connectors/file/partition.h"
#include "connectors/file/sink_private.h"

enum { PATH_BYTES = 4096, START_BYTES = 64 * 1024 };

// --- names ---------------------------------------------------------------------------------------

static char *join3(struct tm_mem *mem, const char *a, size_t a_len, const char *b, const char *c)
{
    size_t b_len = strlen(b), c_len = strlen(c);
    char *text = tm_mem_alloc(mem, a_len + b_len + c_len + 1);
    if (text == NULL)
        return NULL;
    memcpy(text, a, a_len);
    memcpy(text + a_len, b, b_len);
    memcpy(text + a_len + b_len, c, c_len + 1);
    return text;
}

static void free_text(struct tm_mem *mem, char *text)
{
    if (text != NULL)
        tm_mem_free(mem, text, strlen(text) + 1);
}

static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

// "out/a.jsonl" -> "out/.a.jsonl.inprogress"
static char *in_progress_name(struct tm_mem *mem, const char *path)
{
    size_t folder = folder_length(path);
    char *hidden = join3(mem, path, folder, ".", path + folder);
    if (hidden == NULL)
        return NULL;
    char *name = join3(mem, hidden, strlen(hidden), ".inprogress", "");
    free_text(mem, hidden);
    return name;
}

static bool exists(const struct tm__outputs *o, const char *path, struct tm_file_info *info)
{
    return o->fx->files->stat(o->fx->ctx, path, info, NULL) == 0;
}

static int already_there(const struct tm__outputs *o, struct tm_error *err)
{
    int rc = tm_error_set(err, TM_E_EXISTS, "the output %s exists already", o->name);
    tm_error_hint(err, "remove it, or say if_exists = \"append\" or if_exists = \"replace\"");
    return rc;
}

static int out_of_memory(const struct tm__outputs *o, struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for the output %s", o->name);
}

// What went wrong with a file or folder of ours, in front of it the path that the user knows.
static int failed(const struct tm__outputs *o, int rc, struct tm_error *err)
{
    if (rc < 0)
        tm_error_prefix(err, "the output %s", o->name);
    return rc;
}

// --- claims --------------------------------------------------------------------------------------

static int claim(struct tm__outputs *o, const char *path, bool create, struct tm_error *err)
{
    int fd = tm__file_claim(o->fx, path, create, o->name, err);
    if (fd < 0)
        return fd;
    o->claims[o->claim_count++] = fd;
    return 0;
}

// What is there and may be published over. One that we may not even open cannot be claimed: the
// folder's permissions decide whether it can be replaced.
static int claim_existing(struct tm__outputs *o, const char *path, struct tm_error *err)
{
    if (o->looks)
        return 0;
    int rc = claim(o, path, false, err);
    if (rc != 0 && rc != TM_E_IN_USE && err != NULL)
        tm_error_clear(err);
    return rc == TM_E_IN_USE ? rc : 0;
}

static int claim_in_progress(struct tm__outputs *o, struct tm__target *target, struct tm_error *err)
{
    if (o->looks)
        return 0;
    char *name = in_progress_name(o->mem, target->path);
    int rc = name == NULL ? out_of_memory(o, err) : claim(o, name, true, err);
    if (rc == 0)
        target->in_progress = name;
    else
        free_text(o->mem, name);
    return rc;
}

static int claim_file(struct tm__outputs *o, struct tm__target *target, struct tm_error *err)
{
    struct tm_file_info info;
    int rc = 0;
    if (o->if_exists != TM__APPEND || !exists(o, target->path, &info))
        rc = claim_in_progress(o, target, err);
    if (rc != 0 || !exists(o, target->path, &info))
        return rc;
    if (o->if_exists == TM__FAIL_IF_EXISTS)
        return already_there(o, err);
    if (o->if_exists == TM__APPEND) { // another run may have published it just now
        free_text(o->mem, target->in_progress);
        target->in_progress = NULL;
    }
    return claim_existing(o, target->path, err);
}

// --- opening -------------------------------------------------------------------------------------

static int start_writer(struct tm__outputs *o, struct tm__target *target, int fd,
                        struct tm_error *err)
{
    if (fd < 0)
        return failed(o, fd, err);
    int rc = tm_file_writer_init(&target->writer, o->fx, o->mem, fd, true, "tm-write", err);
    target->writer.output = o->name;
    target->writer.packing = o->packing;
    return rc;
}

// Do the lines of the file that is appended to end in \r\n? Its first one says so.
static bool ends_in_crlf(const struct tm__target *target)
{
    const uint8_t *end = memchr(target->start, '\n', target->start_bytes);
    return end != NULL && end > target->start && end[-1] == '\r';
}

// How a file that is appended to begins and ends. One that may be written and not read is appended
// to as it is.
static int look_at(struct tm__outputs *o, struct tm__target *target, int64_t size_bytes,
                   struct tm_error *err)
{
    const struct tm_fx *fx = o->fx;
    int fd = fx->files->open(fx->ctx, target->path, TM_FILE_READ, NULL);
    uint8_t last = '\n';
    int64_t got = 1;
    if (fd < 0)
        return 0;
    target->start = tm_mem_alloc(o->mem, START_BYTES);
    while (target->start != NULL && got > 0 && target->start_bytes < START_BYTES) {
        got = fx->files->read(fx->ctx, fd, target->start + target->start_bytes,
                              START_BYTES - target->start_bytes, err);
        target->start_bytes += got > 0 ? (size_t)got : 0;
    }
    if (got >= 0)
        got = fx->files->seek(fx->ctx, fd, size_bytes - 1, err);
    if (got >= 0)
        got = fx->files->read(fx->ctx, fd, &last, 1, err);
    if (target->start != NULL && o->format->is_lines && last != '\n') {
        target->head.line_end = ends_in_crlf(target) ? "\r\n" : "\n";
        target->head.state = TM_FILE_HEAD_MISSING; // nobody else has it yet
    }
    int rc = 0;
    if (got >= 0 && strcmp(o->format->name, "csv") == 0)
        rc = tm__file_ending_check(fx, o->mem, fd, o->format_options, err);
    (void)fx->files->close(fx->ctx, fd, NULL);
    if (target->start == NULL)
        return out_of_memory(o, err);
    if (rc != 0)
        return failed(o, rc, err);
    return got < 0 ? failed(o, (int)got, err) : 0;
}

static int open_target(struct tm__outputs *o, struct tm__target *target, struct tm_error *err)
{
    const struct tm_fx *fx = o->fx;
    struct tm_file_info info = {0};
    bool append = target->in_progress == NULL;
    if (append)
        (void)exists(o, target->path, &info);
    int fd = append ? fx->files->open(fx->ctx, target->path, TM_FILE_APPEND, err)
                    : fx->files->open(fx->ctx, target->in_progress, TM_FILE_CREATE, err);
    int rc = start_writer(o, target, fd, err);
    target->writer.regular = true;
    target->writer.size_bytes = info.size_bytes;
    if (info.size_bytes != 0)
        target->head.state = TM_FILE_HEAD_WRITTEN; // nobody else has it yet
    if (rc == 0 && info.size_bytes != 0 && o->packing == TM_FILE_PLAIN)
        rc = look_at(o, target, info.size_bytes, err);
    return rc;
}

static int open_stream(struct tm__outputs *o, struct tm__target *target, struct tm_error *err)
{
    if (o->looks)
        return 0;
    int fd = o->fx->files->open(o->fx->ctx, o->name, TM_FILE_STREAM, err);
    return start_writer(o, target, fd, err);
}

static int make_folder_of(struct tm__outputs *o, const char *path, struct tm_error *err)
{
    size_t folder = folder_length(path);
    if (folder <= 1 || o->looks)
        return 0;
    char *name = join3(o->mem, path, folder - 1, "", "");
    if (name == NULL)
        return out_of_memory(o, err);
    int rc = o->fx->files->mkdirs(o->fx->ctx, name, err);
    free_text(o->mem, name);
    return failed(o, rc, err);
}

static int open_many(struct tm__outputs *o, const char *folder, struct tm_error *err);

// Of a job that takes checkpoints: rows go into pieces beside the file, and commits append them.
static int open_pieces(struct tm__outputs *o, struct tm__target *target, struct tm_error *err)
{
    struct tm_file_info info = {0};
    char folder[PATH_BYTES];
    size_t length = folder_length(target->path);
    snprintf(folder, sizeof folder, "%.*s", length <= 1 ? 1 : (int)length - 1,
             length == 0 ? "." : target->path);
    int rc = claim_in_progress(o, target, err);
    if (rc == 0 && exists(o, target->path, &info)) {
        if (o->if_exists == TM__FAIL_IF_EXISTS && !o->is_resumed)
            return already_there(o, err);
        rc = claim_existing(o, target->path, err);
    }
    if (rc == 0 && info.size_bytes != 0 && o->if_exists != TM__REPLACE &&
        o->packing == TM_FILE_PLAIN)
        rc = look_at(o, target, info.size_bytes, err);
    return rc == 0 ? open_many(o, folder, err) : rc;
}

static int open_file(struct tm__outputs *o, struct tm_error *err)
{
    struct tm__target *target = &o->targets[0];
    char path[PATH_BYTES];
    struct tm_file_info info;
    if (exists(o, o->name, &info) && info.is_directory)
        return tm_error_set(err, TM_E_EXISTS, "the output %s is a folder", o->name);
    if (exists(o, o->name, &info) && !info.is_regular)
        return open_stream(o, target, err);
    // A link stays one: what it means is written, beside which the file in progress stands.
    int rc = failed(o, o->fx->files->resolve(o->fx->ctx, o->name, path, sizeof path, err), err);
    if (rc == 0 && (target->path = tm_mem_strdup(o->mem, path)) == NULL)
        rc = out_of_memory(o, err);
    if (rc == 0)
        rc = make_folder_of(o, path, err);
    if (rc == 0 && o->job != NULL)
        return open_pieces(o, target, err);
    if (rc == 0)
        rc = claim_file(o, target, err);
    return rc != 0 ? rc : open_target(o, target, err);
}

static int add_old(void *arg, const char *path)
{
    struct tm__outputs *o = arg;
    if (o->old_count == o->old_capacity) {
        uint32_t capacity = o->old_capacity == 0 ? 16 : o->old_capacity * 2;
        char **old =
            tm_mem_realloc(o->mem, o->old, o->old_capacity * sizeof *old, capacity * sizeof *old);
        if (old == NULL)
            return TM_E_MEMORY;
        o->old = old;
        o->old_capacity = capacity;
    }
    if ((o->old[o->old_count] = tm_mem_strdup(o->mem, path)) == NULL)
        return TM_E_MEMORY;
    o->old_count++;
    return 0;
}

// The digits at *p, up to a billion; *p is moved behind them. False: there are none.
static bool take_number(const char **p, unsigned *value)
{
    const char *start = *p;
    for (*value = 0; **p >= '0' && **p <= '9' && *value < 100000000; ++*p)
        *value = *value * 10 + (unsigned)(**p - '0');
    return *p != start;
}

// One above the highest run of the "part-<subtask>-<run>" that are there.
static unsigned next_run(const struct tm__outputs *o)
{
    unsigned next = 0, subtask, run;
    for (uint32_t i = 0; i < o->old_count; i++) {
        const char *p = o->old[i] + folder_length(o->old[i]) + strlen("part-");
        if (take_number(&p, &subtask) && *p++ == '-' && take_number(&p, &run) && run >= next)
            next = run + 1;
    }
    return next;
}

static int open_part(struct tm__outputs *o, uint32_t index, const char *folder, unsigned run,
                     struct tm_error *err)
{
    struct tm__target *target = &o->targets[index];
    char name[64];
    size_t suffix = strcspn(o->format->suffixes + 1, " ");
    snprintf(name, sizeof name, "/part-%u-%u%.*s%s", index, run, (int)suffix,
             o->format->suffixes + 1, tm__file_packing_suffix(o->packing));
    target->path = join3(o->mem, folder, strlen(folder), name, "");
    if (target->path == NULL ||
        (target->in_progress = in_progress_name(o->mem, target->path)) == NULL)
        return out_of_memory(o, err);
    return open_target(o, target, err);
}

// Part files that are there, `depth` folders below the output's.
static int find_old(struct tm__outputs *o, const char *folder, uint32_t depth, struct tm_error *err)
{
    char below[2 * TM_PARTITION_COLUMNS_MAX + sizeof "/part-*"] = "";
    for (uint32_t i = 0; i < depth; i++)
        strcat(below, "/*");
    char *pattern = join3(o->mem, folder, strlen(folder), below, "/part-*");
    int rc =
        pattern == NULL ? TM_E_MEMORY : o->fx->files->glob(o->fx->ctx, pattern, add_old, o, err);
    free_text(o->mem, pattern);
    return rc == TM_E_MEMORY ? out_of_memory(o, err) : failed(o, rc, err);
}

void tm__outputs_suffix(const struct tm__outputs *o, char *suffix, size_t size)
{
    snprintf(suffix, size, "%.*s%s", (int)strcspn(o->format->suffixes + 1, " "),
             o->format->suffixes + 1, tm__file_packing_suffix(o->packing));
}

static uint32_t column_count(const struct tm__outputs *o)
{
    uint32_t count = o->columns != NULL;
    for (const char *p = o->columns; p != NULL && (p = strchr(p, '\n')) != NULL; p++)
        count++;
    return count;
}

static int open_commits(struct tm__outputs *o, const char *folder, const char *suffix,
                        uint32_t depth, struct tm_error *err)
{
    struct tm__commits_args args = {
        .fx = o->fx,
        .mem = o->mem,
        .output = o->name,
        .job = o->job->name,
        .path = o->is_folder ? folder : o->targets[0].path,
        .suffix = suffix,
        .depth = depth,
        .one_file = !o->is_folder,
        .lines = o->format->is_lines,
        .append = o->if_exists == TM__APPEND,
        .replace = o->if_exists == TM__REPLACE,
        .packing = o->packing,
    };
    int rc = tm__commits_new(&args, &o->commits, err);
    if (rc == 0 && !o->is_resumed)
        tm__commits_begin(o->commits, o->old, o->if_exists == TM__REPLACE ? o->old_count : 0);
    return rc;
}

static int open_many(struct tm__outputs *o, const char *folder, struct tm_error *err)
{
    char suffix[32];
    tm__outputs_suffix(o, suffix, sizeof suffix);
    int rc = o->job == NULL ? 0 : open_commits(o, folder, suffix, column_count(o), err);
    if (rc != 0 || o->looks)
        return rc;
    struct tm__parts_args args = {
        .fx = o->fx,
        .mem = o->mem,
        .output = o->name,
        .folder = folder,
        .suffix = suffix,
        .packing = o->packing,
        .run = next_run(o),
        .parallelism = o->parallelism,
        .columns = o->columns,
        .roll_bytes = o->roll_bytes,
        .roll_ms = o->roll_ms,
        .commits = o->commits,
        .path = o->is_folder ? NULL : o->targets[0].path,
        .hold = o->commits != NULL || o->if_exists == TM__REPLACE ||
                (o->roll_bytes == 0 && o->roll_ms == 0),
    };
    o->count = 0;
    return tm__parts_new(&args, &o->parts, err);
}

bool tm__outputs_are_many(const struct tm__outputs *o)
{
    return o->columns != NULL || o->roll_bytes != 0 || o->roll_ms != 0;
}

static int open_parts(struct tm__outputs *o, const char *folder, struct tm_error *err)
{
    uint32_t depth = column_count(o);
    int rc = o->looks ? 0 : failed(o, o->fx->files->mkdirs(o->fx->ctx, folder, err), err);
    if (rc == 0 && depth > TM_PARTITION_COLUMNS_MAX)
        rc = tm_error_set(err, TM_E_LIMIT, "tm.file: partition_by takes at most %d columns",
                          TM_PARTITION_COLUMNS_MAX);
    if (rc == 0)
        rc = claim_existing(o, folder, err);
    if (rc == 0)
        rc = find_old(o, folder, 0, err);
    if (rc == 0 && depth != 0)
        rc = find_old(o, folder, depth, err);
    if (rc == 0 && o->old_count != 0 && o->if_exists == TM__FAIL_IF_EXISTS && !o->is_resumed)
        rc = already_there(o, err);
    if (rc == 0 && (tm__outputs_are_many(o) || o->job != NULL))
        return open_many(o, folder, err);
    unsigned run = o->if_exists == TM__APPEND ? next_run(o) : 0;
    for (uint32_t i = 0; rc == 0 && i < o->count; i++)
        rc = open_part(o, i, folder, run, err);
    return rc;
}

static void forget_old(struct tm__outputs *o)
{
    for (uint32_t i = 0; i < o->old_count; i++)
        free_text(o->mem, o->old[i]);
    o->old_count = 0;
}

int tm__outputs_look_again(struct tm__outputs *o, struct tm_error *err)
{
    struct tm_file_info info;
    uint32_t depth = column_count(o);
    int rc = 0;
    forget_old(o);
    if (o->is_folder)
        rc = find_old(o, tm__commits_path(o->commits), 0, err);
    if (rc == 0 && o->is_folder && depth != 0)
        rc = find_old(o, tm__commits_path(o->commits), depth, err);
    bool there = o->is_folder ? o->old_count != 0 : exists(o, o->targets[0].path, &info);
    if (rc == 0 && there && o->if_exists == TM__FAIL_IF_EXISTS)
        rc = already_there(o, err);
    if (rc != 0)
        return rc;
    tm__parts_begin_at(o->parts, next_run(o));
    tm__commits_begin(o->commits, o->old, o->if_exists == TM__REPLACE ? o->old_count : 0);
    return 0;
}

static int open_folder(struct tm__outputs *o, struct tm_error *err)
{
    struct tm_file_info info;
    if (exists(o, o->name, &info) && !info.is_directory) {
        tm_error_set(err, TM_E_EXISTS,
                     "the output %s is a file, and without the suffix of a format a path is a "
                     "folder of part files",
                     o->name);
        tm_error_hint(err, "for one file end the path in %.*s",
                      (int)strcspn(o->format->suffixes + 1, " "), o->format->suffixes + 1);
        return TM_E_EXISTS;
    }
    size_t len = strlen(o->name);
    while (len > 1 && o->name[len - 1] == '/')
        len--;
    char *folder = join3(o->mem, o->name, len, "", "");
    int rc = folder == NULL ? out_of_memory(o, err) : open_parts(o, folder, err);
    free_text(o->mem, folder);
    return rc;
}

// A path with the suffix of a format is one file, and so is a device or a named pipe.
static bool is_folder(const struct tm__outputs *o)
{
    struct tm_file_info info;
    char stem[PATH_BYTES];
    snprintf(stem, sizeof stem, "%.*s", (int)tm__file_packing_stem(o->name), o->name);
    if (tm_format_of_path(stem) != NULL)
        return false;
    return !exists(o, o->name, &info) || info.is_directory || info.is_regular;
}

static int wrong_compression(const struct tm__outputs *o, const char *compression,
                             struct tm_error *err)
{
    int rc = tm_error_set(err, TM_E_OPTION,
                          "tm.file: compression is \"%s\", and the suffix of %s says \"%s\"",
                          compression, o->name, tm__file_packing_name(o->packing));
    tm_error_hint(err, "path = \"%.*s%s\"", (int)tm__file_packing_stem(o->name), o->name,
                  tm__file_packing_suffix(tm__file_packing_named(compression)));
    return rc;
}

static int no_folder(const struct tm__outputs *o, struct tm_error *err)
{
    int rc = tm_error_set(err, TM_E_OPTION,
                          "tm.file: %s is one file, and %s makes many: they go into a folder",
                          o->name, o->columns != NULL ? "partition_by" : "roll");
    tm_error_hint(err, "a path without the suffix of a format is a folder");
    return rc;
}

static int open_outputs(struct tm__outputs *o, const struct tm_options *options,
                        const struct tm_node *node, uint32_t parallelism, struct tm_error *err)
{
    const char *path = tm_options_text(options, "path");
    const char *if_exists = tm_options_text(options, "if_exists");
    o->format = tm_format_find(node->format);
    o->format_options = &node->format_options;
    if (o->format == NULL)
        return tm_error_set(err, TM_E_OPTION, "there is no format \"%s\"", node->format);
    if (path[0] == '\0')
        return tm_error_set(err, TM_E_OPTION, "tm.file: the path is empty");
    if ((o->name = tm_mem_strdup(o->mem, path)) == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the output %s", path);
    o->if_exists = if_exists == NULL                  ? TM__FAIL_IF_EXISTS
                   : strcmp(if_exists, "append") == 0 ? TM__APPEND
                                                      : TM__REPLACE;
    o->omit_nulls = strcmp(tm_options_text(options, "nulls"), "omit") == 0;
    o->timestamps_as_ms = strcmp(tm_options_text(options, "timestamp"), "ms") == 0;
    const char *columns = tm_options_text(options, "partition_by");
    if (columns != NULL && (o->columns = tm_mem_strdup(o->mem, columns)) == NULL)
        return out_of_memory(o, err);
    o->roll_bytes = tm_options_integer(options, "roll_size", 0);
    o->roll_ms = tm_options_integer(options, "roll_every", 0);
    o->is_folder = is_folder(o);
    if (!o->is_folder && tm__outputs_are_many(o))
        return no_folder(o, err);
    const char *compression = tm_options_text(options, "compression");
    o->packing = tm__file_packing_of(o->name);
    if (compression != NULL && o->is_folder)
        o->packing = tm__file_packing_named(compression);
    else if (compression != NULL && tm__file_packing_named(compression) != o->packing)
        return wrong_compression(o, compression, err);
    o->parallelism = parallelism;
    o->count = o->is_folder ? parallelism : 1;
    o->allocated = o->count;
    o->targets = tm_mem_zalloc(o->mem, o->allocated * sizeof *o->targets);
    if (o->targets == NULL)
        return out_of_memory(o, err);
    return o->is_folder ? open_folder(o, err) : open_file(o, err);
}

int tm__outputs_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                        uint32_t parallelism, const struct tm_sink_job *job, bool looks,
                        void **shared, struct tm_error *err)
{
    struct tm_options options;
    struct tm__outputs *o = tm_mem_zalloc(mem, sizeof *o);
    if (o == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the sink '%s'", node->name);
    o->fx = fx;
    o->mem = mem;
    o->job = job;
    o->looks = looks;
    o->is_resumed = job != NULL && job->restored != NULL &&
                    tm_restored_has(job->restored, node->name, "commits");
    o->looks_again = job != NULL && job->settles && !o->is_resumed;
    int rc = tm_file_options(&options, mem, node, tm_connector_file.sink_options, "tm.file", err);
    if (rc == 0)
        rc = open_outputs(o, &options, node, parallelism, err);
    tm_options_fini(&options);
    o->job = NULL;
    if (rc != 0) {
        tm__file_sink_release(o);
        return rc;
    }
    *shared = o;
    return 0;
}

int tm__file_sink_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                          uint32_t parallelism, void **shared, struct tm_error *err)
{
    return tm__outputs_prepare(fx, mem, node, parallelism, NULL, false, shared, err);
}

int tm__file_sink_prepare_checkpoints(const struct tm_fx *fx, struct tm_mem *mem,
                                      const struct tm_node *node, uint32_t parallelism,
                                      const struct tm_sink_job *job, void **shared,
                                      struct tm_error *err)
{
    return tm__outputs_prepare(fx, mem, node, parallelism, job, false, shared, err);
}

// Do the rows go on with what the file has?
static int check_start(const struct tm__outputs *o, struct tm__target *target,
                       struct tm_encoder *encoder, struct tm_error *err)
{
    if (encoder->ops->follows == NULL)
        return 0;
    const char *line_end = target->head.line_end;
    int rc = encoder->ops->follows(encoder, target->start, target->start_bytes, &line_end, err);
    if (target->head.line_end != NULL)
        target->head.line_end = line_end;
    if (o->commits != NULL && line_end != NULL)
        tm__commits_line_end(o->commits, line_end);
    return failed(o, rc, err);
}

int tm__file_sink_new(struct tm_task_context *ctx, const struct tm_node *node,
                      struct tm_schema *schema, void *shared, struct tm_sink **sink,
                      struct tm_error *err)
{
    struct tm__outputs *o = shared;
    struct tm_encoder *encoder;
    int rc = tm_file_encoder_new(node, o->format, ctx->mem, schema, o->omit_nulls,
                                 o->timestamps_as_ms, &encoder, err);
    if (rc != 0)
        return rc;
    struct tm__target *target = &o->targets[o->is_folder ? ctx->subtask : 0];
    if (target->start != NULL && (rc = check_start(o, target, encoder, err)) != 0) {
        tm_error_where(err, "%s", node->where);
        encoder->ops->free(encoder);
        return rc;
    }
    if (o->commits != NULL && tm__commits_has_duplicates(o->commits))
        tm_task_warn_once(ctx, node,
                          "the output has rows of checkpoints after the one that the job begins "
                          "with: they come twice, as if_exists = \"append\" allows");
    char passed[256];
    if (o->commits != NULL && tm__commits_has_passed(o->commits, passed, sizeof passed))
        tm_task_warn_once(ctx, node, passed);
    if (o->parts != NULL)
        return tm__parts_sink(o->parts, ctx, node, schema, encoder, sink, err);
    *sink = tm_file_output_new(ctx, node, schema, encoder, &target->writer, &target->head, err);
    return *sink == NULL ? TM_E_MEMORY : 0;
}

// --- the end -------------------------------------------------------------------------------------

// Part files of earlier runs that the new ones do not take the names of.
static int remove_old(struct tm__outputs *o, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < o->old_count; i++) {
        bool replaced = false;
        for (uint32_t t = 0; t < o->count; t++)
            replaced = replaced || strcmp(o->old[i], o->targets[t].path) == 0;
        if (!replaced)
            rc = o->fx->files->unlink(o->fx->ctx, o->old[i], err);
    }
    return rc;
}

static int publish(struct tm__outputs *o, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < o->count; i++) {
        struct tm__target *target = &o->targets[i];
        if (target->in_progress != NULL)
            rc = o->fx->files->rename(o->fx->ctx, target->in_progress, target->path, err);
        if (rc == 0) {
            free_text(o->mem, target->in_progress);
            target->in_progress = NULL;
        }
    }
    return rc == 0 && o->if_exists == TM__REPLACE && o->is_folder ? remove_old(o, err) : rc;
}

// What was not published: an empty file goes, one with rows stays. Returns how many stay.
static uint32_t keep_or_remove(struct tm__outputs *o, const struct tm__target **kept)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < o->count; i++) {
        struct tm__target *target = &o->targets[i];
        struct tm_file_info info;
        if (target->in_progress == NULL || !exists(o, target->in_progress, &info))
            continue;
        if (info.size_bytes == 0) {
            (void)o->fx->files->unlink(o->fx->ctx, target->in_progress, NULL);
        } else {
            *kept = target;
            count++;
        }
    }
    return count;
}

// The job did not finish, or the output could not be: `err` says where the rows so far are. Without
// an error its code stays 0 and its message is for the log.
static void say_where(struct tm__outputs *o, struct tm_error *err)
{
    const struct tm__target *kept = NULL;
    uint32_t count = keep_or_remove(o, &kept);
    if (count == 0 || err == NULL)
        return;
    char text[1024];
    if (count == 1)
        snprintf(text, sizeof text, "%s was not published; the rows written so far are in %s",
                 kept->path, kept->in_progress);
    else
        snprintf(text, sizeof text,
                 "nothing was published; the rows written so far are in %u files "
                 "%.*s.part-*.inprogress",
                 count, (int)folder_length(kept->path), kept->path);
    if (err->code != 0)
        tm_error_hint(err, "%s", text);
    else
        snprintf(err->message, sizeof err->message, "%s", text);
}

int tm__file_sink_finish(void *shared, bool ok, struct tm_error *err)
{
    struct tm__outputs *o = shared;
    int rc = 0;
    o->closed = true;
    for (uint32_t i = 0; i < o->count; i++) {
        // The writer's own error was given to the subtask already, unless the file failed late.
        int code = tm_file_writer_close(&o->targets[i].writer, ok, ok && rc == 0 ? err : NULL);
        rc = ok && rc == 0 ? code : rc;
    }
    if (o->commits != NULL) {
        rc = tm__parts_finish(o->parts, ok, err);
        bool unused = ok && rc == 0 && !o->is_resumed && tm__commits_done(o->commits) == 0;
        return unused && o->if_exists == TM__REPLACE ? failed(o, remove_old(o, err), err) : rc;
    }
    if (o->parts != NULL) {
        rc = tm__parts_finish(o->parts, ok, err);
        return rc == 0 && ok && o->if_exists == TM__REPLACE ? failed(o, remove_old(o, err), err)
                                                            : rc;
    }
    if (ok && rc == 0)
        rc = failed(o, publish(o, err), err);
    if (!ok || rc != 0)
        say_where(o, err);
    return rc;
}

void tm__file_sink_forget(void *shared)
{
    struct tm__outputs *o = shared;
    if (o->commits != NULL)
        tm__commits_forget(o->commits);
}

void tm__file_sink_release(void *shared)
{
    struct tm__outputs *o = shared;
    const struct tm__target *kept;
    if (o->parts != NULL)
        tm__parts_free(o->parts);
    if (o->commits != NULL) {
        tm__commits_free(o->commits);
        if (!o->is_folder && !o->looks) // it was only claimed
            (void)o->fx->files->unlink(o->fx->ctx, o->targets[0].in_progress, NULL);
    }
    for (uint32_t i = 0; o->targets != NULL && i < o->count; i++)
        tm_file_writer_fini(&o->targets[i].writer, false);
    if (!o->closed && o->targets != NULL && !o->looks)
        (void)keep_or_remove(o, &kept); // the job never ran
    for (uint32_t i = 0; o->targets != NULL && i < o->allocated; i++) {
        if (o->targets[i].start != NULL)
            tm_mem_free(o->mem, o->targets[i].start, START_BYTES);
        free_text(o->mem, o->targets[i].path);
        free_text(o->mem, o->targets[i].in_progress);
    }
    for (uint32_t i = 0; i < o->claim_count; i++)
        (void)o->fx->files->close(o->fx->ctx, o->claims[i], NULL);
    tm_mem_free(o->mem, o->targets, o->allocated * sizeof *o->targets);
    free_text(o->mem, o->name);
    free_text(o->mem, o->columns);
    forget_old(o);
    tm_mem_free(o->mem, o->old, o->old_capacity * sizeof *o->old);
    tm_mem_free(o->mem, o, sizeof *o);
}
