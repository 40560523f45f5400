// The sending side of an edge: makes a sender, and moves elements by its kind. Whole batches travel
// by pointer (FORWARD, REBALANCE, and all kinds to one consumer); BROADCAST to several copies them;
// HASH and COLUMN to several spread rows, in hash_sender.c. A control element goes to every channel
// after all rows before it.
#include "core/exchange/sender.h"

#include "core/base/limits.h"

static int check_args(const struct tm_sender_args *args, struct tm_error *err)
{
    if (args->count == 0 || args->count > TM_PARALLELISM_MAX)
        return tm_error_set(err, TM_E_LIMIT, "an edge to %u subtasks; allowed are 1 to %d",
                            args->count, TM_PARALLELISM_MAX);
    if (args->kind == TM_PARTITION_COLUMN && (args->key == NULL || args->key->count != 1))
        return tm_error_set(err, TM_E_LIMIT, "an edge by a column needs one column");
    if (args->kind == TM_PARTITION_HASH &&
        (args->key == NULL || args->key->count == 0 || args->max_parallelism < args->count ||
         args->max_parallelism > TM_MAX_PARALLELISM))
        return tm_error_set(err, TM_E_LIMIT,
                            "a hash edge to %u subtasks needs a key, and key groups from %u to %d; "
                            "there are %u",
                            args->count, args->count, TM_MAX_PARALLELISM, args->max_parallelism);
    return 0;
}

int tm_sender_new(const struct tm_sender_args *args, struct tm_sender **out, struct tm_error *err)
{
    int rc = check_args(args, err);
    if (rc != 0)
        return rc;

    struct tm_sender *sender = tm_mem_zalloc(args->mem, sizeof *sender);
    if (sender == NULL)
        return tm_error_set(err, TM_E_MEMORY, "no memory for the sender of an edge");
    sender->mem = args->mem;
    sender->kind = args->kind;
    sender->count = args->kind == TM_PARTITION_FORWARD ? 1 : args->count;
    sender->channels = tm_mem_alloc(args->mem, sender->count * sizeof *sender->channels);
    if (sender->channels == NULL) {
        tm_sender_free(sender);
        return tm_error_set(err, TM_E_MEMORY, "no memory for the sender of an edge");
    }
    memcpy(sender->channels, args->channels, sender->count * sizeof *sender->channels);
    if (args->kind == TM_PARTITION_BROADCAST && args->count > 1) {
        sender->pool = tm_batch_pool_new(args->mem);
        if (sender->pool == NULL) {
            tm_sender_free(sender);
            return tm_error_set(err, TM_E_MEMORY, "no memory for the copies of an edge");
        }
    }
    if ((args->kind == TM_PARTITION_HASH || args->kind == TM_PARTITION_COLUMN) && args->count > 1) {
        rc = tm__exchange_hash_new(args, sender->channels, &sender->hash);
        if (rc != 0) {
            tm_sender_free(sender);
            return tm_error_set(err, rc, "no memory for the part-filled batches of an edge");
        }
    }
    *out = sender;
    return 0;
}

void tm_sender_free(struct tm_sender *sender)
{
    if (sender == NULL)
        return;
    tm__exchange_hash_free(sender->hash);
    if (sender->pool != NULL)
        tm_batch_pool_free(sender->pool);
    tm_mem_free(sender->mem, sender->channels, sender->count * sizeof *sender->channels);
    tm_mem_free(sender->mem, sender, sizeof *sender);
}

// To the next channel in turn that has credit: FORWARD has one.
static int send_whole(struct tm_sender *sender, struct tm_batch *batch)
{
    for (uint32_t i = 0; i < sender->count; i++) {
        uint32_t c = sender->next;
        sender->next = c + 1 == sender->count ? 0 : c + 1;
        if (tm_channel_can_send_batch(sender->channels[c], batch->size_bytes)) {
            batch->split = TM_NO_SPLIT; // splits are numbered inside the task that read them
            tm_channel_send(sender->channels[c],
                            (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch});
            return TM_SENT;
        }
    }
    return TM_BLOCKED;
}

