// Checkpoints carried out: each decision becomes a command to the workers or a work of the helper
// thread; what was done comes back in order.
#include "core/cluster/keeper.h"

#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/kill_point.h"
#include "core/base/planted.h"
#include "core/cluster/keeper_parts.h"

enum {
    RETRY_MIN_MS = 100, // between attempts at a commit, or at the last checkpoint
    RETRY_MAX_MS = 10000,
    NO_MEMORY_NS = 1000000000, // until one is tried again that could not even be asked for
};

// A savepoint that was asked for.
struct wish {
    bool asked, begun;
    char path[TM__SAVEPOINT_PATH]; // "": where the job's go
    tm_keeper_told *told;
    void *arg;
};

struct tm_keeper {
    struct tm_keeper_args args;
    struct tm_checkpoints checkpoints;
    struct tm_executor *executor;
    struct tm__kept *kept;
    struct tm__errand *first, *last; // with the helper, in order
    struct tm_buf settled;
    bool started, stopped;
    uint32_t commits;             // under way
    struct tm__kept *uncommitted; // of the last one, whose sinks could not commit yet
    int64_t retry_ns;
    struct tm_failover retries; // of commits, and of the checkpoint at the end of the input
    bool commit_alarmed;        // the last commit failed,
    int commit_alarm;           // for this reason
    struct tm_error failure;    // what is not tried again; code 0: nothing
    struct wish savepoint;
    struct tm_keeper_figures figures;
    bool alarmed;   // the last one was not taken,
    int alarm_kind; // for this reason: a code of why, or an end
};

static int64_t now_of(const struct tm_keeper *keeper)
{
    return tm_fx_mono_ns(keeper->args.fx);
}

// --- errands -------------------------------------------------------------------------------------

static void free_errand(struct tm__errand *errand)
{
    struct tm_mem *mem = errand->args->mem;
    if (errand->settled != NULL)
        tm_mem_free(mem, errand->settled, errand->settled_size);
    tm_mem_free(mem, errand, sizeof *errand);
}

static bool send(struct tm_keeper *keeper, enum tm__errand_kind kind, struct tm__kept *kept)
{
    const struct tm_fx *fx = keeper->args.fx;
    TM_CHECK(kind != TM__ERRAND_COMMIT || kept->checkpoint > keeper->figures.committed);
    struct tm__errand *errand = tm_mem_zalloc(keeper->args.mem, sizeof *errand);
    if (errand == NULL)
        return false;
    *errand = (struct tm__errand){.args = &keeper->args, .kind = kind, .kept = kept};
    if (kind == TM__ERRAND_PUBLISH) {
        errand->settled_size = keeper->settled.size_bytes + 1;
        errand->settled = tm_mem_zalloc(keeper->args.mem, errand->settled_size);
        if (errand->settled == NULL) {
            free_errand(errand);
            return false;
        }
        if (keeper->settled.size_bytes != 0)
            memcpy(errand->settled, keeper->settled.data, keeper->settled.size_bytes);
    }
    errand->work.run = tm__errand_run;
    errand->work.waker = keeper->args.waker;
    if (keeper->last == NULL)
        keeper->first = errand;
    else
        keeper->last->next = errand;
    keeper->last = errand;
    keeper->commits += kind == TM__ERRAND_COMMIT;
    fx->threads->executor_submit(fx->ctx, keeper->executor, &errand->work);
    return true;
}

static struct tm__kept *find(const struct tm_keeper *keeper, uint64_t checkpoint)
{
    struct tm__kept *kept = keeper->kept;
    while (kept != NULL && kept->checkpoint != checkpoint)
        kept = kept->next;
    return kept;
}

static void free_parts(struct tm_keeper *keeper, struct tm__kept *kept)
{
    uint32_t tasks = keeper->args.job->task_count;
    for (uint32_t t = 0; kept->parts != NULL && t < tasks; t++)
        tm_part_unref(kept->parts[t]);
    if (kept->parts != NULL)
        tm_mem_free(keeper->args.mem, kept->parts, tasks * sizeof(void *));
    kept->parts = NULL;
}

