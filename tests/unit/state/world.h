// A state of values with a number, a text, a map and a list, changed at random, and what is equal
// in two of them. Draws are the caller's, so that several states can be changed alike.
#pragma once

#include "core/state/collection.h"
#include "core/state/image.h"
#include "tests/unit/state/support.h"

struct world_value {
    uint64_t number;
    struct tm_blob text;
    struct tm_state_map map;
    struct tm_state_list list;
};

static inline struct tm_state *world_state(uint32_t max_parallelism)
{
    struct tm_state_args args = {&mem, max_parallelism, 0, max_parallelism - 1,
                                 sizeof(struct world_value)};
    struct tm_state *state;
    ck_assert_int_eq(tm_state_new(&args, &state, NULL), 0);
    return state;
}

enum world_what {
    WORLD_NUMBER,
    WORLD_TEXT,
    WORLD_PUT,
    WORLD_ERASE,
    WORLD_APPEND,
    WORLD_SHIFT,
    WORLD_REMOVE,
    WORLD_DROP,
};

// One change, drawn once.
struct world_change {
    enum world_what what;
    int64_t ns;
    uint64_t key, number;
    uint32_t length;
};

static inline struct world_change world_draw(uint64_t keys, uint64_t namespaces)
{
    struct world_change c = {.what = (enum world_what)draw(WORLD_DROP),
                             .ns = (int64_t)draw(namespaces) - 1,
                             .key = draw(keys),
                             .number = draw(UINT32_MAX)};
    if (draw(3000) == 0)
        c.what = WORLD_DROP;
    uint64_t size = draw(100);
    c.length = (uint32_t)(size < 70   ? draw(40)
                          : size < 97 ? draw(700)
                          : size < 99 ? draw(5000)
                                      : draw(40000));
    return c;
}

// The bytes of a key: longer ones are among them.
static inline struct tm_key world_key(uint64_t number, uint8_t bytes[400])
{
    uint32_t length = number % 50 == 7 ? 300 : 8 + (uint32_t)(number % 9);
    memset(bytes, (int)(number % 251), length);
    memcpy(bytes, &number, sizeof number);
    return (struct tm_key){tm_hash_bytes(bytes, length), bytes, length};
}

static inline const uint8_t *world_bytes(uint64_t number, uint32_t length)
{
    static uint8_t bytes[40000];
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(number * 31 + (uint64_t)i * 7);
    return bytes;
}

static inline void world_clear(const struct tm_place *place, struct world_value *value)
{
    tm_state_map_clear(place, &value->map);
    tm_state_list_clear(place, &value->list);
    ck_assert_int_eq(
        tm_state_blob_set(place->state, place->ns, place->key_group, &value->text, "", 0), 0);
}

static inline void world_apply(struct tm_state *state, const struct world_change *c)
{
    uint8_t bytes[400];
    struct tm_namespace *ns = tm_state_namespace_find(state, c->ns);
    if (c->what == WORLD_DROP) {
        if (ns != NULL)
            tm_state_namespace_drop(state, ns);
        return;
    }
    if (ns == NULL)
        ns = tm_state_namespace_create(state, c->ns);
    ck_assert_ptr_nonnull(ns);
    struct tm_key key = world_key(c->key, bytes);
    struct tm_place place = {state, ns, tm_state_key_group(state, key.hash)};
    struct world_value *value;
    if (c->what == WORLD_REMOVE) {
        if (tm_state_find(state, ns, &key) == NULL)
            return;
        value = tm_state_upsert(state, ns, &key, NULL);
        world_clear(&place, value);
        ck_assert_int_eq(tm_state_remove(state, ns, &key), 1);
        return;
    }
    value = tm_state_upsert(state, ns, &key, NULL);
    ck_assert_ptr_nonnull(value);
    uint64_t word = c->number % 300;
    struct tm_key field = {tm_hash_bytes(&word, sizeof word), &word, sizeof word};
    int rc = 0;
    switch (c->what) {
    case WORLD_NUMBER:
        value->number = c->number;
        break;
    case WORLD_TEXT:
        rc = tm_state_blob_set(state, ns, place.key_group, &value->text,
                               world_bytes(c->number, c->length), c->length);
        break;
    case WORLD_PUT:
        rc = tm_state_map_put(&place, &value->map, &field, world_bytes(c->number, c->length),
                              c->length);
        break;
    case WORLD_ERASE:
        rc = tm_state_map_remove(&place, &value->map, &field);
        break;
    case WORLD_APPEND:
        for (uint64_t i = 0; i <= word % 70 && rc >= 0; i++)
            rc = tm_state_list_append(&place, &value->list, world_bytes(c->number + i, c->length),
                                      i == 0 ? c->length : c->length % 24);
        break;
    default:
        rc = tm_state_list_remove_first(&place, &value->list, (uint32_t)word);
    }
    ck_assert_int_ge(rc, 0);
}

