// The pool's memory that is touched ahead: which addresses, how far, and what is left behind.
#include "core/state/pool.h"

#include "core/base/helper.h"
#include "core/base/limits.h"
#include "tests/unit/state/support.h"

enum { BLOCK = 16 * 1024, PAGE = TM__POOL_CHUNK_HUGE, TOUCHES_MAX = 1024 };

// Chunks that are held, and what was touched of them.
static struct range {
    uint8_t *at;
    size_t size;
} chunks[1024], touches[TOUCHES_MAX];
static uint32_t chunk_count, touch_count, executors;
static struct tm_work *waiting; // of an executor that is behind
static bool behind;

static void *chunk_alloc(void *ctx, size_t size)
{
    (void)ctx;
    if (allocations_left-- <= 0)
        return NULL;
    void *p = NULL;
    if (posix_memalign(&p, size < PAGE ? 64 : PAGE, size) != 0)
        return NULL;
    chunks[chunk_count++] = (struct range){p, size};
    return p;
}

static void chunk_free(void *ctx, void *p, size_t size)
{
    (void)ctx;
    uint32_t i = 0;
    while (chunks[i].at != p)
        ck_assert_uint_lt(++i, chunk_count);
    ck_assert_uint_eq(chunks[i].size, size);
    chunks[i] = chunks[--chunk_count];
    free(p);
}

static bool is_within(const struct range *inner, const struct range *outer)
{
    return inner->at >= outer->at && inner->at + inner->size <= outer->at + outer->size;
}

static void note_touch(void *ctx, void *p, size_t size)
{
    (void)ctx;
    struct range touch = {p, size};
    bool within = false;
    for (uint32_t i = 0; i < chunk_count; i++)
        within |= is_within(&touch, &chunks[i]);
    ck_assert(within);
    for (uint32_t i = 0; i < touch_count; i++) // nothing twice
        ck_assert(touches[i].at + touches[i].size <= touch.at || touch.at + size <= touches[i].at);
    ck_assert_uint_le(size, PAGE);
    ck_assert_uint_lt(touch_count, TOUCHES_MAX);
    touches[touch_count++] = touch;
}

static void work(struct tm_work *work)
{
    work->run(work);
    work->done = 1;
}

static struct tm_executor *executor_new(void *ctx, const char *name, struct tm_error *err)
{
    (void)ctx, (void)name, (void)err;
    executors++;
    return (struct tm_executor *)(void *)&executors;
}

static void executor_submit(void *ctx, struct tm_executor *executor, struct tm_work *submitted)
{
    (void)ctx, (void)executor;
    submitted->done = 0;
    if (behind) {
        ck_assert_ptr_null(waiting); // one at a time
        waiting = submitted;
    } else
        work(submitted);
}

static void executor_free(void *ctx, struct tm_executor *executor)
{
    (void)ctx, (void)executor;
    if (waiting != NULL)
        work(waiting);
    waiting = NULL;
    executors--;
}

// Who waits sees the executor get on.
static struct tm_parker *parker_new(void *ctx, struct tm_error *err)
{
    (void)ctx, (void)err;
    return (struct tm_parker *)(void *)&executors;
}

static void parker_wait(void *ctx, struct tm_parker *parker, int64_t deadline_ns)
{
    (void)ctx, (void)parker, (void)deadline_ns;
    work(waiting);
    waiting = NULL;
}

static void parker_free(void *ctx, struct tm_parker *parker)
{
    (void)ctx, (void)parker;
}

static int64_t mono_ns(void *ctx)
{
    (void)ctx;
    return 0;
}

static const struct tm_fx_memory touching = {
    .alloc = chunk_alloc, .realloc = test_realloc, .free = chunk_free, .touch = note_touch};
static const struct tm_fx_threads threads = {.executor_new = executor_new,
                                             .executor_submit = executor_submit,
                                             .executor_free = executor_free,
                                             .parker_new = parker_new,
                                             .parker_wait = parker_wait,
                                             .parker_free = parker_free};
