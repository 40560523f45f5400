// Reading one field's options, "field.<i>.<part>": what every kind of field needs for it.
#pragma once

#include "connectors/generator/field.h"

enum { TM__GENERATOR_OPTION_NAME_MAX = 64 };

struct tm__generator_reader {
    const struct tm_node *node;
    uint32_t index;
    const char *name; // the column's, once it is known
    struct tm_error *err;
};

// Sets the error of the field and gives its code.
int tm__generator_wrong(const struct tm__generator_reader *r, int code, const char *fmt, ...)
    TM_PRINTF(3, 4);
#define TM__GENERATOR_WRONG(r, ...) tm__generator_wrong((r), TM_E_OPTION, __VA_ARGS__)

// NULL: not given.
const struct tm_option_value *tm__generator_option(const struct tm__generator_reader *r,
                                                   const char *part);
// *text is NULL when not given.
int tm__generator_text(const struct tm__generator_reader *r, const char *part,
                       const char **text) TM_WARN_UNUSED;
int tm__generator_number(const struct tm__generator_reader *r, const char *part, double fallback,
                         double *number) TM_WARN_UNUSED;
// A share from 0 to 1, scaled to 2^32.
int tm__generator_share(const struct tm__generator_reader *r, const char *part, double fallback,
                        uint64_t *share) TM_WARN_UNUSED;
// A whole number; `duration`: also a text such as "5s", in ms.
int tm__generator_whole(const struct tm__generator_reader *r, const char *part, bool duration,
                        int64_t fallback, int64_t *whole) TM_WARN_UNUSED;
// The values of a choice, with their weights, or the one value of a constant: the option `part`.
int tm__generator_choices(const struct tm__generator_reader *r, struct tm__generator_field *f,
                          struct tm_mem *mem, const char *part) TM_WARN_UNUSED;