// --- what is equal -------------------------------------------------------------------------------

static inline void world_equal_values(const struct tm_place *a, const struct tm_place *b,
                                      const struct world_value *x, const struct world_value *y)
{
    ck_assert_uint_eq(x->number, y->number);
    ck_assert_uint_eq(x->text.length, y->text.length);
    ck_assert_int_eq(memcmp(tm_state_blob_get(a->state, a->key_group, &x->text),
                            tm_state_blob_get(b->state, b->key_group, &y->text), x->text.length),
                     0);
    ck_assert_uint_eq(x->map.count, y->map.count);
    struct tm_state_map_cursor c = {0}, d = {0};
    struct tm_key key, other;
    struct tm_span value, same;
    uint32_t count = 0;
    for (; tm_state_map_next(a, &x->map, &c, &key, &value) == 1; count++) {
        ck_assert_int_eq(tm_state_map_next(b, &y->map, &d, &other, &same), 1);
        ck_assert(key.length == other.length && memcmp(key.bytes, other.bytes, key.length) == 0);
        ck_assert(value.length == same.length &&
                  memcmp(value.bytes, same.bytes, value.length) == 0);
    }
    ck_assert_uint_eq(count, x->map.count);
    ck_assert_uint_eq(x->list.count, y->list.count);
    for (uint32_t i = 0; i < x->list.count; i++) {
        ck_assert_int_eq(tm_state_list_get(a, &x->list, i, &value), 1);
        ck_assert_int_eq(tm_state_list_get(b, &y->list, i, &same), 1);
        ck_assert(value.length == same.length &&
                  memcmp(value.bytes, same.bytes, value.length) == 0);
    }
}

static inline uint64_t world_count(struct tm_state *state)
{
    uint64_t count = 0;
    for (struct tm_namespace *ns = tm_state_namespace_first(state); ns != NULL;
         ns = tm_state_namespace_next(ns))
        count += tm_state_namespace_size(ns);
    return count;
}

// All entries of `a` are in `b`, and there are as many. Max parallelism may be another.
static inline void world_equal(struct tm_state *a, struct tm_state *b)
{
    uint32_t max_parallelism, first, last;
    uint64_t count = 0;
    tm_state_key_groups(a, &max_parallelism, &first, &last);
    for (struct tm_namespace *ns = tm_state_namespace_first(a); ns != NULL;
         ns = tm_state_namespace_next(ns)) {
        struct tm_namespace *other = tm_state_namespace_find(b, tm_state_namespace_id(ns));
        if (tm_state_namespace_size(ns) == 0)
            continue;
        ck_assert_ptr_nonnull(other);
        for (uint32_t group = first; group <= last; group++) {
            struct tm_state_cursor cursor;
            struct tm_key key;
            const void *value;
            tm_state_iterate(a, ns, group, &cursor);
            for (; tm_state_next(&cursor, &key, &value); count++) {
                const void *same = tm_state_find(b, other, &key);
                ck_assert_ptr_nonnull(same);
                struct tm_place x = {a, ns, group};
                struct tm_place y = {b, other, tm_state_key_group(b, key.hash)};
                world_equal_values(&x, &y, value, same);
            }
            ck_assert_int_eq(cursor.code, 0);
        }
    }
    ck_assert_uint_eq(count, world_count(a));
    ck_assert_uint_eq(count, world_count(b));
}
