// Random numbers by counter: no state, so that row i can be made by anybody at any time.
#pragma once

#include <stdint.h>

// Spreads every input bit over all output bits (multiply and shift rounds).
static inline uint64_t tm__generator_mix(uint64_t v)
{
    v = (v ^ (v >> 32)) * 0xd6e8feb86659fd93u;
    v = (v ^ (v >> 32)) * 0xd6e8feb86659fd93u;
    return v ^ (v >> 32);
}

// A column's own stream.
static inline uint64_t tm__generator_key(uint64_t seed, uint64_t field)
{
    return tm__generator_mix(tm__generator_mix(seed + 0x632be59bd9b4e019u) + field);
}

// Number `draw` (from 0) of row `row` in the stream `key`.
static inline uint64_t tm__generator_draw(uint64_t key, uint64_t row, uint32_t draw)
{
    // Two odd constants keep rows and draws apart: streams meet nowhere near each other.
    return tm__generator_mix(key + row * 0x9e3779b97f4a7c15u + draw * 0xd1b54a32d192ed03u);
}

// 0 .. n-1 for n >= 1. Deviates from even by less than n / 2^64.
static inline uint64_t tm__generator_below(uint64_t random, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)random * n) >> 64);
}

// [0, 1) in steps of 2^-53.
static inline double tm__generator_unit(uint64_t random)
{
    return (double)(random >> 11) * 0x1p-53;
}
