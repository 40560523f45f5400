// Lists: chunks of 64 places under nodes of 512 references, found by arithmetic. Places do not
// change while values come at one end and go at the other; when they reach the end of what the root
// covers, the root is moved along, or gets a node above it.
#include "core/state/list_chunk.h"

// A change of a list under way.
struct change {
    struct tm__pieces pieces;
    struct tm_state_list *list;
    uint32_t made[TM__LIST_LEVELS_MAX]; // nodes for a value to come
    uint32_t made_count;
};

static int begin(struct change *change, const struct tm_place *place, struct tm_state_list *list)
{
    change->list = list;
    change->made_count = 0;
    return tm__pieces_begin(&change->pieces, place, &list->bytes) ? 0 : TM_E_MEMORY;
}

static uint32_t far_bytes(const struct tm_blob *blob)
{
    return tm__piece_bytes(blob->length);
}

// Where the chunk of a place has its values: places in front of the list's first have none.
static uint32_t slot_of(const struct tm_state_list *list, uint64_t place)
{
    uint32_t slot = (uint32_t)place % TM__CHUNK_VALUES;
    return place / TM__CHUNK_VALUES == list->first / TM__CHUNK_VALUES
               ? slot - list->first % TM__CHUNK_VALUES
               : slot;
}

// --- reading -------------------------------------------------------------------------------------

// The chunk of a place that has a value. 0: a node cannot be had.
static inline uint32_t chunk_of(const struct tm_state *state, const struct tm__state_group *group,
                                const struct tm_state_list *list, uint64_t place)
{
    uint32_t reference = list->root;
    for (uint32_t level = list->levels; level > 0; level--) {
        const struct tm__list_node *node = (const void *)tm__state_read(state, group, reference);
        if (TM_UNLIKELY(node == NULL))
            return 0;
        reference = node->child[place >> tm__list_child_bits(level) & (TM__LIST_NODE_CHILDREN - 1)];
    }
    return reference;
}

// False: out of memory.
static inline bool span_of(const struct tm_state *state, const struct tm__state_group *group,
                           const struct tm__list_chunk *chunk, uint32_t i, struct tm_span *value)
{
    if (TM_UNLIKELY(tm__list_chunk_is_far(chunk, i))) {
        struct tm_blob far = tm__list_chunk_far(chunk, i);
        *value = (struct tm_span){tm__state_read(state, group, far.reference), far.length};
        return value->bytes != NULL;
    }
    uint32_t slot = chunk->slot[i];
    *value = (struct tm_span){tm__list_chunk_value(chunk, slot), slot >> 16};
    return true;
}

int tm_state_list_some(const struct tm_place *place, const struct tm_state_list *list, uint32_t i,
                       struct tm_span *values, uint32_t count)
{
    if (i >= list->count)
        return 0;
    const struct tm__state_group *group = tm__pieces_group(place);
    uint64_t at = (uint64_t)list->first + i;
    uint32_t reference = chunk_of(place->state, group, list, at);
    const struct tm__list_chunk *chunk =
        reference == 0 ? NULL : (const void *)tm__state_read(place->state, group, reference);
    if (chunk == NULL)
        return TM_E_MEMORY;
    uint32_t slot = slot_of(list, at), end = chunk->count;
    end = end - slot < count ? end : slot + count;
    for (uint32_t k = slot; k < end; k++)
        if (!span_of(place->state, group, chunk, k, &values[k - slot]))
            return TM_E_MEMORY;
    return (int)(end - slot);
}

int tm_state_list_get(const struct tm_place *place, const struct tm_state_list *list, uint32_t i,
                      struct tm_span *value)
{
    return tm_state_list_some(place, list, i, value, 1);
}

int tm_state_list_edit(const struct tm_place *place, struct tm_state_list *list, uint32_t i,
                       void **value, uint32_t *length)
{
    if (i >= list->count)
        return 0;
    struct tm__state_group *group = tm__pieces_group(place);
    uint64_t at = (uint64_t)list->first + i;
    uint32_t reference = chunk_of(place->state, group, list, at), slot = slot_of(list, at);
    const struct tm__list_chunk *chunk =
        reference == 0 ? NULL : (const void *)tm__state_own(place->state, group, reference);
    if (chunk == NULL)
        return TM_E_MEMORY;
    if (tm__list_chunk_is_far(chunk, slot)) {
        struct tm_blob far = tm__list_chunk_far(chunk, slot);
        *value = tm__state_own(place->state, group, far.reference);
        *length = far.length;
    } else {
        *value = tm__list_chunk_value(chunk, chunk->slot[slot]);
        *length = chunk->slot[slot] >> 16;
    }
    return *value == NULL ? TM_E_MEMORY : 1;
}

