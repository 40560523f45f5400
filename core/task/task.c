// The turn of a task: elements move one stage at a time, the stage furthest down first, until
// nothing more can be done or the turn has used up its steps.
#include "core/task/task.h"
#include "core/base/kill_point.h"

enum { HELD_NS = 100000000 }; // what holds the watermark of a busy task is written down so often
// A few batches through a chain of a few operators: some hundred microseconds. Steps that take
// longer, of functions that do much or of what is kept, leave the thread to other tasks earlier.
enum { STEPS_PER_TURN = 64, TURN_NS = 1000000 };

static void refresh_clock(struct tm_task *task)
{
    task->ctx.now_ns = tm_fx_mono_ns(task->ctx.fx);
    task->ctx.now_ms = tm_fx_wall_ms(task->ctx.fx);
    if (task->ctx.splits != NULL)
        tm_splits_tell_time(task->ctx.splits, task->ctx.now_ns);
}

static uint32_t highest_pending(const struct tm_task *task)
{
    for (uint32_t i = task->operator_count + 1; i > 0; i--)
        if (task->slots[i - 1].kind != TM_ELEMENT_NONE)
            return i - 1;
    return UINT32_MAX;
}

static void note_blocked(struct tm_task *task, bool blocked)
{
    if (blocked && !task->blocked) {
        task->blocked_since_ns = task->ctx.now_ns;
    } else if (!blocked && task->blocked) {
        tm_metric_add(&task->blocked_ns, (uint64_t)(task->ctx.now_ns - task->blocked_since_ns));
        task->ctx.held_back_ns += task->ctx.now_ns - task->blocked_since_ns;
    }
    task->blocked = blocked;
}

static int fail_output(struct tm_task *task, int code, struct tm_error *err)
{
    const struct tm_chain *chain = task->ctx.chain;
    const struct tm_node *node = &task->job->graph->nodes[chain->nodes[chain->node_count - 1]];
    return tm_error_set(err, code, "operator '%s': rows cannot be sent on", node->name);
}

// --- input ---------------------------------------------------------------------------------------

// A source's end is a sequence: the last watermark (when drained), then END.
static void put_source_end(struct tm_task *task, bool drain)
{
    struct tm_element *slot = &task->slots[0];
    if (drain && !task->source_max_sent) {
        task->source_max_sent = true;
        *slot = (struct tm_element){.kind = TM_ELEMENT_WATERMARK,
                                    .watermark = TM_WATERMARK_MAX,
                                    .read_ns = task->ctx.now_ns};
    } else {
        *slot = (struct tm_element){.kind = TM_ELEMENT_END,
                                    .status = drain && task->ended_nodes == 0 ? TM_END_DRAIN
                                                                              : TM_END_STOP};
        task->source_ended = true;
    }
}

// Time that the source waits for others of its group is no silence.
static void note_resting(struct tm_task *task, bool resting)
{
    struct tm_task_context *ctx = &task->ctx;
    if (task->resting)
        ctx->held_back_ns += ctx->now_ns - task->resting_since_ns;
    task->resting = resting;
    task->resting_since_ns = ctx->now_ns;
}

// False: the source is too far ahead of the others of its group to be read.
static bool is_aligned(struct tm_task *task)
{
    struct tm_task_context *ctx = &task->ctx;
    if (ctx->alignment == NULL || ctx->given_watermarks)
        return true;
    int64_t front = tm_splits_front(ctx->splits);
    tm_alignment_report(ctx->alignment, ctx->align_member, ctx->silent ? TM_WATERMARK_MAX : front);
    int64_t limit = tm_alignment_limit(ctx->alignment, ctx->align_drift_ms);
    bool aligned = front <= limit || front == TM_WATERMARK_MAX;
    // Where the front may be read, another split may have to wait: for any progress.
    int64_t needed = !aligned ? front : limit == TM_WATERMARK_MAX ? limit : limit + 1;
    tm_alignment_rest(ctx->alignment, ctx->align_member, ctx->align_drift_ms, needed);
    tm_splits_set_limit(ctx->splits, limit);
    note_resting(task, !aligned);
    return aligned;
}

