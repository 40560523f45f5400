// JSON text from values that Lua hands over piece by piece. Members of an object are put in the
// order of their names when it ends: the order of a Lua table is none.
#include <stdlib.h>

#include "core/format/json_write.h"
#include "core/format/number_write.h"
#include "core/text/text_private.h"

enum { DEPTH_MAX = 1024, SLACK = 32 };

// A member of an open object; `name` is Lua's and stays while the table that has it is written.
struct member {
    const char *name;
    uint32_t name_len;
    uint32_t from, to; // of "name":value in the text; to 0: not ended yet
};

// An open array or object, in a buffer of their own; its members are the last ones of the tokens'
// buffer.
struct level {
    uint32_t from;   // where its content begins
    uint32_t values; // in it so far
    uint32_t members;
    bool object;
};

static struct level *top(struct tm__text *own)
{
    if (own->open.size_bytes == 0)
        return NULL;
    return (struct level *)(void *)(own->open.data + own->open.size_bytes) - 1;
}

static struct member *last_member(struct tm__text *own)
{
    return (struct member *)(void *)(own->tokens.data + own->tokens.size_bytes) - 1;
}

static void end_member(struct tm__text *own)
{
    const struct level *level = top(own);
    if (level != NULL && level->object && level->members > 0)
        last_member(own)->to = (uint32_t)own->out.size_bytes;
}

int32_t tm_json_begin(struct tm_text *t)
{
    struct tm__text *own = tm__text_of(t);

    own->out.size_bytes = 0;
    own->open.size_bytes = 0;
    own->tokens.size_bytes = 0;
    return 0;
}

static int32_t room(struct tm__text *own, size_t size)
{
    if (own->out.size_bytes + size > TM_ROW_BYTES_MAX)
        return TM_E_LIMIT;
    return tm_buf_reserve(&own->out, size + SLACK);
}

// In front of each value: the comma of an array.
static int32_t begin_value(struct tm__text *own, size_t size)
{
    struct level *level = top(own);
    int32_t rc = room(own, size + 1);

    if (rc == 0 && level != NULL && !level->object && level->values++ > 0)
        own->out.data[own->out.size_bytes++] = ',';
    return rc;
}

int32_t tm_json_put_literal(struct tm_text *t, const char *s, uint32_t len)
{
    struct tm__text *own = tm__text_of(t);
    int32_t rc = begin_value(own, len);

    if (rc != 0)
        return rc;
    memcpy(own->out.data + own->out.size_bytes, s, len);
    own->out.size_bytes += len;
    end_member(own);
    return 0;
}

int32_t tm_json_put_number(struct tm_text *t, double value)
{
    struct tm__text *own = tm__text_of(t);
    int32_t rc = begin_value(own, TM__NUMBER_MAX);

    if (rc != 0)
        return rc;
    uint8_t *end = tm__put_double(own->out.data + own->out.size_bytes, value);
    own->out.size_bytes = (size_t)(end - own->out.data);
    end_member(own);
    return 0;
}

static int32_t put_quoted(struct tm__text *own, const char *s, uint32_t len)
{
    if (tm_text_bad_byte(s, len) >= 0)
        return TM_TEXT_NONE;
    uint8_t *end =
        tm__json_put_string(own->out.data + own->out.size_bytes, (const uint8_t *)s, len);
    own->out.size_bytes = (size_t)(end - own->out.data);
    return 0;
}

int32_t tm_json_put_string(struct tm_text *t, const char *s, uint32_t len)
{
    struct tm__text *own = tm__text_of(t);
    int32_t rc = begin_value(own, 6 * (size_t)len + 2);

    if (rc == 0)
        rc = put_quoted(own, s, len);
    if (rc == 0)
        end_member(own);
    return rc;
}

int32_t tm_json_open(struct tm_text *t, bool object)
{
    struct tm__text *own = tm__text_of(t);
    struct level level = {.object = object};

    if (own->open.size_bytes == DEPTH_MAX * sizeof level)
        return TM_E_ARGUMENT;
    int32_t rc = begin_value(own, 1);
    if (rc != 0)
        return rc;
    own->out.data[own->out.size_bytes++] = object ? '{' : '[';
    level.from = (uint32_t)own->out.size_bytes;
    return tm_buf_append(&own->open, &level, sizeof level);
}

int32_t tm_json_put_name(struct tm_text *t, const char *s, uint32_t len)
{
    struct tm__text *own = tm__text_of(t);
    struct member member = {.name = s, .name_len = len, .from = (uint32_t)own->out.size_bytes};
    int32_t rc = room(own, 6 * (size_t)len + 3);

    if (rc == 0)
        rc = put_quoted(own, s, len);
    if (rc != 0)
        return rc;
    own->out.data[own->out.size_bytes++] = ':';
    top(own)->members++;
    return tm_buf_append(&own->tokens, &member, sizeof member);
}

static int by_name(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    uint32_t common = x->name_len < y->name_len ? x->name_len : y->name_len;
    int order = memcmp(x->name, y->name, common);
    return order != 0 ? order : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

// Writes the members anew behind the text, with commas, and moves that to where they began.
static int32_t arrange(struct tm__text *own, const struct level *level)
{
    size_t size = own->out.size_bytes - level->from + level->members;
    struct member *members = last_member(own) - (level->members - 1);
    int32_t rc = room(own, size);

    if (rc != 0)
        return rc;
    qsort(members, level->members, sizeof *members, by_name);
    uint8_t *begin = own->out.data + own->out.size_bytes, *p = begin;
    for (uint32_t i = 0; i < level->members; i++) {
        if (i > 0)
            *p++ = ',';
        memcpy(p, own->out.data + members[i].from, members[i].to - members[i].from);
        p += members[i].to - members[i].from;
    }
    memmove(own->out.data + level->from, begin, (size_t)(p - begin));
    own->out.size_bytes = level->from + (size_t)(p - begin);
    return 0;
}

int32_t tm_json_close(struct tm_text *t)
{
    struct tm__text *own = tm__text_of(t);
    struct level level = *top(own);
    int32_t rc = room(own, 1);

    if (rc == 0 && level.members > 1)
        rc = arrange(own, &level);
    if (rc != 0)
        return rc;
    own->tokens.size_bytes -= level.members * sizeof(struct member);
    own->open.size_bytes -= sizeof level;
    own->out.data[own->out.size_bytes++] = level.object ? '}' : ']';
    end_member(own);
    return 0;
}

int32_t tm_json_end(struct tm_text *t)
{
    return tm__text_finish(t);
}
