// Buckets of maps: putting entries in, taking them out, moving them to another bucket.
#include "core/state/map_plain.h"

void tm__bucket_init(struct tm__bucket *bucket, uint32_t bytes, uint32_t stride, uint32_t depth)
{
    uint32_t units = bytes / TM__UNIT_BYTES;
    *bucket = (struct tm__bucket){
        .depth = (uint8_t)depth, .units = (uint16_t)units, .stride = (uint16_t)stride};
    if (stride == 0)
        return;
    uint32_t capacity = tm__plain_capacity(units, stride);
    bucket->data = (uint16_t)capacity;
    memset(bucket->slot, 0, capacity); // bytes without an entry are never taken for more than that
}

uint32_t tm__bucket_size(uint32_t units)
{
    // By whole cache lines: behind the head of a page each then lies alike in its lines, the head
    // of a bucket in the first and no small entry in two. From 256 bytes on classes are so, too.
    enum { LINE_UNITS = 64 / TM__UNIT_BYTES };
    uint32_t spare = units < 4 * LINE_UNITS ? LINE_UNITS - 1 : units / 8;
    uint32_t wanted = (units + spare) / LINE_UNITS * LINE_UNITS;
    if (wanted > TM__BUCKET_UNITS)
        wanted = TM__BUCKET_UNITS;
    return tm__piece_bytes((wanted > units ? wanted : units) * TM__UNIT_BYTES);
}

uint32_t tm__bucket_units_of(const struct tm__bucket *bucket, uint32_t i, uint32_t end)
{
    if (bucket->stride != 0)
        return tm__plain_units(end - i, bucket->stride);
    uint32_t units = TM__BUCKET_HEAD + end - i;
    for (; i < end; i++)
        units += tm__bucket_item_units(bucket->slot[i]);
    return units;
}

// --- slots ---------------------------------------------------------------------------------------

void *tm__bucket_insert(struct tm__bucket *bucket, uint32_t i, uint64_t slot, uint32_t units)
{
    memmove(&bucket->slot[i + 1], &bucket->slot[i], (bucket->count - i) * sizeof slot);
    bucket->count++;
    bucket->data = (uint16_t)(bucket->data + units);
    bucket->slot[i] = slot | bucket->data;
    return tm__bucket_item(bucket, bucket->slot[i]);
}

static void remove_slot(struct tm__bucket *bucket, uint32_t i)
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

static void append_slots(struct tm__bucket *bucket, const struct tm__bucket *from, uint32_t i,
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

// --- plain ---------------------------------------------------------------------------------------

uint32_t tm__plain_seek(const struct tm__bucket *bucket, uint64_t hash)
{
    uint32_t low = 0, high = bucket->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tm__plain_hash(bucket, middle) < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t bytes_of(const struct tm__bucket *bucket, uint32_t entries)
{
    return (size_t)entries * bucket->stride * TM__UNIT_BYTES;
}

void *tm__plain_insert(struct tm__bucket *bucket, uint32_t i, uint64_t word)
{
    uint32_t behind = bucket->count - i;
    uint8_t *byte = tm__plain_bytes(bucket) + i;
    uint64_t *entry = tm__plain_entry(bucket, i);
    memmove(byte + 1, byte, behind);
    memmove(entry + bucket->stride, entry, bytes_of(bucket, behind));
    *byte = tm__plain_byte(word);
    *entry = word;
    bucket->count++;
    return entry + 1;
}

static void remove_plain(struct tm__bucket *bucket, uint32_t i)
{
    uint32_t behind = --bucket->count - i;
    uint8_t *byte = tm__plain_bytes(bucket) + i;
    uint64_t *entry = tm__plain_entry(bucket, i);
    memmove(byte, byte + 1, behind);
    memmove(entry, entry + bucket->stride, bytes_of(bucket, behind));
}

static void append_plain(struct tm__bucket *bucket, const struct tm__bucket *from, uint32_t i,
                         uint32_t end)
{
    memcpy(tm__plain_bytes(bucket) + bucket->count, tm__plain_bytes(from) + i, end - i);
    memcpy(tm__plain_entry(bucket, bucket->count), tm__plain_entry(from, i),
           bytes_of(from, end - i));
    bucket->count = (uint16_t)(bucket->count + end - i);
}

// Its entries get slots.
static void append_slots_of_plain(struct tm__bucket *bucket, const struct tm__bucket *from,
                                  uint32_t i, uint32_t end)
{
    uint32_t length = tm__plain_value_length(from);
    for (; i < end; i++) {
        const uint64_t *entry = tm__plain_entry(from, i);
        uint64_t slot = tm__slot_of(tm__plain_hash(from, i), TM__UNIT_BYTES, length, 0);
        uint8_t *item = tm__bucket_insert(bucket, bucket->count, slot, from->stride);
        memcpy(item, entry + 1, length);
        memcpy(item + length, entry, TM__UNIT_BYTES);
    }
}

// --- of both kinds -------------------------------------------------------------------------------

void tm__bucket_append(struct tm__bucket *bucket, const struct tm__bucket *from, uint32_t i,
                       uint32_t end)
{
    if (bucket->stride != 0)
        append_plain(bucket, from, i, end);
    else if (from->stride != 0)
        append_slots_of_plain(bucket, from, i, end);
    else
        append_slots(bucket, from, i, end);
}

void tm__bucket_remove(struct tm__bucket *bucket, uint32_t i)
{
    if (bucket->stride != 0)
        remove_plain(bucket, i);
    else
        remove_slot(bucket, i);
}
