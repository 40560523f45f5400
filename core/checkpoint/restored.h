// A checkpoint that a job begins with: opened, verified, and shared by all tasks. What it gives is
// immutable, so several threads may ask at once. Names that nobody asks for are state that the
// script has no operator for: the life of a job (life.h) says so before anything runs.
#pragma once

#include "core/checkpoint/manifest.h"

struct tm_restored;

struct tm_restored_args {
    struct tm_mem *mem; // used by all calls, on any thread
    const struct tm_fx *fx;
    // A folder with a MANIFEST: a savepoint, or one checkpoint of a job; or the folder of a job.
    const char *path;
    uint64_t checkpoint; // of a job's folder; 0: the newest
    const char *job;     // that it must be of; NULL: any
};

// Reads and checks the manifest and all indexes, and that the files that they need are there with
// their lengths; segments are compared with their checksums when they are used.
// TM_E_CHECKPOINT_MISSING: there is none. TM_E_CHECKPOINT: damaged. TM_E_CHECKPOINT_VERSION,
// TM_E_CHECKPOINT_JOB.
int tm_restored_open(const struct tm_restored_args *args, struct tm_restored **restored,
                     struct tm_error *err) TM_WARN_UNUSED;
// The number of the newest checkpoint in a job's folder; 0: there is none.
int tm_restored_newest(struct tm_mem *mem, const struct tm_fx *fx, const char *folder,
                       uint64_t *checkpoint, struct tm_error *err) TM_WARN_UNUSED;
const struct tm_manifest *tm_restored_manifest(const struct tm_restored *restored);
// Reads everything and compares it with its checksums.
int tm_restored_verify(const struct tm_restored *restored, struct tm_error *err) TM_WARN_UNUSED;

// From cuts of this process, one of each task, written and read again in memory: for tests. The
// cuts may be freed then. It has no manifest but its number.
int tm_restored_from_cuts(struct tm_mem *mem, const struct tm_cut *const *cuts, uint32_t count,
                          struct tm_restored **restored, struct tm_error *err) TM_WARN_UNUSED;
void tm_restored_free(struct tm_restored *restored); // NULL is fine

uint64_t tm_restored_checkpoint(const struct tm_restored *restored);
// Where its files are: of a savepoint its own folder, else the job's. NULL: in memory.
const char *tm_restored_folder(const struct tm_restored *restored);
// By which keys were dealt; 0: it is of cuts of this process that have no keyed state.
uint32_t tm_restored_max_parallelism(const struct tm_restored *restored);

// The subtask that asks.
struct tm_restored_for {
    const char *operator_name;
    uint32_t subtask, parallelism;
};

// Items of a part, in the order of old subtasks and then as they were written. `each` returns 0 to
// go on; what else it returns is given back. TM_E_CHECKPOINT: damaged.
typedef int tm_restored_item(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                             struct tm_error *err);
int tm_restored_items(const struct tm_restored *restored, const struct tm_restored_for *who,
                      const char *part, tm_restored_item *each, void *arg,
                      struct tm_error *err) TM_WARN_UNUSED;
// The name that an operator, or a state of it, had when the checkpoint was taken (changed.h).
const char *tm_restored_was(const struct tm_restored *restored, const char *operator_name,
                            const char *state);
// Is there such a part, of items or a state?
bool tm_restored_has(const struct tm_restored *restored, const char *operator_name,
                     const char *part);

// Fills an empty state with the entries of its key groups. Where max parallelism and layout are
// those of the checkpoint pages come back as they were; else entry by entry through the layouts:
// fields are matched by name, those that are gone are dropped, new ones are zero, others must have
// the same kind and type (TM_E_STATE_TYPE names both).
int tm_restored_state(const struct tm_restored *restored, const char *operator_name,
                      const char *part, const struct tm_layout *layout, struct tm_state *state,
                      struct tm_error *err) TM_WARN_UNUSED;
// The same with values that a function makes of old ones.
int tm_restored_migrated(const struct tm_restored *restored, const char *operator_name,
                         const char *part, const struct tm_layout *layout,
                         const struct tm_migration *migration, struct tm_state *state,
                         struct tm_error *err) TM_WARN_UNUSED;
int tm_restored_timers(const struct tm_restored *restored, const char *operator_name,
                       const char *part, struct tm_timers *timers,
                       struct tm_error *err) TM_WARN_UNUSED;
