// What is to be done when: times with a key and a name, taken in the order (time, key bytes, name).
// For who can make all of it anew from his state: it lies in memory only, is no set (what is there
// twice comes twice), and nothing is taken out but the earliest. Adding costs a copy; timers.h is
// for what must be kept. One thread.
#pragma once

#include "core/state/timers.h"

struct tm_agenda;

struct tm_agenda *tm_agenda_new(struct tm_mem *mem) TM_WARN_UNUSED; // NULL: out of memory
void tm_agenda_free(struct tm_agenda *agenda);                      // NULL is fine

// 0; TM_E_MEMORY: nothing has changed; TM_E_LIMIT: key or name are too long. All is copied.
int tm_agenda_add(struct tm_agenda *agenda, const struct tm_timer *timer) TM_WARN_UNUSED;
// Up to `most` of the earliest, of times up to and with `until`, into timers[]; fewer than there
// are perhaps, none only if there is none. They stay. What they point to holds until the next call
// of this function. Their number, or TM_E_MEMORY: nothing is lost.
int tm_agenda_due(struct tm_agenda *agenda, int64_t until, struct tm_timer *timers,
                  uint32_t most) TM_WARN_UNUSED;
// The earliest one is done. There must be one that tm_agenda_due has given.
void tm_agenda_done(struct tm_agenda *agenda);
// The time of the earliest one; INT64_MAX: none, or one of that time.
int64_t tm_agenda_next_time(const struct tm_agenda *agenda);
uint64_t tm_agenda_count(const struct tm_agenda *agenda);
int64_t tm_agenda_used_bytes(const struct tm_agenda *agenda);