void tm_state_list_ask(const struct tm_place *place, const struct tm_state_list *list)
{
    if (list->root == 0)
        return;
    const char *at = (const char *)(tm__state_raw_address(tm__pieces_group(place), list->root) &
                                    ~(uintptr_t)TM__PAGE_FLAGS);
    __builtin_prefetch(at, 1, 2);
}

// --- nodes ---------------------------------------------------------------------------------------

static void note_moved(const struct change *change, uint64_t count)
{
    change->pieces.state->items_moved += count;
}

static struct tm__list_node *make_node(struct change *change, uint32_t capacity,
                                       uint32_t *reference)
{
    struct tm__list_node *node =
        tm__piece_make(&change->pieces, tm__list_node_bytes(capacity), reference);
    if (node != NULL)
        *node = (struct tm__list_node){.capacity = capacity};
    return node;
}

// Does a child of a node, whose first place is `start`, cover a value?
static bool is_used(const struct tm_state_list *list, uint64_t start, uint32_t level)
{
    return start + (1ull << tm__list_child_bits(level)) > list->first &&
           start < (uint64_t)list->first + list->count;
}

// The children of the root that cover values, [*from, *end).
static void used_children(const struct tm_state_list *list, uint32_t *from, uint32_t *end)
{
    *from = list->first >> tm__list_child_bits(list->levels);
    *end =
        (uint32_t)(((uint64_t)list->first + list->count - 1) >> tm__list_child_bits(list->levels)) +
        1;
}

// A node above the root; the root becomes its child number `at`.
static int add_level(struct change *change, uint32_t at)
{
    struct tm_state_list *list = change->list;
    uint32_t reference;
    if (list->levels == TM__LIST_LEVELS_MAX)
        return TM_E_LIMIT;
    struct tm__list_node *node = make_node(change, 2, &reference);
    if (node == NULL)
        return TM_E_MEMORY;
    node->child[0] = node->child[1] = 0;
    node->child[at] = list->root;
    list->root = reference;
    list->levels++;
    list->first += at << tm__list_child_bits(list->levels);
    return 0;
}

// The children of the root that are used to begin at `to`, in a node of this capacity.
static int move_children(struct change *change, uint32_t to, uint32_t capacity)
{
    struct tm_state_list *list = change->list;
    uint32_t from, end, reference = list->root;
    struct tm__list_node *node = tm__piece_own(&change->pieces, reference), *made = node;
    if (node == NULL)
        return TM_E_MEMORY;
    if (capacity != node->capacity) {
        made = make_node(change, capacity, &reference);
        if (made == NULL)
            return TM_E_MEMORY;
    }
    used_children(list, &from, &end);
    memmove(&made->child[to], &node->child[from], (end - from) * sizeof *node->child);
    note_moved(change, end - from);
    list->first -= from << tm__list_child_bits(list->levels);
    list->first += to << tm__list_child_bits(list->levels);
    if (made != node) {
        tm__piece_drop(&change->pieces, list->root, tm__list_node_bytes(node->capacity));
        list->root = reference;
    }
    return 0;
}

static uint32_t root_capacity(struct change *change)
{
    const struct tm__list_node *node = (const void *)tm__state_read(
        change->pieces.state, change->pieces.group, change->list->root);
    return node == NULL ? 0 : node->capacity;
}

// The root covers the place behind the last value: by moving what it has to its begin, becoming
// larger, or a node above it.
static int cover_end(struct change *change)
{
    struct tm_state_list *list = change->list;
    uint64_t place = (uint64_t)list->first + list->count;
    if (list->levels == 0)
        return list->count < TM__CHUNK_VALUES ? 0 : add_level(change, 0);
    uint32_t capacity = root_capacity(change), from, end;
    if (capacity == 0)
        return TM_E_MEMORY;
    if (place >> tm__list_child_bits(list->levels) < capacity)
        return 0;
    used_children(list, &from, &end);
    if (from >= capacity / 2) // half of the node at least is free: worth moving
        return move_children(change, 0, capacity);
    if (capacity < tm__list_children_max(list->levels))
        return move_children(change, from, capacity * 2);
    return from != 0 ? move_children(change, 0, capacity) : add_level(change, 0);
}

