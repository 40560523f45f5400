// Dates of the proleptic Gregorian calendar as days since 1970-01-01 and back. Our own, because the
// C library's read time zones, locales and files.
#pragma once

#include <stdbool.h>
#include <stdint.h>

int64_t tm_civil_to_days(int64_t year, int32_t month, int32_t day); // month 1..12
void tm_civil_of_days(int64_t days, int64_t *year, int32_t *month, int32_t *day);
bool tm_civil_is_leap(int64_t year);
int32_t tm_civil_month_days(int64_t year, int32_t month);

// a / b towards minus infinity, b > 0.
static inline int64_t tm_civil_floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return a % b < 0 ? q - 1 : q;
}
