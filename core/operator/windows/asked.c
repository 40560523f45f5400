// Triggers that functions of the job are (tm.trigger.delta, a table of functions), asked about a
// row before it is added, as they can fail.
//
// What a custom trigger remembers of a window is a record in its cell (../keyed.h), worked on as
// that of a key by `process`. Its timers are named as the window is. The end of the window's life
// is one of them: a window has one timer of a time, whatever it stands for, and the trigger is
// asked at all of them. Timers of windows that have been merged mean nobody.
#include "core/base/limits.h"
#include "core/operator/windows/windows.h"

#include "core/vm/vm.h"

enum {
    AT_EVENT = TM_TIMER_EVENT,
    AT_PROCESSING = TM_TIMER_PROCESSING,
    ELEMENT,
    MERGE,
    CLEAR,
    ROLES = TM__ASKED_CHUNKS
};
static_assert(CLEAR + 1 == ROLES, "a chunk for each role");

struct tm__windows_asked {
    struct tm__windows *windows;
    struct tm__operator_keyed keyed; // of a block of one: the cell under way
    struct tm_vm_chain *chains[ROLES];
    struct tm_schema *time_schema, *memory_schema; // of rows for timers, and for merging
    struct tm_batch *time_row, *memories;
    uint32_t failed;
    double calls; // as in core/operator/process.h
    // A row's calls have one number, so that the journal goes on from one to the next.
    bool together;
    int64_t last_processing; // before them
};

// --- what the chunks call back -------------------------------------------------------------------

static int on_fail(void *arg, uint32_t node, const struct tm_row *row, uint32_t row_of, int code,
                   const char *message, size_t length)
{
    struct tm__windows_asked *asked = arg;
    (void)node;
    (void)row;
    (void)row_of;
    asked->failed++;
    return tm__windows_tell(asked->windows, code, message, length, &asked->windows->failure);
}

static int on_buckets(void *arg, struct tm_metric_slot *slot)
{
    struct tm__windows_asked *asked = arg;
    return tm_task_buckets(asked->windows->base.ctx, slot);
}

static const uint8_t *on_blob(void *arg, uint8_t **slot, int side, const uint8_t *ref)
{
    struct tm__windows_asked *asked = arg;
    (void)side;
    return tm__operator_keyed_blob(&asked->keyed, slot, ref);
}

static int on_keep(void *arg, uint8_t **slot, uint8_t *ref, const uint8_t *p, uint32_t length)
{
    struct tm__windows_asked *asked = arg;
    return tm__operator_keyed_keep(&asked->keyed, slot, ref, p, length);
}

static bool is_cleanup(const struct tm__windows *self, const struct tm__windows_cell *cell,
                       enum tm_timer_domain domain, int64_t time)
{
    int64_t at;
    return self->by_event == (domain == TM_TIMER_EVENT) &&
           tm__windows_cleanup(self, cell->end, &at) && at == time;
}

static int on_timer(void *arg, uint8_t **slot, int domain, bool remove, int64_t at,
                    const char *name, uint32_t length)
{
    struct tm__windows_asked *asked = arg;
    struct tm__windows *self = asked->windows;
    uint64_t bounds[2];
    (void)name;
    (void)length;
    if (is_cleanup(self, self->of_cell, (enum tm_timer_domain)domain, at))
        return 0; // it is there, and stays
    if (domain == TM_TIMER_PROCESSING && !remove && at > self->last_processing)
        self->last_processing = at;
    tm__windows_name(self->of_cell, bounds);
    tm__windows_registered(self, (enum tm_timer_domain)domain, at);
    int rc = tm__operator_keyed_timer(&asked->keyed, slot, (enum tm_timer_domain)domain, remove, at,
                                      (const char *)bounds, sizeof bounds);
    return rc < 0 ? rc : 0;
}

static int on_settle(void *arg, bool keep)
{
    struct tm__windows_asked *asked = arg;
    return keep && asked->together ? 0 : tm__operator_keyed_settle(&asked->keyed, keep);
}

// --- a call --------------------------------------------------------------------------------------

