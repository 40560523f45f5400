// Stages that keep something of a key, and give rows in the order of its rows.
#include <stdlib.h>

#include "tests/sim/kept.h"
#include "tests/sim/kinds.h"

enum { GROUPS_MAX = 16, LAST = 4 };

// --- lists, maps, reducing and aggregating state -------------------------------------------------

struct kept {
    int64_t last[LAST], of_group[GROUPS_MAX], most, n, total;
    uint32_t last_count;
};

static uint64_t keeps(const struct kept *kept)
{
    uint64_t all = 0;
    if (kept->n == 0)
        return 0;
    for (uint32_t i = 0; i < kept->last_count; i++)
        all += sim_keep("last", i, kept->last[i]);
    for (uint32_t g = 0; g < GROUPS_MAX; g++)
        all += kept->of_group[g] == 0 ? 0 : sim_keep("of_group", g, kept->of_group[g]);
    return all + sim_keep("most", 0, kept->most) + sim_keep("all.n", 0, kept->n) +
           sim_keep("all.total", 0, kept->total);
}

static void expect_kept(struct sim_job *job, struct sim_stage *stage)
{
    struct kept *keys = calloc(job->key_count, sizeof *keys);
    stage->behind = calloc(job->row_count, sizeof *stage->behind);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        struct kept *kept = &keys[row->key];
        uint32_t groups = 0;
        int64_t last = row->value;
        if (sim_row_is_refused(row)) {
            stage->behind[id] = keeps(kept);
            continue;
        }
        for (uint32_t i = 0; i < kept->last_count; i++)
            last += kept->last[i];
        kept->last[kept->last_count++] = row->value;
        int64_t of = ++kept->of_group[row->group];
        for (uint32_t g = 0; g < job->group_count; g++)
            groups += kept->of_group[g] != 0;
        kept->most = row->value > kept->most ? row->value : kept->most;
        kept->n++;
        kept->total += row->value;
        sim_expect(job, stage->output, row->key, id,
                   "{\"id\":%u,\"size\":%u,\"last\":%lld,\"of\":%lld,\"groups\":%u,\"most\":%lld,"
                   "\"all\":%lld}",
                   id, kept->last_count, (long long)last, (long long)of, groups,
                   (long long)kept->most, (long long)(kept->total * 1000 + kept->n));
        if (kept->last_count == LAST)
            kept->last_count = 0;
        if (of == 3)
            kept->of_group[row->group] = 0;
        stage->behind[id] = keeps(kept);
    }
    free(keys);
}

const struct sim_kind sim_kind_kept = {
    .name = "kept",
    .weight = 2,
    .script =
        "counted:key_by(\"key\"):process(\"$NAME\", {\n"
        "  state = {\n"
        "    last = tm.list($<\"int64\"$|{ v = \"int64\" }, { migrate = function(old) return { v = "
        "old } "
        "end }$>),\n"
        "    $<of_group = tm.map(\"string\", \"int64\")$|groups = tm.map(\"string\", \"double\", { "
        "renamed_from = \"of_group\", migrate = tonumber })$>,\n"
        "    most = tm.reducing(\"int64\", function(a, b) return b > a and b or a end),\n"
        "    all = tm.aggregating(tm.aggregate { accumulator = { n = \"int64\", total = \"int64\" "
        "},\n"
        "      add = function(a, e) a.n = a.n + 1 a.total = a.total + e.value end,\n"
        "      result = function(a) return { all = a.total * 1000 + a.n } end }),\n"
        "  },\n"
        "  each = function(ctx, e)\n"
        "    local s, groups = ctx.state, ctx.state.$<of_group$|groups$>\n"
        "    local of, last = (groups:get(e.group) or 0) + 1, 0\n"
        "    s.last:add($<e.value$|{ v = e.value }$>)\n"
        "    groups:put(e.group, of)\n"
        "    s.most:add(e.value)\n"
        "    s.all:add(e)\n"
        "    if e.value % 40 == 7 then error(\"refused\") end\n"
        "    for _, value in s.last:pairs() do last = last + value$<$|.v$> end\n"
        "    ctx:emit { id = e.id, size = s.last:size(), last = last, of = of, groups = "
        "groups:size(), most = s.most:get(), all = s.all:get().all }\n"
        "    if s.last:size() == 4 then s.last:clear() end\n"
        "    if of == 3 then groups:remove(e.group) end\n"
        "  end,\n"
        "}):on_error($2)$WAS:returns { id = \"int64\", size = \"int\", last = \"int64\", of = "
        "\"int64\", "
        "groups = \"int\", most = \"int64\", all = \"int64\" }\n"
        "  :to($1)\n",
    .outputs = {{"kept", &sim_judge_lines}, {"kept_dead", &sim_judge_dead}},
    .expect = expect_kept,
    .kept = sim_kept_look_at_keys,
    .renames = {"groups", "of_group"},
};

