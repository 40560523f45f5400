// Writing images: frozen pages, and what has changed in them. Page tables that a snapshot holds are
// written by nobody, but for the counts of their holders, which are not looked at, and pages by
// nobody while they are taken to be read (aside.c); so any thread may read them while the state's
// own goes on.
#include "core/base/planted.h"
#include "core/state/image_format.h"

// A page as a snapshot has it: NULL where there is none.
struct page {
    const uint8_t *bytes; // with its head
    uint32_t size_bytes, used_bytes;
    bool taken; // it is read where it lies
};

// A page table of a snapshot, and memory for pages that lie in the store.
struct side {
    const struct tm__state_pages *pages; // NULL: none
    void *fetched;
    uint32_t fetched_bytes;
};

struct writer {
    const struct tm_snapshot *now;
    struct side sides[2]; // now, before
    struct tm_buf *out;
    uint32_t number; // of the page written last
    int64_t owner;   // of the page made last
    bool begun;
};
enum { NOW, BEFORE };

static uintptr_t address_of(const struct tm__state_pages *pages, uint32_t number)
{
    if (pages == NULL || number >= pages->used)
        return 0;
    return tm__state_named(pages, number) & ~(uintptr_t)TM__PAGE_SHARED;
}

// --- pages ---------------------------------------------------------------------------------------

// Up to the last entry of a page: nothing counts what is used of it.
static uint32_t used_by_entries(const uint8_t *bytes, uint32_t size_bytes, uint32_t value_bytes)
{
    uint32_t at = sizeof(struct tm__state_head);
    while (size_bytes - at >= sizeof(struct tm__state_entry)) {
        const struct tm__state_entry *entry = (const void *)(bytes + at);
        if (entry->kind == TM__ENTRY_END)
            break;
        at += tm__state_entry_bytes(value_bytes, entry->key_length);
    }
    return at;
}

// The bytes of a page that lies in the store.
static int fetch(struct writer *w, struct side *side, uint64_t token, uint32_t size_bytes)
{
    if (side->fetched_bytes < size_bytes) {
        void *made = tm_mem_alloc(w->out->mem, size_bytes);
        if (made == NULL)
            return TM_E_MEMORY;
        tm_mem_free(w->out->mem, side->fetched, side->fetched_bytes);
        side->fetched = made;
        side->fetched_bytes = size_bytes;
    }
    const struct tm_state_store *store = w->now->store;
    return store->get(store->context, token, side->fetched, size_bytes);
}

static int look_at(struct writer *w, int which, uint32_t number, struct page *page)
{
    struct side *side = &w->sides[which];
    uintptr_t address = address_of(side->pages, number);
    *page = (struct page){0};
    if (address == 0)
        return 0;
    const struct tm__state_page *info = &tm__state_page_infos(side->pages)[number];
    page->size_bytes = info->size_bytes;
    if ((address & TM__PAGE_ABSENT) != 0) {
        int rc = fetch(w, side, address >> 2, info->size_bytes);
        if (rc != 0)
            return rc;
        page->bytes = side->fetched;
    } else {
        page->bytes = tm__state_take_to_read(side->pages, number, &page->taken);
    }
    const struct tm__state_head *head = (const void *)page->bytes;
    page->used_bytes = head->kind == TM__PAGE_ENTRIES
                           ? used_by_entries(page->bytes, page->size_bytes, w->now->value_bytes)
                           : info->used_bytes;
    return 0;
}

// --- bytes ---------------------------------------------------------------------------------------

// There is room.
static void put_varint(struct tm_buf *out, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        out->data[out->size_bytes++] = (uint8_t)(value | 128);
    out->data[out->size_bytes++] = (uint8_t)value;
}

// How many words from `i` on are equal, up to `end`.
static uint32_t count_equal(const uint8_t *a, const uint8_t *b, uint32_t i, uint32_t end)
{
    enum { BLOCK = 8 };
    uint32_t from = i;
    while (i + BLOCK <= end && memcmp(a + (size_t)i * TM__UNIT_BYTES,
                                      b + (size_t)i * TM__UNIT_BYTES, BLOCK * TM__UNIT_BYTES) == 0)
        i += BLOCK;
    while (i < end && tm__state_word(a + (size_t)i * TM__UNIT_BYTES) ==
                          tm__state_word(b + (size_t)i * TM__UNIT_BYTES))
        i++;
    return i - from;
}

