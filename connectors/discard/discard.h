// tm.discard(): the sink that counts rows and drops them.
#pragma once

#include "core/task/connector.h"

extern const struct tm_connector tm_connector_discard;
