// The folder of a job: what is published is there, what was given up goes, what is in use stays;
// and whatever fails, the checkpoint before is unharmed.
#include "tests/unit/checkpoint/subject.h"

static struct tm_error err;

static void setup(void)
{
    disk_init();
    subject_init(200, 1);
    tm_error_clear(&err);
}

static void teardown(void)
{
    subject_fini();
    ck_assert_int_eq(disk_open_count(), 0);
    disk_fini();
}

static struct tm_store *open_store(void)
{
    struct tm_store *store;
    int rc = subject_store(&store, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    return store;
}

static void take(struct tm_store *store, uint64_t checkpoint)
{
    subject_change(20);
    int rc = subject_take(store, checkpoint, true, NULL, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
}

static void collect(struct tm_store *store)
{
    int rc = tm_store_collect(store, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
}

static void ck_newest(uint64_t expected)
{
    uint64_t checkpoint = 0;
    int rc = subject_open("work/subject", 0, &checkpoint, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    ck_assert_uint_eq(checkpoint, expected);
}

static uint32_t files_in(const char *folder)
{
    int inode = disk_inode_of(folder);
    uint32_t count = 0;
    for (int i = 0; i < disk.names.count; i++)
        count += inode >= 0 && disk.names.all[i].folder == inode;
    return count;
}

START_TEST(what_is_published_is_the_newest)
{
    struct tm_store *store = open_store();
    ck_assert_uint_eq(tm_store_latest(store), 0);
    ck_assert_uint_eq(tm_store_next(store), 1);
    subject_change(500);
    for (uint64_t n = 1; n <= 40; n++) {
        take(store, n);
        collect(store);
        ck_assert_uint_eq(tm_store_latest(store), n);
        ck_newest(n);
    }
    tm_store_close(store);
}
END_TEST

START_TEST(differences_are_small_and_chains_end)
{
    struct tm_store *store = open_store();
    subject_change(500);
    take(store, 1);
    uint64_t whole = tm_written_bytes(subject.bases[0]), larger = 0;
    for (uint64_t n = 2; n <= 40; n++) {
        subject_change(1);
        ck_assert_int_eq(subject_take(store, n, true, NULL, &err), 0);
        larger += tm_written_bytes(subject.bases[0]) > whole / 2;
        collect(store);
        ck_newest(n);
    }
    ck_assert_uint_lt(larger, 10);
    tm_store_close(store);
}
END_TEST

START_TEST(a_state_that_did_not_change_is_not_written_again)
{
    struct tm_store *store = open_store();
    subject_change(500);
    take(store, 1);
    uint64_t whole = tm_written_bytes(subject.bases[0]);
    for (uint64_t n = 2; n <= 30; n++) {
        ck_assert_int_eq(subject_take(store, n, true, NULL, &err), 0);
        ck_assert_uint_lt(tm_written_bytes(subject.bases[0]), whole / 4);
        collect(store);
    }
    ck_newest(30);
    ck_assert(disk_has("work/subject/chk-1/c0-0.data")); // it is referred to
    ck_assert(!disk_has("work/subject/chk-1/MANIFEST"));
    tm_store_close(store);
}
END_TEST

START_TEST(the_newest_three_are_kept_and_what_they_need)
{
    struct tm_store *store = open_store();
    for (uint64_t n = 1; n <= 30; n++) {
        take(store, n);
        collect(store);
        for (uint64_t kept = n < 3 ? 1 : n - 2; kept <= n; kept++) {
            uint64_t checkpoint;
            ck_assert_int_eq(subject_open("work/subject", kept, &checkpoint, &err), 0);
        }
        if (n > 3) {
            uint64_t checkpoint;
            ck_assert_int_lt(subject_open("work/subject", n - 3, &checkpoint, &err), 0);
        }
    }
    ck_assert_uint_lt(files_in("work/subject"), 30); // folders of old ones have gone
    ck_assert(!disk_has("work/subject/chk-1"));
    tm_store_close(store);
}
END_TEST

static int remove_file(void *arg, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", (const char *)arg, name);
    return disk_unlink(NULL, path, &err);
}

// Somebody has made room by hand: it is as if it had been given up.
START_TEST(a_folder_that_was_taken_away_holds_no_collection_up)
{
    static char folder[] = "work/subject/chk-2";
    struct tm_store *store = open_store();
    for (uint64_t n = 1; n <= 12; n++) {
        subject_forget_base(); // so that nothing refers to what is taken away
        take(store, n);
        if (n == 3) {
            ck_assert_int_eq(disk_list(NULL, folder, remove_file, folder, &err), 0);
            ck_assert_int_eq(disk_remove_folder(NULL, folder, &err), 0);
        }
        collect(store);
    }
    ck_newest(12);
    ck_assert(!disk_has("work/subject/chk-1") && !disk_has("work/subject/chk-5"));
    tm_store_close(store);
}
END_TEST

START_TEST(what_was_given_up_leaves_nothing_and_is_referred_to_by_nothing)
{
    struct tm_store *store = open_store();
    take(store, 1);
    for (uint64_t n = 2; n <= 12; n++) {
        subject_change(20);
        ck_assert_int_eq(subject_take(store, n, n % 3 == 0, NULL, &err), 0);
        collect(store);
        ck_newest(n < 3 ? 1 : n - n % 3);
        ck_assert(disk_has("work/subject/chk-1"));
        ck_assert_uint_eq(files_in("work/subject"), 2 + (n < 3 ? 1 : 1 + n / 3));
    }
    tm_store_close(store);
}
END_TEST

START_TEST(a_savepoint_stands_alone)
{
    struct tm_store *store = open_store();
    uint64_t checkpoint;
    take(store, 1);
    take(store, 2);
    subject_change(20);
    ck_assert_int_eq(subject_take(store, 3, true, "saved/before", &err), 0);
    ck_assert_uint_eq(tm_store_latest(store), 2);
    ck_assert_uint_eq(tm_store_next(store), 4);
    ck_assert_int_eq(subject_take(store, 3, true, "saved/before", &err), TM_E_EXISTS);
    take(store, 4);
    ck_newest(4);
    ck_assert_int_eq(tm_store_rewind(store, 0, &err), 0); // all of the job's own go
    tm_store_close(store);
    ck_assert_int_eq(subject_open("saved/before", 0, &checkpoint, &err), 0);
    ck_assert_uint_eq(checkpoint, 3);
    ck_assert_int_eq(disk_fx.files->rename(NULL, "saved/before", "saved/elsewhere", &err), 0);
    ck_assert_int_eq(subject_open("saved/elsewhere", 0, &checkpoint, &err), 0);
    ck_assert_int_eq(subject_open("saved/elsewhere/", 0, &checkpoint, &err), 0);
}
END_TEST

START_TEST(the_number_of_a_savepoint_is_not_given_again)
{
    struct tm_store *store = open_store();
    take(store, 1);
    subject_change(20);
    ck_assert_int_eq(subject_take(store, 2, true, "saved/two", &err), 0);
    tm_store_close(store); // as a crash would end it: nothing of the job's is behind 1
    ck_assert(disk_has("work/subject/chk-2.saved"));
    store = open_store();
    ck_newest(1);
    ck_assert_uint_eq(tm_store_next(store), 3);
    ck_assert_int_eq(subject_take(store, 3, true, "saved/three", &err), 0);
    ck_assert(!disk_has("work/subject/chk-2.saved")); // the highest is enough
    tm_store_close(store);
    store = open_store();
    ck_assert_uint_eq(tm_store_next(store), 4);
    take(store, 4);
    ck_newest(4);
    tm_store_close(store);
}
END_TEST

START_TEST(the_numbers_of_what_a_job_goes_back_behind_are_not_given_again)
{
    struct tm_store *store = open_store();
    take(store, 1);
    take(store, 2);
    take(store, 3);
    ck_assert_int_eq(tm_store_keep_numbers(store, &err), 0);
    ck_assert_int_eq(tm_store_rewind(store, 1, &err), 0);
    tm_store_close(store); // as a crash would end it: nothing of the job's is behind 1
    store = open_store();
    ck_newest(1);
    ck_assert_uint_eq(tm_store_next(store), 4);
    ck_assert_int_eq(tm_store_rewind(store, 0, &err), 0); // also where nothing is left of it
    tm_store_close(store);
    store = open_store();
    ck_assert_uint_eq(tm_store_latest(store), 0);
    ck_assert_uint_eq(tm_store_next(store), 4);
    tm_store_close(store);
}
END_TEST

START_TEST(a_job_runs_once)
{
    struct tm_store *store = open_store(), *other;
    ck_assert_int_eq(subject_store(&other, &err), TM_E_JOB_RUNNING);
    ck_assert_str_eq(err.message, "the job subject runs already: this process holds "
                                  "work/subject/LOCK");
    tm_store_close(store);
    tm_store_close(open_store());
}
END_TEST

START_TEST(going_back_gives_up_what_is_newer)
{
    struct tm_store *store = open_store();
    uint64_t checkpoint;
    for (uint64_t n = 1; n <= 3; n++)
        take(store, n);
    ck_assert_int_eq(tm_store_rewind(store, 2, &err), 0);
    subject_forget_base();
    ck_newest(2);
    ck_assert(!disk_has("work/subject/chk-3"));
    ck_assert_int_eq(subject_open("work/subject", 3, &checkpoint, &err), TM_E_CHECKPOINT_MISSING);
    ck_assert_uint_eq(tm_store_next(store), 4); // no number is used twice
    tm_store_count_from(store, 2);              // begun with, of elsewhere
    ck_assert_uint_eq(tm_store_next(store), 4);
    tm_store_count_from(store, 9);
    ck_assert_uint_eq(tm_store_next(store), 10);
    take(store, 4);
    ck_newest(4);
    ck_assert_int_eq(tm_store_rewind(store, 0, &err), 0);
    ck_assert_int_eq(subject_open("work/subject", 0, &checkpoint, &err), TM_E_CHECKPOINT_MISSING);
    tm_store_close(store);
}
END_TEST

START_TEST(what_attempts_left_goes_when_the_folder_is_opened)
{
    struct tm_store *store = open_store();
    take(store, 1);
    tm_store_close(store);
    ck_assert_int_eq(disk_fx.files->mkdirs(NULL, "work/subject/chk-9.tmp", &err), 0);
    ck_assert_int_ge(
        disk_fx.files->open(NULL, "work/subject/chk-9.tmp/c0-0.data", TM_FILE_CREATE, &err), 0);
    ck_assert_int_eq(disk_fx.files->close(NULL, 3, NULL), 0);
    ck_assert_int_eq(disk_fx.files->mkdirs(NULL, "work/subject/chk-x", &err), 0);
    store = open_store();
    ck_assert(!disk_has("work/subject/chk-9.tmp"));
    ck_assert(disk_has("work/subject/chk-x")); // not ours
    ck_assert_uint_eq(tm_store_latest(store), 1);
    tm_store_close(store);
}
END_TEST

// It could not be published, and what it had written could not be removed either.
START_TEST(what_an_attempt_left_goes_with_a_later_collection)
{
    struct tm_store *store = open_store();
    take(store, 1);
    subject_change(20);
    for (int always = 0; always < 40 && !disk_has_attempt(2); always++) { // until it stays
        disk.only_writes = true;
        disk.fail_at = disk.calls + always;
        disk.fail_code = TM_E_IO;
        disk.fail_always = true;
        struct tm_error own = {0};
        ck_assert_int_eq(subject_take(store, 2, true, NULL, &own), TM_E_IO);
        disk.fail_at = -1;
    }
    ck_assert(disk_has_attempt(2));
    collect(store);
    ck_assert(!disk_has_attempt(2));
    disk.only_writes = false;
    take(store, 3);
    collect(store);
    ck_newest(3);
    tm_store_close(store);
}
END_TEST

// On a disk whose locks hold nothing: whoever was there before finds that out before it changes
// anything, and has no name in common with the other.
START_TEST(who_has_lost_the_folder_changes_nothing_in_it)
{
    struct tm_store *store = open_store(), *other;
    struct tm_pending *pending, *its;
    take(store, 1);
    ck_assert_int_eq(tm_store_begin(store, 2, &pending, &err), 0);
    disk_lose_locks();
    ck_assert_int_eq(subject_store(&other, &err), 0);
    ck_assert(!disk_has_attempt(2));
    ck_assert_int_eq(tm_store_begin(other, 2, &its, &err), 0);
    ck_assert_str_ne(tm_pending_place(pending)->folder, tm_pending_place(its)->folder);
    ck_assert_int_eq(tm_store_check(other, &err), 0);
    int ops = disk.op_count;
    ck_assert_int_eq(tm_store_check(store, &err), TM_E_JOB_RUNNING);
    ck_assert_int_eq(tm_store_begin(store, 3, &its, &err), TM_E_JOB_RUNNING);
    ck_assert_int_eq(tm_store_collect(store, &err), TM_E_JOB_RUNNING);
    ck_assert_int_eq(tm_store_rewind(store, 0, &err), TM_E_JOB_RUNNING);
    ck_assert_int_eq(disk.op_count, ops);
    tm_store_close(store);
    ck_assert(disk_has_attempt(2));
    tm_store_close(other);
    ck_newest(1);
}
END_TEST

// Another process takes the folder over while this one is about to rename something to `taken_at`,
// and publishes its own checkpoint of that number, or does not come so far.
static struct {
    const char *at;
    bool publishes;
    struct tm_store *by;
} taking;

static void take_over(const char *to)
{
    size_t length = strlen(to), end = strlen(taking.at);
    if (length < end || strcmp(to + length - end, taking.at) != 0)
        return;
    disk.before_rename = NULL;
    disk_lose_locks();
    taking.by = open_store();
    ck_assert_uint_eq(tm_store_latest(taking.by), 1);
    ck_assert_int_eq(tm_store_rewind(taking.by, 1, &err), 0);
    if (taking.publishes)
        take(taking.by, 2);
}

// It has looked, and the folder was its own: what it does then finds nothing to rename, and what
// the other one has published stays.
START_TEST(who_loses_the_folder_while_it_publishes_leaves_it_as_it_is)
{
    taking.at = _i < 2 ? "chk-2" : "LATEST";
    taking.publishes = _i % 2 != 0;
    struct tm_store *store = open_store();
    take(store, 1);
    disk.before_rename = take_over;
    ck_assert_int_ne(subject_take(store, 2, true, NULL, &err), 0);
    ck_assert_ptr_eq(disk.before_rename, NULL);
    tm_error_clear(&err);
    ck_assert_int_eq(tm_store_check(store, &err), TM_E_JOB_RUNNING);
    tm_error_clear(&err);
    ck_newest(taking.publishes ? 2 : 1);
    take(taking.by, taking.publishes ? 3 : 2);
    ck_newest(taking.publishes ? 3 : 2);
    tm_store_close(store);
    tm_store_close(taking.by);
    ck_newest(taking.publishes ? 3 : 2);
    store = open_store();
    tm_store_close(store);
}
END_TEST

static bool was_synced_since(int op, const char *path)
{
    for (; op < disk.op_count; op++)
        if (disk.ops[op].what == DISK_SYNC_FOLDER && disk.ops[op].inode == disk_inode_of(path))
            return true;
    return false;
}

// Whoever made it may have been killed before its name, or that of a folder above it, was durable.
START_TEST(names_of_folders_that_are_there_already_last)
{
    ck_assert_int_eq(disk_fx.files->mkdirs(NULL, "work/subject", &err), 0);
    int op = disk.op_count;
    struct tm_store *store = open_store();
    ck_assert(was_synced_since(op, "work"));
    ck_assert(was_synced_since(op, "."));
    tm_store_close(store);
}
END_TEST

// Whoever wrote it may have been killed before it synced the folder.
START_TEST(what_latest_says_lasts_when_the_folder_is_opened)
{
    struct tm_store *store = open_store();
    take(store, 1);
    tm_store_close(store);
    int op = disk.op_count;
    store = open_store();
    ck_assert(was_synced_since(op, "work/subject"));
    tm_store_close(store);
}
END_TEST

// Whoever removed the manifest may have ended before it synced the folder.
START_TEST(that_a_checkpoint_was_given_up_lasts_when_the_folder_is_opened)
{
    struct tm_store *store = open_store();
    take(store, 1);
    take(store, 2);
    tm_store_close(store);
    ck_assert_int_eq(disk_fx.files->unlink(NULL, "work/subject/chk-1/MANIFEST", &err), 0);
    int folder = disk_inode_of("work/subject/chk-1"), from = disk.op_count;
    bool synced = false;
    store = open_store();
    for (int i = from; i < disk.op_count; i++)
        synced = synced || (disk.ops[i].what == DISK_SYNC_FOLDER && disk.ops[i].inode == folder);
    ck_assert(synced);
    tm_store_close(store);
}
END_TEST

START_TEST(files_of_what_is_under_way_stay)
{
    struct tm_store *store = open_store();
    struct tm_pending *slow;
    subject_change(400);
    take(store, 1);
    ck_assert_int_eq(tm_store_begin(store, 2, &slow, &err), 0);
    subject_forget_base(); // whole images from now on: nothing refers to the first one
    for (uint64_t n = 3; n <= 9; n++) {
        take(store, n);
        subject_forget_base();
        collect(store);
        ck_assert(disk_has("work/subject/chk-1/c0-0.data"));
        ck_assert(disk_has_attempt(2));
    }
    tm_store_discard(store, slow);
    ck_assert(!disk_has_attempt(2));
    collect(store);
    ck_assert(disk_has("work/subject/chk-1/c0-0.data")); // doubtful now
    collect(store);
    ck_assert(!disk_has("work/subject/chk-1"));
    ck_newest(9);
    tm_store_close(store);
}
END_TEST

// Of another job, another version, not there.
START_TEST(what_is_not_this_job_s_is_refused)
{
    struct tm_store *store = open_store();
    take(store, 1);
    tm_store_close(store);
    struct tm_restored_args args = {
        .mem = &subject.mem, .fx = &disk_fx, .path = "work/subject", .job = "other"};
    struct tm_restored *restored;
    ck_assert_int_eq(tm_restored_open(&args, &restored, &err), TM_E_CHECKPOINT_JOB);
    ck_assert_str_eq(err.message,
                     "work/subject/chk-1 is a checkpoint of the job subject, not of other");
    args.job = NULL;
    args.checkpoint = 7;
    ck_assert_int_eq(tm_restored_open(&args, &restored, &err), TM_E_CHECKPOINT_MISSING);
    args.checkpoint = 0;
    args.path = "work/nothing";
    ck_assert_int_lt(tm_restored_open(&args, &restored, &err), 0);
    ck_assert_ptr_null(restored);
}
END_TEST

// Every call of a checkpoint, a collection and a savepoint fails once, and then all that follow
// too: it is declined or there, the one before is unharmed, and what comes after succeeds. False:
// there were not so many calls.
static bool fail_at(int64_t call, int code, bool always)
{
    disk_init();
    subject_init(100, 3);
    struct tm_store *store = open_store();
    for (uint64_t n = 1; n <= 5; n++) {
        take(store, n);
        collect(store);
    }
    subject_change(10);
    int64_t begin = disk.calls;
    disk.only_writes = true;
    disk.fail_at = begin + call;
    disk.fail_code = code;
    disk.fail_always = always;
    struct tm_error own = {0};
    int rc = subject_take(store, 6, true, NULL, &own);
    ck_assert(rc == 0 || rc == code);
    ck_assert(rc == 0 || own.message[0] != '\0');
    bool collected = rc == 0 && tm_store_collect(store, &own) == 0;
    bool saved = collected && subject_take(store, 7, true, "saved/all", &own) == 0;
    disk.fail_at = -1;
    bool reached = disk.calls > begin + call;
    disk.only_writes = false;
    // As a restart of the process would see it, and as one within it does.
    uint64_t latest = tm_store_latest(store), checkpoint, seen;
    ck_assert_uint_eq(latest, rc == 0 ? 6 : 5);
    ck_assert_int_eq(subject_open("work/subject", latest, &checkpoint, &err), 0);
    ck_assert_int_eq(subject_open("work/subject", 0, &seen, &err), 0);
    ck_assert(seen == latest || seen == 6);
    if (!always)
        ck_assert_msg(!disk_has_attempt(6), "call %lld: %s", (long long)call, own.message);
    ck_assert_int_eq(tm_store_rewind(store, latest, &err), 0);
    ck_newest(latest);
    take(store, 8);
    collect(store);
    ck_newest(8);
    ck_assert_int_eq(subject_open("work/subject", latest, &checkpoint, &err), 0);
    if (saved)
        ck_assert_int_eq(subject_open("saved/all", 0, &checkpoint, &err), 0);
    else
        ck_assert(subject_open("saved/all", 0, &checkpoint, &err) != TM_E_INTERNAL);
    tm_store_close(store);
    teardown();
    return reached;
}

START_TEST(whatever_fails_the_checkpoint_before_is_unharmed)
{
    teardown();
    int64_t tried = 0;
    for (int always = 0; always < 2; always++)
        for (int code = 0; code < 2; code++)
            for (int64_t call = 0; fail_at(call, code == 0 ? TM_E_NO_SPACE : TM_E_IO, always != 0);
                 call++)
                tried++;
    printf("store: %lld failures\n", (long long)tried);
    ck_assert_int_gt(tried, 100);
    setup();
}
END_TEST

// Any call of giving up all fails, once or from then on: all that the newest has is there, or no
// checkpoint is; and what could not be removed goes later. False: there were not so many calls.
static bool fail_anew_at(int64_t call, bool always)
{
    disk_init();
    subject_init(100, 3);
    struct tm_store *store = open_store();
    for (uint64_t n = 1; n <= 5; n++) {
        subject_change(2);
        ck_assert_int_eq(subject_take(store, n, true, NULL, &err), 0);
        collect(store);
    }
    subject_forget_base();
    int64_t begin = disk.calls;
    disk.only_writes = true;
    disk.fail_at = begin + call;
    disk.fail_code = TM_E_IO;
    disk.fail_always = always;
    struct tm_error own = {0};
    int rc = tm_store_rewind(store, 0, &own);
    disk.fail_at = -1;
    bool reached = disk.calls > begin + call;
    disk.only_writes = false;
    ck_assert(rc == 0 || own.message[0] != '\0');
    uint64_t seen = 0;
    int opened = subject_open("work/subject", 0, &seen, &err);
    if (rc == 0 || opened != 0)
        ck_assert_msg(opened == TM_E_CHECKPOINT_MISSING, "call %lld: %s", (long long)call,
                      err.message);
    else
        ck_assert_uint_eq(seen, 5);
    if (rc != 0)
        ck_assert_int_eq(tm_store_rewind(store, 0, &err), 0);
    take(store, 6);
    collect(store);
    collect(store);
    ck_newest(6);
    for (uint64_t n = 1; n <= 5; n++) {
        char path[64];
        snprintf(path, sizeof path, "work/subject/chk-%llu", (unsigned long long)n);
        ck_assert_msg(!disk_has(path), "call %lld: %s stays", (long long)call, path);
    }
    tm_store_close(store);
    teardown();
    return reached;
}

START_TEST(whatever_fails_a_job_that_begins_anew_has_a_whole_checkpoint_or_none)
{
    teardown();
    int64_t tried = 0;
    for (int always = 0; always < 2; always++)
        for (int64_t call = 0; fail_anew_at(call, always != 0); call++)
            tried++;
    printf("store: %lld failures of giving up\n", (long long)tried);
    ck_assert_int_gt(tried, 20);
    setup();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint_store");
    TCase *tests = tcase_create("store");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_is_published_is_the_newest);
    tcase_add_test(tests, what_latest_says_lasts_when_the_folder_is_opened);
    tcase_add_test(tests, who_has_lost_the_folder_changes_nothing_in_it);
    tcase_add_loop_test(tests, who_loses_the_folder_while_it_publishes_leaves_it_as_it_is, 0, 4);
    tcase_add_test(tests, names_of_folders_that_are_there_already_last);
    tcase_add_test(tests, differences_are_small_and_chains_end);
    tcase_add_test(tests, a_state_that_did_not_change_is_not_written_again);
    tcase_add_test(tests, the_newest_three_are_kept_and_what_they_need);
    tcase_add_test(tests, a_folder_that_was_taken_away_holds_no_collection_up);
    tcase_add_test(tests, what_was_given_up_leaves_nothing_and_is_referred_to_by_nothing);
    tcase_add_test(tests, a_savepoint_stands_alone);
    tcase_add_test(tests, the_number_of_a_savepoint_is_not_given_again);
    tcase_add_test(tests, the_numbers_of_what_a_job_goes_back_behind_are_not_given_again);
    tcase_add_test(tests, a_job_runs_once);
    tcase_add_test(tests, going_back_gives_up_what_is_newer);
    tcase_add_test(tests, what_attempts_left_goes_when_the_folder_is_opened);
    tcase_add_test(tests, what_an_attempt_left_goes_with_a_later_collection);
    tcase_add_test(tests, that_a_checkpoint_was_given_up_lasts_when_the_folder_is_opened);
    tcase_add_test(tests, files_of_what_is_under_way_stay);
    tcase_add_test(tests, what_is_not_this_job_s_is_refused);
    tcase_add_test(tests, whatever_fails_the_checkpoint_before_is_unharmed);
    tcase_add_test(tests, whatever_fails_a_job_that_begins_anew_has_a_whole_checkpoint_or_none);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
