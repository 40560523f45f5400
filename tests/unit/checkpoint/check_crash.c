// What a crash leaves of a row of checkpoints: every prefix of the changes to files, with whatever
// of the changes that were not synced, in any combination. Each state opens as the checkpoint
// before or the one that was being published, complete; what else has a manifest is complete too;
// and a job goes on from it. Without any one of the syncs that is not so.
//
// TM_LONG=1 looks at many more of them, and says how far it is. TM_PART=K/N looks at those whose
// hash leaves K when it is divided by N: parts 0 to N - 1 have no state in common, so their counts
// add up.
#include "tests/unit/checkpoint/subject.h"

#include <inttypes.h>

enum {
    UNSYNCED_MAX = 8,     // files with bytes that a crash may cut
    SEEN_SHORT = 1 << 21, // powers of two
    SEEN_LONG = 1 << 24,
};

static struct tm_error err;

// How thoroughly: changes of names that a crash may undo, all subsets of so many; and where a file
// is cut, from what was synced to all of it.
static struct {
    int loose;
    uint32_t cuts;
} reach;
static uint64_t part, parts = 1; // TM_PART

// --- the row -------------------------------------------------------------------------------------

// After this many operations the checkpoint had been published for whoever asked: `done`; from
// `begun` on another one may be the newest.
struct moment {
    int ops;
    uint64_t done, begun;
};
static struct moment moments[256];
static int moment_count;
static int saved_after; // operations until the savepoint was there

// Syncs that nothing in this row depends on: of what is given up; of LATEST where it says what it
// said, or where there was none; of a folder that holds the savepoint and is synced again.
static bool idle[512];

static void is_idle(int64_t from, int64_t to)
{
    ck_assert_int_le(to, 512);
    for (int64_t i = from; i < to; i++)
        idle[i] = true;
}

static void moment(uint64_t done, uint64_t begun)
{
    ck_assert_int_lt(moment_count, 256);
    moments[moment_count++] = (struct moment){disk.op_count, done, begun};
}

// Checkpoints, some given up, a savepoint between, files collected, a restart, a way back.
static void run_row(void)
{
    struct tm_store *store;
    uint64_t done = 0;
    moment_count = 0;
    memset(idle, 0, sizeof idle);
    moment(0, 0);
    ck_assert_int_eq(subject_store(&store, &err), 0);
    is_idle(disk.syncs - 1, disk.syncs); // nothing is there yet that could have been named
    for (uint64_t n = 1; n <= 12; n++) {
        bool given_up = n == 4, savepoint = n == 6;
        subject_change(n == 8 ? 30 : 4);
        if (n == 9) { // the process is begun anew
            tm_store_close(store);
            subject_forget_base();
            int64_t before = disk.syncs; // that what was given up has gone lasts in this row
            ck_assert_int_eq(subject_store(&store, &err), 0);
            ck_assert_int_eq(tm_store_rewind(store, done, &err), 0);
            is_idle(before, disk.syncs);
        }
        if (n == 11) { // and begins with an older one, as its user wants
            moment(done - 1, done);
            ck_assert_int_eq(tm_store_rewind(store, done - 1, &err), 0);
            subject_forget_base();
            done--;
            moment(done, done);
        }
        if (!given_up && !savepoint)
            moment(done, n);
        int64_t syncs = disk.syncs;
        int rc = subject_take(store, n, !given_up, savepoint ? "work/saved" : NULL, &err);
        ck_assert_msg(rc == 0, "%s", err.message);
        if (given_up)
            is_idle(syncs, disk.syncs);
        if (savepoint) {
            is_idle(syncs, syncs + 2); // its folder and the one above
            saved_after = disk.op_count;
        }
        if (n == 1)
            is_idle(disk.syncs - 1, disk.syncs);
        if (!given_up && !savepoint) {
            done = n;
            moment(done, done);
        }
        syncs = disk.syncs;
        ck_assert_int_eq(tm_store_collect(store, &err), 0);
        if (n == 7 || n == 8) // what they gave up is synced again by the process that begins anew
            is_idle(syncs, disk.syncs);
    }
    for (int i = 0; i < 2; i++) // the files of what was given up last go, too
        ck_assert_int_eq(tm_store_collect(store, &err), 0);
    tm_store_close(store);
    moment(done, done);
}

