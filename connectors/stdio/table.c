// The table at a terminal. Columns begin as wide as the first batch needs and widen with what
// comes, up to a bound; longer values push the rest of their line to the right. Numbers stand
// right. Control characters are shown, never sent: a record must not be able to drive the terminal.
#include <math.h>
#include <stdio.h>

#include "connectors/stdio/table.h"
#include "core/batch/decimal.h"
#include "core/batch/timestamp.h"

enum { WIDTH_MAX = 40, GAP = 2 };

struct table_encoder {
    struct tm_encoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm__table *table;
    struct tm_buf cell;
};

static bool is_hidden(const struct tm_field *field)
{
    return (field->flags & TM_FIELD_HIDDEN) != 0;
}

static bool stands_right(const struct tm_field *field)
{
    return field->type.kind == TM_TYPE_INT || field->type.kind == TM_TYPE_INT64 ||
           field->type.kind == TM_TYPE_DOUBLE || field->type.kind == TM_TYPE_DECIMAL;
}

// --- one value -----------------------------------------------------------------------------------

static int put_text(struct tm_buf *out, const char *p, size_t len)
{
    int rc = tm_buf_reserve(out, len * 4);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)p[i];
        // C1 controls are two bytes in UTF-8: C2 80 to C2 9F.
        bool c1 = c == 0xC2 && i + 1 < len && (uint8_t)p[i + 1] < 0xA0;
        if (c >= 0x20 && c != 0x7F && !c1) {
            out->data[out->size_bytes++] = c;
            continue;
        }
        if (c1)
            c = (uint8_t)p[++i];
        char text[8];
        int n = c == '\n'   ? snprintf(text, sizeof text, "\\n")
                : c == '\t' ? snprintf(text, sizeof text, "\\t")
                            : snprintf(text, sizeof text, "\\x%02x", c);
        memcpy(out->data + out->size_bytes, text, (size_t)n);
        out->size_bytes += (size_t)n;
    }
    return 0;
}

static int put_double(struct tm_buf *out, double value)
{
    char text[64];
    size_t len = tm_format_double(value, text);
    return tm_buf_append(out, text, len);
}

static int put_bytes(struct tm_buf *out, const char *p, size_t len)
{
    int rc = tm_buf_append(out, "0x", 2);
    for (size_t i = 0; rc == 0 && i < len; i++)
        rc = tm_buf_printf(out, "%02x", (uint8_t)p[i]);
    return rc;
}

static int put_value(struct table_encoder *e, const struct tm_row *row, uint32_t index)
{
    const struct tm_field *field = &e->schema->fields[index];
    struct tm_buf *out = &e->cell;
    char text[64];
    uint32_t len;
    const char *p;
    out->size_bytes = 0;
    if (tm_row_is_null(row, index))
        return tm_buf_append(out, "null", 4);
    switch (field->type.kind) {
    case TM_TYPE_BOOL:
        return tm_buf_printf(out, "%s", tm_row_int(row, field->offset) != 0 ? "true" : "false");
    case TM_TYPE_INT:
    case TM_TYPE_INT64:
        return tm_buf_printf(out, "%lld", (long long)tm_row_int(row, field->offset));
    case TM_TYPE_DOUBLE:
        return put_double(out, tm_row_double(row, field->offset));
    case TM_TYPE_DECIMAL:
        return tm_buf_append(
            out, text,
            tm_decimal_format(tm_row_decimal(row, field->offset), field->type.scale, text));
    case TM_TYPE_TIMESTAMP:
        if (e->table->timestamps_as_ms)
            return tm_buf_printf(out, "%lld", (long long)tm_row_int(row, field->offset));
        return tm_buf_append(out, text, tm_timestamp_format(tm_row_int(row, field->offset), text));
    case TM_TYPE_BYTES:
        p = tm_row_string(row, field->offset, &len);
        return put_bytes(out, p, len);
    default:
        p = tm_row_string(row, field->offset, &len);
        return put_text(out, p, len);
    }
}

int tm__table_cell(struct tm_encoder *encoder, const struct tm_row *row, uint32_t column,
                   const struct tm_buf **cell)
{
    struct table_encoder *e = (struct table_encoder *)encoder;
    *cell = &e->cell;
    return put_value(e, row, column);
}

// Characters, as a terminal counts those of most scripts.
static uint32_t width_of(const uint8_t *p, size_t len)
{
    uint32_t width = 0;
    for (size_t i = 0; i < len; i++)
        width += (p[i] & 0xC0) != 0x80;
    return width;
}

// --- lines ---------------------------------------------------------------------------------------

// The column is at least this wide from now on; returns how wide it is.
static uint32_t widen(struct tm__table *table, uint32_t index, uint32_t width)
{
    _Atomic uint32_t *shared = &table->widths[index];
    width = width > WIDTH_MAX ? WIDTH_MAX : width;
    uint32_t now = atomic_load_explicit(shared, memory_order_relaxed); // widths publish nothing
    while (now < width && !atomic_compare_exchange_weak_explicit(
                              shared, &now, width, memory_order_relaxed, memory_order_relaxed)) {
    }
    return now > width ? now : width;
}

