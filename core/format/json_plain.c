// Lists and structs that are as they should be, what nearly every nested value is: straight into
// the row behind its last byte, in one pass, as json_fields.c reads records. Whatever is not as it
// should be, or is rare (a null in a list, a key given twice), makes the caller read the value
// again with json_nested.c, which has every way and every message.
//
// Only for types that consist of scalars, lists and structs of at most 64 fields: tm__keys_init
// marks their nodes `plain`.
//
// The room: whenever a value is opened there is room for its fixed part and for as many bytes as
// are left of the text, so that no string of it has to ask.
#include "core/format/json_plain.h"

#include "core/format/json_token.h"

static const uint8_t *read_nested(struct tm__json_record *r, struct tm__key_node *node,
                                  const uint8_t *p);

// --- room ----------------------------------------------------------------------------------------

// The batch grows: r->row and r->heap are others then. False: the careful way must say why.
__attribute__((cold, noinline)) static bool make_room(struct tm__json_record *r, size_t bytes)
{
    size_t used = (size_t)(r->heap - r->row);
    if (used + bytes > TM_ROW_BYTES_MAX || tm_batch_reserve(r->batch, used + bytes) != 0)
        return false;
    r->row = r->batch->data + r->batch->size_bytes;
    r->heap = r->row + used;
    return true;
}

// Room behind r->heap for `head` bytes, and for the strings in the text from p on.
static TM__ALWAYS_INLINE bool has_room(struct tm__json_record *r, const uint8_t *p, size_t head)
{
    const struct tm_batch *batch = r->batch;
    size_t room = (size_t)(batch->data + batch->capacity_bytes - r->heap);
    size_t bytes = head + (size_t)(r->end - p) + 2 * TM__CHUNK_BYTES;
    return TM_LIKELY(room >= bytes) || make_room(r, bytes);
}

// --- values --------------------------------------------------------------------------------------

// The value of a key that names no field; behind it, or NULL: it may be right all the same.
static const uint8_t *skip_value(struct tm__json_record *r, const uint8_t *p)
{
    const uint8_t *stop, *end;
    if (*p == '{' || *p == '[')
        return tm__json_skip_nested(r, p, &stop);
    end = *p == '"' ? tm__json_skip_string(r, p + 1) : tm__json_skip_word(r, p);
    return end == p ? NULL : end;
}

// The value at p, which the fast ways did not take, if it is null, a scalar or no field's: into
// *slot, its bytes to r->heap. Behind it, or NULL.
__attribute__((noinline)) static const uint8_t *read_rare(struct tm__json_record *r,
                                                          const struct tm__key_node *node,
                                                          const uint8_t *p, uint8_t *from,
                                                          uint8_t *slot, bool *is_null)
{
    *is_null = false;
    if (node->field < 0)
        return skip_value(r, p);
    if (memcmp(p, "null", 4) == 0) {
        *is_null = true;
        return p + 4;
    }
    if (tm_type_is_nested(node->type))
        return NULL;
    const uint8_t *end = *p == '"' ? tm__json_skip_string(r, p + 1) : tm__json_skip_word(r, p);
    if (end == NULL || end == p || end >= r->end)
        return NULL;
    r->base = from;
    r->slot = slot;
    const uint8_t *text = r->place.text;
    int rc = tm__json_read_value(r, node, (uint32_t)(p - text), (uint32_t)(end - p));
    return rc < 0 ? NULL : end;
}

