// Reading nested values: lists, maps and structs where they lie in a row (row.ffi.h has the form).
// Values are trusted here: what came from outside has passed tm_wire_check_rows. No allocation, any
// thread; pointers are valid as long as the row's bytes are.
#pragma once

#include "core/batch/batch.h"

// Where a value stands: its slot, and the first byte of what encloses it, from which references
// count: the row, struct, list or map.
struct tm_slot {
    const uint8_t *base;
    const uint8_t *at;
};

static inline struct tm_slot tm_slot_of_row(const struct tm_row *row, uint32_t offset)
{
    const uint8_t *base = (const uint8_t *)row;
    return (struct tm_slot){base, base + offset};
}
// What a reference's slot leads to.
static inline const uint8_t *tm_slot_bytes(struct tm_slot slot, uint32_t *len)
{
    struct tm_ref ref;
    memcpy(&ref, slot.at, sizeof ref);
    *len = ref.length;
    return slot.base + ref.offset;
}
static inline const struct tm_row *tm_slot_struct(struct tm_slot slot)
{
    uint32_t len;
    return (const struct tm_row *)(const void *)tm_slot_bytes(slot, &len);
}
static inline const struct tm_list *tm_slot_list(struct tm_slot slot)
{
    uint32_t len;
    return (const struct tm_list *)(const void *)tm_slot_bytes(slot, &len);
}
static inline const struct tm_map *tm_slot_map(struct tm_slot slot)
{
    uint32_t len;
    return (const struct tm_map *)(const void *)tm_slot_bytes(slot, &len);
}
static inline int64_t tm_slot_int(struct tm_slot slot)
{
    int64_t v;
    memcpy(&v, slot.at, sizeof v);
    return v;
}
static inline double tm_slot_double(struct tm_slot slot)
{
    double v;
    memcpy(&v, slot.at, sizeof v);
    return v;
}
static inline __int128 tm_slot_decimal(struct tm_slot slot)
{
    __int128 v;
    memcpy(&v, slot.at, sizeof v);
    return v;
}

// A null bitmap of `count` values and their slots, `offset` bytes behind `base`.
static inline bool tm__nested_is_null(const void *base, uint32_t offset, uint32_t i)
{
    const uint64_t *nulls = (const uint64_t *)(const void *)((const uint8_t *)base + offset);
    return (nulls[i >> 6] >> (i & 63)) & 1;
}
static inline struct tm_slot tm__nested_slot(const void *base, uint32_t offset, uint32_t count,
                                             uint32_t i, uint32_t slot_bytes)
{
    const uint8_t *p = (const uint8_t *)base;
    return (struct tm_slot){p, p + offset + 8 * ((count + 63) / 64) + (size_t)i * slot_bytes};
}

// Items of a list, from 0; `type` is theirs.
static inline bool tm_list_is_null(const struct tm_list *list, uint32_t i)
{
    return tm__nested_is_null(list, list->items, i);
}
static inline struct tm_slot tm_list_item(const struct tm_list *list, struct tm_type type,
                                          uint32_t i)
{
    return tm__nested_slot(list, list->items, list->count, i, tm_type_slot_bytes(type));
}

// Entries of a map, from 0, in the order of their keys; `type` is the values'.
static inline struct tm_slot tm_map_key(const struct tm_map *map, uint32_t i)
{
    const uint8_t *p = (const uint8_t *)map;
    return (struct tm_slot){p, p + map->keys + (size_t)i * 8};
}
static inline bool tm_map_is_null(const struct tm_map *map, uint32_t i)
{
    return tm__nested_is_null(map, map->values, i);
}
static inline struct tm_slot tm_map_value(const struct tm_map *map, struct tm_type type, uint32_t i)
{
    return tm__nested_slot(map, map->values, map->count, i, tm_type_slot_bytes(type));
}
// Order of two keys of a map: negative, 0, positive.
int tm_map_compare(enum tm_type_kind kind, struct tm_slot a, struct tm_slot b);
