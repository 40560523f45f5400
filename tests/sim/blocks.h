// Seeds are lived in child processes, a block of them in each, on several cores: a crash of the
// engine is a failing seed as any other, and what dead processes of a world leave goes with the
// child.
#pragma once

#include "tests/sim/life.h"

enum {
    SIM_JOBS_MAX = 64,
    SIM_PATIENCE_S = 300, // a seed takes 0.05 as a rule, one whose job does not end some ten
};

struct sim_blocks {
    uint32_t jobs; // children at once
    const struct sim_less *less;
    bool twice;          // each seed, to see that it is the same run
    bool tells;          // stories go to standard output
    const char *breaks;  // "file", "clock", "thread": what may not be used is used; "loop": without
                         // end; NULL: nothing is
    uint32_t patience_s; // of its processor's time that a seed may take; then it has failed
    // Seeds that are to be lived next, in one child: how many, from `*from` on; 0: there are no
    // more, as far as is known now.
    uint64_t (*next)(void *arg, uint64_t *from);
    // What became of each seed, in the order in which they were given out.
    void (*each)(void *arg, const struct sim_outcome *outcome);
    void *arg;
};

// Until there are no more. A seed that ends its child has failed; those behind it in the block are
// lived in another one. Ends the program when it can make no children.
void sim_blocks_live(const struct sim_blocks *blocks);
