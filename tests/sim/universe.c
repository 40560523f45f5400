// Clock, draws and records of a simulated world.
#include "tests/sim/universe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const sim_fault_names[SIM_FAULT_COUNT] = {
#define SIM_FAULT(name, told) #name,
#include "tests/sim/faults.def"
#undef SIM_FAULT
};

static const char *const told[SIM_FAULT_COUNT] = {
#define SIM_FAULT(name, told) told,
#include "tests/sim/faults.def"
#undef SIM_FAULT
};

const char *const sim_sometimes_names[SIM_SOMETIMES_COUNT] = {
#define SIM_SOMETIMES(name, what, text) #name,
#include "tests/sim/sometimes.def"
#undef SIM_SOMETIMES
};

static const char *const heard[SIM_SOMETIMES_COUNT] = {
#define SIM_SOMETIMES(name, what, text) text,
#include "tests/sim/sometimes.def"
#undef SIM_SOMETIMES
};

void sim_universe_init(struct sim_universe *universe, uint64_t seed)
{
    *universe = (struct sim_universe){.seed = seed,
                                      .turns = sim_random_of(seed, 1),
                                      .calls = sim_random_of(seed, 2),
                                      .users = sim_random_of(seed, 3),
                                      .widths = sim_random_of(seed, 4),
                                      .odds = sim_random_of(seed, 5),
                                      .more = sim_random_of(seed, 6),
                                      .mono_ns = 1000000000,
                                      .wall_ms = 1767225600000, // 2026-01-01
                                      .trace = 14695981039346656037u};
    sim_disk_init(&universe->disk);
}

void sim_universe_fini(struct sim_universe *universe)
{
    sim_disk_fini(&universe->disk);
    sim_log_fini(&universe->log);
    sim_feed_fini(&universe->feed);
}

void sim_trace(struct sim_universe *universe, uint64_t value)
{
    universe->trace = (universe->trace ^ value) * 0x9e3779b97f4a7c15u;
    universe->trace ^= universe->trace >> 29;
}

void sim_trace_text(struct sim_universe *universe, const char *text)
{
    uint64_t hash = 14695981039346656037u;
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    sim_trace(universe, hash);
}

void sim_tell(struct sim_universe *universe, const char *format, ...)
{
    if (!universe->tells)
        return;
    va_list args;
    va_start(args, format);
    printf("%10.3f ms  ", (double)(universe->mono_ns - 1000000000) / 1e6);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

void sim_fault(struct sim_universe *universe, enum sim_fault fault, const char *what)
{
    universe->faults[fault]++;
    sim_trace(universe, 0xfa017 + fault);
    sim_tell(universe, "! %s%s%s", told[fault], what[0] == '\0' ? "" : ": ", what);
}

bool sim_happens(struct sim_universe *universe, enum sim_fault fault)
{
    uint32_t rate = universe->weather.fails[fault];
    return !universe->calm && rate != 0 && !universe->less.faults[fault] &&
           sim_below(&universe->calls, 100000) < rate;
}

bool sim_is_shown(const struct sim_universe *universe, const char *path)
{
    const struct sim_eye *eye = &universe->eye;
    return eye->arg != NULL && (path == NULL || eye->is_shown(eye->arg, path));
}

void sim_shows(struct sim_universe *universe, const char *path)
{
    if (sim_is_shown(universe, path))
        universe->eye.changes(universe->eye.arg);
}

void sim_heard(struct sim_universe *universe, const char *line, size_t length)
{
    for (int i = 0; i < SIM_SOMETIMES_COUNT; i++)
        universe->saw[i] +=
            heard[i][0] != '\0' && memmem(line, length, heard[i], strlen(heard[i])) != NULL;
}
