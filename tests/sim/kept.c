// Reading what stages keep, and comparing that of keys with what their rows have come to.
#include "tests/sim/kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/batch/row.ffi.h"
#include "tests/sim/kinds.h"

// --- a part --------------------------------------------------------------------------------------

static int take_records(const struct tm_layout *layout, struct tm_state *state,
                        sim_each_record *each, void *arg, struct tm_error *err)
{
    uint32_t groups, first, last;
    tm_state_key_groups(state, &groups, &first, &last);
    for (struct tm_namespace *ns = tm_state_namespace_first(state); ns != NULL;
         ns = tm_state_namespace_next(ns))
        for (uint32_t group = first; group <= last; group++) {
            const struct tm_place place = {state, ns, group};
            struct tm_state_cursor cursor;
            struct tm_key key;
            const void *record;
            tm_state_iterate(state, ns, group, &cursor);
            while (tm_state_next(&cursor, &key, &record)) {
                int rc = each(arg, layout, &place, &key, record, err);
                if (rc != 0)
                    return rc;
            }
        }
    return 0;
}

int sim_kept_each(const struct tm_restored *restored, struct tm_mem *mem,
                  const struct tm_manifest_operator *op, const char *part, sim_each_record *each,
                  void *arg, struct tm_error *err)
{
    const struct tm_manifest *manifest = tm_restored_manifest(restored);
    const struct tm_layout *layout = NULL;
    struct tm_state *state;
    for (uint32_t p = 0; p < op->part_count; p++)
        if (op->parts[p].kind == TM_PART_STATE && strcmp(op->parts[p].name, part) == 0)
            layout = op->parts[p].layout;
    if (layout == NULL)
        return 0;
    const struct tm_state_args args = {.mem = mem,
                                       .max_parallelism = manifest->max_parallelism,
                                       .last_key_group = manifest->max_parallelism - 1,
                                       .value_bytes = layout->value_bytes};
    int rc = tm_state_new(&args, &state, err);
    if (rc != 0)
        return rc;
    rc = tm_restored_state(restored, op->name, part, layout, state, err);
    if (rc == 0)
        rc = take_records(layout, state, each, arg, err);
    tm_state_free(state);
    return rc;
}

// --- values --------------------------------------------------------------------------------------

struct taking {
    struct sim_cut *cut;
    const struct sim_job *job;
    uint32_t stage;
    bool of_operator;
    uint32_t key; // of the record
    const struct tm_layout_field *field;
};

// The numbers are of types that the scripts have, as text behind that of the collection.
static int64_t number_of(const char *type, const uint8_t *bytes, uint32_t length)
{
    int64_t number = 0;
    double real = 0;
    char text[32];
    if (strncmp(type, "struct", 6) == 0) // of one column, behind the head of the row
        memcpy(&number, bytes + sizeof(struct tm_row), sizeof number);
    else if (strncmp(type, "double", 6) == 0)
        memcpy(&real, bytes, sizeof real);
    else if (strncmp(type, "string", 6) == 0)
        snprintf(text, sizeof text, "%.*s", (int)length, (const char *)bytes);
    else
        memcpy(&number, bytes, sizeof number);
    return strncmp(type, "double", 6) == 0   ? (int64_t)real
           : strncmp(type, "string", 6) == 0 ? strtoll(text, NULL, 10)
                                             : number;
}

static void add(struct taking *t, int64_t of, int64_t value)
{
    struct sim_cut *cut = t->cut;
    if (cut->value_count == cut->value_capacity) {
        cut->value_capacity = cut->value_capacity == 0 ? 256 : 2 * cut->value_capacity;
        cut->values = realloc(cut->values, cut->value_capacity * sizeof *cut->values);
    }
    struct sim_value *kept = &cut->values[cut->value_count++];
    *kept = (struct sim_value){
        .stage = t->stage, .of_operator = t->of_operator, .key = t->key, .of = of, .value = value};
    const char *name = t->field->name, *const *renamed = t->job->stages[t->stage].kind->renames;
    name = renamed[0] != NULL && strcmp(name, renamed[0]) == 0 ? renamed[1] : name;
    snprintf(kept->state, sizeof kept->state, "%.20s", name);
}

static int take_list(struct taking *t, const struct tm_place *place, const uint8_t *head,
                     struct tm_error *err)
{
    struct tm_state_list list;
    memcpy(&list, head, sizeof list);
    for (uint32_t i = 0; i < list.count; i++) {
        struct tm_span value;
        if (tm_state_list_get(place, &list, i, &value) != 1)
            return tm_error_set(err, TM_E_CHECKPOINT, "the list '%s' is without its value %u of %u",
                                t->field->name, i, list.count);
        add(t, i, number_of(t->field->type + strlen("list("), value.bytes, value.length));
    }
    return 0;
}

// Keys are texts, of a letter and a number.
static int take_map(struct taking *t, const struct tm_place *place, const uint8_t *head,
                    struct tm_error *err)
{
    const char *type = strchr(t->field->type, ',');
    struct tm_state_map_cursor cursor = {0};
    struct tm_state_map map;
    struct tm_key key;
    struct tm_span value;
    uint32_t count = 0;
    memcpy(&map, head, sizeof map);
    while (tm_state_map_next(place, &map, &cursor, &key, &value) == 1) {
        char text[16];
        snprintf(text, sizeof text, "%.*s", (int)key.length, (const char *)key.bytes);
        add(t, strtoll(text + 1, NULL, 10), number_of(type + 1, value.bytes, value.length));
        count++;
    }
    return count == map.count ? 0
                              : tm_error_set(err, TM_E_CHECKPOINT,
                                             "the map '%s' says that it has %u entries, of %u",
                                             t->field->name, map.count, count);
}

