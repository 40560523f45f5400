// What values are made of, copied and compared.
#include "core/checkpoint/index.h"

const struct tm_layout *tm__layout_copy(struct tm_arena *arena, const struct tm_layout *layout)
{
    struct tm_layout *copy = tm_arena_alloc(arena, sizeof *copy);
    struct tm_layout_field *fields =
        tm_arena_alloc(arena, (layout->field_count + 1) * sizeof *fields);
    if (copy == NULL || fields == NULL)
        return NULL;
    *copy = *layout;
    if (layout->field_count != 0)
        memcpy(fields, layout->fields, layout->field_count * sizeof *fields);
    copy->fields = fields;
    return copy;
}

static bool fields_are_equal(const struct tm_layout_field *a, const struct tm_layout_field *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->type, b->type) == 0 && a->kind == b->kind &&
           a->offset == b->offset && a->bytes == b->bytes && a->present_bit == b->present_bit &&
           a->value_bytes == b->value_bytes && a->present_at == b->present_at &&
           a->head_bytes == b->head_bytes && a->inside == b->inside && a->in_head == b->in_head;
}

bool tm_layout_equal(const struct tm_layout *a, const struct tm_layout *b)
{
    if (a->value_bytes != b->value_bytes || a->field_count != b->field_count)
        return false;
    for (uint32_t i = 0; i < a->field_count; i++)
        if (!fields_are_equal(&a->fields[i], &b->fields[i]))
            return false;
    return true;
}
