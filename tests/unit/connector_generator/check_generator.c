// The generator as a source: the same rows at every parallelism, rate, disorder, errors.
#include "core/batch/dump.h"
#include "core/checkpoint/restored.h"
#include "tests/unit/connector_generator/support.h"

static struct source_test t;

// The fields of the fraud job and a number that names the row.
static void fraud_fields(void)
{
    source_schema(&t, "id int; user_id string; amount decimal(10,2); country string; ts timestamp");
    text_option(&t, "field.0.name", "id");
    text_option(&t, "field.0.kind", "sequence");
    text_option(&t, "field.1.name", "user_id");
    text_option(&t, "field.1.kind", "pattern");
    text_option(&t, "field.1.pattern", "u######");
    number_option(&t, "field.1.zipf", 0.9);
    number_option(&t, "field.1.distinct", 1000000);
    text_option(&t, "field.2.name", "amount");
    text_option(&t, "field.2.kind", "uniform");
    text_option(&t, "field.2.type", "decimal(10,2)");
    number_option(&t, "field.2.min", 1);
    number_option(&t, "field.2.max", 500);
    text_option(&t, "field.3.name", "country");
    text_option(&t, "field.3.kind", "choice");
    text_option(&t, "field.3.choices",
                "FR\x1f"
                "DE\x1f"
                "US");
    text_option(&t, "field.4.name", "ts");
    text_option(&t, "field.4.kind", "timestamp");
    number_option(&t, "field.4.step", 1);
    text_option(&t, "field.4.disorder", "2s");
}

// All rows by their number, which column 0 holds, into `rows`; returns how many there were.
static uint64_t collect(uint32_t parallelism, uint64_t count, struct tm_buf *rows, size_t *at)
{
    uint64_t made = 0;
    for (uint64_t i = 0; i < count; i++)
        at[i] = SIZE_MAX;
    source_open(&t, parallelism);
    for (uint32_t s = 0; s < parallelism; s++) {
        struct tm_batch *batch = NULL;
        while (source_read(&t, s, &batch) == TM_READ_BATCH) {
            ck_assert_int_eq(batch->split, 0);
            ck_assert_int_eq(batch->read_ns, support_now_ns);
            ck_assert_uint_gt(batch->row_count, 0);
            TM_BATCH_EACH(batch, row)
            {
                uint64_t id = (uint64_t)tm_row_int(row, source_columns(&t)->fields[0].offset);
                ck_assert_uint_lt(id, count);
                ck_assert(at[id] == SIZE_MAX);
                at[id] = rows->size_bytes;
                ck_assert_int_eq(tm_buf_append(rows, row, row->size_bytes), 0);
                made++;
            }
            tm_batch_release(batch);
        }
        ck_assert_int_eq(tm_splits_status(t.ctx[s].splits, 0), TM_SPLIT_FINISHED);
    }
    source_close(&t);
    return made;
}

START_TEST(rows_are_the_same_at_every_parallelism)
{
    enum { COUNT = 20011 };
    static size_t at[COUNT], at_p[COUNT];
    source_start(&t);
    fraud_fields();
    number_option(&t, "count", COUNT);
    number_option(&t, "seed", 7);
    struct tm_buf rows, rows_p;
    tm_buf_init(&rows, &t.mem);
    tm_buf_init(&rows_p, &t.mem);
    ck_assert_uint_eq(collect(1, COUNT, &rows, at), COUNT);
    for (uint32_t p = 2; p <= 7; p++) {
        rows_p.size_bytes = 0;
        ck_assert_uint_eq(collect(p, COUNT, &rows_p, at_p), COUNT);
        for (int i = 0; i < COUNT; i++) {
            const struct tm_row *a = (const struct tm_row *)(void *)(rows.data + at[i]);
            ck_assert_mem_eq(rows_p.data + at_p[i], a, a->size_bytes);
        }
    }
    tm_buf_fini(&rows);
    tm_buf_fini(&rows_p);
    source_finish(&t);
}
END_TEST

