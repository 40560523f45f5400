// The index of CSV text, block by block.
#include "core/format/csv_index.h"

#include <string.h>

#include "core/base/check.h"
#include "core/format/csv_block.h"
#include "core/format/csv_masks.h"

enum { USUAL = 4, USUAL_COUNTED = 6 }; // positions in a block
#define LAST (UINT64_C(1) << 63)

void tm__csv_index_init(struct tm__csv_index *index, struct tm_mem *mem, struct tm__csv_marks marks)
{
    *index = (struct tm__csv_index){.mem = mem, .marks = marks};
}

void tm__csv_index_fini(struct tm__csv_index *index)
{
    tm_mem_free(index->mem, index->positions, index->capacity * sizeof *index->positions);
    index->positions = NULL;
    index->capacity = 0;
}

void tm__csv_index_trim(struct tm__csv_index *index, size_t keep)
{
    if (index->capacity > keep + 2 * TM__CSV_BLOCK)
        tm__csv_index_fini(index);
}

// --- escapes

// The bytes that stand behind an escape; *carry: the next block's first byte does.
static uint64_t escaped_by(uint64_t escapes, uint64_t *carry)
{
    uint64_t escaped = *carry;
    escapes &= ~escaped;
    *carry = 0;
    while (escapes != 0) {
        uint64_t behind = (escapes & -escapes) << 1;
        escapes &= escapes - 1;
        escapes &= ~behind;
        escaped |= behind;
        *carry = behind == 0;
    }
    return escaped;
}

// --- blocks

// What a block hands to the next: bits in place 0.
struct carry {
    uint64_t inside;  // all bits: the last byte is inside quotes
    uint64_t escaped; // the first byte is escaped
    uint64_t edge;    // the last byte was a delimiter or line end, or nothing was before
    uint64_t closing; // the last byte was a closing quote
};

// What the marks of the dialect are in a block of the text.
struct block {
    uint64_t edges, lines, quotes, parities, valid; // valid: bytes of the text
};

struct found {
    uint64_t edges; // delimiters and line ends outside quotes
    uint64_t inner; // line ends inside
    uint64_t fault; // first fault's bit, or 0
    enum tm__csv_fault kind;
};

static TM__CSV_INLINE bool is_line_end(const uint8_t *p, uint32_t at, uint32_t len)
{
    return p[at] == '\r' && (at + 1 >= len || p[at + 1] == '\n');
}

// The block has quotes, or begins inside them. `doubled`: quotes are, there is no escape.
static TM__CSV_INLINE struct found find_quoted(struct carry *carry, const struct block *block,
                                               const uint8_t *text, uint32_t base, uint32_t len,
                                               bool doubled)
{
    const uint64_t quotes = block->quotes, edges = block->edges, valid = block->valid;
    uint64_t inside = block->parities ^ carry->inside;
    uint64_t opening = quotes & inside, closing = quotes & ~inside;
    struct found found = {.edges = edges & ~inside, .inner = block->lines & inside};
    uint64_t behind_closing = (closing << 1 | carry->closing) & valid;
    uint64_t behind_edge = found.edges << 1 | carry->edge;
    uint64_t early = opening & ~(behind_edge | (doubled ? behind_closing : 0));
    uint64_t late = behind_closing & ~(edges | (doubled ? quotes : 0));
    while (TM_UNLIKELY(late != 0) && is_line_end(text, base + (uint32_t)__builtin_ctzll(late), len))
        late &= late - 1;
    // Behind a closing quote an opening one is at fault too where quotes are not doubled: then it
    // is the one that stands behind a quote.
    early &= ~late;
    if (TM_UNLIKELY((early | late) != 0)) {
        found.fault = (early | late) & -(early | late);
        found.kind = (early & found.fault) != 0 ? TM__CSV_QUOTE_INSIDE : TM__CSV_AFTER_QUOTE;
        found.edges &= found.fault - 1;
    }
    carry->inside = 0 - (inside >> 63);
    carry->edge = found.edges >> 63;
    carry->closing = closing >> 63;
    return found;
}

// A block has a few: so many are put without asking how many there are, as the answer would be
// guessed wrong half of the time. What is put too many is written over. `counts`: the processor
// counts bits, so that more are put for less.
static TM__CSV_INLINE uint32_t *put_positions(uint32_t *out, uint64_t bits, uint32_t base,
                                              bool counts)
{
    uint32_t *end = out + (counts ? __builtin_popcountll(bits) : 0);
    for (int i = 0; i < (counts ? USUAL_COUNTED : USUAL); i++) {
        // without bits any place will do: such processors say 64 by themselves
        uint64_t place = counts ? (bits == 0 ? 64 : (uint64_t)__builtin_ctzll(bits))
                                : (uint64_t)__builtin_ctzll(bits | LAST);
        *out = base + (uint32_t)place;
        out += counts || bits != 0;
        bits &= bits - 1;
    }
    while (TM_UNLIKELY(bits != 0)) {
        *out++ = base + (uint32_t)__builtin_ctzll(bits);
        bits &= bits - 1;
    }
    return counts ? end : out;
}

static int reserve(struct tm__csv_index *index, size_t len)
{
    if (index->capacity >= len + 2 * TM__CSV_BLOCK)
        return 0;
    tm__csv_index_fini(index);
    index->positions =
        tm_mem_alloc(index->mem, (len + 2 * TM__CSV_BLOCK) * sizeof *index->positions);
    index->capacity = index->positions == NULL ? 0 : len + 2 * TM__CSV_BLOCK;
    return index->positions == NULL ? TM_E_MEMORY : 0;
}

