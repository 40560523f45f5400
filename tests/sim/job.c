// Drawing a job.
#include "tests/sim/job.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS_MAX = 12, OUT_OF_ORDER_MS = 1900, STEP_MS = 1000, LATE_MS = 25000 };
static const int64_t BEGIN_MS = 1700000000000;

// --- the script ----------------------------------------------------------------------------------

static const char script_form[] =
    "local tm = require \"tidemill\"\n"
    "local job = tm.job(\"subject\", { checkpoint = { interval = \"%ums\", retain = %u, "
    "aligned_timeout = %s } })\n"
    "local counted = job:from(%s, format = \"json\", "
    "schema = { id = \"int64\", key = \"string\", group = \"string\", ts = \"timestamp\", value = "
    "\"int64\" } })\n"
    "%s%s"
    "  :key_by(\"key\")\n"
    "  :process(\"count\", {\n"
    "    state = { n = tm.value(\"int64\", { default = 0 }), sum = tm.value(\"int64\", { default = "
    "0 }) },\n"
    "    each = function(ctx, e)\n"
    "      local n, sum = ctx.state.n:get() + 1, ctx.state.sum:get() + e.value\n"
    "      ctx.state.n:set(n)\n"
    "      ctx.state.sum:set(sum)\n"
    "      ctx:emit { id = e.id, key = ctx.key, group = e.group, ts = e.ts, value = e.value, n = "
    "n, sum = sum }\n"
    "    end,\n"
    "  })\n"
    "  :returns { id = \"int64\", key = \"string\", group = \"string\", ts = \"timestamp\", value "
    "= \"int64\", n = \"int64\", sum = \"int64\" }\n"
    "counted:to(%s)\n";

// Each has its output; the first what is late, too, and the third dead letters.
static const char tens_form[] =
    "local tens = counted:key_by(\"group\"):window(tm.tumbling(\"10s\"))%s\n"
    "  :aggregate(\"tens\", { n = tm.count(), total = tm.sum(\"value\") })\n"
    "tens:to(%s)\n";

static const char slides_form[] =
    "counted:key_by(\"group\"):window(tm.sliding(\"20s\", \"10s\")):aggregate(\"slides\", { n = "
    "tm.count(), total = tm.sum(\"value\") })\n"
    "  :to(%s)\n";

static const char timed_form[] =
    "counted:key_by(\"group\"):process(\"timed\", {\n"
    "    state = { given = tm.value(\"int64\", { default = 0 }), sums = tm.map(\"int64\", "
    "\"int64\"), counts = tm.map(\"int64\", \"int64\") },\n"
    "    each = function(ctx, e)\n"
    "      local ten = math.floor(ctx.time / 10000) * 10000\n"
    "      ctx.state.sums:put(ten, (ctx.state.sums:get(ten) or 0) + e.value)\n"
    "      ctx.state.counts:put(ten, (ctx.state.counts:get(ten) or 0) + 1)\n"
    "      ctx:timer(ten + 9999)\n"
    "%s"
    "    end,\n"
    "    timer = function(ctx, at)\n"
    "      local ten, given = at - 9999, ctx.state.given:get() + 1\n"
    "      ctx.state.given:set(given)\n"
    "      ctx:emit { group = ctx.key, window_start = ten, n = ctx.state.counts:get(ten), total = "
    "ctx.state.sums:get(ten), given = given }\n"
    "      ctx.state.sums:remove(ten)\n"
    "      ctx.state.counts:remove(ten)\n"
    "    end,\n"
    "  })%s\n"
    "  :returns { group = \"string\", window_start = \"timestamp\", n = \"int64\", total = "
    "\"int64\", given = \"int64\" }\n"
    "  :to(%s)\n";

static const char recent_form[] =
    "counted:key_by(\"key\"):process(\"recent\", {\n"
    "    state = { seen = tm.value(\"int64\", { ttl = \"%lldms\", clock = \"%s\" }) },\n"
    "    each = function(ctx, e)\n"
    "      local seen = ctx.state.seen:get()\n"
    "      ctx.state.seen:set(e.id)\n"
    "      ctx:emit { id = e.id, at = math.max(%s, 0), seen = seen or -1 }\n"
    "    end,\n"
    "  })\n"
    "  :returns { id = \"int64\", at = \"int64\", seen = \"int64\" }\n"
    "  :to(%s)\n";

const char *const sim_stage_names[SIM_STAGE_KINDS] = {"tens", "slides", "timed", "recent"};

