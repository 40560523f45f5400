// The source side of tm.file; see struct tm_connector.
#pragma once

#include "core/task/connector.h"

int tm__file_source_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                            uint32_t parallelism, void **shared, struct tm_error *err);
int tm__file_source_new(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                        struct tm_source **source, struct tm_error *err);
void tm__file_source_release(void *shared);
int tm__file_source_restore(void *shared, const struct tm_restored *restored,
                            const struct tm_node *node, struct tm_error *err);
int tm__file_source_look(void *shared, const struct tm_node *node, struct tm_error *err);
uint32_t tm__file_source_split_count(const void *shared, uint32_t subtask, uint32_t parallelism);
