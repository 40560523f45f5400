// Folders: what is in one, removing one, and making its names outlast a crash.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/loop/real_private.h"

int tm__real_list(void *ctx, const char *path, int (*each)(void *arg, const char *name), void *arg,
                  struct tm_error *err)
{
    (void)ctx;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return tm__real_path_error(err, errno, "list", path);
    int rc = 0;
    const struct dirent *entry;
    while (errno = 0, rc == 0 && (entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = each(arg, entry->d_name);
    if (rc == 0 && errno != 0)
        rc = tm__real_path_error(err, errno, "list", path);
    closedir(folder);
    return rc;
}

int tm__real_remove_folder(void *ctx, const char *path, struct tm_error *err)
{
    (void)ctx;
    return rmdir(path) == 0 ? 0 : tm__real_path_error(err, errno, "remove the folder", path);
}

int tm__real_sync_folder(void *ctx, const char *path, struct tm_error *err)
{
    (void)ctx;
    int fd, rc;
    do
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return tm__real_path_error(err, errno, "open the folder", path);
    do
        rc = fsync(fd);
    while (rc != 0 && errno == EINTR);
    int errnum = errno;
    close(fd);
    // File systems that keep names in another way refuse it.
    if (rc != 0 && errnum != EINVAL && errnum != ENOTSUP)
        return tm__real_path_error(err, errnum, "sync the folder", path);
    return 0;
}
