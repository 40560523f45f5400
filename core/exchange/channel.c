// The channel inside one process: a ring of TM_RING_ELEMENTS between one producer and one consumer,
// and the credit rule over it.
//
// Each side owns a cache line of counters that the other only reads, and keeps copies of the
// other's counters, which it refreshes only when they do not suffice: a transfer costs one miss,
// not three. The counters are totals since the start, so they never go back and a stale copy is
// only cautious.
#include "core/exchange/channel.h"

#include <stdatomic.h>

#include "core/base/limits.h"
#include "core/exchange/credit.h"

enum {
    CACHE_LINE = 64,
    // Slots that control elements leave free, so that two batches always find a slot.
    BATCH_SLOTS = 2,
    RING_MASK = TM_RING_ELEMENTS - 1,
};
_Static_assert((TM_RING_ELEMENTS & RING_MASK) == 0, "the ring is indexed by a mask");
_Static_assert((int)TM_RING_ELEMENTS > (int)BATCH_SLOTS, "control elements need a slot");

struct tm_channel {
    struct tm_mem *mem;
    void *block; // as allocated; the channel is aligned to a cache line inside it
    struct tm_waker *producer_waker, *consumer_waker;

    // Written by the producer.
    _Alignas(
        CACHE_LINE) _Atomic uint64_t tail; // elements sent; release, partner: receive's acquire
    _Atomic uint64_t rows_sent;            // relaxed, for the accounts
    uint64_t bytes_sent, batches_sent;     // producer only, as the copies below
    uint64_t head_seen, bytes_seen, batches_seen, allowed_seen;

    // Written by the consumer.
    _Alignas(CACHE_LINE) _Atomic uint64_t head; // elements received; release, partner: see_consumer
    _Atomic uint64_t bytes_received, batches_received; // relaxed, stored before head
    _Atomic uint64_t allowed_bytes;                    // relaxed: any value is a valid bound
    _Atomic uint64_t rows_received;                    // relaxed, for the accounts

    // Consumer only.
    _Alignas(CACHE_LINE) uint64_t tail_seen;
    struct tm_credit credit;

    _Alignas(CACHE_LINE) struct tm_element ring[TM_RING_ELEMENTS];
};

struct tm_channel *tm_channel_new(struct tm_mem *mem)
{
    void *block = tm_mem_zalloc(mem, sizeof(struct tm_channel) + CACHE_LINE);

    if (block == NULL)
        return NULL;
    uintptr_t aligned = ((uintptr_t)block + CACHE_LINE - 1) & ~(uintptr_t)(CACHE_LINE - 1);
    struct tm_channel *channel = (struct tm_channel *)aligned;
    channel->mem = mem;
    channel->block = block;
    tm__exchange_credit_init(&channel->credit);
    return channel;
}

void tm_channel_set_wakers(struct tm_channel *channel, struct tm_waker *producer,
                           struct tm_waker *consumer)
{
    channel->producer_waker = producer;
    channel->consumer_waker = consumer;
}

void tm_channel_free(struct tm_channel *channel)
{
    if (channel == NULL)
        return;
    uint64_t tail = atomic_load_explicit(&channel->tail, memory_order_acquire);
    uint64_t head = atomic_load_explicit(&channel->head, memory_order_acquire);
    for (; head != tail; head++) {
        struct tm_element *element = &channel->ring[head & RING_MASK];
        if (element->kind == TM_ELEMENT_BATCH)
            tm_batch_release(element->batch);
    }
    tm_mem_free(channel->mem, channel->block, sizeof(struct tm_channel) + CACHE_LINE);
}

// Only the owner of a counter writes it, so no read-modify-write is needed.
static void counter_add(_Atomic uint64_t *counter, uint64_t n, memory_order order)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, order);
}

// --- producer

static void see_consumer(struct tm_channel *channel)
{
    channel->head_seen = atomic_load_explicit(&channel->head, memory_order_acquire);
    channel->bytes_seen = atomic_load_explicit(&channel->bytes_received, memory_order_relaxed);
    channel->batches_seen = atomic_load_explicit(&channel->batches_received, memory_order_relaxed);
    channel->allowed_seen = atomic_load_explicit(&channel->allowed_bytes, memory_order_relaxed);
}

static bool has_credit(const struct tm_channel *channel, size_t size_bytes)
{
    uint64_t tail = atomic_load_explicit(&channel->tail, memory_order_relaxed);

    if (tail - channel->head_seen >= TM_RING_ELEMENTS)
        return false;
    return channel->batches_sent - channel->batches_seen < BATCH_SLOTS ||
           channel->bytes_sent - channel->bytes_seen + size_bytes <= channel->allowed_seen;
}

bool tm_channel_can_send_batch(struct tm_channel *channel, size_t size_bytes)
{
    if (has_credit(channel, size_bytes))
        return true;
    see_consumer(channel);
    return has_credit(channel, size_bytes);
}

bool tm_channel_can_send_control(struct tm_channel *channel)
{
    uint64_t tail = atomic_load_explicit(&channel->tail, memory_order_relaxed);

    if (tail - channel->head_seen < TM_RING_ELEMENTS - BATCH_SLOTS)
        return true;
    see_consumer(channel);
    return tail - channel->head_seen < TM_RING_ELEMENTS - BATCH_SLOTS;
}

