// Rows one by one: where a process has ended in the middle of a batch and nobody knows on which
// row, operators get each row as a batch of its own, and the row is noted in memory that outlives
// the process (watch.h). A row that is known by now never enters its operator again: it is an error
// of that row, and on_error says what becomes of it.
//
// A batch that is taken apart stays here until its last row has gone into the operator, and its
// stage is occupied until then, so nothing overtakes it.
#include <stdio.h>

#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/task/task.h"

struct tm_task_single {
    struct tm_element rest; // what rows are taken from; NONE: nothing
    const struct tm_row *next;
    bool in_hand; // what lies in the operator's slot has come from here
    bool given;   // a part of `rest` has gone into the operator
};

int tm__task_open_singles(struct tm_task *task)
{
    const struct tm_watch *watch = task->job->watch;
    if (watch == NULL || (watch->culprit_count == 0 && !tm__task_is_one_by_one(task)))
        return 0;
    task->singles = tm_mem_zalloc(&task->mem, task->operator_count * sizeof *task->singles);
    return task->singles == NULL && task->operator_count != 0 ? TM_E_MEMORY : 0;
}

void tm__task_close_singles(struct tm_task *task)
{
    if (task->singles == NULL)
        return;
    for (uint32_t i = 0; i < task->operator_count; i++)
        if (task->singles[i].rest.kind == TM_ELEMENT_BATCH)
            tm_batch_release(task->singles[i].rest.batch);
    tm_mem_free(&task->mem, task->singles, task->operator_count * sizeof *task->singles);
    task->singles = NULL;
}

bool tm__task_is_one_by_one(const struct tm_task *task)
{
    const struct tm_watch *watch = task->job->watch;
    return watch != NULL && atomic_load_explicit(&watch->one_by_one, memory_order_relaxed) != 0;
}

bool tm__task_stands_alone(const struct tm_task *task, uint32_t node)
{
    return tm__task_is_one_by_one(task) ||
           (task->job->watch != NULL && tm_watch_suspects(task->job->watch, node));
}

// --- rows that are known -------------------------------------------------------------------------

static size_t describe(const struct tm_watch_culprit *culprit, char *text, size_t size)
{
    char text_of[32];
    int n;
    if (culprit->signal == 0)
        n = snprintf(text, size, "the call did not come to an end within %s (batch_timeout)",
                     tm_text_duration(culprit->timeout_ms, text_of));
    else
        n = snprintf(text, size, "the worker process crashed in the call (%s)",
                     tm_text_signal(culprit->signal, text_of));
    return (size_t)n < size ? (size_t)n : size - 1;
}

int tm_task_fail_culprit(struct tm_task_context *ctx, const struct tm_watch_culprit *culprit,
                         struct tm_row_failure *failure, struct tm_error *err)
{
    char message[128];
    failure->code = TM_E_ROW_CRASHED;
    failure->message_length = describe(culprit, message, sizeof message);
    failure->message = message;
    failure->offset = failure->line = -1;
    return tm_task_row_failed(ctx, failure, err);
}

static int fail(struct tm_task *task, uint32_t index, const struct tm_watch_culprit *culprit,
                const struct tm_row *row, struct tm_error *err)
{
    const struct tm_operator *op = task->operators[index];
    const struct tm_element *rest = &task->singles[index].rest;
    struct tm_row_failure failure = {
        .node = op->node, .schema = rest->batch->schema, .row = row, .input = rest->input};
    tm_metric_add(&op->metrics->rows_in, 1);
    return tm_task_fail_culprit(&task->ctx, culprit, &failure, err);
}

static const struct tm_watch_culprit *find(const struct tm_task *task, uint32_t index,
                                           const struct tm_row *row)
{
    return tm_watch_find(task->job->watch, task->operators[index]->node->id, row, row->size_bytes);
}

// --- taking a batch apart ------------------------------------------------------------------------

// The rows from `first` to `end` into the operator's slot.
static int give_rows(struct tm_task *task, uint32_t index, const struct tm_row *first,
                     const struct tm_row *end, uint32_t count, struct tm_error *err)
{
    struct tm_task_single *single = &task->singles[index];
    const struct tm_batch *from = single->rest.batch;
    size_t bytes = (size_t)((const uint8_t *)end - (const uint8_t *)first);
    struct tm_batch *batch = tm_batch_acquire(task->ctx.pool, from->schema);
    if (batch == NULL || tm_batch_reserve(batch, bytes) != 0) {
        tm_batch_release(batch);
        return tm_error_set(err, TM_E_MEMORY, "operator '%s': out of memory for a row",
                            task->operators[index]->node->name);
    }
    memcpy(batch->data, first, bytes);
    batch->size_bytes = bytes;
    batch->row_count = count;
    batch->split = from->split;
    batch->read_ns = from->read_ns;
    batch->watermark = from->watermark;
    task->slots[index] = single->rest;
    task->slots[index].batch = batch;
    single->next = end;
    single->in_hand = single->given = true;
    return 0;
}

