// The CSV decoder: records, dialects, headers, values, and what is said of bad records.
#include "tests/unit/format/csv_test.h"

static struct world w;
static struct csv_case c;

static void open_world(void)
{
    world_open(&w);
    c = (struct csv_case){.w = &w, .max_record = TM_RECORD_BYTES};
}

static void close_world(void)
{
    world_close(&w);
}

static void decode_bytes(const char *schema, const char *text, size_t len, va_list args)
{
    struct tm_options options;
    tm_options_init(&options, &w.mem);
    take_options(&options, args);
    c.schema = schema;
    csv_decode_with(&c, &options, text, len);
    tm_options_fini(&options);
}

// Pairs of options follow, and NULL.
static void decode(const char *schema, const char *text, ...)
{
    va_list args;
    va_start(args, text);
    decode_bytes(schema, text, strlen(text), args);
    va_end(args);
}

static void decode_n(const char *schema, const char *text, size_t len, ...)
{
    va_list args;
    va_start(args, len);
    decode_bytes(schema, text, len, args);
    va_end(args);
}

static void expect(const char *rows, const char *bads)
{
    ck_assert_str_eq(text_of(&w.rows), rows);
    ck_assert_str_eq(text_of(&w.bads), bads);
}

// --- records

START_TEST(columns_are_found_by_the_names_of_the_header)
{
    decode("a int, b string, z double", "x,b,a\n1,two,3\n4,five,6\n", NULL);
    expect("{\"a\":3,\"b\":\"two\",\"z\":null}\n{\"a\":6,\"b\":\"five\",\"z\":null}\n", "");
}
END_TEST

START_TEST(without_a_header_columns_are_the_schemas_in_its_order)
{
    decode("a int, $k int hidden, b string", "1,two\n2,\n", "header", "false", NULL);
    expect("{\"a\":1,\"b\":\"two\"}\n{\"a\":2,\"b\":null}\n", "");
}
END_TEST

START_TEST(quoted_fields_hold_delimiters_quotes_and_line_ends)
{
    decode("a string, b int", "a,b\n\"x,\"\"y\"\"\nz\",1\n\"\",2\n\"\"\"\",3\nlast,4\n", NULL);
    expect("{\"a\":\"x,\\\"y\\\"\\nz\",\"b\":1}\n{\"a\":\"\",\"b\":2}\n{\"a\":\"\\\"\",\"b\":3}\n"
           "{\"a\":\"last\",\"b\":4}\n",
           "");
}
END_TEST

START_TEST(empty_is_null_and_quoted_empty_is_not)
{
    decode("a string, b string, n int", "a,b,n\n,\"\",\n", NULL);
    expect("{\"a\":null,\"b\":\"\",\"n\":null}\n", "");
}
END_TEST

START_TEST(line_ends_of_other_systems_and_a_last_line_without_one)
{
    decode("a string, b string", "a,b\r\n1,2\r\n\"3\",\"4\"\r\n5,\"6\r\n7\"\r\n8,9", NULL);
    expect(
        "{\"a\":\"1\",\"b\":\"2\"}\n{\"a\":\"3\",\"b\":\"4\"}\n{\"a\":\"5\",\"b\":\"6\\r\\n7\"}\n"
        "{\"a\":\"8\",\"b\":\"9\"}\n",
        "");
    decode("a string, b string", "a,b\n1,\"2\"\r", NULL);
    expect("{\"a\":\"1\",\"b\":\"2\"}\n", "");
}
END_TEST

START_TEST(a_byte_order_mark_is_no_part_of_the_first_name)
{
    decode("a int, b int",
           "\xEF\xBB\xBF"
           "a,b\n1,x\n",
           NULL);
    expect("", "bad_type@7:2: field b: \"x\" is not a whole number (byte 2)\n");
}
END_TEST

START_TEST(empty_lines_are_skipped_unless_there_is_one_column)
{
    decode("a int, b int", "\n\na,b\n\n1,2\n\r\n3,4\n\n", NULL);
    expect("{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":4}\n", "");
    decode("a string", "a\nx\n\n\"\"\n", NULL);
    expect("{\"a\":\"x\"}\n{\"a\":null}\n{\"a\":\"\"}\n", "");
}
END_TEST

START_TEST(an_input_without_records_has_no_rows)
{
    decode("a int", "", NULL);
    expect("", "");
    decode("a int", "a", NULL);
    expect("", "");
    decode("a int", "\n\n", "header", "false", "comment", "#", NULL);
    expect("{\"a\":null}\n{\"a\":null}\n", "");
}
END_TEST

