// A job in one thread: what is pushed comes out with its cause, the clock stops where something is
// due, a failure stays, whatever happens nothing is left in memory.
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "connectors/file/file.h"
#include "connectors/stdio/stdio.h"
#include "core/kit/kit.h"
#include "core/loop/real.h"

static const struct tm_connector *const connectors[] = {&tm_connector_stdin, &tm_connector_print,
                                                        &tm_connector_file, NULL};
static struct tm_fx fx;
static struct tm_kit *kit;
static struct tm_error err;
static struct tm_kit_trial *trial; // of the next job

#define HEAD                                                                      \
    "local tm = require 'tidemill' local rows = tm.from(tm.stdin { name = 'in', " \
    "format = 'json', schema = { k = 'string', v = 'int', ts = 'timestamp' } }) " \
    ":watermark('ts') "

static int try_start(const char *text, uint32_t parallelism)
{
    const struct tm_kit_args args = {.real = &fx,
                                     .connectors = connectors,
                                     .path = "job",
                                     .text = text,
                                     .length = strlen(text),
                                     .parallelism = parallelism,
                                     .trial = trial,
                                     .seed = 1,
                                     .now_ms = 1000};
    ck_assert_int_eq(tm_real_init(&fx, &err), 0);
    kit = NULL;
    return tm_kit_new(&args, &kit, &err);
}

static void start(const char *text, uint32_t parallelism)
{
    ck_assert_msg(try_start(text, parallelism) == 0, "%s", err.message);
}

static void end(void)
{
    tm_kit_free(kit);
    tm_real_fini(&fx);
}

static uint32_t source(void)
{
    return (uint32_t)tm_kit_find(kit, TM_NODE_SOURCE, "in");
}

static int push(const char *json)
{
    return tm_kit_push(kit, source(), json, strlen(json), &err);
}

static uint32_t take(const struct tm_kit_row **rows)
{
    uint32_t count;
    int32_t sink = tm_kit_find(kit, TM_NODE_SINK, "out");
    ck_assert_int_ge(sink, 0);
    ck_assert_int_eq(tm_kit_take(kit, (uint32_t)sink, false, rows, &count, &err), 0);
    return count;
}

START_TEST(rows_have_the_cause_that_they_came_of)
{
    const struct tm_kit_row *rows;
    start(HEAD
          "return rows:key_by('k'):window(tm.tumbling('1s')):aggregate('w', { n = tm.count() })"
          ":to(tm.print { name = 'out' })",
          3);
    ck_assert_int_eq(push("{\"k\":\"b\",\"ts\":100}\n{\"k\":\"a\",\"ts\":200}\n"), 0);
    ck_assert_int_eq(push("{\"k\":\"a\",\"ts\":1100}\n"), 0);
    ck_assert_uint_eq(take(&rows), 0);
    ck_assert_int_eq(tm_kit_watermark(kit, -1, 998, &err), 0);
    ck_assert_uint_eq(take(&rows), 0);
    ck_assert_int_eq(tm_kit_watermark(kit, (int32_t)source(), 999, &err), 0);
    ck_assert_uint_eq(take(&rows), 2);
    ck_assert_uint_eq(rows[0].cause, 4);
    ck_assert_uint_eq(rows[1].cause, 4);
    ck_assert_mem_eq(rows[0].key, "a", 1);
    ck_assert_mem_eq(rows[1].key, "b", 1);
    ck_assert_int_eq(tm_kit_watermark(kit, -1, 5, &err), TM_E_TEST_USE);
    ck_assert_int_eq(tm_kit_finish(kit, -1, &err), 0);
    ck_assert_uint_eq(take(&rows), 1);
    ck_assert_int_eq(push("{\"k\":\"a\",\"ts\":1100}\n"), TM_E_TEST_USE);
    end();
}
END_TEST

START_TEST(the_clock_stops_where_something_is_due)
{
    const struct tm_kit_row *rows;
    start(HEAD "return rows:key_by('k'):process('p', { each = function(ctx, e) "
               "ctx:timer_processing(ctx.now + e.v) end, "
               "timer = function(ctx, at) ctx:emit { at = at, now = ctx.now } end })"
               ":returns { at = 'int', now = 'int' }:to(tm.print { name = 'out' })",
          2);
    ck_assert_int_eq(push("{\"k\":\"a\",\"v\":20,\"ts\":1}\n{\"k\":\"b\",\"v\":10,\"ts\":1}\n"), 0);
    ck_assert_int_eq(tm_kit_advance(kit, 9, &err), 0);
    ck_assert_uint_eq(take(&rows), 0);
    ck_assert_int_eq(tm_kit_advance(kit, 100, &err), 0);
    ck_assert_uint_eq(take(&rows), 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct tm_row *row = (const struct tm_row *)(const void *)rows[i].bytes;
        const struct tm_field *fields = rows[i].schema->fields;
        ck_assert_int_eq(tm_row_int(row, fields[0].offset), 1010 + 10 * (int64_t)i);
        ck_assert_int_eq(tm_row_int(row, fields[1].offset), 1010 + 10 * (int64_t)i);
    }
    ck_assert_uint_lt(rows[0].cause, rows[1].cause);
    ck_assert_int_eq(tm_kit_now_ms(kit), 1109);
    end();
}
END_TEST

