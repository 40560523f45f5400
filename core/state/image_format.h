// What images look like, shared by who writes them and who reads them.
//
//   image   version (a byte), kind (a byte), varint: bytes of a value; pages by number; varint 0
//   page    varint: distance of its number from the one before it << 2 | what follows
//     GONE     nothing
//     CHANGED  ranges, against the page as it was
//     RESIZED  varint: bytes in use / 8; ranges
//     MADE     varint: size / 8; varint: bytes in use / 8; kind (a byte); varint: owner less the
//              owner of the page before it, zigzag; ranges, against zeros
//   ranges  varint: words that are as they were << 3 | words that follow, 1 to 7; or 0 there and a
//           varint of how many (none: the page ends); the words. The head of a page is not in it.
//
// Bytes of a page that are not in use are not in an image; they count as zero.
#pragma once

#include "core/base/buf.h"
#include "core/state/frozen.h"
#include "core/state/image.h"

// 2: maps may have plain buckets (map_plain.h).
enum { TM__IMAGE_VERSION = 2, TM__IMAGE_VERSION_MIN = 1 };
enum tm__image_kind { TM__IMAGE_WHOLE, TM__IMAGE_DIFFERENCE };
enum tm__image_page { TM__IMAGE_GONE, TM__IMAGE_CHANGED, TM__IMAGE_RESIZED, TM__IMAGE_MADE };
enum {
    TM__IMAGE_PAGE_BITS = 2,
    TM__IMAGE_WORDS_BITS = 3,
    TM__IMAGE_WORDS_MASK = 7,
    TM__IMAGE_VARINT_BYTES = 10,
    TM__IMAGE_PAGE_VARINTS = 6, // in front of a page's ranges, and its kind
    TM__HEAD_WORDS = sizeof(struct tm__state_head) / TM__UNIT_BYTES,
};

static inline uint64_t tm__image_zigzag(int64_t value)
{
    uint64_t bits = (uint64_t)value;
    return bits << 1 ^ (0 - (bits >> 63));
}
static inline int64_t tm__image_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

// What was seen in a page of entries, in `next` of its info until the table has it. 0: it is to be
// looked at.
enum { TM__SEEN = 1, TM__SEEN_FREE = 2, TM__SEEN_BITS = 2 }; // and above: how many are in use
// Looks at the entries of a page that came from an image, one behind the other, and notes what
// there is. TM_E_CHECKPOINT.
int tm__image_see_entries(const struct tm_state *state, const struct tm__state_group *group,
                          uint32_t key_group, uint32_t number, struct tm_error *err) TM_WARN_UNUSED;
