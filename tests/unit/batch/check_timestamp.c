// Timestamps: both directions, the calendar by brute force, what is refused.
#include <time.h>

#include "core/batch/timestamp.h"
#include "tests/unit/batch/support.h"

static int64_t parsed(const char *text)
{
    int64_t ms = -1;
    ck_assert_msg(tm_timestamp_parse(text, strlen(text), &ms) == 0, "%s", text);
    return ms;
}

START_TEST(forms_of_one_instant_are_equal)
{
    const int64_t at = 1767323045678;
    ck_assert_int_eq(parsed("2026-01-02T03:04:05.678Z"), at);
    ck_assert_int_eq(parsed("2026-01-02 03:04:05.678"), at);
    ck_assert_int_eq(parsed("2026-01-02t03:04:05,678z"), at);
    ck_assert_int_eq(parsed("2026-01-02T03:04:05.678999999Z"), at);
    ck_assert_int_eq(parsed("2026-01-02T04:04:05.678+01:00"), at);
    ck_assert_int_eq(parsed("2026-01-02T04:04:05.678+0100"), at);
    ck_assert_int_eq(parsed("2026-01-02T04:04:05.678+01"), at);
    ck_assert_int_eq(parsed("2026-01-01T22:34:05.678-04:30"), at);
    ck_assert_int_eq(parsed("+002026-01-02T03:04:05.678Z"), at);
}
END_TEST

START_TEST(parts_may_be_left_out)
{
    ck_assert_int_eq(parsed("2026-01-02"), 1767312000000);
    ck_assert_int_eq(parsed("2026-01-02T03:04"), 1767323040000);
    ck_assert_int_eq(parsed("2026-01-02T03:04:05.6Z"), 1767323045600);
    ck_assert_int_eq(parsed("1970-01-01"), 0);
    ck_assert_int_eq(parsed("1969-12-31T23:59:59.999Z"), -1);
}
END_TEST

START_TEST(what_is_no_timestamp_is_refused)
{
    static const char *const texts[] = {
        "",
        "2026",
        "2026-1-2",
        "2026-13-01",
        "2026-00-01",
        "2026-02-29",
        "2026-02-30",
        "1900-02-29",
        "2026-01-00",
        "2026-01-02T",
        "2026-01-02T03",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:00Z",
        "2026-01-02T03:04:60Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05Zx",
        "2026-01-02T03:04:05+1",
        "2026-01-02T03:04:05+01:",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02x03:04:05",
        " 2026-01-02",
        "2026-01-02 ",
        "12026-01-02",
        "+999999999-01-01T00:00:00Z",
        "-999999999-01-01T00:00:00Z",
        "yesterday",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t ms;
        ck_assert_msg(tm_timestamp_parse(texts[i], strlen(texts[i]), &ms) == TM_E_BAD_TIMESTAMP,
                      "%s", texts[i]);
    }
}
END_TEST

START_TEST(length_bounds_the_text)
{
    int64_t ms;
    ck_assert_int_eq(tm_timestamp_parse("2026-01-02T03:04:05Z", 10, &ms), 0);
    ck_assert_int_eq(ms, 1767312000000);
    for (size_t len = 0; len < 10; len++)
        ck_assert_int_eq(tm_timestamp_parse("2026-01-02", len, &ms), TM_E_BAD_TIMESTAMP);
}
END_TEST

START_TEST(every_day_of_1200_years_agrees_with_the_c_library)
{
    for (int64_t day = -300000; day < 140000; day++) {
        time_t t = (time_t)(day * 86400);
        struct tm tm;
        gmtime_r(&t, &tm);
        char expected[48], got[32];
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT00:00:00.000Z", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday);
        tm_timestamp_format(day * 86400000, got);
        ck_assert_str_eq(got, expected);
        ck_assert_int_eq(parsed(got), day * 86400000);
    }
}
END_TEST

START_TEST(random_instants_of_the_whole_range_round_trip)
{
    struct support_random r = support_seed("timestamps");
    for (int i = 0; i < 200000; i++) {
        int64_t ms = (int64_t)support_next(&r) >> support_below(&r, 40);
        char text[32];
        size_t len = tm_timestamp_format(ms, text);
        ck_assert_uint_eq(len, strlen(text));
        ck_assert_uint_lt(len, 32);
        ck_assert_msg(parsed(text) == ms, "%s", text);
    }
}
END_TEST

START_TEST(years_outside_four_digits_have_a_sign)
{
    char text[32];
    tm_timestamp_format(253402300800000, text);
    ck_assert_str_eq(text, "+010000-01-01T00:00:00.000Z");
    tm_timestamp_format(-62167219200001, text);
    ck_assert_str_eq(text, "-000001-12-31T23:59:59.999Z");
    tm_timestamp_format(-62167219200000, text);
    ck_assert_str_eq(text, "0000-01-01T00:00:00.000Z");
    tm_timestamp_format(INT64_MIN, text);
    ck_assert_str_eq(text, "-292275055-05-16T16:47:04.192Z");
    ck_assert_int_eq(parsed(text), INT64_MIN);
    tm_timestamp_format(INT64_MAX, text);
    ck_assert_str_eq(text, "+292278994-08-17T07:12:55.807Z");
    ck_assert_int_eq(parsed(text), INT64_MAX);
}
END_TEST

SUPPORT_MAIN("timestamp", forms_of_one_instant_are_equal, parts_may_be_left_out,
             what_is_no_timestamp_is_refused, length_bounds_the_text,
             every_day_of_1200_years_agrees_with_the_c_library,
             random_instants_of_the_whole_range_round_trip, years_outside_four_digits_have_a_sign)
