// A channel: one producer task, one consumer task, elements in order. In one process it is a
// single-producer single-consumer ring; the interface and the credit rule are those of a network
// channel. Credit: batches in flight are bounded by TM_CHANNEL_BYTES and by what the consumer takes
// in TM_CHANNEL_TIME_MS at its measured rate, never below two batches; so a slow consumer holds its
// producer back soon, whatever the byte bound.
#pragma once

#include "core/exchange/element.h"
#include "core/loop/waker.h"

struct tm_channel;

// `consumer` is notified after a send, `producer` after a receive that returns credit. Wakers may
// be set later, before use.
struct tm_channel *tm_channel_new(struct tm_mem *mem) TM_WARN_UNUSED;
void tm_channel_set_wakers(struct tm_channel *channel, struct tm_waker *producer,
                           struct tm_waker *consumer);
void tm_channel_free(
    struct tm_channel *channel); // releases what is still in it; both sides must be done

// Producer: is there credit for a batch of size_bytes / a slot for a control element?
bool tm_channel_can_send_batch(struct tm_channel *channel, size_t size_bytes);
bool tm_channel_can_send_control(struct tm_channel *channel);
void tm_channel_send(struct tm_channel *channel,
                     struct tm_element element); // after can_send_* said yes

// Consumer. False: empty. `now_ns` feeds the rate estimate.
bool tm_channel_receive(struct tm_channel *channel, int64_t now_ns, struct tm_element *element);
bool tm_channel_is_empty(const struct tm_channel *channel);

// Consumer: does the barrier of the checkpoint stand in the channel, or its end? Not behind a later
// checkpoint's barrier: that has given the checkpoint up.
enum tm_channel_shows { TM_SHOWS_NEITHER, TM_SHOWS_BARRIER, TM_SHOWS_END };
enum tm_channel_shows tm_channel_shows(const struct tm_channel *channel, uint64_t checkpoint);
// Consumer: shows every element before that barrier (or the end), in order, and takes the barrier,
// and those of earlier checkpoints, out of the channel; what was shown stays. A `visit` that does
// not return 0 is not called again, and what it returned is given back: the barriers are taken all
// the same.
typedef int tm_channel_visit(void *arg, const struct tm_element *element);
int tm_channel_overtake(struct tm_channel *channel, uint64_t checkpoint, tm_channel_visit *visit,
                        void *arg) TM_WARN_UNUSED;

// Rows sent and received, for the accounts (any thread, relaxed).
uint64_t tm_channel_rows_sent(const struct tm_channel *channel);
uint64_t tm_channel_rows_received(const struct tm_channel *channel);
