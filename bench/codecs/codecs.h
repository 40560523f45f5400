// The reference side of each format: a block of records to events, events to records.
#pragma once

#include "bench/reference/reference.h"

#ifdef __cplusplus
extern "C" {
#endif

struct codec {
    const char *format;
    const char *decoder, *encoder; // what they are made with; NULL: this row has none
    bool goal;                     // false: shown beside the library, to compare
    // Records from [p, p + length), 64 bytes behind which are readable, in blocks of
    // REF_EVENTS_MAX at most: each is given to `block`, which may keep what the events point to
    // only when `keep`: then `arena` is large enough for all of it, else it is used again for each
    // block. Returns the records.
    size_t (*decode)(const char *p, size_t length, char *arena, bool keep,
                     void (*block)(const struct ref_event *events, size_t count));
    // At `out` (room for all that fits a block of ref_writer); returns the new end.
    char *(*encode)(char *out, const struct ref_event *events, size_t count);
};

extern const struct codec codecs[]; // ends with a NULL format

// Decoders with a file of their own.
size_t codec_json_on_demand(const char *p, size_t length, char *arena, bool keep,
                            void (*block)(const struct ref_event *events, size_t count));
size_t codec_msgpack_decode(const char *p, size_t length, char *arena, bool keep,
                            void (*block)(const struct ref_event *events, size_t count));
char *codec_msgpack_encode(char *out, const struct ref_event *events, size_t count);

#ifdef __cplusplus
}
#endif
