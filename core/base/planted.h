// Mistakes on purpose: nothing but in the simulator's build of a file, where a campaign chooses one
// (tests/sim).
#pragma once

#include <stdbool.h>

enum tm_plant {
#define TM_PLANT(name, what) TM_PLANT_##name,
#include "core/base/planted.def"
#undef TM_PLANT
    TM_PLANT_COUNT
};

#ifdef TM_PLANTS
bool tm_is_planted(enum tm_plant plant);
#define TM_PLANTED(name) tm_is_planted(TM_PLANT_##name)
#else
#define TM_PLANTED(name) false
#endif