START_TEST(the_first_rows_of_a_seed_never_change)
{
    source_start(&t);
    fraud_fields();
    number_option(&t, "count", 3);
    number_option(&t, "seed", 1);
    source_open(&t, 1);
    struct tm_batch *batch;
    ck_assert_int_eq(source_read(&t, 0, &batch), TM_READ_BATCH);
    struct tm_buf out;
    tm_buf_init(&out, &t.mem);
    ck_assert_int_eq(tm_dump_batch(&out, batch, 10), 0);
    ck_assert_int_eq(tm_buf_append(&out, "", 1), 0);
    ck_assert_str_eq((const char *)out.data,
                     "id  user_id    amount  country  ts\n"
                     " 0  \"u332457\"  452.87  \"US\"     2026-01-01T00:00:00.000Z\n"
                     " 1  \"u000012\"  370.52  \"FR\"     2026-01-01T00:00:00.001Z\n"
                     " 2  \"u378968\"  461.24  \"US\"     2026-01-01T00:00:00.002Z\n");
    tm_buf_fini(&out);
    tm_batch_release(batch);
    ck_assert_int_eq(source_read(&t, 0, &batch), TM_READ_END);
    ck_assert_int_eq(source_read(&t, 0, &batch), TM_READ_END);
    source_finish(&t);
}
END_TEST

START_TEST(another_seed_makes_other_rows)
{
    source_start(&t);
    source_schema(&t, "v int64");
    text_option(&t, "field.0.name", "v");
    text_option(&t, "field.0.kind", "uniform");
    number_option(&t, "field.0.min", -0x1p63);
    number_option(&t, "field.0.max", 0x1p63);
    number_option(&t, "count", 100);
    int64_t first[2];
    for (int i = 0; i < 2; i++) {
        number_option(&t, "seed", i);
        source_open(&t, 1);
        struct tm_batch *batch;
        ck_assert_int_eq(source_read(&t, 0, &batch), TM_READ_BATCH);
        first[i] = tm_row_int(tm_batch_first(batch), source_columns(&t)->fields[0].offset);
        tm_batch_release(batch);
        source_close(&t);
    }
    ck_assert_int_ne(first[0], first[1]);
    source_finish(&t);
}
END_TEST

START_TEST(columns_that_nobody_reads_stay_null)
{
    source_start(&t);
    fraud_fields();
    number_option(&t, "count", 10);
    memset(t.node.used, 0, sizeof t.node.used);
    t.node.used[0] = 1u << 3 | 1u << 0;
    source_open(&t, 1);
    struct tm_batch *batch;
    ck_assert_int_eq(source_read(&t, 0, &batch), TM_READ_BATCH);
    ck_assert_uint_eq(batch->row_count, 10);
    TM_BATCH_EACH(batch, row)
    {
        for (uint32_t i = 0; i < 5; i++)
            ck_assert_int_eq(tm_row_is_null(row, i), i != 0 && i != 3);
    }
    tm_batch_release(batch);
    source_finish(&t);
}
END_TEST

START_TEST(no_row_is_further_back_than_the_disorder_and_a_quarter_is_set_back)
{
    source_start(&t);
    fraud_fields();
    number_option(&t, "count", 100000);
    for (uint32_t p = 1; p <= 4; p += 3) {
        source_open(&t, p);
        uint64_t rows = 0, back = 0;
        int64_t furthest = 0;
        bool more = true;
        int64_t max = INT64_MIN;
        while (more) {
            more = false;
            for (uint32_t s = 0; s < p; s++) { // side by side, as threads at one speed are
                struct tm_batch *batch;
                if (source_read(&t, s, &batch) != TM_READ_BATCH)
                    continue;
                more = true;
                TM_BATCH_EACH(batch, row)
                {
                    int64_t ts = tm_row_int(row, source_columns(&t)->fields[4].offset);
                    int64_t id = tm_row_int(row, source_columns(&t)->fields[0].offset);
                    int64_t base = 1767225600000 + id;
                    ck_assert_int_le(ts, base);
                    ck_assert_int_ge(ts, base - 2000);
                    back += ts != base;
                    max = ts > max ? ts : max;
                    furthest = max - ts > furthest ? max - ts : furthest;
                    rows++;
                }
                tm_batch_release(batch);
            }
        }
        ck_assert_uint_eq(rows, 100000);
        ck_assert_uint_gt(back, 24000);
        ck_assert_uint_lt(back, 26000);
        ck_assert_int_gt(furthest, 1900);
        if (p == 1)
            ck_assert_int_le(furthest, 2000);
        source_close(&t);
    }
    source_finish(&t);
}
END_TEST

