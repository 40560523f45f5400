// A sink into the log of the world, as D7 has it for Kafka: rows of an epoch are in the checkpoint
// and in a transaction, which carries the checkpoint's number as a marker. Whether an epoch was
// committed is read from there, never assumed; one that is missing is produced again from the
// checkpoint. Each transaction has an epoch of the writer of its own, so that a late commit cannot
// meet another one. All subtasks share a transaction.
//
// It takes the place of tm.webhook in simulated processes, whose url names the output. Everything
// is on one thread here: nothing is locked.
#include <stdio.h>
#include <string.h>

#include "connectors/webhook/webhook.h"
#include "core/base/buf.h"
#include "core/base/text.h"
#include "core/checkpoint/cut.h"
#include "core/checkpoint/restored.h"
#include "tests/sim/planted.h"
#include "tests/sim/process.h"

enum { TRIES = 3, ROWS_BYTES_MAX = 1 << 30 };

// What a subtask has of one checkpoint.
struct epoch {
    struct epoch *next;
    uint64_t checkpoint;
    uint32_t subtask;
    struct tm_buf rows;
    size_t sent;        // bytes that are in the transaction,
    uint64_t sent_with; // of this beginning; of another one they are not
};

struct shared {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    char name[SIM_LOG_NAME];
    uint32_t writer, epoch;
    uint64_t beginnings; // of epochs of the writer
    bool ready;          // the writer has an epoch that no transaction had before
    bool broken;         // something of the transaction is not known: another epoch is needed
    uint64_t requests;   // with rows and markers, in the epoch
    uint64_t done;       // checkpoint that is committed, as the log said
    uint64_t resumed;    // that the job begins with; 0: it begins anew
    bool eager;          // rows go into the transaction before their checkpoint is complete
    struct epoch *first; // prepared and not committed, by checkpoint
};

struct log_sink {
    struct tm_sink base;
    struct shared *shared;
    struct tm_encoder *encoder;
    struct epoch now; // what no checkpoint has yet
};

static struct sim_process *process_of(const struct shared *s)
{
    return s->fx->ctx;
}

// --- requests ------------------------------------------------------------------------------------

static struct sim_log_answer call(struct shared *s, struct sim_log_request request)
{
    struct sim_process *process = process_of(s);
    request.writer = s->writer;
    request.epoch = s->epoch;
    request.process = process->number;
    sim_process_step(process, 60 + request.kind);
    struct sim_log_answer answer = sim_log_call(process->universe, &request);
    sim_process_step(process, 70 + request.kind);
    if (answer.result == SIM_LOG_NO_ANSWER || answer.result == SIM_LOG_FENCED)
        s->broken = true;
    return answer;
}

// An epoch of the writer: whatever was open is aborted, and whoever had one can do nothing.
static bool begin_epoch(struct shared *s)
{
    struct sim_log_answer answer = call(s, (struct sim_log_request){.kind = SIM_LOG_BEGIN});
    if (answer.result != SIM_LOG_OK)
        return false;
    s->epoch = answer.epoch;
    s->beginnings++;
    s->ready = true;
    s->broken = false;
    s->requests = 0;
    return true;
}

static bool read_marker(struct shared *s, uint64_t *marker)
{
    struct sim_log_answer answer = call(s, (struct sim_log_request){.kind = SIM_LOG_MARKER});
    *marker = answer.marker;
    return answer.result == SIM_LOG_OK;
}

static bool send_rows(struct shared *s, struct epoch *epoch)
{
    if (epoch->sent_with != s->beginnings)
        epoch->sent = 0;
    epoch->sent_with = s->beginnings;
    if (epoch->sent == epoch->rows.size_bytes)
        return true;
    struct sim_log_request request = {.kind = SIM_LOG_PRODUCE,
                                      .number = s->requests,
                                      .rows = (const char *)epoch->rows.data + epoch->sent,
                                      .size = epoch->rows.size_bytes - epoch->sent};
    if (call(s, request).result != SIM_LOG_OK) {
        s->broken = true;
        return false;
    }
    s->requests++;
    epoch->sent = epoch->rows.size_bytes;
    return true;
}

static int no_answer(const struct shared *s, struct tm_error *err)
{
    return tm_error_set(err, TM_E_NETWORK, "the log does not say what became of %s", s->name);
}

// --- epochs --------------------------------------------------------------------------------------

