// The shared library of the Lua specs is made of whole static libraries; what it has of its own is
// the memory that helper functions work with.
#include "core/text/text.h"
#include "tests/memory.h"

// Kept until the process ends: the collector frees regular expressions as late as that.
struct tm_text *tm_test_text(void);
struct tm_text *tm_test_text(void)
{
    static const struct tm_fx fx = {.memory = &plain_memory};
    static struct tm_mem mem;
    static struct tm_text *text;

    if (text == NULL) {
        tm_mem_init(&mem, &fx, NULL, 0);
        text = tm_text_new(&mem);
    }
    return text;
}
