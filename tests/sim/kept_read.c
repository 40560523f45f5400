// Reading what stages keep: records of every part of an operator that is a state, and timers, as
// numbers. What stands where in them is what the checkpoint's layouts say; what cells of windows
// and what runs along with slices begin with is that of core/operator.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/batch/row.ffi.h"
#include "core/state/timers.h"
#include "tests/sim/kept.h"
#include "tests/sim/kinds.h"

// --- a part --------------------------------------------------------------------------------------

static int take_records(const struct tm_layout *layout, struct tm_state *state,
                        sim_each_record *each, void *arg, struct tm_error *err)
{
    uint32_t groups, first, last;
    tm_state_key_groups(state, &groups, &first, &last);
    for (struct tm_namespace *ns = tm_state_namespace_first(state); ns != NULL;
         ns = tm_state_namespace_next(ns)) {
        uint64_t left = tm_state_namespace_size(ns);
        for (uint32_t group = first; group <= last && left != 0; group++) {
            const struct tm_place place = {state, ns, group};
            struct tm_state_cursor cursor;
            struct tm_key key;
            const void *record;
            tm_state_iterate(state, ns, group, &cursor);
            for (; tm_state_next(&cursor, &key, &record); left--) {
                int rc = each(arg, layout, &place, &key, record, err);
                if (rc != 0)
                    return rc;
            }
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
    uint32_t lane; // of the record
    int64_t at;    // of the slice, or the cell
    // Of a record: the cell that lies in it is there; what is counted in the cell is; what stands
    // in it is the sum of cells that have been taken.
    bool has_cell, filled, summed;
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

static void add(struct taking *t, const char *state, int64_t of, int64_t value)
{
    struct sim_cut *cut = t->cut;
    if (cut->value_count == cut->value_capacity) {
        cut->value_capacity = cut->value_capacity == 0 ? 256 : 2 * cut->value_capacity;
        cut->values = realloc(cut->values, cut->value_capacity * sizeof *cut->values);
    }
    struct sim_value *kept = &cut->values[cut->value_count++];
    *kept = (struct sim_value){.stage = t->stage,
                               .of_operator = t->of_operator,
                               .key = t->lane,
                               .at = t->at,
                               .of = of,
                               .value = value};
    const char *const *renamed = t->job->stages[t->stage].kind->renames;
    state = renamed[0] != NULL && strcmp(state, renamed[0]) == 0 ? renamed[1] : state;
    snprintf(kept->state, sizeof kept->state, "%.20s", state);
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
        add(t, t->field->name, i,
            number_of(t->field->type + strlen("list("), value.bytes, value.length));
    }
    return 0;
}

// Keys are numbers, or texts of a letter and a number.
static int64_t number_in_map(const char *type, const struct tm_key *key)
{
    char text[16];
    if (strncmp(type, "map(string", 10) != 0)
        return number_of("int64", key->bytes, key->length);
    snprintf(text, sizeof text, "%.*s", (int)key->length, (const char *)key->bytes);
    return strtoll(text + 1, NULL, 10);
}

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
        add(t, t->field->name, number_in_map(t->field->type, &key),
            number_of(type + 1, value.bytes, value.length));
        count++;
    }
    return count == map.count ? 0
                              : tm_error_set(err, TM_E_CHECKPOINT,
                                             "the map '%s' says that it has %u entries, of %u",
                                             t->field->name, map.count, count);
}

// A whole row of the columns id, key, value; or a text that is a number.
static void take_blob(struct taking *t, const struct tm_place *place, const uint8_t *head)
{
    struct tm_blob blob;
    memcpy(&blob, head, sizeof blob);
    if (blob.length == 0)
        return;
    const uint8_t *bytes = tm_state_blob_get(place->state, place->key_group, &blob);
    if ((t->job->stages[t->stage].kind->keeps & SIM_KEEPS_ROWS) != 0)
        for (uint32_t column = 0; column <= 2; column += 2)
            add(t, t->field->name, column,
                number_of("int64", bytes + sizeof(struct tm_row) + 8 * column, 8));
    else if (strncmp(t->field->type, "string", 6) == 0)
        add(t, t->field->name, 0, number_of("string", bytes, blob.length));
}

