// The folder of a job: its checkpoints on disk, from the first file of one under way to the last
// of one that is given up. What is durable when, and what a crash leaves: README.md.
//
// One thread at a time, which may be a helper: everything here waits for disks.
#pragma once

#include "core/checkpoint/manifest.h"

struct tm_store;
struct tm_pending; // a checkpoint under way

enum { TM_RETAIN = 3 };

struct tm_store_args {
    struct tm_mem *mem;
    const struct tm_fx *fx;
    const char *folder; // ".tidemill/JOB"; copied
    const char *job;    // for messages; copied
    uint32_t retain;    // newest checkpoints that are kept, at least 1
};

// Makes the folder, locks it, removes what attempts have left, and looks at what is there.
// TM_E_JOB_RUNNING: another process has it, or this one.
int tm_store_open(const struct tm_store_args *args, struct tm_store **store,
                  struct tm_error *err) TM_WARN_UNUSED;
void tm_store_close(struct tm_store *store); // NULL is fine; what is under way is discarded before
// Is the folder this one's still? On a disk whose locks hold nothing another process may have it:
// TM_E_JOB_RUNNING, and nothing may be changed any more. What changes something here asks by
// itself; whoever is to make output visible asks before.
int tm_store_check(const struct tm_store *store, struct tm_error *err) TM_WARN_UNUSED;
const char *tm_store_folder(const struct tm_store *store); // as it was given
// The newest checkpoint that was published; 0: none.
uint64_t tm_store_latest(const struct tm_store *store);
// The number of the next one: above all that ever were.
uint64_t tm_store_next(const struct tm_store *store);
// And above this one, which lies elsewhere and is begun with: outputs know it by its number.
void tm_store_count_from(struct tm_store *store, uint64_t checkpoint);
// Before a job goes back behind checkpoints: their numbers are nobody else's, also where the
// process ends before it has one of its own. Durable.
int tm_store_keep_numbers(struct tm_store *store, struct tm_error *err) TM_WARN_UNUSED;

// Before tasks begin from a checkpoint, whether after a start or within the process: everything
// newer is given up, so that no later crash leads to it. 0: all, the job begins anew. An error
// leaves the job nothing to begin with: try again, or stop.
int tm_store_rewind(struct tm_store *store, uint64_t checkpoint,
                    struct tm_error *err) TM_WARN_UNUSED;

// A folder for its files. Then data files are written to its place, the manifest is made of them,
// and it is published or discarded: either ends it.
int tm_store_begin(struct tm_store *store, uint64_t checkpoint, struct tm_pending **pending,
                   struct tm_error *err) TM_WARN_UNUSED;
// The same at a path of the user's, which must not exist. Published it is in no row of checkpoints
// and nothing follows from it. Its tasks write without a base.
int tm_store_begin_savepoint(struct tm_store *store, uint64_t checkpoint, const char *path,
                             struct tm_pending **pending, struct tm_error *err) TM_WARN_UNUSED;
const struct tm_checkpoint_place *tm_pending_place(const struct tm_pending *pending);
// 0: it is durable, and the newest. An error: it is not, and the one before it is the newest still.
int tm_store_publish(struct tm_store *store, struct tm_pending *pending,
                     struct tm_manifest *manifest, struct tm_error *err) TM_WARN_UNUSED;
void tm_store_discard(struct tm_store *store, struct tm_pending *pending); // NULL is fine

// After sinks have committed the newest: gives up what is older than the newest `retain`, and
// removes files that nothing refers to, the second time that it finds them so. Files of what is
// under way stay. An error is no more than files that were left: the next call tries again.
int tm_store_collect(struct tm_store *store, struct tm_error *err) TM_WARN_UNUSED;
