// Sources that are stopped at any moment and read on from a checkpoint: of all formats and
// compressions, rows before and rows after are all rows, once and in order; the same for what is
// said of bad records. And what is said of inputs that are not what they were.
#include "connectors/file/file.h"
#include "connectors/file/pack.h"
#include "core/checkpoint/restored.h"
#include "tests/unit/connector_file/support.h"

static struct tm_source *sources[SUPPORT_SUBTASKS];
static uint32_t source_count;
static struct tm_restored *restored;
static struct tm_buf rows; // as JSON lines
static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % below);
}

static void open_all(void)
{
    support_open();
    tm_buf_init(&rows, &S.mem);
    restored = NULL;
    source_count = 0;
    seed = 12345;
}

static void close_all(void)
{
    tm_buf_fini(&rows);
    tm_restored_free(restored);
    support_close();
}

static int begin(uint32_t parallelism)
{
    memset(&S.err, 0, sizeof S.err);
    int rc =
        tm_connector_file.source_prepare(&S.fx, &S.mem, &S.node, parallelism, &S.shared, &S.err);
    if (rc == 0 && restored != NULL &&
        (rc = tm_connector_file.source_restore(S.shared, restored, &S.node, &S.err)) != 0)
        tm_connector_file.source_release(S.shared);
    if (rc != 0)
        return rc;
    source_count = parallelism;
    for (uint32_t i = 0; i < parallelism; i++) {
        S.ctx[i].checkpoints = true;
        S.ctx[i].splits =
            tm_splits_new(&S.mem, tm_connector_file.split_count(S.shared, i, parallelism));
        ck_assert_int_eq(
            tm_connector_file.source_new(&S.ctx[i], &S.node, S.shared, &sources[i], &S.err), 0);
        sources[i]->metrics = &S.metrics;
    }
    return 0;
}

static void end(void)
{
    for (uint32_t i = 0; i < source_count; i++) {
        sources[i]->ops->free(sources[i]);
        tm_splits_free(S.ctx[i].splits);
    }
    tm_connector_file.source_release(S.shared);
    source_count = 0;
    S.executor_count = 0; // all are gone
}

// False: the subtask has no more, or nothing for now.
static bool read_batch(uint32_t subtask)
{
    for (int idle = 0;;) {
        struct tm_batch *batch = NULL;
        int rc = sources[subtask]->ops->read(sources[subtask], &batch, &S.err);
        ck_assert_msg(rc >= 0, "%s", S.err.message);
        if (rc == TM_READ_END)
            return false;
        if (rc == TM_READ_WAIT) {
            if (!support_run() && idle++ == 3)
                return false;
            continue;
        }
        TM_BATCH_EACH(batch, row)
        {
            ck_assert_int_eq(tm_format_row_json(&rows, batch->schema, row, NULL), 0);
            ck_assert_int_eq(tm_buf_append(&rows, "\n", 1), 0);
        }
        tm_batch_release(batch);
        return true;
    }
}

static void take_checkpoint(void)
{
    static uint64_t number;
    struct tm_cut *cuts[SUPPORT_SUBTASKS];
    number++;
    for (uint32_t i = 0; i < source_count; i++) {
        ck_assert_int_eq(tm_cut_new(&S.mem, number, 0, i, &cuts[i]), 0);
        ck_assert_msg(sources[i]->ops->snapshot(sources[i], cuts[i], &S.err) == 0, "%s",
                      S.err.message);
    }
    tm_restored_free(restored);
    restored = NULL;
    ck_assert_int_eq(tm_restored_from_cuts(&S.mem, (const struct tm_cut *const *)cuts, source_count,
                                           &restored, &S.err),
                     0);
    for (uint32_t i = 0; i < source_count; i++)
        tm_cut_free(cuts[i]);
}

static void read_all(void)
{
    for (uint32_t i = 0; i < source_count; i++)
        while (read_batch(i)) {
        }
}

// --- what there is to read -----------------------------------------------------------------------

enum { RECORDS = 6000, LONG_BYTES = 300000 };

static const char *padding(int i)
{
    static char text[200];
    int len = (i * 7919) % 180;
    memset(text, 'a' + i % 26, (size_t)len);
    text[len] = 0;
    return text;
}

