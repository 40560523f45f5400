// A log-linear histogram (32 sub-buckets per power of two, relative error below 3.2 %), fixed size,
// mergeable.
#pragma once

#include <stdint.h>

enum { TM_HISTOGRAM_BUCKETS = 64 * 32 };

struct tm_histogram {
    uint64_t count;
    uint64_t max;
    double sum; // of the values
    uint64_t buckets[TM_HISTOGRAM_BUCKETS];
};

void tm_histogram_add(struct tm_histogram *h, uint64_t value, uint64_t times);
void tm_histogram_merge(struct tm_histogram *into, const struct tm_histogram *from);
// Values below `bound`, a power of two from 32 on.
uint64_t tm_histogram_count_below(const struct tm_histogram *h, uint64_t bound);
uint64_t tm_histogram_quantile(const struct tm_histogram *h,
                               double q); // upper edge of the bucket, 0 when empty
