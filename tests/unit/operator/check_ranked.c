// top, min_by, max_by: against a sorted list; changes that rebuild the ranking; ties, types,
// places.
#include "support.h"

static void teardown(void)
{
    lines_clear();
    check_account();
    world_free();
}

static void ranked(uint8_t kind, uint32_t field, bool descending, uint32_t limit, bool emit_final)
{
    world_new(kind, 128);
    use_key(USER);
    world.node.field = (int32_t)field;
    world.node.descending = descending;
    world.node.limit = limit;
    world.node.rank_field = -1;
    world.node.emit_final = emit_final;
}

// Output columns: the input's, then the place and the time where they are asked for.
static void open_ranked(bool place, bool time)
{
    struct tm_field_def defs[FIELDS + 2];
    uint32_t count = FIELDS;
    memcpy(defs, input_fields, sizeof input_fields);
    if (place) {
        world.node.rank_field = (int32_t)count;
        defs[count++] = (struct tm_field_def){"place", {TM_TYPE_INT, 0, 0, 0}, 0};
    }
    if (time)
        defs[count++] =
            (struct tm_field_def){"$time", {TM_TYPE_TIMESTAMP, 0, 0, 0}, TM_FIELD_HIDDEN};
    struct tm_schema *output = make_schema(defs, count, time ? (int32_t)count - 1 : -1);
    if (world.node.kind == TM_NODE_TOP && !world.node.emit_final)
        tm_schema_set_changelog(output);
    open_with(tm_operator_ranked_new, output);
}

START_TEST(max_by_gives_the_whole_row_that_is_first_and_the_time_of_the_input_row)
{
    ranked(TM_NODE_EXTREME, CENTS, true, 1, false);
    open_ranked(false, true);
    struct row rows[] = {
        {.user = "a", .cents = 5, .ts = 10, .note = "first"},
        {.user = "a", .cents = 5, .ts = 11, .note = "equal"},
        {.user = "b", .cents = -1, .ts = 12, .note = "other key"},
        {.user = "a", .cents = 9, .ts = 13, .note = "larger"},
        {.user = "a", .cents = 99, .ts = 14, .nulls = 1u << CENTS},
        {.user = "a", .cents = 1, .ts = 15, .note = "smaller"},
    };
    ck_assert_int_eq(feed_rows(rows, 6, lines_take), 0);
    expect_line(0, "a|0|10|0|5|0|0E-2|first|0|10");
    expect_line(1, "a|0|10|0|5|0|0E-2|first|0|11");
    expect_line(2, "b|0|12|0|-1|0|0E-2|other key|0|12");
    expect_line(3, "a|0|13|0|9|0|0E-2|larger|0|13");
    expect_line(4, "a|0|13|0|9|0|0E-2|larger|0|15");
    expect_lines(5);
    ck_assert_uint_eq(world.metrics.filtered, 1);
    ck_assert_uint_eq(world.metrics.used, 5);
    teardown();
}
END_TEST

START_TEST(min_by_at_the_end_of_input_gives_a_row_per_key_and_none_when_the_job_was_stopped)
{
    for (int stop = 0; stop < 2; stop++) {
        ranked(TM_NODE_EXTREME, NOTE, false, 1, true);
        open_ranked(false, false);
        struct row rows[] = {
            {.user = "a", .note = "b", .cents = 1},
            {.user = "a", .note = "ab", .cents = 2},
            {.user = "a", .note = "ab", .cents = 3},
        };
        ck_assert_int_eq(feed_rows(rows, 3, lines_take), 0);
        expect_lines(0);
        feed_end(stop ? TM_END_STOP : TM_END_DRAIN, lines_take);
        if (!stop)
            expect_line(0, "a|0|0|0|2|0|0E-2|ab|0");
        expect_lines(stop ? 1 : 2);
        teardown();
    }
}
END_TEST

START_TEST(top_tells_who_falls_out_and_who_comes_in)
{
    ranked(TM_NODE_TOP, CENTS, true, 2, false);
    open_ranked(false, false);
    struct row rows[] = {
        {.user = "a", .item = 1, .cents = 5}, {.user = "a", .item = 2, .cents = 7},
        {.user = "a", .item = 3, .cents = 5}, {.user = "a", .item = 4, .cents = 6},
        {.user = "a", .item = 5, .cents = 9},
    };
    ck_assert_int_eq(feed_rows(rows, 5, lines_take), 0);
    expect_line(0, "+I a|1|0|0|5|0|0E-2||0");
    expect_line(1, "+I a|2|0|0|7|0|0E-2||0");
    expect_line(2, "-D a|1|0|0|5|0|0E-2||0"); // the third came later than its equal
    expect_line(3, "+I a|4|0|0|6|0|0E-2||0");
    expect_line(4, "-D a|4|0|0|6|0|0E-2||0");
    expect_line(5, "+I a|5|0|0|9|0|0E-2||0");
    expect_lines(6);
    teardown();
}
END_TEST

