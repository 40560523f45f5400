// What campaigns have lived, kept in a file of lines of JSON, so that they add up: of each commit
// which seeds, what they came to (a hash over their trace hashes), what they have met, and each
// seed that failed. Lines are only ever added, so several campaigns may write to one file.
//
//   {"commit":"1a2b","from":1,"to":200,"hash":"9c..","failed":1,"seconds":61.5,"faults":{"kill":31,..},
//    "passed":{..},"deaths":{..},"saw":{..}}
//   {"commit":"1a2b","seed":77,"why":"O1: ..","trace":"31.."}
//
// A seed that was lived twice counts once; a range that comes again with another hash, from another
// build of the same commit, is told.
#pragma once

#include <stdio.h>

#include "tests/sim/life.h"

enum { SIM_RESULTS_RANGE = 200, SIM_COMMIT = 80 };

// --- keeping -------------------------------------------------------------------------------------

// Of one run of a campaign.
struct sim_results {
    const char *path, *commit; // NULL: nothing is kept
    FILE *file;
    uint64_t from, to, failed, hash; // seeds that are not in the file yet; from 0: none
    struct sim_outcome sum;
    double begun_s;
};

// Opens the file, or makes it, to add to it. Ends the program when it cannot.
void sim_results_open(struct sim_results *results, const char *path, const char *commit,
                      double now_s);
// A seed has been lived. Ranges end with a multiple of SIM_RESULTS_RANGE.
void sim_results_add(struct sim_results *results, const struct sim_outcome *outcome, double now_s);
// What is left is written.
void sim_results_close(struct sim_results *results, double now_s);

// --- reading -------------------------------------------------------------------------------------

struct sim_range {
    uint64_t from, to, hash;
};

struct sim_failed {
    uint64_t seed;
    char *why;
};

struct sim_commit {
    char name[SIM_COMMIT];
    struct sim_range *ranges; // as they were written
    uint32_t range_count;
    struct sim_failed *failed; // by seed
    uint32_t failed_count;
    uint64_t lived, last; // how many seeds; the one that the last run ended with
    uint32_t differing;   // ranges that came again with another hash
    double seconds;
    struct sim_outcome sum; // faults, kill points, what was seen
};

struct sim_history {
    struct sim_commit *commits;
    uint32_t count, damaged; // commits; lines that cannot be read
};

// A file that is not there has nothing. Ends the program when it cannot be read.
void sim_history_read(struct sim_history *history, const char *path);
void sim_history_free(struct sim_history *history);
// NULL: nothing was lived of it.
const struct sim_commit *sim_history_of(const struct sim_history *history, const char *commit);
// The first seed from `seed` on that was not lived; `*left`: how many from there until one was.
uint64_t sim_commit_next(const struct sim_commit *commit, uint64_t seed, uint64_t *left);
// Prints what was lived of each commit, which seeds have failed, and how much was never met;
// `commit`: of that one alone, and of all only how much it is. NULL: of each.
void sim_history_print(const struct sim_history *history, const char *commit);
