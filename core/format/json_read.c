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
#include <stdio.h>

#include "core/format/base64.h"
#include "core/format/formats.h"
#include "core/format/json_fail.h"
#include "core/format/json_index.h"
#include "core/format/json_number.h"
#include "core/format/json_string.h"
#include "core/format/lines.h"

#include "core/base/limits.h"
#include "core/batch/decimal.h"
#include "core/batch/timestamp.h"

enum {
    WINDOW = 4096,           // bytes indexed at once: the fixed cost is gone, the index stays in L1
    INDEX_KEPT = 2 * WINDOW, // a long record's index is not kept: a subtask has up to 256 decoders
    DEPTH_MAX = 1024,        // of values that are skipped
    NULL_WORDS_MAX = TM_FIELDS_MAX / 64,
};

struct json_decoder {
    struct tm_decoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm__json_index *index;
    struct tm__keys keys;
    struct tm__lines lines;
    struct tm__json_fail fail;
    uint64_t all[NULL_WORDS_MAX];      // a bit for each column
    uint64_t used[NULL_WORDS_MAX];     // for each that is stored
    uint64_t required[NULL_WORDS_MAX]; // for each that must not be null
};

// One record being read.
struct record {
    struct json_decoder *d;
    struct tm__json_place place;
    const uint32_t *index; // next entry; behind the record when it was read
    uint8_t *row, *heap;   // the row, and where its next string goes
    uint64_t present[NULL_WORDS_MAX];
    uint64_t nulled[NULL_WORDS_MAX]; // written as null; for messages
};

enum value { VALUE_OK = 0, VALUE_NULL = 1 };

static inline bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The end of the token that stands between two entries of the index.
static inline uint32_t token_end(const uint8_t *text, uint32_t after)
{
    while (TM_UNLIKELY(is_space(text[after - 1])))
        after--;
    return after;
}

static inline bool is_null(const uint8_t *p, uint32_t len)
{
    return len == 4 && memcmp(p, "null", 4) == 0;
}

static inline void put_word(const struct record *r, const struct tm__key_node *node, int64_t v)
{
    if (node->used)
        memcpy(r->row + node->offset, &v, sizeof v);
}

// --- the general way of each type; negative: the record fails -----------------------------------

static int bad_number(struct record *r, const struct tm__key_node *node, uint32_t at, uint32_t len,
                      const char *why)
{
    return tm__json_fail_value(&r->d->fail, TM_E_BAD_NUMBER, &r->place, node, at, len, why);
}

// A scalar that is not what the fast way takes: null, another type, or not a value at all.
static int not_a_number(struct record *r, const struct tm__key_node *node, uint32_t at,
                        uint32_t len)
{
    uint8_t c = r->place.text[at];
    if (is_null(r->place.text + at, len))
        return VALUE_NULL;
    if (c == '-' || (c >= '0' && c <= '9'))
        return tm__json_fail_value(&r->d->fail, TM_E_BAD_JSON, &r->place, node, at, len,
                                   "is not a number of JSON");
    return tm__json_fail_type(&r->d->fail, &r->place, node, at);
}

__attribute__((noinline)) static int slow_integer(struct record *r, const struct tm__key_node *node,
                                                  uint32_t at, uint32_t len)
{
    struct tm__number number;
    int64_t v = 0;
    if (tm__number_scan(r->place.text + at, &number) != len)
        return not_a_number(r, node, at, len);
    enum tm__exact exact = tm__number_to_int64(&number, &v);
    if (exact == TM__FRACTION)
        return tm__json_fail_value(&r->d->fail, TM_E_BAD_TYPE, &r->place, node, at, len,
                                   node->type.kind == TM_TYPE_TIMESTAMP
                                       ? "has a fraction, needs timestamp in whole milliseconds"
                                       : "has a fraction, needs a whole number");
    if (node->type.kind == TM_TYPE_INT64) {
        if (exact == TM__TOO_LARGE)
            return bad_number(r, node, at, len, "does not fit int64");
    } else if (exact == TM__TOO_LARGE || v > TM_INT_MAX || v < -TM_INT_MAX) {
        return bad_number(r, node, at, len,
                          node->type.kind == TM_TYPE_INT
                              ? "is beyond 2^53, which int holds exactly; declare it as int64"
                              : "is not a timestamp in milliseconds");
    }
    put_word(r, node, v);
    return VALUE_OK;
}

