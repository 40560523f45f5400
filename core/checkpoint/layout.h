// What the values of a state are made of, so that entries can go from an old value to a new one
// without the operator that wrote them: at another max parallelism, and after a change of the
// script. Written with each checkpoint, so that tools can name and print what they find.
#pragma once

#include "core/base/error.h"
#include "core/base/limits.h"
#include "core/batch/key.h"

enum tm_layout_kind {
    TM_LAYOUT_BYTES, // fixed size, refers to nothing
    TM_LAYOUT_BLOB,  // a struct tm_blob, and what its owner knows of it (bytes) behind it
    TM_LAYOUT_MAP,   // the head of a map (core/state/collection.h), and bytes behind it
    TM_LAYOUT_LIST,  // the same of a list
    TM_LAYOUT_ITEMS, // a struct tm_blob of items one behind the other, which have fields themselves
    TM_LAYOUT_KINDS
};

// References (blobs, heads) that are not in use are all zero, or `present_bit` says so. What no
// field covers is zero after entries went from one layout to another; bytes that a blob's owner
// alone understands hold no references.
struct tm_layout_field {
    char name[TM_NAME_MAX + 1]; // of the state, or of what the operator calls it; "" : the value
    char type[512];             // its type, as in schemas ("int", "decimal(10,2)"), a spec of what
                                // an accumulator holds, or "": equal when everything else is
    uint32_t kind;              // enum tm_layout_kind
    uint32_t offset, bytes;     // in the value, or in what `inside` says
    uint32_t present_bit;       // of a word of the value or the item, says it is there; UINT32_MAX:
                                // it always is
    uint32_t value_bytes;       // of MAP and LIST: fixed part in front of each value (last access);
                                // of ITEMS: of an item
    // 0 is what most fields have.
    uint32_t present_at; // offset of the word with the bit
    uint32_t head_bytes; // of ITEMS: in front of the first item
    uint32_t inside;     // 1 + index of a field of ITEMS that comes before this one: offsets are in
                         // each item. 0: in the value
    bool in_head;        // offsets are in the bytes in front of the items (`inside` is not 0)
    bool migrates; // a function makes it of a value of another type (convert.h); never written
};

// Who makes values of other types (fields that `migrate`): of a value's bytes, those of a slot or
// what a reference led to, `*made` is the new one's until the next call; NULL: it is nothing now.
struct tm_migration {
    void *arg;
    int (*migrate)(void *arg, const struct tm_layout_field *to, const char *from_type,
                   const struct tm_key *key, const void *bytes, uint32_t length, const void **made,
                   uint32_t *made_length, struct tm_error *err);
};

struct tm_layout {
    uint32_t value_bytes;
    uint32_t field_count;
    const struct tm_layout_field *fields;
};

// Is a value of one what a value of the other is, byte by byte? Then pages can come back as they
// were.
bool tm_layout_equal(const struct tm_layout *a, const struct tm_layout *b);

// What becomes of a field where the value is made of other ones.
enum tm_field_change {
    TM_FIELD_KEPT,
    TM_FIELD_WIDENED,   // by the rules of types
    TM_FIELD_MIGRATED,  // by a function of the job
    TM_FIELD_NEW,       // the checkpoint has none
    TM_FIELD_GONE,      // the script has none
    TM_FIELD_DIFFERENT, // it cannot be
    TM_FIELD_UNTOLD,    // it could be, if a function of the job said what becomes of its values
    TM_FIELD_CHANGES
};