static uint32_t count_zero(const uint8_t *a, uint32_t i, uint32_t end)
{
    uint32_t from = i;
    while (i < end && tm__state_word(a + (size_t)i * TM__UNIT_BYTES) == 0)
        i++;
    return i - from;
}

// How many words from `i` on are as they were: as in `before`, or, behind what that has, zero.
static uint32_t count_same(const struct page *now, const struct page *before, uint32_t i)
{
    uint32_t end = now->used_bytes / TM__UNIT_BYTES, had = before->used_bytes / TM__UNIT_BYTES;
    uint32_t middle = had < end ? had : end, count = 0;
    if (i < middle)
        count = count_equal(now->bytes, before->bytes, i, middle);
    if (i + count >= middle)
        count += count_zero(now->bytes, i + count, end);
    return count;
}

static bool is_same(const struct page *now, const struct page *before, uint32_t i)
{
    uint64_t was = i < before->used_bytes / TM__UNIT_BYTES
                       ? tm__state_word(before->bytes + (size_t)i * TM__UNIT_BYTES)
                       : 0;
    return tm__state_word(now->bytes + (size_t)i * TM__UNIT_BYTES) == was;
}

// What differs, and the end. There is room. A word that is equal costs more in a range than a new
// range does, so ranges are never joined.
static void put_ranges(struct tm_buf *out, const struct page *now, const struct page *before)
{
    uint32_t end = now->used_bytes / TM__UNIT_BYTES;
    for (uint32_t i = TM__HEAD_WORDS; i < end;) {
        uint32_t same = count_same(now, before, i), from = i + same;
        if (from == end)
            break;
        for (i = from + 1; i < end && !is_same(now, before, i);)
            i++;
        uint32_t count = i - from;
        bool is_short = count <= TM__IMAGE_WORDS_MASK;
        put_varint(out, (uint64_t)same << TM__IMAGE_WORDS_BITS | (is_short ? count : 0));
        if (!is_short)
            put_varint(out, count);
        size_t bytes = (size_t)count * TM__UNIT_BYTES;
        memcpy(out->data + out->size_bytes, now->bytes + (size_t)from * TM__UNIT_BYTES, bytes);
        out->size_bytes += bytes;
    }
    put_varint(out, 0);
    put_varint(out, 0);
}

// --- what has become of a page -------------------------------------------------------------------

static int begin(struct writer *w)
{
    int rc = tm_buf_reserve(w->out, 2 + TM__IMAGE_VARINT_BYTES);
    if (rc != 0)
        return rc;
    w->out->data[w->out->size_bytes++] = TM__IMAGE_VERSION;
    w->out->data[w->out->size_bytes++] =
        w->sides[BEFORE].pages == NULL ? TM__IMAGE_WHOLE : TM__IMAGE_DIFFERENCE;
    put_varint(w->out, w->now->value_bytes);
    w->begun = true;
    return 0;
}

// Room for a page with its ranges, and its begin.
static int begin_page(struct writer *w, uint32_t number, enum tm__image_page what,
                      uint32_t used_bytes)
{
    int rc = w->begun ? 0 : begin(w);
    if (rc == 0) // a range of one word takes three bytes at most, and leaves out another
        rc = tm_buf_reserve(w->out, (size_t)used_bytes + used_bytes / 4 +
                                        (size_t)8 * TM__IMAGE_VARINT_BYTES);
    if (rc != 0)
        return rc;
    put_varint(w->out, (uint64_t)(number - w->number) << TM__IMAGE_PAGE_BITS | what);
    w->number = number;
    return 0;
}

static int put_made(struct writer *w, uint32_t number, const struct page *now)
{
    const struct tm__state_head *head = (const void *)now->bytes;
    int rc = begin_page(w, number, TM__IMAGE_MADE, now->used_bytes);
    if (rc != 0)
        return rc;
    put_varint(w->out, now->size_bytes / TM__UNIT_BYTES);
    put_varint(w->out, now->used_bytes / TM__UNIT_BYTES);
    w->out->data[w->out->size_bytes++] = (uint8_t)head->kind;
    put_varint(w->out, tm__image_zigzag((int64_t)((uint64_t)head->owner - (uint64_t)w->owner)));
    w->owner = head->owner;
    const struct page nothing = {0};
    put_ranges(w->out, now, &nothing);
    return 0;
}

