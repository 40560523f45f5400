// Lists, maps, structs and values of type any in JSON, both ways: what is read, what is refused and
// with which words, and that it is written as it was.
#include "core/batch/wire.h"
#include "tests/unit/format/format_test.h"

static struct world w;

static void open_world(void)
{
    world_open(&w);
}

static void close_world(void)
{
    world_close(&w);
}

// One record, by the fast way where it has a line end and by the careful one where it has not,
// gives one row, shown as JSON.
static void reads(const char *schema, const char *text, const char *row)
{
    char line[4096];
    int len = snprintf(line, sizeof line, "%s\n", text);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(decode_text(&w, &tm_format_json, schema, line, (size_t)(len - i)), 0);
        ck_assert_msg(w.bad_count == 0, "%s: %s", text, text_of(&w.bads));
        ck_assert_uint_eq(w.row_count, 1);
        w.rows.size_bytes--;
        ck_assert_str_eq(text_of(&w.rows), row);
    }
}

static void keeps(const char *schema, const char *text)
{
    reads(schema, text, text);
}

static void refuses(const char *schema, const char *text, int code, const char *message)
{
    char line[4096];
    int len = snprintf(line, sizeof line, "%s\n", text);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(decode_text(&w, &tm_format_json, schema, line, (size_t)(len - i)), 0);
        ck_assert_msg(w.row_count == 0 && w.bad_count == 1, "%s: %u rows, %u bad", text,
                      w.row_count, w.bad_count);
        ck_assert_msg(w.bad_code == code, "%s: %s", text, text_of(&w.bads));
        ck_assert_msg(strstr(text_of(&w.bads), message) != NULL, "%s\nis not in\n%s", message,
                      text_of(&w.bads));
    }
}

START_TEST(lists_keep_their_items_and_nulls)
{
    keeps("a list(int)", "{\"a\":[1,2,-3]}");
    keeps("a list(int)", "{\"a\":[]}");
    keeps("a list(int)", "{\"a\":null}");
    keeps("a list(int64)", "{\"a\":[9223372036854775807,null]}");
    keeps("a list(string)", "{\"a\":[\"x\",\"\",null,\"long enough for several steps of 16\"]}");
    keeps("a list(bool)", "{\"a\":[true,false,null]}");
    keeps("a list(double)", "{\"a\":[1.5,null,-0.25,1e+300]}");
    keeps("a list(decimal(10,2))", "{\"a\":[1.50,null,-99999999.99]}");
    keeps("a list(bytes)", "{\"a\":[\"AAEC\",\"\",null]}");
    keeps("a list(timestamp)", "{\"a\":[\"2026-01-02T03:04:05.678Z\",null]}");
    keeps("a list(list(int))", "{\"a\":[[1],[],null,[2,3]]}");
    reads("a list(int), b string", "{ \"a\" : [ 1 , 2 ] , \"b\" : \"x\" }",
          "{\"a\":[1,2],\"b\":\"x\"}");
    reads("a list(timestamp)", "{\"a\":[0]}", "{\"a\":[\"1970-01-01T00:00:00.000Z\"]}");
    reads("a list(string)", "{\"a\":[ ]}", "{\"a\":[]}");
}
END_TEST

