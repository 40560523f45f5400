// Keys that people write, as the bytes by which states know them.
#pragma once

#include "core/task/job.h"

// Canonical bytes (core/batch/key.h) of a key of the node's: given as JSON, or as a plain text
// where it is one column that is a text; of distinct and dedup an identity. *hash is what states
// know it by. TM_E_STATE_KEY says what is needed.
int tm_state_key_read(const struct tm_job *job, const struct tm_node *node, const char *text,
                      struct tm_buf *bytes, uint64_t *hash, struct tm_error *err) TM_WARN_UNUSED;
