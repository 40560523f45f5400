// A job that is opened and not run: its operators take what a checkpoint has for them, and nothing
// of the world is touched; sources and sinks stand still.
#pragma once

#include "core/checkpoint/changed.h"
#include "core/cli/engine.h"

// Types that rows had settled are settled in the graph already; `settled` tells them to the
// operators. What cannot be opened is an error. `restored` is in a rehearsal.
int tm_rehearse(struct tm_engine *engine, const struct tm_restored *restored, const char *settled,
                struct tm_error *err) TM_WARN_UNUSED;
