// What the helper functions of job code call (see core/batch/row.ffi.h for the rules of such
// files). Declarations only; contracts are here because Lua is their one user.
//
// Texts come as pointer and length and need not be UTF-8. A function whose result is a text leaves
// it in `out` and returns its length; TM_TEXT_SAME: the result is the argument itself, so that no
// new string is made; TM_TEXT_PART: it is the argument's bytes [from, to); TM_TEXT_NONE: there is
// none, the argument is not of the form. Other negative results are codes of core/base/errors.def.
// What `out`, `from`, `to`, `spans` hold is valid until the next call.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { TM_TEXT_SAME = -1, TM_TEXT_NONE = -2, TM_TEXT_PART = -3 };

struct tm_text {
    const uint8_t *out;
    const int32_t *spans; // pairs from, to of bytes; -1, -1: not there
    int32_t from, to;
    double number;
    const struct tm_json_token *tokens;
};

struct tm_regex;
struct tm_zone;

// --- strings (string.c, words.c, case.c); counts and places of characters, not of bytes

int32_t tm_text_length(const char *s, uint32_t len);
int32_t tm_text_sub(struct tm_text *t, const char *s, uint32_t len, int32_t first, int32_t last);
// At most `bytes` bytes, cut between characters.
int32_t tm_text_cut(struct tm_text *t, const char *s, uint32_t len, int32_t bytes);
int32_t tm_text_upper(struct tm_text *t, const char *s, uint32_t len);
int32_t tm_text_lower(struct tm_text *t, const char *s, uint32_t len);
int32_t tm_text_title(struct tm_text *t, const char *s, uint32_t len);
int32_t tm_text_capitalize(struct tm_text *t, const char *s, uint32_t len);
// Without characters of `set` (none given: white space) at the start (sides 1), the end (2), both
// (3).
int32_t tm_text_trim(struct tm_text *t, const char *s, uint32_t len, const char *set,
                     uint32_t set_len, int32_t sides);
bool tm_text_starts(const char *s, uint32_t len, const char *part, uint32_t part_len);
bool tm_text_contains(const char *s, uint32_t len, const char *part, uint32_t part_len);
bool tm_text_ends(const char *s, uint32_t len, const char *part, uint32_t part_len);
// The n-th part between separators, from 1, or from the end with -1.
int32_t tm_text_part(struct tm_text *t, const char *s, uint32_t len, const char *between,
                     uint32_t between_len, int32_t n);
// At most `max` replacements, < 0: all.
int32_t tm_text_replace(struct tm_text *t, const char *s, uint32_t len, const char *old,
                        uint32_t old_len, const char *with, uint32_t with_len, int32_t max);
int32_t tm_text_pad(struct tm_text *t, const char *s, uint32_t len, int32_t width, const char *fill,
                    uint32_t fill_len, bool left);
int32_t tm_text_reverse(struct tm_text *t, const char *s, uint32_t len);
// The character at which `part` first stands, from character `first` on (from 1, or from the end
// with -1); 0: nowhere.
int32_t tm_text_find(struct tm_text *t, const char *s, uint32_t len, const char *part,
                     uint32_t part_len, int32_t first);
int32_t tm_text_occurrences(const char *s, uint32_t len, const char *part, uint32_t part_len);
// Each character of `from` becomes the one at its place in `to`; those without one go.
int32_t tm_text_translate(struct tm_text *t, const char *s, uint32_t len, const char *from,
                          uint32_t from_len, const char *to, uint32_t to_len);
int32_t tm_text_strip_ansi(struct tm_text *t, const char *s, uint32_t len);
// Bytes that are no UTF-8 become U+FFFD.
int32_t tm_text_scrub(struct tm_text *t, const char *s, uint32_t len);
// The byte at which it stops being UTF-8, or -1.
int32_t tm_text_bad_byte(const char *s, uint32_t len);
// style: 0 snake_case, 1 kebab-case, 2 camelCase, 3 PascalCase.
int32_t tm_text_restyle(struct tm_text *t, const char *s, uint32_t len, int32_t style);
// Levenshtein's, in characters; TM_E_LIMIT for texts of more than 4,096 bytes.
int32_t tm_text_distance(struct tm_text *t, const char *a, uint32_t a_len, const char *b,
                         uint32_t b_len);

// --- masks (mask.c)

int32_t tm_mask_middle(struct tm_text *t, const char *s, uint32_t len, int32_t first, int32_t last,
                       const char *with, uint32_t with_len);
int32_t tm_mask_cards(struct tm_text *t, const char *s, uint32_t len);
int32_t tm_mask_emails(struct tm_text *t, const char *s, uint32_t len);

// --- encodings (codec.c)

