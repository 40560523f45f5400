// What the files of core/vm share: the state, and how Lua is entered.
#pragma once

#include <lua.h>

#include "core/text/text.h"
#include "core/vm/vm.h"

enum tm__vm_shortage {
    TM__VM_SHORT_NOT,
    TM__VM_SHORT_LIMIT,   // of the state's own limit
    TM__VM_SHORT_MACHINE, // of memory
};

#define TM__VM_MEMORY_HINT                                                                        \
    "keep less in tables and captured variables: what is kept between rows belongs in state; or " \
    "allow more: lua_memory = \"2GB\" in tm.job"

struct tm_vm {
    const struct tm_fx *fx;
    const struct tm_fx *heap; // all of it lies there (open.c); NULL: in the memory of fx
    struct tm_mem own;        // child of the caller's account: this, and the script
    struct tm_mem mem;        // child of the caller's account: what Lua and its helpers hold
    lua_State *lua;
    int64_t limit_bytes; // of the Lua heap, 0: none, or the state has not booted
    int64_t alarm_bytes; // past it the code that runs is stopped and looked at
    int64_t hard_bytes;  // past it an allocation is refused: limit and grace, or what one large
                         // wish was granted
    int64_t grace_bytes;
    enum tm__vm_shortage shortage; // why memory was refused, or code stopped, in this entry
    bool running;                  // booted, not being freed: code may be stopped
    bool watched;                  // code is to be stopped at its next instruction
    bool due;                      // code was stopped: look again after the entry
    int step_multiplier;           // the collector's, while watched
    struct tm_mem reserve_mem;     // without a parent
    void *reserve;                 // TM_LUA_RESERVE_BYTES for when the machine has no more, or NULL
    struct tm_text *helpers;       // what the helper functions of job code work with
    uint64_t seed;
    char *path;         // of the script
    struct tm_buf text; // of the script
    struct tm_buf read; // the file of the job's folder read last: kept here, so that an error that
                        // Lua throws past the C stack cannot leak it
    const char *const *set_names, *const *set_values; // valid while tm_vm_new runs
    uint32_t set_count;
    int (*infer)(void *arg, uint32_t index, const struct tm_node *source,
                 const struct tm_infer_column **columns, uint32_t *count, struct tm_error *err);
    void *infer_arg;
    bool one_liner, test, program;
    int host, handler, error_slot; // registry references
    uint64_t key;                  // of what the script has built, in its heap
    bool compiles;                 // its code is compiled
    bool asked;                    // for what the script's text does not say
    bool is_built;                 // by the script, in an earlier life
    bool has_run;                  // the script, in this one
    uint32_t holders;              // who have it
};

// One entry into Lua: host.enter(name, ...), protected. `push` pushes the arguments and returns how
// many; `take` reads the results from the top of the stack. Both run protected too (any of them may
// allocate) and may be NULL. `take` returns 0 or a negative code with err filled.
struct tm__vm_entry {
    const char *name;
    int (*push)(struct tm_vm *vm, void *arg);
    int results;
    int (*take)(struct tm_vm *vm, void *arg, struct tm_error *err);
    void *arg;
};
int tm__vm_enter(struct tm_vm *vm, const struct tm__vm_entry *entry,
                 struct tm_error *err) TM_WARN_UNUSED;
// The error on top of the stack (left by a call that returned `status`) as a tm_error; pops it.
int tm__vm_take_error(struct tm_vm *vm, int status, struct tm_error *err);

// Runs the script, which then has built its job: once in a state. What its chains will run is
// generated at once in a state that is kept.
int tm__vm_run_script(struct tm_vm *vm, struct tm_error *err) TM_WARN_UNUSED;

// The allocator of a state; ud is the tm_vm.
void *tm__vm_alloc(void *ud, void *p, size_t old_size, size_t new_size);
void tm__vm_close_account(
    struct tm_mem *mem); // of a state that is closed: nothing is held any more
// From here on: what was allocated before counts, but was never refused.
void tm__vm_set_limit(struct tm_vm *vm, int64_t limit_bytes);
void tm__vm_end_limit(struct tm_vm *vm); // before lua_close
bool tm__vm_take_reserve(struct tm_vm *vm);
bool tm__vm_open_reserve(struct tm_vm *vm); // false: there was none
// After an entry that gave `rc`: where memory ran short, collect; what is still short afterwards is
// the error of an entry that had none.
int tm__vm_relieve(struct tm_vm *vm, int rc, struct tm_error *err) TM_WARN_UNUSED;
// Of the last shortage; and with the script as its place.
int tm__vm_memory_error(struct tm_vm *vm, struct tm_error *err);
int tm__vm_memory_error_of(struct tm_vm *vm, struct tm_error *err);

// Opens the libraries that the engine's own Lua needs, and the loader of embedded modules. Runs
// protected.
void tm__vm_open_libraries(struct tm_vm *vm);
// The C functions that host.boot gets: fills the table on top of the stack.
void tm__vm_push_services(struct tm_vm *vm);
// A whole file into `out` (emptied first).
int tm__vm_read_file(const struct tm_fx *fx, const char *path, struct tm_buf *out,
                     struct tm_error *err) TM_WARN_UNUSED;
