// What runs along in checkpoints: its layout, and a look at what comes back. A record is kept as it
// is, sums of cells too: so results are the same to the last digit.
#include "core/operator/running_record.h"

static int say_what(running_t *self, const char *windows, const struct tm_schema *input)
{
    struct tm_buf text;
    tm_buf_init(&text, self->op->ctx->mem);
    int rc = tm_buf_printf(&text, "%s: ", windows);
    if (rc == 0)
        rc = tm__operator_aggregates_text(self->aggregates, input, &text);
    if (rc == 0)
        tm__operator_layout_say(&self->layout, "windows", (const char *)text.data);
    tm_buf_fini(&text);
    return rc;
}

static void add_past(running_t *self, const struct tm_schema *input)
{
    struct tm_mem *mem = self->op->ctx->mem;
    const struct tm_layout_field past = {.kind = TM_LAYOUT_BLOB,
                                         .offset = offsetof(struct record, past),
                                         .bytes = sizeof(struct tm_blob),
                                         .present_bit = UINT32_MAX,
                                         .head = &self->head.layout,
                                         .of = &self->cell.layout};
    const uint32_t head = sizeof(struct past), cell = sizeof(struct cell);
    tm__operator_layout_begin(&self->head, mem, past_bytes(self, 0));
    tm__operator_aggregates_layout(self->aggregates, input, "", head, &self->head);
    tm__operator_layout_fill(&self->head);
    tm__operator_layout_begin(&self->cell, mem, self->cell_bytes);
    tm__operator_aggregates_layout(self->aggregates, input, "", cell, &self->cell);
    tm__operator_aggregates_layout(self->aggregates, input, "suffix ", cell + self->value_bytes,
                                   &self->cell);
    tm__operator_layout_fill(&self->cell);
    tm__operator_layout_add(&self->layout, &past, "slices", "slices", NULL);
}

static int lay_out(running_t *self, const char *windows, const struct tm_schema *input,
                   struct tm_error *err)
{
    const uint32_t record = sizeof(struct record);
    if (tm__operator_layout_is_made(&self->layout))
        return 0;
    tm__operator_layout_begin(&self->layout, self->op->ctx->mem, record + self->value_bytes);
    int rc = say_what(self, windows, input);
    if (!self->grows)
        add_past(self, input);
    tm__operator_aggregates_layout(self->aggregates, input, "", record, &self->layout);
    tm__operator_layout_fill(&self->layout);
    struct tm__operator_layout *const all[] = {&self->layout, &self->head, &self->cell};
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = tm__operator_layout_end(all[i]);
    if (rc != 0)
        tm__operator_layout_fini(&self->layout);
    return rc == 0 ? 0 : tm__operator_out_of_memory(self->op, err);
}

int tm__operator_running_cut(running_t *self, const char *windows, const struct tm_schema *input,
                             struct tm_cut *cut, struct tm_error *err)
{
    int rc = lay_out(self, windows, input, err);
    return rc == 0 ? tm__operator_cut_state(self->op, cut, "running", self->state, &self->layout,
                                            err)
                   : rc;
}

// --- coming back ---------------------------------------------------------------------------------

struct looking {
    running_t *running;
    const struct tm_schema *input;
};

static bool is_bad_number(const running_t *self, uint64_t spoilt)
{
    if (self->custom != NULL)
        return spoilt != 0 && spoilt != TM__CUSTOM_TOLD;
    return spoilt > self->aggregates->total;
}

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
        is_bad_number(self, past->spoilt) ||
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
    if (self->grows && is_bad_number(self, record->spoilt))
        return "a sum that failed for no reason";
    if (!self->grows && (record->past.length != 0 || record->past.reference != 0))
        what = wrong_past(looking, seen, record);
    else if (!self->grows && record->leaves_at != record->newest)
        what = "a slice that leaves at another time";
    if (what != NULL)
        return what;
    return tm__operator_aggregates_wrong(self->aggregates, looking->input, seen, record->value);
}

int tm__operator_running_restore(running_t *self, const char *windows,
                                 const struct tm_key_reader *reader,
                                 const struct tm_restored *restored, struct tm_error *err)
{
    struct looking looking = {self, reader->schema};
    int rc = lay_out(self, windows, reader->schema, err);
    if (rc == 0)
        rc = tm__operator_restore_state(self->op, restored, "running", &self->layout, self->state,
                                        reader, wrong, &looking, err);
    if (rc != 0)
        return rc;
    self->ns = tm__operator_namespace(self->state, 0);
    return self->ns == NULL ? tm__operator_out_of_memory(self->op, err) : 0;
}
