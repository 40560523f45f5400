// State of a process outside of keys: broadcast state, of which every subtask has a copy, and the
// operator's own. Each is one record in a state of its own, as that of a key is, so what chunks do
// to it and how a call is undone is the same. The key is empty.
#include "core/operator/process.h"

static bool has_states(const struct tm_node *node, enum tm__operator_scope scope)
{
    for (uint32_t i = 0; i < node->state_count; i++)
        if (tm__operator_scope_of(&node->states[i]) == scope)
            return true;
    return false;
}

bool tm__operator_process_shares(const struct tm_node *node)
{
    return has_states(node, TM__SCOPE_BROADCAST) || has_states(node, TM__SCOPE_OPERATOR) ||
           has_states(node, TM__SCOPE_WINDOW);
}

// A hash of the subtask's first key group: that its state takes.
static uint64_t own_hash(const struct tm__operator_keyed *keyed)
{
    uint32_t max, first, last;
    tm_state_key_groups(keyed->state, &max, &first, &last);
    uint64_t hash = (((uint64_t)first << 32) + max - 1) / max << 32; // undoes tm_hash_key_group
    TM_CHECK(tm_state_key_group(keyed->state, hash) == first);
    return hash;
}

struct tm_key tm__operator_process_own_key(const struct tm__operator_keyed *keyed)
{
    return (struct tm_key){.hash = own_hash(keyed), .bytes = "", .length = 0};
}

int tm__operator_process_open_shared(struct tm__operator_process *self, struct tm_error *err)
{
    const struct tm_operator *op = &self->base;
    if (op->node->of_window)
        self->window_hash = own_hash(&self->keyed);
    for (enum tm__operator_scope scope = TM__SCOPE_BROADCAST; scope < TM__SCOPES; scope++) {
        if (!has_states(op->node, scope))
            continue;
        struct tm__operator_keyed *keyed = tm_mem_zalloc(self->mem, sizeof *keyed);
        if (keyed == NULL)
            return tm__operator_out_of_memory(op, err);
        self->shared[scope] = keyed;
        int rc = tm__operator_keyed_open(keyed, op, scope, 0, err);
        if (rc != 0)
            return rc;
        if (scope != TM__SCOPE_WINDOW)
            keyed->block->keys[0] = tm__operator_process_own_key(keyed);
    }
    return 0;
}

void tm__operator_process_free_shared(struct tm__operator_process *self)
{
    for (enum tm__operator_scope scope = TM__SCOPE_BROADCAST; scope < TM__SCOPES; scope++) {
        if (self->shared[scope] == NULL)
            continue;
        tm__operator_keyed_fini(self->shared[scope]);
        tm_mem_free(self->mem, self->shared[scope], sizeof *self->shared[scope]);
    }
}

static uint8_t **slot_of(struct tm__operator_keyed *keyed)
{
    return keyed == NULL ? NULL : keyed->slots + 1;
}

int tm__operator_process_lend_shared(struct tm__operator_process *self, struct tm_chain_ctx *entry)
{
    for (enum tm__operator_scope scope = TM__SCOPE_BROADCAST; scope < TM__SCOPES; scope++) {
        struct tm__operator_keyed *keyed = self->shared[scope];
        if (keyed == NULL)
            continue;
        keyed->entry = entry;
        keyed->watermark = self->keyed.watermark;
        keyed->clock_ms = self->keyed.clock_ms;
        if (scope == TM__SCOPE_WINDOW)
            continue; // its records are the block's rows'
        keyed->block->count = 1;
        int rc = tm__operator_keyed_enter(keyed);
        if (rc != 0)
            return rc;
    }
    entry->broadcast = slot_of(self->shared[TM__SCOPE_BROADCAST]);
    entry->operator_state = slot_of(self->shared[TM__SCOPE_OPERATOR]);
    entry->window_state =
        self->shared[TM__SCOPE_WINDOW] == NULL ? NULL : self->shared[TM__SCOPE_WINDOW]->slots;
    return 0;
}

int tm__operator_process_return_shared(struct tm__operator_process *self)
{
    int rc = 0;
    for (enum tm__operator_scope scope = TM__SCOPE_BROADCAST; scope < TM__SCOPE_WINDOW && rc == 0;
         scope++)
        if (self->shared[scope] != NULL)
            rc = tm__operator_keyed_leave(self->shared[scope]);
    return rc;
}

