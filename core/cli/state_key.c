// Keys that people write, as the bytes by which states know them.
#include "core/cli/state_key.h"

#include <jansson.h>

#include "core/base/limits.h"
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

static const json_t *column_of(const json_t *object, uint32_t i, const struct tm_field *field)
{
    return json_is_array(object) ? json_array_get(object, i) : json_object_get(object, field->name);
}

static int put_columns(const struct tm_schema *input, const struct tm_key_spec *spec,
                       const json_t *object, struct tm_buf *out, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < spec->count && rc == 0; i++) {
        const struct tm_field *field = &input->fields[spec->fields[i]];
        const json_t *value = column_of(object, i, field);
        rc =
            value == NULL ? wrong(field, "missing", err) : put_column(field, value, NULL, out, err);
    }
    return rc;
}

static int nested(const struct tm_field *field, struct tm_error *err)
{
    tm_error_set(err, TM_E_STATE_KEY, "the column '%s' is nested, and cannot be given as a key",
                 field->name);
    tm_error_hint(err, "`tidemill state scan` shows what is there");
    return TM_E_STATE_KEY;
}

// A column of an identity, which may be null.
static int put_optional(const struct tm_field *field, const json_t *value, const char *plain,
                        struct tm_buf *out, struct tm_error *err)
{
    bool is_null = json_is_null(value);
    uint8_t present = !is_null;
    if (field->type.of != NULL || field->type.kind == TM_TYPE_ANY)
        return nested(field, err);
    if (value == NULL && plain == NULL)
        return wrong(field, "missing", err);
    int rc = tm_buf_append(out, &present, 1);
    if (rc != 0 || is_null)
        return rc;
    if (plain != NULL && value == NULL)
        value = json_null(); // the text as it was given
    bool is_text = field->type.kind == TM_TYPE_STRING || field->type.kind == TM_TYPE_BYTES;
    if (!is_text || plain == NULL || json_is_string(value))
        return put_column(field, value, NULL, out, err);
    return put_text(out, plain, strlen(plain), false);
}

// What tells rows apart: the key's columns and others. Its key group is that of the key.
static int read_identity(const struct tm_node *node, const struct tm_schema *input,
                         const char *plain, const json_t *value, struct tm_buf *bytes,
                         uint64_t *hash, struct tm_error *err)
{
    uint32_t fields[TM_FIELDS_MAX];
    uint32_t count = tm_node_identity(node, input, fields);
    bool alone = count == 1 && !json_is_object(value);
    struct tm_buf key;
    int rc = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const struct tm_field *field = &input->fields[fields[i]];
        rc = put_optional(field, alone ? value : column_of(value, i, field), alone ? plain : NULL,
                          bytes, err);
    }
    if (rc != 0)
        return rc;
    tm_buf_init(&key, bytes->mem);
    if (alone && node->key.count == 1)
        rc = put_column(&input->fields[node->key.fields[0]], value, plain, &key, err);
    else if (node->key.count == 1)
        rc = put_column(&input->fields[node->key.fields[0]],
                        column_of(value, 0, &input->fields[node->key.fields[0]]), "", &key, err);
    else
        rc = put_columns(input, &node->key, value, &key, err);
    if (rc == 0)
        *hash = tm_key_identity_hash(tm_hash_bytes(key.data, key.size_bytes), bytes->data,
                                     bytes->size_bytes);
    tm_buf_fini(&key);
    return rc;
}

static int read_key(const struct tm_node *node, const struct tm_schema *input, const char *text,
                    const json_t *value, struct tm_buf *bytes, uint64_t *hash, struct tm_error *err)
{
    if (node->kind == TM_NODE_DISTINCT)
        return read_identity(node, input, text, value, bytes, hash, err);
    int rc = node->key.count == 1
                 ? put_column(&input->fields[node->key.fields[0]], value, text, bytes, err)
                 : put_columns(input, &node->key, value, bytes, err);
    *hash = tm_hash_bytes(bytes->data, bytes->size_bytes);
    return rc;
}

int tm_state_key_read(const struct tm_job *job, const struct tm_node *node, const char *text,
                      struct tm_buf *bytes, uint64_t *hash, struct tm_error *err)
{
    const struct tm_schema *input =
        node->input_count == 0 ? NULL : tm_node_schema(&job->graph->nodes[node->inputs[0]]);
    bytes->size_bytes = 0;
    if (input == NULL)
        return tm_error_set(err, TM_E_STATE_KEY,
                            "the types of keys of '%s' are not known before its first row",
                            node->name);
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    int rc = read_key(node, input, text, value, bytes, hash, err);
    json_decref(value);
    return rc == TM_E_MEMORY ? tm_error_set(err, rc, "out of memory for a key") : rc;
}