START_TEST(a_list_may_be_longer_than_its_text)
{
    struct tm_buf text, want;
    tm_buf_init(&text, &w.mem);
    tm_buf_init(&want, &w.mem);
    ck_assert_int_eq(tm_buf_printf(&text, "{\"a\":["), 0);
    for (int i = 0; i < 5000; i++)
        ck_assert_int_eq(tm_buf_printf(&text, "%s%d", i == 0 ? "" : ",", i % 7), 0);
    ck_assert_int_eq(tm_buf_printf(&text, "],\"b\":\"x\"}\n"), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(tm_buf_append(&want, text.data, text.size_bytes), 0);
    ck_assert_int_eq(decode_text(&w, &tm_format_json, "a list(int), b string",
                                 (const char *)want.data, want.size_bytes),
                     0);
    ck_assert_uint_eq(w.row_count, 3);
    ck_assert_str_eq(text_of(&w.rows), text_of(&want));
    tm_buf_fini(&text);
    tm_buf_fini(&want);
}
END_TEST

START_TEST(structs_take_their_fields_by_name_and_pass_others_over)
{
    const char *schema = "a struct(x int,y string,z decimal(10,2))";
    keeps(schema, "{\"a\":{\"x\":1,\"y\":\"two\",\"z\":3.00}}");
    reads(schema, "{\"a\":{\"z\":3,\"x\":1}}", "{\"a\":{\"x\":1,\"y\":null,\"z\":3.00}}");
    reads(schema, "{\"a\":{}}", "{\"a\":{\"x\":null,\"y\":null,\"z\":null}}");
    reads(schema, "{\"a\": { } }", "{\"a\":{\"x\":null,\"y\":null,\"z\":null}}");
    reads(schema, "{\"a\":{\"q\":[{\"x\":9}],\"x\":1,\"r\":true,\"s\":\"t\",\"u\":-1e5}}",
          "{\"a\":{\"x\":1,\"y\":null,\"z\":null}}");
    reads(schema, "{\"a\":{\"x\":1,\"x\":2,\"y\":\"a\",\"y\":null}}",
          "{\"a\":{\"x\":2,\"y\":null,\"z\":null}}");
    reads(schema, "{\"a\":{\"\\u0078\" : 7}}", "{\"a\":{\"x\":7,\"y\":null,\"z\":null}}");
    keeps("a struct(b struct(c struct(d list(struct(e int)))))",
          "{\"a\":{\"b\":{\"c\":{\"d\":[{\"e\":1},{\"e\":null},null]}}}}");
    reads("a struct(\"the key\" int!)", "{\"a\":{\"the key\":5}}", "{\"a\":{\"the key\":5}}");
    reads("a struct(x int), b int", "{\"a\":{\"x\":1},\"a\":{\"x\":2},\"b\":3}",
          "{\"a\":{\"x\":2},\"b\":3}");
}
END_TEST

// The pass that reads most of them leaves what is rare to the other way, in the middle of a value.
START_TEST(structs_and_lists_within_each_other_are_read_whatever_they_hold)
{
    const char *s =
        "id int, o struct(a int, b string, c struct(x double, y decimal(10,2)), "
        "l list(struct(s string, n int, d list(decimal(30,3)))), t timestamp), z string";
    keeps(s,
          "{\"id\":1,\"o\":{\"a\":1,\"b\":\"x\",\"c\":{\"x\":1.5,\"y\":2.50},\"l\":[{\"s\":\"p\","
          "\"n\":7,"
          "\"d\":[1.000,-2.500]},{\"s\":\"a long text in an item of the list\",\"n\":-8,\"d\":[]}],"
          "\"t\":\"2024-01-01T00:00:00.000Z\"},\"z\":\"end\"}");
    // another order, spaces, fields that are missing, null, unknown, twice
    const char *full = "{\"id\":2,\"o\":{\"a\":3,\"b\":\"q\",\"c\":{\"x\":0.5,\"y\":null},"
                       "\"l\":[{\"s\":null,\"n\":1,\"d\":null}],\"t\":null},\"z\":\"end\"}";
    reads(
        s,
        "{\"id\":2,\"o\":{\"l\":[{\"n\":1}],\"c\":{\"x\":5e-1},\"b\":\"q\",\"a\":3},\"z\":\"end\"}",
        full);
    reads(s,
          "{\"id\": 2, \"o\": { \"a\" : 3 , \"b\": \"\\u0071\", \"c\": {\"x\": 0.5 }, \"l\" :[ { "
          "\"n\": 1 "
          "} ] }, \"z\": \"end\"}",
          full);
    reads(s,
          "{\"id\":2,\"o\":{\"a\":3,\"new\":{\"l\":[1,\"}\"]},\"b\":\"q\",\"c\":{\"x\":0.5,\"y\":"
          "null,"
          "\"w\":\"\\\"\"},\"l\":[{\"n\":1,\"m\":[]}],\"u\":null},\"z\":\"end\"}",
          full);
    reads(s,
          "{\"id\":2,\"o\":{\"a\":9,\"b\":\"gone\",\"c\":{\"x\":0.5},\"a\":3,\"b\":\"q\",\"l\":[{"
          "\"n\":1}]},"
          "\"z\":\"end\"}",
          full);
    reads(s,
          "{\"id\":2,\"o\":{\"a\":9},\"z\":\"end\",\"o\":{\"a\":3,\"b\":\"q\",\"c\":{\"x\":0.5},"
          "\"l\":[{\"n\":1}]}}",
          full);
    reads(
        s, "{\"id\":2,\"o\":{},\"z\":\"end\"}",
        "{\"id\":2,\"o\":{\"a\":null,\"b\":null,\"c\":null,\"l\":null,\"t\":null},\"z\":\"end\"}");
    keeps("l list(list(struct(a int)))", "{\"l\":[[{\"a\":1}],[],[{\"a\":null},{\"a\":2}]]}");
    keeps("l list(list(int)), m list(string)", "{\"l\":[[1],null,[2,null]],\"m\":[null,\"x\"]}");
}
END_TEST

START_TEST(a_list_of_structs_may_be_long)
{
    char line[4096] = "{\"l\":[", *p = line + strlen(line);
    for (int i = 0; i < 130; i++) // more than one word of the bitmap of nulls
        p += sprintf(p, "%s{\"a\":%d,\"b\":\"%d\"}", i == 0 ? "" : ",", i, i * 7);
    strcpy(p, "]}");
    keeps("l list(struct(a int, b string))", line);
}
END_TEST

START_TEST(maps_are_objects_in_the_order_of_their_keys)
{
    keeps("a map(string,int)", "{\"a\":{\"x\":1,\"y\":null}}");
    keeps("a map(string,int)", "{\"a\":{}}");
    reads("a map(string,string)", "{\"a\": { \"y\" : \"1\" , \"x\":\"2\", \"y\":\"3\" } }",
          "{\"a\":{\"x\":\"2\",\"y\":\"3\"}}");
    reads("a map(int,double)", "{\"a\":{\"10\":1,\"-2\":0.5,\"9\":2}}",
          "{\"a\":{\"-2\":0.5,\"9\":2,\"10\":1}}");
    keeps("a map(int64,bool)", "{\"a\":{\"9223372036854775807\":true}}");
    keeps("a map(string,map(string,list(int)))", "{\"a\":{\"x\":{\"y\":[1,2],\"z\":null}}}");
    reads("a map(string,int)", "{\"a\":{\"\\u00e9\\n\":1}}", "{\"a\":{\"\xc3\xa9\\n\":1}}");
    keeps("a map(string,decimal(20,4))", "{\"a\":{\"x\":1234567890123456.7890}}");
}
END_TEST

START_TEST(any_keeps_every_value_of_json)
{
    keeps("a any", "{\"a\":[1,-1,127,128,-32,-33,255,256,65535,65536,4294967295,4294967296]}");
    keeps("a any", "{\"a\":[-128,-129,-32768,-32769,-2147483648,-2147483649]}");
    keeps("a any", "{\"a\":[9223372036854775807,-9223372036854775808,18446744073709551615]}");
    reads("a any", "{\"a\":[18446744073709551616,-9223372036854775809]}",
          "{\"a\":[18446744073709551616,-9223372036854775808]}");
    keeps("a any", "{\"a\":{\"z\":1,\"a\":{\"b\":[true,false,null,\"\",{}]}}}");
    reads("a any", "{\"a\":[1.0,1e3,-0.0,-0,5E-1,0.1,123456789.123]}",
          "{\"a\":[1,1000,-0,0,0.5,0.1,123456789.123]}");
    reads("a any", "{\"a\":{\"x\":1,\"y\":2,\"x\":3}}", "{\"a\":{\"y\":2,\"x\":3}}");
    reads("a any", "{\"a\" : [ { \"x\" : 1 } , [ ] ] }", "{\"a\":[{\"x\":1},[]]}");
    keeps("a any", "{\"a\":\"a string of more than thirty-two bytes \xc3\xa9 in its middle\"}");
    reads("a any", "{\"a\":\"\\ud83d\\ude00\\/\"}", "{\"a\":\"\xf0\x9f\x98\x80/\"}");
    reads("a any", "{\"a\":null}", "{\"a\":null}");
    keeps("a list(any)", "{\"a\":[1,\"x\",null,[2]]}");
    keeps("a struct(x any), b int", "{\"a\":{\"x\":{\"y\":1}},\"b\":2}");
    keeps("a any", "{\"a\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]}");
}
END_TEST

START_TEST(any_takes_objects_of_many_keys_and_long_strings)
{
    struct tm_buf text;
    tm_buf_init(&text, &w.mem);
    ck_assert_int_eq(tm_buf_printf(&text, "{\"a\":{"), 0);
    for (int i = 0; i < 3000; i++)
        ck_assert_int_eq(tm_buf_printf(&text, "\"key %d\":[%d,\"%0*d\"],", i, i, i % 400, i), 0);
    ck_assert_int_eq(tm_buf_printf(&text, "\"last\":\"%070000d\"}}\n", 5), 0);
    ck_assert_int_eq(
        decode_text(&w, &tm_format_json, "a any", (const char *)text.data, text.size_bytes), 0);
    ck_assert_msg(w.row_count == 1, "%s", text_of(&w.bads));
    ck_assert_str_eq(text_of(&w.rows), text_of(&text));
    tm_buf_fini(&text);
}
END_TEST

START_TEST(any_keeps_the_last_of_a_key_among_many)
{
    struct tm_buf text, want;
    tm_buf_init(&text, &w.mem);
    tm_buf_init(&want, &w.mem);
    ck_assert_int_eq(tm_buf_printf(&text, "{\"a\":{"), 0);
    ck_assert_int_eq(tm_buf_printf(&want, "{\"a\":{"), 0);
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(tm_buf_printf(&text, "\"k%d\":%d,", i % 100, i), 0);
    for (int i = 400; i < 500; i++)
        ck_assert_int_eq(tm_buf_printf(&want, "\"k%d\":%d%s", i % 100, i, i < 499 ? "," : ""), 0);
    text.size_bytes--;
    ck_assert_int_eq(tm_buf_printf(&text, "}}\n"), 0);
    ck_assert_int_eq(tm_buf_printf(&want, "}}\n"), 0);
    ck_assert_int_eq(
        decode_text(&w, &tm_format_json, "a any", (const char *)text.data, text.size_bytes), 0);
    ck_assert_str_eq(text_of(&w.rows), text_of(&want));
    tm_buf_fini(&text);
    tm_buf_fini(&want);
}
END_TEST

START_TEST(any_has_a_depth)
{
    char text[1024], *p;
    for (int depth = TM_ANY_DEPTH_MAX; depth <= TM_ANY_DEPTH_MAX + 1; depth++) {
        p = text + sprintf(text, "{\"a\":");
        for (int i = 0; i < depth; i++)
            *p++ = '[';
        for (int i = 0; i < depth; i++)
            *p++ = ']';
        strcpy(p, "}");
        if (depth <= TM_ANY_DEPTH_MAX)
            keeps("a any", text);
        else
            refuses("a any", text, TM_E_BAD_JSON, "a value nested at most 128 deep");
    }
}
END_TEST

START_TEST(messages_name_the_path)
{
    const char *schema = "order struct(items list(struct(price decimal(10,2),n int!)))";
    refuses(schema, "{\"order\":{\"items\":[{\"n\":1},{\"n\":1},{\"price\":\"x\",\"n\":1}]}}",
            TM_E_BAD_TYPE, "field order.items[3].price: \"x\" is not a decimal number (byte 44)");
    refuses(schema, "{\"order\":{\"items\":[{\"n\":1,\"price\":{}}]}}", TM_E_BAD_TYPE,
            "field order.items[1].price: found an object, needs decimal(10,2) (byte 34)");
    refuses(schema, "{\"order\":{\"items\":[{\"price\":1}]}}", TM_E_REQUIRED,
            "field order.items[1].n is required and missing");
    refuses(schema, "{\"order\":{\"items\":[{\"n\":null}]}}", TM_E_REQUIRED,
            "field order.items[1].n is required and null");
    refuses(schema, "{\"order\":{\"items\":7}}", TM_E_BAD_TYPE,
            "field order.items: found a number, needs list(");
    refuses(schema, "{\"order\":[]}", TM_E_BAD_TYPE, "field order: found an array, needs struct(");
    refuses("a map(string,list(int))", "{\"a\":{\"x\":[1],\"y z\":[1,2.5]}}", TM_E_BAD_TYPE,
            "field a[\"y z\"][2]: 2.5 has a fraction, needs a whole number (byte 23)");
    refuses("a map(int,int)", "{\"a\":{\"x\":1}}", TM_E_BAD_TYPE,
            "field a: \"x\" is no whole number, which keys of this map are");
    refuses("a list(string!)", "{\"a\":[\"x\",null]}", TM_E_REQUIRED,
            "field a[2] is required and null");
    refuses("a list(int)", "{\"a\":[9007199254740993]}", TM_E_BAD_NUMBER,
            "field a[1]: 9007199254740993 is beyond 2^53");
    refuses("a any", "{\"a\":[1,1e999]}", TM_E_BAD_NUMBER,
            "field a: 1e999 is beyond the range of double");
    refuses("a any", "{\"a\":[1,01]}", TM_E_BAD_JSON, "field a: 01 is not a number of JSON");
    refuses("a any", "{\"a\":\"\\x\"}", TM_E_BAD_JSON, "field a: \\x is not an escape of JSON");
}
END_TEST

START_TEST(structure_is_checked)
{
    static const char *const broken[] = {
        "{\"a\":[1,]}",  "{\"a\":[,1]}",        "{\"a\":[1 2]}", "{\"a\":[1}}",   "{\"a\":[1",
        "{\"a\":[",      "{\"a\":[1]]}",        "{\"a\":[1],}",  "{\"a\":[1]",    "{\"a\":[1;2]}",
        "{\"a\":[nul]}", "{\"a\":[nullx]}",     "{\"a\":[1]}}",  "{\"a\":[tru]}", "{\"a\":[-]}",
        "{\"a\":[1.]}",  "{\"a\":[\"x\"\"y\"]}"};
    static const char *const objects[] = {
        "{\"a\":{\"x\"}}", "{\"a\":{\"x\":}}",  "{\"a\":{\"x\":1,}}",        "{\"a\":{,}}",
        "{\"a\":{x:1}}",   "{\"a\":{\"x\" 1}}", "{\"a\":{\"x\":1]}",         "{\"a\":{\"x\":1",
        "{\"a\":{\"x\"",   "{\"a\":{",          "{\"a\":{\"x\":1 \"y\":2}}", "{\"a\":{\"x\":1:2}}"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        refuses("a any", broken[i], TM_E_BAD_JSON, "");
        ck_assert_int_eq(
            decode_text(&w, &tm_format_json, "a list(int)", broken[i], strlen(broken[i])), 0);
        ck_assert_msg(w.row_count == 0 && w.bad_count == 1, "%s", broken[i]);
    }
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        refuses("a any", objects[i], TM_E_BAD_JSON, "");
        refuses("a map(string,int)", objects[i], TM_E_BAD_JSON, "");
        refuses("a struct(x int,y int)", objects[i], TM_E_BAD_JSON, "");
        refuses("a struct(y int)", objects[i], TM_E_BAD_JSON, "");
    }
}
END_TEST

