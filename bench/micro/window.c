// How far the window operator is from a loop written by hand: one-minute tumbling count and sum per
// user, on the same batches of rows, results as rows too. The reference keeps one open-addressing
// table per open window with key, hash and accumulators in the slot, and clears it for the next.
// Both run interleaved in one process; ratios are what counts.
//
//   window [pairs] [users] [rows]
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/batch/builder.h"
#include "core/task/operator.h"

#include "bench/micro/world.h"

enum { WINDOW_MS = 60000, DISORDER_MS = 2000, BATCH_ROWS = 1024 };
enum { USER, AMOUNT, COUNTRY, TS, FIELDS };

// --- the world -----------------------------------------------------------------------------------

static struct tm_mem mem;

static uint64_t seed = 88172645463325252u;
static double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) * 0x1p-53;
}

// --- rows ----------------------------------------------------------------------------------------

static const struct tm_field_def input_fields[FIELDS] = {
    {"user_id", {TM_TYPE_STRING, 0, 0, 0}, 0},
    {"amount", {TM_TYPE_DOUBLE, 0, 0, 0}, 0},
    {"country", {TM_TYPE_STRING, 0, 0, 0}, 0},
    {"ts", {TM_TYPE_TIMESTAMP, 0, 0, 0}, 0},
};
static const struct tm_field_def output_fields[] = {
    {"user_id", {TM_TYPE_STRING, 0, 0, 0}, 0},
    {"window_start", {TM_TYPE_TIMESTAMP, 0, 0, 0}, 0},
    {"window_end", {TM_TYPE_TIMESTAMP, 0, 0, 0}, 0},
    {"n", {TM_TYPE_INT, 0, 0, 0}, 0},
    {"total", {TM_TYPE_DOUBLE, 0, 0, 0}, 0},
    {"$time", {TM_TYPE_TIMESTAMP, 0, 0, 0}, TM_FIELD_HIDDEN},
};

static struct tm_schema *input, *output;
static struct tm_batch_pool *pool;
static struct tm_batch **batches;
static int64_t *watermarks; // after each batch
static uint32_t batch_count, row_count;

static void check(int rc)
{
    if (rc != 0)
        abort();
}

static uint32_t zipf(uint32_t n)
{
    double top = pow((double)n, 0.1);
    double rank = pow(uniform() * (top - 1) + 1, 10.0) - 1;
    uint32_t k = (uint32_t)rank;
    return k < n ? k : n - 1;
}

static void make_rows(uint32_t count, uint32_t users)
{
    struct tm_error err;
    check(tm_schema_new(&mem, input_fields, FIELDS, TS, &input, &err));
    check(tm_schema_new(&mem, output_fields, 6, 5, &output, &err));
    pool = tm_batch_pool_new(&mem);
    batch_count = count / BATCH_ROWS;
    row_count = batch_count * BATCH_ROWS;
    batches = malloc(batch_count * sizeof(void *));
    watermarks = malloc(batch_count * sizeof *watermarks);
    int64_t now = 1700000000000, newest = INT64_MIN;
    for (uint32_t b = 0; b < batch_count; b++) {
        batches[b] = tm_batch_acquire(pool, input);
        for (uint32_t i = 0; i < BATCH_ROWS; i++) {
            char user[16], country[4];
            int length = snprintf(user, sizeof user, "u%06u", zipf(users));
            snprintf(country, sizeof country, "C%u", (unsigned)(uniform() * 20));
            int64_t ts = ++now - (uniform() < 0.25 ? (int64_t)(uniform() * DISORDER_MS) : 0);
            newest = ts > newest ? ts : newest;
            struct tm_builder builder;
            check(tm_builder_begin(&builder, batches[b]));
            check(tm_builder_put_bytes(&builder, USER, user, (uint32_t)length));
            tm_builder_put_double(&builder, AMOUNT, floor(uniform() * 50000) / 100);
            check(tm_builder_put_bytes(&builder, COUNTRY, country, 2));
            tm_builder_put_int(&builder, TS, ts);
            check(tm_builder_end(&builder));
        }
        watermarks[b] = newest - DISORDER_MS - 1;
    }
    watermarks[batch_count - 1] = INT64_MAX;
}

// What came out, so that both sides can be compared and nothing is optimised away.
struct outcome {
    uint64_t rows;
    int64_t count;
    double sum;
};

static void look_at(struct outcome *o, const struct tm_batch *batch)
{
    const struct tm_row *row = tm_batch_first(batch);
    o->rows += batch->row_count;
    o->count += tm_row_int(row, output->fields[3].offset);
    o->sum += tm_row_double(row, output->fields[4].offset);
}

// --- the reference -------------------------------------------------------------------------------

