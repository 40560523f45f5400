// Key groups: the vectors of SEMANTICS 13, owner and range against each other by brute force.
#include "core/base/hash.h"
#include "core/batch/key_group.h"
#include "tests/unit/batch/support.h"

START_TEST(the_default_number_of_groups_follows_parallelism)
{
    static const uint32_t vectors[][2] = {{1, 128},   {85, 128},     {86, 256},    {128, 256},
                                          {171, 256}, {200, 512},    {1000, 2048}, {30000, 32768},
                                          {0, 128},   {32768, 32768}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        ck_assert_uint_eq(tm_key_group_default_max(vectors[i][0]), vectors[i][1]);
}
END_TEST

static void check_ranges(uint32_t max, uint32_t parallelism)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < parallelism; i++) {
        uint32_t first, last;
        tm_key_group_range(i, parallelism, max, &first, &last);
        ck_assert_uint_eq(first, next);
        ck_assert_uint_ge(last, first);
        for (uint32_t group = first; group <= last; group++)
            ck_assert_uint_eq(tm_key_group_owner(group, parallelism, max), i);
        next = last + 1;
    }
    ck_assert_uint_eq(next, max);
}

START_TEST(owners_and_ranges_agree_for_every_parallelism)
{
    static const uint32_t maxima[] = {1, 7, 10, 128, 129, 1000};
    for (size_t i = 0; i < sizeof maxima / sizeof maxima[0]; i++) {
        for (uint32_t p = 1; p <= maxima[i]; p++)
            check_ranges(maxima[i], p);
    }
    check_ranges(32768, 1024);
    check_ranges(32768, 32767);
}
END_TEST

START_TEST(ranges_are_those_of_the_vectors)
{
    static const uint32_t vectors[][5] = {
        // max, parallelism, subtask, first, last
        {128, 3, 0, 0, 42},  {128, 3, 1, 43, 85}, {128, 3, 2, 86, 127}, {128, 5, 0, 0, 25},
        {128, 5, 1, 26, 51}, {128, 5, 2, 52, 76}, {128, 5, 3, 77, 102}, {128, 5, 4, 103, 127},
        {10, 3, 0, 0, 3},    {10, 3, 1, 4, 6},    {10, 3, 2, 7, 9}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const uint32_t *v = vectors[i];
        uint32_t first, last;
        tm_key_group_range(v[2], v[1], v[0], &first, &last);
        ck_assert_uint_eq(first, v[3]);
        ck_assert_uint_eq(last, v[4]);
    }
}
END_TEST

START_TEST(hashes_spread_evenly_over_groups)
{
    uint32_t counts[128] = {0};
    for (uint64_t i = 0; i < 128000; i++) {
        uint32_t group = tm_hash_key_group(tm_hash_bytes(&i, sizeof i), 128);
        ck_assert_uint_lt(group, 128);
        counts[group]++;
    }
    for (int i = 0; i < 128; i++) {
        // 1000 expected, standard deviation 32
        ck_assert_uint_gt(counts[i], 800);
        ck_assert_uint_lt(counts[i], 1200);
    }
}
END_TEST

SUPPORT_MAIN("key_group", the_default_number_of_groups_follows_parallelism,
             owners_and_ranges_agree_for_every_parallelism, ranges_are_those_of_the_vectors,
             hashes_spread_evenly_over_groups)