static const struct tm_fx_clock stopped = {.mono_ns = mono_ns};
static const struct tm_fx touching_fx = {
    .memory = &touching, .threads = &threads, .clock = &stopped};

static struct tm__state_pool pool;
static struct tm_helper helper;

static void setup_touching(void)
{
    setup();
    tm_mem_init(&mem, &touching_fx, NULL, 0);
    chunk_count = touch_count = executors = 0;
    behind = false;
    waiting = NULL;
    tm_helper_init(&helper, &touching_fx);
    mem.helper = &helper;
    tm__state_pool_init(&pool, &mem);
}

static void teardown_touching(void)
{
    tm__state_pool_fini(&pool);
    ck_assert_ptr_null(waiting); // what was touched is no more
    tm_helper_fini(&helper);
    ck_assert_uint_eq(executors, 0);
    ck_assert_uint_eq(chunk_count, 0);
    teardown();
}

static bool is_touched(const uint8_t *at)
{
    for (uint32_t i = 0; i < touch_count; i++)
        if (at >= touches[i].at && at < touches[i].at + touches[i].size)
            return true;
    return false;
}

// Blocks until so much is reserved; how many of them, past `from`, lay in untouched memory.
static uint32_t fill(int64_t until, int64_t from)
{
    uint32_t untouched = 0;
    while (pool.reserved_bytes < until) {
        bool counts = pool.reserved_bytes > from;
        uint8_t *block = tm__state_pool_alloc(&pool, BLOCK);
        ck_assert_ptr_nonnull(block);
        untouched += counts && !is_touched(block);
    }
    return untouched;
}

START_TEST(test_a_large_pool_gives_memory_that_was_touched)
{
    uint32_t untouched = fill(200 * 1024 * 1024, 2 * TM_STATE_AHEAD_FROM_BYTES);
    ck_assert_uint_gt(touch_count, 80);
    ck_assert_uint_eq(untouched, 0);
}
END_TEST

START_TEST(test_a_small_pool_has_no_helper)
{
    fill(TM_STATE_AHEAD_FROM_BYTES / 2, 0);
    ck_assert_ptr_null(pool.ahead);
    ck_assert_uint_eq(touch_count, 0);
}
END_TEST

START_TEST(test_what_is_touched_ahead_is_bounded)
{
    int64_t used = 0;
    while (pool.reserved_bytes < 200 * 1024 * 1024) {
        ck_assert_ptr_nonnull(tm__state_pool_alloc(&pool, BLOCK));
        used += BLOCK;
        int64_t touched = 0;
        for (uint32_t i = 0; i < touch_count; i++)
            touched += (int64_t)touches[i].size;
        ck_assert_int_le(touched, used + (TM_STATE_AHEAD_PAGES + 1) * (int64_t)PAGE);
    }
}
END_TEST

START_TEST(test_a_helper_that_is_behind_holds_nobody_up)
{
    behind = true;
    fill(100 * 1024 * 1024, 0);
    ck_assert_ptr_nonnull(waiting);
    ck_assert_uint_eq(touch_count, 0);
    work(waiting); // its page has been used meanwhile
    waiting = NULL;
    behind = false;
    ck_assert_uint_eq(fill(200 * 1024 * 1024, 140 * 1024 * 1024), 0);
}
END_TEST

START_TEST(test_several_pools_have_one_helper)
{
    struct tm_mem below;
    struct tm__state_pool other;
    tm_mem_init(&below, &touching_fx, &mem, 0);
    tm__state_pool_init(&other, &below);
    fill(2 * TM_STATE_AHEAD_FROM_BYTES, 0);
    uint32_t touched = touch_count;
    while (other.reserved_bytes < 4 * TM_STATE_AHEAD_FROM_BYTES)
        ck_assert_ptr_nonnull(tm__state_pool_alloc(&other, BLOCK));
    ck_assert_uint_gt(touch_count, touched);
    ck_assert_uint_eq(executors, 1);
    ck_assert_uint_eq(fill(100 * 1024 * 1024, 40 * 1024 * 1024), 0);
    tm__state_pool_fini(&other);
    ck_assert_uint_eq(executors, 1); // the first one still has it
}
END_TEST

