// Writing nested values of a row, from the outside in and in one pass: open a list, map or struct,
// put what it holds, close it. Everything goes to the end of the row that a tm_builder is writing;
// slots of lists and maps, whose number is not known before, wait in scratch memory.
//
//   tm_nest_open(n, type); put, put, ...; tm_nest_close(n, field of what encloses it)
//
// `field` says where in the enclosing value: of a struct its field, of a list 0, of a map 0 for a
// key and 1 for the value that must follow it. Outside of all, it is the row's column.
#pragma once

#include "core/base/buf.h"
#include "core/base/limits.h"
#include "core/batch/builder.h"

struct tm_nest_frame {
    const struct tm_schema *of; // of the type that is open
    uint32_t start;             // of the value, from the row's start
    uint32_t count;             // items or entries so far
    uint32_t slot_bytes;        // list, map: of an item, of an entry's value
    size_t entries;             // list, map: where they begin in scratch
    size_t nulls;               // list: where its nulls begin
    uint8_t kind;
};

struct tm_nest {
    struct tm_builder *b;
    struct tm_buf scratch; // slots of the items of lists that are open, entries of maps
    struct tm_buf nulls;   // uint32_t: which of those items are null
    uint32_t depth;
    struct tm_nest_frame frames[TM_TYPE_DEPTH_MAX];
};

// One per reader or writer, used for row after row. `mem` pays for scratch.
void tm_nest_init(struct tm_nest *n, struct tm_mem *mem);
void tm_nest_fini(struct tm_nest *n);
// For values of the row that `b` has begun. Forgets what was open: also after any failure.
static inline void tm_nest_begin(struct tm_nest *n, struct tm_builder *b)
{
    n->b = b;
    n->depth = 0;
    n->scratch.size_bytes = n->nulls.size_bytes = 0;
}
// TM_E_LIMIT: the row gets too large or too deep; TM_E_MEMORY. From all functions below.
int tm_nest_open(struct tm_nest *n, struct tm_type type) TM_WARN_UNUSED;
int tm_nest_close(struct tm_nest *n, uint32_t field) TM_WARN_UNUSED;
// bool, int, int64, timestamp, and the bits of a double. Inside of what is open only: columns of
// the row are the builder's. A struct's field that is put twice keeps the last, a map's key too.
int tm_nest_put_word(struct tm_nest *n, uint32_t field, uint64_t word) TM_WARN_UNUSED;
int tm_nest_put_decimal(struct tm_nest *n, uint32_t field, __int128 unscaled) TM_WARN_UNUSED;
int tm_nest_put_bytes(struct tm_nest *n, uint32_t field, const void *p,
                      uint32_t len) TM_WARN_UNUSED;
int tm_nest_put_null(struct tm_nest *n, uint32_t field) TM_WARN_UNUSED;
// Room for up to `max` bytes of a string; write there, then commit the real length. NULL on
// failure.
uint8_t *tm_nest_reserve_bytes(struct tm_nest *n, size_t max) TM_WARN_UNUSED;
int tm_nest_commit_bytes(struct tm_nest *n, uint32_t field, uint32_t len) TM_WARN_UNUSED;
// A copy of a nested or any other value that lies elsewhere, of the same type.
int tm_nest_put_copy(struct tm_nest *n, uint32_t field, struct tm_type type, const uint8_t *bytes,
                     uint32_t len) TM_WARN_UNUSED;
// The value that is open: what it holds, and of which kind it is.
static inline const struct tm_nest_frame *tm_nest_top(const struct tm_nest *n)
{
    return n->depth == 0 ? NULL : &n->frames[n->depth - 1];
}

// --- for readers that write many values: the parts of the above, inline --------------------------

// An entry of a map in scratch: its state, the key's slot, the value's slot.
enum { TM__NEST_NULL = 1, TM__NEST_WAITS = 2, TM__NEST_ENTRY = 16 };

static inline struct tm_nest_frame *tm__nest_top(struct tm_nest *n)
{
    TM_ASSERT(n->depth != 0);
    return &n->frames[n->depth - 1];
}

// Where the next bytes go: room for `max` of them. NULL on failure.
static inline uint8_t *tm_nest_room(struct tm_nest *n, size_t max)
{
    struct tm_builder *b = n->b;
    struct tm_batch *batch = b->batch;
    if (TM_UNLIKELY(batch->capacity_bytes - b->row_start - b->row_size < max))
        return tm_builder_reserve_bytes(b, max);
    return batch->data + b->row_start + b->row_size;
}

