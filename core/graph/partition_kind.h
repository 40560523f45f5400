// How rows of an edge are spread, for those who need nothing else of a graph.
#pragma once

#include "core/graph/graph.ffi.h"
