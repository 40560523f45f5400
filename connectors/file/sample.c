// The beginnings of files, while a job is planned: of all of them where there are few, else of some
// that lie evenly between the first and the last, because files of one folder tend to differ by
// their age.
#include "connectors/file/sample.h"

#include <string.h>

#include "connectors/file/file.h"
#include "connectors/file/list.h"
#include "connectors/file/unpack.h"
#include "core/base/limits.h"
#include "core/task/sample.h"

enum { SLACK = 64, PIECE_BYTES = 64 * 1024 };

struct beginning {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    const struct tm_file_listed *file;
    struct tm_file_unpacker *unpacker; // NULL: it is not compressed
    int fd;
    struct tm_buf bytes;
};

static int64_t read_piece(struct beginning *b, struct tm_error *err)
{
    uint8_t *to = b->bytes.data + b->bytes.size_bytes;
    return b->unpacker != NULL ? tm__file_unpack(b->unpacker, b->fd, to, PIECE_BYTES, err)
                               : b->fx->files->read(b->fx->ctx, b->fd, to, PIECE_BYTES, err);
}

static int read_beginning(struct beginning *b, struct tm_sampler *sampler, struct tm_error *err)
{
    int64_t got = 1;
    int rc = 0;
    while (rc == 0 && got != 0) {
        if (tm_buf_reserve(&b->bytes, PIECE_BYTES + SLACK) != 0)
            return tm_error_set(err, TM_E_MEMORY, "out of memory for a sample of %s",
                                b->file->path);
        if ((got = read_piece(b, err)) < 0)
            return (int)got;
        b->bytes.size_bytes += (size_t)got;
        memset(b->bytes.data + b->bytes.size_bytes, 0, SLACK);
        rc = tm_sampler_take(sampler, b->bytes.data, b->bytes.size_bytes, got == 0, err);
    }
    return rc < 0 ? rc : 0;
}

static int open_beginning(struct beginning *b, struct tm_error *err)
{
    b->fd = b->fx->files->open(b->fx->ctx, b->file->path, TM_FILE_READ, err);
    if (b->fd < 0 || b->file->packing == TM_FILE_PLAIN)
        return b->fd < 0 ? b->fd : 0;
    b->unpacker = tm__file_unpacker_new(b->fx, b->mem, b->file->packing, b->file->path);
    return b->unpacker != NULL
               ? 0
               : tm_error_set(err, TM_E_MEMORY, "out of memory for reading %s", b->file->path);
}

static int sample_file(const struct tm_fx *fx, struct tm_mem *mem,
                       const struct tm_file_listed *file, struct tm_sampler *sampler,
                       uint32_t inputs, struct tm_error *err)
{
    struct beginning b = {.fx = fx, .mem = mem, .file = file, .fd = -1};
    if (!file->is_regular) { // what is read of a pipe is gone
        tm_error_set(err, TM_E_SCHEMA_MISSING, "%s is no plain file, so its schema is not inferred",
                     file->path);
        tm_error_hint(err,
                      "tm.stdin { format = ... } infers it: tidemill run ... < %s; or declare "
                      "the fields: schema = { user_id = \"string\" }; or schema = \"any\"",
                      strncmp(file->path, "/dev/", 5) == 0 ? "..." : file->path);
        return err->code;
    }
    tm_buf_init(&b.bytes, mem);
    int rc = open_beginning(&b, err);
    rc = rc != 0 ? rc : tm_sampler_begin(sampler, file->path, inputs, err);
    rc = rc != 0 ? rc : read_beginning(&b, sampler, err);
    tm_buf_fini(&b.bytes);
    tm__file_unpacker_free(b.unpacker);
    if (b.fd >= 0)
        (void)fx->files->close(fx->ctx, b.fd, NULL);
    return rc;
}

int tm__file_source_sample(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                           struct tm_sampler *sampler, struct tm_buf *head, struct tm_error *err)
{
    (void)head; // files are read again
    struct tm_options options;
    struct tm_file_list list;
    tm__file_list_init(&list, fx, mem);
    int rc = tm_file_options(&options, mem, node, tm_connector_file.source_options, "tm.file", err);
    rc = rc != 0 ? rc : tm__file_list_fill(&list, tm_options_text(&options, "path"), err);
    uint32_t inputs = list.count < TM_SAMPLE_FILES ? list.count : TM_SAMPLE_FILES;
    for (uint32_t i = 0; rc == 0 && sampler != NULL && i < inputs; i++) {
        uint32_t at = (uint32_t)((uint64_t)i * (list.count - 1) / (inputs > 1 ? inputs - 1 : 1));
        rc = sample_file(fx, mem, &list.files[at], sampler, inputs, err);
    }
    tm__file_list_fini(&list);
    tm_options_fini(&options);
    return rc;
}