START_TEST(test_a_pool_does_without_a_helper_where_there_is_none)
{
    mem.helper = NULL;
    fill(4 * TM_STATE_AHEAD_FROM_BYTES, 0);
    ck_assert_uint_eq(touch_count, 0);
    ck_assert_uint_eq(executors, 0);
}
END_TEST

START_TEST(test_no_memory_for_the_next_chunk_is_found_when_it_is_needed)
{
    fill(2 * TM_STATE_AHEAD_FROM_BYTES, 0);
    allocations_left = 0;
    int64_t reserved = pool.reserved_bytes;
    while (tm__state_pool_alloc(&pool, BLOCK) != NULL)
        ck_assert_int_eq(pool.reserved_bytes, reserved);
    allocations_left = INT64_MAX;
    ck_assert_ptr_nonnull(tm__state_pool_alloc(&pool, BLOCK));
    fill(100 * 1024 * 1024, 0);
}
END_TEST

// Keys of pages are found again: for as many as are, memory is made ready.
static void find_again(uint32_t keys, uint32_t looks)
{
    for (uint32_t i = 0; i < looks; i++) {
        const uint64_t key = draw(keys);
        tm__state_pool_mark(&pool, tm_hash_bytes(&key, sizeof key));
        tm__state_pool_note_keys(&pool, 32);
    }
}

static int64_t touched_bytes(void)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; i < touch_count; i++)
        bytes += (int64_t)touches[i].size;
    return bytes;
}

START_TEST(test_copies_find_memory_that_was_touched)
{
    enum { STATE = 200 * 1024 * 1024, LOOKS = 1 << 20 };
    seed_from("reserve");
    mem.reserves = &helper;
    fill(STATE, 0);
    pool.page_bytes = STATE;
    int64_t before = touched_bytes();
    find_again(1000000, LOOKS);
    ck_assert_int_ge(touched_bytes() - before, STATE - 8 * PAGE);
    ck_assert_int_le(touched_bytes() - before, STATE + TM__POOL_CHUNK_MAX);
    tm__state_pool_frozen(&pool);
    for (int64_t copied = 0; copied < STATE; copied += BLOCK)
        ck_assert(is_touched(tm__state_pool_alloc(&pool, BLOCK)));
    // All of that is held; as much again will be copied the next time, and no more is touched.
    pool.copied_bytes = pool.held_bytes = STATE;
    before = touched_bytes();
    find_again(1000000, LOOKS);
    ck_assert_int_ge(touched_bytes() - before, STATE - TM__POOL_CHUNK_MAX);
    tm__state_pool_frozen(&pool);
    pool.copied_bytes = STATE; // what was held before comes back until the next time
    pool.held_bytes = 2 * STATE;
    before = touched_bytes();
    find_again(1000000, LOOKS);
    ck_assert_int_eq(touched_bytes(), before);
}
END_TEST

// What the fake system has back.
static int64_t given_bytes, again_bytes;

static void note_touched_again(void *ctx, void *p, size_t size)
{
    (void)ctx, (void)p;
    again_bytes += (int64_t)size;
}

static void note_given(void *ctx, void *p, size_t size)
{
    (void)ctx;
    memset(p, 0xdb, size); // nobody looks there any more
    given_bytes += (int64_t)size;
}

static void freeze_without_copies(uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        tm__state_pool_frozen(&pool);
        tm__state_pool_look_at_reserve(&pool);
    }
}

