// A source of records in bytes: any number of inputs (files, standard input), each one split with a
// reader and a decoder of its own, read side by side.
#pragma once

#include "connectors/file/follow.h"
#include "connectors/file/reader.h"
#include "core/task/connector.h"

// `inputs` are copied, in the order of the splits of ctx->splits. Options `max_record` of the node
// count.
int tm_file_records_new(struct tm_task_context *ctx, const struct tm_node *node,
                        const struct tm_file_input *inputs, uint32_t count, uint64_t max_record,
                        struct tm_source **source, struct tm_error *err) TM_WARN_UNUSED;
// The same of plain files, which can say where it reads on. `read`: an item of names that were read
// before a restore; or NULL.
int tm__file_records_positioned(struct tm_task_context *ctx, const struct tm_node *node,
                                const struct tm_file_input *inputs, uint32_t count,
                                uint64_t max_record, const struct tm_buf *read,
                                struct tm_source **source, struct tm_error *err) TM_WARN_UNUSED;
// A source of files that grow: those that `look` tells of.
int tm__file_records_follow(struct tm_task_context *ctx, const struct tm_node *node,
                            struct tm_follow_look *look, uint64_t max_record,
                            struct tm_source **source, struct tm_error *err) TM_WARN_UNUSED;
