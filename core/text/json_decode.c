// JSON text (RFC 8259) into tokens, from which Lua makes its tables. One value, strictly: what any
// other reader could take otherwise is refused with its place.
#include "core/batch/type.h"
#include "core/format/json_number.h"
#include "core/format/json_string.h"
#include "core/text/text_private.h"
#include "core/text/utf8.h"

enum { DEPTH_MAX = 1024 };

enum why {
    WHY_VALUE,
    WHY_NAME,
    WHY_COLON,
    WHY_COMMA,
    WHY_END,
    WHY_CLOSED,
    WHY_CONTROL,
    WHY_ESCAPE,
    WHY_NUMBER,
    WHY_RANGE,
    WHY_DEPTH,
    WHY_UTF8,
};

const char *tm_json_why(int32_t why)
{
    static const char *const texts[] = {
        [WHY_VALUE] = "a value is expected",
        [WHY_NAME] = "a name in quotes is expected",
        [WHY_COLON] = "a colon is expected",
        [WHY_COMMA] = "a comma or the end of the list or object is expected",
        [WHY_END] = "the text goes on behind the value",
        [WHY_CLOSED] = "a string is not closed",
        [WHY_CONTROL] = "a string has a control character",
        [WHY_ESCAPE] = "a backslash is not followed by an escape of JSON",
        [WHY_NUMBER] = "this is not a number of JSON",
        [WHY_RANGE] = "a number is beyond the range of double",
        [WHY_DEPTH] = "values are nested more than 1,024 deep",
        [WHY_UTF8] = "the text is not UTF-8",
    };
    return texts[why];
}

struct reader {
    struct tm_text *t;
    const uint8_t *s;
    size_t at, len;
    uint8_t *begin, *out; // of the room: strings that had escapes
    size_t count;
    int32_t code;                       // why it stopped: TM_TEXT_NONE or an error
    uint64_t is_object[DEPTH_MAX / 64]; // by depth
    uint32_t depth;
};

static bool fail(struct reader *r, size_t at, enum why why)
{
    r->t->from = (int32_t)at;
    r->t->to = (int32_t)why;
    r->code = TM_TEXT_NONE;
    return false;
}

static bool add(struct reader *r, struct tm_json_token token)
{
    struct tm_json_token *tokens = tm__text_tokens(r->t, r->count, 1);

    if (tokens == NULL) {
        r->code = TM_E_MEMORY;
        return false;
    }
    tokens[r->count++] = token;
    return true;
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->len && (r->s[r->at] == ' ' || r->s[r->at] == '\n' || r->s[r->at] == '\t' ||
                              r->s[r->at] == '\r'))
        r->at++;
}

static bool is_next(const struct reader *r, char c)
{
    return r->at < r->len && r->s[r->at] == (uint8_t)c;
}

// --- strings

// The first byte from `at` on that is a quote, a backslash or below a blank.
static size_t plain_end(const uint8_t *s, size_t at, size_t len)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1F);
    for (; at + 16 <= len; at += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(s + at));
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        unsigned mask = (unsigned)_mm_movemask_epi8(stop);
        if (mask != 0)
            return at + (size_t)__builtin_ctz(mask);
    }
#endif
    while (at < len && s[at] != '"' && s[at] != '\\' && s[at] >= 0x20)
        at++;
    return at;
}

// Behind the first backslash: the string goes to the room, without its escapes.
static bool take_escaped(struct reader *r, size_t from, size_t stop)
{
    uint8_t *start = r->out;

    for (;;) {
        memcpy(r->out, r->s + from, stop - from);
        r->out += stop - from;
        if (stop == r->len)
            return fail(r, r->at - 1, WHY_CLOSED);
        if (r->s[stop] == '"')
            break;
        if (r->s[stop] < 0x20)
            return fail(r, stop, WHY_CONTROL);
        uint8_t letter = stop + 1 < r->len ? r->s[stop + 1] : 0;
        from = stop + 2;
        if (letter == 'u') {
            const uint8_t *p = r->s + stop;
            size_t n = tm__json_unicode_escape(&p, r->s + r->len, r->out);
            if (n == 0)
                return fail(r, stop, WHY_ESCAPE);
            r->out += n;
            from = (size_t)(p - r->s);
        } else if (tm__json_escapes[letter] != 0) {
            *r->out++ = tm__json_escapes[letter];
        } else {
            return fail(r, stop, WHY_ESCAPE);
        }
        stop = plain_end(r->s, from, r->len);
    }
    r->at = stop + 1;
    return add(r, (struct tm_json_token){.from = (int32_t)(start - r->begin),
                                         .to = (int32_t)(r->out - r->begin),
                                         .kind = TM_JSON_MADE});
}

static bool take_string(struct reader *r)
{
    size_t from = ++r->at, stop = plain_end(r->s, from, r->len);

    if (stop == r->len || r->s[stop] != '"')
        return take_escaped(r, from, stop);
    r->at = stop + 1;
    return add(r, (struct tm_json_token){
                      .from = (int32_t)from, .to = (int32_t)stop, .kind = TM_JSON_STRING});
}

