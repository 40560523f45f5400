// Moments as text in the form of strftime. English names, no locale.
#include "core/batch/timestamp.h"
#include "core/text/instant.h"
#include "core/text/instant_names.h"

// What a directive of two characters can become: "Thu Jan  1 00:00:00 1970" is the longest, at 24,
// but for years of six digits and a sign.
enum { DIRECTIVE_MAX = 32 };

static uint8_t *put_number(uint8_t *out, int64_t value, int width, char fill)
{
    uint8_t digits[20];
    int n = 0;

    if (value < 0) {
        *out++ = '-';
        value = -value;
    }
    do {
        digits[n++] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (int i = n; i < width; i++)
        *out++ = (uint8_t)fill;
    while (n > 0)
        *out++ = digits[--n];
    return out;
}

static uint8_t *put_text(uint8_t *out, const char *text, size_t len)
{
    memcpy(out, text, len);
    return out + len;
}

static uint8_t *put_offset(uint8_t *out, int32_t seconds, bool colon)
{
    int32_t size = seconds < 0 ? -seconds : seconds;

    *out++ = seconds < 0 ? '-' : '+';
    out = put_number(out, size / 3600, 2, '0');
    if (colon)
        *out++ = ':';
    out = put_number(out, size / 60 % 60, 2, '0');
    if (size % 60 == 0)
        return out;
    if (colon)
        *out++ = ':';
    return put_number(out, size % 60, 2, '0'); // zones of old had such
}

static uint8_t *put_directive(uint8_t *out, const struct tm__moment *m, char directive);

static uint8_t *put_all(uint8_t *out, const struct tm__moment *m, const char *form)
{
    for (; *form != '\0'; form++) {
        if (*form == '%')
            out = put_directive(out, m, *++form);
        else
            *out++ = (uint8_t)*form;
    }
    return out;
}

// NULL: there is no such directive.
static uint8_t *put_directive(uint8_t *out, const struct tm__moment *m, char directive)
{
    const int32_t hour = m->in_day / 3600000, weekday = tm__weekday(m->days);
    int64_t year;
    int32_t week;

    switch (directive) {
    case 'Y':
        return put_number(out, m->year, 4, '0');
    case 'y':
        return put_number(out, (m->year % 100 + 100) % 100, 2, '0');
    case 'm':
        return put_number(out, m->month, 2, '0');
    case 'd':
        return put_number(out, m->day, 2, '0');
    case 'e':
        return put_number(out, m->day, 2, ' ');
    case 'j':
        return put_number(out, tm__yearday(m), 3, '0');
    case 'H':
        return put_number(out, hour, 2, '0');
    case 'I':
        return put_number(out, (hour + 11) % 12 + 1, 2, '0');
    case 'M':
        return put_number(out, m->in_day / 60000 % 60, 2, '0');
    case 'S':
        return put_number(out, m->in_day / 1000 % 60, 2, '0');
    case 'L':
        return put_number(out, m->in_day % 1000, 3, '0');
    case 'f':
        return put_number(out, m->in_day % 1000 * 1000, 6, '0');
    case 'p':
        return put_text(out, hour < 12 ? "AM" : "PM", 2);
    case 'a':
        return put_text(out, tm__days[weekday % 7], 3);
    case 'A':
        return put_text(out, tm__days[weekday % 7], strlen(tm__days[weekday % 7]));
    case 'b':
    case 'h':
        return put_text(out, tm__months[m->month - 1], 3);
    case 'B':
        return put_text(out, tm__months[m->month - 1], strlen(tm__months[m->month - 1]));
    case 'u':
        return put_number(out, weekday, 1, '0');
    case 'w':
        return put_number(out, weekday % 7, 1, '0');
    case 'V':
        return put_number(out, tm__iso_week(m->days, &year), 2, '0');
    case 'G':
        week = tm__iso_week(m->days, &year);
        (void)week;
        return put_number(out, year, 4, '0');
    case 'z':
        return put_offset(out, m->type->offset, false);
    case ':': // of %:z
        return put_offset(out, m->type->offset, true);
    case 'Z':
        return put_text(out, m->type->name, strlen(m->type->name));
    case 's':
        return put_number(out, tm_civil_floor_div(m->ms - (int64_t)m->type->offset * 1000, 1000), 1,
                          '0');
    case 'F':
        return put_all(out, m, "%Y-%m-%d");
    case 'T':
        return put_all(out, m, "%H:%M:%S");
    case 'R':
        return put_all(out, m, "%H:%M");
    case 'D':
        return put_all(out, m, "%m/%d/%y");
    case 'c':
        return put_all(out, m, "%a %b %e %H:%M:%S %Y");
    case 'n':
        *out++ = '\n';
        return out;
    case 't':
        *out++ = '\t';
        return out;
    case '%':
        *out++ = '%';
        return out;
    default:
        return NULL;
    }
}

int32_t tm_instant_format(struct tm_text *t, struct tm_zone *zone, double ms, const char *form,
                          uint32_t form_len)
{
    size_t size = (size_t)form_len * (DIRECTIVE_MAX / 2) + DIRECTIVE_MAX;
    uint8_t *out = tm__text_room(t, size);
    struct tm__moment m;

    if (out == NULL)
        return tm__text_no_room(size);
    tm__moment_of(zone, tm__whole_ms(ms), &m);
    for (uint32_t i = 0; i < form_len; i++) {
        if (form[i] != '%') {
            *out++ = (uint8_t)form[i];
            continue;
        }
        uint32_t at = i++;
        uint8_t *end = i == form_len ? NULL : put_directive(out, &m, form[i]);
        if (end != NULL && form[i] == ':' && (++i == form_len || form[i] != 'z'))
            end = NULL;
        if (end == NULL) {
            t->from = (int32_t)at;
            return TM_E_ARGUMENT;
        }
        out = end;
    }
    return tm__text_done(t, out);
}

int32_t tm_instant_format_iso(struct tm_text *t, struct tm_zone *zone, double ms)
{
    uint8_t *out = tm__text_room(t, 48);
    int64_t whole = tm__whole_ms(ms);

    if (out == NULL)
        return TM_E_MEMORY;
    int32_t offset = zone == NULL ? 0 : tm__zone_at(zone, tm_civil_floor_div(whole, 1000))->offset;
    out += tm_timestamp_format(whole + (int64_t)offset * 1000, (char *)out);
    if (zone != NULL)
        out = put_offset(out - 1, offset, true); // instead of the Z
    return tm__text_done(t, out);
}

int32_t tm_instant_format_duration(struct tm_text *t, double ms)
{
    static const struct {
        char name;
        int64_t ms;
    } units[] = {{'d', TM__MS_PER_DAY}, {'h', 3600000}, {'m', 60000}};
    uint8_t *begin = tm__text_room(t, 48), *out = begin;
    int64_t left = (int64_t)fabs(trunc(ms));

    if (out == NULL)
        return TM_E_MEMORY;
    if (ms < 0 && left != 0)
        *out++ = '-';
    uint8_t *first = out;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (left >= units[i].ms) {
            out = put_number(out, left / units[i].ms, 1, '0');
            *out++ = (uint8_t)units[i].name;
        }
        left %= units[i].ms;
    }
    if (left == 0 && out != first)
        return tm__text_done(t, out);
    if (left < 1000 && left != 0 && out == first) // "250ms"
        return tm__text_done(t, put_text(put_number(out, left, 1, '0'), "ms", 2));
    out = put_number(out, left / 1000, 1, '0');
    if (left % 1000 != 0) {
        *out++ = '.';
        out = put_number(out, left % 1000, 3, '0');
        while (out[-1] == '0')
            out--;
    }
    *out++ = 's';
    return tm__text_done(t, out);
}
