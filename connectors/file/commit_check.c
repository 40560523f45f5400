// Is what is there what the checkpoint was taken with? Asked before an output goes on from it, so
// that a "no" leaves all as it was.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connectors/file/commit_private.h"
#include "core/base/hash.h"

enum { READ_BYTES = 256 * 1024 };

static bool is_there(const struct tm__commits *c, const char *path, struct tm_file_info *info)
{
    return c->args.fx->files->stat(c->args.fx->ctx, path, info, NULL) == 0;
}

int tm__commits_missing(const struct tm__commits *c, const struct tm__prepared *p,
                        struct tm_error *err)
{
    bool cut =
        c->args.fx->files->stat(c->args.fx->ctx, p->staged, &(struct tm_file_info){0}, NULL) == 0;
    tm_error_set(err, TM_E_OUTPUT_CHANGED,
                 "%s is %s: it has rows that checkpoint %" PRIu64 " was taken with", p->staged,
                 cut                ? "not as long as it was"
                 : c->args.one_file ? "gone"
                                    : "gone, and so is the part that it becomes",
                 p->checkpoint);
    tm_error_hint(err, "put it back; or begin with an older checkpoint, --from, or anew, with all "
                       "of the input: --fresh");
    return TM_E_OUTPUT_CHANGED;
}

int tm__commits_foreign(const char *path, struct tm_error *err)
{
    tm_error_set(err, TM_E_OUTPUT_CHANGED,
                 "%s is there, and the job has not written it: its rows would be replaced or mixed",
                 path);
    tm_error_hint(err, "move it away; or, to keep it alone, begin anew with another output: "
                       "--fresh");
    return TM_E_OUTPUT_CHANGED;
}

// --- outputs that have another path now ----------------------------------------------------------

static bool is_part(const struct tm__prepared *p)
{
    return p->path[0] != '\0';
}

// What was to be appended to a file has been staged beside it: "dir/.NAME.OWNER-..." -> the length
// of "dir/.NAME.OWNER". 0: that is no such name.
static size_t stem_of(const struct tm__commits *c, const char *staged)
{
    char mark[sizeof c->owner + 2];
    snprintf(mark, sizeof mark, ".%s-", c->owner);
    const char *slash = strrchr(staged, '/'), *at = slash == NULL ? staged : slash, *found = NULL;
    while ((at = strstr(at, mark)) != NULL)
        found = at++;
    return found == NULL ? 0 : (size_t)(found - staged) + strlen(mark) - 1;
}

static bool is_elsewhere(const struct tm__commits *c, const struct tm__prepared *p)
{
    if (c->args.one_file == is_part(p))
        return true;
    size_t stem = stem_of(c, p->staged);
    return c->args.one_file && (strncmp(c->record_path, p->staged, stem) != 0 ||
                                strcmp(c->record_path + stem, ".committed") != 0);
}

// Has the output that it was prepared for got it?
static bool is_committed_there(const struct tm__commits *c, const struct tm__prepared *p)
{
    struct tm_file_info info;
    if (is_part(p))
        return !is_there(c, p->staged, &info) && is_there(c, p->path, &info);
    struct tm__commit_record record;
    bool found = false;
    char path[strlen(p->staged) + sizeof ".committed"];
    snprintf(path, sizeof path, "%.*s.committed", (int)stem_of(c, p->staged), p->staged);
    return tm__commit_record_read(c->args.fx, c->args.mem, path, &record, &found, NULL) == 0 &&
           found && record.life == c->record.life && record.done >= p->checkpoint;
}

static int not_there_yet(const struct tm__commits *c, const struct tm__prepared *p,
                         struct tm_error *err)
{
    tm_error_set(err, TM_E_OUTPUT_CHANGED,
                 "%s has rows of checkpoint %" PRIu64 " that are not in the output that the job "
                 "had then, and %s is another one",
                 p->staged, p->checkpoint, c->path);
    tm_error_hint(err, "begin once with the path that it had, and stop the job: then all is there; "
                       "or begin anew, with all of the input: --fresh");
    return TM_E_OUTPUT_CHANGED;
}

static int drop_elsewhere(struct tm__commits *c, struct tm_error *err)
{
    for (struct tm__prepared **link = &c->pending; *link != NULL;) {
        struct tm__prepared *p = *link;
        if (!is_elsewhere(c, p)) {
            link = &p->next;
            continue;
        }
        if (!is_committed_there(c, p))
            return not_there_yet(c, p, err);
        *link = p->next;
        tm__prepared_free(c->args.mem, p);
    }
    return 0;
}

// --- bytes ---------------------------------------------------------------------------------------

static int read_hash(const struct tm__commits *c, int fd, uint8_t *bytes, uint64_t *hash,
                     struct tm_error *err)
{
    const struct tm_fx *fx = c->args.fx;
    XXH64_state_t state;
    int64_t got;
    (void)XXH64_reset(&state, 0);
    while ((got = fx->files->read(fx->ctx, fd, bytes, READ_BYTES, err)) > 0)
        (void)XXH64_update(&state, bytes, (size_t)got);
    *hash = XXH64_digest(&state);
    return (int)got;
}

