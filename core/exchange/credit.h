// How many bytes a channel may hold: what its consumer takes in TM_CHANNEL_TIME_MS at its measured
// rate, at most TM_CHANNEL_BYTES. Pure: the caller gives the clock. Private to core/exchange.
//
// The rate is that of the consumer when it has something to take: time that it spent waiting for an
// empty channel does not count, so a slow producer does not make its consumer look slow.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tm_credit {
    bool busy;              // the consumer has taken something and not yet found the channel empty
    int64_t mark_ns;        // up to when its time is counted, while busy
    int64_t sample_ns;      // of the open sample
    uint64_t sample_bytes;  // taken in the open sample
    double past_ns;         // earlier samples, fading
    double past_bytes;      //
    uint64_t allowed_bytes; // the result; two batches are always allowed on top of it
};

void tm__exchange_credit_init(struct tm_credit *credit);
// The consumer took a batch.
void tm__exchange_credit_take(struct tm_credit *credit, int64_t now_ns, uint64_t size_bytes);
// The consumer found the channel empty: it is through with what it took.
void tm__exchange_credit_empty(struct tm_credit *credit, int64_t now_ns);
