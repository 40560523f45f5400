// The loops of chain.lua by hand, on the same rows: what the generated chunks are compared with.
// Compiled and loaded by chain.lua. Layouts: core/batch/row.ffi.h.
#include <stdint.h>
#include <string.h>

size_t filter_map(const uint8_t *in, size_t size, uint8_t *out);
size_t five(const uint8_t *in, size_t size, uint8_t *out);
size_t text_filter(const uint8_t *in, size_t size, uint8_t *out);
size_t text_pass(const uint8_t *in, size_t size, uint8_t *out);

struct head {
    uint32_t size_bytes, kind;
    uint64_t nulls;
};
struct ref {
    uint32_t offset, length;
};
struct numbers { // a double, b double, c double, n int, ts timestamp
    struct head head;
    double a, b, c;
    int64_t n, ts;
};
struct sums { // total double, scaled double, n int, ts timestamp, a double
    struct head head;
    double total, scaled;
    int64_t n, ts;
    double a;
};
struct wide { // numbers, then t1, t2
    struct head head;
    double a, b, c;
    int64_t n, ts;
    double t1, t2;
};
struct texts { // user string, country string, amount double
    struct head head;
    struct ref user, country;
    double amount;
};

size_t filter_map(const uint8_t *in, size_t size, uint8_t *out)
{
    struct sums *o = (struct sums *)out;
    for (const struct numbers *r = (const void *)in, *end = (const void *)(in + size); r < end;
         r++) {
        if (r->head.nulls & 11)
            continue; // an arithmetic error, or a null that does not pass
        if (!(r->a > 10))
            continue;
        *o =
            (struct sums){{sizeof *o, r->head.kind, 0}, r->a + r->b, r->a * 1.5, r->n, r->ts, r->a};
        if (r->head.nulls & 16)
            o->head.nulls |= 8;
        o++;
    }
    return (size_t)((uint8_t *)o - out);
}

size_t five(const uint8_t *in, size_t size, uint8_t *out)
{
    struct wide *o = (struct wide *)out;
    for (const struct numbers *r = (const void *)in, *end = (const void *)(in + size); r < end;
         r++) {
        if (r->head.nulls & 15)
            continue;
        if (!(r->a > 10))
            continue;
        double t1 = r->a * r->b;
        if (!(t1 < 1e9))
            continue;
        double t2 = t1 + r->c;
        if (r->n == 7)
            continue;
        *o = (struct wide){
            {sizeof *o, r->head.kind, r->head.nulls}, r->a, r->b, r->c, r->n, r->ts, t1, t2};
        o++;
    }
    return (size_t)((uint8_t *)o - out);
}

size_t text_filter(const uint8_t *in, size_t size, uint8_t *out)
{
    uint8_t *o = out;
    for (const uint8_t *p = in, *end = in + size; p < end;) {
        const struct texts *r = (const void *)p;
        p += r->head.size_bytes;
        if ((r->head.nulls & 2) || r->country.length != 2 ||
            memcmp((const uint8_t *)r + r->country.offset, "FR", 2) != 0)
            continue;
        memcpy(o, r, r->head.size_bytes);
        o += r->head.size_bytes;
    }
    return (size_t)(o - out);
}

size_t text_pass(const uint8_t *in, size_t size, uint8_t *out)
{
    struct picked { // user string, twice double
        struct head head;
        struct ref user;
        double twice;
    };
    uint8_t *at = out;
    for (const uint8_t *p = in, *end = in + size; p < end;) {
        const struct texts *r = (const void *)p;
        p += r->head.size_bytes;
        if (r->head.nulls & 4)
            continue;
        struct picked *o = (struct picked *)at;
        uint32_t bytes = (uint32_t)(sizeof *o + r->user.length + 7) & ~7u;
        if (bytes > sizeof *o)
            memset(at + bytes - 8, 0, 8);
        o->head = (struct head){bytes, r->head.kind, r->head.nulls & 1};
        o->user = (struct ref){(r->head.nulls & 1) ? 0 : sizeof *o, r->user.length};
        o->twice = r->amount * 2;
        memcpy(at + sizeof *o, (const uint8_t *)r + r->user.offset, r->user.length);
        at += bytes;
    }
    return (size_t)(at - out);
}
