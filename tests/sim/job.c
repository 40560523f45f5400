// Drawing a job.
#include "tests/sim/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char script_form[] =
    "local tm = require \"tidemill\"\n"
    "local job = tm.job(\"subject\", { checkpoint = { interval = \"%ums\", retain = %u, "
    "aligned_timeout = %s } })\n"
    "job:from(tm.file { path = \"in/*.jsonl\", format = \"json\", %s"
    "schema = { id = \"int64\", key = \"string\", value = \"int64\" } })\n"
    "%s"
    "  :key_by(\"key\")\n"
    "  :process(\"count\", {\n"
    "    state = { n = tm.value(\"int64\", { default = 0 }), sum = tm.value(\"int64\", { default = "
    "0 }) },\n"
    "    each = function(ctx, e)\n"
    "      local n, sum = ctx.state.n:get() + 1, ctx.state.sum:get() + e.value\n"
    "      ctx.state.n:set(n)\n"
    "      ctx.state.sum:set(sum)\n"
    "      ctx:emit { id = e.id, key = ctx.key, n = n, sum = sum }\n"
    "    end,\n"
    "  })\n"
    "  :returns { id = \"int64\", key = \"string\", n = \"int64\", sum = \"int64\" }\n"
    "  :to(tm.file { %s })\n"
    "return job\n";

static const char *const outputs[] = {
    "path = \"out\", format = \"json\"",
    "path = \"out.jsonl\"",
    "path = \"out\", format = \"json\", roll = { size = \"1KB\" }",
};

static const char *const aligned[] = {"\"5s\"", "\"0s\"", "\"1ms\"", "false"};

static void put(struct sim_universe *universe, const char *path, const char *text, size_t length)
{
    sim_disk_write(&universe->disk, sim_disk_create(&universe->disk, path), 0, text, length);
}

// Some dozens to hundreds of turns, in ms.
static uint32_t draw_interval(struct sim_universe *universe)
{
    int64_t turns = (int64_t)sim_between(&universe->users, 20, 300);
    int64_t interval_ms = universe->weather.tick_ns / 2 * turns / 1000000;
    return interval_ms < 1 ? 1 : (uint32_t)interval_ms;
}

static void draw_script(struct sim_job *job, struct sim_universe *universe)
{
    struct sim_random *random = &universe->users;
    uint32_t output = (uint32_t)sim_below(random, 3), barrier = (uint32_t)sim_below(random, 4);
    uint32_t interval = draw_interval(universe), retain = (uint32_t)sim_between(random, 1, 3);
    bool maps = sim_chance(random, 300);
    job->one_output = output == 1;
    snprintf(job->script, sizeof job->script, script_form, interval, retain, aligned[barrier], "",
             maps ? "  :map(function(e) return { id = e.id, key = e.key, value = e.value } end)\n"
                  : "",
             outputs[output]);
    snprintf(job->told, sizeof job->told,
             "%u rows of %u keys in %u files; a checkpoint every %u ms, %u kept, aligned_timeout "
             "%s; output: %s",
             job->row_count, job->key_count, job->file_count, interval, retain, aligned[barrier],
             outputs[output]);
}

static void write_file(struct sim_job *job, struct sim_universe *universe, uint32_t file,
                       int64_t *sums, uint32_t *counts)
{
    struct sim_random *random = &universe->users;
    size_t capacity = (size_t)job->row_count * 80 + 1, size = 0;
    char *text = malloc(capacity), path[32];
    for (uint32_t id = job->first_row[file]; id < job->first_row[file + 1]; id++) {
        struct sim_row *row = &job->rows[id];
        uint32_t of_file = (job->key_count - file + job->file_count - 1) / job->file_count;
        row->key = file + (uint32_t)sim_below(random, of_file) * job->file_count;
        row->value = (int64_t)sim_below(random, 1000);
        row->nth = ++counts[row->key];
        row->sum = sums[row->key] += row->value;
        row->file = file;
        size += (size_t)snprintf(text + size, capacity - size,
                                 "{\"id\":%u,\"key\":\"k%u\",\"value\":%lld}\n", id, row->key,
                                 (long long)row->value);
        row->end = size;
    }
    snprintf(path, sizeof path, "in/%u.jsonl", file);
    put(universe, path, text, size);
    free(text);
}

void sim_job_init(struct sim_job *job, struct sim_universe *universe)
{
    struct sim_random *random = &universe->users;
    *job = (struct sim_job){.file_count = (uint32_t)sim_between(random, 1, SIM_JOB_FILES_MAX),
                            .row_count = (uint32_t)sim_between(random, 300, 900)};
    job->key_count = job->file_count + (uint32_t)sim_magnitude(random, 64);
    job->rows = calloc(job->row_count, sizeof *job->rows);
    int64_t *sums = calloc(job->key_count, sizeof *sums);
    uint32_t *counts = calloc(job->key_count, sizeof *counts);
    for (uint32_t f = 1; f < job->file_count; f++) // of any size
        job->first_row[f] = job->first_row[f - 1] +
                            (uint32_t)sim_below(random, 2 * (job->row_count - job->first_row[f - 1]) /
                                                                (job->file_count - f + 1) +
                                                            1);
    for (uint32_t f = 1; f < job->file_count; f++)
        if (job->first_row[f] > job->row_count)
            job->first_row[f] = job->row_count;
    job->first_row[job->file_count] = job->row_count;
    draw_script(job, universe);
    sim_disk_mkdirs(&universe->disk, "in");
    for (uint32_t f = 0; f < job->file_count; f++)
        write_file(job, universe, f, sums, counts);
    put(universe, "job.lua", job->script, strlen(job->script));
    sim_disk_settle(&universe->disk);
    free(sums);
    free(counts);
}

void sim_job_fini(struct sim_job *job)
{
    free(job->rows);
}
