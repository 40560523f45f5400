// Stages with windows: sessions, so many rows, cumulating ones, triggers, evictors, functions.
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/kinds.h"

// Rows of a key in their order: `each` is called with the last so many of them, the newest behind.
struct last {
    uint32_t ids[8], count; // of them, not more than 8
};

static void keep_last(struct last *last, uint32_t id, uint32_t most)
{
    if (last->count == most)
        for (uint32_t i = 1; i < most; i++)
            last->ids[i - 1] = last->ids[i];
    else
        last->count++;
    last->ids[last->count - 1] = id;
}

static int64_t sum_last(const struct sim_job *job, const struct last *last)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < last->count; i++)
        sum += job->rows[last->ids[i]].value;
    return sum;
}

// --- sessions ------------------------------------------------------------------------------------

// An odd gap, and times are even: no row is exactly the gap behind another, which would be of the
// same session if it came in time.
static void draw_sessions(struct sim_drawing *drawing)
{
    struct sim_stage *stage = drawing->stage;
    stage->number = (int64_t)sim_magnitude(drawing->random, 60000) | 1;
    snprintf(stage->texts[0], SIM_STAGE_TEXT, "%lldms", (long long)stage->number);
}

struct session {
    uint32_t key, count;
    int64_t first, last, total;
};

static int compare_times(const void *a, const void *b)
{
    const struct sim_row *x = *(const struct sim_row *const *)a;
    const struct sim_row *y = *(const struct sim_row *const *)b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->ts > y->ts) - (x->ts < y->ts);
}

static void expect_session(struct sim_job *job, struct sim_stage *stage, const struct session *s)
{
    char begin[SIM_TIME_TEXT], end[SIM_TIME_TEXT];
    sim_expect(job, stage->output, s->key, SIM_BY_TIME,
               "{\"key\":\"k%u\",\"window_start\":\"%s\",\"window_end\":\"%s\",\"n\":%u,\"total\":"
               "%lld}",
               s->key, sim_time_text(s->first, begin), sim_time_text(s->last + stage->number, end),
               s->count, (long long)s->total);
}

static void expect_sessions(struct sim_job *job, struct sim_stage *stage)
{
    const struct sim_row **rows = malloc((job->row_count + 1) * sizeof *rows);
    for (uint32_t id = 0; id < job->row_count; id++)
        rows[id] = &job->rows[id];
    qsort(rows, job->row_count, sizeof *rows, compare_times);
    struct session now = {0};
    for (uint32_t i = 0; i < job->row_count; i++) {
        bool goes_on =
            now.count != 0 && now.key == rows[i]->key && rows[i]->ts - now.last < stage->number;
        if (!goes_on && now.count != 0)
            expect_session(job, stage, &now);
        if (!goes_on)
            now = (struct session){.key = rows[i]->key, .first = rows[i]->ts};
        now.last = rows[i]->ts;
        now.total += rows[i]->value;
        now.count++;
    }
    if (now.count != 0)
        expect_session(job, stage, &now);
    free(rows);
}

const struct sim_kind sim_kind_sessions = {
    .name = "sessions",
    .weight = 2,
    .script = "counted:key_by(\"key\"):window(tm.session(\"$A\"))\n"
              "  :aggregate(\"$NAME\", { n = tm.count(), total = tm.sum(\"value\") })$WAS:to($1)\n",
    .needs = SIM_NEEDS_TIME | SIM_NEEDS_EVEN,
    .outputs = {{"sessions", &sim_judge_lines}},
    .draw = draw_sessions,
    .expect = expect_sessions,
};

// --- so many rows --------------------------------------------------------------------------------

// The last `size` rows of a key, with every `slide`th.
static void expect_last(struct sim_job *job, struct sim_stage *stage, uint32_t size, uint32_t slide)
{
    struct last *keys = calloc(job->key_count, sizeof *keys);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        struct last *last = &keys[row->key];
        keep_last(last, id, size);
        if (row->nth % slide == 0)
            sim_expect(job, stage->output, row->key, id,
                       "{\"key\":\"k%u\",\"n\":%u,\"total\":%lld,\"first\":%u,\"newest\":%u}",
                       row->key, last->count, (long long)sum_last(job, last), last->ids[0], id);
    }
    free(keys);
}

#define OF_LAST                                                                     \
    "  :aggregate(\"$NAME\", { n = tm.count(), total = tm.sum(\"value\"), first = " \
    "tm.first(\"id\"), newest = tm.last(\"id\") })$WAS\n"                           \
    "  :to($1)\n"

static void expect_dozens(struct sim_job *job, struct sim_stage *stage)
{
    expect_last(job, stage, 5, 5);
}

const struct sim_kind sim_kind_dozens = {
    .name = "dozens",
    .weight = 1,
    .script = "counted:key_by(\"key\"):window(tm.count_window(5))\n" OF_LAST,
    .outputs = {{"dozens", &sim_judge_lines}},
    .expect = expect_dozens,
};