// A page that is still there. What differs, or all of it where that is shorter.
static int put_changed(struct writer *w, uint32_t number, const struct page *now,
                       const struct page *before)
{
    struct tm_buf *out = w->out;
    size_t size_bytes = out->size_bytes;
    uint32_t last = w->number;
    bool begun = w->begun, resized = now->used_bytes != before->used_bytes;
    int rc =
        begin_page(w, number, resized ? TM__IMAGE_RESIZED : TM__IMAGE_CHANGED, now->used_bytes);
    if (rc != 0)
        return rc;
    if (resized)
        put_varint(out, now->used_bytes / TM__UNIT_BYTES);
    size_t from = out->size_bytes;
    put_ranges(out, now, before);
    bool nothing = !resized && out->size_bytes == from + 2;
    bool much = out->size_bytes - from > now->used_bytes;
    if (!nothing && !much)
        return 0;
    out->size_bytes = size_bytes;
    w->number = last;
    w->begun = begun;
    return nothing ? 0 : put_made(w, number, now);
}

static bool is_alike(const struct page *now, const struct page *before)
{
    if (now->bytes == NULL || before->bytes == NULL || now->size_bytes != before->size_bytes)
        return false;
    const struct tm__state_head *a = (const void *)now->bytes, *b = (const void *)before->bytes;
    return a->kind == b->kind && a->owner == b->owner;
}

static int put_both(struct writer *w, uint32_t number, const struct page *now,
                    const struct page *before)
{
    if (now->bytes == before->bytes) // both were put aside meanwhile
        return 0;
    if (is_alike(now, before))
        return put_changed(w, number, now, before);
    if (now->bytes == NULL)
        return TM_PLANTED(removed_page_stays) ? 0 : begin_page(w, number, TM__IMAGE_GONE, 0);
    return put_made(w, number, now);
}

static int put_page(struct writer *w, uint32_t number)
{
    struct page now = {0}, before = {0};
    if (address_of(w->sides[NOW].pages, number) == address_of(w->sides[BEFORE].pages, number))
        return 0;
    int rc = look_at(w, NOW, number, &now);
    if (rc == 0)
        rc = look_at(w, BEFORE, number, &before);
    if (rc == 0)
        rc = put_both(w, number, &now, &before);
    if (now.taken)
        tm__state_leave_read(w->sides[NOW].pages, number);
    if (before.taken)
        tm__state_leave_read(w->sides[BEFORE].pages, number);
    return rc;
}

// --- the contract --------------------------------------------------------------------------------

int tm_image_write(const struct tm_snapshot *now, const struct tm_snapshot *before,
                   uint32_t key_group, struct tm_buf *out)
{
    uint32_t index = key_group - now->first_key_group;
    TM_CHECK(index < now->group_count);
    TM_CHECK(before == NULL || before->shared == now->shared);
    struct writer w = {.now = now, .out = out, .sides[NOW].pages = now->pages[index]};
    if (before != NULL)
        w.sides[BEFORE].pages = before->pages[index];
    const struct tm__state_pages *pages = w.sides[NOW].pages, *old = w.sides[BEFORE].pages;
    if (pages == old)
        return 0;
    size_t size_bytes = out->size_bytes;
    uint32_t end = pages == NULL ? 0 : pages->used;
    end = old != NULL && old->used > end ? old->used : end;
    int rc = 0;
    for (uint32_t number = 1; number < end && rc == 0; number++)
        rc = put_page(&w, number);
    if (rc == 0 && w.begun)
        rc = tm_buf_reserve(out, 1);
    if (rc == 0 && w.begun)
        put_varint(out, 0);
    if (rc != 0)
        out->size_bytes = size_bytes;
    for (int which = NOW; which <= BEFORE; which++)
        tm_mem_free(out->mem, w.sides[which].fetched, w.sides[which].fetched_bytes);
    return rc;
}
