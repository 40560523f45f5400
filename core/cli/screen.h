// The terminal, shared by the live lines and by all that is written to it while they stand there:
// rows of tm.print, the log. Whoever writes goes through the effects, so the screen puts itself
// into their table of files: what is written takes the live lines away first, and they come back
// below it.
#pragma once

#include <pthread.h>

#include "core/base/buf.h"

struct tm_screen {
    struct tm_fx_files files;       // the world's, with our write_all
    const struct tm_fx_files *real; // the world's own
    const struct tm_fx_clock *clock;
    bool is_terminal[3];  // by descriptor
    pthread_mutex_t lock; // of all below, and of the cursor
    struct tm_buf block;  // the live lines as they stand or stood last
    uint32_t lines;       // of them, on the screen now; 0: none
    uint32_t block_lines;
    int64_t drawn_ns; // when they were last put back
};

// Standard error must be a terminal. `fx` must not be in use by other threads yet; it is changed to
// write through the screen until tm_screen_fini.
void tm_screen_init(struct tm_screen *screen, struct tm_fx *fx, struct tm_mem *mem);
// Takes the lines away. After all threads that write have ended.
void tm_screen_fini(struct tm_screen *screen, struct tm_fx *fx);

// Put up these lines (each ends in '\n') in place of those before. Skipped while somebody else is
// writing: it would wait, and the caller has signals to look after.
void tm_screen_draw(struct tm_screen *screen, const struct tm_buf *text, uint32_t lines);
// Take the lines away for good: the next draw begins below what is written then.
void tm_screen_clear(struct tm_screen *screen);
void tm_screen_size(uint32_t *columns, uint32_t *rows);