START_TEST(comments_and_lines_in_front_are_skipped)
{
    decode("a int, b string",
           "written by \"hand\n2026,\"x\n#,\"not\na,b\n# it's \"5\n1,x\n#\n2,#\n3,\"#\"\n#end", //
           "comment", "#", "skip_lines", "2", NULL);
    expect("{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"#\"}\n{\"a\":3,\"b\":\"#\"}\n", "");
    decode("a int", "a\nb\n", "skip_lines", "5", NULL);
    expect("", "");
}
END_TEST

START_TEST(lines_and_offsets_count_line_ends_inside_quotes)
{
    decode("a string, b int", "a,b\n\"1\n2\n3\",x\n\"\n\",y\n4,z\n\n5,w", NULL);
    expect("", "bad_type@4:2: field b: \"x\" is not a whole number (byte 8)\n"
               "bad_type@14:5: field b: \"y\" is not a whole number (byte 4)\n"
               "bad_type@20:7: field b: \"z\" is not a whole number (byte 2)\n"
               "bad_type@25:9: field b: \"w\" is not a whole number (byte 2)\n");
}
END_TEST

START_TEST(long_fields_and_many_records_cross_windows)
{
    struct tm_buf text;
    tm_buf_init(&text, &w.mem);
    ck_assert_int_eq(tm_buf_printf(&text, "n,s\n"), 0);
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(tm_buf_printf(&text, "%d,\"", i), 0);
        for (int k = 0; k < (i % 50) * (i % 7) * 10; k++)
            ck_assert_int_eq(tm_buf_append(&text,
                                           k % 61 == 0   ? "\"\""
                                           : k % 17 == 0 ? "\n"
                                                         : "é,",
                                           2 - (size_t)(k % 61 != 0 && k % 17 == 0)),
                             0);
        ck_assert_int_eq(tm_buf_printf(&text, "\"\n"), 0);
    }
    decode_n("n int, s string", (const char *)text.data, text.size_bytes, NULL);
    ck_assert_uint_eq(w.row_count, 300);
    ck_assert_uint_eq(w.bad_count, 0);
    tm_buf_fini(&text);
}
END_TEST

// --- dialects

START_TEST(any_character_is_the_delimiter)
{
    static const char *const delimiters[] = {";", "\t", "|", " ", "x", "\x01", ":"};
    for (size_t i = 0; i < sizeof delimiters / sizeof delimiters[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "a%sb\n1%s\"%s,\"\n", delimiters[i], delimiters[i],
                 delimiters[i]);
        decode("a int, b string", text, "delimiter", delimiters[i], NULL);
        ck_assert_uint_eq(w.row_count, 1);
        ck_assert_uint_eq(w.bad_count, 0);
    }
}
END_TEST

START_TEST(another_quote_or_none)
{
    decode("a string, b string", "a,b\n'x,''y',\"z\"\n", "quote", "'", NULL);
    expect("{\"a\":\"x,'y\",\"b\":\"\\\"z\\\"\"}\n", "");
    decode("a string, b string", "a,b\n\"x,y\"\n'',\"\n", "quote", "", NULL);
    expect("{\"a\":\"\\\"x\",\"b\":\"y\\\"\"}\n{\"a\":\"''\",\"b\":\"\\\"\"}\n", "");
}
END_TEST

START_TEST(behind_a_backslash_a_character_stands_for_itself)
{
    decode("a string, b string",
           "a,b\n\"x\\\"y\\\\\",z\\,\\\n\\\"\nn\\t,\\\\\n\\N,\"\\N\"\n\\\\N,N\n", //
           "escape", "backslash", "null", "\\N", NULL);
    expect("{\"a\":\"x\\\"y\\\\\",\"b\":\"z,\\n\\\"\"}\n{\"a\":\"nt\",\"b\":\"\\\\\"}\n"
           "{\"a\":null,\"b\":\"N\"}\n{\"a\":\"\\\\N\",\"b\":\"N\"}\n",
           "");
    decode("a string, b string", "a,b\n1,2\\\r\r\n3,\\\\\r\n4,\\", "quote", "", "escape",
           "backslash", NULL);
    expect("{\"a\":\"1\",\"b\":\"2\\r\"}\n{\"a\":\"3\",\"b\":\"\\\\\"}\n{\"a\":\"4\",\"b\":"
           "\"\\\\\"}\n",
           "");
    decode("a string, n int", "a,n\n\"x\"\"y\",1\nz,2\n", "escape", "backslash", NULL);
    expect("{\"a\":\"z\",\"n\":2}\n",
           "bad_csv@4:2: field a: '\"' follows the closing quote; a quote inside quotes is written "
           "behind a backslash (byte 3)\n");
}
END_TEST

START_TEST(escapes_cross_blocks_of_64_bytes)
{
    for (size_t pad = 40; pad < 140; pad++) {
        char text[400], expected[400];
        snprintf(text, sizeof text, "a,b\n%0*d\\,\\\\\\\n,\"%0*d\\\"\"\n", (int)pad, 0, (int)pad,
                 0);
        decode("a string, b string", text, "escape", "backslash", NULL);
        snprintf(expected, sizeof expected, "{\"a\":\"%0*d,\\\\\\n\",\"b\":\"%0*d\\\"\"}\n",
                 (int)pad, 0, (int)pad, 0);
        expect(expected, "");
        snprintf(text, sizeof text, "a,b\n\"%0*d\"\"\n\"\"\",\"%0*d\"\n", (int)pad, 0, (int)pad, 0);
        decode("a string, b string", text, NULL);
        snprintf(expected, sizeof expected, "{\"a\":\"%0*d\\\"\\n\\\"\",\"b\":\"%0*d\"}\n",
                 (int)pad, 0, (int)pad, 0);
        expect(expected, "");
    }
}
END_TEST

START_TEST(null_texts_are_a_list_and_never_quoted)
{
    decode("a string, n int", "a,n\nNA,NA\n\"NA\",1\n,2\nn/a,\n", "null", "NA\nn/a", NULL);
    expect("{\"a\":null,\"n\":null}\n{\"a\":\"NA\",\"n\":1}\n{\"a\":\"\",\"n\":2}\n",
           "bad_type@20:5: field n: \"\" is not a whole number (byte 4)\n");
    decode("n int, d double", "n,d\n-999,-999\n999,-99\n", "null", "-999\n", NULL);
    expect("{\"n\":null,\"d\":null}\n{\"n\":999,\"d\":-99}\n", "");
}
END_TEST

