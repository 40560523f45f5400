// One helper thread for whoever has work that can wait: it is started by the first one, and does
// the works of all in the order of submission. Any thread may call.
#pragma once

#include "core/base/effects.h"

struct tm_helper {
    const struct tm_fx *fx;
    // 0: not started; STARTING; STARTED: `executor` can be read (partner: the release store behind
    // its making); FAILED: there is none.
    _Atomic int stage;
    struct tm_executor *executor;
};

void tm_helper_init(struct tm_helper *helper, const struct tm_fx *fx);
void tm_helper_fini(struct tm_helper *helper); // runs what was submitted
// False: the work was not taken, since the thread is being started by another, or cannot be.
bool tm_helper_submit(struct tm_helper *helper, struct tm_work *work);
// Until a work that was taken is done.
void tm_helper_wait(struct tm_helper *helper, const struct tm_work *work);
