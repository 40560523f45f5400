// A machine of nine states over seven classes of bytes, run from all states at once. They soon fall
// together into one or two. A block of 64 bytes without faults, escapes and comments is passed with
// masks, as the index of the reader does it; others byte by byte.
#include "core/format/csv_scan.h"

#include <string.h>

#include "core/format/csv_block.h"
#include "core/format/csv_options.h"

enum class { OTHER, DELIMITER, QUOTE, LINE, RETURN, ESCAPE, COMMENT };

enum state {
    RECORD = TM_CSV_SCAN_RECORD, // a record begins
    FIELD,                       // a field begins
    PLAIN,                       // in a field without quotes
    QUOTED,                      // in one with quotes
    CLOSED,                      // behind a quote in it
    CLOSED_RETURN,               // and a carriage return
    FAULT,                       // to the end of the line: a comment, or a quote where none may be
    QUOTED_ESCAPE,               // the next byte means nothing
    PLAIN_ESCAPE,
};

static void fill(struct tm_csv_scan *scan, enum state state, uint8_t others)
{
    memset(scan->next[state], others, TM_CSV_SCAN_CLASSES);
}

int tm_csv_scan_init(struct tm_csv_scan *scan, struct tm_mem *mem, const struct tm_options *given,
                     struct tm_error *err)
{
    struct tm_csv_options o;
    int rc = tm_csv_options_parse(mem, given, &o, err);
    if (rc != 0)
        return rc;
    *scan = (struct tm_csv_scan){.quote = o.quote,
                                 .escape = o.backslash ? '\\' : 0,
                                 .comment = o.comment,
                                 .delimiter = o.delimiter,
                                 .skip_lines = o.skip_lines,
                                 .header = o.header};
    scan->class_of[o.delimiter] = DELIMITER;
    scan->class_of['\n'] = LINE;
    scan->class_of['\r'] = RETURN;
    if (o.quote != 0)
        scan->class_of[o.quote] = QUOTE;
    if (o.backslash)
        scan->class_of['\\'] = ESCAPE;
    if (o.comment != 0)
        scan->class_of[o.comment] = COMMENT;
    for (int state = RECORD; state <= PLAIN; state++) {
        fill(scan, (enum state)state, PLAIN);
        scan->next[state][DELIMITER] = FIELD;
        scan->next[state][LINE] = RECORD;
        scan->next[state][ESCAPE] = PLAIN_ESCAPE;
        scan->next[state][QUOTE] = state == PLAIN ? FAULT : QUOTED;
    }
    scan->next[RECORD][COMMENT] = FAULT;
    fill(scan, QUOTED, QUOTED);
    scan->next[QUOTED][QUOTE] = CLOSED;
    scan->next[QUOTED][ESCAPE] = QUOTED_ESCAPE;
    fill(scan, CLOSED, FAULT);
    scan->next[CLOSED][DELIMITER] = FIELD;
    scan->next[CLOSED][LINE] = RECORD;
    scan->next[CLOSED][RETURN] = CLOSED_RETURN;
    scan->next[CLOSED][QUOTE] = o.backslash ? FAULT : QUOTED;
    fill(scan, CLOSED_RETURN, FAULT);
    scan->next[CLOSED_RETURN][LINE] = RECORD;
    fill(scan, FAULT, FAULT);
    scan->next[FAULT][LINE] = RECORD;
    fill(scan, QUOTED_ESCAPE, QUOTED);
    fill(scan, PLAIN_ESCAPE, PLAIN);
    return 0;
}

void tm_csv_scan_effect_init(struct tm_csv_scan_effect *effect)
{
    for (uint8_t i = 0; i < TM_CSV_SCAN_STATES; i++)
        effect->to[i] = i;
}

bool tm_csv_scan_is_inside(uint8_t state)
{
    return state == QUOTED || state == QUOTED_ESCAPE;
}

// The states that are left, each once.
struct live {
    uint8_t states[TM_CSV_SCAN_STATES], count;
};

static struct live live_of(const struct tm_csv_scan_effect *effect)
{
    struct live live = {.count = 0};
    uint32_t seen = 0;
    for (int i = 0; i < TM_CSV_SCAN_STATES; i++) {
        uint8_t state = effect->to[i];
        if ((seen >> state & 1) == 0)
            live.states[live.count++] = state;
        seen |= UINT32_C(1) << state;
    }
    return live;
}

static uint8_t step(const struct tm_csv_scan *scan, uint8_t state, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        state = scan->next[state][scan->class_of[p[i]]];
    return state;
}

struct masks {
    uint64_t quotes, edges; // edges: delimiters and line ends
    bool plain;             // no byte of another meaning
};

