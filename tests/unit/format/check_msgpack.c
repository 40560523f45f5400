// msgpack, both ways: every type, what is refused and with which words, records in pieces, and what
// no reader may be led astray by.
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

// "81 a1 'a' 05": hex bytes and text in single quotes.
static size_t bytes_of(const char *text, uint8_t *out)
{
    size_t len = 0;
    while (*text != 0) {
        if (*text == ' ') {
            text++;
        } else if (*text == '\'') {
            for (text++; *text != '\''; text++)
                out[len++] = (uint8_t)*text;
            text++;
        } else {
            unsigned v;
            ck_assert_int_eq(sscanf(text, "%2x", &v), 1);
            out[len++] = (uint8_t)v;
            text += 2;
        }
    }
    return len;
}

static void decode_hex(const char *schema, const char *text)
{
    uint8_t bytes[4096];
    size_t len = bytes_of(text, bytes);
    ck_assert_int_eq(decode_text(&w, &tm_format_msgpack, schema, (const char *)bytes, len), 0);
}

static void reads(const char *schema, const char *text, const char *rows)
{
    decode_hex(schema, text);
    ck_assert_msg(w.bad_count == 0, "%s: %s", text, text_of(&w.bads));
    ck_assert_str_eq(text_of(&w.rows), rows);
}

static void refuses(const char *schema, const char *text, int code, const char *message)
{
    decode_hex(schema, text);
    ck_assert_msg(w.bad_count == 1 && w.bad_code == code, "%s: %s", text, text_of(&w.bads));
    ck_assert_msg(strstr(text_of(&w.bads), message) != NULL, "%s\nis not in\n%s", message,
                  text_of(&w.bads));
}

START_TEST(every_type_is_read)
{
    reads("a bool", "81 a1'a' c3 81 a1'a' c0", "{\"a\":true}\n{\"a\":null}\n");
    reads("a int", "81 a1'a' 05 81 a1'a' cd 01 00 81 a1'a' e0",
          "{\"a\":5}\n{\"a\":256}\n{\"a\":-32}\n");
    reads("a int", "81 a1'a' cb 40 14 00 00 00 00 00 00", "{\"a\":5}\n");
    reads("a int64", "81 a1'a' d3 80 00 00 00 00 00 00 00", "{\"a\":-9223372036854775808}\n");
    reads("a double", "81 a1'a' cb 3f f8 00 00 00 00 00 00 81 a1'a' ca 3f c0 00 00 81 a1'a' 07",
          "{\"a\":1.5}\n{\"a\":1.5}\n{\"a\":7}\n");
    reads("a decimal(10,2)", "81 a1'a' a4'1.25' 81 a1'a' 07 81 a1'a' cb 3f f8 00 00 00 00 00 00",
          "{\"a\":1.25}\n{\"a\":7.00}\n{\"a\":1.50}\n");
    reads("a string", "81 a1'a' a2'xy' 81 a1'a' d9 01'z' 81 a1'a' a0",
          "{\"a\":\"xy\"}\n{\"a\":\"z\"}\n{\"a\":\"\"}\n");
    reads("a bytes", "81 a1'a' c4 03 00 01 02 81 a1'a' a1'x'",
          "{\"a\":\"AAEC\"}\n{\"a\":\"eA==\"}\n");
    reads("a timestamp",
          "81 a1'a' cd 03 e8 81 a1'a' d6 ff 00 00 00 01 81 a1'a' b4'1970-01-01T00:00:01Z'",
          "{\"a\":\"1970-01-01T00:00:01.000Z\"}\n{\"a\":\"1970-01-01T00:00:01.000Z\"}\n"
          "{\"a\":\"1970-01-01T00:00:01.000Z\"}\n");
    reads("a timestamp",
          "81 a1'a' d7 ff 77 35 94 00 00 00 00 02 81 a1'a' c7 0c ff 1d cd 65 00 ff ff ff ff ff ff "
          "ff ff",
          "{\"a\":\"1970-01-01T00:00:02.500Z\"}\n{\"a\":\"1969-12-31T23:59:59.500Z\"}\n");
    reads("a list(int)", "81 a1'a' 93 01 c0 03", "{\"a\":[1,null,3]}\n");
    reads("a struct(x int!,y string)", "81 a1'a' 83 a1'y' a1'q' a1'u' 91 01 a1'x' 05",
          "{\"a\":{\"x\":5,\"y\":\"q\"}}\n");
    reads("a map(string,int)", "81 a1'a' 82 a1'y' 02 a1'x' c0", "{\"a\":{\"x\":null,\"y\":2}}\n");
    reads("a map(int,string)", "81 a1'a' 82 05 a1'q' ff a0", "{\"a\":{\"-1\":\"\",\"5\":\"q\"}}\n");
    reads("a any", "81 a1'a' 92 81 a1'k' cf ff ff ff ff ff ff ff ff c3",
          "{\"a\":[{\"k\":18446744073709551615},true]}\n");
}
END_TEST

