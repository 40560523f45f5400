// Barriers meet: cases one by one, and every order of small sets of barriers, ends and givings-up
// against what must hold.
#include "core/exchange/aligner.h"
#include "fixture.h"

static struct tm_aligner aligner;

static void setup(void)
{
    fixture_setup();
    ck_assert_int_eq(tm_aligner_init(&aligner, &mem, 3), 0);
}

static void teardown(void)
{
    tm_aligner_fini(&aligner);
    fixture_teardown();
}

static void expect_barrier(uint32_t channel, uint64_t checkpoint, enum tm_aligned aligned)
{
    ck_assert_int_eq(tm_aligner_barrier(&aligner, channel, checkpoint, 10), aligned);
}

static void expect_taken(const char *which)
{
    for (uint32_t c = 0; c < 3; c++)
        ck_assert_msg(tm_aligner_may_take(&aligner, c) == (which[c] == 'y'), "channel %u of '%s'",
                      c, which);
}

START_TEST(the_first_barrier_blocks_its_channel_until_all_have_theirs)
{
    expect_barrier(1, 1, TM_ALIGN_NONE);
    expect_taken("yny");
    ck_assert_int_eq(aligner.since_ns, 10);
    expect_barrier(0, 1, TM_ALIGN_NONE);
    expect_taken("nny");
    expect_barrier(2, 1, TM_ALIGN_COMPLETE);
    expect_taken("yyy");
    ck_assert_uint_eq(aligner.checkpoint, 1);
    ck_assert_uint_eq(aligner.arrived, 0);
}
END_TEST

START_TEST(one_channel_is_aligned_at_once)
{
    struct tm_aligner one;
    ck_assert_int_eq(tm_aligner_init(&one, &mem, 1), 0);
    ck_assert_int_eq(tm_aligner_barrier(&one, 0, 4, 0), TM_ALIGN_COMPLETE);
    ck_assert(tm_aligner_may_take(&one, 0));
    ck_assert_int_eq(tm_aligner_end(&one, 0), TM_ALIGN_NONE);
    tm_aligner_fini(&one);
}
END_TEST

START_TEST(an_end_counts_as_every_barrier)
{
    ck_assert_int_eq(tm_aligner_end(&aligner, 0), TM_ALIGN_NONE);
    expect_barrier(1, 1, TM_ALIGN_NONE);
    expect_barrier(2, 1, TM_ALIGN_COMPLETE);
    expect_taken("nyy");
    expect_barrier(2, 2, TM_ALIGN_NONE);
    ck_assert_int_eq(tm_aligner_end(&aligner, 1), TM_ALIGN_COMPLETE);
    expect_taken("nny");
    ck_assert_int_eq(tm_aligner_end(&aligner, 2), TM_ALIGN_NONE);
}
END_TEST

START_TEST(an_older_barrier_is_ignored)
{
    expect_barrier(0, 3, TM_ALIGN_NONE);
    expect_barrier(1, 2, TM_ALIGN_NONE);
    expect_taken("nyy");
    expect_barrier(1, 3, TM_ALIGN_NONE);
    expect_barrier(2, 3, TM_ALIGN_COMPLETE);
    expect_barrier(2, 3, TM_ALIGN_NONE); // once more: it is over
    expect_taken("yyy");
}
END_TEST

START_TEST(a_newer_barrier_gives_up_the_older)
{
    expect_barrier(0, 1, TM_ALIGN_NONE);
    expect_barrier(1, 2, TM_ALIGN_NONE);
    expect_taken("yny");
    expect_barrier(2, 1, TM_ALIGN_NONE);
    expect_taken("yny");
    expect_barrier(0, 2, TM_ALIGN_NONE);
    expect_barrier(2, 2, TM_ALIGN_COMPLETE);
}
END_TEST

START_TEST(giving_up_releases_the_channels_and_late_barriers_are_ignored)
{
    expect_barrier(0, 1, TM_ALIGN_NONE);
    tm_aligner_abort(&aligner, 1);
    expect_taken("yyy");
    expect_barrier(1, 1, TM_ALIGN_NONE);
    expect_taken("yyy");
    expect_barrier(1, 2, TM_ALIGN_NONE);
    tm_aligner_abort(&aligner, 1); // said once more, too late: it is not about this one
    expect_taken("yny");
}
END_TEST

