// The files of a source that follows them. A file is its device and inode: a rename changes nothing
// but its path, and as long as its descriptor is open nobody else can get its number. All of this
// is the helper thread's; subtasks learn of it by looks.
#include "connectors/file/follow.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/limits.h"

struct followed {
    bool used;
    bool is_given; // its subtask knows of it
    bool seen;     // by the look under way
    bool gone, gone_told;
    uint32_t subtask, after;
    uint64_t device, inode, born; // `born`: in the order in which they were found
    int fd;
    char *name; // where it was found
    char *path; // where it is, or was last
    const struct tm_file_resume *resume;
};

struct tm_follow {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    struct tm_executor *executor;
    char *path;
    uint32_t parallelism, capacity;
    struct followed *files;
    struct tm_follow_look *looks;
    int64_t looked_ns;
    uint64_t born;
    uint32_t *load;     // files of each subtask
    char notice[1024];  // to be told, once
    struct tm_buf lost; // the same: what a restore did not find again, a sentence behind the other
    size_t lost_told;
    bool packed_is_told; // that compressed files are not followed
};

uint32_t tm__follow_slots(void)
{
    return TM_SPLITS_OPEN;
}

static void free_text(struct tm_follow *follow, char *text)
{
    if (text != NULL)
        tm_mem_free(follow->mem, text, strlen(text) + 1);
}

static void release(struct tm_follow *follow, struct followed *file)
{
    if (file->fd >= 0)
        (void)follow->fx->files->close(follow->fx->ctx, file->fd, NULL); // it was only read
    free_text(follow, file->name);
    free_text(follow, file->path);
    follow->load[file->subtask]--;
    file->used = false;
}

// --- one look ------------------------------------------------------------------------------------

static bool is_same(const struct followed *file, const struct tm_file_listed *listed)
{
    if (file->device == 0 && file->inode == 0) // a world that cannot tell goes by the path
        return strcmp(file->path, listed->path) == 0;
    return file->device == listed->device && file->inode == listed->inode;
}

static struct followed *find(struct tm_follow *follow, const struct tm_file_listed *listed)
{
    for (uint32_t i = 0; i < follow->capacity; i++)
        if (follow->files[i].used && is_same(&follow->files[i], listed))
            return &follow->files[i];
    return NULL;
}

// The newest file that was last seen at this path.
static uint32_t predecessor(const struct tm_follow *follow, const char *path)
{
    uint32_t found = (uint32_t)TM_FOLLOW_NONE;
    for (uint32_t i = 0; i < follow->capacity; i++) {
        const struct followed *file = &follow->files[i];
        if (file->used && strcmp(file->path, path) == 0 &&
            (found == (uint32_t)TM_FOLLOW_NONE || file->born > follow->files[found].born))
            found = i;
    }
    return found;
}

static int too_many(const struct tm_follow *follow, struct tm_error *err)
{
    int rc = tm_error_set(err, TM_E_LIMIT, "%s means more than the %u files that can be followed",
                          follow->path, follow->capacity);
    tm_error_hint(err, "name fewer: a pattern for the files that still grow");
    return rc;
}

// The subtask of the file before it, so that the two are read one after the other; else the one
// that has fewest.
static uint32_t subtask_for(const struct tm_follow *follow, uint32_t after)
{
    uint32_t least = 0;
    if (after != (uint32_t)TM_FOLLOW_NONE &&
        follow->load[follow->files[after].subtask] < tm__follow_slots())
        return follow->files[after].subtask;
    for (uint32_t s = 1; s < follow->parallelism; s++)
        least = follow->load[s] < follow->load[least] ? s : least;
    return least;
}

