// The msgpack decoder: a stream of maps, one a record, whose keys name columns.
//
// Nothing in msgpack says where a record begins but the end of the one before it. So bytes that are
// no msgpack end what can be read of the input: they are one bad record, with all that follows. A
// record whose values do not fit the schema, or that is too long, is passed over like any other.
#include <stdio.h>

#include "core/format/formats.h"
#include "core/format/lines.h"
#include "core/format/msgpack_frame.h"
#include "core/format/msgpack_value.h"
#include "core/format/row_fill.h"

enum { NULL_WORDS = TM_FIELDS_MAX / 64 };

struct msgpack_decoder {
    struct tm_decoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm__columns columns;
    struct tm__key_node *whole;
    struct tm__msgpack_reader reader;
    struct tm__msgpack_frame frame;
    struct tm__lines lines;         // offset, records in place of lines, what is skipped
    size_t seen;                    // bytes of the record that are behind the frame's place
    struct tm_strangers *strangers; // as in tm_decoder_args
    bool broken;                    // the rest of the input is passed over
    struct tm__row_masks masks;
};

struct call {
    struct tm_batch *batch;
    tm__bad_fn *bad;
    void *arg;
};

static int report(struct msgpack_decoder *d, const uint8_t *p, size_t len, const struct call *call)
{
    if (d->reader.fail.code == TM_E_MEMORY)
        return TM_E_MEMORY;
    struct tm_bad_record record = {.code = d->reader.fail.code,
                                   .bytes = p,
                                   .len = len,
                                   .offset = d->lines.offset,
                                   .line = d->lines.line};
    tm__json_fail_text(&d->reader.fail, record.message, sizeof record.message);
    return call->bad(call->arg, &record);
}

__attribute__((format(printf, 3, 4))) static int fail(struct msgpack_decoder *d, int code,
                                                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(d->reader.fail.message, sizeof d->reader.fail.message, format, args);
    va_end(args);
    d->reader.fail.bare = true;
    return d->reader.fail.code = code;
}

// --- rows ----------------------------------------------------------------------------------------

// The column whose name is the key at *p, behind which it moves; NULL: none. The key that came next
// the last time is compared first, as its bytes.
static inline struct tm__key_node *read_key(struct msgpack_decoder *d, const struct tm_any *map,
                                            struct tm__key_node *last, const uint8_t **p)
{
    struct tm__msgpack_reader *r = &d->reader;
    struct tm__key_node *next = last->next, *node = NULL;
    if (TM_LIKELY(tm__msgpack_key_matches(next, *p))) {
        *p += 1 + next->length;
        return next;
    }
    struct tm_any key = tm_any_read(*p, r->end);
    if (key.kind == TM_ANY_STRING)
        node = tm__msgpack_find(&r->keys, last, key.bytes, key.count);
    *p = tm_any_skip(*p, r->end);
    if (node == NULL && d->strangers != NULL && key.kind == TM_ANY_STRING)
        tm__strangers_add(d->strangers, map->next, key.bytes, key.count);
    return node;
}

// The columns of the map that the record is, into the row.
static int read_map(struct msgpack_decoder *d, const struct tm_any *map, uint64_t *present,
                    bool *has_gap)
{
    struct tm__msgpack_reader *r = &d->reader;
    struct tm__key_node *last = r->keys.start;
    const uint8_t *p = map->next;
    for (uint32_t i = 0; i < map->count; i++) {
        struct tm__key_node *node = read_key(d, map, last, &p);
        if (node == NULL) {
            p = tm_any_skip(p, r->end);
            continue;
        }
        last = node;
        size_t before = r->builder.row_size;
        *has_gap = *has_gap || (present[node->word] & node->bit) != 0;
        int rc = tm__msgpack_read_column(r, node, &p);
        if (rc < 0)
            return rc;
        present[node->word] =
            rc == 0 ? present[node->word] | node->bit : present[node->word] & ~node->bit;
        if (!node->used) // it was checked, that is all
            r->builder.row_size = before;
    }
    return 0;
}

static int missing(struct msgpack_decoder *d, const uint64_t *present)
{
    for (uint32_t i = 0; i < d->schema->field_count; i++) {
        if (((d->masks.required[i >> 6] & ~present[i >> 6]) >> (i & 63) & 1) == 0)
            continue;
        tm__json_fail_required(&d->reader.fail, false);
        tm__json_fail_in(&d->reader.fail, d->columns.names[i]);
        snprintf(d->reader.fail.message, sizeof d->reader.fail.message,
                 " is required and missing or nil");
        break;
    }
    return d->reader.fail.code;
}

