// TM_CHECK: programmer errors, always on, once per batch or at boundaries. TM_ASSERT: per row,
// debug builds only. Neither may depend on input from outside.
#pragma once

// Prints file:line and the condition to standard error and aborts.
_Noreturn void tm_check_failed(const char *file, int line, const char *condition);

#define TM_CHECK(cond) ((cond) ? (void)0 : tm_check_failed(__FILE__, __LINE__, #cond))

#ifdef NDEBUG
#define TM_ASSERT(cond) ((void)0)
#else
#define TM_ASSERT(cond) TM_CHECK(cond)
#endif

#define TM_LIKELY(x) __builtin_expect(!!(x), 1)
#define TM_UNLIKELY(x) __builtin_expect(!!(x), 0)