START_TEST(utf8_is_checked_inside_nested_values)
{
    refuses("a list(string)", "{\"a\":[\"\xff\"]}", TM_E_BAD_UTF8, "0xFF");
    refuses("a map(string,int)", "{\"a\":{\"\xff\":1}}", TM_E_BAD_UTF8, "0xFF");
    refuses("a any", "{\"a\":{\"\xff\":1}}", TM_E_BAD_UTF8, "0xFF");
    refuses("a struct(x int)", "{\"a\":{\"y\":[\"\xff\"]}}", TM_E_BAD_UTF8, "0xFF");
}
END_TEST

START_TEST(unused_columns_are_checked_and_left_null)
{
    struct tm_schema *schema = make_schema(&w, "a list(string), b any, c string");
    uint64_t used = 4;
    const char *text = "{\"a\":[\"x\"],\"b\":{\"y\":1},\"c\":\"z\"}\n{\"a\":[1],\"c\":\"z\"}\n";
    struct tm_decoder *d = make_decoder(&w, &tm_format_json, schema, &used, 1000);
    ck_assert_int_eq(decode_pieces(&w, d, schema, text, strlen(text), 1000), 0);
    ck_assert_str_eq(text_of(&w.rows), "{\"a\":null,\"b\":null,\"c\":\"z\"}\n");
    ck_assert_uint_eq(w.bad_count, 1);
    d->ops->free(d);
    tm_schema_unref(schema);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_nested");
    TCase *test = tcase_create("json_nested");
    tcase_add_checked_fixture(test, open_world, close_world);
    tcase_add_test(test, lists_keep_their_items_and_nulls);
    tcase_add_test(test, a_list_may_be_longer_than_its_text);
    tcase_add_test(test, structs_take_their_fields_by_name_and_pass_others_over);
    tcase_add_test(test, structs_and_lists_within_each_other_are_read_whatever_they_hold);
    tcase_add_test(test, a_list_of_structs_may_be_long);
    tcase_add_test(test, maps_are_objects_in_the_order_of_their_keys);
    tcase_add_test(test, any_keeps_every_value_of_json);
    tcase_add_test(test, any_takes_objects_of_many_keys_and_long_strings);
    tcase_add_test(test, any_keeps_the_last_of_a_key_among_many);
    tcase_add_test(test, any_has_a_depth);
    tcase_add_test(test, messages_name_the_path);
    tcase_add_test(test, structure_is_checked);
    tcase_add_test(test, utf8_is_checked_inside_nested_values);
    tcase_add_test(test, unused_columns_are_checked_and_left_null);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
