// Event-time windows: bounds, lateness, order and content of firings, resumption, accounts.
#include "windows.h"

static void window(int64_t size, int64_t slide, int64_t offset)
{
    configure((struct tm_node){.size_ms = size, .slide_ms = slide, .offset_ms = offset});
}

static void open_window(void)
{
    open_keyed(tm_operator_window_new);
}

// --- tumbling ------------------------------------------------------------------------------------

START_TEST(a_window_fires_when_the_watermark_reaches_its_last_millisecond)
{
    window(10, 10, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_window();
    ROWS_AT("a", 0, 9, 10);
    feed_watermark(8, lines_take);
    expect_lines(1);
    feed_watermark(9, lines_take);
    expect_line(1, "a|0|10|2|9"); // key, start, end, count, $time
    expect_line(2, "W 9");
    expect_lines(3);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(3, "a|10|20|1|19");
    teardown();
}
END_TEST

START_TEST(windows_before_1970_and_with_offsets_have_the_bounds_of_the_rules)
{
    expect_bounds(0);
}
END_TEST

START_TEST(the_time_may_be_the_first_column)
{
    const struct tm_field_def defs[] = {input_fields[TS], input_fields[ITEM]}; // ITEM is 1 here too
    struct tm_builder b;
    window(10, 10, 0);
    tm_schema_unref(world.input);
    world.input = make_schema(defs, 2, 0);
    world.node.key.fields[0] = ITEM;
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_window();
    struct tm_batch *batch = tm_batch_acquire(world.ctx.pool, world.input);
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    tm_builder_put_int(&b, 0, 13);
    tm_builder_put_int(&b, ITEM, 7);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    ck_assert_int_eq(feed((struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch}, NULL), 0);
    feed_watermark(19, lines_take);
    expect_line(0, "7|10|20|1|19");
    teardown();
}
END_TEST

START_TEST(a_row_is_late_once_its_window_has_fired_and_not_before)
{
    window(10, 10, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_window();
    ROWS_AT("a", 5);
    feed_watermark(8, NULL);
    ROWS_AT("a", 0, 3); // behind the watermark, window open
    ck_assert_uint_eq(world.metrics.late, 0);
    feed_watermark(9, lines_take);
    expect_line(0, "a|0|10|3|9");
    ROWS_AT("a", 9, 0, -100, 10);
    ck_assert_uint_eq(world.metrics.late, 3);
    ck_assert_uint_eq(world.metrics.used, 4);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(2, "a|10|20|1|19");
    teardown();
}
END_TEST

START_TEST(a_row_without_time_or_with_an_impossible_one_is_an_error_of_that_row)
{
    window(10, 10, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_window();
    struct row rows[] = {
        {.user = "a", .nulls = 1u << TS},
        {.user = "a", .ts = INT64_MAX},
        {.user = "a", .ts = 1},
        {.user = "a", .ts = INT64_MIN},
        {.user = "a", .ts = TM_INT_MAX + 1},
        {.user = "a", .ts = -TM_INT_MAX},
    };
    ck_assert_int_eq(feed_rows(rows, 6, NULL), 0);
    ck_assert_int_eq(world.failures, 4);
    ck_assert_int_eq(world.failure_codes[0], TM_E_NULL_TIMESTAMP);
    ck_assert_int_eq(world.failure_codes[1], TM_E_BAD_TIMESTAMP);
    feed_watermark(TM_INT_MAX * 16, lines_take);
    expect_lines(3); // two windows and the watermark
    feed_watermark(INT64_MAX - 1, lines_take);
    ROWS_AT("a", 5);
    feed_watermark(INT64_MAX, lines_take);
    expect_lines(5);
    teardown();
}
END_TEST

START_TEST(a_failing_row_ends_the_job_when_the_task_says_so)
{
    window(10, 10, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_window();
    world.fail_with = TM_E_NULL_TIMESTAMP;
    struct row row = {.user = "a", .nulls = 1u << TS};
    ck_assert_int_eq(feed_rows(&row, 1, NULL), TM_E_NULL_TIMESTAMP);
    lines_clear();
    world_free();
}
END_TEST

START_TEST(results_larger_than_a_batch_come_in_several_before_the_watermark)
{
    enum { USERS = 5000 };
    window(1000, 1000, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_window();
    char name[20];
    for (int i = 0; i < USERS; i++) {
        snprintf(name, sizeof name, "user-%d", i);
        ROWS_AT(name, 5, 6);
    }
    feed_watermark(999, lines_take);
    expect_lines(USERS + 1);
    expect_line(USERS, "W 999");
    for (uint32_t i = 0; i < USERS; i++)
        ck_assert_ptr_nonnull(strstr(lines[i], "|0|1000|2|999"));
    ck_assert_uint_eq(world.metrics.rows_out, USERS);
    teardown();
}
END_TEST

static void expect_marked(const struct tm_element *element)
{
    if (element->kind == TM_ELEMENT_BATCH) {
        ck_assert_int_eq(element->batch->read_ns, 77);
        ck_assert_int_eq(element->batch->split, TM_NO_SPLIT);
    }
    lines_take(element);
}

START_TEST(a_result_carries_the_read_time_of_the_watermark_that_fired_it)
{
    window(10, 10, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_window();
    ROWS_AT("a", 1);
    feed_watermark(100, expect_marked);
    expect_lines(2);
    teardown();
}
END_TEST

START_TEST(a_stopped_job_fires_nothing)
{
    window(10, 10, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_window();
    ROWS_AT("a", 1);
    feed_end(TM_END_STOP, lines_take);
    expect_line(0, "END");
    expect_lines(1);
    teardown();
}
END_TEST

START_TEST(a_sum_that_overflows_is_an_error_of_the_row_that_does_it)
{
    window(10, 10, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_SUM, CENTS);
    use_aggregate(TM_AGGREGATE_SUM, BIG);
    open_window();
    struct row rows[] = {
        {.user = "a", .ts = 1, .cents = TM_INT_MAX, .big = INT64_MAX},
        {.user = "a", .ts = 2, .cents = 1, .big = 0},
        {.user = "a", .ts = 3, .cents = -1, .big = 1}, // the second sum: the first stays too
        {.user = "a", .ts = 4, .cents = -5, .big = -7},
    };
    ck_assert_int_eq(feed_rows(rows, 4, NULL), 0);
    ck_assert_int_eq(world.failures, 2);
    ck_assert_int_eq(world.failure_codes[0], TM_E_OVERFLOW);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(0, "a|0|10|2|9007199254740987|9223372036854775800|9");
    teardown();
}
END_TEST

// --- sliding -------------------------------------------------------------------------------------

START_TEST(a_row_counts_in_every_sliding_window_that_covers_it)
{
    window(10, 5, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_window();
    ROWS_AT("a", 7, 12);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(0, "a|0|10|1|9");
    expect_line(1, "a|5|15|2|14");
    expect_line(2, "a|10|20|1|19");
    expect_lines(4);
    teardown();
}
END_TEST

START_TEST(a_row_between_windows_is_filtered_or_behind_the_watermark_late)
{
    window(4, 10, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_window();
    ROWS_AT("a", 3, 4, 9, 10);
    feed_watermark(100, lines_take);
    ROWS_AT("a", 5, 3);
    ck_assert_uint_eq(world.metrics.filtered, 2);
    ck_assert_uint_eq(world.metrics.late, 2);
    expect_line(0, "a|0|4|1|3");
    expect_line(1, "a|10|14|1|13");
    expect_lines(3);
    teardown();
}
END_TEST

START_TEST(a_window_that_ended_before_the_first_row_came_does_not_fire_for_it)
{
    window(10, 1, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    open_window();
    feed_watermark(100, NULL);
    ROWS_AT("a", 98);
    ck_assert_uint_eq(world.metrics.late, 0);
    feed_watermark(INT64_MAX, lines_take);
    expect_line(0, "a|92|102|1|101"); // the first end above 101
    expect_lines(8);
    teardown();
}
END_TEST

START_TEST(an_overflow_across_slices_is_an_error_of_that_result_alone)
{
    window(10, 5, 0);
    use_aggregate(TM_AGGREGATE_SUM, BIG);
    open_window();
    struct row rows[] = {
        {.user = "a", .ts = 1, .big = INT64_MAX},
        {.user = "a", .ts = 6, .big = 1},
        {.user = "b", .ts = 1, .big = 1},
        {.user = "b", .ts = 6, .big = 1},
    };
    ck_assert_int_eq(feed_rows(rows, 4, NULL), 0);
    feed_watermark(9, lines_take);
    ck_assert_int_eq(world.failures, 1); // [-5,5) has one slice of "a", [0,10) has two
    ck_assert_int_eq(world.failure_codes[0], TM_E_OVERFLOW);
    ck_assert_ptr_nonnull(strstr(world.failure_text, "from 0 to 10"));
    expect_lines(4);
    expect_line(2, "b|0|10|2|9");
    teardown();
}
END_TEST

// --- against the definition ----------------------------------------------------------------------

enum { EVENTS = 4000, MODEL_USERS = 40 };

struct event {
    struct row row;
    char user[8], note[8];
    uint32_t user_id;
    bool counted; // not late, not in a gap
};
static struct event events[EVENTS];
static uint32_t event_count;

struct setting {
    int64_t size, slide, offset;
};

static int64_t floor_to(int64_t t, int64_t offset, int64_t step)
{
    int64_t d = t - offset;
    return offset + (d >= 0 ? d / step : -((-d + step - 1) / step)) * step;
}

static int64_t gcd(int64_t a, int64_t b)
{
    return b == 0 ? a : gcd(b, a % b);
}

static void append(char *line, const char *fmt, ...) TM_PRINTF(2, 3);
static void append(char *line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(line + strlen(line), 512 - strlen(line), fmt, args);
    va_end(args);
}

// The events of a window in the order in which sums are made: earlier slices first, then by
// arrival.
static uint32_t members[EVENTS], member_count;
static const struct setting *member_setting;

static int compare_members(const void *a, const void *b)
{
    const struct setting *s = member_setting;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    int64_t step = gcd(s->size, s->slide);
    int64_t x = floor_to(events[i].row.ts, s->offset, step);
    int64_t y = floor_to(events[j].row.ts, s->offset, step);
    if (x != y)
        return x < y ? -1 : 1;
    return i < j ? -1 : 1;
}

static void find_members(const struct setting *s, int64_t start)
{
    member_count = 0;
    member_setting = s;
    for (uint32_t i = 0; i < event_count; i++)
        if (events[i].counted && events[i].row.ts >= start && events[i].row.ts < start + s->size)
            members[member_count++] = i;
    qsort(members, member_count, sizeof members[0], compare_members);
}

// The result of one key in the window of `members`, by its definition.
static bool expected_line(const struct setting *s, int64_t start, uint32_t user, char *line)
{
    int64_t count = 0, cents = 0, big_min = 0, n = 0, prices = 0, priced = 0;
    int64_t big_max = 0;
    double amounts = 0;
    const char *low = NULL, *first = NULL, *last = NULL;
    uint32_t first_at = 0, last_at = 0; // by arrival, whatever their times
    bool amount_seen = false, big_seen = false;
    for (uint32_t i = 0; i < member_count; i++) {
        const struct row *r = &events[members[i]].row;
        if (events[members[i]].user_id != user)
            continue;
        count++;
        if (!(r->nulls >> AMOUNT & 1)) {
            amounts += r->amount;
            amount_seen = true;
        }
        if (!(r->nulls >> CENTS & 1)) {
            cents += r->cents;
            n++;
        }
        if (!(r->nulls >> BIG & 1)) {
            big_min = !big_seen || r->big < big_min ? r->big : big_min;
            big_max = !big_seen || r->big > big_max ? r->big : big_max;
            big_seen = true;
        }
        if (!(r->nulls >> PRICE & 1)) {
            prices += r->price;
            priced++;
        }
        if (!(r->nulls >> NOTE & 1)) {
            low = low == NULL || strcmp(r->note, low) < 0 ? r->note : low;
            if (first == NULL || members[i] < first_at) {
                first = r->note;
                first_at = members[i];
            }
            if (last == NULL || members[i] > last_at) {
                last = r->note;
                last_at = members[i];
            }
        }
    }
    if (count == 0)
        return false;
    sprintf(line, "%s", "");
    append(line, "u%u|%lld|%lld|%lld", user, (long long)start, (long long)(start + s->size),
           (long long)count);
    append(line, amount_seen ? "|%.17g" : "|null", amounts);
    append(line, n != 0 ? "|%lld" : "|null", (long long)cents);
    append(line, n != 0 ? "|%.17g" : "|null", n != 0 ? (double)cents / (double)n : 0.0);
    append(line, big_seen ? "|%lld" : "|null", (long long)big_min);
    append(line, big_seen ? "|%lld" : "|null", (long long)big_max);
    append(line, priced != 0 ? "|%lldE-2" : "|null", (long long)prices);
    if (priced != 0) { // scale 6, half up
        int64_t scaled = prices * 10000, q = scaled / priced, rest = llabs(scaled % priced);
        q += rest * 2 >= priced ? (scaled < 0 ? -1 : 1) : 0;
        append(line, "|%lldE-6", (long long)q);
    } else {
        append(line, "|null");
    }
    append(line, "|%s|%s|%s", low == NULL ? "null" : low, first == NULL ? "null" : first,
           last == NULL ? "null" : last);
    append(line, "|%lld", (long long)(start + s->size - 1));
    return true;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// The lines of one window stand in the order of key group and hash.
static void check_window_order(uint32_t from, uint32_t to)
{
    uint64_t previous_hash = 0;
    uint32_t previous_group = 0;
    for (uint32_t i = from; i < to; i++) {
        uint64_t hash = tm_hash_bytes(lines[i], (size_t)(strchr(lines[i], '|') - lines[i]));
        uint32_t group = tm_hash_key_group(hash, 128);
        if (i > from)
            ck_assert(group > previous_group ||
                      (group == previous_group && (uint32_t)hash > (uint32_t)previous_hash));
        previous_hash = hash;
        previous_group = group;
    }
}

static void check_firing(const struct setting *s, int64_t previous, int64_t watermark)
{
    char line[512];
    uint32_t at = 0;
    int64_t horizon = watermark > 5000 ? 5000 : watermark;
    for (int64_t start = floor_to(-500, s->offset, s->slide); start + s->size - 1 <= horizon;
         start += s->slide) {
        if (start + s->size - 1 <= previous)
            continue;
        char *expected[MODEL_USERS];
        uint32_t count = 0;
        find_members(s, start);
        for (uint32_t user = 0; user < MODEL_USERS && member_count != 0; user++)
            if (expected_line(s, start, user, line))
                expected[count++] = strdup(line);
        ck_assert_uint_le(at + count, line_count);
        check_window_order(at, at + count);
        qsort(expected, count, sizeof expected[0], compare_lines);
        qsort(lines + at, count, sizeof lines[0], compare_lines);
        for (uint32_t i = 0; i < count; i++) {
            ck_assert_str_eq(lines[at + i], expected[i]);
            free(expected[i]);
        }
        at += count;
    }
    ck_assert_uint_eq(at + 1, line_count); // and the watermark
}

static struct event *new_event(const struct setting *s, int64_t now, int64_t watermark,
                               uint64_t *late, uint64_t *gap)
{
    struct event *e = &events[event_count++];
    memset(e, 0, sizeof *e);
    e->user_id = (uint32_t)draw(1 + draw(MODEL_USERS));
    snprintf(e->user, sizeof e->user, "u%u", e->user_id);
    snprintf(e->note, sizeof e->note, "n%u", (unsigned)draw(1000));
    e->row = (struct row){
        .user = e->user,
        .ts = now - (int64_t)draw(120),
        .amount = (double)((int64_t)draw(1000) - 500) / 4,
        .cents = (int64_t)draw(1000) - 300,
        .big = (int64_t)draw(100000) - 50000,
        .price = (int64_t)draw(10000) - 2000,
        .note = e->note,
    };
    for (uint32_t f = AMOUNT; f <= NOTE; f++)
        if (draw(5) == 0)
            e->row.nulls |= 1u << f;
    int64_t last = floor_to(e->row.ts, s->offset, s->slide);
    bool lost = e->row.ts >= last + s->size;
    bool is_late = (lost ? e->row.ts : last + s->size - 1) <= watermark, in_gap = lost && !is_late;
    e->counted = !in_gap && !is_late;
    *gap += in_gap;
    *late += is_late;
    return e;
}

static void run_model(const struct setting *s)
{
    int64_t now = -200, watermark = INT64_MIN;
    uint64_t late = 0, gap = 0;
    window(s->size, s->slide, s->offset);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_SUM, AMOUNT);
    use_aggregate(TM_AGGREGATE_SUM, CENTS);
    use_aggregate(TM_AGGREGATE_AVG, CENTS);
    use_aggregate(TM_AGGREGATE_MIN, BIG);
    use_aggregate(TM_AGGREGATE_MAX, BIG);
    use_aggregate(TM_AGGREGATE_SUM, PRICE);
    use_aggregate(TM_AGGREGATE_AVG, PRICE);
    use_aggregate(TM_AGGREGATE_MIN, NOTE);
    use_aggregate(TM_AGGREGATE_FIRST, NOTE);
    use_aggregate(TM_AGGREGATE_LAST, NOTE);
    open_window();
    event_count = 0;
    while (event_count < EVENTS) {
        struct row rows[400];
        uint32_t n = (uint32_t)draw(400);
        n = n < EVENTS - event_count ? n : EVENTS - event_count;
        for (uint32_t i = 0; i < n; i++) {
            now += (int64_t)draw(3) == 0;
            rows[i] = new_event(s, now, watermark, &late, &gap)->row;
        }
        ck_assert_int_eq(feed_rows(rows, n, NULL), 0);
        int64_t next = event_count == EVENTS ? INT64_MAX : now - (int64_t)draw(150);
        if (next <= watermark)
            continue;
        lines_clear();
        feed_watermark(next, lines_take);
        check_firing(s, watermark, next);
        watermark = next;
    }
    ck_assert_uint_eq(world.metrics.late, late);
    ck_assert_uint_eq(world.metrics.filtered, gap);
    ck_assert_int_eq(world.failures, 0);
    teardown();
}

START_TEST(random_streams_agree_with_the_definition)
{
    static const struct setting settings[] = {
        {50, 50, 0}, {50, 50, -13}, {60, 20, 0},    {70, 30, 7},
        {20, 50, 3}, {64, 1, 0},    {100, 60, -59},
    };
    seed_from("windows");
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        run_model(&settings[i]);
}
END_TEST

START_TEST(memory_does_not_grow_with_the_number_of_windows)
{
    window(10, 10, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_LAST, NOTE);
    open_window();
    int64_t settled = 0;
    for (int64_t w = 0; w < 300; w++) {
        struct row rows[200];
        char names[200][24];
        for (int i = 0; i < 200; i++) {
            snprintf(names[i], sizeof names[i], "%lld", (long long)(w * 100 + i));
            rows[i] = (struct row){.user = names[i], .ts = w * 10 + i % 10, .note = names[i]};
        }
        ck_assert_int_eq(feed_rows(rows, 200, NULL), 0);
        feed_watermark(w * 10 + 5, NULL);
        if (w == 20)
            settled = world.mem.used_bytes;
    }
    ck_assert_int_le(world.mem.used_bytes, settled + settled / 4);
    teardown();
}
END_TEST

START_TEST(a_wrong_size_is_refused_with_a_message)
{
    window(0, 10, 0);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    ck_assert_int_eq(try_open_keyed(tm_operator_window_new), TM_E_ARGUMENT);
    teardown();
}
END_TEST

START_TEST(an_aggregate_of_a_type_it_does_not_take_is_refused_with_a_message)
{
    window(10, 10, 0);
    use_aggregate(TM_AGGREGATE_SUM, NOTE);
    ck_assert_int_eq(try_open_keyed(tm_operator_window_new), TM_E_TYPE);
    ck_assert_ptr_nonnull(strstr(world.err.message, "string"));
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("window");
    tcase_add_test(tc, a_window_fires_when_the_watermark_reaches_its_last_millisecond);
    tcase_add_test(tc, windows_before_1970_and_with_offsets_have_the_bounds_of_the_rules);
    tcase_add_test(tc, the_time_may_be_the_first_column);
    tcase_add_test(tc, a_row_is_late_once_its_window_has_fired_and_not_before);
    tcase_add_test(tc, a_row_without_time_or_with_an_impossible_one_is_an_error_of_that_row);
    tcase_add_test(tc, a_failing_row_ends_the_job_when_the_task_says_so);
    tcase_add_test(tc, results_larger_than_a_batch_come_in_several_before_the_watermark);
    tcase_add_test(tc, a_result_carries_the_read_time_of_the_watermark_that_fired_it);
    tcase_add_test(tc, a_stopped_job_fires_nothing);
    tcase_add_test(tc, a_sum_that_overflows_is_an_error_of_the_row_that_does_it);
    tcase_add_test(tc, a_row_counts_in_every_sliding_window_that_covers_it);
    tcase_add_test(tc, a_row_between_windows_is_filtered_or_behind_the_watermark_late);
    tcase_add_test(tc, a_window_that_ended_before_the_first_row_came_does_not_fire_for_it);
    tcase_add_test(tc, an_overflow_across_slices_is_an_error_of_that_result_alone);
    tcase_add_test(tc, random_streams_agree_with_the_definition);
    tcase_add_test(tc, memory_does_not_grow_with_the_number_of_windows);
    tcase_add_test(tc, a_wrong_size_is_refused_with_a_message);
    tcase_add_test(tc, an_aggregate_of_a_type_it_does_not_take_is_refused_with_a_message);
    return run_operator_case(tc, "window");
}
