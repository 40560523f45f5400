// Memory accounts. A charge walks up the parents and is taken back where one of them is over its
// limit, so that an account never counts what was not allocated.
#include "core/base/mem.h"

#include <stdatomic.h>
#include <string.h>

#include "core/base/check.h"

void tm_mem_init(struct tm_mem *mem, const struct tm_fx *fx, struct tm_mem *parent,
                 int64_t limit_bytes)
{
    mem->fx = fx;
    mem->parent = parent;
    atomic_init(&mem->used_bytes, 0);
    mem->limit_bytes = limit_bytes;
    mem->helper = NULL;
    mem->reserves = NULL;
}

struct tm_helper *tm_mem_helper(const struct tm_mem *mem)
{
    while (mem->helper == NULL && mem->parent != NULL)
        mem = mem->parent;
    return mem->helper;
}

static void uncharge(struct tm_mem *mem, const struct tm_mem *end, int64_t size)
{
    for (struct tm_mem *m = mem; m != end; m = m->parent) {
        int64_t before = atomic_fetch_sub_explicit(&m->used_bytes, size, memory_order_relaxed);
        TM_ASSERT(before >= size);
        (void)before;
    }
}

static bool charge(struct tm_mem *mem, int64_t size)
{
    for (struct tm_mem *m = mem; m != NULL; m = m->parent) {
        int64_t before = atomic_fetch_add_explicit(&m->used_bytes, size, memory_order_relaxed);
        if (TM_UNLIKELY(m->limit_bytes != 0 &&
                        (size > m->limit_bytes || before > m->limit_bytes - size))) {
            uncharge(mem, m->parent, size);
            return false;
        }
    }
    return true;
}

bool tm_mem_adopt(struct tm_mem *mem, struct tm_mem *parent)
{
    mem->parent = NULL;
    if (!charge(parent, atomic_load_explicit(&mem->used_bytes, memory_order_relaxed)))
        return false;
    mem->parent = parent;
    return true;
}

// A size beyond this is a wrapped subtraction, not a wish.
static const size_t size_max = SIZE_MAX / 4;

void *tm_mem_alloc(struct tm_mem *mem, size_t size)
{
    if (size > size_max || !charge(mem, (int64_t)size))
        return NULL;
    void *p = mem->fx->memory->alloc(mem->fx->ctx, size != 0 ? size : 1);
    if (TM_UNLIKELY(p == NULL))
        uncharge(mem, NULL, (int64_t)size);
    return p;
}

void *tm_mem_zalloc(struct tm_mem *mem, size_t size)
{
    void *p = tm_mem_alloc(mem, size);
    if (p != NULL)
        memset(p, 0, size);
    return p;
}

void *tm_mem_realloc(struct tm_mem *mem, void *p, size_t old_size, size_t new_size)
{
    if (p == NULL)
        return tm_mem_alloc(mem, new_size);
    if (new_size > size_max)
        return NULL;
    if (new_size > old_size && !charge(mem, (int64_t)(new_size - old_size)))
        return NULL;
    void *q = mem->fx->memory->realloc(mem->fx->ctx, p, old_size != 0 ? old_size : 1,
                                       new_size != 0 ? new_size : 1);
    if (TM_UNLIKELY(q == NULL)) {
        if (new_size > old_size)
            uncharge(mem, NULL, (int64_t)(new_size - old_size));
        return NULL;
    }
    if (new_size < old_size)
        uncharge(mem, NULL, (int64_t)(old_size - new_size));
    return q;
}

void tm_mem_free(struct tm_mem *mem, void *p, size_t size)
{
    if (p == NULL)
        return;
    mem->fx->memory->free(mem->fx->ctx, p, size != 0 ? size : 1);
    uncharge(mem, NULL, (int64_t)size);
}

char *tm_mem_strdup(struct tm_mem *mem, const char *s)
{
    size_t size = strlen(s) + 1;
    char *copy = tm_mem_alloc(mem, size);
    if (copy != NULL)
        memcpy(copy, s, size);
    return copy;
}
