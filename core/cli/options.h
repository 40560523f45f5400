// The command line: one table of commands and their flags; help, errors and completion come from
// it.
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "core/base/log.h"
#include "core/base/mem.h"

enum {
    TM_CLI_SETS_MAX = 256,
    TM_CLI_SEEDS_MAX = 2000000000, // of `test`
    TM_CLI_SAMPLE_MAX = 1000000,   // records; the bytes that are looked at have their own bound
    TM_CLI_REST_MAX = 1024,        // words that go on to busted
    TM_CLI_DROPS_MAX = 64,
    TM_CLI_LIMIT_MAX = 100000, // keys of a scan
};

enum tm_exit {
    TM_EXIT_FINISHED = 0,
    TM_EXIT_FAILED = 1,
    TM_EXIT_USAGE = 2,
    TM_EXIT_RESUMABLE = 3, // stopped, with a checkpoint to go on from
    TM_EXIT_STOPPED = 130, // stopped without a checkpoint to resume from
};

// What a command's argument is: what it is called in messages, and what a shell completes.
enum tm_cli_argument {
    TM_CLI_NONE,
    TM_CLI_JOB,        // a Lua file, or -e in its place
    TM_CLI_COMMAND,    // optional
    TM_CLI_CODE,       // of an error; optional
    TM_CLI_CHOICE,     // one of `arguments`, "bash|zsh"
    TM_CLI_SOURCE,     // a file, folder or pattern, - for standard input, or a job
    TM_CLI_NAME,       // a name that the user chooses
    TM_CLI_FILES,      // Lua files or folders, any number of them
    TM_CLI_CHECKPOINT, // what to do, then one folder or two
    TM_CLI_RUNNING,    // a running job, then what the command says
    TM_CLI_STATE,      // what to do, a running job, a state, a key
};

// What was given. Strings point into argv.
struct tm_cli_options {
    FILE *out; // what the command prints, written to standard output when it has ended
    const char *command;
    enum tm_cli_argument argument;
    const char *file;   // the command's argument: a job, a command, a code, ...
    const char *code;   // of -e, in place of a job; NULL: none
    const char *format; // of what `schema` reads; NULL: by its suffix
    bool luals;
    bool help, json, source, quiet, deny_warnings, watch_table, types;
    bool fresh, no_checkpoints, no_supervisor;
    bool drain;                          // of `stop`
    bool metrics;                        // of `run`: --metrics was given
    uint32_t metrics_port;               // 0: any
    uint32_t limit;                      // of `state scan`; 0: not given
    const char *dir, *from;              // of `run`: --dir, --from; NULL: not given
    const char *against;                 // of `plan`: a checkpoint; NULL: not given
    const char *drops[TM_CLI_DROPS_MAX]; // --drop-state
    uint32_t drop_count;
    uint32_t max_parallelism; // 0: not given
    const char *log;          // "text" or "json"; NULL: text
    uint32_t parallelism;     // 0: not given
    uint32_t sample;          // records of each source without a schema; 0: not given
    const char *set_names[TM_CLI_SETS_MAX], *set_values[TM_CLI_SETS_MAX];
    uint32_t set_count;
    const char *rest[TM_CLI_REST_MAX]; // of `test`: flags and files, as busted takes
                                       // them; else the words behind the first
    uint32_t rest_count;
    uint32_t seeds, seed;              // of `test`: how many, from which on; 0: not given
    bool kills;                        // of `test`
    const char *serve;                 // of `test`: where answers go; NULL: specs are run here
    char *set_copies[TM_CLI_SETS_MAX]; // names, cut off their values
    struct tm_supervised *supervised;  // of `run`: set by the supervisor; NULL: there is none
};

struct tm_cli_command;
typedef int tm_cli_run(const struct tm_cli_options *options); // returns enum tm_exit

struct tm_cli_flag {
    const char *name;  // "--parallelism"
    const char *value; // "N"; choices are given as "text|json"; NULL: takes none
    const char *doc;
};

struct tm_cli_command {
    const char *name;
    const char *arguments; // as the help shows them: "JOB.lua"
    enum tm_cli_argument argument;
    const char *summary;
    const char *description;
    const char *example;
    const char *flags[20]; // names in the table of flags
    tm_cli_run *run;
};

extern const struct tm_cli_command tm_cli_commands[]; // ends with a NULL name
extern const struct tm_cli_flag tm_cli_flags[];       // likewise
extern const char tm_cli_exit_codes[];                // a line each

const struct tm_cli_flag *tm_cli_find_flag(const char *name);
// The job as messages name it: its path, or -e.
static inline const char *tm_cli_job_name(const struct tm_cli_options *options)
{
    return options->file != NULL ? options->file : "-e";
}

// Parses argv. Returns 0, or TM_E_USAGE with the message. *command is NULL for `tidemill` alone.
int tm_cli_parse(int argc, char **argv, struct tm_cli_options *options,
                 const struct tm_cli_command **command, struct tm_error *err) TM_WARN_UNUSED;
void tm_cli_options_fini(struct tm_cli_options *options);
// Help of one command, or of all (NULL).
void tm_cli_print_help(FILE *out, const struct tm_cli_command *command);
const struct tm_cli_command *tm_cli_find(const char *name);
// The error that ends a command, to the log; a person at a terminal is told of `explain` too.
void tm_cli_say(const struct tm_log *log, const struct tm_error *err);
// The same where there is no log yet, as text or JSON; returns the exit code.
int tm_cli_fail(const struct tm_cli_options *options, const struct tm_error *err, int exit_code);

// `run` in this process, without a supervisor or below one; core/cli/run.c.
tm_cli_run tm_cli_run_here;
tm_cli_run tm_cli_run_job, tm_cli_check, tm_cli_plan, tm_cli_version, tm_cli_help, tm_cli_explain,
    tm_cli_new, tm_cli_schema, tm_cli_completion, tm_cli_man, tm_cli_test, tm_cli_checkpoint,
    tm_cli_list, tm_cli_show, tm_cli_stop, tm_cli_cancel, tm_cli_savepoint, tm_cli_state;