// --- what windows say of themselves --------------------------------------------------------------

// In front of a cell: start, end, flags.
static void take_window(struct taking *t, const uint8_t *head)
{
    enum { FILLED = 4 };
    int64_t bounds[2];
    uint32_t flags;
    memcpy(bounds, head, sizeof bounds);
    memcpy(&flags, head + sizeof bounds, sizeof flags);
    t->at = bounds[0] == INT64_MIN ? 0 : bounds[0];
    t->filled = (flags & FILLED) != 0;
    if ((t->job->stages[t->stage].kind->keeps & SIM_KEEPS_ENDS) != 0 && t->filled)
        add(t, "$end", 0, bounds[1]);
}

// Those that a model has. False: it is a value as others are.
static bool take_own(struct taking *t, const uint8_t *bytes)
{
    const struct tm_layout_field *field = t->field;
    int64_t first = field->bytes < sizeof first ? 0 : number_of("int64", bytes, sizeof first);
    uint64_t second;
    if (strcmp(field->name, "$window") == 0) {
        take_window(t, bytes);
    } else if (strcmp(field->name, "$rows of the key") == 0) { // and whether there is one cell
        memcpy(&second, bytes + sizeof first, sizeof second);
        t->has_cell = second != 0;
        if (first != 0)
            add(t, "$rows", 0, first);
    } else if (strcmp(field->name, "$times") == 0 || strcmp(field->name, "$slice") == 0) {
        t->at = first;
    } else if (strcmp(field->name, "$count") == 0 || strncmp(field->name, "$trigger.", 9) == 0) {
        if (first != 0)
            add(t, field->name, 0, first);
    } else {
        return field->name[0] == '$' && strncmp(field->name, "$rows", 5) != 0;
    }
    return true;
}

// --- fields --------------------------------------------------------------------------------------

static bool is_there(const struct tm_layout_field *field, const uint8_t *value)
{
    uint64_t there;
    if (field->present_bit == UINT32_MAX)
        return true;
    memcpy(&there, value + field->present_at, sizeof there);
    return (there >> field->present_bit & 1) != 0;
}

// Lists of rows say how many they are behind where they lie.
static void take_rows(struct taking *t, const uint8_t *bytes)
{
    uint32_t count;
    memcpy(&count, bytes, sizeof count);
    if (count != 0)
        add(t, "rows", 0, count);
}

static int take_field(struct taking *t, const struct tm_place *place, const uint8_t *value,
                      struct tm_error *err)
{
    const struct tm_layout_field *field = t->field;
    const uint8_t *bytes = value + field->offset;
    if (field->kind == TM_LAYOUT_BYTES && take_own(t, bytes))
        return 0;
    if (!is_there(field, value) || !t->filled || strstr(field->name, ", arrival") != NULL)
        return 0;
    if (field->kind == TM_LAYOUT_LIST)
        return take_list(t, place, bytes, err);
    if (field->kind == TM_LAYOUT_MAP)
        return take_map(t, place, bytes, err);
    if (field->kind == TM_LAYOUT_BLOB)
        take_blob(t, place, bytes);
    else if (field->bytes == 16 && (field->name[0] == '$' || strncmp(field->type, "rows", 4) == 0))
        take_rows(t, bytes);
    else if (field->bytes == sizeof(int64_t))
        add(t, field->name, 0, number_of(field->type, bytes, field->bytes));
    return 0;
}

static int take_fields(struct taking *t, const struct tm_layout *layout,
                       const struct tm_place *place, uint32_t inside, const uint8_t *value,
                       struct tm_error *err);

