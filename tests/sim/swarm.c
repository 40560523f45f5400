// Each draw is of a stream, so that one more changes no seed that does not come to have what it is
// for.
#include "tests/sim/swarm.h"

enum {
    REPEAT_TURNS = 200, // within which what comes twice comes again
    STATES_STREAM = 7,  // see sim_random_of
    MORE_STREAM = 9,
};

static void draw_weather(struct sim_universe *universe)
{
    struct sim_random *random = &universe->users;
    struct sim_weather *weather = &universe->weather;
    static const enum sim_fault of_calls[] = {SIM_open_fails, SIM_read_fails, SIM_write_fails,
                                              SIM_sync_fails, SIM_name_fails, SIM_full,
                                              SIM_slow};
    static const uint32_t again[] = {0, 0, 500, 800, 950};
    bool any = sim_chance(random, 500);
    for (size_t i = 0; i < sizeof of_calls / sizeof of_calls[0]; i++)
        if (any && sim_chance(random, 400))
            weather->fails[of_calls[i]] = (uint32_t)sim_magnitude(random, 2000);
    bool jumps = sim_chance(random, 250);
    for (int i = SIM_clock_ahead; i <= SIM_clock_back && jumps; i++)
        weather->fails[i] = (uint32_t)sim_magnitude(random, 1000);
    weather->slow_ms = (uint32_t)sim_magnitude(random, 2000);
    weather->read_bytes = (uint32_t)(64u << sim_below(random, 7));
    weather->tick_ns = (int64_t)10000 << sim_below(random, 8);
    weather->again_permille = again[sim_below(random, sizeof again / sizeof again[0])];
    weather->starved = sim_chance(random, 250) ? 1 + (uint32_t)sim_below(random, 8) : 0;
    weather->lost_permille = sim_chance(random, 500) ? 300 : 0;
}

static void draw_log(struct sim_universe *universe)
{
    struct sim_random *random = &universe->widths;
    universe->wider.eager = sim_chance(random, 600);
    universe->log.timeout_ns = (int64_t)sim_magnitude(random, 60000) * 1000000;
    for (int fault = SIM_log_away; fault <= SIM_log_unheard; fault++)
        if (sim_chance(random, 500))
            universe->weather.fails[fault] = (uint32_t)sim_magnitude(random, 20000);
}

// In a share of the seeds: what costs more, or would be found by too many of them.
static void draw_wider(struct sim_universe *universe)
{
    struct sim_random *random = &universe->widths;
    struct sim_wider *wider = &universe->wider;
    wider->watched = sim_chance(random, 150);
    wider->log = sim_chance(random, 150);
    wider->single = sim_chance(random, 40) && !wider->log;
    wider->copied = sim_chance(random, 50) && !wider->log;
    wider->rots = sim_chance(random, 100);
    wider->zombie = sim_chance(random, 60);
    if (wider->log)
        draw_log(universe);
    bool grows = sim_chance(random, 150) && !wider->single && !wider->copied;
    universe->feed.kind = !grows                    ? SIM_FEED_NONE
                          : sim_chance(random, 350) ? SIM_FEED_FILES
                                                    : SIM_FEED_PARTITIONS;
    universe->feed.endless =
        universe->feed.kind == SIM_FEED_FILES || (grows && sim_chance(random, 500));
}

// From a stream of its own again: worlds without any of it stay as they are.
static void draw_odds(struct sim_universe *universe)
{
    struct sim_random *random = &universe->odds;
    struct sim_wider *wider = &universe->wider;
    struct sim_weather *weather = &universe->weather;
    struct sim_random states = sim_random_of(universe->seed, STATES_STREAM);
    wider->shares = sim_chance(&states, 900);
    wider->narrow = sim_chance(&states, 750);
    wider->drains = sim_chance(random, 50) && !wider->single;
    wider->syncs_badly = sim_chance(random, 50);
    wider->dies_again = sim_chance(random, 80);
    wider->dies_rarely = sim_chance(random, 80) && !wider->dies_again;
    if (sim_chance(random, 300) && wider->log) { // what comes twice comes when there is more
        wider->eager = true;
        weather->fails[SIM_log_twice] = 20000 + (uint32_t)sim_below(random, 40000);
        universe->log.late_ns = weather->tick_ns / 2 * REPEAT_TURNS;
    }
    if (!wider->syncs_badly)
        return;
    weather->fails[SIM_sync_fails] = 500 + (uint32_t)sim_magnitude(random, 5000);
    weather->lost_permille = 800;
}

// The same, of what came later.
static void draw_more_odds(struct sim_universe *universe)
{
    struct sim_random random = sim_random_of(universe->seed, MORE_STREAM);
    struct sim_wider *wider = &universe->wider;
    struct sim_weather *weather = &universe->weather;
    bool meets = sim_chance(&random, 700);
    universe->log.meets_next = meets && universe->log.late_ns != 0;
    wider->leaves_owing =
        sim_chance(&random, 40) && !wider->single && !wider->copied && !wider->log;
    wider->loses_behind = sim_chance(&random, 30) && !wider->syncs_badly;
    if (sim_chance(&random, 200) && wider->log)
        weather->fails[SIM_log_late] = 3000 + (uint32_t)sim_below(&random, 10000);
    if (!wider->loses_behind)
        return;
    weather->fails[SIM_sync_fails] = 1500 + (uint32_t)sim_below(&random, 4000);
    weather->lost_permille = 0;
}

void sim_swarm_draw(struct sim_universe *universe)
{
    draw_weather(universe);
    draw_wider(universe);
    draw_odds(universe);
    draw_more_odds(universe);
}
