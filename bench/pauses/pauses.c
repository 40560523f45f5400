// How long the engine holds a thread at a time: the binary, linked so that some of its functions
// are entered through here (ld's --wrap, CMakeLists.txt has the list). What users run has nothing
// of this in it. Each call is timed by the thread's CPU clock, so other processes do not count; at
// the end as many pairs of readings with nothing between them show what the clock itself adds.
//
//   TM_PAUSES_OUT=FILE TM_PAUSES=growth,sweep,... pauses run JOB.lua ...
//
// Memory that is touched for the first time is the system's to give: for a huge page 0.2 ms, and
// several where a virtual machine has to ask its host. So growth is told twice, without and with
// such steps, and beside it what touching a huge page takes here and now. A helper thread of the
// state touches most of them ahead.
//
// One worker (--parallelism 1), so one thread has all of it. FILE gets a line of JSON for each kind
// of step, one for the empty loop behind it, and one for each account of memory.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "core/base/histogram.h"
#include "core/operator/process.h"
#include "core/state/internal.h"
#include "core/task/checkpoint.h"
#include "core/task/task.h"

enum kind {
    INSERTION,
    GROWTH,
    TOUCH,
    BLOCK,
    FIRING,
    TIMER,
    SLICE,
    CALLS,
    TURN,
    BARRIER,
    FREEING,
    KINDS
};

static struct {
    const char *name;
    bool on;
    uint64_t begun_ns;
    struct tm_histogram histogram;
} kinds[KINDS] = {
    [INSERTION] = {"insertion", false, 0, {0}}, // of a new key, growth or not
    [GROWTH] = {"growth", false, 0, {0}},       // an insertion that moved slots
    [TOUCH] = {"touch", false, 0, {0}},         // one that did so and touched new memory
    [BLOCK] = {"sweep", false, 0, {0}},         // what follows a block: empty records and old ones
    [FIRING] = {"firing", false, 0, {0}},       // a run of timers that are due, with its calls
    [TIMER] = {"timer", false, 0, {0}},         // one more in the set
    [SLICE] = {"slice",
               false,
               0,
               {0}}, // of a pass over all keys, without its calls if these are timed
    [CALLS] = {"calls", false, 0, {0}},     // of the job's functions for a batch or a run
    [TURN] = {"turn", false, 0, {0}},       // of a task: a few steps
    [BARRIER] = {"barrier", false, 0, {0}}, // what a task gives to a checkpoint: all its operators
    [FREEING] = {"freeing", false, 0, {0}}, // of what an earlier checkpoint held
};

// At their most: how many, and the bytes that the engine counts for them.
static struct account {
    const char *name;
    uint64_t count;
    int64_t bytes;
} keys = {"keys", 0, 0}, timers = {"timers", 0, 0};
static long first_rss_kib; // before the first of them

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void begin(enum kind kind)
{
    if (kinds[kind].on)
        kinds[kind].begun_ns = cpu_ns();
}

static inline uint64_t end(enum kind kind)
{
    if (!kinds[kind].on)
        return 0;
    uint64_t ns = cpu_ns() - kinds[kind].begun_ns;
    tm_histogram_add(&kinds[kind].histogram, ns, 1);
    return ns;
}

static struct rusage usage(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return usage;
}

static void note(struct account *account, uint64_t count, int64_t bytes)
{
    if (first_rss_kib == 0)
        first_rss_kib = usage(RUSAGE_SELF).ru_maxrss;
    if (count > account->count) {
        account->count = count;
        account->bytes = bytes;
    }
}

// --- the functions -------------------------------------------------------------------------------

uint8_t *__real_tm__state_table_upsert(struct tm_state *state, struct tm_namespace *ns,
                                       uint32_t index, const struct tm_key *key, bool *created);
uint8_t *__wrap_tm__state_table_upsert(struct tm_state *state, struct tm_namespace *ns,
                                       uint32_t index, const struct tm_key *key, bool *created);
