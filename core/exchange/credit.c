// The rate estimate behind a channel's credit: bytes taken over busy time, both fading with busy
// time. As a ratio of sums it weighs every nanosecond the same, however the samples fall: it
// follows a consumer that becomes slow within about a second, and gets over a long stop within
// less.
#include "core/exchange/credit.h"

#include "core/base/limits.h"

// A sample is closed once it covers this much busy time: long enough to average the steps of a
// clock that is read once per turn, short enough to open the credit of a fast consumer at once.
static const int64_t sample_min_ns = 2000000;
// The busy time over which the past fades; and the most that one sample may weigh, so that a
// consumer that was stopped for minutes is not thought slow for minutes.
static const double fade_ns = TM_CHANNEL_TIME_MS * 1e6;
static const double sample_max_ns = TM_CHANNEL_TIME_MS * 2e6;
// The rate that earns all of TM_CHANNEL_BYTES, in bytes per ns. A sample counts as at most four
// times that: how fast a consumer was beyond need says nothing about how slow it is now.
static const double full_rate = TM_CHANNEL_BYTES / (TM_CHANNEL_TIME_MS * 1e6);

void tm__exchange_credit_init(struct tm_credit *credit)
{
    *credit = (struct tm_credit){0}; // nothing is known: two batches, until the first sample
}

static void close_sample(struct tm_credit *credit)
{
    double ns = (double)credit->sample_ns;
    double bytes = (double)credit->sample_bytes;
    double fade = fade_ns / (fade_ns + ns);

    if (bytes > 4 * full_rate * ns)
        bytes = 4 * full_rate * ns;
    if (ns > sample_max_ns)
        ns = sample_max_ns;
    credit->past_ns = credit->past_ns * fade + ns;
    credit->past_bytes = credit->past_bytes * fade + bytes;
    double allowed = credit->past_bytes / credit->past_ns * TM_CHANNEL_TIME_MS * 1e6;
    credit->allowed_bytes =
        allowed >= TM_CHANNEL_BYTES ? (uint64_t)TM_CHANNEL_BYTES : (uint64_t)allowed;
    credit->sample_ns = 0;
    credit->sample_bytes = 0;
}

static void count_time(struct tm_credit *credit, int64_t now_ns)
{
    if (credit->busy && now_ns > credit->mark_ns)
        credit->sample_ns += now_ns - credit->mark_ns;
    if (credit->sample_ns >= sample_min_ns)
        close_sample(credit);
}

void tm__exchange_credit_take(struct tm_credit *credit, int64_t now_ns, uint64_t size_bytes)
{
    count_time(credit, now_ns);
    credit->busy = true;
    credit->mark_ns = now_ns;
    credit->sample_bytes += size_bytes;
}

void tm__exchange_credit_empty(struct tm_credit *credit, int64_t now_ns)
{
    count_time(credit, now_ns);
    credit->busy = false;
}
