// The fields of JSON objects that are as they should be: what nearly every record takes.
//
// In the index a field is four entries: key, colon, value, and the comma or brace behind it. As
// nothing but white space stands between a token and the next entry, the end of a string or number
// is known without looking for it.
//
// It goes over the index of the whole window and does not know where the line ends: nobody has
// looked for it. That is sound because records that follow each other without anything between
// their tokens hold no line end, strings hold none in a good index, and behind the closing brace
// the next byte must be one. Only where there was something between tokens is it looked for.
// Whatever is not as it should be, a record without an end or a value of a wrong type, makes the
// caller read the line again, with care and with messages (json_read.c).
#include "core/format/json_number.h"
#include "core/format/json_string.h"
#include "core/format/json_value.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

_Static_assert(offsetof(struct tm_ref, length) == 4 && sizeof(struct tm_ref) == 8, "one word");

// --- values: true when the value is read; of columns that are not used nothing is stored

static ALWAYS_INLINE bool fast_int(const struct tm__key_node *node, uint8_t *slot, const uint8_t *p,
                                   size_t len, size_t front)
{
    int64_t v;
    if (TM_UNLIKELY(!tm__fast_integer(p, len, front, &v) || v > TM_INT_MAX || v < -TM_INT_MAX))
        return false;
    v &= (int64_t)node->keep;
    memcpy(slot, &v, sizeof v);
    return true;
}

static ALWAYS_INLINE bool fast_double(const struct tm__key_node *node, uint8_t *slot,
                                      const uint8_t *p, size_t len, size_t front)
{
    bool negative;
    uint64_t digits;
    size_t fraction;
    // 16 digits may be more than 2^53: left to the general way.
    if (TM_UNLIKELY(!tm__fast_fixed(p, len, front, &negative, &digits, &fraction) ||
                    digits > UINT64_C(1000000000000000)))
        return false;
    double v = (double)(int64_t)digits / tm__power10_double[fraction];
    uint64_t word;
    memcpy(&word, &v, sizeof word);
    word = (word | (uint64_t)negative << 63) & node->keep;
    memcpy(slot, &word, sizeof word);
    return true;
}

static ALWAYS_INLINE bool fast_decimal(const struct tm__key_node *node, uint8_t *slot,
                                       const uint8_t *p, size_t len, size_t front)
{
    bool negative;
    uint64_t digits;
    size_t fraction;
    uint8_t precision = node->type.precision, scale = node->type.scale;
    // Up to 16 digits and, for the scale, three more stay below 2^64.
    if (!tm__fast_fixed(p, len, front, &negative, &digits, &fraction) || fraction > scale ||
        scale - fraction > 3)
        return false;
    uint64_t unscaled = digits * tm__power10_word[scale - fraction];
    if (precision <= 19 && unscaled >= tm__power10_word[precision])
        return false;
    __int128 v = negative ? -(__int128)unscaled : (__int128)unscaled;
    v = node->used ? v : 0;
    memcpy(slot, &v, sizeof v);
    return true;
}

// The bytes of a string of `len` bytes with its quotes, to the heap; SIZE_MAX: a bad escape.
static ALWAYS_INLINE size_t fast_string(const struct tm__key_node *node, uint8_t *row,
                                        uint8_t *heap, const uint8_t *p, size_t len)
{
    const uint8_t *bad;
    size_t length = 0;
    uint64_t ref = 0; // a tm_ref
    if (TM_LIKELY(node->used)) {
        length = tm__json_unescape(p + 1, p + len - 1, heap, &bad);
        ref = (uint64_t)(heap - row) | (uint64_t)length << 32;
    }
    memcpy(row + node->offset, &ref, sizeof ref);
    return length;
}

// --- structure

