// The JSON Lines decoder: every type, every kind of broken record, every split of the input.
#include "tests/unit/format/format_test.h"

static struct world w;

static void open_world(void)
{
    world_open(&w);
    set_option(&w, "layout", "lines"); // else a first line with a bracket may be an array
}

static void close_world(void)
{
    world_close(&w);
}

// One record gives one row, shown as JSON.
static void reads(const char *schema, const char *text, const char *row)
{
    ck_assert_int_eq(decode_text(&w, &tm_format_json, schema, text, strlen(text)), 0);
    ck_assert_msg(w.bad_count == 0, "%s: %s", text, text_of(&w.bads));
    ck_assert_uint_eq(w.row_count, 1);
    w.rows.size_bytes--;
    ck_assert_str_eq(text_of(&w.rows), row);
}

static void refuses_bytes(const char *schema, const char *text, size_t len, int code,
                          const char *message)
{
    ck_assert_int_eq(decode_text(&w, &tm_format_json, schema, text, len), 0);
    ck_assert_msg(w.row_count == 0 && w.bad_count == 1, "%s: %u rows, %u bad", text, w.row_count,
                  w.bad_count);
    ck_assert_msg(w.bad_code == code, "%s: %s", text, text_of(&w.bads));
    ck_assert_msg(strstr(text_of(&w.bads), message) != NULL, "%s\nis not in\n%s", message,
                  text_of(&w.bads));
}

static void refuses(const char *schema, const char *text, int code, const char *message)
{
    refuses_bytes(schema, text, strlen(text), code, message);
}

START_TEST(every_type_is_read)
{
    reads("a bool, b bool", "{\"a\":true,\"b\":false}", "{\"a\":true,\"b\":false}");
    reads("a int", "{\"a\":42}", "{\"a\":42}");
    reads("a int64", "{\"a\":9223372036854775807}", "{\"a\":9223372036854775807}");
    reads("a double", "{\"a\":123.45}", "{\"a\":123.45}");
    reads("a decimal(10,2)", "{\"a\":123.45}", "{\"a\":123.45}");
    reads("a decimal(10,2)", "{\"a\":\"123.4\"}", "{\"a\":123.40}");
    reads("a string", "{\"a\":\"x y\"}", "{\"a\":\"x y\"}");
    reads("a bytes", "{\"a\":\"AAEC/w==\"}", "{\"a\":\"AAEC/w==\"}");
    reads("a bytes", "{\"a\":\"AAEC\\/w\"}", "{\"a\":\"AAEC/w==\"}");
    reads("a timestamp", "{\"a\":1700000000123}", "{\"a\":\"2023-11-14T22:13:20.123Z\"}");
    reads("a timestamp", "{\"a\":\"2023-11-14T23:13:20.123+01:00\"}",
          "{\"a\":\"2023-11-14T22:13:20.123Z\"}");
}
END_TEST

START_TEST(an_input_without_bytes_needs_no_place_for_them)
{
    const struct tm_format *const formats[] = {&tm_format_json, &tm_format_text, &tm_format_csv};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct tm_schema *schema = make_schema(&w, "line string");
        struct tm_decoder_args args = {.mem = &w.mem, .schema = schema, .max_record = 1000};
        struct tm_batch *batch = tm_batch_acquire(w.pool, schema);
        struct tm_decoder *d = NULL;
        size_t used = 0;
        ck_assert_int_eq(formats[i]->decoder_new(&args, &d, &w.err), 0);
        ck_assert_int_eq(d->ops->decode(d, NULL, 0, true, batch, &used, note_bad, &w), 0);
        ck_assert_uint_eq(used + batch->row_count + w.bad_count, 0);
        d->ops->free(d);
        tm_batch_release(batch);
        tm_schema_unref(schema);
    }
}
END_TEST

START_TEST(null_and_missing_fields_are_null)
{
    const char *all = "a bool, b int, c int64, d double, e decimal(5,1), f string, g bytes, "
                      "h timestamp";
    const char *nulls = "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null,\"f\":null,"
                        "\"g\":null,\"h\":null}";
    reads(all, nulls, nulls);
    reads(all, "{}", nulls);
    reads(all, " { } ", nulls);
    reads(all, "{\"zzz\":{\"a\":[1,{}]}}", nulls);
}
END_TEST

START_TEST(white_space_may_stand_between_all_tokens)
{
    reads("a int, b string", " { \"a\" :\t5 , \"b\" : \"x\" } \r", "{\"a\":5,\"b\":\"x\"}");
    reads("a int, b bool, c double", "{\"a\" : 5 ,\"b\" : true , \"c\" : 1.5 }",
          "{\"a\":5,\"b\":true,\"c\":1.5}");
}
END_TEST

