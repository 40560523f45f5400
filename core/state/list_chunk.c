// Chunks of lists: values put in, changed and taken out.
#include "core/state/list_chunk.h"

void tm__list_chunk_init(struct tm__list_chunk *chunk, uint32_t bytes)
{
    *chunk = (struct tm__list_chunk){.units = (uint16_t)(bytes / TM__UNIT_BYTES)};
}

void tm__list_chunk_insert(struct tm__list_chunk *chunk, uint32_t i)
{
    memmove(&chunk->slot[i + 1], &chunk->slot[i], (chunk->count - i) * sizeof *chunk->slot);
    chunk->count++;
    chunk->slot[i] = 0;
}

void tm__list_chunk_unset(struct tm__list_chunk *chunk, uint32_t i)
{
    uint32_t units = tm__list_chunk_value_units(chunk->slot[i]);
    if ((chunk->slot[i] & 0xffff) == chunk->data)
        chunk->data = (uint16_t)(chunk->data - units);
    else
        chunk->garbage = (uint16_t)(chunk->garbage + units);
    chunk->slot[i] = 0;
}

void tm__list_chunk_copy(struct tm__list_chunk *chunk, const struct tm__list_chunk *from,
                         uint32_t without)
{
    chunk->count = from->count;
    for (uint32_t i = 0; i < from->count; i++) {
        chunk->slot[i] = 0;
        if (i == without)
            continue;
        void *to = tm__list_chunk_set(chunk, i, from->slot[i] & 0xffff0000);
        memcpy(to, tm__list_chunk_value(from, from->slot[i]),
               (size_t)tm__list_chunk_value_units(from->slot[i]) * TM__UNIT_BYTES);
    }
}

void tm__list_chunk_remove(struct tm__list_chunk *chunk, uint32_t i, uint32_t end)
{
    for (uint32_t k = i; k < end; k++)
        tm__list_chunk_unset(chunk, k);
    memmove(&chunk->slot[i], &chunk->slot[end], (chunk->count - end) * sizeof *chunk->slot);
    chunk->count = (uint16_t)(chunk->count - (end - i));
}
