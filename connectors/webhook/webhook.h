// tm.webhook { ... }: rows as JSON in HTTP requests, as a sink.
#pragma once

#include "core/task/connector.h"

extern const struct tm_connector tm_connector_webhook;
