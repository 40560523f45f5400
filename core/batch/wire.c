// The wire form. All integers little-endian, which the engine's machines are; nothing is aligned.
//
//   schema: "TMS1" | u32 size of all | u32 columns, bit 31: a changelog | i32 time column |
//           per column: u8 kind, u8 precision, u8 scale, u8 flags, u16 name length, name, and of a
//           list, map or struct u16 fields and these as columns |
//           u64 XXH3 of all before
//   batch:  "TMB1" | u32 rows | u64 schema fingerprint | u64 bytes of rows | i32 split | u32 zero |
//           the rows as they are in memory | u64 XXH3 of all before
//
// A batch's read_ns stays behind: it is a reading of this machine's clock. The digit in the magic
// is the version. Checksums find damage, not malice: the checks do not rely on them.
#include "core/batch/wire.h"

#include "core/base/hash.h"
#include "core/base/limits.h"

static const char schema_magic[4] = {'T', 'M', 'S', '1'};
static const char batch_magic[4] = {'T', 'M', 'B', '1'};

#define CHANGELOG_BIT UINT32_C(0x80000000)
enum { SCHEMA_HEAD = 16, COLUMN_HEAD = 6, SUM_BYTES = 8, BATCH_HEAD = 32 };
// the largest schema
enum {
    SCHEMA_BYTES_MAX =
        SCHEMA_HEAD + TM_TYPE_FIELDS_MAX * (COLUMN_HEAD + TM_NAME_MAX + 2) + SUM_BYTES
};

static void put16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}

static void put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static void put64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

static uint16_t get16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static size_t columns_bytes(const struct tm_schema *schema)
{
    size_t size = 0;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct tm_field *field = &schema->fields[i];
        size += COLUMN_HEAD + strlen(field->name);
        if (field->type.of != NULL)
            size += 2 + columns_bytes(field->type.of);
    }
    return size;
}

static uint8_t *put_columns(uint8_t *p, const struct tm_schema *schema)
{
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct tm_field *field = &schema->fields[i];
        size_t len = strlen(field->name);
        p[0] = field->type.kind;
        p[1] = field->type.precision;
        p[2] = field->type.scale;
        p[3] = (uint8_t)field->flags;
        put16(p + 4, (uint16_t)len);
        memcpy(p + COLUMN_HEAD, field->name, len);
        p += COLUMN_HEAD + len;
        if (field->type.of != NULL) {
            put16(p, (uint16_t)field->type.of->field_count);
            p = put_columns(p + 2, field->type.of);
        }
    }
    return p;
}

int tm_wire_put_schema(struct tm_buf *out, const struct tm_schema *schema)
{
    size_t size = SCHEMA_HEAD + columns_bytes(schema) + SUM_BYTES;
    int rc = tm_buf_reserve(out, size);
    if (rc != 0)
        return rc;
    uint8_t *start = out->data + out->size_bytes;
    memcpy(start, schema_magic, 4);
    put32(start + 4, (uint32_t)size);
    put32(start + 8, schema->field_count | (schema->changelog ? CHANGELOG_BIT : 0));
    put32(start + 12, (uint32_t)schema->time_field);
    uint8_t *p = put_columns(start + SCHEMA_HEAD, schema);
    put64(p, tm_hash_bytes(start, size - SUM_BYTES));
    out->size_bytes += size;
    return 0;
}

// A schema that is being read.
struct schema_reader {
    struct tm_mem *mem;
    const uint8_t *p;
    size_t at, end;
    uint32_t fields; // on all levels so far
    uint32_t depth;
    struct tm_error *err;
};

static int get_schema(struct schema_reader *r, uint32_t count, int32_t time_field,
                      struct tm_schema **schema);

// What a list, map or struct holds.
static int get_inner(struct schema_reader *r, struct tm_type *type)
{
    if (r->end - r->at < 2)
        return tm_error_set(r->err, TM_E_CORRUPT, "schema: cut short at offset %zu", r->at);
    if (r->depth == TM_TYPE_DEPTH_MAX)
        return tm_error_set(r->err, TM_E_CORRUPT, "schema: more than %d levels at offset %zu",
                            TM_TYPE_DEPTH_MAX, r->at);
    uint32_t count = get16(r->p + r->at);
    if (count == 0 || count > TM_FIELDS_MAX)
        return tm_error_set(r->err, TM_E_CORRUPT, "schema: %u fields at offset %zu", count, r->at);
    r->at += 2;
    r->depth++;
    int rc = get_schema(r, count, -1, &type->of);
    r->depth--;
    return rc;
}

