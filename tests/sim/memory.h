// The memory of a simulated process: cheap to take, cheap to give back as a whole when the process
// dies. Sizes are the caller's, as in struct tm_fx_memory, so what was not freed, or freed by
// another size, shows in `used_bytes` at the end.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { SIM_SMALL = 1024, SIM_GRAIN = 16, SIM_CHUNK = 1 << 20 };

struct sim_chunk {
    struct sim_chunk *next;
    size_t unused; // keeps what follows aligned
    uint8_t bytes[];
};

struct sim_large {
    struct sim_large *next, *previous;
};

struct sim_memory {
    struct sim_chunk *chunks;
    size_t left; // of the first chunk
    void *free[SIM_SMALL / SIM_GRAIN + 1];
    struct sim_large large; // a ring
    int64_t used_bytes;
};

void sim_memory_init(struct sim_memory *memory);
void sim_memory_fini(struct sim_memory *memory); // all of it goes
void *sim_memory_alloc(struct sim_memory *memory, size_t size);
void *sim_memory_realloc(struct sim_memory *memory, void *p, size_t old_size, size_t new_size);
void sim_memory_free(struct sim_memory *memory, void *p, size_t size);
// From here on what jansson allocates is of a memory of its own, which is emptied with each call:
// at the begin of a seed, when nothing of that is in use.
void sim_memory_json(void);
