// Texts counted, split and rewritten at the matches of a regular expression.
#include "core/text/regex.h"

int32_t tm_regex_count(struct tm_regex *regex, const char *s, uint32_t len)
{
    struct tm__scan scan = {.regex = regex, .s = s, .len = len};
    int32_t count = 0, rc;

    while ((rc = tm__regex_next(&scan)) == 1)
        count++;
    return rc < 0 ? rc : count;
}

int32_t tm_regex_split(struct tm_regex *regex, const char *s, uint32_t len, int32_t max)
{
    struct tm__scan scan = {.regex = regex, .s = s, .len = len};
    struct tm_text *t = tm__regex_text(regex);
    size_t count = 0, from = 0;
    int32_t rc = 0;

    for (;;) {
        int32_t *spans = tm__text_spans(t, count, 1);
        if (spans == NULL)
            return TM_E_MEMORY;
        bool more = max < 0 || count + 1 < (size_t)max;
        // An empty match splits between two characters, not in front of the first or behind the
        // last.
        do
            rc = more ? tm__regex_next(&scan) : 0;
        while (rc == 1 && scan.ends[0] == scan.ends[1] &&
               (scan.ends[0] == from || scan.ends[0] == len));
        if (rc < 0)
            return rc;
        spans[2 * count] = (int32_t)from;
        spans[2 * count + 1] = rc == 0 ? (int32_t)len : (int32_t)scan.ends[0];
        count++;
        if (rc == 0)
            return (int32_t)count;
        from = scan.ends[1];
    }
}

// --- replacing. What would become too large has a code of its own: TM_E_LIMIT is that of a match.

static int32_t put(struct tm_buf *out, const void *p, size_t len)
{
    int32_t rc = tm__text_put(out, p, len);
    return rc == TM_E_LIMIT ? TM_E_TOO_LARGE : rc;
}

struct form {
    struct tm_regex *regex;
    const char *text;
    size_t len;
};

// The group behind a $ at *i, which is moved behind it: 0 and up, -1 for $$, -2 when it is wrong.
static int32_t take_group(const struct form *form, size_t *i)
{
    size_t at = *i + 1, from;
    bool braces = at < form->len && form->text[at] == '{';
    int32_t group = 0;

    if (at < form->len && form->text[at] == '$') {
        *i = at + 1;
        return -1;
    }
    from = at += braces;
    while (at < form->len && form->text[at] >= '0' && form->text[at] <= '9' && group < 65536)
        group = group * 10 + (form->text[at++] - '0');
    if (braces) {
        const char *close = memchr(form->text + at, '}', form->len - at);
        if (close == NULL)
            return -2;
        size_t end = (size_t)(close - form->text);
        if (end != at) // a name, though it may begin with what looks like a number
            group = tm__regex_group(form->regex, form->text + from, end - from);
        else if (at == from)
            return -2;
        at = end + 1;
    } else if (at == from) {
        return -2;
    }
    *i = at;
    return group < 0 || (uint32_t)group > tm__regex_groups(form->regex) ? -2 : group;
}

// The first wrong $, or the length.
static size_t check_form(const struct form *form)
{
    for (size_t i = 0; i < form->len;) {
        size_t at = i;
        if (form->text[i] != '$')
            i++;
        else if (take_group(form, &i) == -2)
            return at;
    }
    return form->len;
}

static int32_t put_form(struct tm_buf *out, const struct form *form, const struct tm__scan *scan)
{
    for (size_t i = 0; i < form->len;) {
        const char *dollar = memchr(form->text + i, '$', form->len - i);
        size_t plain = dollar == NULL ? form->len : (size_t)(dollar - form->text);
        int32_t rc = put(out, form->text + i, plain - i);
        if (rc != 0 || dollar == NULL)
            return rc;
        i = plain;
        int32_t group = take_group(form, &i);
        if (group == -1) {
            rc = put(out, "$", 1);
        } else if ((uint32_t)group < scan->ends_count && scan->ends[2 * group] != SIZE_MAX) {
            size_t from = scan->ends[2 * group];
            rc = put(out, scan->s + from, scan->ends[2 * group + 1] - from);
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}

int32_t tm_regex_replace(struct tm_regex *regex, const char *s, uint32_t len, const char *with,
                         uint32_t with_len, int32_t max)
{
    struct tm__scan scan = {.regex = regex, .s = s, .len = len};
    struct form form = {.regex = regex, .text = with, .len = with_len};
    struct tm_text *t = tm__regex_text(regex);
    struct tm_buf *out = tm__text_begin(t);
    size_t done = 0, wrong = check_form(&form);
    int32_t rc = 0, count = 0;

    if (wrong != with_len) {
        t->from = (int32_t)wrong;
        return TM_E_ARGUMENT;
    }
    while (count != max && (rc = tm__regex_next(&scan)) == 1) {
        rc = put(out, s + done, scan.ends[0] - done);
        if (rc == 0)
            rc = put_form(out, &form, &scan);
        if (rc != 0)
            return rc;
        done = scan.ends[1];
        count++;
    }
    if (rc < 0)
        return rc;
    if (count == 0)
        return TM_TEXT_SAME;
    rc = put(out, s + done, len - done);
    return rc != 0 ? rc : tm__text_finish(t);
}