static int put(struct tm_follow *follow, const struct tm_file_listed *listed, int fd,
               struct tm_error *err)
{
    uint32_t after = predecessor(follow, listed->path), subtask = subtask_for(follow, after), i = 0;
    while (i < follow->capacity && follow->files[i].used)
        i++;
    if (i == follow->capacity || follow->load[subtask] >= tm__follow_slots())
        return too_many(follow, err);
    struct followed *file = &follow->files[i];
    if (after != (uint32_t)TM_FOLLOW_NONE && follow->files[after].subtask != subtask)
        after = (uint32_t)TM_FOLLOW_NONE;
    *file = (struct followed){.used = true,
                              .seen = true,
                              .subtask = subtask,
                              .after = after,
                              .device = listed->device,
                              .inode = listed->inode,
                              .born = ++follow->born,
                              .fd = -1,
                              .name = tm_mem_strdup(follow->mem, listed->path),
                              .path = tm_mem_strdup(follow->mem, listed->path)};
    follow->load[subtask]++;
    if (file->name == NULL || file->path == NULL) {
        release(follow, file);
        return tm_error_set(err, TM_E_MEMORY, "out of memory for following %s", listed->path);
    }
    file->fd = fd;
    return 0;
}

// Open it, and look again at what was opened: the path may mean another file by now.
static int add(struct tm_follow *follow, const struct tm_file_listed *listed, struct tm_error *err)
{
    const struct tm_fx *fx = follow->fx;
    struct tm_file_info info;
    int fd = fx->files->open(fx->ctx, listed->path, TM_FILE_READ, err);
    if (fd == TM_E_NOT_FOUND)
        return 0;
    if (fd < 0)
        return fd;
    int rc = fx->files->stat_fd(fx->ctx, fd, &info, err);
    struct tm_file_listed opened = *listed;
    opened.device = info.device;
    opened.inode = info.inode;
    if (rc == 0 && find(follow, &opened) == NULL)
        rc = put(follow, &opened, fd, err);
    else if (rc == 0)
        rc = 1; // it is known, under another name
    if (rc != 0)
        (void)fx->files->close(fx->ctx, fd, NULL);
    return rc < 0 ? rc : 0;
}

static bool can_be_followed(struct tm_follow *follow, const struct tm_file_listed *listed)
{
    if (listed->packing != TM_FILE_PLAIN && !follow->packed_is_told) {
        follow->packed_is_told = true;
        snprintf(follow->notice, sizeof follow->notice,
                 "%.500s is compressed: files like it are not read while following, as they are "
                 "mostly made of files that were read already",
                 listed->path);
    }
    return listed->packing == TM_FILE_PLAIN && listed->is_regular;
}

static int take_list(struct tm_follow *follow, const struct tm_file_list *list,
                     struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < follow->capacity; i++)
        follow->files[i].seen = false;
    // First what is new, as long as the others' paths are those of before.
    for (uint32_t i = 0; rc == 0 && i < list->count; i++) {
        struct followed *known = find(follow, &list->files[i]);
        if (known != NULL)
            known->seen = true;
        else if (can_be_followed(follow, &list->files[i]))
            rc = add(follow, &list->files[i], err);
    }
    for (uint32_t i = 0; rc == 0 && i < list->count; i++) {
        struct followed *known = find(follow, &list->files[i]);
        if (known == NULL || strcmp(known->path, list->files[i].path) == 0)
            continue;
        char *path = tm_mem_strdup(follow->mem, list->files[i].path);
        if (path == NULL)
            return tm_error_set(err, TM_E_MEMORY, "out of memory for following %s", known->path);
        free_text(follow, known->path);
        known->path = path;
    }
    for (uint32_t i = 0; rc == 0 && i < follow->capacity; i++)
        follow->files[i].gone = !follow->files[i].seen;
    return rc;
}

static int look_around(struct tm_follow *follow, struct tm_error *err)
{
    struct tm_file_list list;
    tm__file_list_init(&list, follow->fx, follow->mem);
    list.forgiving = true;
    int rc = tm__file_list_fill(&list, follow->path, err);
    if (rc == 0 || rc == TM_E_NOT_FOUND)
        rc = take_list(follow, &list, err);
    tm__file_list_fini(&list);
    return rc;
}

static void tell(struct tm_follow_look *look, struct tm_follow_news news)
{
    look->news[look->news_count++] = news;
}

