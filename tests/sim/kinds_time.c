// Stages that any job can have: windows and timers by group, and what is kept of a key for a time.
// Behind them windows that live on for rows that are late, which others have.
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/kept.h"
#include "tests/sim/kinds.h"

// --- what groups have in slots of time -----------------------------------------------------------

static void add_to_slot(struct sim_job *job, struct sim_stage *stage, const struct sim_row *row,
                        uint32_t slot)
{
    struct sim_total *total = &stage->totals[row->group * job->slot_count + slot];
    total->n++;
    total->total += row->value;
}

static void number_totals(struct sim_job *job, struct sim_stage *stage)
{
    for (uint32_t g = 0; g < job->group_count; g++) {
        uint32_t nth = 0;
        for (uint32_t s = 0; s < job->slot_count; s++) {
            struct sim_total *total = &stage->totals[g * job->slot_count + s];
            total->nth = total->n == 0 ? 0 : ++nth;
        }
    }
}

// Each row counts in so many slots, of which its own is the last.
static void expect_totals(struct sim_job *job, struct sim_stage *stage, uint32_t slots)
{
    stage->totals = calloc(sim_job_totals(job), sizeof *stage->totals);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        uint32_t slot = (uint32_t)((row->ts - job->first_slot_ms) / SIM_SLOT_MS);
        for (uint32_t i = 0; i < slots; i++)
            add_to_slot(job, stage, row, slot - i);
    }
    number_totals(job, stage);
}

// --- windows -------------------------------------------------------------------------------------

// What is late has an output of its own.
static void draw_tens(struct sim_drawing *drawing)
{
    struct sim_stage *stage = drawing->stage;
    if (!drawing->job->has_late)
        return;
    sim_output_add(drawing, "late", &sim_judge_late);
    snprintf(stage->texts[0], SIM_STAGE_TEXT, ":late(\"late\")");
    snprintf(stage->texts[1], SIM_STAGE_TEXT, "tens:side(\"late\"):to(%s)\n",
             drawing->job->outputs[stage->output + 1].sink);
}

static void expect_tens(struct sim_job *job, struct sim_stage *stage)
{
    expect_totals(job, stage, 1);
}

// A window of a slot, or of two that overlap with others, `stays_ms` longer.
static void look_at_windows(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage,
                            int64_t stays_ms)
{
    const struct sim_spans spans = {
        .first = "n", .second = "total", .span_ms = SIM_SLOT_MS, .stays_ms = stays_ms};
    (void)sim_kept_look_at_spans(oracle, cut, stage, &spans, NULL);
}

static void look_at_tens(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    look_at_windows(oracle, cut, stage, 0);
}

const struct sim_kind sim_kind_tens = {
    .name = "tens",
    .script = "local tens = counted:key_by(\"group\"):window(tm.tumbling(\"10s\"))$A\n"
              "  :aggregate(\"$NAME\", { n = tm.count(), total = tm.sum(\"value\") })\n"
              "tens:to($1)\n$B",
    .keeps = SIM_KEEPS_GROUPS,
    .outputs = {{"tens", &sim_judge_totals}},
    .draw = draw_tens,
    .expect = expect_tens,
    .kept = look_at_tens,
};

// A window of two slots counts by the first of them.
static void expect_slides(struct sim_job *job, struct sim_stage *stage)
{
    expect_totals(job, stage, 2);
}

static void look_at_slides(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    look_at_windows(oracle, cut, stage, SIM_SLOT_MS);
}

const struct sim_kind sim_kind_slides = {
    .name = "slides",
    .script =
        "counted:key_by(\"group\"):window(tm.sliding(\"20s\", \"10s\")):aggregate(\"$NAME\", { n = "
        "tm.count(), total = tm.sum(\"value\") })\n"
        "  :to($1)\n",
    .keeps = SIM_KEEPS_GROUPS,
    .outputs = {{"slides", &sim_judge_totals}},
    .expect = expect_slides,
    .kept = look_at_slides,
};

// --- timers --------------------------------------------------------------------------------------

// Calls fail on some rows.
static void draw_timed(struct sim_drawing *drawing)
{
    struct sim_stage *stage = drawing->stage;
    if (!drawing->job->has_failed)
        return;
    sim_output_add(drawing, "dead", &sim_judge_dead);
    snprintf(stage->texts[0], SIM_STAGE_TEXT,
             "      if e.value %% 40 == 7 then error(\"refused\") end\n");
    snprintf(stage->texts[1], SIM_STAGE_TEXT, ":on_error(%s)",
             drawing->job->outputs[stage->output + 1].sink);
}

static void expect_timed(struct sim_job *job, struct sim_stage *stage)
{
    stage->totals = calloc(sim_job_totals(job), sizeof *stage->totals);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        if (!job->has_failed || !sim_row_is_refused(row))
            add_to_slot(job, stage, row, (uint32_t)((row->ts - job->first_slot_ms) / SIM_SLOT_MS));
    }
    number_totals(job, stage);
}