// A copy to every channel, the batch itself to the last. `next` remembers how far it has come.
static int send_to_all(struct tm_sender *sender, struct tm_batch *batch)
{
    batch->split = TM_NO_SPLIT;
    for (; sender->next < sender->count; sender->next++) {
        struct tm_channel *channel = sender->channels[sender->next];
        struct tm_batch *copy = batch;
        if (!tm_channel_can_send_batch(channel, batch->size_bytes))
            return TM_BLOCKED;
        if (sender->next + 1 < sender->count) {
            int rc = tm_batch_copy(sender->pool, batch, &copy);
            if (rc != 0)
                return rc;
        }
        tm_channel_send(channel, (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = copy});
    }
    sender->next = 0;
    return TM_SENT;
}

static int send_batch(struct tm_sender *sender, struct tm_batch *batch, int64_t now_ns)
{
    int rc;

    if (batch->row_count == 0) {
        tm_batch_release(batch);
        return TM_SENT;
    }
    if (sender->pool != NULL)
        return send_to_all(sender, batch);
    if (sender->hash == NULL)
        return send_whole(sender, batch);
    rc = tm__exchange_hash_send(sender->hash, batch, now_ns);
    if (rc == TM_SENT)
        tm_batch_release(batch);
    return rc;
}

static int send_control(struct tm_sender *sender, const struct tm_element *element)
{
    for (; sender->control_next < sender->count; sender->control_next++) {
        uint32_t c = sender->control_next;
        if (sender->hash != NULL && !tm__exchange_hash_flush_one(sender->hash, c))
            return TM_BLOCKED;
        if (!tm_channel_can_send_control(sender->channels[c]))
            return TM_BLOCKED;
        tm_channel_send(sender->channels[c], *element);
    }
    sender->control_next = 0;
    return TM_SENT;
}

int tm_sender_send(struct tm_sender *sender, struct tm_element *element, int64_t now_ns)
{
    if (element->kind != TM_ELEMENT_BATCH)
        return send_control(sender, element);
    int rc = send_batch(sender, element->batch, now_ns);
    if (rc == TM_SENT)
        element->batch = NULL; // it has a new owner
    return rc;
}

int tm_sender_overtake(struct tm_sender *sender, const struct tm_element *barrier)
{
    if (sender->front_checkpoint != barrier->checkpoint) { // an earlier one is given up
        sender->front_checkpoint = barrier->checkpoint;
        sender->front_next = 0;
    }
    for (; sender->front_next < sender->count; sender->front_next++) {
        if (!tm_channel_can_send_control(sender->channels[sender->front_next]))
            return TM_BLOCKED;
        tm_channel_send(sender->channels[sender->front_next], *barrier);
    }
    sender->front_next = 0;
    return TM_SENT;
}

int tm_sender_each_held(const struct tm_sender *sender, const struct tm_element *pending,
                        tm_sender_visit *visit, void *arg)
{
    int rc = sender->hash == NULL ? 0 : tm__exchange_hash_each_part(sender->hash, visit, arg);
    if (rc != 0 || pending->kind == TM_ELEMENT_NONE)
        return rc;
    if (pending->kind != TM_ELEMENT_BATCH)
        return visit(arg, TM_ANY_CONSUMER, sender->control_next, pending);
    TM_CHECK(sender->pool == NULL); // copies for everybody wait for their turn
    struct tm_batch left = *pending->batch;
    if (sender->hash != NULL)
        tm__exchange_hash_left(sender->hash, pending->batch, &left);
    const struct tm_element element = {.kind = TM_ELEMENT_BATCH, .batch = &left};
    return left.row_count == 0 ? 0 : visit(arg, TM_ANY_CONSUMER, 0, &element);
}

int tm_sender_flush(struct tm_sender *sender, int64_t now_ns, bool idle)
{
    return sender->hash == NULL ? TM_SENT : tm__exchange_hash_flush(sender->hash, now_ns, idle);
}

int64_t tm_sender_deadline_ns(const struct tm_sender *sender)
{
    return sender->hash == NULL ? INT64_MAX : tm__exchange_hash_deadline_ns(sender->hash);
}

uint64_t tm_sender_rows_sent(const struct tm_sender *sender)
{
    uint64_t rows = 0;

    for (uint32_t c = 0; c < sender->count; c++)
        rows += tm_channel_rows_sent(sender->channels[c]);
    return rows;
}
