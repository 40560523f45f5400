// The one table of commands and flags, and the help made from it. Parsing (options.c), completion
// (completion.c), the manual page (manual.c) and docs/reference/command-line.md come from it too.
#include <stdio.h>
#include <string.h>

#include "core/cli/options.h"

const struct tm_cli_flag tm_cli_flags[] = {
    {"--parallelism", "N",
     "subtasks of each operator (default: the job's, else the number of cores)"},
    {"--set", "NAME=VALUE", "an argument of the job, read with tm.arg or tm.args; may be repeated"},
    {"-e", "CODE",
     "the job is CODE, in place of a file: `tm` is there already, and `return` may be left out"},
    {"--dir", "DIR",
     "checkpoints are kept in DIR/NAME, NAME of the job (default: .tidemill, here)"},
    {"--fresh", NULL, "begin anew, also where there is a checkpoint to go on from"},
    {"--from", "CHECKPOINT",
     "begin from this checkpoint: chk-12 of this job, or the folder of a savepoint or a "
     "checkpoint"},
    {"--against", "CHECKPOINT",
     "say what a run that begins from this checkpoint would do with each of its states"},
    {"--drop-state", "NAME",
     "leave out what the checkpoint has of this operator, or of OPERATOR.STATE; may be repeated"},
    {"--max-parallelism", "N",
     "key groups: the most subtasks that keyed state can be divided among (default: the "
     "checkpoint's, else the job's)"},
    {"--no-checkpoints", NULL, "take none, and begin anew"},
    {"--no-supervisor", NULL,
     "one process alone: when it crashes nobody starts it again, when a function hangs nobody ends "
     "it"},
    {"--metrics", "PORT",
     "metrics for Prometheus at http://127.0.0.1:PORT/metrics; 0: a free port, which the log "
     "tells"},
    {"--drain", NULL,
     "end as if the input had: all windows fire, and there is nothing to go on with"},
    {"--limit", "N", "at most so many keys (default: 100)"},
    {"--watch-output", "table",
     "rows of tm.print as one table that is kept up to date on a terminal, a line per key"},
    {"--json", NULL,
     "machine-readable output: the report (run) or the result (others) as one JSON object"},
    {"--log", "text|json", "form of the log on standard error (default: text)"},
    {"--quiet", NULL,
     "no live lines, no report, no advice about the job: errors and warnings only"},
    {"--source", NULL, "print the Lua text generated for each chain"},
    {"--sample", "N", "records of each source that are looked at (default: 1000)"},
    {"--format", "json|csv|msgpack", "format of what is read (default: by its suffix)"},
    {"--luals", NULL, "as classes for the editor's Lua language server"},
    {"--deny-warnings", NULL, "exit code 1 when there are warnings (advice does not count)"},
    {"--types", NULL, "write the editor's types alone, into the folder NAME that is there already"},
    {"--output", "plain|utf|tap|junit|json|gtest", "form of the results (default: for people)"},
    {"--filter", "PATTERN", "only specs whose names match this Lua pattern"},
    {"--filter-out", "PATTERN", "only specs whose names do not match this Lua pattern"},
    {"--tags", "TAGS", "only specs with one of these tags, divided by commas"},
    {"--seeds", "N",
     "run the specs N times, each under a seed of its own: whose turn it is, and the parallelism "
     "where a "
     "spec gives none, are drawn"},
    {"--seed", "S", "the first of these seeds (default: 1); alone: this one"},
    {"--kills", NULL,
     "jobs die at drawn moments, and begin again from a checkpoint (default: 1000 seeds)"},
    {"--serve", "PIPE",
     "run jobs for specs that another Lua runs: requests on standard input, answers to PIPE"},
    {"--help", NULL, "this help; with a job also the arguments that the job declares"},
    {NULL, NULL, NULL},
};

