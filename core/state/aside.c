// Pages put aside. A state that was frozen goes on writing where its pages lie: before it does,
// what a page holds is copied out for those who hold it too. So the addresses of a state, and with
// them what processors know of their whereabouts, do not change with every checkpoint.
//
// A frozen page table stays as it is, for other threads read it. Beside each of its addresses
// stands a word: 0; how many threads read the page where it lies; or the address of the copy. One
// compare and exchange changes it, so either reads one the page or it is put aside, and neither
// ever waits: where it is read just then it is the state that moves, as it does where a fork has
// the page too.
#include <stdatomic.h>

#include "core/state/internal.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

uintptr_t tm__state_named(const struct tm__state_pages *pages, uint32_t number)
{
    // Partner: the exchange in put_aside, which comes behind the copying.
    uintptr_t aside = atomic_load_explicit(&tm__state_asides(pages)[number], memory_order_acquire);
    return aside > TM__ASIDE_READERS ? aside : tm__state_addresses(pages)[number];
}

const uint8_t *tm__state_take_to_read(const struct tm__state_pages *pages, uint32_t number,
                                      bool *taken)
{
    _Atomic uintptr_t *aside = &tm__state_asides(pages)[number];
    uintptr_t seen = atomic_load_explicit(aside, memory_order_acquire);
    *taken = false;
    while (seen <= TM__ASIDE_READERS && !*taken) {
        if (seen == TM__ASIDE_READERS) // never so many
            seen = atomic_load_explicit(aside, memory_order_acquire);
        else
            *taken = atomic_compare_exchange_weak_explicit(
                aside, &seen, seen + 1, memory_order_acquire, memory_order_acquire);
    }
    uintptr_t address = *taken ? tm__state_addresses(pages)[number] : seen;
    return (const uint8_t *)(address & ~(uintptr_t)TM__PAGE_FLAGS);
}

void tm__state_leave_read(const struct tm__state_pages *pages, uint32_t number)
{
    // Partner: the exchange in put_aside, before which all reading has to be over.
    atomic_fetch_sub_explicit(&tm__state_asides(pages)[number], 1, memory_order_release);
}

// What is copied is read by another thread, much later: it is to push nothing out of the cache.
void tm__state_page_copy(struct tm__state_head *to, const struct tm__state_head *from,
                         uint32_t size_bytes)
{
#ifdef __SSE2__
    enum { BLOCK = 64 }; // memory of pages is aligned to it, but for large ones
    if (size_bytes % BLOCK == 0 && (uintptr_t)to % BLOCK == 0) {
        const uint8_t *source = (const uint8_t *)from;
        uint8_t *target = (uint8_t *)to;
        for (uint32_t i = 0; i < size_bytes; i += BLOCK)
            for (uint32_t k = 0; k < BLOCK; k += sizeof(__m128i))
                _mm_stream_si128((__m128i *)(void *)(target + i + k),
                                 _mm_loadu_si128((const void *)(source + i + k)));
        _mm_sfence(); // before others are told
        return;
    }
#endif
    memcpy(to, from, size_bytes);
}

static bool names(const struct tm__state_pages *pages, uint32_t number,
                  const struct tm__state_head *head)
{
    return pages->lived == 0 && number < pages->used &&
           (tm__state_named(pages, number) & ~(uintptr_t)TM__PAGE_FLAGS) == (uintptr_t)head;
}

// How many others hold the page for reading alone. Those that are being given up anyway lose it.
static uint32_t count_holders(const struct tm__state_group *group, uint32_t number,
                              struct tm__state_head *head)
{
    uint32_t count = 0;
    for (struct tm__state_pages *other = group->pages->next; other != group->pages;
         other = other->next) {
        if (!names(other, number, head))
            continue;
        if (!other->leaving) {
            count++;
            continue;
        }
        tm__state_addresses(other)[number] = 0;
        atomic_store_explicit(&tm__state_asides(other)[number], 0, memory_order_relaxed);
        head->references--;
    }
    return count;
}

// To all that nobody reads just now: how many.
static uint32_t hand_out(const struct tm__state_group *group, uint32_t number,
                         const struct tm__state_head *head, struct tm__state_head *copy)
{
    uint32_t count = 0;
    for (struct tm__state_pages *other = group->pages->next; other != group->pages;
         other = other->next) {
        if (!names(other, number, head))
            continue;
        uintptr_t nobody = 0;
        // Partners: the loads above, which find the copy whole; and leave_read.
        bool taken = atomic_compare_exchange_strong_explicit(
            &tm__state_asides(other)[number], &nobody, (uintptr_t)copy, memory_order_acq_rel,
            memory_order_relaxed);
        count += taken;
        other->aside_count += taken;
    }
    return count;
}

bool tm__state_put_aside(struct tm_state *state, struct tm__state_group *group, uint32_t number)
{
    struct tm__state_head *head =
        (struct tm__state_head *)(group->at[number] & ~(uintptr_t)TM__PAGE_FLAGS);
    uint32_t size_bytes = tm__state_page_infos(group->pages)[number].size_bytes;
    uint32_t holders = count_holders(group, number, head);
    if (head->references == 1)
        return true;
    if (head->references != holders + 1) // a fork's
        return false;
    struct tm__state_head *copy = tm__state_page_memory(state->pool, size_bytes);
    if (copy == NULL)
        return false;
    tm__state_page_copy(copy, head, size_bytes);
    copy->references = hand_out(group, number, head, copy);
    head->references -= copy->references;
    if (copy->references == 0)
        tm__state_page_memory_free(state->pool, copy, size_bytes);
    else
        tm__state_note_copy(state, size_bytes);
    return head->references == 1;
}
