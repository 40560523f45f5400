// What the samples of a job are made of: sample.c takes them, sample_kept.c brings back those of a
// checkpoint.
#pragma once

#include "core/base/arena.h"
#include "core/task/sample.h"

struct tm__sample {
    struct tm_infer *infer;
    const struct tm_infer_column *columns; // of `infer`, or of `kept`
    uint32_t count;
    const char *connector; // of an input that is read only once, whose `head` was read
    struct tm_buf head;
};

enum { TM__SAMPLES_MAX = 256 }; // sources of a job without a schema

struct tm_samples {
    struct tm_samples_args args;
    struct tm__sample samples[TM__SAMPLES_MAX];
    uint32_t count;
    struct tm_arena kept; // columns that were brought back
};
