// The strategies of restarts.
#include "core/cluster/failover.h"

#include <string.h>

enum { NS_PER_MS = 1000000 };

void tm_failover_init(struct tm_failover *failover, const struct tm_restart_policy *policy,
                      uint64_t seed)
{
    *failover = (struct tm_failover){.policy = *policy, .random = seed};
    if (policy->strategy == TM_RESTART_UNSAID)
        failover->policy.strategy = TM_RESTART_NONE;
}

// splitmix64: [0, 1).
static double draw(struct tm_failover *failover)
{
    uint64_t z = failover->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (double)(z >> 11) / 9007199254740992.0;
}

// Quiet for so long that what was before counts no more. A rate forgets by its interval alone.
static void forget_old(struct tm_failover *failover, int64_t now_ns)
{
    const struct tm_restart_policy *policy = &failover->policy;
    int64_t quiet_ms = policy->strategy == TM_RESTART_RATE ? policy->interval_ms : policy->reset_ms;
    if (!failover->has_failed || now_ns - failover->due_ns < quiet_ms * NS_PER_MS)
        return;
    failover->has_failed = false;
    failover->in_a_row = 0;
    failover->culprit_count = 0;
}

static int64_t exponential_ms(struct tm_failover *failover)
{
    const struct tm_restart_policy *policy = &failover->policy;
    double delay = (double)policy->delay_ms, most = (double)policy->max_ms;
    if (failover->in_a_row == 0)
        return 0;
    for (uint32_t i = 1; i < failover->in_a_row && delay < most && policy->factor > 1; i++)
        delay *= policy->factor;
    delay = delay < most ? delay : most;
    delay *= 1 + policy->jitter * (2 * draw(failover) - 1);
    return (int64_t)(delay < most ? delay : most);
}

// The place of the oldest of the newest `failures` restarts, which the next one takes.
static int64_t *oldest(struct tm_failover *failover)
{
    return &failover->granted_ns[failover->restarts % failover->policy.failures];
}

// As many restarts as are allowed have been granted, the oldest not long enough ago.
static bool is_too_fast(struct tm_failover *failover, int64_t now_ns)
{
    const struct tm_restart_policy *policy = &failover->policy;
    return failover->restarts >= policy->failures &&
           now_ns - *oldest(failover) < policy->interval_ms * NS_PER_MS;
}

static int64_t delay_ms(struct tm_failover *failover, int64_t now_ns)
{
    const struct tm_restart_policy *policy = &failover->policy;
    bool spent = policy->attempts != 0 && failover->in_a_row >= policy->attempts;
    switch (policy->strategy) {
    case TM_RESTART_FIXED:
        return spent ? TM_FAILOVER_GIVE_UP : policy->delay_ms;
    case TM_RESTART_EXPONENTIAL:
        return spent ? TM_FAILOVER_GIVE_UP : exponential_ms(failover);
    case TM_RESTART_RATE:
        if (is_too_fast(failover, now_ns))
            return TM_FAILOVER_GIVE_UP;
        *oldest(failover) = now_ns;
        return policy->delay_ms;
    case TM_RESTART_UNSAID:
    case TM_RESTART_NONE:
        break;
    }
    return TM_FAILOVER_GIVE_UP;
}

int64_t tm_failover_failed(struct tm_failover *failover, int64_t now_ns)
{
    forget_old(failover, now_ns);
    int64_t delay = delay_ms(failover, now_ns);
    if (delay == TM_FAILOVER_GIVE_UP) {
        failover->policy.strategy = TM_RESTART_NONE;
        return TM_FAILOVER_GIVE_UP;
    }
    failover->restarts++;
    failover->in_a_row++;
    failover->has_failed = true;
    failover->due_ns = now_ns + delay * NS_PER_MS;
    return delay * NS_PER_MS;
}

bool tm_failover_repeats(struct tm_failover *failover, const struct tm_culprit *culprit,
                         int64_t now_ns)
{
    forget_old(failover, now_ns);
    if (!tm_culprit_is_known(culprit))
        return false;
    uint32_t kept = failover->culprit_count;
    kept = kept < TM_FAILOVER_CULPRITS ? kept : TM_FAILOVER_CULPRITS;
    for (uint32_t i = 0; i < kept; i++)
        if (memcmp(&failover->culprits[i], culprit, sizeof *culprit) == 0)
            return true;
    failover->culprits[failover->culprit_count++ % TM_FAILOVER_CULPRITS] = *culprit;
    return false;
}

bool tm_failover_may_mend(const struct tm_error *err)
{
    switch (err->code) {
    case TM_E_MEMORY:
    case TM_E_IO:
    case TM_E_NO_SPACE:
    case TM_E_NETWORK:
    case TM_E_INTERNAL:
    case TM_E_USER_CODE:
    case TM_E_ROW_TYPE:
    case TM_E_ROW_KEY:
    case TM_E_OVERFLOW:
    case TM_E_USER_MEMORY:
        return true;
    default:
        return false;
    }
}