// The source is read no more: it holds nobody.
static void leave_group(struct tm_task *task)
{
    struct tm_task_context *ctx = &task->ctx;
    if (ctx->alignment == NULL)
        return;
    tm_alignment_report(ctx->alignment, ctx->align_member, TM_WATERMARK_MAX);
    tm_alignment_rest(ctx->alignment, ctx->align_member, ctx->align_drift_ms, TM_WATERMARK_MAX);
}

static int read_source(struct tm_task *task, struct tm_error *err)
{
    if (task->source_ended)
        return TM_TURN_IDLE;
    if (task->source_stopped || task->source_drained || task->source_max_sent) {
        leave_group(task);
        put_source_end(task, !task->source_stopped);
        return TM_TURN_PROGRESS;
    }
    if (task->checkpoints.holds || !is_aligned(task))
        return TM_TURN_IDLE;
    struct tm_source *source = task->source;
    struct tm_batch *batch = NULL;
    if (source->ops->control != NULL && source->ops->control(source, &task->slots[0]))
        return TM_TURN_PROGRESS;
    int64_t begin = tm_fx_mono_ns(task->ctx.fx);
    TM_KILL_POINT(source_reads);
    tm_watch_begin(task->worker->watch, TM_WATCH_READS, source->node->id, begin);
    int rc = source->ops->read(source, &batch, err);
    tm_watch_end(task->worker->watch);
    tm_metric_add(&source->metrics->busy_ns, (uint64_t)(tm_fx_mono_ns(task->ctx.fx) - begin));
    switch (rc) {
    case TM_READ_BATCH:
        TM_KILL_POINT(source_has_read);
        tm_metric_add(&source->metrics->rows_in, batch->row_count);
        tm_metric_add(&source->metrics->used, batch->row_count);
        tm_metric_add(&source->metrics->rows_out, batch->row_count);
        task->slots[0] = (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch};
        return TM_TURN_PROGRESS;
    case TM_READ_WAIT:
        return TM_TURN_IDLE;
    case TM_READ_END:
        leave_group(task);
        put_source_end(task, true);
        return TM_TURN_PROGRESS;
    default:
        return rc;
    }
}

// The branches of a union have the same columns, but a column can be required in one of them only:
// all rows go on in the union's own schema, so that what follows sees one.
static int unite(struct tm_task *task, struct tm_batch *batch, struct tm_error *err)
{
    struct tm_schema *schema = tm_node_schema(task->unite);
    if (schema == NULL || !tm_schema_same_rows(batch->schema, schema))
        return tm_error_set(err, TM_E_INTERNAL,
                            "operator '%s': rows of one of its inputs have other columns",
                            task->unite->name);
    tm_schema_ref(schema);
    tm_schema_unref(batch->schema);
    batch->schema = schema;
    tm_metric_add(&task->united->rows_in, batch->row_count);
    tm_metric_add(&task->united->used, batch->row_count);
    tm_metric_add(&task->united->rows_out, batch->row_count);
    return TM_TURN_PROGRESS;
}

// What was on its way when the checkpoint was taken comes before everything else.
static int put_flight(struct tm_task *task, struct tm_error *err)
{
    tm__task_put_flight(task);
    struct tm_element *first = &task->slots[0];
    return task->unite != NULL && first->kind == TM_ELEMENT_BATCH ? unite(task, first->batch, err)
                                                                  : TM_TURN_PROGRESS;
}