START_TEST(one_given_up_before_it_began_is_skipped)
{
    tm_aligner_abort(&aligner, 2);
    tm_aligner_abort(&aligner, 3);
    expect_barrier(0, 1, TM_ALIGN_NONE);
    expect_taken("nyy");
    expect_barrier(1, 2, TM_ALIGN_NONE); // so nobody sends it the barrier of 1 any more
    expect_taken("yyy");
    expect_barrier(0, 3, TM_ALIGN_NONE);
    expect_taken("yyy");
    expect_barrier(0, 4, TM_ALIGN_NONE);
    expect_taken("nyy");
}
END_TEST

START_TEST(one_that_is_long_past_is_given_up_with_a_newer)
{
    expect_barrier(0, 1, TM_ALIGN_NONE);
    tm_aligner_abort(&aligner, 66);
    expect_taken("yyy");
    expect_barrier(0, 2, TM_ALIGN_NONE);
    expect_taken("yyy");
    expect_barrier(0, 3, TM_ALIGN_NONE);
    expect_taken("nyy");
    expect_barrier(0 + 1, 66, TM_ALIGN_NONE);
    expect_taken("yyy");
}
END_TEST

START_TEST(one_that_overtakes_releases_all_and_its_barriers_are_over)
{
    expect_barrier(0, 1, TM_ALIGN_NONE);
    expect_barrier(1, 2, TM_ALIGN_NONE); // gives up 1
    ck_assert(!tm_aligner_is_open(&aligner, 1));
    ck_assert(tm_aligner_is_open(&aligner, 2));
    ck_assert(tm_aligner_waits_for(&aligner, 0, 2));
    ck_assert(!tm_aligner_waits_for(&aligner, 1, 2));
    tm_aligner_overtake(&aligner, 2);
    expect_taken("yyy");
    ck_assert(!tm_aligner_is_open(&aligner, 2));
    expect_barrier(0, 2, TM_ALIGN_NONE); // a late one
    expect_taken("yyy");
    ck_assert(tm_aligner_is_open(&aligner, 3));
    ck_assert(tm_aligner_waits_for(&aligner, 0, 3));
    tm_aligner_abort(&aligner, 3);
    ck_assert(!tm_aligner_is_open(&aligner, 3));
}
END_TEST

START_TEST(a_blocked_channel_is_waited_for_again_by_a_newer_one)
{
    expect_barrier(0, 1, TM_ALIGN_NONE);
    ck_assert(!tm_aligner_waits_for(&aligner, 0, 1));
    ck_assert(tm_aligner_waits_for(&aligner, 0, 2));
    tm_aligner_overtake(&aligner, 2);
    expect_taken("yyy");
    ck_assert_int_eq(tm_aligner_end(&aligner, 2), TM_ALIGN_NONE);
    ck_assert(!tm_aligner_waits_for(&aligner, 2, 3));
}
END_TEST

// --- every order
// -----------------------------------------------------------------------------------

enum { CHANNELS_MAX = 3, BARRIERS_MAX = 3 };

// A world: what each channel still has to give, and what has been said. Small enough to be copied
// at each step of the search.
struct world {
    struct tm_aligner aligner;
    uint8_t state[CHANNELS_MAX];
    uint8_t barriers[CHANNELS_MAX]; // still to come, a bit each
    bool ended[CHANNELS_MAX];
    uint64_t last[CHANNELS_MAX]; // barrier that was taken last
    uint64_t aborts;             // that may still be said, a bit each
    uint64_t aborted;            // that were said
    uint64_t completed;          // a bit each
    uint64_t newest_completed, newest_seen;
};

static uint32_t channel_count, barrier_count;
static uint64_t orders;

// When one completes, each channel has either ended or gives its barrier as the last thing taken.
static void check_completed(struct world *w, uint64_t n)
{
    ck_assert_uint_gt(n, w->newest_completed);
    ck_assert_uint_eq(w->aborted >> n & 1, 0);
    for (uint32_t c = 0; c < channel_count; c++)
        ck_assert(w->ended[c] || w->last[c] == n);
    w->newest_completed = n;
    w->completed |= 1ULL << n;
}

