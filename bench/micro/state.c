// How far keyed state is from the best single hash table one would write by hand for this one job:
// count and sum per string key, rows in batches. The reference holds key, hash and value in one
// slot of one open-addressing table; keyed state has key groups, ordered slots, pages and
// references. Both run on the same rows, interleaved, in one process; ratios are what counts.
//
//   state [pairs] [keys] [rows]
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/state/state.h"

#include "bench/micro/world.h"

// Keyed state works in blocks that fit the first cache with their entries, as the operators do.
enum { BATCH = 1024, BLOCK = 256, VALUE_BYTES = 16 };

// --- the world -----------------------------------------------------------------------------------

static uint64_t seed = 88172645463325252u;
static double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) * 0x1p-53;
}

// --- rows: 8 to 12 bytes of key, as they lie in a batch ------------------------------------------

struct row {
    uint32_t length;
    char key[12];
    double amount;
};

static void make_key(struct row *row, uint32_t id)
{
    uint32_t x = id * 2654435761u;
    row->length = 8 + x % 5;
    memset(row->key, 'a', sizeof row->key);
    for (int i = 0; i < 8; i++)
        row->key[i] = (char)('A' + (id >> (i * 4) & 15));
}

// Rank of a zipf(0.9) draw over n keys, by inverting the continuous distribution.
static uint32_t zipf(uint32_t n)
{
    double top = pow((double)n, 0.1);
    double rank = pow(uniform() * (top - 1) + 1, 10.0) - 1;
    uint32_t k = (uint32_t)rank;
    return k < n ? k : n - 1;
}

static struct row *make_rows(uint32_t count, uint32_t keys, bool skewed)
{
    struct row *rows = malloc(count * sizeof *rows);
    for (uint32_t i = 0; i < count; i++) {
        make_key(&rows[i], skewed ? zipf(keys) : (uint32_t)(uniform() * keys));
        rows[i].amount = uniform();
    }
    return rows;
}

// --- the reference -------------------------------------------------------------------------------

struct slot {
    uint64_t hash;
    uint32_t length; // 0: empty
    char key[12];
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
        if (t->slots[i].length == 0)
            continue;
        uint64_t j = t->slots[i].hash & bigger.mask;
        while (bigger.slots[j].length != 0)
            j = (j + 1) & bigger.mask;
        bigger.slots[j] = t->slots[i];
    }
    bigger.count = t->count;
    free(t->slots);
    *t = bigger;
}

static inline struct slot *table_upsert(struct table *t, uint64_t hash, const char *key,
                                        uint32_t length)
{
    uint64_t i = hash & t->mask;
    for (;; i = (i + 1) & t->mask) {
        struct slot *s = &t->slots[i];
        if (s->length == 0) {
            if ((t->count + 1) * 10 > (t->mask + 1) * 7) {
                table_grow(t);
                return table_upsert(t, hash, key, length);
            }
            s->hash = hash;
            s->length = length;
            memcpy(s->key, key, length);
            t->count++;
            return s;
        }
        uint64_t a, b, c, d;
        if (s->hash != hash || s->length != length)
            continue;
        memcpy(&a, s->key, 8);
        memcpy(&b, key, 8);
        memcpy(&c, s->key + length - 8, 8);
        memcpy(&d, key + length - 8, 8);
        if (a == b && c == d)
            return s;
    }
}

static void reference_run(struct table *t, const struct row *rows, uint32_t count, bool prefetch)
{
    uint64_t hashes[BATCH];
    for (uint32_t base = 0; base < count; base += BATCH) {
        uint32_t n = count - base < BATCH ? count - base : BATCH;
        const struct row *r = rows + base;
        if (!prefetch) {
            for (uint32_t i = 0; i < n; i++) {
                struct slot *s =
                    table_upsert(t, tm_hash_bytes(r[i].key, r[i].length), r[i].key, r[i].length);
                s->count++;
                s->sum += r[i].amount;
            }
            continue;
        }
        enum { AHEAD = 16 };
        for (uint32_t i = 0; i < n; i++)
            hashes[i] = tm_hash_bytes(r[i].key, r[i].length);
        for (uint32_t i = 0; i < n; i++) {
            if (i + AHEAD < n)
                __builtin_prefetch(&t->slots[hashes[i + AHEAD] & t->mask], 1);
            struct slot *s = table_upsert(t, hashes[i], r[i].key, r[i].length);
            s->count++;
            s->sum += r[i].amount;
        }
    }
}

// --- keyed state ---------------------------------------------------------------------------------