static void forget(struct tm_keeper *keeper, struct tm__kept *kept)
{
    struct tm__kept **at = &keeper->kept;
    while (*at != kept)
        at = &(*at)->next;
    *at = kept->next;
    free_parts(keeper, kept);
    if (kept->path != NULL)
        tm_mem_free(keeper->args.mem, kept->path, TM__SAVEPOINT_PATH);
    tm_mem_free(keeper->args.mem, kept, sizeof *kept);
}

// --- what the coordinator of checkpoints wants ---------------------------------------------------

static void tell_workers(struct tm_keeper *keeper, enum tm_command_kind kind,
                         const struct tm__kept *kept, const char *text, size_t length)
{
    if (tm_job_command_checkpoint(keeper->args.job, kind, kept->checkpoint, kept->purpose, text,
                                  length) != 0)
        tm_log_write(keeper->args.log, TM_LOG_WARN,
                     "out of memory for a command about checkpoint %llu",
                     (unsigned long long)kept->checkpoint);
}

static void decline(struct tm_keeper *keeper, uint64_t checkpoint, int code, const char *message)
{
    struct tm_error err;
    tm_error_clear(&err);
    tm_error_set(&err, code, "%s", message);
    tm_checkpoints_decline(&keeper->checkpoints, checkpoint, keeper->args.attempt, &err,
                           now_of(keeper));
}

// Whoever asked for a savepoint is told, once.
static void tell_wish(struct tm_keeper *keeper, uint64_t checkpoint, const char *path,
                      const struct tm_error *err)
{
    struct wish *wish = &keeper->savepoint;
    if (!wish->asked)
        return;
    wish->asked = wish->begun = false;
    wish->told(wish->arg, checkpoint, path, err);
}

static void refuse_wish(struct tm_keeper *keeper, const char *why)
{
    struct tm_error err;
    tm_error_clear(&err);
    tm_error_set(&err, TM_E_SAVEPOINT, "no savepoint was taken: %s", why);
    tell_wish(keeper, 0, NULL, &err);
}

static void on_begin(void *arg, uint64_t checkpoint, enum tm_checkpoint_purpose purpose)
{
    struct tm_keeper *keeper = arg;
    struct tm_mem *mem = keeper->args.mem;
    struct tm__kept *kept = tm_mem_zalloc(mem, sizeof *kept);
    if (kept == NULL) {
        decline(keeper, checkpoint, TM_E_MEMORY, "out of memory");
        return;
    }
    *kept = (struct tm__kept){.next = keeper->kept,
                              .checkpoint = checkpoint,
                              .purpose = purpose,
                              .begun_ns = now_of(keeper)};
    keeper->kept = kept;
    kept->parts = tm_mem_zalloc(mem, keeper->args.job->task_count * sizeof(void *));
    bool is_kept = kept->parts != NULL;
    if (purpose == TM_PURPOSE_SAVEPOINT && is_kept) {
        kept->path = tm_mem_alloc(mem, TM__SAVEPOINT_PATH);
        is_kept = kept->path != NULL;
        if (is_kept)
            memcpy(kept->path, keeper->savepoint.path, TM__SAVEPOINT_PATH);
    }
    if (is_kept && purpose == TM_PURPOSE_CLOSE) { // it has no place
        kept->placed = true;
        tell_workers(keeper, TM_COMMAND_CHECKPOINT, kept, "", 0);
    } else if (!is_kept || !send(keeper, TM__ERRAND_PLACE, kept)) {
        kept->placed = true; // there is none, and none is to come
        decline(keeper, checkpoint, TM_E_MEMORY, "out of memory");
    }
}

static void on_publish(void *arg, uint64_t checkpoint, enum tm_checkpoint_purpose purpose)
{
    struct tm_keeper *keeper = arg;
    struct tm_error err = {.code = TM_E_MEMORY};
    if (purpose == TM_PURPOSE_CLOSE)
        tm_checkpoints_published(&keeper->checkpoints, checkpoint, 0, NULL, now_of(keeper));
    else if (!send(keeper, TM__ERRAND_PUBLISH, find(keeper, checkpoint)))
        tm_checkpoints_published(&keeper->checkpoints, checkpoint, TM_E_MEMORY, &err,
                                 now_of(keeper));
}

