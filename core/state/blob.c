// Blobs: variable-size values in the pages of their table. Sizes are rounded up to classes, so that
// a length says which class a blob is of and freed ones can be used again.
#include "core/state/internal.h"

// Large blobs have a page of their own, with room to grow by a quarter.
static bool is_single(uint32_t length)
{
    return length > TM__SIZE_MAX;
}

static void give_back(struct tm_state *state, struct tm__state_group *group,
                      struct tm__state_table *table, const struct tm_blob *blob)
{
    if (blob->length != 0)
        tm__state_give_back(state, group, table, TM__PAGE_BLOBS, blob->reference, blob->length);
}

static bool fits(const struct tm__state_group *group, const struct tm_blob *blob, uint32_t length)
{
    if (blob->length == 0 || length == 0 || is_single(blob->length) != is_single(length))
        return false;
    if (!is_single(length))
        return tm__state_class_of(length) == tm__state_class_of(blob->length);
    uint32_t room = tm__state_page_room(group, blob->reference);
    return length <= room && length >= room / 2;
}

// Space for a blob of a table that can be written. NULL: out of memory or of references.
static uint8_t *take_space(struct tm_state *state, struct tm__state_group *group,
                           struct tm__state_table *table, uint32_t len, size_t spare,
                           uint32_t *reference)
{
    size_t size = is_single(len) ? tm__state_padded(len + spare)
                                 : tm__state_class_bytes(tm__state_class_of(len));
    return tm__state_allocate(state, group, table, TM__PAGE_BLOBS, size, reference);
}

static struct tm__state_group *group_at(struct tm_state *state, uint32_t key_group, uint32_t *index)
{
    *index = key_group - state->first_key_group;
    TM_CHECK(*index < state->group_count);
    return &state->groups[*index];
}

uint32_t tm_state_blob_bytes(uint32_t len)
{
    return len == 0         ? 0
           : is_single(len) ? (uint32_t)tm__state_padded(len)
                            : tm__state_class_bytes(tm__state_class_of(len));
}

int tm_state_blob_set(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                      struct tm_blob *blob, const void *p, uint32_t len)
{
    uint32_t index;
    struct tm__state_group *group = group_at(state, key_group, &index);
    if (fits(group, blob, len)) {
        uint8_t *to = tm__state_own(state, group, blob->reference);
        if (to == NULL)
            return TM_E_MEMORY;
        memmove(to, p, len);
        blob->length = len;
        return 0;
    }
    if (!tm__state_table_materialise(state, ns, index)) {
        if (len != 0)
            return TM_E_MEMORY;
        *blob = (struct tm_blob){0}; // its space is lost until the namespace is dropped
        return 0;
    }
    struct tm__state_table *table = tm__state_table_of(ns, index);
    struct tm_blob set = {0, len};
    if (len != 0) {
        uint8_t *to = take_space(state, group, table, len, len / 4, &set.reference);
        if (to == NULL)
            return TM_E_MEMORY;
        memcpy(to, p, len);
        if (is_single(len)) // room to grow that nothing has been written to
            memset(to + len, 0, tm__state_page_room(group, set.reference) - len);
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
    return tm__state_read(state, &state->groups[key_group - state->first_key_group],
                          blob->reference);
}

void *tm_state_blob_edit(struct tm_state *state, uint32_t key_group, const struct tm_blob *blob)
{
    return tm__state_own(state, &state->groups[key_group - state->first_key_group],
                         blob->reference);
}

void *tm_state_blob_zalloc(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                           struct tm_blob *blob, uint32_t len)
{
    uint32_t index;
    struct tm__state_group *group = group_at(state, key_group, &index);
    TM_CHECK(blob->length == 0 && len != 0);
    if (!tm__state_table_materialise(state, ns, index))
        return NULL;
    struct tm_blob made = {0, len};
    uint8_t *to = take_space(state, group, tm__state_table_of(ns, index), len, 0, &made.reference);
    if (to == NULL)
        return NULL;
    *blob = made;
    return memset(to, 0, len);
}

void *tm_state_blob_extend(struct tm_state *state, struct tm_namespace *ns, uint32_t key_group,
                           struct tm_blob *blob, uint32_t len)
{
    uint32_t index;
    struct tm__state_group *group = group_at(state, key_group, &index);
    TM_CHECK(len >= blob->length);
    if (fits(group, blob, len)) {
        uint8_t *p = tm__state_own(state, group, blob->reference);
        if (p == NULL)
            return NULL;
        memset(p + blob->length, 0, len - blob->length);
        blob->length = len;
        return p;
    }
    struct tm_blob larger = {0};
    uint8_t *p = tm_state_blob_zalloc(state, ns, key_group, &larger, len);
    if (p == NULL)
        return NULL;
    const void *old = tm_state_blob_get(state, key_group, blob);
    if (old == NULL) {
        give_back(state, group, tm__state_table_of(ns, index), &larger);
        return NULL;
    }
    memcpy(p, old, blob->length);
    give_back(state, group, tm__state_table_of(ns, index), blob);
    *blob = larger;
    return p;
}