// Reads a column into `def`; its name goes, NUL-terminated, into `name`.
static int get_column(struct schema_reader *r, struct tm_field_def *def, char *name)
{
    if (r->end - r->at < COLUMN_HEAD)
        return tm_error_set(r->err, TM_E_CORRUPT, "schema: a column is cut short at offset %zu",
                            r->at);
    const uint8_t *p = r->p + r->at;
    size_t len = get16(p + 4);
    if (len > TM_NAME_MAX || r->end - r->at - COLUMN_HEAD < len)
        return tm_error_set(r->err, TM_E_CORRUPT,
                            "schema: the name of a column is cut short at offset %zu",
                            r->at + COLUMN_HEAD);
    if (memchr(p + COLUMN_HEAD, 0, len) != NULL)
        return tm_error_set(r->err, TM_E_CORRUPT,
                            "schema: a zero byte in the name of a column at offset %zu",
                            r->at + COLUMN_HEAD);
    if (++r->fields > TM_TYPE_FIELDS_MAX)
        return tm_error_set(r->err, TM_E_CORRUPT, "schema: more than %d fields at offset %zu",
                            TM_TYPE_FIELDS_MAX, r->at);
    memcpy(name, p + COLUMN_HEAD, len);
    name[len] = '\0';
    *def = (struct tm_field_def){name, {p[0], p[1], p[2], NULL}, p[3]};
    r->at += COLUMN_HEAD + len;
    return tm_type_is_nested(def->type) ? get_inner(r, &def->type) : 0;
}

static int get_schema(struct schema_reader *r, uint32_t count, int32_t time_field,
                      struct tm_schema **schema)
{
    size_t defs_bytes = count * sizeof(struct tm_field_def);
    size_t bytes = defs_bytes + count * (size_t)(TM_NAME_MAX + 1);
    struct tm_field_def *defs = tm_mem_zalloc(r->mem, bytes);
    if (defs == NULL)
        return tm_error_set(r->err, TM_E_MEMORY, "out of memory for a schema of %u columns", count);
    char *names = (char *)defs + defs_bytes;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = get_column(r, &defs[i], names + i * (size_t)(TM_NAME_MAX + 1));
    if (rc == 0) {
        rc = tm_schema_new(r->mem, defs, count, time_field, schema, r->err);
        if (rc == TM_E_SCHEMA) {
            tm_error_prefix(r->err, "schema on the wire");
            if (r->err != NULL)
                r->err->code = TM_E_CORRUPT;
            rc = TM_E_CORRUPT;
        }
    }
    for (uint32_t i = 0; i < count; i++)
        tm_type_fini(&defs[i].type);
    tm_mem_free(r->mem, defs, bytes);
    return rc;
}

int tm_wire_get_schema(struct tm_mem *mem, const uint8_t *p, size_t len, size_t *used,
                       struct tm_schema **schema, struct tm_error *err)
{
    if (len < SCHEMA_HEAD + SUM_BYTES)
        return tm_error_set(err, TM_E_CORRUPT, "schema: %zu bytes, its head has %d", len,
                            SCHEMA_HEAD + SUM_BYTES);
    if (memcmp(p, schema_magic, 4) != 0)
        return tm_error_set(err, TM_E_CORRUPT, "schema: wrong mark or version at offset 0");
    size_t size = get32(p + 4);
    uint32_t count = get32(p + 8) & ~CHANGELOG_BIT;
    if (size < SCHEMA_HEAD + SUM_BYTES || size > len || size > SCHEMA_BYTES_MAX)
        return tm_error_set(err, TM_E_CORRUPT,
                            "schema: says at offset 4 that it has %zu bytes, of %zu given", size,
                            len);
    if (count == 0 || count > TM_FIELDS_MAX)
        return tm_error_set(err, TM_E_CORRUPT, "schema: %u columns at offset 8", count);
    size_t end = size - SUM_BYTES;
    if (get64(p + end) != tm_hash_bytes(p, end))
        return tm_error_set(err, TM_E_CORRUPT, "schema: the checksum at offset %zu is wrong", end);
    struct schema_reader r = {mem, p, SCHEMA_HEAD, end, 0, 0, err};
    struct tm_schema *read = NULL;
    int rc = get_schema(&r, count, (int32_t)get32(p + 12), &read);
    if (rc == 0 && r.at != end) {
        tm_schema_unref(read);
        rc = tm_error_set(err, TM_E_CORRUPT, "schema: %zu bytes too many at offset %zu", end - r.at,
                          r.at);
    }
    if (rc == 0) {
        if ((get32(p + 8) & CHANGELOG_BIT) != 0)
            tm_schema_set_changelog(read);
        *used = size;
        *schema = read;
    }
    return rc;
}

