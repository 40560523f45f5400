// The msgpack encoder: a map for each row, its columns by name. Decimals are texts, bytes binaries;
// values of type any are what they are in a row, byte for byte but for decimals.
#include "core/base/limits.h"
#include "core/batch/any.h"
#include "core/batch/any_write.h"
#include "core/batch/decimal.h"
#include "core/format/columns.h"
#include "core/format/copy.h"
#include "core/format/formats.h"
#include "core/format/json_writer.h"

_Static_assert((int)TM__COPY_SLACK <= (int)TM__ROW_SLACK, "room behind a row");

// What a row without nulls takes of a column, and no more: the fields of the writer are four times
// as long, and a row of five columns took a fifth more time with them.
struct piece {
    uint8_t prefix[TM__PREFIX_SHORT];
    uint32_t prefix_length, offset;
    uint32_t kind;  // of its type, or PIECE_FIELD: all of it by its field
    uint32_t field; // of the row
};
enum { PIECE_FIELD = UINT8_MAX };

struct msgpack_encoder {
    struct tm_encoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm__json_writer writer; // names, bounds: no msgpack is longer than the same as JSON
    struct tm__json_field *whole;
    struct piece *pieces; // of the row's fields, in the writer's arena
    uint8_t head[TM_ANY_HEAD_MAX];
    uint32_t head_length;
};

static uint8_t *put_bytes(uint8_t *out, const void *p, size_t len)
{
    memcpy(out, p, len);
    return out + len;
}

static inline uint8_t *put_batch_string(uint8_t *out, const uint8_t *p, size_t len)
{
    if (TM_UNLIKELY(len >= 32))
        return tm__copy(tm_any_put_string_head(out, (uint32_t)len), p, len);
    *out = (uint8_t)(0xa0 | len);
    memcpy(out + 1, p, 32);
    return out + 1 + len;
}

static uint8_t *put_string(uint8_t *out, const void *p, size_t len)
{
    return put_bytes(tm_any_put_string_head(out, (uint32_t)len), p, len);
}

static uint8_t *put_time(struct tm__json_writer *w, struct tm__json_field *field, uint8_t *out,
                         int64_t ms)
{
    uint8_t text[TM__NUMBER_MAX];
    if (w->timestamps_as_ms)
        return tm_any_put_int(out, ms);
    size_t len = (size_t)(tm__put_timestamp(text, ms, &w->date, &field->memo) - text);
    return put_string(out, text, len);
}

static inline uint8_t *put_value(struct tm__json_writer *w, uint8_t *out,
                                 struct tm__json_field *field, struct tm_slot slot);

// Of a row with nulls: how many fields it has, with and without them.
static uint32_t count_fields(const struct tm__json_writer *w, const struct tm__json_fields *of,
                             const struct tm_row *row)
{
    uint32_t count = of->count;
    for (uint32_t i = 0; w->omit_nulls && i < of->count; i++)
        count -= tm_row_is_null(row, of->fields[i].index);
    return count;
}

// `kind`: the row is a change, and its kind is the first field.
static inline uint8_t *put_fields(struct tm__json_writer *w, uint8_t *out,
                                  struct tm__json_fields *of, const struct tm_row *row, bool kind)
{
    bool nulls = tm__json_has_nulls(of, row);
    uint32_t count = TM_UNLIKELY(nulls) ? count_fields(w, of, row) : of->count;
    out = tm_any_put_map_head(out, count + kind);
    if (kind) {
        out = put_string(out, "op", 2);
        out = put_string(out, tm_row_kind_text(row->kind), 2);
    }
    for (struct tm__json_field *field = of->fields, *end = field + of->count; field != end;
         field++) {
        if (TM_UNLIKELY(nulls) && tm_row_is_null(row, field->index)) {
            if (!w->omit_nulls)
                out = tm_any_put_nil(tm__json_put_prefix(out, field));
            continue;
        }
        out = put_value(w, tm__json_put_prefix(out, field), field,
                        tm_slot_of_row(row, field->offset));
    }
    return out;
}

static uint8_t *put_list(struct tm__json_writer *w, uint8_t *out, struct tm__json_fields *of,
                         const struct tm_list *list)
{
    out = tm_any_put_array_head(out, list->count);
    for (uint32_t i = 0; i < list->count; i++)
        out = tm_list_is_null(list, i)
                  ? tm_any_put_nil(out)
                  : put_value(w, out, of->fields, tm_list_item(list, of->fields->type, i));
    return out;
}