START_TEST(ragged_records_are_errors_unless_the_policy_says_otherwise)
{
    const char *text = "a,b,c\n1,2\n1,2,3\n1,2,3,4\n1,2,3,\n";
    decode("a int, b int, c int", text, NULL);
    expect("{\"a\":1,\"b\":2,\"c\":3}\n",
           "field_count@6:2: the record has 2 fields, the header has 3; the option ragged = "
           "\"pad\" makes missing fields null\n"
           "field_count@16:4: the record has 4 fields, the header has 3; the option ragged = "
           "\"truncate\" drops surplus fields\n"
           "field_count@24:5: the record has 4 fields, the header has 3; the option ragged = "
           "\"truncate\" drops surplus fields\n");
    decode("a int, b int, c int", text, "ragged", "pad", "trailing_delimiter", "true", NULL);
    ck_assert_str_eq(text_of(&w.rows), "{\"a\":1,\"b\":2,\"c\":null}\n{\"a\":1,\"b\":2,\"c\":3}\n"
                                       "{\"a\":1,\"b\":2,\"c\":3}\n");
    ck_assert_uint_eq(w.bad_count, 1);
    decode("a int, b int, c int", text, "ragged", "truncate", NULL);
    ck_assert_uint_eq(w.row_count, 3);
    ck_assert_uint_eq(w.bad_count, 1);
    decode("a int, b int, c int required", text, "ragged", "both", NULL);
    ck_assert_uint_eq(w.row_count, 3);
    ck_assert_str_eq(text_of(&w.bads), "required@6:2: field c is required and null\n");
}
END_TEST

START_TEST(a_delimiter_may_end_every_record)
{
    decode("a int, b string", "a|b|\n1|x|\r\n2||\n3|\n", "delimiter", "|", "trailing_delimiter",
           "true", NULL);
    expect("{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":null}\n{\"a\":3,\"b\":null}\n", "");
}
END_TEST

START_TEST(empty_quotes_are_a_text_and_null_in_other_columns)
{
    decode("i int, l int64, d double, m decimal(9,2), t timestamp, o bool, s string, b bytes",
           "i,l,d,m,t,o,s,b\n\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"\n"
           "\"1\",\"2\",\"3\",\"4\",\"5\",\"true\",\"x\",\"eA==\"\n",
           NULL);
    expect("{\"i\":null,\"l\":null,\"d\":null,\"m\":null,\"t\":null,\"o\":null,\"s\":\"\","
           "\"b\":\"\"}\n{\"i\":1,\"l\":2,\"d\":3,\"m\":4.00,\"t\":\"1970-01-01T00:00:00.005Z\","
           "\"o\":true,"
           "\"s\":\"x\",\"b\":\"eA==\"}\n",
           "");
    decode("i int required, s string", "i,s\n\"\",x\n\"2\",y\n", NULL);
    expect("{\"i\":2,\"s\":\"y\"}\n", "required@4:2: field i is required and null\n");
}
END_TEST

// --- headers

START_TEST(a_required_column_must_be_in_the_header)
{
    decode("id int required, b string", "ident,b\n1,x\n2,y\n", NULL);
    expect("", "required@0:1: field id is required and not in the header, which has ident, b\n"
               "required@8:2: field id is required and not in the header, which has ident, b\n"
               "required@12:3: field id is required and not in the header, which has ident, b\n");
    decode("user_id int required, b int", "b,usr_id\n", NULL);
    expect("", "required@0:1: field user_id is required and not in the header (is it \"usr_id\"?), "
               "which has b, usr_id\n");
}
END_TEST

START_TEST(a_column_that_is_not_in_the_header_is_noticed_once)
{
    decode("id int, amount double, s string", "id,amuont,s\n1,2,x\n2,3,y\n", NULL);
    expect("{\"id\":1,\"amount\":null,\"s\":\"x\"}\n{\"id\":2,\"amount\":null,\"s\":\"y\"}\n", "");
    ck_assert_str_eq(csv_noticed,
                     "column amount is not in the header (is it \"amuont\"?), and null in every "
                     "row; the header has id, amuont, s\n");
    decode("a int, b int, c int", "a,z1\n1,2\n", NULL); // a is taken, and not meant by b
    ck_assert_str_eq(csv_noticed, "columns b, c are not in the header, and null in every row; the "
                                  "header has a, z1\n");
    decode("a int, b int", "b,c,a\n1,2,3\n", NULL);
    ck_assert_str_eq(csv_noticed, "");
    decode("a int, b int", "1,2\n", "header", "false", NULL);
    ck_assert_str_eq(csv_noticed, "");
}
END_TEST

