// Strings of JSON text: unescaping straight into a row, 16 bytes at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/format/json_chunk.h"

enum { TM__STRING_SLACK = 16 }; // bytes read behind the source, written behind the target

extern const uint8_t tm__json_escapes[256]; // what \x stands for; 0: no escape of one letter

// A \u escape at *src (which points at the backslash), with its second half if it has one: its
// UTF-8 to dst, *src behind it; returns the bytes written, 0 when it is wrong.
size_t tm__json_unicode_escape(const uint8_t **src, const uint8_t *end, uint8_t *dst);

// Copy the good string [src, end) to dst without its escapes; returns the length, or SIZE_MAX and
// *at = an escape that is none of JSON. Behind the text it must be readable, dst writable, for
// TM__STRING_SLACK more.
size_t tm__json_unescape(const uint8_t *src, const uint8_t *end, uint8_t *dst, const uint8_t **at);
