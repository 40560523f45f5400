// The life of a job that takes checkpoints: where they are, whether it goes on from one or begins
// anew, and what is left when it ends (docs/guide/checkpoints.md).
#pragma once

#include "core/cli/engine.h"

enum { TM_LIFE_PATH = 4096 };

struct tm_life {
    struct tm_engine *engine;
    struct tm_store *store;       // NULL: the job takes none
    struct tm_restored *restored; // NULL: it begins anew
    // The newest, where it begins anew (--fresh) or elsewhere; NULL: there is none that can be
    // read.
    struct tm_restored *given_up;
    char folder[TM_LIFE_PATH]; // of its checkpoints
    bool asked;                // for checkpoints, by the script or the command line
    bool empty;                // nothing was there
    bool replayable;           // all sources: else it never goes on by itself
    bool exact;                // a sink makes its output visible by checkpoints
    bool shows;                // a sink gives rows to the world at once
    bool completes;            // all input has been read: only its last output is to be visible
    bool begun;                // the folder says what the job began with
    bool again;                // an attempt of this process has begun before
    uint64_t damaged;          // newest, and not to be begun with; 0: none is
    uint64_t unusable;         // the same, as it showed when the job was to begin with it
    struct tm_error why;       // of that
    bool is_newest;            // `restored` is
    bool unverified;           // only a part of `restored` has been read
    uint64_t rewind;           // what is newer goes when all tasks have been restored
    uint64_t first;            // the own checkpoint that the first attempt began with; 0: none
    bool has_dropped;          // --drop-state has had its say in what it begins with now
};

// Decides, opens the folder and what the job begins with; the
// plan is made anew where the checkpoint has another max parallelism. Changes nothing of what is
// there. On failure it must still be closed.
int tm_life_open(struct tm_life *life, struct tm_engine *engine,
                 struct tm_error *err) TM_WARN_UNUSED;
// The same for another attempt in this process, after the job made by the last one has gone and the
// script has been planned again: it goes on from the newest checkpoint that has been taken since,
// or begins as the first did, also where that never came to its beginning. Only of a job that is
// replayable.
int tm_life_again(struct tm_life *life, struct tm_error *err) TM_WARN_UNUSED;
// An attempt has failed with this: is it that the newest checkpoint is damaged, and is there one
// before it? Then tm_life_again begins with that, unless a sink says no.
bool tm_life_goes_back(struct tm_life *life, const struct tm_error *err);
// Opens a checkpoint to look at it alone, as `run --from` would: no folder is held. On failure it
// must still be closed.
int tm_life_look(struct tm_life *life, struct tm_engine *engine, const char *path,
                 struct tm_error *err) TM_WARN_UNUSED;
// It begins with a checkpoint of its own folder, which no other process has: not with a savepoint,
// nor with what another folder has.
bool tm_life_is_own(const struct tm_life *life);
// To the log: how it is going to begin.
void tm_life_say(const struct tm_life *life);
// Everything that could refuse has agreed, and all tasks have been restored: what is newer than
// what the job begins with is given up.
int tm_life_begin(struct tm_life *life, struct tm_error *err) TM_WARN_UNUSED;
// All output is visible: the next run begins anew. `taken`: checkpoints of this run.
void tm_life_finish(struct tm_life *life, struct tm_job *job, uint64_t taken);
// Is there anything to go on from? Its number, 0: no.
uint64_t tm_life_resumable(const struct tm_life *life);
void tm_life_close(struct tm_life *life);
