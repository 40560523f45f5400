// Numbers, addresses, hashes, masks and URLs: edges that the cases from Python do not name.
#include <math.h>

#include "core/batch/decimal.ffi.h"
#include "tests/unit/text/support.h"

START_TEST(numbers_are_read_in_full_or_not_at_all)
{
    char *s = exact("12.5", 4);
    ck_assert_int_eq(tm_number_parse(text, s, 4), 0);
    ck_assert_double_eq(text->number, 12.5);
    ck_assert_int_eq(tm_number_parse(text, s, 2), 0);
    ck_assert_double_eq(text->number, 12);
    GIVES_NONE(tm_number_parse(text, s, 3));
    free(s);
    GIVES_NONE(tm_number_parse(text, S("")));
    GIVES_NONE(tm_number_parse(text, S("1e400")));
    GIVES_NONE(tm_number_parse_int(text, S("9007199254740993"), 10));
    ck_assert_int_eq(tm_number_parse_int(text, S("-zz"), 36), 0);
    ck_assert_double_eq(text->number, -1295);
}
END_TEST

START_TEST(rounding_goes_by_the_shortest_text)
{
    ck_assert_double_eq(tm_number_round(2.675, 2, false), 2.68);
    ck_assert_double_eq(tm_number_round(-2.675, 2, false), -2.68);
    ck_assert_double_eq(tm_number_round(2.5, 0, true), 2);
    ck_assert_double_eq(tm_number_round(1e300, 22, false), 1e300);
    ck_assert_double_eq(tm_number_round(5e-324, 22, false), 0);
    ck_assert_int_eq(signbit(tm_number_round(-0.2, 0, false)), 0);
    ck_assert(isnan(tm_number_round(NAN, 0, false)));
}
END_TEST

START_TEST(numbers_are_written_whatever_their_size)
{
    GIVES("0.00", tm_number_format(text, -0.001, 2, S(","), S(".")), "");
    GIVES("-1,000", tm_number_format(text, -999.5, 0, S(","), S(".")), "");
    ck_assert_int_eq(tm_number_format(text, 1e308, 22, S(","), S(".")), 309 + 102 + 1 + 22);
    GIVES_NONE(tm_number_format(text, INFINITY, 2, S(","), S(".")));
    const struct tm_decimal_value value = {.low = 12345, .high = 0, .scale = 3};
    GIVES("12.35", tm_number_format_decimal(text, &value, 2, S(","), S(".")), "");
    GIVES("12;345000", tm_number_format_decimal(text, &value, 6, S(","), S(";")), "");
    GIVES("-20000000000000", tm_number_to_base(text, -9007199254740992.0, 16), "");
    ck_assert_int_eq(tm_number_to_base(text, 9007199254740992.0, 2), 54);
}
END_TEST

START_TEST(addresses_are_of_one_form)
{
    static const char *const bad[] = {"",        "1.2.3",   "01.2.3.4",       "1.2.3.256",
                                      ":",       ":::",     "1::2::3",        "1:2:3:4:5:6:7:8:9",
                                      "::1.2.3", "12345::", "1:2:3:4:5:6:7:", "fe80::1%eth0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        GIVES_NONE(tm_ip_version(S(bad[i])));
    GIVES("::ffff:1.2.3.4", tm_ip_canonical(text, S("::FFFF:102:304")), "");
    GIVES("1:0:0:2::", tm_ip_canonical(text, S("1:0:0:2:0:0:0:0")), "");
    ck_assert_int_eq(tm_ip_kind(S("172.31.255.255")), TM_IP_PRIVATE);
    ck_assert_int_eq(tm_ip_within(S("1.2.3.4"), S("0.0.0.0/0")), 1);
    ck_assert_int_eq(tm_ip_within(S("::1"), S("0.0.0.0/0")), 0);
    ck_assert_int_eq(tm_ip_within(S("1.2.3.4"), S("0.0.0.0/33")), TM_E_ARGUMENT);
    ck_assert_int_eq(tm_ip_within(S("1.2.3.4"), S("0.0.0.0/")), TM_E_ARGUMENT);
}
END_TEST

START_TEST(digests_are_those_of_the_standards)
{
    GIVES("a9993e364706816aba3e25717850c26c9cd0d89d", tm_digest(text, TM_DIGEST_SHA1, S("abc")),
          "");
    GIVES("23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
          tm_digest(text, TM_DIGEST_SHA224, S("abc")), "");
    ck_assert_int_eq(tm_digest(text, TM_DIGEST_SHA384, S("")), 96);
    GIVES(
        "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
        tm_hmac(text, TM_DIGEST_SHA256, S("The quick brown fox jumps over the lazy dog"), S("key")),
        "");
    ck_assert_uint_eq(tm_digest_crc32(S("123456789")), 0xCBF43926);
    GIVES_NONE(tm_digest_uuid5(text, S("a"), S("6ba7b810-9dad-11d1-80b4_00c04fd430c8")));
}
END_TEST

START_TEST(buckets_are_even)
{
    uint32_t counts[7] = {0};
    for (int i = 0; i < 7000; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "key %d", i);
        counts[tm_digest_bucket(key, (uint32_t)len, 7)]++;
    }
    for (int b = 0; b < 7; b++)
        ck_assert(counts[b] > 850 && counts[b] < 1150);
}
END_TEST

START_TEST(masks_hide_what_they_are_for)
{
    GIVES("*****", tm_mask_middle(text, S("short"), 3, 3, S("*")), ""); // never shown whole
    GIVES("s...t", tm_mask_middle(text, S("short"), 1, 1, S(".")), "");
    GIVES("4111111111111112", tm_mask_cards(text, S("4111111111111112")), "4111111111111112");
    GIVES("a************1111b", tm_mask_cards(text, S("a4111111111111111b")), "");
    GIVES("a***@b.c,d***@e.f @ x@y", tm_mask_emails(text, S("a@b.c,d@e.f @ x@y")), "");
}
END_TEST

START_TEST(urls_have_their_parts_or_are_none)
{
    ck_assert_int_eq(tm_url_split(text, S("http://u:p@[::1]:80/a?b#c")), 1);
    static const int32_t expected[] = {0, 4, 7, 8, 9, 10, 12, 15, 17, 19, 19, 21, 22, 23, 24, 25};
    ck_assert_mem_eq(text->spans, expected, sizeof expected);
    GIVES_NONE(tm_url_split(text, S("no url")));
    GIVES_NONE(tm_url_split(text, S("http://h:65536/")));
    GIVES_NONE(tm_url_part(text, S("http://h/"), TM_URL_PORT));
}
END_TEST

RUN("values", numbers_are_read_in_full_or_not_at_all, rounding_goes_by_the_shortest_text,
    numbers_are_written_whatever_their_size, addresses_are_of_one_form,
    digests_are_those_of_the_standards, buckets_are_even, masks_hide_what_they_are_for,
    urls_have_their_parts_or_are_none)
