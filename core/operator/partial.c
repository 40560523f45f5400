// The tails of partial rows: adding rows, merging into a key's value. One item after the other,
// each over a whole block, as in aggregate.c; what an item keeps is small and of its own, as no
// accumulator has to be all that it becomes in the state.
#include "core/operator/partial.h"

#include "core/base/limits.h"
#include "core/operator/accumulator.h"

// What is kept of the values of a column that are not null, behind how many they are. Sums have 64
// bits where TM_PARTIAL_ROWS values of the column's type cannot take more, else 128.
enum { TAIL_ROWS = 8 }; // bytes of the number of rows, in front of all items
enum shape {
    NOTHING, // counts: the number of rows is enough
    SUM,     // count, sum
    SUM_WIDE,
    CHECKED, // count, sum, and the least and the greatest sum of the first values, and of none
    CHECKED_WIDE,
    LEAST, // count, value
    GREATEST,
    LEAST_DOUBLE,
    GREATEST_DOUBLE,
    LEAST_WIDE,
    GREATEST_WIDE,
    SHAPES // it has no partial result
};
static const uint8_t shape_bytes[SHAPES] = {0, 16, 24, 32, 56, 16, 16, 16, 16, 24, 24};
// Decimals: 10^15 * 1023 is below 2^63, 10^35 * 1023 below 2^127.
_Static_assert(TM_PARTIAL_ROWS < 1024, "sums of 1023 values of 2^53 fit 64 bits");
enum { NARROW_DIGITS = 15, WIDE_DIGITS = 35 };
static const __int128 WIDE = (__int128)10000000000000000000u * 10000000000000000u; // 10^35

struct tm__operator_partial_item {
    item_t *item;
    struct tm_type type; // of its column
    enum shape shape;
    uint32_t at; // in the tail
};

static enum shape shape_of(item_t *item, struct tm_type type)
{
    bool narrow = type.kind == TM_TYPE_INT ||
                  (type.kind == TM_TYPE_DECIMAL && type.precision <= NARROW_DIGITS);
    if (item->arrival_offset != 0 || item->along != NULL)
        return SHAPES;
    switch (item->action) {
    case TM__COUNT:
        return NOTHING;
    case TM__SUM_INT:
    case TM__SUM_INT64:
    case TM__SUM_DECIMAL:
        return narrow ? CHECKED : CHECKED_WIDE;
    case TM__AVG_INT:
        return narrow ? SUM : SUM_WIDE;
    case TM__MIN_INT:
        return LEAST;
    case TM__MAX_INT:
        return GREATEST;
    case TM__MIN_DOUBLE:
        return LEAST_DOUBLE;
    case TM__MAX_DOUBLE:
        return GREATEST_DOUBLE;
    case TM__MIN_DECIMAL:
        return LEAST_WIDE;
    case TM__MAX_DECIMAL:
        return GREATEST_WIDE;
    default:
        return SHAPES;
    }
}

int tm__operator_partial_init(struct tm__operator_partial *partial,
                              const struct tm__operator_aggregates *aggregates,
                              const struct tm_schema *input)
{
    uint32_t count = aggregates->total, tail_bytes = TAIL_ROWS;
    *partial = (struct tm__operator_partial){0};
    if (aggregates->first != 0 || aggregates->custom != NULL)
        return 0;
    partial->items = tm_mem_alloc(aggregates->mem, (count + 1) * sizeof *partial->items);
    if (partial->items == NULL)
        return TM_E_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        item_t *item = &aggregates->items[i];
        struct tm_type type = input->fields[item->field].type; // of no column: not looked at
        enum shape shape = shape_of(item, type);
        if (shape == SHAPES) {
            tm_mem_free(aggregates->mem, partial->items, (count + 1) * sizeof *partial->items);
            return 0;
        }
        partial->items[i] = (struct tm__operator_partial_item){item, type, shape, tail_bytes};
        tail_bytes += shape_bytes[shape];
        partial->wide |= item->action == TM__SUM_DECIMAL && type.precision > WIDE_DIGITS;
    }
    partial->tail_bytes = tail_bytes;
    partial->aggregates = aggregates;
    return 0;
}

void tm__operator_partial_fini(struct tm__operator_partial *partial)
{
    if (partial->aggregates != NULL)
        tm_mem_free(partial->aggregates->mem, partial->items,
                    (partial->aggregates->total + 1) * sizeof *partial->items);
}

