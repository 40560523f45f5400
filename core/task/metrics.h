// Counters of one operator in one subtask. Written by the task's thread, read by others (relaxed).
// The account of every operator: rows_in = used + filtered + late + skipped + dead_lettered, where
// `used` is counted on its own and not derived. Of a source, rows_in is records read. What fails
// without being a row of the input has counters of its own, whatever became of it.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "core/base/histogram.h"

struct tm_node_metrics {
    _Atomic uint64_t rows_in, rows_out, used, filtered, late, skipped, dead_lettered;
    // Timers whose function failed; firings of windows, and results of a key, that gave no row;
    // keys whose function of a pass over all keys failed.
    _Atomic uint64_t failed_timers, failed_firings, failed_keys;
    _Atomic uint64_t bytes_in, bytes_out; // of sources and sinks
    _Atomic uint64_t strange;  // records of a source with fields that its inferred schema lacks
    _Atomic int64_t watermark; // last one sent on; INT64_MIN: none
    _Atomic uint64_t busy_ns;  // time spent in this operator's steps
};

static inline void tm_metric_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}
