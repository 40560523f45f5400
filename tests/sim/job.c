// Drawing a job.
#include "tests/sim/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/kinds.h"

enum { GROUPS_MAX = 12, OUT_OF_ORDER_MS = 1900, STEP_MS = 1000, LATE_MS = 25000 };
enum { DRAWN_STREAM = 21 };                           // see sim_random_of
enum { SIM_TENS, SIM_SLIDES, SIM_TIMED, SIM_RECENT }; // bits, see kinds.def
static const int64_t BEGIN_MS = 1700000000000;

// --- the script ----------------------------------------------------------------------------------

static const char script_form[] =
    "local tm = require \"tidemill\"\n"
    "local job = tm.job(\"subject\", { checkpoint = { interval = \"%ums\", retain = %u, "
    "aligned_timeout = %s }%s })\n"
    "local counted = job:from(%s, format = \"json\", "
    "schema = { id = \"int64\", key = \"string\", group = \"string\", ts = \"timestamp\", value = "
    "\"%s } })\n"
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

static const char *source_form(enum sim_feed_kind kind, bool endless)
{
    if (kind == SIM_FEED_NONE)
        return "tm.file { path = \"in/*.jsonl\"";
    if (kind == SIM_FEED_FILES)
        return "tm.file { path = \"in/*.jsonl\", follow = true";
    return endless ? "tm.socket { port = 1, reconnect = true" : "tm.socket { port = 1";
}

static const char *source_told(const struct sim_feed *feed)
{
    return feed->kind == SIM_FEED_NONE    ? "files"
           : feed->kind == SIM_FEED_FILES ? "files that grow"
           : feed->endless                ? "partitions that come, without an end"
                                          : "partitions that come";
}

static const char *const aligned[] = {"\"5s\"", "\"0s\"", "\"1ms\"", "false"};

// Some dozens to hundreds of turns, in ms. Input that grows takes longer to be read.
static uint32_t draw_interval(struct sim_universe *universe)
{
    int64_t turns = (int64_t)sim_between(&universe->users, 40, 320);
    turns *= universe->feed.kind == SIM_FEED_NONE ? 1 : 3;
    int64_t interval_ms = universe->weather.tick_ns / 2 * turns / 1000000;
    return interval_ms < 1 ? 1 : (uint32_t)interval_ms;
}

// Which of the first kinds there are: bits. A late row would be in one of two windows that overlap,
// and timers would fire for it at once.
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

// The bit of one of the kinds that not all seeds have.
static uint32_t draw_any_kind(struct sim_random *random)
{
    uint32_t bit = SIM_FIRST_KINDS, weights = 0;
    for (; sim_kind(bit) != NULL; bit++)
        weights += sim_kind(bit)->weight;
    uint32_t place = (uint32_t)sim_below(random, weights);
    for (bit = SIM_FIRST_KINDS; place >= sim_kind(bit)->weight; bit++)
        place -= sim_kind(bit)->weight;
    return bit;
}

// Of an output that is owed rows it must be known which.
static uint32_t draw_kind(struct sim_random *random, bool known)
{
    uint32_t bit = draw_any_kind(random);
    while (known && sim_kind(bit)->expect == NULL)
        bit = draw_any_kind(random);
    return bit;
}

// Whether rows are late is said by the first kind to which it matters.
static bool is_possible(struct sim_job *job, uint32_t needs, bool may_be_late, bool in_time,
                        uint32_t drawn_needs)
{
    if ((needs & SIM_NEEDS_TIME) != 0)
        return in_time && !job->has_late;
    if ((needs & SIM_NEEDS_LATE) == 0)
        return true;
    return may_be_late && (drawn_needs & SIM_NEEDS_TIME) == 0;
}

// One to three of them. They come in place of the first ones, or beside them.
static uint32_t draw_more(struct sim_job *job, struct sim_universe *universe, uint32_t *kinds)
{
    struct sim_random *random = &universe->more;
    static const uint32_t counts[] = {1, 1, 1, 1, 2, 3};
    uint32_t drawn = 0, count = counts[sim_below(random, 6)];
    bool any = sim_chance(random, 300) || universe->wider.leaves_owing;
    bool alone = sim_chance(random, 750);
    if (!any || universe->less.more)
        return 0;
    if (alone) {
        *kinds = 0;
        job->has_late = job->has_failed = false;
    }
    bool in_time = job->feed != SIM_FEED_FILES;
    bool may_be_late = alone && in_time && !universe->wider.single;
    uint32_t needs = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bit = draw_kind(random, universe->wider.leaves_owing), more = sim_kind(bit)->needs;
        if (!is_possible(job, more, may_be_late, in_time, needs))
            continue;
        drawn |= 1u << bit;
        needs |= more;
        job->has_late = job->has_late || (more & SIM_NEEDS_LATE) != 0;
    }
    return drawn & ~universe->less.stages;
}