static const char *reason(enum tm_checkpoint_end end, const struct tm_error *why)
{
    if (why != NULL && why->message[0] != '\0')
        return why->message;
    return end == TM_CHECKPOINT_EXPIRED ? "it took too long" : "out of memory";
}

// The same reason again and again is said once, whatever file it met; `failed` of the figures
// counts on.
static void alarm_once(struct tm_keeper *keeper, uint64_t checkpoint, enum tm_checkpoint_end end,
                       const struct tm_error *why)
{
    int kind = why != NULL && why->code != 0 ? why->code : (int)end;
    if (keeper->alarmed && keeper->alarm_kind == kind)
        return;
    keeper->alarmed = true;
    keeper->alarm_kind = kind;
    tm_log_write(keeper->args.log, TM_LOG_WARN, "checkpoint %llu was not taken: %s",
                 (unsigned long long)checkpoint, reason(end, why));
}

// What was written of it goes, unless the helper has it: it is asked in order.
static void drop(struct tm_keeper *keeper, struct tm__kept *kept)
{
    free_parts(keeper, kept);
    if (kept->pending == NULL)
        forget(keeper, kept);
    else if (!send(keeper, TM__ERRAND_DISCARD, kept)) // the store finds it when it is opened next
        forget(keeper, kept);
}

static void note_figures(struct tm_keeper *keeper, const struct tm__kept *kept)
{
    keeper->figures.checkpoint = kept->checkpoint;
    keeper->figures.completed++;
    keeper->figures.bytes = kept->bytes;
    keeper->figures.flight_bytes = kept->flight_bytes;
    keeper->figures.overtaken += kept->flight_bytes != 0;
    keeper->figures.completed_ms = tm_fx_wall_ms(keeper->args.fx);
    keeper->figures.duration_ms = (now_of(keeper) - kept->begun_ns) / 1000000;
}

static void complete(struct tm_keeper *keeper, struct tm__kept *kept)
{
    tell_workers(keeper, TM_COMMAND_COMPLETE, kept, NULL, 0);
    free_parts(keeper, kept);
    if (kept->purpose == TM_PURPOSE_SAVEPOINT) { // nothing is committed by it
        tm_log_write(keeper->args.log, TM_LOG_INFO, "savepoint %llu: %s",
                     (unsigned long long)kept->checkpoint, kept->path);
        tell_wish(keeper, kept->checkpoint, kept->path, NULL);
        if (!TM_PLANTED(savepoint_commits) || !send(keeper, TM__ERRAND_COMMIT, kept))
            forget(keeper, kept);
        return;
    }
    if (keeper->alarmed)
        tm_log_write(keeper->args.log, TM_LOG_INFO, "checkpoints are taken again: %llu",
                     (unsigned long long)kept->checkpoint);
    keeper->alarmed = false;
    if (kept->purpose != TM_PURPOSE_CLOSE)
        note_figures(keeper, kept);
    if (!send(keeper, TM__ERRAND_COMMIT, kept)) {
        keeper->uncommitted = kept;
        keeper->retry_ns = now_of(keeper) + NO_MEMORY_NS;
    }
}

static void note_failed(struct tm_keeper *keeper, uint64_t checkpoint,
                        enum tm_checkpoint_purpose purpose, enum tm_checkpoint_end end,
                        const struct tm_error *why)
{
    if (purpose != TM_PURPOSE_SAVEPOINT) {
        keeper->figures.failed++;
        alarm_once(keeper, checkpoint, end, why);
    } else if (why != NULL && why->message[0] != '\0') {
        tell_wish(keeper, checkpoint, NULL, why);
    } else {
        refuse_wish(keeper, reason(end, why));
    }
}

