// Files as a source: every record once, splits side by side, records across buffers, what is said
// when a file is not there.
#include <zlib.h>

#include "connectors/file/file.h"
#include "tests/unit/connector_file/support.h"

static struct tm_source *sources[SUPPORT_SUBTASKS];
static uint32_t source_count;

static int prepare(const char *pattern, uint32_t parallelism)
{
    support_option("path", support_path(pattern));
    if (S.node.schema == NULL)
        S.node.schema = support_schema();
    return tm_connector_file.source_prepare(&S.fx, &S.mem, &S.node, parallelism, &S.shared, &S.err);
}

static void start(const char *pattern, uint32_t parallelism)
{
    ck_assert_msg(prepare(pattern, parallelism) == 0, "%s", S.err.message);
    source_count = parallelism;
    for (uint32_t i = 0; i < parallelism; i++) {
        S.ctx[i].splits =
            tm_splits_new(&S.mem, tm_connector_file.split_count(S.shared, i, parallelism));
        ck_assert_int_eq(
            tm_connector_file.source_new(&S.ctx[i], &S.node, S.shared, &sources[i], &S.err), 0);
        sources[i]->metrics = &S.metrics;
    }
}

static void finish(void)
{
    for (uint32_t i = 0; i < source_count; i++) {
        sources[i]->ops->free(sources[i]);
        tm_splits_free(S.ctx[i].splits);
    }
    tm_connector_file.source_release(S.shared);
}

// Next batch; works are run when the source waits. NULL: the end.
static struct tm_batch *next(uint32_t subtask)
{
    for (;;) {
        struct tm_batch *batch = NULL;
        int rc = sources[subtask]->ops->read(sources[subtask], &batch, &S.err);
        ck_assert_msg(rc >= 0, "%s", S.err.message);
        if (rc == TM_READ_BATCH)
            return batch;
        if (rc == TM_READ_END)
            return NULL;
        ck_assert(support_run());
    }
}

static int64_t id_of(const struct tm_batch *batch, const struct tm_row *row)
{
    return tm_row_int(row, batch->schema->fields[0].offset);
}

static void put_records(const char *name, int first, int step, int count, int padding)
{
    char *text = malloc((size_t)count * (size_t)(padding + 64) + 1);
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += (size_t)sprintf(text + len, "{\"id\":%d,\"value\":%d.5,\"name\":\"%0*d\"}\n",
                               first + i * step, i, padding, i);
    support_put(name, text, len);
    free(text);
}

START_TEST(every_record_of_every_file_is_read_once)
{
    enum { FILES = 11, RECORDS = 3000 };
    for (int f = 0; f < FILES; f++) {
        char name[32];
        sprintf(name, "in%d.jsonl", f);
        put_records(name, f * RECORDS, 1, RECORDS, f * 7);
    }
    for (uint32_t parallelism = 1; parallelism <= 4; parallelism++) {
        for (int hold = 0; hold < 2; hold++) {
            static uint8_t seen[FILES * RECORDS];
            memset(seen, 0, sizeof seen);
            S.hold = hold;
            start("in*.jsonl", parallelism);
            for (uint32_t s = 0; s < parallelism; s++) {
                struct tm_batch *batch;
                while ((batch = next(s)) != NULL) {
                    ck_assert_int_ge(batch->split, 0);
                    ck_assert_int_gt(batch->read_ns, 0);
                    int64_t file = -1;
                    TM_BATCH_EACH(batch, row)
                    {
                        int64_t id = id_of(batch, row);
                        ck_assert(file == -1 || file == id / RECORDS); // of one split
                        file = id / RECORDS;
                        seen[id]++;
                    }
                    tm_batch_release(batch);
                }
                enum tm_channel_status status;
                tm_splits_combined(S.ctx[s].splits, &status);
                ck_assert_int_eq(status, TM_CHANNEL_FINISHED);
            }
            for (size_t i = 0; i < sizeof seen; i++)
                ck_assert_int_eq(seen[i], 1);
            finish();
        }
    }
}
END_TEST

