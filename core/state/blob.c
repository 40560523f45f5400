// Blobs: variable-size values in the pages of their table. Sizes are rounded up to classes, four to
// a doubling, so that a length says which class a blob is of and freed ones can be used again.
#include "core/state/internal.h"

enum { SMALL_MAX = 64, SMALL_CLASSES = SMALL_MAX / TM__UNIT_BYTES };

// Class of a length of 1 .. TM__PAGE_BYTES_MAX: 8, 16, ... 64, then 80, 96, 112, 128, 160, ...
static uint32_t class_of(uint32_t length)
{
    if (length <= SMALL_MAX)
        return (length - 1) / TM__UNIT_BYTES;
    uint32_t exponent = 31 - (uint32_t)__builtin_clz(length - 1);
    uint32_t quarter = (length - 1) >> (exponent - 2) & 3;
    return SMALL_CLASSES + (exponent - 6) * 4 + quarter;
}

static uint32_t class_bytes(uint32_t class)
{
    if (class < SMALL_CLASSES)
        return (class + 1) * TM__UNIT_BYTES;
    uint32_t exponent = 6 + (class - SMALL_CLASSES) / 4, quarter = (class - SMALL_CLASSES) % 4;
    return (5 + quarter) << (exponent - 2);
}

// Large blobs have a page of their own, with room to grow by a quarter.
static bool is_single(uint32_t length)
{
    return length > TM__PAGE_BYTES_MAX;
}

static uint32_t take_free(const struct tm__state_group *group, struct tm__state_table *table,
                          uint32_t class)
{
    if (table->blob_free == NULL || table->blob_free[class] == 0)
        return 0;
    uint32_t reference = table->blob_free[class];
    memcpy(&table->blob_free[class], tm__state_address(group, reference), sizeof reference);
    return reference;
}

static void give_back(struct tm_state *state, struct tm__state_group *group,
                      struct tm__state_table *table, const struct tm_blob *blob)
{
    if (blob->length == 0)
        return;
    if (is_single(blob->length)) {
        tm__state_page_free_single(state, group, table, blob->reference);
        return;
    }
    if (table->blob_free == NULL) {
        size_t size = TM__BLOB_CLASSES * sizeof(uint32_t);
        table->blob_free = tm__state_pool_alloc(&state->pool, size);
        if (table->blob_free == NULL)
            return; // its space is lost until the namespace is dropped
        memset(table->blob_free, 0, size);
    }
    uint32_t class = class_of(blob->length);
    memcpy(tm__state_address(group, blob->reference), &table->blob_free[class], sizeof(uint32_t));
    table->blob_free[class] = blob->reference;
}

static bool fits(const struct tm__state_group *group, const struct tm_blob *blob, uint32_t length)
{
    if (blob->length == 0 || is_single(blob->length) != is_single(length))
        return false;
    if (!is_single(length))
        return class_of(length) == class_of(blob->length);
    uint32_t size = group->infos[blob->reference >> TM__OFFSET_BITS].size_bytes;
    return length <= size && length >= size / 2;
}

// Space for a blob of a table that can be written. 0: out of memory or of references.
static uint32_t take_space(struct tm_state *state, struct tm__state_group *group,
                           struct tm__state_table *table, uint32_t len, size_t spare)
{
    if (is_single(len))
        return tm__state_page_allocate(state, group, table, len + spare);
    uint32_t class = class_of(len), reference = take_free(group, table, class);
    return reference != 0 ? reference
                          : tm__state_page_allocate(state, group, table, class_bytes(class));
}

static struct tm__state_group *group_at(struct tm_state *state, uint32_t key_group, uint32_t *index)
{
    *index = key_group - state->first_key_group;
    TM_CHECK(*index < state->group_count);
    return &state->groups[*index];
}

int tm_state_blob_set(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                      struct tm_blob *blob, const void *p, uint32_t len)
{
    uint32_t index;
    struct tm__state_group *group = group_at(state, key_group, &index);
    if (fits(group, blob, len)) {
        memmove(tm__state_address(group, blob->reference), p, len);
        blob->length = len;
        return 0;
    }
    if (!tm__state_table_materialise(state, ns, index))
        return TM_E_MEMORY;
    struct tm__state_table *table = tm__state_table_of(ns, index);
    struct tm_blob set = {0, len};
    if (len != 0) {
        set.reference = take_space(state, group, table, len, len / 4);
        if (set.reference == 0)
            return TM_E_MEMORY;
        memcpy(tm__state_address(group, set.reference), p, len);
    }
    give_back(state, group, table, blob);
    *blob = set;
    return 0;
}

const void *tm_state_blob_get(const struct tm_state *state, uint32_t key_group,
                              const struct tm_blob *blob)
{
    if (blob->length == 0)
        return "";
    return tm__state_address(&state->groups[key_group - state->first_key_group], blob->reference);
}

void *tm_state_blob_zalloc(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                           struct tm_blob *blob, uint32_t len)
{
    uint32_t index;
    struct tm__state_group *group = group_at(state, key_group, &index);
    TM_CHECK(blob->length == 0 && len != 0);
    if (!tm__state_table_materialise(state, ns, index))
        return NULL;
    uint32_t reference = take_space(state, group, tm__state_table_of(ns, index), len, 0);
    if (reference == 0)
        return NULL;
    *blob = (struct tm_blob){reference, len};
    return memset(tm__state_address(group, reference), 0, len);
}

void *tm_state_blob_extend(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                           struct tm_blob *blob, uint32_t len)
{
    uint32_t index;
    struct tm__state_group *group = group_at(state, key_group, &index);
    TM_CHECK(len >= blob->length);
    if (fits(group, blob, len)) {
        uint8_t *p = tm__state_address(group, blob->reference);
        memset(p + blob->length, 0, len - blob->length);
        blob->length = len;
        return p;
    }
    struct tm_blob larger = {0};
    uint8_t *p = tm_state_blob_zalloc(state, ns, key_group, &larger, len);
    if (p == NULL)
        return NULL;
    memcpy(p, tm_state_blob_get(state, key_group, blob), blob->length);
    give_back(state, group, tm__state_table_of(ns, index), blob);
    *blob = larger;
    return p;
}
