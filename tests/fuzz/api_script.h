// Job scripts out of bytes, for fuzz_api.c: calls of every function of the definitions, with
// arguments that are of the types which the definitions say, more often than not. The same bytes
// are the same script.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Appends no more than fits and returns the length; `out` is NUL-terminated.
size_t api_script(const uint8_t *data, size_t size, char *out, size_t room);
