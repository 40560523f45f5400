// Decimals for Lua (see row.ffi.h for the rules of such files): a value of its own, 128-bit two's
// complement and a scale. Functions return 0, TM_E_OVERFLOW or TM_E_BAD_TYPE.
#pragma once
#include <stdint.h>

struct tm_decimal_value {
    uint64_t low;
    int64_t high;
    int32_t scale;
};

int tm_decimal_value_parse(const char *text, uint32_t length, struct tm_decimal_value *out);
int tm_decimal_value_from_double(double value, struct tm_decimal_value *out);
int tm_decimal_value_format(const struct tm_decimal_value *value, char *text);
double tm_decimal_value_to_double(const struct tm_decimal_value *value);
int tm_decimal_value_rescale(const struct tm_decimal_value *in, int32_t precision, int32_t scale,
                             struct tm_decimal_value *out);
// The same, exactly: TM_E_BAD_NUMBER where digits other than zeros would be lost.
int tm_decimal_value_fit(const struct tm_decimal_value *in, int32_t precision, int32_t scale,
                         struct tm_decimal_value *out);
int tm_decimal_value_add(const struct tm_decimal_value *a, const struct tm_decimal_value *b,
                         struct tm_decimal_value *out);
int tm_decimal_value_sub(const struct tm_decimal_value *a, const struct tm_decimal_value *b,
                         struct tm_decimal_value *out);
int tm_decimal_value_mul(const struct tm_decimal_value *a, const struct tm_decimal_value *b,
                         struct tm_decimal_value *out);
int tm_decimal_value_div(const struct tm_decimal_value *a, const struct tm_decimal_value *b,
                         struct tm_decimal_value *out);
int tm_decimal_value_compare(const struct tm_decimal_value *a, const struct tm_decimal_value *b);
// *order: -1, 0, 1 by value, whatever digits the text or the double has. NaN: TM_E_BAD_TYPE.
int tm_decimal_value_compare_text(const struct tm_decimal_value *a, const char *text,
                                  uint32_t length, int32_t *order);
int tm_decimal_value_compare_double(const struct tm_decimal_value *a, double b, int32_t *order);