struct slot {
    uint64_t hash;
    uint32_t length; // 0: empty
    char key[20];
    int64_t count;
    double sum;
};
struct table {
    struct slot *slots;
    uint64_t mask, count;
    int64_t start;
    bool open;
};
enum { TABLES = 4 };
static struct table tables[TABLES];

static void table_init(struct table *t, uint64_t size)
{
    t->slots = calloc(size, sizeof *t->slots);
    t->mask = size - 1;
    t->count = 0;
}

static void table_grow(struct table *t)
{
    struct table bigger = *t;
    table_init(&bigger, (t->mask + 1) * 2);
    for (uint64_t i = 0; i <= t->mask; i++) {
        if (t->slots[i].length == 0)
            continue;
        uint64_t j = t->slots[i].hash & bigger.mask;
        while (bigger.slots[j].length != 0)
            j = (j + 1) & bigger.mask;
        bigger.slots[j] = t->slots[i];
    }
    bigger.count = t->count;
    free(t->slots);
    *t = bigger;
}

static inline struct slot *table_upsert(struct table *t, uint64_t hash, const char *key,
                                        uint32_t length)
{
    uint64_t i = hash & t->mask;
    for (;; i = (i + 1) & t->mask) {
        struct slot *s = &t->slots[i];
        if (s->length == 0) {
            if ((t->count + 1) * 10 > (t->mask + 1) * 7) {
                table_grow(t);
                return table_upsert(t, hash, key, length);
            }
            s->hash = hash;
            s->length = length;
            memcpy(s->key, key, length);
            t->count++;
            return s;
        }
        if (s->hash == hash && s->length == length && memcmp(s->key, key, length) == 0)
            return s;
    }
}

static void table_emit(struct table *t, struct tm_batch *out, struct outcome *o)
{
    for (uint64_t i = 0; i <= t->mask; i++) {
        const struct slot *s = &t->slots[i];
        if (s->length == 0)
            continue;
        struct tm_builder b;
        check(tm_builder_begin(&b, out));
        check(tm_builder_put_bytes(&b, 0, s->key, s->length));
        tm_builder_put_int(&b, 1, t->start);
        tm_builder_put_int(&b, 2, t->start + WINDOW_MS);
        tm_builder_put_int(&b, 3, s->count);
        tm_builder_put_double(&b, 4, s->sum);
        tm_builder_put_int(&b, 5, t->start + WINDOW_MS - 1);
        check(tm_builder_end(&b));
        if (tm_batch_is_full(out)) {
            look_at(o, out);
            out->row_count = 0;
            out->size_bytes = 0;
        }
    }
    memset(t->slots, 0, (t->mask + 1) * sizeof *t->slots);
    t->count = 0;
    t->open = false;
}

static struct table *table_of(int64_t ts)
{
    int64_t start = ts - ts % WINDOW_MS;
    for (int i = 0; i < TABLES; i++)
        if (tables[i].open && tables[i].start == start)
            return &tables[i];
    for (int i = 0; i < TABLES; i++)
        if (!tables[i].open) {
            if (tables[i].slots == NULL)
                table_init(&tables[i], 1024);
            tables[i].open = true;
            tables[i].start = start;
            return &tables[i];
        }
    abort();
}

static struct outcome reference_run(void)
{
    struct outcome o = {0};
    struct tm_batch *out = tm_batch_acquire(pool, output);
    uint32_t user_offset = input->fields[USER].offset, ts_offset = input->fields[TS].offset;
    uint32_t amount_offset = input->fields[AMOUNT].offset;
    struct table *current = NULL;
    for (uint32_t b = 0; b < batch_count; b++) {
        TM_BATCH_EACH(batches[b], row)
        {
            int64_t ts = tm_row_int(row, ts_offset);
            if (current == NULL || ts < current->start || ts >= current->start + WINDOW_MS)
                current = table_of(ts);
            uint32_t length;
            const char *user = tm_row_string(row, user_offset, &length);
            struct slot *s = table_upsert(current, tm_hash_bytes(user, length), user, length);
            s->count++;
            s->sum += tm_row_double(row, amount_offset);
        }
        for (int i = 0; i < TABLES; i++)
            if (tables[i].open && tables[i].start + WINDOW_MS - 1 <= watermarks[b]) {
                table_emit(&tables[i], out, &o);
                current = NULL;
            }
    }
    if (out->row_count != 0)
        look_at(&o, out);
    tm_batch_release(out);
    for (int i = 0; i < TABLES; i++) { // the operator too starts from nothing
        free(tables[i].slots);
        tables[i] = (struct table){0};
    }
    return o;
}

// --- the operator --------------------------------------------------------------------------------

