// Sinks that would feed a source of their job: told by what files are, not by how they are called.
#include "connectors/file/circle.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "connectors/file/list.h"

enum { PATH_BYTES = 4096, DEPTH_MAX = 32 };

static bool follows(const struct tm_node *node)
{
    const struct tm_option_value *v = tm_options_get(&node->options, "follow");
    return v != NULL && (v->integer != 0 || (v->text != NULL && strcmp(v->text, "true") == 0));
}

static bool is_same(const struct tm_file_info *a, const struct tm_file_info *b)
{
    return a->device == b->device && a->inode == b->inode && (a->device != 0 || a->inode != 0);
}

int tm__file_circle_of_file(const struct tm_fx *fx, struct tm_mem *mem, const char *path,
                            const struct tm_node *node, bool *meant, struct tm_error *err)
{
    const char *source = tm_options_text(&node->options, "path");
    struct tm_file_info info;
    struct tm_file_list list;
    *meant = false;
    if (source == NULL || fx->files->stat(fx->ctx, path, &info, NULL) != 0)
        return 0;
    tm__file_list_init(&list, fx, mem);
    list.forgiving = true; // a source that follows may have nothing yet
    struct tm_error why = {0};
    int rc = tm__file_list_fill(&list, source, &why);
    for (uint32_t i = 0; rc == 0 && i < list.count; i++) {
        const struct tm_file_info read = {.device = list.files[i].device,
                                          .inode = list.files[i].inode};
        *meant = *meant || strcmp(list.files[i].path, path) == 0 || is_same(&read, &info);
    }
    tm__file_list_fini(&list);
    if (rc == TM_E_MEMORY && err != NULL)
        *err = why;
    return rc == TM_E_MEMORY ? rc : 0; // else the source itself says it
}

// Is `folder` in the one that is `above`, at any depth, or that one?
static bool is_in(const struct tm_fx *fx, const char *folder, const struct tm_file_info *above)
{
    char path[PATH_BYTES];
    struct tm_file_info info;
    size_t len = (size_t)snprintf(path, sizeof path, "%s", folder);
    for (int i = 0; i < DEPTH_MAX && len + 4 < sizeof path; i++) {
        if (fx->files->stat(fx->ctx, path, &info, NULL) != 0)
            return false;
        if (is_same(&info, above))
            return true;
        memcpy(path + len, "/..", 4);
        len += 3;
    }
    return false;
}

struct look {
    const struct tm_fx *fx;
    const char *folder;
    bool found;
};

static int look_at(void *arg, const char *path)
{
    struct look *look = arg;
    struct tm_file_info a, b;
    const struct tm_fx *fx = look->fx;
    look->found =
        look->found || (fx->files->stat(fx->ctx, path, &a, NULL) == 0 &&
                        fx->files->stat(fx->ctx, look->folder, &b, NULL) == 0 && is_same(&a, &b));
    return 0;
}

bool tm__file_circle_of_folder(const struct tm_fx *fx, const char *folder, const char *name,
                               const struct tm_node *node)
{
    const char *source = tm_options_text(&node->options, "path");
    struct tm_file_info info;
    if (source == NULL || !follows(node))
        return false; // what comes later is not read
    if (fx->files->stat(fx->ctx, source, &info, NULL) == 0)
        return info.is_directory && is_in(fx, folder, &info);
    const char *slash = strrchr(source, '/');
    if (fnmatch(slash == NULL ? source : slash + 1, name, FNM_PERIOD) != 0)
        return false;
    char pattern[PATH_BYTES];
    snprintf(pattern, sizeof pattern, "%.*s", slash == NULL ? 1 : (int)(slash - source) + 1,
             slash == NULL ? "." : source);
    struct look look = {.fx = fx, .folder = folder};
    (void)fx->files->glob(fx->ctx, pattern, look_at, &look, NULL);
    return look.found;
}
