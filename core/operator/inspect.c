// What can be seen of processes: states and timers. A kind of state is a function in one table.
#include "core/task/inspect.h"
#include "core/operator/collections_private.h"
#include "core/operator/looking.h"
#include "core/operator/process.h"

// The state under way: where its values stand in the record of the key.
struct look {
    const struct tm__operator_keyed *keyed;
    const struct tm_state_field *state;
    const struct tm_inspector *inspector;
    const uint8_t *record;
    uint32_t key_group;
    uint64_t there;                   // bits of the values that are there and not over
    uint32_t bit, offset, collection; // of the next one
    int rc;
};

// What a value of the record is, of varying size too. `ref` is what its slot refers to meanwhile.
static struct tm_slot slot_of(const struct look *look, struct tm_type type, uint32_t offset,
                              struct tm_ref *ref)
{
    const uint8_t *at = look->record + offset;
    if (!tm_type_is_reference(type))
        return (struct tm_slot){look->record, at};
    const struct tm_blob *blob = (const struct tm_blob *)(const void *)at;
    *ref = (struct tm_ref){.offset = 0, .length = blob->length};
    return (struct tm_slot){tm_state_blob_get(look->keyed->state, look->key_group, blob),
                            (const uint8_t *)ref};
}

static bool is_there(const struct look *look, uint32_t bit)
{
    return (look->there >> bit & 1) != 0;
}

static void see_value(struct look *look)
{
    struct tm_ref ref;
    struct tm_type type = look->state->type;
    if (is_there(look, look->bit) && look->inspector->value != NULL)
        look->inspector->value(look->inspector->arg, look->state->name, type,
                               slot_of(look, type, look->offset, &ref));
    look->bit++;
    look->offset += tm_type_slot_bytes(type);
}

// Its own bit, then the fields of its accumulator.
static void see_accumulator(struct look *look)
{
    const struct tm_schema *fields = look->state->type.of;
    bool there = is_there(look, look->bit++);
    for (uint32_t i = 0; i < fields->field_count; i++, look->bit++) {
        const struct tm_field *field = &fields->fields[i];
        struct tm_ref ref, name = {.offset = 0, .length = (uint32_t)strlen(field->name)};
        struct tm_slot key = {(const uint8_t *)field->name, (const uint8_t *)&name};
        struct tm_slot slot = {NULL, NULL};
        if (is_there(look, look->bit))
            slot = slot_of(look, field->type, look->offset, &ref);
        if (there && look->inspector->entry != NULL)
            look->inspector->entry(look->inspector->arg, look->state->name,
                                   tm_type_of_kind(TM_TYPE_STRING), key, field->type, slot);
        look->offset += tm_type_slot_bytes(field->type);
    }
}

// Which is only read.
static struct tm__operator_collection_at next_collection(struct look *look)
{
    uint8_t *record = (uint8_t *)(uintptr_t)look->record;
    return tm__operator_collection_in(look->keyed, record, look->key_group, look->collection++);
}

// What a key or a value of a collection is; `ref` is what its slot refers to meanwhile.
static struct tm_slot slot_of_bytes(struct tm_type type, const void *bytes, uint32_t length,
                                    struct tm_ref *ref)
{
    *ref = (struct tm_ref){.offset = 0, .length = length};
    return (struct tm_slot){bytes, tm_type_is_reference(type) ? (const uint8_t *)ref : bytes};
}

static struct tm_slot slot_of_entry(const struct tm__operator_collection_at *at,
                                    struct tm_type type, struct tm_span value, struct tm_ref *ref)
{
    uint32_t skip = tm__operator_collection_access_bytes(at->spec);
    return slot_of_bytes(type, (const uint8_t *)value.bytes + skip, value.length - skip, ref);
}

