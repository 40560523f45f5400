// Restarts of a job in its process.
#include "core/cli/restarts.h"

#include <string.h>

#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/cli/supervisor.h"

void tm_restarts_init(struct tm_restarts *restarts, struct tm_engine *engine,
                      const struct tm_life *life)
{
    struct tm_restart_policy policy = engine->graph->restart;
    bool can = life->store != NULL && life->replayable;
    *restarts =
        (struct tm_restarts){.asked = policy.strategy != TM_RESTART_UNSAID,
                             .has_begun = tm_supervised_has_begun(engine->options->supervised)};
    if (restarts->asked && policy.strategy != TM_RESTART_NONE && !can)
        tm_log_write(&engine->log, TM_LOG_WARN,
                     "a failure ends the job, whatever its restart says: %s",
                     life->store == NULL ? "it takes no checkpoints"
                                         : "a source of it cannot be read again");
    if (!can)
        policy.strategy = TM_RESTART_NONE;
    else if (!restarts->asked)
        policy = TM_RESTART_USUAL;
    uint64_t seed = (uint64_t)tm_fx_mono_ns(&engine->fx);
    tm_failover_init(&restarts->failover, &policy, seed);
}

// Why an attempt failed.
struct cause {
    const struct tm_error *err;
    bool of_user_code;         // functions, and what they return: it follows from a row, as a rule
    bool of_row;               // `culprit` is what they failed on
    struct tm_culprit culprit; // what to know it by when it comes again
};

// The message up to the row that it shows.
static struct tm_culprit culprit_of_message(const struct tm_error *err)
{
    bool says_more = err->code != TM_E_MEMORY; // whoever asked for the last byte
    size_t length = says_more ? strcspn(err->message, "\n") : 0;
    XXH128_hash_t hash = XXH3_128bits_withSeed(err->message, length, (uint64_t)-err->code);
    return (struct tm_culprit){{hash.low64, hash.high64}};
}

// Functions raise the codes of what they use, too. What has no row is known again by its message,
// and so is a lack of memory, which another row may meet next time.
static struct cause cause_of(const struct tm_attempt *attempt, const struct tm_error *err)
{
    struct cause cause = {.err = err};
    bool lacks_memory = err->code == TM_E_USER_MEMORY || err->code == TM_E_MEMORY;
    bool is_users = err->code <= TM_E_USER_CODE && err->code >= TM_E_USER_MEMORY;
    if (attempt != NULL)
        cause.culprit = attempt->coordinator.culprit;
    cause.of_user_code = is_users || tm_culprit_is_known(&cause.culprit);
    cause.of_row = !lacks_memory && tm_culprit_is_known(&cause.culprit);
    if (lacks_memory || (is_users && !cause.of_row))
        cause.culprit = culprit_of_message(err);
    return cause;
}

// What no strategy has a say in: it has never run, all that it has shown would be shown twice, or
// it would come to the same.
static bool is_hopeless(const struct tm_restarts *restarts, const struct tm_engine *engine,
                        const struct tm_life *life, bool ran, const struct cause *cause)
{
    bool would_repeat_all = life->shows && tm_store_latest(life->store) == 0;
    if (!ran || (would_repeat_all && !restarts->asked))
        return true;
    if (cause->err->code == TM_E_ROW_CRASHED) // so often already that it is known
        return true;
    if (cause->of_user_code || tm_failover_may_mend(cause->err))
        return false;
    if (restarts->asked || restarts->count != 0)
        tm_log_write(&engine->log, TM_LOG_INFO, "not started again: that does not mend it");
    return true;
}

static int64_t decide(struct tm_restarts *restarts, const struct tm_engine *engine,
                      const struct cause *cause)
{
    int64_t now_ns = tm_fx_mono_ns(&engine->fx);
    if (tm_failover_repeats(&restarts->failover, &cause->culprit, now_ns)) {
        tm_log_write(&engine->log, TM_LOG_WARN, "not started again: %s as before",
                     cause->of_row ? "the same operator failed on the same row or timer"
                                   : "it failed for the same reason");
        return TM_FAILOVER_GIVE_UP;
    }
    int64_t delay_ns = tm_failover_failed(&restarts->failover, now_ns);
    if (delay_ns == TM_FAILOVER_GIVE_UP)
        tm_log_write(&engine->log, TM_LOG_WARN,
                     "not started again: its restart allows no more than the %llu restarts so far",
                     (unsigned long long)restarts->count);
    return delay_ns;
}

static void say_restart(const struct tm_restarts *restarts, const struct tm_engine *engine,
                        int64_t delay_ns)
{
    char delay[32];
    bool at_once = delay_ns == 0;
    tm_log_write(&engine->log, TM_LOG_WARN, "the job failed: starting it again%s%s (restart %llu)",
                 at_once ? "" : " in ", at_once ? "" : tm_text_duration(delay_ns / 1000000, delay),
                 (unsigned long long)restarts->count);
}

int64_t tm_restarts_failed(struct tm_restarts *restarts, struct tm_engine *engine,
                           const struct tm_life *life, const struct tm_attempt *attempt,
                           const struct tm_error *err)
{
    struct cause cause = cause_of(attempt, err);
    bool ran = restarts->has_begun || restarts->count != 0 ||
               (attempt != NULL && attempt->coordinator.ran);
    if (restarts->failover.policy.strategy == TM_RESTART_NONE ||
        is_hopeless(restarts, engine, life, ran, &cause))
        return TM_FAILOVER_GIVE_UP;
    int64_t delay_ns = decide(restarts, engine, &cause);
    if (delay_ns == TM_FAILOVER_GIVE_UP)
        return delay_ns;
    restarts->count++;
    restarts->cause = *err;
    restarts->last_ms = tm_fx_wall_ms(&engine->fx);
    tm_cli_say(&engine->log, err);
    say_restart(restarts, engine, delay_ns);
    return delay_ns;
}
