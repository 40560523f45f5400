// Windows through checkpoints: what comes out is what an unbroken run gives, at any parallelism and
// max parallelism, and no window fires twice.
#include "restored.h"

#include "core/operator/windows/windows.h"

static void run_all(int i, bool clock)
{
    run_random(tm_operator_window_new, runs[i].to, 2, clock);
    ck_assert_uint_ne(line_count, 0);
    expect_same(runs[i].in_order);
    restored_teardown();
}

static void configure(const struct tm_node *window)
{
    world_new(TM_NODE_WINDOW, 128);
    struct tm_node *node = &world.node;
    node->window = window->window;
    node->size_ms = window->size_ms;
    node->slide_ms = window->slide_ms;
    node->offset_ms = window->offset_ms;
    node->lateness_ms = window->lateness_ms;
    node->processing = window->processing;
    node->trigger = window->trigger;
    node->evictor = window->evictor;
    use_key(USER);
    world.ctx.now_ms = 1767225600000;
}

// --- slices --------------------------------------------------------------------------------------

static const struct tm_node sliced[] = {
    {.size_ms = 100, .slide_ms = 100, .offset_ms = 7},
    {.size_ms = 300, .slide_ms = 60},
    {.size_ms = 640, .slide_ms = 20},
    {.size_ms = 50, .slide_ms = 70},
    {.window = TM_WINDOW_CUMULATE, .size_ms = 300, .slide_ms = 60},
};
enum { SLICED = sizeof sliced / sizeof sliced[0] };

START_TEST(windows_of_slices_go_on)
{
    seed_from("windows_of_slices_go_on");
    random_state += (uint64_t)_i * 7919;
    configure(&sliced[_i / RUNS % SLICED]);
    uses[_i / RUNS / SLICED]();
    open_keyed(tm_operator_window_new);
    run_all(_i % RUNS, false);
}
END_TEST

// --- all others ----------------------------------------------------------------------------------

#define SESSIONS .window = TM_WINDOW_SESSION, .size_ms = 12, .slide_ms = 12
#define TUMBLING .size_ms = 100, .slide_ms = 100
#define GLOBAL .window = TM_WINDOW_GLOBAL
static const struct tm_node general[] = {
    {SESSIONS},
    {SESSIONS, .lateness_ms = 90},
    {SESSIONS, .evictor = {TM_EVICTOR_COUNT, false, 3}},
    {SESSIONS, .processing = true},
    {TUMBLING, .lateness_ms = 120},
    {.size_ms = 200, .slide_ms = 50, .lateness_ms = 60},
    {TUMBLING, .processing = true},
    {TUMBLING, .trigger = {.kind = TM_TRIGGER_COUNT, .value = 3}},
    {TUMBLING, .trigger = {.kind = TM_TRIGGER_COUNT, .value = 4, .purges = true}, .lateness_ms = 9},
    {TUMBLING, .trigger = {.kind = TM_TRIGGER_CONTINUOUS_EVENT_TIME, .value = 30}},
    {TUMBLING, .trigger = {.kind = TM_TRIGGER_CONTINUOUS_PROCESSING_TIME, .value = 30}},
    {TUMBLING, .trigger = {.kind = TM_TRIGGER_EVENT_TIME, .timeout_ms = 70}},
    {TUMBLING,
     .trigger = {.kind = TM_TRIGGER_COUNT, .value = 5, .timeout_ms = 50, .timeout_resets = true}},
    {TUMBLING, .evictor = {TM_EVICTOR_TIME, true, 40}},
    {GLOBAL, .trigger = {.kind = TM_TRIGGER_COUNT, .value = 7, .purges = true}},
    {GLOBAL, .trigger = {.kind = TM_TRIGGER_END_OF_STREAM}},
    {GLOBAL, .trigger = {.kind = TM_TRIGGER_COUNT, .value = 2},
     .evictor = {TM_EVICTOR_COUNT, false, 4}},
    {GLOBAL, .trigger = {.kind = TM_TRIGGER_CONTINUOUS_EVENT_TIME, .value = 90}},
    {.window = TM_WINDOW_COUNT, .size_ms = 6, .slide_ms = 4},
    {.window = TM_WINDOW_COUNT, .size_ms = 5, .slide_ms = 5},
    {.window = TM_WINDOW_CUMULATE, .size_ms = 200, .slide_ms = 50, .lateness_ms = 30},
};
enum { GENERAL = sizeof general / sizeof general[0] };

