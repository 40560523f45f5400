// Windows that overlap, made of what enters and leaves: every result is what one window of the same
// rows alone gives, and a window without rows gives nothing, whatever was added before and taken
// away. For all aggregates; with rows that come when their slice has entered, gaps, jumps.
#include "support.h"

#include <math.h>

#include "core/operator/window.h"

enum { EVENTS = 2500, USERS = 12 };

struct setting {
    enum tm_window_kind kind;
    int64_t size, slide, offset;
};

static void teardown(void)
{
    lines_clear();
    check_account();
    world_free();
}

// --- operators -----------------------------------------------------------------------------------

static void use_numbers(void)
{
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_SUM, AMOUNT);
    use_aggregate(TM_AGGREGATE_SUM, CENTS);
    use_aggregate(TM_AGGREGATE_SUM, BIG);
    use_aggregate(TM_AGGREGATE_SUM, PRICE);
    use_aggregate(TM_AGGREGATE_AVG, AMOUNT);
    use_aggregate(TM_AGGREGATE_AVG, CENTS);
    use_aggregate(TM_AGGREGATE_AVG, PRICE);
    use_aggregate(TM_AGGREGATE_MIN, AMOUNT);
    use_aggregate(TM_AGGREGATE_MAX, PRICE);
    use_aggregate(TM_AGGREGATE_FIRST, BIG);
    use_aggregate(TM_AGGREGATE_LAST, PRICE);
    use_aggregate(TM_AGGREGATE_VARIANCE, AMOUNT);
    use_aggregate(TM_AGGREGATE_STDDEV_POPULATION, CENTS);
}

static void use_two(void)
{
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_SUM, AMOUNT);
}

static void use_spread(void)
{
    use_aggregate(TM_AGGREGATE_VARIANCE_POPULATION, CENTS);
}

static void use_texts(void)
{
    use_aggregate(TM_AGGREGATE_MIN, NOTE);
    use_aggregate(TM_AGGREGATE_MAX, NOTE);
    use_aggregate(TM_AGGREGATE_FIRST, NOTE);
    use_aggregate(TM_AGGREGATE_LAST, NOTE);
    use_aggregate_by(TM_AGGREGATE_MIN_BY, NOTE, CENTS);
    use_aggregate_by(TM_AGGREGATE_MAX_BY, AMOUNT, BIG);
}

static void use_sets(void)
{
    use_aggregate(TM_AGGREGATE_COUNT_DISTINCT, CENTS);
    use_aggregate(TM_AGGREGATE_COUNT_DISTINCT, NOTE);
    use_aggregate(TM_AGGREGATE_APPROXIMATE_DISTINCT, NOTE);
    use_quantile(AMOUNT, 0.5);
    use_quantile(CENTS, 0.9);
}

static void use_lists(void)
{
    use_aggregate(TM_AGGREGATE_LIST, CENTS);
    use_aggregate(TM_AGGREGATE_LIST, NOTE);
    use_aggregate(TM_AGGREGATE_LIST, NOTE);
    world.aggregates[2].limit = 3;
    use_aggregate(TM_AGGREGATE_COUNT, -1);
}

static void (*const mixes[])(void) = {use_two, use_numbers, use_texts, use_sets, use_lists};

static struct tm_type type_of(const struct tm_aggregate *a)
{
    struct tm_type type;
    struct tm_error err;
    if (a->kind != TM_AGGREGATE_LIST)
        return result_type(a->kind, a->input_field);
    ck_assert_int_eq(tm_type_parse(&world.mem,
                                   a->input_field == NOTE ? "list(string)" : "list(int)", &type,
                                   &err),
                     0);
    return type;
}