static void on_end(void *arg, uint64_t checkpoint, enum tm_checkpoint_purpose purpose,
                   enum tm_checkpoint_end end, const struct tm_error *why)
{
    struct tm_keeper *keeper = arg;
    struct tm__kept *kept = find(keeper, checkpoint);
    if (end != TM_CHECKPOINT_COMPLETE && end != TM_CHECKPOINT_SUBSUMED)
        note_failed(keeper, checkpoint, purpose, end, why);
    if (kept == NULL)
        return;
    kept->ended = true;
    if (end == TM_CHECKPOINT_COMPLETE) {
        complete(keeper, kept);
        return;
    }
    if (!kept->placed)
        return; // the workers know nothing of it, and its place is being made
    tell_workers(keeper, TM_COMMAND_ABORT, kept, NULL, 0);
    drop(keeper, kept);
}

// --- what the helper has done --------------------------------------------------------------------

static void placed(struct tm_keeper *keeper, const struct tm__errand *errand)
{
    struct tm__kept *kept = errand->kept;
    kept->placed = true;
    if (errand->code != 0 && !kept->ended) {
        tm_checkpoints_decline(&keeper->checkpoints, kept->checkpoint, keeper->args.attempt,
                               &errand->err, now_of(keeper));
        return;
    }
    if (kept->ended) {
        drop(keeper, kept);
        return;
    }
    const struct tm_checkpoint_place *place = tm_pending_place(kept->pending);
    struct tm_buf text;
    tm_buf_init(&text, keeper->args.mem);
    if (tm_buf_append(&text, place->folder, strlen(place->folder) + 1) == 0 &&
        tm_buf_append(&text, place->name, strlen(place->name) + 1) == 0)
        tell_workers(keeper, TM_COMMAND_CHECKPOINT, kept, (const char *)text.data, text.size_bytes);
    else
        decline(keeper, kept->checkpoint, TM_E_MEMORY, "out of memory");
    tm_buf_fini(&text);
}

// What must be done at last is tried again as the strategy says, never at once; a negative answer:
// no more.
static int64_t retry_after(struct tm_keeper *keeper)
{
    int64_t delay_ns = tm_failover_failed(&keeper->retries, now_of(keeper));
    int64_t least_ns = RETRY_MIN_MS * 1000000LL;
    return delay_ns < 0 || delay_ns > least_ns ? delay_ns : least_ns;
}

static void give_up(struct tm_keeper *keeper, const char *what, const struct tm_error *why)
{
    tm_error_set(&keeper->failure, TM_E_UNSAVED, "%s: %s", what, why->message);
    tm_error_hint(&keeper->failure, "mend that, and run the job again: what was saved is made "
                                    "visible then, and what was not is read again");
}

static int64_t on_retry(void *arg, const struct tm_error *why)
{
    struct tm_keeper *keeper = arg;
    int64_t delay_ns = retry_after(keeper);
    struct tm_error late = {.message = "it took too long"};
    if (delay_ns < 0)
        give_up(keeper, "the checkpoint at the end of the input was not taken",
                why == NULL ? &late : why);
    return delay_ns;
}

// The same reason again and again is said once.
static void alarm_commit(struct tm_keeper *keeper, const struct tm__errand *errand)
{
    int reason = errand->code < 0 ? errand->code : errand->err.code;
    if (keeper->commit_alarmed && keeper->commit_alarm == reason)
        return;
    keeper->commit_alarmed = true;
    keeper->commit_alarm = reason;
    tm_log_write(keeper->args.log, TM_LOG_WARN,
                 "the output of checkpoint %llu cannot be made visible yet: %s; it is tried again "
                 "until it can be",
                 (unsigned long long)errand->kept->checkpoint, errand->err.message);
}

static void forget_uncommitted(struct tm_keeper *keeper)
{
    if (keeper->uncommitted != NULL)
        forget(keeper, keeper->uncommitted);
    keeper->uncommitted = NULL;
}

