// Random windows with disorder and lateness against the definition: a model that keeps every row of
// every window in lists, and a list of timers.
#include "windows.h"

#include <stdlib.h>

enum { USERS = 6, EVENTS = 400, WINDOWS = 4 * EVENTS, MEMBERS = EVENTS };

struct model_window {
    uint32_t user;
    int64_t start, end;
    uint32_t members[MEMBERS], count;
    bool alive, fired_end;
    int64_t next;   // of a regular trigger; INT64_MAX: none
    bool next_over; // it was at the end, which has fired
    int64_t rows;   // since the last firing by count
};
static struct model_window *windows;
static uint32_t window_count;
static int64_t model_watermark;
static uint64_t model_late;
static struct row *events;
static char (*names)[8];

static void expect(const struct model_window *w)
{
    char text[200];
    int64_t sum = 0;
    uint32_t first = UINT32_MAX, last = 0;
    if (w->count == 0)
        return;
    for (uint32_t i = 0; i < w->count; i++) {
        const uint32_t m = w->members[i];
        sum += events[m].cents;
        first = m < first ? m : first;
        last = m > last ? m : last;
    }
    snprintf(text, sizeof text, "u%u|%lld|%lld|%u|%lld|%lld|%lld|%lld", w->user,
             (long long)w->start, (long long)w->end, w->count, (long long)sum,
             (long long)events[first].cents, (long long)events[last].cents, (long long)w->end - 1);
    lines_add(text);
}

// What the model gives stands in `lines`, what the operator gives in `given`.
static char *given[200000];
static uint32_t given_count;

static void take_given(const struct tm_element *element)
{
    uint32_t before = line_count;
    lines_take(element);
    for (uint32_t i = before; i < line_count; i++)
        given[given_count++] = lines[i];
    line_count = before;
}

static void compare(uint64_t seed)
{
    for (uint32_t i = 0; i < line_count || i < given_count; i++) {
        const char *model = i < line_count ? lines[i] : "nothing",
                   *was = i < given_count ? given[i] : "nothing";
        if (strcmp(model, was) != 0)
            ck_abort_msg("seed %llu: row %u is %s, and should be %s", (unsigned long long)seed, i,
                         was, model);
    }
    for (uint32_t i = 0; i < given_count; i++)
        free(given[i]);
    given_count = 0;
    lines_clear();
}

static bool is_late(const struct tm_node *node, int64_t end)
{
    return end - 1 + node->lateness_ms <= model_watermark;
}

static struct model_window *find_or_make(uint32_t user, int64_t start, int64_t end)
{
    for (uint32_t i = 0; i < window_count; i++)
        if (windows[i].alive && windows[i].user == user && windows[i].start == start &&
            windows[i].end == end)
            return &windows[i];
    ck_assert_uint_lt(window_count, WINDOWS);
    struct model_window *w = &windows[window_count++];
    *w = (struct model_window){
        .user = user, .start = start, .end = end, .alive = true, .next = INT64_MAX};
    return w;
}

static void fire(const struct tm_node *node, struct model_window *w)
{
    expect(w);
    if (node->trigger.purges)
        w->count = 0;
}

static void add(const struct tm_node *node, struct model_window *w, uint32_t event)
{
    const struct tm_trigger *trigger = &node->trigger;
    int64_t ts = events[event].ts;
    w->members[w->count++] = event;
    w->fired_end |= w->end - 1 <= model_watermark;
    if (trigger->kind == TM_TRIGGER_COUNT) {
        if (++w->rows >= trigger->value) {
            w->rows = 0;
            fire(node, w);
        }
    } else if (w->end - 1 <= model_watermark) {
        fire(node, w);
    } else if (trigger->kind == TM_TRIGGER_CONTINUOUS_EVENT_TIME && w->next == INT64_MAX) {
        int64_t next = ts - ts % trigger->value + trigger->value;
        w->next = next < w->end - 1 ? next : w->end - 1;
    }
}

