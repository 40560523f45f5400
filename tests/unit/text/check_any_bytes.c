// Every function with any bytes, at every length: it gives a result or says that there is none, and
// reads no byte outside (the address sanitizer sees to that).
#include "tests/unit/text/support.h"

enum { TEXT_MAX = 48 };

typedef int32_t one(struct tm_text *, const char *, uint32_t);
typedef int32_t two(struct tm_text *, const char *, uint32_t, const char *, uint32_t);

static one *const ones[] = {
    tm_text_upper,  tm_text_lower,       tm_text_title,        tm_text_capitalize, tm_text_reverse,
    tm_text_scrub,  tm_text_strip_ansi,  tm_mask_cards,        tm_mask_emails,     tm_hex_encode,
    tm_hex_decode,  tm_percent_encode,   tm_latin1_decode,     tm_html_encode,     tm_html_decode,
    tm_digest_xxh3, tm_number_parse,     tm_ip_canonical,      tm_ip_to_number,    tm_url_split,
    tm_query_split, tm_instant_duration, tm_zone_parse_offset,
};
static two *const twos[] = {tm_csv_split, tm_url_param, tm_digest_uuid5, tm_text_distance};

static char *random_text(uint64_t *seed, uint32_t *len, uint32_t least)
{
    static const char telling[] =
        "\"'\\=&;,%<>#@.:/?+-[]{}()*^$|0123456789\x1B\x00\xC3\xA9\xE4\xED\xF0\x80 \n";
    *len = least + draw(seed, TEXT_MAX);
    char *s = malloc(*len == 0 ? 1 : *len);
    for (uint32_t i = 0; i < *len; i++)
        s[i] = (char)(draw(seed, 2) == 0 ? telling[draw(seed, sizeof telling - 1)]
                                         : (char)draw(seed, 256));
    return s;
}

static void is_a_result(int32_t rc)
{
    ck_assert_msg(rc >= TM_TEXT_PART || rc == TM_E_ARGUMENT || rc == TM_E_BAD_UTF8 ||
                      rc == TM_E_LIMIT,
                  "%d", rc);
    if (rc == TM_TEXT_PART)
        ck_assert(text->from >= 0 && text->from <= text->to && text->to <= TEXT_MAX + 1);
}

START_TEST(every_function_takes_any_bytes)
{
    uint64_t seed = take_seed("every function takes any bytes");
    for (int n = 0; n < 10000; n++) {
        uint32_t len, other_len;
        char *s = random_text(&seed, &len, 0), *other = random_text(&seed, &other_len, 1);
        int32_t a = (int32_t)draw(&seed, 20) - 10, b = (int32_t)draw(&seed, 20) - 10;
        for (size_t i = 0; i < sizeof ones / sizeof ones[0]; i++)
            is_a_result(ones[i](text, s, len));
        for (size_t i = 0; i < sizeof twos / sizeof twos[0]; i++)
            is_a_result(twos[i](text, s, len, other, other_len));
        is_a_result(tm_text_sub(text, s, len, a, b));
        is_a_result(tm_text_cut(text, s, len, abs(a)));
        is_a_result(tm_text_trim(text, s, len, other, other_len, 1 + abs(a) % 3));
        is_a_result(tm_text_trim(text, s, len, NULL, 0, 3));
        is_a_result(tm_text_part(text, s, len, other, 1, a == 0 ? 1 : a));
        is_a_result(tm_text_find(text, s, len, other, 1, a));
        is_a_result(tm_text_replace(text, s, len, other, 1, other, other_len, -1));
        is_a_result(tm_text_translate(text, s, len, other, other_len, s, len));
        is_a_result(tm_text_pad(text, s, len, abs(a) * 4, other, other_len, true));
        is_a_result(tm_text_restyle(text, s, len, abs(b) % 4));
        is_a_result(tm_mask_middle(text, s, len, abs(a), abs(b), other, other_len));
        is_a_result(tm_base64_decode(text, s, len, a > 0));
        is_a_result(tm_percent_decode(text, s, len, a > 0));
        is_a_result(tm_number_parse_int(text, s, len, 2 + abs(a) * 3));
        is_a_result(tm_ip_version(s, len));
        is_a_result(tm_ip_kind(s, len));
        is_a_result(tm_ip_within(s, len, other, other_len));
        is_a_result(tm_ip_network(text, s, len, abs(a), abs(b)));
        is_a_result(tm_url_part(text, s, len, abs(a) % TM_URL_PARTS));
        is_a_result(tm_pairs_split(text, s, len, other, 1, s, len == 0 ? 0 : 1));
        is_a_result(tm_instant_parse_iso(text, NULL, s, len));
        is_a_result(tm_instant_parse(text, NULL, s, len, other, other_len));
        is_a_result(tm_instant_format(text, NULL, (double)a * 1e12, other, other_len));
        is_a_result(tm_text_occurrences(s, len, other, other_len));
        ck_assert_int_le(tm_text_length(s, len), (int32_t)len);
        free(s);
        free(other);
    }
}
END_TEST

START_TEST(json_of_any_bytes_is_read_or_refused)
{
    static const char signs[] = "{}[]\",:0123456789.eE+-truefalsn\\u \x01\xC3\xA9";
    uint64_t seed = take_seed("json of any bytes");
    for (int n = 0; n < 100000; n++) {
        char s[33];
        uint32_t len = draw(&seed, 32);
        for (uint32_t i = 0; i < len; i++)
            s[i] = signs[draw(&seed, sizeof signs - 1)];
        s[len] = '\0';
        char *copy = exact(s, len + 1); // strings of Lua end with a NUL
        is_a_result(tm_json_decode(text, copy, len));
        free(copy);
    }
}
END_TEST

START_TEST(patterns_of_any_bytes_are_made_or_refused)
{
    static const char signs[] = "ab.*+?()[]{}|^$\\dwsK<=!:1,0-\xC3\xA9";
    uint64_t seed = take_seed("patterns of any bytes");
    for (int n = 0; n < 3000; n++) {
        char pattern[16];
        uint32_t pattern_len = draw(&seed, sizeof pattern), len;
        for (uint32_t i = 0; i < pattern_len; i++)
            pattern[i] = signs[draw(&seed, sizeof signs - 1)];
        struct tm_regex *regex = tm_regex_new(text, pattern, pattern_len, (int32_t)draw(&seed, 64));
        if (regex == NULL)
            continue;
        for (int k = 0; k < 10; k++) {
            char *s = random_text(&seed, &len, 0);
            is_a_result(tm_regex_test(regex, s, len));
            is_a_result(tm_regex_count(regex, s, len));
            is_a_result(tm_regex_split(regex, s, len, -1));
            is_a_result(tm_regex_replace(regex, s, len, S("<$0>"), -1));
            free(s);
        }
        tm_regex_free(regex);
    }
}
END_TEST

RUN("any bytes", every_function_takes_any_bytes, json_of_any_bytes_is_read_or_refused,
    patterns_of_any_bytes_are_made_or_refused)