__attribute__((noinline)) static int slow_double(struct record *r, const struct tm__key_node *node,
                                                 uint32_t at, uint32_t len)
{
    const uint8_t *p = r->place.text + at;
    struct tm__number number;
    double v;
    if (tm__number_scan(p, &number) != len)
        return not_a_number(r, node, at, len);
    if (!tm__number_to_double(&number, p, len, &v))
        return bad_number(r, node, at, len, "is beyond the range of double");
    if (node->used)
        memcpy(r->row + node->offset, &v, sizeof v);
    return VALUE_OK;
}

// The text of a string value, unescaped behind the row's last string; NULL: a bad escape.
static const uint8_t *string_text(struct record *r, const struct tm__key_node *node, uint32_t at,
                                  uint32_t end, size_t *len)
{
    const uint8_t *text = r->place.text, *bad = NULL;
    *len = tm__json_unescape(text + at + 1, text + end - 1, r->heap, &bad);
    if (*len != SIZE_MAX)
        return r->heap;
    tm__json_fail_value(&r->d->fail, TM_E_BAD_JSON, &r->place, node, (uint32_t)(bad - text),
                        (uint32_t)(text + end - 1 - bad > 6 ? 6 : text + end - 1 - bad),
                        "is not an escape of JSON");
    return NULL;
}

__attribute__((noinline)) static int slow_decimal(struct record *r, const struct tm__key_node *node,
                                                  uint32_t at, uint32_t len)
{
    const uint8_t *p = r->place.text + at;
    size_t digits = len;
    if (*p == '"') {
        if (!node->used)
            return VALUE_OK;
        if ((p = string_text(r, node, at, at + len, &digits)) == NULL)
            return r->d->fail.code;
    } else {
        struct tm__number number;
        if (tm__number_scan(p, &number) != len)
            return not_a_number(r, node, at, len);
    }
    tm_int128 v;
    int rc = tm_decimal_parse((const char *)p, digits, node->type.precision, node->type.scale, &v);
    if (rc == TM_E_OVERFLOW) {
        char why[64], type[24];
        snprintf(why, sizeof why, "does not fit %s", tm_type_text(node->type, type));
        return bad_number(r, node, at, len, why);
    }
    if (rc != 0)
        return tm__json_fail_value(&r->d->fail, TM_E_BAD_TYPE, &r->place, node, at, len,
                                   "is not a decimal number");
    if (node->used)
        memcpy(r->row + node->offset, &v, sizeof v);
    return VALUE_OK;
}

static int timestamp_text(struct record *r, const struct tm__key_node *node, uint32_t at,
                          uint32_t end)
{
    size_t len;
    int64_t ms;
    if (!node->used)
        return VALUE_OK;
    const uint8_t *p = string_text(r, node, at, end, &len);
    if (p == NULL)
        return r->d->fail.code;
    if (tm_timestamp_parse((const char *)p, len, &ms) != 0)
        return tm__json_fail_value(&r->d->fail, TM_E_BAD_TIMESTAMP, &r->place, node, at, end - at,
                                   "is not a time of ISO 8601");
    put_word(r, node, ms);
    return VALUE_OK;
}

// --- the fast ways
// --------------------------------------------------------------------------------

static inline int read_integer(struct record *r, const struct tm__key_node *node, uint32_t at,
                               uint32_t end)
{
    int64_t v;
    if (TM_LIKELY(tm__fast_integer(r->place.text + at, end - at, &v)) &&
        (v <= TM_INT_MAX && v >= -TM_INT_MAX)) {
        put_word(r, node, v);
        return VALUE_OK;
    }
    return slow_integer(r, node, at, end - at);
}

static inline int read_double(struct record *r, const struct tm__key_node *node, uint32_t at,
                              uint32_t end)
{
    bool negative;
    uint64_t digits;
    size_t fraction;
    // 16 digits may be more than 2^53: left to the general way.
    if (TM_LIKELY(tm__fast_fixed(r->place.text + at, end - at, &negative, &digits, &fraction)) &&
        digits <= UINT64_C(1000000000000000)) {
        double v = (double)digits / tm__power10_double[fraction];
        v = negative ? -v : v;
        if (node->used)
            memcpy(r->row + node->offset, &v, sizeof v);
        return VALUE_OK;
    }
    return slow_double(r, node, at, end - at);
}

