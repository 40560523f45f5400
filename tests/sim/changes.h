// A user who changes the job's script between two processes, and what the engine says to that.
#pragma once

#include "tests/sim/oracle.h"

enum { SIM_DROPS_MAX = 4 };

struct sim_changes {
    bool changed;  // the script in use is the changed one
    bool waits;    // for a checkpoint without rows in flight, which had other columns once
    bool put_back; // and no checkpoint has been completed since: an older one may be gone on from
    bool drops;    // what the checkpoint has of stages that are gone is left out
    bool saved_changed;            // the script that the savepoint is of
    bool across;                   // the process has begun with a savepoint of before the change
    char names[SIM_DROPS_MAX][40]; // of that
    uint32_t name_count;
};

// Before a process begins: `processes` have lived, `from`: it begins with a savepoint. Sets the
// script and what is left out.
void sim_changes_begin(struct sim_changes *changes, struct sim_oracle *oracle, uint64_t processes,
                       bool from, struct tm_cli_options *options);
// May a process begin with a savepoint? One of the old script has not what the new one gives: in a
// share of the seeds it may all the same.
bool sim_changes_allow_from(const struct sim_changes *changes, const struct sim_oracle *oracle);
// In those: a process that has taken one has ended. Is the script changed now, and begun with that?
bool sim_changes_want_from(const struct sim_changes *changes, const struct sim_oracle *oracle,
                           uint64_t processes);
// A savepoint has been taken, the newest one.
void sim_changes_saved(struct sim_changes *changes);
// A process has completed a checkpoint.
void sim_changes_completed(struct sim_changes *changes, struct sim_oracle *oracle);
// A process was refused with this error: true, if that is because of the change, and the next one
// begins otherwise.
bool sim_changes_refused(struct sim_changes *changes, struct sim_oracle *oracle,
                         const struct tm_error *why);
