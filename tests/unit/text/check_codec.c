// Encodings both ways, pairs, queries, CSV and JSON: round trips of any bytes, edges, limits.
#include "tests/unit/text/support.h"

START_TEST(bytes_survive_every_encoding)
{
    uint64_t seed = take_seed("bytes survive every encoding");
    static int32_t (*const ways[][2])(struct tm_text *, const char *, uint32_t) = {
        {tm_hex_encode, tm_hex_decode}, {tm_html_encode, tm_html_decode}};

    for (int n = 0; n < 20000; n++) {
        char s[40], coded[200];
        uint32_t len = draw(&seed, sizeof s);
        for (uint32_t i = 0; i < len; i++)
            s[i] = draw(&seed, 3) == 0 ? "<>&\"'%+ =;"[draw(&seed, 10)] : (char)draw(&seed, 256);
        for (int way = 0; way < 5; way++) {
            bool url = way == 3;
            int32_t rc = way < 2    ? ways[way][0](text, s, len)
                         : way == 4 ? tm_percent_encode(text, s, len)
                                    : tm_base64_encode(text, s, len, url);
            uint32_t size = rc == TM_TEXT_SAME ? len : (uint32_t)rc;
            ck_assert(rc == TM_TEXT_SAME || rc >= 0);
            memcpy(coded, rc == TM_TEXT_SAME ? s : (const char *)text->out, size);
            char *argument = exact(coded, size);
            rc = way < 2    ? ways[way][1](text, argument, size)
                 : way == 4 ? tm_percent_decode(text, argument, size, false)
                            : tm_base64_decode(text, argument, size, url);
            const char *back = rc == TM_TEXT_SAME ? argument : (const char *)text->out;
            ck_assert_uint_eq(rc == TM_TEXT_SAME ? size : (uint32_t)rc, len);
            ck_assert(len == 0 || memcmp(back, s, len) == 0);
            free(argument);
        }
    }
}
END_TEST

START_TEST(decoding_is_strict)
{
    GIVES_NONE(tm_hex_decode(text, S("abc")));
    GIVES_NONE(tm_hex_decode(text, S("zz")));
    GIVES_NONE(tm_base64_decode(text, S("YQ=a"), false));
    GIVES_NONE(tm_base64_decode(text, S("Y+=="), true));
    GIVES_NONE(tm_percent_decode(text, S("%4"), false));
    GIVES_NONE(tm_percent_decode(text, S("%zz"), false));
    GIVES("&#xD800;&nope;&", tm_html_decode(text, S("&#xD800;&nope;&")), "");
}
END_TEST

START_TEST(latin1_becomes_utf8)
{
    GIVES("\xE2\x82\xAC \xC3\xA9", tm_latin1_decode(text, S("\x80 \xE9")), "");
    ck_assert_int_eq(tm_latin1_decode(text, S("plain")), TM_TEXT_SAME);
}
END_TEST

START_TEST(queries_with_any_bytes_end)
{
    ck_assert_int_eq(tm_query_split(text, "a\0b=\0&c", 7), 4);
    ck_assert_int_eq(tm_query_split(text, "&&&", 3), 0);
    ck_assert_int_eq(tm_query_split(text, "?a=%zz", 6), 2); // what is no escape stands for itself
    GIVES_NONE(tm_url_param(text, S("http://h/p"), S("a")));
    GIVES("1", tm_url_param(text, S("/p?b=2&a=1&a=3#f"), S("a")), "");
}
END_TEST

START_TEST(pairs_are_written_in_the_order_of_their_names)
{
    tm_pairs_begin(text);
    ck_assert_int_eq(tm_pairs_put(text, S("b"), S("two words")), 0);
    ck_assert_int_eq(tm_pairs_put(text, S("ab"), S("1")), 0);
    ck_assert_int_eq(tm_pairs_put(text, S("a"), NULL, 0), 0);
    GIVES("a ab=1 b=\"two words\"", tm_pairs_end(text, S(" "), S("=")), "");
    GIVES("a&ab=1&b=two%20words", tm_query_end(text), "");
    tm_pairs_begin(text);
    GIVES("", tm_pairs_end(text, S(" "), S("=")), "");
}
END_TEST

