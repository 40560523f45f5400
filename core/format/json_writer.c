// Values as JSON text, by their types: scalars, and the lists, maps and structs that hold them.
#include "core/format/json_writer.h"

#include <math.h>
#include <stdio.h>

#include "core/base/limits.h"
#include "core/batch/decimal.h"
#include "core/format/base64.h"
#include "core/format/json_chunk.h"
#include "core/format/json_write.h"

static inline uint8_t *put_text(uint8_t *out, const char *text)
{
    size_t len = strlen(text);
    memcpy(out, text, len);
    return out + len;
}

uint8_t *tm__json_put_no_number(struct tm__json_writer *w, uint8_t *out, double number)
{
    const char *name = isnan(number) ? "NaN" : number < 0 ? "-Infinity" : "Infinity";
    if (w->is_message) {
        *out++ = '"';
        out = put_text(out, name);
        *out++ = '"';
        return out;
    }
    w->fail.bare = false;
    w->fail.path[0] = 0;
    snprintf(w->fail.message, sizeof w->fail.message, " is %s, which JSON has no number for",
             isnan(number) ? "NaN" : "infinite");
    return NULL;
}

static inline uint8_t *put_quoted_time(struct tm__json_writer *w, struct tm__json_field *field,
                                       uint8_t *out, int64_t ms)
{
    if (w->timestamps_as_ms)
        return tm__put_integer(out, ms);
    *out++ = '"';
    out = tm__put_timestamp(out, ms, &w->date, &field->memo);
    *out++ = '"';
    return out;
}

// --- nested values -------------------------------------------------------------------------------

static inline uint8_t *put_value(struct tm__json_writer *w, uint8_t *out,
                                 struct tm__json_field *field, struct tm_slot slot);

// The fields of a row or struct as an object that begins at `start`; what is in front of `out` is
// of it.
static inline uint8_t *put_fields(struct tm__json_writer *w, uint8_t *start, uint8_t *out,
                                  struct tm__json_fields *of, const struct tm_row *row)
{
    const bool omit_nulls = w->omit_nulls;
    for (struct tm__json_field *field = of->fields, *end = field + of->count; field != end;
         field++) {
        if (TM_UNLIKELY(tm_row_is_null(row, field->index))) {
            if (!omit_nulls)
                out = put_text(tm__json_put_prefix(out, field), "null");
            continue;
        }
        out = put_value(w, tm__json_put_prefix(out, field), field,
                        tm_slot_of_row(row, field->offset));
        if (TM_UNLIKELY(out == NULL)) {
            tm__json_fail_in(&w->fail, field->name);
            return NULL;
        }
    }
    if (out == start)
        out++;
    *start = '{';
    *out++ = '}';
    return out;
}

static uint8_t *put_list(struct tm__json_writer *w, uint8_t *out, struct tm__json_fields *of,
                         const struct tm_list *list)
{
    struct tm__json_field *item = of->fields;
    *out++ = '[';
    for (uint32_t i = 0; i < list->count; i++) {
        if (i != 0)
            *out++ = ',';
        if (TM_UNLIKELY(tm_list_is_null(list, i))) {
            out = put_text(out, "null");
            continue;
        }
        out = put_value(w, out, item, tm_list_item(list, item->type, i));
        if (TM_UNLIKELY(out == NULL)) {
            tm__json_fail_in_item(&w->fail, i);
            return NULL;
        }
    }
    *out++ = ']';
    return out;
}

static uint8_t *put_key(struct tm__json_writer *w, uint8_t *out, struct tm__json_field *key,
                        struct tm_slot slot)
{
    if (key->type.kind == TM_TYPE_STRING)
        return put_value(w, out, key, slot);
    *out++ = '"';
    out = tm__put_integer(out, tm_slot_int(slot));
    *out++ = '"';
    return out;
}

static void fail_in_entry(struct tm__json_writer *w, const struct tm__json_field *key,
                          struct tm_slot slot)
{
    uint8_t number[TM__NUMBER_MAX];
    uint32_t len;
    const uint8_t *p = number;
    if (key->type.kind == TM_TYPE_STRING)
        p = tm_slot_bytes(slot, &len);
    else
        len = (uint32_t)(tm__put_integer(number, tm_slot_int(slot)) - number);
    tm__json_fail_in_entry(&w->fail, p, len);
}

