// The JSON Lines decoder: from the structural index of a window of lines straight into rows.
//
// A window of about 4 KiB of whole lines is indexed at once (json_index.h). That is sound because a
// line end inside a string is an error: when the window's index is good, no string crosses a line,
// and the index of each line is the same as if it had been indexed alone. When it is not good, the
// lines of the window are indexed one by one, so that one broken line costs only itself.
//
// A record is tried quickly (json_fields.c); what that does not take, a line with an error in it
// most of all, is read again here, one field after the other, to say what is wrong with it. A row
// is written in place behind the batch's rows: one check of room for a line bounds all of its
// strings, and a row that fails is simply never counted.
#include "core/format/formats.h"
#include "core/format/json_index.h"
#include "core/format/json_value.h"

enum {
    WINDOW = 4096,           // bytes indexed at once: the fixed cost is gone, the index stays in L1
    INDEX_KEPT = 2 * WINDOW, // a long record's index is not kept: a subtask has up to 256 decoders
};

#define ALWAYS_INLINE inline __attribute__((always_inline))

// The slots of columns that are null are zero: here of those that had no value, which is rare.
static void clear_slots(const struct tm_schema *schema, uint8_t *row, uint32_t word, uint64_t nulls)
{
    for (; nulls != 0; nulls &= nulls - 1) {
        const struct tm_field *field =
            &schema->fields[word * 64 + (uint32_t)__builtin_ctzll(nulls)];
        memset(row + field->offset, 0, field->type.kind == TM_TYPE_DECIMAL ? 16 : 8);
    }
}

// The row ends with the last byte that a column refers to.
static void close_gap(struct tm__json_record *r)
{
    const struct tm_schema *schema = r->d->schema;
    uint32_t end = schema->fixed_bytes;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        struct tm_ref ref;
        uint64_t words = r->present[i >> 6] & r->d->used[i >> 6];
        if (!tm_type_is_reference(schema->fields[i].type) || ((words >> (i & 63)) & 1) == 0)
            continue;
        memcpy(&ref, r->row + schema->fields[i].offset, sizeof ref);
        end = ref.offset + ref.length > end ? ref.offset + ref.length : end;
    }
    r->heap = r->row + end;
}

// The fields of an object into the row, one by one, and what is wrong with them.
static int read_carefully(struct tm__json_record *r)
{
    struct tm__json_decoder *d = r->d;
    const uint8_t *text = r->place.text;
    const uint32_t end = r->place.end, *index = r->index;
    struct tm__key_node *node = d->keys.start;
    if (text[*index] != '{')
        return tm__json_fail_root(&d->fail, &r->place, *index);
    index++;
    if (*index < end && text[*index] == '}') {
        r->index = ++index;
    } else {
        for (bool more = true; more;) {
            if (index[3] >= end)
                return tm__json_cut_or_broken(r, index[0], index[1], index[2]);
            if ((node = tm__json_find_key(r, node, index[0], index[1])) == NULL ||
                (index = tm__json_read_field(r, node, index)) == NULL)
                return d->fail.code;
            uint32_t after = *index++;
            more = after < end && text[after] == ',';
            if (after >= end || (!more && text[after] != '}'))
                return tm__json_fail_structure(&d->fail, &r->place, after < end ? after : end,
                                               after < end ? "',' or '}'" : "");
        }
        r->index = index;
    }
    return *index < end ? tm__json_fail_trailing(&d->fail, &r->place, *index) : 0;
}

// A row behind the batch's last, to be filled.
static ALWAYS_INLINE void begin_row(struct tm__json_record *r, struct tm_batch *batch)
{
    const struct tm_schema *schema = r->d->schema;
    uint32_t words = schema->null_words;
    r->row = batch->data + batch->size_bytes;
    r->heap = r->row + schema->fixed_bytes;
    r->has_gap = false;
    r->nulled[0] = r->present[0] = 0;
    if (TM_UNLIKELY(words != 1)) {
        memset(r->present, 0, words * sizeof *r->present);
        memset(r->nulled, 0, words * sizeof *r->nulled);
    }
}

// Its fields are read: count it, unless a required one is missing.
static ALWAYS_INLINE bool end_row(struct tm__json_record *r, struct tm_batch *batch)
{
    struct tm__json_decoder *d = r->d;
    struct tm_row *row = (struct tm_row *)(void *)r->row;
    uint32_t words = d->schema->null_words;
    memset(row, 0, offsetof(struct tm_row, nulls));
    for (uint32_t i = 0; i < words; i++) {
        uint64_t present = r->present[i];
        if (TM_UNLIKELY((d->required[i] & ~present) != 0))
            return false;
        row->nulls[i] = d->all[i] & ~(present & d->used[i]);
        if (TM_UNLIKELY((d->all[i] & ~present) != 0))
            clear_slots(d->schema, r->row, i, d->all[i] & ~present);
    }
    if (TM_UNLIKELY(r->has_gap))
        close_gap(r);
    memset(r->heap, 0, 8); // the padding; the batch has slack behind it
    row->size_bytes = (uint32_t)(r->heap - r->row + 7) & ~7u;
    batch->size_bytes += row->size_bytes;
    batch->row_count++;
    return true;
}

