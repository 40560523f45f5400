// Rejection-inversion for the Zipf distribution: see zipf.h.
#include "connectors/generator/zipf.h"

#include <math.h>

#include "connectors/generator/random.h"

// No draw is rejected this often by chance; it bounds the loop.
enum { DRAWS_MAX = 200 };

// The density without its constant: x^-s.
static double density(const struct tm__generator_zipf *z, double x)
{
    return exp(-z->exponent * log(x));
}

// Its integral from 1 to x, (x^(1-s) - 1) / (1 - s), continuous at s = 1 where it is ln x.
static double integral(const struct tm__generator_zipf *z, double x)
{
    double log_x = log(x), t = (1 - z->exponent) * log_x;
    return fabs(t) < 1e-300 ? log_x : expm1(t) / t * log_x;
}

// x whose integral is y: (1 + (1-s) y)^(1/(1-s)).
static double inverse(const struct tm__generator_zipf *z, double y)
{
    double t = (1 - z->exponent) * y;
    if (t < -1)
        t = -1; // beyond the hyperbola's whole area by rounding
    return exp(fabs(t) < 1e-300 ? y : log1p(t) / t * y);
}

void tm__generator_zipf_init(struct tm__generator_zipf *z, uint64_t n, double exponent)
{
    *z = (struct tm__generator_zipf){.exponent = exponent, .n = (double)n};
    z->low = integral(z, 1.5) - 1;
    z->high = integral(z, z->n + 0.5);
    z->always = 2 - inverse(z, integral(z, 2.5) - density(z, 2));
}

uint64_t tm__generator_zipf_rank(const struct tm__generator_zipf *z, uint64_t key, uint64_t row)
{
    if (z->exponent == 0)
        return tm__generator_below(tm__generator_draw(key, row, 0), (uint64_t)z->n);
    for (uint32_t draw = 0; draw < DRAWS_MAX; draw++) {
        double u = tm__generator_unit(tm__generator_draw(key, row, draw));
        double y = z->high + u * (z->low - z->high);
        double x = inverse(z, y);
        double rank = floor(x + 0.5);
        if (!(rank >= 1))
            rank = 1;
        else if (rank > z->n)
            rank = z->n;
        if (rank - x <= z->always || y >= integral(z, rank + 0.5) - density(z, rank))
            return (uint64_t)rank - 1;
    }
    return 0;
}
