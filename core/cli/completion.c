// `tidemill completion`: scripts for shells, made from the table of commands. A word is completed
// by what the table says of it: commands, flags of the command, choices of a flag, codes of errors,
// files.
#include <stdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/cli/options.h"

static bool is_choice(const char *value)
{
    return value != NULL && (strchr(value, '|') != NULL || (value[0] >= 'a' && value[0] <= 'z'));
}

// "text|json" as "text json".
static void put_choices(FILE *out, const char *value)
{
    for (; *value != '\0'; value++)
        fputc(*value == '|' ? ' ' : *value, out);
}

static void put_flags(FILE *out, const struct tm_cli_command *command)
{
    for (int i = 0; command->flags[i] != NULL; i++)
        fprintf(out, "%s%s", i == 0 ? "" : " ", command->flags[i]);
}

static void put_commands(FILE *out)
{
    for (const struct tm_cli_command *c = tm_cli_commands; c->name != NULL; c++)
        fprintf(out, "%s%s", c == tm_cli_commands ? "" : " ", c->name);
}

static void put_codes(FILE *out)
{
    static const int codes[] = {
#define TM_ERROR(name, number, title) number,
#include "core/base/errors.def"
#undef TM_ERROR
    };
    char text[8];
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        fprintf(out, "%s%s", i == 0 ? "" : " ", tm_error_code_text(-codes[i], text));
}

// --- bash ----------------------------------------------------------------------------------------

static void bash_argument(FILE *out, const struct tm_cli_command *command)
{
    switch (command->argument) {
    case TM_CLI_JOB:
    case TM_CLI_FILES:
        fprintf(out, "        _tidemill_files lua\n");
        break;
    case TM_CLI_SOURCE:
        fprintf(out, "        compopt -o filenames 2>/dev/null\n"
                     "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n");
        break;
    case TM_CLI_CHECKPOINT:
        fprintf(out, "        if [ \"$COMP_CWORD\" -eq 2 ]; then\n"
                     "            _tidemill_words \"show verify diff\"\n"
                     "        else\n"
                     "            compopt -o filenames 2>/dev/null\n"
                     "            mapfile -t COMPREPLY < <(compgen -d -- \"$word\")\n"
                     "        fi\n");
        break;
    case TM_CLI_RUNNING:
        fprintf(out, " \\\n            '1:job:_tidemill_jobs' '2:folder:_files -/'");
        break;
    case TM_CLI_STATE:
        fprintf(out, " \\\n            '1:word:(get scan list)' '2:job:_tidemill_jobs'");
        break;
    case TM_CLI_COMMAND:
        fprintf(out, "        _tidemill_words \"");
        put_commands(out);
        fprintf(out, "\"\n");
        break;
    case TM_CLI_CODE:
        fprintf(out, "        _tidemill_words \"");
        put_codes(out);
        fprintf(out, "\"\n");
        break;
    case TM_CLI_CHOICE:
        fprintf(out, "        _tidemill_words \"");
        put_choices(out, command->arguments);
        fprintf(out, "\"\n");
        break;
    default:
        fprintf(out, "        :\n");
    }
}

static void print_bash(FILE *out)
{
    fprintf(out, "# bash completion of tidemill, made by `tidemill completion bash`.\n"
                 "_tidemill_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$word\"); }\n"
                 "_tidemill_files() {\n"
                 "    compopt -o filenames 2>/dev/null\n"
                 "    mapfile -t COMPREPLY < <(compgen -d -- \"$word\"; compgen -f -X \"!*.$1\" -- "
                 "\"$word\")\n"
                 "}\n"
                 "_tidemill_jobs() { tidemill list 2>/dev/null | sed -n '2,$s/   *.*//p'; }\n"
                 "_tidemill() {\n"
                 "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                 "    local command=${COMP_WORDS[1]}\n"
                 "    COMPREPLY=()\n"
                 "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "        _tidemill_words \"");
    put_commands(out);
    fprintf(out, " --help --version\"\n        return\n    fi\n    case $before in\n");
    for (const struct tm_cli_flag *f = tm_cli_flags; f->name != NULL; f++) {
        if (f->value == NULL)
            continue;
        fprintf(out, "    %s)\n", f->name);
        if (is_choice(f->value)) {
            fprintf(out, "        _tidemill_words \"");
            put_choices(out, f->value);
            fprintf(out, "\"\n");
        }
        fprintf(out, "        return\n        ;;\n");
    }
    fprintf(out, "    esac\n    case $command in\n");
    for (const struct tm_cli_command *c = tm_cli_commands; c->name != NULL; c++) {
        fprintf(out, "    %s)\n        if [[ $word == -* ]]; then\n            _tidemill_words \"",
                c->name);
        put_flags(out, c);
        fprintf(out, "\"\n            return\n        fi\n");
        bash_argument(out, c);
        fprintf(out, "        ;;\n");
    }
    fprintf(out, "    esac\n}\ncomplete -F _tidemill tidemill\n");
}

