// The rows of a print sink as a table that is kept up to date: one line per row that is there, each
// key's together, in the order in which the keys came. For `run --watch-output table`: subtasks put
// rows in, whoever has the terminal draws.
#pragma once

#include "core/format/format.h"
#include "core/task/operator.h"

struct tm_watch;

// Of a sink of this node; NULL: out of memory. Freed after all encoders.
struct tm_watch *tm__watch_new(struct tm_mem *mem);
void tm__watch_free(struct tm_watch *watch);
// An encoder that gives no bytes and keeps the rows that are there. `cells` makes values into
// text (table.h); it is taken over. *encoder is `cells` itself where rows have no key and are no
// changes: there is nothing to keep up to date then.
int tm__watch_encoder_new(struct tm_watch *watch, struct tm_task_context *ctx,
                          const struct tm_node *node, struct tm_schema *schema,
                          struct tm_encoder *cells, struct tm_encoder **encoder,
                          struct tm_error *err) TM_WARN_UNUSED;