static struct moment moment_of(int ops)
{
    int i = moment_count - 1;
    while (i > 0 && moments[i].ops > ops)
        i--;
    return moments[i];
}

// --- what a crash leaves -------------------------------------------------------------------------

// The changes so far: what is durable, and what is not.
struct crash {
    struct disk_names names; // durable
    struct disk_op loose[64];
    int loose_count;
    size_t synced[DISK_INODES], written[DISK_INODES];
};

static void advance(struct crash *crash, const struct disk_op *op)
{
    int kept = 0;
    switch (op->what) {
    case DISK_WRITE:
        crash->written[op->inode] = op->size;
        break;
    case DISK_SYNC:
        crash->synced[op->inode] = crash->written[op->inode];
        break;
    case DISK_SYNC_FOLDER:
        for (int i = 0; i < crash->loose_count; i++)
            if (crash->loose[i].folder == op->inode)
                disk_apply(&crash->names, &crash->loose[i]);
            else
                crash->loose[kept++] = crash->loose[i];
        crash->loose_count = kept;
        break;
    default:
        ck_assert_int_lt(crash->loose_count, 64);
        crash->loose[crash->loose_count++] = *op;
    }
}

static uint64_t *seen; // hashes of states that were looked at
static uint64_t seen_count;
static uint64_t made, distinct, opened, recovered;
static char violation[512];

static bool is_new(uint64_t hash)
{
    hash += hash == 0;
    for (uint64_t i = hash;; i++) {
        uint64_t *slot = &seen[i & (seen_count - 1)];
        if (*slot == hash)
            return false;
        if (*slot == 0) {
            *slot = hash;
            distinct++;
            ck_assert_uint_lt(distinct, seen_count / 2);
            return true;
        }
    }
}

static uint64_t hash_of(const struct moment *m)
{
    uint64_t hash = m->done * 31 + m->begun;
    for (int i = 0; i < disk.names.count; i++) { // in any order
        const struct disk_name *name = &disk.names.all[i];
        const struct disk_inode *inode = &disk.inodes[name->inode];
        uint64_t parts[4] = {(uint64_t)name->folder, (uint64_t)name->inode,
                             tm_hash_bytes(name->name, strlen(name->name)), inode->size};
        hash += tm_hash_bytes(parts, sizeof parts);
    }
    return hash;
}

static void violate(int ops, const char *what, uint64_t checkpoint, int rc)
{
    if (violation[0] == '\0')
        snprintf(violation, sizeof violation,
                 "after %d operations: %s (checkpoint %llu, %d: %.300s)", ops, what,
                 (unsigned long long)checkpoint, rc, rc != 0 ? err.message : "");
}

static void check_newest(int ops, const struct moment *m, uint64_t *checkpoint)
{
    *checkpoint = 0;
    tm_error_clear(&err);
    int rc = disk_has("work/subject") ? subject_open("work/subject", 0, checkpoint, &err)
                                      : TM_E_CHECKPOINT_MISSING;
    if (rc == TM_E_CHECKPOINT_MISSING && m->done == 0 && !disk_has("work/subject/LATEST"))
        return;
    if (rc != 0)
        violate(ops, "the newest does not open", *checkpoint, rc);
    else if (*checkpoint != m->done && *checkpoint != m->begun)
        violate(ops, "another one is the newest", *checkpoint, rc);
    opened++;
}

// What has a good manifest is complete, whether it is used or not.
static void check_others(int ops)
{
    char path[64];
    for (uint64_t n = 1; n <= 12; n++) {
        uint64_t checkpoint = 0;
        snprintf(path, sizeof path, "work/subject/chk-%llu/MANIFEST", (unsigned long long)n);
        int rc = disk_has(path) ? subject_open("work/subject", n, &checkpoint, &err) : 0;
        if (rc != 0)
            violate(ops, "one with a manifest is not complete", n, rc);
    }
    uint64_t checkpoint = 0;
    int rc = disk_has("work/saved") ? subject_open("work/saved", 0, &checkpoint, &err) : 0;
    if (rc != 0)
        violate(ops, "the savepoint is not complete", 6, rc);
    if (ops >= saved_after && !disk_has("work/saved"))
        violate(ops, "the savepoint is gone", 6, 0);
}

