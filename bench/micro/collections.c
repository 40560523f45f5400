// How far map state and list state are from what one would write by hand. Maps: a count and a sum
// per key and map key, rows in batches; the reference is one open-addressing table keyed by both,
// with everything in the slot. Lists: values appended per key, and scanned; the reference is an
// array per key that doubles. All run on the same rows, interleaved, in one process; ratios count.
//
//   collections [pairs] [entries] [rows]
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/state/collection.h"

#include "bench/micro/world.h"

enum { BLOCK = 256, AHEAD = 16 };

// --- the world -----------------------------------------------------------------------------------

static uint64_t seed = 88172645463325252u;
static uint64_t draw(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % below;
}

struct row {
    uint64_t key, map_key;
    double amount;
};

static struct row *make_rows(uint32_t count, uint32_t keys, uint32_t map_keys)
{
    struct row *rows = malloc(count * sizeof *rows);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (struct row){draw(keys), draw(map_keys), (double)draw(1000)};
    return rows;
}

// --- the reference of maps -----------------------------------------------------------------------

struct slot {
    uint64_t hash, key, map_key; // hash 0: empty
    int64_t count;
    double sum;
};
struct table {
    struct slot *slots;
    uint64_t mask, count;
};

static void table_init(struct table *t, uint64_t size)
{
    t->slots = calloc(size, sizeof *t->slots);
    t->mask = size - 1;
    t->count = 0;
}

static void table_grow(struct table *t)
{
    struct table bigger;
    table_init(&bigger, (t->mask + 1) * 2);
    for (uint64_t i = 0; i <= t->mask; i++) {
        if (t->slots[i].hash == 0)
            continue;
        uint64_t j = t->slots[i].hash >> 1 & bigger.mask;
        while (bigger.slots[j].hash != 0)
            j = (j + 1) & bigger.mask;
        bigger.slots[j] = t->slots[i];
    }
    bigger.count = t->count;
    free(t->slots);
    *t = bigger;
}

static inline uint64_t pair_hash(const struct row *row)
{
    return tm_hash_bytes(row, 16) | 1; // key and map key stand side by side
}

static inline struct slot *table_upsert(struct table *t, uint64_t hash, const struct row *row)
{
    for (uint64_t i = hash >> 1 & t->mask;; i = (i + 1) & t->mask) {
        struct slot *s = &t->slots[i];
        if (s->hash == 0) {
            if ((t->count + 1) * 10 > (t->mask + 1) * 7) {
                table_grow(t);
                return table_upsert(t, hash, row);
            }
            *s = (struct slot){.hash = hash, .key = row->key, .map_key = row->map_key};
            t->count++;
            return s;
        }
        if (s->hash == hash && s->key == row->key && s->map_key == row->map_key)
            return s;
    }
}

static void reference_run(struct table *t, const struct row *rows, uint32_t count, bool prefetch)
{
    uint64_t hashes[BLOCK];
    for (uint32_t base = 0; base < count; base += BLOCK) {
        uint32_t n = count - base < BLOCK ? count - base : BLOCK;
        const struct row *r = rows + base;
        for (uint32_t i = 0; i < n; i++)
            hashes[i] = pair_hash(&r[i]);
        for (uint32_t i = 0; i < n; i++) {
            if (prefetch && i + AHEAD < n)
                __builtin_prefetch(&t->slots[hashes[i + AHEAD] >> 1 & t->mask], 1);
            struct slot *s = table_upsert(t, hashes[i], &r[i]);
            s->count++;
            s->sum += r[i].amount;
        }
    }
}

// --- map state -----------------------------------------------------------------------------------

struct record {
    struct tm_state_map map;
    struct tm_state_list list;
};
struct sums {
    int64_t count;
    double sum;
};

struct keyed {
    struct tm_mem mem;
    struct tm_state *state;
    struct tm_namespace *ns;
};

static void keyed_init(struct keyed *k)
{
    tm_mem_init(&k->mem, &fx, NULL, 0);
    struct tm_state_args args = {&k->mem, 128, 0, 127, sizeof(struct record)};
    if (tm_state_new(&args, &k->state, NULL) != 0)
        abort();
    k->ns = tm_state_namespace_create(k->state, 0);
}

static struct tm_place place_of(const struct keyed *k, const struct tm_key *key)
{
    return (struct tm_place){k->state, k->ns, tm_state_key_group(k->state, key->hash)};
}

static void look_up(const struct keyed *k, const struct row *r, uint32_t n, struct tm_key *keys,
                    struct record **records)
{
    for (uint32_t i = 0; i < n; i++)
        keys[i] = (struct tm_key){tm_hash_bytes(&r[i].key, 8), &r[i].key, 8};
    if (tm_state_upsert_batch(k->state, k->ns, keys, n, (void **)records, NULL) != 0)
        abort();
}

static void look(const struct keyed *k, const struct tm_key *record_keys,
                 struct record *const *records, const struct tm_key *keys, uint32_t n)
{
    static struct tm_state_map_look looks[TM_STATE_LOOK];
    for (uint32_t i = 0; i < n; i++)
        looks[i] = (struct tm_state_map_look){
            .map = &records[i]->map, .record_hash = record_keys[i].hash, .key = keys[i]};
    tm_state_map_look_begin(k->state, looks, n);
    tm_state_map_look(looks, n);
}

