// Regular expressions: bounds of a match, memory, what cannot be reached from Lua.
#include "core/base/limits.h"
#include "tests/unit/text/support.h"

static struct tm_regex *make(const char *pattern, int32_t flags)
{
    struct tm_regex *regex = tm_regex_new(text, S(pattern), flags);
    ck_assert_msg(regex != NULL, "%s: %d", pattern, tm_regex_code(text));
    return regex;
}

START_TEST(a_match_has_the_places_of_its_groups)
{
    struct tm_regex *regex = make("(?<a>x+)(y)?(z)", 0);
    char *s = exact("..xxz", 5);

    ck_assert_int_eq(tm_regex_captures(regex), 3);
    ck_assert_str_eq(tm_regex_name(regex, 1), "a");
    ck_assert_ptr_null(tm_regex_name(regex, 2));
    ck_assert_int_eq(tm_regex_find(regex, s, 5, 0, 0), 1);
    static const int32_t expected[] = {2, 5, 2, 4, -1, -1, 4, 5};
    ck_assert_mem_eq(text->spans, expected, sizeof expected);
    ck_assert_int_eq(tm_regex_find(regex, s, 5, 4, 0), 0);
    ck_assert_int_eq(tm_regex_find(regex, s, 5, 5, 0), 0);
    free(s);
    tm_regex_free(regex);
}
END_TEST

START_TEST(a_catastrophic_pattern_is_given_up)
{
    static const char *const patterns[] = {"^(a+)+$", "(*NO_JIT)^(a+)+$", "^(?:a|aa)+$"};
    for (size_t i = 0; i < 3; i++) {
        struct tm_regex *regex = make(patterns[i], 0);
        char s[64];
        memset(s, 'a', sizeof s);
        s[63] = '!';
        ck_assert_int_eq(tm_regex_test(regex, s, sizeof s), TM_E_LIMIT);
        ck_assert_int_eq(tm_regex_find(regex, s, sizeof s, 0, 0), TM_E_LIMIT);
        ck_assert_int_eq(tm_regex_count(regex, s, sizeof s), TM_E_LIMIT);
        ck_assert_int_eq(tm_regex_split(regex, s, sizeof s, -1), TM_E_LIMIT);
        ck_assert_int_eq(tm_regex_replace(regex, s, sizeof s, S("x"), -1), TM_E_LIMIT);
        ck_assert_int_eq(tm_regex_test(regex, s, 3), 1); // and goes on to work
        tm_regex_free(regex);
    }
}
END_TEST

START_TEST(deep_backtracking_has_room_for_a_large_record)
{
    struct tm_regex *regex = make("^(?:a|b)*$", 0);
    char *s = malloc(TM_RECORD_BYTES);

    memset(s, 'b', TM_RECORD_BYTES);
    ck_assert_int_eq(tm_regex_test(regex, s, TM_RECORD_BYTES), 1);
    free(s);
    tm_regex_free(regex);
}
END_TEST

START_TEST(bytes_and_characters_are_kept_apart)
{
    struct tm_regex *characters = make("^.$", 0), *bytes = make("^..$", TM_REGEX_BYTES);

    ck_assert_int_eq(tm_regex_test(characters, S("\xC3\xA9")), 1);
    ck_assert_int_eq(tm_regex_test(bytes, S("\xC3\xA9")), 1);
    ck_assert_int_eq(tm_regex_test(bytes, S("\xC3\xFF")), 1);
    ck_assert_int_eq(tm_regex_test(characters, S("\xC3\xFF")), TM_E_BAD_UTF8);
    ck_assert_ptr_null(tm_regex_new(text, S("(*UTF)."), TM_REGEX_BYTES));
    ck_assert_int_eq(tm_regex_code(text), TM_E_ARGUMENT);
    tm_regex_free(characters);
    tm_regex_free(bytes);
}
END_TEST

