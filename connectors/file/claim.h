// Whose an output is: while a sink writes a file or a folder, no other sink may, of this job or of
// another run, under whatever name it knows it.
#pragma once

#include "core/base/effects.h"

// Hold `path`; with `create` it is made when it is missing. `output` is what the user calls it.
// Returns a descriptor to be closed when the output is done with (a process that ends lets go by
// itself), or TM_E_IN_USE, or another code when the path cannot be opened.
int tm__file_claim(const struct tm_fx *fx, const char *path, bool create, const char *output,
                   struct tm_error *err) TM_WARN_UNUSED;
