// Maps and lists of a process's records against plain models: any sequence of calls that return or
// fail, both clocks, walks that the call changes under way, and the bounded search for what is
// over.
#include "support.h"

#include <math.h>

#include "core/base/hash.h"
#include "core/checkpoint/restored_parts.h"
#include "core/operator/collections_private.h"

enum { KEYS = 8, MAP_KEYS = 48, LIST_MAX = 700, TTL = 200 };
enum { FIXED, TEXTS, LIST, EVENT, READ, TAIL, SEEN, STATES };

static const struct {
    uint8_t kind, type, clock, refresh;
    int64_t ttl_ms;
} kinds[STATES] = {
    [FIXED] = {TM_STATE_MAP, TM_TYPE_INT, 0, 0, 0},
    [TEXTS] = {TM_STATE_MAP, TM_TYPE_STRING, 0, 0, 0},
    [LIST] = {TM_STATE_LIST, TM_TYPE_STRING, 0, 0, 0},
    [EVENT] = {TM_STATE_MAP, TM_TYPE_INT, TM_TTL_EVENT, TM_TTL_WRITE, TTL},
    [READ] = {TM_STATE_MAP, TM_TYPE_STRING, TM_TTL_PROCESSING, TM_TTL_ACCESS, TTL},
    [TAIL] = {TM_STATE_LIST, TM_TYPE_INT, TM_TTL_EVENT, TM_TTL_WRITE, TTL},
    [SEEN] = {TM_STATE_LIST, TM_TYPE_STRING, TM_TTL_PROCESSING, TM_TTL_ACCESS, TTL},
};

static struct tm__operator_keyed keyed;
static struct tm_chain_ctx entry;
static struct tm_operator op;
static struct tm_state_field fields[STATES + 1];

static struct tm_batch *rows; // of the block, where they are known

static void setup(void)
{
    world_new(TM_NODE_PROCESS, 16);
    use_key(USER);
    // A value beside them, so that records do not go with the last entry of the first state.
    fields[0] = (struct tm_state_field){.name = "v", .type = tm_type_of_kind(TM_TYPE_INT)};
    for (int i = 0; i < STATES; i++)
        fields[i + 1] = (struct tm_state_field){.name = "s",
                                                .kind = kinds[i].kind,
                                                .type = tm_type_of_kind(kinds[i].type),
                                                .key = tm_type_of_kind(TM_TYPE_INT),
                                                .ttl_ms = kinds[i].ttl_ms,
                                                .clock = kinds[i].clock,
                                                .refresh = kinds[i].refresh};
    world.node.states = fields;
    world.node.state_count = STATES + 1;
    op = (struct tm_operator){.ctx = &world.ctx, .node = &world.node};
    ck_assert_int_eq(tm__operator_keyed_open(&keyed, &op, TM__SCOPE_KEY, &world.err), 0);
    tm__operator_keys_init(&keyed.keys, keyed.mem, world.input, &world.node.key);
    entry = (struct tm_chain_ctx){0};
    keyed.entry = &entry;
    keyed.clock_ms = 1000;
    keyed.watermark = 1000;
}

static void teardown(void)
{
    tm__operator_keyed_fini(&keyed);
    world_free();
}

// A block of so many records, of keys 0 ..: their slots.
static char names[KEYS][32];
static void enter(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int length = snprintf(names[i], sizeof names[i], "key %u%s", i, i % 2 ? " of some" : "");
        keyed.block->keys[i] =
            (struct tm_key){tm_hash_bytes(names[i], (size_t)length), names[i], (uint32_t)length};
    }
    keyed.block->count = count;
    ck_assert_int_eq(tm__operator_keyed_enter(&keyed), 0);
    keyed.ahead = NULL;
}

// The rows of the next block say which entries calls will ask for.
static void look_ahead(void)
{
    struct row list[KEYS];
    for (uint32_t i = 0; i < KEYS; i++)
        list[i] = (struct row){.item = (int64_t)(draw(MAP_KEYS) * 7919),
                               .nulls = draw(8) == 0 ? 1u << ITEM : 0};
    rows = batch_of(list, KEYS);
    uint32_t i = 0;
    TM_BATCH_EACH(rows, row)
    keyed.block->rows[i++] = row;
    for (uint32_t n = 0; n < STATES; n++)
        keyed.record.collections[n].ahead = kinds[n].kind == TM_STATE_MAP ? ITEM : -1;
    keyed.ahead = world.input;
}

