// URLs (RFC 3986) taken apart: absolute ones, and references that begin with / ? or #, which is
// what logs of requests hold.
#include "core/text/text_private.h"

static void set(int32_t *spans, int32_t part, size_t from, size_t to)
{
    spans[2 * part] = (int32_t)from;
    spans[2 * part + 1] = (int32_t)to;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// The length of "scheme:" in front, without the colon; 0: there is none.
static size_t scheme_length(const char *s, size_t len)
{
    size_t i = 0;

    if (len == 0 || !is_letter(s[0]))
        return 0;
    while (i < len &&
           (is_letter(s[i]) || is_digit(s[i]) || s[i] == '+' || s[i] == '-' || s[i] == '.'))
        i++;
    return i < len && s[i] == ':' ? i : 0;
}

static size_t find_any(const char *s, size_t from, size_t to, const char *stops)
{
    while (from < to && (s[from] == '\0' || strchr(stops, s[from]) == NULL))
        from++;
    return from;
}

static bool split_port(const char *s, size_t from, size_t to, int32_t *spans)
{
    uint32_t port = 0;

    for (size_t i = from; i < to; i++) {
        if (!is_digit(s[i]) || (port = port * 10 + (uint32_t)(s[i] - '0')) > 65535)
            return false;
    }
    if (to > from)
        set(spans, TM_URL_PORT, from, to);
    return true;
}

// [user[:password]@]host[:port]
static bool split_authority(const char *s, size_t from, size_t to, int32_t *spans)
{
    const char *at = memrchr(s + from, '@', to - from);

    if (at != NULL) {
        size_t end = (size_t)(at - s);
        const char *colon = memchr(s + from, ':', end - from);
        size_t user_end = colon == NULL ? end : (size_t)(colon - s);
        set(spans, TM_URL_USER, from, user_end);
        if (colon != NULL)
            set(spans, TM_URL_PASSWORD, user_end + 1, end);
        from = end + 1;
    }
    if (from < to && s[from] == '[') { // an address of version 6
        const char *close = memchr(s + from, ']', to - from);
        if (close == NULL)
            return false;
        size_t end = (size_t)(close - s);
        set(spans, TM_URL_HOST, from + 1, end);
        return end + 1 == to || (s[end + 1] == ':' && split_port(s, end + 2, to, spans));
    }
    const char *colon = memchr(s + from, ':', to - from);
    size_t host_end = colon == NULL ? to : (size_t)(colon - s);
    set(spans, TM_URL_HOST, from, host_end);
    return colon == NULL || split_port(s, host_end + 1, to, spans);
}

int32_t tm_url_split(struct tm_text *t, const char *s, uint32_t len)
{
    int32_t *spans = tm__text_spans(t, 0, TM_URL_PARTS);
    size_t i = 0, end = len;

    if (spans == NULL)
        return TM_E_MEMORY;
    memset(spans, 0xFF, 2 * TM_URL_PARTS * sizeof *spans);
    for (size_t b = 0; b < len; b++) {
        if ((uint8_t)s[b] <= ' ' || s[b] == 0x7F)
            return TM_TEXT_NONE;
    }
    size_t scheme = scheme_length(s, len);
    if (scheme != 0) {
        set(spans, TM_URL_SCHEME, 0, scheme);
        i = scheme + 1;
    } else if (len == 0 || strchr("/?#", s[0]) == NULL) {
        return TM_TEXT_NONE;
    }
    if (end - i >= 2 && s[i] == '/' && s[i + 1] == '/') {
        size_t from = i + 2;
        i = find_any(s, from, end, "/?#");
        if (!split_authority(s, from, i, spans))
            return TM_TEXT_NONE;
    }
    const char *mark = memchr(s + i, '#', end - i);
    if (mark != NULL) {
        end = (size_t)(mark - s);
        set(spans, TM_URL_FRAGMENT, end + 1, len);
    }
    size_t path_end = find_any(s, i, end, "?");
    set(spans, TM_URL_PATH, i, path_end);
    if (path_end < end)
        set(spans, TM_URL_QUERY, path_end + 1, end);
    return 1;
}

int32_t tm_url_part(struct tm_text *t, const char *s, uint32_t len, int32_t part)
{
    int32_t rc = tm_url_split(t, s, len);

    if (rc < 0)
        return rc;
    if (t->spans[2 * part] < 0)
        return TM_TEXT_NONE;
    return tm__text_part(t, len, (size_t)t->spans[2 * part], (size_t)t->spans[2 * part + 1]);
}

// --- queries

struct pair {
    size_t name, name_end, value, value_end;
};

// The next name[=value] of a query from *at on; false at its end. Empty ones are passed over.
static bool next_pair(const char *s, size_t *at, size_t end, struct pair *pair)
{
    while (*at < end && s[*at] == '&')
        (*at)++;
    if (*at >= end)
        return false;
    size_t stop = find_any(s, *at, end, "&");
    const char *assign = memchr(s + *at, '=', stop - *at);
    pair->name = *at;
    pair->name_end = assign == NULL ? stop : (size_t)(assign - s);
    pair->value = assign == NULL ? stop : pair->name_end + 1;
    pair->value_end = stop;
    *at = stop;
    return true;
}

// Decoded behind what stands in the room; a percent sign without digits stands for itself.
static uint8_t *put_decoded(uint8_t *out, const char *s, size_t from, size_t to)
{
    uint8_t *end = tm__percent_decode(out, s + from, to - from, true);

    if (end != NULL)
        return end;
    memcpy(out, s + from, to - from);
    return out + (to - from);
}

int32_t tm_url_param(struct tm_text *t, const char *s, uint32_t len, const char *name,
                     uint32_t name_len)
{
    int32_t rc = tm_url_split(t, s, len);
    struct pair pair;

    if (rc < 0)
        return rc;
    if (t->spans[2 * TM_URL_QUERY] < 0)
        return TM_TEXT_NONE;
    size_t at = (size_t)t->spans[2 * TM_URL_QUERY], end = (size_t)t->spans[2 * TM_URL_QUERY + 1];
    uint8_t *out = tm__text_room(t, end - at);
    if (out == NULL)
        return tm__text_no_room(end - at);
    while (next_pair(s, &at, end, &pair)) {
        uint8_t *name_end = put_decoded(out, s, pair.name, pair.name_end);
        if ((size_t)(name_end - out) == name_len && memcmp(out, name, name_len) == 0)
            return tm__text_done(t, put_decoded(out, s, pair.value, pair.value_end));
    }
    return TM_TEXT_NONE;
}

int32_t tm_query_split(struct tm_text *t, const char *s, uint32_t len)
{
    size_t at = len > 0 && s[0] == '?', count = 0;
    uint8_t *begin = tm__text_room(t, len), *out = begin;
    struct pair pair;

    if (begin == NULL)
        return tm__text_no_room(len);
    while (next_pair(s, &at, len, &pair)) {
        struct tm_json_token *token = tm__text_tokens(t, count, 2);
        if (token == NULL)
            return TM_E_MEMORY;
        for (int side = 0; side < 2; side++) {
            size_t from = side == 0 ? pair.name : pair.value;
            uint8_t *end = put_decoded(out, s, from, side == 0 ? pair.name_end : pair.value_end);
            token[count++] = (struct tm_json_token){
                .from = (int32_t)(out - begin), .to = (int32_t)(end - begin), .kind = TM_JSON_MADE};
            out = end;
        }
    }
    (void)tm__text_done(t, out);
    return (int32_t)count;
}
