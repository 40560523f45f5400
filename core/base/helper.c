// A thread that is started when it is first asked for, and shared.
#include "core/base/helper.h"

#include <stdatomic.h>

enum { NONE, STARTING, STARTED, FAILED };
enum { LOOK_NS = 100 * 1000 }; // how often a waiting thread looks

void tm_helper_init(struct tm_helper *helper, const struct tm_fx *fx)
{
    helper->fx = fx;
    helper->executor = NULL;
    atomic_init(&helper->stage, NONE);
}

void tm_helper_fini(struct tm_helper *helper)
{
    if (helper->executor != NULL)
        helper->fx->threads->executor_free(helper->fx->ctx, helper->executor);
    helper->executor = NULL;
}

static int start(struct tm_helper *helper)
{
    int stage = NONE;
    if (!atomic_compare_exchange_strong_explicit(&helper->stage, &stage, STARTING,
                                                 memory_order_acquire, memory_order_acquire))
        return stage;
    helper->executor = helper->fx->threads->executor_new(helper->fx->ctx, "tm-helper", NULL);
    stage = helper->executor != NULL ? STARTED : FAILED;
    atomic_store_explicit(&helper->stage, stage, memory_order_release);
    return stage;
}

bool tm_helper_submit(struct tm_helper *helper, struct tm_work *work)
{
    int stage = atomic_load_explicit(&helper->stage, memory_order_acquire);
    if (stage == NONE)
        stage = start(helper);
    if (stage != STARTED)
        return false;
    helper->fx->threads->executor_submit(helper->fx->ctx, helper->executor, work);
    return true;
}

void tm_helper_wait(struct tm_helper *helper, const struct tm_work *work)
{
    const struct tm_fx *fx = helper->fx;
    if (tm_work_is_done(work))
        return;
    // Nobody wakes it: a waker would have to outlive the helper. Without a parker it just looks.
    struct tm_parker *parker = fx->threads->parker_new(fx->ctx, NULL);
    while (!tm_work_is_done(work))
        if (parker != NULL)
            fx->threads->parker_wait(fx->ctx, parker, tm_fx_mono_ns(fx) + LOOK_NS);
    if (parker != NULL)
        fx->threads->parker_free(fx->ctx, parker);
}
