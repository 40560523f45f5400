// The JSON Lines decoder: from the structural index of a window of lines straight into rows.
//
// A window of about 4 KiB of whole lines is indexed at once (json_index.h). That is sound because a
// line end inside a string is an error: when the window's index is good, no string crosses a line,
// and the index of each line is the same as if it had been indexed alone. When it is not good, the
// lines of the window are indexed one by one, so that one broken line costs only itself.
//
// In the index a field is four entries: key, colon, value, and the comma or brace behind it. As
// nothing but white space stands between a token and the next entry, the end of a string or number
// is known without looking for it. A row is written in place behind the batch's rows: one check of
// room for a line bounds all of its strings, and a row that fails is simply never counted.
#include "core/format/formats.h"
#include "core/format/json_index.h"
#include "core/format/json_number.h"
#include "core/format/json_string.h"
#include "core/format/json_value.h"

enum {
    WINDOW = 4096,           // bytes indexed at once: the fixed cost is gone, the index stays in L1
    INDEX_KEPT = 2 * WINDOW, // a long record's index is not kept: a subtask has up to 256 decoders
};

#define ALWAYS_INLINE inline __attribute__((always_inline))

static inline bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The end of the token that stands between two entries of the index.
static ALWAYS_INLINE uint32_t token_end(const uint8_t *text, uint32_t after)
{
    if (TM_UNLIKELY(text[after - 1] <= ' ')) {
        while (is_space(text[after - 1]))
            after--;
    }
    return after;
}

// --- the fast ways: true when the value is read

static ALWAYS_INLINE bool fast_int(const struct tm__key_node *node, uint8_t *slot, const uint8_t *p,
                                   size_t len)
{
    int64_t v;
    if (TM_UNLIKELY(!tm__fast_integer(p, len, &v) || v > TM_INT_MAX || v < -TM_INT_MAX))
        return false;
    if (node->used)
        memcpy(slot, &v, sizeof v);
    return true;
}

static ALWAYS_INLINE bool fast_double(const struct tm__key_node *node, uint8_t *slot,
                                      const uint8_t *p, size_t len)
{
    bool negative;
    uint64_t digits;
    size_t fraction;
    // 16 digits may be more than 2^53: left to the general way.
    if (TM_UNLIKELY(!tm__fast_fixed(p, len, &negative, &digits, &fraction) ||
                    digits > UINT64_C(1000000000000000)))
        return false;
    double v = (double)(int64_t)digits / tm__power10_double[fraction];
    v = negative ? -v : v;
    if (node->used)
        memcpy(slot, &v, sizeof v);
    return true;
}

static ALWAYS_INLINE bool fast_decimal(const struct tm__key_node *node, uint8_t *slot,
                                       const uint8_t *p, size_t len)
{
    bool negative;
    uint64_t digits;
    size_t fraction;
    uint8_t precision = node->type.precision, scale = node->type.scale;
    // Up to 16 digits and, for the scale, three more stay below 2^64.
    if (!tm__fast_fixed(p, len, &negative, &digits, &fraction) || fraction > scale ||
        scale - fraction > 3)
        return false;
    uint64_t unscaled = digits * tm__power10_word[scale - fraction];
    if (precision <= 19 && unscaled >= tm__power10_word[precision])
        return false;
    __int128 v = negative ? -(__int128)unscaled : (__int128)unscaled;
    if (node->used)
        memcpy(slot, &v, sizeof v);
    return true;
}

// The bytes of a string of `len` bytes with its quotes, to the heap; SIZE_MAX: a bad escape.
static ALWAYS_INLINE size_t fast_string(const struct tm__key_node *node, uint8_t *row,
                                        uint8_t *heap, const uint8_t *p, size_t len)
{
    const uint8_t *bad;
    if (!node->used)
        return 0;
    size_t length = tm__json_unescape(p + 1, p + len - 1, heap, &bad);
    struct tm_ref ref = {.offset = (uint32_t)(heap - row), .length = (uint32_t)length};
    memcpy(row + node->offset, &ref, sizeof ref);
    return length;
}

// --- structure

