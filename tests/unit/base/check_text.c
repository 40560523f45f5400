// Text helpers: nearest names, durations, sizes, UTF-8, figures for people.
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"

static const char *const fields[] = {"user_id", "amount", "country", "ts", "sum"};

static const char *nearest(const char *given)
{
    return tm_text_nearest(given, fields, 5);
}

START_TEST(the_nearest_name_is_found)
{
    ck_assert_str_eq(nearest("amuont"), "amount"); // one transposition
    ck_assert_str_eq(nearest("amont"), "amount");
    ck_assert_str_eq(nearest("Country"), "country");
    ck_assert_str_eq(nearest("userId"), "user_id");
    ck_assert_str_eq(nearest("smu"), "sum");
    ck_assert_str_eq(nearest("AMOUNT"), "amount");
    ck_assert_str_eq(nearest("user"), "user_id"); // its beginning
    ck_assert_str_eq(nearest("Country_code"), "country");
}
END_TEST

START_TEST(a_name_that_is_far_is_not_suggested)
{
    ck_assert_ptr_null(nearest("price"));
    ck_assert_ptr_null(nearest(""));
    ck_assert_ptr_null(nearest("x"));
    ck_assert_ptr_null(tm_text_nearest("amount", NULL, 0));
    static char huge[100000];
    memset(huge, 'a', sizeof(huge) - 1);
    ck_assert_ptr_null(nearest(huge));
    const char *const huges[] = {huge};
    ck_assert_ptr_null(tm_text_nearest("aaaa", huges, 1));
}
END_TEST

START_TEST(durations_parse)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"250ms", 250},
                {"5s", 5000},
                {"10m", 600000},
                {"1h", 3600000},
                {"1d", 86400000},
                {"0", 0},
                {"1500", 1500},
                {"9223372036854775807", INT64_MAX},
                {"106751991167d", 9223372036828800000}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ms = -1;
        ck_assert_int_eq(tm_text_duration_ms(good[i].text, &ms), 0);
        ck_assert_int_eq(ms, good[i].ms);
    }
    static const char *const bad[] = {"",
                                      "s",
                                      "-5s",
                                      "5 s",
                                      "5S",
                                      "1.5s",
                                      " 5s",
                                      "5sec",
                                      "5s ",
                                      "9223372036854775808",
                                      "106751991168d",
                                      "0x10"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms;
        ck_assert_int_eq(tm_text_duration_ms(bad[i], &ms), TM_E_ARGUMENT);
    }
}
END_TEST

START_TEST(sizes_parse)
{
    int64_t bytes;
    ck_assert_int_eq(tm_text_size_bytes("64KB", &bytes), 0);
    ck_assert_int_eq(bytes, 65536);
    ck_assert_int_eq(tm_text_size_bytes("128MB", &bytes), 0);
    ck_assert_int_eq(bytes, 128 << 20);
    ck_assert_int_eq(tm_text_size_bytes("1GB", &bytes), 0);
    ck_assert_int_eq(bytes, 1 << 30);
    ck_assert_int_eq(tm_text_size_bytes("12", &bytes), 0);
    ck_assert_int_eq(bytes, 12);
    ck_assert_int_eq(tm_text_size_bytes("9999999999TB", &bytes), TM_E_ARGUMENT);
    ck_assert_int_eq(tm_text_size_bytes("1XB", &bytes), TM_E_ARGUMENT);
    ck_assert_int_eq(tm_text_size_bytes("-1", &bytes), TM_E_ARGUMENT);
}
END_TEST

// The definition, written the slow way: decode to a code point, encode again, compare.
static bool is_utf8_slow(const uint8_t *p, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n = p[at] < 0x80 ? 1 : (p[at] >> 5) == 6 ? 2 : (p[at] >> 4) == 14 ? 3 : 4;
        if (n == 4 && (p[at] >> 3) != 30)
            return false;
        if (n > len - at)
            return false;
        uint32_t c = n == 1 ? p[at] : (uint32_t)(p[at] & (0x7F >> n));
        for (size_t i = 1; i < n; i++) {
            if ((p[at + i] >> 6) != 2)
                return false;
            c = c << 6 | (p[at + i] & 0x3F);
        }
        size_t shortest = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        if (n != shortest || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
            return false;
        at += n;
    }
    return true;
}

