// Time zones from the files of the system's database (TZif, RFC 9636). A state reads a file once,
// through its effects table (lua/library); here it is only taken apart. The C library would keep
// one zone for the whole process.
#include "core/text/zone.h"

#include "core/batch/civil.h"

enum { HEADER_BYTES = 44, TRANSITIONS_MAX = 5000, TYPES_MAX = 256, DAY = 86400 };

// The day of a rule: "M3.5.0" (the last Sunday of March), "J60" (never 29 February), "59".
struct rule {
    char form; // M, J, 0
    int32_t month, week, weekday, day;
    int32_t time; // seconds after midnight, may lie on another day
};

// A footer "CET-1CEST,M3.5.0,M10.5.0/3": what holds after the last transition.
struct footer {
    bool known, has_summer;
    struct tm__zone_type winter, summer;
    struct rule start, end;
};

struct tm_zone {
    struct tm_zone *next;
    size_t size; // of all of it
    uint32_t count, type_count;
    uint32_t hint; // where the last moment was found
    int64_t *at;   // seconds of the transitions, ascending
    uint8_t *to;   // the type from each on
    struct tm__zone_type *types;
    struct footer footer;
};

static const struct tm__zone_type utc = {0, "UTC"};

// --- the file

static uint32_t read4(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t read8(const uint8_t *p)
{
    return (int64_t)((uint64_t)read4(p) << 32 | read4(p + 4));
}

struct counts {
    uint32_t utc, standard, leaps, transitions, types, chars;
};

static bool read_header(const uint8_t *p, size_t len, struct counts *c)
{
    if (len < HEADER_BYTES || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
        return false;
    c->utc = read4(p + 20);
    c->standard = read4(p + 24);
    c->leaps = read4(p + 28);
    c->transitions = read4(p + 32);
    c->types = read4(p + 36);
    c->chars = read4(p + 40);
    return c->transitions <= TRANSITIONS_MAX && c->types >= 1 && c->types <= TYPES_MAX &&
           c->chars <= 4096 && c->leaps <= 4096 && c->utc <= TYPES_MAX && c->standard <= TYPES_MAX;
}

static size_t data_bytes(const struct counts *c, size_t time_bytes)
{
    return (size_t)c->transitions * (time_bytes + 1) + (size_t)c->types * 6 + c->chars +
           (size_t)c->leaps * (time_bytes + 4) + c->standard + c->utc;
}

static bool copy_name(char *out, const char *name, size_t len)
{
    if (len >= TM__ZONE_NAME_MAX)
        return false;
    memcpy(out, name, len);
    out[len] = '\0';
    return true;
}

static bool read_types(struct tm_zone *zone, const uint8_t *p, const char *chars, size_t char_count)
{
    for (uint32_t i = 0; i < zone->type_count; i++, p += 6) {
        int32_t offset = (int32_t)read4(p);
        size_t name = p[5];
        if (offset < -DAY || offset > DAY || name >= char_count ||
            !copy_name(zone->types[i].name, chars + name, strnlen(chars + name, char_count - name)))
            return false;
        zone->types[i].offset = offset;
    }
    return true;
}

static bool read_transitions(struct tm_zone *zone, const uint8_t *p)
{
    const uint8_t *to = p + 8 * (size_t)zone->count;

    for (uint32_t i = 0; i < zone->count; i++) {
        zone->at[i] = read8(p + 8 * (size_t)i);
        zone->to[i] = to[i];
        if (to[i] >= zone->type_count || (i > 0 && zone->at[i] <= zone->at[i - 1]))
            return false;
    }
    return true;
}

// --- the footer

struct cursor {
    const char *p, *end;
};

static bool take(struct cursor *c, char wanted)
{
    if (c->p == c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}

static bool take_number(struct cursor *c, int32_t max, int32_t *value)
{
    const char *first = c->p;
    int32_t v = 0;

    while (c->p != c->end && *c->p >= '0' && *c->p <= '9' && v <= max)
        v = v * 10 + (*c->p++ - '0');
    *value = v;
    return c->p != first && v <= max;
}

// "CET" or "<+03>".
static bool take_name(struct cursor *c, char *name)
{
    bool quoted = take(c, '<');
    const char *first = c->p;

    while (
        c->p != c->end &&
        (quoted ? *c->p != '>' : (*c->p >= 'A' && *c->p <= 'Z') || (*c->p >= 'a' && *c->p <= 'z')))
        c->p++;
    size_t len = (size_t)(c->p - first);
    return len > 0 && copy_name(name, first, len) && (!quoted || take(c, '>'));
}

// [+-]hh[:mm[:ss]], up to a week.
static bool take_time(struct cursor *c, int32_t *seconds)
{
    bool negative = take(c, '-');
    int32_t hour = 0, minute = 0, second = 0;

    if (!negative)
        (void)take(c, '+');
    if (!take_number(c, 167, &hour) || (take(c, ':') && !take_number(c, 59, &minute)) ||
        (take(c, ':') && !take_number(c, 59, &second)))
        return false;
    *seconds = (hour * 60 + minute) * 60 + second;
    if (negative)
        *seconds = -*seconds;
    return true;
}

static bool take_rule(struct cursor *c, struct rule *rule)
{
    rule->time = 2 * 3600;
    if (take(c, 'M')) {
        rule->form = 'M';
        if (!take_number(c, 12, &rule->month) || !take(c, '.') || !take_number(c, 5, &rule->week) ||
            !take(c, '.') || !take_number(c, 6, &rule->weekday) || rule->month < 1 ||
            rule->week < 1)
            return false;
    } else {
        rule->form = take(c, 'J') ? 'J' : '0';
        if (!take_number(c, 365, &rule->day) || (rule->form == 'J' && rule->day < 1))
            return false;
    }
    return !take(c, '/') || take_time(c, &rule->time);
}

static bool read_footer(struct footer *f, const char *text, size_t len)
{
    struct cursor c = {text, text + len};

    if (len == 0)
        return true;
    if (!take_name(&c, f->winter.name) || !take_time(&c, &f->winter.offset))
        return false;
    f->winter.offset = -f->winter.offset; // POSIX counts to the west
    f->known = true;
    if (c.p == c.end)
        return true;
    if (!take_name(&c, f->summer.name))
        return false;
    f->summer.offset = f->winter.offset + 3600;
    if (c.p != c.end && *c.p != ',') {
        if (!take_time(&c, &f->summer.offset))
            return false;
        f->summer.offset = -f->summer.offset;
    }
    f->has_summer = true;
    return take(&c, ',') && take_rule(&c, &f->start) && take(&c, ',') && take_rule(&c, &f->end) &&
           c.p == c.end;
}

// --- making zones

static struct tm_zone *new_zone(struct tm_text *t, uint32_t count, uint32_t type_count)
{
    size_t size = sizeof(struct tm_zone) + count * (sizeof(int64_t) + 1) +
                  type_count * sizeof(struct tm__zone_type);
    struct tm__text *own = tm__text_of(t);
    struct tm_zone *zone = tm_mem_zalloc(own->mem, size);

    if (zone == NULL)
        return NULL;
    zone->size = size;
    zone->count = count;
    zone->type_count = type_count;
    zone->at = (int64_t *)(zone + 1);
    zone->types = (struct tm__zone_type *)(zone->at + count);
    zone->to = (uint8_t *)(zone->types + type_count);
    zone->next = own->zones;
    own->zones = zone;
    return zone;
}

static void drop_zone(struct tm__text *own, struct tm_zone *zone)
{
    own->zones = zone->next;
    tm_mem_free(own->mem, zone, zone->size);
}

void tm__zones_free(struct tm_text *t)
{
    while (tm__text_of(t)->zones != NULL)
        drop_zone(tm__text_of(t), tm__text_of(t)->zones);
}

static bool read_zone(struct tm_zone *zone, const struct counts *c, const uint8_t *p, size_t len)
{
    const uint8_t *types = p + (size_t)c->transitions * 9;
    const char *chars = (const char *)types + (size_t)c->types * 6;
    size_t data = data_bytes(c, 8);
    const char *footer = (const char *)p + data;

    if (!read_transitions(zone, p) || !read_types(zone, types, chars, c->chars))
        return false;
    if (len - data < 2 || footer[0] != '\n')
        return false;
    const char *end = memchr(footer + 1, '\n', len - data - 1);
    return end != NULL && read_footer(&zone->footer, footer + 1, (size_t)(end - footer - 1));
}

struct tm_zone *tm_zone_new(struct tm_text *t, const char *file, uint32_t len)
{
    const uint8_t *p = (const uint8_t *)file;
    struct counts c;

    // The first part has times of 32 bits, for old readers.
    if (!read_header(p, len, &c) || len - HEADER_BYTES < data_bytes(&c, 4))
        return NULL;
    size_t skip = HEADER_BYTES + data_bytes(&c, 4);
    if (!read_header(p + skip, len - skip, &c) || len - skip - HEADER_BYTES < data_bytes(&c, 8))
        return NULL;
    struct tm_zone *zone = new_zone(t, c.transitions, c.types);
    if (zone == NULL)
        return NULL;
    skip += HEADER_BYTES;
    if (read_zone(zone, &c, p + skip, len - skip))
        return zone;
    drop_zone(tm__text_of(t), zone);
    return NULL;
}

struct tm_zone *tm_zone_fixed(struct tm_text *t, int32_t seconds)
{
    struct tm_zone *zone = new_zone(t, 0, 1);
    int32_t minutes = (seconds < 0 ? -seconds : seconds) / 60;
    char *p;

    if (zone == NULL)
        return NULL;
    zone->types[0].offset = seconds;
    p = zone->types[0].name;
    *p++ = seconds < 0 ? '-' : '+';
    *p++ = (char)('0' + minutes / 600 % 10);
    *p++ = (char)('0' + minutes / 60 % 10);
    *p++ = ':';
    *p++ = (char)('0' + minutes % 60 / 10);
    *p++ = (char)('0' + minutes % 10);
    return zone;
}

int32_t tm_zone_parse_offset(struct tm_text *t, const char *s, uint32_t len)
{
    struct cursor c = {s, s + len};
    bool negative = take(&c, '-');
    int32_t digits[4] = {0}, count = 0;

    if (!negative && !take(&c, '+'))
        return TM_TEXT_NONE;
    while (c.p != c.end && count < 4) {
        if (count == 2 && len == 6 && !take(&c, ':'))
            return TM_TEXT_NONE;
        if (*c.p < '0' || *c.p > '9')
            return TM_TEXT_NONE;
        digits[count++] = *c.p++ - '0';
    }
    int32_t hours = digits[0] * 10 + digits[1], minutes = digits[2] * 10 + digits[3];
    if (c.p != c.end || count % 2 != 0 || count == 0 || hours > 23 || minutes > 59)
        return TM_TEXT_NONE;
    t->to = (hours * 60 + minutes) * (negative ? -60 : 60);
    return 0;
}

// --- looking up

// Seconds since 1970 of a rule in a year, on the clock that it speaks of.
static int64_t rule_seconds(const struct rule *rule, int64_t year)
{
    int64_t day;

    if (rule->form == 'M') {
        day = tm_civil_to_days(year, rule->month, 1);
        int32_t weekday = (int32_t)(((day + 4) % 7 + 7) % 7); // 0: Sunday
        int32_t date = 1 + (rule->weekday - weekday + 7) % 7 + (rule->week - 1) * 7;
        if (date > tm_civil_month_days(year, rule->month)) // the fifth is the last
            date -= 7;
        day += date - 1;
    } else {
        day = tm_civil_to_days(year, 1, 1) + rule->day;
        // 1 to 365 that never count 29 February
        if (rule->form == 'J' && (rule->day < 60 || !tm_civil_is_leap(year)))
            day--;
    }
    return day * DAY + rule->time;
}

static int64_t year_of(int64_t local_seconds)
{
    int64_t year;
    int32_t month, day;
    tm_civil_of_days(tm_civil_floor_div(local_seconds, DAY), &year, &month, &day);
    return year;
}

// Does `now` lie in summer, which begins and ends at these times of one year?
static bool is_between(int64_t now, int64_t start, int64_t end)
{
    return start < end ? now >= start && now < end : !(now >= end && now < start);
}

static const struct tm__zone_type *footer_at(const struct footer *f, int64_t seconds)
{
    if (!f->has_summer)
        return &f->winter;
    int64_t year = year_of(seconds + f->winter.offset);
    int64_t start = rule_seconds(&f->start, year) - f->winter.offset;
    int64_t end = rule_seconds(&f->end, year) - f->summer.offset;
    return is_between(seconds, start, end) ? &f->summer : &f->winter;
}

const struct tm__zone_type *tm__zone_at(struct tm_zone *zone, int64_t seconds)
{
    if (zone == NULL)
        return &utc;
    if (zone->count == 0 || seconds < zone->at[0])
        return zone->count == 0 && zone->footer.known ? footer_at(&zone->footer, seconds)
                                                      : &zone->types[0];
    if (seconds >= zone->at[zone->count - 1])
        return zone->footer.known ? footer_at(&zone->footer, seconds)
                                  : &zone->types[zone->to[zone->count - 1]];
    uint32_t low = zone->hint; // at[low] <= seconds < at[low + 1]
    if (!(low + 1 < zone->count && zone->at[low] <= seconds && seconds < zone->at[low + 1])) {
        uint32_t high = zone->count - 1;
        low = 0;
        while (high - low > 1) {
            uint32_t middle = (low + high) / 2;
            if (zone->at[middle] <= seconds)
                low = middle;
            else
                high = middle;
        }
        zone->hint = low;
    }
    return &zone->types[zone->to[low]];
}

static int32_t footer_offset_of_local(const struct footer *f, int64_t local)
{
    if (!f->has_summer)
        return f->winter.offset;
    int32_t more = f->summer.offset - f->winter.offset;
    int64_t year = year_of(local);
    // The old offset holds until both clocks have passed the change.
    int64_t start = rule_seconds(&f->start, year) + (more > 0 ? more : 0);
    int64_t end = rule_seconds(&f->end, year) + (more < 0 ? -more : 0);
    return is_between(local, start, end) ? f->summer.offset : f->winter.offset;
}

int32_t tm__zone_offset_of_local(struct tm_zone *zone, int64_t local)
{
    if (zone == NULL)
        return 0;
    // The first transition that can matter, by halves; offsets are within a day.
    uint32_t low = 0, high = zone->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (zone->at[middle] < local - 2 * DAY)
            low = middle + 1;
        else
            high = middle;
    }
    int32_t offset = zone->types[low == 0 ? 0 : zone->to[low - 1]].offset;
    for (; low < zone->count; low++) {
        int32_t after = zone->types[zone->to[low]].offset;
        if (local < zone->at[low] + (after > offset ? after : offset))
            return offset;
        offset = after;
    }
    return zone->footer.known ? footer_offset_of_local(&zone->footer, local) : offset;
}

int32_t tm_zone_offset(struct tm_zone *zone, double ms)
{
    return tm__zone_at(zone, tm_civil_floor_div((int64_t)ms, 1000))->offset;
}
