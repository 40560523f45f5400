// The supervisor: it forks the worker process before anything of a job exists, waits for it, looks
// whether its threads come on, and starts it again by the job's strategy. It reads nothing of the
// job but what the worker process tells in shared memory.
#include "core/cli/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/kill_point.h"
#include "core/base/text.h"
#include "core/cli/report.h"
#include "core/loop/real.h"

enum {
    NS_PER_MS = 1000000,
    // How often threads are looked at: a quarter of what a step may take, within these bounds; the
    // first while nothing is known of the job.
    LOOK_FIRST_MS = 200,
    LOOK_LEAST_MS = 10,
    LOOK_MOST_MS = 1000,
    // So often one that was killed before it knew its job is started again: as often as somebody
    // may do that, and not for ever where the job's script alone takes all memory.
    EARLY_ENDS_MOST = 5,
    // Signals that come so soon one after the other are one wish: `timeout` sends to its child and
    // then to the group that this is in, and no finger is as fast.
    SAME_WISH_MS = 20,
};

// What has been seen of a worker thread.
struct thread {
    uint64_t steps;    // its last
    int64_t stuck_ns;  // how long it has been in that one, as far as it and this process could run
    int id;            // the system's; 0: not looked for yet
    int64_t waited_ns; // for a processor, in all its life; -1: not known
};

struct supervisor {
    const struct tm_cli_options *options;
    struct tm_fx fx;
    struct tm_log log;
    struct tm_supervised *shared;
    sigset_t mask_before, waited;
    pid_t worker;       // 0: there is none
    int stops;          // signals that stop a job
    int64_t stopped_ns; // when the last of them came
    int late;           // those that came when the worker process was about to end
    int64_t looked_ns;
    int hung;                 // 1 + the thread for which the worker process was ended, or 0
    uint64_t ended_from;      // the checkpoint that the last process that crashed could go on from
    uint32_t ended_from_here; // so many have ended there, one after the other
    uint32_t early_ends;      // so many were killed before they knew their job
    struct thread threads[TM_PARALLELISM_MAX];
};

static int64_t now_ns(const struct supervisor *self)
{
    return tm_fx_mono_ns(&self->fx);
}

// --- the worker process --------------------------------------------------------------------------

// In the new process. Ends with its supervisor, however that ends.
static int be_worker(struct supervisor *self, pid_t supervisor)
{
    struct tm_supervised *shared = self->shared;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != supervisor)
        _exit(TM_EXIT_FAILED);
    sigprocmask(SIG_SETMASK, &self->mask_before, NULL);
    tm_kill_points_worker(shared->figures.crashes + shared->figures.hangs);
    tm_supervised_begin(shared);
    struct tm_cli_options own = *self->options;
    char from[32];
    own.supervised = shared;
    // One that is started again goes on where the one before was, not where the first began.
    if (atomic_load(&shared->has_begun))
        own.fresh = false;
    if (shared->moves_on) {
        snprintf(from, sizeof from, "chk-%llu", (unsigned long long)shared->resumable);
        own.from = own.from == NULL ? NULL : from;
        own.drop_count = 0;
    }
    return tm_cli_run_here(&own);
}

static void prepare(struct supervisor *self)
{
    struct tm_supervised *shared = self->shared;
    atomic_store(&shared->signals, TM_SIGNALS_END_IT);
    self->late = 0;
    atomic_store(&shared->batch_timeout_ms, 0);
    atomic_store(&shared->crashed, 0);
    atomic_store(&shared->crashed_worker, 0);
    atomic_store(&shared->watch.worker_count, 0);
    memset(self->threads, 0, sizeof self->threads);
    self->hung = 0;
    self->looked_ns = now_ns(self);
}

// --- does it come on -----------------------------------------------------------------------------

static int look_interval_ms(const struct supervisor *self)
{
    int64_t timeout_ms = atomic_load(&self->shared->batch_timeout_ms);
    if (timeout_ms == 0)
        return LOOK_FIRST_MS;
    return timeout_ms / 4 < LOOK_LEAST_MS  ? LOOK_LEAST_MS
           : timeout_ms / 4 > LOOK_MOST_MS ? LOOK_MOST_MS
                                           : (int)(timeout_ms / 4);
}

