// Records that are as they should be: what nearly every record takes.
//
// Such a record is read once, from its first byte to its last, without an index of its structure:
// a key is compared with the one that is expected, a string is searched for its end while it is
// copied, the length of a number falls out of the search for what is no digit, 16 bytes at a time.
// What is checked on the way is what an index would have checked: that no control character is in a
// string, and so that the record ends before its line does, and that bytes outside ASCII, if there
// were any, are UTF-8.
//
// Nothing looks for the end of the text: it ends with a line end, which no part of a record takes.
// Whatever is not as it should be makes the caller read the line again, with care and with messages
// (json_read.c).
//
// What bounds the speed is that a value begins where the one before it ended. So nothing that could
// be a predicted branch is arithmetic on that way, and the length of a value is guessed.
#include "core/format/json_frames.h"
#include "core/format/json_index.h"
#include "core/format/json_plain.h"
#include "core/format/json_row.h"
#include "core/format/json_token.h"

_Static_assert(offsetof(struct tm_ref, length) == 4 && sizeof(struct tm_ref) == 8, "one word");

// --- what is rarer

// A value of any kind, by the general ways. r->present is up to date before and after.
static const uint8_t *read_any(struct tm__json_record *r, const struct tm__key_node *node,
                               const uint8_t *p)
{
    const uint8_t *text = r->place.text, *end, *at;
    if (node->type.kind > TM_TYPE_TIMESTAMP)
        return tm__json_read_column(r, node, p);
    if (*p == '"')
        end = tm__json_skip_string(r, p + 1);
    else if (*p == '{' || *p == '[')
        end = node->field < 0 ? tm__json_skip_nested(r, p, &at) : NULL;
    else
        end = tm__json_skip_word(r, p);
    if (end == NULL || end == p)
        return NULL;
    if (node->field < 0) {
        tm__json_stranger(r, node);
        return end;
    }
    int rc = tm__json_read_scalar(r, node, (uint32_t)(p - text), (uint32_t)(end - p));
    return rc < 0 ? NULL : end;
}

// The value at p, which the fast ways did not take, or behind which something else follows than
// they look for. Where the comma or brace behind it stands, or NULL.
__attribute__((noinline)) static const uint8_t *read_slowly(struct tm__json_record *r,
                                                            const struct tm__key_node *node,
                                                            const uint8_t *p, const uint8_t *behind)
{
    if (behind != NULL)
        behind = tm__json_skip_space(r, behind);
    if (behind == NULL || (*behind != ',' && *behind != '}')) {
        p = tm__json_skip_space(r, p);
        if (behind != NULL && *p == '"') // it was read, and its text is in the row
            return NULL;
        if ((behind = read_any(r, node, p)) == NULL)
            return NULL;
        behind = tm__json_skip_space(r, behind);
    }
    return *behind == ',' || *behind == '}' ? behind : NULL;
}

// The key at p is not the one that was expected after r->node, or there is white space. Behind its
// colon, r->node the one it is.
__attribute__((noinline)) static const uint8_t *look_up(struct tm__json_record *r, const uint8_t *p)
{
    const uint8_t *text = r->place.text, *colon;
    struct tm__key_node *next = r->node->next;
    p = tm__json_skip_space(r, p);
    if (TM_LIKELY(tm__key_matches(next, p, r->end))) {
        r->node = next;
        return p + next->span;
    }
    if (*p != '"' || (colon = tm__json_skip_string(r, p + 1)) == NULL)
        return NULL;
    colon = tm__json_skip_space(r, colon);
    if (*colon != ':')
        return NULL;
    r->node =
        tm__json_find_key(r, &r->d->keys, r->node, (uint32_t)(p - text), (uint32_t)(colon - text));
    return r->node == NULL ? NULL : colon + 1;
}

// --- records

