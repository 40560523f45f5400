// The engine's side of json_read.cc, in C because the engine's headers are.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench_engine;
struct bench_column {
    const char *name, *type;
};
struct bench_engine *bench_engine_new(const struct bench_column *columns, uint32_t count);
void bench_engine_free(struct bench_engine *engine);
// Decode all lines into batches; returns the rows. 64 bytes behind the text are readable.
size_t bench_engine_decode(struct bench_engine *engine, const char *text, size_t len);
// Median ns a row of encoding the rows of the text as JSON Lines.
double bench_engine_encode(struct bench_engine *engine, const char *text, size_t len,
                           size_t rounds);

#ifdef __cplusplus
}
#endif
