// `tidemill version` and `tidemill help`.
#include <luajit.h>
#include <stdio.h>

#include "core/cli/options.h"

int tm_cli_version(const struct tm_cli_options *options)
{
    if (options->json)
        fprintf(options->out, "{\"tidemill\":\"%s\",\"luajit\":\"%s\"}\n", TM_VERSION,
                LUAJIT_VERSION);
    else
        fprintf(options->out, "tidemill %s (%s)\n", TM_VERSION, LUAJIT_VERSION);
    return TM_EXIT_FINISHED;
}

int tm_cli_help(const struct tm_cli_options *options)
{
    const struct tm_cli_command *command =
        options->file == NULL ? NULL : tm_cli_find(options->file);
    if (options->file != NULL && command == NULL) {
        struct tm_error err = {0};
        tm_error_set(&err, TM_E_USAGE, "there is no command '%s'", options->file);
        tm_error_hint(&err, "`tidemill help` lists the commands");
        return tm_cli_fail(options, &err, TM_EXIT_USAGE);
    }
    tm_cli_print_help(options->out, command);
    return TM_EXIT_FINISHED;
}
