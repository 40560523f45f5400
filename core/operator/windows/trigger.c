// Triggers (SEMANTICS 4), and when a cell is to be looked at again.
//
// What a trigger waits for follows from its cell: the window's last ms, the next of its regular
// firings, its timeout, and the end of the window's life. The set of timers holds one of a cell and
// domain at most that counts: at the earliest of these, or earlier, where a session grew or a
// timeout was put off; then the cell is only looked at, and a timer set anew. Timers whose time is
// not the cell's word WAKE are of a window that is gone, or was merged, and say nothing.
#include "core/operator/windows/windows.h"

struct tm_trigger tm__windows_trigger_of(const struct tm_node *node)
{
    struct tm_trigger trigger = node->trigger;
    if (trigger.kind != TM_TRIGGER_DEFAULT)
        return trigger;
    if (node->window == TM_WINDOW_COUNT) {
        trigger.kind = TM_TRIGGER_COUNT;
        trigger.value = node->size_ms;
        trigger.purges = true;
    } else if (node->window == TM_WINDOW_GLOBAL) {
        trigger.kind = TM_TRIGGER_NEVER;
    } else {
        trigger.kind = node->processing ? TM_TRIGGER_PROCESSING_TIME : TM_TRIGGER_EVENT_TIME;
    }
    return trigger;
}

static bool fires_regularly(const struct tm__windows *self)
{
    return self->trigger.kind == TM_TRIGGER_CONTINUOUS_EVENT_TIME ||
           self->trigger.kind == TM_TRIGGER_CONTINUOUS_PROCESSING_TIME;
}

bool tm__windows_needs(const struct tm__windows *self, enum tm__windows_word word)
{
    uint8_t kind = self->trigger.kind;
    switch (word) {
    case TM__WORD_WAKE:
        return self->by_event || kind == TM_TRIGGER_EVENT_TIME ||
               kind == TM_TRIGGER_CONTINUOUS_EVENT_TIME || kind == TM_TRIGGER_END_OF_STREAM;
    case TM__WORD_WAKE_PROCESSING:
        return (self->bounded && !self->by_event) || kind == TM_TRIGGER_PROCESSING_TIME ||
               kind == TM_TRIGGER_CONTINUOUS_PROCESSING_TIME || self->trigger.timeout_ms != 0;
    case TM__WORD_NEXT:
        return fires_regularly(self);
    case TM__WORD_TIMEOUT:
        return self->trigger.timeout_ms != 0;
    case TM__WORD_LAST:
        return kind == TM_TRIGGER_DELTA;
    default:
        return kind == TM_TRIGGER_COUNT;
    }
}

// --- state ---------------------------------------------------------------------------------------

static void set_next(struct tm__windows *self, struct tm__windows_cell *cell, int64_t time)
{
    int64_t next = time + self->trigger.value;
    int64_t last = tm__windows_last_ms(self, cell);
    // By the clock, windows of event time have no end.
    bool capped = self->trigger.kind == TM_TRIGGER_CONTINUOUS_EVENT_TIME || !self->by_event;
    if (!self->bounded && self->watermark == TM_WATERMARK_MAX)
        next = last; // event time is over: not one firing an interval until the end of time
    *tm__windows_word(self, cell, TM__WORD_NEXT) = capped && next > last ? last : next;
    cell->flags |= TM__CELL_HAS_NEXT;
    cell->flags &= ~(uint32_t)TM__CELL_NEXT_OVER;
}

static void clear(struct tm__windows *self, struct tm__windows_cell *cell)
{
    uint32_t gone = TM__CELL_HAS_NEXT | TM__CELL_HAS_TIMEOUT | TM__CELL_TIMEOUT_ARMED;
    if (self->trigger.kind == TM_TRIGGER_EVENT_TIME)
        gone |= TM__CELL_AT_END; // a continuous one keeps its last firing
    if (self->trigger.kind == TM_TRIGGER_PROCESSING_TIME)
        gone |= TM__CELL_AT_END_PROCESSING;
    cell->flags &= ~gone;
    if (self->trigger.kind == TM_TRIGGER_COUNT)
        *tm__windows_word(self, cell, TM__WORD_COUNT) = 0;
    if (self->trigger.kind == TM_TRIGGER_DELTA)
        cell->flags |= TM__CELL_NO_LAST;
}

