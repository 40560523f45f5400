// Following files: growth, rotation, cutting, deletion, and what goes wrong with them.
#include "connectors/file/file.h"
#include "tests/unit/connector_file/support.h"

static struct tm_source *source;
static struct tm_fx_clock clock_table;
static int64_t now_ns;
static int opened, fault_code;

static int64_t fake_mono(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static int counting_open(void *ctx, const char *path, enum tm_file_mode mode, struct tm_error *err)
{
    if (fault_code != 0)
        return tm_error_set(err, fault_code, "cannot open %s", path);
    int fd = S.real.files->open(ctx, path, mode, err);
    opened += fd >= 0;
    return fd;
}

static int counting_close(void *ctx, int fd, struct tm_error *err)
{
    opened--;
    return S.real.files->close(ctx, fd, err);
}

static int64_t failing_read(void *ctx, int fd, void *buf, size_t len, struct tm_error *err)
{
    (void)ctx, (void)fd, (void)buf, (void)len;
    return tm_error_set(err, TM_E_IO, "cannot read: a broken disk");
}

static int failing_stat_fd(void *ctx, int fd, struct tm_file_info *info, struct tm_error *err)
{
    (void)ctx, (void)fd, (void)info;
    return tm_error_set(err, TM_E_IO, "cannot look at the file: a broken disk");
}

static void open_all(void)
{
    support_open();
    S.node.format = "text";
    const struct tm_field_def line = {"line", {.kind = TM_TYPE_STRING}, 0};
    struct tm_schema *schema = NULL;
    ck_assert_int_eq(tm_schema_new(&S.mem, &line, 1, -1, &schema, &S.err), 0);
    S.node.schema = schema;
    clock_table = *S.real.clock;
    clock_table.mono_ns = fake_mono;
    S.fx.clock = &clock_table;
    S.files.open = counting_open;
    S.files.close = counting_close;
    now_ns = 1000000000;
    opened = fault_code = 0;
    source = NULL;
}

static void close_all(void)
{
    if (source != NULL) {
        source->ops->free(source);
        tm_splits_free(S.ctx[0].splits);
        tm_connector_file.source_release(S.shared);
    }
    ck_assert_int_eq(opened, 0);
    support_close();
}

static int prepare(const char *path)
{
    support_option("path", support_path(path));
    ck_assert_int_eq(tm_options_set_bool(&S.node.options, "follow", true), 0);
    return tm_connector_file.source_prepare(&S.fx, &S.mem, &S.node, 1, &S.shared, &S.err);
}

static void start(const char *path)
{
    ck_assert_msg(prepare(path) == 0, "%s", S.err.message);
    S.ctx[0].never_idle = true;
    S.ctx[0].splits = tm_splits_new(&S.mem, tm_connector_file.split_count(S.shared, 0, 1));
    ck_assert_int_eq(tm_connector_file.source_new(&S.ctx[0], &S.node, S.shared, &source, &S.err),
                     0);
    source->metrics = &S.metrics;
    ck_assert(!S.ctx[0].never_idle);
}

static void append(const char *name, const char *text)
{
    FILE *f = fopen(support_path(name), "ab");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static char lines[4096];

// The lines that can be had for `ms`, with a blank behind each; or the code of an error.
static int read_for(int64_t ms)
{
    size_t used = 0;
    lines[0] = '\0';
    for (int64_t end = now_ns + ms * 1000000; now_ns <= end; now_ns += 20000000) {
        struct tm_batch *batch = NULL;
        int rc;
        while ((rc = source->ops->read(source, &batch, &S.err)) == TM_READ_BATCH) {
            TM_BATCH_EACH(batch, row)
            {
                uint32_t len;
                const char *p = tm_row_string(row, batch->schema->fields[0].offset, &len);
                used += (size_t)snprintf(lines + used, sizeof lines - used, "%.*s ", (int)len, p);
            }
            tm_batch_release(batch);
        }
        if (rc < 0)
            return rc;
        ck_assert_int_eq(rc, TM_READ_WAIT);
        ck_assert_int_gt(source->ops->deadline_ns(source), now_ns); // no spinning
        ck_assert_int_le(source->ops->deadline_ns(source), now_ns + TM_FOLLOW_POLL_MS * 1000000);
    }
    return 0;
}

static enum tm_channel_status status(void)
{
    enum tm_channel_status status;
    tm_splits_combined(S.ctx[0].splits, &status);
    return status;
}

START_TEST(what_is_appended_is_read_and_a_line_waits_for_its_end)
{
    append("a.log", "1\n2\n3");
    start("a.log");
    ck_assert_int_eq(read_for(500), 0);
    ck_assert_str_eq(lines, "1 2 ");
    append("a.log", "4\n");
    ck_assert_int_eq(read_for(500), 0);
    ck_assert_str_eq(lines, "34 ");
    ck_assert_int_eq(status(), TM_CHANNEL_ACTIVE);
}
END_TEST

START_TEST(a_file_without_rows_holds_no_watermark)
{
    append("a.log", "");
    start("a.log");
    ck_assert_int_eq(read_for(500), 0);
    ck_assert_int_eq(status(), TM_CHANNEL_IDLE);
    append("a.log", "1\n");
    ck_assert_int_eq(read_for(500), 0);
    ck_assert_int_eq(status(), TM_CHANNEL_ACTIVE);
}
END_TEST

START_TEST(a_renamed_file_is_read_to_its_end_before_the_one_in_its_place)
{
    append("a.log", "1\n");
    start("a.log");
    ck_assert_int_eq(read_for(500), 0);
    append("a.log", "2\n");
    ck_assert_int_eq(rename(support_path("a.log"), support_path("b.log")), 0);
    append("a.log", "4\n");
    append("b.log", "3\n");
    ck_assert_int_eq(read_for(1000), 0);
    ck_assert_str_eq(lines, "2 3 4 ");
    append("b.log", "late\n"); // whoever writes it has not noticed yet
    append("a.log", "5\n");
    ck_assert_int_eq(read_for(1000), 0);
    ck_assert_ptr_nonnull(strstr(lines, "late "));
    ck_assert_ptr_nonnull(strstr(lines, "5 "));
    ck_assert_int_eq(opened, 2);
    ck_assert_int_eq(read_for(TM_FOLLOW_GONE_MS + 1000), 0);
    ck_assert_str_eq(lines, "");
    ck_assert_int_eq(opened, 1);
}
END_TEST

START_TEST(a_file_under_another_name_that_is_meant_is_not_read_again)
{
    append("a.log", "1\n");
    start("a.log*");
    ck_assert_int_eq(read_for(500), 0);
    ck_assert_int_eq(rename(support_path("a.log"), support_path("a.log.1")), 0);
    append("a.log", "2\n");
    ck_assert_int_eq(read_for(TM_FOLLOW_GONE_MS + 1000), 0);
    ck_assert_str_eq(lines, "2 ");
    ck_assert_int_eq(rename(support_path("a.log.1"), support_path("a.log.2")), 0);
    append("a.log.2", "3\n");
    ck_assert_int_eq(read_for(500), 0);
    ck_assert_str_eq(lines, "3 ");
}
END_TEST

START_TEST(a_file_that_is_cut_is_read_again_and_how_far_it_was_read_is_said)
{
    append("a.log", "1\n22\nhal");
    start("a.log");
    ck_assert_int_eq(read_for(500), 0);
    ck_assert_int_eq(truncate(support_path("a.log"), 0), 0);
    append("a.log", "3\n");
    ck_assert_int_eq(read_for(500), 0);
    ck_assert_str_eq(lines, "3 ");
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), "up to byte 8,"));
}
END_TEST

