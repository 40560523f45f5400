// Counting and comparing entries: each key group is filled into a state of its own.
#include "core/checkpoint/contents.h"

#include "core/checkpoint/convert.h"
#include "core/checkpoint/restored_parts.h"
#include "core/state/collection.h"
#include "core/state/image.h"

// --- one key group -------------------------------------------------------------------------------

static int load_state(struct tm__reading *reading, const struct tm__data *data,
                      const struct tm__index_part *part, uint32_t group, struct tm_state **state,
                      struct tm_error *err)
{
    const struct tm_state_args args = {reading->restored->mem, part->max_parallelism, group, group,
                                       part->value_bytes};
    int rc = tm_state_new(&args, state, err);
    if (rc != 0)
        return rc;
    rc = tm__apply_group(reading, data, &part->chains[group - part->first], *state, group, err);
    if (rc != 0)
        tm_state_free(*state);
    return rc;
}

static int count_state(struct tm__reading *reading, const struct tm__data *data,
                       const struct tm__index_part *part, uint32_t group, uint64_t *entries,
                       struct tm_error *err)
{
    struct tm_state *state;
    int rc = load_state(reading, data, part, group, &state, err);
    if (rc != 0)
        return rc;
    for (struct tm_namespace *ns = tm_state_namespace_first(state); ns != NULL;
         ns = tm_state_namespace_next(ns))
        *entries += tm_state_namespace_size(ns);
    tm_state_free(state);
    return 0;
}

static int count_timers(struct tm__reading *reading, const struct tm__data *data,
                        const struct tm__index_part *part, uint32_t group, uint64_t *entries,
                        struct tm_error *err)
{
    const struct tm_timers_args args = {reading->restored->mem, part->max_parallelism, group,
                                        group};
    struct tm_timers *timers;
    int rc = tm_timers_new(&args, &timers, err);
    if (rc != 0)
        return rc;
    rc = tm__apply_group(reading, data, &part->chains[group - part->first], tm_timers_state(timers),
                         group, err);
    if (rc == 0)
        rc = tm_timers_resume(timers, err);
    for (int d = 0; d < TM_TIMER_DOMAINS && rc == 0; d++)
        *entries += tm_timers_count(timers, (enum tm_timer_domain)d);
    tm_timers_free(timers);
    return rc;
}

static int count_data(struct tm__reading *reading, const struct tm__data *data,
                      const struct tm__index_part *part, struct tm_contents *contents,
                      struct tm_error *err)
{
    int rc = 0;
    if (part->kind == TM__PART_ITEMS) {
        contents->entries += part->item_count;
        contents->bytes += part->items.length;
        return 0;
    }
    for (uint32_t group = part->first; group <= part->last && rc == 0; group++) {
        const struct tm__chain *chain = &part->chains[group - part->first];
        for (uint32_t k = 0; k < chain->count; k++)
            contents->bytes += chain->links[k].length;
        if (chain->count != 0)
            rc = part->kind == TM__PART_TIMERS
                     ? count_timers(reading, data, part, group, &contents->entries, err)
                     : count_state(reading, data, part, group, &contents->entries, err);
    }
    return rc;
}

int tm_contents_count(const struct tm_restored *restored, const char *operator_name,
                      const char *part, struct tm_contents *contents, struct tm_error *err)
{
    struct tm__reading reading;
    int rc = 0;
    *contents = (struct tm_contents){0};
    tm__reading_init(&reading, restored);
    for (uint32_t i = 0; i < restored->data_count && rc == 0; i++) {
        const struct tm__index_part *found =
            tm__data_find(&restored->data[i], operator_name, part, NULL);
        if (found != NULL)
            rc = count_data(&reading, &restored->data[i], found, contents, err);
    }
    tm__reading_fini(&reading);
    return rc;
}

// --- two values ----------------------------------------------------------------------------------

static bool same_bytes(const void *a, uint64_t length, const void *b, uint64_t other)
{
    return length == other && (length == 0 || memcmp(a, b, length) == 0);
}

static bool same_maps(const struct tm_place *a, const struct tm_state_map *x,
                      const struct tm_place *b, const struct tm_state_map *y)
{
    struct tm_state_map_cursor c = {0}, d = {0};
    struct tm_key key, other;
    struct tm_span value, same;
    if (x->count != y->count)
        return false;
    while (tm_state_map_next(a, x, &c, &key, &value) == 1)
        if (tm_state_map_next(b, y, &d, &other, &same) != 1 ||
            !same_bytes(key.bytes, key.length, other.bytes, other.length) ||
            !same_bytes(value.bytes, value.length, same.bytes, same.length))
            return false;
    return true;
}

static bool same_lists(const struct tm_place *a, const struct tm_state_list *x,
                       const struct tm_place *b, const struct tm_state_list *y)
{
    struct tm_span value, same;
    if (x->count != y->count)
        return false;
    for (uint32_t i = 0; i < x->count; i++)
        if (tm_state_list_get(a, x, i, &value) != 1 || tm_state_list_get(b, y, i, &same) != 1 ||
            !same_bytes(value.bytes, value.length, same.bytes, same.length))
            return false;
    return true;
}

