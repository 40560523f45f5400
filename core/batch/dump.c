// Batches, rows and schemas as text for people: errors, logs, tests, the REPL. Hidden columns do
// not show.
#include "core/batch/dump.h"

#include "core/batch/value_text.h"

enum { TEXT_MAX = 40, CELL_WIDTH_MAX = 4 * TEXT_MAX, HEX_MAX = 20 };

static bool is_hidden(const struct tm_field *field)
{
    return (field->flags & TM_FIELD_HIDDEN) != 0;
}

static int put_text(struct tm_buf *out, const char *text)
{
    return tm__value_put_plain(out, text);
}

// Quoted, control characters escaped, cut after TEXT_MAX characters (not bytes).
static int put_quoted(struct tm_buf *out, const void *text, size_t len)
{
    const char *s = text;
    int rc = put_text(out, "\"");
    uint32_t characters = 0;
    size_t i = 0;
    while (rc == 0 && i < len && characters < TEXT_MAX) {
        unsigned char c = (unsigned char)s[i];
        size_t next = i + 1;
        while (next < len && ((unsigned char)s[next] & 0xc0) == 0x80)
            next++;
        characters++;
        if (c == '"' || c == '\\') {
            char escaped[2] = {'\\', (char)c};
            rc = tm_buf_append(out, escaped, 2);
        } else if (c == '\n') {
            rc = put_text(out, "\\n");
        } else if (c < 0x20 || c == 0x7f) {
            rc = tm_buf_printf(out, "\\x%02x", c);
        } else {
            rc = tm_buf_append(out, s + i, next - i);
        }
        i = next;
    }
    return rc == 0 ? put_text(out, i < len ? "\"..." : "\"") : rc;
}

static int put_hex(struct tm_buf *out, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    int rc = put_text(out, "0x");
    for (size_t i = 0; rc == 0 && i < len && i < HEX_MAX; i++)
        rc = tm_buf_printf(out, "%02x", p[i]);
    return rc == 0 && len > HEX_MAX ? put_text(out, "...") : rc;
}

static int put_name(struct tm_buf *out, const char *name);

// As Lua would have it, but for what is cut.
static int put_value(struct tm_buf *out, const struct tm_schema *schema, const struct tm_row *row,
                     uint32_t i)
{
    static const struct tm__value_style style = {
        .comma = ", ",
        .list = {"{", "}"},
        .fields = {"{", "}"},
        .is = " = ",
        .texts = {"{", "[", "] = ", "", "}"},
        .map = {"{", "[", "] = ", "", "}"},
        .quote = "",
        .no_value = "?",
        .name = put_name,
        .text = put_quoted,
        .bytes = put_hex,
    };
    return tm__value_put(out, &style, schema->fields[i].type,
                         tm_slot_of_row(row, schema->fields[i].offset), tm_row_is_null(row, i));
}

// Columns on the screen that text takes, one a character: good enough outside of Asia.
static uint32_t width_of(const uint8_t *p, size_t len)
{
    uint32_t width = 0;
    for (size_t i = 0; i < len; i++)
        width += (p[i] & 0xc0) != 0x80;
    return width;
}

static bool is_left_aligned(struct tm_type type)
{
    return tm_type_is_reference(type) || type.kind == TM_TYPE_TIMESTAMP ||
           type.kind == TM_TYPE_BOOL;
}

// `text` from `start` on is a cell: pad it to `width`.
static int pad_cell(struct tm_buf *out, size_t start, uint32_t width, bool left)
{
    uint32_t have = width_of(out->data + start, out->size_bytes - start);
    if (have >= width)
        return 0;
    size_t blanks = width - have, len = out->size_bytes - start;
    int rc = tm_buf_reserve(out, blanks);
    if (rc != 0)
        return rc;
    uint8_t *cell = out->data + start;
    if (left) {
        memset(cell + len, ' ', blanks);
    } else {
        memmove(cell + blanks, cell, len);
        memset(cell, ' ', blanks);
    }
    out->size_bytes += blanks;
    return 0;
}

// The widest cell of column i: each is written to the end of `out` and taken back.
static int measure_column(struct tm_buf *out, const struct tm_batch *batch, uint32_t max_rows,
                          uint32_t i, uint32_t *width)
{
    const struct tm_field *field = &batch->schema->fields[i];
    size_t start = out->size_bytes;
    uint32_t done = 0;
    *width = width_of((const uint8_t *)field->name, strlen(field->name));
    TM_BATCH_EACH(batch, row)
    {
        if (done++ == max_rows)
            break;
        int rc = put_value(out, batch->schema, row, i);
        if (rc != 0)
            return rc;
        uint32_t cell = width_of(out->data + start, out->size_bytes - start);
        out->size_bytes = start;
        if (cell > *width)
            *width = cell;
    }
    return 0;
}

static bool is_changelog(const struct tm_batch *batch)
{
    TM_BATCH_EACH(batch, row)
    {
        if (row->kind != TM_ROW_INSERT)
            return true;
    }
    return false;
}

