// The wire form. All integers little-endian, which the engine's machines are; nothing is aligned.
//
//   schema: "TMS1" | u32 size of all | u32 columns | i32 time column |
//           per column: u8 kind, u8 precision, u8 scale, u8 flags, u16 name length, name |
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

enum { SCHEMA_HEAD = 16, COLUMN_HEAD = 6, SUM_BYTES = 8, BATCH_HEAD = 32 };
// the largest schema
enum { SCHEMA_BYTES_MAX = SCHEMA_HEAD + TM_FIELDS_MAX * (COLUMN_HEAD + TM_NAME_MAX) + SUM_BYTES };

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

int tm_wire_put_schema(struct tm_buf *out, const struct tm_schema *schema)
{
    size_t size = SCHEMA_HEAD + SUM_BYTES;
    for (uint32_t i = 0; i < schema->field_count; i++)
        size += COLUMN_HEAD + strlen(schema->fields[i].name);
    int rc = tm_buf_reserve(out, size);
    if (rc != 0)
        return rc;
    uint8_t *start = out->data + out->size_bytes, *p = start;
    memcpy(p, schema_magic, 4);
    put32(p + 4, (uint32_t)size);
    put32(p + 8, schema->field_count);
    put32(p + 12, (uint32_t)schema->time_field);
    p += SCHEMA_HEAD;
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
    }
    put64(p, tm_hash_bytes(start, size - SUM_BYTES));
    out->size_bytes += size;
    return 0;
}

// Reads the columns into `defs`; names go, NUL-terminated, into `names`.
static int get_columns(const uint8_t *p, size_t at, size_t end, struct tm_field_def *defs,
                       uint32_t count, char *names, struct tm_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (end - at < COLUMN_HEAD)
            return tm_error_set(err, TM_E_CORRUPT,
                                "schema: column %u of %u is cut short at offset %zu", i + 1, count,
                                at);
        size_t len = get16(p + at + 4);
        if (end - at - COLUMN_HEAD < len)
            return tm_error_set(err, TM_E_CORRUPT,
                                "schema: the name of column %u is cut short at offset %zu", i + 1,
                                at + COLUMN_HEAD);
        const uint8_t *name = p + at + COLUMN_HEAD;
        if (memchr(name, 0, len) != NULL)
            return tm_error_set(err, TM_E_CORRUPT,
                                "schema: a zero byte in the name of column %u at offset %zu", i + 1,
                                at + COLUMN_HEAD);
        memcpy(names, name, len);
        names[len] = '\0';
        defs[i] = (struct tm_field_def){names, {p[at], p[at + 1], p[at + 2], 0}, p[at + 3]};
        names += len + 1;
        at += COLUMN_HEAD + len;
    }
    if (at != end)
        return tm_error_set(err, TM_E_CORRUPT, "schema: %zu bytes too many at offset %zu", end - at,
                            at);
    return 0;
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
    uint32_t count = get32(p + 8);
    if (size < SCHEMA_HEAD + SUM_BYTES || size > len || size > SCHEMA_BYTES_MAX)
        return tm_error_set(err, TM_E_CORRUPT,
                            "schema: says at offset 4 that it has %zu bytes, of %zu given", size,
                            len);
    if (count == 0 || count > TM_FIELDS_MAX)
        return tm_error_set(err, TM_E_CORRUPT, "schema: %u columns at offset 8", count);
    size_t end = size - SUM_BYTES;
    if (get64(p + end) != tm_hash_bytes(p, end))
        return tm_error_set(err, TM_E_CORRUPT, "schema: the checksum at offset %zu is wrong", end);
    // each name is followed by a zero here and preceded by a head of six bytes there
    size_t defs_bytes = count * sizeof(struct tm_field_def);
    struct tm_field_def *defs = tm_mem_alloc(mem, defs_bytes + size);
    if (defs == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a schema of %u columns", count);
    int rc = get_columns(p, SCHEMA_HEAD, end, defs, count, (char *)defs + defs_bytes, err);
    if (rc == 0) {
        rc = tm_schema_new(mem, defs, count, (int32_t)get32(p + 12), schema, err);
        if (rc == TM_E_SCHEMA) {
            tm_error_prefix(err, "schema on the wire");
            if (err != NULL)
                err->code = TM_E_CORRUPT;
            rc = TM_E_CORRUPT;
        }
    }
    tm_mem_free(mem, defs, defs_bytes + size);
    if (rc == 0)
        *used = size;
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

int tm_wire_get_batch(struct tm_batch_pool *pool, struct tm_schema *schema, const uint8_t *p,
                      size_t len, size_t *used, struct tm_batch **batch, struct tm_error *err)
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
    rc = tm_wire_check_rows(schema, b->data, rows, get32(p + 4), err);
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
