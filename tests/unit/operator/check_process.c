// process: what a failed call leaves, keys that come and go within a block, blocks that end in the
// middle of an output, timers that calls change while they fire, a job that stops meanwhile.
#include "process.h"

// --- calls that fail -----------------------------------------------------------------------------

START_TEST(a_failed_call_leaves_everything_as_it_was)
{
    process(2);
    call("a", "n=5 s=five @100/x @200/y emit");
    expect_line(0, "a|n=5 s=five each");
    call("a", "n=6 s=six-and-more @100/z !100/x !200/y @150/w emit n- s- emit fail");
    expect_lines(1);
    ck_assert_int_eq(world.failures, 1);
    call("a", "emit");
    expect_line(1, "a|n=5 s=five each");
    feed_watermark(1000, take);
    expect_line(2, "a|n=5 s=five 100/x");
    expect_line(3, "a|n=5 s=five 200/y");
    expect_line(4, "W 1000");
    check_account();
    teardown();
}
END_TEST

START_TEST(a_failed_call_gives_back_what_it_set_twice)
{
    process(2);
    call("a", "s=first");
    call("a", "s=second-is-longer s=third fail");
    call("a", "s- s=fourth s- fail");
    call("a", "emit");
    expect_line(0, "a|n=0 s=first each");
    for (int i = 0; i < 1000; i++) // memory of what is undone is used again
        call("a", "s=0123456789012345678901234567890123456789 fail");
    int64_t used = tm_state_used_bytes(process_of()->keyed.state);
    for (int i = 0; i < 5000; i++)
        call("a", "s=0123456789012345678901234567890123456789 fail");
    ck_assert_int_eq(tm_state_used_bytes(process_of()->keyed.state), used);
    teardown();
}
END_TEST

START_TEST(a_timer_registered_and_deleted_in_one_failed_call_is_as_before)
{
    process(2);
    call("a", "@100/x");
    call("a", "!100/x @100/x !100/x fail");
    ck_assert_uint_eq(timers(TM_TIMER_EVENT), 1);
    call("a", "@200/y !200/y @200/y fail");
    ck_assert_uint_eq(timers(TM_TIMER_EVENT), 1);
    call("a", "@c300/p fail");
    ck_assert_uint_eq(timers(TM_TIMER_PROCESSING), 0);
    teardown();
}
END_TEST

START_TEST(rows_of_one_block_are_undone_one_by_one)
{
    process(2);
    const struct row rows[] = {{.user = "a", .note = "n+ emit"},
                               {.user = "a", .note = "n+ s=no emit fail"},
                               {.user = "b", .note = "n+ fail"},
                               {.user = "a", .note = "n+ emit"}};
    ck_assert_int_eq(feed_rows(rows, 4, take), 0);
    expect_line(0, "a|n=1 s= each");
    expect_line(1, "a|n=2 s= each");
    expect_lines(2);
    ck_assert_int_eq(world.failures, 2);
    ck_assert_uint_eq(keys(), 1); // of b nothing has been set
    check_account();
    teardown();
}
END_TEST

START_TEST(a_failed_call_ends_the_job_where_the_task_says_so)
{
    process(2);
    world.fail_with = TM_E_USER_CODE;
    struct row row = {.user = "a", .note = "n=1 fail"};
    ck_assert_int_eq(feed_rows(&row, 1, take), TM_E_USER_CODE);
    teardown();
}
END_TEST

// --- keys within a block -------------------------------------------------------------------------

START_TEST(a_key_that_holds_nothing_behind_its_block_is_gone)
{
    process(2);
    const struct row rows[] = {
        {.user = "a", .note = "n=1 s=one"},  {.user = "b", .note = "n=2"},
        {.user = "a", .note = "n- s- emit"}, {.user = "c", .note = "emit"},
        {.user = "b", .note = "n-"},         {.user = "b", .note = "n+ emit"},
        {.user = "d", .note = "s=x s-"},
    };
    ck_assert_int_eq(feed_rows(rows, 7, take), 0);
    expect_line(0, "a|n=0 s= each");
    expect_line(1, "c|n=0 s= each");
    expect_line(2, "b|n=1 s= each");
    ck_assert_uint_eq(keys(), 1);
    call("a", "emit"); // a new one
    expect_line(3, "a|n=0 s= each");
    ck_assert_uint_eq(keys(), 1);
    teardown();
}
END_TEST

