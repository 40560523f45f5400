// Senders: what goes where, in which order, and what a full channel holds back.
#include "core/base/limits.h"
#include "core/batch/key_group.h"
#include "core/exchange/partition.h"
#include "fixture.h"

enum { CHANNELS = 4, MAX_PARALLELISM = 128 };
static struct tm_channel *channels[CHANNELS];
static struct tm_sender *sender;
static const struct tm_key_spec by_id = {.count = 1, .fields = {0}};
static const struct tm_key_spec by_key = {.count = 1, .fields = {1}};
static const int64_t ms = 1000000;

static void setup(void)
{
    fixture_setup();
    for (int i = 0; i < CHANNELS; i++) {
        channels[i] = tm_channel_new(&mem);
        ck_assert_ptr_nonnull(channels[i]);
    }
    sender = NULL;
}

static void teardown(void)
{
    tm_sender_free(sender);
    for (int i = 0; i < CHANNELS; i++)
        tm_channel_free(channels[i]);
    fixture_teardown();
}

static void open_sender(enum tm_partition_kind kind, uint32_t count)
{
    struct tm_sender_args args = {
        .mem = &mem,
        .kind = kind,
        .channels = channels,
        .count = count,
        .max_parallelism = MAX_PARALLELISM,
        .key = kind == TM_PARTITION_HASH     ? &by_key
               : kind == TM_PARTITION_COLUMN ? &by_id
                                             : NULL,
        .latency_ms = 5,
    };
    struct tm_error err;
    ck_assert_int_eq(tm_sender_new(&args, &sender, &err), 0);
}

static int send_at(struct tm_element *element, int64_t now_ns)
{
    int rc = tm_sender_send(sender, element, now_ns);
    ck_assert_int_ge(rc, 0);
    return rc;
}

static void must_send(struct tm_element element)
{
    ck_assert_int_eq(send_at(&element, 0), TM_SENT);
}

// The next element of a channel; NONE: empty. A batch belongs to the caller.
static struct tm_element take(int channel)
{
    struct tm_element e = {0};
    if (!tm_channel_receive(channels[channel], 0, &e))
        e.kind = TM_ELEMENT_NONE;
    return e;
}

static uint32_t take_rows(int channel)
{
    struct tm_element e = take(channel);
    ck_assert_int_eq(e.kind, TM_ELEMENT_BATCH);
    uint32_t rows = e.batch->row_count;
    tm_batch_release(e.batch);
    return rows;
}

static uint32_t owner_of(const char *key, uint32_t count)
{
    uint32_t group = tm_hash_key_group(tm_hash_bytes(key, strlen(key)), MAX_PARALLELISM);
    return tm_key_group_owner(group, count, MAX_PARALLELISM);
}

START_TEST(forward_moves_the_batch_itself)
{
    open_sender(TM_PARTITION_FORWARD, 1);
    struct tm_batch *batch = make_batch(0, 10);
    batch->split = 7;
    batch->read_ns = 123;
    struct tm_element e = batch_element(batch);
    ck_assert_int_eq(send_at(&e, 0), TM_SENT);
    ck_assert_ptr_null(e.batch);
    e = take(0);
    ck_assert_ptr_eq(e.batch, batch);
    ck_assert_int_eq(batch->split, TM_NO_SPLIT);
    ck_assert_int_eq(batch->read_ns, 123);
    tm_batch_release(e.batch);
    ck_assert_uint_eq(tm_sender_rows_sent(sender), 10);
}
END_TEST

START_TEST(hash_to_one_consumer_moves_the_batch_itself)
{
    open_sender(TM_PARTITION_HASH, 1);
    struct tm_batch *batch = make_batch(0, 10);
    must_send(batch_element(batch));
    struct tm_element e = take(0);
    ck_assert_ptr_eq(e.batch, batch);
    tm_batch_release(e.batch);
    ck_assert_int_eq(tm_sender_deadline_ns(sender), INT64_MAX);
}
END_TEST

START_TEST(a_batch_without_rows_goes_nowhere)
{
    for (int kind = TM_PARTITION_FORWARD; kind <= TM_PARTITION_COLUMN; kind++) {
        open_sender((enum tm_partition_kind)kind, 2);
        must_send(batch_element(make_batch(0, 0)));
        ck_assert(tm_channel_is_empty(channels[0]));
        ck_assert(tm_channel_is_empty(channels[1]));
        tm_sender_free(sender);
        sender = NULL;
    }
}
END_TEST

