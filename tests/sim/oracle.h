// What must be true of a job's world, whatever was done to it (docs/internals/simulator.md has the
// rules). The first violation is kept.
#pragma once

#include "tests/sim/cut.h"

enum { SIM_VIOLATION = 400, SIM_COMPLETED_MAX = 4096 };

struct sim_oracle {
    struct sim_universe *universe;
    const struct sim_job *job;
    void *memory[SIM_OUTPUTS_MAX];     // of the outputs' judges
    bool changed;                      // the job's script
    bool drained;                      // windows fired before they were whole
    bool turned_back;                  // to a savepoint, or an older checkpoint: time went with it
    uint64_t fell_back, reads_failed;  // as counted when the newest was complete
    uint64_t rotten;                   // checkpoint that cannot be read any more
    uint64_t zombies;                  // bits, by number: processes that went on beside another
    int64_t begun_ns;                  // when the newest process began
    int64_t furthest[SIM_STAGES_MAX];  // that event time was, of a stage in any checkpoint
    size_t committed[SIM_OUTPUTS_MAX]; // bytes of an output of one file
    uint64_t looks, cuts;              // at what is visible, at checkpoints
    uint64_t highest;                  // of all that were complete
    uint8_t completed[SIM_COMPLETED_MAX]; // by number: it was complete once
    struct sim_cut cut; // the newest complete checkpoint; checkpoint 0: there is none
    char violation[SIM_VIOLATION];
};

void sim_oracle_init(struct sim_oracle *oracle, struct sim_universe *universe,
                     const struct sim_job *job);
void sim_oracle_fini(struct sim_oracle *oracle);
void sim_violate(struct sim_oracle *oracle, const char *format, ...) TM_PRINTF(2, 3);

// At any time: what is visible is of the input, right, nowhere twice, and in order.
void sim_oracle_look(struct sim_oracle *oracle);
// The ids of whole lines of the output "out", as they are now; -1: it is no row.
void sim_oracle_each_id(struct sim_oracle *oracle,
                        void (*each)(void *arg, int64_t id, const char *file), void *arg);
// A checkpoint is complete: it can be read, and what it keeps follows from what it has read.
void sim_oracle_completed(struct sim_oracle *oracle, uint64_t checkpoint);
// A process has completed a checkpoint: nothing that an earlier one had open in the log is. What a
// zombie has opened since is open until it takes too long.
void sim_oracle_log(struct sim_oracle *oracle, uint32_t process);
// All complete checkpoints that are kept can be read.
void sim_oracle_kept(struct sim_oracle *oracle);
// What a cut keeps follows from what it has read.
void sim_oracle_cut(struct sim_oracle *oracle, const struct sim_cut *cut);
// Behind a commit: visible is what the newest checkpoint covers, but for rows that are in flight.
void sim_oracle_committed(struct sim_oracle *oracle);
// A changed script has outputs no more, and has gone on from the newest checkpoint: they have what
// that covers, and nothing of it is torn.
void sim_oracle_left_out(struct sim_oracle *oracle);
// A process has ended, or power was lost: the newest complete checkpoint is there, or a later one.
// `older`: reading failed on the way, so it may have gone back to an older one.
void sim_oracle_survived(struct sim_oracle *oracle, bool older);
// The job has finished: nothing is missing; `closed`: its process gave back all that it had, so
// nothing is left over.
void sim_oracle_finished(struct sim_oracle *oracle, bool closed);
