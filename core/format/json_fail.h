// What to say about a broken JSON record. Cold: never part of a record that is right.
#pragma once

#include "core/format/json_keys.h"

enum { TM__FAIL_TEXT = 400 };

struct tm__json_fail {
    int code;
    char message[TM__FAIL_TEXT];
};

// The record that is being read: positions in messages count from its first byte.
struct tm__json_place {
    const uint8_t *text; // of the window
    uint32_t start, end; // of the record in it
};

// All return the code they set.
__attribute__((cold)) int tm__json_fail_type(struct tm__json_fail *fail,
                                             const struct tm__json_place *place,
                                             const struct tm__key_node *node, uint32_t at);
__attribute__((cold)) int tm__json_fail_value(struct tm__json_fail *fail, int code,
                                              const struct tm__json_place *place,
                                              const struct tm__key_node *node, uint32_t at,
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
__attribute__((cold)) int tm__json_fail_required(struct tm__json_fail *fail, const char *field,
                                                 bool is_null);
// The record could not be indexed.
__attribute__((cold)) int tm__json_fail_index(struct tm__json_fail *fail, int result,
                                              const struct tm__json_place *place);
