// The less frequent half of the row builder: long and replaced values, nulls, the row's end.
#include "core/batch/builder.h"

#include "core/base/limits.h"

// Room for `more` referenced bytes behind what the row holds.
static int reserve(struct tm_builder *b, size_t more)
{
    if (more > TM_ROW_BYTES_MAX || b->row_size > TM_ROW_BYTES_MAX - more)
        return TM_E_LIMIT;
    return tm_batch_reserve(b->batch, b->row_size + more);
}

// A referenced value is put over or nulled: its bytes are given back when they are the row's last,
// else they stay as a gap.
static void drop_value(struct tm_builder *b, uint32_t field)
{
    const struct tm_row *row = tm__batch_builder_row(b);
    if (tm_row_is_null(row, field))
        return;
    struct tm_ref ref;
    memcpy(&ref, (const uint8_t *)row + b->batch->schema->fields[field].offset, sizeof ref);
    if ((size_t)ref.offset + ref.length == b->row_size)
        b->row_size = ref.offset;
    else
        b->has_gap = true;
}

int tm__batch_builder_replace(struct tm_builder *b, uint32_t field, const void *p, uint32_t len)
{
    const uint8_t *data = b->batch->data;
    const uint8_t *from = p;
    // bytes of this very batch move when it grows
    bool inside = (uintptr_t)from >= (uintptr_t)data &&
                  (uintptr_t)from < (uintptr_t)data + b->batch->capacity_bytes;
    size_t at = inside ? (size_t)(from - data) : 0;
    int rc = reserve(b, len);
    if (rc != 0)
        return rc;
    if (inside)
        from = b->batch->data + at;
    drop_value(b, field);
    struct tm_ref ref = {tm__batch_builder_place(b, len), len};
    if (len != 0)
        memmove(b->batch->data + b->row_start + b->row_size, from, len);
    memcpy(tm__batch_builder_slot(b, field), &ref, sizeof ref);
    b->row_size += len;
    return 0;
}

int tm_builder_put_nested(struct tm_builder *b, uint32_t field, const void *p, uint32_t len)
{
    size_t gap = (8 - (b->row_size & 7)) & 7;
    // the slack behind the capacity takes the padding
    memset(b->batch->data + b->row_start + b->row_size, 0, 8);
    b->row_size += gap;
    int rc = tm__batch_builder_replace(b, field, p, len);
    if (rc != 0)
        b->row_size -= gap;
    return rc;
}

uint8_t *tm_builder_reserve_bytes(struct tm_builder *b, size_t max)
{
    return reserve(b, max) == 0 ? b->batch->data + b->row_start + b->row_size : NULL;
}

void tm_builder_commit_bytes(struct tm_builder *b, uint32_t field, uint32_t len)
{
    TM_ASSERT(b->batch->capacity_bytes - b->row_start - b->row_size >= len);
    // The bytes stand at the row's end already, so an earlier value can only become a gap.
    if (!tm_row_is_null(tm__batch_builder_row(b), field))
        b->has_gap = true;
    struct tm_ref ref = {tm__batch_builder_place(b, len), len};
    memcpy(tm__batch_builder_slot(b, field), &ref, sizeof ref);
    b->row_size += len;
}

void tm_builder_put_null(struct tm_builder *b, uint32_t field)
{
    const struct tm_field *def = &b->batch->schema->fields[field];
    if (tm_type_is_reference(def->type))
        drop_value(b, field);
    struct tm_row *row = tm__batch_builder_row(b);
    row->nulls[field >> 6] |= (uint64_t)1 << (field & 63);
    memset((uint8_t *)row + def->offset, 0, tm_type_slot_bytes(def->type));
}

// The end of the last bytes that a column still refers to.
static size_t find_end(const struct tm_builder *b)
{
    const struct tm_schema *schema = b->batch->schema;
    const struct tm_row *row = tm__batch_builder_row(b);
    size_t end = schema->fixed_bytes;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if (!tm_type_is_reference(schema->fields[i].type) || tm_row_is_null(row, i))
            continue;
        struct tm_ref ref;
        memcpy(&ref, (const uint8_t *)row + schema->fields[i].offset, sizeof ref);
        if ((size_t)ref.offset + ref.length > end)
            end = (size_t)ref.offset + ref.length;
    }
    return end;
}

int tm_builder_end(struct tm_builder *b)
{
    if (TM_UNLIKELY(b->has_gap))
        b->row_size = find_end(b);
    size_t size = (b->row_size + 7) & ~(size_t)7;
    if (TM_UNLIKELY(size > TM_ROW_BYTES_MAX)) {
        tm_builder_cancel(b);
        return TM_E_LIMIT;
    }
    int rc = tm_batch_reserve(b->batch, size);
    if (TM_UNLIKELY(rc != 0)) {
        tm_builder_cancel(b);
        return rc;
    }
    uint8_t *row = b->batch->data + b->row_start;
    // at most 7 bytes, and the slack behind the capacity takes the whole word
    memset(row + b->row_size, 0, 8);
    ((struct tm_row *)(void *)row)->size_bytes = (uint32_t)size;
    b->batch->size_bytes += size;
    b->batch->row_count++;
    b->row_size = 0;
    return 0;
}

void tm_builder_cancel(struct tm_builder *b)
{
    // size_bytes has not moved: the next row is written over this one
    b->row_size = 0;
}

int tm_builder_copy(struct tm_builder *b, uint32_t field, const struct tm_row *from,
                    const struct tm_schema *schema, uint32_t from_field)
{
    const struct tm_field *source = &schema->fields[from_field];
    TM_ASSERT(tm_type_equal(source->type, b->batch->schema->fields[field].type));
    if (tm_row_is_null(from, from_field)) {
        tm_builder_put_null(b, field);
        return 0;
    }
    if (tm_type_is_reference(source->type)) {
        uint32_t len;
        const char *bytes = tm_row_string(from, source->offset, &len);
        if (tm_type_is_nested(source->type))
            return tm_builder_put_nested(b, field, bytes, len);
        return tm_builder_put_bytes(b, field, bytes, len);
    }
    if (source->type.kind == TM_TYPE_DECIMAL)
        tm_builder_put_decimal(b, field, tm_row_decimal(from, source->offset));
    else
        tm_builder_put_int(b, field, tm_row_int(from, source->offset));
    return 0;
}
