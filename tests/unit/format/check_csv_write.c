// The CSV encoder: fields, quotes, dialects, and that what it writes is read back as it was.
#include <math.h>

#include "tests/unit/format/csv_test.h"

#include "core/format/csv_options.h"

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

static void use_schema(const char *text)
{
    drop_batch();
    schema = make_schema(&w, text);
    batch = tm_batch_acquire(w.pool, schema);
}

static struct tm_builder begin(void)
{
    struct tm_builder b;
    ck_assert_int_eq(tm_builder_begin(&b, batch), 0);
    return b;
}

static void put_string(struct tm_builder *b, uint32_t field, const char *text)
{
    ck_assert_int_eq(tm_builder_put_bytes(b, field, text, (uint32_t)strlen(text)), 0);
}

static void end(struct tm_builder *b)
{
    ck_assert_int_eq(tm_builder_end(b), 0);
}

static void add_strings(const char *a, const char *b_text)
{
    struct tm_builder b = begin();
    if (a != NULL)
        put_string(&b, 0, a);
    if (b_text != NULL)
        put_string(&b, 1, b_text);
    end(&b);
}

static int note_bad_row(void *arg, const struct tm_row *row, int code, const char *message)
{
    ck_assert_ptr_nonnull(row);
    ck_assert_int_eq(code, TM_E_NOT_ENCODABLE);
    ck_assert_int_eq(tm_buf_printf(arg, "%s\n", message), 0);
    w.bad_count++;
    return 0;
}

static void encode_with(const struct tm_options *options, bool as_ms)
{
    struct tm_encoder_args args = {
        .mem = &w.mem, .schema = schema, .timestamps_as_ms = as_ms, .options = options};
    struct tm_encoder *e;
    const struct tm_row *row = tm_batch_first(batch);
    ck_assert_msg(tm_format_csv.encoder_new(&args, &e, &w.err) == 0, "%s", w.err.message);
    out.size_bytes = w.bads.size_bytes = 0;
    w.bad_count = 0;
    ck_assert_int_eq(e->ops->begin(e, &out), 0);
    while ((const uint8_t *)row < batch->data + batch->size_bytes)
        ck_assert_int_eq(
            e->ops->encode(e, batch, &row, &out, out.size_bytes + 1, note_bad_row, &w.bads), 0);
    e->ops->free(e);
}

// Pairs of options follow, and NULL.
static const char *encode(int as_ms, ...)
{
    struct tm_options options;
    va_list args;
    tm_options_init(&options, &w.mem);
    va_start(args, as_ms);
    take_options(&options, args);
    va_end(args);
    encode_with(&options, as_ms);
    tm_options_fini(&options);
    return text_of(&out);
}

static void every_type(void)
{
    use_schema("a bool, b int, c int64, d double, e decimal(10,2), f string, g bytes, h timestamp, "
               "$k int hidden");
    struct tm_builder b = begin();
    tm_builder_put_int(&b, 0, 1);
    tm_builder_put_int(&b, 1, -5);
    tm_builder_put_int(&b, 2, INT64_MIN);
    tm_builder_put_double(&b, 3, 0.1);
    tm_builder_put_decimal(&b, 4, -1250);
    put_string(&b, 5, "\xc3\xa9t\xc3\xa9");
    ck_assert_int_eq(tm_builder_put_bytes(&b, 6, "\x00\xff\x10\x20", 4), 0);
    tm_builder_put_int(&b, 7, 1700000000123);
    tm_builder_put_int(&b, 8, 99);
    end(&b);
    b = begin();
    end(&b);
}

START_TEST(changes_begin_with_their_kind)
{
    use_schema("a string, b int, $k int hidden");
    tm_schema_set_changelog(schema);
    for (uint8_t kind = TM_ROW_INSERT; kind <= TM_ROW_DELETE; kind++) {
        struct tm_builder b = begin();
        if (kind != TM_ROW_DELETE)
            put_string(&b, 0, kind == TM_ROW_INSERT ? "" : "x");
        end(&b);
    }
    uint8_t kind = TM_ROW_INSERT;
    TM_BATCH_EACH(batch, row)
    ((struct tm_row *)(uintptr_t)row)->kind = kind++;
    ck_assert_str_eq(encode(0, NULL), "op,a,b\n+I,\"\",\n-U,x,\n+U,x,\n-D,,\n");
    ck_assert_str_eq(encode(0, "delimiter", "U", "header", "false", NULL),
                     "+IU\"\"U\n\"-U\"UxU\n\"+U\"UxU\n-DUU\n");
}
END_TEST