static void expect_lasts(struct sim_job *job, struct sim_stage *stage)
{
    expect_last(job, stage, 6, 2);
}

const struct sim_kind sim_kind_lasts = {
    .name = "lasts",
    .weight = 1,
    .script = "counted:key_by(\"key\"):window(tm.count_window(6, 2))\n" OF_LAST,
    .outputs = {{"lasts", &sim_judge_lines}},
    .expect = expect_lasts,
};

static void expect_evicted(struct sim_job *job, struct sim_stage *stage)
{
    expect_last(job, stage, 3, 1);
}

const struct sim_kind sim_kind_evicted = {
    .name = "evicted",
    .weight = 1,
    .script = "counted:key_by(\"key\"):window(tm.global()):trigger(tm.trigger.count(1))"
              ":evict(tm.evict.count(3))\n" OF_LAST,
    .outputs = {{"evicted", &sim_judge_lines}},
    .expect = expect_evicted,
};

static void expect_purged(struct sim_job *job, struct sim_stage *stage)
{
    expect_last(job, stage, 4, 4);
}

const struct sim_kind sim_kind_purged = {
    .name = "purged",
    .weight = 1,
    .script = "counted:key_by(\"key\"):window(tm.global()):trigger(tm.trigger.purging(tm.trigger."
              "count(4)))\n"
              "  :process(\"$NAME\", function(ctx, key, rows)\n"
              "    local total = 0\n"
              "    for _, e in ipairs(rows) do total = total + e.value end\n"
              "    ctx:emit { key = key, n = #rows, total = total, first = rows[1].id, newest = "
              "rows[#rows].id }\n"
              "  end)$WAS:returns { key = \"string\", n = \"int\", total = \"int64\", first = "
              "\"int64\", newest "
              "= \"int64\" }\n"
              "  :to($1)\n",
    .outputs = {{"purged", &sim_judge_lines}},
    .expect = expect_purged,
};

// --- slots of time -------------------------------------------------------------------------------

static uint32_t slot_of(const struct sim_job *job, const struct sim_row *row)
{
    return (uint32_t)((row->ts - job->first_slot_ms) / SIM_SLOT_MS);
}

static int64_t slot_begin(const struct sim_job *job, uint32_t slot)
{
    return job->first_slot_ms + (int64_t)slot * SIM_SLOT_MS;
}

static void expect_step(struct sim_job *job, struct sim_stage *stage, uint32_t group,
                        uint32_t first, uint32_t slots)
{
    const struct sim_total *totals = &stage->totals[group * job->slot_count + first];
    struct sim_total all = {0};
    char begin[SIM_TIME_TEXT], end[SIM_TIME_TEXT];
    for (uint32_t i = 0; i < slots; i++) {
        all.n += totals[i].n;
        all.total += totals[i].total;
    }
    if (all.n != 0)
        sim_expect(job, stage->output, group, SIM_BY_TIME,
                   "{\"group\":\"g%u\",\"window_start\":\"%s\",\"window_end\":\"%s\",\"n\":%lld,"
                   "\"total\":%lld}",
                   group, sim_time_text(slot_begin(job, first), begin),
                   sim_time_text(slot_begin(job, first + slots), end), (long long)all.n,
                   (long long)all.total);
}

static void fill_totals(struct sim_job *job, struct sim_stage *stage)
{
    stage->totals = calloc(sim_job_totals(job), sizeof *stage->totals);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        struct sim_total *total = &stage->totals[row->group * job->slot_count + slot_of(job, row)];
        total->n++;
        total->total += row->value;
    }
}

// Windows of two slots, which give what they have behind each of them.
static void expect_grown(struct sim_job *job, struct sim_stage *stage)
{
    uint32_t first = slot_begin(job, 0) % (2 * SIM_SLOT_MS) == 0 ? 0 : 1;
    fill_totals(job, stage);
    for (uint32_t group = 0; group < job->group_count; group++)
        for (uint32_t slot = first; slot + 1 < job->slot_count; slot += 2) {
            expect_step(job, stage, group, slot, 1);
            expect_step(job, stage, group, slot, 2);
        }
}

const struct sim_kind sim_kind_grown = {
    .name = "grown",
    .weight = 1,
    .script = "counted:key_by(\"group\"):window(tm.cumulate(\"20s\", \"10s\"))\n"
              "  :aggregate(\"$NAME\", { n = tm.count(), total = tm.sum(\"value\") })$WAS:to($1)\n",
    .needs = SIM_NEEDS_TIME,
    .outputs = {{"grown", &sim_judge_lines}},
    .expect = expect_grown,
};

