// What each error means: cause, fix and example by code. Written in core/cli/errors/*.lua, made
// into C by cmake/catalogue.lua; numbers and titles are those of core/base/errors.def.
#pragma once

#include "core/base/error.h"

enum { TM_CATALOGUE_FILES = 4 };

struct tm_catalogue_file {
    const char *name, *text;
};

struct tm_catalogue_entry {
    int code;          // enum tm_code
    const char *group; // of `check`: "names"
    const char *cause, *fix;
    const char *run;     // a shell command that provokes it; NULL: none can, see `without`
    const char *without; // why there is no example; NULL: there is one
    struct tm_catalogue_file files[TM_CATALOGUE_FILES]; // that the command needs; until a NULL name
};

extern const struct tm_catalogue_entry tm_catalogue[]; // by number; ends with code 0

// NULL: no such entry.
const struct tm_catalogue_entry *tm_catalogue_find(int code);
// The group of findings and errors of this code; "script" where there is no entry.
const char *tm_catalogue_group(int code);
