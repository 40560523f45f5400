// Parts of texts made unreadable: card numbers, addresses of mail, the middle of a text.
#include "core/text/text_private.h"
#include "core/text/utf8.h"

int32_t tm_mask_middle(struct tm_text *t, const char *s, uint32_t len, int32_t first, int32_t last,
                       const char *with, uint32_t with_len)
{
    int32_t length = tm_text_length(s, len), hidden = length - first - last;
    const uint8_t *p = (const uint8_t *)s, *end = p + len;
    struct tm_buf *out = tm__text_begin(t);
    int32_t rc = 0;

    // A text that is all shown would be no mask: it is hidden whole.
    if (hidden <= 0) {
        first = 0;
        hidden = length;
    }
    for (int32_t i = 0; i < length && rc == 0; i++) {
        int32_t code;
        size_t n = tm__utf8_next(p, end, &code);
        bool hide = i >= first && i < first + hidden;
        rc = hide ? tm__text_put(out, with, with_len) : tm__text_put(out, p, n);
        p += n;
    }
    return rc != 0 ? rc : tm__text_finish(t);
}

static uint8_t *copy_of(struct tm_text *t, const char *s, uint32_t len)
{
    uint8_t *out = tm__text_room(t, len);
    if (out != NULL)
        memcpy(out, s, len);
    return out;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

// --- card numbers: 13 to 19 digits, perhaps in groups with one blank or dash between, whose check
// digit (Luhn's) is right

enum { CARD_DIGITS_MIN = 13, CARD_DIGITS_MAX = 19, CARD_DIGITS_SHOWN = 4 };

struct digits {
    uint32_t at[CARD_DIGITS_MAX];
    uint32_t count;
};

static bool has_check_digit(const uint8_t *p, const struct digits *d)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t v = (uint32_t)(p[d->at[d->count - 1 - i]] - '0');
        if (i % 2 == 1)
            v = v > 4 ? v * 2 - 9 : v * 2;
        sum += v;
    }
    return sum % 10 == 0;
}

// The longest card number that begins with the group of digits at `from`; its end, 0 for none.
// *group_end: that of the first group.
static uint32_t take_card(const uint8_t *p, uint32_t len, uint32_t from, struct digits *card,
                          uint32_t *group_end)
{
    struct digits d = {.count = 0};
    uint32_t i = from, end = 0;

    *group_end = 0;
    while (i < len && is_digit(p[i])) {
        for (; i < len && is_digit(p[i]); i++) {
            if (d.count < CARD_DIGITS_MAX)
                d.at[d.count] = i;
            d.count++; // past the most: too many
        }
        if (*group_end == 0)
            *group_end = i;
        if (d.count > CARD_DIGITS_MAX)
            break;
        if (d.count >= CARD_DIGITS_MIN && has_check_digit(p, &d)) {
            *card = d;
            end = i;
        }
        if (i < len && (p[i] == ' ' || p[i] == '-'))
            i++;
    }
    return end;
}

int32_t tm_mask_cards(struct tm_text *t, const char *s, uint32_t len)
{
    const uint8_t *p = (const uint8_t *)s;
    uint8_t *out = NULL;

    for (uint32_t i = 0; i < len;) {
        struct digits card;
        uint32_t group_end;
        if (!is_digit(p[i])) {
            i++;
            continue;
        }
        uint32_t end = take_card(p, len, i, &card, &group_end);
        i = end == 0 ? group_end : end;
        if (end == 0)
            continue;
        if (out == NULL && (out = copy_of(t, s, len)) == NULL)
            return tm__text_no_room(len);
        for (uint32_t k = 0; k + CARD_DIGITS_SHOWN < card.count; k++)
            out[card.at[k]] = '*';
    }
    return out == NULL ? TM_TEXT_SAME : tm__text_done(t, out + len);
}

// --- addresses of mail: of the part before the @ the first character stays

static bool is_local(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80 ||
           (c != 0 && strchr(".!#$%&'*+/=?^_`{|}~-", c) != NULL);
}

static bool is_domain(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80 || c == '-';
}

// Letters, a point, letters: what stands behind an @.
static bool is_domain_name(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *first = p;

    while (p < end && is_domain(*p))
        p++;
    return p > first && p + 1 < end && *p == '.' && is_domain(p[1]);
}

int32_t tm_mask_emails(struct tm_text *t, const char *s, uint32_t len)
{
    const uint8_t *begin = (const uint8_t *)s, *end = begin + len, *done = begin;
    struct tm_buf *out = tm__text_begin(t);
    int32_t rc = 0;

    for (const uint8_t *at = begin; rc == 0; at++) {
        at = memchr(at, '@', (size_t)(end - at));
        if (at == NULL)
            break;
        const uint8_t *local = at;
        while (local > done && is_local(local[-1]))
            local--;
        if (local == at || !is_domain_name(at + 1, end))
            continue;
        int32_t code;
        size_t shown = tm__utf8_next(local, end, &code);
        rc = tm__text_put(out, done, (size_t)(local - done) + shown);
        if (rc == 0)
            rc = tm__text_put(out, "***", 3); // always three: not even the length is told
        done = at;
    }
    if (rc == 0 && done == begin && out->size_bytes == 0)
        return TM_TEXT_SAME;
    if (rc == 0)
        rc = tm__text_put(out, done, (size_t)(end - done));
    return rc != 0 ? rc : tm__text_finish(t);
}
