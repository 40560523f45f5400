// Standard input as a source; standard output as JSON Lines, as a table, in pieces of whole lines.
#include "connectors/stdio/stdio.h"
#include "tests/unit/connector_file/support.h"

static struct tm_schema *schema;
static const char *input;  // what standard input gives
static size_t input_piece; // at a time
static int silent;         // waits that see nothing first

static int64_t read_input(void *ctx, int fd, void *buf, size_t len, struct tm_error *err)
{
    (void)ctx, (void)err;
    ck_assert_int_eq(fd, 0);
    size_t left = strlen(input), n = left < input_piece ? left : input_piece;
    ck_assert_uint_le(n, len);
    memcpy(buf, input, n);
    input += n;
    return (int64_t)n;
}

static int wait_input(void *ctx, int fd, int timeout_ms)
{
    (void)ctx, (void)fd;
    ck_assert_int_gt(timeout_ms, 0);
    return silent-- > 0 ? 0 : 1;
}

static void open_all(void)
{
    support_open();
    S.files.read = read_input;
    S.files.wait_readable = wait_input;
    schema = support_schema();
    silent = 0;
}

static void close_all(void)
{
    tm_schema_unref(schema);
    support_close();
}

START_TEST(standard_input_is_read_in_any_pieces)
{
    const char *text = "{\"id\":1}\n{\"id\":2}\nbroken\n{\"id\":3}";
    S.node.schema = tm_schema_ref(schema);
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct tm_source *source;
        struct tm_batch *batch;
        int64_t expected = 1;
        input = text;
        input_piece = piece;
        silent = 3;
        S.hold = true;
        S.failures.size_bytes = 0;
        ck_assert_int_eq(
            tm_connector_stdin.source_prepare(&S.fx, &S.mem, &S.node, 1, &S.shared, &S.err), 0);
        S.ctx[0].splits = tm_splits_new(&S.mem, 1);
        ck_assert_int_eq(
            tm_connector_stdin.source_new(&S.ctx[0], &S.node, S.shared, &source, &S.err), 0);
        source->metrics = &S.metrics;
        int rc;
        while ((rc = source->ops->read(source, &batch, &S.err)) != TM_READ_END) {
            if (rc == TM_READ_WAIT) {
                ck_assert(support_run());
                continue;
            }
            ck_assert_int_eq(rc, TM_READ_BATCH);
            TM_BATCH_EACH(batch, row)
            ck_assert_int_eq(tm_row_int(row, schema->fields[0].offset), expected++);
            tm_batch_release(batch);
        }
        ck_assert_int_eq(expected, 4);
        ck_assert_str_eq(support_text(&S.failures), "bad_json standard input:18:3 found 'b' where "
                                                    "an object should be (byte 0) [broken]\n");
        source->ops->free(source);
        tm_splits_free(S.ctx[0].splits);
        tm_connector_stdin.source_release(S.shared);
    }
}
END_TEST

START_TEST(a_source_that_waits_for_input_can_be_stopped)
{
    struct tm_source *source;
    struct tm_batch *batch;
    S.node.schema = tm_schema_ref(schema);
    silent = 1000000;
    S.hold = true;
    ck_assert_int_eq(
        tm_connector_stdin.source_prepare(&S.fx, &S.mem, &S.node, 1, &S.shared, &S.err), 0);
    S.ctx[0].splits = tm_splits_new(&S.mem, 1);
    ck_assert_int_eq(tm_connector_stdin.source_new(&S.ctx[0], &S.node, S.shared, &source, &S.err),
                     0);
    source->metrics = &S.metrics;
    ck_assert_int_eq(source->ops->read(source, &batch, &S.err), TM_READ_WAIT);
    source->ops->free(source); // joins the helper thread
    ck_assert_int_gt(silent, 999990);
    tm_splits_free(S.ctx[0].splits);
    tm_connector_stdin.source_release(S.shared);
}
END_TEST

static void prepare_print(const char *format)
{
    S.node.format = format;
    S.shared = NULL; // the job's first
    ck_assert_msg(tm_connector_print.sink_prepare(&S.fx, &S.mem, &S.node, 2, &S.shared, &S.err) ==
                      0,
                  "%s", S.err.message);
}

static void print_rows(uint32_t subtask, int64_t first, int count, const char *name)
{
    struct tm_sink *sink = support_sink(&tm_connector_print, subtask, schema);
    ck_assert_int_eq(support_write(sink, support_batch(schema, first, count, name)), TM_STEP_DONE);
    ck_assert_int_eq(support_flush(sink, true), TM_STEP_DONE);
    sink->ops->free(sink);
}

