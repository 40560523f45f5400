// How rows of an edge are spread over the consumer's subtasks.
#pragma once

enum tm_partition_kind { TM_PARTITION_FORWARD, TM_PARTITION_HASH, TM_PARTITION_REBALANCE };