// 1: it has failed, which has been told.
static int call(struct tm__windows *self, int role, const struct tm_row *row, int *verdict,
                struct tm_error *err)
{
    struct tm__windows_asked *asked = self->asked;
    struct tm__operator_keyed *keyed = &asked->keyed;
    struct tm_vm_chain *chain = asked->chains[role];
    *verdict = TM__CONTINUE;
    if (chain == NULL)
        return 0;
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(chain);
    keyed->block->count = 1;
    keyed->block->keys[0] = *self->of_key->key;
    keyed->slots[0] = (uint8_t *)self->of_cell + self->record_at;
    keyed->entry = entry;
    keyed->watermark = self->key_watermark;
    entry->in = (const uint8_t *)row;
    entry->in_end = entry->in + row->size_bytes;
    entry->in_rows = 1;
    entry->slots = keyed->slots;
    entry->slot_index = 0;
    entry->verdict = TM__CONTINUE;
    entry->call = asked->calls;
    entry->journal = 0;
    entry->window_start = (double)self->of_cell->start;
    entry->window_end = (double)self->of_cell->end;
    tm__operator_keyed_tell_time(keyed, entry);
    asked->failed = 0;
    tm_error_clear(&self->failure);
    int rc = tm_vm_chain_run(chain, err);
    if (!asked->together)
        asked->calls = entry->call;
    if (rc < 0) {
        if (self->failure.code != 0)
            *err = self->failure;
        else if (rc == TM_E_USER_MEMORY || rc == TM_E_MEMORY)
            tm_error_prefix(err, "operator '%s'", self->base.node->name);
        return rc;
    }
    *verdict = (int)entry->verdict;
    return asked->failed != 0;
}

void tm__windows_asked_begin(struct tm__windows *self, const struct tm__windows_key *k)
{
    struct tm__windows_asked *asked = self->asked;
    asked->together = true;
    asked->last_processing = self->last_processing;
    asked->keyed.block->keys[0] = *k->key;
}

int tm__windows_asked_end(struct tm__windows *self, bool keeps)
{
    struct tm__windows_asked *asked = self->asked;
    struct tm__operator_keyed *keyed = &asked->keyed;
    asked->together = false;
    if (!keeps)
        self->last_processing = asked->last_processing;
    if (keyed->entry == NULL)
        return 0;
    keyed->entry->call = ++asked->calls;
    return tm__operator_keyed_settle(keyed, keeps);
}

// A row of one time, for functions that take one, or nothing.
static const struct tm_row *row_of_time(struct tm__windows_asked *asked, int64_t time)
{
    struct tm_builder builder;
    if (asked->time_row == NULL)
        asked->time_row = tm_batch_acquire(asked->windows->base.ctx->pool, asked->time_schema);
    if (asked->time_row == NULL)
        return NULL;
    asked->time_row->size_bytes = 0;
    asked->time_row->row_count = 0;
    if (tm_builder_begin(&builder, asked->time_row) != 0)
        return NULL;
    tm_builder_put_int(&builder, 0, time);
    return tm_builder_end(&builder) == 0 ? tm_batch_first(asked->time_row) : NULL;
}

int tm__windows_asked_timer(struct tm__windows *self, const struct tm__windows_key *k,
                            struct tm__windows_cell *cell, enum tm_timer_domain domain,
                            int64_t time, int *verdict, struct tm_error *err)
{
    const struct tm_row *row = row_of_time(self->asked, time);
    if (row == NULL)
        return tm__operator_out_of_memory(&self->base, err);
    tm__windows_about_timer(self, k, cell, domain, time);
    return call(self, domain == TM_TIMER_EVENT ? AT_EVENT : AT_PROCESSING, row, verdict, err);
}

int tm__windows_asked_clear(struct tm__windows *self, const struct tm__windows_key *k,
                            struct tm__windows_cell *cell, const struct tm_row *of,
                            struct tm_error *err)
{
    int verdict;
    if (self->asked->chains[CLEAR] == NULL)
        return 0;
    const struct tm_row *row = row_of_time(self->asked, 0);
    if (row == NULL)
        return tm__operator_out_of_memory(&self->base, err);
    if (of != NULL)
        tm__windows_about(self, k, cell, of);
    else
        tm__windows_about_timer(self, k, cell, self->of_domain, self->of_time);
    return call(self, CLEAR, row, &verdict, err);
}

