// Writing nested values: what is open is a stack of frames; see nest.h.
#include "core/batch/nest.h"

#include "core/batch/nested.h"

void tm_nest_init(struct tm_nest *n, struct tm_mem *mem)
{
    n->b = NULL;
    n->depth = 0;
    tm_buf_init(&n->scratch, mem);
    tm_buf_init(&n->nulls, mem);
}

void tm_nest_fini(struct tm_nest *n)
{
    tm_buf_fini(&n->scratch);
    tm_buf_fini(&n->nulls);
}

static uint8_t *row_at(const struct tm_nest *n, size_t offset)
{
    return n->b->batch->data + n->b->row_start + offset;
}

// Room for `size` zeroed bytes at the row's end, which is brought to a multiple of 8; NULL: none.
static inline uint8_t *add_zeroed(struct tm_nest *n, size_t size)
{
    size_t padded = (n->b->row_size + 7) & ~(size_t)7, gap = padded - n->b->row_size;
    uint8_t *p = tm_nest_room(n, gap + size);
    if (TM_UNLIKELY(p == NULL))
        return NULL;
    // The slack behind the capacity makes whole steps of 32 bytes safe and spares the call.
    if (TM_LIKELY(size <= 256)) {
        for (size_t i = 0; i < gap + size; i += 32)
            __builtin_memset(p + i, 0, 32);
    } else {
        memset(p, 0, gap + size);
    }
    n->b->row_size += gap + size;
    return p + gap;
}

static int refused(const struct tm_nest *n, size_t more)
{
    return n->b->row_size + more > TM_ROW_BYTES_MAX ? TM_E_LIMIT : TM_E_MEMORY;
}

// --- slots -------------------------------------------------------------------------------------

static int put_slot(struct tm_nest *n, uint32_t field, const void *slot, size_t size)
{
    struct tm_nest_frame *f = tm__nest_top(n);
    TM_ASSERT(f->kind != TM_TYPE_STRUCT || field < f->of->field_count);
    uint8_t *p = tm_nest_slot(n, f, f->kind, field, size);
    if (p == NULL)
        return TM_E_MEMORY;
    memcpy(p, slot, size);
    return 0;
}

int tm_nest_put_word(struct tm_nest *n, uint32_t field, uint64_t word)
{
    return put_slot(n, field, &word, sizeof word);
}

int tm_nest_put_decimal(struct tm_nest *n, uint32_t field, __int128 unscaled)
{
    return put_slot(n, field, &unscaled, sizeof unscaled);
}

static void put_null_field(struct tm_nest *n, const struct tm_nest_frame *f, uint32_t field)
{
    const struct tm_field *def = &f->of->fields[field];
    uint8_t *p = row_at(n, f->start);
    ((struct tm_row *)(void *)p)->nulls[field >> 6] |= (uint64_t)1 << (field & 63);
    memset(p + def->offset, 0, tm_type_slot_bytes(def->type));
}

int tm_nest_put_null(struct tm_nest *n, uint32_t field)
{
    struct tm_nest_frame *f = tm__nest_top(n);
    if (f->kind == TM_TYPE_STRUCT) {
        put_null_field(n, f, field);
        return 0;
    }
    uint32_t at = f->count;
    if (f->kind == TM_TYPE_LIST && tm_buf_append(&n->nulls, &at, sizeof at) != 0)
        return TM_E_MEMORY;
    uint8_t *p = tm_nest_slot(n, f, f->kind, field, f->slot_bytes);
    if (p == NULL)
        return TM_E_MEMORY;
    memset(p, 0, f->slot_bytes);
    if (f->kind == TM_TYPE_MAP)
        p[-TM__NEST_ENTRY] = TM__NEST_NULL;
    return 0;
}

uint8_t *tm_nest_reserve_bytes(struct tm_nest *n, size_t max)
{
    return tm_builder_reserve_bytes(n->b, max);
}

int tm_nest_commit_bytes(struct tm_nest *n, uint32_t field, uint32_t len)
{
    // an empty value has no place of its own
    struct tm_ref ref = {(uint32_t)n->b->row_size - tm__nest_top(n)->start, len};
    n->b->row_size += len;
    return put_slot(n, field, &ref, sizeof ref);
}

int tm_nest_put_bytes(struct tm_nest *n, uint32_t field, const void *p, uint32_t len)
{
    uint8_t *to = tm_builder_reserve_bytes(n->b, len);
    if (to == NULL)
        return refused(n, len);
    if (len != 0)
        memcpy(to, p, len);
    return tm_nest_commit_bytes(n, field, len);
}

