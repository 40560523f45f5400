// Timers against a plain list: order, sets, every size of key, memory that runs out, forks.
#include "core/state/timers.h"

#include "core/state/timer_tree.h"

#include "tests/unit/state/support.h"

enum { GROUPS = 6 };

static struct tm_timers *new_timers(void)
{
    struct tm_timers_args args = {&mem, 16, 4, 4 + GROUPS - 1};
    struct tm_timers *timers;
    ck_assert_int_eq(tm_timers_new(&args, &timers, NULL), 0);
    return timers;
}

static struct tm_timer timer_of(int64_t time, const char *key, uint32_t key_length,
                                const char *name, uint32_t name_length)
{
    return (struct tm_timer){
        time, {tm_hash_bytes(key, key_length), key, key_length}, name, name_length};
}

// A timer of this subtask: some keys are tried until their key group is in range.
static struct tm_timer plain(int64_t time, uint64_t *key)
{
    struct tm_timer timer = timer_of(time, (const char *)key, 8, "", 0);
    while (tm_hash_key_group(timer.key.hash, 16) - 4 >= GROUPS) {
        *key += 1000003;
        timer = timer_of(time, (const char *)key, 8, "", 0);
    }
    return timer;
}

static int by_order(const struct tm_timer *a, const struct tm_timer *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    uint32_t n = a->key.length < b->key.length ? a->key.length : b->key.length;
    int order = memcmp(a->key.bytes, b->key.bytes, n);
    if (order == 0)
        order = (a->key.length > b->key.length) - (a->key.length < b->key.length);
    if (order != 0)
        return order;
    n = a->name_length < b->name_length ? a->name_length : b->name_length;
    order = memcmp(a->name, b->name, n);
    return order != 0 ? order
                      : (a->name_length > b->name_length) - (a->name_length < b->name_length);
}

// --- the model: all timers that there may be, and which are set ----------------------------------

enum { KEYS = 60, TIMES = 40, NAMES = 3, ALL = KEYS * TIMES * NAMES };

struct model {
    struct tm_timers *timers;
    bool set[TM_TIMER_DOMAINS][ALL];
    uint64_t count[TM_TIMER_DOMAINS];
};
static struct tm_timer all[ALL]; // in order
static char *keys[KEYS];

static int compare_all(const void *a, const void *b)
{
    return by_order(a, b);
}

// Times close to each other, on both sides of a power of two, and as far away as can be.
static int64_t time_of(uint32_t t)
{
    if (t < 20)
        return ((int64_t)1 << 41) - 10 + t;
    if (t == 20 || t == 21)
        return t == 20 ? INT64_MIN : INT64_MAX;
    return t % 2 == 0 ? (int64_t)1 << (3 * t - 60) : -((int64_t)1 << (3 * t - 60));
}

// Keys of lengths from nothing to some thousand bytes, many with common beginnings.
static void make_all(uint32_t longest)
{
    static const char *const names[NAMES] = {"", "a", "again"};
    for (uint32_t k = 0, n = 0; k < KEYS; k++) {
        uint32_t length;
        do {
            length = k == 0 ? 0 : (uint32_t)draw(draw(4) == 0 ? longest : 20);
            keys[k] = realloc(keys[k], length + 1);
            for (uint32_t i = 0; i < length; i++)
                keys[k][i] = (char)('a' + (i + 4 < length ? 0 : draw(26)));
            keys[k][length] = 0;
        } while (length != 0 &&
                 tm_hash_key_group(tm_hash_bytes(keys[k], length), 16) - 4 >= GROUPS);
        for (uint32_t t = 0; t < TIMES; t++)
            for (uint32_t m = 0; m < NAMES; m++)
                all[n++] =
                    timer_of(time_of(t), keys[k], length, names[m], (uint32_t)strlen(names[m]));
    }
    // The empty key may belong to another subtask: it is left out by its hash.
    qsort(all, ALL, sizeof *all, compare_all);
}

static bool is_here(const struct tm_timer *timer)
{
    return tm_hash_key_group(timer->key.hash, 16) - 4 < GROUPS;
}