static uint8_t *put_map(struct tm__json_writer *w, uint8_t *out, struct tm__json_fields *of,
                        const struct tm_map *map)
{
    struct tm__json_field *key = of->fields, *value = key + 1;
    *out++ = '{';
    for (uint32_t i = 0; i < map->count; i++) {
        if (i != 0)
            *out++ = ',';
        out = put_key(w, out, key, tm_map_key(map, i));
        *out++ = ':';
        if (tm_map_is_null(map, i)) {
            out = put_text(out, "null");
            continue;
        }
        out = put_value(w, out, value, tm_map_value(map, value->type, i));
        if (TM_UNLIKELY(out == NULL)) {
            fail_in_entry(w, key, tm_map_key(map, i));
            return NULL;
        }
    }
    *out++ = '}';
    return out;
}

__attribute__((noinline)) static uint8_t *put_nested(struct tm__json_writer *w, uint8_t *out,
                                                     struct tm__json_field *field,
                                                     struct tm_slot slot)
{
    uint32_t len;
    const uint8_t *p;
    switch (field->type.kind) {
    case TM_TYPE_STRUCT:
        return put_fields(w, out, out, field->of, tm_slot_struct(slot));
    case TM_TYPE_LIST:
        return put_list(w, out, field->of, tm_slot_list(slot));
    case TM_TYPE_MAP:
        return put_map(w, out, field->of, tm_slot_map(slot));
    default:
        p = tm_slot_bytes(slot, &len);
        return tm__json_put_any(w, out, &p, p + len);
    }
}

// Most texts are short and need no escape.
static TM__ALWAYS_INLINE uint8_t *put_string(const struct tm__json_writer *w, uint8_t *out,
                                             struct tm_slot slot)
{
    uint32_t len;
    const uint8_t *p = tm_slot_bytes(slot, &len);
    if (TM_UNLIKELY(w->is_message)) // there is nothing behind it that may be read
        return tm__json_put_string(out, p, len);
    tm__chunk chunk = tm__chunk_load(p);
    uint32_t specials = tm__chunk_special(chunk);
    if (len > TM__CHUNK_BYTES || (specials & ((UINT32_C(1) << len) - 1)) != 0)
        return tm__json_put_batch_string(out, p, len);
    *out++ = '"';
    tm__chunk_store(out, chunk);
    out += len;
    *out++ = '"';
    return out;
}

static inline uint8_t *put_value(struct tm__json_writer *w, uint8_t *out,
                                 struct tm__json_field *field, struct tm_slot slot)
{
    uint32_t len;
    const uint8_t *p;
    double number;
    if (TM_LIKELY(field->type.kind == TM_TYPE_STRING))
        return put_string(w, out, slot);
    switch (field->type.kind) {
    case TM_TYPE_BOOL:
        return put_text(out, tm_slot_int(slot) != 0 ? "true" : "false");
    case TM_TYPE_INT:
    case TM_TYPE_INT64:
        return tm__put_integer(out, tm_slot_int(slot));
    case TM_TYPE_DOUBLE:
        number = tm_slot_double(slot);
        return TM_LIKELY(isfinite(number)) ? tm__put_double(out, number)
                                           : tm__json_put_no_number(w, out, number);
    case TM_TYPE_DECIMAL:
        return out + tm_decimal_format(tm_slot_decimal(slot), field->type.scale, (char *)out);
    case TM_TYPE_TIMESTAMP:
        return put_quoted_time(w, field, out, tm_slot_int(slot));
    case TM_TYPE_BYTES:
        p = tm_slot_bytes(slot, &len);
        *out++ = '"';
        out = tm__base64_encode(out, p, len);
        *out++ = '"';
        return out;
    default:
        return put_nested(w, out, field, slot);
    }
}

uint8_t *tm__json_put_value(struct tm__json_writer *w, uint8_t *out, struct tm__json_field *field,
                            struct tm_slot slot)
{
    return put_value(w, out, field, slot);
}