static void state_run(struct tm_state *state, struct tm_namespace *ns, const struct row *rows,
                      uint32_t count)
{
    static struct tm_key keys[BLOCK];
    static void *values[BLOCK];
    for (uint32_t base = 0; base < count; base += BLOCK) {
        uint32_t n = count - base < BLOCK ? count - base : BLOCK;
        const struct row *r = rows + base;
        for (uint32_t i = 0; i < n; i++)
            keys[i] = (struct tm_key){tm_hash_bytes(r[i].key, r[i].length), r[i].key, r[i].length};
        if (tm_state_upsert_batch(state, ns, keys, n, values, NULL) != 0)
            abort();
        for (uint32_t i = 0; i < n; i++) {
            struct {
                int64_t count;
                double sum;
            } *v = values[i];
            v->count++;
            v->sum += r[i].amount;
        }
    }
}

static struct tm_state *state_new(struct tm_mem *mem)
{
    struct tm_state_args args = {mem, 128, 0, 127, VALUE_BYTES};
    struct tm_state *state;
    struct tm_error err;
    if (tm_state_new(&args, &state, &err) != 0)
        abort();
    return state;
}

// --- the comparison ------------------------------------------------------------------------------

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

static void check_equal(struct table *t, struct tm_state *state, struct tm_namespace *ns)
{
    uint64_t seen = 0;
    for (uint32_t g = 0; g < 128; g++) {
        struct tm_state_cursor cursor;
        struct tm_key key;
        const void *value;
        tm_state_iterate(state, ns, g, &cursor);
        while (tm_state_next(&cursor, &key, &value)) {
            struct slot *s = table_upsert(t, key.hash, key.bytes, key.length);
            if (s->count != *(const int64_t *)value)
                abort();
            seen++;
        }
    }
    if (seen != t->count)
        abort();
}

static void run(const char *name, const struct row *rows, uint32_t count, int pairs)
{
    double build_c[64], build_s[64], c[64], p[64], s[64];
    double bytes = 0, keys = 0;
    for (int i = 0; i < pairs; i++) {
        struct tm_mem mem;
        tm_mem_init(&mem, &fx, NULL, 0);
        struct table t;
        double t0 = cpu_seconds();
        table_init(&t, 1024);
        reference_run(&t, rows, count, true);
        double t1 = cpu_seconds();
        struct tm_state *state = state_new(&mem);
        struct tm_namespace *ns = tm_state_namespace_create(state, 0);
        state_run(state, ns, rows, count);
        double t2 = cpu_seconds();
        reference_run(&t, rows, count, false);
        double t3 = cpu_seconds();
        state_run(state, ns, rows, count);
        double t4 = cpu_seconds();
        reference_run(&t, rows, count, true);
        double t5 = cpu_seconds();
        build_c[i] = (t1 - t0) / count * 1e9;
        build_s[i] = (t2 - t1) / count * 1e9;
        c[i] = (t3 - t2) / count * 1e9;
        s[i] = (t4 - t3) / count * 1e9;
        p[i] = (t5 - t4) / count * 1e9;
        state_run(state, ns, rows, count);
        check_equal(&t, state, ns);
        keys = (double)tm_state_namespace_size(ns);
        bytes = (double)tm_state_used_bytes(state);
        tm_state_free(state);
        free(t.slots);
    }
    double best = fmin(median(c, pairs), median(p, pairs));
    printf("%-28s %9.0f keys  build: C %5.1f ns, state %5.1f ns, ratio %.2f   upsert: C %5.1f ns, "
           "C with prefetch "
           "%5.1f ns, state %5.1f ns, ratio %.2f   %.0f bytes a key\n",
           name, keys, median(build_c, pairs), median(build_s, pairs),
           median(build_s, pairs) / median(build_c, pairs), median(c, pairs), median(p, pairs),
           median(s, pairs), median(s, pairs) / best, bytes / keys);
}

int main(int argc, char **argv)
{
    int pairs = argc > 1 ? atoi(argv[1]) : 5;
    uint32_t keys = argc > 2 ? (uint32_t)atoi(argv[2]) : 1000000;
    uint32_t count = argc > 3 ? (uint32_t)atoi(argv[3]) : 4000000;
    pairs = pairs < 1 ? 1 : pairs > 64 ? 64 : pairs;
    for (int skewed = 0; skewed < 2; skewed++) {
        struct row *rows = make_rows(count, keys, skewed);
        run(skewed ? "zipf 0.9" : "uniform", rows, count, pairs);
        free(rows);
    }
    return 0;
}
