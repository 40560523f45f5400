// Watermarks and statuses of channels and splits.
#pragma once

#include <stdint.h>

enum tm_channel_status { TM_CHANNEL_ACTIVE, TM_CHANNEL_IDLE, TM_CHANNEL_FINISHED };

#define TM_WATERMARK_MIN INT64_MIN
#define TM_WATERMARK_MAX INT64_MAX