static void add_stages(struct sim_drawing *drawing, uint32_t kinds)
{
    for (uint32_t bit = 0; sim_kind(bit) != NULL; bit++)
        if ((kinds >> bit & 1) != 0) {
            sim_stage_add(drawing, sim_kind(bit));
            drawing->job->even |= (sim_kind(bit)->needs & SIM_NEEDS_EVEN) != 0;
            drawing->job->head.flushes |= (sim_kind(bit)->needs & SIM_NEEDS_FLUSH) != 0;
        }
}

// "int64" becomes "int": that is shorter, so it is done in place.
static void narrow(char *text)
{
    static const char wide[] = "\"int64\"", small[] = "\"int\"";
    char *to = text;
    for (const char *from = text; *from != '\0';)
        if (strncmp(from, wide, sizeof wide - 1) == 0) {
            memcpy(to, small, sizeof small - 1);
            to += sizeof small - 1;
            from += sizeof wide - 1;
        } else {
            *to++ = *from++;
        }
    *to = '\0';
}

static void write_script(struct sim_job *job, bool changed)
{
    const struct sim_head *head = &job->head;
    snprintf(job->script, sizeof job->script, script_form, job->interval_ms, head->retain,
             head->barrier, head->flushes ? ", flush_processing_time_on_end = true" : "",
             head->source,
             head->widens && !changed ? "int\""
             : head->widens           ? "int64\", more = \"string\""
                                      : "int64\"",
             head->timed ? "  :watermark(\"ts\", { out_of_order = \"2s\" })\n" : "",
             head->filters ? "  :filter(function(e) return e.value >= 0 end)\n" : "",
             job->outputs[0].sink);
    for (uint32_t s = 0; s < job->stage_count; s++)
        if (sim_stage_is(&job->stages[s], changed))
            sim_stage_write(job, &job->stages[s], changed);
    size_t used = strlen(job->script);
    snprintf(job->script + used, sizeof job->script - used, "return job\n");
    if (head->narrow && !head->widens)
        narrow(job->script);
}

// What the script is changed to: stages have other names or types of state, one has gone or is new.
// Then other runs of the job would not give the same.
static void draw_change(struct sim_drawing *drawing, uint32_t kinds)
{
    struct sim_job *job = drawing->job;
    struct sim_random *random = &drawing->universe->more;
    const struct sim_wider *wider = &drawing->universe->wider;
    uint32_t first = (uint32_t)__builtin_popcount(kinds), count = job->stage_count, at;
    bool changes = sim_chance(random, 400), goes = sim_chance(random, 250);
    bool comes = sim_chance(random, 300);
    bool widens = sim_chance(random, 300);
    at = 1 + (uint32_t)sim_below(random, 2);
    if (wider->leaves_owing) {
        changes = goes = true;
        widens = false;
        at = 1;
    }
    for (uint32_t s = first; s < count; s++) {
        struct sim_stage *stage = &job->stages[s];
        stage->renamed = sim_chance(random, 500) && strstr(stage->kind->script, "$WAS") != NULL;
        stage->retyped = sim_chance(random, 600) && strstr(stage->kind->script, "$<") != NULL;
    }
    if (!changes || wider->single || wider->copied || drawing->universe->less.faults[SIM_changed])
        return;
    job->changes_at = at;
    job->head.widens = widens;
    if (widens) // whoever puts the first script back must find all its stages
        return;
    const struct sim_stage *last = &job->stages[count - 1];
    for (uint32_t o = last->output; o < job->output_count; o++)
        goes = goes && !job->outputs[o].log;
    if (goes)
        job->stages[count - 1].only = SIM_AT_FIRST;
    if (!comes)
        return;
    sim_stage_add(drawing, &sim_kind_fresh);
    drawing->stage->only = SIM_WHEN_CHANGED;
}

// Beside all others in a share of the seeds, from a stream of its own: worlds without it stay as
// they are. Not behind a stage that goes: what the engine has named by its place would be another.
static void draw_drawn(struct sim_drawing *drawing)
{
    struct sim_random random = sim_random_of(drawing->universe->seed, DRAWN_STREAM);
    bool any = sim_chance(&random, 60);
    uint32_t bit = 0;
    while (sim_kind(bit) != &sim_kind_drawn)
        bit++;
    drawing->random = drawing->logs = &random;
    for (uint32_t s = 0; s < drawing->job->stage_count; s++)
        any = any && drawing->job->stages[s].only == SIM_ALWAYS;
    if (any && (drawing->universe->less.stages >> bit & 1) == 0 && !drawing->universe->less.more)
        sim_stage_add(drawing, &sim_kind_drawn);
}