START_TEST(files_are_dealt_so_that_sizes_balance)
{
    const int sizes[] = {900, 100, 100, 100, 100, 100, 500, 100};
    for (int i = 0; i < 8; i++) {
        char name[32];
        sprintf(name, "f%d.jsonl", i);
        put_records(name, 0, 1, sizes[i], 0);
    }
    ck_assert_int_eq(prepare("f*.jsonl", 2), 0);
    uint32_t one = tm_connector_file.split_count(S.shared, 0, 2);
    uint32_t other = tm_connector_file.split_count(S.shared, 1, 2);
    ck_assert_uint_eq(one + other, 8);
    ck_assert_uint_eq(one < other ? one : other, 2); // 900 and 100 against 500 and five times 100
    tm_connector_file.source_release(S.shared);
    ck_assert_int_eq(prepare("f*.jsonl", 8), 0);
    for (uint32_t i = 0; i < 8; i++)
        ck_assert_uint_eq(tm_connector_file.split_count(S.shared, i, 8), 1);
    tm_connector_file.source_release(S.shared);
}
END_TEST

START_TEST(a_subtask_without_files_ends_at_once)
{
    put_records("only.jsonl", 0, 1, 10, 0);
    start("only.jsonl", 3);
    ck_assert_ptr_null(next(1));
    ck_assert_ptr_null(next(2));
    struct tm_batch *batch = next(0);
    ck_assert_uint_eq(batch->row_count, 10);
    tm_batch_release(batch);
    ck_assert_ptr_null(next(0));
    finish();
}
END_TEST

// Two files over the same time, one with ten times the records: the batches follow the watermark,
// so the files stay together in time.
START_TEST(the_split_that_is_furthest_behind_is_read_first)
{
    put_records("a.jsonl", 0, 10, 20000, 0);
    put_records("b.jsonl", 0, 1, 200000, 0);
    start("*.jsonl", 1);
    int64_t reached[2] = {0, 0}, lead = 0;
    struct tm_batch *batch;
    while ((batch = next(0)) != NULL) {
        const struct tm_row *last = tm_batch_first(batch);
        TM_BATCH_EACH(batch, row)
        last = row;
        reached[batch->split] = id_of(batch, last);
        tm_splits_advance(S.ctx[0].splits, (uint32_t)batch->split, reached[batch->split], 0);
        tm_batch_release(batch);
        int64_t apart = reached[0] > reached[1] ? reached[0] - reached[1] : reached[1] - reached[0];
        lead = apart > lead && tm_splits_status(S.ctx[0].splits, 0) == TM_SPLIT_ACTIVE &&
                       tm_splits_status(S.ctx[0].splits, 1) == TM_SPLIT_ACTIVE
                   ? apart
                   : lead;
    }
    ck_assert_int_le(lead, 1024 * 10); // one batch of the sparse file
    finish();
}
END_TEST

// How many splits are open at most while all of a job without event time is read.
static uint32_t read_in_turn(uint32_t files)
{
    uint32_t most = 0;
    int32_t reached = 0;
    struct tm_batch *batch;
    S.graph.node_count = 0;
    start("t*.jsonl", 1);
    ck_assert_uint_eq(tm_splits_count(S.ctx[0].splits), files);
    while ((batch = next(0)) != NULL) {
        uint32_t open = 0;
        for (uint32_t i = 0; i < files; i++)
            open += tm_splits_status(S.ctx[0].splits, i) == TM_SPLIT_ACTIVE;
        most = open > most ? open : most;
        reached = batch->split > reached ? batch->split : reached;
        ck_assert_int_lt(reached - batch->split, (int32_t)most);
        tm_batch_release(batch);
    }
    ck_assert_int_eq(reached, (int32_t)files - 1);
    finish();
    return most;
}

START_TEST(without_event_time_large_files_are_read_one_after_another)
{
    for (int f = 0; f < 5; f++) {
        char name[32];
        sprintf(name, "t%d.jsonl", f);
        put_records(name, f, 1, 10000, 0);
    }
    ck_assert_uint_eq(read_in_turn(5), 1);
}
END_TEST

