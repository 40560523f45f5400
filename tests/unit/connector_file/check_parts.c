// Folders of many part files: by value, size and age; how many are open; what a fault leaves
// behind.
#include <dirent.h>

#include "connectors/file/file.h"
#include "tests/unit/connector_file/support.h"

static struct tm_schema *schema;
static struct tm_fx_clock clock_table;
static int64_t now_ns;
static int opened, opened_most, fault_at, fault_code;

static int64_t fake_mono(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static int counting_open(void *ctx, const char *path, enum tm_file_mode mode, struct tm_error *err)
{
    int fd = S.real.files->open(ctx, path, mode, err);
    opened += fd >= 0;
    opened_most = opened > opened_most ? opened : opened_most;
    return fd;
}

static int counting_lock(void *ctx, const char *path, bool create, int64_t *holder,
                         struct tm_error *err)
{
    int fd = S.real.files->lock(ctx, path, create, holder, err);
    opened += fd >= 0;
    return fd;
}

static int counting_close(void *ctx, int fd, struct tm_error *err)
{
    opened--;
    return S.real.files->close(ctx, fd, err);
}

static int failing_rename(void *ctx, const char *from, const char *to, struct tm_error *err)
{
    if (--fault_at == 0)
        return tm_error_set(err, fault_code, "cannot rename %s to %s", from, to);
    return S.real.files->rename(ctx, from, to, err);
}

static int failing_mkdirs(void *ctx, const char *path, struct tm_error *err)
{
    if (--fault_at == 0)
        return tm_error_set(err, fault_code, "cannot make the directory %s", path);
    return S.real.files->mkdirs(ctx, path, err);
}

static void open_all(void)
{
    support_open();
    schema = support_schema();
    clock_table = *S.real.clock;
    clock_table.mono_ns = fake_mono;
    S.fx.clock = &clock_table;
    S.files.open = counting_open;
    S.files.lock = counting_lock;
    S.files.close = counting_close;
    now_ns = 1000000000;
    opened = opened_most = fault_at = 0;
}

static void close_all(void)
{
    ck_assert_int_eq(opened, 0);
    tm_schema_unref(schema);
    support_close();
}

static int prepare(const char *option, const char *value)
{
    support_option("path", support_path("out"));
    support_option(option, value);
    return tm_connector_file.sink_prepare(&S.fx, &S.mem, &S.node, 1, &S.shared, &S.err);
}

static int finish(bool ok)
{
    memset(&S.err, 0, sizeof S.err);
    int rc = tm_connector_file.sink_finish(S.shared, ok, &S.err);
    tm_connector_file.sink_release(S.shared);
    return rc;
}

// Files under "out" whose names begin like this.
static int count_files(const char *begin)
{
    char command[256];
    snprintf(command, sizeof command, "find %s/out -type f -name '%s*' | wc -l", S.folder, begin);
    FILE *f = popen(command, "r");
    int count = -1;
    ck_assert_int_eq(fscanf(f, "%d", &count), 1);
    pclose(f);
    return count;
}

static int count_lines(void)
{
    char command[256];
    snprintf(command, sizeof command, "find %s/out -type f | xargs cat | grep -c '}$'", S.folder);
    FILE *f = popen(command, "r");
    int count = -1;
    ck_assert_int_eq(fscanf(f, "%d", &count), 1);
    pclose(f);
    return count;
}

START_TEST(each_value_has_its_folder_and_names_appear_at_the_end)
{
    ck_assert_int_eq(prepare("partition_by", "name"), 0);
    struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
    static const char *const names[] = {"a", "", "../x", "a"};
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(support_write(sink, support_batch(schema, i, 1, names[i])), 0);
    ck_assert_int_eq(support_flush(sink, true), TM_STEP_DONE);
    sink->ops->free(sink);
    ck_assert_int_eq(count_files("part-"), 0);
    ck_assert_int_eq(finish(true), 0);
    ck_assert_str_eq(support_get("out/name=a/part-0-0.jsonl"),
                     "{\"id\":0,\"value\":0,\"name\":\"a\"}\n"
                     "{\"id\":3,\"value\":0.75,\"name\":\"a\"}\n");
    ck_assert_ptr_nonnull(support_get("out/name=__HIVE_DEFAULT_PARTITION__/part-0-1.jsonl"));
    ck_assert_ptr_nonnull(support_get("out/name=%2E.%2Fx/part-0-2.jsonl"));
    ck_assert_int_eq(count_files("."), 0);
    ck_assert_uint_eq(S.metrics.used, 4);
}
END_TEST

START_TEST(so_many_files_are_open_and_no_more)
{
    enum { FOLDERS = TM_PARTS_OPEN + 40, ROUNDS = 200 };
    static char name[1001];
    memset(name, 'n', sizeof name - 1);
    ck_assert_int_eq(prepare("partition_by", "id"), 0);
    struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
    for (int hold = 0; hold < 2; hold++) {
        S.hold = hold; // then the sink has to wait
        for (int i = 0; i < ROUNDS; i++)
            ck_assert_int_eq(support_write(sink, support_batch(schema, 0, FOLDERS, name)), 0);
    }
    ck_assert_int_eq(support_flush(sink, true), TM_STEP_DONE);
    // And the claim of the folder; and at the end one that is written and closed at once.
    ck_assert_int_le(opened_most, TM_PARTS_OPEN + 2);
    ck_assert_int_gt(opened_most, TM_PARTS_OPEN / 2);
    sink->ops->free(sink);
    ck_assert_int_eq(finish(true), 0);
    ck_assert_int_eq(count_files("part-"), FOLDERS);
    ck_assert_int_eq(count_lines(), 2 * ROUNDS * FOLDERS);
}
END_TEST

START_TEST(a_part_that_is_old_enough_gets_its_name_without_another_row)
{
    ck_assert_int_eq(prepare("roll_every", "10s"), 0);
    struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
    ck_assert_int_eq(sink->ops->deadline_ns(sink), INT64_MAX);
    ck_assert_int_eq(support_write(sink, support_batch(schema, 0, 1, "x")), 0);
    ck_assert_int_eq(sink->ops->deadline_ns(sink), now_ns + 10000000000);
    now_ns += 9999999999;
    ck_assert_int_eq(sink->ops->flush(sink, false, &S.err), 0);
    ck_assert_int_eq(count_files("part-"), 0);
    now_ns += 1;
    ck_assert_int_eq(sink->ops->flush(sink, false, &S.err), 0);
    ck_assert_ptr_nonnull(support_get("out/part-0-0.jsonl"));
    ck_assert_int_eq(sink->ops->deadline_ns(sink), INT64_MAX);
    ck_assert_int_eq(support_write(sink, support_batch(schema, 1, 1, "x")), 0);
    sink->ops->free(sink);
    ck_assert_int_eq(finish(false), 0);
    ck_assert_ptr_nonnull(strstr(S.err.message, ".part-0-1.jsonl.inprogress"));
    ck_assert_int_eq(count_files("part-"), 1);
    ck_assert_int_eq(count_lines(), 2);
}
END_TEST

START_TEST(replacing_shows_nothing_before_the_end)
{
    ck_assert_int_eq(mkdir(support_path("out"), 0777), 0);
    support_put("out/part-0-7.jsonl", "old\n", 4);
    support_option("if_exists", "replace");
    ck_assert_int_eq(prepare("roll_size", "1"), 0);
    struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
    ck_assert_int_eq(support_write(sink, support_batch(schema, 0, 3, "x")), 0);
    ck_assert_int_eq(support_flush(sink, true), TM_STEP_DONE);
    ck_assert_int_eq(count_files("part-"), 1);
    sink->ops->free(sink);
    ck_assert_int_eq(finish(true), 0);
    ck_assert_ptr_null(support_get("out/part-0-7.jsonl"));
    ck_assert_int_eq(count_files("part-0-"), 3);
    ck_assert_int_eq(count_files("."), 0);
}
END_TEST

START_TEST(a_full_disk_leaves_whole_lines_and_an_error_with_the_path)
{
    ck_assert_int_eq(prepare("partition_by", "id"), 0);
    struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
    ck_assert_int_eq(support_write(sink, support_batch(schema, 0, 10, "x")), 0);
    S.space = 100;
    ck_assert_int_eq(support_flush(sink, true), TM_E_NO_SPACE);
    ck_assert_ptr_nonnull(strstr(S.err.message, support_path("out")));
    ck_assert_str_eq(S.err.where, "job.lua:3");
    sink->ops->free(sink);
    ck_assert_int_eq(finish(false), 0);
    ck_assert_int_eq(count_files("part-"), 0);
    ck_assert_int_eq(count_lines(), count_files(".part-")); // none has half of one
    ck_assert_int_gt(count_lines(), 0);
}
END_TEST

START_TEST(a_folder_that_may_not_be_made_is_an_error_with_the_path)
{
    ck_assert_int_eq(prepare("partition_by", "id"), 0);
    struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
    S.files.mkdirs = failing_mkdirs;
    fault_at = 2;
    fault_code = TM_E_PERMISSION;
    ck_assert_int_eq(support_write(sink, support_batch(schema, 0, 3, "x")), 0);
    ck_assert_int_eq(support_flush(sink, true), TM_E_PERMISSION);
    ck_assert_ptr_nonnull(strstr(S.err.message, "/out/id="));
    sink->ops->free(sink);
    ck_assert_int_eq(finish(false), 0);
}
END_TEST

START_TEST(a_name_that_cannot_be_given_is_an_error_and_the_rows_stay)
{
    for (int rolled = 0; rolled < 2; rolled++) {
        tm_options_fini(&S.node.options);
        tm_options_init(&S.node.options, &S.mem);
        ck_assert_int_eq(prepare(rolled ? "roll_size" : "partition_by", rolled ? "1" : "id"), 0);
        struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
        S.files.rename = failing_rename;
        fault_at = 2;
        fault_code = TM_E_NOT_FOUND; // someone removed the folder
        int rc = support_write(sink, support_batch(schema, 0, 3, "x"));
        rc = rc != 0 ? rc : support_flush(sink, true);
        ck_assert_int_eq(rc, rolled ? TM_E_NOT_FOUND : 0);
        sink->ops->free(sink);
        ck_assert_int_eq(finish(rc == 0), rolled ? 0 : TM_E_NOT_FOUND);
        ck_assert_ptr_nonnull(strstr(rolled ? S.err.message : S.err.hint, "inprogress"));
        ck_assert_int_eq(count_files("part-"), 1);
        char command[128];
        snprintf(command, sizeof command, "rm -r %s/out", S.folder);
        ck_assert_int_eq(system(command), 0);
    }
}
END_TEST

START_TEST(a_column_with_a_value_for_every_row_is_an_error_that_says_so)
{
    ck_assert_int_eq(prepare("partition_by", "id"), 0);
    struct tm_sink *sink = support_sink(&tm_connector_file, 0, schema);
    int rc = 0;
    for (int i = 0; rc == 0 && i <= TM_PARTS_MAX / 512; i++)
        rc = support_write(sink, support_batch(schema, i * 512, 512, "x"));
    ck_assert_int_eq(rc, TM_E_LIMIT);
    ck_assert_ptr_nonnull(strstr(S.err.hint, "few values"));
    sink->ops->free(sink);
    S.space = 0; // it is enough that all is given back
    ck_assert_int_eq(finish(false), 0);
}
END_TEST

START_TEST(columns_that_are_not_there_or_name_no_folder_are_refused)
{
    static const char *const columns[] = {"nmae", "value"};
    static const int codes[] = {TM_E_UNKNOWN_FIELD, TM_E_TYPE};
    for (int i = 0; i < 2; i++) {
        tm_options_fini(&S.node.options);
        tm_options_init(&S.node.options, &S.mem);
        ck_assert_int_eq(prepare("partition_by", columns[i]), 0);
        struct tm_sink *sink = NULL;
        ck_assert_int_eq(
            tm_connector_file.sink_new(&S.ctx[0], &S.node, schema, S.shared, &sink, &S.err),
            codes[i]);
        ck_assert_str_eq(S.err.where, "job.lua:3");
        ck_assert_int_eq(finish(false), 0);
    }
    support_option("roll_size", "1");
    support_option("path", support_path("out.jsonl"));
    ck_assert_int_eq(tm_connector_file.sink_prepare(&S.fx, &S.mem, &S.node, 1, &S.shared, &S.err),
                     TM_E_OPTION);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file parts");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, open_all, close_all);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, each_value_has_its_folder_and_names_appear_at_the_end);
    tcase_add_test(tc, so_many_files_are_open_and_no_more);
    tcase_add_test(tc, a_part_that_is_old_enough_gets_its_name_without_another_row);
    tcase_add_test(tc, replacing_shows_nothing_before_the_end);
    tcase_add_test(tc, a_full_disk_leaves_whole_lines_and_an_error_with_the_path);
    tcase_add_test(tc, a_folder_that_may_not_be_made_is_an_error_with_the_path);
    tcase_add_test(tc, a_name_that_cannot_be_given_is_an_error_and_the_rows_stay);
    tcase_add_test(tc, a_column_with_a_value_for_every_row_is_an_error_that_says_so);
    tcase_add_test(tc, columns_that_are_not_there_or_name_no_folder_are_refused);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
