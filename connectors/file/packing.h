// How a file is compressed, which its suffix says: "a.csv.gz" is CSV in gzip.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum tm_file_packing { TM_FILE_PLAIN, TM_FILE_GZIP, TM_FILE_ZSTD };

enum tm_file_packing tm__file_packing_of(const char *path);
// Bytes of `path` without the suffix of its compression.
size_t tm__file_packing_stem(const char *path);
// ".gz", ".zst" or "".
const char *tm__file_packing_suffix(enum tm_file_packing packing);
// "gzip", "zstd" or "none", as the option `compression` and messages say it.
const char *tm__file_packing_name(enum tm_file_packing packing);
// Of a name that the option allows.
enum tm_file_packing tm__file_packing_named(const char *name);
