// What is JSON and what is not, case by case, after the matters that the JSON test suite of Nicolas
// Seriot looks into; the texts are our own. Each is read with one column that takes whole records:
// by the fast way, by the careful one, and as a record that is no line.
//
//   y_  must be read     n_  must be refused     i_  RFC 8259 leaves it open: what is said here
#include "tests/unit/format/format_test.h"

struct json_case {
    const char *name;
    const char *text;
    size_t len;
};
#define CASE(name, text)             \
    {                                \
        name, text, sizeof(text) - 1 \
    }

static const struct json_case good[] = {
    // numbers
    CASE("y_number_zero", "0"),
    CASE("y_number_minus_zero", "-0"),
    CASE("y_number_minus_zero_in_array", "[-0]"),
    CASE("y_number_one_digit", "[7]"),
    CASE("y_number_negative", "[-123]"),
    CASE("y_number_fraction", "[0.5]"),
    CASE("y_number_fraction_zeros", "[10.000]"),
    CASE("y_number_tiny_fraction", "[-0.00000000000000000000000000000000000000000000000001]"),
    CASE("y_number_exponent", "[1e5]"),
    CASE("y_number_exponent_capital", "[1E5]"),
    CASE("y_number_exponent_plus", "[1e+2]"),
    CASE("y_number_exponent_minus", "[1E-2]"),
    CASE("y_number_exponent_zeros", "[1e00]"),
    CASE("y_number_zero_exponent", "[0e1]"),
    CASE("y_number_zero_exponent_plus", "[0e+1]"),
    CASE("y_number_fraction_exponent", "[123.456e78]"),
    CASE("y_number_minus_zero_exponent", "[-0e-0]"),
    CASE("y_number_behind_space", "[ 4]"),
    CASE("y_number_before_space", "[4 ]"),
    CASE("y_number_int64_max", "[9223372036854775807]"),
    CASE("y_number_int64_min", "[-9223372036854775808]"),
    CASE("y_number_uint64_max", "[18446744073709551615]"),
    CASE("y_number_many_digits", "[3.14159265358979323846264338327950288419716939937510]"),
    CASE("y_number_fifteen_digits", "[123456789012345]"),
    CASE("y_number_sixteen_digits", "[1234567890123456]"),
    CASE("y_number_in_object", "{\"n\":-1.5e-7}"),
    // strings
    CASE("y_string_empty", "\"\""),
    CASE("y_string_plain", "[\"abc\"]"),
    CASE("y_string_space", "\" \""),
    CASE("y_string_sixteen", "[\"0123456789abcdef\"]"),
    CASE("y_string_quote_at_fifteen", "[\"0123456789abcd\\\"e\"]"),
    CASE("y_string_escape_across_chunks", "[\"0123456789abcde\\\\f\"]"),
    CASE("y_string_quote", "[\"\\\"\"]"),
    CASE("y_string_backslash", "[\"\\\\\"]"),
    CASE("y_string_backslashes", "[\"\\\\\\\\\"]"),
    CASE("y_string_slash", "[\"\\/\"]"),
    CASE("y_string_bare_slash", "[\"/\"]"),
    CASE("y_string_letters", "[\"\\b\\f\\n\\r\\t\"]"),
    CASE("y_string_escaped_zero", "[\"\\u0000\"]"),
    CASE("y_string_escaped_control", "[\"\\u0012\"]"),
    CASE("y_string_hex_small", "[\"\\u00e9\"]"),
    CASE("y_string_hex_capital", "[\"\\u00E9\"]"),
    CASE("y_string_hex_three_bytes", "[\"\\u20ac\"]"),
    CASE("y_string_surrogates", "[\"\\ud83d\\ude00\"]"),
    CASE("y_string_surrogates_last", "[\"\\uDBFF\\uDFFF\"]"),
    CASE("y_string_surrogates_twice", "[\"\\ud83d\\ude00\\ud83d\\ude01\"]"),
    CASE("y_string_noncharacter", "[\"\\uFFFF\"]"),
    CASE("y_string_u_then_digits", "[\"\\u00611\"]"),
    CASE("y_string_backslash_then_u", "[\"\\\\u0000\"]"),
    CASE("y_string_utf8_two", "[\"\xc3\xa9\"]"),
    CASE("y_string_utf8_three", "[\"\xe2\x82\xac\"]"),
    CASE("y_string_utf8_four", "[\"\xf0\x9f\x98\x80\"]"),
    CASE("y_string_utf8_last", "[\"\xf4\x8f\xbf\xbf\"]"),
    CASE("y_string_delete", "[\"\x7f\"]"),
    CASE("y_string_line_separators", "[\"\xe2\x80\xa8\xe2\x80\xa9\"]"),
    CASE("y_string_no_break_space", "[\"\xc2\xa0\"]"),
    CASE("y_string_brackets", "[\"[]{},:\"]"),
    CASE("y_string_comment", "[\"/* no */ // comment\"]"),
    CASE("y_string_apostrophe", "[\"it's\"]"),
    // structure
    CASE("y_array_empty", "[]"),
    CASE("y_array_spaces", "[ ]"),
    CASE("y_array_nested", "[[],[[]]]"),
    CASE("y_array_null", "[null]"),
    CASE("y_array_of_all", "[null,1,\"1\",{},[],true,false]"),
    CASE("y_array_many_nulls", "[1,null,null,null,2]"),
    CASE("y_object_empty", "{}"),
    CASE("y_object_spaces", "{ }"),
    CASE("y_object_one", "{\"a\":1}"),
    CASE("y_object_empty_key", "{\"\":0}"),
    CASE("y_object_repeated_key", "{\"a\":1,\"a\":2}"),
    CASE("y_object_repeated_key_and_value", "{\"a\":1,\"a\":1}"),
    CASE("y_object_escaped_key", "{\"a\\u0062\":1}"),
    CASE("y_object_zero_in_key", "{\"a\\u0000b\":1}"),
    CASE("y_object_unicode_key", "{\"\xc3\xa9\":1}"),
    CASE("y_object_long_key", "{\"a key of more than sixteen bytes, more than thirty-two\":1}"),
    CASE("y_object_nested", "{\"a\":{\"b\":{\"c\":[{\"d\":[]}]}}}"),
    CASE("y_object_spaces_around", " { \"a\" : 1 , \"b\" : [ 2 ] } "),
    CASE("y_scalar_true", "true"),
    CASE("y_scalar_false", "false"),
    CASE("y_scalar_string", "\"x\""),
    CASE("y_scalar_number", "-2.5"),
    CASE("y_space_tab", "\t[\t1\t,\t2\t]\t"),
    CASE("y_space_return", "[1\r]\r"),
    CASE("y_space_before", "  [1]"),
    CASE("y_space_after", "[1]  "),
};

