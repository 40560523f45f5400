// Whether Lua states that are made from now on compile.
#pragma once

#include <stdbool.h>

void sim_states_compile(bool wanted);
bool sim_states_are_compiled(void);
