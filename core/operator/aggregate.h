// Typed accumulators of the built-in aggregates: count, sum, min, max, avg, first, last, min_by,
// max_by, variance, stddev, count_distinct, quantile, list, rows.
//
// A key's value in state is one accumulator after the other; all-zero is the state before the first
// row. Nulls are skipped, as in SQL; a result over no values is null, a count is not. Strings, sets
// and sketches live in blobs of the state (slots.h).
#pragma once

#include "core/operator/block.h"

// What an accumulator does with a value; one per kind and type, so that no type is tested per row.
enum tm__operator_action {
    TM__COUNT,
    TM__SUM_INT,   // error past 2^53
    TM__SUM_INT64, // error past 2^63
    TM__SUM_DOUBLE,
    TM__SUM_DECIMAL, // error past 38 digits
    TM__AVG_INT,     // int and int64: exact sum, quotient as double
    TM__AVG_DOUBLE,
    TM__AVG_DECIMAL,
    TM__MOMENTS_INT, // see moments.h
    TM__MOMENTS_DOUBLE,
    TM__MOMENTS_DECIMAL,
    TM__DISTINCT_WORD, // a set; whatever has a slot of 8 bytes
    TM__DISTINCT_DOUBLE,
    TM__DISTINCT_DECIMAL,
    TM__DISTINCT_BYTES,
    TM__SKETCH_WORD, // approximate: HyperLogLog
    TM__SKETCH_DOUBLE,
    TM__SKETCH_DECIMAL,
    TM__SKETCH_BYTES,
    TM__QUANTILE_INT,
    TM__QUANTILE_DOUBLE,
    TM__QUANTILE_DECIMAL,
    TM__LIST_ROWS, // whole rows, in order of arrival
    TM__LIST_WORD, // values
    TM__LIST_DECIMAL,
    TM__LIST_BYTES,
    TM__MIN_INT, // whatever is stored as int64
    TM__MIN_DOUBLE,
    TM__MIN_DECIMAL,
    TM__MIN_BYTES,
    TM__MAX_INT,
    TM__MAX_DOUBLE,
    TM__MAX_DECIMAL,
    TM__MAX_BYTES,
    TM__FIRST_WORD, // whatever has a slot of 8 bytes
    TM__FIRST_DECIMAL,
    TM__FIRST_BYTES,
    TM__LAST_WORD,
    TM__LAST_DECIMAL,
    TM__LAST_BYTES,
};

struct tm__operator_aggregate {
    uint8_t action;
    uint8_t scale;   // decimals: of the input
    bool homed;      // what it keeps is in blobs: adding needs the key group
    bool population; // moments: the variance of these values, not of what they are drawn from
    bool root;       // moments: the standard deviation
    double q;        // quantile
    bool nested;     // what it holds as bytes is a list, map or struct
    bool ordered;    // list: every value is kept with its number, as in arrival_offset
    bool cut;        // list: of more values than `limit`, the first to arrive are the result
    uint32_t limit;  // list: values
    const struct tm_schema *rows; // LIST_ROWS: of the rows, which outlives this
    uint32_t field;               // of the input; unused by count
    uint32_t field_offset;        // of its slot
    uint32_t offset;              // of the accumulator in the value
    uint32_t present_offset;      // of the word with the bit "has a value"; see aggregate.c
    uint64_t present;             // the bit, or 0: the accumulator itself tells
    // first and last of windows that are made of slices: of the word with the number of the row
    // that the value came with, as slices are merged by their time and not by arrival. 0: none.
    uint32_t arrival_offset;
    // min_by, max_by: whose value is taken from the row that this one takes its own from.
    const struct tm__operator_aggregate *along;
    uint32_t output_field, output_offset;
    const char *name; // of the output column
};

struct tm__operator_aggregates {
    struct tm_mem *mem;
    // items[0 .. count) have an output column; items[first .. total) take rows, and of these the
    // first `failing` can fail on a row. Before `first`: results of accumulators of others (several
    // quantiles of one field), and values that are taken along.
    struct tm__operator_aggregate *items;
    uint32_t count, first, failing, total, capacity;
    bool weighty;         // some vary in size: see tm__operator_aggregates_weight
    uint64_t *scratch;    // TM__QUANTILE_BUCKETS_MAX, where there is a quantile
    struct tm_nest *nest; // where there is a list
    const struct tm__operator_custom *custom; // made by tm.aggregate: then there are no items
    uint32_t value_bytes;
    uint64_t arrivals; // rows added by blocks
};

