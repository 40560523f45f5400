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
    if (point == s->at && pass == s->after)
        s->end();
}

static enum tm_kill_point find(const char *name, size_t length)
{
    for (int i = 0; i < TM_KILL_COUNT; i++)
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
            return (enum tm_kill_point)i;
    return TM_KILL_COUNT;
}

bool tm_kill_points_set(const char *text, void (*end)(void))
{
    struct tm_kill_switch *s = &tm_kill_switch;
    const char *colon = strchr(text, ':');
    char *rest = NULL;
    s->end = end;
    s->at = colon == NULL ? TM_KILL_COUNT : find(text, (size_t)(colon - text));
    s->after = colon == NULL ? 0 : strtoull(colon + 1, &rest, 10);
    bool known = colon == NULL ? strcmp(text, "count") == 0
                               : s->at != TM_KILL_COUNT && *rest == '\0' && s->after != 0;
    for (int i = 0; i < TM_KILL_COUNT; i++)
        atomic_store_explicit(&s->passes[i], 0, memory_order_relaxed);
    atomic_store_explicit(&s->on, known, memory_order_relaxed);
    return known;
}
