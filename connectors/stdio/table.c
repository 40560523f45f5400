// The table at a terminal. Columns are as wide as what has come so far, up to a bound and to what
// the terminal has room for; longer texts are cut, numbers are not and stand right. The heading
// comes again where columns have changed, where another table was written, and on every screen.
// Control characters are shown, never sent: a record must not be able to drive the terminal.
#include <stdio.h>

#include "connectors/stdio/table.h"
#include "connectors/stdio/width.h"
#include "core/batch/decimal.h"
#include "core/batch/timestamp.h"

enum {
    WIDTH_MAX = 40,    // of a column of texts
    WIDTH_NARROW = 8,  // texts give way down to this where the terminal is narrow
    WIDTH_STEP = 4,    // below a heading columns widen by this: each time is a new heading
    GAP = 2,           // between columns
    KIND_WIDTH = 2,    // of the kind of a changelog's row
    PAGE_MIN = 10,     // lines between headings, at least
    PAGE_UNKNOWN = 50, // where the terminal does not say how high it is
};

static const char bold[] = "\033[1m", dim[] = "\033[2m", red[] = "\033[31m", green[] = "\033[32m",
                  yellow[] = "\033[33m", plain[] = "\033[0m";
static const struct {
    const char *name, *color;
} kinds[] = {[TM_ROW_INSERT] = {"+I", green},
             [TM_ROW_UPDATE_BEFORE] = {"-U", yellow},
             [TM_ROW_UPDATE_AFTER] = {"+U", yellow},
             [TM_ROW_DELETE] = {"-D", red}};

struct table_encoder {
    struct tm_encoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm__table *table;
    const struct tm_batch *measured; // the batch that the layout is made for
    // How the lines of a batch are laid out:
    struct tm_terminal terminal;
    uint32_t shown; // columns of the schema that are looked at: those behind have no room
    uint32_t widths[TM_FIELDS_MAX];
    struct tm_buf cell;
};

static bool is_hidden(const struct tm_field *field)
{
    return (field->flags & TM_FIELD_HIDDEN) != 0;
}

bool tm__table_stands_right(const struct tm_field *field)
{
    return field->type.kind == TM_TYPE_INT || field->type.kind == TM_TYPE_INT64 ||
           field->type.kind == TM_TYPE_DOUBLE || field->type.kind == TM_TYPE_DECIMAL;
}

// A part of it says something else than the whole: it is not cut.
static bool is_whole(const struct tm_field *field)
{
    return tm__table_stands_right(field) || field->type.kind == TM_TYPE_TIMESTAMP ||
           field->type.kind == TM_TYPE_BOOL;
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

// --- layout --------------------------------------------------------------------------------------

// The column is at least this wide from now on.
static void widen(struct tm__table *table, uint32_t index, uint32_t width, bool whole)
{
    _Atomic uint32_t *shared = &table->widths[index];
    uint32_t now = atomic_load_explicit(shared, memory_order_relaxed);
    if (now >= width)
        return;
    if (atomic_load_explicit(&table->heading, memory_order_relaxed) == 2)
        width = (width + WIDTH_STEP - 1) / WIDTH_STEP * WIDTH_STEP;
    width = !whole && width > WIDTH_MAX ? WIDTH_MAX : width;
    while (now < width && !atomic_compare_exchange_weak_explicit(
                              shared, &now, width, memory_order_relaxed, memory_order_relaxed)) {
    }
}

// Columns as wide as these rows need.
static int measure(struct table_encoder *e, const struct tm_batch *batch)
{
    TM_BATCH_EACH(batch, row)
    {
        for (uint32_t i = 0; i < e->schema->field_count; i++) {
            const struct tm_field *field = &e->schema->fields[i];
            if (is_hidden(field))
                continue;
            int rc = put_value(e, row, i);
            if (rc != 0)
                return rc;
            widen(e->table, i, tm__width_of(e->cell.data, e->cell.size_bytes), is_whole(field));
        }
    }
    return 0;
}

// The width of a line when texts take at most `most`, behind `lead`; *fits: columns that do not
// reach beyond `limit`.
static uint32_t line_width(const struct tm_schema *schema, const uint32_t *widths, uint32_t lead,
                           uint32_t most, uint32_t limit, uint32_t *fits)
{
    uint32_t width = lead;
    *fits = 0;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct tm_field *field = &schema->fields[i];
        if (is_hidden(field))
            continue;
        uint32_t w = widths[i];
        width += (width == 0 ? 0 : GAP) + (!is_whole(field) && w > most ? most : w);
        // where others follow there must be room to say so
        if (width + GAP + 1 <= limit || *fits == 0)
            *fits = i + 1;
    }
    return width;
}