bool tm__operator_partial_fits_wide(const struct tm__operator_partial *partial,
                                    const struct tm_row *row)
{
    for (uint32_t i = 0; i < partial->aggregates->total; i++) {
        item_t *item = partial->items[i].item;
        if (item->action != TM__SUM_DECIMAL) // null: its slot is zero
            continue;
        __int128 x = tm_row_decimal(row, item->field_offset);
        if (x >= WIDE || x <= -WIDE)
            return false;
    }
    return true;
}

// --- adding rows ---------------------------------------------------------------------------------

static inline void add_narrow(uint8_t *p, int64_t x)
{
    int64_t sum = get_int(p + 8) + x, low = get_int(p + 16), high = get_int(p + 24);
    set_int(p + 8, sum);
    set_int(p + 16, sum < low ? sum : low);
    set_int(p + 24, sum > high ? sum : high);
}

static inline void add_wide(uint8_t *p, __int128 x)
{
    __int128 sum = get_decimal(p + 8) + x;
    set_decimal(p + 8, sum);
    if (sum < get_decimal(p + 24))
        set_decimal(p + 24, sum);
    if (sum > get_decimal(p + 40))
        set_decimal(p + 40, sum);
}

// Does the value at `a` replace that at `b`?
static inline bool is_before(enum shape shape, const uint8_t *a, const uint8_t *b)
{
    switch (shape) {
    case LEAST:
        return get_int(a) < get_int(b);
    case GREATEST:
        return get_int(a) > get_int(b);
    case LEAST_DOUBLE:
        return tm__operator_double_less(get_double(a), get_double(b));
    case GREATEST_DOUBLE:
        return tm__operator_double_less(get_double(b), get_double(a));
    case LEAST_WIDE:
        return get_decimal(a) < get_decimal(b);
    default:
        return get_decimal(a) > get_decimal(b);
    }
}

static inline bool is_wide(enum shape shape)
{
    return shape == LEAST_WIDE || shape == GREATEST_WIDE;
}

// The rows of a block; `shape` and `decimal` are constants where this is called. The low word of a
// decimal of few digits is its value.
static inline __attribute__((always_inline)) void add_rows(
    const struct tm__operator_partial_item *it, uint8_t *const *tails,
    const struct tm_row *const *rows, uint32_t count, enum shape shape, bool decimal)
{
    uint32_t field = it->item->field, offset = it->item->field_offset;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *p = tails[i] + it->at;
        const uint8_t *slot = (const uint8_t *)rows[i] + offset;
        if (TM_UNLIKELY(tm_row_is_null(rows[i], field)))
            continue;
        if (shape == SUM)
            set_int(p + 8, get_int(p + 8) + get_int(slot));
        else if (shape == SUM_WIDE)
            set_decimal(p + 8, get_decimal(p + 8) + get_int(slot));
        else if (shape == CHECKED)
            add_narrow(p, get_int(slot));
        else if (shape == CHECKED_WIDE)
            add_wide(p, decimal ? get_decimal(slot) : get_int(slot));
        else if (get_int(p) == 0 || is_before(shape, slot, p + 8))
            memcpy(p + 8, slot, is_wide(shape) ? 16 : 8);
        set_int(p, get_int(p) + 1);
    }
}

static void add_item(const struct tm__operator_partial_item *it, uint8_t *const *tails,
                     const struct tm_row *const *rows, uint32_t count)
{
    switch (it->shape) {
    case SUM:
        return add_rows(it, tails, rows, count, SUM, false);
    case SUM_WIDE:
        return add_rows(it, tails, rows, count, SUM_WIDE, false);
    case CHECKED:
        return add_rows(it, tails, rows, count, CHECKED, false);
    case CHECKED_WIDE:
        return it->item->action == TM__SUM_DECIMAL
                   ? add_rows(it, tails, rows, count, CHECKED_WIDE, true)
                   : add_rows(it, tails, rows, count, CHECKED_WIDE, false);
    case LEAST:
        return add_rows(it, tails, rows, count, LEAST, false);
    case GREATEST:
        return add_rows(it, tails, rows, count, GREATEST, false);
    case LEAST_DOUBLE:
        return add_rows(it, tails, rows, count, LEAST_DOUBLE, false);
    case GREATEST_DOUBLE:
        return add_rows(it, tails, rows, count, GREATEST_DOUBLE, false);
    case LEAST_WIDE:
        return add_rows(it, tails, rows, count, LEAST_WIDE, false);
    case GREATEST_WIDE:
        return add_rows(it, tails, rows, count, GREATEST_WIDE, false);
    default:
        return;
    }
}

