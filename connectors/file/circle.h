// Does a source read what a sink of the same job writes? It would read its own rows, without end.
#pragma once

#include "core/base/effects.h"
#include "core/base/mem.h"
#include "core/graph/graph.h"

// The file at `path`, which is there and is appended to: is it one that the source `node` (of
// tm.file) means? In *meant; TM_E_MEMORY.
int tm__file_circle_of_file(const struct tm_fx *fx, struct tm_mem *mem, const char *path,
                            const struct tm_node *node, bool *meant,
                            struct tm_error *err) TM_WARN_UNUSED;
// The folder at `folder`, in which files part-*SUFFIX get their names while the job runs, in
// folders COLUMN=VALUE for each of `columns` (lines; NULL: none): does the source follow it, a part
// of it, or a pattern that may match one of them?
bool tm__file_circle_of_folder(const struct tm_fx *fx, const char *folder, const char *columns,
                               const char *suffix, const struct tm_node *node);
