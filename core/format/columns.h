// What a source's schema says beyond names and types, as options of its format:
//
//   rename.COLUMN    what the column is called in the source
//   default.COLUMN   its value, as JSON text, where the source has none or null
//   whole            the column, the only one and of type any, that takes each record as it is
//
// They are the same for every format whose records have fields.
#pragma once

#include "core/base/limits.h"
#include "core/format/format.h"

struct tm__columns {
    struct tm_mem *mem;
    struct tm_schema *schema; // a loan
    const char **names;       // of each column in the source
    int32_t whole;            // or -1
    uint8_t *defaults;        // a row; NULL: there are none
    size_t defaults_bytes;
    size_t room; // that filling defaults in takes at most
    uint64_t defaulted[TM_FIELDS_MAX / 64];
};

// TM_E_OPTION, TM_E_MEMORY; tm__columns_fini in any case. `used` as in tm_decoder_args: defaults of
// other columns are checked and not filled in.
int tm__columns_init(struct tm__columns *columns, struct tm_mem *mem, struct tm_schema *schema,
                     const uint64_t *used, const struct tm_options *options,
                     struct tm_error *err) TM_WARN_UNUSED;
void tm__columns_fini(struct tm__columns *columns);
// Is this the name of one of these options?
bool tm__columns_is_option(const char *name);
// The column that the option `whole` names, or -1. TM_E_OPTION.
int tm__columns_whole(const struct tm_schema *schema, const struct tm_options *options,
                      int32_t *whole, struct tm_error *err) TM_WARN_UNUSED;
// The options that are the format's own, in `own`, which the caller undoes. TM_E_MEMORY.
int tm__columns_other_options(struct tm_options *own, struct tm_mem *mem,
                              const struct tm_options *options) TM_WARN_UNUSED;

// Fill in the defaults of columns that are not in `present`, which gets them. Returns the new heap.
uint8_t *tm__columns_fill(const struct tm__columns *columns, uint8_t *row, uint8_t *heap,
                          uint64_t *present);
static inline bool tm__columns_has_defaults(const struct tm__columns *columns)
{
    return columns->defaults != NULL;
}
