// Dead letters: building their rows.
#include "core/task/dead_letter.h"

#include "core/base/text.h"

enum { TEXT_MAX = 16 * 1024 * 1024 }; // well above the default max_record, below TM_ROW_BYTES_MAX

static const struct tm_field_def fields[TM_DEAD_LETTER_FIELDS] = {
    [TM_DEAD_LETTER_CODE] = {.name = "code", .type = {.kind = TM_TYPE_STRING}},
    [TM_DEAD_LETTER_MESSAGE] = {.name = "message", .type = {.kind = TM_TYPE_STRING}},
    [TM_DEAD_LETTER_OPERATOR] = {.name = "operator", .type = {.kind = TM_TYPE_STRING}},
    [TM_DEAD_LETTER_SUBTASK] = {.name = "subtask", .type = {.kind = TM_TYPE_INT}},
    [TM_DEAD_LETTER_ROW] = {.name = "row", .type = {.kind = TM_TYPE_STRING}},
    [TM_DEAD_LETTER_SOURCE] = {.name = "source", .type = {.kind = TM_TYPE_STRING}},
    [TM_DEAD_LETTER_OFFSET] = {.name = "offset", .type = {.kind = TM_TYPE_INT}},
    [TM_DEAD_LETTER_LINE] = {.name = "line", .type = {.kind = TM_TYPE_INT}},
    [TM_DEAD_LETTER_RAW] = {.name = "raw", .type = {.kind = TM_TYPE_STRING}},
    [TM_DEAD_LETTER_RAW_BASE64] = {.name = "raw_base64", .type = {.kind = TM_TYPE_BYTES}},
};

int tm_dead_letter_schema(struct tm_mem *mem, struct tm_schema **schema, struct tm_error *err)
{
    return tm_schema_new(mem, fields, TM_DEAD_LETTER_FIELDS, -1, schema, err);
}

// The longest prefix of at most TEXT_MAX bytes that does not cut a UTF-8 character.
static uint32_t cut(const char *text, size_t length)
{
    if (length <= TEXT_MAX)
        return (uint32_t)length;
    size_t end = TEXT_MAX;
    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    return (uint32_t)end;
}

static int put_text(struct tm_builder *b, uint32_t field, const char *text, size_t length)
{
    return tm_builder_put_bytes(b, field, text, cut(text, length));
}

static int put_origin(struct tm_builder *b, const struct tm_row_failure *failure)
{
    int rc = 0;
    if (failure->source != NULL)
        rc = put_text(b, TM_DEAD_LETTER_SOURCE, failure->source, strlen(failure->source));
    if (failure->offset >= 0)
        tm_builder_put_int(b, TM_DEAD_LETTER_OFFSET, failure->offset);
    if (failure->line >= 0)
        tm_builder_put_int(b, TM_DEAD_LETTER_LINE, failure->line);
    if (rc == 0 && failure->raw != NULL) {
        const char *raw = (const char *)failure->raw;
        if (tm_text_is_utf8(raw, failure->raw_length))
            rc = put_text(b, TM_DEAD_LETTER_RAW, raw, failure->raw_length);
        else
            rc = tm_builder_put_bytes(
                b, TM_DEAD_LETTER_RAW_BASE64, raw,
                (uint32_t)(failure->raw_length < TEXT_MAX ? failure->raw_length : TEXT_MAX));
    }
    return rc;
}

int tm_dead_letter_append(struct tm_batch *batch, const struct tm_row_failure *failure,
                          uint32_t subtask, const struct tm_buf *row_json)
{
    struct tm_builder b;
    char code[8];
    int rc = tm_builder_begin(&b, batch);
    if (rc != 0)
        return rc;
    tm_error_code_text(failure->code, code);
    rc = put_text(&b, TM_DEAD_LETTER_CODE, code, strlen(code));
    if (rc == 0)
        rc = put_text(&b, TM_DEAD_LETTER_MESSAGE, failure->message, failure->message_length);
    if (rc == 0)
        rc =
            put_text(&b, TM_DEAD_LETTER_OPERATOR, failure->node->name, strlen(failure->node->name));
    tm_builder_put_int(&b, TM_DEAD_LETTER_SUBTASK, subtask);
    if (rc == 0 && row_json->size_bytes != 0)
        rc = put_text(&b, TM_DEAD_LETTER_ROW, (const char *)row_json->data, row_json->size_bytes);
    if (rc == 0)
        rc = put_origin(&b, failure);
    if (rc == 0)
        return tm_builder_end(&b);
    tm_builder_cancel(&b);
    return rc;
}
