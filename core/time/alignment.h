// Alignment: sources of a group wait for each other, so that none runs ahead in event time by more
// than its drift (SEMANTICS 5). A member is a subtask of a source. Members live on several threads:
// each publishes how far it is, and asks for the lowest of all; no locks.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "core/base/mem.h"
#include "core/loop/waker.h"
#include "core/time/status.h"

struct tm_alignment;

struct tm_alignment *tm_alignment_new(struct tm_mem *mem, uint32_t members) TM_WARN_UNUSED;
void tm_alignment_free(struct tm_alignment *alignment); // NULL is fine
// Whom to wake when the member may go on; before any thread asks.
void tm_alignment_set_waker(struct tm_alignment *alignment, uint32_t member,
                            struct tm_waker *waker);

// The member's own thread: it is at `watermark`; TM_WATERMARK_MAX: it is idle or has ended, and
// holds nobody. Members begin at TM_WATERMARK_MIN. Wakes those that may go on.
void tm_alignment_report(struct tm_alignment *alignment, uint32_t member, int64_t watermark);
// The member's own thread: how far it may be, drift_ms ahead of the lowest member.
int64_t tm_alignment_limit(const struct tm_alignment *alignment, int64_t drift_ms);
// The member's own thread: it rests until tm_alignment_limit is `limit` or more. Its thread asks
// once more between tm_waker_prepare and sleeping. TM_WATERMARK_MAX: it does not rest.
void tm_alignment_rest(struct tm_alignment *alignment, uint32_t member, int64_t drift_ms,
                       int64_t limit);
