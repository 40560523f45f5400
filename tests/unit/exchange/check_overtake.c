// Barriers that overtake: what a channel, a gate and a sender show of it, case by case; and several
// producers and consumers in orders drawn from a seed, against a model: every row that was sent
// before a barrier has either been taken by then or was shown, once, and in its order.
#include "core/exchange/gate.h"
#include "core/exchange/partition.h"
#include "fixture.h"

static struct tm_channel *channel;

// --- one channel ---------------------------------------------------------------------------------

static void setup(void)
{
    fixture_setup();
    channel = tm_channel_new(&mem);
    ck_assert_ptr_nonnull(channel);
}

static void teardown(void)
{
    tm_channel_free(channel);
    fixture_teardown();
}

// What is shown, as text: first ids of batches, w and watermarks.
static char shown[200];

static int note(void *arg, const struct tm_element *element)
{
    size_t used = strlen(shown);
    (void)arg;
    if (element->kind == TM_ELEMENT_BATCH)
        snprintf(shown + used, sizeof shown - used, "%lld ",
                 (long long)row_id(tm_batch_first(element->batch)));
    else if (element->kind == TM_ELEMENT_WATERMARK)
        snprintf(shown + used, sizeof shown - used, "w%lld ", (long long)element->watermark);
    else
        snprintf(shown + used, sizeof shown - used, "? ");
    return strstr(shown, "66") != NULL ? TM_E_MEMORY : 0;
}

static void put(int64_t id)
{
    tm_channel_send(channel, batch_element(make_batch(id, 1)));
}

static void expect_rest(const char *expected)
{
    struct tm_element e;
    shown[0] = '\0';
    while (tm_channel_receive(channel, 0, &e)) {
        (void)note(NULL, &e);
        if (e.kind == TM_ELEMENT_BATCH)
            tm_batch_release(e.batch);
    }
    ck_assert_str_eq(shown, expected);
}

START_TEST(a_barrier_leaves_the_channel_past_what_stays)
{
    put(1);
    tm_channel_send(channel, watermark_element(5));
    tm_channel_send(channel, barrier_element(3)); // of one that was given up
    put(2);
    ck_assert_int_eq(tm_channel_shows(channel, 4), TM_SHOWS_NEITHER);
    tm_channel_send(channel, barrier_element(4));
    put(3);
    ck_assert_int_eq(tm_channel_shows(channel, 4), TM_SHOWS_BARRIER);
    ck_assert_int_eq(tm_channel_shows(channel, 5), TM_SHOWS_NEITHER);
    shown[0] = '\0';
    ck_assert_int_eq(tm_channel_overtake(channel, 4, note, NULL), 0);
    ck_assert_str_eq(shown, "1 w5 2 ");
    ck_assert_int_eq(tm_channel_shows(channel, 4), TM_SHOWS_NEITHER);
    expect_rest("1 w5 2 3 ");
}
END_TEST

START_TEST(an_end_is_as_good_as_a_barrier_and_stays)
{
    struct tm_element e;
    put(1);
    tm_channel_send(channel, end_element());
    ck_assert_int_eq(tm_channel_shows(channel, 9), TM_SHOWS_END);
    shown[0] = '\0';
    ck_assert_int_eq(tm_channel_overtake(channel, 9, note, NULL), 0);
    ck_assert_str_eq(shown, "1 ");
    ck_assert(tm_channel_receive(channel, 0, &e));
    tm_batch_release(e.batch);
    ck_assert(tm_channel_receive(channel, 0, &e));
    ck_assert_int_eq(e.kind, TM_ELEMENT_END);
}
END_TEST

START_TEST(a_later_barrier_in_front_has_given_it_up)
{
    tm_channel_send(channel, barrier_element(5));
    tm_channel_send(channel, barrier_element(4));
    ck_assert_int_eq(tm_channel_shows(channel, 4), TM_SHOWS_NEITHER);
}
END_TEST

START_TEST(a_visitor_that_fails_is_not_asked_again_and_the_barrier_goes_all_the_same)
{
    put(66);
    put(2);
    tm_channel_send(channel, barrier_element(1));
    shown[0] = '\0';
    ck_assert_int_eq(tm_channel_overtake(channel, 1, note, NULL), TM_E_MEMORY);
    ck_assert_str_eq(shown, "66 ");
    expect_rest("66 2 ");
}
END_TEST