int tm_nest_put_copy(struct tm_nest *n, uint32_t field, struct tm_type type, const uint8_t *bytes,
                     uint32_t len)
{
    if (!tm_type_is_nested(type))
        return tm_nest_put_bytes(n, field, bytes, len);
    if (add_zeroed(n, 0) == NULL)
        return refused(n, 8);
    return tm_nest_put_bytes(n, field, bytes, len);
}

// --- open and close ----------------------------------------------------------------------------

static void init_struct(const struct tm_schema *of, uint8_t *p)
{
    struct tm_row *row = (struct tm_row *)(void *)p;
    for (uint32_t i = 0; i + 1 < of->null_words; i++)
        row->nulls[i] = ~(uint64_t)0;
    row->nulls[of->null_words - 1] =
        ~(uint64_t)0 >> (64 - (of->field_count - (of->null_words - 1) * 64));
}

int tm_nest_open(struct tm_nest *n, struct tm_type type)
{
    TM_ASSERT(tm_type_is_nested(type));
    if (n->depth == TM_TYPE_DEPTH_MAX)
        return TM_E_LIMIT;
    bool is_struct = type.kind == TM_TYPE_STRUCT;
    size_t head = is_struct ? type.of->fixed_bytes : sizeof(struct tm_list);
    uint8_t *p = add_zeroed(n, head);
    if (p == NULL)
        return refused(n, head + 8);
    if (is_struct)
        init_struct(type.of, p);
    struct tm_nest_frame *f = &n->frames[n->depth++];
    *f = (struct tm_nest_frame){.of = type.of,
                                .start = (uint32_t)(n->b->row_size - head),
                                .entries = n->scratch.size_bytes,
                                .nulls = n->nulls.size_bytes,
                                .kind = type.kind};
    if (!is_struct)
        f->slot_bytes = tm_type_slot_bytes(type.of->fields[type.kind == TM_TYPE_MAP ? 1 : 0].type);
    return 0;
}

static int close_list(struct tm_nest *n, struct tm_nest_frame *f)
{
    size_t bitmap = 8 * (size_t)((f->count + 63) / 64), slots = (size_t)f->count * f->slot_bytes;
    size_t padded = (n->b->row_size + 7) & ~(size_t)7, gap = padded - n->b->row_size;
    uint8_t *p = tm_nest_room(n, gap + bitmap + slots);
    if (p == NULL)
        return refused(n, gap + bitmap + slots);
    memset(p, 0, 8);
    p += gap;
    uint64_t *nulls = (uint64_t *)(void *)p;
    for (size_t i = 0; i < bitmap / 8; i++)
        nulls[i] = 0;
    for (size_t i = f->nulls; i < n->nulls.size_bytes; i += sizeof(uint32_t)) {
        uint32_t at;
        memcpy(&at, n->nulls.data + i, sizeof at);
        nulls[at >> 6] |= (uint64_t)1 << (at & 63);
    }
    const uint8_t *from = slots == 0 ? p : n->scratch.data + f->entries;
    if (TM_LIKELY(slots <= 128)) {
        for (size_t i = 0; i < slots; i += 8)
            memcpy(p + bitmap + i, from + i, 8);
    } else {
        memcpy(p + bitmap, from, slots);
    }
    n->b->row_size = padded + bitmap + slots;
    uint32_t end = (uint32_t)n->b->row_size - f->start;
    struct tm_list head = {end, f->count, end - (uint32_t)(bitmap + slots), 0};
    memcpy(row_at(n, f->start), &head, sizeof head);
    n->nulls.size_bytes = f->nulls;
    return 0;
}

// The bitmap and the slots of the values of a map's entries.
static void write_values(uint8_t *to, const uint8_t *entries, uint32_t count, size_t slot)
{
    uint64_t *nulls = (uint64_t *)(void *)to;
    uint8_t *slots = to + 8 * (size_t)((count + 63) / 64);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *e = entries + i * (TM__NEST_ENTRY + slot);
        nulls[i >> 6] |= (uint64_t)(*e & TM__NEST_NULL) << (i & 63);
        memcpy(slots + i * slot, e + TM__NEST_ENTRY, slot);
    }
}

static struct tm_slot entry_key(const struct tm_nest *n, const struct tm_nest_frame *f,
                                const uint8_t *entry)
{
    return (struct tm_slot){row_at(n, f->start), entry + 8};
}

