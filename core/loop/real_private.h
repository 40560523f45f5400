// What the files of the real effects share.
#pragma once

#include "core/base/effects.h"

extern const struct tm_fx_files tm__real_files;     // real_files.c
extern const struct tm_fx_threads tm__real_threads; // real_threads.c

// "cannot VERB PATH: why", with the code of `errnum`, which is returned.
int tm__real_path_error(struct tm_error *err, int errnum, const char *verb, const char *path);
// `fd`, or a copy of it above the standard descriptors; -1 and errno.
int tm__real_above_standard(int fd);
// struct tm_fx_files, lock (real_lock.c).
int tm__real_lock(void *ctx, const char *path, bool create, int64_t *holder, struct tm_error *err);