static void open_mix(const struct setting *s, void (*use)(void))
{
    static char names[32][16];
    struct tm_field_def defs[40];
    uint32_t n = 0;
    world_new(TM_NODE_WINDOW, 128);
    world.node.window = (uint8_t)s->kind;
    world.node.size_ms = s->size;
    world.node.slide_ms = s->slide;
    world.node.offset_ms = s->offset;
    use_key(USER);
    use();
    defs[n++] = input_fields[USER];
    defs[n++] = (struct tm_field_def){"window_start", {TM_TYPE_TIMESTAMP, 0, 0, 0}, 0};
    defs[n++] = (struct tm_field_def){"window_end", {TM_TYPE_TIMESTAMP, 0, 0, 0}, 0};
    for (uint32_t i = 0; i < world.node.aggregate_count; i++) {
        snprintf(names[i], sizeof names[i], "a%u", i);
        world.aggregates[i].output_field = n;
        defs[n++] = (struct tm_field_def){names[i], type_of(&world.aggregates[i]), 0};
    }
    struct tm_schema *output = make_schema(defs, n, -1);
    for (uint32_t i = 0; i < n; i++)
        if (tm_type_is_nested(defs[i].type))
            tm_type_fini(&defs[i].type);
    open_with(tm_operator_window_new, output);
}

// --- rows as text --------------------------------------------------------------------------------

static int64_t shown_start, shown_end; // instead of the row's own, unless they are equal

static void put_text(const struct tm_schema *schema, const struct tm_row *row, char *text,
                     size_t size)
{
    size_t at = 0;
    for (uint32_t f = 0; f < schema->field_count && at < size; f++) {
        const struct tm_field *field = &schema->fields[f];
        int64_t x = tm_row_int(row, field->offset);
        if (shown_start != shown_end && (f == 1 || f == 2))
            x = f == 1 ? shown_start : shown_end;
        if (tm_row_is_null(row, f)) {
            at += (size_t)snprintf(text + at, size - at, "|null");
        } else if (tm_type_is_reference(field->type)) {
            uint32_t length;
            const char *bytes = tm_row_string(row, field->offset, &length);
            uint64_t digest = tm_hash_bytes(bytes, length);
            if (tm_type_is_nested(field->type))
                at += (size_t)snprintf(text + at, size - at, "|%llx of %u",
                                       (unsigned long long)digest, length);
            else
                at += (size_t)snprintf(text + at, size - at, "|%.*s", (int)length, bytes);
        } else if (field->type.kind == TM_TYPE_DOUBLE) {
            at +=
                (size_t)snprintf(text + at, size - at, "|%.17g", tm_row_double(row, field->offset));
        } else if (field->type.kind == TM_TYPE_DECIMAL) {
            at +=
                (size_t)snprintf(text + at, size - at, "|%lldE-%d",
                                 (long long)tm_row_decimal(row, field->offset), field->type.scale);
        } else {
            at += (size_t)snprintf(text + at, size - at, "|%lld", (long long)x);
        }
    }
}

static void take_text(const struct tm_element *element)
{
    char text[1024];
    if (element->kind != TM_ELEMENT_BATCH)
        return;
    TM_BATCH_EACH(element->batch, row)
    {
        put_text(element->batch->schema, row, text, sizeof text);
        lines_add(text);
    }
}

// --- events --------------------------------------------------------------------------------------

static struct event {
    struct row row;
    char user[8], note[48];
    bool counted; // neither late nor in a gap
} events[EVENTS];
static uint32_t event_count;

static int64_t floor_to(int64_t t, int64_t offset, int64_t step)
{
    int64_t d = t - offset;
    return offset + (d >= 0 ? d / step : -((-d + step - 1) / step)) * step;
}

static const struct row *new_event(const struct setting *s, int64_t now, int64_t watermark)
{
    struct event *e = &events[event_count++];
    memset(e, 0, sizeof *e);
    snprintf(e->user, sizeof e->user, "u%u", (unsigned)draw(1 + draw(USERS)));
    snprintf(e->note, sizeof e->note, "n%u%s", (unsigned)draw(60),
             draw(3) == 0 ? ", a text that is too long for most" : "");
    e->row = (struct row){
        .user = e->user,
        .ts = now - (int64_t)draw(120),
        .amount = (double)((int64_t)draw(1000) - 500) / 4,
        .cents = (int64_t)draw(100) - 30,
        .big = (int64_t)draw(100000) - 50000,
        .price = (int64_t)draw(10000) - 2000,
        .note = e->note,
    };
    for (uint32_t f = AMOUNT; f <= NOTE; f++)
        if (draw(5) == 0)
            e->row.nulls |= 1u << f;
    int64_t period = s->kind == TM_WINDOW_CUMULATE ? s->size : s->slide;
    int64_t last = floor_to(e->row.ts, s->offset, period);
    e->counted = e->row.ts < last + s->size && last + s->size - 1 > watermark;
    return &e->row;
}