static void leave(void)
{
    tm_batch_release(rows);
    rows = NULL;
    ck_assert_int_eq(tm__operator_keyed_leave(&keyed), 0);
}

static void settle(bool keeps)
{
    if (!keeps || entry.journal != 0) // as the chunk does
        ck_assert_int_eq(tm__operator_keyed_settle(&keyed, keeps), 0);
    entry.call++;
}

static uint8_t **slot_of(uint32_t key)
{
    return &keyed.slots[key + 1];
}

// --- values --------------------------------------------------------------------------------------

static uint8_t bytes[1024];
static uint32_t bytes_of(int state, uint32_t v)
{
    if (kinds[state].type == TM_TYPE_INT) {
        memcpy(bytes, (uint64_t[]){v}, 8);
        return 8;
    }
    uint32_t length = v % 50 == 0 ? 600 : v % 40;
    memset(bytes, (int)(v % 251), length);
    return length;
}

static void expect_found(int state, uint32_t v)
{
    uint32_t length = bytes_of(state, v);
    ck_assert_int_eq(entry.found_length, (int)length);
    ck_assert_int_eq(memcmp(entry.found, bytes, length), 0);
}

static uint64_t map_key;
static const uint8_t *key_bytes(uint32_t k)
{
    map_key = k * 7919u;
    return (const uint8_t *)&map_key;
}

// --- the model -----------------------------------------------------------------------------------

struct item {
    bool there;
    uint32_t v;
    double at;
};
struct collection {
    uint32_t count; // of a list
    struct item items[LIST_MAX];
};
static struct collection model[KEYS][STATES], before[STATES];

static double now_of(int state)
{
    return (double)(kinds[state].clock == TM_TTL_EVENT ? keyed.watermark : keyed.clock_ms);
}
static bool is_live(int state, const struct item *item)
{
    return item->there && (kinds[state].ttl_ms == 0 || item->at + TTL > now_of(state));
}
static double access_of(int state)
{
    if (kinds[state].ttl_ms == 0)
        return 0;
    return now_of(state) - (kinds[state].clock == TM_TTL_EVENT ? (double)draw(TTL + 50) - 60 : 0);
}
static uint32_t items_of(int state, const struct collection *c)
{
    return kinds[state].kind == TM_STATE_MAP ? MAP_KEYS : c->count;
}
static uint32_t size_of(int state, const struct collection *c)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < items_of(state, c); i++)
        count += is_live(state, &c->items[i]);
    return count;
}
static void touch(int state, struct item *item, double access)
{
    if (kinds[state].refresh == TM_TTL_ACCESS && item->at < access)
        item->at = access;
}

// --- one change, and what is seen ----------------------------------------------------------------

static uint64_t known_values, known_missing;

// The key of what is known, else `k`.
static uint32_t known_key(uint32_t key, int state, uint32_t k)
{
    const struct tm_chain_known *known = tm__operator_known_of(&keyed, key, (uint32_t)state);
    return isnan(known->key) ? k : (uint32_t)known->key / 7919;
}

// What the chunk does where the entry is known (lua/codegen/collections.lua). False: it is not.
static bool change_known(uint32_t key, int state, uint32_t k, uint32_t v, struct item *item)
{
    const struct tm__operator_collection_at at =
        tm__operator_collection_of(&keyed, key, (uint32_t)state);
    struct tm_chain_known *known = tm__operator_known_of(&keyed, key, (uint32_t)state);
    if (known->key != (double)(k * 7919u) || known->as_of != (int32_t)at.head->map.changes)
        return false;
    ck_assert_int_eq(kinds[state].ttl_ms, 0);
    ck_assert_int_eq(known->value != NULL, item->there);
    if (known->value == NULL) {
        known_missing++;
        return false;
    }
    known_values++;
    ck_assert_int_eq(known->length, (int)bytes_of(state, item->v));
    ck_assert_int_eq(memcmp(known->value, bytes, (size_t)known->length), 0);
    if (kinds[state].type != TM_TYPE_INT)
        return false;
    if (known->call != entry.call) {
        known->call = entry.call;
        known->old = *known->value;
        known->journaled = 0;
        entry.written = known;
    }
    known->value->i = v;
    *item = (struct item){true, v, 0};
    return true;
}