// Opened as a job does that goes on: it publishes another one.
static void check_recovery(int ops, uint64_t latest)
{
    struct tm_store *store = NULL;
    struct tm_pending *pending;
    struct disk_names names = disk.names;
    int inodes = disk.inode_count, rc = subject_store(&store, &err);
    uint64_t checkpoint = 0, next = 0;
    if (rc == 0 && tm_store_latest(store) != latest)
        violate(ops, "the store has another newest one", tm_store_latest(store), 0);
    if (rc == 0 && disk_has("work/saved") && tm_store_next(store) <= 6)
        violate(ops, "the number of the savepoint is given again", tm_store_next(store), 0);
    if (rc == 0)
        rc = tm_store_rewind(store, latest, &err);
    if (rc == 0 && latest != 0)
        rc = subject_open("work/subject", 0, &checkpoint, &err);
    if (rc == 0 && checkpoint != latest)
        rc = TM_E_INTERNAL;
    if (rc == 0) {
        next = tm_store_next(store);
        rc = tm_store_begin(store, next, &pending, &err);
    }
    if (rc == 0)
        tm_store_discard(store, pending);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = tm_store_collect(store, &err);
    if (rc == 0 && latest != 0)
        rc = subject_open("work/subject", latest, &checkpoint, &err);
    if (rc != 0)
        violate(ops, "the job cannot go on", latest, rc);
    tm_store_close(store);
    while (disk.inode_count > inodes) {
        free(disk.inodes[--disk.inode_count].data);
        disk.inodes[disk.inode_count] = (struct disk_inode){0};
    }
    disk.names = names;
    recovered++;
}

static void look(int ops, const struct moment *m)
{
    uint64_t checkpoint, hash = hash_of(m);
    made++;
    if (hash % parts != part || !is_new(hash))
        return;
    check_newest(ops, m, &checkpoint);
    check_others(ops);
    if (violation[0] == '\0' && distinct % 8 == 0)
        check_recovery(ops, checkpoint);
}

// All sizes of files with bytes that were not synced, for one set of names.
static void cut_files(int ops, const struct moment *m, const struct crash *crash, const int *cut,
                      int count)
{
    size_t whole[UNSYNCED_MAX];
    uint32_t all = 1;
    for (int i = 0; i < count; i++)
        all *= reach.cuts;
    for (int i = 0; i < count; i++)
        whole[i] = disk.inodes[cut[i]].size;
    for (uint32_t which = 0; which < all && violation[0] == '\0'; which++) {
        uint32_t rest = which;
        for (int i = 0; i < count; i++, rest /= reach.cuts) {
            size_t from = crash->synced[cut[i]], to = crash->written[cut[i]];
            disk.inodes[cut[i]].size = from + (to - from) * (rest % reach.cuts) / (reach.cuts - 1);
        }
        look(ops, m);
    }
    for (int i = 0; i < count; i++)
        disk.inodes[cut[i]].size = whole[i];
}

static bool is_named(int inode)
{
    for (int i = 0; i < disk.names.count; i++)
        if (disk.names.all[i].inode == inode)
            return true;
    return false;
}