static inline int read_decimal(struct record *r, const struct tm__key_node *node, uint32_t at,
                               uint32_t end)
{
    bool negative;
    uint64_t digits;
    size_t fraction;
    uint8_t precision = node->type.precision, scale = node->type.scale;
    // Up to 16 digits and, for the scale, three more stay below 2^64.
    if (tm__fast_fixed(r->place.text + at, end - at, &negative, &digits, &fraction) &&
        fraction <= scale && scale - fraction <= 3) {
        uint64_t unscaled = digits * tm__power10_word[scale - fraction];
        if (precision > 19 || unscaled < tm__power10_word[precision]) {
            tm_int128 v = negative ? -(tm_int128)unscaled : (tm_int128)unscaled;
            if (node->used)
                memcpy(r->row + node->offset, &v, sizeof v);
            return VALUE_OK;
        }
    }
    return slow_decimal(r, node, at, end - at);
}

static inline int read_bool(struct record *r, const struct tm__key_node *node, uint32_t at,
                            uint32_t end)
{
    const uint8_t *p = r->place.text + at;
    if (end - at == 4 && memcmp(p, "true", 4) == 0) {
        put_word(r, node, 1);
        return VALUE_OK;
    }
    if (end - at == 5 && memcmp(p, "false", 5) == 0) {
        put_word(r, node, 0);
        return VALUE_OK;
    }
    if (is_null(p, end - at))
        return VALUE_NULL;
    if (*p == 't' || *p == 'f' || *p == 'n')
        return tm__json_fail_structure(&r->d->fail, &r->place, at, "a boolean");
    return tm__json_fail_type(&r->d->fail, &r->place, node, at);
}

static inline int read_string(struct record *r, const struct tm__key_node *node, uint32_t at,
                              uint32_t end)
{
    const uint8_t *text = r->place.text, *bad;
    if (TM_UNLIKELY(text[at] != '"')) {
        if (is_null(text + at, end - at))
            return VALUE_NULL;
        return tm__json_fail_type(&r->d->fail, &r->place, node, at);
    }
    if (!node->used)
        return VALUE_OK;
    size_t len = tm__json_unescape(text + at + 1, text + end - 1, r->heap, &bad);
    if (TM_UNLIKELY(len == SIZE_MAX))
        return string_text(r, node, at, end, &len) == NULL ? r->d->fail.code : TM_E_INTERNAL;
    if (node->type.kind == TM_TYPE_BYTES) {
        len = tm__base64_decode(r->heap, r->heap, len);
        if (len == SIZE_MAX)
            return tm__json_fail_value(&r->d->fail, TM_E_BAD_TYPE, &r->place, node, at, end - at,
                                       "is not base64");
    }
    struct tm_ref ref = {.offset = (uint32_t)(r->heap - r->row), .length = (uint32_t)len};
    memcpy(r->row + node->offset, &ref, sizeof ref);
    r->heap += len;
    return VALUE_OK;
}

// --- structure
// ------------------------------------------------------------------------------------

// Past a value that no column takes, from its entry in the index: to the entry behind it. Objects
// and arrays must nest; what is in them is not looked at.
static const uint32_t *skip_nested(struct record *r, const uint32_t *index)
{
    uint64_t is_object[DEPTH_MAX / 64] = {0};
    const uint8_t *text = r->place.text;
    uint32_t depth = 0;
    do {
        if (*index >= r->place.end) {
            tm__json_fail_structure(&r->d->fail, &r->place, r->place.end, "");
            return NULL;
        }
        uint8_t c = text[*index];
        if (c == '{' || c == '[') {
            if (depth == DEPTH_MAX) {
                tm__json_fail_structure(&r->d->fail, &r->place, *index,
                                        "a value nested at most 1,024 deep");
                return NULL;
            }
            uint64_t bit = UINT64_C(1) << (depth & 63), *word = &is_object[depth >> 6];
            *word = c == '{' ? *word | bit : *word & ~bit;
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
            if (((is_object[depth >> 6] >> (depth & 63)) & 1) != (c == '}')) {
                tm__json_fail_structure(&r->d->fail, &r->place, *index, c == '}' ? "']'" : "'}'");
                return NULL;
            }
        }
        index++;
    } while (depth != 0);
    return index;
}

