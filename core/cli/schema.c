// `tidemill schema`: what is read becomes a job of one source, so that formats are guessed, records
// sampled and mistakes told as in any job; then the schemas of the job's sources are printed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cli/engine.h"

// A text as Lua reads it.
static void put_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\%03u", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

// The job that reads what was named. NULL: out of memory.
static char *job_of(const struct tm_cli_options *options, bool is_missing)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        return NULL;
    if (strcmp(options->file, "-") == 0) {
        fprintf(out, "tm.from(tm.stdin { format = \"%s\" }):to(tm.discard())",
                options->format == NULL ? "json" : options->format);
    } else {
        fprintf(out, "tm.from(tm.file { path = ");
        put_quoted(out, options->file);
        if (options->format != NULL)
            fprintf(out, ", format = \"%s\"", options->format);
        else if (is_missing)
            fprintf(out, ", format = \"json\""); // what is said is that there is no such file
        fprintf(out, " }):to(tm.discard())");
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static bool is_job(const struct tm_cli_options *options)
{
    size_t length = options->file == NULL ? 0 : strlen(options->file);
    return options->code != NULL || (length > 4 && strcmp(options->file + length - 4, ".lua") == 0);
}

static int print_schemas(struct tm_engine *engine, const struct tm_cli_options *options,
                         struct tm_error *err)
{
    struct tm_buf out;
    tm_buf_init(&out, &engine->mem);
    int rc = tm_vm_schemas(engine->vm,
                           options->json    ? "json"
                           : options->luals ? "luals"
                                            : "lua",
                           &out, err);
    if (rc == 0 && out.size_bytes == 0) {
        rc = tm_error_set(err, TM_E_SCHEMA_MISSING, "%s: text has lines and no fields",
                          tm_cli_job_name(options));
        tm_error_hint(err, "a schema is of JSON, CSV or msgpack: --format json");
    }
    if (rc == 0)
        fwrite(out.data, 1, out.size_bytes, options->out);
    tm_buf_fini(&out);
    return rc;
}

// A schema is no hint to whoever asks for it; that fields are divided by something else is.
static void show_dialect(const struct tm_cli_options *options, struct tm_error *err)
{
    static const char said[] = "tm.csv { delimiter = ";
    bool is_stdin = strcmp(options->file, "-") == 0;
    const char *path = strpbrk(options->file, "\"'\\") == NULL ? options->file : "...";
    char delimiter[8] = "";
    const char *at = strstr(err->hint, said);
    if (at != NULL)
        snprintf(delimiter, sizeof delimiter, "%.*s", (int)strcspn(at + strlen(said), " "),
                 at + strlen(said));
    if (strncmp(err->hint, "declare ", strlen("declare ")) == 0)
        err->hint[0] = '\0';
    if (at != NULL)
        tm_error_hint(err,
                      "tidemill schema -e 'tm.from(tm.%s%s%sformat = tm.csv { delimiter = %s } })'",
                      is_stdin ? "stdin { " : "file { path = \"", is_stdin ? "" : path,
                      is_stdin ? "" : "\", ", delimiter);
}

// What was made of the command line has no places that anybody knows.
static void forget_place(const struct tm_cli_options *options, struct tm_error *err)
{
    err->where[0] = '\0';
    if (err->code == TM_E_OPTION && options->format == NULL)
        tm_error_hint(err, "say which it is: --format json, csv or msgpack");
    else if (err->code == TM_E_SCHEMA_MISSING)
        show_dialect(options, err);
}

static bool is_no_file(const struct tm_fx *fx, const char *path)
{
    struct tm_file_info info;
    return strpbrk(path, "*?[") == NULL && fx->files->stat(fx->ctx, path, &info, NULL) != 0;
}

// Of a job, or of what is read; `is_missing`: that is no file.
static int show_schemas(const struct tm_cli_options *options, bool is_missing, bool *found_missing,
                        struct tm_error *err)
{
    struct tm_engine engine;
    struct tm_cli_options own = *options;
    char *text = NULL;
    int rc = 0;
    if (!is_job(options)) {
        own.code = text = job_of(options, is_missing);
        if (text == NULL)
            rc = tm_error_set(err, TM_E_MEMORY, "out of memory");
    }
    memset(&engine, 0, sizeof engine);
    rc = rc != 0 ? rc : tm_engine_open(&engine, &own, err);
    rc = rc != 0 ? rc : print_schemas(&engine, options, err);
    *found_missing = rc == TM_E_OPTION && !is_job(options) && options->format == NULL &&
                     engine.fx.files != NULL && is_no_file(&engine.fx, options->file);
    tm_engine_close(&engine);
    free(text);
    return rc;
}

int tm_cli_schema(const struct tm_cli_options *options)
{
    struct tm_error err = {0};
    bool is_missing = false;
    if (is_job(options) && options->format != NULL) {
        tm_error_set(&err, TM_E_USAGE, "--format is for data; the sources of a job say their own");
        return tm_cli_fail(options, &err, TM_EXIT_USAGE);
    }
    int rc = show_schemas(options, false, &is_missing, &err);
    if (rc != 0 && is_missing) { // that its format cannot be guessed is not what is wrong with it
        err = (struct tm_error){0};
        rc = show_schemas(options, true, &is_missing, &err);
    }
    if (rc != 0 && !is_job(options))
        forget_place(options, &err);
    return rc == 0 ? TM_EXIT_FINISHED : tm_engine_failed(options, &err, rc);
}