static void end_batch(struct tm_task_single *single)
{
    tm_batch_release(single->rest.batch);
    single->rest = (struct tm_element){.kind = TM_ELEMENT_NONE};
}

// The next rows of the batch: one, or all up to one that is known; those go no further. At least
// one batch comes of each, for splits make progress by batches, also by those without rows.
static int give(struct tm_task *task, uint32_t index, struct tm_error *err)
{
    struct tm_task_single *single = &task->singles[index];
    const struct tm_batch *batch = single->rest.batch;
    const struct tm_row *end = (const void *)(batch->data + batch->size_bytes);
    const struct tm_watch_culprit *culprit = NULL;
    bool one = tm__task_is_one_by_one(task);
    while (single->next != end && (culprit = find(task, index, single->next)) != NULL) {
        int rc = fail(task, index, culprit, single->next, err);
        if (rc != 0)
            return rc;
        single->next = tm_row_next(single->next);
    }
    const struct tm_row *first = single->next, *row = first;
    uint32_t count = 0;
    while (row != end && (count == 0 || (!one && find(task, index, row) == NULL))) {
        row = tm_row_next(row);
        count++;
    }
    if (count == batch->row_count && !single->given) { // nothing to take apart
        task->slots[index] = single->rest;
        single->rest = (struct tm_element){.kind = TM_ELEMENT_NONE};
        single->in_hand = true;
        return 0;
    }
    int rc = 0;
    if (count != 0 || !single->given)
        rc = give_rows(task, index, first, row, count, err);
    if (rc == 0 && single->next == end)
        end_batch(single);
    return rc;
}

int tm__task_single_out(struct tm_task *task, uint32_t index, struct tm_error *err)
{
    struct tm_task_single *single = &task->singles[index];
    struct tm_element *slot = &task->slots[index];
    if (slot->kind != TM_ELEMENT_BATCH || slot->batch == NULL) {
        tm_task_note_row(&task->ctx, NULL, false);
        return 0;
    }
    if (!single->in_hand) {
        single->rest = *slot;
        single->next = tm_batch_first(slot->batch);
        single->given = false;
        *slot = (struct tm_element){.kind = TM_ELEMENT_NONE};
        int rc = give(task, index, err);
        if (rc != 0)
            return rc;
    }
    bool one = tm__task_is_one_by_one(task) && slot->batch->row_count == 1;
    tm_task_note_row(&task->ctx, one ? tm_batch_first(slot->batch) : NULL, false);
    return 0;
}

int tm__task_next_single(struct tm_task *task, uint32_t index, struct tm_error *err)
{
    struct tm_task_single *single = &task->singles[index];
    if (!single->in_hand)
        return 0;
    single->in_hand = false;
    return single->rest.kind == TM_ELEMENT_NONE ? 0 : give(task, index, err);
}

// --- for operators that call functions with what is no row of a batch ---------------------------

void tm_task_note_row(struct tm_task_context *ctx, const struct tm_row *row, bool is_timer)
{
    struct tm_watch_slot *slot = ctx->task->worker->watch;
    uint32_t length = row == NULL ? 0 : row->size_bytes;
    if (row != NULL)
        atomic_store_explicit(&slot->row_hash, tm_hash_bytes(row, length), memory_order_relaxed);
    atomic_store_explicit(&slot->row_is_timer, is_timer, memory_order_relaxed);
    atomic_store_explicit(&slot->row_length, length, memory_order_relaxed);
}

bool tm_task_stands_alone(const struct tm_task_context *ctx, const struct tm_node *node)
{
    return ctx->task != NULL && ctx->task->singles != NULL &&
           tm__task_stands_alone(ctx->task, node->id);
}

const struct tm_watch_culprit *tm_task_find_culprit(const struct tm_task_context *ctx,
                                                    const struct tm_node *node,
                                                    const struct tm_row *row)
{
    return tm_watch_find(ctx->task->job->watch, node->id, row, row->size_bytes);
}