// --- lines

struct call {
    struct tm_batch *batch;
    tm__bad_fn *bad;
    void *arg;
};

// d->fail says what is wrong with this line. Out of memory is no fault of the record: decoding
// ends.
static int report(struct tm__json_decoder *d, const uint8_t *line, size_t len,
                  const struct call *call)
{
    if (d->fail.code == TM_E_MEMORY)
        return TM_E_MEMORY;
    return tm__lines_bad(&d->lines, d->fail.code, d->fail.message, line, len, call->bad, call->arg);
}

// The record at r->place.start, of which only the window's end is known. Returns where the next
// line begins; 0: it must be read with care.
static ALWAYS_INLINE uint32_t read_quickly(struct tm__json_record *r, uint32_t len,
                                           struct tm_batch *batch)
{
    const struct tm__json_decoder *d = r->d;
    uint32_t start = r->place.start;
    const uint32_t *index = r->index;
    if (TM_UNLIKELY(*index != start || r->place.text[start] != '{' ||
                    batch->capacity_bytes - batch->size_bytes <
                        d->schema->fixed_bytes + (size_t)(len - start) + 8))
        return 0;
    r->place.end = len;
    begin_row(r, batch);
    uint32_t next = tm__json_read_fields(r);
    if (TM_LIKELY(next != 0 && next - start <= d->lines.max_record && end_row(r, batch)))
        return next < len ? next : len;
    r->index = index;
    return 0;
}

// The record in [r->place.start, r->place.end).
static int read_record(struct tm__json_record *r, struct tm_batch *batch)
{
    struct tm__json_decoder *d = r->d;
    size_t bytes = d->schema->fixed_bytes + (r->place.end - r->place.start) + 8;
    if (tm_batch_reserve(batch, bytes) != 0)
        return tm__json_fail_index(&d->fail, TM__INDEX_MEMORY, &r->place);
    begin_row(r, batch);
    int rc = read_carefully(r);
    return rc != 0 ? rc : end_row(r, batch) ? 0 : tm__json_missing(r);
}

// One line, whatever is in it; *next: behind it.
static int read_line(struct tm__json_record *r, size_t len, enum tm__index_result result,
                     const struct call *call, uint32_t *next)
{
    struct tm__json_decoder *d = r->d;
    const uint8_t *text = r->place.text;
    uint32_t start = r->place.start;
    const uint8_t *found = memchr(text + start, '\n', len - start);
    uint32_t end = found != NULL ? (uint32_t)(found - text) : (uint32_t)len;
    size_t length = tm__lines_trim(text + start, end - start);
    int rc = 0;
    *next = found != NULL ? end + 1 : end;
    r->place.end = end;
    if (length > d->lines.max_record) {
        rc = tm__lines_too_large(&d->lines, text + start, length, call->bad, call->arg);
    } else if (result != TM__INDEX_OK) {
        tm__json_fail_index(&d->fail, (int)result, &r->place);
        rc = report(d, text + start, end - start, call);
    } else if (*r->index < end) { // else white space alone
        const uint32_t *index = r->index;
        if (read_record(r, call->batch) != 0) {
            r->index = index;
            rc = report(d, text + start, end - start, call);
        }
    }
    if (result == TM__INDEX_OK) {
        while (*r->index < *next && *r->index < len)
            r->index++;
    }
    return rc;
}

// The lines of an indexed window, until the batch is full; *taken: bytes of it done. `result`: of
// the index; when it is not good the window is one line.
static int read_window(struct tm__json_decoder *d, const uint8_t *text, size_t len,
                       enum tm__index_result result, const uint32_t *index, const struct call *call,
                       size_t *taken)
{
    struct tm__json_record r = {.d = d, .place = {.text = text}, .index = index};
    uint32_t next;
    int rc = 0;
    while (rc == 0 && r.place.start < len && !tm_batch_is_full(call->batch)) {
        if (TM_UNLIKELY(result != TM__INDEX_OK ||
                        (next = read_quickly(&r, (uint32_t)len, call->batch)) == 0))
            rc = read_line(&r, len, result, call, &next);
        tm__lines_advance(&d->lines, next - r.place.start);
        r.place.start = next;
    }
    *taken = r.place.start;
    return rc;
}

