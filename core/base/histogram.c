// A log-linear histogram: below 32 a bucket a value, above it 32 buckets to each power of two.
#include "core/base/histogram.h"

#include <math.h>

enum { SUB_BITS = 5, SUBS = 1 << SUB_BITS };

static unsigned bucket_of(uint64_t value)
{
    if (value < SUBS)
        return (unsigned)value;
    unsigned exponent = 63u - (unsigned)__builtin_clzll(value);
    unsigned sub = (unsigned)(value >> (exponent - SUB_BITS)) & (SUBS - 1);
    return (exponent - SUB_BITS + 1) * SUBS + sub;
}

static uint64_t upper_edge(unsigned bucket)
{
    if (bucket < SUBS)
        return bucket;
    unsigned shift = bucket / SUBS - 1;
    uint64_t next = (uint64_t)(SUBS + bucket % SUBS + 1); // of the last bucket the shift wraps to 0
    return (next << shift) - 1;
}

void tm_histogram_add(struct tm_histogram *h, uint64_t value, uint64_t times)
{
    if (times == 0)
        return;
    h->count += times;
    h->sum += (double)value * (double)times;
    if (value > h->max)
        h->max = value;
    h->buckets[bucket_of(value)] += times;
}

void tm_histogram_merge(struct tm_histogram *into, const struct tm_histogram *from)
{
    into->count += from->count;
    into->sum += from->sum;
    if (from->max > into->max)
        into->max = from->max;
    for (unsigned i = 0; i < TM_HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t tm_histogram_count_below(const struct tm_histogram *h, uint64_t bound)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < bucket_of(bound); i++)
        count += h->buckets[i];
    return count;
}

uint64_t tm_histogram_quantile(const struct tm_histogram *h, double q)
{
    if (h->count == 0)
        return 0;
    if (!(q > 0))
        q = 0;
    else if (q > 1)
        q = 1;
    double exact = ceil(q * (double)h->count);
    uint64_t rank = exact >= (double)h->count ? h->count : exact < 1 ? 1 : (uint64_t)exact;
    uint64_t seen = 0;
    for (unsigned i = 0; i < TM_HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= rank) {
            uint64_t edge = upper_edge(i);
            return edge < h->max ? edge : h->max;
        }
    }
    return h->max;
}
