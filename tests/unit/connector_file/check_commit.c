// Output exactly once: whatever a job is killed at, whatever the machine forgets, and whichever
// operation of a disk fails, each row is in the output once, and none before its checkpoint is.
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

static int64_t fake_mono(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static void open_all(void)
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

static void close_all(void)
{
    tm_restored_free(checkpoint);
    disk_free_nodes();
    memset(&D, 0, sizeof D);
    tm_schema_unref(schema);
    support_close();
}

static int begin(void)
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

static int end(bool ok)
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

static int write_rows(uint32_t subtask, int first, int count)
{
    static const char *const names[] = {"a", "b", "c"};
    int rc = 0;
    for (int i = 0; rc == 0 && i < count; i++) {
        struct tm_batch *batch = support_batch(schema, first + i, 1, names[(first + i) % 3]);
        rc = support_write(sinks[subtask], batch);
    }
    return rc;
}

static int prepare_all(struct tm_cut **cuts)
{
    int rc = 0;
    for (uint32_t s = 0; rc == 0 && s < parallelism; s++)
        while ((rc = sinks[s]->ops->prepare(sinks[s], cuts[s], &S.err)) == TM_STEP_WAIT)
            ck_assert(support_run());
    return rc;
}

// A checkpoint of all that was written. It is durable when all have prepared.
static int take_checkpoint(int rows)
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

static int commit(void)
{
    return tm_connector_file.sink_commit(S.shared, checkpoint_number, &S.err);
}

// --- what is in the output -----------------------------------------------------------------------

static uint8_t seen[IDS];
static int headers;
static bool may_be_torn; // a commit was cut short, and no one has begun anew yet

static void see_text(const char *text, size_t size, bool csv)
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

static void see_file(const char *path, const struct disk_node *node)
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

static void look(void)
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
static void expect(int all, int most)
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
static int run_job(void)
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

static void put(const char *path, const char *text)
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

static void shape_job(const struct shape *shape, uint64_t seed)
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

static void expect_end(const struct shape *shape)
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

START_TEST(an_unbroken_run)
{
    for (parallelism = 1; parallelism <= SUBTASKS_MAX; parallelism++) {
        shape_job(&shapes[_i], 1);
        ck_assert_msg(run_job() == 0, "%s", S.err.message);
        expect_end(&shapes[_i]);
    }
}
END_TEST

// Killed at each operation in turn (and again while it begins anew), then to the end, at another
// parallelism. With or without loss of power.
static uint64_t states;

START_TEST(a_job_that_is_killed_at_any_operation)
{
    const struct shape *shape = &shapes[_i / 2];
    bool power = _i % 2 == 1;
    if (strcmp(shape->path, "one.csv") == 0 && shape->option != NULL && shape->value[0] == 'a')
        checkpoint_rows = 0; // row 900 is in front of all: see expect_end
    for (int round = 0; round < (power ? 3 : 1); round++) {
        bool over = false;
        for (int64_t kill_at = 1; !over; kill_at++) {
            parallelism = 1 + (uint32_t)(kill_at % SUBTASKS_MAX);
            shape_job(shape, (uint64_t)kill_at * 1000 + (uint64_t)round);
            if (disk_find(&D.now, "one.csv") >= 0)
                put("one.csv", "id,value,name\n"); // 900 would not be committed
            D.operations = 0;
            D.kill_at = kill_at;
            int rc = run_job();
            over = rc == 0 && !D.is_dead;
            bool to_the_end = over;
            states++;
            for (int again = 0; rc != 0; again++) {
                ck_assert_msg(D.is_dead, "%d %s", rc, S.err.message);
                ck_assert_int_lt(again, 20);
                disk_restart(power);
                expect(committed_rows, checkpoint_rows);
                parallelism = 1 + disk_draw(SUBTASKS_MAX);
                D.kill_at = again < 3 ? 1 + disk_draw(40) : 0;
                states++;
                rc = run_job();
                to_the_end = !D.is_dead;
            }
            struct shape plain = *shape;
            plain.option = NULL;
            if (to_the_end)
                expect_end(&plain);
            else // killed when all was done
                expect(EPOCHS * ROWS, EPOCHS * ROWS);
            D.is_dead = false;
        }
    }
    ck_assert_uint_gt(states, 20);
    if (getenv("TM_SHOW_STATES") != NULL)
        printf("%s %s %s: %llu states\n", shape->path, shape->value == NULL ? "" : shape->value,
               power ? "power" : "kill", (unsigned long long)states);
}
END_TEST

// The power is lost at each operation in turn, and each state that this may leave is begun with:
// any of the steps in folders that no sync stands behind, none, a part or all of the bytes of
// files. At one operation at most so many states; those that were left out are counted.
START_TEST(every_state_that_a_loss_of_power_leaves)
{
    const struct shape *shape = &shapes[_i];
    const uint32_t most = getenv("TM_TEST_LONG") != NULL ? 1000000 : 3000;
    uint64_t begun = 0, operations = 0, cut_short = 0;
    bool over = false;
    for (int64_t kill_at = 1; !over; kill_at++, operations++) {
        uint32_t here = 0;
        disk_every = (struct disk_every){0};
        do {
            parallelism = 1 + (uint32_t)(kill_at % SUBTASKS_MAX);
            shape_job(shape, (uint64_t)kill_at);
            if (disk_find(&D.now, "one.csv") >= 0)
                put("one.csv", "id,value,name\n"); // 900 would not be committed
            D.operations = 0;
            D.kill_at = kill_at;
            int rc = run_job();
            over = rc == 0 && !D.is_dead;
            if (over)
                break;
            disk_every.on = true;
            disk_restart(true);
            disk_every.on = false;
            begun++;
            if (++here == most) {
                cut_short++;
                break;
            }
            expect(committed_rows, checkpoint_rows);
            parallelism = 1 + (uint32_t)((kill_at + 1) % SUBTASKS_MAX);
            bool was_all = rc == 0;
            rc = run_job();
            ck_assert_msg(rc == 0, "operation %d: %d %s", (int)kill_at, rc, S.err.message);
            if (was_all)
                expect(EPOCHS * ROWS, EPOCHS * ROWS);
            else
                expect_end(&(struct shape){.path = shape->path, .format = shape->format});
        } while (disk_choose_next());
    }
    printf("commit: %s %s: %llu states after %llu operations were begun with, %llu operations have "
           "more\n",
           shape->path, shape->value == NULL ? "" : shape->value, (unsigned long long)begun,
           (unsigned long long)operations, (unsigned long long)cut_short);
    ck_assert_uint_gt(begun, operations);
}
END_TEST

START_TEST(an_error_of_any_operation_ends_the_job_and_the_next_attempt_goes_on)
{
    const struct shape *shape = &shapes[_i];
    bool over = false;
    for (int64_t fail_at = 1; !over; fail_at++) {
        parallelism = 1 + (uint32_t)(fail_at % SUBTASKS_MAX);
        shape_job(shape, (uint64_t)fail_at);
        if (disk_find(&D.now, "one.csv") >= 0)
            put("one.csv", "id,value,name\n");
        D.operations = 0;
        D.fail_at = fail_at;
        int rc = run_job();
        over = D.operations < fail_at;
        for (int again = 0; rc != 0; again++) {
            ck_assert_int_lt(again, 3);
            D.fail_at = 0;
            rc = run_job();
        }
        look();
        for (int i = 0; i < IDS; i++)
            ck_assert_msg(seen[i] == (i < EPOCHS * ROWS), "operation %d, row %d: %d", (int)fail_at,
                          i, seen[i]);
    }
}
END_TEST

// --- old checkpoints -----------------------------------------------------------------------------

static struct tm_restored *first_checkpoint;

// Runs to the end, and keeps the first checkpoint; then begins with that.
static int begin_with_an_old_one(const struct shape *shape)
{
    shape_job(shape, 3);
    parallelism = 2;
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    ck_assert_int_eq(write_rows(0, 0, 6), 0);
    ck_assert_int_eq(take_checkpoint(6), 0);
    ck_assert_int_eq(commit(), 0);
    first_checkpoint = checkpoint;
    checkpoint = NULL;
    ck_assert_int_eq(write_rows(1, 6, 6), 0);
    ck_assert_int_eq(take_checkpoint(12), 0);
    bool committed = true;
    ck_assert_int_eq(tm_connector_file.sink_committed(S.shared, number, &committed, &S.err), 0);
    ck_assert(!committed);
    ck_assert_int_eq(commit(), 0);
    ck_assert_int_eq(tm_connector_file.sink_committed(S.shared, number, &committed, &S.err), 0);
    ck_assert(committed);
    ck_assert_int_eq(end(false), 0);
    tm_restored_free(checkpoint);
    checkpoint = first_checkpoint;
    checkpoint_rows = 6;
    return begin();
}

START_TEST(a_checkpoint_that_is_older_than_the_output_is_refused)
{
    const struct shape *shape = &shapes[_i == 0 ? 0 : 3];
    ck_assert_int_eq(begin_with_an_old_one(shape), TM_E_CHECKPOINT_OLD);
    ck_assert_ptr_nonnull(strstr(S.err.message, shape->path));
    ck_assert_ptr_nonnull(strstr(S.err.hint, "if_exists"));
    end(false);
    expect(12, 12);
}
END_TEST

START_TEST(or_the_output_is_appended_to_with_rows_twice_or_replaced)
{
    static const struct shape four[] = {{"one.jsonl", "json", "if_exists", "append"},
                                        {"out", "json", "if_exists", "append"},
                                        {"one.jsonl", "json", "if_exists", "replace"},
                                        {"out", "json", "if_exists", "replace"}};
    bool append = _i < 2;
    ck_assert_msg(begin_with_an_old_one(&four[_i]) == 0, "%s", S.err.message);
    ck_assert(append == (strstr(support_text(&S.failures), "come twice") != NULL));
    ck_assert_int_eq(write_rows(0, 6, 6), 0);
    number = 10;
    ck_assert_int_eq(take_checkpoint(12), 0);
    ck_assert_int_eq(commit(), 0);
    ck_assert_int_eq(end(true), 0);
    look();
    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(seen[i], append ? (i < 6 ? 1 : 2) : (i < 6 ? 0 : 1));
}
END_TEST

START_TEST(a_checkpoint_of_another_life_is_refused)
{
    shape_job(&shapes[3], 3);
    ck_assert_int_eq(run_job(), 0);
    first_checkpoint = checkpoint;
    checkpoint = NULL;
    disk_unlink(NULL, "one.jsonl", NULL);
    checkpoint_rows = committed_rows = 0;
    ck_assert_int_eq(run_job(), 0); // --fresh
    tm_restored_free(checkpoint);
    checkpoint = first_checkpoint;
    ck_assert_int_eq(begin(), TM_E_CHECKPOINT_OLD);
    ck_assert_ptr_nonnull(strstr(S.err.message, "another run"));
    end(false);
}
END_TEST

START_TEST(what_was_prepared_for_a_failed_checkpoint_comes_with_the_next)
{
    shape_job(&shapes[_i == 0 ? 0 : 3], 3);
    ck_assert_int_eq(begin(), 0);
    ck_assert_int_eq(write_rows(0, 0, 3), 0);
    ck_assert_int_eq(take_checkpoint(3), 0); // it is given up
    ck_assert_int_eq(write_rows(0, 3, 3), 0);
    ck_assert_int_eq(take_checkpoint(6), 0);
    if (_i == 0) {
        ck_assert_int_eq(commit(), 0);
        expect(6, 6);
    }
    end(false); // or the job goes on from it without a commit
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    ck_assert_int_eq(end(true), 0);
}
END_TEST

START_TEST(a_part_that_a_reader_took_away_is_not_missed_and_a_prepared_one_is)
{
    shape_job(&shapes[0], 3);
    ck_assert_int_eq(begin(), 0);
    ck_assert_int_eq(write_rows(0, 0, 3), 0);
    ck_assert_int_eq(take_checkpoint(3), 0);
    ck_assert_int_eq(commit(), 0);
    disk_unlink(NULL, "out/part-0-0.jsonl", NULL);
    end(false);
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    ck_assert_int_eq(write_rows(0, 3, 3), 0);
    ck_assert_int_eq(take_checkpoint(6), 0);
    end(false);
    for (int i = 0; i < D.now.count; i++)
        if (strstr(D.now.entries[i].path, "part-0-1") != NULL) // the number was not used again
            disk_unlink(NULL, D.now.entries[i--].path, NULL);
    ck_assert_int_eq(begin(), TM_E_OUTPUT_CHANGED);
    ck_assert_ptr_nonnull(strstr(S.err.message, "part-0-1"));
    end(false);
}
END_TEST

// --- what is there is not what the checkpoint was taken with -------------------------------------

// A checkpoint of six rows that is durable and not committed.
static void prepared_only(const struct shape *shape)
{
    shape_job(shape, 3);
    parallelism = 2;
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    ck_assert_int_eq(write_rows(0, 0, 3), 0);
    ck_assert_int_eq(write_rows(1, 3, 3), 0);
    ck_assert_int_eq(take_checkpoint(6), 0);
}

static const char *a_staged_file(void)
{
    for (int i = 0; i < D.now.count; i++)
        if (strstr(D.now.entries[i].path, "-0-0") != NULL &&
            strstr(D.now.entries[i].path, "inprogress") != NULL)
            return D.now.entries[i].path;
    ck_abort_msg("nothing is staged");
}

// Then it goes on once that is mended.
static void refused(const char *what)
{
    ck_assert_int_eq(begin(), TM_E_OUTPUT_CHANGED);
    ck_assert_msg(strstr(S.err.message, what) != NULL, "%s", S.err.message);
    ck_assert_ptr_nonnull(strstr(S.err.hint, "--fresh"));
    end(false);
}

START_TEST(what_is_staged_and_has_another_length_is_refused)
{
    prepared_only(&shapes[_i == 0 ? 0 : 3]);
    end(false);
    struct disk_node *node = &D.nodes[D.now.entries[disk_find(&D.now, a_staged_file())].node];
    node->size--;
    refused("not as long as it was");
    expect(0, 0);
    node->size++;
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    end(false);
}
END_TEST

START_TEST(what_is_staged_and_has_been_edited_is_refused)
{
    prepared_only(&shapes[_i == 0 ? 0 : _i == 1 ? 3 : 8]);
    end(false);
    struct disk_node *node = &D.nodes[D.now.entries[disk_find(&D.now, a_staged_file())].node];
    for (size_t at = 0; at < node->size; at++) {
        node->data[at] ^= 4;
        refused("not what was written");
        node->data[at] ^= 4;
    }
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    end(false);
}
END_TEST

START_TEST(an_output_that_somebody_else_has_made_is_refused)
{
    const char *path = _i == 0 ? "out/part-0-0.jsonl" : "one.jsonl";
    prepared_only(&shapes[_i == 0 ? 0 : 3]);
    end(false);
    put(path, "#another's\n");
    refused("the job has not written it");
    ck_assert_int_eq(disk_unlink(NULL, path, NULL), 0);
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    end(false);
}
END_TEST

// The job has another path now: what the old one has got does not come again, and what it has not
// got is not lost.
START_TEST(an_output_with_another_path_goes_on_behind_what_the_old_one_has)
{
    static const char *const paths[][2] = {
        {"one.jsonl", "two.jsonl"}, {"one.jsonl", "out"}, {"out", "one.jsonl"}};
    const struct shape from = {paths[_i][0], "json", NULL, NULL};
    prepared_only(&from);
    end(false);
    support_option("path", paths[_i][1]);
    refused("not in the output that the job had then");
    expect(0, 0);
    support_option("path", paths[_i][0]);
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    end(false);
    support_option("path", paths[_i][1]);
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    ck_assert_int_eq(write_rows(0, 6, 3), 0);
    ck_assert_int_eq(take_checkpoint(9), 0);
    ck_assert_int_eq(commit(), 0);
    expect(9, 9);
    end(false);
}
END_TEST

// Another connector may refuse after this one has agreed.
START_TEST(nothing_is_changed_before_the_job_begins)
{
    const struct shape *shape = &shapes[_i % 2 == 0 ? 0 : 3];
    struct tm_restored *held;
    prepared_only(shape);
    end(false);
    held = checkpoint;
    struct tm_sink_job job = {.name = "test", .restored = _i < 2 ? NULL : held};
    memset(&S.err, 0, sizeof S.err);
    D.operations = 0;
    D.fail_at = 0;
    struct disk_names before = D.now;
    ck_assert_int_eq(tm_connector_file.sink_prepare_checkpoints(&S.fx, &S.mem, &S.node, parallelism,
                                                                &job, &S.shared, &S.err),
                     0);
    if (_i >= 2)
        ck_assert_int_eq(tm_connector_file.sink_restore(S.shared, held, &S.node, &S.err), 0);
    for (int i = 0; i < before.count; i++) {
        int now = disk_find(&D.now, before.entries[i].path);
        ck_assert_msg(now >= 0 && D.now.entries[now].node == before.entries[i].node, "%s",
                      before.entries[i].path);
    }
    memset(sinks, 0, sizeof sinks);
    end(false);
    checkpoint = held;
    ck_assert_msg(begin() == 0, "%s", S.err.message);
    expect(6, 6);
    end(false);
}
END_TEST

// --- space ---------------------------------------------------------------------------------------

static int count_text(const char *text)
{
    int count = 0;
    for (const char *p = support_text(&S.failures); (p = strstr(p, text)) != NULL; p++)
        count++;
    return count;
}

START_TEST(without_space_all_wait_and_go_on_when_there_is_some)
{
    const struct shape *shape = &shapes[_i == 0 ? 0 : 3];
    shape_job(shape, 3);
    parallelism = 2;
    struct tm_cut *cuts[2];
    ck_assert_int_eq(begin(), 0);
    ck_assert_int_eq(write_rows(0, 0, 3), 0);
    ck_assert_int_eq(write_rows(1, 3, 3), 0);
    D.space = 20;
    number++;
    for (uint32_t s = 0; s < 2; s++)
        ck_assert_int_eq(tm_cut_new(&S.mem, number, 0, s, &cuts[s]), 0);
    for (int i = 0; i < 5; i++) {
        for (uint32_t s = 0; s < 2; s++)
            ck_assert_int_eq(sinks[s]->ops->prepare(sinks[s], cuts[s], &S.err), TM_STEP_WAIT);
        ck_assert_int_le(sinks[0]->ops->deadline_ns(sinks[0]), now_ns + 1000000000);
        now_ns += 1000000001;
    }
    ck_assert_int_eq(count_text("waits for space"), 1);
    ck_assert_int_eq(count_text("has space again"), 0);
    D.space = 1000000;
    int waits = 0;
    for (uint32_t s = 0; s < 2; s++)
        while (sinks[s]->ops->prepare(sinks[s], cuts[s], &S.err) == TM_STEP_WAIT) {
            ck_assert_int_lt(waits++, 20);
            now_ns += 1000000001;
        }
    ck_assert_int_eq(count_text("has space again"), 1);
    tm_restored_free(checkpoint);
    checkpoint = NULL;
    ck_assert_int_eq(
        tm_restored_from_cuts(&S.mem, (const struct tm_cut *const *)cuts, 2, &checkpoint, &S.err),
        0);
    for (uint32_t s = 0; s < 2; s++)
        tm_cut_free(cuts[s]);
    checkpoint_number = number;
    // The commit has none, either: rows are held back meanwhile.
    D.space = _i == 0 ? 10 : 100;
    ck_assert_int_eq(commit(), TM_STEP_WAIT);
    ck_assert_int_eq(S.err.code, TM_E_NO_SPACE);
    expect(0, 6);
    struct tm_batch *batch = support_batch(schema, 6, 1, "a");
    const struct tm_row *row = tm_batch_first(batch);
    ck_assert_int_eq(sinks[0]->ops->write(sinks[0], batch, &row, &S.err), TM_STEP_WAIT);
    ck_assert_int_eq(count_text("waits for space"), 2);
    D.space = -1;
    ck_assert_int_eq(commit(), 0);
    expect(6, 6);
    now_ns += 1000000001;
    ck_assert_int_eq(sinks[0]->ops->write(sinks[0], batch, &row, &S.err), TM_STEP_DONE);
    tm_batch_release(batch);
    ck_assert_int_eq(count_text("has space again"), 2);
    end(false);
    expect(6, 6);
}
END_TEST

START_TEST(an_output_without_rows_is_there)
{
    shape_job(&shapes[_i == 0 ? 4 : _i == 1 ? 3 : 8], 3);
    parallelism = 2;
    ck_assert_int_eq(begin(), 0);
    for (uint32_t s = 0; s < 2; s++)
        ck_assert_int_eq(support_flush(sinks[s], true), TM_STEP_DONE);
    ck_assert_int_eq(take_checkpoint(0), 0);
    ck_assert_int_eq(commit(), 0);
    ck_assert_int_eq(end(true), 0);
    int i = disk_find(&D.now, shapes[_i == 0 ? 4 : _i == 1 ? 3 : 8].path);
    ck_assert_int_ge(i, 0);
    look();
    ck_assert_int_eq(headers, _i != 1);
}
END_TEST

// --- short jobs ----------------------------------------------------------------------------------

static int count_rows(void)
{
    int count = 0;
    bool dead = D.is_dead;
    D.is_dead = false;
    look();
    D.is_dead = dead;
    for (int i = 0; i < IDS; i++)
        count += seen[i];
    return count;
}

// All of a job that takes no checkpoint at all: one step makes its output visible. 0, or what it
// stopped with.
static int run_short_job(void)
{
    struct tm_cut *cuts[SUPPORT_SUBTASKS];
    int share = EPOCHS * ROWS / (int)parallelism, before = count_rows(), rc = begin();
    for (uint32_t s = 0; rc == 0 && s < parallelism; s++) {
        rc = write_rows(s, (int)s * share, share);
        rc = rc != 0 ? rc : support_flush(sinks[s], true);
    }
    for (uint32_t s = 0; s < parallelism; s++)
        ck_assert_int_eq(tm_cut_new(&S.mem, 1, 0, s, &cuts[s]), 0);
    rc = rc != 0 ? rc : prepare_all(cuts);
    for (uint32_t s = 0; s < parallelism; s++)
        tm_cut_free(cuts[s]);
    ck_assert_int_eq(count_rows(), before);
    if (rc == 0) {
        ck_assert_uint_eq(tm_connector_file.sink_commit_steps(S.shared), 1);
        rc = tm_connector_file.sink_commit_once(S.shared, 1, &S.err);
    }
    int finished = end(rc == 0);
    return rc != 0 ? rc : finished;
}

static const struct shape short_shapes[] = {
    {"out", "json", NULL, NULL},           {"one.jsonl", "json", NULL, NULL},
    {"one.csv", "csv", NULL, NULL},        {"one.csv", "csv", "if_exists", "replace"},
    {"sub/one.csv.gz", "csv", NULL, NULL},
};
enum { SHORT_SHAPES = sizeof short_shapes / sizeof short_shapes[0] };

static uint32_t short_parallelism(const struct shape *shape, int64_t n)
{
    return strcmp(shape->path, "out") == 0 ? 1 : 1 + (uint32_t)(n % SUBTASKS_MAX);
}

START_TEST(a_short_job_that_is_killed_at_any_operation_shows_all_of_its_output_or_nothing)
{
    const struct shape *shape = &short_shapes[_i / 2];
    bool power = _i % 2 == 1, replaces = shape->option != NULL;
    int none = 0, all = 0;
    for (int round = 0; round < (power ? 10 : 1); round++) {
        bool over = false;
        for (int64_t kill_at = 1; !over; kill_at++) {
            shape_job(shape, (uint64_t)kill_at * 1000 + (uint64_t)round);
            parallelism = short_parallelism(shape, kill_at);
            D.operations = 0;
            D.kill_at = kill_at;
            int rc = run_short_job();
            over = !D.is_dead;
            ck_assert_msg(over ? rc == 0 : true, "%s", S.err.message);
            disk_restart(power);
            int count = count_rows();
            ck_assert_msg(count == 0 || count == EPOCHS * ROWS, "%d rows after a kill at %d", count,
                          (int)kill_at);
            ck_assert(!over || count != 0);
            none += count == 0;
            all += count != 0;
            rc = run_short_job(); // begun anew
            ck_assert_int_eq(rc, count == 0 || replaces ? 0 : TM_E_EXISTS);
            if (rc == 0)
                expect_end(shape);
            ck_assert_int_eq(count_rows(), EPOCHS * ROWS);
        }
    }
    ck_assert_int_gt(none, 0);
    ck_assert_int_gt(all, 0);
}
END_TEST

START_TEST(a_short_job_whose_step_fails_can_try_it_again)
{
    const struct shape *shape = &short_shapes[_i];
    bool over = false;
    for (int64_t fail_at = 1; !over; fail_at++) {
        struct tm_cut *cut;
        shape_job(shape, 5);
        parallelism = 1;
        ck_assert_int_eq(begin(), 0);
        ck_assert_int_eq(write_rows(0, 0, EPOCHS * ROWS), 0);
        ck_assert_int_eq(support_flush(sinks[0], true), 0);
        ck_assert_int_eq(tm_cut_new(&S.mem, 1, 0, 0, &cut), 0);
        ck_assert_int_eq(prepare_all(&cut), 0);
        tm_cut_free(cut);
        D.operations = 0;
        D.fail_at = fail_at;
        int rc = tm_connector_file.sink_commit_once(S.shared, 1, &S.err);
        over = D.operations < fail_at;
        D.fail_at = 0;
        memset(&S.err, 0, sizeof S.err);
        if (rc != 0)
            rc = tm_connector_file.sink_commit_once(S.shared, 1, &S.err);
        ck_assert_msg(rc == 0, "%s", S.err.message);
        ck_assert_int_eq(end(true), 0);
        expect_end(shape);
    }
}
END_TEST

START_TEST(an_output_that_needs_more_than_one_step_says_so)
{
    static const struct shape more[] = {
        {"out", "json", NULL, NULL}, // of two subtasks
        {"out", "json", "partition_by", "name"},
        {"out", "csv", "roll_size", "30B"},
        {"out", "json", "if_exists", "replace"}, // the old parts go
        {"out", "json", "if_exists", "append"},
        {"one.csv", "csv", "if_exists", "append"},
        {"new.csv", "csv", "if_exists", "append"},
    };
    shape_job(&more[_i], 3);
    parallelism = _i == 0 ? 2 : 1;
    ck_assert_int_eq(begin(), 0);
    ck_assert_uint_eq(tm_connector_file.sink_commit_steps(S.shared), 2);
    end(false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("commit");
    TCase *tcase = tcase_create("commit");
    tcase_add_checked_fixture(tcase, open_all, close_all);
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, an_unbroken_run, 0, SHAPES);
    tcase_add_loop_test(tcase, a_job_that_is_killed_at_any_operation, 0, 2 * SHAPES);
    tcase_add_loop_test(tcase, every_state_that_a_loss_of_power_leaves, 0, SHAPES);
    tcase_add_loop_test(tcase, an_error_of_any_operation_ends_the_job_and_the_next_attempt_goes_on,
                        0, SHAPES);
    tcase_add_loop_test(tcase, a_checkpoint_that_is_older_than_the_output_is_refused, 0, 2);
    tcase_add_loop_test(tcase, or_the_output_is_appended_to_with_rows_twice_or_replaced, 0, 4);
    tcase_add_test(tcase, a_checkpoint_of_another_life_is_refused);
    tcase_add_loop_test(tcase, what_was_prepared_for_a_failed_checkpoint_comes_with_the_next, 0, 2);
    tcase_add_test(tcase, a_part_that_a_reader_took_away_is_not_missed_and_a_prepared_one_is);
    tcase_add_loop_test(tcase, what_is_staged_and_has_another_length_is_refused, 0, 2);
    tcase_add_loop_test(tcase, what_is_staged_and_has_been_edited_is_refused, 0, 3);
    tcase_add_loop_test(tcase, an_output_that_somebody_else_has_made_is_refused, 0, 2);
    tcase_add_loop_test(tcase, an_output_with_another_path_goes_on_behind_what_the_old_one_has, 0,
                        3);
    tcase_add_loop_test(tcase, nothing_is_changed_before_the_job_begins, 0, 4);
    tcase_add_loop_test(tcase, without_space_all_wait_and_go_on_when_there_is_some, 0, 2);
    tcase_add_loop_test(tcase, an_output_without_rows_is_there, 0, 3);
    tcase_add_loop_test(
        tcase, a_short_job_that_is_killed_at_any_operation_shows_all_of_its_output_or_nothing, 0,
        2 * SHORT_SHAPES);
    tcase_add_loop_test(tcase, a_short_job_whose_step_fails_can_try_it_again, 0, SHORT_SHAPES);
    tcase_add_loop_test(tcase, an_output_that_needs_more_than_one_step_says_so, 0, 7);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