START_TEST(rebalance_takes_channels_in_turn_and_passes_over_full_ones)
{
    open_sender(TM_PARTITION_REBALANCE, 3);
    for (int i = 0; i < 6; i++)
        must_send(batch_element(make_batch(i, 1)));
    struct tm_element e = batch_element(make_batch(6, 1));
    ck_assert_int_eq(send_at(&e, 0), TM_BLOCKED); // each holds two
    ck_assert_ptr_nonnull(e.batch);
    ck_assert_uint_eq(take_rows(1), 1);
    ck_assert_int_eq(send_at(&e, 0), TM_SENT);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 2; i++)
            ck_assert_uint_eq(take_rows(c), 1);
}
END_TEST

START_TEST(hash_sends_each_row_to_the_owner_of_its_key_group)
{
    int64_t sum = 0;
    open_sender(TM_PARTITION_HASH, 4);
    must_send(batch_element(make_batch(0, 1000)));
    ck_assert_int_eq(tm_sender_flush(sender, 0, true), TM_SENT);
    for (uint32_t c = 0; c < 4; c++) {
        struct tm_element e = take((int)c);
        ck_assert_int_eq(e.kind, TM_ELEMENT_BATCH);
        int64_t before = -1;
        TM_BATCH_EACH(e.batch, row)
        {
            char key[32];
            snprintf(key, sizeof key, "k%lld", (long long)row_id(row));
            uint32_t len;
            const char *stored = tm_row_string(row, schema->fields[1].offset, &len);
            ck_assert_uint_eq(len, strlen(key));
            ck_assert(memcmp(stored, key, len) == 0);
            ck_assert_uint_eq(owner_of(key, 4), c);
            ck_assert_int_gt(row_id(row), before); // in order
            before = row_id(row);
            sum += row_id(row);
        }
        tm_batch_release(e.batch);
    }
    ck_assert_int_eq(sum, 999 * 1000 / 2);
    ck_assert_uint_eq(tm_sender_rows_sent(sender), 1000);
}
END_TEST

START_TEST(part_filled_batches_wait_for_the_latency)
{
    open_sender(TM_PARTITION_HASH, 2);
    ck_assert_int_eq(tm_sender_deadline_ns(sender), INT64_MAX);
    struct tm_element e = batch_element(make_batch(0, 100));
    ck_assert_int_eq(send_at(&e, 7 * ms), TM_SENT);
    ck_assert_int_eq(tm_sender_deadline_ns(sender), 12 * ms);
    e = batch_element(make_batch(100, 100));
    ck_assert_int_eq(send_at(&e, 9 * ms), TM_SENT);
    ck_assert_int_eq(tm_sender_deadline_ns(sender), 12 * ms);
    ck_assert_int_eq(tm_sender_flush(sender, 12 * ms - 1, false), TM_SENT);
    ck_assert_int_eq(take(0).kind, TM_ELEMENT_NONE);
    ck_assert_int_eq(tm_sender_flush(sender, 12 * ms, false), TM_SENT);
    ck_assert_uint_eq(take_rows(0) + take_rows(1), 200);
    ck_assert_int_eq(tm_sender_deadline_ns(sender), INT64_MAX);
}
END_TEST

START_TEST(an_idle_input_flushes_at_once)
{
    open_sender(TM_PARTITION_HASH, 2);
    must_send(batch_element(make_batch(0, 10)));
    ck_assert_int_eq(tm_sender_flush(sender, 0, true), TM_SENT);
    ck_assert_uint_eq(take_rows(0) + take_rows(1), 10);
}
END_TEST