// Slices that run along say in front of them which of their places are in use.
static void find_in_use(const struct tm_layout *layout, uint32_t items, const uint8_t *head,
                        uint32_t *first, uint32_t *count)
{
    for (uint32_t f = 0; f < layout->field_count; f++)
        if (layout->fields[f].inside == items && strcmp(layout->fields[f].name, "$stacks") == 0) {
            memcpy(first, head, sizeof *first);
            memcpy(count, head + sizeof *first, sizeof *count);
        }
}

static int take_items(struct taking *t, const struct tm_layout *layout,
                      const struct tm_place *place, uint32_t items, const uint8_t *head,
                      struct tm_error *err)
{
    const struct tm_layout_field *field = t->field;
    struct tm_blob blob;
    memcpy(&blob, head, sizeof blob);
    if (blob.length == 0)
        return 0;
    const uint8_t *bytes = tm_state_blob_get(place->state, place->key_group, &blob);
    uint32_t first = 0, count = (blob.length - field->head_bytes) / field->value_bytes;
    uint32_t room = count;
    int rc = 0;
    find_in_use(layout, items, bytes, &first, &count);
    t->summed = true;
    if (first > room || count > room - first)
        return tm_error_set(err, TM_E_CHECKPOINT, "'%s' has %u items from %u on in room for %u",
                            field->name, count, first, room);
    for (uint32_t i = first; i < first + count && rc == 0; i++)
        rc = take_fields(t, layout, place, items,
                         bytes + field->head_bytes + (size_t)i * field->value_bytes, err);
    return rc;
}

// Fields of the record, or of an item that it has.
static int take_fields(struct taking *t, const struct tm_layout *layout,
                       const struct tm_place *place, uint32_t inside, const uint8_t *value,
                       struct tm_error *err)
{
    int rc = 0;
    for (uint32_t f = 0; f < layout->field_count && rc == 0; f++) {
        const struct tm_layout_field *field = &layout->fields[f];
        bool in_items = inside != 0 || field->kind == TM_LAYOUT_ITEMS;
        if (field->inside != inside || field->in_head || (!in_items && (!t->has_cell || t->summed)))
            continue;
        t->field = field;
        rc = field->kind == TM_LAYOUT_ITEMS
                 ? take_items(t, layout, place, f + 1, value + field->offset, err)
                 : take_field(t, place, value, err);
    }
    return rc;
}

// --- records -------------------------------------------------------------------------------------

static int take_lane(struct taking *t, const void *bytes, uint32_t length, struct tm_error *err)
{
    const struct sim_kind *kind = t->job->stages[t->stage].kind;
    bool groups = (kind->keeps & SIM_KEEPS_GROUPS) != 0;
    char text[16], letter = '\0';
    snprintf(text, sizeof text, "%.*s", (int)length, (const char *)bytes);
    if (sscanf(text, "%c%u", &letter, &t->lane) != 2 || letter != (groups ? 'g' : 'k') ||
        t->lane >= (groups ? t->job->group_count : t->job->key_count))
        return tm_error_set(err, TM_E_CHECKPOINT, "the stage '%s' has the key '%s'", kind->name,
                            text);
    return 0;
}

// A text of an identity: that it is there, its length, its bytes. NULL: it is none.
static const uint8_t *text_of(const uint8_t *bytes, const uint8_t *end, uint32_t *length)
{
    enum { HEAD = 5 };
    if (end - bytes < HEAD || bytes[0] != 1)
        return NULL;
    memcpy(length, bytes + 1, sizeof *length);
    return *length <= (size_t)(end - bytes - HEAD) ? bytes + HEAD : NULL;
}