// The same for the place before the first value.
static int cover_begin(struct change *change)
{
    struct tm_state_list *list = change->list;
    if (list->levels == 0)
        return list->count < TM__CHUNK_VALUES ? 0 : add_level(change, 1);
    if (list->first != 0)
        return 0;
    uint32_t capacity = root_capacity(change), from, end;
    if (capacity == 0)
        return TM_E_MEMORY;
    used_children(list, &from, &end);
    uint32_t wanted = end < capacity ? capacity : 2 * capacity;
    if (wanted > tm__list_children_max(list->levels))
        return add_level(change, 1);
    return move_children(change, wanted - end, wanted);
}

// --- chunks --------------------------------------------------------------------------------------

static struct tm__list_chunk *make_chunk(struct change *change, uint32_t units, uint32_t *reference)
{
    uint32_t bytes = units * TM__UNIT_BYTES < TM__CHUNK_BYTES ? units * TM__UNIT_BYTES
                                                              : (uint32_t)TM__CHUNK_BYTES;
    bytes = tm__piece_bytes(bytes);
    struct tm__list_chunk *chunk = tm__piece_make(&change->pieces, bytes, reference);
    if (chunk != NULL)
        tm__list_chunk_init(chunk, bytes);
    return chunk;
}

static void drop_chunk(struct change *change, uint32_t reference, bool with_values)
{
    const struct tm__list_chunk *chunk = tm__piece_own(&change->pieces, reference);
    if (chunk == NULL)
        return; // out of use until the namespace is dropped
    for (uint32_t i = 0; with_values && i < chunk->count; i++) {
        if (!tm__list_chunk_is_far(chunk, i))
            continue;
        struct tm_blob far = tm__list_chunk_far(chunk, i);
        tm__piece_drop(&change->pieces, far.reference, far_bytes(&far));
    }
    tm__piece_drop(&change->pieces, reference, chunk->units * (uint32_t)TM__UNIT_BYTES);
}

// The value does not come: nor do its nodes.
static int give_up(struct change *change)
{
    while (change->made_count > 0)
        tm__piece_drop(&change->pieces, change->made[--change->made_count],
                       tm__list_node_bytes(TM__LIST_NODE_CHILDREN));
    return TM_E_MEMORY;
}

// What leads to the chunk of a place, for writing; nodes that are missing are made, which nothing
// shows. NULL: out of memory.
static uint32_t *own_link(struct change *change, uint64_t place)
{
    struct tm_state_list *list = change->list;
    uint32_t *link = &list->root;
    for (uint32_t level = list->levels; level > 0; level--) {
        struct tm__list_node *node = tm__piece_own(&change->pieces, *link);
        if (node == NULL)
            return NULL;
        uint32_t i = place >> tm__list_child_bits(level) & (TM__LIST_NODE_CHILDREN - 1);
        uint64_t start = place >> tm__list_child_bits(level) << tm__list_child_bits(level);
        link = &node->child[i];
        if (is_used(list, start, level) || level == 1)
            continue;
        uint32_t reference;
        if (make_node(change, TM__LIST_NODE_CHILDREN, &reference) == NULL) {
            give_up(change);
            return NULL;
        }
        *link = reference;
        change->made[change->made_count++] = reference;
    }
    return link;
}

// The chunk of a link in a larger piece, or without garbage.
static struct tm__list_chunk *rebuild(struct change *change, uint32_t *link, uint32_t units,
                                      uint32_t without)
{
    uint32_t reference, old = *link;
    const struct tm__list_chunk *chunk = tm__piece_own(&change->pieces, old);
    struct tm__list_chunk *made = chunk == NULL ? NULL : make_chunk(change, units, &reference);
    if (made == NULL)
        return NULL;
    tm__list_chunk_copy(made, chunk, without);
    note_moved(change, chunk->count);
    *link = reference;
    drop_chunk(change, old, false);
    return made;
}

// --- values --------------------------------------------------------------------------------------

// A value on its way into a chunk: as it is, or as the reference of a piece of its own.
struct incoming {
    const void *bytes;
    uint32_t length; // in the chunk
    uint32_t slot;   // without the distance
    struct tm_blob far;
};

static bool prepare(struct change *change, struct incoming *in, bool near, const void *value,
                    uint32_t length)
{
    *in = (struct incoming){.bytes = value, .length = length, .slot = length << 16};
    if (near)
        return true;
    in->far.length = length;
    void *to = tm__piece_make(&change->pieces, far_bytes(&in->far), &in->far.reference);
    if (to == NULL)
        return false;
    memcpy(to, value, length);
    in->bytes = &in->far;
    in->length = sizeof in->far;
    in->slot = TM__CHUNK_FAR;
    return true;
}

