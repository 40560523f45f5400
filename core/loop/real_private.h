// What the files of the real effects share.
#pragma once

#include "core/base/effects.h"

extern const struct tm_fx_files tm__real_files;     // real_files.c
extern const struct tm_fx_sockets tm__real_sockets; // real_sockets.c
extern const struct tm_fx_http tm__real_http;       // real_http.c
extern const struct tm_fx_threads tm__real_threads; // real_threads.c

// "cannot VERB PATH: why", with the code of `errnum`, which is returned.
int tm__real_path_error(struct tm_error *err, int errnum, const char *verb, const char *path);
// `fd`, or a copy of it above the standard descriptors; -1 and errno.
int tm__real_above_standard(int fd);
// From a watcher in the parker's loop: its owner is woken.
void tm__real_parker_rouse(struct tm_parker *parker);
// struct tm_fx_files, lock (real_lock.c).
int tm__real_lock(void *ctx, const char *path, bool create, int64_t *holder, struct tm_error *err);
// The same, folders (real_folders.c).
int tm__real_list(void *ctx, const char *path, int (*each)(void *arg, const char *name), void *arg,
                  struct tm_error *err);
int tm__real_remove_folder(void *ctx, const char *path, struct tm_error *err);
int tm__real_sync_folder(void *ctx, const char *path, struct tm_error *err);
