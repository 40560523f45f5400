// What the files of the real effects share.
#pragma once

#include "core/base/effects.h"

extern const struct tm_fx_files tm__real_files;     // real_files.c
extern const struct tm_fx_threads tm__real_threads; // real_threads.c