static void see_map(struct look *look)
{
    const struct tm__operator_collection_at at = next_collection(look);
    const struct tm_state_field *state = look->state;
    struct tm_state_map_cursor cursor = {0};
    struct tm_key key;
    struct tm_span value;
    look->bit++;
    if (tm__operator_collection_count(&at) == 0 || look->inspector->entry == NULL)
        return;
    while ((look->rc = tm_state_map_next(&at.place, &at.head->map, &cursor, &key, &value)) == 1) {
        struct tm_ref name, ref;
        if (!tm__operator_collection_is_over(look->keyed, at.spec, value.bytes))
            look->inspector->entry(look->inspector->arg, state->name, state->key,
                                   slot_of_bytes(state->key, key.bytes, key.length, &name),
                                   state->type, slot_of_entry(&at, state->type, value, &ref));
    }
}

static void see_list(struct look *look)
{
    const struct tm__operator_collection_at at = next_collection(look);
    const struct tm_state_field *state = look->state;
    struct tm_span values[TM_STATE_LIST_SOME];
    look->bit++;
    if (tm__operator_collection_count(&at) == 0 || look->inspector->item == NULL)
        return;
    for (uint32_t i = 0;; i += (uint32_t)look->rc) {
        look->rc = tm_state_list_some(&at.place, &at.head->list, i, values, TM_STATE_LIST_SOME);
        for (int k = 0; k < look->rc; k++) {
            struct tm_ref ref;
            if (!tm__operator_collection_is_over(look->keyed, at.spec, values[k].bytes))
                look->inspector->item(look->inspector->arg, state->name, state->type,
                                      slot_of_entry(&at, state->type, values[k], &ref));
        }
        if (look->rc <= 0)
            return;
    }
}

static void (*const see[])(struct look *look) = {
    [TM_STATE_VALUE] = see_value,
    [TM_STATE_REDUCING] = see_value,
    [TM_STATE_AGGREGATING] = see_accumulator,
    [TM_STATE_LIST] = see_list,
    [TM_STATE_MAP] = see_map,
};

bool tm__operator_looks_at(const struct tm_state *state, const struct tm_key *key,
                           uint32_t *key_group)
{
    uint32_t max, first, last;
    tm_state_key_groups(state, &max, &first, &last);
    *key_group = tm_state_key_group(state, key->hash);
    return *key_group >= first && *key_group <= last;
}

int tm__operator_each_key(struct tm_state *state, struct tm_namespace *ns,
                          bool (*each)(void *arg, const struct tm_key *key), void *arg,
                          bool *enough)
{
    uint32_t max, first, last;
    struct tm_state_cursor cursor = {.code = 0};
    struct tm_key key;
    const void *value;
    tm_state_key_groups(state, &max, &first, &last);
    for (uint32_t group = first; group <= last && cursor.code == 0; group++) {
        tm_state_iterate(state, ns, group, &cursor);
        while (tm_state_next(&cursor, &key, &value))
            if (!each(arg, &key)) {
                *enough = true;
                return 0;
            }
    }
    return cursor.code;
}

int tm__operator_see_record(struct tm_operator *op, const struct tm__operator_keyed *keyed,
                            enum tm__operator_scope scope, uint32_t key_group,
                            const uint8_t *record, const struct tm_inspector *inspector)
{
    struct look look = {.keyed = keyed,
                        .inspector = inspector,
                        .record = record,
                        .key_group = key_group,
                        .offset = sizeof(uint64_t)};
    memcpy(&look.there, record, sizeof look.there);
    struct tm__operator_keyed now = *keyed; // the clock may have gone on without a row
    if (op->ctx->now_ms > now.clock_ms)
        now.clock_ms = op->ctx->now_ms;
    look.keyed = &now;
    look.there &= ~tm__operator_keyed_expired(&now, look.record);
    for (uint32_t i = 0; i < op->node->state_count && look.rc == 0; i++) {
        look.state = &op->node->states[i];
        if (tm__operator_scope_of(look.state) != scope)
            continue;
        uint32_t collection = look.collection;
        see[look.state->kind](&look);
        if (look.state->ttl_ms != 0 && look.collection == collection)
            look.offset += sizeof(double); // its last access
    }
    return look.rc;
}

// The empty key of windows of the whole stream is of a group of the subtask that has them.
static struct tm_key own_key(const struct tm__operator_process *self, const struct tm_key *key)
{
    struct tm_key own = *key;
    if (self->base.node->of_window && self->base.node->key.count == 0)
        own.hash = self->window_hash;
    return own;
}

