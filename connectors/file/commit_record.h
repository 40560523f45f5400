// The record beside an output: what has been committed to it, and what is being committed. It is
// written before the first byte of a commit is, and replaced by a rename, so that whoever finds it
// knows what may have happened.
#pragma once

#include "core/base/effects.h"
#include "core/base/mem.h"

// A job that wrote the output before, as far as it had come.
struct tm__commit_life {
    uint64_t life, begun, done, saved; // as below
};
enum { TM__COMMIT_LIVES = 8 }; // that are remembered

struct tm__commit_record {
    uint64_t life;   // of the job that writes the output: another one began anew
    uint64_t begun;  // the newest checkpoint of which something may be committed; 0: none
    uint64_t done;   // of one file: the newest of which all is
    int64_t from;    // of one file: how long it was when `begun` was begun
    int64_t length;  // of one file: when `done` was done
    uint64_t is_new; // of one file: `begun` makes it, and renames it to its name
    uint64_t inode;  // of what had that name then
    uint64_t saved;  // 1: a savepoint of this life holds rows for the output
    // The last ones, the newest at the end: a savepoint of theirs may be begun with.
    struct tm__commit_life before[TM__COMMIT_LIVES];
    uint32_t before_count;
};

// The life of `record` is over: it is one of those before the next one, which is `life`.
void tm__commit_record_renew(struct tm__commit_record *record, uint64_t life);
// A life that is over goes on. One that is not among those before has made nothing visible. False:
// there have been too many to know; then nothing is changed.
bool tm__commit_record_rejoin(struct tm__commit_record *record, uint64_t life);
// May somebody begin with a savepoint of one of its lives that holds rows for the output?
bool tm__commit_record_is_asked_for(const struct tm__commit_record *record);

// *found false: there is none. TM_E_OUTPUT_CHANGED: it is damaged.
int tm__commit_record_read(const struct tm_fx *fx, struct tm_mem *mem, const char *path,
                           struct tm__commit_record *record, bool *found,
                           struct tm_error *err) TM_WARN_UNUSED;
int tm__commit_record_write(const struct tm_fx *fx, struct tm_mem *mem, const char *path,
                            const struct tm__commit_record *record,
                            struct tm_error *err) TM_WARN_UNUSED;
