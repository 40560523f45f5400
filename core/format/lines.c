// Windows of whole lines, and skipping records that are too long in a streaming manner.
#include "core/format/lines.h"

#include <stdio.h>

void tm__lines_init(struct tm__lines *lines, size_t max_record)
{
    *lines = (struct tm__lines){.max_record = max_record, .line = 1};
}

bool tm__lines_begin(struct tm__lines *lines, const uint8_t *p, size_t *pos, size_t len,
                     bool at_end)
{
    static const uint8_t mark[] = {0xEF, 0xBB, 0xBF};
    if (lines->offset != 0 || lines->skipping || *pos != 0)
        return true;
    size_t there = len < sizeof mark ? len : sizeof mark;
    if (there == 0) // there may be no bytes to point to
        return true;
    if (memcmp(p, mark, there) != 0)
        return true;
    if (there < sizeof mark)
        return at_end;
    *pos = sizeof mark;
    lines->offset = sizeof mark;
    return true;
}

size_t tm__lines_window(struct tm__lines *lines, const uint8_t *p, size_t pos, size_t len,
                        bool at_end, size_t want)
{
    size_t left = len - pos;
    if (at_end && left <= want)
        return len;
    const uint8_t *from = p + pos, *found = memrchr(from, '\n', left < want ? left : want);
    if (found == NULL && left > want)
        found = memchr(from + want, '\n', left - want);
    if (found != NULL)
        return (size_t)(found - p) + 1;
    if (left > lines->max_record + 1) { // one more: the carriage return may be yet to be cut
        lines->skipping = true;
        lines->skipped = 0;
        lines->head_length = 0;
        return pos;
    }
    return at_end ? len : pos;
}

int tm__lines_skip(struct tm__lines *lines, const uint8_t *p, size_t *pos, size_t len, bool at_end,
                   tm__bad_fn *bad, void *arg)
{
    const uint8_t *from = p + *pos, *found = memchr(from, '\n', len - *pos);
    size_t part = found != NULL ? (size_t)(found - from) : len - *pos;
    size_t show = TM__LINES_HEAD - lines->head_length;
    show = show < part ? show : part;
    memcpy(lines->head + lines->head_length, from, show);
    lines->head_length += show;
    lines->skipped += part;
    if (part != 0)
        lines->last = from[part - 1];
    *pos += part + (found != NULL);
    if (found == NULL && !at_end)
        return 0;
    lines->skipping = false;
    size_t whole = lines->skipped - (lines->last == '\r' ? 1 : 0);
    int rc = tm__lines_too_large(lines, lines->head, whole, bad, arg);
    tm__lines_advance(lines, lines->skipped + (found != NULL));
    return rc;
}

int tm__lines_bad(const struct tm__lines *lines, int code, const char *message,
                  const uint8_t *bytes, size_t len, tm__bad_fn *bad, void *arg)
{
    struct tm_bad_record record = {.code = code,
                                   .bytes = bytes,
                                   .len = tm__lines_trim(bytes, len),
                                   .offset = lines->offset,
                                   .line = lines->line};
    snprintf(record.message, sizeof record.message, "%s", message);
    return bad(arg, &record);
}

int tm__lines_too_large(const struct tm__lines *lines, const uint8_t *bytes, size_t len,
                        tm__bad_fn *bad, void *arg)
{
    struct tm_bad_record record = {.code = TM_E_TOO_LARGE,
                                   .bytes = bytes,
                                   .len = len,
                                   .offset = lines->offset,
                                   .line = lines->line};
    snprintf(record.message, sizeof record.message,
             "the record has %zu bytes, max_record allows %zu", len, lines->max_record);
    return bad(arg, &record);
}

int tm__lines_save(const struct tm__lines *lines, struct tm_buf *state)
{
    return tm_buf_append(state, &lines->line, TM__LINES_STATE);
}

int tm__lines_load(struct tm__lines *lines, int64_t offset, const uint8_t *state, size_t size)
{
    int64_t line;
    if (size < TM__LINES_STATE)
        return TM_E_CHECKPOINT;
    memcpy(&line, state, sizeof line);
    if (offset < 0 || line < 1)
        return TM_E_CHECKPOINT;
    lines->offset = offset;
    lines->line = line;
    return TM__LINES_STATE;
}
