// tm.file { ... }: files as a source and as a sink.
#pragma once

#include "core/task/connector.h"

extern const struct tm_connector tm_connector_file;

// --- for connectors/stdio, which shares the options of formats

// The node's options, checked against `defs` and typed. `mem` must live as long. Undo with
// tm_options_fini, also after a failure.
int tm_file_options(struct tm_options *options, struct tm_mem *mem, const struct tm_node *node,
                    const struct tm_option_def *defs, const char *what,
                    struct tm_error *err) TM_WARN_UNUSED;
// The encoder that the node's format options and the options "nulls" and "timestamp" ask for.
int tm_file_encoder_new(const struct tm_node *node, const struct tm_format *format,
                        struct tm_mem *mem, struct tm_schema *schema, bool omit_nulls,
                        bool timestamps_as_ms, struct tm_encoder **encoder,
                        struct tm_error *err) TM_WARN_UNUSED;

#define TM_FILE_OPTION_MAX_RECORD                                                            \
    {                                                                                        \
        "max_record", TM_OPTION_SIZE, false, "1MB",                                          \
            "the longest record that is read; a longer one is an error of that record", NULL \
    }
#define TM_FILE_OPTION_NULLS                                                                \
    {                                                                                       \
        "nulls", TM_OPTION_STRING, false, "write", "are null columns written", "write|omit" \
    }
#define TM_FILE_OPTION_TIMESTAMP                                                            \
    {                                                                                       \
        "timestamp", TM_OPTION_STRING, false, "iso", "how timestamps are written", "iso|ms" \
    }
