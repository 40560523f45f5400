// Accumulators at work: adding a row, merging two, the result.
//
// "Has a value yet" takes a bit in the value's first words, except where the accumulator can tell:
// an average has its count, and a sum of doubles is stored negated. Its start, all-zero, is +0.0
// and stands for the sum -0.0, the neutral element of addition; a sum of values is never -0.0,
// since each is added as x + 0.0. The common pair of count and sum is so 16 bytes.
#include "core/operator/accumulator.h"

#include "core/batch/decimal.h"

// --- accumulators --------------------------------------------------------------------------------

// A value to take in: from a row's slot, or from another accumulator. `bytes` are a string's.
struct operand {
    const uint8_t *slot;
    const void *bytes;
    uint32_t length;
    uint64_t arrival; // number of its row, where the item keeps it
};

// The order of doubles that has a place for each: -0.0 below 0.0, NaN above all.
static bool double_less(double a, double b)
{
    if (a != a || b != b)
        return a == a;
    if (a == b)
        return __builtin_signbit(a) && !__builtin_signbit(b);
    return a < b;
}

static bool operand_less(item_t *item, const struct tm__operator_home *home,
                         const struct operand *x, const uint8_t *acc, bool greater)
{
    switch (item->action) {
    case TM__MIN_INT:
    case TM__MAX_INT:
        return greater ? get_int(x->slot) > get_int(acc) : get_int(x->slot) < get_int(acc);
    case TM__MIN_DOUBLE:
    case TM__MAX_DOUBLE:
        return greater ? double_less(get_double(acc), get_double(x->slot))
                       : double_less(get_double(x->slot), get_double(acc));
    case TM__MIN_DECIMAL:
    case TM__MAX_DECIMAL:
        return greater ? get_decimal(x->slot) > get_decimal(acc)
                       : get_decimal(x->slot) < get_decimal(acc);
    default: { // bytes
        const struct tm_blob *blob = (const struct tm_blob *)(const void *)acc;
        uint32_t common = x->length < blob->length ? x->length : blob->length;
        int order =
            common == 0
                ? 0
                : memcmp(x->bytes, tm_state_blob_get(home->state, home->key_group, blob), common);
        if (order == 0)
            order = x->length < blob->length ? -1 : x->length > blob->length;
        return greater ? order > 0 : order < 0;
    }
    }
}

static int take(item_t *item, const struct tm__operator_home *home, uint8_t *value,
                const struct operand *x)
{
    uint8_t *acc = value + item->offset;
    switch (item->action) {
    case TM__MIN_BYTES:
    case TM__MAX_BYTES:
    case TM__FIRST_BYTES:
    case TM__LAST_BYTES: {
        int rc = tm_state_blob_set(home->state, home->ns, home->key_group,
                                   (struct tm_blob *)(void *)acc, x->bytes, x->length);
        if (rc != 0)
            return rc;
        break;
    }
    case TM__MIN_DECIMAL:
    case TM__MAX_DECIMAL:
    case TM__FIRST_DECIMAL:
    case TM__LAST_DECIMAL:
        memcpy(acc, x->slot, 16);
        break;
    default:
        memcpy(acc, x->slot, 8);
    }
    set_present(item, value);
    if (item->arrival_offset != 0)
        set_int(value + item->arrival_offset, (int64_t)x->arrival);
    return 0;
}

// min, max, first, last: keep the accumulator's value or take the operand.
static int keep_or_take(item_t *item, const struct tm__operator_home *home, uint8_t *value,
                        const struct operand *x)
{
    bool better = true;
    if (is_present(item, value)) {
        bool last = item->action >= TM__LAST_WORD;
        if (item->arrival_offset != 0)
            better = (x->arrival > (uint64_t)get_int(value + item->arrival_offset)) == last;
        else if (item->action >= TM__FIRST_WORD)
            better = last;
        else
            better = operand_less(item, home, x, value + item->offset, item->action >= TM__MAX_INT);
    }
    return better ? take(item, home, value, x) : 0;
}

static inline int add_int(item_t *item, uint8_t *value, int64_t x)
{
    int64_t sum;
    if (__builtin_add_overflow(get_int(value + item->offset), x, &sum))
        return TM_E_OVERFLOW;
    if (item->action == TM__SUM_INT && (sum > TM_INT_MAX || sum < -TM_INT_MAX))
        return TM_E_OVERFLOW;
    set_int(value + item->offset, sum);
    set_present(item, value);
    return 0;
}

static inline int add_decimal(uint8_t *acc, __int128 x)
{
    // 38 digits: 10^38 - 1
    const __int128 max = (__int128)10000000000000000000u * 10000000000000000000u - 1;
    __int128 sum;
    if (__builtin_add_overflow(get_decimal(acc), x, &sum) || sum > max || sum < -max)
        return TM_E_OVERFLOW;
    set_decimal(acc, sum);
    return 0;
}

