// Random topologies of senders, channels and gates, run by a random scheduler in one thread under a
// clock of its own. Whatever the order of turns: no row is lost or doubled, rows of a key keep
// their order where nothing is rebalanced, no row comes behind a watermark that covers it, time and
// input end exactly once in every task, and every account adds up.
//
// Event times come from one virtual clock shared by the sources: each row is after "now", a
// watermark is "now". So a row can be late only where its source was idle before: while its waking
// is still on the way, the others' watermarks pass. Rows of sources that never were idle are never
// late.
#include "core/exchange/gate.h"
#include "core/exchange/partition.h"
#include "fixture.h"

enum {
    STAGES = 8,
    SUBTASKS = 4,
    ROWS_PER_SOURCE = 1500,
    KEYS = 50,
    MAX_PARALLELISM = 64,
    SOURCES_MAX = 3 * SUBTASKS,
    STEPS_MAX = 2000000, // far beyond what any topology needs: a run that gets there is stuck
};

struct task {
    struct tm_gate *gate;     // NULL: a source
    struct tm_sender *sender; // NULL: a sink
    struct tm_element pending;
    bool ended, max_seen, idle;
    int64_t watermark; // last one in
    int64_t source, made;
};

struct stage {
    uint32_t parallelism, input_count, inputs[2];
    bool is_source, used;
    enum tm_partition_kind out_kind; // to its one consumer
    struct tm_channel *channels[SUBTASKS][SUBTASKS];
    uint32_t consumers; // subtasks of the consumer, 0: none
    struct task tasks[SUBTASKS];
};

static struct stage stages[STAGES];
static uint32_t stage_count, source_count;
static bool rebalanced, may_idle;
static uint64_t seed;
static int64_t clock_ms;
static uint8_t seen[SOURCES_MAX][ROWS_PER_SOURCE];
static int64_t last_of_key[SOURCES_MAX][KEYS];
static int64_t times[SOURCES_MAX][ROWS_PER_SOURCE]; // event times, by source and number of the row
static int64_t strict_rows[SOURCES_MAX];            // rows made before the source was ever idle
static uint64_t arrived;
static const struct tm_key_spec by_key = {.count = 1, .fields = {1}};

static uint32_t pick(uint32_t n)
{
    return (uint32_t)(next_random(&seed) % n);
}

// --- topology

static void add_stage(bool is_source, uint32_t input_count)
{
    struct stage *s = &stages[stage_count++];
    memset(s, 0, sizeof *s);
    s->is_source = is_source;
    s->parallelism = 1 + pick(SUBTASKS);
    for (uint32_t i = 0; i < stage_count - 1 && s->input_count < input_count; i++)
        if (!stages[i].used) {
            stages[i].used = true;
            s->inputs[s->input_count++] = i;
        }
}

static void connect(struct stage *from, const struct stage *to)
{
    from->consumers = to->parallelism;
    from->out_kind = (enum tm_partition_kind)pick(3);
    if (from->out_kind == TM_PARTITION_FORWARD && from->parallelism != to->parallelism)
        from->out_kind = TM_PARTITION_HASH;
    rebalanced = rebalanced || from->out_kind == TM_PARTITION_REBALANCE;
    for (uint32_t p = 0; p < from->parallelism; p++) {
        for (uint32_t c = 0; c < to->parallelism; c++)
            if (from->out_kind != TM_PARTITION_FORWARD || p == c)
                ck_assert_ptr_nonnull(from->channels[p][c] = tm_channel_new(&mem));
        struct tm_sender_args args = {
            .mem = &mem,
            .kind = from->out_kind,
            .channels =
                from->out_kind == TM_PARTITION_FORWARD ? &from->channels[p][p] : from->channels[p],
            .count = from->out_kind == TM_PARTITION_FORWARD ? 1 : to->parallelism,
            .max_parallelism = MAX_PARALLELISM,
            .key = &by_key,
            .latency_ms = 1 + pick(10),
        };
        ck_assert_int_eq(tm_sender_new(&args, &from->tasks[p].sender, NULL), 0);
    }
}

