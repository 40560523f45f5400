// What a seed's world is like, drawn once: which faults can happen and how often, what only a share
// of the seeds has.
#pragma once

#include "tests/sim/universe.h"

// Of a universe that has its seed and nothing else.
void sim_swarm_draw(struct sim_universe *universe);