START_TEST(without_event_time_a_few_small_files_are_opened_ahead)
{
    for (int f = 0; f < 40; f++) {
        char name[32];
        sprintf(name, "t%02d.jsonl", f);
        put_records(name, f, 1, 1, 0);
    }
    ck_assert_uint_eq(read_in_turn(40), 8);
}
END_TEST

START_TEST(files_beyond_those_open_hold_the_watermark)
{
    for (int f = 0; f < 300; f++) {
        char name[32];
        sprintf(name, "n%03d.jsonl", f);
        put_records(name, f, 1, 1, 0);
    }
    start("n*.jsonl", 1);
    int64_t sum = 0;
    int rows = 0;
    struct tm_batch *batch;
    while ((batch = next(0)) != NULL) {
        uint32_t active = 0, unopened = 0;
        for (uint32_t i = 0; i < 300; i++) {
            enum tm_split_status status = tm_splits_status(S.ctx[0].splits, i);
            active += status == TM_SPLIT_ACTIVE;
            unopened += status == TM_SPLIT_UNOPENED;
        }
        ck_assert_uint_le(active, TM_SPLITS_OPEN);
        if (rows == 0)
            ck_assert_uint_gt(unopened, 0);
        TM_BATCH_EACH(batch, row)
        sum += id_of(batch, row);
        rows += (int)batch->row_count;
        tm_batch_release(batch);
    }
    ck_assert_int_eq(rows, 300);
    ck_assert_int_eq(sum, 299 * 300 / 2);
    finish();
}
END_TEST

// Records shorter than, about as long as, and much longer than what is kept in front of a buffer
// and than a buffer itself.
// Bytes that are in memory, and bytes that are not: which reads go to the helper thread.
static struct {
    int calls, declined; // of read_now
    int decline_every;   // 0: none
    int helper_reads;
    size_t most; // bytes at once; 0: as many as asked for
} now;

static int64_t scripted_read_now(void *ctx, int fd, void *buf, size_t len)
{
    if (now.decline_every != 0 && ++now.calls % now.decline_every == 0) {
        now.declined++;
        return -1;
    }
    len = now.most != 0 && now.most < len ? now.most : len;
    return S.real.files->read(ctx, fd, buf, len, NULL);
}

static int64_t counted_read(void *ctx, int fd, void *buf, size_t len, struct tm_error *err)
{
    now.helper_reads++;
    return S.real.files->read(ctx, fd, buf, len, err);
}

static int64_t sum_of_all(void)
{
    int64_t sum = 0;
    struct tm_batch *batch;
    start("in.jsonl", 1);
    while ((batch = next(0)) != NULL) {
        TM_BATCH_EACH(batch, row)
        sum += id_of(batch, row);
        tm_batch_release(batch);
    }
    finish();
    return sum;
}

START_TEST(bytes_in_memory_are_read_without_the_helper_thread)
{
    enum { RECORDS = 60000 };
    const int64_t sum = (int64_t)RECORDS * (RECORDS - 1) / 2;
    put_records("in.jsonl", 0, 1, RECORDS, 0);
    S.files.read_now = scripted_read_now;
    S.files.read = counted_read;
    memset(&now, 0, sizeof now);
    ck_assert_int_eq(sum_of_all(), sum);
    ck_assert_int_eq(now.helper_reads, 1); // the one that opens the file
    for (int every = 1; every <= 7; every++) {
        for (size_t most = 0; most < 3000; most += 999) {
            S.hold = every % 2 == 0;
            memset(&now, 0, sizeof now);
            now.decline_every = every;
            now.most = most;
            ck_assert_int_eq(sum_of_all(), sum);
            ck_assert_int_gt(now.declined, 0);
            ck_assert_int_gt(now.helper_reads, 1);
        }
    }
    S.files.read_now = NULL; // a world that cannot tell
    ck_assert_int_eq(sum_of_all(), sum);
}
END_TEST