static void discard(struct change *change, const struct incoming *in)
{
    if (in->far.length != 0)
        tm__piece_drop(&change->pieces, in->far.reference, far_bytes(&in->far));
}

static void write_value(struct tm__list_chunk *chunk, uint32_t i, const struct incoming *in)
{
    void *to = tm__list_chunk_set(chunk, i, in->slot);
    if (in->length != 0)
        memcpy(to, in->bytes, in->length);
}

// Units for a chunk with one value more of so many units, and room for others like those it has:
// a quarter, or, where it fills soon, just all.
static uint32_t chunk_units(const struct tm_state_list *list, const struct tm__list_chunk *chunk,
                            uint32_t more)
{
    if (chunk == NULL)
        return list->levels == 0
                   ? tm__list_chunk_head_units(1) + more
                   : tm__list_chunk_head_units(TM__CHUNK_VALUES) + more * TM__CHUNK_VALUES;
    uint32_t count = chunk->count + 1u, values = chunk->data + more - chunk->garbage;
    uint32_t grown = tm__list_chunk_head_units(count + count / 4) + values + values / 4;
    uint32_t full = tm__list_chunk_head_units(TM__CHUNK_VALUES) + values * TM__CHUNK_VALUES / count;
    return grown < full ? grown : full;
}

// A value more, at one end of the list, in the chunk of `place`.
static int add(struct change *change, uint64_t place, bool front, const void *value,
               uint32_t length)
{
    struct tm_state_list *list = change->list;
    uint32_t *link = own_link(change, place), reference;
    if (link == NULL)
        return TM_E_MEMORY;
    bool there =
        list->count != 0 &&
        (list->levels == 0 || is_used(list, place / TM__CHUNK_VALUES * TM__CHUNK_VALUES, 1));
    static const struct tm__list_chunk nothing;
    struct tm__list_chunk *chunk = there ? tm__piece_own(&change->pieces, *link) : NULL;
    struct incoming in;
    if ((there && chunk == NULL) ||
        !prepare(change, &in, tm__list_chunk_takes(there ? chunk : &nothing, length, true, 0),
                 value, length))
        return give_up(change);
    uint32_t more = tm__list_chunk_value_units(in.slot);
    if (!there) {
        chunk = make_chunk(change, chunk_units(list, NULL, more), &reference);
        if (chunk != NULL)
            *link = reference;
    } else if (!tm__list_chunk_has_room(chunk, in.slot, true)) {
        chunk = rebuild(change, link, chunk_units(list, chunk, more), UINT32_MAX);
    }
    if (chunk == NULL) {
        discard(change, &in);
        return give_up(change);
    }
    uint32_t i = front ? 0 : chunk->count;
    tm__list_chunk_insert(chunk, i);
    write_value(chunk, i, &in);
    list->count++;
    return 0;
}

static int check_limits(const struct tm_state_list *list, uint32_t length)
{
    return length > TM_STATE_COLLECTION_VALUE_BYTES_MAX ||
                   list->count >= TM_STATE_COLLECTION_ENTRIES_MAX
               ? TM_E_LIMIT
               : 0;
}

// What most appends find: the last chunk has room for the value, and is the state's own, as all
// nodes above it need not be, which do not change. NULL: there is more to it.
static inline struct tm__list_chunk *last_chunk(const struct tm_place *place,
                                                const struct tm_state_list *list, uint32_t length)
{
    const struct tm__state_group *group = tm__pieces_group(place);
    uint64_t last = (uint64_t)list->first + list->count - 1;
    if (list->count == 0 || (last + 1) % TM__CHUNK_VALUES == 0)
        return NULL; // the next one stands elsewhere
    uint32_t reference = list->root;
    for (uint32_t level = list->levels;; level--) {
        uintptr_t page = group->at[reference >> TM__OFFSET_BITS];
        if (TM_UNLIKELY((page & TM__PAGE_ABSENT) != 0))
            return NULL;
        void *at = tm__state_address(group, reference);
        if (level == 0) {
            struct tm__list_chunk *chunk = at;
            return tm__state_is_own(group, page) && chunk->count < TM__CHUNK_VALUES &&
                           tm__list_chunk_takes(chunk, length, true, 0) &&
                           tm__list_chunk_has_room(chunk, length << 16, true)
                       ? chunk
                       : NULL;
        }
        const struct tm__list_node *node = at;
        reference = node->child[last >> tm__list_child_bits(level) & (TM__LIST_NODE_CHILDREN - 1)];
    }
}

