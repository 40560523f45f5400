// A shared library that is loaded when it is first needed. FUNCTIONS(X) lists those that are used,
// X(name) each; they are called through `lib`, of which a file has one: a library is loaded once
// for a process, whatever worlds it has.
#pragma once

#include <dlfcn.h>
#include <pthread.h>

#define TM__LIBRARY_FUNCTION(name) __typeof__(&name) name;
#define TM__LIBRARY_FIND(name)                                                       \
    if (lib.missing == NULL && (*(void **)&lib.name = dlsym(handle, #name)) == NULL) \
        lib.missing = #name;

// lib.missing: what could not be found; NULL: all is there.
#define TM__LIBRARY(FUNCTIONS)          \
    static struct {                     \
        pthread_once_t once;            \
        const char *missing;            \
        FUNCTIONS(TM__LIBRARY_FUNCTION) \
    } lib = {.once = PTHREAD_ONCE_INIT}

// In the function that is run once.
#define TM__LIBRARY_LOAD(file, FUNCTIONS)                   \
    do {                                                    \
        void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL); \
        lib.missing = handle == NULL ? (file) : NULL;       \
        FUNCTIONS(TM__LIBRARY_FIND)                         \
    } while (0)