const struct tm_cli_command tm_cli_commands[] = {
    {"run",
     "JOB.lua",
     TM_CLI_JOB,
     "run a job here",
     "Runs the job to the end of its input, or until Ctrl-C. Results go where the job's sinks say; "
     "the log, the live\n"
     "lines and the report go to standard error. A job that was stopped, killed or failed goes on "
     "from its newest checkpoint.",
     "cat book.txt | tidemill run jobs/wordcount.lua\n"
     "  tidemill run jobs/fraud.lua --parallelism 4 --set input=transactions.jsonl\n"
     "  seq 9 | tidemill run -e 'tm.from(tm.lines()):filter(function(l) return l > \"5\" end)'",
     {"-e", "--parallelism", "--max-parallelism", "--set", "--dir", "--fresh", "--from",
      "--drop-state", "--no-checkpoints", "--no-supervisor", "--metrics", "--watch-output",
      "--json", "--log", "--quiet", "--help", NULL},
     tm_cli_run_job},
    {"check",
     "JOB.lua",
     TM_CLI_JOB,
     "find mistakes in a job without running it",
     "Evaluates the script, checks names, fields, types and the graph, and warns of code that "
     "would be slow or lose state.\n"
     "Findings stand in groups: syntax, names, types, topology, script, machine, advice.",
     "tidemill check jobs/fraud.lua\n  tidemill check jobs/fraud.lua --deny-warnings --json",
     {"-e", "--set", "--deny-warnings", "--json", "--help", NULL},
     tm_cli_check},
    {"plan",
     "JOB.lua",
     TM_CLI_JOB,
     "show how a job would run",
     "Prints chains of operators, their parallelism, the schema of each and how rows travel "
     "between them. A type that the\n"
     "first real row settles is shown as `?`. With --against it says what would become of each "
     "state of a checkpoint, of sources\n"
     "and sinks, and what would be refused: then the exit code is 1.",
     "tidemill plan jobs/fraud.lua --parallelism 4\n  tidemill plan jobs/fraud.lua --source\n"
     "  tidemill plan jobs/fraud.lua --against chk-12",
     {"-e", "--parallelism", "--set", "--against", "--drop-state", "--dir", "--json", "--source",
      "--help", NULL},
     tm_cli_plan},
    {"schema",
     "SOURCE",
     TM_CLI_SOURCE,
     "print the schema of files, a pipe, or the sources of a job",
     "Reads the first records and prints the schema that follows from them, for pasting into a "
     "job. SOURCE is a file, a\n"
     "folder, a pattern in quotes, - for standard input, or a job, whose sources are all "
     "described.",
     "tidemill schema data/orders.jsonl\n  tidemill schema 'logs/*.csv.gz' --sample 100\n"
     "  tidemill schema job.lua --luals > .tidemill/meta/records.lua",
     {"-e", "--format", "--sample", "--set", "--luals", "--json", "--help", NULL},
     tm_cli_schema},
    {"list",
     "",
     TM_CLI_NONE,
     "list the jobs that run",
     "Lists the jobs of this user that run on this machine, however they were started.",
     "tidemill list\n  tidemill list --json",
     {"--json", "--help", NULL},
     tm_cli_list},
    {"show",
     "JOB",
     TM_CLI_RUNNING,
     "show what a running job does",
     "Prints the rows of each operator so far, metrics and checkpoints. JOB is the job's name, the "
     "number of its process,\n"
     "or the folder of its checkpoints.",
     "tidemill show fraud\n  tidemill show .tidemill/fraud --json",
     {"--json", "--help", NULL},
     tm_cli_show},
    {"savepoint",
     "JOB [DIR]",
     TM_CLI_RUNNING,
     "take a savepoint of a running job",
     "A savepoint is a checkpoint for keeping: whole in its folder DIR, which may be moved, never "
     "removed by tidemill. By\n"
     "default it goes to savepoints/ in the folder of the job's checkpoints. `tidemill run --from` "
     "begins with it.",
     "tidemill savepoint fraud\n  tidemill savepoint fraud /backup/fraud-before-upgrade",
     {"--json", "--help", NULL},
     tm_cli_savepoint},
    {"stop",
     "JOB",
     TM_CLI_RUNNING,
     "stop a running job in order",
     "Takes a last checkpoint, makes its output visible and ends the job: `tidemill run` goes on "
     "there. Waits until it has\n"
     "ended. With --drain the job ends as if its input had, for good.",
     "tidemill stop fraud\n  tidemill stop fraud --drain",
     {"--drain", "--json", "--help", NULL},
     tm_cli_stop},
    {"cancel",
     "JOB",
     TM_CLI_RUNNING,
     "stop a running job at once",
     "Ends the job without another checkpoint: `tidemill run` goes on from the newest one.",
     "tidemill cancel fraud",
     {"--json", "--help", NULL},
     tm_cli_cancel},
    {"state",
     "get|scan|list JOB [STATE] [KEY]",
     TM_CLI_STATE,
     "read the state of a running job",
     "get prints what a state has for a key, scan what it has for all keys, each as a line of "
     "JSON; "
     "list its states.\n"
     "Of a state of no key (broadcast, a list of the operator) get takes none.\n"
     "STATE is OPERATOR.STATE, or one of them where that is plain. KEY is JSON, or a text as it "
     "is; "
     "a key of several\n"
     "columns is an object of them.",
     "tidemill state get fraud velocity.count u-17\n"
     "  tidemill state get sales totals '{\"shop\":3,\"day\":\"mon\"}'\n"
     "  tidemill state scan fraud velocity.count --limit 10",
     {"--limit", "--json", "--help", NULL},
     tm_cli_state},
    {"checkpoint",
     "show|verify|diff PATH [PATH]",
     TM_CLI_CHECKPOINT,
     "look into checkpoints and savepoints",
     "show prints what is in one: operators, their states, how many entries and bytes. verify "
     "reads "
     "all of it and says what\n"
     "is damaged. diff says in what two of them differ. PATH is the folder of a savepoint, of one "
     "checkpoint, or of a job,\n"
     "whose newest it is then.",
     "tidemill checkpoint show .tidemill/fraud\n"
     "  tidemill checkpoint verify .tidemill/fraud/chk-12\n"
     "  tidemill checkpoint diff .tidemill/fraud/chk-11 .tidemill/fraud/chk-12",
     {"--json", "--help", NULL},
     tm_cli_checkpoint},
    {"test",
     "[FILES]",
     TM_CLI_FILES,
     "run the specs of jobs, in virtual time",
     "Runs specs with busted (of Lua 5.1): files, folders of *_spec.lua, or by default the folder "
     "spec, else this one.\n"
     "tm.test(\"job.lua\") runs a job in one thread, with rows, event time and clock as the spec "
     "says.",
     "tidemill test\n  tidemill test spec/velocity_spec.lua --filter alerts --output junit\n"
     "  tidemill test --seeds 1000 --kills",
     {"--seeds", "--seed", "--kills", "--output", "--filter", "--filter-out", "--tags", "--serve",
      "--help", NULL},
     tm_cli_test},
    {"new",
     "NAME",
     TM_CLI_NAME,
     "make a project: a job, sample data, settings for editor and linter",
     "Makes the folder NAME, which must not exist or be empty. The editor's types of this version "
     "of "
     "tidemill are put into\n"
     "NAME/.tidemill/meta, where .luarc.json leads the Lua language server.",
     "tidemill new purchases\n  tidemill new --types .",
     {"--types", "--help", NULL},
     tm_cli_new},
    {"explain",
     "[CODE]",
     TM_CLI_CODE,
     "say what an error means, and what mends it",
     "Prints the cause, the fix and an example of an error, given as in its message (TM0307), as a "
     "number (307) or by\n"
     "its name (unknown_field). Without a code it lists all.",
     "tidemill explain TM0307",
     {"--json", "--help", NULL},
     tm_cli_explain},
    {"completion",
     "bash|zsh",
     TM_CLI_CHOICE,
     "print the completion script of a shell",
     "Prints a script that completes commands, flags, their values and names of files.",
     "source <(tidemill completion bash)\n  tidemill completion zsh > ~/.zfunc/_tidemill",
     {"--help", NULL},
     tm_cli_completion},
    {"man",
     "",
     TM_CLI_NONE,
     "print the manual page",
     "Prints the manual page in the form that `man` reads.",
     "tidemill man | man -l -",
     {"--help", NULL},
     tm_cli_man},
    {"version",
     "",
     TM_CLI_NONE,
     "print the version",
     "Prints the version of tidemill and of LuaJIT.",
     "tidemill version",
     {"--json", "--help", NULL},
     tm_cli_version},
    {"help",
     "[COMMAND]",
     TM_CLI_COMMAND,
     "explain a command",
     "Prints the commands, or one command with its flags.",
     "tidemill help run",
     {"--help", NULL},
     tm_cli_help},
    {NULL, NULL, TM_CLI_NONE, NULL, NULL, NULL, {NULL}, NULL},
};

