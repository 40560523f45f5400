// Claims on outputs, and what is said to those who come second.
#include "connectors/file/claim.h"

#include <inttypes.h>

static int taken(const char *output, int64_t holder, struct tm_error *err)
{
    if (holder == TM_LOCK_OURS) {
        tm_error_set(err, TM_E_IN_USE,
                     "the output %s is written by another sink of this job, under another name",
                     output);
        tm_error_hint(err, "bring the streams together with :union(...), or write to two outputs");
    } else if (holder != 0) {
        tm_error_set(err, TM_E_IN_USE, "the output %s is being written by process %" PRId64, output,
                     holder);
        tm_error_hint(err, "wait until it has ended, or stop it, or write to another path");
    } else {
        tm_error_set(err, TM_E_IN_USE,
                     "the output %s is being written by another run, or by another sink of this "
                     "job under another name",
                     output);
        tm_error_hint(err, "wait until that run has ended, or stop it, or write to another path");
    }
    return TM_E_IN_USE;
}

int tm__file_claim(const struct tm_fx *fx, const char *path, bool create, const char *output,
                   struct tm_error *err)
{
    int64_t holder = 0;
    int fd = fx->files->lock(fx->ctx, path, create, &holder, err);
    if (fd == TM_E_IN_USE)
        return taken(output, holder, err);
    if (fd < 0)
        tm_error_prefix(err, "the output %s", output);
    return fd;
}
