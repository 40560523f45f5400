// The general ways through a JSON value: any spelling, any length, and what to say when it is
// wrong.
#include "core/format/json_value.h"

#include <stdio.h>

#include "core/batch/decimal.h"
#include "core/batch/timestamp.h"
#include "core/format/base64.h"
#include "core/format/json_number.h"
#include "core/format/json_string.h"

static inline bool is_null(const uint8_t *p, uint32_t len)
{
    return len == 4 && memcmp(p, "null", 4) == 0;
}

static void put_word(const struct tm__json_record *r, const struct tm__key_node *node, int64_t v)
{
    if (node->used)
        memcpy(r->slot, &v, sizeof v);
}

static int bad_number(struct tm__json_record *r, uint32_t at, uint32_t len, const char *why)
{
    return tm__json_fail_value(&r->d->fail, TM_E_BAD_NUMBER, &r->place, at, len, why);
}

// A scalar that is not what the fast way takes: null, another type, or not a value at all.
static int not_a_number(struct tm__json_record *r, const struct tm__key_node *node, uint32_t at,
                        uint32_t len)
{
    uint8_t c = r->place.text[at];
    if (is_null(r->place.text + at, len))
        return TM__VALUE_NULL;
    if (c == '-' || (c >= '0' && c <= '9'))
        return tm__json_fail_value(&r->d->fail, TM_E_BAD_JSON, &r->place, at, len,
                                   "is not a number of JSON");
    return tm__json_fail_type(&r->d->fail, &r->place, node->type, at);
}

static int slow_integer(struct tm__json_record *r, const struct tm__key_node *node, uint32_t at,
                        uint32_t len)
{
    struct tm__number number;
    int64_t v = 0;
    if (tm__number_scan(r->place.text + at, &number) != len)
        return not_a_number(r, node, at, len);
    enum tm__exact exact = tm__number_to_int64(&number, &v);
    if (exact == TM__FRACTION)
        return tm__json_fail_value(&r->d->fail, TM_E_BAD_TYPE, &r->place, at, len,
                                   node->type.kind == TM_TYPE_TIMESTAMP
                                       ? "has a fraction, needs timestamp in whole milliseconds"
                                       : "has a fraction, needs a whole number");
    if (node->type.kind == TM_TYPE_INT64) {
        if (exact == TM__TOO_LARGE)
            return bad_number(r, at, len, "does not fit int64");
    } else if (exact == TM__TOO_LARGE || v > TM_INT_MAX || v < -TM_INT_MAX) {
        return bad_number(r, at, len,
                          node->type.kind == TM_TYPE_INT
                              ? "is beyond 2^53, which int holds exactly; declare it as int64"
                              : "is not a timestamp in milliseconds");
    }
    put_word(r, node, v);
    return TM__VALUE_OK;
}

static int slow_double(struct tm__json_record *r, const struct tm__key_node *node, uint32_t at,
                       uint32_t len)
{
    const uint8_t *p = r->place.text + at;
    struct tm__number number;
    double v;
    if (tm__number_scan(p, &number) != len)
        return not_a_number(r, node, at, len);
    if (!tm__number_to_double(&number, p, len, &v))
        return bad_number(r, at, len, "is beyond the range of double");
    if (node->used)
        memcpy(r->slot, &v, sizeof v);
    return TM__VALUE_OK;
}

int tm__json_fail_escape(struct tm__json_record *r, uint32_t bad, uint32_t end)
{
    const uint8_t *p = r->place.text + bad;
    uint32_t shown = end - bad > 6 ? 6 : end - bad;
    while (shown > 1 && shown < end - bad && (p[shown] & 0xC0) == 0x80)
        shown--; // not within a character
    return tm__json_fail_value(&r->d->fail, TM_E_BAD_JSON, &r->place, bad, shown,
                               "is not an escape of JSON");
}

// The text of a string value, unescaped behind the row's last string; NULL: a bad escape.
static const uint8_t *string_text(struct tm__json_record *r, uint32_t at, uint32_t end, size_t *len)
{
    const uint8_t *text = r->place.text, *bad = NULL;
    *len = tm__json_unescape(text + at + 1, text + end - 1, r->heap, &bad);
    if (*len != SIZE_MAX)
        return r->heap;
    tm__json_fail_escape(r, (uint32_t)(bad - text), end - 1);
    return NULL;
}