START_TEST(with_places_every_place_that_has_another_row_is_told)
{
    ranked(TM_NODE_TOP, CENTS, false, 3, false);
    open_ranked(true, false);
    struct row rows[] = {
        {.user = "a", .item = 1, .cents = 5},
        {.user = "a", .item = 2, .cents = 3},
        {.user = "a", .item = 3, .cents = 4},
        {.user = "a", .item = 4, .cents = 1},
    };
    static const char *const wanted[] = {
        "+I a|1|0|0|5|0|0E-2||0|1", "-U a|1|0|0|5|0|0E-2||0|1", "+U a|2|0|0|3|0|0E-2||0|1",
        "+I a|1|0|0|5|0|0E-2||0|2", "-U a|1|0|0|5|0|0E-2||0|2", "+U a|3|0|0|4|0|0E-2||0|2",
        "+I a|1|0|0|5|0|0E-2||0|3", "-U a|2|0|0|3|0|0E-2||0|1", "+U a|4|0|0|1|0|0E-2||0|1",
        "-U a|3|0|0|4|0|0E-2||0|2", "+U a|2|0|0|3|0|0E-2||0|2", "-U a|1|0|0|5|0|0E-2||0|3",
        "+U a|3|0|0|4|0|0E-2||0|3",
    };
    ck_assert_int_eq(feed_rows(rows, 4, lines_take), 0);
    for (uint32_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        expect_line(i, wanted[i]);
    expect_lines(sizeof wanted / sizeof wanted[0]);
    teardown();
}
END_TEST

START_TEST(nan_is_above_all_doubles_and_zeros_are_equal)
{
    ranked(TM_NODE_TOP, AMOUNT, true, 10, true);
    open_ranked(true, false);
    struct row rows[] = {
        {.user = "a", .item = 1, .amount = -0.0},
        {.user = "a", .item = 2, .amount = __builtin_nan("")},
        {.user = "a", .item = 3, .amount = 0.0},
        {.user = "a", .item = 4, .amount = -__builtin_inf()},
        {.user = "a", .item = 5, .amount = __builtin_inf()},
        {.user = "a", .item = 6, .amount = -__builtin_nan("")},
    };
    static const int wanted[] = {2, 6, 5, 1, 3, 4};
    ck_assert_int_eq(feed_rows(rows, 6, NULL), 0);
    feed_end(TM_END_DRAIN, lines_take);
    expect_lines(7);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(lines[i][2] - '0', wanted[i]);
    teardown();
}
END_TEST

// --- against a sorted list -----------------------------------------------------------------------

enum { USERS = 5, STEPS = 6000, KEPT = 40 };

struct model {
    struct row rows[STEPS];
    uint32_t count;
};

static int order_of(uint32_t field, const struct row *a, const struct row *b)
{
    if (field == NOTE)
        return strcmp(a->note, b->note);
    return (a->cents > b->cents) - (a->cents < b->cents);
}

static void model_add(struct model *model, uint32_t field, bool descending, const struct row *row)
{
    uint32_t place = model->count;
    while (place > 0) {
        int order = order_of(field, row, &model->rows[place - 1]);
        if ((descending ? -order : order) >= 0)
            break;
        place--;
    }
    memmove(model->rows + place + 1, model->rows + place,
            (model->count - place) * sizeof *model->rows);
    model->rows[place] = *row;
    model->count++;
}

// What a reader of the changes has: rows by user, and by place where there are places.
static struct {
    char rows[USERS][KEPT + 1][96];
    uint32_t count[USERS];
    bool places;
} reader;

static void reader_apply(const char *line)
{
    const char *text = line + 3;
    uint32_t user = (uint32_t)(text[0] - 'a'), i = 0;
    if (reader.places) {
        i = (uint32_t)atoi(strrchr(text, '|') + 1) - 1;
        ck_assert_uint_lt(i, KEPT);
        if (line[0] == '-') { // what is taken back was there
            ck_assert_str_eq(reader.rows[user][i], text);
            return;
        }
        if (line[1] == 'I')
            ck_assert_uint_eq(i, reader.count[user]++);
        strcpy(reader.rows[user][i], text);
        return;
    }
    if (line[0] == '+') {
        strcpy(reader.rows[user][reader.count[user]++], text);
        return;
    }
    while (i < reader.count[user] && strcmp(reader.rows[user][i], text) != 0)
        i++;
    ck_assert_uint_lt(i, reader.count[user]);
    memmove(reader.rows[user][i], reader.rows[user][--reader.count[user]], 96);
}

static void expect_ranking(const struct model *model, uint32_t user, uint32_t limit)
{
    uint32_t count = model->count < limit ? model->count : limit;
    ck_assert_uint_eq(reader.count[user], count);
    for (uint32_t place = 0; place < count; place++) {
        char wanted[96];
        const struct row *row = &model->rows[place];
        int n = snprintf(wanted, sizeof wanted, "%s|%lld|0|0|%lld|0|0E-2|%s|0", row->user,
                         (long long)row->item, (long long)row->cents, row->note);
        if (reader.places) {
            snprintf(wanted + n, sizeof wanted - (size_t)n, "|%u", place + 1);
            ck_assert_str_eq(reader.rows[user][place], wanted);
            continue;
        }
        uint32_t i = 0;
        while (i < count && strcmp(reader.rows[user][i], wanted) != 0)
            i++;
        ck_assert_uint_lt(i, count);
    }
}

static void compare(uint32_t field, bool descending, uint32_t limit, bool places)
{
    static const char *const users[USERS] = {"a", "b", "c", "d", "e"};
    static const char *const notes[] = {"", "x", "xy", "a note longer than eight bytes", "y"};
    static struct model models[USERS];
    memset(models, 0, sizeof models);
    memset(&reader, 0, sizeof reader);
    reader.places = places;
    ranked(TM_NODE_TOP, field, descending, limit, false);
    open_ranked(places, false);
    for (int64_t item = 0; item < STEPS;) {
        struct row rows[300];
        uint32_t count = 1 + (uint32_t)draw(300);
        for (uint32_t i = 0; i < count; i++) {
            uint64_t user = draw(USERS);
            rows[i] = (struct row){.user = users[user],
                                   .item = item++,
                                   .cents = (int64_t)draw(100),
                                   .note = notes[draw(5)]};
            if (item <= STEPS)
                model_add(&models[user], field, descending, &rows[i]);
            else
                count = i;
        }
        ck_assert_int_eq(feed_rows(rows, count, lines_take), 0);
        for (uint32_t i = 0; i < line_count; i++)
            reader_apply(lines[i]);
        lines_clear();
        for (uint32_t user = 0; user < USERS; user++)
            expect_ranking(&models[user], user, limit);
    }
    teardown();
}

START_TEST(whoever_applies_the_changes_has_the_ranking_after_every_batch)
{
    seed_from("whoever_applies_the_changes_has_the_ranking_after_every_batch");
    compare(CENTS, true, 1, false);
    compare(CENTS, true, 3, false);
    compare(CENTS, false, KEPT, false);
    compare(NOTE, true, 8, true);
    compare(NOTE, false, 9, true);
    compare(CENTS, true, KEPT, true);
}
END_TEST

START_TEST(a_change_of_many_places_goes_on_where_the_output_was_full)
{
    enum { MANY = 5000 };
    ranked(TM_NODE_TOP, CENTS, true, TM_RANKING_MAX, false);
    open_ranked(true, false);
    static struct row rows[500];
    for (int64_t from = 0; from < MANY; from += 500) {
        for (int64_t i = 0; i < 500; i++)
            rows[i] = (struct row){.user = "a", .item = from + i, .cents = -(from + i)};
        ck_assert_int_eq(feed_rows(rows, 500, NULL), 0);
    }
    uint64_t before = world.metrics.rows_out;
    ck_assert_uint_eq(before, MANY); // each came in at the end
    rows[0] = (struct row){.user = "a", .item = MANY, .cents = 1};
    ck_assert_int_eq(feed_rows(rows, 1, lines_take), 0);
    expect_lines(2 * MANY + 1);
    for (uint32_t i = 0; i < MANY; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "-U a|%u|0|0|%d|0|0E-2||0|%u", i, -(int)i, i + 1);
        expect_line(2 * i, wanted);
    }
    teardown();
}
END_TEST

