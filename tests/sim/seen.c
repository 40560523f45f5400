// The rules about when something becomes visible.
#include "tests/sim/seen.h"

#include <stdlib.h>
#include <string.h>

static const char folder[] = ".tidemill/subject";

static void cover(struct sim_seen *seen, const struct sim_cut *cut)
{
    const struct sim_job *job = seen->oracle->job;
    for (uint32_t id = 0; id < job->row_count; id++)
        seen->covered[id] |= sim_cut_has(cut, job, id);
}

static void cover_checkpoint(struct sim_seen *seen, const char *path, uint64_t checkpoint)
{
    struct tm_error err = {0};
    struct sim_cut cut;
    // One that cannot be read is for other rules.
    if (sim_cut_read(&cut, seen->oracle->universe, seen->oracle->job, path, checkpoint, &err) == 0)
        cover(seen, &cut);
    sim_cut_fini(&cut);
}

static void on_change(void *arg)
{
    struct sim_seen *seen = arg;
    if (seen->changed)
        return;
    seen->changed = true;
    uint64_t checkpoint = sim_cut_durable(&seen->oracle->universe->disk);
    if (checkpoint == 0 || checkpoint == seen->checkpoint)
        return;
    cover_checkpoint(seen, folder, checkpoint);
    seen->checkpoint = checkpoint;
}

static bool is_shown(void *arg, const char *path)
{
    const struct sim_seen *seen = arg;
    return sim_job_shows(seen->oracle->job, path);
}

void sim_seen_init(struct sim_seen *seen, struct sim_oracle *oracle)
{
    *seen = (struct sim_seen){.oracle = oracle, .covered = calloc(oracle->job->row_count, 1)};
    oracle->universe->eye = (struct sim_eye){seen, is_shown, on_change};
}

void sim_seen_fini(struct sim_seen *seen)
{
    if (seen->oracle != NULL)
        seen->oracle->universe->eye = (struct sim_eye){0};
    free(seen->covered);
    *seen = (struct sim_seen){0};
}

void sim_seen_began_with(struct sim_seen *seen, const char *savepoint)
{
    if (seen->oracle != NULL)
        cover_checkpoint(seen, savepoint, 0);
}

static void look_at_row(void *arg, int64_t id, const char *file)
{
    struct sim_seen *seen = arg;
    if (id < 0 || id >= seen->oracle->job->row_count || seen->covered[id] != 0)
        return;
    sim_violate(seen->oracle,
                "C4: the row of id %lld is visible in %s, and no checkpoint that was durable when "
                "it became so has it; the newest is %llu",
                (long long)id, file, (unsigned long long)seen->checkpoint);
}

void sim_seen_look(struct sim_seen *seen)
{
    if (seen->oracle == NULL || !seen->changed)
        return;
    seen->changed = false;
    sim_oracle_each_id(seen->oracle, look_at_row, seen);
}