void tm__operator_partial_add(const struct tm__operator_partial *partial, uint8_t *const *tails,
                              const struct tm_row *const *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        set_int(tails[i], get_int(tails[i]) + 1);
    for (uint32_t i = 0; i < partial->aggregates->total; i++)
        add_item(&partial->items[i], tails, rows, count);
}

// --- merging -------------------------------------------------------------------------------------

static __int128 limit_of(item_t *item)
{
    if (item->action == TM__SUM_INT)
        return TM_INT_MAX;
    if (item->action == TM__SUM_INT64)
        return INT64_MAX;
    return (__int128)10000000000000000000u * 10000000000000000000u - 1; // 38 digits
}

// Sums of the tail: the sum itself, the least, the greatest.
static inline __int128 tail_sum(const struct tm__operator_partial_item *it, const uint8_t *tail,
                                uint32_t which)
{
    const uint8_t *p = tail + it->at + 8;
    return it->shape == CHECKED || it->shape == SUM ? get_int(p + (size_t)8 * which)
                                                    : get_decimal(p + (size_t)16 * which);
}

// Would one of the rows have been refused?
static bool goes_out(const struct tm__operator_partial_item *it, const uint8_t *value,
                     const uint8_t *tail)
{
    item_t *item = it->item;
    const uint8_t *acc = value + item->offset;
    __int128 limit = limit_of(item), least = item->action == TM__SUM_INT64 ? -limit - 1 : -limit;
    __int128 sum = item->action == TM__SUM_DECIMAL ? get_decimal(acc) : get_int(acc), low, high;
    return __builtin_add_overflow(sum, tail_sum(it, tail, 1), &low) ||
           __builtin_add_overflow(sum, tail_sum(it, tail, 2), &high) || low < least || high > limit;
}

static void merge_item(const struct tm__operator_partial_item *it, uint8_t *value,
                       const uint8_t *tail)
{
    item_t *item = it->item;
    const uint8_t *p = tail + it->at;
    uint8_t *acc = value + item->offset;
    if (it->shape == NOTHING) {
        set_int(acc, get_int(acc) + (int64_t)tm__operator_tail_rows(tail));
        return;
    }
    int64_t count = get_int(p);
    if (count == 0)
        return;
    switch (it->shape) {
    case SUM:
    case SUM_WIDE:
        set_decimal(acc, get_decimal(acc) + tail_sum(it, tail, 0));
        set_int(acc + 16, get_int(acc + 16) + count); // tells that there is a value
        return;
    case CHECKED:
    case CHECKED_WIDE:
        if (item->action == TM__SUM_DECIMAL)
            set_decimal(acc, get_decimal(acc) + tail_sum(it, tail, 0));
        else
            set_int(acc, (int64_t)(get_int(acc) + tail_sum(it, tail, 0)));
        break;
    default:
        if (!is_present(item, value) || is_before(it->shape, p + 8, acc))
            memcpy(acc, p + 8, is_wide(it->shape) ? 16 : 8);
    }
    set_present(item, value);
}

int tm__operator_partial_merge(const struct tm__operator_partial *partial, void *value,
                               const struct tm_row *row,
                               const struct tm__operator_aggregate **culprit)
{
    const uint8_t *tail = (const uint8_t *)row + row->size_bytes - partial->tail_bytes;
    const struct tm__operator_partial_item *it = partial->items;
    const struct tm__operator_partial_item *end = it + partial->aggregates->total;
    for (; it != end; it++)
        if ((it->shape == CHECKED || it->shape == CHECKED_WIDE) && goes_out(it, value, tail)) {
            *culprit = it->item;
            return TM_E_OVERFLOW;
        }
    for (it = partial->items; it != end; it++)
        merge_item(it, value, tail);
    return 0;
}

// --- tails from outside --------------------------------------------------------------------------

