// Images of keyed state: what freezing and freeing a snapshot cost the state's own thread, at any
// number of key groups; how many bytes a difference has beside the keys and values that changed;
// how fast images are written and read. Keys of 16 bytes with values of 32 random bytes, in place
// and in blobs; timers.
//
//   image [keys]
#include <stdbool.h>
#include <stdio.h>

#include "core/state/image.h"

#include "bench/micro/world.h"

enum { KEY_BYTES = 16, VALUE_BYTES = 32, BLOCK = 256, STEP = 1024 };

static struct tm_mem mem;
static uint64_t random_state = 0x9e3779b97f4a7c15u;
static uint64_t draw(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1du;
}

static void must(bool is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "image: %s\n", what);
    exit(1);
}

static void key_of(uint64_t i, uint64_t bytes[2], struct tm_key *key)
{
    bytes[0] = i * 0x9e3779b97f4a7c15u;
    bytes[1] = i;
    *key = (struct tm_key){tm_hash_bytes(bytes, KEY_BYTES), bytes, KEY_BYTES};
}

static void set(struct tm_state *state, struct tm_namespace *ns, const struct tm_key *key,
                void *value, bool blobs)
{
    uint64_t bytes[VALUE_BYTES / 8];
    for (int i = 0; i < VALUE_BYTES / 8; i++)
        bytes[i] = draw();
    if (!blobs)
        memcpy(value, bytes, sizeof bytes);
    else
        must(tm_state_blob_set(state, ns, tm_state_key_group(state, key->hash), value, bytes,
                               sizeof bytes) == 0,
             "out of memory");
}

// Keys [from, end) get other values, by blocks as operators do it; `stride` apart.
static void change(struct tm_state *state, struct tm_namespace *ns, uint64_t from, uint64_t end,
                   uint64_t stride, bool blobs)
{
    while (from < end) {
        uint64_t bytes[BLOCK][2];
        struct tm_key keys[BLOCK];
        void *values[BLOCK];
        uint32_t count = 0;
        for (; count < BLOCK && from < end; count++, from += stride)
            key_of(from, bytes[count], &keys[count]);
        must(tm_state_upsert_batch(state, ns, keys, count, values, NULL) == 0, "out of memory");
        for (uint32_t k = 0; k < count; k++)
            set(state, ns, &keys[k], values[k], blobs);
    }
}

static struct tm_state *new_state(uint32_t groups, bool blobs, struct tm_namespace **ns)
{
    struct tm_state_args args = {&mem, groups, 0, groups - 1, blobs ? 8 : VALUE_BYTES};
    struct tm_state *state;
    must(tm_state_new(&args, &state, NULL) == 0, "out of memory");
    *ns = tm_state_namespace_create(state, 0);
    return state;
}

static uint64_t write_all(const struct tm_snapshot *now, const struct tm_snapshot *before,
                          struct tm_buf *outs, double *seconds)
{
    uint32_t max_parallelism, first, last;
    uint64_t bytes = 0;
    double t = cpu_seconds();
    tm_snapshot_key_groups(now, &max_parallelism, &first, &last);
    for (uint32_t group = first; group <= last; group++) {
        struct tm_buf *out = outs == NULL ? &(struct tm_buf){.mem = &mem} : &outs[group];
        must(tm_image_write(now, before, group, out) == 0, "out of memory");
        bytes += out->size_bytes;
        if (outs == NULL)
            tm_buf_fini(out);
    }
    *seconds = cpu_seconds() - t;
    return bytes;
}

// Frees in steps: how many, and the longest.
static uint32_t free_in_steps(struct tm_snapshot *snapshot, double *all, double *longest)
{
    uint32_t steps = 1;
    *all = *longest = 0;
    for (bool done = false; !done; steps++) {
        double t = cpu_seconds();
        done = tm_snapshot_free_some(snapshot, STEP);
        t = cpu_seconds() - t;
        *all += t;
        *longest = t > *longest ? t : *longest;
    }
    return steps - 1;
}

// --- what it costs the state's own thread --------------------------------------------------------

static void measure_thread(uint64_t keys, uint32_t groups)
{
    struct tm_namespace *ns;
    struct tm_state *state = new_state(groups, false, &ns);
    change(state, ns, 0, keys, 1, false);
    double freeze = 0, untouched, longest, all, most = 0;
    for (int i = 0; i < 5; i++) {
        double t = cpu_seconds();
        struct tm_snapshot *now = tm_state_freeze_pages(state);
        t = cpu_seconds() - t;
        freeze = t > freeze ? t : freeze;
        (void)free_in_steps(now, &untouched, &longest);
        most = longest > most ? longest : most;
    }
    struct tm_snapshot *now = tm_state_freeze_pages(state);
    double t = cpu_seconds();
    change(state, ns, 0, keys, 1, false);
    double copying = cpu_seconds() - t;
    t = cpu_seconds();
    change(state, ns, 0, keys, 1, false);
    double plain = cpu_seconds() - t;
    t = cpu_seconds();
    struct tm_snapshot *next = tm_state_freeze_pages(state);
    double again = cpu_seconds() - t;
    uint32_t steps = free_in_steps(now, &all, &longest);
    t = cpu_seconds();
    change(state, ns, 0, keys, 1, false); // to memory that others have given back
    double reusing = cpu_seconds() - t;
    printf("%5u groups, %5lld MB: freeze %.3f ms, after all was written %.3f; free untouched %.3f; "
           "all copied %.2f ms in %u steps of %.3f at most; writing all %.0f ms, copying pages "
           "%.0f, to memory that was used before %.0f\n",
           groups, (long long)tm_state_used_bytes(state) >> 20, freeze * 1e3, again * 1e3,
           most * 1e3, all * 1e3, steps, longest * 1e3, plain * 1e3, copying * 1e3, reusing * 1e3);
    tm_snapshot_free(next);
    tm_state_free(state);
}

