// What formats of one column share (text, raw): finding the column, a row of it, and the whole
// encoder.
#pragma once

#include "core/format/lines.h"

struct tm__single_format {
    const char *name;     // "text"
    const char *needed;   // "string column"
    uint8_t kind;         // enum tm_type_kind of the column
    uint8_t also_written; // another kind that is written too; 0: none
    const char *tail;     // written behind each value
};

struct tm__single_decoder {
    struct tm_decoder base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    struct tm__lines lines;
    uint32_t field;
    bool used;  // some operator reads the column
    bool plain; // it does, and there is no other column
    bool done;  // raw: the record has been given
};

// TM_E_SCHEMA: the schema has not one visible column of the kind; TM_E_MEMORY.
int tm__single_decoder_new(const struct tm__single_format *format, const struct tm_decoder_ops *ops,
                           const struct tm_decoder_args *args, struct tm_decoder **decoder,
                           struct tm_error *err) TM_WARN_UNUSED;
void tm__single_decoder_free(struct tm_decoder *decoder);
int tm__single_decoder_save(const struct tm_decoder *decoder, int64_t *offset,
                            struct tm_buf *state);
int tm__single_decoder_load(struct tm_decoder *decoder, int64_t offset, const uint8_t *state,
                            size_t size);
// A row of these bytes.
int tm__single_put(struct tm__single_decoder *d, struct tm_batch *batch, const uint8_t *p,
                   size_t len) TM_WARN_UNUSED;
// Writes values and tails; a null is an empty value.
int tm__single_encoder_new(const struct tm__single_format *format,
                           const struct tm_encoder_args *args, struct tm_encoder **encoder,
                           struct tm_error *err) TM_WARN_UNUSED;
