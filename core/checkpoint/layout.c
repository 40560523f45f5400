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