// The same with line ends between tokens: no records of a line.
static const struct json_case good_lines[] = {
    CASE("y_lines_array", "[1,\n2]"),
    CASE("y_lines_object", "{\n\"a\"\n:\n1\n,\"b\":2\n}"),
    CASE("y_lines_nested", "{\"a\":[\n{\"b\":\n{}\n}\n]\n}"),
    CASE("y_lines_all_space", " \n\r\t[ \n\r\t1 \n\r\t] \n\r\t"),
};

static const struct json_case bad[] = {
    // numbers
    CASE("n_number_leading_zero", "[012]"),
    CASE("n_number_leading_zeros", "[00]"),
    CASE("n_number_minus_leading_zero", "[-012]"),
    CASE("n_number_plus", "[+1]"),
    CASE("n_number_minus", "[-]"),
    CASE("n_number_minus_alone", "-"),
    CASE("n_number_minus_space", "[- 1]"),
    CASE("n_number_two_minus", "[--1]"),
    CASE("n_number_no_digit_before_point", "[.5]"),
    CASE("n_number_minus_no_digit", "[-.5]"),
    CASE("n_number_no_digit_behind_point", "[1.]"),
    CASE("n_number_point_exponent", "[1.e1]"),
    CASE("n_number_two_points", "[1.2.3]"),
    CASE("n_number_exponent_without", "[1e]"),
    CASE("n_number_exponent_plus_without", "[1e+]"),
    CASE("n_number_exponent_twice", "[1e1e1]"),
    CASE("n_number_exponent_fraction", "[1e1.5]"),
    CASE("n_number_exponent_signs", "[1e+-1]"),
    CASE("n_number_zero_exponent_without", "[0e]"),
    CASE("n_number_hex", "[0x1F]"),
    CASE("n_number_letter_behind", "[1a]"),
    CASE("n_number_letter_behind_long", "[1234567890123456a]"),
    CASE("n_number_space_inside", "[1 000]"),
    CASE("n_number_comma_inside", "{\"a\":1,5}"),
    CASE("n_number_underscore", "[1_000]"),
    CASE("n_number_nan", "[NaN]"),
    CASE("n_number_nan_small", "[nan]"),
    CASE("n_number_infinity", "[Infinity]"),
    CASE("n_number_minus_infinity", "[-Infinity]"),
    CASE("n_number_inf", "[inf]"),
    CASE("n_number_other_digits", "[\xef\xbc\x91]"),
    CASE("n_number_colon", "[1:2]"),
    CASE("n_number_expression", "[1+2]"),
    CASE("n_number_suffix", "[1L]"),
    // strings
    CASE("n_string_not_closed", "[\"abc]"),
    CASE("n_string_not_closed_alone", "\""),
    CASE("n_string_escaped_end", "[\"abc\\\"]"),
    CASE("n_string_apostrophes", "['abc']"),
    CASE("n_string_no_quotes", "[abc]"),
    CASE("n_string_escape_x", "[\"\\x41\"]"),
    CASE("n_string_escape_a", "[\"\\a\"]"),
    CASE("n_string_escape_zero", "[\"\\0\"]"),
    CASE("n_string_escape_apostrophe", "[\"\\'\"]"),
    CASE("n_string_escape_capital_u", "[\"\\U0041\"]"),
    CASE("n_string_escape_space", "[\"\\ \"]"),
    CASE("n_string_escape_utf8", "[\"\\\xc3\xa9\"]"),
    CASE("n_string_u_short", "[\"\\u00\"]"),
    CASE("n_string_u_three", "[\"\\u004\"]"),
    CASE("n_string_u_no_hex", "[\"\\u00g0\"]"),
    CASE("n_string_u_sign", "[\"\\u+041\"]"),
    CASE("n_string_u_braces", "[\"\\u{41}\"]"),
    CASE("n_string_surrogate_then_short", "[\"\\ud83d\\u00\"]"),
    CASE("n_string_tab", "[\"a\tb\"]"),
    CASE("n_string_control", "[\"a\x01\x62\"]"),
    CASE("n_string_zero_byte", "[\"a\0b\"]"),
    CASE("n_string_return", "[\"a\rb\"]"),
    CASE("n_string_continuation_alone", "[\"\x80\"]"),
    CASE("n_string_utf8_cut", "[\"\xe2\x82\"]"),
    CASE("n_string_utf8_overlong", "[\"\xc0\xaf\"]"),
    CASE("n_string_utf8_overlong_three", "[\"\xe0\x80\xaf\"]"),
    CASE("n_string_utf8_surrogate", "[\"\xed\xa0\x80\"]"),
    CASE("n_string_utf8_beyond", "[\"\xf4\x90\x80\x80\"]"),
    CASE("n_string_utf8_five", "[\"\xf8\x88\x80\x80\x80\"]"),
    CASE("n_string_latin1", "[\"\xe9\"]"),
    CASE("n_string_ff", "[\"\xff\"]"),
    CASE("n_string_two", "[\"a\" \"b\"]"),
    CASE("n_string_text_behind", "\"a\"b"),
    CASE("n_string_fancy_quotes", "[\xe2\x80\x9c\x61\xe2\x80\x9d]"),
    // arrays
    CASE("n_array_open", "["),
    CASE("n_array_not_closed", "[1"),
    CASE("n_array_not_closed_comma", "[1,"),
    CASE("n_array_not_closed_nested", "[[1]"),
    CASE("n_array_comma_at_end", "[1,]"),
    CASE("n_array_commas_at_end", "[1,,]"),
    CASE("n_array_comma_first", "[,1]"),
    CASE("n_array_comma_alone", "[,]"),
    CASE("n_array_two_commas", "[1,,2]"),
    CASE("n_array_no_comma", "[1 2]"),
    CASE("n_array_no_comma_nested", "[[][]]"),
    CASE("n_array_semicolon", "[1;2]"),
    CASE("n_array_closed_twice", "[1]]"),
    CASE("n_array_closed_by_brace", "[1}"),
    CASE("n_array_colon", "[\"a\":1]"),
    CASE("n_array_comma_behind", "[1],"),
    CASE("n_array_value_behind", "[1] 2"),
    CASE("n_array_text_behind", "[1]x"),
    // objects
    CASE("n_object_open", "{"),
    CASE("n_object_key_only", "{\"a\"}"),
    CASE("n_object_key_only_open", "{\"a\""),
    CASE("n_object_colon_only", "{\"a\":}"),
    CASE("n_object_colon_open", "{\"a\":"),
    CASE("n_object_not_closed", "{\"a\":1"),
    CASE("n_object_comma_open", "{\"a\":1,"),
    CASE("n_object_comma_at_end", "{\"a\":1,}"),
    CASE("n_object_commas_at_end", "{\"a\":1,,}"),
    CASE("n_object_comma_first", "{,\"a\":1}"),
    CASE("n_object_two_commas", "{\"a\":1,,\"b\":2}"),
    CASE("n_object_no_comma", "{\"a\":1 \"b\":2}"),
    CASE("n_object_two_colons", "{\"a\"::1}"),
    CASE("n_object_equals", "{\"a\"=1}"),
    CASE("n_object_bare_key", "{a:1}"),
    CASE("n_object_apostrophe_key", "{'a':1}"),
    CASE("n_object_number_key", "{1:1}"),
    CASE("n_object_null_key", "{null:1}"),
    CASE("n_object_array_key", "{[]:1}"),
    CASE("n_object_value_only", "{1}"),
    CASE("n_object_colon_first", "{:1}"),
    CASE("n_object_bad_escape_in_key", "{\"\\x\":1}"),
    CASE("n_object_bad_utf8_in_key", "{\"\xe9\":1}"),
    CASE("n_object_tab_in_key", "{\"a\tb\":1}"),
    CASE("n_object_closed_by_bracket", "{\"a\":1]"),
    CASE("n_object_closed_twice", "{\"a\":1}}"),
    CASE("n_object_comma_behind", "{\"a\":1},"),
    CASE("n_object_two_behind_each_other", "{\"a\":1}{\"b\":2}"),
    CASE("n_object_comment_behind", "{\"a\":1}// no"),
    CASE("n_object_hash_behind", "{\"a\":1}#"),
    // structure
    CASE("n_close_bracket", "]"),
    CASE("n_close_brace", "}"),
    CASE("n_comma", ","),
    CASE("n_colon", ":"),
    CASE("n_comment", "/* no */ []"),
    CASE("n_comment_inside", "[1, /* no */ 2]"),
    CASE("n_word_true_short", "[tru]"),
    CASE("n_word_true_long", "[truee]"),
    CASE("n_word_true_capital", "[True]"),
    CASE("n_word_false_short", "[fals]"),
    CASE("n_word_null_short", "[nul]"),
    CASE("n_word_null_capital", "[NULL]"),
    CASE("n_word_undefined", "[undefined]"),
    CASE("n_word_alone", "hello"),
    CASE("n_word_two", "true false"),
    CASE("n_angle", "<null>"),
    CASE("n_space_form_feed", "[\f]"),
    CASE("n_space_vertical_tab", "[\v1]"),
    CASE("n_space_no_break", "[\xc2\xa0]"),
    CASE("n_space_word_joiner", "[\xe2\x81\xa0]"),
    CASE("n_zero_byte", "\0"),
    CASE("n_zero_byte_behind", "[1]\0"),
    CASE("n_zero_byte_inside", "[\0]"),
    CASE("n_bad_utf8_outside", "[\xff]"),
    CASE("n_backslash", "[\\]"),
    CASE("n_escaped_outside", "[\\n]"),
    CASE("n_mark_inside", "[\xef\xbb\xbf]"),
    CASE("n_mark_cut", "\xef\xbb[]"),
    CASE("n_utf16", "[\0\"\0a\0\"\0]\0"),
};

