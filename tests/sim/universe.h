// What the processes of one simulated world share: its clock, its disk, its draws, what has gone
// wrong, and two records of what happened: a hash, to see that the same seed is the same run, and
// the story, for people.
#pragma once

#include "core/base/effects.h"
#include "tests/sim/disk.h"
#include "tests/sim/feed.h"
#include "tests/sim/log.h"

enum sim_fault {
#define SIM_FAULT(name, told) SIM_##name,
#include "tests/sim/faults.def"
#undef SIM_FAULT
    SIM_FAULT_COUNT
};

enum sim_sometimes {
#define SIM_SOMETIMES(name, what, text) SIM_SAW_##name,
#include "tests/sim/sometimes.def"
#undef SIM_SOMETIMES
    SIM_SOMETIMES_COUNT
};

// What calls come to, drawn once for a seed.
struct sim_weather {
    uint32_t fails[SIM_FAULT_COUNT]; // per 100,000 calls that could
    uint32_t slow_ms;                // the most that a slow call takes
    uint32_t read_bytes;             // the most that one read gives
    int64_t tick_ns;                 // the most that a turn takes
    uint32_t again_permille;         // that who had a turn has the next one too
    uint32_t starved;                // which actor hardly ever gets a turn, from 1; 0: none
    uint32_t lost_permille;          // that power is lost soon after a sync that failed
    int64_t full_until_ns;           // nothing can be written before then
};

// What of a seed's world is left out, to see whether it fails all the same.
struct sim_less {
    bool faults[SIM_FAULT_COUNT];
    uint32_t stages; // bits
    bool more;       // all but the first kinds of stages
    uint32_t rows;   // as many at most; 0: as drawn
};

// What only a share of the seeds has, drawn from a stream of its own (wider.c).
struct sim_wider {
    bool watched; // each change of what is visible is looked at, and which files stay
    bool single;  // one split, parallelism 1, nothing late: its output has the bytes of a calm run
    bool copied;  // its disk is copied at a checkpoint, and run on alone
    bool rots;    // a checkpoint on its disk
    bool zombie;  // a process that sleeps loses its locks, and wakes up beside another one
    bool log;     // some outputs go to the log
    bool eager;   // some processes write to it before their checkpoints are complete
    // Of these many things have to come together, which they hardly do by themselves.
    bool drains;       // the job is told to end, and a savepoint is asked for soon behind that
    bool syncs_badly;  // syncs fail more often, and power is lost behind that
    bool dies_again;   // processes die while they commit, and then while they do that again
    bool dies_rarely;  // at kill points that others hardly pass
    bool loses_behind; // power is lost behind the checkpoint that follows a sync that failed
    bool leaves_owing; // a stage goes, and processes that have it die while they commit
    bool narrow;       // numbers of the job are of type int, not int64
    bool shares;       // the subtasks of a process have one Lua state, which costs less
};

// Who is told before something changes that others can see (seen.c).
struct sim_eye {
    void *arg; // NULL: nobody is
    bool (*is_shown)(void *arg, const char *path);
    void (*changes)(void *arg);
};

enum { SIM_PROCESSES_AT_ONCE = 2 }; // one, and another beside it

struct sim_process;

// Who has another process go on while one sleeps in the middle of a call (life.c). False: power was
// lost meanwhile.
struct sim_bed {
    void *arg;
    bool (*nap)(void *arg, struct sim_process *process);
};

struct sim_universe {
    uint64_t seed;
    struct sim_random turns, calls, users; // who goes next; what fails; what users do
    struct sim_random widths, odds, more;  // what only a share of the seeds has; stages, too
    int64_t mono_ns;
    int64_t wall_ms; // what the wall clock is ahead of it
    struct sim_disk disk;
    struct sim_log log;
    struct sim_feed feed;
    struct sim_weather weather;
    struct sim_less less;
    struct sim_wider wider;
    struct sim_eye eye;
    struct sim_bed bed;
    struct sim_process *alive[SIM_PROCESSES_AT_ONCE];
    bool calm; // nothing goes wrong: the liveness phase, and while the oracle looks
    uint64_t trace;
    uint64_t effects; // calls so far, of all processes
    uint64_t faults[SIM_FAULT_COUNT];
    uint64_t saw[SIM_SOMETIMES_COUNT];
    bool tells; // the story goes to standard output
};

void sim_universe_init(struct sim_universe *universe, uint64_t seed);
void sim_universe_fini(struct sim_universe *universe);
// Both go into the hash.
void sim_trace(struct sim_universe *universe, uint64_t value);
void sim_trace_text(struct sim_universe *universe, const char *text);
// A line of the story.
void sim_tell(struct sim_universe *universe, const char *format, ...) TM_PRINTF(2, 3);
// Counts it and tells it, with what it happened to.
void sim_fault(struct sim_universe *universe, enum sim_fault fault, const char *what);
// Does it happen now, by the weather?
bool sim_happens(struct sim_universe *universe, enum sim_fault fault);
// Can others see what is at this path? NULL: they can. Then it is about to change.
bool sim_is_shown(const struct sim_universe *universe, const char *path);
void sim_shows(struct sim_universe *universe, const char *path);
// What the engine says to people.
void sim_heard(struct sim_universe *universe, const char *line, size_t length);
extern const char *const sim_fault_names[SIM_FAULT_COUNT];
extern const char *const sim_sometimes_names[SIM_SOMETIMES_COUNT];