uint8_t *tm__json_put_row(struct tm__json_writer *w, uint8_t *out, const struct tm_row *row)
{
    uint8_t *start = out;
    if (w->changelog) {
        out = put_text(out, ",\"op\":\"");
        out = put_text(out, tm_row_kind_text(row->kind));
        *out++ = '"';
    }
    return put_fields(w, start, out, w->row, row);
}

// --- what is made once ---------------------------------------------------------------------------

static struct tm__json_fields *make_fields(struct tm__json_writer *w,
                                           const struct tm_schema *schema,
                                           const uint64_t *left_out);

static uint8_t *put_json_prefix(uint8_t *out, const char *name, size_t len)
{
    *out++ = ',';
    out = tm__json_put_string(out, (const uint8_t *)name, len);
    *out++ = ':';
    return out;
}

static int add_field(struct tm__json_writer *w, struct tm__json_fields *of,
                     const struct tm_schema *schema, uint32_t index)
{
    const struct tm_field *from = &schema->fields[index];
    struct tm__json_field *field = &of->fields[of->count++];
    size_t len = strlen(from->name);
    uint8_t *prefix = tm_arena_alloc(&w->arena, len * TM__ESCAPED_MAX + 4 + TM__PREFIX_SHORT);
    if (prefix == NULL)
        return TM_E_MEMORY;
    uint8_t *end = w->put_prefix(prefix, from->name, len);
    *field = (struct tm__json_field){.long_prefix = prefix,
                                     .prefix_length = (uint32_t)(end - prefix),
                                     .index = index,
                                     .offset = from->offset,
                                     .type = from->type,
                                     .name = from->name};
    if (field->prefix_length <= TM__PREFIX_SHORT)
        memcpy(field->prefix, prefix, field->prefix_length);
    if (tm_type_is_reference(from->type))
        of->references[of->reference_count++] = from->offset;
    of->bound += field->prefix_length + TM__NUMBER_MAX;
    if (!tm_type_is_nested(from->type))
        return 0;
    field->of = make_fields(w, from->type.of, NULL);
    if (field->of == NULL)
        return TM_E_MEMORY;
    // Of all that a reference leads to, only a struct's names can take more than TM__ESCAPED_MAX
    // bytes for each of its own.
    size_t bytes = from->type.of->fixed_bytes;
    if (from->type.kind == TM_TYPE_STRUCT && field->of->bound > w->factor * bytes)
        w->factor = (field->of->bound + bytes - 1) / bytes;
    return 0;
}

static struct tm__json_fields *make_fields(struct tm__json_writer *w,
                                           const struct tm_schema *schema, const uint64_t *left_out)
{
    struct tm__json_fields *of = tm_arena_alloc(&w->arena, sizeof *of);
    if (of == NULL)
        return NULL;
    *of = (struct tm__json_fields){.bound = TM__ROW_SLACK, .null_words = schema->null_words};
    of->fields = tm_arena_alloc(&w->arena, schema->field_count * sizeof *of->fields);
    of->references = tm_arena_alloc(&w->arena, schema->field_count * sizeof *of->references);
    if (of->fields == NULL || of->references == NULL)
        return NULL;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        bool out = left_out != NULL && (left_out[i >> 6] >> (i & 63) & 1) != 0;
        if (!out && (schema->fields[i].flags & TM_FIELD_HIDDEN) == 0 &&
            add_field(w, of, schema, i) != 0)
            return NULL;
    }
    return of;
}

int tm__json_writer_init(struct tm__json_writer *w, struct tm_mem *mem,
                         const struct tm_schema *schema, const uint64_t *left_out)
{
    return tm__json_writer_init_as(w, mem, schema, left_out, put_json_prefix);
}

int tm__json_writer_init_as(struct tm__json_writer *w, struct tm_mem *mem,
                            const struct tm_schema *schema, const uint64_t *left_out,
                            tm__put_prefix_fn *put_prefix)
{
    *w = (struct tm__json_writer){
        .factor = TM__ESCAPED_MAX, .changelog = schema->changelog, .put_prefix = put_prefix};
    tm_arena_init(&w->arena, mem);
    tm__date_cache_init(&w->date);
    w->row = make_fields(w, schema, left_out);
    return w->row != NULL ? 0 : TM_E_MEMORY;
}

void tm__json_writer_fini(struct tm__json_writer *w)
{
    tm_arena_fini(&w->arena);
}
