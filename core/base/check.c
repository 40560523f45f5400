// The end of a process that found itself wrong. The one place of the engine that reaches the
// outside without the effects tables: it must work when they are what is broken.
#include "core/base/check.h"

#include <stdio.h>
#include <stdlib.h>

void tm_check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
    abort();
}