static void measure_timers(uint64_t count, uint32_t groups)
{
    struct tm_timers_args args = {&mem, groups, 0, groups - 1};
    struct tm_timers *timers;
    must(tm_timers_new(&args, &timers, NULL) == 0, "out of memory");
    double freeze[3];
    struct tm_snapshot *held = NULL;
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < count; i++) {
            uint64_t bytes[2];
            struct tm_timer timer = {.time = (int64_t)(i + (uint64_t)round * count)};
            key_of(i, bytes, &timer.key);
            must(tm_timers_add(timers, i % 2, &timer) == 1, "out of memory");
        }
        double t = cpu_seconds();
        struct tm_snapshot *now = tm_timers_freeze_pages(timers);
        freeze[round] = cpu_seconds() - t;
        tm_snapshot_free(held);
        held = now;
    }
    printf(
        "%5u groups, %llu timers in both domains, all trees changed: freeze %.3f, %.3f, %.3f ms\n",
        groups, (unsigned long long)count, freeze[0] * 1e3, freeze[1] * 1e3, freeze[2] * 1e3);
    tm_snapshot_free(held);
    tm_timers_free(timers);
}

// --- what it writes ------------------------------------------------------------------------------

static void measure_bytes(uint64_t keys, bool blobs)
{
    enum { GROUPS = 128 };
    struct tm_namespace *ns;
    struct tm_state *state = new_state(GROUPS, blobs, &ns);
    struct tm_buf outs[GROUPS];
    double seconds;
    change(state, ns, 0, keys, 1, blobs);
    struct tm_snapshot *before = tm_state_freeze_pages(state);
    for (uint32_t g = 0; g < GROUPS; g++)
        tm_buf_init(&outs[g], &mem);
    uint64_t bytes = write_all(before, NULL, outs, &seconds);
    printf("%llu keys, values in %s: whole %.3f of keys and values, written %.2f GB/s",
           (unsigned long long)keys, blobs ? "blobs" : "place",
           (double)bytes / (double)(keys * (KEY_BYTES + VALUE_BYTES)),
           (double)bytes / seconds / 1e9);
    struct tm_namespace *unused;
    struct tm_state *back = new_state(GROUPS, blobs, &unused);
    double t = cpu_seconds();
    for (uint32_t g = 0; g < GROUPS; g++) {
        must(tm_image_apply(back, g, outs[g].data, outs[g].size_bytes, NULL) == 0, "apply");
        must(tm_image_finish(back, g, NULL) == 0, "finish");
        tm_buf_fini(&outs[g]);
    }
    printf(", read %.2f GB/s", (double)bytes / (cpu_seconds() - t) / 1e9);
    t = cpu_seconds();
    for (uint32_t g = 0; g < GROUPS; g++) {
        struct tm_state_cursor cursor; // makes the slots
        tm_state_iterate(back, tm_state_namespace_find(back, 0), g, &cursor);
        must(cursor.code == 0, "index");
    }
    printf(", slots %.2f s\n", cpu_seconds() - t);
    tm_state_free(back);
    static const double shares[] = {0.001, 0.01, 0.1, 1};
    for (int i = 0; i < 4; i++) {
        uint64_t stride = (uint64_t)(1 / shares[i] + 0.5), changed = keys / stride;
        change(state, ns, draw() % stride, keys, stride, blobs);
        struct tm_snapshot *now = tm_state_freeze_pages(state);
        bytes = write_all(now, before, NULL, &seconds);
        printf("  %5.1f %% changed: difference %.3f of their keys and values, %.0f ms\n",
               shares[i] * 100, (double)bytes / (double)(changed * (KEY_BYTES + VALUE_BYTES)),
               seconds * 1e3);
        tm_snapshot_free(before);
        before = now;
    }
    tm_snapshot_free(before);
    tm_state_free(state);
}

int main(int argc, char **argv)
{
    uint64_t keys = argc > 1 ? strtoull(argv[1], NULL, 0) : 12000000;
    tm_mem_init(&mem, &fx, NULL, 0);
    for (uint32_t groups = 128; groups <= 1024; groups *= 2)
        measure_thread(keys, groups);
    for (uint32_t groups = 128; groups <= 1024; groups *= 2)
        measure_timers(1000000, groups);
    measure_bytes(1000000, false);
    measure_bytes(1000000, true);
    return 0;
}