// What windows give in parts, by a trigger of their own, or as time goes on.
static void draw_parts(struct sim_drawing *drawing)
{
    static const char *const triggers[] = {
        "tm.trigger.purging(tm.trigger.continuous_event_time(\"3s\"))",
        "{ state = { n = tm.value(\"int64\", { default = 0 }) },\n"
        "  element = function(ctx) ctx:timer(ctx.window_end - 1) local n = ctx.state.n:get() + 1 "
        "ctx.state.n:set(n)\n",
    };
    snprintf(drawing->stage->texts[0], SIM_STAGE_TEXT, "%s",
             triggers[sim_below(drawing->random, 2)]);
    if (drawing->stage->texts[0][0] != '{')
        return;
    snprintf(drawing->stage->texts[1], SIM_STAGE_TEXT,
             "    if n %% 3 == 0 then return \"fire_and_purge\" end\n"
             "    return \"continue\"\n"
             "  end,\n");
    snprintf(drawing->stage->texts[2], SIM_STAGE_TEXT,
             "  event_time = function(ctx, at) return at == ctx.window_end - 1 and "
             "\"fire_and_purge\" or \"continue\" end }");
}

const struct sim_kind sim_kind_parts = {
    .name = "parts",
    .weight = 2,
    .script = "counted:key_by(\"group\"):window(tm.tumbling(\"10s\")):trigger($A$B$C)\n"
              "  :aggregate(\"$NAME\", { n = tm.count(), total = tm.sum(\"value\") })$WAS:to($1)\n",
    .needs = SIM_NEEDS_TIME,
    .outputs = {{"parts", &sim_judge_parts}},
    .draw = draw_parts,
    .expect = fill_totals,
};

// --- functions -----------------------------------------------------------------------------------

struct slot {
    uint32_t n, largest;
    int64_t ids;
};

// Slots of a key in their order.
static void expect_slots(struct sim_job *job, struct sim_stage *stage)
{
    struct slot *all = calloc((size_t)job->key_count * job->slot_count, sizeof *all);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        struct slot *slot = &all[row->key * job->slot_count + slot_of(job, row)];
        slot->largest =
            slot->n == 0 || row->value > job->rows[slot->largest].value ? id : slot->largest;
        slot->n++;
        slot->ids += id;
    }
    for (uint32_t key = 0; key < job->key_count; key++)
        for (uint32_t s = 0, nth = 0; s < job->slot_count; s++) {
            const struct slot *slot = &all[key * job->slot_count + s];
            char begin[SIM_TIME_TEXT], end[SIM_TIME_TEXT];
            if (slot->n == 0)
                continue;
            nth++;
            sim_time_text(slot_begin(job, s), begin);
            sim_time_text(slot_begin(job, s + 1), end);
            if (stage->kind == &sim_kind_told)
                sim_expect(
                    job, stage->output, key, SIM_BY_TIME,
                    "{\"key\":\"k%u\",\"window_start\":\"%s\",\"nth\":%u,\"n\":%u,\"ids\":%lld}",
                    key, begin, nth, slot->n, (long long)slot->ids);
            else
                sim_expect(
                    job, stage->output, key, SIM_BY_TIME,
                    "{\"key\":\"k%u\",\"window_start\":\"%s\",\"window_end\":\"%s\",\"id\":%u,"
                    "\"value\":%lld}",
                    key, begin, end, slot->largest, (long long)job->rows[slot->largest].value);
        }
    free(all);
}

const struct sim_kind sim_kind_told = {
    .name = "told",
    .weight = 1,
    .script =
        "counted:key_by(\"key\"):window(tm.tumbling(\"10s\")):process(\"$NAME\", {\n"
        "  state = { nth = tm.value($<\"int64\", { default = 0 }$|\"string\", { default = \"0\", "
        "migrate = function(old) return tostring(tonumber(old)) end }$>) },\n"
        "  each = function(ctx, key, rows)\n"
        "    local nth, ids = tonumber(ctx.state.nth:get()) + 1, 0\n"
        "    ctx.state.nth:set($<nth$|tostring(nth)$>)\n"
        "    for _, e in ipairs(rows) do ids = ids + e.id end\n"
        "    ctx:emit { key = key, window_start = ctx.window_start, nth = nth, n = #rows, ids = "
        "ids }\n"
        "  end,\n"
        "})$WAS:returns { key = \"string\", window_start = \"timestamp\", nth = \"int64\", n = "
        "\"int\", "
        "ids = \"int64\" }:to($1)\n",
    .needs = SIM_NEEDS_TIME,
    .outputs = {{"told", &sim_judge_lines}},
    .expect = expect_slots,
};

const struct sim_kind sim_kind_largest = {
    .name = "largest",
    .weight = 1,
    .script =
        "counted:select(\"id\", \"key\", \"value\"):key_by(\"key\"):window(tm.tumbling(\"10s\"))\n"
        "  :reduce(\"$NAME\", function(a, e)\n"
        "    if e.value > a.value or e.value == a.value and e.id < a.id then return e end\n"
        "    return a\n"
        "  end)$WAS:to($1)\n",
    .needs = SIM_NEEDS_TIME,
    .outputs = {{"largest", &sim_judge_lines}},
    .expect = expect_slots,
};