START_TEST(int_takes_whole_numbers_up_to_2_to_the_53)
{
    reads("a int", "{\"a\":9007199254740992}", "{\"a\":9007199254740992}");
    reads("a int", "{\"a\":-9007199254740992}", "{\"a\":-9007199254740992}");
    reads("a int", "{\"a\":5.0}", "{\"a\":5}");
    reads("a int", "{\"a\":5e0}", "{\"a\":5}");
    reads("a int", "{\"a\":0.5e1}", "{\"a\":5}");
    reads("a int", "{\"a\":1E3}", "{\"a\":1000}");
    reads("a int", "{\"a\":120000e-4}", "{\"a\":12}");
    reads("a int", "{\"a\":-0}", "{\"a\":0}");
    reads("a int", "{\"a\":0.000e999999999999}", "{\"a\":0}");
    reads("a int", "{\"a\":1234567}", "{\"a\":1234567}");
    reads("a int", "{\"a\":12345678}", "{\"a\":12345678}");
    reads("a int", "{\"a\":123456789}", "{\"a\":123456789}");
    refuses("a int", "{\"a\":9007199254740993}", TM_E_BAD_NUMBER, "declare it as int64");
    refuses("a int", "{\"a\":-9007199254740993}", TM_E_BAD_NUMBER, "declare it as int64");
    refuses("a int", "{\"a\":1e999}", TM_E_BAD_NUMBER, "field a: 1e999");
    refuses("a int", "{\"a\":5.5}", TM_E_BAD_TYPE, "field a: 5.5 has a fraction");
    refuses("a int", "{\"a\":1e-999}", TM_E_BAD_TYPE, "fraction");
}
END_TEST

START_TEST(int64_takes_all_64_bits)
{
    reads("a int64", "{\"a\":-9223372036854775808}", "{\"a\":-9223372036854775808}");
    reads("a int64", "{\"a\":9223372036854775807.0}", "{\"a\":9223372036854775807}");
    reads("a int64", "{\"a\":9007199254740993}", "{\"a\":9007199254740993}");
    refuses("a int64", "{\"a\":9223372036854775808}", TM_E_BAD_NUMBER, "does not fit int64");
    refuses("a int64", "{\"a\":-9223372036854775809}", TM_E_BAD_NUMBER, "does not fit int64");
    refuses("a int64", "{\"a\":123456789012345678901234567890123456789012345678901234567890}",
            TM_E_BAD_NUMBER, "does not fit int64");
}
END_TEST

START_TEST(double_is_the_nearest_and_never_infinite)
{
    reads("a double", "{\"a\":0}", "{\"a\":0}");
    reads("a double", "{\"a\":-0.0}", "{\"a\":-0}");
    reads("a double", "{\"a\":1.7976931348623157e308}", "{\"a\":1.7976931348623157e+308}");
    reads("a double", "{\"a\":5e-324}", "{\"a\":5e-324}");
    reads("a double", "{\"a\":1e-999}", "{\"a\":0}");
    reads("a double", "{\"a\":-1e-999}", "{\"a\":-0}");
    reads("a double", "{\"a\":0e999}", "{\"a\":0}");
    reads("a double", "{\"a\":9007199254740993}", "{\"a\":9007199254740992}");
    reads("a double", "{\"a\":0.1}", "{\"a\":0.1}");
    reads("a double", "{\"a\":1234567.12345678}", "{\"a\":1234567.12345678}");
    reads("a double", "{\"a\":123.45678901234567}", "{\"a\":123.45678901234567}");
    reads("a double", "{\"a\":2.2250738585072011e-308}", "{\"a\":2.225073858507201e-308}");
    refuses("a double", "{\"a\":1e999}", TM_E_BAD_NUMBER, "1e999 is beyond the range of double");
    refuses("a double", "{\"a\":-1.8e308}", TM_E_BAD_NUMBER, "range of double");
}
END_TEST

START_TEST(decimal_is_exact_and_never_rounded)
{
    reads("a decimal(38,0)", "{\"a\":99999999999999999999999999999999999999}",
          "{\"a\":99999999999999999999999999999999999999}");
    reads("a decimal(38,10)", "{\"a\":1234567890123456789.0123456789}",
          "{\"a\":1234567890123456789.0123456789}");
    reads("a decimal(10,2)", "{\"a\":1.010}", "{\"a\":1.01}");
    reads("a decimal(10,2)", "{\"a\":\"-1.0100\"}", "{\"a\":-1.01}");
    refuses("a decimal(10,2)", "{\"a\":1.005}", TM_E_BAD_NUMBER,
            "does not fit decimal(10,2), which has fewer digits behind the point");
    refuses("a decimal(10,2)", "{\"a\":\"-1.0049\"}", TM_E_BAD_NUMBER, "declare more, or double");
    refuses("a decimal(10,2)", "{\"a\":12.299999999999999}", TM_E_BAD_NUMBER, "12.29999");
    reads("a decimal(10,2)", "{\"a\":1e3}", "{\"a\":1000.00}");
    reads("a decimal(3,3)", "{\"a\":0.125}", "{\"a\":0.125}");
    reads("a decimal(19,3)", "{\"a\":1234567890123456}", "{\"a\":1234567890123456.000}");
    refuses("a decimal(4,2)", "{\"a\":123.4}", TM_E_BAD_NUMBER, "does not fit decimal(4,2)");
    refuses("a decimal(4,2)", "{\"a\":99.995}", TM_E_BAD_NUMBER, "does not fit decimal(4,2)");
    refuses("a decimal(4,2)", "{\"a\":\"abc\"}", TM_E_BAD_TYPE, "\"abc\" is not a decimal");
    refuses("a decimal(4,2)", "{\"a\":true}", TM_E_BAD_TYPE, "needs decimal(4,2)");
}
END_TEST