static struct masks masks_of(const struct tm_csv_scan *scan, const uint8_t *p)
{
    struct tm__csv_block block = tm__csv_load(p);
    struct masks masks = {.edges =
                              tm__csv_match(&block, '\n') | tm__csv_match(&block, scan->delimiter)};
    if (scan->quote != 0)
        masks.quotes = tm__csv_match(&block, scan->quote);
    uint64_t others = scan->escape == 0 ? 0 : tm__csv_match(&block, scan->escape);
    if (scan->comment != 0)
        others |= tm__csv_match(&block, scan->comment);
    masks.plain = others == 0;
    return masks;
}

// What a block makes of a state, or -1: its bytes must be looked at.
static int pass(const struct tm_csv_scan *scan, const struct masks *masks, uint8_t state,
                const uint8_t *p)
{
    if (!masks->plain || state > CLOSED)
        return -1;
    uint64_t inside = tm__csv_parities(masks->quotes) ^ (state == QUOTED ? ~UINT64_C(0) : 0);
    uint64_t opening = masks->quotes & inside, closing = masks->quotes & ~inside;
    uint64_t edges = masks->edges & ~inside;
    uint64_t behind_closing = closing << 1 | (state == CLOSED);
    uint64_t behind_edge = edges << 1 | (state == RECORD || state == FIELD);
    uint64_t early = opening & ~(behind_edge | (scan->escape == 0 ? behind_closing : 0));
    uint64_t late = behind_closing & ~(edges | (scan->escape == 0 ? masks->quotes : 0));
    if ((early | late) != 0)
        return -1;
    uint8_t last = p[TM__CSV_BLOCK - 1];
    if (inside >> 63 != 0)
        return QUOTED;
    if (closing >> 63 != 0)
        return CLOSED;
    return last == '\n' ? RECORD : last == scan->delimiter ? FIELD : PLAIN;
}

static void apply(struct tm_csv_scan_effect *effect, const uint8_t *became)
{
    for (int i = 0; i < TM_CSV_SCAN_STATES; i++)
        effect->to[i] = became[effect->to[i]];
}

void tm_csv_scan_run(const struct tm_csv_scan *scan, struct tm_csv_scan_effect *effect,
                     const uint8_t *p, size_t len)
{
    struct live live = live_of(effect);
    while (len != 0) {
        size_t part = len < TM__CSV_BLOCK ? len : TM__CSV_BLOCK;
        struct masks masks = {.plain = false};
        uint8_t became[TM_CSV_SCAN_STATES] = {0};
        bool same = true;
        if (part == TM__CSV_BLOCK)
            masks = masks_of(scan, p);
        for (int i = 0; i < live.count; i++) {
            uint8_t state = live.states[i];
            int passed = pass(scan, &masks, state, p);
            became[state] = passed >= 0 ? (uint8_t)passed : step(scan, state, p, part);
            same = same && became[state] == state;
        }
        if (!same) {
            apply(effect, became);
            live = live_of(effect);
        }
        p += part;
        len -= part;
    }
}

int64_t tm_csv_scan_find(const struct tm_csv_scan *scan, uint8_t *state, const uint8_t *p,
                         size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (*state == RECORD)
            return (int64_t)i;
        *state = scan->next[*state][scan->class_of[p[i]]];
    }
    return *state == RECORD ? (int64_t)len : -1;
}

// Is the record [p, p + len), with its line end, one that the reader passes over?
static bool is_nothing(const struct tm_csv_scan *scan, const uint8_t *p, size_t len)
{
    return (scan->comment != 0 && *p == scan->comment) || *p == '\n' ||
           (len == 2 && *p == '\r' && p[1] == '\n');
}

int64_t tm_csv_scan_head(const struct tm_csv_scan *scan, const uint8_t *p, size_t len)
{
    size_t at = 0;
    for (uint32_t i = 0; i < scan->skip_lines; i++) {
        const uint8_t *end = memchr(p + at, '\n', len - at);
        if (end == NULL)
            return -1;
        at = (size_t)(end - p) + 1;
    }
    bool mark = at == 0 && len >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0;
    for (size_t start = at + (mark ? 3 : 0); scan->header; start = at) {
        if (start >= len)
            return -1;
        uint8_t state = scan->next[RECORD][scan->class_of[p[start]]];
        int64_t end = tm_csv_scan_find(scan, &state, p + start + 1, len - start - 1);
        if (end < 0)
            return -1;
        at = start + 1 + (size_t)end;
        if (!is_nothing(scan, p + start, at - start))
            break;
    }
    return (int64_t)at;
}
