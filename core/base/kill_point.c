// Which point ends the process, and when.
#include "core/base/kill_point.h"

#include <stdlib.h>
#include <string.h>

struct tm_kill_switch tm_kill_switch;

static const char *const names[] = {
#define TM_KILL(name, phase) #name,
#include "core/base/kill_points.def"
#undef TM_KILL
};

const char *tm_kill_point_name(enum tm_kill_point point)
{
    return names[point];
}

void tm_kill_point_passed(enum tm_kill_point point)
{
    struct tm_kill_switch *s = &tm_kill_switch;
    uint64_t pass = atomic_fetch_add_explicit(&s->passes[point], 1, memory_order_relaxed) + 1;
    if (point == s->of.at && pass == s->of.after)
        s->end();
}

static enum tm_kill_point find(const char *name, size_t length)
{
    for (int i = 0; i < TM_KILL_COUNT; i++)
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
            return (enum tm_kill_point)i;
    return TM_KILL_COUNT;
}

// One of them, at the beginning of the text. Where it ends, or NULL.
static const char *parse(const char *text, struct tm_kill *kill)
{
    static const char counting[] = "count";
    size_t length = strcspn(text, ":,");
    char *rest;
    *kill = (struct tm_kill){.at = TM_KILL_COUNT};
    if (text[length] != ':')
        return length == strlen(counting) && memcmp(text, counting, length) == 0 ? text + length
                                                                                : NULL;
    kill->at = find(text, length);
    kill->after = strtoull(text + length + 1, &rest, 10);
    return kill->at != TM_KILL_COUNT && kill->after != 0 ? rest : NULL;
}

static bool parse_workers(struct tm_kill_switch *s, const char *text)
{
    while (text != NULL && s->worker_count < TM_KILLS_MAX) {
        text = parse(text, &s->workers[s->worker_count++]);
        if (text == NULL || *text != ',')
            break;
        text++;
    }
    return text != NULL && *text == '\0';
}

bool tm_kill_points_set(const char *text, void (*end)(void))
{
    static const char workers[] = "workers=";
    struct tm_kill_switch *s = &tm_kill_switch;
    bool known, on = false;
    s->end = end;
    s->worker_count = 0;
    for (int i = 0; i < TM_KILL_COUNT; i++)
        atomic_store_explicit(&s->passes[i], 0, memory_order_relaxed);
    if (strncmp(text, workers, strlen(workers)) == 0) {
        known = parse_workers(s, text + strlen(workers));
    } else {
        const char *rest = parse(text, &s->of);
        on = known = rest != NULL && *rest == '\0';
    }
    if (!known)
        s->worker_count = 0;
    atomic_store_explicit(&s->on, on, memory_order_relaxed);
    return known;
}

void tm_kill_points_worker(uint64_t number)
{
    struct tm_kill_switch *s = &tm_kill_switch;
    if (s->worker_count == 0)
        return;
    s->of = (struct tm_kill){.at = TM_KILL_COUNT};
    if (number < s->worker_count)
        s->of = s->workers[number];
    atomic_store_explicit(&s->on, 1, memory_order_relaxed);
}
