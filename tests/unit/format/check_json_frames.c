// JSON whose records are no lines: one array, or values over several lines; how it is recognised,
// in any pieces, and that a broken or too long record does not take the others with it.
#include "tests/unit/format/format_test.h"

static struct world w;
static char noticed[256];

static void open_world(void)
{
    world_open(&w);
    noticed[0] = 0;
}

static void close_world(void)
{
    world_close(&w);
}

static void notice(void *arg, bool warns, const char *message)
{
    (void)warns;
    (void)arg;
    ck_assert_int_eq(noticed[0], 0); // once
    snprintf(noticed, sizeof noticed, "%s", message);
}

static void decode(const char *layout, const char *text, size_t piece, size_t max_record)
{
    struct tm_schema *schema = make_schema(&w, "a int, b list(int)");
    clear_options(&w);
    if (layout != NULL)
        set_option(&w, "layout", layout);
    struct tm_decoder_args args = {.mem = &w.mem,
                                   .schema = schema,
                                   .max_record = max_record,
                                   .options = &w.options,
                                   .notice = notice};
    struct tm_decoder *d = NULL;
    forget(&w);
    noticed[0] = 0;
    ck_assert_int_eq(tm_format_json.decoder_new(&args, &d, &w.err), 0);
    ck_assert_int_eq(decode_pieces(&w, d, schema, text, strlen(text), piece), 0);
    d->ops->free(d);
    tm_schema_unref(schema);
}

// However the text arrives, these are its rows and its bad records.
static void gives(const char *layout, const char *text, const char *rows, const char *bads)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        decode(layout, text, piece, 1000);
        ck_assert_msg(strcmp(text_of(&w.rows), rows) == 0, "%s, pieces of %zu: %s (%s)", text,
                      piece, text_of(&w.rows), text_of(&w.bads));
        ck_assert_str_eq(text_of(&w.bads), bads);
    }
}

static const char three[] = "{\"a\":1,\"b\":null}\n{\"a\":2,\"b\":[1,2]}\n{\"a\":3,\"b\":null}\n";

START_TEST(an_array_is_read_item_by_item)
{
    gives(NULL, "[{\"a\":1},{\"a\":2,\"b\":[1,2]},{\"a\":3}]", three, "");
    gives(NULL, "[\n{\"a\":1},\n{\"a\":2,\"b\":[1,2]},\n{\"a\":3}\n]\n", three, "");
    gives(NULL, " [ { \"a\" : 1 }\n , {\n\"a\":2,\n\"b\":[\n1,\n2]\n}\n,\n{\"a\":3}]\n\n", three,
          "");
    gives(NULL, "[]", "", "");
    gives(NULL, " [\n ]\n", "", "");
    gives("array", "[]", "", "");
    gives("array", "", "", "");
    gives("array", "[{\"a\":1}][{\"a\":2,\"b\":[1,2]}]\n[{\"a\":3}]", three, "");
    decode(NULL, "[{\"a\":1}]", 100, 1000);
    ck_assert_msg(strstr(noticed, "layout = \"array\"") != NULL, "%s", noticed);
}
END_TEST

START_TEST(records_may_go_over_lines)
{
    gives(NULL, "{\n  \"a\":1\n}\n{\n  \"a\":2,\n  \"b\":[\n    1,\n    2\n  ]\n}\n{\"a\":3}\n",
          three, "");
    gives("pretty", "{\"a\":1}{\"a\":2,\"b\":[1,2]} {\"a\":3}", three, "");
    decode(NULL, "{\n\"a\":1\n}\n", 100, 1000);
    ck_assert_msg(strstr(noticed, "layout = \"pretty\"") != NULL, "%s", noticed);
}
END_TEST

START_TEST(lines_stay_lines)
{
    gives(NULL, "{\"a\":1}\n{\"a\":2,\"b\":[1,2]}\n{\"a\":3}\n", three, "");
    ck_assert_int_eq(noticed[0], 0);
    // A line that is cut short is one bad record, not the beginning of a long one.
    gives(NULL, "{\"a\":1,\n{\"a\":1}\n{\"a\":2,\"b\":[1,2]}\n{\"a\":3}", three,
          "bad_json@0:1: the record is cut short: no closing brace (byte 7)\n");
}
END_TEST

