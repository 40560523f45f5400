// The scratch memory of a state: results, places of matches, tokens. It grows to what the largest
// record needed and is used again by the next call.
#include "core/text/text_private.h"

enum { FIRST_BYTES = 1024 };

struct tm_text *tm_text_new(struct tm_mem *mem)
{
    struct tm__text *own = tm_mem_zalloc(mem, sizeof *own);

    if (own == NULL)
        return NULL;
    own->mem = mem;
    tm_buf_init(&own->out, mem);
    tm_buf_init(&own->spans, mem);
    tm_buf_init(&own->tokens, mem);
    tm_buf_init(&own->open, mem);
    return &own->shared;
}

void tm_text_interpret(struct tm_text *t)
{
    tm__text_of(t)->interprets = true;
}

void tm_text_free(struct tm_text *t)
{
    struct tm__text *own = tm__text_of(t);

    if (t == NULL)
        return;
    tm__regex_world_free(t);
    tm__zones_free(t);
    tm_buf_fini(&own->out);
    tm_buf_fini(&own->spans);
    tm_buf_fini(&own->tokens);
    tm_buf_fini(&own->open);
    tm_mem_free(own->mem, own, sizeof *own);
}

uint8_t *tm__text_room(struct tm_text *t, size_t size)
{
    struct tm_buf *out = &tm__text_of(t)->out;

    out->size_bytes = 0;
    if (size > TM_ROW_BYTES_MAX)
        return NULL;
    return tm_buf_reserve(out, size < FIRST_BYTES ? FIRST_BYTES : size) == 0 ? out->data : NULL;
}

int32_t tm__text_no_room(size_t size)
{
    return size > TM_ROW_BYTES_MAX ? TM_E_LIMIT : TM_E_MEMORY;
}

// Room for elements of `size` bytes in a buffer whose first `used` stay.
static void *room_in(struct tm_buf *buf, size_t size, size_t used, size_t count)
{
    buf->size_bytes = used * size;
    return tm_buf_reserve(buf, count * size) == 0 ? buf->data : NULL;
}

int32_t *tm__text_spans(struct tm_text *t, size_t used, size_t count)
{
    int32_t *spans = room_in(&tm__text_of(t)->spans, 2 * sizeof *spans, used, count);
    t->spans = spans;
    return spans;
}

struct tm_json_token *tm__text_tokens(struct tm_text *t, size_t used, size_t count)
{
    struct tm_json_token *tokens = room_in(&tm__text_of(t)->tokens, sizeof *tokens, used, count);
    t->tokens = tokens;
    return tokens;
}
