// Taking the live lines away and putting them back.
#include "core/cli/screen.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

// Rows may come by the thousand a second: the lines are put back at once after the first, and after
// others at most this often (else by the next draw).
enum { PUT_BACK_NS = 100 * 1000 * 1000 };

// A terminal that cannot be written to has nobody to tell.
static void put(struct tm_screen *screen, const void *text, size_t len)
{
    (void)screen->real->write_all(screen, STDERR_FILENO, text, len, NULL, NULL);
}

// Lines that the block takes in a terminal that may have become narrower since it was drawn, or
// even since it was made: terminals wrap what does not fit.
static uint32_t wrapped_lines(const struct tm_screen *screen, uint32_t columns)
{
    uint32_t lines = 0, width = 0;
    for (size_t i = 0; i < screen->block.size_bytes; i++) {
        uint8_t c = screen->block.data[i];
        if (c == '\n') {
            lines += width <= columns ? 1 : (width + columns - 1) / columns;
            width = 0;
        } else {
            width += (c & 0xC0) != 0x80; // live lines have no escape sequences
        }
    }
    return lines;
}

static void erase(struct tm_screen *screen)
{
    char text[32];
    uint32_t columns, rows;
    if (screen->lines == 0)
        return;
    tm_screen_size(&columns, &rows);
    uint32_t lines = wrapped_lines(screen, columns);
    if (lines >= rows)
        lines = rows - 1; // what has left the screen is out of reach
    put(screen, text, (size_t)snprintf(text, sizeof text, "\033[%uA\033[J", lines));
    screen->lines = 0;
}

static void put_block(struct tm_screen *screen)
{
    put(screen, screen->block.data, screen->block.size_bytes);
    screen->lines = screen->block_lines;
}

static void put_back(struct tm_screen *screen)
{
    int64_t now_ns = screen->clock->mono_ns(screen);
    if (screen->block_lines == 0 || now_ns - screen->drawn_ns < PUT_BACK_NS)
        return;
    put_block(screen);
    screen->drawn_ns = now_ns;
}

static int write_all(void *ctx, int fd, const void *buf, size_t len, const _Atomic int *cancel,
                     struct tm_error *err)
{
    struct tm_screen *screen = ctx;
    if (fd < 0 || fd > STDERR_FILENO || !screen->is_terminal[fd])
        return screen->real->write_all(ctx, fd, buf, len, cancel, err);
    pthread_mutex_lock(&screen->lock);
    erase(screen);
    int rc = screen->real->write_all(ctx, fd, buf, len, cancel, err);
    put_back(screen);
    pthread_mutex_unlock(&screen->lock);
    return rc;
}

void tm_screen_init(struct tm_screen *screen, struct tm_fx *fx, struct tm_mem *mem)
{
    *screen = (struct tm_screen){.files = *fx->files, .real = fx->files, .clock = fx->clock};
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        screen->is_terminal[fd] = fx->files->is_terminal(fx->ctx, fd);
    pthread_mutex_init(&screen->lock, NULL);
    tm_buf_init(&screen->block, mem);
    screen->files.write_all = write_all;
    fx->files = &screen->files;
    fx->ctx = screen; // which the real world does not look at
}

void tm_screen_fini(struct tm_screen *screen, struct tm_fx *fx)
{
    tm_screen_clear(screen);
    fx->files = screen->real;
    fx->ctx = NULL;
    tm_buf_fini(&screen->block);
    pthread_mutex_destroy(&screen->lock);
}

void tm_screen_draw(struct tm_screen *screen, const struct tm_buf *text, uint32_t lines)
{
    if (pthread_mutex_trylock(&screen->lock) != 0)
        return;
    erase(screen);
    screen->block.size_bytes = 0;
    if (tm_buf_append(&screen->block, text->data, text->size_bytes) == 0) {
        screen->block_lines = lines;
        put_block(screen);
    }
    pthread_mutex_unlock(&screen->lock);
}

void tm_screen_clear(struct tm_screen *screen)
{
    pthread_mutex_lock(&screen->lock);
    erase(screen);
    screen->block_lines = 0;
    pthread_mutex_unlock(&screen->lock);
}

void tm_screen_size(uint32_t *columns, uint32_t *rows)
{
    struct winsize size;
    bool known =
        ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 && size.ws_row != 0;
    *columns = known ? size.ws_col : 80;
    *rows = known ? size.ws_row : 24;
}
