// Standard input as a source: one subtask, one split. It may be silent for long, so the helper
// thread waits for it in slices, and idle detection is the watermark operator's.
#include "connectors/file/file.h"
#include "connectors/file/records.h"
#include "connectors/stdio/stdio.h"
#include "core/base/limits.h"
#include "core/task/sample.h"

static const struct tm_option_def source_options[] = {TM_FILE_OPTION_MAX_RECORD, {.name = NULL}};

static const char name[] = "standard input";

struct input {
    struct tm_mem *mem;
    uint64_t max_record;
};

static void stdin_release(void *shared)
{
    struct input *input = shared;
    tm_mem_free(input->mem, input, sizeof *input);
}

static int stdin_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                         uint32_t parallelism, void **shared, struct tm_error *err)
{
    (void)fx;
    (void)parallelism;
    struct tm_options options;
    struct input *input = tm_mem_zalloc(mem, sizeof *input);
    if (input == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the source '%s'", node->name);
    input->mem = mem;
    int rc = tm_file_options(&options, mem, node, source_options, "tm.stdin", err);
    if (rc == 0)
        input->max_record = (uint64_t)tm_options_integer(&options, "max_record", 0);
    tm_options_fini(&options);
    if (rc != 0) {
        stdin_release(input);
        return rc;
    }
    *shared = input;
    return 0;
}

static int stdin_new(struct tm_task_context *ctx, const struct tm_node *node, void *shared,
                     struct tm_source **source, struct tm_error *err)
{
    const struct input *input = shared;
    const struct tm_file_input inputs[] = {{.path = name,
                                            .fd = 0,
                                            .poll = true,
                                            .first = node->head,
                                            .first_bytes = node->head_bytes}};
    return tm_file_records_new(ctx, node, inputs, 1, input->max_record, source, err);
}

// --- a sample ------------------------------------------------------------------------------------

enum { SLACK = 64, PIECE_BYTES = 64 * 1024, QUIET_MS = 2000 };

// Waits for more: 1 there is, 0 there is none in time. The first record may be long in coming; then
// only what follows at once belongs to the sample.
static int await(const struct tm_fx *fx, const struct tm_sampler *sampler, int64_t first_ns)
{
    const struct tm_log *log = tm_sampler_log(sampler);
    if (first_ns == 0) {
        if (fx->files->wait_readable(fx->ctx, 0, QUIET_MS) != 0)
            return 1;
        if (log != NULL)
            tm_log_write(log, TM_LOG_INFO, "waiting for the first records of %s, to infer a schema",
                         name);
        while (fx->files->wait_readable(fx->ctx, 0, QUIET_MS) == 0) {
        }
        return 1;
    }
    int64_t left_ms = TM_SAMPLE_WAIT_MS - (tm_fx_mono_ns(fx) - first_ns) / 1000000;
    return left_ms > 0 && fx->files->wait_readable(fx->ctx, 0, (int)left_ms) != 0;
}

// The head is all that was read: it goes to the source.
static int stdin_sample(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                        struct tm_sampler *sampler, struct tm_buf *head, struct tm_error *err)
{
    (void)mem;
    int64_t first_ns = 0, got = 1;
    if (fx->files->is_terminal(fx->ctx, 0))
        return tm_error_set(err, TM_E_SCHEMA_MISSING,
                            "%s is a terminal: there are no records to infer a schema from", name);
    int rc = tm_sampler_begin(sampler, name, 1, err);
    while (rc == 0 && got != 0 && await(fx, sampler, first_ns) != 0) {
        if (tm_buf_reserve(head, PIECE_BYTES + SLACK) != 0)
            return tm_error_set(err, TM_E_MEMORY, "%s: out of memory for a sample", node->name);
        got = fx->files->read(fx->ctx, 0, head->data + head->size_bytes, PIECE_BYTES, err);
        if (got < 0)
            return (int)got;
        head->size_bytes += (size_t)got;
        memset(head->data + head->size_bytes, 0, SLACK);
        rc = tm_sampler_take(sampler, head->data, head->size_bytes, got == 0, err);
        if (first_ns == 0 && tm_sampler_records(sampler) != 0)
            first_ns = tm_fx_mono_ns(fx);
    }
    return rc < 0 ? rc : 0;
}

const struct tm_connector tm_connector_stdin = {
    .name = "stdin",
    .source_options = source_options,
    .source_limit = 1,
    .replayable = false,
    .source_prepare = stdin_prepare,
    .source_new = stdin_new,
    .source_release = stdin_release,
    .source_sample = stdin_sample,
};
