// Accumulators at work: adding a row, merging two, the result.
//
// "Has a value yet" takes a bit in the value's first words, except where the accumulator can tell:
// an average has its count, and a sum of doubles is stored negated. Its start, all-zero, is +0.0
// and stands for the sum -0.0, the neutral element of addition; a sum of values is never -0.0,
// since each is added as x + 0.0. The common pair of count and sum is so 16 bytes.
#include "core/operator/accumulator.h"

#include <math.h>

#include "core/batch/decimal.h"
#include "core/operator/custom.h"

// --- accumulators --------------------------------------------------------------------------------

// A value to take in: from a row's slot, or from another accumulator. `bytes` are a string's.
struct operand {
    const uint8_t *slot;
    const void *bytes;
    uint32_t length;
    uint64_t arrival; // number of its row, where the item keeps it
};

static bool operand_less(item_t *item, const struct tm__operator_home *home,
                         const struct operand *x, const uint8_t *acc, bool greater)
{
    switch (item->action) {
    case TM__MIN_INT:
    case TM__MAX_INT:
        return greater ? get_int(x->slot) > get_int(acc) : get_int(x->slot) < get_int(acc);
    case TM__MIN_DOUBLE:
    case TM__MAX_DOUBLE:
        // Of min_by and max_by what counts is the row: 0 and -0 are equal, and the first one stays.
        if (item->along != NULL && get_double(acc) == get_double(x->slot))
            return false;
        return greater ? tm__operator_double_less(get_double(acc), get_double(x->slot))
                       : tm__operator_double_less(get_double(x->slot), get_double(acc));
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

static bool is_better(item_t *item, const struct tm__operator_home *home, const uint8_t *value,
                      const struct operand *x)
{
    bool last = item->action >= TM__LAST_WORD, greatest = item->action >= TM__MAX_INT;
    uint64_t arrival =
        item->arrival_offset == 0 ? 0 : (uint64_t)get_int(value + item->arrival_offset);
    if (item->action >= TM__FIRST_WORD)
        return item->arrival_offset != 0 ? (x->arrival > arrival) == last : last;
    const uint8_t *acc = value + item->offset;
    if (operand_less(item, home, x, acc, greatest))
        return true;
    // Of equal ones the first to arrive, where that is kept.
    return x->arrival < arrival && !operand_less(item, home, x, acc, !greatest);
}

// min, max, first, last: keep the accumulator's value or take the operand.
static int keep_or_take(item_t *item, const struct tm__operator_home *home, uint8_t *value,
                        const struct operand *x, bool *taken)
{
    *taken = !is_present(item, value) || is_better(item, home, value, x);
    return *taken ? take(item, home, value, x) : 0;
}

static void clear_present(item_t *item, uint8_t *value)
{
    uint64_t word = (uint64_t)get_int(value + item->present_offset) & ~item->present;
    set_int(value + item->present_offset, (int64_t)word);
}

static int add_along(item_t *item, const struct tm__operator_home *home, uint8_t *value,
                     const struct tm_row *row)
{
    struct operand x = {.slot = (const uint8_t *)row + item->field_offset};
    if (tm_row_is_null(row, item->field)) {
        clear_present(item, value);
        return 0;
    }
    if (holds_bytes(item))
        x.bytes = tm_row_string(row, item->field_offset, &x.length);
    return take(item, home, value, &x);
}

// What another accumulator of the same item holds.
static struct operand operand_of(item_t *item, const struct tm__operator_home *home,
                                 const uint8_t *value)
{
    struct operand x = {.slot = value + item->offset};
    if (item->arrival_offset != 0)
        x.arrival = (uint64_t)get_int(value + item->arrival_offset);
    if (holds_bytes(item)) {
        const struct tm_blob *blob = (const struct tm_blob *)(const void *)x.slot;
        x.bytes = tm_state_blob_get(home->state, home->key_group, blob);
        x.length = blob->length;
    }
    return x;
}

// --- sums ----------------------------------------------------------------------------------------

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
    case TM__DISTINCT_WORD:
    case TM__DISTINCT_DOUBLE:
    case TM__DISTINCT_DECIMAL:
    case TM__DISTINCT_BYTES:
        return "an exact count keeps up to 25 million values of a key, 256 MB of texts; "
               "{ approximate = true } needs 8 KB for any number";
    case TM__LIST_ROWS:
        return "the rows of a window take up to 32 MB, for :process and :evict; :reduce and "
               ":aggregate keep none";
    case TM__LIST_WORD:
    case TM__LIST_DECIMAL:
    case TM__LIST_BYTES:
        return item->cut ? "a list keeps up to 32 MB of values"
                         : "a list keeps up to 100,000 values and 32 MB; { limit = 1000 } keeps "
                           "the first 1000 to arrive";
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
    if (item->action == TM__LIST_ROWS)
        return tm__operator_list_add(item, home, acc, NULL, row, row->size_bytes, arrival);
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
    case TM__MOMENTS_INT:
        tm__operator_moments_add_int(acc, get_int(slot));
        return 0;
    case TM__MOMENTS_DOUBLE:
        tm__operator_moments_add_double(acc, get_double(slot));
        return 0;
    case TM__MOMENTS_DECIMAL:
        tm__operator_moments_add_decimal(acc, get_decimal(slot));
        return 0;
    case TM__QUANTILE_INT:
    case TM__QUANTILE_DOUBLE:
    case TM__QUANTILE_DECIMAL:
        return tm__operator_quantile_add(
            home, acc, tm__operator_number_at(item, item->action - TM__QUANTILE_INT, slot));
    case TM__LIST_WORD:
    case TM__LIST_DECIMAL:
        return tm__operator_list_add(item, home, acc, slot, NULL, 0, arrival);
    case TM__LIST_BYTES: {
        uint32_t length;
        const char *bytes = tm_row_string(row, item->field_offset, &length);
        return tm__operator_list_add(item, home, acc, slot, bytes, length, arrival);
    }
    case TM__DISTINCT_BYTES:
    case TM__SKETCH_BYTES: {
        uint32_t length;
        const char *bytes = tm_row_string(row, item->field_offset, &length);
        return tm__operator_distinct_add(item, home, acc, slot, bytes, length);
    }
    case TM__DISTINCT_WORD:
    case TM__DISTINCT_DOUBLE:
    case TM__DISTINCT_DECIMAL:
    case TM__SKETCH_WORD:
    case TM__SKETCH_DOUBLE:
    case TM__SKETCH_DECIMAL:
        return tm__operator_distinct_add(item, home, acc, slot, NULL, 0);
    default: {
        struct operand x = {.slot = slot, .arrival = arrival};
        bool taken;
        if (holds_bytes(item))
            x.bytes = tm_row_string(row, item->field_offset, &x.length);
        rc = keep_or_take(item, home, value, &x, &taken);
        return rc == 0 && taken && item->along != NULL ? add_along(item->along, home, value, row)
                                                       : rc;
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
    item_t *first = aggregates->items + aggregates->first;
    for (uint32_t i = 0; aggregates->failing > 1 && i < aggregates->failing; i++) {
        *culprit = &first[i];
        if (would_fail(*culprit, value, row))
            return TM_E_OVERFLOW;
    }
    for (uint32_t i = 0; i < aggregates->failing; i++) {
        *culprit = &first[i];
        int rc = add_row(*culprit, NULL, value, row, 0);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int tm__operator_aggregates_add(const struct tm__operator_aggregates *aggregates,
                                const struct tm__operator_home *home, void *value,
                                const struct tm_row *row, uint64_t arrival, item_t **culprit)
{
    int rc = add_failing(aggregates, value, row, culprit);
    uint32_t i = aggregates->first + aggregates->failing;
    for (; i < aggregates->total && rc == 0; i++) {
        *culprit = &aggregates->items[i];
        rc = add_row(*culprit, home, value, row, arrival);
    }
    return rc;
}

bool tm__operator_aggregates_refuse(const struct tm__operator_aggregates *aggregates,
                                    const void *value, const struct tm_row *row, item_t **culprit)
{
    item_t *first = aggregates->items + aggregates->first;
    for (uint32_t i = 0; i < aggregates->failing; i++) {
        *culprit = &first[i];
        if (would_fail(*culprit, value, row))
            return true;
    }
    return false;
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
    if (item->action >= TM__DISTINCT_WORD && item->action <= TM__QUANTILE_DECIMAL)
        return item->action < TM__QUANTILE_INT
                   ? tm__operator_distinct_add_block(item, state, block)
                   : tm__operator_quantile_add_block(item, state, block);
    struct tm__operator_home home = {.state = state};
    for (uint32_t i = 0; i < block->count; i++) {
        home.ns = block->namespaces[i];
        if (item->homed)
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
    uint32_t first = aggregates->first + aggregates->failing;
    for (uint32_t i = first; i < aggregates->total; i++) {
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
    case TM__MOMENTS_INT:
    case TM__MOMENTS_DOUBLE:
    case TM__MOMENTS_DECIMAL:
        tm__operator_moments_merge(item, acc, other);
        return 0;
    case TM__QUANTILE_INT:
    case TM__QUANTILE_DOUBLE:
    case TM__QUANTILE_DECIMAL:
        return tm__operator_quantile_merge(to_home, acc, from_home, other);
    case TM__DISTINCT_WORD:
    case TM__DISTINCT_DOUBLE:
    case TM__DISTINCT_DECIMAL:
    case TM__DISTINCT_BYTES:
    case TM__SKETCH_WORD:
    case TM__SKETCH_DOUBLE:
    case TM__SKETCH_DECIMAL:
    case TM__SKETCH_BYTES:
        return tm__operator_distinct_merge(item, to_home, acc, from_home, other);
    case TM__LIST_ROWS:
    case TM__LIST_WORD:
    case TM__LIST_DECIMAL:
    case TM__LIST_BYTES:
        return tm__operator_list_merge(item, to_home, acc, from_home, other);
    default: {
        if (!is_present(item, from))
            return 0;
        bool taken;
        struct operand x = operand_of(item, from_home, from);
        rc = keep_or_take(item, to_home, to, &x, &taken);
        if (rc != 0 || !taken || item->along == NULL)
            return rc;
        if (!is_present(item->along, from)) {
            clear_present(item->along, to);
            return 0;
        }
        x = operand_of(item->along, from_home, from);
        return take(item->along, to_home, to, &x);
    }
    }
}

static int merge_items(const struct tm__operator_aggregates *aggregates, uint32_t first,
                       const struct tm__operator_home *to_home, void *to,
                       const struct tm__operator_home *from_home, const void *from,
                       item_t **culprit)
{
    for (uint32_t i = first; i < aggregates->total; i++) {
        *culprit = &aggregates->items[i];
        int rc = merge_item(*culprit, to_home, to, from_home, from);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int tm__operator_aggregates_merge(const struct tm__operator_aggregates *aggregates,
                                  const struct tm__operator_home *to_home, void *to,
                                  const struct tm__operator_home *from_home, const void *from,
                                  item_t **culprit)
{
    return merge_items(aggregates, aggregates->first, to_home, to, from_home, from, culprit);
}

int tm__operator_aggregates_merge_unchecked(const struct tm__operator_aggregates *aggregates,
                                            const struct tm__operator_home *to_home, void *to,
                                            const struct tm__operator_home *from_home,
                                            const void *from, item_t **culprit)
{
    uint32_t first = aggregates->first + aggregates->failing;
    return merge_items(aggregates, first, to_home, to, from_home, from, culprit);
}

int tm__operator_aggregates_merge_checked(const struct tm__operator_aggregates *aggregates,
                                          uint32_t number, void *to, const void *from,
                                          item_t **culprit)
{
    *culprit = &aggregates->items[aggregates->first + number];
    return merge_item(*culprit, NULL, to, NULL, from); // fixed in size: they have no blobs
}

bool tm__operator_aggregates_is_negative(const struct tm__operator_aggregates *aggregates,
                                         uint32_t number, const void *value)
{
    item_t *item = &aggregates->items[aggregates->first + number];
    const uint8_t *acc = (const uint8_t *)value + item->offset;
    bool wide = item->action == TM__SUM_DECIMAL || item->action == TM__AVG_DECIMAL;
    return wide ? get_decimal(acc) < 0 : get_int(acc) < 0;
}

uint32_t tm__operator_aggregates_weight(const struct tm__operator_aggregates *aggregates,
                                        const void *value)
{
    enum { SLOTS_A_UNIT = 8 }; // put into a table in the time of one entry
    uint64_t weight = 0;
    if (!aggregates->weighty)
        return 0;
    for (uint32_t i = aggregates->first; i < aggregates->total; i++) {
        item_t *item = &aggregates->items[i];
        const struct tm_blob *blob = (const void *)((const uint8_t *)value + item->offset);
        if (item->action >= TM__DISTINCT_WORD && item->action <= TM__QUANTILE_DECIMAL)
            weight += blob->length / (8 * SLOTS_A_UNIT);
        else if (is_list(item))
            weight += tm__operator_list_bytes(blob) / (8 * SLOTS_A_UNIT);
    }
    return weight < UINT32_MAX ? (uint32_t)weight : UINT32_MAX;
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
    if (aggregates->custom != NULL)
        return tm__operator_custom_put(aggregates->custom, home, value, builder);
    for (uint32_t i = 0; i < aggregates->count; i++) {
        item_t *item = *culprit = &aggregates->items[i];
        int rc = 0;
        const void *acc = (const uint8_t *)value + item->offset;
        uint8_t *row = builder->batch->data + builder->row_start;
        double x;
        if (!is_made_of_blobs(item)) {
            rc = put_slot(item, value, row);
        } else if (is_list(item)) {
            tm_nest_begin(aggregates->nest, builder);
            rc = tm__operator_list_put(item, home, acc, aggregates->nest);
        } else if (!holds_bytes(item)) {
            if (item->action < TM__QUANTILE_INT)
                put_word(item, row, tm__operator_distinct_estimate(home, acc));
            else if (tm__operator_quantile_get(home, acc, item->q, aggregates->scratch, &x))
                put_double(item, row, item->action == TM__QUANTILE_INT ? rint(x) : x);
        } else if (is_present(item, value)) {
            const struct tm_blob *blob = acc;
            const void *bytes = tm_state_blob_get(home->state, home->key_group, blob);
            rc = item->nested
                     ? tm_builder_put_nested(builder, item->output_field, bytes, blob->length)
                     : tm_builder_put_bytes(builder, item->output_field, bytes, blob->length);
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}
