// What keys keep, against what their rows have come to.
#include "tests/sim/kept.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/kinds.h"

void sim_kept_look(struct sim_oracle *oracle, const struct sim_cut *cut)
{
    for (uint32_t s = 0; s < oracle->job->stage_count; s++) {
        if ((cut->stages >> s & 1) == 0)
            continue;
        if (cut->furthest[s] > oracle->furthest[s])
            oracle->furthest[s] = cut->furthest[s];
        oracle->job->stages[s].kind->kept(oracle, cut, s);
    }
}

bool sim_kept_is_timer(const struct sim_value *value)
{
    return strncmp(value->state, "$timer", 6) == 0;
}

uint64_t sim_keep(const char *state, int64_t of, int64_t value)
{
    uint64_t hash = 14695981039346656037u;
    for (; *state != '\0'; state++)
        hash = (hash ^ (uint8_t)*state) * 1099511628211u;
    hash = (hash ^ (uint64_t)of) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 29 ^ (uint64_t)value) * 0xbf58476d1ce4e5b9u;
    return hash ^ hash >> 32;
}

void sim_kept_look_at_keys(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    const struct sim_job *job = oracle->job;
    const struct sim_stage *of = &job->stages[stage];
    bool loose = (of->kind->needs & SIM_NEEDS_REST) != 0;
    if (loose && cut->flight_bytes != 0)
        return;
    uint64_t *keeps = calloc(job->key_count, sizeof *keeps);
    bool *right = calloc(job->key_count, sizeof *right);
    for (uint32_t i = 0; i < cut->value_count; i++) {
        const struct sim_value *value = &cut->values[i];
        if (value->stage == stage && !value->of_operator && !sim_kept_is_timer(value))
            keeps[value->key] += sim_keep(value->state, value->at + value->of, value->value);
    }
    for (uint32_t key = 0; key < job->key_count; key++)
        right[key] = keeps[key] == 0 && (cut->flight_bytes != 0 || cut->kept[key].n == 0);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        bool last = row->nth == cut->kept[row->key].n;
        bool possible = last || (cut->flight_bytes != 0 && row->nth < cut->kept[row->key].n);
        right[row->key] = right[row->key] || (possible && keeps[row->key] == of->behind[id]);
    }
    for (uint32_t key = 0; key < job->key_count; key++)
        if (!right[key])
            sim_violate(oracle,
                        "S1: checkpoint %llu has counted %lld rows of key k%u%s, and what '%s' "
                        "keeps of it does not follow from them",
                        (unsigned long long)cut->checkpoint, (long long)cut->kept[key].n, key,
                        cut->flight_bytes != 0 ? ", some of them in flight behind that" : "",
                        of->kind->name);
    free(keeps);
    free(right);
}