START_TEST(keys_come_in_any_order_and_others_are_passed_over)
{
    reads("a int, b int", "83 a1'b' 02 a1'u' 92 01 81 c0 c0 a1'a' 01 82 05 06 a1'b' 03 80",
          "{\"a\":1,\"b\":2}\n{\"a\":null,\"b\":3}\n{\"a\":null,\"b\":null}\n");
    reads("a string, b int", "83 a1'a' a1'x' a1'a' a1'y' a1'b' 01", "{\"a\":\"y\",\"b\":1}\n");
}
END_TEST

START_TEST(values_that_do_not_fit_are_refused_with_their_path)
{
    refuses("a int", "81 a1'a' a1'x'", TM_E_BAD_TYPE,
            "field a: found a string, needs int (byte 3)");
    refuses("a int", "81 a1'a' cf 00 20 00 00 00 00 00 01", TM_E_BAD_NUMBER, "declare it as int64");
    refuses("a int", "81 a1'a' cb 3f f8 00 00 00 00 00 00", TM_E_BAD_TYPE, "has a fraction");
    refuses("a int64", "81 a1'a' cf ff ff ff ff ff ff ff ff", TM_E_BAD_NUMBER,
            "does not fit int64");
    refuses("a string", "81 a1'a' a1 ff", TM_E_BAD_UTF8, "field a is not valid UTF-8");
    refuses("a any", "81 a1'a' 91 a1 ff", TM_E_BAD_UTF8, "field a has a text");
    refuses("a list(struct(x decimal(3,1)))", "81 a1'a' 92 80 81 a1'x' a3'abc'", TM_E_BAD_TYPE,
            "field a[2].x is not a decimal number");
    refuses("a map(string,int)", "81 a1'a' 81 a3'k k' c3", TM_E_BAD_TYPE,
            "field a[\"k k\"]: found a boolean");
    refuses("a int required", "80", TM_E_REQUIRED, "field a is required and missing or nil");
    refuses("a struct(x int!)", "81 a1'a' 80", TM_E_REQUIRED, "field a.x is required and missing");
    refuses("a list(int!)", "81 a1'a' 91 c0", TM_E_REQUIRED, "field a[1] is required and null");
    refuses("a int", "91 05", TM_E_BAD_TYPE, "the record is no map");
    refuses("a timestamp", "81 a1'a' d4 01 00", TM_E_BAD_TIMESTAMP, "no timestamp");
}
END_TEST

START_TEST(a_bad_record_does_not_take_the_next_with_it)
{
    decode_hex("a int", "81 a1'a' 01 81 a1'a' c3 81 a1'a' 03");
    ck_assert_str_eq(text_of(&w.rows), "{\"a\":1}\n{\"a\":3}\n");
    ck_assert_str_eq(text_of(&w.bads),
                     "bad_type@4:2: field a: found a boolean, needs int (byte 3)\n");
}
END_TEST

