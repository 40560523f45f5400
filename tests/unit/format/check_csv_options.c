// Options of CSV: defaults, what they come to, and messages about wrong ones.
#include "tests/unit/format/csv_test.h"

#include "core/format/csv_options.h"

static struct world w;
static struct tm_csv_options o;

static void open_world(void)
{
    world_open(&w);
}

static void close_world(void)
{
    world_close(&w);
}

static int parse(const char *first, ...)
{
    struct tm_options given;
    va_list args;
    tm_options_init(&given, &w.mem);
    if (first != NULL) {
        va_start(args, first);
        ck_assert_int_eq(tm_options_set_string(&given, first, va_arg(args, const char *)), 0);
        take_options(&given, args);
        va_end(args);
    }
    uint32_t count = given.count;
    tm_error_clear(&w.err);
    int rc = tm_csv_options_parse(&w.mem, &given, &o, &w.err);
    ck_assert_uint_eq(given.count, count);
    tm_options_fini(&given);
    return rc;
}

static void refused(const char *name, const char *value, const char *message)
{
    ck_assert_int_eq(parse(name, value, NULL), TM_E_OPTION);
    ck_assert_str_eq(w.err.message, message);
}

START_TEST(defaults_are_those_of_rfc_4180_with_a_header)
{
    ck_assert_int_eq(parse(NULL), 0);
    ck_assert_int_eq(o.delimiter, ',');
    ck_assert_int_eq(o.quote, '"');
    ck_assert_int_eq(o.decimal, '.');
    ck_assert(o.header && !o.backslash && o.comment == 0 && o.ragged == 0 && !o.crlf);
    ck_assert_uint_eq(o.null_count, 1);
    ck_assert_uint_eq(o.nulls[0].length, 0);
    ck_assert_int_eq(tm_csv_options_parse(&w.mem, NULL, &o, &w.err), 0);
    ck_assert_int_eq(o.delimiter, ',');
}
END_TEST

START_TEST(lists_and_pairs_are_taken_apart)
{
    ck_assert_int_eq(parse("null", "NA\n\nnull", "bools", "ja/nein", "ragged", "both", NULL), 0);
    ck_assert_uint_eq(o.null_count, 3);
    ck_assert_str_eq(o.nulls[0].bytes, "NA");
    ck_assert_str_eq(o.nulls[1].bytes, "");
    ck_assert_str_eq(o.nulls[2].bytes, "null");
    ck_assert_str_eq(o.bools[1].bytes, "ja");
    ck_assert_str_eq(o.bools[0].bytes, "nein");
    ck_assert_uint_eq(o.ragged, TM_CSV_RAGGED_PAD | TM_CSV_RAGGED_TRUNCATE);
}
END_TEST

START_TEST(wrong_options_say_what_is_allowed)
{
    refused("delimeter", ";", "tm.csv has no option \"delimeter\"");
    ck_assert_ptr_nonnull(strstr(w.err.hint, "did you mean \"delimiter\"?"));
    refused("delimiter", "", "tm.csv: delimiter must be one ASCII character, not \"\"");
    refused("delimiter", "||", "tm.csv: delimiter must be one ASCII character, not \"||\"");
    refused("delimiter", "\xc2\xa6",
            "tm.csv: delimiter must be one ASCII character, not \"\xc2\xa6\"");
    refused("quote", "ab", "tm.csv: quote must be one ASCII character, or empty, not \"ab\"");
    refused("quote", "0", "tm.csv: quote must be no digit, not \"0\"");
    refused("quote", ",", "tm.csv: delimiter and quote are both \",\"");
    refused("delimiter", "\t\t", "tm.csv: delimiter must be one ASCII character, not \"\t\t\"");
    refused("decimal", ",", "tm.csv: delimiter and decimal are both \",\"");
    ck_assert_str_eq(w.err.hint, "files with a decimal comma mostly have delimiter = \";\"");
    refused(
        "ragged", "padd",
        "tm.csv: ragged must be one of \"error\", \"pad\", \"truncate\", \"both\", not \"padd\"");
    refused("bools", "yes",
            "tm.csv: bools must be two texts with a slash between them, as \"yes/no\", or "
            "\"any\", not \"yes\"");
    refused("bools", "a/A", "tm.csv: bools must be two different texts, not \"a/A\"");
    refused("skip_lines", "-1", "tm.csv: skip_lines must be from 0 to 2147483647");
    refused("null", "a,b",
            "tm.csv: null cannot be \"a,b\": such a text has at most 63 bytes, no delimiter, quote "
            "or line end, no backslash at its end, and does not begin like a comment");
    ck_assert_int_eq(parse("quoting", "all", "quote", "", NULL), TM_E_OPTION);
    ck_assert_int_eq(parse("escape", "backslash", "delimiter", "\\", NULL), TM_E_OPTION);
}
END_TEST

START_TEST(other_formats_have_no_options)
{
    struct tm_options given;
    tm_options_init(&given, &w.mem);
    ck_assert_int_eq(tm_format_check_options(&tm_format_json, &w.mem, &given, &w.err), 0);
    ck_assert_int_eq(tm_options_set_string(&given, "delimiter", ";"), 0);
    ck_assert_int_eq(tm_format_check_options(&tm_format_json, &w.mem, &given, &w.err), TM_E_OPTION);
    ck_assert_int_eq(tm_format_check_options(&tm_format_csv, &w.mem, &given, &w.err), 0);
    ck_assert_ptr_eq(tm_format_find("csv"), &tm_format_csv);
    ck_assert_ptr_eq(tm_format_of_path("a.csv"), &tm_format_csv);
    ck_assert_ptr_eq(tm_format_of_path("a.tsv"), &tm_format_csv);
    tm_options_fini(&given);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv_options");
    TCase *tc = tcase_create("csv_options");
    tcase_add_checked_fixture(tc, open_world, close_world);
    tcase_add_test(tc, defaults_are_those_of_rfc_4180_with_a_header);
    tcase_add_test(tc, lists_and_pairs_are_taken_apart);
    tcase_add_test(tc, wrong_options_say_what_is_allowed);
    tcase_add_test(tc, other_formats_have_no_options);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
