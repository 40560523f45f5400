// Stages of two streams, between which there is no order: what a row tells of the other one's must
// go together with what the other one's rows tell.
#include <stdlib.h>

#include "tests/sim/kept.h"
#include "tests/sim/kinds.h"

static size_t numbers_memory(const struct sim_job *job, const struct sim_output *output)
{
    (void)output;
    return job->row_count * 2 * sizeof(int64_t);
}

// --- connect -------------------------------------------------------------------------------------

// Of a row: how many it had of its own stream, with it, and of the other one; 0: it is not visible.
struct met {
    int64_t mine, other;
};

// Those of even ids are on the left.
static bool is_left(uint32_t id)
{
    return id % 2 == 0;
}

static void look_at_met(struct sim_look *l, const char *line)
{
    const struct sim_job *job = l->oracle->job;
    const struct sim_row *row = sim_look_for_row(l, line, "\"id\":", NULL, "");
    if (row == NULL)
        return;
    struct met *met = (struct met *)l->memory + (row - job->rows);
    if (met->mine != 0)
        sim_violate(l->oracle, "O1: the row of id %td is visible twice, again in %s",
                    row - job->rows, l->file);
    *met = (struct met){sim_number_of(line, "\"mine\":"), sim_number_of(line, "\"other\":")};
}

struct sides {
    uint32_t ids[2]; // the next of each side that is looked at
    int64_t taken[2];
};

// The next row of a key on a side that is visible, from an id on.
static uint32_t next_of(const struct sim_job *job, const struct met *met, uint32_t key, uint32_t id,
                        bool left)
{
    while (id < job->row_count &&
           (job->rows[id].key != key || is_left(id) != left || met[id].mine == 0))
        id++;
    return id;
}

// The one order in which rows of a key can have come, if what they say is true.
static void look_at_key(struct sim_oracle *oracle, uint32_t output, uint32_t key)
{
    const struct sim_job *job = oracle->job;
    const struct met *met = oracle->memory[output];
    struct sides s = {.ids = {next_of(job, met, key, 0, true), next_of(job, met, key, 0, false)}};
    for (;;) {
        int came = -1;
        for (int side = 0; side < 2 && came < 0; side++)
            if (s.ids[side] < job->row_count && met[s.ids[side]].mine == s.taken[side] + 1 &&
                met[s.ids[side]].other == s.taken[1 - side])
                came = side;
        if (came < 0)
            break;
        s.taken[came]++;
        s.ids[came] = next_of(job, met, key, s.ids[came] + 1, came == 0);
    }
    for (int side = 0; side < 2; side++)
        if (s.ids[side] < job->row_count)
            sim_violate(
                oracle,
                "S1: behind %lld rows on the left and %lld on the right of key k%u, id %u says "
                "%lld of its own and %lld of the others",
                (long long)s.taken[0], (long long)s.taken[1], key, s.ids[side],
                (long long)met[s.ids[side]].mine, (long long)met[s.ids[side]].other);
}

static void look_at_order(struct sim_oracle *oracle, uint32_t output)
{
    for (uint32_t key = 0; key < oracle->job->key_count; key++)
        look_at_key(oracle, output, key);
}

static void look_for_met(struct sim_oracle *oracle, uint32_t output)
{
    const struct met *met = oracle->memory[output];
    for (uint32_t id = 0; id < oracle->job->row_count; id++)
        if (met[id].mine == 0)
            sim_violate(oracle, "O1: the job has finished, and the row of id %u is not in %s", id,
                        oracle->job->outputs[output].name);
    look_at_order(oracle, output);
}

static const struct sim_judge judge_both = {.memory = numbers_memory,
                                            .line = look_at_met,
                                            .committed = look_at_order,
                                            .finished = look_for_met};

// A key counts what came on the left, and has what came on the right in its order.
static void expect_both(struct sim_job *job, struct sim_stage *stage)
{
    struct sides *keys = calloc(job->key_count, sizeof *keys);
    uint64_t *rights = calloc(job->key_count, sizeof *rights);
    stage->behind = calloc(job->row_count, sizeof *stage->behind);
    for (uint32_t id = 0; id < job->row_count; id++) {
        uint32_t key = job->rows[id].key;
        struct sides *sides = &keys[key];
        if (is_left(id))
            sides->taken[0]++;
        else
            rights[key] += sim_keep("right", sides->taken[1]++, id);
        stage->behind[id] =
            rights[key] + (sides->taken[0] == 0 ? 0 : sim_keep("left", 0, sides->taken[0]));
    }
    free(rights);
    free(keys);
}

