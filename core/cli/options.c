// Parsing the command line by the table of commands.
#include "core/cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/loop/real.h"

static int unknown_command(const char *name, struct tm_error *err)
{
    const char *names[32];
    size_t count = 0;
    for (const struct tm_cli_command *c = tm_cli_commands; c->name != NULL && count < 32; c++)
        names[count++] = c->name;
    const char *nearest = tm_text_nearest(name, names, count);
    tm_error_set(err, TM_E_USAGE, "there is no command '%s'", name);
    size_t length = strlen(name);
    if (length > 4 && strcmp(name + length - 4, ".lua") == 0)
        tm_error_hint(err, "to run a job: tidemill run %s", name);
    else if (nearest != NULL)
        tm_error_hint(err, "did you mean `tidemill %s`? `tidemill help` lists the commands",
                      nearest);
    else
        tm_error_hint(err, "`tidemill help` lists the commands");
    return TM_E_USAGE;
}

static int unknown_flag(const struct tm_cli_command *command, const char *flag,
                        struct tm_error *err)
{
    size_t count = 0;
    while (command->flags[count] != NULL)
        count++;
    const char *nearest = tm_text_nearest(flag, command->flags, count);
    tm_error_set(err, TM_E_USAGE, "`tidemill %s` has no flag '%s'", command->name, flag);
    if (nearest != NULL)
        tm_error_hint(err, "did you mean %s? `tidemill help %s` lists the flags", nearest,
                      command->name);
    else
        tm_error_hint(err, "`tidemill help %s` lists the flags", command->name);
    return TM_E_USAGE;
}

static int parse_set(struct tm_cli_options *options, const char *value, struct tm_error *err)
{
    const char *equals = strchr(value, '=');
    if (equals == NULL || equals == value) {
        tm_error_set(err, TM_E_USAGE, "--set needs NAME=VALUE, not '%s'", value);
        tm_error_hint(err, "for example: --set input=data.jsonl");
        return TM_E_USAGE;
    }
    if (options->set_count == TM_CLI_SETS_MAX)
        return tm_error_set(err, TM_E_USAGE, "more than %d --set flags", TM_CLI_SETS_MAX);
    char *name = strndup(value, (size_t)(equals - value));
    if (name == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory");
    options->set_copies[options->set_count] = name;
    options->set_names[options->set_count] = name;
    options->set_values[options->set_count] = equals + 1;
    options->set_count++;
    return 0;
}

// A whole number from 1 to `most`.
static int parse_count(const char *flag, const char *value, long most, uint32_t *count,
                       const char *hint, struct tm_error *err)
{
    char *end;
    long n = strtol(value, &end, 10);
    if (*value == '\0' || *end != '\0' || n < 1 || n > most) {
        tm_error_set(err, TM_E_USAGE, "%s needs a whole number from 1 to %ld, not '%s'", flag, most,
                     value);
        tm_error_hint(err, "%s", hint);
        return TM_E_USAGE;
    }
    *count = (uint32_t)n;
    return 0;
}

static int parse_port(struct tm_cli_options *options, const char *value, struct tm_error *err)
{
    char *end;
    long n = strtol(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || n > 65535) {
        tm_error_set(err, TM_E_USAGE, "--metrics needs a port from 0 to 65535, not '%s'", value);
        tm_error_hint(err, "0 takes one that is free, which the log tells");
        return TM_E_USAGE;
    }
    options->metrics = true;
    options->metrics_port = (uint32_t)n;
    return 0;
}

static int parse_format(struct tm_cli_options *options, const char *value, struct tm_error *err)
{
    static const char *const formats[] = {"json", "csv", "msgpack"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(value, formats[i]) == 0) {
            options->format = formats[i];
            return 0;
        }
    }
    return tm_error_set(err, TM_E_USAGE, "--format is json, csv or msgpack, not '%s'", value);
}

static int too_many_words(struct tm_error *err)
{
    return tm_error_set(err, TM_E_USAGE, "`tidemill test` takes up to %d files and flags",
                        TM_CLI_REST_MAX);
}

// Of `test`: what busted is told.
static int pass_flag(struct tm_cli_options *options, const char *name, const char *value,
                     struct tm_error *err)
{
    if (options->rest_count + 2 > TM_CLI_REST_MAX)
        return too_many_words(err);
    options->rest[options->rest_count++] = name;
    options->rest[options->rest_count++] = value;
    return 0;
}