START_TEST(a_key_without_state_keeps_its_timers)
{
    process(2);
    call("a", "n=1 @100");
    call("a", "n-");
    ck_assert_uint_eq(keys(), 0);
    feed_watermark(100, take);
    expect_line(0, "a|n=0 s= 100/");
    ck_assert_uint_eq(keys(), 0);
    teardown();
}
END_TEST

// Counts per key are right whatever the length of a batch and wherever the output is full.
START_TEST(blocks_go_on_where_the_output_was_full)
{
    static const uint32_t lengths[] = {1, 255, 256, 257, 511, 512, 513, 1500};
    for (uint32_t full_after = 0; full_after < 4; full_after++) {
        process(2);
        uint64_t counts[7] = {0}, lines_before, fed = 0;
        script.full_after = full_after * 85; // 3 times 85 is not a block
        for (uint32_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            static struct row rows[1500];
            static const char *const users[] = {"a", "b", "c", "d", "e", "f", "g"};
            for (uint32_t i = 0; i < lengths[l]; i++)
                rows[i] = (struct row){.user = users[i % 7], .note = "n+ s=text emit"};
            lines_clear();
            lines_before = fed;
            ck_assert_int_eq(feed_rows(rows, lengths[l], take), 0);
            fed += lengths[l];
            expect_lines(lengths[l]);
            for (uint32_t i = 0; i < lengths[l]; i++) {
                char line[64];
                snprintf(line, sizeof line, "%s|n=%llu s=text each", users[i % 7],
                         (unsigned long long)++counts[i % 7]);
                expect_line(i, line);
            }
            ck_assert_uint_eq(script.calls, lines_before + lengths[l]);
        }
        ck_assert_uint_le(script.longest, TM__OPERATOR_BLOCK);
        ck_assert_uint_eq(keys(), 7);
        check_account();
        teardown();
    }
}
END_TEST

// --- timers --------------------------------------------------------------------------------------

START_TEST(timers_fire_by_time_then_key_then_name_and_once)
{
    process(2);
    call("b", "@100/x @100 @100/x @50/z");
    call("ab", "@100/y");
    call("a", "@100/y @101/a");
    call("c", "!100/no"); // nothing there
    feed_watermark(49, take);
    expect_line(0, "W 49");
    feed_watermark(100, take);
    static const char *const expected[] = {"b|n=0 s= 50/z", "a|n=0 s= 100/y", "ab|n=0 s= 100/y",
                                           "b|n=0 s= 100/", "b|n=0 s= 100/x", "W 100"};
    for (uint32_t i = 0; i < 6; i++)
        expect_line(i + 1, expected[i]);
    ck_assert_uint_eq(timers(TM_TIMER_EVENT), 1);
    teardown();
}
END_TEST

START_TEST(a_timer_below_the_watermark_fires_with_the_next_one)
{
    process(2);
    feed_watermark(500, take);
    call("a", "@100/late @500/now @501/next");
    expect_lines(1);
    feed_watermark(501, take);
    expect_line(1, "a|n=0 s= 100/late");
    expect_line(2, "a|n=0 s= 500/now");
    expect_line(3, "a|n=0 s= 501/next");
    expect_line(4, "W 501");
    teardown();
}
END_TEST

static const char *again(const char *user, int64_t at, const char *name)
{
    (void)user;
    if (strcmp(name, "grow") == 0)
        return at == 100   ? "emit @101/x @102/grow @50/past"
               : at == 102 ? "emit @104/grow @106/grow @102/then"
                           : "emit";
    if (strcmp(name, "kill") == 0)
        return "emit !103/victim !103/kill2 @107/later";
    return "emit";
}