// Rows of a checkpoint are as they were written, or it is not begun with.
static int check_bytes(const struct tm__commits *c, const struct tm__prepared *p, const char *path,
                       struct tm_error *err)
{
    const struct tm_fx *fx = c->args.fx;
    uint64_t hash = 0;
    int fd = fx->files->open(fx->ctx, path, TM_FILE_READ, err);
    if (fd < 0)
        return fd;
    uint8_t *bytes = tm_mem_alloc(c->args.mem, READ_BYTES);
    int rc = bytes == NULL ? tm_error_set(err, TM_E_MEMORY, "out of memory for %s", path)
                           : read_hash(c, fd, bytes, &hash, err);
    tm_mem_free(c->args.mem, bytes, READ_BYTES);
    (void)fx->files->close(fx->ctx, fd, NULL); // it was only read
    if (rc != 0 || hash == p->hash)
        return rc;
    tm_error_set(err, TM_E_OUTPUT_CHANGED,
                 "%s is not what was written: it has rows that checkpoint %" PRIu64
                 " was taken with",
                 path, p->checkpoint);
    tm_error_hint(err, "put it back as it was; or begin with an older checkpoint, --from, or anew, "
                       "with all of the input: --fresh");
    return TM_E_OUTPUT_CHANGED;
}

// --- what is beside the output, and the output ---------------------------------------------------

// It has gone, or only a part of it has come back; the savepoint that is begun with has it.
static int check_kept(const struct tm__commits *c, struct tm__prepared *p, struct tm_error *err)
{
    p->comes_back = true;
    return check_bytes(c, p, p->kept, err);
}

static int check_part(const struct tm__commits *c, struct tm__prepared *p, struct tm_error *err)
{
    struct tm_file_info info;
    bool staged = is_there(c, p->staged, &info);
    if (staged && (uint64_t)info.size_bytes != p->size_bytes)
        return p->kept != NULL ? check_kept(c, p, err) : tm__commits_missing(c, p, err);
    bool there = is_there(c, p->path, &info);
    if (staged && there && !c->args.replace)
        return tm__commits_foreign(p->path, err);
    // Renamed before, and by now perhaps moved on by whoever reads the folder: both are gone then.
    bool again = c->record.begun >= p->checkpoint;
    if (staged)
        return check_bytes(c, p, p->staged, err);
    if (there || again)
        return 0;
    return p->kept != NULL ? check_kept(c, p, err) : tm__commits_missing(c, p, err);
}

// A commit was cut short behind the rename of the new file, which has all of its rows then.
static bool is_named(const struct tm__commits *c)
{
    struct tm_file_info info;
    int64_t size = 0;
    if (c->record.is_new == 0 || c->record.begun <= c->record.done || !tm__commits_is_renamed(c))
        return false;
    for (const struct tm__prepared *p = c->pending; p != NULL; p = p->next)
        if (p->checkpoint <= c->record.begun)
            size += (int64_t)(p->size_bytes - (size != 0 ? p->head_bytes : 0));
    return is_there(c, c->path, &info) && info.size_bytes >= size;
}

static int check_piece(const struct tm__commits *c, struct tm__prepared *p, struct tm_error *err)
{
    struct tm_file_info info;
    if (c->record.begun >= p->checkpoint && is_named(c))
        return 0;
    if (!is_there(c, p->staged, &info) || (uint64_t)info.size_bytes != p->size_bytes)
        return p->kept != NULL ? check_kept(c, p, err) : tm__commits_missing(c, p, err);
    return check_bytes(c, p, p->staged, err);
}

// Of one file that the job was to make: somebody else has.
static bool is_foreign(const struct tm__commits *c)
{
    struct tm_file_info info;
    if (!c->args.one_file || c->args.append || c->args.replace || !is_there(c, c->path, &info))
        return false;
    return c->record.begun == 0 ||
           (c->record.begun > c->record.done && c->record.is_new != 0 && !is_named(c));
}

// What the one file has of this job cannot have become less; what others have put behind it can be
// there.
static int check_length(const struct tm__commits *c, struct tm_error *err)
{
    struct tm_file_info info = {0};
    bool open = c->record.begun > c->record.done;
    if (!c->args.one_file || (open && c->record.is_new != 0))
        return 0;
    int64_t least = open ? c->record.from : c->record.length;
    bool there = is_there(c, c->path, &info);
    if (least == 0 || (there && info.size_bytes >= least))
        return 0;
    if (there)
        tm_error_set(err, TM_E_OUTPUT_CHANGED,
                     "%s has been cut: it has %" PRId64 " bytes, and had %" PRId64
                     " with the rows that the job has made visible",
                     c->path, info.size_bytes, least);
    else
        tm_error_set(err, TM_E_OUTPUT_CHANGED,
                     "%s is gone: it had %" PRId64
                     " bytes with the rows that the job has made visible",
                     c->path, least);
    tm_error_hint(err,
                  there ? "put it back as it was; or, to go on behind what is left of it: "
                          "if_exists = \"append\" and --drop-state with the sink's name; or begin "
                          "anew: --fresh"
                        : "put it back; or, where it was taken away on purpose, go on without it: "
                          "--drop-state with the sink's name; or begin anew: --fresh");
    return TM_E_OUTPUT_CHANGED;
}

int tm__commits_check(struct tm__commits *c, struct tm_error *err)
{
    int rc = drop_elsewhere(c, err);
    if (rc == 0 && is_foreign(c))
        rc = tm__commits_foreign(c->path, err);
    if (rc == 0)
        rc = check_length(c, err);
    for (struct tm__prepared *p = c->pending; rc == 0 && p != NULL; p = p->next)
        rc = is_part(p) ? check_part(c, p, err) : check_piece(c, p, err);
    return rc;
}
