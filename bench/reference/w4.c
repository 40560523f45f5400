// W4: count and sum per user over windows of ten minutes that start every minute, in event time,
// from files read side by side. The same as bench/jobs/w4.lua, late records included. Each user has
// one count and sum a minute; a window adds ten of them up, oldest first.
//   w4 FILE... > OUT
#include "bench/reference/reference.h"
#include "bench/reference/splits.h"
#include "bench/reference/table.h"

// SLICES: minutes that can be open at once, those of a window and those that began since.
enum { SLICE_MS = 60000, WINDOW_SLICES = 10, SLICES = 16 };

struct user {
    struct {
        double sum;
        uint64_t count;
    } slice[SLICES];
};

static struct splits splits;
static struct ref_writer out;
static struct table keys;  // entry i of the table: user i
static struct user *users; // as many as the table has capacity for
static uint16_t *active;   // bit s: the user has records in slice s; zero for most users
static uint32_t capacity;  // of both
static uint64_t hashes[REF_EVENTS_MAX];
static int64_t watermark = INT64_MIN;
static int64_t oldest =
    INT64_MAX; // slice (minutes since 1970) where the next window to fire starts
static int64_t newest_slice = INT64_MIN;
static uint64_t late, fired;

static int64_t slice_of(int64_t ms)
{
    int64_t slice = ms / SLICE_MS;
    return slice * SLICE_MS > ms ? slice - 1 : slice;
}

static void fit_users(void)
{
    if (capacity == keys.capacity)
        return;
    users = table_grown(users, keys.capacity * sizeof *users);
    active = table_grown(active, keys.capacity * sizeof *active);
    memset(users + capacity, 0, (keys.capacity - capacity) * sizeof *users);
    memset(active + capacity, 0, (keys.capacity - capacity) * sizeof *active);
    capacity = keys.capacity;
}

static inline void write_row(const struct table_entry *e, const char *times, size_t times_length,
                             uint64_t count, double sum)
{
    char *p = out.bytes + out.length;
    p = ref_put_string(REF_PUT(p, "{\"user_id\":\""), table_key(&keys, e), e->key_length);
    p = ref_put_bytes(p, times, times_length);
    p = ref_put_int(p, (int64_t)count);
    p = ref_put_double(REF_PUT(p, ",\"total\":"), sum);
    p = REF_PUT(p, "}\n");
    out.length = (size_t)(p - out.bytes);
    ref_writer_check(&out);
}

// The window that starts with slice `first`, which no later window needs: it is emptied.
static void fire(int64_t first)
{
    char times[128];
    char *p = REF_PUT(times, "\",\"window_start\":\"");
    p = ref_put_timestamp(p, first * SLICE_MS);
    p = REF_PUT(p, "\",\"window_end\":\"");
    p = ref_put_timestamp(p, (first + WINDOW_SLICES) * SLICE_MS);
    size_t times_length = (size_t)(REF_PUT(p, "\",\"n\":") - times);
    unsigned start = (unsigned)(first & (SLICES - 1));
    uint32_t mask = ((1u << WINDOW_SLICES) - 1) << start;
    uint16_t wanted = (uint16_t)(mask | mask >> SLICES), gone = (uint16_t)(1u << start);
    for (uint32_t i = 0; i < keys.count; i++) {
        if ((active[i] & wanted) == 0)
            continue;
        struct user *u = &users[i];
        uint64_t count = 0;
        double sum = 0;
        for (unsigned k = 0; k < WINDOW_SLICES; k++) {
            unsigned s = (start + k) & (SLICES - 1);
            if (active[i] >> s & 1) {
                count += u->slice[s].count;
                sum += u->slice[s].sum;
            }
        }
        write_row(&keys.entries[i], times, times_length, count, sum);
        fired++;
        active[i] &= (uint16_t)~gone;
        u->slice[start].count = 0;
        u->slice[start].sum = 0;
    }
}

// Windows whose last ms the watermark has passed.
static void advance(int64_t to)
{
    watermark = to;
    while (oldest <= newest_slice && (oldest + WINDOW_SLICES) * SLICE_MS - 1 <= to)
        fire(oldest++);
}

// The first windows start before the first record: they have fewer slices with something in them.
static void open_slice(int64_t slice)
{
    if (slice > newest_slice)
        newest_slice = slice;
    if (slice - WINDOW_SLICES + 1 < oldest && watermark == INT64_MIN)
        oldest = slice - WINDOW_SLICES + 1;
    if (newest_slice - oldest >= SLICES)
        ref_die("too many minutes in", "flight");
}

static int64_t add(const struct ref_event *events, size_t count)
{
    enum { FAR = 16, NEAR = 8 };
    int64_t newest = INT64_MIN, slice = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        hashes[i] = table_hash(events[i].user, events[i].user_length);
        if (i < FAR)
            table_prefetch(&keys, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        const struct ref_event *e = &events[i];
        if (i + FAR < count)
            table_prefetch(&keys, hashes[i + FAR]);
        uint32_t near =
            i + NEAR < count ? table_prefetch_entry(&keys, hashes[i + NEAR]) : UINT32_MAX;
        if (near != UINT32_MAX && slice != INT64_MIN)
            __builtin_prefetch(&users[near].slice[slice & (SLICES - 1)], 1);
        if (e->ts_ms > newest)
            newest = e->ts_ms;
        if (slice == INT64_MIN || e->ts_ms < slice * SLICE_MS ||
            e->ts_ms >= (slice + 1) * SLICE_MS) {
            slice = slice_of(e->ts_ms);
            if ((slice + WINDOW_SLICES) * SLICE_MS - 1 <= watermark) {
                late++;
                slice = INT64_MIN;
                continue;
            }
            open_slice(slice);
        }
        uint32_t at =
            (uint32_t)(table_upsert(&keys, hashes[i], e->user, e->user_length) - keys.entries);
        fit_users();
        unsigned s = (unsigned)(slice & (SLICES - 1));
        active[at] |= (uint16_t)(1u << s);
        users[at].slice[s].count++;
        users[at].slice[s].sum += e->amount;
    }
    return newest;
}

int main(int argc, char **argv)
{
    table_init(&keys, 1 << 16);
    fit_users();
    return splits_run(&splits, REF_W3U, argc - 1, argv + 1, add, advance, &watermark, &out, &fired,
                      &late);
}
