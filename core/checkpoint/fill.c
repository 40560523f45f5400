// States filled from the segments of their key groups: as they were, where max parallelism and
// layout are the same; else by way of a state of one old key group at a time, entry by entry.
#include "core/base/planted.h"
#include "core/checkpoint/convert.h"
#include "core/checkpoint/restored_parts.h"
#include "core/state/image.h"

struct filling {
    struct tm__reading reading;
    struct tm_mem *mem;
    const char *operator_name, *part;
    enum tm__part_kind kind;
    struct tm_state *state;
    struct tm_timers *timers;              // of TIMERS
    const struct tm_layout *layout;        // of STATE; NULL: whatever it is
    const struct tm_migration *migration;  // of STATE; NULL: none of its fields migrates
    uint32_t max_parallelism, first, last; // of the state
};

static int wrong_kind(const struct filling *f, enum tm__part_kind found, struct tm_error *err)
{
    static const char *const kinds[] = {"a state", "timers", "items"};
    return tm_error_set(err, TM_E_STATE_TYPE, "\"%s\" of %s is %s in the checkpoint, not %s",
                        f->part, f->operator_name, kinds[found], kinds[f->kind]);
}

int tm__apply_group(struct tm__reading *reading, const struct tm__data *data,
                    const struct tm__chain *chain, struct tm_state *state, uint32_t group,
                    struct tm_error *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < chain->count && rc == 0; i++) {
        struct tm__segment segment;
        rc = tm__segment_begin(&segment, reading, data, &chain->links[i], err);
        if (rc == 0)
            rc = tm__segment_end(&segment, tm_image_apply_from(state, group, &segment.source, err),
                                 err);
    }
    return rc == 0 && chain->count != 0 ? tm_image_finish(state, group, err) : rc;
}

// --- as they were --------------------------------------------------------------------------------

static int apply_data(struct filling *f, const struct tm__data *data,
                      const struct tm__index_part *part, struct tm_error *err)
{
    uint32_t first = part->first > f->first ? part->first : f->first;
    uint32_t last = part->last < f->last ? part->last : f->last;
    int rc = 0;
    if (TM_PLANTED(key_group_lost) && first != part->first)
        first++;
    for (uint32_t group = first; group <= last && rc == 0; group++)
        rc = tm__apply_group(&f->reading, data, &part->chains[group - part->first], f->state, group,
                             err);
    return rc;
}

// --- entry by entry ------------------------------------------------------------------------------

static int convert_state(struct filling *f, const struct tm_convert *convert,
                         const struct tm__data *data, const struct tm__index_part *part,
                         uint32_t group, struct tm_error *err)
{
    const struct tm_state_args args = {f->mem, part->max_parallelism, group, group,
                                       part->value_bytes};
    struct tm_state *old;
    int rc = tm_state_new(&args, &old, err);
    if (rc != 0)
        return rc;
    rc = tm__apply_group(&f->reading, data, &part->chains[group - part->first], old, group, err);
    if (rc == 0)
        rc = tm_convert_state(convert, f->migration, old, f->state, err);
    tm_state_free(old);
    return rc;
}

static int convert_timers(struct filling *f, const struct tm__data *data,
                          const struct tm__index_part *part, uint32_t group, struct tm_error *err)
{
    const struct tm_timers_args args = {f->mem, part->max_parallelism, group, group};
    struct tm_timers *old;
    int rc = tm_timers_new(&args, &old, err);
    if (rc != 0)
        return rc;
    rc = tm__apply_group(&f->reading, data, &part->chains[group - part->first],
                         tm_timers_state(old), group, err);
    if (rc == 0)
        rc = tm_timers_resume(old, err);
    if (rc == 0)
        rc = tm_convert_timers(old, f->timers, err);
    tm_timers_free(old);
    return rc;
}

// A key group is a piece of the row of all hashes (core/base/hash.h): has this one, of so many,
// keys of those that the state is for?
static bool overlaps(const struct filling *f, const struct tm__index_part *part, uint32_t group)
{
    uint64_t from = (uint64_t)group * f->max_parallelism;
    uint64_t to = from + f->max_parallelism; // both in parts of 1 / (both numbers of groups)
    return from < ((uint64_t)f->last + 1) * part->max_parallelism &&
           to > (uint64_t)f->first * part->max_parallelism;
}