START_TEST(into_a_pipe_rows_are_json_lines)
{
    prepare_print("");
    print_rows(0, 1, 2, "x");
    ck_assert_str_eq(support_text(&S.out), "{\"id\":1,\"value\":0.25,\"name\":\"x\"}\n"
                                           "{\"id\":2,\"value\":0.5,\"name\":\"x\"}\n");
    ck_assert_uint_eq(S.latency.count, 2);
    tm_connector_print.sink_release(S.shared);
}
END_TEST

START_TEST(at_a_terminal_rows_are_a_table_with_one_heading)
{
    S.terminal = true;
    prepare_print("");
    print_rows(0, 8, 2, "caf\xc3\xa9");
    print_rows(1, 100000, 1, "a\n\x1b[31mb\xc2\x9bx");
    ck_assert_str_eq(support_text(&S.out), "id  value  name\n"
                                           " 8      2  caf\xc3\xa9\n"
                                           " 9   2.25  caf\xc3\xa9\n"
                                           "      id  value  name\n"
                                           "  100000  25000  a\\n\\x1b[31mb\\x9bx\n");
    print_rows(1, 5, 1, "z");
    ck_assert_ptr_nonnull(
        strstr(support_text(&S.out), "x9bx\n       5   1.25  z\n")); // wider from now on
    tm_connector_print.sink_release(S.shared);
}
END_TEST

START_TEST(a_table_fits_into_its_terminal_and_follows_when_it_is_resized)
{
    S.terminal = true;
    S.screen.columns = 24;
    prepare_print("");
    print_rows(0, 1, 1, "a long text that has no room");
    S.screen.columns = 0; // not known
    print_rows(0, 1, 1, "a long text that has no room");
    S.screen.columns = 12;
    print_rows(0, 1, 1, "a long text that has no room");
    ck_assert_str_eq(support_text(&S.out), "id  value  name\n"
                                           " 1   0.25  a long text \xe2\x80\xa6\n"
                                           "id  value  name\n"
                                           " 1   0.25  a long text that has no room\n"
                                           "id  value  \xe2\x80\xa6\n"
                                           " 1   0.25  \xe2\x80\xa6\n");
    tm_connector_print.sink_release(S.shared);
}
END_TEST

START_TEST(the_heading_comes_again_on_every_screen)
{
    S.terminal = true;
    S.screen.rows = 20;
    prepare_print("");
    for (int i = 0; i < 40; i++)
        print_rows((uint32_t)i & 1, 5, 1, "x");
    uint32_t headings = 0;
    for (const char *p = support_text(&S.out); (p = strstr(p, "value")) != NULL; p++)
        headings++;
    ck_assert_uint_eq(headings, 3); // 18 rows below each
    tm_connector_print.sink_release(S.shared);
}
END_TEST

START_TEST(another_table_in_between_brings_the_heading_back)
{
    S.terminal = true;
    prepare_print("");
    void *first = S.shared;
    print_rows(0, 1, 1, "a");
    ck_assert_int_eq(tm_connector_print.sink_prepare(&S.fx, &S.mem, &S.node, 2, &S.shared, &S.err),
                     0);
    print_rows(0, 2, 1, "b");
    void *second = S.shared;
    S.shared = first;
    print_rows(0, 3, 1, "c");
    print_rows(0, 4, 1, "d");
    tm_connector_print.sink_release(first);
    tm_connector_print.sink_release(second);
    ck_assert_str_eq(support_text(&S.out), "id  value  name\n"
                                           " 1   0.25  a\n"
                                           "id  value  name\n"
                                           " 2    0.5  b\n"
                                           "id  value  name\n"
                                           " 3   0.75  c\n"
                                           " 4      1  d\n");
}
END_TEST

START_TEST(rows_of_a_changelog_show_what_they_are_and_colours_are_for_those_who_want_them)
{
    S.terminal = true;
    S.screen.color = true;
    prepare_print("");
    tm_schema_set_changelog(schema);
    struct tm_sink *sink = support_sink(&tm_connector_print, 0, schema);
    struct tm_batch *batch = support_batch(schema, 1, 4, "x");
    uint8_t kind = 0;
    for (struct tm_row *row = (struct tm_row *)(void *)batch->data; kind < 4;
         row = (struct tm_row *)(void *)((uint8_t *)row + row->size_bytes))
        row->kind = kind++;
    ck_assert_int_eq(support_write(sink, batch), TM_STEP_DONE);
    ck_assert_int_eq(support_flush(sink, true), TM_STEP_DONE);
    sink->ops->free(sink);
    ck_assert_str_eq(support_text(&S.out),
                     "\033[1mop\033[0m  \033[1mid\033[0m  \033[1mvalue\033[0m  \033[1mname\033[0m\n"
                     "\033[32m+I\033[0m   1   0.25  x\n"
                     "\033[33m-U\033[0m   2    0.5  x\n"
                     "\033[33m+U\033[0m   3   0.75  x\n"
                     "\033[31m-D\033[0m   4      1  x\n");
    tm_connector_print.sink_release(S.shared);
}
END_TEST

