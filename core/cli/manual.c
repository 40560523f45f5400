// `tidemill man`: the manual page in roff (man macros), made from the table of commands.
#include <stdio.h>
#include <string.h>

#include "core/cli/options.h"

// Text whose characters mean nothing to roff. A line of its own may not begin with a dot or quote.
static void put(FILE *out, const char *text)
{
    bool begins = true;
    for (; *text != '\0'; text++) {
        if (begins && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        begins = *text == '\n';
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\'')
            fputs("\\(aq", out);
        else if (*text == '`')
            fputs("\\(ga", out);
        else if (*text == '~')
            fputs("\\(ti", out);
        else
            fputc(*text, out);
    }
}

static void put_flag(FILE *out, const struct tm_cli_flag *flag)
{
    fprintf(out, ".TP\n\\fB");
    put(out, flag->name);
    fprintf(out, "\\fR");
    if (flag->value != NULL) {
        fprintf(out, " \\fI");
        put(out, flag->value);
        fprintf(out, "\\fR");
    }
    fprintf(out, "\n");
    put(out, flag->doc);
    fprintf(out, "\n");
}

// Lines after the first are indented in the table; here all are alike.
static void put_example(FILE *out, const char *example)
{
    fprintf(out, ".PP\n.nf\n.RS\n");
    while (*example != '\0') {
        char line[512];
        size_t length = strcspn(example, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, example);
        put(out, line);
        fprintf(out, "\n");
        example += length + (example[length] == '\n');
        example += strspn(example, " ");
    }
    fprintf(out, ".RE\n.fi\n");
}

static void put_command(FILE *out, const struct tm_cli_command *command)
{
    fprintf(out, ".SS \"tidemill %s", command->name);
    if (command->arguments[0] != '\0') {
        fprintf(out, " ");
        put(out, command->arguments);
    }
    fprintf(out, "\"\n");
    put(out, command->description);
    fprintf(out, "\n");
    for (int i = 0; command->flags[i] != NULL; i++)
        put_flag(out, tm_cli_find_flag(command->flags[i]));
    put_example(out, command->example);
}

int tm_cli_man(const struct tm_cli_options *options)
{
    FILE *out = options->out;
    fprintf(out,
            ".\\\" Made by `tidemill man`.\n"
            ".TH TIDEMILL 1 \"\" \"tidemill %s\" \"User Commands\"\n"
            ".SH NAME\n"
            "tidemill \\- stateful stream processing, jobs in Lua\n"
            ".SH SYNOPSIS\n"
            ".B tidemill\n"
            ".I COMMAND\n"
            "[\\fIARGUMENT\\fR] [\\fIFLAG\\fR]...\n"
            ".SH DESCRIPTION\n"
            "A job is a Lua file that returns a stream: sources, operators with functions of "
            "yours, sinks.\n"
            "tidemill checks it and runs it, compiled, on all cores of this machine.\n"
            ".SH COMMANDS\n",
            TM_VERSION);
    for (const struct tm_cli_command *c = tm_cli_commands; c->name != NULL; c++)
        put_command(out, c);
    fprintf(out, ".SH \"EXIT STATUS\"\n");
    for (const char *line = tm_cli_exit_codes; *line != '\0'; line = strchr(line, '\n') + 1) {
        char text[256];
        int code = (int)strcspn(line, "\t");
        snprintf(text, sizeof text, "%.*s", (int)strcspn(line + code + 1, "\n"), line + code + 1);
        fprintf(out, ".TP\n.B %.*s\n", code, line);
        put(out, text);
        fprintf(out, "\n");
    }
    return TM_EXIT_FINISHED;
}
