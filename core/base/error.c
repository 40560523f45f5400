// The error table and the caller-allocated error. Everything formats into a local buffer first, so
// that an error's own text may be an argument of its next message.
#include "core/base/error.h"

#include <stdio.h>
#include <string.h>

// Names in errors.def are in capitals; users see them in lower case. Lowered by the compiler, so
// that the table is constant.
#define CH(s, i) ((i) < sizeof(s) ? (s)[(i) < sizeof(s) ? (i) : 0] : '\0')
#define LOW(s, i) (char)(CH(s, i) >= 'A' && CH(s, i) <= 'Z' ? CH(s, i) + ('a' - 'A') : CH(s, i))
#define LOW4(s, i) LOW(s, i), LOW(s, (i) + 1), LOW(s, (i) + 2), LOW(s, (i) + 3)
#define LOW24(s)                                                                        \
    {                                                                                   \
        LOW4(s, 0u), LOW4(s, 4u), LOW4(s, 8u), LOW4(s, 12u), LOW4(s, 16u), LOW4(s, 20u) \
    }

enum { NAME_BYTES = 24 };

struct entry {
    int code;
    char name[NAME_BYTES];
    const char *title;
};

static const struct entry table[] = {
#define TM_ERROR(name, number, title) {TM_E_##name, LOW24(#name), title},
#include "core/base/errors.def"
#undef TM_ERROR
};

enum { ENTRIES = sizeof(table) / sizeof(table[0]) };

#define TM_ERROR(name, number, title) _Static_assert(sizeof(#name) <= NAME_BYTES, "name too long");
#include "core/base/errors.def"
#undef TM_ERROR

static const struct entry *entry_of(int code)
{
    for (size_t i = 0; i < ENTRIES; i++)
        if (table[i].code == code)
            return &table[i];
    return NULL;
}

// Cut `text` (size bytes with its NUL, full) so that it does not end inside a UTF-8 sequence.
static void cut_at_boundary(char *text, size_t size)
{
    size_t end = size - 1;
    size_t start = end;
    while (start > 0 && end - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (want > end - (start - 1))
        text[start - 1] = '\0';
}

static void format(char *out, size_t size, const char *fmt, va_list args)
{
    int n = vsnprintf(out, size, fmt, args);
    if (n < 0)
        out[0] = '\0';
    else if ((size_t)n >= size)
        cut_at_boundary(out, size);
}

// "a" + "b", cut to size. The first part is kept whole where it fits.
static void join(char *out, size_t size, const char *a, const char *separator, const char *b)
{
    size_t at = 0;
    const char *parts[] = {a, separator, b};
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(parts[i]);
        if (len > size - 1 - at) {
            memcpy(out + at, parts[i], size - 1 - at);
            out[size - 1] = '\0';
            cut_at_boundary(out, size);
            return;
        }
        memcpy(out + at, parts[i], len);
        at += len;
    }
    out[at] = '\0';
}

void tm_error_clear(struct tm_error *err)
{
    err->code = TM_OK;
    err->message[0] = err->where[0] = err->hint[0] = '\0';
}

int tm_error_set(struct tm_error *err, int code, const char *fmt, ...)
{
    if (err == NULL)
        return code;
    char text[TM_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    format(text, sizeof(text), fmt, args);
    va_end(args);
    tm_error_clear(err);
    err->code = code;
    strcpy(err->message, text);
    return code;
}

int tm_error_set_errno(struct tm_error *err, int code, int errnum, const char *fmt, ...)
{
    if (err == NULL)
        return code;
    char text[TM_ERROR_TEXT_MAX];
    char cause[128];
    va_list args;
    va_start(args, fmt);
    format(text, sizeof(text), fmt, args);
    va_end(args);
    const char *why = strerror_r(errnum, cause, sizeof(cause)); // the GNU one: returns the text
    tm_error_clear(err);
    err->code = code;
    join(err->message, sizeof(err->message), text, ": ", why);
    return code;
}

void tm_error_where(struct tm_error *err, const char *fmt, ...)
{
    if (err == NULL)
        return;
    char text[TM_ERROR_WHERE_MAX];
    va_list args;
    va_start(args, fmt);
    format(text, sizeof(text), fmt, args);
    va_end(args);
    strcpy(err->where, text);
}

void tm_error_hint(struct tm_error *err, const char *fmt, ...)
{
    if (err == NULL)
        return;
    char text[TM_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    format(text, sizeof(text), fmt, args);
    va_end(args);
    strcpy(err->hint, text);
}

int tm_error_prefix(struct tm_error *err, const char *fmt, ...)
{
    if (err == NULL)
        return TM_OK;
    char text[TM_ERROR_TEXT_MAX];
    char joined[TM_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    format(text, sizeof(text), fmt, args);
    va_end(args);
    join(joined, sizeof(joined), text, ": ", err->message);
    strcpy(err->message, joined);
    return err->code;
}

const char *tm_error_name(int code)
{
    const struct entry *entry = entry_of(code);
    return entry != NULL ? entry->name : code == TM_OK ? "ok" : "unknown";
}

const char *tm_error_title(int code)
{
    const struct entry *entry = entry_of(code);
    return entry != NULL ? entry->title : code == TM_OK ? "no error" : "an unknown error";
}

const char *tm_error_code_text(int code, char buf[8])
{
    unsigned number = code < 0 ? 0u - (unsigned)code : (unsigned)code;
    snprintf(buf, 8, "TM%04u", number % 10000);
    return buf;
}

int tm_error_by_name(const char *name)
{
    if (name == NULL)
        return TM_E_INTERNAL;
    for (size_t i = 0; i < ENTRIES; i++) {
        size_t at = 0;
        while (name[at] != '\0' && table[i].name[at] != '\0') {
            char c = name[at];
            if (c >= 'A' && c <= 'Z')
                c = (char)(c + ('a' - 'A'));
            if (c != table[i].name[at])
                break;
            at++;
        }
        if (name[at] == '\0' && table[i].name[at] == '\0')
            return table[i].code;
    }
    return TM_E_INTERNAL;
}