START_TEST(numbers_follow_the_grammar)
{
    const char *wrong[] = {"01",      "-",   "+1",       "1.",    ".5",
                           "1e",      "1e+", "0x10",     "1_000", "1.e5",
                           "--1",     "1-1", "00.5",     "-01",   "1..2",
                           "1a",      "NaN", "Infinity", "1e5.5", "12345678901234567x",
                           "1\\u0030"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *types[] = {"a int", "a int64", "a double", "a decimal(10,2)", "a timestamp"};
        for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
            char text[64];
            snprintf(text, sizeof text, "{\"a\":%s}", wrong[i]);
            refuses(types[t], text, TM_E_BAD_JSON, "(byte 5)");
        }
    }
}
END_TEST

START_TEST(literals_are_whole)
{
    refuses("a bool", "{\"a\":tru}", TM_E_BAD_JSON, "a boolean");
    refuses("a bool", "{\"a\":truex}", TM_E_BAD_JSON, "a boolean");
    refuses("a bool", "{\"a\":nul}", TM_E_BAD_JSON, "a boolean");
    refuses("a bool", "{\"a\":1}", TM_E_BAD_TYPE, "found a number, needs bool (byte 5)");
}
END_TEST

START_TEST(escapes_are_decoded)
{
    reads("a string", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
          "{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}");
    reads("a string", "{\"a\":\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"}", "{\"a\":\"Aé€😀\"}");
    reads("a string", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\u0000\"}");
    reads("a string", "{\"a\":\"0123456789abcdefghijklmnopqrstuvwxyz\\n0123456789abcdef\\t\"}",
          "{\"a\":\"0123456789abcdefghijklmnopqrstuvwxyz\\n0123456789abcdef\\t\"}");
    const char *wrong[] = {"\\x",     "\\u12",          "\\u12g4",
                           "\\ud800", "\\ud800x",       "\\ud800\\u0041",
                           "\\udc00", "\\ud800\\ud800", "abcdefghijklmnopq\\q"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"a\":\"%s\"}", wrong[i]);
        refuses("a string", text, TM_E_BAD_JSON, "is not an escape of JSON");
    }
    // What is shown of it ends with a whole character.
    refuses("a string", "{\"a\":\"\\x€€\"}", TM_E_BAD_JSON, "field a: \\x€ is not");
}
END_TEST

START_TEST(an_escape_at_every_place_of_a_string_is_decoded)
{
    for (size_t len = 0; len < 70; len++) {
        for (size_t at = 0; at <= len; at++) {
            char text[160], row[160];
            size_t t = (size_t)sprintf(text, "{\"a\":\""), r = (size_t)sprintf(row, "{\"a\":\"");
            for (size_t i = 0; i <= len; i++) {
                if (i == at) {
                    t += (size_t)sprintf(text + t, "\\u00e9");
                    r += (size_t)sprintf(row + r, "é");
                } else {
                    text[t++] = row[r++] = (char)('a' + i % 26);
                }
            }
            sprintf(text + t, "\"}");
            sprintf(row + r, "\"}");
            reads("a string", text, row);
        }
    }
}
END_TEST

START_TEST(of_a_key_given_twice_the_last_counts)
{
    reads("a int", "{\"a\":1,\"a\":2}", "{\"a\":2}");
    reads("a int", "{\"a\":1,\"a\":null}", "{\"a\":null}");
    reads("a string", "{\"a\":\"one\",\"a\":\"three\",\"a\":\"x\"}", "{\"a\":\"x\"}");
    reads("a int required", "{\"a\":null,\"a\":3}", "{\"a\":3}");
    refuses("a int required", "{\"a\":3,\"a\":null}", TM_E_REQUIRED, "required and null");
}
END_TEST

START_TEST(keys_are_found_in_any_order_and_any_spelling)
{
    const char *schema = "a int, bb int, a_key_of_sixteen int, a_key_of_more_than_sixteen int";
    const char *rows = "{\"a\":1,\"bb\":2,\"a_key_of_sixteen\":3,\"a_key_of_more_than_sixteen\":4}";
    reads(schema, rows, rows);
    reads(schema,
          "{\"a_key_of_more_than_sixteen\":4,\"x\":0,\"a_key_of_sixteen\":3,\"a_key_of_sixteem\":9,"
          "\"bb\":2,\"b\":7,\"a_key_of_more_than_sixteex\":5,\"a\":1}",
          rows);
    reads("abc int", "{\"\\u0061b\\u0063\":1}", "{\"abc\":1}");
    reads("a.b int, \xc3\xa9 int", "{\"a.b\":1,\"\xc3\xa9\":2}", "{\"a.b\":1,\"\xc3\xa9\":2}");
    reads("a\\b int, a\"c int", "{\"a\\\\b\":1,\"a\\\"c\":2,\"a\\b\":3}",
          "{\"a\\\\b\":1,\"a\\\"c\":2}");
    refuses("a int", "{\"\\q\":1}", TM_E_BAD_JSON,
            "\\q in a key is not an escape of JSON (byte 2)");
    refuses("a int", "{\"a\":1,\"\\n\\u00e4\\\\\\x\":1}", TM_E_BAD_JSON,
            "\\x in a key is not an escape of JSON (byte 18)");
    refuses("a int", "{\"x\\ud83dy\":1}", TM_E_BAD_JSON,
            "\\ud83d in a key is not an escape of JSON (byte 3)");
    refuses("a int", "{\"x\\u12\":1}", TM_E_BAD_JSON,
            "\\u12 in a key is not an escape of JSON (byte 3)");
    refuses("a int", "{\"\\\xc3\xa9\":1}", TM_E_BAD_JSON,
            "\\\xc3\xa9 in a key is not an escape of JSON (byte 2)");
    reads("s string, a int, t string",
          "{\"s\":\"the key that follows is longer than its name\",\"\\u0061\":5,\"t\":\"x\"}",
          "{\"s\":\"the key that follows is longer than its name\",\"a\":5,\"t\":\"x\"}");
}
END_TEST

