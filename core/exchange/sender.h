// The sender's insides, shared by its two files. Private to core/exchange.
#pragma once

#include "core/exchange/partition.h"

struct tm_hash_sender;

struct tm_sender {
    struct tm_mem *mem;
    enum tm_partition_kind kind;
    uint32_t count;
    uint32_t next;         // whole batches: the channel whose turn it is; copies: which comes next
    uint32_t control_next; // channels below it have the control element being sent
    uint32_t front_next;   // the same of a barrier that overtakes,
    uint64_t front_checkpoint;    // which is of this one
    struct tm_channel **channels; // by consumer subtask
    struct tm_hash_sender *hash;  // HASH and COLUMN to several consumers, else NULL
    struct tm_batch_pool *pool;   // BROADCAST to several consumers, else NULL
};

// Rows by key group owner, or by a column, into one part-filled batch per channel. `channels` must
// outlive it.
int tm__exchange_hash_new(const struct tm_sender_args *args, struct tm_channel **channels,
                          struct tm_hash_sender **hash) TM_WARN_UNUSED;
void tm__exchange_hash_free(struct tm_hash_sender *hash);
// Copy the batch's rows. TM_BLOCKED: progress is remembered, call again with the same batch.
int tm__exchange_hash_send(struct tm_hash_sender *hash, const struct tm_batch *batch,
                           int64_t now_ns) TM_WARN_UNUSED;
// Send the part-filled batch of one channel, if there is any. False: no credit.
bool tm__exchange_hash_flush_one(struct tm_hash_sender *hash, uint32_t channel);
int tm__exchange_hash_flush(struct tm_hash_sender *hash, int64_t now_ns, bool all) TM_WARN_UNUSED;
// The part-filled batches, each for its channel; and of a batch that was blocked the rows that are
// in none of them yet: *left, a copy of the batch, is cut down to these.
int tm__exchange_hash_each_part(const struct tm_hash_sender *hash, tm_sender_visit *visit,
                                void *arg) TM_WARN_UNUSED;
void tm__exchange_hash_left(const struct tm_hash_sender *hash, const struct tm_batch *batch,
                            struct tm_batch *left);
int64_t tm__exchange_hash_deadline_ns(const struct tm_hash_sender *hash);
