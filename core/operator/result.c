// Building the rows that keyed operators emit.
#include "core/operator/result.h"

#include "core/base/limits.h"
#include "core/operator/accumulator.h"

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

static bool is_plain(const struct tm__operator_result *result)
{
    if (result->aggregates->custom != NULL)
        return false;
    for (uint32_t i = 0; i < result->aggregates->count; i++)
        if (is_made_of_blobs(&result->aggregates->items[i]))
            return false;
    return result->reader->fast != 0;
}

// A row that is all null but for what every row has. Its end is padded, so that it can be copied in
// steps of 32 bytes.
static int make_blank(struct tm__operator_result *result, const struct tm_operator *op,
                      struct tm_error *err)
{
    const struct tm_schema *schema = result->schema;
    result->blank_bytes = (schema->fixed_bytes + (size_t)31) & ~(size_t)31;
    result->blank = tm_mem_zalloc(result->mem, result->blank_bytes);
    if (result->blank == NULL)
        return tm__operator_out_of_memory(op, err);
    struct tm_row *row = (struct tm_row *)(void *)result->blank;
    for (uint32_t f = 0; f < schema->field_count; f++)
        row->nulls[f >> 6] |= (uint64_t)1 << (f & 63);
    row->size_bytes = schema->fixed_bytes;
    row->nulls[0] &= ~(result->window ? (uint64_t)7 : (uint64_t)1);
    for (uint32_t i = 0; i < result->aggregates->count; i++) {
        const struct tm__operator_aggregate *item = &result->aggregates->items[i];
        if (item->action == TM__COUNT) // never null
            row->nulls[item->output_field >> 6] &= ~((uint64_t)1 << (item->output_field & 63));
    }
    result->key_offset = schema->fields[0].offset;
    if (result->window) {
        result->start_offset = schema->fields[1].offset;
        result->end_offset = schema->fields[2].offset;
    }
    if (result->time)
        result->time_offset = schema->fields[schema->time_field].offset;
    if (result->time && result->window) // each of its rows has one
        row->nulls[schema->time_field >> 6] &= ~((uint64_t)1 << (schema->time_field & 63));
    return 0;
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
        .mem = op->ctx->mem,
    };
    return is_plain(result) ? make_blank(result, op, err) : 0;
}

void tm__operator_result_fini(struct tm__operator_result *result)
{
    if (result->mem != NULL)
        tm_mem_free(result->mem, result->blank, result->blank_bytes);
    tm_schema_unref(result->schema);
}

// --- plain rows ----------------------------------------------------------------------------------

// `string`: what the key is, a constant where this is called.
static inline __attribute__((always_inline)) int put_plain(
    const struct tm__operator_result *result, struct tm_batch *batch,
    const struct tm__operator_result_row *row, const struct tm_key *key, const void *value,
    const struct tm__operator_aggregate **culprit, bool string)
{
    size_t size = result->schema->fixed_bytes;
    if (string)
        size += (key->length + (size_t)7) & ~(size_t)7;
    if (TM_UNLIKELY(size > TM_ROW_BYTES_MAX))
        return TM_E_LIMIT;
    int rc = tm_batch_reserve(batch, size); // and 64 bytes behind it
    if (TM_UNLIKELY(rc != 0))
        return rc;
    uint8_t *to = batch->data + batch->size_bytes;
    put_blank(to, result->blank, result->blank_bytes, (uint32_t)size);
    if (string)
        put_string(to, result->key_offset, result->schema->fixed_bytes, key->bytes, key->length);
    else
        memcpy(to + result->key_offset, key->bytes, 8);
    if (result->window) {
        set_int(to + result->start_offset, row->start);
        set_int(to + result->end_offset, row->end);
        if (result->time)
            set_int(to + result->time_offset, row->time);
    } else if (result->time && row->has_time)
        put_time(to, (uint32_t)result->schema->time_field, result->time_offset, row->time);
    const struct tm__operator_aggregate *item = result->aggregates->items;
    for (const struct tm__operator_aggregate *end = item + result->aggregates->count; item != end;
         item++) {
        if (item->action == TM__COUNT) { // not null in the blank row
            set_int(to + item->output_offset, get_int((const uint8_t *)value + item->offset));
            continue;
        }
        rc = put_slot(item, value, to);
        if (TM_UNLIKELY(rc != 0)) {
            *culprit = item;
            return rc;
        }
    }
    batch->size_bytes += size;
    batch->row_count++;
    return 0;
}

static int append_plain(const struct tm__operator_result *result, struct tm_batch *batch,
                        const struct tm__operator_result_row *row,
                        const struct tm__operator_aggregate **culprit)
{
    return result->reader->fast == 1
               ? put_plain(result, batch, row, row->key, row->value, culprit, true)
               : put_plain(result, batch, row, row->key, row->value, culprit, false);
}

int tm__operator_result_append_some(const struct tm__operator_result *result,
                                    struct tm_batch *batch,
                                    const struct tm__operator_result_row *row,
                                    const struct tm_key *keys, const void *const *values,
                                    uint32_t count, uint32_t *done,
                                    const struct tm__operator_aggregate **culprit)
{
    int rc = 0;
    uint32_t i = 0;
    if (result->reader->fast == 1)
        for (; rc == 0 && i < count && !tm_batch_is_full(batch); i++)
            rc = put_plain(result, batch, row, &keys[i], values[i], culprit, true);
    else
        for (; rc == 0 && i < count && !tm_batch_is_full(batch); i++)
            rc = put_plain(result, batch, row, &keys[i], values[i], culprit, false);
    *done = i;
    return rc;
}

// --- all rows ------------------------------------------------------------------------------------

int tm__operator_result_append(const struct tm__operator_result *result, struct tm_batch *batch,
                               const struct tm__operator_result_row *row,
                               const struct tm__operator_aggregate **culprit)
{
    if (TM_LIKELY(result->blank != NULL))
        return append_plain(result, batch, row, culprit);
    struct tm_builder builder;
    *culprit = NULL;
    uint32_t keys = result->reader->spec.count;
    int rc = tm_builder_begin(&builder, batch);
    if (rc != 0)
        return rc;
    rc = tm_key_put(result->reader, row->key->bytes, row->key->length, &builder, 0);
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

// --- rows that cannot be made
// ----------------------------------------------------------------------

const struct tm_row *tm__operator_result_show(const struct tm__operator_result *result,
                                              struct tm_batch *batch,
                                              const struct tm__operator_result_row *row)
{
    struct tm_builder builder;
    uint32_t keys = result->reader->spec.count;
    if (batch == NULL || tm_builder_begin(&builder, batch) != 0)
        return NULL;
    int rc = tm_key_put(result->reader, row->key->bytes, row->key->length, &builder, 0);
    if (result->window) {
        tm_builder_put_int(&builder, keys, row->start);
        tm_builder_put_int(&builder, keys + 1, row->end);
    }
    if (rc != 0) {
        tm_builder_cancel(&builder);
        return NULL;
    }
    return tm_builder_end(&builder) == 0 ? tm_batch_first(batch) : NULL;
}

int tm__operator_result_failed(const struct tm__operator_result *result,
                               const struct tm_operator *op,
                               const struct tm__operator_result_row *row, int code,
                               struct tm_error *err, const char *fmt, ...)
{
    struct tm_batch *batch = tm_batch_acquire(op->ctx->pool, result->schema);
    va_list args;
    va_start(args, fmt);
    int rc =
        tm__operator_failed(op, TM_FAILED_FIRING, result->schema,
                            tm__operator_result_show(result, batch, row), code, err, fmt, args);
    va_end(args);
    tm_batch_release(batch);
    return rc;
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
