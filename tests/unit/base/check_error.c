// Errors: the table, cutting at UTF-8 boundaries, prefixes.
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"

START_TEST(names_are_lower_case_and_come_back)
{
    static const struct {
        int code;
        const char *text;
    } all[] = {
#define TM_ERROR(name, number, title) {TM_E_##name, #name},
#include "core/base/errors.def"
#undef TM_ERROR
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        ck_assert_int_eq(tm_error_by_name(all[i].text), all[i].code);
        ck_assert_int_eq(tm_error_by_name(tm_error_name(all[i].code)), all[i].code);
        for (const char *p = tm_error_name(all[i].code); *p != '\0'; p++)
            ck_assert(*p < 'A' || *p > 'Z');
        for (size_t j = 0; j < i; j++)
            ck_assert_int_ne(all[i].code, all[j].code);
    }
    ck_assert_str_eq(tm_error_name(TM_E_BAD_JSON), "bad_json");
    ck_assert_str_eq(tm_error_title(TM_E_BAD_JSON), "not valid JSON");
}
END_TEST

START_TEST(an_unknown_name_is_an_internal_error)
{
    ck_assert_int_eq(tm_error_by_name("NO_SUCH_THING"), TM_E_INTERNAL);
    ck_assert_int_eq(tm_error_by_name("BAD_JSO"), TM_E_INTERNAL);
    ck_assert_int_eq(tm_error_by_name("BAD_JSONX"), TM_E_INTERNAL);
    ck_assert_int_eq(tm_error_by_name(NULL), TM_E_INTERNAL);
    ck_assert_str_eq(tm_error_name(-9999), "unknown");
    ck_assert_str_eq(tm_error_name(0), "ok");
}
END_TEST

START_TEST(a_code_prints_with_four_digits)
{
    char buf[8];
    ck_assert_str_eq(tm_error_code_text(TM_E_MEMORY, buf), "TM0101");
    ck_assert_str_eq(tm_error_code_text(-99999, buf), "TM9999");
}
END_TEST

START_TEST(set_forgets_where_and_hint)
{
    struct tm_error err;
    tm_error_clear(&err);
    tm_error_set(&err, TM_E_IO, "first");
    tm_error_where(&err, "job.lua:%d", 3);
    tm_error_hint(&err, "do %s", "this");
    ck_assert_str_eq(err.where, "job.lua:3");
    ck_assert_str_eq(err.hint, "do this");
    ck_assert_int_eq(tm_error_set(&err, TM_E_TYPE, "second"), TM_E_TYPE);
    ck_assert_int_eq(err.code, TM_E_TYPE);
    ck_assert_str_eq(err.message, "second");
    ck_assert_str_eq(err.where, "");
    ck_assert_str_eq(err.hint, "");
}
END_TEST

START_TEST(no_error_to_fill_is_fine)
{
    ck_assert_int_eq(tm_error_set(NULL, TM_E_IO, "x"), TM_E_IO);
    ck_assert_int_eq(tm_error_set_errno(NULL, TM_E_IO, ENOENT, "x"), TM_E_IO);
    tm_error_where(NULL, "x");
    tm_error_hint(NULL, "x");
    ck_assert_int_eq(tm_error_prefix(NULL, "x"), 0);
}
END_TEST

START_TEST(an_error_may_quote_itself)
{
    struct tm_error err;
    tm_error_set(&err, TM_E_IO, "inner");
    tm_error_hint(&err, "keep");
    ck_assert_int_eq(tm_error_prefix(&err, "open %s", "a.json"), TM_E_IO);
    ck_assert_str_eq(err.message, "open a.json: inner");
    ck_assert_str_eq(err.hint, "keep");
    tm_error_set(&err, TM_E_TYPE, "again: %s", err.message);
    ck_assert_str_eq(err.message, "again: open a.json: inner");
}
END_TEST

START_TEST(errno_is_appended)
{
    struct tm_error err;
    tm_error_set_errno(&err, TM_E_NOT_FOUND, ENOENT, "cannot open %s", "x");
    ck_assert_str_eq(err.message, "cannot open x: No such file or directory");
}
END_TEST

// Whatever the length of a text in two, three or four byte characters, what is kept is UTF-8.
START_TEST(a_long_text_is_cut_between_characters)
{
    static const char *const characters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8C\x8A"};
    static char text[3 * TM_ERROR_TEXT_MAX];
    struct tm_error err;
    for (size_t c = 0; c < 4; c++) {
        size_t width = strlen(characters[c]);
        for (size_t lead = 0; lead < 5; lead++) {
            memset(text, 'x', lead);
            size_t at = lead;
            for (; at < TM_ERROR_TEXT_MAX + 100; at += width)
                memcpy(text + at, characters[c], width);
            text[at] = '\0';
            tm_error_set(&err, TM_E_IO, "%s", text);
            size_t len = strlen(err.message);
            ck_assert(tm_text_is_utf8(err.message, len));
            ck_assert_uint_gt(len, TM_ERROR_TEXT_MAX - 1 - 4);
            ck_assert_mem_eq(err.message, text, len);
            tm_error_prefix(&err, "%.*s", (int)(lead + width), text);
            ck_assert(tm_text_is_utf8(err.message, strlen(err.message)));
            tm_error_where(&err, "%s", text);
            ck_assert(tm_text_is_utf8(err.where, strlen(err.where)));
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tcase = tcase_create("error");
    tcase_add_test(tcase, names_are_lower_case_and_come_back);
    tcase_add_test(tcase, an_unknown_name_is_an_internal_error);
    tcase_add_test(tcase, a_code_prints_with_four_digits);
    tcase_add_test(tcase, set_forgets_where_and_hint);
    tcase_add_test(tcase, no_error_to_fill_is_fine);
    tcase_add_test(tcase, an_error_may_quote_itself);
    tcase_add_test(tcase, errno_is_appended);
    tcase_add_test(tcase, a_long_text_is_cut_between_characters);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
