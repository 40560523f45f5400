// The table through which core/task makes the operators of this directory.
#include "core/task/operator.h"

const struct tm_operator_factory tm_operator_factory = {
    .chunk = tm_operator_chunk_new,
    .of_kind =
        {
            [TM_NODE_KEY_BY] = tm_operator_key_by_new,
            [TM_NODE_WATERMARK] = tm_operator_watermark_new,
            [TM_NODE_ROLLING] = tm_operator_rolling_new,
            [TM_NODE_REDUCE] = tm_operator_reduce_new,
            [TM_NODE_WINDOW] = tm_operator_window_new,
            [TM_NODE_ROUTE] = tm_operator_through_new,
            [TM_NODE_PEEK] = tm_operator_through_new,
            [TM_NODE_DISTINCT] = tm_operator_distinct_new,
            [TM_NODE_EXTREME] = tm_operator_ranked_new,
            [TM_NODE_TOP] = tm_operator_ranked_new,
            [TM_NODE_PROCESS] = tm_operator_process_new,
        },
    .preaggregate = tm_operator_preaggregate_new,
};
