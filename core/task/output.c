// The sending end of a task: main edges get every element of the last slot, edges of side outputs
// its control elements and the rows given to them, dead-letter edges the rows that failed and
// barriers.
#include "core/base/kill_point.h"
#include "core/base/planted.h"
#include "core/task/dead_letter.h"
#include "core/task/task.h"

enum { DEAD_LETTER_LATENCY_MS = 50 };

static bool is_main(const struct tm_task_output *output)
{
    return !output->edge->dead_letter;
}

// --- queues: what has to leave the task before there is credit for it
// ------------------------------

static int enqueue(struct tm_task *task, struct tm_task_output *output, struct tm_element element)
{
    if (output->queue_count == output->queue_capacity) {
        uint32_t capacity = output->queue_capacity == 0 ? 16 : 2 * output->queue_capacity;
        struct tm_element *queue =
            tm_mem_realloc(&task->mem, output->queue, output->queue_capacity * sizeof *queue,
                           capacity * sizeof *queue);
        if (queue == NULL)
            return TM_E_MEMORY;
        output->queue = queue;
        output->queue_capacity = capacity;
    }
    output->queue[output->queue_count++] = element;
    if (element.kind == TM_ELEMENT_BATCH)
        task->queue_bytes += element.batch->size_bytes;
    return 0;
}

// The element stays the caller's where it fails.
static int put(struct tm_task *task, struct tm_task_output *output, struct tm_element element)
{
    if (output->pending.kind != TM_ELEMENT_NONE)
        return enqueue(task, output, element);
    output->pending = element;
    return 0;
}

static int put_rows(struct tm_task *task, struct tm_task_output *output, struct tm_batch *batch)
{
    int rc = put(task, output, (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch});
    if (rc != 0)
        tm_batch_release(batch);
    return rc;
}

static void take_next(struct tm_task *task, struct tm_task_output *output)
{
    output->pending.kind = TM_ELEMENT_NONE;
    if (output->queue_first == output->queue_count)
        return;
    output->pending = output->queue[output->queue_first++];
    if (output->pending.kind == TM_ELEMENT_BATCH)
        task->queue_bytes -= output->pending.batch->size_bytes;
    if (output->queue_first == output->queue_count)
        output->queue_first = output->queue_count = 0;
}

void tm__task_close_output(struct tm_task *task, struct tm_task_output *output)
{
    for (uint32_t i = output->queue_first; i < output->queue_count; i++)
        if (output->queue[i].kind == TM_ELEMENT_BATCH)
            tm_batch_release(output->queue[i].batch);
    tm_mem_free(&task->mem, output->queue, output->queue_capacity * sizeof *output->queue);
}

// TM_SENT: nothing of the output's waits any more but part-filled batches.
static int send_pending(struct tm_task *task, struct tm_task_output *output)
{
    int rc = TM_SENT;
    if (TM_UNLIKELY(output->barrier.kind != TM_ELEMENT_NONE)) {
        rc = tm_sender_overtake(output->sender, &output->barrier);
        if (rc == TM_SENT)
            output->barrier.kind = TM_ELEMENT_NONE;
    }
    while (rc == TM_SENT && output->pending.kind != TM_ELEMENT_NONE) {
        bool end = output->pending.kind == TM_ELEMENT_END;
        rc = tm_sender_send(output->sender, &output->pending, task->ctx.now_ns);
        if (rc == TM_SENT) {
            take_next(task, output);
            output->ended = output->ended || end;
        }
    }
    output->blocked = rc == TM_BLOCKED;
    return rc;
}

// --- the last slot -------------------------------------------------------------------------------

// The barrier goes in front of what cannot be sent now, and that into the cut. What does not get in
// there is the end of the checkpoint alone.
static int overtake(struct tm_task *task, struct tm_task_output *output,
                    const struct tm_element *barrier)
{
    int rc = send_pending(task, output);
    if (rc == TM_SENT)
        rc = tm_sender_flush(output->sender, task->ctx.now_ns, true);
    output->barrier = *barrier;
    if (rc < 0 || TM_PLANTED(barrier_overtakes_batch) ||
        tm__task_cut_unsent(task, task->checkpoints.collecting->cut, output) == 0)
        return rc < 0 ? rc : 0;
    struct tm_error err;
    tm_error_clear(&err);
    tm_error_set(&err, TM_E_MEMORY, "out of memory for rows in flight");
    return tm__task_decline(task, &err);
}