static bool is_twin(uint32_t i) // of the one before: two keys came out equal
{
    return i > 0 && by_order(&all[i - 1], &all[i]) == 0;
}

static void check_first(struct model *m)
{
    for (enum tm_timer_domain d = 0; d < TM_TIMER_DOMAINS; d++) {
        struct tm_timer first;
        uint32_t i = 0;
        while (i < ALL && !m->set[d][i])
            i++;
        ck_assert(tm_timers_first(m->timers, d, &first) == (i < ALL));
        ck_assert_uint_eq(tm_timers_count(m->timers, d), m->count[d]);
        ck_assert_int_eq(tm_timers_next_time(m->timers, d), i < ALL ? all[i].time : INT64_MAX);
        if (i == ALL)
            continue;
        ck_assert_int_eq(by_order(&first, &all[i]), 0);
        ck_assert_uint_eq(first.key.hash, all[i].key.hash);
    }
}

struct walk {
    struct model *m;
    int domain;
    struct tm_timer last;
    uint64_t seen;
};

static bool note(void *arg, const struct tm_timer *timer)
{
    struct walk *w = arg;
    if (w->last.name != NULL)
        ck_assert_int_lt(by_order(&w->last, timer), 0);
    const struct tm_timer *found = bsearch(timer, all, ALL, sizeof *all, compare_all);
    ck_assert_ptr_nonnull(found);
    while (found > all && by_order(found - 1, timer) == 0)
        found--;
    ck_assert(w->m->set[w->domain][found - all]);
    w->last = *timer;
    w->seen++;
    return true;
}

static void check_all(struct model *m)
{
    check_first(m);
    for (enum tm_timer_domain d = 0; d < TM_TIMER_DOMAINS; d++) {
        uint64_t seen = 0;
        for (uint32_t g = 4; g < 4 + GROUPS; g++) {
            struct walk w = {.m = m, .domain = (int)d};
            tm_timers_walk(m->timers, d, g, note, &w);
            seen += w.seen;
        }
        ck_assert_uint_eq(seen, m->count[d]);
        for (uint32_t i = 0; i < ALL; i += 17)
            if (is_here(&all[i]) && !is_twin(i))
                ck_assert(tm_timers_has(m->timers, d, &all[i]) == m->set[d][i]);
    }
}

static void change(struct model *m, uint32_t adds_of_ten)
{
    enum tm_timer_domain d = (enum tm_timer_domain)draw(TM_TIMER_DOMAINS);
    uint32_t i = (uint32_t)draw(ALL);
    while (!is_here(&all[i]) || is_twin(i))
        i = (uint32_t)draw(ALL);
    bool add = draw(10) < adds_of_ten;
    int rc = add ? tm_timers_add(m->timers, d, &all[i]) : tm_timers_remove(m->timers, d, &all[i]);
    if (rc == TM_E_MEMORY)
        return;
    ck_assert_int_eq(rc, m->set[d][i] != add);
    m->count[d] += add ? (uint64_t)rc : (uint64_t)-rc;
    m->set[d][i] = add;
}

static void drain(struct model *m)
{
    for (enum tm_timer_domain d = 0; d < TM_TIMER_DOMAINS; d++) {
        struct tm_timer first;
        for (uint32_t i = 0; i < ALL; i++) {
            if (!m->set[d][i])
                continue;
            ck_assert(tm_timers_first(m->timers, d, &first));
            ck_assert_int_eq(by_order(&first, &all[i]), 0);
            // `first` points into the set.
            int rc =
                draw(3) == 0 ? tm_timers_remove(m->timers, d, &first) : tm_timers_pop(m->timers, d);
            ck_assert_int_eq(rc, 1);
            m->set[d][i] = false;
        }
        ck_assert(!tm_timers_first(m->timers, d, &first));
        ck_assert_int_eq(tm_timers_pop(m->timers, d), 0);
        m->count[d] = 0;
    }
}

