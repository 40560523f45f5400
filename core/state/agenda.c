// Agendas: a wheel of wheels. Items lie in buckets by the highest six bits in which their time
// differs from `base`, where the agenda stands: a bucket of level n spans 64 ** n ms. When the
// earliest bucket is due, all of it, and holds few items, it is sorted and becomes the front; else
// it is spread over the buckets of the levels below. So an item is copied once, and once more for
// each level that it comes down; times that are a minute ahead come down one or two. Base is never
// above what a bucket holds, and no bucket but those that it has gone through could hold it: so
// buckets stay where they are when it moves. What comes for a time before base goes to its place in
// the front, which was due when it was made.
#include "core/state/agenda.h"

#include <string.h>

enum {
    BITS = 6,
    SLOTS = 1 << BITS,
    LEVELS = (64 + BITS - 1) / BITS,
    CHUNK_BYTES = 1024, // of items; larger where one item is
    FREE_CHUNKS = 64,   // that are kept beside half as many as are in use
    SORTED_MAX = 256,   // items that are sorted at once where they could be spread
    RUN = 16,           // items sorted by insertion
};

struct item {
    uint64_t at; // the time, in the order of unsigned numbers
    uint64_t hash;
    uint32_t key_length, name_length;
    uint8_t bytes[]; // key, name
};

struct chunk {
    struct chunk *next;
    uint32_t size_bytes;  // of it all
    uint32_t from, until; // offsets of the items in use
};

struct bucket {
    struct chunk *chunks; // the newest first
    uint64_t count;
    uint64_t earliest, latest;
};

// An item of the front: what most comparisons need.
struct due {
    uint64_t at;
    uint64_t prefix; // the first bytes of the key, in the order of the keys
    const struct item *item;
};

struct tm_agenda {
    struct tm_mem *mem;
    uint64_t count;
    uint64_t base;
    bool closed;               // base itself belongs to the front
    uint64_t filled[LEVELS];   // bits of the buckets that hold something
    struct bucket pending;     // being spread
    struct bucket front;       // the items of `due`
    struct due *due, *scratch; // ascending; as large, for sorting
    uint32_t next, due_count, due_capacity;
    struct chunk *free;
    uint64_t free_count, used_count; // chunks of the usual size
    int64_t chunk_bytes;             // of all chunks
    struct bucket buckets[LEVELS][SLOTS];
};

static uint64_t at_of(int64_t time)
{
    return (uint64_t)time ^ (uint64_t)1 << 63;
}

static int64_t time_of(uint64_t at)
{
    return (int64_t)(at ^ (uint64_t)1 << 63);
}

// --- chunks --------------------------------------------------------------------------------------

static uint32_t item_bytes(uint32_t key_length, uint32_t name_length)
{
    return ((uint32_t)sizeof(struct item) + key_length + name_length + 7) & ~7u;
}

static struct chunk *take_chunk(struct tm_agenda *a, uint32_t bytes)
{
    uint32_t size = (uint32_t)sizeof(struct chunk) + bytes;
    size = size < CHUNK_BYTES ? CHUNK_BYTES : size;
    struct chunk *chunk = a->free;
    if (size == CHUNK_BYTES && chunk != NULL) {
        a->free = chunk->next;
        a->free_count--;
    } else {
        chunk = tm_mem_alloc(a->mem, size);
        if (chunk == NULL)
            return NULL;
        a->chunk_bytes += size;
    }
    a->used_count += size == CHUNK_BYTES;
    *chunk = (struct chunk){.size_bytes = size, .from = sizeof *chunk, .until = sizeof *chunk};
    return chunk;
}

static void give_chunk(struct tm_agenda *a, struct chunk *chunk)
{
    bool usual = chunk->size_bytes == CHUNK_BYTES;
    a->used_count -= usual;
    if (!usual || a->free_count >= FREE_CHUNKS + a->used_count / 2) {
        a->chunk_bytes -= chunk->size_bytes;
        tm_mem_free(a->mem, chunk, chunk->size_bytes);
        return;
    }
    chunk->next = a->free;
    a->free = chunk;
    a->free_count++;
}

static void give_all(struct tm_agenda *a, struct chunk *chunk)
{
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        give_chunk(a, chunk);
        chunk = next;
    }
}

static struct item *item_at(struct chunk *chunk, uint32_t offset)
{
    return (struct item *)(void *)((uint8_t *)chunk + offset);
}

