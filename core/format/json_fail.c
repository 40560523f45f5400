// Messages about broken JSON records: the field, what was found, what is needed, the byte.
#include "core/format/json_fail.h"

#include <stdio.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/format/json_index.h"
#include "core/format/json_number.h"
#include "core/format/json_string.h"

enum { SHOWN = 40 }; // bytes of a value in a message

static const char *found(uint8_t c)
{
    switch (c) {
    case '"':
        return "a string";
    case '{':
        return "an object";
    case '[':
        return "an array";
    case 't':
    case 'f':
        return "a boolean";
    case 'n':
        return "null";
    default:
        return c == '-' || (c >= '0' && c <= '9') ? "a number" : NULL;
    }
}

static const char *needed(struct tm_type type, char buf[TM_TYPE_TEXT])
{
    switch (type.kind) {
    case TM_TYPE_BYTES:
        return "bytes (a base64 string)";
    case TM_TYPE_TIMESTAMP:
        return "timestamp (milliseconds or ISO 8601)";
    default:
        return tm_type_text(type, buf);
    }
}

// A byte for people: 'x', or 0x00.
static const char *show_byte(uint8_t c, char buf[8])
{
    if (c >= 0x20 && c < 0x7F)
        snprintf(buf, 8, "'%c'", c);
    else
        snprintf(buf, 8, "0x%02X", c);
    return buf;
}

// `step` in front of the path, which is cut at its end where it is too long.
static void prepend(struct tm__json_fail *fail, const char *step)
{
    char path[TM__FAIL_PATH];
    if (fail->bare)
        return;
    bool joined = fail->path[0] == 0 || fail->path[0] == '[';
    int len = snprintf(path, sizeof path, "%s%s%s", step, joined ? "" : ".", fail->path);
    if (len >= (int)sizeof path) {
        size_t end = sizeof path - 4;
        while (end > 0 && ((uint8_t)path[end] & 0xC0) == 0x80)
            end--;
        memcpy(path + end, "...", 4);
    }
    memcpy(fail->path, path, sizeof path);
}

void tm__json_fail_in(struct tm__json_fail *fail, const char *name)
{
    prepend(fail, name);
}

void tm__json_fail_in_item(struct tm__json_fail *fail, uint32_t index)
{
    char step[16];
    snprintf(step, sizeof step, "[%u]", index + 1);
    prepend(fail, step);
}

void tm__json_fail_in_entry(struct tm__json_fail *fail, const uint8_t *key, size_t len)
{
    char step[SHOWN + 16];
    size_t shown = len > SHOWN ? SHOWN : len;
    while (shown > 0 && shown < len && (key[shown] & 0xC0) == 0x80)
        shown--;
    snprintf(step, sizeof step, "[\"%.*s%s\"]", (int)shown, (const char *)key,
             shown < len ? "..." : "");
    prepend(fail, step);
}

void tm__json_fail_text(const struct tm__json_fail *fail, char *text, size_t size)
{
    if (fail->bare)
        snprintf(text, size, "%s", fail->message);
    else
        snprintf(text, size, "field %s%s", fail->path, fail->message);
}

// What follows is a new failure, of no field yet.
static int set(struct tm__json_fail *fail, int code, bool bare)
{
    fail->bare = bare;
    fail->path[0] = 0;
    return fail->code = code;
}

static uint32_t position(const struct tm__json_place *place, uint32_t at)
{
    return at - place->start;
}

static int cut_short(struct tm__json_fail *fail, const struct tm__json_place *place,
                     const char *what)
{
    snprintf(fail->message, sizeof fail->message, "the record is cut short: %s (byte %u)", what,
             position(place, place->end));
    return set(fail, TM_E_BAD_JSON, true);
}

int tm__json_fail_type(struct tm__json_fail *fail, const struct tm__json_place *place,
                       struct tm_type type, uint32_t at)
{
    char buf[TM_TYPE_TEXT];
    const char *what = found(place->text[at]);
    if (what == NULL)
        return tm__json_fail_structure(fail, place, at, "a value");
    snprintf(fail->message, sizeof fail->message, ": found %s, needs %s (byte %u)", what,
             needed(type, buf), position(place, at));
    return set(fail, TM_E_BAD_TYPE, false);
}

int tm__json_fail_value(struct tm__json_fail *fail, int code, const struct tm__json_place *place,
                        uint32_t at, uint32_t len, const char *why)
{
    int shown = len > SHOWN ? SHOWN : (int)len;
    while (shown > 0 && (uint32_t)shown < len && (place->text[at + (uint32_t)shown] & 0xC0) == 0x80)
        shown--;
    snprintf(fail->message, sizeof fail->message, ": %.*s%s %s (byte %u)", shown,
             (const char *)place->text + at, len > SHOWN ? "..." : "", why, position(place, at));
    return set(fail, code, false);
}

int tm__json_fail_structure(struct tm__json_fail *fail, const struct tm__json_place *place,
                            uint32_t at, const char *expected)
{
    char buf[8];
    if (at >= place->end)
        return cut_short(fail, place,
                         strchr(expected, ']') == NULL ? "no closing brace" : "no closing bracket");
    snprintf(fail->message, sizeof fail->message, "found %s where %s should be (byte %u)",
             show_byte(place->text[at], buf), expected, position(place, at));
    return set(fail, TM_E_BAD_JSON, true);
}

