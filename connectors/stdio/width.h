// The width of text on a terminal, in columns.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Of UTF-8 without control characters.
uint32_t tm__width_of(const void *text, size_t len);
// Bytes of the longest beginning that is at most `most` columns wide, with the combining characters
// that belong to it; *width: its columns.
size_t tm__width_cut(const void *text, size_t len, uint32_t most, uint32_t *width);