START_TEST(a_header_of_another_file_is_an_error)
{
    decode("id int, name string", "1,ann\n2,ben\n", NULL);
    ck_assert_uint_eq(w.bad_count, 2);
    ck_assert_ptr_nonnull(strstr(text_of(&w.bads),
                                 "bad_csv@0:1: the header has none of the schema's columns (id, "
                                 "name): it is 1, ann; a file without a header needs header = "
                                 "false\n"));
    decode("id int", "id,id\n1,2\n", NULL);
    ck_assert_str_eq(text_of(&w.bads), "bad_csv@0:1: the header has the column id twice\n"
                                       "bad_csv@6:2: the header has the column id twice\n");
    decode("id int", "\"id\n1,2\n", NULL);
    ck_assert_uint_eq(w.row_count, 0);
    ck_assert_str_eq(
        text_of(&w.bads),
        "bad_csv@0:1: field 1: the quote is not closed before the end of the input (byte 0)\n"
        "bad_csv@4:2: field 1: the quote is not closed before the end of the input (byte 0)\n");
    decode_n("id int", "id,\xff\n1,2\n", 9, NULL);
    ck_assert_uint_eq(w.bad_count, 2);
    ck_assert_int_eq(w.bad_code, TM_E_BAD_UTF8);
}
END_TEST

START_TEST(quoted_names_and_repeated_names_outside_the_schema_are_fine)
{
    decode("a,b string, \"c\" int", "x,\"a,b\",x,\"\"\"c\"\"\"\n1,2,3,4\n", NULL);
    expect("{\"a,b\":\"2\",\"\\\"c\\\"\":4}\n", "");
}
END_TEST

// --- values

START_TEST(numbers_in_every_spelling)
{
    decode("i int, l int64, d double, e decimal(10,2)",
           "i,l,d,e\n1,2,3.5,4.5\n-1,+2,-0.25,+4\n007,-9223372036854775808,1e3,1e2\n"
           "5.0,9007199254740993,.5,00012.340\n1e3,0,5.,-.5\n\"12\",\"13\",\"1.5\",\"2.5\"\n"
           "9007199254740992,9223372036854775807,123456789012345678901234567890,99999999.99\n"
           "0,-0,-0,-0.00\n",
           NULL);
    expect("{\"i\":1,\"l\":2,\"d\":3.5,\"e\":4.50}\n{\"i\":-1,\"l\":2,\"d\":-0.25,\"e\":4.00}\n"
           "{\"i\":7,\"l\":-9223372036854775808,\"d\":1000,\"e\":100.00}\n"
           "{\"i\":5,\"l\":9007199254740993,\"d\":0.5,\"e\":12.34}\n"
           "{\"i\":1000,\"l\":0,\"d\":5,\"e\":-0.50}\n{\"i\":12,\"l\":13,\"d\":1.5,\"e\":2.50}\n"
           "{\"i\":9007199254740992,\"l\":9223372036854775807,\"d\":1.2345678901234568e+29,"
           "\"e\":99999999.99}\n"
           "{\"i\":0,\"l\":0,\"d\":-0,\"e\":0.00}\n",
           "");
}
END_TEST

START_TEST(a_decimal_says_why_it_does_not_fit)
{
    decode("m decimal(10,2)", "m\n1.005\n1.500\n123456789.5\n", NULL);
    expect("{\"m\":1.50}\n",
           "bad_number@2:2: field m: \"1.005\" does not fit decimal(10,2), which has fewer digits "
           "behind the point; declare more, or double (byte 0)\n"
           "bad_number@14:4: field m: \"123456789.5\" does not fit decimal(10,2) (byte 0)\n");
}
END_TEST

START_TEST(a_decimal_comma)
{
    decode("d double, e decimal(10,2), i int",
           "d;e;i\n1,5;-2,25;3\n0,1;1234567,5;4,0\n1.5;2;3\n1;2.5;3\n123456789012345678,25;,5;1\n",
           "delimiter", ";", "decimal", ",", NULL);
    expect("{\"d\":1.5,\"e\":-2.25,\"i\":3}\n{\"d\":0.1,\"e\":1234567.50,\"i\":4}\n"
           "{\"d\":123456789012345680,\"e\":0.50,\"i\":1}\n",
           "bad_type@36:4: field d: \"1.5\" is not a number (byte 0)\n"
           "bad_type@44:5: field e: \"2.5\" is not a decimal number (byte 2)\n");
}
END_TEST

START_TEST(wrong_values_are_named_with_column_and_byte)
{
    decode("i int, d double",
           "i,d\nx,1\n,1..5\n1.5,1\n9007199254740993,1\n1,1e999\n 1,1\n1 ,1\n"
           "1,NaN\n\"1\"\"\",1\n1,\"1,5\"\n-,+\n1,1e\n",
           NULL);
    expect(
        "",
        "bad_type@4:2: field i: \"x\" is not a whole number (byte 0)\n"
        "bad_type@8:3: field d: \"1..5\" is not a number (byte 1)\n"
        "bad_type@14:4: field i: \"1.5\" has a fraction, needs a whole number (byte 0)\n"
        "bad_number@20:5: field i: \"9007199254740993\" is beyond 2^53, which int holds exactly; "
        "declare it as int64 (byte 0)\n"
        "bad_number@39:6: field d: \"1e999\" is beyond the range of double (byte 2)\n"
        "bad_type@47:7: field i: \" 1\" is not a whole number (byte 0)\n"
        "bad_type@52:8: field i: \"1 \" is not a whole number (byte 0)\n"
        "bad_type@57:9: field d: \"NaN\" is not a number; texts that mean null are an option: "
        "null = { \"\", ... } (byte 2)\n"
        "bad_type@63:10: field i: \"1\"\"\" is not a whole number (byte 0)\n"
        "bad_type@71:11: field d: \"1,5\" is not a number; a decimal comma is an option: "
        "decimal = \",\" (byte 2)\n"
        "bad_type@79:12: field i: \"-\" is not a whole number (byte 0)\n"
        "bad_type@83:13: field d: \"1e\" is not a number (byte 2)\n");
    decode("e decimal(4,2), l int64", "e,l\n100,1\n1,9223372036854775808\n", NULL);
    expect("", "bad_number@4:2: field e: \"100\" does not fit decimal(4,2) (byte 0)\n"
               "bad_number@10:3: field l: \"9223372036854775808\" does not fit int64 (byte 2)\n");
}
END_TEST