// Room for an item in the bucket. NULL: out of memory.
static struct item *make_room(struct tm_agenda *a, struct bucket *bucket, uint64_t at,
                              uint32_t bytes)
{
    struct chunk *chunk = bucket->chunks;
    if (chunk == NULL || chunk->size_bytes - chunk->until < bytes) {
        chunk = take_chunk(a, bytes);
        if (chunk == NULL)
            return NULL;
        chunk->next = bucket->chunks;
        bucket->chunks = chunk;
    }
    struct item *item = item_at(chunk, chunk->until);
    chunk->until += bytes;
    bucket->earliest = bucket->count == 0 || at < bucket->earliest ? at : bucket->earliest;
    bucket->latest = at > bucket->latest ? at : bucket->latest;
    bucket->count++;
    return item;
}

// --- buckets -------------------------------------------------------------------------------------

// Where a time from `base` on belongs.
static struct bucket *bucket_of(struct tm_agenda *a, uint64_t at, uint32_t *level, uint32_t *slot)
{
    uint64_t difference = at ^ a->base;
    *level = difference == 0 ? 0 : (63 - (uint32_t)__builtin_clzll(difference)) / BITS;
    *slot = (uint32_t)(at >> *level * BITS) & (SLOTS - 1);
    return &a->buckets[*level][*slot];
}

// In a level the slots ascend, and all of a level comes before the next one.
static struct bucket *first_bucket(const struct tm_agenda *a, uint32_t *level)
{
    for (*level = 0; *level < LEVELS; ++*level)
        if (a->filled[*level] != 0) {
            uint32_t slot = (uint32_t)__builtin_ctzll(a->filled[*level]);
            return (struct bucket *)(uintptr_t)&a->buckets[*level][slot];
        }
    return NULL;
}

// Out of its place.
static struct bucket take_bucket(struct tm_agenda *a, struct bucket *bucket, uint32_t level)
{
    struct bucket taken = *bucket;
    *bucket = (struct bucket){0};
    a->filled[level] &= ~((uint64_t)1 << (bucket - a->buckets[level]));
    return taken;
}

// A chunk on the way to the cache: what it holds was written when its times were far.
static void ask_for(const struct chunk *chunk)
{
    for (uint32_t i = 0; i < CHUNK_BYTES; i += 64)
        __builtin_prefetch((const char *)chunk + i);
}

static int spread_chunk(struct tm_agenda *a, struct chunk *chunk)
{
    while (chunk->from < chunk->until) {
        const struct item *item = item_at(chunk, chunk->from);
        uint32_t bytes = item_bytes(item->key_length, item->name_length), level, slot;
        struct bucket *bucket = bucket_of(a, item->at, &level, &slot);
        struct item *copy = make_room(a, bucket, item->at, bytes);
        if (copy == NULL)
            return TM_E_MEMORY;
        memcpy(copy, item, bytes);
        a->filled[level] |= (uint64_t)1 << slot;
        chunk->from += bytes;
    }
    return 0;
}

// What is pending to the levels below. After TM_E_MEMORY it can be called again.
static int spread(struct tm_agenda *a)
{
    while (a->pending.chunks != NULL) {
        struct chunk *chunk = a->pending.chunks;
        if (chunk->next != NULL)
            ask_for(chunk->next);
        int rc = spread_chunk(a, chunk);
        if (rc != 0)
            return rc;
        a->pending.chunks = chunk->next;
        give_chunk(a, chunk);
    }
    return 0;
}

// --- the front -----------------------------------------------------------------------------------

static uint64_t prefix_of(const struct item *item)
{
    uint64_t prefix = 0;
    if (item->key_length >= sizeof prefix) {
        memcpy(&prefix, item->bytes, sizeof prefix);
        return __builtin_bswap64(prefix);
    }
    for (uint32_t i = 0; i < item->key_length; i++)
        prefix |= (uint64_t)item->bytes[i] << (56 - 8 * i);
    return prefix;
}

static int compare_bytes(const uint8_t *a, uint32_t a_length, const uint8_t *b, uint32_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static bool is_earlier(const struct due *x, const struct due *y)
{
    if (x->at != y->at)
        return x->at < y->at;
    if (x->prefix != y->prefix)
        return x->prefix < y->prefix;
    const struct item *a = x->item, *b = y->item;
    int order = compare_bytes(a->bytes, a->key_length, b->bytes, b->key_length);
    if (order == 0)
        order = compare_bytes(a->bytes + a->key_length, a->name_length, b->bytes + b->key_length,
                              b->name_length);
    return order < 0;
}

static void sort_run(struct due *due, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct due one = due[i];
        uint32_t at = i;
        for (; at > 0 && is_earlier(&one, &due[at - 1]); at--)
            due[at] = due[at - 1];
        due[at] = one;
    }
}

