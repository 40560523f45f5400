// A waker's slow path: making, ending and sleeping.
#include "core/loop/waker.h"

int tm_waker_init(struct tm_waker *waker, const struct tm_fx *fx, struct tm_error *err)
{
    waker->fx = fx;
    atomic_init(&waker->sleeping, 0);
    waker->parker = fx->threads->parker_new(fx->ctx, err);
    if (waker->parker != NULL)
        return 0;
    return err != NULL && err->code != 0 ? err->code : TM_E_MEMORY;
}

void tm_waker_fini(struct tm_waker *waker)
{
    if (waker->parker != NULL)
        waker->fx->threads->parker_free(waker->fx->ctx, waker->parker);
    waker->parker = NULL;
}

void tm_waker_wait(struct tm_waker *waker, int64_t deadline_ns)
{
    waker->fx->threads->parker_wait(waker->fx->ctx, waker->parker, deadline_ns);
    atomic_store_explicit(&waker->sleeping, 0, memory_order_relaxed);
}
