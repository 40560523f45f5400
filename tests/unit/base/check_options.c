// Options: types, defaults, and messages that name the fix.
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/options.h"
#include "core/loop/real.h"

static const struct tm_option_def defs[] = {
    {"path", TM_OPTION_STRING, true, NULL, "a path or a pattern", NULL},
    {"format", TM_OPTION_STRING, false, NULL, "of the records", "json|text|csv"},
    {"follow", TM_OPTION_BOOL, false, "false", "wait for more", NULL},
    {"count", TM_OPTION_INT, false, "10", "how many", NULL},
    {"ratio", TM_OPTION_DOUBLE, false, "0.5", "a share", NULL},
    {"every", TM_OPTION_DURATION, false, "5s", "how often", NULL},
    {"size", TM_OPTION_SIZE, false, "64KB", "how large", NULL},
    {NULL, TM_OPTION_STRING, false, NULL, NULL, NULL},
};

static struct tm_fx fx;
static struct tm_mem mem;
static struct tm_options o;
static struct tm_error err;

static void setup(void)
{
    ck_assert_int_eq(tm_real_init(&fx, NULL), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
    tm_options_init(&o, &mem);
    tm_error_clear(&err);
}

static void teardown(void)
{
    tm_options_fini(&o);
    ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
}

static int check(void)
{
    return tm_options_check(&o, defs, "tm.file", &err);
}

// Only `name` and the required path are given.
static int check_with_string(const char *name, const char *text)
{
    tm_options_fini(&o);
    ck_assert_int_eq(tm_options_set_string(&o, "path", "x"), 0);
    ck_assert_int_eq(tm_options_set_string(&o, name, text), 0);
    return check();
}

static int check_with_double(const char *name, double value)
{
    tm_options_fini(&o);
    ck_assert_int_eq(tm_options_set_string(&o, "path", "x"), 0);
    ck_assert_int_eq(tm_options_set_double(&o, name, value), 0);
    return check();
}

START_TEST(defaults_are_filled_in_their_types)
{
    ck_assert_int_eq(tm_options_set_string(&o, "path", "in/a.json"), 0);
    ck_assert_int_eq(check(), 0);
    ck_assert_str_eq(tm_options_text(&o, "path"), "in/a.json");
    ck_assert_ptr_null(tm_options_get(&o, "format"));
    ck_assert_int_eq(tm_options_integer(&o, "follow", 7), 0);
    ck_assert_int_eq(tm_options_integer(&o, "count", 7), 10);
    ck_assert_double_eq(tm_options_number(&o, "ratio", 7), 0.5);
    ck_assert_int_eq(tm_options_integer(&o, "every", 7), 5000);
    ck_assert_int_eq(tm_options_integer(&o, "size", 7), 65536);
    ck_assert_int_eq(tm_options_integer(&o, "absent", 7), 7);
    ck_assert_double_eq(tm_options_number(&o, "absent", 7), 7);
    ck_assert_ptr_null(tm_options_text(&o, "absent"));
    ck_assert_int_eq(tm_options_get(&o, "every")->type, TM_OPTION_DURATION);
}
END_TEST

START_TEST(values_convert_where_nothing_is_lost)
{
    ck_assert_int_eq(check_with_double("count", 1e6), 0);
    ck_assert_int_eq(tm_options_integer(&o, "count", 0), 1000000);
    ck_assert_int_eq(check_with_string("count", "-12"), 0);
    ck_assert_int_eq(tm_options_integer(&o, "count", 0), -12);
    ck_assert_int_eq(check_with_string("count", "-9223372036854775808"), 0);
    ck_assert_int_eq(tm_options_integer(&o, "count", 0), INT64_MIN);
    ck_assert_int_eq(check_with_string("follow", "true"), 0);
    ck_assert_int_eq(tm_options_integer(&o, "follow", 0), 1);
    ck_assert_int_eq(check_with_double("every", 250), 0);
    ck_assert_int_eq(tm_options_integer(&o, "every", 0), 250);
    ck_assert_int_eq(check_with_string("ratio", "2.5e-1"), 0);
    ck_assert_double_eq(tm_options_number(&o, "ratio", 0), 0.25);
    ck_assert_int_eq(tm_options_set_int(&o, "ratio", 3), 0);
    ck_assert_int_eq(check(), 0);
    ck_assert_double_eq(tm_options_number(&o, "ratio", 0), 3);
}
END_TEST

START_TEST(a_wrong_type_names_option_given_and_allowed)
{
    ck_assert_int_eq(check_with_double("count", 1.5), TM_E_OPTION);
    ck_assert_str_eq(err.message, "tm.file: count must be a whole number, not 1.5");
    ck_assert_str_eq(err.hint, "count: how many");
    ck_assert_int_eq(check_with_string("every", "5 sec"), TM_E_OPTION);
    ck_assert_ptr_nonnull(strstr(err.message, "every must be a duration such as \"250ms\""));
    ck_assert_ptr_nonnull(strstr(err.message, "not \"5 sec\""));
    ck_assert_int_eq(check_with_double("path", 5), TM_E_OPTION);
    ck_assert_ptr_nonnull(strstr(err.message, "path must be a string, not 5"));
    ck_assert_int_eq(check_with_string("follow", "yes"), TM_E_OPTION);
    ck_assert_int_eq(check_with_double("follow", 1), TM_E_OPTION);
    ck_assert_int_eq(check_with_double("every", -1), TM_E_OPTION);
    ck_assert_int_eq(check_with_double("count", 1e300), TM_E_OPTION);
    ck_assert_int_eq(check_with_double("count", 0.0 / 0.0), TM_E_OPTION);
    ck_assert_int_eq(check_with_double("ratio", 1.0 / 0.0), TM_E_OPTION);
    ck_assert_int_eq(check_with_string("count", ""), TM_E_OPTION);
    ck_assert_int_eq(check_with_string("count", "9223372036854775808"), TM_E_OPTION);
    ck_assert_int_eq(check_with_string("ratio", "0x10"), TM_E_OPTION);
    ck_assert_int_eq(check_with_string("ratio", "nan"), TM_E_OPTION);
}
END_TEST

START_TEST(an_unknown_option_names_the_nearest)
{
    ck_assert_int_eq(check_with_string("fromat", "json"), TM_E_OPTION);
    ck_assert_str_eq(err.message, "tm.file has no option \"fromat\"");
    ck_assert_str_eq(err.hint, "did you mean \"format\"? The options are: path, format, follow, "
                               "count, ratio, every, size");
    ck_assert_int_eq(check_with_string("zzzzzz", "json"), TM_E_OPTION);
    ck_assert_str_eq(err.hint, "the options are: path, format, follow, count, ratio, every, size");
}
END_TEST

START_TEST(a_table_without_options_says_so)
{
    ck_assert_int_eq(tm_options_set_int(&o, "x", 1), 0);
    ck_assert_int_eq(tm_options_check(&o, defs + 7, "tm.discard", &err), TM_E_OPTION);
    ck_assert_str_eq(err.hint, "tm.discard takes no options");
}
END_TEST

START_TEST(a_choice_outside_its_list_names_the_nearest)
{
    ck_assert_int_eq(check_with_string("format", "csv"), 0);
    ck_assert_int_eq(check_with_string("format", "jsn"), TM_E_OPTION);
    ck_assert_str_eq(err.message,
                     "tm.file: format must be one of \"json\", \"text\", \"csv\", not \"jsn\"");
    ck_assert_str_eq(err.hint, "did you mean \"json\"?");
    ck_assert_int_eq(check_with_string("format", "json|text"), TM_E_OPTION);
    ck_assert_int_eq(check_with_string("format", ""), TM_E_OPTION);
}
END_TEST

START_TEST(a_missing_required_option_is_named)
{
    ck_assert_int_eq(check(), TM_E_OPTION);
    ck_assert_str_eq(err.message, "tm.file needs the option \"path\"");
    ck_assert_str_eq(err.hint, "path: a path or a pattern");
}
END_TEST

START_TEST(setting_again_replaces)
{
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%d", i % 20);
        ck_assert_int_eq(tm_options_set_string(&o, name, "text"), 0);
        ck_assert_int_eq(tm_options_set_bool(&o, name, i % 2 == 0), 0);
    }
    ck_assert_uint_eq(o.count, 20);
    ck_assert_int_eq(tm_options_integer(&o, "n1", 7), 0);
    ck_assert_ptr_null(tm_options_text(&o, "n1"));
}
END_TEST

