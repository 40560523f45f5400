// What the files of core/text share: the state's scratch memory and how results are given.
#pragma once

#include <stddef.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/limits.h"
#include "core/text/text.h"

struct tm__regex_world;

struct tm__text {
    struct tm_text shared; // first: what Lua sees
    struct tm_mem *mem;
    struct tm_buf out, spans, tokens;
    struct tm_buf open; // tm_json_open: where the open arrays and objects began
    struct tm_zone *zones;
    struct tm__regex_world *regexes; // made with the first one
    bool interprets;                 // them
};

static inline struct tm__text *tm__text_of(struct tm_text *t)
{
    return (struct tm__text *)t;
}

// Room for a result of at most `size` bytes, or NULL. It is given by tm__text_done.
uint8_t *tm__text_room(struct tm_text *t, size_t size);
// The code for a NULL of tm__text_room.
int32_t tm__text_no_room(size_t size);

// The result that begins at the room and ends here.
static inline int32_t tm__text_done(struct tm_text *t, const uint8_t *end)
{
    const struct tm__text *own = tm__text_of(t);
    t->out = own->out.data;
    return (int32_t)(end - own->out.data);
}

// For results whose length is not known before: append to the buffer, then finish.
static inline struct tm_buf *tm__text_begin(struct tm_text *t)
{
    struct tm_buf *out = &tm__text_of(t)->out;
    out->size_bytes = 0;
    return out;
}

static inline int32_t tm__text_put(struct tm_buf *out, const void *p, size_t len)
{
    if (TM_UNLIKELY(out->size_bytes + len > TM_ROW_BYTES_MAX))
        return TM_E_LIMIT;
    return tm_buf_append(out, p, len);
}

static inline int32_t tm__text_finish(struct tm_text *t)
{
    struct tm_buf *out = &tm__text_of(t)->out;
    t->out = out->data;
    return (int32_t)out->size_bytes;
}

static inline int32_t tm__text_part(struct tm_text *t, uint32_t len, size_t from, size_t to)
{
    t->from = (int32_t)from;
    t->to = (int32_t)to;
    return from == 0 && to == len ? TM_TEXT_SAME : TM_TEXT_PART;
}

// Room for `count` pairs more behind the `used` ones that stand there, or NULL; they may move.
int32_t *tm__text_spans(struct tm_text *t, size_t used, size_t count);
struct tm_json_token *tm__text_tokens(struct tm_text *t, size_t used, size_t count);

// Writes at most three times `len` bytes; returns the end.
uint8_t *tm__percent_encode(uint8_t *out, const char *s, size_t len);
// Writes at most `len` bytes; returns the end, or NULL for a percent sign without two digits.
uint8_t *tm__percent_decode(uint8_t *out, const char *s, size_t len, bool plus);

void tm__regex_world_free(struct tm_text *t);
void tm__zones_free(struct tm_text *t);