START_TEST(records_longer_than_a_buffer_are_read)
{
    const int lengths[] = {10, 15000, 16384, 16400, 70000, 10, 600000, 900000, 20, 1040000, 5};
    enum { COUNT = 11 };
    size_t len = 0;
    char *text = malloc(4000000);
    for (int i = 0; i < COUNT; i++) {
        len += (size_t)sprintf(text + len, "{\"id\":%d,\"name\":\"", i);
        memset(text + len, 'a' + i, (size_t)lengths[i]);
        len += (size_t)lengths[i];
        len += (size_t)sprintf(text + len, "\"}%s", i == COUNT - 1 ? "" : "\n");
    }
    support_put("long.jsonl", text, len);
    for (int hold = 0; hold < 2; hold++) {
        S.hold = hold;
        start("long.jsonl", 1);
        int i = 0;
        struct tm_batch *batch;
        while ((batch = next(0)) != NULL) {
            TM_BATCH_EACH(batch, row)
            {
                uint32_t length;
                const char *name = tm_row_string(row, batch->schema->fields[2].offset, &length);
                ck_assert_int_eq(id_of(batch, row), i);
                ck_assert_uint_eq(length, (uint32_t)lengths[i]);
                for (uint32_t c = 0; c < length; c++)
                    ck_assert_int_eq(name[c], 'a' + i);
                i++;
            }
            tm_batch_release(batch);
        }
        ck_assert_int_eq(i, COUNT);
        finish();
    }
    ck_assert_uint_eq(S.metrics.bytes_in, len * 2);
    free(text);
}
END_TEST

START_TEST(bad_records_are_reported_with_file_line_and_bytes)
{
    char text[4000] = "{\"id\":1}\n{\"id\":\"x\"}\n";
    size_t len = strlen(text);
    memset(text + len, 'y', 3000);
    strcpy(text + len + 3000, "\n{\"id\":3}\nbroken");
    support_put("bad.jsonl", text, strlen(text));
    support_option("max_record", "2KB");
    start("bad.jsonl", 1);
    struct tm_batch *batch = next(0);
    ck_assert_uint_eq(batch->row_count, 2);
    tm_batch_release(batch);
    ck_assert_ptr_null(next(0));
    char expected[1024];
    const char *path = support_path("bad.jsonl");
    snprintf(expected, sizeof expected,
             "bad_type %s:9:2 field id: found a string, needs int (byte 6) [{\"id\":\"x\"}]\n"
             "too_large %s:20:3 the record has 3000 bytes, max_record allows 2048 "
             "[yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy]\n"
             "bad_json %s:3030:5 found 'b' where an object should be (byte 0) [broken]\n",
             path, path, path);
    ck_assert_str_eq(support_text(&S.failures), expected);
    finish();
}
END_TEST

START_TEST(a_file_of_bad_records_alone_comes_to_its_end)
{
    char *text = malloc(3000000);
    for (size_t i = 0; i < 1500000; i++)
        memcpy(text + 2 * i, "x\n", 2);
    support_put("bad.jsonl", text, 3000000);
    free(text);
    start("bad.jsonl", 1);
    struct tm_batch *batch;
    while ((batch = next(0)) != NULL) {
        ck_assert_uint_eq(batch->row_count, 0);
        tm_batch_release(batch);
        S.failures.size_bytes = 0;
    }
    ck_assert_uint_eq(S.failure_count, 1500000);
    finish();
}
END_TEST

START_TEST(a_failure_that_ends_the_job_ends_the_read)
{
    support_put("bad.jsonl", "{\"id\":1}\nx\n", 11);
    S.failure_result = TM_E_BAD_JSON;
    start("bad.jsonl", 1);
    struct tm_batch *batch = NULL;
    ck_assert_int_eq(sources[0]->ops->read(sources[0], &batch, &S.err), TM_E_BAD_JSON);
    ck_assert_str_eq(S.err.message, "stopped by the test");
    finish();
}
END_TEST

