// Which rows a subtask makes. Rows are dealt out in blocks, so a subtask has a strand: each
// so-manieth block. After a restore at another parallelism what was left of the old strands comes
// first, up to a row from which on new ones begin.
#pragma once

#include "core/base/effects.h"
#include "core/base/mem.h"
#include "core/checkpoint/cut.h"
#include "core/checkpoint/restored.h"

struct tm__generator_strand {
    uint64_t row;         // the next one
    uint64_t in_block;    // rows left in its block
    uint64_t block;       // rows
    uint64_t parallelism; // each so-manieth block is its
    uint64_t end;         // its rows are below; UINT64_MAX: it has no end
    int64_t watermark;
    uint64_t subtask; // whose it is
};

// Past the next row.
static inline void tm__generator_strand_next(struct tm__generator_strand *s)
{
    s->row++;
    if (--s->in_block == 0) {
        uint64_t skip = s->block * (s->parallelism - 1);
        // an endless source would need centuries to come here
        s->row = s->row > UINT64_MAX - skip ? UINT64_MAX : s->row + skip;
        s->in_block = s->block;
    }
}

// The strand of a subtask that begins at `first`.
struct tm__generator_strand tm__generator_strand_of(uint64_t first, uint64_t block,
                                                    uint32_t subtask, uint32_t parallelism);

// All strands of a source.
struct tm__generator_strands {
    struct tm_mem *mem;
    struct tm__generator_strand *strands;
    uint32_t count, capacity;
};

void tm__generator_strands_init(struct tm__generator_strands *all, struct tm_mem *mem);
void tm__generator_strands_fini(struct tm__generator_strands *all);
int tm__generator_strands_put(const struct tm__generator_strand *strand, struct tm_cut *cut,
                              const char *node) TM_WARN_UNUSED;
// Those of a checkpoint, for subtasks that make blocks of so many rows. None: it has none.
int tm__generator_strands_restore(struct tm__generator_strands *all,
                                  const struct tm_restored *restored, const char *node,
                                  uint64_t block, uint32_t parallelism,
                                  struct tm_error *err) TM_WARN_UNUSED;
