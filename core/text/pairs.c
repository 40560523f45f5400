// Lines of names and values (key=value pairs as logs have them) and of CSV, taken apart into
// tokens.
#include "core/text/text_private.h"
#include "core/text/utf8.h"

struct reader {
    struct tm_text *t;
    const char *s;
    size_t at, len;
    uint8_t *begin, *out; // of the room: quoted values without their escapes
    size_t count;         // of tokens
    const char *between, *assign;
    size_t between_len, assign_len;
};

static int32_t add(struct reader *r, struct tm_json_token token)
{
    struct tm_json_token *tokens = tm__text_tokens(r->t, r->count, 1);

    if (tokens == NULL)
        return TM_E_MEMORY;
    tokens[r->count++] = token;
    return 0;
}

static int32_t add_part(struct reader *r, size_t from, size_t to)
{
    return add(r, (struct tm_json_token){
                      .from = (int32_t)from, .to = (int32_t)to, .kind = TM_JSON_STRING});
}

static int32_t add_made(struct reader *r, const uint8_t *from)
{
    return add(r, (struct tm_json_token){.from = (int32_t)(from - r->begin),
                                         .to = (int32_t)(r->out - r->begin),
                                         .kind = TM_JSON_MADE});
}

static bool is_at(const struct reader *r, const char *what, size_t len)
{
    return r->len - r->at >= len && memcmp(r->s + r->at, what, len) == 0;
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->len && (r->s[r->at] == ' ' || r->s[r->at] == '\t'))
        r->at++;
}

// --- pairs

// A quoted text with \" \\ \n \t \r; what follows any other backslash stands for itself.
static int32_t take_quoted(struct reader *r)
{
    const uint8_t *from = r->out;

    for (r->at++; r->at < r->len; r->at++) {
        char c = r->s[r->at];
        if (c == '"') {
            r->at++;
            return add_made(r, from);
        }
        if (c == '\\' && r->at + 1 < r->len) {
            c = r->s[++r->at];
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
        }
        *r->out++ = (uint8_t)c;
    }
    return TM_TEXT_NONE;
}

// Up to a separator; a name ends at `assign` too. Blanks around it do not belong to it.
static int32_t take_plain(struct reader *r, bool is_name)
{
    size_t from = r->at;

    while (r->at < r->len && !is_at(r, r->between, r->between_len) &&
           !(is_name && is_at(r, r->assign, r->assign_len)))
        r->at++;
    size_t to = r->at;
    while (to > from && tm__is_blank((uint8_t)r->s[to - 1]) && (uint8_t)r->s[to - 1] < 0x80)
        to--;
    return add_part(r, from, to);
}

static int32_t take_pair(struct reader *r)
{
    int32_t rc = r->s[r->at] == '"' ? take_quoted(r) : take_plain(r, true);

    if (rc != 0)
        return rc;
    if (!is_at(r, r->assign, r->assign_len))
        return add(r, (struct tm_json_token){.kind = TM_JSON_TRUE});
    r->at += r->assign_len;
    // After "name=" a blank that separates ends an empty value; another is passed over.
    if (!is_at(r, r->between, r->between_len))
        skip_blanks(r);
    if (r->at < r->len && r->s[r->at] == '"')
        return take_quoted(r);
    return take_plain(r, false);
}

int32_t tm_pairs_split(struct tm_text *t, const char *s, uint32_t len, const char *between,
                       uint32_t between_len, const char *assign, uint32_t assign_len)
{
    struct reader r = {.t = t,
                       .s = s,
                       .len = len,
                       .begin = tm__text_room(t, len),
                       .between = between,
                       .between_len = between_len,
                       .assign = assign,
                       .assign_len = assign_len};

    if (r.begin == NULL)
        return tm__text_no_room(len);
    r.out = r.begin;
    for (;;) {
        skip_blanks(&r);
        if (r.at == r.len)
            break;
        if (is_at(&r, between, between_len)) {
            r.at += between_len;
            continue;
        }
        if (is_at(&r, assign, assign_len)) // a value without a name
            return TM_TEXT_NONE;
        int32_t rc = take_pair(&r);
        if (rc != 0)
            return rc;
    }
    (void)tm__text_done(t, r.out);
    return (int32_t)r.count;
}

// --- CSV (RFC 4180)

static int32_t take_csv_quoted(struct reader *r)
{
    const uint8_t *from = r->out;

    for (r->at++; r->at < r->len; r->at++) {
        if (r->s[r->at] == '"') {
            r->at++;
            if (r->at == r->len || r->s[r->at] != '"')
                return add_made(r, from);
        }
        *r->out++ = (uint8_t)r->s[r->at];
    }
    return TM_TEXT_NONE;
}

int32_t tm_csv_split(struct tm_text *t, const char *s, uint32_t len, const char *between,
                     uint32_t between_len)
{
    struct reader r = {.t = t,
                       .s = s,
                       .len = len,
                       .begin = tm__text_room(t, len),
                       .between = between,
                       .between_len = between_len};
    int32_t rc;

    if (r.begin == NULL)
        return tm__text_no_room(len);
    r.out = r.begin;
    for (;;) {
        if (r.at < r.len && r.s[r.at] == '"') {
            rc = take_csv_quoted(&r);
        } else {
            const char *stop = memmem(s + r.at, r.len - r.at, between, between_len);
            size_t from = r.at;
            r.at = stop == NULL ? r.len : (size_t)(stop - s);
            rc = add_part(&r, from, r.at);
        }
        if (rc != 0)
            return rc;
        if (r.at == r.len)
            break;
        if (!is_at(&r, between, between_len)) // text behind a closing quote
            return TM_TEXT_NONE;
        r.at += between_len;
    }
    (void)tm__text_done(t, r.out);
    return (int32_t)r.count;
}