START_TEST(text_files_give_lines)
{
    support_put("book.txt", "one\n\nthree", 10);
    const struct tm_field_def field = {"line", {.kind = TM_TYPE_STRING}, 0};
    struct tm_schema *schema = NULL;
    ck_assert_int_eq(tm_schema_new(&S.mem, &field, 1, -1, &schema, &S.err), 0);
    S.node.schema = schema;
    S.node.format = "text";
    start("book.txt", 1);
    struct tm_batch *batch = next(0);
    ck_assert_uint_eq(batch->row_count, 3);
    tm_batch_release(batch);
    ck_assert_ptr_null(next(0));
    finish();
}
END_TEST

START_TEST(a_missing_file_is_an_error_that_names_the_nearest)
{
    put_records("payments.jsonl", 0, 1, 1, 0);
    ck_assert_int_eq(prepare("payment.jsonl", 1), TM_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(S.err.message, support_path("payment.jsonl")));
    ck_assert_ptr_nonnull(strstr(S.err.hint, support_path("payments.jsonl")));
    ck_assert_int_eq(prepare("*.csv", 1), TM_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(S.err.message, "no file matches"));
    ck_assert_ptr_nonnull(strstr(S.err.hint, "no file *.csv"));
    ck_assert_int_eq(prepare("nowhere/a.jsonl", 1), TM_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(S.err.hint, "there is no folder"));
    ck_assert_ptr_nonnull(strstr(S.err.hint, support_path("nowhere/")));
    ck_assert_int_eq(mkdir(support_path("empty"), 0777), 0);
    put_records("empty/.hidden.jsonl", 0, 1, 1, 0);
    ck_assert_int_eq(prepare("empty", 1), TM_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(S.err.message, "has no files"));
}
END_TEST

START_TEST(a_file_with_a_pattern_in_its_name_can_be_read)
{
    put_records("a[1].jsonl", 0, 1, 1, 0);
    ck_assert_int_eq(prepare("a[1].jsonl", 1), 0);
    ck_assert_uint_eq(tm_connector_file.split_count(S.shared, 0, 1), 1);
    tm_connector_file.source_release(S.shared);
}
END_TEST

START_TEST(a_file_that_a_pattern_finds_under_several_names_is_read_once)
{
    put_records("b.jsonl", 0, 1, 1, 0);
    put_records("d.jsonl", 1, 1, 1, 0);
    ck_assert_int_eq(symlink("b.jsonl", support_path("a.jsonl")), 0);
    ck_assert_int_eq(link(support_path("b.jsonl"), support_path("c.jsonl")), 0);
    ck_assert_int_eq(mkdir(support_path("e.jsonl"), 0777), 0);
    ck_assert_int_eq(prepare("*.jsonl", 1), 0);
    ck_assert_uint_eq(tm_connector_file.split_count(S.shared, 0, 1), 2);
    tm_connector_file.source_release(S.shared);
    ck_assert_int_eq(prepare("c.jsonl", 1), 0);
    tm_connector_file.source_release(S.shared);
}
END_TEST

START_TEST(a_link_to_nothing_behind_a_folder_is_an_error)
{
    ck_assert_int_eq(mkdir(support_path("a.jsonl"), 0777), 0);
    ck_assert_int_eq(symlink("nothing", support_path("b.jsonl")), 0);
    ck_assert_int_eq(prepare("*.jsonl", 1), TM_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(S.err.message, support_path("b.jsonl")));
}
END_TEST

START_TEST(a_file_that_vanishes_before_it_is_read_is_an_error)
{
    put_records("gone.jsonl", 0, 1, 1, 0);
    start("gone.jsonl", 1);
    ck_assert_int_eq(unlink(support_path("gone.jsonl")), 0);
    struct tm_batch *batch = NULL;
    ck_assert_int_eq(sources[0]->ops->read(sources[0], &batch, &S.err), TM_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(S.err.message, "gone.jsonl"));
    ck_assert_str_eq(S.err.where, "job.lua:3");
    finish();
}
END_TEST

static int64_t read_space; // bytes that can be read; then the disk is broken

static int64_t breaking_read(void *ctx, int fd, void *buf, size_t len, struct tm_error *err)
{
    if (read_space <= 0)
        return tm_error_set(err, TM_E_IO, "cannot read: a broken disk");
    int64_t got = S.real.files->read(ctx, fd, buf, len < 1000 ? len : 1000, err);
    read_space -= got;
    return got;
}