int32_t tm_base64_encode(struct tm_text *t, const char *s, uint32_t len, bool url);
int32_t tm_base64_decode(struct tm_text *t, const char *s, uint32_t len, bool url);
int32_t tm_hex_encode(struct tm_text *t, const char *s, uint32_t len);
int32_t tm_hex_decode(struct tm_text *t, const char *s, uint32_t len);
int32_t tm_percent_encode(struct tm_text *t, const char *s, uint32_t len);
// plus: a + is a blank, as in queries.
int32_t tm_percent_decode(struct tm_text *t, const char *s, uint32_t len, bool plus);
// Windows-1252, which what calls itself Latin-1 mostly is, to UTF-8.
int32_t tm_latin1_decode(struct tm_text *t, const char *s, uint32_t len);
int32_t tm_html_encode(struct tm_text *t, const char *s, uint32_t len);
int32_t tm_html_decode(struct tm_text *t, const char *s, uint32_t len);

// --- hashes (digest.c)

enum {
    TM_DIGEST_MD5 = 0,
    TM_DIGEST_SHA1 = 1,
    TM_DIGEST_SHA256 = 2,
    TM_DIGEST_SHA512 = 3,
    TM_DIGEST_SHA224 = 4,
    TM_DIGEST_SHA384 = 5,
};
// As hexadecimal digits.
int32_t tm_digest(struct tm_text *t, int32_t kind, const char *s, uint32_t len);
int32_t tm_hmac(struct tm_text *t, int32_t kind, const char *s, uint32_t len, const char *key,
                uint32_t key_len);
int32_t tm_digest_xxh3(struct tm_text *t, const char *s, uint32_t len);
int64_t tm_digest_xxh3_int64(const char *s, uint32_t len);
// hash mod n without the bias of a modulo, 0 .. n - 1.
int32_t tm_digest_bucket(const char *s, uint32_t len, uint32_t n);
uint32_t tm_digest_crc32(const char *s, uint32_t len);
// A UUID of version 5; `space` is a UUID's text. TM_TEXT_NONE when it is not one.
int32_t tm_digest_uuid5(struct tm_text *t, const char *s, uint32_t len, const char *space,
                        uint32_t space_len);

// --- numbers (number.c)

// number: the value. TM_TEXT_NONE: not a number written in full.
int32_t tm_number_parse(struct tm_text *t, const char *s, uint32_t len);
// TM_TEXT_NONE also beyond 2^53.
int32_t tm_number_parse_int(struct tm_text *t, const char *s, uint32_t len, int32_t base);
// At `places` (-22 .. 22) after the point, of the shortest text of the number; half up (away from
// zero) or half to even.
double tm_number_round(double value, int32_t places, bool even);
struct tm_decimal_value;
int32_t tm_number_round_decimal(const struct tm_decimal_value *value, int32_t places, bool even,
                                struct tm_decimal_value *out);
// With exactly `places` (0 to 22) decimal places, `mark` between thousands and `point` before the
// places. TM_TEXT_NONE: not finite.
int32_t tm_number_format(struct tm_text *t, double value, int32_t places, const char *mark,
                         uint32_t mark_len, const char *point, uint32_t point_len);
int32_t tm_number_format_decimal(struct tm_text *t, const struct tm_decimal_value *value,
                                 int32_t places, const char *mark, uint32_t mark_len,
                                 const char *point, uint32_t point_len);
// A whole number up to 2^53 either way; base 2 to 36.
int32_t tm_number_to_base(struct tm_text *t, double value, int32_t base);

// --- addresses (ip.c)

enum {
    TM_IP_PUBLIC = 1,
    TM_IP_PRIVATE = 2,
    TM_IP_LOOPBACK = 3,
    TM_IP_LINK_LOCAL = 4,
    TM_IP_SHARED = 5,
    TM_IP_MULTICAST = 6,
    TM_IP_UNSPECIFIED = 7,
    TM_IP_DOCUMENTATION = 8,
    TM_IP_RESERVED = 9,
};
// 4 or 6, or TM_TEXT_NONE.
int32_t tm_ip_version(const char *s, uint32_t len);
int32_t tm_ip_kind(const char *s, uint32_t len);
// 1 or 0; TM_TEXT_NONE: the address is none; TM_E_ARGUMENT: the network is none.
int32_t tm_ip_within(const char *s, uint32_t len, const char *network, uint32_t network_len);
// The network that an address is in, its host bits zero: "10.1.2.0/24".
int32_t tm_ip_network(struct tm_text *t, const char *s, uint32_t len, int32_t v4_bits,
                      int32_t v6_bits);
int32_t tm_ip_canonical(struct tm_text *t, const char *s, uint32_t len);
// Of IPv4 alone; number.
int32_t tm_ip_to_number(struct tm_text *t, const char *s, uint32_t len);
int32_t tm_ip_from_number(struct tm_text *t, double number);

// --- locators and pairs (url.c, pairs.c, pairs_write.c)