int tm_wire_put_batch(struct tm_buf *out, const struct tm_batch *batch)
{
    size_t rows = batch->size_bytes;
    int rc = tm_buf_reserve(out, BATCH_HEAD + rows + SUM_BYTES);
    if (rc != 0)
        return rc;
    uint8_t *p = out->data + out->size_bytes;
    memcpy(p, batch_magic, 4);
    put32(p + 4, batch->row_count);
    put64(p + 8, batch->schema->fingerprint);
    put64(p + 16, rows);
    put32(p + 24, (uint32_t)batch->split);
    put32(p + 28, 0);
    memcpy(p + BATCH_HEAD, batch->data, rows);
    put64(p + BATCH_HEAD + rows, tm_hash_bytes(p, BATCH_HEAD + rows));
    out->size_bytes += BATCH_HEAD + rows + SUM_BYTES;
    return 0;
}

static int check_batch_head(const struct tm_schema *schema, const uint8_t *p, size_t len,
                            struct tm_error *err)
{
    if (len < BATCH_HEAD + SUM_BYTES)
        return tm_error_set(err, TM_E_CORRUPT, "batch: %zu bytes, its head has %d", len,
                            BATCH_HEAD + SUM_BYTES);
    if (memcmp(p, batch_magic, 4) != 0)
        return tm_error_set(err, TM_E_CORRUPT, "batch: wrong mark or version at offset 0");
    if (get64(p + 8) != schema->fingerprint)
        return tm_error_set(err, TM_E_CORRUPT,
                            "batch: rows of another schema (%016llx at offset 8, agreed %016llx)",
                            (unsigned long long)get64(p + 8),
                            (unsigned long long)schema->fingerprint);
    uint64_t rows = get64(p + 16);
    if (rows > TM_BATCH_BYTES_MAX || rows > len - BATCH_HEAD - SUM_BYTES)
        return tm_error_set(err, TM_E_CORRUPT,
                            "batch: says at offset 16 that its rows have %llu bytes, of %zu given",
                            (unsigned long long)rows, len - BATCH_HEAD - SUM_BYTES);
    int32_t split = (int32_t)get32(p + 24);
    if (split < TM_NO_SPLIT)
        return tm_error_set(err, TM_E_CORRUPT, "batch: split %d at offset 24", split);
    if (get32(p + 28) != 0)
        return tm_error_set(err, TM_E_CORRUPT, "batch: reserved bytes at offset 28 are not zero");
    if (get64(p + BATCH_HEAD + rows) != tm_hash_bytes(p, BATCH_HEAD + rows))
        return tm_error_set(err, TM_E_CORRUPT, "batch: the checksum at offset %llu is wrong",
                            (unsigned long long)(BATCH_HEAD + rows));
    return 0;
}

int tm_wire_get_batch(struct tm_batch_pool *pool, struct tm_schema *schema,
                      const struct tm_wire_partial *partial, const uint8_t *p, size_t len,
                      size_t *used, struct tm_batch **batch, struct tm_error *err)
{
    int rc = check_batch_head(schema, p, len, err);
    if (rc != 0)
        return rc;
    size_t rows = get64(p + 16);
    struct tm_batch *b = tm_batch_acquire(pool, schema);
    if (b == NULL || tm_batch_reserve(b, rows) != 0) {
        tm_batch_release_local(b);
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a batch of %zu bytes", rows);
    }
    // Copied before it is checked: rows in a batch are aligned, bytes from a network are not.
    memcpy(b->data, p + BATCH_HEAD, rows);
    rc = tm_wire_check_rows(schema, partial, b->data, rows, get32(p + 4), err);
    if (rc != 0) {
        tm_batch_release_local(b);
        return rc;
    }
    b->size_bytes = rows;
    b->row_count = get32(p + 4);
    b->split = (int32_t)get32(p + 24);
    *used = BATCH_HEAD + rows + SUM_BYTES;
    *batch = b;
    return 0;
}
