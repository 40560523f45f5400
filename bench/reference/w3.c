// W3: count and sum over one-minute tumbling windows in event time, per user or per country, from
// files read side by side, lowest watermark first. The same as bench/jobs/w3u.lua and w3c.lua, late
// records included.
//   w3 user|country FILE... > OUT
#include "bench/reference/reference.h"
#include "bench/reference/splits.h"
#include "bench/reference/table.h"

#include <stdio.h>

enum { SIZE_MS = 60000, WINDOWS_MAX = 64 };

struct window {
    int64_t start;
    struct table table;
};

static struct splits splits;
static struct window *windows[WINDOWS_MAX]; // ascending by start
static int window_count;
static struct window *spare[WINDOWS_MAX];
static int spare_count;
static uint64_t hashes[REF_EVENTS_MAX];
static struct ref_writer out;
static bool by_user;
static int64_t watermark = INT64_MIN;
static uint64_t late, fired;

static int64_t window_start(int64_t ts)
{
    int64_t r = ts % SIZE_MS;
    return r < 0 ? ts - (r + SIZE_MS) : ts - r;
}

static struct window *window_of(int64_t start)
{
    int at = window_count;
    while (at > 0 && windows[at - 1]->start > start)
        at--;
    if (at > 0 && windows[at - 1]->start == start)
        return windows[at - 1];
    if (window_count == WINDOWS_MAX)
        ref_die("too many windows in", "flight");
    struct window *w;
    if (spare_count > 0) {
        w = spare[--spare_count];
    } else {
        w = table_grown(NULL, sizeof *w);
        table_init(&w->table, by_user ? 1 << 16 : 64);
    }
    w->start = start;
    memmove(windows + at + 1, windows + at, (size_t)(window_count - at) * sizeof *windows);
    windows[at] = w;
    window_count++;
    return w;
}

// Rows in the order of arrival of their keys.
static void fire(struct window *w)
{
    char times[128];
    char *p = REF_PUT(times, "\",\"window_start\":\"");
    p = ref_put_timestamp(p, w->start);
    p = ref_put_timestamp(REF_PUT(p, "\",\"window_end\":\""), w->start + SIZE_MS);
    p = REF_PUT(p, "\",\"n\":");
    size_t times_length = (size_t)(p - times);
    for (uint32_t i = 0; i < w->table.count; i++) {
        const struct table_entry *e = &w->table.entries[i];
        p = out.bytes + out.length;
        p = by_user ? REF_PUT(p, "{\"user_id\":\"") : REF_PUT(p, "{\"country\":\"");
        p = ref_put_string(p, table_key(&w->table, e), e->key_length);
        p = ref_put_bytes(p, times, times_length);
        p = ref_put_int(p, (int64_t)e->count);
        p = ref_put_double(REF_PUT(p, ",\"total\":"), e->sum);
        p = REF_PUT(p, "}\n");
        out.length = (size_t)(p - out.bytes);
        ref_writer_check(&out);
    }
    fired += w->table.count;
}

// Windows whose last ms the watermark has passed.
static void advance(int64_t to)
{
    watermark = to;
    while (window_count > 0 && windows[0]->start + SIZE_MS - 1 <= to) {
        struct window *w = windows[0];
        fire(w);
        table_clear(&w->table);
        memmove(windows, windows + 1, (size_t)--window_count * sizeof *windows);
        spare[spare_count++] = w;
    }
}

static inline const char *key_of(const struct ref_event *e, uint32_t *length)
{
    *length = by_user ? e->user_length : e->country_length;
    return by_user ? e->user : e->country;
}

// Returns the largest time.
static int64_t add(const struct ref_event *events, size_t count)
{
    int64_t newest = INT64_MIN;
    struct window *w = NULL;
    for (size_t i = 0; i < count; i++) {
        uint32_t length;
        const char *key = key_of(&events[i], &length);
        hashes[i] = table_hash(key, length);
    }
    for (size_t i = 0; i < count; i++) {
        const struct ref_event *e = &events[i];
        if (e->ts_ms > newest)
            newest = e->ts_ms;
        if (w == NULL || e->ts_ms < w->start || e->ts_ms >= w->start + SIZE_MS) {
            int64_t start = window_start(e->ts_ms);
            if (start + SIZE_MS - 1 <= watermark) {
                late++;
                continue;
            }
            w = window_of(start);
        }
        enum { AHEAD = 8 };
        if (i + AHEAD < count)
            table_prefetch(&w->table, hashes[i + AHEAD]);
        uint32_t length;
        const char *key = key_of(e, &length);
        struct table_entry *entry = table_upsert(&w->table, hashes[i], key, length);
        entry->count++;
        entry->sum += e->amount;
    }
    return newest;
}

int main(int argc, char **argv)
{
    if (argc < 3 || (strcmp(argv[1], "user") != 0 && strcmp(argv[1], "country") != 0)) {
        fprintf(stderr, "usage: w3 user|country FILE...\n");
        return 2;
    }
    by_user = argv[1][0] == 'u';
    return splits_run(&splits, by_user ? REF_W3U : REF_W3C, argc - 2, argv + 2, add, advance,
                      &watermark, &out, &fired, &late);
}
