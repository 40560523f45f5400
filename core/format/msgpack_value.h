// A msgpack value as the value of a column.
#pragma once

#include "core/batch/any.h"
#include "core/batch/nest.h"
#include "core/format/columns.h"
#include "core/format/json_fail.h"
#include "core/format/json_keys.h"

struct tm__msgpack_reader {
    const uint8_t *start, *end; // of the record
    struct tm_builder builder;  // of its row
    struct tm_nest nest;
    struct tm__keys keys; // the columns
    struct tm__json_fail fail;
};

// The value that *p begins with, which is whole: *p is behind it. Into the slot `at` of the row, a
// column of `node`, or, with `frame` not NULL, into the value that is open. 0, TM__VALUE_NULL's 1
// when it is nil (nothing is stored), or the code of what is wrong.
int tm__msgpack_read_column(struct tm__msgpack_reader *r, struct tm__key_node *node,
                            const uint8_t **p);
// The node of the key [p, p + len) behind `before`, or NULL: none of these.
struct tm__key_node *tm__msgpack_find(struct tm__keys *keys, struct tm__key_node *before,
                                      const uint8_t *p, uint32_t len);
