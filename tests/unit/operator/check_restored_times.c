// How far event time had come, behind a checkpoint; what another script makes of one; what freezing
// costs.
#include <time.h>

#include "restored.h"

#include "core/operator/window.h"

static void tumbling(int64_t size, int64_t slide, int64_t lateness)
{
    world_new(TM_NODE_WINDOW, 128);
    use_key(USER);
    world.node.size_ms = size;
    world.node.slide_ms = slide;
    world.node.lateness_ms = lateness;
    world.ctx.now_ms = 1767225600000;
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_keyed(tm_operator_window_new);
    task_make = tm_operator_window_new;
    tm_key_reader_init(&task_reader, world.input, &world.node.key);
}

static void to_all(const char *const *who, uint32_t count, int64_t ts)
{
    struct row rows[ROWS_AT_ONCE];
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (struct row){.user = who[i], .ts = ts, .note = ""};
    all_rows(rows, count);
}

static void only(uint32_t task, int64_t watermark)
{
    step_all(tasks[task].op,
             (struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = watermark}, true);
}

static const char *const both[] = {"a", "bb", "ccc", "e", "f", "gg", "h", "i", "j", "kk"};
enum { BOTH = sizeof both / sizeof both[0] };

static uint32_t owner_of(const char *user)
{
    return tm_key_group_owner(tm_hash_key_group(tm_hash_bytes(user, strlen(user)), 128), 2, 128);
}

// Two subtasks, one of which is ahead: its windows have fired, and what is late for it stays so,
// although the operator is as far as the other now. Each window of a key fires once.
START_TEST(of_several_watermarks_the_least_counts_and_no_window_fires_twice)
{
    static const struct {
        int64_t slide, lateness;
    } kinds[] = {{100, 0}, {50, 0}, {100, 1}};
    for (uint32_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (uint32_t run = 0; run < 6; run++) {
            const uint32_t count = run % 2 == 0 ? 1 : 3, restarts = 1 + run / 2;
            tumbling(100, kinds[k].slide, kinds[k].lateness);
            tasks_open(2, 128);
            to_all(both, BOTH, 1010);
            to_all(both, BOTH, 1110);
            only(0, 1110);
            only(1, 1005);
            uint32_t fired = other_count, ahead = 0;
            for (uint32_t i = 0; i < BOTH; i++)
                ahead += owner_of(both[i]) == 0;
            ck_assert_uint_ne(ahead, 0);
            ck_assert_uint_ne(ahead, BOTH);
            ck_assert_uint_eq(fired, (kinds[k].slide == 50 ? 2 : 1) * ahead);
            uint64_t late = world.metrics.late;
            for (uint32_t i = 0; i < restarts; i++) // before time has come to where the other was
                all_restart(i % 2 == 0 ? count : 2, 128);
            to_all(both, BOTH, 1020); // late where all its windows have fired
            uint64_t now_late = world.metrics.late - late;
            ck_assert_uint_eq(now_late, ahead);
            all_watermark(1500);
            // Windows of the rows at 1010 and 1020: of one or two, each once for every key.
            uint32_t at_1010 = 0, twice = 0;
            for (uint32_t i = 0; i < other_count; i++) {
                for (uint32_t j = i + 1; j < other_count; j++) {
                    const char *x = strchr(others[i], '|'), *y = strchr(others[j], '|');
                    size_t key = (size_t)(x - others[i]);
                    bool same_key =
                        (size_t)(y - others[j]) == key && memcmp(others[i], others[j], key) == 0;
                    twice += same_key && strtoll(x + 1, NULL, 10) == strtoll(y + 1, NULL, 10);
                }
                at_1010 += strstr(others[i], "|1000|1100|") != NULL;
            }
            ck_assert_uint_eq(twice, 0);
            ck_assert_uint_eq(at_1010, BOTH);
            restored_teardown();
        }
    }
}
END_TEST

// --- another script ------------------------------------------------------------------------------

static int restore_as(const struct tm_restored *restored, struct tm_error *err)
{
    task_count = 1;
    task_max = 128;
    task_open(0);
    return tasks[0].op->ops->restore(tasks[0].op, restored, err);
}