START_TEST(bools_are_true_and_false_or_what_the_option_says)
{
    decode("b bool", "b\ntrue\nFALSE\nTrue\nfalse\n1\n\n\"true\"\n", NULL);
    expect("{\"b\":true}\n{\"b\":false}\n{\"b\":true}\n{\"b\":false}\n{\"b\":null}\n{\"b\":true}\n",
           "bad_type@24:6: field b: \"1\" is not a bool: true or false, as the option bools says "
           "(byte 0)\n");
    decode("b bool", "b\nja\nNEIN\ntrue\n", "bools", "ja/nein", NULL);
    ck_assert_str_eq(text_of(&w.rows), "{\"b\":true}\n{\"b\":false}\n");
    ck_assert_uint_eq(w.bad_count, 1);
    decode("b bool", "b\n1\n0\nyes\nNo\nT\nf\nTrue\noff\n2\n", "bools", "any", NULL);
    ck_assert_uint_eq(w.row_count, 8);
    ck_assert_uint_eq(w.bad_count, 1);
}
END_TEST

START_TEST(timestamps_are_iso_8601_or_milliseconds)
{
    decode(
        "t timestamp",
        "t\n2026-01-02T03:04:05.678Z\n2026-01-02 03:04:05\n2026-01-02\n1700000000123\n-1\n"
        "2026-01-02T03:04:05+01:00\n2026-01-02T23:59:59.999\n2026-01-03T00:00:00.001Z\n"
        "2026-13-01T00:00:00Z\n2026-01-02T24:00:00Z\n2026-01-02T03:60:05Z\n2026-01-02T03:04:0xZ\n"
        "yesterday\n1.5\n0000-01-01T00:00:00Z\n\"2026-01-02T03:04:05Z\"\n2026-01-02T0a:04:05\n"
        "2026-02-29T03:04:05Z\n2026-01-02T03:04:05.6x8Z\n",
        NULL);
    ck_assert_str_eq(
        text_of(&w.rows),
        "{\"t\":\"2026-01-02T03:04:05.678Z\"}\n{\"t\":\"2026-01-02T03:04:05.000Z\"}\n"
        "{\"t\":\"2026-01-02T00:00:00.000Z\"}\n{\"t\":\"2023-11-14T22:13:20.123Z\"}\n"
        "{\"t\":\"1969-12-31T23:59:59.999Z\"}\n{\"t\":\"2026-01-02T02:04:05.000Z\"}\n"
        "{\"t\":\"2026-01-02T23:59:59.999Z\"}\n{\"t\":\"2026-01-03T00:00:00.001Z\"}\n"
        "{\"t\":\"0000-01-01T00:00:00.000Z\"}\n{\"t\":\"2026-01-02T03:04:05.000Z\"}\n");
    ck_assert_uint_eq(w.bad_count, 9);
    ck_assert_ptr_nonnull(strstr(text_of(&w.bads), "bad_timestamp@"));
    ck_assert_ptr_nonnull(strstr(text_of(&w.bads), "field t: \"1.5\" has a fraction, needs "
                                                   "timestamp in whole milliseconds (byte 0)"));
}
END_TEST

START_TEST(bytes_are_base64)
{
    decode("y bytes", "y\nAP8QIA==\n\"AP8Q\"\nA\n\"\"\n", NULL);
    expect("{\"y\":\"AP8QIA==\"}\n{\"y\":\"AP8Q\"}\n{\"y\":\"\"}\n",
           "bad_type@18:4: field y: \"A\" is not base64 (byte 0)\n");
}
END_TEST

START_TEST(required_columns_must_have_a_value)
{
    decode("a string required, b int", "a,b\nx,1\n,2\n\"\",3\n", NULL);
    expect("{\"a\":\"x\",\"b\":1}\n{\"a\":\"\",\"b\":3}\n",
           "required@8:3: field a is required and null\n");
}
END_TEST

START_TEST(columns_nobody_reads_are_checked_and_left_null)
{
    const uint64_t used[1] = {1 << 1};
    c.used = used;
    decode("a int, b int, s string, e decimal(5,1), y bytes, t timestamp",
           "a,b,s,e,y,t\n1,2,\"x\"\"\",1.5,AP8=,2026-01-02\nx,2,y,1,,\n1,2,y,z,,\n1,2,y,1,A,\n1,2,"
           "y,1,,now\n",
           NULL);
    expect("{\"a\":null,\"b\":2,\"s\":null,\"e\":null,\"y\":null,\"t\":null}\n",
           "bad_type@42:3: field a: \"x\" is not a whole number (byte 0)\n"
           "bad_type@52:4: field e: \"z\" is not a decimal number (byte 6)\n"
           "bad_type@62:5: field y: \"A\" is not base64 (byte 8)\n"
           "bad_timestamp@73:6: field t: \"now\" is not a time of ISO 8601 or a number of "
           "milliseconds (byte 9)\n");
}
END_TEST