static void free_epoch(struct shared *s, struct epoch *epoch)
{
    tm_buf_fini(&epoch->rows);
    tm_mem_free(s->mem, epoch, sizeof *epoch);
}

static void forget(struct shared *s, uint64_t checkpoint)
{
    while (s->first != NULL && s->first->checkpoint <= checkpoint) {
        struct epoch *done = s->first;
        s->first = done->next;
        free_epoch(s, done);
    }
}

static int add_epoch(struct shared *s, uint64_t checkpoint, uint32_t subtask, const void *rows,
                     size_t size, struct epoch **out)
{
    struct epoch **link = &s->first, *epoch = tm_mem_zalloc(s->mem, sizeof *epoch);
    if (epoch == NULL)
        return TM_E_MEMORY;
    epoch->checkpoint = checkpoint;
    epoch->subtask = subtask;
    tm_buf_init(&epoch->rows, s->mem);
    if (size != 0 && tm_buf_append(&epoch->rows, rows, size) != 0) {
        free_epoch(s, epoch);
        return TM_E_MEMORY;
    }
    while (*link != NULL && ((*link)->checkpoint < checkpoint ||
                             ((*link)->checkpoint == checkpoint && (*link)->subtask < subtask)))
        link = &(*link)->next;
    epoch->next = *link;
    *link = epoch;
    *out = epoch;
    return 0;
}

// --- commits -------------------------------------------------------------------------------------

// Everything up to the checkpoint in one transaction. False: something is not known.
static bool commit_once(struct shared *s, uint64_t checkpoint)
{
    for (struct epoch *e = s->first; e != NULL && e->checkpoint <= checkpoint; e = e->next)
        if (e->checkpoint > s->done && !send_rows(s, e))
            return false;
    struct sim_log_request mark = {
        .kind = SIM_LOG_MARK, .number = s->requests, .marker = checkpoint};
    if (call(s, mark).result != SIM_LOG_OK)
        return false;
    s->requests++;
    enum sim_log_result result = call(s, (struct sim_log_request){.kind = SIM_LOG_COMMIT}).result;
    if (result == SIM_LOG_NO_ANSWER && TM_PLANTED(log_answer_assumed))
        return true;
    return result == SIM_LOG_OK;
}

// The outcome of the last one is not known, or there is no epoch that may be used.
static bool begin_again(struct shared *s, uint64_t checkpoint)
{
    uint64_t marker;
    struct sim_universe *universe = process_of(s)->universe;
    bool doubtful = s->broken;
    if (!begin_epoch(s) || !read_marker(s, &marker))
        return false;
    if (marker > s->done)
        s->done = marker;
    if (doubtful)
        universe->saw[marker >= checkpoint ? SIM_SAW_log_found_done : SIM_SAW_log_missing]++;
    return true;
}

static int commit(struct shared *s, uint64_t checkpoint, struct tm_error *err)
{
    for (int i = 0; i < TRIES; i++) {
        if ((!s->ready || s->broken) && !begin_again(s, checkpoint))
            continue;
        if (s->done >= checkpoint || commit_once(s, checkpoint)) {
            if (s->done < checkpoint && !TM_PLANTED(log_epoch_reused))
                s->ready = false; // its epoch has had its transaction
            s->done = checkpoint > s->done ? checkpoint : s->done;
            forget(s, checkpoint);
            return 0;
        }
        s->broken = true;
    }
    (void)no_answer(s, err);
    return TM_STEP_WAIT;
}

static int log_commit(void *shared, uint64_t checkpoint, struct tm_error *err)
{
    struct shared *s = shared;
    if (s->done < checkpoint)
        return commit(s, checkpoint, err);
    forget(s, checkpoint);
    return 0;
}

// --- beginning -----------------------------------------------------------------------------------

