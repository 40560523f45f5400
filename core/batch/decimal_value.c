// Decimals as Lua sees them: two words and a scale (decimal.ffi.h). Scales come from cdata that
// only the engine writes, yet they are checked: a wrong one would index past a table.
#include "core/batch/decimal.ffi.h"

#include <string.h>

#include "core/base/limits.h"
#include "core/batch/decimal.h"

static tm_int128 unscaled_of(const struct tm_decimal_value *v)
{
    return (tm_int128)((unsigned __int128)(uint64_t)v->high << 64 | v->low);
}

static int load(const struct tm_decimal_value *v, struct tm_decimal *out)
{
    if (v->scale < 0 || v->scale > TM_DECIMAL_DIGITS)
        return TM_E_BAD_TYPE;
    *out = (struct tm_decimal){unscaled_of(v), (uint8_t)v->scale};
    return 0;
}

static int store(int rc, struct tm_decimal v, struct tm_decimal_value *out)
{
    if (rc == 0) {
        out->low = (uint64_t)v.unscaled;
        out->high = (int64_t)(v.unscaled >> 64);
        out->scale = v.scale;
    }
    return rc;
}

static int binary(const struct tm_decimal_value *a, const struct tm_decimal_value *b,
                  int (*operation)(struct tm_decimal, struct tm_decimal, struct tm_decimal *),
                  struct tm_decimal_value *out)
{
    struct tm_decimal x = {0}, y = {0}, z = {0};
    if (load(a, &x) != 0 || load(b, &y) != 0)
        return TM_E_BAD_TYPE;
    return store(operation(x, y, &z), z, out);
}

int tm_decimal_value_parse(const char *text, uint32_t length, struct tm_decimal_value *out)
{
    struct tm_decimal v = {0};
    return store(tm_decimal_parse_any(text, length, &v), v, out);
}

int tm_decimal_value_from_double(double value, struct tm_decimal_value *out)
{
    struct tm_decimal v = {0};
    return store(tm_decimal_from_double(value, &v), v, out);
}

// Returns the length; `text` has room for 48 bytes.
int tm_decimal_value_format(const struct tm_decimal_value *value, char *text)
{
    struct tm_decimal v = {0};
    int rc = load(value, &v);
    return rc != 0 ? rc : (int)tm_decimal_format(v.unscaled, v.scale, text);
}

double tm_decimal_value_to_double(const struct tm_decimal_value *value)
{
    struct tm_decimal v = {0};
    return load(value, &v) != 0 ? __builtin_nan("") : tm_decimal_to_double(v.unscaled, v.scale);
}

int tm_decimal_value_rescale(const struct tm_decimal_value *in, int32_t precision, int32_t scale,
                             struct tm_decimal_value *out)
{
    struct tm_decimal v = {0}, r = {0};
    if (load(in, &v) != 0 || precision < 1 || precision > TM_DECIMAL_DIGITS || scale < 0 ||
        scale > precision)
        return TM_E_BAD_TYPE;
    r.scale = (uint8_t)scale;
    int rc = tm_decimal_rescale(v.unscaled, v.scale, (uint8_t)precision, r.scale, &r.unscaled);
    return store(rc, r, out);
}

int tm_decimal_value_fit(const struct tm_decimal_value *in, int32_t precision, int32_t scale,
                         struct tm_decimal_value *out)
{
    struct tm_decimal_value fitted;
    int rc = tm_decimal_value_rescale(in, precision, scale, &fitted);
    if (rc == 0 && scale < in->scale && tm_decimal_value_compare(in, &fitted) != 0)
        rc = TM_E_BAD_NUMBER;
    if (rc == 0)
        *out = fitted;
    return rc;
}

int tm_decimal_value_add(const struct tm_decimal_value *a, const struct tm_decimal_value *b,
                         struct tm_decimal_value *out)
{
    return binary(a, b, tm_decimal_add, out);
}

int tm_decimal_value_sub(const struct tm_decimal_value *a, const struct tm_decimal_value *b,
                         struct tm_decimal_value *out)
{
    return binary(a, b, tm_decimal_sub, out);
}

int tm_decimal_value_mul(const struct tm_decimal_value *a, const struct tm_decimal_value *b,
                         struct tm_decimal_value *out)
{
    return binary(a, b, tm_decimal_mul, out);
}

int tm_decimal_value_div(const struct tm_decimal_value *a, const struct tm_decimal_value *b,
                         struct tm_decimal_value *out)
{
    return binary(a, b, tm_decimal_div, out);
}

int tm_decimal_value_compare(const struct tm_decimal_value *a, const struct tm_decimal_value *b)
{
    struct tm_decimal x = {0}, y = {0};
    if (load(a, &x) != 0 || load(b, &y) != 0)
        return TM_E_BAD_TYPE;
    return tm_decimal_compare(x, y);
}

int tm_decimal_value_compare_text(const struct tm_decimal_value *a, const char *text,
                                  uint32_t length, int32_t *order)
{
    struct tm_decimal x = {0};
    if (load(a, &x) != 0)
        return TM_E_BAD_TYPE;
    int found = 0;
    int rc = tm_decimal_compare_text(x, text, length, &found);
    *order = found;
    return rc;
}

int tm_decimal_value_compare_double(const struct tm_decimal_value *a, double b, int32_t *order)
{
    struct tm_decimal x = {0};
    if (load(a, &x) != 0 || b != b)
        return TM_E_BAD_TYPE;
    *order = tm_decimal_compare_double(x, b);
    return 0;
}
