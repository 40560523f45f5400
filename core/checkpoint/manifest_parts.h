// What the files of a manifest share.
#pragma once

#include "core/checkpoint/manifest.h"

// One more, all zero but for names, which are "". NULL: out of memory.
struct tm_manifest_operator *tm__manifest_new_operator(struct tm_manifest *manifest);
struct tm_manifest_part *tm__manifest_new_part(struct tm_manifest *manifest,
                                               struct tm_manifest_operator *op);
struct tm_manifest_file *tm__manifest_new_file(struct tm_manifest *manifest);

// Behind the JSON: the checksum of all before it.
#define TM__TRAILER "xxh3 %016llx\n"
enum { TM__TRAILER_BYTES = 5 + 16 + 1 };
#define TM__VERSION_KEY "tidemill_checkpoint"

extern const char *const tm__layout_kinds[TM_LAYOUT_KINDS];