enum {
    TM_URL_SCHEME = 0,
    TM_URL_USER = 1,
    TM_URL_PASSWORD = 2,
    TM_URL_HOST = 3,
    TM_URL_PORT = 4,
    TM_URL_PATH = 5,
    TM_URL_QUERY = 6,
    TM_URL_FRAGMENT = 7,
    TM_URL_PARTS = 8,
};
// 1 and the parts as spans; TM_TEXT_NONE when it is no URL with a scheme.
int32_t tm_url_split(struct tm_text *t, const char *s, uint32_t len);
// The part as it stands, or TM_TEXT_NONE.
int32_t tm_url_part(struct tm_text *t, const char *s, uint32_t len, int32_t part);
// The decoded value of the first parameter of a name in a URL's query.
int32_t tm_url_param(struct tm_text *t, const char *s, uint32_t len, const char *name,
                     uint32_t name_len);
// Pairs name, value as tokens of strings (in `out`); their count is returned.
int32_t tm_query_split(struct tm_text *t, const char *s, uint32_t len);
// "a=1 b=\"two words\"": pairs between `between`, names and values around `assign`; values may be
// quoted. A name without a value: a token true.
int32_t tm_pairs_split(struct tm_text *t, const char *s, uint32_t len, const char *between,
                       uint32_t between_len, const char *assign, uint32_t assign_len);
// Fields of one line of CSV as tokens of strings. TM_TEXT_NONE: a quote is not closed.
int32_t tm_csv_split(struct tm_text *t, const char *s, uint32_t len, const char *between,
                     uint32_t between_len);
// A text of pairs is made of those put since tm_pairs_begin, in the order of their names. value
// NULL: the name alone.
void tm_pairs_begin(struct tm_text *t);
int32_t tm_pairs_put(struct tm_text *t, const char *name, uint32_t name_len, const char *value,
                     uint32_t value_len);
int32_t tm_pairs_end(struct tm_text *t, const char *between, uint32_t between_len,
                     const char *assign, uint32_t assign_len);
int32_t tm_query_end(struct tm_text *t);
// A line of CSV, field by field; `first` begins it.
int32_t tm_csv_put(struct tm_text *t, const char *s, uint32_t len, const char *between,
                   uint32_t between_len, bool first);
int32_t tm_csv_end(struct tm_text *t);

// --- JSON (json_decode.c, json_encode.c)

enum {
    TM_JSON_NULL = 0,
    TM_JSON_FALSE = 1,
    TM_JSON_TRUE = 2,
    TM_JSON_NUMBER = 3, // number
    TM_JSON_STRING = 4, // from, to in the argument
    TM_JSON_MADE = 5,   // a string: from, to in `out`
    TM_JSON_ARRAY = 6,
    TM_JSON_OBJECT = 7, // then string, value, string, value, ...
    TM_JSON_END = 8,    // of the array or object
    TM_JSON_INTEGER = 9 // a whole number beyond 2^53 that 64 bits hold: integer
};
struct tm_json_token {
    union {
        double number;
        int64_t integer;
        struct {
            int32_t from, to;
        };
    };
    int32_t kind;
    int32_t reserved;
};
// The count of tokens; TM_TEXT_NONE: wrong at byte `from`, and `to` says why (json_decode.c).
int32_t tm_json_decode(struct tm_text *t, const char *s, uint32_t len);
const char *tm_json_why(int32_t why);

// A value is written piece by piece; members of an object are put in the order of their names when
// it ends. 0, or a code.
int32_t tm_json_begin(struct tm_text *t);
int32_t tm_json_put_literal(struct tm_text *t, const char *s, uint32_t len); // as it stands
int32_t tm_json_put_number(struct tm_text *t, double value);                 // finite
int32_t tm_json_put_string(struct tm_text *t, const char *s,
                           uint32_t len); // TM_TEXT_NONE: not UTF-8
int32_t tm_json_open(struct tm_text *t, bool object);
int32_t tm_json_put_name(struct tm_text *t, const char *s, uint32_t len);
int32_t tm_json_close(struct tm_text *t);
int32_t tm_json_end(struct tm_text *t); // the length

// --- times (zone.c, time_*.c): milliseconds since 1970 UTC as doubles; zone NULL: UTC

// NULL: not a file of time zones. Kept until the state ends.
struct tm_zone *tm_zone_new(struct tm_text *t, const char *file, uint32_t len);
struct tm_zone *tm_zone_fixed(struct tm_text *t, int32_t seconds);
// From an offset's text: "+02:00", "-0330", "+05"; TM_TEXT_NONE. to: seconds.
int32_t tm_zone_parse_offset(struct tm_text *t, const char *s, uint32_t len);
int32_t tm_zone_offset(struct tm_zone *zone, double ms); // seconds east of UTC

