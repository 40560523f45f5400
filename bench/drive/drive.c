// Feeds the same batches to the engine's operators and to the C reference, in turns, and prints
// what a row costs each:
//   drive JOB.lua WORKLOAD [--rounds N] [--groups N] [--keys N] [--count engine|reference]
// WORKLOAD: g1, or of keyed state: g2 and value (a count by user; value-lean: against the table of
// g2), maps, map (by two columns; with -pairs against one table by both), timers (a count by user,
// with a timer for each row).
// The job is opened as `tidemill run` opens it, on this thread; then the operators between its
// source and its sink are stepped directly. Making a batch is outside the measured time; a group of
// batches, small enough for L2, is made, then measured. --count switches callgrind's collection on
// for one side only.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT ((void)0)
#endif

#include "bench/reference/rows.h"
#include "core/base/limits.h"
#include "core/cli/engine.h"
#include "core/task/task.h"

#define START_MS INT64_C(1760000000000)
enum { GROUP = 6, ROW_BYTES = 64, ROUNDS_MAX = 1000, SLACK_BYTES = 64 * 1024, STAGES_MAX = 16 };
enum side { SIDE_NONE, SIDE_ENGINE, SIDE_REFERENCE };

struct drive;

// What the reference does with a batch, and with the watermark behind it where there is one.
struct workload {
    const char *name;
    bool keyed, has_watermarks;
    int passes; // over all keys before anything is measured, so that all is there that will be
    void (*reference)(struct drive *d, const uint8_t *data, size_t bytes);
};

struct drive {
    struct tm_engine engine;
    struct tm_cli_options options;
    struct tm_job *job;
    struct tm_worker *worker;
    struct tm_task *task;
    struct tm_schema *input;
    uint32_t stages; // operators before the sink
    const struct workload *workload;
    struct ref_counts *counts;
    struct ref_grouped *grouped;
    struct ref_pairs *pairs;
    struct ref_maps *maps;
    struct ref_alarms *alarms;
    int64_t rows_made, reference_rows_made; // since the begin: what time it is
    uint8_t *rows_of_a_batch;               // as every batch starts; its keys are drawn anew
    struct ref_rows reference_out;
    uint64_t random, reference_random;
    int64_t keys;
    enum side counted;
    bool counting;
    uint64_t rows_out_engine, rows_out_reference, failed;
};

static _Noreturn void fail(const char *what, const struct tm_error *err)
{
    fprintf(stderr, "drive: %s: %s %s\n", what, err->message, err->where);
    exit(1);
}

