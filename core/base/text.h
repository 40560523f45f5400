// Text helpers of messages and options: nearest name, durations, sizes, UTF-8.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The name in `names` (count of them) nearest to `given` by edit distance with transpositions, or
// NULL if none is near enough (more than a third of its length away, and neither begins with the
// other).
const char *tm_text_nearest(const char *given, const char *const *names, size_t count);
// "250ms", "5s", "10m", "1h", "1d", or plain digits (ms). 0 and *ms, or TM_E_ARGUMENT.
int tm_text_duration_ms(const char *text, int64_t *ms);
// "64KB", "128MB", "1GB" (powers of 1024) or plain bytes.
int tm_text_size_bytes(const char *text, int64_t *bytes);
bool tm_text_is_utf8(const void *p, size_t len);
// "1m 5s", "2.4 MB", "1,234,567" for people, into buf (at least 32 bytes); returns buf.
const char *tm_text_duration(int64_t ms, char *buf);
const char *tm_text_size(int64_t bytes, char *buf);
const char *tm_text_count(int64_t count, char *buf);
// What a signal is called: "SIGSEGV", "signal 40".
const char *tm_text_signal(int number, char *buf);
