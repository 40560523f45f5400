// Accumulators in checkpoints: what they are made of, and a look at those that come back. Each has
// a name and a type that say what it holds, not where: a job whose script has other aggregates
// finds those that it still has, and new ones begin with nothing.
#include "core/batch/wire.h"
#include "core/operator/accumulator.h"
#include "core/operator/custom.h"
#include "core/operator/cut.h"

#include <stdio.h>

// --- what they are -------------------------------------------------------------------------------

static const char *text_of(item_t *item)
{
    static const struct {
        uint8_t first, last; // actions
        const char *text;
    } texts[] = {
        {TM__COUNT, TM__COUNT, "count"},
        {TM__SUM_INT, TM__SUM_DECIMAL, "sum"},
        {TM__AVG_INT, TM__AVG_DECIMAL, "avg"},
        {TM__MOMENTS_INT, TM__MOMENTS_DECIMAL, "moments"},
        {TM__DISTINCT_WORD, TM__DISTINCT_BYTES, "distinct"},
        {TM__SKETCH_WORD, TM__SKETCH_BYTES, "approximately distinct"},
        {TM__QUANTILE_INT, TM__QUANTILE_DECIMAL, "quantiles"},
        {TM__LIST_ROWS, TM__LIST_ROWS, "rows"},
        {TM__LIST_WORD, TM__LIST_BYTES, "list"},
        {TM__MIN_INT, TM__MIN_BYTES, "min"},
        {TM__MAX_INT, TM__MAX_BYTES, "max"},
        {TM__FIRST_WORD, TM__FIRST_BYTES, "first"},
        {TM__LAST_WORD, TM__LAST_BYTES, "last"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (item->action >= texts[i].first && item->action <= texts[i].last)
            return texts[i].text;
    return "";
}

static uint32_t bytes_of(item_t *item)
{
    switch (item->action) {
    case TM__SUM_DECIMAL:
    case TM__AVG_DOUBLE:
    case TM__MIN_DECIMAL:
    case TM__MAX_DECIMAL:
    case TM__FIRST_DECIMAL:
    case TM__LAST_DECIMAL:
        return 16;
    case TM__AVG_INT:
    case TM__AVG_DECIMAL:
        return 24;
    case TM__MOMENTS_INT:
        return TM__MOMENTS_INT_BYTES;
    case TM__MOMENTS_DOUBLE:
        return TM__MOMENTS_DOUBLE_BYTES;
    case TM__MOMENTS_DECIMAL:
        return TM__MOMENTS_DECIMAL_BYTES;
    default:
        break;
    }
    if (item->action >= TM__DISTINCT_WORD && item->action <= TM__SKETCH_BYTES)
        return TM__DISTINCT_VALUE_BYTES;
    if (item->action >= TM__QUANTILE_INT && item->action <= TM__QUANTILE_DECIMAL)
        return TM__QUANTILE_VALUE_BYTES;
    return is_list(item) ? TM__LIST_VALUE_BYTES : 8;
}

static bool is_set(item_t *item)
{
    return item->action >= TM__DISTINCT_WORD && item->action <= TM__SKETCH_BYTES;
}

// Has it an accumulator of its own? Results of others' have none: their place is one of those that
// take rows.
static bool has_own(const struct tm__operator_aggregates *aggregates, uint32_t i)
{
    item_t *item = &aggregates->items[i];
    for (uint32_t k = aggregates->first; i < aggregates->first && k < aggregates->total; k++)
        if (aggregates->items[k].offset == item->offset)
            return false;
    return true;
}

// Is it a value that another takes along?
static bool is_along(const struct tm__operator_aggregates *aggregates, uint32_t i)
{
    return i < aggregates->first && has_own(aggregates, i);
}

static struct tm_type type_of(item_t *item, const struct tm_schema *input)
{
    if (item->action == TM__LIST_ROWS)
        return (struct tm_type){.kind = TM_TYPE_STRUCT, .of = (struct tm_schema *)(uintptr_t)input};
    return input->fields[item->field].type;
}

// Those that can be shared are known by the column that they are of, others by theirs.
static void name_of(item_t *item, const struct tm_schema *input, const char *prefix,
                    char name[TM_NAME_MAX + 1])
{
    bool shared = item->action >= TM__MOMENTS_INT && item->action <= TM__QUANTILE_DECIMAL;
    const char *of = shared ? input->fields[item->field].name : item->name;
    const char *what = shared ? text_of(item) : item->output_field == UINT32_MAX ? "by" : "";
    snprintf(name, TM_NAME_MAX + 1, "%s%s%s%s", prefix, what, what[0] == '\0' ? "" : " of ", of);
}

// The blobs of an accumulator, as offsets in it.
static uint32_t blobs_of(item_t *item, uint32_t blobs[2])
{
    blobs[0] = 0;
    if (is_set(item)) {
        int64_t acc[TM__DISTINCT_VALUE_BYTES / 8];
        blobs[1] = (uint32_t)((uint8_t *)tm__operator_distinct_arena(acc) - (uint8_t *)acc);
        return 2;
    }
    return holds_bytes(item) || is_list(item) ||
           (item->action >= TM__QUANTILE_INT && item->action <= TM__QUANTILE_DECIMAL);
}

static void add_item(const struct tm__operator_aggregates *aggregates, uint32_t i,
                     const struct tm_schema *input, const char *prefix,
                     const struct tm_layout_field *place, uint32_t at,
                     struct tm__operator_layout *layout)
{
    item_t *item = &aggregates->items[i];
    char name[TM_NAME_MAX + 1], part[TM_NAME_MAX + 1], what[64];
    uint32_t blobs[2], count = blobs_of(item, blobs), bytes = bytes_of(item), from = 0;
    struct tm_type type = {0};
    struct tm_layout_field field = *place;
    name_of(item, input, prefix, name);
    snprintf(what, sizeof what, "%s%s%s", is_along(aggregates, i) ? "value beside " : "",
             text_of(item), is_list(item) && item->ordered ? " by arrival" : "");
    if (item->action != TM__COUNT)
        type = type_of(item, input);
    if (item->present != 0) {
        field.present_bit = (uint32_t)__builtin_ctzll(item->present);
        field.present_at = at + item->present_offset;
    }
    for (uint32_t b = 0; b <= count; b++) { // each blob, and the bytes before the next one
        uint32_t end = b < count ? blobs[b] : bytes;
        if (end != from) {
            field.kind = TM_LAYOUT_BYTES;
            field.offset = at + item->offset + from;
            field.bytes = end - from;
            snprintf(part, sizeof part, b == 0 ? "%.*s" : "%.*s behind %u", TM_NAME_MAX - 16, name,
                     b);
            tm__operator_layout_add(layout, &field, part, what,
                                    item->action == TM__COUNT ? NULL : &type);
        }
        if (b == count)
            break;
        field.kind = TM_LAYOUT_BLOB;
        field.offset = at + item->offset + end;
        field.bytes = sizeof(struct tm_blob);
        snprintf(part, sizeof part, b == 0 ? "%.*s" : "%.*s, %u", TM_NAME_MAX - 16, name, b);
        tm__operator_layout_add(layout, &field, part, what, &type);
        from = end + (uint32_t)sizeof(struct tm_blob);
    }
    if (item->arrival_offset == 0)
        return;
    field.kind = TM_LAYOUT_BYTES;
    field.offset = at + item->arrival_offset;
    field.bytes = sizeof(uint64_t);
    field.present_bit = UINT32_MAX;
    field.present_at = 0;
    snprintf(part, sizeof part, "%.*s, arrival", TM_NAME_MAX - 16, name);
    tm__operator_layout_add(layout, &field, part, "number of a row", NULL);
}

// An accumulator of the job's own is one thing: its row says in its first words which values are
// there.
static void add_custom(const struct tm__operator_custom *custom, const char *prefix,
                       const struct tm_layout_field *place, uint32_t at,
                       struct tm__operator_layout *layout)
{
    const struct tm_schema *schema = custom->schema;
    const struct tm_type type = {.kind = TM_TYPE_STRUCT,
                                 .of = (struct tm_schema *)(uintptr_t)schema};
    struct tm_layout_field field = *place;
    field.offset = at;
    field.bytes = schema->fields[0].offset;
    char name[TM_NAME_MAX + 1];
    snprintf(name, sizeof name, "%saccumulator", prefix);
    tm__operator_layout_add(layout, &field, name, "row", &type);
    for (uint32_t f = 0; f < schema->field_count; f++) {
        bool reference = tm_type_is_reference(schema->fields[f].type);
        field.kind = reference ? TM_LAYOUT_BLOB : TM_LAYOUT_BYTES;
        field.offset = at + schema->fields[f].offset;
        field.bytes = tm_type_slot_bytes(schema->fields[f].type);
        snprintf(name, sizeof name, "%saccumulator.%s", prefix, schema->fields[f].name);
        tm__operator_layout_add(layout, &field, name, "value", &schema->fields[f].type);
    }
}

void tm__operator_aggregates_layout(const struct tm__operator_aggregates *aggregates,
                                    const struct tm_schema *input, const char *prefix,
                                    const struct tm_layout_field *place, uint32_t at,
                                    struct tm__operator_layout *layout)
{
    if (aggregates->custom != NULL) {
        add_custom(aggregates->custom, prefix, place, at, layout);
        return;
    }
    for (uint32_t i = 0; i < aggregates->total; i++)
        if (has_own(aggregates, i))
            add_item(aggregates, i, input, prefix, place, at, layout);
}

// --- from outside --------------------------------------------------------------------------------

bool tm__operator_aggregates_can_be_wrong(const struct tm__operator_aggregates *aggregates)
{
    bool can = aggregates->custom != NULL;
    for (uint32_t i = 0; i < aggregates->total && !can; i++)
        can = aggregates->items[i].action != TM__COUNT &&
              aggregates->items[i].action != TM__SUM_DOUBLE &&
              aggregates->items[i].action != TM__AVG_DOUBLE;
    return can;
}

static const char *wrong_decimal(const uint8_t *acc)
{
    const __int128 max = (__int128)10000000000000000000u * 10000000000000000000u - 1;
    __int128 value = get_decimal(acc);
    return value > max || value < -max ? "a decimal with too many digits" : NULL;
}

static const char *wrong_slot(item_t *item, const struct tm_schema *input,
                              struct tm__operator_seen *seen, const uint8_t *value)
{
    const struct tm_field *field = &input->fields[item->field];
    const uint8_t *acc = value + item->offset;
    if (!is_present(item, value))
        return NULL;
    return tm_wire_check_value(field, acc, tm_type_slot_bytes(field->type), &seen->why) == 0
               ? NULL
               : seen->why.message;
}

static const char *wrong_item(item_t *item, const struct tm_schema *input,
                              struct tm__operator_seen *seen, const uint8_t *value)
{
    const uint8_t *acc = value + item->offset;
    switch (item->action) {
    case TM__COUNT:
    case TM__SUM_INT64:
    case TM__SUM_DOUBLE:
    case TM__AVG_INT:
    case TM__AVG_DOUBLE:
    case TM__MOMENTS_INT:
    case TM__MOMENTS_DOUBLE:
    case TM__MOMENTS_DECIMAL:
        return NULL;
    case TM__SUM_DECIMAL:
    case TM__AVG_DECIMAL:
        return wrong_decimal(acc);
    case TM__QUANTILE_INT:
    case TM__QUANTILE_DOUBLE:
    case TM__QUANTILE_DECIMAL:
        return tm__operator_quantile_wrong(seen, acc);
    case TM__LIST_ROWS:
        return tm__operator_list_wrong(item, NULL, seen, acc);
    case TM__LIST_WORD:
    case TM__LIST_DECIMAL:
    case TM__LIST_BYTES:
        return tm__operator_list_wrong(item, &input->fields[item->field], seen, acc);
    default:
        break;
    }
    if (is_set(item))
        return tm__operator_distinct_wrong(item, seen, acc);
    if (!holds_bytes(item)) // a sum of int is one too
        return wrong_slot(item, input, seen, value);
    const struct tm_blob *blob = (const void *)acc;
    if (is_present(item, value))
        return tm__operator_bytes_wrong(seen, &input->fields[item->field], blob);
    return tm__operator_seen_blob(seen, blob) == NULL ? "a value that is nowhere" : NULL;
}

const char *tm__operator_aggregates_wrong(const struct tm__operator_aggregates *aggregates,
                                          const struct tm_schema *input,
                                          struct tm__operator_seen *seen, const void *value)
{
    if (aggregates->custom != NULL)
        return tm__operator_custom_wrong(aggregates->custom, seen, value);
    const char *wrong = NULL;
    for (uint32_t i = 0; i < aggregates->total && wrong == NULL; i++)
        if (has_own(aggregates, i))
            wrong = wrong_item(&aggregates->items[i], input, seen, value);
    return wrong;
}
