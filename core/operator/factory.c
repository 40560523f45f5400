// The table through which core/task makes the operators of this directory.
#include "core/task/operator.h"

const struct tm_operator_factory tm_operator_factory = {
    .chunk = tm_operator_chunk_new,
    .key_by = tm_operator_key_by_new,
    .watermark = tm_operator_watermark_new,
    .rolling = tm_operator_rolling_new,
    .reduce = tm_operator_reduce_new,
    .window = tm_operator_window_new,
};
