// Where running jobs are found: a folder of the user, with an entry for each process that runs one.
// An entry is the job's socket, or a symbolic link to it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"

enum { TM_PLACES_PATH = 4096 };
#define TM_PLACES_SOCKET "control" // the socket's name in the folder of a job's checkpoints

// $XDG_RUNTIME_DIR/tidemill, else /run/user/UID/tidemill, else /tmp/tidemill-UID: the first whose
// parent is there and that is this user's alone. With `make` it is made. Not there: TM_E_NOT_FOUND.
// TM_E_PERMISSION: somebody else has made it, or others may look into it.
int tm_places_folder(bool make, char path[TM_PLACES_PATH], struct tm_error *err) TM_WARN_UNUSED;
// The process's own entry in there: its number.
int tm_places_name(const char *folder, int64_t pid, char path[TM_PLACES_PATH],
                   struct tm_error *err) TM_WARN_UNUSED;
// Removes entries that lead to the socket of the job's folder, before the caller, who holds that
// folder, listens there: processes that were killed have left them, and they would lead to it too.
void tm_places_forget(const char *places, const char *folder);
// A link to a socket that lies elsewhere; one that is there already is replaced.
int tm_places_link(const char *entry, const char *socket, struct tm_error *err) TM_WARN_UNUSED;