START_TEST(the_oldest_part_sets_the_deadline)
{
    open_sender(TM_PARTITION_HASH, 2);
    const char *keys[2] = {NULL, NULL}; // one key for each channel
    char buf[64][8];
    for (int i = 0; i < 64; i++) {
        snprintf(buf[i], sizeof buf[i], "x%d", i);
        keys[owner_of(buf[i], 2)] = buf[i];
    }
    for (int c = 0; c < 2; c++) {
        struct tm_batch *batch = tm_batch_acquire(pool, schema);
        add_row_of(batch, c, keys[c]);
        struct tm_element e = batch_element(batch);
        ck_assert_int_eq(send_at(&e, c * ms), TM_SENT);
    }
    ck_assert_int_eq(tm_sender_deadline_ns(sender), 5 * ms);
    ck_assert_int_eq(tm_sender_flush(sender, 5 * ms, false), TM_SENT);
    ck_assert_int_eq(tm_sender_deadline_ns(sender), 6 * ms);
    ck_assert_uint_eq(take_rows(0), 1);
    ck_assert_int_eq(take(1).kind, TM_ELEMENT_NONE);
}
END_TEST

START_TEST(a_control_element_follows_all_rows_on_every_channel)
{
    open_sender(TM_PARTITION_HASH, 4);
    must_send(batch_element(make_batch(0, 100)));
    must_send(watermark_element(99));
    uint32_t rows = 0;
    for (int c = 0; c < 4; c++) {
        rows += take_rows(c);
        struct tm_element e = take(c);
        ck_assert_int_eq(e.kind, TM_ELEMENT_WATERMARK);
        ck_assert_int_eq(e.watermark, 99);
    }
    ck_assert_uint_eq(rows, 100);
}
END_TEST

// However rows are spread: what was sent before a barrier is in front of it on every channel, and
// what was sent after it behind.
START_TEST(a_barrier_cuts_the_rows_of_every_kind_of_edge)
{
    static const enum tm_partition_kind kinds[] = {TM_PARTITION_FORWARD, TM_PARTITION_REBALANCE,
                                                   TM_PARTITION_BROADCAST, TM_PARTITION_HASH,
                                                   TM_PARTITION_COLUMN};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        uint32_t count = kinds[k] == TM_PARTITION_FORWARD ? 1 : CHANNELS;
        uint64_t rows[2] = {0};
        open_sender(kinds[k], count);
        must_send(batch_element(make_batch(0, 50)));
        must_send(barrier_element(7));
        must_send(batch_element(make_batch(1000, 30)));
        ck_assert_int_eq(tm_sender_flush(sender, 0, true), TM_SENT);
        for (uint32_t c = 0; c < count; c++) {
            int after = 0;
            for (struct tm_element e = take((int)c); e.kind != TM_ELEMENT_NONE; e = take((int)c)) {
                if (e.kind == TM_ELEMENT_BARRIER) {
                    ck_assert_uint_eq(e.checkpoint, 7);
                    ck_assert_int_eq(after++, 0);
                    continue;
                }
                const struct tm_row *row = tm_batch_first(e.batch);
                for (uint32_t r = 0; r < e.batch->row_count; r++, row = tm_row_next(row))
                    ck_assert_int_eq(row_id(row) >= 1000, after);
                rows[after] += e.batch->row_count;
                tm_batch_release(e.batch);
            }
            ck_assert_int_eq(after, 1);
        }
        uint64_t copies = kinds[k] == TM_PARTITION_BROADCAST ? CHANNELS : 1;
        ck_assert_uint_eq(rows[0], 50 * copies);
        ck_assert_uint_eq(rows[1], 30 * copies);
        tm_sender_free(sender);
        sender = NULL;
    }
}
END_TEST

START_TEST(a_control_element_reaches_each_channel_once_however_often_it_blocks)
{
    open_sender(TM_PARTITION_REBALANCE, 3);
    while (tm_channel_can_send_control(channels[1]))
        tm_channel_send(channels[1], status_element(TM_CHANNEL_ACTIVE));
    struct tm_element e = watermark_element(5);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(send_at(&e, 0), TM_BLOCKED);
    take(1);
    ck_assert_int_eq(send_at(&e, 0), TM_SENT);
    for (int c = 0; c < 3; c++) {
        int seen = 0;
        for (struct tm_element got = take(c); got.kind != TM_ELEMENT_NONE; got = take(c))
            seen += got.kind == TM_ELEMENT_WATERMARK;
        ck_assert_int_eq(seen, 1);
    }
}
END_TEST

START_TEST(forward_sends_control_to_its_one_channel)
{
    open_sender(TM_PARTITION_FORWARD, 3);
    must_send(end_element());
    ck_assert_int_eq(take(0).kind, TM_ELEMENT_END);
    ck_assert_int_eq(take(1).kind, TM_ELEMENT_NONE);
}
END_TEST

