// Options of fields as values, with errors that name field and option.
#include "connectors/generator/option.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/base/text.h"

int tm__generator_wrong(const struct tm__generator_reader *r, int code, const char *fmt, ...)
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

const struct tm_option_value *tm__generator_option(const struct tm__generator_reader *r,
                                                   const char *part)
{
    char name[TM__GENERATOR_OPTION_NAME_MAX];
    snprintf(name, sizeof name, "field.%" PRIu32 ".%s", r->index, part);
    return tm_options_get(&r->node->options, name);
}

int tm__generator_text(const struct tm__generator_reader *r, const char *part, const char **text)
{
    const struct tm_option_value *v = tm__generator_option(r, part);
    *text = NULL;
    if (v == NULL)
        return 0;
    if (v->type != TM_OPTION_STRING)
        return TM__GENERATOR_WRONG(r, "%s is a text", part);
    *text = v->text;
    return 0;
}

int tm__generator_number(const struct tm__generator_reader *r, const char *part, double fallback,
                         double *number)
{
    const struct tm_option_value *v = tm__generator_option(r, part);
    *number = fallback;
    if (v == NULL)
        return 0;
    if ((v->type != TM_OPTION_DOUBLE && v->type != TM_OPTION_INT) || !isfinite(v->number))
        return TM__GENERATOR_WRONG(r, "%s is a number", part);
    *number = v->number;
    return 0;
}

int tm__generator_whole(const struct tm__generator_reader *r, const char *part, bool duration,
                        int64_t fallback, int64_t *whole)
{
    const struct tm_option_value *v = tm__generator_option(r, part);
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
    return TM__GENERATOR_WRONG(r, "%s is %s", part,
                               duration ? "a duration such as \"5s\" or a number of ms"
                                        : "a whole number");
}

int tm__generator_share(const struct tm__generator_reader *r, const char *part, double fallback,
                        uint64_t *share)
{
    double number;
    int rc = tm__generator_number(r, part, fallback, &number);
    if (rc != 0)
        return rc;
    if (!(number >= 0 && number <= 1))
        return TM__GENERATOR_WRONG(r, "%s is %g; it is a share from 0 to 1", part, number);
    *share = (uint64_t)(number * 0x1p32);
    return 0;
}
