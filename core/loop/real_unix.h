// Addresses of Unix sockets, which the system lets have 107 bytes: a longer path is reached by way
// of an open descriptor of its folder. Private to core/loop.
#pragma once

#include <sys/un.h>

#include "core/base/error.h"

enum { TM__UNIX_PATH = 4200 };

struct tm__unix_address {
    struct sockaddr_un address;
    int folder; // open while the address is used; -1: the path is short
};

int tm__unix_open(struct tm__unix_address *address, const char *path,
                  struct tm_error *err) TM_WARN_UNUSED;
void tm__unix_close(struct tm__unix_address *address);