static int process_states(struct tm_operator *op, const struct tm_key *key,
                          const struct tm_inspector *inspector)
{
    const struct tm__operator_process *self = (const struct tm__operator_process *)op;
    const struct tm__operator_keyed *keyed = &self->keyed;
    const struct tm_key own = own_key(self, key);
    uint32_t key_group;
    if (keyed->ns == NULL || keyed->record.value_count == 0 ||
        !tm__operator_looks_at(keyed->state, &own, &key_group))
        return 0;
    const uint8_t *record = tm_state_find(keyed->state, keyed->ns, &own);
    return record == NULL
               ? 0
               : tm__operator_see_record(op, keyed, TM__SCOPE_KEY, key_group, record, inspector);
}

static int process_keys(struct tm_operator *op, bool (*each)(void *arg, const struct tm_key *key),
                        void *arg)
{
    const struct tm__operator_keyed *keyed = &((const struct tm__operator_process *)op)->keyed;
    bool enough = false;
    if (keyed->ns == NULL || keyed->record.value_count == 0)
        return 0;
    return tm__operator_each_key(keyed->state, keyed->ns, each, arg, &enough);
}

static int process_window_states(struct tm_operator *op, const struct tm_key *key,
                                 const struct tm_inspected_window *window,
                                 const struct tm_inspector *inspector)
{
    struct tm__operator_process *self = (struct tm__operator_process *)op;
    const struct tm__operator_keyed *keyed = self->shared[TM__SCOPE_WINDOW];
    const struct tm_key own = own_key(self, key);
    uint32_t key_group;
    if (keyed == NULL || keyed->ns == NULL ||
        !tm__operator_looks_at(keyed->state, &own, &key_group))
        return 0;
    const uint8_t *record = tm__operator_process_windows_find(self, &own, window);
    return record == NULL
               ? 0
               : tm__operator_see_record(op, keyed, TM__SCOPE_WINDOW, key_group, record, inspector);
}

static int process_shared(struct tm_operator *op, bool broadcast,
                          const struct tm_inspector *inspector)
{
    const struct tm__operator_process *self = (const struct tm__operator_process *)op;
    enum tm__operator_scope scope = broadcast ? TM__SCOPE_BROADCAST : TM__SCOPE_OPERATOR;
    const struct tm__operator_keyed *keyed = self->shared[scope];
    if (keyed == NULL || keyed->ns == NULL)
        return 0;
    const struct tm_key key = tm__operator_process_own_key(keyed);
    const uint8_t *record = tm_state_find(keyed->state, keyed->ns, &key);
    return record == NULL ? 0
                          : tm__operator_see_record(op, keyed, scope,
                                                    tm_state_key_group(keyed->state, key.hash),
                                                    record, inspector);
}

// --- timers --------------------------------------------------------------------------------------

struct walk {
    const struct tm_inspector *inspector;
    enum tm_timer_domain domain;
    bool enough;
};

static bool see_timer(void *arg, const struct tm_timer *timer)
{
    struct walk *walk = arg;
    walk->enough = !walk->inspector->timer(walk->inspector->arg, walk->domain, timer);
    return !walk->enough;
}

void tm__operator_walk_timers(struct tm_timers *timers, const struct tm_inspector *inspector)
{
    struct walk walk = {.inspector = inspector};
    uint32_t first, last;
    if (timers == NULL || inspector->timer == NULL)
        return;
    tm_timers_key_groups(timers, &first, &last);
    for (int domain = 0; domain < TM_TIMER_DOMAINS && !walk.enough; domain++) {
        walk.domain = (enum tm_timer_domain)domain;
        for (uint32_t group = first; group <= last && !walk.enough; group++)
            tm_timers_walk(timers, walk.domain, group, see_timer, &walk);
    }
}

static void process_timers(struct tm_operator *op, const struct tm_inspector *inspector)
{
    tm__operator_walk_timers(((struct tm__operator_process *)op)->keyed.timers, inspector);
}

const struct tm_inspect tm__operator_process_inspect = {
    .states = process_states,
    .window_states = process_window_states,
    .timers = process_timers,
    .keys = process_keys,
    .shared = process_shared,
    .names_timers = true,
};
