// Ranks 1..n with probability proportional to 1 / rank^exponent, in constant time and without a
// table, by rejection-inversion (W. Hoermann, G. Derflinger, "Rejection-inversion to generate
// variates from monotone discrete distributions", 1996).
//
// The hyperbola over [rank - 1/2, rank + 1/2] is drawn by inverting its integral and rounded; a
// draw is rejected where the hyperbola's piece is larger than the rank's probability. Ranks are
// exact up to the rounding of doubles (a relative error near 1e-15 of each probability); 1.1 draws
// on average, fewer than 1.5 for any exponent.
#pragma once

#include <stdint.h>

struct tm__generator_zipf {
    double exponent; // 0: even
    double n;
    double low, high; // of the integral: where uniform numbers are stretched to
    double always;    // a draw this near below its rank is never rejected
};

// n: 1 .. 2^53; exponent: 0 .. 10.
void tm__generator_zipf_init(struct tm__generator_zipf *z, uint64_t n, double exponent);
// The rank (from 0: 0 is the most frequent) of row `row` in the stream `key`.
uint64_t tm__generator_zipf_rank(const struct tm__generator_zipf *z, uint64_t key, uint64_t row);
