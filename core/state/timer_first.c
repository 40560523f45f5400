// The tournament over the trees of a domain: which of them has the earliest timer.
#include "core/state/timer_tree.h"

// One tree and what it takes to work on it: of the one with the earliest timer.
struct tm__timer_site tm__timer_winner(struct tm_timers *timers, struct tm__timer_forest *d)
{
    uint32_t number = d->winners[1];
    return (struct tm__timer_site){.timers = timers,
                                   .domain = d,
                                   .tree = &d->trees[number],
                                   .key_group = timers->first_key_group + number};
}

static struct tm_timer earliest_of(const struct tm_timers *timers, const struct tm__timer_forest *d,
                                   uint32_t number)
{
    const struct tm__node *first =
        tm_state_blob_get(timers->state, timers->first_key_group + number, &d->trees[number].first);
    return tm__node_get(first, 0).timer;
}

// Of trees whose heads are equal.
static bool is_earlier_slow(const struct tm_timers *timers, const struct tm__timer_forest *d,
                            uint32_t a, uint32_t b)
{
    uint32_t count = timers->group_count;
    if (a >= count || b >= count || d->trees[a].count == 0 || d->trees[b].count == 0)
        return a < count && d->trees[a].count != 0;
    struct tm_timer x = earliest_of(timers, d, a), y = earliest_of(timers, d, b);
    return tm__timer_compare(&x, &y) < 0;
}

// The tree's head is another: who wins on its way. The others on the way are known beforehand, and
// there is no branch on who wins: it cannot be predicted.
static void play(const struct tm_timers *timers, struct tm__timer_forest *d, uint32_t number)
{
    uint32_t winner = number;
    tm__timer_head best = d->heads[number];
    for (uint32_t i = d->places + number; i > 1; i /= 2) {
        uint32_t other = d->winners[i ^ 1];
        tm__timer_head opposed = d->heads[other];
        bool loses = opposed < best;
        if (TM_UNLIKELY(opposed == best))
            loses = is_earlier_slow(timers, d, other, winner);
        best = loses ? opposed : best;
        winner = loses ? other : winner;
        d->winners[i / 2] = winner;
    }
}

void tm__timer_renew_head(struct tm__timer_site *site)
{
    uint32_t number = (uint32_t)(site->tree - site->domain->trees);
    tm__timer_head *head = &site->domain->heads[number];
    *head = TM__TIMER_NO_HEAD;
    if (site->tree->root.length != 0)
        *head = tm__node_head(tm__timer_end(site, TM__TIMER_FIRST), 0);
    play(site->timers, site->domain, number);
}
