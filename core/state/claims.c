// A bit for each word of each page: it is somebody's.
#include "core/state/claims.h"

#include "core/state/internal.h"

enum { MAP_WORDS = TM__PAGE_BYTES_MAX / TM__UNIT_BYTES / 64 };

struct tm_state_claims {
    struct tm_mem *mem;
    const struct tm__state_group *group;
    uint32_t pages;
    uint64_t taken[]; // [pages][MAP_WORDS]
};

static size_t claims_bytes(uint32_t pages)
{
    return sizeof(struct tm_state_claims) + (size_t)pages * MAP_WORDS * sizeof(uint64_t);
}

static const struct tm__state_head *head_of(const struct tm__state_group *group, uint32_t number)
{
    return (const struct tm__state_head *)(group->at[number] & ~(uintptr_t)TM__PAGE_FLAGS);
}

// So many bits from `at` on. False: one of them is set already.
static bool set_bits(uint64_t *map, uint32_t at, uint32_t count)
{
    while (count != 0) {
        uint32_t bit = at % 64, some = count < 64 - bit ? count : 64 - bit;
        uint64_t ones = some == 64 ? UINT64_MAX : ((uint64_t)1 << some) - 1, mask = ones << bit;
        if ((map[at / 64] & mask) != 0)
            return false;
        map[at / 64] |= mask;
        at += some;
        count -= some;
    }
    return true;
}

// A page of one blob has a bit for it; others have one for each word.
static bool take(struct tm_state_claims *claims, int64_t owner, uint32_t reference, uint32_t length)
{
    uint32_t number = reference >> TM__OFFSET_BITS, bytes = tm_state_blob_bytes(length);
    uint32_t at = reference & ((1u << TM__OFFSET_BITS) - 1);
    const uint32_t first = sizeof(struct tm__state_head) / TM__UNIT_BYTES;
    if (number == 0 || number >= claims->pages || claims->group->at[number] == 0 ||
        (claims->group->at[number] & TM__PAGE_ABSENT) != 0 || length > INT32_MAX)
        return false;
    const struct tm__state_head *head = head_of(claims->group, number);
    const struct tm__state_page *page = &tm__state_page_infos(claims->group->pages)[number];
    const bool large = length > TM__SIZE_MAX;
    if (head->owner != owner || head->kind != (large ? TM__PAGE_LARGE : TM__PAGE_BLOBS))
        return false;
    uint32_t end = (large ? page->size_bytes : page->used_bytes) / TM__UNIT_BYTES;
    if (at < first || at >= end || bytes / TM__UNIT_BYTES > end - at || (large && at != first))
        return false;
    return set_bits(claims->taken + (size_t)number * MAP_WORDS, at,
                    large ? 1 : bytes / TM__UNIT_BYTES);
}

// Free blobs are the state's: their lists have been checked.
static void take_free(struct tm_state_claims *claims, uint32_t number)
{
    const struct tm__state_head *head = head_of(claims->group, number);
    const uint32_t *lists = (const uint32_t *)(const void *)(head + 1);
    for (uint32_t class = 0; class < TM__SIZE_CLASSES; class ++)
        for (uint32_t next = lists[TM__SIZE_CLASSES + class]; next != 0;) {
            if (!take(claims, head->owner, next, tm__state_class_bytes(class)))
                return;
            memcpy(&next, tm__state_address(claims->group, next), sizeof next);
        }
}

struct tm_state_claims *tm_state_claims_begin(struct tm_state *state, uint32_t key_group)
{
    uint32_t index = key_group - state->first_key_group;
    TM_CHECK(index < state->group_count);
    const struct tm__state_group *group = &state->groups[index];
    uint32_t pages = group->pages == NULL ? 0 : group->pages->used;
    struct tm_state_claims *claims = tm_mem_zalloc(state->pool->mem, claims_bytes(pages));
    if (claims == NULL)
        return NULL;
    claims->mem = state->pool->mem;
    claims->group = group;
    claims->pages = pages;
    for (uint32_t number = 1; number < pages; number++)
        if (group->at[number] != 0 && (group->at[number] & TM__PAGE_ABSENT) == 0 &&
            head_of(group, number)->kind == TM__PAGE_FREE)
            take_free(claims, number);
    return claims;
}

void tm_state_claims_end(struct tm_state_claims *claims)
{
    if (claims != NULL)
        tm_mem_free(claims->mem, claims, claims_bytes(claims->pages));
}

bool tm_state_claim(struct tm_state_claims *claims, const struct tm_namespace *ns,
                    const struct tm_blob *blob)
{
    return blob->length != 0 && take(claims, ns->id, blob->reference, blob->length);
}
