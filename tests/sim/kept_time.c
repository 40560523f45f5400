// What stages keep of stretches of time, against the rows of the cut, and the timers beside it.
#include <stdlib.h>
#include <string.h>

#include "tests/sim/kept.h"
#include "tests/sim/kinds.h"

// A stretch of a key or group: what its rows come to, and what the cut has of it.
struct span {
    int64_t n, total, largest, value; // of the rows; the id of the greatest, and its value
    int64_t first, second;            // of the states
    uint32_t timers;
};

struct looking {
    struct sim_oracle *oracle;
    const struct sim_cut *cut;
    const struct sim_spans *spans;
    uint32_t stage, lane_count;
    int64_t begin, count; // of spans of a lane; the number of the first one
    struct span *all;
};

static int64_t number_of(const struct looking *l, int64_t time)
{
    int64_t number = time / l->spans->span_ms; // times are positive
    return number < l->begin ? -1 : number - l->begin;
}

static struct span *span_of(const struct looking *l, uint32_t lane, int64_t time)
{
    int64_t number = number_of(l, time);
    return lane >= l->lane_count || number < 0 || number >= l->count
               ? NULL
               : &l->all[lane * l->count + number];
}

// --- both sides ----------------------------------------------------------------------------------

static bool by_group(const struct looking *l)
{
    return (l->oracle->job->stages[l->stage].kind->keeps & SIM_KEEPS_GROUPS) != 0;
}

static void add_rows(const struct looking *l)
{
    const struct sim_job *job = l->oracle->job;
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        struct span *span = span_of(l, by_group(l) ? row->group : row->key, row->ts);
        bool left_out = l->spans->without_dead && sim_row_is_refused(row);
        if (left_out || !sim_cut_has(l->cut, job, id))
            continue;
        if (span->n++ == 0 || row->value > span->value) {
            span->largest = id;
            span->value = row->value;
        }
        span->total += row->value;
    }
}

static void add_values(const struct looking *l)
{
    const struct sim_spans *spans = l->spans;
    for (uint32_t i = 0; i < l->cut->value_count; i++) {
        const struct sim_value *value = &l->cut->values[i];
        bool is_first = strcmp(value->state, spans->first) == 0;
        bool is_second = spans->second != NULL && strcmp(value->state, spans->second) == 0;
        bool is_timer = spans->timed && sim_kept_is_timer(value);
        if (value->stage != l->stage || value->of_operator ||
            (!is_first && !is_second && !is_timer))
            continue;
        struct span *span = span_of(l, value->key, value->at != 0 ? value->at : value->of);
        if (span == NULL) {
            sim_violate(l->oracle,
                        "S1: checkpoint %llu has '%s' of '%s' at %lld, where there is no row",
                        (unsigned long long)l->cut->checkpoint, value->state,
                        l->oracle->job->stages[l->stage].kind->name, (long long)value->at);
            continue;
        }
        span->first += is_first ? value->value : 0;
        span->second += is_second ? value->value : 0;
        span->timers += is_timer;
    }
}

// --- judging -------------------------------------------------------------------------------------

static bool is_whole(const struct sim_spans *spans, const struct span *span)
{
    if (spans->holds == SIM_HOLDS_LARGEST)
        return span->first == span->largest && span->second == span->value;
    return span->first == span->n &&
           (spans->holds == SIM_HOLDS_ROWS || span->second == span->total);
}

static bool is_empty(const struct span *span)
{
    return span->first == 0 && span->second == 0;
}

// May it have gone?
static bool is_over(const struct looking *l, int64_t number)
{
    int64_t end = (l->begin + number + 1) * l->spans->span_ms;
    return end - 1 + l->spans->stays_ms <= l->oracle->furthest[l->stage];
}

// With rows in flight it has not more than what was counted.
static bool is_right(const struct looking *l, const struct span *span, int64_t number)
{
    const enum sim_span_holds holds = l->spans->holds;
    if (span->n == 0)
        return is_empty(span);
    if (l->cut->flight_bytes != 0 && holds == SIM_HOLDS_LARGEST)
        return true;
    if (l->cut->flight_bytes != 0 || holds == SIM_HOLDS_SOME)
        return span->first <= span->n;
    return is_whole(l->spans, span) || (is_empty(span) && is_over(l, number));
}

static void look_at_span(const struct looking *l, uint32_t lane, int64_t number)
{
    const struct span *span = &l->all[lane * l->count + number];
    const char *name = l->oracle->job->stages[l->stage].kind->name;
    unsigned long long checkpoint = (unsigned long long)l->cut->checkpoint;
    char letter = by_group(l) ? 'g' : 'k';
    if (!is_right(l, span, number))
        sim_violate(l->oracle,
                    "S1: checkpoint %llu has of %c%u, from %lld on, %lld and %lld in '%s'; %s %lld "
                    "rows, total %lld%s",
                    checkpoint, letter, lane, (long long)((l->begin + number) * l->spans->span_ms),
                    (long long)span->first, (long long)span->second, name,
                    l->cut->flight_bytes != 0 ? "it has counted" : "these are", (long long)span->n,
                    (long long)span->total, is_over(l, number) ? ", or nothing" : "");
    if (l->spans->timed && span->timers != (span->first != 0))
        sim_violate(l->oracle,
                    "T4: checkpoint %llu has %u timers of %c%u, for what '%s' has from %lld on, "
                    "which is %lld rows",
                    checkpoint, span->timers, letter, lane, name,
                    (long long)((l->begin + number) * l->spans->span_ms), (long long)span->first);
}

bool sim_kept_look_at_spans(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage,
                            const struct sim_spans *spans, struct sim_spans_found *found)
{
    const struct sim_job *job = oracle->job;
    struct looking l = {.oracle = oracle, .cut = cut, .spans = spans, .stage = stage};
    l.lane_count = by_group(&l) ? job->group_count : job->key_count;
    l.begin = job->first_slot_ms / spans->span_ms;
    l.count = (int64_t)job->slot_count * SIM_SLOT_MS / spans->span_ms + 2;
    l.all = calloc((size_t)l.lane_count * (size_t)l.count, sizeof *l.all);
    add_rows(&l);
    add_values(&l);
    for (uint32_t lane = 0; lane < l.lane_count; lane++)
        for (int64_t number = 0; number < l.count; number++) {
            const struct span *span = &l.all[lane * l.count + number];
            look_at_span(&l, lane, number);
            if (found != NULL) {
                found[lane].whole += span->n != 0;
                found[lane].present += !is_empty(span);
            }
        }
    free(l.all);
    return cut->flight_bytes == 0;
}

int64_t *sim_kept_of_lanes(const struct sim_oracle *oracle, const struct sim_cut *cut,
                           uint32_t stage, const char *state)
{
    uint32_t lanes = sim_job_lanes(oracle->job);
    int64_t *of = calloc(lanes, sizeof *of);
    for (uint32_t i = 0; i < cut->value_count; i++) {
        const struct sim_value *value = &cut->values[i];
        if (value->stage == stage && !value->of_operator && strcmp(value->state, state) == 0)
            of[value->key] += value->value;
    }
    return of;
}
