// The index of CSV text, block by block.
#include "core/format/csv_index.h"

#include <string.h>

#include "core/base/check.h"
#include "core/format/csv_block.h"

enum { USUAL = 4 }; // positions in a block
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

struct found {
    uint64_t edges; // delimiters and line ends outside quotes
    uint64_t inner; // the same inside
    uint64_t fault; // first fault's bit, or 0
    enum tm__csv_fault kind;
};

static TM__CSV_INLINE bool is_line_end(const uint8_t *p, uint32_t at, uint32_t len)
{
    return p[at] == '\r' && (at + 1 >= len || p[at + 1] == '\n');
}

// The block has quotes, or begins inside them.
static struct found find_quoted(const struct tm__csv_index *index, struct carry *carry,
                                uint64_t quotes, uint64_t edges, uint64_t valid,
                                const uint8_t *text, uint32_t base, uint32_t len)
{
    bool doubled = index->marks.escape == 0;
    uint64_t inside = tm__csv_parities(quotes) ^ carry->inside;
    uint64_t opening = quotes & inside, closing = quotes & ~inside;
    struct found found = {.edges = edges & ~inside, .inner = edges & inside};
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
// guessed wrong half of the time. What is put too many is written over.
static TM__CSV_INLINE uint32_t *put_positions(uint32_t *out, uint64_t bits, uint32_t base)
{
    for (int i = 0; i < USUAL; i++) {
        *out = base + (uint32_t)__builtin_ctzll(bits | LAST);
        out += bits != 0;
        bits &= bits - 1;
    }
    while (TM_UNLIKELY(bits != 0)) {
        *out++ = base + (uint32_t)__builtin_ctzll(bits);
        bits &= bits - 1;
    }
    return out;
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

int tm__csv_index_run(struct tm__csv_index *index, const uint8_t *p, uint32_t len, bool last)
{
    const struct tm__csv_marks marks = index->marks;
    struct carry carry = {.edge = 1};
    int rc = reserve(index, len);
    if (rc != 0)
        return rc;
    uint32_t *out = index->positions;
    uint32_t high = 0;
    index->fault = TM__CSV_NO_FAULT;
    index->inner_lines = false;
    for (uint32_t base = 0; base < len; base += TM__CSV_BLOCK) {
        struct tm__csv_block block = tm__csv_load(p + base);
        high |= tm__csv_high(&block);
        uint64_t valid =
            len - base >= TM__CSV_BLOCK ? ~UINT64_C(0) : (UINT64_C(1) << (len - base)) - 1;
        uint64_t edges = tm__csv_match_2(&block, '\n', marks.delimiter) & valid;
        uint64_t quotes = marks.quote == 0 ? 0 : tm__csv_match(&block, marks.quote) & valid;
        if (marks.escape != 0) {
            uint64_t escapes = tm__csv_match(&block, marks.escape) & valid;
            if ((escapes | carry.escaped) != 0) {
                uint64_t escaped = escaped_by(escapes, &carry.escaped);
                index->inner_lines =
                    index->inner_lines || (tm__csv_match(&block, '\n') & valid & escaped) != 0;
                edges &= ~escaped;
                quotes &= ~escaped;
            }
        }
        if (TM_LIKELY((quotes | carry.inside | carry.closing) == 0)) {
            out = put_positions(out, edges, base);
            carry.edge = edges >> 63;
            continue;
        }
        struct found found = find_quoted(index, &carry, quotes, edges, valid, p, base, len);
        out = put_positions(out, found.edges, base);
        // Edges inside of quotes are mostly delimiters.
        if (TM_UNLIKELY(found.inner != 0) && !index->inner_lines)
            index->inner_lines = (tm__csv_match(&block, '\n') & found.inner) != 0;
        if (TM_UNLIKELY(found.fault != 0)) {
            index->fault = found.kind;
            index->fault_at = base + (uint32_t)__builtin_ctzll(found.fault);
            break;
        }
    }
    index->count = (uint32_t)(out - index->positions);
    index->is_ascii = high == 0;
    index->open = carry.inside != 0;
    if (last && index->fault == TM__CSV_NO_FAULT && !index->open &&
        (index->count == 0 || out[-1] != len - 1 || p[len - 1] != '\n'))
        index->positions[index->count++] = len;
    return 0;
}