START_TEST(a_blocked_hash_batch_goes_on_where_it_stopped)
{
    int64_t next[4] = {-1, -1, -1, -1}, sent = 0;
    uint32_t received = 0, blocked = 0;
    open_sender(TM_PARTITION_HASH, 4);
    for (int i = 0; i < 120; i++) { // far more than eight batches
        struct tm_element e = batch_element(make_batch(sent, 700));
        sent += 700;
        while (send_at(&e, 0) == TM_BLOCKED) {
            blocked++;
            for (int c = 0; c < 4; c++) {
                struct tm_element got = take(c);
                if (got.kind != TM_ELEMENT_BATCH)
                    continue;
                TM_BATCH_EACH(got.batch, row)
                {
                    ck_assert_int_gt(row_id(row), next[c]);
                    next[c] = row_id(row);
                }
                received += got.batch->row_count;
                tm_batch_release(got.batch);
            }
        }
    }
    ck_assert_uint_gt(blocked, 10);
    for (bool more = true; more;) {
        more = tm_sender_flush(sender, 0, true) == TM_BLOCKED;
        for (int c = 0; c < 4; c++)
            for (struct tm_element e = take(c); e.kind == TM_ELEMENT_BATCH; e = take(c)) {
                received += e.batch->row_count;
                tm_batch_release(e.batch);
            }
    }
    ck_assert_uint_eq(received, (uint64_t)sent);
}
END_TEST

START_TEST(a_part_filled_batch_keeps_the_oldest_read_time_and_no_split)
{
    open_sender(TM_PARTITION_HASH, 2);
    const int64_t read[] = {0, 50, 30, 70};
    for (int i = 0; i < 4; i++) {
        struct tm_batch *batch = make_batch(i * 100, 100);
        batch->read_ns = read[i];
        batch->split = i;
        must_send(batch_element(batch));
    }
    ck_assert_int_eq(tm_sender_flush(sender, 0, true), TM_SENT);
    for (int c = 0; c < 2; c++) {
        struct tm_element e = take(c);
        ck_assert_int_eq(e.batch->read_ns, 30);
        ck_assert_int_eq(e.batch->split, TM_NO_SPLIT);
        tm_batch_release(e.batch);
    }
    must_send(batch_element(make_batch(0, 100)));
    ck_assert_int_eq(tm_sender_flush(sender, 0, true), TM_SENT);
    for (int c = 0; c < 2; c++) {
        struct tm_element e = take(c);
        ck_assert_int_eq(e.batch->read_ns, 0); // not known stays not known
        tm_batch_release(e.batch);
    }
}
END_TEST

START_TEST(rows_of_another_schema_start_new_batches)
{
    struct tm_schema *other = make_schema("number"), *equal = make_schema("id");
    open_sender(TM_PARTITION_HASH, 2);
    must_send(batch_element(make_batch(0, 50)));
    struct tm_batch *batch = tm_batch_acquire(pool, equal);
    add_row_of(batch, 50, "a");
    must_send(batch_element(batch));
    ck_assert_int_eq(take(0).kind, TM_ELEMENT_NONE); // equal: the same batch goes on
    batch = tm_batch_acquire(pool, other);
    for (int i = 0; i < 50; i++)
        add_row_of(batch, i, i % 2 ? "a" : "b");
    must_send(batch_element(batch));
    ck_assert_int_eq(tm_sender_flush(sender, 0, true), TM_SENT);
    uint32_t rows = 0, others = 0;
    for (int c = 0; c < 2; c++)
        for (struct tm_element e = take(c); e.kind == TM_ELEMENT_BATCH; e = take(c)) {
            if (tm_schema_equal(e.batch->schema, schema))
                rows += e.batch->row_count;
            else
                others += e.batch->row_count;
            tm_batch_release(e.batch);
        }
    ck_assert_uint_eq(rows, 51);
    ck_assert_uint_eq(others, 50);
    tm_sender_free(sender);
    sender = NULL;
    tm_schema_unref(other);
    tm_schema_unref(equal);
}
END_TEST