static uint8_t *put_map(struct tm__json_writer *w, uint8_t *out, struct tm__json_fields *of,
                        const struct tm_map *map)
{
    struct tm__json_field *value = of->fields + 1;
    out = tm_any_put_map_head(out, map->count);
    for (uint32_t i = 0; i < map->count; i++) {
        out = put_value(w, out, of->fields, tm_map_key(map, i));
        out = tm_map_is_null(map, i) ? tm_any_put_nil(out)
                                     : put_value(w, out, value, tm_map_value(map, value->type, i));
    }
    return out;
}

static uint8_t *put_decimal(uint8_t *out, struct tm__json_field *field, struct tm_slot slot)
{
    char text[TM__NUMBER_MAX];
    return put_string(out, text, tm_decimal_format(tm_slot_decimal(slot), field->type.scale, text));
}

// A value of type any. Heads of arrays and maps count values, not bytes: that decimals become
// texts, which take no more room, changes nothing around them. Most values have no decimal, which
// no byte of theirs that could begin one tells.
static uint8_t *put_any(uint8_t *out, const uint8_t *p, uint32_t len)
{
    const uint8_t *end = p + len;
    if (TM_LIKELY(memchr(p, TM_ANY_DECIMAL_HEAD, len) == NULL))
        return put_bytes(out, p, len);
    while (p < end) {
        struct tm_any v = tm_any_read(p, end);
        if (v.kind == TM_ANY_END)
            break;
        out = v.kind == TM_ANY_DECIMAL ? put_string(out, v.bytes, v.count)
                                       : put_bytes(out, p, (size_t)(v.next - p));
        p = v.next;
    }
    return out;
}

__attribute__((noinline)) static uint8_t *put_nested(struct tm__json_writer *w, uint8_t *out,
                                                     struct tm__json_field *field,
                                                     struct tm_slot slot)
{
    uint32_t len;
    const uint8_t *p;
    switch (field->type.kind) {
    case TM_TYPE_LIST:
        return put_list(w, out, field->of, tm_slot_list(slot));
    case TM_TYPE_MAP:
        return put_map(w, out, field->of, tm_slot_map(slot));
    case TM_TYPE_STRUCT:
        return put_fields(w, out, field->of, tm_slot_struct(slot), false);
    default:
        p = tm_slot_bytes(slot, &len);
        return put_any(out, p, len);
    }
}

static inline uint8_t *put_value(struct tm__json_writer *w, uint8_t *out,
                                 struct tm__json_field *field, struct tm_slot slot)
{
    uint32_t len;
    const uint8_t *p;
    if (field->type.kind == TM_TYPE_STRING) { // what most fields are
        p = tm_slot_bytes(slot, &len);
        return put_batch_string(out, p, len);
    }
    switch (field->type.kind) {
    case TM_TYPE_BOOL:
        return tm_any_put_bool(out, tm_slot_int(slot) != 0);
    case TM_TYPE_INT:
    case TM_TYPE_INT64:
        return tm_any_put_int(out, tm_slot_int(slot));
    case TM_TYPE_DOUBLE:
        return tm_any_put_double(out, tm_slot_double(slot));
    case TM_TYPE_DECIMAL:
        return put_decimal(out, field, slot);
    case TM_TYPE_TIMESTAMP:
        return put_time(w, field, out, tm_slot_int(slot));
    case TM_TYPE_BYTES:
        p = tm_slot_bytes(slot, &len);
        return tm__copy(tm_any_put_binary_head(out, len), p, len);
    default:
        return put_nested(w, out, field, slot);
    }
}

static inline uint8_t *put_pieces(struct msgpack_encoder *e, uint8_t *out, const struct tm_row *row)
{
    uint32_t len;
    const uint8_t *p;
    memcpy(out, e->head, sizeof e->head);
    out += e->head_length;
    for (const struct piece *piece = e->pieces, *end = piece + e->writer.row->count; piece != end;
         piece++) {
        struct tm_slot slot = tm_slot_of_row(row, piece->offset);
        memcpy(out, piece->prefix, sizeof piece->prefix);
        out += piece->prefix_length;
        switch (piece->kind) {
        case TM_TYPE_STRING:
            p = tm_slot_bytes(slot, &len);
            out = put_batch_string(out, p, len);
            break;
        case TM_TYPE_DOUBLE:
            out = tm_any_put_double(out, tm_slot_double(slot));
            break;
        case TM_TYPE_INT:
            out = tm_any_put_int(out, tm_slot_int(slot));
            break;
        default: {
            struct tm__json_field *field = &e->writer.row->fields[piece->field];
            out = put_value(&e->writer, tm__json_put_prefix(out, field), field, slot);
        }
        }
    }
    return out;
}

