// Files as a sink: names, when they appear, what is there already, a full disk, backpressure.
#include <fcntl.h>
#include <math.h>

#include "connectors/file/file.h"
#include "connectors/file/output.h"
#include "tests/unit/connector_file/support.h"

static struct tm_schema *schema;

static void open_all(void)
{
    support_open();
    schema = support_schema();
}

static void close_all(void)
{
    tm_schema_unref(schema);
    support_close();
}

static int prepare(const char *name, const char *if_exists, uint32_t parallelism)
{
    support_option("path", support_path(name));
    if (if_exists != NULL)
        support_option("if_exists", if_exists);
    return tm_connector_file.sink_prepare(&S.fx, &S.mem, &S.node, parallelism, &S.shared, &S.err);
}

static int finish(bool ok)
{
    memset(&S.err, 0, sizeof S.err);
    int rc = tm_connector_file.sink_finish(S.shared, ok, &S.err);
    tm_connector_file.sink_release(S.shared);
    return rc;
}

// Write rows first .. first + count - 1 in a subtask, to its end.
static void write_rows(uint32_t subtask, int64_t first, int count)
{
    struct tm_sink *sink = support_sink(&tm_connector_file, subtask, schema);
    ck_assert_int_eq(support_write(sink, support_batch(schema, first, count, "x")), TM_STEP_DONE);
    ck_assert_int_eq(support_flush(sink, true), TM_STEP_DONE);
    sink->ops->free(sink);
}

static const char two_rows[] = "{\"id\":1,\"value\":0.25,\"name\":\"x\"}\n"
                               "{\"id\":2,\"value\":0.5,\"name\":\"x\"}\n";

START_TEST(a_file_appears_under_its_name_when_the_job_has_finished)
{
    ck_assert_int_eq(prepare("deep/er/out.jsonl", NULL, 1), 0);
    write_rows(0, 1, 2);
    ck_assert_ptr_null(support_get("deep/er/out.jsonl"));
    ck_assert_str_eq(support_get("deep/er/.out.jsonl.inprogress"), two_rows);
    ck_assert_int_eq(finish(true), 0);
    ck_assert_str_eq(support_get("deep/er/out.jsonl"), two_rows);
    ck_assert_ptr_null(support_get("deep/er/.out.jsonl.inprogress"));
    ck_assert_uint_eq(S.metrics.used, 2);
    ck_assert_uint_eq(S.metrics.bytes_out, sizeof two_rows - 1);
    ck_assert_uint_eq(S.latency.count, 2);
}
END_TEST

START_TEST(a_job_without_rows_leaves_an_empty_file)
{
    ck_assert_int_eq(prepare("out.jsonl", NULL, 2), 0);
    ck_assert_int_eq(finish(true), 0);
    ck_assert_str_eq(support_get("out.jsonl"), "");
}
END_TEST

START_TEST(a_job_that_does_not_finish_keeps_its_rows_and_says_where)
{
    ck_assert_int_eq(prepare("out.jsonl", NULL, 1), 0);
    write_rows(0, 1, 2);
    ck_assert_int_eq(finish(false), 0);
    ck_assert_ptr_null(support_get("out.jsonl"));
    ck_assert_str_eq(support_get(".out.jsonl.inprogress"), two_rows);
    ck_assert_int_eq(S.err.code, 0);
    ck_assert_ptr_nonnull(strstr(S.err.message, support_path(".out.jsonl.inprogress")));
    // The next run begins anew.
    ck_assert_int_eq(prepare("out.jsonl", NULL, 1), 0);
    write_rows(0, 1, 2);
    ck_assert_int_eq(finish(true), 0);
    ck_assert_str_eq(support_get("out.jsonl"), two_rows);
}
END_TEST

START_TEST(a_job_that_never_ran_leaves_nothing)
{
    ck_assert_int_eq(prepare("out.jsonl", NULL, 1), 0);
    tm_connector_file.sink_release(S.shared);
    ck_assert_ptr_null(support_get("out.jsonl"));
    ck_assert_ptr_null(support_get(".out.jsonl.inprogress"));
}
END_TEST

