// What core/format takes from C++, behind plain C: simdjson's structural index and UTF-8 check, and
// the exact conversions between doubles and text. Nothing else of the engine is C++.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum tm__index_result {
    TM__INDEX_OK = 0,
    TM__INDEX_BAD_UTF8,
    TM__INDEX_UNCLOSED, // a string is not closed
    TM__INDEX_CONTROL,  // a byte below 0x20 inside a string
    TM__INDEX_MEMORY,
};

// The index of a text: the offsets of every { } [ ] : , of every opening quote and of the first
// byte of every other token, ascending, then TM__INDEX_SENTINELS times `len`. Bytes between two of
// them are the token and white space, nothing else.
enum { TM__INDEX_SENTINELS = 4 };

struct tm__json_index;
struct tm__json_index *tm__json_index_new(void); // NULL: out of memory
void tm__json_index_free(struct tm__json_index *index);
// Index [p, p + len): *positions stays valid until the next call. Needs 64 readable bytes behind.
enum tm__index_result tm__json_index_run(struct tm__json_index *index, const uint8_t *p, size_t len,
                                         const uint32_t **positions);
// Give memory above that for texts of `keep` bytes back.
void tm__json_index_trim(struct tm__json_index *index, size_t keep);

bool tm__utf8_is_valid(const uint8_t *p, size_t len);
// Shortest text of a finite double that reads back the same; returns its length (at most 24).
size_t tm__double_shortest(double value, char *buf);
// The double nearest to a number in JSON's grammar. False: beyond the range of doubles. What is
// too small becomes 0 with its sign.
bool tm__double_nearest(const char *p, size_t len, double *value);

#ifdef __cplusplus
}
#endif
