// Whether a source's first records can be read, by what its files begin with: asked before anything
// runs, by the decoders that read. A decoder that is to go on has its beginning in the checkpoint;
// of files that nobody has begun the beginning is read.
#include "connectors/file/source.h"

#include <stdio.h>

#include "connectors/file/source_private.h"
#include "connectors/file/unpack.h"

enum {
    FILES_MAX = 256, // that nobody has begun: more are not open in a job's first moments
    SLACK = 64,
    PIECE_BYTES = 64 * 1024,
};

struct look {
    const struct tm__files *files;
    const struct tm_node *node;
    const struct tm_format *format;
    struct tm_error *err;
};

static int out_of_memory(const struct look *l)
{
    return tm_error_set(l->err, TM_E_MEMORY, "out of memory for a look at the source '%s'",
                        l->node->name);
}

static int decoder_for(const struct look *l, bool is_range, struct tm_decoder **decoder)
{
    const struct tm_decoder_args args = {.mem = l->files->mem,
                                         .schema = tm_node_schema(l->node),
                                         .used = l->node->used,
                                         .max_record = l->files->max_record,
                                         .options = &l->node->format_options,
                                         .cut_at_lines = is_range};
    return l->format->decoder_new(&args, decoder, l->err);
}

// Else opening says what is wrong.
static bool has_format(struct look *l)
{
    l->format = tm_format_find(l->node->format);
    return l->format != NULL && tm_node_schema(l->node) != NULL;
}

// --- positions -----------------------------------------------------------------------------------

static int load(const struct look *l, const char *path, const struct tm_file_resume *resume,
                bool is_range, struct tm_decoder **decoder)
{
    int rc = decoder_for(l, is_range, decoder);
    if (rc == 0)
        rc = (*decoder)->ops->load(*decoder, resume->offset, resume->state, resume->state_bytes);
    if (rc == TM_E_MEMORY)
        return out_of_memory(l);
    if (rc != TM_E_CHECKPOINT)
        return rc;
    tm_error_set(l->err, TM_E_INPUT_CHANGED,
                 "%s has been read in part, and where it is read on is none of the format \"%s\"",
                 path, l->node->format);
    tm_error_hint(l->err,
                  "go on with the format and its options as they were until it is read, and then "
                  "change them; or begin the source anew: --drop-state '%s'",
                  l->node->name);
    tm_error_where(l->err, "%s", l->node->where);
    return TM_E_INPUT_CHANGED;
}

static int load_one(const struct look *l, const char *path, const struct tm_file_resume *resume,
                    bool is_range)
{
    struct tm_decoder *decoder = NULL;
    int rc = load(l, path, resume, is_range, &decoder);
    if (decoder != NULL)
        decoder->ops->free(decoder);
    return rc;
}

int tm__file_positions_load(const struct tm__files *files, const struct tm_node *node,
                            struct tm_error *err)
{
    struct look l = {.files = files, .node = node, .err = err};
    struct tm_follow_news news;
    int rc = 0;
    if (!has_format(&l))
        return 0;
    for (uint32_t i = 0; i < files->count && rc == 0; i++) {
        const struct tm__piece *piece = &files->pieces[i];
        if (piece->resume != NULL)
            rc = load_one(&l, piece->path, piece->resume, piece->begin != 0 || piece->end != 0);
    }
    for (uint32_t s = 0; files->follow != NULL && s < files->parallelism; s++)
        for (uint32_t i = 0; rc == 0 && tm__follow_resumed(files->follow, s, i, &news); i++)
            rc = load_one(&l, news.path, news.resume, false);
    return rc;
}

// --- how splits begin ----------------------------------------------------------------------------

static int unfit(const struct look *l, const char *path, const struct tm_decoder *decoder)
{
    const char *message;
    int code = decoder->ops->unfit(decoder, &message);
    if (code == 0)
        return 0;
    tm_error_set(l->err, code, "%s: %s", path, message);
    tm_error_hint(l->err, "mend the schema, the format's options or the file; to go on without "
                          "such records: on_error = \"skip\" in the source");
    tm_error_where(l->err, "%s", l->node->where);
    return code;
}

// Of one that is read to its end nothing follows.
static bool has_more(const struct tm__piece *piece)
{
    return piece->packing != TM_FILE_PLAIN || piece->size_bytes != 0;
}

static int look_at_position(const struct look *l, const struct tm__piece *piece)
{
    const struct tm_file_resume *resume = piece->resume;
    struct tm_decoder *decoder = NULL;
    int rc = load(l, piece->path, resume, piece->begin != 0 || piece->end != 0, &decoder);
    if (rc == 0 && decoder->ops->unfit != NULL)
        rc = unfit(l, piece->path, decoder);
    if (decoder != NULL)
        decoder->ops->free(decoder);
    return rc;
}

struct beginning {
    const struct look *look;
    const char *path;
    struct tm_file_unpacker *unpacker; // NULL: it is not compressed
    int fd;
    struct tm_decoder *decoder;
    struct tm_batch_pool *pool;
    struct tm_buf bytes;
    bool has_record;
};

static int bad_record(void *arg, const struct tm_bad_record *record)
{
    struct beginning *b = arg;
    (void)record;
    b->has_record = true;
    return 0;
}