int tm_state_list_append(const struct tm_place *place, struct tm_state_list *list,
                         const void *value, uint32_t length)
{
    struct change change;
    struct tm__list_chunk *chunk = last_chunk(place, list, length);
    if (TM_LIKELY(chunk != NULL)) {
        uint32_t i = chunk->count++;
        void *to = tm__list_chunk_set(chunk, i, length << 16);
        if (TM_LIKELY(length == sizeof(uint64_t)))
            memcpy(to, value, sizeof(uint64_t));
        else if (length != 0)
            memcpy(to, value, length);
        list->count++;
        return 0;
    }
    int rc = check_limits(list, length);
    rc = rc != 0 ? rc : begin(&change, place, list);
    rc = rc != 0 ? rc : cover_end(&change);
    return rc != 0 ? rc : add(&change, (uint64_t)list->first + list->count, false, value, length);
}

int tm_state_list_prepend(const struct tm_place *place, struct tm_state_list *list,
                          const void *value, uint32_t length)
{
    struct change change;
    int rc = check_limits(list, length);
    rc = rc != 0 ? rc : begin(&change, place, list);
    if (rc == 0 && list->count != 0)
        rc = cover_begin(&change);
    if (rc != 0)
        return rc;
    if (list->levels == 0)
        return add(&change, 0, true, value, length);
    rc = add(&change, list->first - 1, true, value, length);
    list->first -= rc == 0;
    return rc;
}

int tm_state_list_set(const struct tm_place *place, struct tm_state_list *list, uint32_t i,
                      const void *value, uint32_t length)
{
    struct change change;
    void *old;
    uint32_t old_length;
    int rc = tm_state_list_edit(place, list, i, &old, &old_length);
    if (rc != 1)
        return rc;
    if (old_length == length) {
        memcpy(old, value, length);
        return 1;
    }
    rc = check_limits(list, length);
    rc = rc != 0 ? rc : begin(&change, place, list);
    if (rc != 0)
        return rc;
    uint64_t at = (uint64_t)list->first + i;
    uint32_t *link = own_link(&change, at), slot = slot_of(list, at);
    struct tm__list_chunk *chunk = link == NULL ? NULL : tm__piece_own(&change.pieces, *link);
    struct incoming in;
    if (chunk == NULL ||
        !prepare(&change, &in, tm__list_chunk_takes(chunk, length, false, slot), value, length))
        return TM_E_MEMORY;
    struct incoming gone = {0};
    if (tm__list_chunk_is_far(chunk, slot))
        gone.far = tm__list_chunk_far(chunk, slot);
    if (tm__list_chunk_has_room(chunk, in.slot, false)) {
        tm__list_chunk_unset(chunk, slot);
    } else {
        uint32_t units = tm__list_chunk_live_units(chunk) -
                         tm__list_chunk_value_units(chunk->slot[slot]) +
                         tm__list_chunk_value_units(in.slot);
        chunk = rebuild(&change, link, units + units / 8, slot);
        if (chunk == NULL) {
            discard(&change, &in);
            return TM_E_MEMORY;
        }
    }
    write_value(chunk, slot, &in);
    discard(&change, &gone);
    return 1;
}

// --- removing ------------------------------------------------------------------------------------

// Chunks and nodes below `reference`, which begins at place `start`, as far as they cover values of
// [from, end) and no other of the list. Are they all that it has in the list?
static void drop_below(struct change *change, uint32_t reference, uint32_t level, uint64_t start,
                       uint64_t from, uint64_t end)
{
    const struct tm_state_list *list = change->list;
    uint64_t first = list->first, last = first + list->count - 1;
    uint64_t stop =
        start + (1ull << (level == 0 ? TM__CHUNK_BITS : tm__list_child_bits(level + 1)));
    uint64_t low = start > first ? start : first, high = stop - 1 < last ? stop - 1 : last;
    if (low > high || low >= end || high < from)
        return;
    bool all = low >= from && high < end;
    if (level == 0) {
        if (all)
            drop_chunk(change, reference, true);
        return;
    }
    const struct tm__list_node *node = tm__piece_own(&change->pieces, reference);
    if (node == NULL)
        return; // out of use until the namespace is dropped
    uint64_t size = 1ull << tm__list_child_bits(level);
    for (uint64_t at = (low > from ? low : from) / size * size; at <= high && at < end; at += size)
        drop_below(change,
                   node->child[at >> tm__list_child_bits(level) & (TM__LIST_NODE_CHILDREN - 1)],
                   level - 1, at, from, end);
    if (all)
        tm__piece_drop(&change->pieces, reference, tm__list_node_bytes(node->capacity));
}

