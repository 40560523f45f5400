// Timers of a process that are due: some at a time come out of the set in their order (time, key
// bytes, name) and go to the chunk as rows. A call that registers or deletes a timer up to the last
// of the run ends it: what has not fired goes back into the set before. So timers fire in their
// order whatever calls do.
#include "core/base/kill_point.h"
#include "core/base/planted.h"
#include "core/operator/process.h"

// --- as rows -------------------------------------------------------------------------------------

static struct tm_field_def column(const char *name, enum tm_type_kind type, uint32_t flags)
{
    return (struct tm_field_def){.name = name, .type = tm_type_of_kind(type), .flags = flags};
}

int tm__operator_process_due_schemas(struct tm__operator_process *self,
                                     const struct tm_schema *input, const struct tm_key_spec *key,
                                     struct tm_error *err)
{
    struct tm_mem *mem = self->base.ctx->shared_mem;
    struct tm_field_def defs[TM_KEY_FIELDS_MAX + 4];
    const struct tm_field_def time = column("$time", TM_TYPE_TIMESTAMP, TM_FIELD_HIDDEN);
    uint32_t keys = key->count, n = keys;
    for (uint32_t i = 0; i < keys; i++)
        defs[i] = (struct tm_field_def){.name = input->fields[key->fields[i]].name,
                                        .type = input->fields[key->fields[i]].type,
                                        .flags = TM_FIELD_REQUIRED};
    defs[n++] = time;
    int rc = self->pass == NULL ? 0 : tm_schema_new(mem, defs, n, -1, &self->pass_schema, err);
    if (rc != 0)
        return rc;
    n = keys;
    defs[n++] =
        column(tm__operator_free_name(defs, keys, "$timer"), TM_TYPE_TIMESTAMP, TM_FIELD_REQUIRED);
    defs[n++] = column(tm__operator_free_name(defs, keys, "$timer_name"), TM_TYPE_STRING, 0);
    defs[n++] = column(tm__operator_free_name(defs, keys, "$timer_domain"), TM_TYPE_STRING,
                       TM_FIELD_REQUIRED);
    defs[n++] = time;
    return tm_schema_new(mem, defs, n, -1, &self->timer_schema, err);
}

int tm__operator_process_due_begin(struct tm__operator_process *self, struct tm_schema *schema)
{
    if (self->due != NULL && self->due->schema != schema) {
        tm_batch_release(self->due);
        self->due = NULL;
    }
    if (self->due == NULL)
        self->due = tm_batch_acquire(self->base.ctx->pool, schema);
    if (self->due == NULL)
        return TM_E_MEMORY;
    self->due->size_bytes = 0;
    self->due->row_count = 0;
    return 0;
}

void tm__operator_process_due_lend(struct tm__operator_process *self, struct tm_vm_chain *chain)
{
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(chain);
    entry->in = self->due->data;
    entry->in_end = self->due->data + self->due->size_bytes;
    entry->in_rows = self->due->row_count;
    entry->slots = self->keyed.slots;
    entry->slot_index = 0;
}

int tm__operator_process_due_row(struct tm__operator_process *self, uint32_t i,
                                 const struct tm__operator_due *timer, const int64_t *event_time)
{
    const struct tm_key *key = &self->keyed.block->keys[i];
    uint32_t column = self->base.node->key.count;
    struct tm_builder builder;
    int rc = tm_builder_begin(&builder, self->due);
    if (rc != 0)
        return rc;
    // Keys of both inputs are of the same types; the first may not have been seen yet.
    const struct tm__operator_keys *keys =
        self->keyed.keys.reader.schema != NULL ? &self->keyed.keys : &self->second_keys;
    rc = tm_key_put(&keys->reader, key->bytes, key->length, &builder, 0);
    if (timer != NULL) {
        tm_builder_put_int(&builder, column, timer->time);
        if (rc == 0 && timer->name_length != 0)
            rc = tm_builder_put_bytes(&builder, column + 1, timer->name, timer->name_length);
        if (rc == 0)
            rc = tm_builder_put_bytes(&builder, column + 2, timer->domain,
                                      (uint32_t)strlen(timer->domain));
        column += 3;
    }
    if (event_time != NULL)
        tm_builder_put_int(&builder, column, *event_time);
    if (rc == 0)
        return tm_builder_end(&builder);
    tm_builder_cancel(&builder);
    return rc;
}

