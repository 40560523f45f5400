// Stages of a job: adding one, writing its script.
#include "tests/sim/kinds.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const output_forms[] = {
    "tm.file { path = \"%s\", format = \"json\" }",
    "tm.file { path = \"%s.jsonl\" }",
    "tm.file { path = \"%s\", format = \"json\", roll = { size = \"1KB\" } }",
};

static const char log_form[] = "tm.webhook { url = \"http://log/%s\" }";

static const struct sim_kind *const kinds[] = {
#define SIM_KIND(name) &sim_kind_##name,
#include "tests/sim/kinds.def"
#undef SIM_KIND
};

const struct sim_kind *sim_kind(uint32_t bit)
{
    return bit < sizeof kinds / sizeof kinds[0] ? kinds[bit] : NULL;
}

const char *sim_time_text(int64_t ms, char text[SIM_TIME_TEXT])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    size_t length = strftime(text, SIM_TIME_TEXT, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
    snprintf(text + length, SIM_TIME_TEXT - length, ".%03dZ", (int)(ms % 1000));
    return text;
}

void sim_output_add(struct sim_drawing *drawing, const char *name, const struct sim_judge *judge)
{
    struct sim_job *job = drawing->job;
    uint32_t form = (uint32_t)sim_below(drawing->random, 3);
    bool files = judge == &sim_judge_dead ||
                 (drawing->stage != NULL && (drawing->stage->kind->needs & SIM_NEEDS_FILES) != 0);
    bool log = drawing->universe->wider.log && !files && sim_chance(drawing->logs, 600);
    struct sim_output *output = &job->outputs[job->output_count++];
    *output = (struct sim_output){.name = name,
                                  .judge = judge,
                                  .stage = job->stage_count - 1,
                                  .one_file = !log && form == 1,
                                  .log = log};
    snprintf(output->sink, sizeof output->sink, log ? log_form : output_forms[form], name);
    size_t told = strlen(job->told);
    snprintf(job->told + told, sizeof job->told - told, "; %s: %s", name, output->sink);
}

void sim_stage_add(struct sim_drawing *drawing, const struct sim_kind *kind)
{
    struct sim_job *job = drawing->job;
    drawing->stage = &job->stages[job->stage_count++];
    *drawing->stage = (struct sim_stage){.kind = kind, .output = job->output_count};
    for (int o = 0; o < SIM_KIND_OUTPUTS && kind->outputs[o].name != NULL; o++)
        sim_output_add(drawing, kind->outputs[o].name, kind->outputs[o].judge);
    if (kind->draw != NULL)
        kind->draw(drawing);
}

// --- a stage's script ----------------------------------------------------------------------------

struct writing {
    struct sim_job *job;
    const struct sim_stage *stage;
    bool has_names;        // its name may change, and is not that of an output
    bool renamed, retyped; // in this version
    bool skips;            // what is of the other one
};

static void put(struct writing *w, const char *text, size_t length)
{
    struct sim_job *job = w->job;
    size_t used = strlen(job->script), room = sizeof job->script - used - 1;
    length = length < room ? length : room;
    if (w->skips)
        return;
    memcpy(job->script + used, text, length);
    job->script[used + length] = '\0';
}

static void put_text(struct writing *w, const char *text)
{
    put(w, text, strlen(text));
}

// What stands for what is behind a $; how many letters that are.
static size_t put_part(struct writing *w, const char *part)
{
    const struct sim_stage *stage = w->stage;
    if (strncmp(part, "NAME", 4) == 0) {
        put_text(w, stage->kind->name);
        put_text(w, w->has_names ? (w->renamed ? "_2" : "_1") : "");
        return 4;
    }
    if (strncmp(part, "WAS", 3) == 0) {
        put_text(w, w->renamed ? ":renamed_from(\"" : "");
        put_text(w, w->renamed ? stage->kind->name : "");
        put_text(w, w->renamed ? "_1\")" : "");
        return 3;
    }
    if (*part == '<' || *part == '|')
        w->skips = w->retyped == (*part == '<');
    else if (*part == '>')
        w->skips = false;
    else if (*part <= '9')
        put_text(w, w->job->outputs[stage->output + (uint32_t)(*part - '1')].sink);
    else
        put_text(w, stage->texts[*part - 'A']);
    return 1;
}

void sim_stage_write(struct sim_job *job, const struct sim_stage *stage, bool changed)
{
    struct writing w = {.job = job,
                        .stage = stage,
                        .has_names = strstr(stage->kind->script, "$WAS") != NULL,
                        .renamed = changed && stage->renamed,
                        .retyped = changed && stage->retyped};
    for (const char *at = stage->kind->script; *at != '\0';) {
        size_t length = strcspn(at, "$");
        put(&w, at, length);
        at += length;
        if (*at == '$')
            at += 1 + put_part(&w, at + 1);
    }
}