static void tell_of_files(struct tm_follow *follow, struct tm_follow_look *look)
{
    for (uint32_t i = 0; i < follow->capacity && look->news_count < TM_FOLLOW_NEWS; i++) {
        struct followed *file = &follow->files[i];
        if (!file->used || file->subtask != look->subtask)
            continue;
        if (!file->is_given) {
            file->is_given = true;
            tell(look, (struct tm_follow_news){.what = TM_FOLLOW_NEW,
                                               .file = i,
                                               .after = file->after,
                                               .fd = file->fd,
                                               .path = file->name});
        } else if (file->gone != file->gone_told) {
            file->gone_told = file->gone;
            tell(look, (struct tm_follow_news){.what = file->gone ? TM_FOLLOW_GONE : TM_FOLLOW_BACK,
                                               .file = i});
        }
    }
}

static void run(struct tm_work *work)
{
    struct tm_follow_look *look = (struct tm_follow_look *)work;
    struct tm_follow *follow = look->follow;
    int64_t now_ns = tm_fx_mono_ns(follow->fx);
    look->news_count = 0;
    look->code = 0;
    for (uint32_t i = 0; i < look->released_count; i++)
        release(follow, &follow->files[look->released[i]]);
    look->released_count = 0;
    // Subtasks look in turn: what one has just seen is good for the others.
    if (follow->looked_ns == 0 ||
        now_ns - follow->looked_ns >= TM_FOLLOW_POLL_MS * INT64_C(1000000) / 2) {
        look->code = look_around(follow, &look->err);
        follow->looked_ns = tm_fx_mono_ns(follow->fx);
    }
    if (follow->notice[0] != '\0') {
        snprintf(look->err.message, sizeof look->err.message, "%s", follow->notice);
        follow->notice[0] = '\0';
        tell(look, (struct tm_follow_news){.what = TM_FOLLOW_TOLD, .path = look->err.message});
    }
    // Each sentence is there until the next look.
    while (follow->lost_told < follow->lost.size_bytes && look->news_count < TM_FOLLOW_NEWS) {
        const char *text = (const char *)follow->lost.data + follow->lost_told;
        tell(look, (struct tm_follow_news){.what = TM_FOLLOW_TOLD, .path = text});
        follow->lost_told += strlen(text) + 1;
    }
    if (look->code == 0)
        tell_of_files(follow, look);
}

struct tm_follow_look *tm__follow_look_of(struct tm_follow *follow, uint32_t subtask)
{
    return &follow->looks[subtask];
}

void tm__follow_submit(struct tm_follow_look *look, struct tm_waker *waker)
{
    const struct tm_fx *fx = look->follow->fx;
    look->work.waker = waker;
    fx->threads->executor_submit(fx->ctx, look->follow->executor, &look->work);
}

// --- after a restore -----------------------------------------------------------------------------

struct search {
    const struct tm_fx *fx;
    const struct tm_file_identity *identity;
    char path[4096];
};

static int is_wanted(void *arg, const char *path)
{
    struct search *search = arg;
    struct tm_file_info info;
    if (search->path[0] == '\0' &&
        search->fx->files->stat(search->fx->ctx, path, &info, NULL) == 0 && info.is_regular &&
        info.device == search->identity->device && info.inode == search->identity->inode)
        snprintf(search->path, sizeof search->path, "%s", path);
    return 0;
}

// Where the file is by now: at its path, or under another name beside it, as those that rotate
// files leave them.
static const char *find_again(const struct tm_follow *follow, const struct tm__position *p,
                              struct search *search)
{
    const struct tm_fx *fx = follow->fx;
    const struct tm_file_identity *id = &p->resume.identity;
    struct tm_file_info info;
    char pattern[4096];
    const char *slash = strrchr(p->path, '/');
    *search = (struct search){.fx = fx, .identity = id};
    bool there = fx->files->stat(fx->ctx, p->path, &info, NULL) == 0;
    if ((there && info.device == id->device && info.inode == id->inode) ||
        (id->device == 0 && id->inode == 0))
        return p->path;
    int len = slash == NULL ? 0 : (int)(slash - p->path) + 1;
    snprintf(pattern, sizeof pattern, "%.*s*", len, p->path);
    if (strpbrk(pattern, "?[\\") == NULL && strchr(pattern, '*') == pattern + len)
        (void)fx->files->glob(fx->ctx, pattern, is_wanted, search, NULL);
    return search->path[0] != '\0' ? search->path : p->path;
}

