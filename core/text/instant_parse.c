// Moments from text: in the form of strptime, ISO 8601, and lengths of time ("1h30m"). Strict: the
// whole text must be of the form, and the date must exist.
#include "core/batch/timestamp.h"
#include "core/text/instant.h"
#include "core/text/instant_names.h"

struct fields {
    int64_t year, epoch, week_year;
    int32_t month, day, yearday, week, weekday;
    int32_t hour, minute, second, ms, offset;
    bool has_epoch, has_offset, has_12_hours, is_afternoon;
};

struct reader {
    const char *p, *end;
    struct fields f;
};

enum outcome { TAKEN, MISMATCH, NO_DIRECTIVE };

static bool is_digit(const struct reader *r)
{
    return r->p != r->end && *r->p >= '0' && *r->p <= '9';
}

// One to `most` digits.
static bool take_digits(struct reader *r, int most, int64_t *value)
{
    const char *first = r->p;

    *value = 0;
    while (is_digit(r) && r->p - first < most)
        *value = *value * 10 + (*r->p++ - '0');
    return r->p != first;
}

static enum outcome take_field(struct reader *r, int most, int32_t low, int32_t high,
                               int32_t *field)
{
    int64_t v;

    if (!take_digits(r, most, &v) || v < low || v > high)
        return MISMATCH;
    *field = (int32_t)v;
    return TAKEN;
}

static enum outcome take_year(struct reader *r, int64_t *year)
{
    const char *first = r->p;
    return take_digits(r, 4, year) && r->p - first == 4 ? TAKEN : MISMATCH;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool take_word(struct reader *r, const char *word, size_t len)
{
    if ((size_t)(r->end - r->p) < len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (lower(r->p[i]) != lower(word[i]))
            return false;
    }
    r->p += len;
    return true;
}

// A whole name or its first three letters; its place in the list, or -1.
static int32_t take_name(struct reader *r, const char *const *names, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (take_word(r, names[i], strlen(names[i])) || take_word(r, names[i], 3))
            return i;
    }
    return -1;
}

// Digits after a point: the first three count.
static enum outcome take_fraction(struct reader *r)
{
    int32_t v = 0, n = 0;

    for (; n < 9 && is_digit(r); n++, r->p++)
        v = n < 3 ? v * 10 + (*r->p - '0') : v;
    if (n == 0)
        return MISMATCH;
    for (; n < 3; n++)
        v *= 10;
    r->f.ms = v;
    return TAKEN;
}

// Z, +hh, +hhmm, +hh:mm
static enum outcome take_offset(struct reader *r)
{
    int64_t hour, minute = 0;

    r->f.has_offset = true;
    r->f.offset = 0;
    if (take_word(r, "z", 1))
        return TAKEN;
    if (r->p == r->end || (*r->p != '+' && *r->p != '-'))
        return MISMATCH;
    bool negative = *r->p++ == '-';
    const char *first = r->p;
    if (!take_digits(r, 2, &hour) || r->p - first != 2 || hour > 23)
        return MISMATCH;
    bool colon =
        r->p != r->end && *r->p == ':' && r->end - r->p > 1 && r->p[1] >= '0' && r->p[1] <= '9';
    r->p += colon;
    if (colon || is_digit(r)) {
        first = r->p;
        if (!take_digits(r, 2, &minute) || r->p - first != 2 || minute > 59)
            return MISMATCH;
    }
    r->f.offset = (int32_t)(hour * 60 + minute) * (negative ? -60 : 60);
    return TAKEN;
}

static enum outcome take_epoch(struct reader *r)
{
    bool negative = r->p != r->end && *r->p == '-';

    r->p += negative;
    if (!take_digits(r, 13, &r->f.epoch))
        return MISMATCH;
    if (negative)
        r->f.epoch = -r->f.epoch;
    r->f.has_epoch = true;
    return TAKEN;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= 9 && c <= 13);
}

static void skip_blanks(struct reader *r)
{
    while (r->p != r->end && is_blank(*r->p))
        r->p++;
}

static enum outcome take_directive(struct reader *r, char directive);

static enum outcome take_all(struct reader *r, const char *form)
{
    enum outcome outcome = TAKEN;

    for (; *form != '\0' && outcome == TAKEN; form++) {
        if (*form == '%')
            outcome = take_directive(r, *++form);
        else if (*form == ' ')
            skip_blanks(r);
        else if (r->p == r->end || *r->p++ != *form)
            outcome = MISMATCH;
    }
    return outcome;
}