START_TEST(timers_that_calls_register_fire_in_the_same_pass_in_their_place)
{
    process(2);
    script.on_timer = again;
    call("a", "@100/grow @103/b");
    feed_watermark(105, take);
    static const char *const expected[] = {
        "100/grow", "50/past", "101/x", "102/grow", "102/then", "103/b", "104/grow",
    };
    for (uint32_t i = 0; i < 7; i++) {
        char line[64];
        snprintf(line, sizeof line, "a|n=0 s= %s", expected[i]);
        expect_line(i, line);
    }
    expect_line(7, "W 105");
    feed_watermark(106, take);
    expect_line(8, "a|n=0 s= 106/grow");
    teardown();
}
END_TEST

START_TEST(timers_that_a_call_deletes_do_not_fire)
{
    process(2);
    script.on_timer = again;
    call("a", "@101/a @102/kill @103/kill @103/kill2 @103/victim");
    call("b", "@103/victim"); // of another key
    feed_watermark(200, take);
    static const char *const expected[] = {"a|n=0 s= 101/a", "a|n=0 s= 102/kill",
                                           "a|n=0 s= 103/kill", "b|n=0 s= 103/victim",
                                           "a|n=0 s= 107/later"};
    for (uint32_t i = 0; i < 5; i++)
        expect_line(i, expected[i]);
    expect_line(5, "W 200");
    teardown();
}
END_TEST

static const char *fails(const char *user, int64_t at, const char *name)
{
    (void)user;
    (void)name;
    return at == 100 ? "n+ s=undone emit @50/no !300/kept @150/no fail" : "n+ emit";
}

START_TEST(a_failed_timer_is_consumed_and_what_it_did_is_undone)
{
    process(2);
    script.on_timer = fails;
    call("a", "n=7 @100 @200 @300/kept");
    feed_watermark(1000, take);
    expect_line(0, "a|n=8 s= 200/");
    expect_line(1, "a|n=9 s= 300/kept");
    expect_line(2, "W 1000");
    ck_assert_int_eq(world.failures, 1);
    check_account();
    teardown();
}
END_TEST

// --- against a plain model -----------------------------------------------------------------------

enum { MODEL_MAX = 20000 };
struct model_timer {
    int64_t at;
    char user[8], name[8];
    bool there;
    uint32_t fired[2]; // by the model, by the engine
};
static struct model_timer *model;
static uint32_t model_count;
static int64_t model_n[8];
static const char *const model_users[8] = {"a", "ab", "abc", "b", "ba", "c", "key of some length",
                                           "z"};

static struct model_timer *model_find(const char *user, int64_t at, const char *name)
{
    for (uint32_t i = 0; i < model_count; i++)
        if (model[i].at == at && strcmp(model[i].user, user) == 0 &&
            strcmp(model[i].name, name) == 0)
            return &model[i];
    ck_assert_uint_lt(model_count, MODEL_MAX);
    struct model_timer *made = &model[model_count++];
    *made = (struct model_timer){.at = at};
    snprintf(made->user, sizeof made->user, "%s", user);
    snprintf(made->name, sizeof made->name, "%s", name);
    return made;
}

// What a firing does follows from which it is, so both sides do the same.
static void model_words(const struct model_timer *t, uint32_t nth, char *words, size_t size)
{
    static const char *const names[] = {"", "x", "xy", "y"};
    uint64_t state = random_state;
    uint64_t h = 1469598103934665603u + (uint64_t)t->at * 1099511628211u + nth;
    for (const char *c = t->user; *c != '\0'; c++)
        h = (h ^ (uint8_t)*c) * 1099511628211u;
    for (const char *c = t->name; *c != '\0'; c++)
        h = (h ^ (uint8_t)*c) * 1099511628211u;
    random_state = h | 1;
    draw(2), draw(2);
    size_t at = (size_t)snprintf(words, size, "n+ emit");
    uint64_t changes = nth < 3 ? draw(4) : 0;
    for (uint64_t i = 0; i < changes; i++) {
        int64_t near = t->at + (int64_t)draw(40) - 15;
        at += (size_t)snprintf(words + at, size - at, " %s%lld/%s", draw(3) == 0 ? "!" : "@",
                               (long long)near, names[draw(4)]);
    }
    if (draw(10) == 0)
        snprintf(words + at, size - at, " fail");
    random_state = state;
}