static int slow_decimal(struct tm__json_record *r, const struct tm__key_node *node, uint32_t at,
                        uint32_t len)
{
    const uint8_t *p = r->place.text + at;
    size_t digits = len;
    if (*p == '"') {
        if (!node->used)
            return TM__VALUE_OK;
        if ((p = string_text(r, at, at + len, &digits)) == NULL)
            return r->d->fail.code;
    } else {
        struct tm__number number;
        if (tm__number_scan(p, &number) != len)
            return not_a_number(r, node, at, len);
    }
    tm_int128 v;
    int rc = tm_decimal_parse((const char *)p, digits, node->type.precision, node->type.scale, &v);
    if (rc == TM_E_OVERFLOW || rc == TM_E_BAD_NUMBER) {
        char why[128], type[TM_TYPE_TEXT];
        snprintf(why, sizeof why, "does not fit %s%s", tm_type_text(node->type, type),
                 rc == TM_E_OVERFLOW
                     ? ""
                     : ", which has fewer digits behind the point; declare more, or "
                       "double");
        return bad_number(r, at, len, why);
    }
    if (rc != 0)
        return tm__json_fail_value(&r->d->fail, TM_E_BAD_TYPE, &r->place, at, len,
                                   "is not a decimal number");
    if (node->used)
        memcpy(r->slot, &v, sizeof v);
    return TM__VALUE_OK;
}

static int timestamp_text(struct tm__json_record *r, const struct tm__key_node *node, uint32_t at,
                          uint32_t end)
{
    size_t len;
    int64_t ms;
    if (!node->used)
        return TM__VALUE_OK;
    const uint8_t *p = string_text(r, at, end, &len);
    if (p == NULL)
        return r->d->fail.code;
    if (tm_timestamp_parse((const char *)p, len, &ms) != 0)
        return tm__json_fail_value(&r->d->fail, TM_E_BAD_TIMESTAMP, &r->place, at, end - at,
                                   "is not a time of ISO 8601");
    put_word(r, node, ms);
    return TM__VALUE_OK;
}

static int read_bool(struct tm__json_record *r, const struct tm__key_node *node, uint32_t at,
                     uint32_t end)
{
    const uint8_t *p = r->place.text + at;
    if (end - at == 4 && memcmp(p, "true", 4) == 0) {
        put_word(r, node, 1);
        return TM__VALUE_OK;
    }
    if (end - at == 5 && memcmp(p, "false", 5) == 0) {
        put_word(r, node, 0);
        return TM__VALUE_OK;
    }
    if (is_null(p, end - at))
        return TM__VALUE_NULL;
    if (*p == 't' || *p == 'f' || *p == 'n')
        return tm__json_fail_structure(&r->d->fail, &r->place, at, "a boolean");
    return tm__json_fail_type(&r->d->fail, &r->place, node->type, at);
}

static int read_text(struct tm__json_record *r, const struct tm__key_node *node, uint32_t at,
                     uint32_t len)
{
    const uint8_t *text = r->place.text;
    if (text[at] != '"')
        return is_null(text + at, len) ? TM__VALUE_NULL
                                       : tm__json_fail_type(&r->d->fail, &r->place, node->type, at);
    if (!node->used)
        return TM__VALUE_OK;
    size_t length;
    if (string_text(r, at, at + len, &length) == NULL)
        return r->d->fail.code;
    if (node->type.kind == TM_TYPE_BYTES) {
        length = tm__base64_decode(r->heap, r->heap, length);
        if (length == SIZE_MAX)
            return tm__json_fail_value(&r->d->fail, TM_E_BAD_TYPE, &r->place, at, len,
                                       "is not base64");
    }
    struct tm_ref ref = {.offset = (uint32_t)(r->heap - r->base), .length = (uint32_t)length};
    memcpy(r->slot, &ref, sizeof ref);
    r->heap += length;
    return TM__VALUE_OK;
}

int tm__json_read_value(struct tm__json_record *r, const struct tm__key_node *node, uint32_t at,
                        uint32_t len)
{
    switch (node->type.kind) {
    case TM_TYPE_BOOL:
        return read_bool(r, node, at, at + len);
    case TM_TYPE_DOUBLE:
        return slow_double(r, node, at, len);
    case TM_TYPE_DECIMAL:
        return slow_decimal(r, node, at, len);
    case TM_TYPE_STRING:
    case TM_TYPE_BYTES:
        return read_text(r, node, at, len);
    case TM_TYPE_TIMESTAMP:
        if (r->place.text[at] == '"')
            return timestamp_text(r, node, at, at + len);
        return slow_integer(r, node, at, len);
    default:
        return slow_integer(r, node, at, len);
    }
}

int tm__json_read_scalar(struct tm__json_record *r, const struct tm__key_node *node, uint32_t at,
                         uint32_t len)
{
    r->has_gap = r->has_gap || (r->present[node->word] & node->bit) != 0;
    r->slot = r->row + node->offset;
    r->base = r->row;
    int rc = tm__json_read_value(r, node, at, len);
    if (rc == TM__VALUE_OK) {
        r->present[node->word] |= node->bit;
        if (!node->used)
            memset(r->row + node->offset, 0, node->type.kind == TM_TYPE_DECIMAL ? 16 : 8);
    } else if (rc == TM__VALUE_NULL) { // of a key given twice the last counts
        r->present[node->word] &= ~node->bit;
        r->nulled[node->word] |= node->bit;
    }
    return rc;
}