static void clear_unused(const struct msgpack_decoder *d, uint8_t *row, const uint64_t *present)
{
    for (uint32_t i = 0; i < d->schema->null_words; i++)
        tm__row_clear_slots(d->schema, row, i, present[i] & ~d->masks.used[i]);
}

// The record [p, p + len), which is one whole value.
static int read_record(struct msgpack_decoder *d, const uint8_t *p, size_t len,
                       struct tm_batch *batch)
{
    struct tm__msgpack_reader *r = &d->reader;
    const struct tm_schema *schema = d->schema;
    uint64_t present[NULL_WORDS];
    struct tm_any record = tm_any_read(p, p + len);
    bool has_gap = false; // a key came twice
    int rc = 0;
    if (tm_batch_reserve(batch, schema->fixed_bytes + d->columns.room + 8) != 0)
        return fail(d, TM_E_MEMORY, "out of memory for a record");
    r->start = p;
    r->end = p + len;
    r->builder = (struct tm_builder){
        .batch = batch, .row_start = batch->size_bytes, .row_size = schema->fixed_bytes};
    tm_nest_begin(&r->nest, &r->builder);
    memset(present, 0, schema->null_words * sizeof *present);
    if (d->whole != NULL) {
        rc = tm__msgpack_read_column(r, d->whole, &p);
        if (rc == 0)
            present[d->whole->word] |= d->whole->bit;
    } else if (record.kind == TM_ANY_MAP) {
        rc = read_map(d, &record, present, &has_gap);
    } else {
        rc = fail(d, TM_E_BAD_TYPE, "the record is no map (byte 0)");
    }
    if (rc < 0)
        return rc;
    size_t size = r->builder.row_size + d->columns.room + 8;
    if (size > TM_ROW_BYTES_MAX || tm_batch_reserve(batch, size) != 0)
        return tm__json_fail_room(&r->fail, size > TM_ROW_BYTES_MAX ? TM_E_LIMIT : TM_E_MEMORY);
    uint8_t *row = batch->data + batch->size_bytes, *heap = row + r->builder.row_size;
    clear_unused(d, row, present);
    if (has_gap)
        heap = tm__row_close_gap(schema, row, present, d->masks.used);
    if (tm__columns_has_defaults(&d->columns))
        heap = tm__columns_fill(&d->columns, row, heap, present);
    return tm__row_end(batch, heap, present, &d->masks) ? 0 : missing(d, present);
}

// --- records -------------------------------------------------------------------------------------

static void next_record(struct msgpack_decoder *d, size_t len)
{
    tm__lines_advance(&d->lines, len);
    tm__msgpack_frame_init(&d->frame);
    d->seen = 0;
}

// `len` bytes more of what is passed over; the first of all are kept, to be shown.
static void keep_head(struct tm__lines *lines, const uint8_t *p, size_t len)
{
    size_t show = TM__LINES_HEAD - lines->head_length;
    show = show < len ? show : len;
    memcpy(lines->head + lines->head_length, p, show);
    lines->head_length += show;
    lines->skipped += len;
}

// A part of a record that is too long, up to its end if it is there.
static int skip(struct msgpack_decoder *d, const uint8_t *p, size_t len, bool ends,
                const struct call *call)
{
    struct tm__lines *lines = &d->lines;
    keep_head(lines, p, len);
    if (!ends)
        return 0;
    lines->skipping = false;
    int rc = tm__lines_too_large(lines, lines->head, lines->skipped, call->bad, call->arg);
    next_record(d, lines->skipped);
    return rc;
}

static int give_up(struct msgpack_decoder *d, const uint8_t *p, size_t len, size_t at, bool cut,
                   const struct call *call)
{
    if (cut)
        fail(d, TM_E_BAD_MSGPACK, "the record is cut short (byte %zu)", at);
    else
        fail(d, TM_E_BAD_MSGPACK,
             "this is not msgpack, or nested more than %d deep (byte %zu); what follows cannot be "
             "read",
             TM_ANY_DEPTH_MAX, at);
    d->broken = true;
    // Of one that is too long only the beginning is there.
    if (len > d->lines.max_record && len > TM__LINES_HEAD)
        len = TM__LINES_HEAD;
    return report(d, d->lines.skipping ? d->lines.head : p, len, call);
}

