// What Lua sees of values of type any.
#include "core/batch/any.ffi.h"

#include <string.h>

#include "core/batch/any.h"

int tm_any_item_read(const uint8_t *at, const uint8_t *end, struct tm_any_item *item)
{
    struct tm_any v = tm_any_read(at, end);
    const uint8_t *behind = v.kind == TM_ANY_END ? NULL : v.next;
    if (v.kind == TM_ANY_ARRAY || v.kind == TM_ANY_MAP)
        behind = tm_any_skip(at, end);
    item->kind = (int32_t)v.kind;
    if (behind == NULL) {
        item->kind = TM_ANY_END;
        return 0;
    }
    item->count = (int32_t)v.count;
    item->at = at;
    item->next = v.next;
    item->end = behind;
    item->bytes = v.kind >= TM_ANY_STRING ? v.bytes : NULL;
    item->integer = v.kind <= TM_ANY_UINT ? v.integer : 0;
    item->number = v.kind == TM_ANY_DOUBLE ? v.number
                   : v.kind == TM_ANY_UINT ? (double)(uint64_t)v.integer
                                           : (double)item->integer;
    return 1;
}

int tm_any_item_find(const struct tm_any_item *map, const char *key, uint32_t length,
                     struct tm_any_item *item)
{
    const uint8_t *p = map->next;
    for (int32_t i = 0; i < map->count; i++) {
        struct tm_any k = tm_any_read(p, map->end);
        const uint8_t *value = tm_any_skip(p, map->end);
        if (value == NULL)
            return 0;
        if (k.kind == TM_ANY_STRING && k.count == length && memcmp(k.bytes, key, length) == 0)
            return tm_any_item_read(value, map->end, item);
        if ((p = tm_any_skip(value, map->end)) == NULL)
            return 0;
    }
    return 0;
}

int tm_any_item_find_number(const struct tm_any_item *map, double key, struct tm_any_item *item)
{
    const uint8_t *p = map->next;
    for (int32_t i = 0; i < map->count; i++) {
        struct tm_any k = tm_any_read(p, map->end);
        const uint8_t *value = tm_any_skip(p, map->end);
        if (value == NULL)
            return 0;
        if ((k.kind == TM_ANY_INT && (double)k.integer == key) ||
            (k.kind == TM_ANY_DOUBLE && k.number == key))
            return tm_any_item_read(value, map->end, item);
        if ((p = tm_any_skip(value, map->end)) == NULL)
            return 0;
    }
    return 0;
}
