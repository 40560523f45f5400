// What the current window of a sliced operator holds of one key, byte by byte: running.c works on
// it, running_saved.c takes it from checkpoints.
#pragma once

#include "core/operator/running.h"

// A key in one slice has no cells: `value` is the slice's.
struct record {
    int64_t newest;    // start of its newest slice
    int64_t leaves_at; // of the oldest; LOOK: the result is not up to date
    union {
        struct tm_blob past; // struct past; empty: one slice
        uint64_t spoilt;     // where windows only grow
    };
    uint8_t value[]; // the result
};
#define LOOK INT64_MIN

struct past {
    uint32_t first, count, capacity;
    uint32_t flipped;
    uint32_t stride; // the suffixes' distance: a cell has one at each multiple from the front's end
    uint32_t stale;  // a cell came between others: the front must be made anew
    uint64_t spoilt; // a sum of cells failed
    uint8_t values[]; // back, then cells
};

struct cell {
    int64_t slice;
    uint8_t value[]; // its own, then the suffix
};

typedef struct tm__operator_running running_t;

static inline struct cell *cell_at(const running_t *self, struct past *past, uint32_t i)
{
    return (struct cell *)(void *)(past->values + self->value_bytes +
                                   (size_t)(past->first + i) * self->cell_bytes);
}

static inline uint8_t *suffix_of(const running_t *self, struct cell *cell)
{
    return cell->value + self->value_bytes;
}

static inline uint32_t past_bytes(const running_t *self, uint32_t capacity)
{
    return (uint32_t)sizeof(struct past) + self->value_bytes + capacity * self->cell_bytes;
}

static inline bool has_suffix(const struct past *past, uint32_t i)
{
    return i < past->flipped && (past->flipped - i) % past->stride == 0;
}
