// Stages that go by the clock, and one that keeps lists of its subtasks: what they give, or keep,
// depends on how fast rows come and where to.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/kept.h"
#include "tests/sim/kinds.h"

// --- windows and triggers of the clock -----------------------------------------------------------

// In ms: some to many in the life of the job, as checkpoints are.
static void draw_ticks(struct sim_drawing *drawing)
{
    snprintf(drawing->stage->texts[0], SIM_STAGE_TEXT, "%llu",
             (unsigned long long)sim_magnitude(drawing->random, 16ull * drawing->job->interval_ms));
}

// After so many rows, or when none has come for a while. (A trigger that fires again and again by
// the clock would do so for each interval of a day by which the clock jumps.)
static void draw_paused(struct sim_drawing *drawing)
{
    draw_ticks(drawing);
    drawing->stage->number = 3;
    snprintf(drawing->stage->texts[1], SIM_STAGE_TEXT,
             "tm.trigger.processing_timeout(tm.trigger.count(3), ");
}

#define RUNS                                                                        \
    "  :aggregate(\"$NAME\", { n = tm.count(), total = tm.sum(\"value\"), first = " \
    "tm.first(\"id\"), newest = tm.last(\"id\") })$WAS\n"                           \
    "  :to($1)\n"

// What a key has that has not been told: several windows may have it.
struct waiting {
    int64_t n, total, first, newest, count;
};

static struct waiting *find_waiting(const struct sim_oracle *oracle, const struct sim_cut *cut,
                                    uint32_t stage)
{
    struct waiting *keys = calloc(oracle->job->key_count, sizeof *keys);
    for (uint32_t key = 0; key < oracle->job->key_count; key++)
        keys[key].first = INT64_MAX;
    for (uint32_t i = 0; i < cut->value_count; i++) {
        const struct sim_value *value = &cut->values[i];
        if (value->stage != stage)
            continue;
        struct waiting *of = &keys[value->key];
        int64_t number = value->value;
        of->n += strcmp(value->state, "n") == 0 ? number : 0;
        of->total += strcmp(value->state, "total") == 0 ? number : 0;
        of->count += strcmp(value->state, "$count") == 0 ? number : 0;
        if (strcmp(value->state, "first") == 0 && number < of->first)
            of->first = number;
        if (strcmp(value->state, "newest") == 0 && number > of->newest)
            of->newest = number;
    }
    return keys;
}

// It is the last of its rows.
static void look_at_waiting(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    const struct sim_job *job = oracle->job;
    const char *name = job->stages[stage].kind->name;
    struct waiting *keys = find_waiting(oracle, cut, stage);
    for (uint32_t id = 0; id < job->row_count && cut->flight_bytes == 0; id++) {
        const struct sim_row *row = &job->rows[id];
        struct waiting *of = &keys[row->key];
        int64_t behind = cut->kept[row->key].n - row->nth; // rows of the key that the cut has
        if (behind < 0 || behind >= of->n)
            continue;
        of->total -= row->value;
        if ((behind == of->n - 1 && of->first != id) || (behind == 0 && of->newest != id))
            sim_violate(oracle,
                        "S1: checkpoint %llu has ids %lld to %lld of key k%u in '%s', which are "
                        "%lld rows, and id %u ends those",
                        (unsigned long long)cut->checkpoint, (long long)of->first,
                        (long long)of->newest, row->key, name, (long long)of->n, id);
    }
    for (uint32_t key = 0; key < job->key_count && cut->flight_bytes == 0; key++)
        if (keys[key].n > cut->kept[key].n || keys[key].total != 0 ||
            (job->stages[stage].number != 0 && keys[key].count != keys[key].n))
            sim_violate(oracle,
                        "S1: checkpoint %llu has %lld rows of key k%u, and '%s' the last %lld, "
                        "%lld of them counted, with %lld more than their total",
                        (unsigned long long)cut->checkpoint, (long long)cut->kept[key].n, key, name,
                        (long long)keys[key].n, (long long)keys[key].count,
                        (long long)keys[key].total);
    free(keys);
}

const struct sim_kind sim_kind_ticked = {
    .name = "ticked",
    .weight = 2,
    .script = "counted:key_by(\"key\"):window(tm.tumbling(\"$Ams\", { processing = true }))\n" RUNS,
    .needs = SIM_NEEDS_FLUSH,
    .outputs = {{"ticked", &sim_judge_runs}},
    .draw = draw_ticks,
    .kept = look_at_waiting,
};

const struct sim_kind sim_kind_paused = {
    .name = "paused",
    .weight = 2,
    .script = "counted:key_by(\"key\"):window(tm.global()):trigger(tm.trigger.purging($B\"$Ams\")"
              "))\n" RUNS,
    .needs = SIM_NEEDS_FLUSH,
    .outputs = {{"paused", &sim_judge_runs}},
    .draw = draw_paused,
    .kept = look_at_waiting,
};

// --- timers of the clock -------------------------------------------------------------------------