// --- what is expected ----------------------------------------------------------------------------

// The rows of the window in a window of their own; how many lines that gave.
static uint32_t tell_window(int64_t start, int64_t end)
{
    struct tm_operator *op = world.op;
    const struct tm_node *node = op->node;
    struct tm_node alone = *node;
    struct tm_node_metrics metrics = {0};
    struct row rows[256];
    uint32_t count = 0, before = line_count, i = 0;
    for (; i < event_count; i++)
        count += events[i].counted && events[i].row.ts >= start && events[i].row.ts < end;
    if (count == 0)
        return 0;
    alone.window = TM_WINDOW_SLIDING;
    alone.size_ms = alone.slide_ms = (int64_t)1 << 50;
    alone.offset_ms = -((int64_t)1 << 49);
    ck_assert_int_eq(tm_operator_window_new(&world.ctx, &alone, &world.op, &world.err), 0);
    world.op->metrics = &metrics;
    ck_assert_int_eq(world.op->ops->open(world.op, world.input, &world.err), 0);
    for (i = count = 0; i < event_count; i++) {
        if (events[i].counted && events[i].row.ts >= start && events[i].row.ts < end)
            rows[count++] = events[i].row;
        if (count == 256 || (i + 1 == event_count && count != 0)) {
            ck_assert_int_eq(feed_rows(rows, count, NULL), 0);
            count = 0;
        }
    }
    shown_start = start;
    shown_end = end;
    feed_watermark(INT64_MAX, take_text);
    shown_start = shown_end = 0;
    world.op->ops->free(world.op);
    world.op = op;
    return line_count - before;
}

// The windows that end in (previous, watermark], in the order of their ends.
static void tell_windows(const struct setting *s, int64_t previous, int64_t watermark)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (uint32_t i = 0; i < event_count; i++) {
        if (!events[i].counted)
            continue;
        low = events[i].row.ts < low ? events[i].row.ts : low;
        high = events[i].row.ts > high ? events[i].row.ts : high;
    }
    if (low > high)
        return;
    bool grows = s->kind == TM_WINDOW_CUMULATE;
    int64_t grid = grows ? s->offset : s->offset + s->size;
    int64_t end = floor_to(previous == INT64_MIN ? low : previous + 1, grid, s->slide);
    for (; end <= high + s->size && end - 1 <= watermark; end += s->slide)
        if (end - 1 > previous)
            tell_window(grows ? floor_to(end - 1, s->offset, s->size) : end - s->size, end);
}

// Equal, numbers within 1e-9: sums of doubles are made in another order.
static void expect_alike(const char *actual, const char *expected)
{
    const char *a = actual, *b = expected;
    while (*a != 0 && *b != 0) {
        size_t m = strcspn(a + 1, "|") + 1, n = strcspn(b + 1, "|") + 1;
        if (m != n || memcmp(a, b, m) != 0) {
            char *a_end, *b_end;
            double x = strtod(a + 1, &a_end), y = strtod(b + 1, &b_end);
            double within = 1e-9 * (fabs(y) > 1 ? fabs(y) : 1);
            if (a_end != a + m || b_end != b + n || !(fabs(x - y) <= within))
                break;
        }
        a += m;
        b += n;
    }
    if (*a != 0 || *b != 0)
        ck_assert_str_eq(actual, expected);
}

static void expect_same(char **actual, uint32_t count)
{
    ck_assert_uint_eq(count, line_count);
    for (uint32_t i = 0; i < count; i++) {
        expect_alike(actual[i], lines[i]);
        free(actual[i]);
    }
}

