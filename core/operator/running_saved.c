// What runs along in checkpoints: its layout, and a look at what comes back. A record is kept as it
// is, sums of cells too: so results are the same to the last digit.
#include "core/operator/running_record.h"

// Cells, and what stands in front of them.
static void add_past(running_t *self, const struct tm_schema *input)
{
    struct tm__operator_layout *layout = &self->layout;
    const uint32_t head = sizeof(struct past), cell = sizeof(struct cell);
    struct tm_layout_field field = tm__operator_in_value;
    field.kind = TM_LAYOUT_ITEMS;
    field.offset = offsetof(struct record, past);
    field.bytes = sizeof(struct tm_blob);
    field.value_bytes = self->cell_bytes;
    field.head_bytes = past_bytes(self, 0);
    tm__operator_layout_add(layout, &field, "$slices", "", NULL);
    field = tm__operator_in_value;
    field.inside = layout->layout.field_count;
    field.in_head = true;
    field.bytes = head;
    tm__operator_layout_add(layout, &field, "$stacks", "", NULL);
    field.bytes = 0;
    tm__operator_aggregates_layout(self->aggregates, input, "$back: ", &field, head, layout);
    field.in_head = false;
    field.bytes = cell;
    tm__operator_layout_add(layout, &field, "$slice", "", NULL);
    field.bytes = 0;
    tm__operator_aggregates_layout(self->aggregates, input, "", &field, cell, layout);
    tm__operator_aggregates_layout(self->aggregates, input, "$suffix: ", &field,
                                   cell + self->value_bytes, layout);
}

static int lay_out(running_t *self, const char *windows, const struct tm_schema *input,
                   struct tm_error *err)
{
    const uint32_t record = sizeof(struct record);
    struct tm_layout_field field = tm__operator_in_value;
    if (tm__operator_layout_is_made(&self->layout))
        return 0;
    tm__operator_layout_begin(&self->layout, self->op->ctx->mem, record + self->value_bytes);
    tm__operator_layout_say(&self->layout, "$windows", windows);
    field.bytes = self->grows ? record : offsetof(struct record, past);
    tm__operator_layout_add(&self->layout, &field, "$times", "", NULL);
    if (!self->grows)
        add_past(self, input);
    tm__operator_aggregates_layout(self->aggregates, input, "", &tm__operator_in_value, record,
                                   &self->layout);
    return tm__operator_layout_end(&self->layout) == 0 ? 0
                                                       : tm__operator_out_of_memory(self->op, err);
}

int tm__operator_running_cut(running_t *self, const char *windows, const struct tm_schema *input,
                             struct tm_cut *cut, struct tm_error *err)
{
    int rc = lay_out(self, windows, input, err);
    return rc == 0
               ? tm__operator_cut_state(self->op, cut, "running", self->state, &self->layout, err)
               : rc;
}

// --- coming back ---------------------------------------------------------------------------------

struct looking {
    running_t *running;
    const struct tm_schema *input;
    int64_t watermark;
};

// The last cell is the newest slice: those that leave end there at the latest.
static const char *wrong_past(const struct looking *looking, struct tm__operator_seen *seen,
                              const struct record *record)
{
    running_t *self = looking->running;
    struct past *past = (struct past *)(uintptr_t)tm__operator_seen_blob(seen, &record->past);
    if (past == NULL || record->past.length < past_bytes(self, 0))
        return "slices that are nowhere";
    uint32_t room = (record->past.length - past_bytes(self, 0)) / self->cell_bytes;
    if (past->capacity > room || past->first > past->capacity ||
        past->count > past->capacity - past->first || past->count == 0 ||
        past->flipped > past->count || (past->flipped != 0 && past->stride == 0) ||
        cell_at(self, past, past->count - 1)->slice != record->newest)
        return "slices that are not in order";
    const char *wrong =
        tm__operator_aggregates_wrong(self->aggregates, looking->input, seen, past->values);
    for (uint32_t i = 0; i < past->count && wrong == NULL; i++) {
        struct cell *cell = cell_at(self, past, i);
        wrong = tm__operator_aggregates_wrong(self->aggregates, looking->input, seen, cell->value);
        if (wrong == NULL)
            wrong = tm__operator_aggregates_wrong(self->aggregates, looking->input, seen,
                                                  suffix_of(self, cell));
    }
    return wrong;
}

static const char *wrong(void *arg, struct tm__operator_seen *seen, const void *value)
{
    const struct looking *looking = arg;
    const running_t *self = looking->running;
    const struct record *record = value;
    const char *what = NULL;
    if (record->newest > looking->watermark) // it would be in windows without end
        return "a slice that has not entered yet";
    if (!self->grows && (record->past.length != 0 || record->past.reference != 0))
        what = wrong_past(looking, seen, record);
    else if (!self->grows && record->leaves_at != record->newest)
        what = "a slice that leaves at another time";
    if (what != NULL)
        return what;
    return tm__operator_aggregates_wrong(self->aggregates, looking->input, seen, record->value);
}

int tm__operator_running_restore(running_t *self, const char *windows,
                                 const struct tm_key_reader *reader, int64_t watermark,
                                 const struct tm_restored *restored, struct tm_error *err)
{
    struct looking looking = {self, reader->schema, watermark};
    int rc = lay_out(self, windows, reader->schema, err);
    if (rc == 0)
        rc = tm__operator_restore_state(self->op, restored, "running", &self->layout, self->state,
                                        reader, wrong, &looking, err);
    if (rc != 0)
        return rc;
    self->ns = tm__operator_namespace(self->state, 0);
    return self->ns == NULL ? tm__operator_out_of_memory(self->op, err) : 0;
}