START_TEST(bytes_that_are_no_msgpack_end_the_input)
{
    decode_hex("a int", "81 a1'a' 01 c1 81 a1'a' 03");
    ck_assert_str_eq(text_of(&w.rows), "{\"a\":1}\n");
    ck_assert_uint_eq(w.bad_count, 1);
    ck_assert_int_eq(w.bad_code, TM_E_BAD_MSGPACK);
    refuses("a int", "81 a1", TM_E_BAD_MSGPACK, "cut short");
    refuses("a int", "df ff ff ff ff", TM_E_BAD_MSGPACK, "cut short");
    refuses("a int", "db ff ff ff ff", TM_E_BAD_MSGPACK, "cut short");
}
END_TEST

START_TEST(records_are_read_in_any_pieces)
{
    uint8_t bytes[4096];
    size_t len = bytes_of("81 a1'a' 93 01 c0 03 82 a1'b' a3'xyz' a1'a' 90 81 a1'b' d9 20"
                          "'0123456789abcdef0123456789abcdef' 81 a1'a' c3 81 a1'a' 91 05",
                          bytes);
    for (size_t piece = 1; piece <= len; piece++) {
        struct tm_schema *schema = make_schema(&w, "a list(int), b string");
        struct tm_decoder *d = make_decoder(&w, &tm_format_msgpack, schema, NULL, 25);
        forget(&w);
        ck_assert_int_eq(decode_pieces(&w, d, schema, (const char *)bytes, len, piece), 0);
        ck_assert_str_eq(text_of(&w.rows),
                         "{\"a\":[1,null,3],\"b\":null}\n{\"a\":[],\"b\":\"xyz\"}\n"
                         "{\"a\":[5],\"b\":null}\n");
        ck_assert_str_eq(text_of(&w.bads),
                         "too_large@17:3: the record has 37 bytes, max_record allows 25\n"
                         "bad_type@54:4: field a: found a boolean, needs list(int) (byte 3)\n");
        d->ops->free(d);
        tm_schema_unref(schema);
    }
}
END_TEST

// What JSON reads, msgpack gives back.
START_TEST(rows_are_the_same_behind_msgpack)
{
    const char *schema_text =
        "a bool, b int, c int64, d double, e decimal(20,3), f string, g bytes, h timestamp, "
        "i list(struct(x int,y list(string))), j map(string,double), k map(int,bool), l any";
    const char *text =
        "{\"a\":true,\"b\":-70000,\"c\":9223372036854775807,\"d\":1.25,\"e\":-12345.678,\"f\":"
        "\"\xc3\xa9\","
        "\"g\":\"AAEC\",\"h\":\"2026-01-02T03:04:05.678Z\",\"i\":[{\"x\":1,\"y\":[\"a\",null]},"
        "null],"
        "\"j\":{\"p\":0.5,\"q\":null},\"k\":{\"-5\":true,\"300\":false},\"l\":{\"z\":[1,2.5,\"t\","
        "null]}}\n"
        "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null,\"f\":null,\"g\":null,\"h\":null,"
        "\"i\":null,\"j\":null,\"k\":null,\"l\":null}\n";
    for (int mode = 0; mode < 4; mode++) {
        struct tm_schema *schema = make_schema(&w, schema_text);
        struct tm_decoder *d = make_decoder(&w, &tm_format_json, schema, NULL, 10000);
        struct tm_encoder_args args = {.mem = &w.mem,
                                       .schema = schema,
                                       .omit_nulls = (mode & 1) != 0,
                                       .timestamps_as_ms = (mode & 2) != 0};
        struct tm_encoder *e = NULL;
        struct tm_batch *batch = tm_batch_acquire(w.pool, schema);
        struct tm_buf out;
        char padded[2048] = {0};
        size_t used;
        memcpy(padded, text, strlen(text));
        tm_buf_init(&out, &w.mem);
        forget(&w);
        ck_assert_int_eq(tm_format_msgpack.encoder_new(&args, &e, &w.err), 0);
        ck_assert_int_eq(d->ops->decode(d, (const uint8_t *)padded, strlen(text), true, batch,
                                        &used, note_bad, &w),
                         0);
        ck_assert_uint_eq(batch->row_count, 2);
        const struct tm_row *row = tm_batch_first(batch);
        ck_assert_int_eq(e->ops->encode(e, batch, &row, &out, SIZE_MAX, NULL, NULL), 0);
        ck_assert_int_eq(decode_text(&w, &tm_format_msgpack, schema_text, (const char *)out.data,
                                     out.size_bytes),
                         0);
        ck_assert_msg(w.bad_count == 0, "%s", text_of(&w.bads));
        ck_assert_str_eq(text_of(&w.rows), text);
        tm_batch_release(batch);
        e->ops->free(e);
        d->ops->free(d);
        tm_buf_fini(&out);
        tm_schema_unref(schema);
    }
}
END_TEST