// Where a value lives; blobs need it.
struct tm__operator_home {
    struct tm_state *state;
    struct tm_namespace *ns;
    uint32_t key_group;
};

// Bind a node's aggregates to its schemas. TM_E_TYPE where an aggregate does not take the type,
// TM_E_SCHEMA where the output column has another type than the result.
int tm__operator_aggregates_init(struct tm__operator_aggregates *aggregates, struct tm_mem *mem,
                                 const struct tm_node *node, const struct tm_schema *input,
                                 const struct tm_schema *output,
                                 struct tm_error *err) TM_WARN_UNUSED;
void tm__operator_aggregates_fini(struct tm__operator_aggregates *aggregates);
// For the message about one that went out of range: what holds more.
const char *tm__operator_aggregate_range_hint(const struct tm__operator_aggregate *aggregate);

// Add one row, the arrival-th. TM_E_OVERFLOW: *culprit says which; the value is as before.
// TM_E_MEMORY.
int tm__operator_aggregates_add(const struct tm__operator_aggregates *aggregates,
                                const struct tm__operator_home *home, void *value,
                                const struct tm_row *row, uint64_t arrival,
                                const struct tm__operator_aggregate **culprit) TM_WARN_UNUSED;

// Would it be TM_E_OVERFLOW?
bool tm__operator_aggregates_refuse(const struct tm__operator_aggregates *aggregates,
                                    const void *value, const struct tm_row *row,
                                    const struct tm__operator_aggregate **culprit);
// Gives back the blobs of a value that is to be thrown away. TM_E_MEMORY.
int tm__operator_aggregates_release(const struct tm__operator_aggregates *aggregates,
                                    const struct tm__operator_home *home,
                                    void *value) TM_WARN_UNUSED;

// Add the rows of a block, row i to values[i] in namespaces[i]. A row that fails is given to `fail`
// (0: go on; negative: stop) and taken out of the block.
typedef int tm__operator_fail(void *arg, const struct tm_row *row,
                              const struct tm__operator_aggregate *culprit, struct tm_error *err);
int tm__operator_aggregates_add_block(struct tm__operator_aggregates *aggregates,
                                      struct tm_state *state, struct tm__operator_block *block,
                                      tm__operator_fail *fail, void *arg,
                                      struct tm_error *err) TM_WARN_UNUSED;

// Add the value `from` (later rows) to `to` (earlier rows). TM_E_OVERFLOW (`to` is then spoilt),
// TM_E_MEMORY.
int tm__operator_aggregates_merge(const struct tm__operator_aggregates *aggregates,
                                  const struct tm__operator_home *to_home, void *to,
                                  const struct tm__operator_home *from_home, const void *from,
                                  const struct tm__operator_aggregate **culprit) TM_WARN_UNUSED;

// The two halves of that, for who merges several values: what is not checked, in their order; and
// the checked ones (sums of int, int64 and decimal, averages of decimal), each by itself in any
// order: `number` is below aggregates->failing.
int tm__operator_aggregates_merge_unchecked(
    const struct tm__operator_aggregates *aggregates, const struct tm__operator_home *to_home,
    void *to, const struct tm__operator_home *from_home, const void *from,
    const struct tm__operator_aggregate **culprit) TM_WARN_UNUSED;
int tm__operator_aggregates_merge_checked(
    const struct tm__operator_aggregates *aggregates, uint32_t number, void *to, const void *from,
    const struct tm__operator_aggregate **culprit) TM_WARN_UNUSED;
// Is such a sum below zero? One of no values is not.
bool tm__operator_aggregates_is_negative(const struct tm__operator_aggregates *aggregates,
                                         uint32_t number, const void *value);

// How much work merging a value is: 0 where all are of fixed size.
uint32_t tm__operator_aggregates_weight(const struct tm__operator_aggregates *aggregates,
                                        const void *value);

// Put the results into the row being built. TM_E_OVERFLOW (an average, a set that is full),
// TM_E_MEMORY, TM_E_LIMIT.
int tm__operator_aggregates_put(const struct tm__operator_aggregates *aggregates,
                                const struct tm__operator_home *home, const void *value,
                                struct tm_builder *builder,
                                const struct tm__operator_aggregate **culprit) TM_WARN_UNUSED;