// --- reduce --------------------------------------------------------------------------------------

static void expect_reduced(struct sim_job *job, struct sim_stage *stage)
{
    int64_t *kept = calloc(job->key_count, sizeof *kept);
    stage->behind = calloc(job->row_count, sizeof *stage->behind);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        int64_t *of = &kept[row->key];
        *of = row->nth == 1 || row->value >= *of ? row->value : *of - 1;
        sim_expect(job, stage->output, row->key, id, "{\"id\":%u,\"key\":\"k%u\",\"value\":%lld}",
                   id, row->key, (long long)*of);
        stage->behind[id] = sim_keep("row", 0, id) + sim_keep("row", 2, *of);
    }
    free(kept);
}

const struct sim_kind sim_kind_reduced = {
    .name = "reduced",
    .weight = 1,
    .script = "counted:select(\"id\", \"key\", \"value\"):key_by(\"key\"):reduce(\"$NAME\", "
              "function(a, e)\n"
              "    if e.value >= a.value then return e end\n"
              "    return { id = e.id, key = e.key, value = a.value - 1 }\n"
              "  end)$WAS:to($1)\n",
    .keeps = SIM_KEEPS_ROWS,
    .outputs = {{"reduced", &sim_judge_lines}},
    .expect = expect_reduced,
    .kept = sim_kept_look_at_keys,
};

// --- aggregates ----------------------------------------------------------------------------------

struct rolled {
    int64_t least, most;
    uint32_t first;
};

static void expect_rolled(struct sim_job *job, struct sim_stage *stage)
{
    struct rolled *keys = calloc(job->key_count, sizeof *keys);
    stage->behind = calloc(job->row_count, sizeof *stage->behind);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        struct rolled *of = &keys[row->key];
        of->first = row->nth == 1 ? id : of->first;
        of->least = row->nth == 1 || row->value < of->least ? row->value : of->least;
        of->most = row->nth == 1 || row->value > of->most ? row->value : of->most;
        sim_expect(job, stage->output, row->key, id,
                   "{\"key\":\"k%u\",\"n\":%u,\"total\":%lld,\"least\":%lld,\"most\":%lld,"
                   "\"first\":%u,\"newest\":%u}",
                   row->key, row->nth, (long long)row->sum, (long long)of->least,
                   (long long)of->most, of->first, id);
        stage->behind[id] = sim_keep("n", 0, row->nth) + sim_keep("total", 0, row->sum) +
                            sim_keep("least", 0, of->least) + sim_keep("most", 0, of->most) +
                            sim_keep("first", 0, of->first) + sim_keep("newest", 0, id);
    }
    free(keys);
}

const struct sim_kind sim_kind_rolled = {
    .name = "rolled",
    .weight = 1,
    .script =
        "counted:key_by(\"key\"):aggregate(\"$NAME\", { n = tm.count(), total = "
        "tm.sum(\"value\"), least = tm.min(\"value\"),\n"
        "  most = tm.max(\"value\"), first = tm.first(\"id\"), newest = tm.last(\"id\") })$WAS\n"
        "  :to($1)\n",
    .outputs = {{"rolled", &sim_judge_lines}},
    .expect = expect_rolled,
    .kept = sim_kept_look_at_keys,
};

// --- first rows ----------------------------------------------------------------------------------

// The first row of each key in each group.
static void expect_firsts(struct sim_job *job, struct sim_stage *stage)
{
    bool *there = calloc((size_t)job->key_count * job->group_count, sizeof *there);
    uint64_t *keeps = calloc(job->key_count, sizeof *keeps);
    stage->behind = calloc(job->row_count, sizeof *stage->behind);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        bool *before = &there[row->key * job->group_count + row->group];
        if (!*before && stage->kind == &sim_kind_firsts)
            sim_expect(job, stage->output, row->key, id,
                       "{\"id\":%u,\"key\":\"k%u\",\"group\":\"g%u\"}", id, row->key, row->group);
        else if (!*before)
            sim_expect(job, stage->output, row->key, id, "{\"key\":\"k%u\",\"group\":\"g%u\"}",
                       row->key, row->group);
        keeps[row->key] += *before ? 0 : sim_keep("identity", row->group, 1);
        stage->behind[id] = keeps[row->key];
        *before = true;
    }
    free(keeps);
    free(there);
}

