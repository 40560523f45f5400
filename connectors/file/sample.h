// The connector's function of this name.
#pragma once

#include "core/task/connector.h"

int tm__file_source_sample(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                           struct tm_sampler *sampler, struct tm_buf *head, struct tm_error *err);