// The node of a key that was not predicted, or stands apart from its colon; NULL: the record fails.
__attribute__((noinline)) static struct tm__key_node *find_key(struct tm__json_record *r,
                                                               struct tm__key_node *before,
                                                               uint32_t key, uint32_t colon)
{
    const uint8_t *text = r->place.text;
    if (text[key] != '"') {
        tm__json_fail_structure(&r->d->fail, &r->place, key, "a key in quotes");
        return NULL;
    }
    if (text[colon] != ':') {
        tm__json_fail_structure(&r->d->fail, &r->place, colon, "':'");
        return NULL;
    }
    uint32_t end = token_end(text, colon);
    struct tm__key_node *node = tm__keys_find(&r->d->keys, text + key + 1, end - key - 2, r->heap);
    if (node == NULL) {
        tm__json_fail_structure(&r->d->fail, &r->place, key, "a key without a bad escape");
        return NULL;
    }
    return before->next = node;
}

// A value that the fast ways do not take, at entry `index` + 2. Returns the entry behind it, or
// NULL: the record fails. r->present is up to date.
__attribute__((noinline)) static const uint32_t *read_other(struct tm__json_record *r,
                                                            const struct tm__key_node *node,
                                                            const uint32_t *index)
{
    struct tm__json_decoder *d = r->d;
    const uint8_t *text = r->place.text;
    uint32_t value = index[2], after = index[3];
    uint8_t c = text[value];
    if (c == ',' || c == '}' || c == ']' || c == ':') {
        tm__json_fail_structure(&d->fail, &r->place, value, "a value");
        return NULL;
    }
    bool nested = c == '{' || c == '[';
    if (node->field < 0)
        return nested ? tm__json_skip(r, index + 2) : index + 3;
    if (nested) {
        tm__json_fail_type(&d->fail, &r->place, node, value);
        return NULL;
    }
    r->has_gap = r->has_gap || (r->present[node->word] & node->bit) != 0;
    int rc = tm__json_read_value(r, node, value, token_end(text, after) - value);
    if (rc < 0)
        return NULL;
    if (rc == TM__VALUE_OK) {
        r->present[node->word] |= node->bit;
    } else { // of a key given twice the last counts
        r->present[node->word] &= ~node->bit;
        r->nulled[node->word] |= node->bit;
    }
    return index + 3;
}

// The fields of an object into the row. `narrow`: a schema of at most 64 columns, whose bitmap
// stays in a register.
static ALWAYS_INLINE int read_object(struct tm__json_record *r, bool narrow)
{
    struct tm__json_decoder *d = r->d;
    const uint8_t *const text = r->place.text;
    const uint32_t end = r->place.end, *index = r->index;
    uint8_t *const row = r->row, *heap = r->heap;
    uint64_t present = 0;
    struct tm__key_node *node = d->keys.start;
    if (TM_UNLIKELY(text[*index] != '{'))
        return tm__json_fail_root(&d->fail, &r->place, *index);
    index++;
    if (TM_UNLIKELY(*index < end && text[*index] == '}'))
        goto closed;
    for (;;) {
        const uint32_t key = index[0], value = index[2];
        uint32_t after = index[3];
        if (TM_UNLIKELY(after >= end))
            return tm__json_cut_or_broken(r, key, index[1], value);
        struct tm__key_node *next = node->next;
        if (TM_UNLIKELY(!tm__key_matches(next, text + key, index[1] - key))) {
            r->heap = heap;
            if ((next = find_key(r, node, key, index[1])) == NULL)
                return d->fail.code;
        }
        node = next;
        const uint8_t *p = text + value;
        uint8_t *slot = row + node->offset;
        uint32_t len = after - value; // white space behind a number is left to the general way
        bool read = false;
        switch (node->type.kind) {
        case TM_TYPE_INT:
        case TM_TYPE_INT64:
        case TM_TYPE_TIMESTAMP:
            read = fast_int(node, slot, p, len);
            break;
        case TM_TYPE_DOUBLE:
            read = fast_double(node, slot, p, len);
            break;
        case TM_TYPE_STRING:
            if (TM_LIKELY(*p == '"')) {
                if (TM_UNLIKELY(p[len - 1] != '"'))
                    len = token_end(text, after) - value;
                size_t length = fast_string(node, row, heap, p, len);
                read = length != SIZE_MAX;
                if (TM_UNLIKELY(((narrow ? present : r->present[node->word]) & node->bit) != 0))
                    r->has_gap = true;
                heap += read ? length : 0;
            }
            break;
        case TM_TYPE_DECIMAL:
            read = fast_decimal(node, slot, p, len);
            break;
        default:
            break;
        }
        if (TM_LIKELY(read)) {
            index += 3;
            if (narrow)
                present |= node->bit;
            else
                r->present[node->word] |= node->bit;
        } else {
            r->heap = heap;
            if (narrow)
                r->present[0] = present;
            if ((index = read_other(r, node, index)) == NULL)
                return d->fail.code;
            if (TM_UNLIKELY((after = *index) >= end))
                return tm__json_fail_structure(&d->fail, &r->place, end, "");
            heap = r->heap;
            if (narrow)
                present = r->present[0];
        }
        if (TM_LIKELY(text[after] == ',')) {
            index++;
            continue;
        }
        if (TM_UNLIKELY(text[after] != '}'))
            return tm__json_fail_structure(&d->fail, &r->place, after, "',' or '}'");
        break;
    }
closed:
    r->index = ++index;
    r->heap = heap;
    if (narrow)
        r->present[0] = present;
    return TM_UNLIKELY(*index < end) ? tm__json_fail_trailing(&d->fail, &r->place, *index) : 0;
}

