// The engine's decoders and encoders, called as a source and a sink call them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench_engine;
struct bench_column {
    const char *name, *type;
};
// `format` is "json", "csv" (without a header), "text" or "msgpack". Timestamps are written as
// milliseconds, in CSV as ISO 8601.
struct bench_engine *bench_engine_new(const char *format, const struct bench_column *columns,
                                      uint32_t count);
void bench_engine_free(struct bench_engine *engine);
// Decode all records into batches; returns the rows. 64 bytes behind the text are readable.
size_t bench_engine_decode(struct bench_engine *engine, const char *text, size_t len);
// The same, and keep the batches for bench_engine_encode.
size_t bench_engine_load(struct bench_engine *engine, const char *text, size_t len);
// Encode the rows that are kept; returns their bytes. They go to `out`, which must be large enough,
// or to a buffer that is used again and again (NULL), as a sink's is.
size_t bench_engine_encode(struct bench_engine *engine, char *out);

#ifdef __cplusplus
}
#endif
