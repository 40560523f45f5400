// The index of CSV text against the same found byte by byte.
#include "tests/unit/format/csv_test.h"

#include "core/format/csv_index.h"

static struct world w;

static void open_world(void)
{
    world_open(&w);
}

static void close_world(void)
{
    world_close(&w);
}

struct plain {
    uint32_t positions[1024], count;
    enum tm__csv_fault fault;
    uint32_t fault_at;
    bool open;
};

// A state machine as one would write it.
static void index_plainly(struct tm__csv_marks m, const uint8_t *p, uint32_t len, bool last,
                          struct plain *out)
{
    enum { BEGIN, BARE, INSIDE, CLOSED } state = BEGIN;
    uint32_t i = 0;
    *out = (struct plain){0};
    for (; i < len; i++) {
        bool escaped = m.escape != 0 && p[i] == m.escape;
        if (escaped && state != CLOSED) {
            i++;
            state = state == INSIDE ? INSIDE : BARE;
            continue;
        }
        bool quote = m.quote != 0 && p[i] == m.quote;
        if (state == INSIDE) {
            if (quote && m.escape == 0 && i + 1 < len && p[i + 1] == m.quote)
                i++;
            else if (quote)
                state = CLOSED;
        } else if (p[i] == m.delimiter || p[i] == '\n') {
            out->positions[out->count++] = i;
            state = BEGIN;
        } else if (state == CLOSED) {
            if (p[i] == '\r' && (i + 1 >= len || p[i + 1] == '\n'))
                continue;
            out->fault = TM__CSV_AFTER_QUOTE;
            out->fault_at = i;
            return;
        } else if (quote) {
            if (state == BARE) {
                out->fault = TM__CSV_QUOTE_INSIDE;
                out->fault_at = i;
                return;
            }
            state = INSIDE;
        } else {
            state = BARE;
        }
    }
    out->open = state == INSIDE;
    bool ended = out->count != 0 && out->positions[out->count - 1] == len - 1 && p[len - 1] == '\n';
    if (last && !out->open && !ended)
        out->positions[out->count++] = len;
}

typedef int run_fn(struct tm__csv_index *index, const uint8_t *p, uint32_t len, bool last);

static void compare(struct tm__csv_index *index, run_fn *run, const uint8_t *text, uint32_t len,
                    bool last)
{
    struct plain plain;
    uint8_t *copy = malloc(len + 64);
    memcpy(copy, text, len);
    memset(copy + len, '"', 64);
    index_plainly(index->marks, copy, len, last, &plain);
    ck_assert_int_eq(run(index, copy, len, last), 0);
    free(copy);
    ck_assert_int_eq(index->fault, plain.fault);
    if (plain.fault != TM__CSV_NO_FAULT)
        ck_assert_uint_eq(index->fault_at, plain.fault_at);
    else
        ck_assert_int_eq(index->open, plain.open);
    ck_assert_uint_eq(index->count, plain.count);
    ck_assert_mem_eq(index->positions, plain.positions, plain.count * sizeof *plain.positions);
}

// Fields as they should be, and every hundredth byte anything.
static uint32_t make_text(uint64_t *seed, struct tm__csv_marks m, uint8_t *out, uint32_t max)
{
    uint32_t len = 0;
    while (len + 40 < max) {
        bool quoted = m.quote != 0 && draw(seed, 3) == 0;
        if (quoted)
            out[len++] = m.quote;
        for (uint64_t n = draw(seed, 12); n != 0; n--) {
            uint64_t kind = draw(seed, 40);
            uint8_t c = kind == 0   ? m.quote
                        : kind == 1 ? m.escape
                        : kind == 2 ? '\n'
                        : kind == 3 ? m.delimiter
                                    : 'x';
            if (c == 0)
                c = 'y';
            if (quoted && m.escape == 0 && c == m.quote)
                out[len++] = m.quote;
            out[len++] = c;
        }
        if (quoted)
            out[len++] = m.quote;
        if (draw(seed, 20) == 0)
            out[len++] = '\r';
        out[len++] = draw(seed, 4) == 0 ? '\n' : m.delimiter;
    }
    for (uint64_t n = draw(seed, 3); n != 0; n--)
        out[draw(seed, len)] = (uint8_t) "\"\\,\n\rx"[draw(seed, 6)];
    return (uint32_t)draw(seed, len) + 1;
}

START_TEST(random_texts_have_the_same_index_as_byte_by_byte)
{
    static const struct tm__csv_marks dialects[] = {
        {',', '"', 0}, {';', '\'', '\\'}, {'\t', 0, 0}, {',', '"', '\\'}, {'|', 0, '\\'}};
    uint64_t seed = take_seed();
    for (size_t d = 0; d < sizeof dialects / sizeof dialects[0]; d++) {
        struct tm__csv_index index;
        tm__csv_index_init(&index, &w.mem, dialects[d]);
        for (int i = 0; i < 20000; i++) {
            uint8_t text[512];
            uint32_t len = make_text(&seed, dialects[d], text, 60 + (uint32_t)draw(&seed, 400));
            bool last = draw(&seed, 2) == 0;
            compare(&index, tm__csv_index_run, text, len, last);
            compare(&index, tm__csv_index_run_plain, text, len, last);
        }
        tm__csv_index_fini(&index);
    }
}
END_TEST

START_TEST(line_ends_inside_fields_are_known)
{
    struct tm__csv_index index;
    uint8_t text[128] = "a,\"b\"\nc\n";
    tm__csv_index_init(&index, &w.mem, (struct tm__csv_marks){',', '"', 0});
    ck_assert_int_eq(tm__csv_index_run(&index, text, 8, true), 0);
    ck_assert(!index.inner_lines);
    memcpy(text, "a,\"\n\"\nc\n", 8);
    ck_assert_int_eq(tm__csv_index_run(&index, text, 8, true), 0);
    ck_assert(index.inner_lines);
    ck_assert_uint_eq(index.count, 3);
    tm__csv_index_fini(&index);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv_index");
    TCase *tc = tcase_create("csv_index");
    tcase_add_checked_fixture(tc, open_world, close_world);
    tcase_add_test(tc, random_texts_have_the_same_index_as_byte_by_byte);
    tcase_add_test(tc, line_ends_inside_fields_are_known);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