START_TEST(every_type_is_written)
{
    every_type();
    ck_assert_str_eq(encode(false, NULL),
                     "a,b,c,d,e,f,g,h\n"
                     "true,-5,-9223372036854775808,0.1,-12.50,\xc3\xa9t\xc3\xa9,AP8QIA==,"
                     "2023-11-14T22:13:20.123Z\n,,,,,,,\n");
    ck_assert_str_eq(encode(true, "header", "false", "null", "\\N\n", "delimiter", "\t", "bools",
                            "ja/nein", "line_end", "crlf", NULL),
                     "ja\t-5\t-9223372036854775808\t0.1\t-12.50\t\xc3\xa9t\xc3\xa9\tAP8QIA==\t"
                     "1700000000123\r\n\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\r\n");
    ck_assert_str_eq(encode(true, "decimal", ",", "delimiter", ";", "header", "false", NULL),
                     "true;-5;-9223372036854775808;0,1;-12,50;\xc3\xa9t\xc3\xa9;AP8QIA==;"
                     "1700000000123\n;;;;;;;\n");
    ck_assert_str_eq(
        encode(true, "quoting", "all", "header", "true", NULL),
        "\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"\n"
        "\"true\",\"-5\",\"-9223372036854775808\",\"0.1\",\"-12.50\",\"\xc3\xa9t\xc3\xa9"
        "\",\"AP8QIA==\",\"1700000000123\"\n,,,,,,,\n");
}
END_TEST

START_TEST(fields_are_quoted_where_they_must_be)
{
    use_schema("a string, b string");
    add_strings("plain text", "");
    add_strings("a,b", "\"");
    add_strings("line\nline", "cr\r");
    add_strings(NULL, "a longer text, with its comma behind the first sixteen bytes");
    add_strings("#", "#");
    ck_assert_str_eq(encode(false, NULL),
                     "a,b\nplain text,\"\"\n\"a,b\",\"\"\"\"\n\"line\nline\",\"cr\r\"\n"
                     ",\"a longer text, with its comma behind the first sixteen bytes\"\n#,#\n");
    ck_assert_ptr_nonnull(strstr(encode(false, "comment", "#", NULL), "\n\"#\",#\n"));
    ck_assert_ptr_nonnull(strstr(encode(false, "null", "plain text", NULL), "\n\"plain text\",\n"));
}
END_TEST

START_TEST(empty_bytes_are_not_null)
{
    use_schema("a bytes, b bytes");
    add_strings("", NULL);
    ck_assert_str_eq(encode(false, NULL), "a,b\n\"\",\n");
}
END_TEST

START_TEST(one_column_never_makes_an_empty_line_of_a_text)
{
    use_schema("a string");
    struct tm_builder b = begin();
    put_string(&b, 0, "");
    end(&b);
    b = begin();
    end(&b);
    ck_assert_str_eq(encode(false, NULL), "a\n\"\"\n\n");
    ck_assert_str_eq(encode(false, "null", "NA", NULL), "a\n\"\"\nNA\n");
}
END_TEST

START_TEST(names_are_quoted_as_fields_are)
{
    use_schema("a;b string, \"c\" string");
    ck_assert_str_eq(encode(false, "delimiter", ";", NULL), "\"a;b\";\"\"\"c\"\"\"\n");
    struct tm_options options;
    struct tm_encoder *e;
    tm_options_init(&options, &w.mem);
    ck_assert_int_eq(tm_options_set_string(&options, "delimiter", ";"), 0);
    ck_assert_int_eq(tm_options_set_string(&options, "quote", ""), 0);
    struct tm_encoder_args args = {.mem = &w.mem, .schema = schema, .options = &options};
    ck_assert_int_eq(tm_format_csv.encoder_new(&args, &e, &w.err), TM_E_SCHEMA);
    ck_assert_str_eq(w.err.message, "the name of field a;b holds a delimiter or line end or reads "
                                    "as null, and there is no quote character");
    tm_options_fini(&options);
}
END_TEST

START_TEST(a_dialect_without_quotes_escapes_or_refuses)
{
    use_schema("a string, b string");
    add_strings("x,y", "1\n2");
    add_strings("back\\slash", "");
    add_strings("\"q\"", "N");
    ck_assert_str_eq(encode(false, "quote", "", "escape", "backslash", "null", "\\N", NULL),
                     "a,b\nx\\,y,1\\\n2\nback\\\\slash,\n\"q\",N\n");
    ck_assert_str_eq(encode(false, "quote", "", NULL), "a,b\n\"q\",N\n");
    ck_assert_str_eq(text_of(&w.bads),
                     "field a holds a delimiter or line end or reads as null, and there is no "
                     "quote character\n"
                     "field b is the empty text, which reads as null, and there is no quote "
                     "character\n");
}
END_TEST