static void add_long_row(struct tm_batch *batch, int64_t id, size_t len)
{
    char *text = malloc(len + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'a' + (int)(id % 26), len);
    text[len] = '\0';
    add_row_of(batch, id, text);
    free(text);
}

START_TEST(rows_of_any_length_arrive_as_they_were)
{
    static const size_t lengths[] = {0,   1,   7,    8,    200,   231,   232,
                                     233, 300, 4000, 9999, 60000, 70000, 300000};
    enum { N = sizeof lengths / sizeof lengths[0] };
    bool seen[N] = {false};
    open_sender(TM_PARTITION_HASH, 2);
    struct tm_batch *batch = tm_batch_acquire(pool, schema);
    for (size_t i = 0; i < N; i++)
        add_long_row(batch, (int64_t)i, lengths[i]);
    struct tm_element e = batch_element(batch);
    bool sent = false;
    for (int round = 0; round < 100; round++) {
        if (!sent)
            sent = send_at(&e, 0) == TM_SENT;
        else if (tm_sender_flush(sender, 0, true) < 0)
            ck_abort_msg("flush failed");
        for (int c = 0; c < 2; c++) {
            struct tm_element got = take(c);
            if (got.kind != TM_ELEMENT_BATCH)
                continue;
            TM_BATCH_EACH(got.batch, row)
            {
                size_t i = (size_t)row_id(row);
                uint32_t len;
                const char *text = tm_row_string(row, schema->fields[1].offset, &len);
                ck_assert_uint_eq(len, lengths[i]);
                for (uint32_t k = 0; k < len; k++)
                    ck_assert_int_eq(text[k], 'a' + (int)(i % 26));
                ck_assert(!seen[i]);
                seen[i] = true;
            }
            tm_batch_release(got.batch);
        }
    }
    for (size_t i = 0; i < N; i++)
        ck_assert(seen[i]);
}
END_TEST

START_TEST(broadcast_gives_every_consumer_every_row)
{
    open_sender(TM_PARTITION_BROADCAST, 3);
    struct tm_batch *batch = make_batch(5, 100);
    batch->read_ns = 17;
    must_send(batch_element(batch));
    must_send(watermark_element(9));
    for (int c = 0; c < 3; c++) {
        struct tm_element e = take(c);
        ck_assert_int_eq(e.kind, TM_ELEMENT_BATCH);
        ck_assert_int_eq(e.batch->read_ns, 17);
        int64_t id = 5;
        TM_BATCH_EACH(e.batch, row)
        ck_assert_int_eq(row_id(row), id++);
        ck_assert_int_eq(id, 105);
        tm_batch_release(e.batch);
        ck_assert_int_eq(take(c).kind, TM_ELEMENT_WATERMARK);
    }
    ck_assert_uint_eq(tm_sender_rows_sent(sender), 300);
}
END_TEST

START_TEST(a_blocked_broadcast_goes_on_with_the_consumer_that_was_full)
{
    open_sender(TM_PARTITION_BROADCAST, 3);
    for (int i = 0; i < 2; i++) // two are always taken
        must_send(batch_element(make_batch(i, 1)));
    take_rows(0);
    struct tm_element e = batch_element(make_batch(2, 1));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(send_at(&e, 0), TM_BLOCKED);
    take_rows(1);
    ck_assert_int_eq(send_at(&e, 0), TM_BLOCKED);
    take_rows(2);
    ck_assert_int_eq(send_at(&e, 0), TM_SENT);
    for (int c = 0; c < 3; c++) {
        for (int64_t id = 1; id < 3; id++) {
            struct tm_element got = take(c);
            ck_assert_int_eq(got.kind, TM_ELEMENT_BATCH);
            ck_assert_int_eq(row_id(tm_batch_first(got.batch)), id);
            tm_batch_release(got.batch);
        }
        ck_assert_int_eq(take(c).kind, TM_ELEMENT_NONE);
    }
}
END_TEST

START_TEST(a_column_is_the_number_of_the_consumer_modulo_how_many_there_are)
{
    open_sender(TM_PARTITION_COLUMN, 3);
    must_send(batch_element(make_batch(-300, 600)));
    ck_assert_int_eq(tm_sender_flush(sender, 0, true), TM_SENT);
    for (int64_t c = 0; c < 3; c++) {
        struct tm_element e = take((int)c);
        int64_t id = -300 + c;
        ck_assert_uint_eq(e.batch->row_count, 200);
        TM_BATCH_EACH(e.batch, row)
        {
            ck_assert_int_eq(row_id(row), id);
            id += 3;
        }
        tm_batch_release(e.batch);
    }
}
END_TEST

