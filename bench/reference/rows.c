// G1 and G2 over row-major batches. Multiplications and additions stay apart (no fused ones), so
// that results are equal bit by bit to those of any IEEE double.
#include "bench/reference/rows.h"

#include <stdlib.h>
#include <string.h>

static inline int64_t get_int(const uint8_t *row, size_t at)
{
    int64_t v;
    memcpy(&v, row + at, sizeof v);
    return v;
}
static inline double get_double(const uint8_t *row, size_t at)
{
    double v;
    memcpy(&v, row + at, sizeof v);
    return v;
}
static inline void put_int(uint8_t *row, size_t at, int64_t v)
{
    memcpy(row + at, &v, sizeof v);
}
static inline void put_double(uint8_t *row, size_t at, double v)
{
    memcpy(row + at, &v, sizeof v);
}
static inline struct tm_ref get_ref(const uint8_t *row, size_t at)
{
    struct tm_ref v;
    memcpy(&v, row + at, sizeof v);
    return v;
}
// Two whole words: a header put together on the stack by halves and then copied costs a stalled
// load, 5 ns.
static inline void put_header(uint8_t *row, uint32_t size, uint64_t nulls)
{
    uint64_t head = size; // and kind 0: an insert
    memcpy(row, &head, sizeof head);
    memcpy(row + 8, &nulls, sizeof nulls);
}

enum { KEYS_AT_ONCE = 64 };

void ref_g1(const uint8_t *in, size_t in_bytes, struct ref_rows *out)
{
    enum { READ = 1 << 1 | 1 << 2 }; // amount, quantity: arithmetic on null is an error
    const uint8_t *end = in + in_bytes;
    uint8_t *to = out->data;
    out->row_count = 0;
    out->failed = 0;
    for (uint32_t size; in < end; in += size) {
        struct tm_row head;
        memcpy(&head, in, sizeof head);
        size = head.size_bytes;
        if (__builtin_expect((head.nulls[0] & READ) != 0, 0)) {
            out->failed++;
            continue;
        }
        double amount = get_double(in, REF_IN_AMOUNT);
        if (!(amount > 20))
            continue;
        double total = amount * (double)get_int(in, REF_IN_QUANTITY);
        struct tm_ref country = get_ref(in, REF_IN_COUNTRY);
        if (country.length == 2 && memcmp(in + country.offset, "US", 2) == 0 &&
            (head.nulls[0] & 1 << 3) == 0)
            continue;
        double fee = total * 0.029 + 0.3;
        uint64_t copied = REF_G1_FIXED | (uint64_t)country.length << 32; // a tm_ref
        // user_id 0 -> 0, country 3 -> 1, ts 4 -> 4
        uint64_t nulls = (head.nulls[0] & (1 | 1 << 4)) | (head.nulls[0] >> 2 & 1 << 1);
        uint32_t row_bytes = (REF_G1_FIXED + country.length + 7) & ~7u;
        put_header(to, row_bytes, nulls);
        put_int(to, REF_G1_USER, get_int(in, REF_IN_USER));
        memcpy(to + REF_G1_COUNTRY, &copied, sizeof copied);
        put_double(to, REF_G1_TOTAL, total);
        put_double(to, REF_G1_FEE, fee);
        put_int(to, REF_G1_TS, get_int(in, REF_IN_TS));
        put_double(to, REF_G1_NET, total - fee);
        if (country.length <= 8) {
            uint64_t
                word; // a row is followed by at least 8 readable bytes: of the next row, or slack
            memcpy(&word, in + country.offset, sizeof word);
            word &= country.length == 0 ? 0 : ~UINT64_C(0) >> (64 - 8 * country.length);
            memcpy(to + REF_G1_FIXED, &word, sizeof word);
        } else {
            memset(to + row_bytes - 8, 0, 8);
            memcpy(to + REF_G1_FIXED, in + country.offset, country.length);
        }
        to += row_bytes;
        out->row_count++;
    }
    out->size_bytes = (size_t)(to - out->data);
}

// Open addressing, linear probing, at most 5/8 full. A count of 0 marks a free slot.
struct slot {
    int64_t key;
    uint64_t count;
};
struct ref_counts {
    struct slot *slots;
    uint64_t mask;
    unsigned shift;
    uint64_t used, limit;
};

static inline uint64_t hash_of(int64_t key)
{
    return ((uint64_t)key ^ (uint64_t)key >> 32) * UINT64_C(0x9e3779b97f4a7c15);
}

static int counts_resize(struct ref_counts *counts, unsigned bits)
{
    struct slot *old = counts->slots;
    uint64_t old_count = old == NULL ? 0 : counts->mask + 1;
    counts->slots = calloc((size_t)1 << bits, sizeof *counts->slots);
    if (counts->slots == NULL)
        return -1;
    counts->mask = ((uint64_t)1 << bits) - 1;
    counts->shift = 64 - bits;
    counts->limit = ((uint64_t)1 << bits) / 8 * 5;
    for (uint64_t i = 0; i < old_count; i++) {
        if (old[i].count != 0) {
            uint64_t at = hash_of(old[i].key) >> counts->shift;
            while (counts->slots[at].count != 0)
                at = (at + 1) & counts->mask;
            counts->slots[at] = old[i];
        }
    }
    free(old);
    return 0;
}

struct ref_counts *ref_counts_new(void)
{
    struct ref_counts *counts = calloc(1, sizeof *counts);
    if (counts != NULL && counts_resize(counts, 10) != 0) {
        free(counts);
        counts = NULL;
    }
    return counts;
}

void ref_counts_free(struct ref_counts *counts)
{
    free(counts->slots);
    free(counts);
}

void ref_g2(struct ref_counts *counts, const uint8_t *in, size_t in_bytes, struct ref_rows *out)
{
    const uint8_t *end = in + in_bytes;
    uint8_t *to = out->data;
    out->failed = 0;
    while (in < end) {
        int64_t keys[KEYS_AT_ONCE];
        uint64_t at[KEYS_AT_ONCE];
        uint32_t count = 0;
        for (; count < KEYS_AT_ONCE && in < end;) {
            struct tm_row head;
            memcpy(&head, in, sizeof head);
            if (__builtin_expect((head.nulls[0] & 1) != 0, 0)) {
                out->failed++;
            } else {
                keys[count] = get_int(in, REF_IN_USER);
                at[count] = hash_of(keys[count]);
                __builtin_prefetch(&counts->slots[at[count] >> counts->shift], 1);
                count++;
            }
            in += head.size_bytes;
        }
        if (counts->used + count > counts->limit &&
            counts_resize(counts, 64 - counts->shift + 1) != 0)
            abort();
        for (uint32_t i = 0; i < count; i++) {
            uint64_t slot = at[i] >> counts->shift;
            while (counts->slots[slot].count != 0 && counts->slots[slot].key != keys[i])
                slot = (slot + 1) & counts->mask;
            struct slot *s = &counts->slots[slot];
            counts->used += s->count == 0;
            s->key = keys[i];
            s->count++;
            put_header(to, REF_G2_FIXED, 0);
            put_int(to, REF_G2_USER, keys[i]);
            put_int(to, REF_G2_N, (int64_t)s->count);
            to += REF_G2_FIXED;
        }
    }
    out->size_bytes = (size_t)(to - out->data);
    out->row_count = (uint32_t)(out->size_bytes / REF_G2_FIXED);
}
