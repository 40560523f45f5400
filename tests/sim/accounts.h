// T5: counters of operators in a checkpoint.
#pragma once

#include "tests/sim/oracle.h"

// Each operator's add up; stages have taken the rows that the cut has counted.
void sim_accounts_look(struct sim_oracle *oracle, const struct sim_cut *cut);