// The end of the gate's input. What it does there it did before the checkpoint that the job began
// with, if the input had ended then.
static int put_end(struct tm_task *task, struct tm_error *err)
{
    if (TM_UNLIKELY(!tm__task_may_end(task))) {
        int rc = tm__task_is_asked(&task->checkpoints) ? tm__task_put_barrier(task, err) : 0;
        return rc < 0                                   ? rc
               : task->slots[0].kind != TM_ELEMENT_NONE ? TM_TURN_PROGRESS
                                                        : TM_TURN_IDLE;
    }
    task->holds_end = false;
    task->slots[0] = (struct tm_element){
        .kind = TM_ELEMENT_END, .status = task->ended_nodes != 0 ? TM_END_STOP : task->held_status};
    return TM_TURN_PROGRESS;
}

static int pull(struct tm_task *task, struct tm_error *err)
{
    if (task->ended)
        return TM_TURN_IDLE;
    bool said = task->gate != NULL && tm_gate_has_said(task->gate);
    if (TM_UNLIKELY(tm__task_flies(&task->flights)) && !task->overtakes && !said)
        return put_flight(task, err);
    if (task->source != NULL) {
        if (TM_LIKELY(!tm__task_is_asked(&task->checkpoints)) || task->source_ended)
            return read_source(task, err);
        int rc = tm__task_put_barrier(task, err);
        return rc < 0 ? rc : TM_TURN_PROGRESS;
    }
    if (TM_UNLIKELY(task->overtakes) && !said) {
        int rc = tm__task_overtake(task, err);
        return rc < 0 ? rc : TM_TURN_PROGRESS;
    }
    struct tm_element element; // the gate may use it for what only it needs to see
    if (TM_UNLIKELY(task->holds_end))
        return put_end(task, err);
    if (!tm_gate_poll(task->gate, task->ctx.now_ns, &element))
        return TM_TURN_IDLE;
    if (element.kind == TM_ELEMENT_BARRIER) {
        int rc = tm__task_begin_cut(task, element.checkpoint, err);
        return rc < 0 ? rc : TM_TURN_PROGRESS;
    }
    if (element.kind == TM_ELEMENT_END) {
        task->holds_end = true;
        task->held_status = element.status;
        return put_end(task, err);
    }
    task->slots[0] = element;
    if (task->unite != NULL && element.kind == TM_ELEMENT_WATERMARK)
        atomic_store_explicit(&task->united->watermark, element.watermark, memory_order_relaxed);
    if (task->unite != NULL && element.kind == TM_ELEMENT_BATCH)
        return unite(task, element.batch, err);
    return TM_TURN_PROGRESS;
}

// --- operators -----------------------------------------------------------------------------------

static struct tm_schema **opened_of(struct tm_task *task, uint32_t index, uint32_t input)
{
    return input == 0 ? &task->opened[index] : &task->opened_second;
}

int tm__task_open_operator(struct tm_task *task, uint32_t index, uint32_t input,
                           struct tm_schema *schema, struct tm_error *err)
{
    struct tm_operator *op = task->operators[index];
    struct tm_schema **opened = opened_of(task, index, input);
    if (*opened != NULL) {
        if (*opened == schema || tm_schema_equal(*opened, schema))
            return 0;
        return tm_error_set(err, TM_E_INTERNAL, "operator '%s': the schema of its input changed",
                            op->node->name);
    }
    int (*open)(struct tm_operator *, struct tm_schema *, struct tm_error *) =
        input == 0 ? op->ops->open : op->ops->open_second;
    if (open != NULL) {
        int rc = open(op, schema, err);
        if (rc != 0)
            return rc;
    }
    *opened = tm_schema_ref(schema);
    return 0;
}

// Has it seen a row, or been open from the start? Either input does.
static bool is_open(const struct tm_task *task, uint32_t index)
{
    return task->opened[index] != NULL || (index == 0 && task->opened_second != NULL);
}

