// A machine of nine states over seven classes of bytes, run from all states at once. They soon fall
// together into two or three: outside quotes, inside, and sometimes a line with a fault. Blocks
// without quotes, which are most, are passed over without a look at each byte.
#include "core/format/csv_scan.h"

#include <string.h>

#include "core/format/csv_options.h"

enum { BLOCK = 64 };

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

// Does the block hold a byte that a state which lasts does not pass over?
static bool is_plain(const struct tm_csv_scan *scan, const uint8_t *p)
{
    uint8_t quote = scan->quote != 0 ? scan->quote : scan->delimiter, found = 0;
    uint8_t escape = scan->escape != 0 ? scan->escape : quote;
    uint8_t comment = scan->comment != 0 ? scan->comment : quote;
    if (scan->quote == 0)
        return false; // a file without quotes is split at any line end: nobody asks for speed
    for (int i = 0; i < BLOCK; i++)
        found |= (uint8_t)((p[i] == quote) | (p[i] == escape) | (p[i] == comment));
    return found == 0;
}

// The states that are left, each once.
struct live {
    uint8_t states[TM_CSV_SCAN_STATES], count;
    bool lasting; // each lasts through a plain block, or ends in one way
};

static struct live live_of(const struct tm_csv_scan_effect *effect)
{
    struct live live = {.lasting = true};
    uint32_t seen = 0;
    for (int i = 0; i < TM_CSV_SCAN_STATES; i++) {
        uint8_t state = effect->to[i];
        if ((seen >> state & 1) == 0)
            live.states[live.count++] = state;
        seen |= UINT32_C(1) << state;
        live.lasting = live.lasting && (state <= QUOTED || state == FAULT);
    }
    return live;
}

static uint8_t step(const struct tm_csv_scan *scan, uint8_t state, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        state = scan->next[state][scan->class_of[p[i]]];
    return state;
}

static uint8_t pass(const struct tm_csv_scan *scan, uint8_t state, const uint8_t *p)
{
    if (state == QUOTED || (state == FAULT && memchr(p, '\n', BLOCK) == NULL))
        return state;
    uint8_t last = p[BLOCK - 1];
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
        size_t part = len < BLOCK ? len : BLOCK;
        bool plain = part == BLOCK && live.lasting && is_plain(scan, p);
        uint8_t became[TM_CSV_SCAN_STATES] = {0};
        bool same = true;
        for (int i = 0; i < live.count; i++) {
            uint8_t state = live.states[i];
            became[state] = plain ? pass(scan, state, p) : step(scan, state, p, part);
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