// The slot of the next value of the innermost open value, which is `f` and of kind `kind`: not
// null, `size` (8 or 16) bytes to be written at once. NULL: out of memory.
static inline __attribute__((always_inline)) uint8_t *tm_nest_slot(struct tm_nest *n,
                                                                   struct tm_nest_frame *f,
                                                                   uint8_t kind, uint32_t field,
                                                                   size_t size)
{
    struct tm_buf *scratch = &n->scratch;
    if (kind == TM_TYPE_STRUCT) {
        uint8_t *p = n->b->batch->data + n->b->row_start + f->start;
        ((struct tm_row *)(void *)p)->nulls[field >> 6] &= ~((uint64_t)1 << (field & 63));
        return p + f->of->fields[field].offset;
    }
    if (kind == TM_TYPE_LIST) {
        if (TM_UNLIKELY(tm_buf_reserve(scratch, size) != 0))
            return NULL;
        uint8_t *p = scratch->data + scratch->size_bytes;
        scratch->size_bytes += size;
        f->count++;
        return p;
    }
    if (field == 0) {
        size_t entry = TM__NEST_ENTRY + f->slot_bytes;
        if (TM_UNLIKELY(tm_buf_reserve(scratch, entry) != 0))
            return NULL;
        uint8_t *p = scratch->data + scratch->size_bytes;
        const uint64_t state = TM__NEST_WAITS;
        memset(p, 0, entry);
        memcpy(p, &state, sizeof state);
        scratch->size_bytes += entry;
        f->count++;
        return p + 8;
    }
    uint8_t *value = scratch->data + scratch->size_bytes - size;
    memset(value - TM__NEST_ENTRY, 0, 8);
    return value;
}

// A reference as one word: stored in halves and loaded whole it would stall.
static inline uint64_t tm_nest_ref(uint32_t offset, uint32_t length)
{
    return (uint64_t)length << 32 | offset;
}

// As tm_nest_open and tm_nest_close, for a value inside of another one: mostly inline.
static inline __attribute__((always_inline)) int tm_nest_open_fast(struct tm_nest *n,
                                                                   struct tm_type type)
{
    struct tm_builder *b = n->b;
    size_t size = b->row_size, start = (size + 7) & ~(size_t)7;
    size_t head = type.kind == TM_TYPE_STRUCT ? type.of->fixed_bytes : sizeof(struct tm_list);
    size_t room = b->batch->capacity_bytes - b->row_start - size;
    if (TM_UNLIKELY(n->depth == TM_TYPE_DEPTH_MAX || head > 256 || room < head + 8 ||
                    type.kind == TM_TYPE_MAP))
        return tm_nest_open(n, type);
    uint8_t *p = b->batch->data + b->row_start + start;
    memset(p - (start - size), 0, 8);
    for (size_t i = 0; i < head; i += 32)
        __builtin_memset(p + i, 0, 32);
    struct tm_nest_frame *f = &n->frames[n->depth++];
    f->of = type.of;
    f->start = (uint32_t)start;
    f->count = 0;
    f->kind = type.kind;
    if (type.kind == TM_TYPE_STRUCT) {
        uint64_t *nulls = ((struct tm_row *)(void *)p)->nulls;
        uint32_t words = type.of->null_words;
        for (uint32_t i = 0; i + 1 < words; i++)
            nulls[i] = ~(uint64_t)0;
        nulls[words - 1] = ~(uint64_t)0 >> (64 * words - type.of->field_count);
    } else {
        f->slot_bytes = type.of->fields[0].type.kind == TM_TYPE_DECIMAL ? 16 : 8;
        f->entries = n->scratch.size_bytes;
        f->nulls = n->nulls.size_bytes;
    }
    b->row_size = start + head;
    return 0;
}

// The innermost value is a struct or list inside of another value. `of`: that one's kind.
static inline __attribute__((always_inline)) int tm_nest_close_fast(struct tm_nest *n, uint8_t of,
                                                                    uint32_t field)
{
    struct tm_builder *b = n->b;
    struct tm_nest_frame *f = &n->frames[n->depth - 1], *parent = f - 1;
    size_t size = b->row_size, padded = (size + 7) & ~(size_t)7, slots = 0;
    uint8_t *data = b->batch->data + b->row_start;
    bool is_list = f->kind == TM_TYPE_LIST;
    if (is_list)
        slots = (size_t)f->count * f->slot_bytes;
    if (TM_UNLIKELY(n->depth < 2 || f->kind == TM_TYPE_MAP || slots > 256 ||
                    (is_list && n->nulls.size_bytes != f->nulls) ||
                    b->batch->capacity_bytes - b->row_start - size < slots + 16))
        return tm_nest_close(n, field);
    memset(data + size, 0, 8);
    if (is_list) {
        const uint8_t *from = slots == 0 ? data : n->scratch.data + f->entries;
        uint8_t *p = data + padded;
        size_t bitmap = f->count != 0 ? 8 : 0; // at most 32 slots
        const uint64_t none = 0;
        memcpy(p, &none, sizeof none);
        for (size_t i = 0; i < slots; i += 8)
            memcpy(p + bitmap + i, from + i, 8);
        uint32_t items = (uint32_t)padded - f->start;
        padded += bitmap + slots;
        const uint64_t head[2] = {tm_nest_ref((uint32_t)padded - f->start, f->count), items};
        memcpy(data + f->start, head, sizeof head);
        n->scratch.size_bytes = f->entries;
    } else {
        uint32_t whole = (uint32_t)padded - f->start;
        memcpy(data + f->start, &whole, sizeof whole);
    }
    b->row_size = padded;
    n->depth--;
    uint8_t *slot = tm_nest_slot(n, parent, of, field, 8);
    if (TM_UNLIKELY(slot == NULL))
        return TM_E_MEMORY;
    uint64_t ref = tm_nest_ref(f->start - parent->start, (uint32_t)padded - f->start);
    memcpy(slot, &ref, sizeof ref);
    return 0;
}