// --- a run ---------------------------------------------------------------------------------------

// A planted mistake.
static void repeat_last(struct tm__operator_process *self, uint32_t n)
{
    self->due_times[n] = self->due_times[n - 1];
    self->due_names[n] = self->due_names[n - 1];
    self->due_name_lengths[n] = self->due_name_lengths[n - 1];
    self->keyed.block->keys[n] = self->keyed.block->keys[n - 1];
}

// The next timers that are due out of the set, their keys into the block.
static int take_due(struct tm__operator_process *self, enum tm_timer_domain domain, int64_t limit)
{
    struct tm__operator_block *block = self->keyed.block;
    struct tm_timers *timers = self->keyed.timers;
    struct tm_timer timer;
    uint32_t n = 0;
    self->due_bytes.size_bytes = 0;
    uint32_t most = self->run_length == 0 ? TM_TIMERS_AT_ONCE : self->run_length;
    if (TM_UNLIKELY(tm_task_stands_alone(self->base.ctx, self->base.node)))
        most = 1;
    for (; n < most && tm_timers_first(timers, domain, &timer) && timer.time <= limit; n++) {
        size_t at = self->due_bytes.size_bytes;
        int rc = tm_buf_append(&self->due_bytes, timer.key.bytes, timer.key.length);
        if (rc == 0)
            rc = tm_buf_append(&self->due_bytes, timer.name, timer.name_length);
        if (rc == 0)
            rc = tm_timers_pop(timers, domain);
        if (rc < 0)
            return rc;
        self->due_times[n] = timer.time;
        self->due_names[n] = (uint32_t)(at + timer.key.length);
        self->due_name_lengths[n] = timer.name_length;
        block->keys[n] = (struct tm_key){.hash = timer.key.hash,
                                         .bytes = (const void *)(uintptr_t)at,
                                         .length = timer.key.length};
    }
    if (TM_PLANTED(timer_fires_twice) && n != 0 && n < most && self->due_times[n - 1] + 9 > limit)
        repeat_last(self, n++);
    for (uint32_t i = 0; i < n; i++) // the buffer grows no more
        block->keys[i].bytes = self->due_bytes.data + (uintptr_t)block->keys[i].bytes;
    block->count = n;
    self->domain = domain;
    return 0;
}

static int begin_run(struct tm__operator_process *self, enum tm_timer_domain domain, int64_t limit)
{
    int rc = take_due(self, domain, limit);
    uint32_t count = self->keyed.block->count;
    if (rc != 0 || count == 0)
        return rc;
    TM_KILL_POINT(timers_fire);
    rc = tm__operator_process_due_begin(self, self->timer_schema);
    bool event = domain == TM_TIMER_EVENT;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const struct tm__operator_due timer = {.time = self->due_times[i],
                                               .name = (const char *)self->due_bytes.data +
                                                       self->due_names[i],
                                               .name_length = self->due_name_lengths[i],
                                               .domain = event ? "event" : "processing"};
        rc = tm__operator_process_due_row(self, i, &timer, event ? &timer.time : NULL);
    }
    if (rc == 0)
        rc = tm__operator_keyed_enter(&self->keyed);
    if (rc != 0)
        return rc;
    tm__operator_process_due_lend(self, self->timer);
    self->due_count = count;
    return 0;
}

static struct tm_timer due_timer(const struct tm__operator_process *self, uint32_t i)
{
    return (struct tm_timer){.time = self->due_times[i],
                             .key = self->keyed.block->keys[i],
                             .name = self->due_bytes.data + self->due_names[i],
                             .name_length = self->due_name_lengths[i]};
}