static int apply_flag(struct tm_cli_options *options, const char *name, const char *value,
                      struct tm_error *err)
{
    if (strcmp(name, "--parallelism") == 0)
        return parse_count(name, value, TM_PARALLELISM_MAX, &options->parallelism,
                           "leave it out to use every core", err);
    if (strcmp(name, "--max-parallelism") == 0)
        return parse_count(name, value, TM_MAX_PARALLELISM, &options->max_parallelism,
                           "leave it out to keep what the checkpoint has", err);
    if (strcmp(name, "--limit") == 0)
        return parse_count(name, value, TM_CLI_LIMIT_MAX, &options->limit,
                           "leave it out for 100 keys", err);
    if (strcmp(name, "--metrics") == 0)
        return parse_port(options, value, err);
    if (strcmp(name, "--dir") == 0 || strcmp(name, "--from") == 0 ||
        strcmp(name, "--against") == 0) {
        if (value[0] == '\0')
            return tm_error_set(err, TM_E_USAGE, "the value of %s is empty", name);
        *(strcmp(name, "--dir") == 0    ? &options->dir
          : strcmp(name, "--from") == 0 ? &options->from
                                        : &options->against) = value;
        return 0;
    }
    if (strcmp(name, "--drop-state") == 0) {
        if (value[0] == '\0')
            return tm_error_set(err, TM_E_USAGE, "the value of %s is empty", name);
        if (options->drop_count == TM_CLI_DROPS_MAX)
            return tm_error_set(err, TM_E_USAGE, "more than %d --drop-state flags",
                                TM_CLI_DROPS_MAX);
        options->drops[options->drop_count++] = value;
        return 0;
    }
    if (strcmp(name, "--sample") == 0)
        return parse_count(name, value, TM_CLI_SAMPLE_MAX, &options->sample,
                           "leave it out to look at 1000 records", err);
    if (strcmp(name, "--format") == 0)
        return parse_format(options, value, err);
    if (strcmp(name, "--set") == 0)
        return parse_set(options, value, err);
    if (strcmp(name, "-e") == 0) {
        if (options->code != NULL)
            return tm_error_set(err, TM_E_USAGE, "-e is given twice; a job is one text");
        options->code = value;
        return 0;
    }
    if (strcmp(name, "--watch-output") == 0) {
        if (strcmp(value, "table") != 0)
            return tm_error_set(err, TM_E_USAGE, "--watch-output is table, not '%s'", value);
        options->watch_table = true;
        return 0;
    }
    if (strcmp(name, "--log") == 0) {
        if (strcmp(value, "text") != 0 && strcmp(value, "json") != 0)
            return tm_error_set(err, TM_E_USAGE, "--log is text or json, not '%s'", value);
        options->log = value;
        return 0;
    }
    if (strcmp(name, "--serve") == 0) {
        options->serve = value;
        return 0;
    }
    if (strcmp(name, "--seeds") == 0)
        return parse_count(name, value, TM_CLI_SEEDS_MAX, &options->seeds,
                           "leave it out to run the specs once", err);
    if (strcmp(name, "--seed") == 0)
        return parse_count(name, value, TM_CLI_SEEDS_MAX, &options->seed, "seeds begin with 1",
                           err);
    if (strcmp(name, "--kills") == 0) {
        options->kills = true;
        return 0;
    }
    if (options->argument == TM_CLI_FILES && strcmp(name, "--help") != 0)
        return pass_flag(options, name, value, err);
    if (strcmp(name, "--json") == 0)
        options->json = true;
    else if (strcmp(name, "--quiet") == 0)
        options->quiet = true;
    else if (strcmp(name, "--luals") == 0)
        options->luals = true;
    else if (strcmp(name, "--drain") == 0)
        options->drain = true;
    else if (strcmp(name, "--source") == 0)
        options->source = true;
    else if (strcmp(name, "--fresh") == 0)
        options->fresh = true;
    else if (strcmp(name, "--no-checkpoints") == 0)
        options->no_checkpoints = true;
    else if (strcmp(name, "--no-supervisor") == 0)
        options->no_supervisor = true;
    else if (strcmp(name, "--types") == 0)
        options->types = true;
    else if (strcmp(name, "--deny-warnings") == 0)
        options->deny_warnings = true;
    else if (strcmp(name, "--help") == 0)
        options->help = true;
    return 0;
}

// A flag at argv[*i], with its value in the same word (--set=a=b) or the next.
static int parse_flag(int argc, char **argv, int *i, const struct tm_cli_command *command,
                      struct tm_cli_options *options, struct tm_error *err)
{
    char name[64];
    const char *word = argv[*i];
    const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    size_t length = equals != NULL ? (size_t)(equals - word) : strlen(word);
    snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), word);
    if (strcmp(name, "-h") == 0)
        snprintf(name, sizeof name, "--help");
    bool known = false;
    for (int f = 0; command->flags[f] != NULL; f++)
        known = known || strcmp(command->flags[f], name) == 0;
    if (!known)
        return unknown_flag(command, name, err);
    const struct tm_cli_flag *flag = tm_cli_find_flag(name);
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (flag->value == NULL && value != NULL)
        return tm_error_set(err, TM_E_USAGE, "%s takes no value", name);
    if (flag->value != NULL && value == NULL) {
        if (*i + 1 >= argc) {
            tm_error_set(err, TM_E_USAGE, "%s needs a value: %s %s", name, name, flag->value);
            return TM_E_USAGE;
        }
        value = argv[++*i];
    }
    return apply_flag(options, flag->name, value, err); // which outlives this call
}

