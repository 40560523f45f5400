// The entry: parse, then the command.
#include <luajit.h>
#include <signal.h>
#include <stdio.h>

#include "core/base/text.h"
#include "core/cli/options.h"

int tm_cli_version(const struct tm_cli_options *options)
{
    if (options->json)
        printf("{\"tidemill\":\"%s\",\"luajit\":\"%s\"}\n", TM_VERSION, LUAJIT_VERSION);
    else
        printf("tidemill %s (%s)\n", TM_VERSION, LUAJIT_VERSION);
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
    tm_cli_print_help(command);
    return TM_EXIT_FINISHED;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); // a closed pipe is an error code, not a death
    struct tm_cli_options options;
    const struct tm_cli_command *command;
    struct tm_error err = {0};
    int result;
    if (tm_cli_parse(argc, argv, &options, &command, &err) != 0) {
        result = tm_cli_fail(&options, &err, TM_EXIT_USAGE);
    } else if (command == NULL) {
        tm_cli_print_help(NULL);
        result = TM_EXIT_USAGE;
    } else if (options.help && options.file == NULL) {
        tm_cli_print_help(command);
        result = TM_EXIT_FINISHED;
    } else {
        result = command->run(&options);
    }
    tm_cli_options_fini(&options);
    return result;
}
