// Who watches specs: a thread that ends the process when a function of a tested job does not come
// to an end, with a message that names it and the line of the spec. What is bounded is one step of
// an operator, by the job's batch_timeout, as in production; of the time that the tests' thread
// works, so that a busy machine fails nobody.
#pragma once

#include "core/cli/options.h"
#include "core/kit/watched.h"

struct tm_test_watch;

// Watches the calling thread. `options` outlives it. TM_E_MEMORY, TM_E_IO.
int tm_test_watch_new(const struct tm_cli_options *options, struct tm_test_watch **self,
                      struct tm_error *err) TM_WARN_UNUSED;
void tm_test_watch_free(struct tm_test_watch *self); // NULL is fine
// What tests tell it.
struct tm_kit_watch *tm_test_watch_kit(struct tm_test_watch *self);
