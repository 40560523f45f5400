// `tidemill plan --against CHECKPOINT`: what a run that begins from it would do with its states.
#pragma once

#include "core/cli/engine.h"

// Prints it. 0: a run would begin; 1: it would be refused, and what is printed says so; negative:
// it cannot be said.
int tm_against(struct tm_engine *engine, struct tm_error *err) TM_WARN_UNUSED;