// Where the line ends of the record from r->place.start to its closing brace at `at`: behind the
// line end, or 0. `spaces`: there may be something between its tokens.
static ALWAYS_INLINE uint32_t next_line(const struct tm__json_place *place, uint32_t at,
                                        bool spaces)
{
    const uint8_t *text = place->text;
    uint32_t end = at + 1;
    while (TM_UNLIKELY(text[end] != '\n') && end < place->end && tm__json_is_space(text[end]))
        end++;
    if (TM_UNLIKELY(end >= place->end)) // the last line of the input may have no line end
        end = place->end;
    else if (TM_UNLIKELY(text[end] != '\n'))
        return 0;
    if (TM_UNLIKELY(spaces) && memchr(text + place->start, '\n', at - place->start) != NULL)
        return 0;
    return end + 1;
}

// `narrow`: a schema of at most 64 columns, whose bitmap stays in a register.
static ALWAYS_INLINE uint32_t read_fields(struct tm__json_record *r, bool narrow)
{
    const uint8_t *const text = r->place.text;
    const uint32_t end = r->place.end, *index = r->index + 1;
    uint8_t *heap = r->heap;
    uint64_t present = 0;
    struct tm__key_node *node = r->d->keys.start;
    // What the fields take without anything between their tokens.
    uint32_t span = 0;
    if (TM_UNLIKELY(*index < end && text[*index] == '}')) {
        index++;
        goto closed;
    }
    for (;;) {
        const uint8_t *key = text + index[0];
        struct tm__key_node *next = node->next;
        uint32_t after = index[3];
        if (TM_UNLIKELY(after >= end))
            return 0;
        if (TM_UNLIKELY(!tm__key_matches(next, key, index[1] - index[0]))) {
            r->heap = heap; // room for a key without its escapes
            if ((next = tm__json_find_key(r, node, index[0], index[1])) == NULL)
                return 0;
        }
        node = next;
        const uint8_t *p = text + index[2];
        uint32_t len = after - index[2]; // white space behind a number: left to the general way
        uint8_t *slot = r->row + node->offset, kind = node->type.kind;
        bool read = false;
        if (kind == TM_TYPE_STRING) {
            if (TM_LIKELY(*p == '"')) {
                if (TM_UNLIKELY(p[len - 1] != '"'))
                    len = tm__json_token_end(text, after) - index[2];
                size_t length = fast_string(node, r->row, heap, p, len);
                read = length != SIZE_MAX;
                if (TM_UNLIKELY(((narrow ? present : r->present[node->word]) & node->bit) != 0))
                    r->has_gap = true;
                heap += read ? length : 0;
            }
        } else if (kind == TM_TYPE_DOUBLE) {
            read = fast_double(node, slot, p, len, after);
        } else if (kind == TM_TYPE_INT || kind == TM_TYPE_INT64 || kind == TM_TYPE_TIMESTAMP) {
            read = fast_int(node, slot, p, len, after);
        } else if (kind == TM_TYPE_DECIMAL) {
            read = fast_decimal(node, slot, p, len, after);
        }
        if (TM_LIKELY(read)) {
            span += len + node->span;
            index += 4;
            if (narrow)
                present |= node->bit;
            else
                r->present[node->word] |= node->bit;
        } else {
            r->heap = heap;
            if (narrow)
                r->present[0] = present;
            if ((index = tm__json_read_field(r, node, index)) == NULL)
                return 0;
            if (TM_UNLIKELY((after = *index++) >= end))
                return 0;
            heap = r->heap;
            if (narrow)
                present = r->present[0];
        }
        if (TM_LIKELY(text[after] == ','))
            continue;
        if (TM_UNLIKELY(text[after] != '}'))
            return 0;
        break;
    }
closed:
    r->index = index;
    r->heap = heap;
    if (narrow)
        r->present[0] = present;
    return next_line(&r->place, index[-1], index[-1] - r->place.start != span);
}

__attribute__((noinline)) static uint32_t read_wide(struct tm__json_record *r)
{
    return read_fields(r, false);
}

uint32_t tm__json_read_fields(struct tm__json_record *r)
{
    return TM_LIKELY(r->d->schema->null_words == 1) ? read_fields(r, true) : read_wide(r);
}