uint32_t tm__table_fit(const struct tm_schema *schema, uint32_t lead, uint32_t limit,
                       uint32_t *widths)
{
    uint32_t most = WIDTH_MAX, shown = schema->field_count, fits;
    while (limit != 0 && line_width(schema, widths, lead, most, limit, &fits) > limit &&
           most > WIDTH_NARROW)
        most--;
    if (limit != 0 && line_width(schema, widths, lead, most, limit, &fits) > limit)
        shown = fits;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        if (!is_whole(&schema->fields[i]) && widths[i] > most)
            widths[i] = most;
    }
    return shown;
}

// What the shared widths and the terminal's make of the columns.
static void lay_out(struct table_encoder *e)
{
    e->terminal = tm_fx_terminal(e->table->fx, e->table->fd);
    for (uint32_t i = 0; i < e->schema->field_count; i++)
        e->widths[i] = atomic_load_explicit(&e->table->widths[i], memory_order_relaxed);
    uint32_t lead = e->schema->changelog ? KIND_WIDTH : 0;
    e->shown = tm__table_fit(e->schema, lead, e->terminal.columns, e->widths);
}

// Two layouts with the same columns at the same places have the same.
static uint32_t layout_hash(const struct table_encoder *e)
{
    uint32_t hash = e->schema->changelog ? 3 : 2;
    for (uint32_t i = 0; i < e->shown; i++)
        hash = (hash ^ e->widths[i]) * 16777619u;
    return hash;
}

// --- lines ---------------------------------------------------------------------------------------

static int put_spaces(struct tm_buf *out, uint32_t count)
{
    int rc = tm_buf_reserve(out, count);
    if (rc == 0 && count != 0) {
        memset(out->data + out->size_bytes, ' ', count);
        out->size_bytes += count;
    }
    return rc;
}

static int put_colored(const char *color, const void *text, size_t len, struct tm_buf *out)
{
    int rc = color != NULL ? tm_buf_append(out, color, strlen(color)) : 0;
    if (rc == 0)
        rc = tm_buf_append(out, text, len);
    return rc == 0 && color != NULL ? tm_buf_append(out, plain, sizeof plain - 1) : rc;
}

int tm__table_put(struct tm_buf *cell, const struct tm_field *field, uint32_t wide, bool last,
                  const char *color, struct tm_buf *out)
{
    uint32_t width = tm__width_of(cell->data, cell->size_bytes);
    bool right = tm__table_stands_right(field);
    if (width > wide && wide > 0) {
        static const char ellipsis[] = "\xe2\x80\xa6";
        cell->size_bytes = tm__width_cut(cell->data, cell->size_bytes, wide - 1, &width);
        int rc = tm_buf_append(cell, ellipsis, sizeof ellipsis - 1);
        if (rc != 0)
            return rc;
        width++;
    }
    uint32_t pad = wide > width ? wide - width : 0;
    int rc = right ? put_spaces(out, pad) : 0;
    if (rc == 0)
        rc = put_colored(color, cell->data, cell->size_bytes, out);
    if (rc == 0 && !last)
        rc = put_spaces(out, (right ? 0 : pad) + GAP);
    return rc;
}

static const char *color_of(const struct table_encoder *e, const char *color)
{
    return e->terminal.color ? color : NULL;
}

uint32_t tm__table_last(const struct tm_schema *schema)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < schema->field_count; i++)
        last = is_hidden(&schema->fields[i]) ? last : i;
    return last;
}

static int put_kind(struct table_encoder *e, struct tm_buf *out, const struct tm_row *row)
{
    static const char title[] = "op";
    int rc = row == NULL ? put_colored(color_of(e, bold), title, sizeof title - 1, out)
                         : put_colored(color_of(e, kinds[row->kind & 3].color),
                                       kinds[row->kind & 3].name, KIND_WIDTH, out);
    return rc == 0 ? put_spaces(out, GAP) : rc;
}

