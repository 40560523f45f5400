// Any JSON text as msgpack at the end of a row, in one pass: what a column of type any takes. All
// of JSON's grammar is checked. A whole number becomes an integer while it fits int64 or uint64,
// every other number a double. An object keeps the order of its keys; of a key given twice the last
// stays.
//
// How many values an array or object has is known at its end. Its head is one byte until then, and
// what is behind moves on when there are more than that byte can say.
#include <stdbool.h>

#include "core/base/hash.h"
#include "core/batch/any_write.h"
#include "core/format/json_token.h"

enum {
    BYTES = 2 * TM__CHUNK_BYTES
}; // room for any value but a string, and what copies write behind

// An array or object that is open. Places count from the row's start, as the row may move.
struct level {
    size_t head;
    uint32_t count;
    bool is_object;
    bool repeated;    // perhaps a key came twice
    size_t keys;      // of an object: where its keys begin in d->any_keys
    uint64_t seen[2]; // a bit for each key's hash
};

// A key that was written, with its head.
struct key {
    uint32_t at, length;
};

struct writer {
    struct tm__json_record *r;
    struct tm_nest *n;
    tm__chunk high;
    uint32_t depth;
    struct level levels[TM_ANY_DEPTH_MAX];
};

static uint32_t at(const struct tm__json_record *r, const uint8_t *p)
{
    return (uint32_t)(p - r->place.text);
}

__attribute__((cold, noinline)) static const uint8_t *fail_structure(struct tm__json_record *r,
                                                                     const uint8_t *p,
                                                                     const char *expected)
{
    tm__json_fail_structure(&r->d->fail, &r->place, at(r, p < r->end ? p : r->end), expected);
    return NULL;
}

__attribute__((cold, noinline)) static const uint8_t *fail_room(struct writer *w, size_t bytes)
{
    size_t size = w->n->b->row_size;
    tm__json_fail_room(&w->r->d->fail, size + bytes > TM_ROW_BYTES_MAX ? TM_E_LIMIT : TM_E_MEMORY);
    return NULL;
}

static uint8_t *row_at(const struct writer *w, size_t offset)
{
    const struct tm_builder *b = w->n->b;
    return b->batch->data + b->row_start + offset;
}

static inline void advance(struct writer *w, const uint8_t *from, const uint8_t *to)
{
    w->n->b->row_size += (size_t)(to - from);
}

// --- strings and numbers -------------------------------------------------------------------------

// The string whose opening quote is at p. A short one's head is one byte: where it is longer, its
// bytes make room for the rest of the head.
static TM__ALWAYS_INLINE const uint8_t *read_string(struct writer *w, const uint8_t *p)
{
    struct tm__json_record *r = w->r;
    size_t room = (size_t)(r->end - p) + BYTES;
    uint8_t *out = tm_nest_room(w->n, room);
    if (TM_UNLIKELY(out == NULL))
        return fail_room(w, room);
    uint8_t *heap = out + 1;
    const uint8_t *quote = tm__json_copy_string(r, p + 1, &heap, &w->high);
    if (TM_UNLIKELY(quote == NULL)) {
        const uint8_t *end = tm__json_skip_string(r, p + 1), *bad;
        if (end == NULL)
            return fail_structure(r, r->end, "");
        if (tm__json_unescape(p + 1, end - 1, out + 1, &bad) == SIZE_MAX)
            tm__json_fail_escape(r, at(r, bad), at(r, end - 1));
        return NULL;
    }
    uint32_t len = (uint32_t)(heap - out - 1);
    if (TM_LIKELY(len < 32)) {
        *out = (uint8_t)(0xa0 | len);
    } else {
        uint8_t head[TM_ANY_HEAD_MAX];
        size_t bytes = (size_t)(tm_any_put_string_head(head, len) - head);
        memmove(out + bytes, out + 1, len);
        memcpy(out, head, bytes);
        heap += bytes - 1;
    }
    advance(w, out, heap);
    return quote + 1;
}