static void change_map(uint32_t key, int state, struct collection *c)
{
    uint32_t k = (uint32_t)draw(MAP_KEYS), v = (uint32_t)draw(100000);
    double access = access_of(state);
    if (draw(3) == 0)
        k = known_key(key, state, k);
    struct item *item = &c->items[k];
    bool live = is_live(state, item);
    if (draw(2) == 0 && change_known(key, state, k, v, item))
        return;
    switch (draw(8)) {
    case 0:
        ck_assert_int_eq(tm__operator_collections.map_remove(&keyed, slot_of(key), (uint32_t)state,
                                                             key_bytes(k), 8),
                         0);
        item->there = false;
        break;
    case 1:
    case 2:
        ck_assert_int_eq(tm__operator_collections.map_find(&keyed, slot_of(key), (uint32_t)state,
                                                           key_bytes(k), 8, access),
                         live);
        if (live) {
            expect_found(state, item->v);
            touch(state, item, access);
        }
        break;
    default: {
        uint32_t length = bytes_of(state, v);
        ck_assert_int_eq(tm__operator_collections.map_put(&keyed, slot_of(key), (uint32_t)state,
                                                          key_bytes(k), 8, bytes, length, access),
                         0);
        *item = (struct item){true, v, live && item->at > access ? item->at : access};
    }
    }
}

static struct item *live_item(int state, struct collection *c, uint32_t number)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (is_live(state, &c->items[i]) && number-- == 0)
            return &c->items[i];
    return NULL;
}

static void change_list(uint32_t key, int state, struct collection *c)
{
    double access = access_of(state);
    if (draw(4) == 0) {
        uint32_t i = (uint32_t)draw(c->count + 2);
        struct item *item = live_item(state, c, i);
        ck_assert_int_eq(tm__operator_collections.list_find(&keyed, slot_of(key), (uint32_t)state,
                                                            i + 1, access),
                         item != NULL);
        if (item != NULL) {
            expect_found(state, item->v);
            touch(state, item, access);
        }
        return;
    }
    for (uint64_t n = draw(5); n != 0 && c->count < LIST_MAX; n--) {
        uint32_t v = (uint32_t)draw(100000), length = bytes_of(state, v);
        ck_assert_int_eq(tm__operator_collections.list_append(&keyed, slot_of(key), (uint32_t)state,
                                                              bytes, length, access),
                         0);
        c->items[c->count++] = (struct item){true, v, access};
    }
}

static void clear(uint32_t key, int state, struct collection *c)
{
    ck_assert_int_eq(tm__operator_collections.clear(&keyed, slot_of(key), (uint32_t)state), 0);
    *c = (struct collection){0};
}

// A whole walk; every entry once, maps in the order of the hash.
static void walk(uint32_t key, int state, struct collection *c, double access)
{
    uint32_t seen = 0, size = size_of(state, c);
    uint64_t last = 0;
    double number = tm__operator_collections.walk(&keyed, slot_of(key), (uint32_t)state);
    while (tm__operator_collections.walk_next(&keyed, number, access) == 1) {
        struct item *item;
        if (kinds[state].kind == TM_STATE_MAP) {
            uint64_t k;
            memcpy(&k, entry.found_key, sizeof k);
            ck_assert_int_eq(entry.found_key_length, 8);
            ck_assert(k % 7919 == 0 && k / 7919 < MAP_KEYS);
            item = &c->items[k / 7919];
            uint64_t hash = tm_hash_bytes(&k, sizeof k);
            ck_assert(seen == 0 || hash > last);
            last = hash;
        } else {
            item = live_item(state, c, seen);
            ck_assert_ptr_nonnull(item);
        }
        ck_assert(is_live(state, item));
        expect_found(state, item->v);
        touch(state, item, access);
        seen++;
    }
    ck_assert_uint_eq(seen, size);
}

static void check_record(uint32_t key)
{
    for (int state = 0; state < STATES; state++) {
        ck_assert_int_eq(tm__operator_collections.size(&keyed, slot_of(key), (uint32_t)state),
                         size_of(state, &model[key][state]));
        if (draw(3) == 0)
            walk(key, state, &model[key][state], -1e18); // accesses nothing
    }
}