static int take_record(struct msgpack_decoder *d, const uint8_t *p, size_t *pos, size_t len,
                       bool at_end, bool *more, const struct call *call)
{
    const uint8_t *start = p + *pos, *at = start + d->seen;
    enum tm__msgpack_status status = tm__msgpack_frame_run(&d->frame, &at, p + len);
    size_t bytes = (size_t)(at - start);
    int rc = 0;
    if (status == TM__MSGPACK_BROKEN || (status == TM__MSGPACK_MORE && at_end)) {
        bool cut = status == TM__MSGPACK_MORE;
        size_t taken = cut ? len - *pos : bytes + 1, before = 0;
        if (d->lines.skipping) {
            before = d->lines.skipped;
            keep_head(&d->lines, start, taken);
        }
        return give_up(d, start, before + taken, before + bytes, cut, call);
    }
    if (!d->lines.skipping && bytes > d->lines.max_record) {
        d->lines.skipping = true;
        d->lines.skipped = d->lines.head_length = 0;
    }
    if (d->lines.skipping) {
        *pos += bytes;
        *more = status == TM__MSGPACK_MORE;
        d->seen = 0;
        return skip(d, start, bytes, status == TM__MSGPACK_WHOLE, call);
    }
    if (status == TM__MSGPACK_MORE) {
        d->seen = bytes;
        *more = true;
        return 0;
    }
    if (read_record(d, start, bytes, call->batch) != 0)
        rc = report(d, start, bytes, call);
    *pos += bytes;
    next_record(d, bytes);
    return rc;
}

static int msgpack_decode(struct tm_decoder *base, const uint8_t *p, size_t len, bool at_end,
                          struct tm_batch *batch, size_t *used, tm__bad_fn *bad, void *arg)
{
    struct msgpack_decoder *d = (struct msgpack_decoder *)base;
    struct call call = {.batch = batch, .bad = bad, .arg = arg};
    size_t pos = 0;
    bool more = false;
    int rc = 0;
    while (rc == 0 && !more && !d->broken && pos < len && !tm_batch_is_full(batch))
        rc = take_record(d, p, &pos, len, at_end, &more, &call);
    // A record that is passed over may be cut short where all of the input was taken before.
    if (rc == 0 && at_end && pos == len && d->lines.skipping && !d->broken)
        rc = give_up(d, d->lines.head, d->lines.skipped, d->lines.skipped, true, &call);
    *used = d->broken ? len : pos;
    return rc;
}

static void msgpack_free(struct tm_decoder *base)
{
    struct msgpack_decoder *d = (struct msgpack_decoder *)base;
    if (d->reader.keys.mem != NULL)
        tm__keys_fini(&d->reader.keys);
    tm__columns_fini(&d->columns);
    tm_nest_fini(&d->reader.nest);
    tm_schema_unref(d->schema);
    tm_mem_free(d->mem, d, sizeof *d);
}

static int msgpack_save(const struct tm_decoder *base, int64_t *offset, struct tm_buf *state)
{
    const struct msgpack_decoder *d = (const struct msgpack_decoder *)base;
    uint8_t broken = d->broken;
    *offset = d->lines.offset;
    int rc = tm__lines_save(&d->lines, state);
    return rc == 0 ? tm_buf_append(state, &broken, 1) : rc;
}

static int msgpack_load(struct tm_decoder *base, int64_t offset, const uint8_t *state, size_t size)
{
    struct msgpack_decoder *d = (struct msgpack_decoder *)base;
    int rc = tm__lines_load(&d->lines, offset, state, size);
    if (rc < 0 || size != (size_t)rc + 1 || state[rc] > 1)
        return TM_E_CHECKPOINT;
    d->broken = state[rc] != 0;
    return 0;
}

static const struct tm_decoder_ops msgpack_ops = {
    .decode = msgpack_decode, .free = msgpack_free, .save = msgpack_save, .load = msgpack_load};

int tm__msgpack_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                            struct tm_error *err)
{
    struct tm_schema *schema = args->schema;
    struct msgpack_decoder *d = tm_mem_zalloc(args->mem, sizeof *d);
    if (d == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a msgpack decoder");
    d->base.ops = &msgpack_ops;
    d->strangers = args->strangers;
    d->mem = args->mem;
    d->schema = tm_schema_ref(schema);
    tm_nest_init(&d->reader.nest, args->mem);
    tm__msgpack_frame_init(&d->frame);
    size_t limit = TM_ROW_BYTES_MAX - 64 - schema->fixed_bytes;
    tm__lines_init(&d->lines, args->max_record < limit ? args->max_record : limit);
    tm__row_masks_init(&d->masks, schema, args->used);
    int rc = tm__columns_init(&d->columns, args->mem, schema, args->used, args->options, err);
    if (rc == 0 &&
        tm__keys_init(&d->reader.keys, args->mem, schema, d->columns.names, args->used) != 0) {
        d->reader.keys.mem = NULL;
        rc = tm_error_set(err, TM_E_MEMORY, "no memory for a msgpack decoder");
    }
    if (rc != 0) {
        msgpack_free(&d->base);
        return rc;
    }
    if (d->columns.whole >= 0)
        d->whole = &d->reader.keys.nodes[d->columns.whole];
    *decoder = &d->base;
    return 0;
}
