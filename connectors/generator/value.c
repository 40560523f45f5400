// Values of generated columns.
#include "connectors/generator/value.h"

#include "connectors/generator/random.h"

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

static int put_choice(const struct tm__generator_field *field, uint64_t row, struct tm_builder *b)
{
    uint64_t at = tm__generator_below(tm__generator_draw(field->key, row, 0), field->choice_count);
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