static void call(uint32_t key)
{
    memcpy(before, model[key], sizeof before);
    uint8_t *record = keyed.slots[key];
    uint64_t backup = 0, copied_at = draw(6);
    for (uint64_t i = 0, changes = draw(7); i < changes; i++) {
        if (i == copied_at)
            memcpy(&backup, record, sizeof backup); // as the chunk does at its first write
        int state = (int)draw(STATES);
        struct collection *c = &model[key][state];
        if (draw(40) == 0 || c->count > LIST_MAX - 10)
            clear(key, state, c);
        else if (draw(20) == 0)
            walk(key, state, c, access_of(state));
        else if (kinds[state].kind == TM_STATE_MAP)
            change_map(key, state, c);
        else
            change_list(key, state, c);
        if (i >= copied_at && draw(3) == 0)
            check_record(key);
        if (i + 1 == changes && draw(4) == 0) {
            if (i >= copied_at)
                memcpy(record, &backup, sizeof backup);
            settle(false);
            memcpy(model[key], before, sizeof before);
        }
    }
    settle(true);
    check_record(key);
}

static bool holds_something(uint32_t key)
{
    const struct tm__operator_collection_spec *specs = keyed.record.collections;
    for (uint32_t n = 0; n < STATES; n++) {
        const struct tm_state_map *map = (const void *)(keyed.slots[key] + specs[n].offset);
        if (map->count != 0)
            return true;
    }
    return false;
}

START_TEST(any_sequence_of_calls_gives_what_plain_models_give)
{
    seed_from("calls");
    random_state += (uint64_t)_i * 77777;
    setup();
    memset(model, 0, sizeof model);
    for (int round = 0; round < 400; round++) {
        if (draw(2) == 0)
            look_ahead();
        enter(KEYS);
        for (int i = 0; i < 6; i++)
            call((uint32_t)draw(KEYS));
        for (uint32_t key = 0; key < KEYS; key++)
            ck_assert_int_eq(*(const uint64_t *)(const void *)keyed.slots[key] != 0,
                             holds_something(key));
        leave();
        keyed.clock_ms += (int64_t)draw(20);
        keyed.watermark += (int64_t)draw(20);
    }
    ck_assert_uint_gt(known_values, 20);
    ck_assert_uint_gt(known_missing, 5);
    teardown();
}
END_TEST

START_TEST(records_go_when_all_that_they_hold_is_over)
{
    setup();
    enter(KEYS);
    for (uint32_t key = 0; key < KEYS; key++)
        for (int state = EVENT; state < STATES; state++)
            for (uint32_t i = 0; i < 300; i++) {
                uint32_t length = bytes_of(state, i);
                double access = i % 7 == 0 ? 1001 : 1000; // not ascending
                int rc =
                    kinds[state].kind == TM_STATE_MAP
                        ? tm__operator_collections.map_put(&keyed, slot_of(key), (uint32_t)state,
                                                           key_bytes(i), 8, bytes, length, access)
                        : tm__operator_collections.list_append(
                              &keyed, slot_of(key), (uint32_t)state, bytes, length, access);
                ck_assert_int_eq(rc, 0);
            }
    settle(true);
    leave();
    ck_assert_uint_eq(tm_state_namespace_size(keyed.ns), KEYS);
    keyed.clock_ms = keyed.watermark = 1201;
    enter(KEYS);
    for (uint32_t key = 0; key < KEYS; key++)
        for (int state = EVENT; state < STATES; state++) {
            ck_assert_int_eq(tm__operator_collections.size(&keyed, slot_of(key), (uint32_t)state),
                             0);
            double number = tm__operator_collections.walk(&keyed, slot_of(key), (uint32_t)state);
            ck_assert_int_eq(tm__operator_collections.walk_next(&keyed, number, 0), 0);
        }
    for (int blocks = 0; tm_state_namespace_size(keyed.ns) != 0; blocks++) {
        leave();
        ck_assert_int_lt(blocks, 10); // 9,600 entries, 2,048 a block
    }
    teardown();
}
END_TEST

