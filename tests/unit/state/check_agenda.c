// Agendas against a plain list: order, every distance of times, memory that runs out.
#include "core/state/agenda.h"

#include "tests/unit/state/support.h"

enum { KEYS = 40, MOST = 60000 };

static char *keys[KEYS];
static uint32_t key_lengths[KEYS];

static void make_keys(uint32_t longest)
{
    for (uint32_t k = 0; k < KEYS; k++) {
        key_lengths[k] = k == 0 ? 0 : (uint32_t)draw(draw(4) == 0 ? longest : 20);
        keys[k] = realloc(keys[k], key_lengths[k] + 1);
        for (uint32_t i = 0; i < key_lengths[k]; i++)
            keys[k][i] = (char)('a' + (i + 4 < key_lengths[k] ? 0 : draw(26)));
    }
}

static struct tm_timer timer_at(int64_t time)
{
    static const char *const names[] = {"", "a", "again"};
    uint32_t k = (uint32_t)draw(KEYS);
    const char *name = names[draw(3)];
    return (struct tm_timer){
        time, {draw(UINT32_MAX), keys[k], key_lengths[k]}, name, (uint32_t)strlen(name)};
}

static int compare_bytes(const void *a, uint32_t a_length, const void *b, uint32_t b_length)
{
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static int by_order(const void *x, const void *y)
{
    const struct tm_timer *a = x, *b = y;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    int order = compare_bytes(a->key.bytes, a->key.length, b->key.bytes, b->key.length);
    return order != 0 ? order : compare_bytes(a->name, a->name_length, b->name, b->name_length);
}

// --- the model: what there is, sorted when somebody looks ----------------------------------------

struct model {
    struct tm_agenda *agenda;
    struct tm_timer *at;
    uint32_t count;
};

static struct model *new_model(void)
{
    struct model *m = calloc(1, sizeof *m);
    m->at = calloc(MOST, sizeof *m->at);
    m->agenda = tm_agenda_new(&mem);
    ck_assert_ptr_nonnull(m->agenda);
    return m;
}

static void free_model(struct model *m)
{
    tm_agenda_free(m->agenda);
    free(m->at);
    free(m);
}

static bool add(struct model *m, int64_t time)
{
    struct tm_timer timer = timer_at(time);
    int rc = tm_agenda_add(m->agenda, &timer);
    ck_assert(rc == 0 || (rc == TM_E_MEMORY && allocations_left <= 0));
    if (rc == 0)
        m->at[m->count++] = timer;
    return rc == 0;
}

static void remove_first(struct model *m, uint32_t n)
{
    memmove(m->at, m->at + n, (m->count - n) * sizeof *m->at);
    m->count -= n;
}

// Everything up to and with `until`, some of it at a time; `again`: what is done puts times behind
// itself now and then.
static void drain(struct model *m, int64_t until, bool again)
{
    struct tm_timer timers[64];
    for (;;) {
        qsort(m->at, m->count, sizeof *m->at, by_order);
        ck_assert_int_eq(tm_agenda_next_time(m->agenda), m->count == 0 ? INT64_MAX : m->at[0].time);
        int n = tm_agenda_due(m->agenda, until, timers, 1 + (uint32_t)draw(64));
        if (n == TM_E_MEMORY) {
            allocations_left = INT64_MAX;
            continue;
        }
        if (n == 0)
            break;
        uint32_t done = 1 + (uint32_t)draw((uint64_t)n);
        for (uint32_t i = 0; i < done; i++) {
            ck_assert_uint_lt(i, m->count);
            ck_assert_int_eq(by_order(&timers[i], &m->at[i]), 0);
            ck_assert_int_le(timers[i].time, until);
            tm_agenda_done(m->agenda);
        }
        int64_t time = timers[done - 1].time;
        remove_first(m, done);
        ck_assert_uint_eq(tm_agenda_count(m->agenda), m->count);
        if (again && draw(4) == 0 && time < INT64_MAX - 200)
            add(m, time + (int64_t)draw(200));
    }
    ck_assert(m->count == 0 || m->at[0].time > until);
}

// --- tests ---------------------------------------------------------------------------------------

START_TEST(test_all_comes_in_order_while_time_goes_on)
{
    seed_from("agenda");
    static const uint64_t ahead[] = {1, 70, 5000, 400000, 90000000000};
    static const int64_t begins[] = {0, -3000000, 1760000000000, INT64_MIN};
    for (uint32_t round = 0; round < 40; round++) {
        make_keys(round % 3 == 0 ? 4000 : 20);
        struct model *m = new_model();
        int64_t now = begins[round % 4];
        for (uint32_t step = 0; step < 60; step++) {
            uint64_t far = ahead[draw(sizeof ahead / sizeof *ahead)];
            uint32_t count = (uint32_t)draw(draw(8) == 0 ? 700 : 40);
            for (uint32_t i = 0; i < count; i++)
                add(m, now + 1 + (int64_t)draw(far));
            now += (int64_t)draw(ahead[draw(3 + round % 3)]);
            drain(m, now, step % 2 == 0);
        }
        drain(m, INT64_MAX, false);
        ck_assert_uint_eq(m->count, 0);
        free_model(m);
    }
}
END_TEST

START_TEST(test_times_that_are_over_come_in_order_too)
{
    seed_from("over");
    make_keys(20);
    struct model *m = new_model();
    int64_t now = 1000000;
    for (uint32_t step = 0; step < 3000; step++) {
        add(m, now + (int64_t)draw(4000) - 2000);
        if (step % 7 == 0)
            drain(m, now += (int64_t)draw(500), false);
    }
    drain(m, INT64_MAX, false);
    free_model(m);
}
END_TEST

START_TEST(test_the_ends_of_time_are_times)
{
    seed_from("ends");
    make_keys(20);
    struct model *m = new_model();
    for (uint32_t step = 0; step < 4; step++) {
        for (uint32_t i = 0; i < 400; i++)
            add(m, draw(2) == 0 ? INT64_MAX - (int64_t)draw(3) : INT64_MIN + (int64_t)draw(3));
        drain(m, step == 0 ? INT64_MIN : step == 1 ? 0 : INT64_MAX - 1, false);
    }
    drain(m, INT64_MAX, false);
    for (uint32_t i = 0; i < 400; i++)
        add(m, i % 2 == 0 ? INT64_MAX : (int64_t)draw(1000));
    drain(m, INT64_MAX, false);
    free_model(m);
}
END_TEST

START_TEST(test_a_mass_of_one_time_comes_by_key)
{
    seed_from("mass");
    make_keys(20);
    struct model *m = new_model();
    for (uint32_t i = 0; i < 3000; i++)
        add(m, 1760000000123);
    drain(m, 1760000000122, false);
    ck_assert_uint_eq(m->count, 3000);
    drain(m, 1760000000123, true);
    free_model(m);
}
END_TEST

START_TEST(test_running_out_of_memory_loses_nothing)
{
    seed_from("memory");
    make_keys(3000);
    for (uint32_t round = 0; round < 20; round++) {
        struct model *m = new_model();
        int64_t now = 1000;
        for (uint32_t step = 0; step < 40; step++) {
            for (uint32_t i = 0; i < 100; i++) {
                allocations_left = (int64_t)draw(3);
                add(m, now + (int64_t)draw(20000));
            }
            allocations_left = (int64_t)draw(8);
            drain(m, now += (int64_t)draw(3000), false);
            allocations_left = INT64_MAX;
        }
        drain(m, INT64_MAX, false);
        free_model(m);
    }
}
END_TEST

START_TEST(test_memory_goes_back_when_a_mass_has_been_done)
{
    seed_from("bytes");
    make_keys(20);
    struct model *m = new_model();
    int64_t before = mem.used_bytes;
    ck_assert_int_eq(tm_agenda_used_bytes(m->agenda), before);
    for (uint32_t i = 0; i < 50000; i++)
        add(m, (int64_t)draw(100000));
    ck_assert_int_lt((mem.used_bytes - before) / 50000, 80);
    ck_assert_int_eq(tm_agenda_used_bytes(m->agenda), mem.used_bytes);
    m->count = 0;
    struct tm_timer timers[64];
    for (int n; (n = tm_agenda_due(m->agenda, INT64_MAX, timers, 64)) != 0;)
        for (int i = 0; i < n; i++)
            tm_agenda_done(m->agenda);
    ck_assert_uint_eq(tm_agenda_count(m->agenda), 0);
    ck_assert_int_lt(mem.used_bytes - before, 200000);
    ck_assert_int_eq(tm_agenda_used_bytes(m->agenda), mem.used_bytes);
    free_model(m);
}
END_TEST

START_TEST(test_a_key_or_a_name_beyond_the_limit_is_refused)
{
    struct tm_agenda *agenda = tm_agenda_new(&mem);
    static char bytes[TM_TIMER_KEY_BYTES + 1];
    struct tm_timer timer = {1, {7, bytes, sizeof bytes}, "", 0};
    ck_assert_int_eq(tm_agenda_add(agenda, &timer), TM_E_LIMIT);
    timer = (struct tm_timer){1, {7, bytes, 1}, bytes, TM_TIMER_NAME_BYTES + 1};
    ck_assert_int_eq(tm_agenda_add(agenda, &timer), TM_E_LIMIT);
    ck_assert_uint_eq(tm_agenda_count(agenda), 0);
    tm_agenda_free(agenda);
}
END_TEST

int main(void)
{
    random_state = 1;
    Suite *suite = suite_create("agenda");
    TCase *tc = tcase_create("agenda");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_all_comes_in_order_while_time_goes_on);
    tcase_add_test(tc, test_times_that_are_over_come_in_order_too);
    tcase_add_test(tc, test_the_ends_of_time_are_times);
    tcase_add_test(tc, test_a_mass_of_one_time_comes_by_key);
    tcase_add_test(tc, test_running_out_of_memory_loses_nothing);
    tcase_add_test(tc, test_memory_goes_back_when_a_mass_has_been_done);
    tcase_add_test(tc, test_a_key_or_a_name_beyond_the_limit_is_refused);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
