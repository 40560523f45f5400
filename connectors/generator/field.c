// Fields of tm.generate from options. Lua has checked what it could; this checks everything again,
// since the graph is the contract and not its usual maker.
#include "connectors/generator/field.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "connectors/generator/random.h"
#include "core/base/text.h"
#include "core/batch/decimal.h"
#include "core/batch/timestamp.h"

enum { OPTION_NAME_MAX = 64, CHOICES_MAX = 1000000 };
// 2026-01-01T00:00:00Z: where timestamps begin unless told.
static const char start_default[] = "2026-01-01T00:00:00Z";

const struct tm_option_def tm__generator_field_options[] = {
    {"name", TM_OPTION_STRING, true, NULL, "the column", NULL},
    {"kind", TM_OPTION_STRING, true, NULL, "how its values are made",
     "uniform|choice|pattern|timestamp|sequence|constant"},
    {"type", TM_OPTION_STRING, false, NULL, "the column's type", NULL},
    {"min", TM_OPTION_DOUBLE, false, NULL, "uniform: the smallest value", NULL},
    {"max", TM_OPTION_DOUBLE, false, NULL, "uniform: the largest value", NULL},
    {"choices", TM_OPTION_STRING, false, NULL, "choice: the values, separated by \\x1f", NULL},
    {"value", TM_OPTION_STRING, false, NULL, "constant: the value", NULL},
    {"pattern", TM_OPTION_STRING, false, NULL, "pattern: a text, each # is a digit", NULL},
    {"distinct", TM_OPTION_INT, false, NULL,
     "pattern: how many values there are; all that its digits can make when absent", NULL},
    {"zipf", TM_OPTION_DOUBLE, false, "0",
     "pattern: skew of the values; 0 is even, 1 means that value n comes 1/n as often as the first",
     NULL},
    {"start", TM_OPTION_STRING, false, NULL,
     "timestamp, sequence: the first value; a timestamp's default is 2026-01-01", NULL},
    {"step", TM_OPTION_DURATION, false, "1", "timestamp, sequence: from one row to the next", NULL},
    {"disorder", TM_OPTION_DURATION, false, "0", "timestamp: how far back a row can be, at most",
     NULL},
    {"late_share", TM_OPTION_DOUBLE, false, "0.25", "timestamp: share of rows that are set back",
     NULL},
    {.name = NULL}};

// What a reader of one field's options needs; `name` is the column's, once it is known.
struct reader {
    const struct tm_node *node;
    uint32_t index;
    const char *name;
    struct tm_error *err;
};

#define WRONG(r, ...) field_error((r), TM_E_OPTION, __VA_ARGS__)

