// Values of generated columns.
#include "connectors/generator/value.h"

#include <math.h>

#include "connectors/generator/random.h"

enum { NULL_DRAW = 1 << 30 }; // a draw that no kind uses

// The high 128 bits of a 256-bit product, without the carries that only move the last place.
static unsigned __int128 scale_wide(uint64_t high, uint64_t low, unsigned __int128 n)
{
    unsigned __int128 n1 = n >> 64, n0 = (uint64_t)n;
    unsigned __int128 middle = ((n1 * low) >> 64) + ((n0 * high) >> 64);
    return n1 * high + middle;
}

static void put_uniform(const struct tm__generator_field *field, uint64_t row, struct tm_builder *b)
{
    uint64_t random = tm__generator_draw(field->key, row, 0);
    if (field->type.kind == TM_TYPE_DOUBLE) {
        // both ends can come, and a span beyond the largest double does no harm
        double u = (double)(random >> 11) / 0x1.fffffffffffffp52;
        double v = field->min_double * (1 - u) + field->max_double * u;
        v = v > field->max_double ? field->max_double : v; // by rounding
        tm_builder_put_double(b, field->column, v < field->min_double ? field->min_double : v);
    } else if (field->type.kind == TM_TYPE_DECIMAL) {
        unsigned __int128 n =
            field->range_decimal <= UINT64_MAX
                ? tm__generator_below(random, (uint64_t)field->range_decimal)
                : scale_wide(random, tm__generator_draw(field->key, row, 1), field->range_decimal);
        tm_builder_put_decimal(b, field->column, field->min_decimal + (__int128)n);
    } else {
        uint64_t n = field->range == 0 ? random : tm__generator_below(random, field->range);
        tm_builder_put_int(b, field->column, (int64_t)((uint64_t)field->min + n));
    }
}

static void put_normal(const struct tm__generator_field *field, uint64_t row, struct tm_builder *b)
{
    // Box and Muller; 1 - u is never 0
    double u = 1 - tm__generator_unit(tm__generator_draw(field->key, row, 0));
    double turn = tm__generator_unit(tm__generator_draw(field->key, row, 1));
    double v = field->mean + field->stddev * sqrt(-2 * log(u)) * cos(6.283185307179586 * turn);
    v = v < field->min_double ? field->min_double : v;
    v = v > field->max_double ? field->max_double : v;
    if (field->type.kind == TM_TYPE_DOUBLE) {
        tm_builder_put_double(b, field->column, v);
        return;
    }
    double low = ceil(field->min_double * field->unit),
           high = floor(field->max_double * field->unit);
    v = round(v * field->unit);
    v = v < low ? low : v > high ? high : v;
    if (field->type.kind == TM_TYPE_DECIMAL)
        tm_builder_put_decimal(b, field->column, (__int128)v);
    else
        tm_builder_put_int(b, field->column, (int64_t)v);
}

