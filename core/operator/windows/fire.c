// Timers that are due, in the order (time, key bytes, window). Resumable at every output batch, and
// when it has taken long.
#include "core/operator/windows/windows.h"

// Timers in one step: a few milliseconds. The task then looks at its other work.
enum { FIRE_BUDGET = 8192 };

// The cell that a timer's name means. A session may have grown since.
static bool find(const struct tm__windows *self, const struct tm__windows_key *k,
                 const uint64_t name[2], uint32_t *i)
{
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
    rc = tm__windows_asked_clear(self, k, cell, err);
    if (rc != 0)
        return rc;
    rc = tm__windows_remove(self, k, i, 1);
    return rc == 0 ? 0 : tm__windows_no_memory(self, rc, err);
}

// The earliest timer, which is taken out of the set.
static int fire_one(struct tm__windows *self, enum tm_timer_domain domain,
                    const struct tm_timer *timer, struct tm_error *err)
{
    uint64_t name[2];
    struct tm_key key = timer->key;
    int64_t time = timer->time;
    bool created = false;
    memcpy(name, timer->name, sizeof name);
    self->key.size_bytes = 0;
    int rc = tm_buf_append(&self->key, key.bytes, key.length);
    if (rc == 0 && tm_timers_pop(self->timers, domain) < 0)
        rc = TM_E_MEMORY;
    if (rc != 0)
        return tm__operator_out_of_memory(&self->base, err);
    key.bytes = self->key.data;
    struct tm__windows_record *record = tm_state_upsert(self->state, self->ns, &key, &created);
    struct tm__windows_key k;
    uint32_t i;
    if (record == NULL || tm__windows_open_key(self, &key, record, &k) != 0)
        return tm__operator_out_of_memory(&self->base, err);
    if (find(self, &k, name, &i))
        rc = self->asked == NULL ? fire_cell(self, &k, i, domain, time, err)
                                 : fire_asked(self, &k, i, domain, time, err);
    if (rc == 0 && k.count == 0 && tm_state_remove(self->state, self->ns, &key) < 0)
        return tm__operator_out_of_memory(&self->base, err);
    return rc;
}

int tm__windows_fire(struct tm__windows *self, enum tm_timer_domain domain, int64_t until,
                     struct tm_element *out, struct tm_error *err)
{
    struct tm_timer timer;
    bool enough = false;
    for (int budget = FIRE_BUDGET; !enough; budget--) {
        if (!tm_timers_first(self->timers, domain, &timer) || timer.time > until)
            return tm__operator_output_take(&self->output, &self->base, out) ? TM_STEP_MORE
                                                                             : TM_STEP_DONE;
        int rc = fire_one(self, domain, &timer, err);
        if (rc != 0)
            return rc;
        enough =
            budget == 0 || (self->output.batch != NULL && tm_batch_is_full(self->output.batch));
    }
    (void)tm__operator_output_take(&self->output, &self->base, out);
    return TM_STEP_MORE;
}