START_TEST(under_a_rate_no_row_comes_early_and_the_deadline_is_when_the_next_is_due)
{
    enum { COUNT = 5000 };
    static const double rates[] = {0.5, 10, 1000, 30000, 2e6};
    for (size_t k = 0; k < sizeof rates / sizeof rates[0]; k++) {
        source_start(&t);
        fraud_fields();
        number_option(&t, "count", COUNT);
        number_option(&t, "rate", rates[k]);
        source_open(&t, 2);
        int64_t start_ns = support_now_ns;
        uint64_t made = 0, turns = 0;
        bool ended[2] = {false, false};
        while (!ended[0] || !ended[1]) {
            int64_t deadline = INT64_MAX;
            ck_assert_uint_lt(turns++, 100000);
            for (uint32_t s = 0; s < 2; s++) {
                struct tm_batch *batch;
                int rc = ended[s] ? TM_READ_END : source_read(&t, s, &batch);
                ended[s] = rc == TM_READ_END;
                if (ended[s])
                    continue;
                if (rc == TM_READ_BATCH) {
                    TM_BATCH_EACH(batch, row)
                    {
                        int64_t id = tm_row_int(row, source_columns(&t)->fields[0].offset);
                        double due = (double)id * 1e9 / rates[k];
                        ck_assert(due <= (double)(support_now_ns - start_ns) + 1);
                        made++;
                    }
                    tm_batch_release(batch);
                }
                int64_t at = t.sources[s]->ops->deadline_ns(t.sources[s]);
                deadline = at < deadline ? at : deadline;
            }
            if (deadline != INT64_MAX && deadline > support_now_ns)
                support_now_ns = deadline;
        }
        ck_assert_uint_eq(made, COUNT);
        double took = (double)(support_now_ns - start_ns) / 1e9, wanted = COUNT / rates[k];
        ck_assert(took >= wanted * 0.999 - 0.001 && took <= wanted * 1.001 + 0.01);
        source_finish(&t);
    }
}
END_TEST

START_TEST(at_a_low_rate_every_subtask_gets_rows_in_turn)
{
    source_start(&t);
    fraud_fields();
    number_option(&t, "rate", 10);
    source_open(&t, 4);
    support_now_ns += 350000000; // rows 0, 1, 2 and 3 are due
    for (uint32_t s = 0; s < 4; s++) {
        struct tm_batch *batch;
        ck_assert_int_eq(source_read(&t, s, &batch), TM_READ_BATCH);
        ck_assert_uint_eq(batch->row_count, 1);
        ck_assert_int_eq(tm_row_int(tm_batch_first(batch), source_columns(&t)->fields[0].offset),
                         s);
        tm_batch_release(batch);
        ck_assert_int_eq(source_read(&t, s, &batch), TM_READ_WAIT);
    }
    source_finish(&t);
}
END_TEST

START_TEST(a_subtask_without_rows_ends_at_once)
{
    source_start(&t);
    fraud_fields();
    number_option(&t, "count", 2);
    source_open(&t, 3);
    struct tm_batch *batch;
    ck_assert_int_eq(tm_splits_status(t.ctx[2].splits, 0), TM_SPLIT_ACTIVE);
    ck_assert_int_eq(source_read(&t, 2, &batch), TM_READ_END);
    ck_assert_int_eq(tm_splits_status(t.ctx[2].splits, 0), TM_SPLIT_FINISHED);
    source_finish(&t);
}
END_TEST

START_TEST(a_sequence_beyond_its_type_is_an_error)
{
    source_start(&t);
    source_schema(&t, "v int");
    text_option(&t, "field.0.name", "v");
    text_option(&t, "field.0.kind", "sequence");
    number_option(&t, "field.0.start", 0x1p53 - 100);
    source_open(&t, 1);
    struct tm_batch *batch;
    struct tm_error err = {0};
    ck_assert_int_eq(t.sources[0]->ops->read(t.sources[0], &batch, &err), TM_E_OVERFLOW);
    ck_assert_ptr_nonnull(strstr(err.message, "\"v\""));
    source_finish(&t);
}
END_TEST

// The message of preparing with one option changed.
static void refuses(const char *name, const char *text, double number, int code, const char *word)
{
    source_start(&t);
    fraud_fields();
    if (text != NULL)
        text_option(&t, name, text);
    else
        number_option(&t, name, number);
    struct tm_error err = {0};
    int rc =
        tm_connector_generator.source_prepare(&generator_fx, &t.mem, &t.node, 2, &t.shared, &err);
    ck_assert_msg(rc == code, "%s: %d", name, rc);
    char all[TM_ERROR_TEXT_MAX * 2 + 2];
    snprintf(all, sizeof all, "%s %s", err.message, err.hint);
    ck_assert_msg(strstr(all, word) != NULL, "\"%s\" lacks \"%s\"", all, word);
    ck_assert_ptr_null(t.shared);
    tm_batch_pool_free(t.pool);
    tm_options_fini(&t.node.options);
    tm_schema_unref(t.node.schema);
    ck_assert_int_eq(t.mem.used_bytes, 0);
}

