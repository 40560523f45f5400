// Named points at which a process can be ended as by kill -9: tests choose one and how often it is
// passed first. Off, which is always outside such tests, a point is one relaxed load.
//
// The one variable of the engine that all instances of a process share: what is ended is the
// process.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/check.h"

enum tm_kill_point {
#define TM_KILL(name, phase) TM_KILL_##name,
#include "core/base/kill_points.def"
#undef TM_KILL
    TM_KILL_COUNT
};

enum { TM_KILLS_MAX = 8 };

struct tm_kill {
    enum tm_kill_point at; // TM_KILL_COUNT: passes are counted and that is all
    uint64_t after;        // the pass that ends the process, from 1
};

struct tm_kill_switch {
    _Atomic int on;    // 0, but in a test; set before there are threads
    struct tm_kill of; // this process
    void (*end)(void); // does not return
    _Atomic uint64_t passes[TM_KILL_COUNT];
    // Of worker processes, one after the other; of those beyond passes are counted.
    struct tm_kill workers[TM_KILLS_MAX];
    uint32_t worker_count;
};
extern struct tm_kill_switch tm_kill_switch;

#define TM_KILL_POINT(name)                                                                   \
    do {                                                                                      \
        if (TM_UNLIKELY(atomic_load_explicit(&tm_kill_switch.on, memory_order_relaxed) != 0)) \
            tm_kill_point_passed(TM_KILL_##name);                                             \
    } while (0)

void tm_kill_point_passed(enum tm_kill_point point);

// "NAME:COUNT", or "count"; or "workers=" and some of these with a comma between, the first for the
// first worker process that a supervisor begins: the process itself is ended nowhere then. False:
// it is none of that. `end` stays with the switch.
bool tm_kill_points_set(const char *text, void (*end)(void));
// In a worker process, before there are threads: it is the n-th one, from 0.
void tm_kill_points_worker(uint64_t number);

const char *tm_kill_point_name(enum tm_kill_point point);