static void add_long(struct tm_buf *out, const char *before, const char *after)
{
    ck_assert_int_eq(tm_buf_append(out, before, strlen(before)), 0);
    ck_assert_int_eq(tm_buf_reserve(out, LONG_BYTES), 0);
    memset(out->data + out->size_bytes, 'x', LONG_BYTES);
    out->size_bytes += LONG_BYTES;
    ck_assert_int_eq(tm_buf_append(out, after, strlen(after)), 0);
}

static void make_json(struct tm_buf *out, const char *style)
{
    bool array = strcmp(style, "array") == 0, pretty = strcmp(style, "pretty") == 0;
    const char *gap = pretty || array ? "\n  " : "";
    if (array)
        ck_assert_int_eq(tm_buf_append(out, "[\n", 2), 0);
    else if (!pretty)
        ck_assert_int_eq(tm_buf_append(out, "\xEF\xBB\xBF", 3), 0);
    for (int i = 0; i < RECORDS; i++) {
        const char *value = i % 97 == 5 ? "\"no number\"" : "1.5";
        if (i % 1500 == 700)
            add_long(out, "{\"id\":1,\"name\":\"", array ? "\"},\n" : "\"}\n");
        ck_assert_int_eq(tm_buf_printf(out, "{%s\"id\":%d,%s\"value\":%s,%s\"name\":\"%s\"%s}%s\n",
                                       gap, i, gap, value, gap, padding(i), pretty ? "\n" : "",
                                       array && i + 1 < RECORDS ? "," : ""),
                         0);
    }
    if (array)
        ck_assert_int_eq(tm_buf_append(out, "]\n", 2), 0);
}

static void make_csv(struct tm_buf *out)
{
    ck_assert_int_eq(tm_buf_printf(out, "a line to skip, \"\nname,\"id\",unknown,value\r\n"), 0);
    for (int i = 0; i < RECORDS; i++) {
        if (i % 1500 == 700)
            add_long(out, "", ",1,2,3\n");
        ck_assert_int_eq(tm_buf_printf(out, "\"%s\nsecond \"\"line\"\"\",%d,x,%s\n", padding(i), i,
                                       i % 97 == 5 ? "none" : "2.5"),
                         0);
    }
}

static void make_lines(struct tm_buf *out)
{
    for (int i = 0; i < RECORDS; i++) {
        if (i % 1500 == 700)
            add_long(out, "", "\n");
        ck_assert_int_eq(tm_buf_printf(out, "%d %s%s", i, padding(i),
                                       i % 97 == 5       ? " \xff\xfe\n"
                                       : i % 3 == 0      ? "\r\n"
                                       : i + 1 < RECORDS ? "\n"
                                                         : ""),
                         0);
    }
}

static void make_msgpack(struct tm_buf *out)
{
    for (int i = 0; i < RECORDS; i++) {
        const char *text = padding(i);
        uint8_t head[] = {0x82, 0xa2, 'i', 'd', 0xcd, (uint8_t)(i >> 8),    (uint8_t)i, 0xa4,
                          'n',  'a',  'm', 'e', 0xd9, (uint8_t)strlen(text)};
        if (i % 97 == 5)
            head[1] = 0xa1; // then nothing fits any more
        if (i == RECORDS - 40)
            head[0] = 0xc1;
        if (i % 97 == 5)
            head[1] = 0xa2;
        ck_assert_int_eq(tm_buf_append(out, head, sizeof head), 0);
        ck_assert_int_eq(tm_buf_append(out, text, strlen(text)), 0);
        if (i % 1500 == 700) {
            static const uint8_t large[] = {0x81,
                                            0xa1,
                                            'n',
                                            0xdb,
                                            0,
                                            LONG_BYTES >> 16,
                                            (LONG_BYTES >> 8) & 0xff,
                                            LONG_BYTES & 0xff};
            ck_assert_int_eq(tm_buf_append(out, large, sizeof large), 0);
            add_long(out, "", "");
        }
    }
}

