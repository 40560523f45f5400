// There is no checkpoint where one was looked for: what is there instead, for the message.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/checkpoint/restored_parts.h"
#include "core/checkpoint/store_parts.h"

enum { NAMES_MAX = 128, SHOWN_MAX = 5 };

struct names {
    const struct tm_fx *fx;
    const char *folder;
    bool kept_only; // checkpoints and folders of jobs alone
    uint32_t count, more;
    const char *sorted[NAMES_MAX];
    char texts[NAMES_MAX][TM_NAME_MAX + 1];
};

static bool has(const struct tm_fx *fx, const char *folder, const char *name, const char *file)
{
    char path[TM__FULL_PATH], whole[TM__FULL_PATH];
    struct tm_file_info info;
    return tm__join(path, folder, name, NULL) == 0 && tm__join(whole, path, file, NULL) == 0 &&
           fx->files->stat(fx->ctx, whole, &info, NULL) == 0;
}

static int add_name(void *arg, const char *name)
{
    struct names *names = arg;
    if (names->kept_only && !has(names->fx, names->folder, name, "MANIFEST") &&
        !has(names->fx, names->folder, name, "LATEST"))
        return 0;
    if (names->count == NAMES_MAX || strlen(name) > TM_NAME_MAX) {
        names->more++;
        return 0;
    }
    strcpy(names->texts[names->count], name);
    names->sorted[names->count] = names->texts[names->count];
    names->count++;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strverscmp(*(const char *const *)a, *(const char *const *)b); // chk-9 before chk-10
}

// False: it is no folder, or cannot be looked into.
static bool look(struct names *names, const struct tm_fx *fx, const char *folder, bool kept_only)
{
    *names = (struct names){.fx = fx, .folder = folder, .kept_only = kept_only};
    if (fx->files->list(fx->ctx, folder, add_name, names, NULL) != 0)
        return false;
    qsort(names->sorted, names->count, sizeof *names->sorted, by_name);
    return true;
}

// "chk-1, chk-2 and 3 more"
static void join(const struct names *names, char *text, size_t size)
{
    uint32_t shown = names->count < SHOWN_MAX ? names->count : SHOWN_MAX;
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < shown && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ", ",
                                 names->sorted[i]);
    uint32_t rest = names->count - shown + names->more;
    if (rest != 0 && used < size)
        snprintf(text + used, size - used, " and %u more", rest);
}

#define WHERE_THEY_ARE "a job has its checkpoints in .tidemill/JOB"

static void say_inside(struct names *names, const struct tm_fx *fx, const char *folder,
                       struct tm_error *err)
{
    char text[SHOWN_MAX * (TM_NAME_MAX + 2) + 32];
    bool kept = look(names, fx, folder, true) && names->count != 0;
    if (!kept)
        (void)look(names, fx, folder, false);
    join(names, text, sizeof text);
    if (kept)
        tm_error_hint(err, "%s has %s: say which, for example %s/%s", folder, text, folder,
                      names->sorted[names->count - 1]);
    else if (names->count == 0)
        tm_error_hint(err, "%s is empty; " WHERE_THEY_ARE, folder);
    else
        tm_error_hint(err, "%s has %s, and no folder with a MANIFEST; " WHERE_THEY_ARE, folder,
                      text);
}

// The path is not there: what is beside it.
static void say_beside(struct names *names, const struct tm_fx *fx, const char *path,
                       struct tm_error *err)
{
    char folder[TM__FULL_PATH];
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    snprintf(folder, sizeof folder, "%.*s",
             slash == NULL   ? 1
             : slash == path ? 1
                             : (int)(slash - path),
             slash == NULL ? "." : path);
    if (!look(names, fx, folder, true)) {
        tm_error_hint(err, "there is no folder %s either; " WHERE_THEY_ARE, folder);
        return;
    }
    const char *near = tm__checkpoint_of_name(name, "") != 0 // no number is nearer than another
                           ? NULL
                           : tm_text_nearest(name, names->sorted, names->count);
    if (near != NULL && slash == NULL)
        tm_error_hint(err, "did you mean %s?", near);
    else if (near != NULL)
        tm_error_hint(err, "did you mean %s/%s?", strcmp(folder, "/") == 0 ? "" : folder, near);
    else
        say_inside(names, fx, folder, err);
}

int tm__checkpoint_missing(struct tm_mem *mem, const struct tm_fx *fx, const char *path,
                           struct tm_error *err)
{
    struct tm_file_info info;
    bool there = fx->files->stat(fx->ctx, path, &info, NULL) == 0;
    int rc = tm_error_set(err, TM_E_CHECKPOINT_MISSING, "there is no checkpoint %s%s",
                          there && info.is_directory ? "in " : "", path);
    struct names *names = tm_mem_zalloc(mem, sizeof *names);
    if (names == NULL)
        return rc;
    if (there && !info.is_directory)
        tm_error_hint(err, "it is a file: name the folder of a checkpoint, or that of a job");
    else if (there)
        say_inside(names, fx, path, err);
    else
        say_beside(names, fx, path, err);
    tm_mem_free(mem, names, sizeof *names);
    return rc;
}
