// The bytes of positions. Fixed parts are written as they lie: little-endian, as all of a
// checkpoint.
#include "connectors/file/position.h"

#include "core/base/hash.h"

enum { FORMAT = 1, VARINT_BYTES = 10 };

struct fixed {
    uint32_t format, status;
    int64_t begin, end, offset, watermark;
    struct tm_file_identity identity;
    uint64_t path_bytes, has_head, head_bytes, state_bytes;
};

int tm__position_put(struct tm_cut *cut, const char *node, struct tm_mem *mem,
                     const struct tm__position *position)
{
    struct tm_buf bytes;
    const struct tm_file_resume *r = &position->resume;
    struct fixed f = {.format = FORMAT,
                      .status = r->status,
                      .begin = position->begin,
                      .end = position->end,
                      .offset = r->offset,
                      .watermark = r->watermark,
                      .identity = r->identity,
                      .path_bytes = strlen(position->path) + 1,
                      .has_head = position->head != NULL,
                      .head_bytes = position->head_bytes,
                      .state_bytes = r->state_bytes};
    tm_buf_init(&bytes, mem);
    int rc = tm_buf_append(&bytes, &f, sizeof f);
    if (rc == 0)
        rc = tm_buf_append(&bytes, position->path, f.path_bytes);
    if (rc == 0 && f.has_head != 0)
        rc = tm_buf_append(&bytes, position->head, position->head_bytes);
    if (rc == 0)
        rc = tm_buf_append(&bytes, r->state, r->state_bytes);
    if (rc == 0)
        rc = tm_cut_item(cut, node, "splits", TM_ITEM_SPLIT, bytes.data, bytes.size_bytes);
    tm_buf_fini(&bytes);
    return rc;
}

int tm__position_get(struct tm__position *position, const uint8_t *bytes, size_t size)
{
    struct fixed f;
    if (size < sizeof f)
        return TM_E_CHECKPOINT;
    memcpy(&f, bytes, sizeof f);
    bytes += sizeof f;
    size -= sizeof f;
    uint64_t head_bytes = f.has_head != 0 ? f.head_bytes : 0;
    if (f.format != FORMAT || f.path_bytes > size || head_bytes > size - f.path_bytes ||
        f.state_bytes != size - f.path_bytes - head_bytes || f.path_bytes == 0 ||
        bytes[f.path_bytes - 1] != '\0' || f.begin < 0 || f.end < 0 || f.offset < 0)
        return TM_E_CHECKPOINT;
    *position = (struct tm__position){.path = (const char *)bytes,
                                      .begin = f.begin,
                                      .end = f.end,
                                      .head = f.has_head != 0 ? bytes + f.path_bytes : NULL,
                                      .head_bytes = f.head_bytes,
                                      .resume = {.offset = f.offset,
                                                 .identity = f.identity,
                                                 .watermark = f.watermark,
                                                 .status = f.status,
                                                 .state = bytes + f.path_bytes + head_bytes,
                                                 .state_bytes = f.state_bytes}};
    return 0;
}

// --- names ---------------------------------------------------------------------------------------

static int put_number(struct tm_buf *out, uint64_t v)
{
    int rc = tm_buf_reserve(out, VARINT_BYTES);
    for (; rc == 0 && v >= 0x80; v >>= 7)
        out->data[out->size_bytes++] = (uint8_t)(v | 0x80);
    if (rc == 0)
        out->data[out->size_bytes++] = (uint8_t)v;
    return rc;
}

static bool get_number(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        uint8_t c = *(*p)++;
        *v |= (uint64_t)(c & 0x7f) << shift;
        if ((c & 0x80) == 0)
            return true;
    }
    return false;
}

void tm__names_init(struct tm__names *names, struct tm_mem *mem, enum tm__name_kind kind)
{
    uint8_t first = (uint8_t)kind;
    tm_buf_init(&names->bytes, mem);
    tm_buf_init(&names->last, mem);
    (void)tm_buf_append(&names->bytes, &first, 1); // without it the list stays empty, see add
}

void tm__names_fini(struct tm__names *names)
{
    tm_buf_fini(&names->bytes);
    tm_buf_fini(&names->last);
}