// The next run is shorter where a call has ended this one, so that little is taken out in vain.
static int end_run(struct tm__operator_process *self, bool interrupted)
{
    uint32_t fired = self->due_count;
    self->fired += fired;
    self->run_length = interrupted ? fired : self->run_length * 2;
    if (self->run_length == 0 || self->run_length > TM_TIMERS_AT_ONCE)
        self->run_length = TM_TIMERS_AT_ONCE;
    self->due_count = 0;
    return tm__operator_keyed_leave(&self->keyed);
}

// Of a run of one timer: the process may end in its call, or is known to. 1: it does not fire.
static int look_at_timer(struct tm__operator_process *self, struct tm_error *err)
{
    struct tm_task_context *ctx = self->base.ctx;
    const struct tm_row *row = tm_batch_first(self->due);
    const struct tm_watch_culprit *culprit = tm_task_find_culprit(ctx, self->base.node, row);
    struct tm_row_failure failure = {.node = self->base.node,
                                     .schema = self->timer_schema,
                                     .row = row,
                                     .input = TM_NO_INPUT,
                                     .failed = TM_FAILED_TIMER};
    tm_task_note_row(ctx, row, true);
    if (culprit == NULL)
        return 0;
    int rc = tm_task_fail_culprit(ctx, culprit, &failure, err);
    if (rc == 0 && end_run(self, false) != 0)
        rc = tm__operator_out_of_memory(&self->base, err);
    return rc == 0 ? 1 : rc;
}

int tm__operator_process_fire(struct tm__operator_process *self, enum tm_timer_domain domain,
                              int64_t limit, struct tm_error *err)
{
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(self->timer);
    if (self->due_count == 0 && begin_run(self, domain, limit) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    if (self->due_count == 0)
        return 0;
    int rc = 0;
    if (TM_UNLIKELY(tm_task_stands_alone(self->base.ctx, self->base.node)) && self->due_count == 1)
        rc = look_at_timer(self, err);
    if (rc != 0)
        return rc;
    rc = tm__operator_process_enter(self, self->timer, err);
    memset(entry->counts, 0, TM_CHAIN_COUNTS * sizeof *entry->counts);
    if (rc < 0)
        return rc;
    if (entry->in_rows == 0 || entry->interrupt != 0)
        if (end_run(self, entry->interrupt != 0) != 0)
            return tm__operator_out_of_memory(&self->base, err);
    return 1;
}

// --- what calls do to the run --------------------------------------------------------------------

// What a call does to timers up to the last of the run finds them all in the set: the run ends with
// this call, and what follows goes back first.
static int give_back_rest(struct tm__operator_process *self, uint32_t index)
{
    for (uint32_t i = index + 1; i < self->due_count; i++) {
        const struct tm_timer timer = due_timer(self, i);
        int rc = tm_timers_add(self->keyed.timers, self->domain, &timer);
        if (rc < 0)
            return rc;
    }
    self->due_count = index + 1;
    self->keyed.entry->interrupt = 1;
    return 0;
}

int tm__operator_process_on_timer(struct tm__operator_process *self, uint8_t **slot,
                                  enum tm_timer_domain domain, bool remove, int64_t at,
                                  const char *name, uint32_t length)
{
    uint32_t index = (uint32_t)(slot - self->keyed.slots) - 1;
    int rc = 0;
    if (domain == TM_TIMER_PROCESSING && !remove && at > self->last_processing)
        self->last_processing = at;
    if (!self->pass_entered && index + 1 < self->due_count && domain == self->domain &&
        at <= self->due_times[self->due_count - 1])
        rc = give_back_rest(self, index);
    if (rc == 0)
        rc = tm__operator_keyed_timer(&self->keyed, slot, domain, remove, at, name, length);
    return rc < 0 ? rc : 0;
}