const struct sim_kind sim_kind_both = {
    .name = "both",
    .weight = 2,
    .script = "counted:filter(function(e) return e.id % 2 == 0 end):key_by(\"key\")\n"
              "  :connect(counted:filter(function(e) return e.id % 2 == 1 end):key_by(\"key\"), "
              "\"$NAME\", {\n"
              "    state = { left = tm.value(\"int64\", { default = 0 }), right = "
              "tm.list($<\"int64\"$|\"string\", { "
              "migrate = function(old) return tostring(tonumber(old)) end }$>) },\n"
              "    left = function(ctx, e)\n"
              "      ctx.state.left:set(ctx.state.left:get() + 1)\n"
              "      ctx:emit { id = e.id, mine = ctx.state.left:get(), other = "
              "ctx.state.right:size() }\n"
              "    end,\n"
              "    right = function(ctx, e)\n"
              "      ctx.state.right:add($<e.id$|tostring(tonumber(e.id))$>)\n"
              "      ctx:emit { id = e.id, mine = ctx.state.right:size(), other = "
              "ctx.state.left:get() }\n"
              "    end,\n"
              "  })$WAS:returns { id = \"int64\", mine = \"int64\", other = \"int64\" }:to($1)\n",
    .needs = SIM_NEEDS_REST, // in flight may be what comes on one side
    .outputs = {{"both", &judge_both}},
    .expect = expect_both,
    .kept = sim_kept_look_at_keys,
};

// --- rules that come and go ----------------------------------------------------------------------

// Rows whose value ends with 0 to 2 are rules of their keys' names: those with 0 take theirs away.
static bool is_rule(const struct sim_row *row)
{
    return row->value % 10 < 3;
}

struct ruled {
    int64_t n,
        seen; // the number in its key; the newest rule of key k0 that it saw; n 0: not visible
};

static void look_at_ruled(struct sim_look *l, const char *line)
{
    const struct sim_job *job = l->oracle->job;
    const struct sim_row *row = sim_look_for_row(l, line, "\"id\":", NULL, "");
    if (row == NULL)
        return;
    struct ruled *ruled = (struct ruled *)l->memory + (row - job->rows);
    if (ruled->n != 0)
        sim_violate(l->oracle, "O1: the row of id %td is visible twice, again in %s",
                    row - job->rows, l->file);
    *ruled = (struct ruled){sim_number_of(line, "\"n\":"), sim_number_of(line, "\"seen\":")};
    if (ruled->n != row->nth)
        sim_violate(l->oracle, "S1: %s has %.100s, and it is row %u of key k%u", l->file, line,
                    row->nth, row->key);
}

// Rules do not go back to what they were, nor to what they never are.
static void look_at_rules(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_job *job = oracle->job;
    const struct ruled *ruled = oracle->memory[output];
    int64_t *newest = calloc(job->key_count, sizeof *newest);
    bool *is = calloc(job->row_count + 1, sizeof *is);
    is[0] = true;
    for (uint32_t id = 0; id < job->row_count; id++)
        if (job->rows[id].key == 0 && is_rule(&job->rows[id]))
            is[job->rows[id].nth] = true;
    for (uint32_t id = 0; id < job->row_count; id++) {
        int64_t *before = &newest[job->rows[id].key], seen = ruled[id].seen;
        if (ruled[id].n == 0)
            continue;
        if (seen < *before || seen > job->row_count || !is[seen])
            sim_violate(oracle, "S1: id %u saw rule %lld, and a row of its key in front of it %lld",
                        id, (long long)seen, (long long)*before);
        *before = seen;
    }
    free(is);
    free(newest);
}

static void look_for_ruled(struct sim_oracle *oracle, uint32_t output)
{
    const struct ruled *ruled = oracle->memory[output];
    for (uint32_t id = 0; id < oracle->job->row_count; id++)
        if (ruled[id].n == 0)
            sim_violate(oracle, "O1: the job has finished, and the row of id %u is not in %s", id,
                        oracle->job->outputs[output].name);
    look_at_rules(oracle, output);
}

static const struct sim_judge judge_ruled = {.memory = numbers_memory,
                                             .line = look_at_ruled,
                                             .committed = look_at_rules,
                                             .finished = look_for_ruled};

