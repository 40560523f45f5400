// The mailbox: order per sender, nothing lost, also while the owner sleeps between messages.
#include <check.h>
#include <stdlib.h>

#include "core/loop/mailbox.h"
#include "core/loop/real.h"

enum { SENDERS = 4, MESSAGES = 20000 };

struct item {
    struct tm_message message; // first: an item is its message
    uint32_t sender, number;
};

static struct tm_fx fx;
static struct tm_mailbox mailbox;

static void setup(void)
{
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
    tm_mailbox_init(&mailbox, NULL);
}

static struct item *take(void)
{
    return (struct item *)tm_mailbox_take(&mailbox);
}

START_TEST(an_empty_mailbox_gives_nothing)
{
    ck_assert_ptr_null(take());
    ck_assert_ptr_null(take());
}
END_TEST

START_TEST(messages_come_in_order_and_can_be_posted_again)
{
    struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i <= round % 3; i++)
            tm_mailbox_post(&mailbox, &items[i].message);
        for (int i = 0; i <= round % 3; i++)
            ck_assert_ptr_eq(take(), &items[i]);
        ck_assert_ptr_null(take());
    }
}
END_TEST

START_TEST(posting_between_takes_keeps_the_order)
{
    struct item items[100];
    uint32_t posted = 0, taken = 0;
    uint32_t random = 7;
    while (taken < 100) {
        random = random * 1664525 + 1013904223;
        if (posted < 100 && (random >> 16) % 2 == 0) {
            tm_mailbox_post(&mailbox, &items[posted++].message);
        } else {
            struct item *item = take();
            if (posted == taken) {
                ck_assert_ptr_null(item);
            } else {
                ck_assert_ptr_eq(item, &items[taken]);
                taken++;
            }
        }
    }
}
END_TEST

// A sender that is stopped between its two steps, played by hand.
START_TEST(a_half_posted_message_hides_what_is_behind_it_and_loses_nothing)
{
    struct item first = {.number = 1}, half = {.number = 2}, last = {.number = 3};
    tm_mailbox_post(&mailbox, &first.message);
    atomic_store(&half.message.next, NULL);
    struct tm_message *before = atomic_exchange(&mailbox.head, &half.message);
    tm_mailbox_post(&mailbox, &last.message);
    ck_assert_ptr_null(take());
    ck_assert_ptr_null(take());
    atomic_store(&before->next, &half.message);
    ck_assert_ptr_eq(take(), &first);
    ck_assert_ptr_eq(take(), &half);
    ck_assert_ptr_eq(take(), &last);
    ck_assert_ptr_null(take());
}
END_TEST

struct sender {
    uint32_t number;
    struct item *items;
};

static void send_all(void *arg)
{
    struct sender *sender = arg;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        sender->items[i].sender = sender->number;
        sender->items[i].number = i;
        tm_mailbox_post(&mailbox, &sender->items[i].message);
    }
}

// A lost wake-up would leave the owner asleep for ever: the test's time limit finds it.
START_TEST(many_senders_lose_nothing_while_the_owner_sleeps)
{
    struct tm_waker waker;
    struct sender senders[SENDERS];
    struct tm_thread *threads[SENDERS];
    uint32_t next[SENDERS] = {0};
    ck_assert_int_eq(tm_waker_init(&waker, &fx, NULL), 0);
    tm_mailbox_init(&mailbox, &waker);
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i].number = i;
        senders[i].items = calloc(MESSAGES, sizeof(struct item));
        ck_assert_int_eq(
            fx.threads->thread_start(fx.ctx, "sender", send_all, &senders[i], &threads[i], NULL),
            0);
    }
    for (uint32_t taken = 0; taken < SENDERS * MESSAGES;) {
        struct item *item = take();
        if (item == NULL) {
            tm_waker_prepare(&waker);
            item = take();
            if (item == NULL) {
                tm_waker_wait(&waker, INT64_MAX);
                continue;
            }
            tm_waker_cancel(&waker);
        }
        if (item->sender >= SENDERS || item->number != next[item->sender])
            ck_abort_msg("message %u of sender %u is out of order", item->number, item->sender);
        next[item->sender]++;
        taken++;
    }
    ck_assert_ptr_null(take());
    for (uint32_t i = 0; i < SENDERS; i++) {
        fx.threads->thread_join(fx.ctx, threads[i]);
        free(senders[i].items);
    }
    tm_waker_fini(&waker);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mailbox");
    TCase *tcase = tcase_create("mailbox");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, an_empty_mailbox_gives_nothing);
    tcase_add_test(tcase, messages_come_in_order_and_can_be_posted_again);
    tcase_add_test(tcase, posting_between_takes_keeps_the_order);
    tcase_add_test(tcase, a_half_posted_message_hides_what_is_behind_it_and_loses_nothing);
    tcase_add_test(tcase, many_senders_lose_nothing_while_the_owner_sleeps);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
