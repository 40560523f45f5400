// The judge of lines: what must come out is known to the byte, and in each lane in its order. A
// line may be there more than once, if it is told so often.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/judge.h"

enum { TEXT_MAX = 1000 };

struct line {
    uint64_t hash; // of its text, which is 64 bits of what it says
    uint32_t lane, nth, count;
    int64_t cause;
    uint32_t text; // where it begins
};

// By hash, in a table of twice as many places or more.
struct sim_lines {
    struct line *all; // in the order in which they were told
    uint32_t *places; // a number of a line, from 1; 0: none
    uint32_t *told;   // of each lane
    char *texts;
    uint32_t count, capacity, place_count;
    size_t used, room;
    bool by_time; // some of them
};

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037u;
    for (; *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    return hash;
}

// The line of this text, or where it would be.
static uint32_t *place_of(const struct sim_lines *lines, const char *text, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash % lines->place_count);
    while (lines->places[at] != 0) {
        const struct line *line = &lines->all[lines->places[at] - 1];
        if (line->hash == hash && strcmp(lines->texts + line->text, text) == 0)
            break;
        at = (at + 1) % lines->place_count;
    }
    return &lines->places[at];
}

static void grow(struct sim_lines *lines)
{
    lines->capacity = lines->capacity == 0 ? 512 : 2 * lines->capacity;
    lines->all = realloc(lines->all, lines->capacity * sizeof *lines->all);
    lines->place_count = 2 * lines->capacity;
    free(lines->places);
    lines->places = calloc(lines->place_count, sizeof *lines->places);
    for (uint32_t i = 0; i < lines->count; i++)
        *place_of(lines, lines->texts + lines->all[i].text, lines->all[i].hash) = i + 1;
}

static void add(struct sim_lines *lines, uint32_t lane, int64_t cause, const char *text,
                size_t length)
{
    if (lines->count == lines->capacity)
        grow(lines);
    uint64_t hash = hash_of(text);
    uint32_t *place = place_of(lines, text, hash);
    if (*place != 0) {
        lines->all[*place - 1].count++;
        return;
    }
    if (lines->used + length + 1 > lines->room) {
        lines->room = 2 * (lines->used + TEXT_MAX);
        lines->texts = realloc(lines->texts, lines->room);
    }
    memcpy(lines->texts + lines->used, text, length + 1);
    lines->all[lines->count++] = (struct line){.hash = hash,
                                               .lane = lane,
                                               .nth = ++lines->told[lane],
                                               .count = 1,
                                               .cause = cause,
                                               .text = (uint32_t)lines->used};
    lines->used += length + 1;
    *place = lines->count;
}

void sim_expect(struct sim_job *job, uint32_t output, uint32_t lane, int64_t cause,
                const char *format, ...)
{
    struct sim_lines **lines = &job->outputs[output].lines;
    char text[TEXT_MAX];
    va_list args;
    if (*lines == NULL) {
        *lines = calloc(1, sizeof **lines);
        (*lines)->told = calloc(sim_job_lanes(job), sizeof *(*lines)->told);
    }
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (*lines)->by_time = (*lines)->by_time || cause == SIM_BY_TIME;
    add(*lines, lane, cause, text, (size_t)length);
}

void sim_lines_free(struct sim_lines *lines)
{
    if (lines == NULL)
        return;
    free(lines->all);
    free(lines->places);
    free(lines->told);
    free(lines->texts);
    free(lines);
}

// --- judging -------------------------------------------------------------------------------------

static const struct sim_lines *lines_of(const struct sim_oracle *oracle, uint32_t output)
{
    static const struct sim_lines none = {0};
    const struct sim_lines *lines = oracle->job->outputs[output].lines;
    return lines == NULL ? &none : lines;
}

// How often each of them is visible.
static size_t memory(const struct sim_job *job, const struct sim_output *output)
{
    (void)job;
    return output->lines == NULL ? 1 : output->lines->count * sizeof(uint32_t);
}

static void look_at_line(struct sim_look *l, const char *text)
{
    struct sim_oracle *oracle = l->oracle;
    const struct sim_lines *lines = lines_of(oracle, l->output);
    uint32_t number = lines->count == 0 ? 0 : *place_of(lines, text, hash_of(text)),
             *seen = l->memory;
    if (lines->by_time && oracle->drained) // time went to its end before they were whole
        return;
    if (number == 0) {
        sim_violate(oracle, "S1: %s has a row that does not follow from the input: %.200s", l->file,
                    text);
        return;
    }
    const struct line *line = &lines->all[number - 1];
    if (++seen[number - 1] > line->count)
        sim_violate(oracle, "O1: %s has once too often: %.200s", l->file, text);
    if (line->nth < l->last[line->lane])
        sim_violate(oracle, "T1: %s has behind a later one: %.200s", l->file, text);
    l->last[line->lane] = line->nth;
}

// A lane is visible up to a place. What a row brings is, where the checkpoint has the row.
static void look_at_committed(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_lines *lines = lines_of(oracle, output);
    const struct sim_cut *cut = &oracle->cut;
    const uint32_t *seen = oracle->memory[output];
    const char *name = oracle->job->outputs[output].name;
    if (lines->by_time && oracle->drained)
        return;
    uint8_t *ended = calloc(sim_job_lanes(oracle->job), 1);
    for (uint32_t i = 0; i < lines->count && oracle->violation[0] == '\0'; i++) {
        const struct line *line = &lines->all[i];
        const char *text = lines->texts + line->text;
        if (ended[line->lane] && seen[i] != 0)
            sim_violate(oracle, "S2: %s has this, and not all in front of it: %.200s", name, text);
        ended[line->lane] = ended[line->lane] || seen[i] < line->count;
        if (line->cause == SIM_BY_TIME || line->count != 1 || cut->checkpoint == 0 ||
            cut->flight_bytes != 0)
            continue;
        bool covered = sim_cut_has(cut, oracle->job, (uint32_t)line->cause);
        if (covered != (seen[i] != 0))
            sim_violate(oracle,
                        "O6: checkpoint %llu is committed, %s id %lld, and %s %s what that brings: "
                        "%.200s",
                        (unsigned long long)cut->checkpoint, covered ? "has" : "does not have",
                        (long long)line->cause, name, covered ? "is without" : "has", text);
    }
    free(ended);
}

static void look_for_all(struct sim_oracle *oracle, uint32_t output)
{
    const struct sim_lines *lines = lines_of(oracle, output);
    const uint32_t *seen = oracle->memory[output];
    for (uint32_t i = 0; i < lines->count; i++)
        if (seen[i] < lines->all[i].count)
            sim_violate(oracle, "O1: the job has finished, and %s is without %.200s",
                        oracle->job->outputs[output].name, lines->texts + lines->all[i].text);
}

const struct sim_judge sim_judge_lines = {.memory = memory,
                                          .line = look_at_line,
                                          .committed = look_at_committed,
                                          .finished = look_for_all,
                                          .settled = true};
