// The values of a choice: parsed once into what the column's type stores.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "connectors/generator/option.h"
#include "core/base/text.h"
#include "core/batch/decimal.h"
#include "core/batch/timestamp.h"

enum { CHOICES_MAX = 1000000 };

// The text of one choice as a value of the column's type.
static int read_choice(const struct tm__generator_reader *r, const struct tm__generator_field *f,
                       struct tm__generator_choice *c)
{
    int rc = 0;
    char *end = NULL;
    double number = 0;
    char type[TM_TYPE_TEXT];
    if (f->type.kind >= TM_TYPE_LIST)
        return TM__GENERATOR_WRONG(r, "a choice is no %s", tm_type_text(f->type, type));
    switch (f->type.kind) {
    case TM_TYPE_STRING:
        if (!tm_text_is_utf8(c->text, c->length))
            return TM__GENERATOR_WRONG(r, "a choice is not valid UTF-8");
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
    return TM__GENERATOR_WRONG(r, "\"%.64s\" is not a value of type %s", c->text,
                               tm_type_text(f->type, type));
}

static int cut_choices(const struct tm__generator_reader *r, struct tm__generator_field *f,
                       struct tm_mem *mem)
{
    uint32_t count = 1;
    for (const char *p = f->texts; *p != '\0'; p++)
        count += *p == '\x1f';
    if (count > CHOICES_MAX)
        return TM__GENERATOR_WRONG(r, "%u choices; at most %d", count, CHOICES_MAX);
    f->choices = tm_mem_zalloc(mem, count * sizeof *f->choices);
    if (f->choices == NULL)
        return tm__generator_wrong(r, TM_E_MEMORY, "out of memory for %u choices", count);
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

// Where each choice's share of all draws ends. A draw is compared with `below`; the last takes what
// rounding leaves.
static int read_weights(const struct tm__generator_reader *r, struct tm__generator_field *f)
{
    const char *text;
    double sum = 0, before = 0;
    int rc = tm__generator_text(r, "weights", &text);
    if (rc != 0 || text == NULL)
        return rc;
    for (int pass = 0; pass < 2; pass++) {
        const char *p = text;
        for (uint32_t i = 0; i < f->choice_count; i++) {
            char *end;
            double weight = strtod(p, &end);
            if (end == p || !(weight >= 0 && weight <= 1e15) ||
                *end != (i + 1 < f->choice_count ? '\x1f' : '\0'))
                return TM__GENERATOR_WRONG(
                    r, "there is a weight for each choice, a number from 0 to 1e15");
            p = end + 1;
            before += weight;
            if (pass == 0)
                continue;
            double share = before / sum;
            f->choices[i].below =
                share >= 1 ? UINT64_MAX : (uint64_t)(share * 0x1p64); // 1 may come before the last
        }
        sum = before;
        before = 0;
        if (!(sum > 0))
            return TM__GENERATOR_WRONG(r, "all weights are 0");
    }
    f->weighted = true;
    return 0;
}

// Choices, or the one value of a constant, which may also be given as a number or a boolean.
int tm__generator_choices(const struct tm__generator_reader *r, struct tm__generator_field *f,
                          struct tm_mem *mem, const char *part)
{
    const struct tm_option_value *v = tm__generator_option(r, part);
    char number[40];
    if (v == NULL)
        return TM__GENERATOR_WRONG(r, "%s is missing", part);
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
        return tm__generator_wrong(r, TM_E_MEMORY, "out of memory for its choices");
    f->texts_bytes = strlen(text) + 1;
    int rc = cut_choices(r, f, mem);
    return rc == 0 ? read_weights(r, f) : rc;
}
