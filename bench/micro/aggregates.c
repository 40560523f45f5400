// How far the aggregates that vary in size are from a loop written by hand over the same values:
// count_distinct, exact and approximate, and a quantile, each in blobs of the state, against a hash
// set, registers and a histogram in plain memory, one per key. Ours comes with what blocks of rows
// cost (finding a key's value is not part of it). Both run interleaved
// in one process; ratios are what counts.
//
//   aggregates [pairs] [keys] [values]
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/hash.h"
#include "core/operator/accumulator.h"

#include "bench/micro/world.h"

static uint64_t seed = 88172645463325252u;
static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed >> 11;
}

// --- the values ----------------------------------------------------------------------------------

static uint32_t key_count = 1000, value_count = 4000000;
static struct value {
    struct tm_row row;
    double number;      // log-normal
    uint64_t word;      // few or many different ones
    struct tm_ref text; // of 2 bytes: countries
    char bytes[8];
} * values;
static uint32_t *keys;

static void make_values(uint64_t different)
{
    for (uint32_t i = 0; i < value_count; i++) {
        struct value *value = &values[i];
        keys[i] = (uint32_t)(draw() % key_count);
        double u = (double)(draw() % 1000000 + 1) / 1000001, v = (double)(draw() % 1000000) / 1e6;
        *value = (struct value){.row = {.size_bytes = sizeof *value},
                                .number = exp(sqrt(-2 * log(u)) * cos(6.283185307179586 * v)),
                                .word = draw() % different + 1,
                                .text = {offsetof(struct value, bytes), 2}};
        value->bytes[0] = (char)('A' + value->word % 26);
        value->bytes[1] = (char)('A' + value->word / 26 % 26);
    }
}

static volatile uint64_t sink; // so that what is made is needed

// --- by hand -------------------------------------------------------------------------------------

struct set {
    uint64_t *slots;
    uint32_t count, capacity;
};

static void set_put(struct set *set, uint64_t word)
{
    if (set->count * 4 >= set->capacity * 3) {
        struct set larger = {.capacity = set->capacity == 0 ? 4 : set->capacity * 2};
        larger.slots = calloc(larger.capacity, 8);
        for (uint32_t i = 0; i < set->capacity; i++)
            if (set->slots[i] != 0)
                set_put(&larger, set->slots[i]);
        free(set->slots);
        *set = larger;
    }
    uint64_t hash = word * 0x9e3779b97f4a7c15u;
    uint32_t at = (uint32_t)(hash >> 32) & (set->capacity - 1);
    while (set->slots[at] != 0 && set->slots[at] != word)
        at = (at + 1) & (set->capacity - 1);
    set->count += set->slots[at] == 0;
    set->slots[at] = word;
}

static void hand_distinct(void)
{
    struct set *sets = calloc(key_count, sizeof *sets);
    for (uint32_t i = 0; i < value_count; i++)
        set_put(&sets[keys[i]], values[i].word);
    for (uint32_t k = 0; k < key_count; k++)
        free(sets[k].slots);
    free(sets);
}

static void hand_texts(void) // two bytes are a number
{
    struct set *sets = calloc(key_count, sizeof *sets);
    for (uint32_t i = 0; i < value_count; i++) {
        uint16_t word;
        memcpy(&word, values[i].bytes, 2);
        set_put(&sets[keys[i]], word);
    }
    for (uint32_t k = 0; k < key_count; k++)
        free(sets[k].slots);
    free(sets);
}

static void hand_sketch(void)
{
    uint8_t *registers = calloc(key_count, 8192);
    for (uint32_t i = 0; i < value_count; i++) {
        uint64_t hash = XXH3_64bits(&values[i].word, 8);
        uint8_t *cell = &registers[(size_t)keys[i] * 8192 + (hash >> 51)];
        uint8_t rank = (uint8_t)(__builtin_clzll(hash << 13 | 1 << 12) + 1);
        *cell = rank > *cell ? rank : *cell;
    }
    sink += registers[draw() % ((uint64_t)key_count * 8192)];
    free(registers);
}

// The same error by logarithms, 35 buckets a doubling, from 2^-12 to 2^12, as one writes it first.
enum { BUCKETS = 840 };
static void hand_logarithms(void)
{
    uint32_t *counts = calloc((size_t)key_count * BUCKETS, 4);
    for (uint32_t i = 0; i < value_count; i++)
        counts[(size_t)keys[i] * BUCKETS +
               (uint32_t)(log2(values[i].number) * 34.65 + BUCKETS / 2)]++;
    sink += counts[draw() % ((uint64_t)key_count * BUCKETS)];
    free(counts);
}

// By shifting bits, where the range is known.
enum { SHIFTED = 1536 };
static void hand_shifts(void)
{
    uint32_t *counts = calloc((size_t)key_count * SHIFTED, 4);
    for (uint32_t i = 0; i < value_count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i].number, 8);
        counts[(size_t)keys[i] * SHIFTED + (uint32_t)((bits >> 46) - ((1023 - 12) << 6))]++;
        sink += counts[draw() % ((uint64_t)key_count * SHIFTED)];
    }
    free(counts);
}

