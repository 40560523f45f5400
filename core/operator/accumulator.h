// Accumulators as bytes of a key's value, and their results as slots of a row: what is small enough
// to stand inline in the loops over rows. aggregate.c explains the layout.
#pragma once

#include "core/batch/decimal.h"
#include "core/operator/moments.h"
#include "core/operator/slots.h"

typedef const struct tm__operator_aggregate item_t;

static inline int64_t get_int(const uint8_t *p)
{
    int64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void set_int(uint8_t *p, int64_t v)
{
    memcpy(p, &v, sizeof v);
}
static inline double get_double(const uint8_t *p)
{
    double v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void set_double(uint8_t *p, double v)
{
    memcpy(p, &v, sizeof v);
}
static inline __int128 get_decimal(const uint8_t *p)
{
    __int128 v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void set_decimal(uint8_t *p, __int128 v)
{
    memcpy(p, &v, sizeof v);
}

static inline bool is_present(item_t *item, const uint8_t *value)
{
    return ((uint64_t)get_int(value + item->present_offset) & item->present) != 0;
}
static inline void set_present(item_t *item, uint8_t *value)
{
    uint64_t word = (uint64_t)get_int(value + item->present_offset) | item->present;
    set_int(value + item->present_offset, (int64_t)word);
}

static inline bool holds_bytes(item_t *item)
{
    return item->action == TM__MIN_BYTES || item->action == TM__MAX_BYTES ||
           item->action == TM__FIRST_BYTES || item->action == TM__LAST_BYTES;
}

static inline bool is_list(item_t *item)
{
    return item->action >= TM__LIST_ROWS && item->action <= TM__LIST_BYTES;
}

// Is it made from blobs? Then it needs the state, and its row a builder.
static inline bool is_made_of_blobs(item_t *item)
{
    return holds_bytes(item) || (item->action >= TM__SKETCH_WORD && item->action <= TM__LIST_BYTES);
}

// The order of doubles that has a place for each, so that a least value does not depend on who came
// first: -0.0 below 0.0, NaN above all.
static inline bool tm__operator_double_less(double a, double b)
{
    if (a != a || b != b)
        return a == a;
    if (a == b)
        return __builtin_signbit(a) && !__builtin_signbit(b);
    return a < b;
}

// Into a sum of doubles, which is stored negated. `x` is not -0.0, or the sum of nothing.
static inline void add_double(item_t *item, uint8_t *value, double x)
{
    uint8_t *acc = value + item->offset;
    set_double(acc, -(-get_double(acc) + x));
}

// Accumulators whose merge is an addition that cannot fail.
static inline bool is_simple(item_t *item)
{
    return item->action == TM__COUNT || item->action == TM__SUM_DOUBLE;
}
// Of such alone.
static inline void merge_simple(const struct tm__operator_aggregates *aggregates, uint8_t *to,
                                const uint8_t *from)
{
    item_t *end = aggregates->items + aggregates->total;
    for (item_t *item = aggregates->items + aggregates->first; item != end; item++) {
        uint32_t at = item->offset;
        if (item->action == TM__COUNT)
            set_int(to + at, get_int(to + at) + get_int(from + at));
        else
            add_double(item, to, -get_double(from + at)); // nothing yet is -0.0 there too
    }
}

// The average of a decimal; TM_E_OVERFLOW beyond 38 digits. There is a value.
int tm__operator_average_decimal(item_t *item, const uint8_t *acc,
                                 __int128 *average) TM_WARN_UNUSED;

// A number of an INT, DOUBLE or DECIMAL action as a double. `kind` is the action's distance from
// the INT one.
static inline double tm__operator_number_at(item_t *item, int kind, const uint8_t *slot)
{
    if (kind == 1)
        return get_double(slot);
    return kind == 0 ? (double)get_int(slot) : tm_decimal_to_double(get_decimal(slot), item->scale);
}

static inline void put_word(item_t *item, uint8_t *row, int64_t v)
{
    ((struct tm_row *)(void *)row)->nulls[item->output_field >> 6] &=
        ~((uint64_t)1 << (item->output_field & 63));
    set_int(row + item->output_offset, v);
}

static inline void put_wide(item_t *item, uint8_t *row, __int128 v)
{
    put_word(item, row, (int64_t)v);
    set_int(row + item->output_offset + 8, (int64_t)(v >> 64));
}

static inline void put_double(item_t *item, uint8_t *row, double v)
{
    put_word(item, row, 0);
    set_double(row + item->output_offset, v);
}

// The result of an accumulator that holds no bytes, into its slot of a row that has null there.
static inline int put_slot(item_t *item, const uint8_t *value, uint8_t *row)
{
    const uint8_t *acc = value + item->offset;
    switch (item->action) {
    case TM__COUNT:
        put_word(item, row, get_int(acc));
        return 0;
    case TM__SUM_DOUBLE:
        if (get_int(acc) != 0)
            put_double(item, row, -get_double(acc));
        return 0;
    case TM__AVG_INT:
        if (get_int(acc + 16) != 0)
            put_double(item, row, (double)get_decimal(acc) / (double)get_int(acc + 16));
        return 0;
    case TM__AVG_DOUBLE:
        if (get_int(acc + 8) != 0)
            put_double(item, row, get_double(acc) / (double)get_int(acc + 8));
        return 0;
    case TM__AVG_DECIMAL:
        if (get_int(acc + 16) != 0) {
            __int128 average;
            int rc = tm__operator_average_decimal(item, acc, &average);
            if (rc != 0)
                return rc;
            put_wide(item, row, average);
        }
        return 0;
    case TM__MOMENTS_INT:
    case TM__MOMENTS_DOUBLE:
    case TM__MOMENTS_DECIMAL: {
        double result;
        if (tm__operator_moments_get(item, acc, &result))
            put_double(item, row, result);
        return 0;
    }
    case TM__DISTINCT_WORD:
    case TM__DISTINCT_DOUBLE:
    case TM__DISTINCT_DECIMAL:
    case TM__DISTINCT_BYTES: {
        int64_t count;
        int rc = tm__operator_distinct_count(acc, &count);
        put_word(item, row, count);
        return rc;
    }
    case TM__SUM_DECIMAL:
    case TM__MIN_DECIMAL:
    case TM__MAX_DECIMAL:
    case TM__FIRST_DECIMAL:
    case TM__LAST_DECIMAL:
        if (is_present(item, value))
            put_wide(item, row, get_decimal(acc));
        return 0;
    default: // eight bytes, doubles too
        if (is_present(item, value))
            put_word(item, row, get_int(acc));
        return 0;
    }
}

// --- plain rows: see struct tm__operator_result -------------------------------------------------

// A blank row at `to`, whose room is known, with the batch's slack of 64 bytes behind it.
static inline void put_blank(uint8_t *to, const uint8_t *blank, size_t blank_bytes, uint32_t size)
{
    const uint8_t *end = blank + blank_bytes;
    uint8_t *at = to;
    do { // a row has 32 bytes at least
        __builtin_memcpy(at, blank, 32);
        at += 32;
        blank += 32;
    } while (blank != end);
    memcpy(to, &size, sizeof size); // size_bytes, the first field
}

// The row's only string, behind its fixed part. Key bytes lie in a state's entry or in a row of a
// batch: whole words can be read. The row's padding is zero.
static inline void put_string(uint8_t *row, uint32_t slot, uint32_t fixed, const uint8_t *from,
                              uint32_t length)
{
    struct tm_ref ref = {fixed, length};
    memcpy(row + slot, &ref, sizeof ref);
    if (TM_UNLIKELY(length == 0))
        return;
    uint64_t word;
    uint8_t *to = row + fixed;
    for (; length > 8; length -= 8, to += 8, from += 8) {
        memcpy(&word, from, 8);
        memcpy(to, &word, 8);
    }
    memcpy(&word, from, 8);
    word &= UINT64_MAX >> (64 - 8 * length);
    memcpy(to, &word, 8);
}

static inline void put_time(uint8_t *row, uint32_t field, uint32_t offset, int64_t time)
{
    ((struct tm_row *)(void *)row)->nulls[field >> 6] &= ~((uint64_t)1 << (field & 63));
    set_int(row + offset, time);
}