static enum outcome take_directive(struct reader *r, char directive)
{
    struct fields *f = &r->f;
    enum outcome outcome;
    int32_t n;

    switch (directive) {
    case 'Y':
        return take_year(r, &f->year);
    case 'G':
        return take_year(r, &f->week_year);
    case 'y':
        outcome = take_field(r, 2, 0, 99, &n);
        f->year = outcome == TAKEN ? n + (n < 69 ? 2000 : 1900) : 0; // as POSIX
        return outcome;
    case 'm':
        return take_field(r, 2, 1, 12, &f->month);
    case 'e':
        skip_blanks(r);
        return take_field(r, 2, 1, 31, &f->day);
    case 'd':
        return take_field(r, 2, 1, 31, &f->day);
    case 'j':
        return take_field(r, 3, 1, 366, &f->yearday);
    case 'V':
        return take_field(r, 2, 1, 53, &f->week);
    case 'u':
        return take_field(r, 1, 1, 7, &f->weekday);
    case 'w':
        outcome = take_field(r, 1, 0, 6, &f->weekday);
        f->weekday = f->weekday == 0 ? 7 : f->weekday;
        return outcome;
    case 'H':
        return take_field(r, 2, 0, 23, &f->hour);
    case 'I':
        f->has_12_hours = true;
        return take_field(r, 2, 1, 12, &f->hour);
    case 'M':
        return take_field(r, 2, 0, 59, &f->minute);
    case 'S':
        return take_field(r, 2, 0, 60, &f->second); // 60: a leap second, the next minute's first
    case 'f':
    case 'L':
        return take_fraction(r);
    case 'p':
        f->is_afternoon = take_word(r, "PM", 2);
        return f->is_afternoon || take_word(r, "AM", 2) ? TAKEN : MISMATCH;
    case 'a':
    case 'A':
        n = take_name(r, tm__days, 7);
        f->weekday = n == 0 ? 7 : n;
        return n < 0 ? MISMATCH : TAKEN;
    case 'b':
    case 'h':
    case 'B':
        f->month = take_name(r, tm__months, 12) + 1;
        return f->month == 0 ? MISMATCH : TAKEN;
    case 'z':
    case ':': // of %:z
        return take_offset(r);
    case 'Z':
        f->has_offset = take_word(r, "UTC", 3) || take_word(r, "GMT", 3) || take_word(r, "Z", 1);
        return f->has_offset ? TAKEN : MISMATCH;
    case 's':
        return take_epoch(r);
    case 'F':
        return take_all(r, "%Y-%m-%d");
    case 'T':
        return take_all(r, "%H:%M:%S");
    case 'R':
        return take_all(r, "%H:%M");
    case 'D':
        return take_all(r, "%m/%d/%y");
    case 'c':
        return take_all(r, "%a %b %e %H:%M:%S %Y");
    case 'n':
    case 't':
        skip_blanks(r);
        return TAKEN;
    case '%':
        return r->p != r->end && *r->p++ == '%' ? TAKEN : MISMATCH;
    default:
        return NO_DIRECTIVE;
    }
}

// The day that the fields name, or false when there is none.
static bool day_of(const struct fields *f, int64_t *days)
{
    int64_t year;

    if (f->week != 0) { // %G-W%V-%u
        int64_t fourth = tm_civil_to_days(f->week_year, 1, 4);
        *days = fourth - tm__weekday(fourth) + 1 + (f->week - 1) * 7 +
                (f->weekday == 0 ? 0 : f->weekday - 1);
        return f->week <= 52 || tm__iso_week(*days, &year) == 53;
    }
    if (f->yearday != 0) {
        *days = tm_civil_to_days(f->year, 1, 1) + f->yearday - 1;
        return f->yearday < 366 || tm_civil_is_leap(f->year);
    }
    *days = tm_civil_to_days(f->year, f->month, f->day);
    return f->day <= tm_civil_month_days(f->year, f->month);
}

