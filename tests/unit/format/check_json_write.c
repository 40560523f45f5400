// The JSON Lines encoder, rows as JSON for messages, numbers as text, and the way there and back.
#include <math.h>

#include "tests/unit/format/format_test.h"

#include "core/batch/timestamp.h"

static struct world w;
static struct tm_schema *schema;
static struct tm_batch *batch;
static struct tm_buf out;

static void open_world(void)
{
    world_open(&w);
    tm_buf_init(&out, &w.mem);
    schema = NULL;
    batch = NULL;
}

static void drop_batch(void)
{
    if (batch != NULL)
        tm_batch_release(batch);
    if (schema != NULL)
        tm_schema_unref(schema);
    batch = NULL;
    schema = NULL;
}

static void close_world(void)
{
    drop_batch();
    tm_buf_fini(&out);
    world_close(&w);
}

static struct tm_builder begin(void)
{
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    return b;
}

static void use_schema(const char *text)
{
    drop_batch();
    schema = make_schema(&w, text);
    batch = tm_batch_acquire(w.pool, schema);
}

static int note_bad_row(void *arg, const struct tm_row *row, int code, const char *message)
{
    ck_assert_ptr_nonnull(row);
    struct tm_buf *buf = arg;
    return tm_buf_printf(buf, "%s: %s\n", tm_error_name(code), message);
}

static const char *encode(bool omit_nulls, bool as_ms)
{
    struct tm_encoder_args args = {
        .mem = &w.mem, .schema = schema, .omit_nulls = omit_nulls, .timestamps_as_ms = as_ms};
    struct tm_encoder *e;
    const struct tm_row *row = tm_batch_first(batch);
    ck_assert_int_eq(tm_format_json.encoder_new(&args, &e, &w.err), 0);
    out.size_bytes = w.bads.size_bytes = 0;
    ck_assert_int_eq(e->ops->encode(e, batch, &row, &out, SIZE_MAX, note_bad_row, &w.bads), 0);
    ck_assert_ptr_eq(row, batch->data + batch->size_bytes);
    e->ops->free(e);
    return text_of(&out);
}