START_TEST(evicted_rows_leave_no_memory_behind)
{
    ranked(TM_NODE_TOP, CENTS, true, 12, false);
    open_ranked(false, false);
    int64_t early = 0;
    for (int64_t i = 0; i < 20000; i++) {
        struct row row = {
            .user = "a", .cents = i, .note = i % 2 ? "a note that is somewhat longer" : "short"};
        ck_assert_int_eq(feed_rows(&row, 1, NULL), 0);
        if (i == 10000) // when the state has begun to remember where it found entries
            early = atomic_load(&world.mem.used_bytes);
    }
    ck_assert_int_le(atomic_load(&world.mem.used_bytes), early + 4096);
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("ranked");
    tcase_add_test(tc, max_by_gives_the_whole_row_that_is_first_and_the_time_of_the_input_row);
    tcase_add_test(
        tc, min_by_at_the_end_of_input_gives_a_row_per_key_and_none_when_the_job_was_stopped);
    tcase_add_test(tc, top_tells_who_falls_out_and_who_comes_in);
    tcase_add_test(tc, with_places_every_place_that_has_another_row_is_told);
    tcase_add_test(tc, nan_is_above_all_doubles_and_zeros_are_equal);
    tcase_add_test(tc, whoever_applies_the_changes_has_the_ranking_after_every_batch);
    tcase_add_test(tc, a_change_of_many_places_goes_on_where_the_output_was_full);
    tcase_add_test(tc, evicted_rows_leave_no_memory_behind);
    return run_operator_case(tc, "ranked");
}