static void put_gzip(const char *name, int count)
{
    gzFile f = gzopen(support_path(name), "wb1");
    for (int i = 0; i < count; i++)
        gzprintf(f, "{\"id\":%d,\"value\":%d.5,\"name\":\"%x\"}\n", i, i,
                 (unsigned)i * 2654435761u);
    gzclose(f);
}

// Rows until the end or an error, whose code this gives.
static int count_rows(int *rows)
{
    struct tm_batch *batch;
    int rc;
    *rows = 0;
    while ((rc = sources[0]->ops->read(sources[0], &batch, &S.err)) >= 0 && rc != TM_READ_END) {
        if (rc != TM_READ_BATCH) {
            ck_assert(support_run());
            continue;
        }
        *rows += (int)batch->row_count;
        tm_batch_release(batch);
    }
    return rc;
}

START_TEST(a_compressed_file_is_read_by_the_helper_thread)
{
    int rows;
    put_gzip("a.jsonl.gz", 50000);
    for (int hold = 0; hold < 2; hold++) {
        S.hold = hold;
        start("a.jsonl.gz", 1);
        ck_assert_int_eq(count_rows(&rows), TM_READ_END);
        ck_assert_int_eq(rows, 50000);
        finish();
    }
}
END_TEST

START_TEST(a_disk_that_breaks_within_a_compressed_file_is_an_error_and_no_damage)
{
    int rows;
    put_gzip("a.jsonl.gz", 50000);
    S.files.read = breaking_read;
    read_space = 100000;
    start("a.jsonl.gz", 1);
    ck_assert_int_eq(count_rows(&rows), TM_E_IO);
    ck_assert_str_eq(S.err.where, "job.lua:3");
    finish();
}
END_TEST

START_TEST(the_rest_of_a_damaged_file_is_one_failure_with_its_place)
{
    int rows;
    put_gzip("a.jsonl.gz", 50000);
    ck_assert_int_eq(truncate(support_path("a.jsonl.gz"), 200000), 0);
    start("a.jsonl.gz", 1);
    ck_assert_int_eq(count_rows(&rows), TM_READ_END);
    ck_assert_int_gt(rows, 10000);
    ck_assert_uint_eq(S.failure_count, 1);
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), "bad_archive"));
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), ":200000:-1"));
    finish();
    S.failure_result = TM_E_BAD_ARCHIVE;
    start("a.jsonl.gz", 1);
    ck_assert_int_eq(count_rows(&rows), TM_E_BAD_ARCHIVE);
    finish();
}
END_TEST

START_TEST(every_record_of_a_split_file_is_read_once)
{
    enum { RECORDS = 20000 };
    put_records("big.jsonl", 0, 1, RECORDS, 30);
    support_option("split", "70000");
    for (uint32_t parallelism = 1; parallelism <= 3; parallelism++) {
        static uint8_t seen[RECORDS];
        memset(seen, 0, sizeof seen);
        start("big.jsonl", parallelism);
        uint32_t splits = 0;
        for (uint32_t s = 0; s < parallelism; s++) {
            struct tm_batch *batch;
            splits += tm_connector_file.split_count(S.shared, s, parallelism);
            while ((batch = next(s)) != NULL) {
                TM_BATCH_EACH(batch, row)
                seen[id_of(batch, row)]++;
                tm_batch_release(batch);
            }
        }
        ck_assert_uint_gt(splits, 10);
        for (size_t i = 0; i < RECORDS; i++)
            ck_assert_int_eq(seen[i], 1);
        finish();
    }
}
END_TEST

START_TEST(a_bad_record_of_a_piece_has_its_place_in_the_file)
{
    put_records("big.jsonl", 0, 1, 5000, 30);
    FILE *f = fopen(support_path("big.jsonl"), "ab");
    long at = ftell(f);
    fputs("bad\n", f);
    fclose(f);
    char place[64];
    snprintf(place, sizeof place, "big.jsonl:%ld:-1", at);
    support_option("split", "70000");
    start("big.jsonl", 1);
    int rows;
    ck_assert_int_eq(count_rows(&rows), TM_READ_END);
    ck_assert_int_eq(rows, 5000);
    ck_assert_ptr_nonnull(strstr(support_text(&S.failures), place));
    finish();
}
END_TEST

