// Fields of tm.generate from options. Lua has checked what it could; this checks everything again,
// since the graph is the contract and not its usual maker.
#include "connectors/generator/field.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "connectors/generator/option.h"
#include "connectors/generator/random.h"
#include "core/base/text.h"
#include "core/batch/decimal.h"
#include "core/batch/timestamp.h"

// 2026-01-01T00:00:00Z: where timestamps begin unless told.
static const char start_default[] = "2026-01-01T00:00:00Z";

const struct tm_option_def tm__generator_field_options[] = {
    {"name", TM_OPTION_STRING, true, NULL, "the column", NULL},
    {"kind", TM_OPTION_STRING, true, NULL, "how its values are made",
     "uniform|normal|zipf|choice|pattern|string|uuid|timestamp|sequence|constant"},
    {"type", TM_OPTION_STRING, false, NULL, "the column's type", NULL},
    {"nulls", TM_OPTION_DOUBLE, false, "0", "share of the rows that have no value", NULL},
    {"min", TM_OPTION_DOUBLE, false, NULL, "uniform, normal: the smallest value", NULL},
    {"max", TM_OPTION_DOUBLE, false, NULL, "uniform, normal: the largest value", NULL},
    {"mean", TM_OPTION_DOUBLE, false, "0", "normal: the value in the middle", NULL},
    {"stddev", TM_OPTION_DOUBLE, false, "1", "normal: the standard deviation", NULL},
    {"choices", TM_OPTION_STRING, false, NULL, "choice: the values, separated by \\x1f", NULL},
    {"weights", TM_OPTION_STRING, false, NULL,
     "choice: how often each comes beside the others, separated by \\x1f; all the same when absent",
     NULL},
    {"value", TM_OPTION_STRING, false, NULL, "constant: the value", NULL},
    {"pattern", TM_OPTION_STRING, false, NULL, "pattern: a text, each # is a digit", NULL},
    {"distinct", TM_OPTION_INT, false, NULL,
     "pattern, zipf: how many values there are; all that a pattern's digits can make when absent",
     NULL},
    {"zipf", TM_OPTION_DOUBLE, false, "0",
     "pattern, zipf: skew of the values; 0 is even, 1 means that value n comes 1/n as often as the "
     "first",
     NULL},
    {"length", TM_OPTION_INT, false, NULL, "string: its bytes, at least", NULL},
    {"length_max", TM_OPTION_INT, false, NULL, "string: its bytes, at most", NULL},
    {"alphabet", TM_OPTION_STRING, false, NULL, "string: the characters, ASCII", NULL},
    {"start", TM_OPTION_STRING, false, NULL,
     "timestamp, sequence, zipf: the first value; a timestamp's default is 2026-01-01", NULL},
    {"step", TM_OPTION_DURATION, false, "1", "timestamp, sequence: from one row to the next", NULL},
    {"last", TM_OPTION_INT, false, NULL, "sequence: the value after which the input ends", NULL},
    {"disorder", TM_OPTION_DURATION, false, "0", "timestamp: how far back a row can be, at most",
     NULL},
    {"late_share", TM_OPTION_DOUBLE, false, "0.25", "timestamp: share of rows that are set back",
     NULL},
    {.name = NULL}};

// --- kinds ---------------------------------------------------------------------------------------

static int read_decimal_bound(const struct tm__generator_reader *r, const char *part, double value,
                              const struct tm__generator_field *f, bool is_min, __int128 *out)
{
    struct tm_decimal exact, rounded = {0, f->type.scale};
    if (tm_decimal_from_double(value, &exact) != 0 ||
        tm_decimal_rescale(exact.unscaled, exact.scale, f->type.precision, f->type.scale,
                           &rounded.unscaled) != 0)
        return TM__GENERATOR_WRONG(r, "%s (%g) does not fit decimal(%u,%u)", part, value,
                                   (unsigned)f->type.precision, (unsigned)f->type.scale);
    // a bound between two decimals: the nearest inside
    int order = tm_decimal_compare(rounded, exact);
    if (is_min && order < 0)
        rounded.unscaled++;
    else if (!is_min && order > 0)
        rounded.unscaled--;
    *out = rounded.unscaled;
    return 0;
}

