// Addresses of the internet, of both versions, and their networks. An IPv4 address is kept as the
// IPv6 address that maps it, so that one comparison serves both.
#include <stdio.h>

#include "core/text/text_private.h"

struct address {
    uint8_t bytes[16];
    int32_t version; // 4 or 6
};

enum { MAPPED_BITS = 96 };
static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

// --- reading

// Four decimal numbers without leading zeros, which some readers take for octal.
static bool parse_v4(const char *s, size_t len, uint8_t *bytes)
{
    size_t i = 0;

    for (int part = 0; part < 4; part++) {
        uint32_t v = 0;
        if (part > 0 && (i == len || s[i++] != '.'))
            return false;
        size_t from = i;
        for (; i < len && i - from < 3 && s[i] >= '0' && s[i] <= '9'; i++)
            v = v * 10 + (uint32_t)(s[i] - '0');
        if (i == from || v > 255 || (s[from] == '0' && i - from > 1))
            return false;
        bytes[part] = (uint8_t)v;
    }
    return i == len;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Groups from `s` on: their count, or -1. An IPv4 address may be the last two.
static int parse_groups(const char *s, size_t len, uint16_t *groups, int max)
{
    size_t i = 0;
    int count = 0;

    while (i < len) {
        uint32_t v = 0;
        size_t from = i;
        if (count == max)
            return -1;
        for (; i < len && i - from < 4 && hex(s[i]) >= 0; i++)
            v = v << 4 | (uint32_t)hex(s[i]);
        if (i < len && s[i] == '.') {
            uint8_t v4[4];
            if (count + 2 > max || !parse_v4(s + from, len - from, v4))
                return -1;
            groups[count] = (uint16_t)(v4[0] << 8 | v4[1]);
            groups[count + 1] = (uint16_t)(v4[2] << 8 | v4[3]);
            return count + 2;
        }
        if (i == from)
            return -1;
        groups[count++] = (uint16_t)v;
        if (i == len)
            break;
        if (s[i] != ':' || i + 1 == len)
            return -1;
        i++;
    }
    return count;
}

static bool parse_v6(const char *s, size_t len, uint8_t *bytes)
{
    const char *gap = len < 2 ? NULL : memmem(s, len, "::", 2);
    uint16_t groups[8] = {0}, tail[8] = {0};
    int count, behind = 0;

    if (gap == NULL) {
        count = parse_groups(s, len, groups, 8);
        if (count != 8)
            return false;
    } else {
        // Of an IPv4 address only the end can be, so what stands before the gap has none.
        if (memchr(s, '.', (size_t)(gap - s)) != NULL)
            return false;
        count = parse_groups(s, (size_t)(gap - s), groups, 7);
        behind = parse_groups(gap + 2, len - (size_t)(gap + 2 - s), tail, 7);
        if (count < 0 || behind < 0 || count + behind > 7)
            return false;
        memcpy(groups + 8 - behind, tail, (size_t)behind * sizeof tail[0]);
    }
    for (int g = 0; g < 8; g++) {
        bytes[2 * g] = (uint8_t)(groups[g] >> 8);
        bytes[2 * g + 1] = (uint8_t)groups[g];
    }
    return true;
}

static bool parse(const char *s, size_t len, struct address *a)
{
    if (len > 45) // the longest there is
        return false;
    if (memchr(s, ':', len) != NULL) {
        a->version = 6;
        return parse_v6(s, len, a->bytes);
    }
    a->version = 4;
    memcpy(a->bytes, mapped, sizeof mapped);
    return parse_v4(s, len, a->bytes + 12);
}

// "10.0.0.0/8", or an address alone. Bits behind the prefix may be set.
static bool parse_network(const char *s, size_t len, struct address *a, uint32_t *bits)
{
    const char *slash = memchr(s, '/', len);
    size_t size = slash == NULL ? len : (size_t)(slash - s);
    uint32_t v = 0, most;

    if (!parse(s, size, a))
        return false;
    most = a->version == 4 ? 32 : 128;
    if (slash == NULL) {
        v = most;
    } else {
        size_t digits = len - size - 1;
        if (digits == 0 || digits > 3 || (slash[1] == '0' && digits > 1))
            return false;
        for (size_t i = 1; i <= digits; i++) {
            if (slash[i] < '0' || slash[i] > '9')
                return false;
            v = v * 10 + (uint32_t)(slash[i] - '0');
        }
    }
    if (v > most)
        return false;
    *bits = a->version == 4 ? v + MAPPED_BITS : v;
    return true;
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
    uint32_t whole = bits / 8, rest = bits % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

// --- writing (RFC 5952: the longest run of zero groups is ::, the first of several)

static int32_t give(struct tm_text *t, const struct address *a, const char *suffix)
{
    char text[80], *p = text, *end = text + sizeof text;
    const uint8_t *b = a->bytes;

    if (a->version == 4) {
        p += snprintf(p, (size_t)(end - p), "%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
    } else {
        int best = -1, best_length = 1;
        for (int g = 0; g < 8; g++) {
            int n = 0;
            while (g + n < 8 && b[2 * (g + n)] == 0 && b[2 * (g + n) + 1] == 0)
                n++;
            if (n > best_length) {
                best = g;
                best_length = n;
            }
        }
        bool is_mapped = memcmp(b, mapped, sizeof mapped) == 0;
        for (int g = 0; g < 8; g++) {
            if (g == best) {
                p += snprintf(p, (size_t)(end - p), "::");
                g += best_length - 1;
                continue;
            }
            if (g > 0 && p[-1] != ':')
                *p++ = ':';
            if (g == 6 && is_mapped) {
                p += snprintf(p, (size_t)(end - p), "%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
                break;
            }
            p += snprintf(p, (size_t)(end - p), "%x", (unsigned)(b[2 * g] << 8 | b[2 * g + 1]));
        }
    }
    p += snprintf(p, (size_t)(end - p), "%s", suffix);
    uint8_t *out = tm__text_room(t, (size_t)(p - text));
    if (out == NULL)
        return TM_E_MEMORY;
    memcpy(out, text, (size_t)(p - text));
    return tm__text_done(t, out + (p - text));
}

// --- what job code asks

int32_t tm_ip_version(const char *s, uint32_t len)
{
    struct address a;
    return parse(s, len, &a) ? a.version : TM_TEXT_NONE;
}

// The special ranges that matter for records (RFC 6890 and its successors); the first that fits.
static const struct {
    uint8_t bytes[16];
    uint8_t bits;
    uint8_t kind;
} ranges[] = {
#define V4(a, b, c, d)                                       \
    {                                                        \
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d \
    }
    {V4(0, 0, 0, 0), 128, TM_IP_UNSPECIFIED},
    {V4(10, 0, 0, 0), 104, TM_IP_PRIVATE},
    {V4(172, 16, 0, 0), 108, TM_IP_PRIVATE},
    {V4(192, 168, 0, 0), 112, TM_IP_PRIVATE},
    {V4(127, 0, 0, 0), 104, TM_IP_LOOPBACK},
    {V4(169, 254, 0, 0), 112, TM_IP_LINK_LOCAL},
    {V4(100, 64, 0, 0), 106, TM_IP_SHARED},
    {V4(224, 0, 0, 0), 100, TM_IP_MULTICAST},
    {V4(192, 0, 2, 0), 120, TM_IP_DOCUMENTATION},
    {V4(198, 51, 100, 0), 120, TM_IP_DOCUMENTATION},
    {V4(203, 0, 113, 0), 120, TM_IP_DOCUMENTATION},
    {V4(0, 0, 0, 0), 104, TM_IP_RESERVED},
    {V4(192, 0, 0, 0), 120, TM_IP_RESERVED},
    {V4(198, 18, 0, 0), 111, TM_IP_RESERVED},
    {V4(240, 0, 0, 0), 100, TM_IP_RESERVED},
    {V4(0, 0, 0, 0), 96, TM_IP_PUBLIC}, // all other addresses of version 4
#undef V4
    {{0}, 128, TM_IP_UNSPECIFIED},
    {{[15] = 1}, 128, TM_IP_LOOPBACK},
    {{0xFC}, 7, TM_IP_PRIVATE},
    {{0xFE, 0x80}, 10, TM_IP_LINK_LOCAL},
    {{0xFF}, 8, TM_IP_MULTICAST},
    {{0x20, 0x01, 0x0D, 0xB8}, 32, TM_IP_DOCUMENTATION},
    {{0x3F, 0xFF}, 20, TM_IP_DOCUMENTATION},
    {{0x20}, 3, TM_IP_PUBLIC}, // 2000::/3 is what has been given out
};

int32_t tm_ip_kind(const char *s, uint32_t len)
{
    struct address a;

    if (!parse(s, len, &a))
        return TM_TEXT_NONE;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (same_prefix(a.bytes, ranges[i].bytes, ranges[i].bits))
            return ranges[i].kind;
    }
    return TM_IP_RESERVED;
}

int32_t tm_ip_within(const char *s, uint32_t len, const char *network, uint32_t network_len)
{
    struct address a, n;
    uint32_t bits;

    if (!parse_network(network, network_len, &n, &bits))
        return TM_E_ARGUMENT;
    if (!parse(s, len, &a))
        return TM_TEXT_NONE;
    return a.version == n.version && same_prefix(a.bytes, n.bytes, bits);
}

int32_t tm_ip_network(struct tm_text *t, const char *s, uint32_t len, int32_t v4_bits,
                      int32_t v6_bits)
{
    struct address a;
    char suffix[8];

    if (!parse(s, len, &a))
        return TM_TEXT_NONE;
    int32_t bits = a.version == 4 ? v4_bits : v6_bits;
    snprintf(suffix, sizeof suffix, "/%d", (int)bits);
    for (int32_t bit = bits + (a.version == 4 ? MAPPED_BITS : 0); bit < 128; bit++)
        a.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    return give(t, &a, suffix);
}

int32_t tm_ip_canonical(struct tm_text *t, const char *s, uint32_t len)
{
    struct address a;
    return parse(s, len, &a) ? give(t, &a, "") : TM_TEXT_NONE;
}

int32_t tm_ip_to_number(struct tm_text *t, const char *s, uint32_t len)
{
    struct address a;

    if (!parse(s, len, &a) || a.version != 4)
        return TM_TEXT_NONE;
    t->number = ((a.bytes[12] * 256.0 + a.bytes[13]) * 256.0 + a.bytes[14]) * 256.0 + a.bytes[15];
    return 0;
}

int32_t tm_ip_from_number(struct tm_text *t, double number)
{
    struct address a = {.version = 4};
    uint32_t v = (uint32_t)number;

    for (int i = 0; i < 4; i++)
        a.bytes[12 + i] = (uint8_t)(v >> (24 - 8 * i));
    return give(t, &a, "");
}