// The node of a key that was not predicted; NULL: the record fails.
__attribute__((noinline)) static struct tm__key_node *find_key(struct record *r,
                                                               struct tm__key_node *before,
                                                               uint32_t key, uint32_t colon)
{
    struct tm__keys *keys = &r->d->keys;
    const uint8_t *text = r->place.text;
    uint32_t end = token_end(text, colon);
    struct tm__key_node *node = tm__keys_find(keys, text + key + 1, end - key - 2, r->heap);
    if (node == NULL) {
        tm__json_fail_structure(&r->d->fail, &r->place, key, "a key without a bad escape");
        return NULL;
    }
    before->next = (uint32_t)(node - keys->nodes);
    return node;
}

static inline int read_value(struct record *r, const struct tm__key_node *node, uint32_t at,
                             uint32_t after)
{
    uint32_t end = token_end(r->place.text, after);
    switch (node->type.kind) {
    case TM_TYPE_INT:
        return read_integer(r, node, at, end);
    case TM_TYPE_DOUBLE:
        return read_double(r, node, at, end);
    case TM_TYPE_STRING:
    case TM_TYPE_BYTES:
        return read_string(r, node, at, end);
    case TM_TYPE_TIMESTAMP:
        return r->place.text[at] == '"' ? timestamp_text(r, node, at, end)
                                        : read_integer(r, node, at, end);
    case TM_TYPE_BOOL:
        return read_bool(r, node, at, end);
    case TM_TYPE_INT64:
        return read_integer(r, node, at, end);
    case TM_TYPE_DECIMAL:
        return read_decimal(r, node, at, end);
    default:
        return VALUE_OK;
    }
}

static void set_null(struct record *r, const struct tm__key_node *node)
{
    uint64_t bit = UINT64_C(1) << (node->field & 63);
    r->present[node->field >> 6] &= ~bit;
    r->nulled[node->field >> 6] |= bit;
    // A value may have come before: of a key given twice the last counts.
    memset(r->row + node->offset, 0, tm_type_slot_bytes(node->type));
}

// The record ends within a field: what is wrong with the entries that it still has?
__attribute__((cold)) static int cut_or_broken(struct record *r, uint32_t key, uint32_t colon,
                                               uint32_t value)
{
    const uint8_t *text = r->place.text;
    uint32_t end = r->place.end;
    if (key < end && text[key] != '"')
        return tm__json_fail_structure(&r->d->fail, &r->place, key, "a key in quotes");
    if (colon < end && text[colon] != ':')
        return tm__json_fail_structure(&r->d->fail, &r->place, colon, "':'");
    if (value < end && (text[value] == '}' || text[value] == ','))
        return tm__json_fail_structure(&r->d->fail, &r->place, value, "a value");
    return tm__json_fail_structure(&r->d->fail, &r->place, end, "");
}

static int read_object(struct record *r)
{
    struct json_decoder *d = r->d;
    const uint8_t *text = r->place.text;
    const uint32_t end = r->place.end, *index = r->index;
    struct tm__key_node *nodes = d->keys.nodes, *node = &nodes[d->keys.start];
    if (text[*index] != '{')
        return tm__json_fail_root(&d->fail, &r->place, *index);
    index++;
    if (*index < end && text[*index] == '}')
        goto closed;
    for (;;) {
        uint32_t key = index[0], colon = index[1], value = index[2], after = index[3];
        if (TM_UNLIKELY(after >= end))
            return cut_or_broken(r, key, colon, value);
        if (TM_UNLIKELY(text[key] != '"'))
            return tm__json_fail_structure(&d->fail, &r->place, key, "a key in quotes");
        if (TM_UNLIKELY(text[colon] != ':'))
            return tm__json_fail_structure(&d->fail, &r->place, colon, "':'");
        struct tm__key_node *next = &nodes[node->next];
        if (TM_UNLIKELY(!tm__key_matches(next, text + key + 1)) &&
            (next = find_key(r, node, key, colon)) == NULL)
            return d->fail.code;
        node = next;
        uint8_t first = text[value];
        if (TM_UNLIKELY(first == '{' || first == '[')) {
            if (node->field >= 0)
                return tm__json_fail_type(&d->fail, &r->place, node, value);
            if ((index = skip_nested(r, index + 2)) == NULL)
                return d->fail.code;
            after = *index;
            if (after >= end)
                return tm__json_fail_structure(&d->fail, &r->place, end, "");
        } else {
            index += 3;
            if (TM_UNLIKELY(first == ',' || first == '}' || first == ']' || first == ':'))
                return tm__json_fail_structure(&d->fail, &r->place, value, "a value");
            if (node->field >= 0) {
                int rc = read_value(r, node, value, after);
                r->present[node->field >> 6] |= UINT64_C(1) << (node->field & 63);
                if (TM_UNLIKELY(rc != VALUE_OK)) {
                    if (rc < 0)
                        return rc;
                    set_null(r, node);
                }
            }
        }
        index++;
        if (text[after] == ',')
            continue;
        if (TM_UNLIKELY(text[after] != '}'))
            return tm__json_fail_structure(&d->fail, &r->place, after, "',' or '}'");
        break;
    }
    r->index = index;
    return TM_UNLIKELY(*index < end) ? tm__json_fail_trailing(&d->fail, &r->place, *index) : 0;
closed:
    r->index = ++index;
    return TM_UNLIKELY(*index < end) ? tm__json_fail_trailing(&d->fail, &r->place, *index) : 0;
}