// The file in members of about 100 KB.
static void put(const char *name, const struct tm_buf *text)
{
    enum tm_file_packing packing = tm__file_packing_of(name);
    struct tm_file_packer *packer = NULL;
    struct tm_buf all, one;
    if (packing == TM_FILE_PLAIN) {
        support_put(name, text->data, text->size_bytes);
        return;
    }
    tm_buf_init(&all, &S.mem);
    tm_buf_init(&one, &S.mem);
    for (size_t at = 0; at < text->size_bytes;) {
        size_t len = text->size_bytes - at < 100000 ? text->size_bytes - at : 100000;
        struct tm_buf piece = {.data = text->data + at, .size_bytes = len};
        ck_assert_int_eq(tm__file_pack(&packer, &S.mem, packing, &piece, &one, &S.err), 0);
        ck_assert_int_eq(tm_buf_append(&all, one.data, one.size_bytes), 0);
        at += len;
    }
    support_put(name, all.data, all.size_bytes);
    tm__file_packer_free(packer);
    tm_buf_fini(&all);
    tm_buf_fini(&one);
}

static const struct form {
    const char *format, *style;
} forms[] = {{"json", "lines"}, {"json", "array"}, {"json", "pretty"}, {"csv", ""},
             {"text", ""},      {"msgpack", ""},   {"raw", ""}};
enum { FORMS = sizeof forms / sizeof forms[0] };

static void make(const struct form *form, const char *suffix)
{
    struct tm_buf text;
    char name[32];
    tm_buf_init(&text, &S.mem);
    if (strcmp(form->format, "json") == 0)
        make_json(&text, form->style);
    else if (strcmp(form->format, "csv") == 0)
        make_csv(&text);
    else if (strcmp(form->format, "msgpack") == 0)
        make_msgpack(&text);
    else
        make_lines(&text);
    snprintf(name, sizeof name, "in.%s%s", form->format, suffix);
    put(name, &text);
    tm_buf_fini(&text);
    support_option("path", support_path(name));
    bool single = strcmp(form->format, "text") == 0 || strcmp(form->format, "raw") == 0;
    const struct tm_field_def line[] = {
        {"line", {.kind = form->format[0] == 't' ? TM_TYPE_STRING : TM_TYPE_BYTES}, 0}};
    struct tm_schema *schema = NULL;
    if (single)
        ck_assert_int_eq(tm_schema_new(&S.mem, line, 1, -1, &schema, &S.err), 0);
    else
        schema = support_schema();
    S.node.schema = schema;
    S.node.format = form->format;
    tm_options_init(&S.node.format_options, &S.mem);
    ck_assert_int_eq(tm_options_set_string(&S.node.options, "max_record",
                                           form->format[0] == 'r' ? "8MB" : "4KB"),
                     0);
    if (strcmp(form->format, "csv") == 0) {
        ck_assert_int_eq(tm_options_set_int(&S.node.format_options, "skip_lines", 1), 0);
    }
}

static void unmake(void)
{
    tm_options_fini(&S.node.format_options);
    tm_options_fini(&S.node.options);
    tm_options_init(&S.node.options, &S.mem);
    tm_schema_unref(S.node.schema);
    S.node.schema = NULL;
}

static void forget_notices(void)
{
    // What is said of a file as a whole is said again by those who read on.
    char *text = (char *)(uintptr_t)support_text(&S.failures), *to = text;
    for (char *line = text; *line != 0;) {
        char *next = strchr(line, '\n') + 1;
        if (strncmp(line, "info ", 5) != 0 && strncmp(line, "warning ", 8) != 0) {
            memmove(to, line, (size_t)(next - line));
            to += next - line;
        }
        line = next;
    }
    S.failures.size_bytes = (size_t)(to - text);
}

START_TEST(any_position_of_any_format)
{
    const struct form *form = &forms[_i / 3];
    static const char *const suffixes[] = {"", ".gz", ".zst"};
    make(form, suffixes[_i % 3]);
    ck_assert_msg(begin(1) == 0, "%s", S.err.message);
    read_all();
    end();
    forget_notices();
    char *all_rows = strdup(support_text(&rows)), *all_failures = strdup(support_text(&S.failures));
    ck_assert(strlen(all_rows) > 1000);
    for (int round = 0; round < 12; round++) {
        rows.size_bytes = S.failures.size_bytes = 0;
        tm_restored_free(restored);
        restored = NULL;
        S.hold = round & 1;
        for (bool more = true; more;) {
            ck_assert_msg(begin(1) == 0, "%s", S.err.message);
            for (uint32_t left = draw(12); more && left > 0; left--)
                more = read_batch(0);
            take_checkpoint();
            end();
        }
        forget_notices();
        ck_assert_msg(strcmp(support_text(&rows), all_rows) == 0, "%s%s: rows, round %d",
                      form->format, suffixes[_i % 3], round);
        ck_assert_str_eq(support_text(&S.failures), all_failures);
    }
    free(all_rows);
    free(all_failures);
    unmake();
}
END_TEST

