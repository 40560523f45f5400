// Which checkpoint a job begins with, on a disk that does not give one when it is asked.
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/checkpoint/restored.h"
#include "core/checkpoint/store.h"
#include "core/cli/life.h"
#include "core/loop/real.h"

static const char JOB[] =
    "local tm = require \"tidemill\"\n"
    "local job = tm.job(\"kept\", { checkpoint = \"1h\" })\n"
    "job:from(tm.generate { count = 1, fields = { n = tm.gen.sequence() } }):to(tm.discard())\n"
    "return job\n";

static struct tm_fx real, fx;
static struct tm_fx_files files;
static struct tm_cli_options options;
static struct tm_engine engine;
static struct tm_life life;
static struct tm_error err;
static char folder[64], job_path[96], kept_path[96];

static char broken[128];  // the end of a path that cannot be opened
static int failures;      // so often
static int asked;         // how often it was, to be begun with
static bool store_looked; // who looks at what is there, before that

static int open_or_fail(void *ctx, const char *path, enum tm_file_mode mode, struct tm_error *e)
{
    size_t length = strlen(path), end = strlen(broken);
    bool meant = end != 0 && length >= end && strcmp(path + length - end, broken) == 0;
    if (meant && store_looked && ++asked <= failures)
        return tm_error_set(e, TM_E_IO, "open %s: Input/output error", path);
    store_looked = store_looked || meant;
    return real.files->open(ctx, path, mode, e);
}

// A checkpoint of a job that keeps nothing.
static void publish(struct tm_store *store, struct tm_mem *mem, uint64_t checkpoint)
{
    struct tm_pending *pending;
    struct tm_manifest manifest;
    ck_assert_int_eq(tm_store_begin(store, checkpoint, &pending, &err), 0);
    tm_manifest_init(&manifest, mem);
    manifest.job = "kept";
    manifest.checkpoint = checkpoint;
    manifest.max_parallelism = 128;
    manifest.script = JOB;
    manifest.types = manifest.schemas = "";
    int rc = tm_store_publish(store, pending, &manifest, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    tm_manifest_fini(&manifest);
}

static void take(uint64_t count)
{
    struct tm_mem mem;
    struct tm_store *store;
    tm_mem_init(&mem, &real, NULL, 0);
    const struct tm_store_args args = {
        .mem = &mem, .fx = &real, .folder = kept_path, .job = "kept", .retain = 3};
    ck_assert_int_eq(tm_store_open(&args, &store, &err), 0);
    for (uint64_t n = 1; n <= count; n++)
        publish(store, &mem, n);
    tm_store_close(store);
}

static void setup(void)
{
    tm_error_clear(&err);
    broken[0] = '\0';
    failures = asked = 0;
    store_looked = false;
    ck_assert_int_eq(tm_real_init(&real, &err), 0);
    files = *real.files;
    files.open = open_or_fail;
    fx = real;
    fx.files = &files;
    snprintf(folder, sizeof folder, "/tmp/check_life.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(job_path, sizeof job_path, "%s/job.lua", folder);
    snprintf(kept_path, sizeof kept_path, "%s/kept", folder);
    FILE *file = fopen(job_path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(JOB, file);
    ck_assert_int_eq(fclose(file), 0);
    options = (struct tm_cli_options){
        .file = job_path, .dir = folder, .quiet = true, .out = stdout, .parallelism = 1};
    int rc = tm_engine_open_in(&engine, &options, &fx, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
}

static void teardown(void)
{
    tm_life_close(&life);
    tm_engine_close(&engine);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
    tm_real_fini(&real);
}

START_TEST(the_newest_is_begun_with)
{
    take(2);
    snprintf(broken, sizeof broken, "chk-2/MANIFEST");
    ck_assert_int_eq(tm_life_open(&life, &engine, &err), 0);
    ck_assert_uint_eq(tm_restored_checkpoint(life.restored), 2);
    ck_assert(life.is_newest);
    ck_assert_int_eq(asked, 1);
}
END_TEST

START_TEST(one_that_the_disk_does_not_give_at_once_is_asked_for_again)
{
    take(2);
    snprintf(broken, sizeof broken, "chk-2/MANIFEST");
    for (failures = 1; failures <= 2; failures++) {
        asked = 0;
        store_looked = false;
        int rc = tm_life_open(&life, &engine, &err);
        ck_assert_msg(rc == 0, "%d failures: %s", failures, err.message);
        ck_assert_uint_eq(tm_restored_checkpoint(life.restored), 2);
        ck_assert(life.is_newest);
        ck_assert_uint_eq(life.damaged, 0);
        ck_assert_int_eq(asked, failures + 1);
        tm_life_close(&life);
    }
}
END_TEST

START_TEST(one_that_the_disk_never_gives_is_left_for_the_one_before)
{
    take(2);
    snprintf(broken, sizeof broken, "chk-2/MANIFEST");
    failures = 1000;
    int rc = tm_life_open(&life, &engine, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    ck_assert_uint_eq(tm_restored_checkpoint(life.restored), 1);
    ck_assert(!life.is_newest);
    ck_assert_uint_eq(life.damaged, 2);
    ck_assert_uint_eq(life.rewind, 1);
    ck_assert_int_eq(asked, 3); // and not without end
}
END_TEST

START_TEST(the_only_one_that_the_disk_never_gives_is_an_error)
{
    take(1);
    snprintf(broken, sizeof broken, "chk-1/MANIFEST");
    failures = 1000;
    ck_assert_int_eq(tm_life_open(&life, &engine, &err), TM_E_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "Input/output error"));
    ck_assert_int_eq(asked, 3);
    ck_assert_ptr_null(life.restored);
    tm_life_close(&life);
    store_looked = false;
    failures = 0; // the next start has it
    tm_error_clear(&err);
    ck_assert_int_eq(tm_life_open(&life, &engine, &err), 0);
    ck_assert_uint_eq(tm_restored_checkpoint(life.restored), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("life");
    TCase *tc = tcase_create("beginnings");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_newest_is_begun_with);
    tcase_add_test(tc, one_that_the_disk_does_not_give_at_once_is_asked_for_again);
    tcase_add_test(tc, one_that_the_disk_never_gives_is_left_for_the_one_before);
    tcase_add_test(tc, the_only_one_that_the_disk_never_gives_is_an_error);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