static void commit_succeeded(struct tm_keeper *keeper, struct tm__kept *kept)
{
    // What an earlier one could not make visible is visible with it.
    if (keeper->uncommitted != NULL && keeper->uncommitted->checkpoint < kept->checkpoint)
        forget_uncommitted(keeper);
    keeper->figures.committed = kept->checkpoint;
    if (keeper->commit_alarmed)
        tm_log_write(keeper->args.log, TM_LOG_INFO, "the output of checkpoint %llu is visible",
                     (unsigned long long)kept->checkpoint);
    keeper->commit_alarmed = false;
    tm_failover_init(&keeper->retries, &keeper->args.retry, kept->checkpoint);
    forget(keeper, kept);
}

static void committed(struct tm_keeper *keeper, struct tm__errand *errand)
{
    struct tm__kept *kept = errand->kept;
    keeper->commits--;
    if (errand->code == 0) {
        commit_succeeded(keeper, kept);
        return;
    }
    alarm_commit(keeper, errand);
    // The later one commits what the earlier one did not.
    if (keeper->uncommitted != NULL && keeper->uncommitted->checkpoint > kept->checkpoint) {
        forget(keeper, kept);
        kept = keeper->uncommitted;
    } else {
        forget_uncommitted(keeper);
        keeper->uncommitted = kept;
    }
    int64_t delay_ns = retry_after(keeper);
    // Space may return as long as the job runs.
    if (delay_ns < 0 && errand->code > 0 && !keeper->checkpoints.last)
        delay_ns = RETRY_MAX_MS * 1000000LL;
    keeper->retry_ns = now_of(keeper) + delay_ns;
    if (delay_ns >= 0)
        return;
    give_up(keeper, "output cannot be made visible", &errand->err);
    forget_uncommitted(keeper); // whoever begins from it commits it
}

// Another process has the job: this one can save nothing any more.
static void look_for_another(struct tm_keeper *keeper, const struct tm__errand *errand)
{
    if (errand->code == TM_E_JOB_RUNNING && keeper->failure.code == 0)
        keeper->failure = errand->err;
}

static void take_back(struct tm_keeper *keeper, struct tm__errand *errand)
{
    look_for_another(keeper, errand);
    switch (errand->kind) {
    case TM__ERRAND_PLACE:
        placed(keeper, errand);
        break;
    case TM__ERRAND_PUBLISH:
        tm_checkpoints_published(&keeper->checkpoints, errand->kept->checkpoint, errand->code,
                                 &errand->err, now_of(keeper));
        break;
    case TM__ERRAND_DISCARD:
        forget(keeper, errand->kept);
        break;
    case TM__ERRAND_COMMIT:
        committed(keeper, errand);
        break;
    }
    free_errand(errand);
}

static bool take_errands(struct tm_keeper *keeper)
{
    bool any = false;
    while (keeper->first != NULL && tm_work_is_done(&keeper->first->work)) {
        struct tm__errand *errand = keeper->first;
        keeper->first = errand->next;
        if (keeper->first == NULL)
            keeper->last = NULL;
        take_back(keeper, errand);
        any = true;
    }
    return any;
}

// Output that waits to be made visible: what is newer does it too, if there is something newer.
static bool retry_commit(struct tm_keeper *keeper)
{
    struct tm__kept *kept = keeper->uncommitted;
    if (kept == NULL || keeper->commits != 0 || now_of(keeper) < keeper->retry_ns)
        return false;
    keeper->uncommitted = NULL;
    if (!send(keeper, TM__ERRAND_COMMIT, kept)) {
        keeper->uncommitted = kept;
        keeper->retry_ns = now_of(keeper) + NO_MEMORY_NS;
    }
    return true;
}

// --- the whole -----------------------------------------------------------------------------------

