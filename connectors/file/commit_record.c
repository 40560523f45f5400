// A line of text: people may look at it.
#include "connectors/file/commit_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connectors/file/commit.h"
#include "core/base/hash.h"
#include "core/base/kill_point.h"

enum { TEXT_BYTES = 1024 };

#define FORMAT                                                                                \
    "tidemill commits 1 life %016" PRIx64 " begun %" PRIu64 " done %" PRIu64 " from %" PRId64 \
    " length %" PRId64 " new %" PRIu64 " inode %" PRIu64

// Behind a life of which there is a savepoint.
#define SAVED " savepoints 1"

static size_t print(const struct tm__commit_record *r, char *text)
{
    int n = snprintf(text, TEXT_BYTES, FORMAT, r->life, r->begun, r->done, r->from, r->length,
                     r->is_new, r->inode);
    n += snprintf(text + n, TEXT_BYTES - (size_t)n, "%s", r->saved != 0 ? SAVED : "");
    for (uint32_t i = 0; i < r->before_count; i++)
        n += snprintf(text + n, TEXT_BYTES - (size_t)n,
                      " before %016" PRIx64 " %" PRIu64 " %" PRIu64 "%s", r->before[i].life,
                      r->before[i].begun, r->before[i].done, r->before[i].saved != 0 ? SAVED : "");
    uint64_t hash = tm_hash_bytes(text, (size_t)n);
    return (size_t)(n + snprintf(text + n, TEXT_BYTES - (size_t)n, " hash %016" PRIx64 "\n", hash));
}

// Digits behind a word, with what they lead to. NULL: not there.
static const char *number(const char *at, const char *word, unsigned base, uint64_t *value)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = strlen(word);
    if (at == NULL || strncmp(at, word, length) != 0)
        return NULL;
    const char *from = at + length, *digit;
    *value = 0;
    for (at = from; *at != '\0' && (digit = memchr(digits, *at, base)) != NULL; at++)
        *value = *value * base + (uint64_t)(digit - digits);
    return at == from ? NULL : at;
}

static const char *saved(const char *at, uint64_t *value)
{
    *value = at != NULL && strncmp(at, SAVED, strlen(SAVED)) == 0;
    return *value != 0 ? at + strlen(SAVED) : at;
}

// Lengths of a file are never below 0. What is spelled otherwise is found by writing it again.
static bool parse(const char *text, struct tm__commit_record *r)
{
    static const char before[] = " before ";
    char again[TEXT_BYTES];
    uint64_t from, length;
    const char *at = number(text, "tidemill commits 1 life ", 16, &r->life);
    at = number(at, " begun ", 10, &r->begun);
    at = number(at, " done ", 10, &r->done);
    at = number(at, " from ", 10, &from);
    at = number(at, " length ", 10, &length);
    at = number(at, " new ", 10, &r->is_new);
    at = number(at, " inode ", 10, &r->inode);
    at = saved(at, &r->saved);
    while (at != NULL && strncmp(at, before, strlen(before)) == 0 &&
           r->before_count < TM__COMMIT_LIVES) {
        struct tm__commit_life *life = &r->before[r->before_count++];
        at = number(at, before, 16, &life->life);
        at = number(at, " ", 10, &life->begun);
        at = number(at, " ", 10, &life->done);
        at = saved(at, &life->saved);
    }
    if (at == NULL)
        return false;
    r->from = (int64_t)from;
    r->length = (int64_t)length;
    print(r, again);
    return strcmp(text, again) == 0;
}

static void remember(struct tm__commit_record *r)
{
    if (r->before_count == TM__COMMIT_LIVES)
        memmove(r->before, r->before + 1, --r->before_count * sizeof *r->before);
    r->before[r->before_count++] = (struct tm__commit_life){r->life, r->begun, r->done, r->saved};
}

