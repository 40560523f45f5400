// What the tests of CSV share: options from pairs of texts, decoding at once and in pieces.
#pragma once

#include "tests/unit/format/format_test.h"

#include <stdarg.h>

// "delimiter", ";", "header", "false", NULL
static inline void take_options(struct tm_options *options, va_list args)
{
    const char *name;
    while ((name = va_arg(args, const char *)) != NULL)
        ck_assert_int_eq(tm_options_set_string(options, name, va_arg(args, const char *)), 0);
}

struct csv_case {
    struct world *w;
    const char *schema;
    size_t max_record;
    const uint64_t *used;
};

static char csv_noticed[1024]; // what a decoder said of its file, one line each

static inline void csv_notice(void *arg, bool warns, const char *message)
{
    (void)warns;
    size_t used = strlen(csv_noticed);
    (void)arg;
    snprintf(csv_noticed + used, sizeof csv_noticed - used, "%s\n", message);
}

static inline int csv_decode_pieces(const struct csv_case *c, const struct tm_options *options,
                                    const char *text, size_t len, size_t piece)
{
    struct tm_schema *schema = make_schema(c->w, c->schema);
    struct tm_decoder_args args = {.mem = &c->w->mem,
                                   .schema = schema,
                                   .used = c->used,
                                   .max_record = c->max_record,
                                   .options = options,
                                   .notice = csv_notice};
    struct tm_decoder *d = NULL;
    csv_noticed[0] = '\0';
    forget(c->w);
    ck_assert_msg(tm_format_csv.decoder_new(&args, &d, &c->w->err) == 0, "%s", c->w->err.message);
    int rc = decode_pieces(c->w, d, schema, text, len, piece);
    d->ops->free(d);
    tm_schema_unref(schema);
    return rc;
}

// At once, and in pieces of 1, 2, 3, 7 and 64 bytes: rows and bad records must be the same.
static inline void csv_decode_with(const struct csv_case *c, const struct tm_options *options,
                                   const char *text, size_t len)
{
    static const size_t pieces[] = {1, 2, 3, 7, 64};
    struct tm_buf rows, bads;
    ck_assert_int_eq(csv_decode_pieces(c, options, text, len, len + 1), 0);
    tm_buf_init(&rows, &c->w->mem);
    tm_buf_init(&bads, &c->w->mem);
    ck_assert_int_eq(tm_buf_append(&rows, c->w->rows.data, c->w->rows.size_bytes), 0);
    ck_assert_int_eq(tm_buf_append(&bads, c->w->bads.data, c->w->bads.size_bytes), 0);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0] && len < 20000; i++) {
        ck_assert_int_eq(csv_decode_pieces(c, options, text, len, pieces[i]), 0);
        ck_assert_str_eq(text_of(&c->w->rows), text_of(&rows));
        ck_assert_str_eq(text_of(&c->w->bads), text_of(&bads));
    }
    tm_buf_fini(&rows);
    tm_buf_fini(&bads);
}
