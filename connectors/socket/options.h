// The options of tm.socket, typed and checked.
#pragma once

#include "core/task/connector.h"

struct tm__socket_options {
    const struct tm_fx *fx;
    struct tm_mem *mem;
    struct tm_options values; // owns the texts
    const char *host;
    uint16_t port;
    bool listen, reconnect, expose;
    int64_t connect_timeout_ms;
    uint64_t max_record;
    // When listening: made before the tasks start, so that a port that is taken is an error of the
    // job.
    struct tm_socket *listener;
    char listening_on[TM_ADDRESS_TEXT];
};

extern const struct tm_option_def tm__socket_option_defs[];

int tm__socket_options_read(struct tm__socket_options *options, struct tm_mem *mem,
                            const struct tm_node *node, struct tm_error *err) TM_WARN_UNUSED;
void tm__socket_options_fini(struct tm__socket_options *options);
