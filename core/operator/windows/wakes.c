// When cells wake. What a trigger of the engine waits for follows from its cell, which holds the
// time it wakes at: so these times lie in agendas, which are made anew from the cells of whatever
// key groups there are. Timers of a custom trigger are a set of their own, which is kept (asked.c).
#include "core/operator/windows/windows.h"

int tm__windows_wakes_open(struct tm__windows *self, struct tm_error *err)
{
    struct tm_timers_args args = {.mem = self->mem};
    if (self->asked != NULL) {
        tm_state_key_groups(self->state, &args.max_parallelism, &args.first_key_group,
                            &args.last_key_group);
        return tm_timers_new(&args, &self->timers, err);
    }
    for (int domain = 0; domain < TM_TIMER_DOMAINS; domain++) {
        if (self->word_at[domain] == TM__NO_WORD)
            continue;
        self->agendas[domain] = tm_agenda_new(self->mem);
        if (self->agendas[domain] == NULL)
            return tm__operator_out_of_memory(&self->base, err);
    }
    return 0;
}

void tm__windows_wakes_free(struct tm__windows *self)
{
    tm_timers_free(self->timers);
    for (int domain = 0; domain < TM_TIMER_DOMAINS; domain++)
        tm_agenda_free(self->agendas[domain]);
}

int64_t tm__windows_wakes_next(const struct tm__windows *self, enum tm_timer_domain domain)
{
    if (self->timers != NULL)
        return tm_timers_next_time(self->timers, domain);
    const struct tm_agenda *agenda = self->agendas[domain];
    return agenda == NULL ? INT64_MAX : tm_agenda_next_time(agenda);
}

uint64_t tm__windows_wakes_count(const struct tm__windows *self, enum tm_timer_domain domain)
{
    if (self->timers != NULL)
        return tm_timers_count(self->timers, domain);
    const struct tm_agenda *agenda = self->agendas[domain];
    return agenda == NULL ? 0 : tm_agenda_count(agenda);
}

int64_t tm__windows_wakes_bytes(const struct tm__windows *self)
{
    int64_t bytes = self->timers == NULL ? 0 : tm_timers_used_bytes(self->timers);
    for (int domain = 0; domain < TM_TIMER_DOMAINS; domain++)
        if (self->agendas[domain] != NULL)
            bytes += tm_agenda_used_bytes(self->agendas[domain]);
    return bytes;
}

int tm__windows_each_cell(const struct tm__windows *self, uint32_t key_group,
                          int (*visit)(void *arg, const struct tm_key *key,
                                       const struct tm__windows_cell *cell),
                          void *arg)
{
    struct tm_state_cursor cursor;
    struct tm_key key;
    const void *value;
    tm_state_iterate(self->state, self->ns, key_group, &cursor);
    while (tm_state_next(&cursor, &key, &value)) {
        const struct tm__windows_record *record = value;
        bool alone = record->alone != 0;
        const uint8_t *cells =
            alone ? record->cell : tm_state_blob_get(self->state, key_group, &record->cells);
        uint32_t bytes = alone ? self->cell_bytes : record->cells.length;
        for (uint32_t at = 0; at < bytes; at += self->cell_bytes) {
            int rc = visit(arg, &key, (const struct tm__windows_cell *)(const void *)(cells + at));
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

bool tm__windows_wake_of(const struct tm__windows *self, const struct tm__windows_cell *cell,
                         enum tm_timer_domain domain, int64_t *time)
{
    if ((cell->flags & (uint32_t)TM__CELL_WAKES << domain) == 0)
        return false;
    *time = cell->words[self->word_at[domain]];
    return true;
}

static int enter_cell(void *arg, const struct tm_key *key, const struct tm__windows_cell *cell)
{
    struct tm__windows *self = arg;
    uint64_t name[2];
    tm__windows_name(cell, name);
    tm__windows_note_last(self, cell);
    for (int domain = 0; domain < TM_TIMER_DOMAINS; domain++) {
        struct tm_timer timer = {.key = *key, .name = name, .name_length = sizeof name};
        if (!tm__windows_wake_of(self, cell, (enum tm_timer_domain)domain, &timer.time))
            continue;
        int rc = tm_agenda_add(self->agendas[domain], &timer);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int tm__windows_wakes_enter(struct tm__windows *self, uint32_t first, uint32_t last)
{
    TM_CHECK(self->asked == NULL);
    for (uint32_t group = first; group <= last; group++) {
        int rc = tm__windows_each_cell(self, group, enter_cell, self);
        if (rc != 0)
            return rc;
    }
    return 0;
}
