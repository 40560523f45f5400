// Pairs of names and values as text: "a=1 b=\"two words\"" and queries of URLs, in the order of
// their names, since the order of a Lua table is none; and lines of CSV.
#include <stdlib.h>

#include "core/text/text_private.h"

// A pair while it waits for the others; both texts are Lua's and stay while their table is read.
struct pair {
    const char *name, *value; // value NULL: the name alone
    uint32_t name_len, value_len;
};

void tm_pairs_begin(struct tm_text *t)
{
    tm__text_of(t)->tokens.size_bytes = 0;
}

int32_t tm_pairs_put(struct tm_text *t, const char *name, uint32_t name_len, const char *value,
                     uint32_t value_len)
{
    const struct pair pair = {name, value, name_len, value_len};
    return tm_buf_append(&tm__text_of(t)->tokens, &pair, sizeof pair);
}

static int by_name(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    uint32_t common = x->name_len < y->name_len ? x->name_len : y->name_len;
    int order = memcmp(x->name, y->name, common);
    return order != 0 ? order : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

static struct pair *sorted(struct tm_text *t, size_t *count)
{
    struct tm_buf *tokens = &tm__text_of(t)->tokens;
    *count = tokens->size_bytes / sizeof(struct pair);
    if (*count > 1)
        qsort(tokens->data, *count, sizeof(struct pair), by_name);
    return (struct pair *)(void *)tokens->data;
}

static bool has(const char *s, size_t len, const char *part, size_t part_len)
{
    return memmem(s, len, part, part_len) != NULL;
}

// Does reading it back need quotes?
static bool needs_quotes(const char *s, uint32_t len, const char *between, uint32_t between_len,
                         const char *assign, uint32_t assign_len)
{
    if (len == 0 || has(s, len, between, between_len) || has(s, len, assign, assign_len))
        return true;
    for (uint32_t i = 0; i < len; i++) {
        if ((uint8_t)s[i] <= ' ' || s[i] == '"' || s[i] == '\\')
            return true;
    }
    return false;
}

static int32_t put_quoted(struct tm_buf *out, const char *s, uint32_t len)
{
    int32_t rc = tm__text_put(out, "\"", 1);

    for (uint32_t i = 0; i < len && rc == 0; i++) {
        switch (s[i]) {
        case '"':
            rc = tm__text_put(out, "\\\"", 2);
            break;
        case '\\':
            rc = tm__text_put(out, "\\\\", 2);
            break;
        case '\n':
            rc = tm__text_put(out, "\\n", 2);
            break;
        case '\r':
            rc = tm__text_put(out, "\\r", 2);
            break;
        case '\t':
            rc = tm__text_put(out, "\\t", 2);
            break;
        default:
            rc = tm__text_put(out, s + i, 1);
        }
    }
    return rc != 0 ? rc : tm__text_put(out, "\"", 1);
}

int32_t tm_pairs_end(struct tm_text *t, const char *between, uint32_t between_len,
                     const char *assign, uint32_t assign_len)
{
    size_t count;
    const struct pair *pairs = sorted(t, &count);
    struct tm_buf *out = tm__text_begin(t);
    int32_t rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        for (int side = 0; side < 2 && rc == 0; side++) {
            const char *s = side == 0 ? pairs[i].name : pairs[i].value;
            uint32_t len = side == 0 ? pairs[i].name_len : pairs[i].value_len;
            if (s == NULL)
                break;
            rc = side == 1 ? tm__text_put(out, assign, assign_len)
                 : i > 0   ? tm__text_put(out, between, between_len)
                           : 0;
            if (rc == 0)
                rc = needs_quotes(s, len, between, between_len, assign, assign_len)
                         ? put_quoted(out, s, len)
                         : tm__text_put(out, s, len);
        }
    }
    return rc != 0 ? rc : tm__text_finish(t);
}

// --- queries of URLs

static int32_t put_percent(struct tm_buf *out, const char *s, uint32_t len)
{
    if (out->size_bytes + 3 * (size_t)len > TM_ROW_BYTES_MAX)
        return TM_E_LIMIT;
    int32_t rc = tm_buf_reserve(out, 3 * (size_t)len);
    if (rc != 0)
        return rc;
    uint8_t *end = tm__percent_encode(out->data + out->size_bytes, s, len);
    out->size_bytes = (size_t)(end - out->data);
    return 0;
}

int32_t tm_query_end(struct tm_text *t)
{
    size_t count;
    const struct pair *pairs = sorted(t, &count);
    struct tm_buf *out = tm__text_begin(t);
    int32_t rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = i == 0 ? 0 : tm__text_put(out, "&", 1);
        if (rc == 0)
            rc = put_percent(out, pairs[i].name, pairs[i].name_len);
        if (rc == 0 && pairs[i].value != NULL)
            rc = tm__text_put(out, "=", 1);
        if (rc == 0 && pairs[i].value != NULL)
            rc = put_percent(out, pairs[i].value, pairs[i].value_len);
    }
    return rc != 0 ? rc : tm__text_finish(t);
}

// --- lines of CSV (RFC 4180)

int32_t tm_csv_put(struct tm_text *t, const char *s, uint32_t len, const char *between,
                   uint32_t between_len, bool first)
{
    struct tm_buf *out = &tm__text_of(t)->out;
    bool quoted = has(s, len, between, between_len) || memchr(s, '"', len) != NULL ||
                  memchr(s, '\n', len) != NULL || memchr(s, '\r', len) != NULL;
    int32_t rc = 0;

    if (first)
        out->size_bytes = 0;
    else
        rc = tm__text_put(out, between, between_len);
    if (rc == 0 && !quoted)
        return tm__text_put(out, s, len);
    if (rc == 0)
        rc = tm__text_put(out, "\"", 1);
    for (uint32_t i = 0; i < len && rc == 0; i++)
        rc = tm__text_put(out, s[i] == '"' ? "\"\"" : s + i, s[i] == '"' ? 2 : 1);
    return rc != 0 ? rc : tm__text_put(out, "\"", 1);
}

int32_t tm_csv_end(struct tm_text *t)
{
    return tm__text_finish(t);
}
