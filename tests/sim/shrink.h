// A seed that fails, with as little as possible that goes wrong in as small a job as possible.
#pragma once

#include "tests/sim/life.h"

// Lives it again and again in child processes, with less each time, as long as it fails by the same
// rule; prints what is left, the command for it, and its story. 0; 1: it does not fail.
int sim_shrink(uint64_t seed, struct sim_less *less);
// Prints the command that lives the seed without it, and tells its story.
void sim_less_command(uint64_t seed, const struct sim_less *less);
bool sim_less_is_none(const struct sim_less *less);
// Names of faults and stages with a comma between. False: there is no such name.
bool sim_less_without(struct sim_less *less, const char *names);