__attribute__((cold)) static int missing(struct record *r)
{
    const struct tm_schema *schema = r->d->schema;
    uint32_t field = 0;
    while ((schema->fields[field].flags & TM_FIELD_REQUIRED) == 0 ||
           (schema->fields[field].flags & TM_FIELD_HIDDEN) != 0 ||
           ((r->present[field >> 6] >> (field & 63)) & 1) != 0)
        field++;
    bool was_null = ((r->nulled[field >> 6] >> (field & 63)) & 1) != 0;
    return tm__json_fail_required(&r->d->fail, schema->fields[field].name, was_null);
}

// Read one record into a row behind the batch's last; counts it when it is right.
static int read_record(struct record *r, struct tm_batch *batch)
{
    struct json_decoder *d = r->d;
    const struct tm_schema *schema = d->schema;
    uint32_t fixed = schema->fixed_bytes, words = schema->null_words;
    if (tm_batch_reserve(batch, fixed + (r->place.end - r->place.start) + 8) != 0) {
        struct tm__json_place place = r->place;
        return tm__json_fail_index(&d->fail, TM__INDEX_MEMORY, &place);
    }
    r->row = batch->data + batch->size_bytes;
    r->heap = r->row + fixed;
    memset(r->row, 0, fixed);
    for (uint32_t i = 0; i < words; i++)
        r->present[i] = r->nulled[i] = 0;
    int rc = read_object(r);
    if (TM_UNLIKELY(rc != 0))
        return rc;
    struct tm_row *row = (struct tm_row *)(void *)r->row;
    for (uint32_t i = 0; i < words; i++) {
        if (TM_UNLIKELY((d->required[i] & ~r->present[i]) != 0))
            return missing(r);
        row->nulls[i] = d->all[i] & ~(r->present[i] & d->used[i]);
    }
    memset(r->heap, 0, 8); // the padding; the batch has slack behind it
    row->size_bytes = (uint32_t)(r->heap - r->row + 7) & ~7u;
    batch->size_bytes += row->size_bytes;
    batch->row_count++;
    return 0;
}

// --- lines
// ------------------------------------------------------------------------------------------

struct call {
    struct tm_batch *batch;
    tm__bad_fn *bad;
    void *arg;
};

// d->fail says what is wrong with this line. Out of memory is no fault of the record: decoding
// ends.
static int report(struct json_decoder *d, const uint8_t *line, size_t len, const struct call *call)
{
    if (d->fail.code == TM_E_MEMORY)
        return TM_E_MEMORY;
    return tm__lines_bad(&d->lines, d->fail.code, d->fail.message, line, len, call->bad, call->arg);
}

// The lines of an indexed window, until the batch is full; *taken: bytes of it done. `result`: of
// the index; when it is not good the window is one line.
static int read_window(struct json_decoder *d, const uint8_t *text, size_t len,
                       enum tm__index_result result, const uint32_t *index, const struct call *call,
                       size_t *taken)
{
    struct record r = {.d = d, .place = {.text = text}};
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
static int read_lines(struct json_decoder *d, const uint8_t *text, size_t len,
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
    struct json_decoder *d = (struct json_decoder *)base;
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
    struct json_decoder *d = (struct json_decoder *)base;
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
    struct json_decoder *d = tm_mem_zalloc(args->mem, sizeof *d);
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
