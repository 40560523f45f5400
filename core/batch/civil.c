// The calendar, in eras of 400 years: each begins with March, which puts the leap day last.
#include "core/batch/civil.h"

enum { DAYS_PER_ERA = 146097, YEARS_PER_ERA = 400 };

// Days before each month of a year that starts in March, so that the leap day is the last of all.
static const int32_t march_days[12] = {0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337};
// Days from 0000-03-01 to 1970-01-01.
static const int64_t epoch_day = 719468;

// Days before year `y` of an era (0..400), years counted from March.
static int64_t days_before(int64_t y)
{
    return 365 * y + y / 4 - y / 100 + y / 400;
}

int64_t tm_civil_to_days(int64_t year, int32_t month, int32_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = tm_civil_floor_div(y, YEARS_PER_ERA);
    int32_t m = month <= 2 ? month + 9 : month - 3;
    return era * DAYS_PER_ERA + days_before(y - era * YEARS_PER_ERA) + march_days[m] + day - 1 -
           epoch_day;
}

void tm_civil_of_days(int64_t days, int64_t *year, int32_t *month, int32_t *day)
{
    int64_t since = days + epoch_day;
    int64_t era = tm_civil_floor_div(since, DAYS_PER_ERA);
    int64_t left = since - era * DAYS_PER_ERA;
    // left / 365.2425 is off by one year at most: leap days are not spread evenly
    int64_t y = left * 10000 / 3652425;
    if (days_before(y) > left)
        y--;
    else if (days_before(y + 1) <= left && y + 1 < YEARS_PER_ERA)
        y++;
    int32_t in_year = (int32_t)(left - days_before(y));
    int32_t m = in_year / 31; // at most one too small
    if (m < 11 && march_days[m + 1] <= in_year)
        m++;
    *day = in_year - march_days[m] + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = era * YEARS_PER_ERA + y + (m >= 10);
}

bool tm_civil_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int32_t tm_civil_month_days(int64_t year, int32_t month)
{
    static const int8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && tm_civil_is_leap(year));
}
