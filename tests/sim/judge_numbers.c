// The judge of rows that have a number each: all numbers of a lane are there, and each once.
#include "tests/sim/judge.h"

// How often: by id, and by number in the order of all keys, of all groups.
struct seen {
    uint8_t *ids, *of_key, *of_group;
};

static size_t memory(const struct sim_job *job, const struct sim_output *output)
{
    (void)output;
    return 3 * (size_t)job->row_count;
}

static struct seen seen_of(const struct sim_job *job, void *memory)
{
    uint8_t *bytes = memory;
    return (struct seen){bytes, bytes + job->row_count, bytes + 2 * job->row_count};
}

// False: it is none of the lane's, or is there already. `begins`: where the numbers of each lane
// do.
static bool take(uint8_t *seen, const uint32_t *begins, uint32_t lane, int64_t n)
{
    return n >= 1 && n <= begins[lane + 1] - begins[lane] && seen[begins[lane] + n - 1]++ == 0;
}

static void look_at_line(struct sim_look *l, const char *line)
{
    struct sim_oracle *oracle = l->oracle;
    const struct sim_job *job = oracle->job;
    struct seen seen = seen_of(job, l->memory);
    const struct sim_row *row = sim_look_for_row(l, line, "\"id\":", seen.ids, "visible");
    int64_t n = sim_number_of(line, "\"n\":"), m = sim_number_of(line, "\"m\":");
    if (row == NULL)
        return;
    if (n >= 0 && !take(seen.of_key, job->of_keys, row->key, n))
        sim_violate(oracle,
                    "S1: %s has a number of key k%u twice, or one that it cannot have: %.100s",
                    l->file, row->key, line);
    if (m >= 0 && !take(seen.of_group, job->of_groups, row->group, m))
        sim_violate(oracle,
                    "S1: %s has a number of group g%u twice, or one that it cannot have: %.100s",
                    l->file, row->group, line);
    if (n >= 0 && n <= l->last[row->key])
        sim_violate(oracle, "T1: %s has number %lld of key k%u behind %u", l->file, (long long)n,
                    row->key, l->last[row->key]);
    l->last[row->key] = n >= 0 ? (uint32_t)n : 0;
}

// Where nothing is in flight a checkpoint has a row if it has read it.
static void look_at_committed(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_job *job = oracle->job;
    const struct sim_cut *cut = &oracle->cut;
    struct seen seen = seen_of(job, oracle->memory[output]);
    if (cut->checkpoint == 0 || cut->flight_bytes != 0)
        return;
    for (uint32_t id = 0; id < job->row_count; id++)
        if (sim_cut_has(cut, job, id) != (seen.ids[id] != 0))
            sim_violate(oracle, "O6: checkpoint %llu is committed, %s id %u, and it is %s in %s",
                        (unsigned long long)cut->checkpoint,
                        seen.ids[id] != 0 ? "does not have" : "has", id,
                        seen.ids[id] != 0 ? "visible" : "not visible", job->outputs[output].name);
}

static void look_for_all(struct sim_oracle *oracle, uint32_t output)
{
    struct seen seen = seen_of(oracle->job, oracle->memory[output]);
    for (uint32_t id = 0; id < oracle->job->row_count; id++)
        if (seen.ids[id] == 0)
            sim_violate(oracle, "O1: the job has finished, and the row of id %u is not in %s", id,
                        oracle->job->outputs[output].name);
}

const struct sim_judge sim_judge_numbers = {.memory = memory,
                                            .line = look_at_line,
                                            .committed = look_at_committed,
                                            .finished = look_for_all};
