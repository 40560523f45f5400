// Pre-aggregation: rows of one key and slice of time are added up before the exchange, where no
// result, no account and no error of the job can tell. What follows is why each rule is there;
// core/operator/preaggregate.c does it.
//
// - Windows made of slices of event time that fire once: whatever the trigger, an evictor, lateness
//   or a side output would do with each row is done with nothing but the slice's sum of them.
// - Aggregates that give the same result in whatever order values come, and from partial results:
//   no sums of doubles, no first and last, nothing that keeps what varies in size.
// - A sum that goes out of range is an error of one row. Where such rows are skipped or go to dead
//   letters it has to be that row; where the job fails, that it does is all that counts.
#include "core/graph/graph_private.h"

static bool is_integer(uint8_t kind)
{
    return kind == TM_TYPE_INT || kind == TM_TYPE_INT64;
}

// A type that only rows will tell may suit: the operator looks again.
static bool suits(const struct tm_node *node, const struct tm_aggregate *aggregate,
                  struct tm_type type)
{
    bool unknown = type.kind == TM_TYPE_UNKNOWN;
    switch (aggregate->kind) {
    case TM_AGGREGATE_COUNT:
        return true;
    case TM_AGGREGATE_SUM:
        return node->on_error == TM_ON_ERROR_FAIL &&
               (unknown || is_integer(type.kind) || type.kind == TM_TYPE_DECIMAL);
    case TM_AGGREGATE_AVG: // of decimals it goes out of range as a sum does, and is rare
        return unknown || is_integer(type.kind);
    case TM_AGGREGATE_MIN:
    case TM_AGGREGATE_MAX:
        return unknown || !tm_type_is_reference(type);
    default:
        return false;
    }
}

bool tm__graph_preaggregates(const struct tm_graph *graph, const struct tm_node *node)
{
    if (!tm_node_is_sliced(node) || node->aggregate_count == 0)
        return false;
    const struct tm_declared *input = tm__graph_declared_input(graph, node);
    for (uint32_t i = 0; i < node->aggregate_count; i++) {
        const struct tm_aggregate *aggregate = &node->aggregates[i];
        struct tm_type type = {.kind = TM_TYPE_UNKNOWN};
        if (input != NULL && aggregate->input_field >= 0 &&
            (uint32_t)aggregate->input_field < input->count)
            type = input->fields[aggregate->input_field].type;
        if (!suits(node, aggregate, type))
            return false;
    }
    return true;
}