static void merge(const struct due *a, uint32_t a_count, const struct due *b, uint32_t b_count,
                  struct due *to)
{
    while (a_count != 0 && b_count != 0) {
        bool second = is_earlier(b, a);
        *to++ = second ? *b : *a;
        b += second;
        b_count -= second;
        a += !second;
        a_count -= !second;
    }
    memcpy(to, a, a_count * sizeof *a);
    memcpy(to + a_count, b, b_count * sizeof *b);
}

// Runs, then merged two by two; `scratch` is as large.
static void sort(struct due *due, uint32_t count, struct due *scratch)
{
    struct due *from = due, *to = scratch;
    for (uint32_t i = 0; i < count; i += RUN)
        sort_run(due + i, count - i < RUN ? count - i : RUN);
    for (uint64_t width = RUN; width < count; width *= 2) {
        for (uint64_t i = 0; i < count; i += 2 * width) {
            uint64_t left = count - i;
            uint64_t a = left < width ? left : width;
            uint64_t b = left - a < width ? left - a : width;
            merge(from + i, (uint32_t)a, from + i + a, (uint32_t)b, to + i);
        }
        struct due *swap = from;
        from = to;
        to = swap;
    }
    if (from != due)
        memcpy(due, from, count * sizeof *due);
}

static bool reserve_due(struct tm_agenda *a, uint64_t more)
{
    uint64_t needed = a->due_count + more;
    if (needed <= a->due_capacity)
        return true;
    uint64_t capacity = a->due_capacity == 0 ? 2 * SORTED_MAX : a->due_capacity;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > UINT32_MAX)
        return false;
    size_t bytes = capacity * sizeof *a->due;
    struct due *due = tm_mem_alloc(a->mem, bytes), *scratch = tm_mem_alloc(a->mem, bytes);
    if (due == NULL || scratch == NULL) {
        tm_mem_free(a->mem, due, bytes);
        tm_mem_free(a->mem, scratch, bytes);
        return false;
    }
    if (a->due_count != 0)
        memcpy(due, a->due, a->due_count * sizeof *due);
    tm_mem_free(a->mem, a->due, a->due_capacity * sizeof *a->due);
    tm_mem_free(a->mem, a->scratch, a->due_capacity * sizeof *a->scratch);
    a->due = due;
    a->scratch = scratch;
    a->due_capacity = (uint32_t)capacity;
    return true;
}

// A bucket behind what the front has, whose room is reserved.
static void sort_bucket(struct tm_agenda *a, struct bucket bucket)
{
    struct due *due = a->due + a->due_count;
    uint32_t count = 0;
    for (struct chunk *chunk = bucket.chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        if (next != NULL)
            ask_for(next);
        for (uint32_t at = chunk->from; at < chunk->until;) {
            const struct item *item = item_at(chunk, at);
            due[count++] = (struct due){item->at, prefix_of(item), item};
            at += item_bytes(item->key_length, item->name_length);
        }
        chunk->next = a->front.chunks;
        a->front.chunks = chunk;
    }
    a->due_count += count;
    sort(due, count, a->scratch);
}

// Buckets to the front, as long as they are due, until it is long enough. 0, TM_E_MEMORY.
static int load(struct tm_agenda *a, uint64_t until)
{
    while (a->due_count < SORTED_MAX) {
        uint32_t level;
        int rc = spread(a);
        if (rc != 0)
            return rc;
        struct bucket *bucket = first_bucket(a, &level);
        if (bucket == NULL || bucket->earliest > until)
            return 0;
        bool sorts = bucket->count <= SORTED_MAX && bucket->latest <= until;
        if (level != 0 && !sorts) {
            a->base = bucket->earliest;
            a->closed = false;
            a->pending = take_bucket(a, bucket, level);
            continue;
        }
        if (!reserve_due(a, bucket->count))
            return TM_E_MEMORY;
        a->base = bucket->latest;
        a->closed = true;
        sort_bucket(a, take_bucket(a, bucket, level));
    }
    return 0;
}

static void write_item(struct item *item, uint64_t at, const struct tm_timer *timer)
{
    *item = (struct item){at, timer->key.hash, timer->key.length, timer->name_length};
    if (timer->key.length != 0)
        memcpy(item->bytes, timer->key.bytes, timer->key.length);
    if (timer->name_length != 0)
        memcpy(item->bytes + timer->key.length, timer->name, timer->name_length);
}