__attribute__((noinline)) static const uint8_t *slow_number(struct writer *w, const uint8_t *p)
{
    struct tm__json_record *r = w->r;
    struct tm__number number;
    uint8_t *out = tm_nest_room(w->n, BYTES), *end;
    if (out == NULL)
        return fail_room(w, BYTES);
    size_t len = (size_t)(tm__json_skip_word(r, p) - p);
    if (p + len >= r->end)
        return fail_structure(r, r->end, "");
    if (tm__number_scan(p, &number) != len) {
        tm__json_fail_value(&r->d->fail, TM_E_BAD_JSON, &r->place, at(r, p), (uint32_t)len,
                            "is not a number of JSON");
        return NULL;
    }
    int64_t v;
    double d;
    bool whole =
        memchr(p, '.', len) == NULL && memchr(p, 'e', len) == NULL && memchr(p, 'E', len) == NULL;
    if (whole && tm__number_to_int64(&number, &v) == TM__EXACT) {
        end = tm_any_put_int(out, v);
    } else if (whole && !number.negative && !number.more &&
               number.significant + number.exponent <= 20 &&
               number.digits * tm__power10_word[number.exponent] <= UINT64_MAX) {
        end = tm_any_put_uint(out, (uint64_t)(number.digits * tm__power10_word[number.exponent]));
    } else if (tm__number_to_double(&number, p, len, &d)) {
        end = tm_any_put_double(out, d);
    } else {
        tm__json_fail_value(&r->d->fail, TM_E_BAD_NUMBER, &r->place, at(r, p), (uint32_t)len,
                            "is beyond the range of double");
        return NULL;
    }
    advance(w, out, end);
    return p + len;
}

static bool ends_value(uint8_t c)
{
    return c == ',' || c == '}' || c == ']' || tm__json_is_space(c);
}

static TM__ALWAYS_INLINE const uint8_t *read_number(struct writer *w, const uint8_t *p)
{
    struct tm__json_record *r = w->r;
    uint8_t *out = tm_nest_room(w->n, BYTES);
    int64_t v;
    bool negative;
    uint32_t fraction;
    uint64_t digits;
    size_t len;
    if (TM_UNLIKELY(out == NULL || p < r->numbers))
        return slow_number(w, p);
    if ((len = tm__fast_integer(p, true, &v)) != 0 && ends_value(p[len])) {
        advance(w, out, tm_any_put_int(out, v));
        return p + len;
    }
    len = tm__fast_fixed(p, true, &negative, &digits, &fraction);
    if (len == 0 || fraction == 0 || !ends_value(p[len]))
        return slow_number(w, p);
    double d = (double)(int64_t)digits / tm__power10_double[fraction];
    advance(w, out, tm_any_put_double(out, negative ? -d : d));
    return p + len;
}

static const uint8_t *read_word(struct writer *w, const uint8_t *p)
{
    uint8_t *out = tm_nest_room(w->n, BYTES), *end = out;
    size_t len = 4;
    if (out == NULL)
        return fail_room(w, BYTES);
    if (memcmp(p, "true", 4) == 0)
        end = tm_any_put_bool(out, true);
    else if (memcmp(p, "null", 4) == 0)
        end = tm_any_put_nil(out);
    else if (memcmp(p, "false", len = 5) == 0)
        end = tm_any_put_bool(out, false);
    else
        return fail_structure(w->r, p, "a value");
    advance(w, out, end);
    return p + len;
}

// --- keys given twice ----------------------------------------------------------------------------

