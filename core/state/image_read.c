// Reading images into a key group: pages come to be, change and go. What pages say is looked at
// when all images are in (image_finish.c); here only that no byte is read or written where it may
// not be. Entries of a page that is whole are looked at while they are in the cache; those of one
// that changes, which it may once more, wait.
#include "core/state/image_format.h"

struct reader {
    struct tm_state *state;
    struct tm__state_group *group;
    uint32_t key_group;
    struct tm_image_source *source;
    const uint8_t *at, *end; // of what the source has here
    uint32_t number;         // of the page read last
    int64_t owner;           // of the page made last
    uint64_t unsure_bytes;   // of memory that may still be asked for before the image is known good
    struct tm_error *err;
};

// A page is written without its zeros, so how large it is does not follow from the length of the
// image; but an image of so many times its length is rather damaged than sparse.
enum { UNSURE_TIMES = 8 };

static int damaged(const struct reader *r, const char *what)
{
    return tm_error_set(r->err, TM_E_CHECKPOINT,
                        "the image of key group %u is damaged at page %u: %s", r->key_group,
                        r->number, what);
}

static int no_memory(const struct reader *r)
{
    return tm_error_set(r->err, TM_E_MEMORY, "out of memory for keyed state");
}

static bool get_varint(struct reader *r, uint64_t *value)
{
    *value = 0;
    for (uint32_t shift = 0; shift < 64 && r->at != r->end; shift += 7) {
        uint8_t byte = *r->at++;
        if (shift == 63 && byte > 1)
            return false;
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

static uint64_t bytes_left(const struct reader *r)
{
    return (uint64_t)(r->end - r->at) + r->source->left;
}

static int ask_for_more(struct reader *r, size_t size)
{
    while ((size_t)(r->end - r->at) < size && r->source->left != 0) {
        size_t before = (size_t)(r->end - r->at);
        r->source->at = r->at;
        int rc = r->source->more(r->source, r->err);
        r->at = r->source->at;
        r->end = r->source->end;
        if (rc != 0)
            return rc;
        TM_CHECK((size_t)(r->end - r->at) > before);
    }
    return 0;
}

// So many bytes are here, or all that are left.
static inline int have(struct reader *r, size_t size)
{
    return TM_LIKELY((size_t)(r->end - r->at) >= size) ? 0 : ask_for_more(r, size);
}

// There are as many.
static int copy(struct reader *r, uint8_t *to, uint64_t size)
{
    for (;;) {
        uint64_t here = (uint64_t)(r->end - r->at), part = size < here ? size : here;
        memcpy(to, r->at, part);
        r->at += part;
        to += part;
        size -= part;
        if (size == 0)
            return 0;
        int rc = have(r, 1);
        if (rc != 0)
            return rc;
    }
}

static struct tm__state_head *page_at(const struct reader *r, uint32_t number)
{
    if (r->group->pages == NULL || number >= r->group->pages->used)
        return NULL;
    return (struct tm__state_head *)r->group->at[number]; // loaded pages have no flags
}

static struct tm__state_page *info_of(const struct reader *r)
{
    return &tm__state_page_infos(r->group->pages)[r->number];
}

// --- pages ---------------------------------------------------------------------------------------

static int read_ranges(struct reader *r)
{
    uint8_t *bytes = (uint8_t *)page_at(r, r->number);
    uint64_t end = info_of(r)->used_bytes / TM__UNIT_BYTES, i = TM__HEAD_WORDS, value, count;
    for (;;) {
        int rc = have(r, (size_t)2 * TM__IMAGE_VARINT_BYTES);
        if (rc != 0)
            return rc;
        if (!get_varint(r, &value))
            return damaged(r, "it ends in a page");
        count = value & TM__IMAGE_WORDS_MASK;
        value >>= TM__IMAGE_WORDS_BITS;
        if (count == 0) {
            if (!get_varint(r, &count))
                return damaged(r, "it ends in a page");
            if (count == 0 && value == 0)
                return 0;
        }
        if (count == 0 || value > end - i || count > end - i - value)
            return damaged(r, "a range leaves the page");
        if (count > bytes_left(r) / TM__UNIT_BYTES)
            return damaged(r, "it ends in a range");
        i += value;
        rc = copy(r, bytes + i * TM__UNIT_BYTES, count * TM__UNIT_BYTES);
        if (rc != 0)
            return rc;
        i += count;
    }
}

// Sizes in words that a page of this kind can have.
static bool is_size(uint32_t kind, uint64_t size, uint64_t used)
{
    const uint64_t least = TM__PAGE_BYTES_MIN / TM__UNIT_BYTES;
    const uint64_t usual = TM__PAGE_BYTES_MAX / TM__UNIT_BYTES;
    if (size < least || size > UINT32_MAX / 2 / TM__UNIT_BYTES || used > size)
        return false;
    if (used < (kind == TM__PAGE_ENTRIES ? TM__HEAD_WORDS : TM__HEAD_WORDS + 1u))
        return false;
    switch (kind) {
    case TM__PAGE_ENTRIES: // a large entry has all of its page
        return size <= usual ? (size & (size - 1)) == 0 : used == size;
    case TM__PAGE_BLOBS:
        return size <= usual && (size & (size - 1)) == 0;
    case TM__PAGE_LARGE:
        return size >= usual && used == size;
    case TM__PAGE_FREE:
        return size == least &&
               used == (sizeof(struct tm__state_head) + TM__FREE_BYTES) / TM__UNIT_BYTES;
    default:
        return false;
    }
}

// What a damaged image asks for may be anything.
static int expect(struct reader *r, uint64_t bytes)
{
    uint32_t known = r->group->pages == NULL ? 0 : r->group->pages->used;
    if (r->number >= known)
        bytes += (uint64_t)(r->number - known) * (sizeof(void *) + sizeof(struct tm__state_page));
    if (r->source->sure == NULL || bytes <= r->unsure_bytes) {
        r->unsure_bytes -= r->source->sure == NULL ? 0 : bytes;
        return 0;
    }
    r->source->at = r->at;
    int rc = r->source->sure(r->source, r->err);
    r->unsure_bytes = UINT64_MAX;
    return rc;
}

static int read_made(struct reader *r)
{
    uint64_t size, used, owner;
    if (!get_varint(r, &size) || !get_varint(r, &used) || r->at == r->end)
        return damaged(r, "it ends in a page");
    uint32_t kind = *r->at++;
    if (!get_varint(r, &owner))
        return damaged(r, "it ends in a page");
    if (!is_size(kind, size, used))
        return damaged(r, "no page has this size");
    int rc = expect(r, size * TM__UNIT_BYTES);
    if (rc != 0)
        return rc;
    if (page_at(r, r->number) != NULL)
        tm__state_page_take(r->state, r->group, r->number);
    struct tm__state_head *head = tm__state_page_put(r->state, r->group, r->number,
                                                     (uint32_t)size * (uint32_t)TM__UNIT_BYTES);
    if (head == NULL)
        return no_memory(r);
    r->owner = (int64_t)((uint64_t)r->owner + (uint64_t)tm__image_unzigzag(owner));
    head->kind = kind;
    head->owner = r->owner;
    info_of(r)->used_bytes = (uint32_t)used * (uint32_t)TM__UNIT_BYTES;
    rc = read_ranges(r);
    return rc == 0 && kind == TM__PAGE_ENTRIES
               ? tm__image_see_entries(r->state, r->group, r->key_group, r->number, r->err)
               : rc;
}

static int read_resized(struct reader *r)
{
    struct tm__state_head *head = page_at(r, r->number);
    struct tm__state_page *info = info_of(r);
    uint64_t used;
    if (!get_varint(r, &used))
        return damaged(r, "it ends in a page");
    if (!is_size(head->kind, info->size_bytes / TM__UNIT_BYTES, used))
        return damaged(r, "a page cannot be of this length");
    uint32_t used_bytes = (uint32_t)used * (uint32_t)TM__UNIT_BYTES;
    if (used_bytes < info->used_bytes)
        memset((uint8_t *)head + used_bytes, 0, info->used_bytes - used_bytes);
    info->used_bytes = used_bytes;
    return read_ranges(r);
}

static int read_page(struct reader *r, enum tm__image_page what)
{
    if (what == TM__IMAGE_MADE)
        return read_made(r);
    if (page_at(r, r->number) == NULL)
        return damaged(r, "it changes a page that is not there");
    info_of(r)->next = 0;
    if (what == TM__IMAGE_RESIZED)
        return read_resized(r);
    if (what == TM__IMAGE_CHANGED)
        return read_ranges(r);
    tm__state_page_take(r->state, r->group, r->number);
    return 0;
}

static int read_pages(struct reader *r)
{
    for (;;) {
        uint64_t value;
        int rc = have(r, (size_t)TM__IMAGE_PAGE_VARINTS * TM__IMAGE_VARINT_BYTES);
        if (rc != 0)
            return rc;
        if (!get_varint(r, &value))
            return damaged(r, "it ends early");
        if (value == 0)
            return bytes_left(r) == 0 ? 0 : damaged(r, "something stands behind its end");
        uint64_t distance = value >> TM__IMAGE_PAGE_BITS;
        if (distance == 0 || distance >= TM__PAGES_MAX - (uint64_t)r->number)
            return damaged(r, "there is no page of the next number");
        r->number += (uint32_t)distance;
        rc = read_page(r, (enum tm__image_page)(value & ((1 << TM__IMAGE_PAGE_BITS) - 1)));
        if (rc != 0)
            return rc;
    }
}

static int read_head(struct reader *r)
{
    uint64_t value_bytes;
    int rc = have(r, 2 + TM__IMAGE_VARINT_BYTES);
    if (rc != 0)
        return rc;
    if (r->end - r->at < 2)
        return damaged(r, "it ends early");
    uint8_t version = *r->at++, kind = *r->at++;
    if (version < TM__IMAGE_VERSION_MIN || version > TM__IMAGE_VERSION)
        return tm_error_set(
            r->err, TM_E_CHECKPOINT,
            "the image of key group %u is of format %u; this program knows %d to %d", r->key_group,
            version, TM__IMAGE_VERSION_MIN, TM__IMAGE_VERSION);
    if (kind > TM__IMAGE_DIFFERENCE)
        return damaged(r, "it is neither whole nor a difference");
    if (kind == TM__IMAGE_WHOLE && r->group->pages != NULL)
        return damaged(r, "it is whole, but there is another one before it");
    if (!get_varint(r, &value_bytes))
        return damaged(r, "it ends early");
    if (value_bytes != r->state->value_bytes)
        return tm_error_set(r->err, TM_E_CHECKPOINT,
                            "the image of key group %u is of values of %llu bytes, not of %u",
                            r->key_group, (unsigned long long)value_bytes, r->state->value_bytes);
    return 0;
}

// --- the contract --------------------------------------------------------------------------------

int tm_image_apply_from(struct tm_state *state, uint32_t key_group, struct tm_image_source *source,
                        struct tm_error *err)
{
    uint32_t index = key_group - state->first_key_group;
    TM_CHECK(index < state->group_count);
    struct reader r = {.state = state,
                       .group = &state->groups[index],
                       .key_group = key_group,
                       .source = source,
                       .at = source->at,
                       .end = source->end,
                       .err = err};
    if (bytes_left(&r) == 0)
        return 0;
    r.unsure_bytes = bytes_left(&r) * UNSURE_TIMES + TM__PAGE_BYTES_MAX;
    TM_CHECK(r.group->shared == 0);
    int rc = read_head(&r);
    if (rc == 0)
        rc = read_pages(&r);
    source->at = r.at;
    return rc;
}

int tm_image_apply(struct tm_state *state, uint32_t key_group, const void *bytes, size_t size,
                   struct tm_error *err)
{
    if (size == 0)
        return 0;
    struct tm_image_source source = {.at = bytes, .end = (const uint8_t *)bytes + size};
    return tm_image_apply_from(state, key_group, &source, err);
}
