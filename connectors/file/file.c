// The connector's table and what its two sides share.
#include "connectors/file/file.h"

#include "connectors/file/kept_list.h"
#include "connectors/file/sample.h"
#include "connectors/file/sink.h"
#include "connectors/file/source.h"

static const struct tm_option_def source_options[] = {
    {"path", TM_OPTION_STRING, true, NULL,
     "one file, a folder, or a pattern with * ? [ ]; .gz and .zst are read as what is in them",
     NULL},
    {"split", TM_OPTION_SIZE, false, NULL,
     "large plain files are read in pieces of this size, side by side", NULL},
    {"follow", TM_OPTION_BOOL, false, "false",
     "read on as files grow, are renamed, cut, and new ones come", NULL},
    TM_FILE_OPTION_MAX_RECORD,
    {.name = NULL},
};

static const struct tm_option_def sink_options[] = {
    {"path", TM_OPTION_STRING, true, NULL,
     "with the suffix of a format: one file; else a folder of part files", NULL},
    {"if_exists", TM_OPTION_STRING, false, NULL, "what to do with output that is there already",
     "append|replace"},
    {"compression", TM_OPTION_STRING, false, NULL,
     "of part files; a single file is compressed when its path ends in .gz or .zst",
     "none|gzip|zstd"},
    {"roll_size", TM_OPTION_SIZE, false, NULL,
     "a part file that is so large is followed by another", NULL},
    {"roll_every", TM_OPTION_DURATION, false, NULL,
     "a part file that is so old is followed by another", NULL},
    {"partition_by", TM_OPTION_STRING, false, NULL,
     "columns, one a line: a folder of part files for each of their values", NULL},
    TM_FILE_OPTION_NULLS,
    TM_FILE_OPTION_TIMESTAMP,
    {.name = NULL},
};

const struct tm_connector tm_connector_file = {
    .name = "file",
    .source_options = source_options,
    .sink_options = sink_options,
    .replayable = true,
    .never_idle = true,
    .source_prepare = tm__file_source_prepare,
    .source_new = tm__file_source_new,
    .source_release = tm__file_source_release,
    .source_restore = tm__file_source_restore,
    .source_look = tm__file_source_look,
    .source_sample = tm__file_source_sample,
    .split_count = tm__file_source_split_count,
    .sink_prepare = tm__file_sink_prepare,
    .sink_prepare_checkpoints = tm__file_sink_prepare_checkpoints,
    .sink_restore = tm__file_sink_restore,
    .sink_begin = tm__file_sink_begin,
    .sink_look = tm__file_sink_look,
    .sink_settle = tm__file_sink_settle,
    .sink_held = tm__file_sink_held,
    .sink_commit = tm__file_sink_commit,
    .sink_commit_steps = tm__file_sink_commit_steps,
    .sink_commit_once = tm__file_sink_commit_once,
    .sink_committed = tm__file_sink_committed,
    .sink_keep = tm__file_sink_keep,
    .kept_verify = tm__kept_lists_verify,
    .sink_new = tm__file_sink_new,
    .sink_check = tm__file_sink_check,
    .sink_finish = tm__file_sink_finish,
    .sink_forget = tm__file_sink_forget,
    .sink_release = tm__file_sink_release,
};

int tm_file_options(struct tm_options *options, struct tm_mem *mem, const struct tm_node *node,
                    const struct tm_option_def *defs, const char *what, struct tm_error *err)
{
    tm_options_init(options, mem);
    if (tm_options_copy(options, &node->options) != 0)
        return tm_error_set(err, TM_E_MEMORY, "%s: out of memory for its options", what);
    int rc = tm_options_check(options, defs, what, err);
    if (rc != 0)
        tm_error_where(err, "%s", node->where);
    return rc;
}

int tm_file_encoder_new(const struct tm_node *node, const struct tm_format *format,
                        struct tm_mem *mem, struct tm_schema *schema, bool omit_nulls,
                        bool timestamps_as_ms, struct tm_encoder **encoder, struct tm_error *err)
{
    struct tm_encoder_args args = {.mem = mem,
                                   .schema = schema,
                                   .omit_nulls = omit_nulls,
                                   .timestamps_as_ms = timestamps_as_ms,
                                   .options = &node->format_options};
    return format->encoder_new(&args, encoder, err);
}