// A key and a group.
static int take_pair(struct taking *t, const struct tm_key *key, struct tm_error *err)
{
    const uint8_t *end = (const uint8_t *)key->bytes + key->length;
    uint32_t first = 0, second = 0, group;
    const uint8_t *of_key = text_of(key->bytes, end, &first);
    const uint8_t *of_group = of_key == NULL ? NULL : text_of(of_key + first, end, &second);
    char text[16] = "";
    if (of_group != NULL && of_group + second == end)
        snprintf(text, sizeof text, "%.*s", (int)second, (const char *)of_group);
    if (sscanf(text, "g%u", &group) != 1 || group >= t->job->group_count)
        return tm_error_set(err, TM_E_CHECKPOINT, "an identity has the group '%s'", text);
    int rc = take_lane(t, of_key, first, err);
    if (rc == 0)
        add(t, "identity", group, 1);
    return rc;
}

static int take_record(void *arg, const struct tm_layout *layout, const struct tm_place *place,
                       const struct tm_key *key, const uint8_t *record, struct tm_error *err)
{
    struct taking *t = arg;
    int rc = 0;
    t->lane = UINT32_MAX;
    t->at = tm_state_namespace_id(place->ns);
    t->has_cell = t->filled = true;
    t->summed = false;
    if ((t->job->stages[t->stage].kind->keeps & SIM_KEEPS_PAIRS) != 0)
        return take_pair(t, key, err);
    if (!t->of_operator)
        rc = take_lane(t, key->bytes, key->length, err);
    return rc == 0 ? take_fields(t, layout, place, 0, record, err) : rc;
}

// --- timers --------------------------------------------------------------------------------------

struct timing {
    struct taking *taking;
    struct tm_error *err;
    int rc;
};

static int add_timer(struct taking *t, enum tm_timer_domain domain, int64_t time, const void *key,
                     uint32_t length, struct tm_error *err)
{
    int rc = take_lane(t, key, length, err);
    t->at = time;
    if (rc == 0)
        add(t, domain == TM_TIMER_EVENT ? "$timer" : "$timer of the clock", 0, 1);
    return rc;
}

static bool take_timer(void *arg, const struct tm_timer *timer)
{
    struct timing *timing = arg;
    timing->rc = add_timer(timing->taking, TM_TIMER_EVENT, timer->time, timer->key.bytes,
                           timer->key.length, timing->err);
    return timing->rc == 0;
}

static bool take_clock_timer(void *arg, const struct tm_timer *timer)
{
    struct timing *timing = arg;
    timing->rc = add_timer(timing->taking, TM_TIMER_PROCESSING, timer->time, timer->key.bytes,
                           timer->key.length, timing->err);
    return timing->rc == 0;
}

static int take_timers(struct taking *t, struct tm_mem *mem, const struct tm_restored *restored,
                       const struct tm_manifest_operator *op, const char *part,
                       struct tm_error *err)
{
    const uint32_t groups = tm_restored_manifest(restored)->max_parallelism;
    const struct tm_timers_args args = {
        .mem = mem, .max_parallelism = groups, .last_key_group = groups - 1};
    struct timing timing = {.taking = t, .err = err};
    struct tm_timers *timers;
    int rc = tm_timers_new(&args, &timers, err);
    if (rc != 0)
        return rc;
    rc = tm_restored_timers(restored, op->name, part, timers, err);
    for (uint32_t group = 0; group < groups && rc == 0; group++) {
        tm_timers_walk(timers, TM_TIMER_EVENT, group, take_timer, &timing);
        if (timing.rc == 0)
            tm_timers_walk(timers, TM_TIMER_PROCESSING, group, take_clock_timer, &timing);
        rc = timing.rc;
    }
    tm_timers_free(timers);
    return rc;
}

// One that was out of the set and had not fired: hash, time, lengths of key and name, domain, and
// then the key.
static int take_due(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                    struct tm_error *err)
{
    enum { HASH_AND_TIME = 16, HEAD = 32 };
    struct taking *t = arg;
    uint32_t words[4];
    int64_t time;
    (void)old_subtask;
    if (size < HEAD)
        return tm_error_set(err, TM_E_CHECKPOINT, "a timer is cut short");
    memcpy(&time, (const uint8_t *)bytes + 8, sizeof time);
    memcpy(words, (const uint8_t *)bytes + HASH_AND_TIME, sizeof words);
    if (words[0] > size - HEAD)
        return tm_error_set(err, TM_E_CHECKPOINT, "a timer is cut short");
    return add_timer(t, words[2] == 0 ? TM_TIMER_EVENT : TM_TIMER_PROCESSING, time,
                     (const uint8_t *)bytes + HEAD, words[0], err);
}