static int read_whole_bounds(const struct tm__generator_reader *r, struct tm__generator_field *f,
                             double min, double max)
{
    const double limit = f->type.kind == TM_TYPE_INT ? (double)TM_INT_MAX : 0x1p63;
    if (min < -limit || max > limit)
        return TM__GENERATOR_WRONG(r, "bounds %.17g and %.17g are beyond %s", min, max,
                                   f->type.kind == TM_TYPE_INT ? "an int (2^53)" : "an int64");
    min = ceil(min);
    max = floor(max);
    if (min > max || min >= 0x1p63)
        return TM__GENERATOR_WRONG(r, "there is no whole number between min and max");
    f->min = (int64_t)min;
    int64_t last = max >= 0x1p63 ? INT64_MAX : (int64_t)max;
    f->range = (uint64_t)last - (uint64_t)f->min + 1;
    return 0;
}

static int read_uniform(const struct tm__generator_reader *r, struct tm__generator_field *f)
{
    double min, max;
    if (tm__generator_option(r, "min") == NULL || tm__generator_option(r, "max") == NULL)
        return TM__GENERATOR_WRONG(r, "uniform needs min and max");
    int rc = tm__generator_number(r, "min", 0, &min);
    if (rc == 0)
        rc = tm__generator_number(r, "max", 0, &max);
    if (rc != 0)
        return rc;
    if (min > max)
        return TM__GENERATOR_WRONG(r, "min (%.17g) is greater than max (%.17g)", min, max);
    switch (f->type.kind) {
    case TM_TYPE_DOUBLE:
        f->min_double = min;
        f->max_double = max;
        return 0;
    case TM_TYPE_INT:
    case TM_TYPE_INT64:
        return read_whole_bounds(r, f, min, max);
    case TM_TYPE_DECIMAL: {
        __int128 last;
        rc = read_decimal_bound(r, "min", min, f, true, &f->min_decimal);
        if (rc == 0)
            rc = read_decimal_bound(r, "max", max, f, false, &last);
        if (rc != 0)
            return rc;
        if (f->min_decimal > last)
            return TM__GENERATOR_WRONG(r, "there is no such decimal between min and max");
        f->range_decimal = (unsigned __int128)last - (unsigned __int128)f->min_decimal + 1;
        return 0;
    }
    default:
        return TM__GENERATOR_WRONG(r, "uniform makes double, int, int64 or decimal(p,s)");
    }
}

// Bounds of a normal distribution's values; those of the type where none are given.
static int read_normal(const struct tm__generator_reader *r, struct tm__generator_field *f)
{
    double limit = INFINITY;
    if (f->type.kind == TM_TYPE_INT || f->type.kind == TM_TYPE_INT64)
        limit = (double)TM_INT_MAX;
    else if (f->type.kind == TM_TYPE_DECIMAL)
        limit = pow(10, f->type.precision - f->type.scale) - pow(10, -f->type.scale);
    else if (f->type.kind != TM_TYPE_DOUBLE)
        return TM__GENERATOR_WRONG(r, "normal makes double, int, int64 or decimal(p,s)");
    if (f->type.kind == TM_TYPE_DECIMAL && f->type.precision > TM__GENERATOR_NORMAL_DIGITS)
        return TM__GENERATOR_WRONG(r, "normal makes decimals of at most %d digits",
                                   TM__GENERATOR_NORMAL_DIGITS);
    int rc = tm__generator_number(r, "mean", 0, &f->mean);
    if (rc == 0)
        rc = tm__generator_number(r, "stddev", 1, &f->stddev);
    if (rc == 0)
        rc = tm__generator_number(r, "min", -limit, &f->min_double);
    if (rc == 0)
        rc = tm__generator_number(r, "max", limit, &f->max_double);
    if (rc != 0)
        return rc;
    if (f->stddev < 0)
        return TM__GENERATOR_WRONG(r, "stddev (%g) is negative", f->stddev);
    if (f->min_double > f->max_double)
        return TM__GENERATOR_WRONG(r, "min (%.17g) is greater than max (%.17g)", f->min_double,
                                   f->max_double);
    if (f->min_double < -limit || f->max_double > limit)
        return TM__GENERATOR_WRONG(r, "bounds %.17g and %.17g are beyond the type", f->min_double,
                                   f->max_double);
    f->unit = f->type.kind == TM_TYPE_DECIMAL ? pow(10, f->type.scale) : 1;
    if (f->type.kind != TM_TYPE_DOUBLE &&
        ceil(f->min_double * f->unit) > floor(f->max_double * f->unit))
        return TM__GENERATOR_WRONG(r, "there is no such value between min and max");
    return 0;
}

static uint64_t power_of_ten(uint32_t digits)
{
    uint64_t v = 1;
    while (digits-- > 0)
        v *= 10;
    return v;
}