START_TEST(a_hidden_column_cannot_be_set_from_outside)
{
    reads("a int, $t int hidden", "{\"$t\":5,\"a\":1}", "{\"a\":1}");
}
END_TEST

START_TEST(more_unknown_keys_than_are_remembered_are_skipped)
{
    char text[4096] = "{";
    size_t len = 1;
    for (int i = 0; i < 200; i++)
        len += (size_t)sprintf(text + len, "\"unknown%d\":%d,", i, i);
    sprintf(text + len, "\"a\":1}");
    reads("a int", text, "{\"a\":1}");
}
END_TEST

START_TEST(values_of_unknown_keys_nest)
{
    reads("a int", "{\"x\":[[],{},[{\"y\":[1,2]}]],\"a\":1}", "{\"a\":1}");
    reads("a int", "{\"a\":1,\"x\":{\"a\":2}}", "{\"a\":1}");
    refuses("a int", "{\"x\":[1}],\"a\":1}", TM_E_BAD_JSON, "']'");
    refuses("a int", "{\"x\":{1],\"a\":1}", TM_E_BAD_JSON, "'}'");
    refuses("a int", "{\"x\":[[[,\"a\":1}", TM_E_BAD_JSON, "']'");
    char deep[4200] = "{\"x\":";
    memset(deep + 5, '[', 1100);
    memset(deep + 1105, ']', 1100);
    strcpy(deep + 2205, "}");
    refuses("a int", deep, TM_E_BAD_JSON, "1,024 deep");
}
END_TEST

START_TEST(each_of_ten_kinds_of_broken_line_is_named)
{
    const char *s = "id int required, name string, amount double";
    refuses(s, "{\"id\":1,\"name\":\"ab", TM_E_BAD_JSON, "cut short: a string is not closed");
    refuses(s, "{\"id\":1,\"na", TM_E_BAD_JSON, "cut short");
    refuses(s, "{\"id\":1,\"name\":", TM_E_BAD_JSON, "cut short: no closing brace (byte 15)");
    refuses(s, "{\"id\":1,\"name\":\"ab\"", TM_E_BAD_JSON, "cut short: no closing brace");
    refuses(s, "{\"id\":1}}", TM_E_BAD_JSON,
            "'}' follows the closing brace of the object (byte 8)");
    refuses(s, "{\"id\":1} {\"id\":2}", TM_E_BAD_JSON, "'{' follows the closing brace");
    refuses(s, "{\"id\":1}xyz", TM_E_BAD_JSON, "'x' follows the closing brace");
    refuses(s, "{\"id\":\"1\"}", TM_E_BAD_TYPE, "field id: found a string, needs int (byte 6)");
    refuses(s, "{\"name\":\"x\"}", TM_E_REQUIRED, "field id is required and missing");
    refuses(s, "{\"id\":null}", TM_E_REQUIRED, "field id is required and null");
    refuses(s, "[{\"id\":1}]", TM_E_BAD_TYPE, "the record is an array, an object is needed");
    refuses_bytes(s, "{\"id\":1,\"name\":\"a\0b\"}", 21, TM_E_BAD_JSON,
                  "0x00 is not allowed inside a string (byte 17)");
    refuses(s, "{\"id\":1,\t\"name\":\t\"a\\\"\tb\"}", TM_E_BAD_JSON,
            "0x09 is not allowed inside a string (byte 21)");
    refuses_bytes(s, "{\"id\":1,\0\"name\":\"ab\"}", 21, TM_E_BAD_JSON, "found 0x00");
    refuses_bytes(s, "{\"id\":1\0,\"name\":\"ab\"}", 21, TM_E_BAD_JSON, "not a number");
    refuses_bytes(s, "{\"id\":1}\0", 9, TM_E_BAD_JSON, "0x00 follows the closing brace");
    refuses(s, "{\"id\":1,\"name\":\"a\xff\"}", TM_E_BAD_UTF8, "0xFF is not valid UTF-8 (byte 17)");
    refuses(s, "{\"id\":1,\"x\":\"\xc3\xa9\xe2\x82\"}", TM_E_BAD_UTF8, "0xE2");
    refuses(s, "{\"id\":1,\"amount\":1e999}", TM_E_BAD_NUMBER, "field amount: 1e999 is beyond");
}
END_TEST

