// Exact decimals of up to 38 digits: a 128-bit unscaled integer, the scale comes from the type.
// Rules: LUA_API.md "Values". A result beyond 38 digits is TM_E_OVERFLOW.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

typedef __int128 tm_int128;

struct tm_decimal {
    tm_int128 unscaled;
    uint8_t scale;
};

// Text "-12.50", "1e3" -> unscaled at `scale`, exactly. More than `precision` digits:
// TM_E_OVERFLOW; digits other than zeros behind the scale: TM_E_BAD_NUMBER; not a number:
// TM_E_BAD_TYPE.
int tm_decimal_parse(const char *text, size_t len, uint8_t precision, uint8_t scale,
                     tm_int128 *out) TM_WARN_UNUSED;
// As tm_decimal_parse, keeping the scale that the text has (at most 38 digits).
int tm_decimal_parse_any(const char *text, size_t len, struct tm_decimal *out) TM_WARN_UNUSED;
// Plain notation with exactly `scale` digits after the point, NUL-terminated; returns the length.
// buf: at least 48 bytes.
size_t tm_decimal_format(tm_int128 unscaled, uint8_t scale, char *buf);
// Its shortest decimal text, exactly. NaN: TM_E_BAD_TYPE; more than 38 digits, before the point or
// behind it: TM_E_OVERFLOW.
int tm_decimal_from_double(double value, struct tm_decimal *out) TM_WARN_UNUSED;
double tm_decimal_to_double(tm_int128 unscaled, uint8_t scale);
// Change the scale, half up. Fails when more than `precision` digits are needed.
int tm_decimal_rescale(tm_int128 in, uint8_t from, uint8_t precision, uint8_t to,
                       tm_int128 *out) TM_WARN_UNUSED;
int tm_decimal_add(struct tm_decimal a, struct tm_decimal b, struct tm_decimal *out) TM_WARN_UNUSED;
int tm_decimal_sub(struct tm_decimal a, struct tm_decimal b, struct tm_decimal *out) TM_WARN_UNUSED;
int tm_decimal_mul(struct tm_decimal a, struct tm_decimal b, struct tm_decimal *out) TM_WARN_UNUSED;
int tm_decimal_div(struct tm_decimal a, struct tm_decimal b,
                   struct tm_decimal *out) TM_WARN_UNUSED;        // by zero: TM_E_OVERFLOW
int tm_decimal_compare(struct tm_decimal a, struct tm_decimal b); // <0, 0, >0, by value
// With any double but NaN, infinities too: with its shortest text, however many digits it has.
int tm_decimal_compare_double(struct tm_decimal a, double b);
// With a number's text of any length. Not a number: TM_E_BAD_TYPE.
int tm_decimal_compare_text(struct tm_decimal a, const char *text, size_t len,
                            int *order) TM_WARN_UNUSED;
