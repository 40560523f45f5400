// Rot, and what a process may do about it.
#include "tests/sim/rot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char folder[] = ".tidemill/subject";

// --- rotting -------------------------------------------------------------------------------------

// Of the files in the folder of a checkpoint any, else the file that names it.
static int draw_file(const struct sim_disk *disk, struct sim_random *random, uint64_t checkpoint,
                     char *path, size_t size)
{
    char name[60];
    uint32_t count = 0;
    int chosen = -1;
    snprintf(name, sizeof name, "%s/chk-%llu", folder, (unsigned long long)checkpoint);
    int in = sim_disk_find(disk, name);
    for (uint32_t i = 0; in >= 0 && i < disk->now.count; i++) {
        const struct sim_name *n = &disk->now.all[i];
        if (n->folder != in || disk->inodes[n->inode].now.size == 0 ||
            sim_below(random, ++count) != 0)
            continue;
        chosen = n->inode;
        snprintf(path, size, "%s/%.60s", name, n->name);
    }
    if (chosen >= 0 && !sim_chance(random, 100))
        return chosen;
    snprintf(path, size, "%s/LATEST", folder);
    return sim_disk_find(disk, path);
}

static void change(struct sim_inode *inode, struct sim_random *random)
{
    size_t at = (size_t)sim_below(random, inode->now.size);
    uint8_t bits = (uint8_t)(1u << sim_below(random, 8));
    inode->now.data[at] ^= bits;
    if (at < inode->durable.size)
        inode->durable.data[at] ^= bits;
}

// The checkpoint that a process would go on from; 0: it cannot be read. The newest one may be that
// of a process that died before it knew of it.
static uint64_t read_newest(struct sim_oracle *oracle, uint64_t checkpoint)
{
    struct tm_error err = {0};
    struct sim_cut cut;
    int rc = sim_cut_read(&cut, oracle->universe, oracle->job, folder, checkpoint, &err);
    uint64_t number = rc == 0 ? cut.checkpoint : 0;
    sim_cut_fini(&cut);
    return number;
}

static bool can_be_read(struct sim_oracle *oracle, uint64_t checkpoint)
{
    return read_newest(oracle, checkpoint) != 0;
}

void sim_rot(struct sim_rot *rot, struct sim_oracle *oracle)
{
    struct sim_universe *universe = oracle->universe;
    char path[160];
    if (rot->done || oracle->cut.checkpoint == 0 || universe->less.faults[SIM_rot])
        return;
    uint64_t newest = read_newest(oracle, 0);
    if (newest == 0)
        return;
    int inode = draw_file(&universe->disk, &universe->widths, newest, path, sizeof path);
    if (inode < 0 || universe->disk.inodes[inode].now.size == 0)
        return;
    change(&universe->disk.inodes[inode], &universe->widths);
    universe->disk.version++;
    rot->done = true;
    sim_fault(universe, SIM_rot, path);
    if (can_be_read(oracle, 0))
        return; // nothing that counts
    rot->checkpoint = oracle->rotten = newest;
    rot->is_latest = strstr(path, "LATEST") != NULL;
    oracle->turned_back = true;
}

// --- stopping ------------------------------------------------------------------------------------

// The newest checkpoint that a sink has begun to make visible, as it has noted itself.
static uint64_t begun_by_sinks(const struct sim_universe *universe)
{
    const struct sim_disk *disk = &universe->disk;
    uint64_t newest = 0;
    for (uint32_t w = 0; w < universe->log.writer_count; w++)
        newest =
            universe->log.writers[w].marker > newest ? universe->log.writers[w].marker : newest;
    for (uint32_t i = 0; i < disk->now.count; i++) {
        const struct sim_bytes *bytes = &disk->inodes[disk->now.all[i].inode].now;
        char text[200];
        const char *begun;
        if (strstr(disk->now.all[i].name, ".committed") == NULL || bytes->size == 0)
            continue;
        snprintf(text, sizeof text, "%.*s", (int)bytes->size, (const char *)bytes->data);
        begun = strstr(text, " begun ");
        uint64_t number = begun == NULL ? 0 : strtoull(begun + strlen(" begun "), NULL, 10);
        newest = number > newest ? number : newest;
    }
    return newest;
}

// One that it could have gone back to.
static uint64_t older_one(struct sim_oracle *oracle, uint64_t checkpoint)
{
    while (--checkpoint != 0) {
        char path[80];
        snprintf(path, sizeof path, "%s/chk-%llu/MANIFEST", folder, (unsigned long long)checkpoint);
        if (sim_disk_find(&oracle->universe->disk, path) >= 0)
            return can_be_read(oracle, checkpoint) ? checkpoint : 0;
    }
    return 0;
}

bool sim_rot_stops(struct sim_rot *rot, struct sim_oracle *oracle, const struct tm_error *why,
                   bool from_savepoint)
{
    bool of_rot = why->code == TM_E_CHECKPOINT || why->code == TM_E_CHECKPOINT_OLD ||
                  why->code == TM_E_CHECKPOINT_MISSING || why->code == TM_E_CHECKPOINT_VERSION ||
                  why->code == TM_E_CHECKPOINT_JOB;
    char number[40];
    if (rot->checkpoint == 0 || oracle->rotten != rot->checkpoint || !of_rot)
        return false;
    if (from_savepoint && (!rot->is_latest || strstr(why->message, "LATEST") == NULL))
        return false;
    snprintf(number, sizeof number, "%llu", (unsigned long long)rot->checkpoint);
    if (strstr(why->message, number) == NULL && strstr(why->message, "LATEST") == NULL)
        sim_violate(oracle, "C2: checkpoint %s has rotted, and the job stops without saying so: %s",
                    number, why->message);
    uint64_t older = rot->is_latest ? 0 : older_one(oracle, rot->checkpoint);
    if (older != 0 && begun_by_sinks(oracle->universe) < rot->checkpoint)
        sim_violate(oracle,
                    "C6: checkpoint %s has rotted, no sink has begun with it, and the job stops "
                    "though there is checkpoint %llu: %s",
                    number, (unsigned long long)older, why->message);
    oracle->universe->saw[SIM_SAW_rot_stopped]++;
    return true;
}
