// Names that were others, and what is left out: the indexes and layouts of an opened checkpoint are
// changed, so that whoever asks afterwards finds what there is under the names of today.
#include "core/checkpoint/changed.h"

#include <stdio.h>

#include "core/checkpoint/restored_parts.h"

static int no_memory(struct tm_error *err)
{
    return tm_error_set(err, TM_E_MEMORY, "out of memory for a checkpoint");
}

size_t tm_restored_state_length(const char *field)
{
    const char *space = strstr(field, " (");
    size_t length = strcspn(field, ".");
    return space != NULL && (size_t)(space - field) < length ? (size_t)(space - field) : length;
}

// --- operators -----------------------------------------------------------------------------------

static const char *new_name(const struct tm_restored *restored, const char *name)
{
    for (const struct tm__renamed *r = restored->renamed; r != NULL; r = r->next)
        if (r->state == NULL && strcmp(r->was, name) == 0)
            return r->operator_name;
    return name;
}

static void rename_operators(struct tm_restored *restored)
{
    struct tm_manifest *manifest = &restored->manifest;
    for (uint32_t i = 0; i < manifest->operator_count; i++)
        manifest->operators[i].name = new_name(restored, manifest->operators[i].name);
    for (uint32_t i = 0; i < restored->data_count; i++)
        for (uint32_t k = 0; k < restored->data[i].index.part_count; k++) {
            struct tm__index_part *part = &restored->data[i].index.parts[k];
            part->operator_name = new_name(restored, part->operator_name);
        }
}

// Parts of the operator, all or those of one name, get a name that no operator has. 1: there were
// some.
static int leave_out(struct tm_restored *restored, const char *operator_name, const char *part_name,
                     struct tm_error *err)
{
    size_t size = strlen(operator_name) + 2;
    char *name = NULL;
    for (uint32_t i = 0; i < restored->data_count; i++)
        for (uint32_t k = 0; k < restored->data[i].index.part_count; k++) {
            struct tm__index_part *part = &restored->data[i].index.parts[k];
            if (strcmp(part->operator_name, operator_name) != 0 ||
                (part_name != NULL && strcmp(part->part, part_name) != 0))
                continue;
            if (name == NULL && (name = tm_arena_alloc(&restored->manifest.arena, size)) == NULL)
                return no_memory(err);
            snprintf(name, size, "%c%s", TM__LEFT_OUT, operator_name);
            part->operator_name = name;
        }
    return name != NULL;
}

int tm_restored_drop(struct tm_restored *restored, const char *operator_name, struct tm_error *err)
{
    return leave_out(restored, operator_name, NULL, err);
}

const char *tm_restored_left_out(const struct tm_restored *restored, const char *operator_name,
                                 const char *part)
{
    for (uint32_t i = 0; i < restored->data_count; i++)
        for (uint32_t k = 0; k < restored->data[i].index.part_count; k++) {
            const struct tm__index_part *p = &restored->data[i].index.parts[k];
            if (p->operator_name[0] == TM__LEFT_OUT && strcmp(p->part, part) == 0 &&
                strcmp(p->operator_name + 1, operator_name) == 0)
                return p->operator_name;
        }
    return NULL;
}

// --- states --------------------------------------------------------------------------------------

// What is to become of the names of a layout's fields.
struct renaming {
    const struct tm__renamed *renamed; // all names; NULL: none
    const char *operator_name;
    const char *dropped; // or this state is left out; NULL: none
};

// The name of the state now; NULL: as it was.
static const char *state_now(const struct renaming *renaming, const char *field, size_t length)
{
    for (const struct tm__renamed *r = renaming->renamed; r != NULL; r = r->next)
        if (r->state != NULL && strcmp(r->operator_name, renaming->operator_name) == 0 &&
            strlen(r->was) == length && memcmp(r->was, field, length) == 0)
            return r->state;
    return NULL;
}

static bool is_dropped(const struct renaming *renaming, const char *field, size_t length)
{
    return renaming->dropped != NULL && strlen(renaming->dropped) == length &&
           memcmp(renaming->dropped, field, length) == 0;
}

static bool rename_field(const struct renaming *renaming, struct tm_layout_field *field)
{
    char was[sizeof field->name];
    size_t length = tm_restored_state_length(field->name);
    const char *now = state_now(renaming, field->name, length);
    bool dropped = is_dropped(renaming, field->name, length);
    if (field->inside != 0 || (now == NULL && !dropped))
        return false;
    memcpy(was, field->name, sizeof was);
    if (dropped)
        snprintf(field->name, sizeof field->name, "%c%.*s", TM__LEFT_OUT, TM_NAME_MAX - 1, was);
    else
        snprintf(field->name, sizeof field->name, "%s%.*s", now,
                 (int)(sizeof was - strlen(now) - 1), was + length);
    return true;
}

// Whoever has the old layout gets the new one.
static void replace_layout(struct tm_restored *restored, const struct tm_layout *old,
                           const struct tm_layout *new)
{
    for (uint32_t i = 0; i < restored->data_count; i++)
        for (uint32_t k = 0; k < restored->data[i].index.part_count; k++)
            if (old != NULL && restored->data[i].layouts[k] == old)
                restored->data[i].layouts[k] = new;
}

