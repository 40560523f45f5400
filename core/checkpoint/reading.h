// Reading files of a checkpoint, whatever little one read gives.
#pragma once

#include "core/base/buf.h"

enum { TM__FULL_PATH = 4096 };

// "folder/name" into path[TM__FULL_PATH]. TM_E_LIMIT: too long.
int tm__join(char *path, const char *folder, const char *name, struct tm_error *err) TM_WARN_UNUSED;
// Bytes of an open file. TM_E_CHECKPOINT where it ends before; `path` is for messages.
int tm__read_at(const struct tm_fx *fx, int fd, const char *path, uint64_t offset, void *bytes,
                size_t size, struct tm_error *err) TM_WARN_UNUSED;
// The same from where the last read ended.
int tm__read_on(const struct tm_fx *fx, int fd, const char *path, void *bytes, size_t size,
                struct tm_error *err) TM_WARN_UNUSED;
// A small file, all of it. TM_E_CHECKPOINT: it is longer than `max`.
int tm__read_file(const struct tm_fx *fx, const char *path, size_t max, struct tm_buf *out,
                  struct tm_error *err) TM_WARN_UNUSED;