START_TEST(a_hash_edge_needs_a_key_and_enough_key_groups)
{
    struct tm_error err;
    struct tm_sender_args args = {.mem = &mem,
                                  .kind = TM_PARTITION_HASH,
                                  .channels = channels,
                                  .count = 4,
                                  .max_parallelism = 3,
                                  .key = &by_key};
    ck_assert_int_eq(tm_sender_new(&args, &sender, &err), TM_E_LIMIT);
    args.max_parallelism = TM_MAX_PARALLELISM + 1;
    ck_assert_int_eq(tm_sender_new(&args, &sender, &err), TM_E_LIMIT);
    args.max_parallelism = 128;
    args.key = NULL;
    ck_assert_int_eq(tm_sender_new(&args, &sender, &err), TM_E_LIMIT);
    args.count = 0;
    ck_assert_int_eq(tm_sender_new(&args, &sender, &err), TM_E_LIMIT);
    sender = NULL;
}
END_TEST

START_TEST(running_out_of_memory_is_reported_and_leaks_nothing)
{
    struct tm_error err;
    for (int64_t limit = 1; limit < 200000; limit += 997) {
        struct tm_mem small;
        struct tm_sender *s = NULL;
        tm_mem_init(&small, &fx, NULL, limit);
        struct tm_sender_args args = {.mem = &small,
                                      .kind = TM_PARTITION_HASH,
                                      .channels = channels,
                                      .count = 2,
                                      .max_parallelism = 128,
                                      .key = &by_key,
                                      .latency_ms = 5};
        int rc = tm_sender_new(&args, &s, &err);
        ck_assert(rc == 0 || rc == TM_E_MEMORY);
        if (rc == 0) {
            struct tm_element e = batch_element(make_batch(0, 100));
            rc = tm_sender_send(s, &e, 0);
            ck_assert(rc == TM_SENT || rc == TM_E_MEMORY);
            if (rc != TM_SENT)
                tm_batch_release(e.batch);
            tm_sender_free(s);
        }
        ck_assert_int_eq(atomic_load(&small.used_bytes), 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("partition");
    TCase *t = tcase_create("partition");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, forward_moves_the_batch_itself);
    tcase_add_test(t, hash_to_one_consumer_moves_the_batch_itself);
    tcase_add_test(t, a_batch_without_rows_goes_nowhere);
    tcase_add_test(t, rebalance_takes_channels_in_turn_and_passes_over_full_ones);
    tcase_add_test(t, hash_sends_each_row_to_the_owner_of_its_key_group);
    tcase_add_test(t, part_filled_batches_wait_for_the_latency);
    tcase_add_test(t, an_idle_input_flushes_at_once);
    tcase_add_test(t, the_oldest_part_sets_the_deadline);
    tcase_add_test(t, a_control_element_follows_all_rows_on_every_channel);
    tcase_add_test(t, a_barrier_cuts_the_rows_of_every_kind_of_edge);
    tcase_add_test(t, a_control_element_reaches_each_channel_once_however_often_it_blocks);
    tcase_add_test(t, forward_sends_control_to_its_one_channel);
    tcase_add_test(t, a_blocked_hash_batch_goes_on_where_it_stopped);
    tcase_add_test(t, a_part_filled_batch_keeps_the_oldest_read_time_and_no_split);
    tcase_add_test(t, rows_of_another_schema_start_new_batches);
    tcase_add_test(t, rows_of_any_length_arrive_as_they_were);
    tcase_add_test(t, broadcast_gives_every_consumer_every_row);
    tcase_add_test(t, a_blocked_broadcast_goes_on_with_the_consumer_that_was_full);
    tcase_add_test(t, a_column_is_the_number_of_the_consumer_modulo_how_many_there_are);
    tcase_add_test(t, a_hash_edge_needs_a_key_and_enough_key_groups);
    tcase_add_test(t, running_out_of_memory_is_reported_and_leaks_nothing);
    suite_add_tcase(s, t);
    return run_suite(s);
}
