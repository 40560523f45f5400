// Keyed state of which a share alone is in memory: its pages go to RocksDB and come back when they
// are used. Answers whether the layout of pages serves a state larger than memory: what a page
// costs each way, and what a row costs when three quarters or a half of the memory may be used, for
// keys drawn evenly and by Zipf, against all in memory and against every value by its own key in
// RocksDB. Sums are compared with a plain array at the end.
//
//   eviction [keys] [rows] [folder]
//
// No write-ahead log: pages are a cache, checkpoints are what survives a crash.
#include <math.h>
#include <rocksdb/c.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/state/state.h"

#include "bench/micro/world.h"

enum { BLOCK = 256, GROUPS = 128, PAGES_AT_ONCE = 16, CACHE_BYTES = 8 << 20 };

// --- RocksDB as the store ------------------------------------------------------------------------

struct disk {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
    uint64_t next;
    uint64_t puts, gets;
    int64_t bytes; // in the store
    double put_seconds, get_seconds;
};

static void must(char *error)
{
    if (error == NULL)
        return;
    fprintf(stderr, "eviction: %s\n", error);
    exit(1);
}

static int disk_put(void *context, const void *bytes, uint32_t size, uint64_t *token)
{
    struct disk *d = context;
    char *error = NULL;
    double t = cpu_seconds();
    *token = d->next++;
    uint64_t key = __builtin_bswap64(*token);
    rocksdb_put(d->db, d->write, (const char *)&key, sizeof key, bytes, size, &error);
    must(error);
    d->put_seconds += cpu_seconds() - t;
    d->puts++;
    d->bytes += size;
    return 0;
}

static int disk_get(void *context, uint64_t token, void *bytes, uint32_t size)
{
    struct disk *d = context;
    char *error = NULL;
    double t = cpu_seconds();
    uint64_t key = __builtin_bswap64(token);
    rocksdb_pinnableslice_t *slice =
        rocksdb_get_pinned(d->db, d->read, (const char *)&key, sizeof key, &error);
    must(error);
    size_t length = 0;
    const char *p = rocksdb_pinnableslice_value(slice, &length);
    if (p == NULL || length != size)
        must("a page is not what it was");
    memcpy(bytes, p, size);
    rocksdb_pinnableslice_destroy(slice);
    d->get_seconds += cpu_seconds() - t;
    d->gets++;
    d->bytes -= size;
    return 0;
}

static void disk_retain(void *context, uint64_t token)
{
    (void)context, (void)token; // nobody else holds pages here
}

static void disk_release(void *context, uint64_t token)
{
    struct disk *d = context;
    char *error = NULL;
    uint64_t key = __builtin_bswap64(token);
    rocksdb_delete(d->db, d->write, (const char *)&key, sizeof key, &error);
    must(error);
}

static void disk_open(struct disk *d, const char *folder)
{
    char *error = NULL;
    d->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(d->options, 1);
    rocksdb_options_set_compression(d->options, rocksdb_no_compression);
    rocksdb_options_set_max_background_jobs(d->options, 1);
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_size(table, 16384);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom(10));
    rocksdb_block_based_options_set_block_cache(table, rocksdb_cache_create_lru(CACHE_BYTES));
    rocksdb_options_set_block_based_table_factory(d->options, table);
    d->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(d->write, 1);
    d->read = rocksdb_readoptions_create();
    rocksdb_destroy_db(d->options, folder, &error);
    free(error); // there was none
    error = NULL;
    d->db = rocksdb_open(d->options, folder, &error);
    must(error);
}

static void disk_close(struct disk *d, const char *folder)
{
    char *error = NULL;
    rocksdb_close(d->db);
    rocksdb_destroy_db(d->options, folder, &error);
    must(error);
    rocksdb_readoptions_destroy(d->read);
    rocksdb_writeoptions_destroy(d->write);
    rocksdb_options_destroy(d->options);
}

// --- keys ----------------------------------------------------------------------------------------

static uint64_t seed = 88172645463325252u;

static double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) * 0x1p-53;
}