START_TEST(what_a_task_had_not_submitted_when_it_ended_is_written_too)
{
    ck_assert_int_eq(prepare("out.jsonl", NULL, 1), 0);
    struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
    ck_assert_int_eq(support_write(sink, support_batch(schema, 1, 2, "x")), TM_STEP_DONE);
    sink->ops->free(sink);
    ck_assert_int_eq(finish(false), 0);
    ck_assert_str_eq(support_get(".out.jsonl.inprogress"), two_rows);
}
END_TEST

START_TEST(existing_output_is_an_error_unless_said_otherwise)
{
    support_put("out.jsonl", "old\n", 4);
    ck_assert_int_eq(prepare("out.jsonl", NULL, 1), TM_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(S.err.message, support_path("out.jsonl")));
    ck_assert_ptr_nonnull(strstr(S.err.hint, "if_exists"));
    ck_assert_str_eq(support_get("out.jsonl"), "old\n");

    ck_assert_int_eq(prepare("out.jsonl", "append", 1), 0);
    write_rows(0, 1, 2);
    ck_assert_int_eq(finish(true), 0);
    char expected[256];
    snprintf(expected, sizeof expected, "old\n%s", two_rows);
    ck_assert_str_eq(support_get("out.jsonl"), expected);

    ck_assert_int_eq(prepare("out.jsonl", "replace", 1), 0);
    write_rows(0, 1, 2);
    ck_assert_str_eq(support_get("out.jsonl"), expected); // until the end
    ck_assert_int_eq(finish(true), 0);
    ck_assert_str_eq(support_get("out.jsonl"), two_rows);
}
END_TEST

START_TEST(a_path_without_a_formats_suffix_is_a_folder_of_part_files)
{
    ck_assert_int_eq(prepare("out", NULL, 2), 0);
    write_rows(0, 1, 2);
    write_rows(1, 1, 2);
    ck_assert_ptr_null(support_get("out/part-0-0.jsonl"));
    ck_assert_int_eq(finish(true), 0);
    ck_assert_str_eq(support_get("out/part-0-0.jsonl"), two_rows);
    ck_assert_str_eq(support_get("out/part-1-0.jsonl"), two_rows);

    ck_assert_int_eq(prepare("out/", NULL, 2), TM_E_EXISTS);

    ck_assert_int_eq(prepare("out", "append", 1), 0);
    write_rows(0, 1, 2);
    ck_assert_int_eq(finish(true), 0);
    ck_assert_str_eq(support_get("out/part-0-1.jsonl"), two_rows);
    ck_assert_str_eq(support_get("out/part-0-0.jsonl"), two_rows);

    ck_assert_int_eq(prepare("out", "replace", 1), 0);
    write_rows(0, 5, 1);
    ck_assert_str_eq(support_get("out/part-1-0.jsonl"), two_rows); // until the end
    ck_assert_int_eq(finish(true), 0);
    ck_assert_str_eq(support_get("out/part-0-0.jsonl"),
                     "{\"id\":5,\"value\":1.25,\"name\":\"x\"}\n");
    ck_assert_ptr_null(support_get("out/part-1-0.jsonl"));
    ck_assert_ptr_null(support_get("out/part-0-1.jsonl"));
}
END_TEST

// Two sinks at once, as of one job; the first goes on.
static void ck_second_is_refused(const char *first, const char *second, const char *if_exists)
{
    memset(&S.err, 0, sizeof S.err);
    ck_assert_msg(prepare(first, if_exists, 1) == 0, "%s", S.err.message);
    void *shared = S.shared;
    ck_assert_int_eq(prepare(second, if_exists, 1), TM_E_IN_USE);
    ck_assert_ptr_nonnull(strstr(S.err.message, support_path(second)));
    ck_assert_ptr_nonnull(strstr(S.err.message, "another sink of this job"));
    S.shared = shared;
    write_rows(0, 1, 2);
    ck_assert_int_eq(finish(true), 0);
}

