// The order of values: see the header.
#include "core/operator/order.h"

static int order_words(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int order_doubles(double a, double b)
{
    if (a != a || b != b)
        return (a != a) - (b != b);
    return (a > b) - (a < b);
}

static int order_decimals(__int128 a, __int128 b)
{
    return (a > b) - (a < b);
}

static int order_bytes(const char *a, uint32_t a_length, const char *b, uint32_t b_length)
{
    uint32_t common = a_length < b_length ? a_length : b_length;
    int order = common == 0 ? 0 : memcmp(a, b, common);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

int tm_operator_order(struct tm_type type, const struct tm_row *a, uint32_t a_offset,
                      const struct tm_row *b, uint32_t b_offset)
{
    if (type.kind == TM_TYPE_DOUBLE)
        return order_doubles(tm_row_double(a, a_offset), tm_row_double(b, b_offset));
    if (type.kind == TM_TYPE_DECIMAL)
        return order_decimals(tm_row_decimal(a, a_offset), tm_row_decimal(b, b_offset));
    if (!tm_type_is_reference(type))
        return order_words(tm_row_int(a, a_offset), tm_row_int(b, b_offset));
    uint32_t a_length, b_length;
    const char *a_bytes = tm_row_string(a, a_offset, &a_length);
    const char *b_bytes = tm_row_string(b, b_offset, &b_length);
    return order_bytes(a_bytes, a_length, b_bytes, b_length);
}