__attribute__((format(printf, 2, 3))) static int lose(struct tm_follow *follow, const char *format,
                                                      ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tm_buf_append(&follow->lost, text, strlen(text) + 1);
}

// 1: it is the file; 0: it is not, which was told.
static int compare(struct tm_follow *follow, const struct tm__position *p, const char *path, int fd,
                   struct tm_file_info *info, struct tm_error *err)
{
    const struct tm_fx *fx = follow->fx;
    bool identical = true;
    int rc = fx->files->stat_fd(fx->ctx, fd, info, err);
    if (rc == 0)
        rc = tm__file_is_identical(fx, fd, &p->resume.identity, &identical, err);
    if (rc != 0)
        return rc;
    if (identical && info->size_bytes >= p->resume.offset)
        return 1;
    if (info->device == p->resume.identity.device && info->inode == p->resume.identity.inode)
        rc = lose(follow,
                  "%.600s was cut while the job was down: it had been read up to byte %" PRId64
                  ", and what was written behind that is lost; it is read again from its beginning",
                  path, p->resume.offset);
    else
        rc = lose(follow,
                  "%.600s has become another file while the job was down: the one before had been "
                  "read up to byte %" PRId64 ", and what was written behind that is lost",
                  path, p->resume.offset);
    return rc;
}

static int resume_file(struct tm_follow *follow, const struct tm__position *p, struct tm_error *err)
{
    const struct tm_fx *fx = follow->fx;
    struct search search;
    struct tm_file_info info;
    const char *path = find_again(follow, p, &search);
    int fd = fx->files->open(fx->ctx, path, TM_FILE_READ, err);
    if (fd == TM_E_NOT_FOUND) {
        tm_error_clear(err);
        return lose(follow,
                    "%.600s is gone: it had been read up to byte %" PRId64
                    ", and what was written behind that while the job was down is lost",
                    p->path, p->resume.offset);
    }
    if (fd < 0)
        return fd;
    int rc = compare(follow, p, path, fd, &info, err);
    struct tm_file_listed listed = {.path = (char *)(uintptr_t)p->path, // where it was known
                                    .device = info.device,
                                    .inode = info.inode};
    bool known = rc == 1 && find(follow, &listed) != NULL;
    if (rc != 1 || known || (rc = put(follow, &listed, fd, err)) != 0) {
        (void)fx->files->close(fx->ctx, fd, NULL);
        return rc < 0 ? rc : 0;
    }
    struct followed *file = find(follow, &listed);
    file->is_given = true;
    file->after = (uint32_t)TM_FOLLOW_NONE;
    file->resume = &p->resume;
    return 0;
}

int tm__follow_restore(struct tm_follow *follow, const struct tm__position *positions,
                       uint32_t count, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = resume_file(follow, &positions[i], err);
    return rc == TM_E_MEMORY ? tm_error_set(err, rc, "out of memory for following %s", follow->path)
                             : rc;
}

bool tm__follow_resumed(const struct tm_follow *follow, uint32_t subtask, uint32_t i,
                        struct tm_follow_news *news)
{
    for (uint32_t f = 0; f < follow->capacity; f++) {
        const struct followed *file = &follow->files[f];
        if (!file->used || file->subtask != subtask || file->resume == NULL || i-- != 0)
            continue;
        *news = (struct tm_follow_news){.what = TM_FOLLOW_NEW,
                                        .file = f,
                                        .after = (uint32_t)TM_FOLLOW_NONE,
                                        .fd = file->fd,
                                        .path = file->name,
                                        .resume = file->resume};
        return true;
    }
    return false;
}

// --- beginning and end ---------------------------------------------------------------------------