static const char *source_form(const struct sim_feed *feed)
{
    if (feed->kind == SIM_FEED_NONE)
        return "tm.file { path = \"in/*.jsonl\"";
    if (feed->kind == SIM_FEED_FILES)
        return "tm.file { path = \"in/*.jsonl\", follow = true";
    return feed->endless ? "tm.socket { port = 1, reconnect = true" : "tm.socket { port = 1";
}

static const char *source_told(const struct sim_feed *feed)
{
    return feed->kind == SIM_FEED_NONE    ? "files"
           : feed->kind == SIM_FEED_FILES ? "files that grow"
           : feed->endless                ? "partitions that come, without an end"
                                          : "partitions that come";
}

static const char *const output_forms[] = {
    "tm.file { path = \"%s\", format = \"json\" }",
    "tm.file { path = \"%s.jsonl\" }",
    "tm.file { path = \"%s\", format = \"json\", roll = { size = \"1KB\" } }",
};

static const char log_form[] = "tm.webhook { url = \"http://log/%s\" }";

static const char *const aligned[] = {"\"5s\"", "\"0s\"", "\"1ms\"", "false"};

// Some dozens to hundreds of turns, in ms.
static uint32_t draw_interval(struct sim_universe *universe)
{
    int64_t turns = (int64_t)sim_between(&universe->users, 20, 300);
    int64_t interval_ms = universe->weather.tick_ns / 2 * turns / 1000000;
    return interval_ms < 1 ? 1 : (uint32_t)interval_ms;
}

// The next output, as a sink of the script.
static void draw_output(struct sim_job *job, const char *name, enum sim_output_kind kind,
                        struct sim_universe *universe, char *text, size_t size)
{
    uint32_t form = (uint32_t)sim_below(&universe->users, 3);
    bool log = universe->wider.log && kind != SIM_OUT_DEAD && sim_chance(&universe->widths, 600);
    job->outputs[job->output_count++] = (struct sim_output){.name = name,
                                                            .kind = kind,
                                                            .stage = job->stage_count - 1,
                                                            .one_file = !log && form == 1,
                                                            .log = log};
    snprintf(text, size, log ? log_form : output_forms[form], name);
}

__attribute__((format(printf, 2, 3))) static void add(struct sim_job *job, const char *format, ...)
{
    size_t used = strlen(job->script);
    va_list args;
    va_start(args, format);
    vsnprintf(job->script + used, sizeof job->script - used, format, args);
    va_end(args);
}

static void tell(struct sim_job *job, const char *what, const char *output)
{
    size_t told = strlen(job->told);
    snprintf(job->told + told, sizeof job->told - told, "; %s: %s", what, output);
}

static void add_tens(struct sim_job *job, struct sim_universe *universe, const char *output)
{
    char late[100];
    add(job, tens_form, job->has_late ? ":late(\"late\")" : "", output);
    if (!job->has_late)
        return;
    draw_output(job, "late", SIM_OUT_LATE, universe, late, sizeof late);
    add(job, "tens:side(\"late\"):to(%s)\n", late);
    tell(job, "late", late);
}

static void add_timed(struct sim_job *job, struct sim_universe *universe, const char *output)
{
    char dead[100], on_error[140] = "";
    if (job->has_failed) {
        draw_output(job, "dead", SIM_OUT_DEAD, universe, dead, sizeof dead);
        snprintf(on_error, sizeof on_error, ":on_error(%s)", dead);
        tell(job, "dead", dead);
    }
    add(job, timed_form,
        job->has_failed ? "      if e.value % 40 == 7 then error(\"refused\") end\n" : "", on_error,
        output);
}

// A window of time in which some rows of a key come, and others do not.
static void add_recent(struct sim_job *job, struct sim_random *random, const char *output,
                       uint32_t interval_ms)
{
    job->ttl_event = sim_chance(random, 500) && job->feed != SIM_FEED_FILES;
    job->ttl_ms = job->ttl_event ? (int64_t)sim_magnitude(random, 60000)
                                 : (int64_t)sim_magnitude(random, 16ull * interval_ms);
    add(job, recent_form, (long long)job->ttl_ms, job->ttl_event ? "event" : "processing",
        job->ttl_event ? "ctx.watermark" : "ctx.now", output);
}

static void add_stage(struct sim_job *job, struct sim_universe *universe, enum sim_stage_kind kind,
                      uint32_t interval_ms)
{
    char output[100];
    job->stages[job->stage_count++].kind = kind;
    draw_output(job, sim_stage_names[kind], kind == SIM_RECENT ? SIM_OUT_RECENT : SIM_OUT_TOTALS,
                universe, output, sizeof output);
    tell(job, sim_stage_names[kind], output);
    if (kind == SIM_TENS)
        add_tens(job, universe, output);
    else if (kind == SIM_SLIDES)
        add(job, slides_form, output);
    else if (kind == SIM_TIMED)
        add_timed(job, universe, output);
    else
        add_recent(job, &universe->users, output, interval_ms);
}

