// `tidemill new`: a project whose job, data and settings are right from the start. The files are
// those of core/cli/project, embedded; the editor's types are lua/meta.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/cli/options.h"
#include "core/loop/real.h"
#include "core/vm/embedded.h"

#define PROJECT "core/cli/project/"
#define META "lua/meta/"

// Dots and folders are left out of the names in our tree, where they would be settings of ours.
static const struct {
    const char *from, *to;
} files[] = {
    {PROJECT "job.lua", "job.lua"},
    {PROJECT "orders.jsonl", "data/orders.jsonl"},
    {PROJECT "job_spec.lua", "spec/job_spec.lua"},
    {PROJECT "README.md", "README.md"},
    {PROJECT "luarc.json", ".luarc.json"},
    {PROJECT "luacheckrc", ".luacheckrc"},
    {PROJECT "gitignore", ".gitignore"},
};

enum { PATH_BYTES = 4096, NAME_BYTES_MAX = 100 };

struct project {
    struct tm_fx fx;
    const char *folder, *name; // its path and the last part of that
};

// The last part of a path, without slashes at its end.
static int check_name(struct project *project, char *path, struct tm_error *err)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        path[--length] = '\0';
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    bool good = isalpha((unsigned char)name[0]) && strlen(name) <= NAME_BYTES_MAX;
    for (const char *p = name; *p != '\0'; p++)
        good = good && (isalnum((unsigned char)*p) || strchr("_-.", *p) != NULL);
    project->folder = path;
    project->name = name;
    if (good)
        return 0;
    tm_error_set(err, TM_E_USAGE, "'%s' cannot be the name of a project", name);
    tm_error_hint(err, "a name begins with a letter; letters, digits, - _ . may follow, %d in all",
                  NAME_BYTES_MAX);
    return TM_E_USAGE;
}

static int count_entry(void *arg, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    *(int *)arg += strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    return 0;
}

static int count_entries(const struct project *project, const char *pattern, int *count,
                         struct tm_error *err)
{
    char path[PATH_BYTES];
    size_t used = 0;
    for (const char *p = project->folder; *p != '\0' && used + 8 < sizeof path; p++) {
        if (strchr("*?[\\", *p) != NULL) // the folder is itself, not a pattern
            path[used++] = '\\';
        path[used++] = *p;
    }
    snprintf(path + used, sizeof path - used, "/%s", pattern);
    return project->fx.files->glob(project->fx.ctx, path, count_entry, count, err);
}

// There is nothing of that name, or an empty folder.
static int check_free(const struct project *project, struct tm_error *err)
{
    struct tm_file_info info;
    int entries = 0;
    int rc = project->fx.files->stat(project->fx.ctx, project->folder, &info, err);
    if (rc == TM_E_NOT_FOUND)
        return 0;
    if (rc == 0 && info.is_directory) {
        rc = count_entries(project, "*", &entries, err);
        rc = rc != 0 ? rc : count_entries(project, ".*", &entries, err);
        if (rc == 0 && entries == 0)
            return 0;
    }
    if (rc != 0)
        return rc;
    tm_error_set(err, TM_E_EXISTS, "%s is there already%s", project->folder,
                 info.is_directory ? ", and is not empty" : ", and is no folder");
    tm_error_hint(
        err, "choose another name%s",
        info.is_directory ? "; `tidemill new --types FOLDER` writes the editor's types alone" : "");
    return TM_E_EXISTS;
}

static const struct tm_embedded *embedded(const char *name)
{
    for (const struct tm_embedded *e = tm_embedded_files; e->name != NULL; e++)
        if (strcmp(e->name, name) == 0)
            return e;
    return NULL;
}

static int write_text(const struct project *project, int fd, const char *text, size_t length,
                      struct tm_error *err)
{
    static const char mark[] = "@NAME@";
    const struct tm_fx *fx = &project->fx;
    int rc = 0;
    while (rc == 0 && length != 0) {
        const char *at = memmem(text, length, mark, sizeof mark - 1);
        size_t before = at == NULL ? length : (size_t)(at - text);
        rc = fx->files->write_all(fx->ctx, fd, text, before, NULL, err);
        text += before;
        length -= before;
        if (rc == 0 && at != NULL) {
            rc = fx->files->write_all(fx->ctx, fd, project->name, strlen(project->name), NULL, err);
            text += sizeof mark - 1;
            length -= sizeof mark - 1;
        }
    }
    return rc;
}