START_TEST(wrong_options_are_refused_with_what_is_wrong)
{
    refuses("rate", NULL, -1, TM_E_OPTION, "rate");
    refuses("rate", "fast", 0, TM_E_OPTION, "rate");
    refuses("count", NULL, 1.5, TM_E_OPTION, "count");
    refuses("coutn", NULL, 1, TM_E_OPTION, "\"count\"");
    refuses("field.2.mix", NULL, 1, TM_E_OPTION, "\"min\"");
    refuses("field.x.min", NULL, 1, TM_E_OPTION, "field.x.min");
    refuses("field.2.min", NULL, 501, TM_E_OPTION, "greater than max");
    refuses("field.2.min", "1", 0, TM_E_OPTION, "min is a number");
    refuses("field.2.max", NULL, 1e9, TM_E_OPTION, "does not fit decimal(10,2)");
    refuses("field.2.type", "int", 0, TM_E_TYPE, "decimal(10,2)");
    refuses("field.2.type", "decimla", 0, TM_E_TYPE, "decimla");
    refuses("field.2.kind", "unifrom", 0, TM_E_OPTION, "\"uniform\"");
    refuses("field.2.kind", "pattern", 0, TM_E_OPTION, "pattern");
    refuses("field.2.name", "amuont", 0, TM_E_UNKNOWN_FIELD, "amuont");
    refuses("field.2.name", "country", 0, TM_E_TYPE, "the column's is string");
    refuses("field.0.name", "amount", 0, TM_E_OPTION, "sequence makes");
    refuses("field.1.pattern", "user", 0, TM_E_OPTION, "no #");
    refuses("field.1.distinct", NULL, 1000001, TM_E_OPTION, "6 digits");
    refuses("field.1.distinct", NULL, 0, TM_E_OPTION, "6 digits");
    refuses("field.1.zipf", NULL, -1, TM_E_OPTION, "zipf");
    refuses("field.4.disorder", "soon", 0, TM_E_OPTION, "disorder");
    refuses("field.4.disorder", NULL, -5, TM_E_OPTION, "negative");
    refuses("field.4.late_share", NULL, 2, TM_E_OPTION, "share");
    refuses("field.4.start", "then", 0, TM_E_OPTION, "then");
}
END_TEST

static void take_checkpoint(void)
{
    struct tm_cut *cuts[16];
    struct tm_error err = {0};
    static uint64_t number;
    number++;
    for (uint32_t s = 0; s < t.parallelism; s++) {
        ck_assert_int_eq(tm_cut_new(&t.mem, number, 0, s, &cuts[s]), 0);
        ck_assert_int_eq(t.sources[s]->ops->snapshot(t.sources[s], cuts[s], &err), 0);
    }
    tm_restored_free(t.restored);
    t.restored = NULL;
    ck_assert_int_eq(tm_restored_from_cuts(&t.mem, (const struct tm_cut *const *)cuts,
                                           t.parallelism, &t.restored, &err),
                     0);
    for (uint32_t s = 0; s < t.parallelism; s++)
        tm_cut_free(cuts[s]);
}

