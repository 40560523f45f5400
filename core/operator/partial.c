// The tails of partial rows: adding rows, merging into a key's value. One item after the other,
// each over a whole block, as in aggregate.c; what an item keeps is small and of its own, as no
// accumulator has to be all that it becomes in the state.
#include "core/operator/partial.h"

#include "core/base/limits.h"
#include "core/operator/accumulator.h"

// What is kept of the values of a column that are not null, behind how many they are.
enum {
    AT_COUNT = 0,  // int64
    AT_VALUE = 8,  // least or greatest: as its slot; sums: 128 bits
    AT_LOW = 24,   // checked sums: the least sum of the first values, and of none
    AT_HIGH = 40,  // the greatest
    TAIL_ROWS = 8, // bytes of the number of rows, in front of all items
};
// 10^32 * TM_PARTIAL_ROWS is below 2^127.
static const __int128 WIDE = (__int128)10000000000000000u * 10000000000000000u;
enum { WIDE_DIGITS = 32 };
_Static_assert(TM_PARTIAL_ROWS <= 1 << 20, "sums of decimals of 32 digits fit 128 bits");

struct tm__operator_partial_item {
    item_t *item;
    uint32_t at; // in the tail
};

// 0: counted by the rows alone; negative: it has no partial result.
static int32_t item_bytes(item_t *item)
{
    if (item->arrival_offset != 0 || item->along != NULL)
        return -1;
    switch (item->action) {
    case TM__COUNT:
        return 0;
    case TM__SUM_INT:
    case TM__SUM_INT64:
    case TM__SUM_DECIMAL:
        return AT_HIGH + 16;
    case TM__AVG_INT:
    case TM__MIN_DECIMAL:
    case TM__MAX_DECIMAL:
        return AT_VALUE + 16;
    case TM__MIN_INT:
    case TM__MAX_INT:
    case TM__MIN_DOUBLE:
    case TM__MAX_DOUBLE:
        return AT_VALUE + 8;
    default:
        return -1;
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
    for (uint32_t i = 0; i < count; i++)
        if (item_bytes(&aggregates->items[i]) < 0)
            return 0;
    partial->items = tm_mem_alloc(aggregates->mem, (count + 1) * sizeof *partial->items);
    if (partial->items == NULL)
        return TM_E_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        item_t *item = &aggregates->items[i];
        partial->items[i] = (struct tm__operator_partial_item){item, tail_bytes};
        tail_bytes += (uint32_t)item_bytes(item);
        partial->wide |= item->action == TM__SUM_DECIMAL &&
                         input->fields[item->field].type.precision > WIDE_DIGITS;
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

struct block {
    uint8_t *const *tails;
    const struct tm_row *const *rows;
    uint32_t count;
};

// For each row with a value in the item's column: `slot` of the row, `p` of the item in its tail.
#define EACH_VALUE(block, it, slot, p)                                              \
    for (uint32_t i_ = 0; i_ < (block)->count; i_++)                                \
        for (uint8_t *p = tm_row_is_null((block)->rows[i_], (it)->item->field)      \
                              ? NULL                                                \
                              : (block)->tails[i_] + (it)->at;                      \
             p != NULL; p = NULL)                                                   \
            for (const uint8_t *slot =                                              \
                     (const uint8_t *)(block)->rows[i_] + (it)->item->field_offset; \
                 slot != NULL; slot = NULL)

static inline void count_value(uint8_t *p)
{
    set_int(p + AT_COUNT, get_int(p + AT_COUNT) + 1);
}

static inline void add_checked(uint8_t *p, __int128 x)
{
    __int128 sum = get_decimal(p + AT_VALUE) + x;
    count_value(p);
    set_decimal(p + AT_VALUE, sum);
    if (sum < get_decimal(p + AT_LOW))
        set_decimal(p + AT_LOW, sum);
    if (sum > get_decimal(p + AT_HIGH))
        set_decimal(p + AT_HIGH, sum);
}

// The order of doubles: see tm__operator_aggregates' own, which merging goes by.
static inline bool is_before(item_t *item, const uint8_t *a, const uint8_t *b)
{
    switch (item->action) {
    case TM__MIN_INT:
        return get_int(a) < get_int(b);
    case TM__MAX_INT:
        return get_int(a) > get_int(b);
    case TM__MIN_DOUBLE:
        return tm__operator_double_less(get_double(a), get_double(b));
    case TM__MAX_DOUBLE:
        return tm__operator_double_less(get_double(b), get_double(a));
    case TM__MIN_DECIMAL:
        return get_decimal(a) < get_decimal(b);
    default:
        return get_decimal(a) > get_decimal(b);
    }
}

static inline void add_extreme(item_t *item, uint8_t *p, const uint8_t *slot, size_t size)
{
    if (get_int(p + AT_COUNT) == 0 || is_before(item, slot, p + AT_VALUE))
        memcpy(p + AT_VALUE, slot, size);
    count_value(p);
}

static void add_item(const struct tm__operator_partial_item *it, const struct block *block)
{
    switch (it->item->action) {
    case TM__COUNT:
        return;
    case TM__SUM_INT:
    case TM__SUM_INT64:
        EACH_VALUE(block, it, slot, p)
        add_checked(p, get_int(slot));
        return;
    case TM__SUM_DECIMAL:
        EACH_VALUE(block, it, slot, p)
        add_checked(p, get_decimal(slot));
        return;
    case TM__AVG_INT:
        EACH_VALUE(block, it, slot, p)
        {
            set_decimal(p + AT_VALUE, get_decimal(p + AT_VALUE) + get_int(slot));
            count_value(p);
        }
        return;
    case TM__MIN_DECIMAL:
    case TM__MAX_DECIMAL:
        EACH_VALUE(block, it, slot, p)
        add_extreme(it->item, p, slot, 16);
        return;
    default:
        EACH_VALUE(block, it, slot, p)
        add_extreme(it->item, p, slot, 8);
    }
}

void tm__operator_partial_add(const struct tm__operator_partial *partial, uint8_t *const *tails,
                              const struct tm_row *const *rows, uint32_t count)
{
    const struct block block = {tails, rows, count};
    for (uint32_t i = 0; i < count; i++)
        set_int(tails[i], get_int(tails[i]) + 1);
    for (uint32_t i = 0; i < partial->aggregates->total; i++)
        add_item(&partial->items[i], &block);
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

// Would one of the rows have been refused?
static bool goes_out(item_t *item, const uint8_t *value, const uint8_t *p)
{
    const uint8_t *acc = value + item->offset;
    __int128 limit = limit_of(item), least = item->action == TM__SUM_INT64 ? -limit - 1 : -limit;
    __int128 sum = item->action == TM__SUM_DECIMAL ? get_decimal(acc) : get_int(acc), low, high;
    return __builtin_add_overflow(sum, get_decimal(p + AT_LOW), &low) ||
           __builtin_add_overflow(sum, get_decimal(p + AT_HIGH), &high) || low < least ||
           high > limit;
}

static bool is_checked(item_t *item)
{
    return item->action >= TM__SUM_INT && item->action <= TM__SUM_DECIMAL &&
           item->action != TM__SUM_DOUBLE;
}

static void merge_item(item_t *item, uint8_t *value, const uint8_t *p)
{
    uint8_t *acc = value + item->offset;
    int64_t count = get_int(p + AT_COUNT);
    if (count == 0)
        return;
    switch (item->action) {
    case TM__SUM_INT:
    case TM__SUM_INT64:
        set_int(acc, (int64_t)(get_int(acc) + get_decimal(p + AT_VALUE)));
        break;
    case TM__SUM_DECIMAL:
        set_decimal(acc, get_decimal(acc) + get_decimal(p + AT_VALUE));
        break;
    case TM__AVG_INT:
        set_decimal(acc, get_decimal(acc) + get_decimal(p + AT_VALUE));
        set_int(acc + 16, get_int(acc + 16) + count);
        return; // its count tells that there is a value
    case TM__MIN_DECIMAL:
    case TM__MAX_DECIMAL:
        if (!is_present(item, value) || is_before(item, p + AT_VALUE, acc))
            memcpy(acc, p + AT_VALUE, 16);
        break;
    default:
        if (!is_present(item, value) || is_before(item, p + AT_VALUE, acc))
            memcpy(acc, p + AT_VALUE, 8);
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
        if (is_checked(it->item) && goes_out(it->item, value, tail + it->at)) {
            *culprit = it->item;
            return TM_E_OVERFLOW;
        }
    for (it = partial->items; it != end; it++) {
        uint8_t *acc = (uint8_t *)value + it->item->offset;
        if (it->item->action == TM__COUNT)
            set_int(acc, get_int(acc) + get_int(tail));
        else
            merge_item(it->item, value, tail + it->at);
    }
    return 0;
}