// `known`: whoever calls knows the map keys of the block before (an operator in C); else it asks
// for the maps only (the keys are made by job code, row by row).
static void map_run(const struct keyed *k, const struct row *rows, uint32_t count, bool known)
{
    static struct tm_key keys[BLOCK], map_keys[BLOCK];
    static struct record *records[BLOCK];
    static struct tm_place places[BLOCK];
    for (uint32_t base = 0; base < count; base += BLOCK) {
        uint32_t n = count - base < BLOCK ? count - base : BLOCK;
        const struct row *r = rows + base;
        look_up(k, r, n, keys, records);
        for (uint32_t i = 0; i < n; i++) {
            places[i] = place_of(k, &keys[i]);
            if (!known)
                tm_state_map_ask(&places[i], &records[i]->map);
            map_keys[i] = (struct tm_key){tm_hash_bytes(&r[i].map_key, 8), &r[i].map_key, 8};
        }
        for (uint32_t i = 0; i < n; i++) {
            struct sums *sums;
            if (known && i % TM_STATE_LOOK == 0)
                look(k, &keys[i], &records[i], &map_keys[i],
                     n - i < TM_STATE_LOOK ? n - i : TM_STATE_LOOK);
            if (tm_state_map_upsert(&places[i], &records[i]->map, &map_keys[i], sizeof *sums,
                                    (void **)&sums) < 0)
                abort();
            sums->count++;
            sums->sum += r[i].amount;
        }
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, compare);
    return v[n / 2];
}

// All entries, by walks; each as the reference has it.
static double check_maps(struct table *t, const struct keyed *k, uint32_t *entries)
{
    double bytes = 0;
    *entries = 0;
    for (uint32_t g = 0; g < 128; g++) {
        struct tm_state_cursor cursor;
        struct tm_key key, map_key;
        const void *value;
        struct tm_place place = {k->state, k->ns, g};
        tm_state_iterate(k->state, k->ns, g, &cursor);
        while (tm_state_next(&cursor, &key, &value)) {
            const struct record *record = value;
            struct tm_state_map_cursor walk = {0};
            struct tm_span span;
            bytes += (double)record->map.bytes;
            while (tm_state_map_next(&place, &record->map, &walk, &map_key, &span) == 1) {
                struct row row = {*(const uint64_t *)key.bytes, *(const uint64_t *)map_key.bytes,
                                  0};
                if (table_upsert(t, pair_hash(&row), &row)->count !=
                    ((const struct sums *)span.bytes)->count)
                    abort();
                ++*entries;
            }
        }
    }
    if (*entries != t->count)
        abort();
    return bytes;
}

static void run_maps(uint32_t keys, uint32_t map_keys, uint32_t count, int pairs)
{
    struct row *rows = make_rows(count, keys, map_keys);
    double build_c[64], build_s[64], c[64], p[64], s[64], a[64], walk[64], bytes = 0;
    uint32_t entries = 0;
    for (int i = 0; i < pairs; i++) {
        struct keyed k;
        struct table t;
        double t0 = cpu_seconds();
        table_init(&t, 1024);
        reference_run(&t, rows, count, true);
        double t1 = cpu_seconds();
        keyed_init(&k);
        map_run(&k, rows, count, true);
        double t2 = cpu_seconds();
        reference_run(&t, rows, count, false);
        double t3 = cpu_seconds();
        map_run(&k, rows, count, true);
        double t4 = cpu_seconds();
        reference_run(&t, rows, count, true);
        double t5 = cpu_seconds();
        map_run(&k, rows, count, false);
        double t6 = cpu_seconds();
        bytes = check_maps(&t, &k, &entries);
        double t7 = cpu_seconds();
        build_c[i] = (t1 - t0) / count * 1e9;
        build_s[i] = (t2 - t1) / count * 1e9;
        c[i] = (t3 - t2) / count * 1e9;
        s[i] = (t4 - t3) / count * 1e9;
        p[i] = (t5 - t4) / count * 1e9;
        a[i] = (t6 - t5) / count * 1e9;
        walk[i] = (t7 - t6) / entries * 1e9;
        tm_state_free(k.state);
        free(t.slots);
    }
    double plain = median(c, pairs), ahead = median(p, pairs), best = fmin(plain, ahead);
    double known = median(s, pairs), asked = median(a, pairs);
    printf("maps of %6u, %8u entries  build: ratio %.2f   C %5.1f ns, with prefetch %5.1f ns   map "
           "state %5.1f ns, ratio %.2f; keys not known before %5.1f ns, ratio %.2f (to C without "
           "prefetch %.2f)   walk and check %5.1f ns   %.0f bytes an entry\n",
           map_keys, entries, median(build_s, pairs) / median(build_c, pairs), plain, ahead, known,
           known / best, asked, asked / best, asked / plain, median(walk, pairs), bytes / entries);
    free(rows);
}

// --- lists ---------------------------------------------------------------------------------------

