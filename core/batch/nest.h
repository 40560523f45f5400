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