// Stopped by a user or held by a debugger: it will come on when they let it.
static bool is_held(pid_t pid)
{
    char path[40], line[512], *end;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    bool got = file != NULL && fgets(line, sizeof line, file) != NULL;
    if (file != NULL)
        fclose(file);
    end = got ? strrchr(line, ')') : NULL;
    return end != NULL && end[1] == ' ' && (end[2] == 'T' || end[2] == 't');
}

// The system's number of a worker thread, which is known by its name. 0: nobody knows.
static int find_thread(pid_t pid, uint32_t worker)
{
    char path[300], name[32], wanted[32];
    int found = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    snprintf(wanted, sizeof wanted, "worker-%u\n", worker);
    DIR *tasks = opendir(path);
    for (struct dirent *task; tasks != NULL && found == 0 && (task = readdir(tasks)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/comm", (int)pid, task->d_name);
        FILE *file = fopen(path, "re");
        if (file != NULL && fgets(name, sizeof name, file) != NULL && strcmp(name, wanted) == 0)
            found = atoi(task->d_name);
        if (file != NULL)
            fclose(file);
    }
    if (tasks != NULL)
        closedir(tasks);
    return found;
}

// For how much of the time since the last call a thread that is in one step could run: it waits for
// a processor where there are too few.
static int64_t could_run_ns(const struct supervisor *self, uint32_t worker, struct thread *thread,
                            int64_t passed_ns)
{
    char path[80];
    long long waited = -1;
    if (thread->id == 0)
        thread->id = find_thread(self->worker, worker);
    snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", (int)self->worker, thread->id);
    FILE *file = thread->id == 0 ? NULL : fopen(path, "re");
    if (file != NULL && fscanf(file, "%*s %lld", &waited) != 1)
        waited = -1;
    if (file != NULL)
        fclose(file);
    int64_t in_vain = waited < 0 || thread->waited_ns < 0 ? 0 : waited - thread->waited_ns;
    thread->waited_ns = waited;
    return in_vain > passed_ns ? 0 : passed_ns - in_vain;
}

// Ends a worker process of which a thread has been in one step for too long. Time in which this
// process did not run either (stopped with the other one, no processor free) counts for two looks
// at most.
static void look(struct supervisor *self)
{
    struct tm_supervised *shared = self->shared;
    int64_t now = now_ns(self), most = 2LL * look_interval_ms(self) * NS_PER_MS;
    int64_t passed = now - self->looked_ns < most ? now - self->looked_ns : most;
    int64_t timeout_ns = atomic_load(&shared->batch_timeout_ms) * NS_PER_MS;
    uint32_t count = atomic_load_explicit(&shared->watch.worker_count, memory_order_acquire);
    self->looked_ns = now;
    for (uint32_t w = 0; timeout_ns != 0 && w < count; w++) {
        const struct tm_watch_slot *slot = &shared->watch.slots[w];
        struct thread *thread = &self->threads[w];
        int64_t since = atomic_load_explicit(&slot->since_ns, memory_order_acquire);
        uint64_t steps = atomic_load_explicit(&slot->steps, memory_order_relaxed);
        uint32_t what = atomic_load_explicit(&slot->doing, memory_order_relaxed);
        bool bounded = what == TM_WATCH_STEPS || what == TM_WATCH_MIGRATES;
        if (since != 0 && bounded && steps == thread->steps) {
            thread->stuck_ns += could_run_ns(self, w, thread, passed);
        } else {
            thread->stuck_ns = 0;
            thread->waited_ns = -1;
        }
        thread->steps = steps;
        if (thread->stuck_ns < timeout_ns || now - since < timeout_ns)
            continue;
        if (is_held(self->worker)) {
            memset(self->threads, 0, sizeof self->threads);
            return;
        }
        self->hung = (int)w + 1;
        kill(self->worker, SIGKILL);
        return;
    }
}

// --- waiting -------------------------------------------------------------------------------------

// A terminal sends Ctrl-C to both processes, `kill` to one: the worker process counts what it gets
// and what it is told of here, and acts on the greater number.
static void pass_on(struct supervisor *self, int number)
{
    int64_t now = now_ns(self);
    bool same = self->stops != 0 && now - self->stopped_ns < SAME_WISH_MS * NS_PER_MS;
    self->stopped_ns = now;
    if (same)
        return;
    self->stops++;
    // Looked at before it is told: who is told of it may be at its end a moment later, where the
    // signal would take its exit code away.
    int signals = atomic_load(&self->shared->signals);
    (void)eventfd_write(self->shared->stop_fd, 1);
    // What it says last may wait for who reads it: then a second signal ends it.
    bool ends =
        signals == TM_SIGNALS_END_IT || (signals == TM_SIGNALS_ARE_LATE && self->late++ > 0);
    if (self->worker != 0 && ends)
        kill(self->worker, number);
}

// Waits for the next signal, at most so long. 0: none came.
static int next_signal(struct supervisor *self, int64_t wait_ns)
{
    struct timespec timeout = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    siginfo_t info;
    int number = sigtimedwait(&self->waited, &info, &timeout);
    if (number == SIGINT || number == SIGTERM)
        pass_on(self, number);
    return number < 0 ? 0 : number;
}

// Until the worker process has ended: its status, as of waitpid.
static int wait_for_worker(struct supervisor *self)
{
    int status = 0;
    for (;;) {
        pid_t ended = waitpid(self->worker, &status, WNOHANG);
        if (ended == self->worker)
            break;
        int64_t due = self->looked_ns + (int64_t)look_interval_ms(self) * NS_PER_MS,
                now = now_ns(self);
        if (self->hung != 0) // it is on its way
            due = now + (int64_t)LOOK_MOST_MS * NS_PER_MS;
        else if (now >= due)
            look(self);
        (void)next_signal(self, due > now ? due - now : 0);
    }
    self->worker = 0;
    return status;
}

// Waits before the next start. False: the user wants no more.
static bool rest(struct supervisor *self, int64_t delay_ns)
{
    int64_t until = now_ns(self) + delay_ns;
    for (int64_t now; self->stops == 0 && (now = now_ns(self)) < until;)
        (void)next_signal(self, until - now);
    return self->stops == 0;
}

// --- what it has ended of ------------------------------------------------------------------------

// The thread that the process has ended in: the one that hung or said so, or the only one that was
// in a step when nothing could be said. NULL: nobody knows.
static const struct tm_watch_slot *culprit_slot(const struct supervisor *self, int status)
{
    const struct tm_watch *watch = &self->shared->watch;
    int crashed = atomic_load(&self->shared->crashed_worker);
    uint32_t count = atomic_load(&watch->worker_count);
    const struct tm_watch_slot *only = NULL;
    int number = self->hung != 0 ? self->hung : crashed;
    if (number != 0)
        return (uint32_t)number <= count ? &watch->slots[number - 1] : NULL;
    if (WTERMSIG(status) == SIGKILL || atomic_load(&self->shared->crashed) != 0)
        return NULL; // from outside: it says nothing of what was under way
    for (uint32_t w = 0; w < count; w++) {
        if (atomic_load(&watch->slots[w].since_ns) == 0)
            continue;
        if (only != NULL)
            return NULL;
        only = &watch->slots[w];
    }
    return only;
}

// Where it stands, unless its name says that.
static void describe_operator(const struct supervisor *self, const struct tm_watch_slot *slot,
                              char *text, size_t size)
{
    const struct tm_watch_node *node =
        &self->shared->watch.nodes[atomic_load(&slot->node) % TM_NODES_MAX];
    char place[TM_WATCH_WHERE + 40] = "";
    if (strstr(node->name, node->where) == NULL)
        snprintf(place, sizeof place, " (%s, %s)", node->verb, node->where);
    if (strcmp(node->name, node->last_name) == 0)
        snprintf(text, size, "operator '%s'%s", node->name, place);
    else
        snprintf(text, size, "one of the operators '%s'%s to '%s'", node->name, place,
                 node->last_name);
}

static const char *doing(const struct tm_watch_slot *slot)
{
    bool timer = atomic_load(&slot->row_is_timer) != 0;
    switch (atomic_load(&slot->doing)) {
    case TM_WATCH_READS:
        return " while it read";
    case TM_WATCH_RESTORES:
        return " while it took what the checkpoint has";
    case TM_WATCH_MIGRATES:
        return " in a migrate function on one value";
    default:
        return atomic_load(&slot->row_length) == 0 ? "" : timer ? " on one timer" : " on one row";
    }
}

// One sentence, into figures.last.
static void describe_end(struct supervisor *self, int status, const struct tm_watch_slot *slot)
{
    struct tm_supervised_figures *figures = &self->shared->figures;
    char where[400] = "", name[32], time[32];
    bool in_step = slot != NULL && atomic_load(&slot->since_ns) != 0;
    if (slot != NULL && (in_step || self->hung != 0))
        describe_operator(self, slot, where, sizeof where);
    tm_text_signal(WTERMSIG(status), name);
    if (self->hung != 0)
        snprintf(figures->last, sizeof figures->last, "%s has been busy%s for more than %s", where,
                 doing(slot), tm_text_duration(atomic_load(&self->shared->batch_timeout_ms), time));
    else if (in_step)
        snprintf(figures->last, sizeof figures->last, "%s crashed%s (%s)", where, doing(slot),
                 name);
    else if (WTERMSIG(status) == SIGKILL)
        snprintf(figures->last, sizeof figures->last,
                 "the worker process was killed (SIGKILL), by a user or for want of memory");
    else
        snprintf(figures->last, sizeof figures->last, "the worker process crashed (%s)", name);
}

// From the second end on that one checkpoint sees, rows go one by one, until the row is known or
// the next checkpoint is complete.
static void look_for_row(struct supervisor *self, int status, const struct tm_watch_slot *slot)
{
    struct tm_supervised *shared = self->shared;
    struct tm_watch *watch = &shared->watch;
    uint64_t from = shared->resumable;
    self->ended_from_here =
        self->ended_from_here != 0 && from == self->ended_from ? self->ended_from_here + 1 : 1;
    self->ended_from = from;
    if (self->ended_from_here >= 2)
        atomic_store(&watch->one_by_one, 1);
    uint32_t length = slot == NULL || atomic_load(&slot->doing) != TM_WATCH_STEPS
                          ? 0
                          : atomic_load(&slot->row_length);
    if (length == 0 || watch->culprit_count == TM_WATCH_CULPRITS)
        return;
    watch->culprits[watch->culprit_count++] = (struct tm_watch_culprit){
        .node = atomic_load(&slot->node),
        .is_timer = atomic_load(&slot->row_is_timer),
        .hash = atomic_load(&slot->row_hash),
        .length = length,
        .signal = self->hung != 0 ? 0 : WTERMSIG(status),
        .timeout_ms = atomic_load(&shared->batch_timeout_ms),
    };
}

// --- going on, or not ----------------------------------------------------------------------------

static void hint_resume(const struct supervisor *self, struct tm_error *err)
{
    const struct tm_cli_options *options = self->options;
    uint64_t checkpoint = self->shared->resumable;
    if (checkpoint == 0 && self->hung != 0)
        tm_error_hint(err, "a function that needs more time gets it: "
                           "tm.job(\"name\", { batch_timeout = \"5m\" })");
    else if (checkpoint != 0)
        tm_error_hint(
            err, "to go on from checkpoint %llu: tidemill run %s%s%s; to begin anew: --fresh",
            (unsigned long long)checkpoint, tm_cli_job_name(options),
            options->dir == NULL ? "" : " --dir ", options->dir == NULL ? "" : options->dir);
}

// It is not started again: what was wrong, and why nothing is done about it.
static int give_up(struct supervisor *self)
{
    struct tm_supervised *shared = self->shared;
    struct tm_error err = {0};
    int code = self->hung != 0 ? TM_E_BATCH_TIMEOUT : TM_E_WORKER_CRASHED;
    if (shared->why_not[0] != '\0')
        tm_error_set(&err, code, "%s; it is not started again, because %s", shared->figures.last,
                     shared->why_not);
    else if (shared->failover.restarts != 0)
        tm_error_set(&err, code, "%s; it has been started again %llu times, which is enough",
                     shared->figures.last, (unsigned long long)shared->failover.restarts);
    else
        tm_error_set(&err, code, "%s", shared->figures.last);
    hint_resume(self, &err);
    (void)tm_cli_fail(self->options, &err, TM_EXIT_FAILED);
    if (self->options->json)
        tm_report_print_end_json(TM_JOB_FAILED, &err);
    return TM_EXIT_FAILED;
}

// The user wants no more, and there is no worker process that could say so.
static int stopped(struct supervisor *self)
{
    struct tm_error how = {0};
    hint_resume(self, &how);
    if (self->options->json)
        tm_report_print_end_json(TM_JOB_STOPPED, NULL);
    if (how.hint[0] == '\0')
        return TM_EXIT_STOPPED;
    tm_log_write(&self->log, TM_LOG_INFO, "%s", how.hint);
    return TM_EXIT_RESUMABLE;
}

static void say_restart(const struct supervisor *self, int64_t delay_ns, bool found)
{
    const struct tm_supervised *shared = self->shared;
    uint64_t checkpoint = shared->resumable;
    char from[48] = "from the beginning", when[48] = "at once", time[32];
    // What it was told to begin with holds until it has begun, and who does not know the job does
    // not know its checkpoints.
    bool as_told =
        !atomic_load(&shared->has_begun) && (self->options->fresh || self->options->from != NULL ||
                                             !atomic_load(&shared->knows_strategy));
    if (as_told)
        snprintf(from, sizeof from, "as it was to begin");
    else if (checkpoint != 0)
        snprintf(from, sizeof from, "from checkpoint %llu", (unsigned long long)checkpoint);
    if (delay_ns != 0)
        snprintf(when, sizeof when, "in %s", tm_text_duration(delay_ns / NS_PER_MS, time));
    tm_log_write(
        &self->log, TM_LOG_WARN, "%s; starting again %s %s%s", shared->figures.last, from, when,
        found                                         ? ", without what it ended on"
        : atomic_load(&shared->watch.one_by_one) != 0 ? ", row by row to find what it ends on"
                                                      : "");
}

// Which checkpoint is the newest: the worker process may have ended before it could say so.
static void read_latest(struct tm_supervised *shared)
{
    unsigned long long number = 0;
    FILE *file = shared->latest[0] == '\0' ? NULL : fopen(shared->latest, "re");
    if (file != NULL && fscanf(file, "chk-%20llu", &number) != 1)
        number = 0;
    if (file != NULL)
        fclose(file);
    shared->resumable = number;
    if (atomic_load(&shared->has_begun) && number != shared->begun_with)
        shared->moves_on = number != 0;
}

// Killed before it knew its job, and so before it has done anything: the next one begins as it
// would have.
static bool has_done_nothing(struct supervisor *self, int status)
{
    const struct tm_supervised *shared = self->shared;
    return self->hung == 0 && WTERMSIG(status) == SIGKILL &&
           !atomic_load(&shared->knows_strategy) && !atomic_load(&shared->touched) &&
           self->early_ends++ < EARLY_ENDS_MOST;
}

// The worker process was ended by a signal. True: another is to be started; false: *code.
static bool start_again(struct supervisor *self, int status, int *code)
{
    struct tm_supervised *shared = self->shared;
    const struct tm_watch_slot *slot = culprit_slot(self, status);
    uint32_t known = shared->watch.culprit_count;
    read_latest(shared);
    describe_end(self, status, slot);
    if (self->hung != 0)
        shared->figures.hangs++;
    else
        shared->figures.crashes++;
    if (self->stops != 0) {
        tm_log_write(&self->log, TM_LOG_WARN, "%s, while the job was stopped",
                     shared->figures.last);
        *code = stopped(self);
        return false;
    }
    if (has_done_nothing(self, status)) {
        say_restart(self, 0, false);
        return true;
    }
    if (atomic_load(&shared->shows) && shared->resumable == 0 && shared->why_not[0] == '\0')
        snprintf(shared->why_not, sizeof shared->why_not, "%s",
                 "it has no checkpoint yet, and would show all rows again");
    if (self->hung != 0 && slot != NULL && atomic_load(&slot->doing) == TM_WATCH_MIGRATES &&
        shared->why_not[0] == '\0')
        snprintf(shared->why_not, sizeof shared->why_not, "%s",
                 "the function would be given the same value again");
    look_for_row(self, status, slot);
    int64_t delay_ns = atomic_load(&shared->knows_strategy) && shared->why_not[0] == '\0'
                           ? tm_failover_failed(&shared->failover, now_ns(self))
                           : TM_FAILOVER_GIVE_UP;
    if (delay_ns == TM_FAILOVER_GIVE_UP) {
        *code = give_up(self);
        return false;
    }
    say_restart(self, delay_ns, shared->watch.culprit_count != known);
    if (rest(self, delay_ns))
        return true;
    *code = stopped(self);
    return false;
}

// Signals that end a process because somebody wants it.
static bool is_wish(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT ||
           number == SIGXCPU; // ulimit -t is for all of it
}

// Ends this process as the worker process has ended.
static void end_alike(struct supervisor *self, int number)
{
    sigset_t one;
    signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &self->mask_before, NULL);
    sigemptyset(&one);
    sigaddset(&one, number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    raise(number);
}

// One worker process after the other; in each of them this returns too, with *is_worker.
static int supervise(struct supervisor *self, bool *is_worker)
{
    for (;;) {
        pid_t own = getpid();
        prepare(self);
        self->worker = fork();
        if (self->worker == 0) {
            *is_worker = true;
            return be_worker(self, own);
        }
        if (self->worker < 0) {
            struct tm_error err = {0};
            self->worker = 0;
            tm_error_set_errno(&err, TM_E_LIMIT, errno, "cannot start a worker process");
            tm_error_hint(&err, "raise the limit of processes (ulimit -u), or run in one process: "
                                "--no-supervisor");
            return tm_cli_fail(self->options, &err, TM_EXIT_FAILED);
        }
        int status = wait_for_worker(self), code;
        if (WIFEXITED(status))
            return WEXITSTATUS(status);
        if (self->hung == 0 && is_wish(WTERMSIG(status)))
            end_alike(self, WTERMSIG(status));
        if (!start_again(self, status, &code))
            return code;
    }
}

static int open_shared(struct supervisor *self, struct tm_error *err)
{
    void *memory = mmap(NULL, sizeof *self->shared, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return tm_error_set_errno(err, TM_E_MEMORY, errno, "no memory for the supervisor");
    self->shared = memory;
    self->shared->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->shared->stop_fd < 0) {
        munmap(memory, sizeof *self->shared);
        return tm_error_set_errno(err, TM_E_LIMIT, errno, "no descriptor for the supervisor");
    }
    return 0;
}

int tm_cli_run_job(const struct tm_cli_options *options)
{
    // Tests that end a process at a point of its work mean this one.
    bool alone = atomic_load(&tm_kill_switch.on) != 0;
    if (options->help || options->no_supervisor || alone)
        return tm_cli_run_here(options);
    struct tm_error err = {0};
    struct supervisor *self = calloc(1, sizeof *self);
    int rc = self == NULL ? tm_error_set(&err, TM_E_MEMORY, "no memory for the supervisor") : 0;
    if (rc == 0)
        rc = tm_real_init(&self->fx, &err);
    if (rc == 0)
        rc = open_shared(self, &err);
    if (rc != 0) {
        free(self);
        return tm_cli_fail(options, &err, TM_EXIT_FAILED);
    }
    self->options = options;
    self->log = (struct tm_log){.fx = &self->fx,
                                .level = options->quiet ? TM_LOG_WARN : TM_LOG_INFO,
                                .json = options->log != NULL && strcmp(options->log, "json") == 0,
                                .color = tm_fx_terminal(&self->fx, 2).color};
    sigemptyset(&self->waited);
    sigaddset(&self->waited, SIGCHLD);
    sigaddset(&self->waited, SIGINT);
    sigaddset(&self->waited, SIGTERM);
    sigprocmask(SIG_BLOCK, &self->waited, &self->mask_before);
    signal(SIGCHLD, SIG_DFL); // where it is ignored nobody learns how a process has ended
    bool is_worker = false;
    int code = supervise(self, &is_worker);
    if (!is_worker) { // a worker process may still crash
        // Signals stay blocked: another Ctrl-C does not take the exit code away.
        close(self->shared->stop_fd);
        munmap(self->shared, sizeof *self->shared);
    }
    free(self);
    return code;
}
