// Keys that people write, as the bytes by which states know them.
#include "core/cli/state_key.h"

#include <jansson.h>

#include "core/batch/decimal.h"
#include "core/batch/timestamp.h"

static int wrong(const struct tm_field *field, const char *needed, struct tm_error *err)
{
    tm_error_set(err, TM_E_STATE_KEY, "the key's column '%s' is %s", field->name, needed);
    tm_error_hint(err,
                  "a key of one column is given as it is, one of several as a JSON object: "
                  "'{\"%s\": ...}'",
                  field->name);
    return TM_E_STATE_KEY;
}

static int put_word(struct tm_buf *out, int64_t word)
{
    return tm_buf_append(out, &word, sizeof word);
}

static int put_text(struct tm_buf *out, const char *text, size_t length, bool alone)
{
    uint32_t size = (uint32_t)length;
    int rc = alone ? 0 : tm_buf_append(out, &size, sizeof size);
    return rc != 0 ? rc : tm_buf_append(out, text, length);
}

static int put_double(struct tm_buf *out, double number)
{
    int64_t word;
    number = number == 0 ? 0 : number; // no minus zero
    memcpy(&word, &number, sizeof word);
    return put_word(out, word);
}

static int put_decimal(const struct tm_field *field, const char *text, struct tm_buf *out,
                       struct tm_error *err)
{
    tm_int128 decimal;
    if (text == NULL || tm_decimal_parse(text, strlen(text), field->type.precision,
                                         field->type.scale, &decimal) != 0)
        return wrong(field, "a decimal, given as a text of its digits", err);
    return tm_buf_append(out, &decimal, sizeof decimal);
}

// `plain`: the text as it was given, where the column is all of the key; else NULL.
static int put_column(const struct tm_field *field, const json_t *value, const char *plain,
                      struct tm_buf *out, struct tm_error *err)
{
    const char *text = json_is_string(value) ? json_string_value(value) : plain;
    int64_t instant;
    switch (field->type.kind) {
    case TM_TYPE_STRING:
    case TM_TYPE_BYTES:
        if (text == NULL)
            return wrong(field, "a text", err);
        return put_text(out, text, json_is_string(value) ? json_string_length(value) : strlen(text),
                        plain != NULL);
    case TM_TYPE_BOOL:
        if (!json_is_boolean(value))
            return wrong(field, "true or false", err);
        return put_word(out, json_is_true(value));
    case TM_TYPE_DECIMAL:
        return put_decimal(field, text, out, err);
    case TM_TYPE_DOUBLE:
        if (!json_is_number(value))
            return wrong(field, "a number", err);
        return put_double(out, json_number_value(value));
    case TM_TYPE_TIMESTAMP:
        if (text != NULL && tm_timestamp_parse(text, strlen(text), &instant) == 0)
            return put_word(out, instant);
        if (!json_is_integer(value))
            return wrong(field, "a time, as \"2026-01-01T00:00:00Z\" or in milliseconds", err);
        return put_word(out, json_integer_value(value));
    default:
        if (!json_is_integer(value))
            return wrong(field, "a whole number", err);
        return put_word(out, json_integer_value(value));
    }
}

static int put_columns(const struct tm_schema *input, const struct tm_key_spec *spec,
                       const json_t *object, struct tm_buf *out, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < spec->count && rc == 0; i++) {
        const struct tm_field *field = &input->fields[spec->fields[i]];
        const json_t *value = json_is_array(object) ? json_array_get(object, i)
                                                    : json_object_get(object, field->name);
        rc =
            value == NULL ? wrong(field, "missing", err) : put_column(field, value, NULL, out, err);
    }
    return rc;
}

int tm_state_key_read(const struct tm_job *job, const struct tm_node *node, const char *text,
                      struct tm_buf *bytes, struct tm_error *err)
{
    const struct tm_schema *input =
        node->input_count == 0 ? NULL : tm_node_schema(&job->graph->nodes[node->inputs[0]]);
    int rc;
    bytes->size_bytes = 0;
    if (input == NULL)
        return tm_error_set(err, TM_E_STATE_KEY,
                            "the types of keys of '%s' are not known before its first row",
                            node->name);
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (node->key.count == 1)
        rc = put_column(&input->fields[node->key.fields[0]], value, text, bytes, err);
    else
        rc = put_columns(input, &node->key, value, bytes, err);
    json_decref(value);
    return rc == TM_E_MEMORY ? tm_error_set(err, rc, "out of memory for a key") : rc;
}
