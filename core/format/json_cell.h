// JSON text that stands for one value of a column: cells of CSV with nested values, defaults.
#pragma once

#include "core/format/json_row.h"

struct tm__json_cell {
    struct tm__json_decoder d; // keys, nest and fail of it are used
    struct tm_buf text;
};

// `schema` and `names`, what messages call the columns, must outlive it. TM_E_MEMORY;
// tm__json_cell_fini in any case.
int tm__json_cell_init(struct tm__json_cell *cell, struct tm_mem *mem, struct tm_schema *schema,
                       const char *const *names, const uint64_t *used) TM_WARN_UNUSED;
void tm__json_cell_fini(struct tm__json_cell *cell);
// The text [p, p + len), which is UTF-8, as the value of column `field` of the row that is written
// behind the batch's last one up to `*heap`: the batch may grow, and *row and *heap are others
// then. Afterwards there is room for `more` bytes at *heap. TM__VALUE_OK; TM__VALUE_NULL; or the
// code of what is wrong, which cell->d.fail says.
int tm__json_cell_read(struct tm__json_cell *cell, struct tm_batch *batch, uint32_t field,
                       const uint8_t *p, size_t len, size_t more, uint8_t **row, uint8_t **heap);