START_TEST(broken_structure_is_named)
{
    const char *wrong[][2] = {
        {"{\"a\" 1}", "':'"},
        {"{\"a\"}", "':'"},
        {"{\"a\":}", "a value"},
        {"{\"a\":,\"b\":1}", "a value"},
        {"{\"a\":1,}", "a key"},
        {"{,}", "a key"},
        {"{\"a\":1 \"b\":2}", "','"},
        {"{a:1}", "a key"},
        {"{\"a\":1;\"b\":2}", "JSON"},
        {"{\"a\":1]", "','"},
        {"{\"a\"\"b\":1}", "':'"},
        {"{1:2}", "a key"},
        {"x", "an object"},
        {"}", "an object"},
        {"\\{\"a\":1}", "an object"},
        {"{\"a\":\"x\"y}", ""},
        {"{\"a\"::1}", "a value"},
        {"{\"z\":]}", "a value"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(
            decode_text(&w, &tm_format_json, "a int, b int", wrong[i][0], strlen(wrong[i][0])), 0);
        ck_assert_msg(w.row_count == 0 && w.bad_count == 1, "%s: %s", wrong[i][0],
                      text_of(&w.rows));
        ck_assert_msg(strstr(text_of(&w.bads), wrong[i][1]) != NULL, "%s: %s", wrong[i][0],
                      text_of(&w.bads));
    }
    refuses("a int", "\"text\"", TM_E_BAD_TYPE, "the record is a string");
    refuses("a int", "12", TM_E_BAD_TYPE, "the record is a number");
    refuses("a int", "null", TM_E_BAD_TYPE, "the record is null");
    // What only begins like JSON is none.
    refuses("a int", "not found", TM_E_BAD_JSON, "found 'n' where an object should be");
    refuses("a int", "2026-01-01 12:00 ready", TM_E_BAD_JSON,
            "found '2' where an object should be");
    refuses("a int", "-", TM_E_BAD_JSON, "found '-' where an object should be");
    refuses("a int", "truly", TM_E_BAD_JSON, "found 't' where an object should be");
}
END_TEST

START_TEST(wrong_types_are_named)
{
    refuses("a string", "{\"a\":5}", TM_E_BAD_TYPE,
            "field a: found a number, needs string (byte 5)");
    refuses("a string", "{\"a\":{}}", TM_E_BAD_TYPE, "found an object");
    refuses("a string", "{\"a\":[1,2]}", TM_E_BAD_TYPE, "found an array");
    refuses("a double", "{\"a\":false}", TM_E_BAD_TYPE, "found a boolean, needs double");
    refuses("a double", "{\"a\":\"1.5\"}", TM_E_BAD_TYPE, "found a string, needs double");
    refuses("a bytes", "{\"a\":\"a*b=\"}", TM_E_BAD_TYPE, "is not base64");
    refuses("a bytes", "{\"a\":\"abcde\"}", TM_E_BAD_TYPE, "is not base64");
    refuses("a bytes", "{\"a\":7}", TM_E_BAD_TYPE, "needs bytes (a base64 string)");
    refuses("a timestamp", "{\"a\":\"yesterday\"}", TM_E_BAD_TIMESTAMP, "\"yesterday\"");
    refuses("a timestamp", "{\"a\":1.5}", TM_E_BAD_TYPE, "milliseconds");
    refuses("a timestamp", "{\"a\":true}", TM_E_BAD_TYPE, "milliseconds or ISO 8601");
}
END_TEST

START_TEST(columns_that_are_not_used_are_checked_and_left_null)
{
    struct tm_schema *schema = make_schema(&w, "a int, b string, c double required, d timestamp");
    uint64_t used[1] = {1};
    struct tm_decoder *d = make_decoder(&w, &tm_format_json, schema, used, TM_RECORD_BYTES);
    const char *text = "{\"a\":1,\"b\":\"x\",\"c\":1.5,\"d\":\"2023-01-01\"}\n"
                       "{\"a\":2,\"b\":7,\"c\":1.5}\n"
                       "{\"a\":3,\"b\":\"x\",\"c\":1e999}\n"
                       "{\"a\":4,\"b\":\"x\"}\n"
                       "{\"a\":5,\"c\":2,\"d\":false}\n";
    forget(&w);
    ck_assert_int_eq(decode_pieces(&w, d, schema, text, strlen(text), 1000), 0);
    ck_assert_str_eq(text_of(&w.rows), "{\"a\":1,\"b\":null,\"c\":null,\"d\":null}\n");
    ck_assert_str_eq(text_of(&w.bads),
                     "bad_type@41:2: field b: found a number, needs string (byte 11)\n"
                     "bad_number@63:3: field c: 1e999 is beyond the range of double (byte 19)\n"
                     "required@89:4: field c is required and missing\n"
                     "bad_type@105:5: field d: found a boolean, needs timestamp (milliseconds or "
                     "ISO 8601) (byte 17)\n");
    d->ops->free(d);
    tm_schema_unref(schema);
}
END_TEST

// Good and bad lines of many kinds, with the rows and messages they give.
static const char sample[] = "{\"a\":1,\"b\":\"one\"}\n"
                             "\n"
                             "{\"a\":2,\"b\":\"t\\u0077o\"}\r\n"
                             "   \n"
                             "{\"a\":3,\"b\":\"cut sho\n"
                             "\r\n"
                             "{\"a\":4}\n"
                             "{\"a\":5,\n"
                             "\"b\":\"no\"}\n"
                             "{\"a\":[6}\n"
                             "{\"b\":\"\xff\"}\n"
                             "{\"a\":7,\"b\":\"this record is longer than what is allowed here\"}\n"
                             "{\"a\":8,\"b\":\"\xc3\xa9\"}\r\n"
                             "{\"a\":9}x\n"
                             "{\"a\":10,\"b\":\"last\"}";
static const char sample_rows[] = "{\"a\":1,\"b\":\"one\"}\n"
                                  "{\"a\":2,\"b\":\"two\"}\n"
                                  "{\"a\":4,\"b\":null}\n"
                                  "{\"a\":8,\"b\":\"\xc3\xa9\"}\n"
                                  "{\"a\":10,\"b\":\"last\"}\n";
static const char sample_bads[] =
    "bad_json@47:5: the record is cut short: a string is not closed (byte 19)\n"
    "bad_json@77:8: the record is cut short: no closing brace (byte 7)\n"
    "bad_type@85:9: the record is a string, an object is needed (byte 0)\n"
    "bad_type@95:10: field a: found an array, needs int (byte 5)\n"
    "bad_utf8@104:11: byte 0xFF is not valid UTF-8 (byte 6)\n"
    "too_large@114:12: the record has 61 bytes, max_record allows 60\n"
    "bad_json@194:14: 'x' follows the closing brace of the object (byte 7)\n";

START_TEST(records_are_the_same_at_every_split_of_the_input)
{
    struct tm_schema *schema = make_schema(&w, "a int, b string");
    for (size_t piece = 1; piece <= sizeof sample - 1; piece++) {
        struct tm_decoder *d = make_decoder(&w, &tm_format_json, schema, NULL, 60);
        forget(&w);
        ck_assert_int_eq(decode_pieces(&w, d, schema, sample, sizeof sample - 1, piece), 0);
        ck_assert_str_eq(text_of(&w.rows), sample_rows);
        ck_assert_str_eq(text_of(&w.bads), sample_bads);
        d->ops->free(d);
    }
    tm_schema_unref(schema);
}
END_TEST

START_TEST(a_byte_order_mark_is_skipped_at_the_start_alone)
{
    static const char text[] = "\xef\xbb\xbf{\"a\":1}\nx\n\xef\xbb\xbf{\"a\":2}\n{\"a\":3}";
    struct tm_schema *schema = make_schema(&w, "a int");
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct tm_decoder *d = make_decoder(&w, &tm_format_json, schema, NULL, 60);
        forget(&w);
        ck_assert_int_eq(decode_pieces(&w, d, schema, text, sizeof text - 1, piece), 0);
        ck_assert_str_eq(text_of(&w.rows), "{\"a\":1}\n{\"a\":3}\n");
        ck_assert_str_eq(text_of(&w.bads),
                         "bad_json@11:2: found 'x' where an object should be (byte 0)\n"
                         "bad_json@13:3: found 0xEF where an object should be (byte 0)\n");
        d->ops->free(d);
    }
    tm_schema_unref(schema);
}
END_TEST

