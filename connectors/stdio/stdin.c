// Standard input as a source: one subtask, one split. It may be silent for long, so the helper
// thread waits for it in slices, and idle detection is the watermark operator's.
#include "connectors/file/file.h"
#include "connectors/file/records.h"
#include "connectors/stdio/stdio.h"

static const struct tm_option_def source_options[] = {TM_FILE_OPTION_MAX_RECORD, {.name = NULL}};

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
    const struct tm_file_input inputs[] = {{.path = "standard input", .fd = 0, .poll = true}};
    return tm_file_records_new(ctx, node, inputs, 1, input->max_record, source, err);
}

const struct tm_connector tm_connector_stdin = {
    .name = "stdin",
    .source_options = source_options,
    .source_limit = 1,
    .replayable = false,
    .source_prepare = stdin_prepare,
    .source_new = stdin_new,
    .source_release = stdin_release,
};
