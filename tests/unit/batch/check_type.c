// Types: names, sizes, messages.
#include "tests/unit/batch/support.h"

START_TEST(every_type_text_reads_back_as_itself)
{
    static const char *const texts[] = {"bool",   "int",           "int64",     "double",
                                        "string", "bytes",         "timestamp", "decimal(10,2)",
                                        "?",      "decimal(38,38)"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char buf[24];
        ck_assert_str_eq(tm_type_text(support_type(texts[i]), buf), texts[i]);
    }
}
END_TEST

START_TEST(blanks_inside_a_decimal_do_not_matter)
{
    ck_assert(tm_type_equal(support_type("decimal( 10 , 2 )"), support_type("decimal(10,2)")));
}
END_TEST

START_TEST(a_decimal_slot_has_16_bytes_and_others_8)
{
    ck_assert_uint_eq(tm_type_slot_bytes(support_type("decimal(1,0)")), 16);
    ck_assert_uint_eq(tm_type_slot_bytes(support_type("string")), 8);
    ck_assert_uint_eq(tm_type_slot_bytes((struct tm_type){TM_TYPE_LIST, 0, 0, 0}), 8);
}
END_TEST

START_TEST(impossible_decimals_are_refused)
{
    static const char *const texts[] = {"decimal",        "decimal()",     "decimal(10)",
                                        "decimal(0,0)",   "decimal(39,2)", "decimal(2,3)",
                                        "decimal(10,2)x", "decimal(10,2",  "decimal(1000,2)",
                                        "decimal(-1,0)",  "decimal(,)"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tm_type type;
        ck_assert_msg(tm_type_parse(texts[i], &type, NULL) == TM_E_TYPE, "%s", texts[i]);
    }
}
END_TEST

START_TEST(an_unknown_type_names_the_nearest_and_all)
{
    struct tm_type type;
    struct tm_error err = {0};
    ck_assert_int_eq(tm_type_parse("sting", &type, &err), TM_E_TYPE);
    ck_assert_ptr_nonnull(strstr(err.hint, "\"string\""));
    ck_assert_ptr_nonnull(strstr(err.message, "timestamp"));
    ck_assert_int_eq(tm_type_parse("", &type, &err), TM_E_TYPE);
}
END_TEST

START_TEST(types_without_values_are_refused)
{
    struct tm_type type;
    ck_assert_int_eq(tm_type_parse("list", &type, NULL), TM_E_TYPE);
    ck_assert_int_eq(tm_type_parse("any", &type, NULL), TM_E_TYPE);
}
END_TEST

SUPPORT_MAIN("type", every_type_text_reads_back_as_itself, blanks_inside_a_decimal_do_not_matter,
             a_decimal_slot_has_16_bytes_and_others_8, impossible_decimals_are_refused,
             an_unknown_type_names_the_nearest_and_all, types_without_values_are_refused)
