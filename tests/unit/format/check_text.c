// The text format: lines to rows and back.
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

static const char sample[] = "one\n\ntwo words\r\nbad \xff byte\n\xc3\xa9t\xc3\xa9\n"
                             "a line that is longer than allowed\nlast";
static const char sample_rows[] = "{\"line\":\"one\"}\n{\"line\":\"\"}\n{\"line\":\"two words\"}\n"
                                  "{\"line\":\"\xc3\xa9t\xc3\xa9\"}\n{\"line\":\"last\"}\n";
static const char sample_bads[] = "bad_utf8@16:4: the line is not valid UTF-8\n"
                                  "too_large@33:6: the record has 34 bytes, max_record allows 20\n";

START_TEST(lines_are_the_same_at_every_split_of_the_input)
{
    struct tm_schema *schema = make_schema(&w, "line string");
    for (size_t piece = 1; piece < sizeof sample; piece++) {
        struct tm_decoder *d = make_decoder(&w, &tm_format_text, schema, NULL, 20);
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
    static const char text[] = "\xef\xbb\xbfone\n\xef\xbb\xbftwo\n\xff";
    struct tm_schema *schema = make_schema(&w, "line string");
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct tm_decoder *d = make_decoder(&w, &tm_format_text, schema, NULL, 20);
        forget(&w);
        ck_assert_int_eq(decode_pieces(&w, d, schema, text, sizeof text - 1, piece), 0);
        ck_assert_str_eq(text_of(&w.rows), "{\"line\":\"one\"}\n{\"line\":\"\xef\xbb\xbftwo\"}\n");
        ck_assert_str_eq(text_of(&w.bads), "bad_utf8@14:3: the line is not valid UTF-8\n");
        d->ops->free(d);
    }
    tm_schema_unref(schema);
    forget(&w);
    ck_assert_int_eq(decode_text(&w, &tm_format_text, "line string", "\xef\xbb\xbf", 3), 0);
    ck_assert_uint_eq(w.row_count + w.bad_count, 0);
    ck_assert_int_eq(decode_text(&w, &tm_format_text, "line string", "\xef\xbb", 2), 0);
    ck_assert_str_eq(text_of(&w.bads), "bad_utf8@0:1: the line is not valid UTF-8\n");
}
END_TEST

START_TEST(a_bad_line_among_many_costs_only_itself)
{
    char *text = malloc(200000);
    size_t len = 0;
    for (int i = 0; i < 5000; i++)
        len += (size_t)sprintf(text + len, "line number %d%s\n", i, i % 1000 == 17 ? "\xc3" : "");
    ck_assert_int_eq(decode_text(&w, &tm_format_text, "line string", text, len), 0);
    ck_assert_uint_eq(w.row_count, 4995);
    ck_assert_uint_eq(w.bad_count, 5);
    free(text);
}
END_TEST