uint8_t *__wrap_tm__state_table_upsert(struct tm_state *state, struct tm_namespace *ns,
                                       uint32_t index, const struct tm_key *key, bool *created)
{
    uint32_t moves = state->moves;
    long faults = kinds[GROWTH].on ? usage(RUSAGE_THREAD).ru_minflt : 0;
    begin(INSERTION);
    uint8_t *value = __real_tm__state_table_upsert(state, ns, index, key, created);
    uint64_t ns_taken = end(INSERTION);
    if (state->moves != moves && kinds[GROWTH].on) {
        bool touched = usage(RUSAGE_THREAD).ru_minflt != faults;
        tm_histogram_add(&kinds[touched ? TOUCH : GROWTH].histogram, ns_taken, 1);
    }
    return value;
}

int __real_tm__operator_keyed_leave(struct tm__operator_keyed *keyed);
int __wrap_tm__operator_keyed_leave(struct tm__operator_keyed *keyed);
int __wrap_tm__operator_keyed_leave(struct tm__operator_keyed *keyed)
{
    if (keyed->ns != NULL)
        note(&keys, tm_state_namespace_size(keyed->ns), tm_state_used_bytes(keyed->state));
    if (keyed->timers != NULL)
        note(&timers,
             tm_timers_count(keyed->timers, TM_TIMER_EVENT) +
                 tm_timers_count(keyed->timers, TM_TIMER_PROCESSING),
             tm_timers_used_bytes(keyed->timers));
    begin(BLOCK);
    int rc = __real_tm__operator_keyed_leave(keyed);
    end(BLOCK);
    return rc;
}

int __real_tm__operator_process_fire(struct tm__operator_process *self, enum tm_timer_domain domain,
                                     int64_t limit, struct tm_error *err);
int __wrap_tm__operator_process_fire(struct tm__operator_process *self, enum tm_timer_domain domain,
                                     int64_t limit, struct tm_error *err);
int __wrap_tm__operator_process_fire(struct tm__operator_process *self, enum tm_timer_domain domain,
                                     int64_t limit, struct tm_error *err)
{
    begin(FIRING);
    int rc = __real_tm__operator_process_fire(self, domain, limit, err);
    if (rc == 1) // else nothing was due
        end(FIRING);
    return rc;
}

int __real_tm_timers_add(struct tm_timers *set, enum tm_timer_domain domain,
                         const struct tm_timer *timer);
int __wrap_tm_timers_add(struct tm_timers *set, enum tm_timer_domain domain,
                         const struct tm_timer *timer);
int __wrap_tm_timers_add(struct tm_timers *set, enum tm_timer_domain domain,
                         const struct tm_timer *timer)
{
    begin(TIMER);
    int rc = __real_tm_timers_add(set, domain, timer);
    end(TIMER);
    return rc;
}

int __real_tm__operator_process_pass(struct tm__operator_process *self, struct tm_error *err);
int __wrap_tm__operator_process_pass(struct tm__operator_process *self, struct tm_error *err);
int __wrap_tm__operator_process_pass(struct tm__operator_process *self, struct tm_error *err)
{
    begin(SLICE);
    int rc = __real_tm__operator_process_pass(self, err);
    end(SLICE);
    return rc;
}

int __real_tm_vm_chain_run(struct tm_vm_chain *chain, struct tm_error *err);
int __wrap_tm_vm_chain_run(struct tm_vm_chain *chain, struct tm_error *err);
int __wrap_tm_vm_chain_run(struct tm_vm_chain *chain, struct tm_error *err)
{
    begin(CALLS);
    int rc = __real_tm_vm_chain_run(chain, err);
    kinds[SLICE].begun_ns += end(CALLS);
    return rc;
}

int __real_tm_task_turn(struct tm_task *task, struct tm_error *err);
int __wrap_tm_task_turn(struct tm_task *task, struct tm_error *err);
int __wrap_tm_task_turn(struct tm_task *task, struct tm_error *err)
{
    begin(TURN);
    int rc = __real_tm_task_turn(task, err);
    end(TURN);
    return rc;
}

static uint64_t cut_ns; // of the operators that the barrier has passed
int __real_tm__task_cut_operator(struct tm_task *task, uint32_t index, bool passed,
                                 struct tm_error *err);
int __wrap_tm__task_cut_operator(struct tm_task *task, uint32_t index, bool passed,
                                 struct tm_error *err);
int __wrap_tm__task_cut_operator(struct tm_task *task, uint32_t index, bool passed,
                                 struct tm_error *err)
{
    uint64_t begun_ns = kinds[BARRIER].on ? cpu_ns() : 0;
    int rc = __real_tm__task_cut_operator(task, index, passed, err);
    if (kinds[BARRIER].on)
        cut_ns += cpu_ns() - begun_ns;
    return rc;
}

