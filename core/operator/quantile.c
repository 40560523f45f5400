// Quantiles: a histogram whose buckets grow with the values, after the idea of DDSketch (Masson,
// Rim, Lee 2019): each bucket is a fixed share of its values wide, so that the middle of the bucket
// of a rank is within a fixed relative error of the value of that rank.
//
// A bucket is the exponent and the upper six bits of the mantissa of a double: 64 to a doubling,
// found by a shift. Its edges are at most 1/64 apart, so the point between them that is equally
// far, relatively, from both is at most 1/129 = 0.78 % from every value in it. Subnormal numbers
// are scaled first and get buckets below; zero, infinities and NaN (above all numbers) have their
// own. Results over whole numbers are rounded to such, and so exact to 128. Negative values have
// the same buckets, mirrored. Only buckets with values take memory.
//
// A table has room for all the buckets that there are, 269,057: then it takes 4 MB. Which are in
// use follows from the multiset of values alone, not from their order or from how sketches were
// merged.
#include <math.h>

#include "core/operator/accumulator.h"
#include "core/operator/cut.h"

enum {
    BITS = 6,             // of the mantissa
    SHIFT = 52 - BITS,    // from a double's bits to its bucket
    SCALE = 54,           // subnormals are multiplied by 2^SCALE
    BIAS = SCALE << BITS, // buckets that this adds below
    NAN_BUCKET = (2048 << BITS) + BIAS,
    ORIGIN = 1 << 18, // of signed buckets: positive, never 0
    HAS_BOUNDS = 1,   // in the note
};
_Static_assert(2 * NAN_BUCKET + 1 <= TM__QUANTILE_BUCKETS_MAX, "of either sign, and zero");
_Static_assert(NAN_BUCKET < ORIGIN, "keys are positive");

struct quantile {
    struct tm__operator_slots buckets; // note: HAS_BOUNDS
    double min, max;                   // of the values that are numbers
    uint64_t reserved;
};
_Static_assert(sizeof(struct quantile) == TM__QUANTILE_VALUE_BYTES, "the accumulator in the value");

static inline uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static inline double of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// Of |x|.
static inline int32_t bucket_of(double x)
{
    uint64_t magnitude = bits_of(x) & INT64_MAX;
    if (TM_LIKELY(magnitude >= (uint64_t)1 << 52))
        return TM_LIKELY(x == x) ? (int32_t)(magnitude >> SHIFT) + BIAS : NAN_BUCKET;
    return magnitude == 0 ? 0 : (int32_t)(bits_of(of_bits(magnitude) * 0x1p54) >> SHIFT);
}

static inline uint64_t key_of(double x)
{
    int32_t bucket = bucket_of(x);
    return (uint64_t)(ORIGIN + (x < 0 ? -bucket : bucket));
}

// The value that stands for a bucket.
static double value_of(uint64_t key)
{
    int32_t bucket = (int32_t)key - ORIGIN, low = bucket < 0 ? -bucket : bucket;
    if (low == 0)
        return 0;
    if (low >= NAN_BUCKET)
        return NAN;
    // Infinity's bucket has nothing else in it.
    double x = low < BIAS + (1 << BITS) ? of_bits((uint64_t)low << SHIFT) * 0x1p-54
                                        : of_bits((uint64_t)(low - BIAS) << SHIFT);
    double mantissa = (1 << BITS) + (low & ((1 << BITS) - 1));
    double ratio = (mantissa + 1) / mantissa; // of the bucket's edges
    x *= 2 * ratio / (1 + ratio);
    return bucket < 0 ? -x : x;
}

// --- adding --------------------------------------------------------------------------------------

// Adds to the count of a bucket, which stops at its greatest.
static inline uint64_t counted(uint64_t slot, uint64_t count)
{
    const uint64_t most = ((uint64_t)1 << TM__BUCKET_COUNT_BITS) - 1;
    uint64_t room = most - (slot & most);
    return slot + (count < room ? count : room);
}

// False: no room for a new bucket.
static inline bool put_count(struct tm__operator_slots *table, uint64_t *slots, uint64_t key,
                             uint64_t count)
{
    uint32_t capacity = tm__operator_slots_capacity(table);
    uint32_t at = tm__operator_slots_seek(TM__SLOT_BUCKET, slots, capacity, key);
    if (TM_UNLIKELY(slots[at] == 0)) {
        if (!tm__operator_slots_has_room(table))
            return false;
        slots[at] = key << TM__BUCKET_COUNT_BITS;
        table->count++;
    }
    slots[at] = counted(slots[at], count);
    return true;
}