const uint32_t *tm__json_skip(struct tm__json_record *r, const uint32_t *index)
{
    uint64_t is_object[TM__DEPTH_MAX / 64] = {0};
    const uint8_t *text = r->place.text;
    uint32_t depth = 0;
    do {
        if (*index >= r->place.end) {
            tm__json_fail_structure(&r->d->fail, &r->place, r->place.end, "");
            return NULL;
        }
        uint8_t c = text[*index];
        if (c == '{' || c == '[') {
            if (depth == TM__DEPTH_MAX) {
                tm__json_fail_structure(&r->d->fail, &r->place, *index,
                                        "a value nested at most 1,024 deep");
                return NULL;
            }
            uint64_t bit = UINT64_C(1) << (depth & 63), *word = &is_object[depth >> 6];
            *word = c == '{' ? *word | bit : *word & ~bit;
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
            if (((is_object[depth >> 6] >> (depth & 63)) & 1) != (c == '}')) {
                tm__json_fail_structure(&r->d->fail, &r->place, *index, c == '}' ? "']'" : "'}'");
                return NULL;
            }
        }
        index++;
    } while (depth != 0);
    return index;
}

int tm__json_cut_or_broken(struct tm__json_record *r, uint32_t key, uint32_t colon, uint32_t value)
{
    const uint8_t *text = r->place.text;
    uint32_t end = r->place.end;
    if (key < end && text[key] != '"')
        return tm__json_fail_structure(&r->d->fail, &r->place, key, "a key in quotes");
    if (colon < end && text[colon] != ':')
        return tm__json_fail_structure(&r->d->fail, &r->place, colon, "':'");
    if (value < end && (text[value] == '}' || text[value] == ','))
        return tm__json_fail_structure(&r->d->fail, &r->place, value, "a value");
    return tm__json_fail_structure(&r->d->fail, &r->place, end, "");
}

int tm__json_missing(struct tm__json_record *r)
{
    const struct tm_schema *schema = r->d->schema;
    uint32_t field = 0;
    while ((schema->fields[field].flags & TM_FIELD_REQUIRED) == 0 ||
           (schema->fields[field].flags & TM_FIELD_HIDDEN) != 0 ||
           ((r->present[field >> 6] >> (field & 63)) & 1) != 0)
        field++;
    bool was_null = ((r->nulled[field >> 6] >> (field & 63)) & 1) != 0;
    int rc = tm__json_fail_required(&r->d->fail, was_null);
    tm__json_fail_in(&r->d->fail, r->d->columns.names[field]);
    return rc;
}

struct tm__key_node *tm__json_find_key(struct tm__json_record *r, struct tm__keys *keys,
                                       struct tm__key_node *before, uint32_t key, uint32_t colon)
{
    const uint8_t *text = r->place.text;
    if (text[key] != '"') {
        tm__json_fail_structure(&r->d->fail, &r->place, key, "a key in quotes");
        return NULL;
    }
    if (text[colon] != ':') {
        tm__json_fail_structure(&r->d->fail, &r->place, colon, "':'");
        return NULL;
    }
    uint32_t end = tm__json_token_end(text, colon);
    struct tm__key_node *node = tm__keys_find(keys, text + key + 1, end - key - 2, r->heap);
    if (node == NULL) {
        tm__json_fail_key(&r->d->fail, &r->place, key + 1, end - 1);
        return NULL;
    }
    return before->next = node;
}

const uint32_t *tm__json_read_field(struct tm__json_record *r, const struct tm__key_node *node,
                                    const uint32_t *index)
{
    struct tm__json_decoder *d = r->d;
    const uint8_t *text = r->place.text;
    uint32_t value = index[2], after = index[3];
    uint8_t c = text[value];
    if (c == ',' || c == '}' || c == ']' || c == ':') {
        tm__json_fail_structure(&d->fail, &r->place, value, "a value");
        return NULL;
    }
    bool nested = c == '{' || c == '[';
    if (node->field < 0)
        tm__json_stranger(r, node);
    if (node->field < 0)
        return nested ? tm__json_skip(r, index + 2) : index + 3;
    if (node->type.kind > TM_TYPE_TIMESTAMP) {
        const uint8_t *behind = tm__json_read_column(r, node, text + value);
        if (behind == NULL)
            return NULL;
        for (index += 3; *index < (uint32_t)(behind - text); index++)
            ;
        return index;
    }
    int rc = nested ? tm__json_fail_type(&d->fail, &r->place, node->type, value)
                    : tm__json_read_scalar(r, node, value, tm__json_token_end(text, after) - value);
    if (rc < 0)
        tm__json_fail_in(&d->fail, node->name);
    return rc < 0 ? NULL : index + 3;
}
