// Strings cut, trimmed, searched, replaced, padded and renamed: edges that the cases from Python
// (tests/spec/library) do not name.
#include "tests/unit/text/support.h"

START_TEST(characters_are_counted_and_not_bytes)
{
    ck_assert_int_eq(tm_text_length(S("")), 0);
    ck_assert_int_eq(tm_text_length(S("\xC3\xA9\xE4\xB8\x96")), 2);
    ck_assert_int_eq(tm_text_length(S("a\xFF\xC3")), 3); // what is no UTF-8 counts byte by byte
    GIVES("\xC3\xA9", tm_text_sub(text, S("a\xC3\xA9z"), 2, 2), "a\xC3\xA9z");
    GIVES("", tm_text_sub(text, S("abc"), 3, 2), "abc");
    GIVES("abc", tm_text_sub(text, S("abc"), INT32_MIN, INT32_MAX), "abc");
    GIVES("", tm_text_sub(text, S("abc"), INT32_MAX, INT32_MAX), "abc");
    GIVES("", tm_text_cut(text, S("\xE4\xB8\x96"), 2), "\xE4\xB8\x96");
}
END_TEST

START_TEST(a_result_that_is_the_argument_makes_no_copy)
{
    ck_assert_int_eq(tm_text_sub(text, S("abc"), 1, -1), TM_TEXT_SAME);
    ck_assert_int_eq(tm_text_trim(text, S("abc"), NULL, 0, 3), TM_TEXT_SAME);
    ck_assert_int_eq(tm_text_trim(text, S(" abc"), NULL, 0, 3), TM_TEXT_PART);
    ck_assert_int_eq(tm_text_upper(text, S("A1")), TM_TEXT_SAME);
    ck_assert_int_eq(tm_text_replace(text, S("abc"), S("x"), S("y"), -1), TM_TEXT_SAME);
    ck_assert_int_eq(tm_text_pad(text, S("abc"), 3, S(" "), true), TM_TEXT_SAME);
    ck_assert_int_eq(tm_text_scrub(text, S("abc")), TM_TEXT_SAME);
    ck_assert_int_eq(tm_text_strip_ansi(text, S("abc")), TM_TEXT_SAME);
    ck_assert_int_eq(tm_text_capitalize(text, S("Abc")), TM_TEXT_SAME);
}
END_TEST

START_TEST(parts_are_counted_from_both_ends)
{
    GIVES("a", tm_text_part(text, S("a::b::"), S("::"), 1), "a::b::");
    GIVES("", tm_text_part(text, S("a::b::"), S("::"), 3), "a::b::");
    GIVES("", tm_text_part(text, S("a::b::"), S("::"), -1), "a::b::");
    GIVES("a", tm_text_part(text, S("a::b::"), S("::"), -3), "a::b::");
    GIVES_NONE(tm_text_part(text, S("a::b::"), S("::"), 4));
    GIVES_NONE(tm_text_part(text, S("a::b::"), S("::"), -4));
}
END_TEST

START_TEST(places_are_characters)
{
    ck_assert_int_eq(tm_text_find(text, S("\xC3\xA9\xC3\xA9x"), S("x"), 1), 3);
    ck_assert_int_eq(tm_text_find(text, S("abab"), S("ab"), 2), 3);
    ck_assert_int_eq(tm_text_find(text, S("abab"), S("ab"), -1), 0);
    ck_assert_int_eq(tm_text_find(text, S("ab"), S(""), 3), 3);
    ck_assert_int_eq(tm_text_find(text, S("ab"), S(""), 4), 0);
    ck_assert_int_eq(tm_text_find(text, S(""), S("a"), 1), 0);
    ck_assert_int_eq(tm_text_occurrences(S("aaaa"), S("aa")), 2);
}
END_TEST

START_TEST(case_changes_one_character_for_one)
{
    GIVES("STRA\xC3\x9F"
          "E",
          tm_text_upper(text, S("stra\xC3\x9F"
                                "e")),
          "");                                                     // not SS
    GIVES("\xE2\xB1\xA5", tm_text_lower(text, S("\xC8\xBA")), ""); // grows by a byte
    GIVES("O'neil's Caf\xC3\xA9", tm_text_title(text, S("o'NEIL'S caf\xC3\x89")), "");
    GIVES("\xFF\xFE"
          "A",
          tm_text_upper(text, S("\xFF\xFE"
                                "a")),
          "");
}
END_TEST

START_TEST(names_have_four_styles)
{
    static const char *const expected[] = {"http_server2_id", "http-server2-id", "httpServer2Id",
                                           "HttpServer2Id"};
    for (int style = 0; style < 4; style++)
        GIVES(expected[style], tm_text_restyle(text, S("HTTPServer2 ID"), style), "");
}
END_TEST

START_TEST(broken_utf8_is_scrubbed_as_unicode_recommends)
{
#define R "\xEF\xBF\xBD"
    GIVES("a" R "b",
          tm_text_scrub(text, S("a\xE4\xB8"
                                "b")),
          ""); // cut short: one for both bytes
    GIVES(R R, tm_text_scrub(text, S("\xC0\x80")), "");
    GIVES(R R R, tm_text_scrub(text, S("\xED\xA0\x80")), "");
    ck_assert_int_eq(tm_text_bad_byte(S("ab\xC3\xA9\xFF")), 4);
    ck_assert_int_eq(tm_text_bad_byte(S("ab\xC3\xA9")), -1);
}
END_TEST

START_TEST(sequences_of_terminals_go)
{
    GIVES("ab",
          tm_text_strip_ansi(text, S("\x1B[1;31ma\x1B]0;t\x07"
                                     "b\x1B(B\x1B[")),
          "");
    GIVES("x", tm_text_strip_ansi(text, S("\x1B]8;;u\x1B\\x\x1B]never closed")), "");
}
END_TEST

START_TEST(results_have_a_limit)
{
    mem.limit_bytes = 100000;
    ck_assert_int_eq(tm_text_pad(text, S("a"), 1000000, S(" "), true), TM_E_MEMORY);
    mem.limit_bytes = 0;
    ck_assert_int_eq(tm_text_pad(text, S("a"), INT32_MAX, S(" "), false), TM_E_LIMIT);
    ck_assert_int_eq(tm_text_pad(text, S("a"), 64 * 1024 * 1024 + 1, S(" "), true), TM_E_LIMIT);
}
END_TEST

START_TEST(distances_are_levenshteins)
{
    ck_assert_int_eq(tm_text_distance(text, S("kitten"), S("sitting")), 3);
    ck_assert_int_eq(tm_text_distance(text, S(""), S("\xC3\xA9\xFF")), 2);
    static char huge[5000];
    ck_assert_int_eq(tm_text_distance(text, huge, sizeof huge, S("")), TM_E_LIMIT);
}
END_TEST

RUN("string", characters_are_counted_and_not_bytes, a_result_that_is_the_argument_makes_no_copy,
    parts_are_counted_from_both_ends, places_are_characters, case_changes_one_character_for_one,
    names_have_four_styles, broken_utf8_is_scrubbed_as_unicode_recommends,
    sequences_of_terminals_go, results_have_a_limit, distances_are_levenshteins)