START_TEST(windows_of_every_other_kind_go_on)
{
    seed_from("windows_of_every_other_kind_go_on");
    random_state += (uint64_t)_i * 7919;
    configure(&general[_i / RUNS % GENERAL]);
    world.graph.flush_processing = true;
    uses[_i / RUNS / GENERAL]();
    open_keyed(tm_operator_window_new);
    run_all(_i % RUNS, true);
}
END_TEST

// From the first row on, when windows and panes have the number 0.
START_TEST(windows_go_on_after_every_row_of_a_young_job)
{
    seed_from("windows_go_on_after_every_row_of_a_young_job");
    configure(&general[_i]);
    world.graph.flush_processing = true;
    use_numbers();
    open_keyed(tm_operator_window_new);
    task_make = tm_operator_window_new;
    tm_key_reader_init(&task_reader, world.input, &world.node.key);
    tasks_open(1, 128);
    for (uint32_t i = 0; i < 30; i++) {
        struct row row = random_row(i, i * 20);
        all_rows(&row, 1);
        all_restart(1, 128);
    }
    all_watermark(TM_WATERMARK_MAX);
    all_get((struct tm_element){.kind = TM_ELEMENT_END, .status = TM_END_DRAIN});
    expect_same(true);
    restored_teardown();
}
END_TEST

// --- what has been edited ------------------------------------------------------------------------

static int set_next(void *arg, const struct tm_key *key, const struct tm__windows_cell *cell)
{
    const struct tm__windows *self = (const struct tm__windows *)tasks[0].op;
    int64_t *words = (int64_t *)(uintptr_t)cell->words;
    (void)key;
    words[self->word_at[TM__WORD_NEXT]] = *(const int64_t *)arg;
    return 0;
}

// The end of time is one: a window fires then when event time is over.
START_TEST(a_window_that_fires_at_no_time_is_refused)
{
    static const struct {
        int64_t next;
        int rc;
    } edits[] = {{90, 0},
                 {INT64_MAX, 0},
                 {INT64_MAX - 1, TM_E_CHECKPOINT},
                 {((int64_t)1 << 55) + 1, TM_E_CHECKPOINT},
                 {INT64_MIN, TM_E_CHECKPOINT}};
    const struct row row = {.user = "a", .ts = 5};
    int64_t next = edits[_i].next;
    configure(&(struct tm_node){
        GLOBAL, .trigger = {.kind = TM_TRIGGER_CONTINUOUS_EVENT_TIME, .value = 90}});
    use_numbers();
    open_keyed(tm_operator_window_new);
    task_make = tm_operator_window_new;
    tm_key_reader_init(&task_reader, world.input, &world.node.key);
    tasks_open(1, 128);
    all_rows(&row, 1);
    for (uint32_t group = 0; group < 128; group++)
        ck_assert_int_eq(
            tm__windows_each_cell((const struct tm__windows *)tasks[0].op, group, set_next, &next),
            0);
    struct tm_cut *cut = cut_of(tasks[0].op, 0);
    struct tm_restored *restored = checkpoint_of(&cut, 1);
    tm_cut_free(cut);
    tasks_free();
    tasks_open(1, 128);
    struct tm_error err = {0};
    int rc = tasks[0].op->ops->restore(tasks[0].op, restored, &err);
    ck_assert_msg(rc == edits[_i].rc, "%d, %s", rc, err.message);
    ck_assert(rc == 0 || strstr(err.message, "fires at no time") != NULL);
    tm_restored_free(restored);
    restored_teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("restored_windows");
    tcase_add_loop_test(tc, windows_of_slices_go_on, 0, RUNS * SLICED * USES);
    tcase_add_loop_test(tc, windows_of_every_other_kind_go_on, 0, RUNS * GENERAL * USES);
    tcase_add_loop_test(tc, windows_go_on_after_every_row_of_a_young_job, 0, GENERAL);
    tcase_add_loop_test(tc, a_window_that_fires_at_no_time_is_refused, 0, 5);
    return run_operator_case(tc, "restored_windows");
}