const struct sim_kind sim_kind_firsts = {
    .name = "firsts",
    .weight = 1,
    .script =
        "counted:select(\"id\", \"key\", \"group\"):key_by(\"key\"):dedup(\"group\", { name = "
        "\"$NAME\" })$WAS:to($1)\n",
    .keeps = SIM_KEEPS_PAIRS,
    .outputs = {{"firsts", &sim_judge_lines}},
    .expect = expect_firsts,
    .kept = sim_kept_look_at_keys,
};

const struct sim_kind sim_kind_pairs = {
    .name = "pairs",
    .weight = 1,
    .script = "counted:select(\"key\", \"group\"):key_by(\"key\"):distinct { name = \"$NAME\" "
              "}$WAS:to($1)\n",
    .keeps = SIM_KEEPS_PAIRS,
    .outputs = {{"pairs", &sim_judge_lines}},
    .expect = expect_firsts,
    .kept = sim_kept_look_at_keys,
};

// --- whole rows ----------------------------------------------------------------------------------

// A ranking says how many rows it has, and which ones.
static uint64_t keep_place(const struct sim_job *job, uint32_t place, uint32_t id)
{
    const char *name = place == 0 ? "place 1" : "place 2";
    return sim_keep(name, 0, id) + sim_keep(name, 2, job->rows[id].value);
}

static void expect_best(struct sim_job *job, struct sim_stage *stage)
{
    uint32_t *keys = calloc(job->key_count, sizeof *keys);
    stage->behind = calloc(job->row_count, sizeof *stage->behind);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        uint32_t *best = &keys[row->key];
        if (row->nth == 1 || row->value > job->rows[*best].value)
            *best = id;
        sim_expect(job, stage->output, row->key, id, "{\"id\":%u,\"key\":\"k%u\",\"value\":%lld}",
                   *best, row->key, (long long)job->rows[*best].value);
        stage->behind[id] = sim_keep("rows", 0, 1) + keep_place(job, 0, *best);
    }
    free(keys);
}

const struct sim_kind sim_kind_best = {
    .name = "best",
    .weight = 1,
    .script =
        "counted:select(\"id\", \"key\", \"value\"):key_by(\"key\"):max_by(\"value\", { name = "
        "\"$NAME\" })$WAS:to($1)\n",
    .keeps = SIM_KEEPS_ROWS,
    .outputs = {{"best", &sim_judge_lines}},
    .expect = expect_best,
    .kept = sim_kept_look_at_keys,
};

// The two greatest of each key: changes.
static void expect_change(struct sim_job *job, struct sim_stage *stage, uint32_t cause, char op,
                          uint32_t id)
{
    const struct sim_row *row = &job->rows[id];
    sim_expect(job, stage->output, row->key, cause,
               "{\"op\":\"%c%c\",\"id\":%u,\"key\":\"k%u\",\"value\":%lld}", op,
               op == '+' ? 'I' : 'D', id, row->key, (long long)row->value);
}

struct ranks {
    uint32_t ids[2], count; // the greatest first
};

static void expect_rank(struct sim_job *job, struct sim_stage *stage, struct ranks *ranks,
                        uint32_t id)
{
    uint32_t place = 0;
    while (place < ranks->count && job->rows[ranks->ids[place]].value >= job->rows[id].value)
        place++;
    if (place == 2)
        return;
    if (ranks->count == 2)
        expect_change(job, stage, id, '-', ranks->ids[1]);
    expect_change(job, stage, id, '+', id);
    if (place == 0)
        ranks->ids[1] = ranks->ids[0];
    ranks->ids[place] = id;
    ranks->count = ranks->count == 2 ? 2 : ranks->count + 1;
}

static void expect_ranks(struct sim_job *job, struct sim_stage *stage)
{
    struct ranks *keys = calloc(job->key_count, sizeof *keys);
    stage->behind = calloc(job->row_count, sizeof *stage->behind);
    for (uint32_t id = 0; id < job->row_count; id++) {
        struct ranks *ranks = &keys[job->rows[id].key];
        expect_rank(job, stage, ranks, id);
        stage->behind[id] = sim_keep("rows", 0, ranks->count);
        for (uint32_t place = 0; place < ranks->count; place++)
            stage->behind[id] += keep_place(job, place, ranks->ids[place]);
    }
    free(keys);
}

const struct sim_kind sim_kind_ranks = {
    .name = "ranks",
    .weight = 1,
    .script =
        "counted:select(\"id\", \"key\", \"value\"):key_by(\"key\"):top(2, \"value\", { name = "
        "\"$NAME\" })$WAS:to($1)\n",
    .needs = SIM_NEEDS_FILES,
    .keeps = SIM_KEEPS_ROWS,
    .outputs = {{"ranks", &sim_judge_lines}},
    .expect = expect_ranks,
    .kept = sim_kept_look_at_keys,
};