// A window whose index is not good: its lines one by one.
static int read_lines(struct tm__json_decoder *d, const uint8_t *text, size_t len,
                      const struct call *call, size_t *taken)
{
    int rc = 0;
    *taken = 0;
    while (rc == 0 && *taken < len && !tm_batch_is_full(call->batch)) {
        const uint8_t *line = text + *taken, *found = memchr(line, '\n', len - *taken);
        size_t length = found != NULL ? (size_t)(found - line) + 1 : len - *taken, done;
        const uint32_t *index = NULL;
        enum tm__index_result result = tm__json_index_run(d->index, line, length, &index);
        rc = read_window(d, line, length, result, index, call, &done);
        *taken += done;
    }
    return rc;
}

static int json_decode(struct tm_decoder *base, const uint8_t *p, size_t len, bool at_end,
                       struct tm_batch *batch, size_t *used, tm__bad_fn *bad, void *arg)
{
    struct tm__json_decoder *d = (struct tm__json_decoder *)base;
    struct call call = {.batch = batch, .bad = bad, .arg = arg};
    size_t pos = 0;
    int rc = 0;
    bool begun = tm__lines_begin(&d->lines, p, &pos, len, at_end);
    while (rc == 0 && begun && !tm_batch_is_full(batch)) {
        if (TM_UNLIKELY(d->lines.skipping)) {
            rc = tm__lines_skip(&d->lines, p, &pos, len, at_end, bad, arg);
            if (d->lines.skipping)
                break;
            continue;
        }
        if (pos == len)
            break;
        size_t taken, end = tm__lines_window(&d->lines, p, pos, len, at_end, WINDOW);
        if (end == pos) {
            if (d->lines.skipping)
                continue;
            break;
        }
        const uint32_t *index = NULL;
        enum tm__index_result result = tm__json_index_run(d->index, p + pos, end - pos, &index);
        if (TM_LIKELY(result == TM__INDEX_OK))
            rc = read_window(d, p + pos, end - pos, result, index, &call, &taken);
        else
            rc = read_lines(d, p + pos, end - pos, &call, &taken);
        pos += taken;
    }
    tm__json_index_trim(d->index, INDEX_KEPT);
    *used = pos;
    return rc;
}

static void json_free(struct tm_decoder *base)
{
    struct tm__json_decoder *d = (struct tm__json_decoder *)base;
    struct tm_mem *mem = d->mem;
    if (d->index != NULL)
        tm__json_index_free(d->index);
    if (d->keys.mem != NULL)
        tm__keys_fini(&d->keys);
    tm_schema_unref(d->schema);
    tm_mem_free(mem, d, sizeof *d);
}

static const struct tm_decoder_ops json_ops = {.decode = json_decode, .free = json_free};

int tm__json_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                         struct tm_error *err)
{
    const struct tm_schema *schema = args->schema;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        char text[24];
        if (schema->fields[i].type.kind == TM_TYPE_UNKNOWN ||
            schema->fields[i].type.kind > TM_TYPE_TIMESTAMP)
            return tm_error_set(err, TM_E_SCHEMA, "field %s: JSON cannot be read as %s yet",
                                schema->fields[i].name, tm_type_text(schema->fields[i].type, text));
    }
    struct tm__json_decoder *d = tm_mem_zalloc(args->mem, sizeof *d);
    if (d == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for a JSON decoder");
    d->base.ops = &json_ops;
    d->mem = args->mem;
    d->schema = tm_schema_ref(args->schema);
    // A row is never longer than its record and the fixed part.
    size_t limit = TM_ROW_BYTES_MAX - 64 - schema->fixed_bytes;
    tm__lines_init(&d->lines, args->max_record < limit ? args->max_record : limit);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        uint64_t bit = UINT64_C(1) << (i & 63);
        uint32_t flags = schema->fields[i].flags;
        d->all[i >> 6] |= bit;
        if (args->used == NULL || (args->used[i >> 6] & bit) != 0)
            d->used[i >> 6] |= bit;
        if ((flags & TM_FIELD_REQUIRED) != 0 && (flags & TM_FIELD_HIDDEN) == 0)
            d->required[i >> 6] |= bit;
    }
    d->index = tm__json_index_new();
    if (d->index == NULL || tm__keys_init(&d->keys, args->mem, schema, args->used) != 0) {
        d->keys.mem = NULL;
        json_free(&d->base);
        return tm_error_set(err, TM_E_MEMORY, "no memory for a JSON decoder");
    }
    *decoder = &d->base;
    return 0;
}