static void open_gates(struct stage *to)
{
    for (uint32_t c = 0; c < to->parallelism; c++) {
        struct tm_channel *channels[2 * SUBTASKS];
        uint32_t n = 0;
        for (uint32_t i = 0; i < to->input_count; i++)
            for (uint32_t p = 0; p < stages[to->inputs[i]].parallelism; p++)
                if (stages[to->inputs[i]].channels[p][c] != NULL)
                    channels[n++] = stages[to->inputs[i]].channels[p][c];
        to->tasks[c].gate = tm_gate_new(&mem, channels, &n, 1);
        ck_assert_ptr_nonnull(to->tasks[c].gate);
    }
}

static void build(void)
{
    uint32_t sources = 1 + pick(3), depth = 1 + pick(2);
    stage_count = source_count = 0;
    rebalanced = false;
    may_idle = pick(2) == 0;
    for (uint32_t i = 0; i < sources; i++)
        add_stage(true, 0);
    for (uint32_t left = sources; left > 1; left--)
        add_stage(false, 2); // a union
    for (uint32_t i = 0; i < depth; i++)
        add_stage(false, 1);
    for (uint32_t s = 0; s < stage_count; s++) {
        for (uint32_t i = 0; i < stages[s].input_count; i++)
            connect(&stages[stages[s].inputs[i]], &stages[s]);
        if (!stages[s].is_source)
            open_gates(&stages[s]);
        for (uint32_t t = 0; t < stages[s].parallelism; t++) {
            stages[s].tasks[t].watermark = TM_WATERMARK_MIN;
            if (stages[s].is_source) {
                strict_rows[source_count] = ROWS_PER_SOURCE;
                stages[s].tasks[t].source = source_count++;
            }
        }
    }
}

static void tear_down(void)
{
    for (uint32_t s = 0; s < stage_count; s++)
        for (uint32_t t = 0; t < stages[s].parallelism; t++) {
            tm_sender_free(stages[s].tasks[t].sender);
            tm_gate_free(stages[s].tasks[t].gate);
            for (uint32_t c = 0; c < stages[s].consumers; c++)
                tm_channel_free(stages[s].channels[t][c]);
        }
}

// --- one turn of a task

static void make_rows(struct task *t)
{
    struct tm_batch *batch = tm_batch_acquire(pool, schema);
    uint32_t rows = 1 + pick(200);
    char key[16];
    for (uint32_t i = 0; i < rows && t->made < ROWS_PER_SOURCE; i++, t->made++) {
        times[t->source][t->made] = clock_ms + 1 + pick(20);
        snprintf(key, sizeof key, "k%lld", (long long)(t->made * 7 % KEYS));
        add_row_of(batch, t->source * ROWS_PER_SOURCE + t->made, key);
    }
    batch->read_ns = 1 + clock_ms * 1000000;
    t->pending = batch_element(batch);
}

static void source_turn(struct task *t)
{
    if (t->made == ROWS_PER_SOURCE) {
        // A source may say MAX itself or leave it to the gates.
        bool say_max = !t->max_seen && pick(2) == 0;
        t->max_seen = true;
        t->pending = say_max ? watermark_element(TM_WATERMARK_MAX) : end_element();
        return;
    }
    switch (pick(10)) {
    case 0:
        if (!t->idle)
            t->pending = watermark_element(clock_ms);
        break;
    case 1:
        if (!may_idle)
            break;
        if (strict_rows[t->source] == ROWS_PER_SOURCE)
            strict_rows[t->source] = t->made;
        t->idle = !t->idle;
        t->pending = status_element(t->idle ? TM_CHANNEL_IDLE : TM_CHANNEL_ACTIVE);
        break;
    default:
        if (!t->idle)
            make_rows(t);
    }
}

static void check_rows(const struct task *t, const struct tm_batch *batch, bool is_sink)
{
    ck_assert_uint_gt(batch->row_count, 0);
    TM_BATCH_EACH(batch, row)
    {
        int64_t source = row_id(row) / ROWS_PER_SOURCE, number = row_id(row) % ROWS_PER_SOURCE;
        if (number < strict_rows[source])
            ck_assert_int_gt(times[source][number], t->watermark);
        if (!is_sink)
            continue;
        ck_assert_uint_eq(seen[source][number]++, 0);
        arrived++;
        if (!rebalanced) {
            int64_t *last = &last_of_key[source][number * 7 % KEYS];
            ck_assert_int_gt(number, *last);
            *last = number;
        }
    }
}

