// JSON Lines. The careful way through a record, which a line without its end takes, must agree with
// the fast one.
__attribute__((unused)) static const char *const pieces[] = {
    "{\"a\":1}\n",
    "[{\"a\":1},\n",
    "[\n  {\"a\":1,\n   \"b\":\"x\"},\n  {\"a\":2}\n]\n",
    "{\n  \"a\":1\n}\n",
    "{\"a\":2,\"b\":\"text\"}\n",
    "{\"a\":3,\"c\":1.25,\"d\":12.5}\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\n",
    "\r\n",
    " ",
    "\"a\":",
    "\"b\":",
    "\"c\":",
    "\"d\":",
    "\"t\":",
    "\"i\":",
    "\"y\":",
    "\"z\":",
    "\"x\":",
    "\"a_key_longer_than_sixteen\":",
    "1",
    "-0",
    "12345678901234567890",
    "1e999",
    "0.1",
    "1e-5",
    "true",
    "false",
    "null",
    "\"AAEC\"",
    "\"2024-01-01T00:00:00Z\"",
    "\"\\u00e9\\ud83d\\ude00\"",
    "\"\\n\\\"\"",
    "\"l\":",
    "\"s\":{\"a\":1",
    "\"m\":{",
    "\"n\":{\"1\":",
    "{\"l\":[1,2,null],\"s\":{\"a\":1,\"b\":\"x\",\"c\":[{\"a\":1,\"d\":1.5}],\"x\":[1]},",
    "\"m\":{\"k\":[\"x\",\"y\"],\"j\":null},\"n\":{\"2\":1.5,\"1\":2}}\n",
    "{\"a\":1,\"x\":{\"y\":[1,2.5,true,null,\"t\",{}],\"z\":-70000},\"b\":\"q\"}\n",
    "{\"y\":[\"AAEC\"],\"t\":[\"2024-01-01T00:00:00Z\",5]}\n",
    "\xc3\xa9",
    "\xff",
    "{\"a\":4,\"b\":\"esc\\\\aped \\\" and long enough for several steps of sixteen\"}\n"};

#include "tests/fuzz/decoding.h"

static void decode_lines(const uint8_t *p, size_t len, struct result *result)
{
    struct tm_decoder *d = begin(&tm_format_json, &F.lines, result);
    for (size_t at = 0, length; at < len; at += length + 1) {
        const uint8_t *end = memchr(p + at, '\n', len - at);
        length = end != NULL ? (size_t)(end - p) - at : len - at;
        // A blank for an empty line: the decoder counts bytes, to know a mark at the text's start.
        const uint8_t *line = length == 0 ? (const uint8_t *)" " : p + at;
        size_t bytes = length == 0 ? 1 : length;
        check(decode_part(d, line, bytes, true, result) == bytes, "bytes of a line are left");
    }
    d->ops->free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct result whole, lines;
    if (!F.ready)
        set_up();
    // A first byte that no text begins with chooses the schema.
    F.schema = len != 0 && p[0] >= 0x80 ? F.nested : F.flat;
    if (F.schema == F.nested) {
        p++;
        len--;
    }
    // Records that are no lines: nothing to compare with but their parts.
    decode_both(&tm_format_json, NULL, p, len, &whole);
    tm_buf_fini(&whole.rows);
    decode_both(&tm_format_json, &F.lines, p, len, &whole);
    decode_lines(p, len, &lines);
    check_rows(&whole, &lines, "other rows line by line");
    check(whole.bad_count == lines.bad_count && whole.code_hash == lines.code_hash,
          "other bad records line by line");
    tm_buf_fini(&whole.rows);
    tm_buf_fini(&lines.rows);
    return 0;
}