int tm__windows_asked_unschedule(struct tm__windows *self, const struct tm__windows_key *k,
                                 struct tm__windows_cell *cell)
{
    enum tm_timer_domain domain = self->by_event ? TM_TIMER_EVENT : TM_TIMER_PROCESSING;
    uint64_t name[2];
    struct tm_timer timer = {.key = *k->key, .name = name, .name_length = sizeof name};
    if ((cell->flags & TM__CELL_WAKES) == 0)
        return 0;
    tm__windows_name(cell, name);
    (void)tm__windows_cleanup(self, cell->end, &timer.time);
    cell->flags &= ~(uint32_t)TM__CELL_WAKES;
    int rc = tm_timers_remove(self->timers, domain, &timer);
    return rc < 0 ? rc : 0;
}

// How far the row is from the one that was last far enough.
static int ask_delta(struct tm__windows *self, const struct tm__windows_key *k,
                     struct tm__windows_cell *cell, const struct tm_row *row,
                     struct tm__windows_entry *entry, struct tm_error *err)
{
    struct tm_blob *last = (struct tm_blob *)(void *)tm__windows_word(self, cell, TM__WORD_LAST);
    entry->is_last = last->length == 0 || (cell->flags & TM__CELL_NO_LAST) != 0;
    if (entry->is_last)
        return 0;
    const struct tm_row *before = tm_state_blob_get(self->state, k->key_group, last);
    double distance;
    tm__windows_about(self, k, cell, row);
    int rc = tm__windows_pairs_ask(self->trigger_delta, &before, 1, row, &distance, err);
    if (rc == 0)
        entry->delta_fires = entry->is_last = distance > self->trigger.threshold;
    return rc;
}

int tm__windows_remember_last(struct tm__windows *self, const struct tm__windows_key *k,
                              struct tm__windows_cell *cell, const struct tm_row *row)
{
    struct tm_blob *last = (struct tm_blob *)(void *)tm__windows_word(self, cell, TM__WORD_LAST);
    cell->flags &= ~(uint32_t)TM__CELL_NO_LAST;
    return tm_state_blob_set(self->state, self->ns, k->key_group, last, row, row->size_bytes);
}

int tm__windows_ask(struct tm__windows *self, const struct tm__windows_key *k,
                    struct tm__windows_cell *cell, const struct tm_row *row,
                    struct tm__windows_entry *entry, struct tm_error *err)
{
    if (self->trigger_delta != NULL)
        return ask_delta(self, k, cell, row, entry, err);
    if (self->asked == NULL)
        return 0;
    tm__windows_about(self, k, cell, row);
    int rc = call(self, ELEMENT, row, &entry->verdict, err);
    if (self->trigger.purges && (entry->verdict & TM__FIRE) != 0)
        entry->verdict |= TM__PURGE;
    return rc;
}

// --- what is remembered --------------------------------------------------------------------------

int tm__windows_forget(struct tm__windows *self, const struct tm__windows_key *k,
                       struct tm__windows_cell *cell)
{
    int rc = 0;
    if (self->trigger_delta != NULL)
        rc = tm_state_blob_set(
            self->state, self->ns, k->key_group,
            (struct tm_blob *)(void *)tm__windows_word(self, cell, TM__WORD_LAST), "", 0);
    if (self->asked == NULL)
        return rc;
    const struct tm__operator_record *record = &self->asked->keyed.record;
    uint8_t *bytes = (uint8_t *)cell + self->record_at;
    uint64_t there;
    memcpy(&there, bytes, sizeof there);
    for (uint32_t bit = 0; bit < record->value_count && rc == 0; bit++)
        if ((there >> bit & 1) != 0 && record->blob_offsets[bit] != 0)
            rc = tm_state_blob_set(self->state, self->ns, k->key_group,
                                   (struct tm_blob *)(void *)(bytes + record->blob_offsets[bit]),
                                   "", 0);
    if (rc == 0)
        memset(bytes, 0, record->bytes);
    return rc;
}

