// What a checkpoint says of itself: which job, taken when and why, which operators with which
// parts, and which data files belong to it. Written last, as JSON with a checksum behind it: a
// folder without a good manifest is no checkpoint.
#pragma once

#include "core/base/arena.h"
#include "core/checkpoint/written.h"

enum { TM_MANIFEST_VERSION = 1, TM_MANIFEST_BYTES_MAX = 256 << 20 };

enum tm_checkpoint_kind {
    TM_CHECKPOINT,     // one of a row, while the job runs
    TM_SAVEPOINT,      // on its own: refers to no file but those beside it
    TM_CHECKPOINT_END, // the last one of a job, whose input has ended or that was stopped
    TM_CHECKPOINT_KINDS
};

enum tm_part_kind { TM_PART_STATE, TM_PART_TIMERS, TM_PART_ITEMS, TM_PART_KINDS };

struct tm_manifest_part {
    const char *name;
    enum tm_part_kind kind;
    enum tm_item_kind dealt;        // of ITEMS
    const struct tm_layout *layout; // of STATE; NULL: it was not said
};

struct tm_manifest_operator {
    const char *name;
    const char *kind;      // "filter", "window": what it does
    const char *connector; // of a source or sink; "": it is neither, or that was not said
    uint32_t parallelism;
    uint32_t part_count, part_capacity;
    struct tm_manifest_part *parts;
};

struct tm_manifest_file {
    const char *path; // relative to the folder of the job; of a savepoint, to its own
    uint64_t length;
    // Of a file that this checkpoint has written; index_length 0: an older one, which indexes of
    // this checkpoint refer to.
    uint64_t index_offset, index_length, index_checksum;
};

// Made by init, filled by the caller (texts are not copied unless said) or by decode, then read.
struct tm_manifest {
    struct tm_arena arena;
    const char *job;
    uint64_t checkpoint; // its number
    uint32_t attempt;    // how often the job had been restarted
    int64_t created_ms;
    enum tm_checkpoint_kind kind;
    bool finished; // all input has been read: there is nothing to go on with
    bool drained;  // the job ended with a watermark MAX: windows have fired
    uint32_t max_parallelism;
    uint64_t flight_bytes; // rows on their way that it has; 0: its barriers overtook nothing
    const char *script;    // text of the job
    uint64_t script_hash;  // of that text: set by encode
    const char *types;     // settled by first rows; opaque here
    const char *schemas;   // inferred, of sources; opaque here; "": none
    uint32_t operator_count, operator_capacity, file_count, file_capacity;
    struct tm_manifest_operator *operators;
    struct tm_manifest_file *files;
};

void tm_manifest_init(struct tm_manifest *manifest, struct tm_mem *mem);
void tm_manifest_fini(struct tm_manifest *manifest);

// All operators first, whether they keep something or not; texts are copied.
int tm_manifest_add_operator(struct tm_manifest *manifest, const char *name, const char *kind,
                             const char *connector, uint32_t parallelism) TM_WARN_UNUSED;
// Then what each task has written: its parts and files. Copied.
int tm_manifest_add_written(struct tm_manifest *manifest, const struct tm_written *written,
                            struct tm_error *err) TM_WARN_UNUSED;

const struct tm_manifest_operator *tm_manifest_find(const struct tm_manifest *manifest,
                                                    const char *operator_name); // or NULL

// Appends JSON and checksum.
int tm_manifest_encode(struct tm_manifest *manifest, struct tm_buf *out) TM_WARN_UNUSED;
// Into a manifest made by init. The bytes are not trusted; `path` is for messages. TM_E_CHECKPOINT:
// damaged; TM_E_CHECKPOINT_VERSION: a later tidemill wrote it.
int tm_manifest_decode(struct tm_manifest *manifest, const char *path, const void *bytes,
                       size_t size, struct tm_error *err) TM_WARN_UNUSED;
// Reads FOLDER/MANIFEST. TM_E_CHECKPOINT too where there is none.
int tm_manifest_read(struct tm_manifest *manifest, const struct tm_fx *fx, const char *folder,
                     struct tm_error *err) TM_WARN_UNUSED;

extern const char *const tm_checkpoint_kinds[TM_CHECKPOINT_KINDS]; // as the manifest names them
extern const char *const tm_part_kinds[TM_PART_KINDS];
extern const char *const tm_item_kinds[TM_ITEM_KINDS];