// --- zsh -----------------------------------------------------------------------------------------

// Text within an argument of _arguments: inside single quotes, where brackets and colons count.
static void put_zsh(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr("[]:\\`", *text) != NULL)
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void zsh_argument(FILE *out, const struct tm_cli_command *command)
{
    switch (command->argument) {
    case TM_CLI_JOB:
        fprintf(out, " \\\n            '1:job:_files -g \"*.lua\"'");
        break;
    case TM_CLI_FILES:
        fprintf(out, " \\\n            '*:spec:_files -g \"*.lua\"'");
        break;
    case TM_CLI_SOURCE:
        fprintf(out, " \\\n            '1:source:_files'");
        break;
    case TM_CLI_CHECKPOINT:
        fprintf(out, " \\\n            '1:word:(show verify diff)' '*:checkpoint:_files -/'");
        break;
    case TM_CLI_RUNNING:
        fprintf(out, " \\\n            '1:job:($(tidemill list 2>/dev/null | sed -n "
                     "\"2,\\$s/   *.*//p\"))' '2:folder:_files -/'");
        break;
    case TM_CLI_STATE:
        fprintf(out, " \\\n            '1:word:(get scan)' '2:job:($(tidemill list 2>/dev/null | "
                     "sed -n \"2,\\$s/   *.*//p\"))'");
        break;
    case TM_CLI_COMMAND:
        fprintf(out, " \\\n            '1:command:(");
        put_commands(out);
        fprintf(out, ")'");
        break;
    case TM_CLI_CODE:
        fprintf(out, " \\\n            '1:code:(");
        put_codes(out);
        fprintf(out, ")'");
        break;
    case TM_CLI_CHOICE:
        fprintf(out, " \\\n            '1:choice:(");
        put_choices(out, command->arguments);
        fprintf(out, ")'");
        break;
    default:
        break;
    }
}

static void zsh_flag(FILE *out, const struct tm_cli_flag *flag)
{
    bool repeats = strcmp(flag->name, "--set") == 0;
    fprintf(out, " \\\n            '%s%s[", repeats ? "*" : "", flag->name);
    put_zsh(out, flag->doc);
    fprintf(out, "]");
    if (is_choice(flag->value)) {
        fprintf(out, ":value:(");
        put_choices(out, flag->value);
        fprintf(out, ")");
    } else if (flag->value != NULL) {
        fprintf(out, ":%s:", flag->value);
    }
    fprintf(out, "'");
}

static void print_zsh(FILE *out)
{
    fprintf(out, "#compdef tidemill\n"
                 "# zsh completion of tidemill, made by `tidemill completion zsh`.\n"
                 "_tidemill_jobs() {\n"
                 "    local -a jobs\n"
                 "    jobs=(${(f)\"$(tidemill list 2>/dev/null | sed -n '2,$s/   *.*//p')\"})\n"
                 "    _describe job jobs\n"
                 "}\n"
                 "_tidemill() {\n"
                 "    local -a commands\n"
                 "    commands=(\n");
    for (const struct tm_cli_command *c = tm_cli_commands; c->name != NULL; c++) {
        fprintf(out, "        '%s:", c->name);
        put_zsh(out, c->summary);
        fprintf(out, "'\n");
    }
    fprintf(out, "    )\n"
                 "    if (( CURRENT == 2 )); then\n"
                 "        _describe command commands\n"
                 "        return\n"
                 "    fi\n"
                 "    shift words\n"
                 "    (( CURRENT-- ))\n"
                 "    case $words[1] in\n");
    for (const struct tm_cli_command *c = tm_cli_commands; c->name != NULL; c++) {
        fprintf(out, "    %s)\n        _arguments", c->name);
        for (int i = 0; c->flags[i] != NULL; i++)
            zsh_flag(out, tm_cli_find_flag(c->flags[i]));
        zsh_argument(out, c);
        fprintf(out, "\n        ;;\n");
    }
    fprintf(out, "    esac\n}\n"
                 "if [ \"$funcstack[1]\" = _tidemill ]; then\n"
                 "    _tidemill \"$@\"\n"
                 "else\n"
                 "    compdef _tidemill tidemill\n"
                 "fi\n");
}

int tm_cli_completion(const struct tm_cli_options *options)
{
    if (strcmp(options->file, "bash") == 0) {
        print_bash(options->out);
    } else if (strcmp(options->file, "zsh") == 0) {
        print_zsh(options->out);
    } else {
        struct tm_error err = {0};
        tm_error_set(&err, TM_E_USAGE, "there is no completion for the shell '%s'", options->file);
        tm_error_hint(&err, "tidemill completion bash, or tidemill completion zsh");
        return tm_cli_fail(options, &err, TM_EXIT_USAGE);
    }
    return TM_EXIT_FINISHED;
}