static void run_model(const struct setting *s, void (*use)(void))
{
    static char *actual[sizeof lines / sizeof lines[0]];
    int64_t now = -200, watermark = INT64_MIN;
    open_mix(s, use);
    event_count = 0;
    while (event_count < EVENTS) {
        struct row rows[200];
        uint32_t n = (uint32_t)draw(200), left = EVENTS - event_count;
        n = n < left ? n : left;
        if (draw(6) == 0)
            now += (int64_t)draw(700); // nothing for a while
        for (uint32_t i = 0; i < n; i++) {
            now += (int64_t)draw(3) == 0;
            rows[i] = *new_event(s, now, watermark);
        }
        ck_assert_int_eq(feed_rows(rows, n, NULL), 0);
        int64_t next = event_count == EVENTS ? INT64_MAX : now - (int64_t)draw(150);
        if (next <= watermark || draw(4) == 0)
            continue;
        lines_clear();
        feed_watermark(next, take_text);
        uint32_t count = line_count;
        memcpy(actual, lines, count * sizeof *lines);
        line_count = 0;
        tell_windows(s, watermark, next);
        expect_same(actual, count);
        watermark = next;
    }
    ck_assert_int_eq(world.failures, 0);
    teardown();
}

START_TEST(a_window_tells_what_its_rows_alone_tell)
{
    static const struct setting settings[] = {
        {TM_WINDOW_SLIDING, 60, 20, 0},    {TM_WINDOW_SLIDING, 70, 30, 7},
        {TM_WINDOW_SLIDING, 64, 1, 0},     {TM_WINDOW_SLIDING, 300, 10, -3},
        {TM_WINDOW_SLIDING, 100, 60, -59}, {TM_WINDOW_SLIDING, 20, 50, 3},
        {TM_WINDOW_CUMULATE, 80, 8, 5},    {TM_WINDOW_CUMULATE, 200, 100, 0},
    };
    ck_assert_ptr_ne(mixes[_i], NULL);
    seed_from("running");
    for (int i = 0; i < _i; i++)
        draw(2);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        run_model(&settings[i], mixes[_i]);
}
END_TEST

// --- single facts --------------------------------------------------------------------------------

static void rows_of(const char *user, const int64_t *times, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct row row = {.user = user, .ts = times[i], .amount = 1};
        ck_assert_int_eq(feed_rows(&row, 1, NULL), 0);
    }
}
#define ROWS_OF(user, ...) \
    rows_of(user, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / 8)

START_TEST(stretches_without_rows_are_passed_over)
{
    struct setting s = {TM_WINDOW_SLIDING, 600000, 1000, 0};
    const int64_t year = 31536000000;
    open_mix(&s, use_two);
    for (int64_t y = 0; y < 200; y++) { // six thousand million windows
        ROWS_OF("a", y * year + 5000, y * year + 999);
        feed_watermark(y * year + 700000, take_text);
        feed_watermark((y + 1) * year - 1, take_text);
    }
    expect_lines(200 * 605);
    expect_line(0, "|a|-599000|1000|1|1");
    expect_line(5, "|a|-594000|6000|2|2");
    expect_line(604, "|a|5000|605000|1|1");
    teardown();
}
END_TEST

START_TEST(keys_that_are_gone_leave_nothing_behind)
{
    for (size_t m = 0; m < sizeof mixes / sizeof mixes[0]; m++) {
        struct setting s = {m % 2 ? TM_WINDOW_SLIDING : TM_WINDOW_CUMULATE, 50, 10, 0};
        int64_t settled = 0;
        open_mix(&s, mixes[m]);
        for (int64_t w = 0; w < 400; w++) {
            struct row rows[100];
            char names[100][24];
            for (int i = 0; i < 100; i++) { // of each three slices, then never again
                snprintf(names[i], sizeof names[i], "%lld", (long long)(w * 100 + i) / 300);
                rows[i] = (struct row){.user = names[i], .ts = w * 10 + i % 10, .note = names[i]};
            }
            ck_assert_int_eq(feed_rows(rows, 100, NULL), 0);
            feed_watermark(w * 10 + 5, NULL);
            if (w == 200) // every key group has been met
                settled = world.mem.used_bytes;
        }
        ck_assert_int_le(world.mem.used_bytes, settled + settled / 4);
        feed_watermark(1000000, NULL);
        const struct tm__operator_window *self = (struct tm__operator_window *)world.op;
        ck_assert_uint_eq(tm_state_namespace_size(self->running.ns), 0);
        teardown();
    }
}
END_TEST