START_TEST(aggregates_come_and_go_and_others_stay)
{
    world_new(TM_NODE_ROLLING, 128);
    use_key(USER);
    use_aggregate(TM_AGGREGATE_MAX, NOTE);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_COUNT_DISTINCT, ITEM);
    use_aggregate(TM_AGGREGATE_SUM, CENTS);
    open_keyed(tm_operator_rolling_new);
    task_make = tm_operator_rolling_new;
    struct row rows[] = {{.user = "a", .note = "of the first rows", .cents = 5, .item = 3},
                         {.user = "a", .note = "b", .cents = 6, .item = 4}};
    ck_assert_int_eq(feed_rows(rows, 2, NULL), 0);
    struct tm_cut *cut = cut_of(world.op, 0);
    struct tm_restored *restored = checkpoint_of(&cut, 1);
    tm_cut_free(cut);
    world.op->ops->free(world.op);
    // One has gone, one is new, and those that stay have other places.
    struct tm_aggregate now[] = {world.aggregates[2], world.aggregates[3], world.aggregates[0],
                                 world.aggregates[1]};
    now[3].kind = TM_AGGREGATE_MIN;
    now[3].input_field = CENTS;
    struct tm_field_def defs[8] = {input_fields[USER]};
    for (uint32_t i = 0; i < 4; i++) {
        defs[i + 1] = (struct tm_field_def){world.output->fields[now[i].output_field].name,
                                            result_type(now[i].kind, now[i].input_field), 0};
        now[i].output_field = i + 1;
    }
    defs[4].name = "least";
    memcpy(world.aggregates, now, sizeof now);
    tm_schema_unref(world.output);
    world.output = make_schema(defs, 5, -1);
    world.node.schema = world.output;
    struct tm_error err = {0};
    ck_assert_int_eq(restore_as(restored, &err), 0);
    tm_restored_free(restored);
    world.op = tasks[0].op;
    task_count = 0;
    rows[1].cents = 7;
    ck_assert_int_eq(feed_rows(rows + 1, 1, lines_take), 0);
    expect_line(0, "a|2|18|of the first rows|7"); // two items, 5 + 6 + 7, the longest note, new
    restored_teardown();
}
END_TEST

START_TEST(slices_of_other_windows_are_refused)
{
    for (uint32_t i = 0; i < 2; i++) {
        tumbling(100, i == 0 ? 100 : 50, 0);
        tasks_open(1, 128);
        to_all(both, BOTH, 1010);
        struct tm_cut *cut = cut_of(tasks[0].op, 0);
        struct tm_restored *restored = checkpoint_of(&cut, 1);
        tm_cut_free(cut);
        tasks_free();
        world.node.size_ms = 200;
        struct tm_error err = {0};
        ck_assert_int_eq(restore_as(restored, &err), TM_E_STATE_TYPE);
        ck_assert_ptr_nonnull(strstr(err.message, "windows of 100 ms"));
        ck_assert_ptr_nonnull(strstr(err.message, "windows of 200 ms"));
        tm_restored_free(restored);
        restored_teardown();
    }
}
END_TEST

// --- what it costs -------------------------------------------------------------------------------

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

START_TEST(a_barrier_costs_less_than_a_millisecond_with_600_slices)
{
    int64_t least = INT64_MAX;
    tumbling(100, 100, 0);
    tasks_open(1, 128);
    for (int64_t slice = 0; slice < 600; slice++)
        to_all(both, BOTH, 1000000 + 100 * slice);
    for (int round = 0; round < 20; round++) { // the first one makes the layout, too
        int64_t before = cpu_ns();
        struct tm_cut *cut = cut_of(tasks[0].op, 0);
        int64_t took = cpu_ns() - before;
        least = took < least ? took : least;
        tm_cut_free(cut);
        to_all(both, BOTH, 1000000 + 100 * round);
    }
    printf("%lld ns\n", (long long)least);
    ck_assert_int_lt(least, 1000000);
    restored_teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("restored_times");
    tcase_add_test(tc, of_several_watermarks_the_least_counts_and_no_window_fires_twice);
    tcase_add_test(tc, aggregates_come_and_go_and_others_stay);
    tcase_add_test(tc, slices_of_other_windows_are_refused);
    tcase_add_test(tc, a_barrier_costs_less_than_a_millisecond_with_600_slices);
    return run_operator_case(tc, "restored_times");
}
