// Tokens of JSON text: the ways that are taken less often.
#include "core/format/json_token.h"

enum { GUESSES_MAX = 8 }; // wrong ones in one call before a key's values are no longer guessed

void tm__json_guess_anew(struct tm__key_node *node, size_t len)
{
    node->usual = node->misses++ < GUESSES_MAX ? (uint32_t)len : TM__KEYS_UNUSUAL;
}

const uint8_t *tm__json_skip_space(const struct tm__json_record *r, const uint8_t *p)
{
    while (p < r->end && tm__json_is_space(*p) && (*p != '\n' || r->framed))
        p++;
    return p;
}

const uint8_t *tm__json_skip_string(struct tm__json_record *r, const uint8_t *p)
{
    tm__chunk seen = tm__chunk_fill(0);
    p = tm__json_find_quote(p, &seen);
    r->high = r->high || tm__chunk_high(seen) != 0;
    return p == NULL ? NULL : p + 1;
}

const uint8_t *tm__json_skip_word(const struct tm__json_record *r, const uint8_t *p)
{
    while (p < r->end && ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || *p == 'E' ||
                          *p == '.' || *p == '-' || *p == '+'))
        p++;
    return p;
}

const uint8_t *tm__json_skip_nested(struct tm__json_record *r, const uint8_t *p, const uint8_t **at)
{
    tm__chunk seen = tm__chunk_fill(0);
    uint64_t is_object[TM__DEPTH_MAX / 64] = {0};
    uint32_t depth = 0;
    for (;;) {
        tm__chunk chunk = tm__chunk_load(p);
        seen = tm__chunk_or(seen, chunk);
        uint32_t found = tm__chunk_special(chunk) | tm__chunk_bracket(chunk);
        if (found == 0 && p < r->end) {
            p += TM__CHUNK_BYTES;
            continue;
        }
        p += found == 0 ? 0 : __builtin_ctz(found);
        *at = p;
        if (p >= r->end)
            return NULL;
        uint8_t c = *p++;
        if (c == '"') {
            if ((p = tm__json_skip_string(r, p)) == NULL)
                return NULL;
        } else if (c == '{' || c == '[') {
            if (depth == TM__DEPTH_MAX)
                return NULL;
            uint64_t bit = UINT64_C(1) << (depth & 63), *word = &is_object[depth >> 6];
            *word = c == '{' ? *word | bit : *word & ~bit;
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
            if (((is_object[depth >> 6] >> (depth & 63)) & 1) != (c == '}'))
                return NULL;
            if (depth == 0) {
                r->high = r->high || tm__chunk_high(seen) != 0;
                return p;
            }
        } else if (c != '\t' && c != '\r' && (c != '\n' || !r->framed)) {
            return NULL;
        }
    }
}