// The scalar at p into `slot`, its bytes behind *heap; references count from `from`. Behind it, or
// NULL: the fast ways do not take it.
static TM__ALWAYS_INLINE const uint8_t *read_scalar(struct tm__json_record *r,
                                                    struct tm__key_node *node, const uint8_t *p,
                                                    uint8_t *from, uint8_t *slot, uint8_t **heap,
                                                    tm__chunk *seen)
{
    uint8_t kind = node->type.kind;
    size_t len = 0;
    if (kind == TM_TYPE_STRING) {
        if (TM_UNLIKELY(*p != '"'))
            return NULL;
        uint8_t *start = *heap;
        const uint8_t *quote = tm__json_copy_string(r, p + 1, heap, seen);
        if (TM_UNLIKELY(quote == NULL))
            return NULL;
        uint64_t ref = tm_nest_ref((uint32_t)(start - from), (uint32_t)(*heap - start));
        memcpy(slot, &ref, sizeof ref);
        return p + tm__json_guess(node, (size_t)(quote - p) + 1);
    }
    if (TM_UNLIKELY(p < r->numbers))
        return NULL;
    if (kind == TM_TYPE_DOUBLE)
        len = tm__json_fast_double(node, slot, p);
    else if (kind == TM_TYPE_INT || kind == TM_TYPE_INT64 || kind == TM_TYPE_TIMESTAMP)
        len = tm__json_fast_int(node, slot, p);
    else if (kind == TM_TYPE_DECIMAL)
        len = tm__json_fast_decimal(node, slot, p);
    else if (kind == TM_TYPE_BOOL)
        len = tm__json_fast_bool(node, slot, p);
    if (TM_UNLIKELY(len == 0))
        return NULL;
    // What follows a number must not belong to it.
    const uint8_t *behind = p + tm__json_guess(node, len);
    return TM_LIKELY(*behind == ',' || *behind == '}' || *behind == ']') ? behind : NULL;
}

// Brings the row's end to a multiple of 8.
static TM__ALWAYS_INLINE uint8_t *padded(const struct tm__json_record *r, uint8_t *heap)
{
    memset(heap, 0, 8);
    return r->row + (((size_t)(heap - r->row) + 7) & ~(size_t)7);
}

// --- structs -------------------------------------------------------------------------------------

// The fields that were not there are null, and their slots zero.
__attribute__((noinline)) static bool set_nulls(const struct tm_schema *of, uint8_t *base,
                                                uint64_t nulls)
{
    for (uint64_t left = nulls; left != 0; left &= left - 1) {
        const struct tm_field *field = &of->fields[__builtin_ctzll(left)];
        if ((field->flags & TM_FIELD_REQUIRED) != 0)
            return false;
        memset(base + field->offset, 0, tm_type_slot_bytes(field->type));
    }
    return true;
}

// The key at p, which is not the one that was expected behind *node, or which has white space
// around it. Behind its colon, *node the one it is.
__attribute__((noinline)) static const uint8_t *look_up(struct tm__json_record *r,
                                                        struct tm__keys *keys,
                                                        struct tm__key_node **node,
                                                        const uint8_t *p)
{
    const uint8_t *text = r->place.text, *colon;
    struct tm__key_node *next = (*node)->next;
    p = tm__json_skip_space(r, p);
    if (tm__key_matches(next, p, r->end)) {
        *node = next;
        return p + next->span;
    }
    if (*p != '"' || (colon = tm__json_skip_string(r, p + 1)) == NULL)
        return NULL;
    colon = tm__json_skip_space(r, colon);
    if (*colon != ':')
        return NULL;
    *node = tm__json_find_key(r, keys, *node, (uint32_t)(p - text), (uint32_t)(colon - text));
    return *node == NULL ? NULL : colon + 1;
}