static int field_error(const struct reader *r, int code, const char *fmt, ...) TM_PRINTF(3, 4);
static int field_error(const struct reader *r, int code, const char *fmt, ...)
{
    char message[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    tm_error_set(r->err, code, "tm.generate: field \"%.255s\": %s", r->name, message);
    tm_error_where(r->err, "%s", r->node->where);
    return code;
}

static const struct tm_option_value *find(const struct reader *r, const char *part)
{
    char name[OPTION_NAME_MAX];
    snprintf(name, sizeof name, "field.%" PRIu32 ".%s", r->index, part);
    return tm_options_get(&r->node->options, name);
}

// --- values of options ---------------------------------------------------------------------------

static int read_text(const struct reader *r, const char *part, const char **text)
{
    const struct tm_option_value *v = find(r, part);
    *text = NULL;
    if (v == NULL)
        return 0;
    if (v->type != TM_OPTION_STRING)
        return WRONG(r, "%s is a text", part);
    *text = v->text;
    return 0;
}

static int read_number(const struct reader *r, const char *part, double fallback, double *number)
{
    const struct tm_option_value *v = find(r, part);
    *number = fallback;
    if (v == NULL)
        return 0;
    if ((v->type != TM_OPTION_DOUBLE && v->type != TM_OPTION_INT) || !isfinite(v->number))
        return WRONG(r, "%s is a number", part);
    *number = v->number;
    return 0;
}

// A whole number; `duration`: also a text such as "5s", in ms.
static int read_whole(const struct reader *r, const char *part, bool duration, int64_t fallback,
                      int64_t *whole)
{
    const struct tm_option_value *v = find(r, part);
    *whole = fallback;
    if (v == NULL)
        return 0;
    if (v->type == TM_OPTION_INT) {
        *whole = v->integer;
        return 0;
    }
    if (v->type == TM_OPTION_DOUBLE && v->number == trunc(v->number) &&
        fabs(v->number) <= (double)TM_INT_MAX) {
        *whole = (int64_t)v->number;
        return 0;
    }
    if (duration && v->type == TM_OPTION_STRING && tm_text_duration_ms(v->text, whole) == 0)
        return 0;
    return WRONG(r, "%s is %s", part,
                 duration ? "a duration such as \"5s\" or a number of ms" : "a whole number");
}

// --- kinds ---------------------------------------------------------------------------------------

static int read_decimal_bound(const struct reader *r, const char *part, double value,
                              const struct tm__generator_field *f, bool is_min, __int128 *out)
{
    struct tm_decimal exact, rounded = {0, f->type.scale};
    if (tm_decimal_from_double(value, &exact) != 0 ||
        tm_decimal_rescale(exact.unscaled, exact.scale, f->type.precision, f->type.scale,
                           &rounded.unscaled) != 0)
        return WRONG(r, "%s (%g) does not fit decimal(%u,%u)", part, value,
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

static int read_whole_bounds(const struct reader *r, struct tm__generator_field *f, double min,
                             double max)
{
    const double limit = f->type.kind == TM_TYPE_INT ? (double)TM_INT_MAX : 0x1p63;
    if (min < -limit || max > limit)
        return WRONG(r, "bounds %.17g and %.17g are beyond %s", min, max,
                     f->type.kind == TM_TYPE_INT ? "an int (2^53)" : "an int64");
    min = ceil(min);
    max = floor(max);
    if (min > max || min >= 0x1p63)
        return WRONG(r, "there is no whole number between min and max");
    f->min = (int64_t)min;
    int64_t last = max >= 0x1p63 ? INT64_MAX : (int64_t)max;
    f->range = (uint64_t)last - (uint64_t)f->min + 1;
    return 0;
}

static int read_uniform(const struct reader *r, struct tm__generator_field *f)
{
    double min, max;
    if (find(r, "min") == NULL || find(r, "max") == NULL)
        return WRONG(r, "uniform needs min and max");
    int rc = read_number(r, "min", 0, &min);
    if (rc == 0)
        rc = read_number(r, "max", 0, &max);
    if (rc != 0)
        return rc;
    if (min > max)
        return WRONG(r, "min (%.17g) is greater than max (%.17g)", min, max);
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
            return WRONG(r, "there is no such decimal between min and max");
        f->range_decimal = (unsigned __int128)last - (unsigned __int128)f->min_decimal + 1;
        return 0;
    }
    default:
        return WRONG(r, "uniform makes double, int, int64 or decimal(p,s)");
    }
}

// The text of one choice as a value of the column's type.
static int read_choice(const struct reader *r, const struct tm__generator_field *f,
                       struct tm__generator_choice *c)
{
    int rc = 0;
    char *end = NULL;
    double number = 0;
    switch (f->type.kind) {
    case TM_TYPE_STRING:
        if (!tm_text_is_utf8(c->text, c->length))
            return WRONG(r, "a choice is not valid UTF-8");
        return 0;
    case TM_TYPE_BYTES:
        return 0;
    case TM_TYPE_BOOL:
        c->word = strcmp(c->text, "true") == 0;
        rc = c->word || strcmp(c->text, "false") == 0 ? 0 : TM_E_OPTION;
        break;
    case TM_TYPE_DECIMAL:
        rc = tm_decimal_parse(c->text, c->length, f->type.precision, f->type.scale, &c->unscaled);
        break;
    case TM_TYPE_TIMESTAMP:
        rc = tm_timestamp_parse(c->text, c->length, &c->word);
        break;
    case TM_TYPE_DOUBLE:
        number = strtod(c->text, &end);
        rc = end == c->text || *end != '\0' || !isfinite(number) ? TM_E_OPTION : 0;
        memcpy(&c->word, &number, sizeof number);
        break;
    default: { // int, int64: through a decimal, which takes "5e3" and misses no digit
        __int128 whole = 0;
        struct tm_decimal any;
        rc = tm_decimal_parse_any(c->text, c->length, &any);
        if (rc == 0)
            rc = tm_decimal_rescale(any.unscaled, any.scale, 38, 0, &whole);
        if (rc == 0 && tm_decimal_compare(any, (struct tm_decimal){whole, 0}) != 0)
            rc = TM_E_OPTION;
        __int128 limit = f->type.kind == TM_TYPE_INT ? TM_INT_MAX : INT64_MAX;
        if (rc == 0 && (whole > limit || whole < -limit))
            rc = TM_E_OPTION;
        c->word = (int64_t)whole;
    }
    }
    if (rc == 0)
        return 0;
    char type[TM_TYPE_TEXT];
    return WRONG(r, "\"%.64s\" is not a value of type %s", c->text, tm_type_text(f->type, type));
}

static int cut_choices(const struct reader *r, struct tm__generator_field *f, struct tm_mem *mem)
{
    uint32_t count = 1;
    for (const char *p = f->texts; *p != '\0'; p++)
        count += *p == '\x1f';
    if (count > CHOICES_MAX)
        return WRONG(r, "%u choices; at most %d", count, CHOICES_MAX);
    f->choices = tm_mem_zalloc(mem, count * sizeof *f->choices);
    if (f->choices == NULL)
        return field_error(r, TM_E_MEMORY, "out of memory for %u choices", count);
    f->choice_count = count;
    char *p = f->texts;
    for (uint32_t i = 0; i < count; i++) {
        size_t length = strcspn(p, "\x1f");
        p[length] = '\0';
        f->choices[i].text = p;
        f->choices[i].length = (uint32_t)length;
        int rc = read_choice(r, f, &f->choices[i]);
        if (rc != 0)
            return rc;
        p += length + 1;
    }
    return 0;
}

// Choices, or the one value of a constant, which may also be given as a number or a boolean.
static int read_choices(const struct reader *r, struct tm__generator_field *f, struct tm_mem *mem,
                        const char *part)
{
    const struct tm_option_value *v = find(r, part);
    char number[40];
    if (v == NULL)
        return WRONG(r, "%s is missing", part);
    const char *text = v->text;
    if (v->type == TM_OPTION_BOOL)
        text = v->integer != 0 ? "true" : "false";
    else if (v->type == TM_OPTION_INT)
        snprintf(number, sizeof number, "%" PRId64, v->integer);
    else if (v->type == TM_OPTION_DOUBLE)
        snprintf(number, sizeof number, "%.17g", v->number);
    if (v->type == TM_OPTION_INT || v->type == TM_OPTION_DOUBLE)
        text = number;
    f->texts = tm_mem_strdup(mem, text);
    if (f->texts == NULL)
        return field_error(r, TM_E_MEMORY, "out of memory for its choices");
    f->texts_bytes = strlen(text) + 1;
    return cut_choices(r, f, mem);
}

static uint64_t power_of_ten(uint32_t digits)
{
    uint64_t v = 1;
    while (digits-- > 0)
        v *= 10;
    return v;
}

static int read_places(const struct reader *r, struct tm__generator_field *f)
{
    const char *pattern;
    int rc = read_text(r, "pattern", &pattern);
    if (rc != 0)
        return rc;
    if (pattern == NULL)
        return WRONG(r, "pattern is missing");
    size_t length = strlen(pattern);
    if (length > TM__GENERATOR_PATTERN_MAX)
        return WRONG(r, "a pattern has at most %d bytes", TM__GENERATOR_PATTERN_MAX);
    if (!tm_text_is_utf8(pattern, length))
        return WRONG(r, "the pattern is not valid UTF-8");
    memcpy(f->pattern, pattern, length);
    f->pattern_length = (uint32_t)length;
    for (size_t i = 0; i < length; i++) {
        if (pattern[i] != '#')
            continue;
        if (f->digit_count == TM__GENERATOR_PATTERN_DIGITS_MAX)
            return WRONG(r, "a pattern has at most %d times #", TM__GENERATOR_PATTERN_DIGITS_MAX);
        f->digits[f->digit_count++] = (uint8_t)i;
    }
    return f->digit_count == 0 ? WRONG(r, "the pattern \"%.64s\" has no #", pattern) : 0;
}

static int read_pattern(const struct reader *r, struct tm__generator_field *f)
{
    double exponent;
    int64_t distinct;
    int rc = read_places(r, f);
    if (rc != 0)
        return rc;
    if (f->type.kind != TM_TYPE_STRING)
        return WRONG(r, "a pattern makes a string");
    uint64_t all = power_of_ten(f->digit_count);
    rc = read_whole(r, "distinct", false, (int64_t)all, &distinct);
    if (rc == 0)
        rc = read_number(r, "zipf", 0, &exponent);
    if (rc != 0)
        return rc;
    if (distinct < 1 || (uint64_t)distinct > all)
        return WRONG(r, "distinct is %" PRId64 ", but %u digits make 1 to %" PRIu64 " values",
                     distinct, f->digit_count, all);
    if (!(exponent >= 0 && exponent <= 10))
        return WRONG(r, "zipf is %g; it is from 0 (even) to 10", exponent);
    if (exponent != 0 && distinct > TM_INT_MAX)
        return WRONG(r, "with zipf there are at most 2^53 distinct values");
    tm__generator_zipf_init(&f->zipf, (uint64_t)distinct, exponent);
    return 0;
}

static int read_start(const struct reader *r, struct tm__generator_field *f)
{
    const struct tm_option_value *v = find(r, "start");
    const char *text = v == NULL ? start_default : v->text;
    if (v != NULL && v->type != TM_OPTION_STRING)
        return read_whole(r, "start", false, 0, &f->start);
    if (tm_timestamp_parse(text, strlen(text), &f->start) != 0)
        return WRONG(r, "start \"%.64s\" is not a timestamp such as \"2026-01-01T00:00:00Z\"",
                     text);
    return 0;
}

static int read_timestamp(const struct reader *r, struct tm__generator_field *f)
{
    int64_t disorder;
    double late;
    if (f->type.kind != TM_TYPE_TIMESTAMP)
        return WRONG(r, "timestamp makes a timestamp");
    int rc = read_start(r, f);
    if (rc == 0)
        rc = read_whole(r, "step", true, 1, &f->step);
    if (rc == 0)
        rc = read_whole(r, "disorder", true, 0, &disorder);
    if (rc == 0)
        rc = read_number(r, "late_share", 0.25, &late);
    if (rc != 0)
        return rc;
    if (f->step < 0 || disorder < 0)
        return WRONG(r, "step and disorder are not negative");
    if (!(late >= 0 && late <= 1))
        return WRONG(r, "late_share is %g; it is a share from 0 to 1", late);
    f->disorder = (uint64_t)disorder;
    f->late = (uint64_t)(late * 0x1p32);
    return 0;
}

static int read_sequence(const struct reader *r, struct tm__generator_field *f)
{
    if (f->type.kind != TM_TYPE_INT && f->type.kind != TM_TYPE_INT64)
        return WRONG(r, "sequence makes an int or int64");
    int rc = read_whole(r, "start", false, 0, &f->start);
    return rc != 0 ? rc : read_whole(r, "step", false, 1, &f->step);
}

static int read_kind(const struct reader *r, struct tm__generator_field *f, struct tm_mem *mem)
{
    static const char *const kinds[] = {"uniform",   "choice",   "pattern",
                                        "timestamp", "sequence", "constant"};
    const char *kind;
    int rc = read_text(r, "kind", &kind);
    if (rc != 0)
        return rc;
    if (kind == NULL)
        return WRONG(r, "kind is missing");
    if (strcmp(kind, "uniform") == 0) {
        f->kind = TM__GENERATOR_UNIFORM;
        return read_uniform(r, f);
    }
    if (strcmp(kind, "choice") == 0 || strcmp(kind, "constant") == 0) {
        f->kind = TM__GENERATOR_CHOICE;
        return read_choices(r, f, mem, kind[1] == 'h' ? "choices" : "value");
    }
    if (strcmp(kind, "pattern") == 0) {
        f->kind = TM__GENERATOR_PATTERN;
        return read_pattern(r, f);
    }
    if (strcmp(kind, "timestamp") == 0) {
        f->kind = TM__GENERATOR_TIMESTAMP;
        return read_timestamp(r, f);
    }
    if (strcmp(kind, "sequence") == 0) {
        f->kind = TM__GENERATOR_SEQUENCE;
        return read_sequence(r, f);
    }
    WRONG(r, "no kind \"%.64s\"; it is uniform, choice, pattern, timestamp, sequence or constant",
          kind);
    const char *nearest = tm_text_nearest(kind, kinds, sizeof kinds / sizeof kinds[0]);
    if (nearest != NULL)
        tm_error_hint(r->err, "did you mean \"%s\"?", nearest);
    return TM_E_OPTION;
}

// The column that the field is for; a type that is given must be the column's.
static int bind_column(const struct reader *r, const struct tm_schema *schema,
                       struct tm__generator_field *f)
{
    int32_t column = tm_schema_find(schema, r->name, strlen(r->name));
    if (column < 0)
        return field_error(r, TM_E_UNKNOWN_FIELD, "the source's schema has no such column");
    f->column = (uint32_t)column;
    f->type = schema->fields[column].type;
    const char *text;
    int rc = read_text(r, "type", &text);
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
        return field_error(r, TM_E_TYPE, "its type is %s, the column's is %s", text,
                           tm_type_text(f->type, buf));
    return 0;
}

int tm__generator_field_read(struct tm__generator_field *f, struct tm_mem *mem,
                             const struct tm_node *node, const struct tm_schema *schema,
                             uint32_t index, uint64_t seed, struct tm_error *err)
{
    char number[16];
    snprintf(number, sizeof number, "%" PRIu32, index);
    struct reader r = {node, index, number, err};
    *f = (struct tm__generator_field){0};
    const char *name = NULL;
    int rc = read_text(&r, "name", &name);
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