struct array {
    double *values;
    uint32_t count, capacity;
};

static double arrays_run(struct array *arrays, uint32_t keys, const struct row *rows,
                         uint32_t count, double *scan)
{
    double t0 = cpu_seconds(), sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct array *a = &arrays[rows[i].key];
        if (i + AHEAD < count)
            __builtin_prefetch(&arrays[rows[i + AHEAD].key], 1);
        if (a->count == a->capacity) {
            a->capacity = a->capacity == 0 ? 4 : 2 * a->capacity;
            a->values = realloc(a->values, a->capacity * sizeof *a->values);
        }
        a->values[a->count++] = rows[i].amount;
    }
    double t1 = cpu_seconds();
    for (uint32_t k = 0; k < keys; k++)
        for (uint32_t i = 0; i < arrays[k].count; i++)
            sum += arrays[k].values[i];
    *scan = cpu_seconds() - t1;
    if (sum < 0)
        abort();
    return t1 - t0;
}

static double scan_lists(const struct keyed *k, double *sum, double *bytes)
{
    double t0 = cpu_seconds();
    for (uint32_t g = 0; g < 128; g++) {
        struct tm_state_cursor cursor;
        struct tm_key key;
        const void *value;
        struct tm_place place = {k->state, k->ns, g};
        tm_state_iterate(k->state, k->ns, g, &cursor);
        while (tm_state_next(&cursor, &key, &value)) {
            const struct tm_state_list *list = &((const struct record *)value)->list;
            struct tm_span values[TM_STATE_LIST_SOME];
            *bytes += (double)list->bytes;
            for (uint32_t i = 0; i < list->count;) {
                int some = tm_state_list_some(&place, list, i, values, TM_STATE_LIST_SOME);
                for (int n = 0; n < some; n++)
                    *sum += *(const double *)values[n].bytes;
                i += (uint32_t)some;
            }
        }
    }
    return cpu_seconds() - t0;
}

static double lists_run(const struct keyed *k, const struct row *rows, uint32_t count)
{
    static struct tm_key keys[BLOCK];
    static struct record *records[BLOCK];
    double t0 = cpu_seconds();
    for (uint32_t base = 0; base < count; base += BLOCK) {
        uint32_t n = count - base < BLOCK ? count - base : BLOCK;
        const struct row *r = rows + base;
        look_up(k, r, n, keys, records);
        for (uint32_t i = 0; i < n; i++) {
            struct tm_place place = place_of(k, &keys[i]);
            tm_state_list_ask(&place, &records[i]->list);
        }
        for (uint32_t i = 0; i < n; i++) {
            struct tm_place place = place_of(k, &keys[i]);
            if (tm_state_list_append(&place, &records[i]->list, &r[i].amount, 8) != 0)
                abort();
        }
    }
    return cpu_seconds() - t0;
}

static void run_lists(uint32_t keys, uint32_t count, int pairs)
{
    struct row *rows = make_rows(count, keys, 1);
    double c[64], s[64], scan_c[64], scan_s[64], bytes = 0;
    for (int i = 0; i < pairs; i++) {
        struct keyed k;
        struct array *arrays = calloc(keys, sizeof *arrays);
        double sum = 0, expected = 0;
        keyed_init(&k);
        c[i] = arrays_run(arrays, keys, rows, count, &scan_c[i]) / count * 1e9;
        s[i] = lists_run(&k, rows, count) / count * 1e9;
        bytes = 0;
        scan_s[i] = scan_lists(&k, &sum, &bytes) / count * 1e9;
        scan_c[i] *= 1e9 / count;
        for (uint32_t n = 0; n < count; n++)
            expected += rows[n].amount;
        if (sum != expected) // whole numbers
            abort();
        for (uint32_t n = 0; n < keys; n++)
            free(arrays[n].values);
        free(arrays);
        tm_state_free(k.state);
    }
    printf("lists of %6u  append: C (key known) %5.1f ns, list state with its key's lookup %5.1f "
           "ns, ratio %.2f   scan: C %4.1f ns, list state %4.1f ns   %.1f bytes a value\n",
           count / keys, median(c, pairs), median(s, pairs), median(s, pairs) / median(c, pairs),
           median(scan_c, pairs), median(scan_s, pairs), bytes / count);
    free(rows);
}

int main(int argc, char **argv)
{
    int pairs = argc > 1 ? atoi(argv[1]) : 5;
    uint32_t entries = argc > 2 ? (uint32_t)atoi(argv[2]) : 1000000;
    uint32_t count = argc > 3 ? (uint32_t)atoi(argv[3]) : 2000000;
    pairs = pairs < 1 ? 1 : pairs > 64 ? 64 : pairs;
    static const uint32_t sizes[] = {3, 30, 1000, 100000};
    for (uint32_t i = 0; i < 4; i++)
        run_maps(entries / sizes[i] < 1 ? 1 : entries / sizes[i], sizes[i], count, pairs);
    for (uint32_t i = 0; i < 4; i++)
        run_lists(count / sizes[i] < 1 ? 1 : count / sizes[i], count, pairs);
    return 0;
}
