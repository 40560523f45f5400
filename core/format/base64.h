// Base64 (RFC 4648, standard alphabet): `bytes` columns in JSON.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Writes ceil(len / 3) * 4 characters; returns the end.
uint8_t *tm__base64_encode(uint8_t *out, const uint8_t *p, size_t len);
// Decodes in place or to another place; padding may be missing. Returns the length, or SIZE_MAX.
size_t tm__base64_decode(uint8_t *out, const uint8_t *p, size_t len);
