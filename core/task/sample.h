// The first records of sources that nobody has described, while a job is planned: what a schema
// would say of them, kept for the states of the workers, which evaluate the script again, and the
// bytes of inputs that can be read only once, kept for the source.
#pragma once

#include "core/base/log.h"
#include "core/format/infer.h"
#include "core/task/connector.h"

// A source's sample being taken. Connectors give it the bytes of their inputs (source_sample).
struct tm_sampler;

// An input begins, one of `inputs`; `path` is what messages call it. TM_E_MEMORY.
int tm_sampler_begin(struct tm_sampler *sampler, const char *path, uint32_t inputs,
                     struct tm_error *err) TM_WARN_UNUSED;
// What has been read of the input so far is [p, p + len), with 64 readable bytes behind it. 1: that
// is enough of it; 0: more, unless `at_end`; negative: a code.
int tm_sampler_take(struct tm_sampler *sampler, const uint8_t *p, size_t len, bool at_end,
                    struct tm_error *err) TM_WARN_UNUSED;
// Bytes of each input that are looked at, at most.
size_t tm_sampler_limit(const struct tm_sampler *sampler);
// Records seen of the input so far.
uint32_t tm_sampler_records(const struct tm_sampler *sampler);
const struct tm_log *tm_sampler_log(const struct tm_sampler *sampler); // may be NULL

// The samples of a job, in the order in which its script asks for them.
struct tm_samples;

struct tm_samples_args {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    const struct tm_log *log; // may be NULL
    const struct tm_connector *const *connectors;
    uint32_t records;     // of each source; 0: TM_SAMPLE_ROWS
    _Atomic int *touched; // 1 before anything is read that cannot be read again; may be NULL
};

struct tm_samples *tm_samples_new(const struct tm_samples_args *args) TM_WARN_UNUSED;
void tm_samples_free(struct tm_samples *samples);
// The columns of the script's source number `index` (connector, format, options and places of
// `node` count), sampled when they are not known. TM_E_SCHEMA_MISSING: there is nothing to learn
// them from. The first call for an index is the planner's; from then on any thread.
int tm_samples_columns(struct tm_samples *samples, uint32_t index, const struct tm_node *node,
                       const struct tm_infer_column **columns, uint32_t *count,
                       struct tm_error *err) TM_WARN_UNUSED;
// Gives the sources of a planned graph the bytes that were read of their inputs (tm_node.head).
void tm_samples_hand_over(const struct tm_samples *samples, struct tm_graph *graph);
// The columns that sources of a planned graph have been given, as text; appended. TM_E_MEMORY.
int tm_samples_put(const struct tm_samples *samples, const struct tm_graph *graph,
                   struct tm_buf *out) TM_WARN_UNUSED;
// Such text: its columns count from now on, for sources of the names that they have in `graph`, or
// had before. 1: others than were sampled, so the job is to be planned again; 0; TM_E_MEMORY.
int tm_samples_bring_back(struct tm_samples *samples, const struct tm_graph *graph,
                          const char *text) TM_WARN_UNUSED;
