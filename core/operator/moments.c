// See moments.h. The variance of n values is (n * sum of squares - sum * sum) / n / (n - 1): of
// doubles the difference has no digit left that is right where values are large and close to each
// other, in whole numbers of any length it has all.
#include "core/operator/moments.h"

#include <math.h>

#include "core/operator/accumulator.h"

// --- whole numbers of several words, the lowest first --------------------------------------------

enum {
    WORDS_MAX = 6, // of n * sum of squares: 2^63 values of up to 10^38
};

// a += b, of `count` words each.
static inline void add_words(uint64_t *a, const uint64_t *b, int count)
{
    unsigned carry = 0;
    for (int i = 0; i < count; i++) {
        unsigned __int128 sum = (unsigned __int128)a[i] + b[i] + carry;
        a[i] = (uint64_t)sum;
        carry = (unsigned)(sum >> 64);
    }
}

// a -= b
static inline void subtract_words(uint64_t *a, const uint64_t *b, int count)
{
    unsigned borrow = 0;
    for (int i = 0; i < count; i++) {
        unsigned __int128 difference = (unsigned __int128)a[i] - b[i] - borrow;
        a[i] = (uint64_t)difference;
        borrow = (unsigned)(difference >> 64) & 1;
    }
}

// product = a * b, of `na + nb` words.
static inline void multiply_words(uint64_t *product, const uint64_t *a, int na, const uint64_t *b,
                                  int nb)
{
    memset(product, 0, (size_t)(na + nb) * sizeof *product);
    for (int i = 0; i < na; i++) {
        uint64_t carry = 0;
        for (int k = 0; k < nb; k++) {
            unsigned __int128 part = (unsigned __int128)a[i] * b[k] + product[i + k] + carry;
            product[i + k] = (uint64_t)part;
            carry = (uint64_t)(part >> 64);
        }
        product[i + nb] = carry;
    }
}

// The nearest long double but for its last digit: the two highest words that are not zero hold more
// digits than it has.
static long double words_number(const uint64_t *a, int count)
{
    int top = count - 1;
    while (top > 0 && a[top] == 0)
        top--;
    long double number = (long double)a[top];
    if (top > 0)
        number = number * 0x1p64L + (long double)a[top - 1];
    return top > 1 ? ldexpl(number, 64 * (top - 1)) : number;
}

// --- exact: count, sum with a sign, sum of squares -----------------------------------------------

// Words of the sum are in two's complement.
void tm__operator_moments_add_int(uint8_t *acc, int64_t x)
{
    uint64_t sign = x < 0 ? UINT64_MAX : 0, size = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
    unsigned __int128 square = (unsigned __int128)size * size;
    uint64_t held[6], sum[2] = {(uint64_t)x, sign};
    uint64_t squares[3] = {(uint64_t)square, (uint64_t)(square >> 64), 0};
    memcpy(held, acc, sizeof held);
    held[0]++;
    add_words(held + 1, sum, 2);
    add_words(held + 3, squares, 3);
    memcpy(acc, held, sizeof held);
}

void tm__operator_moments_add_decimal(uint8_t *acc, __int128 x)
{
    unsigned __int128 size = x < 0 ? 0 - (unsigned __int128)x : (unsigned __int128)x;
    uint64_t parts[2] = {(uint64_t)size, (uint64_t)(size >> 64)};
    uint64_t held[9], squares[5] = {0};
    uint64_t sum[3] = {(uint64_t)x, (uint64_t)((unsigned __int128)x >> 64), x < 0 ? UINT64_MAX : 0};
    multiply_words(squares, parts, 2, parts, 2);
    memcpy(held, acc, sizeof held);
    held[0]++;
    add_words(held + 1, sum, 3);
    add_words(held + 4, squares, 5);
    memcpy(acc, held, sizeof held);
}

static void merge_exact(uint8_t *acc, const uint8_t *other, int sum_words, int square_words)
{
    uint64_t held[9], more[9];
    size_t bytes = (size_t)(1 + sum_words + square_words) * 8;
    memcpy(held, acc, bytes);
    memcpy(more, other, bytes);
    held[0] += more[0];
    add_words(held + 1, more + 1, sum_words);
    add_words(held + 1 + sum_words, more + 1 + sum_words, square_words);
    memcpy(acc, held, bytes);
}