// Which stages there are: bits. A late row would be in one of two windows that overlap, and timers
// would fire for it at once.
static uint32_t draw_stages(struct sim_job *job, struct sim_random *random, uint32_t less,
                            bool in_time)
{
    uint32_t kinds = sim_chance(random, 450) ? 0 : 1 + (uint32_t)sim_below(random, 15);
    kinds &= ~less;
    job->has_late = (kinds >> SIM_TENS & 1) != 0 && sim_chance(random, 500) && !in_time;
    if (job->has_late)
        kinds &= 1u << SIM_TENS | 1u << SIM_RECENT;
    job->has_failed = (kinds >> SIM_TIMED & 1) != 0 && sim_chance(random, 600);
    return kinds;
}

static void draw_script(struct sim_job *job, struct sim_universe *universe)
{
    struct sim_random *random = &universe->users;
    char output[100];
    uint32_t interval = draw_interval(universe), retain = (uint32_t)sim_between(random, 1, 3);
    const char *barrier = aligned[sim_below(random, 4)];
    bool maps = sim_chance(random, 300);
    uint32_t less = universe->less.stages;
    if (universe->feed.kind == SIM_FEED_FILES) // a file that is found late has rows that are late
        less |= 1u << SIM_TENS | 1u << SIM_SLIDES | 1u << SIM_TIMED;
    uint32_t kinds = draw_stages(job, random, less, universe->wider.single);
    draw_output(job, "out", SIM_OUT_ROWS, universe, output, sizeof output);
    add(job, script_form, interval, retain, barrier, source_form(&universe->feed),
        kinds == 0 ? "" : "  :watermark(\"ts\", { out_of_order = \"2s\" })\n",
        maps ? "  :filter(function(e) return e.value >= 0 end)\n" : "", output);
    snprintf(job->told, sizeof job->told,
             "%u rows of %u keys in %u %s; a checkpoint every %u ms, %u kept, aligned_timeout "
             "%s; output: %s",
             job->row_count, job->key_count, job->file_count, source_told(&universe->feed),
             interval, retain, barrier, output);
    for (int kind = 0; kind < SIM_STAGE_KINDS; kind++)
        if ((kinds >> kind & 1) != 0)
            add_stage(job, universe, (enum sim_stage_kind)kind, interval);
    add(job, "return job\n");
}

// --- the input -----------------------------------------------------------------------------------

static void put(struct sim_universe *universe, const char *path, const char *text, size_t length)
{
    sim_disk_write(&universe->disk, sim_disk_create(&universe->disk, path), 0, text, length);
}

static void draw_row(struct sim_job *job, struct sim_random *random, uint32_t id, uint32_t file)
{
    struct sim_row *row = &job->rows[id];
    uint32_t of_file = (job->key_count - file + job->file_count - 1) / job->file_count;
    row->key = file + (uint32_t)sim_below(random, of_file) * job->file_count;
    row->group = (uint32_t)sim_below(random, job->group_count);
    row->value = (int64_t)sim_below(random, 1000);
    row->ts = BEGIN_MS + (int64_t)(id - job->first_row[file]) * STEP_MS -
              (int64_t)sim_below(random, OUT_OF_ORDER_MS);
    row->late = job->has_late && sim_chance(random, 80);
    if (row->late)
        row->ts -= (int64_t)sim_below(random, LATE_MS);
    row->failed = job->has_failed && row->value % 40 == 7;
    row->file = file;
}

static void feed(const struct sim_job *job, struct sim_universe *universe, uint32_t file,
                 const char *text, size_t size)
{
    uint32_t first = job->first_row[file], rows = job->first_row[file + 1] - first;
    size_t *ends = malloc(rows * sizeof *ends + 1);
    for (uint32_t i = 0; i < rows; i++)
        ends[i] = job->rows[first + i].end;
    sim_feed_add(universe, text, size, ends, rows);
    free(ends);
}

static void write_file(struct sim_job *job, struct sim_universe *universe, uint32_t file,
                       int64_t *sums, uint32_t *counts)
{
    size_t capacity = (size_t)job->row_count * 120 + 1, size = 0;
    char *text = malloc(capacity), path[32];
    for (uint32_t id = job->first_row[file]; id < job->first_row[file + 1]; id++) {
        struct sim_row *row = &job->rows[id];
        draw_row(job, &universe->users, id, file);
        row->nth = ++counts[row->key];
        row->sum = sums[row->key] += row->value;
        size += (size_t)snprintf(
            text + size, capacity - size,
            "{\"id\":%u,\"key\":\"k%u\",\"group\":\"g%u\",\"ts\":%lld,\"value\":%lld}\n", id,
            row->key, row->group, (long long)row->ts, (long long)row->value);
        row->end = size;
    }
    snprintf(path, sizeof path, "in/%u.jsonl", file);
    if (universe->feed.kind == SIM_FEED_NONE)
        put(universe, path, text, size);
    else
        feed(job, universe, file, text, size);
    free(text);
}

