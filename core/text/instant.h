// A moment as a clock on the wall shows it, for the files about times.
#pragma once

#include <math.h>

#include "core/batch/civil.h"
#include "core/text/zone.h"

enum { TM__MS_PER_DAY = 86400000 };

// Times as Lua numbers, exact to the millisecond and to where calendars of other systems end.
#define TM__RANGE_MS 8.64e15

struct tm__moment {
    int64_t ms;     // of the clock on the wall, as if it were UTC
    int64_t days;   // of it, since 1970
    int32_t in_day; // ms after its midnight
    int64_t year;
    int32_t month, day;
    const struct tm__zone_type *type;
};

static inline int64_t tm__whole_ms(double ms)
{
    return (int64_t)floor(ms);
}

static inline void tm__moment_of(struct tm_zone *zone, int64_t ms, struct tm__moment *m)
{
    m->type = tm__zone_at(zone, tm_civil_floor_div(ms, 1000));
    m->ms = ms + (int64_t)m->type->offset * 1000;
    m->days = tm_civil_floor_div(m->ms, TM__MS_PER_DAY);
    m->in_day = (int32_t)(m->ms - m->days * TM__MS_PER_DAY);
    tm_civil_of_days(m->days, &m->year, &m->month, &m->day);
}

// The moment at which the clock on the wall shows this.
static inline int64_t tm__ms_of_local(struct tm_zone *zone, int64_t days, int64_t in_day)
{
    int64_t local = days * TM__MS_PER_DAY + in_day;
    return local - (int64_t)tm__zone_offset_of_local(zone, tm_civil_floor_div(local, 1000)) * 1000;
}

static inline int32_t tm__weekday(int64_t days) // 1 Monday .. 7 Sunday
{
    return (int32_t)((days + 3) % 7 + 7) % 7 + 1;
}

static inline int32_t tm__yearday(const struct tm__moment *m)
{
    return (int32_t)(m->days - tm_civil_to_days(m->year, 1, 1)) + 1;
}

// The ISO 8601 week that a day lies in, and the year that this week belongs to: that of its
// Thursday.
static inline int32_t tm__iso_week(int64_t days, int64_t *year)
{
    int64_t thursday = days - tm__weekday(days) + 4;
    int32_t month, day;
    tm_civil_of_days(thursday, year, &month, &day);
    return (int32_t)((thursday - tm_civil_to_days(*year, 1, 1)) / 7) + 1;
}