// The record's values in the order of the states, then the window's bounds.
int tm__windows_asked_remember(struct tm__windows *self, const struct tm__windows_key *k,
                               const struct tm__windows_cell *cell, struct tm_error *err)
{
    struct tm__windows_asked *asked = self->asked;
    struct tm_schema *schema = asked->memory_schema;
    const uint8_t *at = (const uint8_t *)cell + self->record_at;
    struct tm_builder builder;
    uint64_t there;
    uint32_t f = 0;
    memcpy(&there, at, sizeof there);
    at += sizeof there;
    if (asked->memories == NULL)
        asked->memories = tm_batch_acquire(self->base.ctx->pool, schema);
    int rc = asked->memories == NULL ? TM_E_MEMORY : tm_builder_begin(&builder, asked->memories);
    if (rc != 0)
        return tm__operator_out_of_memory(&self->base, err);
    for (; f + 2 < schema->field_count && rc == 0; f++) {
        struct tm_type type = schema->fields[f].type;
        if ((there >> f & 1) == 0) {
        } else if (tm_type_is_reference(type)) {
            const struct tm_blob *blob = (const void *)at;
            const void *bytes = tm_state_blob_get(self->state, k->key_group, blob);
            rc = tm_type_is_nested(type) || type.kind == TM_TYPE_ANY
                     ? tm_builder_put_nested(&builder, f, bytes, blob->length)
                     : tm_builder_put_bytes(&builder, f, bytes, blob->length);
        } else if (type.kind == TM_TYPE_DECIMAL) {
            __int128 value;
            memcpy(&value, at, sizeof value);
            tm_builder_put_decimal(&builder, f, value);
        } else {
            int64_t value;
            memcpy(&value, at, sizeof value);
            tm_builder_put_int(&builder, f, value);
        }
        at += tm_type_slot_bytes(type);
    }
    tm_builder_put_int(&builder, f, cell->start);
    tm_builder_put_int(&builder, f + 1, cell->end);
    if (rc != 0)
        tm_builder_cancel(&builder);
    else
        rc = tm_builder_end(&builder);
    return rc == 0 ? 0 : tm__windows_no_memory(self, rc, err);
}

int tm__windows_asked_merge(struct tm__windows *self, const struct tm__windows_key *k,
                            struct tm__windows_cell *cell, const struct tm_row *row,
                            struct tm_error *err)
{
    struct tm_batch *memories = self->asked->memories;
    int rc = 0, verdict;
    tm__windows_about(self, k, cell, row);
    const struct tm_row *memory = tm_batch_first(memories);
    for (uint32_t i = 0; i < memories->row_count && rc == 0; i++) {
        rc = call(self, MERGE, memory, &verdict, err);
        memory = tm_row_next(memory);
    }
    memories->size_bytes = 0;
    memories->row_count = 0;
    return rc;
}

// --- life ----------------------------------------------------------------------------------------

const struct tm__operator_keyed *tm__windows_asked_keyed(const struct tm__windows_asked *asked)
{
    return &asked->keyed;
}

uint32_t tm__windows_asked_bytes(const struct tm__windows_asked *asked)
{
    return asked->keyed.record.bytes;
}

static int make_chain(struct tm__windows *self, int role, struct tm_error *err)
{
    static const char *const names[ROLES] = {"on_event_time", "on_processing_time", "on_element",
                                             "on_merge", "on_clear"};
    const struct tm_task_context *ctx = self->base.ctx;
    struct tm_vm_chain_args args = {
        .nodes = &self->base.node->id,
        .node_count = 1,
        .subtask = ctx->subtask,
        .parallelism = ctx->chain->parallelism,
        .arg = self->asked,
        .role = names[role],
        .slots_of = self->user_metrics == NULL ? NULL : &self->user_metrics,
        .buckets = on_buckets,
        .fail = on_fail,
        .blob = on_blob,
        .keep = on_keep,
        .timer = on_timer,
        .settle = on_settle,
    };
    return tm_vm_chain_new(ctx->vm, &args, &self->asked->chains[role], err);
}

