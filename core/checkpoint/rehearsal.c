// What a job asks of a checkpoint when it is opened and not run: each part, and what would become
// of each field of a state, by the same matching that fills it (convert.h).
#include "core/base/buf.h"
#include "core/checkpoint/changed.h"
#include "core/checkpoint/convert.h"
#include "core/checkpoint/restored_parts.h"

struct tm__rehearsal {
    struct tm_arena arena;
    struct tm_buf notes; // struct tm_rehearsed
    int code;            // TM_E_MEMORY: one could not be noted
};

static const char *keep(struct tm__rehearsal *r, const char *text)
{
    const char *copy = text == NULL ? NULL : tm_arena_strndup(&r->arena, text, strlen(text));
    if (text != NULL && copy == NULL)
        r->code = TM_E_MEMORY;
    return copy;
}

static bool is_noted(const struct tm__rehearsal *r, const char *operator_name, const char *part,
                     const char *field)
{
    const struct tm_rehearsed *notes = (const struct tm_rehearsed *)(const void *)r->notes.data;
    for (size_t i = 0; i < r->notes.size_bytes / sizeof *notes; i++)
        if (strcmp(notes[i].operator_name, operator_name) == 0 &&
            strcmp(notes[i].part, part) == 0 && (notes[i].field == NULL) == (field == NULL) &&
            (field == NULL || strcmp(notes[i].field, field) == 0))
            return true;
    return false;
}

static void add(struct tm__rehearsal *r, const char *operator_name, const char *part,
                const char *field, enum tm_field_change change, const char *text)
{
    if (is_noted(r, operator_name, part, field)) // by another subtask, or twice
        return;
    const struct tm_rehearsed note = {.operator_name = keep(r, operator_name),
                                      .part = keep(r, part),
                                      .field = keep(r, field),
                                      .change = change,
                                      .text = keep(r, text)};
    if (r->code == 0)
        r->code = tm_buf_append(&r->notes, &note, sizeof note);
}

void tm__rehearse_part(const struct tm_restored *restored, const char *operator_name,
                       const char *part)
{
    add(restored->rehearsal, operator_name, part, NULL, TM_FIELD_KEPT, "");
}

struct describing {
    struct tm__rehearsal *rehearsal;
    const char *operator_name, *part;
};

static void describe(void *arg, const struct tm_layout_field *from,
                     const struct tm_layout_field *to, enum tm_field_change change,
                     const char *text)
{
    struct describing *d = arg;
    if (from == NULL || from->name[0] != TM__LEFT_OUT)
        add(d->rehearsal, d->operator_name, d->part, to != NULL ? to->name : from->name, change,
            text);
}

int tm__rehearse_state(const struct tm_restored *restored, const char *operator_name,
                       const char *part, const struct tm_layout *layout, uint32_t max_parallelism,
                       struct tm_error *err)
{
    struct describing d = {restored->rehearsal, operator_name, part};
    tm__rehearse_part(restored, operator_name, part);
    for (uint32_t i = 0; i < restored->data_count; i++) {
        const struct tm_layout *old;
        const struct tm__index_part *found =
            tm__data_find(&restored->data[i], operator_name, part, &old);
        if (found == NULL)
            continue;
        if (found->kind != TM__PART_STATE)
            add(d.rehearsal, operator_name, part, "", TM_FIELD_DIFFERENT,
                "it is no state in the checkpoint");
        else if (old != NULL && layout != NULL)
            return tm_convert_describe(restored->mem, old, layout, describe, &d, err);
        else if (found->max_parallelism != max_parallelism)
            add(d.rehearsal, operator_name, part, "", TM_FIELD_DIFFERENT,
                "what it is made of is not known, so its max parallelism stays");
        return 0;
    }
    return 0;
}

// --- beginning and end ---------------------------------------------------------------------------

int tm_restored_rehearse(struct tm_restored *restored, struct tm_error *err)
{
    struct tm__rehearsal *r = tm_mem_zalloc(restored->mem, sizeof *r);
    if (r == NULL)
        return tm_error_set(err, TM_E_MEMORY, "out of memory for a checkpoint");
    tm_arena_init(&r->arena, restored->mem);
    tm_buf_init(&r->notes, restored->mem);
    restored->rehearsal = r;
    return 0;
}

const struct tm_rehearsed *tm_restored_rehearsed(const struct tm_restored *restored,
                                                 uint32_t *count)
{
    const struct tm_buf *notes = &restored->rehearsal->notes;
    *count = (uint32_t)(notes->size_bytes / sizeof(struct tm_rehearsed));
    return (const struct tm_rehearsed *)(const void *)notes->data;
}

int tm_restored_end_rehearsal(struct tm_restored *restored, struct tm_error *err)
{
    struct tm__rehearsal *r = restored->rehearsal;
    int rc = r->code;
    tm_buf_fini(&r->notes);
    tm_arena_fini(&r->arena);
    tm_mem_free(restored->mem, r, sizeof *r);
    restored->rehearsal = NULL;
    return rc == 0 ? 0 : tm_error_set(err, rc, "out of memory for a checkpoint");
}
