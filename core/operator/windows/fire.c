// Timers that are due, in the order (time, key bytes, window). Resumable at every output batch, and
// when it has taken long.
#include "core/base/kill_point.h"
#include "core/operator/windows/windows.h"

// Timers in one step: a few milliseconds. The task then looks at its other work.
enum { FIRE_BUDGET = 8192 };

// The cell that a timer's name means. A session may have grown since.
static bool find(const struct tm__windows *self, const struct tm__windows_key *k,
                 const void *window, uint32_t *i)
{
    uint64_t name[2];
    memcpy(name, window, sizeof name);
    int64_t start = (int64_t)(__builtin_bswap64(name[0]) ^ (uint64_t)1 << 63);
    int64_t end = (int64_t)(__builtin_bswap64(name[1]) ^ (uint64_t)1 << 63);
    // Timers of a custom trigger are of just that window.
    bool session = self->kind == TM_WINDOW_SESSION && self->asked == NULL;
    *i = tm__windows_seek(self, k, session ? INT64_MIN : start, end);
    if (*i == k->count)
        return false;
    const struct tm__windows_cell *cell = tm__windows_at(self, k, *i);
    return session ? cell->start <= start : cell->start == start && cell->end == end;
}

static int fire_cell(struct tm__windows *self, struct tm__windows_key *k, uint32_t i,
                     enum tm_timer_domain domain, int64_t time, struct tm_error *err)
{
    struct tm__windows_cell *cell = tm__windows_at(self, k, i);
    uint32_t wakes = (uint32_t)TM__CELL_WAKES << domain;
    int64_t cleanup;
    int verdict;
    if ((cell->flags & wakes) == 0 ||
        *tm__windows_word(self, cell, (enum tm__windows_word)domain) != time)
        return 0; // of a window that it was merged from
    cell->flags &= ~wakes;
    bool due = tm__windows_on_timer(self, cell, domain, time, &verdict);
    int rc = tm__windows_act(self, k, cell, verdict, err);
    if (rc != 0)
        return rc;
    bool ends = due && self->by_event == (domain == TM_TIMER_EVENT) &&
                tm__windows_cleanup(self, cell->end, &cleanup) && cleanup == time;
    if (ends && self->gone_field >= 0) {
        rc = tm__windows_tell_end(self, k, cell, err);
        if (rc != 0)
            return rc;
    }
    rc = ends ? tm__windows_remove(self, k, i, 1) : tm__windows_schedule(self, k, cell);
    return rc == 0 ? 0 : tm__windows_no_memory(self, rc, err);
}

// The trigger, if there is a function for it, is asked at the end of the window's life too.
static int fire_asked(struct tm__windows *self, struct tm__windows_key *k, uint32_t i,
                      enum tm_timer_domain domain, int64_t time, struct tm_error *err)
{
    struct tm__windows_cell *cell = tm__windows_at(self, k, i);
    int64_t cleanup;
    int verdict;
    int rc = tm__windows_asked_timer(self, k, cell, domain, time, &verdict, err);
    if (rc < 0)
        return rc;
    if (self->trigger.purges && (verdict & TM__FIRE) != 0)
        verdict |= TM__PURGE;
    rc = tm__windows_act(self, k, cell, verdict, err);
    bool ends = self->by_event == (domain == TM_TIMER_EVENT) &&
                tm__windows_cleanup(self, cell->end, &cleanup) && cleanup == time;
    if (rc != 0 || !ends)
        return rc;
    rc = tm__windows_asked_clear(self, k, cell, NULL, err);
    if (rc == 1) // it is gone all the same
        rc = 0;
    if (rc == 0 && self->gone_field >= 0)
        rc = tm__windows_tell_end(self, k, cell, err);
    if (rc != 0)
        return rc;
    rc = tm__windows_remove(self, k, i, 1);
    return rc == 0 ? 0 : tm__windows_no_memory(self, rc, err);
}

// --- a run ---------------------------------------------------------------------------------------