// --- on element ----------------------------------------------------------------------------------

static bool element_fires(struct tm__windows *self, struct tm__windows_cell *cell, int64_t time)
{
    const struct tm_trigger *trigger = &self->trigger;
    int64_t last = tm__windows_last_ms(self, cell), *count;
    switch (trigger->kind) {
    case TM_TRIGGER_EVENT_TIME:
    case TM_TRIGGER_CONTINUOUS_EVENT_TIME:
        if (last <= self->key_watermark)
            return true;
        cell->flags |= TM__CELL_AT_END;
        if (trigger->kind == TM_TRIGGER_CONTINUOUS_EVENT_TIME &&
            (cell->flags & TM__CELL_HAS_NEXT) == 0)
            set_next(self, cell, time - time % trigger->value);
        return false;
    case TM_TRIGGER_PROCESSING_TIME:
        if (self->bounded)
            cell->flags |= TM__CELL_AT_END_PROCESSING;
        return false;
    case TM_TRIGGER_CONTINUOUS_PROCESSING_TIME:
        if ((cell->flags & TM__CELL_HAS_NEXT) == 0)
            set_next(self, cell, self->now_ms - self->now_ms % trigger->value);
        return false;
    case TM_TRIGGER_COUNT:
        count = tm__windows_word(self, cell, TM__WORD_COUNT);
        if (++*count < trigger->value)
            return false;
        *count = 0;
        return true;
    case TM_TRIGGER_END_OF_STREAM:
        cell->flags |= TM__CELL_AT_END;
        return false;
    case TM_TRIGGER_DELTA:
        return self->delta_fires;
    default:
        return false;
    }
}

int tm__windows_on_element(struct tm__windows *self, struct tm__windows_cell *cell, int64_t time)
{
    const struct tm_trigger *trigger = &self->trigger;
    bool fires = element_fires(self, cell, time);
    if (trigger->timeout_ms != 0 && fires) {
        clear(self, cell);
    } else if (trigger->timeout_ms != 0) {
        if ((cell->flags & TM__CELL_HAS_TIMEOUT) == 0 || trigger->timeout_resets) {
            *tm__windows_word(self, cell, TM__WORD_TIMEOUT) = self->now_ms + trigger->timeout_ms;
            cell->flags |= TM__CELL_HAS_TIMEOUT | TM__CELL_TIMEOUT_ARMED;
        }
    }
    if (!fires)
        return TM__CONTINUE;
    return trigger->purges ? TM__FIRE | TM__PURGE : TM__FIRE;
}

// --- on timer ------------------------------------------------------------------------------------

// What the trigger and the window's life wait for in a domain, at most four times.
static uint32_t waits(const struct tm__windows *self, const struct tm__windows_cell *cell,
                      enum tm_timer_domain domain, int64_t *times)
{
    uint32_t count = 0, flags = cell->flags;
    bool event = domain == TM_TIMER_EVENT;
    bool next_here = (self->trigger.kind == TM_TRIGGER_CONTINUOUS_EVENT_TIME) == event;
    if ((flags & (event ? TM__CELL_AT_END : TM__CELL_AT_END_PROCESSING)) != 0)
        times[count++] = tm__windows_last_ms(self, cell);
    if ((flags & (TM__CELL_HAS_NEXT | TM__CELL_NEXT_OVER)) == TM__CELL_HAS_NEXT && next_here)
        times[count++] = cell->words[self->word_at[TM__WORD_NEXT]];
    if ((flags & TM__CELL_TIMEOUT_ARMED) != 0 && !event)
        times[count++] = cell->words[self->word_at[TM__WORD_TIMEOUT]];
    if (self->by_event == event && tm__windows_cleanup(self, cell->end, &times[count]))
        count++;
    return count;
}

static bool event_fires(struct tm__windows *self, struct tm__windows_cell *cell, int64_t time)
{
    bool regular = self->trigger.kind == TM_TRIGGER_CONTINUOUS_EVENT_TIME &&
                   (cell->flags & (TM__CELL_HAS_NEXT | TM__CELL_NEXT_OVER)) == TM__CELL_HAS_NEXT &&
                   time == *tm__windows_word(self, cell, TM__WORD_NEXT);
    bool at_end = time == tm__windows_last_ms(self, cell);
    if (at_end && (regular || (cell->flags & TM__CELL_AT_END) != 0)) {
        cell->flags &= ~(uint32_t)TM__CELL_AT_END;
        cell->flags |= TM__CELL_NEXT_OVER;
        return true;
    }
    if (regular)
        set_next(self, cell, time);
    return regular;
}

