// References over row-major batches in memory (layout: core/batch/row.ffi.h): G1, a chain of five
// filters, maps and assigns; G2, a keyed count that gives a row per input; the same by key and map
// key; and a keyed count with a timer for each row. bench/drive feeds them the batches that the
// engine gets.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/batch/row.ffi.h"

// Rows that go in: user_id int, amount double, quantity int, country string, ts timestamp.
enum {
    REF_IN_USER = 16,
    REF_IN_AMOUNT = 24,
    REF_IN_QUANTITY = 32,
    REF_IN_COUNTRY = 40,
    REF_IN_TS = 48,
    REF_IN_FIXED = 56
};
// Rows of G1: user_id int, country string, total double, fee double, ts timestamp, net double.
enum {
    REF_G1_USER = 16,
    REF_G1_COUNTRY = 24,
    REF_G1_TOTAL = 32,
    REF_G1_FEE = 40,
    REF_G1_TS = 48,
    REF_G1_NET = 56,
    REF_G1_FIXED = 64
};
// Rows of G2: user_id int, n int.
enum { REF_G2_USER = 16, REF_G2_N = 24, REF_G2_FIXED = 32 };

struct ref_rows {
    uint8_t *data;
    size_t size_bytes;
    uint32_t row_count;
    uint32_t failed; // rows with a null that the job would stumble over
};

// `out->data` must hold the input and 16 bytes a row more.
void ref_g1(const uint8_t *in, size_t in_bytes, struct ref_rows *out);

struct ref_counts;
struct ref_counts *ref_counts_new(void); // NULL: out of memory
void ref_counts_free(struct ref_counts *counts);
// `out->data` must hold 32 bytes a row.
void ref_g2(struct ref_counts *counts, const uint8_t *in, size_t in_bytes, struct ref_rows *out);

// The same, by the layout of the engine's state (grouped.c).
struct ref_grouped;
struct ref_grouped *ref_grouped_new(void); // NULL: out of memory
void ref_grouped_free(struct ref_grouped *all);
void ref_grouped_count(struct ref_grouped *all, const uint8_t *in, size_t in_bytes,
                       struct ref_rows *out);

// Counts by two columns (keyed.c): by user_id, then quantity, or the other way round. Rows: the
// first of the two, n.
struct ref_pairs;
struct ref_pairs *ref_pairs_new(void); // NULL: out of memory
void ref_pairs_free(struct ref_pairs *pairs);
void ref_pairs_count(struct ref_pairs *pairs, uint32_t key, uint32_t map_key, const uint8_t *in,
                     size_t in_bytes, struct ref_rows *out);

// The same with a map for each of the first column's keys, as the engine has them (maps_layout.c).
struct ref_maps;
struct ref_maps *ref_maps_new(void); // NULL: out of memory
void ref_maps_free(struct ref_maps *maps);
void ref_maps_count(struct ref_maps *maps, uint32_t key, uint32_t map_key, const uint8_t *in,
                    size_t in_bytes, struct ref_rows *out);

// Counts by user_id, a row of each row, and a timer quantity seconds after it, which gives a row
// (user_id, n) again. A watermark takes all timers up to it, by time and key.
struct ref_alarms;
struct ref_alarms *ref_alarms_new(void); // NULL: out of memory
void ref_alarms_free(struct ref_alarms *alarms);
void ref_alarms_rows(struct ref_alarms *alarms, const uint8_t *in, size_t in_bytes,
                     struct ref_rows *out);
// `out->data` must hold 32 bytes a timer.
void ref_alarms_watermark(struct ref_alarms *alarms, int64_t watermark, struct ref_rows *out);
