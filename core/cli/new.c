#include "core/cli/options.h"
int tm_cli_new(const struct tm_cli_options *o)
{
    (void)o;
    return 0;
}