static int read_places(const struct tm__generator_reader *r, struct tm__generator_field *f)
{
    const char *pattern;
    int rc = tm__generator_text(r, "pattern", &pattern);
    if (rc != 0)
        return rc;
    if (pattern == NULL)
        return TM__GENERATOR_WRONG(r, "pattern is missing");
    size_t length = strlen(pattern);
    if (length > TM__GENERATOR_PATTERN_MAX)
        return TM__GENERATOR_WRONG(r, "a pattern has at most %d bytes", TM__GENERATOR_PATTERN_MAX);
    if (!tm_text_is_utf8(pattern, length))
        return TM__GENERATOR_WRONG(r, "the pattern is not valid UTF-8");
    memcpy(f->pattern, pattern, length);
    f->pattern_length = (uint32_t)length;
    for (size_t i = 0; i < length; i++) {
        if (pattern[i] != '#')
            continue;
        if (f->digit_count == TM__GENERATOR_PATTERN_DIGITS_MAX)
            return TM__GENERATOR_WRONG(r, "a pattern has at most %d times #",
                                       TM__GENERATOR_PATTERN_DIGITS_MAX);
        f->digits[f->digit_count++] = (uint8_t)i;
    }
    return f->digit_count == 0 ? TM__GENERATOR_WRONG(r, "the pattern \"%.64s\" has no #", pattern)
                               : 0;
}

static int read_skew(const struct tm__generator_reader *r, double fallback, double *exponent)
{
    int rc = tm__generator_number(r, "zipf", fallback, exponent);
    if (rc == 0 && !(*exponent >= 0 && *exponent <= 10))
        return TM__GENERATOR_WRONG(r, "zipf is %g; it is from 0 (even) to 10", *exponent);
    return rc;
}

// A whole number, start for the most frequent one.
static int read_zipf(const struct tm__generator_reader *r, struct tm__generator_field *f)
{
    double exponent;
    int64_t distinct;
    if (f->type.kind != TM_TYPE_INT && f->type.kind != TM_TYPE_INT64)
        return TM__GENERATOR_WRONG(r, "zipf makes an int or int64");
    int rc = tm__generator_whole(r, "distinct", false, 0, &distinct);
    if (rc == 0)
        rc = tm__generator_whole(r, "start", false, 0, &f->start);
    if (rc == 0)
        rc = read_skew(r, 1, &exponent);
    if (rc != 0)
        return rc;
    if (distinct < 1 || distinct > TM_INT_MAX)
        return TM__GENERATOR_WRONG(r, "distinct is a whole number from 1 to 2^53");
    if (f->start > TM_INT_MAX - distinct || f->start < -TM_INT_MAX)
        return TM__GENERATOR_WRONG(r, "its values are beyond an int (2^53)");
    tm__generator_zipf_init(&f->zipf, (uint64_t)distinct, exponent);
    return 0;
}

static int read_string(const struct tm__generator_reader *r, struct tm__generator_field *f)
{
    int64_t least, most;
    const char *alphabet;
    if (f->type.kind != TM_TYPE_STRING)
        return TM__GENERATOR_WRONG(r, "string makes a string");
    int rc = tm__generator_whole(r, "length", false, 16, &least);
    if (rc == 0)
        rc = tm__generator_whole(r, "length_max", false, least, &most);
    if (rc == 0)
        rc = tm__generator_text(r, "alphabet", &alphabet);
    if (rc != 0)
        return rc;
    if (least < 0 || least > most || most > TM__GENERATOR_STRING_MAX)
        return TM__GENERATOR_WRONG(r, "a length is from 0 to %d, the smaller first",
                                   TM__GENERATOR_STRING_MAX);
    f->min = least;
    f->range = (uint64_t)(most - least + 1);
    if (alphabet == NULL)
        alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
    size_t count = strlen(alphabet);
    if (count == 0 || count >= sizeof f->pattern)
        return TM__GENERATOR_WRONG(r, "the alphabet has 1 to %d characters",
                                   TM__GENERATOR_PATTERN_MAX);
    for (size_t i = 0; i < count; i++) {
        if ((uint8_t)alphabet[i] >= 0x80)
            return TM__GENERATOR_WRONG(r, "the alphabet is ASCII");
    }
    memcpy(f->pattern, alphabet, count);
    f->pattern_length = (uint32_t)count;
    return 0;
}

