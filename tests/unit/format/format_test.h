// What the tests of core/format share: a world, schemas from text, decoding in pieces, rows as
// JSON.
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/limits.h"
#include "core/format/format.h"
#include "core/loop/real.h"

struct world {
    struct tm_fx fx;
    struct tm_mem mem;
    struct tm_batch_pool *pool;
    struct tm_buf rows, bads; // one line each: JSON of rows; "name@offset:line: message"
    struct tm_error err;
    struct tm_options options; // of decoders
    int bad_code;              // of the last bad record
    size_t bad_len;            // and its length
    int bad_result;            // what the callback answers
    uint32_t row_count, bad_count;
};

static inline void world_open(struct world *w)
{
    memset(w, 0, sizeof *w);
    ck_assert_int_eq(tm_real_init(&w->fx, &w->err), 0);
    tm_mem_init(&w->mem, &w->fx, NULL, 0);
    w->pool = tm_batch_pool_new(&w->mem);
    tm_buf_init(&w->rows, &w->mem);
    tm_buf_init(&w->bads, &w->mem);
    tm_options_init(&w->options, &w->mem);
}

static inline void set_option(struct world *w, const char *name, const char *value)
{
    ck_assert_int_eq(tm_options_set_string(&w->options, name, value), 0);
}

static inline void clear_options(struct world *w)
{
    tm_options_fini(&w->options);
    tm_options_init(&w->options, &w->mem);
}

static inline void world_close(struct world *w)
{
    tm_buf_fini(&w->rows);
    tm_buf_fini(&w->bads);
    tm_options_fini(&w->options);
    tm_batch_pool_free(w->pool);
    ck_assert_int_eq(w->mem.used_bytes, 0);
    tm_real_fini(&w->fx);
}

// "a int, b decimal(10,2) required, $t timestamp hidden"
static inline struct tm_schema *make_schema(struct world *w, const char *text)
{
    static char copy[8192];
    struct tm_field_def defs[512] = {{.name = NULL}};
    uint32_t count = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *p = copy; *p != 0;) {
        char *name = p, *type = strchr(p, ' ') + 1, *end = type, *next;
        char *flag = NULL; // behind the type
        int depth = 0;
        while (*end != 0 && (*end != ',' || depth != 0)) {
            depth += *end == '(' ? 1 : *end == ')' ? -1 : 0;
            flag = *end == ' ' && depth == 0 && flag == NULL ? end : flag;
            end++;
        }
        next = *end == 0 ? end : end + 1;
        while (*next == ' ')
            next++;
        *end = 0;
        type[-1] = 0;
        uint32_t flags = 0;
        if (flag != NULL) {
            flags |= strstr(flag, "required") != NULL ? TM_FIELD_REQUIRED : 0;
            flags |= strstr(flag, "hidden") != NULL ? TM_FIELD_HIDDEN : 0;
            *flag = 0;
        }
        defs[count] = (struct tm_field_def){.name = name, .flags = flags};
        ck_assert_int_eq(tm_type_parse(&w->mem, type, &defs[count].type, &w->err), 0);
        count++;
        p = next;
    }
    struct tm_schema *schema = NULL;
    ck_assert_int_eq(tm_schema_new(&w->mem, defs, count, -1, &schema, &w->err), 0);
    for (uint32_t i = 0; i < count; i++)
        tm_type_fini(&defs[i].type);
    return schema;
}

static inline int note_bad(void *arg, const struct tm_bad_record *record)
{
    struct world *w = arg;
    w->bad_code = record->code;
    w->bad_len = record->len;
    w->bad_count++;
    ck_assert_int_eq(tm_buf_printf(&w->bads, "%s@%lld:%lld: %s\n", tm_error_name(record->code),
                                   (long long)record->offset, (long long)record->line,
                                   record->message),
                     0);
    return w->bad_result;
}

static inline void note_rows(struct world *w, struct tm_batch *batch)
{
    TM_BATCH_EACH(batch, row)
    {
        ck_assert_int_eq(tm_format_row_json(&w->rows, batch->schema, row, NULL), 0);
        ck_assert_int_eq(tm_buf_append(&w->rows, "\n", 1), 0);
        w->row_count++;
    }
}

// Decode `text` as a source does, with at most `piece` bytes more at each call; what a call left is
// carried to the next. The bytes are copied to the end of an allocation, so that a sanitizer sees a
// read beyond the 64 bytes that are promised.
static inline int decode_pieces(struct world *w, struct tm_decoder *d, struct tm_schema *schema,
                                const char *text, size_t len, size_t piece)
{
    size_t done = 0, fed = 0;
    int rc = 0;
    for (;;) {
        fed = fed + piece < len ? fed + piece : len;
        bool at_end = fed == len;
        for (bool again = true; again && rc == 0;) {
            size_t have = fed - done, used = 0;
            uint8_t *bytes = malloc(have + 64);
            if (have > 0)
                memcpy(bytes, text + done, have);
            memset(bytes + have, '"', 64);
            struct tm_batch *batch = tm_batch_acquire(w->pool, schema);
            rc = d->ops->decode(d, bytes, have, at_end, batch, &used, note_bad, w);
            ck_assert_uint_le(used, have);
            again = tm_batch_is_full(batch);
            note_rows(w, batch);
            tm_batch_release(batch);
            free(bytes);
            done += used;
        }
        if (at_end || rc != 0)
            break;
    }
    if (rc == 0)
        ck_assert_uint_eq(done, len);
    return rc;
}

static inline struct tm_decoder *make_decoder(struct world *w, const struct tm_format *format,
                                              struct tm_schema *schema, const uint64_t *used,
                                              size_t max_record)
{
    struct tm_decoder_args args = {.mem = &w->mem,
                                   .schema = schema,
                                   .used = used,
                                   .max_record = max_record,
                                   .options = &w->options};
    struct tm_decoder *d = NULL;
    ck_assert_int_eq(format->decoder_new(&args, &d, &w->err), 0);
    return d;
}

static inline void forget(struct world *w)
{
    w->rows.size_bytes = w->bads.size_bytes = 0;
    w->row_count = w->bad_count = 0;
    w->bad_code = 0;
}

static inline int decode_text(struct world *w, const struct tm_format *format,
                              const char *schema_text, const char *text, size_t len)
{
    struct tm_schema *schema = make_schema(w, schema_text);
    struct tm_decoder *d = make_decoder(w, format, schema, NULL, TM_RECORD_BYTES);
    forget(w);
    int rc = decode_pieces(w, d, schema, text, len, len);
    d->ops->free(d);
    tm_schema_unref(schema);
    return rc;
}

static inline const char *text_of(struct tm_buf *buf)
{
    ck_assert_int_eq(tm_buf_reserve(buf, 1), 0);
    buf->data[buf->size_bytes] = 0;
    return (const char *)buf->data;
}

// TM_SEED, or one from the clock; printed, so that a failure can be run again.
static inline uint64_t take_seed(void)
{
    const char *given = getenv("TM_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 7919;
    printf("TM_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static inline uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % below;
}
