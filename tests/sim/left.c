// What is in the folder of checkpoints, against what their manifests refer to.
#include "tests/sim/left.h"

#include <stdio.h>
#include <string.h>

struct looking {
    struct sim_left *left;
    struct sim_oracle *oracle;
    struct sim_left_file found[SIM_LEFT_MAX]; // in the folder
    bool referred[SIM_LEFT_MAX];
    uint32_t count;
};

static uint64_t count_failures(const struct sim_universe *universe)
{
    uint64_t count = 0;
    for (int fault = SIM_open_fails; fault <= SIM_full; fault++)
        count += universe->faults[fault];
    return count;
}

void sim_left_begin(struct sim_left *left, const struct sim_universe *universe)
{
    bool looks = left->looks;
    *left = (struct sim_left){.looks = looks, .failures = count_failures(universe)};
}

static void refer(void *arg, const char *path)
{
    struct looking *l = arg;
    for (uint32_t i = 0; i < l->count; i++)
        l->referred[i] = l->referred[i] || strcmp(l->found[i].path, path) == 0;
}

// Data files of checkpoints, also of those that are given up and of those that were never whole.
static void find_files(struct looking *l)
{
    const struct sim_disk *disk = &l->oracle->universe->disk;
    int top = sim_disk_find(disk, ".tidemill/subject");
    unsigned long long number;
    for (uint32_t i = 0; i < disk->now.count; i++) {
        const struct sim_name *name = &disk->now.all[i];
        if (name->folder != top || sscanf(name->name, "chk-%llu", &number) != 1 ||
            number > l->oracle->cut.checkpoint)
            continue;
        for (uint32_t j = 0; j < disk->now.count && l->count < SIM_LEFT_MAX; j++) {
            const struct sim_name *in = &disk->now.all[j];
            if (in->folder == name->inode && strcmp(in->name, "MANIFEST") != 0 &&
                strcmp(in->name, "COMMITTED") != 0)
                snprintf(l->found[l->count++].path, SIM_LEFT_PATH, "%s/%s", name->name, in->name);
        }
    }
}

static uint64_t since(const struct sim_left *left, const char *path)
{
    for (uint32_t i = 0; i < left->count; i++)
        if (strcmp(left->files[i].path, path) == 0)
            return left->files[i].since;
    return left->collected;
}

void sim_left_look(struct sim_left *left, struct sim_oracle *oracle)
{
    struct looking l = {.left = left, .oracle = oracle};
    uint64_t failures = count_failures(oracle->universe);
    uint32_t count = 0;
    const uint64_t *faults = oracle->universe->faults;
    // What a rotten one refers to is not known; another process may be about to write files.
    if (!left->looks || faults[SIM_rot] != 0 || faults[SIM_locks_lost] != 0)
        return;
    left->collected++;
    if (failures != left->failures) { // what fails is tried again later
        left->failures = failures;
        left->count = 0;
        return;
    }
    find_files(&l);
    sim_cut_files(oracle->universe, refer, &l);
    for (uint32_t i = 0; i < l.count; i++) {
        if (l.referred[i])
            continue;
        l.found[i].since = since(left, l.found[i].path);
        if (left->collected - l.found[i].since > SIM_LEFT_FOR)
            sim_violate(oracle,
                        "C3: no checkpoint refers to %s, and it has stayed when files were "
                        "collected %llu times",
                        l.found[i].path, (unsigned long long)(left->collected - l.found[i].since));
        l.found[count++] = l.found[i];
    }
    memcpy(left->files, l.found, count * sizeof *l.found);
    left->count = count;
}