// RFC 8259 lets a reader choose.
static const struct json_case open_good[] = {
    CASE("i_mark_in_front", "\xef\xbb\xbf{}"),
    CASE("i_number_beyond_uint64_is_a_double", "[18446744073709551616]"),
    CASE("i_number_below_int64_is_a_double", "[-9223372036854775809]"),
    CASE("i_number_of_hundred_digits",
         "[1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
         "901234567890]"),
    CASE("i_number_underflows_to_zero", "[1e-400]"),
    CASE("i_number_underflows_to_zero_huge", "[0.1e-99999999999]"),
    CASE("i_number_zero_with_huge_exponent", "[0e99999999999]"),
};
static const struct json_case open_bad[] = {
    CASE("i_number_beyond_double", "[1e400]"),
    CASE("i_number_beyond_double_negative", "[-1e+9999]"),
    CASE("i_number_exponent_huge", "[0.4e0066999999999]"),
    CASE("i_string_high_surrogate_alone", "[\"\\ud83d\"]"),
    CASE("i_string_high_surrogate_then_text", "[\"\\ud83dabc\"]"),
    CASE("i_string_high_surrogate_twice", "[\"\\ud83d\\ud83d\"]"),
    CASE("i_string_high_surrogate_then_letter", "[\"\\ud83d\\u0061\"]"),
    CASE("i_string_high_surrogate_then_newline", "[\"\\ud83d\\n\"]"),
    CASE("i_string_low_surrogate_alone", "[\"\\ude00\"]"),
    CASE("i_string_surrogates_in_wrong_order", "[\"\\ude00\\ud83d\"]"),
};

