// Payments out of CSV and fields into it (RFC 4180). Masks of 64 bytes find delimiters and line
// ends outside of quotes, as simdjson does for JSON; then the fields of each record are read by
// their types. Texts without a doubled quote are used where they lie.
#include "bench/reference/reference.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

enum { FIELDS = 5 };

static uint32_t ends[REF_BLOCK_BYTES + 64]; // where each field of the block ends

static inline uint64_t equal_mask(const char *p, char wanted)
{
#ifdef __AVX2__
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    __m256i w = _mm256_set1_epi8(wanted);
    uint32_t a = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, w));
    uint32_t b = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, w));
    return (uint64_t)b << 32 | a;
#else
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)(p[i] == wanted) << i;
    return mask;
#endif
}

// Bit i: an odd number of bits of `x` are set up to i.
static inline uint64_t prefix_xor(uint64_t x)
{
#ifdef __PCLMUL__
    __m128i all = _mm_set1_epi8((char)0xff);
    return (uint64_t)_mm_cvtsi128_si64(
        _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)x), all, 0));
#else
    for (int shift = 1; shift < 64; shift *= 2)
        x ^= x << shift;
    return x;
#endif
}

// All field ends of the block; returns their number.
static size_t find_ends(const char *p, size_t length)
{
    size_t count = 0;
    uint64_t inside = 0; // all ones: the 64 bytes begin in quotes
    for (size_t at = 0; at < length; at += 64) {
        uint64_t quotes = equal_mask(p + at, '"');
        uint64_t hits = equal_mask(p + at, ',') | equal_mask(p + at, '\n');
        if (length - at < 64) {
            uint64_t real = (UINT64_C(1) << (length - at)) - 1;
            quotes &= real;
            hits &= real;
        }
        uint64_t quoted = prefix_xor(quotes) ^ inside;
        inside = (uint64_t)((int64_t)quoted >> 63);
        hits &= ~quoted;
        int found = __builtin_popcountll(hits);
        // eight at a time, perhaps too many: the next 64 bytes write over them
        for (int n = 0; n < found; n += 8) {
            for (int k = 0; k < 8; k++) {
                ends[count + (size_t)(n + k)] =
                    (uint32_t)at + (hits == 0 ? 0u : (uint32_t)__builtin_ctzll(hits));
                hits &= hits - 1;
            }
        }
        count += (size_t)found;
    }
    return count;
}

static inline bool read_digits(const char *p, int count, int64_t *value)
{
    int64_t v = 0;
    for (int i = 0; i < count; i++) {
        unsigned digit = (unsigned)(p[i] - '0');
        if (digit > 9)
            return false;
        v = v * 10 + digit;
    }
    *value = v;
    return true;
}

// 2026-01-02T03:04:05.678Z
static bool read_timestamp(const char *p, size_t length, int64_t *ms)
{
    int64_t year, month, day, hour, minute, second, millis;
    if (length != 24 || p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' ||
        p[16] != ':' || p[19] != '.' || p[23] != 'Z' || !read_digits(p, 4, &year) ||
        !read_digits(p + 5, 2, &month) || !read_digits(p + 8, 2, &day) ||
        !read_digits(p + 11, 2, &hour) || !read_digits(p + 14, 2, &minute) ||
        !read_digits(p + 17, 2, &second) || !read_digits(p + 20, 3, &millis))
        return false;
    static const char month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1] + (month == 2 && leap) ||
        hour > 23 || minute > 59 || second > 59)
        return false;
    // days since 1970, years counted from March: the leap day ends a year
    int64_t y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    *ms = ((days * 24 + hour) * 60 + minute) * 60000 + second * 1000 + millis;
    return true;
}

// Digits with a point in them, few enough to be exact with one division; all else the general way.
static inline bool read_double(const char *p, size_t length, double *value)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    uint64_t digits = 0;
    size_t point = length;
    if (length == 0 || length > 15)
        return ref_read_double(p, length, value);
    for (size_t i = 0; i < length; i++) {
        unsigned digit = (unsigned)(p[i] - '0');
        if (digit <= 9) {
            digits = digits * 10 + digit;
        } else if (p[i] == '.' && point == length && i > 0 && i + 1 < length) {
            point = i;
        } else {
            return ref_read_double(p, length, value);
        }
    }
    *value = (double)digits / powers[point == length ? 0 : length - point - 1];
    return true;
}

