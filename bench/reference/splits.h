// Files with records in about the order of time, read side by side, the one that is furthest behind
// first, and the watermark of all: what W3 and W4 share.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "bench/reference/reference.h"

enum { DISORDER_MS = 2000, SPLITS_MAX = 256 };

struct split {
    struct ref_reader reader;
    int64_t watermark;
    bool ended;
};

struct splits {
    struct split split[SPLITS_MAX];
    int count;
    uint64_t rows, bad;
    struct ref_decoder *decoder;
    struct ref_event events[REF_EVENTS_MAX];
    char arena[REF_BLOCK_BYTES + REF_PADDING_BYTES];
};

static inline void splits_open(struct splits *all, int count, char **paths)
{
    if (count < 1 || count > SPLITS_MAX) {
        fprintf(stderr, "reference: 1 to %d files, not %d\n", SPLITS_MAX, count);
        exit(2);
    }
    all->decoder = ref_decoder_new();
    for (all->count = 0; all->count < count; all->count++) {
        if (!ref_reader_open(&all->split[all->count].reader, paths[all->count]))
            ref_die("open", paths[all->count]);
        all->split[all->count].watermark = INT64_MIN;
    }
}

static inline void splits_close(struct splits *all)
{
    for (int i = 0; i < all->count; i++)
        ref_reader_close(&all->split[i].reader);
    ref_decoder_free(all->decoder);
}

// The split to read next: the lowest watermark of those that have not ended. NULL: all have.
static inline struct split *splits_lowest(struct splits *all)
{
    struct split *best = NULL;
    for (int i = 0; i < all->count; i++) {
        struct split *s = &all->split[i];
        if (!s->ended && (best == NULL || s->watermark < best->watermark))
            best = s;
    }
    return best;
}

// A block of the split that is furthest behind through `add`, which returns the largest time in it.
// *watermark: of all splits then, never lower than before. False: all have ended.
static inline bool splits_step(struct splits *all, unsigned want,
                               int64_t (*add)(const struct ref_event *events, size_t count),
                               int64_t *watermark)
{
    struct split *s = splits_lowest(all);
    if (s == NULL)
        return false;
    size_t length = ref_reader_next(&s->reader);
    if (length == 0) {
        s->ended = true;
    } else {
        size_t count = ref_decode(all->decoder, s->reader.block, length, want, all->arena,
                                  all->events, &all->bad);
        all->rows += count;
        int64_t newest = add(all->events, count);
        if (newest != INT64_MIN && newest - DISORDER_MS - 1 > s->watermark)
            s->watermark = newest - DISORDER_MS - 1;
    }
    const struct split *next = splits_lowest(all);
    if (next != NULL && next->watermark > *watermark)
        *watermark = next->watermark;
    return true;
}

// A program of windows: all input through `add`, and `advance` when the watermark has moved beyond
// *watermark, at the end to the last of all. The exit code.
static inline int splits_run(struct splits *all, unsigned want, int count, char **paths,
                             int64_t (*add)(const struct ref_event *events, size_t count),
                             void (*advance)(int64_t to), const int64_t *watermark,
                             struct ref_writer *out, const uint64_t *fired, const uint64_t *late)
{
    splits_open(all, count, paths);
    for (int64_t now = INT64_MIN; splits_step(all, want, add, &now);)
        if (now > *watermark)
            advance(now);
    advance(INT64_MAX);
    ref_writer_flush(out);
    splits_close(all);
    fprintf(stderr, "rows %llu fired %llu late %llu bad %llu\n", (unsigned long long)all->rows,
            (unsigned long long)*fired, (unsigned long long)*late, (unsigned long long)all->bad);
    return all->bad == 0 ? 0 : 1;
}
