// Pieces of CSV, scanned from every state and put together, against the text read byte by byte.
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/format/csv_scan.h"
#include "core/loop/real.h"

static struct tm_fx fx;
static struct tm_mem mem;
static struct tm_error err;

static void open_world(void)
{
    ck_assert_int_eq(tm_real_init(&fx, &err), 0);
    tm_mem_init(&mem, &fx, NULL, 0);
}

static void close_world(void)
{
    ck_assert_int_eq(mem.used_bytes, 0);
    tm_real_fini(&fx);
}

static struct tm_csv_scan scan_with(const char *name, const char *value)
{
    struct tm_csv_scan scan;
    struct tm_options options;
    tm_options_init(&options, &mem);
    if (name != NULL)
        ck_assert_int_eq(tm_options_set_string(&options, name, value), 0);
    ck_assert_int_eq(tm_csv_scan_init(&scan, &mem, &options, &err), 0);
    tm_options_fini(&options);
    return scan;
}

static uint8_t bytewise(const struct tm_csv_scan *scan, uint8_t state, const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        state = scan->next[state][scan->class_of[(uint8_t)p[i]]];
    return state;
}

START_TEST(records_begin_where_a_reader_has_them)
{
    struct tm_csv_scan scan = scan_with(NULL, NULL);
    static const struct {
        const char *text;
        int first; // the first record's beginning behind byte 0
    } cases[] = {
        {"a,b\nc", 4},      {"\"a\nb\",c\nd", 8}, {"\"a\"\"\nb\"\nd", 8}, {"a\"b\nc\nd", 4},
        {"\"a\"b\nc\n", 5}, {"\"a\"\r\nb", 5},    {"\"a\"\rb\"\n\"", 7},  {"a,\"\n\",b\nc", 8},
        {"\"\"\n", 3},      {"abc", -1},          {"\"a\nb", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t *p = (const uint8_t *)cases[i].text;
        uint8_t state = scan.next[TM_CSV_SCAN_RECORD][scan.class_of[*p]];
        int64_t found = tm_csv_scan_find(&scan, &state, p + 1, strlen(cases[i].text) - 1);
        ck_assert_msg(found + (found >= 0) == cases[i].first, "%s: %d", cases[i].text, (int)found);
    }
    struct tm_csv_scan comments = scan_with("comment", "#");
    uint8_t state = TM_CSV_SCAN_RECORD;
    const char *text = "# \"no quote\nb";
    state = bytewise(&comments, state, text, 1);
    ck_assert_int_eq(tm_csv_scan_find(&comments, &state, (const uint8_t *)text + 1, 12), 11);
}
END_TEST

START_TEST(the_head_ends_with_the_header)
{
    struct tm_csv_scan scan = scan_with(NULL, NULL);
    const char *text = "\n\r\n\"a\nb\",c\n1,2\n";
    ck_assert_int_eq(tm_csv_scan_head(&scan, (const uint8_t *)text, strlen(text)), 11);
    ck_assert_int_eq(tm_csv_scan_head(&scan, (const uint8_t *)text, 9), -1);
    text = "\xEF\xBB\xBF"
           "a\n1\n";
    ck_assert_int_eq(tm_csv_scan_head(&scan, (const uint8_t *)text, strlen(text)), 5);
    scan = scan_with("skip_lines", "2");
    text = "x \"y\nz\na,b\n1,2\n";
    ck_assert_int_eq(tm_csv_scan_head(&scan, (const uint8_t *)text, strlen(text)), 11);
    scan = scan_with("header", "false");
    ck_assert_int_eq(tm_csv_scan_head(&scan, (const uint8_t *)text, strlen(text)), 0);
    scan = scan_with("comment", "#");
    text = "# \"a\na,b\n1,2\n";
    ck_assert_int_eq(tm_csv_scan_head(&scan, (const uint8_t *)text, strlen(text)), 9);
}
END_TEST

START_TEST(pieces_put_together_are_the_whole)
{
    const char *given = getenv("TM_CHECK_SEED");
    unsigned seed = given != NULL ? (unsigned)atoi(given) : (unsigned)time(NULL);
    printf("TM_CHECK_SEED=%u\n", seed);
    static const char *const dialects[][2] = {
        {NULL, NULL}, {"escape", "backslash"}, {"comment", "#"}, {"quote", ""}, {"delimiter", ";"}};
    static char text[4096];
    for (int round = 0; round < 3000; round++) {
        const char *const *dialect = dialects[round % 5];
        struct tm_csv_scan scan = scan_with(dialect[0], dialect[1]);
        // Mostly plain, so that whole blocks are passed, and sometimes nothing but marks.
        int plain = rand_r(&seed) % 40;
        size_t len = (size_t)(rand_r(&seed) % (int)sizeof text), at = 0;
        for (size_t i = 0; i < len; i++)
            text[i] = rand_r(&seed) % (plain + 1) != 0 ? 'x' : "\",;\n\r\\#x"[rand_r(&seed) % 8];
        struct tm_csv_scan_effect effect;
        tm_csv_scan_effect_init(&effect);
        while (at < len) {
            size_t part = 1 + (size_t)(rand_r(&seed) % 700);
            part = part < len - at ? part : len - at;
            tm_csv_scan_run(&scan, &effect, (const uint8_t *)text + at, part);
            at += part;
        }
        for (uint8_t s = 0; s < TM_CSV_SCAN_STATES; s++)
            ck_assert_msg(effect.to[s] == bytewise(&scan, s, text, len), "round %d, state %d",
                          round, s);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv scan");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, open_world, close_world);
    tcase_add_test(tc, records_begin_where_a_reader_has_them);
    tcase_add_test(tc, the_head_ends_with_the_header);
    tcase_add_test(tc, pieces_put_together_are_the_whole);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
