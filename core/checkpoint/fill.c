// States filled from the segments of their key groups.
#include "core/checkpoint/restored_parts.h"
#include "core/state/image.h"

struct filling {
    struct tm__reading reading;
    const char *operator_name, *part;
    enum tm__part_kind kind;
    struct tm_state *state;
    uint32_t max_parallelism, first, last; // of the state
};

static int wrong_kind(const struct filling *f, enum tm__part_kind found, struct tm_error *err)
{
    static const char *const kinds[] = {"a state", "timers", "items"};
    return tm_error_set(err, TM_E_STATE_TYPE, "\"%s\" of %s is %s in the checkpoint, not %s",
                        f->part, f->operator_name, kinds[found], kinds[f->kind]);
}

static int apply_group(struct filling *f, const struct tm__data *data,
                       const struct tm__chain *chain, uint32_t group, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < chain->count && rc == 0; i++) {
        rc = tm__read_segment(&f->reading, data, &chain->links[i], err);
        if (rc == 0)
            rc = tm_image_apply(f->state, group, f->reading.buf.data, f->reading.buf.size_bytes,
                                err);
    }
    return rc == 0 && chain->count != 0 ? tm_image_finish(f->state, group, err) : rc;
}

static int apply_data(struct filling *f, const struct tm__data *data,
                      const struct tm__index_part *part, struct tm_error *err)
{
    uint32_t first = part->first > f->first ? part->first : f->first;
    uint32_t last = part->last < f->last ? part->last : f->last;
    int rc = 0;
    for (uint32_t group = first; group <= last && rc == 0; group++)
        rc = apply_group(f, data, &part->chains[group - part->first], group, err);
    return rc == 0 ? 0 : tm_error_prefix(err, "state \"%s\" of %s: ", f->part, f->operator_name);
}

static int fill(struct filling *f, const struct tm_restored *restored, struct tm_error *err)
{
    int rc = 0;
    tm_state_key_groups(f->state, &f->max_parallelism, &f->first, &f->last);
    tm__reading_init(&f->reading, restored);
    for (uint32_t i = 0; i < restored->data_count && rc == 0; i++) {
        const struct tm__index_part *found =
            tm__data_find(&restored->data[i], f->operator_name, f->part, NULL);
        if (found == NULL)
            continue;
        rc = found->kind == f->kind ? apply_data(f, &restored->data[i], found, err)
                                    : wrong_kind(f, found->kind, err);
    }
    tm__reading_fini(&f->reading);
    return rc;
}

int tm_restored_state(const struct tm_restored *restored, const char *operator_name,
                      const char *part, const struct tm_layout *layout, struct tm_state *state,
                      struct tm_error *err)
{
    struct filling f = {
        .operator_name = operator_name, .part = part, .kind = TM__PART_STATE, .state = state};
    (void)layout;
    return fill(&f, restored, err);
}

int tm_restored_timers(const struct tm_restored *restored, const char *operator_name,
                       const char *part, struct tm_timers *timers, struct tm_error *err)
{
    struct filling f = {.operator_name = operator_name,
                        .part = part,
                        .kind = TM__PART_TIMERS,
                        .state = tm_timers_state(timers)};
    int rc = fill(&f, restored, err);
    return rc == 0 ? tm_timers_resume(timers, err) : rc;
}
