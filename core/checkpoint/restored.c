// What an opened checkpoint gives: items dealt to subtasks, states filled.
#include "core/checkpoint/restored.h"

#include <stdlib.h>

#include "core/checkpoint/restored_parts.h"
#include "core/checkpoint/varint.h"
#include "core/state/image.h"

uint64_t tm_restored_checkpoint(const struct tm_restored *restored)
{
    return restored->checkpoint;
}

const char *tm_restored_folder(const struct tm_restored *restored)
{
    return restored->root;
}

uint32_t tm_restored_max_parallelism(const struct tm_restored *restored)
{
    uint32_t found = restored->manifest.max_parallelism;
    for (uint32_t i = 0; i < restored->data_count && found == 0; i++)
        for (uint32_t k = 0; k < restored->data[i].index.part_count && found == 0; k++)
            found = restored->data[i].index.parts[k].max_parallelism; // 0 of items
    return found;
}

static int by_task(const void *a, const void *b)
{
    const struct tm__index *x = &((const struct tm__data *)a)->index;
    const struct tm__index *y = &((const struct tm__data *)b)->index;
    if (x->chain != y->chain)
        return x->chain < y->chain ? -1 : 1;
    return x->subtask < y->subtask ? -1 : x->subtask > y->subtask;
}

void tm__restored_sort(struct tm_restored *restored)
{
    qsort(restored->data, restored->data_count, sizeof *restored->data, by_task);
}

void tm_restored_free(struct tm_restored *restored)
{
    if (restored == NULL)
        return;
    for (uint32_t i = 0; i < restored->data_count; i++) {
        tm__index_fini(&restored->data[i].index);
        tm_buf_fini(&restored->data[i].bytes);
    }
    if (restored->data != NULL)
        tm_mem_free(restored->mem, restored->data,
                    restored->data_capacity * sizeof *restored->data + 1);
    tm_manifest_fini(&restored->manifest);
    if (restored->root != NULL)
        tm_mem_free(restored->mem, restored->root, strlen(restored->root) + 1);
    tm_mem_free(restored->mem, restored, sizeof *restored);
}

const struct tm__index_part *tm__data_find(const struct tm__data *data, const char *operator_name,
                                           const char *part, const struct tm_layout **layout)
{
    const struct tm__index_part *found = tm__index_find(&data->index, operator_name, part);
    if (layout != NULL)
        *layout = found != NULL ? data->layouts[found - data->index.parts] : NULL;
    return found;
}

bool tm_restored_has(const struct tm_restored *restored, const char *operator_name,
                     const char *part)
{
    if (restored->rehearsal != NULL)
        tm__rehearse_part(restored, operator_name, part);
    for (uint32_t i = 0; i < restored->data_count; i++)
        if (tm__data_find(&restored->data[i], operator_name, part, NULL) != NULL)
            return true;
    return false;
}

// Every task writes a data file, also one that has nothing: the operator's subtasks are those of
// its chain.
uint32_t tm__restored_parallelism(const struct tm_restored *restored, const char *operator_name)
{
    const struct tm__index *found = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < restored->data_count && found == NULL; i++)
        for (uint32_t k = 0; k < restored->data[i].index.part_count && found == NULL; k++)
            if (strcmp(restored->data[i].index.parts[k].operator_name, operator_name) == 0)
                found = &restored->data[i].index;
    for (uint32_t i = 0; i < restored->data_count; i++)
        count += found != NULL && restored->data[i].index.chain == found->chain;
    return count;
}

// --- items ---------------------------------------------------------------------------------------

struct dealing {
    const struct tm_restored_for *who;
    bool unchanged; // parallelism
    uint64_t next;  // item of all subtasks
    bool copied;    // COPY: the first one's have been given
    tm_restored_item *each;
    void *arg;
};

static int deal(struct dealing *d, const struct tm__data *data, const struct tm__index_part *part,
                const struct tm_buf *buf, struct tm_error *err)
{
    struct tm__reader in = {.p = buf->data, .left = buf->size_bytes};
    int rc = 0;
    for (uint64_t i = 0; i < part->item_count && rc == 0; i++) {
        uint64_t size = tm__read_varint(&in, UINT64_MAX);
        const uint8_t *bytes = tm__read_bytes(&in, size);
        if (bytes == NULL)
            break;
        bool wanted = part->item_kind != TM_ITEM_SPLIT || d->unchanged ||
                      d->next % d->who->parallelism == d->who->subtask;
        d->next++;
        if (wanted)
            rc = d->each(d->arg, data->index.subtask, bytes, size, err);
    }
    if (rc == 0 && (in.bad || in.left != 0))
        rc = tm_error_set(err, TM_E_CHECKPOINT, "%s is damaged: the items \"%s\" of %s end early",
                          data->index.files[0].path, part->part, part->operator_name);
    return rc;
}

static int wrong_part(const char *operator_name, const char *part, bool items, struct tm_error *err)
{
    return tm_error_set(err, TM_E_STATE_TYPE,
                        "\"%s\" of %s is %s in the checkpoint, and %s in this job", part,
                        operator_name, items ? "items" : "a state", items ? "a state" : "items");
}

static int deal_data(struct tm__reading *reading, struct dealing *d, const struct tm__data *data,
                     const struct tm__index_part *part, struct tm_error *err)
{
    if (part->kind != TM__PART_ITEMS)
        return wrong_part(part->operator_name, part->part, false, err);
    if (part->item_kind == TM_ITEM_COPY && d->copied)
        return 0;
    if (part->item_kind == TM_ITEM_SPLIT && d->unchanged && data->index.subtask != d->who->subtask)
        return 0;
    d->copied = true;
    int rc = tm__read_segment(reading, data, &part->items, err);
    return rc == 0 ? deal(d, data, part, &reading->buf, err) : rc;
}

int tm_restored_items(const struct tm_restored *restored, const struct tm_restored_for *who,
                      const char *part, tm_restored_item *each, void *arg, struct tm_error *err)
{
    struct dealing d = {.who = who, .each = each, .arg = arg};
    struct tm__reading reading;
    if (restored->rehearsal != NULL)
        tm__rehearse_part(restored, who->operator_name, part);
    d.unchanged = tm__restored_parallelism(restored, who->operator_name) == who->parallelism;
    tm__reading_init(&reading, restored);
    int rc = 0;
    for (uint32_t i = 0; i < restored->data_count && rc == 0; i++) {
        const struct tm__index_part *found =
            tm__data_find(&restored->data[i], who->operator_name, part, NULL);
        if (found != NULL)
            rc = deal_data(&reading, &d, &restored->data[i], found, err);
    }
    tm__reading_fini(&reading);
    return rc;
}