// Watermarks that have passed before an operator knew its schema: it learns of the last one before
// its first row, which may be late. There is nothing yet that it could let fire.
static int catch_up(struct tm_task *task, uint32_t index, struct tm_error *err)
{
    struct tm_operator *op = task->operators[index];
    int64_t watermark = atomic_load_explicit(&op->metrics->watermark, memory_order_relaxed);
    if (watermark == TM_WATERMARK_MIN)
        return 0;
    struct tm_element in = {.kind = TM_ELEMENT_WATERMARK, .watermark = watermark}, out = {0};
    int rc = op->ops->step(op, &in, &out, err);
    TM_CHECK(out.kind != TM_ELEMENT_BATCH);
    return rc < 0 ? rc : 0;
}

int tm__task_open_late(struct tm_task *task, uint32_t index, uint32_t input,
                       struct tm_schema *schema, struct tm_error *err)
{
    bool opened = is_open(task, index);
    int rc = tm__task_open_operator(task, index, input, schema, err);
    if (rc == 0 && !opened)
        rc = tm__task_resume_operator(task, index, err);
    return rc != 0 || opened ? rc : catch_up(task, index, err);
}

static void note_watermark(struct tm_operator *op, const struct tm_element *out)
{
    if (out->kind == TM_ELEMENT_WATERMARK)
        atomic_store_explicit(&op->metrics->watermark, out->watermark, memory_order_relaxed);
}

static bool is_last(const struct tm_element *element)
{
    return element->kind == TM_ELEMENT_END ||
           (element->kind == TM_ELEMENT_WATERMARK && element->watermark == TM_WATERMARK_MAX);
}

// Rows whose types another worker was told of can be here before this one is: the command is under
// way.
static bool is_told(const struct tm_task *task)
{
    uint32_t settled = atomic_load_explicit(&task->job->graph->settled, memory_order_acquire);
    return (int32_t)(task->worker->settled - settled) >= 0;
}

// What the barrier finds in an operator that has let it pass is in the checkpoint.
static int step_barrier(struct tm_task *task, uint32_t index, struct tm_error *err)
{
    struct tm_operator *op = task->operators[index];
    struct tm_element *in = &task->slots[index], *out = &task->slots[index + 1];
    int rc = TM_STEP_DONE;
    if (TM_UNLIKELY(task->singles != NULL))
        tm_task_note_row(&task->ctx, NULL, false);
    tm_watch_begin(task->worker->watch, TM_WATCH_STEPS, op->node->id, task->ctx.now_ns);
    if (is_open(task, index))
        rc = op->ops->step(op, in, out, err);
    else
        *out = *in;
    tm_watch_end(task->worker->watch);
    note_watermark(op, out);
    if (rc != TM_STEP_DONE)
        return rc < 0 ? rc : rc == TM_STEP_MORE ? TM_TURN_PROGRESS : TM_TURN_IDLE;
    in->kind = TM_ELEMENT_NONE;
    rc = tm__task_cut_operator(task, index, out->kind == TM_ELEMENT_BARRIER, err);
    return rc < 0 ? rc : TM_TURN_PROGRESS;
}

// An end that had gone through the first operators when the checkpoint was taken, and not through
// this one, which was behind an exchange then: here it is one.
static void renew_end(const struct tm_task *task, const struct tm_operator *op,
                      struct tm_element *end)
{
    if (task->ended_nodes != 0 && !tm__task_node_had_ended(task, op->node))
        end->status = TM_END_DRAIN;
}

