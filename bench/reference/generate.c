// The data of the benchmarks, in files that each span the whole time: payments as JSON lines of
// about 140 bytes or as CSV, nested orders, lines of a web server's access log, words.
// Deterministic: the same arguments give the same bytes.
//   generate --dir DIR [--kind payments|csv|orders|access|words] [--rows N] [--files N] [--users N]
//            [--seed N]
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

// What every kind of record draws from: the same record i is the same payment in JSON and in CSV.
struct record {
    uint64_t a, b, c, d; // random bits: a of the user, b of amount and lateness, c, d of the rest
    uint64_t user;
    int64_t i, ts;
    double amount;
};

static struct record draw(const struct zipf *z, uint64_t seed, int64_t i)
{
    struct record r = {.i = i, .a = mix(seed * 4 + (uint64_t)i * 4)};
    r.b = mix(r.a);
    r.c = mix(r.b);
    r.d = mix(r.c);
    // A permutation spreads popular users over the names; 999983 is prime and not a factor of any
    // sensible count.
    r.user = (uint64_t)zipf_draw(z, r.a) * 999983 % z->count;
    r.amount = (double)(100 + (r.b >> 32) % 49901) / 100; // 1.00 to 500.00
    r.ts = START_MS + i;
    if ((r.b & 3) == 0)
        r.ts -= (int64_t)((r.b >> 8 & 0xffff) % (LATE_MS + 1));
    return r;
}

// `quote`: how a quote stands inside a text.
static char *put_note(char *p, const struct record *r, const char *quote)
{
    const char *merchant = merchants[r->d % MERCHANTS];
    p = ref_put_bytes(REF_PUT(p, "card payment at "), quote, 2);
    p = ref_put_bytes(p, merchant, strlen(merchant));
    p = ref_put_int(REF_PUT(p, " "), (int64_t)(r->d >> 8) % 100);
    p = ref_put_bytes(p, quote, 2);
    return put_digits(REF_PUT(p, " till 7, ref "), r->d >> 24 & 0xffffffff, 10);
}

static char *put_payment(char *p, const struct record *r)
{
    p = put_digits(REF_PUT(p, "{\"user_id\":\"u"), r->user, 6);
    p = ref_put_double(REF_PUT(p, "\",\"amount\":"), r->amount);
    p = ref_put_bytes(REF_PUT(p, ",\"country\":\""), countries[(r->c >> 32) % COUNTRIES], 2);
    p = ref_put_int(REF_PUT(p, "\",\"ts\":"), r->ts);
    p = put_note(REF_PUT(p, ",\"note\":\""), r, "\\\"");
    return REF_PUT(p, "\"}\n");
}

static char *put_csv(char *p, const struct record *r)
{
    p = put_digits(REF_PUT(p, "u"), r->user, 6);
    p = ref_put_double(REF_PUT(p, ","), r->amount);
    p = ref_put_bytes(REF_PUT(p, ","), countries[(r->c >> 32) % COUNTRIES], 2);
    p = ref_put_timestamp(REF_PUT(p, ","), r->ts);
    p = put_note(REF_PUT(p, ",\""), r, "\"\"");
    return REF_PUT(p, "\"\n");
}

// Three levels and two lists.
static char *put_order(char *p, const struct record *r)
{
    static const char *const cities[] = {"Paris", "Berlin", "New York", "Birmingham", "Rome"};
    static const char *const tags[] = {"new", "web", "gift", "express", "business"};
    p = ref_put_int(REF_PUT(p, "{\"id\":"), 1000000 + r->i);
    p = ref_put_int(REF_PUT(p, ",\"ts\":"), r->ts);
    p = put_digits(REF_PUT(p, ",\"customer\":{\"id\":\"u"), r->user, 6);
    p = ref_put_int(REF_PUT(p, "\",\"name\":\"Customer "), (int64_t)r->user);
    const char *city = cities[r->c % 5];
    p = ref_put_bytes(REF_PUT(p, "\",\"address\":{\"city\":\""), city, strlen(city));
    p = put_digits(REF_PUT(p, "\",\"zip\":\""), r->c >> 8 & 0xffff, 5);
    p = ref_put_bytes(REF_PUT(p, "\",\"country\":\""), countries[(r->c >> 32) % COUNTRIES], 2);
    p = REF_PUT(p, "\"}},\"items\":[");
    uint64_t items = 1 + r->d % 4;
    for (uint64_t k = 0, bits = r->d; k < items; k++, bits = mix(bits)) {
        p = put_digits(REF_PUT(p, "{\"sku\":\"A"), bits >> 40, 8);
        p = ref_put_int(REF_PUT(p, "\",\"qty\":"), (int64_t)(1 + (bits >> 8) % 9));
        p = ref_put_double(REF_PUT(p, ",\"price\":"), (double)(50 + (bits >> 16) % 20000) / 100);
        p = k + 1 < items ? REF_PUT(p, "},") : REF_PUT(p, "}");
    }
    p = REF_PUT(p, "],\"tags\":[");
    for (uint64_t k = 0, count = (r->d >> 2) % 4; k < count; k++) {
        const char *tag = tags[(r->d >> (4 + 4 * k)) % 5];
        p = ref_put_bytes(REF_PUT(p, "\""), tag, strlen(tag));
        p = k + 1 < count ? REF_PUT(p, "\",") : REF_PUT(p, "\"");
    }
    return REF_PUT(p, "]}\n");
}