START_TEST(an_output_belongs_to_one_sink_at_a_time)
{
    ck_assert_int_eq(mkdir(support_path("d"), 0777), 0);
    ck_assert_int_eq(symlink("d", support_path("l")), 0);
    ck_assert_int_eq(symlink("d/b.jsonl", support_path("link.jsonl")), 0);
    ck_second_is_refused("a.jsonl", "./a.jsonl", NULL);
    ck_assert_str_eq(support_get("a.jsonl"), two_rows);
    ck_second_is_refused("a.jsonl", "d/../a.jsonl", "replace");
    ck_second_is_refused("a.jsonl", "a.jsonl", "append");
    ck_second_is_refused("new.jsonl", "new.jsonl", "append");
    ck_second_is_refused("l/c.jsonl", "d/c.jsonl", NULL);
    ck_second_is_refused("link.jsonl", "d/b.jsonl", NULL);
    ck_assert_str_eq(support_get("d/b.jsonl"), two_rows);
    ck_second_is_refused("d/b.jsonl", "link.jsonl", "replace");
    ck_second_is_refused("out", "out/", NULL);
    ck_assert_str_eq(support_get("out/part-0-0.jsonl"), two_rows);
    ck_second_is_refused("out", "./out", "replace");
}
END_TEST

START_TEST(what_is_replaced_is_not_appended_to_meanwhile)
{
    support_put("a.jsonl", "old\n", 4);
    ck_assert_int_eq(prepare("a.jsonl", "replace", 1), 0);
    void *shared = S.shared;
    ck_assert_int_eq(prepare("a.jsonl", "append", 1), TM_E_IN_USE);
    S.shared = shared;
    ck_assert_int_eq(finish(true), 0);
    ck_assert_int_eq(prepare("a.jsonl", "append", 1), 0);
    shared = S.shared;
    ck_assert_int_eq(prepare("a.jsonl", "replace", 1), TM_E_IN_USE);
    ck_assert_ptr_null(support_get(".a.jsonl.inprogress"));
    S.shared = shared;
    ck_assert_int_eq(finish(true), 0);
}
END_TEST

START_TEST(whoever_is_refused_leaves_the_others_file_alone)
{
    ck_assert_int_eq(prepare("a.jsonl", NULL, 1), 0);
    void *shared = S.shared;
    ck_assert_str_eq(support_get(".a.jsonl.inprogress"), "");
    ck_assert_int_eq(prepare("a.jsonl", NULL, 1), TM_E_IN_USE);
    ck_assert_str_eq(support_get(".a.jsonl.inprogress"), "");
    S.shared = shared;
    write_rows(0, 1, 2);
    ck_assert_int_eq(prepare("a.jsonl", NULL, 1), TM_E_IN_USE);
    ck_assert_str_eq(support_get(".a.jsonl.inprogress"), two_rows);
    S.shared = shared;
    ck_assert_int_eq(finish(false), 0);
    ck_assert_int_eq(prepare("a.jsonl", NULL, 1), 0);
    ck_assert_int_eq(finish(true), 0);
}
END_TEST

START_TEST(a_link_stays_a_link)
{
    struct stat st;
    ck_assert_int_eq(symlink("d/real.jsonl", support_path("link.jsonl")), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(prepare("link.jsonl", "replace", 1), 0);
        write_rows(0, 1, 2);
        ck_assert_int_eq(finish(true), 0);
        ck_assert_str_eq(support_get("d/real.jsonl"), two_rows);
        ck_assert_int_eq(lstat(support_path("link.jsonl"), &st), 0);
        ck_assert(S_ISLNK(st.st_mode));
    }
}
END_TEST

START_TEST(a_named_pipe_is_written_to_as_it_is)
{
    char got[256] = "";
    ck_assert_int_eq(mkfifo(support_path("pipe"), 0666), 0);
    ck_assert_int_eq(prepare("pipe", NULL, 3), TM_E_CLOSED_PIPE);
    ck_assert_ptr_nonnull(strstr(S.err.message, support_path("pipe")));
    int reader = open(support_path("pipe"), O_RDONLY | O_NONBLOCK);
    ck_assert_int_ge(reader, 0);
    ck_assert_int_eq(prepare("pipe", NULL, 3), 0);
    write_rows(2, 1, 2);
    ck_assert_int_eq(read(reader, got, sizeof got), sizeof two_rows - 1);
    ck_assert_str_eq(got, two_rows);
    ck_assert_int_eq(finish(true), 0);
    close(reader);
}
END_TEST

START_TEST(a_path_without_suffix_that_is_a_file_is_named)
{
    support_put("out", "", 0);
    ck_assert_int_eq(prepare("out", "replace", 1), TM_E_EXISTS);
    ck_assert_ptr_nonnull(strstr(S.err.message, "folder of part files"));
    ck_assert_ptr_nonnull(strstr(S.err.hint, ".jsonl"));
}
END_TEST

