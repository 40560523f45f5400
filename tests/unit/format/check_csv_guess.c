// What divides the fields of a header that has no comma.
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/format/csv_guess.h"

static char guess(const char *text)
{
    return tm_csv_guess_delimiter((const uint8_t *)text, strlen(text));
}

START_TEST(what_stands_most_often_in_the_first_line_divides)
{
    ck_assert_int_eq(guess("id;name;amount\n1,5;x;y|z|a|b"), ';');
    ck_assert_int_eq(guess("id\tname\tfirst;last\r\n"), '\t');
    ck_assert_int_eq(guess("a|b"), '|');
    ck_assert_int_eq(guess("Report of January;;;\n"), ';');
}
END_TEST

START_TEST(a_comma_outside_of_quotes_is_the_delimiter_itself)
{
    ck_assert_int_eq(guess("a,b;c;d\n"), '\0');
    ck_assert_int_eq(guess("\"a,b\";c\n"), ';');
    ck_assert_int_eq(guess("\"a;b\"\n"), '\0');
    ck_assert_int_eq(guess("\"a\nb\";c\n"), ';');
}
END_TEST

START_TEST(one_column_has_none)
{
    ck_assert_int_eq(guess("id\n1;2\n"), '\0');
    ck_assert_int_eq(guess(""), '\0');
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv_guess");
    TCase *tc = tcase_create("headers");
    tcase_add_test(tc, what_stands_most_often_in_the_first_line_divides);
    tcase_add_test(tc, a_comma_outside_of_quotes_is_the_delimiter_itself);
    tcase_add_test(tc, one_column_has_none);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