// --- how far time has come -----------------------------------------------------------------------

struct far {
    int64_t *furthest;
    size_t at; // of the time in the item
};

static int take_time(void *arg, uint32_t old_subtask, const void *bytes, size_t size,
                     struct tm_error *err)
{
    struct far *far = arg;
    int64_t time;
    (void)old_subtask;
    if (size < far->at + sizeof time)
        return tm_error_set(err, TM_E_CHECKPOINT, "a time is cut short");
    memcpy(&time, (const uint8_t *)bytes + far->at, sizeof time);
    *far->furthest = time > *far->furthest ? time : *far->furthest;
    return 0;
}

static int take_times(struct sim_cut *cut, uint32_t stage, const struct tm_restored *restored,
                      const char *operator_name, struct tm_error *err)
{
    static const struct {
        const char *part;
        size_t at; // windows say in front of it by how many they are
    } times[] = {{"times", 0}, {"window time", 16}, {"window groups", 32}};
    const struct tm_restored_for who = {.operator_name = operator_name, .parallelism = 1};
    int rc = 0;
    for (size_t i = 0; i < sizeof times / sizeof times[0] && rc == 0; i++) {
        struct far far = {&cut->furthest[stage], times[i].at};
        rc = tm_restored_items(restored, &who, times[i].part, take_time, &far, err);
    }
    return rc;
}

// --- an operator ---------------------------------------------------------------------------------

bool sim_kept_is_of(const struct sim_stage *stage, const char *operator_name)
{
    size_t length = strlen(stage->kind->name);
    if (strncmp(operator_name, stage->kind->name, length) != 0)
        return false;
    const char *rest = operator_name + length;
    return rest[0] == '\0' || strcmp(rest, "_1") == 0 || strcmp(rest, "_2") == 0;
}

static int read_stage(struct taking *t, const struct tm_restored *restored, struct tm_mem *mem,
                      const struct tm_manifest_operator *op, struct tm_error *err)
{
    static const char *const states[] = {"keyed",    "function",   "aggregates",
                                         "rankings", "identities", "slices",
                                         "running",  "windows",    "draws"};
    const struct tm_restored_for who = {.operator_name = op->name, .parallelism = 1};
    int rc = 0;
    for (size_t i = 0; i < sizeof states / sizeof states[0] && rc == 0; i++)
        rc = sim_kept_each(restored, mem, op, states[i], take_record, t, err);
    t->of_operator = true;
    if (rc == 0)
        rc = sim_kept_each(restored, mem, op, "operator", take_record, t, err);
    t->of_operator = false;
    for (uint32_t p = 0; p < op->part_count && rc == 0; p++)
        if (op->parts[p].kind == TM_PART_TIMERS)
            rc = take_timers(t, mem, restored, op, op->parts[p].name, err);
    return rc == 0 ? tm_restored_items(restored, &who, "due", take_due, t, err) : rc;
}

int sim_kept_read(struct sim_cut *cut, const struct sim_job *job,
                  const struct tm_restored *restored, struct tm_mem *mem,
                  const struct tm_manifest_operator *op, struct tm_error *err)
{
    int rc = 0;
    for (uint32_t s = 0; s < job->stage_count && rc == 0; s++) {
        struct taking taking = {.cut = cut, .job = job, .stage = s};
        if (job->stages[s].kind->kept == NULL || !sim_kept_is_of(&job->stages[s], op->name))
            continue;
        cut->stages |= 1u << s;
        rc = read_stage(&taking, restored, mem, op, err);
        if (rc == 0)
            rc = take_times(cut, s, restored, op->name, err);
    }
    return rc;
}
