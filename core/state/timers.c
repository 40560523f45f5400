// Sets of timers: the calls of the contract.
#include "core/state/timer_tree.h"

int tm_timers_add(struct tm_timers *timers, enum tm_timer_domain domain,
                  const struct tm_timer *timer)
{
    if (timer->name_length > TM_TIMER_NAME_BYTES || timer->key.length > TM_TIMER_KEY_BYTES)
        return TM_E_LIMIT;
    struct tm__timer_site site = tm__timer_site(timers, domain, timer->key.hash);
    return tm__timer_tree_add(&site, timer);
}

int tm_timers_remove(struct tm_timers *timers, enum tm_timer_domain domain,
                     const struct tm_timer *timer)
{
    struct tm__timer_site site = tm__timer_site(timers, domain, timer->key.hash);
    return tm__timer_tree_remove(&site, timer);
}

int tm_timers_pop(struct tm_timers *timers, enum tm_timer_domain domain)
{
    struct tm__timer_forest *d = &timers->domains[domain];
    if (d->count == 0)
        return 0;
    struct tm__timer_site site = tm__timer_winner(timers, d);
    struct tm__node *node = tm__timer_end_edit(&site, TM__TIMER_FIRST);
    if (node == NULL)
        return TM_E_MEMORY;
    if (tm__node_count(node) == 1) {
        struct tm_timer timer = tm__node_get(node, 0).timer;
        return tm__timer_tree_remove(&site, &timer);
    }
    tm__node_remove(node, 0);
    __builtin_prefetch(tm__node_item_at(node, 0));
    __builtin_prefetch(tm__node_slot_at(node, 3));
    tm__timer_count(&site, -1);
    tm__timer_renew_head(&site);
    return 1;
}

bool tm_timers_has(struct tm_timers *timers, enum tm_timer_domain domain,
                   const struct tm_timer *timer)
{
    struct tm__timer_site site = tm__timer_site(timers, domain, timer->key.hash);
    struct tm__timer_path path;
    bool equal;
    return tm__timer_descend(&site, timer, &path, &equal) && equal;
}

bool tm_timers_first(struct tm_timers *timers, enum tm_timer_domain domain, struct tm_timer *timer)
{
    struct tm__timer_forest *d = &timers->domains[domain];
    if (d->count == 0)
        return false;
    struct tm__timer_site site = tm__timer_winner(timers, d);
    *timer = tm__node_get(tm__timer_end(&site, TM__TIMER_FIRST), 0).timer;
    timer->key.hash = tm_hash_bytes(timer->key.bytes, timer->key.length);
    return true;
}

int64_t tm_timers_next_time(const struct tm_timers *timers, enum tm_timer_domain domain)
{
    const struct tm__timer_forest *d = &timers->domains[domain];
    return d->count == 0 ? INT64_MAX : tm__timer_head_time(d->heads[d->winners[1]]);
}

uint64_t tm_timers_count(const struct tm_timers *timers, enum tm_timer_domain domain)
{
    return timers->domains[domain].count;
}

int64_t tm_timers_used_bytes(const struct tm_timers *timers)
{
    return tm_state_used_bytes(timers->state) + timers->scratch_bytes;
}

static bool walk(const struct tm__timer_site *site, const struct tm_blob *blob,
                 bool (*more)(void *arg, const struct tm_timer *timer), void *arg)
{
    const struct tm__node *node = tm__timer_node(site, blob);
    for (uint32_t i = 0; i < tm__node_count(node); i++) {
        struct tm__node_item item = tm__node_get(node, i);
        if (node->level != 0) {
            if (!walk(site, &item.child, more, arg)) // as deep as the tree is high
                return false;
            continue;
        }
        item.timer.key.hash = tm_hash_bytes(item.timer.key.bytes, item.timer.key.length);
        if (!more(arg, &item.timer))
            return false;
    }
    return true;
}

void tm_timers_key_groups(const struct tm_timers *timers, uint32_t *first, uint32_t *last)
{
    *first = timers->first_key_group;
    *last = timers->first_key_group + timers->group_count - 1;
}

void tm_timers_walk(struct tm_timers *timers, enum tm_timer_domain domain, uint32_t key_group,
                    bool (*more)(void *arg, const struct tm_timer *timer), void *arg)
{
    TM_CHECK(key_group - timers->first_key_group < timers->group_count);
    struct tm__timer_forest *d = &timers->domains[domain];
    struct tm__timer_site site = {.timers = timers,
                                  .domain = d,
                                  .tree = &d->trees[key_group - timers->first_key_group],
                                  .key_group = key_group};
    if (site.tree->root.length != 0)
        walk(&site, &site.tree->root, more, arg);
}
