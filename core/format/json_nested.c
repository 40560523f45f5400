// Lists, maps and structs from JSON text into a row, in one pass (see json_token.h): the fast way
// and the careful one both take it. What is wrong is said in d->fail; the path to it comes together
// as the levels are left.
#include "core/format/json_token.h"

// What holds the value that is being read.
struct level {
    struct tm__json_record *r;
    struct tm_nest *n;
    struct tm_nest_frame *f;
    tm__chunk seen; // bytes of strings
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

__attribute__((cold, noinline)) static const uint8_t *fail_room(struct tm__json_record *r, int rc)
{
    tm__json_fail_room(&r->d->fail, rc);
    return NULL;
}

// After a function that gives no reason: the row's size has it.
__attribute__((cold, noinline)) static const uint8_t *no_room(struct tm__json_record *r,
                                                              size_t bytes)
{
    size_t size = r->d->nest.b->row_size;
    return fail_room(r, size + bytes > TM_ROW_BYTES_MAX ? TM_E_LIMIT : TM_E_MEMORY);
}

static inline size_t rest(const struct tm__json_record *r, const uint8_t *p)
{
    return (size_t)(r->end - p) + 2 * TM__CHUNK_BYTES;
}

// --- values --------------------------------------------------------------------------------------

static const uint8_t *read_nested(struct tm__json_record *r, const struct tm__key_node *node,
                                  const uint8_t *p);

// The end of the string or word at p.
static const uint8_t *token_end(struct tm__json_record *r, const uint8_t *p)
{
    const uint8_t *end = *p == '"' ? tm__json_skip_string(r, p + 1) : tm__json_skip_word(r, p);
    return end == p ? NULL : end;
}

// A value of `field` of the frame by a general way, where there may be white space in front of it.
static const uint8_t *read_scalar(struct tm__json_record *r, struct tm_nest_frame *f,
                                  const struct tm__key_node *node, const uint8_t *p)
{
    struct tm_nest *n = &r->d->nest;
    const uint8_t *end = token_end(r, p);
    if (end == NULL || end >= r->end) {
        if (end == NULL && p < r->end)
            tm__json_fail_type(&r->d->fail, &r->place, node->type, at(r, p));
        return end == NULL && p < r->end ? NULL : fail_structure(r, r->end, "");
    }
    r->heap = tm_nest_room(n, rest(r, p));
    if (r->heap == NULL)
        return no_room(r, rest(r, p));
    uint8_t *heap = r->heap;
    r->base = heap - n->b->row_size + f->start;
    r->slot = (uint8_t *)r->word;
    if (tm__json_read_value(r, node, at(r, p), (uint32_t)(end - p)) < 0)
        return NULL;
    n->b->row_size += (size_t)(r->heap - heap);
    size_t size = tm_type_slot_bytes(node->type);
    uint8_t *slot = tm_nest_slot(n, f, f->kind, (uint32_t)node->field, size);
    if (slot == NULL)
        return fail_room(r, TM_E_MEMORY);
    memcpy(slot, r->word, size);
    return end;
}

static const uint8_t *read_null(struct tm__json_record *r, const struct tm_nest_frame *f,
                                const struct tm__key_node *node, const uint8_t *p)
{
    // A struct's field may come once more.
    if (node->required && f->kind != TM_TYPE_STRUCT) {
        tm__json_fail_required(&r->d->fail, true);
        return NULL;
    }
    if (node->required)
        r->nulled_field = node;
    if (tm_nest_put_null(&r->d->nest, (uint32_t)node->field) != 0)
        return fail_room(r, TM_E_MEMORY);
    return p + 4;
}

static const uint8_t *put_any(struct tm__json_record *r, struct tm_nest_frame *f,
                              const struct tm__key_node *node, const uint8_t *p)
{
    struct tm_nest *n = &r->d->nest;
    uint32_t start = (uint32_t)n->b->row_size;
    if ((p = tm__json_read_any(r, p)) == NULL)
        return NULL;
    struct tm_ref ref = {start - f->start, (uint32_t)n->b->row_size - start};
    uint8_t *slot = tm_nest_slot(n, f, f->kind, (uint32_t)node->field, sizeof ref);
    if (slot == NULL)
        return fail_room(r, TM_E_MEMORY);
    memcpy(slot, &ref, sizeof ref);
    return p;
}

static const uint8_t *read_nested_field(struct tm__json_record *r, const struct tm__key_node *node,
                                        const uint8_t *p)
{
    if ((p = read_nested(r, node, p)) == NULL)
        return NULL;
    struct tm_nest *n = &r->d->nest;
    int rc = tm_nest_close_fast(n, n->frames[n->depth - 2].kind, (uint32_t)node->field);
    return TM_LIKELY(rc == 0) ? p : fail_room(r, rc);
}

__attribute__((noinline)) static const uint8_t *read_slowly(struct tm__json_record *r,
                                                            struct tm_nest_frame *f,
                                                            const struct tm__key_node *node,
                                                            const uint8_t *p)
{
    if (tm__json_is_space(*p))
        p = tm__json_skip_space(r, p);
    if (tm_type_is_nested(node->type) && (*p == '{' || *p == '[') && p < r->end)
        return read_nested_field(r, node, p);
    if (p >= r->end || *p == ',' || *p == '}' || *p == ']' || *p == ':')
        return fail_structure(r, p, "a value");
    if (memcmp(p, "null", 4) == 0)
        return read_null(r, f, node, p);
    if (node->type.kind == TM_TYPE_ANY)
        return put_any(r, f, node, p);
    if (!tm_type_is_nested(node->type))
        return read_scalar(r, f, node, p);
    return read_nested_field(r, node, p);
}

// The value at p of `node`, a field of the innermost open value, which is of kind `of`. Behind it,
// or NULL.
static TM__ALWAYS_INLINE const uint8_t *read_value(struct level *l, uint8_t of,
                                                   struct tm__key_node *node, const uint8_t *p)
{
    struct tm__json_record *r = l->r;
    struct tm_nest *n = l->n;
    uint32_t field = of == TM_TYPE_STRUCT ? (uint32_t)node->field : of == TM_TYPE_MAP ? 1 : 0;
    uint8_t kind = node->type.kind, *slot;
    uint64_t v[2];
    size_t len = 0;
    if (kind == TM_TYPE_STRING) {
        uint8_t *start, *heap;
        const uint8_t *quote;
        if (TM_LIKELY(*p == '"' && p < r->end) &&
            TM_LIKELY((start = tm_nest_room(n, rest(r, p))) != NULL)) {
            heap = start;
            quote = tm__json_copy_string(r, p + 1, &heap, &l->seen);
            if (TM_LIKELY(quote != NULL)) {
                uint32_t length = (uint32_t)(heap - start);
                uint64_t ref = tm_nest_ref((uint32_t)n->b->row_size - l->f->start, length);
                if (TM_UNLIKELY((slot = tm_nest_slot(n, l->f, of, field, sizeof ref)) == NULL))
                    return fail_room(r, TM_E_MEMORY);
                memcpy(slot, &ref, sizeof ref);
                n->b->row_size += length;
                return p + tm__json_guess(node, (size_t)(quote - p) + 1);
            }
        }
    } else if (TM_UNLIKELY(p < r->numbers || p >= r->end)) {
        len = 0;
    } else if (kind == TM_TYPE_DOUBLE) {
        len = tm__json_fast_double(node, (uint8_t *)v, p);
    } else if (kind == TM_TYPE_INT || kind == TM_TYPE_INT64 || kind == TM_TYPE_TIMESTAMP) {
        len = tm__json_fast_int(node, (uint8_t *)v, p);
    } else if (kind == TM_TYPE_DECIMAL) {
        len = tm__json_fast_decimal(node, (uint8_t *)v, p);
    } else if (kind == TM_TYPE_BOOL) {
        len = tm__json_fast_bool(node, (uint8_t *)v, p);
    }
    // What follows a number must not belong to it: it is a comma, a bracket or white space.
    const uint8_t *behind = p + tm__json_guess(node, len);
    if (TM_LIKELY(len != 0) && TM_LIKELY(*behind == ',' || *behind == '}' || *behind == ']')) {
        size_t size = kind == TM_TYPE_DECIMAL ? 16 : 8;
        if (TM_UNLIKELY((slot = tm_nest_slot(n, l->f, of, field, size)) == NULL))
            return fail_room(r, TM_E_MEMORY);
        memcpy(slot, v, 8);
        if (kind == TM_TYPE_DECIMAL)
            memcpy(slot + 8, v + 1, 8);
        return behind;
    }
    return read_slowly(r, l->f, node, p);
}

// What is behind a value: at a comma, or at `close`. NULL: neither.
static TM__ALWAYS_INLINE const uint8_t *behind_value(struct tm__json_record *r, const uint8_t *p,
                                                     uint8_t close)
{
    if (TM_LIKELY(*p == ',' || *p == close))
        return p;
    p = tm__json_skip_space(r, p);
    if (p < r->end && (*p == ',' || *p == close))
        return p;
    return fail_structure(r, p, close == '}' ? "',' or '}'" : "',' or ']'");
}

// --- structs -------------------------------------------------------------------------------------

// The value of a key that names no field.
static const uint8_t *skip_value(struct tm__json_record *r, const uint8_t *p)
{
    const uint8_t *stop = p, *end;
    p = tm__json_skip_space(r, p);
    if (p >= r->end || *p == ',' || *p == '}' || *p == ']' || *p == ':')
        return fail_structure(r, p, "a value");
    if (*p == '{' || *p == '[') {
        end = tm__json_skip_nested(r, p, &stop);
        if (end != NULL)
            return end;
        return fail_structure(r, stop,
                              *stop == '}'   ? "']'"
                              : *stop == ']' ? "'}'"
                                             : "a value nested at most 1,024 deep");
    }
    end = token_end(r, p);
    // As at the top: whatever stands there is passed over, up to what may follow a value.
    while (end == NULL && p < r->end && *p != ',' && *p != '}' && *p != ']' && *p != '"' &&
           *p != ':' && *p != '{' && *p != '[' && !tm__json_is_space(*p)) {
        r->high = true; // it may be
        p++;
    }
    return end == NULL ? p : end;
}

// The key at p, which is not the one that was expected behind *node, or which has white space
// around it. Behind its colon, *node the one it is.
__attribute__((noinline)) static const uint8_t *look_up(struct tm__json_record *r,
                                                        struct tm__keys *keys,
                                                        struct tm__key_node **node,
                                                        const uint8_t *p)
{
    const uint8_t *colon;
    struct tm__key_node *next = (*node)->next;
    p = tm__json_skip_space(r, p);
    if (TM_LIKELY(tm__key_matches(next, p, r->end))) {
        *node = next;
        return p + next->span;
    }
    if (p >= r->end || *p != '"')
        return fail_structure(r, p, "a key in quotes");
    if ((colon = tm__json_skip_string(r, p + 1)) == NULL)
        return fail_structure(r, r->end, "");
    colon = tm__json_skip_space(r, colon);
    if (colon >= r->end || *colon != ':')
        return fail_structure(r, colon, "':'");
    r->heap = tm_nest_room(&r->d->nest, rest(r, p)); // for a key without its escapes
    if (r->heap == NULL)
        return no_room(r, rest(r, p));
    *node = tm__json_find_key(r, keys, *node, at(r, p), at(r, colon));
    return *node == NULL ? NULL : colon + 1;
}

__attribute__((cold, noinline)) static const uint8_t *fail_missing(struct tm__json_record *r,
                                                                   const struct tm__keys *keys,
                                                                   const uint64_t *nulls)
{
    uint32_t field = 0;
    while (((keys->required[field >> 6] & nulls[field >> 6]) >> (field & 63) & 1) == 0)
        field++;
    const struct tm__key_node *node = &keys->nodes[field];
    tm__json_fail_required(&r->d->fail, r->nulled_field == node);
    tm__json_fail_in(&r->d->fail, node->name);
    return NULL;
}

static const uint8_t *check_required(struct tm__json_record *r, const struct tm__keys *keys,
                                     const struct tm_nest_frame *f, const uint8_t *p)
{
    const struct tm_builder *b = r->d->nest.b;
    const uint8_t *row = b->batch->data + b->row_start + f->start;
    const uint64_t *nulls = ((const struct tm_row *)(const void *)row)->nulls;
    for (uint32_t i = 0; i < f->of->null_words; i++) {
        if (TM_UNLIKELY((nulls[i] & keys->required[i]) != 0))
            return fail_missing(r, keys, nulls);
    }
    return p;
}

static const uint8_t *read_struct(struct tm__json_record *r, const struct tm__key_node *of,
                                  const uint8_t *p)
{
    struct tm_nest *n = &r->d->nest;
    struct level l = {.r = r, .n = n, .f = tm__nest_top(n), .seen = tm__chunk_fill(0)};
    struct tm__keys *keys = of->keys;
    struct tm__key_node *node = keys->start;
    if (TM_UNLIKELY(*p != '"')) {
        p = tm__json_skip_space(r, p);
        if (*p == '}' && p < r->end)
            return check_required(r, keys, l.f, p + 1);
    }
    for (;; p++) {
        if (TM_LIKELY(tm__key_matches(node->next, p, r->end))) {
            node = node->next;
            p += node->span;
        } else if ((p = look_up(r, keys, &node, p)) == NULL) {
            return NULL;
        }
        p = TM_LIKELY(node->field >= 0) ? read_value(&l, TM_TYPE_STRUCT, node, p)
                                        : skip_value(r, p);
        if (TM_UNLIKELY(p == NULL)) {
            if (node->field >= 0)
                tm__json_fail_in(&r->d->fail, node->name);
            return NULL;
        }
        if (TM_UNLIKELY((p = behind_value(r, p, '}')) == NULL))
            return NULL;
        if (*p == '}')
            break;
    }
    r->high = r->high || tm__chunk_high(l.seen) != 0;
    return check_required(r, keys, l.f, p + 1);
}

// --- lists ---------------------------------------------------------------------------------------

static const uint8_t *read_list(struct tm__json_record *r, const struct tm__key_node *of,
                                const uint8_t *p)
{
    struct tm_nest *n = &r->d->nest;
    struct level l = {.r = r, .n = n, .f = tm__nest_top(n), .seen = tm__chunk_fill(0)};
    struct tm__key_node *node = of->keys->nodes;
    if (TM_UNLIKELY(*p == ']' || tm__json_is_space(*p))) {
        p = tm__json_skip_space(r, p);
        if (*p == ']' && p < r->end)
            return p + 1;
    }
    for (;; p++) {
        uint32_t index = l.f->count;
        p = read_value(&l, TM_TYPE_LIST, node, p);
        if (TM_UNLIKELY(p == NULL)) {
            tm__json_fail_in_item(&r->d->fail, index);
            return NULL;
        }
        if (TM_UNLIKELY((p = behind_value(r, p, ']')) == NULL))
            return NULL;
        if (*p == ']')
            break;
    }
    r->high = r->high || tm__chunk_high(l.seen) != 0;
    return p + 1;
}

// --- maps ----------------------------------------------------------------------------------------

// The whole number in the quotes of the key [p, end).
static int number_key(struct tm__json_record *r, const struct tm__key_node *node, const uint8_t *p,
                      const uint8_t *end)
{
    struct tm__number number;
    uint32_t len = (uint32_t)(end - p - 2);
    if (tm__number_scan(p + 1, &number) != len)
        return tm__json_fail_value(&r->d->fail, TM_E_BAD_TYPE, &r->place, at(r, p), len + 2,
                                   "is no whole number, which keys of this map are");
    r->slot = (uint8_t *)r->word;
    if (tm__json_read_value(r, node, at(r, p + 1), len) < 0)
        return r->d->fail.code;
    uint8_t *slot = tm_nest_slot(&r->d->nest, tm__nest_top(&r->d->nest), TM_TYPE_MAP, 0, 8);
    if (slot == NULL)
        return tm__json_fail_room(&r->d->fail, TM_E_MEMORY);
    memcpy(slot, r->word, 8);
    return 0;
}

static const uint8_t *read_key(struct level *l, const struct tm__key_node *node, const uint8_t *p)
{
    struct tm__json_record *r = l->r;
    struct tm_nest *n = l->n;
    const uint8_t *end;
    if (p >= r->end || *p != '"')
        return fail_structure(r, p, "a key in quotes");
    if (node->type.kind != TM_TYPE_STRING) {
        if ((end = tm__json_skip_string(r, p + 1)) == NULL)
            return fail_structure(r, r->end, "");
        return number_key(r, node, p, end) == 0 ? end : NULL;
    }
    uint8_t *start = tm_nest_room(n, rest(r, p)), *heap = start;
    if (start == NULL)
        return no_room(r, rest(r, p));
    end = tm__json_copy_string(r, p + 1, &heap, &l->seen);
    if (end == NULL) {
        if ((end = tm__json_skip_string(r, p + 1)) == NULL)
            return fail_structure(r, r->end, "");
        tm__json_fail_key(&r->d->fail, &r->place, at(r, p + 1), at(r, end - 1));
        return NULL;
    }
    struct tm_ref ref = {(uint32_t)n->b->row_size - l->f->start, (uint32_t)(heap - start)};
    uint8_t *slot = tm_nest_slot(n, l->f, TM_TYPE_MAP, 0, sizeof ref);
    if (slot == NULL)
        return fail_room(r, TM_E_MEMORY);
    memcpy(slot, &ref, sizeof ref);
    n->b->row_size += ref.length;
    return end + 1;
}

static const uint8_t *read_map(struct tm__json_record *r, const struct tm__key_node *of,
                               const uint8_t *p)
{
    struct tm_nest *n = &r->d->nest;
    struct level l = {.r = r, .n = n, .f = tm__nest_top(n), .seen = tm__chunk_fill(0)};
    struct tm__key_node *nodes = of->keys->nodes;
    p = tm__json_skip_space(r, p);
    if (*p == '}' && p < r->end)
        return p + 1;
    for (;; p++) {
        p = *p == '"' ? p : tm__json_skip_space(r, p);
        const uint8_t *key = p;
        if ((p = read_key(&l, nodes, p)) == NULL)
            return NULL;
        size_t key_length = (size_t)(p - key) - 2;
        p = *p == ':' ? p : tm__json_skip_space(r, p);
        if (p >= r->end || *p != ':')
            return fail_structure(r, p, "':'");
        p = read_value(&l, TM_TYPE_MAP, nodes + 1, p + 1);
        if (TM_UNLIKELY(p == NULL)) {
            tm__json_fail_in_entry(&r->d->fail, key + 1, key_length);
            return NULL;
        }
        if (TM_UNLIKELY((p = behind_value(r, p, '}')) == NULL))
            return NULL;
        if (*p == '}')
            break;
    }
    r->high = r->high || tm__chunk_high(l.seen) != 0;
    return p + 1;
}

// --- columns -------------------------------------------------------------------------------------

// Opens the value at p and reads it; the caller closes it.
static const uint8_t *read_nested(struct tm__json_record *r, const struct tm__key_node *node,
                                  const uint8_t *p)
{
    bool is_list = node->type.kind == TM_TYPE_LIST;
    if (*p != (is_list ? '[' : '{')) {
        tm__json_fail_type(&r->d->fail, &r->place, node->type, at(r, p));
        return NULL;
    }
    int rc = tm_nest_open_fast(&r->d->nest, node->type);
    if (rc != 0)
        return fail_room(r, rc);
    return is_list                             ? read_list(r, node, p + 1)
           : node->type.kind == TM_TYPE_STRUCT ? read_struct(r, node, p + 1)
                                               : read_map(r, node, p + 1);
}

static const uint8_t *read_root(struct tm__json_record *r, const struct tm__key_node *node,
                                const uint8_t *p)
{
    struct tm_nest *n = &r->d->nest;
    struct tm_builder *b = n->b;
    if (node->type.kind == TM_TYPE_ANY) {
        struct tm_ref ref = {.offset = (uint32_t)b->row_size};
        if ((p = tm__json_read_any(r, p)) == NULL)
            return NULL;
        ref.length = (uint32_t)b->row_size - ref.offset;
        memcpy(b->batch->data + b->row_start + node->offset, &ref, sizeof ref);
        return p;
    }
    if ((p = read_nested(r, node, p)) == NULL)
        return NULL;
    int rc = tm_nest_close(n, (uint32_t)node->field);
    return rc == 0 ? p : fail_room(r, rc);
}

const uint8_t *tm__json_read_column(struct tm__json_record *r, const struct tm__key_node *node,
                                    const uint8_t *p)
{
    struct tm__json_decoder *d = r->d;
    struct tm_builder *b = &d->builder;
    size_t before = (size_t)(r->heap - r->row);
    if (memcmp(p, "null", 4) == 0) {
        r->present[node->word] &= ~node->bit;
        r->nulled[node->word] |= node->bit;
        return p + 4;
    }
    *b = (struct tm_builder){
        .batch = r->batch, .row_start = r->batch->size_bytes, .row_size = before};
    tm_nest_begin(&d->nest, b);
    p = read_root(r, node, p);
    // What follows may be as long as all that is left.
    size_t room = p == NULL ? 0 : rest(r, p) + d->columns.room;
    if (p != NULL && tm_nest_room(&d->nest, room) == NULL)
        p = no_room(r, room);
    if (p == NULL) {
        tm__json_fail_in(&d->fail, node->name);
        return NULL;
    }
    r->row = b->batch->data + b->row_start;
    r->heap = r->row + (node->used ? b->row_size : before);
    if (!node->used)
        memset(r->row + node->offset, 0, sizeof(struct tm_ref));
    r->has_gap = r->has_gap || (r->present[node->word] & node->bit) != 0;
    r->present[node->word] |= node->bit;
    return p;
}
