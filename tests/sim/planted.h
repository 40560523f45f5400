// Which mistake is planted in this campaign.
#pragma once

#include "core/base/planted.h"

extern const char *const sim_plant_names[TM_PLANT_COUNT];
extern const char *const sim_plant_told[TM_PLANT_COUNT];

// False: there is no such name.
bool sim_plant(const char *name);
// The one that is planted; NULL: none.
const char *sim_planted(void);