START_TEST(utf8_is_what_its_definition_says)
{
    uint8_t p[4];
    size_t good = 0;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            p[0] = (uint8_t)a;
            p[1] = (uint8_t)b;
            static const uint8_t ends[] = {0x00, 0x41, 0x7F, 0x80, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
            for (size_t c = 0; c < sizeof(ends); c++)
                for (size_t d = 0; d < sizeof(ends); d++) {
                    p[2] = ends[c];
                    p[3] = ends[d];
                    for (size_t len = 0; len <= 4; len++) {
                        bool want = is_utf8_slow(p, len);
                        good += want;
                        if (tm_text_is_utf8(p, len) != want)
                            ck_abort_msg("%02x %02x %02x %02x, %zu bytes", p[0], p[1], p[2], p[3],
                                         len);
                    }
                }
        }
    }
    ck_assert_uint_gt(good, 1000);
}
END_TEST

START_TEST(a_broken_byte_is_found_at_any_place)
{
    char text[40];
    for (size_t len = 1; len <= 40; len++)
        for (size_t at = 0; at < len; at++) {
            memset(text, 'a', sizeof(text));
            ck_assert(tm_text_is_utf8(text, len));
            text[at] = (char)0xFF;
            ck_assert(!tm_text_is_utf8(text, len));
        }
}
END_TEST

START_TEST(figures_for_people)
{
    char b[32];
    ck_assert_str_eq(tm_text_signal(11, b), "SIGSEGV");
    ck_assert_str_eq(tm_text_signal(5, b), "SIGTRAP");
    ck_assert_str_eq(tm_text_signal(99, b), "signal 99");
    ck_assert_str_eq(tm_text_duration(0, b), "0ms");
    ck_assert_str_eq(tm_text_duration(999, b), "999ms");
    ck_assert_str_eq(tm_text_duration(5000, b), "5s");
    ck_assert_str_eq(tm_text_duration(5250, b), "5.2s");
    ck_assert_str_eq(tm_text_duration(65000, b), "1m 5s");
    ck_assert_str_eq(tm_text_duration(-7260000, b), "-2h 1m");
    ck_assert_str_eq(tm_text_duration(90000000, b), "1d 1h");
    ck_assert_uint_lt(strlen(tm_text_duration(INT64_MIN, b)), 32);
    ck_assert_str_eq(tm_text_size(1023, b), "1023 B");
    ck_assert_str_eq(tm_text_size(1024, b), "1.0 KB");
    ck_assert_str_eq(tm_text_size(1048575, b), "1.0 MB");
    ck_assert_str_eq(tm_text_size(2516582, b), "2.4 MB");
    ck_assert_str_eq(tm_text_size(-2048, b), "-2.0 KB");
    ck_assert_str_eq(tm_text_size(INT64_MIN, b), "-8.0 EB");
    ck_assert_str_eq(tm_text_count(0, b), "0");
    ck_assert_str_eq(tm_text_count(999, b), "999");
    ck_assert_str_eq(tm_text_count(1234567, b), "1,234,567");
    ck_assert_str_eq(tm_text_count(-1000, b), "-1,000");
    ck_assert_str_eq(tm_text_count(INT64_MIN, b), "-9,223,372,036,854,775,808");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tcase = tcase_create("text");
    tcase_add_test(tcase, the_nearest_name_is_found);
    tcase_add_test(tcase, a_name_that_is_far_is_not_suggested);
    tcase_add_test(tcase, durations_parse);
    tcase_add_test(tcase, sizes_parse);
    tcase_add_test(tcase, utf8_is_what_its_definition_says);
    tcase_add_test(tcase, a_broken_byte_is_found_at_any_place);
    tcase_add_test(tcase, figures_for_people);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