// One for each key that has rows to tell of.
static void look_at_held(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    int64_t *n = sim_kept_of_lanes(oracle, cut, stage, "n");
    int64_t *timers = sim_kept_of_lanes(oracle, cut, stage, "$timer of the clock");
    look_at_waiting(oracle, cut, stage);
    for (uint32_t key = 0; key < oracle->job->key_count; key++)
        if (timers[key] != (n[key] != 0))
            sim_violate(oracle,
                        "T4: checkpoint %llu has %lld timers of key k%u, and 'held' %lld rows to "
                        "tell of",
                        (unsigned long long)cut->checkpoint, (long long)timers[key], key,
                        (long long)n[key]);
    free(timers);
    free(n);
}

// Rows of a key are held until a timer tells of them.
const struct sim_kind sim_kind_held = {
    .name = "held",
    .weight = 2,
    .script =
        "counted:key_by(\"key\"):process(\"$NAME\", {\n"
        "  state = { n = tm.value(\"int64\", { default = 0 }), total = tm.value(\"int64\", { "
        "default "
        "= 0 }), first = tm.value(\"int64\"), newest = tm.value(\"int64\") },\n"
        "  each = function(ctx, e)\n"
        "    local s = ctx.state\n"
        "    if s.n:get() == 0 then\n"
        "      s.first:set(e.id)\n"
        "      ctx:timer_processing(ctx.now + $A)\n"
        "    end\n"
        "    s.n:set(s.n:get() + 1)\n"
        "    s.total:set(s.total:get() + e.value)\n"
        "    s.newest:set(e.id)\n"
        "  end,\n"
        "  timer = function(ctx)\n"
        "    local s = ctx.state\n"
        "    ctx:emit { key = ctx.key, n = s.n:get(), total = s.total:get(), first = "
        "s.first:get(), "
        "newest = s.newest:get() }\n"
        "    s.n:set(0)\n"
        "    s.total:set(0)\n"
        "  end,\n"
        "})$WAS:returns { key = \"string\", n = \"int64\", total = \"int64\", first = \"int64\", "
        "newest = \"int64\" }:to($1)\n",
    .needs = SIM_NEEDS_FLUSH,
    .outputs = {{"held", &sim_judge_runs}},
    .draw = draw_ticks,
    .kept = look_at_held,
};

// --- lists of the operator -----------------------------------------------------------------------

static void expect_listed(struct sim_job *job, struct sim_stage *stage)
{
    stage->behind = calloc(job->row_count, sizeof *stage->behind);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        sim_expect(job, stage->output, row->key, id, "{\"id\":%u,\"n\":%u}", id, row->nth);
        stage->behind[id] = sim_keep("n", 0, row->nth);
    }
}

// Rows that the lists of all subtasks have, of a key up to one of them; where nothing is in flight
// those that the cut has.
static void look_at_ids(struct sim_oracle *oracle, const struct sim_cut *cut, const uint8_t *ids)
{
    const struct sim_job *job = oracle->job;
    uint32_t *last = calloc(job->key_count, sizeof *last);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        bool has = sim_cut_has(cut, job, id);
        if (ids[id] > 1 || (ids[id] != 0 && !has) ||
            (ids[id] == 0 && has && cut->flight_bytes == 0))
            sim_violate(
                oracle, "S4: checkpoint %llu %s id %u, and lists of the operator have it %u times",
                (unsigned long long)cut->checkpoint, has ? "has" : "does not have", id, ids[id]);
        if (ids[id] != 0 && ++last[row->key] != row->nth)
            sim_violate(oracle,
                        "S2: in checkpoint %llu lists of the operator have row %u of key k%u, and "
                        "not all in front of it",
                        (unsigned long long)cut->checkpoint, row->nth, row->key);
    }
    free(last);
}

static void look_at_lists(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    uint8_t *ids = calloc(oracle->job->row_count + 1, sizeof *ids);
    for (uint32_t i = 0; i < cut->value_count; i++) {
        const struct sim_value *value = &cut->values[i];
        if (value->stage == stage && value->of_operator && strcmp(value->state, "mine") == 0 &&
            value->value >= 0 && value->value < oracle->job->row_count)
            ids[value->value] = ids[value->value] < 2 ? (uint8_t)(ids[value->value] + 1) : 2;
    }
    look_at_ids(oracle, cut, ids);
    sim_kept_look_at_keys(oracle, cut, stage);
    free(ids);
}

const struct sim_kind sim_kind_listed = {
    .name = "listed",
    .weight = 2,
    .script = "counted:key_by(\"key\"):process(\"$NAME\", {\n"
              "  state = { n = tm.value(\"int64\", { default = 0 }), mine = "
              "tm.operator_list(\"$<int$|int64$>\") },\n"
              "  each = function(ctx, e)\n"
              "    ctx.state.mine:add(tonumber(e.id))\n"
              "    ctx.state.n:set(ctx.state.n:get() + 1)\n"
              "    ctx:emit { id = e.id, n = ctx.state.n:get() }\n"
              "  end,\n"
              "})$WAS:returns { id = \"int64\", n = \"int64\" }:to($1)\n",
    .outputs = {{"listed", &sim_judge_lines}},
    .expect = expect_listed,
    .kept = look_at_lists,
};