// --- many files ----------------------------------------------------------------------------------

enum { FILES = 7, EACH = 4000 };

static void put_files(void)
{
    for (int f = 0; f < FILES; f++) {
        struct tm_buf text;
        char name[32];
        tm_buf_init(&text, &S.mem);
        for (int i = 0; i < EACH - f * 300; i++)
            ck_assert_int_eq(
                tm_buf_printf(&text, "{\"id\":%d,\"name\":\"%s\"}\n", f * EACH + i, padding(i)), 0);
        snprintf(name, sizeof name, "in%d.jsonl", f);
        put(name, &text);
        tm_buf_fini(&text);
    }
    S.node.schema = support_schema();
}

// Each record once; those of one file, or of each range of one, in their order.
static void check_ids(bool in_order)
{
    static int seen[FILES * EACH], last[FILES];
    memset(seen, 0, sizeof seen);
    memset(last, -1, sizeof last);
    for (const char *p = support_text(&rows); *p != 0; p = strchr(p, '\n') + 1) {
        int id = atoi(p + 6);
        seen[id]++;
        ck_assert(!in_order || id > last[id / EACH]);
        last[id / EACH] = id;
    }
    for (int f = 0; f < FILES; f++)
        for (int i = 0; i < EACH - f * 300; i++)
            ck_assert_int_eq(seen[f * EACH + i], 1);
}

START_TEST(splits_are_dealt_to_another_parallelism)
{
    put_files();
    support_option("path", support_path("in*.jsonl"));
    if (_i == 1)
        support_option("split", "64KB");
    for (int round = 0; round < 20; round++) {
        rows.size_bytes = 0;
        tm_restored_free(restored);
        restored = NULL;
        for (bool more = true; more;) {
            uint32_t parallelism = 1 + draw(4);
            ck_assert_msg(begin(parallelism) == 0, "%s", S.err.message);
            more = false;
            for (uint32_t s = 0; s < parallelism; s++) {
                bool is_there = true;
                for (uint32_t left = draw(9); is_there && left > 0; left--)
                    is_there = read_batch(s);
                more = more || is_there;
            }
            take_checkpoint();
            end();
        }
        check_ids(_i == 0);
    }
}
END_TEST

START_TEST(watermarks_of_splits_come_back_and_read_files_stay_read)
{
    put_files();
    support_option("path", support_path("in*.jsonl"));
    ck_assert_int_eq(begin(1), 0);
    ck_assert(read_batch(0));
    for (uint32_t i = 0; i < FILES; i++)
        tm_splits_raise(S.ctx[0].splits, i, 1000 + i);
    take_checkpoint();
    end();
    ck_assert_int_eq(begin(1), 0);
    ck_assert_uint_eq(tm_splits_count(S.ctx[0].splits), FILES);
    for (uint32_t i = 0; i < FILES; i++)
        ck_assert_int_eq(tm_splits_watermark(S.ctx[0].splits, i), 1000 + i);
    read_all();
    take_checkpoint();
    end();
    check_ids(true);
    // Twice, as the list of what is read goes from checkpoint to checkpoint. A new file is read.
    support_put("in9.jsonl", "{\"id\":7}\n", 9);
    rows.size_bytes = 0;
    ck_assert_int_eq(begin(2), 0);
    read_all();
    take_checkpoint();
    end();
    ck_assert_str_eq(support_text(&rows), "{\"id\":7,\"value\":null,\"name\":null}\n");
    ck_assert_int_eq(begin(2), 0);
    read_all();
    end();
    ck_assert_str_eq(support_text(&rows), "{\"id\":7,\"value\":null,\"name\":null}\n");
}
END_TEST

