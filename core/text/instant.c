// Arithmetic with moments: their parts, the start of their unit, units added and counted. From days
// on it goes by the calendar of a time zone, below by length.
#include "core/text/instant.h"

#include "core/text/text_private.h"

static const int64_t unit_ms[] = {
    [TM_PART_WEEK] = 7 * (int64_t)TM__MS_PER_DAY,
    [TM_PART_DAY] = TM__MS_PER_DAY,
    [TM_PART_HOUR] = 3600000,
    [TM_PART_MINUTE] = 60000,
    [TM_PART_SECOND] = 1000,
    [TM_PART_MS] = 1,
};

int32_t tm_instant_part(struct tm_zone *zone, double ms, int32_t part)
{
    struct tm__moment m;
    int64_t year;

    tm__moment_of(zone, tm__whole_ms(ms), &m);
    switch (part) {
    case TM_PART_YEAR:
        return (int32_t)m.year;
    case TM_PART_QUARTER:
        return (m.month + 2) / 3;
    case TM_PART_MONTH:
        return m.month;
    case TM_PART_WEEK:
        return tm__iso_week(m.days, &year);
    case TM_PART_DAY:
        return m.day;
    case TM_PART_HOUR:
        return m.in_day / 3600000;
    case TM_PART_MINUTE:
        return m.in_day / 60000 % 60;
    case TM_PART_SECOND:
        return m.in_day / 1000 % 60;
    case TM_PART_MS:
        return m.in_day % 1000;
    case TM_PART_WEEKDAY:
        return tm__weekday(m.days);
    case TM_PART_YEARDAY:
        return tm__yearday(&m);
    default:
        (void)tm__iso_week(m.days, &year);
        return (int32_t)year;
    }
}

double tm_instant_truncate(struct tm_zone *zone, double ms, int32_t unit)
{
    int64_t whole = tm__whole_ms(ms);
    struct tm__moment m;

    tm__moment_of(zone, whole, &m);
    switch (unit) {
    case TM_PART_YEAR:
        m.days = tm_civil_to_days(m.year, 1, 1);
        break;
    case TM_PART_QUARTER:
        m.days = tm_civil_to_days(m.year, (m.month - 1) / 3 * 3 + 1, 1);
        break;
    case TM_PART_MONTH:
        m.days -= m.day - 1;
        break;
    case TM_PART_WEEK:
        m.days -= tm__weekday(m.days) - 1;
        break;
    case TM_PART_DAY:
        break;
    default: // within the hour the clock is not changed
        return (double)(whole - m.in_day % unit_ms[unit]);
    }
    return (double)tm__ms_of_local(zone, m.days, 0);
}

static double in_range(double ms)
{
    return ms >= -TM__RANGE_MS && ms <= TM__RANGE_MS ? ms : NAN;
}

// n months later; the last day of a month that is too short.
static int64_t add_months(const struct tm__moment *m, int64_t n)
{
    int64_t months = m->year * 12 + m->month - 1 + n;
    int64_t year = tm_civil_floor_div(months, 12);
    int32_t month = (int32_t)(months - year * 12) + 1;
    int32_t most = tm_civil_month_days(year, month);
    return tm_civil_to_days(year, month, m->day < most ? m->day : most);
}

double tm_instant_add(struct tm_zone *zone, double ms, double n, int32_t unit)
{
    struct tm__moment m;

    if (!(fabs(n) <= 2 * TM__RANGE_MS))
        return NAN;
    if (unit >= TM_PART_HOUR)
        return in_range(ms + n * (double)unit_ms[unit]);
    if (fabs(n) > 2e8) // more days than the range has
        return NAN;
    tm__moment_of(zone, tm__whole_ms(ms), &m);
    if (unit == TM_PART_WEEK || unit == TM_PART_DAY)
        m.days += (int64_t)n * (unit == TM_PART_WEEK ? 7 : 1);
    else
        m.days = add_months(&m, (int64_t)n * (unit == TM_PART_YEAR      ? 12
                                              : unit == TM_PART_QUARTER ? 3
                                                                        : 1));
    return in_range((double)tm__ms_of_local(zone, m.days, m.in_day));
}

double tm_instant_diff(struct tm_zone *zone, double a, double b, int32_t unit)
{
    struct tm__moment from, to;
    double months;

    if (unit >= TM_PART_HOUR)
        return trunc((b - a) / (double)unit_ms[unit]) + 0.0;
    tm__moment_of(zone, tm__whole_ms(a), &from);
    tm__moment_of(zone, tm__whole_ms(b), &to);
    if (unit == TM_PART_WEEK || unit == TM_PART_DAY)
        return (double)((to.ms - from.ms) / unit_ms[unit]);
    months = (double)((to.year - from.year) * 12 + to.month - from.month);
    // The last month may not be whole.
    int64_t reached = add_months(&from, (int64_t)months) * TM__MS_PER_DAY + from.in_day;
    if (months > 0 && reached > to.ms)
        months--;
    else if (months < 0 && reached < to.ms)
        months++;
    return trunc(months / (unit == TM_PART_YEAR ? 12 : unit == TM_PART_QUARTER ? 3 : 1)) + 0.0;
}

double tm_instant_of(struct tm_zone *zone, int32_t year, int32_t month, int32_t day, int32_t hour,
                     int32_t minute, double second)
{
    if (year < -271821 || year > 275760 || month < 1 || month > 12 || day < 1 ||
        day > tm_civil_month_days(year, month) || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || !(second >= 0 && second < 60))
        return NAN;
    int64_t in_day = ((int64_t)hour * 60 + minute) * 60000 + (int64_t)floor(second * 1000 + 1e-6);
    return in_range((double)tm__ms_of_local(zone, tm_civil_to_days(year, month, day), in_day));
}
