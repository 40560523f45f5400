// What an output has put into the folder of a savepoint, as a list there: FOLDER/staged-HASH.list,
// a line for each copy and one with a checksum of all. By it the copies can be checked without the
// job.
#pragma once

#include "core/base/buf.h"
#include "core/base/effects.h"

int tm__kept_list_add(struct tm_buf *list, const char *name, uint64_t size_bytes,
                      uint64_t hash) TM_WARN_UNUSED; // TM_E_MEMORY
// Durable but for its name; none for an empty list. `output` tells outputs apart.
int tm__kept_list_write(const struct tm_fx *fx, struct tm_buf *list, const char *folder,
                        const char *output, struct tm_error *err) TM_WARN_UNUSED;
// All copies that the lists in the folder name are there and as they were written; their number and
// size are added. TM_E_CHECKPOINT says which is not.
int tm__kept_lists_verify(const struct tm_fx *fx, struct tm_mem *mem, const char *folder,
                          uint32_t *files, uint64_t *bytes, struct tm_error *err) TM_WARN_UNUSED;
