// W5: count and sum per user and session, whose records are at most half a minute apart, in event
// time, from files read side by side. The same as bench/jobs/w5.lua, late records included. A user
// waits in a wheel of seconds until its first session may have ended; a session that has grown
// since is put off.
//   w5 FILE... > OUT
#include "bench/reference/reference.h"
#include "bench/reference/splits.h"
#include "bench/reference/table.h"

// SESSIONS: of a user at once; WHEEL: seconds that can be waited for.
enum { GAP_MS = 30000, SESSIONS = 4, WHEEL = 512, SECOND_MS = 1000 };

struct session {
    int64_t start, end;
    double sum;
    uint64_t count;
};

struct user {
    struct session session[SESSIONS]; // by time; they never touch
    int64_t wake;                     // what it waits for
    uint32_t count;
};

struct bucket {
    uint32_t *users, count, capacity;
};

static struct splits splits;
static struct ref_writer out;
static struct table keys;  // entry i of the table: user i
static struct user *users; // as many as the table has capacity for
static uint32_t capacity;
static struct bucket wheel[WHEEL];
static uint64_t hashes[REF_EVENTS_MAX];
static int64_t watermark = INT64_MIN;
static int64_t turned = INT64_MIN; // the second that the wheel stands at
static int64_t newest_end = INT64_MIN;
static uint64_t late, fired;

static void fit_users(void)
{
    if (capacity == keys.capacity)
        return;
    users = table_grown(users, keys.capacity * sizeof *users);
    memset(users + capacity, 0, (keys.capacity - capacity) * sizeof *users);
    capacity = keys.capacity;
}

static void wait_for(uint32_t at, int64_t end)
{
    int64_t second = end / SECOND_MS;
    if (turned == INT64_MIN || second < turned)
        turned = second;
    if (second - turned >= WHEEL)
        ref_die("too many seconds in", "flight");
    struct bucket *b = &wheel[second & (WHEEL - 1)];
    if (b->count == b->capacity) {
        b->capacity = b->capacity * 2 + 64;
        b->users = table_grown(b->users, b->capacity * sizeof *b->users);
    }
    b->users[b->count++] = at;
    users[at].wake = end;
}

static void fire(const struct table_entry *e, const struct session *s)
{
    char *p = out.bytes + out.length;
    p = ref_put_string(REF_PUT(p, "{\"user_id\":\""), table_key(&keys, e), e->key_length);
    p = ref_put_timestamp(REF_PUT(p, "\",\"window_start\":\""), s->start);
    p = ref_put_timestamp(REF_PUT(p, "\",\"window_end\":\""), s->end);
    p = ref_put_int(REF_PUT(p, "\",\"n\":"), (int64_t)s->count);
    p = ref_put_double(REF_PUT(p, ",\"total\":"), s->sum);
    p = REF_PUT(p, "}\n");
    out.length = (size_t)(p - out.bytes);
    ref_writer_check(&out);
    fired++;
}

// A user whose time has come. False: it is not the one that the user waits for.
static void look_at(uint32_t at, int64_t second)
{
    struct user *u = &users[at];
    uint32_t done = 0;
    if (u->count == 0 || u->wake / SECOND_MS != second)
        return;
    while (done < u->count && u->session[done].end - 1 <= watermark)
        fire(&keys.entries[at], &u->session[done++]);
    u->count -= done;
    if (done != 0)
        memmove(u->session, u->session + done, u->count * sizeof *u->session);
    if (u->count != 0)
        wait_for(at, u->session[0].end);
}

// The sessions whose last ms the watermark has passed.
static void advance(int64_t to)
{
    watermark = to;
    if (turned == INT64_MIN)
        return;
    int64_t last = to < newest_end ? to : newest_end;
    for (int64_t second = turned; second * SECOND_MS <= last; second++) {
        struct bucket *b = &wheel[second & (WHEEL - 1)];
        struct bucket due = *b;
        *b = (struct bucket){0}; // who still waits comes back
        turned = second;
        for (uint32_t i = 0; i < due.count; i++) {
            if (i + 8 < due.count) {
                __builtin_prefetch(&users[due.users[i + 8]], 1);
                __builtin_prefetch(&keys.entries[due.users[i + 8]]);
            }
            look_at(due.users[i], second);
        }
        if (b->users == NULL)
            *b = (struct bucket){due.users, 0, due.capacity};
        else
            free(due.users);
    }
}

static void add_to(uint32_t at, const struct ref_event *e)
{
    struct user *u = &users[at];
    int64_t start = e->ts_ms, end = start + GAP_MS;
    uint32_t low = 0, high;
    while (low < u->count && u->session[low].end < start)
        low++;
    for (high = low; high < u->count && u->session[high].start <= end;)
        high++;
    struct session *s = &u->session[low];
    if (low == high) {
        if (end - 1 <= watermark) {
            late++;
            return;
        }
        if (u->count == SESSIONS)
            ref_die("too many sessions of", "a user");
        memmove(s + 1, s, (u->count - low) * sizeof *s);
        *s = (struct session){start, end, 0, 0};
        u->count++;
        if (low == 0)
            wait_for(at, end);
    } else {
        int64_t last = u->session[high - 1].end;
        for (uint32_t i = low + 1; i < high; i++) {
            s->count += u->session[i].count;
            s->sum += u->session[i].sum;
        }
        s->start = s->start < start ? s->start : start;
        s->end = last > end ? last : end;
        memmove(s + 1, u->session + high, (u->count - high) * sizeof *s);
        u->count -= high - low - 1;
    }
    newest_end = newest_end > s->end ? newest_end : s->end;
    s->count++;
    s->sum += e->amount;
}

static int64_t add(const struct ref_event *events, size_t count)
{
    enum { FAR = 16, NEAR = 8 };
    int64_t newest = INT64_MIN;
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
        if (near != UINT32_MAX)
            __builtin_prefetch(&users[near], 1);
        if (e->ts_ms > newest)
            newest = e->ts_ms;
        uint32_t at =
            (uint32_t)(table_upsert(&keys, hashes[i], e->user, e->user_length) - keys.entries);
        fit_users();
        add_to(at, e);
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
