// Fuzz target of types as text: any text is refused with a message, or is a type whose text, in its
// one spelling, is that type again and stays the same.
#include <stdlib.h>
#include <string.h>

#include "core/batch/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *fuzz_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void *fuzz_realloc(void *ctx, void *p, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    return realloc(p, new_size);
}

static void fuzz_free(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

static const struct tm_fx_memory memory = {fuzz_alloc, fuzz_realloc, fuzz_free};
static const struct tm_fx fx = {.memory = &memory};

static void check(bool ok)
{
    if (!ok)
        abort();
}

// The text of the type, NUL-terminated.
static void put(struct tm_buf *out, struct tm_type type)
{
    check(tm_type_put_text(out, type) == 0 && tm_buf_append(out, "", 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tm_mem mem;
    struct tm_error err = {.code = 0};
    struct tm_type type, again;
    struct tm_buf text, twice;
    char shown[TM_TYPE_TEXT], *given = malloc(size + 1);
    memcpy(given, data, size);
    given[size] = 0;
    tm_mem_init(&mem, &fx, NULL, 0);
    if (tm_type_parse(&mem, given, &type, &err) != 0) {
        check(err.message[0] != 0);
    } else {
        tm_buf_init(&text, &mem);
        tm_buf_init(&twice, &mem);
        put(&text, type);
        check(strlen(tm_type_text(type, shown)) < TM_TYPE_TEXT);
        // What was long by its blanks alone may have become short, never the other way round.
        check(tm_type_parse(&mem, (const char *)text.data, &again, &err) == 0);
        check(tm_type_equal(type, again));
        put(&twice, again);
        check(strcmp((const char *)text.data, (const char *)twice.data) == 0);
        tm_type_fini(&type);
        tm_type_fini(&again);
        tm_buf_fini(&text);
        tm_buf_fini(&twice);
    }
    free(given);
    check(mem.used_bytes == 0);
    return 0;
}