START_TEST(nan_and_infinities_are_bad_rows_and_leave_no_trace)
{
    use_schema("a int, b double");
    const double values[] = {1, NAN, 2, -INFINITY};
    for (int i = 0; i < 4; i++) {
        struct tm_builder b = begin();
        tm_builder_put_int(&b, 0, i);
        tm_builder_put_double(&b, 1, values[i]);
        end(&b);
    }
    ck_assert_str_eq(encode(false, NULL), "a,b\n0,1\n2,2\n");
    ck_assert_str_eq(text_of(&w.bads), "field b is NaN, which is no number\n"
                                       "field b is infinite, which is no number\n");
}
END_TEST

START_TEST(what_a_csv_file_cannot_hold_is_refused)
{
    use_schema("a int");
    struct tm_encoder *e;
    struct tm_encoder_args args = {.mem = &w.mem, .schema = schema, .omit_nulls = true};
    ck_assert_int_eq(tm_format_csv.encoder_new(&args, &e, &w.err), TM_E_OPTION);
    const uint64_t left_out[1] = {1};
    use_schema("a int, b int");
    args = (struct tm_encoder_args){.mem = &w.mem, .schema = schema, .left_out = left_out};
    ck_assert_int_eq(tm_format_csv.encoder_new(&args, &e, &w.err), 0);
    out.size_bytes = 0;
    ck_assert_int_eq(e->ops->begin(e, &out), 0);
    ck_assert_str_eq(text_of(&out), "b\n");
    e->ops->free(e);
}
END_TEST

// --- there and back

static uint64_t seed;

static size_t random_text(char *text)
{
    static const char *const parts[] = {"a",
                                        "b",
                                        "NA",
                                        "",
                                        "",
                                        "\\",
                                        "\"",
                                        "'",
                                        ",",
                                        ";",
                                        "|",
                                        "\n",
                                        "\r",
                                        "\t",
                                        "#",
                                        "\xc3\xa9",
                                        " ",
                                        "-",
                                        "\\N",
                                        "0",
                                        "true",
                                        ".",
                                        "\r\n",
                                        "\"\"",
                                        "no",
                                        "xy",
                                        "NULL",
                                        "1e",
                                        "\x01\x02",
                                        "-1",
                                        "\xEF\xBB\xBF",
                                        "x"};
    size_t len = 0;
    uint64_t kind = draw(&seed, 10), count = kind < 6 ? kind : kind == 9 ? draw(&seed, 60) : 1;
    text[0] = 0;
    for (; count != 0; count--) {
        const char *part = parts[draw(&seed, sizeof parts / sizeof parts[0])];
        memcpy(text + len, part, strlen(part) + 1);
        len += strlen(part);
    }
    return len;
}

static double random_double(void)
{
    switch (draw(&seed, 4)) {
    case 0:
        return (double)draw(&seed, 1000000) / 100;
    case 1:
        return -(double)draw(&seed, 1000);
    case 2:
        return ldexp((double)draw(&seed, 1u << 30) + 1, (int)draw(&seed, 1800) - 900);
    default:
        return (double)draw(&seed, 1u << 30) * 1e15;
    }
}

static void add_random_row(void)
{
    struct tm_builder b = begin();
    char text[512];
    for (uint32_t i = 0; i < schema->field_count; i++) {
        struct tm_type type = schema->fields[i].type;
        if (draw(&seed, 5) == 0)
            continue;
        size_t len = random_text(text);
        int64_t number = (int64_t)(draw(&seed, UINT64_C(1) << 31) * draw(&seed, 1u << 22));
        number = draw(&seed, 2) == 0 ? number % 1000 : draw(&seed, 2) == 0 ? -number : number;
        switch (type.kind) {
        case TM_TYPE_STRING:
        case TM_TYPE_BYTES:
            ck_assert_int_eq(tm_builder_put_bytes(&b, i, text, (uint32_t)len), 0);
            break;
        case TM_TYPE_DOUBLE:
            tm_builder_put_double(&b, i, random_double());
            break;
        case TM_TYPE_DECIMAL:
            tm_builder_put_decimal(&b, i, number % 100000000000);
            break;
        case TM_TYPE_BOOL:
            tm_builder_put_int(&b, i, number & 1);
            break;
        default:
            tm_builder_put_int(&b, i, number);
        }
    }
    end(&b);
}

static const char *one_of(const char *const *list, size_t count)
{
    return list[draw(&seed, count)];
}

