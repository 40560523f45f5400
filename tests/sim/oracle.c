// The rules about what is visible: S1, S2, O1, O6, T1, R1.
#include "tests/sim/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_violate(struct sim_oracle *oracle, const char *format, ...)
{
    va_list args;
    if (oracle->violation[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(oracle->violation, sizeof oracle->violation, format, args);
    va_end(args);
    sim_tell(oracle->universe, "# %s", oracle->violation);
}

// --- what is visible -----------------------------------------------------------------------------

// The number behind "NAME": in a line; -1: there is none.
static int64_t number_of(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    return at == NULL ? -1 : strtoll(at + strlen(name), NULL, 10);
}

static void look_at_row(struct sim_oracle *oracle, const char *file, const char *line,
                        uint32_t *last)
{
    const struct sim_job *job = oracle->job;
    int64_t id = number_of(line, "\"id\":"), n = number_of(line, "\"n\":");
    int64_t key = number_of(line, "\"key\":\"k"), sum = number_of(line, "\"sum\":");
    if (id < 0 || id >= job->row_count) {
        sim_violate(oracle, "O1: %s has a row that no input has: %.100s", file, line);
        return;
    }
    const struct sim_row *row = &job->rows[id];
    if (oracle->seen[id]++ != 0)
        sim_violate(oracle, "O1: the row of id %lld is visible twice, again in %s", (long long)id,
                    file);
    if (key != row->key || n != row->nth || sum != row->sum)
        sim_violate(oracle, "S1: %s has %.100s, and key k%u had n %u, sum %lld by then", file, line,
                    row->key, row->nth, (long long)row->sum);
    if (row->nth <= last[row->key])
        sim_violate(oracle, "T1: %s has row %u of key k%u behind its row %u", file, row->nth,
                    row->key, last[row->key]);
    last[row->key] = row->nth;
}

static void look_at_file(struct sim_oracle *oracle, const char *name, int inode)
{
    const struct sim_bytes *bytes = &oracle->universe->disk.inodes[inode].now;
    uint32_t *last = calloc(oracle->job->key_count, sizeof *last);
    char line[256];
    for (size_t at = 0; at < bytes->size && oracle->violation[0] == '\0';) {
        const uint8_t *begin = bytes->data + at;
        const uint8_t *end = memchr(begin, '\n', bytes->size - at);
        size_t length = end == NULL ? bytes->size - at : (size_t)(end - begin);
        length = length < sizeof line ? length : sizeof line - 1;
        memcpy(line, begin, length);
        line[length] = '\0';
        if (end == NULL)
            sim_violate(oracle, "O6: %s ends within a row: %s", name, line);
        else
            look_at_row(oracle, name, line, last);
        at += length + 1;
    }
    free(last);
}

void sim_oracle_look(struct sim_oracle *oracle)
{
    const struct sim_disk *disk = &oracle->universe->disk;
    memset(oracle->seen, 0, oracle->job->row_count);
    oracle->looks++;
    int one = sim_disk_find(disk, "out.jsonl"), folder = sim_disk_find(disk, "out");
    if (one >= 0)
        look_at_file(oracle, "out.jsonl", one);
    for (uint32_t i = 0; folder >= 0 && i < disk->now.count; i++) {
        const struct sim_name *name = &disk->now.all[i];
        if (name->folder == folder && name->name[0] != '.')
            look_at_file(oracle, name->name, name->inode);
    }
}

// A cut takes of each file what stands in front of a place.
static void look_at_prefixes(struct sim_oracle *oracle)
{
    const struct sim_job *job = oracle->job;
    for (uint32_t f = 0; f < job->file_count; f++) {
        uint32_t id = job->first_row[f], end = job->first_row[f + 1];
        while (id < end && oracle->seen[id])
            id++;
        oracle->prefix[f] = id - job->first_row[f];
        while (id < end && !oracle->seen[id])
            id++;
        if (id < end)
            sim_violate(oracle,
                        "S2: row %u of in/%u.jsonl is visible, and row %u in front of it is not",
                        id - job->first_row[f], f, oracle->prefix[f]);
    }
}

void sim_oracle_committed(struct sim_oracle *oracle)
{
    sim_oracle_look(oracle);
    look_at_prefixes(oracle);
}

void sim_oracle_finished(struct sim_oracle *oracle)
{
    const struct sim_disk *disk = &oracle->universe->disk;
    sim_oracle_look(oracle);
    for (uint32_t id = 0; id < oracle->job->row_count; id++)
        if (!oracle->seen[id]) {
            sim_violate(oracle, "O1: the job has finished, and the row of id %u is not visible", id);
            return;
        }
    for (uint32_t i = 0; i < disk->now.count; i++)
        if (strstr(disk->now.all[i].name, ".inprogress") != NULL)
            sim_violate(oracle, "R1: the job has finished and left %s", disk->now.all[i].name);
}

// --- the whole -----------------------------------------------------------------------------------

void sim_oracle_init(struct sim_oracle *oracle, struct sim_universe *universe,
                     const struct sim_job *job)
{
    *oracle = (struct sim_oracle){.universe = universe,
                                  .job = job,
                                  .seen = calloc(job->row_count, 1),
                                  .prefix = calloc(job->file_count, sizeof(uint32_t))};
}

void sim_oracle_fini(struct sim_oracle *oracle)
{
    free(oracle->seen);
    free(oracle->prefix);
}