START_TEST(more_than_64_columns)
{
    struct tm_buf schema, text, row;
    tm_buf_init(&schema, &w.mem);
    tm_buf_init(&text, &w.mem);
    tm_buf_init(&row, &w.mem);
    for (int i = 0; i < 150; i++) {
        ck_assert_int_eq(tm_buf_printf(&schema, "%sc%d int", i == 0 ? "" : ", ", i), 0);
        ck_assert_int_eq(tm_buf_printf(&text, "%sc%d", i == 0 ? "" : ",", 149 - i), 0);
        ck_assert_int_eq(tm_buf_printf(&row, i % 3 == 0 ? "%s" : "%s%d", i == 0 ? "" : ",", i), 0);
    }
    ck_assert_int_eq(tm_buf_printf(&text, "\n%s\n%s", text_of(&row), text_of(&row)), 0);
    decode_n(text_of(&schema), (const char *)text.data, text.size_bytes, NULL);
    ck_assert_uint_eq(w.row_count, 2);
    ck_assert_ptr_nonnull(strstr(text_of(&w.rows), "\"c0\":149,\"c1\":148,\"c2\":null,"));
    ck_assert_ptr_nonnull(strstr(text_of(&w.rows), "\"c148\":1,\"c149\":null}"));
    tm_buf_fini(&schema);
    tm_buf_fini(&text);
    tm_buf_fini(&row);
}
END_TEST

// --- what is no record

START_TEST(a_wrong_quote_costs_its_line)
{
    decode("a string, b int", "a,b\nx\"y,1\n\"x\"y,2\nok,3\n\"open,4\nok,5\nx,\"6\" \nok,7\n",
           NULL);
    expect("{\"a\":\"ok\",\"b\":3}\n{\"a\":\"ok\",\"b\":5}\n{\"a\":\"ok\",\"b\":7}\n",
           "bad_csv@4:2: field a: a quote inside a field that does not begin with one (byte 1)\n"
           "bad_csv@10:3: field a: 'y' follows the closing quote; a quote inside quotes is doubled "
           "(byte 3)\n"
           "bad_csv@22:5: field a: '6' follows the closing quote; a quote inside quotes is doubled "
           "(byte 16)\n"
           "bad_csv@35:7: field b: ' ' follows the closing quote; a quote inside quotes is doubled "
           "(byte 5)\n");
}
END_TEST

START_TEST(a_quote_that_nothing_closes_costs_its_line)
{
    decode("a string, b int", "a,b\nx,1\ny,\"2\nz,3\nlast,4\n", NULL);
    expect("{\"a\":\"x\",\"b\":1}\n{\"a\":\"z\",\"b\":3}\n{\"a\":\"last\",\"b\":4}\n",
           "bad_csv@8:3: field b: the quote is not closed before the end of the input (byte 2)\n");
    decode("a string, b int", "a,b\nx,1\ny,\"2", NULL);
    expect("{\"a\":\"x\",\"b\":1}\n",
           "bad_csv@8:3: field b: the quote is not closed before the end of the input (byte 2)\n");
}
END_TEST

START_TEST(a_record_ends_within_max_record_or_costs_its_line)
{
    c.max_record = 20;
    decode("a string, b int",
           "a,b\n\"0123456789012345\",2\n\"01234567890123456\",3\n\"x\ny,1\n\nz,2\nw,3\nv,4\nu,5\n"
           "t,6\n",
           NULL);
    ck_assert_str_eq(
        text_of(&w.rows),
        "{\"a\":\"0123456789012345\",\"b\":2}\n{\"a\":\"y\",\"b\":1}\n{\"a\":\"z\",\"b\":2}\n"
        "{\"a\":\"w\",\"b\":3}\n{\"a\":\"v\",\"b\":4}\n{\"a\":\"u\",\"b\":5}\n"
        "{\"a\":\"t\",\"b\":6}\n");
    ck_assert_str_eq(
        text_of(&w.bads),
        "too_large@25:3: the record has 21 bytes, max_record allows 20\n"
        "bad_csv@47:4: field a: the quote is not closed within max_record, 20 bytes (byte 0)\n");
    // closed, but later than that
    decode("a string, b int", "a,b\n\"x\n0123456789012345678\",1\nz,2\n", NULL);
    expect("{\"a\":\"z\",\"b\":2}\n",
           "bad_csv@4:2: field a: the quote is not closed within max_record, 20 bytes (byte 0)\n"
           "too_large@7:3: the record has 22 bytes, max_record allows 20\n");
}
END_TEST

START_TEST(oversize_records_are_skipped_wherever_they_stand)
{
    c.max_record = 10;
    decode("a string",
           "a\n01234567890\n0123456789\n0123456789\r\n0123456789012345678901234567890\r\n"
           "x\n\"01234567890\n01234567890123",
           NULL);
    expect("{\"a\":\"0123456789\"}\n{\"a\":\"0123456789\"}\n{\"a\":\"x\"}\n",
           "too_large@2:2: the record has 11 bytes, max_record allows 10\n"
           "too_large@37:5: the record has 31 bytes, max_record allows 10\n"
           "too_large@72:7: the record has 12 bytes, max_record allows 10\n"
           "too_large@85:8: the record has 14 bytes, max_record allows 10\n");
    ck_assert_uint_eq(w.bad_len, 14);
    decode("abcdefgh string", "abcdefgh,abcdefgh\n1\n", NULL);
    expect("", "too_large@0:1: the record has 17 bytes, max_record allows 10\n"
               "too_large@18:2: the header has more than the 10 bytes that max_record allows\n");
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_bad_records)
{
    decode_n("a string, b int", "a,b\nx\xff,1\n\xc3\xa9,2\n\"\xc3\",3\n\xf0\x9f\x98\x80,4\n", 27,
             NULL);
    expect("{\"a\":\"\xc3\xa9\",\"b\":2}\n{\"a\":\"\xf0\x9f\x98\x80\",\"b\":4}\n",
           "bad_utf8@4:2: byte 0xFF is not valid UTF-8 (byte 1)\n"
           "bad_utf8@14:4: byte 0xC3 is not valid UTF-8 (byte 1)\n");
}
END_TEST

