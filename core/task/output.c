// The sending end of a task: main edges get every element of the last slot, edges of side outputs
// its control elements and the rows given to them, dead-letter edges the rows that failed and
// barriers.
#include "core/base/kill_point.h"
#include "core/task/dead_letter.h"
#include "core/task/task.h"

enum { DEAD_LETTER_LATENCY_MS = 50 };

static bool is_main(const struct tm_task_output *output)
{
    return !output->edge->dead_letter;
}

// Give every main edge its own element; the last takes the original batch.
static int distribute(struct tm_task *task, struct tm_element *element)
{
    struct tm_task_output *last = NULL;
    if (element->kind == TM_ELEMENT_END && task->was_ended)
        element->status = TM_END_DRAIN; // for those behind, which may not have seen it
    for (uint32_t i = 0; i < task->output_count; i++) {
        struct tm_task_output *output = &task->outputs[i];
        if (!is_main(output)) {
            if (element->kind == TM_ELEMENT_BARRIER)
                output->pending = *element;
            continue;
        }
        if (output->side >= 0) {
            if (element->kind != TM_ELEMENT_BATCH)
                output->pending = *element;
            continue;
        }
        if (last != NULL) {
            last->pending = *element;
            if (element->kind == TM_ELEMENT_BATCH) {
                int rc = tm_batch_copy(task->ctx.pool, element->batch, &last->pending.batch);
                if (rc != 0) {
                    last->pending.kind = TM_ELEMENT_NONE;
                    return rc;
                }
            }
        }
        last = output;
    }
    if (last != NULL)
        last->pending = *element;
    else if (element->kind == TM_ELEMENT_BATCH)
        tm_batch_release(element->batch);
    element->kind = TM_ELEMENT_NONE;
    return 0;
}

static int send_pending(struct tm_task *task, struct tm_task_output *output)
{
    if (output->pending.kind == TM_ELEMENT_NONE)
        return TM_SENT;
    bool end = output->pending.kind == TM_ELEMENT_END;
    int rc = tm_sender_send(output->sender, &output->pending, task->ctx.now_ns);
    output->blocked = rc == TM_BLOCKED;
    if (rc == TM_SENT) {
        output->pending.kind = TM_ELEMENT_NONE;
        output->ended = output->ended || end;
    }
    return rc;
}

// Rows of a side output go before what the last slot holds: that follows the batch they came from.
static int send_side_rows(struct tm_task *task, struct tm_task_output *output)
{
    output->pending = (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = output->side_rows};
    output->side_rows = NULL;
    task->sides_waiting--;
    return send_pending(task, output);
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

int tm__task_deliver(struct tm_task *task)
{
    struct tm_element *slot = &task->slots[task->operator_count];
    bool end = slot->kind == TM_ELEMENT_END;
    int result = TM_SENT;
    for (uint32_t i = 0; i < task->output_count; i++)
        if (is_main(&task->outputs[i])) {
            int rc = send_pending(task, &task->outputs[i]);
            if (rc == TM_SENT && task->outputs[i].side_rows != NULL)
                rc = send_side_rows(task, &task->outputs[i]);
            if (rc < 0)
                return rc;
            if (rc == TM_BLOCKED)
                result = TM_BLOCKED;
        }
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
        if (is_main(&task->outputs[i]) && task->outputs[i].pending.kind != TM_ELEMENT_NONE)
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
        if (rc == TM_SENT && due) {
            output->pending = (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch};
            output->dead_letters = NULL;
            rc = send_pending(task, output);
            if (rc < 0)
                return rc;
        }
        // Only a full batch that cannot leave holds the task back.
        if (rc == TM_BLOCKED &&
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
        int rc = output->pending.kind != TM_ELEMENT_NONE
                     ? send_pending(task, output)
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