static void crash_at(int ops, const struct crash *crash)
{
    struct moment m = moment_of(ops);
    int loose = crash->loose_count < reach.loose ? crash->loose_count : reach.loose;
    int first = crash->loose_count - loose; // older ones: all or none of them
    for (uint32_t old = 0; old < (first != 0 ? 2u : 1u); old++)
        for (uint32_t set = 1u << loose; set-- > 0 && violation[0] == '\0';) {
            int cut[UNSYNCED_MAX], count = 0;
            disk.names = crash->names;
            for (int i = 0; i < first && old != 0; i++)
                disk_apply(&disk.names, &crash->loose[i]);
            for (int i = 0; i < loose; i++)
                if ((set >> i & 1) != 0)
                    disk_apply(&disk.names, &crash->loose[first + i]);
            for (int i = 0; i < disk.inode_count; i++)
                if (crash->synced[i] != crash->written[i] && is_named(i)) {
                    ck_assert_int_lt(count, UNSYNCED_MAX);
                    cut[count++] = i;
                }
            cut_files(ops, &m, crash, cut, count);
        }
}

static void tell_progress(int ops)
{
    enum { TIMES = 20 };
    if (!test_is_long() || (ops + 1) * TIMES / disk.op_count == ops * TIMES / disk.op_count)
        return;
    printf("crash: %d of %d operations, %llu states made, %llu distinct\n", ops + 1, disk.op_count,
           (unsigned long long)made, (unsigned long long)distinct);
    fflush(stdout);
}

// Every prefix of at least so many operations. Leaves at the first violation.
static void crash_everywhere(int from)
{
    static struct crash crash;
    struct disk_names names = disk.names;
    memset(&crash, 0, sizeof crash);
    violation[0] = '\0';
    disk.recording = false;
    disk.skip_sync = -1;
    for (int fd = 0; fd < DISK_OPEN; fd++)
        ck_assert_int_lt(disk.open[fd].inode, 0);
    size_t *sizes = calloc(DISK_INODES, sizeof *sizes);
    for (int i = 0; i < disk.inode_count; i++) {
        sizes[i] = disk.inodes[i].size;
        disk.inodes[i].size = 0;
    }
    if (from == 0)
        crash_at(0, &crash);
    for (int ops = 0; ops < disk.op_count && violation[0] == '\0'; ops++) {
        const struct disk_op *op = &disk.ops[ops];
        advance(&crash, op);
        disk.inodes[op->inode].size = crash.written[op->inode];
        if (ops + 1 >= from)
            crash_at(ops + 1, &crash);
        if (from == 0)
            tell_progress(ops);
    }
    for (int i = 0; i < disk.inode_count; i++)
        disk.inodes[i].size = sizes[i];
    free(sizes);
    disk.names = names;
}

// The first checkpoint, cut off before LATEST, as the process was killed; what is in memory of the
// disk is there for the next process, which begins from it.
static void run_first(void)
{
    struct tm_store *store;
    moment_count = 0;
    saved_after = INT_MAX;
    moment(0, 0);
    ck_assert_int_eq(subject_store(&store, &err), 0);
    moment(0, 1);
    ck_assert_int_eq(subject_take(store, 1, true, NULL, &err), 0);
    tm_store_close(store);
    int kept = disk.op_count;
    while (disk.ops[kept - 1].what != DISK_RENAME ||
           strcmp(disk.ops[kept - 1].to, "chk-1") != 0) // that it lasts came after it
        kept--;
    disk.op_count = kept;
    ck_assert_int_eq(disk_unlink(NULL, "work/subject/LATEST", &err), 0);
    disk.op_count = kept;
    subject_forget_base();
    ck_assert_int_eq(subject_store(&store, &err), 0);
    ck_assert_uint_eq(tm_store_latest(store), 1);
    ck_assert_int_eq(tm_store_rewind(store, 1, &err), 0);
    moment(1, 1);
    tm_store_close(store);
}

// Some checkpoints, whose files the later ones refer to; then the job begins anew, and takes one.
static void run_anew(void)
{
    struct tm_store *store;
    moment_count = 0;
    saved_after = INT_MAX;
    moment(0, 0);
    ck_assert_int_eq(subject_store(&store, &err), 0);
    for (uint64_t n = 1; n <= 6; n++) {
        if (n == 6) {
            tm_store_close(store);
            subject_forget_base();
            ck_assert_int_eq(subject_store(&store, &err), 0);
            moment(0, 5); // all of them, or none
            ck_assert_int_eq(tm_store_rewind(store, 0, &err), 0);
            moment(0, 0);
        }
        subject_change(3);
        moment(n == 6 ? 0 : n - 1, n);
        ck_assert_int_eq(subject_take(store, n, true, NULL, &err), 0);
        moment(n, n);
        ck_assert_int_eq(tm_store_collect(store, &err), 0);
    }
    tm_store_close(store);
}

