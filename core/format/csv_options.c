// Options of CSV: the table, and the rules that a table cannot say.
#include "core/format/csv_options.h"

#include <string.h>
#include <strings.h>

#include "core/format/columns.h"

static const char what[] = "tm.csv";

const struct tm_option_def tm_csv_option_defs[] = {
    {"delimiter", TM_OPTION_STRING, false, ",", "the character between fields", NULL},
    {"quote", TM_OPTION_STRING, false, "\"",
     "the character around fields that hold a delimiter or a line end; empty: none", NULL},
    {"escape", TM_OPTION_STRING, false, "double",
     "how a quote stands inside quotes: doubled, or behind a backslash, which then takes the "
     "meaning of any character",
     "double|backslash"},
    {"header", TM_OPTION_BOOL, false, "true",
     "the first line names the columns; without, they are the schema's, in its order", NULL},
    {"null", TM_OPTION_STRING, false, "",
     "the texts that mean null when they are not quoted, one a line; the first one is written; "
     "empty quotes are null in all columns but texts",
     NULL},
    {"comment", TM_OPTION_STRING, false, "", "a line that begins with this character is skipped",
     NULL},
    {"skip_lines", TM_OPTION_INT, false, "0", "lines in front of the header that are skipped",
     NULL},
    {"ragged", TM_OPTION_STRING, false, "error",
     "records with too few or too many fields: an error, missing fields are null, surplus fields "
     "are dropped, or both",
     "error|pad|truncate|both"},
    {"trailing_delimiter", TM_OPTION_BOOL, false, "false",
     "a record may end with one more delimiter", NULL},
    {"decimal", TM_OPTION_STRING, false, ".", "the point of numbers", ".|,"},
    {"bools", TM_OPTION_STRING, false, "true/false",
     "the texts of true and false; \"any\" reads every usual one", NULL},
    {"quoting", TM_OPTION_STRING, false, "needed", "which fields are written in quotes",
     "needed|all"},
    {"line_end", TM_OPTION_STRING, false, "lf", "how written lines end", "lf|crlf"},
    {.name = NULL},
};

static int bad_option(struct tm_error *err, const char *name, const char *must, const char *given)
{
    return tm_error_set(err, TM_E_OPTION, "%s: %s must be %s, not \"%s\"", what, name, must, given);
}

// One ASCII character that can stand between or around fields; `or_none`: or nothing, which is 0.
static int take_character(const struct tm_options *o, const char *name, bool or_none,
                          uint8_t *character, struct tm_error *err)
{
    const char *text = tm_options_text(o, name);
    uint8_t c = (uint8_t)text[0];
    *character = c;
    if ((or_none && c == 0) ||
        (c != 0 && text[1] == 0 && c < 0x80 && c != '\n' && c != '\r' && c != 0x7F))
        return 0;
    return bad_option(err, name, or_none ? "one ASCII character, or empty" : "one ASCII character",
                      text);
}

// Can it stand alone between two delimiters without being taken for something else?
static bool can_be_null(const struct tm_csv_options *o, const char *text, size_t length)
{
    if (length == 0)
        return true;
    return length <= TM_CSV_NULL_BYTES_MAX && memchr(text, '\r', length) == NULL &&
           memchr(text, o->delimiter, length) == NULL &&
           (o->quote == 0 || memchr(text, o->quote, length) == NULL) &&
           (o->comment == 0 || *text != (char)o->comment) && text[length - 1] != '\\';
}

static int take_nulls(const char *text, struct tm_csv_options *o, struct tm_error *err)
{
    for (o->null_count = 0;; text++) {
        size_t length = strcspn(text, "\n");
        if (o->null_count == TM_CSV_NULLS_MAX)
            return tm_error_set(err, TM_E_OPTION, "%s: null takes at most %d texts", what,
                                TM_CSV_NULLS_MAX);
        if (!can_be_null(o, text, length))
            return tm_error_set(err, TM_E_OPTION,
                                "%s: null cannot be \"%.*s\": such a text has at most %d bytes, no "
                                "delimiter, quote or line end, no backslash at its end, and does "
                                "not begin like a comment",
                                what, (int)length, text, TM_CSV_NULL_BYTES_MAX);
        struct tm_csv_text *null = &o->nulls[o->null_count++];
        null->length = (uint8_t)length;
        memcpy(null->bytes, text, length);
        text += length;
        if (*text == 0)
            return 0;
    }
}

