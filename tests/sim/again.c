// Other runs of the same job, in worlds of their own in which nothing goes wrong.
#include "tests/sim/again.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/judge.h"
#include "tests/sim/process.h"

enum { TURNS_MAX = 150000, NUMBER = 9000, CHECKPOINTS_MAX = 12 };

void sim_again_init(struct sim_again *again, struct sim_universe *universe)
{
    *again = (struct sim_again){.has_first = universe->wider.single};
    if (again->has_first)
        sim_disk_copy(&again->first, &universe->disk);
    if (universe->wider.copied)
        again->at = sim_magnitude(&universe->widths, CHECKPOINTS_MAX);
}

void sim_again_fini(struct sim_again *again)
{
    if (again->has_first)
        sim_disk_fini(&again->first);
    if (again->has_copy)
        sim_disk_fini(&again->copy);
    *again = (struct sim_again){0};
}

void sim_again_completed(struct sim_again *again, const struct sim_oracle *oracle,
                         uint32_t parallelism)
{
    const struct sim_universe *universe = oracle->universe;
    if (again->has_copy || again->at == 0 || oracle->cuts < again->at || oracle->drained)
        return;
    sim_disk_copy(&again->copy, &universe->disk);
    again->has_copy = true;
    again->checkpoint = oracle->cut.checkpoint;
    again->mono_ns = universe->mono_ns;
    again->wall_ms = universe->wall_ms;
    again->parallelism = parallelism;
}

// --- running -------------------------------------------------------------------------------------

static void begin_world(struct sim_universe *world, const struct sim_universe *universe,
                        const struct sim_disk *disk)
{
    sim_universe_init(world, universe->seed);
    sim_disk_fini(&world->disk);
    sim_disk_copy(&world->disk, disk);
    world->weather = universe->weather;
    world->calm = true;
}

// Until it ends. The universe's trace has it too.
static void run(struct sim_universe *world, struct sim_oracle *oracle, uint32_t parallelism,
                const char *what)
{
    const struct tm_cli_options options = {
        .command = "run", .file = "job.lua", .parallelism = parallelism};
    struct sim_process *process = calloc(1, sizeof *process);
    uint32_t turns = 0;
    sim_process_begin(process, world, NUMBER, &options, 0, SIM_kill);
    while ((process->state == SIM_RUNS || process->state == SIM_WAITS) && turns < TURNS_MAX) {
        sim_process_turn(process);
        turns++;
    }
    if (process->state != SIM_EXITED || process->exit_code != TM_EXIT_FINISHED)
        sim_violate(oracle, "S3: %s, and does not finish: %s", what,
                    process->state == SIM_EXITED ? process->error.message : "it goes on for ever");
    sim_process_end(process, false);
    free(process);
    sim_trace(oracle->universe, world->trace);
}

// --- bytes ---------------------------------------------------------------------------------------

// Numbers in names by their value: part-0-10 is behind part-0-9.
static int compare_names(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            char *after_a, *after_b;
            unsigned long x = strtoul(a, &after_a, 10), y = strtoul(b, &after_b, 10);
            if (x != y)
                return x < y ? -1 : 1;
            a = after_a;
            b = after_b;
        } else if (*a++ != *b++) {
            return a[-1] < b[-1] ? -1 : 1;
        }
    }
    return (*a != '\0') - (*b != '\0');
}

static int compare_parts(const void *a, const void *b)
{
    return compare_names((*(const struct sim_name *const *)a)->name,
                         (*(const struct sim_name *const *)b)->name);
}

// All of an output, in its order.
static struct sim_bytes gather(const struct sim_disk *disk, const struct sim_output *output)
{
    const struct sim_name **parts = malloc(disk->now.count * sizeof *parts);
    struct sim_bytes all = {0};
    uint32_t count = 0;
    char name[40];
    snprintf(name, sizeof name, "%s.jsonl", output->name);
    int folder = output->one_file ? 0 : sim_disk_find(disk, output->name);
    for (uint32_t i = 0; folder >= 0 && i < disk->now.count; i++) {
        const struct sim_name *n = &disk->now.all[i];
        if (n->folder == folder &&
            (output->one_file ? strcmp(n->name, name) == 0 : n->name[0] != '.'))
            parts[count++] = n;
    }
    qsort(parts, count, sizeof *parts, compare_parts);
    for (uint32_t i = 0; i < count; i++)
        all.size += disk->inodes[parts[i]->inode].now.size;
    all.data = malloc(all.size + 1);
    size_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_bytes *bytes = &disk->inodes[parts[i]->inode].now;
        if (bytes->size != 0)
            memcpy(all.data + used, bytes->data, bytes->size);
        used += bytes->size;
    }
    free(parts);
    return all;
}

static void compare(struct sim_oracle *oracle, const struct sim_disk *other, const char *what)
{
    const struct sim_job *job = oracle->job;
    for (uint32_t o = 0; o < job->output_count; o++) {
        if (!job->outputs[o].judge->settled)
            continue;
        struct sim_bytes mine = gather(&oracle->universe->disk, &job->outputs[o]);
        struct sim_bytes theirs = gather(other, &job->outputs[o]);
        size_t at = 0, line = 0;
        while (at < mine.size && at < theirs.size && mine.data[at] == theirs.data[at]) {
            line = mine.data[at] == '\n' ? at + 1 : line;
            at++;
        }
        if (at < mine.size || at < theirs.size)
            sim_violate(oracle, "S3: %s, and has other bytes in %s from %zu on: %.80s, not %.80s",
                        what, job->outputs[o].name, at,
                        line < theirs.size ? (const char *)theirs.data + line : "nothing",
                        line < mine.size ? (const char *)mine.data + line : "nothing");
        free(mine.data);
        free(theirs.data);
    }
}

// --- the whole -----------------------------------------------------------------------------------

static void run_without_faults(struct sim_again *again, struct sim_oracle *oracle)
{
    struct sim_universe *world = calloc(1, sizeof *world);
    begin_world(world, oracle->universe, &again->first);
    run(world, oracle, 1, "the job runs without faults");
    compare(oracle, &world->disk, "the job runs without faults");
    oracle->universe->saw[SIM_SAW_bytes_compared]++;
    sim_universe_fini(world);
    free(world);
}

static void run_on(struct sim_again *again, struct sim_oracle *oracle)
{
    struct sim_universe *world = calloc(1, sizeof *world);
    struct sim_oracle other;
    char what[80];
    snprintf(what, sizeof what, "the disk of checkpoint %llu is run on alone",
             (unsigned long long)again->checkpoint);
    begin_world(world, oracle->universe, &again->copy);
    world->mono_ns = again->mono_ns;
    world->wall_ms = again->wall_ms;
    run(world, oracle, again->parallelism, what);
    sim_oracle_init(&other, world, oracle->job);
    sim_oracle_finished(&other, false);
    if (other.violation[0] != '\0')
        sim_violate(oracle, "S3: %s: %s", what, other.violation);
    else if (again->has_first)
        compare(oracle, &world->disk, what);
    oracle->universe->saw[SIM_SAW_copy_run_on]++;
    sim_oracle_fini(&other);
    sim_universe_fini(world);
    free(world);
}

void sim_again_look(struct sim_again *again, struct sim_oracle *oracle)
{
    if (again->has_first)
        run_without_faults(again, oracle);
    if (again->has_copy && oracle->violation[0] == '\0')
        run_on(again, oracle);
}