static int convert_groups(struct filling *f, const struct tm_convert *convert,
                          const struct tm__data *data, const struct tm__index_part *part,
                          struct tm_error *err)
{
    int rc = 0;
    for (uint32_t group = part->first; group <= part->last && rc == 0; group++) {
        if (part->chains[group - part->first].count == 0 || !overlaps(f, part, group))
            continue;
        rc = f->kind == TM__PART_TIMERS ? convert_timers(f, data, part, group, err)
                                        : convert_state(f, convert, data, part, group, err);
    }
    return rc;
}

static int convert_data(struct filling *f, const struct tm__data *data,
                        const struct tm__index_part *part, const struct tm_layout *old,
                        struct tm_error *err)
{
    struct tm_convert *convert = NULL;
    if (f->kind == TM__PART_STATE && (old == NULL || f->layout == NULL))
        return tm_error_set(err, TM_E_STATE_TYPE,
                            "what it is made of is not known, so its max parallelism stays %u",
                            part->max_parallelism);
    int rc = f->kind == TM__PART_STATE ? tm_convert_new(f->mem, old, f->layout, &convert, err) : 0;
    if (rc == 0)
        rc = convert_groups(f, convert, data, part, err);
    tm_convert_free(convert);
    return rc;
}

// --- all of them ---------------------------------------------------------------------------------

static int fill_from(struct filling *f, const struct tm__data *data, struct tm_error *err)
{
    const struct tm_layout *old;
    const struct tm__index_part *part = tm__data_find(data, f->operator_name, f->part, &old);
    if (part == NULL)
        return 0;
    if (part->kind != f->kind)
        return wrong_kind(f, part->kind, err);
    bool same = part->max_parallelism == f->max_parallelism &&
                (old == NULL || f->layout == NULL || tm_layout_equal(old, f->layout));
    int rc = same ? apply_data(f, data, part, err) : convert_data(f, data, part, old, err);
    return rc == 0 || rc == TM_E_STATE_MIGRATE // which names all of it
               ? rc
               : tm_error_prefix(err, "state \"%s\" of %s", f->part, f->operator_name);
}

static int fill(struct filling *f, const struct tm_restored *restored, struct tm_error *err)
{
    int rc = 0;
    f->mem = restored->mem;
    tm_state_key_groups(f->state, &f->max_parallelism, &f->first, &f->last);
    tm__reading_init(&f->reading, restored);
    for (uint32_t i = 0; i < restored->data_count && rc == 0; i++)
        rc = fill_from(f, &restored->data[i], err);
    tm__reading_fini(&f->reading);
    return rc;
}

int tm_restored_state(const struct tm_restored *restored, const char *operator_name,
                      const char *part, const struct tm_layout *layout, struct tm_state *state,
                      struct tm_error *err)
{
    return tm_restored_migrated(restored, operator_name, part, layout, NULL, state, err);
}

int tm_restored_migrated(const struct tm_restored *restored, const char *operator_name,
                         const char *part, const struct tm_layout *layout,
                         const struct tm_migration *migration, struct tm_state *state,
                         struct tm_error *err)
{
    if (restored->rehearsal != NULL) {
        uint32_t max_parallelism, first, last;
        tm_state_key_groups(state, &max_parallelism, &first, &last);
        return tm__rehearse_state(restored, operator_name, part, layout, max_parallelism, err);
    }
    struct filling f = {.operator_name = operator_name,
                        .part = part,
                        .kind = TM__PART_STATE,
                        .layout = layout,
                        .migration = migration,
                        .state = state};
    return fill(&f, restored, err);
}

static bool timers_moved(const struct tm_restored *restored, const struct filling *f)
{
    for (uint32_t i = 0; i < restored->data_count; i++) {
        const struct tm__index_part *part =
            tm__data_find(&restored->data[i], f->operator_name, f->part, NULL);
        if (part != NULL && part->kind == TM__PART_TIMERS)
            return part->max_parallelism != f->max_parallelism;
    }
    return false;
}

int tm_restored_timers(const struct tm_restored *restored, const char *operator_name,
                       const char *part, struct tm_timers *timers, struct tm_error *err)
{
    if (restored->rehearsal != NULL) {
        tm__rehearse_part(restored, operator_name, part);
        return 0;
    }
    struct filling f = {.operator_name = operator_name,
                        .part = part,
                        .kind = TM__PART_TIMERS,
                        .timers = timers,
                        .state = tm_timers_state(timers)};
    int rc = fill(&f, restored, err);
    // Where they were added one by one they are a set already.
    return rc == 0 && !timers_moved(restored, &f) ? tm_timers_resume(timers, err) : rc;
}
