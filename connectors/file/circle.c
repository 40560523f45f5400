// Sinks that would feed a source of their job: told by what files are, not by how they are called.
#include "connectors/file/circle.h"

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

// Could a name that begins and ends so, with anything in between, match this part of a pattern?
// What stands in front of its first wildcard and behind its last must not differ.
static bool may_match(const char *pattern, size_t length, const char *begin, size_t begin_length,
                      const char *end)
{
    size_t head = 0, tail = 0, end_length = strlen(end);
    while (head < length && strchr("*?[\\", pattern[head]) == NULL)
        head++;
    if (head < length) // else all of it is literal, and compared from both sides
        while (tail < length && strchr("*?]", pattern[length - 1 - tail]) == NULL)
            tail++;
    else
        tail = length;
    size_t first = head < begin_length ? head : begin_length;
    size_t last = tail < end_length ? tail : end_length;
    return memcmp(pattern, begin, first) == 0 && (head < length || length >= begin_length) &&
           memcmp(pattern + length - last, end + end_length - last, last) == 0;
}

// The column of a level of folders, "country" of "country=FR": from 0. NULL: there are not so many.
static const char *column_of(const char *columns, uint32_t level, size_t *length)
{
    for (; columns != NULL && level > 0; level--) {
        columns = strchr(columns, '\n');
        columns = columns == NULL ? NULL : columns + 1;
    }
    *length = columns == NULL ? 0 : strcspn(columns, "\n");
    return columns;
}

// Is this part of a path one that a folder of the column's values may have?
static bool may_be_level(const char *part, size_t length, const char *columns, uint32_t level)
{
    char begin[PATH_BYTES];
    size_t column_length;
    const char *column = column_of(columns, level, &column_length);
    int n = snprintf(begin, sizeof begin, "%.*s=", (int)column_length, column);
    return may_match(part, length, begin, (size_t)n, "");
}

// Takes the last part off a path; its length without the slash, *part where it begins.
static size_t take_part(const char *path, size_t *length, const char **part)
{
    size_t end = *length, begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    *part = path + begin;
    *length = begin > 1 ? begin - 1 : begin; // "/" stays
    return end - begin;
}

// Is the folder `source` one of the levels below `folder`, or might it come to be one?
static bool is_level(const struct tm_fx *fx, const char *source, const char *folder,
                     const char *columns, uint32_t depth)
{
    char path[PATH_BYTES], above[PATH_BYTES];
    struct tm_file_info info, wanted;
    if (fx->files->resolve(fx->ctx, source, path, sizeof path, NULL) != 0 ||
        fx->files->stat(fx->ctx, folder, &wanted, NULL) != 0)
        return false;
    for (uint32_t levels = 1; levels <= depth; levels++) {
        size_t length = strlen(path);
        bool matches = true;
        for (uint32_t level = levels; level > 0; level--) {
            const char *part;
            size_t size = take_part(path, &length, &part);
            matches = matches && may_be_level(part, size, columns, level - 1);
        }
        snprintf(above, sizeof above, "%.*s", (int)length, path);
        if (matches && fx->files->stat(fx->ctx, above, &info, NULL) == 0 && is_same(&info, &wanted))
            return true;
    }
    return false;
}

bool tm__file_circle_of_folder(const struct tm_fx *fx, const char *folder, const char *columns,
                               const char *suffix, const struct tm_node *node)
{
    const char *source = tm_options_text(&node->options, "path"), *part;
    struct tm_file_info info;
    char pattern[PATH_BYTES];
    size_t unused;
    uint32_t depth = 0;
    if (source == NULL || !follows(node))
        return false; // what comes later is not read
    while (column_of(columns, depth, &unused) != NULL)
        depth++;
    if (fx->files->stat(fx->ctx, source, &info, NULL) == 0)
        return info.is_directory &&
               (is_in(fx, folder, &info) || is_level(fx, source, folder, columns, depth));
    size_t length = strlen(source), size = take_part(source, &length, &part);
    if (!may_match(part, size, "part-", strlen("part-"), suffix))
        return false;
    for (uint32_t level = depth; level > 0; level--) {
        size = take_part(source, &length, &part);
        if (size == 0 || !may_be_level(part, size, columns, level - 1))
            return false;
    }
    snprintf(pattern, sizeof pattern, "%.*s", length == 0 ? 1 : (int)length,
             length == 0 ? "." : source);
    struct look look = {.fx = fx, .folder = folder};
    (void)fx->files->glob(fx->ctx, pattern, look_at, &look, NULL);
    return look.found;
}