// The last block is cut off at the text's end; marks that are escaped mean nothing.
static TM__CSV_INLINE void look_closer(struct tm__csv_index *index, struct carry *carry,
                                       struct block *block, const uint8_t *p, uint32_t left)
{
    if (left < TM__CSV_BLOCK)
        block->valid = (UINT64_C(1) << left) - 1;
    if (index->marks.escape != 0) {
        struct tm__csv_block bytes = tm__csv_load(p);
        uint64_t escapes = tm__csv_match(&bytes, index->marks.escape) & block->valid;
        uint64_t escaped = escaped_by(escapes, &carry->escaped);
        index->inner_lines = index->inner_lines || (block->lines & block->valid & escaped) != 0;
        block->edges &= ~escaped;
        block->quotes &= ~escaped;
    }
    block->edges &= block->valid;
    block->lines &= block->edges;
    block->quotes &= block->valid;
    block->parities = tm__csv_parities(block->quotes);
}

// A run over a text.
struct run {
    struct carry carry;
    uint32_t *out;  // the next position
    uint64_t inner; // line ends inside quotes
};

// The block's positions. False: it has a fault, at which the index ends.
static TM__CSV_INLINE bool take_block(struct tm__csv_index *index, struct run *run,
                                      const struct block *block, const uint8_t *p, uint32_t base,
                                      uint32_t len, bool counts, bool doubled)
{
    struct found found = {.edges = block->edges};
    if ((block->quotes | run->carry.inside | run->carry.closing) != 0) {
        found = find_quoted(&run->carry, block, p, base, len, doubled);
        run->inner |= found.inner;
    } else {
        run->carry.edge = block->edges >> 63;
    }
    run->out = put_positions(run->out, found.edges, base, counts);
    if (TM_LIKELY(found.fault == 0))
        return true;
    index->fault = found.kind;
    index->fault_at = base + (uint32_t)__builtin_ctzll(found.fault);
    return false;
}

// The blocks from `base` on that the masks are of.
static TM__CSV_INLINE bool take_blocks(struct tm__csv_index *index, struct run *run,
                                       const struct tm__csv_masks *masks, uint32_t count,
                                       const uint8_t *p, uint32_t base, uint32_t len, bool counts)
{
    uint32_t whole = index->marks.escape != 0 ? 0 : (len - base) / TM__CSV_BLOCK, i = 0;
    whole = whole < count ? whole : count;
    for (; i < whole; i++, base += TM__CSV_BLOCK) {
        struct block block = {masks->edges[i], masks->lines[i], masks->quotes[i],
                              masks->parities[i], ~UINT64_C(0)};
        if (!take_block(index, run, &block, p, base, len, counts, true))
            return false;
    }
    for (; i < count; i++, base += TM__CSV_BLOCK) {
        struct block block = {masks->edges[i], masks->lines[i], masks->quotes[i],
                              masks->parities[i], ~UINT64_C(0)};
        look_closer(index, &run->carry, &block, p + base, len - base);
        if (!take_block(index, run, &block, p, base, len, counts, index->marks.escape == 0))
            return false;
    }
    return true;
}

static TM__CSV_INLINE int run(struct tm__csv_index *index, const uint8_t *p, uint32_t len,
                              bool last, bool counts)
{
    struct tm__csv_masks masks;
    int rc = reserve(index, len);
    if (rc != 0)
        return rc;
    struct run run = {.carry = {.edge = 1}, .out = index->positions};
    bool good = true;
    index->fault = TM__CSV_NO_FAULT;
    index->inner_lines = false;
    index->is_ascii = true;
    for (uint32_t base = 0; base < len && good; base += TM__CSV_MASKS * TM__CSV_BLOCK) {
        uint32_t left = len - base;
        uint32_t count = left < TM__CSV_MASKS * TM__CSV_BLOCK
                             ? (left + TM__CSV_BLOCK - 1) / TM__CSV_BLOCK
                             : TM__CSV_MASKS;
        tm__csv_masks_run(&masks, p + base, count, index->marks.delimiter, index->marks.quote);
        index->is_ascii = index->is_ascii && masks.is_ascii;
        good = take_blocks(index, &run, &masks, count, p, base, len, counts);
    }
    index->count = (uint32_t)(run.out - index->positions);
    index->open = run.carry.inside != 0;
    index->inner_lines = index->inner_lines || run.inner != 0;
    if (last && good && !index->open &&
        (index->count == 0 || run.out[-1] != len - 1 || p[len - 1] != '\n'))
        index->positions[index->count++] = len;
    return 0;
}

int tm__csv_index_run_plain(struct tm__csv_index *index, const uint8_t *p, uint32_t len, bool last)
{
    return run(index, p, len, last, false);
}

#if defined(__x86_64__) && defined(__GNUC__)

__attribute__((target("bmi,popcnt"))) static int run_wide(struct tm__csv_index *index,
                                                          const uint8_t *p, uint32_t len, bool last)
{
    return run(index, p, len, last, true);
}

int tm__csv_index_run(struct tm__csv_index *index, const uint8_t *p, uint32_t len, bool last)
{
    if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt"))
        return run_wide(index, p, len, last);
    return tm__csv_index_run_plain(index, p, len, last);
}

#else

int tm__csv_index_run(struct tm__csv_index *index, const uint8_t *p, uint32_t len, bool last)
{
    return tm__csv_index_run_plain(index, p, len, last);
}

#endif
