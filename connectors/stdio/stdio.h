// tm.stdin { ... } and tm.lines(): standard input as a source. tm.print(): standard output as a
// sink.
#pragma once

#include "core/task/connector.h"

extern const struct tm_connector tm_connector_stdin, tm_connector_print;
