// What the hand-written references share: reading files in big blocks, decoding the benchmark's
// records, writing JSON Lines. They are what a careful C programmer writes for one job and nothing
// else: no schema at run time, no plan, one thread, no allocation per row.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

// --- records
// One line of the data. Strings point into the block that was decoded (or the decoder's memory when
// they held an escape) and are valid until that block's buffer is read into again.
struct ref_event {
    const char *user, *country, *note;
    uint32_t user_length, country_length, note_length;
    int64_t ts_ms;
    double amount;
};

enum {
    REF_USER = 1,
    REF_COUNTRY = 2,
    REF_NOTE = 4,
    REF_AMOUNT = 8,
    REF_TS = 16,
    REF_W1 = REF_USER | REF_COUNTRY | REF_NOTE | REF_AMOUNT,
    REF_W2 = REF_USER,
    REF_ALL = REF_W1 | REF_TS,
    REF_W3U = REF_USER | REF_AMOUNT | REF_TS,
    REF_W3C = REF_COUNTRY | REF_AMOUNT | REF_TS
};

enum {
    REF_BLOCK_BYTES = 128 * 1024, // read at a time: with its events it stays in L2
    REF_PADDING_BYTES = 64,       // readable bytes that simdjson wants beyond the end
    REF_LINE_BYTES_MIN = 16,      // no record is shorter: bounds the events of a block
    REF_EVENTS_MAX = REF_BLOCK_BYTES / REF_LINE_BYTES_MIN
};

// One decoder can serve many files in turn; `arena` receives strings that held an escape, at least
// `length` bytes.
struct ref_decoder;
struct ref_decoder *ref_decoder_new(void);
void ref_decoder_free(struct ref_decoder *decoder);
// Decode all lines of [p, p + length), which ends at a line end. `want` is one of REF_W1 to
// REF_ALL: other fields are checked for their type and not converted. Returns the number of events;
// *bad counts records that are not as they should be.
size_t ref_decode(struct ref_decoder *decoder, const char *p, size_t length, unsigned want,
                  char *arena, struct ref_event *events, uint64_t *bad);
// The same of CSV with the columns user_id, amount, country, ts (ISO 8601), note, without its
// header. *used: what the records take that are whole, since a block may end within quotes.
size_t ref_decode_csv(const char *p, size_t length, char *arena, struct ref_event *events,
                      size_t *used, uint64_t *bad);
bool ref_read_double(const char *p, size_t length, double *value); // all of [p, p + length)
bool ref_is_utf8(const char *p, size_t length);
// The shortest decimal text that reads back as `value`; at least 32 bytes at `out`.
size_t ref_put_shortest(char *out, double value);

// --- files in blocks of whole lines (io.c), also those that end in .gz and .zst (inflate.c)
struct ref_inflate;
struct ref_inflate *ref_inflate_new(int fd, const char *path); // NULL: the file is plain
size_t ref_inflate_read(struct ref_inflate *inflate, char *out, size_t bytes); // 0: no more
void ref_inflate_free(struct ref_inflate *inflate);

struct ref_reader {
    int fd;
    struct ref_inflate *inflate; // NULL: plain
    bool at_end;
    char *block;         // REF_BLOCK_BYTES + padding
    size_t length, used; // bytes in the block; bytes of it that were handed out
};
bool ref_reader_open(struct ref_reader *reader, const char *path); // false: cannot be opened
void ref_reader_close(struct ref_reader *reader);
// Whole lines, at most a block. 0: no more.
size_t ref_reader_next(struct ref_reader *reader);

// --- output in big blocks to standard output
struct ref_writer {
    size_t length;
    char bytes[256 * 1024 +
               64 * 1024]; // flushed past the first 256 KiB: one record of up to 64 KiB always fits
};
void ref_writer_flush(struct ref_writer *writer);
static inline void ref_writer_check(struct ref_writer *writer)
{
    if (writer->length >= 256 * 1024)
        ref_writer_flush(writer);
}

// --- text (text.c); all write at `out` and return the new end
char *ref_put_int(char *out, int64_t value);
char *ref_put_double(char *out, double value);
char *ref_put_timestamp(char *out, int64_t ms);                  // 2026-01-02T03:04:05.678Z
char *ref_put_string(char *out, const char *s, uint32_t length); // with escapes, without quotes
char *ref_put_csv(char *out, const char *s, uint32_t length);    // a field, in quotes if needed
#define REF_PUT(out, literal) \
    ((char *)memcpy((out), literal, sizeof(literal) - 1) + sizeof(literal) - 1)
static inline char *ref_put_bytes(char *out, const char *p, size_t length)
{
    memcpy(out, p, length);
    return out + length;
}

#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
void ref_die(const char *what, const char *on);

#ifdef __cplusplus
}
#endif
