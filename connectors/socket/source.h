// The source's subtask.
#pragma once

#include "core/task/connector.h"

// `shared` is a struct tm__socket_options.
int tm__socket_source_new(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                          struct tm_source **source, struct tm_error *err) TM_WARN_UNUSED;