// What lives have come to, and nothing else, is kept.
static void become(struct tm__commit_record *r, const struct tm__commit_life *life)
{
    struct tm__commit_record next = {
        .life = life->life, .begun = life->begun, .done = life->done, .saved = life->saved};
    next.before_count = r->before_count;
    memcpy(next.before, r->before, sizeof next.before);
    *r = next;
}

void tm__commit_record_renew(struct tm__commit_record *record, uint64_t life)
{
    if (record->life != 0)
        remember(record);
    become(record, &(struct tm__commit_life){.life = life});
}

bool tm__commit_record_rejoin(struct tm__commit_record *record, uint64_t life)
{
    uint32_t i = 0;
    while (i < record->before_count && record->before[i].life != life)
        i++;
    if (i == TM__COMMIT_LIVES)
        return false;
    struct tm__commit_life old = {.life = life}; // of one that has made nothing visible
    if (i < record->before_count) {
        old = record->before[i];
        memmove(record->before + i, record->before + i + 1,
                (record->before_count - i - 1) * sizeof *record->before);
        record->before_count--;
    }
    remember(record);
    become(record, &old);
    return true;
}

bool tm__commit_record_is_asked_for(const struct tm__commit_record *record)
{
    bool asked = record->saved != 0;
    for (uint32_t i = 0; i < record->before_count; i++)
        asked = asked || record->before[i].saved != 0;
    return asked;
}

int tm__commit_record_read(const struct tm_fx *fx, struct tm_mem *mem, const char *path,
                           struct tm__commit_record *record, bool *found, struct tm_error *err)
{
    char text[TEXT_BYTES];
    size_t size = 0;
    int64_t got = 1;
    (void)mem;
    *record = (struct tm__commit_record){0};
    int fd = fx->files->open(fx->ctx, path, TM_FILE_READ, err);
    *found = fd >= 0;
    if (fd == TM_E_NOT_FOUND) {
        if (err != NULL)
            tm_error_clear(err);
        return 0;
    }
    if (fd < 0)
        return fd;
    while (got > 0 && size < sizeof text - 1) {
        got = fx->files->read(fx->ctx, fd, text + size, sizeof text - 1 - size, err);
        size += got > 0 ? (size_t)got : 0;
    }
    (void)fx->files->close(fx->ctx, fd, NULL);
    text[size] = '\0';
    if (got < 0)
        return (int)got;
    if (parse(text, record))
        return 0;
    tm_error_set(err, TM_E_OUTPUT_CHANGED,
                 "the record of what has been committed, %s, is not as it was written", path);
    tm_error_hint(err, "put it back as it was; or begin anew, with all of the input: --fresh");
    return TM_E_OUTPUT_CHANGED;
}

int tm__commit_record_write(const struct tm_fx *fx, struct tm_mem *mem, const char *path,
                            const struct tm__commit_record *record, struct tm_error *err)
{
    char text[TEXT_BYTES];
    size_t bytes = strlen(path) + sizeof ".new", size = print(record, text);
    char *next = tm_mem_alloc(mem, bytes);
    if (next == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the name of %s", path);
    snprintf(next, bytes, "%s.new", path);
    int fd = fx->files->open(fx->ctx, next, TM_FILE_CREATE, err), rc = fd < 0 ? fd : 0;
    if (rc == 0) {
        rc = fx->files->write_all(fx->ctx, fd, text, size, NULL, err);
        rc = rc != 0 ? rc : fx->files->sync(fx->ctx, fd, err);
        int closed = fx->files->close(fx->ctx, fd, rc == 0 ? err : NULL);
        rc = rc != 0 ? rc : closed;
    }
    TM_KILL_POINT(record_written);
    rc = rc != 0 ? rc : fx->files->rename(fx->ctx, next, path, err);
    TM_KILL_POINT(record_renamed);
    rc = rc != 0 ? rc : tm__file_sync_folder(fx, path, err);
    tm_mem_free(mem, next, bytes);
    return rc;
}
