// What a firing takes away waits for a function of the job. A trigger fires a window and purges it,
// or its evictor takes rows out; the function behind the window gets its row, and may fail: then
// the window lives on as it was. So the step ends with such a firing, and what it gave has been
// worked on before the next one begins, as all operators of a task behind this one have done what
// they can by then: who is told that the function has returned takes them away. Only where the job
// goes on after an error: else it ends with it.
#include "core/operator/process.h"
#include "core/operator/windows/windows.h"

struct tm__windows_fired {
    int64_t start, end, number;
    bool purges;
    uint32_t keep, keep_count; // of an evictor: flags in fired_keep
};

void tm__windows_number(struct tm__windows *self, uint8_t *bytes)
{
    struct tm_row *row = (struct tm_row *)(void *)bytes;
    uint32_t field = (uint32_t)self->firing_field;
    int64_t number = ++self->firings;
    row->nulls[field >> 6] &= ~((uint64_t)1 << (field & 63));
    memcpy(bytes + self->result.schema->fields[field].offset, &number, sizeof number);
    self->numbered = true;
}

// The function of the job behind the window, if it may fail and the job goes on.
void tm__windows_find_function(struct tm__windows *self)
{
    const struct tm_graph *graph = self->base.ctx->plan->graph;
    uint32_t last = self->base.node->id;
    for (uint32_t i = 0; i < graph->node_count; i++) { // each stands behind what it follows
        const struct tm_node *node = &graph->nodes[i];
        if (!node->of_window || node->inputs[0] != last)
            continue;
        last = node->id;
        if (node->kind == TM_NODE_PROCESS) {
            self->behind = node->id;
            self->waits_for_function =
                self->firing_field >= 0 && node->on_error != TM_ON_ERROR_FAIL;
        }
    }
}

int tm__windows_fired(struct tm__windows *self, const struct tm__windows_key *k,
                      const struct tm__windows_cell *cell, bool purges)
{
    struct tm__windows_fired fired = {
        .start = cell->start, .end = cell->end, .number = self->firings, .purges = purges};
    int rc = 0;
    if (!tm__windows_is_unsettled(self)) {
        self->fired_keep.size_bytes = 0;
        self->fired_key.size_bytes = 0;
        self->fired_hash = k->key->hash;
        rc = tm_buf_append(&self->fired_key, k->key->bytes, k->key->length);
    }
    if (rc == 0 && tm__windows_buffers(self) && !purges) {
        fired.keep = (uint32_t)self->fired_keep.size_bytes;
        fired.keep_count = (uint32_t)self->keep.size_bytes;
        rc = tm_buf_append(&self->fired_keep, self->keep.data, self->keep.size_bytes);
    }
    return rc == 0 ? tm_buf_append(&self->fired, &fired, sizeof fired) : rc;
}

// The rows are those that there were, as nothing has come for the key since.
static int take_away(struct tm__windows *self, struct tm__windows_key *k,
                     const struct tm__windows_fired *fired)
{
    uint32_t i = tm__windows_seek(self, k, fired->start, fired->end);
    if (i == k->count)
        return 0;
    struct tm__windows_cell *cell = tm__windows_at(self, k, i);
    if (cell->start != fired->start || cell->end != fired->end)
        return 0; // it is gone
    return fired->purges ? tm__windows_purge(self, k, cell)
                         : tm__windows_keep_rows(self, k, cell, self->fired_keep.data + fired->keep,
                                                 fired->keep_count);
}

int tm__windows_settle(struct tm__windows *self)
{
    const struct tm_key key = {.hash = self->fired_hash,
                               .bytes = self->fired_key.data,
                               .length = (uint32_t)self->fired_key.size_bytes};
    struct tm_operator *behind = tm_task_operator(self->base.ctx->task, self->behind);
    const struct tm__windows_fired *fired = (const void *)self->fired.data;
    size_t count = self->fired.size_bytes / sizeof *fired;
    struct tm__windows_key k;
    int rc = 0;
    TM_CHECK(behind != NULL);
    self->fired.size_bytes = 0;
    if (tm_state_find(self->state, self->ns, &key) != NULL) { // its windows may be gone
        struct tm__windows_record *record = tm_state_upsert(self->state, self->ns, &key, NULL);
        rc = record == NULL ? TM_E_MEMORY : tm__windows_open_key(self, &key, record, &k);
        for (size_t i = 0; i < count && rc == 0; i++)
            if (tm__operator_process_has_fired(behind, fired[i].number))
                rc = take_away(self, &k, &fired[i]);
    }
    tm__operator_process_forget_firings(behind);
    return rc;
}
