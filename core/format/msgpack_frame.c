// Finding the end of a msgpack value: a count of what is still to come on each level.
#include "core/format/msgpack_frame.h"

#include <stdbool.h>

void tm__msgpack_frame_init(struct tm__msgpack_frame *frame)
{
    frame->left[0] = 1;
    frame->payload = 0;
    frame->depth = 0;
}

struct head {
    unsigned bytes;    // of the head, the number in it included
    uint64_t payload;  // bytes behind it
    uint64_t children; // values behind it
    bool is_container;
};

// Heads from 0xc0 on: how many bytes of number follow the first.
static const uint8_t number_bytes[32] = {0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8,
                                         1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4};

static struct head long_head(const uint8_t *p, size_t there)
{
    uint8_t c = *p;
    struct head h = {.bytes = 1u + number_bytes[c - 0xc0]};
    uint64_t n = 0;
    if (there < h.bytes)
        return h;
    for (unsigned i = 1; i < h.bytes; i++)
        n = n << 8 | p[i];
    if ((c >= 0xc4 && c <= 0xc6) || (c >= 0xd9 && c <= 0xdb))
        h.payload = n;
    else if (c >= 0xc7 && c <= 0xc9)
        h.payload = n + 1;
    else if (c >= 0xd4 && c <= 0xd8)
        h.payload = 1 + ((uint64_t)1 << (c - 0xd4));
    else if (c >= 0xdc)
        h = (struct head){h.bytes, 0, c >= 0xde ? 2 * n : n, true};
    return h;
}

static struct head read_head(const uint8_t *p, size_t there)
{
    uint8_t c = *p;
    if (c <= 0x7f || c >= 0xe0)
        return (struct head){.bytes = 1};
    if (c <= 0x9f)
        return (struct head){1, 0, c <= 0x8f ? 2 * (c & 0x0fu) : c & 0x0fu, true};
    if (c <= 0xbf)
        return (struct head){.bytes = 1, .payload = c & 0x1fu};
    return long_head(p, there);
}

enum tm__msgpack_status tm__msgpack_frame_run(struct tm__msgpack_frame *frame, const uint8_t **p,
                                              const uint8_t *end)
{
    for (;;) {
        if (frame->payload != 0) {
            size_t there = (size_t)(end - *p);
            size_t taken = frame->payload < there ? (size_t)frame->payload : there;
            *p += taken;
            frame->payload -= taken;
            if (frame->payload != 0)
                return TM__MSGPACK_MORE;
        }
        while (frame->left[frame->depth] == 0) {
            if (frame->depth-- == 0) {
                frame->depth = 0;
                return TM__MSGPACK_WHOLE;
            }
        }
        if (*p == end)
            return TM__MSGPACK_MORE;
        if (**p == 0xc1)
            return TM__MSGPACK_BROKEN;
        struct head h = read_head(*p, (size_t)(end - *p));
        if ((size_t)(end - *p) < h.bytes)
            return TM__MSGPACK_MORE;
        if (h.is_container && frame->depth == TM_ANY_DEPTH_MAX)
            return TM__MSGPACK_BROKEN;
        *p += h.bytes;
        frame->left[frame->depth]--;
        frame->payload = h.payload;
        if (h.is_container)
            frame->left[++frame->depth] = h.children;
    }
}