START_TEST(a_search_looks_at_a_bounded_number_of_entries)
{
    enum { COUNT = 100000 };
    setup();
    enter(1);
    for (uint32_t i = 0; i < COUNT; i++) {
        ck_assert_int_eq(tm__operator_collections.map_put(&keyed, slot_of(0), EVENT, key_bytes(i),
                                                          8, bytes, bytes_of(EVENT, i), 1000),
                         0);
        ck_assert_int_eq(tm__operator_collections.list_append(&keyed, slot_of(0), TAIL, bytes,
                                                              bytes_of(TAIL, i), 1000),
                         0);
    }
    settle(true);
    const struct tm__operator_collection *map =
        (const void *)(keyed.slots[0] + keyed.record.collections[EVENT].offset);
    const struct tm__operator_collection *list =
        (const void *)(keyed.slots[0] + keyed.record.collections[TAIL].offset);
    keyed.watermark = 2000;
    uint32_t left = 2 * COUNT, blocks = 0;
    while (left != 0) {
        leave();
        if (tm_state_namespace_size(keyed.ns) == 0)
            break;
        enter(1);
        uint32_t now = map->map.count + list->list.count;
        ck_assert_uint_le(left - now, TM_SWEEP_VALUES);
        ck_assert_uint_lt(now, left);
        ck_assert_int_eq(tm__operator_collections.size(&keyed, slot_of(0), EVENT), 0);
        ck_assert_int_eq(tm__operator_collections.size(&keyed, slot_of(0), TAIL), 0);
        left = now;
        blocks++;
    }
    ck_assert_uint_le(blocks, 2 * COUNT / TM_SWEEP_VALUES + 2);
    teardown();
}
END_TEST

static uint32_t walked[64], walked_count;
static void put_some(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ck_assert_int_eq(tm__operator_collections.map_put(&keyed, slot_of(0), FIXED, key_bytes(i),
                                                          8, bytes, bytes_of(FIXED, i), 0),
                         0);
}
static bool step(double number)
{
    int rc = tm__operator_collections.walk_next(&keyed, number, 0);
    ck_assert_int_ge(rc, 0);
    uint64_t k;
    if (rc == 1) {
        memcpy(&k, entry.found_key, sizeof k);
        walked[walked_count++] = (uint32_t)(k / 7919);
    }
    return rc == 1;
}

START_TEST(a_walk_sees_each_entry_once_whatever_its_call_changes)
{
    setup();
    enter(1);
    put_some(40);
    walked_count = 0;
    double number = tm__operator_collections.walk(&keyed, slot_of(0), FIXED);
    while (step(number)) { // what was seen goes, what was not is overwritten
        uint32_t k = walked[walked_count - 1];
        ck_assert_int_eq(
            tm__operator_collections.map_remove(&keyed, slot_of(0), FIXED, key_bytes(k), 8), 0);
        uint32_t other = (k + 1) % 40;
        if (tm__operator_collections.map_find(&keyed, slot_of(0), FIXED, key_bytes(other), 8, 0))
            ck_assert_int_eq(tm__operator_collections.map_put(&keyed, slot_of(0), FIXED,
                                                              key_bytes(other), 8, bytes, 8, 0),
                             0);
    }
    ck_assert_uint_eq(walked_count, 40);
    ck_assert_int_eq(tm__operator_collections.size(&keyed, slot_of(0), FIXED), 0);
    settle(true);
    teardown();
}
END_TEST

START_TEST(clearing_ends_a_walk_and_what_empties_a_map_does_not)
{
    setup();
    enter(1);
    put_some(40);
    walked_count = 0;
    double number = tm__operator_collections.walk(&keyed, slot_of(0), FIXED);
    ck_assert(step(number));
    for (uint32_t i = 0; i < 40; i++)
        ck_assert_int_eq(
            tm__operator_collections.map_remove(&keyed, slot_of(0), FIXED, key_bytes(i), 8), 0);
    put_some(40); // as many changes as there were
    while (step(number))
        ;
    ck_assert_uint_eq(walked_count, 40);
    number = tm__operator_collections.walk(&keyed, slot_of(0), FIXED);
    ck_assert(step(number));
    ck_assert_int_eq(tm__operator_collections.clear(&keyed, slot_of(0), FIXED), 0);
    put_some(40);
    ck_assert(!step(number));
    settle(true);
    teardown();
}
END_TEST

START_TEST(a_walk_ends_with_its_call_and_sixteen_can_be_under_way)
{
    setup();
    enter(1);
    put_some(40);
    double first = tm__operator_collections.walk(&keyed, slot_of(0), FIXED);
    double second = tm__operator_collections.walk(&keyed, slot_of(0), FIXED);
    for (int i = 2; i < 16; i++)
        (void)tm__operator_collections.walk(&keyed, slot_of(0), FIXED);
    ck_assert_int_eq(tm__operator_collections.walk_next(&keyed, first, 0), 1);
    double last = tm__operator_collections.walk(&keyed, slot_of(0), FIXED);
    // The one that has stood still the longest has lost its place.
    ck_assert_int_eq(tm__operator_collections.walk_next(&keyed, first, 0), 1);
    ck_assert_int_eq(tm__operator_collections.walk_next(&keyed, second, 0), TM_E_NOT_FOUND);
    ck_assert_int_eq(tm__operator_collections.walk_next(&keyed, last, 0), 1);
    ck_assert_int_eq(tm__operator_collections.walk_next(&keyed, last + 1, 0), TM_E_NOT_FOUND);
    ck_assert_int_eq(tm__operator_collections.walk_next(&keyed, NAN, 0), TM_E_NOT_FOUND);
    settle(true);
    ck_assert_int_eq(tm__operator_collections.walk_next(&keyed, last, 0), TM_E_NOT_FOUND);
    teardown();
}
END_TEST

