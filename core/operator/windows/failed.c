// What has failed that is asked about windows: a row that came, a firing, a timer of a custom
// trigger. A row is told as it is; a firing by its key and window, as a row of the output whose
// results are null; a timer by these and its time.
#include "core/operator/windows/windows.h"

#include <stdio.h>

// --- timers --------------------------------------------------------------------------------------

int tm__windows_timer_schema(struct tm__windows *self, struct tm_error *err)
{
    struct tm_field_def defs[TM_KEY_FIELDS_MAX + 4];
    const struct tm_key_reader *reader = &self->keys.reader;
    const struct tm_type time = tm_type_of_kind(TM_TYPE_TIMESTAMP);
    uint32_t keys = reader->spec.count, n = keys;
    for (uint32_t i = 0; i < keys; i++)
        defs[i] = (struct tm_field_def){.name = self->result.schema->fields[i].name,
                                        .type = self->result.schema->fields[i].type};
    if (self->bounded) {
        defs[n++] = (struct tm_field_def){.name = "window_start", .type = time};
        defs[n++] = (struct tm_field_def){.name = "window_end", .type = time};
    }
    defs[n++] =
        (struct tm_field_def){.name = tm__operator_free_name(defs, keys, "$timer"), .type = time};
    defs[n++] = (struct tm_field_def){.name = tm__operator_free_name(defs, keys, "$timer_domain"),
                                      .type = tm_type_of_kind(TM_TYPE_STRING)};
    return tm_schema_new(self->base.ctx->shared_mem, defs, n, -1, &self->timer_schema, err);
}

// NULL: it cannot be shown.
static const struct tm_row *show_timer(const struct tm__windows *self, struct tm_batch *batch)
{
    struct tm_builder builder;
    const struct tm_key *key = self->of_key->key;
    const char *domain = self->of_domain == TM_TIMER_EVENT ? "event" : "processing";
    uint32_t field = self->keys.reader.spec.count;
    if (batch == NULL || tm_builder_begin(&builder, batch) != 0)
        return NULL;
    int rc = tm_key_put(&self->keys.reader, key->bytes, key->length, &builder, 0);
    if (self->bounded) {
        tm_builder_put_int(&builder, field++, self->of_cell->start);
        tm_builder_put_int(&builder, field++, self->of_cell->end);
    }
    tm_builder_put_int(&builder, field++, self->of_time);
    if (rc == 0)
        rc = tm_builder_put_bytes(&builder, field, domain, (uint32_t)strlen(domain));
    if (rc == 0)
        return tm_builder_end(&builder) == 0 ? tm_batch_first(batch) : NULL;
    tm_builder_cancel(&builder);
    return NULL;
}

// --- functions -----------------------------------------------------------------------------------

static struct tm__operator_result_row row_of(const struct tm__windows_key *k,
                                             const struct tm__windows_cell *cell)
{
    return (struct tm__operator_result_row){.key = k->key, .start = cell->start, .end = cell->end};
}

int tm__windows_tell(struct tm__windows *self, int code, const char *message, size_t length,
                     struct tm_error *why)
{
    struct tm_row_failure failure = {
        .node = self->base.node,
        .code = code,
        .message = message,
        .message_length = length,
        .schema = self->input,
        .row = self->of_row,
        .offset = -1,
        .line = -1,
    };
    if (self->of_row != NULL)
        return tm_task_row_failed(self->base.ctx, &failure, why);
    struct tm_schema *schema = self->of_timer ? self->timer_schema : self->result.schema;
    struct tm__operator_result_row row = row_of(self->of_key, self->of_cell);
    struct tm_batch *batch = tm_batch_acquire(self->base.ctx->pool, schema);
    failure.failed = self->of_timer ? TM_FAILED_TIMER : TM_FAILED_FIRING;
    failure.input = TM_NO_INPUT;
    failure.schema = schema;
    failure.row = self->of_timer ? show_timer(self, batch)
                                 : tm__operator_result_show(&self->result, batch, &row);
    int rc = tm_task_row_failed(self->base.ctx, &failure, why);
    tm_batch_release(batch);
    return rc;
}

// --- results -------------------------------------------------------------------------------------

// A result that cannot be told is an error of its firing.
int tm__windows_result_failed(struct tm__windows *self, const struct tm__windows_key *k,
                              const struct tm__windows_cell *cell, int code,
                              const struct tm__operator_aggregate *culprit, struct tm_error *err)
{
    const struct tm__operator_result_row row = row_of(k, cell);
    char where[96] = "its window";
    if (self->bounded)
        snprintf(where, sizeof where, "the window from %lld to %lld ms", (long long)cell->start,
                 (long long)cell->end);
    if (code == TM_E_LIMIT)
        return tm__operator_result_failed(&self->result, &self->base, &row, TM_E_LIMIT, err,
                                          "the row of a key in %s is larger than 64 MB\n"
                                          "  hint: a list is kept short by { limit = 1000 }",
                                          where);
    return tm__operator_result_failed(&self->result, &self->base, &row, TM_E_OVERFLOW, err,
                                      "'%s' of a key in %s is out of range\n  hint: %s",
                                      culprit->name, where,
                                      tm__operator_aggregate_range_hint(culprit));
}