// Nothing is there yet: fine, if it can come.
static int wait_for_files(struct tm_follow *follow, struct tm_error *err)
{
    struct tm_file_info info;
    char folder[4096];
    const char *slash = strrchr(follow->path, '/');
    int len = slash == NULL ? 0 : (int)(slash - follow->path);
    snprintf(folder, sizeof folder, "%.*s", len, follow->path);
    bool is_fixed = strpbrk(folder, "*?[") == NULL;
    if (is_fixed && len != 0 && follow->fx->files->stat(follow->fx->ctx, folder, &info, NULL) != 0)
        return err->code;
    snprintf(follow->notice, sizeof follow->notice, "%.600s yet (%.300s): it is waited for",
             err->message, err->hint);
    tm_error_clear(err);
    return 0;
}

static int check_path(struct tm_follow *follow, struct tm_error *err)
{
    struct tm_file_list list;
    struct tm_error why = {0};
    tm__file_list_init(&list, follow->fx, follow->mem);
    int rc = tm__file_list_fill(&list, follow->path, &why);
    if (rc == TM_E_NOT_FOUND)
        rc = wait_for_files(follow, &why);
    if (rc == 0 && list.count == 1 && !list.is_open_ended &&
        (list.files[0].packing != TM_FILE_PLAIN || !list.files[0].is_regular)) {
        rc = tm_error_set(&why, TM_E_OPTION, "tm.file: %s cannot be followed: it is %s",
                          follow->path, list.files[0].is_regular ? "compressed" : "no plain file");
        tm_error_hint(&why, "leave follow out");
    }
    tm__file_list_fini(&list);
    if (rc != 0 && err != NULL)
        *err = why;
    return rc;
}

int tm__follow_new(const struct tm_fx *fx, struct tm_mem *mem, const char *path,
                   uint32_t parallelism, struct tm_follow **out, struct tm_error *err)
{
    struct tm_follow *follow = tm_mem_zalloc(mem, sizeof *follow);
    if (follow == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for following %s", path);
    follow->fx = fx;
    follow->mem = mem;
    follow->parallelism = parallelism;
    follow->capacity = parallelism * tm__follow_slots();
    tm_buf_init(&follow->lost, mem);
    follow->path = tm_mem_strdup(mem, path);
    follow->files = tm_mem_zalloc(mem, follow->capacity * sizeof *follow->files);
    follow->load = tm_mem_zalloc(mem, parallelism * sizeof *follow->load);
    follow->looks = tm_mem_zalloc(mem, parallelism * sizeof *follow->looks);
    bool ok = follow->path != NULL && follow->files != NULL && follow->load != NULL &&
              follow->looks != NULL;
    int rc = ok ? check_path(follow, err)
                : tm_error_set(err, TM_E_MEMORY, "out of memory for following %s", path);
    for (uint32_t s = 0; rc == 0 && s < parallelism; s++) {
        follow->looks[s].work.run = run;
        follow->looks[s].follow = follow;
        follow->looks[s].subtask = s;
    }
    if (rc == 0 &&
        (follow->executor = fx->threads->executor_new(fx->ctx, "tm-follow", err)) == NULL)
        rc = err != NULL && err->code != 0 ? err->code : TM_E_LIMIT;
    if (rc != 0) {
        tm__follow_free(follow);
        return rc;
    }
    *out = follow;
    return 0;
}

void tm__follow_free(struct tm_follow *follow)
{
    if (follow->executor != NULL)
        follow->fx->threads->executor_free(follow->fx->ctx, follow->executor);
    for (uint32_t i = 0; follow->files != NULL && i < follow->capacity; i++)
        if (follow->files[i].used)
            release(follow, &follow->files[i]);
    free_text(follow, follow->path);
    tm_buf_fini(&follow->lost);
    tm_mem_free(follow->mem, follow->files, follow->capacity * sizeof *follow->files);
    tm_mem_free(follow->mem, follow->load, follow->parallelism * sizeof *follow->load);
    tm_mem_free(follow->mem, follow->looks, follow->parallelism * sizeof *follow->looks);
    tm_mem_free(follow->mem, follow, sizeof *follow);
}
