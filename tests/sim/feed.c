// What is there of an input that grows.
#include "tests/sim/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/universe.h"

enum { TURNS_LATE_MAX = 2000, TURNS_A_ROW_MAX = 60 };

void sim_feed_fini(struct sim_feed *feed)
{
    for (uint32_t p = 0; p < feed->count; p++) {
        free(feed->parts[p].text);
        free(feed->parts[p].ends);
    }
    *feed = (struct sim_feed){0};
}

void sim_feed_add(struct sim_universe *universe, const char *text, size_t size, const size_t *ends,
                  uint32_t rows)
{
    struct sim_feed *feed = &universe->feed;
    struct sim_random *random = &universe->widths;
    int64_t turn_ns = universe->weather.tick_ns / 2 + 1;
    struct sim_fed *fed = &feed->parts[feed->count++];
    bool late = sim_chance(random, 400);
    *fed = (struct sim_fed){.text = malloc(size + 1),
                            .ends = malloc(rows * sizeof *ends + 1),
                            .rows = rows,
                            .gap_ns = turn_ns * (int64_t)sim_magnitude(random, TURNS_A_ROW_MAX)};
    memcpy(fed->text, text, size);
    memcpy(fed->ends, ends, rows * sizeof *ends);
    fed->from_ns = universe->mono_ns;
    if (late)
        fed->from_ns += turn_ns * (int64_t)sim_magnitude(random, TURNS_LATE_MAX);
}

bool sim_feed_has_come(const struct sim_universe *universe, uint32_t part)
{
    return universe->calm || universe->mono_ns >= universe->feed.parts[part].from_ns;
}

uint32_t sim_feed_rows(const struct sim_universe *universe, uint32_t part)
{
    const struct sim_fed *fed = &universe->feed.parts[part];
    if (!sim_feed_has_come(universe, part))
        return 0;
    int64_t rows = (universe->mono_ns - fed->from_ns) / fed->gap_ns;
    return universe->calm || rows > fed->rows ? fed->rows : (uint32_t)rows;
}

int64_t sim_feed_next_ns(const struct sim_universe *universe, uint32_t part)
{
    const struct sim_fed *fed = &universe->feed.parts[part];
    uint32_t there = sim_feed_rows(universe, part);
    return there == fed->rows ? INT64_MAX : fed->from_ns + (int64_t)(there + 1) * fed->gap_ns;
}

// --- files ---------------------------------------------------------------------------------------

static void write_on(struct sim_universe *universe, uint32_t part)
{
    struct sim_fed *fed = &universe->feed.parts[part];
    uint32_t rows = sim_feed_rows(universe, part);
    size_t size = rows == 0 ? 0 : fed->ends[rows - 1];
    char path[32];
    // Half of the next row is there, too, as often as not.
    if (rows != 0 && rows < fed->rows && sim_chance(&universe->widths, 500))
        size += (size_t)sim_below(&universe->widths, fed->ends[rows] - size);
    if (size <= fed->written)
        return;
    snprintf(path, sizeof path, "in/%u.jsonl", part);
    int inode = sim_disk_find(&universe->disk, path);
    if (inode < 0)
        inode = sim_disk_create(&universe->disk, path);
    sim_disk_write(&universe->disk, inode, fed->written, fed->text + fed->written,
                   size - fed->written);
    sim_disk_settle_file(&universe->disk, path); // others have seen to that
    fed->written = size;
}

void sim_feed_turn(struct sim_universe *universe)
{
    struct sim_feed *feed = &universe->feed;
    for (uint32_t p = 0; feed->kind == SIM_FEED_FILES && p < feed->count; p++)
        if (feed->parts[p].rows != 0 && sim_feed_has_come(universe, p))
            write_on(universe, p);
}