// The argument is there when the command needs one, and once.
static int check_argument(const struct tm_cli_command *command,
                          const struct tm_cli_options *options, struct tm_error *err)
{
    static const char *const what[] = {
        [TM_CLI_NONE] = "",         [TM_CLI_JOB] = "job",      [TM_CLI_COMMAND] = "command",
        [TM_CLI_CODE] = "code",     [TM_CLI_CHOICE] = "shell", [TM_CLI_NAME] = "project",
        [TM_CLI_SOURCE] = "source", [TM_CLI_FILES] = "spec",   [TM_CLI_CHECKPOINT] = "word",
        [TM_CLI_RUNNING] = "job",   [TM_CLI_STATE] = "word"};
    const char *name = command->name, *kind = what[command->argument];
    bool optional = command->argument == TM_CLI_NONE || command->argument == TM_CLI_COMMAND ||
                    command->argument == TM_CLI_CODE || command->argument == TM_CLI_FILES;
    if (options->file != NULL && options->file[0] == '\0')
        return tm_error_set(err, TM_E_USAGE, "`tidemill %s`: the name of the %s is empty", name,
                            kind);
    if (options->file != NULL && options->code != NULL) {
        tm_error_set(err, TM_E_USAGE, "`tidemill %s` takes a job or -e, given both", name);
        tm_error_hint(err, "the job here is the text after -e; '%s' is one too many",
                      options->file);
        return TM_E_USAGE;
    }
    if (options->fresh && (options->from != NULL || options->drop_count != 0)) {
        tm_error_set(err, TM_E_USAGE,
                     "--fresh begins anew, and %s is about a checkpoint to begin with",
                     options->from != NULL ? "--from" : "--drop-state");
        tm_error_hint(err, "leave one of them out");
        return TM_E_USAGE;
    }
    if (options->file == NULL && options->code == NULL && !optional && !options->help) {
        tm_error_set(err, TM_E_USAGE, "`tidemill %s` needs a %s", name, kind);
        tm_error_hint(err, "tidemill %s %s", name, command->arguments);
        return TM_E_USAGE;
    }
    return 0;
}

// How many words may stand behind the first.
static uint32_t words_behind(const struct tm_cli_command *command)
{
    return command->argument == TM_CLI_CHECKPOINT         ? 2
           : command->argument == TM_CLI_STATE            ? 3
           : strcmp(command->arguments, "JOB [DIR]") == 0 ? 1
                                                          : 0;
}

int tm_cli_parse(int argc, char **argv, struct tm_cli_options *options,
                 const struct tm_cli_command **command, struct tm_error *err)
{
    *options = (struct tm_cli_options){0};
    *command = NULL;
    if (argc < 2)
        return 0;
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    *command = tm_cli_find(name);
    if (*command == NULL)
        return unknown_command(name, err);
    options->command = name;
    options->argument = (*command)->argument;
    bool flags_ended = false; // by --: what follows may begin with a dash
    for (int i = 2; i < argc; i++) {
        int rc = 0;
        if (!flags_ended && strcmp(argv[i], "--") == 0)
            flags_ended = true;
        else if (!flags_ended && argv[i][0] == '-' && argv[i][1] != '\0')
            rc = parse_flag(argc, argv, &i, *command, options, err);
        else if ((*command)->argument == TM_CLI_FILES && options->rest_count < TM_CLI_REST_MAX)
            options->rest[options->rest_count++] = argv[i];
        else if ((*command)->argument == TM_CLI_FILES)
            rc = too_many_words(err);
        else if (options->file != NULL && options->rest_count < words_behind(*command))
            options->rest[options->rest_count++] = argv[i];
        else if (options->file != NULL || (*command)->arguments[0] == '\0')
            rc = tm_error_set(err, TM_E_USAGE, "`tidemill %s` does not know what to do with '%s'",
                              name, argv[i]);
        else
            options->file = argv[i];
        if (rc != 0)
            return rc;
    }
    return check_argument(*command, options, err);
}

void tm_cli_options_fini(struct tm_cli_options *options)
{
    for (uint32_t i = 0; i < options->set_count; i++)
        free(options->set_copies[i]);
}

void tm_cli_say(const struct tm_log *log, const struct tm_error *err)
{
    char code[8], text[64];
    tm_log_error(log, err);
    if (log->json || !log->fx->files->is_terminal(log->fx->ctx, 2))
        return;
    int length = snprintf(text, sizeof text, "  more: tidemill explain %s\n",
                          tm_error_code_text(err->code, code));
    struct tm_error ignored = {0}; // a terminal that has gone has nobody to tell
    (void)log->fx->files->write_all(log->fx->ctx, 2, text, (size_t)length, NULL, &ignored);
}

int tm_cli_fail(const struct tm_cli_options *options, const struct tm_error *err, int exit_code)
{
    struct tm_fx fx;
    struct tm_error ignored = {0};
    if (tm_real_init(&fx, &ignored) != 0)
        return exit_code;
    struct tm_log log = {.fx = &fx, .level = TM_LOG_INFO, .color = tm_fx_terminal(&fx, 2).color};
    log.json = options->log != NULL && strcmp(options->log, "json") == 0;
    tm_cli_say(&log, err);
    tm_real_fini(&fx);
    return exit_code;
}