// Files of any size, none too.
static void draw_sizes(struct sim_job *job, struct sim_random *random)
{
    for (uint32_t f = 1; f < job->file_count; f++) {
        uint32_t left = job->row_count - job->first_row[f - 1];
        uint64_t most = 2 * left / (job->file_count - f + 1);
        uint32_t end = job->first_row[f - 1] + (uint32_t)sim_below(random, most + 1);
        job->first_row[f] = end < job->row_count ? end : job->row_count;
    }
    job->first_row[job->file_count] = job->row_count;
}

// --- what must come out --------------------------------------------------------------------------

static void add_to_slot(struct sim_job *job, struct sim_stage *stage, const struct sim_row *row,
                        uint32_t slot)
{
    struct sim_total *total = &stage->totals[row->group * job->slot_count + slot];
    total->n++;
    total->total += row->value;
}

// A sliding window of two slots counts by the first of them.
static void expect_stage(struct sim_job *job, struct sim_stage *stage)
{
    stage->totals = calloc((size_t)job->group_count * job->slot_count, sizeof *stage->totals);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        uint32_t slot = (uint32_t)((row->ts - job->first_slot_ms) / SIM_SLOT_MS);
        if (row->failed && stage->kind == SIM_TIMED)
            continue;
        add_to_slot(job, stage, row, slot);
        if (stage->kind == SIM_SLIDES)
            add_to_slot(job, stage, row, slot - 1);
    }
    for (uint32_t g = 0; g < job->group_count; g++) {
        uint32_t nth = 0;
        for (uint32_t s = 0; s < job->slot_count; s++) {
            struct sim_total *total = &stage->totals[g * job->slot_count + s];
            total->nth = total->n == 0 ? 0 : ++nth;
        }
    }
}

// --- the whole -----------------------------------------------------------------------------------

void sim_job_init(struct sim_job *job, struct sim_universe *universe)
{
    struct sim_random *random = &universe->users;
    *job = (struct sim_job){.file_count = (uint32_t)sim_between(random, 1, SIM_JOB_FILES_MAX),
                            .row_count = (uint32_t)sim_between(random, 200, 480),
                            .group_count = (uint32_t)sim_between(random, 1, GROUPS_MAX),
                            .first_slot_ms = BEGIN_MS - 3 * SIM_SLOT_MS};
    job->feed = universe->feed.kind;
    if (universe->wider.single)
        job->file_count = 1;
    if (universe->less.rows != 0 && job->row_count > universe->less.rows)
        job->row_count = universe->less.rows;
    job->key_count = job->file_count + (uint32_t)sim_magnitude(random, 64);
    job->slot_count = job->row_count * STEP_MS / SIM_SLOT_MS + 6;
    job->rows = calloc(job->row_count, sizeof *job->rows);
    int64_t *sums = calloc(job->key_count, sizeof *sums);
    uint32_t *counts = calloc(job->key_count, sizeof *counts);
    draw_sizes(job, random);
    draw_script(job, universe);
    sim_disk_mkdirs(&universe->disk, "in");
    for (uint32_t f = 0; f < job->file_count; f++)
        write_file(job, universe, f, sums, counts);
    for (uint32_t s = 0; s < job->stage_count; s++)
        if (job->stages[s].kind != SIM_RECENT)
            expect_stage(job, &job->stages[s]);
    put(universe, "job.lua", job->script, strlen(job->script));
    sim_disk_settle(&universe->disk);
    free(sums);
    free(counts);
}

bool sim_job_shows(const struct sim_job *job, const char *path)
{
    path += path[0] == '.' && path[1] == '/' ? 2 : 0;
    for (uint32_t o = 0; o < job->output_count; o++) {
        size_t length = strlen(job->outputs[o].name);
        if (job->outputs[o].log || strncmp(path, job->outputs[o].name, length) != 0)
            continue;
        if (job->outputs[o].one_file ? strcmp(path + length, ".jsonl") == 0
                                     : path[length] == '/' && path[length + 1] != '.')
            return true;
    }
    return false;
}

void sim_job_fini(struct sim_job *job)
{
    for (uint32_t s = 0; s < job->stage_count; s++)
        free(job->stages[s].totals);
    free(job->rows);
}
