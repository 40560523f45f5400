// The data of the benchmarks: JSON lines of about 140 bytes in files that each span the whole time.
// Deterministic: the same arguments give the same bytes.
//   generate --dir DIR [--rows N] [--files N] [--users N] [--seed N]
#include "bench/reference/reference.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define START_MS INT64_C(1760000000000)
enum { LATE_MS = 2000, COUNTRIES = 20, MERCHANTS = 8, OUT_BYTES = 1 << 20, LINE_BYTES_MAX = 512 };

static const char countries[COUNTRIES][3] = {"FR", "DE", "US", "GB", "ES", "IT", "PL",
                                             "NL", "BE", "SE", "NO", "DK", "FI", "PT",
                                             "IE", "AT", "CH", "CZ", "GR", "RO"};
static const char *const merchants[MERCHANTS] = {"Corner Shop",  "Old Mill",   "Blue Door",
                                                 "Station Cafe", "North Pier", "Green Cart",
                                                 "Tool Yard",    "Book Room"};

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

// Zipf with exponent 0.9 by the alias method: one draw, one look-up.
struct zipf {
    uint32_t count;
    uint32_t *alias,
        *threshold; // take the other one when the draw's low half is at or above the threshold
};

static void zipf_init(struct zipf *z, uint32_t count)
{
    double total = 0;
    double *weight = malloc(count * sizeof *weight);
    uint32_t *small = malloc(count * sizeof *small), *large = malloc(count * sizeof *large);
    z->count = count;
    z->alias = malloc(count * sizeof *z->alias);
    z->threshold = malloc(count * sizeof *z->threshold);
    if (weight == NULL || small == NULL || large == NULL || z->alias == NULL ||
        z->threshold == NULL)
        ref_die("no memory for", "the users");
    for (uint32_t i = 0; i < count; i++)
        total += weight[i] = pow(i + 1.0, -0.9);
    uint32_t smalls = 0, larges = 0;
    for (uint32_t i = 0; i < count; i++) {
        weight[i] *= count / total;
        if (weight[i] < 1)
            small[smalls++] = i;
        else
            large[larges++] = i;
    }
    while (smalls > 0 && larges > 0) {
        uint32_t s = small[--smalls], l = large[larges - 1];
        z->threshold[s] = (uint32_t)(weight[s] * 4294967295.0);
        z->alias[s] = l;
        weight[l] -= 1 - weight[s];
        if (weight[l] < 1) {
            larges--;
            small[smalls++] = l;
        }
    }
    while (larges > 0)
        z->threshold[large[--larges]] = UINT32_MAX;
    while (smalls > 0)
        z->threshold[small[--smalls]] = UINT32_MAX;
    free(weight);
    free(small);
    free(large);
}

static uint32_t zipf_draw(const struct zipf *z, uint64_t random)
{
    uint32_t i = (uint32_t)(((random >> 32) * z->count) >> 32);
    return (uint32_t)random < z->threshold[i] || z->threshold[i] == UINT32_MAX ? i : z->alias[i];
}

struct output {
    int fd;
    size_t length;
    char *bytes;
};

static void output_flush(struct output *o)
{
    for (size_t done = 0; done < o->length;) {
        ssize_t n = write(o->fd, o->bytes + done, o->length - done);
        if (n < 0 && errno != EINTR)
            ref_die("write", "data");
        if (n > 0)
            done += (size_t)n;
    }
    o->length = 0;
}

static char *put_digits(char *p, uint64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + digits;
}

static char *put_line(char *p, const struct zipf *z, uint64_t seed, int64_t i)
{
    uint64_t a = mix(seed * 4 + (uint64_t)i * 4), b = mix(a), c = mix(b), d = mix(c);
    // A permutation spreads popular users over the names; 999983 is prime and not a factor of any
    // sensible count.
    uint64_t user = (uint64_t)zipf_draw(z, a) * 999983 % z->count;
    uint64_t cents = 100 + (b >> 32) % 49901; // 1.00 to 500.00
    int64_t ts = START_MS + i - ((b & 3) == 0 ? (int64_t)((b >> 8 & 0xffff) % (LATE_MS + 1)) : 0);
    p = put_digits(REF_PUT(p, "{\"user_id\":\"u"), user, 6);
    p = ref_put_double(REF_PUT(p, "\",\"amount\":"), (double)cents / 100);
    p = ref_put_bytes(REF_PUT(p, ",\"country\":\""), countries[(c >> 32) % COUNTRIES], 2);
    p = ref_put_int(REF_PUT(p, "\",\"ts\":"), ts);
    p = REF_PUT(p, ",\"note\":\"card payment at \\\"");
    const char *merchant = merchants[d % MERCHANTS];
    p = ref_put_bytes(p, merchant, strlen(merchant));
    p = ref_put_int(REF_PUT(p, " "), (int64_t)(d >> 8) % 100);
    p = put_digits(REF_PUT(p, "\\\" till 7, ref "), d >> 24 & 0xffffffff, 10);
    return REF_PUT(p, "\"}\n");
}

static int64_t number(const char *text, int64_t low, int64_t high)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || v < low || v > high) {
        errno = EINVAL;
        ref_die("wrong number", text);
    }
    return v;
}

int main(int argc, char **argv)
{
    int64_t rows = 10000000, files = 8, users = 1000000, seed = 1;
    const char *dir = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--dir") == 0)
            dir = argv[i + 1];
        else if (strcmp(argv[i], "--rows") == 0)
            rows = number(argv[i + 1], 1, INT64_C(100000000000));
        else if (strcmp(argv[i], "--files") == 0)
            files = number(argv[i + 1], 1, 256);
        else if (strcmp(argv[i], "--users") == 0)
            users = number(argv[i + 1], 1, 1000000);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = number(argv[i + 1], 0, INT64_MAX / 8);
        else
            dir = NULL, i = argc;
    }
    if (dir == NULL || argc % 2 == 0) {
        fprintf(stderr,
                "usage: generate --dir DIR [--rows N] [--files N] [--users N] [--seed N]\n");
        return 2;
    }
    struct zipf z;
    zipf_init(&z, (uint32_t)users);
    struct output *out = calloc((size_t)files, sizeof *out);
    if (out == NULL)
        ref_die("no memory for", "files");
    for (int64_t f = 0; f < files; f++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/part-%03d.jsonl", dir, (int)f);
        out[f].fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        out[f].bytes = malloc(OUT_BYTES + LINE_BYTES_MAX);
        if (out[f].fd < 0 || out[f].bytes == NULL)
            ref_die("open", path);
    }
    for (int64_t i = 0; i < rows; i++) {
        struct output *o = &out[mix((uint64_t)(i + seed) ^ UINT64_C(0x5bd1e995)) % (uint64_t)files];
        o->length = (size_t)(put_line(o->bytes + o->length, &z, (uint64_t)seed, i) - o->bytes);
        if (o->length >= OUT_BYTES)
            output_flush(o);
    }
    for (int64_t f = 0; f < files; f++) {
        output_flush(&out[f]);
        if (close(out[f].fd) != 0)
            ref_die("close", dir);
        free(out[f].bytes);
    }
    free(out);
    free(z.alias);
    free(z.threshold);
    return 0;
}
