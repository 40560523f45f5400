// Lists of what outputs have put into savepoints, and the look at it.
#include "connectors/file/kept_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/hash.h"

#define HEAD "tidemill staged 1\n"
#define LINE "%s %" PRIu64 " %016" PRIx64 "\n"
#define END "hash "

enum { NAME_MAX_BYTES = 64, READ_BYTES = 256 * 1024, LIST_BYTES_MAX = 64 << 20 };

int tm__kept_list_add(struct tm_buf *list, const char *name, uint64_t size_bytes, uint64_t hash)
{
    int rc = list->size_bytes == 0 ? tm_buf_append(list, HEAD, sizeof HEAD - 1) : 0;
    return rc == 0 ? tm_buf_printf(list, LINE, name, size_bytes, hash) : rc;
}

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for what a savepoint holds for outputs");
}

int tm__kept_list_write(const struct tm_fx *fx, struct tm_buf *list, const char *folder,
                        const char *output, struct tm_error *err)
{
    size_t size = strlen(folder) + sizeof "/staged-.list" + 16;
    char path[size];
    if (list->size_bytes == 0)
        return 0;
    snprintf(path, size, "%s/staged-%016" PRIx64 ".list", folder,
             tm_hash_bytes(output, strlen(output)));
    uint64_t hash = tm_hash_bytes(list->data, list->size_bytes);
    if (tm_buf_printf(list, END "%016" PRIx64 "\n", hash) != 0)
        return no_memory(err);
    int fd = fx->files->open(fx->ctx, path, TM_FILE_CREATE, err);
    if (fd < 0)
        return fd;
    int rc = fx->files->write_all(fx->ctx, fd, list->data, list->size_bytes, NULL, err);
    rc = rc == 0 ? fx->files->sync(fx->ctx, fd, err) : rc;
    int closed = fx->files->close(fx->ctx, fd, rc == 0 ? err : NULL);
    return rc != 0 ? rc : closed;
}

// --- looking -------------------------------------------------------------------------------------

struct verifying {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    const char *folder;
    uint8_t *bytes; // to read into
    uint32_t files;
    uint64_t size_bytes;
    struct tm_error *err;
};

static int damaged(const struct verifying *v, const char *path, const char *what)
{
    tm_error_set(v->err, TM_E_CHECKPOINT, "%s %s: it holds rows for an output", path, what);
    tm_error_hint(v->err,
                  "bring it back from where the savepoint was copied to or from; without it "
                  "the savepoint can be begun with only while the output still has them");
    return TM_E_CHECKPOINT;
}

// 0, or why it cannot be read.
static int open_file(const struct verifying *v, const char *path, int *fd)
{
    *fd = v->fx->files->open(v->fx->ctx, path, TM_FILE_READ, v->err);
    if (*fd == TM_E_NOT_FOUND)
        return damaged(v, path, "is gone");
    return *fd < 0 ? *fd : 0;
}

static int look_at_copy(struct verifying *v, const char *name, uint64_t size_bytes, uint64_t hash)
{
    size_t path_bytes = strlen(v->folder) + strlen(name) + 2;
    char path[path_bytes];
    XXH64_state_t state;
    uint64_t seen = 0;
    int64_t got = 0;
    int fd;
    snprintf(path, path_bytes, "%s/%s", v->folder, name);
    int rc = open_file(v, path, &fd);
    if (rc != 0)
        return rc;
    (void)XXH64_reset(&state, 0);
    while ((got = v->fx->files->read(v->fx->ctx, fd, v->bytes, READ_BYTES, v->err)) > 0) {
        (void)XXH64_update(&state, v->bytes, (size_t)got);
        seen += (uint64_t)got;
    }
    (void)v->fx->files->close(v->fx->ctx, fd, NULL); // it was only read
    if (got < 0)
        return (int)got;
    if (seen != size_bytes)
        return damaged(v, path, "is not as long as it was");
    if (XXH64_digest(&state) != hash)
        return damaged(v, path, "is not what was written");
    v->files++;
    v->size_bytes += seen;
    return 0;
}

