// Standard output as a sink: a table for people at a terminal, else JSON Lines. All subtasks write
// through one writer, in whole lines.
#include "connectors/file/file.h"
#include "connectors/file/output.h"
#include "connectors/stdio/stdio.h"
#include "connectors/stdio/table.h"
#include "connectors/stdio/watch.h"

enum {
    STDOUT = 1,
    // Lines that go into a pipe in one piece of at most this many bytes are not torn by other
    // writers to it; of a terminal, which may stop at any moment, little is written at a time.
    PIPE_PIECE = 4096,
    TERMINAL_PIECE = 512,
};

static const struct tm_option_def sink_options[] = {TM_FILE_OPTION_NULLS,
                                                    TM_FILE_OPTION_TIMESTAMP,
                                                    {TM_PRINT_WATCH, TM_OPTION_BOOL, false, NULL,
                                                     "keep a table up to date (run --watch-output)",
                                                     NULL},
                                                    {.name = NULL}};

struct print {
    struct tm_mem *mem;
    struct tm_file_writer own;     // of the job's first print; all of them write through it
    struct tm_file_writer *writer; // so that lines of any length stay whole
    struct tm_file_head head;
    const struct tm_format *format; // NULL: a table
    bool omit_nulls, timestamps_as_ms;
    struct tm__table table;
    struct tm_watch *watch; // NULL: rows are written as they come
};

static int open_writer(struct print *print, const struct tm_fx *fx, struct tm_error *err)
{
    static const char self[] = "/dev/stdout";
    struct tm_file_info info = {0};
    struct tm_file_writer *writer = &print->own;
    int rc = tm_file_writer_init(writer, fx, print->mem, STDOUT, false, "tm-print", err);
    if (rc != 0)
        return rc;
    print->writer = writer;
    if (fx->files->is_terminal(fx->ctx, STDOUT)) {
        writer->piece_bytes = TERMINAL_PIECE;
    } else if (fx->files->stat(fx->ctx, self, &info, NULL) == 0 && info.is_regular) {
        writer->regular = true; // redirected into a file, where others may write too
        writer->stat_path = self;
    } else {
        writer->piece_bytes = PIPE_PIECE;
    }
    return 0;
}

static int choose_format(struct print *print, const struct tm_fx *fx, const struct tm_node *node,
                         struct tm_error *err)
{
    const char *name = node->format == NULL ? "" : node->format;
    if (name[0] == '\0') {
        print->format = fx->files->is_terminal(fx->ctx, STDOUT) ? NULL : &tm_format_json;
        return 0;
    }
    print->format = tm_format_find(name);
    return print->format != NULL
               ? 0
               : tm_error_set(err, TM_E_OPTION, "tm.print: there is no format \"%s\"", name);
}

static void print_release(void *shared)
{
    struct print *print = shared;
    tm__watch_free(print->watch);
    tm_file_writer_fini(&print->own, true);
    tm_mem_free(print->mem, print, sizeof *print);
}

static int print_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                         uint32_t parallelism, void **shared, struct tm_error *err)
{
    (void)parallelism;
    struct tm_options options;
    const struct print *first = *shared;
    struct print *print = tm_mem_zalloc(mem, sizeof *print);
    if (print == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the sink '%s'", node->name);
    print->mem = mem;
    int rc = tm_file_options(&options, mem, node, sink_options, "tm.print", err);
    if (rc == 0) {
        print->omit_nulls = strcmp(tm_options_text(&options, "nulls"), "omit") == 0;
        print->timestamps_as_ms = strcmp(tm_options_text(&options, "timestamp"), "ms") == 0;
        rc = choose_format(print, fx, node, err);
    }
    if (rc == 0 && print->format == NULL && tm_options_integer(&options, TM_PRINT_WATCH, 0) != 0 &&
        (print->watch = tm__watch_new(mem)) == NULL)
        rc = tm_error_set(err, TM_E_MEMORY, "out of memory for the table of '%s'", node->name);
    if (first != NULL)
        print->writer = first->writer;
    else if (rc == 0)
        rc = open_writer(print, fx, err);
    tm_options_fini(&options);
    if (rc != 0) {
        print_release(print);
        return rc;
    }
    print->table.fx = fx;
    print->table.fd = STDOUT;
    print->table.latest =
        first != NULL ? ((struct print *)*shared)->table.latest : &print->table.own_latest;
    print->table.writer = print->writer;
    print->table.timestamps_as_ms = print->timestamps_as_ms;
    *shared = print;
    return 0;
}

static int print_new(struct tm_task_context *ctx, const struct tm_node *node,
                     struct tm_schema *schema, void *shared, struct tm_sink **sink,
                     struct tm_error *err)
{
    struct print *print = shared;
    struct tm_encoder *encoder;
    int rc = print->format == NULL
                 ? tm__table_encoder_new(&print->table, ctx->mem, schema, &encoder, err)
                 : tm_file_encoder_new(node, print->format, ctx->mem, schema, print->omit_nulls,
                                       print->timestamps_as_ms, &encoder, err);
    if (rc == 0 && print->watch != NULL)
        rc = tm__watch_encoder_new(print->watch, ctx, node, schema, encoder, &encoder, err);
    if (rc != 0)
        return rc;
    *sink = tm_file_output_new(ctx, node, schema, encoder, print->writer, &print->head, err);
    return *sink == NULL ? TM_E_MEMORY : 0;
}

struct tm_watch *tm_print_watch(void *shared)
{
    return shared == NULL ? NULL : ((struct print *)shared)->watch;
}

const struct tm_connector tm_connector_print = {
    .name = "print",
    .sink_options = sink_options,
    .sink_prepare = print_prepare,
    .sink_new = print_new,
    .sink_release = print_release,
};