// Into the front, in its place.
static int add_late(struct tm_agenda *a, uint64_t at, uint32_t bytes, const struct tm_timer *timer)
{
    if (!reserve_due(a, 1))
        return TM_E_MEMORY;
    struct item *item = make_room(a, &a->front, at, bytes);
    if (item == NULL)
        return TM_E_MEMORY;
    write_item(item, at, timer);
    const struct due one = {at, prefix_of(item), item};
    uint32_t low = a->next, high = a->due_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (is_earlier(&one, &a->due[middle]))
            high = middle;
        else
            low = middle + 1;
    }
    memmove(a->due + low + 1, a->due + low, (a->due_count - low) * sizeof one);
    a->due[low] = one;
    a->due_count++;
    a->count++;
    return 0;
}

// --- the contract --------------------------------------------------------------------------------

struct tm_agenda *tm_agenda_new(struct tm_mem *mem)
{
    struct tm_agenda *a = tm_mem_zalloc(mem, sizeof *a);
    if (a != NULL)
        a->mem = mem;
    return a;
}

void tm_agenda_free(struct tm_agenda *a)
{
    if (a == NULL)
        return;
    give_all(a, a->pending.chunks);
    give_all(a, a->front.chunks);
    for (uint32_t level = 0; level < LEVELS; level++)
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            give_all(a, a->buckets[level][slot].chunks);
    for (struct chunk *chunk = a->free, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        tm_mem_free(a->mem, chunk, chunk->size_bytes);
    }
    tm_mem_free(a->mem, a->due, a->due_capacity * sizeof *a->due);
    tm_mem_free(a->mem, a->scratch, a->due_capacity * sizeof *a->scratch);
    tm_mem_free(a->mem, a, sizeof *a);
}

int tm_agenda_add(struct tm_agenda *a, const struct tm_timer *timer)
{
    if (timer->name_length > TM_TIMER_NAME_BYTES || timer->key.length > TM_TIMER_KEY_BYTES)
        return TM_E_LIMIT;
    uint64_t at = at_of(timer->time);
    uint32_t bytes = item_bytes(timer->key.length, timer->name_length), level, slot;
    if (TM_UNLIKELY(at < a->base || (at == a->base && a->closed)))
        return add_late(a, at, bytes, timer);
    struct bucket *bucket = bucket_of(a, at, &level, &slot);
    struct item *item = make_room(a, bucket, at, bytes);
    if (item == NULL)
        return TM_E_MEMORY;
    write_item(item, at, timer);
    a->filled[level] |= (uint64_t)1 << slot;
    a->count++;
    return 0;
}

int tm_agenda_due(struct tm_agenda *a, int64_t until, struct tm_timer *timers, uint32_t most)
{
    uint64_t last = at_of(until);
    if (a->next == a->due_count) {
        give_all(a, a->front.chunks);
        a->front = (struct bucket){0};
        a->next = a->due_count = 0;
        int rc = load(a, last);
        if (rc != 0 && a->due_count == 0)
            return rc;
    }
    uint32_t n = 0;
    for (; n < most && a->next + n < a->due_count && a->due[a->next + n].at <= last; n++) {
        const struct item *item = a->due[a->next + n].item;
        timers[n] = (struct tm_timer){
            .time = time_of(item->at),
            .key = {.hash = item->hash, .bytes = item->bytes, .length = item->key_length},
            .name = item->bytes + item->key_length,
            .name_length = item->name_length,
        };
    }
    return (int)n;
}

void tm_agenda_done(struct tm_agenda *a)
{
    TM_ASSERT(a->next < a->due_count);
    a->next++;
    a->count--;
}

int64_t tm_agenda_next_time(const struct tm_agenda *a)
{
    uint32_t level;
    if (a->next < a->due_count)
        return time_of(a->due[a->next].at);
    const struct bucket *bucket = first_bucket(a, &level);
    uint64_t at = bucket == NULL ? UINT64_MAX : bucket->earliest;
    if (a->pending.chunks != NULL && a->pending.earliest < at)
        at = a->pending.earliest;
    return time_of(at);
}

uint64_t tm_agenda_count(const struct tm_agenda *a)
{
    return a->count;
}

int64_t tm_agenda_used_bytes(const struct tm_agenda *a)
{
    return (int64_t)(sizeof *a + 2 * (size_t)a->due_capacity * sizeof *a->due) + a->chunk_bytes;
}