const char tm_cli_exit_codes[] =
    "0\tfinished; also when the reader of the output has gone\n"
    "1\tthe job failed, the script is wrong, or --deny-warnings found warnings\n"
    "2\twrong use of the command line\n"
    "3\tstopped (Ctrl-C), with a checkpoint to go on from\n"
    "130\tstopped without one\n";

const struct tm_cli_command *tm_cli_find(const char *name)
{
    for (const struct tm_cli_command *c = tm_cli_commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

const struct tm_cli_flag *tm_cli_find_flag(const char *name)
{
    for (const struct tm_cli_flag *f = tm_cli_flags; f->name != NULL; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static void print_exit_codes(FILE *out)
{
    fprintf(out, "Exit codes:\n");
    for (const char *line = tm_cli_exit_codes; *line != '\0'; line = strchr(line, '\n') + 1) {
        int code = (int)strcspn(line, "\t");
        fprintf(out, "  %-4.*s %.*s\n", code, line, (int)strcspn(line + code + 1, "\n"),
                line + code + 1);
    }
}

void tm_cli_print_help(FILE *out, const struct tm_cli_command *command)
{
    if (command == NULL) {
        fprintf(out,
                "tidemill %s - stateful stream processing, jobs in Lua\n\nusage: tidemill COMMAND "
                "...\n\n",
                TM_VERSION);
        for (const struct tm_cli_command *c = tm_cli_commands; c->name != NULL; c++)
            fprintf(out, "  %-10s %-10s %s\n", c->name, c->arguments, c->summary);
        fprintf(out, "\n`tidemill help COMMAND` explains one.\n");
        print_exit_codes(out);
        return;
    }
    fprintf(out, "usage: tidemill %s %s%s\n\n%s\n\n", command->name, command->arguments,
            command->flags[1] != NULL ? " [FLAG]..." : "", command->description);
    for (int i = 0; command->flags[i] != NULL; i++) {
        const struct tm_cli_flag *flag = tm_cli_find_flag(command->flags[i]);
        char head[64];
        snprintf(head, sizeof head, "%s%s%s", flag->name, flag->value ? " " : "",
                 flag->value ? flag->value : "");
        fprintf(out, "  %-22s %s\n", head, flag->doc);
    }
    fprintf(out, "\nExample:\n  %s\n", command->example);
}