START_TEST(a_start_moved_by_k_stays_within_the_text)
{
    static const char *const patterns[] = {"(?<=(?1)c)|b|(a\\K)", "(?=(?1))a|(ab\\K)zz",
                                           "(?<=(?1))x?|(a\\Kc)", "x\\K"};
    uint64_t seed = take_seed("a start moved by \\K");
    for (size_t i = 0; i < 4; i++) {
        struct tm_regex *regex = make(patterns[i], 0);
        for (int n = 0; n < 2000; n++) {
            char s[12];
            uint32_t len = draw(&seed, sizeof s);
            for (uint32_t k = 0; k < len; k++)
                s[k] = "abcxz"[draw(&seed, 5)];
            int32_t count = tm_regex_count(regex, s, len);
            ck_assert_int_ge(count, 0);
            ck_assert_int_le(count, 2 * (int32_t)len + 1);
            int32_t rc = tm_regex_replace(regex, s, len, S("<$0>"), -1);
            ck_assert_int_ge(rc, TM_TEXT_SAME);
            ck_assert_int_ge(tm_regex_split(regex, s, len, -1), 1);
        }
        tm_regex_free(regex);
    }
}
END_TEST

START_TEST(wrong_patterns_have_a_place_and_leave_nothing)
{
    int64_t before;
    tm_regex_free(make("a", 0));
    ck_assert_ptr_null(tm_regex_new(text, S("ab("), 0)); // makes room for the message
    before = atomic_load(&mem.used_bytes);
    ck_assert_ptr_null(tm_regex_new(text, S("a|*"), 0));
    ck_assert_int_eq(tm_regex_code(text), TM_E_ARGUMENT);
    ck_assert_int_eq(text->from, 2);
    ck_assert_int_gt(text->to, 0);
    ck_assert_int_eq(atomic_load(&mem.used_bytes), before);
}
END_TEST

START_TEST(memory_that_runs_out_is_told)
{
    for (int64_t limit = 1000; limit < 40000; limit += 500) {
        mem.limit_bytes = atomic_load(&mem.used_bytes) + limit;
        struct tm_regex *regex = tm_regex_new(text, S("(?<n>a+)(b)(c)[d-f]+"), 0);
        if (regex == NULL) {
            ck_assert_int_eq(tm_regex_code(text), TM_E_MEMORY);
            continue;
        }
        int32_t rc = tm_regex_find(regex, S("aabcd"), 0, 0);
        ck_assert_msg(rc == 1 || rc == TM_E_MEMORY, "%d", rc);
        tm_regex_free(regex);
    }
    mem.limit_bytes = 0;
}
END_TEST

START_TEST(those_that_are_left_go_with_the_state)
{
    for (int i = 0; i < TM_REGEX_MAX; i++)
        (void)make("left", 0);
    ck_assert_ptr_null(tm_regex_new(text, S("one more"), 0));
    ck_assert_int_eq(tm_regex_code(text), TM_E_LIMIT);
}
END_TEST

START_TEST(replacing_knows_its_groups)
{
    struct tm_regex *regex = make("(?<k>\\w)(x)?", 0);

    GIVES("[a][b]", tm_regex_replace(regex, S("ab"), S("[${k}$2]"), -1), "ab");
    GIVES("$b", tm_regex_replace(regex, S("ab"), S("$$"), 1), "ab");
    ck_assert_int_eq(tm_regex_replace(regex, S("ab"), S("x$3"), -1), TM_E_ARGUMENT);
    ck_assert_int_eq(text->from, 1);
    ck_assert_int_eq(tm_regex_replace(regex, S("ab"), S("${99999999999999999999}"), -1),
                     TM_E_ARGUMENT);
    tm_regex_free(regex);
}
END_TEST

RUN("regex", a_match_has_the_places_of_its_groups, a_catastrophic_pattern_is_given_up,
    deep_backtracking_has_room_for_a_large_record, bytes_and_characters_are_kept_apart,
    a_start_moved_by_k_stays_within_the_text, wrong_patterns_have_a_place_and_leave_nothing,
    memory_that_runs_out_is_told, those_that_are_left_go_with_the_state, replacing_knows_its_groups)
