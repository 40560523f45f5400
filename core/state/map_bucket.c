// Buckets of maps: putting items in, taking them out, moving them to another bucket.
#include "core/state/map_bucket.h"

void tm__bucket_init(struct tm__bucket *bucket, uint32_t bytes, uint32_t depth)
{
    *bucket =
        (struct tm__bucket){.depth = (uint8_t)depth, .units = (uint16_t)(bytes / TM__UNIT_BYTES)};
}

uint32_t tm__bucket_size(uint32_t units)
{
    // Small ones grow by a quarter; large ones go from class to class, which is as much.
    uint32_t spare = units < 64 ? units / 4 : units / 8;
    uint32_t wanted = units + spare < TM__BUCKET_UNITS ? units + spare : TM__BUCKET_UNITS;
    return tm__piece_bytes((wanted > units ? wanted : units) * TM__UNIT_BYTES);
}

void *tm__bucket_insert(struct tm__bucket *bucket, uint32_t i, uint64_t slot, uint32_t units)
{
    memmove(&bucket->slot[i + 1], &bucket->slot[i], (bucket->count - i) * sizeof slot);
    bucket->count++;
    bucket->data = (uint16_t)(bucket->data + units);
    bucket->slot[i] = slot | bucket->data;
    return tm__bucket_item(bucket, bucket->slot[i]);
}

void tm__bucket_remove(struct tm__bucket *bucket, uint32_t i)
{
    uint64_t slot = bucket->slot[i];
    uint32_t units = tm__bucket_item_units(slot);
    if (tm__slot_distance(slot) == bucket->data)
        bucket->data = (uint16_t)(bucket->data - units);
    else
        bucket->garbage = (uint16_t)(bucket->garbage + units);
    bucket->count--;
    memmove(&bucket->slot[i], &bucket->slot[i + 1], (bucket->count - i) * sizeof slot);
}

void tm__bucket_append(struct tm__bucket *bucket, const struct tm__bucket *from, uint32_t i,
                       uint32_t end)
{
    if (from->garbage == 0 && bucket->data == 0 && i == 0 && end == from->count) {
        // Distances are from the end: all stays as it is.
        size_t bytes = (size_t)from->data * TM__UNIT_BYTES;
        memcpy(bucket->slot, from->slot, end * sizeof *from->slot);
        memcpy((uint8_t *)bucket + (size_t)bucket->units * TM__UNIT_BYTES - bytes,
               (const uint8_t *)from + (size_t)from->units * TM__UNIT_BYTES - bytes, bytes);
        bucket->data = from->data;
        bucket->count = (uint16_t)end;
        return;
    }
    for (; i < end; i++) {
        uint64_t slot = from->slot[i];
        uint32_t units = tm__bucket_item_units(slot);
        void *item = tm__bucket_insert(bucket, bucket->count, slot & ~(uint64_t)2047, units);
        memcpy(item, tm__bucket_item(from, slot), (size_t)units * TM__UNIT_BYTES);
    }
}
