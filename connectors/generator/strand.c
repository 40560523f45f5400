// Strands that go on from a checkpoint.
#include "connectors/generator/strand.h"

#include <string.h>

enum { FORMAT = 1 };

struct item {
    uint64_t format;
    struct tm__generator_strand strand;
};

struct tm__generator_strand tm__generator_strand_of(uint64_t first, uint64_t block,
                                                    uint32_t subtask, uint32_t parallelism)
{
    return (struct tm__generator_strand){.row = first + subtask * block,
                                         .in_block = block,
                                         .block = block,
                                         .parallelism = parallelism,
                                         .end = UINT64_MAX,
                                         .watermark = INT64_MIN,
                                         .subtask = subtask};
}

void tm__generator_strands_init(struct tm__generator_strands *all, struct tm_mem *mem)
{
    *all = (struct tm__generator_strands){.mem = mem};
}

void tm__generator_strands_fini(struct tm__generator_strands *all)
{
    tm_mem_free(all->mem, all->strands, all->capacity * sizeof *all->strands);
}

static int add(struct tm__generator_strands *all, const struct tm__generator_strand *strand)
{
    if (all->count == all->capacity) {
        uint32_t capacity = all->capacity == 0 ? 8 : all->capacity * 2;
        struct tm__generator_strand *strands = tm_mem_realloc(
            all->mem, all->strands, all->capacity * sizeof *strands, capacity * sizeof *strands);
        if (strands == NULL)
            return TM_E_MEMORY;
        all->strands = strands;
        all->capacity = capacity;
    }
    all->strands[all->count++] = *strand;
    return 0;
}

int tm__generator_strands_put(const struct tm__generator_strand *strand, struct tm_cut *cut,
                              const char *node)
{
    struct item item = {.format = FORMAT, .strand = *strand};
    if (strand->row >= strand->end)
        return 0;
    return tm_cut_item(cut, node, "splits", TM_ITEM_SPLIT, &item, sizeof item);
}

static int take(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                struct tm_error *err)
{
    struct item item;
    (void)old_subtask;
    if (size == sizeof item)
        memcpy(&item, bytes, sizeof item);
    const struct tm__generator_strand *s = &item.strand;
    if (size != sizeof item || item.format != FORMAT || s->block == 0 || s->parallelism == 0 ||
        s->in_block == 0 || s->in_block > s->block)
        return tm_error_set(err, TM_E_CHECKPOINT,
                            "the checkpoint has a position of tm.generate that makes no sense");
    return add(arg, s) == 0 ? 0 : tm_error_set(err, TM_E_MEMORY, "out of memory for tm.generate");
}

// Are strands without an end those of subtasks that make such blocks?
static bool fit(const struct tm__generator_strands *all, uint64_t block, uint32_t parallelism)
{
    uint32_t endless = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        const struct tm__generator_strand *s = &all->strands[i];
        if (s->end != UINT64_MAX)
            continue;
        if (s->block != block || s->parallelism != parallelism || s->subtask >= parallelism)
            return false;
        endless++;
    }
    return endless == parallelism;
}

// The end of the last block that somebody has begun: nobody has made a row behind it.
static uint64_t frontier(const struct tm__generator_strands *all)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        const struct tm__generator_strand *s = &all->strands[i];
        uint64_t reached = s->in_block < s->block ? s->row + s->in_block : s->row;
        if (s->end == UINT64_MAX && reached > end)
            end = reached;
    }
    return end;
}

static int begin_anew(struct tm__generator_strands *all, uint64_t block, uint32_t parallelism)
{
    uint64_t from = frontier(all);
    int64_t watermark = INT64_MAX;
    uint32_t kept = 0;
    int rc = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        struct tm__generator_strand s = all->strands[i];
        watermark = s.watermark < watermark ? s.watermark : watermark;
        s.end = s.end == UINT64_MAX ? from : s.end;
        s.subtask = kept % parallelism;
        if (s.row < s.end)
            all->strands[kept++] = s;
    }
    all->count = kept;
    for (uint32_t i = 0; rc == 0 && i < parallelism; i++) {
        struct tm__generator_strand s = tm__generator_strand_of(from, block, i, parallelism);
        s.watermark = watermark;
        rc = add(all, &s);
    }
    return rc;
}

int tm__generator_strands_restore(struct tm__generator_strands *all,
                                  const struct tm_restored *restored, const char *node,
                                  uint64_t block, uint32_t parallelism, struct tm_error *err)
{
    const struct tm_restored_for who = {.operator_name = node, .parallelism = 1};
    if (!tm_restored_has(restored, node, "splits"))
        return 0;
    all->count = 0;
    int rc = tm_restored_items(restored, &who, "splits", take, all, err);
    if (rc == 0 && !fit(all, block, parallelism) && begin_anew(all, block, parallelism) != 0)
        rc = tm_error_set(err, TM_E_MEMORY, "out of memory for tm.generate");
    return rc;
}