// 1: some field has another name.
static int rename_layout(struct tm_restored *restored, struct tm_manifest_part *part,
                         const struct renaming *renaming)
{
    struct tm_layout *layout =
        (struct tm_layout *)(uintptr_t)tm__layout_copy(&restored->manifest.arena, part->layout);
    bool any = false;
    if (layout == NULL)
        return TM_E_MEMORY;
    for (uint32_t f = 0; f < layout->field_count; f++)
        any =
            rename_field(renaming, (struct tm_layout_field *)(uintptr_t)&layout->fields[f]) || any;
    if (!any)
        return 0;
    replace_layout(restored, part->layout, layout);
    part->layout = layout;
    return 1;
}

// Has a layout of the operator a state of this name?
static bool has_state(const struct tm_manifest_operator *op, const char *state)
{
    size_t length = strlen(state);
    for (uint32_t p = 0; p < op->part_count; p++)
        for (uint32_t f = 0; op->parts[p].layout != NULL && f < op->parts[p].layout->field_count;
             f++) {
            const struct tm_layout_field *field = &op->parts[p].layout->fields[f];
            if (field->inside == 0 && tm_restored_state_length(field->name) == length &&
                memcmp(field->name, state, length) == 0)
                return true;
        }
    return false;
}

// 1: there are such states.
static int change_states(struct tm_restored *restored, struct tm_manifest_operator *op,
                         const struct renaming *renaming)
{
    int result = 0;
    for (uint32_t p = 0; p < op->part_count; p++) {
        int rc = op->parts[p].layout == NULL ? 0 : rename_layout(restored, &op->parts[p], renaming);
        if (rc < 0)
            return rc;
        result = rc != 0 ? rc : result;
    }
    return result;
}

int tm_restored_drop_state(struct tm_restored *restored, const char *operator_name,
                           const char *state, struct tm_error *err)
{
    struct renaming renaming = {.operator_name = operator_name, .dropped = state};
    int found = 0;
    for (uint32_t i = 0; i < restored->manifest.operator_count; i++) {
        struct tm_manifest_operator *op = &restored->manifest.operators[i];
        int rc = strcmp(op->name, operator_name) != 0 ? 0 : change_states(restored, op, &renaming);
        if (rc < 0)
            return no_memory(err);
        found |= rc;
    }
    int rc = leave_out(restored, operator_name, state, err);
    return rc < 0 ? rc : found | rc;
}

// --- all of them ---------------------------------------------------------------------------------

// Is the new name one of the checkpoint's, which keeps it?
static bool is_taken(const struct tm_restored *restored, const struct tm_restored_name *names,
                     uint32_t count, const struct tm_restored_name *name)
{
    const struct tm_manifest_operator *op =
        tm_manifest_find(&restored->manifest, name->operator_name);
    if (op == NULL || (name->state != NULL && !has_state(op, name->state)))
        return false;
    const char *now = name->state == NULL ? name->operator_name : name->state;
    for (uint32_t i = 0; i < count; i++) // unless that one has another name now
        if ((names[i].state == NULL) == (name->state == NULL) && strcmp(names[i].was, now) == 0 &&
            (name->state == NULL || strcmp(names[i].operator_name, name->operator_name) == 0))
            return false;
    return true;
}

static bool was_there(const struct tm_restored *restored, const struct tm_restored_name *name)
{
    const struct tm_manifest_operator *op = tm_manifest_find(
        &restored->manifest, name->state == NULL ? name->was : name->operator_name);
    return op != NULL && (name->state == NULL || has_state(op, name->was));
}

static int note(struct tm_restored *restored, const struct tm_restored_name *name)
{
    struct tm_arena *arena = &restored->manifest.arena;
    struct tm__renamed *new = tm_arena_alloc(arena, sizeof *new);
    if (new == NULL)
        return TM_E_MEMORY;
    *new = (struct tm__renamed){.next = restored->renamed};
    new->operator_name = tm_arena_strndup(arena, name->operator_name, strlen(name->operator_name));
    new->was = tm_arena_strndup(arena, name->was, strlen(name->was));
    if (name->state != NULL)
        new->state = tm_arena_strndup(arena, name->state, strlen(name->state));
    restored->renamed = new;
    return new->operator_name == NULL || new->was == NULL ||
                   (name->state != NULL && new->state == NULL)
               ? TM_E_MEMORY
               : 0;
}

// Of operators, then of states, whose operators have the names of today by then.
static int note_all(struct tm_restored *restored, const struct tm_restored_name *names,
                    uint32_t count, bool states)
{
    int rc = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++)
        if ((names[i].state != NULL) == states && was_there(restored, &names[i]) &&
            !is_taken(restored, names, count, &names[i]))
            rc = note(restored, &names[i]);
    return rc;
}

int tm_restored_rename(struct tm_restored *restored, const struct tm_restored_name *names,
                       uint32_t count, struct tm_error *err)
{
    int rc = note_all(restored, names, count, false);
    if (rc == 0)
        rename_operators(restored);
    if (rc == 0)
        rc = note_all(restored, names, count, true);
    for (uint32_t i = 0; i < restored->manifest.operator_count && rc == 0; i++) {
        struct renaming renaming = {.renamed = restored->renamed,
                                    .operator_name = restored->manifest.operators[i].name};
        rc = change_states(restored, &restored->manifest.operators[i], &renaming);
        rc = rc < 0 ? rc : 0;
    }
    return rc == 0 ? 0 : no_memory(err);
}

const char *tm_restored_was(const struct tm_restored *restored, const char *operator_name,
                            const char *state)
{
    for (const struct tm__renamed *r = restored->renamed; r != NULL; r = r->next)
        if ((r->state == NULL) == (state == NULL) && strcmp(r->operator_name, operator_name) == 0 &&
            (state == NULL || strcmp(r->state, state) == 0))
            return r->was;
    return state == NULL ? operator_name : state;
}