START_TEST(a_broken_item_does_not_take_the_others_with_it)
{
    // a brace that is missing
    gives("array", "[\n{\"a\":1},\n{\"a\":9,\n{\"a\":2,\"b\":[1,2]},\n{\"a\":3}\n]\n", three,
          "bad_json@11:3: the record is cut short: no closing brace (byte 6)\n");
    // a quote that is missing
    gives("array", "[\n{\"a\":1},\n{\"a:9},\n{\"a\":2,\"b\":[1,2]},\n{\"a\":3}\n]\n", three,
          "bad_json@11:3: the record is cut short: a string is not closed (byte 6)\n");
    // a bracket of the other kind
    gives("pretty", "{\"a\":1}\n{\"b\":[1}\n{\"a\":2,\"b\":[1,2]}\n{\"a\":3}\n", three,
          "bad_json@8:2: found '}' where ',' or ']' should be (byte 7)\n");
    // a value that does not fit
    gives("array", "[{\"a\":1},{\"a\":\"x\"},{\"a\":2,\"b\":[1,2]},5,{\"a\":3}]", three,
          "bad_type@9:1: field a: found a string, needs int (byte 5)\n"
          "bad_type@37:1: the record is a number, an object is needed (byte 0)\n");
}
END_TEST

START_TEST(what_stands_between_items_is_checked)
{
    gives("array", "[{\"a\":1},,{\"a\":2,\"b\":[1,2]} {\"a\":3}]", three,
          "bad_json@9:1: found ',' where a value should be (byte 0)\n"
          "bad_json@28:1: found '{' where ',' or ']' should be (byte 0)\n");
    gives("array", "[{\"a\":1},{\"a\":2,\"b\":[1,2]},{\"a\":3},]", three,
          "bad_json@35:1: found ']' where a value should be (byte 0)\n");
    gives("array", "[{\"a\":1},{\"a\":2,\"b\":[1,2]},{\"a\":3}", three,
          "bad_json@34:1: the record is cut short: no closing bracket (byte 0)\n");
}
END_TEST

START_TEST(a_record_that_is_too_long_is_passed_over)
{
    char text[4096];
    int len = sprintf(text, "[\n{\"a\":1},\n{\"c\":\"%0*d\",\n\"a\":\n7},\n", 3000, 5);
    sprintf(text + len, "{\"a\":2,\"b\":[1,2]},\n{\"a\":3}]");
    for (size_t piece = 1; piece < 4000; piece += 13) {
        decode("array", text, piece, 100);
        ck_assert_str_eq(text_of(&w.rows), three);
        ck_assert_uint_eq(w.bad_count, 1);
        ck_assert_int_eq(w.bad_code, TM_E_TOO_LARGE);
        ck_assert_msg(strncmp(text_of(&w.bads), "too_large@11:3: ", 16) == 0, "%s",
                      text_of(&w.bads));
    }
}
END_TEST

START_TEST(a_part_of_a_file_that_was_cut_at_line_ends_has_lines)
{
    struct tm_schema *schema = make_schema(&w, "a int");
    struct tm_decoder_args args = {.mem = &w.mem,
                                   .schema = schema,
                                   .max_record = 1000,
                                   .options = &w.options,
                                   .cut_at_lines = true};
    struct tm_decoder *d = NULL;
    const char *text = "[{\"a\":1},\n{\"a\":2}\n";
    ck_assert_int_eq(tm_format_json.decoder_new(&args, &d, &w.err), 0);
    ck_assert_int_eq(decode_pieces(&w, d, schema, text, strlen(text), 100), 0);
    ck_assert_str_eq(text_of(&w.rows), "{\"a\":2}\n");
    ck_assert_uint_eq(w.bad_count, 1);
    d->ops->free(d);
    set_option(&w, "layout", "array");
    ck_assert_int_eq(tm_format_json.decoder_new(&args, &d, &w.err), TM_E_OPTION);
    tm_schema_unref(schema);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_frames");
    TCase *test = tcase_create("json_frames");
    tcase_add_checked_fixture(test, open_world, close_world);
    tcase_add_test(test, an_array_is_read_item_by_item);
    tcase_add_test(test, records_may_go_over_lines);
    tcase_add_test(test, lines_stay_lines);
    tcase_add_test(test, a_broken_item_does_not_take_the_others_with_it);
    tcase_add_test(test, what_stands_between_items_is_checked);
    tcase_add_test(test, a_record_that_is_too_long_is_passed_over);
    tcase_add_test(test, a_part_of_a_file_that_was_cut_at_line_ends_has_lines);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