START_TEST(test_random_changes_agree_with_a_plain_list)
{
    seed_from("model");
    static const uint32_t longest[] = {20, 900, 6000};
    for (uint32_t round = 0; round < 3; round++) {
        make_all(longest[round]);
        struct model *m = calloc(1, sizeof *m);
        m->timers = new_timers();
        for (uint32_t step = 0; step < 12000; step++) {
            change(m, step % 4000 < 2000 ? 8 : 3);
            if (step % 50 == 0)
                check_first(m);
            if (step % 1000 == 0)
                check_all(m);
        }
        check_all(m);
        drain(m);
        check_all(m);
        tm_timers_free(m->timers);
        free(m);
    }
}
END_TEST

START_TEST(test_running_out_of_memory_changes_nothing)
{
    seed_from("memory");
    make_all(3000);
    struct model *m = calloc(1, sizeof *m);
    m->timers = new_timers();
    for (uint32_t round = 0; round < 200; round++) {
        struct tm_snapshot *snapshot = round % 3 == 0 ? tm_timers_freeze(m->timers) : NULL;
        for (uint32_t step = 0; step < 40; step++) {
            allocations_left = (int64_t)draw(3);
            change(m, 8);
        }
        allocations_left = INT64_MAX;
        for (uint32_t step = 0; step < 20; step++)
            change(m, 6);
        check_first(m);
        tm_snapshot_free(snapshot);
    }
    check_all(m);
    drain(m);
    tm_timers_free(m->timers);
    free(m);
}
END_TEST

START_TEST(test_a_fork_begins_as_what_was_frozen_and_goes_its_own_way)
{
    seed_from("fork");
    make_all(200);
    struct model *m = calloc(1, sizeof *m), *f = calloc(1, sizeof *f);
    m->timers = new_timers();
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t step = 0; step < 1500; step++)
            change(m, 6);
        struct tm_snapshot *snapshot = tm_timers_freeze(m->timers);
        ck_assert_ptr_nonnull(snapshot);
        *f = *m;
        for (uint32_t step = 0; step < 300; step++)
            change(m, 5);
        f->timers = tm_timers_fork(&mem, snapshot);
        ck_assert_ptr_nonnull(f->timers);
        check_all(f);
        tm_snapshot_free(snapshot);
        for (uint32_t step = 0; step < 600; step++)
            change(step % 2 == 0 ? m : f, 5);
        check_all(m);
        check_all(f);
        drain(f);
        tm_timers_free(f->timers);
        check_all(m);
    }
    tm_timers_free(m->timers);
    free(m);
    free(f);
}
END_TEST

START_TEST(test_a_timer_takes_less_than_100_bytes)
{
    struct tm_timers *timers = new_timers();
    enum { COUNT = 300000 };
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t key = i;
        struct tm_timer timer = plain((int64_t)draw(1000000), &key);
        ck_assert_int_ge(tm_timers_add(timers, TM_TIMER_EVENT, &timer), 0);
    }
    ck_assert_int_lt(
        tm_timers_used_bytes(timers) / (int64_t)tm_timers_count(timers, TM_TIMER_EVENT), 100);
    tm_timers_free(timers);
}
END_TEST

START_TEST(test_a_key_or_a_name_beyond_the_limit_is_refused)
{
    struct tm_timers *timers = new_timers();
    static char bytes[TM_TIMER_KEY_BYTES + 1];
    struct tm_timer timer = timer_of(1, bytes, sizeof bytes, "", 0);
    ck_assert_int_eq(tm_timers_add(timers, TM_TIMER_EVENT, &timer), TM_E_LIMIT);
    timer = timer_of(1, bytes, 1, bytes, TM_TIMER_NAME_BYTES + 1);
    ck_assert_int_eq(tm_timers_add(timers, TM_TIMER_EVENT, &timer), TM_E_LIMIT);
    tm_timers_free(timers);
}
END_TEST

