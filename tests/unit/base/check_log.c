// The log: what a line looks like, and that no byte of a user can break it.
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"

static char written[64 * 1024];
static size_t written_size;
static int writes;
static int64_t now;

static int64_t fake_wall(void *ctx)
{
    (void)ctx;
    return now;
}

static int fake_write(void *ctx, int fd, const void *buf, size_t len, const _Atomic int *cancel,
                      struct tm_error *err)
{
    (void)ctx;
    (void)cancel;
    (void)err;
    ck_assert_int_eq(fd, 2);
    ck_assert_uint_lt(written_size + len, sizeof(written));
    memcpy(written + written_size, buf, len);
    written_size += len;
    written[written_size] = '\0';
    writes++;
    return 0;
}

static const struct tm_fx_clock fake_clock = {.wall_ms = fake_wall};
static const struct tm_fx_files fake_files = {.write_all = fake_write};
static const struct tm_fx fx = {.clock = &fake_clock, .files = &fake_files};
static struct tm_log log_;
static struct tm_error err;

static void setup(void)
{
    log_ = (struct tm_log){.fx = &fx, .level = TM_LOG_INFO};
    written_size = 0;
    written[0] = '\0';
    writes = 0;
    now = 1700000000123;
    tm_error_clear(&err);
}

START_TEST(a_line_has_time_level_and_message_by_one_write)
{
    tm_log_write(&log_, TM_LOG_INFO, "read %d files", 3);
    ck_assert_str_eq(written, "2023-11-14T22:13:20.123Z info  read 3 files\n");
    ck_assert_int_eq(writes, 1);
}
END_TEST

START_TEST(levels_above_the_chosen_one_are_silent)
{
    tm_log_write(&log_, TM_LOG_DEBUG, "no");
    ck_assert_int_eq(writes, 0);
    log_.level = TM_LOG_ERROR;
    tm_log_write(&log_, TM_LOG_WARN, "no");
    ck_assert_int_eq(writes, 0);
    tm_log_write(&log_, TM_LOG_ERROR, "yes");
    ck_assert_int_eq(writes, 1);
}
END_TEST

START_TEST(dates_are_right_at_their_edges)
{
    static const struct {
        int64_t ms;
        const char *text;
    } dates[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782399999, "2000-02-28T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {1735689599999, "2024-12-31T23:59:59.999Z"},
        {-62135596800000, "0001-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        setup();
        now = dates[i].ms;
        tm_log_write(&log_, TM_LOG_INFO, "x");
        ck_assert_mem_eq(written, dates[i].text, 24);
    }
}
END_TEST

START_TEST(text_keeps_control_characters_from_the_terminal)
{
    tm_log_write(&log_, TM_LOG_INFO, "%s", "a\033[2Jb\nc\xFFz \xC2\x9Bq \xE2\x82\xAC");
    ck_assert_str_eq(written + 31, "a\\x1b[2Jb\\nc\\xffz \\xc2\\x9bq \xE2\x82\xAC\n");
}
END_TEST

START_TEST(json_is_escaped)
{
    log_.json = true;
    tm_log_write(&log_, TM_LOG_WARN, "%s", "say \"hi\"\\\n\t\x01\xFF\xC3\xA9");
    ck_assert_str_eq(written,
                     "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warn\",\"message\":"
                     "\"say \\\"hi\\\"\\\\\\n\\u0009\\u0001\\ufffd\xC3\xA9\"}\n");
}
END_TEST

START_TEST(an_error_is_shown_with_where_and_hint)
{
    tm_error_set(&err, TM_E_UNKNOWN_FIELD, "no field \"x\"");
    tm_error_where(&err, "job.lua:12");
    tm_error_hint(&err, "did you mean \"y\"?");
    tm_log_error(&log_, &err);
    ck_assert_str_eq(written, "error TM0307: no field \"x\"\n  at job.lua:12\n"
                              "  hint: did you mean \"y\"?\n");
    ck_assert_int_eq(writes, 1);
}
END_TEST

START_TEST(an_error_in_json_is_one_object)
{
    log_.json = true;
    tm_error_set(&err, TM_E_IO, "two\nlines");
    tm_log_error(&log_, &err);
    ck_assert_str_eq(written, "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"error\",\"code\":"
                              "\"TM0102\",\"name\":\"io\",\"message\":\"two\\nlines\"}\n");
}
END_TEST

START_TEST(the_longest_error_is_still_whole_lines)
{
    static char huge[3 * TM_ERROR_TEXT_MAX];
    memset(huge, 1, sizeof(huge) - 1);
    tm_error_set(&err, TM_E_IO, "%s", huge);
    tm_error_where(&err, "%s", huge);
    tm_error_hint(&err, "%s", huge);
    log_.json = true;
    tm_log_error(&log_, &err);
    ck_assert_str_eq(written + written_size - 3, "\"}\n");
    setup();
    tm_log_error(&log_, &err);
    ck_assert_int_eq(written[written_size - 1], '\n');
    setup();
    log_.json = true;
    tm_log_write(&log_, TM_LOG_ERROR, "%s", huge);
    ck_assert_str_eq(written + written_size - 3, "\"}\n");
    ck_assert_int_eq(writes, 1);
}
END_TEST

START_TEST(color_wraps_the_level_only)
{
    log_.color = true;
    tm_log_write(&log_, TM_LOG_INFO, "x");
    ck_assert_str_eq(written, "2023-11-14T22:13:20.123Z \033[36minfo\033[0m  x\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, a_line_has_time_level_and_message_by_one_write);
    tcase_add_test(tcase, levels_above_the_chosen_one_are_silent);
    tcase_add_test(tcase, dates_are_right_at_their_edges);
    tcase_add_test(tcase, text_keeps_control_characters_from_the_terminal);
    tcase_add_test(tcase, json_is_escaped);
    tcase_add_test(tcase, an_error_is_shown_with_where_and_hint);
    tcase_add_test(tcase, an_error_in_json_is_one_object);
    tcase_add_test(tcase, the_longest_error_is_still_whole_lines);
    tcase_add_test(tcase, color_wraps_the_level_only);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