static bool same_blobs(const struct tm_place *a, const struct tm_blob *x, const struct tm_place *b,
                       const struct tm_blob *y)
{
    return same_bytes(tm_state_blob_get(a->state, a->key_group, x), x->length,
                      tm_state_blob_get(b->state, b->key_group, y), y->length);
}

// What fields refer to counts, not where it lies. Without a layout all there is to compare is the
// fixed part.
static bool same_values(const struct tm_layout *layout, uint32_t value_bytes,
                        const struct tm_place *a, const uint8_t *x, const struct tm_place *b,
                        const uint8_t *y)
{
    if (layout == NULL)
        return memcmp(x, y, value_bytes) == 0;
    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct tm_layout_field *field = &layout->fields[i];
        const void *p = x + field->offset, *q = y + field->offset;
        if (field->inside != 0)
            continue; // in a blob, which has been compared
        bool same = field->kind == TM_LAYOUT_MAP     ? same_maps(a, p, b, q)
                    : field->kind == TM_LAYOUT_LIST  ? same_lists(a, p, b, q)
                    : field->kind == TM_LAYOUT_BYTES ? memcmp(p, q, field->bytes) == 0
                                                     : same_blobs(a, p, b, q);
        if (!same)
            return false;
    }
    return true;
}

// --- two key groups ------------------------------------------------------------------------------

// Entries of `from` that `to` has not; with `change`, the others are compared.
static uint64_t missing(struct tm_state *from, struct tm_state *to, uint32_t group,
                        const struct tm_layout *layout, uint32_t value_bytes,
                        struct tm_contents_change *change)
{
    uint64_t count = 0;
    for (struct tm_namespace *ns = tm_state_namespace_first(from); ns != NULL;
         ns = tm_state_namespace_next(ns)) {
        struct tm_namespace *other = tm_state_namespace_find(to, tm_state_namespace_id(ns));
        struct tm_place a = {from, ns, group}, b = {to, other, group};
        struct tm_state_cursor cursor;
        struct tm_key key;
        const void *value;
        tm_state_iterate(from, ns, group, &cursor);
        while (tm_state_next(&cursor, &key, &value)) {
            const void *same = other == NULL ? NULL : tm_state_find(to, other, &key);
            count += same == NULL;
            if (same == NULL || change == NULL)
                continue;
            bool equal = same_values(layout, value_bytes, &a, value, &b, same);
            change->same += equal;
            change->changed += !equal;
        }
    }
    return count;
}

struct side {
    struct tm__reading reading;
    const struct tm__data *data;
    const struct tm__index_part *part;
    const struct tm_layout *layout;
};

static int compare_group(struct side *before, struct side *after, uint32_t group,
                         struct tm_contents_change *change, struct tm_error *err)
{
    struct tm_state *old, *new;
    int rc = load_state(&before->reading, before->data, before->part, group, &old, err);
    if (rc != 0)
        return rc;
    rc = load_state(&after->reading, after->data, after->part, group, &new, err);
    if (rc == 0) {
        change->removed +=
            missing(old, new, group, before->layout, before->part->value_bytes, change);
        change->added += missing(new, old, group, before->layout, 0, NULL);
        tm_state_free(new);
    }
    tm_state_free(old);
    return rc;
}

// The data file that has this key group. False: none has.
static bool find_group(struct side *side, const char *operator_name, const char *part,
                       uint32_t group)
{
    const struct tm_restored *restored = side->reading.restored;
    for (uint32_t i = 0; i < restored->data_count; i++) {
        side->data = &restored->data[i];
        side->part = tm__data_find(side->data, operator_name, part, &side->layout);
        if (side->part != NULL && side->part->kind == TM__PART_STATE &&
            group >= side->part->first && group <= side->part->last)
            return true;
    }
    return false;
}

static int compare(struct side *before, struct side *after, const char *operator_name,
                   const char *part, struct tm_contents_change *change, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t group = 0; rc == 0; group++) {
        if (!find_group(before, operator_name, part, group) ||
            !find_group(after, operator_name, part, group))
            break;
        bool same = before->part->max_parallelism == after->part->max_parallelism &&
                    before->part->value_bytes == after->part->value_bytes &&
                    (before->layout == NULL) == (after->layout == NULL) &&
                    (before->layout == NULL || tm_layout_equal(before->layout, after->layout));
        change->comparable = same;
        if (!same)
            break;
        rc = compare_group(before, after, group, change, err);
    }
    return rc;
}

int tm_contents_compare(const struct tm_restored *before, const struct tm_restored *after,
                        const char *operator_name, const char *part,
                        struct tm_contents_change *change, struct tm_error *err)
{
    struct side old, new;
    *change = (struct tm_contents_change){0};
    tm__reading_init(&old.reading, before);
    tm__reading_init(&new.reading, after);
    int rc = compare(&old, &new, operator_name, part, change, err);
    tm__reading_fini(&old.reading);
    tm__reading_fini(&new.reading);
    return rc;
}