static int log_prepare(const struct tm_fx *fx, struct tm_mem *mem, const struct tm_node *node,
                       uint32_t parallelism, const struct tm_sink_job *job, void **shared,
                       struct tm_error *err)
{
    struct shared *s = tm_mem_zalloc(mem, sizeof *s);
    const char *url = tm_options_text(&node->options, "url");
    (void)parallelism;
    if (s == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the sink '%s'", node->name);
    s->fx = fx;
    s->mem = mem;
    snprintf(s->name, sizeof s->name, "%s", strrchr(url, '/') + 1);
    s->writer = sim_log_writer(&process_of(s)->universe->log, s->name);
    const struct sim_universe *universe = process_of(s)->universe;
    s->eager =
        universe->wider.eager && (process_of(s)->number % 2 == 1 || universe->log.late_ns != 0);
    s->resumed = job->restored == NULL ? 0 : tm_restored_checkpoint(job->restored);
    *shared = s;
    return 0;
}

static int take_epoch(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                      struct tm_error *err)
{
    struct shared *s = arg;
    struct epoch *epoch;
    uint64_t checkpoint;
    if (size < sizeof checkpoint)
        return tm_error_set(err, TM_E_CHECKPOINT, "an epoch of %s is cut short", s->name);
    memcpy(&checkpoint, bytes, sizeof checkpoint);
    int rc = add_epoch(s, checkpoint, old_subtask, (const char *)bytes + sizeof checkpoint,
                       size - sizeof checkpoint, &epoch);
    return rc == 0 ? 0 : tm_error_set(err, rc, "out of memory for the output %s", s->name);
}

static int too_old(const struct shared *s, uint64_t marker, struct tm_error *err)
{
    return tm_error_set(err, TM_E_CHECKPOINT_OLD,
                        "the output %s has the rows of checkpoint %llu, and this is %llu", s->name,
                        (unsigned long long)marker, (unsigned long long)s->resumed);
}

// Asking changes nothing; what is open now may be committed yet, so it is asked again at the
// beginning.
static int log_restore(void *shared, const struct tm_restored *restored, const struct tm_node *node,
                       struct tm_error *err)
{
    struct shared *s = shared;
    const struct tm_restored_for who = {.operator_name = node->name, .parallelism = 1};
    uint64_t marker;
    int rc = tm_restored_items(restored, &who, "commits", take_epoch, s, err);
    if (rc == 0 && read_marker(s, &marker) && marker > s->resumed)
        rc = too_old(s, marker, err);
    s->broken = false;
    return rc;
}

static bool begin_known(struct shared *s, uint64_t *marker)
{
    for (int i = 0; i < TRIES; i++)
        if (begin_epoch(s) && read_marker(s, marker))
            return true;
    return false;
}

// Asked of a checkpoint that is damaged, by the process that has the folder. What an earlier one
// has open may come to be yet, so that is ended first, as at the beginning.
static int log_committed(void *shared, uint64_t checkpoint, bool *committed, struct tm_error *err)
{
    uint64_t marker;
    if (!begin_known(shared, &marker))
        return no_answer(shared, err);
    *committed = marker >= checkpoint;
    return 0;
}

// First the epoch, which ends all that an earlier process can do; then what the log has. Only then
// is it known what the checkpoint owes.
static int log_begin(void *shared, struct tm_error *err)
{
    struct shared *s = shared;
    uint64_t marker = 0;
    if (TM_PLANTED(log_left_open) && read_marker(s, &marker) && marker == s->resumed) {
        s->done = marker;
        return 0;
    }
    if (!begin_known(s, &marker))
        return no_answer(s, err);
    if (TM_PLANTED(log_marker_not_read) && s->resumed != 0)
        marker = 0;
    if (marker > s->resumed)
        return too_old(s, marker, err);
    s->done = marker;
    if (marker == s->resumed)
        return 0;
    process_of(s)->universe->saw[SIM_SAW_log_produced_again]++;
    int rc = commit(s, s->resumed, err);
    return rc == TM_STEP_WAIT ? TM_E_NETWORK : rc; // a beginning does not wait
}

static void log_release(void *shared)
{
    struct shared *s = shared;
    forget(s, UINT64_MAX);
    tm_mem_free(s->mem, s, sizeof *s);
}

// --- a subtask -----------------------------------------------------------------------------------

static bool has_prepared(const struct log_sink *self)
{
    for (const struct epoch *e = self->shared->first; e != NULL; e = e->next)
        if (e->subtask == self->base.ctx->subtask)
            return true;
    return false;
}

// The transaction is of the epochs that wait, so rows behind them do not go into it.
static void send_eagerly(struct log_sink *self)
{
    struct shared *s = self->shared;
    if (!s->eager || s->broken || has_prepared(self))
        return;
    if (s->ready || begin_epoch(s))
        (void)send_rows(s, &self->now); // what could not be sent is when it is committed
}

static int bad_row(void *arg, const struct tm_row *row, int code, const char *message)
{
    (void)arg;
    (void)row;
    (void)message;
    return code;
}

static int log_write(struct tm_sink *sink, const struct tm_batch *batch, const struct tm_row **row,
                     struct tm_error *err)
{
    struct log_sink *self = (struct log_sink *)sink;
    int rc = self->encoder->ops->encode(self->encoder, batch, row, &self->now.rows, ROWS_BYTES_MAX,
                                        bad_row, self);
    if (rc != 0)
        return tm_error_set(err, rc, "sink '%s': rows cannot be encoded", sink->node->name);
    tm_metric_add(&sink->metrics->used, batch->row_count);
    send_eagerly(self);
    return TM_STEP_DONE;
}

static int log_flush(struct tm_sink *sink, bool end, struct tm_error *err)
{
    (void)sink;
    (void)end;
    (void)err;
    return TM_STEP_DONE;
}

static int put_epoch(struct tm_cut *cut, const struct tm_sink *sink, const struct epoch *epoch)
{
    struct tm_buf item;
    tm_buf_init(&item, sink->ctx->mem);
    int rc = tm_buf_append(&item, &epoch->checkpoint, sizeof epoch->checkpoint);
    if (rc == 0 && epoch->rows.size_bytes != 0)
        rc = tm_buf_append(&item, epoch->rows.data, epoch->rows.size_bytes);
    if (rc == 0)
        rc = tm_cut_item(cut, sink->node->name, "commits", TM_ITEM_SUBTASK, item.data,
                         item.size_bytes);
    tm_buf_fini(&item);
    return rc;
}

// The checkpoint has all that is not committed, not only what is new in it.
static int log_prepare_cut(struct tm_sink *sink, struct tm_cut *cut, struct tm_error *err)
{
    struct log_sink *self = (struct log_sink *)sink;
    struct shared *s = self->shared;
    struct epoch *added;
    uint32_t subtask = sink->ctx->subtask;
    int rc = add_epoch(s, tm_cut_checkpoint(cut), subtask, self->now.rows.data,
                       self->now.rows.size_bytes, &added);
    if (rc == 0) {
        added->sent = self->now.sent;
        added->sent_with = self->now.sent_with;
        self->now.rows.size_bytes = self->now.sent = 0;
    }
    for (const struct epoch *e = s->first; rc == 0 && e != NULL; e = e->next)
        if (e->subtask == subtask)
            rc = put_epoch(cut, sink, e);
    return rc == 0 ? TM_STEP_DONE
                   : tm_error_set(err, rc, "out of memory for the output %s", s->name);
}

static void log_free(struct tm_sink *sink)
{
    struct log_sink *self = (struct log_sink *)sink;
    self->encoder->ops->free(self->encoder);
    tm_buf_fini(&self->now.rows);
    tm_mem_free(sink->ctx->mem, self, sizeof *self);
}

static const struct tm_sink_ops log_ops = {
    .write = log_write, .flush = log_flush, .prepare = log_prepare_cut, .free = log_free};

static int log_new(struct tm_task_context *ctx, const struct tm_node *node,
                   struct tm_schema *schema, void *shared, struct tm_sink **sink,
                   struct tm_error *err)
{
    struct log_sink *self = tm_mem_zalloc(ctx->mem, sizeof *self);
    const struct tm_encoder_args args = {
        .mem = ctx->mem, .schema = schema, .options = &node->format_options};
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for the sink '%s'", node->name);
    int rc = tm_format_json.encoder_new(&args, &self->encoder, err);
    if (rc != 0) {
        tm_mem_free(ctx->mem, self, sizeof *self);
        return rc;
    }
    self->base = (struct tm_sink){.ops = &log_ops, .ctx = ctx, .node = node};
    self->shared = shared;
    tm_buf_init(&self->now.rows, ctx->mem);
    *sink = &self->base;
    return 0;
}

static const struct tm_option_def log_options[] = {
    {"url", TM_OPTION_STRING, true, NULL, "whose last part is the name of the output", NULL},
    {.name = NULL}};

const struct tm_connector tm_connector_webhook = {
    .name = "webhook",
    .sink_options = log_options,
    .sink_prepare_checkpoints = log_prepare,
    .sink_new = log_new,
    .sink_restore = log_restore,
    .sink_begin = log_begin,
    .sink_commit = log_commit,
    .sink_committed = log_committed,
    .sink_release = log_release,
};