int tm__names_add(struct tm__names *names, const char *path, int64_t begin, int64_t end)
{
    struct tm_buf *out = &names->bytes, *last = &names->last;
    size_t len = strlen(path), shared = 0, most = last->size_bytes;
    while (shared < most && shared < len && last->data[shared] == (uint8_t)path[shared])
        shared++;
    if (out->size_bytes == 0)
        return TM_E_MEMORY;
    int rc = put_number(out, shared);
    rc = rc != 0 ? rc : put_number(out, len - shared);
    rc = rc != 0 ? rc : tm_buf_append(out, path + shared, len - shared);
    rc = rc != 0 ? rc : put_number(out, (uint64_t)begin);
    rc = rc != 0 ? rc : put_number(out, (uint64_t)end);
    last->size_bytes = shared;
    return rc != 0 ? rc : tm_buf_append(last, path + shared, len - shared);
}

int tm__names_put(struct tm_cut *cut, const char *node, const struct tm__names *names)
{
    if (names->bytes.size_bytes <= 1)
        return 0;
    return tm_cut_item(cut, node, "files", TM_ITEM_SUBTASK, names->bytes.data,
                       names->bytes.size_bytes);
}

int tm__names_each(struct tm_mem *mem, const uint8_t *bytes, size_t size,
                   int (*each)(void *arg, enum tm__name_kind kind, const char *path, int64_t begin,
                               int64_t end),
                   void *arg)
{
    const uint8_t *p = bytes, *end = bytes + size;
    struct tm_buf name;
    int rc = size == 0 || *p > TM__NAME_NOT_BEGUN ? TM_E_CHECKPOINT : 0;
    tm_buf_init(&name, mem);
    for (p++; rc == 0 && p < end;) {
        uint64_t shared, len, from, to;
        if (!get_number(&p, end, &shared) || !get_number(&p, end, &len) ||
            shared > name.size_bytes || len > (uint64_t)(end - p)) {
            rc = TM_E_CHECKPOINT;
            break;
        }
        name.size_bytes = shared;
        rc = tm_buf_append(&name, p, len);
        rc = rc != 0 ? rc : tm_buf_append(&name, "", 1);
        p += len;
        if (rc == 0 && (!get_number(&p, end, &from) || !get_number(&p, end, &to)))
            rc = TM_E_CHECKPOINT;
        if (rc == 0)
            rc = each(arg, (enum tm__name_kind)bytes[0], (const char *)name.data, (int64_t)from,
                      (int64_t)to);
        if (rc == 0)
            name.size_bytes--;
    }
    tm_buf_fini(&name);
    return rc;
}

// --- identity ------------------------------------------------------------------------------------

static int64_t read_beginning(const struct tm_fx *fx, int fd, uint8_t *bytes, size_t size,
                              struct tm_error *err)
{
    size_t there = 0;
    int rc = fx->files->seek(fx->ctx, fd, 0, err);
    while (rc == 0 && there < size) {
        int64_t got = fx->files->read(fx->ctx, fd, bytes + there, size - there, err);
        if (got <= 0) {
            rc = (int)got;
            break;
        }
        there += (size_t)got;
    }
    return rc < 0 ? rc : (int64_t)there;
}

int tm__file_identify(const struct tm_fx *fx, int fd, int64_t offset,
                      struct tm_file_identity *identity, struct tm_error *err)
{
    uint8_t bytes[TM_FILE_IDENTITY_BYTES];
    struct tm_file_info info;
    int rc = fx->files->stat_fd(fx->ctx, fd, &info, err);
    if (rc != 0 || !info.is_regular)
        return rc;
    int64_t got = read_beginning(fx, fd, bytes, sizeof bytes, err);
    if (got < 0)
        return (int)got;
    *identity = (struct tm_file_identity){.device = info.device,
                                          .inode = info.inode,
                                          .hash = tm_hash_bytes(bytes, (size_t)got),
                                          .hashed = (uint64_t)got};
    return fx->files->seek(fx->ctx, fd, offset, err);
}

int tm__file_is_identical(const struct tm_fx *fx, int fd, const struct tm_file_identity *identity,
                          bool *identical, struct tm_error *err)
{
    uint8_t bytes[TM_FILE_IDENTITY_BYTES];
    *identical = true;
    if (identity->hashed == 0)
        return 0;
    size_t want = identity->hashed < sizeof bytes ? (size_t)identity->hashed : sizeof bytes;
    int64_t got = read_beginning(fx, fd, bytes, want, err);
    if (got < 0)
        return (int)got;
    *identical =
        (uint64_t)got == identity->hashed && tm_hash_bytes(bytes, (size_t)got) == identity->hash;
    return 0;
}
