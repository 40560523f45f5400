// The fast way through nested values; see json_plain.c.
#pragma once

#include "core/format/json_value.h"

// The value at p of a column whose node is `plain`, without the bitmaps: behind it. NULL: it must
// be read by tm__json_read_column, and the row is as it was. The batch may have grown: r->row and
// r->heap are others then.
const uint8_t *tm__json_read_plain(struct tm__json_record *r, struct tm__key_node *node,
                                   const uint8_t *p);
