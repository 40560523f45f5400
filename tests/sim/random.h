// Random numbers of a simulated world: several streams from one seed, so that a draw more in one
// place changes no other.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
    uint64_t state;
};

static inline uint64_t sim_draw(struct sim_random *random)
{
    uint64_t z = (random->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline struct sim_random sim_random_of(uint64_t seed, uint64_t stream)
{
    struct sim_random random = {seed * 0x100000001b3u + stream};
    (void)sim_draw(&random);
    uint64_t other = sim_draw(&random);
    random.state ^= other;
    return random;
}

// Below `count`, which is 1 or more.
static inline uint64_t sim_below(struct sim_random *random, uint64_t count)
{
    return sim_draw(random) % count;
}

static inline uint64_t sim_between(struct sim_random *random, uint64_t least, uint64_t most)
{
    return least + sim_below(random, most - least + 1);
}

static inline bool sim_chance(struct sim_random *random, uint32_t permille)
{
    return sim_below(random, 1000) < permille;
}

// Between 1 and `most`, small numbers as often as large ones.
static inline uint64_t sim_magnitude(struct sim_random *random, uint64_t most)
{
    uint64_t bits = 0;
    while (most >> bits > 1)
        bits++;
    uint64_t n = sim_draw(random) & ((2u << sim_below(random, bits + 1)) - 1);
    return n == 0 ? 1 : n > most ? most : n;
}