static uint64_t draw(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static int64_t below(uint64_t random, int64_t limit)
{
    return (int64_t)(((random >> 32) * (uint64_t)limit) >> 32);
}

// --- the job
// ---------------------------------------------------------------------------------------------------------

static void take_events(struct drive *d)
{
    struct tm_error err = {0};
    struct tm_event *event;
    while ((event = (struct tm_event *)tm_mailbox_take(&d->job->events)) != NULL) {
        if (event->kind == TM_EVENT_FAILED)
            fail("the job failed", &event->error);
        if (event->kind == TM_EVENT_PROPOSAL) {
            struct tm_buf settled;
            tm_buf_init(&settled, &d->engine.mem);
            if (tm_vm_settle(d->engine.vm, d->engine.graph, event->text, event->length, &settled,
                             &err) < 0 ||
                tm_vm_settle(d->worker->vm, NULL, (const char *)settled.data, settled.size_bytes,
                             NULL, &err) != 0)
                fail("settle types", &err);
            tm_buf_fini(&settled);
            d->task->settling = false;
        }
        tm_event_free(event);
    }
}

static void open_job(struct drive *d, const char *path)
{
    struct tm_error err = {0};
    d->options.file = path;
    d->options.parallelism = 1;
    d->options.quiet = true;
    if (tm_engine_open(&d->engine, &d->options, &err) != 0)
        fail(path, &err);
    struct tm_job_args args = {
        .fx = &d->engine.fx,
        .mem = &d->engine.mem,
        .log = &d->engine.log,
        .graph = d->engine.graph,
        .plan = d->engine.plan,
        .connectors = tm_engine_connectors,
        .vm = d->engine.vm_args,
        .operators = &tm_operator_factory,
        .workers = 1,
    };
    if (tm_job_new(&args, &d->job, &err) != 0)
        fail("make the job", &err);
    if (d->job->task_count != 1) {
        fprintf(stderr, "drive: %s must plan to one task, not %u\n", path, d->job->task_count);
        exit(1);
    }
    d->worker = &d->job->workers[0];
    d->task = &d->job->tasks[0];
    tm_worker_start(d->worker);
    take_events(d);
    d->stages = d->task->operator_count - 1; // the last is the sink
    d->input = tm_node_schema(&d->engine.graph->nodes[d->task->ctx.chain->nodes[0]]);
}

static void check_input(const struct tm_schema *schema)
{
    static const uint32_t offsets[] = {REF_IN_USER, REF_IN_AMOUNT, REF_IN_QUANTITY, REF_IN_COUNTRY,
                                       REF_IN_TS};
    bool same = schema != NULL && schema->field_count == 5 && schema->fixed_bytes == REF_IN_FIXED;
    for (uint32_t i = 0; same && i < 5; i++)
        same = schema->fields[i].offset == offsets[i];
    if (!same) {
        fprintf(stderr,
                "drive: the job's records are not user_id, amount, quantity, country, ts\n");
        exit(1);
    }
}

// --- batches
// ---------------------------------------------------------------------------------------------------------

static void make_rows(struct drive *d)
{
    static const char countries[] = "FRDEUSGBESITPLNLBESENODKFIPTIEATCHCZGRRO";
    uint64_t state = 7;
    d->rows_of_a_batch = calloc(TM_BATCH_ROWS, ROW_BYTES);
    if (d->rows_of_a_batch == NULL)
        exit(1);
    for (uint32_t i = 0; i < TM_BATCH_ROWS; i++) {
        uint8_t *row = d->rows_of_a_batch + (size_t)i * ROW_BYTES;
        struct tm_row head = {.size_bytes = ROW_BYTES};
        double amount = 1 + (double)below(draw(&state), 49901) / 100;
        int64_t quantity = 1 + below(draw(&state), 9), ts = START_MS + i;
        struct tm_ref country = {REF_IN_FIXED, 2};
        memcpy(row, &head, sizeof head);
        memcpy(row + REF_IN_AMOUNT, &amount, sizeof amount);
        memcpy(row + REF_IN_QUANTITY, &quantity, sizeof quantity);
        memcpy(row + REF_IN_COUNTRY, &country, sizeof country);
        memcpy(row + REF_IN_TS, &ts, sizeof ts);
        memcpy(row + REF_IN_FIXED, countries + below(draw(&state), 20) * 2, 2);
    }
}

// Every key once when `next` is not NULL, else keys drawn at random. A row a millisecond.
static void fill(const struct drive *d, uint8_t *data, uint64_t *random, int64_t *next,
                 int64_t *made)
{
    memcpy(data, d->rows_of_a_batch, (size_t)TM_BATCH_ROWS * ROW_BYTES);
    for (uint32_t i = 0; i < TM_BATCH_ROWS; i++) {
        int64_t key = next != NULL ? (*next)++ % d->keys : below(draw(random), d->keys);
        int64_t ts = START_MS + (*made)++;
        memcpy(data + (size_t)i * ROW_BYTES + REF_IN_USER, &key, sizeof key);
        memcpy(data + (size_t)i * ROW_BYTES + REF_IN_TS, &ts, sizeof ts);
    }
}

// Behind a batch all its times have been seen.
static int64_t watermark_behind(const uint8_t *data)
{
    int64_t ts;
    memcpy(&ts, data + (size_t)(TM_BATCH_ROWS - 1) * ROW_BYTES + REF_IN_TS, sizeof ts);
    return ts;
}

static struct tm_batch *new_batch(struct drive *d, int64_t *next)
{
    struct tm_batch *batch = tm_batch_acquire(d->task->ctx.pool, d->input);
    size_t bytes = (size_t)TM_BATCH_ROWS * ROW_BYTES;
    if (batch == NULL || tm_batch_reserve(batch, bytes) != 0)
        exit(1);
    fill(d, batch->data, &d->random, next, &d->rows_made);
    batch->size_bytes = bytes;
    batch->row_count = TM_BATCH_ROWS;
    return batch;
}

// --- the engine
// ------------------------------------------------------------------------------------------------------

static void open_operator(struct drive *d, uint32_t stage, struct tm_schema *schema)
{
    struct tm_operator *op = d->task->operators[stage];
    if (d->task->opened[stage] == schema)
        return;
    struct tm_error err = {0};
    if (op->ops->open != NULL && op->ops->open(op, schema, &err) != 0)
        fail("open an operator", &err);
    if (d->task->opened[stage] != NULL)
        tm_schema_unref(d->task->opened[stage]);
    d->task->opened[stage] = tm_schema_ref(schema);
}

// The batch through all operators; what leaves the last goes to `check`, or is released.
static void engine_step(struct drive *d, uint32_t stage, struct tm_element in,
                        void (*check)(struct drive *d, const struct tm_batch *out))
{
    struct tm_error err;
    tm_error_clear(&err); // not {0}: those are kilobytes
    if (stage == d->stages) {
        if (in.kind != TM_ELEMENT_BATCH)
            return;
        d->rows_out_engine += in.batch->row_count;
        if (check != NULL)
            check(d, in.batch);
        tm_batch_release(in.batch);
        return;
    }
    struct tm_operator *op = d->task->operators[stage];
    if (in.kind == TM_ELEMENT_BATCH)
        open_operator(d, stage, in.batch->schema);
    for (int rc = TM_STEP_MORE; rc != TM_STEP_DONE;) {
        struct tm_element out = {0};
        rc = op->ops->step(op, &in, &out, &err);
        if (rc < 0)
            fail("step", &err);
        if (out.kind != TM_ELEMENT_NONE)
            engine_step(d, stage + 1, out, check);
        if (rc == TM_STEP_WAIT)
            take_events(d);
    }
}

static void engine_batch(struct drive *d, struct tm_batch *batch,
                         void (*check)(struct drive *d, const struct tm_batch *))
{
    int64_t watermark = watermark_behind(batch->data);
    engine_step(d, 0, (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch}, check);
    if (d->workload->has_watermarks)
        engine_step(d, 0, (struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = watermark},
                    check);
}

// --- the references
// ------------------------------------------------------------------------------------------------------

static void run_g1(struct drive *d, const uint8_t *data, size_t bytes)
{
    ref_g1(data, bytes, &d->reference_out);
}
static void run_g2(struct drive *d, const uint8_t *data, size_t bytes)
{
    ref_g2(d->counts, data, bytes, &d->reference_out);
}
static void run_grouped(struct drive *d, const uint8_t *data, size_t bytes)
{
    ref_grouped_count(d->grouped, data, bytes, &d->reference_out);
}
static void run_maps(struct drive *d, const uint8_t *data, size_t bytes)
{
    ref_maps_count(d->maps, REF_IN_USER, REF_IN_QUANTITY, data, bytes, &d->reference_out);
}
static void run_map(struct drive *d, const uint8_t *data, size_t bytes)
{
    ref_maps_count(d->maps, REF_IN_QUANTITY, REF_IN_USER, data, bytes, &d->reference_out);
}
static void run_maps_pairs(struct drive *d, const uint8_t *data, size_t bytes)
{
    ref_pairs_count(d->pairs, REF_IN_USER, REF_IN_QUANTITY, data, bytes, &d->reference_out);
}
static void run_map_pairs(struct drive *d, const uint8_t *data, size_t bytes)
{
    ref_pairs_count(d->pairs, REF_IN_QUANTITY, REF_IN_USER, data, bytes, &d->reference_out);
}

// Rows of the batch, then those of timers, one behind the other.
static void run_timers(struct drive *d, const uint8_t *data, size_t bytes)
{
    ref_alarms_rows(d->alarms, data, bytes, &d->reference_out);
    struct ref_rows fired = {.data = d->reference_out.data + d->reference_out.size_bytes};
    ref_alarms_watermark(d->alarms, watermark_behind(data), &fired);
    d->reference_out.size_bytes += fired.size_bytes;
    d->reference_out.row_count += fired.row_count;
}

static const struct workload workloads[] = {
    {"g1", .reference = run_g1},
    {"g2", .keyed = true, .reference = run_g2},
    {"value", .keyed = true, .reference = run_grouped},
    {"value-lean", .keyed = true, .reference = run_g2},
    {"maps", .keyed = true, .passes = 30, .reference = run_maps},
    {"map", .keyed = true, .passes = 30, .reference = run_map},
    {"maps-pairs", .keyed = true, .passes = 30, .reference = run_maps_pairs},
    {"map-pairs", .keyed = true, .passes = 30, .reference = run_map_pairs},
    {"timers", .keyed = true, .has_watermarks = true, .reference = run_timers},
};

static const struct workload *workload_of(const char *name)
{
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
        if (strcmp(name, workloads[i].name) == 0)
            return &workloads[i];
    return NULL;
}

static void reference_batch(struct drive *d, const uint8_t *data)
{
    d->workload->reference(d, data, (size_t)TM_BATCH_ROWS * ROW_BYTES);
    d->rows_out_reference += d->reference_out.row_count;
    d->failed += d->reference_out.failed;
}

// --- equality
// --------------------------------------------------------------------------------------------------------

static const uint8_t *reference_row; // the next one that the engine must give

static void check_rows(struct drive *d, const struct tm_batch *out)
{
    static const uint32_t g1[] = {REF_G1_USER, REF_G1_COUNTRY, REF_G1_TOTAL,
                                  REF_G1_FEE,  REF_G1_TS,      REF_G1_NET};
    static const uint32_t g2[] = {REF_G2_USER, REF_G2_N};
    const uint32_t *offsets = d->workload->keyed ? g2 : g1;
    uint32_t count = d->workload->keyed ? 2 : 6;
    bool same = out->schema->field_count >= count; // the rest is hidden
    const uint8_t *end = d->reference_out.data + d->reference_out.size_bytes;
    TM_BATCH_EACH(out, row)
    {
        const struct tm_row *expected = (const struct tm_row *)(const void *)reference_row;
        same = same && reference_row < end && row->nulls[0] == expected->nulls[0];
        for (uint32_t i = 0; same && i < count; i++) {
            const struct tm_field *field = &out->schema->fields[i];
            if (tm_type_is_reference(field->type)) {
                uint32_t a_length, b_length;
                const char *a = tm_row_string(row, field->offset, &a_length);
                const char *b = tm_row_string(expected, offsets[i], &b_length);
                same = a_length == b_length && memcmp(a, b, a_length) == 0;
            } else {
                same = tm_row_int(row, field->offset) == tm_row_int(expected, offsets[i]);
            }
        }
        if (!same) {
            fprintf(stderr, "drive: the engine's rows differ from the reference's\n");
            exit(1);
        }
        reference_row += expected->size_bytes;
    }
}

static void check_equal(struct drive *d, int batches, int64_t *next)
{
    uint8_t *data = malloc((size_t)TM_BATCH_ROWS * ROW_BYTES + SLACK_BYTES);
    if (data == NULL)
        exit(1);
    for (int i = 0; i < batches; i++) {
        struct tm_batch *batch = new_batch(d, next);
        memcpy(data, batch->data, batch->size_bytes);
        reference_batch(d, data);
        reference_row = d->reference_out.data;
        engine_batch(d, batch, check_rows);
        if (reference_row != d->reference_out.data + d->reference_out.size_bytes) {
            fprintf(stderr, "drive: the engine gave fewer rows than the reference\n");
            exit(1);
        }
    }
    free(data);
}

// --- measuring
// -------------------------------------------------------------------------------------------------------

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void toggle(const struct drive *d, enum side side)
{
    if (d->counting && d->counted == side)
        CALLGRIND_TOGGLE_COLLECT;
}

// Both sides get the same rows: the second generator runs behind the first.
static void group(struct drive *d, uint8_t *const *data, double *engine, double *reference)
{
    struct tm_batch *batches[GROUP];
    for (int i = 0; i < GROUP; i++)
        batches[i] = new_batch(d, NULL);
    double begin = cpu_ns();
    toggle(d, SIDE_ENGINE);
    for (int i = 0; i < GROUP; i++)
        engine_batch(d, batches[i], NULL);
    toggle(d, SIDE_ENGINE);
    *engine += cpu_ns() - begin;
    for (int i = 0; i < GROUP; i++)
        fill(d, data[i], &d->reference_random, NULL, &d->reference_rows_made);
    begin = cpu_ns();
    toggle(d, SIDE_REFERENCE);
    for (int i = 0; i < GROUP; i++)
        reference_batch(d, data[i]);
    toggle(d, SIDE_REFERENCE);
    *reference += cpu_ns() - begin;
}

static int64_t number(const char *text)
{
    char *end;
    long long v = strtoll(text, &end, 10);
    if (*end != '\0' || v < 1 || v > 1000000000) {
        fprintf(stderr, "drive: wrong number %s\n", text);
        exit(2);
    }
    return v;
}

int main(int argc, char **argv)
{
    static struct drive d;
    int64_t rounds = 9, groups = 80;
    d.keys = 1000000;
    if (argc >= 3)
        d.workload = workload_of(argv[2]);
    if (d.workload == NULL || argc % 2 == 0) {
        fprintf(stderr,
                "usage: drive JOB.lua g1|g2|value|value-lean|maps|map|maps-pairs|map-pairs|timers "
                "[--rounds N] [--groups N] "
                "[--keys N] [--count engine|reference]\n");
        return 2;
    }
    for (int i = 3; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0)
            rounds = number(argv[i + 1]);
        else if (strcmp(argv[i], "--groups") == 0)
            groups = number(argv[i + 1]);
        else if (strcmp(argv[i], "--keys") == 0)
            d.keys = number(argv[i + 1]);
        else if (strcmp(argv[i], "--count") == 0)
            d.counted = argv[i + 1][0] == 'e' ? SIDE_ENGINE : SIDE_REFERENCE;
    }
    rounds = rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
    d.random = d.reference_random = 42;
    open_job(&d, argv[1]);
    check_input(d.input);
    make_rows(&d);
    d.counts = ref_counts_new();
    d.grouped = ref_grouped_new();
    d.pairs = ref_pairs_new();
    d.maps = ref_maps_new();
    d.alarms = ref_alarms_new();
    d.reference_out.data = malloc((size_t)TM_BATCH_ROWS * 1024); // timers of nine seconds
    if (d.counts == NULL || d.grouped == NULL || d.pairs == NULL || d.maps == NULL ||
        d.alarms == NULL || d.reference_out.data == NULL)
        exit(1);
    uint8_t *data[GROUP];
    for (int i = 0; i < GROUP; i++)
        data[i] = calloc(1, (size_t)TM_BATCH_ROWS * ROW_BYTES + SLACK_BYTES);
    // Every key is in the state before anything is measured, and the loop is compiled.
    int64_t next = 0;
    int64_t batches = (d.keys + TM_BATCH_ROWS - 1) / TM_BATCH_ROWS;
    if (d.workload->passes > 1)
        batches *= d.workload->passes;
    check_equal(&d, d.workload->keyed ? (int)batches : 16, &next);
    check_equal(&d, 64, NULL);
    d.reference_random = d.random;
    d.reference_rows_made = d.rows_made;
    d.rows_out_engine = d.rows_out_reference = 0;
    d.counting = true;
    uint64_t rows = (uint64_t)groups * GROUP * TM_BATCH_ROWS;
    for (int64_t r = 0; r < rounds; r++) {
        double engine = 0, reference = 0;
        for (int64_t g = 0; g < groups; g++)
            group(&d, data, &engine, &reference);
        printf("{\"workload\":\"%s\",\"round\":%lld,\"rows\":%llu,\"engine_ns\":%.3f,\"reference_"
               "ns\":%.3f}\n",
               argv[2], (long long)r, (unsigned long long)rows, engine / (double)rows,
               reference / (double)rows);
        fflush(stdout);
    }
    d.counting = false;
    if (d.rows_out_engine != d.rows_out_reference || d.failed != 0) {
        fprintf(stderr, "drive: %llu rows of the engine, %llu of the reference\n",
                (unsigned long long)d.rows_out_engine, (unsigned long long)d.rows_out_reference);
        return 1;
    }
    return 0;
}
