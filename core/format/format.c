// The table of formats, and which one a path's suffix names.
#include "core/format/formats.h"

#include <string.h>

#include "core/format/columns.h"
#include "core/format/csv_options.h"

// Options of columns need a schema: the decoder looks at them.
static int check_own_options(struct tm_mem *mem, const struct tm_options *options,
                             const struct tm_option_def *defs, const char *what,
                             struct tm_error *err)
{
    struct tm_options own;
    int rc = tm__columns_other_options(&own, mem, options);
    rc = rc == 0 ? tm_options_check(&own, defs, what, err)
                 : tm_error_set(err, TM_E_MEMORY, "%s: out of memory for its options", what);
    tm_options_fini(&own);
    return rc;
}

static int check_json_options(struct tm_mem *mem, const struct tm_options *options,
                              struct tm_error *err)
{
    return check_own_options(mem, options, tm__json_option_defs, "tm.json", err);
}

const struct tm_format tm_format_json = {
    .name = "json",
    .suffixes = " .jsonl .ndjson .json ",
    .schema_needed = true,
    .is_lines = true,
    .options = tm__json_option_defs,
    .check_options = check_json_options,
    .decoder_new = tm__json_decoder_new,
    .encoder_new = tm__json_encoder_new,
};

const struct tm_format tm_format_text = {
    .name = "text",
    .suffixes = " .txt .text .log ",
    .schema_needed = false,
    .is_lines = true,
    .decoder_new = tm__text_decoder_new,
    .encoder_new = tm__text_encoder_new,
};

static int check_csv_options(struct tm_mem *mem, const struct tm_options *options,
                             struct tm_error *err)
{
    struct tm_csv_options parsed;
    return tm_csv_options_parse(mem, options, &parsed, err);
}

const struct tm_format tm_format_csv = {
    .name = "csv",
    .suffixes = " .csv .tsv ",
    .schema_needed = true,
    .is_lines = true,
    .options = tm_csv_option_defs,
    .check_options = check_csv_options,
    .decoder_new = tm__csv_decoder_new,
    .encoder_new = tm__csv_encoder_new,
};

// Options of columns are all that it has.
static int check_msgpack_options(struct tm_mem *mem, const struct tm_options *options,
                                 struct tm_error *err)
{
    static const struct tm_option_def none[] = {{.name = NULL}};
    return check_own_options(mem, options, none, "tm.msgpack", err);
}

const struct tm_format tm_format_msgpack = {
    .name = "msgpack",
    .suffixes = " .msgpack .mp ",
    .schema_needed = true,
    .check_options = check_msgpack_options,
    .decoder_new = tm__msgpack_decoder_new,
    .encoder_new = tm__msgpack_encoder_new,
};

const struct tm_format tm_format_raw = {
    .name = "raw",
    .suffixes = " ",
    .schema_needed = false,
    .decoder_new = tm__raw_decoder_new,
    .encoder_new = tm__raw_encoder_new,
};

static const struct tm_format *const all[] = {&tm_format_json,    &tm_format_text, &tm_format_csv,
                                              &tm_format_msgpack, &tm_format_raw,  NULL};

const struct tm_format *const *tm_format_all(void)
{
    return all;
}

const struct tm_format *tm_format_find(const char *name)
{
    for (const struct tm_format *const *f = all; *f != NULL; f++) {
        if (strcmp((*f)->name, name) == 0)
            return *f;
    }
    return NULL;
}

const struct tm_format *tm_format_of_path(const char *path)
{
    const char *slash = strrchr(path, '/'), *suffix = strrchr(path, '.');
    if (suffix == NULL || (slash != NULL && suffix < slash))
        return NULL;
    size_t len = strlen(suffix);
    for (const struct tm_format *const *f = all; *f != NULL; f++) {
        for (const char *s = (*f)->suffixes; (s = strchr(s, '.')) != NULL; s++) {
            if (strncmp(s, suffix, len) == 0 && s[len] == ' ')
                return *f;
        }
    }
    return NULL;
}

int tm_format_check_options(const struct tm_format *format, struct tm_mem *mem,
                            const struct tm_options *options, struct tm_error *err)
{
    if (format->check_options != NULL)
        return format->check_options(mem, options, err);
    if (options == NULL || options->count == 0)
        return 0;
    return tm_error_set(err, TM_E_OPTION, "format \"%s\" has no option \"%s\": it has none",
                        format->name, options->values[0].name);
}
