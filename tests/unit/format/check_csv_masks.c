// The masks of CSV text, in the processor's way and in the plain one, against the same made byte by
// byte.
#include "tests/unit/format/csv_test.h"

#include "core/format/csv_masks.h"

static void make_plainly(struct tm__csv_masks *masks, const uint8_t *p, uint32_t count,
                         uint8_t delimiter, uint8_t quote)
{
    masks->is_ascii = true;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t parity = 0;
        masks->edges[i] = masks->lines[i] = masks->quotes[i] = masks->parities[i] = 0;
        for (uint32_t k = 0; k < 64; k++) {
            uint8_t c = p[64 * i + k];
            uint64_t is_quote = quote != 0 && c == quote;
            parity ^= is_quote;
            masks->edges[i] |= (uint64_t)(c == delimiter || c == '\n') << k;
            masks->lines[i] |= (uint64_t)(c == '\n') << k;
            masks->quotes[i] |= is_quote << k;
            masks->parities[i] |= parity << k;
            masks->is_ascii = masks->is_ascii && c < 0x80;
        }
    }
}

static void expect_same(const struct tm__csv_masks *a, const struct tm__csv_masks *b, size_t count)
{
    ck_assert_mem_eq(a->edges, b->edges, count * sizeof a->edges[0]);
    ck_assert_mem_eq(a->lines, b->lines, count * sizeof a->lines[0]);
    ck_assert_mem_eq(a->quotes, b->quotes, count * sizeof a->quotes[0]);
    ck_assert_mem_eq(a->parities, b->parities, count * sizeof a->parities[0]);
    ck_assert(a->is_ascii == b->is_ascii);
}

START_TEST(masks_are_the_same_in_every_way)
{
    static const char bytes[] = "abc,;\n\"'\r x";
    uint64_t seed = take_seed();
    for (int round = 0; round < 2000; round++) {
        uint32_t count = 1 + (uint32_t)draw(&seed, TM__CSV_MASKS);
        uint8_t *text = malloc(64 * (size_t)count); // a sanitizer sees what is read behind it
        for (uint32_t i = 0; i < 64 * count; i++)
            text[i] = (uint8_t)bytes[draw(&seed, sizeof bytes)];
        if (draw(&seed, 2) == 0)
            text[draw(&seed, 64 * count)] = (uint8_t)(0x80 + draw(&seed, 128));
        uint8_t delimiter = draw(&seed, 2) == 0 ? ',' : ';';
        uint8_t quote = (uint8_t) "\"'\0"[draw(&seed, 3)];
        struct tm__csv_masks by_byte, best, plain;
        make_plainly(&by_byte, text, count, delimiter, quote);
        tm__csv_masks_run(&best, text, count, delimiter, quote);
        tm__csv_masks_plain(&plain, text, count, delimiter, quote);
        expect_same(&best, &by_byte, count);
        expect_same(&plain, &by_byte, count);
        free(text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv_masks");
    TCase *tc = tcase_create("csv_masks");
    tcase_add_test(tc, masks_are_the_same_in_every_way);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