START_TEST(pairs_read_back_what_was_written)
{
    uint64_t seed = take_seed("pairs read back what was written");
    for (int n = 0; n < 5000; n++) {
        char name[6], value[12];
        uint32_t name_len = 1 + draw(&seed, 5), value_len = draw(&seed, sizeof value);
        for (uint32_t i = 0; i < name_len; i++)
            name[i] = "ab= \"\\\n\t\xC3"[draw(&seed, 9)];
        for (uint32_t i = 0; i < value_len; i++)
            value[i] = "ab= \"\\\n\r\t\xFF"[draw(&seed, 10)];
        tm_pairs_begin(text);
        ck_assert_int_eq(tm_pairs_put(text, name, name_len, value, value_len), 0);
        int32_t len = tm_pairs_end(text, S(" "), S("="));
        ck_assert_int_gt(len, 0);
        char *line = exact((const char *)text->out, (size_t)len);
        ck_assert_int_eq(tm_pairs_split(text, line, (uint32_t)len, S(" "), S("=")), 2);
        for (int side = 0; side < 2; side++) {
            const struct tm_json_token *token = &text->tokens[side];
            const char *from = (token->kind == TM_JSON_MADE ? (const char *)text->out : line);
            uint32_t expected = side == 0 ? name_len : value_len;
            ck_assert_int_eq(token->to - token->from, (int32_t)expected);
            ck_assert(expected == 0 ||
                      memcmp(from + token->from, side == 0 ? name : value, expected) == 0);
        }
        free(line);
    }
}
END_TEST

START_TEST(csv_reads_back_what_was_written)
{
    ck_assert_int_eq(tm_csv_put(text, S("a"), S(","), true), 0);
    ck_assert_int_eq(tm_csv_put(text, S("b,\"c\""), S(","), false), 0);
    ck_assert_int_eq(tm_csv_put(text, S("\n"), S(","), false), 0);
    GIVES("a,\"b,\"\"c\"\"\",\"\n\"", tm_csv_end(text), "");
    uint32_t len = (uint32_t)tm_csv_end(text);
    char *line = exact((const char *)text->out, len);
    ck_assert_int_eq(tm_csv_split(text, line, len, S(",")), 3);
    ck_assert_int_eq(text->tokens[1].kind, TM_JSON_MADE);
    free(line);
    GIVES_NONE(tm_csv_split(text, S("\"a\"b"), S(",")));
}
END_TEST

START_TEST(json_is_strict_and_says_where)
{
    static const struct {
        const char *s;
        int32_t at;
    } bad[] = {{"", 0},         {"[1,]", 3}, {"{\"a\"}", 4}, {"\"\x01\"", 1},
               {"nulL", 0},     {"1 2", 2},  {"[1}", 2},     {"\"\\ud800\"", 1},
               {"\"\xFF\"", 1}, {"01", 0},   {"1e999", 0},   {"\"abc", 0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        GIVES_NONE(tm_json_decode(text, S(bad[i].s)));
        ck_assert_msg(text->from == bad[i].at, "%s: %d", bad[i].s, text->from);
        ck_assert_ptr_nonnull(tm_json_why(text->to));
    }
    char deep[2100];
    memset(deep, '[', sizeof deep);
    deep[2099] = '\0';
    GIVES_NONE(tm_json_decode(text, S(deep)));
    ck_assert_int_eq(text->from, 1024);
}
END_TEST

START_TEST(json_keeps_whole_numbers_of_64_bits)
{
    ck_assert_int_eq(tm_json_decode(text, S("[9007199254740993, -0, 1.0]")), 5);
    ck_assert_int_eq(text->tokens[1].kind, TM_JSON_INTEGER);
    ck_assert_int_eq(text->tokens[1].integer, 9007199254740993);
    ck_assert_int_eq(text->tokens[3].kind, TM_JSON_NUMBER);
}
END_TEST

RUN("codec", bytes_survive_every_encoding, decoding_is_strict, latin1_becomes_utf8,
    queries_with_any_bytes_end, pairs_are_written_in_the_order_of_their_names,
    pairs_read_back_what_was_written, csv_reads_back_what_was_written,
    json_is_strict_and_says_where, json_keeps_whole_numbers_of_64_bits)