START_TEST(an_overflow_on_the_way_is_none_where_the_sum_fits)
{
    static const int64_t big[] = {1, 2, -INT64_MAX, 0, INT64_MAX, 1, 5};
    world_new(TM_NODE_WINDOW, 128);
    world.node.size_ms = 40;
    world.node.slide_ms = 10;
    use_key(USER);
    use_aggregate(TM_AGGREGATE_SUM, BIG);
    open_keyed(tm_operator_window_new);
    for (int i = 0; i < 7; i++) {
        struct row row = {.user = "a", .ts = 10 * i, .big = big[i]};
        ck_assert_int_eq(feed_rows(&row, 1, NULL), 0);
    }
    feed_watermark(69, take_text);
    // 20 .. 60: what came in last overflows, and all of it does not.
    expect_line(3, "|a|0|40|-9223372036854775804|39");
    expect_line(4, "|a|10|50|2|49");
    expect_line(5, "|a|20|60|1|59");
    ck_assert_int_eq(world.failures, 1);
    ck_assert_ptr_nonnull(strstr(world.failure_text, "from 30 to 70"));
    expect_lines(6);
    teardown();
}
END_TEST

// Whatever the order of its slices, a window fails where its sum is out of range, and only there.
// Two sums that need different orders, with a list that takes all cells, and without.
START_TEST(a_sum_fails_exactly_where_all_of_it_is_out_of_range)
{
    enum { SLICES = 400, WINDOW = 7 };
    seed_from("sums of all");
    for (uint32_t with_list = 0; with_list < 2; with_list++) {
        uint32_t failed = 0, fitting = 0;
        __int128 big[SLICES + WINDOW] = {0}, cents[SLICES + WINDOW] = {0};
        world_new(TM_NODE_WINDOW, 128);
        world.node.size_ms = 10 * WINDOW;
        world.node.slide_ms = 10;
        use_key(USER);
        use_aggregate(TM_AGGREGATE_COUNT, -1);
        use_aggregate(TM_AGGREGATE_SUM, BIG);
        use_aggregate(TM_AGGREGATE_SUM, CENTS);
        if (with_list)
            use_aggregate(TM_AGGREGATE_COUNT_DISTINCT, CENTS);
        open_keyed(tm_operator_window_new);
        for (uint32_t i = 0; i < SLICES; i++) {
            static const int64_t signs[] = {-1, 1, 1, -1, 1, -1, -1, 0};
            big[i] = (__int128)signs[draw(8)] * (INT64_MAX - (int64_t)draw(3));
            cents[i] = (__int128)signs[draw(8)] * (TM_INT_MAX - (int64_t)draw(3));
            struct row row = {.user = "a",
                              .ts = 10 * (int64_t)i,
                              .big = (int64_t)big[i],
                              .cents = (int64_t)cents[i]};
            ck_assert_int_eq(feed_rows(&row, 1, NULL), 0);
            lines_clear();
            int before = world.failures;
            feed_watermark(10 * (int64_t)i + 9, take_text); // ends with this slice
            __int128 sum = 0, sum_of_cents = 0;
            for (uint32_t k = i < WINDOW ? 0 : i - WINDOW + 1; k <= i; k++) {
                sum += big[k];
                sum_of_cents += cents[k];
            }
            bool fits = sum <= INT64_MAX && sum >= INT64_MIN && sum_of_cents <= TM_INT_MAX &&
                        sum_of_cents >= -TM_INT_MAX;
            ck_assert_msg(world.failures - before == !fits, "slice %u, with list %u", i, with_list);
            failed += !fits;
            fitting += fits;
            if (!fits)
                continue;
            char text[100];
            snprintf(text, sizeof text, "|%lld|%lld|", (long long)sum, (long long)sum_of_cents);
            ck_assert_msg(strstr(lines[0], text) != NULL, "%s lacks %s", lines[0], text);
        }
        ck_assert_uint_gt(failed, 40);
        ck_assert_uint_gt(fitting, 40);
        teardown();
    }
}
END_TEST