static int put_barrier(struct tm_task *task, const struct tm_element *barrier)
{
    int rc = 0;
    for (uint32_t i = 0; i < task->output_count && rc == 0; i++) {
        struct tm_task_output *output = &task->outputs[i];
        bool overtakes = task->overtakes && task->checkpoints.collecting != NULL &&
                         tm_edge_overtakes(task->job->graph, output->edge);
        rc = overtakes ? overtake(task, output, barrier) : put(task, output, *barrier);
    }
    return rc;
}

// Give every main edge its own element; the last takes the original batch.
static int put_all(struct tm_task *task, const struct tm_element *element)
{
    struct tm_task_output *last = NULL;
    for (uint32_t i = 0; i < task->output_count; i++) {
        struct tm_task_output *output = &task->outputs[i];
        int rc = 0;
        if (!is_main(output) || (output->side >= 0 && element->kind == TM_ELEMENT_BATCH))
            continue;
        if (element->kind != TM_ELEMENT_BATCH) {
            rc = put(task, output, *element);
        } else if (last != NULL) {
            struct tm_batch *copy;
            rc = tm_batch_copy(task->ctx.pool, element->batch, &copy);
            if (rc == 0)
                rc = put_rows(task, last, copy);
        }
        if (rc != 0)
            return rc;
        last = output;
    }
    if (element->kind != TM_ELEMENT_BATCH)
        return 0;
    if (last != NULL)
        return put(task, last, *element);
    tm_batch_release(element->batch);
    return 0;
}

static int distribute(struct tm_task *task, struct tm_element *element)
{
    if (element->kind == TM_ELEMENT_END && task->ended_nodes != 0)
        element->status = TM_END_DRAIN; // for those behind, which may not have seen it
    int rc =
        element->kind == TM_ELEMENT_BARRIER ? put_barrier(task, element) : put_all(task, element);
    if (rc == 0)
        element->kind = TM_ELEMENT_NONE;
    return rc;
}

// Rows of a side output go before what the last slot holds: that follows the batch they came from.
static int send_side_rows(struct tm_task *task, struct tm_task_output *output)
{
    struct tm_batch *rows = output->side_rows;
    output->side_rows = NULL;
    task->sides_waiting--;
    int rc = put_rows(task, output, rows);
    return rc == 0 ? send_pending(task, output) : rc;
}

void tm_task_put_side(struct tm_task *task, uint32_t node, uint32_t side, struct tm_batch *batch)
{
    for (uint32_t i = 0; i < task->output_count; i++) {
        struct tm_task_output *output = &task->outputs[i];
        if (output->side != (int32_t)side || output->edge->from_node != node)
            continue;
        TM_CHECK(output->side_rows == NULL);
        output->side_rows = batch;
        task->sides_waiting++;
        return;
    }
    tm_batch_release(batch); // nobody reads it
}

// May more be put into the queues, for a barrier that comes behind it?
static bool takes_more(const struct tm_task *task)
{
    return task->overtakes && task->queue_bytes < TM_OVERTAKE_BYTES;
}

int tm__task_deliver(struct tm_task *task)
{
    struct tm_element *slot = &task->slots[task->operator_count];
    bool end = slot->kind == TM_ELEMENT_END;
    int result = TM_SENT;
    for (uint32_t i = 0; i < task->output_count; i++) {
        struct tm_task_output *output = &task->outputs[i];
        if (!is_main(output))
            continue;
        int rc = send_pending(task, output);
        if (output->side_rows != NULL && (rc == TM_SENT || (rc == TM_BLOCKED && takes_more(task))))
            rc = send_side_rows(task, output);
        if (rc < 0)
            return rc;
        if (rc == TM_BLOCKED)
            result = TM_BLOCKED;
    }
    if (result == TM_BLOCKED && takes_more(task) && task->sides_waiting == 0)
        result = TM_SENT;
    if (result == TM_BLOCKED || slot->kind == TM_ELEMENT_NONE)
        return result;
    if (slot->kind == TM_ELEMENT_BARRIER) { // which follows the rows that failed before it
        int rc = tm__task_send_dead_letters(task, true);
        if (rc != TM_SENT)
            return rc;
    }
    int rc = distribute(task, slot);
    if (rc != 0)
        return rc;
    TM_KILL_POINT(batch_sent);
    task->ended = task->ended || end;
    return TM_SENT;
}

// Is anything of the main edges still on its way?
static bool main_pending(const struct tm_task *task)
{
    for (uint32_t i = 0; i < task->output_count; i++)
        if (is_main(&task->outputs[i]) && (task->outputs[i].pending.kind != TM_ELEMENT_NONE ||
                                           task->outputs[i].barrier.kind != TM_ELEMENT_NONE))
            return true;
    return false;
}

