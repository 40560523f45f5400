// A sink that keeps its rows for the test, each with what it came of.
#include "core/base/limits.h"
#include "core/kit/kit_private.h"

struct kit_sink {
    struct tm_sink base;
    struct tm_kit *kit;
};

// The key that rows of `node` were made under: the columns of the nearest keyed operator above.
static const struct tm_node *keyed_above(const struct tm_graph *graph, const struct tm_node *node)
{
    while (node->input_count != 0 && node->key.count == 0)
        node = &graph->nodes[node->inputs[0]];
    return node->key.count == 0 ? NULL : node;
}

static void find_key(struct tm_kit *kit, const struct tm_node *node, const struct tm_schema *schema)
{
    struct tm__kit_end *end = &kit->ends[node->id];
    const struct tm_graph *graph = kit->drive.graph;
    const struct tm_node *keyed = keyed_above(graph, node);
    struct tm_key_spec spec = {0};
    end->key_known = true;
    end->keyed = keyed != NULL;
    const struct tm_schema *input =
        keyed == NULL ? NULL : tm_node_schema(&graph->nodes[keyed->inputs[0]]);
    for (uint32_t i = 0; input != NULL && i < keyed->key.count; i++) {
        const char *name = input->fields[keyed->key.fields[i]].name;
        int32_t field = tm_schema_find(schema, name, strlen(name));
        if (field < 0)
            return;
        spec.fields[spec.count++] = (uint32_t)field;
    }
    tm_key_reader_init(&end->key, schema, &spec);
}

static uint8_t *copy(struct tm_kit *kit, const void *bytes, uint32_t size)
{
    uint8_t *p = tm_mem_alloc(&kit->mem, size == 0 ? 1 : size);
    if (p != NULL)
        memcpy(p, bytes, size);
    return p;
}

static int keep_key(struct tm_kit *kit, const struct tm__kit_end *end, const struct tm_row *row,
                    struct tm_kit_row *kept)
{
    struct tm_key key;
    if (end->key.spec.count == 0 || tm_key_has_null(&end->key, row))
        return 0;
    int rc = tm_key_of_row(&end->key, row, &kit->scratch, &key);
    if (rc != 0)
        return rc;
    kept->key = copy(kit, key.bytes, key.length);
    kept->key_bytes = key.length;
    return kept->key == NULL ? TM_E_MEMORY : 0;
}

static int keep(struct kit_sink *self, const struct tm_batch *batch, const struct tm_row *row)
{
    struct tm_kit *kit = self->kit;
    const struct tm_schema *schema = batch->schema;
    if (kit->row_count == kit->row_capacity) {
        uint32_t capacity = kit->row_capacity == 0 ? 64 : kit->row_capacity * 2;
        struct tm_kit_row *rows =
            capacity > TM_KIT_ROWS_MAX
                ? NULL
                : tm_mem_realloc(&kit->mem, kit->rows, kit->row_capacity * sizeof *rows,
                                 capacity * sizeof *rows);
        if (rows == NULL)
            return capacity > TM_KIT_ROWS_MAX ? TM_E_LIMIT : TM_E_MEMORY;
        kit->rows = rows;
        kit->row_capacity = capacity;
    }
    struct tm_kit_row *kept = &kit->rows[kit->row_count];
    *kept = (struct tm_kit_row){.cause = kit->cause,
                                .node = self->base.node->id,
                                .subtask = self->base.ctx->subtask,
                                .kind = row->kind,
                                .time = INT64_MIN,
                                .size_bytes = row->size_bytes,
                                .arrival = kit->arrivals++};
    if (schema->time_field >= 0 && !tm_row_is_null(row, (uint32_t)schema->time_field))
        kept->time = tm_row_int(row, schema->fields[schema->time_field].offset);
    const struct tm__kit_end *end = &kit->ends[kept->node];
    kept->by_value = kit->several && end->keyed && end->key.spec.count == 0;
    kept->bytes = copy(kit, row, row->size_bytes);
    int rc = kept->bytes == NULL ? TM_E_MEMORY : keep_key(kit, end, row, kept);
    if (rc != 0)
        return rc;
    kept->schema = tm_schema_ref(batch->schema);
    if (kit->trial != NULL && tm__kit_trial_came_before(kit, kept)) {
        tm__kit_row_free(kit, kept);
        return 0;
    }
    kit->row_count++;
    return 0;
}

static int kit_write(struct tm_sink *sink, const struct tm_batch *batch, const struct tm_row **row,
                     struct tm_error *err)
{
    struct kit_sink *self = (struct kit_sink *)sink;
    if (!self->kit->ends[sink->node->id].key_known)
        find_key(self->kit, sink->node, batch->schema);
    TM_BATCH_EACH(batch, each)
    {
        int rc = keep(self, batch, each);
        if (rc != 0)
            return tm_error_set(err, rc, "sink '%s': no room for more rows: take them",
                                sink->node->name);
        *row = tm_row_next(each);
    }
    tm_metric_add(&sink->metrics->used, batch->row_count);
    tm_metric_add(&sink->metrics->bytes_out, batch->size_bytes);
    return TM_STEP_DONE;
}

static int kit_flush(struct tm_sink *sink, bool end, struct tm_error *err)
{
    (void)sink;
    (void)end;
    (void)err;
    return TM_STEP_DONE;
}

static void kit_free(struct tm_sink *sink)
{
    struct kit_sink *self = (struct kit_sink *)sink;
    tm_mem_free(&self->kit->mem, self, sizeof *self);
}

static const struct tm_sink_ops kit_ops = {
    .write = kit_write, .flush = kit_flush, .free = kit_free};

int tm__kit_sink_new(struct tm_task_context *ctx, const struct tm_node *node,
                     struct tm_schema *schema, void *shared, struct tm_sink **sink,
                     struct tm_error *err)
{
    (void)schema;
    (void)shared;
    struct tm_kit *kit = ctx->fx->ctx;
    struct kit_sink *self = tm_mem_zalloc(&kit->mem, sizeof *self);
    if (self == NULL)
        return tm_error_set(err, TM_E_MEMORY, "sink '%s': out of memory", node->name);
    self->base = (struct tm_sink){.ops = &kit_ops, .ctx = ctx, .node = node};
    self->kit = kit;
    *sink = &self->base;
    return 0;
}

void tm__kit_row_free(struct tm_kit *kit, struct tm_kit_row *row)
{
    tm_mem_free(&kit->mem, row->bytes, row->size_bytes == 0 ? 1 : row->size_bytes);
    if (row->key != NULL)
        tm_mem_free(&kit->mem, row->key, row->key_bytes == 0 ? 1 : row->key_bytes);
    tm_schema_unref(row->schema);
}