enum {
    TM_PART_YEAR = 0,
    TM_PART_QUARTER = 1,
    TM_PART_MONTH = 2,
    TM_PART_WEEK = 3, // ISO 8601
    TM_PART_DAY = 4,
    TM_PART_HOUR = 5,
    TM_PART_MINUTE = 6,
    TM_PART_SECOND = 7,
    TM_PART_MS = 8,
    TM_PART_WEEKDAY = 9, // 1 Monday .. 7 Sunday
    TM_PART_YEARDAY = 10,
    TM_PART_WEEK_YEAR = 11, // the year that the ISO week belongs to
};
int32_t tm_instant_part(struct tm_zone *zone, double ms, int32_t part);
// The start of the year, quarter, ... second that the time is in (units: TM_PART_YEAR to
// TM_PART_SECOND).
double tm_instant_truncate(struct tm_zone *zone, double ms, int32_t unit);
// n whole units later; days and longer by the calendar of the zone; a day that a month does not
// have is its last. NaN: beyond the range.
double tm_instant_add(struct tm_zone *zone, double ms, double n, int32_t unit);
// Whole units from a to b, negative when b is earlier.
double tm_instant_diff(struct tm_zone *zone, double a, double b, int32_t unit);
// NaN when there is no such date or time.
double tm_instant_of(struct tm_zone *zone, int32_t year, int32_t month, int32_t day, int32_t hour,
                     int32_t minute, double second);
// 0, TM_TEXT_NONE: the text is not of the form, or TM_E_ARGUMENT: the form is wrong at byte `from`.
// number: the time.
int32_t tm_instant_parse(struct tm_text *t, struct tm_zone *zone, const char *s, uint32_t len,
                         const char *form, uint32_t form_len);
// ISO 8601; a text without an offset is a time of the zone.
int32_t tm_instant_parse_iso(struct tm_text *t, struct tm_zone *zone, const char *s, uint32_t len);
int32_t tm_instant_format(struct tm_text *t, struct tm_zone *zone, double ms, const char *form,
                          uint32_t form_len);
int32_t tm_instant_format_iso(struct tm_text *t, struct tm_zone *zone, double ms);
// "1h30m", "250ms", "1.5s": number in ms, or TM_TEXT_NONE.
int32_t tm_instant_duration(struct tm_text *t, const char *s, uint32_t len);
// "1d2h3m4.005s": days to milliseconds.
int32_t tm_instant_format_duration(struct tm_text *t, double ms);

// --- regular expressions (regex.c, regex_edit.c)

enum {
    TM_REGEX_CASELESS = 1,  // i
    TM_REGEX_MULTILINE = 2, // m: ^ and $ at lines
    TM_REGEX_DOTALL = 4,    // s: . takes line ends
    TM_REGEX_EXTENDED = 8,  // x: blanks and # comments in the pattern
    TM_REGEX_UNICODE = 16,  // u: \w, \d, \s, \b by Unicode
    TM_REGEX_BYTES = 32,    // b: bytes, not characters
    TM_REGEX_NOT_EMPTY = 4  // of tm_regex_find
};
// NULL: *code says why (TM_E_ARGUMENT: the pattern, its message in `out` (to: length), `from` the
// byte; others: memory, limits).
struct tm_regex *tm_regex_new(struct tm_text *t, const char *pattern, uint32_t len, int32_t flags);
void tm_regex_free(struct tm_regex *regex);
int32_t tm_regex_code(const struct tm_text *t); // of the last tm_regex_new
int32_t tm_regex_captures(const struct tm_regex *regex);
// The name of a group, or NULL. The first of several groups of one name has it.
const char *tm_regex_name(const struct tm_regex *regex, int32_t group);
// Looks from byte `at`. 1: found, spans[0], [1] and a pair for each group; 0: not; or a code.
// known: what this gave for the same text before (0: nothing), and perhaps TM_REGEX_NOT_EMPTY: an
// empty match at `at` itself does not count, because the match before ended there and was empty.
// to: what is now known of the text.
int32_t tm_regex_find(struct tm_regex *regex, const char *s, uint32_t len, int32_t at,
                      int32_t known);
// As find, without places.
int32_t tm_regex_test(struct tm_regex *regex, const char *s, uint32_t len);
int32_t tm_regex_count(struct tm_regex *regex, const char *s, uint32_t len);
// `with` has $1, ${1}, ${name}, $$. TM_E_ARGUMENT: wrong at its byte `from`; TM_E_TOO_LARGE: the
// result.
int32_t tm_regex_replace(struct tm_regex *regex, const char *s, uint32_t len, const char *with,
                         uint32_t with_len, int32_t max);
// Parts between matches as spans, at most `max` (< 0: all); their count.
int32_t tm_regex_split(struct tm_regex *regex, const char *s, uint32_t len, int32_t max);
