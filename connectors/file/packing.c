// The table of compressions.
#include "connectors/file/packing.h"

#include <string.h>

static const struct {
    const char *name, *suffix;
} packings[] = {
    [TM_FILE_PLAIN] = {"none", ""},
    [TM_FILE_GZIP] = {"gzip", ".gz"},
    [TM_FILE_ZSTD] = {"zstd", ".zst"},
};

enum tm_file_packing tm__file_packing_of(const char *path)
{
    size_t len = strlen(path);
    for (enum tm_file_packing i = TM_FILE_GZIP; i <= TM_FILE_ZSTD; i++) {
        size_t suffix = strlen(packings[i].suffix);
        if (len > suffix && strcmp(path + len - suffix, packings[i].suffix) == 0)
            return i;
    }
    return TM_FILE_PLAIN;
}

size_t tm__file_packing_stem(const char *path)
{
    return strlen(path) - strlen(packings[tm__file_packing_of(path)].suffix);
}

const char *tm__file_packing_suffix(enum tm_file_packing packing)
{
    return packings[packing].suffix;
}

const char *tm__file_packing_name(enum tm_file_packing packing)
{
    return packings[packing].name;
}

enum tm_file_packing tm__file_packing_named(const char *name)
{
    enum tm_file_packing found = TM_FILE_PLAIN;
    for (enum tm_file_packing i = TM_FILE_GZIP; i <= TM_FILE_ZSTD; i++)
        found = strcmp(packings[i].name, name) == 0 ? i : found;
    return found;
}