// --- ours ----------------------------------------------------------------------------------------

static struct tm__operator_block block;

static int no_failure(void *arg, const struct tm_row *row,
                      const struct tm__operator_aggregate *culprit, struct tm_error *err)
{
    (void)arg, (void)row, (void)culprit, (void)err;
    abort();
}

static void ours(int action)
{
    struct tm_mem mem;
    struct tm_error err;
    struct tm_state *state;
    size_t offset = action == TM__QUANTILE_DOUBLE  ? offsetof(struct value, number)
                    : action == TM__DISTINCT_BYTES ? offsetof(struct value, text)
                                                   : offsetof(struct value, word);
    struct tm__operator_aggregate item = {
        .action = (uint8_t)action, .homed = true, .field_offset = (uint32_t)offset};
    struct tm__operator_aggregates aggregates = {.items = &item, .count = 1, .total = 1};
    tm_mem_init(&mem, &fx, NULL, 0);
    struct tm_state_args args = {
        .mem = &mem, .max_parallelism = 128, .last_key_group = 127, .value_bytes = 40};
    if (tm_state_new(&args, &state, &err) != 0)
        abort();
    struct tm_namespace *ns = tm_state_namespace_create(state, 0);
    struct tm_key *found = calloc(key_count, sizeof *found);
    void **of = calloc(key_count, sizeof *of);
    uint64_t *ids = calloc(key_count, sizeof *ids);
    for (int twice = 0; twice < 2; twice++) // values move while there are new keys
        for (uint64_t k = 0; k < key_count; k++) {
            ids[k] = k;
            found[k] = (struct tm_key){
                .hash = tm_hash_bytes(&ids[k], 8), .bytes = (const uint8_t *)&ids[k], .length = 8};
            of[k] = tm_state_upsert(state, ns, &found[k], NULL);
            if (of[k] == NULL)
                abort();
        }
    for (uint32_t i = 0; i < value_count;) {
        for (block.count = 0; block.count < TM__OPERATOR_BLOCK && i < value_count; i++) {
            block.rows[block.count] = &values[i].row;
            block.namespaces[block.count] = ns;
            block.keys[block.count] = found[keys[i]];
            block.values[block.count++] = of[keys[i]];
        }
        if (tm__operator_aggregates_add_block(&aggregates, state, &block, no_failure, NULL, &err))
            abort();
    }
    free(found);
    free(of);
    free(ids);
    tm_state_free(state);
}

// --- in turns ------------------------------------------------------------------------------------

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *name, int action, void (*hand)(void), int pairs)
{
    double ratios[101], us[101], them[101];
    for (int i = -1; i < pairs; i++) {
        double a = cpu_seconds();
        ours(action);
        double b = cpu_seconds();
        hand();
        double c = cpu_seconds();
        if (i < 0)
            continue;
        ratios[i] = (b - a) / (c - b);
        us[i] = (b - a) / value_count * 1e9;
        them[i] = (c - b) / value_count * 1e9;
    }
    qsort(ratios, (size_t)pairs, sizeof *ratios, compare);
    qsort(us, (size_t)pairs, sizeof *us, compare);
    qsort(them, (size_t)pairs, sizeof *them, compare);
    printf("%-48s %6.1f ns   by hand %6.1f ns   %.2f\n", name, us[pairs / 2], them[pairs / 2],
           ratios[pairs / 2]);
}

int main(int argc, char **argv)
{
    int pairs = argc > 1 ? atoi(argv[1]) : 5;
    key_count = argc > 2 ? (uint32_t)atoi(argv[2]) : key_count;
    value_count = argc > 3 ? (uint32_t)atoi(argv[3]) : value_count;
    if (pairs < 1 || pairs > 101 || key_count == 0 || value_count == 0)
        return 2;
    keys = malloc(value_count * sizeof *keys);
    values = malloc(value_count * sizeof *values);
    printf("%u keys, %u values\n", key_count, value_count);
    make_values(20);
    measure("count_distinct, numbers, 20 a key", TM__DISTINCT_WORD, hand_distinct, pairs);
    measure("count_distinct, texts, 20 a key", TM__DISTINCT_BYTES, hand_texts, pairs);
    make_values(UINT64_C(1) << 40);
    measure("count_distinct, numbers, all different", TM__DISTINCT_WORD, hand_distinct, pairs);
    measure("count_distinct, approximate", TM__SKETCH_WORD, hand_sketch, pairs);
    measure("quantile, against logarithms", TM__QUANTILE_DOUBLE, hand_logarithms, pairs);
    measure("quantile, against shifts in a known range", TM__QUANTILE_DOUBLE, hand_shifts, pairs);
    return 0;
}