// From behind the opening brace at r->heap; behind the closing one.
static const uint8_t *read_struct(struct tm__json_record *r, struct tm__key_node *of,
                                  const uint8_t *p)
{
    const struct tm_schema *schema = of->type.of;
    size_t fixed = schema->fixed_bytes;
    if (!has_room(r, p, fixed))
        return NULL;
    size_t start = (size_t)(r->heap - r->row);
    uint8_t *base = r->heap, *heap = base + fixed;
    struct tm__key_node *node = of->keys->start;
    uint64_t present = 0;
    tm__chunk seen = tm__chunk_fill(0);
    if (TM_UNLIKELY(*p != '"') && *(p = tm__json_skip_space(r, p)) == '}') {
        p++;
        goto done;
    }
    for (;;) {
        if (TM_LIKELY(tm__key_matches(node->next, p, r->end))) {
            node = node->next;
            p += node->span;
        } else {
            r->heap = heap; // room for a key without its escapes
            if ((p = look_up(r, of->keys, &node, p)) == NULL)
                return NULL;
        }
        if (TM_UNLIKELY((present & node->bit) != 0))
            return NULL;
        uint8_t *slot = base + node->offset;
        const uint8_t *behind;
    again:
        if (!tm_type_is_nested(node->type)) {
            behind = read_scalar(r, node, p, base, slot, &heap, &seen);
        } else {
            heap = padded(r, heap);
            size_t child = (size_t)(heap - r->row);
            r->heap = heap;
            behind = read_nested(r, node, p);
            base = r->row + start;
            slot = base + node->offset;
            heap = r->heap;
            uint64_t ref =
                tm_nest_ref((uint32_t)(child - start), (uint32_t)((size_t)(heap - r->row) - child));
            memcpy(slot, &ref, sizeof ref);
        }
        if (TM_LIKELY(behind != NULL)) {
            present |= node->bit;
        } else if (*p <= ' ') {
            const uint8_t *space = p;
            p = tm__json_skip_space(r, p);
            if (p == space)
                return NULL;
            goto again;
        } else {
            r->heap = heap;
            bool is_null;
            if ((behind = read_rare(r, node, p, base, slot, &is_null)) == NULL)
                return NULL;
            present |= is_null ? 0 : node->bit;
            heap = r->heap;
        }
        p = behind;
        if (TM_LIKELY(*p == ',')) {
            p++;
            continue;
        }
        if (TM_UNLIKELY(*p != '}')) {
            p = tm__json_skip_space(r, p);
            if (*p == ',') {
                p++;
                continue;
            }
            if (*p != '}')
                return NULL;
        }
        p++;
        break;
    }
done:;
    uint64_t nulls = (~UINT64_C(0) >> (64 - schema->field_count)) & ~present;
    if (TM_UNLIKELY(nulls != 0) && !set_nulls(schema, base, nulls))
        return NULL;
    r->heap = heap = padded(r, heap);
    const uint64_t head[2] = {(uint64_t)(heap - base), nulls}; // kind 0
    memcpy(base, head, sizeof head);
    r->high = r->high || tm__chunk_high(seen) != 0;
    return p;
}

// --- lists ---------------------------------------------------------------------------------------

// The bitmap and the slots of the list behind its items' bytes, which r->heap is behind.
static TM__ALWAYS_INLINE bool close_list(struct tm__json_record *r, const uint8_t *p, size_t start,
                                         uint32_t count, size_t slot_bytes)
{
    struct tm_buf *scratch = &r->d->nest.scratch;
    size_t bitmap = 8 * (((size_t)count + 63) / 64), slots = count * slot_bytes;
    r->heap = padded(r, r->heap);
    if (TM_UNLIKELY(!has_room(r, p, bitmap + slots)))
        return false;
    uint8_t *base = r->row + start, *heap = r->heap;
    uint64_t items = (uint64_t)(heap - base);
    memset(heap, 0, 8);
    if (TM_UNLIKELY(bitmap > 8))
        memset(heap, 0, bitmap);
    heap += bitmap;
    scratch->size_bytes -= slots;
    // There is no scratch memory before the first item: nothing is added to its address then.
    const uint8_t *data = scratch->data;
    const size_t from = scratch->size_bytes;
    if (TM_LIKELY(slots <= 128)) {
        for (size_t i = 0; i < slots; i += 8)
            memcpy(heap + i, data + from + i, 8);
    } else {
        memcpy(heap, data + from, slots);
    }
    r->heap = heap + slots;
    const uint64_t head[2] = {tm_nest_ref((uint32_t)(r->heap - base), count), items};
    memcpy(base, head, sizeof head);
    return true;
}

