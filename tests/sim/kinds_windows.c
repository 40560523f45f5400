// Stages with windows: sessions, so many rows, cumulating ones, triggers, evictors, functions.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/kept.h"
#include "tests/sim/kinds.h"

// Rows of a key in their order: `each` is called with the last so many of them, the newest behind.
struct last {
    uint32_t ids[8], count; // of them, not more than 8
};

static void add_last(struct last *last, uint32_t id, uint32_t most)
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

static void expect_session(void *arg, struct sim_job *job, struct sim_stage *stage,
                           const struct session *s)
{
    (void)arg;
    char begin[SIM_TIME_TEXT], end[SIM_TIME_TEXT];
    sim_expect(job, stage->output, s->key, SIM_BY_TIME,
               "{\"key\":\"k%u\",\"window_start\":\"%s\",\"window_end\":\"%s\",\"n\":%u,\"total\":"
               "%lld}",
               s->key, sim_time_text(s->first, begin), sim_time_text(s->last + stage->number, end),
               s->count, (long long)s->total);
}

// Those of rows in the order of keys and times.
static void each_session(struct sim_job *job, struct sim_stage *stage, const struct sim_row **rows,
                         uint32_t count,
                         void (*each)(void *arg, struct sim_job *job, struct sim_stage *stage,
                                      const struct session *session),
                         void *arg)
{
    struct session now = {0};
    qsort(rows, count, sizeof *rows, compare_times);
    for (uint32_t i = 0; i < count; i++) {
        bool goes_on =
            now.count != 0 && now.key == rows[i]->key && rows[i]->ts - now.last < stage->number;
        if (!goes_on && now.count != 0)
            each(arg, job, stage, &now);
        if (!goes_on)
            now = (struct session){.key = rows[i]->key, .first = rows[i]->ts};
        now.last = rows[i]->ts;
        now.total += rows[i]->value;
        now.count++;
    }
    if (now.count != 0)
        each(arg, job, stage, &now);
}

static void expect_sessions(struct sim_job *job, struct sim_stage *stage)
{
    const struct sim_row **rows = malloc((job->row_count + 1) * sizeof *rows);
    for (uint32_t id = 0; id < job->row_count; id++)
        rows[id] = &job->rows[id];
    each_session(job, stage, rows, job->row_count, expect_session, NULL);
    free(rows);
}

struct looking_at_sessions {
    struct sim_oracle *oracle;
    const struct sim_cut *cut;
    uint32_t stage, found; // of those that the cut has
};

// A session that follows from the cut's rows: it is there, or has fired.
static void look_at_session(void *arg, struct sim_job *job, struct sim_stage *stage,
                            const struct session *s)
{
    struct looking_at_sessions *l = arg;
    int64_t n = 0, total = 0, end = 0;
    (void)job;
    for (uint32_t i = 0; i < l->cut->value_count; i++) {
        const struct sim_value *value = &l->cut->values[i];
        if (value->stage != l->stage || value->key != s->key || value->at != s->first)
            continue;
        n += strcmp(value->state, "n") == 0 ? value->value : 0;
        total += strcmp(value->state, "total") == 0 ? value->value : 0;
        end += strcmp(value->state, "$end") == 0 ? value->value : 0;
    }
    l->found += end != 0;
    bool whole = n == s->count && total == s->total && end == s->last + stage->number;
    bool over = s->last + stage->number - 1 <= l->oracle->furthest[l->stage];
    if (!whole && !(end == 0 && over))
        sim_violate(l->oracle,
                    "S1: checkpoint %llu has of the session of k%u that begins at %lld %lld rows, "
                    "total %lld, end %lld; these are %u, %lld, %lld%s",
                    (unsigned long long)l->cut->checkpoint, s->key, (long long)s->first,
                    (long long)n, (long long)total, (long long)end, s->count, (long long)s->total,
                    (long long)(s->last + stage->number), over ? ", or nothing" : "");
}

