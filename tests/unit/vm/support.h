// A state over a script text, with the real effects, for the checks of core/vm.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/loop/real.h"
#include "core/vm/vm.h"
#include <check.h>

struct fixture {
    struct tm_fx fx;
    struct tm_mem mem;
    struct tm_error err;
    struct tm_vm *vm;
    struct tm_graph *graph;
};

static inline void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    ck_assert_int_eq(tm_real_init(&f->fx, &f->err), 0);
    tm_mem_init(&f->mem, &f->fx, NULL, 0);
}

// A state for the script; 0 or the code of its error (in f->err).
static inline int fixture_state(struct fixture *f, const char *script, int64_t limit_bytes)
{
    struct tm_vm_args args = {
        .fx = &f->fx,
        .mem = &f->mem,
        .memory_limit_bytes = limit_bytes,
        .seed = 42,
        .script_path = "job.lua",
        .script_text = script,
        .script_length = strlen(script),
    };
    return tm_vm_new(&args, &f->vm, &f->err);
}

// Plans the script: 0 or the code of its error.
static inline int fixture_plan(struct fixture *f, const char *script)
{
    int rc = fixture_state(f, script, 0);
    if (rc != 0)
        return rc;
    ck_assert_int_eq(tm_graph_new(&f->mem, &f->graph, &f->err), 0);
    return tm_vm_plan(f->vm, f->graph, &f->err);
}

static inline void fixture_reset(struct fixture *f)
{
    tm_vm_free(f->vm);
    if (f->graph != NULL)
        tm_graph_free(f->graph);
    f->vm = NULL;
    f->graph = NULL;
    tm_error_clear(&f->err);
}

static inline void fixture_fini(struct fixture *f)
{
    fixture_reset(f);
    ck_assert_int_eq(f->mem.used_bytes, 0); // nothing may be left in the account
    tm_real_fini(&f->fx);
}

// `head` begins most scripts: generated rows with an event time.
#define HEAD                                                                            \
    "local tm = require 'tidemill'\n"                                                   \
    "local rows = tm.from(tm.generate { count = 10, name = 'rows', fields = {\n"        \
    "  user = tm.gen.pattern('u##'), amount = tm.gen.uniform(1, 5, 'decimal(10,2)'),\n" \
    "  n = tm.gen.sequence(), ts = tm.gen.timestamp { step = '1s' } } })\n" // line 4 ends it
