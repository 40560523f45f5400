// `tidemill explain`: the catalogue of errors for people, and as JSON for the pages and tests that
// are made from it.
#include "core/cli/catalogue.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "core/cli/options.h"

enum { WIDTH = 100, CODES_MAX = 512 };

static const int codes[] = {
#define TM_ERROR(name, number, title) -(number),
#include "core/base/errors.def"
#undef TM_ERROR
};
enum { CODES = sizeof codes / sizeof codes[0] };
_Static_assert((int)CODES <= (int)CODES_MAX, "more codes than there is room for");

const struct tm_catalogue_entry *tm_catalogue_find(int code)
{
    for (const struct tm_catalogue_entry *e = tm_catalogue; e->code != 0; e++)
        if (e->code == code)
            return e;
    return NULL;
}

const char *tm_catalogue_group(int code)
{
    const struct tm_catalogue_entry *entry = tm_catalogue_find(code);
    return entry == NULL ? "script" : entry->group;
}

// --- for people ----------------------------------------------------------------------------------

// Words within the width, each line behind `indent`.
static void put_prose(FILE *out, const char *indent, const char *text)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        bool breaks = column != 0 && column + 1 + length > WIDTH;
        if (column == 0 || breaks) {
            fprintf(out, "%s%s", breaks ? "\n" : "", indent);
            column = strlen(indent);
        } else {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", (int)length, text);
        column += length;
        text += length + (text[length] == ' ');
    }
    fputc('\n', out);
}

static void put_lines(FILE *out, const char *indent, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        fprintf(out, "%s%.*s\n", length == 0 ? "" : indent, (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void put_entry(FILE *out, int code)
{
    const struct tm_catalogue_entry *e = tm_catalogue_find(code);
    char text[8];
    fprintf(out, "%s: %s\n", tm_error_code_text(code, text), tm_error_title(code));
    if (e == NULL)
        return;
    fprintf(out, "\nCause\n");
    put_prose(out, "  ", e->cause);
    fprintf(out, "\nFix\n");
    put_prose(out, "  ", e->fix);
    fprintf(out, "\nExample\n");
    if (e->run == NULL) {
        put_prose(out, "  ", e->without);
        return;
    }
    for (const struct tm_catalogue_file *f = e->files; f->name != NULL; f++) {
        fprintf(out, "  %s\n", f->name);
        put_lines(out, "      ", f->text);
        fputc('\n', out);
    }
    put_lines(out, "  $ ", e->run);
}

static void put_list(FILE *out)
{
    static const char *const ranges[] = {NULL,
                                         "The machine",
                                         "The command line",
                                         "The job's script",
                                         "Records",
                                         "Your code and its rows",
                                         "Findings about jobs that run"};
    int range = 0;
    char text[8];
    for (int i = 0; i < CODES; i++) {
        int hundred = -codes[i] / 100;
        if (hundred != range && hundred < (int)(sizeof ranges / sizeof ranges[0]))
            fprintf(out, "%s%s\n", range == 0 ? "" : "\n", ranges[hundred]);
        range = hundred;
        fprintf(out, "  %s  %s\n", tm_error_code_text(codes[i], text), tm_error_title(codes[i]));
    }
    fprintf(out, "\n`tidemill explain CODE` explains one.\n");
}

// --- for machines --------------------------------------------------------------------------------

static json_t *entry_json(int code)
{
    char text[8];
    const struct tm_catalogue_entry *e = tm_catalogue_find(code);
    json_t *o = json_object();
    json_object_set_new(o, "code", json_string(tm_error_code_text(code, text)));
    json_object_set_new(o, "name", json_string(tm_error_name(code)));
    json_object_set_new(o, "title", json_string(tm_error_title(code)));
    if (e == NULL)
        return o;
    json_object_set_new(o, "group", json_string(e->group));
    json_object_set_new(o, "cause", json_string(e->cause));
    json_object_set_new(o, "fix", json_string(e->fix));
    if (e->run == NULL) {
        json_object_set_new(o, "without_example", json_string(e->without));
        return o;
    }
    json_t *files = json_array();
    for (const struct tm_catalogue_file *f = e->files; f->name != NULL; f++)
        json_array_append_new(files, json_pack("{s:s,s:s}", "name", f->name, "text", f->text));
    json_object_set_new(o, "files", files);
    json_object_set_new(o, "run", json_string(e->run));
    return o;
}

static void put_json(FILE *out, json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT);
    if (text != NULL)
        fprintf(out, "%s\n", text);
    free(text);
    json_decref(root);
}

static int list(const struct tm_cli_options *options)
{
    if (!options->json) {
        put_list(options->out);
        return TM_EXIT_FINISHED;
    }
    json_t *all = json_array();
    for (int i = 0; i < CODES; i++)
        json_array_append_new(all, entry_json(codes[i]));
    put_json(options->out, json_pack("{s:o}", "errors", all));
    return TM_EXIT_FINISHED;
}

// --- which ---------------------------------------------------------------------------------------

// "TM0307", "307" and "unknown_field" as a code; 0: none of ours.
static int code_of(const char *given)
{
    const char *digits = strncasecmp(given, "TM", 2) == 0 ? given + 2 : given;
    char *end;
    long number = isdigit((unsigned char)*digits) ? strtol(digits, &end, 10) : 0;
    bool is_number = number > 0 && *end == '\0';
    for (int i = 0; i < CODES; i++)
        if (is_number ? codes[i] == -number : strcasecmp(tm_error_name(codes[i]), given) == 0)
            return codes[i];
    return 0;
}

static int no_such_code(const struct tm_cli_options *options)
{
    static char texts[CODES_MAX][8];
    const char *names[2 * CODES_MAX];
    struct tm_error err = {0};
    for (int i = 0; i < CODES; i++) {
        names[i] = tm_error_name(codes[i]);
        names[CODES + i] = tm_error_code_text(codes[i], texts[i]);
    }
    const char *nearest = tm_text_nearest(options->file, names, 2 * CODES);
    tm_error_set(&err, TM_E_USAGE, "there is no error '%s'", options->file);
    if (nearest != NULL)
        tm_error_hint(&err, "did you mean `tidemill explain %s`? `tidemill explain` lists all",
                      nearest);
    else
        tm_error_hint(&err, "`tidemill explain` lists all");
    return tm_cli_fail(options, &err, TM_EXIT_USAGE);
}

int tm_cli_explain(const struct tm_cli_options *options)
{
    if (options->file == NULL)
        return list(options);
    int code = code_of(options->file);
    if (code == 0)
        return no_such_code(options);
    if (options->json)
        put_json(options->out, entry_json(code));
    else
        put_entry(options->out, code);
    return TM_EXIT_FINISHED;
}