START_TEST(zero_bytes_are_characters)
{
    decode_n("a string, b string", "a,b\nx\0y,\"\0\"\n", 12, NULL);
    expect("{\"a\":\"x\\u0000y\",\"b\":\"\\u0000\"}\n", "");
    decode_n("a string, b string", "a,b\nx\0y,\0\n", 10, "quote", "", NULL);
    expect("{\"a\":\"x\\u0000y\",\"b\":\"\\u0000\"}\n", "");
}
END_TEST

START_TEST(decoding_stops_when_the_callback_says_so)
{
    struct tm_options none;
    tm_options_init(&none, &w.mem);
    c.schema = "a int";
    w.bad_result = TM_E_BAD_TYPE;
    const char *text = "a\n1\nx\n2\n";
    ck_assert_int_eq(csv_decode_pieces(&c, &none, text, strlen(text), 100), TM_E_BAD_TYPE);
    expect("{\"a\":1}\n", "bad_type@4:3: field a: \"x\" is not a whole number (byte 0)\n");
}
END_TEST

// A field of a drawn kind: mostly what its column takes.
static size_t draw_field(uint64_t *seed, char *to, int column)
{
    static const char *const odd[] = {
        "",       "\"\"",   "\"a\"\"b\"",        "\"x,y\"", "\"two\nlines\"", "-",        ".5",
        "1e3",    "\"12\"", "2026-01-02T03:04",  "plain",   "a\"b",           "\xc3\xa9", "\xff",
        "\"open", "1.2.3",  "12345678901234567", "-0"};
    static char quoted[] = "\"a text with \"\"quotes\"\" in it\"";
    if (draw(seed, 12) == 0)
        return (size_t)sprintf(to, "%s", odd[draw(seed, sizeof odd / sizeof odd[0])]);
    switch (column) {
    case 0:
        return (size_t)sprintf(to, "%lld", (long long)draw(seed, 2000000) - 1000000);
    case 1:
        return (size_t)sprintf(to, "%.*s", (int)draw(seed, 40),
                               "any words that are in no quotes, no, none at all");
    case 2:
        return (size_t)sprintf(to, "%.*f", (int)draw(seed, 6), (double)draw(seed, 1000000) / 7);
    case 3:
        return (size_t)sprintf(to, "2026-01-%02dT03:04:05.678Z", (int)draw(seed, 33));
    default:
        return (size_t)sprintf(to, "%s", quoted);
    }
}

// What has comments is read the general way, else records that are as nearly all are have their
// own.
START_TEST(records_of_any_kind_are_read_alike_on_both_ways)
{
    static char text[64 * 1024];
    uint64_t seed = take_seed();
    for (int round = 0; round < 300; round++) {
        c.schema = round % 2 == 0 ? "a int, b string, d double, t timestamp, q string"
                                  : "a string, b string, d string, t string, q string";
        size_t len = (size_t)sprintf(text, "a,b,d,t,q\n");
        for (uint64_t records = draw(&seed, 60); records != 0; records--) {
            int fields = draw(&seed, 4) == 0 ? (int)draw(&seed, 8) : 5;
            for (int i = 0; i < fields; i++) {
                len += draw_field(&seed, text + len, i);
                text[len++] = i + 1 < fields ? ',' : '\n';
            }
            if (draw(&seed, 6) == 0)
                len += (size_t)sprintf(text + len - (fields > 0), "\r\n") - (fields > 0);
        }
        len -= draw(&seed, 2); // perhaps no last line end
        struct tm_buf rows, bads;
        tm_buf_init(&rows, &w.mem);
        tm_buf_init(&bads, &w.mem);
        c.max_record = draw(&seed, 4) == 0 ? 60 : TM_RECORD_BYTES;
        for (int way = 0; way < 3; way++) {
            struct tm_options options;
            tm_options_init(&options, &w.mem);
            if (way == 0)
                ck_assert_int_eq(tm_options_set_string(&options, "comment", "#"), 0);
            ck_assert_int_eq(
                csv_decode_pieces(&c, &options, text, len, way == 2 ? 1 + draw(&seed, len) : len),
                0);
            if (way == 0) {
                ck_assert_int_eq(tm_buf_append(&rows, w.rows.data, w.rows.size_bytes), 0);
                ck_assert_int_eq(tm_buf_append(&bads, w.bads.data, w.bads.size_bytes), 0);
            }
            ck_assert_str_eq(text_of(&w.rows), text_of(&rows));
            ck_assert_str_eq(text_of(&w.bads), text_of(&bads));
            tm_options_fini(&options);
        }
        tm_buf_fini(&rows);
        tm_buf_fini(&bads);
    }
}
END_TEST

