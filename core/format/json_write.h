// Parts of JSON text that other files of core/format write too.
#pragma once

#include <stddef.h>
#include <stdint.h>

// A string literal with quotes: at most 6 * len + 2 bytes and 16 more of slack. Returns the end.
uint8_t *tm__json_put_string(uint8_t *out, const uint8_t *p, size_t len);
// As above for a string inside a batch, which has slack behind it that may be read.
uint8_t *tm__json_put_batch_string(uint8_t *out, const uint8_t *p, size_t len);