// "yes/no"
static int take_bools(const char *text, struct tm_csv_options *o, struct tm_error *err)
{
    o->any_bool = strcmp(text, "any") == 0;
    const char *pair = o->any_bool ? "true/false" : text, *slash = strchr(pair, '/');
    const char *starts[2] = {slash == NULL ? "" : slash + 1, pair};
    size_t lengths[2] = {strlen(starts[0]), slash == NULL ? 0 : (size_t)(slash - pair)};
    for (int i = 0; i < 2; i++) {
        if (lengths[i] == 0 || lengths[i] > TM_CSV_BOOL_BYTES_MAX ||
            memchr(starts[i], '/', lengths[i]) != NULL || strpbrk(text, "\r\n") != NULL)
            return bad_option(err, "bools",
                              "two texts with a slash between them, as \"yes/no\", or \"any\"",
                              text);
        o->bools[i].length = (uint8_t)lengths[i];
        memcpy(o->bools[i].bytes, starts[i], lengths[i]);
    }
    if (strcasecmp(o->bools[0].bytes, o->bools[1].bytes) == 0)
        return bad_option(err, "bools", "two different texts", text);
    return 0;
}

// No two of the characters with a meaning may be the same.
static int check_apart(const struct tm_csv_options *o, struct tm_error *err)
{
    const struct {
        const char *name;
        uint8_t c;
    } used[] = {{"delimiter", o->delimiter},
                {"quote", o->quote},
                {"comment", o->comment},
                {"decimal", o->decimal},
                {"escape", o->backslash ? '\\' : 0}};
    const size_t count = sizeof used / sizeof used[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            if (used[i].c == 0 || used[i].c != used[j].c)
                continue;
            tm_error_set(err, TM_E_OPTION, "%s: %s and %s are both \"%c\"", what, used[i].name,
                         used[j].name, used[i].c);
            if (strcmp(used[j].name, "decimal") == 0)
                tm_error_hint(err, "files with a decimal comma mostly have delimiter = \";\"");
            else if (strcmp(used[j].name, "comment") == 0)
                tm_error_hint(err, "a line whose first character is this one is left out, for "
                                   "example comment = \"#\"; without it there are no comments");
            else
                tm_error_hint(err, "each needs a character of its own; quote = false where the "
                                   "file has no quotes");
            return TM_E_OPTION;
        }
    }
    return 0;
}

static int take_all(const struct tm_options *o, struct tm_csv_options *out, struct tm_error *err)
{
    int rc = take_character(o, "delimiter", false, &out->delimiter, err);
    if (rc == 0)
        rc = take_character(o, "quote", true, &out->quote, err);
    if (rc == 0)
        rc = take_character(o, "comment", true, &out->comment, err);
    if (rc == 0)
        rc = take_nulls(tm_options_text(o, "null"), out, err);
    if (rc == 0)
        rc = take_bools(tm_options_text(o, "bools"), out, err);
    if (rc == 0 && out->quote >= '0' && out->quote <= '9') // numbers would hold doubled ones
        rc = bad_option(err, "quote", "no digit", tm_options_text(o, "quote"));
    if (rc != 0)
        return rc;
    const char *ragged = tm_options_text(o, "ragged");
    int64_t skip = tm_options_integer(o, "skip_lines", 0);
    out->decimal = (uint8_t)tm_options_text(o, "decimal")[0];
    out->backslash = strcmp(tm_options_text(o, "escape"), "backslash") == 0;
    out->header = tm_options_integer(o, "header", 1) != 0;
    out->trailing_delimiter = tm_options_integer(o, "trailing_delimiter", 0) != 0;
    out->quote_all = strcmp(tm_options_text(o, "quoting"), "all") == 0;
    out->crlf = strcmp(tm_options_text(o, "line_end"), "crlf") == 0;
    out->ragged = strcmp(ragged, "pad") == 0        ? TM_CSV_RAGGED_PAD
                  : strcmp(ragged, "truncate") == 0 ? TM_CSV_RAGGED_TRUNCATE
                  : strcmp(ragged, "both") == 0     ? TM_CSV_RAGGED_PAD | TM_CSV_RAGGED_TRUNCATE
                                                    : 0;
    if (skip < 0 || skip > INT32_MAX)
        return tm_error_set(err, TM_E_OPTION, "%s: skip_lines must be from 0 to %d", what,
                            INT32_MAX);
    out->skip_lines = (uint32_t)skip;
    if (out->quote_all && out->quote == 0)
        return tm_error_set(err, TM_E_OPTION,
                            "%s: quoting is \"all\", and there is no quote character", what);
    return check_apart(out, err);
}

int tm_csv_options_parse(struct tm_mem *mem, const struct tm_options *given,
                         struct tm_csv_options *options, struct tm_error *err)
{
    struct tm_options all;
    memset(options, 0, sizeof *options);
    int rc = tm__columns_other_options(&all, mem, given) == 0
                 ? tm_options_check(&all, tm_csv_option_defs, what, err)
                 : tm_error_set(err, TM_E_MEMORY, "%s: out of memory for its options", what);
    if (rc == 0)
        rc = take_all(&all, options, err);
    options->any_line_end = given == NULL || tm_options_get(given, "line_end") == NULL;
    tm_options_fini(&all);
    return rc;
}