const char *tm__operator_aggregate_range_hint(item_t *item)
{
    switch (item->action) {
    case TM__SUM_INT:
        return "a sum of int holds up to 2^53; of a field declared as int64 it holds 64 bits";
    case TM__SUM_INT64:
        return "a sum of int64 holds 64 bits; of a field declared as decimal(38,0) it holds 38 "
               "digits";
    case TM__SUM_DECIMAL:
    case TM__AVG_DECIMAL:
        return "decimals hold 38 digits; a double holds more, not exactly";
    default:
        return "a field declared as decimal(38,0) holds 38 digits";
    }
}

// --- adding a row --------------------------------------------------------------------------------

static inline int add_row(item_t *item, const struct tm__operator_home *home, uint8_t *value,
                          const struct tm_row *row, uint64_t arrival)
{
    uint8_t *acc = value + item->offset;
    if (item->action == TM__COUNT) {
        set_int(acc, get_int(acc) + 1);
        return 0;
    }
    if (tm_row_is_null(row, item->field))
        return 0;
    const uint8_t *slot = (const uint8_t *)row + item->field_offset;
    int rc;
    switch (item->action) {
    case TM__SUM_INT:
    case TM__SUM_INT64:
        return add_int(item, value, get_int(slot));
    case TM__SUM_DOUBLE:
        add_double(item, value, get_double(slot) + 0.0);
        return 0;
    case TM__SUM_DECIMAL:
        rc = add_decimal(acc, get_decimal(slot));
        if (rc == 0)
            set_present(item, value);
        return rc;
    case TM__AVG_INT:
        set_decimal(acc, get_decimal(acc) + get_int(slot));
        set_int(acc + 16, get_int(acc + 16) + 1);
        return 0;
    case TM__AVG_DOUBLE:
        set_double(acc, get_double(acc) + get_double(slot));
        set_int(acc + 8, get_int(acc + 8) + 1);
        return 0;
    case TM__AVG_DECIMAL:
        rc = add_decimal(acc, get_decimal(slot));
        if (rc == 0)
            set_int(acc + 16, get_int(acc + 16) + 1);
        return rc;
    default: {
        struct operand x = {.slot = slot, .arrival = arrival};
        if (holds_bytes(item))
            x.bytes = tm_row_string(row, item->field_offset, &x.length);
        return keep_or_take(item, home, value, &x);
    }
    }
}

// Would the row be an error of this aggregate? Asked before anything is changed.
static bool would_fail(item_t *item, const uint8_t *value, const struct tm_row *row)
{
    uint8_t copy[32] = {0};
    struct tm__operator_aggregate probe = *item;
    uint32_t bytes = item->action == TM__AVG_DECIMAL   ? 24
                     : item->action == TM__SUM_DECIMAL ? 16
                                                       : 8;
    memcpy(copy, value + item->offset, bytes);
    probe.offset = 0;
    probe.present_offset = 24;
    return add_row(&probe, NULL, copy, row, 0) != 0;
}

// All that can fail, or none. With one such aggregate its own check is enough.
static int add_failing(const struct tm__operator_aggregates *aggregates, uint8_t *value,
                       const struct tm_row *row, item_t **culprit)
{
    for (uint32_t i = 0; aggregates->failing > 1 && i < aggregates->failing; i++) {
        *culprit = &aggregates->items[i];
        if (would_fail(*culprit, value, row))
            return TM_E_OVERFLOW;
    }
    for (uint32_t i = 0; i < aggregates->failing; i++) {
        *culprit = &aggregates->items[i];
        int rc = add_row(*culprit, NULL, value, row, 0);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int tm__operator_aggregates_add(const struct tm__operator_aggregates *aggregates,
                                const struct tm__operator_home *home, void *value,
                                const struct tm_row *row, item_t **culprit)
{
    int rc = add_failing(aggregates, value, row, culprit);
    for (uint32_t i = aggregates->failing; i < aggregates->count && rc == 0; i++) {
        *culprit = &aggregates->items[i];
        rc = add_row(*culprit, home, value, row, 0);
    }
    return rc;
}

// Those that can fail, row by row; what is left of the block has not failed.
static int add_block_failing(const struct tm__operator_aggregates *aggregates,
                             struct tm__operator_block *block, tm__operator_fail *fail, void *arg,
                             struct tm_error *err)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        item_t *culprit;
        if (TM_LIKELY(add_failing(aggregates, block->values[i], block->rows[i], &culprit) == 0)) {
            block->rows[kept] = block->rows[i];
            block->namespaces[kept] = block->namespaces[i];
            block->keys[kept] = block->keys[i];
            block->values[kept] = block->values[i];
            kept++;
            continue;
        }
        int rc = fail(arg, block->rows[i], culprit, err);
        if (rc != 0)
            return rc;
    }
    block->count = kept;
    return 0;
}