#define ONE_OF(...)                            \
    one_of((const char *const[]){__VA_ARGS__}, \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static bool random_dialect(struct tm_options *o, struct tm_csv_options *parsed)
{
    ck_assert_int_eq(
        tm_options_set_string(o, "delimiter", ONE_OF(",", ",", ";", "\t", "|", "-", "e", ":", "1")),
        0);
    ck_assert_int_eq(tm_options_set_string(o, "quote", ONE_OF("\"", "\"", "'", "-", "T", "")), 0);
    ck_assert_int_eq(tm_options_set_string(o, "escape", ONE_OF("double", "backslash")), 0);
    ck_assert_int_eq(tm_options_set_string(o, "header", ONE_OF("true", "false")), 0);
    ck_assert_int_eq(
        tm_options_set_string(o, "null", ONE_OF("", "", "NA", "\\N", "NULL\n", "0", "\nNA", "-1")),
        0);
    ck_assert_int_eq(tm_options_set_string(o, "comment", ONE_OF("", "", "#", "-", "t")), 0);
    ck_assert_int_eq(tm_options_set_string(o, "decimal", ONE_OF(".", ",")), 0);
    ck_assert_int_eq(
        tm_options_set_string(o, "bools", ONE_OF("true/false", "1/0", "yes/no", "a,b/\"", "any")),
        0);
    ck_assert_int_eq(tm_options_set_string(o, "quoting", ONE_OF("needed", "needed", "all")), 0);
    ck_assert_int_eq(tm_options_set_string(o, "line_end", ONE_OF("lf", "crlf")), 0);
    return tm_csv_options_parse(&w.mem, o, parsed, &w.err) == 0;
}

// The rows of the batch as they are, but those that were refused.
static void read_back(const struct tm_options *o, const char *text_of_schema)
{
    struct csv_case c = {.w = &w, .schema = text_of_schema, .max_record = TM_RECORD_BYTES};
    struct tm_buf written, rows;
    uint32_t refused = w.bad_count;
    tm_buf_init(&written, &w.mem);
    tm_buf_init(&rows, &w.mem);
    ck_assert_int_eq(tm_buf_append(&written, out.data, out.size_bytes), 0);
    TM_BATCH_EACH(batch, row)
    {
        ck_assert_int_eq(tm_format_row_json(&rows, schema, row, NULL), 0);
        ck_assert_int_eq(tm_buf_append(&rows, "\n", 1), 0);
    }
    ck_assert_int_eq(csv_decode_pieces(&c, o, (const char *)written.data, written.size_bytes,
                                       1 + draw(&seed, written.size_bytes + 1)),
                     0);
    ck_assert_msg(w.bad_count == 0, "%s\n%s", text_of(&w.bads), text_of(&written));
    ck_assert_uint_eq(w.row_count + refused, batch->row_count);
    if (refused == 0)
        ck_assert_msg(strcmp(text_of(&w.rows), text_of(&rows)) == 0, "%s\nas:\n%s\nfrom:\n%s",
                      text_of(&rows), text_of(&w.rows), text_of(&written));
    tm_buf_fini(&written);
    tm_buf_fini(&rows);
}

START_TEST(what_is_written_is_read_back_in_every_dialect)
{
    static const char *const schemas[] = {
        "a string, b string, c string",
        "a int, b int64, c double, d decimal(12,3), e timestamp, f bytes, g bool, h string",
        "a string", "b bool", "n double, s string"};
    seed = take_seed();
    uint32_t used = 0;
    for (int round = 0; round < 4000; round++) {
        struct tm_options o;
        struct tm_csv_options parsed;
        const char *text = schemas[draw(&seed, sizeof schemas / sizeof schemas[0])];
        tm_options_init(&o, &w.mem);
        if (random_dialect(&o, &parsed)) {
            use_schema(text);
            for (uint64_t n = draw(&seed, 12); n != 0; n--)
                add_random_row();
            // A name that holds a mark cannot be written without quotes: not this test's matter.
            bool escaped = parsed.quote != 0 || parsed.backslash || !parsed.header;
            if (escaped || strchr("e1t", parsed.delimiter) == NULL) {
                encode_with(&o, draw(&seed, 2) == 0);
                read_back(&o, text);
                used++;
            }
        }
        tm_options_fini(&o);
    }
    ck_assert_uint_gt(used, 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv_write");
    TCase *tc = tcase_create("csv_write");
    tcase_add_checked_fixture(tc, open_world, close_world);
    tcase_add_test(tc, changes_begin_with_their_kind);
    tcase_add_test(tc, every_type_is_written);
    tcase_add_test(tc, fields_are_quoted_where_they_must_be);
    tcase_add_test(tc, empty_bytes_are_not_null);
    tcase_add_test(tc, one_column_never_makes_an_empty_line_of_a_text);
    tcase_add_test(tc, names_are_quoted_as_fields_are);
    tcase_add_test(tc, a_dialect_without_quotes_escapes_or_refuses);
    tcase_add_test(tc, nan_and_infinities_are_bad_rows_and_leave_no_trace);
    tcase_add_test(tc, what_a_csv_file_cannot_hold_is_refused);
    tcase_add_test(tc, what_is_written_is_read_back_in_every_dialect);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
