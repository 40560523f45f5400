// The sink side of tm.file; see struct tm_connector.
#pragma once

#include "core/task/connector.h"

int tm__file_sink_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                          uint32_t parallelism, void **shared, struct tm_error *err);
int tm__file_sink_prepare_checkpoints(const struct tm_fx *fx, struct tm_mem *mem,
                                      const struct tm_node *node, uint32_t parallelism,
                                      const struct tm_sink_job *job, void **shared,
                                      struct tm_error *err);
int tm__file_sink_begin(void *shared, struct tm_error *err) TM_WARN_UNUSED;
int tm__file_sink_look(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                       const struct tm_sink_job *job, struct tm_error *err);
int tm__file_sink_held(const struct tm_sink_left *left, char *held, size_t size,
                       struct tm_error *err);
// Is something going to be made visible at this path (as tm__commits_path) before sinks begin, that
// the checkpoint holds for a sink which is left out?
int tm__file_settles(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_sink_job *job,
                     const char *path, bool *settles, struct tm_error *err) TM_WARN_UNUSED;
int tm__file_sink_settle(const struct tm_sink_left *left, struct tm_error *err);
int tm__file_sink_restore(void *shared, const struct tm_restored *restored,
                          const struct tm_node *node, struct tm_error *err);
int tm__file_sink_commit(void *shared, uint64_t checkpoint, struct tm_error *err);
uint32_t tm__file_sink_commit_steps(const void *shared);
int tm__file_sink_commit_once(void *shared, uint64_t checkpoint, struct tm_error *err);
int tm__file_sink_keep(void *shared, uint64_t checkpoint, const char *folder, struct tm_error *err);
int tm__file_sink_committed(void *shared, uint64_t checkpoint, bool *committed,
                            struct tm_error *err);
int tm__file_sink_new(struct tm_task_context *ctx, const struct tm_node *node,
                      struct tm_schema *schema, void *shared, struct tm_sink **sink,
                      struct tm_error *err);
int tm__file_sink_check(const void *shared, const struct tm_node *source, struct tm_error *err);
int tm__file_sink_finish(void *shared, bool ok, struct tm_error *err);
void tm__file_sink_forget(void *shared);
void tm__file_sink_release(void *shared);
