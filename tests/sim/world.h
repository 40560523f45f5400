// A world in one thread: effects with virtual time, files in memory, and helper threads that run
// when the scheduler says so. Everything random comes from one seed, so a run can be repeated to
// the byte.
#pragma once

#include "core/loop/single.h"

struct world_file;

struct world {
    struct tm_single single;
    struct tm_fx fx;
    int64_t mono_ns; // virtual
    struct world_file *files;
    struct world_file *open[256]; // by descriptor
    size_t position[256];
};

void world_init(struct world *world, uint64_t seed);
void world_fini(struct world *world);
uint64_t world_random(struct world *world); // the next one
// Puts a file into the world. Files that it lacks are looked up on the real disk at open, so jobs
// and samples can be given.
void world_put_file(struct world *world, const char *path, const void *data, size_t length);
// What was written to a path, or to descriptor 1 as "<stdout>"; NULL: nothing.
const char *world_file_data(struct world *world, const char *path, size_t *length);
// All files written whose path begins with `prefix`, one after the other; malloc'd.
char *world_files_data(struct world *world, const char *prefix, size_t *length);
