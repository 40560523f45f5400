// Effects of the test kit's world.
#include "core/kit/world.h"

#include "core/base/check.h"

enum { BEGIN_NS = 1000000000 }; // of the monotonic clock: 0 means "not yet" to some

// --- clock and random ----------------------------------------------------------------------------

static int64_t mono_ns(void *ctx)
{
    const struct tm_kit_world *world = ctx;
    return BEGIN_NS + world->clock_ns;
}

static int64_t wall_ms(void *ctx)
{
    const struct tm_kit_world *world = ctx;
    return world->wall_ms + world->clock_ns / 1000000;
}

static int64_t cpu_ns(void *ctx)
{
    (void)ctx;
    return 0;
}

static uint64_t random_next(void *ctx)
{
    return tm_single_random(ctx);
}

bool tm_kit_world_help(void *arg)
{
    struct tm_kit_world *world = arg;
    return tm_single_run(&world->single, 0);
}

static const struct tm_fx_clock clock_table = {
    .wall_ms = wall_ms, .mono_ns = mono_ns, .cpu_ns = cpu_ns};
static const struct tm_fx_random random_table = {.next = random_next};

void tm_kit_world_init(struct tm_kit_world *world, const struct tm_fx *real, uint64_t seed,
                       int64_t start_ms)
{
    TM_CHECK(real->ctx == NULL);
    *world = (struct tm_kit_world){.single = {.memory = real->memory, .random = seed},
                                   .wall_ms = start_ms};
    world->fx = (struct tm_fx){.ctx = world,
                               .clock = &clock_table,
                               .random = &random_table,
                               .files = real->files,
                               .threads = &tm_single_threads,
                               .memory = real->memory};
}

// --- Lua states ----------------------------------------------------------------------------------

static bool compiles(void *ctx)
{
    (void)ctx;
    return true;
}

static const struct tm_fx *open_heap(void *ctx, uint64_t key)
{
    return tm_heaps_open(((struct tm_kit_world *)ctx)->heaps, ctx, key);
}

static void close_heap(void *ctx, const struct tm_fx *heap)
{
    (void)ctx;
    tm_heaps_close(heap);
}

static void *recall(void *ctx, const struct tm_fx *heap, uint64_t key)
{
    (void)ctx;
    return tm_heaps_recall(heap, key);
}

static void keep(void *ctx, const struct tm_fx *heap, uint64_t key, void *root)
{
    (void)ctx;
    tm_heaps_keep(heap, key, root);
}

static const struct tm_fx_states states_table = {
    .compiles = compiles, .open = open_heap, .close = close_heap, .recall = recall, .keep = keep};

void tm_kit_world_keep_states(struct tm_kit_world *world, struct tm_heaps *heaps)
{
    world->heaps = heaps;
    world->fx.states = &states_table;
}
