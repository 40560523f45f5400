// Input that grows while the job runs: partitions that come, give rows and go, or files that are
// written on. What is there follows from the clock of the world; in its liveness phase all is.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_FEED_MAX = 8 };

struct sim_universe;

enum sim_feed_kind {
    SIM_FEED_NONE,       // files that are there from the beginning
    SIM_FEED_FILES,      // files that others write on, some rows, or half of one, at a time
    SIM_FEED_PARTITIONS, // of a service; a position is a number of rows, batches are any
};

struct sim_fed {
    char *text; // rows, each a line
    size_t *ends;
    uint32_t rows;
    int64_t from_ns, gap_ns; // when it comes, and how long the next row takes
    size_t written;          // of a file
};

struct sim_feed {
    enum sim_feed_kind kind;
    bool endless; // the source never says that there is no more
    struct sim_fed parts[SIM_FEED_MAX];
    uint32_t count;
};

void sim_feed_fini(struct sim_feed *feed);
// The next partition or file; `text` and `ends` are copied.
void sim_feed_add(struct sim_universe *universe, const char *text, size_t size, const size_t *ends,
                  uint32_t rows);
// Rows of it that are there now; 0 too when it has not come yet.
uint32_t sim_feed_rows(const struct sim_universe *universe, uint32_t part);
bool sim_feed_has_come(const struct sim_universe *universe, uint32_t part);
// When there is more; INT64_MAX: never.
int64_t sim_feed_next_ns(const struct sim_universe *universe, uint32_t part);
// Files are written on.
void sim_feed_turn(struct sim_universe *universe);