static struct world w;

static void open_world(void)
{
    world_open(&w);
    set_option(&w, "whole", "record");
}

static void close_world(void)
{
    world_close(&w);
}

// As a line by itself, as a line among lines, as a record over lines.
static void decode(const struct json_case *c, int way)
{
    static const char *const layouts[] = {"lines", "lines", "pretty"};
    char text[512];
    size_t len = c->len;
    memcpy(text, c->text, len);
    if (way == 1)
        text[len++] = '\n';
    clear_options(&w);
    set_option(&w, "whole", "record");
    set_option(&w, "layout", layouts[way]);
    ck_assert_int_eq(decode_text(&w, &tm_format_json, "record any", text, len), 0);
}

static void accepts(const struct json_case *c, int way)
{
    decode(c, way);
    ck_assert_msg(w.row_count == 1 && w.bad_count == 0, "%s, way %d: %u rows; %s", c->name, way,
                  w.row_count, text_of(&w.bads));
}

static void rejects(const struct json_case *c, int way)
{
    decode(c, way);
    // What follows a value is another record where records are no lines.
    ck_assert_msg((w.row_count == 0 || way == 2) && (w.bad_count == 1 || way == 2),
                  "%s, way %d: %u rows, %u bad", c->name, way, w.row_count, w.bad_count);
    if (way == 2 && w.bad_count == 0)
        ck_assert_msg(w.row_count == 2, "%s, way %d: %u rows", c->name, way, w.row_count);
}

