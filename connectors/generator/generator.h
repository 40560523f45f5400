// tm.generate { ... }: the source of made-up rows.
#pragma once

#include "core/task/connector.h"

extern const struct tm_connector tm_connector_generator;
