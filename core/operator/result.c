// Building the rows that keyed operators emit.
#include "core/operator/result.h"

static int wrong_schema(const struct tm_operator *op, struct tm_error *err)
{
    return tm_error_set(
        err, TM_E_SCHEMA, "operator '%s': its output columns are not the key%s, the results",
        op->node->name, op->node->kind == TM_NODE_WINDOW ? ", window_start, window_end" : "");
}

static bool is_timestamp(const struct tm_schema *schema, uint32_t field)
{
    return field < schema->field_count && schema->fields[field].type.kind == TM_TYPE_TIMESTAMP;
}

int tm__operator_result_init(struct tm__operator_result *result, const struct tm_operator *op,
                             const struct tm_key_reader *reader,
                             const struct tm__operator_aggregates *aggregates,
                             struct tm_schema *schema, bool window, struct tm_error *err)
{
    uint32_t keys = reader->spec.count;
    if (schema->field_count < keys)
        return wrong_schema(op, err);
    for (uint32_t i = 0; i < keys; i++)
        if (!tm_type_equal(reader->schema->fields[reader->spec.fields[i]].type,
                           schema->fields[i].type))
            return wrong_schema(op, err);
    if (window && !(is_timestamp(schema, keys) && is_timestamp(schema, keys + 1)))
        return wrong_schema(op, err);
    uint32_t taken = keys + (window ? 2 : 0);
    for (uint32_t i = 0; i < aggregates->count; i++)
        if (aggregates->items[i].output_field < taken)
            return wrong_schema(op, err);
    bool time = schema->time_field >= 0 && (uint32_t)schema->time_field >= taken;
    for (uint32_t i = 0; i < aggregates->count && time; i++)
        time = aggregates->items[i].output_field != (uint32_t)schema->time_field;
    *result = (struct tm__operator_result){
        .reader = reader,
        .aggregates = aggregates,
        .schema = tm_schema_ref(schema),
        .window = window,
        .time = time,
    };
    return 0;
}

void tm__operator_result_fini(struct tm__operator_result *result)
{
    tm_schema_unref(result->schema);
}

static inline int put_key(const struct tm_key_reader *reader, const struct tm_key *key,
                          struct tm_builder *builder)
{
    if (reader->fast == 1) // one string
        return tm_builder_put_bytes(builder, 0, key->bytes, key->length);
    return tm_key_put(reader, key->bytes, key->length, builder, 0);
}

int tm__operator_result_append(const struct tm__operator_result *result, struct tm_batch *batch,
                               const struct tm__operator_result_row *row,
                               const struct tm__operator_aggregate **culprit)
{
    struct tm_builder builder;
    uint32_t keys = result->reader->spec.count;
    int rc = tm_builder_begin(&builder, batch);
    if (rc != 0)
        return rc;
    rc = put_key(result->reader, row->key, &builder);
    if (result->window) {
        tm_builder_put_int(&builder, keys, row->start);
        tm_builder_put_int(&builder, keys + 1, row->end);
    }
    if (result->time && row->has_time)
        tm_builder_put_int(&builder, (uint32_t)result->schema->time_field, row->time);
    if (rc == 0)
        rc = tm__operator_aggregates_put(result->aggregates, &row->home, row->value, &builder,
                                         culprit);
    if (rc != 0) {
        tm_builder_cancel(&builder);
        return rc;
    }
    return tm_builder_end(&builder);
}

int tm__operator_output_open(struct tm__operator_output *output, struct tm_task_context *ctx,
                             struct tm_schema *schema)
{
    if (output->batch == NULL)
        output->batch = tm_batch_acquire(ctx->pool, schema);
    return output->batch == NULL ? TM_E_MEMORY : 0;
}

bool tm__operator_output_take(struct tm__operator_output *output, const struct tm_operator *op,
                              struct tm_element *out)
{
    struct tm_batch *batch = output->batch;
    if (batch == NULL || batch->row_count == 0)
        return false;
    batch->split = output->split;
    batch->read_ns = output->read_ns;
    tm_metric_add(&op->metrics->rows_out, batch->row_count);
    *out = (struct tm_element){.kind = TM_ELEMENT_BATCH, .batch = batch};
    output->batch = NULL;
    return true;
}

void tm__operator_output_fini(struct tm__operator_output *output)
{
    tm_batch_release(output->batch);
    output->batch = NULL;
}
