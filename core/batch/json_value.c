// Values as JSON.
#include "core/batch/json_value.h"

#include "core/base/text.h"
#include "core/batch/value_text.h"

static int put(struct tm_buf *out, const char *text)
{
    return tm__value_put_plain(out, text);
}

// Bytes that are no UTF-8 become U+FFFD.
int tm_json_put_text(struct tm_buf *out, const void *text, size_t length)
{
    const char *p = text;
    int rc = put(out, "\"");
    for (size_t i = 0, n; rc == 0 && i < length; i += n) {
        unsigned char c = (unsigned char)p[i];
        n = 1;
        if (c == '"' || c == '\\') {
            const char escaped[2] = {'\\', (char)c};
            rc = tm_buf_append(out, escaped, 2);
        } else if (c < 0x20 || c == 0x7f) {
            rc = tm_buf_printf(out, "\\u%04x", c);
        } else {
            while (n < 4 && i + n < length && !tm_text_is_utf8(p + i, n))
                n++;
            bool whole = tm_text_is_utf8(p + i, n);
            n = whole ? n : 1;
            rc = whole ? tm_buf_append(out, p + i, n) : put(out, "\xef\xbf\xbd");
        }
    }
    return rc == 0 ? put(out, "\"") : rc;
}

static int put_hex(struct tm_buf *out, const void *bytes, size_t length)
{
    const uint8_t *p = bytes;
    int rc = put(out, "\"");
    for (size_t i = 0; rc == 0 && i < length; i++)
        rc = tm_buf_printf(out, "%02x", p[i]);
    return rc == 0 ? put(out, "\"") : rc;
}

static int put_name(struct tm_buf *out, const char *name)
{
    return tm_json_put_text(out, name, strlen(name));
}

int tm_json_put_value(struct tm_buf *out, struct tm_type type, struct tm_slot slot)
{
    static const struct tm__value_style style = {
        .comma = ",",
        .list = {"[", "]"},
        .fields = {"{", "}"},
        .is = ":",
        .texts = {"{", "", ":", "", "}"},
        .map = {"[", "[", ",", "]", "]"},
        .quote = "\"",
        .not_finite = "null",
        .no_value = "null",
        .name = put_name,
        .text = tm_json_put_text,
        .bytes = put_hex,
    };
    return tm__value_put(out, &style, type, slot, false);
}