// At the end each key tells what all rules have come to in its subtask.
static void expect_ruled(struct sim_job *job, struct sim_stage *stage)
{
    uint32_t *of_key = calloc(job->key_count, sizeof *of_key);
    int64_t *rules = calloc(job->key_count, sizeof *rules), newest = 0, all = 0;
    int64_t *last = calloc(job->key_count, sizeof *last);
    uint32_t count = 0;
    stage->behind = calloc(job->row_count, sizeof *stage->behind);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        of_key[row->key]++;
        stage->behind[id] = sim_keep("n", 0, row->nth);
        if (is_rule(row)) {
            last[row->key] = row->nth;
            rules[row->key] = row->value % 10 == 0 ? 0 : row->nth;
        }
    }
    for (uint32_t key = 0; key < job->key_count; key++) {
        newest += last[key];
        all += rules[key];
        count += rules[key] != 0;
    }
    for (uint32_t key = 0; key < job->key_count; key++)
        if (of_key[key] != 0)
            sim_expect(job, stage->output + 1, key, SIM_BY_TIME,
                       "{\"key\":\"k%u\",\"n\":%u,\"newest\":%lld,\"count\":%u,\"rules\":%lld}",
                       key, of_key[key], (long long)newest, count, (long long)all);
    free(of_key);
    free(rules);
    free(last);
}

// Each key has a timer from its first row on, for the end.
static void look_at_ends(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    int64_t *n = sim_kept_of_lanes(oracle, cut, stage, "n");
    int64_t *timers = sim_kept_of_lanes(oracle, cut, stage, "$timer");
    bool fired = oracle->furthest[stage] == INT64_MAX;
    sim_kept_look_at_keys(oracle, cut, stage);
    for (uint32_t key = 0; key < oracle->job->key_count; key++)
        if (timers[key] != (n[key] != 0) && !(fired && timers[key] == 0))
            sim_violate(oracle,
                        "T4: checkpoint %llu has %lld timers of key k%u, %lld rows of which "
                        "'ruled' has taken",
                        (unsigned long long)cut->checkpoint, (long long)timers[key], key,
                        (long long)n[key]);
    free(timers);
    free(n);
}

const struct sim_kind sim_kind_ruled = {
    .name = "ruled",
    .weight = 4,
    .script =
        "local $NAME = counted:key_by(\"key\"):process_broadcast(counted:filter(function(e) return "
        "e.value % 10 < 3 end), \"$NAME\", {\n"
        "  broadcast = { newest = tm.map(\"string\", \"int64\"), rules = tm.map(\"string\", "
        "\"$<int$|int64$>\") },\n"
        "  state = { n = tm.value(\"int64\", { default = 0 }) },\n"
        "  each = function(ctx, e)\n"
        "    ctx.state.n:set(ctx.state.n:get() + 1)\n"
        "    if ctx.state.n:get() == 1 then ctx:timer(4102444800000) end\n"
        "    ctx:emit { id = e.id, n = ctx.state.n:get(), seen = ctx.broadcast.newest:get(\"k0\") "
        "or 0 }\n"
        "  end,\n"
        "  timer = function(ctx)\n"
        "    local newest, count, rules = 0, 0, 0\n"
        "    for _, n in ctx.broadcast.newest:pairs() do newest = newest + n end\n"
        "    for _, n in ctx.broadcast.rules:pairs() do count = count + 1 rules = rules + n end\n"
        "    ctx:output(\"end\", { key = ctx.key, n = ctx.state.n:get(), newest = newest, count = "
        "count, rules = rules })\n"
        "  end,\n"
        "  rule = function(ctx, e)\n"
        "    ctx.broadcast.newest:put(e.key, e.n)\n"
        "    if e.value % 10 == 0 then ctx.broadcast.rules:remove(e.key) else "
        "ctx.broadcast.rules:put(e.key, tonumber(e.n)) end\n"
        "  end,\n"
        "})$WAS:returns { id = \"int64\", n = \"int64\", seen = \"int64\" }\n"
        "$NAME:to($1)\n"
        "$NAME:side(\"end\"):returns { key = \"string\", n = \"int64\", newest = \"int64\", count "
        "= "
        "\"int\", rules = \"int64\" }:to($2)\n",
    .keeps = SIM_TAKES_OTHERS,
    .outputs = {{"ruled", &judge_ruled}, {"rules", &sim_judge_lines}},
    .expect = expect_ruled,
    .kept = look_at_ends,
};