static int write_file(const struct project *project, const char *to, const struct tm_embedded *file,
                      struct tm_error *err)
{
    const struct tm_fx *fx = &project->fx;
    char path[PATH_BYTES];
    if (file == NULL)
        return tm_error_set(err, TM_E_INTERNAL, "%s is not in this binary", to);
    if ((size_t)snprintf(path, sizeof path, "%s/%s", project->folder, to) >= sizeof path)
        return tm_error_set(err, TM_E_LIMIT, "%s: the path is too long", project->folder);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int rc = fx->files->mkdirs(fx->ctx, path, err);
    *slash = '/';
    int fd = rc != 0 ? rc : fx->files->open(fx->ctx, path, TM_FILE_CREATE, err);
    if (fd < 0)
        return fd;
    rc = write_text(project, fd, file->text, file->length, err);
    struct tm_error ignored = {0};
    int closed = fx->files->close(fx->ctx, fd, rc == 0 ? err : &ignored);
    return rc != 0 ? rc : closed;
}

static int write_types(const struct project *project, struct tm_error *err)
{
    int rc = 0;
    for (const struct tm_embedded *e = tm_embedded_files; rc == 0 && e->name != NULL; e++) {
        char to[PATH_BYTES];
        if (strncmp(e->name, META, sizeof META - 1) != 0)
            continue;
        snprintf(to, sizeof to, ".tidemill/meta/%s", e->name + sizeof META - 1);
        rc = write_file(project, to, e, err);
    }
    return rc;
}

static int make(struct project *project, struct tm_error *err)
{
    int rc = check_free(project, err);
    for (size_t i = 0; rc == 0 && i < sizeof files / sizeof files[0]; i++)
        rc = write_file(project, files[i].to, embedded(files[i].from), err);
    return rc != 0 ? rc : write_types(project, err);
}

static int only_types(struct project *project, struct tm_error *err)
{
    struct tm_file_info info;
    int rc = project->fx.files->stat(project->fx.ctx, project->folder, &info, err);
    if (rc != 0 || !info.is_directory) {
        tm_error_set(err, TM_E_NOT_FOUND, "there is no folder %s", project->folder);
        tm_error_hint(err, "without --types it is made, with a job in it");
        return TM_E_NOT_FOUND;
    }
    return write_types(project, err);
}

static int run(struct project *project, const struct tm_cli_options *options, char *path,
               struct tm_error *err)
{
    int rc = tm_real_init(&project->fx, err);
    if (rc != 0)
        return rc;
    project->folder = project->name = path;
    if (options->types) {
        rc = only_types(project, err);
    } else {
        rc = check_name(project, path, err);
        rc = rc != 0 ? rc : make(project, err);
    }
    tm_real_fini(&project->fx);
    return rc;
}

int tm_cli_new(const struct tm_cli_options *options)
{
    struct project project;
    struct tm_error err = {0};
    char *path = strdup(options->file);
    int rc = path == NULL ? tm_error_set(&err, TM_E_MEMORY, "out of memory")
                          : run(&project, options, path, &err);
    if (rc == 0 && options->types)
        fprintf(options->out, "%s/.tidemill/meta: the types of tidemill %s\n", path, TM_VERSION);
    else if (rc == 0)
        fprintf(options->out,
                "%s is made. Next:\n  cd %s\n  tidemill check job.lua\n  tidemill run job.lua\n"
                "  tidemill test\n",
                path, path);
    free(path);
    if (rc == 0)
        return TM_EXIT_FINISHED;
    bool wrong_use = rc == TM_E_USAGE || rc == TM_E_EXISTS || rc == TM_E_NOT_FOUND;
    return tm_cli_fail(options, &err, wrong_use ? TM_EXIT_USAGE : TM_EXIT_FAILED);
}