int tm__windows_asked_new(struct tm__windows *self, struct tm_error *err)
{
    const struct tm_node *node = self->base.node;
    struct tm__windows_asked *asked = tm_mem_zalloc(self->mem, sizeof *asked);
    if (asked == NULL)
        return tm__operator_out_of_memory(&self->base, err);
    self->asked = asked;
    asked->windows = self;
    int rc = tm__operator_record_init(&asked->keyed.record, node, TM__SCOPE_KEY, err);
    for (int role = 0; role < ROLES && rc == 0; role++)
        if ((node->trigger.functions >> role & 1) != 0)
            rc = make_chain(self, role, err);
    return rc;
}

// Once there is a state.
int tm__windows_asked_open(struct tm__windows *self, struct tm_error *err)
{
    struct tm__windows_asked *asked = self->asked;
    struct tm__operator_keyed *keyed = &asked->keyed;
    const struct tm_node *node = self->base.node;
    struct tm_mem *mem = self->mem, *shared = self->base.ctx->shared_mem;
    keyed->op = &self->base;
    keyed->mem = mem;
    keyed->state = self->state;
    keyed->ns = self->ns;
    keyed->timers = self->timers;
    keyed->clock_ms = self->base.ctx->now_ms;
    tm_buf_init(&keyed->changes, mem);
    tm_buf_init(&keyed->bytes, mem);
    tm_buf_init(&keyed->scratch, mem);
    keyed->block = tm_mem_zalloc(mem, sizeof *keyed->block);
    size_t bytes = (node->state_count + 2) * sizeof(struct tm_field_def);
    struct tm_field_def *defs = tm_mem_zalloc(mem, bytes);
    if (keyed->block == NULL || defs == NULL) {
        tm_mem_free(mem, defs, bytes);
        return tm__operator_out_of_memory(&self->base, err);
    }
    uint32_t n = 0;
    for (; n < node->state_count; n++)
        defs[n] = (struct tm_field_def){.name = node->states[n].name, .type = node->states[n].type};
    defs[n++] =
        (struct tm_field_def){.name = "window_start", .type = tm_type_of_kind(TM_TYPE_TIMESTAMP)};
    defs[n++] =
        (struct tm_field_def){.name = "window_end", .type = tm_type_of_kind(TM_TYPE_TIMESTAMP)};
    const struct tm_field_def at = {
        .name = "at", .type = tm_type_of_kind(TM_TYPE_TIMESTAMP), .flags = TM_FIELD_REQUIRED};
    int rc = tm_schema_new(shared, defs, n, -1, &asked->memory_schema, err);
    if (rc == 0)
        rc = tm_schema_new(shared, &at, 1, -1, &asked->time_schema, err);
    tm_mem_free(mem, defs, bytes);
    return rc == 0 ? tm__windows_timer_schema(self, err) : rc;
}

void tm__windows_asked_set_clock(struct tm__windows *self, int64_t now_ms)
{
    struct tm__operator_keyed *keyed = &self->asked->keyed;
    keyed->clock_ms = now_ms > keyed->clock_ms ? now_ms : keyed->clock_ms;
}

void tm__windows_asked_chunks(const struct tm__windows_asked *asked,
                              struct tm_vm_chain *chunks[TM__ASKED_CHUNKS])
{
    for (int role = 0; role < ROLES; role++)
        chunks[role] = asked == NULL ? NULL : asked->chains[role];
}

void tm__windows_asked_free(struct tm__windows_asked *asked)
{
    if (asked == NULL)
        return;
    struct tm_mem *mem = asked->windows->mem;
    for (int role = 0; role < ROLES; role++)
        if (asked->chains[role] != NULL)
            tm_vm_chain_free(asked->chains[role]);
    tm_batch_release(asked->time_row);
    tm_batch_release(asked->memories);
    tm_schema_unref(asked->time_schema);
    tm_schema_unref(asked->memory_schema);
    if (asked->keyed.op != NULL) {
        tm_buf_fini(&asked->keyed.changes);
        tm_buf_fini(&asked->keyed.bytes);
        tm_buf_fini(&asked->keyed.scratch);
        if (asked->keyed.block != NULL)
            tm_mem_free(mem, asked->keyed.block, sizeof *asked->keyed.block);
    }
    tm_mem_free(mem, asked, sizeof *asked);
}