// Levels that lead to one child only go.
static void lower_root(struct change *change)
{
    struct tm_state_list *list = change->list;
    while (list->levels > 0) {
        uint32_t from, end;
        used_children(list, &from, &end);
        if (end - from > 1)
            return;
        const struct tm__list_node *node = tm__piece_own(&change->pieces, list->root);
        if (node == NULL)
            return; // later
        uint32_t child = node->child[from];
        tm__piece_drop(&change->pieces, list->root, tm__list_node_bytes(node->capacity));
        list->first =
            list->levels == 1 ? 0 : list->first - (from << tm__list_child_bits(list->levels));
        list->root = child;
        list->levels--;
    }
}

// Values [i, end) of the chunk of a place go: at one of its ends.
static bool cut_chunk(struct change *change, uint64_t place, uint32_t i, uint32_t end)
{
    uint32_t *link = own_link(change, place);
    struct tm__list_chunk *chunk = link == NULL ? NULL : tm__piece_own(&change->pieces, *link);
    if (chunk == NULL)
        return false;
    for (uint32_t k = i; k < end; k++) {
        struct incoming gone = {0};
        if (tm__list_chunk_is_far(chunk, k))
            gone.far = tm__list_chunk_far(chunk, k);
        discard(change, &gone);
    }
    tm__list_chunk_remove(chunk, i, end);
    uint32_t live = tm__list_chunk_live_units(chunk);
    if (live * 2 < chunk->units && chunk->units > 32)
        (void)!rebuild(change, link, live + live / 8,
                       UINT32_MAX); // later, if there is no memory now
    return true;
}

int tm_state_list_remove_first(const struct tm_place *place, struct tm_state_list *list,
                               uint32_t count)
{
    struct change change;
    if (count >= list->count) {
        tm_state_list_clear(place, list);
        return 0;
    }
    if (count == 0)
        return 0;
    int rc = begin(&change, place, list);
    if (rc != 0)
        return rc;
    uint64_t from = list->first, end = from + count;
    uint64_t chunk = list->levels == 0 ? 0 : end / TM__CHUNK_VALUES * TM__CHUNK_VALUES;
    uint32_t cut = (uint32_t)(end - (chunk > from ? chunk : from)); // of the chunk that stays
    if (cut != 0 && !cut_chunk(&change, end, 0, cut))
        return TM_E_MEMORY;
    if (list->levels != 0) {
        drop_below(&change, list->root, list->levels, 0, from, end - cut);
        list->first += count;
    }
    list->count -= count;
    lower_root(&change);
    return 0;
}

int tm_state_list_remove_last(const struct tm_place *place, struct tm_state_list *list,
                              uint32_t count)
{
    struct change change;
    if (count >= list->count) {
        tm_state_list_clear(place, list);
        return 0;
    }
    if (count == 0)
        return 0;
    int rc = begin(&change, place, list);
    if (rc != 0)
        return rc;
    uint64_t end = (uint64_t)list->first + list->count, from = end - count;
    uint32_t slot = slot_of(list, from - 1) + 1, cut = 0; // of the chunk that stays
    if (list->levels == 0 || from % TM__CHUNK_VALUES != 0) {
        uint64_t stop = list->levels == 0 ? end : (from | (TM__CHUNK_VALUES - 1)) + 1;
        cut = (uint32_t)((stop < end ? stop : end) - from);
        if (!cut_chunk(&change, from - 1, slot, slot + cut))
            return TM_E_MEMORY;
    }
    if (list->levels != 0)
        drop_below(&change, list->root, list->levels, 0, from + cut, end);
    list->count -= count;
    lower_root(&change);
    return 0;
}

void tm_state_list_clear(const struct tm_place *place, struct tm_state_list *list)
{
    struct change change;
    if (list->root != 0 && begin(&change, place, list) == 0) {
        if (list->levels == 0)
            drop_chunk(&change, list->root, true);
        else
            drop_below(&change, list->root, list->levels, 0, list->first,
                       (uint64_t)list->first + list->count);
    }
    *list = (struct tm_state_list){0};
}
