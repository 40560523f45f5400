// Widths on a terminal, and where text is cut.
#include "connectors/stdio/width.h"
#include "tests/unit/batch/support.h"

static uint32_t width(const char *text)
{
    return tm__width_of(text, strlen(text));
}

START_TEST(characters_have_their_width)
{
    ck_assert_uint_eq(width(""), 0);
    ck_assert_uint_eq(width("plain"), 5);
    ck_assert_uint_eq(width("caf\xc3\xa9"), 4);
    ck_assert_uint_eq(width("cafe\xcc\x81"), 4);             // combining acute
    ck_assert_uint_eq(width("\xe7\x94\xb0\xe4\xb8\xad"), 4); // Tanaka
    ck_assert_uint_eq(width("\xf0\x9f\x91\x8d ok"), 5);      // thumbs up
    ck_assert_uint_eq(width("\xea\xb0\x80\xed\x9e\xa3"), 4); // the first and last Hangul syllable
    ck_assert_uint_eq(width("\xef\xbd\xb1"), 1);             // half-width katakana
    ck_assert_uint_eq(width("a\xe2\x80\x8b"
                            "b"),
                      2);                            // zero-width space
    ck_assert_uint_eq(width("\xf0\xa0\x80\x80"), 2); // CJK extension B
    ck_assert_uint_eq(width("\xc2\xad"), 1);         // soft hyphen
}
END_TEST

START_TEST(text_is_cut_between_characters)
{
    uint32_t columns;
    const char *text = "a\xe7\x94\xb0"
                       "e\xcc\x81z";
    static const struct {
        uint32_t most, bytes, columns;
    } cases[] = {{0, 0, 0}, {1, 1, 1}, {2, 1, 1}, {3, 4, 3}, {4, 7, 4}, {5, 8, 5}, {9, 8, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_uint_eq(tm__width_cut(text, strlen(text), cases[i].most, &columns),
                          cases[i].bytes);
        ck_assert_uint_eq(columns, cases[i].columns);
    }
}
END_TEST

START_TEST(bytes_that_are_no_text_do_not_lead_beyond_the_end)
{
    uint32_t columns;
    for (int c = 0x80; c < 0x100; c++) {
        char *byte = malloc(1); // so that a sanitizer sees every byte behind it
        *byte = (char)c;
        ck_assert_uint_le(tm__width_of(byte, 1), 2);
        ck_assert_uint_le(tm__width_cut(byte, 1, 5, &columns), 1);
        free(byte);
    }
}
END_TEST

SUPPORT_MAIN("width", characters_have_their_width, text_is_cut_between_characters,
             bytes_that_are_no_text_do_not_lead_beyond_the_end)