static const char *model_script(const char *user, int64_t at, const char *name)
{
    static char words[256];
    struct model_timer *t = model_find(user, at, name);
    model_words(t, t->fired[1]++, words, sizeof words);
    return words;
}

// A line that the model expects, and what its call changes.
static bool model_fire(int64_t watermark, char *line, size_t size, int *failures)
{
    struct model_timer *first = NULL;
    char words[256], *rest = NULL;
    for (uint32_t i = 0; i < model_count; i++) {
        struct model_timer *t = &model[i];
        int order = !t->there || t->at > watermark      ? 1
                    : first == NULL                     ? -1
                    : t->at != first->at                ? (t->at < first->at ? -1 : 1)
                    : strcmp(t->user, first->user) != 0 ? strcmp(t->user, first->user)
                                                        : strcmp(t->name, first->name);
        first = order < 0 ? t : first;
    }
    if (first == NULL)
        return false;
    struct model_timer fired = *first;
    first->there = false;
    model_words(&fired, first->fired[0]++, words, sizeof words);
    line[0] = '\0';
    if (strstr(words, "fail") != NULL) {
        ++*failures;
        return true;
    }
    uint32_t user = 0;
    while (strncmp(model_users[user], fired.user, sizeof fired.user - 1) != 0)
        user++;
    snprintf(line, size, "%s|n=%lld s= %lld/%s", fired.user, (long long)++model_n[user],
             (long long)fired.at, fired.name);
    for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        if (word[0] == '@' || word[0] == '!') {
            bool remove = word[0] == '!';
            char *name;
            int64_t at = strtoll(word + 1, &name, 10);
            model_find(fired.user, at, name + 1)->there = !remove;
        }
    return true;
}

START_TEST(timers_that_calls_change_fire_as_a_plain_ordered_set_says)
{
    seed_from("process");
    model = calloc(MODEL_MAX, sizeof *model);
    process(2);
    script.on_timer = model_script;
    int failures = 0;
    int64_t watermark = 0;
    memset(model_n, 0, sizeof model_n);
    model_count = 0;
    for (int step = 0; step < 60; step++) {
        for (uint64_t i = draw(60); i > 0; i--) {
            static const char *const names[] = {"", "x", "xy", "y"};
            const char *user = model_users[draw(6)], *name = names[draw(4)];
            int64_t at = watermark + (int64_t)draw(120) - 20;
            bool remove = draw(5) == 0;
            char words[64];
            snprintf(words, sizeof words, "%s%lld/%s", remove ? "!" : "@", (long long)at, name);
            call(user, words);
            model_find(user, at, name)->there = !remove;
        }
        lines_clear();
        script.full_after = (uint32_t)draw(3) * 7;
        watermark += (int64_t)draw(60) + 1;
        feed_watermark(watermark, take);
        uint32_t n = 0;
        char line[128];
        while (model_fire(watermark, line, sizeof line, &failures))
            if (line[0] != '\0')
                expect_line(n++, line);
        expect_lines(n + 1); // and the watermark
    }
    ck_assert_int_eq(world.failures, failures);
    ck_assert_int_gt(failures, 20);
    uint64_t left = 0;
    for (uint32_t i = 0; i < model_count; i++)
        left += model[i].there;
    ck_assert_uint_eq(timers(TM_TIMER_EVENT), left);
    teardown();
    free(model);
}
END_TEST

// --- many at once --------------------------------------------------------------------------------