START_TEST(a_failure_stays)
{
    uint32_t count;
    const struct tm_kit_row *rows;
    start(HEAD "return rows:map(function(e) if e.v == 2 then error('two') end return { v = e.v } "
               "end):to(tm.print { name = 'out' })",
          1);
    ck_assert_int_eq(push("{\"v\":1,\"ts\":1}\n"), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(push("{\"v\":2,\"ts\":1}\n"), TM_E_USER_CODE);
        ck_assert_ptr_nonnull(strstr(err.message, "two"));
    }
    ck_assert_int_eq(tm_kit_take(kit, 0, false, &rows, &count, &err), TM_E_USER_CODE);
    end();
}
END_TEST

START_TEST(a_job_that_never_rests_is_told)
{
    start(HEAD "return rows:key_by('k'):process('p', { each = function(ctx) "
               "ctx:timer_processing(ctx.now) end, timer = function(ctx, at) "
               "ctx:timer_processing(at) ctx:emit { at = at } end }):to(tm.print { name = 'out' })",
          1);
    ck_assert_int_eq(push("{\"k\":\"a\",\"ts\":1}\n"), TM_E_LIMIT);
    end();
}
END_TEST

START_TEST(a_job_that_is_wrong_leaves_nothing)
{
    ck_assert_int_eq(try_start("return 1", 1), TM_E_SCRIPT_RESULT);
    ck_assert_ptr_null(kit);
    ck_assert_int_eq(try_start("return = 1", 1), TM_E_SCRIPT_SYNTAX);
    end();
}
END_TEST

// Sums of a key behind windows of another: whatever dies, wherever it begins again, nothing is lost
// and nothing comes twice, and with the clock as it was.
static void live(uint64_t seed, struct tm_kit_trial *how)
{
    const struct tm_kit_row *rows;
    uint32_t taken = 0;
    int64_t sum = 0;
    how->seed = seed;
    trial = how;
    start(HEAD
          "return rows:key_by('k'):window(tm.tumbling('10ms')):aggregate('w', { v = tm.sum('v') })"
          ":key_by('k'):process('p', { state = { n = tm.value('int', { default = 0 }) }, "
          "each = function(ctx, e) ctx.state.n:set(ctx.state.n:get() + e.v) "
          "ctx:emit { k = ctx.key, n = ctx.state.n:get() } end })"
          ":returns { k = 'string', n = 'int' }:to(tm.print { name = 'out' })",
          0);
    trial = NULL;
    for (int i = 0; i < 20; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"k\":\"%c\",\"v\":%d,\"ts\":%d}\n", 'a' + i % 3, i, i);
        ck_assert_msg(push(json) == 0, "%s", err.message);
        if (i == 12)
            ck_assert_int_eq(tm_kit_watermark(kit, -1, 9, &err), 0);
        if (i == 15)
            ck_assert_int_eq(tm_kit_restore(kit, 2, 0, &err), 0);
        if (i % 4 == 3)
            taken += take(&rows);
    }
    ck_assert_int_eq(tm_kit_finish(kit, -1, &err), 0);
    uint32_t count = take(&rows);
    for (uint32_t i = 0; i < count; i++) { // the last of each key: its whole sum
        const struct tm_schema *schema = rows[i].schema;
        int32_t field = tm_schema_find(schema, "n", 1);
        sum += tm_row_int((const struct tm_row *)(const void *)rows[i].bytes,
                          schema->fields[field].offset);
    }
    ck_assert_uint_eq(taken, 3);
    ck_assert_uint_eq(count, 3);
    ck_assert_int_eq(sum, 190);
    ck_assert_str_ne(tm_kit_story(kit), "");
    end();
}

START_TEST(a_trial_is_not_seen)
{
    struct tm_kit_trial kills = {.kills = true}, turns = {0};
    for (uint64_t seed = 0; seed < 12; seed++) {
        live(seed, &kills);
        live(seed, &turns);
    }
    ck_assert_uint_gt(kills.deaths, 12);
    ck_assert_uint_gt(kills.checkpoints, 12);
    ck_assert_uint_gt(kills.rescales, 6);
    ck_assert_uint_eq(turns.deaths + turns.checkpoints, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kit");
    TCase *tests = tcase_create("kit");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, rows_have_the_cause_that_they_came_of);
    tcase_add_test(tests, the_clock_stops_where_something_is_due);
    tcase_add_test(tests, a_failure_stays);
    tcase_add_test(tests, a_job_that_never_rests_is_told);
    tcase_add_test(tests, a_job_that_is_wrong_leaves_nothing);
    tcase_add_test(tests, a_trial_is_not_seen);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