START_TEST(changes_begin_with_their_kind)
{
    use_schema("a int, $k int hidden");
    tm_schema_set_changelog(schema);
    for (uint8_t kind = TM_ROW_INSERT; kind <= TM_ROW_DELETE; kind++) {
        struct tm_builder b = begin();
        if (kind != TM_ROW_DELETE)
            tm_builder_put_int(&b, 0, kind);
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    uint8_t kind = TM_ROW_INSERT;
    TM_BATCH_EACH(batch, row)
    ((struct tm_row *)(uintptr_t)row)->kind = kind++;
    ck_assert_str_eq(encode(true, false), "{\"op\":\"+I\",\"a\":0}\n{\"op\":\"-U\",\"a\":1}\n"
                                          "{\"op\":\"+U\",\"a\":2}\n{\"op\":\"-D\"}\n");
}
END_TEST

START_TEST(every_type_is_written)
{
    use_schema("a bool, b int, c int64, d double, e decimal(10,2), f string, g bytes, h timestamp, "
               "$k int hidden");
    struct tm_builder b = begin();
    tm_builder_put_int(&b, 0, 1);
    tm_builder_put_int(&b, 1, -5);
    tm_builder_put_int(&b, 2, INT64_MIN);
    tm_builder_put_double(&b, 3, 0.1);
    tm_builder_put_decimal(&b, 4, -1250);
    ck_assert_int_eq(tm_builder_put_bytes(&b, 5, "a\"b\\c\n\x01\x7f\xc3\xa9", 10), 0);
    ck_assert_int_eq(tm_builder_put_bytes(&b, 6, "\x00\xff\x10\x20", 4), 0);
    tm_builder_put_int(&b, 7, 1700000000123);
    tm_builder_put_int(&b, 8, 99);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    ck_assert_str_eq(encode(false, false),
                     "{\"a\":true,\"b\":-5,\"c\":-9223372036854775808,\"d\":0.1,\"e\":-12.50,"
                     "\"f\":\"a\\\"b\\\\c\\n\\u0001\x7f\xc3\xa9\",\"g\":\"AP8QIA==\","
                     "\"h\":\"2023-11-14T22:13:20.123Z\"}\n");
    ck_assert_ptr_nonnull(strstr(encode(false, true), "\"h\":1700000000123}\n"));
}
END_TEST

START_TEST(nulls_are_written_unless_omitted)
{
    use_schema("a int, b string, c int");
    struct tm_builder b = begin();
    tm_builder_put_int(&b, 2, 7);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    b = begin();
    ck_assert_int_eq(tm_builder_end(&b), 0);
    ck_assert_str_eq(encode(false, false), "{\"a\":null,\"b\":null,\"c\":7}\n"
                                           "{\"a\":null,\"b\":null,\"c\":null}\n");
    ck_assert_str_eq(encode(true, false), "{\"c\":7}\n{}\n");
}
END_TEST

START_TEST(nan_and_infinities_are_bad_rows_and_leave_no_trace)
{
    use_schema("a int, b double");
    const double values[] = {1, NAN, 2, INFINITY, -INFINITY, 3};
    for (int i = 0; i < 6; i++) {
        struct tm_builder b = begin();
        tm_builder_put_int(&b, 0, i);
        tm_builder_put_double(&b, 1, values[i]);
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    ck_assert_str_eq(encode(false, false),
                     "{\"a\":0,\"b\":1}\n{\"a\":2,\"b\":2}\n{\"a\":5,\"b\":3}\n");
    ck_assert_str_eq(text_of(&w.bads),
                     "not_encodable: field b is NaN, which JSON has no number for\n"
                     "not_encodable: field b is infinite, which JSON has no number for\n"
                     "not_encodable: field b is infinite, which JSON has no number for\n");
    out.size_bytes = 0;
    TM_BATCH_EACH(batch, row)
    ck_assert_int_eq(tm_format_row_json(&out, schema, row, NULL), 0);
    ck_assert_str_eq(text_of(&out), "{\"a\":0,\"b\":1}{\"a\":1,\"b\":\"NaN\"}{\"a\":2,\"b\":2}"
                                    "{\"a\":3,\"b\":\"Infinity\"}{\"a\":4,\"b\":\"-Infinity\"}"
                                    "{\"a\":5,\"b\":3}");
}
END_TEST

START_TEST(encoding_stops_at_the_limit_between_rows)
{
    use_schema("a int");
    for (int i = 0; i < 100; i++) {
        struct tm_builder b = begin();
        tm_builder_put_int(&b, 0, i);
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    struct tm_encoder_args args = {.mem = &w.mem, .schema = schema};
    struct tm_encoder *e;
    const struct tm_row *row = tm_batch_first(batch);
    ck_assert_int_eq(tm_format_json.encoder_new(&args, &e, &w.err), 0);
    char all[4096] = "", expected[4096] = "";
    int calls = 0;
    while ((const uint8_t *)row < batch->data + batch->size_bytes) {
        out.size_bytes = 0;
        ck_assert_int_eq(e->ops->encode(e, batch, &row, &out, 50, note_bad_row, &w.bads), 0);
        ck_assert_uint_lt(out.size_bytes, 50 + 9);
        strcat(all, text_of(&out));
        calls++;
    }
    for (int i = 0; i < 100; i++)
        sprintf(expected + strlen(expected), "{\"a\":%d}\n", i);
    ck_assert_str_eq(all, expected);
    ck_assert_int_gt(calls, 10);
    e->ops->free(e);
}
END_TEST

START_TEST(names_are_escaped_and_may_be_long)
{
    use_schema("a\"b int, a_name_that_is_longer_than_sixteen_bytes int");
    struct tm_builder b = begin();
    tm_builder_put_int(&b, 0, 1);
    tm_builder_put_int(&b, 1, 2);
    ck_assert_int_eq(tm_builder_end(&b), 0);
    ck_assert_str_eq(encode(false, false),
                     "{\"a\\\"b\":1,\"a_name_that_is_longer_than_sixteen_bytes\":2}\n");
}
END_TEST

START_TEST(every_byte_at_every_place_of_a_string_is_escaped_as_needed)
{
    for (unsigned c = 0; c < 128; c++) {
        for (uint32_t len = 1; len < 40; len += 3) {
            for (uint32_t at = 0; at < len; at++) {
                char text[48], expected[64], e[8];
                memset(text, 'x', len);
                text[at] = (char)c;
                const char *letters = "\bb\ff\nn\rr\tt\"\"\\\\",
                           *l = c != 0 ? strchr(letters, (int)c) : NULL;
                if (l != NULL && (c < 0x20 || c == '"' || c == '\\'))
                    sprintf(e, "\\%c", l[1]);
                else if (c < 0x20)
                    sprintf(e, "\\u%04x", c);
                else
                    sprintf(e, "%c", c);
                sprintf(expected, "\"%.*s%s%.*s\"", (int)at, text, e, (int)(len - at - 1),
                        text + at + 1);
                out.size_bytes = 0;
                ck_assert_int_eq(tm_format_json_string(&out, text, len), 0);
                ck_assert_str_eq(text_of(&out), expected);
            }
        }
    }
}
END_TEST

START_TEST(doubles_are_written_shortest_and_read_back_the_same)
{
    const struct {
        double value;
        const char *text;
    } known[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {-1, "-1"},
                 {100000, "100000"},
                 {1e6, "1000000"},
                 {123456789012, "123456789012"},
                 {999999999999999, "999999999999999"},
                 {1e15, "1e+15"},
                 {0.1, "0.1"},
                 {0.01, "0.01"},
                 {1.5, "1.5"},
                 {1.25, "1.25"},
                 {1.05, "1.05"},
                 {0.001, "0.001"},
                 {1.005, "1.005"},
                 {123.45, "123.45"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1e22, "1e+22"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"}};
    char buf[64];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        buf[tm_format_double(known[i].value, buf)] = 0;
        ck_assert_str_eq(buf, known[i].text);
    }
    srand(7);
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = ((uint64_t)rand() << 42) ^ ((uint64_t)rand() << 21) ^ (uint64_t)rand();
        double v;
        if (i % 3 == 0)
            v = (double)(int64_t)(bits % 100000000000ULL) / 100;
        else if (i % 3 == 1)
            v = (double)(bits >> 11) * 0x1p-53 * (i % 2 ? 500 : 1e9);
        else
            memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        size_t len = tm_format_double(v, buf), shortest = 40;
        buf[len] = 0;
        ck_assert_uint_lt(len, 32);
        double back = strtod(buf, NULL);
        ck_assert_msg(memcmp(&back, &v, sizeof v) == 0, "%.17g: %s", v, buf);
        if (strchr(buf, 'e') == NULL && fabs(v) >= 1e15)
            continue; // all digits of a whole number are shorter than an exponent
        for (int digits = 1; digits <= 17; digits++) { // no fewer digits would do
            char other[40];
            snprintf(other, sizeof other, "%.*g", digits, v);
            if (strtod(other, NULL) == v) {
                shortest = (size_t)digits;
                break;
            }
        }
        size_t digits = 0, zeros = 0;
        for (char *p = buf; *p != 0 && *p != 'e'; p++) {
            if (*p >= '0' && *p <= '9' && (digits != 0 || *p != '0')) {
                digits++;
                zeros = *p == '0' ? zeros + 1 : 0;
            }
        }
        ck_assert_msg(digits - zeros <= shortest, "%.17g: %s has %zu digits, %zu are enough", v,
                      buf, digits - zeros, shortest);
    }
}
END_TEST

START_TEST(times_are_written_as_timestamp_format_does)
{
    use_schema("t timestamp");
    srand(11);
    struct tm_buf expected;
    tm_buf_init(&expected, &w.mem);
    const int64_t known[] = {0,
                             -1,
                             1,
                             86399999,
                             86400000,
                             -86400000,
                             -86400001,
                             253402300799999,
                             253402300800000,
                             -62135596800000,
                             -62135596800001,
                             -62167219200000,
                             -62167219200001,
                             951782400000,
                             4107542400000};
    for (int i = 0; i < 900; i++) {
        int64_t ms = i < 15 ? known[i]
                            : (int64_t)(((uint64_t)rand() << 16) ^ (uint64_t)rand()) - (1LL << 45);
        struct tm_builder b = begin();
        tm_builder_put_int(&b, 0, ms);
        ck_assert_int_eq(tm_builder_end(&b), 0);
        char text[64];
        text[tm_timestamp_format(ms, text)] = 0;
        ck_assert_int_eq(tm_buf_printf(&expected, "{\"t\":\"%s\"}\n", text), 0);
    }
    ck_assert_str_eq(encode(false, false), text_of(&expected));
    tm_buf_fini(&expected);
}
END_TEST

// A random row as JSON text, decoded, encoded, decoded again: the same rows.
START_TEST(random_rows_survive_the_way_there_and_back)
{
    unsigned seed = 20240611;
    printf("seed %u\n", seed);
    srand(seed);
    use_schema(
        "a bool, b int, c int64, d double, e decimal(38,10), f string, g bytes, h timestamp, "
        "i decimal(18,4), a_long_name_of_a_string_column string");
    for (int n = 0; n < 1000; n++) {
        struct tm_builder b = begin();
        for (uint32_t f = 0; f < schema->field_count; f++) {
            int64_t v =
                (int64_t)(((uint64_t)rand() << 33) ^ ((uint64_t)rand() << 11) ^ (uint64_t)rand()) >>
                (rand() % 63);
            uint8_t bytes[80];
            uint32_t len = (uint32_t)rand() % 70;
            if (rand() % 6 == 0)
                continue;
            switch (schema->fields[f].type.kind) {
            case TM_TYPE_BOOL:
                tm_builder_put_int(&b, f, v & 1);
                break;
            case TM_TYPE_INT:
                tm_builder_put_int(&b, f, v % TM_INT_MAX);
                break;
            case TM_TYPE_INT64:
                tm_builder_put_int(&b, f, v);
                break;
            case TM_TYPE_TIMESTAMP:
                tm_builder_put_int(&b, f, v % 200000000000000LL);
                break;
            case TM_TYPE_DOUBLE:
                tm_builder_put_double(&b, f, (double)v / (rand() % 1000 + 1));
                break;
            case TM_TYPE_DECIMAL:
                tm_builder_put_decimal(&b, f,
                                       schema->fields[f].type.precision == 38
                                           ? (__int128)v * (rand() % 1000000)
                                           : v % 1000000000000000000LL);
                break;
            case TM_TYPE_STRING:
                for (uint32_t i = 0; i < len; i++) {
                    static const char alphabet[] = "abc \"\\/\n\t\x01\x1f xyz{}[]:,";
                    bytes[i] = (uint8_t)alphabet[(size_t)rand() % (sizeof alphabet - 1)];
                }
                if (len > 4)
                    memcpy(bytes + len - 4, "\xf0\x9f\x98\x80", 4);
                ck_assert_int_eq(tm_builder_put_bytes(&b, f, bytes, len), 0);
                break;
            default:
                for (uint32_t i = 0; i < len; i++)
                    bytes[i] = (uint8_t)rand();
                ck_assert_int_eq(tm_builder_put_bytes(&b, f, bytes, len), 0);
            }
        }
        ck_assert_int_eq(tm_builder_end(&b), 0);
    }
    for (int variant = 0; variant < 4; variant++) {
        char *first = strdup(encode(variant & 1, variant & 2)), *copy = first;
        struct tm_decoder *d = make_decoder(&w, &tm_format_json, schema, NULL, TM_RECORD_BYTES);
        struct tm_batch *other = tm_batch_acquire(w.pool, schema), *mine = batch;
        uint32_t rows = 0;
        size_t len = strlen(first), used = 0;
        char *padded = malloc(len + 64);
        memcpy(padded, first, len);
        char *again = malloc(len + 1);
        size_t again_len = 0;
        while (len != 0) {
            ck_assert_int_eq(d->ops->decode(d, (uint8_t *)padded + (copy - first), len, true, other,
                                            &used, note_bad, &w),
                             0);
            rows += other->row_count;
            batch = other;
            const char *text = encode(variant & 1, variant & 2);
            memcpy(again + again_len, text, out.size_bytes);
            again_len += out.size_bytes;
            copy += used;
            len -= used;
            tm_batch_release(other);
            other = tm_batch_acquire(w.pool, schema);
        }
        again[again_len] = 0;
        ck_assert_uint_eq(rows, 1000);
        ck_assert_str_eq(again, first);
        tm_batch_release(other);
        batch = mine;
        d->ops->free(d);
        free(first);
        free(padded);
        free(again);
    }
}
END_TEST

START_TEST(formats_are_found_by_name_and_suffix)
{
    ck_assert_ptr_eq(tm_format_find("json"), &tm_format_json);
    ck_assert_ptr_eq(tm_format_find("text"), &tm_format_text);
    ck_assert_ptr_null(tm_format_find("jso"));
    ck_assert_ptr_eq(tm_format_of_path("a/b.c/out.jsonl"), &tm_format_json);
    ck_assert_ptr_eq(tm_format_of_path("out.ndjson"), &tm_format_json);
    ck_assert_ptr_eq(tm_format_of_path("book.txt"), &tm_format_text);
    ck_assert_ptr_null(tm_format_of_path("out"));
    ck_assert_ptr_null(tm_format_of_path("a.json/out"));
    ck_assert_ptr_null(tm_format_of_path("out.js"));
    ck_assert_ptr_null(tm_format_of_path("out."));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_write");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, open_world, close_world);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, changes_begin_with_their_kind);
    tcase_add_test(tc, every_type_is_written);
    tcase_add_test(tc, nulls_are_written_unless_omitted);
    tcase_add_test(tc, nan_and_infinities_are_bad_rows_and_leave_no_trace);
    tcase_add_test(tc, encoding_stops_at_the_limit_between_rows);
    tcase_add_test(tc, names_are_escaped_and_may_be_long);
    tcase_add_test(tc, every_byte_at_every_place_of_a_string_is_escaped_as_needed);
    tcase_add_test(tc, doubles_are_written_shortest_and_read_back_the_same);
    tcase_add_test(tc, times_are_written_as_timestamp_format_does);
    tcase_add_test(tc, random_rows_survive_the_way_there_and_back);
    tcase_add_test(tc, formats_are_found_by_name_and_suffix);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