START_TEST(a_deleted_file_ends_with_its_last_line)
{
    append("a.log", "1\n2");
    start("*.log");
    ck_assert_int_eq(read_for(500), 0);
    ck_assert_str_eq(lines, "1 ");
    ck_assert_int_eq(unlink(support_path("a.log")), 0);
    ck_assert_int_eq(read_for(TM_FOLLOW_GONE_MS + 1000), 0);
    ck_assert_str_eq(lines, "2 ");
    ck_assert_int_eq(opened, 0);
    append("a.log", "3\n");
    ck_assert_int_eq(read_for(500), 0);
    ck_assert_str_eq(lines, "3 ");
}
END_TEST

START_TEST(what_cannot_be_opened_or_read_is_an_error_with_its_path)
{
    start("*.log");
    ck_assert_int_eq(read_for(500), 0);
    fault_code = TM_E_PERMISSION;
    append("a.log", "1\n");
    ck_assert_int_eq(read_for(500), TM_E_PERMISSION);
    ck_assert_ptr_nonnull(strstr(S.err.message, "a.log"));
    ck_assert_str_eq(S.err.where, "job.lua:3");
}
END_TEST

START_TEST(a_broken_disk_is_an_error)
{
    append("a.log", "1\n");
    start("*.log");
    ck_assert_int_eq(read_for(500), 0);
    for (int i = 0; i < 2; i++) {
        S.files.read = i == 0 ? failing_read : S.real.files->read;
        S.files.stat_fd = i == 0 ? S.real.files->stat_fd : failing_stat_fd;
        ck_assert_int_eq(read_for(500), TM_E_IO);
        if (i == 0) { // a source that has failed is not read again: begin anew
            close_all();
            open_all();
            append("a.log", "1\n");
            start("*.log");
            ck_assert_int_eq(read_for(500), 0);
        }
    }
}
END_TEST

START_TEST(more_files_than_can_be_followed_are_an_error_that_says_so)
{
    for (int i = 0; i <= TM_SPLITS_OPEN; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.log", i);
        append(name, "");
    }
    start("*.log");
    ck_assert_int_eq(read_for(500), TM_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(S.err.message, "256 files"));
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_an_error_a_file_is_waited_for)
{
    ck_assert_int_eq(prepare("nowhere/a.log"), TM_E_NOT_FOUND);
    ck_assert_int_eq(prepare("nowhere/*.log"), TM_E_NOT_FOUND);
    support_put("a.log.gz", "x", 1);
    ck_assert_int_eq(prepare("a.log.gz"), TM_E_OPTION);
    start("a.log");
    ck_assert_int_eq(read_for(500), 0);
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), "it is waited for"));
    append("a.log", "1\n");
    ck_assert_int_eq(read_for(500), 0);
    ck_assert_str_eq(lines, "1 ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file follow");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, open_all, close_all);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, what_is_appended_is_read_and_a_line_waits_for_its_end);
    tcase_add_test(tc, a_file_without_rows_holds_no_watermark);
    tcase_add_test(tc, a_renamed_file_is_read_to_its_end_before_the_one_in_its_place);
    tcase_add_test(tc, a_file_under_another_name_that_is_meant_is_not_read_again);
    tcase_add_test(tc, a_file_that_is_cut_is_read_again_and_how_far_it_was_read_is_said);
    tcase_add_test(tc, a_deleted_file_ends_with_its_last_line);
    tcase_add_test(tc, what_cannot_be_opened_or_read_is_an_error_with_its_path);
    tcase_add_test(tc, a_broken_disk_is_an_error);
    tcase_add_test(tc, more_files_than_can_be_followed_are_an_error_that_says_so);
    tcase_add_test(tc, a_folder_that_is_not_there_is_an_error_a_file_is_waited_for);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