static inline bool read_text(const char *p, size_t length, char **arena, const char **s,
                             uint32_t *text_length)
{
    *s = p;
    *text_length = (uint32_t)length;
    if (length == 0 || p[0] != '"')
        return true;
    if (length < 2 || p[length - 1] != '"')
        return false;
    p++;
    length -= 2;
    *s = p;
    *text_length = (uint32_t)length;
    const char *quote = memchr(p, '"', length), *end = p + length;
    if (quote == NULL)
        return true;
    char *to = *arena;
    *s = to;
    while (quote != NULL) {
        if (quote + 1 == end || quote[1] != '"')
            return false;
        to = ref_put_bytes(to, p, (size_t)(quote + 1 - p));
        p = quote + 2;
        quote = memchr(p, '"', (size_t)(end - p));
    }
    to = ref_put_bytes(to, p, (size_t)(end - p));
    *text_length = (uint32_t)(to - *s);
    *arena = to;
    return true;
}

static inline bool read_record(const char *p, const uint32_t *end, uint32_t start, char **arena,
                               struct ref_event *e)
{
    const char *field[FIELDS];
    size_t length[FIELDS];
    for (int i = 0; i < FIELDS; i++) {
        if (p[end[i]] != (i < FIELDS - 1 ? ',' : '\n'))
            return false;
        field[i] = p + start;
        length[i] = end[i] - start;
        start = end[i] + 1;
    }
    if (length[FIELDS - 1] > 0 && field[FIELDS - 1][length[FIELDS - 1] - 1] == '\r')
        length[FIELDS - 1]--;
    return read_text(field[0], length[0], arena, &e->user, &e->user_length) &&
           read_double(field[1], length[1], &e->amount) &&
           read_text(field[2], length[2], arena, &e->country, &e->country_length) &&
           read_timestamp(field[3], length[3], &e->ts_ms) &&
           read_text(field[4], length[4], arena, &e->note, &e->note_length);
}

size_t ref_decode_csv(const char *p, size_t length, char *arena, struct ref_event *events,
                      size_t *used, uint64_t *bad)
{
    size_t ends_count = find_ends(p, length), at = 0, count = 0;
    uint32_t start = 0;
    if (!ref_is_utf8(p, length))
        *bad += 1;
    while (ends_count - at >= FIELDS && count < REF_EVENTS_MAX) {
        if (__builtin_expect(read_record(p, ends + at, start, &arena, &events[count]), 1)) {
            count++;
            at += FIELDS;
        } else {
            ++*bad;
            while (p[ends[at]] != '\n' && at + 1 < ends_count)
                at++;
            at++;
        }
        start = ends[at - 1] + 1;
    }
    *used = start;
    return count;
}

char *ref_put_csv(char *out, const char *s, uint32_t length)
{
    typedef unsigned char lanes __attribute__((vector_size(16)));
    bool quoted = false;
    for (uint32_t at = 0; at < length && !quoted; at += 16) {
        lanes chunk = {0};
        memcpy(&chunk, s + at, length - at < 16 ? length - at : 16);
        lanes hit = (lanes)((chunk == '"') | (chunk == ',') | (chunk == '\n') | (chunk == '\r'));
        uint64_t half[2];
        memcpy(half, &hit, 16);
        quoted = (half[0] | half[1]) != 0;
    }
    if (!quoted)
        return ref_put_bytes(out, s, length);
    *out++ = '"';
    for (const char *end = s + length; s < end;) {
        const char *quote = memchr(s, '"', (size_t)(end - s));
        const char *to = quote == NULL ? end : quote + 1;
        out = ref_put_bytes(out, s, (size_t)(to - s));
        s = to;
        if (quote != NULL)
            *out++ = '"';
    }
    *out++ = '"';
    return out;
}
