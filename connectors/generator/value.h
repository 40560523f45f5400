// Values of generated columns: pure functions of the field's key and the row's number.
#pragma once

#include "connectors/generator/field.h"
#include "core/batch/builder.h"

// Puts the field's value of row `row`.
int tm__generator_put(const struct tm__generator_field *field, uint64_t row,
                      struct tm_builder *b) TM_WARN_UNUSED;
// Does the value of row `row` fit the column's type? Values grow with the row, so asking for the
// last row of a batch is enough.
bool tm__generator_fits(const struct tm__generator_field *field, uint64_t row);