static int step_operator(struct tm_task *task, uint32_t index, struct tm_error *err)
{
    struct tm_operator *op = task->operators[index];
    struct tm_element *in = &task->slots[index], *out = &task->slots[index + 1];
    if (TM_UNLIKELY(in->kind == TM_ELEMENT_BARRIER))
        return step_barrier(task, index, err);
    if (TM_UNLIKELY(in->kind == TM_ELEMENT_END))
        renew_end(task, op, in);
    if (in->kind == TM_ELEMENT_BATCH && in->batch == NULL) {
        // its rows have gone on, the operator has more to say about them
    } else if (in->kind == TM_ELEMENT_BATCH) {
        uint32_t input = index == 0 ? in->input : 0;
        if (*opened_of(task, index, input) != in->batch->schema) {
            if (!is_told(task))
                return TM_TURN_IDLE;
            int rc = tm__task_open_late(task, index, input, in->batch->schema, err);
            if (rc != 0)
                return rc;
        }
    } else if (!is_open(task, index) && !(op->ops->ends_unopened && is_last(in))) {
        // no row ever came: nothing to fire, nothing to finish
        *out = *in;
        in->kind = TM_ELEMENT_NONE;
        note_watermark(op, out);
        return TM_TURN_PROGRESS;
    }
    int rc = TM_UNLIKELY(task->singles != NULL) ? tm__task_single_out(task, index, err) : 0;
    if (rc != 0)
        return rc;
    int64_t begin = tm_fx_mono_ns(task->ctx.fx);
    tm_watch_begin(task->worker->watch, TM_WATCH_STEPS, op->node->id, begin);
    rc = op->ops->step(op, in, out, err);
    tm_watch_end(task->worker->watch);
    int64_t end = tm_fx_mono_ns(task->ctx.fx);
    tm_metric_add(&op->metrics->busy_ns, (uint64_t)(end - begin));
    tm_metric_add(&task->busy_ns, (uint64_t)(end - begin));
    note_watermark(op, out);
    TM_KILL_POINT(operator_has_stepped);
    switch (rc) {
    case TM_STEP_DONE:
        in->kind = TM_ELEMENT_NONE;
        if (TM_UNLIKELY(task->singles != NULL))
            rc = tm__task_next_single(task, index, err);
        return rc < 0 ? rc : TM_TURN_PROGRESS;
    case TM_STEP_MORE:
        return TM_TURN_PROGRESS;
    case TM_STEP_WAIT:
        return TM_TURN_IDLE;
    default:
        return rc;
    }
}

// Processing-time work, only while nothing is under way. What is in flight comes first: an operator
// in front of it may say what time it is.
static int tick_operators(struct tm_task *task, struct tm_error *err)
{
    for (uint32_t i = 0; i < task->operator_count; i++) {
        struct tm_operator *op = task->operators[i];
        if (op->ops->tick == NULL || op->ops->deadline_ns == NULL ||
            op->ops->deadline_ns(op) > task->ctx.now_ns)
            continue;
        if (TM_UNLIKELY(task->singles != NULL))
            tm_task_note_row(&task->ctx, NULL, false);
        tm_watch_begin(task->worker->watch, TM_WATCH_STEPS, op->node->id,
                       tm_fx_mono_ns(task->ctx.fx));
        int rc = op->ops->tick(op, &task->slots[i + 1], err);
        tm_watch_end(task->worker->watch);
        if (rc < 0)
            return rc;
        note_watermark(op, &task->slots[i + 1]);
        if (rc == TM_STEP_MORE || task->slots[i + 1].kind != TM_ELEMENT_NONE)
            return TM_TURN_PROGRESS;
    }
    return TM_TURN_IDLE;
}

// What operators hold back until more comes: not while nothing does.
static int rest_operators(struct tm_task *task, struct tm_error *err)
{
    for (uint32_t i = 0; i < task->operator_count; i++) {
        struct tm_operator *op = task->operators[i];
        if (op->ops->rest == NULL)
            continue;
        int rc = op->ops->rest(op, &task->slots[i + 1], err);
        if (rc != TM_STEP_DONE)
            return rc < 0 ? rc : TM_TURN_PROGRESS;
    }
    return TM_TURN_IDLE;
}

int tm__task_step_finished(struct tm_task *task, struct tm_error *err)
{
    uint32_t stage = highest_pending(task);
    if (stage == UINT32_MAX)
        return TM_TURN_EXIT;
    refresh_clock(task);
    if (stage < task->operator_count)
        return step_operator(task, stage, err);
    struct tm_element *last = &task->slots[stage];
    TM_CHECK(last->kind == TM_ELEMENT_BARRIER);
    last->kind = TM_ELEMENT_NONE;
    int rc = tm__task_end_cut(task, err);
    return rc < 0 ? rc : TM_TURN_PROGRESS;
}