START_TEST(an_oversize_record_is_reported_once_with_its_whole_length)
{
    struct tm_schema *schema = make_schema(&w, "a int");
    size_t len = 0;
    char *text = malloc(300000);
    len += (size_t)sprintf(text + len, "{\"a\":1}\n{\"b\":\"");
    memset(text + len, 'x', 200000);
    len += 200000;
    len += (size_t)sprintf(text + len, "\"}\n{\"a\":2}\n");
    for (size_t piece = 1000; piece < 300000; piece = piece * 3 + 1) {
        struct tm_decoder *d = make_decoder(&w, &tm_format_json, schema, NULL, 5000);
        forget(&w);
        ck_assert_int_eq(decode_pieces(&w, d, schema, text, len, piece), 0);
        ck_assert_str_eq(text_of(&w.rows), "{\"a\":1}\n{\"a\":2}\n");
        ck_assert_str_eq(text_of(&w.bads),
                         "too_large@8:2: the record has 200008 bytes, max_record allows 5000\n");
        ck_assert_uint_eq(w.bad_len, 200008);
        d->ops->free(d);
    }
    struct tm_decoder *d = make_decoder(&w, &tm_format_json, schema, NULL, 5000);
    forget(&w); // cut within the long record
    ck_assert_int_eq(decode_pieces(&w, d, schema, text, 100000, 7000), 0);
    ck_assert_str_eq(text_of(&w.bads),
                     "too_large@8:2: the record has 99992 bytes, max_record allows 5000\n");
    d->ops->free(d);
    free(text);
    tm_schema_unref(schema);
}
END_TEST

START_TEST(a_record_of_exactly_max_record_bytes_is_read)
{
    struct tm_schema *schema = make_schema(&w, "a int");
    for (size_t piece = 1; piece < 12; piece++) {
        struct tm_decoder *d = make_decoder(&w, &tm_format_json, schema, NULL, 7);
        const char *text = "{\"a\":1}\n{\"a\":2}\r\n{\"a\":33}\n{\"a\":4}";
        forget(&w);
        ck_assert_int_eq(decode_pieces(&w, d, schema, text, strlen(text), piece), 0);
        ck_assert_str_eq(text_of(&w.rows), "{\"a\":1}\n{\"a\":2}\n{\"a\":4}\n");
        ck_assert_str_eq(text_of(&w.bads),
                         "too_large@17:3: the record has 8 bytes, max_record allows 7\n");
        d->ops->free(d);
    }
    tm_schema_unref(schema);
}
END_TEST

static size_t pick(uint64_t *seed, size_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(*seed >> 40) % n;
}