START_TEST(rows_are_written_as_lines)
{
    struct tm_schema *schema = make_schema(&w, "line string, $k int hidden");
    struct tm_batch *batch = tm_batch_acquire(w.pool, schema);
    struct tm_buf out;
    const char *lines[] = {"one", "", NULL, "four"};
    tm_buf_init(&out, &w.mem);
    for (int i = 0; i < 4; i++) {
        struct tm_builder b;
        ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
        if (lines[i] != NULL)
            ck_assert_int_eq(tm_builder_put_bytes(&b, 0, lines[i], (uint32_t)strlen(lines[i])), 0);
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    struct tm_encoder_args args = {.mem = &w.mem, .schema = schema};
    struct tm_encoder *e;
    const struct tm_row *row = tm_batch_first(batch);
    ck_assert_int_eq(tm_format_text.encoder_new(&args, &e, &w.err), 0);
    ck_assert_int_eq(e->ops->encode(e, batch, &row, &out, 4, NULL, NULL), 0);
    ck_assert_str_eq(text_of(&out), "one\n");
    ck_assert_int_eq(e->ops->encode(e, batch, &row, &out, 1000, NULL, NULL), 0);
    ck_assert_str_eq(text_of(&out), "one\n\n\nfour\n");
    e->ops->free(e);
    tm_buf_fini(&out);
    tm_batch_release(batch);
    tm_schema_unref(schema);
}
END_TEST

static int refused(void *arg, const struct tm_row *row, int code, const char *message)
{
    uint32_t *count = arg;
    (void)row;
    ck_assert_int_eq(code, TM_E_NOT_ENCODABLE);
    ck_assert_msg(strstr(message, "has a line break") != NULL, "%s", message);
    ++*count;
    return 0;
}

// Wherever it stands: texts are looked through 64 bytes at a time. What lies behind a text in its
// batch counts for nothing, such as the length 10 of the next one.
START_TEST(a_text_with_a_line_break_is_told_and_not_written)
{
    struct tm_schema *schema = make_schema(&w, "line string");
    struct tm_encoder_args args = {.mem = &w.mem, .schema = schema};
    struct tm_encoder *e;
    ck_assert_int_eq(tm_format_text.encoder_new(&args, &e, &w.err), 0);
    for (uint32_t len = 0; len < 200; len++) {
        for (uint32_t at = 0; at <= len; at++) {
            struct tm_batch *batch = tm_batch_acquire(w.pool, schema);
            char text[200];
            struct tm_buf out;
            uint32_t count = 0;
            tm_buf_init(&out, &w.mem);
            memset(text, 'x', sizeof text);
            if (at < len)
                text[at] = '\n';
            for (int i = 0; i < 3; i++) { // the middle one
                struct tm_builder b;
                ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
                ck_assert_int_eq(
                    tm_builder_put_bytes(&b, 0, i == 1 ? text : "0123456789", i == 1 ? len : 10),
                    0);
                ck_assert_int_eq(tm_builder_end(&b), 0);
            }
            const struct tm_row *row = tm_batch_first(batch);
            ck_assert_int_eq(e->ops->encode(e, batch, &row, &out, 1000, refused, &count), 0);
            ck_assert_uint_eq(count, at < len);
            ck_assert_uint_eq(out.size_bytes, at < len ? 22 : 23 + len);
            ck_assert_int_eq(memcmp(text_of(&out) + out.size_bytes - 11, "0123456789\n", 11), 0);
            tm_buf_fini(&out);
            tm_batch_release(batch);
        }
    }
    e->ops->free(e);
    tm_schema_unref(schema);
}
END_TEST

static void refuses(const char *schema_text, const char *message)
{
    struct tm_schema *schema = make_schema(&w, schema_text);
    struct tm_encoder_args args = {.mem = &w.mem, .schema = schema};
    struct tm_encoder *e;
    ck_assert_int_eq(tm_format_text.encoder_new(&args, &e, &w.err), TM_E_SCHEMA);
    ck_assert_msg(strstr(w.err.message, message) != NULL, "%s", w.err.message);
    tm_schema_unref(schema);
}

// Lines of a drawn length, some with a character of several bytes, a wrong byte or a carriage
// return.
static size_t draw_lines(uint64_t *seed, char *text, int lines)
{
    size_t len = 0;
    for (int i = 0; i < lines; i++) {
        size_t start = len;
        for (uint64_t left = draw(seed, draw(seed, 8) == 0 ? 300 : 90); left != 0; left--)
            text[len++] = (char)(' ' + draw(seed, 90));
        uint64_t kind = draw(seed, 40);
        if (kind == 0 && len > start)
            text[start + draw(seed, len - start)] = (char)(0x80 + draw(seed, 128));
        if (kind < 3)
            len += (size_t)sprintf(text + len, "\xc3\xa9");
        len += (size_t)sprintf(text + len, draw(seed, 10) == 0 ? "\r\n" : "\n");
    }
    return len;
}

// A schema with one column has a way of its own; what is read is the same as with a hidden one.
START_TEST(lines_of_any_length_are_read_alike_on_both_ways)
{
    static char text[400 * 1000];
    uint64_t seed = take_seed();
    for (int round = 0; round < 40; round++) {
        size_t len = draw_lines(&seed, text, round < 30 ? 60 : 1000), piece = 1 + draw(&seed, len);
        len -= draw(&seed, 2); // perhaps no last line end
        struct tm_buf rows, bads;
        tm_buf_init(&rows, &w.mem);
        tm_buf_init(&bads, &w.mem);
        for (int way = 0; way < 3; way++) {
            struct tm_schema *schema =
                make_schema(&w, way == 1 ? "line string, $t int hidden" : "line string");
            struct tm_decoder *d = make_decoder(&w, &tm_format_text, schema, NULL, 200);
            forget(&w);
            ck_assert_int_eq(decode_pieces(&w, d, schema, text, len, way == 2 ? piece : len), 0);
            if (way == 0) {
                ck_assert_int_eq(tm_buf_append(&rows, w.rows.data, w.rows.size_bytes), 0);
                ck_assert_int_eq(tm_buf_append(&bads, w.bads.data, w.bads.size_bytes), 0);
            }
            ck_assert_str_eq(text_of(&w.rows), text_of(&rows));
            ck_assert_str_eq(text_of(&w.bads), text_of(&bads));
            d->ops->free(d);
            tm_schema_unref(schema);
        }
        tm_buf_fini(&rows);
        tm_buf_fini(&bads);
    }
}
END_TEST

START_TEST(text_needs_one_string_column)
{
    refuses("a string, b string", "needs one string column, there are 2");
    refuses("a int", "column a is of another type");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, open_world, close_world);
    tcase_add_test(tc, lines_are_the_same_at_every_split_of_the_input);
    tcase_add_test(tc, a_byte_order_mark_is_skipped_at_the_start_alone);
    tcase_add_test(tc, a_bad_line_among_many_costs_only_itself);
    tcase_add_test(tc, rows_are_written_as_lines);
    tcase_add_test(tc, a_text_with_a_line_break_is_told_and_not_written);
    tcase_add_test(tc, lines_of_any_length_are_read_alike_on_both_ways);
    tcase_add_test(tc, text_needs_one_string_column);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