static int64_t read_piece(struct beginning *b)
{
    const struct tm_fx *fx = b->look->files->fx;
    if (tm_buf_reserve(&b->bytes, PIECE_BYTES + SLACK) != 0)
        return out_of_memory(b->look);
    uint8_t *to = b->bytes.data + b->bytes.size_bytes;
    int64_t got = b->unpacker != NULL
                      ? tm__file_unpack(b->unpacker, b->fd, to, PIECE_BYTES, b->look->err)
                      : fx->files->read(fx->ctx, b->fd, to, PIECE_BYTES, b->look->err);
    if (got < 0)
        return got;
    b->bytes.size_bytes += (size_t)got;
    memset(b->bytes.data + b->bytes.size_bytes, 0, SLACK);
    return got;
}

// Until there is a first record, good or bad, or what begins the file is longer than may be.
static int decode(struct beginning *b)
{
    struct tm_batch *batch = tm_batch_acquire(b->pool, tm_node_schema(b->look->node));
    size_t used, at = 0;
    int64_t got = 1;
    int rc = batch == NULL ? out_of_memory(b->look) : 0;
    while (rc == 0 && got != 0 && !b->has_record &&
           b->bytes.size_bytes <= at + b->look->files->max_record) {
        if ((got = read_piece(b)) < 0) {
            rc = (int)got;
            break;
        }
        do {
            used = 0;
            rc = b->decoder->ops->decode(b->decoder, b->bytes.data + at, b->bytes.size_bytes - at,
                                         got == 0, batch, &used, bad_record, b);
            at += used;
            b->has_record = b->has_record || batch->row_count != 0;
        } while (rc == 0 && used != 0 && !b->has_record);
        if (rc != 0)
            rc = tm_error_set(b->look->err, rc, "source '%s': %s cannot be decoded",
                              b->look->node->name, b->path);
    }
    tm_batch_release(batch);
    return rc;
}

static int open_beginning(struct beginning *b, enum tm_file_packing packing)
{
    const struct tm__files *files = b->look->files;
    int rc = decoder_for(b->look, false, &b->decoder);
    if (rc != 0 || b->decoder->ops->unfit == NULL)
        return rc;
    b->fd = files->fx->files->open(files->fx->ctx, b->path, TM_FILE_READ, b->look->err);
    if (b->fd < 0)
        return b->fd;
    b->pool = tm_batch_pool_new(files->mem);
    if (packing != TM_FILE_PLAIN)
        b->unpacker = tm__file_unpacker_new(files->fx, files->mem, packing, b->path);
    return b->pool == NULL || (packing != TM_FILE_PLAIN && b->unpacker == NULL)
               ? out_of_memory(b->look)
               : 0;
}

static int look_at_beginning(const struct look *l, const char *path, enum tm_file_packing packing)
{
    const struct tm_fx *fx = l->files->fx;
    struct beginning b = {.look = l, .path = path, .fd = -1};
    tm_buf_init(&b.bytes, l->files->mem);
    int rc = open_beginning(&b, packing);
    if (rc == 0 && b.fd >= 0)
        rc = decode(&b);
    if (rc == 0 && b.fd >= 0)
        rc = unfit(l, path, b.decoder);
    if (b.decoder != NULL)
        b.decoder->ops->free(b.decoder);
    if (b.fd >= 0)
        (void)fx->files->close(fx->ctx, b.fd, NULL);
    tm__file_unpacker_free(b.unpacker);
    if (b.pool != NULL)
        tm_batch_pool_free(b.pool);
    tm_buf_fini(&b.bytes);
    return rc == TM_E_BAD_ARCHIVE ? 0 : rc; // a failure of what is read, for on_error
}

// --- the connector's function --------------------------------------------------------------------

// Files that grow: those of the checkpoint are known by where they are now.
static bool is_followed(const struct tm__files *files, const char *path)
{
    struct tm_follow_news news;
    for (uint32_t s = 0; s < files->parallelism; s++)
        for (uint32_t i = 0; tm__follow_resumed(files->follow, s, i, &news); i++)
            if (strcmp(news.path, path) == 0)
                return true;
    return false;
}

static int look_at_followed(const struct look *l)
{
    struct tm_file_list list;
    struct tm_error ignored = {0};
    int rc = 0;
    tm__file_list_init(&list, l->files->fx, l->files->mem);
    list.forgiving = true;
    if (tm__file_list_fill(&list, l->files->path, &ignored) == 0) // else it is waited for
        for (uint32_t i = 0, seen = 0; i < list.count && seen < FILES_MAX && rc == 0; i++)
            if (list.files[i].is_regular && !is_followed(l->files, list.files[i].path)) {
                rc = look_at_beginning(l, list.files[i].path, TM_FILE_PLAIN);
                seen++;
            }
    tm__file_list_fini(&list);
    return rc;
}

int tm__file_source_look(void *shared, const struct tm_node *node, struct tm_error *err)
{
    const struct tm__files *files = shared;
    struct look l = {.files = files, .node = node, .err = err};
    int rc = 0;
    if (!has_format(&l) || node->on_error != TM_ON_ERROR_FAIL)
        return 0;
    if (files->follow != NULL)
        return look_at_followed(&l);
    for (uint32_t i = 0, seen = 0; i < files->count && rc == 0; i++) {
        const struct tm__piece *piece = &files->pieces[i];
        if (piece->resume != NULL && has_more(piece))
            rc = look_at_position(&l, piece);
        else if (piece->resume == NULL && piece->is_regular && piece->begin == 0 &&
                 seen++ < FILES_MAX)
            rc = look_at_beginning(&l, piece->path, piece->packing);
    }
    return rc;
}
