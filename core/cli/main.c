// The entry: parse, then the command.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/effects.h"
#include "core/base/kill_point.h"
#include "core/cli/options.h"
#include "core/loop/real.h"

static int run_command(const struct tm_cli_command *command, struct tm_cli_options *options)
{
    if (command == NULL) {
        tm_cli_print_help(options->out, NULL);
        return TM_EXIT_USAGE;
    }
    // The help of `run` with a job also has the job's arguments.
    bool of_job =
        command->run == tm_cli_run_job && (options->file != NULL || options->code != NULL);
    if (options->help && !of_job) {
        tm_cli_print_help(options->out, command);
        return TM_EXIT_FINISHED;
    }
    return command->run(options);
}

// What a command printed goes out at once. A reader that has gone has seen what it wanted; output
// that cannot be written is a failure, whatever the command found.
static int write_output(const struct tm_cli_options *options, const char *text, size_t length,
                        int result)
{
    struct tm_fx fx;
    struct tm_error err = {0};
    int rc = length == 0 ? 0 : tm_real_init(&fx, &err);
    if (length != 0 && rc == 0) {
        rc = fx.files->write_all(fx.ctx, STDOUT_FILENO, text, length, NULL, &err);
        tm_real_fini(&fx);
    }
    if (rc == 0 || rc == TM_E_CLOSED_PIPE)
        return result;
    return tm_cli_fail(options, &err, result == TM_EXIT_FINISHED ? TM_EXIT_FAILED : result);
}

// --- for tests/storm ----------------------------------------------------------------------------

static void end_at_once(void)
{
    char text[100];
    int length = snprintf(text, sizeof text, "killed at %s, pass %llu\n",
                          tm_kill_point_name(tm_kill_switch.of.at),
                          (unsigned long long)tm_kill_switch.of.after);
    ssize_t told = write(STDERR_FILENO, text, (size_t)length); // whoever counts
    (void)told;
    raise(SIGKILL);
}

// TIDEMILL_KILL=NAME:COUNT ends the process at that pass of a kill point, in one process without a
// supervisor; TIDEMILL_KILL=count says at its end how often each was passed. With workers= in front
// it is one after the other of the worker processes that a supervisor begins.
static void watch_kill_points(void)
{
    const char *text = getenv("TIDEMILL_KILL");
    if (text == NULL || tm_kill_points_set(text, end_at_once))
        return;
    fprintf(stderr, "TIDEMILL_KILL: no such point or count: %s\n", text);
    exit(TM_EXIT_USAGE);
}

static void print_kill_points(void)
{
    bool counted = atomic_load_explicit(&tm_kill_switch.on, memory_order_relaxed) != 0;
    for (int i = 0; counted && i < TM_KILL_COUNT; i++)
        fprintf(stderr, "kill point %s: %llu\n", tm_kill_point_name((enum tm_kill_point)i),
                (unsigned long long)atomic_load_explicit(&tm_kill_switch.passes[i],
                                                         memory_order_relaxed));
}

int main(int argc, char **argv)
{
    tm_real_keep_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); // a closed pipe is an error code, not a death,
    signal(SIGXFSZ, SIG_IGN); // and so is a file that has reached ulimit -f
    watch_kill_points();
    struct tm_cli_options options;
    const struct tm_cli_command *command;
    struct tm_error err = {0};
    char *text = NULL;
    size_t length = 0;
    int result = TM_EXIT_USAGE;
    int rc = tm_cli_parse(argc, argv, &options, &command, &err);
    if (rc == 0 && (options.out = open_memstream(&text, &length)) == NULL)
        rc = tm_error_set(&err, TM_E_MEMORY, "out of memory");
    if (rc != 0) {
        result = tm_cli_fail(&options, &err, rc == TM_E_USAGE ? TM_EXIT_USAGE : TM_EXIT_FAILED);
    } else {
        result = run_command(command, &options);
        if (fclose(options.out) != 0)
            result = TM_EXIT_FAILED;
        else
            result = write_output(&options, text, length, result);
    }
    free(text);
    tm_cli_options_fini(&options);
    print_kill_points();
    return result;
}
