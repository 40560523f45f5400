// What to say about a broken JSON record. Cold: never part of a record that is right.
#pragma once

#include "core/format/json_keys.h"

enum { TM__FAIL_TEXT = 400, TM__FAIL_PATH = 200 };

// `message` says what is wrong with the field `path`; where no field is to blame, `path` is empty
// and stays so (`bare`).
struct tm__json_fail {
    int code;
    bool bare;
    char path[TM__FAIL_PATH];
    char message[TM__FAIL_TEXT];
};

// The record that is being read: positions in messages count from its first byte.
struct tm__json_place {
    const uint8_t *text; // of the window
    uint32_t start, end; // of the record in it
};

// What is wrong is inside of a field, or of a list's item, or of a map's entry, whose key is text
// of the record: from the inside out, each level puts its name in front.
__attribute__((cold)) void tm__json_fail_in(struct tm__json_fail *fail, const char *name);
__attribute__((cold)) void tm__json_fail_in_item(struct tm__json_fail *fail, uint32_t index);
__attribute__((cold)) void tm__json_fail_in_entry(struct tm__json_fail *fail, const uint8_t *key,
                                                  size_t len);
// The whole message.
__attribute__((cold)) void tm__json_fail_text(const struct tm__json_fail *fail, char *text,
                                              size_t size);

// All of these return the code they set. Their caller adds the field with tm__json_fail_in.
__attribute__((cold)) int tm__json_fail_type(struct tm__json_fail *fail,
                                             const struct tm__json_place *place,
                                             struct tm_type type, uint32_t at);
__attribute__((cold)) int tm__json_fail_value(struct tm__json_fail *fail, int code,
                                              const struct tm__json_place *place, uint32_t at,
                                              uint32_t len, const char *why);
__attribute__((cold)) int tm__json_fail_structure(struct tm__json_fail *fail,
                                                  const struct tm__json_place *place, uint32_t at,
                                                  const char *expected);
// The key whose text is [at, end) has an escape that is none of JSON.
__attribute__((cold)) int tm__json_fail_key(struct tm__json_fail *fail,
                                            const struct tm__json_place *place, uint32_t at,
                                            uint32_t end);
__attribute__((cold)) int tm__json_fail_root(struct tm__json_fail *fail,
                                             const struct tm__json_place *place, uint32_t at);
__attribute__((cold)) int tm__json_fail_trailing(struct tm__json_fail *fail,
                                                 const struct tm__json_place *place, uint32_t at);
__attribute__((cold)) int tm__json_fail_required(struct tm__json_fail *fail, bool is_null);
// The row that comes of it gets too large, or there is no memory: TM_E_LIMIT, TM_E_MEMORY.
__attribute__((cold)) int tm__json_fail_room(struct tm__json_fail *fail, int rc);
// The record could not be indexed.
__attribute__((cold)) int tm__json_fail_index(struct tm__json_fail *fail, int result,
                                              const struct tm__json_place *place);