static bool moment_of(const struct fields *f, struct tm_zone *zone, double *ms)
{
    int64_t days, hour = f->hour;

    if (f->has_epoch) {
        *ms = (double)(f->epoch * 1000 + f->ms);
        return fabs(*ms) <= TM__RANGE_MS;
    }
    if (!day_of(f, &days))
        return false;
    if (f->has_12_hours)
        hour = f->hour % 12 + (f->is_afternoon ? 12 : 0);
    int64_t in_day = ((hour * 60 + f->minute) * 60 + f->second) * 1000 + f->ms;
    if (f->has_offset)
        *ms = (double)(days * TM__MS_PER_DAY + in_day - (int64_t)f->offset * 1000);
    else
        *ms = (double)tm__ms_of_local(zone, days, in_day);
    return true;
}

int32_t tm_instant_parse(struct tm_text *t, struct tm_zone *zone, const char *s, uint32_t len,
                         const char *form, uint32_t form_len)
{
    struct reader r = {
        .p = s, .end = s + len, .f = {.year = 1970, .month = 1, .day = 1, .week_year = 1970}};
    bool matches = true;

    // A wrong form is wrong whatever the text, so it is read to its end.
    for (uint32_t i = 0; i < form_len; i++) {
        enum outcome outcome = TAKEN;
        uint32_t at = i;
        if (form[i] == '%') {
            i++;
            struct reader none = {.p = s, .end = s};
            outcome = i == form_len ? NO_DIRECTIVE : take_directive(matches ? &r : &none, form[i]);
            if (outcome != NO_DIRECTIVE && form[i] == ':' && (++i == form_len || form[i] != 'z'))
                outcome = NO_DIRECTIVE;
        } else if (is_blank(form[i])) {
            outcome = r.p != r.end && is_blank(*r.p) ? TAKEN : MISMATCH;
            skip_blanks(&r);
            while (i + 1 < form_len && is_blank(form[i + 1]))
                i++;
        } else if (r.p == r.end || *r.p++ != form[i]) {
            outcome = MISMATCH;
        }
        if (outcome == NO_DIRECTIVE) {
            t->from = (int32_t)at;
            return TM_E_ARGUMENT;
        }
        matches = matches && outcome == TAKEN;
    }
    return matches && r.p == r.end && moment_of(&r.f, zone, &t->number) ? 0 : TM_TEXT_NONE;
}

int32_t tm_instant_parse_iso(struct tm_text *t, struct tm_zone *zone, const char *s, uint32_t len)
{
    int64_t ms;

    if (tm_timestamp_parse(s, len, &ms) != 0 || ms > (int64_t)8.64e15 || ms < (int64_t)-8.64e15)
        return TM_TEXT_NONE;
    // After the date and the hour a letter or a sign says what the offset is.
    bool has_offset = false;
    for (uint32_t i = 11; i < len; i++)
        has_offset = has_offset || s[i] == 'Z' || s[i] == 'z' || s[i] == '+' || s[i] == '-';
    if (zone != NULL && !has_offset)
        ms -= (int64_t)tm__zone_offset_of_local(zone, tm_civil_floor_div(ms, 1000)) * 1000;
    t->number = (double)ms;
    return 0;
}

int32_t tm_instant_duration(struct tm_text *t, const char *s, uint32_t len)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {
        {"ns", 1e-6}, {"us", 1e-3},  {"ms", 1},      {"s", 1e3},
        {"m", 60e3},  {"h", 3600e3}, {"d", 86400e3}, {"w", 7 * 86400e3},
    };
    struct reader r = {.p = s, .end = s + len};
    bool negative = r.p != r.end && *r.p == '-';
    double total = 0;

    r.p += negative;
    if (r.p == r.end)
        return TM_TEXT_NONE;
    while (r.p != r.end) {
        int64_t whole, fraction = 0;
        double scale = 1;
        if (!take_digits(&r, 15, &whole))
            return TM_TEXT_NONE;
        if (r.p != r.end && *r.p == '.') {
            const char *first = ++r.p;
            if (!take_digits(&r, 9, &fraction))
                return TM_TEXT_NONE;
            for (; first != r.p; first++)
                scale *= 10;
        }
        size_t name = 0, i = 0;
        while (r.p + name != r.end && r.p[name] >= 'a' && r.p[name] <= 'z')
            name++;
        for (; i < sizeof units / sizeof units[0]; i++) {
            if (strlen(units[i].name) == name && memcmp(units[i].name, r.p, name) == 0)
                break;
        }
        if (i == sizeof units / sizeof units[0])
            return TM_TEXT_NONE;
        total += (double)whole * units[i].ms + (double)fraction * units[i].ms / scale;
        r.p += name;
    }
    t->number = negative ? 0.0 - total : total;
    return 0;
}