// The line of a row; without a row the heading.
static int put_line(struct table_encoder *e, struct tm_buf *out, const struct tm_row *row)
{
    static const char more[] = "\xe2\x80\xa6\n";
    uint32_t last = tm__table_last(e->schema);
    bool cut = e->shown <= last;
    int rc = e->schema->changelog ? put_kind(e, out, row) : 0;
    for (uint32_t i = 0; rc == 0 && i <= last && i < e->shown; i++) {
        const struct tm_field *field = &e->schema->fields[i];
        const char *color = row == NULL ? bold : tm_row_is_null(row, i) ? dim : NULL;
        if (is_hidden(field))
            continue;
        e->cell.size_bytes = 0;
        rc = row != NULL ? put_value(e, row, i)
                         : put_text(&e->cell, field->name, strlen(field->name));
        if (rc == 0)
            rc = tm__table_put(&e->cell, field, e->widths[i], i == last, color_of(e, color), out);
    }
    if (rc != 0)
        return rc;
    return cut ? tm_buf_append(out, more, sizeof more - 1) : tm_buf_append(out, "\n", 1);
}

static void note_heading(struct table_encoder *e)
{
    atomic_store_explicit(&e->table->layout, layout_hash(e), memory_order_relaxed);
    atomic_store_explicit(&e->table->lines, 0, memory_order_relaxed);
}

// Must the heading be written again before these rows?
static bool needs_heading(struct table_encoder *e, uint32_t rows)
{
    struct tm__table *table = e->table;
    uint32_t height = e->terminal.rows;
    uint32_t page = height == 0 ? PAGE_UNKNOWN : height < PAGE_MIN ? PAGE_MIN : height - 1;
    uint32_t lines = atomic_fetch_add_explicit(&table->lines, rows, memory_order_relaxed);
    const struct tm__table *before =
        atomic_exchange_explicit(table->latest, table, memory_order_relaxed);
    return lines + 1 >= page || (before != table && before != NULL) ||
           atomic_load_explicit(&table->layout, memory_order_relaxed) != layout_hash(e);
}

// The first heading, in a buffer of its own in front of all rows: whoever comes first writes it,
// the others wait the moment that takes. True: that was here.
static bool first_heading(struct table_encoder *e, int *rc)
{
    int none = 0;
    _Atomic int *heading = &e->table->heading;
    *rc = 0;
    if (atomic_load_explicit(heading, memory_order_acquire) == 2)
        return false;
    if (!atomic_compare_exchange_strong_explicit(heading, &none, 1, memory_order_acquire,
                                                 memory_order_acquire)) {
        while (atomic_load_explicit(heading, memory_order_acquire) != 2) {
        }
        return false;
    }
    struct tm_file_buffer *buffer = tm_file_buffer_new(e->table->writer, NULL);
    *rc = buffer == NULL ? TM_E_MEMORY : put_line(e, &buffer->bytes, NULL);
    if (*rc == 0)
        tm_file_buffer_submit(buffer);
    note_heading(e);
    atomic_store_explicit(e->table->latest, e->table, memory_order_relaxed);
    // Partner: the acquire loads above. Also after a failure, which ends the job.
    atomic_store_explicit(heading, 2, memory_order_release);
    return true;
}

// Once per batch: what its lines look like, and a heading where one is due.
static int begin_batch(struct table_encoder *e, const struct tm_batch *batch, struct tm_buf *out)
{
    int rc = measure(e, batch);
    if (rc != 0)
        return rc;
    e->measured = batch;
    lay_out(e);
    if (first_heading(e, &rc)) {
        atomic_fetch_add_explicit(&e->table->lines, batch->row_count, memory_order_relaxed);
        return rc;
    }
    if (!needs_heading(e, batch->row_count))
        return rc;
    note_heading(e);
    atomic_fetch_add_explicit(&e->table->lines, batch->row_count, memory_order_relaxed);
    return put_line(e, out, NULL);
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
    int rc = 0;
    // A batch may come in several calls; its first row begins it.
    if (*row == tm_batch_first(batch) || e->measured != batch)
        rc = begin_batch(e, batch, out);
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
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct tm_field *field = &schema->fields[i];
        widen(table, i, tm__width_of(field->name, strlen(field->name)), is_whole(field));
    }
    *encoder = &e->base;
    return 0;
}
