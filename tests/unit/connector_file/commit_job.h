// A job of one sink of files, for the tests of its output: rows are numbered, checkpoints are taken
// and committed, and what is in the output is held against what has to be.
#pragma once

#include "connectors/file/commit.h"
#include "connectors/file/file.h"
#include "connectors/file/unpack.h"
#include "core/checkpoint/restored.h"
#include "tests/unit/connector_file/disk.h"

enum { EPOCHS = 4, ROWS = 6, SUBTASKS_MAX = 3, IDS = 1000 };

static struct tm_schema *schema;
static struct tm_sink *sinks[SUPPORT_SUBTASKS];
static struct tm_fx_clock clock_table;
static int64_t now_ns;
static uint64_t number; // of checkpoints
static uint32_t parallelism;

// The job's last durable checkpoint, and what was durable when.
static struct tm_restored *checkpoint;
static uint64_t checkpoint_number;
static int checkpoint_rows; // rows below this are in it

static inline int64_t fake_mono(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static inline void open_all(void)
{
    support_open();
    clock_table = *S.real.clock;
    clock_table.mono_ns = fake_mono;
    S.fx.clock = &clock_table;
    now_ns = 1000000000;
    schema = support_schema();
    checkpoint = NULL;
    checkpoint_rows = 0;
    checkpoint_number = number = 0;
    parallelism = 1;
    disk_open_all(1);
}

static inline void close_all(void)
{
    tm_restored_free(checkpoint);
    disk_free_nodes();
    memset(&D, 0, sizeof D);
    tm_schema_unref(schema);
    support_close();
}

static inline int begin(void)
{
    struct tm_sink_job job = {.name = "test", .restored = checkpoint};
    memset(&S.err, 0, sizeof S.err);
    S.shared = NULL;
    S.executor_count = 0;
    memset(sinks, 0, sizeof sinks);
    int rc = tm_connector_file.sink_prepare_checkpoints(&S.fx, &S.mem, &S.node, parallelism, &job,
                                                        &S.shared, &S.err);
    if (rc == 0 && checkpoint != NULL)
        rc = tm_connector_file.sink_restore(S.shared, checkpoint, &S.node, &S.err);
    if (rc == 0)
        rc = tm_connector_file.sink_begin(S.shared, &S.err);
    for (uint32_t s = 0; rc == 0 && s < parallelism; s++) {
        S.ctx[s].checkpoints = true;
        rc = tm_connector_file.sink_new(&S.ctx[s], &S.node, schema, S.shared, &sinks[s], &S.err);
        if (rc == 0) {
            sinks[s]->metrics = &S.metrics;
            sinks[s]->latency = &S.latency;
        }
    }
    return rc;
}

static inline int end(bool ok)
{
    struct tm_error err = {0};
    for (uint32_t s = 0; s < parallelism; s++)
        if (sinks[s] != NULL)
            sinks[s]->ops->free(sinks[s]);
    int rc = S.shared == NULL ? 0 : tm_connector_file.sink_finish(S.shared, ok, &err);
    if (S.shared != NULL)
        tm_connector_file.sink_release(S.shared);
    S.shared = NULL;
    return rc;
}

static inline int write_rows(uint32_t subtask, int first, int count)
{
    static const char *const names[] = {"a", "b", "c"};
    int rc = 0;
    for (int i = 0; rc == 0 && i < count; i++) {
        struct tm_batch *batch = support_batch(schema, first + i, 1, names[(first + i) % 3]);
        rc = support_write(sinks[subtask], batch);
    }
    return rc;
}

static inline int prepare_all(struct tm_cut **cuts)
{
    int rc = 0;
    for (uint32_t s = 0; rc == 0 && s < parallelism; s++)
        while ((rc = sinks[s]->ops->prepare(sinks[s], cuts[s], &S.err)) == TM_STEP_WAIT)
            ck_assert(support_run());
    return rc;
}

// A checkpoint of all that was written. It is durable when all have prepared.
static inline int take_checkpoint(int rows)
{
    struct tm_cut *cuts[SUPPORT_SUBTASKS];
    number++;
    for (uint32_t s = 0; s < parallelism; s++)
        ck_assert_int_eq(tm_cut_new(&S.mem, number, 0, s, &cuts[s]), 0);
    int rc = prepare_all(cuts);
    if (rc == 0) {
        tm_restored_free(checkpoint);
        checkpoint = NULL;
        ck_assert_int_eq(tm_restored_from_cuts(&S.mem, (const struct tm_cut *const *)cuts,
                                               parallelism, &checkpoint, &S.err),
                         0);
        checkpoint_rows = rows;
        checkpoint_number = number;
    }
    for (uint32_t s = 0; s < parallelism; s++)
        tm_cut_free(cuts[s]);
    return rc;
}

static inline int commit(void)
{
    return tm_connector_file.sink_commit(S.shared, checkpoint_number, &S.err);
}

// --- what is in the output -----------------------------------------------------------------------

static uint8_t seen[IDS];
static int headers;
static bool may_be_torn; // a commit was cut short, and no one has begun anew yet

static inline void see_text(const char *text, size_t size, bool csv)
{
    bool first = true;
    for (const char *p = text, *stop = text + size; p < stop; first = false) {
        const char *line_end = memchr(p, '\n', (size_t)(stop - p));
        if (line_end == NULL && may_be_torn)
            return;
        ck_assert_msg(line_end != NULL, "half a line: %.*s", (int)(stop - p), p);
        if (csv && strncmp(p, "id,", 3) == 0) {
            ck_assert(first);
            headers++;
        } else if (*p != '#') {
            int id = atoi(csv ? p : p + 6);
            ck_assert_int_lt(id, IDS);
            seen[id]++;
        }
        p = line_end + 1;
    }
}

static inline void see_file(const char *path, const struct disk_node *node)
{
    char text[64 * 1024];
    if (node->size == 0)
        return;
    if (tm__file_packing_of(path) == TM_FILE_PLAIN) {
        see_text((const char *)node->data, node->size, strstr(path, ".csv") != NULL);
        return;
    }
    struct tm_file_unpacker *u =
        tm__file_unpacker_new(&S.fx, &S.mem, tm__file_packing_of(path), path);
    int fd = disk_fd_of((int)(node - D.nodes), false);
    int64_t got = tm__file_unpack(u, fd, (uint8_t *)text, sizeof text, &S.err);
    ck_assert_msg(got >= 0 || may_be_torn, "%s", S.err.message);
    D.fds[fd].used = false;
    tm__file_unpacker_free(u);
    see_text(text, got < 0 ? 0 : (size_t)got, strstr(path, ".csv") != NULL);
}

static inline void look(void)
{
    memset(seen, 0, sizeof seen);
    headers = 0;
    for (int i = 0; i < D.now.count; i++) {
        const struct disk_entry *e = &D.now.entries[i];
        const char *slash = strrchr(e->path, '/'), *name = slash == NULL ? e->path : slash + 1;
        if (!D.nodes[e->node].is_folder && name[0] != '.')
            see_file(e->path, &D.nodes[e->node]);
    }
}

// Rows below `all` are there, once; between that and `most` each may be; those beyond are not.
static inline void expect(int all, int most)
{
    bool dead = D.is_dead;
    D.is_dead = false;
    may_be_torn = may_be_torn || dead;
    look();
    D.is_dead = dead;
    for (int i = 0; i < 900; i++) { // 900 is another's
        ck_assert_msg(seen[i] <= 1, "row %d is there %d times", i, seen[i]);
        ck_assert_msg(i >= all || seen[i] == 1, "row %d is missing", i);
        ck_assert_msg(i < most || seen[i] == 0, "row %d is not committed, and there", i);
    }
}

// --- jobs ----------------------------------------------------------------------------------------

static int committed_rows; // at least so many are visible, whatever happens

// From the newest checkpoint to the end. 0, or what it stopped with.
static inline int run_job(void)
{
    int rc = begin();
    may_be_torn = rc != 0;
    if (rc == 0 && checkpoint != NULL)
        committed_rows = checkpoint_rows;
    expect(committed_rows, checkpoint_rows);
    for (int epoch = 0; rc == 0 && checkpoint_rows < EPOCHS * ROWS; epoch++) {
        int rows = checkpoint_rows;
        for (uint32_t s = 0; rc == 0 && s < parallelism; s++) {
            int share = ROWS / (int)parallelism;
            rc = write_rows(s, rows, share);
            rows += share;
        }
        if (rc == 0 && rows == EPOCHS * ROWS)
            for (uint32_t s = 0; rc == 0 && s < parallelism; s++)
                rc = support_flush(sinks[s], true);
        expect(committed_rows, checkpoint_rows);
        rc = rc != 0 ? rc : take_checkpoint(rows);
        expect(committed_rows, checkpoint_rows);
        rc = rc != 0 ? rc : commit();
        if (rc == 0)
            committed_rows = checkpoint_rows;
        expect(committed_rows, checkpoint_rows);
    }
    int finished = end(rc == 0);
    return rc != 0 ? rc : finished;
}

static const struct shape {
    const char *path, *format, *option, *value;
} shapes[] = {
    {"out", "json", NULL, NULL},
    {"out", "json", "partition_by", "name"},
    {"out", "csv", "roll_size", "30B"},
    {"one.jsonl", "json", NULL, NULL},
    {"one.csv", "csv", NULL, NULL},
    {"one.csv", "csv", "if_exists", "append"},
    {"one.csv", "csv", "if_exists", "replace"},
    {"out", "json", "if_exists", "replace"},
    {"sub/one.csv.gz", "csv", NULL, NULL},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static inline void put(const char *path, const char *text)
{
    char folder[DISK_PATH];
    disk_folder_of(path, folder);
    ck_assert_int_eq(disk_mkdirs(NULL, folder, NULL), 0);
    int fd = disk_open(NULL, path, TM_FILE_CREATE, NULL);
    ck_assert_int_eq(disk_write_all(NULL, fd, text, strlen(text), NULL, NULL), 0);
    ck_assert_int_eq(disk_sync(NULL, fd, NULL), 0);
    disk_close(NULL, fd, NULL);
    disk_sync_node(&D.nodes[D.now.entries[disk_find(&D.now, path)].node]);
    D.durable = D.now;
    D.step_count = 0;
}

static inline void shape_job(const struct shape *shape, uint64_t seed)
{
    disk_open_all(seed);
    tm_restored_free(checkpoint);
    checkpoint = NULL;
    checkpoint_rows = committed_rows = 0;
    may_be_torn = false;
    S.node.format = shape->format;
    tm_options_fini(&S.node.options);
    tm_options_init(&S.node.options, &S.mem);
    support_option("path", shape->path);
    if (shape->option != NULL && strcmp(shape->option, "roll_size") == 0)
        ck_assert_int_eq(tm_options_set_string(&S.node.options, "roll_size", "30B"), 0);
    else if (shape->option != NULL)
        support_option(shape->option, shape->value);
    if (shape->option != NULL && strcmp(shape->option, "if_exists") == 0 &&
        strcmp(shape->path, "one.csv") == 0)
        put("one.csv", shape->value[0] == 'a' ? "id,value,name\n900,1,x\n" : "id,value,name\n");
    if (shape->option != NULL && strcmp(shape->option, "if_exists") == 0 &&
        strcmp(shape->path, "out") == 0)
        put("out/part-0-0.jsonl", "#old\n");
    disk_restart(false);
}

static inline void expect_end(const struct shape *shape)
{
    look();
    if (shape->option != NULL && shape->value[0] == 'a') {
        ck_assert_int_eq(seen[900], 1);
        ck_assert_int_eq(headers, 1);
    }
    seen[900] = 0;
    for (int i = 0; i < IDS; i++)
        ck_assert_msg(seen[i] == (i < EPOCHS * ROWS), "row %d: %d", i, seen[i]);
    ck_assert(strstr(shape->path, "one.csv") == NULL || headers == 1);
    // Nothing is left but the record of what was committed.
    for (int i = 0; i < D.now.count; i++)
        ck_assert_msg(strstr(D.now.entries[i].path, "inprogress") == NULL, "%s",
                      D.now.entries[i].path);
    int old = disk_find(&D.now, "out/part-0-0.jsonl");
    ck_assert(old < 0 || D.nodes[D.now.entries[old].node].data[0] != '#');
}
