// The file LATEST: which checkpoint is the newest. "chk-12", a checksum of that, and a line's end:
// a changed number is not another checkpoint.
//
// What it is to say is written beside it first, under a name that is this process's, and then the
// process looks whether the folder is still its own. Whoever takes the folder over says so in LOCK,
// and removes what lies beside LATEST before it reads that. So of a process that sleeps behind the
// look the rename either has been seen, or finds nothing to rename.
#include <stdio.h>

#include "core/base/hash.h"
#include "core/base/kill_point.h"
#include "core/base/planted.h"
#include "core/checkpoint/store_parts.h"

enum { LATEST_BYTES = 64 };

static void text_of(uint64_t checkpoint, char text[LATEST_BYTES])
{
    int n = snprintf(text, LATEST_BYTES, "chk-%llu", (unsigned long long)checkpoint);
    snprintf(text + n, LATEST_BYTES - (size_t)n, " %016llx\n",
             (unsigned long long)tm_hash_bytes(text, (size_t)n));
}

static int damaged(const char *path, struct tm_error *err)
{
    int rc = tm_error_set(err, TM_E_CHECKPOINT, "%s is damaged: it names no checkpoint", path);
    tm_error_hint(err, "look at what is there (tidemill checkpoint show); without this file the "
                       "checkpoint of the highest number is the newest");
    return rc;
}

static int parse(const char *path, const struct tm_buf *buf, uint64_t *checkpoint,
                 struct tm_error *err)
{
    char name[LATEST_BYTES] = "", expected[LATEST_BYTES];
    const uint8_t *space = buf->size_bytes != 0 ? memchr(buf->data, ' ', buf->size_bytes) : NULL;
    size_t length = space != NULL ? (size_t)(space - buf->data) : 0;
    if (length < sizeof name)
        memcpy(name, buf->data, length);
    uint64_t found = tm__checkpoint_of_name(name, "");
    if (found == 0)
        return damaged(path, err);
    text_of(found, expected);
    if (strlen(expected) != buf->size_bytes || memcmp(expected, buf->data, buf->size_bytes) != 0)
        return damaged(path, err);
    *checkpoint = found;
    return 0;
}

int tm__latest_read(const struct tm_fx *fx, struct tm_mem *mem, const char *folder,
                    uint64_t *checkpoint, struct tm_error *err)
{
    char path[TM__FULL_PATH];
    struct tm_buf buf;
    *checkpoint = 0;
    int rc = tm__join(path, folder, "LATEST", err);
    if (rc != 0)
        return rc;
    tm_buf_init(&buf, mem);
    rc = tm__read_file(fx, path, 4096, &buf, err);
    if (rc == 0)
        rc = parse(path, &buf, checkpoint, err);
    else if (rc == TM_E_NOT_FOUND) {
        if (err != NULL)
            tm_error_clear(err);
        rc = 0;
    }
    tm_buf_fini(&buf);
    return rc;
}

static int remove_latest(const struct tm_fx *fx, const char *path, bool *begun,
                         struct tm_error *err)
{
    struct tm_file_info info;
    *begun = true;
    int rc = fx->files->stat(fx->ctx, path, &info, NULL) == 0
                 ? fx->files->unlink(fx->ctx, path, err)
                 : 0;
    return rc == 0 ? tm__sync_parent(fx, path, err) : rc;
}

static int path_of(const struct tm_store *store, bool temporary, char path[TM__FULL_PATH],
                   struct tm_error *err)
{
    char name[LATEST_BYTES];
    snprintf(name, sizeof name, temporary ? "LATEST.%.8s.tmp" : "LATEST", store->owner);
    return tm__join(path, store->folder, name, err);
}

bool tm__is_latest_under_way(const char *name)
{
    size_t length = strlen(name);
    return strncmp(name, "LATEST.", 7) == 0 && strcmp(name + length - 4, ".tmp") == 0;
}

int tm__latest_prepare(const struct tm_store *store, uint64_t checkpoint, struct tm_error *err)
{
    char temporary[TM__FULL_PATH], text[LATEST_BYTES];
    int rc = checkpoint == 0 ? 0 : path_of(store, true, temporary, err);
    if (rc != 0 || checkpoint == 0)
        return rc;
    text_of(checkpoint, text);
    rc = tm__write_file(store->fx, temporary, text, strlen(text), err);
    if (rc == 0)
        TM_KILL_POINT(latest_written);
    return rc;
}

int tm__latest_set(const struct tm_store *store, uint64_t checkpoint, bool *begun,
                   struct tm_error *err)
{
    const struct tm_fx *fx = store->fx;
    char path[TM__FULL_PATH], temporary[TM__FULL_PATH];
    *begun = false;
    int rc = path_of(store, false, path, err);
    if (rc == 0)
        rc = path_of(store, true, temporary, err);
    if (rc != 0)
        return rc;
    if (checkpoint == 0)
        return remove_latest(fx, path, begun, err);
    *begun = true;
    rc = fx->files->rename(fx->ctx, temporary, path, err);
    TM_KILL_POINT(latest_renamed);
    if (TM_PLANTED(commit_before_durable))
        return rc;
    return rc == 0 ? tm__sync_parent(fx, path, err) : rc;
}