int __real_tm__task_end_cut(struct tm_task *task, struct tm_error *err);
int __wrap_tm__task_end_cut(struct tm_task *task, struct tm_error *err);
int __wrap_tm__task_end_cut(struct tm_task *task, struct tm_error *err)
{
    bool whole = task->checkpoints.collecting != NULL;
    begin(BARRIER);
    kinds[BARRIER].begun_ns -= cut_ns;
    cut_ns = 0;
    int rc = __real_tm__task_end_cut(task, err);
    if (whole)
        end(BARRIER);
    return rc;
}

bool __real_tm_cut_free_some(struct tm_cut *cut, uint32_t budget);
bool __wrap_tm_cut_free_some(struct tm_cut *cut, uint32_t budget);
bool __wrap_tm_cut_free_some(struct tm_cut *cut, uint32_t budget)
{
    begin(FREEING);
    bool done = __real_tm_cut_free_some(cut, budget);
    end(FREEING);
    return done;
}

// --- begin and end -------------------------------------------------------------------------------

enum { HUGE_BYTES = 2 * 1024 * 1024 };
static struct tm_histogram pages; // first touches of huge pages

static void touch(size_t bytes)
{
    char *at =
        mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return;
    (void)madvise(at, bytes + HUGE_BYTES, MADV_HUGEPAGE);
    char *first = at + (HUGE_BYTES - (uintptr_t)at % HUGE_BYTES) % HUGE_BYTES;
    for (size_t i = 0; i < bytes; i += HUGE_BYTES) {
        uint64_t begun_ns = cpu_ns();
        ((volatile char *)first)[i] = 1;
        tm_histogram_add(&pages, cpu_ns() - begun_ns, 1);
    }
    (void)munmap(at, bytes + HUGE_BYTES);
}

__attribute__((constructor)) static void choose(void)
{
    const char *wanted = getenv("TM_PAUSES");
    for (int i = 0; wanted != NULL && i < KINDS; i++)
        kinds[i].on = strstr(wanted, kinds[i].name) != NULL;
    kinds[INSERTION].on = kinds[TOUCH].on = kinds[GROWTH].on;
}

static void print(FILE *out, const char *name, const struct tm_histogram *h)
{
    fprintf(out,
            "{\"step\":\"%s\",\"count\":%llu,\"p50\":%llu,\"p99\":%llu,\"p9999\":%llu,"
            "\"max\":%llu}\n",
            name, (unsigned long long)h->count, (unsigned long long)tm_histogram_quantile(h, 0.5),
            (unsigned long long)tm_histogram_quantile(h, 0.99),
            (unsigned long long)tm_histogram_quantile(h, 0.9999), (unsigned long long)h->max);
}

static struct tm_histogram empty;
static void print_kind(FILE *out, enum kind kind)
{
    const struct tm_histogram *h = &kinds[kind].histogram;
    memset(&empty, 0, sizeof empty);
    for (uint64_t i = 0; i < h->count; i++) {
        uint64_t begun_ns = cpu_ns();
        tm_histogram_add(&empty, cpu_ns() - begun_ns, 1);
    }
    print(out, kinds[kind].name, h);
    print(out, "empty", &empty);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("TM_PAUSES_OUT");
    long rss = usage(RUSAGE_SELF).ru_maxrss;
    FILE *out = path == NULL ? NULL : fopen(path, "w");
    if (out == NULL)
        return;
    for (enum kind kind = 0; kind < KINDS; kind++)
        if (kinds[kind].on)
            print_kind(out, kind);
    if (kinds[GROWTH].on) {
        touch((size_t)100 * HUGE_BYTES);
        print(out, "page", &pages);
    }
    const struct account *accounts[] = {&keys, &timers};
    for (int i = 0; i < 2; i++)
        if (accounts[i]->count != 0)
            fprintf(out, "{\"account\":\"%s\",\"count\":%llu,\"bytes\":%lld,\"rss\":%lld}\n",
                    accounts[i]->name, (unsigned long long)accounts[i]->count,
                    (long long)accounts[i]->bytes, (long long)(rss - first_rss_kib) * 1024);
    fclose(out);
}