START_TEST(a_disk_that_breaks_while_a_file_is_split_is_an_error)
{
    put_records("big.jsonl", 0, 1, 5000, 30);
    S.files.read = breaking_read;
    support_option("split", "70000");
    for (int csv = 0; csv < 2; csv++) {
        S.node.format = csv ? "csv" : "json";
        read_space = csv ? 70500 : 1500;
        ck_assert_int_eq(prepare("big.jsonl", 2), TM_E_IO);
    }
}
END_TEST

START_TEST(what_cannot_be_split_is_refused_and_an_array_is_one_piece)
{
    put_gzip("a.jsonl.gz", 10);
    support_option("split", "70000");
    ck_assert_int_eq(prepare("a.jsonl.gz", 2), TM_E_OPTION);
    ck_assert_ptr_nonnull(strstr(S.err.message, "compressed"));
    static char text[200000];
    memset(text, ' ', sizeof text);
    memcpy(text, "[\n", 2);
    support_put("array.json", text, sizeof text);
    ck_assert_int_eq(prepare("array.json", 1), 0);
    ck_assert_uint_eq(tm_connector_file.split_count(S.shared, 0, 1), 1);
    tm_connector_file.source_release(S.shared);
}
END_TEST

START_TEST(unknown_options_are_refused)
{
    put_records("a.jsonl", 0, 1, 1, 0);
    support_option("folow", "true");
    ck_assert_int_eq(prepare("a.jsonl", 1), TM_E_OPTION);
    ck_assert_str_eq(S.err.where, "job.lua:3");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file source");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, support_open, support_close);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, every_record_of_every_file_is_read_once);
    tcase_add_test(tc, files_are_dealt_so_that_sizes_balance);
    tcase_add_test(tc, a_subtask_without_files_ends_at_once);
    tcase_add_test(tc, the_split_that_is_furthest_behind_is_read_first);
    tcase_add_test(tc, without_event_time_large_files_are_read_one_after_another);
    tcase_add_test(tc, without_event_time_a_few_small_files_are_opened_ahead);
    tcase_add_test(tc, files_beyond_those_open_hold_the_watermark);
    tcase_add_test(tc, bytes_in_memory_are_read_without_the_helper_thread);
    tcase_add_test(tc, records_longer_than_a_buffer_are_read);
    tcase_add_test(tc, bad_records_are_reported_with_file_line_and_bytes);
    tcase_add_test(tc, a_file_of_bad_records_alone_comes_to_its_end);
    tcase_add_test(tc, a_failure_that_ends_the_job_ends_the_read);
    tcase_add_test(tc, text_files_give_lines);
    tcase_add_test(tc, a_missing_file_is_an_error_that_names_the_nearest);
    tcase_add_test(tc, a_file_with_a_pattern_in_its_name_can_be_read);
    tcase_add_test(tc, a_file_that_a_pattern_finds_under_several_names_is_read_once);
    tcase_add_test(tc, a_link_to_nothing_behind_a_folder_is_an_error);
    tcase_add_test(tc, a_file_that_vanishes_before_it_is_read_is_an_error);
    tcase_add_test(tc, a_compressed_file_is_read_by_the_helper_thread);
    tcase_add_test(tc, a_disk_that_breaks_within_a_compressed_file_is_an_error_and_no_damage);
    tcase_add_test(tc, the_rest_of_a_damaged_file_is_one_failure_with_its_place);
    tcase_add_test(tc, every_record_of_a_split_file_is_read_once);
    tcase_add_test(tc, a_bad_record_of_a_piece_has_its_place_in_the_file);
    tcase_add_test(tc, a_disk_that_breaks_while_a_file_is_split_is_an_error);
    tcase_add_test(tc, what_cannot_be_split_is_refused_and_an_array_is_one_piece);
    tcase_add_test(tc, unknown_options_are_refused);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
