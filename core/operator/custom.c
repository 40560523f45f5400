// Custom aggregates: entering the chunks of add and merge, and what accumulators refer to.
#include "core/operator/custom.h"
#include "core/batch/wire.h"
#include "core/operator/cut.h"

static struct tm__operator_home home_of(struct tm__operator_custom *custom, uint8_t **slot,
                                        int side)
{
    size_t index = (size_t)(slot - custom->slots) - 1;
    if (custom->count == 0) // rows, one slot each
        return (struct tm__operator_home){custom->state, custom->namespaces[index],
                                          custom->key_groups[index]};
    return side == 0 ? custom->into : custom->from;
}

static const uint8_t *on_blob(void *arg, uint8_t **slot, int side, const uint8_t *ref)
{
    struct tm__operator_home home = home_of(arg, slot, side);
    return tm_state_blob_get(home.state, home.key_group, (const struct tm_blob *)(const void *)ref);
}

static int on_keep(void *arg, uint8_t **slot, uint8_t *ref, const uint8_t *p, uint32_t length)
{
    struct tm__operator_home home = home_of(arg, slot, 0);
    return tm_state_blob_set(home.state, home.ns, home.key_group, (struct tm_blob *)(void *)ref, p,
                             length);
}

static int on_buckets(void *arg, struct tm_metric_slot *slot)
{
    struct tm__operator_custom *custom = arg;
    return tm_task_buckets(custom->op->ctx, slot);
}

// --- failures ------------------------------------------------------------------------------------

static int tell(struct tm__operator_custom *custom, enum tm_failed failed,
                const struct tm_schema *schema, const struct tm_row *row, int code,
                const char *message, size_t length)
{
    struct tm_operator *op = custom->op;
    struct tm_row_failure failure = {
        .node = op->node,
        .code = code,
        .message = message,
        .message_length = length,
        .schema = schema,
        .row = row,
        .input = failed == TM_FAILED_ROW ? 0 : TM_NO_INPUT,
        .failed = failed,
        .offset = -1,
        .line = -1,
    };
    return tm_task_row_failed(op->ctx, &failure, &custom->failure);
}

static int on_add_failed(void *arg, uint32_t node, const struct tm_row *row, uint32_t row_of,
                         int code, const char *message, size_t length)
{
    struct tm__operator_custom *custom = arg;
    (void)node;
    (void)row_of;
    custom->failed++;
    if (custom->instead != NULL)
        return custom->instead(custom->instead_arg, code, message, length, &custom->failure);
    return tell(custom, TM_FAILED_ROW, custom->input, row, code, message, length);
}

// A row of the input fails where it brings the values together; else what was to be made of some: a
// firing of their window.
static int on_merge_failed(void *arg, uint32_t node, const struct tm_row *row, uint32_t row_of,
                           int code, const char *message, size_t length)
{
    struct tm__operator_custom *custom = arg;
    (void)node;
    (void)row_of;
    bool told = custom->quiet;
    for (uint32_t i = 0; i < custom->count; i++)
        if ((const uint8_t *)row == custom->slots[2 * i + 1]) {
            told |= *custom->spoilt[i] == TM__CUSTOM_TOLD; // of more pairs for one result
            *custom->spoilt[i] = TM__CUSTOM_TOLD;
        }
    if (told)
        return 0;
    if (custom->joining != NULL)
        return tell(custom, TM_FAILED_ROW, custom->input, custom->joining, code, message, length);
    return tell(custom, TM_FAILED_FIRING, NULL, NULL, code, message, length);
}

// --- entering ------------------------------------------------------------------------------------

static int enter(struct tm__operator_custom *custom, struct tm_vm_chain *chain, const uint8_t *in,
                 const uint8_t *in_end, uint32_t rows, struct tm_error *err)
{
    const struct tm_operator *op = custom->op;
    struct tm_chain_ctx *entry = tm_vm_chain_ctx(chain);
    entry->in = in;
    entry->in_end = in_end;
    entry->in_rows = rows;
    entry->slots = custom->slots;
    entry->slot_index = 0;
    entry->now_ms = op->ctx->now_ms;
    return tm__operator_run_all(op, chain, &custom->failure, err);
}