// A leaf of the least size takes a long key behind its last timer; what comes between them must
// still find room.
START_TEST(a_long_key_at_the_end_leaves_room_for_what_comes_before_it)
{
    static char text[2000];
    memset(text, 'k', sizeof text);
    for (uint32_t longest = 400; longest < 1950; longest += 7)
        for (uint32_t length = 300; length < 500; length += 13) {
            struct tm_timers_args args = {&mem, 1, 0, 0};
            struct tm_timers *timers;
            ck_assert_int_eq(tm_timers_new(&args, &timers, NULL), 0);
            const struct tm_timer some[] = {
                timer_of(1, text, 1, "", 0), timer_of(9, text, longest, "", 0),
                timer_of(5, text, length, "", 0), timer_of(4, text, length, "", 0)};
            for (int i = 0; i < 4; i++)
                ck_assert_int_eq(tm_timers_add(timers, TM_TIMER_EVENT, &some[i]), 1);
            for (int i = 0; i < 4; i++)
                ck_assert(tm_timers_has(timers, TM_TIMER_EVENT, &some[i]));
            tm_timers_free(timers);
        }
}
END_TEST

// --- what came from elsewhere --------------------------------------------------------------------

static int check_tree(struct tm__timer_site *site, uint64_t *count, struct tm_error *err)
{
    struct tm__timer_kept kept = {.root = site->tree->root, .node_bytes = site->tree->node_bytes};
    return tm__timer_check(site, &kept, count, err);
}

// Every node begins behind all timers of those before it.
START_TEST(nodes_of_timers_ascend)
{
    enum { MANY = 40000 };
    struct tm_timers *timers = new_timers();
    struct tm_error err = {0};
    uint64_t key = 1, count;
    struct tm__timer_site site = tm__timer_site(timers, TM_TIMER_EVENT, plain(0, &key).key.hash);
    for (int64_t i = 0; i < MANY; i++) { // more than a page has room for
        struct tm_timer timer = plain(i * 7919 % MANY, &key);
        ck_assert_int_eq(tm_timers_add(timers, TM_TIMER_EVENT, &timer), 1);
    }
    ck_assert_msg(check_tree(&site, &count, &err) == 0, "%s", err.message);
    ck_assert_uint_eq(count, MANY);
    tm_timers_free(timers);
    timers = new_timers();
    site = tm__timer_site(timers, TM_TIMER_EVENT, plain(0, &key).key.hash);
    const struct tm__node *root = NULL;
    for (int64_t i = 0; root == NULL || root->level == 0; i++) {
        struct tm_timer timer = plain(i, &key);
        ck_assert_int_eq(tm_timers_add(timers, TM_TIMER_EVENT, &timer), 1);
        root = tm__timer_node(&site, &site.tree->root);
    }
    ck_assert_int_eq(check_tree(&site, &count, &err), 0);
    struct tm_blob first = tm__node_child(root, 0);
    const struct tm__node *leaf = tm__timer_node(&site, &first);
    int64_t last = tm__node_get(leaf, tm__node_count(leaf) - 1).timer.time;
    struct tm__node *edit = tm__timer_node_edit(&site, &site.tree->root);
    for (int64_t earlier = 0; earlier < 2; earlier++) { // as the last, or one before it
        struct tm__node_item second = {.timer = plain(last - earlier, &key),
                                       .child = tm__node_child(edit, 1)};
        void *scratch = malloc(edit->size_bytes);
        tm__node_remove(edit, 1);
        tm__node_insert(edit, 1, &second, scratch);
        free(scratch);
        ck_assert_int_eq(check_tree(&site, &count, &err), TM_E_CHECKPOINT);
        ck_assert_ptr_nonnull(strstr(err.message, "nodes of timers do not ascend"));
    }
    tm_timers_free(timers);
}
END_TEST

int main(void)
{
    random_state = 1;
    Suite *suite = suite_create("timers");
    TCase *tc = tcase_create("timers");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_random_changes_agree_with_a_plain_list);
    tcase_add_test(tc, test_running_out_of_memory_changes_nothing);
    tcase_add_test(tc, test_a_fork_begins_as_what_was_frozen_and_goes_its_own_way);
    tcase_add_test(tc, test_a_timer_takes_less_than_100_bytes);
    tcase_add_test(tc, test_a_key_or_a_name_beyond_the_limit_is_refused);
    tcase_add_test(tc, a_long_key_at_the_end_leaves_room_for_what_comes_before_it);
    tcase_add_test(tc, nodes_of_timers_ascend);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
