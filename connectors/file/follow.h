// Which files a path means by now, again and again: for sources that follow files which grow, are
// renamed, replaced and deleted. One helper thread looks for all subtasks of a source, so that each
// file is read by one of them, under whatever name it is met.
#pragma once

#include "connectors/file/list.h"
#include "connectors/file/position.h"

enum tm_follow_what {
    TM_FOLLOW_NEW,  // a file to read
    TM_FOLLOW_GONE, // it is at no path that is meant any more
    TM_FOLLOW_BACK, // it is again
    TM_FOLLOW_TOLD, // `path` is a sentence for the log
};

struct tm_follow_news {
    enum tm_follow_what what;
    uint32_t file; // its number, until it is released
    uint32_t
        after; // NEW: the file that was at this path before, to be read first; or TM_FOLLOW_NONE
    int fd;    // NEW: open for reading; closed when it is released
    const char *path;                    // NEW: until then
    const struct tm_file_resume *resume; // NEW: where it is read on; NULL: from its beginning
};

enum { TM_FOLLOW_NONE = -1, TM_FOLLOW_NEWS = 64 };

struct tm_follow;

// A subtask's look at its files. The helper thread's from submit until its work is done.
struct tm_follow_look {
    struct tm_work work; // first
    struct tm_follow *follow;
    uint32_t subtask;
    uint32_t released[TM_FOLLOW_NEWS]; // in: files it is done with
    uint32_t released_count;
    struct tm_follow_news news[TM_FOLLOW_NEWS]; // out
    uint32_t news_count;
    int code; // out: 0, or why it cannot go on: `err`
    struct tm_error err;
};

// Checks that there is something to look at: a missing folder is an error, a file that is not there
// yet is not.
int tm__follow_new(const struct tm_fx *fx, struct tm_mem *mem, const char *path,
                   uint32_t parallelism, struct tm_follow **follow,
                   struct tm_error *err) TM_WARN_UNUSED;
// The files of a checkpoint, before any subtask looks: they are opened and dealt. What became of
// those that are not what they were is told. `positions` outlive `follow`.
int tm__follow_restore(struct tm_follow *follow, const struct tm__position *positions,
                       uint32_t count, struct tm_error *err) TM_WARN_UNUSED;
// Number `i` of those that the subtask has got of them, as news that need no look. False: there
// are not so many.
bool tm__follow_resumed(const struct tm_follow *follow, uint32_t subtask, uint32_t i,
                        struct tm_follow_news *news);
// After all subtasks ended.
void tm__follow_free(struct tm_follow *follow);
// Files that a subtask reads at once, at most.
uint32_t tm__follow_slots(void);
// The subtask's look; lives as long as `follow`.
struct tm_follow_look *tm__follow_look_of(struct tm_follow *follow, uint32_t subtask);
void tm__follow_submit(struct tm_follow_look *look, struct tm_waker *waker);