// --- inputs that are not what they were ----------------------------------------------------------

static void begin_reading(const char *path, const char *split)
{
    put_files();
    support_option("path", support_path(path));
    if (split != NULL)
        support_option("split", split);
    ck_assert_int_eq(begin(1), 0);
    ck_assert(read_batch(0));
    take_checkpoint();
    end();
}

static void expect_changed(const char *text)
{
    ck_assert_int_eq(begin(1), TM_E_INPUT_CHANGED);
    ck_assert_ptr_nonnull(strstr(S.err.message, text));
    ck_assert_ptr_nonnull(strstr(S.err.hint, "--fresh"));
}

START_TEST(a_shorter_input_is_an_error)
{
    begin_reading("in0.jsonl", _i == 1 ? "64KB" : NULL);
    ck_assert_int_eq(truncate(support_path("in0.jsonl"), 1000), 0);
    expect_changed("in0.jsonl is shorter than it was");
}
END_TEST

START_TEST(another_beginning_is_an_error_and_a_copy_is_none)
{
    begin_reading("in0.jsonl", _i == 1 ? "64KB" : NULL);
    char command[600];
    snprintf(command, sizeof command, "cd %s && cp in0.jsonl x && mv x in0.jsonl", S.folder);
    ck_assert_int_eq(system(command), 0);
    ck_assert_msg(begin(1) == 0, "%s", S.err.message);
    end();
    snprintf(command, sizeof command,
             "cd %s && (echo '{\"id\":12345678}'; cat in0.jsonl) > x && %s", S.folder,
             _i == 2 ? "cp x in0.jsonl" : "mv x in0.jsonl");
    ck_assert_int_eq(system(command), 0);
    expect_changed("it begins otherwise");
}
END_TEST

START_TEST(a_file_that_is_gone_is_an_error)
{
    begin_reading("in*.jsonl", NULL);
    ck_assert_int_eq(unlink(support_path(_i == 0 ? "in0.jsonl" : "in5.jsonl")), 0);
    expect_changed(_i == 0 ? "in0.jsonl is gone" : "in5.jsonl is gone");
}
END_TEST

START_TEST(a_shorter_compressed_input_is_an_error_when_it_is_read)
{
    make(&forms[0], ".gz");
    ck_assert_int_eq(begin(1), 0);
    for (int i = 0; i < 8; i++)
        ck_assert(read_batch(0));
    take_checkpoint();
    end();
    // The beginning is the same, member for member, and the rest is missing.
    struct tm_buf text;
    tm_buf_init(&text, &S.mem);
    make_json(&text, "lines");
    text.size_bytes = 100000;
    put("in.json.gz", &text);
    tm_buf_fini(&text);
    ck_assert_int_eq(begin(1), 0);
    int rc = TM_READ_WAIT;
    for (int i = 0; i < 10 && rc == TM_READ_WAIT; i++) {
        struct tm_batch *batch = NULL;
        support_run();
        rc = sources[0]->ops->read(sources[0], &batch, &S.err);
    }
    ck_assert_int_eq(rc, TM_E_INPUT_CHANGED);
    ck_assert_ptr_nonnull(strstr(S.err.message, "in.json.gz is shorter than it was"));
    end();
    unmake();
}
END_TEST

// --- following -----------------------------------------------------------------------------------

static void append(const char *name, const char *text)
{
    FILE *f = fopen(support_path(name), "ab");
    fputs(text, f);
    fclose(f);
}