#define EACH(cases, what, way)                                      \
    for (size_t i = 0; i < sizeof(cases) / sizeof((cases)[0]); i++) \
    what(&(cases)[i], way)

START_TEST(good_texts_are_read_quickly_and_with_care)
{
    for (int way = 0; way < 3; way++) {
        EACH(good, accepts, way);
        EACH(open_good, accepts, way);
    }
    EACH(good_lines, accepts, 2);
}
END_TEST

START_TEST(bad_texts_are_refused_quickly_and_with_care)
{
    for (int way = 0; way < 3; way++) {
        EACH(bad, rejects, way);
        EACH(open_bad, rejects, way);
    }
}
END_TEST

START_TEST(white_space_alone_is_no_record)
{
    static const struct json_case none[] = {CASE("empty", ""), CASE("space", " \t\r"),
                                            CASE("mark", "\xef\xbb\xbf")};
    for (int way = 0; way < 3; way++) {
        for (size_t i = 0; i < 3; i++) {
            decode(&none[i], way);
            ck_assert_msg(w.row_count == 0 && w.bad_count == 0, "%s, way %d", none[i].name, way);
        }
    }
}
END_TEST

START_TEST(there_are_more_than_150_cases)
{
    size_t count = sizeof good / sizeof good[0] + sizeof good_lines / sizeof good_lines[0] +
                   sizeof bad / sizeof bad[0] + sizeof open_good / sizeof open_good[0] +
                   sizeof open_bad / sizeof open_bad[0];
    ck_assert_uint_ge(count, 150);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_suite");
    TCase *test = tcase_create("json_suite");
    tcase_add_checked_fixture(test, open_world, close_world);
    tcase_add_test(test, good_texts_are_read_quickly_and_with_care);
    tcase_add_test(test, bad_texts_are_refused_quickly_and_with_care);
    tcase_add_test(test, white_space_alone_is_no_record);
    tcase_add_test(test, there_are_more_than_150_cases);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