START_TEST(test_memory_for_copies_that_are_not_made_any_more_is_given_back)
{
    enum { STATE = 200 * 1024 * 1024, COUNT = STATE / BLOCK };
    static void *copies[COUNT];
    struct tm_fx_memory giving = touching;
    struct tm_fx giving_fx = touching_fx;
    giving.give_back = note_given;
    giving.touch = note_touched_again;
    giving_fx.memory = &giving;
    mem.fx = &giving_fx;
    given_bytes = again_bytes = 0;
    seed_from("given back");
    mem.reserves = &helper;
    fill(STATE, 0);
    pool.page_bytes = STATE;
    find_again(1000000, 1 << 20);
    tm__state_pool_frozen(&pool);
    for (uint32_t i = 0; i < COUNT; i++)
        copies[i] = tm__state_pool_alloc(&pool, BLOCK);
    pool.copied_bytes = STATE;
    tm__state_pool_frozen(&pool);
    for (uint32_t i = 0; i < COUNT; i++)
        tm__state_pool_free(&pool, copies[i], BLOCK);
    find_again(1000000, 1 << 20);
    ck_assert_int_eq(given_bytes, 0); // it will be needed again
    // Nothing is copied any more: it goes, but not at once.
    int64_t there = pool.free_bytes;
    freeze_without_copies(1);
    ck_assert_int_eq(given_bytes, 0);
    freeze_without_copies(40);
    ck_assert_int_ge(pool.cold_bytes, there / 8 * 7);
    ck_assert_int_ge(given_bytes, pool.cold_bytes / 2);
    ck_assert_int_le(pool.free_bytes, 2 * TM_STATE_AHEAD_FROM_BYTES);
    // And comes back, touched before it is used, when all is copied again; nothing new is taken.
    int64_t reserved = pool.reserved_bytes;
    pool.copied_bytes = STATE;
    tm__state_pool_frozen(&pool);
    again_bytes = 0;
    find_again(1000000, 1 << 20);
    ck_assert_int_ge(again_bytes, STATE / 2);
    ck_assert_int_ge(pool.free_bytes, STATE - TM__POOL_CHUNK_MAX);
    ck_assert_int_eq(pool.reserved_bytes, reserved);
    // Without a look in between cold blocks are used as they are.
    freeze_without_copies(40);
    ck_assert_int_gt(pool.cold_bytes, 0);
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert_ptr_nonnull(tm__state_pool_alloc(&pool, BLOCK));
    ck_assert_int_le(pool.reserved_bytes, reserved + TM__POOL_CHUNK_MAX);
    mem.fx = &touching_fx;
}
END_TEST

START_TEST(test_few_hot_keys_need_little_memory_for_copies)
{
    enum { STATE = 200 * 1024 * 1024 };
    seed_from("hot keys");
    mem.reserves = &helper;
    fill(STATE, 0);
    pool.page_bytes = STATE;
    int64_t before = touched_bytes();
    find_again(100, 1 << 20);
    ck_assert_int_le(touched_bytes() - before, TM__POOL_CHUNK_MAX);
}
END_TEST

START_TEST(test_nothing_is_made_ready_for_states_that_are_not_frozen)
{
    fill(4 * TM_STATE_AHEAD_FROM_BYTES, 0);
    pool.page_bytes = 4 * TM_STATE_AHEAD_FROM_BYTES;
    int64_t before = touched_bytes();
    find_again(1000000, 1 << 18);
    ck_assert_int_eq(touched_bytes(), before);
    ck_assert_ptr_null(pool.marks);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tc = tcase_create("touched ahead");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup_touching, teardown_touching);
    tcase_add_test(tc, test_a_large_pool_gives_memory_that_was_touched);
    tcase_add_test(tc, test_a_small_pool_has_no_helper);
    tcase_add_test(tc, test_what_is_touched_ahead_is_bounded);
    tcase_add_test(tc, test_a_helper_that_is_behind_holds_nobody_up);
    tcase_add_test(tc, test_several_pools_have_one_helper);
    tcase_add_test(tc, test_a_pool_does_without_a_helper_where_there_is_none);
    tcase_add_test(tc, test_no_memory_for_the_next_chunk_is_found_when_it_is_needed);
    tcase_add_test(tc, test_copies_find_memory_that_was_touched);
    tcase_add_test(tc, test_memory_for_copies_that_are_not_made_any_more_is_given_back);
    tcase_add_test(tc, test_few_hot_keys_need_little_memory_for_copies);
    tcase_add_test(tc, test_nothing_is_made_ready_for_states_that_are_not_frozen);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
