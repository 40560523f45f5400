// Nodes of trees of timers: what their slots tell of the items.
#include "core/state/timer_node.h"

#include <check.h>
#include <stdlib.h>

enum { ITEMS = 20 };
static union {
    struct tm__node node;
    uint8_t bytes[TM__NODE_BYTES];
} left, right;
static uint8_t scratch[TM__NODE_BYTES];

static void setup(void)
{
    tm__node_init(&left.node, sizeof left, 0);
    tm__node_init(&right.node, sizeof right, 0);
}

static void add(struct tm__node *node, int64_t time, uint64_t key)
{
    key = __builtin_bswap64(key);
    struct tm__node_item item = {.timer = {time, {0, &key, sizeof key}, "", 0}};
    bool equal;
    uint32_t i = tm__node_find(node, &item.timer, &equal);
    ck_assert(!equal);
    tm__node_insert(node, i, &item, scratch);
    ck_assert_uint_eq(tm__node_find(node, &item.timer, &equal), i);
    ck_assert(equal);
}

START_TEST(a_slot_tells_the_time_whole_however_far_the_times_are_apart)
{
    for (uint32_t bits = 0; bits < 64; bits++) {
        setup();
        int64_t far = (int64_t)((uint64_t)INT64_MIN + (((uint64_t)1 << bits) - 1) * 2 + 1);
        add(&left.node, far, 7);
        for (uint64_t k = 0; k < ITEMS; k++)
            add(&left.node, INT64_MIN, k);
        for (uint32_t i = 0; i <= ITEMS; i++)
            ck_assert_int_eq(tm__node_get(&left.node, i).timer.time, i < ITEMS ? INT64_MIN : far);
        ck_assert(tm__node_head(&left.node, 3) == 3);
        ck_assert(tm__node_head(&left.node, ITEMS) ==
                  ((tm__timer_head)tm__time_in_order(far) << 64 | 7));
    }
}
END_TEST

START_TEST(keys_of_one_time_are_told_apart_by_their_slots_when_a_far_time_has_gone)
{
    for (uint64_t k = 0; k < ITEMS; k++)
        add(&left.node, 12345, k << 8);
    add(&left.node, INT64_MAX, 0);
    ck_assert_uint_eq(tm__node_slot_at(&left.node, 0)->word,
                      tm__node_slot_at(&left.node, ITEMS - 1)->word);
    tm__node_move(&left.node, ITEMS / 2, &right.node);
    tm__node_narrow(&left.node);
    tm__node_narrow(&right.node);
    ck_assert_uint_eq(tm__node_count(&left.node), ITEMS / 2);
    for (uint32_t i = 0; i < ITEMS / 2; i++) {
        ck_assert_uint_eq(tm__node_slot_at(&left.node, i)->word, (uint64_t)i << 8);
        ck_assert_int_eq(tm__node_get(&left.node, i).timer.time, 12345);
        ck_assert_int_eq(tm__node_get(&right.node, i).timer.time, 12345);
    }
    ck_assert_int_eq(tm__node_get(&right.node, ITEMS / 2).timer.time, INT64_MAX);
}
END_TEST

START_TEST(times_beyond_those_of_a_node_come_before_or_behind_all)
{
    add(&left.node, 1000, 1);
    add(&left.node, 1001, 1);
    struct tm_timer timer = {.time = -5, .key = {.bytes = "", .length = 0}};
    bool equal;
    ck_assert_uint_eq(tm__node_find(&left.node, &timer, &equal), 0);
    ck_assert(!tm__node_reaches(&left.node, &timer));
    timer.time = 5000;
    ck_assert_uint_eq(tm__node_find(&left.node, &timer, &equal), 2);
    ck_assert(tm__node_reaches(&left.node, &timer));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timer_node");
    TCase *tc = tcase_create("timer_node");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, a_slot_tells_the_time_whole_however_far_the_times_are_apart);
    tcase_add_test(tc, keys_of_one_time_are_told_apart_by_their_slots_when_a_far_time_has_gone);
    tcase_add_test(tc, times_beyond_those_of_a_node_come_before_or_behind_all);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
