// What a campaign has met, and few of its seeds that have met it all.
#include "tests/sim/coverage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- by seed -------------------------------------------------------------------------------------

static uint64_t times(const struct sim_outcome *outcome, int meeting)
{
    if (meeting < SIM_FAULT_COUNT)
        return outcome->faults[meeting];
    meeting -= SIM_FAULT_COUNT;
    return meeting < TM_KILL_COUNT ? outcome->kills[meeting]
                                   : outcome->saw[meeting - TM_KILL_COUNT];
}

void sim_coverage_of(struct sim_coverage *coverage, const struct sim_outcome *outcome)
{
    coverage->seed = outcome->seed;
    for (int i = 0; i < SIM_MEETINGS; i++)
        if (times(outcome, i) != 0)
            coverage->met[i / 8] |= (uint8_t)(1u << i % 8);
}

static int gain(const struct sim_coverage *of, const struct sim_coverage *met)
{
    int count = 0;
    for (size_t i = 0; i < sizeof met->met; i++)
        count += __builtin_popcount(of->met[i] & ~met->met[i] & 0xff);
    return count;
}

// The one that adds most, again and again.
void sim_coverage_choose(const struct sim_coverage *all, uint64_t count, FILE *to)
{
    struct sim_coverage met = {0};
    for (;;) {
        const struct sim_coverage *best = NULL;
        int most = 0;
        for (uint64_t i = 0; i < count; i++)
            if (gain(&all[i], &met) > most) {
                best = &all[i];
                most = gain(best, &met);
            }
        if (best == NULL)
            return;
        for (size_t i = 0; i < sizeof met.met; i++)
            met.met[i] |= best->met[i];
        fprintf(to, "%llu\n", (unsigned long long)best->seed);
    }
}

// --- of all --------------------------------------------------------------------------------------

void sim_coverage_add(struct sim_outcome *sum, const struct sim_outcome *outcome)
{
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        sum->faults[i] += outcome->faults[i];
    for (int i = 0; i < SIM_SOMETIMES_COUNT; i++)
        sum->saw[i] += outcome->saw[i];
    for (int i = 0; i < TM_KILL_COUNT; i++) {
        sum->passes[i] += outcome->passes[i];
        sum->kills[i] += outcome->kills[i];
    }
}

void sim_coverage_print(const struct sim_outcome *sum)
{
    printf("\n%-24s %12s\n", "fault", "times");
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        printf("%-24s %12llu\n", sim_fault_names[i], (unsigned long long)sum->faults[i]);
    printf("\n%-24s %12s %12s\n", "kill point", "passed", "deaths");
    for (int i = 0; i < TM_KILL_COUNT; i++)
        printf("%-24s %12llu %12llu\n", tm_kill_point_name((enum tm_kill_point)i),
               (unsigned long long)sum->passes[i], (unsigned long long)sum->kills[i]);
    printf("\n%-24s %12s\n", "seen", "times");
    for (int i = 0; i < SIM_SOMETIMES_COUNT; i++)
        printf("%-24s %12llu\n", sim_sometimes_names[i], (unsigned long long)sum->saw[i]);
    printf("\n");
}

int sim_coverage_never(const struct sim_outcome *sum)
{
    int never = 0;
    for (int i = 0; i < SIM_MEETINGS; i++)
        never += times(sum, i) == 0;
    return never;
}

void sim_coverage_summary(const struct sim_outcome *sum)
{
    int unmet = 0, unpassed = 0, unkilled = 0, unseen = 0;
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        unmet += sum->faults[i] == 0;
    for (int i = 0; i < TM_KILL_COUNT; i++) {
        unpassed += sum->passes[i] == 0;
        unkilled += sum->kills[i] == 0;
    }
    for (int i = 0; i < SIM_SOMETIMES_COUNT; i++)
        unseen += sum->saw[i] == 0;
    printf("never: %d of %d faults, %d of %d kill points passed, %d died at, %d of %d to be seen\n",
           unmet, SIM_FAULT_COUNT, unpassed, TM_KILL_COUNT, unkilled, unseen, SIM_SOMETIMES_COUNT);
}

int sim_coverage_missed(const struct sim_outcome *sum)
{
    int missed = 0;
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        if (sum->faults[i] == 0 && ++missed != 0)
            printf("never: %s\n", sim_fault_names[i]);
    for (int i = 0; i < TM_KILL_COUNT; i++)
        if (sum->kills[i] == 0 && ++missed != 0)
            printf("never died at %s%s\n", tm_kill_point_name((enum tm_kill_point)i),
                   sum->passes[i] == 0 ? ", nor passed it" : "");
    for (int i = 0; i < SIM_SOMETIMES_COUNT; i++)
        if (sum->saw[i] == 0 && ++missed != 0)
            printf("never seen: %s\n", sim_sometimes_names[i]);
    return missed;
}
