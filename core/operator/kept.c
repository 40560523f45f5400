// What operators keep: how many keys, how many bytes. What each state of a process takes is not
// counted while rows come but looked up when somebody asks: a walk over some keys, whose records
// say what is in them. Keys are spread by their hash, so the first are as good as any.
#include "core/operator/collections_private.h"
#include "core/operator/process.h"

void tm__operator_kept(struct tm_state *state, struct tm_kept *kept)
{
    if (state == NULL)
        return;
    kept->state_bytes += tm_state_used_bytes(state);
    for (struct tm_namespace *ns = tm_state_namespace_first(state); ns != NULL;
         ns = tm_state_namespace_next(ns))
        kept->keys += tm_state_namespace_size(ns);
}

// What one record has of each state, added to `bytes` by number of the state.
static void look_at(const struct tm__operator_keyed *keyed, enum tm__operator_scope scope,
                    const uint8_t *record, uint64_t *bytes)
{
    const struct tm_node *node = keyed->op->node;
    uint32_t bit = 0, collection = 0, next;
    uint64_t there;
    memcpy(&there, record, sizeof there);
    for (uint32_t i = 0; i < node->state_count; i++) {
        const struct tm_state_field *state = &node->states[i];
        if (tm__operator_scope_of(state) != scope)
            continue;
        if (state->kind == TM_STATE_LIST || state->kind == TM_STATE_MAP) {
            const struct tm__operator_collection_spec *spec =
                &keyed->record.collections[collection++];
            const struct tm__operator_collection *head =
                (const struct tm__operator_collection *)(const void *)(record + spec->offset);
            bytes[i] += spec->ttl_ms != 0 ? sizeof *head : TM__OPERATOR_COLLECTION_BYTES;
            bytes[i] += spec->is_map ? head->map.bytes : head->list.bytes;
            bit++;
            continue;
        }
        bool accumulates = state->kind == TM_STATE_AGGREGATING;
        uint32_t values = accumulates ? state->type.of->field_count : 1;
        for (bit += accumulates, next = bit + values; bit < next; bit++) {
            uint32_t offset = keyed->record.blob_offsets[bit];
            struct tm_type type =
                accumulates ? state->type.of->fields[bit + values - next].type : state->type;
            struct tm_blob blob;
            bytes[i] += tm_type_slot_bytes(type);
            if (offset == 0 || (there >> bit & 1) == 0)
                continue;
            memcpy(&blob, record + offset, sizeof blob);
            bytes[i] += tm_state_blob_bytes(blob.length);
        }
        bytes[i] += state->ttl_ms != 0 ? sizeof(double) : 0;
    }
}

static void shares_of(const struct tm__operator_keyed *keyed, enum tm__operator_scope scope,
                      struct tm_kept *kept)
{
    const uint32_t count = keyed->op->node->state_count;
    uint64_t bytes[TM__SCOPES * TM_STATES_MAX] = {0}, seen = 0,
                                all = tm_state_namespace_size(keyed->ns);
    uint32_t max, first, last;
    tm_state_key_groups(keyed->state, &max, &first, &last);
    for (uint32_t group = first; group <= last && seen < TM_KEPT_KEYS; group++) {
        struct tm_state_cursor cursor;
        struct tm_key key;
        const void *record;
        tm_state_iterate(keyed->state, keyed->ns, group, &cursor);
        for (; seen < TM_KEPT_KEYS && tm_state_next(&cursor, &key, &record); seen++)
            look_at(keyed, scope, record, bytes);
    }
    kept->is_rough = kept->is_rough || seen < all;
    for (uint32_t i = 0; i < count && seen != 0; i++)
        kept->states[i].bytes += (uint64_t)((double)bytes[i] * (double)all / (double)seen);
}

static void add_keyed(const struct tm__operator_keyed *keyed, enum tm__operator_scope scope,
                      struct tm_kept *kept)
{
    if (keyed == NULL || keyed->ns == NULL)
        return;
    uint64_t keys = kept->keys;
    tm__operator_kept(keyed->state, kept);
    if (scope != TM__SCOPE_KEY)
        kept->keys = keys; // its record is no key's
    if (kept->states != NULL)
        shares_of(keyed, scope, kept);
}

void tm__operator_process_kept(struct tm_operator *op, struct tm_kept *kept)
{
    struct tm__operator_process *self = (struct tm__operator_process *)op;
    const struct tm_timers *timers = self->keyed.timers;
    add_keyed(&self->keyed, TM__SCOPE_KEY, kept);
    for (enum tm__operator_scope scope = TM__SCOPE_BROADCAST; scope < TM__SCOPES; scope++)
        add_keyed(self->shared[scope], scope, kept);
    if (timers == NULL)
        return;
    kept->timers +=
        tm_timers_count(timers, TM_TIMER_EVENT) + tm_timers_count(timers, TM_TIMER_PROCESSING);
    kept->timer_bytes += tm_timers_used_bytes(timers);
}