START_TEST(at_a_terminal_json_can_be_asked_for)
{
    S.terminal = true;
    prepare_print("json");
    print_rows(0, 1, 1, "x");
    ck_assert_str_eq(support_text(&S.out), "{\"id\":1,\"value\":0.25,\"name\":\"x\"}\n");
    tm_connector_print.sink_release(S.shared);
}
END_TEST

START_TEST(only_whole_lines_are_written_and_little_at_a_time)
{
    S.terminal = true; // whatever the test's own standard output is
    prepare_print("json");
    print_rows(0, 0, 1000, "some text to fill the line");
    print_rows(1, 0, 1000, "some text to fill the line");
    ck_assert_uint_eq(S.torn_pieces, 0);
    ck_assert_uint_le(S.largest_piece, 512);
    char *longer = malloc(2001);
    memset(longer, 'x', 2000);
    longer[2000] = 0;
    print_rows(0, 0, 3, longer); // a line longer than a piece goes alone
    free(longer);
    ck_assert_uint_eq(S.torn_pieces, 0);
    ck_assert_uint_lt(S.largest_piece, 2100);
    tm_connector_print.sink_release(S.shared);
}
END_TEST

START_TEST(a_reader_that_has_gone_is_a_closed_pipe)
{
    prepare_print("json");
    S.reader_gone = true;
    struct tm_sink *sink = support_sink(&tm_connector_print, 0, schema);
    int rc = support_write(sink, support_batch(schema, 1, 2, "x"));
    if (rc == TM_STEP_DONE)
        rc = support_flush(sink, true);
    ck_assert_int_eq(rc, TM_E_CLOSED_PIPE);
    sink->ops->free(sink);
    tm_connector_print.sink_release(S.shared);
}
END_TEST

START_TEST(all_prints_of_a_job_write_through_one_writer)
{
    prepare_print("json");
    void *first = S.shared;
    uint32_t helpers = S.executor_count;
    for (int i = 0; i < 2; i++) {
        S.shared = first; // as core/task hands it in
        ck_assert_int_eq(
            tm_connector_print.sink_prepare(&S.fx, &S.mem, &S.node, 2, &S.shared, &S.err), 0);
        ck_assert_ptr_ne(S.shared, first);
        ck_assert_uint_eq(S.executor_count, helpers);
        print_rows(0, i, 1, "x");
        void *other = S.shared;
        if (i == 1)
            tm_connector_print.sink_release(first); // first, as all are
        tm_connector_print.sink_release(other);
    }
    ck_assert_str_eq(support_text(&S.out), "{\"id\":0,\"value\":0,\"name\":\"x\"}\n"
                                           "{\"id\":1,\"value\":0.25,\"name\":\"x\"}\n");
}
END_TEST

START_TEST(rows_wait_in_the_buffer_until_the_input_pauses)
{
    prepare_print("json");
    struct tm_sink *sink = support_sink(&tm_connector_print, 0, schema);
    ck_assert_int_eq(support_write(sink, support_batch(schema, 1, 1, "x")), TM_STEP_DONE);
    ck_assert_uint_eq(S.out.size_bytes, 0);
    ck_assert_int_eq(support_flush(sink, false), TM_STEP_DONE);
    ck_assert_uint_gt(S.out.size_bytes, 0);
    sink->ops->free(sink);
    tm_connector_print.sink_release(S.shared);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stdio");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, open_all, close_all);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, standard_input_is_read_in_any_pieces);
    tcase_add_test(tc, a_source_that_waits_for_input_can_be_stopped);
    tcase_add_test(tc, into_a_pipe_rows_are_json_lines);
    tcase_add_test(tc, at_a_terminal_rows_are_a_table_with_one_heading);
    tcase_add_test(tc, a_table_fits_into_its_terminal_and_follows_when_it_is_resized);
    tcase_add_test(tc, the_heading_comes_again_on_every_screen);
    tcase_add_test(tc, another_table_in_between_brings_the_heading_back);
    tcase_add_test(tc,
                   rows_of_a_changelog_show_what_they_are_and_colours_are_for_those_who_want_them);
    tcase_add_test(tc, at_a_terminal_json_can_be_asked_for);
    tcase_add_test(tc, only_whole_lines_are_written_and_little_at_a_time);
    tcase_add_test(tc, a_reader_that_has_gone_is_a_closed_pipe);
    tcase_add_test(tc, all_prints_of_a_job_write_through_one_writer);
    tcase_add_test(tc, rows_wait_in_the_buffer_until_the_input_pauses);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
