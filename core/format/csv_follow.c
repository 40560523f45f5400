// May rows follow in a CSV file that is there? Its fields are told by their places, so its header
// must be the one that the rows would get, however either is quoted.
#include <stdio.h>
#include <string.h>

#include "core/format/csv_text.h"
#include "core/format/formats.h"

enum { NAME_BYTES = 1024, LIST_BYTES = 200 };

// The names of a header.
struct names {
    const struct tm_csv_options *options;
    const uint8_t *p, *end;
    bool done;
};

static const uint8_t *line_behind(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *line_end = memchr(p, '\n', (size_t)(end - p));
    return line_end == NULL ? end : line_end + 1;
}

// What is left of a file behind its mark and the lines that are no rows.
static const uint8_t *content_of(const struct tm_csv_options *options, const uint8_t *p,
                                 const uint8_t *end)
{
    if (end - p >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
        p += 3;
    for (int64_t i = 0; i < (int64_t)options->skip_lines && p < end; i++)
        p = line_behind(p, end);
    while (p < end && options->comment != 0 && *p == options->comment)
        p = line_behind(p, end);
    return p;
}

bool tm__csv_ends_in_crlf(const struct tm_csv_options *options, const uint8_t *p, size_t len)
{
    const uint8_t *end = p + len;
    bool quoted = false; // a doubled quote leaves and enters
    const uint8_t *start = content_of(options, p, end);
    for (p = start; p < end; p++) {
        if (options->backslash && *p == '\\')
            p++;
        else if (options->quote != 0 && *p == options->quote)
            quoted = !quoted;
        else if (*p == '\n' && !quoted)
            return p > start && p[-1] == '\r';
    }
    return options->crlf;
}

static bool is_behind(const struct names *names)
{
    return names->p == names->end || *names->p == names->options->delimiter || *names->p == '\n' ||
           *names->p == '\r';
}

// The next name, of which `text` gets what fits; false: there is none.
static bool next_name(struct names *names, char text[NAME_BYTES])
{
    const struct tm_csv_options *o = names->options;
    size_t used = 0;
    if (names->done)
        return false;
    bool quoted = names->p < names->end && o->quote != 0 && *names->p == o->quote;
    for (names->p += quoted; names->p < names->end && (quoted || !is_behind(names)); names->p++) {
        bool more = names->p + 1 < names->end;
        if (o->backslash && *names->p == '\\' && more)
            names->p++;
        else if (quoted && *names->p == o->quote && !o->backslash && more &&
                 names->p[1] == o->quote)
            names->p++;
        else if (quoted && *names->p == o->quote) {
            quoted = false;
            continue;
        }
        if (used < NAME_BYTES - 1)
            text[used++] = (char)*names->p;
    }
    text[used] = '\0';
    names->done = names->p == names->end || *names->p != o->delimiter;
    names->p += !names->done;
    return true;
}

// "j,i", as much as there is room for.
static void show(struct names names, char list[LIST_BYTES])
{
    char name[NAME_BYTES];
    size_t used = 0;
    list[0] = '\0';
    for (bool first = true; next_name(&names, name); first = false) {
        int n = snprintf(list + used, LIST_BYTES - used, "%s%.100s", first ? "" : ",", name);
        if (n < 0 || used + (size_t)n + 4 >= LIST_BYTES) {
            snprintf(list + used, LIST_BYTES - used, "...");
            return;
        }
        used += (size_t)n;
    }
}

static bool has(struct names names, const char *wanted)
{
    char name[NAME_BYTES];
    while (next_name(&names, name))
        if (strcmp(name, wanted) == 0)
            return true;
    return false;
}

static uint32_t count(struct names names)
{
    char name[NAME_BYTES];
    uint32_t n = 0;
    while (next_name(&names, name))
        n++;
    return n;
}

static bool is_same(struct names a, struct names b)
{
    char x[NAME_BYTES], y[NAME_BYTES];
    while (next_name(&a, x))
        if (!next_name(&b, y) || strcmp(x, y) != 0)
            return false;
    return !next_name(&b, y);
}

// The columns that are there, in the order that they must have: :select("j", "i").
static void hint_select(struct names there, struct names own, struct tm_error *err)
{
    char name[NAME_BYTES], list[LIST_BYTES];
    size_t used = 0;
    bool possible = count(there) <= count(own);
    for (struct names n = there; possible && next_name(&n, name);) {
        int more =
            snprintf(list + used, sizeof list - used, "%s\"%.100s\"", used == 0 ? "" : ", ", name);
        possible = has(own, name) && more > 0 && used + (size_t)more < sizeof list &&
                   strpbrk(name, "\"\\") == NULL;
        used += possible ? (size_t)more : 0;
    }
    if (possible)
        tm_error_hint(err, ":select(%s) gives the rows these columns; or write to another file",
                      list);
    else
        tm_error_hint(err, "give the rows these columns in this order (:map, :select), or write to "
                           "another file");
}

int tm__csv_follows(const struct tm_csv_options *options, const struct tm_buf *header,
                    const uint8_t *p, size_t len, struct tm_error *err)
{
    const uint8_t *own_start = header->data, *own_end = own_start + header->size_bytes;
    struct names there = {.options = options, .p = content_of(options, p, p + len), .end = p + len};
    struct names own = {.options = options, .p = own_start, .end = own_end};
    char a[LIST_BYTES], b[LIST_BYTES];
    if (header->size_bytes == 0 || there.p == there.end || is_same(there, own))
        return 0;
    show(there, a);
    show(own, b);
    int rc = tm_error_set(err, TM_E_SCHEMA,
                          "the file has the header %s, and the rows to append have %s", a, b);
    hint_select(there, own, err);
    return rc;
}