// A table with room for every bucket that there is ends the growth before its limit.
static int make_room(struct quantile *acc, const struct tm__operator_home *home)
{
    int rc = tm__operator_slots_grow(&acc->buckets, home, TM__SLOT_BUCKET, TM_QUANTILE_SLOTS_MAX);
    TM_CHECK(rc != TM_E_LIMIT);
    return rc;
}

static inline int count_in(struct quantile *acc, const struct tm__operator_home *home, uint64_t key,
                           uint64_t times)
{
    for (;;) {
        if (TM_LIKELY(acc->buckets.blob.length != 0)) {
            uint64_t *slots = tm__operator_slots_edit(home, &acc->buckets);
            if (TM_UNLIKELY(slots == NULL))
                return TM_E_MEMORY;
            if (TM_LIKELY(put_count(&acc->buckets, slots, key, times)))
                return 0;
        }
        int rc = make_room(acc, home);
        if (rc != 0)
            return rc;
    }
}

static inline void widen(struct quantile *acc, double min, double max)
{
    if (TM_UNLIKELY((acc->buckets.note & HAS_BOUNDS) == 0)) {
        acc->buckets.note |= HAS_BOUNDS;
        acc->min = min;
        acc->max = max;
    }
    acc->min = min < acc->min ? min : acc->min;
    acc->max = max > acc->max ? max : acc->max;
}

int tm__operator_quantile_add(const struct tm__operator_home *home, void *value, double x)
{
    struct quantile *acc = value;
    if (TM_LIKELY(x == x))
        widen(acc, x, x);
    return count_in(acc, home, key_of(x), 1);
}

