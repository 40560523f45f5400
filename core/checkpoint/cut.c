// Collecting a cut: names and items are copied, snapshots taken over. On the task's thread.
#include "core/checkpoint/cut.h"

#include "core/base/check.h"
#include "core/checkpoint/cut_parts.h"
#include "core/checkpoint/varint.h"
#include "core/state/image.h"

enum { PARTS_FIRST = 8 };

int tm_cut_new(struct tm_mem *mem, uint64_t checkpoint, uint32_t chain, uint32_t subtask,
               struct tm_cut **cut)
{
    *cut = tm_mem_zalloc(mem, sizeof **cut);
    if (*cut == NULL)
        return TM_E_MEMORY;
    **cut =
        (struct tm_cut){.mem = mem, .checkpoint = checkpoint, .chain = chain, .subtask = subtask};
    return 0;
}

static void free_name(struct tm_mem *mem, char *name)
{
    if (name != NULL)
        tm_mem_free(mem, name, strlen(name) + 1);
}

static void free_part(struct tm_mem *mem, struct tm__cut_part *part)
{
    free_name(mem, part->operator_name);
    free_name(mem, part->part);
    tm_snapshot_free(part->snapshot);
    tm_buf_fini(&part->items);
}

void tm_cut_free(struct tm_cut *cut)
{
    if (cut == NULL)
        return;
    for (uint32_t i = 0; i < cut->part_count; i++)
        free_part(cut->mem, &cut->parts[i]);
    tm_mem_free(cut->mem, cut->parts, cut->part_capacity * sizeof *cut->parts);
    tm_mem_free(cut->mem, cut, sizeof *cut);
}

bool tm_cut_free_some(struct tm_cut *cut, uint32_t budget)
{
    if (cut == NULL)
        return true;
    for (uint32_t i = 0; i < cut->part_count && !cut->leaving; i++) // all begin
        if (tm_snapshot_free_some(cut->parts[i].snapshot, 0))
            cut->parts[i].snapshot = NULL;
    cut->leaving = true;
    for (uint32_t i = 0; i < cut->part_count; i++) {
        if (!tm_snapshot_free_some(cut->parts[i].snapshot, budget))
            return false; // the budget is of each part: those without pages cost nothing
        cut->parts[i].snapshot = NULL;
    }
    tm_cut_free(cut);
    return true;
}

uint64_t tm_cut_checkpoint(const struct tm_cut *cut)
{
    return cut->checkpoint;
}

struct tm__cut_part *tm__cut_find(const struct tm_cut *cut, const char *operator_name,
                                  const char *part)
{
    for (uint32_t i = cut->part_count; i-- > 0;) // what comes in several items comes in a row
        if (strcmp(cut->parts[i].part, part) == 0 &&
            strcmp(cut->parts[i].operator_name, operator_name) == 0)
            return &cut->parts[i];
    return NULL;
}

static int make_room(struct tm_cut *cut)
{
    if (cut->part_count < cut->part_capacity)
        return 0;
    uint32_t capacity = cut->part_capacity == 0 ? PARTS_FIRST : 2 * cut->part_capacity;
    struct tm__cut_part *parts = tm_mem_realloc(
        cut->mem, cut->parts, cut->part_capacity * sizeof *parts, capacity * sizeof *parts);
    if (parts == NULL)
        return TM_E_MEMORY;
    cut->parts = parts;
    cut->part_capacity = capacity;
    return 0;
}

// NULL: out of memory.
static struct tm__cut_part *add(struct tm_cut *cut, const char *operator_name, const char *part,
                                enum tm__part_kind kind)
{
    if (make_room(cut) != 0)
        return NULL;
    struct tm__cut_part *new = &cut->parts[cut->part_count];
    *new = (struct tm__cut_part){.operator_name = tm_mem_strdup(cut->mem, operator_name),
                                 .part = tm_mem_strdup(cut->mem, part),
                                 .kind = kind};
    tm_buf_init(&new->items, cut->mem);
    if (new->operator_name == NULL || new->part == NULL) {
        free_part(cut->mem, new);
        return NULL;
    }
    cut->part_count++;
    return new;
}

static int add_snapshot(struct tm_cut *cut, const char *operator_name, const char *part,
                        enum tm__part_kind kind, struct tm_snapshot *snapshot,
                        const struct tm_layout *layout)
{
    TM_CHECK(tm__cut_find(cut, operator_name, part) == NULL);
    struct tm__cut_part *new = add(cut, operator_name, part, kind);
    if (new == NULL) {
        tm_snapshot_free(snapshot);
        return TM_E_MEMORY;
    }
    new->snapshot = snapshot;
    new->layout = layout;
    return 0;
}

int tm_cut_state(struct tm_cut *cut, const char *operator_name, const char *part,
                 struct tm_snapshot *snapshot, const struct tm_layout *layout)
{
    return add_snapshot(cut, operator_name, part, TM__PART_STATE, snapshot, layout);
}

int tm_cut_timers(struct tm_cut *cut, const char *operator_name, const char *part,
                  struct tm_snapshot *snapshot)
{
    return add_snapshot(cut, operator_name, part, TM__PART_TIMERS, snapshot, NULL);
}

int tm_cut_item(struct tm_cut *cut, const char *operator_name, const char *part,
                enum tm_item_kind kind, const void *bytes, size_t size)
{
    struct tm__cut_part *found = tm__cut_find(cut, operator_name, part);
    if (found == NULL) {
        found = add(cut, operator_name, part, TM__PART_ITEMS);
        if (found == NULL)
            return TM_E_MEMORY;
        found->item_kind = kind;
    }
    TM_CHECK(found->kind == TM__PART_ITEMS && found->item_kind == kind);
    int rc = tm_buf_reserve(&found->items, TM__VARINT_BYTES + size);
    if (rc != 0)
        return rc;
    rc = tm__varint_append(&found->items, size);
    if (rc == 0)
        rc = tm_buf_append(&found->items, bytes, size);
    if (rc == 0)
        found->item_count++;
    return rc;
}
