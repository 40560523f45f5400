// The helper functions of job code (regular expressions, strings, times, hashes): what the host of
// a lua_State makes for it. The functions themselves are in text.ffi.h.
#pragma once

#include "core/base/mem.h"
#include "core/text/text.ffi.h"

// Scratch memory and everything that lives as long as the state: one per lua_State, used by its
// thread alone. NULL: no memory.
struct tm_text *tm_text_new(struct tm_mem *mem) TM_WARN_UNUSED;
// Before the first regular expression: none is compiled to machine code, so that the memory of all
// of them is that which the state was given.
void tm_text_interpret(struct tm_text *text);
// After the state is closed: its regular expressions are freed by Lua's collector.
void tm_text_free(struct tm_text *text);
