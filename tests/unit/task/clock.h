// A clock that stands still until a test moves it.
#pragma once

#include "core/base/effects.h"

static int64_t now_ns;

static int64_t fake_mono_ns(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static int64_t fake_wall_ms(void *ctx)
{
    (void)ctx;
    return now_ns / 1000000;
}

static const struct tm_fx_clock fake_clock = {
    .wall_ms = fake_wall_ms, .mono_ns = fake_mono_ns, .cpu_ns = fake_mono_ns};