// Of one kind after the other, all fields of the fraud job: zipf, uniform, choice, time.
START_TEST(rows_before_and_after_checkpoints_are_those_of_an_unbroken_run)
{
    enum { COUNT = 60011 };
    static size_t at[COUNT], at_r[COUNT];
    uint32_t seed = 7;
    source_start(&t);
    fraud_fields();
    number_option(&t, "count", COUNT);
    number_option(&t, "seed", 7);
    struct tm_buf rows, rows_r;
    tm_buf_init(&rows, &t.mem);
    tm_buf_init(&rows_r, &t.mem);
    ck_assert_uint_eq(collect(1, COUNT, &rows, at), COUNT);
    for (int round = 0; round < 30; round++) {
        uint64_t made = 0;
        rows_r.size_bytes = 0;
        for (int i = 0; i < COUNT; i++)
            at_r[i] = SIZE_MAX;
        for (bool more = true; more;) {
            seed = seed * 1664525 + 1013904223;
            uint32_t parallelism = round < 3 ? 3 : 1 + (seed >> 24) % 7;
            source_open(&t, parallelism);
            more = false;
            for (uint32_t s = 0; s < parallelism; s++) {
                seed = seed * 1664525 + 1013904223;
                struct tm_batch *batch = NULL;
                bool is_there = true;
                for (uint32_t left = (seed >> 24) % 6; left > 0 && is_there; left--) {
                    int64_t last = -1;
                    is_there = source_read(&t, s, &batch) == TM_READ_BATCH;
                    if (!is_there)
                        continue;
                    TM_BATCH_EACH(batch, row)
                    {
                        int64_t id = tm_row_int(row, source_columns(&t)->fields[0].offset);
                        ck_assert_int_gt(id, last); // so that nothing is late
                        last = id;
                        ck_assert(at_r[id] == SIZE_MAX);
                        at_r[id] = rows_r.size_bytes;
                        ck_assert_int_eq(tm_buf_append(&rows_r, row, row->size_bytes), 0);
                        made++;
                    }
                    tm_batch_release(batch);
                }
                more = more || is_there;
            }
            tm_splits_raise(t.ctx[0].splits, 0, 100);
            take_checkpoint();
            source_close(&t);
        }
        tm_restored_free(t.restored);
        t.restored = NULL;
        ck_assert_uint_eq(made, COUNT);
        for (int i = 0; i < COUNT; i++) {
            const struct tm_row *a = (const struct tm_row *)(void *)(rows.data + at[i]);
            ck_assert_mem_eq(rows_r.data + at_r[i], a, a->size_bytes);
        }
    }
    tm_buf_fini(&rows);
    tm_buf_fini(&rows_r);
    source_finish(&t);
}
END_TEST

START_TEST(a_rate_goes_on_where_it_was)
{
    source_start(&t);
    source_schema(&t, "v int");
    text_option(&t, "field.0.name", "v");
    text_option(&t, "field.0.kind", "sequence");
    number_option(&t, "rate", 1000);
    source_open(&t, 1);
    struct tm_batch *batch;
    support_now_ns += 500000000;
    ck_assert_int_eq(source_read(&t, 0, &batch), TM_READ_BATCH);
    ck_assert_uint_eq(batch->row_count, 501);
    tm_batch_release(batch);
    take_checkpoint();
    source_close(&t);
    support_now_ns += INT64_C(3600000000000); // an hour in which nothing was due
    source_open(&t, 1);
    support_now_ns += 100000000;
    ck_assert_int_eq(source_read(&t, 0, &batch), TM_READ_BATCH);
    ck_assert_uint_ge(batch->row_count, 100);
    ck_assert_uint_le(batch->row_count, 101);
    ck_assert_int_eq(tm_row_int(tm_batch_first(batch), source_columns(&t)->fields[0].offset), 501);
    tm_batch_release(batch);
    tm_restored_free(t.restored);
    t.restored = NULL;
    source_finish(&t);
}
END_TEST

START_TEST(a_column_that_no_field_makes_is_an_error)
{
    source_start(&t);
    source_schema(&t, "v int; w int");
    text_option(&t, "field.0.name", "v");
    text_option(&t, "field.0.kind", "sequence");
    struct tm_error err = {0};
    ck_assert_int_eq(
        tm_connector_generator.source_prepare(&generator_fx, &t.mem, &t.node, 1, &t.shared, &err),
        TM_E_OPTION);
    ck_assert_ptr_nonnull(strstr(err.message, "\"w\""));
    source_finish(&t);
}
END_TEST

SUPPORT_MAIN("generator", rows_are_the_same_at_every_parallelism,
             the_first_rows_of_a_seed_never_change, another_seed_makes_other_rows,
             columns_that_nobody_reads_stay_null,
             no_row_is_further_back_than_the_disorder_and_a_quarter_is_set_back,
             under_a_rate_no_row_comes_early_and_the_deadline_is_when_the_next_is_due,
             at_a_low_rate_every_subtask_gets_rows_in_turn, a_subtask_without_rows_ends_at_once,
             a_sequence_beyond_its_type_is_an_error, wrong_options_are_refused_with_what_is_wrong,
             rows_before_and_after_checkpoints_are_those_of_an_unbroken_run,
             a_rate_goes_on_where_it_was, a_column_that_no_field_makes_is_an_error)