static bool processing_fires(struct tm__windows *self, struct tm__windows_cell *cell, int64_t time)
{
    if (self->trigger.kind == TM_TRIGGER_PROCESSING_TIME) {
        cell->flags &= ~(uint32_t)TM__CELL_AT_END_PROCESSING;
        return true;
    }
    if (self->trigger.kind != TM_TRIGGER_CONTINUOUS_PROCESSING_TIME ||
        (cell->flags & TM__CELL_HAS_NEXT) == 0 ||
        time != *tm__windows_word(self, cell, TM__WORD_NEXT))
        return false;
    set_next(self, cell, time);
    return true;
}

bool tm__windows_on_timer(struct tm__windows *self, struct tm__windows_cell *cell,
                          enum tm_timer_domain domain, int64_t time, int *verdict)
{
    const struct tm_trigger *trigger = &self->trigger;
    int64_t times[4];
    uint32_t count = waits(self, cell, domain, times);
    bool due = false;
    for (uint32_t i = 0; i < count; i++)
        due |= times[i] == time;
    *verdict = TM__CONTINUE;
    if (!due)
        return false;
    bool fires = domain == TM_TIMER_EVENT ? event_fires(self, cell, time)
                                          : processing_fires(self, cell, time);
    bool purges = fires && trigger->purges;
    if (trigger->timeout_ms != 0) { // any timer that comes through it fires
        fires = true;
        purges |= trigger->timeout_purges;
        if (!trigger->timeout_keeps)
            clear(self, cell);
        else if (domain == TM_TIMER_PROCESSING &&
                 time == *tm__windows_word(self, cell, TM__WORD_TIMEOUT))
            cell->flags &= ~(uint32_t)TM__CELL_TIMEOUT_ARMED;
    }
    *verdict = fires ? TM__FIRE | (purges ? TM__PURGE : 0) : TM__CONTINUE;
    return true;
}

// --- merging -------------------------------------------------------------------------------------

void tm__windows_merge_trigger(struct tm__windows *self, struct tm__windows_cell *cell,
                               struct tm__windows_cell *from)
{
    if (self->trigger.kind == TM_TRIGGER_COUNT)
        *tm__windows_word(self, cell, TM__WORD_COUNT) +=
            *tm__windows_word(self, from, TM__WORD_COUNT);
    if ((from->flags & TM__CELL_HAS_NEXT) != 0) {
        int64_t *next = tm__windows_word(self, cell, TM__WORD_NEXT);
        int64_t other = *tm__windows_word(self, from, TM__WORD_NEXT);
        *next = (cell->flags & TM__CELL_HAS_NEXT) == 0 || other < *next ? other : *next;
        cell->flags |= TM__CELL_HAS_NEXT;
    }
    for (int domain = 0; domain < TM_TIMER_DOMAINS; domain++) {
        uint32_t wakes = (uint32_t)TM__CELL_WAKES << domain;
        if ((from->flags & wakes) == 0)
            continue;
        int64_t *wake = tm__windows_word(self, cell, (enum tm__windows_word)domain);
        int64_t other = *tm__windows_word(self, from, (enum tm__windows_word)domain);
        *wake = (cell->flags & wakes) == 0 || other < *wake ? other : *wake;
        cell->flags |= wakes;
    }
}

void tm__windows_merged(struct tm__windows *self, struct tm__windows_cell *cell)
{
    cell->flags &= ~(uint32_t)TM__CELL_NEXT_OVER;
    int64_t last = tm__windows_last_ms(self, cell);
    if (self->trigger.kind == TM_TRIGGER_EVENT_TIME && last > self->key_watermark)
        cell->flags |= TM__CELL_AT_END;
    if (self->trigger.kind == TM_TRIGGER_PROCESSING_TIME && last > self->now_ms)
        cell->flags |= TM__CELL_AT_END_PROCESSING;
}

// --- timers --------------------------------------------------------------------------------------

