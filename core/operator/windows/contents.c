// What a window holds: rows in, accumulators merged, a row out, thrown away.
#include "core/operator/windows/windows.h"

int tm__windows_no_memory(const struct tm__windows *self, int rc, struct tm_error *err)
{
    if (rc == TM_E_LIMIT)
        return tm_error_set(err, TM_E_LIMIT,
                            "operator '%s': a key is larger than 1 MB, or has windows of more than "
                            "2 GB at a time",
                            self->base.node->name);
    return tm__operator_out_of_memory(&self->base, err);
}

// --- adding --------------------------------------------------------------------------------------

int tm__windows_refused(struct tm__windows *self, const struct tm_row *row,
                        const struct tm__operator_aggregate *culprit, struct tm_error *err)
{
    int rc =
        tm__operator_row_failed(&self->base, self->input, row, TM_E_OVERFLOW, err,
                                "'%s' of its window goes out of range with this row\n  hint: %s",
                                culprit->name, tm__operator_aggregate_range_hint(culprit));
    return rc == 0 ? 1 : rc;
}

static int add_custom(struct tm__windows *self, const struct tm__windows_key *k, void *contents,
                      const struct tm_row *row, struct tm_error *err)
{
    struct tm__operator_block *alone = self->alone;
    alone->count = 1;
    alone->rows[0] = row;
    alone->keys[0] = *k->key;
    alone->namespaces[0] = self->ns;
    alone->values[0] = contents;
    int rc = tm__operator_custom_add(self->custom, self->state, alone, err);
    return rc == 0 && self->custom->failed != 0 ? 1 : rc;
}

int tm__windows_add(struct tm__windows *self, const struct tm__windows_key *k, uint32_t i,
                    const struct tm_row *row, struct tm_error *err)
{
    struct tm__windows_cell *cell = tm__windows_at(self, k, i);
    void *contents = tm__windows_contents(self, cell);
    int rc = 0;
    if (cell->spoilt != 0)
        return 0; // its row will be an error
    if (tm__windows_buffers(self)) {
        const struct tm__operator_home home = tm__windows_home(self, k);
        rc = tm__operator_list_add(&self->buffered, &home, contents, NULL, row, row->size_bytes,
                                   self->aggregates.arrivals++);
        if (rc != 0)
            return tm__operator_out_of_memory(&self->base, err);
    } else if (self->custom != NULL) {
        rc = add_custom(self, k, contents, row, err);
    } else {
        const struct tm__operator_home home = tm__windows_home(self, k);
        const struct tm__operator_aggregate *culprit;
        rc = tm__operator_aggregates_add(&self->aggregates, &home, contents, row,
                                         self->aggregates.arrivals++, &culprit);
        if (rc == TM_E_OVERFLOW)
            return tm__windows_refused(self, row, culprit, err);
        if (rc != 0)
            return tm__operator_out_of_memory(&self->base, err);
    }
    if (rc == 0)
        cell->flags |= TM__CELL_FILLED;
    return rc;
}

// --- merging -------------------------------------------------------------------------------------

static int merge_custom(struct tm__windows *self, const struct tm__windows_key *k,
                        struct tm__windows_cell *to, struct tm__windows_cell *from,
                        const struct tm_row *row, struct tm_error *err)
{
    uint64_t spoilt = 0;
    self->custom->into = self->custom->from = tm__windows_home(self, k);
    self->custom->joining = row;
    int rc = tm__operator_custom_merge(self->custom, tm__windows_contents(self, to),
                                       tm__windows_contents(self, from), &spoilt, err);
    if (rc == 0)
        rc = tm__operator_custom_flush(self->custom, err);
    self->custom->joining = NULL;
    if (rc == 0 && spoilt != 0 && row != NULL) // the function's failure has been told
        return 1;
    if (rc == 0 && spoilt != 0) {
        to->spoilt = UINT32_MAX;
        to->flags |= TM__CELL_TOLD;
    }
    return rc;
}

int tm__windows_merge(struct tm__windows *self, const struct tm__windows_key *k, uint32_t to_index,
                      uint32_t from_index, const struct tm_row *row, struct tm_error *err)
{
    struct tm__windows_cell *to = tm__windows_at(self, k, to_index);
    struct tm__windows_cell *from = tm__windows_at(self, k, from_index);
    if ((from->flags & TM__CELL_FILLED) == 0)
        return 0;
    to->flags |= from->flags & (TM__CELL_FILLED | TM__CELL_TOLD);
    if (to->spoilt == 0)
        to->spoilt = from->spoilt;
    if (to->spoilt != 0)
        return 0;
    const struct tm__operator_home home = tm__windows_home(self, k);
    if (tm__windows_buffers(self)) {
        int rc = tm__operator_list_merge(&self->buffered, &home, tm__windows_contents(self, to),
                                         &home, tm__windows_contents(self, from));
        return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
    }
    if (self->custom != NULL)
        return merge_custom(self, k, to, from, row, err);
    const struct tm__operator_aggregate *culprit;
    int rc = tm__operator_aggregates_merge(&self->aggregates, &home, tm__windows_contents(self, to),
                                           &home, tm__windows_contents(self, from), &culprit);
    if (rc == TM_E_OVERFLOW) {
        to->spoilt = 1 + (uint32_t)(culprit - self->aggregates.items);
        return 0;
    }
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}