START_TEST(a_walk_goes_on_whatever_walks_are_begun_and_left_in_it)
{
    setup();
    enter(1);
    put_some(40);
    double outer = tm__operator_collections.walk(&keyed, slot_of(0), FIXED);
    int passed = 0;
    while (tm__operator_collections.walk_next(&keyed, outer, 0) == 1) {
        passed++;
        double ended = tm__operator_collections.walk(&keyed, slot_of(0), FIXED);
        int entries = 0;
        while (tm__operator_collections.walk_next(&keyed, ended, 0) == 1)
            entries++;
        ck_assert_int_eq(entries, 40);
        double left = tm__operator_collections.walk(&keyed, slot_of(0), FIXED);
        ck_assert_int_eq(tm__operator_collections.walk_next(&keyed, left, 0), 1);
    }
    ck_assert_int_eq(passed, 40);
    settle(true);
    teardown();
}
END_TEST

START_TEST(what_is_too_long_changes_nothing)
{
    setup();
    enter(1);
    static uint8_t long_key[TM_STATE_MAP_KEY_BYTES_MAX + 1];
    put_some(1);
    ck_assert_int_eq(tm__operator_collections.map_put(&keyed, slot_of(0), TEXTS, long_key,
                                                      sizeof long_key, bytes, 8, 0),
                     TM_E_LIMIT);
    ck_assert_int_eq(tm__operator_collections.map_put(&keyed, slot_of(0), TEXTS, long_key, 8, bytes,
                                                      TM_STATE_COLLECTION_VALUE_BYTES_MAX + 1, 0),
                     TM_E_LIMIT);
    ck_assert_int_eq(tm__operator_collections.list_append(&keyed, slot_of(0), LIST, bytes,
                                                          TM_STATE_COLLECTION_VALUE_BYTES_MAX + 1,
                                                          0),
                     TM_E_LIMIT);
    ck_assert_int_eq(tm__operator_collections.size(&keyed, slot_of(0), TEXTS), 0);
    ck_assert_int_eq(tm__operator_collections.size(&keyed, slot_of(0), LIST), 0);
    ck_assert_uint_eq(keyed.changes.size_bytes, sizeof(struct tm__operator_change));
    settle(true);
    teardown();
}
END_TEST

// --- records from outside ------------------------------------------------------------------------

// Some calls on all keys that nobody knows the outcome of.
static void work_on(uint32_t rounds)
{
    for (uint32_t round = 0; round < rounds; round++) {
        enter(KEYS);
        for (uint32_t key = 0; key < KEYS; key++) {
            uint32_t state = (uint32_t)draw(STATES),
                     length = bytes_of((int)state, (uint32_t)draw(999));
            uint8_t **slot = slot_of(key);
            bool is_map = kinds[state].kind == TM_STATE_MAP;
            double access = now_of((int)state), number;
            int rc = is_map ? tm__operator_collections.map_put(&keyed, slot, state,
                                                               key_bytes((uint32_t)draw(MAP_KEYS)),
                                                               8, bytes, length, access)
                            : tm__operator_collections.list_append(&keyed, slot, state, bytes,
                                                                   length, access);
            ck_assert_int_ge(rc, 0);
            number = tm__operator_collections.walk(&keyed, slot, state);
            while ((rc = tm__operator_collections.walk_next(&keyed, number, access)) == 1)
                ck_assert_uint_lt(tm_hash_bytes(entry.found, (size_t)entry.found_length),
                                  UINT64_MAX);
            ck_assert_int_eq(rc, 0);
            if (is_map && draw(2) == 0)
                (void)!tm__operator_collections.map_remove(&keyed, slot, state,
                                                           key_bytes((uint32_t)draw(MAP_KEYS)), 8);
            if (draw(20) == 0)
                ck_assert_int_eq(tm__operator_collections.clear(&keyed, slot, state), 0);
            settle(draw(4) != 0);
        }
        leave();
    }
}

