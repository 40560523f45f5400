// What a checkpoint has of a process: records of keys and of windows, timers, broadcast state, the
// operator's lists, its times, and how far its random numbers are.
//
// A barrier comes between two batches and never inside a call. A pass over all keys that a rule
// has asked for is a part of its batch, so it is over; so are the timers of a watermark, as long as
// no barrier overtakes it. Where one does, timers that were taken out of the set and have not
// fired are items, and the watermark that was being fired is told apart from the last that went on:
// then the pass goes on as soon as the job runs again.
//
// Names of parts differ for a function of windows, whose window has its name and parts of its own.
#include "core/base/planted.h"
#include "core/operator/process.h"
#include "core/state/image.h"

#include <string.h>

enum part {
    PART_KEYED,
    PART_TIMERS,
    PART_DUE,
    PART_TIMES,
    PART_BROADCAST,
    PART_OPERATOR,
    PART_WINDOWS,
    PART_DRAWS,
    PART_STREAMS,
    PARTS
};
static const char *const names[PARTS][2] = {
    [PART_KEYED] = {"keyed", "function"},
    [PART_TIMERS] = {"timers", "function timers"},
    [PART_DUE] = {"due", "function due"},
    [PART_TIMES] = {"times", "function times"},
    [PART_BROADCAST] = {"broadcast", "function broadcast"},
    [PART_OPERATOR] = {"operator", "function operator"},
    [PART_WINDOWS] = {"windows", "function windows"},
    [PART_DRAWS] = {"draws", "function draws"},
    [PART_STREAMS] = {"streams", "function streams"},
};

static const char *name_of(const struct tm__operator_process *self, enum part part)
{
    return names[part][self->base.node->of_window];
}

static int put(struct tm__operator_process *self, struct tm_cut *cut, enum part part,
               enum tm_item_kind kind, const void *bytes, size_t size, struct tm_error *err)
{
    int rc = tm_cut_item(cut, self->base.node->name, name_of(self, part), kind, bytes, size);
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}

static int bad_item(const struct tm__operator_process *self, const char *what, struct tm_error *err)
{
    return tm_error_set(err, TM_E_CHECKPOINT, "operator '%s': %s", self->base.node->name, what);
}

// --- times ---------------------------------------------------------------------------------------

struct times { // an item of each subtask, little-endian
    int64_t watermark, forwarded, clock_ms, last_processing;
    uint32_t parallelism;
    uint32_t ended; // timers of the clock wait for ever
};

static int put_times(struct tm__operator_process *self, struct tm_cut *cut, struct tm_error *err)
{
    const struct times times = {.watermark = self->keyed.watermark,
                                .forwarded = self->forwarded,
                                .clock_ms = self->keyed.clock_ms,
                                .last_processing = self->last_processing,
                                .parallelism = self->base.ctx->chain->parallelism,
                                .ended = self->ended};
    return put(self, cut, PART_TIMES, TM_ITEM_SUBTASK, &times, sizeof times, err);
}

struct old_times {
    struct tm__operator_process *self;
    struct times least, own;
    bool any, has_own;
};