int tm__windows_purge(struct tm__windows *self, const struct tm__windows_key *k,
                      struct tm__windows_cell *cell)
{
    const struct tm__operator_home home = tm__windows_home(self, k);
    void *contents = tm__windows_contents(self, cell);
    int rc = tm__windows_buffers(self)
                 ? tm_state_blob_set(self->state, self->ns, k->key_group, contents, "", 0)
                 : tm__operator_aggregates_release(&self->aggregates, &home, contents);
    if (rc != 0)
        return rc;
    memset(contents, 0, self->cell_bytes - self->contents_at);
    cell->flags &= ~(uint32_t)(TM__CELL_FILLED | TM__CELL_TOLD);
    cell->spoilt = 0;
    return 0;
}

// --- the row -------------------------------------------------------------------------------------

// Behind a checkpoint there may be fewer than there were.
static const struct tm__operator_aggregate *culprit_of(const struct tm__windows *self,
                                                       const struct tm__windows_cell *cell)
{
    return &self->aggregates.items[(cell->spoilt - 1) % self->aggregates.total];
}

int tm__windows_emit(struct tm__windows *self, const struct tm__windows_key *k,
                     struct tm__windows_cell *cell, struct tm_error *err)
{
    int rc;
    if ((cell->flags & (TM__CELL_FILLED | TM__CELL_TOLD)) != TM__CELL_FILLED)
        return 0;
    if (tm__windows_buffers(self))
        return tm__windows_emit_buffered(self, k, cell, err);
    if (cell->spoilt == 0) {
        rc = tm__windows_put(self, k, cell, tm__windows_contents(self, cell), err);
    } else {
        rc = tm__windows_result_failed(self, k, cell, TM_E_OVERFLOW, culprit_of(self, cell), err);
        rc = rc == 0 ? 1 : rc;
    }
    if (rc != 1)
        return rc;
    cell->flags |= TM__CELL_TOLD; // once for what the window holds, which no function would mend
    return 0;
}

int tm__windows_put(struct tm__windows *self, const struct tm__windows_key *k,
                    struct tm__windows_cell *cell, const void *value, struct tm_error *err)
{
    const struct tm__operator_aggregate *culprit;
    struct tm__operator_result_row row = {
        .key = k->key,
        .home = tm__windows_home(self, k),
        .value = value,
        .start = cell->start,
        .end = cell->end,
        .time = cell->end - 1,
        .has_time = self->bounded,
    };
    if (tm__operator_output_open(&self->output, self->base.ctx, self->result.schema) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    size_t at = self->output.batch->size_bytes;
    int rc = tm__operator_result_append(&self->result, self->output.batch, &row, &culprit);
    if (rc == 0 && self->numbering)
        tm__windows_number(self, self->output.batch->data + at);
    if (rc == TM_E_OVERFLOW || rc == TM_E_LIMIT) {
        rc = tm__windows_result_failed(self, k, cell, rc, culprit, err);
        return rc == 0 ? 1 : rc;
    }
    if (rc != 0)
        return tm_error_set(err, rc, "operator '%s': a row cannot be made", self->base.node->name);
    return 0;
}

int tm__windows_tell_end(struct tm__windows *self, const struct tm__windows_key *k,
                         const struct tm__windows_cell *cell, struct tm_error *err)
{
    struct tm_builder builder;
    uint32_t keys = self->keys.reader.spec.count;
    if (tm__operator_output_open(&self->output, self->base.ctx, self->result.schema) != 0 ||
        tm_builder_begin(&builder, self->output.batch) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    int rc = tm_key_put(&self->keys.reader, k->key->bytes, k->key->length, &builder, 0);
    tm_builder_put_int(&builder, keys, cell->start); // only windows with bounds come to an end
    tm_builder_put_int(&builder, keys + 1, cell->end);
    if (self->result.time)
        tm_builder_put_int(&builder, (uint32_t)self->result.schema->time_field, cell->end - 1);
    tm_builder_put_int(&builder, (uint32_t)self->gone_field, 1);
    if (rc != 0)
        tm_builder_cancel(&builder);
    else
        rc = tm_builder_end(&builder);
    if (rc != 0)
        return tm__operator_out_of_memory(&self->base, err);
    tm_metric_add(&self->base.metrics->rows_out, (uint64_t)-1); // it is none of the stream's
    return 0;
}
