// A simulated process: the engine as `tidemill run` has it, on effects that lead into its universe.
// It dies by a jump out of an effect call: nothing of it is unwound, what it held is given back as
// a whole (process_end). What run.c, supervisor and socket do is the simulator's (life.c).
#pragma once

#include <setjmp.h>

#include "core/cli/attempt.h"
#include "core/cli/restarts.h"
#include "core/loop/single.h"
#include "tests/sim/memory.h"
#include "tests/sim/universe.h"

enum { SIM_OPEN_MAX = 512 };

struct sim_open {
    bool used, is_lock, reads;
    bool shown; // others can see what is written to it
    int inode;
    size_t position;
};

enum sim_process_state {
    SIM_RUNS,
    SIM_WAITS, // its job failed, and is started again in it
    SIM_EXITED,
    SIM_DEAD,
};

struct sim_process {
    struct tm_single single; // first: what a world in one thread has for threads
    struct sim_universe *universe;
    struct tm_fx fx;
    uint32_t number;
    enum sim_process_state state;
    int exit_code;           // of SIM_EXITED
    struct tm_error error;   // why it exited with a failure
    jmp_buf death;           // where it dies to, while it has the processor
    uint64_t calls, dies_at; // effect calls; the one it dies at, 0: none
    enum sim_fault dies_by;  // kill, torn_write, power, kill_point
    struct sim_open open[SIM_OPEN_MAX];
    bool locks_lost; // what it has locked can be locked by others
    bool helper;     // a work of one of its helpers is under way
    // Checkpoints until it falls asleep while it publishes one, and calls into that; 0: it does
    // not.
    uint32_t naps_at, nap_calls;
    bool publishing;  // that one
    bool looks;       // from outside: its calls are nothing that happens in the world
    bool sync_failed; // and power is to be lost behind the next checkpoint
    struct sim_memory memory;
    struct tm_cli_options options;
    struct tm_engine engine;
    struct tm_saving saving;
    struct tm_waker waker;
    struct tm_stops stops;
    struct tm_restarts restarts;
    struct tm_attempt attempt;
    bool has_engine, has_waker, has_saving, has_attempt;
    int64_t wakes_ns;         // of SIM_WAITS
    char savepoint[SIM_PATH]; // that was taken; "": none
    uint64_t idle;            // turns in a row in which nobody had anything to do
    uint64_t draw;            // whose turn it was, and of which of its tasks
};

// Of the command line: parallelism, from. `process` must be zero; it stays where it is. It has run
// until its job has begun, or has exited, or is dead.
void sim_process_begin(struct sim_process *process, struct sim_universe *universe, uint32_t number,
                       const struct tm_cli_options *options, uint64_t dies_at,
                       enum sim_fault dies_by);
// It goes on within a call, in the middle of which another one has had turns.
void sim_process_enter(struct sim_process *process);
// One turn of somebody in it; time goes on. False: it does not run any more.
bool sim_process_turn(struct sim_process *process);
// A user wants something of its job (stopped, cancelled, drained, savepoint). False: it cannot be
// now.
bool sim_process_ask(struct sim_process *process, enum sim_fault wish);
// What it had goes. With `closes` a process that has exited gives back what it had in order, and
// the message says what it did not; that takes long.
const char *sim_process_end(struct sim_process *process, bool closes);
// Checkpoints that it has completed, and the newest.
struct tm_keeper_figures sim_process_figures(const struct sim_process *process);

// effects.c
void sim_effects(struct sim_process *process, struct tm_fx *fx);
void sim_process_die(struct sim_process *process) __attribute__((noreturn));
// Power is lost within so many of its calls, if it was to die at all.
void sim_process_lose_power(struct sim_process *process, uint64_t calls);
// It makes a call, which may be its last.
void sim_process_step(struct sim_process *process, uint64_t what);
// Frees all that was allocated and not freed, closes all that is open.
void sim_effects_end(struct sim_process *process);