static struct tm_fx_clock clock_table;
static int64_t now_ns;
static int64_t fake_mono(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static void follow_all(uint32_t parallelism)
{
    for (int turn = 0; turn < 12; turn++) {
        now_ns += TM_FOLLOW_POLL_MS * INT64_C(1000000) + 1;
        for (uint32_t s = 0; s < parallelism; s++)
            while (read_batch(s)) {
            }
    }
}

static void begin_following(void)
{
    clock_table = *S.real.clock;
    clock_table.mono_ns = fake_mono;
    S.fx.clock = &clock_table;
    now_ns = 1000000000;
    S.node.schema = support_schema();
    support_option("path", support_path("*.jsonl"));
    ck_assert_int_eq(tm_options_set_bool(&S.node.options, "follow", true), 0);
    append("a.jsonl", "{\"id\":1}\n{\"id\":2}\n{\"i");
    append("b.jsonl", "{\"id\":11}\n");
    ck_assert_msg(begin(2) == 0, "%s", S.err.message);
    follow_all(2);
    take_checkpoint();
    end();
}

static void expect_followed(uint32_t parallelism, const char *ids)
{
    char text[256] = "";
    ck_assert_msg(begin(parallelism) == 0, "%s", S.err.message);
    rows.size_bytes = 0;
    follow_all(parallelism);
    take_checkpoint();
    end();
    for (const char *p = support_text(&rows); *p != 0; p = strchr(p, '\n') + 1)
        sprintf(text + strlen(text), "%d ", atoi(p + 6));
    ck_assert_str_eq(text, ids);
}

START_TEST(files_that_are_followed_go_on_where_they_were)
{
    begin_following();
    expect_followed(1, "");
    append("a.jsonl", "d\":3}\n");
    append("c.jsonl", "{\"id\":21}\n");
    expect_followed(1, "3 21 ");
    append("b.jsonl", "{\"id\":12}\n");
    expect_followed(3, "12 ");
    ck_assert_str_eq(support_text(&S.failures), "");
}
END_TEST

START_TEST(a_checkpoint_before_the_first_look_keeps_all_positions)
{
    begin_following();
    ck_assert_int_eq(begin(3), 0);
    take_checkpoint();
    end();
    append("a.jsonl", "d\":3}\n");
    expect_followed(2, "3 ");
}
END_TEST

START_TEST(files_that_were_rotated_cut_or_removed_while_the_job_was_down)
{
    begin_following();
    char from[256], to[256];
    append("a.jsonl", "d\":3}\n"); // then it is rotated to a name that is not meant
    snprintf(from, sizeof from, "%s", support_path("a.jsonl"));
    snprintf(to, sizeof to, "%s", support_path("a.jsonl.1"));
    ck_assert_int_eq(rename(from, to), 0);
    append("a.jsonl", "{\"id\":4}\n");
    expect_followed(2, "3 4 ");
    ck_assert_str_eq(support_text(&S.failures), "");
    ck_assert_int_eq(truncate(support_path("b.jsonl"), 0), 0);
    append("b.jsonl", "{\"id\":5}\n");
    expect_followed(2, "5 ");
    ck_assert_ptr_nonnull(
        strstr(support_text(&S.failures), "b.jsonl was cut while the job was down"));
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), "up to byte 10"));
    S.failures.size_bytes = 0;
    ck_assert_int_eq(unlink(support_path("b.jsonl")), 0);
    expect_followed(2, "");
    ck_assert_ptr_nonnull(
        strstr(support_text(&S.failures), "b.jsonl is gone: it had been read up to"));
    S.failures.size_bytes = 0;
    support_put("x", "{\"id\":6}\n{\"id\":7}\n", 18);
    snprintf(from, sizeof from, "%s", support_path("x"));
    snprintf(to, sizeof to, "%s", support_path("a.jsonl"));
    ck_assert_int_eq(rename(from, to), 0);
    expect_followed(2, "6 7 ");
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), "has become another file"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("restore");
    TCase *tcase = tcase_create("restore");
    tcase_add_checked_fixture(tcase, open_all, close_all);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, any_position_of_any_format, 0, 3 * FORMS);
    tcase_add_loop_test(tcase, splits_are_dealt_to_another_parallelism, 0, 2);
    tcase_add_test(tcase, watermarks_of_splits_come_back_and_read_files_stay_read);
    tcase_add_loop_test(tcase, a_shorter_input_is_an_error, 0, 2);
    tcase_add_loop_test(tcase, another_beginning_is_an_error_and_a_copy_is_none, 0, 3);
    tcase_add_loop_test(tcase, a_file_that_is_gone_is_an_error, 0, 2);
    tcase_add_test(tcase, a_shorter_compressed_input_is_an_error_when_it_is_read);
    tcase_add_test(tcase, files_that_are_followed_go_on_where_they_were);
    tcase_add_test(tcase, a_checkpoint_before_the_first_look_keeps_all_positions);
    tcase_add_test(tcase, files_that_were_rotated_cut_or_removed_while_the_job_was_down);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
