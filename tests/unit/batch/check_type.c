// Types: names, sizes, messages.
#include "tests/unit/batch/support.h"

static struct tm_mem mem;

START_TEST(every_type_text_reads_back_as_itself)
{
    static const char *const texts[] = {
        "bool",
        "int",
        "int64",
        "double",
        "string",
        "bytes",
        "timestamp",
        "decimal(10,2)",
        "?",
        "decimal(38,38)",
        "any",
        "list(string)",
        "list(int!)",
        "map(string,list(double))",
        "map(int64,any!)",
        "struct(a int)",
        "struct(street string!,\"post code\" decimal(6,0),\"q\\\"\\\\\" any)",
        "list(struct(a list(map(int,struct(b bytes)))))"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char buf[TM_TYPE_TEXT];
        struct tm_type type = support_type(texts[i]);
        ck_assert_str_eq(tm_type_text(type, buf), texts[i]);
        tm_schema_unref(type.of);
    }
}
END_TEST

START_TEST(blanks_inside_a_type_do_not_matter)
{
    struct tm_type wide = support_type(" struct( a  list( int ! ) , b any )");
    struct tm_type narrow = support_type("struct(a list(int!),b any)");
    ck_assert(tm_type_equal(wide, narrow));
    tm_schema_unref(wide.of);
    tm_schema_unref(narrow.of);
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
    tm_mem_init(&mem, &support_fx, NULL, 0);
    static const char *const texts[] = {"decimal",        "decimal()",     "decimal(10)",
                                        "decimal(0,0)",   "decimal(39,2)", "decimal(2,3)",
                                        "decimal(10,2)x", "decimal(10,2",  "decimal(1000,2)",
                                        "decimal(-1,0)",  "decimal(,)"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tm_type type;
        ck_assert_msg(tm_type_parse(&mem, texts[i], &type, NULL) == TM_E_TYPE, "%s", texts[i]);
    }
}
END_TEST

START_TEST(an_unknown_type_names_the_nearest_and_all)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    struct tm_type type;
    struct tm_error err = {0};
    ck_assert_int_eq(tm_type_parse(&mem, "sting", &type, &err), TM_E_TYPE);
    ck_assert_ptr_nonnull(strstr(err.hint, "\"string\""));
    ck_assert_ptr_nonnull(strstr(err.message, "timestamp"));
    ck_assert_int_eq(tm_type_parse(&mem, "", &type, &err), TM_E_TYPE);
}
END_TEST

START_TEST(wrong_nested_types_are_refused_and_leave_nothing)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    static const char *const texts[] = {"list",
                                        "list()",
                                        "list(",
                                        "list(string",
                                        "list(string,int)",
                                        "list(sting)",
                                        "map(string)",
                                        "map(double,int)",
                                        "map(list(int),int)",
                                        "map(string,int))",
                                        "struct()",
                                        "struct(a)",
                                        "struct(int)",
                                        "struct(a int,a int)",
                                        "struct(a int,)",
                                        "struct(\"a int)",
                                        "struct(\"\" int)",
                                        "any(int)",
                                        "int!",
                                        "struct(a list(string),b nothing)"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tm_type type;
        struct tm_error err = {0};
        ck_assert_msg(tm_type_parse(&mem, texts[i], &type, &err) == TM_E_TYPE ||
                          err.code == TM_E_SCHEMA,
                      "%s: %s", texts[i], err.message);
        ck_assert_msg(mem.used_bytes == 0, "%s", texts[i]);
    }
}
END_TEST

START_TEST(types_are_bounded_in_depth_and_in_fields)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    struct tm_type type;
    char text[40000] = "";
    for (int i = 0; i < 32; i++)
        strcat(text, "list(");
    strcat(text, "int");
    for (int i = 0; i < 32; i++)
        strcat(text, ")");
    ck_assert_int_eq(tm_type_parse(&mem, text, &type, NULL), 0);
    tm_type_fini(&type);
    memmove(text + 5, text, strlen(text) + 1);
    memcpy(text, "list(", 5);
    strcat(text, ")");
    ck_assert_int_eq(tm_type_parse(&mem, text, &type, NULL), TM_E_TYPE);
    size_t len = (size_t)sprintf(text, "struct(");
    for (int i = 0; i < 1025; i++)
        len += (size_t)sprintf(text + len, "%sf%d int", i == 0 ? "" : ",", i);
    sprintf(text + len, ")");
    ck_assert_int_ne(tm_type_parse(&mem, text, &type, NULL), 0);
    ck_assert_int_eq(mem.used_bytes, 0);
}
END_TEST

START_TEST(a_long_type_is_cut_in_messages_and_whole_in_a_buffer)
{
    tm_mem_init(&mem, &support_fx, NULL, 0);
    const char *text =
        "struct(first_name string,last_name string,street string,number int,town string,"
        "country string,phone string)";
    char buf[TM_TYPE_TEXT];
    struct tm_type type;
    ck_assert_int_eq(tm_type_parse(&mem, text, &type, NULL), 0);
    tm_type_text(type, buf);
    ck_assert_uint_eq(strlen(buf), TM_TYPE_TEXT - 1);
    ck_assert_str_eq(buf + strlen(buf) - 3, "...");
    struct tm_buf out;
    tm_buf_init(&out, &mem);
    ck_assert_int_eq(tm_type_put_text(&out, type), 0);
    ck_assert_uint_eq(out.size_bytes, strlen(text));
    ck_assert_mem_eq(out.data, text, strlen(text));
    tm_buf_fini(&out);
    tm_type_fini(&type);
    ck_assert_int_eq(mem.used_bytes, 0);
}
END_TEST

SUPPORT_MAIN("type", every_type_text_reads_back_as_itself, blanks_inside_a_type_do_not_matter,
             a_decimal_slot_has_16_bytes_and_others_8, impossible_decimals_are_refused,
             an_unknown_type_names_the_nearest_and_all,
             wrong_nested_types_are_refused_and_leave_nothing,
             types_are_bounded_in_depth_and_in_fields,
             a_long_type_is_cut_in_messages_and_whole_in_a_buffer)
