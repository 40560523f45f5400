// Looking for keys in maps.
#include "core/batch/nested.h"

static int compare_bytes(const uint8_t *a, uint32_t a_len, const uint8_t *b, uint32_t b_len)
{
    uint32_t least = a_len < b_len ? a_len : b_len;
    int order = least == 0 ? 0 : memcmp(a, b, least);
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

int tm_map_compare(enum tm_type_kind kind, struct tm_slot a, struct tm_slot b)
{
    if (kind != TM_TYPE_STRING) {
        int64_t x = tm_slot_int(a), y = tm_slot_int(b);
        return (x > y) - (x < y);
    }
    uint32_t a_len, b_len;
    const uint8_t *p = tm_slot_bytes(a, &a_len), *q = tm_slot_bytes(b, &b_len);
    return compare_bytes(p, a_len, q, b_len);
}

int32_t tm_map_find_text(const struct tm_map *map, const char *key, uint32_t length)
{
    uint32_t low = 0, high = map->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, n;
        const uint8_t *p = tm_slot_bytes(tm_map_key(map, middle), &n);
        int order = compare_bytes(p, n, (const uint8_t *)key, length);
        if (order == 0)
            return (int32_t)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

int32_t tm_map_find_number(const struct tm_map *map, int64_t number)
{
    uint32_t low = 0, high = map->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int64_t key = tm_slot_int(tm_map_key(map, middle));
        if (key == number)
            return (int32_t)middle;
        if (key < number)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}