static const char *nothing(const char *user, int64_t at, const char *name)
{
    (void)user;
    (void)at;
    (void)name;
    return "";
}

static const char *for_ever(const char *user, int64_t at, const char *name)
{
    static char words[64];
    (void)user;
    (void)name;
    snprintf(words, sizeof words, "@%lld", (long long)at + 1);
    return words;
}

static void register_many(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char user[16];
        snprintf(user, sizeof user, "%u", i);
        call(user, "@100");
    }
}

// One step, as the task makes it; the watermark comes out when it is DONE.
static int step_watermark(int64_t watermark, bool *told)
{
    struct tm_element in = {.kind = TM_ELEMENT_WATERMARK, .watermark = watermark}, out = {0};
    int rc = world.op->ops->step(world.op, &in, &out, &world.err);
    *told = out.kind == TM_ELEMENT_WATERMARK;
    if (out.kind == TM_ELEMENT_BATCH)
        tm_batch_release(out.batch);
    return rc;
}

START_TEST(a_mass_firing_is_a_step_for_each_run_of_timers)
{
    enum { COUNT = 10000 };
    process(2);
    script.on_timer = nothing;
    register_many(COUNT);
    uint32_t steps = 0, before = script.calls;
    bool told;
    while (step_watermark(100, &told) == TM_STEP_MORE) {
        steps++;
        ck_assert(!told);
        ck_assert_uint_le(script.calls - before, TM_TIMERS_AT_ONCE);
        before = script.calls;
    }
    ck_assert(told);
    ck_assert_uint_ge(steps, COUNT / TM_TIMERS_AT_ONCE);
    ck_assert_uint_eq(script.calls, 2 * COUNT);
    teardown();
}
END_TEST

START_TEST(a_job_that_stops_lets_those_fire_that_there_were)
{
    enum { COUNT = 1000 };
    process(2);
    script.on_timer = for_ever;
    register_many(COUNT);
    bool told;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(step_watermark(1000000000, &told), TM_STEP_MORE);
    world.ctx.stopping = true;
    uint32_t steps = 0, before = script.calls;
    while (step_watermark(1000000000, &told) == TM_STEP_MORE)
        ck_assert_uint_lt(++steps, 10 * COUNT);
    ck_assert(!told); // not all that it stands for has fired
    ck_assert_uint_le(script.calls - before, COUNT + TM_TIMERS_AT_ONCE);
    ck_assert_uint_eq(timers(TM_TIMER_EVENT), COUNT);
    teardown();
}
END_TEST

// --- the clock -----------------------------------------------------------------------------------

static void tick(int64_t now_ms)
{
    world.ctx.now_ms = now_ms;
    for (int rc = TM_STEP_MORE; rc != TM_STEP_DONE;) {
        struct tm_element out = {0};
        rc = world.op->ops->tick(world.op, &out, &world.err);
        ck_assert_int_ge(rc, 0);
        if (out.kind == TM_ELEMENT_BATCH) {
            take(&out);
            tm_batch_release(out.batch);
        }
    }
}

START_TEST(timers_of_the_clock_fire_when_their_millisecond_is_over)
{
    process(2);
    call("a", "@c100/x @100/event");
    tick(100);
    expect_lines(0);
    ck_assert_int_ne(world.op->ops->deadline_ns(world.op), INT64_MAX);
    tick(101);
    expect_line(0, "a|n=0 s= 100/x");
    ck_assert_int_eq(world.op->ops->deadline_ns(world.op), INT64_MAX);
    ck_assert_uint_eq(timers(TM_TIMER_EVENT), 1);
    teardown();
}
END_TEST

START_TEST(the_clock_of_a_process_never_goes_back)
{
    process(2);
    tick(1000);
    call("a", "@c1500/x");
    world.ctx.now_ms = 400; // set back by hand
    call("b", "n=1");
    ck_assert_int_eq(process_of()->keyed.clock_ms, 1000);
    tick(600);
    expect_lines(0);
    ck_assert_int_eq(process_of()->keyed.clock_ms, 1000);
    tick(1501);
    expect_line(0, "a|n=0 s= 1500/x");
    teardown();
}
END_TEST