// A ring whose barriers are taken over and over has room for the next ones.
START_TEST(barriers_that_are_taken_leave_their_slots)
{
    struct tm_element e;
    ck_assert(!tm_channel_receive(channel, 0, &e)); // the consumer has seen it empty
    put(1);
    for (uint64_t n = 1; n < 1000; n++) {
        ck_assert(tm_channel_can_send_control(channel));
        tm_channel_send(channel, barrier_element(n));
        shown[0] = '\0';
        ck_assert_int_eq(tm_channel_overtake(channel, n, note, NULL), 0);
        ck_assert_str_eq(shown, "1 ");
    }
    expect_rest("1 ");
}
END_TEST

// --- one gate ------------------------------------------------------------------------------------

static int count_shown(void *arg, uint32_t c, const struct tm_element *element)
{
    (void)element;
    ((uint32_t *)arg)[c]++;
    return 0;
}

static struct tm_gate *gate_of(struct tm_channel *channels[2])
{
    uint32_t count = 2;
    for (int i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(channels[i] = tm_channel_new(&mem));
    struct tm_gate *gate = tm_gate_new(&mem, channels, &count, 1);
    tm_gate_let_overtake(gate, 0);
    return gate;
}

static void free_gate(struct tm_gate *gate, struct tm_channel *channels[2])
{
    tm_gate_free(gate);
    tm_channel_free(channels[0]);
    tm_channel_free(channels[1]);
}

START_TEST(a_channel_that_stays_aligned_is_waited_for)
{
    struct tm_channel *channels[2];
    struct tm_gate *gate = gate_of(channels);
    struct tm_element e;
    uint32_t seen[2] = {0};
    tm_channel_send(channels[0], batch_element(make_batch(1, 1)));
    tm_channel_send(channels[0], barrier_element(1));
    tm_channel_send(channels[1], batch_element(make_batch(9, 1)));
    tm_channel_send(channels[1], barrier_element(1));
    ck_assert_int_eq(tm_gate_can_overtake(gate, 1), TM_GATE_CANNOT);
    for (int i = 0; i < 2; i++) {
        ck_assert(tm_gate_poll(gate, 0, &e));
        tm_batch_release(e.batch);
    }
    ck_assert(tm_gate_poll(gate, 0, &e)); // both barriers are taken: aligned after all
    ck_assert_int_eq(e.kind, TM_ELEMENT_BARRIER);
    for (int i = 2; i < 6; i++)
        tm_channel_send(channels[0], batch_element(make_batch(i, 1)));
    tm_channel_send(channels[0], barrier_element(2));
    tm_channel_send(channels[1], barrier_element(2));
    ck_assert_int_eq(tm_gate_can_overtake(gate, 2), TM_GATE_CANNOT);
    while (!tm_channel_is_empty(channels[1])) { // channels come in turn
        ck_assert(tm_gate_poll(gate, 0, &e));
        ck_assert_int_eq(e.kind, TM_ELEMENT_BATCH);
        tm_batch_release(e.batch);
    }
    ck_assert_int_eq(tm_gate_can_overtake(gate, 2), TM_GATE_CAN);
    ck_assert_int_eq(tm_gate_overtake(gate, 2, count_shown, seen), 0);
    ck_assert(seen[0] >= 1 && seen[1] == 0);
    free_gate(gate, channels);
}
END_TEST

START_TEST(ends_alone_are_for_the_task_to_decide)
{
    struct tm_channel *channels[2];
    struct tm_gate *gate = gate_of(channels);
    uint32_t seen[2] = {0};
    struct tm_element e;
    tm_gate_let_overtake(gate, 1);
    tm_channel_send(channels[0], batch_element(make_batch(1, 1)));
    tm_channel_send(channels[0], end_element());
    tm_channel_send(channels[1], batch_element(make_batch(2, 1)));
    tm_channel_send(channels[1], end_element());
    ck_assert_int_eq(tm_gate_can_overtake(gate, 1), TM_GATE_CAN_IF_NONE_ENDED);
    ck_assert_int_eq(tm_gate_overtake(gate, 1, count_shown, seen), 0);
    ck_assert(seen[0] == 1 && seen[1] == 1);
    ck_assert_int_eq(tm_gate_can_overtake(gate, 1), TM_GATE_CANNOT); // it is over
    while (tm_gate_poll(gate, 0, &e) && e.kind != TM_ELEMENT_END)
        if (e.kind == TM_ELEMENT_BATCH)
            tm_batch_release(e.batch);
    ck_assert_int_eq(e.kind, TM_ELEMENT_END);
    ck_assert_int_eq(tm_gate_can_overtake(gate, 2), TM_GATE_CANNOT);
    free_gate(gate, channels);
}
END_TEST

START_TEST(what_is_replayed_counts_for_its_channel)
{
    struct tm_channel *channels[2];
    struct tm_gate *gate = gate_of(channels);
    struct tm_element e = watermark_element(7);
    ck_assert(!tm_gate_replay(gate, 0, 1, &e));
    e = watermark_element(5);
    ck_assert(tm_gate_replay(gate, 1, 1, &e));
    ck_assert_int_eq(e.kind, TM_ELEMENT_WATERMARK);
    ck_assert_int_eq(e.watermark, 5);
    free_gate(gate, channels);
}
END_TEST

// --- many, at random -----------------------------------------------------------------------------

enum { PRODUCERS_MAX = 3, CONSUMERS_MAX = 3, IDS_MAX = 1 << 16, KEYS = 13 };

struct producer {
    struct tm_sender *sender;
    struct tm_element pending; // given to the sender and blocked; NONE: none
    struct tm_element barrier; // on its way past everything; NONE: none
    int64_t watermark;
    uint64_t begun; // its last barrier
};

struct consumer {
    struct tm_gate *gate;
    uint64_t cut;
};

enum fate { UNSEEN, SENT, TAKEN, SHOWN };

static struct {
    uint32_t producers, consumers;
    enum tm_partition_kind kind;
    struct tm_channel *channels[PRODUCERS_MAX][CONSUMERS_MAX];
    struct producer p[PRODUCERS_MAX];
    struct consumer c[CONSUMERS_MAX];
    uint64_t checkpoint;
    uint8_t before[IDS_MAX]; // of the rows that were sent before the barrier: what became of them
    uint8_t by[IDS_MAX];     // producer
    uint64_t at[IDS_MAX];    // its barriers when it was sent
    bool taken[IDS_MAX];     // ever
    int64_t next_id;
    int64_t last[PRODUCERS_MAX][KEYS];            // id taken or shown last, for this checkpoint
    int64_t order[PRODUCERS_MAX][KEYS];           // id taken last
    int64_t passed[CONSUMERS_MAX][PRODUCERS_MAX]; // watermark shown last
} w;
static uint64_t seed;
static uint32_t shown_rows, overtaken;

static bool keeps_order(void)
{
    return w.kind == TM_PARTITION_HASH || w.consumers == 1;
}

static void make_world(void)
{
    memset(&w, 0, sizeof w);
    w.producers = 1 + (uint32_t)(next_random(&seed) % PRODUCERS_MAX);
    w.consumers = 1 + (uint32_t)(next_random(&seed) % CONSUMERS_MAX);
    w.kind = next_random(&seed) % 2 == 0 ? TM_PARTITION_HASH : TM_PARTITION_REBALANCE;
    struct tm_key_spec key = {.count = 1, .fields = {1}};
    for (uint32_t p = 0; p < w.producers; p++) {
        for (uint32_t c = 0; c < w.consumers; c++)
            w.channels[p][c] = tm_channel_new(&mem);
        struct tm_sender_args args = {.mem = &mem,
                                      .kind = w.kind,
                                      .channels = w.channels[p],
                                      .count = w.consumers,
                                      .max_parallelism = 128,
                                      .key = &key,
                                      .latency_ms = 5};
        ck_assert_int_eq(tm_sender_new(&args, &w.p[p].sender, NULL), 0);
        w.p[p].watermark = -1;
    }
    for (uint32_t c = 0; c < w.consumers; c++) {
        struct tm_channel *channels[PRODUCERS_MAX];
        for (uint32_t p = 0; p < w.producers; p++)
            channels[p] = w.channels[p][c];
        w.c[c].gate = tm_gate_new(&mem, channels, &w.producers, 1);
        ck_assert_ptr_nonnull(w.c[c].gate);
        for (uint32_t p = 0; p < w.producers; p++)
            tm_gate_let_overtake(w.c[c].gate, p);
    }
}

static void free_world(void)
{
    for (uint32_t p = 0; p < w.producers; p++) {
        if (w.p[p].pending.kind == TM_ELEMENT_BATCH)
            tm_batch_release(w.p[p].pending.batch);
        tm_sender_free(w.p[p].sender);
    }
    for (uint32_t c = 0; c < w.consumers; c++)
        tm_gate_free(w.c[c].gate);
    for (uint32_t p = 0; p < w.producers; p++)
        for (uint32_t c = 0; c < w.consumers; c++)
            tm_channel_free(w.channels[p][c]);
}

static struct tm_batch *next_batch(uint32_t p)
{
    struct tm_batch *batch = tm_batch_acquire(pool, schema);
    for (uint64_t rows = 1 + next_random(&seed) % 300; rows > 0 && w.next_id < IDS_MAX; rows--) {
        char key[16];
        snprintf(key, sizeof key, "k%lld", (long long)(w.next_id % KEYS));
        w.by[w.next_id] = (uint8_t)p;
        w.at[w.next_id] = w.p[p].begun;
        add_row_of(batch, w.next_id++, key);
    }
    return batch;
}

// Rows that belong in front of the checkpoint's barrier, taken in time or shown.
static void meet(const struct tm_batch *batch, enum fate fate)
{
    TM_BATCH_EACH(batch, row)
    {
        int64_t id = row_id(row);
        uint32_t p = w.by[id];
        ck_assert_uint_lt(w.at[id], w.checkpoint);
        ck_assert_msg(w.before[id] == UNSEEN, "row %lld twice", (long long)id);
        w.before[id] = (uint8_t)fate;
        shown_rows += fate == SHOWN;
        if (keeps_order())
            ck_assert_int_gt(id, w.last[p][id % KEYS]);
        w.last[p][id % KEYS] = id;
    }
}

static int see_arrived(void *arg, uint32_t p, const struct tm_element *element)
{
    uint32_t c = *(uint32_t *)arg;
    if (element->kind == TM_ELEMENT_WATERMARK) {
        w.passed[c][p] = element->watermark;
        return 0;
    }
    ck_assert_int_eq(element->kind, TM_ELEMENT_BATCH);
    TM_BATCH_EACH(element->batch, row)
    ck_assert_int_gt(row_id(row), w.passed[c][p]); // behind the watermarks that it followed
    return 0;
}

// Shown rows are looked at when all consumers have theirs: those that a sender holds come later.
static struct {
    bool unsent;
    struct tm_batch *batch;
} kept[4096];
static uint32_t kept_count;

static void keep(const struct tm_element *element, bool unsent)
{
    if (element->kind != TM_ELEMENT_BATCH)
        return;
    ck_assert_uint_lt(kept_count, sizeof kept / sizeof kept[0]);
    kept[kept_count].unsent = unsent;
    ck_assert_int_eq(tm_batch_copy(pool, element->batch, &kept[kept_count++].batch), 0);
}

static int keep_arrived(void *arg, uint32_t p, const struct tm_element *element)
{
    keep(element, false);
    return see_arrived(arg, p, element);
}

static int keep_unsent(void *arg, uint32_t consumer, uint32_t first,
                       const struct tm_element *element)
{
    uint32_t p = *(uint32_t *)arg;
    keep(element, true);
    if (element->kind == TM_ELEMENT_WATERMARK) {
        ck_assert_int_eq(element->watermark, w.p[p].watermark);
        ck_assert_uint_eq(consumer, TM_ANY_CONSUMER);
        ck_assert_uint_lt(first, w.consumers);
    }
    return 0;
}

static void send_something(uint32_t p)
{
    struct producer *self = &w.p[p];
    if (self->barrier.kind != TM_ELEMENT_NONE) {
        if (tm_sender_overtake(self->sender, &self->barrier) == TM_SENT)
            self->barrier.kind = TM_ELEMENT_NONE;
        return;
    }
    if (self->pending.kind == TM_ELEMENT_NONE) {
        if (self->begun < w.checkpoint && next_random(&seed) % 4 == 0) {
            self->begun = w.checkpoint; // aligned: behind everything
            self->pending = barrier_element(w.checkpoint);
        } else if (next_random(&seed) % 4 == 0) {
            self->watermark = w.next_id - 1;
            self->pending = watermark_element(self->watermark);
        } else {
            self->pending = batch_element(next_batch(p));
        }
    } else if (self->begun < w.checkpoint && next_random(&seed) % 3 == 0) {
        self->begun = w.checkpoint;
        self->barrier = barrier_element(w.checkpoint);
        ck_assert_int_eq(tm_sender_each_held(self->sender, &self->pending, keep_unsent, &p), 0);
        overtaken++;
        return;
    }
    if (tm_sender_send(self->sender, &self->pending, 0) == TM_SENT)
        self->pending.kind = TM_ELEMENT_NONE;
    else if (next_random(&seed) % 3 == 0)
        (void)!tm_sender_flush(self->sender, 0, true);
}

static void take(const struct tm_batch *batch, bool in_time)
{
    TM_BATCH_EACH(batch, row)
    {
        int64_t id = row_id(row);
        ck_assert_msg(!w.taken[id], "row %lld was taken twice", (long long)id);
        w.taken[id] = true;
        if (keeps_order())
            ck_assert_int_gt(id, w.order[w.by[id]][id % KEYS]);
        w.order[w.by[id]][id % KEYS] = id;
    }
    if (in_time)
        meet(batch, TAKEN);
}

static void take_something(uint32_t c)
{
    struct consumer *self = &w.c[c];
    struct tm_element e;
    if (self->cut < w.checkpoint && !tm_gate_has_said(self->gate) &&
        tm_gate_can_overtake(self->gate, w.checkpoint) && next_random(&seed) % 2 == 0) {
        for (uint32_t p = 0; p < w.producers; p++)
            w.passed[c][p] = -1;
        ck_assert_int_eq(tm_gate_overtake(self->gate, w.checkpoint, keep_arrived, &c), 0);
        self->cut = w.checkpoint;
        overtaken++;
        return;
    }
    if (!tm_gate_poll(self->gate, 0, &e))
        return;
    if (e.kind == TM_ELEMENT_BARRIER) {
        ck_assert_uint_eq(e.checkpoint, w.checkpoint);
        ck_assert_uint_lt(self->cut, w.checkpoint);
        self->cut = w.checkpoint;
    } else if (e.kind == TM_ELEMENT_BATCH) {
        take(e.batch, self->cut < w.checkpoint);
        tm_batch_release(e.batch);
    }
}

static bool is_cut(void)
{
    for (uint32_t c = 0; c < w.consumers; c++)
        if (w.c[c].cut < w.checkpoint)
            return false;
    return true;
}

static void turn(void)
{
    if (next_random(&seed) % 4 != 0 && w.next_id < IDS_MAX - 1000)
        send_something((uint32_t)(next_random(&seed) % w.producers));
    else
        take_something((uint32_t)(next_random(&seed) % w.consumers));
}

static void one_checkpoint(void)
{
    w.checkpoint++;
    kept_count = 0;
    // A row that was not shown last time may be now: only those of this checkpoint are looked at.
    for (int64_t id = 0; id < w.next_id; id++)
        w.before[id] = w.taken[id] ? TAKEN : UNSEEN;
    memcpy(w.last, w.order, sizeof w.last);
    for (int i = 0; !is_cut(); i++) {
        ck_assert_int_lt(i, 1000000);
        turn();
    }
    for (int pass = 0; pass < 2; pass++) // what had arrived, then what had not been sent
        for (uint32_t i = 0; i < kept_count; i++)
            if (kept[i].unsent == (pass == 1))
                meet(kept[i].batch, SHOWN);
    for (uint32_t i = 0; i < kept_count; i++)
        tm_batch_release(kept[i].batch);
    for (int64_t id = 0; id < w.next_id; id++)
        if (w.at[id] < w.checkpoint)
            ck_assert_msg(w.before[id] != UNSEEN, "row %lld is lost", (long long)id);
}

START_TEST(rows_before_a_barrier_are_taken_or_shown_once_and_in_order)
{
    seed = test_seed("overtake");
    for (int round = 0; round < 60; round++) {
        make_world();
        for (uint32_t p = 0; p < PRODUCERS_MAX; p++)
            for (uint32_t k = 0; k < KEYS; k++)
                w.order[p][k] = -1;
        for (int n = 0; n < 8; n++) {
            for (uint64_t turns = next_random(&seed) % 60; turns > 0; turns--)
                turn();
            one_checkpoint();
        }
        free_world();
    }
    ck_assert_uint_gt(overtaken, 500);
    ck_assert_uint_gt(shown_rows, 10000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("overtake");
    TCase *t = tcase_create("overtake");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_barrier_leaves_the_channel_past_what_stays);
    tcase_add_test(t, an_end_is_as_good_as_a_barrier_and_stays);
    tcase_add_test(t, a_later_barrier_in_front_has_given_it_up);
    tcase_add_test(t, a_visitor_that_fails_is_not_asked_again_and_the_barrier_goes_all_the_same);
    tcase_add_test(t, barriers_that_are_taken_leave_their_slots);
    tcase_add_test(t, a_channel_that_stays_aligned_is_waited_for);
    tcase_add_test(t, ends_alone_are_for_the_task_to_decide);
    tcase_add_test(t, what_is_replayed_counts_for_its_channel);
    tcase_add_test(t, rows_before_a_barrier_are_taken_or_shown_once_and_in_order);
    suite_add_tcase(s, t);
    return run_suite(s);
}