static void check_element(struct task *t, const struct tm_element *e, bool is_sink)
{
    ck_assert(!t->ended);
    if (e->kind == TM_ELEMENT_BATCH) {
        check_rows(t, e->batch, is_sink);
    } else if (e->kind == TM_ELEMENT_WATERMARK) {
        ck_assert_int_gt(e->watermark, t->watermark);
        t->watermark = e->watermark;
    } else if (e->kind == TM_ELEMENT_END) {
        ck_assert_int_eq(t->watermark, TM_WATERMARK_MAX);
    }
}

static void drop(struct task *t)
{
    t->ended = t->ended || t->pending.kind == TM_ELEMENT_END;
    if (t->pending.kind == TM_ELEMENT_BATCH)
        tm_batch_release(t->pending.batch);
    t->pending.kind = TM_ELEMENT_NONE;
}

static void deliver(struct task *t)
{
    bool end = t->pending.kind == TM_ELEMENT_END;
    int rc = tm_sender_send(t->sender, &t->pending, clock_ms * 1000000);
    ck_assert_int_ge(rc, 0);
    if (rc == TM_SENT) {
        t->pending.kind = TM_ELEMENT_NONE;
        t->ended = end;
    }
}

static void turn(struct task *t)
{
    int64_t now_ns = clock_ms * 1000000;
    if (t->pending.kind == TM_ELEMENT_NONE && !t->ended) {
        if (t->gate == NULL)
            source_turn(t);
        else if (tm_gate_poll(t->gate, now_ns, &t->pending))
            check_element(t, &t->pending, t->sender == NULL);
        else
            t->pending.kind = TM_ELEMENT_NONE;
    }
    if (t->sender == NULL)
        drop(t);
    else if (t->pending.kind != TM_ELEMENT_NONE)
        deliver(t);
    else if (!t->ended)
        ck_assert_int_ge(tm_sender_flush(t->sender, now_ns, pick(4) == 0), 0);
}

static bool all_ended(void)
{
    for (uint32_t s = 0; s < stage_count; s++)
        for (uint32_t t = 0; t < stages[s].parallelism; t++)
            if (!stages[s].tasks[t].ended)
                return false;
    return true;
}

static void check_accounts(void)
{
    ck_assert_uint_eq(arrived, (uint64_t)source_count * ROWS_PER_SOURCE);
    for (uint32_t s = 0; s < stage_count; s++)
        for (uint32_t t = 0; t < stages[s].parallelism; t++)
            for (uint32_t c = 0; c < stages[s].consumers; c++) {
                struct tm_channel *channel = stages[s].channels[t][c];
                if (channel == NULL)
                    continue;
                ck_assert(tm_channel_is_empty(channel));
                ck_assert_uint_eq(tm_channel_rows_sent(channel), tm_channel_rows_received(channel));
            }
}

static void run_once(void)
{
    memset(seen, 0, sizeof seen);
    memset(last_of_key, 0xff, sizeof last_of_key); // -1
    arrived = 0;
    clock_ms = 1000;
    build();
    // Some runs starve a stage, so that channels in front of it fill up.
    uint32_t slow = pick(stage_count), slowness = 1 + pick(20);
    uint32_t steps = 0;
    for (; !all_ended(); steps++) {
        ck_assert_uint_lt(steps, STEPS_MAX);
        uint32_t s = pick(stage_count);
        if (s == slow && pick(slowness) != 0)
            continue;
        turn(&stages[s].tasks[pick(stages[s].parallelism)]);
        clock_ms += pick(8) == 0;
    }
    check_accounts();
    tear_down();
}

START_TEST(random_topologies_keep_every_row_and_never_let_a_watermark_overtake)
{
    seed = test_seed("exchange");
    for (int i = 0; i < 30; i++)
        run_once();
}
END_TEST

START_TEST(the_same_seed_gives_the_same_run)
{
    uint64_t start = 4711, after[2];
    for (int i = 0; i < 2; i++) {
        seed = start;
        run_once();
        after[i] = seed;
    }
    ck_assert_uint_eq(after[0], after[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("exchange_property");
    TCase *t = tcase_create("exchange_property");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, fixture_setup, fixture_teardown);
    tcase_add_test(t, random_topologies_keep_every_row_and_never_let_a_watermark_overtake);
    tcase_add_test(t, the_same_seed_gives_the_same_run);
    suite_add_tcase(s, t);
    return run_suite(s);
}
