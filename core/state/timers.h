// Timers: a set of (time, key, name) per domain, ordered by time, then key bytes, then name
// (SEMANTICS 8, ARCHITECTURE D5). Per key group a B+ tree whose nodes are blobs of a state of their
// own, so that freezing, forking and eviction are those of the state. One thread.
#pragma once

#include "core/state/state.h"

struct tm_timers;

enum tm_timer_domain { TM_TIMER_EVENT, TM_TIMER_PROCESSING, TM_TIMER_DOMAINS };

struct tm_timer {
    int64_t time; // ms
    struct tm_key key;
    const void *name;     // bytes; length 0: none
    uint32_t name_length; // at most TM_TIMER_NAME_BYTES
};
enum { TM_TIMER_NAME_BYTES = 1024, TM_TIMER_KEY_BYTES = 1 << 20 };

struct tm_timers_args {
    struct tm_mem *mem;
    uint32_t max_parallelism;
    uint32_t first_key_group, last_key_group; // inclusive
};
// TM_E_MEMORY.
int tm_timers_new(const struct tm_timers_args *args, struct tm_timers **timers,
                  struct tm_error *err) TM_WARN_UNUSED;
void tm_timers_free(struct tm_timers *timers); // NULL is fine

// 1: added or removed; 0: it was there already, or was not; TM_E_MEMORY: nothing has changed;
// TM_E_LIMIT: key or name are too long. What is pointed to is copied.
int tm_timers_add(struct tm_timers *timers, enum tm_timer_domain domain,
                  const struct tm_timer *timer) TM_WARN_UNUSED;
int tm_timers_remove(struct tm_timers *timers, enum tm_timer_domain domain,
                     const struct tm_timer *timer) TM_WARN_UNUSED;
bool tm_timers_has(struct tm_timers *timers, enum tm_timer_domain domain,
                   const struct tm_timer *timer);

// The earliest one. Its pointers hold until the set is changed. False: there is none.
bool tm_timers_first(struct tm_timers *timers, enum tm_timer_domain domain, struct tm_timer *timer);
// Removes the earliest one. 1; 0: there is none; TM_E_MEMORY: nothing has changed.
int tm_timers_pop(struct tm_timers *timers, enum tm_timer_domain domain) TM_WARN_UNUSED;
// The time of the earliest one; INT64_MAX: none, or one of that time.
int64_t tm_timers_next_time(const struct tm_timers *timers, enum tm_timer_domain domain);
uint64_t tm_timers_count(const struct tm_timers *timers, enum tm_timer_domain domain);
int64_t tm_timers_used_bytes(const struct tm_timers *timers);

// Those that it was made for, inclusive.
void tm_timers_key_groups(const struct tm_timers *timers, uint32_t *first, uint32_t *last);
// The timers of a key group, ascending; for those of one key take what has its hash and bytes.
// `more` gets each; false ends the walk. The set must not change meanwhile.
void tm_timers_walk(struct tm_timers *timers, enum tm_timer_domain domain, uint32_t key_group,
                    bool (*more)(void *arg, const struct tm_timer *timer), void *arg);

// The set as it is now, and a set that begins as that: see tm_state_freeze, tm_state_fork.
struct tm_snapshot *tm_timers_freeze(struct tm_timers *timers) TM_WARN_UNUSED;
struct tm_timers *tm_timers_fork(struct tm_mem *mem,
                                 const struct tm_snapshot *snapshot) TM_WARN_UNUSED;
