// tm.socket { ... }: records that come over TCP, as a source.
#pragma once

#include "core/task/connector.h"

extern const struct tm_connector tm_connector_socket;