// Where sets are kept the front has few sums of its end, and one of a window has three parts: what
// comes before the next such sum, that sum, and the back. Two of them may be out of range where all
// three are not.
START_TEST(a_sum_of_three_parts_fails_exactly_where_all_of_it_is_out_of_range)
{
    enum { WINDOW = 26, SLICES = 36 };
    uint32_t fitting = 0;
    for (uint32_t a = 0; a < 4; a++) {
        for (uint32_t b = a + 1; b < WINDOW; b++) {
            for (uint32_t c = WINDOW; c < WINDOW + 3; c++) {
                world_new(TM_NODE_WINDOW, 128);
                world.node.size_ms = 10 * WINDOW;
                world.node.slide_ms = 10;
                use_key(USER);
                use_aggregate(TM_AGGREGATE_COUNT, -1);
                use_aggregate(TM_AGGREGATE_SUM, BIG);
                use_aggregate(TM_AGGREGATE_COUNT_DISTINCT, CENTS);
                open_keyed(tm_operator_window_new);
                for (uint32_t i = 0; i < SLICES; i++) {
                    int64_t big = i == a || i == b ? INT64_MAX : i == c ? -INT64_MAX : 0;
                    struct row row = {.user = "a", .ts = 10 * (int64_t)i, .big = big};
                    ck_assert_int_eq(feed_rows(&row, 1, NULL), 0);
                    lines_clear();
                    int before = world.failures;
                    feed_watermark(10 * (int64_t)i + 9, take_text);
                    uint32_t first = i < WINDOW ? 0 : i - WINDOW + 1;
                    bool both = first <= a && b <= i, fits = !both || c <= i;
                    ck_assert_msg(world.failures - before == !fits, "%u, %u, %u: slice %u", a, b, c,
                                  i);
                    fitting += both && fits;
                    char text[100];
                    snprintf(text, sizeof text, "|%lld|", (long long)INT64_MAX);
                    if (both && fits)
                        ck_assert_msg(strstr(lines[0], text) != NULL, "%s lacks %s", lines[0],
                                      text);
                }
                teardown();
            }
        }
    }
    ck_assert_uint_gt(fitting, 100);
}
END_TEST

START_TEST(the_variance_of_times_is_of_their_distances)
{
    struct setting s = {TM_WINDOW_SLIDING, 50, 10, 0};
    open_mix(&s, use_spread);
    for (int i = 0; i < 5; i++) {
        struct row row = {.user = "a", .ts = 10 * i, .cents = 1700000000000003 + 7 * i};
        ck_assert_int_eq(feed_rows(&row, 1, NULL), 0);
    }
    feed_watermark(INT64_MAX, take_text);
    expect_alike(lines[4], "|a|0|50|98");
    expect_alike(lines[5], "|a|10|60|61.25");
    expect_alike(lines[7], "|a|30|80|12.25");
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("running");
    tcase_add_loop_test(tc, a_window_tells_what_its_rows_alone_tell, 0,
                        sizeof mixes / sizeof mixes[0]);
    tcase_add_test(tc, stretches_without_rows_are_passed_over);
    tcase_add_test(tc, keys_that_are_gone_leave_nothing_behind);
    tcase_add_test(tc, an_overflow_on_the_way_is_none_where_the_sum_fits);
    tcase_add_test(tc, a_sum_fails_exactly_where_all_of_it_is_out_of_range);
    tcase_add_test(tc, a_sum_of_three_parts_fails_exactly_where_all_of_it_is_out_of_range);
    tcase_add_test(tc, the_variance_of_times_is_of_their_distances);
    return run_operator_case(tc, "operator/running");
}