void tm__windows_name(const struct tm__windows_cell *cell, uint64_t name[2])
{
    name[0] = __builtin_bswap64((uint64_t)cell->start ^ (uint64_t)1 << 63);
    name[1] = __builtin_bswap64((uint64_t)cell->end ^ (uint64_t)1 << 63);
}

void tm__windows_note_last(struct tm__windows *self, const struct tm__windows_cell *cell)
{
    int64_t times[4];
    uint32_t count = waits(self, cell, TM_TIMER_PROCESSING, times);
    for (uint32_t i = 0; i < count; i++)
        if (times[i] > self->last_processing)
            self->last_processing = times[i];
}

static int schedule_in(struct tm__windows *self, const struct tm__windows_key *k,
                       struct tm__windows_cell *cell, enum tm_timer_domain domain)
{
    int64_t times[4];
    uint32_t count = waits(self, cell, domain, times), wakes = (uint32_t)TM__CELL_WAKES << domain;
    if (count == 0)
        return 0;
    int64_t earliest = times[0];
    for (uint32_t i = 1; i < count; i++)
        earliest = times[i] < earliest ? times[i] : earliest;
    if (domain == TM_TIMER_PROCESSING)
        tm__windows_note_last(self, cell);
    int64_t *wake = tm__windows_word(self, cell, (enum tm__windows_word)domain);
    if (TM_LIKELY((cell->flags & wakes) != 0 && *wake <= earliest))
        return 0;
    uint64_t name[2];
    tm__windows_name(cell, name);
    struct tm_timer timer = {
        .time = earliest, .key = *k->key, .name = name, .name_length = sizeof name};
    int rc = tm_agenda_add(self->agendas[domain], &timer);
    if (rc != 0)
        return rc;
    tm__windows_registered(self, domain, earliest);
    *wake = earliest;
    cell->flags |= wakes;
    return 0;
}

// Of a custom trigger the window's own timer is the end of its life alone.
static int schedule_cleanup(struct tm__windows *self, const struct tm__windows_key *k,
                            struct tm__windows_cell *cell)
{
    enum tm_timer_domain domain = self->by_event ? TM_TIMER_EVENT : TM_TIMER_PROCESSING;
    uint64_t name[2];
    struct tm_timer timer = {.key = *k->key, .name = name, .name_length = sizeof name};
    if ((cell->flags & TM__CELL_WAKES) != 0 || !tm__windows_cleanup(self, cell->end, &timer.time))
        return 0;
    tm__windows_name(cell, name);
    if (domain == TM_TIMER_PROCESSING && timer.time > self->last_processing)
        self->last_processing = timer.time;
    int rc = tm_timers_add(self->timers, domain, &timer);
    cell->flags |= rc < 0 ? 0 : TM__CELL_WAKES;
    tm__windows_registered(self, domain, timer.time);
    return rc < 0 ? rc : 0;
}

int tm__windows_schedule(struct tm__windows *self, const struct tm__windows_key *k,
                         struct tm__windows_cell *cell)
{
    int rc = 0;
    if (self->asked != NULL)
        return schedule_cleanup(self, k, cell);
    if (self->word_at[TM__WORD_WAKE] != TM__NO_WORD)
        rc = schedule_in(self, k, cell, TM_TIMER_EVENT);
    if (rc == 0 && self->word_at[TM__WORD_WAKE_PROCESSING] != TM__NO_WORD)
        rc = schedule_in(self, k, cell, TM_TIMER_PROCESSING);
    return rc;
}

int tm__windows_act(struct tm__windows *self, const struct tm__windows_key *k,
                    struct tm__windows_cell *cell, int verdict, struct tm_error *err)
{
    bool purges = (verdict & TM__PURGE) != 0, loses = purges || tm__windows_buffers(self);
    int rc = 0;
    self->numbering = loses && self->waits_for_function;
    self->numbered = false;
    if ((verdict & TM__FIRE) != 0)
        rc = tm__windows_emit(self, k, cell, err);
    self->numbering = false;
    if (rc != 0) // a firing that has failed purges nothing: the window lives on
        return rc < 0 ? rc : 0;
    if (self->numbered)
        rc = tm__windows_fired(self, k, cell, purges);
    else if (purges)
        rc = tm__windows_purge(self, k, cell);
    return rc == 0 ? 0 : tm__operator_out_of_memory(&self->base, err);
}
