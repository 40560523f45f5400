// What an output has prepared for checkpoints and not committed yet, and the record of what it has
// committed. Files that are prepared lie beside the output, hidden; a commit renames them, or,
// where the output is one file, appends what is in them. Commits are one helper thread's, and the
// beginning's; subtasks give to them what they prepared.
#pragma once

#include "connectors/file/packing.h"
#include "core/base/buf.h"
#include "core/checkpoint/cut.h"
#include "core/checkpoint/restored.h"

struct tm__commits;

struct tm__commits_args {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    const char *output; // what the user calls it
    const char *job;
    const char *path;   // the one file, or the folder
    const char *suffix; // of part files
    uint32_t depth;     // of folders below the folder in which they are
    bool one_file;
    bool lines; // what is appended to is to end in a line end
    bool append, replace;
    enum tm_file_packing packing;
};

// What a subtask has of one epoch in one file.
struct tm__prepared {
    uint64_t checkpoint; // the first that has it
    uint64_t subtask, number;
    uint64_t size_bytes, head_bytes; // head: what a file of the format begins with
    uint64_t hash;                   // XXH64 of all of it
    char *staged, *path;             // where it is, and where it goes; path "": into the one file
    char *kept;                      // where a savepoint has it, when it is begun with; or NULL
    bool comes_back;                 // from there: it is no longer where it was
    struct tm__prepared *next;
};

int tm__commits_new(const struct tm__commits_args *args, struct tm__commits **commits,
                    struct tm_error *err) TM_WARN_UNUSED;
void tm__commits_free(struct tm__commits *commits);
// The job begins anew. `old`: files that the first commit replaces; they outlive it. Changes
// nothing.
void tm__commits_begin(struct tm__commits *commits, char *const *old, uint32_t old_count);
// It begins with this checkpoint, instead; TM_E_CHECKPOINT_OLD or TM_E_OUTPUT_CHANGED: it cannot.
// `old`: what is there, for an output that is replaced after all. Changes nothing.
int tm__commits_restore(struct tm__commits *commits, const struct tm_restored *restored,
                        const char *node, char *const *old, uint32_t old_count,
                        struct tm_error *err) TM_WARN_UNUSED;
// After one of these, when nothing can refuse any more: what the checkpoint has is committed, and
// what came after it, or is left of earlier runs, is removed.
int tm__commits_open(struct tm__commits *commits, struct tm_error *err) TM_WARN_UNUSED;
// For a savepoint that is about to be published: all that it has of the output and is not committed
// goes into its folder as well, durable but for the names. On the thread of commits.
int tm__commits_keep(struct tm__commits *commits, uint64_t checkpoint, const char *folder,
                     struct tm_error *err) TM_WARN_UNUSED;
const char *tm__commits_path(const struct tm__commits *commits); // as its caller gave it
// In names of staged files: whose they are and of which attempt.
const char *tm__commits_token(const struct tm__commits *commits);
// The number of each subtask's next part is at least this.
unsigned tm__commits_next_run(const struct tm__commits *commits);
// How the lines of the file that is appended to end, which its format knows.
void tm__commits_line_end(struct tm__commits *commits, const char *line_end);
// No checkpoint is kept that could be begun with: the record goes, but where the output is appended
// to and a savepoint has rows for it.
void tm__commits_forget(struct tm__commits *commits);
// Nothing has been committed yet to a file that is to be new.
bool tm__commits_is_new(const struct tm__commits *commits);
// After a restore: rows that the output has come again; to be said.
bool tm__commits_has_duplicates(const struct tm__commits *commits);

// After a restore: rows of the checkpoint that an output which is replaced does not get; to be
// said. False: none.
bool tm__commits_has_passed(const struct tm__commits *commits, char *text, size_t size);

// Of a subtask's prepare: its own part of the cut, then each of its files that is not known to be
// committed; new ones are given to the committer too. TM_E_MEMORY.
int tm__commits_put_head(struct tm__commits *commits, struct tm_cut *cut, const char *node,
                         uint32_t subtask, unsigned next_run) TM_WARN_UNUSED;
int tm__commits_put(struct tm_cut *cut, const char *node,
                    const struct tm__prepared *prepared) TM_WARN_UNUSED;
int tm__commits_give(struct tm__commits *commits,
                     const struct tm__prepared *prepared) TM_WARN_UNUSED;
uint64_t tm__commits_done(const struct tm__commits *commits);   // the last one that is committed
bool tm__commits_is_waiting(const struct tm__commits *commits); // for space

// 0, TM_STEP_WAIT where there is no space (err says so), or an error.
int tm__commits_run(struct tm__commits *commits, uint64_t checkpoint,
                    struct tm_error *err) TM_WARN_UNUSED;
// The same where nothing was committed yet and one step makes all of it visible: nothing is noted.
int tm__commits_run_once(struct tm__commits *commits, uint64_t checkpoint,
                         struct tm_error *err) TM_WARN_UNUSED;
int tm__commits_committed(struct tm__commits *commits, uint64_t checkpoint, bool *committed,
                          struct tm_error *err) TM_WARN_UNUSED;

void tm__prepared_free(struct tm_mem *mem, struct tm__prepared *prepared);
// Makes the names in the folder of `path` durable.
int tm__file_sync_folder(const struct tm_fx *fx, const char *path,
                         struct tm_error *err) TM_WARN_UNUSED;