static char *put_access(char *p, const struct record *r)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char *const methods[] = {"GET", "GET", "GET", "GET", "POST", "HEAD", "PUT"};
    static const char *const pages[] = {"/products/", "/cart/", "/orders/", "/images/thumb/"};
    char iso[32];
    ref_put_timestamp(iso, r->ts);
    p = ref_put_int(REF_PUT(p, "10."), (int64_t)(r->user >> 16 & 0xff));
    p = ref_put_int(REF_PUT(p, "."), (int64_t)(r->user >> 8 & 0xff));
    p = ref_put_int(REF_PUT(p, "."), (int64_t)(r->user & 0xff));
    p = ref_put_bytes(REF_PUT(p, " - - ["), iso + 8, 2);
    p = ref_put_bytes(REF_PUT(p, "/"), months + ((iso[5] - '0') * 10 + iso[6] - '1') * 3, 3);
    p = ref_put_bytes(REF_PUT(p, "/"), iso, 4);
    p = ref_put_bytes(REF_PUT(p, ":"), iso + 11, 8);
    const char *method = methods[r->c % 7], *page = pages[(r->c >> 8) % 4];
    p = ref_put_bytes(REF_PUT(p, " +0000] \""), method, strlen(method));
    p = ref_put_bytes(REF_PUT(p, " "), page, strlen(page));
    p = ref_put_int(p, (int64_t)(r->c >> 16) % 100000);
    p = ref_put_int(REF_PUT(p, "?page="), (int64_t)(r->c >> 40) % 50);
    p = ref_put_bytes(REF_PUT(p, " HTTP/1.1\" "), r->d % 50 == 0 ? "404" : "200", 3);
    p = ref_put_int(REF_PUT(p, " "), (int64_t)(r->d >> 16) % 100000);
    return REF_PUT(p, " \"https://shop.example/\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n");
}

// Eight words of one to four syllables.
static char *put_words(char *p, const struct record *r)
{
    uint64_t bits = r->a;
    for (int k = 0; k < 8; k++, bits = mix(bits)) {
        // Of 50,000 words; the square of an even draw makes some far more frequent.
        uint64_t even = bits >> 32, word = (even * even >> 32) * 50000 >> 32;
        do {
            *p++ = "bcdfghjklmnprstvwxyz"[word % 20];
            *p++ = "aeiou"[word / 20 % 5];
            word /= 100;
        } while (word > 0);
        *p++ = k == 7 ? '\n' : ' ';
    }
    return p;
}

static const struct kind {
    const char *name, *suffix, *header;
    char *(*put)(char *p, const struct record *r);
} kinds[] = {
    {"payments", "jsonl", "", put_payment},
    {"csv", "csv", "user_id,amount,country,ts,note\n", put_csv},
    {"orders", "jsonl", "", put_order},
    {"access", "log", "", put_access},
    {"words", "txt", "", put_words},
};

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

static const struct kind *find_kind(const char *name)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (strcmp(name, kinds[k].name) == 0)
            return &kinds[k];
    }
    errno = EINVAL;
    ref_die("no such kind", name);
}

int main(int argc, char **argv)
{
    int64_t rows = 10000000, files = 8, users = 1000000, seed = 1;
    const char *dir = NULL;
    const struct kind *kind = kinds;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--dir") == 0)
            dir = argv[i + 1];
        else if (strcmp(argv[i], "--kind") == 0)
            kind = find_kind(argv[i + 1]);
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
                "usage: generate --dir DIR [--kind payments|csv|orders|access|words] [--rows N] "
                "[--files N] [--users N] [--seed N]\n");
        return 2;
    }
    struct zipf z;
    zipf_init(&z, (uint32_t)users);
    struct output *out = calloc((size_t)files, sizeof *out);
    if (out == NULL)
        ref_die("no memory for", "files");
    for (int64_t f = 0; f < files; f++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/part-%03d.%s", dir, (int)f, kind->suffix);
        out[f].fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        out[f].bytes = malloc(OUT_BYTES + LINE_BYTES_MAX);
        if (out[f].fd < 0 || out[f].bytes == NULL)
            ref_die("open", path);
        out[f].length = strlen(kind->header);
        memcpy(out[f].bytes, kind->header, out[f].length);
    }
    for (int64_t i = 0; i < rows; i++) {
        struct output *o = &out[mix((uint64_t)(i + seed) ^ UINT64_C(0x5bd1e995)) % (uint64_t)files];
        struct record r = draw(&z, (uint64_t)seed, i);
        o->length = (size_t)(kind->put(o->bytes + o->length, &r) - o->bytes);
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
