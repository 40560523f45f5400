// Timestamps: ms since 1970 UTC <-> ISO 8601.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

// "2026-01-02T03:04:05.678Z", with a blank for the T, without fraction, with an offset (+01:00), or
// a date alone; UTC when no offset is given. Sub-millisecond digits are truncated.
// TM_E_BAD_TIMESTAMP otherwise.
int tm_timestamp_parse(const char *text, size_t len, int64_t *ms) TM_WARN_UNUSED;
// "2026-01-02T03:04:05.678Z" into buf (at least 32 bytes); returns the length. Years outside
// 0..9999 get a sign and more digits.
size_t tm_timestamp_format(int64_t ms, char *buf);