// A group of rows: see struct tm__operator_look.
static int add_group(const struct tm__operator_aggregate *item, struct tm_state *state,
                     const struct tm__operator_block *block, uint32_t first, uint32_t count)
{
    struct tm__operator_look looks[TM__LOOK_ROWS];
    double numbers[TM__LOOK_ROWS];
    for (uint32_t i = 0; i < count; i++) {
        const struct tm_row *row = block->rows[first + i];
        struct tm__operator_look *look = &looks[i];
        look->table = NULL;
        if (TM_UNLIKELY(tm_row_is_null(row, item->field)))
            continue;
        struct quantile *acc = (void *)((uint8_t *)block->values[first + i] + item->offset);
        look->table = &acc->buckets;
        look->home =
            (struct tm__operator_home){state, block->namespaces[first + i],
                                       tm_state_key_group(state, block->keys[first + i].hash)};
        numbers[i] = tm__operator_number_at(item, item->action - TM__QUANTILE_INT,
                                            (const uint8_t *)row + item->field_offset);
        look->key = key_of(numbers[i]);
        tm__operator_look_at(look, TM__SLOT_BUCKET);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct tm__operator_look *look = &looks[i];
        if (TM_UNLIKELY(look->table == NULL))
            continue;
        struct quantile *acc = (struct quantile *)look->table; // its first field
        uint64_t *slot = look->at;
        if (TM_LIKELY(tm__operator_look_holds(look) &&
                      *slot >> TM__BUCKET_COUNT_BITS == look->key)) {
            *slot = counted(*slot, 1);
            if (TM_LIKELY(numbers[i] == numbers[i]))
                widen(acc, numbers[i], numbers[i]);
            continue;
        }
        int rc = tm__operator_quantile_add(&look->home, acc, numbers[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int tm__operator_quantile_add_block(const struct tm__operator_aggregate *item,
                                    struct tm_state *state, const struct tm__operator_block *block)
{
    return tm__operator_look_groups(item, state, block, add_group);
}

// --- merging -------------------------------------------------------------------------------------

int tm__operator_quantile_merge(const struct tm__operator_home *to_home, void *to_value,
                                const struct tm__operator_home *from_home, const void *from_value)
{
    struct quantile *to = to_value;
    const struct quantile *from = from_value;
    const uint64_t most = ((uint64_t)1 << TM__BUCKET_COUNT_BITS) - 1;
    int rc = 0;
    if (from->buckets.count == 0)
        return 0;
    if (to->buckets.blob.length == 0) {
        rc = tm_state_blob_set(
            to_home->state, to_home->ns, to_home->key_group, &to->buckets.blob,
            tm_state_blob_get(from_home->state, from_home->key_group, &from->buckets.blob),
            from->buckets.blob.length);
        struct tm_blob blob = to->buckets.blob;
        if (rc == 0) {
            *to = *from;
            to->buckets.blob = blob;
        }
        return rc;
    }
    if ((from->buckets.note & HAS_BOUNDS) != 0)
        widen(to, from->min, from->max);
    const uint64_t *slots = tm__operator_slots_of(from_home, &from->buckets);
    for (uint32_t i = 0; i < tm__operator_slots_capacity(&from->buckets) && rc == 0; i++) {
        if (slots[i] == 0)
            continue;
        uint64_t key = tm__operator_slot_key(TM__SLOT_BUCKET, slots[i]);
        rc = count_in(to, to_home, key, slots[i] & most);
    }
    return rc;
}

// --- the result ----------------------------------------------------------------------------------

// Of slots[low .. high) the one where the counts, in the order of the buckets, reach `rank`
// (1 based). Quickselect: the slots stand in the order of their hashes, which nobody chose.
static uint64_t select_slot(uint64_t *slots, uint32_t low, uint32_t high, uint64_t rank)
{
    const uint64_t most = ((uint64_t)1 << TM__BUCKET_COUNT_BITS) - 1;
    while (high - low > 1) {
        uint64_t pivot = slots[low + (high - low) / 2], below = 0;
        uint32_t split = low; // slots[low .. split) are below the pivot
        for (uint32_t i = low; i < high; i++) {
            uint64_t slot = slots[i];
            if (slot < pivot) {
                below += slot & most;
                slots[i] = slots[split];
                slots[split++] = slot;
            }
        }
        if (rank <= below) {
            high = split;
            continue;
        }
        if (rank <= below + (pivot & most))
            return pivot;
        rank -= below + (pivot & most);
        for (uint32_t i = split; i < high; i++) { // behind the pivot
            if (slots[i] == pivot) {
                slots[i] = slots[split];
                slots[split] = pivot;
                break;
            }
        }
        low = split + 1;
    }
    return slots[low];
}

bool tm__operator_quantile_get(const struct tm__operator_home *home, const void *value, double q,
                               uint64_t *scratch, double *result)
{
    const struct quantile *acc = value;
    const uint64_t most = ((uint64_t)1 << TM__BUCKET_COUNT_BITS) - 1;
    const uint64_t *slots = tm__operator_slots_of(home, &acc->buckets);
    uint32_t count = 0;
    uint64_t total = 0;
    for (uint32_t i = 0; i < tm__operator_slots_capacity(&acc->buckets); i++) {
        if (slots[i] != 0) {
            scratch[count++] = slots[i];
            total += slots[i] & most;
        }
    }
    if (count == 0)
        return false;
    double wanted = ceil(q * (double)total * (1 - 0x1p-50)); // 0.07 * 100 is 7 and a bit
    uint64_t rank = wanted < 1 ? 1 : wanted > (double)total ? total : (uint64_t)wanted;
    uint64_t slot = select_slot(scratch, 0, count, rank);
    double x = value_of(tm__operator_slot_key(TM__SLOT_BUCKET, slot));
    if ((acc->buckets.note & HAS_BOUNDS) != 0) {
        // The first and the last are known exactly, and nothing lies outside of them.
        x = rank == 1 || x < acc->min ? acc->min : x;
        if (x > acc->max || (rank == total && x == x))
            x = acc->max;
    }
    *result = x;
    return true;
}

// --- from outside --------------------------------------------------------------------------------

// Every bucket that there is has room in a table, and none other may be in one.
const char *tm__operator_quantile_wrong(struct tm__operator_seen *seen, const void *value)
{
    const struct quantile *acc = value;
    const uint64_t most = ((uint64_t)1 << TM__BUCKET_COUNT_BITS) - 1;
    const uint64_t *slots = tm__operator_seen_blob(seen, &acc->buckets.blob);
    if (slots == NULL)
        return "a quantile that is nowhere";
    if ((acc->buckets.note & ~(uint32_t)HAS_BOUNDS) != 0)
        return "a quantile of an unknown kind";
    const char *wrong =
        tm__operator_slots_wrong(&acc->buckets, slots, TM__SLOT_BUCKET, TM_QUANTILE_SLOTS_MAX);
    for (uint32_t i = 0; wrong == NULL && i < tm__operator_slots_capacity(&acc->buckets); i++) {
        uint64_t key = tm__operator_slot_key(TM__SLOT_BUCKET, slots[i]);
        if (slots[i] != 0 &&
            ((slots[i] & most) == 0 || key < ORIGIN - NAN_BUCKET || key > ORIGIN + NAN_BUCKET))
            wrong = "a quantile with values that there are not";
    }
    return wrong;
}