static int put_spaces(struct tm_buf *out, uint32_t count)
{
    int rc = tm_buf_reserve(out, count);
    if (rc == 0 && count != 0) {
        memset(out->data + out->size_bytes, ' ', count);
        out->size_bytes += count;
    }
    return rc;
}

static int put_cell(struct table_encoder *e, struct tm_buf *out, uint32_t index, bool last)
{
    const uint8_t *p = e->cell.data;
    size_t len = e->cell.size_bytes;
    uint32_t width = width_of(p, len), wide = widen(e->table, index, width);
    uint32_t pad = wide > width ? wide - width : 0;
    bool right = stands_right(&e->schema->fields[index]);
    int rc = right ? put_spaces(out, pad) : 0;
    if (rc == 0)
        rc = tm_buf_append(out, p, len);
    if (rc == 0 && !last)
        rc = put_spaces(out, (right ? 0 : pad) + GAP);
    return rc;
}

static uint32_t last_visible(const struct tm_schema *schema)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < schema->field_count; i++)
        last = is_hidden(&schema->fields[i]) ? last : i;
    return last;
}

static int put_line(struct table_encoder *e, struct tm_buf *out, const struct tm_row *row)
{
    uint32_t last = last_visible(e->schema);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i <= last; i++) {
        const struct tm_field *field = &e->schema->fields[i];
        if (is_hidden(field))
            continue;
        e->cell.size_bytes = 0;
        rc = row != NULL ? put_value(e, row, i)
                         : put_text(&e->cell, field->name, strlen(field->name));
        if (rc == 0)
            rc = put_cell(e, out, i, i == last);
    }
    return rc == 0 ? tm_buf_append(out, "\n", 1) : rc;
}

// Columns as wide as these rows need.
static int measure(struct table_encoder *e, const struct tm_batch *batch)
{
    TM_BATCH_EACH(batch, row)
    {
        for (uint32_t i = 0; i < e->schema->field_count; i++) {
            if (is_hidden(&e->schema->fields[i]))
                continue;
            int rc = put_value(e, row, i);
            if (rc != 0)
                return rc;
            widen(e->table, i, width_of(e->cell.data, e->cell.size_bytes));
        }
    }
    return 0;
}

// The heading once, in a buffer of its own in front of all rows: whoever comes first writes it, the
// others wait the moment that takes.
static int put_heading(struct table_encoder *e, const struct tm_batch *batch)
{
    int none = 0;
    _Atomic int *heading = &e->table->heading;
    if (atomic_load_explicit(heading, memory_order_acquire) == 2)
        return 0;
    if (!atomic_compare_exchange_strong_explicit(heading, &none, 1, memory_order_acquire,
                                                 memory_order_acquire)) {
        while (atomic_load_explicit(heading, memory_order_acquire) != 2) {
        }
        return 0;
    }
    struct tm_file_buffer *buffer = tm_file_buffer_new(e->table->writer, NULL);
    int rc = buffer == NULL ? TM_E_MEMORY : measure(e, batch);
    if (rc == 0)
        rc = put_line(e, &buffer->bytes, NULL);
    if (rc == 0)
        tm_file_buffer_submit(buffer);
    // Partner: the acquire loads above. Also after a failure, which ends the job.
    atomic_store_explicit(heading, 2, memory_order_release);
    return rc;
}

static int table_encode(struct tm_encoder *base, const struct tm_batch *batch,
                        const struct tm_row **row, struct tm_buf *out, size_t limit_bytes,
                        int (*bad)(void *arg, const struct tm_row *row, int code,
                                   const char *message),
                        void *arg)
{
    struct table_encoder *e = (struct table_encoder *)base;
    const struct tm_row *end =
        (const struct tm_row *)(const void *)(batch->data + batch->size_bytes);
    (void)bad; // people can read any value
    (void)arg;
    int rc = put_heading(e, batch);
    while (rc == 0 && *row < end && out->size_bytes < limit_bytes) {
        rc = put_line(e, out, *row);
        *row = tm_row_next(*row);
    }
    return rc;
}

static void table_free(struct tm_encoder *base)
{
    struct table_encoder *e = (struct table_encoder *)base;
    tm_buf_fini(&e->cell);
    tm_schema_unref(e->schema);
    tm_mem_free(e->mem, e, sizeof *e);
}

static const struct tm_encoder_ops table_ops = {.encode = table_encode, .free = table_free};

int tm__table_encoder_new(struct tm__table *table, struct tm_mem *mem, struct tm_schema *schema,
                          struct tm_encoder **encoder, struct tm_error *err)
{
    struct table_encoder *e = tm_mem_zalloc(mem, sizeof *e);
    if (e == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a table");
    e->base.ops = &table_ops;
    e->mem = mem;
    e->schema = tm_schema_ref(schema);
    e->table = table;
    tm_buf_init(&e->cell, mem);
    *encoder = &e->base;
    return 0;
}