// From behind the opening bracket at r->heap; behind the closing one. The slots of its items wait
// in scratch memory, behind those of the lists around it.
static const uint8_t *read_list(struct tm__json_record *r, struct tm__key_node *of,
                                const uint8_t *p)
{
    struct tm_buf *scratch = &r->d->nest.scratch;
    struct tm__key_node *node = of->keys->nodes;
    size_t slot_bytes = node->type.kind == TM_TYPE_DECIMAL ? 16 : 8;
    if (!has_room(r, p, sizeof(struct tm_list)))
        return NULL;
    size_t start = (size_t)(r->heap - r->row);
    uint32_t count = 0;
    tm__chunk seen = tm__chunk_fill(0);
    r->heap += sizeof(struct tm_list);
    if (TM_UNLIKELY(*p <= ' '))
        p = tm__json_skip_space(r, p);
    if (*p == ']')
        return close_list(r, p, start, 0, slot_bytes) ? p + 1 : NULL;
    for (;;) {
        if (TM_UNLIKELY(tm_buf_reserve(scratch, slot_bytes) != 0))
            return NULL;
        scratch->size_bytes += slot_bytes;
        count++;
        const uint8_t *behind;
        uint8_t *slot = scratch->data + scratch->size_bytes - slot_bytes;
    again:
        if (tm_type_is_nested(node->type)) {
            r->heap = padded(r, r->heap);
            size_t child = (size_t)(r->heap - r->row);
            behind = read_nested(r, node, p);
            size_t length = (size_t)(r->heap - r->row) - child;
            uint64_t ref = tm_nest_ref((uint32_t)(child - start), (uint32_t)length);
            memcpy(scratch->data + scratch->size_bytes - 8, &ref, sizeof ref);
        } else {
            uint8_t *heap = r->heap;
            behind = read_scalar(r, node, p, r->row + start, slot, &heap, &seen);
            r->heap = heap;
        }
        if (TM_UNLIKELY(behind == NULL)) {
            if (*p <= ' ') {
                const uint8_t *space = p;
                p = tm__json_skip_space(r, p);
                if (p == space)
                    return NULL;
                goto again;
            }
            bool is_null;
            behind = read_rare(r, node, p, r->row + start, slot, &is_null);
            if (behind == NULL || is_null)
                return NULL;
        }
        p = TM_LIKELY(*behind == ',' || *behind == ']') ? behind : tm__json_skip_space(r, behind);
        if (TM_LIKELY(*p == ',')) {
            p++;
            continue;
        }
        if (TM_UNLIKELY(*p != ']'))
            return NULL;
        break;
    }
    r->high = r->high || tm__chunk_high(seen) != 0;
    return TM_LIKELY(close_list(r, p, start, count, slot_bytes)) ? p + 1 : NULL;
}

static TM__ALWAYS_INLINE const uint8_t *read_either(struct tm__json_record *r,
                                                    struct tm__key_node *node, const uint8_t *p)
{
    if (node->type.kind == TM_TYPE_STRUCT)
        return TM_LIKELY(*p == '{') ? read_struct(r, node, p + 1) : NULL;
    return TM_LIKELY(*p == '[') ? read_list(r, node, p + 1) : NULL;
}

__attribute__((noinline)) static const uint8_t *read_nested(struct tm__json_record *r,
                                                            struct tm__key_node *node,
                                                            const uint8_t *p)
{
    return read_either(r, node, p);
}

// --- columns -------------------------------------------------------------------------------------

const uint8_t *tm__json_read_plain(struct tm__json_record *r, struct tm__key_node *node,
                                   const uint8_t *p)
{
    size_t before = (size_t)(r->heap - r->row);
    r->d->nest.scratch.size_bytes = 0;
    r->heap = padded(r, r->heap);
    size_t start = (size_t)(r->heap - r->row);
    p = r->framed ? NULL : read_either(r, node, p);
    size_t end = (size_t)(r->heap - r->row);
    if (TM_UNLIKELY(p == NULL || end > TM_ROW_BYTES_MAX)) {
        r->heap = r->row + before;
        return NULL;
    }
    uint64_t ref = tm_nest_ref((uint32_t)start, (uint32_t)(end - start));
    if (TM_UNLIKELY(!node->used)) {
        ref = 0;
        r->heap = r->row + before;
    }
    memcpy(r->row + node->offset, &ref, sizeof ref);
    return p;
}
