// The folder in which running jobs are found.
#include "core/cli/places.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int name_folder(char path[TM_PLACES_PATH])
{
    const char *given = getenv("XDG_RUNTIME_DIR");
    char system[64];
    unsigned user = (unsigned)getuid();
    snprintf(system, sizeof system, "/run/user/%u", user);
    if (given != NULL && given[0] == '/' && is_folder(given))
        return snprintf(path, TM_PLACES_PATH, "%s/tidemill", given);
    if (access(system, W_OK) == 0)
        return snprintf(path, TM_PLACES_PATH, "%s/tidemill", system);
    return snprintf(path, TM_PLACES_PATH, "/tmp/tidemill-%u", user);
}

// Others could put sockets there that look like jobs, or take those of this user away.
static int check(const char *path, struct tm_error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return tm_error_set_errno(err, errno == ENOENT ? TM_E_NOT_FOUND : TM_E_IO, errno,
                                  "cannot look at %s", path);
    if (S_ISDIR(info.st_mode) && info.st_uid == getuid() && (info.st_mode & 077) == 0)
        return 0;
    tm_error_set(err, TM_E_PERMISSION,
                 !S_ISDIR(info.st_mode)    ? "%s is no folder"
                 : info.st_uid != getuid() ? "%s belongs to another user"
                                           : "others may look into %s",
                 path);
    tm_error_hint(err, "running jobs are found there: it must be a folder of yours with mode 0700, "
                       "or set XDG_RUNTIME_DIR to a folder of yours");
    return TM_E_PERMISSION;
}

int tm_places_folder(bool make, char path[TM_PLACES_PATH], struct tm_error *err)
{
    int n = name_folder(path);
    if (n < 0 || n >= TM_PLACES_PATH)
        return tm_error_set(err, TM_E_LIMIT, "XDG_RUNTIME_DIR is too long");
    if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
        return tm_error_set_errno(err, TM_E_IO, errno, "cannot make the folder %s", path);
    return check(path, err);
}

int tm_places_name(const char *folder, int64_t pid, char path[TM_PLACES_PATH], struct tm_error *err)
{
    int n = snprintf(path, TM_PLACES_PATH, "%s/%lld", folder, (long long)pid);
    return n > 0 && n < TM_PLACES_PATH
               ? 0
               : tm_error_set(err, TM_E_LIMIT, "the path is too long: %s", folder);
}

void tm_places_forget(const char *places, const char *folder)
{
    char whole[PATH_MAX], socket[PATH_MAX + 32], target[PATH_MAX + 32];
    DIR *entries = realpath(folder, whole) == NULL ? NULL : opendir(places);
    if (entries == NULL)
        return;
    size_t length = (size_t)snprintf(socket, sizeof socket, "%s/" TM_PLACES_SOCKET, whole);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        ssize_t n = readlinkat(dirfd(entries), entry->d_name, target, sizeof target);
        if (n > 0 && (size_t)n == length && memcmp(target, socket, length) == 0)
            (void)unlinkat(dirfd(entries), entry->d_name, 0);
    }
    closedir(entries);
}

int tm_places_link(const char *entry, const char *socket, struct tm_error *err)
{
    char whole[PATH_MAX];
    if (realpath(socket, whole) == NULL)
        return tm_error_set_errno(err, TM_E_IO, errno, "cannot find %s", socket);
    (void)unlink(entry); // of a process that had this number
    if (symlink(whole, entry) == 0)
        return 0;
    return tm_error_set_errno(err, TM_E_IO, errno, "cannot make %s", entry);
}