static void add_session(const struct tm_node *node, uint32_t user, uint32_t event)
{
    int64_t start = events[event].ts, end = start + node->size_ms;
    struct model_window *into = NULL;
    bool several = false;
    for (bool again = true; again;) { // until nothing touches what it has become
        again = false;
        for (uint32_t i = 0; i < window_count; i++) {
            struct model_window *w = &windows[i];
            if (!w->alive || w->user != user || w == into || w->start > end || w->end < start)
                continue;
            start = w->start < start ? w->start : start;
            end = w->end > end ? w->end : end;
            several |= into != NULL;
            if (into == NULL) {
                into = w;
            } else {
                for (uint32_t m = 0; m < w->count; m++)
                    into->members[into->count++] = w->members[m];
                into->rows += w->rows;
                into->next = w->next < into->next ? w->next : into->next;
                w->alive = false;
            }
            again = true;
        }
    }
    if (into == NULL) {
        if (is_late(node, end)) {
            model_late++;
            return;
        }
        into = find_or_make(user, start, end);
    }
    if (several || into->start != start || into->end != end)
        into->next_over = false;
    into->start = start;
    into->fired_end = into->fired_end && into->end == end;
    into->end = end;
    add(node, into, event);
}

static int64_t floor_to(int64_t t, int64_t step)
{
    return (t >= 0 ? t / step : -((-t + step - 1) / step)) * step;
}

static void add_event(const struct tm_node *node, uint32_t user, uint32_t event)
{
    int64_t ts = events[event].ts;
    bool late = true;
    if (node->window == TM_WINDOW_SESSION) {
        add_session(node, user, event);
        return;
    }
    if (node->window == TM_WINDOW_CUMULATE) {
        int64_t start = floor_to(ts, node->size_ms);
        for (int64_t end = start + node->slide_ms; end <= start + node->size_ms;
             end += node->slide_ms)
            if (ts < end && !is_late(node, end)) {
                add(node, find_or_make(user, start, end), event);
                late = false;
            }
    } else {
        for (int64_t start = floor_to(ts, node->slide_ms); start > ts - node->size_ms;
             start -= node->slide_ms)
            if (!is_late(node, start + node->size_ms)) {
                add(node, find_or_make(user, start, start + node->size_ms), event);
                late = false;
            }
    }
    model_late += late;
}

// The earliest thing that any window waits for; ties by user, then window.
static bool next_due(const struct tm_node *node, int64_t *time, struct model_window **due)
{
    *due = NULL;
    for (uint32_t i = 0; i < window_count; i++) {
        struct model_window *w = &windows[i];
        if (!w->alive)
            continue;
        int64_t at = w->end - 1 + node->lateness_ms;
        if (node->trigger.kind != TM_TRIGGER_COUNT && !w->fired_end && w->end - 1 < at)
            at = w->end - 1;
        at = !w->next_over && w->next < at ? w->next : at;
        bool before =
            *due == NULL || at < *time ||
            (at == *time &&
             (w->user < (*due)->user ||
              (w->user == (*due)->user &&
               (w->start < (*due)->start || (w->start == (*due)->start && w->end < (*due)->end)))));
        if (before) {
            *time = at;
            *due = w;
        }
    }
    return *due != NULL;
}

static void advance(const struct tm_node *node, int64_t watermark)
{
    struct model_window *w;
    int64_t time = 0;
    model_watermark = watermark;
    while (next_due(node, &time, &w) && time <= watermark) {
        bool regular = !w->next_over && time == w->next;
        bool end = node->trigger.kind != TM_TRIGGER_COUNT && (!w->fired_end || regular) &&
                   time == w->end - 1;
        if (end) {
            w->fired_end = true;
            w->next_over = true;
            fire(node, w);
        } else if (regular) {
            int64_t next = time + node->trigger.value;
            w->next = next < w->end - 1 ? next : w->end - 1;
            fire(node, w);
        }
        if (time == w->end - 1 + node->lateness_ms)
            w->alive = false;
    }
}

