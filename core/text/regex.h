// What the two files about regular expressions share: one match, and walking from match to match.
#pragma once

#include "core/text/text_private.h"

// What is known of a text: its bytes are looked at once, however many matches it has.
enum tm__subject { TM__SUBJECT_NEW = 0, TM__SUBJECT_ASCII = 1, TM__SUBJECT_UTF8 = 2 };

struct tm__scan {
    struct tm_regex *regex;
    const char *s;
    size_t len;
    enum tm__subject subject;
    size_t at;          // where the next search begins
    bool not_empty;     // a match was empty there: another one does not count
    const size_t *ends; // of the match: from, to, and pairs of groups; SIZE_MAX: took no part
    uint32_t ends_count;
};

// 1: a match, `ends` are set and `at` is behind it; 0: none; or a code.
int32_t tm__regex_next(struct tm__scan *scan);
struct tm_text *tm__regex_text(struct tm_regex *regex);
uint32_t tm__regex_groups(const struct tm_regex *regex);
// The number of a named group, or -1.
int32_t tm__regex_group(const struct tm_regex *regex, const char *name, size_t len);