// Texts and bytes around every length at which their head, or the way of copying them, changes.
START_TEST(texts_of_every_length_are_written)
{
    static const size_t lengths[] = {0,  1,  15, 16,  17,  31,  32,  33,  48,    63,
                                     64, 65, 80, 127, 128, 255, 256, 257, 65535, 65536};
    const char *schema_text = "a string, b bytes, longer_than_sixteen_bytes string";
    static char text[70000], back[70000];
    struct tm_schema *schema = make_schema(&w, schema_text);
    struct tm_encoder_args args = {.mem = &w.mem, .schema = schema};
    struct tm_encoder *e = NULL;
    ck_assert_int_eq(tm_format_msgpack.encoder_new(&args, &e, &w.err), 0);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct tm_batch *batch = tm_batch_acquire(w.pool, schema);
        struct tm_builder b;
        struct tm_buf out;
        uint32_t len = (uint32_t)lengths[i];
        tm_buf_init(&out, &w.mem);
        ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
        for (uint32_t f = 0; f < 3; f++)
            ck_assert_int_eq(tm_builder_put_bytes(&b, f, text + f, len), 0);
        ck_assert_int_eq(tm_builder_end(&b), 0);
        const struct tm_row *row = tm_batch_first(batch);
        ck_assert_int_eq(e->ops->encode(e, batch, &row, &out, SIZE_MAX, NULL, NULL), 0);
        ck_assert_uint_le(out.size_bytes, out.capacity_bytes);
        tm_batch_release(batch);
        batch = tm_batch_acquire(w.pool, schema);
        struct tm_decoder *d = make_decoder(&w, &tm_format_msgpack, schema, NULL, TM_RECORD_BYTES);
        size_t used;
        ck_assert_int_eq(tm_buf_reserve(&out, 64), 0);
        ck_assert_int_eq(
            d->ops->decode(d, out.data, out.size_bytes, true, batch, &used, note_bad, &w), 0);
        ck_assert_uint_eq(batch->row_count, 1);
        for (uint32_t f = 0; f < 3; f++) {
            uint32_t length;
            const char *p = tm_row_string(tm_batch_first(batch), schema->fields[f].offset, &length);
            ck_assert_uint_eq(length, len);
            memcpy(back, p, length);
            ck_assert(memcmp(back, text + f, len) == 0);
        }
        tm_batch_release(batch);
        d->ops->free(d);
        tm_buf_fini(&out);
    }
    e->ops->free(e);
    tm_schema_unref(schema);
}
END_TEST