static inline uint8_t *put_record(struct msgpack_encoder *e, uint8_t *out, const struct tm_row *row)
{
    if (TM_LIKELY(e->pieces != NULL) && TM_LIKELY(!tm__json_has_nulls(e->writer.row, row)))
        return put_pieces(e, out, row);
    if (e->whole == NULL)
        return put_fields(&e->writer, out, e->writer.row, row, e->writer.changelog);
    if (tm_row_is_null(row, e->whole->index))
        return tm_any_put_nil(out);
    return put_value(&e->writer, out, e->whole, tm_slot_of_row(row, e->whole->offset));
}

static int msgpack_encode(struct tm_encoder *base, const struct tm_batch *batch,
                          const struct tm_row **row, struct tm_buf *out, size_t limit_bytes,
                          int (*bad)(void *arg, const struct tm_row *row, int code,
                                     const char *message),
                          void *arg)
{
    struct msgpack_encoder *e = (struct msgpack_encoder *)base;
    const struct tm_row *at = *row;
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    const struct tm__json_fields *of = e->writer.row;
    const size_t factor = of->reference_count * e->writer.factor, fixed = of->bound;
    uint8_t *p = out->data + out->size_bytes, *full = out->data + out->capacity_bytes;
    int rc = 0;
    (void)bad; // every value has a form in msgpack
    (void)arg;
    while (at < end && (size_t)(p - out->data) < limit_bytes) {
        // More than any row of this size could take; else its columns are looked at.
        if (TM_UNLIKELY((size_t)(full - p) < fixed + at->size_bytes * factor)) {
            out->size_bytes = (size_t)(p - out->data);
            if ((rc = tm__json_reserve_row(&e->writer, out, at)) != 0)
                break;
            p = out->data + out->size_bytes;
            full = out->data + out->capacity_bytes;
        }
        p = put_record(e, p, at);
        at = tm_row_next(at);
    }
    out->size_bytes = (size_t)(p - out->data);
    *row = at;
    return rc;
}

static void msgpack_free(struct tm_encoder *base)
{
    struct msgpack_encoder *e = (struct msgpack_encoder *)base;
    tm__json_writer_fini(&e->writer);
    tm_schema_unref(e->schema);
    tm_mem_free(e->mem, e, sizeof *e);
}

static uint8_t *put_name(uint8_t *out, const char *name, size_t len)
{
    return put_string(out, name, len);
}

static int make_pieces(struct msgpack_encoder *e)
{
    const struct tm__json_fields *of = e->writer.row;
    if (of->count == 0)
        return 0;
    struct piece *piece = tm_arena_alloc(&e->writer.arena, of->count * sizeof *piece);
    if (piece == NULL)
        return TM_E_MEMORY;
    e->pieces = piece;
    e->head_length = (uint32_t)(tm_any_put_map_head(e->head, of->count) - e->head);
    for (uint32_t i = 0; i < of->count; i++, piece++) {
        const struct tm__json_field *field = &of->fields[i];
        *piece = (struct piece){.offset = field->offset, .kind = field->type.kind, .field = i};
        if (field->type.kind == TM_TYPE_TIMESTAMP && e->writer.timestamps_as_ms)
            piece->kind = TM_TYPE_INT;
        bool is_plain = piece->kind == TM_TYPE_STRING || piece->kind == TM_TYPE_DOUBLE ||
                        piece->kind == TM_TYPE_INT;
        if (!is_plain || field->prefix_length > TM__PREFIX_SHORT) {
            piece->kind = PIECE_FIELD;
            continue;
        }
        memcpy(piece->prefix, field->prefix, sizeof piece->prefix);
        piece->prefix_length = field->prefix_length;
    }
    return 0;
}

static const struct tm_encoder_ops msgpack_ops = {.encode = msgpack_encode, .free = msgpack_free};

int tm__msgpack_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                            struct tm_error *err)
{
    int32_t whole;
    int rc = tm__columns_whole(args->schema, args->options, &whole, err);
    if (rc != 0)
        return rc;
    struct msgpack_encoder *e = tm_mem_zalloc(args->mem, sizeof *e);
    if (e == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a msgpack encoder");
    e->base.ops = &msgpack_ops;
    e->mem = args->mem;
    e->schema = tm_schema_ref(args->schema);
    rc = tm__json_writer_init_as(&e->writer, args->mem, args->schema, args->left_out, put_name);
    e->writer.omit_nulls = args->omit_nulls;
    e->writer.timestamps_as_ms = args->timestamps_as_ms;
    if (rc == 0 && whole >= 0)
        e->whole = e->writer.row->fields; // the only one
    else if (rc == 0 && !e->writer.changelog)
        rc = make_pieces(e);
    if (rc != 0) {
        msgpack_free(&e->base);
        return tm_error_set(err, TM_E_MEMORY, "no memory for a msgpack encoder");
    }
    *encoder = &e->base;
    return 0;
}