// --- the turn ------------------------------------------------------------------------------------

static int finish(struct tm_task *task, struct tm_error *err)
{
    int rc = tm__task_end_outputs(task);
    if (rc < 0)
        return fail_output(task, rc, err);
    if (rc == TM_BLOCKED)
        return TM_TURN_IDLE;
    task->finished = true;
    return TM_TURN_EXIT;
}

static int flush_sink(struct tm_task *task, struct tm_error *err)
{
    if (task->operator_count == 0)
        return 0;
    task->sink_flushed_ns = task->ctx.now_ns;
    return tm__task_sink_idle(task->operators[task->operator_count - 1], err);
}

// Nothing is under way and no input is there: send on what waits for company.
static int rest(struct tm_task *task, struct tm_error *err)
{
    int rc = rest_operators(task, err);
    if (rc != TM_TURN_IDLE)
        return rc;
    rc = tm__task_flush_outputs(task, true);
    if (rc < 0)
        return fail_output(task, rc, err);
    rc = flush_sink(task, err);
    tm__task_publish_held(task);
    return rc < 0 ? rc : TM_TURN_IDLE;
}

static int step(struct tm_task *task, struct tm_error *err)
{
    uint32_t stage = highest_pending(task);
    task->overtakes = tm__task_is_busy(&task->checkpoints) && tm__task_may_overtake(task);
    if (stage == task->operator_count || task->sides_waiting != 0) {
        bool barrier = task->slots[task->operator_count].kind == TM_ELEMENT_BARRIER;
        int rc = tm__task_deliver(task);
        if (rc < 0)
            return fail_output(task, rc, err);
        if (TM_UNLIKELY(barrier) && task->slots[task->operator_count].kind == TM_ELEMENT_NONE) {
            int ended = tm__task_end_cut(task, err);
            if (ended < 0)
                return ended;
        }
        note_blocked(task, rc == TM_BLOCKED);
        return rc == TM_BLOCKED ? TM_TURN_IDLE : TM_TURN_PROGRESS;
    }
    if (stage != UINT32_MAX) {
        int rc = step_operator(task, stage, err);
        if (rc == TM_TURN_IDLE && !task->settling)
            note_blocked(task, true); // a sink that cannot take more
        return rc;
    }
    if (task->ended)
        return finish(task, err);
    int rc = tm__task_flies(&task->flights) ? TM_TURN_IDLE : tick_operators(task, err);
    if (rc == TM_TURN_IDLE)
        rc = pull(task, err);
    return rc == TM_TURN_IDLE ? rest(task, err) : rc;
}

bool tm_task_hurries(struct tm_task *task)
{
    if (task->finished || task->settling || !tm__task_is_busy(&task->checkpoints))
        return false;
    refresh_clock(task);
    return tm__task_may_overtake(task);
}