// Of all that a value of type any holds, a decimal alone has no form in msgpack; 0xc1 in others
// stays.
START_TEST(decimals_within_any_are_written_as_texts)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"c1 05 '19.99'", "a5 '19.99'"},
        {"82 a1'p' c1 04 '1.50' a1'l' 92 c1 02 '-7' 2a", "82 a1'p' a4 '1.50' a1'l' 92 a2 '-7' 2a"},
        {"93 cc c1 c4 03 c1 01 37 c1 01 37", "93 cc c1 c4 03 c1 01 37 a1 37"},
        {"91 c1 29 '-0.00000000000000000000000000000000000001'",
         "91 d9 29 '-0.00000000000000000000000000000000000001'"},
        {"91 c7 02 01 c1 01", "91 c7 02 01 c1 01"},
    };
    struct tm_schema *schema = make_schema(&w, "a any");
    struct tm_encoder_args args = {.mem = &w.mem, .schema = schema};
    struct tm_encoder *e = NULL;
    ck_assert_int_eq(tm_format_msgpack.encoder_new(&args, &e, &w.err), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t in[100], expected[100] = "\x81\xa1"
                                         "a";
        size_t in_len = bytes_of(cases[i].in, in), len = 3 + bytes_of(cases[i].out, expected + 3);
        struct tm_batch *batch = tm_batch_acquire(w.pool, schema);
        struct tm_builder b;
        struct tm_buf out;
        tm_buf_init(&out, &w.mem);
        ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
        ck_assert_int_eq(tm_builder_put_bytes(&b, 0, in, (uint32_t)in_len), 0);
        ck_assert_int_eq(tm_builder_end(&b), 0);
        const struct tm_row *row = tm_batch_first(batch);
        ck_assert_int_eq(e->ops->encode(e, batch, &row, &out, SIZE_MAX, NULL, NULL), 0);
        ck_assert_msg(out.size_bytes == len && memcmp(out.data, expected, len) == 0, "case %zu", i);
        tm_buf_fini(&out);
        tm_batch_release(batch);
    }
    e->ops->free(e);
    tm_schema_unref(schema);
}
END_TEST

START_TEST(a_change_begins_with_its_kind)
{
    struct tm_schema *schema = make_schema(&w, "a int");
    tm_schema_set_changelog(schema);
    struct tm_encoder_args args = {.mem = &w.mem, .schema = schema};
    struct tm_encoder *e = NULL;
    struct tm_batch *batch = tm_batch_acquire(w.pool, schema);
    struct tm_builder b;
    struct tm_buf out;
    tm_buf_init(&out, &w.mem);
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    tm_builder_put_int(&b, 0, 5);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    ((struct tm_row *)(void *)batch->data)->kind = TM_ROW_DELETE;
    ck_assert_int_eq(tm_format_msgpack.encoder_new(&args, &e, &w.err), 0);
    const struct tm_row *row = tm_batch_first(batch);
    ck_assert_int_eq(e->ops->encode(e, batch, &row, &out, SIZE_MAX, NULL, NULL), 0);
    ck_assert_uint_eq(out.size_bytes, 10);
    ck_assert_mem_eq(out.data,
                     "\x82\xa2op\xa2-D\xa1"
                     "a\x05",
                     10);
    tm_batch_release(batch);
    e->ops->free(e);
    tm_buf_fini(&out);
    tm_schema_unref(schema);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("msgpack");
    TCase *test = tcase_create("msgpack");
    tcase_add_checked_fixture(test, open_world, close_world);
    tcase_add_test(test, every_type_is_read);
    tcase_add_test(test, keys_come_in_any_order_and_others_are_passed_over);
    tcase_add_test(test, values_that_do_not_fit_are_refused_with_their_path);
    tcase_add_test(test, a_bad_record_does_not_take_the_next_with_it);
    tcase_add_test(test, bytes_that_are_no_msgpack_end_the_input);
    tcase_add_test(test, records_are_read_in_any_pieces);
    tcase_add_test(test, rows_are_the_same_behind_msgpack);
    tcase_add_test(test, texts_of_every_length_are_written);
    tcase_add_test(test, decimals_within_any_are_written_as_texts);
    tcase_add_test(test, a_change_begins_with_its_kind);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
