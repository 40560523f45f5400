// A cut as a data file: written on a helper thread, whole or as differences to what the last
// completed checkpoint has.
//
// A task keeps one pair beside its work: the cut of the last *completed* checkpoint, and what was
// written of it. Each new cut is written against that pair. When the new checkpoint completes its
// own pair takes the place; when it fails its own pair is freed and the old one stays: so what is
// written never refers to a checkpoint that was not published. After a restart there is no pair,
// and the first checkpoint is whole. A savepoint is written against nothing and replaces no pair.
#pragma once

#include "core/checkpoint/cut.h"

// What became of a cut. Immutable, on any thread; freed by whoever keeps it.
struct tm_written;

// Where the files of a checkpoint go while it is being written: from tm_store_begin.
struct tm_checkpoint_place {
    const char *folder; // path: ".tidemill/JOB/chk-12.tmp"
    const char *name;   // what the manifest says before a file's name: "chk-12/"; a savepoint: ""
};

struct tm_write_args {
    struct tm_mem *mem; // for buffers, and for what is returned
    const struct tm_fx *fx;
    const struct tm_checkpoint_place *place;
    const struct tm_cut *cut;
    // The last completed checkpoint's, of the same task. Both NULL: everything is written.
    const struct tm_cut *base_cut;
    const struct tm_written *base;
    const _Atomic int *cancel; // nonzero: give up, TM_E_STOPPED; NULL-able
};

// One data file, synced. Blocks: for helper threads. Failing it leaves no file behind; the cuts are
// as before. Takes a MiB, and what the image of the largest key group takes.
int tm_cut_write(const struct tm_write_args *args, struct tm_written **written,
                 struct tm_error *err) TM_WARN_UNUSED;
void tm_written_free(struct tm_written *written); // NULL is fine

uint64_t tm_written_checkpoint(const struct tm_written *written);
uint64_t tm_written_bytes(const struct tm_written *written);        // length of the data file
uint64_t tm_written_flight_bytes(const struct tm_written *written); // of it, what was overtaken
