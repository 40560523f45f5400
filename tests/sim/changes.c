// Changing a script, and taking the engine's hints.
#include "tests/sim/changes.h"

#include <stdio.h>
#include <string.h>

enum { ACROSS_STREAM = 22 }; // see sim_random_of

// One with other stages has other outputs.
static bool has_other_stages(const struct sim_job *job)
{
    for (uint32_t s = 0; s < job->stage_count; s++)
        if (job->stages[s].only != SIM_ALWAYS)
            return true;
    return false;
}

// From a stream of its own: other seeds stay as they are.
static bool goes_across(const struct sim_oracle *oracle)
{
    struct sim_random random = sim_random_of(oracle->universe->seed, ACROSS_STREAM);
    return sim_chance(&random, 500);
}

bool sim_changes_allow_from(const struct sim_changes *changes, const struct sim_oracle *oracle)
{
    return !changes->changed || !has_other_stages(oracle->job) || goes_across(oracle);
}

bool sim_changes_want_from(const struct sim_changes *changes, const struct sim_oracle *oracle,
                           uint64_t processes)
{
    const struct sim_job *job = oracle->job;
    return job->changes_at != 0 && processes >= job->changes_at && !changes->changed &&
           !changes->put_back && goes_across(oracle);
}

void sim_changes_saved(struct sim_changes *changes)
{
    changes->saved_changed = changes->changed;
}

// Is the script changed behind the newest checkpoint? Rows in flight may be in the way of that.
static bool changes_behind_newest(const struct sim_changes *changes,
                                  const struct sim_oracle *oracle)
{
    return oracle->cut.checkpoint != 0 && !(changes->waits && oracle->cut.flight_bytes != 0);
}

void sim_changes_begin(struct sim_changes *changes, struct sim_oracle *oracle, uint64_t processes,
                       bool from, struct tm_cli_options *options)
{
    const struct sim_job *job = oracle->job;
    if (job->changes_at != 0 && processes >= job->changes_at && !changes->changed &&
        !changes->put_back &&
        (from ? goes_across(oracle) : changes_behind_newest(changes, oracle))) {
        changes->changed = oracle->changed = true;
        sim_fault(oracle->universe, SIM_changed, "");
    }
    changes->across = from && changes->changed && !changes->saved_changed;
    options->file = sim_job_file(changes->changed);
    for (uint32_t i = 0; i < changes->name_count && changes->drops; i++)
        options->drops[options->drop_count++] = changes->names[i];
}

void sim_changes_completed(struct sim_changes *changes, struct sim_oracle *oracle)
{
    changes->drops = changes->put_back = false;
    oracle->universe->saw[SIM_SAW_changed_went_on] += changes->changed;
    oracle->universe->saw[SIM_SAW_changed_across] += changes->across;
}

// What the hint says can be left out.
static void take_names(struct sim_changes *changes, const char *hint)
{
    static const char flag[] = "--drop-state '";
    changes->name_count = 0;
    for (const char *at = strstr(hint, flag); at != NULL && changes->name_count < SIM_DROPS_MAX;
         at = strstr(at, flag)) {
        at += sizeof flag - 1;
        snprintf(changes->names[changes->name_count++], sizeof changes->names[0], "%.*s",
                 (int)strcspn(at, "'"), at);
    }
}

// Rows in flight fit the columns of the script that they came from: that goes on.
static bool put_back(struct sim_changes *changes, struct sim_oracle *oracle)
{
    changes->changed = oracle->changed = !changes->changed;
    changes->waits = changes->put_back = true;
    oracle->universe->saw[SIM_SAW_changed_in_flight]++;
    sim_tell(oracle->universe, "the script with the columns of the rows in flight is put back");
    return true;
}

bool sim_changes_refused(struct sim_changes *changes, struct sim_oracle *oracle,
                         const struct tm_error *why)
{
    struct sim_universe *universe = oracle->universe;
    if (why->code == TM_E_IN_FLIGHT && oracle->job->head.widens)
        return put_back(changes, oracle);
    if (!changes->changed)
        return false;
    if (why->code == TM_E_STATE_LEFT && !changes->drops && has_other_stages(oracle->job)) {
        take_names(changes, why->hint);
        changes->drops = changes->name_count != 0;
        universe->saw[SIM_SAW_state_dropped] += changes->drops;
        sim_tell(universe, "what is gone is left out: %s", why->hint);
        return changes->drops;
    }
    bool left_before = changes->drops && why->code == TM_E_USAGE;
    changes->drops = changes->drops && !left_before;
    return left_before;
}