START_TEST(numbers_of_any_length_are_what_the_c_library_reads)
{
    char text[100], number[40];
    uint64_t seed = take_seed();
    c.schema = "d double";
    for (int round = 0; round < 4000; round++) {
        int whole = 1 + (int)draw(&seed, 9), behind = (int)draw(&seed, 7), len = 0;
        if (draw(&seed, 3) == 0)
            number[len++] = '-';
        for (int i = 0; i < whole; i++)
            number[len++] = (char)('0' + draw(&seed, 10));
        if (behind != 0)
            number[len++] = '.';
        for (int i = 0; i < behind; i++)
            number[len++] = (char)('0' + draw(&seed, 10));
        number[len] = '\0';
        snprintf(text, sizeof text, "d,some words in front\n%s,x\n", number);
        ck_assert_int_eq(csv_decode_pieces(&c, NULL, text, strlen(text), strlen(text)), 0);
        ck_assert_uint_eq(w.row_count, 1);
        double read = strtod(text_of(&w.rows) + strlen("{\"d\":"), NULL);
        ck_assert_msg(read == strtod(number, NULL), "%s", number);
    }
}
END_TEST

START_TEST(nested_types_are_refused)
{
    const struct tm_field_def def = {.name = "tags", .type = {.kind = TM_TYPE_LIST}};
    struct tm_schema *schema = NULL;
    struct tm_decoder *d = NULL;
    if (tm_schema_new(&w.mem, &def, 1, -1, &schema, &w.err) != 0)
        return; // the schema says so already
    struct tm_decoder_args args = {.mem = &w.mem, .schema = schema, .max_record = 100};
    ck_assert_int_eq(tm_format_csv.decoder_new(&args, &d, &w.err), TM_E_SCHEMA);
    tm_schema_unref(schema);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv_read");
    TCase *tc = tcase_create("csv_read");
    tcase_add_checked_fixture(tc, open_world, close_world);
    tcase_add_test(tc, columns_are_found_by_the_names_of_the_header);
    tcase_add_test(tc, without_a_header_columns_are_the_schemas_in_its_order);
    tcase_add_test(tc, quoted_fields_hold_delimiters_quotes_and_line_ends);
    tcase_add_test(tc, empty_is_null_and_quoted_empty_is_not);
    tcase_add_test(tc, line_ends_of_other_systems_and_a_last_line_without_one);
    tcase_add_test(tc, a_byte_order_mark_is_no_part_of_the_first_name);
    tcase_add_test(tc, empty_lines_are_skipped_unless_there_is_one_column);
    tcase_add_test(tc, an_input_without_records_has_no_rows);
    tcase_add_test(tc, comments_and_lines_in_front_are_skipped);
    tcase_add_test(tc, lines_and_offsets_count_line_ends_inside_quotes);
    tcase_add_test(tc, long_fields_and_many_records_cross_windows);
    tcase_add_test(tc, any_character_is_the_delimiter);
    tcase_add_test(tc, another_quote_or_none);
    tcase_add_test(tc, behind_a_backslash_a_character_stands_for_itself);
    tcase_add_test(tc, escapes_cross_blocks_of_64_bytes);
    tcase_add_test(tc, null_texts_are_a_list_and_never_quoted);
    tcase_add_test(tc, ragged_records_are_errors_unless_the_policy_says_otherwise);
    tcase_add_test(tc, a_delimiter_may_end_every_record);
    tcase_add_test(tc, empty_quotes_are_a_text_and_null_in_other_columns);
    tcase_add_test(tc, a_required_column_must_be_in_the_header);
    tcase_add_test(tc, a_column_that_is_not_in_the_header_is_noticed_once);
    tcase_add_test(tc, a_header_of_another_file_is_an_error);
    tcase_add_test(tc, quoted_names_and_repeated_names_outside_the_schema_are_fine);
    tcase_add_test(tc, numbers_in_every_spelling);
    tcase_add_test(tc, a_decimal_says_why_it_does_not_fit);
    tcase_add_test(tc, a_decimal_comma);
    tcase_add_test(tc, wrong_values_are_named_with_column_and_byte);
    tcase_add_test(tc, bools_are_true_and_false_or_what_the_option_says);
    tcase_add_test(tc, timestamps_are_iso_8601_or_milliseconds);
    tcase_add_test(tc, bytes_are_base64);
    tcase_add_test(tc, required_columns_must_have_a_value);
    tcase_add_test(tc, columns_nobody_reads_are_checked_and_left_null);
    tcase_add_test(tc, more_than_64_columns);
    tcase_add_test(tc, a_wrong_quote_costs_its_line);
    tcase_add_test(tc, a_quote_that_nothing_closes_costs_its_line);
    tcase_add_test(tc, a_record_ends_within_max_record_or_costs_its_line);
    tcase_add_test(tc, oversize_records_are_skipped_wherever_they_stand);
    tcase_add_test(tc, bytes_that_are_no_utf8_are_bad_records);
    tcase_add_test(tc, zero_bytes_are_characters);
    tcase_add_test(tc, decoding_stops_when_the_callback_says_so);
    tcase_add_test(tc, records_of_any_kind_are_read_alike_on_both_ways);
    tcase_add_test(tc, numbers_of_any_length_are_what_the_c_library_reads);
    tcase_add_test(tc, nested_types_are_refused);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