START_TEST(out_of_memory_leaks_nothing)
{
    for (int64_t limit = 1; limit < 1500; limit += 7) {
        mem.limit_bytes = limit;
        int rc = 0;
        for (int i = 0; i < 12 && rc == 0; i++) {
            char name[16];
            snprintf(name, sizeof(name), "name%d", i);
            rc = tm_options_set_string(&o, name, "a value of some length");
        }
        ck_assert(rc == 0 || rc == TM_E_MEMORY);
        tm_options_fini(&o);
        ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
        if (tm_options_set_string(&o, "path", "x") == 0) {
            rc = check();
            ck_assert(rc == 0 || rc == TM_E_MEMORY);
        }
        tm_options_fini(&o);
        ck_assert_int_eq(atomic_load(&mem.used_bytes), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("options");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, defaults_are_filled_in_their_types);
    tcase_add_test(tcase, values_convert_where_nothing_is_lost);
    tcase_add_test(tcase, a_wrong_type_names_option_given_and_allowed);
    tcase_add_test(tcase, an_unknown_option_names_the_nearest);
    tcase_add_test(tcase, a_table_without_options_says_so);
    tcase_add_test(tcase, a_choice_outside_its_list_names_the_nearest);
    tcase_add_test(tcase, a_missing_required_option_is_named);
    tcase_add_test(tcase, setting_again_replaces);
    tcase_add_test(tcase, out_of_memory_leaks_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