// Rank of a zipf(0.9) draw over n, by inverting the continuous distribution; spread over all keys.
static uint32_t zipf(uint32_t n)
{
    double top = pow((double)n, 0.1);
    double rank = pow(uniform() * (top - 1) + 1, 10.0) - 1;
    uint64_t k = rank < n ? (uint64_t)rank : n - 1;
    return (uint32_t)(k * 2654435761u % n);
}

// --- the state -----------------------------------------------------------------------------------

struct value {
    int64_t count, sum;
};

struct world {
    struct tm_mem mem;
    struct tm_state *state;
    struct tm_namespace *ns;
    struct disk disk;
    struct tm_state_store store;
    int64_t *counts; // the plain array
    uint32_t key_count;
    uint32_t group, page[GROUPS]; // where eviction goes on
    int64_t full_bytes;           // of memory, with all pages in it; their memory stays the state's
    int64_t limit_bytes;          // how much of that may be in use; 0: all
};

static void evict_to_limit(struct world *w)
{
    for (uint32_t idle = 0;
         w->limit_bytes > 0 && w->full_bytes - w->disk.bytes > w->limit_bytes && idle < GROUPS;) {
        int64_t freed = tm_state_evict(w->state, w->group, &w->page[w->group], PAGES_AT_ONCE);
        if (freed < 0)
            must("eviction failed");
        idle = freed == 0 ? idle + 1 : 0;
        w->group = (w->group + 1) % GROUPS;
    }
}

static void add(struct world *w, const uint64_t *ids, uint32_t n)
{
    static struct tm_key keys[BLOCK];
    static void *values[BLOCK];
    for (uint32_t i = 0; i < n; i++)
        keys[i] = (struct tm_key){tm_hash_bytes(&ids[i], 8), (const uint8_t *)&ids[i], 8};
    if (tm_state_upsert_batch(w->state, w->ns, keys, n, values, NULL) != 0)
        must("no memory");
    for (uint32_t i = 0; i < n; i++) {
        struct value *v = values[i];
        v->count++;
        v->sum += (int64_t)ids[i];
    }
    for (uint32_t i = 0; i < n; i++)
        w->counts[ids[i]]++;
    evict_to_limit(w);
}

static void fill(struct world *w)
{
    uint64_t ids[BLOCK];
    for (uint32_t at = 0; at < w->key_count; at += BLOCK) {
        uint32_t n = w->key_count - at < BLOCK ? w->key_count - at : BLOCK;
        for (uint32_t i = 0; i < n; i++)
            ids[i] = at + i;
        add(w, ids, n);
    }
}

// Nanoseconds of CPU time a row, without drawing the keys.
static double rows(struct world *w, uint32_t count, bool skewed)
{
    uint64_t ids[BLOCK];
    double seconds = 0;
    for (uint32_t at = 0; at < count; at += BLOCK) {
        for (uint32_t i = 0; i < BLOCK; i++)
            ids[i] = skewed ? zipf(w->key_count) : (uint32_t)(uniform() * w->key_count);
        double t = cpu_seconds();
        add(w, ids, BLOCK);
        seconds += cpu_seconds() - t;
    }
    return seconds / count * 1e9;
}

static void check(struct world *w)
{
    uint64_t seen = 0;
    for (uint32_t g = 0; g < GROUPS; g++) {
        struct tm_state_cursor cursor;
        struct tm_key key;
        const void *p;
        tm_state_iterate(w->state, w->ns, g, &cursor);
        for (; tm_state_next(&cursor, &key, &p); seen++) {
            const struct value *v = p;
            uint64_t id;
            memcpy(&id, key.bytes, sizeof id);
            if (v->count != w->counts[id] || v->sum != v->count * (int64_t)id)
                must("a value is not what it was");
        }
    }
    if (seen != w->key_count)
        must("a key is lost");
}

