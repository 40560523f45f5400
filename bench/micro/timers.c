// Timers of the state against the heap one would write by hand: registered, then fired in order.
// The heap holds time and key in 16 bytes, knows no set and no names; timers do. Interleaved in one
// process; ratios are what counts.
//
//   timers [pairs] [timers] [shape]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/state/timers.h"

#include "bench/micro/world.h"

struct due {
    int64_t time;
    uint64_t key; // its bytes from the highest on are the timer's key: one order for both
};

// --- the heap ------------------------------------------------------------------------------------

struct heap {
    struct due *at;
    size_t count, capacity;
};

static bool before(const struct due *a, const struct due *b)
{
    return a->time != b->time ? a->time < b->time : a->key < b->key;
}

static void heap_push(struct heap *h, struct due d)
{
    if (h->count == h->capacity) {
        size_t capacity = h->capacity == 0 ? 1024 : h->capacity * 2;
        h->at = plain_realloc(NULL, h->at, h->capacity * sizeof *h->at, capacity * sizeof *h->at);
        h->capacity = capacity;
    }
    size_t i = h->count++;
    for (; i > 0 && before(&d, &h->at[(i - 1) / 4]); i = (i - 1) / 4)
        h->at[i] = h->at[(i - 1) / 4];
    h->at[i] = d;
}

static struct due heap_pop(struct heap *h)
{
    struct due top = h->at[0], last = h->at[--h->count];
    size_t i = 0;
    for (;;) {
        size_t least = 4 * i + 1;
        if (least >= h->count)
            break;
        size_t end = least + 4 < h->count ? least + 4 : h->count;
        for (size_t c = least + 1; c < end; c++)
            if (before(&h->at[c], &h->at[least]))
                least = c;
        if (!before(&h->at[least], &last))
            break;
        h->at[i] = h->at[least];
        i = least;
    }
    h->at[i] = last;
    return top;
}

// --- both ----------------------------------------------------------------------------------------

struct result {
    double add, fire; // ns a timer
    uint64_t sum;
    int64_t bytes; // a timer
};

static uint64_t checksum(uint64_t sum, int64_t time, uint64_t key)
{
    return (sum ^ (uint64_t)time ^ key) * 1099511628211u;
}

static struct result run_heap(const struct due *dues, size_t count)
{
    struct heap h = {0};
    struct result r = {0};
    double start = cpu_seconds();
    for (size_t i = 0; i < count; i++)
        heap_push(&h, dues[i]);
    r.add = (cpu_seconds() - start) / (double)count * 1e9;
    start = cpu_seconds();
    for (size_t i = 0; i < count; i++) {
        struct due due = heap_pop(&h);
        r.sum = checksum(r.sum, due.time, due.key);
    }
    r.fire = (cpu_seconds() - start) / (double)count * 1e9;
    r.bytes = (int64_t)(h.capacity * sizeof *h.at / count);
    free(h.at);
    return r;
}

static struct result run_timers(const struct due *dues, size_t count)
{
    struct tm_mem mem;
    tm_mem_init(&mem, &fx, NULL, 0);
    struct tm_timers_args args = {&mem, 128, 0, 127};
    struct tm_timers *timers;
    struct result r = {0};
    if (tm_timers_new(&args, &timers, NULL) != 0)
        abort();
    double start = cpu_seconds();
    for (size_t i = 0; i < count; i++) {
        uint64_t key = __builtin_bswap64(dues[i].key);
        struct tm_timer timer = {dues[i].time, {tm_hash_bytes(&key, 8), &key, 8}, "", 0};
        if (tm_timers_add(timers, TM_TIMER_EVENT, &timer) < 0)
            abort();
    }
    r.add = (cpu_seconds() - start) / (double)count * 1e9;
    r.bytes = tm_timers_used_bytes(timers) / (int64_t)count;
    start = cpu_seconds();
    struct tm_timer first;
    while (tm_timers_first(timers, TM_TIMER_EVENT, &first)) {
        uint64_t key;
        memcpy(&key, first.key.bytes, sizeof key);
        r.sum = checksum(r.sum, first.time, __builtin_bswap64(key));
        if (tm_timers_pop(timers, TM_TIMER_EVENT) != 1)
            abort();
    }
    r.fire = (cpu_seconds() - start) / (double)count * 1e9;
    tm_timers_free(timers);
    return r;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *what, const struct due *dues, size_t count, int pairs)
{
    double ratios[64];
    struct result h, t;
    for (int i = 0; i < pairs; i++) {
        h = run_heap(dues, count);
        t = run_timers(dues, count);
        if (h.sum != t.sum)
            abort();
        ratios[i] = (t.add + t.fire) / (h.add + h.fire);
    }
    qsort(ratios, (size_t)pairs, sizeof *ratios, compare);
    printf("%-24s add: C %6.1f ns, timers %6.1f ns   fire: C %6.1f ns, timers %6.1f ns   "
           "ratio %.2f   %lld bytes a timer\n",
           what, h.add, t.add, h.fire, t.fire, ratios[pairs / 2], (long long)t.bytes);
}

int main(int argc, char **argv)
{
    int pairs = argc > 1 ? atoi(argv[1]) : 5;
    size_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000000;
    pairs = pairs < 1 ? 1 : pairs > 64 ? 64 : pairs;
    struct due *dues = malloc(count * sizeof *dues);
    uint64_t seed = 88172645463325252u;
    int first = argc > 3 ? atoi(argv[3]) : 0, last = argc > 3 ? first : 2;
    for (int shape = first; shape <= last && shape >= 0 && shape < 3; shape++) {
        for (size_t i = 0; i < count; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            int64_t drawn = (int64_t)(seed >> 20);
            dues[i].key = (uint64_t)i * 11400714819323198485u;      // each another, in no order
            dues[i].time = shape == 0   ? (int64_t)i + drawn % 1000 // a minute from each record
                           : shape == 1 ? drawn % 100000000         // anywhere
                                        : 12345;                    // all at once
        }
        static const char *const names[] = {"about ascending", "at random", "one time"};
        measure(names[shape], dues, count, pairs);
    }
    free(dues);
    return 0;
}