// A line from a few shapes, most of them right, some with anything but the right thing at one
// place: among them line ends within a record, which make two wrong lines of it.
static size_t random_line(uint64_t *seed, char *out)
{
    static const char *const values[][3] = {
        {"1", "-9007199254740992", "12e2"},
        {"0.5", "412.51", "1234567890.123456"},
        {"\"FR\"", "\"seventeen letters\"",
         "\"a \\\"quoted\\\" word, then more than sixteen bytes\""},
    };
    static const char *const keys[] = {"\"a\"", "\"b\"", "\"c_is_a_longer_key\"", "\"unknown\""};
    static const char *const breaks[] = {"\n", "\r\n", " ", "", ",", "}", "{", "1", "\"", "\t \n"};
    size_t len = 0, at = pick(seed, 30), place = 0;
    const char *space = pick(seed, 4) == 0 ? " " : "";
#define PUT(text) \
    len += (size_t)sprintf(out + len, "%s%s", text, place++ == at ? breaks[pick(seed, 10)] : space)
    PUT("{");
    for (size_t i = 0, fields = 1 + pick(seed, 4); i < fields; i++) {
        size_t key = pick(seed, 8);
        key = key < 4 ? key : i;
        if (i != 0)
            PUT(",");
        PUT(keys[key]);
        PUT(":");
        PUT(pick(seed, 20) == 0 ? "null" : key < 3 ? values[key][pick(seed, 3)] : "[1,{\"x\":[]}]");
    }
    PUT("}");
    return len + (size_t)sprintf(out + len, "\n");
#undef PUT
}

// The decoder does not look for the end of a line before it reads the record.
START_TEST(lines_of_a_window_are_read_as_if_each_were_alone)
{
    const char *schema_text = "a int, b double, c_is_a_longer_key string";
    uint64_t seed = 20251121;
    printf("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 2000; round++) {
        char text[60 * 400];
        size_t len = 0;
        for (int i = 0; i < 60; i++)
            len += random_line(&seed, text + len);
        struct tm_buf rows, codes;
        tm_buf_init(&rows, &w.mem);
        tm_buf_init(&codes, &w.mem);
        uint32_t row_count = 0, bad_count = 0;
        struct tm_schema *schema = make_schema(&w, schema_text);
        struct tm_decoder *d = make_decoder(&w, &tm_format_json, schema, NULL, TM_RECORD_BYTES);
        forget(&w);
        for (size_t at = 0; at < len;) {
            size_t line = (size_t)((char *)memchr(text + at, '\n', len - at) - (text + at)) + 1;
            ck_assert_int_eq(decode_pieces(&w, d, schema, text + at, line, line), 0);
            at += line;
        }
        d->ops->free(d);
        ck_assert_int_eq(tm_buf_append(&rows, w.rows.data, w.rows.size_bytes), 0);
        ck_assert_int_eq(tm_buf_append(&codes, w.bads.data, w.bads.size_bytes), 0);
        row_count = w.row_count, bad_count = w.bad_count;
        ck_assert_uint_gt(row_count, 0);
        ck_assert_uint_gt(bad_count, 0);
        d = make_decoder(&w, &tm_format_json, schema, NULL, TM_RECORD_BYTES);
        forget(&w);
        ck_assert_int_eq(decode_pieces(&w, d, schema, text, len, len), 0);
        d->ops->free(d);
        tm_schema_unref(schema);
        ck_assert_uint_eq(w.row_count, row_count);
        ck_assert_uint_eq(w.bad_count, bad_count);
        ck_assert_str_eq(text_of(&w.rows), text_of(&rows));
        ck_assert_str_eq(text_of(&w.bads), text_of(&codes));
        tm_buf_fini(&rows);
        tm_buf_fini(&codes);
    }
}
END_TEST

// Numbers end at every distance from the start of a window and have every length.
START_TEST(numbers_are_read_at_the_start_of_the_input_and_at_every_length)
{
    for (int digits = 1; digits <= 17; digits++) {
        for (int point = 0; point < digits; point++) {
            char number[32], text[64], expected[64];
            memcpy(number, "12345678912345678", (size_t)digits);
            number[digits] = 0;
            if (point != 0) {
                memmove(number + point + 1, number + point, (size_t)(digits - point) + 1);
                number[point] = '.';
            }
            for (int negative = 0; negative < 2; negative++) {
                double value = atof(number) * (negative ? -1 : 1);
                char shown[40];
                shown[tm_format_double(value, shown)] = 0;
                sprintf(text, "{\"a\":%s%s}", negative ? "-" : "", number);
                sprintf(expected, "{\"a\":%s}", shown);
                reads("a double", text, expected);
                sprintf(text, "{\"a\":%s%s}", negative ? "-" : "", number);
                if (point != 0)
                    refuses("a int", text, TM_E_BAD_TYPE, "a");
                else if (digits <= 15)
                    reads("a int", text, text);
            }
        }
    }
    const char *const wrong[] = {"1.", ".5", "01", "-", "1.2.3", "00.5", "1:2", "1/2", "-.5"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[64];
        sprintf(text, "{\"long key in front\":\"x\",\"a\":%s}", wrong[i]);
        ck_assert_int_eq(decode_text(&w, &tm_format_json, "a double", text, strlen(text)), 0);
        ck_assert_uint_eq(w.row_count, 0);
        ck_assert_uint_eq(w.bad_count, 1);
    }
}
END_TEST