// As the chunk of a state with a time to live leaves a record.
static void age(const char *user, int64_t access_ms)
{
    struct tm__operator_process *self = process_of();
    struct tm_key key = {tm_hash_bytes(user, strlen(user)), user, (uint32_t)strlen(user)};
    uint8_t *record = tm_state_upsert(self->keyed.state, self->keyed.ns, &key, NULL);
    double access = (double)access_ms;
    ck_assert_ptr_nonnull(record);
    *(uint64_t *)(void *)record |= 4;
    memcpy(record + self->keyed.record.ttls[0].access_offset, &access, sizeof access);
}

START_TEST(what_is_over_is_taken_out_behind_blocks_some_at_a_time)
{
    enum { OLD = 1000, YOUNG = 100 };
    process(3);
    tick(1000);
    for (uint32_t i = 0; i < OLD + YOUNG; i++) {
        char user[16];
        snprintf(user, sizeof user, "k%u", i);
        age(user, i < OLD ? 1000 : 1050);
    }
    world.ctx.now_ms = 1099; // a ms to go
    for (int i = 0; i < 100; i++)
        call("other", "");
    ck_assert_uint_eq(keys(), OLD + YOUNG);
    world.ctx.now_ms = 1100;
    uint64_t before = keys();
    uint32_t blocks = 0;
    for (; keys() > YOUNG; blocks++) {
        call("other", "");
        ck_assert_uint_le(before - keys(), TM_SWEEP_ENTRIES);
        before = keys();
        ck_assert_uint_lt(blocks, 4 * OLD / TM_SWEEP_ENTRIES);
    }
    ck_assert_uint_ge(blocks, OLD / TM_SWEEP_ENTRIES);
    for (int i = 0; i < 100; i++)
        call("other", "");
    ck_assert_uint_eq(keys(), YOUNG);
    world.ctx.now_ms = 900; // set back: what is over stays over, what is not does not come to be
    call("other", "");
    ck_assert_uint_eq(keys(), YOUNG);
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("process");
    tcase_add_test(tc, a_failed_call_leaves_everything_as_it_was);
    tcase_add_test(tc, a_failed_call_gives_back_what_it_set_twice);
    tcase_add_test(tc, a_timer_registered_and_deleted_in_one_failed_call_is_as_before);
    tcase_add_test(tc, rows_of_one_block_are_undone_one_by_one);
    tcase_add_test(tc, a_failed_call_ends_the_job_where_the_task_says_so);
    tcase_add_test(tc, a_key_that_holds_nothing_behind_its_block_is_gone);
    tcase_add_test(tc, a_key_without_state_keeps_its_timers);
    tcase_add_test(tc, blocks_go_on_where_the_output_was_full);
    tcase_add_test(tc, timers_fire_by_time_then_key_then_name_and_once);
    tcase_add_test(tc, a_timer_below_the_watermark_fires_with_the_next_one);
    tcase_add_test(tc, timers_that_calls_register_fire_in_the_same_pass_in_their_place);
    tcase_add_test(tc, timers_that_a_call_deletes_do_not_fire);
    tcase_add_test(tc, a_failed_timer_is_consumed_and_what_it_did_is_undone);
    tcase_add_test(tc, timers_that_calls_change_fire_as_a_plain_ordered_set_says);
    tcase_add_test(tc, a_mass_firing_is_a_step_for_each_run_of_timers);
    tcase_add_test(tc, a_job_that_stops_lets_those_fire_that_there_were);
    tcase_add_test(tc, timers_of_the_clock_fire_when_their_millisecond_is_over);
    tcase_add_test(tc, the_clock_of_a_process_never_goes_back);
    tcase_add_test(tc, what_is_over_is_taken_out_behind_blocks_some_at_a_time);
    return run_operator_case(tc, "process");
}
