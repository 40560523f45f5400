// Lua modules and shared headers embedded in the binary (made by cmake/embed.lua), sorted by name,
// ends with a NULL name. A module is named as `require` names it ("tidemill", "tidemill.schema",
// "codegen.view"); a header by its path.
#pragma once

#include <stddef.h>

struct tm_embedded {
    const char *name;
    const char *text; // NUL-terminated
    size_t length;
    const char *code; // of a module: its bytecode, by the LuaJIT that the build used
    size_t code_length;
};
extern const struct tm_embedded tm_embedded_files[];