// The greatest that a value can be, whatever its sign; of int64 one more than that.
static __int128 greatest_of(struct tm_type type)
{
    __int128 power = 1;
    if (type.kind == TM_TYPE_INT)
        return TM_INT_MAX;
    if (type.kind != TM_TYPE_DECIMAL)
        return -(__int128)INT64_MIN;
    for (uint32_t i = 0; i < type.precision && i < WIDE_DIGITS; i++)
        power *= 10;
    return power - 1;
}

static const char *wrong_sum(const struct tm__operator_partial_item *it, const uint8_t *tail,
                             int64_t count)
{
    __int128 bound = count * greatest_of(it->type), sum = tail_sum(it, tail, 0);
    if (sum < -bound || sum > bound)
        return "a sum that so few rows do not have";
    if (it->shape == SUM || it->shape == SUM_WIDE)
        return NULL;
    __int128 low = tail_sum(it, tail, 1), high = tail_sum(it, tail, 2);
    if (low < -bound || low > 0 || high < 0 || high > bound || sum < low || sum > high)
        return "a sum that is not between its least and greatest";
    return NULL;
}

static const char *wrong_value(const struct tm__operator_partial_item *it, const struct tm_row *row,
                               const uint8_t *value)
{
    uint32_t field = it->item->field;
    __int128 number = is_wide(it->shape) ? get_decimal(value) : get_int(value), same;
    if (it->type.kind == TM_TYPE_BOOL && number != 0 && number != 1)
        return "a bool that is neither 0 nor 1";
    if (it->type.kind == TM_TYPE_INT && (number > TM_INT_MAX || number < -TM_INT_MAX))
        return "an int beyond 2^53";
    if (is_wide(it->shape) &&
        tm_decimal_rescale(number, it->type.scale, it->type.precision, it->type.scale, &same) != 0)
        return "a decimal with too many digits";
    if (!tm_row_is_null(row, field) &&
        is_before(it->shape, (const uint8_t *)row + it->item->field_offset, value))
        return "a least or greatest that is not that of the first row";
    return NULL;
}

static const char *wrong_item(const struct tm__operator_partial_item *it, const struct tm_row *row,
                              const uint8_t *tail, int64_t rows)
{
    const uint8_t *p = tail + it->at;
    if (it->shape == NOTHING)
        return NULL;
    bool null = tm_row_is_null(row, it->item->field); // and so one of its values at least is
    int64_t count = get_int(p);
    if (count < !null || count > rows - null)
        return "a count of values that the rows do not have";
    if (count == 0) {
        for (uint32_t i = 8; i < shape_bytes[it->shape]; i++)
            if (p[i] != 0)
                return "a result of no values";
        return NULL;
    }
    return it->shape < LEAST ? wrong_sum(it, tail, count) : wrong_value(it, row, p + 8);
}

static const char *wrong_tail(const void *arg, const struct tm_row *row, const uint8_t *tail,
                              uint32_t *at)
{
    const struct tm__operator_partial *partial = arg;
    int64_t rows = get_int(tail);
    if (rows < 2 || rows > TM_PARTIAL_ROWS)
        return "a partial row of too few or too many";
    if (!tm__operator_partial_fits(partial, row))
        return "a partial row with too large a decimal";
    for (uint32_t i = 0; i < partial->aggregates->total; i++) {
        const struct tm__operator_partial_item *it = &partial->items[i];
        const char *what = wrong_item(it, row, tail, rows);
        *at = it->at;
        if (what != NULL)
            return what;
    }
    return NULL;
}

struct tm_wire_partial tm__operator_partial_wire(const struct tm__operator_partial *partial)
{
    return (struct tm_wire_partial){partial->tail_bytes, wrong_tail, partial};
}

uint32_t tm__operator_partial_says(const struct tm__operator_partial *partial,
                                   struct tm_wire_partial *wire)
{
    uint64_t number = partial->tail_bytes;
    if (partial->aggregates == NULL)
        return 0;
    for (uint32_t i = 0; i < partial->aggregates->total; i++) {
        const struct tm__operator_partial_item *it = &partial->items[i];
        const uint64_t words[] = {number, it->item->action, it->item->field, it->shape, it->at};
        number = tm_hash_bytes(words, sizeof words);
    }
    *wire = tm__operator_partial_wire(partial);
    return (uint32_t)number | 1;
}