int tm__json_fail_key(struct tm__json_fail *fail, const struct tm__json_place *place, uint32_t at,
                      uint32_t end)
{
    static const char letters[] = "\"\\/bfnrt";
    const uint8_t *text = place->text;
    uint8_t out[8];
    for (; at < end; at++) { // escape by escape
        const uint8_t *after = text + at;
        if (text[at] != '\\')
            continue;
        if (end - at >= 2 && text[at + 1] != 0 && strchr(letters, text[at + 1]) != NULL)
            at++;
        else if (tm__json_unicode_escape(&after, text + end, out) != 0)
            at = (uint32_t)(after - text) - 1;
        else
            break;
    }
    uint32_t shown = end - at > 2 && text[at + 1] == 'u' ? 6 : 2; // \u and four digits
    shown = shown < end - at ? shown : end - at;
    while (shown < end - at && (text[at + shown] & 0xC0) == 0x80)
        shown++; // not within a character
    snprintf(fail->message, sizeof fail->message,
             "%.*s in a key is not an escape of JSON (byte %u)", (int)shown,
             (const char *)text + at, position(place, at));
    return set(fail, TM_E_BAD_JSON, true);
}

// A line of some log may begin like a number or a word of JSON: is it one, to the record's end?
static bool is_scalar(const struct tm__json_place *place, uint32_t at)
{
    static const char *const words[] = {"true", "false", "null"};
    const char *text = (const char *)place->text + at;
    size_t len = place->end - at;
    while (len > 0 && memchr(" \t\r\n", text[len - 1], 4) != NULL)
        len--;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
            return true;
    struct tm__number number;
    return tm__number_scan(place->text + at, &number) == len;
}

int tm__json_fail_root(struct tm__json_fail *fail, const struct tm__json_place *place, uint32_t at)
{
    uint8_t first = place->text[at];
    const char *what = found(first);
    bool is_json = first == '"' || first == '[' || is_scalar(place, at);
    if (what == NULL || !is_json)
        return tm__json_fail_structure(fail, place, at, "an object");
    snprintf(fail->message, sizeof fail->message, "the record is %s, an object is needed (byte %u)",
             what, position(place, at));
    return set(fail, TM_E_BAD_TYPE, true);
}

int tm__json_fail_trailing(struct tm__json_fail *fail, const struct tm__json_place *place,
                           uint32_t at)
{
    char buf[8];
    snprintf(fail->message, sizeof fail->message,
             "%s follows the closing brace of the object (byte %u)",
             show_byte(place->text[at], buf), position(place, at));
    return set(fail, TM_E_BAD_JSON, true);
}

int tm__json_fail_required(struct tm__json_fail *fail, bool is_null)
{
    snprintf(fail->message, sizeof fail->message, " is required and %s",
             is_null ? "null" : "missing");
    return set(fail, TM_E_REQUIRED, false);
}

int tm__json_fail_room(struct tm__json_fail *fail, int rc)
{
    if (rc == TM_E_MEMORY) {
        snprintf(fail->message, sizeof fail->message, "out of memory for a record");
        return set(fail, TM_E_MEMORY, true);
    }
    snprintf(fail->message, sizeof fail->message, "the row of the record gets larger than %d MB",
             TM_ROW_BYTES_MAX >> 20);
    return set(fail, TM_E_TOO_LARGE, true);
}

// The first byte that does not belong to UTF-8.
static uint32_t bad_utf8(const struct tm__json_place *place)
{
    uint32_t at = place->start;
    while (at < place->end) {
        uint8_t c = place->text[at];
        uint32_t len = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        if (len > place->end - at || !tm__utf8_is_valid(place->text + at, len))
            break;
        at += len;
    }
    return at;
}

// The first control byte inside a string, as an error has said that there is one.
static uint32_t bad_control(const struct tm__json_place *place)
{
    bool inside = false;
    uint32_t at = place->start;
    for (; at + 1 < place->end && !(inside && place->text[at] < 0x20); at++) {
        if (place->text[at] == '"')
            inside = !inside;
        else if (inside && place->text[at] == '\\' && place->text[at + 1] >= 0x20)
            at++; // what is behind it
    }
    return at;
}

int tm__json_fail_index(struct tm__json_fail *fail, int result, const struct tm__json_place *place)
{
    char buf[8];
    uint32_t at;
    switch (result) {
    case TM__INDEX_BAD_UTF8:
        at = bad_utf8(place);
        snprintf(fail->message, sizeof fail->message, "byte 0x%02X is not valid UTF-8 (byte %u)",
                 place->text[at < place->end ? at : place->end - 1], position(place, at));
        return set(fail, TM_E_BAD_UTF8, true);
    case TM__INDEX_UNCLOSED:
        return cut_short(fail, place, "a string is not closed");
    case TM__INDEX_CONTROL:
        at = bad_control(place);
        snprintf(fail->message, sizeof fail->message,
                 "byte %s is not allowed inside a string (byte %u)",
                 show_byte(place->text[at], buf), position(place, at));
        return set(fail, TM_E_BAD_JSON, true);
    default:
        snprintf(fail->message, sizeof fail->message, "out of memory for a record of %u bytes",
                 place->end - place->start);
        return set(fail, TM_E_MEMORY, true);
    }
}
