// A source of records, as its two files see it: what is read (records.c), and how files that grow
// come, wait and go (tail.c).
#pragma once

#include "connectors/file/follow.h"
#include "connectors/file/records.h"

enum tm__split_use { TM__SPLIT_VACANT, TM__SPLIT_WAITING, TM__SPLIT_READING };

struct tm__split {
    struct tm_file_input input;
    struct tm_file_reader reader;
    struct tm_decoder *decoder;
    bool head_read; // of a range
    bool pending;   // there is something to decode without reading
    // Of a file that is followed:
    enum tm__split_use use;
    uint32_t file, after; // numbers of struct tm_follow
    bool gone;
    int64_t since_ns;       // WAITING: since when
    int64_t quiet_since_ns; // its end was reached; 0: not
};

struct tm__records {
    struct tm_source base;
    struct tm_mem *mem;
    struct tm_schema *schema;
    const struct tm_format *format;
    uint64_t max_record;
    struct tm_executor *executor;
    struct tm__split *splits;
    uint32_t count, opened, finished;
    uint32_t open_max;  // at a time
    bool in_turn;       // one after the other; else side by side
    int64_t open_bytes; // of all that are open
    size_t buffer_bytes;
    // Of the call under way:
    struct tm__split *current;
    struct tm_error *err;
    bool record_failed;            // err is filled by a record's failure
    struct tm_strangers strangers; // of a source with an inferred schema
    uint64_t strange;              // its records that are reported
    struct tm__names read;         // files that are read to their ends, where there are checkpoints
    const struct tm_buf *read_before; // the same before a restore; or NULL
    // Of a source that follows files:
    struct tm_follow_look *look; // NULL: it does not
    bool is_looking;
    bool begun;
    int64_t look_at_ns; // when to look again
    int64_t tended_ns;  // when the files were last looked after
    int64_t idle_ms;    // a file that is quiet for so long holds no watermark; 0: it does
    uint32_t released[TM_FOLLOW_NEWS]; // files to be let go by the next look
    uint32_t released_count;
};

// snapshot.c.
int tm__records_snapshot(struct tm_source *source, struct tm_cut *cut,
                         struct tm_error *err) TM_WARN_UNUSED;
// The decoder of a split that is opened goes on as the split's input says.
int tm__records_resume(struct tm__records *self, struct tm__split *split,
                       struct tm_error *err) TM_WARN_UNUSED;
// The split is read to its end.
int tm__records_note_read(struct tm__records *self, const struct tm__split *split,
                          struct tm_error *err) TM_WARN_UNUSED;
// records.c: a decoder and a reader for the split's input.
int tm__records_open(struct tm__records *self, uint32_t index, struct tm_error *err) TM_WARN_UNUSED;
int tm__records_decoder(struct tm__records *self, struct tm__split *split,
                        struct tm_error *err) TM_WARN_UNUSED;
// tail.c: the files that a restore has given to this subtask.
void tm__records_take_resumed(struct tm__records *self);
// Before each read. What has been learnt of the files, and when to look again.
int tm__records_tend(struct tm__records *self, struct tm_error *err) TM_WARN_UNUSED;
// The split's file has become shorter than what was read: say so, and begin it anew.
int tm__records_cut(struct tm__records *self, struct tm__split *split,
                    struct tm_error *err) TM_WARN_UNUSED;
// A file that was followed has come to its end.
void tm__records_let_go(struct tm__records *self, uint32_t index);