void tm_channel_send(struct tm_channel *channel, struct tm_element element)
{
    uint64_t tail = atomic_load_explicit(&channel->tail, memory_order_relaxed);

    TM_CHECK(tail - channel->head_seen < TM_RING_ELEMENTS);
    channel->ring[tail & RING_MASK] = element;
    if (element.kind == TM_ELEMENT_BATCH) {
        channel->bytes_sent += element.batch->size_bytes;
        channel->batches_sent++;
        counter_add(&channel->rows_sent, element.batch->row_count, memory_order_relaxed);
    }
    atomic_store_explicit(&channel->tail, tail + 1, memory_order_release);
    if (channel->consumer_waker != NULL)
        tm_waker_notify(channel->consumer_waker);
}

// --- consumer

bool tm_channel_is_empty(const struct tm_channel *channel)
{
    return atomic_load_explicit(&channel->head, memory_order_relaxed) ==
           atomic_load_explicit(&channel->tail, memory_order_acquire);
}

// Only a change is stored: an empty channel is looked at often, and the line is the producer's too.
static void publish_credit(struct tm_channel *channel)
{
    uint64_t allowed = channel->credit.allowed_bytes;

    if (atomic_load_explicit(&channel->allowed_bytes, memory_order_relaxed) != allowed)
        atomic_store_explicit(&channel->allowed_bytes, allowed, memory_order_relaxed);
}

static void count_received(struct tm_channel *channel, const struct tm_batch *batch, int64_t now_ns)
{
    tm__exchange_credit_take(&channel->credit, now_ns, batch->size_bytes);
    counter_add(&channel->rows_received, batch->row_count, memory_order_relaxed);
    counter_add(&channel->bytes_received, batch->size_bytes, memory_order_relaxed);
    counter_add(&channel->batches_received, 1, memory_order_relaxed);
}

bool tm_channel_receive(struct tm_channel *channel, int64_t now_ns, struct tm_element *element)
{
    uint64_t head = atomic_load_explicit(&channel->head, memory_order_relaxed);

    if (head == channel->tail_seen) {
        channel->tail_seen = atomic_load_explicit(&channel->tail, memory_order_acquire);
        if (head == channel->tail_seen) {
            tm__exchange_credit_empty(&channel->credit, now_ns);
            publish_credit(channel);
            return false;
        }
    }
    *element = channel->ring[head & RING_MASK];
    if (element->kind == TM_ELEMENT_BATCH)
        count_received(channel, element->batch, now_ns);
    publish_credit(channel);
    atomic_store_explicit(&channel->head, head + 1, memory_order_release);
    if (channel->producer_waker != NULL)
        tm_waker_notify(channel->producer_waker);
    return true;
}

// Where the barrier of the checkpoint stands, or the end: its total number, or UINT64_MAX. What
// lies between head and tail is the consumer's.
static uint64_t find_barrier(const struct tm_channel *channel, uint64_t checkpoint)
{
    uint64_t head = atomic_load_explicit(&channel->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&channel->tail, memory_order_acquire);
    for (uint64_t at = head; at != tail; at++) {
        const struct tm_element *element = &channel->ring[at & RING_MASK];
        if (element->kind == TM_ELEMENT_END ||
            (element->kind == TM_ELEMENT_BARRIER && element->checkpoint == checkpoint))
            return at;
        if (element->kind == TM_ELEMENT_BARRIER && element->checkpoint > checkpoint)
            return UINT64_MAX;
    }
    return UINT64_MAX;
}

enum tm_channel_shows tm_channel_shows(const struct tm_channel *channel, uint64_t checkpoint)
{
    uint64_t at = find_barrier(channel, checkpoint);
    return at == UINT64_MAX                                       ? TM_SHOWS_NEITHER
           : channel->ring[at & RING_MASK].kind == TM_ELEMENT_END ? TM_SHOWS_END
                                                                  : TM_SHOWS_BARRIER;
}

int tm_channel_overtake(struct tm_channel *channel, uint64_t checkpoint, tm_channel_visit *visit,
                        void *arg)
{
    uint64_t head = atomic_load_explicit(&channel->head, memory_order_relaxed);
    uint64_t at = find_barrier(channel, checkpoint), taken = 0;
    int rc = 0;
    TM_CHECK(at != UINT64_MAX);
    channel->tail_seen = atomic_load_explicit(&channel->tail, memory_order_acquire); // >= the head
    for (uint64_t i = head; i != at && rc == 0; i++)
        if (channel->ring[i & RING_MASK].kind != TM_ELEMENT_BARRIER)
            rc = visit(arg, &channel->ring[i & RING_MASK]);
    // What stays moves up against what follows, the last first: slots come free at the head alone.
    for (uint64_t i = at + 1; i-- != head;) {
        const struct tm_element element = channel->ring[i & RING_MASK];
        if (element.kind == TM_ELEMENT_BARRIER)
            taken++;
        else
            channel->ring[(i + taken) & RING_MASK] = element;
    }
    if (taken == 0)
        return rc;
    atomic_store_explicit(&channel->head, head + taken, memory_order_release);
    if (channel->producer_waker != NULL)
        tm_waker_notify(channel->producer_waker);
    return rc;
}

// --- any thread

uint64_t tm_channel_rows_sent(const struct tm_channel *channel)
{
    return atomic_load_explicit(&channel->rows_sent, memory_order_relaxed);
}

uint64_t tm_channel_rows_received(const struct tm_channel *channel)
{
    return atomic_load_explicit(&channel->rows_received, memory_order_relaxed);
}