// Lines of all subtasks are whole, and each is there once.
START_TEST(subtasks_share_one_file_in_whole_lines)
{
    enum { SUBTASKS = 3, BATCHES = 40, ROWS = 800 };
    ck_assert_int_eq(prepare("out.jsonl", NULL, SUBTASKS), 0);
    S.hold = true;
    struct tm_sink *sinks[SUBTASKS];
    for (uint32_t s = 0; s < SUBTASKS; s++)
        sinks[s] = support_sink(&tm_connector_file, s, schema);
    for (int b = 0; b < BATCHES; b++)
        for (uint32_t s = 0; s < SUBTASKS; s++)
            ck_assert_int_eq(
                support_write(sinks[s], support_batch(schema, ((int)s * BATCHES + b) * ROWS, ROWS,
                                                      "some longer text")),
                TM_STEP_DONE);
    for (uint32_t s = 0; s < SUBTASKS; s++) {
        ck_assert_int_eq(support_flush(sinks[s], true), TM_STEP_DONE);
        sinks[s]->ops->free(sinks[s]);
    }
    ck_assert_int_eq(finish(true), 0);
    static uint8_t seen[SUBTASKS * BATCHES * ROWS];
    const char *p = support_get("out.jsonl");
    int lines = 0;
    for (; *p != 0; lines++) {
        int id, used = 0;
        double value;
        ck_assert_int_eq(sscanf(p, "{\"id\":%d,\"value\":%lf,\"name\":\"some longer text\"}%n", &id,
                                &value, &used),
                         2);
        ck_assert_int_eq(p[used], '\n');
        seen[id]++;
        p += used + 1;
    }
    ck_assert_int_eq(lines, SUBTASKS * BATCHES * ROWS);
    for (size_t i = 0; i < sizeof seen; i++)
        ck_assert_int_eq(seen[i], 1);
    ck_assert_uint_eq(S.latency.count, SUBTASKS * BATCHES * ROWS);
}
END_TEST

