// A state as bytes, a key group at a time: whole, or what has changed since an earlier snapshot of
// it. Pages are position independent, so they are written as they lie; of pages that changed little
// only the ranges that differ. Writing reads frozen pages alone: any one thread may do it while the
// state's own goes on. Format (versions 1 and 2): image_format.h.
#pragma once

#include "core/base/buf.h"
#include "core/state/timers.h"

// As tm_state_freeze, but for images only: it holds the page tables of the key groups and nothing
// that follows from pages, so its cost does not depend on how many namespaces there are. Freed by
// tm_snapshot_free; cannot be forked. Whoever writes through an address that he kept asks
// tm_state_copies, which counts freezing too.
struct tm_snapshot *tm_state_freeze_pages(struct tm_state *state) TM_WARN_UNUSED;
struct tm_snapshot *tm_timers_freeze_pages(struct tm_timers *timers) TM_WARN_UNUSED;
// Freeing in steps: pages that were copied since are given back one by one, at most `budget` of
// them now, large ones counting as more, and from the first step on two with each page that the
// state copies. True: all is done, the snapshot is gone. Once begun, nothing else may be done with
// it. NULL is fine.
bool tm_snapshot_free_some(struct tm_snapshot *snapshot, uint32_t budget) TM_WARN_UNUSED;
// Inclusive.
void tm_snapshot_key_groups(const struct tm_snapshot *snapshot, uint32_t *max_parallelism,
                            uint32_t *first, uint32_t *last);
uint32_t tm_snapshot_value_bytes(const struct tm_snapshot *snapshot);

// Appends the image of a key group to `out`. With `before`, an earlier snapshot of the same state:
// only what differs, which is nothing at all (0 bytes) where nothing does. An empty group of no
// `before` gives 0 bytes too. TM_E_MEMORY, or the error of the store of absent pages.
int tm_image_write(const struct tm_snapshot *now, const struct tm_snapshot *before,
                   uint32_t key_group, struct tm_buf *out) TM_WARN_UNUSED;

// Reading, into a state whose key group is empty: the whole image, then each difference in the
// order in which they were written, then `finish`, which makes all that follows from pages
// (namespaces, slots, free space). Bytes are not trusted: TM_E_CHECKPOINT says what is wrong with
// them, and the state may only be freed then.
int tm_image_apply(struct tm_state *state, uint32_t key_group, const void *bytes, size_t size,
                   struct tm_error *err) TM_WARN_UNUSED;
// An image that comes piece by piece, so that each is still in the cache when it is taken apart.
struct tm_image_source {
    const uint8_t *at, *end; // what is here and has not been read
    uint64_t left;           // bytes of the image behind it
    // Where some are left: more of them behind what is here, which may lie elsewhere then. Else an
    // error, which the caller of `apply_from` gets.
    int (*more)(struct tm_image_source *source, struct tm_error *err);
    // Where nobody has compared the image with its checksum yet: do it now, whatever that takes,
    // as more memory is asked for than such a length of bytes should need. An error: it is not what
    // was written. What is left comes as before. NULL: it is known, or nobody can say.
    int (*sure)(struct tm_image_source *source, struct tm_error *err);
};
// Bytes that are left when it fails have not been looked at.
int tm_image_apply_from(struct tm_state *state, uint32_t key_group, struct tm_image_source *source,
                        struct tm_error *err) TM_WARN_UNUSED;
int tm_image_finish(struct tm_state *state, uint32_t key_group,
                    struct tm_error *err) TM_WARN_UNUSED;

// The state in which timers lie, for apply and finish; then `resume` makes the sets of it.
struct tm_state *tm_timers_state(struct tm_timers *timers);
int tm_timers_resume(struct tm_timers *timers, struct tm_error *err) TM_WARN_UNUSED;