static void tell_change(struct sim_job *job)
{
    static const char *const onlys[] = {"", " that goes", " that comes"};
    size_t told = strlen(job->told);
    told += (size_t)snprintf(job->told + told, sizeof job->told - told, "; the script changes:%s",
                             job->head.widens ? " columns" : "");
    for (uint32_t s = 0; s < job->stage_count && told < sizeof job->told; s++) {
        const struct sim_stage *stage = &job->stages[s];
        told += (size_t)snprintf(job->told + told, sizeof job->told - told, " %s%s%s%s",
                                 stage->kind->name, stage->renamed ? " renamed" : "",
                                 stage->retyped ? " retyped" : "", onlys[stage->only]);
    }
}

static void draw_script(struct sim_job *job, struct sim_universe *universe)
{
    struct sim_random *random = &universe->users;
    struct sim_head *head = &job->head;
    struct sim_drawing drawing = {
        .universe = universe, .job = job, .random = random, .logs = &universe->widths};
    job->interval_ms = draw_interval(universe);
    head->retain = (uint32_t)sim_between(random, 1, 3);
    head->barrier = aligned[sim_below(random, 4)];
    if (universe->wider.leaves_owing) // with rows in flight it is not known what exactly is owed
        head->barrier = aligned[3];
    head->filters = sim_chance(random, 300);
    head->narrow = universe->wider.narrow;
    head->source = source_form(universe->feed.kind, universe->feed.endless);
    uint32_t less = universe->less.stages;
    if (universe->feed.kind == SIM_FEED_FILES) // a file that is found late has rows that are late
        less |= 1u << SIM_TENS | 1u << SIM_SLIDES | 1u << SIM_TIMED;
    uint32_t kinds = draw_stages(job, random, less, universe->wider.single);
    uint32_t more = draw_more(job, universe, &kinds);
    head->timed = kinds != 0 || more != 0;
    sim_output_add(&drawing, "out", &sim_judge_rows);
    snprintf(job->told, sizeof job->told,
             "%u rows of %u keys in %u %s; a checkpoint every %u ms, %u kept, aligned_timeout "
             "%s; output: %s",
             job->row_count, job->key_count, job->file_count, source_told(&universe->feed),
             job->interval_ms, head->retain, head->barrier, job->outputs[0].sink);
    add_stages(&drawing, kinds);
    drawing.random = drawing.logs = &universe->more;
    add_stages(&drawing, more);
    if (more != 0)
        draw_change(&drawing, kinds);
    draw_drawn(&drawing);
    if (job->changes_at != 0)
        tell_change(job);
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
    row->ts -= job->even ? row->ts & 1 : 0;
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

// --- the whole -----------------------------------------------------------------------------------

static void count_lanes(struct sim_job *job)
{
    job->of_keys = calloc(job->key_count + 1, sizeof *job->of_keys);
    job->of_groups = calloc(job->group_count + 1, sizeof *job->of_groups);
    for (uint32_t id = 0; id < job->row_count; id++) {
        job->of_keys[job->rows[id].key + 1]++;
        job->of_groups[job->rows[id].group + 1]++;
    }
    for (uint32_t key = 0; key < job->key_count; key++)
        job->of_keys[key + 1] += job->of_keys[key];
    for (uint32_t group = 0; group < job->group_count; group++)
        job->of_groups[group + 1] += job->of_groups[group];
}

void sim_job_init(struct sim_job *job, struct sim_universe *universe)
{
    struct sim_random *random = &universe->users;
    *job = (struct sim_job){.file_count = (uint32_t)sim_between(random, 1, SIM_JOB_FILES_MAX),
                            .row_count = (uint32_t)sim_between(random, 200, 412),
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
    count_lanes(job);
    for (uint32_t s = 0; s < job->stage_count; s++)
        if (job->stages[s].kind->expect != NULL)
            job->stages[s].kind->expect(job, &job->stages[s]);
    for (int changed = 0; changed <= (job->changes_at != 0); changed++) {
        write_script(job, changed != 0);
        put(universe, sim_job_file(changed != 0), job->script, strlen(job->script));
    }
    sim_disk_settle(&universe->disk);
    free(sums);
    free(counts);
}

const char *sim_job_file(bool changed)
{
    return changed ? "changed.lua" : "job.lua";
}

size_t sim_job_totals(const struct sim_job *job)
{
    return (size_t)job->group_count * job->slot_count;
}

uint32_t sim_job_lanes(const struct sim_job *job)
{
    return job->key_count > job->group_count ? job->key_count : job->group_count;
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
    for (uint32_t s = 0; s < job->stage_count; s++) {
        free(job->stages[s].totals);
        free(job->stages[s].behind);
    }
    for (uint32_t o = 0; o < job->output_count; o++)
        sim_lines_free(job->outputs[o].lines);
    free(job->of_keys);
    free(job->of_groups);
    free(job->rows);
}