// The fields of the object whose opening brace is in front of p, into the row that was begun;
// behind its closing brace, or NULL. `narrow`: a schema of at most 64 columns, whose bitmap stays
// in a register.
static TM__ALWAYS_INLINE const uint8_t *read_fields(struct tm__json_record *r, const uint8_t *p,
                                                    bool narrow)
{
    uint8_t *row = r->row, *heap = r->heap;
    uint64_t present = 0;
    struct tm__key_node *node = r->d->keys.start;
    tm__chunk seen = tm__chunk_fill(0);
    for (;;) {
        if (TM_LIKELY(tm__key_matches(node->next, p, r->end))) {
            node = node->next;
            p += node->span;
        } else {
            r->heap = heap; // room for a key without its escapes
            r->node = node;
            if ((p = look_up(r, p)) == NULL)
                return NULL;
            node = r->node;
        }
    again:;
        uint8_t *slot = row + node->offset, kind = node->type.kind;
        size_t len = 0;
        if (kind == TM_TYPE_STRING) {
            if (TM_LIKELY(*p == '"')) {
                const uint8_t *quote;
                uint32_t offset = 0, length = 0; // a tm_ref
                if (TM_LIKELY(node->used)) {
                    uint8_t *start = heap;
                    quote = tm__json_copy_string(r, p + 1, &heap, &seen);
                    offset = (uint32_t)(start - row);
                    length = (uint32_t)(heap - start);
                } else {
                    quote = tm__json_find_quote(p + 1, &seen);
                }
                if (TM_UNLIKELY(quote == NULL))
                    return NULL;
                len = (size_t)(quote - p) + 1;
                memcpy(slot, &offset, sizeof offset);
                memcpy(slot + 4, &length, sizeof length);
                if (TM_UNLIKELY(((narrow ? present : r->present[node->word]) & node->bit) != 0))
                    r->has_gap = true;
            }
        } else if (TM_UNLIKELY(p < r->numbers)) {
            len = 0;
        } else if (kind == TM_TYPE_DOUBLE) {
            len = tm__json_fast_double(node, slot, p);
        } else if (kind == TM_TYPE_INT || kind == TM_TYPE_INT64 || kind == TM_TYPE_TIMESTAMP) {
            len = tm__json_fast_int(node, slot, p);
        } else if (kind == TM_TYPE_DECIMAL) {
            len = tm__json_fast_decimal(node, slot, p);
        } else if (kind == TM_TYPE_BOOL) {
            len = tm__json_fast_bool(node, slot, p);
        } else if (node->plain &&
                   TM_LIKELY(((narrow ? present : r->present[node->word]) & node->bit) == 0)) {
            r->heap = heap;
            const uint8_t *end = tm__json_read_plain(r, node, p);
            row = r->row;
            heap = r->heap;
            len = end == NULL ? 0 : (size_t)(end - p);
        }
        const uint8_t *behind = p + len;
        if (TM_LIKELY(len != 0)) {
            behind = kind > TM_TYPE_TIMESTAMP ? p + len : p + tm__json_guess(node, len);
            if (narrow)
                present |= node->bit;
            else
                r->present[node->word] |= node->bit;
            if (TM_LIKELY(*behind == ',')) {
                p = behind + 1;
                continue;
            }
            if (TM_LIKELY(*behind == '}')) {
                p = behind + 1;
                break;
            }
        } else if (*p == ' ') {
            p = tm__json_skip_space(r, p);
            goto again;
        }
        r->heap = heap;
        if (narrow)
            r->present[0] = present;
        if ((p = read_slowly(r, node, p, len != 0 ? behind : NULL)) == NULL)
            return NULL;
        row = r->row;
        heap = r->heap;
        if (narrow)
            present = r->present[0];
        if (*p++ == '}')
            break;
    }
    r->heap = heap;
    r->high = r->high || tm__chunk_high(seen) != 0;
    if (narrow)
        r->present[0] = present;
    return p;
}

__attribute__((noinline)) static const uint8_t *read_wide_fields(struct tm__json_record *r,
                                                                 const uint8_t *p)
{
    return read_fields(r, p, false);
}

// A record that does not begin with a brace and a quote: its opening brace with nothing but white
// space around it, or one in front of the closing one. Only these are left by skip_space.
__attribute__((noinline)) static const uint8_t *skip_brace(const struct tm__json_record *r,
                                                           const uint8_t *p)
{
    p = tm__json_skip_space(r, p);
    return *p == '{' ? tm__json_skip_space(r, p + 1) - 1 : NULL;
}