static void look_at_sessions(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    struct sim_job *job = (struct sim_job *)(uintptr_t)oracle->job;
    const struct sim_row **rows = malloc((job->row_count + 1) * sizeof *rows);
    struct looking_at_sessions l = {.oracle = oracle, .cut = cut, .stage = stage};
    uint32_t count = 0, there = 0;
    for (uint32_t id = 0; id < job->row_count; id++)
        if (sim_cut_has(cut, job, id))
            rows[count++] = &job->rows[id];
    for (uint32_t i = 0; i < cut->value_count; i++)
        there += cut->values[i].stage == stage && strcmp(cut->values[i].state, "$end") == 0;
    if (cut->flight_bytes == 0)
        each_session(job, &job->stages[stage], rows, count, look_at_session, &l);
    if (cut->flight_bytes == 0 && l.found != there)
        sim_violate(oracle, "S1: checkpoint %llu has %u sessions, and %u of them are of its rows",
                    (unsigned long long)cut->checkpoint, there, l.found);
    free(rows);
}

const struct sim_kind sim_kind_sessions = {
    .name = "sessions",
    .weight = 2,
    .script = "counted:key_by(\"key\"):window(tm.session(\"$A\"))\n"
              "  :aggregate(\"$NAME\", { n = tm.count(), total = tm.sum(\"value\") })$WAS:to($1)\n",
    .needs = SIM_NEEDS_TIME | SIM_NEEDS_EVEN,
    .keeps = SIM_KEEPS_ENDS,
    .outputs = {{"sessions", &sim_judge_lines}},
    .draw = draw_sessions,
    .expect = expect_sessions,
    .kept = look_at_sessions,
};

// --- so many rows --------------------------------------------------------------------------------

// Rows of a key, up to one of them, that are in a window which has not fired yet.
static uint64_t keep_window(const struct sim_job *job, const struct last *last, int64_t at)
{
    return sim_keep("n", at, last->count) + sim_keep("total", at, sum_last(job, last)) +
           sim_keep("first", at, last->ids[0]) + sim_keep("newest", at, last->ids[last->count - 1]);
}

// Panes of two rows: two that are whole, and the one under way. Its key counts its rows.
static uint64_t keep_panes(const struct sim_job *job, const struct last *last, uint32_t nth)
{
    uint64_t all = sim_keep("$rows", 0, nth);
    uint32_t over = nth % 2, behind = nth - over > 4 ? 4 : nth - over;
    for (uint32_t row = 0; row < behind + over; row += 2) {
        struct last pane = {.count = row == behind ? 1 : 2};
        for (uint32_t i = 0; i < pane.count; i++)
            pane.ids[i] = last->ids[last->count - behind - over + row + i];
        all += keep_window(job, &pane, (nth - over - behind + row) / 2);
    }
    return all;
}

// What the stage keeps behind a row, of the last ones of its key.
static uint64_t keep_last(const struct sim_job *job, const struct sim_stage *stage,
                          const struct last *last, uint32_t nth, uint32_t size)
{
    struct last window = {.count = nth % size};
    for (uint32_t i = 0; i < window.count; i++)
        window.ids[i] = last->ids[last->count - window.count + i];
    if (stage->kind == &sim_kind_lasts)
        return keep_panes(job, last, nth);
    if (stage->kind == &sim_kind_evicted)
        return sim_keep("rows", 0, last->count);
    if (window.count == 0)
        return 0;
    uint64_t counted = sim_keep("$count", 0, window.count);
    return counted + (stage->kind == &sim_kind_purged ? sim_keep("rows", 0, window.count)
                                                      : keep_window(job, &window, 0));
}