int tm_keeper_new(const struct tm_keeper_args *args, struct tm_keeper **result,
                  struct tm_error *err)
{
    struct tm_keeper *keeper = tm_mem_zalloc(args->mem, sizeof *keeper);
    if (keeper == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for checkpoints");
    keeper->args = *args;
    struct tm_restart_policy *retry = &keeper->args.retry;
    retry->max_ms = retry->max_ms < RETRY_MAX_MS ? retry->max_ms : RETRY_MAX_MS;
    retry->delay_ms = retry->delay_ms < RETRY_MAX_MS ? retry->delay_ms : RETRY_MAX_MS;
    tm_failover_init(&keeper->retries, &keeper->args.retry, tm_store_next(args->store));
    tm_buf_init(&keeper->settled, args->mem);
    const struct tm_checkpoints_env env = {
        .arg = keeper, .begin = on_begin, .publish = on_publish, .end = on_end, .retry = on_retry};
    const struct tm_checkpoints_args coordinator = {
        .interval_ns = args->interval_ms * 1000000,
        .timeout_ns = args->timeout_ms * 1000000,
        .at_once = 1,
        .tasks = args->job->task_count,
        .attempt = args->attempt,
        .next = tm_store_next(args->store),
        .now_ns = tm_fx_mono_ns(args->fx),
    };
    int rc = tm_checkpoints_init(&keeper->checkpoints, &env, &coordinator, args->mem);
    if (rc == 0)
        rc = tm_buf_append(&keeper->settled, args->settled, strlen(args->settled));
    if (rc != 0)
        tm_error_set(err, rc, "out of memory for checkpoints");
    if (rc == 0) {
        keeper->executor = args->fx->threads->executor_new(args->fx->ctx, "checkpoints", err);
        rc = keeper->executor == NULL ? err->code : 0;
    }
    if (rc != 0) {
        tm_keeper_free(keeper);
        return rc;
    }
    *result = keeper;
    return 0;
}

void tm_keeper_free(struct tm_keeper *keeper)
{
    const struct tm_fx *fx = keeper->args.fx;
    refuse_wish(keeper, "the job ended");
    if (keeper->executor != NULL)
        fx->threads->executor_free(fx->ctx, keeper->executor);
    while (keeper->first != NULL) {
        struct tm__errand *errand = keeper->first;
        keeper->first = errand->next;
        free_errand(errand);
    }
    while (keeper->kept != NULL) {
        struct tm__kept *kept = keeper->kept;
        if (kept->pending != NULL)
            tm_store_discard(keeper->args.store, kept->pending);
        forget(keeper, kept);
    }
    if (keeper->checkpoints.args.tasks != 0)
        tm_checkpoints_fini(&keeper->checkpoints);
    tm_buf_fini(&keeper->settled);
    tm_mem_free(keeper->args.mem, keeper, sizeof *keeper);
}

void tm_keeper_start(struct tm_keeper *keeper)
{
    keeper->started = true;
}

void tm_keeper_stop(struct tm_keeper *keeper)
{
    keeper->stopped = true;
    tm_checkpoints_stop(&keeper->checkpoints);
    refuse_wish(keeper, "the job ends");
}

void tm_keeper_drain(struct tm_keeper *keeper)
{
    tm_checkpoints_drain(&keeper->checkpoints, now_of(keeper));
    if (!tm_checkpoints_savepoint_is_under_way(&keeper->checkpoints))
        refuse_wish(keeper, "the job is being drained");
}

int tm_keeper_savepoint(struct tm_keeper *keeper, const char *path, tm_keeper_told *told, void *arg,
                        struct tm_error *err)
{
    struct wish *wish = &keeper->savepoint;
    bool ends = keeper->stopped || keeper->checkpoints.last || keeper->checkpoints.draining;
    if (ends || wish->asked) {
        tm_error_set(err, TM_E_SAVEPOINT, "no savepoint was taken: %s",
                     wish->asked ? "another one is being taken" : "the job ends");
        tm_error_hint(err, wish->asked ? "ask again when that one is there"
                                       : "a job that was stopped goes on from its last checkpoint, "
                                         "of which a copy can be made");
        return TM_E_SAVEPOINT;
    }
    *wish = (struct wish){.asked = true, .told = told, .arg = arg};
    int n = snprintf(wish->path, sizeof wish->path, "%s", path == NULL ? "" : path);
    if (n >= 0 && (size_t)n < sizeof wish->path - 16) // with what is put behind it
        return 0;
    wish->asked = false;
    return tm_error_set(err, TM_E_SAVEPOINT, "the path of the savepoint is too long");
}

// As soon as all workers run.
static bool begin_wish(struct tm_keeper *keeper)
{
    struct wish *wish = &keeper->savepoint;
    if (!wish->asked || wish->begun || !keeper->started)
        return false;
    wish->begun = true;
    tm_checkpoints_savepoint(&keeper->checkpoints, now_of(keeper));
    return true;
}

int tm_keeper_settled(struct tm_keeper *keeper, const char *text, size_t length)
{
    return tm_buf_append(&keeper->settled, text, length);
}

void tm_keeper_save(struct tm_keeper *keeper, enum tm_checkpoint_purpose purpose)
{
    keeper->started = true; // a short job may be over before its workers were seen to run
    if (!tm_checkpoints_savepoint_is_under_way(&keeper->checkpoints))
        refuse_wish(keeper, "the job ends");
    tm_checkpoints_last(&keeper->checkpoints, purpose, now_of(keeper));
}

bool tm_keeper_is_unused(const struct tm_keeper *keeper)
{
    return keeper->checkpoints.next == keeper->checkpoints.args.next;
}

bool tm_keeper_is_saved(const struct tm_keeper *keeper)
{
    return tm_checkpoints_is_over(&keeper->checkpoints) && keeper->commits == 0 &&
           (keeper->uncommitted == NULL || TM_PLANTED(last_epoch_lost)) &&
           keeper->failure.code == 0;
}

const struct tm_error *tm_keeper_failure(const struct tm_keeper *keeper)
{
    return keeper->failure.code == 0 ? NULL : &keeper->failure;
}

void tm_keeper_event(struct tm_keeper *keeper, struct tm_event *event)
{
    uint32_t attempt = keeper->args.attempt; // events of an earlier one went with its mailbox
    if (event->kind == TM_EVENT_DECLINED)
        tm_checkpoints_decline(&keeper->checkpoints, event->checkpoint, attempt, &event->error,
                               now_of(keeper));
    if (event->kind != TM_EVENT_WRITTEN)
        return;
    struct tm__kept *kept = find(keeper, event->checkpoint);
    if (TM_PLANTED(late_ack_counts) && (kept == NULL || kept->ended) &&
        keeper->checkpoints.count != 0) {
        event->checkpoint = keeper->checkpoints.under_way[0].checkpoint;
        kept = find(keeper, event->checkpoint);
    }
    if (kept == NULL || kept->parts == NULL || kept->parts[event->task] != NULL)
        return;
    if (event->part != NULL) { // else nothing was to be written
        kept->bytes += tm_written_bytes(event->part->written);
        kept->flight_bytes += tm_written_flight_bytes(event->part->written);
    }
    kept->parts[event->task] = event->part; // before it counts: the last one makes it whole
    event->part = NULL;
    TM_KILL_POINT(cut_acknowledged);
    (void)tm_checkpoints_acknowledge(&keeper->checkpoints, event->checkpoint, event->task, attempt,
                                     now_of(keeper));
}

bool tm_keeper_turn(struct tm_keeper *keeper)
{
    bool any = take_errands(keeper);
    any = retry_commit(keeper) || any;
    any = begin_wish(keeper) || any;
    int64_t now = now_of(keeper);
    if (!keeper->started || keeper->stopped ||
        tm_checkpoints_deadline_ns(&keeper->checkpoints) > now)
        return any;
    tm_checkpoints_tick(&keeper->checkpoints, now);
    return true;
}

int64_t tm_keeper_deadline_ns(const struct tm_keeper *keeper)
{
    int64_t deadline = keeper->started && !keeper->stopped
                           ? tm_checkpoints_deadline_ns(&keeper->checkpoints)
                           : INT64_MAX;
    if (keeper->uncommitted != NULL && keeper->commits == 0 && keeper->retry_ns < deadline)
        deadline = keeper->retry_ns;
    return deadline;
}

struct tm_keeper_figures tm_keeper_figures(const struct tm_keeper *keeper)
{
    return keeper->figures;
}