void tm__operator_custom_chunks(const struct tm__operator_custom *custom,
                                struct tm_vm_chain *chunks[TM__CUSTOM_CHUNKS])
{
    chunks[0] = custom == NULL ? NULL : custom->add;
    chunks[1] = custom == NULL ? NULL : custom->merge;
}

// The block's rows are some of a batch's, in order: the chunk walks over all rows between, and
// those that are not of the block have no accumulator.
int tm__operator_custom_add(struct tm__operator_custom *custom, struct tm_state *state,
                            const struct tm__operator_block *block, struct tm_error *err)
{
    custom->state = state;
    custom->failed = 0;
    custom->count = 0;
    for (uint32_t k = 0; k < block->count;) {
        const struct tm_row *row = block->rows[k];
        const uint8_t *first = (const uint8_t *)row;
        uint32_t rows = 0;
        for (; rows < TM__OPERATOR_BLOCK && k < block->count; rows++, row = tm_row_next(row)) {
            custom->slots[rows] = NULL;
            if (row != block->rows[k])
                continue;
            custom->slots[rows] = block->values[k];
            custom->namespaces[rows] = block->namespaces[k];
            custom->key_groups[rows] = tm_state_key_group(state, block->keys[k].hash);
            k++;
        }
        int rc = enter(custom, custom->add, first, (const uint8_t *)row, rows, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

// --- merging -------------------------------------------------------------------------------------

// What an accumulator holds becomes another's, which is new.
static int copy(struct tm__operator_custom *custom, uint8_t *to, const uint8_t *from)
{
    const struct tm__operator_home *into = &custom->into, *out_of = &custom->from;
    const struct tm_schema *schema = custom->schema;
    memcpy(to, from, schema->fixed_bytes);
    for (uint32_t f = 0; schema->has_references && f < schema->field_count; f++) {
        const struct tm_field *field = &schema->fields[f];
        if (!tm_type_is_reference(field->type))
            continue;
        const struct tm_blob *blob = (const struct tm_blob *)(const void *)(from + field->offset);
        struct tm_blob copied = {0};
        int rc = tm_state_blob_set(into->state, into->ns, into->key_group, &copied,
                                   tm_state_blob_get(out_of->state, out_of->key_group, blob),
                                   blob->length);
        if (rc != 0)
            return rc;
        memcpy(to + field->offset, &copied, sizeof copied);
    }
    return 0;
}

int tm__operator_custom_flush(struct tm__operator_custom *custom, struct tm_error *err)
{
    uint32_t count = custom->count;
    if (count == 0)
        return 0;
    int rc = enter(custom, custom->merge, custom->slots[1], custom->slots[1], count, err);
    custom->count = 0;
    return rc;
}

int tm__operator_custom_merge(struct tm__operator_custom *custom, void *to, const void *from,
                              uint64_t *spoilt, struct tm_error *err)
{
    if (tm__operator_custom_is_new(from))
        return 0;
    if (tm__operator_custom_is_new(to))
        return copy(custom, to, from) == 0 ? 0 : tm__operator_out_of_memory(custom->op, err);
    uint32_t i = custom->count++;
    custom->slots[2 * i] = to;
    custom->slots[2 * i + 1] = (uint8_t *)(uintptr_t)from;
    custom->spoilt[i] = spoilt;
    return custom->count == TM__OPERATOR_BLOCK ? tm__operator_custom_flush(custom, err) : 0;
}

int tm__operator_custom_release(const struct tm__operator_custom *custom,
                                const struct tm__operator_home *home, void *value)
{
    const struct tm_schema *schema = custom->schema;
    int rc = 0;
    for (uint32_t f = 0; schema->has_references && f < schema->field_count && rc == 0; f++)
        if (tm_type_is_reference(schema->fields[f].type))
            rc = tm_state_blob_set(
                home->state, home->ns, home->key_group,
                (struct tm_blob *)(void *)((uint8_t *)value + schema->fields[f].offset), "", 0);
    return rc;
}

// --- putting aside -------------------------------------------------------------------------------

// The accumulator as it lies, then what it refers to.
int tm__operator_custom_put_aside(const struct tm__operator_custom *custom,
                                  const struct tm__operator_home *home, const void *value,
                                  struct tm_buf *bytes)
{
    const struct tm_schema *schema = custom->schema;
    int rc = tm_buf_append(bytes, value, schema->fixed_bytes);
    for (uint32_t f = 0; schema->has_references && f < schema->field_count && rc == 0; f++) {
        if (!tm_type_is_reference(schema->fields[f].type))
            continue;
        const struct tm_blob *blob =
            (const void *)((const uint8_t *)value + schema->fields[f].offset);
        if (blob->length != 0)
            rc = tm_buf_append(bytes, tm_state_blob_get(home->state, home->key_group, blob),
                               blob->length);
    }
    return rc;
}

int tm__operator_custom_take_back(const struct tm__operator_custom *custom,
                                  const struct tm__operator_home *home, void *value,
                                  const uint8_t *bytes)
{
    const struct tm_schema *schema = custom->schema;
    const uint8_t *rest = bytes + schema->fixed_bytes;
    int rc = tm__operator_custom_release(custom, home, value);
    if (rc != 0)
        return rc;
    memcpy(value, bytes, schema->fixed_bytes);
    for (uint32_t f = 0; schema->has_references && f < schema->field_count && rc == 0; f++) {
        if (!tm_type_is_reference(schema->fields[f].type))
            continue;
        struct tm_blob *blob = (void *)((uint8_t *)value + schema->fields[f].offset);
        uint32_t length = blob->length;
        *blob = (struct tm_blob){0};
        if (length != 0)
            rc = tm_state_blob_set(home->state, home->ns, home->key_group, blob, rest, length);
        rest += length;
    }
    return rc;
}

// --- results -------------------------------------------------------------------------------------

int tm__operator_custom_put(const struct tm__operator_custom *custom,
                            const struct tm__operator_home *home, const void *value,
                            struct tm_builder *builder)
{
    const struct tm_schema *schema = custom->schema;
    const struct tm_row *row = value;
    int rc = 0;
    for (uint32_t f = 0; f < schema->field_count && rc == 0; f++) {
        const struct tm_field *field = &schema->fields[f];
        uint32_t to = custom->first + f;
        if (tm_row_is_null(row, f))
            continue;
        if (tm_type_is_reference(field->type)) {
            const struct tm_blob *blob = (const void *)((const uint8_t *)value + field->offset);
            const void *bytes = tm_state_blob_get(home->state, home->key_group, blob);
            rc = tm_type_is_nested(field->type)
                     ? tm_builder_put_nested(builder, to, bytes, blob->length)
                     : tm_builder_put_bytes(builder, to, bytes, blob->length);
        } else if (field->type.kind == TM_TYPE_DECIMAL) {
            tm_builder_put_decimal(builder, to, tm_row_decimal(row, field->offset));
        } else {
            tm_builder_put_int(builder, to, tm_row_int(row, field->offset));
        }
    }
    return rc;
}

// --- from outside --------------------------------------------------------------------------------

const char *tm__operator_custom_wrong(const struct tm__operator_custom *custom,
                                      struct tm__operator_seen *seen, const void *value)
{
    const struct tm_schema *schema = custom->schema;
    const struct tm_row *row = value;
    if (row->size_bytes != 0 && row->size_bytes != schema->fixed_bytes)
        return "an accumulator of a wrong size";
    for (uint32_t f = 0; f < schema->field_count; f++) {
        const struct tm_field *field = &schema->fields[f];
        const uint8_t *slot = (const uint8_t *)value + field->offset;
        bool null = row->size_bytes == 0 || tm_row_is_null(row, f);
        if (tm_type_is_reference(field->type)) {
            const struct tm_blob *blob = (const void *)slot;
            const char *wrong = NULL;
            if (!null)
                wrong = tm__operator_bytes_wrong(seen, field, blob);
            else if (tm__operator_seen_blob(seen, blob) == NULL)
                wrong = "a value that is nowhere";
            if (wrong != NULL)
                return wrong;
        } else if (!null && tm_wire_check_value(field, slot, tm_type_slot_bytes(field->type),
                                                &seen->why) != 0) {
            return seen->why.message;
        }
    }
    return NULL;
}

// --- making one ----------------------------------------------------------------------------------

int tm__operator_custom_new(struct tm_operator *op, struct tm_mem *mem,
                            struct tm__operator_custom **made, struct tm_error *err)
{
    struct tm_task_context *ctx = op->ctx;
    const struct tm_node *node = op->node;
    struct tm__operator_custom *custom = tm_mem_zalloc(mem, sizeof *custom);
    if (custom == NULL)
        return tm__operator_out_of_memory(op, err);
    custom->op = op;
    custom->mem = mem;
    *made = custom;
    custom->user_metrics = tm_task_slots(ctx, node->id);
    struct tm_vm_chain_args args = {
        .nodes = &node->id,
        .node_count = 1,
        .subtask = ctx->subtask,
        .parallelism = ctx->chain->parallelism,
        .arg = custom,
        .role = "add",
        .slots_of = custom->user_metrics == NULL ? NULL : &custom->user_metrics,
        .buckets = on_buckets,
        .fail = on_add_failed,
        .blob = on_blob,
        .keep = on_keep,
    };
    int rc = tm_vm_chain_new(ctx->vm, &args, &custom->add, err);
    if (rc != 0 || !tm_node_merges(node))
        return rc;
    args.role = "merge";
    args.fail = on_merge_failed;
    return tm_vm_chain_new(ctx->vm, &args, &custom->merge, err);
}

// Behind it are what the window says to the function behind it, and the time.
static uint32_t end_of_accumulator(const struct tm_schema *output)
{
    uint32_t end = output->time_field < 0 ? output->field_count : (uint32_t)output->time_field;
    while (end != 0 && (strcmp(output->fields[end - 1].name, "$gone") == 0 ||
                        strcmp(output->fields[end - 1].name, "$firing") == 0))
        end--;
    return end;
}

int tm__operator_custom_open(struct tm__operator_custom *custom, const struct tm_schema *output,
                             struct tm__operator_aggregates *aggregates, struct tm_error *err)
{
    const struct tm_operator *op = custom->op;
    struct tm_field_def *defs;
    custom->first = op->node->aggregates[0].output_field;
    uint32_t end = end_of_accumulator(output);
    if (custom->first >= end)
        return tm_error_set(err, TM_E_INTERNAL, "operator '%s': an accumulator without columns",
                            op->node->name);
    uint32_t count = end - custom->first;
    defs = tm_mem_alloc(custom->mem, count * sizeof *defs);
    if (defs == NULL)
        return tm__operator_out_of_memory(op, err);
    for (uint32_t i = 0; i < count; i++)
        defs[i] = (struct tm_field_def){.name = output->fields[custom->first + i].name,
                                        .type = output->fields[custom->first + i].type};
    int rc = tm_schema_new(op->ctx->shared_mem, defs, count, -1, &custom->schema, err);
    tm_mem_free(custom->mem, defs, count * sizeof *defs);
    if (rc != 0)
        return rc;
    *aggregates = (struct tm__operator_aggregates){
        .mem = custom->mem, .custom = custom, .value_bytes = custom->schema->fixed_bytes};
    return 0;
}

void tm__operator_custom_free(struct tm__operator_custom *custom)
{
    if (custom == NULL)
        return;
    if (custom->add != NULL)
        tm_vm_chain_free(custom->add);
    if (custom->merge != NULL)
        tm_vm_chain_free(custom->merge);
    tm_schema_unref(custom->schema);
    tm_mem_free(custom->mem, custom, sizeof *custom);
}