static struct outcome operator_run(struct tm_operator *op)
{
    struct outcome o = {0};
    struct tm_error err;
    for (uint32_t b = 0; b < batch_count; b++) {
        // The operator gives batches back when it is done with them; these are needed again.
        struct tm_batch *empty = tm_batch_acquire(pool, input);
        struct tm_batch swap = *empty;
        empty->data = batches[b]->data;
        empty->row_count = batches[b]->row_count;
        empty->size_bytes = batches[b]->size_bytes;
        empty->capacity_bytes = batches[b]->capacity_bytes;
        batches[b]->data = swap.data;
        batches[b]->capacity_bytes = swap.capacity_bytes;
        struct tm_batch *held = batches[b];
        struct tm_element in = {.kind = TM_ELEMENT_BATCH, .batch = empty}, out = {0};
        uint8_t *data = empty->data;
        size_t size = empty->size_bytes, capacity = empty->capacity_bytes;
        if (op->ops->step(op, &in, &out, &err) != TM_STEP_DONE)
            abort();
        // Take the bytes back out of the released batch: the pool hands out the last one first.
        struct tm_batch *again = tm_batch_acquire(pool, input);
        if (again->data != data)
            abort();
        again->data = held->data;
        again->capacity_bytes = held->capacity_bytes;
        tm_batch_release(again);
        held->data = data;
        held->size_bytes = size;
        held->capacity_bytes = capacity;
        in = (struct tm_element){.kind = TM_ELEMENT_WATERMARK, .watermark = watermarks[b]};
        for (int rc = TM_STEP_MORE; rc == TM_STEP_MORE;) {
            out.kind = TM_ELEMENT_NONE;
            rc = op->ops->step(op, &in, &out, &err);
            if (rc < 0)
                abort();
            if (out.kind == TM_ELEMENT_BATCH) {
                look_at(&o, out.batch);
                tm_batch_release(out.batch);
            }
        }
    }
    return o;
}

static struct tm_operator *operator_new(struct tm_task_context *ctx, struct tm_node *node,
                                        struct tm_node_metrics *metrics)
{
    struct tm_operator *op;
    struct tm_error err;
    if (tm_operator_window_new(ctx, node, &op, &err) != 0)
        abort();
    op->ctx = ctx;
    op->node = node;
    op->metrics = metrics;
    if (op->ops->open(op, input, &err) != 0) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    return op;
}

// --- the comparison ------------------------------------------------------------------------------

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    int pairs = argc > 1 ? atoi(argv[1]) : 5;
    uint32_t users = argc > 2 ? (uint32_t)atoi(argv[2]) : 1000000;
    uint32_t count = argc > 3 ? (uint32_t)atoi(argv[3]) : 1000000;
    pairs = pairs < 1 ? 1 : pairs > 64 ? 64 : pairs;
    tm_mem_init(&mem, &fx, NULL, 0);
    make_rows(count, users);
    struct tm_aggregate aggregates[] = {
        {.kind = TM_AGGREGATE_COUNT, .input_field = -1, .output_field = 3},
        {.kind = TM_AGGREGATE_SUM, .input_field = AMOUNT, .output_field = 4}};
    struct tm_node node = {
        .kind = TM_NODE_WINDOW,
        .name = "bench",
        .schema = output,
        .key = {1, {USER}},
        .size_ms = WINDOW_MS,
        .slide_ms = WINDOW_MS,
        .aggregates = aggregates,
        .aggregate_count = 2,
    };
    struct tm_graph graph = {.nodes = &node, .node_count = 1};
    struct tm_plan plan = {.graph = &graph, .max_parallelism = 128};
    struct tm_chain chain = {.parallelism = 1};
    struct tm_node_metrics metrics = {0};
    struct tm_task_context ctx = {
        .fx = &fx, .mem = &mem, .shared_mem = &mem, .pool = pool, .plan = &plan, .chain = &chain};
    double c[64], s[64], ratio[64];
    struct outcome oc = {0}, os = {0};
    for (int i = 0; i < pairs; i++) {
        double t0 = cpu_seconds();
        oc = reference_run();
        double t1 = cpu_seconds();
        struct tm_operator *op = operator_new(&ctx, &node, &metrics);
        os = operator_run(op);
        op->ops->free(op);
        double t2 = cpu_seconds();
        c[i] = (t1 - t0) / row_count * 1e9;
        s[i] = (t2 - t1) / row_count * 1e9;
        ratio[i] = s[i] / c[i];
        if (oc.rows != os.rows)
            abort();
    }
    qsort(c, (size_t)pairs, sizeof *c, compare);
    qsort(s, (size_t)pairs, sizeof *s, compare);
    qsort(ratio, (size_t)pairs, sizeof *ratio, compare);
    printf("tumbling count and sum, %u users, %u rows, %llu results: C %.1f ns a row, operator "
           "%.1f ns, ratio %.2f "
           "(%.2f .. %.2f)\n",
           users, row_count, (unsigned long long)os.rows, c[pairs / 2], s[pairs / 2],
           ratio[pairs / 2], ratio[0], ratio[pairs - 1]);
    return 0;
}