static int64_t lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static int64_t higher(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int take_times(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                      struct tm_error *err)
{
    struct old_times *old = arg;
    struct times times;
    if (size != sizeof times)
        return bad_item(old->self, "its times have another size", err);
    memcpy(&times, bytes, sizeof times);
    if (old_subtask == old->self->base.ctx->subtask) {
        old->own = times;
        old->has_own = true;
    }
    if (!old->any) {
        old->any = true;
        old->least = times;
        return 0;
    }
    struct times *least = &old->least;
    least->watermark = lower(least->watermark, times.watermark);
    least->forwarded = lower(least->forwarded, times.forwarded);
    least->clock_ms = higher(least->clock_ms, times.clock_ms);
    least->last_processing = higher(least->last_processing, times.last_processing);
    least->ended &= times.ended;
    return 0;
}

// Event time is that of the subtask itself where it has the keys that it had, else the least of
// all. The clock and the latest timer are those of any: neither goes back.
static int restore_times(struct tm__operator_process *self, const struct tm_restored *restored,
                         uint32_t *old_parallelism, struct tm_error *err)
{
    const struct tm_restored_for who = tm__operator_restored_for(&self->base);
    struct old_times old = {.self = self};
    int rc = tm_restored_items(restored, &who, name_of(self, PART_TIMES), take_times, &old, err);
    if (rc != 0 || !old.any)
        return rc;
    bool same = old.has_own && tm_task_has_own_keys(self->base.ctx, restored, old.own.parallelism);
    const struct times *times = same ? &old.own : &old.least;
    *old_parallelism = old.least.parallelism;
    self->keyed.watermark = times->watermark;
    self->forwarded = times->forwarded;
    self->resumes = times->forwarded < times->watermark;
    if (TM_PLANTED(time_not_restored))
        self->keyed.watermark = self->forwarded = TM_WATERMARK_MIN;
    if (!TM_PLANTED(clock_goes_back))
        self->keyed.clock_ms = higher(old.least.clock_ms, self->keyed.clock_ms);
    self->last_processing = old.least.last_processing;
    self->ended = times->ended != 0;
    for (enum tm__operator_scope s = TM__SCOPE_BROADCAST; s < TM__SCOPES; s++)
        if (self->shared[s] != NULL) {
            self->shared[s]->watermark = self->keyed.watermark;
            self->shared[s]->clock_ms = self->keyed.clock_ms;
        }
    return 0;
}

// --- timers --------------------------------------------------------------------------------------

struct due { // in front of the key's bytes and the name's
    uint64_t hash;
    int64_t time;
    uint32_t key_length, name_length;
    uint32_t domain, reserved;
};

// Of the run under way, what has not fired.
static int put_due(struct tm__operator_process *self, struct tm_cut *cut, struct tm_error *err)
{
    struct tm_buf item;
    int rc = 0;
    tm_buf_init(&item, self->mem);
    uint32_t i = self->due_count == 0 || self->pass_entered
                     ? self->due_count
                     : tm_vm_chain_ctx(self->timer)->slot_index;
    for (; i < self->due_count && rc == 0; i++) {
        const struct tm_key *key = &self->keyed.block->keys[i];
        const struct due due = {.hash = key->hash,
                                .time = self->due_times[i],
                                .key_length = key->length,
                                .name_length = self->due_name_lengths[i],
                                .domain = self->domain};
        item.size_bytes = 0;
        rc = tm_buf_append(&item, &due, sizeof due);
        if (rc == 0)
            rc = tm_buf_append(&item, key->bytes, key->length);
        if (rc == 0)
            rc = tm_buf_append(&item, self->due_bytes.data + self->due_names[i], due.name_length);
        if (rc == 0)
            rc = tm_cut_item(cut, self->base.node->name, name_of(self, PART_DUE), TM_ITEM_SUBTASK,
                             item.data, item.size_bytes);
    }
    tm_buf_fini(&item);
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}

static int put_timers(struct tm__operator_process *self, struct tm_cut *cut, struct tm_error *err)
{
    if (self->timer == NULL)
        return 0;
    struct tm_snapshot *snapshot = tm_timers_freeze_pages(self->keyed.timers);
    if (snapshot == NULL ||
        tm_cut_timers(cut, self->base.node->name, name_of(self, PART_TIMERS), snapshot) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    return put_due(self, cut, err);
}

// Each to whom the key is.
static int take_due(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                    struct tm_error *err)
{
    struct tm__operator_process *self = arg;
    struct due due;
    (void)old_subtask;
    if (size < sizeof due)
        return bad_item(self, "a timer is cut short", err);
    memcpy(&due, bytes, sizeof due);
    if (size - sizeof due != (uint64_t)due.key_length + due.name_length ||
        due.domain >= TM_TIMER_DOMAINS)
        return bad_item(self, "a timer is cut short", err);
    const uint8_t *key = (const uint8_t *)bytes + sizeof due;
    const struct tm_timer timer = {
        .time = due.time,
        .key = {.hash = due.hash, .bytes = key, .length = due.key_length},
        .name = key + due.key_length,
        .name_length = due.name_length};
    uint32_t first, last,
        group = tm_hash_key_group(due.hash, self->base.ctx->plan->max_parallelism);
    tm_timers_key_groups(self->keyed.timers, &first, &last);
    if (group < first || group > last)
        return 0;
    int rc = tm_timers_add(self->keyed.timers, (enum tm_timer_domain)due.domain, &timer);
    return rc < 0 ? tm__operator_out_of_memory(&self->base, err) : 0;
}

static int restore_timers(struct tm__operator_process *self, const struct tm_restored *restored,
                          struct tm_error *err)
{
    const struct tm_restored_for who = tm__operator_restored_for(&self->base);
    const char *part = name_of(self, PART_TIMERS);
    if (self->timer == NULL || !tm_restored_has(restored, who.operator_name, part) ||
        TM_PLANTED(timers_not_restored) ||
        (TM_PLANTED(renamed_timers_dropped) &&
         strcmp(tm_restored_was(restored, who.operator_name, NULL), who.operator_name) != 0))
        return 0;
    int rc = tm_restored_timers(restored, who.operator_name, part, self->keyed.timers, err);
    if (rc != 0)
        return tm_error_prefix(err, "operator '%s'", who.operator_name);
    return tm_restored_items(restored, &who, name_of(self, PART_DUE), take_due, self, err);
}

// --- the operator's lists ------------------------------------------------------------------------

// The lists of all old subtasks, in a state of their own, dealt to this one: `dealt` counts the
// values of each list.
struct dealing {
    struct tm__operator_process *self;
    struct tm__operator_keyed *to;
    struct tm_state *from;
    struct tm_namespace *ns;
    uint32_t old_parallelism;
    uint64_t dealt[TM_STATES_MAX];
};

static bool is_union(const struct tm__operator_process *self, uint32_t n)
{
    const struct tm_node *node = self->base.node;
    for (uint32_t i = 0; i < node->state_count; i++)
        if (tm__operator_scope_of(&node->states[i]) == TM__SCOPE_OPERATOR && n-- == 0)
            return node->states[i].scope == TM_SCOPE_UNION;
    return false;
}

// Each to the subtask that had it where there are as many as before, else in turns.
static bool is_mine(struct dealing *dealing, uint32_t n, uint32_t old_subtask)
{
    const struct tm_task_context *ctx = dealing->self->base.ctx;
    uint64_t i = dealing->dealt[n]++;
    if (is_union(dealing->self, n))
        return true;
    if (dealing->old_parallelism == ctx->chain->parallelism)
        return old_subtask == ctx->subtask;
    return i % ctx->chain->parallelism == ctx->subtask;
}

static int deal_list(struct dealing *dealing, uint32_t n, uint32_t old_subtask,
                     const struct tm_place *from, const struct tm_state_list *list)
{
    struct tm__operator_keyed *to = dealing->to;
    const struct tm__operator_collection_spec *spec = &to->record.collections[n];
    struct tm_key key = tm__operator_process_own_key(to);
    const struct tm_place place = {to->state, to->ns, tm_state_key_group(to->state, key.hash)};
    for (uint32_t i = 0; i < list->count; i++) {
        struct tm_span value;
        int rc = tm_state_list_get(from, list, i, &value);
        if (rc < 0)
            return rc;
        if (!is_mine(dealing, n, old_subtask))
            continue;
        uint8_t *record = tm_state_upsert(to->state, to->ns, &key, NULL);
        if (record == NULL)
            return TM_E_MEMORY;
        *(uint64_t *)(void *)record |= (uint64_t)1 << spec->bit;
        rc = tm_state_list_append(&place, (struct tm_state_list *)(void *)(record + spec->offset),
                                  value.bytes, value.length);
        if (rc < 0)
            return rc;
    }
    return 0;
}

// Key groups ascend as the subtasks did whose first ones they were: the hash of an empty key says
// which (tm__operator_process_own_key).
static int deal(struct dealing *dealing)
{
    const struct tm__operator_record *record = &dealing->to->record;
    uint32_t max, first, last;
    tm_state_key_groups(dealing->from, &max, &first, &last);
    for (uint32_t group = first; group <= last; group++) {
        const struct tm_place from = {dealing->from, dealing->ns, group};
        struct tm_state_cursor cursor;
        struct tm_key key;
        const void *value;
        tm_state_iterate_from(dealing->from, dealing->ns, group, 0, &cursor);
        while (tm_state_next(&cursor, &key, &value)) {
            uint32_t old = (uint32_t)((key.hash >> 32) * dealing->old_parallelism >> 32);
            for (uint32_t n = 0; n < record->collection_count; n++) {
                struct tm_state_list list;
                memcpy(&list, (const uint8_t *)value + record->collections[n].offset, sizeof list);
                int rc = deal_list(dealing, n, old, &from, &list);
                if (rc != 0)
                    return rc;
            }
        }
        if (cursor.code != 0)
            return cursor.code;
    }
    return 0;
}

static int restore_lists(struct tm__operator_process *self, const struct tm_restored *restored,
                         uint32_t old_parallelism, struct tm_error *err)
{
    struct dealing dealing = {
        .self = self, .to = self->shared[TM__SCOPE_OPERATOR], .old_parallelism = old_parallelism};
    if (dealing.to == NULL)
        return 0;
    int rc = tm__operator_keyed_restore_all(dealing.to, restored, name_of(self, PART_OPERATOR),
                                            &dealing.from, err);
    if (rc != 0 || dealing.from == NULL)
        return rc;
    dealing.ns = tm__operator_state_only(dealing.from);
    rc = dealing.ns == NULL ? TM_E_MEMORY : deal(&dealing);
    tm_state_free(dealing.from);
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}

// --- the whole -----------------------------------------------------------------------------------

static int put_streams(struct tm__operator_process *self, struct tm_cut *cut, struct tm_error *err)
{
    struct tm_vm_chain *const chains[] = {self->rows[0], self->rows[1], self->timer, self->pass};
    const char *part = name_of(self, PART_STREAMS);
    int rc = 0;
    for (uint32_t i = 0; i < sizeof chains / sizeof *chains && rc == 0; i++)
        rc = tm__operator_stream_snapshot(&self->base, chains[i], i, cut, part, err);
    return rc;
}

static int restore_streams(struct tm__operator_process *self, const struct tm_restored *restored,
                           struct tm_error *err)
{
    struct tm_vm_chain *const chains[] = {self->rows[0], self->rows[1], self->timer, self->pass};
    return tm__operator_streams_restore(&self->base, chains, sizeof chains / sizeof *chains,
                                        restored, name_of(self, PART_STREAMS), err);
}

// Subtasks have the same broadcast state: the first one's is kept.
static int put_shared(struct tm__operator_process *self, struct tm_cut *cut, struct tm_error *err)
{
    static const enum part parts[TM__SCOPES] = {[TM__SCOPE_BROADCAST] = PART_BROADCAST,
                                                [TM__SCOPE_OPERATOR] = PART_OPERATOR,
                                                [TM__SCOPE_WINDOW] = PART_WINDOWS};
    int rc = 0;
    for (enum tm__operator_scope s = TM__SCOPE_BROADCAST; s < TM__SCOPES && rc == 0; s++)
        if (self->shared[s] != NULL && (s != TM__SCOPE_BROADCAST || self->base.ctx->subtask == 0))
            rc = tm__operator_keyed_snapshot(self->shared[s], cut, name_of(self, parts[s]), err);
    return rc;
}

int tm__operator_process_snapshot(struct tm_operator *op, struct tm_cut *cut, struct tm_error *err)
{
    struct tm__operator_process *self = (struct tm__operator_process *)op;
    int rc = put_streams(self, cut, err);
    if (rc != 0 || !self->opened)
        return rc;
    TM_CHECK(!self->entered && self->pass_count == 0); // a batch comes and goes whole
    rc = put_times(self, cut, err);
    if (rc == 0)
        rc = tm__operator_keyed_snapshot(&self->keyed, cut, name_of(self, PART_KEYED), err);
    if (rc == 0)
        rc = put_timers(self, cut, err);
    if (rc == 0)
        rc = put_shared(self, cut, err);
    return rc == 0
               ? tm__operator_draws_snapshot(&self->draws, op, cut, name_of(self, PART_DRAWS), err)
               : rc;
}

// Accesses of states that had no time to live count from the times, so these come first.
int tm__operator_process_restore(struct tm_operator *op, const struct tm_restored *restored,
                                 struct tm_error *err)
{
    struct tm__operator_process *self = (struct tm__operator_process *)op;
    uint32_t old_parallelism = 0;
    int rc = restore_streams(self, restored, err);
    if (rc != 0 || !self->opened)
        return rc;
    rc = restore_times(self, restored, &old_parallelism, err);
    if (rc == 0)
        rc = tm__operator_keyed_restore(&self->keyed, restored, name_of(self, PART_KEYED), err);
    if (rc == 0)
        rc = restore_timers(self, restored, err);
    struct tm__operator_keyed *broadcast = self->shared[TM__SCOPE_BROADCAST];
    bool forgets = TM_PLANTED(broadcast_not_restored) && self->base.ctx->subtask != 0;
    if (rc == 0 && broadcast != NULL && !forgets)
        rc = tm__operator_keyed_restore(broadcast, restored, name_of(self, PART_BROADCAST), err);
    struct tm__operator_keyed *windows = self->shared[TM__SCOPE_WINDOW];
    if (rc == 0 && windows != NULL)
        rc = tm__operator_keyed_restore(windows, restored, name_of(self, PART_WINDOWS), err);
    if (rc == 0)
        rc = restore_lists(self, restored, old_parallelism, err);
    return rc == 0 ? tm__operator_draws_restore(&self->draws, op, restored,
                                                name_of(self, PART_DRAWS), err)
                   : rc;
}