// The slots of columns that are null are zero. Rare enough to look for them one by one.
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

// Read one record into a row behind the batch's last; counts it when it is right.
static ALWAYS_INLINE int read_record(struct tm__json_record *r, struct tm_batch *batch)
{
    struct tm__json_decoder *d = r->d;
    const struct tm_schema *schema = d->schema;
    uint32_t fixed = schema->fixed_bytes, words = schema->null_words;
    if (TM_UNLIKELY(tm_batch_reserve(batch, fixed + (r->place.end - r->place.start) + 8) != 0))
        return tm__json_fail_index(&d->fail, TM__INDEX_MEMORY, &r->place);
    r->row = batch->data + batch->size_bytes;
    r->heap = r->row + fixed;
    r->nulled[0] = 0;
    r->has_gap = false;
    int rc;
    if (TM_LIKELY(words == 1)) {
        rc = read_object(r, true);
    } else {
        memset(r->present, 0, words * sizeof *r->present);
        memset(r->nulled, 0, words * sizeof *r->nulled);
        rc = read_object(r, false);
    }
    if (TM_UNLIKELY(rc != 0))
        return rc;
    struct tm_row *row = (struct tm_row *)(void *)r->row;
    memset(row, 0, offsetof(struct tm_row, nulls));
    for (uint32_t i = 0; i < words; i++) {
        if (TM_UNLIKELY((d->required[i] & ~r->present[i]) != 0))
            return tm__json_missing(r);
        row->nulls[i] = d->all[i] & ~(r->present[i] & d->used[i]);
        if (row->nulls[i] != 0)
            clear_slots(schema, r->row, i, row->nulls[i]);
    }
    if (TM_UNLIKELY(r->has_gap))
        close_gap(r);
    memset(r->heap, 0, 8); // the padding; the batch has slack behind it
    row->size_bytes = (uint32_t)(r->heap - r->row + 7) & ~7u;
    batch->size_bytes += row->size_bytes;
    batch->row_count++;
    return 0;
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

// The lines of an indexed window, until the batch is full; *taken: bytes of it done. `result`: of
// the index; when it is not good the window is one line.
static int read_window(struct tm__json_decoder *d, const uint8_t *text, size_t len,
                       enum tm__index_result result, const uint32_t *index, const struct call *call,
                       size_t *taken)
{
    struct tm__json_record r = {.d = d, .place = {.text = text}};
    uint32_t start = 0;
    int rc = 0;
    while (rc == 0 && start < len && !tm_batch_is_full(call->batch)) {
        const uint8_t *found = memchr(text + start, '\n', len - start);
        uint32_t end = found != NULL ? (uint32_t)(found - text) : (uint32_t)len;
        uint32_t next = found != NULL ? end + 1 : end;
        size_t length = tm__lines_trim(text + start, end - start);
        r.place.start = start;
        r.place.end = end;
        if (TM_UNLIKELY(length > d->lines.max_record)) {
            rc = tm__lines_too_large(&d->lines, text + start, length, call->bad, call->arg);
        } else if (TM_UNLIKELY(result != TM__INDEX_OK)) {
            tm__json_fail_index(&d->fail, (int)result, &r.place);
            rc = report(d, text + start, end - start, call);
        } else if (*index < end) { // else white space alone
            r.index = index;
            if (TM_LIKELY(read_record(&r, call->batch) == 0)) {
                index = r.index;
            } else {
                rc = report(d, text + start, end - start, call);
            }
        }
        if (result == TM__INDEX_OK) {
            while (*index < next && *index < len)
                index++;
        }
        tm__lines_advance(&d->lines, next - start);
        start = next;
    }
    *taken = start;
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
    while (rc == 0 && !tm_batch_is_full(batch)) {
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
