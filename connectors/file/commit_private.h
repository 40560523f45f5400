// Commits, as their files see them: the account (commit.c), the beginning (commit_restore.c), and
// what is done to files (commit_files.c).
#pragma once

#include <stdatomic.h>

#include "connectors/file/commit.h"
#include "connectors/file/commit_record.h"

enum { TM__COMMITS_FORMAT = 2 }; // of items in checkpoints; 1 had no hash

struct tm__commits {
    struct tm__commits_args args;
    char *output, *path, *suffix;
    char *record_path;
    char *new_path; // of one file: where it is made that gets its name by the first commit
    char owner[9];  // of names: the job
    char token[24]; // the owner, and the attempt
    unsigned next_run;
    uint64_t resumed;  // the checkpoint that it goes on from; 0: it begins anew
    bool renewed;      // it begins anew where there is a record
    bool is_torn;      // it begins anew, and an append to the one file was not done
    int64_t torn_from; // how long the file was before
    uint64_t passed_bytes, passed_files; // of the checkpoint, which an output that is replaced is
                                         // begun without
    bool duplicates, is_new, foreign; // foreign: the one file may have a last line without an end
    bool unrecorded;                  // the record is in memory alone
    // Partner: give's release, run's acquire.
    _Atomic(struct tm__prepared *) given; // the newest first
    struct tm__prepared *pending;         // in the order in which they are committed
    struct tm__commit_record record;
    _Atomic uint64_t done; // partner: acquire loads of subtasks; what was prepared for it is over
    _Atomic int waiting;   // relaxed: it publishes nothing
    // How lines of the one file end: 0 as its first one does, 1 "\n", 2 "\r\n". Relaxed: all
    // subtasks say the same before they give anything.
    _Atomic int line_end;
    char *const *old; // what the first commit replaces
    uint32_t old_count;
    char **old_restored; // the same, from a checkpoint
    uint32_t old_capacity;
    int claim; // of a file that was made; -1: none
};

// What a checkpoint has of an output, while it is taken.
struct tm__commits_found {
    struct tm__commits *c;
    uint64_t life;
    uint32_t old_count;
};

// An item of a checkpoint that says what the output is, so that it can be settled without its sink.
struct tm__commit_about {
    uint64_t kind; // 'd'
    uint64_t one_file, lines, append, replace, packing, depth, line_end;
    uint64_t path_bytes; // behind all this, then the suffix, both with a NUL
};

// commit.c: is it a good one?
bool tm__commits_is_about(const void *bytes, size_t size);
// commit_restore.c: the record, *found: there is one, and what the checkpoint has.
int tm__commits_read(struct tm__commits *c, const struct tm_restored *restored, const char *node,
                     struct tm__commits_found *f, bool *found, struct tm_error *err) TM_WARN_UNUSED;
// The record is of the life that the checkpoint is of: what is pending is to be committed.
int tm__commits_go_on(struct tm__commits *c, const struct tm__commits_found *f,
                      const struct tm_restored *restored, struct tm_error *err) TM_WARN_UNUSED;
// What is pending up to this checkpoint is in the output already.
void tm__commits_drop_until(struct tm__commits *c, uint64_t checkpoint);
// commit_files.c: the one file is no longer than that, durably.
int tm__commits_cut(const struct tm__commits *c, int64_t size_bytes,
                    struct tm_error *err) TM_WARN_UNUSED;
// commit_files.c: the append that the record says was begun is undone, or counts as done where all
// of it has its name.
int tm__commits_cut_back(struct tm__commits *c, struct tm_error *err) TM_WARN_UNUSED;
// commit_files.c: all of `pending` that is of `checkpoint` or one before it.
int tm__commits_rename(struct tm__commits *c, uint64_t checkpoint,
                       struct tm_error *err) TM_WARN_UNUSED;
int tm__commits_append(struct tm__commits *c, uint64_t checkpoint,
                       struct tm_error *err) TM_WARN_UNUSED;
// The one file that was to be new has got its name already.
bool tm__commits_is_renamed(const struct tm__commits *c);
// commit_check.c: is all there that is pending, and nothing in its way? What an output of another
// path has got already is no longer pending. TM_E_OUTPUT_CHANGED.
int tm__commits_check(struct tm__commits *c, struct tm_error *err) TM_WARN_UNUSED;
int tm__commits_missing(const struct tm__commits *c, const struct tm__prepared *p,
                        struct tm_error *err);
int tm__commits_foreign(const char *path, struct tm_error *err);
// Removes what this job has left beside the output.
int tm__commits_clean(struct tm__commits *c, struct tm_error *err) TM_WARN_UNUSED;
int tm__commits_failed(const struct tm__commits *c, int rc, struct tm_error *err);
// What subtasks have given is pending from here on.
void tm__commits_take_given(struct tm__commits *c);
// commit_keep.c: which of `pending` the savepoint that is begun with has; before they are checked.
int tm__commits_find_kept(struct tm__commits *c, const struct tm_restored *restored,
                          struct tm_error *err) TM_WARN_UNUSED;
// What the check has found to be there alone is staged again.
int tm__commits_bring_back(struct tm__commits *c, struct tm_error *err) TM_WARN_UNUSED;
void tm__commits_insert(struct tm__commits *c, struct tm__prepared *prepared);