// What has not fired has its rows and its timer; what has is counted.
static void look_at_timed(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    const struct sim_spans spans = {.first = "counts",
                                    .second = "sums",
                                    .span_ms = SIM_SLOT_MS,
                                    .without_dead = oracle->job->has_failed,
                                    .timed = true};
    struct sim_spans_found *found = calloc(oracle->job->group_count, sizeof *found);
    int64_t *given = sim_kept_of_lanes(oracle, cut, stage, "given");
    bool looked = sim_kept_look_at_spans(oracle, cut, stage, &spans, found);
    for (uint32_t group = 0; group < oracle->job->group_count && looked; group++)
        if (given[group] != found[group].whole - found[group].present)
            sim_violate(oracle,
                        "T4: checkpoint %llu has %lld timers of group g%u, %lld with those that "
                        "were due, and %lld have fired",
                        (unsigned long long)cut->checkpoint, (long long)found[group].present, group,
                        (long long)found[group].whole, (long long)given[group]);
    free(given);
    free(found);
}

const struct sim_kind sim_kind_timed = {
    .name = "timed",
    .script =
        "counted:key_by(\"group\"):process(\"$NAME\", {\n"
        "    state = { given = tm.value(\"int64\", { default = 0 }), sums = tm.map(\"int64\", "
        "\"int64\"), counts = tm.map(\"int64\", \"int64\") },\n"
        "    each = function(ctx, e)\n"
        "      local ten = math.floor(ctx.time / 10000) * 10000\n"
        "      ctx.state.sums:put(ten, (ctx.state.sums:get(ten) or 0) + e.value)\n"
        "      ctx.state.counts:put(ten, (ctx.state.counts:get(ten) or 0) + 1)\n"
        "      ctx:timer(ten + 9999)\n"
        "$A"
        "    end,\n"
        "    timer = function(ctx, at)\n"
        "      local ten, given = at - 9999, ctx.state.given:get() + 1\n"
        "      ctx.state.given:set(given)\n"
        "      ctx:emit { group = ctx.key, window_start = ten, n = ctx.state.counts:get(ten), "
        "total = "
        "ctx.state.sums:get(ten), given = given }\n"
        "      ctx.state.sums:remove(ten)\n"
        "      ctx.state.counts:remove(ten)\n"
        "    end,\n"
        "  })$B\n"
        "  :returns { group = \"string\", window_start = \"timestamp\", n = \"int64\", total = "
        "\"int64\", given = \"int64\" }\n"
        "  :to($1)\n",
    .keeps = SIM_KEEPS_GROUPS,
    .outputs = {{"timed", &sim_judge_totals}},
    .draw = draw_timed,
    .expect = expect_timed,
    .kept = look_at_timed,
};

// --- what is kept for a time ---------------------------------------------------------------------

// A window of time in which some rows of a key come, and others do not.
static void draw_recent(struct sim_drawing *drawing)
{
    struct sim_stage *stage = drawing->stage;
    stage->by_event = sim_chance(drawing->random, 500) && drawing->job->feed != SIM_FEED_FILES;
    stage->number = stage->by_event ? (int64_t)sim_magnitude(drawing->random, 60000)
                                    : (int64_t)sim_magnitude(drawing->random,
                                                             16ull * drawing->job->interval_ms);
    snprintf(stage->texts[0], SIM_STAGE_TEXT, "%lld", (long long)stage->number);
    snprintf(stage->texts[1], SIM_STAGE_TEXT, stage->by_event ? "event" : "processing");
    snprintf(stage->texts[2], SIM_STAGE_TEXT, stage->by_event ? "ctx.watermark" : "ctx.now");
}

const struct sim_kind sim_kind_recent = {
    .name = "recent",
    .script = "counted:key_by(\"key\"):process(\"$NAME\", {\n"
              "    state = { seen = tm.value(\"int64\", { ttl = \"$Ams\", clock = \"$B\" }) },\n"
              "    each = function(ctx, e)\n"
              "      local seen = ctx.state.seen:get()\n"
              "      ctx.state.seen:set(e.id)\n"
              "      ctx:emit { id = e.id, at = math.max($C, 0), seen = seen or -1 }\n"
              "    end,\n"
              "  })\n"
              "  :returns { id = \"int64\", at = \"int64\", seen = \"int64\" }\n"
              "  :to($1)\n",
    .outputs = {{"recent", &sim_judge_recent}},
    .draw = draw_recent,
};

// --- windows that live on ------------------------------------------------------------------------

static void draw_lately(struct sim_drawing *drawing)
{
    drawing->stage->number = (int64_t)sim_magnitude(drawing->random, 30000);
    snprintf(drawing->stage->texts[0], SIM_STAGE_TEXT, "%lldms", (long long)drawing->stage->number);
}

static void look_at_lately(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    look_at_windows(oracle, cut, stage, oracle->job->stages[stage].number);
}

const struct sim_kind sim_kind_lately = {
    .name = "lately",
    .weight = 2,
    .script = "local $NAME = counted:key_by(\"group\"):window(tm.tumbling(\"10s\"))"
              ":allowed_lateness(\"$A\"):late(\"late\")\n"
              "  :aggregate(\"$NAME\", { n = tm.count(), total = tm.sum(\"value\") })\n"
              "$NAME:to($1)\n"
              "$NAME:side(\"late\"):to($2)\n",
    .needs = SIM_NEEDS_LATE,
    .keeps = SIM_KEEPS_GROUPS,
    .outputs = {{"lately", &sim_judge_firings}, {"too_late", &sim_judge_late}},
    .draw = draw_lately,
    .expect = expect_tens,
    .kept = look_at_lately,
};
