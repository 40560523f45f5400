// States filled from the segments of their key groups.
#include "core/checkpoint/convert.h"
#include "core/checkpoint/restored_parts.h"
#include "core/state/image.h"

struct filling {
    struct tm__reading reading;
    const char *operator_name, *part;
    enum tm__part_kind kind;
    const struct tm_layout *layout; // of STATE
    struct tm_timers *timers;       // of TIMERS
    struct tm_state *state;
    uint32_t max_parallelism, first, last; // of the state
};

static int wrong_kind(const struct filling *f, enum tm__part_kind found, struct tm_error *err)
{
    static const char *const kinds[] = {"a state", "timers", "items"};
    return tm_error_set(err, TM_E_STATE_TYPE, "\"%s\" of %s is %s in the checkpoint, not %s",
                        f->part, f->operator_name, kinds[found], kinds[f->kind]);
}

static int apply_group(struct filling *f, const struct tm__data *data, struct tm_state *state,
                       const struct tm__chain *chain, uint32_t group, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < chain->count && rc == 0; i++) {
        rc = tm__read_segment(&f->reading, data, &chain->links[i], err);
        if (rc == 0)
            rc = tm_image_apply(state, group, f->reading.buf.data, f->reading.buf.size_bytes,
                                err);
    }
    return rc == 0 && chain->count != 0 ? tm_image_finish(state, group, err) : rc;
}

// Pages as they were.
static int apply_pages(struct filling *f, const struct tm__data *data,
                       const struct tm__index_part *part, struct tm_error *err)
{
    uint32_t first = part->first > f->first ? part->first : f->first;
    uint32_t last = part->last < f->last ? part->last : f->last;
    int rc = 0;
    for (uint32_t group = first; group <= last && rc == 0; group++)
        rc = apply_group(f, data, f->state, &part->chains[group - part->first], group, err);
    return rc;
}

// The key groups whose hashes are some of ours. Groups are shares of all hashes.
static bool is_ours(const struct filling *f, const struct tm__index_part *part, uint64_t group)
{
    uint64_t max = f->max_parallelism, old = part->max_parallelism;
    return group * max < (f->last + (uint64_t)1) * old && (group + 1) * max > f->first * old;
}

// Entry by entry, out of a state, or timers, as they were.
static int apply_entries(struct filling *f, const struct tm__data *data,
                         const struct tm__index_part *part, const struct tm_convert *convert,
                         struct tm_mem *mem, struct tm_error *err)
{
    struct tm_state *state = NULL;
    struct tm_timers *timers = NULL;
    const struct tm_state_args state_args = {mem, part->max_parallelism, part->first, part->last,
                                             part->value_bytes};
    const struct tm_timers_args timers_args = {mem, part->max_parallelism, part->first, part->last};
    int rc = f->kind == TM__PART_STATE ? tm_state_new(&state_args, &state, err)
                                       : tm_timers_new(&timers_args, &timers, err);
    struct tm_state *to = rc != 0 ? NULL : timers != NULL ? tm_timers_state(timers) : state;
    for (uint32_t group = part->first; group <= part->last && rc == 0; group++)
        if (is_ours(f, part, group))
            rc = apply_group(f, data, to, &part->chains[group - part->first], group, err);
    if (rc == 0 && timers != NULL)
        rc = tm_timers_resume(timers, err);
    if (rc == 0)
        rc = timers != NULL ? tm_convert_timers(timers, f->timers, err)
                            : tm_convert_state(convert, state, f->state, err);
    tm_state_free(state);
    tm_timers_free(timers);
    return rc;
}

static int apply_data(struct filling *f, const struct tm__data *data,
                      const struct tm__index_part *part, const struct tm_layout *layout,
                      struct tm_mem *mem, struct tm_error *err)
{
    struct tm_convert *convert = NULL;
    bool pages = part->max_parallelism == f->max_parallelism;
    int rc = 0;
    if (f->kind == TM__PART_STATE && layout == NULL)
        return tm_error_set(err, TM_E_CHECKPOINT, "state \"%s\" of %s has no layout", f->part,
                            f->operator_name);
    if (f->kind == TM__PART_STATE)
        pages = pages && tm_layout_equal(layout, f->layout);
    if (!pages && f->kind == TM__PART_STATE)
        rc = tm_convert_new(mem, layout, f->layout, &convert, err);
    if (rc == 0)
        rc = pages ? apply_pages(f, data, part, err)
                   : apply_entries(f, data, part, convert, mem, err);
    tm_convert_free(convert);
    return rc == 0 ? 0 : tm_error_prefix(err, "state \"%s\" of %s", f->part, f->operator_name);
}

static int fill(struct filling *f, const struct tm_restored *restored, struct tm_error *err)
{
    int rc = 0;
    tm_state_key_groups(f->state, &f->max_parallelism, &f->first, &f->last);
    tm__reading_init(&f->reading, restored);
    for (uint32_t i = 0; i < restored->data_count && rc == 0; i++) {
        const struct tm_layout *layout;
        const struct tm__index_part *found =
            tm__data_find(&restored->data[i], f->operator_name, f->part, &layout);
        if (found == NULL)
            continue;
        rc = found->kind == f->kind
                 ? apply_data(f, &restored->data[i], found, layout, restored->mem, err)
                 : wrong_kind(f, found->kind, err);
    }
    tm__reading_fini(&f->reading);
    return rc;
}

int tm_restored_state(const struct tm_restored *restored, const char *operator_name,
                      const char *part, const struct tm_layout *layout, struct tm_state *state,
                      struct tm_error *err)
{
    struct filling f = {.operator_name = operator_name,
                        .part = part,
                        .kind = TM__PART_STATE,
                        .layout = layout,
                        .state = state};
    return fill(&f, restored, err);
}

int tm_restored_timers(const struct tm_restored *restored, const char *operator_name,
                       const char *part, struct tm_timers *timers, struct tm_error *err)
{
    struct filling f = {.operator_name = operator_name,
                        .part = part,
                        .kind = TM__PART_TIMERS,
                        .timers = timers,
                        .state = tm_timers_state(timers)};
    int rc = fill(&f, restored, err);
    return rc == 0 ? tm_timers_resume(timers, err) : rc;
}
