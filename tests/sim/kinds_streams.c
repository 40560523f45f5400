// Stages that cut streams, put them together, and go by another key and back.
#include <stdlib.h>

#include "tests/sim/kept.h"
#include "tests/sim/kinds.h"

// --- flat_map and a side output with columns of its own ------------------------------------------

static void expect_pieces(struct sim_job *job, struct sim_stage *stage)
{
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        for (int64_t part = 1; part <= row->value % 4; part++)
            sim_expect(job, stage->output, row->key, id,
                       "{\"id\":%u,\"key\":\"k%u\",\"part\":%lld}", id, row->key, (long long)part);
        if (row->value % 3 == 0)
            sim_expect(job, stage->output + 1, row->key, id,
                       "{\"id\":%u,\"why\":\"%lld of g%u\",\"sum\":%lld}", id,
                       (long long)row->value, row->group, (long long)row->sum);
    }
}

const struct sim_kind sim_kind_pieces = {
    .name = "pieces",
    .weight = 1,
    .script = "local $NAME = counted:flat_map(function(e, out)\n"
              "    for part = 1, tonumber(e.value % 4) do out { id = e.id, key = e.key, part = "
              "part } end\n"
              "    if e.value % 3 == 0 then out(\"third\", { id = e.id, why = tonumber(e.value) .. "
              "\" of \" "
              ".. e.group, sum = e.sum }) end\n"
              "  end):returns { id = \"int64\", key = \"string\", part = \"int\" }\n"
              "$NAME:to($1)\n"
              "$NAME:side(\"third\"):returns { id = \"int64\", why = \"string\", sum = \"int64\" "
              "}:to($2)\n",
    .keeps = SIM_TAKES_OTHERS,
    .outputs = {{"pieces", &sim_judge_lines}, {"thirds", &sim_judge_lines}},
    .expect = expect_pieces,
};

// --- union ---------------------------------------------------------------------------------------

static void expect_joined(struct sim_job *job, struct sim_stage *stage)
{
    stage->behind = calloc(job->row_count, sizeof *stage->behind);
    for (uint32_t id = 0; id < job->row_count; id++)
        stage->behind[id] = sim_keep("n", 0, job->rows[id].nth);
}

// What was read in one order goes two ways, and may come in another.
const struct sim_kind sim_kind_joined = {
    .name = "joined",
    .weight = 1,
    .script = "local $NAME = counted:filter(function(e) return e.id % 3 == 0 end)\n"
              "$NAME:union(counted:filter(function(e) return e.id % 3 ~= 0 end)):key_by(\"key\")"
              ":process(\"$NAME\", {\n"
              "  state = { n = tm.value(\"int64\", { default = 0 }) },\n"
              "  each = function(ctx, e)\n"
              "    ctx.state.n:set(ctx.state.n:get() + 1)\n"
              "    ctx:emit { id = e.id, n = ctx.state.n:get() }\n"
              "  end,\n"
              "})$WAS:returns { id = \"int64\", n = \"int64\" }:to($1)\n",
    .outputs = {{"joined", &sim_judge_numbers}},
    .expect = expect_joined,
    .kept = sim_kept_look_at_keys,
};

// --- several keys, one behind the other ----------------------------------------------------------

// Each group has counted the rows of the cut.
static void look_at_twice(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    const struct sim_job *job = oracle->job;
    int64_t *counted = sim_kept_of_lanes(oracle, cut, stage, "m");
    int64_t *rows = calloc(job->group_count, sizeof *rows);
    for (uint32_t id = 0; id < job->row_count; id++)
        rows[job->rows[id].group] += sim_cut_has(cut, job, id);
    for (uint32_t group = 0; group < job->group_count; group++)
        if (cut->flight_bytes == 0 ? counted[group] != rows[group] : counted[group] > rows[group])
            sim_violate(oracle, "S1: checkpoint %llu has %lld rows of group g%u, and 'twice' %lld",
                        (unsigned long long)cut->checkpoint, (long long)rows[group], group,
                        (long long)counted[group]);
    free(rows);
    free(counted);
}

const struct sim_kind sim_kind_twice = {
    .name = "twice",
    .weight = 1,
    .script = "counted:key_by(\"group\"):process(\"$NAME\", {\n"
              "  state = { m = tm.value(\"$<int$|int64$>\", { default = 0 }) },\n"
              "  each = function(ctx, e)\n"
              "    ctx.state.m:set(ctx.state.m:get() + 1)\n"
              "    ctx:emit { id = e.id, key = e.key, m = ctx.state.m:get() }\n"
              "  end,\n"
              "})$WAS:returns { id = \"int64\", key = \"string\", m = \"int64\" "
              "}:key_by(\"key\"):process(\"again\", "
              "{\n"
              "  state = { n = tm.list(\"int64\") },\n"
              "  each = function(ctx, e)\n"
              "    ctx.state.n:add(e.m)\n"
              "    ctx:emit { id = e.id, m = e.m, n = ctx.state.n:size() }\n"
              "  end,\n"
              "}):returns { id = \"int64\", m = \"int64\", n = \"int64\" }:to($1)\n",
    .keeps = SIM_KEEPS_GROUPS,
    .outputs = {{"twice", &sim_judge_numbers}},
    .kept = look_at_twice,
};