static int read_pattern(const struct tm__generator_reader *r, struct tm__generator_field *f)
{
    double exponent;
    int64_t distinct;
    int rc = read_places(r, f);
    if (rc != 0)
        return rc;
    if (f->type.kind != TM_TYPE_STRING)
        return TM__GENERATOR_WRONG(r, "a pattern makes a string");
    uint64_t all = power_of_ten(f->digit_count);
    rc = tm__generator_whole(r, "distinct", false, (int64_t)all, &distinct);
    if (rc == 0)
        rc = read_skew(r, 0, &exponent);
    if (rc != 0)
        return rc;
    if (distinct < 1 || (uint64_t)distinct > all)
        return TM__GENERATOR_WRONG(
            r, "distinct is %" PRId64 ", but %u digits make 1 to %" PRIu64 " values", distinct,
            f->digit_count, all);
    if (exponent != 0 && distinct > TM_INT_MAX)
        return TM__GENERATOR_WRONG(r, "with zipf there are at most 2^53 distinct values");
    tm__generator_zipf_init(&f->zipf, (uint64_t)distinct, exponent);
    return 0;
}

static int read_start(const struct tm__generator_reader *r, struct tm__generator_field *f)
{
    const struct tm_option_value *v = tm__generator_option(r, "start");
    const char *text = v == NULL ? start_default : v->text;
    if (v != NULL && v->type != TM_OPTION_STRING)
        return tm__generator_whole(r, "start", false, 0, &f->start);
    if (tm_timestamp_parse(text, strlen(text), &f->start) != 0)
        return TM__GENERATOR_WRONG(
            r, "start \"%.64s\" is not a timestamp such as \"2026-01-01T00:00:00Z\"", text);
    return 0;
}

static int read_timestamp(const struct tm__generator_reader *r, struct tm__generator_field *f)
{
    int64_t disorder;
    if (f->type.kind != TM_TYPE_TIMESTAMP)
        return TM__GENERATOR_WRONG(r, "timestamp makes a timestamp");
    int rc = read_start(r, f);
    if (rc == 0)
        rc = tm__generator_whole(r, "step", true, 1, &f->step);
    if (rc == 0)
        rc = tm__generator_whole(r, "disorder", true, 0, &disorder);
    if (rc == 0)
        rc = tm__generator_share(r, "late_share", 0.25, &f->late);
    if (rc != 0)
        return rc;
    if (f->step < 0 || disorder < 0)
        return TM__GENERATOR_WRONG(r, "step and disorder are not negative");
    f->disorder = (uint64_t)disorder;
    return 0;
}

static int read_sequence(const struct tm__generator_reader *r, struct tm__generator_field *f)
{
    if (f->type.kind != TM_TYPE_INT && f->type.kind != TM_TYPE_INT64)
        return TM__GENERATOR_WRONG(r, "sequence makes an int or int64");
    int rc = tm__generator_whole(r, "start", false, 0, &f->start);
    if (rc == 0)
        rc = tm__generator_whole(r, "step", false, 1, &f->step);
    if (rc != 0 || tm__generator_option(r, "last") == NULL)
        return rc;
    int64_t last;
    rc = tm__generator_whole(r, "last", false, 0, &last);
    if (rc != 0)
        return rc;
    if (f->step == 0 || (f->step > 0 ? last < f->start : last > f->start))
        return TM__GENERATOR_WRONG(r, "steps of %" PRId64 " from %" PRId64 " never reach %" PRId64,
                                   f->step, f->start, last);
    f->rows = (uint64_t)(((__int128)last - f->start) / f->step) + 1;
    return 0;
}

static int read_constant(const struct tm__generator_reader *r, struct tm__generator_field *f,
                         struct tm_mem *mem)
{
    return tm__generator_choices(r, f, mem, "value");
}

static int read_choice(const struct tm__generator_reader *r, struct tm__generator_field *f,
                       struct tm_mem *mem)
{
    return tm__generator_choices(r, f, mem, "choices");
}

static int read_uuid(const struct tm__generator_reader *r, struct tm__generator_field *f)
{
    return f->type.kind == TM_TYPE_STRING ? 0 : TM__GENERATOR_WRONG(r, "uuid makes a string");
}