static void measure(struct world *w, uint32_t count, double share, bool skewed)
{
    w->limit_bytes = share < 1 ? (int64_t)((double)w->full_bytes * share) : 0;
    evict_to_limit(w);
    rows(w, count / 4, skewed); // until what is resident is what is used
    struct disk before = w->disk;
    double ns = rows(w, count, skewed);
    uint64_t gets = w->disk.gets - before.gets;
    double get_us = gets == 0 ? 0 : (w->disk.get_seconds - before.get_seconds) / (double)gets * 1e6;
    printf("%-8s %4.0f %%  %9.1f ns a row  %6.3f pages fetched a row, %5.1f us each\n",
           skewed ? "zipf 0.9" : "even", share * 100, ns, (double)gets / count, get_us);
    fflush(stdout);
}

// What a state does whose every value lives in RocksDB, as engines with such a backend have it.
static double rows_by_key(struct world *w, uint32_t count, bool skewed)
{
    double seconds = 0;
    for (uint32_t i = 0; i < w->key_count + count; i++) {
        uint64_t id = i < w->key_count ? i
                      : skewed         ? zipf(w->key_count)
                                       : (uint32_t)(uniform() * w->key_count);
        char key[9] = "v", *error = NULL;
        struct value v = {0, 0};
        size_t length;
        memcpy(key + 1, &id, 8);
        double t = cpu_seconds();
        if (i >= w->key_count) {
            char *p = rocksdb_get(w->disk.db, w->disk.read, key, sizeof key, &length, &error);
            if (p == NULL || length != sizeof v)
                must("a value is not what it was");
            memcpy(&v, p, sizeof v);
            free(p);
        }
        v.count++;
        v.sum += (int64_t)id;
        rocksdb_put(w->disk.db, w->disk.write, key, sizeof key, (const char *)&v, sizeof v, &error);
        must(error);
        if (i >= w->key_count)
            seconds += cpu_seconds() - t;
    }
    return seconds / count * 1e9;
}

int main(int argc, char **argv)
{
    struct world w = {.key_count = argc > 1 ? (uint32_t)atoi(argv[1]) : 2000000};
    uint32_t count = argc > 2 ? (uint32_t)atoi(argv[2]) : 1000000;
    const char *folder = argc > 3 ? argv[3] : "eviction.rocksdb";
    struct tm_error err;
    count -= count % BLOCK;
    disk_open(&w.disk, folder);
    w.store = (struct tm_state_store){&w.disk, disk_put, disk_get, disk_retain, disk_release};
    w.counts = calloc(w.key_count, sizeof *w.counts);
    tm_mem_init(&w.mem, &fx, NULL, 0);
    if (tm_state_new(&(struct tm_state_args){&w.mem, GROUPS, 0, GROUPS - 1, sizeof(struct value)},
                     &w.state, &err) != 0 ||
        w.counts == NULL || (w.ns = tm_state_namespace_create(w.state, 0)) == NULL)
        must("no memory");
    tm_state_set_store(w.state, &w.store);
    fill(&w);
    w.full_bytes = tm_state_used_bytes(w.state);
    printf("%u keys, %.1f bytes each\n", w.key_count, (double)w.full_bytes / w.key_count);

    w.limit_bytes = 1;
    evict_to_limit(&w);
    w.limit_bytes = 0;
    printf("all pages out: %llu of them, %.1f us each; %.1f bytes a key stay in use (slots)\n",
           (unsigned long long)w.disk.puts, w.disk.put_seconds / (double)w.disk.puts * 1e6,
           (double)(w.full_bytes - w.disk.bytes) / w.key_count);
    check(&w);
    printf("all back: %.1f us each\n", w.disk.get_seconds / (double)w.disk.gets * 1e6);

    static const double shares[] = {1, 0.75, 0.5};
    for (int skewed = 1; skewed >= 0; skewed--)
        for (int i = 0; i < 3; i++)
            measure(&w, count, shares[i], skewed != 0);
    w.limit_bytes = 0;
    check(&w);
    for (int skewed = 1; skewed >= 0; skewed--)
        printf("%-8s every value by its key in RocksDB: %.1f ns a row\n",
               skewed ? "zipf 0.9" : "even", rows_by_key(&w, count / 4, skewed != 0));
    tm_state_free(w.state);
    disk_close(&w.disk, folder);
    free(w.counts);
    return 0;
}
