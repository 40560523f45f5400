// Finding records of JSON by their brackets, sixteen bytes at a time.
#include "core/format/json_frame.h"

#include "core/format/json_chunk.h"

// Behind the string whose opening quote is in front of p. NULL: it does not end here; *broken: nor
// in this line.
static const uint8_t *string_end(const uint8_t *p, const uint8_t *end, bool *broken)
{
    *broken = false;
    while (p < end) {
        uint32_t special = tm__chunk_special(tm__chunk_load(p));
        if (special == 0) {
            p += TM__CHUNK_BYTES;
            continue;
        }
        p += __builtin_ctz(special);
        if (p >= end)
            break;
        if (*p == '"')
            return p + 1;
        if (*p == '\n') {
            *broken = true;
            return NULL;
        }
        p += *p == '\\' ? 2 : 1;
    }
    return NULL;
}

static bool ends_word(uint8_t c)
{
    return tm__json_is_space(c) || c == ',' || c == ']' || c == '}' || c == '[' || c == '{' ||
           c == '"';
}

static enum tm__frame word_end(const uint8_t *p, const uint8_t *end, const uint8_t **behind)
{
    if (*p == ',' || *p == ']' || *p == '}')
        return TM__FRAME_BROKEN;
    while (p < end && !ends_word(*p))
        p++;
    *behind = p;
    return p < end ? TM__FRAME_WHOLE : TM__FRAME_MORE;
}

enum tm__frame tm__json_frame_end(const uint8_t *p, const uint8_t *end, const uint8_t **behind)
{
    uint64_t is_object[TM__DEPTH_MAX / 64] = {0};
    uint32_t depth = 0;
    bool broken;
    if (*p == '"') {
        *behind = string_end(p + 1, end, &broken);
        return *behind != NULL ? TM__FRAME_WHOLE : broken ? TM__FRAME_BROKEN : TM__FRAME_MORE;
    }
    if (*p != '{' && *p != '[')
        return word_end(p, end, behind);
    while (p < end) {
        tm__chunk chunk = tm__chunk_load(p);
        uint32_t found = tm__chunk_bracket(chunk) | tm__chunk_equal(chunk, tm__chunk_fill('"'));
        if (found == 0) {
            p += TM__CHUNK_BYTES;
            continue;
        }
        p += __builtin_ctz(found);
        if (p >= end)
            break;
        uint8_t c = *p++;
        if (c == '"') {
            if ((p = string_end(p, end, &broken)) == NULL)
                return broken ? TM__FRAME_BROKEN : TM__FRAME_MORE;
        } else if (c == '{' || c == '[') {
            if (depth == TM__DEPTH_MAX)
                return TM__FRAME_BROKEN;
            uint64_t bit = UINT64_C(1) << (depth & 63), *word = &is_object[depth >> 6];
            *word = c == '{' ? *word | bit : *word & ~bit;
            depth++;
        } else {
            depth--;
            if (((is_object[depth >> 6] >> (depth & 63)) & 1) != (c == '}'))
                return TM__FRAME_BROKEN;
            if (depth == 0) {
                *behind = p;
                return TM__FRAME_WHOLE;
            }
        }
    }
    return TM__FRAME_MORE;
}

static const uint8_t *skip_space(const uint8_t *p, const uint8_t *end)
{
    while (p < end && tm__json_is_space(*p))
        p++;
    return p;
}

enum tm__json_layout tm__json_guess_layout(const uint8_t *p, const uint8_t *end, bool at_end,
                                           size_t max_record)
{
    // However much more there is, as much as one record may have decides.
    bool enough = at_end || (size_t)(end - p) > max_record;
    const enum tm__json_layout more = enough ? TM__LAYOUT_LINES : TM__LAYOUT_GUESS;
    const uint8_t *behind;
    end = (size_t)(end - p) > max_record ? p + max_record : end;
    p = skip_space(p, end);
    if (p == end)
        return more;
    if (*p == '[') {
        p = skip_space(p + 1, end);
        if (p != end && *p == ']' && skip_space(p + 1, end) == end) // no records, if that is all
            return at_end ? TM__LAYOUT_ARRAY : more;
        return p == end ? more : *p == '{' ? TM__LAYOUT_ARRAY : TM__LAYOUT_LINES;
    }
    if (*p != '{')
        return TM__LAYOUT_LINES;
    const uint8_t *line_end = memchr(p, '\n', (size_t)(end - p));
    if (line_end == NULL)
        return more;
    if (tm__json_frame_end(p, line_end, &behind) != TM__FRAME_MORE)
        return TM__LAYOUT_LINES;
    // A line that is cut short is followed by another record, not by what an object goes on with.
    p = skip_space(line_end, end);
    if (p == end)
        return more;
    return memchr("\"}]-0123456789tfn", *p, 17) != NULL ? TM__LAYOUT_PRETTY : TM__LAYOUT_LINES;
}

const uint8_t *tm__json_next_frame(const uint8_t *p, const uint8_t *end, size_t column)
{
    while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        const uint8_t *line = ++p;
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        if (p < end && *p == '{' && (size_t)(p - line) <= column)
            return p;
    }
    return NULL;
}

// A bracket outside of strings; true: it closes the record.
static bool scan_bracket(struct tm__json_scan *s, uint8_t c)
{
    if (c == '{' || c == '[') {
        s->broken = s->depth == TM__DEPTH_MAX;
        if (s->broken)
            return false;
        uint64_t bit = UINT64_C(1) << (s->depth & 63), *word = &s->is_object[s->depth >> 6];
        *word = c == '{' ? *word | bit : *word & ~bit;
        s->depth++;
        return false;
    }
    s->broken = s->depth == 0;
    if (s->broken)
        return false;
    s->depth--;
    s->broken = ((s->is_object[s->depth >> 6] >> (s->depth & 63)) & 1) != (c == '}');
    return !s->broken && s->depth == 0;
}

// A byte of a record; true: it is the last one.
static bool scan_byte(struct tm__json_scan *s, uint8_t c)
{
    if (s->in_string) {
        if (c == '\n') {
            s->broken = s->at_line_start = true;
            s->indent = 0;
        } else if (s->escaped) {
            s->escaped = false;
        } else {
            s->escaped = c == '\\';
            s->in_string = c != '"';
            return c == '"' && s->depth == 0;
        }
        return false;
    }
    if (c == '"')
        s->in_string = true;
    else if (c == '{' || c == '[' || c == '}' || c == ']')
        return scan_bracket(s, c);
    return false;
}

// A byte behind what is broken; true: another record begins with it.
static bool scan_line(struct tm__json_scan *s, uint8_t c)
{
    if (c == '\n') {
        s->at_line_start = true;
        s->indent = 0;
    } else if (s->at_line_start && (c == ' ' || c == '\t')) {
        s->indent++;
    } else if (s->at_line_start) {
        s->at_line_start = false;
        return c == '{' && s->indent <= s->column;
    }
    return false;
}

bool tm__json_scan_run(struct tm__json_scan *scan, const uint8_t *p, size_t *len)
{
    for (size_t i = 0; i < *len; i++) {
        bool outside = !scan->broken && scan->depth == 0 && !scan->in_string;
        if (outside && ends_word(p[i]) && scan->is_word) { // a number or word ends in front of it
            *len = i;
            return true;
        }
        scan->is_word = outside && !ends_word(p[i]);
        if (scan->broken ? scan_line(scan, p[i]) : scan_byte(scan, p[i])) {
            *len = scan->broken ? i : i + 1;
            return true;
        }
    }
    return false;
}