static void random_run(uint64_t seed)
{
    static const uint8_t kinds[] = {TM_WINDOW_SESSION, TM_WINDOW_SESSION, TM_WINDOW_SESSION,
                                    TM_WINDOW_CUMULATE, TM_WINDOW_SLIDING};
    struct tm_node node = {.window = kinds[draw(5)],
                           .slide_ms = (int64_t)draw(20) + 1,
                           .lateness_ms = draw(2) == 0 ? 0 : (int64_t)draw(60)};
    node.size_ms =
        node.window == TM_WINDOW_SESSION ? node.slide_ms : node.slide_ms * ((int64_t)draw(4) + 1);
    uint64_t trigger = draw(4);
    if (trigger == 1)
        node.trigger = (struct tm_trigger){.kind = TM_TRIGGER_COUNT, .value = (int64_t)draw(4) + 1};
    else if (trigger == 2)
        node.trigger = (struct tm_trigger){.kind = TM_TRIGGER_CONTINUOUS_EVENT_TIME,
                                           .value = (int64_t)draw(15) + 1};
    else
        node.trigger = (struct tm_trigger){.kind = TM_TRIGGER_EVENT_TIME};
    node.trigger.purges = draw(3) == 0;
    configure(node);
    use_aggregate(TM_AGGREGATE_COUNT, -1);
    use_aggregate(TM_AGGREGATE_SUM, CENTS);
    use_aggregate(TM_AGGREGATE_FIRST, CENTS);
    use_aggregate(TM_AGGREGATE_LAST, CENTS);
    open_keyed(tm_operator_window_new);
    window_count = 0;
    model_watermark = INT64_MIN;
    model_late = 0;
    int64_t now = -100;
    for (uint32_t i = 0; i < EVENTS;) {
        uint32_t rows = (uint32_t)draw(12) + 1, first = i;
        for (; i < EVENTS && i < first + rows; i++) {
            uint32_t user = (uint32_t)draw(USERS);
            snprintf(names[i], sizeof names[i], "u%u", user);
            now += (int64_t)draw(6);
            events[i] =
                (struct row){.user = names[i], .ts = now - (int64_t)draw(80), .cents = i + 1000};
            add_event(&node, user, i);
        }
        ck_assert_int_eq(feed_rows(events + first, i - first, take_given), 0);
        if (draw(3) == 0) {
            int64_t watermark = now - (int64_t)draw(40);
            if (watermark > model_watermark) {
                advance(&node, watermark);
                feed_watermark(watermark, take_given);
                free(given[--given_count]); // the watermark itself
            }
        }
        compare(seed);
        ck_assert_uint_eq(world.metrics.late, model_late);
        if (draw(10) == 0)
            forget_wakes(); // what waits follows from the windows
    }
    advance(&node, INT64_MAX);
    feed_watermark(INT64_MAX, take_given);
    free(given[--given_count]);
    compare(seed);
    ck_assert_uint_eq(tm_state_namespace_size(windows_of()->ns), 0);
    ck_assert_uint_eq(tm__windows_wakes_count(windows_of(), TM_TIMER_EVENT), 0);
    teardown();
}

START_TEST(random_windows_agree_with_lists_of_their_rows)
{
    windows = calloc(WINDOWS, sizeof *windows);
    events = calloc(EVENTS, sizeof *events);
    names = calloc(EVENTS, sizeof *names);
    seed_from("sessions");
    bool one = getenv("TM_SEED") != NULL;
    for (int run = 0; run < (one ? 1 : 1500); run++) {
        uint64_t seed = random_state;
        random_run(seed);
    }
    free(windows);
    free(events);
    free(names);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("sessions");
    tcase_add_test(tc, random_windows_agree_with_lists_of_their_rows);
    return run_operator_case(tc, "operator/sessions");
}