// The first choice whose share ends behind the draw.
static uint32_t weighted_choice(const struct tm__generator_field *field, uint64_t draw)
{
    uint32_t low = 0, high = field->choice_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (draw < field->choices[middle].below)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int put_choice(const struct tm__generator_field *field, uint64_t row, struct tm_builder *b)
{
    uint64_t draw = tm__generator_draw(field->key, row, 0);
    uint64_t at = field->weighted ? weighted_choice(field, draw)
                                  : tm__generator_below(draw, field->choice_count);
    const struct tm__generator_choice *choice = &field->choices[at];
    if (tm_type_is_reference(field->type))
        return tm_builder_put_bytes(b, field->column, choice->text, choice->length);
    if (field->type.kind == TM_TYPE_DECIMAL)
        tm_builder_put_decimal(b, field->column, choice->unscaled);
    else
        tm_builder_put_int(b, field->column, choice->word);
    return 0;
}

static int put_pattern(const struct tm__generator_field *field, uint64_t row, struct tm_builder *b)
{
    char text[TM__GENERATOR_PATTERN_MAX + 1];
    uint64_t value = tm__generator_zipf_rank(&field->zipf, field->key, row);
    memcpy(text, field->pattern, field->pattern_length);
    for (uint32_t i = field->digit_count; i-- > 0; value /= 10)
        text[field->digits[i]] = (char)('0' + value % 10);
    return tm_builder_put_bytes(b, field->column, text, field->pattern_length);
}

static int put_string(const struct tm__generator_field *field, uint64_t row, struct tm_builder *b)
{
    char text[TM__GENERATOR_STRING_MAX];
    uint64_t random = tm__generator_draw(field->key, row, 0);
    uint32_t length = (uint32_t)field->min + (uint32_t)tm__generator_below(random, field->range);
    for (uint32_t i = 0; i < length; i++) {
        // Eight characters from a draw: the product's low half is as good as another draw.
        if (i % 8 == 0)
            random = tm__generator_draw(field->key, row, 1 + i / 8);
        unsigned __int128 product = (unsigned __int128)random * field->pattern_length;
        text[i] = field->pattern[(size_t)(product >> 64)];
        random = (uint64_t)product;
    }
    return tm_builder_put_bytes(b, field->column, text, length);
}

// In the form of a random UUID (version 4).
static int put_uuid(const struct tm__generator_field *field, uint64_t row, struct tm_builder *b)
{
    static const char digits[] = "0123456789abcdef",
                      form[] = "xxxxxxxx-xxxx-4xxx-Vxxx-xxxxxxxxxxxx";
    enum { LENGTH = sizeof form - 1 };
    char text[LENGTH];
    uint64_t random = tm__generator_draw(field->key, row, 0);
    for (uint32_t i = 0; i < LENGTH; i++) {
        if (i == LENGTH / 2)
            random = tm__generator_draw(field->key, row, 1);
        text[i] = form[i];
        if (form[i] == 'x' || form[i] == 'V') {
            text[i] = digits[form[i] == 'x' ? random & 15 : 8 + (random & 3)];
            random >>= 4;
        }
    }
    return tm_builder_put_bytes(b, field->column, text, LENGTH);
}

static void put_timestamp(const struct tm__generator_field *field, uint64_t row,
                          struct tm_builder *b)
{
    int64_t at = field->start + (int64_t)row * field->step;
    if (field->disorder != 0 && tm__generator_draw(field->key, row, 0) >> 32 < field->late)
        at -= (int64_t)tm__generator_below(tm__generator_draw(field->key, row, 1),
                                           field->disorder + 1);
    tm_builder_put_int(b, field->column, at);
}

int tm__generator_put(const struct tm__generator_field *field, uint64_t row, struct tm_builder *b)
{
    if (field->nulls != 0 && tm__generator_draw(field->key, row, NULL_DRAW) >> 32 < field->nulls)
        return 0; // what is not put is null
    switch (field->kind) {
    case TM__GENERATOR_UNIFORM:
        put_uniform(field, row, b);
        return 0;
    case TM__GENERATOR_CHOICE:
        return put_choice(field, row, b);
    case TM__GENERATOR_PATTERN:
        return put_pattern(field, row, b);
    case TM__GENERATOR_TIMESTAMP:
        put_timestamp(field, row, b);
        return 0;
    case TM__GENERATOR_SEQUENCE:
        tm_builder_put_int(b, field->column, field->start + (int64_t)row * field->step);
        return 0;
    case TM__GENERATOR_NORMAL:
        put_normal(field, row, b);
        return 0;
    case TM__GENERATOR_ZIPF:
        tm_builder_put_int(b, field->column,
                           field->start +
                               (int64_t)tm__generator_zipf_rank(&field->zipf, field->key, row));
        return 0;
    case TM__GENERATOR_STRING:
        return put_string(field, row, b);
    case TM__GENERATOR_UUID:
        return put_uuid(field, row, b);
    }
    return TM_E_INTERNAL;
}

bool tm__generator_fits(const struct tm__generator_field *field, uint64_t row)
{
    if (field->kind != TM__GENERATOR_TIMESTAMP && field->kind != TM__GENERATOR_SEQUENCE)
        return true;
    __int128 v = (__int128)row * field->step + field->start;
    if (field->type.kind == TM_TYPE_INT)
        return v <= TM_INT_MAX && v >= -TM_INT_MAX;
    return v <= INT64_MAX && v >= (__int128)INT64_MIN + (__int128)field->disorder;
}