// Bytes of a segment become others, and its checksum says so.
static void edit(struct tm_restored *restored)
{
    struct tm__data *data = &restored->data[0];
    struct tm__link *links[256];
    uint32_t count = 0;
    for (uint32_t p = 0; p < data->index.part_count; p++) {
        struct tm__index_part *part = &data->index.parts[p];
        for (uint32_t g = 0; part->kind == TM__PART_STATE && g <= part->last - part->first; g++)
            for (uint32_t i = 0; i < part->chains[g].count && count < 256; i++)
                links[count++] = &part->chains[g].links[i];
    }
    struct tm__link *link = links[draw(count)];
    uint8_t *segment = data->bytes.data + link->offset;
    for (uint64_t n = 1 + draw(3); n > 0 && link->length >= 16; n--) {
        uint64_t at = draw(link->length - 7), word = draw(4) == 0 ? draw(UINT32_MAX) : draw(64);
        if (draw(3) == 0)
            segment[at] = (uint8_t)draw(256);
        else if (draw(2) == 0) // a word as it stands in pages
            memcpy(segment + at / 4 * 4, &word, 4);
        else // a reference that another has
            memcpy(segment + at / 8 * 8, segment + draw(link->length - 7) / 8 * 8, 8);
    }
    link->checksum = tm_hash_bytes(segment, link->length);
}

START_TEST(an_edited_record_is_refused_or_harmless)
{
    struct tm_error err = {0};
    struct tm_cut *cut;
    uint32_t refused = 0, taken = 0, nowhere = 0;
    seed_from("an_edited_record_is_refused_or_harmless");
    random_state += (uint64_t)_i * 7919;
    setup();
    work_on(60);
    ck_assert_int_eq(tm_cut_new(&world.mem, 1, 0, world.ctx.subtask, &cut), 0);
    struct tm__operator_keyed first = keyed;
    ck_assert_int_eq(tm__operator_keyed_snapshot(&first, cut, "keyed", &err), 0);
    const struct tm_cut *const cuts[] = {cut};
    for (uint32_t round = 0; round < 300; round++) {
        struct tm_restored *restored;
        tm_error_clear(&err);
        ck_assert_int_eq(tm_restored_from_cuts(&world.mem, cuts, 1, &restored, &err), 0);
        if (round != 0)
            edit(restored);
        ck_assert_int_eq(tm__operator_keyed_open(&keyed, &op, TM__SCOPE_KEY, &world.err), 0);
        tm__operator_keys_init(&keyed.keys, keyed.mem, world.input, &world.node.key);
        keyed.entry = &entry;
        keyed.clock_ms = keyed.watermark = 1000;
        int rc = tm__operator_keyed_restore(&keyed, restored, "keyed", &err);
        ck_assert_msg(rc == 0 || (rc == TM_E_CHECKPOINT && round != 0), "%d: %s", rc, err.message);
        tm_restored_free(restored);
        refused += rc != 0;
        taken += rc == 0;
        nowhere += strstr(err.message, "not whole") != NULL;
        if (rc == 0)
            work_on(4);
        tm__operator_keyed_fini(&keyed);
    }
    printf("%u refused, %u of them for a collection, %u taken\n", refused, nowhere, taken);
    ck_assert_uint_gt(nowhere, 0);
    ck_assert_uint_gt(taken, 1);
    keyed = first;
    tm_cut_free(cut);
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("collections");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, any_sequence_of_calls_gives_what_plain_models_give, 0, 5);
    tcase_add_test(tc, records_go_when_all_that_they_hold_is_over);
    tcase_add_test(tc, a_search_looks_at_a_bounded_number_of_entries);
    tcase_add_test(tc, a_walk_sees_each_entry_once_whatever_its_call_changes);
    tcase_add_test(tc, clearing_ends_a_walk_and_what_empties_a_map_does_not);
    tcase_add_test(tc, a_walk_ends_with_its_call_and_sixteen_can_be_under_way);
    tcase_add_test(tc, a_walk_goes_on_whatever_walks_are_begun_and_left_in_it);
    tcase_add_test(tc, what_is_too_long_changes_nothing);
    tcase_add_loop_test(tc, an_edited_record_is_refused_or_harmless, 0, 4);
    return run_operator_case(tc, "collections");
}
