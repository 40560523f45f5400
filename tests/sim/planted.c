// The planted mistake.
#include "tests/sim/planted.h"

#include <string.h>

static enum tm_plant planted = TM_PLANT_COUNT;

const char *const sim_plant_names[TM_PLANT_COUNT] = {
#define TM_PLANT(name, what) #name,
#include "core/base/planted.def"
#undef TM_PLANT
};

const char *const sim_plant_told[TM_PLANT_COUNT] = {
#define TM_PLANT(name, what) what,
#include "core/base/planted.def"
#undef TM_PLANT
};

bool sim_plant(const char *name)
{
    planted = TM_PLANT_COUNT;
    for (int i = 0; i < TM_PLANT_COUNT; i++)
        if (strcmp(sim_plant_names[i], name) == 0) {
            planted = (enum tm_plant)i;
            return true;
        }
    return false;
}

const char *sim_planted(void)
{
    return planted == TM_PLANT_COUNT ? NULL : sim_plant_names[planted];
}

bool tm_is_planted(enum tm_plant plant)
{
    return plant == planted;
}