static int take_field(struct taking *t, const struct tm_place *place, const uint8_t *record,
                      struct tm_error *err)
{
    const struct tm_layout_field *field = t->field;
    uint64_t there;
    memcpy(&there, record + field->present_at, sizeof there);
    if (field->present_bit != UINT32_MAX && (there >> field->present_bit & 1) == 0)
        return 0;
    if (field->kind == TM_LAYOUT_LIST)
        return take_list(t, place, record + field->offset, err);
    if (field->kind == TM_LAYOUT_MAP)
        return take_map(t, place, record + field->offset, err);
    if (field->kind == TM_LAYOUT_BYTES && field->bytes == sizeof(int64_t))
        add(t, 0, number_of(field->type, record + field->offset, field->bytes));
    return 0;
}

static int take_record(void *arg, const struct tm_layout *layout, const struct tm_place *place,
                       const struct tm_key *key, const uint8_t *record, struct tm_error *err)
{
    struct taking *t = arg;
    char text[16];
    snprintf(text, sizeof text, "%.*s", (int)key->length, (const char *)key->bytes);
    t->key = UINT32_MAX;
    if (!t->of_operator && (sscanf(text, "k%u", &t->key) != 1 || t->key >= t->job->key_count))
        return tm_error_set(err, TM_E_CHECKPOINT, "the stage '%s' has the key '%s'",
                            t->job->stages[t->stage].kind->name, text);
    int rc = 0;
    for (uint32_t f = 0; f < layout->field_count && rc == 0; f++) {
        t->field = &layout->fields[f];
        rc = take_field(t, place, record, err);
    }
    return rc;
}

// Its name, or one of the two that it has where the script is changed.
static bool is_of(const struct sim_stage *stage, const char *operator_name)
{
    size_t length = strlen(stage->kind->name);
    const char *rest = operator_name + length;
    return strncmp(operator_name, stage->kind->name, length) == 0 &&
           (rest[0] == '\0' || strcmp(rest, "_1") == 0 || strcmp(rest, "_2") == 0);
}

int sim_kept_read(struct sim_cut *cut, const struct sim_job *job,
                  const struct tm_restored *restored, struct tm_mem *mem,
                  const struct tm_manifest_operator *op, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t s = 0; s < job->stage_count && rc == 0; s++) {
        struct taking taking = {.cut = cut, .job = job, .stage = s};
        if (job->stages[s].kind->kept == NULL || !is_of(&job->stages[s], op->name))
            continue;
        cut->stages |= 1u << s;
        rc = sim_kept_each(restored, mem, op, "keyed", take_record, &taking, err);
        taking.of_operator = true;
        if (rc == 0)
            rc = sim_kept_each(restored, mem, op, "operator", take_record, &taking, err);
    }
    return rc;
}

// --- judging -------------------------------------------------------------------------------------

void sim_kept_look(struct sim_oracle *oracle, const struct sim_cut *cut)
{
    for (uint32_t s = 0; s < oracle->job->stage_count; s++)
        if ((cut->stages >> s & 1) != 0)
            oracle->job->stages[s].kind->kept(oracle, cut, s);
}

uint64_t sim_keep(const char *state, int64_t of, int64_t value)
{
    uint64_t hash = 14695981039346656037u;
    for (; *state != '\0'; state++)
        hash = (hash ^ (uint8_t)*state) * 1099511628211u;
    hash = (hash ^ (uint64_t)of) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 29 ^ (uint64_t)value) * 0xbf58476d1ce4e5b9u;
    return hash ^ hash >> 32;
}

void sim_kept_look_at_keys(struct sim_oracle *oracle, const struct sim_cut *cut, uint32_t stage)
{
    const struct sim_job *job = oracle->job;
    const struct sim_stage *of = &job->stages[stage];
    bool loose = (of->kind->needs & SIM_NEEDS_REST) != 0;
    if (loose && cut->flight_bytes != 0)
        return;
    uint64_t *keeps = calloc(job->key_count, sizeof *keeps);
    bool *right = calloc(job->key_count, sizeof *right);
    for (uint32_t i = 0; i < cut->value_count; i++) {
        const struct sim_value *value = &cut->values[i];
        if (value->stage == stage && !value->of_operator)
            keeps[value->key] += sim_keep(value->state, value->of, value->value);
    }
    for (uint32_t key = 0; key < job->key_count; key++)
        right[key] = keeps[key] == 0 && (cut->flight_bytes != 0 || cut->kept[key].n == 0);
    for (uint32_t id = 0; id < job->row_count; id++) {
        const struct sim_row *row = &job->rows[id];
        bool last = row->nth == cut->kept[row->key].n;
        bool possible = last || (cut->flight_bytes != 0 && row->nth < cut->kept[row->key].n);
        right[row->key] = right[row->key] || (possible && keeps[row->key] == of->behind[id]);
    }
    for (uint32_t key = 0; key < job->key_count; key++)
        if (!right[key])
            sim_violate(oracle,
                        "S1: checkpoint %llu has counted %lld rows of key k%u%s, and what '%s' "
                        "keeps of it does not follow from them",
                        (unsigned long long)cut->checkpoint, (long long)cut->kept[key].n, key,
                        cut->flight_bytes != 0 ? ", some of them in flight behind that" : "",
                        of->kind->name);
    free(keeps);
    free(right);
}