int tm__task_send_dead_letters(struct tm_task *task, bool all)
{
    int result = TM_SENT;
    for (uint32_t i = 0; i < task->output_count; i++) {
        struct tm_task_output *output = &task->outputs[i];
        if (is_main(output))
            continue;
        int rc = send_pending(task, output);
        if (rc < 0)
            return rc;
        struct tm_batch *batch = output->dead_letters;
        bool due = batch != NULL &&
                   (all || tm_batch_is_full(batch) ||
                    task->ctx.now_ns - output->dead_since_ns >= DEAD_LETTER_LATENCY_MS * 1000000LL);
        if (due && (rc == TM_SENT || takes_more(task))) {
            output->dead_letters = NULL;
            rc = put_rows(task, output, batch);
            if (rc == 0)
                rc = send_pending(task, output);
            if (rc < 0)
                return rc;
        }
        // Only a full batch that cannot leave holds the task back.
        if (rc == TM_BLOCKED && !takes_more(task) &&
            (all || (output->dead_letters != NULL && tm_batch_is_full(output->dead_letters))))
            result = TM_BLOCKED;
    }
    return result;
}

int tm__task_flush_outputs(struct tm_task *task, bool idle)
{
    int result = tm__task_send_dead_letters(task, idle);
    if (result < 0)
        return result;
    for (uint32_t i = 0; i < task->output_count; i++) {
        struct tm_task_output *output = &task->outputs[i];
        bool waits =
            output->pending.kind != TM_ELEMENT_NONE || output->barrier.kind != TM_ELEMENT_NONE;
        int rc = waits ? send_pending(task, output)
                       : tm_sender_flush(output->sender, task->ctx.now_ns, idle);
        if (rc < 0)
            return rc;
        output->blocked = rc == TM_BLOCKED;
        if (rc == TM_BLOCKED)
            result = TM_BLOCKED;
    }
    return result;
}

int tm__task_end_outputs(struct tm_task *task)
{
    if (main_pending(task)) {
        int rc = tm__task_deliver(task);
        if (rc != TM_SENT)
            return rc;
    }
    int rc = tm__task_send_dead_letters(task, true);
    if (rc != TM_SENT)
        return rc;
    int result = TM_SENT;
    for (uint32_t i = 0; i < task->output_count; i++) {
        struct tm_task_output *output = &task->outputs[i];
        if (output->ended)
            continue;
        if (output->pending.kind == TM_ELEMENT_NONE)
            output->pending = (struct tm_element){.kind = TM_ELEMENT_END};
        rc = send_pending(task, output);
        if (rc < 0)
            return rc;
        if (rc == TM_BLOCKED)
            result = TM_BLOCKED;
    }
    return result;
}

int64_t tm__task_outputs_deadline_ns(const struct tm_task *task, bool blocked_too)
{
    int64_t deadline = INT64_MAX;
    for (uint32_t i = 0; i < task->output_count; i++) {
        const struct tm_task_output *output = &task->outputs[i];
        if (output->blocked && !blocked_too)
            continue; // it waits for credit, not for a time
        int64_t at = tm_sender_deadline_ns(output->sender);
        if (output->dead_letters != NULL && output->pending.kind == TM_ELEMENT_NONE)
            at = output->dead_since_ns + DEAD_LETTER_LATENCY_MS * 1000000LL;
        if (at < deadline)
            deadline = at;
    }
    return deadline;
}

int tm__task_add_dead_letter(struct tm_task *task, const struct tm_row_failure *failure,
                             const struct tm_buf *row_json, struct tm_error *err)
{
    for (uint32_t i = 0; i < task->output_count; i++) {
        struct tm_task_output *output = &task->outputs[i];
        if (is_main(output) || output->edge->from_node != failure->node->id)
            continue;
        if (output->dead_letters == NULL) {
            output->dead_letters = tm_batch_acquire(task->ctx.pool, task->job->dead_letters);
            if (output->dead_letters == NULL)
                return tm_error_set(err, TM_E_MEMORY, "out of memory for dead letters");
            output->dead_letters->read_ns = task->ctx.now_ns;
            output->dead_since_ns = task->ctx.now_ns;
        }
        int rc = tm_dead_letter_append(output->dead_letters, failure, task->ctx.subtask, row_json);
        if (rc != 0)
            return tm_error_set(err, rc, "operator '%s': a dead letter cannot be stored",
                                failure->node->name);
        return 0;
    }
    return tm_error_set(err, TM_E_INTERNAL, "operator '%s' has no dead-letter edge",
                        failure->node->name);
}
