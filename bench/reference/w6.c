// W6: count and sum per user over windows of ten minutes that start every second, in event time,
// from files read side by side. The same as bench/jobs/w6.lua, late records included. There are few
// users, and 600 seconds in a window, so these are not added up for each window. Seconds lie in
// planes, one value a user. The older ones hold what they and those behind them make together (the
// front), the others are added to one more plane (the back): a result is two values. When the front
// is used up, the seconds of the back become the next one.
//   w6 FILE... > OUT
#include "bench/reference/reference.h"
#include "bench/reference/splits.h"
#include "bench/reference/table.h"

// SLICES: seconds that can be open at once, those of a window and those that began since.
enum { SLICE_MS = 1000, WINDOW_SLICES = 600, SLICES = 1024 };

struct value {
    double sum;
    uint64_t count;
};

static struct splits splits;
static struct ref_writer out;
static struct table keys;            // entry i of the table: user i
static struct value *planes[SLICES]; // [user], as many as the table has capacity for
static struct value *back;
static uint32_t capacity; // of each
static uint64_t hashes[REF_EVENTS_MAX];
static int64_t watermark = INT64_MIN;
static int64_t oldest = INT64_MAX; // slice (seconds since 1970) where the next window starts
static int64_t newest_slice = INT64_MIN;
static int64_t flipped = INT64_MIN; // slices before are the front
static int64_t entered = INT64_MIN; // slices before are in the front or the back
static uint64_t late, fired;

static int64_t slice_of(int64_t ms)
{
    int64_t slice = ms / SLICE_MS;
    return slice * SLICE_MS > ms ? slice - 1 : slice;
}

static struct value *plane_of(int64_t slice)
{
    return planes[slice & (SLICES - 1)];
}

static struct value *grown(struct value *plane)
{
    plane = table_grown(plane, keys.capacity * sizeof *plane);
    memset(plane + capacity, 0, (keys.capacity - capacity) * sizeof *plane);
    return plane;
}

static void fit_users(void)
{
    if (capacity == keys.capacity)
        return;
    for (int i = 0; i < SLICES; i++)
        planes[i] = grown(planes[i]);
    back = grown(back);
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

static void add_plane(struct value *to, const struct value *from)
{
    for (uint32_t i = 0; i < keys.count; i++) {
        to[i].sum += from[i].sum;
        to[i].count += from[i].count;
    }
}

// The slices of the window that have entered are the front; the back is empty.
static void flip(int64_t first)
{
    for (int64_t s = entered - 2; s >= first; s--)
        add_plane(plane_of(s), plane_of(s + 1));
    memset(back, 0, keys.count * sizeof *back);
    flipped = entered;
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
    if (entered == INT64_MIN)
        entered = flipped = first;
    for (; entered < first + WINDOW_SLICES; entered++)
        add_plane(back, plane_of(entered));
    if (first >= flipped)
        flip(first);
    struct value *front = plane_of(first);
    for (uint32_t i = 0; i < keys.count; i++) {
        uint64_t count = front[i].count + back[i].count;
        if (count == 0)
            continue;
        write_row(&keys.entries[i], times, times_length, count, front[i].sum + back[i].sum);
        fired++;
    }
    memset(front, 0, keys.count * sizeof *front);
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
        ref_die("too many seconds in", "flight");
}

// A record whose slice has entered already.
static void add_behind(int64_t slice, uint32_t user, double amount)
{
    struct value *v = &back[user];
    if (slice >= flipped) {
        v->sum += amount;
        v->count++;
    }
    for (int64_t s = slice >= flipped ? slice : oldest; s <= slice; s++) {
        v = &plane_of(s)[user];
        v->sum += amount;
        v->count++;
    }
}

static int64_t add(const struct ref_event *events, size_t count)
{
    int64_t newest = INT64_MIN, slice = INT64_MIN;
    for (size_t i = 0; i < count; i++)
        hashes[i] = table_hash(events[i].user, events[i].user_length);
    for (size_t i = 0; i < count; i++) {
        const struct ref_event *e = &events[i];
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
        if (slice < entered) {
            add_behind(slice, at, e->amount);
            continue;
        }
        struct value *v = &plane_of(slice)[at];
        v->sum += e->amount;
        v->count++;
    }
    return newest;
}

int main(int argc, char **argv)
{
    table_init(&keys, 1 << 11);
    fit_users();
    return splits_run(&splits, REF_W3U, argc - 1, argv + 1, add, advance, &watermark, &out, &fired,
                      &late);
}
