// How a file that rows are appended to ends.
#pragma once

#include "core/base/effects.h"
#include "core/base/mem.h"
#include "core/base/options.h"

// Does the CSV file at `fd` end inside quotes? Then what follows would be part of a field. All of
// it is read, from its beginning. `format_options`: of the format. 0: it does not. TM_E_SCHEMA says
// that it does, of "the file"; or what reading gives.
int tm__file_ending_check(const struct tm_fx *fx, struct tm_mem *mem, int fd,
                          const struct tm_options *format_options,
                          struct tm_error *err) TM_WARN_UNUSED;