// Digits up to `end`, which is passed. NULL: there are others.
static const char *take_number(const char *at, unsigned base, char end, uint64_t *value)
{
    static const char digits[] = "0123456789abcdef";
    const char *digit;
    *value = 0;
    while (*at != end && *at != '\0' && (digit = memchr(digits, *at, base)) != NULL) {
        *value = *value * base + (uint64_t)(digit - digits);
        at++;
    }
    return *at == end ? at + 1 : NULL;
}

// "staged-HASH SIZE HASH\n". NULL: it is no such line.
static const char *take_line(const char *line, char name[NAME_MAX_BYTES], uint64_t *size_bytes,
                             uint64_t *hash)
{
    size_t length = strcspn(line, " \n/");
    if (length == 0 || length >= NAME_MAX_BYTES || line[length] != ' ')
        return NULL;
    memcpy(name, line, length);
    name[length] = '\0';
    line = take_number(line + length + 1, 10, ' ', size_bytes);
    return line == NULL ? NULL : take_number(line, 16, '\n', hash);
}

// Line by line, then the checksum of all before it.
static int look_at_lines(struct verifying *v, const char *path, const char *text, size_t length)
{
    const size_t end_bytes = sizeof END - 1 + 17;
    if (length < sizeof HEAD - 1 + end_bytes)
        return damaged(v, path, "is cut short");
    const char *line = text + sizeof HEAD - 1, *end = text + length - end_bytes;
    uint64_t hash;
    if (memcmp(end, END, sizeof END - 1) != 0 ||
        take_number(end + sizeof END - 1, 16, '\n', &hash) != text + length ||
        hash != tm_hash_bytes(text, length - end_bytes) || memcmp(text, HEAD, sizeof HEAD - 1) != 0)
        return damaged(v, path, "is not what was written");
    while (line < end) {
        char name[NAME_MAX_BYTES];
        uint64_t size_bytes;
        line = take_line(line, name, &size_bytes, &hash);
        if (line == NULL)
            return damaged(v, path, "is not what was written");
        int rc = look_at_copy(v, name, size_bytes, hash);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int look_at_list(void *arg, const char *path)
{
    struct verifying *v = arg;
    struct tm_buf text;
    int64_t got = 0;
    int fd, rc = open_file(v, path, &fd);
    if (rc != 0)
        return rc;
    tm_buf_init(&text, v->mem);
    while (rc == 0 && text.size_bytes < LIST_BYTES_MAX &&
           (got = v->fx->files->read(v->fx->ctx, fd, v->bytes, READ_BYTES, v->err)) > 0)
        rc = tm_buf_append(&text, v->bytes, (size_t)got) != 0 ? no_memory(v->err) : 0;
    (void)v->fx->files->close(v->fx->ctx, fd, NULL); // it was only read
    rc = got < 0 ? (int)got : rc;
    if (rc == 0 && tm_buf_append(&text, "", 1) != 0)
        rc = no_memory(v->err);
    if (rc == 0)
        rc = look_at_lines(v, path, (const char *)text.data, text.size_bytes - 1);
    tm_buf_fini(&text);
    return rc;
}

// A path as a pattern that matches it alone.
static int put_literal(struct tm_buf *pattern, const char *text)
{
    int rc = 0;
    for (; rc == 0 && *text != '\0'; text++) {
        rc = strchr("*?[]\\", *text) != NULL ? tm_buf_append(pattern, "\\", 1) : 0;
        rc = rc == 0 ? tm_buf_append(pattern, text, 1) : rc;
    }
    return rc;
}

int tm__kept_lists_verify(const struct tm_fx *fx, struct tm_mem *mem, const char *folder,
                          uint32_t *files, uint64_t *bytes, struct tm_error *err)
{
    struct verifying v = {.fx = fx, .mem = mem, .folder = folder, .err = err};
    struct tm_buf pattern;
    static const char lists[] = "/staged-*.list"; // with its NUL
    tm_buf_init(&pattern, mem);
    v.bytes = tm_mem_alloc(mem, READ_BYTES);
    int rc = v.bytes == NULL || put_literal(&pattern, folder) != 0 ||
                     tm_buf_append(&pattern, lists, sizeof lists) != 0
                 ? no_memory(err)
                 : fx->files->glob(fx->ctx, (const char *)pattern.data, look_at_list, &v, err);
    tm_buf_fini(&pattern);
    tm_mem_free(mem, v.bytes, READ_BYTES);
    *files += v.files;
    *bytes += v.size_bytes;
    return rc;
}
