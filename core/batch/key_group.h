// Key groups and the ranges that subtasks own (SEMANTICS 13).
#pragma once

#include <stdint.h>

// clamp(nextPow2(p + p/2), 128, 32768)
uint32_t tm_key_group_default_max(uint32_t parallelism);
// Subtask that owns a key group: group * parallelism / max_parallelism.
uint32_t tm_key_group_owner(uint32_t key_group, uint32_t parallelism, uint32_t max_parallelism);
// First and last group of a subtask, inclusive.
void tm_key_group_range(uint32_t subtask, uint32_t parallelism, uint32_t max_parallelism,
                        uint32_t *first, uint32_t *last);