// One aggregate over the block: the two most common without a test of the action per row.
static int add_block_item(item_t *item, struct tm_state *state,
                          const struct tm__operator_block *block, uint64_t arrived)
{
    uint32_t offset = item->offset;
    switch (item->action) {
    case TM__COUNT:
        for (uint32_t i = 0; i < block->count; i++) {
            uint8_t *acc = (uint8_t *)block->values[i] + offset;
            set_int(acc, get_int(acc) + 1);
        }
        return 0;
    case TM__SUM_DOUBLE:
        for (uint32_t i = 0; i < block->count; i++)
            if (TM_LIKELY(!tm_row_is_null(block->rows[i], item->field)))
                add_double(item, block->values[i],
                           tm_row_double(block->rows[i], item->field_offset) + 0.0);
        return 0;
    default:
        break;
    }
    struct tm__operator_home home = {.state = state};
    for (uint32_t i = 0; i < block->count; i++) {
        home.ns = block->namespaces[i];
        if (holds_bytes(item))
            home.key_group = tm_state_key_group(state, block->keys[i].hash);
        int rc = add_row(item, &home, block->values[i], block->rows[i], arrived + i);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int tm__operator_aggregates_add_block(struct tm__operator_aggregates *aggregates,
                                      struct tm_state *state, struct tm__operator_block *block,
                                      tm__operator_fail *fail, void *arg, struct tm_error *err)
{
    if (aggregates->failing != 0) {
        int rc = add_block_failing(aggregates, block, fail, arg, err);
        if (rc != 0)
            return rc;
    }
    uint64_t arrived = aggregates->arrivals;
    aggregates->arrivals += block->count;
    for (uint32_t i = aggregates->failing; i < aggregates->count; i++) {
        int rc = add_block_item(&aggregates->items[i], state, block, arrived);
        if (rc != 0)
            return tm_error_set(err, rc, "out of memory for an aggregate");
    }
    return 0;
}

// --- merging -------------------------------------------------------------------------------------

static int merge_item(item_t *item, const struct tm__operator_home *to_home, uint8_t *to,
                      const struct tm__operator_home *from_home, const uint8_t *from)
{
    uint8_t *acc = to + item->offset;
    const uint8_t *other = from + item->offset;
    int rc;
    switch (item->action) {
    case TM__COUNT:
        set_int(acc, get_int(acc) + get_int(other));
        return 0;
    case TM__SUM_INT:
    case TM__SUM_INT64:
        return is_present(item, from) ? add_int(item, to, get_int(other)) : 0;
    case TM__SUM_DOUBLE:
        add_double(item, to, -get_double(other)); // nothing yet is -0.0 there too
        return 0;
    case TM__SUM_DECIMAL:
        if (!is_present(item, from))
            return 0;
        rc = add_decimal(acc, get_decimal(other));
        if (rc == 0)
            set_present(item, to);
        return rc;
    case TM__AVG_INT:
        set_decimal(acc, get_decimal(acc) + get_decimal(other));
        set_int(acc + 16, get_int(acc + 16) + get_int(other + 16));
        return 0;
    case TM__AVG_DOUBLE:
        set_double(acc, get_double(acc) + get_double(other));
        set_int(acc + 8, get_int(acc + 8) + get_int(other + 8));
        return 0;
    case TM__AVG_DECIMAL:
        rc = add_decimal(acc, get_decimal(other));
        set_int(acc + 16, get_int(acc + 16) + get_int(other + 16));
        return rc;
    default: {
        if (!is_present(item, from))
            return 0;
        struct operand x = {.slot = other};
        if (item->arrival_offset != 0)
            x.arrival = (uint64_t)get_int(from + item->arrival_offset);
        if (holds_bytes(item)) {
            const struct tm_blob *blob = (const struct tm_blob *)(const void *)other;
            x.bytes = tm_state_blob_get(from_home->state, from_home->key_group, blob);
            x.length = blob->length;
        }
        return keep_or_take(item, to_home, to, &x);
    }
    }
}

int tm__operator_aggregates_merge(const struct tm__operator_aggregates *aggregates,
                                  const struct tm__operator_home *to_home, void *to,
                                  const struct tm__operator_home *from_home, const void *from,
                                  item_t **culprit)
{
    for (uint32_t i = 0; i < aggregates->count; i++) {
        *culprit = &aggregates->items[i];
        int rc = merge_item(*culprit, to_home, to, from_home, from);
        if (rc != 0)
            return rc;
    }
    return 0;
}

// --- results -------------------------------------------------------------------------------------

int tm__operator_average_decimal(item_t *item, const uint8_t *acc, __int128 *average)
{
    struct tm_decimal quotient;
    int rc = tm_decimal_div((struct tm_decimal){get_decimal(acc), item->scale},
                            (struct tm_decimal){get_int(acc + 16), 0}, &quotient);
    if (rc == 0) // of scale max(6, scale), as the column
        *average = quotient.unscaled;
    return rc;
}

int tm__operator_aggregates_put(const struct tm__operator_aggregates *aggregates,
                                const struct tm__operator_home *home, const void *value,
                                struct tm_builder *builder, item_t **culprit)
{
    for (uint32_t i = 0; i < aggregates->count; i++) {
        item_t *item = *culprit = &aggregates->items[i];
        int rc = 0;
        if (!holds_bytes(item)) {
            rc = put_slot(item, value, builder->batch->data + builder->row_start);
        } else if (is_present(item, value)) {
            const void *acc = (const uint8_t *)value + item->offset;
            const struct tm_blob *blob = acc;
            rc = tm_builder_put_bytes(builder, item->output_field,
                                      tm_state_blob_get(home->state, home->key_group, blob),
                                      blob->length);
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}