// One line: the header when `row` is NULL.
static int put_line(struct tm_buf *out, const struct tm_schema *schema, const struct tm_row *row,
                    bool changelog, const uint32_t *widths)
{
    int rc = 0;
    if (changelog)
        rc = put_text(out, row == NULL ? "  " : tm_row_kind_text(row->kind));
    bool first = !changelog;
    for (uint32_t i = 0; rc == 0 && i < schema->field_count; i++) {
        const struct tm_field *field = &schema->fields[i];
        if (is_hidden(field))
            continue;
        rc = first ? 0 : put_text(out, "  ");
        first = false;
        size_t start = out->size_bytes;
        if (rc == 0)
            rc = row == NULL ? put_text(out, field->name) : put_value(out, schema, row, i);
        if (rc == 0)
            rc = pad_cell(out, start, widths[i], is_left_aligned(field->type));
    }
    while (rc == 0 && out->size_bytes > 0 && out->data[out->size_bytes - 1] == ' ')
        out->size_bytes--;
    return rc == 0 ? put_text(out, "\n") : rc;
}

int tm_dump_batch(struct tm_buf *out, const struct tm_batch *batch, uint32_t max_rows)
{
    const struct tm_schema *schema = batch->schema;
    size_t widths_bytes = schema->field_count * sizeof(uint32_t);
    uint32_t *widths = tm_mem_alloc(out->mem, widths_bytes);
    if (widths == NULL)
        return TM_E_MEMORY;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < schema->field_count; i++)
        rc = measure_column(out, batch, max_rows, i, &widths[i]);
    bool changelog = is_changelog(batch);
    if (rc == 0)
        rc = put_line(out, schema, NULL, changelog, widths);
    uint32_t done = 0;
    TM_BATCH_EACH(batch, row)
    {
        if (rc != 0 || done == max_rows)
            break;
        rc = put_line(out, schema, row, changelog, widths);
        done++;
    }
    if (rc == 0 && done < batch->row_count)
        rc = tm_buf_printf(out, "... %u more\n", batch->row_count - done);
    tm_mem_free(out->mem, widths, widths_bytes);
    return rc;
}

static bool is_identifier(const char *name)
{
    static const char *const reserved[] = {"and",   "break", "do",       "else", "elseif", "end",
                                           "false", "for",   "function", "goto", "if",     "in",
                                           "local", "nil",   "not",      "or",   "repeat", "return",
                                           "then",  "true",  "until",    "while"};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (strcmp(name, reserved[i]) == 0)
            return false;
    }
    for (const char *p = name; *p != '\0'; p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_';
        if (!letter && (p == name || *p < '0' || *p > '9'))
            return false;
    }
    return true;
}

// A name as a key of a Lua table, whole: it must be right when pasted.
static int put_name(struct tm_buf *out, const char *name)
{
    if (is_identifier(name))
        return put_text(out, name);
    int rc = put_text(out, "[\"");
    for (const char *p = name; rc == 0 && *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            rc = tm_buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            rc = tm_buf_printf(out, "\\%03u", c);
        else
            rc = tm_buf_append(out, p, 1);
    }
    return rc == 0 ? put_text(out, "\"]") : rc;
}

int tm_dump_row(struct tm_buf *out, const struct tm_schema *schema, const struct tm_row *row)
{
    int rc = put_text(out, "{");
    bool first = true;
    for (uint32_t i = 0; rc == 0 && i < schema->field_count; i++) {
        if (is_hidden(&schema->fields[i]))
            continue;
        rc = first ? 0 : put_text(out, ", ");
        first = false;
        if (rc == 0)
            rc = put_name(out, schema->fields[i].name);
        if (rc == 0)
            rc = put_text(out, " = ");
        if (rc == 0)
            rc = put_value(out, schema, row, i);
    }
    return rc == 0 ? put_text(out, "}") : rc;
}

// A type as a Lua text: names of fields in it may have quotes.
static int put_type(struct tm_buf *out, struct tm_type type)
{
    struct tm_buf text;
    tm_buf_init(&text, out->mem);
    int rc = tm_type_put_text(&text, type);
    if (rc == 0)
        rc = put_text(out, "\"");
    for (size_t i = 0; rc == 0 && i < text.size_bytes; i++) {
        const char *c = (const char *)text.data + i;
        if (*c == '"' || *c == '\\')
            rc = put_text(out, "\\");
        if (rc == 0)
            rc = tm_buf_append(out, c, 1);
    }
    tm_buf_fini(&text);
    return rc == 0 ? put_text(out, "\"") : rc;
}

int tm_dump_schema(struct tm_buf *out, const struct tm_schema *schema)
{
    int rc = put_text(out, "tm.schema {");
    bool first = true;
    for (uint32_t i = 0; rc == 0 && i < schema->field_count; i++) {
        const struct tm_field *field = &schema->fields[i];
        if (is_hidden(field))
            continue;
        rc = put_text(out, first ? " " : ", ");
        first = false;
        if (rc == 0)
            rc = put_name(out, field->name);
        bool required = (field->flags & TM_FIELD_REQUIRED) != 0;
        if (rc == 0)
            rc = put_text(out, required ? " = { " : " = ");
        if (rc == 0)
            rc = put_type(out, field->type);
        if (rc == 0 && required)
            rc = put_text(out, ", required = true }");
    }
    return rc == 0 ? put_text(out, " }") : rc;
}