static uint64_t load(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

// A few bits that differ for most keys that differ: of its first and its last bytes.
static uint32_t mix(const uint8_t *p, uint32_t len)
{
    uint64_t first = load(p), last = 0;
    if (len < 8)
        first &= (UINT64_C(1) << (8 * len)) - 1;
    else
        last = load(p + len - 8);
    return (uint32_t)(((first ^ (last << 7 | last >> 57)) * UINT64_C(0x9E3779B97F4A7C15)) >> 57);
}

// The key that was written from `start` on.
static TM__ALWAYS_INLINE int note_key(struct writer *w, struct level *l, size_t start)
{
    struct key key = {(uint32_t)start, (uint32_t)(w->n->b->row_size - start)};
    uint32_t bit = mix(row_at(w, start), key.length);
    uint64_t *seen = &l->seen[bit >> 6], mask = UINT64_C(1) << (bit & 63);
    l->repeated = l->repeated || (*seen & mask) != 0;
    *seen |= mask;
    return tm_buf_append(&w->r->d->any_keys, &key, sizeof key);
}

static bool is_same(const struct writer *w, struct key a, struct key b)
{
    return a.length == b.length && memcmp(row_at(w, a.at), row_at(w, b.at), a.length) == 0;
}

// Marks the keys that come again, by a length of 0: those in front of their last. Looks through a
// table of all keys, which lies behind them.
static int mark_repeated(struct writer *w, const struct level *l, uint32_t *marked)
{
    struct tm_buf *buf = &w->r->d->any_keys;
    uint32_t size = 4;
    while (size < 2 * l->count)
        size *= 2;
    int rc = tm_buf_reserve(buf, size * sizeof(uint32_t));
    if (rc != 0)
        return rc;
    struct key *keys = (struct key *)(void *)(buf->data + l->keys);
    uint32_t *table = (uint32_t *)(void *)(buf->data + buf->size_bytes);
    memset(table, 0, size * sizeof *table);
    *marked = 0;
    for (uint32_t i = l->count; i-- > 0;) {
        uint32_t slot = (uint32_t)tm_hash_bytes(row_at(w, keys[i].at), keys[i].length) & (size - 1);
        while (table[slot] != 0 && !is_same(w, keys[table[slot] - 1], keys[i]))
            slot = (slot + 1) & (size - 1);
        if (table[slot] == 0) {
            table[slot] = i + 1;
        } else {
            keys[i].length = 0;
            ++*marked;
        }
    }
    return 0;
}

// Keys that come again go, with their values.
static int drop_repeated(struct writer *w, struct level *l)
{
    uint32_t marked;
    int rc = mark_repeated(w, l, &marked);
    if (rc != 0 || marked == 0)
        return rc;
    const struct key *keys = (struct key *)(void *)(w->r->d->any_keys.data + l->keys);
    size_t to = l->head + 1, end = w->n->b->row_size;
    for (uint32_t i = 0; i < l->count; i++) {
        size_t from = keys[i].at, next = i + 1 < l->count ? keys[i + 1].at : end;
        if (keys[i].length == 0)
            continue;
        memmove(row_at(w, to), row_at(w, from), next - from);
        to += next - from;
    }
    w->n->b->row_size = to;
    l->count -= marked;
    return 0;
}

// --- arrays and objects --------------------------------------------------------------------------

static const uint8_t *open_level(struct writer *w, const uint8_t *p)
{
    uint8_t *out = tm_nest_room(w->n, BYTES);
    if (w->depth == TM_ANY_DEPTH_MAX)
        return fail_structure(w->r, p, "a value nested at most 128 deep");
    if (out == NULL)
        return fail_room(w, BYTES);
    w->levels[w->depth++] = (struct level){
        .head = w->n->b->row_size, .is_object = *p == '{', .keys = w->r->d->any_keys.size_bytes};
    w->n->b->row_size++;
    return p + 1;
}

// The head of the innermost level, all of which is written.
static bool close_level(struct writer *w)
{
    struct level *l = &w->levels[--w->depth];
    if (l->is_object) {
        if (TM_UNLIKELY(l->repeated) && drop_repeated(w, l) != 0) {
            fail_room(w, 0);
            return false;
        }
        w->r->d->any_keys.size_bytes = l->keys;
    }
    if (TM_LIKELY(l->count < 16)) {
        *row_at(w, l->head) = (uint8_t)((l->is_object ? 0x80 : 0x90) | l->count);
        return true;
    }
    uint8_t head[TM_ANY_HEAD_MAX];
    size_t bytes = (size_t)((l->is_object ? tm_any_put_map_head(head, l->count)
                                          : tm_any_put_array_head(head, l->count)) -
                            head);
    if (tm_nest_room(w->n, BYTES) == NULL) {
        fail_room(w, BYTES);
        return false;
    }
    uint8_t *at_head = row_at(w, l->head);
    memmove(at_head + bytes, at_head + 1, w->n->b->row_size - l->head - 1);
    memcpy(at_head, head, bytes);
    w->n->b->row_size += bytes - 1;
    return true;
}

// The key of the object at p, where it may be, to behind its colon.
static TM__ALWAYS_INLINE const uint8_t *read_key(struct writer *w, struct level *l,
                                                 const uint8_t *p)
{
    struct tm__json_record *r = w->r;
    if (TM_UNLIKELY(*p != '"'))
        p = tm__json_skip_space(r, p);
    if (TM_UNLIKELY(p >= r->end || *p != '"'))
        return fail_structure(r, p, "a key in quotes");
    size_t start = w->n->b->row_size;
    if (TM_UNLIKELY((p = read_string(w, p)) == NULL))
        return NULL;
    if (TM_UNLIKELY(note_key(w, l, start) != 0))
        return fail_room(w, 0);
    if (TM_UNLIKELY(*p != ':'))
        p = tm__json_skip_space(r, p);
    if (TM_UNLIKELY(p >= r->end || *p != ':'))
        return fail_structure(r, p, "':'");
    return p + 1;
}

// A value that holds no other.
static TM__ALWAYS_INLINE const uint8_t *read_leaf(struct writer *w, const uint8_t *p)
{
    uint8_t c = *p;
    if (c == '"')
        return read_string(w, p);
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(w, p);
    return read_word(w, p);
}

// Behind a value: closes what ends there, up to the place where the next value begins. *done: there
// is none.
static TM__ALWAYS_INLINE const uint8_t *read_end(struct writer *w, const uint8_t *p, bool *done)
{
    struct tm__json_record *r = w->r;
    for (;;) {
        if (w->depth == 0) {
            *done = true;
            return p;
        }
        struct level *l = &w->levels[w->depth - 1];
        l->count++;
        if (TM_UNLIKELY(*p != ',' && *p != ']' && *p != '}'))
            p = tm__json_skip_space(r, p);
        if (TM_UNLIKELY(p >= r->end))
            return fail_structure(r, p, "");
        if (TM_LIKELY(*p == ','))
            return l->is_object ? read_key(w, l, p + 1) : p + 1;
        if (TM_UNLIKELY(*p != (l->is_object ? '}' : ']')))
            return fail_structure(r, p, l->is_object ? "',' or '}'" : "',' or ']'");
        if (TM_UNLIKELY(!close_level(w)))
            return NULL;
        p++;
    }
}

static const uint8_t *read_values(struct writer *w, const uint8_t *p)
{
    struct tm__json_record *r = w->r;
    bool done = false;
    while (p != NULL && !done) {
        if (TM_UNLIKELY(tm__json_is_space(*p)))
            p = tm__json_skip_space(r, p);
        if (TM_UNLIKELY(p >= r->end))
            return fail_structure(r, p, "");
        if (*p != '{' && *p != '[') {
            if (TM_LIKELY((p = read_leaf(w, p)) != NULL))
                p = read_end(w, p, &done);
            continue;
        }
        if ((p = open_level(w, p)) == NULL)
            return NULL;
        struct level *l = &w->levels[w->depth - 1];
        if (TM_UNLIKELY(tm__json_is_space(*p)))
            p = tm__json_skip_space(r, p);
        if (TM_UNLIKELY(p < r->end && *p == (l->is_object ? '}' : ']')))
            p = close_level(w) ? read_end(w, p + 1, &done) : NULL;
        else if (l->is_object)
            p = read_key(w, l, p);
    }
    return p;
}

const uint8_t *tm__json_read_any(struct tm__json_record *r, const uint8_t *p)
{
    struct writer w;
    w.r = r;
    w.n = &r->d->nest;
    w.high = tm__chunk_fill(0);
    w.depth = 0;
    r->d->any_keys.size_bytes = 0;
    p = read_values(&w, p);
    r->high = r->high || tm__chunk_high(w.high) != 0;
    return p;
}