// How each kind is read; those that allocate get the memory too.
static const struct {
    const char *name;
    enum tm__generator_kind kind;
    int (*read)(const struct tm__generator_reader *r, struct tm__generator_field *f);
    int (*read_values)(const struct tm__generator_reader *r, struct tm__generator_field *f,
                       struct tm_mem *mem);
} kinds[] = {
    {"uniform", TM__GENERATOR_UNIFORM, read_uniform, NULL},
    {"normal", TM__GENERATOR_NORMAL, read_normal, NULL},
    {"zipf", TM__GENERATOR_ZIPF, read_zipf, NULL},
    {"choice", TM__GENERATOR_CHOICE, NULL, read_choice},
    {"pattern", TM__GENERATOR_PATTERN, read_pattern, NULL},
    {"string", TM__GENERATOR_STRING, read_string, NULL},
    {"uuid", TM__GENERATOR_UUID, read_uuid, NULL},
    {"timestamp", TM__GENERATOR_TIMESTAMP, read_timestamp, NULL},
    {"sequence", TM__GENERATOR_SEQUENCE, read_sequence, NULL},
    {"constant", TM__GENERATOR_CHOICE, NULL, read_constant},
};

static int read_kind(const struct tm__generator_reader *r, struct tm__generator_field *f,
                     struct tm_mem *mem)
{
    enum { COUNT = sizeof kinds / sizeof kinds[0] };
    const char *kind, *names[COUNT];
    int rc = tm__generator_text(r, "kind", &kind);
    if (rc != 0)
        return rc;
    if (kind == NULL)
        return TM__GENERATOR_WRONG(r, "kind is missing");
    for (size_t i = 0; i < COUNT; i++) {
        names[i] = kinds[i].name;
        if (strcmp(kind, kinds[i].name) != 0)
            continue;
        f->kind = kinds[i].kind;
        rc = tm__generator_share(r, "nulls", 0, &f->nulls);
        if (rc != 0)
            return rc;
        return kinds[i].read != NULL ? kinds[i].read(r, f) : kinds[i].read_values(r, f, mem);
    }
    (void)TM__GENERATOR_WRONG(r,
                              "no kind \"%.64s\"; it is uniform, normal, zipf, choice, pattern, "
                              "string, uuid, timestamp, sequence or constant",
                              kind);
    const char *nearest = tm_text_nearest(kind, names, COUNT);
    if (nearest != NULL)
        tm_error_hint(r->err, "did you mean \"%s\"?", nearest);
    return TM_E_OPTION;
}

// The column that the field is for; a type that is given must be the column's.
static int bind_column(const struct tm__generator_reader *r, const struct tm_schema *schema,
                       struct tm__generator_field *f)
{
    int32_t column = tm_schema_find(schema, r->name, strlen(r->name));
    if (column < 0)
        return tm__generator_wrong(r, TM_E_UNKNOWN_FIELD, "the source's schema has no such column");
    f->column = (uint32_t)column;
    f->type = schema->fields[column].type;
    const char *text;
    int rc = tm__generator_text(r, "type", &text);
    if (rc != 0 || text == NULL)
        return rc;
    struct tm_type type;
    char buf[TM_TYPE_TEXT];
    rc = tm_type_parse(schema->mem, text, &type, r->err);
    if (rc != 0)
        return tm_error_prefix(r->err, "tm.generate: field \"%s\"", r->name);
    bool same = tm_type_equal(type, f->type);
    tm_type_fini(&type);
    if (!same)
        return tm__generator_wrong(r, TM_E_TYPE, "its type is %s, the column's is %s", text,
                                   tm_type_text(f->type, buf));
    return 0;
}

int tm__generator_field_read(struct tm__generator_field *f, struct tm_mem *mem,
                             const struct tm_node *node, const struct tm_schema *schema,
                             uint32_t index, uint64_t seed, struct tm_error *err)
{
    char number[16];
    snprintf(number, sizeof number, "%" PRIu32, index);
    struct tm__generator_reader r = {node, index, number, err};
    *f = (struct tm__generator_field){0};
    const char *name = NULL;
    int rc = tm__generator_text(&r, "name", &name);
    if (rc != 0)
        return rc;
    if (name == NULL)
        return TM_E_NOT_FOUND;
    r.name = name;
    rc = bind_column(&r, schema, f);
    if (rc != 0)
        return rc;
    // by the column's place, so that one column's values do not depend on the others' kinds
    f->key = tm__generator_key(seed, f->column);
    rc = read_kind(&r, f, mem);
    if (rc != 0)
        tm__generator_field_fini(f, mem);
    return rc;
}

void tm__generator_field_fini(struct tm__generator_field *f, struct tm_mem *mem)
{
    tm_mem_free(mem, f->choices, f->choice_count * sizeof *f->choices);
    tm_mem_free(mem, f->texts, f->texts_bytes);
    f->choices = NULL;
    f->choice_count = 0;
    f->texts = NULL;
    f->texts_bytes = 0;
}