// --- other scalars

static bool take_number(struct reader *r)
{
    const uint8_t *p = r->s + r->at;
    struct tm__number number;
    struct tm_json_token token = {.kind = TM_JSON_NUMBER};
    size_t n = tm__number_scan(p, &number); // the text ends with a NUL

    if (n == 0)
        return fail(r, r->at, WHY_NUMBER);
    int64_t whole;
    bool is_whole = tm__number_to_int64(&number, &whole) == TM__EXACT;
    if (is_whole && whole != 0 && (whole > TM_INT_MAX || whole < -TM_INT_MAX)) {
        token.kind = TM_JSON_INTEGER;
        token.integer = whole;
    } else if (!tm__number_to_double(&number, p, n, &token.number)) {
        return fail(r, r->at, WHY_RANGE);
    }
    r->at += n;
    return add(r, token);
}

static bool take_word(struct reader *r, const char *word, size_t n, int32_t kind)
{
    if (r->len - r->at < n || memcmp(r->s + r->at, word, n) != 0)
        return fail(r, r->at, WHY_VALUE);
    r->at += n;
    return add(r, (struct tm_json_token){.kind = kind});
}

static bool take_scalar(struct reader *r)
{
    if (r->at == r->len)
        return fail(r, r->at, WHY_VALUE);
    switch (r->s[r->at]) {
    case '"':
        return take_string(r);
    case 't':
        return take_word(r, "true", 4, TM_JSON_TRUE);
    case 'f':
        return take_word(r, "false", 5, TM_JSON_FALSE);
    case 'n':
        return take_word(r, "null", 4, TM_JSON_NULL);
    default:
        if (r->s[r->at] == '-' || (r->s[r->at] >= '0' && r->s[r->at] <= '9'))
            return take_number(r);
        return fail(r, r->at, WHY_VALUE);
    }
}

// --- arrays and objects, without recursion

static bool in_object(const struct reader *r)
{
    return r->depth > 0 && (r->is_object[(r->depth - 1) / 64] >> (r->depth - 1) % 64 & 1) != 0;
}

static bool open(struct reader *r, bool object)
{
    if (r->depth == DEPTH_MAX)
        return fail(r, r->at, WHY_DEPTH);
    uint64_t bit = UINT64_C(1) << r->depth % 64, *word = &r->is_object[r->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    r->depth++;
    r->at++;
    return add(r, (struct tm_json_token){.kind = object ? TM_JSON_OBJECT : TM_JSON_ARRAY});
}

static bool close(struct reader *r)
{
    r->depth--;
    r->at++;
    return add(r, (struct tm_json_token){.kind = TM_JSON_END});
}

// "name" : in front of a member's value.
static bool take_name(struct reader *r)
{
    skip_blanks(r);
    if (!is_next(r, '"'))
        return fail(r, r->at, WHY_NAME);
    if (!take_string(r))
        return false;
    skip_blanks(r);
    if (!is_next(r, ':'))
        return fail(r, r->at, WHY_COLON);
    r->at++;
    return true;
}

// What follows a value: the ends of what it closes, then a comma, or nothing more.
static bool take_ends(struct reader *r)
{
    while (r->depth > 0) {
        skip_blanks(r);
        if (is_next(r, ',')) {
            r->at++;
            return !in_object(r) || take_name(r);
        }
        if (!is_next(r, in_object(r) ? '}' : ']'))
            return fail(r, r->at, WHY_COMMA);
        if (!close(r))
            return false;
    }
    return true;
}

static bool take_value(struct reader *r)
{
    do {
        skip_blanks(r);
        bool object = is_next(r, '{');
        if (!object && !is_next(r, '[')) {
            if (!take_scalar(r) || !take_ends(r))
                return false;
            continue;
        }
        if (!open(r, object))
            return false;
        skip_blanks(r);
        if (is_next(r, object ? '}' : ']')) {
            if (!close(r) || !take_ends(r))
                return false;
        } else if (object && !take_name(r)) {
            return false;
        }
    } while (r->depth > 0);
    return true;
}

int32_t tm_json_decode(struct tm_text *t, const char *s, uint32_t len)
{
    struct reader r = {.t = t, .s = (const uint8_t *)s, .len = len};
    int32_t bad = tm_text_bad_byte(s, len);

    r.begin = r.out = tm__text_room(t, len);
    if (r.begin == NULL)
        return tm__text_no_room(len);
    if (bad >= 0)
        (void)fail(&r, (size_t)bad, WHY_UTF8);
    else if (take_value(&r)) {
        skip_blanks(&r);
        if (r.at != r.len)
            (void)fail(&r, r.at, WHY_END);
    }
    (void)tm__text_done(t, r.out);
    return r.code != 0 ? r.code : (int32_t)r.count;
}
