// Errors: one table of codes, and a caller-allocated error that carries what was attempted, on
// what, and the cause. Functions return 0 or a negative code of enum tm_code and fill the error
// they are given.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define TM_WARN_UNUSED __attribute__((warn_unused_result))
#define TM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

// Every code a function can return or a user can see. `number` is printed as TM0101.
enum tm_code {
    TM_OK = 0,
#define TM_ERROR(name, number, title) TM_E_##name = -(number),
#include "core/base/errors.def"
#undef TM_ERROR
};

enum { TM_ERROR_TEXT_MAX = 2048, TM_ERROR_WHERE_MAX = 512 };

// One failure. Zero-initialise with TM_ERROR_INIT or tm_error_clear; holds no heap memory.
// `message` is one sentence or more: what was given, what is allowed, nearest valid name.
// `where` is file:line or file:line:column, or source and offset; may be empty; further lines show
// the place in the text. `hint` is the fix; may be empty.
struct tm_error {
    int code; // enum tm_code, 0 = no error
    char message[TM_ERROR_TEXT_MAX];
    char where[TM_ERROR_WHERE_MAX];
    char hint[TM_ERROR_TEXT_MAX];
};

// What may not do what its author thinks, in a job that runs.
struct tm_finding {
    int code;                           // enum tm_code
    const char *severity;               // "warning" or "advice"
    const char *where, *message, *hint; // as of struct tm_error
};
typedef void tm_finding_each(void *arg, const struct tm_finding *finding);

// Forget any error. Any thread owning `err`.
void tm_error_clear(struct tm_error *err);

// Set code and message; clears where and hint. Returns `code`, so `return tm_error_set(...)` reads
// well. `err` may be NULL (only the code is returned). Truncates at TM_ERROR_TEXT_MAX on a UTF-8
// boundary.
int tm_error_set(struct tm_error *err, int code, const char *fmt, ...) TM_PRINTF(3, 4);

// As tm_error_set, and appends ": " and strerror(errnum).
int tm_error_set_errno(struct tm_error *err, int code, int errnum, const char *fmt, ...)
    TM_PRINTF(4, 5);

// Say where it happened / how to fix it. No-ops on NULL.
void tm_error_where(struct tm_error *err, const char *fmt, ...) TM_PRINTF(2, 3);
void tm_error_hint(struct tm_error *err, const char *fmt, ...) TM_PRINTF(2, 3);

// Put context in front of the message: "open in/a.json: no such file". Returns err->code.
int tm_error_prefix(struct tm_error *err, const char *fmt, ...) TM_PRINTF(2, 3);

// The stable name ("bad_json"), the title from the table, and the printed code ("TM0401") of a
// code.
const char *tm_error_name(int code);
const char *tm_error_title(int code);
// Writes "TM0401" into buf (at least 8 bytes) and returns it.
const char *tm_error_code_text(int code, char buf[8]);

// The code of a name in errors.def as Lua code gives it ("UNKNOWN_FIELD"), or TM_E_INTERNAL when
// there is none.
int tm_error_by_name(const char *name);