int tm_task_turn(struct tm_task *task, struct tm_error *err)
{
    if (task->finished)
        return TM_TURN_EXIT;
    refresh_clock(task);
    if (task->settling)
        return TM_TURN_IDLE;
    task->overtakes = tm__task_is_busy(&task->checkpoints) && tm__task_may_overtake(task);
    int rc = tm__task_send_dead_letters(task, false);
    if (rc < 0)
        return fail_output(task, rc, err);
    if (rc == TM_BLOCKED) {
        note_blocked(task, true);
        return TM_TURN_IDLE;
    }
    if (tm__task_outputs_deadline_ns(task, true) <= task->ctx.now_ns) {
        rc = tm__task_flush_outputs(task, false);
        if (rc < 0)
            return fail_output(task, rc, err);
    }
    // A source that never pauses and a filter that lets little pass: rows must not wait in a sink's
    // buffer for company.
    if (task->ctx.now_ns - task->sink_flushed_ns >= task->job->graph->latency_ms * 1000000) {
        rc = flush_sink(task, err);
        if (rc < 0)
            return rc;
    }
    if (task->ctx.now_ns - task->held_ns >= HELD_NS)
        tm__task_publish_held(task);
    int progress = TM_TURN_IDLE;
    for (int steps = 0; steps < STEPS_PER_TURN; steps++) {
        rc = step(task, err);
        if (rc == TM_TURN_IDLE)
            return progress;
        if (rc != TM_TURN_PROGRESS)
            return rc;
        note_blocked(task, false);
        progress = TM_TURN_PROGRESS;
        if (TM_UNLIKELY(task->overtakes) && !tm__task_is_busy(&task->checkpoints))
            break; // a barrier has gone: those that follow it may be in a hurry
        if (tm_fx_mono_ns(task->ctx.fx) - task->ctx.now_ns >= TURN_NS)
            break;
    }
    return progress;
}

// What is pending waits for credit or a writer, which wake the worker, or for time to pass.
static int64_t retry_ns(const struct tm_task *task, uint32_t pending)
{
    const struct tm_operator *op = pending < task->operator_count ? task->operators[pending] : NULL;
    return op != NULL && op->ops->retry_ns != NULL ? op->ops->retry_ns(op) : INT64_MAX;
}

int64_t tm_task_deadline_ns(struct tm_task *task)
{
    if (task->settling)
        return INT64_MAX;
    uint32_t pending = highest_pending(task);
    if (task->finished) // the last barrier may be pending, at a sink that waits for space
        return retry_ns(task, pending);
    int64_t deadline = tm__task_outputs_deadline_ns(task, false);
    int64_t due = tm__task_overtakes_ns(task);
    deadline = due < deadline ? due : deadline;
    if (pending != UINT32_MAX || task->ended) {
        int64_t at = retry_ns(task, pending);
        return at < deadline ? at : deadline;
    }
    for (uint32_t i = 0; i < task->operator_count; i++) {
        const struct tm_operator *op = task->operators[i];
        int64_t at = op->ops->deadline_ns != NULL && op->ops->tick != NULL
                         ? op->ops->deadline_ns(op)
                         : INT64_MAX;
        deadline = at < deadline ? at : deadline;
    }
    if (task->source != NULL && task->source->ops->deadline_ns != NULL && !task->source_ended) {
        int64_t at = task->source->ops->deadline_ns(task->source);
        deadline = at < deadline ? at : deadline;
    }
    return deadline;
}

void tm_task_stop(struct tm_task *task)
{
    task->ctx.stopping = true;
    if (task->source != NULL)
        task->source_stopped = true;
}

void tm_task_drain(struct tm_task *task)
{
    if (task->source != NULL)
        task->source_drained = true;
}

struct tm_operator *tm_task_operator(struct tm_task *task, uint32_t node)
{
    for (uint32_t i = 0; i < task->operator_count; i++)
        if (task->operators[i]->node->id == node)
            return task->operators[i];
    return NULL;
}

int tm_task_tell(struct tm_task *task, const char *proposal, size_t length)
{
    struct tm_job *job = task->job;
    struct tm_event *event =
        tm_event_new(job->mem, TM_EVENT_PROPOSAL, task->worker->index, proposal, length);
    if (event == NULL)
        return TM_E_MEMORY;
    tm_mailbox_post(&job->events, &event->message);
    return 0;
}

int tm_task_settle(struct tm_task *task, const char *proposal, size_t length)
{
    int rc = tm_task_tell(task, proposal, length);
    task->settling = rc == 0;
    return rc;
}

struct tm_node_metrics *tm_task_metrics(struct tm_task_context *ctx, uint32_t node)
{
    return tm_job_metrics(ctx->task->job, node, ctx->subtask);
}