struct tm__operator_keyed *tm__operator_process_of_slot(struct tm__operator_process *self,
                                                        uint8_t **slot)
{
    struct tm__operator_keyed *window = self->shared[TM__SCOPE_WINDOW];
    if (window != NULL && slot > window->slots && slot <= window->slots + TM__OPERATOR_BLOCK)
        return window;
    for (enum tm__operator_scope scope = TM__SCOPE_BROADCAST; scope < TM__SCOPE_WINDOW; scope++)
        if (self->shared[scope] != NULL && slot == slot_of(self->shared[scope]))
            return self->shared[scope];
    return &self->keyed;
}

// --- maps and lists ------------------------------------------------------------------------------

static int map_find(void *arg, uint8_t **slot, uint32_t n, const uint8_t *key, uint32_t key_length,
                    double at)
{
    struct tm__operator_keyed *keyed = tm__operator_process_of_slot(arg, slot);
    return tm__operator_collections.map_find(keyed, slot, n, key, key_length, at);
}

static int map_put(void *arg, uint8_t **slot, uint32_t n, const uint8_t *key, uint32_t key_length,
                   const uint8_t *value, uint32_t length, double at)
{
    struct tm__operator_keyed *keyed = tm__operator_process_of_slot(arg, slot);
    return tm__operator_collections.map_put(keyed, slot, n, key, key_length, value, length, at);
}

static int map_remove(void *arg, uint8_t **slot, uint32_t n, const uint8_t *key,
                      uint32_t key_length)
{
    struct tm__operator_keyed *keyed = tm__operator_process_of_slot(arg, slot);
    return tm__operator_collections.map_remove(keyed, slot, n, key, key_length);
}

static int list_append(void *arg, uint8_t **slot, uint32_t n, const uint8_t *value, uint32_t length,
                       double at)
{
    struct tm__operator_keyed *keyed = tm__operator_process_of_slot(arg, slot);
    return tm__operator_collections.list_append(keyed, slot, n, value, length, at);
}

static int list_find(void *arg, uint8_t **slot, uint32_t n, double i, double at)
{
    struct tm__operator_keyed *keyed = tm__operator_process_of_slot(arg, slot);
    return tm__operator_collections.list_find(keyed, slot, n, i, at);
}

static int64_t size_of(void *arg, uint8_t **slot, uint32_t n)
{
    return tm__operator_collections.size(tm__operator_process_of_slot(arg, slot), slot, n);
}

static int clear(void *arg, uint8_t **slot, uint32_t n)
{
    return tm__operator_collections.clear(tm__operator_process_of_slot(arg, slot), slot, n);
}

static double last_of(const struct tm__operator_keyed *keyed, double last)
{
    return keyed == NULL || keyed->walks == NULL || keyed->walks->last < last ? last
                                                                              : keyed->walks->last;
}

// A number is of one walk, whichever of the records it goes over.
static double walk(void *arg, uint8_t **slot, uint32_t n)
{
    struct tm__operator_process *self = arg;
    struct tm__operator_keyed *keyed = tm__operator_process_of_slot(self, slot);
    double last = last_of(&self->keyed, 0);
    for (enum tm__operator_scope scope = TM__SCOPE_BROADCAST; scope < TM__SCOPES; scope++)
        last = last_of(self->shared[scope], last);
    keyed->walks->last = last;
    return tm__operator_collections.walk(keyed, slot, n);
}

static int walk_next(void *arg, double number, double at)
{
    struct tm__operator_process *self = arg;
    int rc = self->keyed.walks == NULL
                 ? TM_E_NOT_FOUND
                 : tm__operator_collections.walk_next(&self->keyed, number, at);
    for (enum tm__operator_scope scope = TM__SCOPE_BROADCAST;
         scope < TM__SCOPES && rc == TM_E_NOT_FOUND; scope++)
        if (self->shared[scope] != NULL && self->shared[scope]->walks != NULL)
            rc = tm__operator_collections.walk_next(self->shared[scope], number, at);
    return rc;
}

const struct tm_vm_collections tm__operator_process_collections = {
    .map_find = map_find,
    .map_put = map_put,
    .map_remove = map_remove,
    .list_append = list_append,
    .list_find = list_find,
    .size = size_of,
    .clear = clear,
    .walk = walk,
    .walk_next = walk_next,
};
