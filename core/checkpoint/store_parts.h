// What the files of the store share: its structures, and small steps on files.
#pragma once

#include "core/checkpoint/reading.h"
#include "core/checkpoint/store.h"

// Paths, relative to the job's folder, that a checkpoint refers to.
struct tm__refs {
    uint64_t checkpoint;
    bool unknown;        // its manifest could not be read
    uint64_t retired_at; // 0: it is kept; else when it was given up, as of store->now
    char **paths;
    uint32_t count;
    struct tm__refs *next;
};

struct tm_pending {
    uint64_t checkpoint;
    uint64_t began_at; // as of store->now
    bool savepoint;
    char *folder; // "JOB/chk-12.1f2e3d4c.tmp"
    char *final;  // "JOB/chk-12"
    char *name;   // "chk-12/", or ""
    struct tm_checkpoint_place place;
    struct tm_pending *next;
};

struct tm__path_list {
    char **paths;
    uint32_t count, capacity;
};

struct tm_store {
    struct tm_mem *mem;
    const struct tm_fx *fx;
    char *folder, *job;
    uint32_t retain;
    int lock;         // -1: not held
    char owner[24];   // what the file LOCK says while the folder is this one's
    uint64_t latest;  // 0: none
    uint64_t highest; // number that was ever used
    uint64_t saved;   // the highest of a savepoint, which a folder keeps; 0: none
    uint64_t now;     // counts givings-up
    struct tm__refs *refs;
    struct tm_pending *pending;
    struct tm__path_list doubtful; // files that nothing referred to, the last time
    struct tm__path_list left;     // folders of attempts that could not be removed
};

// store_files.c. Paths are as the caller says; errors as of the table of effects.
int tm__make_folder(const struct tm_fx *fx, const char *path, struct tm_error *err) TM_WARN_UNUSED;
int tm__sync_parent(const struct tm_fx *fx, const char *path, struct tm_error *err) TM_WARN_UNUSED;
// A new file, written and synced.
int tm__write_file(const struct tm_fx *fx, const char *path, const void *bytes, size_t size,
                   struct tm_error *err) TM_WARN_UNUSED;
// A folder and the files in it, its MANIFEST first. What is not there is fine.
int tm__remove_tree(const struct tm_store *store, const char *path, struct tm_error *err);
// The same of an attempt that is given up: what cannot be removed now is tried again by the next
// collection, and by the next opening. No other may come to have that path.
void tm__remove_attempt(struct tm_store *store, const char *path);
// Of all that are left. Those that do not go stay for another time.
void tm__remove_left(struct tm_store *store);
int tm__list(const struct tm_store *store, const char *path, struct tm__path_list *list,
             struct tm_error *err) TM_WARN_UNUSED;
int tm__list_add(struct tm_mem *mem, struct tm__path_list *list, const char *path) TM_WARN_UNUSED;
bool tm__list_has(const struct tm__path_list *list, const char *path);
void tm__list_fini(struct tm_mem *mem, struct tm__path_list *list);
// "chk-12" gives 12; 0: it is no such name. `suffix` is what follows the number.
uint64_t tm__checkpoint_of_name(const char *name, const char *suffix);
// Is it the folder of a checkpoint under way, of whatever process?
bool tm__is_attempt(const char *name);
// FOLDER/chk-12 and the like into path[TM__FULL_PATH].
int tm__checkpoint_path(const char *folder, uint64_t checkpoint, const char *rest, char *path,
                        struct tm_error *err) TM_WARN_UNUSED;

// store_latest.c: the file LATEST. *checkpoint 0: there is none.
int tm__latest_read(const struct tm_fx *fx, struct tm_mem *mem, const char *folder,
                    uint64_t *checkpoint, struct tm_error *err) TM_WARN_UNUSED;
// What it is to say, beside it; 0: nothing, the file is to go. Then tm_store_check, and:
int tm__latest_prepare(const struct tm_store *store, uint64_t checkpoint,
                       struct tm_error *err) TM_WARN_UNUSED;
// It says that. *begun: it may have changed already though this fails.
int tm__latest_set(const struct tm_store *store, uint64_t checkpoint, bool *begun,
                   struct tm_error *err) TM_WARN_UNUSED;
// Is it what a process, of this one or another, was to rename to LATEST?
bool tm__is_latest_under_way(const char *name);

// store_collect.c.
int tm__refs_add(struct tm_store *store, uint64_t checkpoint, const struct tm_manifest *manifest,
                 struct tm_error *err) TM_WARN_UNUSED; // NULL: unknown
// Of this checkpoint, where there are some.
void tm__refs_drop(struct tm_store *store, uint64_t checkpoint);