// n * sum of squares - sum * sum, which is never negative.
static long double exact_spread(const uint8_t *acc, int sum_words, int square_words)
{
    uint64_t held[9], size[3], scaled[WORDS_MAX] = {0}, square[WORDS_MAX] = {0};
    memcpy(held, acc, (size_t)(1 + sum_words + square_words) * 8);
    memcpy(size, held + 1, (size_t)sum_words * 8);
    if (size[sum_words - 1] >> 63) { // negative
        memset(size, 0, sizeof size);
        subtract_words(size, held + 1, sum_words);
    }
    multiply_words(scaled, held + 1 + sum_words, square_words, held, 1);
    multiply_words(square, size, sum_words, size, sum_words);
    subtract_words(scaled, square, WORDS_MAX);
    return words_number(scaled, WORDS_MAX);
}

// --- of doubles: count, mean, squared distances from it: Welford's and Chan's way ----------------

// The mean is in two parts: distances of values that are large and close to each other would else
// be those from a mean rounded to more than they are apart. Squares are as small and as large as
// those of any double.
struct moments {
    int64_t count;
    double mean, low;
    long double squares;
};

enum {
    SQUARES_AT = 24,
#if __LDBL_MANT_DIG__ == 64
    SQUARES_BYTES = 10, // what is behind them has no value of its own
#else
    SQUARES_BYTES = sizeof(long double),
#endif
};
_Static_assert(SQUARES_AT + 16 == TM__MOMENTS_DOUBLE_BYTES && SQUARES_BYTES <= 16, "");

static struct moments load(const uint8_t *acc)
{
    struct moments m = {0};
    memcpy(&m, acc, SQUARES_AT);
    memcpy(&m.squares, acc + SQUARES_AT, SQUARES_BYTES);
    return m;
}

static void store(uint8_t *acc, const struct moments *m)
{
    memcpy(acc, m, SQUARES_AT);
    memcpy(acc + SQUARES_AT, &m->squares, SQUARES_BYTES);
}

static void move_mean(struct moments *m, long double by)
{
    double mean = (double)((long double)m->mean + by);
    m->low =
        (double)((long double)m->low + (((long double)m->mean - mean) + by)); // what rounding lost
    m->mean = mean;
}

static void add_squares(struct moments *m, long double by)
{
    if (!(by < 0)) // it is not, but for rounding
        m->squares += by;
}

void tm__operator_moments_add_double(uint8_t *acc, double x)
{
    struct moments m = load(acc);
    long double from_mean = (long double)x - m.mean - m.low;
    m.count++;
    move_mean(&m, from_mean / (long double)m.count);
    add_squares(&m, from_mean * ((long double)x - m.mean - m.low));
    store(acc, &m);
}

static void merge_doubles(uint8_t *acc, const uint8_t *other)
{
    struct moments m = load(acc), n = load(other);
    if (m.count == 0 || n.count == 0) {
        store(acc, n.count == 0 ? &m : &n);
        return;
    }
    long double share = (long double)n.count / ((long double)m.count + (long double)n.count);
    long double apart = ((long double)n.mean - m.mean) + ((long double)n.low - m.low);
    m.squares += n.squares;
    add_squares(&m, apart * apart * (long double)m.count * share);
    move_mean(&m, apart * share);
    m.count += n.count;
    store(acc, &m);
}

// Exact up to 100^13, then rounded as few times as there are factors.
static long double power_of_100(uint8_t exponent)
{
    long double power = 1;
    while (exponent-- > 0)
        power *= 100;
    return power;
}

// --- for all -------------------------------------------------------------------------------------

void tm__operator_moments_merge(item_t *item, uint8_t *acc, const uint8_t *other)
{
    if (item->action == TM__MOMENTS_INT)
        merge_exact(acc, other, 2, 3);
    else if (item->action == TM__MOMENTS_DECIMAL)
        merge_exact(acc, other, 3, 5);
    else
        merge_doubles(acc, other);
}

bool tm__operator_moments_get(item_t *item, const uint8_t *acc, double *result)
{
    int64_t count = get_int(acc), by = item->population ? count : count - 1;
    if (by < 1)
        return false;
    long double squares;
    if (item->action == TM__MOMENTS_DOUBLE)
        squares = load(acc).squares;
    else if (item->action == TM__MOMENTS_INT)
        squares = exact_spread(acc, 2, 3) / (long double)count;
    else
        squares = exact_spread(acc, 3, 5) / (long double)count;
    long double variance = squares / (long double)by;
    if (item->action == TM__MOMENTS_DECIMAL)
        variance /= power_of_100(item->scale);
    *result = (double)(item->root ? sqrtl(variance) : variance);
    return true;
}