static int64_t try_row(void (*row)(void), int64_t skip_sync)
{
    disk_init();
    subject_init(24, 5);
    disk.skip_sync = skip_sync;
    if (distinct != 0)
        memset(seen, 0, seen_count * sizeof *seen);
    made = distinct = opened = recovered = 0;
    row();
    int64_t syncs = disk.syncs;
    crash_everywhere(disk.skipped_at); // what came before is as ever
    subject_fini();
    disk_fini();
    return syncs;
}

static void begin(void)
{
    const char *asked = getenv("TM_PART");
    seen_count = test_is_long() ? SEEN_LONG : SEEN_SHORT;
    seen = calloc(seen_count, sizeof *seen);
    ck_assert_ptr_nonnull(seen);
    if (asked != NULL)
        ck_assert_msg(sscanf(asked, "%" SCNu64 "/%" SCNu64, &part, &parts) == 2 && part < parts,
                      "TM_PART=%s: K/N is needed, K from 0 to N - 1", asked);
}

START_TEST(every_crash_leaves_the_old_or_the_new_checkpoint)
{
    begin();
    reach.loose = test_is_long() ? 10 : 5;
    reach.cuts = test_is_long() ? 13 : 4;
    int64_t syncs = try_row(run_row, -1);
    ck_assert_msg(violation[0] == '\0', "%s", violation);
    printf("crash: part %llu of %llu: %llu distinct states of %llu, %llu with a checkpoint, %llu "
           "gone on from, %lld syncs\n",
           (unsigned long long)part, (unsigned long long)parts, (unsigned long long)distinct,
           (unsigned long long)made, (unsigned long long)opened, (unsigned long long)recovered,
           (long long)syncs);
    ck_assert_uint_gt(distinct, (test_is_long() ? 100000 : 3000) / parts);
    free(seen);
}
END_TEST

START_TEST(a_first_one_without_latest_lasts_before_latest_names_it)
{
    begin();
    reach.loose = 10;
    reach.cuts = 3;
    (void)try_row(run_first, -1);
    ck_assert_msg(violation[0] == '\0', "%s", violation);
    free(seen);
}
END_TEST

START_TEST(a_job_that_begins_anew_has_all_of_its_checkpoint_until_it_has_none)
{
    begin();
    reach.loose = test_is_long() ? 10 : 6;
    reach.cuts = 3;
    (void)try_row(run_anew, -1);
    ck_assert_msg(violation[0] == '\0', "%s", violation);
    free(seen);
}
END_TEST

START_TEST(without_any_one_sync_a_crash_leaves_neither)
{
    begin();
    parts = 1; // a violation may be in any part
    part = 0;
    reach.loose = test_is_long() ? 5 : 2;
    reach.cuts = 2;
    int64_t syncs = 1, missed = 0, tried = 0;
    for (int64_t skip = 0; skip < syncs; skip++) {
        if (skip != 0 && idle[skip])
            continue;
        syncs = try_row(run_row, skip);
        tried++;
        if (violation[0] == '\0') {
            printf("crash: without sync %lld (%s) nothing is missed\n", (long long)skip,
                   disk_skipped);
            fflush(stdout);
            missed++;
        }
    }
    ck_assert_int_eq(missed, 0);
    printf("crash: each of %lld syncs is needed\n", (long long)tried);
    free(seen);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint_crash");
    TCase *tests = tcase_create("crash");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, every_crash_leaves_the_old_or_the_new_checkpoint);
    tcase_add_test(tests, a_first_one_without_latest_lasts_before_latest_names_it);
    tcase_add_test(tests, a_job_that_begins_anew_has_all_of_its_checkpoint_until_it_has_none);
    tcase_add_test(tests, without_any_one_sync_a_crash_leaves_neither);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