// A channel waits exactly when its last barrier is that of the newest one begun, which is neither
// complete nor given up.
static void check_blocked(const struct world *w)
{
    for (uint32_t c = 0; c < channel_count; c++) {
        bool waits = w->last[c] != 0 && w->last[c] == w->newest_seen &&
                     (w->completed >> w->last[c] & 1) == 0 && (w->aborted >> w->last[c] & 1) == 0;
        ck_assert_int_eq(tm_aligner_may_take(&w->aligner, c), !waits && !w->ended[c]);
    }
}

static void search(const struct world *from);

static void take(const struct world *from, uint32_t channel)
{
    struct world w = *from;
    w.aligner.state = w.state;
    enum tm_aligned aligned;
    if (w.barriers[channel] == 0) {
        aligned = tm_aligner_end(&w.aligner, channel);
        w.ended[channel] = true;
    } else {
        uint64_t n = 1;
        while ((w.barriers[channel] >> n & 1) == 0)
            n++;
        w.barriers[channel] &= (uint8_t) ~(1U << n);
        w.last[channel] = n;
        w.newest_seen = n > w.newest_seen ? n : w.newest_seen;
        aligned = tm_aligner_barrier(&w.aligner, channel, n, 0);
    }
    if (aligned == TM_ALIGN_COMPLETE)
        check_completed(&w, w.aligner.checkpoint);
    search(&w);
}

static void give_up(const struct world *from, uint64_t n)
{
    struct world w = *from;
    w.aligner.state = w.state;
    w.aborts &= ~(1ULL << n);
    if ((w.completed >> n & 1) == 0)
        w.aborted |= 1ULL << n;
    tm_aligner_abort(&w.aligner, n);
    search(&w);
}

static void search(const struct world *from)
{
    check_blocked(from);
    bool moved = false, all_ended = true;
    for (uint32_t c = 0; c < channel_count; c++) {
        all_ended &= from->ended[c];
        if (!tm_aligner_may_take(&from->aligner, c))
            continue;
        take(from, c);
        moved = true;
    }
    for (uint64_t n = 1; n <= barrier_count; n++)
        if ((from->aborts >> n & 1) != 0)
            give_up(from, n);
    if (moved)
        return;
    ck_assert(all_ended); // nobody waits for ever
    orders++;
}

// Of every set of barriers for each channel: channels lack some where their producer skipped them.
static void search_sets(uint32_t channels, uint32_t barriers, uint64_t aborts)
{
    channel_count = channels;
    barrier_count = barriers;
    uint32_t sets = 1U << barriers, all = 1;
    for (uint32_t c = 0; c < channels; c++)
        all *= sets;
    for (uint32_t set = 0; set < all; set++) {
        struct world w = {.aborts = aborts};
        w.aligner = (struct tm_aligner){.count = channels, .open = channels};
        w.aligner.state = w.state;
        for (uint32_t c = 0, rest = set; c < channels; c++, rest /= sets)
            w.barriers[c] = (uint8_t)(rest % sets << 1);
        search(&w);
    }
}

START_TEST(every_order_of_barriers_ends_and_givings_up_keeps_the_rules)
{
    orders = 0;
    search_sets(1, 3, 0xe);
    search_sets(2, 3, 0);
    search_sets(2, 3, 0xe);
    search_sets(3, 3, 0);
    search_sets(2, 2, 0x6);
    search_sets(3, 2, 0);
    search_sets(3, 2, 0x6);
    search_sets(3, 1, 0x2);
    ck_assert_uint_gt(orders, 500000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("aligner");
    TCase *tc = tcase_create("aligner");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_first_barrier_blocks_its_channel_until_all_have_theirs);
    tcase_add_test(tc, one_channel_is_aligned_at_once);
    tcase_add_test(tc, an_end_counts_as_every_barrier);
    tcase_add_test(tc, an_older_barrier_is_ignored);
    tcase_add_test(tc, a_newer_barrier_gives_up_the_older);
    tcase_add_test(tc, giving_up_releases_the_channels_and_late_barriers_are_ignored);
    tcase_add_test(tc, one_given_up_before_it_began_is_skipped);
    tcase_add_test(tc, one_that_is_long_past_is_given_up_with_a_newer);
    tcase_add_test(tc, one_that_overtakes_releases_all_and_its_barriers_are_over);
    tcase_add_test(tc, a_blocked_channel_is_waited_for_again_by_a_newer_one);
    tcase_add_test(tc, every_order_of_barriers_ends_and_givings_up_keeps_the_rules);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