START_TEST(a_sink_waits_when_two_buffers_are_under_way)
{
    ck_assert_int_eq(prepare("out.jsonl", NULL, 1), 0);
    S.hold = true;
    struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
    struct tm_batch *batch =
        support_batch(schema, 0, 1000, "0123456789012345678901234567890123456789");
    size_t written = 0;
    int rc = TM_STEP_DONE;
    const struct tm_row *row = NULL;
    while (rc == TM_STEP_DONE) {
        row = tm_batch_first(batch);
        rc = sink->ops->write(sink, batch, &row, &S.err);
        written += 1000;
        ck_assert_uint_lt(written, 3 * TM_FILE_BUFFER_BYTES / 40);
    }
    ck_assert_int_eq(rc, TM_STEP_WAIT);
    const struct tm_row *before = row;
    ck_assert_int_eq(sink->ops->write(sink, batch, &row, &S.err), TM_STEP_WAIT);
    ck_assert_ptr_eq(row, before); // nothing is taken while it waits
    ck_assert(support_run());
    ck_assert_int_eq(sink->ops->write(sink, batch, &row, &S.err), TM_STEP_DONE);
    tm_batch_release(batch);
    ck_assert_int_eq(support_flush(sink, true), TM_STEP_DONE);
    sink->ops->free(sink);
    ck_assert_int_eq(finish(true), 0);
    ck_assert_uint_eq(S.metrics.used, written);
    size_t lines = 0;
    for (const char *p = support_get("out.jsonl"); (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    ck_assert_uint_eq(lines, written);
}
END_TEST

START_TEST(a_full_disk_is_an_error_and_leaves_no_half_line)
{
    for (int append = 0; append < 2; append++) {
        if (append)
            support_put("full.jsonl", "old\n", 4);
        ck_assert_int_eq(prepare("full.jsonl", append ? "append" : NULL, 1), 0);
        S.space = TM_FILE_BUFFER_BYTES * 5 / 2;
        struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
        int rc = TM_STEP_DONE;
        for (int i = 0; rc == TM_STEP_DONE && i < 1000; i++)
            rc = support_write(sink, support_batch(schema, i * 1000, 1000, "text"));
        ck_assert_int_eq(rc, TM_E_NO_SPACE);
        char named[256];
        snprintf(named, sizeof named, "the output %s: ", support_path("full.jsonl"));
        ck_assert_int_eq(strncmp(S.err.message, named, strlen(named)), 0);
        ck_assert_str_eq(S.err.where, "job.lua:3");
        sink->ops->free(sink);
        ck_assert_int_eq(finish(false), 0);
        const char *text = support_get(append ? "full.jsonl" : ".full.jsonl.inprogress");
        size_t len = strlen(text);
        ck_assert_uint_gt(len, TM_FILE_BUFFER_BYTES);
        ck_assert_int_eq(text[len - 1], '\n');
        if (append)
            ck_assert_int_eq(strncmp(text, "old\n{", 5), 0);
        else
            ck_assert_ptr_nonnull(strstr(S.err.message, support_path(".full.jsonl.inprogress")));
        S.space = -1;
    }
}
END_TEST

START_TEST(rows_that_cannot_be_encoded_fail_alone)
{
    ck_assert_int_eq(prepare("out.jsonl", NULL, 1), 0);
    struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
    struct tm_batch *batch = support_batch(schema, 1, 2, "x");
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    tm_builder_put_double(&b, 1, NAN);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    ck_assert_int_eq(support_write(sink, batch), TM_STEP_DONE);
    ck_assert_int_eq(support_flush(sink, true), TM_STEP_DONE);
    sink->ops->free(sink);
    ck_assert_int_eq(finish(true), 0);
    ck_assert_str_eq(support_get("out.jsonl"), two_rows);
    ck_assert_uint_eq(S.metrics.used, 2);
    ck_assert_str_eq(support_text(&S.failures),
                     "not_encodable -:-1:-1 field value is NaN, which JSON has no number for []\n");
}
END_TEST

START_TEST(options_of_the_format_count)
{
    support_option("nulls", "omit");
    ck_assert_int_eq(prepare("out.jsonl", NULL, 1), 0);
    struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
    struct tm_batch *batch = tm_batch_acquire(S.pool, schema);
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    tm_builder_put_int(&b, 0, 7);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    ck_assert_int_eq(support_write(sink, batch), TM_STEP_DONE);
    ck_assert_int_eq(support_flush(sink, true), TM_STEP_DONE);
    sink->ops->free(sink);
    ck_assert_int_eq(finish(true), 0);
    ck_assert_str_eq(support_get("out.jsonl"), "{\"id\":7}\n");
    support_option("nulls", "maybe");
    ck_assert_int_eq(prepare("other.jsonl", NULL, 1), TM_E_OPTION);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file sink");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, open_all, close_all);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_file_appears_under_its_name_when_the_job_has_finished);
    tcase_add_test(tc, a_job_without_rows_leaves_an_empty_file);
    tcase_add_test(tc, a_job_that_does_not_finish_keeps_its_rows_and_says_where);
    tcase_add_test(tc, a_job_that_never_ran_leaves_nothing);
    tcase_add_test(tc, what_a_task_had_not_submitted_when_it_ended_is_written_too);
    tcase_add_test(tc, existing_output_is_an_error_unless_said_otherwise);
    tcase_add_test(tc, a_path_without_a_formats_suffix_is_a_folder_of_part_files);
    tcase_add_test(tc, an_output_belongs_to_one_sink_at_a_time);
    tcase_add_test(tc, what_is_replaced_is_not_appended_to_meanwhile);
    tcase_add_test(tc, whoever_is_refused_leaves_the_others_file_alone);
    tcase_add_test(tc, a_link_stays_a_link);
    tcase_add_test(tc, a_named_pipe_is_written_to_as_it_is);
    tcase_add_test(tc, a_path_without_suffix_that_is_a_file_is_named);
    tcase_add_test(tc, subtasks_share_one_file_in_whole_lines);
    tcase_add_test(tc, a_sink_waits_when_two_buffers_are_under_way);
    tcase_add_test(tc, a_full_disk_is_an_error_and_leaves_no_half_line);
    tcase_add_test(tc, rows_that_cannot_be_encoded_fail_alone);
    tcase_add_test(tc, options_of_the_format_count);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
