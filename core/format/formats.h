// Constructors of the formats' decoders and encoders, for the table in format.c.
#pragma once

#include "core/format/csv_options.h"
#include "core/format/format.h"

extern const struct tm_option_def tm__json_option_defs[];
int tm__json_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                         struct tm_error *err);
int tm__json_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                         struct tm_error *err);
int tm__text_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                         struct tm_error *err);
int tm__text_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                         struct tm_error *err);
int tm__msgpack_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                            struct tm_error *err);
int tm__msgpack_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                            struct tm_error *err);
int tm__raw_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                        struct tm_error *err);
int tm__raw_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                        struct tm_error *err);
int tm__csv_decoder_new(const struct tm_decoder_args *args, struct tm_decoder **decoder,
                        struct tm_error *err);
// May rows under `header` (empty: none) follow in a file that begins with [p, p + len)?
int tm__csv_follows(const struct tm_csv_options *options, const struct tm_buf *header,
                    const uint8_t *p, size_t len, struct tm_error *err) TM_WARN_UNUSED;
// Does its first row end in \r\n, as far as that is there?
bool tm__csv_ends_in_crlf(const struct tm_csv_options *options, const uint8_t *p, size_t len);
int tm__csv_encoder_new(const struct tm_encoder_args *args, struct tm_encoder **encoder,
                        struct tm_error *err);