// The record at p, of any kind, into the one column that takes it whole.
__attribute__((noinline)) static const uint8_t *read_whole(struct tm__json_record *r,
                                                           const uint8_t *p)
{
    const uint8_t *start = p;
    p = tm__json_skip_space(r, p);
    if (*p == '\n' || (p = tm__json_read_column(r, r->d->whole, p)) == NULL)
        return NULL;
    p = tm__json_skip_space(r, p);
    if (*p++ != '\n')
        return NULL;
    return !r->high || tm__utf8_is_valid(start, (size_t)(p - start)) ? p : NULL;
}

// The record at p; behind its line, or NULL.
static TM__ALWAYS_INLINE const uint8_t *read_record(struct tm__json_record *r, const uint8_t *p,
                                                    bool narrow)
{
    const uint8_t *start = p;
    r->high = false;
    if (TM_UNLIKELY(r->d->whole != NULL))
        return read_whole(r, p);
    if (TM_UNLIKELY(p[0] != '{' || p[1] != '"') && (p = skip_brace(r, p)) == NULL)
        return NULL;
    p++;
    if (TM_UNLIKELY(*p == '}'))
        p++;
    else if ((p = narrow ? read_fields(r, p, true) : read_wide_fields(r, p)) == NULL)
        return NULL;
    if (TM_UNLIKELY(*p != '\n')) {
        p = tm__json_skip_space(r, p);
        if (*p != '\n')
            return NULL;
    }
    p++;
    return TM_LIKELY(!r->high) || tm__utf8_is_valid(start, (size_t)(p - start)) ? p : NULL;
}

static TM__ALWAYS_INLINE uint32_t read_records(struct tm__json_record *r, struct tm_batch *batch,
                                               bool narrow)
{
    const struct tm__json_decoder *d = r->d;
    const uint8_t *p = r->place.text + r->place.start;
    size_t fixed = d->schema->fixed_bytes + d->columns.room;
    uint32_t count = batch->row_count;
    r->end = r->place.text + r->place.end;
    r->numbers = r->place.text + TM__CHUNK_BYTES;
    while (p < r->end && !tm_batch_is_full(batch)) {
        if (TM_UNLIKELY(tm_batch_reserve(batch, fixed + (size_t)(r->end - p) + 8) != 0))
            break;
        tm__json_begin_row(r, batch, narrow);
        const uint8_t *next = read_record(r, p, narrow);
        if (TM_UNLIKELY(next == NULL || (size_t)(next - p) > d->lines.max_record ||
                        !tm__json_end_row(r, batch)))
            break;
        p = next;
    }
    r->lines += batch->row_count - count;
    return (uint32_t)(p - r->place.text);
}

__attribute__((noinline)) static uint32_t read_wide(struct tm__json_record *r,
                                                    struct tm_batch *batch)
{
    return read_records(r, batch, false);
}

bool tm__json_read_framed(struct tm__json_decoder *d, const uint8_t *p, size_t len,
                          struct tm_batch *batch)
{
    struct tm__json_record r = {.d = d, .place = {.text = p, .end = (uint32_t)len}};
    size_t room = d->schema->fixed_bytes + d->columns.room + len + 8;
    // A number that stands alone needs care: bytes behind the record are none of it.
    if (*p != '{' || d->whole != NULL || len > d->lines.max_record ||
        tm_batch_reserve(batch, room) != 0)
        return false;
    r.framed = true;
    r.end = p + len;
    r.numbers = p + TM__CHUNK_BYTES;
    tm__json_begin_row(&r, batch, false);
    const uint8_t *at = tm__json_skip_space(&r, p + 1);
    at = *at == '}' ? at + 1 : read_wide_fields(&r, at);
    return at == r.end && (!r.high || tm__utf8_is_valid(p, len)) && tm__json_end_row(&r, batch);
}

uint32_t tm__json_read_records(struct tm__json_record *r, struct tm_batch *batch)
{
    return TM_LIKELY(r->d->schema->null_words == 1) ? read_records(r, batch, true)
                                                    : read_wide(r, batch);
}
