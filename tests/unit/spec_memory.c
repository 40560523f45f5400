// The shared library of the Lua specs is made of whole static libraries; what it has of its own is
// the memory that helper functions work with.
#include <stdlib.h>

#include "core/text/text.h"

static void *take(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void *resize(void *ctx, void *p, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    return realloc(p, new_size);
}

static void give_back(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

// Kept until the process ends: the collector frees regular expressions as late as that.
struct tm_text *tm_test_text(void);
struct tm_text *tm_test_text(void)
{
    static const struct tm_fx_memory memory = {take, resize, give_back};
    static const struct tm_fx fx = {.memory = &memory};
    static struct tm_mem mem;
    static struct tm_text *text;

    if (text == NULL) {
        tm_mem_init(&mem, &fx, NULL, 0);
        text = tm_text_new(&mem);
    }
    return text;
}