START_TEST(the_callback_can_stop_decoding)
{
    struct tm_schema *schema = make_schema(&w, "a int");
    struct tm_decoder *d = make_decoder(&w, &tm_format_json, schema, NULL, 1000);
    const char *text = "{\"a\":1}\nx\n{\"a\":2}\n";
    forget(&w);
    w.bad_result = TM_E_BAD_JSON;
    ck_assert_int_eq(decode_pieces(&w, d, schema, text, strlen(text), 100), TM_E_BAD_JSON);
    ck_assert_str_eq(text_of(&w.rows), "{\"a\":1}\n");
    ck_assert_uint_eq(w.bad_count, 1);
    w.bad_result = 0;
    d->ops->free(d);
    tm_schema_unref(schema);
}
END_TEST

START_TEST(full_batches_end_a_call_and_lose_nothing)
{
    struct tm_schema *schema = make_schema(&w, "a int, b string");
    char *text = malloc(400000);
    size_t len = 0;
    for (int i = 0; i < 5000; i++)
        len += (size_t)sprintf(
            text + len,
            i % 100 == 7 ? "{\"a\":%d,\"b\":\"broken\n" : "{\"a\":%d,\"b\":\"some text\"}\n", i);
    struct tm_decoder *d = make_decoder(&w, &tm_format_json, schema, NULL, 1000);
    forget(&w);
    ck_assert_int_eq(decode_pieces(&w, d, schema, text, len, len), 0);
    ck_assert_uint_eq(w.row_count, 4950);
    ck_assert_uint_eq(w.bad_count, 50);
    const char *p = text_of(&w.rows);
    for (int i = 0; i < 5000; i++) {
        char row[64];
        if (i % 100 == 7)
            continue;
        int n = sprintf(row, "{\"a\":%d,\"b\":\"some text\"}\n", i);
        ck_assert_int_eq(strncmp(p, row, (size_t)n), 0);
        p += n;
    }
    free(text);
    d->ops->free(d);
    tm_schema_unref(schema);
}
END_TEST

START_TEST(schemas_wider_than_one_word_of_nulls_are_read)
{
    char schema_text[8192] = "", text[8192] = "{";
    size_t s = 0, t = 1;
    for (int i = 0; i < 300; i++)
        s += (size_t)sprintf(schema_text + s, "%sf%d int%s", i == 0 ? "" : ", ", i,
                             i == 299 ? " required" : "");
    for (int i = 299; i >= 0; i -= 2)
        t += (size_t)sprintf(text + t, "%s\"f%d\":%d", i == 299 ? "" : ",", i, i);
    sprintf(text + t, "}");
    ck_assert_int_eq(decode_text(&w, &tm_format_json, schema_text, text, strlen(text)), 0);
    ck_assert_msg(w.row_count == 1, "%s", text_of(&w.bads));
    ck_assert_ptr_nonnull(strstr(text_of(&w.rows), "\"f298\":null,\"f299\":299}"));
    ck_assert_ptr_nonnull(strstr(text_of(&w.rows), "\"f0\":null,\"f1\":1,"));
    refuses(schema_text, "{\"f0\":1}", TM_E_REQUIRED, "f299");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_read");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, open_world, close_world);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, every_type_is_read);
    tcase_add_test(tc, an_input_without_bytes_needs_no_place_for_them);
    tcase_add_test(tc, null_and_missing_fields_are_null);
    tcase_add_test(tc, white_space_may_stand_between_all_tokens);
    tcase_add_test(tc, int_takes_whole_numbers_up_to_2_to_the_53);
    tcase_add_test(tc, int64_takes_all_64_bits);
    tcase_add_test(tc, double_is_the_nearest_and_never_infinite);
    tcase_add_test(tc, decimal_is_exact_and_never_rounded);
    tcase_add_test(tc, numbers_follow_the_grammar);
    tcase_add_test(tc, literals_are_whole);
    tcase_add_test(tc, escapes_are_decoded);
    tcase_add_test(tc, an_escape_at_every_place_of_a_string_is_decoded);
    tcase_add_test(tc, of_a_key_given_twice_the_last_counts);
    tcase_add_test(tc, keys_are_found_in_any_order_and_any_spelling);
    tcase_add_test(tc, a_hidden_column_cannot_be_set_from_outside);
    tcase_add_test(tc, more_unknown_keys_than_are_remembered_are_skipped);
    tcase_add_test(tc, values_of_unknown_keys_nest);
    tcase_add_test(tc, each_of_ten_kinds_of_broken_line_is_named);
    tcase_add_test(tc, broken_structure_is_named);
    tcase_add_test(tc, wrong_types_are_named);
    tcase_add_test(tc, columns_that_are_not_used_are_checked_and_left_null);
    tcase_add_test(tc, records_are_the_same_at_every_split_of_the_input);
    tcase_add_test(tc, a_byte_order_mark_is_skipped_at_the_start_alone);
    tcase_add_test(tc, an_oversize_record_is_reported_once_with_its_whole_length);
    tcase_add_test(tc, a_record_of_exactly_max_record_bytes_is_read);
    tcase_add_test(tc, lines_of_a_window_are_read_as_if_each_were_alone);
    tcase_add_test(tc, numbers_are_read_at_the_start_of_the_input_and_at_every_length);
    tcase_add_test(tc, the_callback_can_stop_decoding);
    tcase_add_test(tc, full_batches_end_a_call_and_lose_nothing);
    tcase_add_test(tc, schemas_wider_than_one_word_of_nulls_are_read);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