// The last `size` rows of a key, with every `slide`th.
static void expect_last(struct sim_job *job, struct sim_stage *stage, uint32_t size, uint32_t slide)
{
    struct last *keys = calloc(job->key_count, sizeof *keys);
    stage->behind = calloc(job->row_count, sizeof *stage->behind);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        struct last *last = &keys[row->key];
        add_last(last, id, size);
        stage->behind[id] = keep_last(job, stage, last, row->nth, size);
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
    .kept = sim_kept_look_at_keys,
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
    .kept = sim_kept_look_at_keys,
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
    .kept = sim_kept_look_at_keys,
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
    .kept = sim_kept_look_at_keys,
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

static void look_at_grown(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    static const struct sim_spans spans = {
        .first = "n", .second = "total", .span_ms = 2 * SIM_SLOT_MS};
    (void)sim_kept_look_at_spans(oracle, cut, stage, &spans, NULL);
}

const struct sim_kind sim_kind_grown = {
    .name = "grown",
    .weight = 1,
    .script = "counted:key_by(\"group\"):window(tm.cumulate(\"20s\", \"10s\"))\n"
              "  :aggregate(\"$NAME\", { n = tm.count(), total = tm.sum(\"value\") })$WAS:to($1)\n",
    .needs = SIM_NEEDS_TIME,
    .keeps = SIM_KEEPS_GROUPS,
    .outputs = {{"grown", &sim_judge_lines}},
    .expect = expect_grown,
    .kept = look_at_grown,
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

// Each third row of a window has it give what it has.
static void look_at_thirds(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    for (uint32_t i = 0; i < cut->value_count; i++) {
        const struct sim_value *count = &cut->values[i];
        int64_t n = 0;
        if (count->stage != stage || strcmp(count->state, "$trigger.n") != 0)
            continue;
        for (uint32_t k = 0; k < cut->value_count; k++) {
            const struct sim_value *value = &cut->values[k];
            if (value->stage == stage && value->key == count->key && value->at == count->at)
                n += strcmp(value->state, "n") == 0 ? value->value : 0;
        }
        if (n != count->value % 3)
            sim_violate(oracle,
                        "S1: checkpoint %llu has of g%u, from %lld on, %lld rows in 'parts', and "
                        "its trigger has counted %lld",
                        (unsigned long long)cut->checkpoint, count->key, (long long)count->at,
                        (long long)n, (long long)count->value);
    }
}

// A trigger of the job's own counts all rows of a window, and has a timer for its end.
static void look_at_parts(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    static const struct sim_spans spans = {
        .first = "n", .second = "total", .holds = SIM_HOLDS_SOME, .span_ms = SIM_SLOT_MS};
    static const struct sim_spans own = {
        .first = "$trigger.n", .holds = SIM_HOLDS_ROWS, .span_ms = SIM_SLOT_MS, .timed = true};
    (void)sim_kept_look_at_spans(oracle, cut, stage, &spans, NULL);
    if (oracle->job->stages[stage].texts[0][0] != '{')
        return;
    (void)sim_kept_look_at_spans(oracle, cut, stage, &own, NULL);
    look_at_thirds(oracle, cut, stage);
}

const struct sim_kind sim_kind_parts = {
    .name = "parts",
    .weight = 2,
    .script = "counted:key_by(\"group\"):window(tm.tumbling(\"10s\")):trigger($A$B$C)\n"
              "  :aggregate(\"$NAME\", { n = tm.count(), total = tm.sum(\"value\") })$WAS:to($1)\n",
    .needs = SIM_NEEDS_TIME,
    .keeps = SIM_KEEPS_GROUPS,
    .outputs = {{"parts", &sim_judge_parts}},
    .draw = draw_parts,
    .expect = fill_totals,
    .kept = look_at_parts,
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

// It has counted the windows of a key that are not there any more.
static void look_at_told(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    static const struct sim_spans spans = {
        .first = "rows", .holds = SIM_HOLDS_ROWS, .span_ms = SIM_SLOT_MS};
    struct sim_spans_found *found = calloc(oracle->job->key_count, sizeof *found);
    int64_t *told = sim_kept_of_lanes(oracle, cut, stage, "nth");
    bool looked = sim_kept_look_at_spans(oracle, cut, stage, &spans, found);
    for (uint32_t key = 0; key < oracle->job->key_count && looked; key++)
        if (told[key] != found[key].whole - found[key].present)
            sim_violate(oracle,
                        "S1: checkpoint %llu has %lld windows of key k%u, %lld with those that are "
                        "over, and the function of 'told' was called for %lld",
                        (unsigned long long)cut->checkpoint, (long long)found[key].present, key,
                        (long long)found[key].whole, (long long)told[key]);
    free(told);
    free(found);
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
    .kept = look_at_told,
};

static void look_at_largest(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    static const struct sim_spans spans = {.first = "accumulator.id",
                                           .second = "accumulator.value",
                                           .holds = SIM_HOLDS_LARGEST,
                                           .span_ms = SIM_SLOT_MS};
    (void)sim_kept_look_at_spans(oracle, cut, stage, &spans, NULL);
}

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
    .kept = look_at_largest,
};