// Of a custom trigger, which may delete timers: one, out of the set. 1, 0, TM_E_MEMORY.
static int take_timer(struct tm__windows *self, enum tm_timer_domain domain, int64_t until)
{
    struct tm_timer *timer = &self->run[0];
    if (!tm_timers_first(self->timers, domain, timer) || timer->time > until)
        return 0;
    uint32_t length = timer->key.length;
    self->run_bytes.size_bytes = 0;
    int rc = tm_buf_append(&self->run_bytes, timer->key.bytes, length);
    if (rc == 0)
        rc = tm_buf_append(&self->run_bytes, timer->name, timer->name_length);
    if (rc == 0)
        rc = tm_timers_pop(self->timers, domain);
    timer->key.bytes = self->run_bytes.data;
    timer->name = self->run_bytes.data + length;
    return rc;
}

// The next timers that are due, and the records of their keys: all lookups at once.
static int take_run(struct tm__windows *self, enum tm_timer_domain domain, int64_t until)
{
    struct tm__operator_block *block = self->block;
    int n = 0;
    if (self->timers != NULL)
        n = take_timer(self, domain, until);
    else if (self->agendas[domain] != NULL)
        n = tm_agenda_due(self->agendas[domain], until, self->run, TM_TIMERS_AT_ONCE);
    if (n < 0)
        return n;
    for (int i = 0; i < n; i++)
        block->keys[i] = self->run[i].key;
    self->run_domain = domain;
    self->disturbed = false;
    block->count = self->run_count = (uint32_t)n;
    return n == 0 ? 0
                  : tm_state_upsert_batch(self->state, self->ns, block->keys, block->count,
                                          block->values, NULL);
}

static int fire_one(struct tm__windows *self, enum tm_timer_domain domain, uint32_t i,
                    struct tm_error *err)
{
    struct tm__operator_block *block = self->block;
    const struct tm_timer *timer = &self->run[i];
    struct tm__windows_key k;
    uint32_t at;
    if (self->asked == NULL)
        tm_agenda_done(self->agendas[domain]);
    if (tm__windows_open_key(self, &block->keys[i], block->values[i], &k) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    self->key_watermark = tm__operator_reached_of(&self->reached, k.key_group, self->watermark);
    if (!find(self, &k, timer->name, &at))
        return 0;
    return self->asked == NULL ? fire_cell(self, &k, at, domain, timer->time, err)
                               : fire_asked(self, &k, at, domain, timer->time, err);
}

// What a firing registers within the times of the run ends it, as does a full output: the rest is
// still in its agenda.
static int fire_run(struct tm__windows *self, enum tm_timer_domain domain, struct tm_error *err)
{
    uint32_t count = self->block->count, i = 0;
    int rc = 0;
    do {
        tm__windows_ask_for(self->block, i + TM__WINDOWS_AHEAD);
        rc = fire_one(self, domain, i++, err);
        TM_KILL_POINT(window_fires);
    } while (rc == 0 && i < count && !self->disturbed && !tm__windows_is_unsettled(self) &&
             (self->output.batch == NULL || !tm_batch_is_full(self->output.batch)));
    self->run_count = 0;
    return rc == 0 ? tm__windows_sweep(self, err) : rc;
}

int tm__windows_fire(struct tm__windows *self, enum tm_timer_domain domain, int64_t until,
                     struct tm_element *out, struct tm_error *err)
{
    bool enough = false;
    for (int budget = FIRE_BUDGET; !enough; budget -= TM_TIMERS_AT_ONCE) {
        if (take_run(self, domain, until) != 0)
            return tm__operator_out_of_memory(&self->base, err);
        if (self->block->count == 0)
            return tm__operator_output_take(&self->output, &self->base, out) ? TM_STEP_MORE
                                                                             : TM_STEP_DONE;
        int rc = fire_run(self, domain, err);
        if (rc != 0)
            return rc;
        enough = budget <= 0 || tm__windows_is_unsettled(self) ||
                 (self->output.batch != NULL && tm_batch_is_full(self->output.batch));
    }
    (void)tm__operator_output_take(&self->output, &self->base, out);
    return TM_STEP_MORE;
}
