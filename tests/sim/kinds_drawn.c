// A stage whose calls draw random numbers. What a call with a key draws follows from the job's
// seed, the operator, the key and how many of the key's calls have drawn before, whatever the
// parallelism is and behind a restart too: so all of it is known. The generator is written here
// once more (lua/tidemill/random.lua and core/vm have theirs).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "tests/sim/kept.h"
#include "tests/sim/kinds.h"

enum { JOB_SEED = 1, MOST = 1000000 };

// --- the generator -------------------------------------------------------------------------------

struct stream {
    uint32_t a, b, c, n;
};

static uint32_t rotate(uint32_t word, int by)
{
    return word << by | word >> (32 - by);
}

static uint32_t next(struct stream *s)
{
    uint32_t t = s->a + s->b + s->n;
    s->a = s->b ^ s->b >> 9;
    s->b = s->c + (s->c << 3);
    s->c = rotate(s->c, 21) + t;
    s->n++;
    return t;
}

static struct stream begin_call(const char *operator_name, uint32_t key, uint64_t call)
{
    char text[256]; // the compiler looks at all ways of hashing
    int length = snprintf(text, sizeof text, "k%u", key);
    uint64_t of[4] = {JOB_SEED, tm_hash_bytes(operator_name, strlen(operator_name)),
                      tm_hash_bytes(text, (size_t)length), call};
    uint64_t words[2] = {tm_hash_bytes(of, sizeof of)};
    struct stream s;
    of[0] = ~of[0];
    words[1] = tm_hash_bytes(of, sizeof of);
    memcpy(&s, words, sizeof s);
    for (int i = 0; i < 12; i++)
        (void)next(&s);
    return s;
}

// A whole number from 1 on, of 53 bits.
static int64_t draw(struct stream *s)
{
    double high = next(s) >> 5, low = next(s) >> 6;
    return (int64_t)floor(ldexp(high * 67108864 + low, -53) * MOST) + 1;
}

// --- the stage -----------------------------------------------------------------------------------

// Of four calls three draw, one of these twice. A call that fails has drawn.
static int draws_of(const struct sim_row *row)
{
    return row->value % 4 == 3 ? 2 : row->value % 4 != 0;
}

struct drawn {
    uint64_t calls;
    int64_t n;
};

static void expect_drawn(struct sim_job *job, struct sim_stage *stage)
{
    struct drawn *keys = calloc(job->key_count, sizeof *keys);
    stage->behind = calloc(job->row_count, sizeof *stage->behind);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        struct drawn *of = &keys[row->key];
        int64_t numbers[2] = {0};
        struct stream s = begin_call(stage->kind->name, row->key, of->calls);
        for (int i = 0; i < draws_of(row); i++)
            numbers[i] = draw(&s);
        of->calls += draws_of(row) != 0;
        of->n += !sim_row_is_refused(row);
        stage->behind[id] = (of->n == 0 ? 0 : sim_keep("n", 0, of->n)) +
                            (of->calls == 0 ? 0 : sim_keep("draws", 0, (int64_t)of->calls));
        if (!sim_row_is_refused(row))
            sim_expect(job, stage->output, row->key, id,
                       "{\"id\":%u,\"n\":%lld,\"one\":%lld,\"other\":%lld}", id, (long long)of->n,
                       (long long)numbers[0], (long long)numbers[1]);
    }
    free(keys);
}

const struct sim_kind sim_kind_drawn = {
    .name = "drawn",
    .script = "counted:key_by(\"key\"):process(\"$NAME\", {\n"
              "  state = { n = tm.value(\"int64\", { default = 0 }) },\n"
              "  each = function(ctx, e)\n"
              "    local kind, one, other = tonumber(e.value % 4), 0, 0\n"
              "    if kind ~= 0 then one = math.random(1000000) end\n"
              "    if e.value % 40 == 7 then error(\"refused\") end\n"
              "    if kind == 3 then other = math.random(1000000) end\n"
              "    ctx.state.n:set(ctx.state.n:get() + 1)\n"
              "    ctx:emit { id = e.id, n = ctx.state.n:get(), one = one, other = other }\n"
              "  end,\n"
              "}):on_error($2):returns { id = \"int64\", n = \"int64\", one = \"int64\", other = "
              "\"int64\" }:to($1)\n",
    .outputs = {{"drawn", &sim_judge_lines}, {"drawn_dead", &sim_judge_dead}},
    .expect = expect_drawn,
    .kept = sim_kept_look_at_keys,
};