// Sorts the entries by their keys, stably: merges runs of growing length, to and fro between the
// entries and as much room behind them.
static int sort_entries(struct tm_nest *n, const struct tm_nest_frame *f, size_t entry)
{
    enum tm_type_kind kind = f->of->fields[0].type.kind;
    size_t bytes = f->count * entry;
    uint8_t *from = n->scratch.data + f->entries;
    bool sorted = true;
    for (size_t i = entry; sorted && i < bytes; i += entry)
        sorted =
            tm_map_compare(kind, entry_key(n, f, from + i - entry), entry_key(n, f, from + i)) <= 0;
    if (sorted)
        return 0;
    int rc = tm_buf_reserve(&n->scratch, bytes);
    if (rc != 0)
        return rc;
    from = n->scratch.data + f->entries;
    uint8_t *to = from + bytes;
    for (size_t run = entry; run < bytes; run *= 2) {
        for (size_t start = 0; start < bytes; start += 2 * run) {
            size_t middle = start + run < bytes ? start + run : bytes;
            size_t end = middle + run < bytes ? middle + run : bytes;
            size_t a = start, b = middle;
            for (size_t k = start; k < end; k += entry) {
                bool first =
                    b == end || (a < middle && tm_map_compare(kind, entry_key(n, f, from + a),
                                                              entry_key(n, f, from + b)) <= 0);
                memcpy(to + k, from + (first ? a : b), entry);
                *(first ? &a : &b) += entry;
            }
        }
        uint8_t *other = from;
        from = to;
        to = other;
    }
    if (from != n->scratch.data + f->entries)
        memcpy(n->scratch.data + f->entries, from, bytes);
    return 0;
}

// Of entries with the same key the last one stays.
static void drop_repeated(struct tm_nest *n, struct tm_nest_frame *f, size_t entry)
{
    enum tm_type_kind kind = f->of->fields[0].type.kind;
    uint8_t *entries = n->scratch.data + f->entries;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        uint8_t *e = entries + i * entry;
        if (kept != 0 && tm_map_compare(kind, entry_key(n, f, entries + (kept - 1) * entry),
                                        entry_key(n, f, e)) == 0)
            kept--;
        if (entries + kept * entry != e)
            memcpy(entries + kept * entry, e, entry);
        kept++;
    }
    f->count = kept;
}

static int close_map(struct tm_nest *n, struct tm_nest_frame *f)
{
    size_t slot = f->slot_bytes, entry = TM__NEST_ENTRY + slot;
    if (f->count > 1) {
        int rc = sort_entries(n, f, entry);
        if (rc != 0)
            return rc;
        drop_repeated(n, f, entry);
    }
    size_t keys = 8 * (size_t)f->count;
    size_t size = keys + 8 * (size_t)((f->count + 63) / 64) + f->count * slot;
    uint8_t *p = add_zeroed(n, size);
    if (p == NULL)
        return refused(n, size + 8);
    const uint8_t *entries = f->count == 0 ? p : n->scratch.data + f->entries;
    for (uint32_t i = 0; i < f->count; i++)
        memcpy(p + 8 * (size_t)i, entries + i * entry + 8, 8);
    write_values(p + keys, entries, f->count, slot);
    uint32_t end = (uint32_t)n->b->row_size - f->start;
    struct tm_map head = {end, f->count, end - (uint32_t)size, end - (uint32_t)(size - keys)};
    memcpy(row_at(n, f->start), &head, sizeof head);
    return 0;
}

static int close_struct(struct tm_nest *n, const struct tm_nest_frame *f)
{
    if (add_zeroed(n, 0) == NULL)
        return refused(n, 8);
    uint32_t size = (uint32_t)n->b->row_size - f->start;
    memcpy(row_at(n, f->start), &size, sizeof size); // kind 0 behind it
    return 0;
}

int tm_nest_close(struct tm_nest *n, uint32_t field)
{
    struct tm_nest_frame *f = tm__nest_top(n);
    int rc = f->kind == TM_TYPE_STRUCT ? close_struct(n, f)
             : f->kind == TM_TYPE_LIST ? close_list(n, f)
                                       : close_map(n, f);
    if (rc != 0)
        return rc;
    uint32_t length = (uint32_t)n->b->row_size - f->start;
    if (f->kind != TM_TYPE_STRUCT)
        n->scratch.size_bytes = f->entries;
    if (--n->depth == 0) {
        uint64_t ref = tm_nest_ref(f->start, length);
        if (!tm_row_is_null(tm__batch_builder_row(n->b), field))
            n->b->has_gap = true;
        memcpy(tm__batch_builder_slot(n->b, field), &ref, sizeof ref);
        return 0;
    }
    uint64_t ref = tm_nest_ref(f->start - tm__nest_top(n)->start, length);
    return put_slot(n, field, &ref, sizeof ref);
}
